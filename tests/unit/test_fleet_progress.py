# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback that shows how far enrolment in batches is: its lines, and what it makes of results."""

from __future__ import annotations

import datetime
import os
import pty
import time
import types

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.callback import fleet_progress
from ansible_collections.voiceops.secure_tsp.plugins.callback.fleet_progress import LiveLine
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _journal, _window
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._journal import Journal
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._progress import Progress, duration

NOW = 1795730400.0  # 2026-11-26 22:00 UTC
NIGHT = {"start": "21:00", "end": "23:00", "timezone": "UTC"}
BATCHES = [["a1"], ["a2", "b1", "c1", "d1"], ["a3", "b2", "c2", "d2"], ["a4", "b3"]]
STOPPED = "4 instances failed, and at most 3 may fail, so no further batch begins."


def planned(window="night", cluster="main"):
    """What is written down before the first batch."""
    window = _window.maintenance_window(NIGHT if window == "night" else window or {}, NOW)
    return dict(event="planned", cluster=cluster, total=sum(map(len, BATCHES)), batches=len(BATCHES), closes=window["ends"],
                timezone=window["timezone"])


def begins(number, cluster="main", host="a"):
    return dict(event="begins", cluster=cluster, host=host, size=len(BATCHES[number]), canary=number == 0)


def ended(number, *failed, **more):
    done = len(BATCHES[number]) - len(failed)
    return dict(begins(number, **more), event="ended", done=done, failed=list(failed), seconds=10)


def stopped(why=STOPPED):
    return dict(event="stopped", cluster="main", by="failures", why=why)


class Told:
    """Stands in for Ansible's display."""

    def __init__(self):
        self.lines = []

    def display(self, line, log_only=False):
        self.lines.append((line, log_only))


@pytest.fixture
def callback(monkeypatch, tmp_path):
    """A callback in a log, whose clock stands at C(moment), beside hosts that C(write) their events."""
    monkeypatch.setattr(fleet_progress.constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    plugin = fleet_progress.CallbackModule()
    plugin._display = Told()
    plugin.get_option = {"live": "auto", "interval": 30}.get
    plugin.moment = NOW
    clock = types.SimpleNamespace(time=lambda: plugin.moment)
    monkeypatch.setattr(fleet_progress, "time", clock)
    monkeypatch.setattr(_journal, "time", clock)
    journal = Journal(str(tmp_path))

    def write(seconds, *events):
        plugin.moment = NOW + seconds
        for event in events:
            facts = dict(event)
            journal.add(facts.pop("event"), facts.pop("cluster"), **facts)
        plugin.v2_runner_on_ok(None)

    plugin.write = write
    return plugin


def lines(plugin):
    assert all(line.startswith("PROGRESS main: ") for line, _log_only in plugin._display.lines)
    return [line[len("PROGRESS main: "):] for line, _log_only in plugin._display.lines]


def test_lines_of_a_run(callback):
    callback.v2_playbook_on_start(None)
    callback.write(0, planned(), begins(0))
    callback.write(60, ended(0), begins(1))
    callback.write(180, ended(1, "d1"))
    callback.moment = NOW + 240
    callback.v2_playbook_on_stats(None)
    assert lines(callback) == [
        "canary batch 1 of 4 begins (1); 0 done, 0 failed, 11 left; window closes 23:00",
        "batch 1 of 4 ended; 1 done, 0 failed, 10 left; 1.0 a minute, ends about 22:11, window closes 23:00",
        "batch 2 of 4 begins (4); 1 done, 0 failed, 10 left; 1.0 a minute, ends about 22:11, window closes 23:00",
        "batch 2 of 4 ended; 4 done, 1 failed, 6 left; 1.7 a minute, ends about 22:06, window closes 23:00",
        "4 done, 1 failed, 6 left in 4 min, 1.2 a minute",
    ]


def test_hosts_at_work_are_told_now_and_then(callback):
    callback.write(0, planned(), begins(0), ended(0), begins(1), begins(2, host="b"))
    for seconds in (10, 31, 40, 62):
        callback.write(seconds)
    assert [line.partition(";")[0] for line in lines(callback)][3:] == [
        "batch 3 of 4 begins (4)", "batch 3 of 4, enrolling 8 on 2 hosts", "batch 3 of 4, enrolling 8 on 2 hosts"]
    assert lines(callback)[-1].split("; ")[1] == "1 done, 0 failed, 10 left"
    callback.write(70, ended(2, "a3", host="b"))
    assert lines(callback)[-1].startswith("batch 2 of 4 ended; 4 done, 1 failed, 6 left; ")


@pytest.mark.parametrize("event", [
    dict(event="looked", cluster="main"), dict(event="failed", cluster="main", failed=["x1"])])
def test_other_events_tell_nothing_by_themselves(callback, event):
    callback.write(0, planned(), begins(0), ended(0))
    before = lines(callback)
    callback.write(1000, event)
    assert lines(callback) == before


def test_what_failed_without_a_batch_counts(callback):
    callback.write(0, planned(), dict(event="failed", cluster="main", failed=["x1"]), begins(0), ended(0, "a1"))
    assert callback._now.counts() == "0 done, 2 failed, 9 left"


def test_before_any_batch_there_is_nothing_to_tell(callback):
    callback.v2_runner_on_ok(None)
    callback.v2_playbook_on_task_start(None, False)
    callback.v2_playbook_on_stats(None)
    assert callback._display.lines == []


def test_a_run_that_is_stopped_says_why_and_says_it_once(callback):
    callback.write(0, planned(), begins(0), ended(0), begins(1), ended(1, "a2", "b1", "c1", "d1"), stopped(), stopped())
    assert lines(callback)[4:] == ["stopped before batch 3 of 4; 1 done, 4 failed, 6 left; " + STOPPED]


def test_a_run_that_never_began_has_a_total_all_the_same(callback):
    callback.write(0, planned(), stopped("The window is closed."))
    callback.v2_playbook_on_stats(None)
    assert lines(callback) == ["stopped before batch 1 of 4; 0 done, 0 failed, 11 left; The window is closed.",
                               "0 done, 0 failed, 11 left"]


def test_two_clusters_are_counted_apart(callback):
    callback.write(0, planned(), begins(0))
    callback.write(60, planned(cluster="lab"), begins(0, cluster="lab"))
    callback.v2_playbook_on_stats(None)
    assert [line.partition(":")[0] for line, _log_only in callback._display.lines] == [
        "PROGRESS main", "PROGRESS lab", "PROGRESS main", "PROGRESS lab"]


def test_while_hosts_are_at_work_the_clock_alone_brings_lines(callback, monkeypatch):
    monkeypatch.setattr(fleet_progress, "BEAT", 0.01)
    journal = callback._journal
    callback.v2_playbook_on_task_start(types.SimpleNamespace(action="voiceops.secure_tsp.tsp_host", args={"stage": "renew"}), False)
    for event in (planned(), begins(0)):
        Journal(os.path.dirname(journal.path)).add(**event)
    until = time.monotonic() + 10
    while not callback._display.lines and time.monotonic() < until:
        time.sleep(0.01)
    callback.v2_playbook_on_task_start(types.SimpleNamespace(action="voiceops.secure_tsp.tsp_host", args={"stage": "tell"}), False)
    assert lines(callback) == ["canary batch 1 of 4 begins (1); 0 done, 0 failed, 11 left; window closes 23:00"]
    assert callback._ended.is_set()


def progress(seconds, *done, window="night"):
    """One whose first batch began so many seconds ago, after two batches with so many done."""
    found = Progress("main")
    for event in (planned(window), begins(0), ended(0), begins(1), ended(1)):
        found.take(dict(event, at=NOW - seconds))
    assert found.done == len(done)
    return found


@pytest.mark.parametrize("seconds, window, line", [
    (300, NIGHT, "main 2/4 | 5 done, 0 failed, 6 left | between batches | 1.0/min, ends 22:06, 54 min spare"),
    (6000, NIGHT, "main 2/4 | 5 done, 0 failed, 6 left | between batches | 0.1/min, ends Fri 00:00, "
                  "3 too many by 23:00"),
])
def test_the_live_line_and_the_window(seconds, window, line):
    assert progress(seconds, "a1", "a2", "b1", "c1", "d1", window=window).short(NOW) == line


def test_without_a_window_times_are_those_of_the_controller():
    ends = datetime.datetime.fromtimestamp(NOW + 360).strftime("%H:%M")
    assert progress(300, "a1", "a2", "b1", "c1", "d1", window=None).short(NOW).endswith("| 1.0/min, ends %s" % ends)


def test_a_line_in_a_log_when_the_window_is_too_short():
    assert progress(6000, "a1", "a2", "b1", "c1", "d1").line(NOW).endswith(
        "0.1 a minute, ends about Fri 00:00, window closes 23:00, before it is done: about 3 will be left")


def test_times_are_those_of_the_zone_of_the_window():
    berlin = {"start": "22:00", "end": "04:00", "timezone": "Europe/Berlin"}
    line = progress(300, "a1", "a2", "b1", "c1", "d1", window=berlin).line(NOW)
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
    callback.write(0, planned(), begins(0))
    callback.write(1, ended(0))
    callback.write(2, begins(1), begins(2, host="b"))
    callback.v2_playbook_on_task_start(None, False)
    callback.v2_playbook_on_stats(None)
    assert [log_only for _line, log_only in callback._display.lines] == [True] * 4 + [False]
    assert [text.split(" | ")[2] if "|" in text else text for text in shown] == [
        "enrolling 1", "between batches", "enrolling 8 on 2 hosts", "enrolling 8 on 2 hosts", "enrolling 8 on 2 hosts", "hidden"]


@pytest.mark.parametrize("terminal, possible", [("", False), ("dumb", False), ("xterm-256color", True)])
def test_terminals_that_can(terminal, possible, monkeypatch):
    monkeypatch.setenv("TERM", terminal)
    assert LiveLine.possible(types.SimpleNamespace(isatty=lambda: True)) is possible
    assert not LiveLine.possible(types.SimpleNamespace(isatty=lambda: False))
