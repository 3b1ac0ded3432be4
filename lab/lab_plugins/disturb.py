"""Stands before a service's API and spoils requests when it is told to.

Only what clients ask is spoilt: the services ask each other, too, and would take the disturbances
that were meant for a client.
"""

import socket
import time

from lab_plugins import orders

CLIENTS = ('openstack', 'whimbrel', 'python-novaclient', 'curl', 'tempest')
SERVICES = ('keystoneauth', 'keystonemiddleware', 'glanceclient', 'neutronclient')


class Disturb:
    def __init__(self, app, service):
        self.app = app
        self.service = service
        self.orders = orders.of_this_lab()

    def __call__(self, environ, start_response):
        what = None
        if is_client(environ.get('HTTP_USER_AGENT', '').lower()):
            what = self.orders.next_disturbance(self.service, environ['REQUEST_METHOD'])
        if what is None:
            return self.app(environ, start_response)
        if 'delay_ms' in what:
            time.sleep(what['delay_ms'] / 1000)
            return self.app(environ, start_response)
        if what.get('cut') == 'before':
            return cut(environ, start_response)
        if 'answer' in what:
            return answer(what['answer'], what.get('retry_after'), start_response)
        # The others are handled first, and the client gets something else.
        for _ in self.app(environ, lambda *_: lambda _: None):
            pass
        if what.get('cut') == 'after':
            return cut(environ, start_response)
        return answer(what['answer_after'], None, start_response)


def is_client(agent):
    return any(word in agent for word in CLIENTS) or not any(word in agent for word in SERVICES)


def answer(status, retry_after, start_response):
    headers = [('Content-Type', 'text/plain'), ('Content-Length', '0')]
    if retry_after is not None:
        headers.append(('Retry-After', str(retry_after)))
    start_response('%d Disturbed' % status, headers)
    return [b'']


def cut(environ, start_response):
    """Ends the connection without an answer."""
    if 'eventlet.input' in environ:
        connection = environ['eventlet.input'].get_socket()
    else:
        import uwsgi   # there is such a module only in a service that uwsgi runs
        connection = socket.socket(fileno=uwsgi.connection_fd())
    connection.shutdown(socket.SHUT_RDWR)
    if 'eventlet.input' not in environ:
        connection.detach()   # it is uwsgi's to close
    start_response('500 Cut', [('Content-Length', '0')])
    return [b'']


def filter_factory(_, service):
    return lambda app: Disturb(app, service)
