# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs of Cisco JTAPI and traces of CTI Manager, Tftp and CAPF. The lines have the shapes of those in public tech notes."""

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _cti_trace, _tsptrace
from trace_samples import CAPF, CTI_REFUSED, CTI_TWO_USERS, JTAPI, JTAPI_OPENED, TFTP, TVS, cti, jtapi


def events(text, kind, secrets=()):
    return _cti_trace.Reader(secrets).read(iter(text.splitlines(keepends=True)), kind)


def told(found):
    return [(one.event, one.user, one.code) for one in found]


# What a file is


@pytest.mark.parametrize(("text", "kind"), [
    (JTAPI, "jtapi"), (JTAPI_OPENED, "jtapi"), (CTI_REFUSED, "cti_manager"), (TFTP, "tftp"), (CAPF, "capf"), (TVS, "sdi"),
    ("00000001.000 |08:59:16.944 |AppInfo |Digit analysis: match(pi=\"2\")\n", "sdl"),
    ("2026-01-24 07:32:38,598 DEBUG [main] application started\n", "other"),
    ("<config>\n <port>2748</port>\n</config>\n", "untimed"), ("", "untimed"),
    ("16:31:04.075 | Other::thing()\n", "tsp"),
])
def test_traces_are_told_apart_by_their_lines(text, kind):
    assert _cti_trace.kind_of(iter(text.splitlines(keepends=True))) == kind
    assert _cti_trace.WORDS[kind]


def test_the_vector_is_a_tsp_trace_also_behind_a_long_heading(vectors):
    lines = (vectors / "tsptrace" / "success.txt").read_text().splitlines(keepends=True)
    assert _cti_trace.kind_of(iter(["a heading\n"] * 5000 + lines)) == "tsp"


# JTAPI


def test_jtapi_names_user_code_and_cure():
    request, refusal = events(JTAPI, "jtapi")
    assert (request.event, request.user) == ("provider_requested", "recorder_tapi")
    assert (refusal.event, refusal.user, refusal.code, refusal.clock) == ("provider_refused", "recorder_tapi", 0x8CCC011F, "07:09:03.121")
    assert refusal.told == ("the provider of user recorder_tapi was refused with 0x8CCC011F: the account is locked after too many wrong "
                            "passwords (Directory login failed - locked due to too many attempts)")
    assert "unlock" in refusal.cure and refusal.bad


def test_jtapi_that_opened_ends_well():
    found = events(JTAPI + JTAPI_OPENED, "jtapi")
    last = _cti_trace.last_word(found)
    assert (last.event, last.devices, last.bad) == ("provider_opened", 2, False)
    assert last.told == "the provider of user recorder_tapi opened, with 2 devices"


@pytest.mark.parametrize(("message", "event", "words", "cure"), [
    ("JTAPIProperties.updateCertificate : Certificate update failed, reason= 7 UpdateCertificate failed", "capf_refused", "nothing is armed",
     "authorization string"),
    ("Certificate update failed, reason= 0 UpdateCertificate failed", "capf_refused", "broke off", "TCP 3804"),
    ("java.lang.Exception:  Couldn't verify Signature UpdateCertificate failed CTL", "ctl_refused", "signature", "show ctl"),
    ("Couldn't get certificate which signed CTL file in KeyStore", "ctl_refused", "neither", "JtapiServerKeyStore"),
    ("Unable to create provider -- Keystore was tampered with, or password was incorrect", "provider_refused", "without its password",
     "CertStorePassphrase"),
    ("Unable to create provider -- /opt/storeJtapiServerKeyStore-u-5 (No such file or directory)", "provider_refused", "not where JTAPI looks",
     "must end in a slash"),
    ("Unable to create provider -- malformed sequence", "provider_refused", "format", "BCFKS"),
    ("Unable to create provider -- BCFKS KeyStore corrupted: MAC calculation failed.", "provider_refused", "password", "CertStorePassphrase"),
    ("Unable to create provider -- bad login or password.", "provider_refused", "password is wrong", "lock the account"),
    ("Unable to create provider -- Socket is closed", "provider_refused", "TLS", "2749"),
    ("Unable to create provider -- something new", "provider_refused", "", "no code"),
])
def test_jtapi_texts_that_were_seen_with_the_library(message, event, words, cure):
    [found] = events(jtapi(message), "jtapi")
    assert found.event == event and words in found.meaning and cure in found.cure and found.bad


# CTI Manager


def test_cti_manager_names_user_address_and_code_once():
    found = events(CTI_REFUSED, "cti_manager")
    assert told(found) == [("provider_requested", "recorder_tapi", None), ("provider_refused", "recorder_tapi", 0x8CCC005F)]
    assert found[1].address == "192.0.2.31" and "Standard CTI Enabled" in found[1].cure
    assert "User not present in Standard CTI Users group" in found[1].told


def test_answers_go_to_the_user_who_asked_also_where_two_ask_at_once():
    found = [one for one in events(CTI_TWO_USERS, "cti_manager") if one.event != "provider_requested"]
    assert told(found) == [("provider_refused", "second", 0x8CCC0060), ("provider_opened", "first", None)]
    assert found[1].devices == 0 and found[1].told.endswith("with 0 devices")


@pytest.mark.parametrize(("reason", "bad"), [(9, True), (7, True), (3, False)])
def test_a_close_is_told_by_its_reason(reason, bad):
    [found] = events(cti("[CTI-APP] [CTIHandler::OutputCtiMessage ] CTI ProviderClosedEvent ( reason=%d )" % reason), "cti_manager")
    assert (found.event, found.code, found.bad) == ("provider_closed", reason, bad)


@pytest.mark.parametrize("code", ["2362179679", "-1932787617", "0x8ccc005f"])
def test_codes_are_read_signed_unsigned_and_in_hexadecimal(code):
    [found] = events(cti("[CTI-APP] CTI ProviderOpenCompletedEvent (seq#=2) provider id=1 error code=%s description=x enableIpv6=0" % code),
                     "cti_manager")
    assert found.code == 0x8CCC005F


# Tftp


def test_tftp_names_the_client_the_list_and_the_refusal():
    found = events(TFTP, "tftp")
    assert [(one.event, one.address, one.file) for one in found] == [
        ("ctl_requested", "192.0.2.31", "CTLCAPFA6A63C5.tlv"), ("ctl_refused", "192.0.2.31", "CTLCAPFA6A63C5.tlv"),
        ("ctl_requested", "", "CTLFile.tlv"), ("ctl_refused", "", "CTLFile.tlv"), ("ctl_refused", "", "")]
    assert "no such file" in found[1].told and "Maximum Serving Count" in found[4].cure


def test_other_files_of_phones_are_not_told():
    assert events(TFTP.replace("CTLCAPFA6A63C5.tlv", "SEP001122334455.cnf.xml").replace("CTLFile.tlv", "ringlist.xml"), "tftp")[:-1] == []


# CAPF


def test_capf_names_device_and_reason():
    refused = [one for one in events(CAPF, "capf") if one.event == "capf_refused"]
    assert [(one.device, one.code) for one in refused] == [("CTI-recorder01x1", 7)]
    assert refused[0].told.startswith("CAPF refused CTI-recorder01x1 with reason 7: the authorization string is wrong")


@pytest.mark.parametrize("reason", ["1", "0", "SUCCESS", "CAPF_REASON_SUCCESS"])
def test_a_session_of_capf_that_ended_well_is_no_refusal(reason):
    assert [one for one in events(CAPF.replace(": 7", ": " + reason), "capf") if one.event == "capf_refused"] == []


def test_what_capf_says_otherwise_is_quoted_without_a_cause():
    [found] = events("08:00:00.000 |   debug 2:CTI-x1:CAPF_STATE: cannot read the database\n", "capf")
    assert (found.event, found.device, found.meaning, found.cure) == ("trouble", "CTI-x1", "", "")


# Limits and secrets


@pytest.mark.parametrize(("text", "kind"), [(JTAPI, "jtapi"), (CTI_REFUSED, "cti_manager"), (TFTP, "tftp"), (CAPF, "capf")])
def test_a_trace_of_any_length_gives_few_events_and_no_secret(text, kind):
    found = events(text * 300, kind, secrets=["recorder"])
    assert 0 < len(found) <= 8 * _tsptrace.MOST_QUOTES
    assert not any("recorder" in str(vars(one)) for one in found)


def test_a_message_without_an_end_is_cut():
    found = events(JTAPI.replace("reason =", "x" * 200 + "\n" * 2 + "reason =") + "y" * 100 + "\n" + "z z\n" * 9000, "jtapi")
    assert len(found) == 2 and len(found[-1].text) <= _cti_trace.LONGEST
