# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: counts
type: notification
short_description: One JSON document per line for each worker process and each module process of a playbook
description:
  - For tests and benchmarks; tests/benchmarks/counting.py reads it.
  - A worker is what the strategy starts by C(WorkerProcess.start). A module process is what an action plugin of whatever
    kind starts by C(ActionBase._execute_module); the workers inherit that wrapper, since they are forks.
options:
  file:
    description: File that the lines are appended to.
    type: path
    required: true
    env:
      - name: PLAYBOOK_COUNTS
"""

import functools
import json
import os

from ansible.executor.process.worker import WorkerProcess
from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Counts from before the first task on. Lines are short and appended, so that processes cannot mix them up."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "counts"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        self._descriptor = os.open(self.get_option("file"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        start, execute = WorkerProcess.start, ActionBase._execute_module

        @functools.wraps(start)
        def counted_start(worker):
            self._write("worker", worker._task.action, worker._task.name)
            return start(worker)

        @functools.wraps(execute)
        def counted_execute(action, module_name=None, *arguments, **more):
            self._write("module", module_name or action._task.action, action._task.name)
            return execute(action, module_name, *arguments, **more)

        WorkerProcess.start, ActionBase._execute_module = counted_start, counted_execute

    def _write(self, kind, name, task):
        line = json.dumps({"kind": kind, "name": str(name), "task": str(task)[:200]})
        os.write(self._descriptor, (line + "\n").encode())
