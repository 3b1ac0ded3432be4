"""What the lab's services are told to do, as files that both sides see.

The control server and the commands write, the services read at each step. A file appears and goes
as a whole, and of several services that want the same one only one gets it (`os.rename`).

    hold/KIND.PHASE[.SERVER]     who comes into the phase waits there; KIND is migrations or boots
    release/KIND[.SERVER]        when waiting was last called off, in nanoseconds
    next/KIND/NUMBER[.SERVER]    how the next one fails; taken by the first that begins
    taken/KIND.SERVER            how this server's current one fails
    durations                    {"boot_ms": 0, "prepare_ms": 0, "migrate_ms": 500}
    disturb/SERVICE/NUMBER       what happens to one request
    bugs/ID                      a bug that is planted

A server's metadata do the same for that server alone: lab:hold-migration, lab:hold-boot,
lab:fail-migration, lab:fail-build, lab:boot-ms, lab:prepare-ms, lab:migrate-ms.

Nothing here imports anything of OpenStack.
"""

import json
import os
import pathlib
import shutil
import time

LOOK = 0.05
DURATIONS = {'boot_ms': 0, 'prepare_ms': 0, 'migrate_ms': 500}

MIGRATION_PHASES = ('requested', 'accepted', 'source-held', 'chosen', 'checked', 'queued',
                    'preparing', 'running', 'landed', 'completed')
BOOT_PHASES = ('scheduling', 'placed', 'networking', 'block-devices', 'spawning')
FAIL_STEPS = ('schedule', 'check-destination', 'check-source', 'prepare', 'copy',
              'copy-without-rollback', 'finish')
# The name of a kind in metadata.
SINGULAR = {'migrations': 'migration', 'boots': 'boot'}


class Orders:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    # -- told by control ---------------------------------------------------

    def hold(self, kind, phase, server=None):
        self._write('hold', _name(kind, phase, server))

    def release(self, kind, server=None):
        for path in self._all('hold'):
            words = path.name.split('.')
            if words[0] == kind and (server is None or words[2:] == [server]):
                path.unlink(missing_ok=True)
        self._write('release', _name(kind, server), str(time.time_ns()))

    def fail_next(self, kind, how, server=None):
        self._write('next/' + kind, _name('%020d' % time.time_ns(), server), str(how))

    def set_durations(self, given):
        self._write('', 'durations', json.dumps({**self.durations(), **given}))

    def disturb(self, service, requests, what):
        for _ in range(requests):
            self._write('disturb/' + service, '%020d' % time.time_ns(), json.dumps(what))

    def calm(self):
        shutil.rmtree(self.folder / 'disturb', ignore_errors=True)

    def set_bug(self, bug, on):
        if on:
            self._write('bugs', bug)
        else:
            (self.folder / 'bugs' / bug).unlink(missing_ok=True)

    def clear(self):
        """Takes everything back; also those who wait because of their metadata go on."""
        for name in ('hold', 'next', 'taken', 'disturb', 'bugs'):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / 'durations').unlink(missing_ok=True)
        for kind in SINGULAR:
            self.release(kind)

    def in_force(self):
        """A line for each order, for people."""
        lines = ['held: ' + path.name.replace('.', ' ') for path in self._all('hold')]
        lines += ['next %s fails: %s' % (kind, path.read_text())
                  for kind in ('migration', 'build') for path in self._all('next/' + kind)]
        lines += ['bug planted: ' + path.name for path in self._all('bugs')]
        if self.durations() != DURATIONS:
            lines.append('durations: %s' % self.durations())
        return lines

    # -- asked by the services ---------------------------------------------

    def held(self, kind, phase, server, metadata=None, since=0):
        """Whether that server's migration or boot, in that phase `since` then, is to wait."""
        asked = ((metadata or {}).get('lab:hold-' + SINGULAR[kind]) == phase
                 or self._exists('hold', _name(kind, phase))
                 or self._exists('hold', _name(kind, phase, server)))
        return asked and since >= max(self._time('release', _name(kind)),
                                      self._time('release', _name(kind, server)))

    def wait_while_held(self, kind, phase, server, metadata=None, unless=None):
        """Returns when nothing holds it there any more, or at once when `unless()`."""
        since = time.time_ns()
        while self.held(kind, phase, server, metadata, since) and not (unless and unless()):
            time.sleep(LOOK)

    def begin(self, kind, server, metadata=None):
        """Decides how this migration or build of the server fails: for `failure`."""
        taken = self.folder / 'taken' / _name(kind, server)
        taken.parent.mkdir(parents=True, exist_ok=True)
        taken.unlink(missing_ok=True)
        for path in self._all('next/' + kind):
            if path.name.split('.')[1:] in ([], [server]):
                try:
                    path.rename(taken)
                except FileNotFoundError:
                    continue   # another one was quicker
                return
        if how := (metadata or {}).get('lab:fail-' + kind):
            self._write('taken', _name(kind, server), how)

    def failure(self, kind, server):
        return self._read('taken', _name(kind, server)) or ''

    def one_build_fails(self, server):
        """Whether the build fails on this compute; then it fails on one less from now on."""
        left = self.failure('build', server)
        if not left.isdigit() or int(left) == 0:
            return False
        self._write('taken', _name('build', server), str(int(left) - 1))
        return True

    def durations(self):
        return {**DURATIONS, **json.loads(self._read('', 'durations') or '{}')}

    def seconds(self, name, metadata=None):
        given = (metadata or {}).get('lab:' + name.replace('_', '-'), '')
        return (int(given) if given.isdigit() else self.durations()[name]) / 1000

    def next_disturbance(self, service, method):
        for path in self._all('disturb/' + service):
            text = self._read('disturb/' + service, path.name)
            what = json.loads(text) if text else {'method': ''}
            if what.get('method') in (None, method):
                try:
                    path.unlink()
                except FileNotFoundError:
                    continue
                return what
        return None

    def bug(self, bug):
        return self._exists('bugs', bug)

    # -- files -------------------------------------------------------------

    def _all(self, folder):
        try:
            names = sorted(os.listdir(self.folder / folder))
        except FileNotFoundError:
            return []
        return [self.folder / folder / name for name in names if not name.startswith('.')]

    def _exists(self, folder, name):
        return (self.folder / folder / name).exists()

    def _read(self, folder, name):
        try:
            return (self.folder / folder / name).read_text()
        except FileNotFoundError:
            return None

    def _time(self, folder, name):
        return int(self._read(folder, name) or 0)

    def _write(self, folder, name, text=''):
        folder = self.folder / folder
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / ('.%s.%d' % (name, os.getpid()))
        new.write_text(text)
        new.replace(folder / name)


def _name(*words):
    return '.'.join(word for word in words if word)


def of_this_lab():
    """The orders of the lab that this service belongs to."""
    return Orders(pathlib.Path(os.environ['LAB_STATE'], 'control'))
