"""Of several instances booted together, none can be moved.

The scheduler wanted as many computes as there were instances in the request that had booted the
instance, `RequestSpec.num_instances`, and not as many as it had to place now: one.
"""

PROGRAM = 'nova-scheduler'


class Counted(list):
    """A list that says it is longer than it is."""

    def __init__(self, items, length):
        super().__init__(items)
        self.length = length

    def __len__(self):
        return self.length


def install(on):
    from nova.scheduler.manager import SchedulerManager as Scheduler
    schedule = Scheduler._schedule

    def as_it_was(self, context, spec_obj, instance_uuids, *words, **named):
        if on() and instance_uuids:
            instance_uuids = Counted(instance_uuids, spec_obj.num_instances)
        return schedule(self, context, spec_obj, instance_uuids, *words, **named)

    Scheduler._schedule = as_it_was
