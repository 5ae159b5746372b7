# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Addresses of a host name, within a time limit.

The name service of a host has its own time limit, which may be minutes if its servers do not answer, and no call of the standard
library can change it. So a thread asks, and is abandoned if it takes too long: nothing waits for what it holds.
"""

from __future__ import annotations

import queue
import socket
import threading


def addresses(host, port, kind, seconds):
    """[(family, address)], in the order of the name service. Raises OSError or ValueError, socket.timeout among the first."""
    answers = queue.Queue()

    def ask():
        try:
            answers.put((socket.getaddrinfo(host, port, type=kind), None))
        except Exception as error:  # pylint: disable=broad-except
            answers.put(((), error))  # raised by the caller, in its own thread

    threading.Thread(target=ask, name="name service", daemon=True).start()
    try:
        found, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise socket.timeout("the name service did not answer") from None
    if error is not None:
        raise error
    return [(family, address) for family, _kind, _protocol, _name, address in found]
