# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_progress
type: aggregate
short_description: Show the progress of enrolment in batches, and when it will be done
version_added: 0.1.0
description:
  - Shows the current batch, how many instances are done, failed and left, how many are done per minute, and when all will be done,
    compared with the end of the maintenance window.
  - On a terminal, this is a single live line at the bottom, below all other output. Elsewhere, and in Ansible's log file,
    plain lines are printed when a batch starts and ends, and at intervals in between.
  - Works together with any other callback, and with C(voiceops.secure_tsp.upgrade_certificates) and C(voiceops.secure_tsp.site).
  - A batch is what one host has armed at the same time. When a batch starts or ends, this is recorded in a file in the temporary
    folder of the run. The file contains no secrets and is removed with the run. It is all that this callback reads.
options:
  live:
    description:
      - V(auto) shows the live line if the output is a terminal, and no plain lines in that case.
      - V(never) prints plain lines on terminals as well.
    type: str
    choices: [auto, never]
    default: auto
    env:
      - name: SECURE_TSP_PROGRESS_LIVE
    ini:
      - section: callback_fleet_progress
        key: live
  interval:
    description: Seconds between plain lines while a batch is running.
    type: int
    default: 30
    env:
      - name: SECURE_TSP_PROGRESS_INTERVAL
    ini:
      - section: callback_fleet_progress
        key: interval
requirements:
  - Must be enabled in the configuration with C(callbacks_enabled = voiceops.secure_tsp.fleet_progress)
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
# In ansible.cfg:
#
# [defaults]
# callbacks_enabled = voiceops.secure_tsp.fleet_progress
#
# Or for one run:
#
# ANSIBLE_CALLBACKS_ENABLED=voiceops.secure_tsp.fleet_progress ansible-playbook voiceops.secure_tsp.upgrade_certificates
"""

import atexit
import os
import sys
import threading
import time

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._journal import Journal
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._progress import taken

ENROLLING = ("enrol", "renew")  # stages of the action tsp_host
TOLD = ("begins", "ended", "stopped")  # events that are printed at once
BEAT = 1.0  # seconds


class LiveLine:
    """The bottom row of a terminal. All other output scrolls above it, because a callback cannot remove its line before
    another one prints. Uses VT100 control sequences, which all terminals support."""

    def __init__(self, stream):
        self._stream = stream
        self._size = None
        self._owner = os.getpid()

    @staticmethod
    def possible(stream):
        return stream.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")

    def show(self, text):
        columns, rows = os.get_terminal_size(self._stream.fileno())
        if rows < 3:
            return
        sequence = ""
        if (columns, rows) != self._size:
            # One row up from a new one, so that the cursor is never in the bottom row.
            sequence = "\n\0337\033[1;%dr\0338\033[1A" % (rows - 1)
            self._size = (columns, rows)
        self._write(sequence + "\0337\033[%d;1H\033[K%s\0338" % (rows, text[:columns - 1]))

    def hide(self):
        """Release the row. A worker process must not do this when it ends."""
        if self._size is not None and os.getpid() == self._owner:
            self._write("\0337\033[r\033[%d;1H\033[K\0338" % self._size[1])
            self._size = None

    def _write(self, sequence):
        self._stream.write(sequence)
        self._stream.flush()


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "voiceops.secure_tsp.fleet_progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._journal = Journal(constants.DEFAULT_LOCAL_TMP)
        self._known = {}
        self._now = None  # the progress of the cluster that was reported last
        self._why = {}  # what stopped each cluster, so that it is reported once and not for every host
        self._told = 0.0
        self._live = None
        self._lock = threading.RLock()
        self._ended = None  # set when the hosts are done

    def v2_playbook_on_start(self, playbook):
        if self.get_option("live") == "auto" and LiveLine.possible(sys.stdout):
            self._live = LiveLine(sys.stdout)
            atexit.register(self._live.hide)

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._leave()
        self._look()
        if task is not None and task.action.rpartition(".")[2] == "tsp_host" and task.args.get("stage") in ENROLLING:
            self._ended = threading.Event()
            threading.Thread(target=self._watch, args=(self._ended,), daemon=True).start()

    def v2_runner_on_ok(self, result):
        self._look()

    def v2_playbook_on_stats(self, stats):
        self._leave()
        self._look()
        if self._live:
            self._live.hide()
        for progress in self._known.values():
            self._display.display("PROGRESS %s" % progress.at_the_end(time.time()))

    def _watch(self, ended):
        """Poll while one task works through many batches, because Ansible calls nothing in the meantime."""
        while not ended.wait(BEAT):
            self._look()

    def _leave(self):
        if self._ended is not None:
            self._ended.set()

    def _look(self):
        """Report what happened since the last call."""
        with self._lock:
            for event in self._journal.news():
                self._now = taken(self._known, [event])[event["cluster"]]
                if event["event"] in TOLD and not self._is_known(event):
                    self._tell(self._now.line(event["at"]), event["at"])
            now = time.time()
            if self._now is None:
                return
            if self._live:
                self._live.show(self._now.short(now))
            elif self._now.at_work and now - self._told >= self.get_option("interval"):
                self._tell(self._now.at_work_line(now), now)

    def _is_known(self, event):
        """Every host reports what stopped it; print it only once."""
        before, self._why[event["cluster"]] = self._why.get(event["cluster"]), event.get("why")
        return event["event"] == "stopped" and before == event["why"]

    def _tell(self, line, now):
        """Print a plain line. It goes only to Ansible's log while there is a live line."""
        self._told = now
        self._display.display("PROGRESS %s" % line, log_only=self._live is not None)
