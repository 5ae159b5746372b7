# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration shows what it should, and leaves nothing behind, however it ends."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

import collection_path
import pytest
from controller import descendants

PATIENCE = 600  # seconds; only a broken demonstration takes so long
GRACE = 10  # seconds for a process that was asked to end


@pytest.fixture
def demo(tmp_path):
    """A demonstration whose processes are known by the folder for temporary files in their environment."""
    process = subprocess.Popen(
        [collection_path.ROOT / "tests" / "demo" / "run"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)})
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait(10)
    assert list(tmp_path.iterdir()) == []
    until = time.monotonic() + GRACE
    while left := [path for path in pathlib.Path("/proc").glob("[0-9]*/environ") if bytes(tmp_path) in octets(path)]:
        assert time.monotonic() < until, left
        time.sleep(0.1)


def octets(path):
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""


def lines_until(process, text):
    """Lines up to the first that contains a text."""
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if text in line:
            break
    return lines


def test_it_shows_what_it_should(demo):
    output, _nothing = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 0, output
    summary = output[output.index("\nSummary"):]
    assert summary.count("  ok ") == 4 and "FAILED" not in output
    assert "changed=0" in summary and "Everything is stopped and removed." in summary
    assert re.search(r"^ +\+ +- SEP001122334455$", output, re.MULTILINE)


@pytest.mark.parametrize("moment, number", [
    ("A simulated CUCM", signal.SIGTERM), ("    preflight ", signal.SIGINT), ("    accounts ", signal.SIGHUP),
])
def test_a_signal_ends_it_and_nothing_stays(demo, moment, number):
    lines_until(demo, moment)
    demo.send_signal(number)
    output, _nothing = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 128 + number
    assert "interrupted by %s" % number.name in output and "Everything is stopped and removed." in output


def test_a_failure_ends_it_and_nothing_stays(demo):
    lines_until(demo, "A simulated CUCM")
    [simulator] = [pid for pid in descendants(demo.pid) if b"simulator" in octets(pathlib.Path("/proc/%d/cmdline" % pid))]
    os.kill(simulator, signal.SIGKILL)
    output, _nothing = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 1
    assert "FAILED" in output and "Everything is stopped and removed." in output
