"""Checks of the lab's control: each phase, each failure, and who may do what."""

import time

from labctl.checks import Check, Failed, demand
from labctl.cloud import Cloud, Refused
from lab_plugins import orders


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
            broken = step in ('finish', 'copy-without-rollback')
            status = one.cloud.server(one.id)['status']
            demand(status == ('ERROR' if broken else 'ACTIVE'), 'the instance is ' + status)
            if not broken:
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
