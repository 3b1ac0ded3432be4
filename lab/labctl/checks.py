"""What the checks of `lab/check` have in common."""

import json
import os
import pathlib
import subprocess
import time
import traceback
import urllib.error
import urllib.request

from labctl.lab import HOME
from labctl.services import DIRECT


class Failed(Exception):
    """A check that failed."""


def demand(true, text):
    if not true:
        raise Failed(text)


class Check:
    def __init__(self, lab, options):
        self.lab = lab
        self.options = options   # those that choose this lab, for its commands
        self.counts = {True: 0, False: 0}

    # -- tools -------------------------------------------------------------

    def check(self, name, work):
        began = time.monotonic()
        try:
            work()
        except Exception as error:
            self.counts[False] += 1
            print('FAIL %s: %s' % (name, error), flush=True)
            if not isinstance(error, Failed):
                traceback.print_exc()
        else:
            self.counts[True] += 1
            print('ok   %s (%.1f s)' % (name, time.monotonic() - began), flush=True)

    def run(self, command, *words, code=0, timeout=600):
        done = subprocess.run([HOME / command, *self.options, *words], capture_output=True,
                              text=True, timeout=timeout, check=False)
        demand(code is None or done.returncode == code, 'lab/%s ended with %d: %s'
               % (command, done.returncode, (done.stdout + done.stderr)[-2000:]))
        return done.stdout + done.stderr

    def control(self, verb, code=204, **body):
        request = urllib.request.Request(
            self.lab.url('control', '/control/' + verb), json.dumps(body).encode(),
            {'Content-Type': 'application/json'}, method='POST')
        try:
            with DIRECT.open(request, timeout=90) as answer:
                got, text = answer.status, ''
        except urllib.error.HTTPError as error:
            got, text = error.code, error.read().decode()
        demand(got == code, 'control %s: %d and not %d %s' % (verb, got, code, text))

    @staticmethod
    def until(what, look, wanted, seconds=40):
        """Looks until it sees what is wanted, and once more after a while: it must stay so."""
        deadline = time.monotonic() + seconds
        while (seen := look()) != wanted:
            demand(time.monotonic() < deadline, '%s is %s and not %s' % (what, seen, wanted))
            time.sleep(0.1)
        time.sleep(0.6)
        demand(look() == wanted, '%s was %s, but is %s now' % (what, wanted, look()))

    def left_over(self):
        """Processes that have anything to do with the lab."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                words = pathlib.Path('/proc', pid, 'cmdline').read_bytes().decode(errors='replace')
                surroundings = pathlib.Path('/proc', pid, 'environ').read_bytes()
            except OSError:
                continue
            ours = ('LAB_STATE=%s\0' % self.lab.folder).encode() in surroundings
            if str(self.lab.folder) + '/' in words or (ours and 'lab_plugins' in words):
                found.append((int(pid), words.replace('\0', ' ')[:80]))
        return found
