# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What the hosts of one run tell each other while they work: lines in a file of the run's own temporary folder.

Hosts work in processes of their own, which share nothing else. A line is one event and is written at once, so that none is
lost or mixed with another one. Events hold counts and names, and no secrets.
"""

from __future__ import annotations

import json
import os
import time

NAME = "secure_tsp.journal"


class Journal:
    """Appends events, and reads those that came since it was last asked. folder: the temporary folder of the run."""

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
