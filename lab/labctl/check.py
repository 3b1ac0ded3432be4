"""`lab/check`: whether the lab does what README.md says. Prints a line for each check."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request

from labctl.cloud import Cloud, Refused
from labctl.lab import ADDRESS, HOME, Lab
from labctl.process import Processes
from labctl.services import DIRECT
from lab_plugins import orders

FEATURES = HOME.parent / 'features' / 'live_migration'
ENDS = ('completed', 'error', 'failed', 'cancelled')


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


class Moves:
    """One instance, and what becomes of it."""

    def __init__(self, check, cloud=None, **more):
        self.cloud = cloud or Cloud(check.lab)
        self.check = check
        self.id = self.cloud.boot('check', **more)
        self.source = None

    def built(self):
        shown = self.cloud.built(self.id)
        self.source = shown.get('OS-EXT-SRV-ATTR:host')
        return shown['status']

    def move(self, host=None):
        self.cloud.call('POST', 'nova-api', '/v2.1/servers/%s/action' % self.id, {
            'os-migrateLive': {'host': host, 'block_migration': 'auto'}})

    def record(self):
        """Status and whether there is a destination, of the newest record."""
        found = Cloud.call(self.cloud, 'GET', 'nova-api', '/v2.1/os-migrations?instance_uuid='
                           + self.id)['migrations']
        return max(found, key=lambda one: one['id']) if found else None

    def seen(self):
        record = self.record()
        return (record['status'], bool(record['dest_compute'])) if record else None

    def status(self):
        record = self.record()
        return record['status'] if record else None

    def ended(self, status, seconds=40):
        Check.until('the record', self.status, status, seconds)
        Check.until('the task', lambda: self.cloud.server(self.id)['OS-EXT-STS:task_state'], None)

    def host(self):
        return self.cloud.server(self.id)['OS-EXT-SRV-ATTR:host']

    def charged(self, consumer):
        """Computes that are charged for an instance or a migration."""
        path = '/allocations/' + consumer
        return len(self.cloud.call('GET', 'placement', path)['allocations'])

    def delete(self):
        self.cloud.delete([self.id])


def held_in(check, phase, seen):
    """A migration waits in a phase, shows what is to be seen there, and completes afterwards."""
    def work():
        one = Moves(check)
        try:
            demand(one.built() == 'ACTIVE', 'the instance did not boot')
            check.control('hold-migrations', phase=phase)
            one.move()
            Check.until('the record', one.seen, seen)
            if phase == 'landed':
                Check.until('whether it moved', lambda: one.host() != one.source, True)
            if phase == 'source-held':
                demand(one.charged(one.record()['uuid']) == 1, 'the migration is not charged')
                demand(one.charged(one.id) == 0, 'the instance is still charged')
            if phase in ('landed', 'completed'):
                demand(one.host() != one.source, 'it is still on its source')
                demand(one.charged(one.record()['uuid']) == 1, 'the source is not charged')
            check.control('release-migrations')
            one.ended('completed')
            demand(one.host() != one.source, 'it did not move')
            Check.until('what is charged', lambda: one.charged(one.record()['uuid']), 0)
        finally:
            check.control('release-migrations')
            one.delete()
    return work


def fails_at(check, step, ends):
    def work():
        one = Moves(check)
        try:
            demand(one.built() == 'ACTIVE', 'the instance did not boot')
            check.control('fail-next-migration', step=step)
            one.move()
            one.ended(ends)
            moved = one.host() != one.source
            demand(moved == (step == 'finish'), 'it is on %s, was on %s' % (one.host(), one.source))
            if step != 'finish' and step != 'copy-without-rollback':
                one.move()
                one.ended('completed')
        finally:
            one.delete()
    return work


def boot_held_in(check, phase, task):
    def work():
        check.control('hold-boots', phase=phase)
        one = Moves(check)
        try:
            def state():
                shown = one.cloud.server(one.id)
                return shown['status'], shown['OS-EXT-STS:task_state']
            Check.until('the instance', state, ('BUILD', task))
            check.control('release-boots')
            demand(one.built() == 'ACTIVE', 'it did not become ACTIVE')
        finally:
            check.control('release-boots')
            one.delete()
    return work


def build_fails(check, computes, ends):
    def work():
        check.control('fail-next-build', computes=computes)
        one = Moves(check)
        try:
            demand(one.built() == ends, 'it is not %s' % ends)
        finally:
            one.delete()
    return work


def stopped_by_the_operator(check, how):
    """Abort or force-complete a migration that is held while it runs."""
    def work():
        one = Moves(check)
        try:
            one.built()
            check.control('hold-migrations', phase='queued' if how == 'abort-queued' else 'running')
            one.move()
            Check.until('the record', one.status,
                        'queued' if how == 'abort-queued' else 'running')
            path = '/v2.1/servers/%s/migrations/%d' % (one.id, one.record()['id'])
            if how == 'force':
                one.cloud.call('POST', 'nova-api', path + '/action', {'force_complete': None})
            else:
                one.cloud.call('DELETE', 'nova-api', path)
            one.ended('completed' if how == 'force' else 'cancelled')
            demand((one.host() == one.source) == (how != 'force'), 'it is on the wrong compute')
        finally:
            check.control('release-migrations')
            one.delete()
    return work


def only_for_one(check):
    """What metadata say holds that instance alone, and so does an order that names it."""
    held, free = Moves(check, metadata={'lab:hold-migration': 'running'}), Moves(check)
    try:
        held.built(), free.built()
        held.move()
        Check.until('the record', held.status, 'running')
        check.control('hold-migrations', phase='preparing', server=held.id)
        free.move()
        free.ended('completed')
        check.control('release-migrations', server=held.id)
        held.ended('completed')
    finally:
        check.control('release-migrations')
        held.delete(), free.delete()


def compute_goes_and_comes(check):
    name = check.lab.hosts[-1]
    one = Moves(check, availability_zone='nova:' + name)
    try:
        demand(one.built() == 'ACTIVE' and one.source == name, 'it is not on ' + name)

        def state():
            return next(service['state'] for service in one.cloud.services()
                        if service['host'] == name and service['binary'] == 'nova-compute')
        check.control('compute-down', name=name)
        demand(state() == 'down', 'it is not down')
        check.control('compute-up', name=name)
        demand(state() == 'up', 'it is not up')
        one.move()
        one.ended('completed')
        demand(one.host() != name, 'its guest did not survive')
        check.control('compute-down', code=404, name='nowhere')
    finally:
        one.delete()


def disturbed(check):
    cloud = Cloud(check.lab)
    cloud.services()
    for service, name, path in (('identity', 'keystone', '/v3/projects'),
                                ('compute', 'nova-api', '/v2.1/servers'),
                                ('image', 'glance', '/v2/images'),
                                ('network', 'neutron', '/v2.0/networks'),
                                ('placement', 'placement', '/resource_providers')):
        check.control('disturb', service=service, method='GET', requests=1, answer=503)
        try:
            cloud.call('GET', name, path)
        except Refused as refused:
            demand(refused.code == 503, '%s: %s' % (service, refused))
        else:
            raise Failed('%s was not disturbed' % service)
        cloud.call('GET', name, path)
        for when in ('before', 'after'):
            check.control('disturb', service=service, cut=when)
            try:
                cloud.call('GET', name, path)
            except Refused as refused:
                raise Failed('%s: answered, not cut: %s' % (service, refused)) from None
            except Exception:
                pass
            else:
                raise Failed('%s was not cut %s' % (service, when))
            cloud.call('GET', name, path)
    check.control('disturb', service='compute', requests=50, delay_ms=60000)
    check.control('calm')
    cloud.services()


def refuses_nonsense(check):
    check.control('hold-migrations', code=400, phase='nowhere')
    check.control('fail-next-build', code=400, computes='two')
    check.control('sing', code=404)
    check.control('expire-tokens', code=501)


def manager(check):
    """From 33 on a project's manager may migrate its instances, but not say where to."""
    member = Cloud(check.lab, 'member')
    one = Moves(check, member)
    try:
        demand(one.built() == 'ACTIVE', 'the instance did not boot')
        for user, host, codes in (('reader', None, (403,)), ('member', None, (403,)),
                                  ('manager', check.lab.hosts[0], (403,))):
            try:
                one.cloud = Cloud(check.lab, user)
                one.move(host)
            except Refused as refused:
                demand(refused.code in codes, '%s: %s' % (user, refused))
            else:
                raise Failed('a %s may live-migrate to %s' % (user, host))
        may = check.lab.venv is not None and int(check.lab.release.split('.')[0]) >= 33
        one.cloud = Cloud(check.lab, 'manager')
        try:
            one.move()
        except Refused as refused:
            demand(refused.code == 403 and not may, 'the manager: %s' % refused)
        else:
            demand(may, 'a manager may live-migrate')
        one.cloud = Cloud(check.lab)
        if may:
            one.ended('completed')
    finally:
        one.cloud = Cloud(check.lab)
        one.delete()


def control_checks(check):
    late = check.lab.venv is not None and int(check.lab.release.split('.')[0]) >= 32
    seen = {'requested': None, 'accepted': ('accepted', False), 'source-held': ('accepted', False),
            'chosen': ('accepted', False), 'checked': ('accepted', True),
            'queued': ('queued', True), 'preparing': ('preparing', True),
            'running': ('running', True), 'landed': ('running', True),
            'completed': ('completed', True)}
    for phase in orders.MIGRATION_PHASES:
        check.check('a migration waits where it is %s' % phase, held_in(check, phase, seen[phase]))
    ends = {'prepare': 'failed', 'copy': 'failed', 'finish': 'error' if late else 'completed'}
    for step in orders.FAIL_STEPS:
        check.check('a migration fails at %s' % step,
                    fails_at(check, step, ends.get(step, 'error')))
    tasks = {'scheduling': 'scheduling', 'placed': 'scheduling',
             'block-devices': 'block_device_mapping'}
    for phase in orders.BOOT_PHASES:
        check.check('a boot waits where it is %s' % phase,
                    boot_held_in(check, phase, tasks.get(phase, phase)))
    check.check('a build fails once and goes elsewhere', build_fails(check, 1, 'ACTIVE'))
    check.check('a build fails everywhere', build_fails(check, 3, 'ERROR'))
    for how in ('abort', 'force', 'abort-queued'):
        check.check('an operator\'s %s' % how, stopped_by_the_operator(check, how))
    for name, work in (('orders for one instance', only_for_one),
                       ('a compute goes down and comes back', compute_goes_and_comes),
                       ('services are disturbed', disturbed),
                       ('control refuses nonsense', refuses_nonsense),
                       ('who may live-migrate', manager)):
        check.check(name, lambda work=work: work(check))


# -- the suite --------------------------------------------------------------------------------


def whimbrel():
    for path in (os.environ.get('WHIMBREL'), HOME.parent / 'target/release/whimbrel',
                 HOME.parent / 'target/debug/whimbrel', shutil.which('whimbrel')):
        if path and os.access(path, os.X_OK):
            return path
    raise Failed('there is no whimbrel: build it, or say in WHIMBREL where it is')


def suite(check, *features):
    """Runs the suite; the titles of the scenarios that were green, and those that were red."""
    surroundings = {name: value for name, value in os.environ.items()
                    if not name.startswith(('OS_', 'WHIMBREL_'))}
    surroundings['OS_CLIENT_CONFIG_FILE'] = str(check.lab.path('clouds.yaml'))
    done = subprocess.run(
        [whimbrel(), 'run', *features, '--cloud', 'lab-admin', '--member', 'lab-member',
         '--allow', 'hosts'], env=surroundings, cwd=check.lab.path('tmp'), capture_output=True,
        text=True, timeout=900, check=False)
    check.lab.path('log', 'suite.log').write_text(done.stdout + done.stderr)
    titles = {mark: set(re.findall('^  %s (.*?)  +' % mark, done.stdout, re.M)) for mark in '✔✘'}
    demand(titles['✔'] or titles['✘'], 'no scenario ran: ' + done.stderr[-500:])
    return titles['✔'], titles['✘']


def suite_checks(check):
    several = FEATURES / 'one_of_several.feature'

    def green():
        _, red = suite(check, FEATURES)
        demand(not red, 'red: ' + '; '.join(sorted(red)))

    def red_with_the_bug():
        check.run('bug', '1718455', 'on')
        try:
            passed, failed = suite(check, several)
        finally:
            check.run('bug', '1718455', 'off')
        # All of that feature but those that boot nothing together.
        alone = {title for title in passed | failed if 'booted alone' in title
                 or 'requested separately' in title}
        demand(passed == alone, 'green were: ' + '; '.join(sorted(passed)))

    def green_without_the_bug():
        _, red = suite(check, several)
        demand(not red, 'red: ' + '; '.join(sorted(red)))

    check.check('the suite passes', green)
    check.check('with bug 1718455 just those of several booted together fail', red_with_the_bug)
    check.check('without it they pass again', green_without_the_bug)


# -- starting and stopping --------------------------------------------------------------------


def start_checks(check):
    def up(within):
        def work():
            began = time.monotonic()
            check.run('up')
            demand(time.monotonic() - began < within, 'it took more than %d s' % within)
        return work

    def down():
        check.run('down')
        left = check.left_over()
        demand(not left, 'left over: %s' % left)
        check.run('status', code=1)

    def taken():
        check.lab = Lab(check.lab.folder, check.lab.release)
        port = check.lab.port('keystone')
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((ADDRESS, port))
            other.listen()
            said = check.run('up')
        demand('keystone was taken' in said, 'it did not say so: ' + said)
        check.lab = Lab(check.lab.folder, check.lab.release)
        demand(check.lab.port('keystone') != port, 'it has the same port')
        check.run('status')

    def killed():
        check.run('down')
        half = subprocess.Popen([HOME / 'up', *check.options], stdout=subprocess.DEVNULL)
        time.sleep(8)
        half.kill()
        half.wait()
        demand(Processes(check.lab.path('run')).running(), 'nothing ran yet')
        check.run('up')
        check.run('status')

    def dead_service():
        Processes(check.lab.path('run')).kill(['glance'])
        check.run('status', code=1)
        check.run('up')
        check.run('status')

    def reset():
        Cloud(check.lab).boot('left')
        check.control('hold-boots', phase='spawning')
        Cloud(check.lab).boot('held')
        check.control('compute-down', name=check.lab.hosts[0])
        check.run('reset')
        check.run('status')
        servers = Cloud(check.lab).call('GET', 'nova-api', '/v2.1/servers?all_tenants=1')
        demand(servers['servers'] == [], 'there are instances')
        demand(all(service['state'] == 'up' for service in Cloud(check.lab).services()),
               'a service is not up')

    def hard_reset():
        cloud = Cloud(check.lab)
        cloud.call('POST', 'nova-api', '/v2.1/os-server-groups',
                   {'server_group': {'name': 'left', 'policy': 'affinity'}})
        check.run('reset', '--hard')
        groups = Cloud(check.lab).call('GET', 'nova-api', '/v2.1/os-server-groups')
        demand(groups['server_groups'] == [], 'there is a group')

    check.check('up again, nothing to do', up(30))
    check.check('a service that died is started again', dead_service)
    check.check('reset', reset)
    check.check('reset --hard', hard_reset)
    check.check('down leaves no process', down)
    check.check('up when a port is taken', taken)
    check.check('up after an up that was killed', killed)


def run(lab, options, parts):
    check = Check(lab, options)
    check.check('up', lambda: check.run('up'))
    check.lab = Lab(lab.folder, lab.release)
    if check.counts[False] == 0:
        for name, checks in (('control', control_checks), ('suite', suite_checks),
                             ('start', start_checks)):
            if name in parts:
                checks(check)
    check.check('down', lambda: check.run('down'))
    check.check('no process is left', lambda: demand(
        not check.left_over(), 'left over: %s' % check.left_over()))
    print('%d passed, %d failed' % (check.counts[True], check.counts[False]))
    sys.exit(1 if check.counts[False] else 0)
