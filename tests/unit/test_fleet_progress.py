# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback that shows how far enrolment in batches is: its lines, and what it makes of results."""

from __future__ import annotations

import datetime
import os
import pty
import types

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.callback import fleet_progress
from ansible_collections.voiceops.secure_tsp.plugins.callback.fleet_progress import LiveLine, Tracker, duration
from ansible_collections.voiceops.secure_tsp.plugins.filter.enrolment_progress import enrolment_progress
from ansible_collections.voiceops.secure_tsp.plugins.filter.maintenance_window import maintenance_window

NOW = 1795730400.0  # 2026-11-26 22:00 UTC
NIGHT = {"start": "21:00", "end": "23:00", "timezone": "UTC"}
BATCHES = [["a1"], ["a2", "b1", "c1", "d1"], ["a3", "b2", "c2", "d2"], ["a4", "b3"]]


def outcomes(*good):
    return [{"instance_id": instance_id, "failed": False, "action": "renewed"} for instance_id in good]


def progress(number=0, good=(), window="night", **more):
    window = NIGHT if window == "night" else window
    given = {"cluster": "main", "outcomes": outcomes(*good), "canary": 1, **more}
    return enrolment_progress(
        BATCHES, number=number, window=maintenance_window(window, NOW) if window else None, **given)


def ended(number, *good, **more):
    return progress(number, good, begins=False, **more)


class Told:
    """Stands in for Ansible's display."""

    def __init__(self):
        self.lines = []

    def display(self, line, log_only=False):
        self.lines.append((line, log_only))


def result(data, action="ansible.builtin.set_fact", new=True):
    """As ansible-core 2.19 hands results over, or as 2.17 does."""
    task, host = types.SimpleNamespace(action=action), types.SimpleNamespace(name="a")
    if new:
        return types.SimpleNamespace(result=data, task=task, host=host)
    return types.SimpleNamespace(_result=data, _task=task, _host=host)


def fact(found, **more):
    return result({"ansible_facts": {"certificate_progress": found}}, **more)


def enrolled(instance_id, good=True, **more):
    data = {"failed": not good, "item": {"instance_id": instance_id}, "action": "renewed" if good else None}
    return result({**data, "authorization_string": "1234567890"}, "voiceops.secure_tsp.capf_certificate", **more)


def opened(instance_id, good=True):
    return result({"failed": not good, "_ansible_item_label": "%s by application" % instance_id},
                  "voiceops.secure_tsp.cti_provider_info")


@pytest.fixture
def callback(monkeypatch):
    """A callback in a log, whose clock stands at C(moment)."""
    plugin = fleet_progress.CallbackModule()
    plugin._display = Told()
    plugin.get_option = {"live": "auto", "interval": 30}.get
    plugin.moment = NOW
    monkeypatch.setattr(fleet_progress.time, "time", lambda: plugin.moment)
    return plugin


def lines(plugin):
    assert all(line.startswith("PROGRESS main: ") for line, _log_only in plugin._display.lines)
    return [line[len("PROGRESS main: "):] for line, _log_only in plugin._display.lines]


@pytest.mark.parametrize("new", [True, False])
def test_lines_of_a_run(callback, new):
    callback.v2_playbook_on_start(None)
    for seconds, step in (
        (0, fact(progress(), new=new)), (60, fact(ended(1, "a1"), new=new)), (60, fact(progress(1, ["a1"]), new=new)),
        (180, fact(ended(2, "a1", "a2", "b1", "c1"), new=new)),
    ):
        callback.moment = NOW + seconds
        callback.v2_runner_on_ok(step)
    callback.moment = NOW + 240
    callback.v2_playbook_on_stats(None)
    assert lines(callback) == [
        "canary batch 1 of 4 begins (1); 0 done, 0 failed, 11 left; window closes 23:00",
        "batch 1 of 4 ended; 1 done, 0 failed, 10 left; 1.0 a minute, ends about 22:11, window closes 23:00",
        "batch 2 of 4 begins (4); 1 done, 0 failed, 10 left; 1.0 a minute, ends about 22:11, window closes 23:00",
        "batch 2 of 4 ended; 4 done, 1 failed, 6 left; 1.7 a minute, ends about 22:06, window closes 23:00",
        "4 done, 1 failed, 6 left in 4 min, 1.2 a minute",
    ]


def test_instances_of_a_batch_are_told_now_and_then(callback):
    callback.v2_runner_on_ok(fact(progress(1, ["a1"])))
    for seconds, step in (
        (10, enrolled("a2")), (31, enrolled("b1")), (40, enrolled("c1", good=False)), (70, enrolled("d1")),
        (101, opened("a2")), (102, opened("b1", good=False)),
    ):
        callback.moment = NOW + seconds
        (callback.v2_runner_item_on_failed if step.result["failed"] else callback.v2_runner_item_on_ok)(step)
    assert [line.partition(";")[0] for line in lines(callback)] == [
        "batch 2 of 4 begins (4)", "batch 2 of 4, enrolling 2/4", "batch 2 of 4, enrolling 4/4",
        "batch 2 of 4, verifying 1/4"]
    assert lines(callback)[2].split("; ")[1] == "1 done, 1 failed, 9 left"
    assert lines(callback)[3].split("; ")[1] == "2 done, 1 failed, 8 left"
    assert callback._now.counts() == "2 done, 2 failed, 7 left"
    assert not any("1234567890" in line for line in lines(callback))


@pytest.mark.parametrize("step", [
    result({"action": "confirmed", "item": {"instance_id": "a2"}}, "voiceops.secure_tsp.capf_certificate"),
    result({"item": "x"}, "ansible.builtin.file"), result({"ansible_facts": {"other": 1}}), result({}),
])
def test_other_results_change_nothing(callback, step):
    callback.v2_runner_on_ok(fact(progress(1, ["a1"])))
    before = lines(callback)
    callback.moment = NOW + 1000
    callback.v2_runner_on_ok(step)
    callback.v2_runner_item_on_ok(step)
    assert lines(callback) == before and callback._now.counts() == "1 done, 0 failed, 10 left"


def test_results_before_any_batch_tell_nothing(callback):
    callback.v2_runner_item_on_ok(enrolled("a2"))
    callback.v2_playbook_on_task_start(None, False)
    callback.v2_playbook_on_stats(None)
    assert callback._display.lines == []


def test_a_run_that_is_stopped_says_why(callback):
    callback.v2_runner_on_ok(fact(progress(2, ["a1"], max_failures=3)))
    assert lines(callback) == [
        "stopped before batch 3 of 4; 1 done, 4 failed, 6 left; "
        "4 instances failed and 3 may, so no further batch begins."]


def test_two_clusters_are_counted_apart(callback):
    callback.v2_runner_on_ok(fact(ended(4, *[name for batch in BATCHES for name in batch])))
    callback.moment = NOW + 60
    callback.v2_runner_on_ok(fact(progress(cluster="lab")))
    callback.v2_playbook_on_stats(None)
    assert [line.partition(":")[0] for line, _log_only in callback._display.lines] == [
        "PROGRESS main", "PROGRESS lab", "PROGRESS main", "PROGRESS lab"]


def tracker(seconds, *good, **more):
    """One that began the first batch so many seconds ago and ended the second."""
    found = Tracker(progress(**more), NOW - seconds)
    found.take(ended(2, *good, **more))
    return found


@pytest.mark.parametrize("seconds, window, line", [
    (300, NIGHT, "main 2/4 | 5 done, 0 failed, 6 left | between batches | 1.0/min, ends 22:06, 54 min spare"),
    (6000, NIGHT, "main 2/4 | 5 done, 0 failed, 6 left | between batches | 0.1/min, ends Fri 00:00, "
                  "3 too many by 23:00"),
])
def test_the_live_line_and_the_window(seconds, window, line):
    assert tracker(seconds, "a1", "a2", "b1", "c1", "d1", window=window).short(NOW) == line


def test_without_a_window_times_are_those_of_the_controller():
    ends = datetime.datetime.fromtimestamp(NOW + 360).strftime("%H:%M")
    assert tracker(300, "a1", "a2", "b1", "c1", "d1", window=None).short(NOW).endswith("| 1.0/min, ends %s" % ends)


def test_a_line_in_a_log_when_the_window_is_too_short():
    assert tracker(6000, "a1", "a2", "b1", "c1", "d1").line(NOW).endswith(
        "0.1 a minute, ends about Fri 00:00, window closes 23:00, before it is done: about 3 stay left")


def test_times_are_those_of_the_zone_of_the_window():
    berlin = {"start": "22:00", "end": "04:00", "timezone": "Europe/Berlin"}
    line = tracker(300, "a1", "a2", "b1", "c1", "d1", window=berlin).line(NOW)
    assert "ends about 23:06, window closes Fri 04:00" in line


@pytest.mark.parametrize("seconds, text", [
    (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3660, "1 h 01 min")])
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_the_live_line_keeps_to_the_bottom_row_and_gives_it_back(callback, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    leader, follower = pty.openpty()
    with open(follower, "w", closefd=False) as stream:
        assert LiveLine.possible(stream)
        monkeypatch.setattr(os, "get_terminal_size", lambda _descriptor: os.terminal_size((40, 24)))
        live = LiveLine(stream)
        live.show("x" * 60)
        first = os.read(leader, 1000).decode()
        live.show("short")
        second = os.read(leader, 1000).decode()
        monkeypatch.setattr(os, "get_terminal_size", lambda _descriptor: os.terminal_size((40, 2)))
        live.show("no room")
        live.hide()
        last = os.read(leader, 1000).decode()
        live.hide()
    os.close(leader)
    os.close(follower)
    assert "\033[1;23r" in first and first.endswith("\033[24;1H\033[K%s\0338" % ("x" * 39))
    assert second == "\0337\033[24;1H\033[Kshort\0338"
    assert last == "\0337\033[r\033[24;1H\033[K\0338"


def test_with_a_live_line_plain_lines_go_to_the_log_alone(callback):
    shown = []
    callback._live = types.SimpleNamespace(show=shown.append, hide=lambda: shown.append("hidden"))
    callback.v2_runner_on_ok(fact(progress(1, ["a1"])))
    callback.v2_runner_item_on_ok(enrolled("a2"))
    callback.v2_playbook_on_task_start(None, False)
    callback.v2_playbook_on_stats(None)
    assert [log_only for _line, log_only in callback._display.lines] == [True, False]
    assert [text.split(" | ")[2] if "|" in text else text for text in shown] == [
        "enrolling 0/4", "enrolling 1/4", "enrolling 1/4", "hidden"]


@pytest.mark.parametrize("terminal, possible", [("", False), ("dumb", False), ("xterm-256color", True)])
def test_terminals_that_can(terminal, possible, monkeypatch):
    monkeypatch.setenv("TERM", terminal)
    assert LiveLine.possible(types.SimpleNamespace(isatty=lambda: True)) is possible
    assert not LiveLine.possible(types.SimpleNamespace(isatty=lambda: False))
