"""The commands: what they take, what they say, and with which code they end."""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import time

from labctl import check, database, services, up
from labctl.cloud import Cloud
from labctl.lab import (
    DEBIAN, Lab, Problem, default_folder, is_release, newest_release, release_of)
from labctl.process import Processes, resident
from labctl.steps import Run
from lab_plugins import bugs, orders

ABOUT = {
    'up': 'Starts the lab: real Keystone, Placement, Glance, Neutron and Nova on loopback, with '
          'fake hypervisors. Installs and makes what is missing. Ready means that an instance was '
          'booted and deleted.',
    'down': 'Ends the processes that lab/up started, and no others. What the lab holds stays.',
    'status': 'Shows what runs and whether it answers; exits with 1 if something is missing.',
    'reset': 'Makes the cloud as it was at first: no instances, all computes in use, nothing held, '
             'no bug planted.',
    'env': 'Prints shell lines that lead clients to the lab: eval "$(lab/env)".',
    'bug': 'Puts a bug that Nova once had back into the running services, or takes it out.',
    'check': 'Checks the lab: starts it, holds and fails builds and live migrations through its '
             'control, runs the suite with and without a planted bug, stops and starts it in '
             'several ways, and ends it.',
    'forget': 'Ends the lab and removes its folder, with all that it holds.',
}


def parser(command):
    made = argparse.ArgumentParser(prog='lab/' + command, description=ABOUT[command])
    made.add_argument('--release', metavar='RELEASE',
                      help='a Nova and Placement from PyPI, as 34.0.0, or 33 for the newest of 33 '
                           'that is known to work; default: debian, the Nova of Debian, or what '
                           'the lab in FOLDER is')
    made.add_argument('--state', metavar='FOLDER',
                      help='where the lab keeps everything; default: LAB_STATE if it is set and '
                           'no release is given, else a folder for each release in '
                           + str(default_folder('x').parent))
    if command == 'up':
        made.add_argument('--hosts', type=hosts, metavar='COUNT',
                          help='how many computes; default: 3, or as many as it has')
    if command == 'reset':
        made.add_argument('--hard', action='store_true',
                          help='put back the databases of the first start, and restart')
    if command == 'check':
        made.add_argument('parts', nargs='*', choices=(*check.PARTS, []), metavar='PART',
                          help='some of: %s; default: all' % ', '.join(check.PARTS))
    if command == 'bug':
        made.add_argument('id', nargs='?', help='which; without it, all are listed')
        made.add_argument('switch', nargs='?', choices=('on', 'off'))
    return made


def hosts(text):
    if not text.isdigit() or not 1 <= int(text) <= 99:
        raise argparse.ArgumentTypeError('a number from 1 to 99')
    return int(text)


def main(command):
    # A stop by the user or a job's time limit must take the same way out as an error.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    made = parser(command)
    arguments = made.parse_args()
    try:
        lab = open_lab(arguments)
    except Problem as problem:
        made.error(str(problem))
    try:
        processes = Processes(lab.path('run'))
        if command in ('env', 'status', 'bug'):
            if not lab.exists():
                raise Problem('there is no lab in %s; lab/up makes one' % lab.folder)
            sys.exit(COMMANDS[command](lab, processes, arguments))
        if command == 'check':
            # Its commands take the lock, one after the other.
            check.run(lab, ['--release', lab.release, '--state', str(lab.folder)],
                      arguments.parts or check.PARTS)
        if command != 'up' and not lab.exists():
            print('there is no lab in %s' % lab.folder)
            return
        with lab.lock():
            COMMANDS[command](lab, processes, arguments)
    except Problem as problem:
        print('\nlab/%s: %s' % (command, problem), file=sys.stderr)
        if problem.log:
            show_end(problem.log)
        if command == 'up':
            print(up.GO_ON, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print('\nlab/%s: stopped. %s' % (command, up.GO_ON), file=sys.stderr)
        sys.exit(130)


def open_lab(arguments):
    release, folder = arguments.release, arguments.state
    if release is not None and not is_release(release):
        raise Problem('--release is a number as 34.0.0 or 34, or debian; not %r' % release)
    if release is None:
        folder = folder or os.environ.get('LAB_STATE')
        release = release_of(folder) if folder else DEBIAN
    release = newest_release(release)
    return Lab(folder or default_folder(release), release)


def show_end(log, lines=20):
    try:
        text = pathlib.Path(log).read_text(errors='replace').splitlines()[-lines:]
    except OSError:
        return
    print('  the end of %s:' % log, file=sys.stderr)
    for line in text:
        print('    ' + line[:300], file=sys.stderr)


def do_up(lab, processes, arguments):
    up.up(Run(lab, processes), arguments.hosts)
    options = '' if lab.release == DEBIAN else ' --release ' + lab.release
    if lab.folder != default_folder(lab.release):
        options = ' --state %s' % lab.folder
    print('\n'
          '  eval "$(lab/env%s)"\n'
          '  openstack --os-cloud lab-admin compute service list\n'
          '  whimbrel run features/live_migration --cloud lab-admin --member lab-member '
          '--allow hosts\n'
          '\n'
          'Clouds: lab-admin, lab-manager, lab-member, lab-reader. lab/down%s ends it.'
          % (options, options))


def do_down(lab, processes, _):
    running = processes.running()
    stop(processes)
    print('ended %d processes' % len(running) if running else 'nothing was running')


def stop(processes, but=()):
    """Ends the users of the database and the broker first, so that they do not miss them."""
    names = [name for name in processes.names() if name not in but]
    processes.kill([name for name in names if name == 'control'])
    below = ('mariadb', 'rabbitmq', 'epmd')
    processes.stop([name for name in names if name not in (*below, 'control')])
    # The broker's content is thrown away anyway.
    processes.kill([name for name in names if name in ('rabbitmq', 'epmd')])
    processes.stop([name for name in names if name == 'mariadb'], grace=20)


def do_status(lab, processes, _):
    print('%s, Nova %s' % (lab.folder, lab.release))
    absent, total = up.missing(processes, lab), 0
    for name in services.commands(lab):
        pids = processes.group(name)
        memory = resident(pids)
        total += memory
        state = 'pid %-7d %5d MB' % (processes.pid(name), memory) if pids else 'does not run'
        print('  %-15s %s' % (name, state))
    print('  %-15s %17d MB' % ('all', total))
    silent = [] if absent else [name for name, _, path, _ in services.WEB
                                if not services.answers(lab, name, path)]
    for name in silent:
        print('  %s does not answer' % name)
    for line in orders.Orders(lab.path('control')).in_force():
        print('  ' + line)
    if absent or silent:
        print('not up; lab/up starts what is missing')
        return 1
    print('up')
    return 0


def do_env(lab, _, __):
    for name, value in (('OS_CLIENT_CONFIG_FILE', lab.path('clouds.yaml')),
                        ('LAB_SETTINGS', lab.path('whimbrel.toml')),
                        ('LAB_STATE', lab.folder),
                        ('NO_PROXY', '127.0.0.1')):
        print("export %s='%s'" % (name, value))
    return 0


def do_reset(lab, processes, arguments):
    run = Run(lab, processes)
    orders.Orders(lab.path('control')).clear()
    if arguments.hard:
        if not lab.path('first.sql').exists():
            raise Problem('the lab was never up, so there is no first state to go back to')
        stop(processes, but=('mariadb',))
        run.say('stopped')
        services.start(run, 'mariadb')
        run.wait(60, 'mariadb did not become ready', lambda: database.answers(lab), 'mariadb')
        database.restore(lab)
        run.say('databases are as they were at first')
        shutil.rmtree(lab.path('guests'))
        up.up(run)
        return
    if absent := up.missing(processes, lab):
        run.say('not running: ' + ', '.join(absent))
        up.up(run)
    Cloud(lab).empty()
    run.say('reset')


def do_bug(lab, _, arguments):
    given = orders.Orders(lab.path('control'))
    if arguments.id is None:
        for bug, about in bugs.known().items():
            print('%-10s %-4s %s' % (bug, 'on' if given.bug(bug) else 'off', about))
        return 0
    if arguments.id not in bugs.known():
        raise Problem('there is no bug %s; there are: %s'
                      % (arguments.id, ', '.join(bugs.known())))
    if arguments.switch is None:
        print('on' if given.bug(arguments.id) else 'off')
    else:
        given.set_bug(arguments.id, arguments.switch == 'on')
    return 0


def do_forget(lab, processes, _):
    stop(processes)
    # A client may still write there, and a folder that is being filled is not removed at once.
    for _ in range(20):
        shutil.rmtree(lab.folder, ignore_errors=True)
        if not lab.folder.exists():
            break
        time.sleep(0.1)
    else:
        raise Problem('%s cannot be removed; something still writes there' % lab.folder)
    print('removed ' + str(lab.folder))


COMMANDS = {'up': do_up, 'down': do_down, 'status': do_status, 'reset': do_reset, 'env': do_env,
            'bug': do_bug, 'forget': do_forget}
