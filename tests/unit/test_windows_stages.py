# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages on hosts with a TSP: what they decide, without Ansible and without a cluster."""

from __future__ import annotations

import pathlib

import pytest
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _outcome, _tsp_settings, _tsp_sitting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, complete
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Ansible, Refused, Run
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import (
    adoption,
    drift,
    windows,
    windows_discovery,
    windows_draft,
    windows_enrolment,
    windows_fleet,
    windows_reading,
    windows_secure,
)

LISTS = {
    "secure_tsp_clusters": {name: {"hostname": name, "username": "axl", "password": "Axl-Secret-0001"} for name in ("emea", "apac")},
    "secure_tsp_users": [{"name": "rec", "cluster": name, "password": "Rec-Secret-0002"} for name in ("emea", "apac")],
    "secure_tsp_instances": [
        {"host": "pc1", "user": "rec", "cluster": "emea", "instance_id": "pc1x1", "tsp_number": 1, "enrolment": "tsp"},
        {"host": "pc1", "user": "rec", "cluster": "apac", "instance_id": "pc1x2", "tsp_number": 2, "enrolment": "tsp"},
        {"host": "linux1", "user": "rec", "cluster": "emea", "instance_id": "linux1x1"}],
}
PLACE = {"security.secure_connection": {
    "key": "HKLM:\\SOFTWARE\\Invented\\{number}", "name": "Secure", "type": "dword", "transform": {"map": {"on": 1, "off": 0}}}}
FACTS = {"restart_by": "reboot"}
SHOWN = []


class HostVars(dict):
    def raw_get(self, host):
        return self[host]


class Templar:
    def template(self, value):
        return value


class Execute:
    """Keeps what was asked for. registry: {path: {name: value}}."""

    def __init__(self, registry=None, broken=()):
        self.registry, self.broken, self.calls = registry or {}, broken, []

    def module(self, name, options, secret=False):
        name = name.rpartition(".")[2]
        self.calls.append((name, options, secret))
        if name in self.broken:
            return {"failed": True, "msg": "broken"}
        if name == "win_reg_stat":
            values = self.registry.get(options["path"], {})
            return {"properties": {key: {"type": "REG_DWORD", "value": value} for key, value in values.items()}}
        if name == "win_regedit":
            self.registry.setdefault(options["path"], {})[options["name"]] = options["data"]
            return {"changed": True}
        raise AssertionError(name)

    def written(self):
        return [options["path"] for name, options, _secret in self.calls if name == "win_regedit"]


MODEL = complete(LISTS["secure_tsp_clusters"], LISTS["secure_tsp_users"], LISTS["secure_tsp_instances"], inventory={"pc1", "linux1"},
                 group={"pc1", "linux1"}, is_windows=lambda host: host == "pc1")[0]


def row(instance_id, **facts):
    instance = next(one for one in MODEL.instances() if one["instance_id"] == instance_id)
    return dict(_outcome.fresh(instance), needed=False, certificate_valid=True, **facts)


def run(tmp_path, registers=(), profile=None, check=False, load=None, **variables):
    """A run on pc1. registers: of pc1, by name."""
    path = pathlib.Path(tmp_path) / "profile.yml"
    path.write_text(yaml.safe_dump({"settings": PLACE if profile is None else profile}))
    rows = [row("pc1x1"), row("pc1x2")]
    own = {"secure_tsp_looked": {"rows": rows, "tsp": {"facts": FACTS, "by_hand": [], "may_restart": True}},
           "client_windows_registry_profile": str(path),
           "secure_tsp_preflight": {"model": MODEL.plain(), "clusters": {name: {"failure": ""} for name in ("emea", "apac")}},
           **{"secure_tsp_" + name: register for name, register in dict(registers).items()}, **variables}
    return Run(Templar(), {
        "inventory_hostname": "pc1", "hostvars": HostVars({"pc1": own, "linux1": {}}), "ansible_play_hosts_all": ["pc1", "linux1"],
        "ansible_play_batch": ["pc1", "linux1"], **LISTS, **own}, check, False,
        Ansible(SHOWN.append, (LookupError,), "/tmp/x/y", load or (lambda name: yaml.safe_load(pathlib.Path(name).read_text()))))


def key_of_tsp(number):
    return "HKLM:\\SOFTWARE\\Invented\\%03d" % number


# The tick for the secure port


def test_a_user_of_the_same_name_on_another_cluster_switches_no_tsp(tmp_path):
    execute = Execute()
    found = windows_secure.tick(run(tmp_path, {"due": {"going": [["emea", "rec"]], "secure": []}}), execute)
    assert execute.written() == [key_of_tsp(1)]
    assert found["ticked"] == found["ready"] == [["emea", "pc1x1"]]


def test_nobody_is_ticked_without_a_certificate_or_a_cutover(tmp_path):
    due = {"going": [["emea", "rec"], ["apac", "rec"]], "secure": []}
    rows = [dict(row("pc1x1"), certificate_valid=False), dict(row("pc1x2"), failed=True)]
    execute = Execute()
    windows_secure.tick(run(tmp_path, {"due": due, "enrolled": {"rows": rows}}), execute)
    windows_secure.tick(run(tmp_path, {"due": {"going": [], "secure": []}}), execute)
    assert execute.calls == []


def test_a_value_that_stands_already_is_not_written_again(tmp_path):
    execute = Execute({key_of_tsp(1): {"Secure": 1}})
    found = windows_secure.tick(run(tmp_path, {"due": {"going": [], "secure": [["emea", "rec"]]}}), execute)
    assert execute.written() == [] and not found["changed"] and found["ready"] == [["emea", "pc1x1"]]


def test_a_failed_tick_bars_the_cutover(tmp_path):
    due = {"going": [["emea", "rec"]], "secure": []}
    found = windows_secure.tick(run(tmp_path, {"due": due}), Execute(broken=["win_regedit"]))
    failed = next(one for one in found["rows"] if one["instance_id"] == "pc1x1")
    assert failed["failed"] and "broken" in failed["message"] and found["ready"] == []
    assert Key("emea", "rec") in windows_secure.not_ticked(run(tmp_path, {"ticked": found}), MODEL, "ticked")


@pytest.mark.parametrize(("looked_needed", "variables", "barred"), [
    (False, {}, True),
    (False, {"secure_tsp_tsp_entered": ["pc1x1"]}, False),
    # What the last run listed was only what the certificate needed.
    (True, {"secure_tsp_tsp_entered": ["pc1x1"]}, True),
    # At the terminal only the typed word counts, which nobody can type without one.
    (True, {"secure_tsp_tsp_operator": True, "secure_tsp_typed": {"user_input": "entered"}}, False),
    (True, {"secure_tsp_tsp_operator": True, "secure_tsp_typed": {"user_input": ""}}, True),
    (True, {"secure_tsp_typed": {"user_input": "entered"}}, True),
])
def test_a_cutover_waits_for_a_tick_that_a_person_sets(tmp_path, looked_needed, variables, barred):
    looked = {"rows": [dict(row("pc1x1"), needed=looked_needed)], "tsp": {"facts": FACTS, "by_hand": [], "ready": []}}
    one = run(tmp_path, {"looked": looked, "due": {"going": [["emea", "rec"]], "secure": []}}, profile={}, **variables)
    assert windows_secure.tick(one, Execute())["ready"] == []
    found = windows_secure.not_ticked(one, MODEL, "ticked")
    assert (Key("emea", "rec") in found) == barred
    assert not barred or "pc1x1 on pc1" in found["emea", "rec"] and "linux1x1" not in found["emea", "rec"]


def test_before_the_ticks_what_the_registry_profile_knows_bars_nobody(tmp_path):
    looked = {"rows": [], "tsp": {"ready": [["emea", "pc1x1"], ["apac", "pc1x2"]]}}
    assert windows_secure.not_ticked(run(tmp_path, {"looked": looked}), MODEL, "looked") == {}


# After the cutover


def settled(tmp_path, cut, registers=(), **variables):
    due = {"going": [["emea", "rec"]], "secure": []}
    ticked = {"ticked": [["emea", "pc1x1"]], "ready": [["emea", "pc1x1"]], "by_hand": [], "rows": [row("pc1x1"), row("pc1x2")]}
    execute = Execute({key_of_tsp(1): {"Secure": 1}})
    found = windows_secure.settle(run(tmp_path, {"due": due, "ticked": ticked, "cut_over": {"secure": cut}, **dict(registers)}, **variables),
                                  execute)
    return found, execute


def test_a_cut_over_user_leads_to_one_restart(tmp_path):
    found, execute = settled(tmp_path, [["emea", "rec"]], {"ready": {"deferred": ["user.name"]}}, client_windows_allow_reboot=True)
    assert found["restart"] == {"by": "reboot", "reasons": ["user.name", "the secure connection"], "said": ""}
    assert execute.written() == []


def test_what_a_batch_was_restarted_for_is_no_reason_after_all_batches(tmp_path):
    """The last play goes over all hosts once more, whose registers are those of their batches."""
    before = {"ready": {"deferred": ["user.name"]}, "settled": {"restart": {"by": "reboot"}}, "ticked": {"ticked": [], "by_hand": []}}
    found, _execute = settled(tmp_path, [["emea", "rec"]], before, client_windows_allow_reboot=True)
    assert found["restart"]["by"] == "none" and found["said"] == []


def test_a_tick_without_a_cutover_is_taken_back(tmp_path):
    found, execute = settled(tmp_path, [["apac", "rec"]], client_windows_allow_reboot=True)
    assert execute.registry[key_of_tsp(1)]["Secure"] == 0 and found["restart"]["by"] == "none"
    assert not any(one["failed"] for one in found["rows"])


def test_a_tick_that_cannot_be_taken_back_is_said_loudly(tmp_path):
    profile = {name: dict(entry, transform={"map": {"on": 1}}) for name, entry in PLACE.items()}
    found, _execute = settled(tmp_path, [], profile=profile)
    told = next(one for one in found["rows"] if one["instance_id"] == "pc1x1")
    assert told["failed"] and "off the air at its next start" in told["message"]


@pytest.mark.parametrize(("variables", "facts", "reasons", "by", "said"), [
    ({}, "reboot", ["user.name"], "none", "allow it with client_windows_allow_reboot."),
    ({}, "telephony", ["user.name"], "none", "or client_windows_allow_telephony_restart."),
    ({"client_windows_allow_reboot": True}, "telephony", ["user.name"], "reboot", ""),
    ({"client_windows_allow_telephony_restart": True}, "telephony", ["user.name"], "telephony", ""),
    ({"client_windows_allow_telephony_restart": True}, "telephony", ["installation"], "none", "(installation)"),
    ({"client_windows_allow_telephony_restart": True}, "reboot", ["user.name"], "none", "(user.name)"),
    ({"client_windows_allow_reboot": True}, "reboot", [], "none", ""),
    ({"client_windows_allow_reboot": True, "secure_tsp_window": {"start": "2001-01-01 00:00", "end": "2001-01-01 01:00"}}, "reboot",
     ["user.name"], "none", "Not restarted: The maintenance window is from"),
])
def test_what_is_restarted(tmp_path, variables, facts, reasons, by, said):
    host = windows.Windows(run(tmp_path, **variables), Execute())
    found = windows.restart_of(host, {"restart_by": facts}, reasons)
    assert found["by"] == by and said in found["said"] and bool(said) == bool(found["said"])


def test_check_mode_restarts_nothing(tmp_path):
    host = windows.Windows(run(tmp_path, check=True, client_windows_allow_reboot=True), Execute())
    assert windows.restart_of(host, {"restart_by": "reboot"}, ["user.name"])["by"] == "none"


# What is started anew for a fetch


@pytest.mark.parametrize(("by_hand", "variables", "found"), [
    (False, {}, True),
    (True, {}, False),
    (True, {"secure_tsp_tsp_entered": ["pc1x1"]}, True),
    (True, {"secure_tsp_tsp_operator": True, "secure_tsp_typed": {"user_input": "Entered "}}, True),
    # Without a terminal the pause gives an empty line.
    (True, {"secure_tsp_tsp_operator": True, "secure_tsp_typed": {"user_input": ""}}, False),
    # What a skipped pause registers is nobody's word.
    (True, {"secure_tsp_tsp_operator": True, "secure_tsp_typed": {"skipped": True}}, False),
])
def test_a_tsp_is_started_anew_where_nothing_is_left_to_enter(tmp_path, by_hand, variables, found):
    rows = [{"cluster": "emea", "instance_id": "pc1x1", "setting": "security.fetch_certificates"}] if by_hand else []
    handed = {"waiting": [["emea", "pc1x1"]], "by_hand": rows}
    told = windows_enrolment.ready(run(tmp_path, {"handed": handed}, client_windows_allow_reboot=True, **variables), Execute())
    assert told["ready"] == ([["emea", "pc1x1"]] if found else [])
    assert told["restart"]["by"] == ("reboot" if found else "none")


def test_what_was_not_typed_is_said_once_it_could_have_been(tmp_path):
    asked = {"secure_tsp_tsp_operator": True, "secure_tsp_typed": {"user_input": ""}}
    assert "Nobody typed 'entered' at the terminal" in windows.not_typed(run(tmp_path, **asked))
    for more in ({"secure_tsp_typed": {"user_input": "entered"}}, {"secure_tsp_typed": {"skipped": True}}, {"secure_tsp_tsp_operator": False}):
        assert windows.not_typed(run(tmp_path, **dict(asked, **more))) == ""


# Hosts that are none of Windows


def test_a_tsp_on_another_host_fails_alone(tmp_path):
    beside = {"rows": [row("pc1x2")], "refused": "", "warnings": []}
    (instance,) = [one for one in MODEL.instances() if one["instance_id"] == "pc1x1"]
    told = windows_reading.beside(beside, [instance])["rows"]
    assert [one["failed"] for one in told] == [False, True] and "the host is no Windows host" in told[1]["message"]
    # Where the whole host is refused, that is the reason.
    assert windows_reading.beside(dict(beside, rows=[], refused="no Python"), [instance])["rows"] == []


def test_modules_for_windows_are_wanted_for_windows_hosts_alone(tmp_path):
    one = run(tmp_path)
    assert windows.hosts_of(one, MODEL) == []
    one.vars["hostvars"]["pc1"]["ansible_connection"] = "psrp"
    assert windows.hosts_of(one, MODEL) == ["pc1"]
    assert windows.lacking(one, []) == []


@pytest.mark.parametrize(("version", "said"), [
    (None, "ansible-galaxy collection install ansible.windows"), ("2.7.0", "on the controller as 2.7.0"), ("3.3.0", "")])
def test_a_run_that_only_looks_says_what_the_controller_lacks(tmp_path, monkeypatch, version, said):
    monkeypatch.setattr(windows, "collection_version", lambda name: version)
    one = run(tmp_path, ansible_shell_type="powershell")
    assert said in windows.not_looked_at(one) and bool(windows.not_looked_at(one)) == bool(said)
    if said:
        one.vars["hostvars"]["pc1"]["secure_tsp_preflight"]["only"] = None
        assert said in drift.read(one, Execute())["reading"]["failure"]
        assert said in adoption.adopt(one, Execute())["why"]
        assert said in windows_reading.inspect(one, Execute())["refused"]


def test_an_adoption_takes_the_addresses_of_a_windows_host(tmp_path, monkeypatch):
    class Setup:
        @staticmethod
        def module(_name, _options, secret=False):
            return {"ansible_facts": {"ansible_ip_addresses": ["192.0.2.31", "fe80::1%4", "2001:db8::31"]}}

    monkeypatch.setattr(windows, "collection_version", lambda name: "3.3.0")
    found = adoption.adopt(run(tmp_path, ansible_shell_type="powershell"), Setup())
    assert found == {"changed": False, "addresses": ["192.0.2.31", "2001:db8::31"], "certificates": [], "why": ""}


# A sitting


class Registry:
    """A TSP whose dialog shows what the step before told."""

    def __init__(self):
        self.taken = 0

    def module(self, _name, options, secret=False):
        turn = max(0, self.taken - 1 - _tsp_sitting.UNCHANGED)
        if options["path"].endswith("Invented"):
            return {"properties": {}, "sub_keys": ["001"]}
        values = {name: {"type": "REG_DWORD", "value": int(course[turn])} for name, course in _tsp_sitting.COURSES.items()
                  if _tsp_settings.SETTINGS[name].kind in (_tsp_settings.BOOL, _tsp_settings.INTEGER)}
        return {"properties": dict(values, Opened={"type": "REG_DWORD", "value": self.taken}), "sub_keys": []}


def test_a_sitting_goes_on_from_run_to_run_and_ends_with_a_profile(tmp_path):
    registry, folder = Registry(), tmp_path / "discovery"
    for taken in range(_tsp_sitting.STEPS):
        registry.taken = taken
        found = windows_discovery.sit(run(
            tmp_path, profile={}, client_windows_discover_folder=str(folder), client_windows_discover_keys=["HKLM:\\SOFTWARE\\Invented"]), registry)
        left = sorted(path.name for path in folder.glob("*"))
        if taken < _tsp_sitting.STEPS - 1:
            assert found["next"] and "Step %d of 6" % (taken + 1) in found["msg"][0] and "profile" not in found
            assert left == ["pc1-sitting.json", "pc1-sitting.txt"]
            assert {path.stat().st_mode & 0o777 for path in folder.glob("*")} == {0o600}
    assert not found["next"] and left == []
    settings = found["profile"]["settings"]
    assert len(settings) == len([name for name in _tsp_sitting.COURSES if _tsp_settings.SETTINGS[name].kind in (
        _tsp_settings.BOOL, _tsp_settings.INTEGER)]) and settings["security.capf_port"]["key"] == "HKLM:\\SOFTWARE\\Invented\\{number}"
    assert "Changes by itself: HKLM:\\SOFTWARE\\Invented\\001\\Opened" in found["msg"]


def test_a_sitting_in_which_nothing_was_entered_writes_no_profile(tmp_path):
    registry, folder = Registry(), tmp_path / "discovery"
    for _taken in range(_tsp_sitting.STEPS):
        found = windows_discovery.sit(run(
            tmp_path, profile={}, client_windows_discover_folder=str(folder), client_windows_discover_keys=["HKLM:\\SOFTWARE\\Invented"]), registry)
    assert found["failed"] and "No setting was found" in found["msg"] and list(folder.glob("*")) == []


# Off the secure port


def test_a_tsp_goes_off_the_secure_port_with_its_user(tmp_path, monkeypatch):
    monkeypatch.setattr(windows.Windows, "facts", lambda host, mine: ({"restart_by": "reboot"}, []))
    (mine,) = [one for one in MODEL.instances() if one["instance_id"] == "pc1x1"]
    execute = Execute({key_of_tsp(1): {"Secure": 1}})
    found = windows_secure.untick(run(tmp_path, client_windows_allow_reboot=True), execute, [mine])
    assert execute.registry[key_of_tsp(1)]["Secure"] == 0 and found["restart"]["by"] == "reboot" and found["said"] == []

    refused = windows_secure.untick(run(tmp_path), Execute({key_of_tsp(1): {"Secure": 1}}), [mine])
    assert refused["restart"]["by"] == "none" and "has to be restarted" in refused["said"][0]
    check = windows_secure.untick(run(tmp_path, check=True), untouched := Execute({key_of_tsp(1): {"Secure": 1}}), [mine])
    assert check["changed"] and untouched.written() == []

    by_hand = windows_secure.untick(run(tmp_path, profile={}), Execute(), [mine])
    assert [(one["setting"], one["value"]) for one in by_hand["by_hand"]] == [("security.secure_connection", "off")]
    assert "off the air until Secure Connection is unticked" in by_hand["said"][0]

    broken = windows_secure.untick(run(tmp_path), Execute({key_of_tsp(1): {"Secure": 1}}, broken=["win_regedit"]), [mine])
    assert "could not be switched off, so they are off the air" in broken["said"][0] and broken["by_hand"] == []


# Waiting


def test_pauses_together_last_until_the_deadline(tmp_path):
    one = run(tmp_path, secure_tsp_fetch_deadline=20, secure_tsp_first_pause=5, secure_tsp_longest_pause=8)
    assert windows_fleet.pauses(one, "fetch_deadline") == [5, 8, 7]


def test_nothing_is_asked_where_nobody_waits(tmp_path):
    one = run(tmp_path, {"handed": {"waiting": [], "ready": []}})
    assert windows_fleet.wait(one) == {"changed": False, "profiles": [], "warnings": []}


# Options of the host


def test_wrong_and_unknown_options_of_a_host_are_told_by_their_names(tmp_path):
    one = run(tmp_path, client_windows_allow_reboot="perhaps", client_windows_alow_reboot=True, client_windows_reboot_timeout="60")
    options, wrong = one.windows("pc1")
    assert options["allow_reboot"] is False and options["reboot_timeout"] == 60
    assert wrong == ["client_windows_allow_reboot is neither true nor false",
                     "there is no variable client_windows_alow_reboot; did you mean client_windows_allow_reboot?"]


def test_what_is_wrong_with_a_cluster_hides_nothing_else(tmp_path):
    broken = complete({"emea": "no dictionary"}, [], [dict(LISTS["secure_tsp_instances"][0])], inventory={"pc1"}, group={"pc1"},
                      is_windows=lambda host: True)[0]
    told = windows.mistakes_of(run(tmp_path, client_windows_manage_installation=True), broken, "pc1")
    assert any("client_windows_installer_sha256" in text for text in told)


def test_the_versions_of_installed_collections_are_found():
    assert windows.collection_version("voiceops.secure_tsp") == ""
    assert windows.collection_version("voiceops.nowhere") is None


def test_a_string_file_is_made_anew_and_is_nobody_elses(tmp_path):
    file, elsewhere = tmp_path / "strings" / "pc1x1.txt", tmp_path / "elsewhere"
    file.parent.mkdir()
    elsewhere.write_text("untouched")
    file.symlink_to(elsewhere)
    windows.write_private(str(file), "1234567890\n")
    assert elsewhere.read_text() == "untouched" and not file.is_symlink()
    assert file.read_text() == "1234567890\n" and file.stat().st_mode & 0o777 == 0o600


# A draft from the installer


def drafted_entry(setting, name, **more):
    return {setting: {"key": "HKLM:\\SOFTWARE\\Invented\\{number}", "name": name, "type": "dword", "transform": "number", "view": 64,
                      "readable": True, "grade": "from the installer", **more}}


PACKAGE = {"client_windows_package": {"draft": {
    "settings": {**drafted_entry("security.capf_port", "Port"), **drafted_entry("security.fetch_retries", "Retries"),
                 **drafted_entry("advanced.heartbeat", "Heart")},
    "not_placed": [{"key": "K", "name": "N", "data": "30", "reason": "nothing follows"}]}}}


def test_a_draft_is_held_against_the_dialog_that_the_lists_tell(tmp_path):
    execute = Execute({key_of_tsp(2): {"Port": 3804, "Retries": 2, "Heart": 5}})
    found = windows_draft.draft(run(tmp_path, profile={}, client_windows_discover_number=2, **PACKAGE), execute)
    assert [(row["setting"], row["verdict"]) for row in found["verdicts"]] == [
        ("security.capf_port", "confirmed"), ("security.fetch_retries", "possible"), ("advanced.heartbeat", "contradicted")]
    assert {name: entry["grade"] for name, entry in found["profile"]["settings"].items()} == {
        "security.capf_port": "confirmed", "security.fetch_retries": "from the installer"}
    assert SHOWN[-1] == "K\\N: nothing follows" and {name for name, _options, _secret in execute.calls} == {"win_reg_stat"}


def test_what_the_operator_gave_is_what_the_dialog_shows(tmp_path):
    execute = Execute({key_of_tsp(1): {"Retries": 2}})
    found = windows_draft.draft(run(tmp_path, profile={}, client_windows_settings={"security.fetch_retries": 2}, **PACKAGE), execute)
    assert found["profile"]["settings"]["security.fetch_retries"]["grade"] == "confirmed"


def test_a_host_that_is_not_read_confirms_nothing(tmp_path):
    del SHOWN[:]
    found = windows_draft.draft(run(tmp_path, profile={}, **PACKAGE), Execute(broken=["win_reg_stat"]))
    assert {entry["grade"] for entry in found["profile"]["settings"].values()} == {"from the installer"}
    assert SHOWN[0].startswith("The host was not read: ")


def test_what_was_measured_before_a_draft_is_kept(tmp_path):
    measured = {**PLACE, **drafted_entry("security.capf_port", "Measured", grade="measured"), **drafted_entry("advanced.heartbeat", "Old")}
    found = windows_draft.draft(run(tmp_path, profile=measured, **PACKAGE), Execute())
    settings = found["profile"]["settings"]
    assert (settings["security.capf_port"]["name"], settings["advanced.heartbeat"]["name"]) == ("Measured", "Heart")
    assert settings["security.secure_connection"] == PLACE["security.secure_connection"]


def test_a_draft_needs_a_file_and_something_to_write(tmp_path):
    with pytest.raises(Refused, match="client_windows_registry_profile"):
        windows_draft.draft(run(tmp_path, **dict(PACKAGE, client_windows_registry_profile="")), Execute())
    nothing = {"client_windows_package": {"draft": {"settings": {}, "not_placed": []}}}
    assert windows_draft.draft(run(tmp_path, profile={}, **nothing), Execute())["failed"]


def test_a_profile_that_cannot_be_read_is_not_written_over(tmp_path):
    def load(name):
        raise LookupError("no YAML")

    with pytest.raises(Refused, match="cannot be read"):
        windows_draft.draft(run(tmp_path, load=load, **PACKAGE), Execute())
