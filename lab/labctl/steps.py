"""Steps that need each other, each started as soon as all it needs are done."""

import queue
import subprocess
import threading
import time
from typing import Callable, NamedTuple

from labctl.lab import Problem
from labctl.process import environment


class Step(NamedTuple):
    name: str
    needs: tuple
    run: Callable[[], None]


class Run:
    """One `up`: its clock, what it tells, and whether something has gone wrong."""

    def __init__(self, lab, processes, quiet=False):
        self.lab = lab
        self.processes = processes
        self.failed = threading.Event()
        self.began = time.monotonic()
        self.quiet = quiet

    def say(self, text):
        if not self.quiet:
            print('[%5.1f s] %s' % (time.monotonic() - self.began, text), flush=True)

    def steps(self, steps):
        """Runs all; the first that fails is raised after those under way have ended."""
        left, done, ended, under_way = list(steps), set(), queue.Queue(), 0
        problem = None
        names = {step.name for step in left}
        while left or under_way:
            ready = [step for step in left if done.issuperset(n for n in step.needs if n in names)]
            for step in ready if problem is None else ():
                left.remove(step)
                under_way += 1
                threading.Thread(target=self._one, args=(step, ended), daemon=True).start()
            if under_way == 0:
                break
            step, error = ended.get()
            under_way -= 1
            if error is None:
                done.add(step.name)
            elif problem is None:
                problem = error
                self.failed.set()
        if problem is not None:
            raise problem

    @staticmethod
    def _one(step, ended):
        try:
            step.run()
        except BaseException as error:   # also what was not foreseen must reach the user
            ended.put((step, error))
        else:
            ended.put((step, None))

    def wait(self, seconds, what, ready, *needed):
        """Waits until `ready()`; a needed service that ends meanwhile ends the wait."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.failed.is_set():
                raise Problem('given up, because something else failed')
            for service in needed:
                if not self.processes.pid(service):
                    raise Problem('%s has ended' % service, self.lab.log(service))
            if time.monotonic() > deadline:
                raise Problem('%s within %d s' % (what, seconds), self.lab.log(needed[0]))
            time.sleep(0.1)

    def command(self, name, command, more=None, codes=(0,), bound=True):
        """Runs a command to its end, with what it says in the log NAME.

        It ends with us, or else a later `up` would find it at work on the same database. Not so if
        it is not `bound`: to end it half-way would be worse.
        """
        if bound:
            command = ['/usr/bin/setpriv', '--pdeathsig', 'KILL', *command]
        with open(self.lab.log(name), 'ab') as output:
            code = subprocess.run(
                [str(word) for word in command], env=environment(more), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, cwd='/', check=False).returncode
        if code not in codes:
            raise Problem('%s failed with code %d' % (name, code), self.lab.log(name))
