"""`lab/check`: whether the lab does what README.md says. Prints a line for each check."""

import sys

from labctl.check_control import control_checks
from labctl.check_start import start_checks
from labctl.check_suite import suite_checks
from labctl.checks import Check, demand
from labctl.lab import Lab

PARTS = {'control': control_checks, 'suite': suite_checks, 'start': start_checks}


def run(lab, options, parts):
    check = Check(lab, options)
    check.check('up', lambda: check.run('up'))
    check.lab = Lab(lab.folder, lab.release)
    if check.counts[False] == 0:
        for part in parts:
            PARTS[part](check)
    check.check('down', lambda: check.run('down'))
    check.check('no process is left', lambda: demand(
        not check.left_over(), 'left over: %s' % check.left_over()))
    print('%d passed, %d failed' % (check.counts[True], check.counts[False]))
    sys.exit(1 if check.counts[False] else 0)
