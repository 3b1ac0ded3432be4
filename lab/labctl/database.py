"""MariaDB: the server's folder, statements, the databases, and a copy of their first state."""

import os
import shutil
import subprocess

from labctl.configure import broker_url, database_url
from labctl.lab import ADDRESS, Problem, user
from labctl.process import environment

NAMES = ('keystone', 'placement', 'glance', 'neutron', 'nova_api', 'nova', 'nova_cell0')


def socket(lab):
    return lab.path('mariadb.sock')


def _client(lab, program, *words):
    return [program, '--no-defaults', '-S', str(socket(lab)), '-u', user(), *words]


def sql(lab, statements, check=True):
    """Rows of a statement, as lists of text; `None` if it failed and need not succeed."""
    done = subprocess.run(
        _client(lab, 'mariadb', '-N', '-B'), input=statements, env=environment(),
        capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return [line.split('\t') for line in done.stdout.splitlines()]
    if check:
        raise Problem('MariaDB refused: ' + done.stderr.strip(), lab.log('mariadb'))
    return None


def answers(lab):
    return sql(lab, 'SELECT 1', check=False) is not None


def make_folder(run):
    lab = run.lab
    if lab.done('mysql'):
        return
    shutil.rmtree(lab.path('mysql'), ignore_errors=True)
    more = ['--user=root'] if os.getuid() == 0 else []
    run.command('mariadb-install', [
        'mariadb-install-db', '--no-defaults', '--datadir=%s' % lab.path('mysql'),
        '--auth-root-authentication-method=socket', '--auth-root-socket-user=' + user(),
        '--skip-test-db', *more])
    lab.mark_done('mysql')


def create(lab):
    account = "'lab'@'%s'" % ADDRESS
    statements = ["CREATE USER IF NOT EXISTS %s IDENTIFIED BY '%s';"
                  % (account, lab.secret('database'))]
    for name in NAMES:
        statements.append('CREATE DATABASE IF NOT EXISTS %s CHARACTER SET utf8mb3;' % name)
        statements.append('GRANT ALL ON %s.* TO %s;' % (name, account))
    sql(lab, '\n'.join(statements))


def set_addresses(lab):
    """Where the databases name a port, writes the one of now: it may have changed."""
    statements = []
    for service, url in (('keystone', lab.url('keystone', '/v3')),
                         ('placement', lab.url('placement')), ('glance', lab.url('glance')),
                         ('neutron', lab.url('neutron')), ('nova', lab.url('nova-api', '/v2.1'))):
        statements.append(
            "UPDATE keystone.endpoint SET url = '%s' WHERE service_id IN (SELECT id FROM "
            "keystone.service WHERE JSON_VALUE(extra, '$.name') = '%s');" % (url, service))
    database = database_url(lab)
    for name, where in (('nova_cell0', "name = 'cell0'"), ('nova', "name = 'cell1'")):
        broker = 'none:///' if name == 'nova_cell0' else broker_url(lab)
        statements.append(
            "UPDATE nova_api.cell_mappings SET transport_url = '%s', database_connection = "
            "'%s/%s?charset=utf8' WHERE %s;" % (broker, database, name, where))
    sql(lab, '\n'.join(statements))


def keep(lab):
    """Keeps what the databases hold now, for `restore`."""
    new = lab.path('first.sql.new')
    with open(new, 'w') as output:
        subprocess.run(_client(lab, 'mariadb-dump', '--databases', *NAMES), stdout=output,
                       env=environment(), check=True)
    new.replace(lab.path('first.sql'))


def restore(lab):
    sql(lab, '\n'.join('DROP DATABASE IF EXISTS %s;' % name for name in NAMES))
    create(lab)
    with open(lab.path('first.sql')) as statements:
        done = subprocess.run(_client(lab, 'mariadb'), stdin=statements, env=environment(),
                              capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem('the databases could not be restored: ' + done.stderr.strip())
