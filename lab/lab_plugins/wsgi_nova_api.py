"""Nova's API for uwsgi, for the releases that have no program for it (32 and later)."""

# It decides how threads are made, then reads the configuration: nothing of Nova comes before it.
from nova.wsgi.osapi_compute import application   # noqa: F401
