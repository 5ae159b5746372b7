# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source drift_report, without ansible-rulebook."""

from __future__ import annotations

import asyncio
import importlib.util
import json

import collection_path
import pytest

PATH = collection_path.ROOT / "extensions" / "eda" / "plugins" / "event_source" / "drift_report.py"


@pytest.fixture(scope="module")
def source():
    spec = importlib.util.spec_from_file_location("drift_report", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder, *findings, **more):
    (folder / "report.json").write_text(json.dumps({"generated": "2026-11-28T12:00:00Z", "findings": [
        {"code": code, "severity": severity, "what": "recorder01x1 on recorder01"} for code, severity in findings], **more}))


def events(source, folder, *steps):
    """What is told while these happen, one after the other."""
    async def play():
        queue = asyncio.Queue()
        task = asyncio.ensure_future(source.main(queue, {"folder": str(folder), "delay": 0.01}))
        await asyncio.sleep(0.05)
        for step in steps:
            step()
            await asyncio.sleep(0.1)
        task.cancel()
        return [queue.get_nowait() for _number in range(queue.qsize())]

    return asyncio.run(play())


def test_a_new_report_is_told_once_with_counts_and_without_names(source, tmp_path):
    (told,) = events(source, tmp_path, lambda: write(
        tmp_path, ("no_certificate", "critical"), ("no_certificate", "critical"), ("expires", "warning"), ("first_use", "info")))
    assert told == {"drift": {"findings": 3, "codes": {"no_certificate": 2, "expires": 1}, "generated": "2026-11-28T12:00:00Z"}}


def test_one_that_was_there_before_is_not_news(source, tmp_path):
    write(tmp_path, ("expires", "warning"))
    assert events(source, tmp_path) == []
    (told,) = events(source, tmp_path, lambda: write(tmp_path, ("expires", "warning"), ("expires", "warning")))
    assert told["drift"]["findings"] == 2


def test_half_a_report_waits_for_the_rest_and_a_wrong_one_ends_nothing(source, tmp_path):
    told = events(source, tmp_path, lambda: (tmp_path / "report.json").write_text('{"findings": ['),
                  lambda: (tmp_path / "report.json").write_text('{"findings": [{}]}'), lambda: write(tmp_path))
    assert [one["drift"]["findings"] for one in told] == [0]
