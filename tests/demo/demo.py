# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provision a small fleet on a simulated cluster, do it again, and find a drift. Leaves nothing behind.

Exit code 0 only if everything was as it should be; 130 and the like after a signal.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from controller import GRACE, PATIENCE, ROOT, Controller

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DRIFTED, LOST, LEFT = "recorder_tapi", "SEP001122334455", "SEP001122334456"
HOSTS = ("recorder01", "recorder02", "dialer01")
DEVICES = (("SEP001122334455", "2001"), ("SEP001122334456", "2002"), ("SEP001122334457", "2003"),
           ("SEP001122334458", "2004"))
USERS = (
    {"name": DRIFTED, "devices": [LOST, LEFT], "srtp": True},
    {"name": "dialer_tapi", "devices": ["SEP001122334457"]},
    {"name": "jdoe", "type": "end", "devices": ["SEP001122334458"]},
)
INSTANCES = (
    ("recorder01", DRIFTED, "recorder01x1"),
    ("recorder02", DRIFTED, "recorder02x1"),
    ("recorder02", "dialer_tapi", "recorder02x2"),
    ("dialer01", "dialer_tapi", "dialer01x1"),
    ("dialer01", "jdoe", "dialer01x2"),
)


class Unexpected(Exception):
    """The demonstration did not show what it should."""


class Interrupted(Exception):
    """A signal came."""


def expect(fact, message):
    if not fact:
        raise Unexpected(message)


class Screen:
    """What people see: headlines, stages with their times, tables. Colour and a live line only on a terminal."""

    def __init__(self):
        self._live = sys.stdout.isatty()
        self._colour = self._live and "NO_COLOR" not in os.environ
        self._pending = False

    def _wipe(self):
        if self._pending:
            sys.stdout.write("\r\033[K")
            self._pending = False

    def line(self, text=""):
        self._wipe()
        print(text, flush=True)

    def headline(self, text):
        self.line()
        self.line("\033[1m%s\033[0m" % text if self._colour else text)

    def now(self, text):
        """A line that the next one replaces."""
        if self._live:
            self._wipe()
            width = shutil.get_terminal_size().columns - 1
            sys.stdout.write(("      %s ..." % text)[:width])
            sys.stdout.flush()
            self._pending = True


class Cluster:
    """The simulated cluster, in a process of its own."""

    def __init__(self, folder, seed):
        self.inventory = folder / "cluster.yml"
        seed_file = folder / "seed.json"
        write_private(seed_file, json.dumps(seed))
        self.log = folder / "simulator.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "simulator", "--exit-with-parent", "--seed", seed_file,
                 "--inventory", self.inventory],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "TMPDIR": str(folder)})
        self.addresses = None

    def wait(self, check):
        """Until it serves."""
        end = time.monotonic() + 60
        while not select.select([self.process.stdout], [], [], 0.2)[0]:
            check()
            expect(time.monotonic() < end, "The simulator did not start within a minute.")
        line = self.process.stdout.readline()
        expect(line, "The simulator did not start: %s" % self.log.read_text(errors="replace").strip())
        self.addresses = json.loads(line)

    def ask(self, what, **action):
        url = "http://127.0.0.1:%d/%s" % (self.addresses["control"], what)
        body = json.dumps(action).encode() if action else None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, data=body), timeout=10) as answer:
            return json.load(answer)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


def write_private(path, text):
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)


def seconds(duration):
    return "%5.1f s" % duration


class Demo:
    """C(folder) is made by C(run) and removed by C(end)."""

    def __init__(self, screen):
        self.screen = screen
        self.folder = None
        self.signal = None
        self.cluster = None
        self.controller = None
        self.playing = None
        self.shown = []
        for number in SIGNALS:
            signal.signal(number, self._remember)

    def _remember(self, number, _frame):
        """Only remembered, so that it never comes between starting a process and knowing that it runs."""
        self.signal = number

    def check(self):
        if self.signal is not None:
            raise Interrupted

    def run(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="secure-tsp-demo-"))
        for step in (self.prepare, self.provision, self.repeat, self.drift):
            self.check()
            begin = time.monotonic()
            text = step()
            self.shown.append((text, time.monotonic() - begin))

    def prepare(self):
        passwords = {user["name"]: secrets.token_urlsafe(15) for user in USERS}
        self.cluster = Cluster(self.folder, {
            "devices": [{"name": name, "lines": [{"number": number}]} for name, number in DEVICES],
            "end_users": [{"name": "jdoe", "lastname": "Doe", "password": passwords["jdoe"]}],
        })
        self.controller = Controller(self.folder / "controller")
        self.inventory = self.controller.write_inventory(HOSTS, {
            "secure_tsp_users": [{**user, "password": passwords[user["name"]]} for user in USERS],
            "secure_tsp_instances": [
                {"host": host, "user": user, "instance_id": instance_id, "store": self.controller.store(),
                 "client_address": "127.0.0.1"} for host, user, instance_id in INSTANCES],
        })
        self.cluster.wait(self.check)
        at = self.cluster.addresses
        self.screen.headline("A simulated CUCM in mixed mode, and a fleet in two lists")
        self.screen.line("  cluster    127.0.0.1: AXL %(axl)d, TFTP %(tftp)d, CAPF %(capf)d, CTI Manager %(cti)d and, "
                         "with TLS, %(cti_tls)d" % at)
        for user in USERS:
            places = [host for host, name, _id in INSTANCES if name == user["name"]]
            self.screen.line("  user       %s%s on %s, controls %s%s" % (
                user["name"], ", an end user," if user.get("type") == "end" else "", " and ".join(places),
                " and ".join(user["devices"]), ", with SRTP" if user.get("srtp") else ""))
        return "A cluster was started"

    def play(self, *words):
        """Run site.yml and show its stages."""
        self.screen.line("  $ %s" % " ".join(("ansible-playbook -i inventory voiceops.secure_tsp.site",) + words))
        self.playing = self.controller.start("site", self.inventory, "-i", self.cluster.inventory, *words)
        end = time.monotonic() + PATIENCE
        stage, begin, seen = {"stage": "start", "task": "Ansible reads playbook and inventory"}, time.monotonic(), 0
        while True:
            running = self.playing.process.poll() is None
            events = self.playing.events()
            for event in events[seen:]:
                if event["event"] == "task" and event["stage"]:
                    self.done(stage, begin)
                    stage, begin = event, time.monotonic()
                    self.screen.now("%(stage)s: %(task)s" % event)
            seen = len(events)
            if not running:
                break
            self.check()
            expect(time.monotonic() < end, "The playbook did not end within %d seconds." % PATIENCE)
            time.sleep(0.1)
        self.check()
        self.done(stage, begin)
        run = self.playing.wait()
        if run.rc != 0:
            self.screen.line("\n".join(run.output.splitlines()[-60:]))
        expect(run.rc == 0, "The playbook ended with %d." % run.rc)
        return run

    def done(self, stage, begin):
        """A line for a stage that is over."""
        self.screen.line("    %-11s%s  %s" % (stage["stage"], seconds(time.monotonic() - begin), stage["task"]))

    def table(self, run):
        self.screen.line()
        for line in run.summary:
            self.screen.line("  " + line)
        self.screen.line()
        for host, count in run.hosts.items():
            self.screen.line("  %-12s ok=%-4d changed=%-4d failed=%-4d unreachable=%d" % (
                host, count["ok"], count["changed"], count["failures"], count["unreachable"]))

    def counted(self):
        counters = self.cluster.ask("counters")
        self.cluster.ask("actions", action="reset_counters")
        return counters

    def provision(self):
        self.screen.headline("1. Provision everything")
        run = self.play()
        self.table(run)
        states = run.states
        expect(sorted(states) == sorted(instance_id for _host, _user, instance_id in INSTANCES),
               "The summary does not show every instance.")
        expect(set(states.values()) == {"verified"}, "Not every instance is verified.")
        counted = self.counted()
        self.screen.line("  The cluster counted %d requests, %d of them changed it." % (
            sum(counted["operations"].values()), counted["writes"]))
        return "%d instances on %d hosts were provisioned, and each opened its secure connection" % (
            len(INSTANCES), len(HOSTS))

    def repeat(self):
        self.screen.headline("2. Do it again: nothing is left to change")
        before = self.cluster.ask("state-hash")
        run = self.play()
        self.table(run)
        counted = self.counted()
        self.screen.line("  The cluster counted %d requests, %d of them changed it." % (
            sum(counted["operations"].values()), counted["writes"]))
        expect(run.count("changed") == 0, "The second run changed something.")
        expect(counted["writes"] == 0, "The second run wrote to the cluster.")
        expect(self.cluster.ask("state-hash") == before, "The second run left the cluster otherwise.")
        return "The second run changed nothing: changed=0 on every host, no write on the cluster"

    def drift(self):
        self.screen.headline("3. Somebody takes a device from a user; a check run finds it")
        self.screen.line("  In the cluster's administration, %s loses device %s." % (DRIFTED, LOST))
        self.cluster.ask("actions", action="set_devices", user=DRIFTED, devices=[LEFT])
        before = self.cluster.ask("state-hash")
        run = self.play("--check", "--diff")
        self.screen.line()
        for line in drift_lines(run.output):
            self.screen.line("  " + line)
        self.table(run)
        named = "user %s" % DRIFTED
        shown = [diff for _task, diff in run.diffs()]
        expect(len(shown) == 1, "The check run shows %d differences instead of one." % len(shown))
        expect(set(shown[0]["before"]) == set(shown[0]["after"]) == {named}, "It shows something else, too.")
        was, will = shown[0]["before"][named], shown[0]["after"][named]
        expect(LOST not in was["devices"] and LOST in will["devices"], "It does not show the device.")
        expect({**was, "devices": will["devices"]} == will, "It shows more than the device.")
        expect(run.count("changed") == 1, "Not exactly one task reports a change.")
        expect(self.cluster.ask("state-hash") == before, "The check run changed the cluster.")
        expect(self.counted()["writes"] == 0, "The check run wrote to the cluster.")
        return "A check run showed exactly the one drift, and changed nothing"

    def end(self):
        """Stop what runs, remove what was written. No signal disturbs this."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if self.playing is not None:
            self.playing.end()
        if self.cluster is not None:
            self.cluster.end()
        if self.folder is not None:
            shutil.rmtree(self.folder)


def drift_lines(output):
    """The differences as ansible-playbook prints them."""
    inside = False
    for line in output.splitlines():
        inside = inside and bool(line.strip()) or line.startswith("--- before")
        if inside and not line.startswith("changed:"):
            yield line


def close(demo, screen, problem, duration):
    screen.headline("Summary")
    for text, took in demo.shown:
        screen.line("  ok      %s  %s" % (seconds(took), text))
    if problem:
        screen.line("  FAILED           %s" % problem)
    screen.line("  total   %s  Everything is stopped and removed." % seconds(duration))


def main():
    begin = time.monotonic()
    screen = Screen()
    demo = Demo(screen)
    problem = None
    try:
        demo.run()
    except Interrupted:
        problem = "interrupted by %s" % signal.Signals(demo.signal).name
    except Unexpected as error:
        problem = str(error)
    finally:
        demo.end()
    with contextlib.suppress(BrokenPipeError):
        close(demo, screen, problem, time.monotonic() - begin)
    if demo.signal is not None:
        return 128 + demo.signal
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
