"""Puts the lab's plug-ins into a Nova service when the time is right."""

import sys

from lab_plugins import bugs, orders, phases


def install(program):
    """Makes the service patch its manager after it has read its configuration.

    Not now: much of Nova reads its configuration while it is imported, and would keep the defaults.
    """
    service = sys.modules['nova.service'].Service
    create = service.create.__func__

    def create_with_plugins(cls, *words, **named):
        given = orders.of_this_lab()
        phases.install(program, given)
        bugs.install(program, given)
        return create(cls, *words, **named)

    service.create = classmethod(create_with_plugins)
