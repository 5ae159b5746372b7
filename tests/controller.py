# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Ansible controller that lives in one folder: settings, temporary files, collection and log are all below it.

The hosts of its inventories are folders, too: connection local, and a store of their own each.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
STATS = "CUSTOM STATS: "  # what Ansible writes before them
PATIENCE = 600  # seconds for one playbook; only a broken one takes so long
GRACE = 10      # seconds to end after a signal
PASSED_ON = ("PATH", "LANG", "LD_LIBRARY_PATH", "_ANSIBLE_ANSIBALLZ_COVERAGE_CONFIG")
COVERAGE = os.environ.get("PLAYBOOK_COVERAGE")  # settings of coverage, which then measures what runs on the controller


def descendants(pid):
    """Process ids below a process. Ansible's workers are session leaders, so that no process group holds them."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(after_name[1])
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found - {pid}
        found |= more


class Run:
    """A playbook that ended: C(rc), C(output) (standard output and error) and what the callback C(events) wrote."""

    def __init__(self, rc, output, events):
        self.rc = rc
        self.output = output
        self.events = events
        recaps = [event["hosts"] for event in events if event["event"] == "recap"]
        self.hosts = recaps[-1] if recaps else {}

    def count(self, word):
        """Sum over all hosts of "ok", "changed", "failures", "unreachable", "rescued", ..."""
        return sum(host[word] for host in self.hosts.values())

    def results(self, task=None, **wanted):
        """Results of tasks, and of the items of their loops, whose facts are as asked for."""
        return [
            event for event in self.events
            if event["event"] == "result" and task in (None, event["task"])
            and all(event[key] == value for key, value in wanted.items())
        ]

    def diffs(self):
        """Every diff that has something to show, with its task: [(task, {"before": ..., "after": ...})]."""
        shown = []
        for result in self.results():
            found = result.get("diff") or []
            for diff in found if isinstance(found, list) else [found]:
                if diff.get("before") != diff.get("after") or "prepared" in diff:
                    shown.append((result["task"], diff))
        return shown

    @property
    def summary(self):
        """Lines of the run's summary; of the last one, if there are several."""
        found = self.results("Print the summary of the run", status="ok")
        return found[-1]["msg"] if found else []

    @property
    def rows(self):
        """What the summary says of each instance, by its id: {"HOST": ..., "STATE": ...}. Each is on the screen, too."""
        found = self.results("Print the summary of the run", status="ok")
        rows = {}
        for row in found[-1]["rows"] if found else []:
            rows[row["instance_id"]] = {
                "CLUSTER": row["cluster"], "HOST": row["host"], "USER": row["user"], "INSTANCE": row["instance_id"],
                "ACTION": row["action"] if row["action"] not in ("", "none") else "-", "EXPIRES": (row["certificate_expires"] or "-")[:10],
                "STATE": row["state"], "VERIFIED BY": row["verified_by"] or "-", "REMARK": " ".join(
                    [row["message"]] * bool(row["message"]) + row["remarks"])}
            assert re.search(r"(?m)^(?=.*\b%s\b).*  %s" % (re.escape(row["instance_id"]), re.escape(row["state"])), self.output), row
        return rows

    @property
    def statistic(self):
        """What a workflow gets, with ANSIBLE_SHOW_CUSTOM_STATS."""
        text = self.output.partition(STATS)[2]
        return json.loads(text[text.index("{"):text.rindex("}") + 1])["secure_tsp"]

    @property
    def remarks(self):
        """What the summary says of instances beside their state, by instance id."""
        return {name: row["REMARK"] for name, row in self.rows.items() if row["REMARK"]}

    @property
    def text(self):
        """The output as one line, whatever the width of the screen that it was folded for."""
        return " ".join(self.output.split())

    @property
    def states(self):
        """What the summary says of each instance."""
        return {instance_id: row["STATE"] for instance_id, row in self.rows.items()}


class Playing:
    """A playbook that runs."""

    def __init__(self, process, output, events):
        self.process = process
        self._output = output
        self._events = events

    def events(self):
        """What happened so far."""
        if not self._events.exists():
            return []
        lines = self._events.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def wait(self, seconds=PATIENCE):
        try:
            rc = self.process.wait(seconds)
        finally:
            self.end()
        return Run(rc, self._output.read_text(encoding="utf-8", errors="replace"), self.events())

    def end(self):
        """Ask it to end, then end it and its workers."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
        self.kill()

    def kill(self):
        """As if the controller lost its power: nothing of it gets a chance to tidy up."""
        if self.process.poll() is None:
            doomed = [self.process.pid, *descendants(self.process.pid)]
            for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that none reacts to another's end
                for pid in doomed:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
            self.process.wait(GRACE)


class Controller:
    """C(folder) is made; nothing outside of it is written, not even in the home folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.hosts = self.folder / "hosts"
        self.temp = self.folder / "tmp"
        self.log = self.folder / "ansible.log"
        self.callbacks = ["events"]
        self.prefix = []  # words before the program's, to measure it
        self.more = {}    # further environment
        self._number = 0
        space = self.folder / "collections" / "ansible_collections" / "voiceops"
        for path in (self.hosts, self.temp, self.folder / "home", space):
            path.mkdir(parents=True, mode=0o700)
        (space / "secure_tsp").symlink_to(ROOT)
        (self.folder / "ansible.cfg").write_text("")

    def environment(self):
        """Settings of ansible-playbook. The rest of the environment is only what a program needs to run."""
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {
            **kept, "LC_ALL": "C.UTF-8", "HOME": str(self.folder / "home"), "TMPDIR": str(self.temp),
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"), "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(self.temp), "ANSIBLE_REMOTE_TEMP": str(self.temp / "remote"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"), "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "0",
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "callback"), "ANSIBLE_CALLBACKS_ENABLED": ",".join(self.callbacks),
            "ANSIBLE_LOG_PATH": str(self.log), "ANSIBLE_RETRY_FILES_ENABLED": "0", "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1", "ANSIBLE_FORKS": "4",
            "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            # Each worker of Ansible loads plugins anew: compiled ones cost it a fraction.
            "PYTHONPYCACHEPREFIX": str(ROOT / ".cache" / "pycache"),
            **self.more,
        }

    def write_inventory(self, hosts, variables):
        """Write an inventory whose group C(secure_tsp) has these hosts. It holds passwords, so only we may read it.

        hosts: names, or {name: variables}.
        """
        self._number += 1
        path = self.folder / ("inventory%d.yml" % self._number)
        named = hosts if isinstance(hosts, dict) else dict.fromkeys(hosts)
        text = yaml.safe_dump({"all": {
            "children": {"secure_tsp": {"hosts": named}},
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables},
        }}, sort_keys=False)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
        return path

    def store(self):
        """Pattern of the folder that an instance's files are in."""
        return str(self.hosts / "{host}" / "{instance_id}")

    def start(self, playbook, inventory, *words):
        """Start C(voiceops.secure_tsp.<playbook>), or a playbook given as a path, with further words of its command line."""
        self._number += 1
        output = self.folder / ("output%d.txt" % self._number)
        events = self.folder / ("events%d.jsonl" % self._number)
        program = pathlib.Path(sys.executable).with_name("ansible-playbook")
        measured = ["-m", "coverage", "run", "--rcfile", COVERAGE] if COVERAGE else []
        with open(output, "wb") as stream:
            process = subprocess.Popen(
                [*self.prefix, sys.executable, *measured, program, "-i", inventory,
                 playbook if isinstance(playbook, pathlib.Path) else "voiceops.secure_tsp." + playbook, *words],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, cwd=self.folder,
                env={**self.environment(), "PLAYBOOK_EVENTS": str(events)}, start_new_session=True)
        return Playing(process, output, events)
