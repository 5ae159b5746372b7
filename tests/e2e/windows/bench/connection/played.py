# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to a played Windows host: as local, but with modules for Windows, as psrp and winrm have them."""

from __future__ import annotations

import os
import shlex

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: played
short_description: A played Windows host
description: Runs commands here, with the state of the host of that name in a folder that the environment names.
author: The voiceops.secure_tsp maintainers
options:
  pipelining:
    description: Needed for modules for Windows.
    type: bool
    default: true
"""


class Connection(Local):
    transport = "played"
    module_implementation_preferences = (".ps1", ".exe", "")
    has_pipelining = True
    always_pipeline_modules = True

    def exec_command(self, cmd, in_data=None, sudoable=True):
        state = os.path.join(os.environ["PLAYED_HOSTS"], self._play_context.remote_addr + ".json")
        return super().exec_command("SCRIPTED_WINDOWS=%s %s" % (shlex.quote(state), cmd), in_data, sudoable)

    def put_file(self, in_path, out_path):
        """Temporary files of the host are on this machine."""
        super().put_file(in_path, out_path.replace("\\", "/"))

    def reset(self):
        """After a restart."""
