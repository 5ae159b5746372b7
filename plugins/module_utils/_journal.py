# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Events that the hosts of one run share while they work: lines in a file in the temporary folder of the run.

Each host has its own process; they share nothing else. A line is one event, written in one call, so that no event is lost
or mixed with another. Events contain counts and names, no secrets.
"""

from __future__ import annotations

import json
import os
import time

NAME = "secure_tsp.journal"


class Journal:
    """Append events, and read those added since the last call. folder: the temporary folder of the run."""

    def __init__(self, folder, name=NAME):
        self.path = os.path.join(folder, name)
        self._read = 0

    def add(self, event, cluster, **facts):
        line = json.dumps(dict(facts, event=event, cluster=cluster, at=time.time())) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode("ascii"))
        finally:
            os.close(descriptor)

    def news(self):
        """Events since the last call, in their order."""
        try:
            with open(self.path, "rb") as stream:
                stream.seek(self._read)
                octets = stream.read()
        except OSError:
            return []
        whole = octets[:octets.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]
