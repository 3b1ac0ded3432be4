"""`lab/up`: from whatever there is to a cloud in which an instance has been booted and deleted."""

import datetime
import subprocess

from labctl import configure, database, install, services
from labctl.cloud import Cloud
from labctl.lab import Problem
from labctl.steps import Step

# What a failed start says: a half-made lab is gone on with, never begun anew.
GO_ON = ('Run lab/up again: it goes on where this one stopped. lab/status shows what runs; '
         'lab/down ends it; lab/forget also removes the folder, for a new start.')


def up(run, hosts=None):
    lab = run.lab
    if hosts is not None:
        if hosts < len(lab.hosts) and lab.done('contents'):
            # Nova would go on to send instances to those that are gone.
            raise Problem('the lab has %d computes; for fewer, lab/forget it first'
                          % len(lab.hosts))
        lab.settings['hosts'] = hosts
    lab.make_folders()
    ports(run)
    configure.write(lab)
    began = now()
    cloud = Cloud(lab)
    run.steps([
        Step('packages', (), lambda: install.packages(run)),
        Step('venv', ('packages',), lambda: install.venv(run)),
        *services.steps(run),
        *database_steps(run),
        Step('catalog', ('keystone',), lambda: catalog(run, cloud)),
        Step('computes', ('nova-api', 'placement', *('nova-' + name for name in lab.hosts)),
             lambda: computes(run, cloud, began)),
        Step('contents', ('computes', 'glance', 'neutron'), lambda: contents(run, cloud)),
        Step('probe', ('contents', 'control'), lambda: probe(run, cloud)),
    ])
    if not lab.path('first.sql').exists():
        database.keep(lab)
    run.say('up: %d computes of Nova %s; an instance was booted and deleted'
            % (len(lab.hosts), version(lab)))


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S')


def ports(run):
    """Keeps the lab's ports, unless something else has taken one meanwhile."""
    lab, processes = run.lab, run.processes
    ours = set(processes.running())
    if 'rabbitmq' in ours:
        ours.add('rabbitmq-nodes')
    lost = lab.choose_ports(ours)
    for name in lost:
        run.say('the port of %s was taken by something else; it has %d now'
                % (name, lab.port(name)))
    if lost:
        # The others know the old one.
        processes.stop(processes.running())


def once(run, name, work):
    """A step that is done only once in the life of a lab."""
    def step():
        if not run.lab.done(name):
            work()
            run.lab.mark_done(name)
    return step


def database_steps(run):
    lab = run.lab

    def program(log, name, config, *words, codes=(0,)):
        run.command(log, services.openstack(lab, name, *config) + list(words), codes=codes)

    def keystone():
        config = ('keystone.conf',)
        program('sync-keystone', 'keystone-manage', config, 'db_sync')
        program('sync-keystone', 'keystone-manage', config, 'bootstrap',
                '--bootstrap-username', 'admin', '--bootstrap-project-name', 'admin',
                '--bootstrap-password', lab.secret('admin'), '--bootstrap-region-id', 'RegionOne',
                '--bootstrap-public-url', lab.url('keystone', '/v3'),
                '--bootstrap-internal-url', lab.url('keystone', '/v3'))

    def nova():
        config = ('nova.conf', 'nova-database.conf')
        program('sync-nova', 'nova-manage', config, 'api_db', 'sync')
        program('sync-nova', 'nova-manage', config, 'cell_v2', 'map_cell0',
                '--database_connection', configure.database_url(lab) + '/nova_cell0?charset=utf8')
        program('sync-nova', 'nova-manage', config, 'db', 'sync')
        # 2: there is such a cell already.
        program('sync-nova', 'nova-manage', config, 'cell_v2', 'create_cell', '--name', 'cell1',
                codes=(0, 2))

    def begin():
        database.create(lab)
        if lab.path('first.sql').exists():
            database.set_addresses(lab)
        elif not lab.done('sync-nova'):
            run.say('making the databases')

    return [
        Step('databases', ('mariadb',), begin),
        Step('sync-keystone', ('databases',), once(run, 'sync-keystone', keystone)),
        Step('sync-nova', ('databases', 'venv'), once(run, 'sync-nova', nova)),
        Step('sync-neutron', ('databases',), once(run, 'sync-neutron', lambda: program(
            'sync-neutron', 'neutron-db-manage', ('neutron.conf',), 'upgrade', 'heads'))),
        Step('sync-placement', ('databases', 'venv'), once(run, 'sync-placement', lambda: program(
            'sync-placement', 'placement-manage', ('placement/placement.conf',), 'db', 'sync'))),
        Step('sync-glance', ('databases',), once(run, 'sync-glance', lambda: program(
            'sync-glance', 'glance-manage', ('glance-api.conf',), 'db_sync'))),
    ]


def catalog(run, cloud):
    once(run, 'catalog', cloud.fill_keystone)()
    run.say('keystone is ready')


def computes(run, cloud, began):
    lab = run.lab
    seen = 'SELECT COUNT(*) FROM nova.compute_nodes WHERE deleted = 0'
    mapped = 'SELECT COUNT(*) FROM nova_api.host_mappings'

    def count(statement):
        return int(database.sql(lab, statement)[0][0])

    for compute in lab.hosts:
        run.wait(180, compute + ' did not report', lambda: count(
            seen + " AND host = '%s'" % compute) > 0, 'nova-' + compute)
    if count(mapped) < len(lab.hosts):
        run.command('discover', services.openstack(lab, 'nova-manage', 'nova.conf',
                                                   'nova-database.conf')
                    + ['cell_v2', 'discover_hosts'])
    late = ['?']

    def ready():
        late[:] = cloud.not_ready(began)
        return not late

    try:
        run.wait(120, 'Nova did not become ready', ready, 'nova-conductor',
                 'nova-scheduler', *('nova-' + name for name in lab.hosts))
    except Problem as problem:
        raise Problem('%s; late: %s' % (problem, ', '.join(late)), problem.log) from None
    run.say('%d computes are ready' % len(lab.hosts))


def contents(run, cloud):
    once(run, 'contents', cloud.fill_rest)()


def probe(run, cloud):
    cloud.boot_and_delete()


def version(lab):
    """Which Nova it is."""
    if lab.venv:
        return lab.release
    asked = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', 'python3-nova'],
                           capture_output=True, text=True, check=False)
    return asked.stdout.split(':')[-1].split('-')[0]


def missing(processes, lab):
    """Services that should run and do not."""
    running = set(processes.running())
    return [name for name in services.commands(lab) if name not in running]

