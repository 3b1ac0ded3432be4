"""Starts one of OpenStack's programs by name, with the lab's plug-ins.

Debian has the start scripts in packages that also bring init scripts, users and questions; the lab
installs only the libraries, so this stands in for those scripts.
"""

import importlib
import os
import pathlib
import sys

PROGRAMS = {
    'glance-api': 'glance.cmd.api',
    'glance-manage': 'glance.cmd.manage',
    'keystone-manage': 'keystone.cmd.manage',
    'neutron-db-manage': 'neutron.db.migration.cli',
    'neutron-server': 'neutron.cmd.eventlet.server',
    'nova-api': 'nova.cmd.api',
    'nova-compute': 'nova.cmd.compute',
    'nova-conductor': 'nova.cmd.conductor',
    'nova-manage': 'nova.cmd.manage',
    'nova-scheduler': 'nova.cmd.scheduler',
    'placement-manage': 'placement.cmd.manage',
}


def main():
    here = pathlib.Path(__file__).resolve().parent
    # Python puts the script's own folder first, where `orders` and others would be found by that
    # name alone; -s leaves PYTHONPATH, by which `lab_plugins` is found.
    sys.path[:] = [path for path in sys.path if path != str(here)]
    name = sys.argv.pop(1)
    sys.argv[0] = name
    # The program comes first of all: it decides whether eventlet replaces the standard library.
    program = importlib.import_module(PROGRAMS[name])
    if name in ('nova-compute', 'nova-conductor', 'nova-scheduler'):
        from lab_plugins import patches
        patches.install(name)
    if name == 'nova-compute':
        # Nova looks for drivers below nova.virt and nowhere else.
        import nova.virt
        nova.virt.__path__.append(os.fspath(here / 'virt'))
    sys.exit(program.main())


main()
