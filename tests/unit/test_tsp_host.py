# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host shows of its TSPs, and the sentences that follow from it."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _outcome,
    _pki,
    _tsp_enrolment,
    _tsp_host,
    _verification,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key
from simulator import pki

NOW = datetime.datetime(2027, 1, 1, tzinfo=datetime.timezone.utc)
FOLDER = "C:\\Certificates\\ciscotsp001\\"
CAPF = pki.vector("capf-profile")
KEY = pki.vector("ccm2").key
ITEM = {"cluster": "main", "host": "recorder01", "user": "recorder_tapi", "user_type": "application",
        "instance_id": "recorder01x1", "tsp_number": 1, "store": "/x", "folder": FOLDER.rstrip("\\"), "enrolment": "tsp",
        "client_address": None}
PROVIDERS = {"ProviderID0": {"type": "REG_DWORD", "value": 1},
             "ProviderFilename0": {"type": "REG_SZ", "value": "CiscoTSP001x64.tsp"}}
SERVICES = [{"name": "TapiSrv", "state": "started", "start_mode": "manual"},
            {"name": "RasMan", "state": "stopped", "start_mode": "disabled"}]


def lsc(issuer=CAPF, start=-10, end=100):
    return pki.issue_lsc(issuer, _pki.public_key_der(KEY), "CTI-recorder01x1", NOW + datetime.timedelta(days=start),
                         NOW + datetime.timedelta(days=end))


def files(own=None, key=True, **more):
    found = {_pki.subject_hash(CAPF.der) + ".0": CAPF.pem, "CallManager.cer": pki.vector("ccm1").der, **more}
    if own is not None:
        found["QBEClient.cer"] = own
    if key:
        found["QBEClient.pem"] = b"never read"
    return found


def host_facts(instances, **more):
    return _tsp_host.host_facts(instances, NOW.timestamp(), **more)


def facts(content, instances=None, **more):
    read = {FOLDER + name: octets for name, octets in content.items() if not name.endswith(".pem")}
    return host_facts(instances or [ITEM], providers=PROVIDERS, services=SERVICES, read=read,
                      files=[FOLDER + name for name in content], **more)


def need(content, **more):
    return facts(content, **more)["instances"][0]["needs_certificate"]


def row(content=None, **more):
    found = facts(content or files(key=False))["instances"][0]
    return dict(_outcome.updated(_outcome.fresh(ITEM), found, ITEM), **more)


# Needs


@pytest.mark.parametrize(("content", "options", "reason"), [
    (files(lsc()), {}, ""),
    (files(key=False), {}, "missing"),
    ({}, {}, "missing"),
    (files(b"no certificate"), {}, "unreadable"),
    (files(lsc(), key=False), {}, "key_lost"),
    (files(lsc(end=-1)), {}, "expired"),
    (files(lsc(end=20)), {"renew_before_days": 30}, "expiring"),
    (files(lsc(end=20)), {"renew_before_days": 10}, ""),
    (files(lsc()), {"authorities": {"main": [_pki.sha256(CAPF.der)]}}, ""),
    (files(lsc()), {"authorities": {"main": ["00"]}}, "wrong_issuer"),
    (files(lsc()), {"authorities": {"other": ["00"]}}, ""),
    (files(lsc(end=20)), {"authorities": {"main": ["00"]}, "renew_before_days": 30}, "wrong_issuer"),
])
def test_the_host_says_whether_it_needs_a_certificate(content, options, reason):
    assert need(content, **options) == {"needed": bool(reason), "reason": reason}


def test_pem_and_any_case_are_read():
    content = files(_pki.certificate_pem(lsc()))
    content["QBECLIENT.CER"] = content.pop("QBEClient.cer")
    assert need(content)["needed"] is False


def test_facts_name_providers_services_and_certificates():
    found = facts(files(lsc()))
    assert found["tsp_numbers"] == [1] and found["restart_by"] == "telephony" and found["problems"] == []
    assert found["services"]["TapiSrv"] == {"state": "started", "start_mode": "manual"}
    one = found["instances"][0]
    assert one["installed"] and one["key_file"] and one["remarks"] == []
    assert one["certificate"]["common_name"] == "CTI-recorder01x1"
    assert [held["file"] for held in one["certificates"]] == sorted(
        ["callmanager.cer", "qbeclient.cer", _pki.subject_hash(CAPF.der) + ".0"])


def test_telephony_is_restarted_only_where_remote_access_is_disabled():
    enabled = [{"name": "RasMan", "state": "stopped", "start_mode": "manual"}]
    assert host_facts([ITEM], services=enabled)["restart_by"] == "reboot"
    assert host_facts([ITEM])["restart_by"] == "reboot"


def test_odd_folders_are_remarked():
    odd = files(lsc(pki.vector("capf")), **{"00000000.0": CAPF.pem, "other.cer": b"x"})
    remarks = facts(odd)["instances"][0]["remarks"]
    assert len(remarks) == 3 and any("other.cer" in text for text in remarks) and any("00000000.0" in text for text in remarks)


@pytest.mark.parametrize(("told", "addresses"), [
    # as setup.ps1 of ansible.windows tells it, IPv6 beside IPv4
    ({"ansible_ip_addresses": ["192.0.2.31", "fe80::1%12", "2001:DB8:0::1"]}, ["192.0.2.31", "2001:db8::1"]),
    ({"ansible_ip_addresses": "192.0.2.31"}, ["192.0.2.31"]),
    # as everybody else does
    ({"ansible_all_ipv4_addresses": ["192.0.2.31", "127.0.0.1"], "all_ipv6_addresses": ["2001:db8::2"]}, ["192.0.2.31", "2001:db8::2"]),
    ({}, []),
])
def test_addresses_of_both_families_and_under_both_names(told, addresses):
    assert _tsp_host.addresses_of(told) == addresses


def test_the_hosts_clock_is_read_where_it_is_told():
    assert _tsp_host.time_of({"ansible_date_time": {"epoch": "1800000000,5", "epoch_int": 1800000000}}) == 1800000000.0
    assert _tsp_host.time_of({"ansible_date_time": {"epoch": "1800000000.5"}}) == 1800000000.5
    assert _tsp_host.time_of({}) is None


# What came of waiting


def profile(state, status="Operation Pending", operation="Install/Upgrade"):
    return {"state": state, "status": status, "operation": operation}


def came(before, content, profiles, **more):
    return _tsp_enrolment.judged(before, facts(content)["instances"][0], profiles, armed=True, **more)


def test_a_fetched_certificate_counts_when_the_host_holds_it():
    result = came(row(), files(lsc()), profile("success"))
    assert (result["action"], result["certificate_valid"], result["failed"], result["changed"]) == ("enrolled", True, False, True)
    assert result["certificate_expires"].startswith("2027-04")
    assert came(row(files(lsc(end=20)), needed=True), files(lsc()), profile("success"))["action"] == "renewed"


def test_success_without_a_certificate_on_the_host_is_a_failure():
    result = came(row(), files(key=False), profile("success"))
    assert result["failed"] and "missing" in result["message"] and "another host" in result["message"]


def test_pending_waits_for_a_person_unless_the_tsp_was_started_anew():
    waits = came(row(), files(key=False), profile("pending"))
    assert (waits["action"], waits["failed"]) == ("armed", False) and "restarted" in waits["message"]
    failed = came(row(), files(key=False), profile("perhaps_expired"), triggered=True, seconds=60)
    assert failed["failed"] and "within 60 seconds" in failed["message"] and "UDP 69" in failed["message"]


def test_other_states_and_missing_profiles_fail():
    late = came(row(), files(key=False), profile("failed", "Upgrade Failed: User Initiated Request Late/Timedout"))
    assert late["failed"] and "Late/Timedout" in late["message"]
    assert came(row(), files(key=False), None)["failed"]


def test_failed_rows_stay():
    before = row(failed=True, message="why")
    assert came(before, files(lsc()), profile("success")) == before


# What the cluster sees


def seen(rows, connections, secure=("recorder_tapi",), available=True, client_address=None, wanted="auto"):
    view = {"available": available, "reason": "" if available else "rate", "connections": connections}
    listed = [dict(ITEM, instance_id=one["instance_id"], client_address=client_address) for one in rows]
    verifier = _verification.Verifier(set(Key("main", name) for name in secure), {"main": view}, {"recorder01": ["192.0.2.31"]}, listed,
                                      set(), wanted)
    return _verification.results(verifier.plan(rows))


def connection(address="192.0.2.31", user="recorder_tapi", status="Open", lines=2):
    return {"status": status, "user": user, "address": address, "lines": [{}] * lines}


@pytest.mark.parametrize("wanted", ["auto", "ris", "application"])
def test_an_open_provider_from_the_hosts_address_verifies(wanted):
    """A certificate that is the TSP's own is never opened with by us, whatever is asked for."""
    held = row(files(lsc()))
    result = seen([held], [connection()], wanted=wanted)[0]
    assert (result["state"], result["verified_by"], result["online"]) == ("verified", "ris (1 open, 2 lines)", True)
    for other in (connection("192.0.2.99"), connection(user="x"), connection(status="Closed")):
        assert seen([held], [other], wanted=wanted)[0]["state"] == ("enrolled, not verified online" if wanted == "auto" else "failed")
    assert seen([held], [connection("192.0.2.99")], client_address="192.0.2.99", wanted=wanted)[0]["online"]
    assert seen([held], [connection(user="RECORDER_TAPI")], wanted=wanted)[0]["online"], "the cluster tells no cases apart"


def test_two_instances_need_two_providers():
    both = [row(files(lsc())), row(files(lsc()), instance_id="recorder01x2")]
    assert [one["online"] for one in seen(both, [connection()])] == [False, False]
    assert [one["online"] for one in seen(both, [connection(), connection()])] == [True, True]


def test_without_secure_user_view_or_certificate():
    held = row(files(lsc()))
    waiting = seen([held], [], secure=())[0]
    assert waiting["waiting"] and waiting["state"] == "enrolled, waiting for cutover"
    assert "rate" in seen([held], [], available=False)[0]["message"]
    armed = seen([row(action="armed", message="why")], [])[0]
    assert (armed["state"], armed["failed"], armed["message"]) == ("armed, waits for the TSP", False, "why")
    assert seen([row()], [])[0]["state"] == "no certificate"
    assert seen([row(failed=True)], [])[0]["state"] == "failed"


# Findings


def what(found):
    return [one["what"] for one in found]


def test_a_good_host_has_no_findings():
    assert _tsp_host.findings({"recorder01": facts(files(lsc()))}, "recorder01") == []


def test_a_clone_shows_when_hosts_are_compared():
    hosts = {"recorder01": facts(files(lsc())), "recorder02": facts(files(lsc()))}
    hosts["recorder02"]["instances"][0]["certificate"] = hosts["recorder01"]["instances"][0]["certificate"]
    found = _tsp_host.findings(hosts, "recorder01")
    assert what(found) == ["The same certificate is in use as recorder01x1 (recorder02)."]
    assert found[0]["severity"] == "critical" and found[0]["instance_id"] == "recorder01x1"


def test_findings_of_a_neglected_host():
    found = host_facts([dict(ITEM, tsp_number=2)], providers=PROVIDERS, services=[
        {"name": "TapiSrv", "state": "stopped", "start_mode": "manual"}])
    drift = [{"setting": "security.capf_port", "found": "REG_DWORD 1", "value": "3804", "place": "P", "instance_id": "recorder01x1"}]
    ports = [{"service": "CAPF", "host": "192.0.2.1", "port": 3804, "cluster": "main", "problem": "Timeout"},
             {"service": "CTI Manager", "host": "192.0.2.1", "port": 2749, "cluster": "main", "problem": ""}]
    assert what(_tsp_host.findings({"recorder01": found}, "recorder01", drift, ports)) == [
        "The Telephony service is stopped.", "TSP 002 is not in TAPI's list of providers.", "There is no certificate.",
        "security.capf_port: REG_DWORD 1 instead of 3804.", "CAPF at 192.0.2.1, TCP port 3804, is not reachable from this host."]
    assert what(_tsp_host.findings({"recorder01": host_facts([])}, "recorder01")) == [
        "There is no Telephony service."]
