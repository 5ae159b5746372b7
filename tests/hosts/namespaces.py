# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces, and a line between two of them that loses and delays packets."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN_NO_PI = 0x400454CA, 0x1001
LARGEST = 65536
TICK = 0.05
_LIBC = ctypes.CDLL(None, use_errno=True)


def command(*words, **options):
    """Run a program that has to succeed; its standard output."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, "%s: %s" % (" ".join(map(str, words)), done.stderr)
    return done.stdout


def ip(text, namespace=None):
    """Commands of ip, one in a line."""
    command("ip", *(("-n", namespace) if namespace else ()), "-batch", "-", input=text)


def nft(namespace, rules):
    command("ip", "netns", "exec", namespace, "nft", "-f", "-", input=rules)


def enter(namespace):
    """Take this thread, and those that it starts, into a network namespace."""
    descriptor = os.open("/run/netns/" + namespace, os.O_RDONLY)
    try:
        if _LIBC.setns(descriptor, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns " + namespace)
    finally:
        os.close(descriptor)


def inside(namespace, function, *arguments):
    """What the function returns when it runs in that namespace; sockets that it makes stay there."""
    outcome = []

    def run():
        try:
            enter(namespace)
            outcome.append((function(*arguments), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


def _tun(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TUN_NO_PI))
    return descriptor


class Line:
    """A pair of tun devices that this thread joins. C(delay) in seconds and C(loss) from 0 to 1 may change at any time.

    ends: (namespace or None for ours, device).
    """

    def __init__(self, here, there):
        self.delay = 0.0
        self.loss = 0.0
        self.lost = 0
        self._random = random.Random(21)
        self._ends = [inside(namespace, _tun, name) if namespace else _tun(name) for namespace, name in (here, there)]
        threading.Thread(target=self._carry, daemon=True).start()

    def _carry(self):
        waiting, number = [], 0
        other = dict(zip(self._ends, reversed(self._ends)))
        while True:
            due = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 1.0
            for end in select.select(self._ends, (), (), due)[0]:
                try:
                    packet = os.read(end, LARGEST)
                except OSError as error:
                    if error.errno == errno.EBADFD:
                        return  # its namespace is gone
                    time.sleep(TICK)  # it is down
                    continue
                if self._random.random() < self.loss:
                    self.lost += 1
                    continue
                number += 1
                heapq.heappush(waiting, (time.monotonic() + self.delay, number, other[end], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _due, _number, end, packet = heapq.heappop(waiting)
                try:
                    os.write(end, packet)
                except OSError:
                    self.lost += 1  # that end is down
