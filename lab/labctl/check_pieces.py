"""Checks that need no lab: orders, processes and ports."""

import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time

from labctl.checks import demand
from labctl.lab import ADDRESS, Lab, Problem, is_free, newest_release
from labctl.process import Processes
from lab_plugins.orders import Orders


def waits(orders, server, metadata=None):
    """A thread that waits where live migrations run."""
    thread = threading.Thread(target=orders.wait_while_held, daemon=True,
                              args=('migrations', 'running', server, metadata))
    thread.start()
    time.sleep(0.2)
    return thread


def goes_on(thread):
    thread.join(2)
    return not thread.is_alive()


def holding(folder):
    orders = Orders(folder)
    orders.hold('migrations', 'running')
    first, second = waits(orders, 'one'), waits(orders, 'two')
    demand(first.is_alive() and second.is_alive(), 'it did not wait')
    orders.release('migrations', 'one')
    demand(goes_on(first) and second.is_alive(), 'a release of one is not for the other')
    # Who waited must go on, also when the next hold follows before anybody has looked.
    orders.release('migrations')
    orders.hold('migrations', 'running')
    demand(goes_on(second), 'a release was missed')
    demand(waits(orders, 'three').is_alive(), 'the second hold does not hold')
    orders.clear()
    asked = waits(orders, 'four', {'lab:hold-migration': 'running'})
    demand(asked.is_alive(), 'metadata do not hold')
    orders.clear()
    demand(goes_on(asked), 'clear does not release')


def failing(folder):
    orders = Orders(folder)
    orders.fail_next('migration', 'copy')
    orders.fail_next('migration', 'prepare', 'two')
    orders.begin('migration', 'one')
    demand(orders.failure('migration', 'one') == 'copy', 'the first does not fail')
    orders.begin('migration', 'one')
    demand(orders.failure('migration', 'one') == '', 'it fails for ever')
    orders.begin('migration', 'two')
    demand(orders.failure('migration', 'two') == 'prepare', 'the named one does not fail')
    orders.fail_next('build', 2)
    orders.begin('build', 'one')
    demand([orders.one_build_fails('one') for _ in range(3)] == [True, True, False],
           'not two builds fail')


def one_gets_it(folder):
    orders = Orders(folder)
    orders.disturb('compute', 20, {'method': 'GET', 'answer': 503})
    demand(orders.next_disturbance('compute', 'POST') is None, 'a POST was disturbed')
    got = []

    def take():
        while orders.next_disturbance('compute', 'GET'):
            got.append(1)
    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    demand(len(got) == 20, '%d of 20 requests were disturbed' % len(got))


def ends_only_its_own(folder):
    run = folder / 'run'
    run.mkdir()
    processes, other = Processes(run), subprocess.Popen(['sleep', '60'])
    try:
        processes.start('ours', ['sh', '-c', 'sleep 60 & sleep 60'], folder / 'log')
        pid = processes.pid('ours')
        demand(pid, 'it does not run')
        deadline = time.monotonic() + 5
        while len(processes.group('ours')) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        group = processes.group('ours')
        # The same pid at another time is another process.
        stat = pathlib.Path('/proc/%d/stat' % other.pid).read_text().split(' ')
        stat[21] = '1'
        (run / 'theirs').write_text(' '.join(stat))
        demand(processes.pid('theirs') is None, 'a stranger is taken for ours')
        processes.stop(['ours', 'theirs'], grace=1)
        demand(other.poll() is None, 'a stranger was ended')
        deadline = time.monotonic() + 5
        while any(os.path.exists('/proc/%d/fd/0' % one) for one in group):
            demand(time.monotonic() < deadline, 'some are left')
            time.sleep(0.02)
    finally:
        other.kill()
        other.wait()


def ports(folder):
    lab = Lab(folder / 'lab', 'debian')
    lab.make_folders()
    lab.choose_ports(set())
    first = dict(lab.settings['ports'])
    with socket.create_server((ADDRESS, first['glance'])):
        demand(not is_free(first['glance']), 'a taken port is called free')
        demand(lab.choose_ports({'glance'}) == [], 'the port of a service that runs was changed')
        demand(lab.choose_ports(set()) == ['glance'], 'the change is not told')
    again = Lab(folder / 'lab', 'debian').settings['ports']
    changed = {name for name in first if first[name] != again[name]}
    demand(changed == {'glance'}, 'changed: %s' % changed)
    demand(lab.folder.stat().st_mode & 0o777 == 0o700, 'others may look into the folder')


def releases(_):
    demand(newest_release('34').startswith('34.'), 'no 34 is known')
    try:
        newest_release('7')
    except Problem:
        return
    demand(False, 'a 7 is known')


def pieces_checks(check):
    for name, work in (('who is held waits until released', holding),
                       ('failures come one after the other', failing),
                       ('a disturbance meets one request', one_gets_it),
                       ('only own processes are ended', ends_only_its_own),
                       ('ports are remembered', ports),
                       ('releases are known by their number', releases)):
        with tempfile.TemporaryDirectory() as folder:
            check.check(name, lambda work=work, folder=folder: work(pathlib.Path(folder)))
