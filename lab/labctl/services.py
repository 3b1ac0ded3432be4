"""The services: what each is started with, what it needs, and when it is ready."""

import os
import shutil
import socket
import urllib.error
import urllib.request

from labctl import database
from labctl.lab import ADDRESS, HOME
from labctl.steps import Step

LAUNCH = HOME / 'lab_plugins' / 'launch.py'
# No proxy stands between a lab and itself.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def openstack(lab, program, *configs):
    """The command line of one of OpenStack's programs."""
    python = lab.nova_python() if program.startswith(('nova', 'placement')) else '/usr/bin/python3'
    files = [word for name in configs for word in ('--config-file', lab.path('etc', name))]
    return [python, '-s', LAUNCH, program, *files]


def uwsgi(lab, name, *more):
    """A WSGI server for a program that has none of its own."""
    return ['/usr/bin/uwsgi', '--http-socket', '%s:%d' % (ADDRESS, lab.port(name)),
            '--plugin', 'python3', '--pythonpath', HOME,
            '--module', 'lab_plugins.wsgi_' + name.replace('-', '_'),
            '--master', '--enable-threads', '--need-app', '--die-on-term', '--thunder-lock',
            '--buffer-size', '65535', '--worker-reload-mercy', '2',
            # It would keep the connection open and yet serve no second request on it.
            '--add-header', 'Connection: close', '--procname-prefix', 'lab-%s ' % name, *more]


def venv_option(lab):
    return ['--virtualenv', lab.venv] if lab.venv else []


def nova_api_needs_uwsgi(lab):
    """From 32 on Nova has no program for its API."""
    return bool(lab.venv) and not list(lab.venv.glob('lib/*/site-packages/nova/cmd/api.py'))


def commands(lab):
    """Each service's command and what it is told in its environment."""
    etc = lab.path('etc')
    state = {'LAB_STATE': lab.folder}
    nova = ('nova.conf', 'nova-database.conf')
    table = {
        'mariadb': (['/usr/sbin/mariadbd', '--defaults-file=%s' % (etc / 'mariadb.cnf')], {}),
        'epmd': (['/usr/bin/epmd', '-address', ADDRESS, '-port', lab.port('epmd')], {}),
        'rabbitmq': (['/usr/lib/rabbitmq/bin/rabbitmq-server'], rabbitmq_environment(lab)),
        'keystone': (uwsgi(lab, 'keystone', '--processes', '2'),
                     {'OS_KEYSTONE_CONFIG_FILES': etc / 'keystone.conf', **state}),
        # Placement comes with Nova: it must know every trait that Nova may set.
        'placement': (uwsgi(lab, 'placement', '--processes', '2', *venv_option(lab)),
                      {'OS_PLACEMENT_CONFIG_DIR': etc / 'placement', **state}),
        'glance': (openstack(lab, 'glance-api', 'glance-api.conf'), state),
        'neutron': (openstack(lab, 'neutron-server', 'neutron.conf'), state),
        'nova-conductor': (openstack(lab, 'nova-conductor', *nova), state),
        'nova-scheduler': (openstack(lab, 'nova-scheduler', *nova), state),
        'control': (['/usr/bin/python3', '-s', '-m', 'labctl.controller', lab.folder,
                     lab.port('control')], {}),
    }
    if nova_api_needs_uwsgi(lab):
        table['nova-api'] = (
            # Calls that wait for the end of something hold a process each.
            uwsgi(lab, 'nova-api', '--processes', '4', '--lazy-apps', *venv_option(lab)),
            # The first is the paste file; all are read as configuration.
            {'OS_NOVA_CONFIG_DIR': etc,
             'OS_NOVA_CONFIG_FILES': 'nova-paste.ini;nova.conf;nova-database.conf', **state})
    else:
        table['nova-api'] = (openstack(lab, 'nova-api', *nova), state)
    for compute in lab.hosts:
        table['nova-' + compute] = (
            openstack(lab, 'nova-compute', 'nova.conf', 'nova-%s.conf' % compute), state)
    return table


def rabbitmq_environment(lab):
    home = lab.path('rabbitmq')
    return {
        'HOME': home,
        'ERL_EPMD_ADDRESS': ADDRESS,
        'ERL_EPMD_PORT': lab.port('epmd'),
        'RABBITMQ_NODENAME': 'whimbrel-lab-%d@localhost' % lab.port('rabbitmq'),
        'RABBITMQ_CONF_ENV_FILE': lab.path('etc/rabbitmq-env.conf'),
        'RABBITMQ_CONFIG_FILE': lab.path('etc/rabbitmq.conf'),
        'RABBITMQ_ENABLED_PLUGINS_FILE': lab.path('etc/rabbitmq-plugins'),
        'RABBITMQ_MNESIA_BASE': home / 'mnesia',
        'RABBITMQ_LOG_BASE': home / 'log',
        'RABBITMQ_PID_FILE': home / 'pid',
        'RABBITMQ_DIST_PORT': lab.port('rabbitmq-nodes'),
        'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS':
            '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +S 2:2',
    }


def start(run, name):
    command, more = commands(run.lab)[name]
    run.processes.start(name, command, run.lab.log(name),
                        {key: str(value) for key, value in more.items()})


def answers(lab, name, path=''):
    """Whether a service answers HTTP in a way that shows that it works."""
    try:
        DIRECT.open(lab.url(name, path), timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code < 400
    except OSError:
        return False
    return True


def listens(lab, name):
    try:
        socket.create_connection((ADDRESS, lab.port(name)), timeout=1).close()
    except OSError:
        return False
    return True


# Name, what it needs, the path that answers when it is ready, and the seconds it may take.
WEB = (
    ('keystone', ('sync-keystone',), '/v3', 90),
    ('placement', ('sync-placement',), '/', 180),
    ('glance', ('sync-glance',), '/', 180),
    ('neutron', ('sync-neutron', 'rabbitmq'), '/', 180),
    ('nova-api', ('sync-nova', 'rabbitmq'), '/', 180),
    ('control', ('packages',), '/control/snapshot', 30),
)


def steps(run):
    """A step for each service; it ends when the service is ready."""
    lab = run.lab

    def begin(name, ready, seconds):
        start(run, name)
        run.wait(seconds, name + ' did not become ready', ready, name)

    def rabbitmq():
        if not run.processes.pid('rabbitmq'):
            # Nothing in it is worth keeping: an empty one starts faster and has no old messages.
            shutil.rmtree(lab.path('rabbitmq'), ignore_errors=True)
            lab.path('rabbitmq').mkdir()
            os.makedirs(lab.path('rabbitmq/mnesia'))
        begin('epmd', lambda: listens(lab, 'epmd'), 15)
        begin('rabbitmq', lambda: listens(lab, 'rabbitmq'), 120)

    def mariadb():
        database.make_folder(run)
        begin('mariadb', lambda: database.answers(lab), 90)

    def web(name, path, seconds):
        return lambda: begin(name, lambda: answers(lab, name, path), seconds)

    found = [Step('rabbitmq', ('packages',), rabbitmq), Step('mariadb', ('packages',), mariadb)]
    for name, needs, path, seconds in WEB:
        found.append(Step(name, needs, web(name, path, seconds)))
    for name in ('nova-conductor', 'nova-scheduler'):
        # They look for placement as soon as they start, and so do the computes.
        found.append(Step(name, ('sync-nova', 'catalog', 'rabbitmq'),
                          lambda name=name: start(run, name)))
    for compute in lab.hosts:
        found.append(Step('nova-' + compute, ('nova-conductor',),
                          lambda name='nova-' + compute: start(run, name)))
    return found
