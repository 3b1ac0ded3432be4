"""Processes that outlive the command that starts them, and are known again by a later one."""

import os
import pathlib
import signal
import subprocess
import time

from labctl.lab import HOME

# The child writes its own line of /proc before it becomes the service, so that there is no moment
# in which a service runs and nobody knows of it.
RECORD = 'read -r line </proc/$$/stat; echo "$line" >"$0"; exec "$@"'
GRACE = 5.0


def environment(more=None):
    """What services see: nothing of the caller's clouds, proxies and Python settings."""
    names = ('HOME', 'USER', 'LOGNAME', 'TMPDIR', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE')
    base = {name: os.environ[name] for name in names if name in os.environ}
    base.update(PATH='/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL='C.UTF-8', PYTHONPATH=str(HOME),
                PYTHONDONTWRITEBYTECODE='1', PYTHONUNBUFFERED='1')
    base.update(more or {})
    return base


def identity(stat_line):
    """Pid and kernel start time: together they are never given twice."""
    pid, rest = stat_line.split(' ', 1)
    fields = rest.rpartition(')')[2].split()
    return int(pid), fields[0], fields[19]


class Processes:
    """The processes of one lab, recorded in a folder as NAME."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def names(self):
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir())

    def pid(self, name):
        """The pid of the process, if it is the one that was started and still runs."""
        recorded = self._recorded(name)
        if recorded is None:
            return None
        pid, _, born = recorded
        now = self._now(pid)
        return pid if now and now[1] != 'Z' and now[2] == born else None

    def running(self):
        return [name for name in self.names() if self.pid(name)]

    def start(self, name, command, log, more=None):
        if self.pid(name):
            return
        self._end_rest_of(name)
        with open(log, 'ab') as output:
            child = subprocess.Popen(
                ['/bin/sh', '-c', RECORD, str(self.folder / name), *map(str, command)],
                env=environment(more), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True, cwd='/')
        # The shell has to write the record before anybody asks for it.
        deadline = time.monotonic() + 10
        while child.poll() is None and time.monotonic() < deadline:
            recorded = self._recorded(name)
            if recorded and recorded[0] == child.pid:
                return
            time.sleep(0.005)

    def stop(self, names, grace=GRACE):
        """Asks all to end, and ends those that do not, with what they have started."""
        self._signal(names, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(self.pid(name) for name in names):
            time.sleep(0.05)
        self.kill(names)

    def kill(self, names):
        """Ends them as if the power had failed."""
        for name in names:
            if pid := self.pid(name):
                send_group(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and any(self.pid(name) for name in names):
            time.sleep(0.02)
        for name in names:
            self._end_rest_of(name)
            if not self.pid(name):
                (self.folder / name).unlink(missing_ok=True)

    def group(self, name):
        """All pids of the service, its workers included."""
        recorded = self._recorded(name)
        return members(recorded[0]) if recorded and self.pid(name) else []

    def _end_rest_of(self, name):
        """Ends workers that have outlived their service.

        Their group keeps its number from being given again. If another process has that number,
        the group is gone.
        """
        recorded = self._recorded(name)
        if recorded is None:
            return
        pid, _, born = recorded
        now = self._now(pid)
        if now is None or (now[1] == 'Z' and now[2] == born):
            send_group(pid, signal.SIGKILL)

    def _signal(self, names, number):
        for name in names:
            if pid := self.pid(name):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass

    def _recorded(self, name):
        try:
            return identity((self.folder / name).read_text())
        except (OSError, ValueError, IndexError):
            return None

    @staticmethod
    def _now(pid):
        try:
            return identity(pathlib.Path('/proc/%d/stat' % pid).read_text())
        except (OSError, ValueError, IndexError):
            return None


def send_group(group, number):
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass


def members(group):
    found = []
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                if os.getpgid(int(entry)) == group:
                    found.append(int(entry))
            except ProcessLookupError:
                pass
    return found


def resident(pids):
    """Their memory in MB."""
    pages = 0
    for pid in pids:
        try:
            pages += int(pathlib.Path('/proc/%d/statm' % pid).read_text().split()[1])
        except (OSError, IndexError):
            pass
    return pages * os.sysconf('SC_PAGE_SIZE') // 1_000_000
