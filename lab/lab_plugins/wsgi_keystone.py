"""Keystone for uwsgi."""

from keystone.server.wsgi import initialize_public_application

from lab_plugins import disturb

application = disturb.Disturb(initialize_public_application(), 'identity')
