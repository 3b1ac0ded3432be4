"""Files and variables that describe clouds, and where whimbrel means to differ from openstacksdk.

`@URL@` is the address of a Keystone, `@ROOT@` the same without its version, `@T@` the case's folder: commands run in `work`, `home` is at home.
"""

import dataclasses
import json

AUTH = {
    "auth_url": "@URL@",
    "username": "me",
    "password": "pw-of-the-entry",
    "project_name": "mine",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}
VARIABLES = {f"OS_{key.upper()}": value for key, value in AUTH.items()}


@dataclasses.dataclass
class Case:
    """One cloud to be read by both."""

    name: str
    files: dict
    env: dict = dataclasses.field(default_factory=dict)
    cloud: str = "lab"
    logs_in: bool = True
    secrets: tuple = ("pw-of-the-entry",)


def entry(*top, auth=None, drop=(), name="lab"):
    """A file with one cloud: lines of YAML as they are given, values unquoted as they are given."""
    lines = {key: value for key, value in {**AUTH, **(auth or {})}.items() if key not in drop}
    text = "".join(f"      {key}: {value}\n" for key, value in lines.items())
    text = f"clouds:\n  {name}:\n" + (f"    auth:\n{text}" if text else "")
    return text + "".join(f"    {line}\n" for line in top)


def lab(name, *top, auth=None, drop=(), env=None, logs_in=True, secrets=("pw-of-the-entry",)):
    """A case with nothing but a `clouds.yaml` in the working folder."""
    files = {"work/clouds.yaml": entry(*top, auth=auth, drop=drop)}
    return Case(name, files, env or {}, logs_in=logs_in, secrets=secrets)


def password(name, written, secret=None):
    """A case whose password is written so; `secret` if it is long enough to be looked for in output."""
    return lab(f"password {name}", auth={"password": written}, secrets=(secret,) if secret else ())


def envvars(name, drop=(), **variables):
    """A case of the cloud that is made of OS_* variables."""
    env = {key: value for key, value in {**VARIABLES, **variables}.items() if key not in drop}
    return Case(name, {}, env, cloud="envvars")


FAR = entry(auth={"username": "far"})
SCOPE = ("project_name", "project_domain_name")
USER = ("username", "password", "user_domain_name")

FILES = [
    Case("the file in the working folder goes before the one at home",
         {"work/clouds.yaml": entry(), "home/.config/openstack/clouds.yaml": FAR}),
    Case("the file at home is found", {"home/.config/openstack/clouds.yaml": FAR}),
    Case("XDG_CONFIG_HOME goes before ~/.config",
         {"xdg/openstack/clouds.yaml": entry(), "home/.config/openstack/clouds.yaml": FAR},
         {"XDG_CONFIG_HOME": "@T@/xdg"}),
    Case("the site's folder comes last", {"site/openstack/clouds.yaml": FAR},
         {"XDG_CONFIG_DIRS": "@T@/site"}),
    Case(".yaml goes before .yml and that before .json", {
        "work/clouds.yml": entry(),
        "work/clouds.json": json.dumps({"clouds": {"lab": {"auth": {**AUTH, "username": "json"}}}}),
    }),
    Case("JSON is read", {
        "work/clouds.json": json.dumps({"clouds": {"lab": {"auth": {**AUTH, "project_name": "ünï"},
                                                           "verify": False, "api_timeout": 12}}}),
    }),
    Case("files of different folders are not mixed",
         {"work/clouds.yaml": entry(name="other"), "home/.config/openstack/clouds.yaml": FAR}),
    Case("OS_CLIENT_CONFIG_FILE goes before all folders",
         {"work/clouds.yaml": FAR, "elsewhere/mine.yaml": entry()},
         {"OS_CLIENT_CONFIG_FILE": "@T@/elsewhere/mine.yaml"}),
    Case("a relative OS_CLIENT_CONFIG_FILE is relative to the working folder",
         {"work/clouds.yaml": FAR, "work/conf/mine.yaml": entry()},
         {"OS_CLIENT_CONFIG_FILE": "conf/mine.yaml"}),
    Case("OS_CLIENT_CONFIG_FILE names a file that is not there", {"work/clouds.yaml": entry()},
         {"OS_CLIENT_CONFIG_FILE": "@T@/gone.yaml"}),
    Case("an empty file describes no cloud", {"work/clouds.yaml": ""}),
    Case("an empty file hides those of other folders",
         {"work/clouds.yaml": "", "home/.config/openstack/clouds.yaml": FAR}),
    Case("a file that is no YAML", {"work/clouds.yaml": "clouds:\n  lab: {auth: [\n",
                                    "home/.config/openstack/clouds.yaml": FAR}),
    Case("a file that is a list", {"work/clouds.yaml": "- lab\n"}),
    Case("a file with two documents", {"work/clouds.yaml": entry() + "---\n" + entry()}),
    Case("a key that is there twice", {"work/clouds.yaml": entry("region_name: one", "region_name: two")}),
    Case("line ends of another system", {"work/clouds.yaml": entry("region_name: one").replace("\n", "\r\n")}),
    Case("a byte order mark", {"work/clouds.yaml": "\ufeff" + entry()}),
    Case("comments", {"work/clouds.yaml": "# clouds\n" + entry("interface: internal # inside",
                                                               "region_name: one#of-two")}),
    Case("an unknown cloud", {"work/clouds.yaml": entry(name="other")}),
    Case("an entry without keys", {"work/clouds.yaml": "clouds:\n  lab: {}\n"}),
    Case("secure.yaml brings the password", {
        "work/clouds.yaml": entry(drop=["password"]),
        "work/secure.yaml": "clouds: {lab: {auth: {password: pw-of-the-entry}}}\n",
    }),
    Case("secure.yaml may lie in another folder than clouds.yaml", {
        "work/clouds.yaml": entry(drop=["password"]),
        "home/.config/openstack/secure.yaml": "clouds: {lab: {auth: {password: pw-of-the-entry}}}\n",
    }),
    Case("secure.yaml wins over clouds.yaml", {
        "work/clouds.yaml": entry("region_name: one"),
        "work/secure.yaml": "clouds: {lab: {auth: {username: safe}, region_name: two}}\n",
    }),
    Case("OS_CLIENT_SECURE_FILE goes before all folders", {
        "work/clouds.yaml": entry(drop=["password"]),
        "work/secure.yaml": "clouds: {lab: {auth: {password: wrong}}}\n",
        "elsewhere/safe.yaml": "clouds: {lab: {auth: {password: pw-of-the-entry}}}\n",
    }, {"OS_CLIENT_SECURE_FILE": "@T@/elsewhere/safe.yaml"}),
    Case("anchors and merge keys", {"work/clouds.yaml": """
base: &base
  auth: &auth {auth_url: '@URL@', username: base, password: pw-of-the-entry, user_domain_name: Default}
  region_name: one
clouds:
  lab:
    <<: *base
    auth: {<<: *auth, username: me, project_id: p1}
    region_name: two
"""}),
    Case("a merge key with a list", {"work/clouds.yaml": """
a: &a {region_name: one, interface: admin}
b: &b {region_name: two, api_timeout: 9}
clouds:
  lab:
    <<: [*a, *b]
    auth: {auth_url: '@URL@', username: me, password: pw-of-the-entry, user_domain_id: default}
"""}),
]

PROFILE = """
public-clouds:
  vendor:
    auth:
      auth_url: '@URL@'
      username: of-the-vendor
      project_domain_name: Vendors
    region_name: vendor-one
    interface: internal
"""

PROFILES = [
    Case("a profile lies under the entry",
         {"work/clouds.yaml": entry("profile: vendor", drop=["auth_url", "project_domain_name"]),
          "work/clouds-public.yaml": PROFILE}),
    Case("a profile by its old key", {"work/clouds.yaml": entry("cloud: vendor", drop=["auth_url"]),
                                      "work/clouds-public.yaml": PROFILE}),
    Case("a profile with regions", {
        "work/clouds.yaml": entry("profile: vendor", drop=["auth_url"]),
        "work/clouds-public.yaml":
            "public-clouds: {vendor: {auth: {auth_url: '@URL@'}, regions: [first, second]}}\n",
    }),
    Case("an entry's region goes before the profile's regions", {
        "work/clouds.yaml": entry("profile: vendor", "region_name: second", drop=["auth_url"]),
        "work/clouds-public.yaml":
            "public-clouds: {vendor: {auth: {auth_url: '@URL@'}, regions: [first, second]}}\n",
    }),
    Case("a profile that no file has", {"work/clouds.yaml": entry("profile: nobody")}),
    Case("a profile that is built into openstacksdk",
         {"work/clouds.yaml": entry("profile: switchengines")}),
    Case("a profile by a variable",
         {"work/clouds-public.yaml": PROFILE}, {
             **{name: value for name, value in VARIABLES.items() if name != "OS_AUTH_URL"},
             "OS_PROFILE": "vendor"}, cloud="envvars"),
    Case("a profile that is turned off", {"work/clouds.yaml": entry("profile: ~"),
                                          "work/clouds-public.yaml": PROFILE}),
    Case("a profile with endpoint_type under an entry with interface", {
        "work/clouds.yaml": entry("profile: vendor", "interface: public", drop=["auth_url"]),
        "work/clouds-public.yaml":
            "public-clouds: {vendor: {auth: {auth_url: '@URL@'}, endpoint_type: admin}}\n",
    }),
    Case("braces in auth_url", {
        "work/clouds.yaml": entry("profile: vendor", "region_name: r1", drop=["auth_url"]),
        "work/clouds-public.yaml":
            "public-clouds: {vendor: {auth: {auth_url: '@URL@/{region_name}/v3'}}}\n",
    }),
    lab("braces in an endpoint", "region_name: r1",
        "compute_endpoint_override: 'http://{region_name}.example/v2.1'"),
    lab("braces in auth_url for what is not there", auth={"auth_url": "'@URL@/{region}/v3'"}),
]

VARIABLE_CASES = [
    envvars("the variables are a cloud", OS_REGION_NAME="one"),
    envvars("the variables' cloud has another name", OS_CLOUD_NAME="envvars", OS_INTERFACE="internal"),
    lab("variables do not change a cloud that is named", env={
        **VARIABLES, "OS_USERNAME": "other", "OS_REGION_NAME": "other", "OS_CLOUD": "other"}),
    lab("variables that only choose make no cloud", env={
        "OS_CLOUD": "other", "OS_REGION_NAME": "one", "OS_TEST_PATH": "x", "OS_STDOUT_CAPTURE": "1",
        "OS_LOG_CAPTURE": "1"}),
    Case("no variable is set", {"work/clouds.yaml": entry()}, {"OS_CLOUD": "lab"}, cloud="envvars"),
    envvars("old names of variables", drop=["OS_PROJECT_NAME"], OS_TENANT_NAME="old",
            OS_ENDPOINT_TYPE="internalURL", OS_AUTH_PLUGIN="v3password"),
    envvars("an empty variable", OS_PROJECT_ID="", OS_REGION_NAME=""),
    envvars("a password of digits in a variable", OS_PASSWORD="00123"),
    envvars("a variable with braces", OS_PASSWORD="pw-{region_name}"),
    envvars("truth in variables", OS_INSECURE="true", OS_API_TIMEOUT="7"),
    envvars("OS_VERIFY=false", OS_VERIFY="false"),
    envvars("OS_INSECURE=yes", OS_INSECURE="yes"),
    envvars("dashes and overrides in variables", OS_COMPUTE_ENDPOINT_OVERRIDE="http://c.example/v2.1",
            OS_COMPUTE_INTERFACE="admin"),
    Case("a file has a cloud of the variables' name", {"work/clouds.yaml": entry(name="envvars")},
         VARIABLES, cloud="envvars"),
    envvars("OS_USER_ID and OS_PROJECT_ID", drop=["OS_USERNAME", "OS_PROJECT_NAME"],
            OS_USER_ID="u1", OS_PROJECT_ID="p1"),
]

REGIONS = [
    lab("a region", "region_name: one"),
    lab("regions: the first counts", "regions: [one, two]"),
    lab("regions with values", "regions:", "- name: one",
        "  values: {auth: {project_name: theirs}, interface: internal, api_timeout: 3}", "- two"),
    lab("region_name with commas", "region_name: one,two"),
    lab("region_name as a list", "region_name: [one, two]"),
    lab("regions and region_name", "region_name: two", "regions: [one, two]"),
    lab("a region that looks like a number", "region_name: 01"),
    lab("a region that looks like an octal number", "regions: [017]"),
    lab("a region without a name", "regions: [{values: {}}]"),
]

ENDPOINTS = [
    lab("an interface", "interface: internal"),
    lab("interfaces in order", "interface: [internal, public]"),
    lab("endpoint_type", "endpoint_type: adminURL"),
    lab("endpoint_type and interface", "endpoint_type: adminURL", "interface: internal"),
    lab("interface and region of a service", "compute_interface: admin", "image_region_name: two",
        "network_endpoint_type: internalURL"),
    lab("an endpoint of a service", "compute_endpoint_override: http://c.example/v2.1/",
        "image_endpoint: http://i.example"),
    lab("an endpoint that is no address", "compute_endpoint_override: compute.example"),
    lab("keys with dashes", "region-name: one", "compute-endpoint-override: http://c.example/v2.1"),
    lab("an interface that does not exist", "interface: pubic"),
]

CONNECTION = [
    lab("verify: no", "verify: no", logs_in=False),
    lab("verify: 'false'", "verify: 'false'", logs_in=False),
    lab("cacert at home", "cacert: ~/ca.pem", logs_in=False),
    lab("cacert is relative to the working folder", "cacert: conf/ca.pem", logs_in=False),
    lab("cacert without verify", "verify: false", "cacert: /etc/ca.pem", logs_in=False),
    lab("insecure beats verify", "insecure: true", "verify: true", logs_in=False),
    lab("insecure: 'yes'", "insecure: 'yes'", logs_in=False),
    lab("cert and key", "cert: ~/me.pem", "key: me.key", logs_in=False),
    lab("cert alone", "cert: /etc/me.pem", logs_in=False),
    lab("key alone", "key: /etc/me.key", logs_in=False),
    lab("api_timeout", "api_timeout: 2.5"),
    lab("a timeout of a service counts for all", "compute_timeout: 7", "api_timeout: 3"),
    lab("api_timeout that is no number", "api_timeout: soon"),
]

WHO = [
    lab("v3password", "auth_type: v3password"),
    lab("auth_plugin", "auth_plugin: token", auth={"token": "tk-of-the-entry"}, drop=USER,
        secrets=("tk-of-the-entry",)),
    lab("auth_plugin and auth_type", "auth_plugin: v3psychic", "auth_type: v3password"),
    lab("domain_id at the top without a project", "domain_id: d1", drop=SCOPE),
    lab("system_scope at the top", "system_scope: all", drop=SCOPE),
    lab("a password at the top and in auth", "password: pw-at-the-top"),
    lab("project_domain_id without a project", auth={"project_domain_id": "pd"}, drop=SCOPE),
    Case("auth is empty", {"work/clouds.yaml": "clouds:\n  lab:\n    auth:\n"}),
    lab("user_id needs no domain", auth={"user_id": "u1"}, drop=["username", "user_domain_name"]),
    lab("domains by id", auth={"user_domain_id": "default", "project_domain_id": "pd"},
        drop=["user_domain_name", "project_domain_name"]),
    lab("a domain's id goes before its name", auth={"user_domain_id": "ud"}),
    lab("one domain for user and project", auth={"domain_name": "Both"},
        drop=["user_domain_name", "project_domain_name"]),
    lab("one domain, and another for the user", auth={"domain_id": "both", "user_domain_id": "own"},
        drop=["user_domain_name", "project_domain_name"]),
    lab("default_domain_id", auth={"default_domain_id": "default"},
        drop=["user_domain_name", "project_domain_name"]),
    lab("domains at the top", "user_domain_id: ud", "project_domain_id: pd",
        drop=["user_domain_name", "project_domain_name"]),
    lab("a user without a domain", drop=["user_domain_name", "project_domain_name"]),
    lab("no username", drop=["username"]),
    lab("no password", drop=["password"]),
    lab("no auth_url", drop=["auth_url"]),
    lab("an unversioned auth_url", auth={"auth_url": "@ROOT@"}),
    lab("tenant names", auth={"tenant_name": "old"}, drop=["project_name"]),
    lab("tenant-name and project_name", auth={"tenant-name": "old"}),
    Case("everything at the top", {"work/clouds.yaml": "clouds:\n  lab:\n" + "".join(
        f"    {key}: {value}\n" for key, value in AUTH.items())}),
    lab("at the top a project wins, a user does not", "project_name: top", "username: top"),
    lab("keys of auth with dashes", auth={"user-domain-name": "Dash"}, drop=["user_domain_name"]),
    lab("an unscoped login", drop=SCOPE),
    lab("a domain's scope", auth={"domain_id": "d1"}, drop=SCOPE),
    lab("the system's scope", auth={"system_scope": "all"}, drop=SCOPE),
    lab("a project and the system", auth={"system_scope": "all"}),
    lab("project_id and project_name", auth={"project_id": "p1"}),
    lab("a trust", auth={"trust_id": "t1"}, drop=SCOPE),
    lab("a trust in v3password", "auth_type: v3password", auth={"trust_id": "t1"}, drop=SCOPE),
    lab("a token", "auth_type: token", auth={"token": "tk-of-the-entry"}, drop=USER,
        secrets=("tk-of-the-entry",)),
    lab("v3token", "auth_type: v3token", auth={"token": "tk-of-the-entry", "project_id": "p1"},
        drop=USER + SCOPE, secrets=("tk-of-the-entry",)),
    lab("auth_token", "auth_type: token", "auth_token: tk-of-the-entry", drop=USER,
        secrets=("tk-of-the-entry",)),
    lab("an application credential by id", "auth_type: v3applicationcredential",
        auth={"application_credential_id": "ac", "application_credential_secret": "ac-of-the-entry"},
        drop=USER + SCOPE, secrets=("ac-of-the-entry",)),
    lab("an application credential by name", "auth_type: v3applicationcredential",
        auth={"application_credential_name": "ac", "application_credential_secret": "ac-of-the-entry"},
        drop=("password", *SCOPE), secrets=("ac-of-the-entry",)),
    lab("an application credential and a project", "auth_type: v3applicationcredential",
        auth={"application_credential_id": "ac", "application_credential_secret": "ac-of-the-entry"},
        drop=USER, secrets=("ac-of-the-entry",)),
    lab("an application credential without auth_type",
        auth={"application_credential_id": "ac", "application_credential_secret": "ac-of-the-entry"},
        drop=USER + SCOPE, secrets=("ac-of-the-entry",)),
    lab("an unknown auth_type", "auth_type: v3psychic"),
    lab("v3totp", "auth_type: v3totp", auth={"passcode": "123456"}, drop=["password"], secrets=()),
]

PASSWORDS = [
    password("1e5", "1e5"),
    password("1e5 in quotes", "'1e5'"),
    password("1.0e+5", "1.0e+5"),
    password("yes", "yes"),
    password("0123", "0123"),
    password("089", "089"),
    password("0x1F", "0x1F"),
    password("1_000", "1_000"),
    password("12:30:45", "12:30:45"),
    password("2026-11-23", "2026-11-23"),
    password("null", "~"),
    password("123456", "123456"),
    password("with unicode", "pässwörd-Ω-🐦", "pässwörd-Ω-🐦"),
    password("with an escape", '"tab\\there-and-\\u00e9"', "here-and-é"),
    password("with a quote in single quotes", "'it''s-a-secret'", "it's-a-secret"),
    password("with braces", "'{region_name}-secret'", "{region_name}-secret"),
    password("with a hash sign", "se#cret#long", "se#cret#long"),
    password("tagged as a text", "!!str 00123"),
    password("over two lines", "|-\n        two\n        lines-of-it", "lines-of-it"),
    password("folded", ">-\n        two\n        words-of-it", "words-of-it"),
    password("with a percent sign and an at", "'p%40ss@word'", "p%40ss@word"),
]

CASES = [*FILES, *PROFILES, *VARIABLE_CASES, *REGIONS, *ENDPOINTS, *CONNECTION, *WHO, *PASSWORDS]

_READ_AS_TEXT = {"login": "YAML 1.1 takes it for something else, and openstacksdk sends that or its Python form; "
                          "here what was written is sent, with a warning"}
_STRICT = "openstacksdk goes on to the next file without a word that a user sees; here it is an error"
_TRUTH = "openstacksdk takes a text other than `true` for false without a word; here it is an error"
_VERIFY = "openstacksdk takes the text `false` for the name of a file of certificates; here it is false"
_REGION = {"region": "YAML 1.1 takes it for a number; here it stays what was written, with a warning"}

# By case and field, with the reason. Nothing else may differ.
DIFFERENCES = {
    "OS_CLIENT_CONFIG_FILE names a file that is not there": {"error": _STRICT},
    "a file that is no YAML": {"error": _STRICT},
    "a profile that is built into openstacksdk": {
        "region": "the vendors built into openstacksdk are not known here, which a warning says"},
    "a profile by a variable": {
        "interfaces": "openstacksdk gives the variables' cloud its defaults, which hide the profile's interface"},
    "OS_VERIFY=false": {"tls": _VERIFY},
    "verify: 'false'": {"tls": _VERIFY},
    "OS_INSECURE=yes": {"error": _TRUTH},
    "insecure: 'yes'": {"error": _TRUTH},
    "a region that looks like a number": _REGION,
    "a region that looks like an octal number": _REGION,
    "an interface that does not exist": {
        "error": "openstacksdk finds no endpoint later; here it is an error that says what there is"},
    "an endpoint that is no address": {
        "error": "openstacksdk fails at the first request; here it is an error that names the line"},
    "key alone": {"error": "openstacksdk ignores a key without a certificate; here it is an error"},
    "auth_plugin": {
        "error": "in openstacksdk the default of auth_type wins over the old key, which so never counts"},
    "a user without a domain": {
        "error": "openstacksdk sends a login that Keystone v3 can only refuse; here it is an error"},
    "no username": {
        "error": "openstacksdk sends a login of nobody, which Keystone can only refuse; here it is an error"},
    "an application credential and a project": {
        "login": "Keystone refuses every scope with an application credential, so none is sent"},
    "v3totp": {"error": "one-time codes are not supported: a run logs in again when its token ends"},
    "password 1.0e+5": _READ_AS_TEXT,
    "password yes": _READ_AS_TEXT,
    "password 0123": _READ_AS_TEXT,
    "password 0x1F": _READ_AS_TEXT,
    "password 1_000": _READ_AS_TEXT,
    "password 12:30:45": _READ_AS_TEXT,
    "password 2026-11-23": {
        "error": "openstacksdk can't send a date; here what was written is sent, with a warning"},
}
