"""A fake hypervisor that several nova-compute processes can be, each a compute of its own.

Nova's fake driver, and beyond it: guests survive a restart, the source forgets a guest that has
moved away, a copy takes time and can be aborted or forced to its end, and builds and moves wait or
fail where they are told to (`lab_plugins/orders.py`).
"""

import json
import os
import threading
import time

from nova import exception
from nova.compute import power_state
from nova.compute import task_states
from nova.virt import fake

from lab_plugins import orders

try:
    from nova.virt import node   # 27 and later
except ImportError:
    node = None

STEP = 0.05
REPORT = 0.5


class Copy:
    """A guest that is being copied away from here, and what the operator wants of it."""

    def __init__(self):
        self.aborted = False
        self.forced = False

    def ended(self):
        return self.aborted or self.forced


class LabDriver(fake.FakeDriver):

    def __init__(self, virtapi, read_only=False):
        super().__init__(virtapi, read_only)
        self._orders = orders.of_this_lab()
        self._copies = {}
        self._lock = threading.Lock()

    # -- guests ------------------------------------------------------------

    def init_host(self, host):
        super().init_host(host)
        self._file = os.path.join(os.environ['LAB_STATE'], 'guests', host)
        try:
            with open(self._file) as handle:
                kept = json.load(handle)
        except FileNotFoundError:
            kept = {}
        for uuid, (name, state) in kept.items():
            self.instances[uuid] = fake.FakeInstance(name, state, uuid)

    def _keep(self):
        with self._lock:
            kept = {uuid: (guest.name, guest.state)
                    for uuid, guest in list(self.instances.items())}
            with open(self._file + '.new', 'w') as handle:
                json.dump(kept, handle)
            os.replace(self._file + '.new', self._file)

    def _add(self, instance, network_info, state=power_state.RUNNING):
        for vif in network_info or ():
            vif.fixed_ips()   # waits for the network, and raises what went wrong with it
            self._interfaces[vif['id']] = vif
        self.instances[instance.uuid] = fake.FakeInstance(instance.name, state, instance.uuid)
        self._keep()

    def _forget(self, instance, network_info=None):
        for vif in network_info or ():
            self._interfaces.pop(vif['id'], None)
        self.instances.pop(instance.uuid, None)
        self._keep()

    def _set(self, instance, state):
        if instance.uuid not in self.instances:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        self.instances[instance.uuid].state = state
        self._keep()

    def power_off(self, instance, timeout=0, retry_interval=0):
        self._set(instance, power_state.SHUTDOWN)

    def power_on(self, context, instance, network_info, *words, **named):
        self._set(instance, power_state.RUNNING)

    def pause(self, instance):
        self._set(instance, power_state.PAUSED)

    def unpause(self, instance):
        self._set(instance, power_state.RUNNING)

    def suspend(self, context, instance):
        self._set(instance, power_state.SUSPENDED)

    def resume(self, context, instance, network_info, *words, **named):
        self._set(instance, power_state.RUNNING)

    def destroy(self, context, instance, network_info, *words, **named):
        self._forget(instance, network_info)

    def finish_migration(self, context, migration, instance, disk_info, network_info, image_meta,
                         resize_instance, allocations, block_device_info=None, power_on=True,
                         **named):
        self._add(instance, network_info,
                  power_state.RUNNING if power_on else power_state.SHUTDOWN)

    def finish_revert_migration(self, context, instance, network_info, migration,
                                block_device_info=None, power_on=True, **named):
        self._add(instance, network_info,
                  power_state.RUNNING if power_on else power_state.SHUTDOWN)

    def detach_interface(self, context, instance, vif):
        self._interfaces.pop(vif['id'], None)

    # -- who this compute is: the fake driver's answer changes at each start ---------------------

    def get_available_resource(self, nodename):
        resources = super().get_available_resource(nodename)
        if node:
            resources['uuid'] = node.get_local_node_uuid()
        return resources

    def get_nodenames_by_uuid(self, refresh=False):
        return {node.get_local_node_uuid(): self.get_available_nodes()[0]}

    # -- builds ------------------------------------------------------------

    def _hold_boot(self, phase, instance):
        self._orders.wait_while_held('boots', phase, instance.uuid, instance.metadata)

    def prepare_networks_before_block_device_mapping(self, instance, network_info):
        self._hold_boot('networking', instance)

    def spawn(self, context, instance, image_meta, injected_files, admin_password, allocations,
              network_info=None, block_device_info=None, power_on=True, *words, **named):
        if instance.task_state == task_states.SPAWNING:   # and not unshelved, rebuilt, rebooted
            time.sleep(self._orders.seconds('boot_ms', instance.metadata))
            self._hold_boot('spawning', instance)
            if self._orders.one_build_fails(instance.uuid):
                raise exception.ComputeResourcesUnavailable(
                    reason='the lab was told to fail this build')
        self._add(instance, network_info,
                  power_state.RUNNING if power_on else power_state.SHUTDOWN)

    # -- live migration ----------------------------------------------------

    def _hold_move(self, phase, instance, unless=None):
        self._orders.wait_while_held('migrations', phase, instance.uuid, instance.metadata, unless)

    def _fails(self, step, instance):
        return self._orders.failure('migration', instance.uuid) == step

    def check_can_live_migrate_destination(self, context, instance, *words, **named):
        self._hold_move('chosen', instance)
        if self._fails('check-destination', instance):
            raise exception.MigrationPreCheckError(reason='the lab was told to fail this check')
        return super().check_can_live_migrate_destination(context, instance, *words, **named)

    def check_can_live_migrate_source(self, context, instance, *words, **named):
        if self._fails('check-source', instance):
            raise exception.MigrationPreCheckError(reason='the lab was told to fail this check')
        return super().check_can_live_migrate_source(context, instance, *words, **named)

    def pre_live_migration(self, context, instance, *words, **named):
        time.sleep(self._orders.seconds('prepare_ms', instance.metadata))
        self._hold_move('preparing', instance)
        if self._fails('prepare', instance):
            raise exception.MigrationError(reason='the lab was told to fail the preparation')
        return super().pre_live_migration(context, instance, *words, **named)

    def live_migration(self, context, instance, dest, post_method, recover_method,
                       block_migration=False, migrate_data=None):
        copy = self._copies[instance.uuid] = Copy()
        try:
            self._copy(instance, copy, migrate_data)
        finally:
            self._copies.pop(instance.uuid, None)
        if copy.aborted:
            ended = 'cancelled'
        elif self._fails('copy', instance):
            ended = 'failed'
        elif self._fails('copy-without-rollback', instance):
            raise exception.MigrationError(reason='the lab was told to fail the copy')
        else:
            post_method(context, instance, dest, block_migration, migrate_data)
            return
        recover_method(context, instance, dest, migrate_data, migration_status=ended)

    def _copy(self, instance, copy, migrate_data):
        """Copies memory for a while, and says how far it is as often as a hypervisor would."""
        lasts = self._orders.seconds('migrate_ms', instance.metadata)
        began, reported = time.monotonic(), None
        while not copy.ended():
            spent = time.monotonic() - began
            if reported is None or spent - reported >= REPORT:
                reported = spent
                report(instance, migrate_data, min(1.0, spent / lasts) if lasts else 1.0)
            if spent >= lasts:
                break
            time.sleep(min(STEP, lasts - spent))
        self._hold_move('running', instance, unless=copy.ended)

    def live_migration_abort(self, instance):
        if copy := self._copies.get(instance.uuid):
            copy.aborted = True

    def live_migration_force_complete(self, instance):
        if copy := self._copies.get(instance.uuid):
            copy.forced = True

    def post_live_migration(self, context, instance, block_device_info, migrate_data=None):
        self._forget(instance)

    def post_live_migration_at_source(self, context, instance, network_info):
        self._forget(instance, network_info)

    def post_live_migration_at_destination(self, context, instance, network_info, *words, **named):
        if self._fails('finish', instance):
            raise exception.MigrationError(reason='the lab was told to fail the last step')
        paused = instance.power_state == power_state.PAUSED
        self._add(instance, network_info,
                  power_state.PAUSED if paused else power_state.RUNNING)

    def rollback_live_migration_at_destination(self, context, instance, network_info, *words,
                                               **named):
        self._forget(instance, network_info)


def report(instance, migrate_data, share):
    migration = getattr(migrate_data, 'migration', None)
    if migration is None:
        return
    migration.memory_total = instance.flavor.memory_mb * 1024 * 1024
    migration.memory_processed = int(migration.memory_total * share)
    migration.memory_remaining = migration.memory_total - migration.memory_processed
    migration.save()
    instance.progress = int(100 * share)
    instance.save()
