"""Control over HTTP: what a test may ask of the lab beyond the clouds' API.

The verbs, their JSON and their answers are those of `whimbrel cloud --control`, so that one client
serves both. README.md says how each is done to a real Nova.
"""

import http.server
import json
import pathlib
import sys

from labctl import database, services
from labctl.cloud import Cloud
from labctl.lab import ADDRESS, Lab, Problem, release_of
from labctl.process import Processes
from labctl.steps import Run
from lab_plugins import orders

SERVICES = ('identity', 'compute', 'image', 'network', 'placement')
UP_WITHIN = 60


class Wrong(Exception):
    """What a client may not ask, with the code of the answer."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def word(body, field, words):
    if body.get(field) not in words:
        raise Wrong(400, '%s must be one of: %s' % (field, ', '.join(words)))
    return body[field]


def number(body, field, least=0):
    value = body.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Wrong(400, '%s must be a whole number, at least %d' % (field, least))
    return value


def server(body):
    """The server that an order is for; none: for all, or for the next one."""
    value = body.get('server')
    if value is not None and (not isinstance(value, str) or not value or '/' in value
                              or '.' in value):
        raise Wrong(400, 'server must be the id of an instance')
    return value


class Control:
    def __init__(self, lab):
        self.lab = lab
        self.orders = orders.Orders(lab.path('control'))
        self.processes = Processes(lab.path('run'))

    def hold_migrations(self, body):
        self.orders.hold('migrations', word(body, 'phase', orders.MIGRATION_PHASES), server(body))

    def release_migrations(self, body):
        self.orders.release('migrations', server(body))

    def hold_boots(self, body):
        self.orders.hold('boots', word(body, 'phase', orders.BOOT_PHASES), server(body))

    def release_boots(self, body):
        self.orders.release('boots', server(body))

    def fail_next_migration(self, body):
        self.orders.fail_next('migration', word(body, 'step', orders.FAIL_STEPS), server(body))

    def fail_next_build(self, body):
        self.orders.fail_next('build', number(body, 'computes'))

    def durations(self, body):
        known = sorted(orders.DURATIONS)
        if not body or set(body) - set(known):
            raise Wrong(400, 'some of: ' + ', '.join(known))
        self.orders.set_durations({name: number(body, name) for name in body})

    def _compute(self, body):
        name = body.get('name')
        if not isinstance(name, str):
            raise Wrong(400, "name must be a compute's name")
        if name not in self.lab.hosts:
            raise Wrong(404, 'there is no compute %s' % name)
        return name

    def compute_down(self, body):
        name = self._compute(body)
        self.processes.kill(['nova-' + name])
        # Nova would go on to call it up until its last report is old enough.
        Cloud(self.lab).force_down(name, True)

    def compute_up(self, body):
        name, cloud = self._compute(body), Cloud(self.lab)
        run = Run(self.lab, self.processes, quiet=True)
        before = reports(cloud, name)
        if not self.processes.pid('nova-' + name):
            services.start(run, 'nova-' + name)
            run.wait(UP_WITHIN, name + ' did not report', lambda: reports(cloud, name) != before,
                     'nova-' + name)
        cloud.force_down(name, False)

    def disturb(self, body):
        service = word(body, 'service', SERVICES)
        requests = number(body, 'requests') if 'requests' in body else 1
        method = body.get('method')
        if 'answer' in body:
            what = {'answer': status(body, 'answer')}
            if 'retry_after' in body:
                what['retry_after'] = number(body, 'retry_after')
        elif 'answer_after' in body:
            what = {'answer_after': status(body, 'answer_after')}
        elif 'delay_ms' in body:
            what = {'delay_ms': number(body, 'delay_ms')}
        elif 'cut' in body:
            what = {'cut': word(body, 'cut', ('before', 'after'))}
        else:
            raise Wrong(400, 'one of answer, answer_after, delay_ms or cut must be given')
        self.orders.disturb(service, requests, {'method': method, **what})

    def calm(self, _):
        self.orders.calm()

    def expire_tokens(self, _):
        raise Wrong(501, 'the services of a real cloud remember for minutes that a token was good')

    def snapshot(self):
        """What the cloud holds."""
        counts = {
            'instances': 'nova.instances WHERE deleted = 0',
            'ports': 'neutron.ports',
            'migrations_in_flight':
                "nova.migrations WHERE deleted = 0 AND status NOT IN ('completed', 'error', "
                "'failed', 'cancelled', 'confirmed', 'reverted', 'done')",
            'server_groups': 'nova_api.instance_groups',
            'key_pairs': 'nova_api.key_pairs',
            'allocations': 'placement.allocations',
            'touched_computes': "nova.services WHERE deleted = 0 AND topic = 'compute' AND "
                                '(disabled OR forced_down)',
        }
        rows = database.sql(self.lab, 'SELECT ' + ', '.join(
            '(SELECT COUNT(*) FROM %s)' % count for count in counts.values()), check=False)
        return dict.fromkeys(counts, 0) if rows is None else dict(zip(counts, map(int, rows[0])))


def status(body, field):
    value = number(body, field)
    if not 400 <= value < 600:
        raise Wrong(400, '%s must be a status code from 400 to 599' % field)
    return value


def reports(cloud, compute):
    """When a compute has last reported."""
    return [service['updated_at'] for service in cloud.services()
            if service['binary'] == 'nova-compute' and service['host'] == compute]


VERBS = {name.replace('_', '-'): getattr(Control, name) for name in (
    'hold_migrations', 'release_migrations', 'hold_boots', 'release_boots', 'fail_next_migration',
    'fail_next_build', 'durations', 'compute_down', 'compute_up', 'disturb', 'calm',
    'expire_tokens')}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    folder = None

    @property
    def control(self):
        # Read anew each time: lab/up may have given the lab more computes.
        return Control(Lab(self.folder, release_of(self.folder)))

    def do_GET(self):
        if self.path != '/control/snapshot':
            self.answer(404, {'error': 'there is only /control/snapshot'})
            return
        self.answer(200, self.control.snapshot())

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        try:
            self.verb(text)
        except Wrong as wrong:
            self.answer(wrong.code, {'error': str(wrong)})
        except Problem as problem:
            self.answer(500, {'error': str(problem)})
        else:
            self.answer(204)

    def verb(self, text):
        folder, _, name = self.path.rpartition('/')
        if folder != '/control' or name not in VERBS:
            raise Wrong(404, 'there is only /control/ with one of: ' + ', '.join(VERBS))
        try:
            body = json.loads(text) if text else {}
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Wrong(400, 'the body must be a JSON object')
        VERBS[name](self.control, body)

    def answer(self, code, body=None):
        text = b'' if body is None else json.dumps(body).encode()
        self.send_response(code)
        if body is not None:
            self.send_header('Content-Type', 'application/json')
        if code != 204:
            self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main():
    Handler.folder = pathlib.Path(sys.argv[1])
    server = http.server.ThreadingHTTPServer((ADDRESS, int(sys.argv[2])), Handler)
    server.serve_forever()


if __name__ == '__main__':
    main()
