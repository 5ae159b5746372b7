# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: events
type: notification
short_description: What a playbook did, as one JSON document per line
description:
  - For tests and the demonstration; controller.py reads it.
options:
  file:
    description: File that the lines are appended to.
    type: path
    required: true
    env:
      - name: PLAYBOOK_EVENTS
  whole:
    description: Also write what modules returned, as C(result).
    type: bool
    default: false
    env:
      - name: PLAYBOOK_EVENTS_WHOLE
"""

import json
import os
import time

from ansible.plugins.callback import CallbackBase

KEPT = ("msg", "diff", "action", "skip_reason", "rows")
STAGES = ("voiceops.secure_tsp.tsp_cluster", "voiceops.secure_tsp.tsp_host")


class CallbackModule(CallbackBase):
    """Writes "task" "result" (of a task, or of one item of its loop) and "recap"."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._stream = None

    def _write(self, event, **facts):
        if self._stream is None:
            descriptor = os.open(self.get_option("file"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._stream = os.fdopen(descriptor, "w", buffering=1, encoding="utf-8")
        self._stream.write(json.dumps({"event": event, "at": time.time(), **facts}, default=str) + "\n")

    @staticmethod
    def _about(task):
        """What tells a task from others. stage: that of a run, where the task is one."""
        return {"task": task.name, "role": task._role.get_name() if task._role else "", "module": task.action,
                "stage": task.args["stage"] if task.action in STAGES else ""}

    def v2_playbook_on_play_start(self, play):
        self._write("play", name=play.get_name())

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._write("task", **self._about(task))

    def _result(self, result, status, item=False, ignored=False):
        found = result._result
        whole = {"result": found} if self.get_option("whole") else {}
        self._write(
            "result", **self._about(result._task), host=result._host.get_name(), status=status,
            item=found.get("_ansible_item_label") if item else None, is_item=item, ignored=ignored,
            changed=bool(found.get("changed")), **whole, **{key: found[key] for key in KEPT if key in found})

    def v2_runner_on_ok(self, result):
        self._result(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result(result, "failed", ignored=ignore_errors)

    def v2_runner_on_skipped(self, result):
        self._result(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._result(result, "unreachable")

    def v2_runner_item_on_ok(self, result):
        self._result(result, "ok", item=True)

    def v2_runner_item_on_failed(self, result):
        self._result(result, "failed", item=True)

    def v2_runner_item_on_skipped(self, result):
        self._result(result, "skipped", item=True)

    def v2_playbook_on_stats(self, stats):
        self._write("recap", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})
