# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(python -m torture.victim MODULE [STEP SIGNAL]): run one module, and perhaps get a signal at one of its steps.

Arguments come as JSON on standard input. A step is a call that changes the file system or uses a socket; the signal
comes right before the one of that number. Without a signal (0) the number of all steps is the last line of standard
error.
"""

from __future__ import annotations

import _socket
import _ssl
import importlib
import json
import os
import sys

import collection_path
from ansible.module_utils.testing import patch_module_args

collection_path.register()

CHANGES = {"mkdir", "rename", "unlink", "rmdir", "chmod", "fchmod", "fchown", "fsync", "open", "flock"}
SOCKETS = (_socket.socket, _ssl._SSLSocket)


class Steps:
    def __init__(self, last, number):
        self.count = 0
        self._last = last
        self._number = number

    def __call__(self, frame, event, function):
        if event != "c_call":
            return
        owner = getattr(function, "__module__", None)
        if isinstance(getattr(function, "__self__", None), SOCKETS) or (
                owner in ("posix", "fcntl") and function.__name__ in CHANGES):
            if self.count == self._last and self._number:
                os.kill(os.getpid(), self._number)
            self.count += 1


def main(name, last=0, number=None):
    module = importlib.import_module("ansible_collections.voiceops.secure_tsp.plugins.modules." + name)
    steps = Steps(int(last), int(number or 0))
    with patch_module_args(json.load(sys.stdin)):
        if number is not None:
            sys.setprofile(steps)
        try:
            module.main()
        finally:
            sys.setprofile(None)
            if number == "0":
                print(steps.count, file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
