"""Bugs that Nova once had, to be put back into a running service.

Each is a module `bug_ID` here, with what it does in its first line and

    PROGRAM         the service that it is in, as 'nova-scheduler'
    install(on)     patches that service; the bug shows while `on()`, so that it comes and goes
                    without a restart

A module imports nothing of Nova before `install` is called.
"""

import importlib
import pathlib


def modules():
    here = pathlib.Path(__file__).parent
    for path in sorted(here.glob('bug_*.py')):
        yield path.stem[len('bug_'):], importlib.import_module('lab_plugins.bugs.' + path.stem)


def known():
    """What each bug does, by its number."""
    return {bug: module.__doc__.splitlines()[0] for bug, module in modules()}


def install(program, orders):
    for bug, module in modules():
        if module.PROGRAM == program:
            module.install(lambda bug=bug: orders.bug(bug))
