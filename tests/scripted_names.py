# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name service of a host, as a test needs it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

SILENT = "192.0.2.1"


@contextlib.contextmanager
def no_answer(monkeypatch):
    """It does not answer for as long as the block lasts. Gives the event that would end its silence."""
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: done.wait(60) and [])
    try:
        yield done
    finally:
        done.set()


def first_is_silent(monkeypatch, sleep=time.sleep):
    """Each name has two addresses; at the first one nothing answers. Returns the seconds that are waited there, as a list that grows."""
    known, connect, waited = socket.getaddrinfo, socket.socket.connect, []

    def resolve(_host, port, *arguments, **options):
        return known(SILENT, port, *arguments, **options) + known("127.0.0.1", port, *arguments, **options)

    def swallowed(self, address):
        if address[0] == SILENT:
            waited.append(self.gettimeout())
            sleep(waited[-1])
            raise socket.timeout("timed out")
        return connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", swallowed)
    return waited
