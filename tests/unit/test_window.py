# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance windows: when they are open, and for how long."""

from __future__ import annotations

import datetime

import pytest
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._window import maintenance_window, operation_hours

DAY = {"start": "09:00", "end": "17:30"}
NIGHT = {"start": "22:00", "end": "04:00"}
BERLIN = dict(NIGHT, timezone="Europe/Berlin")
ONCE = {"start": "2026-03-28 23:00", "end": "2026-03-29 05:00", "timezone": "Europe/Berlin"}


def judged(window, moment):
    return maintenance_window(window, datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.timezone.utc).timestamp())


@pytest.mark.parametrize(("window", "moment", "seconds_left"), [
    (DAY, "2026-01-01T09:00:00", 30600), (DAY, "2026-01-01T17:29:59", 1), (DAY, "2026-01-01T17:30:00", None),
    (DAY, "2026-01-01T08:59:59", None),
    (NIGHT, "2026-01-01T22:00:00", 21600), (NIGHT, "2026-01-02T03:59:00", 60), (NIGHT, "2026-01-02T04:00:00", None),
    (NIGHT, "2026-01-01T21:59:59", None),
    (BERLIN, "2026-01-01T21:00:00", 21600), (BERLIN, "2026-07-01T20:00:00", 21600), (BERLIN, "2026-01-01T20:59:59", None),
    ({"start": "00:00", "end": "00:00"}, "2026-01-01T12:00:00", 43200),
    (ONCE, "2026-03-28T22:00:00", 18000), (ONCE, "2026-03-28T21:59:59", None), (ONCE, "2026-03-29T03:00:00", None),
    # The night without 02:00 to 03:00 in Berlin: windows that begin or end in that hour are as long as ever, or as it allows.
    ({"start": "02:30", "end": "04:00", "timezone": "Europe/Berlin"}, "2026-03-29T01:30:00", 1800),
    ({"start": "02:30", "end": "04:00", "timezone": "Europe/Berlin"}, "2026-03-29T01:29:59", None),
    ({"start": "22:00", "end": "02:30", "timezone": "Europe/Berlin"}, "2026-03-29T01:15:00", 900),
    ({"start": "22:00", "end": "02:30", "timezone": "Europe/Berlin"}, "2026-03-29T01:30:00", None),
    ({"start": "02:30", "end": "02:45", "timezone": "Europe/Berlin"}, "2026-03-29T01:40:00", 300),
    # The night with two of them.
    ({"start": "22:00", "end": "02:30", "timezone": "Europe/Berlin"}, "2026-10-25T00:00:00", 1800),
    ({"start": "2026-03-28T23:00", "end": "2026-03-29T05:00:00"}, "2026-03-29T04:00:00", 3600),
])
def test_windows(window, moment, seconds_left):
    found = judged(window, moment)
    assert (found["open"], found["seconds_left"]) == (seconds_left is not None, seconds_left)
    assert ("so the window is open" if found["open"] else "so the window is closed") in found["text"]


@pytest.mark.parametrize("window", [{}, None])
def test_without_a_window_it_is_always_open(window):
    assert maintenance_window(window, 0) == {
        "open": True, "seconds_left": None, "starts": None, "ends": None, "timezone": "UTC",
        "text": "There is no maintenance window."}


def test_an_open_window_tells_where_it_starts_and_ends():
    found = judged(BERLIN, "2026-01-02T00:00:00")
    assert (found["starts"], found["ends"], found["timezone"]) == (1767301200, 1767322800, "Europe/Berlin")
    assert judged(BERLIN, "2026-01-01T20:59:59")["ends"] is None


@pytest.mark.parametrize("text", [
    "{start: 22:00, end: 04:00}", "{start: 22:00, end: '04:00'}", "{start: '22:00', end: 4:00}",
])
def test_hours_without_quotes(text):
    """YAML reads 22:00 as a number to the base of 60, 04:00 as a text."""
    found = judged(yaml.safe_load(text), "2026-01-01T23:00:00")
    assert found["open"] and found["seconds_left"] == 18000
    assert "from 22:00 to 04:00" in found["text"]


def test_moments_without_quotes():
    """YAML reads them as moments."""
    window = yaml.safe_load("{start: 2026-03-28 23:00:00, end: 2026-03-29 05:00:00}")
    assert judged(window, "2026-03-29T00:00:00")["seconds_left"] == 18000


@pytest.mark.parametrize(("window", "message"), [
    ({"start": "22:00"}, "no end"), ({"end": "22:00"}, "no start"), ({"start": "22:00", "end": "2026-01-01 04:00"}, "not both"),
    ({"start": "10 pm", "end": "4 am"}, "not both"), ({"start": "24:00", "end": "04:00"}, "not both"), ({"start": True, "end": "04:00"}, "not both"),
    (dict(NIGHT, timezone="Mars/Olympus"), "time zone Mars/Olympus"), (dict(NIGHT, timezone="../x"), "time zone ../x"),
    (dict(NIGHT, zone="UTC"), "no key zone"),
])
def test_windows_that_make_no_sense(window, message):
    with pytest.raises(InputError, match=message):
        maintenance_window(window, 0)


@pytest.mark.parametrize(("hours", "left", "expected"), [
    (24, None, 24), (24, 3600, 2), (24, 3599, 1), (24, 0, 1), (1, 36000, 1), (0, 36000, 0),
])
def test_profiles_stay_armed_no_longer_than_the_window_is_open(hours, left, expected):
    assert operation_hours(hours, {"seconds_left": left}) == expected
