# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Success is told with its remarks, in summary, report, drift and diagnosis alike (field reports T7, T12)."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _diagnosis,
    _drift,
    _instance,
    _pki,
    _provider,
    _report,
    _summary,
    _verification,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import fresh


def result(controllable=2, password_days=None, devices=2, lines=3, restricted_devices=0, restricted_lines=0, own=900, server=900, **tls):
    def ends(days):
        return {"not_after": _pki.iso(_instance.now() + datetime.timedelta(days=days, hours=1))}

    return {
        "open": {"user": "rec", "controllable_devices": controllable, "password_days": password_days},
        "totals": dict(devices=devices, lines=lines, registered=devices, restricted_devices=restricted_devices, restricted_lines=restricted_lines),
        "tls": dict(dict(version="TLSv1.2", cipher="ECDHE-RSA-AES256-GCM-SHA384", weak_cipher=False, client_certificate=ends(own),
                         server_certificate=ends(server)), **tls)}


CASES = [
    ("T7 no device", dict(controllable=0, devices=0, lines=0), "no_device", "controls no device"),
    ("T7 all devices restricted", dict(restricted_devices=2), "all_restricted", "All devices of user rec are restricted"),
    ("T7 all lines restricted", dict(restricted_lines=3), "all_restricted", "All lines of user rec are restricted"),
    ("T12 password ends soon", dict(password_days=3), "password_ends", "expires in 3 days"),
    ("T12 tomorrow", dict(password_days=1), "password_ends", "expires in 1 day;"),
    ("T12 today", dict(password_days=0), "password_ends", "expires today"),
    ("own certificate", dict(own=5), "certificate_ends", "The certificate of this instance expires on"),
    ("server's certificate", dict(server=5), "server_certificate_ends", "The certificate of CTI Manager expires on"),
    ("server's certificate, expired", dict(server=-5), "server_certificate_ends", "expired on"),
    ("weak suite", dict(weak_cipher=True, cipher="AES128-SHA"), "weak_cipher", "AES128-SHA"),
]


@pytest.mark.parametrize("name, given, code, words", CASES, ids=[case[0] for case in CASES])
def test_an_open_provider_is_told_with_what_it_is_worth(name, given, code, words):
    (remark,) = _provider.remarks(result(**given))
    assert remark["code"] == code and words in remark["text"] and remark["fix"].endswith(".")
    assert "provider_" + code in _drift.CODES


@pytest.mark.parametrize("given", [
    dict(), dict(password_days=31), dict(restricted_devices=1), dict(restricted_lines=2), dict(lines=0), dict(own=61, server=61)])
def test_nothing_is_made_up(given):
    assert _provider.remarks(result(**given)) == []


def test_without_a_list_of_devices_the_server_is_asked_no_more():
    found = result(controllable=0)
    del found["totals"]
    assert [one["code"] for one in _provider.remarks(dict(found, tls={}))] == ["no_device"]


INSTANCE = {"cluster": "main", "host": "lin1", "user": "rec", "user_type": "application", "instance_id": "rec1", "store": "/s/rec1",
            "probe_of": None, "windows": False, "state": "present", "client_address": None, "key": None}
REMARKS = [dict(code="password_ends", text="The password of user rec ends in 3 days.", fix="Set a new one.")]
SENTENCE = "The password of user rec ends in 3 days. Set a new one."


def planned(way, **more):
    row = dict(fresh(INSTANCE), needed=False, certificate_valid=True, certificate_expires="2046-01-01T00:00:00Z", **more)
    return _verification.planned(row, way, "", seen=more.get("seen") or ())


def test_t12_the_row_of_a_verified_instance_has_the_remark_and_so_has_the_summary():
    opened = {Key("main", "rec1"): {"totals": {"devices": 2, "lines": 3}, "remarks": REMARKS}}
    (row,) = _verification.results([planned("application")], opened)
    assert (row["state"], row["failed"], row["remarks"]) == ("verified", False, [SENTENCE])
    told = _summary.summary([INSTANCE], [row], {"lin1"})
    assert told["rows"][0]["remarks"] == [SENTENCE] and "rec1 on lin1: %s" % SENTENCE in told["lines"]
    assert told["totals"] == {"verified": 1}


def test_a_certificate_that_ends_soon_is_a_remark_however_it_was_verified():
    plan = [dict(planned(way), certificate_expires="2026-12-01T00:00:00Z") for way in ("offline", "ris")]
    rows = _verification.results(plan, until="2026-12-31T00:00:00Z")
    assert all(any("Its certificate expires on 2026-12-01T00:00:00Z" in text for text in row["remarks"]) for row in rows)
    assert not _verification.results(plan[:1], until="2026-11-30T00:00:00Z")[0]["remarks"]


def test_t7_a_connected_application_that_opened_no_line():
    (row,) = _verification.results([dict(planned("ris"), seen=[{"lines": []}])])
    assert row["state"] == "verified" and "no line" in row["remarks"][0]
    (row,) = _verification.results([dict(planned("ris"), seen=[{"lines": ["1001"]}])])
    assert row["remarks"] == []


def test_no_row_is_without_remarks_and_failures_have_none():
    row = _verification.results([planned("application")], {Key("main", "rec1"): {"failed": True, "msg": "refused"}})[0]
    assert (row["state"], row["remarks"]) == ("failed", [])
    assert _summary.summary([INSTANCE], [], {"lin1"})["rows"][0]["remarks"] == []


def test_t12_the_report_shows_it():
    (item,) = _report.document("2026-11-28T00:00:00Z", "site", [dict(INSTANCE, state="verified", remarks=[SENTENCE], stages={})])["instances"]
    assert (item["message"], item["remarks"]) == (SENTENCE, [SENTENCE])


def test_t12_drift_finds_it_by_a_probe():
    probe = dict(INSTANCE, instance_id="rec1probe", probe_of="rec1", store="/s/rec1/probe")
    good = {"needs_certificate": {"needed": False, "reason": ""}, "explanation": "", "name": "CTI-rec1", "days_left": 900, "name_matches": True,
            "certificate": {"not_after": "2046-01-01T00:00:00Z"}, "unconfirmed": False, "wrong_modes": {}}
    reading = _drift.host_reading([dict(good, item=INSTANCE), dict(good, item=probe)], probes=[
        dict(totals={"devices": 2}, remarks=REMARKS, item=probe)])
    found = _drift.findings({"users": [], "instances": [INSTANCE, probe]}, {}, {"lin1": reading}, "2026-11-28T00:00:00Z", probe=True)
    (one,) = [each for each in found["findings"] if each["code"] == "provider_password_ends"]
    assert (one["severity"], one["instance_id"], one["what"], one["fix"]) == (
        "warning", "rec1", "The password of user rec ends in 3 days.", "Set a new one.")
    assert found["instances"][0]["message"] == one["what"] and any(one["what"] in line for line in found["lines"])


def test_t12_the_diagnosis_says_works_with_remarks():
    seen = {"lin1": _diagnosis.host_seen(opened=[dict(totals={"devices": 2, "lines": 3}, remarks=REMARKS, item=dict(INSTANCE, way="application"))])}
    (page,) = _diagnosis.pages({"users": [], "instances": [INSTANCE]}, {}, {"lin1": _drift.host_reading()}, [], seen, "2026-11-28T00:00:00Z")
    assert page["verdict"] == "works, with remarks" and page["first"]["code"] == "provider_password_ends"
    assert "The password of user rec ends in 3 days." in page["text"]
