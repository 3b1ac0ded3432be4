"""`lab/check`: whether the lab does what README.md says. Prints a line for each check."""

import sys

from labctl.check_control import control_checks
from labctl.check_pieces import pieces_checks
from labctl.check_start import start_checks
from labctl.check_suite import suite_checks
from labctl.checks import Check, demand
from labctl.lab import Lab

# The first needs no lab.
PIECES = 'pieces'
PARTS = {PIECES: pieces_checks, 'control': control_checks, 'suite': suite_checks,
         'start': start_checks}


def run(lab, options, parts):
    check = Check(lab, options)
    if PIECES in parts:
        pieces_checks(check)
    if parts := [part for part in parts if part != PIECES]:
        on_a_lab(check, lab, parts)
    print('%d passed, %d failed' % (check.counts[True], check.counts[False]))
    sys.exit(1 if check.counts[False] else 0)


def on_a_lab(check, lab, parts):
    failed = check.counts[False]
    check.check('up', lambda: check.run('up'))
    check.lab = Lab(lab.folder, lab.release)   # it has ports now
    if check.counts[False] == failed:
        for part in parts:
            PARTS[part](check)
    check.check('down', lambda: check.run('down'))
    check.check('no process is left', lambda: demand(
        not check.left_over(), 'left over: %s' % check.left_over()))
