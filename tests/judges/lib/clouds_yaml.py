"""openstacksdk and whimbrel read the same files and variables, and log in to the same Keystone.

What each makes of a cloud is compared field by field; what each sends to log in is compared whole,
secrets by their digests. A difference must be listed, with its reason, in `clouds_cases.DIFFERENCES`.
"""

import hashlib
import importlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import traceback

import keystoneauth1.exceptions
# Loaded once; children reload only what looks at the environment while it is imported.
import openstack.config.loader

from clouds_cases import CASES, DIFFERENCES
from fake_keystone import FakeKeystone
from judge import Judge

SERVICES = ["compute", "image", "network", "placement", "identity"]
SECRETS = {"password", "secret"}
DOTS = "•••"

judge = Judge()


def digest(value):
    """What stands for a secret; its type counts."""
    return "secret " + hashlib.sha256(repr(value).encode()).hexdigest()[:12]


def without_secrets(node, key=""):
    """A login's body with a digest for each secret. A password's object is called `password` too."""
    if isinstance(node, dict):
        inside = key == "token"
        return {name: digest(value) if inside and name == "id" else without_secrets(value, name)
                for name, value in node.items()}
    if isinstance(node, list):
        return [without_secrets(item) for item in node]
    return digest(node) if key in SECRETS else node


def login(logins):
    """The login that was sent, if any: path and body."""
    if not logins:
        return None
    path, body = logins[-1]
    return {"path": path, "body": without_secrets(body)}


def plain_interfaces(value):
    """Interfaces as a list, in their short form."""
    values = value if isinstance(value, list) else str(value).split(",")
    return [one.strip().removesuffix("URL") for one in values]


def seconds(value):
    """A time limit as a number; none is none."""
    return None if value in (None, "") else float(value)


class Place:
    """The folders and variables of a case."""

    def __init__(self, case, folder, keystone):
        self.case, self.folder = case, folder
        self.auth_url = f"{keystone.address}/{hashlib.sha256(case.name.encode()).hexdigest()[:8]}/v3"
        for sub in ["work", "home"]:
            os.makedirs(os.path.join(folder, sub))
        for path, text in case.files.items():
            path = os.path.join(folder, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.filled(text))
        # The site's own folder is out of a case's hands unless it says so.
        self.environment = {"HOME": os.path.join(folder, "home"),
                            "XDG_CONFIG_DIRS": os.path.join(folder, "nowhere"),
                            **{name: self.filled(value) for name, value in case.env.items()}}
        self.cwd = os.path.join(folder, "work")

    def filled(self, text):
        """A text with the case's own address and folder in it."""
        root = self.auth_url.removesuffix("/v3")
        return text.replace("@URL@", self.auth_url).replace("@ROOT@", root).replace("@T@", self.folder)


def of_sdk(place):
    """What openstacksdk makes of the cloud, found out in a process of its own."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            with os.fdopen(writer, "w") as pipe:
                json.dump(sdk_reads(place), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"error": "the process died"}


def sdk_reads(place):
    """In the child: the environment is the case's before the loader looks at it."""
    logging.disable(logging.CRITICAL)
    os.environ.clear()
    os.environ.update(place.environment)
    os.chdir(place.cwd)
    try:
        loader = importlib.reload(openstack.config.loader)
        region = loader.OpenStackConfig().get_one(place.case.cloud)
        if place.case.logs_in:
            try:
                region.get_session().get_token()
            except keystoneauth1.exceptions.Unauthorized:
                pass
        return sdk_fields(region)
    except Exception as error:  # pylint: disable=broad-except
        return {"error": traceback.format_exception_only(error)[-1].strip()}


def sdk_fields(region):
    """The fields that are compared."""
    verify, cert = region.get_requests_verify_args()
    cert, key = cert if isinstance(cert, tuple) else (cert, None)
    config = region.config
    return {
        "auth_type": config["auth_type"],
        "auth_url": region.get_auth_args().get("auth_url"),
        "region": {service: region.get_region_name(service) or None for service in SERVICES},
        "interfaces": {service: plain_interfaces(region.get_interface(service)) for service in SERVICES},
        "overrides": {service: config.get(f"{service}_endpoint_override") or config.get(f"{service}_endpoint")
                      for service in SERVICES},
        "tls": [verify if isinstance(verify, bool) else True,
                verify if isinstance(verify, str) else None, cert, key],
        "api_timeout": seconds(config.get("api_timeout")),
    }


def whimbrel(place, *arguments):
    """A command's exit code and what it says."""
    command = [os.environ["WHIMBREL_BIN"], *arguments]
    ended = subprocess.run(command, cwd=place.cwd, env=place.environment, capture_output=True,
                           text=True, timeout=60, check=False)
    for secret in place.case.secrets:
        assert secret not in ended.stdout + ended.stderr, f"{arguments[0]} prints a secret"
    return ended


def of_whimbrel(place):
    """What whimbrel makes of the cloud; logs in where the case says so."""
    ended = whimbrel(place, "config", "--cloud", place.case.cloud, "--format", "json")
    if ended.returncode != 0:
        assert ended.returncode == 2, f"exit code {ended.returncode}: {ended.stderr}"
        return {"error": ended.stderr.strip()}
    cloud = json.loads(ended.stdout)["clouds"][0]
    values = {line["key"]: line["value"] for line in cloud["values"]}
    for key, value in values.items():
        hidden = key.rsplit(".", maxsplit=1)[-1] in {"password", "token", "application_credential_secret"}
        assert (value == DOTS) == hidden, f"{key} is not shown as it should be"
    if place.case.logs_in:
        ended = whimbrel(place, "run", "--cloud", place.case.cloud)
        assert ended.returncode == 3, f"exit code {ended.returncode}: {ended.stderr}"
    return {**fields(values), "warnings": cloud["warnings"]}


def fields(values):
    """The fields that are compared."""
    every = lambda what: {  # noqa: E731
        service: values.get(f"{service}_{what}") or values.get(what) or None for service in SERVICES}
    return {
        "auth_type": values["auth_type"],
        "auth_url": values["auth.auth_url"],
        "region": every("region_name"),
        "interfaces": {service: text.split(",") for service, text in every("interface").items()},
        "overrides": {service: values.get(f"{service}_endpoint_override") for service in SERVICES},
        "tls": [values["verify"] == "true", values.get("cacert"), values.get("cert"), values.get("key")],
        "api_timeout": seconds(values.get("api_timeout")),
    }


def same(field, ours, theirs):
    """Whether both mean the same; two spellings of one thing are the same."""
    if field == "auth_type":
        return ours.removeprefix("v3") == theirs.removeprefix("v3")
    if field == "auth_url":
        return ours.rstrip("/") == theirs.rstrip("/")
    if field == "overrides":
        return all((ours[service] or "").rstrip("/") == (theirs[service] or "").rstrip("/")
                   for service in SERVICES)
    return ours == theirs


def differing(ours, theirs):
    """The fields that differ, each with both sides. Errors on both sides are the same."""
    if "error" in ours or "error" in theirs:
        if "error" in ours and "error" in theirs:
            return {}
        return {"error": (ours.get("error", "none"), theirs.get("error", "none"))}
    return {field: (ours[field], theirs[field]) for field in theirs
            if not same(field, ours[field], theirs[field])}


def compare(case, keystone):
    """One case: what differs must be listed, and what is listed must differ."""
    with tempfile.TemporaryDirectory(prefix="whimbrel-judge-") as folder:
        place = Place(case, os.path.realpath(folder), keystone)
        keystone.taken()
        theirs = of_sdk(place)
        sent = login(keystone.taken())
        if case.logs_in and "error" not in theirs:
            theirs["login"] = sent
        ours = of_whimbrel(place)
        sent = login(keystone.taken())
        if case.logs_in and "error" not in ours:
            ours["login"] = sent
    found = differing(ours, theirs)
    listed = DIFFERENCES.get(case.name, {})
    unlisted = [f"{field}: whimbrel {found[field][0]!r}, openstacksdk {found[field][1]!r}"
                for field in found if field not in listed]
    unlisted += [f"{field}: is listed as different, and is the same" for field in listed if field not in found]
    assert not unlisted, "\n".join(unlisted)
    if any("with a warning" in reason for reason in listed.values()):
        assert any("is not quoted" in line for line in ours["warnings"]), f"no warning: {ours['warnings']}"


def main():
    """All cases."""
    unknown = set(DIFFERENCES) - {case.name for case in CASES}
    with judge.check(f"{len(CASES)} cases, and a difference is listed only for one of them"):
        assert not unknown, f"there are no cases {unknown}"
        assert len({case.name for case in CASES}) == len(CASES), "two cases have one name"
    with FakeKeystone() as keystone:
        for case in CASES:
            with judge.check(case.name):
                compare(case, keystone)
            for field, reason in DIFFERENCES.get(case.name, {}).items():
                print(f"      differs in {field}: {reason}", flush=True)
    judge.end()


if __name__ == "__main__":
    main()
