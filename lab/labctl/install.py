"""Installs what the lab needs: Debian's packages, and a Nova from PyPI if one is wanted."""

import os
import pathlib
import subprocess

from labctl.lab import HOME, Problem, has

PACKAGES = (
    'mariadb-server', 'rabbitmq-server', 'uwsgi-core', 'uwsgi-plugin-python3',
    'python3-nova', 'python3-keystone', 'python3-glance', 'python3-placement', 'python3-neutron',
    'python3-pymysql', 'python3-openstackclient', 'python3-pip',
    'python3-fixtures',   # Nova's fake driver imports it, but its package does not ask for it
)
NO_SERVICES = pathlib.Path('/usr/sbin/policy-rc.d')


def missing_packages():
    asked = subprocess.run(
        ['dpkg-query', '-W', '-f', '${Package} ${db:Status-Status}\n', *PACKAGES],
        capture_output=True, text=True, check=False)
    there = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(' installed')}
    return [name for name in PACKAGES if name not in there]


def packages(run):
    if not has('dpkg-query'):
        raise Problem('the lab is made of Debian 12 packages, and this is not a Debian')
    missing = missing_packages()
    if not missing:
        return
    root = [] if os.geteuid() == 0 else ['sudo', '-n']
    if root and (not has('sudo') or subprocess.run(
            ['sudo', '-n', 'true'], capture_output=True, check=False).returncode):
        raise Problem('packages are missing and sudo -n does not work here; have them installed:\n'
                      '  apt-get install --no-install-recommends ' + ' '.join(missing))
    run.say('installing %d packages' % len(missing))
    # Debian starts a service when it installs it, unless this file forbids it.
    ours = not NO_SERVICES.exists()
    if ours:
        subprocess.run([*root, 'sh', '-c', 'printf "#!/bin/sh\\nexit 101\\n" >%s && chmod 755 %s'
                        % (NO_SERVICES, NO_SERVICES)], check=True)
    try:
        install = [*root, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', '-y', '-q',
                   '--no-install-recommends', '-o', 'Dpkg::Use-Pty=0',
                   '-o', 'Dpkg::Options::=--force-unsafe-io',
                   '-o', 'Dpkg::Options::=--force-confold',
                   '-o', 'DPkg::Lock::Timeout=120', *missing]
        try:
            run.command('apt', install, more=proxies(), bound=False)
        except Problem:
            # Most often the lists of packages are old or were never fetched.
            run.command('apt', [*root, 'apt-get', 'update', '-q'], more=proxies(),
                        bound=False)
            run.command('apt', install, more=proxies(), bound=False)
    finally:
        if ours:
            subprocess.run([*root, 'rm', '-f', str(NO_SERVICES)], check=False)
    run.say('packages installed')


def venv(run):
    """Nova and Placement in a venv of Debian's Python, so that Debian's uwsgi can load them."""
    lab = run.lab
    if lab.venv is None or lab.done('venv'):
        return
    run.say('installing Nova %s from PyPI' % lab.release)
    limits = HOME / 'constraints' / (lab.release + '.txt')
    wanted = ['nova==' + lab.release, 'openstack-placement', 'SQLAlchemy<2.1', 'fixtures',
              'PyMySQL']
    series = int(lab.release.split('.')[0])
    if series < 32:
        wanted.append('setuptools<81')   # it imports pkg_resources, which later ones lack
    if series < 31:
        wanted.append('oslo.utils<8')   # it imports secretutils.md5, which later ones lack
    python = lab.venv / 'bin/python'
    run.command('venv', ['/usr/bin/python3', '-m', 'venv', '--clear', '--without-pip', lab.venv])
    run.command('pip', ['/usr/bin/python3', '-m', 'pip', '--python', python, 'install', '-q',
                        '--no-compile', *(['-c', limits] if limits.exists() else []), *wanted],
                more=proxies())
    # Compiled once here, or else by every service at every start: services write nothing there.
    run.command('pip', [python, '-m', 'compileall', '-q', '-j', '2', '-x', '/(tests|unit)/',
                        lab.venv / 'lib'], codes=(0, 1))
    lab.mark_done('venv')
    run.say('Nova %s installed' % lab.release)


def proxies():
    """What apt and pip may need from the caller to reach the network; services do not get it."""
    keep = ('_proxy', '_PROXY')
    return {name: value for name, value in os.environ.items()
            if name.endswith(keep) or name.startswith('PIP_')}
