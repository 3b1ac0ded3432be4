"""Tempest's compute tests against the embedded cloud, with pre-provisioned accounts.

`tempest.list` says of each test of `tempest.api.compute` whether it must pass, may skip, or is not
run, and why. A test that the list does not know is a failure, so that nothing is left out unseen.
"""

import configparser
import json
import os
import re
import subprocess
import sys
import urllib.request

import subunit
import tempest
import testtools

from judge import Cloud, Judge

HERE = os.path.dirname(os.path.abspath(__file__))
TEMPEST = os.path.dirname(tempest.__file__)
WORKERS = 2


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
            "config_drive": yes, "metadata_service": no, "personality": no,
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


def run(cloud, expressions):
    """Runs the tests and returns the path of the subunit stream of what came of them."""
    chosen = os.path.join(cloud.folder, "chosen")
    with open(chosen, "w", encoding="utf-8") as file:
        file.writelines(expression + "\n" for expression in expressions)
    stream = os.path.join(cloud.folder, "stream")
    environment = {**os.environ, "TEMPEST_CONFIG_DIR": cloud.folder,
                   "TEMPEST_CONFIG": "tempest.conf", "OS_TEST_TIMEOUT": "120"}
    command = ["/usr/bin/python3", "-s", "/usr/bin/stestr", "run", "--subunit",
               "--concurrency", str(WORKERS), "--include-list", chosen]
    with open(stream, "wb") as file:
        subprocess.run(command, cwd=cloud.folder, env=environment, stdout=file, check=False)
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


def main():
    """Runs and reports."""
    accounts = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"tempest-accounts-{os.getpid()}")
    with Cloud("--hosts", "4", "--speed", "20", "--tempest-accounts", accounts) as cloud:
        configure(cloud, accounts)
        for name, (status, why) in sorted(results(run(cloud, sys.argv[1:])).items()):
            print(status, name)
            if status != "success":
                print("      " + "\n      ".join(why.splitlines()[-14:]))
    os.remove(accounts)


main()
