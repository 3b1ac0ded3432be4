"""Tempest's compute tests against the embedded cloud, with pre-provisioned accounts.

`tempest.list` says of each test of `tempest.api.compute` whether it must pass, skips or is not run,
and why. A test that the list does not know fails, so that nothing is left out unseen; so does one
that skips or passes and is listed otherwise.
"""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import subunit
import tempest
import testtools

from judge import Cloud, Judge

HERE = os.path.dirname(os.path.abspath(__file__))
TEMPEST = os.path.dirname(tempest.__file__)
WORKERS = 2
PREFIX = "tempest.api.compute."
STESTR = ["/usr/bin/python3", "-s", "/usr/bin/stestr"]


class Api:
    """What of the cloud goes into tempest.conf is asked of the cloud itself."""

    def __init__(self, cloud):
        self.account = cloud.account("whimbrel-admin")
        domain = {"name": "Default"}
        user = {"name": self.account["username"], "password": self.account["password"],
                "domain": domain}
        scope = {"project": {"name": self.account["project_name"], "domain": domain}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}},
                         "scope": scope}}
        with self._open(self.account["auth_url"] + "/auth/tokens", body) as answer:
            self.token = answer.headers["X-Subject-Token"]
            services = json.load(answer)["token"]["catalog"]
        self.urls = {service["type"]: service["endpoints"][0]["url"] for service in services}

    def _open(self, url, body=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **(headers or {})}
        return urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10)

    def list(self, service, path):
        """The one list of an answer."""
        with self._open(self.urls[service] + path, headers={"X-Auth-Token": self.token}) as answer:
            return next(value for value in json.load(answer).values() if isinstance(value, list))


def configure(cloud, accounts):
    """Writes tempest.conf and .stestr.conf into the cloud's folder."""
    api = Api(cloud)
    by_name = {image["name"]: image["id"] for image in api.list("image", "/v2/images?status=active")}
    flavors = api.list("compute", "/flavors")
    hosts = [service for service in api.list("compute", "/os-services?binary=nova-compute")
             if service["state"] == "up"]
    networks = api.list("network", "/v2.0/networks")
    shared = [network for network in networks if network["shared"]][0]
    extensions = api.list("network", "/v2.0/extensions")
    account = api.account
    no, yes = "false", "true"
    sections = {
        "DEFAULT": {"log_dir": cloud.folder, "log_file": "tempest.log", "use_stderr": no},
        "oslo_concurrency": {"lock_path": os.path.join(cloud.folder, "locks")},
        "auth": {
            "use_dynamic_credentials": no, "test_accounts_file": accounts,
            "create_isolated_networks": no, "admin_username": account["username"],
            "admin_password": account["password"], "admin_project_name": account["project_name"],
            "admin_domain_name": "Default",
        },
        "identity": {"uri_v3": account["auth_url"], "auth_version": "v3", "region": "RegionOne"},
        "service_available": {"cinder": no, "swift": no, "glance": yes, "nova": yes,
                              "neutron": yes, "horizon": no},
        "compute": {
            "image_ref": by_name["guest-minimal"], "image_ref_alt": by_name["guest-minimal-alt"],
            "flavor_ref": flavors[0]["id"], "flavor_ref_alt": flavors[1]["id"],
            "min_compute_nodes": str(len(hosts)), "min_microversion": "2.1",
            "max_microversion": "latest", "fixed_network_name": shared["name"],
            # Whole seconds, and the cloud is faster than any of them.
            "build_interval": "0", "build_timeout": "30", "ready_wait": "0",
        },
        "compute-feature-enabled": {
            "live_migration": yes, "block_migration_for_live_migration": yes,
            "live_migrate_back_and_forth": yes, "pause": yes, "suspend": yes,
            "cold_migration": no, "resize": no, "shelve": no, "rescue": no, "snapshot": no,
            "change_password": no, "console_output": no, "interface_attach": no,
            "vnc_console": no, "serial_console": no, "spice_console": no, "swap_volume": no,
            "config_drive": yes, "xenapi_apis": yes, "metadata_service": no, "personality": no,
            "attach_encrypted_volume": no, "volume_backed_live_migration": no,
        },
        "network": {"project_networks_reachable": no},
        "network-feature-enabled": {
            "floating_ips": no, "ipv6": no,
            "api_extensions": ",".join(extension["alias"] for extension in extensions),
        },
        "validation": {"run_validation": no, "connect_method": "fixed"},
    }
    config = configparser.ConfigParser(interpolation=None)
    config.read_dict(sections)
    with open(os.path.join(cloud.folder, "tempest.conf"), "w", encoding="utf-8") as file:
        config.write(file)
    with open(os.path.join(cloud.folder, ".stestr.conf"), "w", encoding="utf-8") as file:
        file.write(f"[DEFAULT]\ntest_path={TEMPEST}/api/compute\n"
                   f"top_dir={os.path.dirname(TEMPEST)}\ngroup_regex=([^\\.]*\\.)*\n")


class Expected:
    """The list: the first line whose expression matches a test's id says what is expected of it.

    A line is `pass EXPRESSION`, `skip EXPRESSION  REASON` or `not EXPRESSION  REASON`; expressions
    are matched from behind `tempest.api.compute.` on.
    """

    def __init__(self):
        self.lines = []
        with open(os.path.join(HERE, "tempest.list"), encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    verdict, expression, *reason = line.split(maxsplit=2)
                    assert verdict == "pass" or reason, f"no reason: {line}"
                    self.lines.append((verdict, re.compile(PREFIX + "(?:" + expression + ")")))

    def of(self, test):
        """`pass`, `skip`, `not`, or `None` if the list does not know it."""
        return next((verdict for verdict, known in self.lines if known.match(test)), None)


def tests(cloud):
    """The ids of all tests, with what they are tagged by."""
    subprocess.run([*STESTR, "init"], cwd=cloud.folder, check=True)
    listed = subprocess.run([*STESTR, "list", "^" + PREFIX], cwd=cloud.folder, env=environment(cloud), check=False,
                            capture_output=True, text=True)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    return [line for line in listed.stdout.splitlines() if line.startswith("tempest.")]


def environment(cloud):
    """How Tempest finds its configuration."""
    return {**os.environ, "TEMPEST_CONFIG_DIR": cloud.folder, "TEMPEST_CONFIG": "tempest.conf",
            "OS_TEST_TIMEOUT": "120"}


def run(cloud, chosen):
    """Runs the tests and returns the path of the subunit stream of what came of them."""
    ids = os.path.join(cloud.folder, "chosen")
    with open(ids, "w", encoding="utf-8") as file:
        file.writelines(test + "\n" for test in chosen)
    stream = os.path.join(cloud.folder, "stream")
    command = [*STESTR, "run", "--subunit", "--concurrency", str(WORKERS), "--load-list", ids]
    with open(stream, "wb") as file:
        subprocess.run(command, cwd=cloud.folder, env=environment(cloud), stdout=file, check=False)
    return stream


def results(stream):
    """By the id of each test: its status and why."""
    found = {}

    def add(test):
        name = re.sub(r"\[.*", "", test["id"])
        details = {key: content.as_text() for key, content in test["details"].items()
                   if content.content_type.type == "text"}
        why = details.get("reason") or details.get("traceback") or "\n".join(details.values())
        found[name] = (test["status"], why.strip())

    with open(stream, "rb") as file:
        summary = testtools.StreamToDict(add)
        summary.startTestRun()
        subunit.ByteStreamToStreamResult(file, non_subunit_name="stdout").run(summary)
        summary.stopTestRun()
    found.pop("stdout", None)
    return found


def report(judge, expected, found):
    """One line for each test; a class that skips or fails as a whole speaks for its tests."""
    count = {"run": 0, "pass": 0, "skip": 0, "fail": 0}
    for test, (status, why) in sorted(found.items()):
        if not test.startswith(PREFIX):
            continue
        if status == "exists":
            status, why = found.get(f"setUpClass ({test.rsplit('.', 1)[0]})", ("fail", "it did not run"))
        status = {"success": "pass", "skip": "skip"}.get(status, "fail")
        wanted = expected.of(test)
        count[status] += 1
        count["run"] += status != "skip"
        if status == wanted == "skip":
            print(f"skip  {test}: {why}")
        elif status == wanted:
            judge.passed += 1
            print(f"ok    {test}")
        elif status == "fail":
            judge.fail(test, "\n".join(why.splitlines()[-12:]))
        else:
            judge.fail(test, f"it should {wanted} by the list, but: {status} {why}")
    for place, (status, why) in sorted(found.items()):
        if status == "fail" and place.startswith("tearDownClass"):
            judge.fail(place, "\n".join(why.splitlines()[-12:]))
    return count


def main():
    """Runs and reports."""
    judge, expected = Judge(), Expected()
    accounts = os.path.join(tempfile.mkdtemp(prefix="whimbrel-judge-"), "accounts.yaml")
    with Cloud("--hosts", "4", "--tempest-accounts", accounts) as cloud:
        configure(cloud, accounts)
        everything = tests(cloud)
        wanted = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
        left_out = [test for test in everything if expected.of(test) == "not"]
        chosen = [test for test in everything if wanted.search(test) and test not in left_out]
        found = results(run(cloud, chosen))
        if not found:
            judge.fail("stestr", "it ran no test")
        count = report(judge, expected, found)
    shutil.rmtree(os.path.dirname(accounts))
    print(f"{len(everything)} tests, {len(left_out)} not run because of what they need: " + ", ".join(
        f"{count[verdict]} {verdict}" for verdict in ["run", "pass", "skip", "fail"]))
    judge.end()


main()
