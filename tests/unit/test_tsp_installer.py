# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The draft of a registry profile out of an installer, and the draft against what a host has."""

from __future__ import annotations

import pytest
import written_msi
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _msi, _tsp_installer, _tsp_settings
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsp_installer import ABSENT, CONFIRMED, CONTRADICTED, POSSIBLE
from played_installer import TSP_KEY, reader

KEY = TSP_KEY + "\\CiscoTSP001"
COMPONENT = written_msi.columns("Component", "Directory_", "Attributes", numbers=("Attributes",))
REGISTRY = written_msi.columns("Registry", "Root", "Key", "Name", "Value", "Component_", numbers=("Root",))
PROPERTY = written_msi.columns("Property", "Value")


def facts(rows, properties=(), bits=64, more=None):
    """Of a package with these rows C((key, name, value[, root])) of the registry."""
    tables = {
        "Registry": (REGISTRY, [("r%d" % number, row[3] if len(row) > 3 else 2, *row[:3], "c") for number, row in enumerate(rows)]),
        "Component": (COMPONENT, [("c", "", 256 if bits == 64 else 0)]),
        "Property": (PROPERTY, list(properties)), **(more or {})}
    ((_offset, database),) = _msi.find(*reader(written_msi.package(tables)))
    return _tsp_installer.facts(database, [TSP_KEY])


def draft(*rows, **more):
    return facts(rows, **more)["draft"]


def test_a_documented_property_tells_the_place_of_its_setting():
    found = draft((KEY, "Who", "[USER]"), (KEY, "How", "[CTI1_TYPE]"), bits=32)
    assert found["settings"]["user.name"] == {
        "key": "HKLM:\\SOFTWARE\\Cisco Systems, Inc.\\Cisco TSP\\CiscoTSP{number}", "name": "Who", "type": "string", "transform": "text",
        "view": 32, "readable": True, "grade": "from the installer"}
    assert found["settings"]["cti_manager.primary_kind"]["transform"] == {
        "map": {"none": "NONE", "ipv4": "IPV4", "ipv6": "IPV6", "host": "HOST"}}
    assert found["not_placed"] == []


@pytest.mark.parametrize(("value", "type_", "transform"), [
    ("[USER]", "string", "text"), ("#%[USER]", "expandstring", "text"), ("##[USER]", "string", "opaque"), ("#[USER]", "dword", "opaque"),
    ("[~][USER][~]", "multistring", "opaque"), ("#x[USER]", "binary", "opaque"), ("a [USER]", "string", "opaque"),
])
def test_types_follow_from_how_windows_installer_writes_values(value, type_, transform):
    (row,) = facts([(KEY, "Who", value)])["registry"]
    assert row["type"] == type_
    assert draft((KEY, "Who", value))["settings"]["user.name"]["transform"] == transform


@pytest.mark.parametrize(("row", "reason"), [
    ((KEY, "Fixed", "#30"), "same everywhere"), ((KEY, "Both", "[USER][CTI1]"), "several properties"),
    ((KEY, "P", "[PASS]"), "encrypted"), ((KEY, "X", "[NOBODY_KNOWS]"), "it is not known which setting"),
    ((TSP_KEY, "Who", "[USER]"), "contains the number of a TSP"), ((KEY + "\\[NONE]", "Who", "[USER]"), "a property that has no default"),
    ((KEY, "+", ""), "creates or removes a key"), ((KEY, "Who", "[USER]", -1), "depends on how it is installed"),
])
def test_what_does_not_follow_is_listed_with_the_reason(row, reason):
    found = draft(row)
    assert found["settings"] == {} and len(found["not_placed"]) == 1 and reason in found["not_placed"][0]["reason"]


def test_two_places_of_one_setting_are_none():
    found = draft((KEY, "Who", "[USER]"), (KEY, "Also", "[USER]"))
    assert found["settings"] == {} and [row["name"] for row in found["not_placed"]] == ["Also", "Who"]


def test_the_same_place_for_several_tsps_is_one():
    found = draft(*((TSP_KEY + "\\CiscoTSP00%d" % number, "Who", "[USER]") for number in (1, 2, 3)))
    assert set(found["settings"]) == {"user.name"} and found["not_placed"] == []


def test_defaults_stand_in_keys_and_the_other_view_is_the_same_key():
    found = facts([("SOFTWARE\\WOW6432Node\\[MAKER]\\Cisco TSP\\CiscoTSP001\\", "Who", "[USER]")],
                  properties=[("MAKER", "Cisco Systems, Inc.")], bits=32)
    assert found["registry_elsewhere"] == 0
    assert found["draft"]["settings"]["user.name"]["key"] == "HKLM:\\SOFTWARE\\Cisco Systems, Inc.\\Cisco TSP\\CiscoTSP{number}"


def test_for_all_users_the_hive_of_the_machine_is_meant():
    assert "user.name" in draft((KEY, "Who", "[USER]", -1), properties=[("ALLUSERS", "1")])["settings"]


def test_hidden_defaults_are_not_shown():
    found = facts([(KEY, "P", "[PASS]")], properties=[("PASS", "Hush-4711"), ("MYSTRING", "Hush-4711"), ("USER", "somebody"),
                                                      ("MsiHiddenProperties", "OTHER;MYSTRING")])
    assert "Hush-4711" not in str(found)
    assert {row["name"]: row["default"] for row in found["properties"]} == {
        "PASS": _tsp_settings.HIDDEN, "MYSTRING": _tsp_settings.HIDDEN, "USER": "somebody"}


def test_foreign_text_is_made_printable():
    assert facts([(KEY, "Who\x1b[2J", "[USER]")])["registry"][0]["name"] == "Who\\x1b[2J"


@pytest.mark.parametrize(("rows", "removes", "kind"), [
    ([], False, "none"), ([("{A}", 0)], True, "major"), ([("{A}", 2)], True, "only detected"), ([("{A}", 0)], False, "only detected"),
    ([("{A}", 2), ("{A}", 1)], True, "major"), ([], True, "none"),
])
def test_the_kind_of_upgrade(rows, removes, kind):
    more = {"Upgrade": (written_msi.columns("UpgradeCode", "Attributes", numbers=("Attributes",)), rows),
            "InstallExecuteSequence": (written_msi.columns("Action"), [("RemoveExistingProducts",)] if removes else [])}
    assert facts([], more=more)["upgrade"]["kind"] == kind


def test_folders_are_told_down_to_one_that_windows_knows():
    folders = [("TARGETDIR", "", "SourceDir"), ("ProgramFilesFolder", "TARGETDIR", "."),
               ("VENDOR", "ProgramFilesFolder", "PLAYED~1|Played maker:x"), ("SAME", "VENDOR", "."), ("HERE", "SAME", "bin")]
    files = [("f", "c", "CISCOT~1.TSP|CiscoTSP001.tsp", "14.0.1.2"), ("g", "c", "readme.txt", "")]
    more = {"Directory": (written_msi.columns("Directory", "Directory_Parent", "DefaultDir"), folders),
            "Component": (COMPONENT, [("c", "HERE", 0)]),
            "File": (written_msi.columns("File", "Component_", "FileName", "Version"), files)}
    found = facts([], more=more)
    assert [(row["file"], row["folder"], row["version"], row["bits"]) for row in found["providers"]] == [
        ("CiscoTSP001.tsp", "[ProgramFilesFolder]\\Played maker\\bin", "14.0.1.2", 32)]
    assert found["files"] == 2


# A draft is used for nothing until a host has confirmed it


def test_an_entry_from_the_installer_is_neither_written_nor_compared():
    settings = draft((KEY, "Who", "[USER]"))["settings"]
    entries, problems = _tsp_settings.load_profile(settings)
    plan = _tsp_settings.plan([("recorder01x1", 1, {"user.name": "recorder_tapi"})], entries, {})
    assert problems == plan.writes == plan.reads == plan.drift == []
    assert [row["setting"] for row in plan.by_hand] == ["user.name"]


def test_once_confirmed_it_is():
    settings = draft((KEY, "Who", "[USER]"))["settings"]
    (path,) = _tsp_installer.paths(settings, 1)
    found = {path: {"Who": {"type": "REG_SZ", "value": "recorder_tapi"}}}
    kept, _rows = _tsp_installer.compared(settings, found, 1, {"user.name": "recorder_tapi"})
    entries, _problems = _tsp_settings.load_profile(kept)
    plan = _tsp_settings.plan([("recorder01x1", 1, {"user.name": "other_tapi"})], entries, found)
    assert [row["data"] for row in plan.writes] == ["other_tapi"] and len(plan.drift) == 1


def test_a_grade_that_is_none_is_refused():
    settings = draft((KEY, "Who", "[USER]"))["settings"]
    settings["user.name"]["grade"] = "guessed"
    assert "grade must be one of" in _tsp_settings.load_profile(settings)[1][0]


def sz(value):
    return {"type": "REG_SZ", "value": value}


def dword(value):
    return {"type": "REG_DWORD", "value": value}


def placed(setting, type_, transform):
    return {setting: {"key": "HKLM:\\" + TSP_KEY + "\\CiscoTSP{number}", "name": "V", "type": type_, "transform": transform, "view": 64,
                      "readable": True, "grade": "from the installer"}}


PORT, KIND = "security.capf_port", "cti_manager.primary_kind"
KINDS = {"map": {"none": "NONE", "ipv4": "IPV4", "ipv6": "IPV6", "host": "HOST"}}


@pytest.mark.parametrize(("settings", "found", "dialog", "verdict"), [
    (placed(PORT, "dword", "number"), dword(3804), {PORT: 3804}, CONFIRMED),
    (placed(PORT, "dword", "number"), dword(3804), {}, POSSIBLE),
    (placed(PORT, "dword", "number"), dword(3804), {PORT: 3805}, POSSIBLE),
    (placed(PORT, "dword", "number"), dword(0), {}, CONTRADICTED),
    (placed(PORT, "dword", "number"), sz("3804"), {PORT: 3804}, CONTRADICTED),
    (placed(PORT, "dword", "number"), None, {PORT: 3804}, ABSENT),
    (placed(PORT, "string", "text"), sz("3804"), {PORT: 3804}, CONFIRMED),
    (placed(PORT, "string", "text"), sz("port"), {}, CONTRADICTED),
    (placed(KIND, "string", KINDS), sz("IPV4"), {KIND: "ipv4"}, CONFIRMED),
    (placed(KIND, "string", KINDS), sz("IPV4"), {KIND: "host"}, POSSIBLE),
    (placed(KIND, "string", KINDS), sz("2"), {KIND: "host"}, CONTRADICTED),
    (placed("security.secure_connection", "dword", {"map": {"on": 1}}), dword(0), {"security.secure_connection": False}, POSSIBLE),
    (placed("security.secure_connection", "dword", {"map": {"on": 1}}), dword(1), {"security.secure_connection": True}, CONFIRMED),
    (placed("security.capf_address", "string", "text"), sz("not an address"), {}, CONTRADICTED),
    (placed("security.capf_address", "string", "text"), sz(""), {}, POSSIBLE),
    (placed("user.name", "binary", "opaque"), {"type": "REG_BINARY", "value": [1]}, {"user.name": "x"}, POSSIBLE),
    (placed("user.name", "binary", "opaque"), sz("x"), {"user.name": "x"}, CONTRADICTED),
])
def test_one_read_of_a_host_confirms_or_contradicts(settings, found, dialog, verdict):
    (path,) = _tsp_installer.paths(settings, 2)
    assert path.endswith("CiscoTSP002")
    kept, (row,) = _tsp_installer.compared(settings, {path: {"V": found} if found else {}}, 2, dialog)
    assert row["verdict"] == verdict and row["place"] == path + "\\V"
    (name,) = settings
    assert kept.get(name, {}).get("grade") == {CONFIRMED: "confirmed", CONTRADICTED: None}.get(verdict, "from the installer")
    assert settings[name]["grade"] == "from the installer"


def test_what_a_host_has_of_a_secret_is_not_shown():
    settings = placed(_tsp_settings.STRING, "string", "text")
    (path,) = _tsp_installer.paths(settings, 1)
    _kept, rows = _tsp_installer.compared(settings, {path: {"V": sz("4711081547")}}, 1, {})
    assert "4711081547" not in str(rows)
