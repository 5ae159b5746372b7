# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sitting finds the places of all settings, whatever else changes, and refuses what it cannot tell."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings, _tsp_sitting

KEY = "HKLM:\\SOFTWARE\\Invented\\CiscoTSP002"
OTHER_VIEW = "HKLM:\\SOFTWARE\\WOW6432Node\\Invented\\CiscoTSP002"
SHARED = "HKLM:\\SOFTWARE\\Invented"
NUMBER = 2


def dword(value):
    return {"type": "REG_DWORD", "value": value}


def text(value):
    return {"type": "REG_SZ", "value": value}


def as_stored(name, value):
    """How the TSP of this test stores what its dialog shows."""
    setting = _tsp_settings.SETTINGS[name]
    if name == "trace.file_size":
        return dword(value * 1024)
    if setting.kind == _tsp_settings.BOOL:
        return dword(int(value))
    if setting.kind == _tsp_settings.CHOICE:
        return dword(list(setting.choices).index(value))
    if setting.kind == _tsp_settings.INTEGER:
        return dword(value)
    return text(value)


def sitting(change=lambda number, snapshot: None, before=True):
    """All snapshots of a sitting. before: whether the TSP has written its settings once; otherwise the first OK does."""
    found = []
    for number in range(_tsp_sitting.STEPS):
        turn = number - 1 - _tsp_sitting.UNCHANGED
        snapshot = {KEY: {}, SHARED: {}}
        if before or number:
            for name, course in _tsp_sitting.COURSES.items():
                # Before the rounds the dialog shows something else.
                value = course[turn] if turn >= 0 else {"trace.on": True}.get(name, course[1])
                place = SHARED if _tsp_settings.SETTINGS[name].shared else KEY
                snapshot[place][name] = as_stored(name, value)
        change(number, snapshot)
        found.append(snapshot)
    return found


def result(*arguments, **options):
    return _tsp_sitting.result(sitting(*arguments, **options), NUMBER)


def told(found, name):
    (sentence,) = [one for one in found["told"] if one.startswith(name + ":")]
    return sentence


@pytest.mark.parametrize("before", [True, False])
def test_one_sitting_finds_every_setting(before):
    """Also where the first OK writes all tabs for the first time."""
    found = result(before=before)
    assert found["found"] == sorted(_tsp_sitting.COURSES) and found["unexplained"] == found["noise"] == []
    entries, problems = _tsp_settings.load_profile(found["settings"])
    assert problems == [] and len(entries) == len(_tsp_sitting.COURSES)
    for name, course in _tsp_sitting.COURSES.items():
        entry = entries[name]
        assert entry.value_name(NUMBER) == name and entry.path(NUMBER) == (SHARED if _tsp_settings.SETTINGS[name].shared else KEY)
        for value in course:
            assert entry.stored(name, value) == as_stored(name, value)["value"], name
        assert entry.readable != _tsp_settings.SETTINGS[name].secret
    assert entries["trace.file_size"].transform == {"multiply": 1024} and entries["trace.on"].transform == {"map": {"on": 1, "off": 0}}


def test_courses_are_values_that_the_dialog_takes_and_differ():
    for name, course in _tsp_sitting.COURSES.items():
        assert len(course) == _tsp_sitting.ROUNDS and [_tsp_settings.problem_with(name, value) for value in course] == [None] * 4, name
        assert len(set(map(str, course))) > 1, name
    for first, second in itertools.permutations(_tsp_sitting.COURSES, 2):
        by_word = [_tsp_settings.SETTINGS[name].kind in _tsp_sitting.WORDS for name in (first, second)]
        if by_word != [False, True]:  # what holds the value of a number or text is found before
            stored = [as_stored(first, value) for value in _tsp_sitting.COURSES[first]]
            assert _tsp_sitting.transform_of(second, stored) is None, (first, second)
    assert set(_tsp_sitting.COURSES) | set(_tsp_sitting.BY_ITSELF) == {
        name for name in _tsp_settings.SETTINGS if not name.startswith("cti_manager.tertiary") and name != "cti_manager.fallback"}
    assert list(_tsp_sitting.COURSES) == [name for name in _tsp_settings.SETTINGS if name in _tsp_sitting.COURSES], "the dialog's order"


@pytest.mark.parametrize("value", [
    lambda number: dword(100 + number), lambda number: dword(1764300000 + 17 * number), lambda number: text("2026-11-28 20:00:%02d" % number)])
def test_a_counter_and_a_time_stamp_are_learnt_as_noise(value):
    found = result(lambda number, snapshot: snapshot[KEY].update(Opened=value(number)))
    assert found["noise"] == [KEY + "\\Opened"] and found["found"] == sorted(_tsp_sitting.COURSES)


def test_a_number_that_is_stored_as_text():
    def as_text(_number, snapshot):
        snapshot[KEY]["security.capf_port"] = text(str(snapshot[KEY]["security.capf_port"]["value"]))

    entry = result(as_text)["settings"]["security.capf_port"]
    assert (entry["type"], entry["transform"]) == ("string", "text")


def test_an_encrypted_value_stays_one_to_be_set_by_hand():
    def encrypted(number, snapshot):
        snapshot[KEY]["user.name"] = text("%08x" % (hash((number, 7)) & 0xFFFFFFFF)) if number > 2 else text("00000000")

    found = result(encrypted)
    assert "user.name" not in found["settings"] and "encrypted" in told(found, "user.name")
    assert found["unexplained"] == [KEY + "\\user.name"] and len(found["found"]) == len(_tsp_sitting.COURSES) - 1


def test_a_value_in_two_places_is_refused_and_both_are_told():
    found = result(lambda number, snapshot: snapshot[KEY].update(Copy=snapshot[KEY]["security.capf_port"]))
    assert "security.capf_port" not in found["settings"]
    assert KEY + "\\Copy" in told(found, "security.capf_port") and KEY + "\\security.capf_port" in told(found, "security.capf_port")
    assert found["unexplained"] == []


def test_the_other_registry_view():
    def moved(_number, snapshot):
        snapshot[OTHER_VIEW] = snapshot.pop(KEY)

    entry = result(moved)["settings"]["security.capf_port"]
    assert entry["view"] == 32 and entry["key"] == "HKLM:\\SOFTWARE\\Invented\\CiscoTSP{number}"


def test_the_same_value_in_both_views_is_one():
    found = result(lambda number, snapshot: snapshot.update({OTHER_VIEW: dict(snapshot[KEY])}))
    assert found["found"] == sorted(_tsp_sitting.COURSES) and found["settings"]["security.capf_port"]["view"] == 64


def test_what_could_not_be_entered_is_told_and_the_rest_is_found():
    found = result(lambda number, snapshot: snapshot[KEY].update({"advanced.heartbeat": dword(30)}))
    assert "could not be entered" in told(found, "advanced.heartbeat") and len(found["found"]) == len(_tsp_sitting.COURSES) - 1


def test_a_place_without_the_number_would_be_that_of_all_instances():
    def elsewhere(_number, snapshot):
        snapshot[SHARED]["Port"] = snapshot[KEY].pop("security.capf_port")

    found = result(elsewhere)
    assert "security.capf_port" not in found["settings"] and "same for all instances" in told(found, "security.capf_port")


def test_settings_that_change_together_are_told_apart():
    """The kind of a location changes with it in the same rounds, and is another setting."""
    settings = result()["settings"]
    assert settings["cti_manager.primary_kind"]["transform"] == {"map": {"ipv4": 1, "host": 3, "ipv6": 2}}
    assert settings["cti_manager.primary"]["transform"] == settings["cti_manager.backup"]["transform"] == "text"


def test_a_sitting_in_which_nothing_was_entered():
    found = _tsp_sitting.result([sitting()[0]] * _tsp_sitting.STEPS, NUMBER, {"security.capf_port": {"kept": True}})
    assert found["found"] == [] and found["settings"] == {"security.capf_port": {"kept": True}}


def test_each_step_tells_what_to_enter_in_the_order_of_the_dialog():
    steps = [_tsp_sitting.step(taken, NUMBER) for taken in range(1, _tsp_sitting.STEPS + 1)]
    assert all("change nothing" in lines[0] for lines in steps[:2]) and "write down" in steps[0][1] and steps[-1] == []
    tabs = [line.strip() for line in steps[2] if line.startswith("  ") and not line.startswith("    ")]
    assert tabs == ["General", "User", "CTI Manager", "Security", "Trace", "Advanced"]
    assert any("CAPF: Port" in line and line.endswith("3811") for line in steps[2])
    assert any("Secure Connection" in line and line.endswith("off") for line in steps[3])
