"""What the judges written in Python share: a cloud to judge, and checks that are counted."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request


class Cloud:
    """A running `whimbrel cloud` with a folder of its own; a context manager."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="whimbrel-judge-")
        self.clouds_yaml = os.path.join(self.folder, "clouds.yaml")
        command = [os.environ["WHIMBREL_BIN"], "cloud", "--clouds-yaml", self.clouds_yaml]
        command += options
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.auth_url = self._ready()

    def _ready(self):
        readable, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline() if readable else ""
        if not line.startswith("ready: "):
            self.stop()
            raise SystemExit(f"the cloud is not ready: it said {line!r}")
        return line.split()[-1]

    def account(self, cloud):
        """The `auth` of one of the clouds in clouds.yaml."""
        with open(self.clouds_yaml, encoding="utf-8") as file:
            return json.load(file)["clouds"][cloud]["auth"]

    def control(self, verb, **body):
        """Asks for something beyond the API; the cloud must have been started with --control."""
        url = self.auth_url.removesuffix("/identity/v3") + f"/control/{verb}"
        request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def stop(self):
        """Ends it by its process id; an end that is not clean is an error."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Judge:
    """Counts checks and prints one line for each."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    @contextlib.contextmanager
    def check(self, what):
        """What is done within is one check; any exception fails it, and the next one goes on."""
        began = time.monotonic()
        try:
            yield
        except AssertionError as error:
            self.fail(what, str(error) or _place(error))
        except Exception as error:  # pylint: disable=broad-except
            self.fail(what, f"{type(error).__name__}: {error} ({_place(error)})")
        else:
            self.passed += 1
            print(f"ok    {what} ({time.monotonic() - began:.1f} s)", flush=True)

    def fail(self, what, why):
        """Counts a check that failed."""
        self.failed += 1
        print(f"FAIL  {what}", flush=True)
        for line in why.strip().splitlines()[:12]:
            print(f"      {line}", flush=True)

    def end(self):
        """Prints the counts alone on a line and ends the program."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


def _place(error):
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{os.path.basename(frame.filename)}:{frame.lineno}: {frame.line}"


def equal(seen, wanted, what="it"):
    """Fails the check unless both are equal."""
    assert seen == wanted, f"{what} is {seen!r}, not {wanted!r}"


def within(seen, wanted, what="it"):
    """Fails the check unless `seen` is one of `wanted`."""
    assert seen in wanted, f"{what} is {seen!r}, none of {wanted!r}"
