# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings as tsp
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsp_discovery import registry_change
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsp_installation import decision

KEY = "HKLM:\\SOFTWARE\\Example\\CiscoTSP{number}"
FIRST = KEY.replace("{number}", "001")
FIRST_32 = "HKLM:\\SOFTWARE\\WOW6432Node\\Example\\CiscoTSP001"


def instance(instance_id="recorder01x1", number=1, **more):
    return {
        "instance_id": instance_id, "host": "recorder01", "cluster": "main", "user": "recorder_tapi", "tsp_number": number,
        "cti_managers": ["192.0.2.1", "cti2.example.com"], "capf_host": "192.0.2.1", "capf_port": 3804,
        "tftp_servers": ["192.0.2.1"], **more,
    }


def entry(name="Port", kind="dword", transform="number", **more):
    return {"key": KEY, "name": name, "type": kind, "transform": transform, **more}


def settings_plan(*arguments, **more):
    return dataclasses.asdict(tsp.against(*arguments, **more))


def by_hand(plan):
    return {row["setting"]: row["value"] for row in plan["by_hand"]}


# What follows from the lists


def test_without_a_profile_everything_is_set_by_hand():
    plan = settings_plan([instance()], given={"trace.tsp": "detailed", "security.secure_connection": True})
    assert by_hand(plan) == {
        "user.single_sign_on": "off", "user.name": "recorder_tapi", "user.password": "(secret)",
        "cti_manager.primary_kind": "IP Address", "cti_manager.primary": "192.0.2.1",
        "cti_manager.backup_kind": "Host Name", "cti_manager.backup": "cti2.example.com",
        "security.secure_connection": "on", "security.instance_id": "recorder01x1", "security.capf_address": "192.0.2.1",
        "security.capf_port": "3804", "security.tftp_address": "192.0.2.1", "trace.tsp": "Detailed",
    }
    places = [row["place"] for row in plan["by_hand"]]
    assert ("Control Panel > Phone and Modem > Advanced > CiscoTSP001.tsp > Configure > Security > CAPF: Port") in places
    assert plan["writes"] == [] and plan["reads"] == [] and plan["problems"] == []


def test_a_lonely_cti_manager_has_no_backup():
    plan = settings_plan([instance(cti_managers=["2001:db8::1"])])
    shown = by_hand(plan)
    assert shown["cti_manager.primary_kind"] == "IPV6 Address" and shown["cti_manager.backup_kind"] == "None"
    assert "cti_manager.backup" not in shown


def test_values_of_one_instance_win():
    plan = settings_plan(
        [instance(), instance("recorder01x2", 2)], given={"advanced.heartbeat": 60},
        by_instance={"recorder01x2": {"advanced.heartbeat": 90}}, only=["advanced.heartbeat"])
    assert [(row["instance_id"], row["value"]) for row in plan["by_hand"]] == [("recorder01x1", "60"), ("recorder01x2", "90")]


def test_numbers_are_needed_where_there_are_several():
    plan = settings_plan([instance(number=None), instance("recorder01x2", None)])
    assert len(plan["problems"]) == 2 and "tsp_number is missing" in plan["problems"][0]
    assert settings_plan([instance(number=None)])["problems"] == []


# Documented ranges


@pytest.mark.parametrize(("name", "good", "bad"), [
    ("security.capf_port", (1, 65535), (0, 65536, "3804", True)),
    ("security.fetch_retries", (0, 3), (-1, 4)),
    ("security.fetch_retry_interval", (0, 15), (16, 1.5)),
    ("trace.file_size", (1, 1000), (0,)),
    ("trace.files", (1,), (0,)),
    ("advanced.message_timeout", (5, 60), (4, 61)),
    ("advanced.heartbeat", (30, 300), (29, 301)),
    ("advanced.connect_retry", (15, 300), (14, 301)),
    ("advanced.provider_open_timeout", (5, 900), (4, 901)),
    ("security.capf_address", ("192.0.2.1", "2001:db8::1"), ("cucm.example.com", "")),
    ("user.single_sign_on", (True, False), ("yes", 1)),
    ("trace.tsp", ("error", "detailed", "off"), ("Detailed", "debug")),
    ("cti_manager.preferred_mode", ("ipv4",), ("host",)),
    ("cti_manager.backup", ("", "cti.example.com"), (7,)),
])
def test_values_are_checked(name, good, bad):
    for value in good:
        assert tsp.problem_with(name, value) is None, value
    for value in bad:
        assert tsp.problem_with(name, value), value


def test_problems_name_instance_and_setting():
    plan = settings_plan([instance(capf_host="cucm.example.com")], given={"trace.file_sise": 2, "security.fetch_retries": 4})
    assert [problem.split(": ", 2)[:2] for problem in plan["problems"]] == [
        ["instance recorder01x1", "security.capf_address"], ["instance recorder01x1", "security.fetch_retries"],
        ["instance recorder01x1", "trace.file_sise"]]


def test_the_trace_folder_is_one_for_the_host():
    both = [instance(), instance("recorder01x2", 2)]
    two = {"recorder01x1": {"trace.directory": "C:\\Temp"}, "recorder01x2": {"trace.directory": "D:\\Temp"}}
    assert "one value for the whole host" in settings_plan(both, by_instance=two)["problems"][0]


def test_settings_for_a_foreign_instance_and_strings_are_refused():
    plan = settings_plan([instance()], given={"security.authorization_string": "1234"}, by_instance={"other": {}})
    assert len(plan["problems"]) == 2
    assert not any("1234" in problem for problem in plan["problems"])


# The registry profile


@pytest.mark.parametrize(("setting", "raw", "words"), [
    ("security.port", entry(), "no such setting"),
    ("user.password", entry(), "never written"),
    ("security.capf_port", "x", "needs key"),
    ("security.capf_port", {**entry(), "kind": 1}, "no kind"),
    ("security.capf_port", entry(kind="REG_SZ"), "type must be one of"),
    ("security.capf_port", entry(view=16), "view must be 32 or 64"),
    ("security.capf_port", {**entry(), "key": "SOFTWARE\\X{number}"}, "hive"),
    ("security.capf_port", {**entry(), "key": "HKLM:\\SOFTWARE\\X"}, "{number}"),
    ("security.capf_port", entry(transform="integer"), "transform"),
    ("security.capf_port", entry(transform={"multiply": 0}), "transform"),
    ("security.capf_port", entry(transform={"map": {}}), "transform"),
])
def test_a_broken_profile_is_refused(setting, raw, words):
    entries, problems = tsp.load_profile({setting: raw})
    assert not entries and words in problems[0]


def test_the_trace_folder_needs_no_number():
    assert tsp.load_profile({"trace.directory": {**entry(kind="string", transform="text"), "key": "HKLM:\\SOFTWARE\\X"}})[1] == []


@pytest.mark.parametrize(("setting", "raw", "value", "stored"), [
    ("security.capf_port", entry(), 3804, 3804),
    ("security.capf_port", entry(kind="string"), 3804, "3804"),
    ("security.instance_id", entry(kind="string", transform="text"), "007", "007"),
    ("trace.file_size", entry(transform={"multiply": 1048576}), 2, 2097152),
    ("trace.on", entry(transform={"map": {True: 1, False: 0}}), True, 1),
    ("trace.on", entry(kind="string", transform={"map": {"on": "Y", "off": "N"}}), False, "N"),
    ("trace.tsp", entry(transform={"map": {"detailed": 2}}), "detailed", 2),
    ("cti_manager.primary", entry(kind="multistring", transform="text"), "192.0.2.1", ["192.0.2.1"]),
])
def test_values_are_stored_as_the_profile_says(setting, raw, value, stored):
    plan = settings_plan([instance()], profile={setting: raw}, given={setting: value}, only=[setting])
    assert [(write["path"], write["data"], write["type"]) for write in plan["writes"]] == [(FIRST, stored, raw["type"])]
    assert plan["problems"] == [] and plan["by_hand"] == []


def test_a_choice_that_was_not_learnt_is_a_problem():
    plan = settings_plan([instance()], profile={"trace.on": entry(transform={"map": {"on": 1}})}, given={"trace.on": False},
                         only=["trace.on"])
    assert "does not say how off is stored" in plan["problems"][0]


def test_the_32_bit_view_is_below_its_node():
    plan = settings_plan([instance()], profile={"security.capf_port": entry(view=32)}, only=["security.capf_port"])
    assert plan["writes"][0]["path"] == FIRST_32 and plan["reads"] == [FIRST_32]


def test_only_what_differs_is_written():
    found = {FIRST: {"Port": {"type": "REG_DWORD", "value": 3804}}}
    ask = {"profile": {"security.capf_port": entry()}, "only": ["security.capf_port"]}
    assert settings_plan([instance()], properties=found, **ask)["writes"] == []
    changed = settings_plan([instance(capf_port=3805)], properties=found, **ask)
    assert [write["data"] for write in changed["writes"]] == [3805]
    assert changed["drift"][0]["found"] == "REG_DWORD 3804" and changed["drift"][0]["value"] == "3805"
    gone = settings_plan([instance()], properties={FIRST: {}}, **ask)
    assert gone["drift"][0]["found"] == "(not there)"
    other_type = settings_plan([instance()], properties={FIRST: {"Port": {"type": "REG_SZ", "value": "3804"}}}, **ask)
    assert other_type["writes"][0]["type"] == "dword"


def test_what_cannot_be_read_back_is_written_and_never_drift():
    plan = settings_plan([instance()], profile={"security.capf_port": entry(readable=False)}, only=["security.capf_port"],
                         properties={})
    assert plan["reads"] == [] and plan["drift"] == [] and len(plan["writes"]) == 1


def test_what_is_opaque_is_set_by_hand():
    plan = settings_plan([instance()], profile={"security.capf_port": entry(transform="opaque")}, only=["security.capf_port"])
    assert plan["writes"] == [] and by_hand(plan) == {"security.capf_port": "3804"}


def test_binary_values_are_compared_as_octets():
    stored = tsp.Entry(KEY, "X", "binary", "text")
    assert stored.holds("hex:be,ef", {"type": "REG_BINARY", "value": [0xBE, 0xEF]})
    assert not stored.holds("hex:be,ef", {"type": "REG_BINARY", "value": [0xBE]})


def test_a_string_is_written_with_what_fetching_needs():
    profile = {"security.authorization_string": entry("String", "string", "text", readable=False)}
    plan = settings_plan([instance(), instance("recorder01x2", 2)], profile=profile, strings={"recorder01x2": "1234567890"})
    assert [(write["data"], write["secret"], write["instance_id"]) for write in plan["writes"]] == [
        ("1234567890", True, "recorder01x2")]
    assert "1234567890" not in str(plan["by_hand"])
    assert {"security.fetch_certificates", "security.instance_id", "security.capf_port"} <= set(by_hand(plan))
    assert {row["instance_id"] for row in plan["by_hand"]} == {"recorder01x2"}


def test_only_trace_and_update_settings_act_without_a_restart():
    assert sorted({name.split(".")[0] for name, setting in tsp.SETTINGS.items() if not setting.restart}) == ["general", "trace"]


# Discovery


def dword(value):
    return {"type": "REG_DWORD", "value": value}


def text(value):
    return {"type": "REG_SZ", "value": value}


def found(setting, old, new, before="", after="", key=FIRST, **more):
    return registry_change(
        {key: {"V": old, "Same": text("x")} if old else {"Same": text("x")}},
        after={key: {"V": new, "Same": text("x")}}, setting=setting, number=1, shown_before=before, shown_after=after, **more)


@pytest.mark.parametrize(("setting", "old", "new", "before", "after", "transform"), [
    ("security.capf_port", dword(3804), dword(3805), "3804", "3805", "number"),
    ("security.capf_port", text("3804"), text("3805"), "3804", "3805", "text"),
    ("advanced.heartbeat", dword(30000), dword(60000), "30", "60", {"multiply": 1000}),
    ("trace.on", dword(0), dword(1), "off", "on", {"map": {"off": 0, "on": 1}}),
    ("trace.on", None, dword(1), "off", True, {"map": {"on": 1}}),
    ("trace.tsp", dword(1), dword(2), "error", "detailed", {"map": {"error": 1, "detailed": 2}}),
    ("security.instance_id", text(""), text("5"), "", "5", "text"),
    ("security.instance_id", text(""), text("Zm9v"), "", "foo", "opaque"),
    ("security.instance_id", None, {"type": "REG_BINARY", "value": [1]}, "", "foo", "opaque"),
    ("security.capf_address", dword(1), dword(3221225985), "", "192.0.2.1", "opaque"),
])
def test_one_change_becomes_an_entry(setting, old, new, before, after, transform):
    result = found(setting, old, new, before, after)
    assert result["problems"] == [] and result["entry"]["transform"] == transform
    assert (result["entry"]["key"], result["entry"]["name"], result["entry"]["view"]) == (KEY, "V", 64)
    assert result["entry"]["readable"] == (transform != "opaque")
    assert tsp.load_profile(result["profile"]["settings"])[1] == []
    assert bool(result["remarks"]) == (transform == "opaque")


def test_a_learnt_entry_writes_what_the_dialog_wrote():
    result = found("trace.on", dword(0), dword(1), "off", "on", key=FIRST_32)
    assert result["entry"]["view"] == 32
    plan = settings_plan([instance(number=2)], profile=result["profile"]["settings"], given={"trace.on": False}, only=["trace.on"])
    assert plan["writes"][0]["path"] == FIRST_32.replace("001", "002") and plan["writes"][0]["data"] == 0


def test_choices_are_learnt_one_by_one():
    first = found("trace.tsp", dword(0), dword(1), "off", "error")
    second = found("trace.tsp", dword(1), dword(2), "", "detailed", profile=first["profile"])
    assert second["entry"]["transform"] == {"map": {"detailed": 2}}
    assert second["profile"]["settings"]["trace.tsp"]["transform"] == {"map": {"off": 0, "error": 1, "detailed": 2}}


@pytest.mark.parametrize(("setting", "arguments", "words"), [
    ("security.port", {}, "no setting"),
    ("security.capf_port", {"shown_after": "x"}, "not a number"),
    ("trace.on", {"shown_after": "1"}, "neither on nor off"),
    ("trace.on", {}, "Give the value that the dialog shows"),
    ("user.password", {}, "encrypted"),
])
def test_discovery_refuses_what_is_unclear(setting, arguments, words):
    result = registry_change({FIRST: {}}, after={FIRST: {"V": dword(1)}}, setting=setting, number=1, **arguments)
    assert result["entry"] is None and result["profile"] == {} and words in result["problems"][0]


def test_discovery_wants_exactly_one_change():
    nothing = registry_change({FIRST: {}}, after={FIRST: {}}, setting="trace.on", number=1)
    assert "Nothing changed" in nothing["problems"][0]
    two = registry_change(
        {}, after={FIRST: {"A": dword(1), "B": dword(1)}}, setting="trace.files", number=1, shown_after="1")
    assert "2 values changed" in two["problems"][0] and len(two["changes"]) == 2


def test_discovery_shows_no_secret():
    result = found("security.authorization_string", text("old-secret"), text("new-secret"), "", "new-secret")
    assert result["changes"] == [FIRST + "\\V: (secret) -> (secret)"]
    assert "secret" not in str(result["entry"]).replace("security", "")


def test_a_key_without_the_number_is_pointed_out():
    result = found("trace.files", dword(10), dword(11), "10", "11", key="HKLM:\\SOFTWARE\\Example")
    assert "put {number}" in result["remarks"][0]


# The installer

PROVIDERS = {
    "NumProviders": dword(3), "ProviderID0": dword(1), "ProviderFilename0": text("unimdm.tsp"),
    "ProviderID1": dword(2), "ProviderFilename1": text("CiscoTSP001x64.tsp"),
    "ProviderID2": dword(4), "ProviderFilename2": text("ciscotsp002.tsp"),
}
ONE = {name: value for name, value in PROVIDERS.items() if not name.endswith("2")}


def program(name="Cisco TSP", version="14.0.1.1"):
    return {"DisplayName": text(name), "DisplayVersion": text(version)}


def installation(values=None, products=(), version="14.0.1.5", **more):
    more.setdefault("release", "14.0.1.13900(155)")
    more.setdefault("instances", [instance()])
    return decision(values or {}, products=list(products), version=version, product_name="Cisco TSP", **more)


def test_providers_are_told_apart():
    assert [(one["index"], one["id"], one["tsp_number"]) for one in tsp.providers(PROVIDERS)] == [
        (0, 1, None), (1, 2, 1), (2, 4, 2)]


def test_a_first_installation_takes_the_documented_properties():
    result = installation(properties={"AUTOUPGRADE_TYPE": "NEVER"})
    assert result["action"] == "install"
    assert result["arguments"] == (
        '/s /v"/qn USER=\\"recorder_tapi\\" CTI1=\\"192.0.2.1\\" CTI1_TYPE=\\"IPV4\\" CTI2=\\"cti2.example.com\\" '
        'CTI2_TYPE=\\"HOST\\" AUTOUPGRADE_TYPE=\\"NEVER\\" REBOOT=\\"ReallySuppress\\""')
    assert 'PASS=\\"Secret\\"' in installation(password="Secret")["arguments"]


def test_an_upgrade_keeps_what_is_configured():
    result = installation(ONE, [program(), program("Something else", "99")], password="Secret")
    assert (result["action"], result["installed"]) == ("upgrade", "14.0.1.1")
    assert result["arguments"] == '/s /v"/qn REINSTALL=\\"ALL\\" REBOOT=\\"ReallySuppress\\""'


def test_the_same_version_is_left_alone():
    assert installation(ONE, [program(version="14.0.1.5")]) | {"warnings": []} == {
        "action": "none", "installed": "14.0.1.5", "tsp_numbers": [1], "arguments": "", "problems": [], "warnings": []}


def test_several_instances_are_not_upgraded_silently():
    result = installation(PROVIDERS, [program()])
    assert (result["action"], result["arguments"], result["problems"]) == ("upgrade by hand", "", [])
    assert (result["installed"], result["tsp_numbers"]) == ("14.0.1.1", [1, 2])


@pytest.mark.parametrize(("arguments", "words"), [
    ({"values": ONE, "products": [program(version="15.0")], "version": "14.0"}, "cannot downgrade"),
    ({"values": ONE, "products": [program(version="")]}, "has no version"),
    ({"values": ONE, "products": [program(), program("Cisco TSP 2")]}, "Several installed products"),
    ({"values": ONE}, "left the provider behind"),
    ({"version": "15.0.1", "release": "14.0.1.13900(155)"}, "newer than the cluster"),
    ({"system_root": "D:\\Windows"}, "drive C"),
    ({"properties": {"NUM_WDP": 256}}, "0 to 255"),
    ({"properties": {"MDP_START": "x"}}, "0 to 65535"),
    ({"properties": {"NONAD": "maybe"}}, "NO, YES"),
    ({"properties": {"INSTANCES": 2}}, "not documented"),
    ({"password": 'a"b'}, "PASS"),
    ({"password": "ab\\"}, "PASS"),
])
def test_what_cannot_be_done_silently_is_refused(arguments, words):
    result = installation(**arguments)
    assert result["action"] == "none" and words in " ".join(result["problems"])
    assert not arguments.get("password") or arguments["password"] not in " ".join(result["problems"])


def test_doubts_about_versions_are_warnings():
    assert "older than the cluster" in installation(version="12.5.1", release="14.0.1")["warnings"][0]
    assert "cannot be compared" in installation(version="14", release="14.0.1")["warnings"][0]


def test_more_instances_than_the_silent_installer_makes():
    result = installation(instances=[instance(), instance("recorder01x2", 2)])
    assert result["action"] == "install" and "Add TSP instance" in result["warnings"][0]


@pytest.mark.parametrize(("text_", "numbers"), [
    ("14.0(1.11)", (14, 0, 1, 11)), ("14.0.1.13900(155)", (14, 0, 1, 13900, 155)), ("", ()), (None, ()),
])
def test_versions(text_, numbers):
    assert tsp.version_of(text_) == numbers


# Waiting


@pytest.mark.parametrize(("arguments", "pauses"), [
    ((60, 5, 20), (5, 10, 20, 20, 5)), ((0, 5, 60), ()), ((3, 5, 60), (3,)), ((4, 0, 0), (1, 1, 1, 1)),
])
def test_pauses_grow_until_the_deadline(arguments, pauses):
    assert tsp.delays(*arguments) == pauses
