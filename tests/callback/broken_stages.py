# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: broken_stages
type: notification
short_description: Break one stage of a run, to see what is left of it
description:
  - For tests. The stage does its work first when O(how) begins with C(late).
options:
  stage:
    description: Such as V(cluster:accounts) or V(host:enrol).
    type: str
    required: true
    env:
      - name: BROKEN_STAGE
  how:
    description: What happens.
    type: str
    choices: [raise, late_raise, refuse, kill, late_kill]
    required: true
    env:
      - name: BROKEN_HOW
"""

import os
import signal

from ansible.plugins.callback import CallbackBase

SECRET = "what-an-exception-may-quote"


class CallbackModule(CallbackBase):
    """Wraps the stage in the main process, so that every worker inherits it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "broken_stages"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        # Ansible loads each file of this folder in each run, also where the callback is not enabled.
        from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import ProtocolError
        from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import table

        where, _colon, name = self.get_option("stage").partition(":")
        stages = table.ON_CLUSTERS if where == "cluster" else table.ON_HOSTS
        how, right = self.get_option("how"), stages[name]

        def broken(*arguments):
            if how.startswith("late"):
                right(*arguments)
            if how.endswith("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "refuse":
                raise ProtocolError("the stage was refused by a test")
            raise ValueError(SECRET)

        stages[name] = broken
