"""Fills the templates of `etc/` with this lab's ports, folders and passwords."""

import base64
import os
import string

from labctl.lab import ADDRESS, HOME, Problem

# user, project, roles
ACCOUNTS = {
    'admin': ('admin', ('admin',)),
    'manager': ('demo', ('manager', 'member', 'reader')),
    'member': ('demo', ('member', 'reader')),
    'reader': ('demo', ('reader',)),
}
SERVICE_USERS = ('nova', 'placement', 'glance', 'neutron')

AUTH = """\
auth_type = password
auth_url = %(keystone)s/v3
username = %(user)s
password = %(password)s
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne"""

CLOUD = """\
  lab-%(user)s:
    region_name: RegionOne
    identity_api_version: 3
    auth:
      auth_url: %(keystone)s/v3
      username: %(user)s
      password: %(password)s
      project_name: %(project)s
      user_domain_name: Default
      project_domain_name: Default"""


def database_url(lab):
    return 'mysql+pymysql://lab:%s@%s:%d' % (lab.secret('database'), ADDRESS, lab.port('mariadb'))


def broker_url(lab):
    return 'rabbit://lab:%s@%s:%d/' % (lab.secret('rabbitmq'), ADDRESS, lab.port('rabbitmq'))


def values(lab):
    keystone = lab.url('keystone')
    known = {
        'folder': lab.folder,
        'address': ADDRESS,
        # MariaDB refuses to be root unless it is told to.
        'mariadb_user': 'user = root' if os.getuid() == 0 else '',
        'database': database_url(lab),
        'broker': broker_url(lab),
        'secret_rabbitmq': lab.secret('rabbitmq'),
        'url_glance': lab.url('glance'),
        'url_control': lab.url('control'),
    }
    for name, port in lab.settings['ports'].items():
        known['port_' + name.replace('-', '_')] = port
    for name in SERVICE_USERS:
        auth = AUTH % {'keystone': keystone, 'user': name, 'password': lab.secret('service')}
        known['auth_' + name] = auth
        known['authtoken_' + name] = ('[keystone_authtoken]\nwww_authenticate_uri = %s/v3\n%s'
                                      % (keystone, auth))
    known['clouds'] = '\n'.join(
        CLOUD % {'user': name, 'keystone': keystone, 'project': project,
                 'password': lab.secret(name)}
        for name, (project, _) in ACCOUNTS.items())
    return known


def write(lab):
    known = values(lab)
    templates = HOME / 'etc'
    for path in sorted(templates.rglob('*')):
        name = path.relative_to(templates)
        if path.is_dir() or path.name == 'nova-compute.conf':
            continue
        target = name if path.name in ('clouds.yaml', 'whimbrel.toml') else 'etc' / name
        lab.write(str(target), fill(path, known))
    for compute in lab.hosts:
        lab.path('nova', compute).mkdir(parents=True, exist_ok=True)
        lab.write('etc/nova-%s.conf' % compute,
                  fill(templates / 'nova-compute.conf', {**known, 'compute': compute}))
    keys(lab)


def fill(path, known):
    try:
        return string.Template(path.read_text()).substitute(known)
    except KeyError as missing:
        raise Problem('%s wants %s, which nobody knows' % (path, missing)) from None


def keys(lab):
    """Keystone's keys for tokens and stored credentials: 32 random bytes each.

    `keystone-manage` makes the same, in two starts of several seconds.
    """
    for kind in ('fernet', 'credential'):
        folder = lab.path('keystone', kind)
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in ('0', '1'):
            if not (folder / name).exists():
                lab.write('keystone/%s/%s' % (kind, name),
                          base64.urlsafe_b64encode(os.urandom(32)).decode())

