"""Lets a build or a live migration be held in each of its phases, and fail in the scheduler.

The virt driver sees only some phases (see `virt/lab_driver.py`); the others are between the steps
of Nova's managers, so these wrap the steps.
"""

import functools
import time


def wrap(owner, name, before=None, after=None):
    """Calls `before` with the arguments of a method, and `after` with those when it has ended."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def wrapped(*words, **named):
        if before:
            before(*words, **named)
        try:
            return method(*words, **named)
        finally:
            if after:
                after(*words, **named)

    setattr(owner, name, wrapped)


def install(program, orders):
    if program == 'nova-conductor':
        conductor(orders)
    elif program == 'nova-compute':
        compute(orders)


def conductor(orders):
    from nova.conductor import manager
    from nova.conductor.tasks import live_migrate
    from nova.conductor.tasks import migrate
    from nova import exception

    def hold_move(phase, instance):
        orders.wait_while_held('migrations', phase, instance.uuid, instance.metadata)

    def requested(_, context, instance, *words, **named):
        orders.begin('migration', instance.uuid, instance.metadata)
        hold_move('requested', instance)

    # There is no record before this, and none of the source's allocation is the migration's.
    wrap(manager.ComputeTaskManager, '_live_migrate', before=requested)
    # A cold migration has its own use of this function.
    wrap(live_migrate.LiveMigrationTask, '_check_instance_is_active',
         before=lambda task: hold_move('accepted', task.instance))
    replace = migrate.replace_allocation_with_migration

    def source_held(context, instance, migration):
        result = replace(context, instance, migration)
        if migration.migration_type == 'live-migration':
            hold_move('source-held', instance)
        return result

    migrate.replace_allocation_with_migration = source_held

    def schedule(task):
        if orders.failure('migration', task.instance.uuid) == 'schedule':
            raise exception.NoValidHost(reason='the lab was told to find none')

    wrap(live_migrate.LiveMigrationTask, '_find_destination', before=schedule)

    def hold_boot(instance):
        orders.wait_while_held('boots', 'scheduling', instance.uuid, instance.metadata)

    def builds(_, context, build_requests, *words, **named):
        for request in build_requests:
            orders.begin('build', request.instance.uuid, request.instance.metadata)
        for request in build_requests:
            hold_boot(request.instance)

    def rebuilds(_, context, instances, *words, **named):
        for instance in instances:
            hold_boot(instance)

    wrap(manager.ComputeTaskManager, 'schedule_and_build_instances', before=builds)
    # Those that another compute has given back.
    wrap(manager.ComputeTaskManager, 'build_instances', before=rebuilds)


def compute(orders):
    from nova.compute import manager

    def hold(kind, phase):
        def before(_, context, instance, *words, **named):
            orders.wait_while_held(kind, phase, instance.uuid, instance.metadata)
        return before

    def queued(self, context, dest, instance, *words, **named):
        orders.wait_while_held('migrations', 'checked', instance.uuid, instance.metadata)
        if orders.held('migrations', 'queued', instance.uuid, instance.metadata, time.time_ns()):
            # A job before it in the queue of this compute, which works on one at a time, keeps it
            # queued as Nova knows it: it can be aborted there.
            waiting = self._waiting_live_migrations
            waiting[instance.uuid] = (None, None)   # as Nova itself does it a moment later
            submit(self, lambda: orders.wait_while_held(
                'migrations', 'queued', instance.uuid, instance.metadata,
                unless=lambda: instance.uuid not in waiting))

    landing = set()

    def landed(self, context, instance):
        if instance.uuid in landing:
            orders.wait_while_held('migrations', 'landed', instance.uuid, instance.metadata)

    def completed(self, context, instance, migration):
        if migration.migration_type == 'live-migration' and migration.status == 'completed':
            orders.wait_while_held('migrations', 'completed', instance.uuid, instance.metadata)

    owner = manager.ComputeManager
    wrap(owner, '_do_build_and_run_instance', before=hold('boots', 'placed'))
    wrap(owner, '_prep_block_device', before=hold('boots', 'block-devices'))
    wrap(owner, 'live_migration', before=queued)
    # The step between the destination's last and the end of the record; others take it too.
    wrap(owner, '_clean_instance_console_tokens', before=landed)
    wrap(owner, '_post_live_migration',
         before=lambda _, context, instance, *words, **named: landing.add(instance.uuid),
         after=lambda _, context, instance, *words, **named: landing.discard(instance.uuid))
    wrap(owner, '_delete_allocation_after_move', before=completed)


def submit(manager, job):
    """Puts a job into the compute's queue of live migrations."""
    if hasattr(manager, '_live_migration_executor'):
        manager._live_migration_executor.submit(job)
    else:
        from nova import thread_pool_factory as pools   # 34 and later
        pools.spawn_on(pools.ExecutorType.LIVE_MIGRATION, job)
