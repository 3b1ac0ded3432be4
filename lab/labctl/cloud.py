"""The lab's cloud through its API: filling it, finding out whether it works, emptying it."""

import json
import os
import time
import urllib.error
import urllib.request

from labctl.configure import ACCOUNTS, SERVICE_USERS
from labctl.lab import Problem
from labctl.services import DIRECT

ENDPOINTS = (('placement', 'placement', ''), ('glance', 'image', ''), ('neutron', 'network', ''),
             ('nova-api', 'compute', '/v2.1'))


class Refused(Problem):
    """An answer that tells of an error."""

    def __init__(self, method, url, code, body):
        super().__init__('%s %s: %d %s' % (method, url, code, body[:300]))
        self.code = code


class Cloud:
    """A session of one of the lab's accounts."""

    def __init__(self, lab, user='admin'):
        self.lab = lab
        self.user = user
        self.token = None

    def call(self, method, service, path, body=None, data=None):
        """Sends a request and returns the JSON that came back, if any."""
        if self.token is None and path != '/v3/auth/tokens':
            self._log_in()
        headers = {'Content-Type': 'application/octet-stream' if data else 'application/json',
                   'OpenStack-API-Version': {'nova-api': 'compute 2.93',
                                             'placement': 'placement 1.36'}.get(service, '')}
        if self.token:
            headers['X-Auth-Token'] = self.token
        if body is not None:
            data = json.dumps(body).encode()
        url = self.lab.url(service, path)
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with DIRECT.open(request, timeout=60) as answer:
                text = answer.read()
                if path == '/v3/auth/tokens':
                    self.token = answer.headers['X-Subject-Token']
                return json.loads(text) if text.startswith(b'{') else None
        except urllib.error.HTTPError as error:
            raise Refused(method, url, error.code, error.read().decode(errors='replace')) from None
        except OSError as error:
            raise Problem('%s %s: %s' % (method, url, error)) from None

    def _log_in(self):
        domain = {'id': 'default'}
        user = {'name': self.user, 'domain': domain, 'password': self.lab.secret(self.user)}
        self.call('POST', 'keystone', '/v3/auth/tokens', {'auth': {
            'identity': {'methods': ['password'], 'password': {'user': user}},
            'scope': {'project': {'name': ACCOUNTS[self.user][0], 'domain': domain}}}})

    def find_or_make(self, service, path, kind, body):
        """The thing of that name, made if there is none."""
        found = self.call('GET', service, path)[kind + 's']
        found = [thing for thing in found if thing['name'] == body['name']]
        return found[0] if found else self.call('POST', service, path, {kind: body})[kind]

    # -- the first day -----------------------------------------------------

    def fill_keystone(self):
        identity = {name: '/v3/' + name for name in ('projects', 'roles', 'users', 'services')}

        def make(kind, **body):
            return self.find_or_make('keystone', identity[kind + 's'], kind, body)

        roles = {name: make('role', name=name)['id']
                 for name in ('admin', 'manager', 'member', 'reader', 'service')}
        projects = {name: make('project', name=name, domain_id='default')['id']
                    for name in ('admin', 'demo', 'service')}
        users = [(name, project, given, self.lab.secret(name))
                 for name, (project, given) in ACCOUNTS.items()]
        users += [(name, 'service', ('admin', 'service'), self.lab.secret('service'))
                  for name in SERVICE_USERS]
        for name, project, given, password in users:
            # The bootstrap has made the first administrator.
            user = make('user', name=name, domain_id='default', password=password)['id']
            for role in given:
                self.call('PUT', 'keystone', '/v3/projects/%s/users/%s/roles/%s'
                          % (projects[project], user, roles[role]))
        for service, kind, path in ENDPOINTS:
            name = service.split('-')[0]
            entry = make('service', name=name, type=kind)['id']
            have = self.call('GET', 'keystone', '/v3/endpoints?service_id=' + entry)['endpoints']
            if not have:
                self.call('POST', 'keystone', '/v3/endpoints', {'endpoint': {
                    'service_id': entry, 'interface': 'public', 'region_id': 'RegionOne',
                    'url': self.lab.url(service, path)}})

    def fill_rest(self):
        for name, vcpus, ram in (('lab.nano', 1, 64), ('lab.small', 1, 512)):
            self.find_or_make('nova-api', '/v2.1/flavors', 'flavor',
                              {'name': name, 'vcpus': vcpus, 'ram': ram, 'disk': 1})
        self.image()
        net = self.find_or_make('neutron', '/v2.0/networks', 'network',
                                {'name': 'lab-net', 'shared': True})
        self.find_or_make('neutron', '/v2.0/subnets', 'subnet', {
            'name': 'lab-net', 'network_id': net['id'], 'ip_version': 4, 'cidr': '10.80.0.0/16',
            'enable_dhcp': False, 'gateway_ip': None})

    def image(self):
        for image in self.call('GET', 'glance', '/v2/images?name=lab-image')['images']:
            if image['status'] == 'active':
                return image['id']
            self.call('DELETE', 'glance', '/v2/images/' + image['id'])
        body = {'name': 'lab-image', 'disk_format': 'raw', 'container_format': 'bare',
                'visibility': 'public'}
        image = self.call('POST', 'glance', '/v2/images', body)['id']
        self.call('PUT', 'glance', '/v2/images/%s/file' % image, data=os.urandom(4096))
        return image

    # -- whether it works --------------------------------------------------

    def services(self):
        return self.call('GET', 'nova-api', '/v2.1/os-services')['services']

    def not_ready(self, since):
        """Which of Nova's services have not reported since that time, or are unknown to Placement.

        Nova calls a service up for half a minute after its last report, which may have come from
        an earlier life.
        """
        fresh = {(service['binary'], service['host']) for service in self.services()
                 if (service['state'] == 'up' or service['forced_down'])
                 and (service['updated_at'] or '') >= since}
        wanted = [('nova-conductor', 'control'), ('nova-scheduler', 'control')]
        wanted += [('nova-compute', compute) for compute in self.lab.hosts]
        late = ['%s on %s' % one for one in wanted if one not in fresh]
        providers = self.call('GET', 'placement', '/resource_providers')['resource_providers']
        known = {provider['name'] for provider in providers}
        return late + [name + ' in placement' for name in self.lab.hosts if name not in known]

    def boot(self, name, **more):
        """Asks for an instance and returns its id."""
        flavors = self.call('GET', 'nova-api', '/v2.1/flavors')['flavors']
        flavor = next(flavor['id'] for flavor in flavors if flavor['name'] == 'lab.nano')
        return self.call('POST', 'nova-api', '/v2.1/servers', {'server': {
            'name': name, 'imageRef': self.image(), 'flavorRef': flavor, 'networks': 'none',
            **more}})['server']['id']

    def server(self, server):
        return self.call('GET', 'nova-api', '/v2.1/servers/' + server)['server']

    def built(self, server, seconds=90):
        """The instance when it is no longer being built."""
        deadline = time.monotonic() + seconds
        while (shown := self.server(server))['status'] == 'BUILD' and time.monotonic() < deadline:
            time.sleep(0.1)
        return shown

    def boot_and_delete(self):
        """What "up" means: an instance has run."""
        server = self.boot('lab-probe')
        shown = self.built(server)
        self.delete([server])
        if shown['status'] != 'ACTIVE':
            why = shown.get('fault', {}).get('message', 'it took too long')
            raise Problem('an instance was booted and became %s: %s' % (shown['status'], why),
                          self.lab.log('nova-conductor'))

    # -- emptying it -------------------------------------------------------

    def delete(self, servers):
        deadline = time.monotonic() + 120
        for server in servers:
            self.gone('DELETE', 'nova-api', '/v2.1/servers/' + server)
        left = set(servers)
        while left:
            for server in list(left):
                if self.gone('GET', 'nova-api', '/v2.1/servers/' + server):
                    left.discard(server)
            if time.monotonic() > deadline:
                raise Problem('%d instances do not go away; lab/reset --hard helps' % len(left))
            time.sleep(0.1 if left else 0)

    def gone(self, method, service, path):
        """Sends a request about something; true if there is no such thing any more."""
        try:
            self.call(method, service, path)
        except Refused as refused:
            if refused.code == 404:
                return True
            raise
        return False

    def empty(self):
        """No instances, nothing charged, all computes in use."""
        for service in self.services():
            if service['binary'] == 'nova-compute':
                if service['status'] != 'enabled' or service['forced_down']:
                    self.call('PUT', 'nova-api', '/v2.1/os-services/' + service['id'],
                              {'status': 'enabled', 'forced_down': False})
        while servers := self.call('GET', 'nova-api', '/v2.1/servers?all_tenants=1')['servers']:
            self.delete([server['id'] for server in servers])
        providers = self.call('GET', 'placement', '/resource_providers')['resource_providers']
        for provider in providers:
            # Nova forgets some: of an instance that was deleted while it was moving, for one.
            path = '/resource_providers/%s/allocations' % provider['uuid']
            for consumer in self.call('GET', 'placement', path)['allocations']:
                self.gone('DELETE', 'placement', '/allocations/' + consumer)
        for port in self.call('GET', 'neutron', '/v2.0/ports')['ports']:
            self.gone('DELETE', 'neutron', '/v2.0/ports/' + port['id'])
        for aggregate in self.call('GET', 'nova-api', '/v2.1/os-aggregates')['aggregates']:
            path = '/v2.1/os-aggregates/%d' % aggregate['id']
            for host in aggregate['hosts']:
                self.call('POST', 'nova-api', path + '/action', {'remove_host': {'host': host}})
            self.gone('DELETE', 'nova-api', path)
        groups = self.call('GET', 'nova-api', '/v2.1/os-server-groups?all_projects=true')
        for group in groups['server_groups']:
            self.gone('DELETE', 'nova-api', '/v2.1/os-server-groups/' + group['id'])

    def force_down(self, compute, down):
        for service in self.services():
            if service['binary'] == 'nova-compute' and service['host'] == compute:
                self.call('PUT', 'nova-api', '/v2.1/os-services/' + service['id'],
                          {'forced_down': down})
