# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count what one run of ansible-playbook takes: workers, module processes, AXL sessions and requests, processor time.

    count = counting.counted(site)                     # a Site of e2e/conftest.py, or anything like it
    count.workers, count.modules, count.cpu, count.sessions, count.requests, count.run

It knows no name of a task. As a program it is the parent of the command that is measured:

    python counting.py FIGURES.json ansible-playbook ...
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import json
import os
import pathlib
import platform
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 600  # seconds for one run
GRACE = 10  # seconds for what a command leaves behind
AXL_PATH = "/axl/"


@dataclass(frozen=True)
class Count:
    """seconds: wall clock. cpu: seconds of the command and all its descendants, the simulated cluster is not among them.

    sessions and requests: by name of the cluster, logins to AXL, and requests to AXL and the services beside it
    (RISPort70, Control Center, logs). logins: sessions with those beside it.
    """

    workers: int
    modules: int
    seconds: float
    cpu: float
    sessions: dict
    logins: dict
    requests: dict
    operations: dict = field(default_factory=dict, repr=False)  # by cluster: {operation: number}
    kinds: dict = field(default_factory=dict, repr=False)  # {("worker" or "module", its name): number}
    run: object = field(default=None, repr=False)


def counted(site, *words, playbook="site", rc=0, sims=None, patience=PATIENCE):
    """The Count of one run to its end, which must be C(rc). None: any.

    playbook: a name of the collection, or a path. sims: clusters by name, unless the site has one only. patience: seconds;
    after them the run is ended, with subprocess.TimeoutExpired.
    """
    sims = sims or {"main": site.sim}
    lines = _another(site.controller.folder, "counts", ".jsonl")
    figures = lines.with_suffix(".json")
    with _counting(site.controller, lines, figures), _web(sims) as used:
        run = site.start(*words, playbook=playbook).wait(patience)
    if rc not in (None, run.rc) or "Traceback (most recent call last)" in run.output:
        raise RuntimeError("%s ended with %d, wanted was %s:\n%s" % (playbook, run.rc, rc, run.output[-2500:]))
    taken = json.loads(figures.read_text())
    kinds = collections.Counter()
    if lines.exists():
        for line in lines.read_text().splitlines():
            entry = json.loads(line)
            kinds[entry["kind"], entry["name"]] += 1
    workers, modules = (sum(number for key, number in kinds.items() if key[0] == kind) for kind in ("worker", "module"))
    if run.hosts and not workers:
        raise RuntimeError("hosts had tasks and no worker was counted: this ansible-core starts them in another way")
    return Count(
        workers=workers, modules=modules, seconds=taken["seconds"], cpu=taken["cpu"], run=run, kinds=dict(kinds),
        sessions={name: heard.sessions["axl"] for name, heard in used.items()},
        logins={name: heard.sessions["serviceability"] for name, heard in used.items()},
        requests={name: sum(heard.operations.values()) for name, heard in used.items()},
        operations={name: dict(heard.operations) for name, heard in used.items()})


def machine():
    """What the figures were measured with, in words."""
    import ansible.release

    return "%d cores, Python %s, ansible-core %s" % (
        len(os.sched_getaffinity(0)), platform.python_version(), ansible.release.__version__)


def _another(folder, stem, ending):
    return next(path for path in (folder / ("%s%d%s" % (stem, number, ending)) for number in range(1, 10000))
                if not path.exists())


@contextlib.contextmanager
def _counting(controller, lines, figures):
    """Let the controller's next run be counted."""
    former = controller.prefix, controller.callbacks, controller.more
    controller.prefix = [sys.executable, str(pathlib.Path(__file__).resolve()), str(figures)]
    controller.callbacks = [*controller.callbacks, "counts"]
    controller.more = {**controller.more, "PLAYBOOK_COUNTS": str(lines)}
    try:
        yield
    finally:
        controller.prefix, controller.callbacks, controller.more = former


@contextlib.contextmanager
def _web(sims):
    """{name of the cluster: _Listener}, for the time that this lasts."""
    heard = {name: _Listener(sim.front("axl")) for name, sim in sims.items()}
    try:
        yield heard
    finally:
        for listener in heard.values():
            listener.end()


class _Listener:
    """Counts what a simulated cluster's web port answers. The answer to a login without a session sets its cookie."""

    def __init__(self, front):
        self.sessions = collections.Counter()
        self.operations = collections.Counter()
        self._front = front
        self._lock = threading.Lock()
        self._before = dict(front.cluster.counters)
        front.respond = self._respond

    def _respond(self, path, headers, body):
        response = type(self._front).respond(self._front, path, headers, body)
        if "Set-Cookie" in response.headers:
            with self._lock:
                self.sessions["axl" if path == AXL_PATH else "serviceability"] += 1
        return response

    def end(self):
        del self._front.respond
        for name, number in self._front.cluster.counters.items():
            if is_of_web(name) and number > self._before.get(name, 0):
                self.operations[name] = number - self._before.get(name, 0)


def is_of_web(operation):
    """Whether a counter of the simulated cluster is that of a request to AXL or one of the services beside it."""
    from simulator.axl_operations import OPERATIONS

    return operation in OPERATIONS or operation.startswith(("ris.", "controlcenter.", "logs."))


# The program


def measure(figures, words):
    """Run a command; write what it took, with all its descendants, also those that it did not wait for."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    child = subprocess.Popen(words)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    status = child.wait()
    seconds = time.monotonic() - begin
    left = _reap(time.monotonic() + GRACE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    pathlib.Path(figures).write_text(json.dumps({
        "seconds": seconds, "left": left,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}))
    return status if status >= 0 else 128 - status


def _reap(end):
    """Wait for orphans. Gives whether some still run at the end; what those computed is not counted."""
    while time.monotonic() < end:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if not pid:
            time.sleep(0.01)
    return True


if __name__ == "__main__":
    sys.exit(measure(sys.argv[1], sys.argv[2:]))
