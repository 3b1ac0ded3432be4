"""Placement for uwsgi."""

from placement.wsgi import init_application

from lab_plugins import disturb

application = disturb.Disturb(init_application(), 'placement')
