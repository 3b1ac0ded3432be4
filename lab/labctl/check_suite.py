"""Checks of the suite on the lab: green as it is, red with a bug of Nova put back."""

import os
import re
import shutil
import subprocess

from labctl.checks import Failed, demand
from labctl.lab import HOME

FEATURES = HOME.parent / 'features' / 'live_migration'


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
