# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: given
type: notification
short_description: What each module of a playbook was given, as one JSON document per line
description:
  - For tests. The file holds secrets, if modules are given any.
options:
  file:
    description: File that the lines are appended to.
    type: path
    required: true
    env:
      - name: PLAYBOOK_GIVEN
"""

import functools
import json
import os

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Wraps what starts modules in the main process, so that every worker inherits it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "given"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        execute, path = ActionBase._execute_module, self.get_option("file")

        @functools.wraps(execute)
        def told(action, module_name=None, module_args=None, *arguments, **more):
            options = action._task.args if module_args is None else module_args
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(descriptor, (json.dumps({"module": module_name or action._task.action, "options": options}, default=str) + "\n").encode())
            os.close(descriptor)
            return execute(action, module_name, module_args, *arguments, **more)

        ActionBase._execute_module = told
