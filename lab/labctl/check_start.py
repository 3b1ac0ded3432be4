"""Checks of starting, stopping and resetting a lab, also where something is in the way."""

import socket
import subprocess
import time

from labctl.checks import demand
from labctl.cloud import Cloud
from labctl.lab import ADDRESS, HOME, Lab
from labctl.process import Processes


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
