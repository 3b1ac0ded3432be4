"""Where a lab keeps everything: folders, ports, passwords and the lock."""

import contextlib
import fcntl
import getpass
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import sys

HOME = pathlib.Path(__file__).resolve().parents[1]

DEBIAN = 'debian'
ADDRESS = '127.0.0.1'
PORTS = ('mariadb', 'rabbitmq', 'rabbitmq-nodes', 'epmd', 'keystone', 'placement', 'glance',
         'neutron', 'nova-api', 'control')
# Below the range from which the kernel takes ports for outgoing connections.
FIRST_PORT, LAST_PORT = 22000, 29990
# MariaDB's socket is in the folder, and the name of a socket has at most 107 characters.
LONGEST_FOLDER = 90


class Problem(Exception):
    """Something that the user can do something about; `log` tells more."""

    def __init__(self, text, log=None):
        super().__init__(text)
        self.log = log


def newest_release(wanted):
    """`34` becomes `34.0.0`, the newest of that series whose packages are known to work."""
    if wanted == DEBIAN or wanted.count('.') == 2:
        return wanted
    known = [path.stem for path in (HOME / 'constraints').glob(wanted + '.*.txt')]
    if not known:
        raise Problem('there is no constraints file for Nova %s; name a release in full, as 34.0.0'
                      % wanted)
    return max(known, key=lambda release: [int(number) for number in release.split('.')])


def release_of(folder):
    """Of the lab in that folder; Debian's if there is none."""
    try:
        return json.loads(pathlib.Path(folder, 'settings.json').read_text())['release']
    except FileNotFoundError:
        return DEBIAN


def default_folder(release):
    base = os.environ.get('XDG_STATE_HOME') or os.path.expanduser('~/.local/state')
    return pathlib.Path(base, 'whimbrel-lab', release)


class Lab:
    """One lab, known by its state folder."""

    def __init__(self, folder, release):
        self.folder = pathlib.Path(os.path.abspath(folder))
        self.release = release
        self.settings = {'release': release, 'hosts': 3, 'ports': {}}
        with contextlib.suppress(FileNotFoundError):
            self.settings.update(json.loads(self.path('settings.json').read_text()))
        if self.settings['release'] != release:
            raise Problem('%s is a lab of Nova %s, not of %s; choose another --state'
                          % (self.folder, self.settings['release'], release))

    # -- folders -----------------------------------------------------------

    def path(self, *parts):
        return self.folder.joinpath(*parts)

    def exists(self):
        return self.path('settings.json').exists()

    def make_folders(self):
        if len(str(self.folder)) > LONGEST_FOLDER:
            raise Problem('the state folder may have at most %d characters: %s'
                          % (LONGEST_FOLDER, self.folder))
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        owner = self.folder.stat().st_uid
        if owner != os.getuid():
            raise Problem('%s belongs to another user' % self.folder)
        self.folder.chmod(0o700)
        for name in ('etc/placement', 'log', 'run', 'done', 'secrets', 'guests', 'images', 'tmp',
                     'locks', 'nova', 'neutron', 'keystone', 'control'):
            self.path(name).mkdir(parents=True, exist_ok=True)

    def log(self, name):
        return self.path('log', name + '.log')

    def done(self, name):
        return self.path('done', name).exists()

    def mark_done(self, name):
        self.path('done', name).touch()

    def write(self, name, text):
        """Writes a file of the folder so that it is never seen half-written."""
        path = self.path(name)
        new = path.with_name(path.name + '.new')
        new.write_text(text)
        new.replace(path)

    # -- what is remembered ------------------------------------------------

    def save(self):
        self.write('settings.json', json.dumps(self.settings, indent=1) + '\n')

    @property
    def hosts(self):
        return ['compute-%d' % (number + 1) for number in range(self.settings['hosts'])]

    def port(self, name):
        return self.settings['ports'][name]

    def url(self, name, path=''):
        return 'http://%s:%d%s' % (ADDRESS, self.port(name), path)

    def choose_ports(self, ours):
        """Remembers a free port for each service; `ours` are those whose process runs already.

        Returns the names of ports that had to change because something else has taken them.
        """
        ports, lost = self.settings['ports'], []
        for name in PORTS:
            if name in ports and (name in ours or is_free(ports[name])):
                continue
            if name in ports:
                lost.append(name)
            ports[name] = self._free_port()
        self.save()
        return lost

    def _free_port(self):
        taken = set(self.settings['ports'].values())
        # Two labs that are made at the same moment should not look at the same ports.
        start = secrets.randbelow(LAST_PORT - FIRST_PORT)
        for step in range(LAST_PORT - FIRST_PORT):
            port = FIRST_PORT + (start + step) % (LAST_PORT - FIRST_PORT)
            if port not in taken and is_free(port):
                return port
        raise Problem('no port from %d to %d is free' % (FIRST_PORT, LAST_PORT))

    def secret(self, name):
        """A random password, the same each time it is asked for."""
        path = self.path('secrets', name)
        if not path.exists():
            self.write('secrets/' + name, secrets.token_hex(16))
        return path.read_text()

    # -- the release -------------------------------------------------------

    @property
    def venv(self):
        """Where Nova and Placement are, or None if they are Debian's."""
        return None if self.release == DEBIAN else self.path('venv')

    def nova_python(self):
        return str(self.venv / 'bin/python') if self.venv else '/usr/bin/python3'

    # -- one command at a time ---------------------------------------------

    @contextlib.contextmanager
    def lock(self):
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.path('lock'), 'a') as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print('another command works on this lab; waiting for it', file=sys.stderr)
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def is_free(port):
    with socket.socket() as probe:
        # A closed connection that still lingers does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def user():
    return getpass.getuser()


def has(program):
    return shutil.which(program, path='/usr/sbin:/usr/bin:/sbin:/bin') is not None


def is_release(text):
    return text == DEBIAN or re.fullmatch(r'\d+(\.\d+\.\d+)?', text) is not None
