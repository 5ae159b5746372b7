# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.filter.jtapi_ini import jtapi_ini
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _jtapi

FILE = "# Cisco JTAPI\nTracePath=.\n  NumTraceFiles = 10\nOwn.Key=a=b\n\nTracePath=twice\n"


@pytest.mark.parametrize(("key", "good", "bad"), [
    ("ProviderOpenRequestTimeout", (10, "200"), (9, "x", True)),
    ("ProviderRetryInterval", (5,), (4,)),
    ("JtapiPostConditionTimeout", (10, 20), (9, 21)),
    ("NumTraceFiles", (2, 1000), (1, 1001)),
    ("UseSyslog", (0, 1), (2, "on")),
    ("SecurityTraceLevel", (0, 2), (3, -1)),
    ("JTAPINotificationPort", (1, 65535), (0, 65536)),
    ("CtiManagers", ("a;b",), ("a\nEvil=1",)),
    ("Unheard_Of", ("anything", 7), ("a\rb",)),
    ("not a key", (), ("x",)),
    ("SecurityProperty", (), ("x",)),
])
def test_values_are_checked(key, good, bad):
    for value in good:
        assert _jtapi.problem_with(key, value) is None, value
    for value in bad:
        assert _jtapi.problem_with(key, value), value


def test_lines_that_are_not_asked_for_stay():
    assert _jtapi.edited(FILE, {"NumTraceFiles": 20, "UseSyslog": 0}) == FILE.replace(
        "  NumTraceFiles = 10", "NumTraceFiles=20") + "UseSyslog=0\n"


def test_a_value_that_is_there_leaves_its_line_alone():
    assert _jtapi.edited(FILE, {"NumTraceFiles": 10}) == FILE


def test_of_a_key_that_stands_twice_one_line_is_left():
    assert _jtapi.edited(FILE, {"TracePath": "/log"}) == FILE.replace("TracePath=.", "TracePath=/log").replace(
        "TracePath=twice\n", "")


def test_an_empty_file_and_windows_lines():
    assert _jtapi.edited("", {"A": 1}) == "A=1\n"
    assert _jtapi.edited("", {}) == ""
    assert _jtapi.edited("A=1\r\nB=2\r\n", {"A": 2}) == "A=2\r\nB=2\r\n"


def test_values_are_read():
    assert _jtapi.values(FILE) == {"TracePath": "twice", "NumTraceFiles": "10", "Own.Key": "a=b"}


def record(**more):
    fields = {
        "user": "u", "instance_id": "5", "authcode": "", "capf": "192.0.2.1", "capf_port": "3804", "tftp": "192.0.2.2",
        "tftp_port": "69", "folder": "/certs/", "secure": "true", "status": "true", "rest": ("false",), **more}
    return _jtapi.Record(**fields)


TEXT = "u,5,,192.0.2.1,3804,192.0.2.2,69,/certs/,true,true,false"


def test_a_record_is_written_as_the_examples_show():
    assert _jtapi.merged("", [record()]) == (TEXT + ";", [])


@pytest.mark.parametrize("text", [
    TEXT, TEXT.replace(",", " , ") + " ; ", TEXT.replace("true,true", "TRUE,true"), TEXT.replace(",false", ""),
    "u,5,,192.0.2.2,69,192.0.2.1,3804,/certs/,true,true", TEXT.replace("true,false", "Available,true"), TEXT.replace("true,false", ",false"),
    TEXT.replace("/certs/", "/certs//"), TEXT.replace(",69,", ",069,"), TEXT + ",more",
])
def test_a_record_that_says_the_same_is_not_touched(text):
    assert _jtapi.merged(text, [record()])[0] == text


def test_fields_in_the_other_order_are_told_by_the_port():
    found = _jtapi.records("u,5,x,192.0.2.2,69,192.0.2.1,3804,/certs/,true,true,false")
    assert found.found["u", "5"] == record(authcode="x") and "names TFTP before CAPF" in found.warnings[0]


def test_other_records_stay_and_a_used_string_goes():
    other, odd = TEXT.replace("u,5,", "v,6,string"), "half,a,record"
    value, warnings = _jtapi.merged(";".join([other, TEXT.replace(",5,,", ",5,12345,") + ",true", odd]), [record()])
    assert value == ";".join([other, TEXT + ",true", odd, ""])
    assert len(warnings) == 1 and "3 fields" in warnings[0]


def test_records_hide_strings():
    assert "12345" not in repr(_jtapi.records(TEXT.replace(",5,,", ",5,12345,")))


@pytest.mark.parametrize("text", [
    TEXT.replace("/certs/", "/certs"), TEXT.replace("192.0.2.1", "192.0.2.9"), TEXT.replace("/certs/", "/other/"), TEXT.replace("u,", "U,"),
    TEXT.replace("true,true", "false,true"), TEXT.replace("/certs/", ""),
])
def test_kind_8_a_record_that_means_something_else_is_put_right(text):
    """Without the last slash JTAPI looks for files beside the folder."""
    assert _jtapi.merged(text + ";", [record()])[0] == TEXT + ";"


def test_kind_8_the_word_for_the_status_and_fips_stay_as_they_are():
    text = TEXT.replace("/certs/,true,true,false", "/certs,true,Available,true")
    assert _jtapi.merged(text, [record()])[0] == text.replace("/certs,", "/certs/,") + ";"


def test_kind_8_absent_takes_the_record_out_and_nothing_else():
    other = TEXT.replace("u,5,", "v,6,")
    assert _jtapi.merged("%s;%s;" % (TEXT, other), [], [("U", "5")])[0] == other + ";"
    assert _jtapi.merged(TEXT, [], [("u", "5")])[0] == ""
    assert _jtapi.merged(other, [], [("u", "5"), ("v", "5")])[0] == other


@pytest.mark.parametrize(("folder", "written"), [("/a", "/a/"), ("/a/", "/a/"), ("", ""), ("C:\\a", "C:\\a/"), ("C:\\a\\", "C:\\a\\")])
def test_kind_8_a_folder_ends_in_a_slash(folder, written):
    assert _jtapi.ended(folder) == written


INSTANCE = {"user": "u", "instance_id": "5", "capf_host": "192.0.2.1", "capf_port": 3804, "tftp_servers": ["192.0.2.2"],
            "tftp_port": 69}


def test_the_filter_edits_values_and_records():
    result = jtapi_ini(FILE, values={"NumTraceFiles": 10, "UseSyslog": 1}, instances=[INSTANCE], folder="/certs", status="true")
    assert result["changes"] == ["SecurityProperty", "UseSyslog"] and result["problems"] == result["warnings"] == []
    assert result["text"] == FILE + "UseSyslog=1\nSecurityProperty=" + TEXT + ";\n"
    again = jtapi_ini(result["text"], values={"UseSyslog": 1}, instances=[INSTANCE], folder="/certs", status="true")
    assert (again["text"], again["changes"]) == (result["text"], [])


@pytest.mark.parametrize("text", [
    "\ufeffSecurityProperty=%s;\r\nA=1\r\n", "SecurityProperty = %s\n", "\tSecurityProperty=%s\rA=1\r", "A=x\x85y\nSecurityProperty=%s"])
def test_kind_8_a_record_is_found_in_whatever_an_editor_made_of_the_file(text):
    before = text % TEXT
    result = jtapi_ini(before, instances=[INSTANCE], folder="/certs")
    assert result["changes"] == []
    moved = jtapi_ini(before, values={"A": 2}, instances=[INSTANCE], folder="/other")
    assert moved["text"].count("SecurityProperty") == 1 and "/other/" in moved["text"] and "/certs/" not in moved["text"]
    assert moved["text"].startswith("\ufeff") is text.startswith("\ufeff") and moved["text"].count("A=2") == 1


def test_kind_8_no_status_is_demanded_and_absent_takes_the_record_out():
    made = jtapi_ini(FILE, instances=[INSTANCE], folder="/certs/")
    assert made["problems"] == [] and made["text"] == FILE + "SecurityProperty=" + TEXT + ";\n"
    gone = jtapi_ini(made["text"], removed=[INSTANCE])
    assert (gone["text"], gone["changes"]) == (FILE + "SecurityProperty=\n", ["SecurityProperty"])
    assert jtapi_ini(FILE, removed=[INSTANCE])["text"] == FILE


@pytest.mark.parametrize(("arguments", "words"), [
    ({"values": {"NumTraceFiles": 1}}, "NumTraceFiles: it must be from 2 to 1000"),
    ({"instances": [dict(INSTANCE, user="a\nb")]}, "line break"),
    ({"instances": [INSTANCE], "folder": "/a,b", "status": "true"}, "instance 5 contains a comma"),
    ({"instances": [dict(INSTANCE, user="a;b")], "status": "true"}, "semicolon"),
])
def test_the_filter_refuses_what_does_not_fit(arguments, words):
    result = jtapi_ini(FILE, **arguments)
    assert words in result["problems"][0] and result["text"] == FILE
