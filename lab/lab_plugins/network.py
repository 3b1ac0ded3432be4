"""Binds every port on every compute: the lab has no agents, and nothing to wire.

Without it Neutron leaves each port `binding_failed`, for want of an agent that could wire it.
"""

import threading

from neutron_lib import constants
from neutron_lib import context as neutron_context
from neutron_lib.api.definitions import portbindings
from neutron_lib.callbacks import resources
from neutron_lib.plugins.ml2 import api

from neutron.db import provisioning_blocks


class LabMechanismDriver(api.MechanismDriver):

    connectivity = portbindings.CONNECTIVITY_L2

    def initialize(self):
        """Nothing is to be prepared."""

    def bind_port(self, context):
        segment = context.segments_to_bind[0]
        context.set_binding(segment[api.ID], portbindings.VIF_TYPE_OVS,
                            {portbindings.CAP_PORT_FILTER: True},
                            status=constants.PORT_STATUS_ACTIVE)

    def update_port_postcommit(self, context):
        port = context.current
        of_instance = port['device_owner'].startswith(constants.DEVICE_OWNER_COMPUTE_PREFIX)
        if context.host and of_instance and port['status'] == constants.PORT_STATUS_DOWN:
            # A live migration has made another compute's binding the active one, and Neutron waits
            # for the agent there. It must not be told from within this call, which has the port
            # locked: that costs seconds.
            threading.Timer(0.1, wired, (port['id'],)).start()


def wired(port):
    provisioning_blocks.provisioning_complete(
        neutron_context.get_admin_context(), port, resources.PORT,
        provisioning_blocks.L2_AGENT_ENTITY)
