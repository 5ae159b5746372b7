# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's certificates beside its trust lists, foretold before anything is touched (field reports T3, T4, T6)."""

from __future__ import annotations

import base64
import datetime
import types

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _ctl,
    _drift,
    _instance,
    _pki,
    _server_certificates,
    _store,
    _trust_list,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import connection
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError, TrustError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import complete
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import options_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._server_certificates import Facts, findings
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, drift
from simulator import Simulator, pki

PUB, SUB = "cucm-pub", "cucm-sub"
CTL_OPTIONS = dict(http=False, http_port=6970, timeout=2)


def row(service, node=PUB, print_=None, **more):
    return dict(service=service, node=node, sha256_fingerprint=print_ or "%s-%s" % (service.lower(), node), not_after="2046-01-01T00:00:00Z",
                **dict(dict(key_type="rsa", key_size=2048, authority=True), **more))


def listing(*records, server="192.0.2.1", made="2026-03-01T00:00:00Z"):
    return dict(server=server, timestamp=made, records=[list(one) for one in records])


CAPF, CCM = row("CAPF"), row("CallManager")
LISTED = listing(("CAPF", "capf-cucm-pub"), ("CCM+TFTP", "callmanager-cucm-pub"), ("SAST", "callmanager-cucm-pub"))
OLDER = dict(LISTED, server="192.0.2.2", timestamp="2026-01-01T00:00:00Z")


def facts(*certificates, lists=(LISTED,), **more):
    return Facts(certificates=tuple(certificates or (CAPF, CCM)), lists=tuple(lists), **more)


@pytest.mark.parametrize("name, given, code, severity, stops, words", [
    ("T3 CallManager", facts(CAPF, row("CallManager", print_="new")), "ctl_not_updated", "critical", True,
     ["The CallManager certificate of cucm-pub is not in the trust list"]),
    ("T3 CAPF", facts(row("CAPF", print_="new"), CCM), "ctl_not_updated", "critical", True, ["The CAPF certificate of cucm-pub"]),
    ("T3 one of two nodes", facts(CAPF, CCM, row("CallManager", SUB)), "ctl_not_updated", "critical", False, ["of cucm-sub is not"]),
    ("T3 judged by the newest list", facts(CAPF, row("CallManager", print_="new"), lists=(
        LISTED, listing(("CAPF", "capf-cucm-pub"), ("CCM+TFTP", "new"), server="192.0.2.3", made="2026-04-01T00:00:00Z"))),
     "ctl_older_on_node", "warning", False, ["192.0.2.1 serves an older trust list (created 2026-03-01T00:00:00Z) than 192.0.2.3"]),
    ("T6", facts(lists=(OLDER, LISTED)), "ctl_older_on_node", "warning", False,
     ["192.0.2.2 serves an older trust list (created 2026-01-01T00:00:00Z) than 192.0.2.1 (created 2026-03-01T00:00:00Z)"]),
    ("the twin", facts(CAPF, CCM, row("CallManager-ECDSA", key_type="ec", key_size=384)), "ctl_without_twin", "info", False,
     ["The CallManager-ECDSA certificate of cucm-pub is not in the trust list"]),
    ("1024 bits", facts(CAPF, row("CallManager", key_size=1024)), "server_key_short", "critical", False, ["only 1024 bits"]),
    ("1024 bits, allowed", facts(CAPF, row("CallManager", key_size=1024), legacy=True), "server_key_short", "warning", False, ["tls_legacy"]),
    ("CAPF without extensions", facts(row("CAPF", authority=False), CCM), "capf_without_extensions", "warning", False, ["basicConstraints"]),
    ("T4", facts(issuer="online"), "online_ca_unknown", "critical", True, ["online CA"]),
])
def test_what_is_foretold(name, given, code, severity, stops, words):
    (found,) = findings(given)
    assert (found.code, found.severity, found.stops) == (code, severity, stops)
    assert all(one in found.what for one in words), found.what
    assert _drift.CODES[code][0] in (severity, "critical")


@pytest.mark.parametrize("given", [
    facts(), facts(lists=()), facts(issuer="self"), facts(issuer="online", issuers=1), facts(lists=(LISTED, dict(LISTED, server="192.0.2.2"))),
    # of a record with a hash only nothing can be told
    facts(row("CAPF", print_="new"), CCM, lists=(listing(("CAPF", ""), ("CCM+TFTP", "callmanager-cucm-pub")),)),
    # a node that runs neither CallManager nor CTI Manager shows no such certificate
    facts(CAPF, CCM, row("CallManager", SUB, key_size=1024), services=(
        dict(node=PUB, service="Cisco CTIManager", activated=True), dict(node=SUB, service="Cisco CTIManager", activated=False),
        dict(node=PUB, service="Cisco Certificate Authority Proxy Function", activated=True))),
    facts(CAPF, CCM, row("tomcat", key_size=1024)),
])
def test_what_is_no_finding(given):
    assert findings(given) == []


@pytest.mark.parametrize("node", ["CUCM-PUB", "cucm-pub.example.com", "cucm-pub.", "192.0.2.1", "cucm-pub-ms", "cucm-pub-ms.example.com"])
@pytest.mark.parametrize("activated", [True, False])
def test_t3_a_node_is_the_same_under_each_of_its_names(node, activated):
    """Certificates and services stand in two tables. A name that services do not know says nothing against the certificate."""
    services = tuple(dict(node=PUB, service=name, activated=activated) for name in ("Cisco CTIManager", "Cisco CallManager"))
    found = findings(facts(CAPF, row("CallManager", node, print_="new"), services=services))
    unknown = node.startswith(("192", "cucm-pub-ms"))
    assert [one.code for one in found] == (["ctl_not_updated"] if activated or unknown else [])


def test_t3_the_commands_come_in_the_right_order():
    (found,) = findings(facts(CAPF, row("CallManager", print_="new")))
    assert found.command == "utils ctl update CTLFile"
    assert found.fix.index("utils ctl update CTLFile") < found.fix.index("restart Cisco Tftp") < found.fix.index("provision")
    for given in (facts(CAPF, row("CallManager", key_size=1024)), facts(row("CAPF", authority=False), CCM)):
        (found,) = findings(given)
        assert found.fix.index("egenerate") < found.fix.index("utils ctl update") < found.fix.index("restart Cisco Tftp") < found.fix.index("provision")


def test_certificates_that_end_inside_the_window():
    soon = dict(CCM, not_after="2026-11-28T23:00:00Z")
    (found,) = _server_certificates.ending(facts(CAPF, soon), "2026-11-28T12:00:00Z", "2026-11-29T04:00:00Z", "inside the window")
    assert found.code == "server_certificate_expiring" and "2026-11-28T23:00:00Z, inside the window" in found.what
    assert not list(_server_certificates.ending(facts(CAPF, soon), "2026-11-28T12:00:00Z", "2026-11-28T22:00:00Z", ""))


# Against a cluster


@pytest.fixture
def sim():
    with Simulator(release="14", fronts=("axl", "tftp"), fresh_keys=True) as running:
        yield running


def world(sim, **more):
    entry = dict(hostname="127.0.0.1", port=sim.axl_port, username=sim.username, password=sim.password, ca_path=sim.ca_path,
                 tftp_port=sim.tftp_port, **more)
    model = complete({"main": entry}, [{"name": "rec", "password": "Password-4711"}], [
        {"host": "a", "user": "rec", "instance_id": "rec1"}], inventory=["a"], group=["a"])[0]
    return clusters.Access({"main": entry}), model


def survey(sim, issuers=(), **more):
    access, model = world(sim)
    served = clusters.served(model.clusters["main"], CTL_OPTIONS)
    assert len(served) == 1 and served[0]["server"] == "127.0.0.1"
    return clusters.survey(access, "main", model, "", served, issuers, **more)


def test_a_cluster_that_is_in_order(sim):
    found = survey(sim)
    assert (found["failure"], found["warnings"], found["issuers"]) == ("", [], [])


def forgotten(sim, certificate):
    """A certificate is regenerated, and the list is not made anew."""
    former = sim.cluster.ctl_octets()
    sim.cluster.regenerate(certificate)
    sim.cluster.put_file("CTLFile.tlv", former)


@pytest.mark.parametrize("certificate, title", [("callmanager", "CallManager"), ("capf", "CAPF")])
def test_t3_preflight_says_that_the_list_was_forgotten(sim, certificate, title):
    forgotten(sim, certificate)
    found = survey(sim)
    assert found["failure"].startswith("The %s certificate of 127.0.0.1 is not in the trust list" % title)
    assert "utils ctl update CTLFile" in found["failure"]
    lenient = survey(sim, lenient=True)
    assert lenient["failure"] == "" and any("is not in the trust list" in one for one in lenient["warnings"])
    sim.act("rebuild_ctl")
    assert survey(sim)["failure"] == ""


@pytest.mark.parametrize("legacy", [False, True])
def test_a12_a_cluster_that_does_not_need_tls_legacy_says_so(sim, legacy):
    access, model = world(sim, tls_legacy=legacy)
    warnings = clusters.survey(access, "main", model, "")["warnings"]
    assert [one.partition(" ")[0] for one in warnings] == ["tls_legacy", "Its"] * legacy
    assert not legacy or "web services do not need tls_legacy" in warnings[1]


def test_what_ends_soon_is_told(sim):
    sim.cluster.regenerate("callmanager", pki.server("127.0.0.1", days=3))
    until = clusters.iso(clusters.now() + datetime.timedelta(days=60))
    (warning,) = survey(sim, soon=until)["warnings"]
    assert warning.startswith("The CallManager certificate of 127.0.0.1 expires on ") and "utils ctl update CTLFile" in warning


def authority():
    return pki.capf_authority("Example Issuing CA 1")


def test_t4_an_online_ca_that_nobody_knows_is_refused(sim):
    sim.cluster.use_online_ca(authority(), in_capf_trust=False)
    found = survey(sim)
    assert "online CA" in found["failure"] and "issuers" in found["failure"]


def test_t4_the_authority_in_capf_trust_or_in_a_file_is_known(sim):
    online = authority()
    sim.cluster.use_online_ca(online)
    found = survey(sim)
    assert found["failure"] == "" and _instance.issuers_of(found["issuers"]) == [online.der]
    given = authority()
    found = survey(sim, issuers=[given.pem.decode()])
    assert _instance.issuers_of(found["issuers"]) == [given.der]


def test_t4_a_former_capf_in_capf_trust_is_no_authority(sim):
    sim.cluster.use_online_ca(authority())
    sim.cluster.regenerate("capf")
    assert [_pki.common_name(one) for one in _instance.issuers_of(survey(sim)["issuers"])] == ["Example Issuing CA 1"]


def test_t4_every_judge_of_a_certificate_knows_the_authorities(sim):
    online, key = authority(), _pki.generate_key("rsa", 2048)
    now = _instance.now()
    lsc = pki.issue_lsc(online, _pki.public_key_der(key), "CTI-rec1", now - datetime.timedelta(1), now + datetime.timedelta(9))
    trust_list = _ctl.parse(sim.cluster.ctl_octets())
    for issuers, from_capf in (((), False), ((online.der,), True)):
        holding = _instance.Holding(_instance.Wish("CTI-rec1", issuers=issuers), lsc, _pki.key_to_pem(key), trust_list)
        assert (holding.from_capf, holding.needed) == (from_capf, not from_capf)
    _instance.judge_lsc(lsc, key, _instance.issuers(trust_list, [online.der]), now)
    with pytest.raises(TrustError, match="online CA issues certificates for CAPF, give its certificate in issuers"):
        _instance.judge_lsc(lsc, key, _instance.issuers(trust_list), now)


@pytest.mark.parametrize("text", ["", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_t4_what_is_no_certificate_is_refused(text):
    with pytest.raises(InputError, match="entry 1 has no certificate in PEM"):
        _instance.issuers_of([text])


def test_t4_drift_judges_again_what_a_host_could_not_know():

    online, key = authority(), _pki.generate_key("rsa", 2048)
    now = _instance.now()
    lsc = pki.issue_lsc(online, _pki.public_key_der(key), "CTI-rec1", now - datetime.timedelta(1), now + datetime.timedelta(90))

    def host():
        return {"a": {"instances": [{"cluster": "main", "instance_id": "rec1", "certificate": {
            "reason": "wrong_issuer", "explanation": "x", "days_left": 90, "expires": "", "content": base64.b64encode(lsc).decode()}}]}}

    rows = [dict(cluster="main", host="a", instance_id="rec1", needed=True, reason="wrong_issuer", certificate_valid=False)]
    for capf, pem, reason in (("online", online.pem, ""), ("self", online.pem, "wrong_issuer"), ("online", authority().pem, "wrong_issuer")):
        hosts = host()
        told, _known = drift.online_ca("main", [pem.decode()], {"issuer": capf}, rows, (hosts, [], 60))
        assert hosts["a"]["instances"][0]["certificate"]["reason"] == reason
        assert told[0]["certificate_valid"] is (reason == "")


def test_t3_drift_says_it_without_a_host(sim):
    forgotten(sim, "callmanager")
    access, model = world(sim)
    reading = drift.read_cluster(access, "main", model, [], "auto", False, False, ({}, [], 60))
    reading["lists"] = clusters.served(model.clusters["main"], CTL_OPTIONS)
    found = _drift.findings(drift.fleet_of(model), {"main": reading}, {}, clusters.iso(clusters.now()))
    (one,) = [each for each in found["findings"] if each["code"] == "ctl_not_updated"]
    assert (one["severity"], one["cluster"], one["host"], one["command"]) == ("critical", "main", "", "utils ctl update CTLFile")
    assert not [each for each in found["findings"] if each["code"] == "cluster_doubt"]


# T6: the newest of all file servers


def lists(*made, key=None):
    """Trust lists of one cluster, made at these times."""
    with Simulator(release="14", fronts=("tftp",)) as sim:
        found = []
        for moment in made:
            sim.cluster.clock_skew = moment
            sim.cluster.rebuild_ctl()
            found.append(sim.cluster.ctl_octets())
        rows = [dict(service=service, sha256_fingerprint=_pki.sha256(identity.der)) for service, identity in (
            ("CallManager", sim.cluster.certificates.callmanager), ("CAPF", sim.cluster.certificates.capf))]
        return found, rows


@pytest.fixture
def keeper(tmp_path, monkeypatch):
    """keep({server: octets or error}, stored, cluster_certificates) -> result of the module's work."""
    def keep(served, stored=None, cluster_certificates=None, **more):
        store = tmp_path / "rec1"
        if stored is not None:
            store.mkdir(mode=0o700, exist_ok=True)
            (store / _store.TRUST_LIST).write_bytes(stored)

        def fetch(host, name, *_arguments):
            if isinstance(served[host], Exception):
                raise served[host]
            return served[host]

        monkeypatch.setattr(_trust_list._transport, "fetch_tftp", fetch)
        params = options_of(_trust_list.ARGUMENT_SPEC, path=str(store), tftp_servers=list(served), capf_host="127.0.0.1",
                            cluster_certificates=cluster_certificates, **more)
        result = _trust_list.fetch_and_keep(params, False)
        return types.SimpleNamespace(stored=(store / _store.TRUST_LIST).read_bytes(), **result)

    return keep


def test_t6_the_newest_that_vouches_is_kept_and_the_older_node_named(keeper):
    (older, newer), _rows = lists(0, 3600)
    for served in ({"old.example": older, "new.example": newer}, {"new.example": newer, "old.example": older}):
        kept = keeper(served, older)
        assert kept.stored == newer
        assert any("tftp://old.example:69/CTLCAPF7F000001.tlv serves an older trust list" in one and "restart Cisco Tftp" in one
                   for one in kept.warnings)
        assert [one["server"] for one in kept.older] == ["old.example"]
        assert (kept.server, kept.file_name, kept.protocol) == ("new.example", "CTLCAPF7F000001.tlv", "tftp")


def test_t6_an_older_list_does_not_replace_the_stored_one_that_the_cluster_confirms(keeper):
    (older, newer), rows = lists(0, 3600)
    kept = keeper({"old.example": older}, newer, rows)
    assert (kept.stored, kept.verdict, kept.changed) == (newer, "kept_newer", True if kept.files else False)
    assert (kept.server, kept.file_name, kept.protocol) == ("", "", "")
    assert any("old.example" in one and "the stored one was kept" in one for one in kept.warnings)
    restored = keeper({"old.example": older}, newer)  # nobody confirms, as after a restore from a backup
    assert (restored.stored, restored.verdict) == (older, "update")


def test_t6_a_stranger_beside_a_good_list_changes_nothing(keeper, vectors):
    (good, newer), _rows = lists(0, 3600)
    stranger = (vectors / "ctl" / "cucm" / "CTLFile-stranger.tlv").read_bytes()
    for served in ({"x.example": stranger, "good.example": good}, {"good.example": good, "x.example": stranger}):
        assert keeper(served, good).stored == good
    with pytest.raises(TrustError):
        keeper({"x.example": stranger}, good)
    assert keeper({"broken.example": b"rubbish", "good.example": newer}, good).stored == newer


def test_t6_a_silent_server_costs_nothing_but_a_moment(keeper):
    (good,), _rows = lists(0)
    kept = keeper({"good.example": good, "dead.example": _trust_list.TransportError("the TFTP server did not answer")}, good)
    assert (kept.verdict, kept.older) == ("unchanged", [])


@pytest.mark.parametrize("text", [
    "99:eb:%s(MD5)", "%s (MD5)", "  99:EB:%s  ", "99 eb %s(md5)"])
def test_t9_a_fingerprint_as_show_ctl_prints_it(text):
    digits = "99eb" + "0" * 28
    rest = ":".join(["00"] * 14)
    given = text % (rest if "99" in text else ":".join(["99", "eb"] + ["00"] * 14))
    assert _pki.fingerprint_of(b"", given.strip())[1] == digits


@pytest.mark.parametrize("text", [
    "MD5: %s", "md5 %s", "MD5 Fingerprint=%s", "\u200e%s", "%s\u200b", "%s (MD5)\n", "MD5(CTLFile.tlv)= %s"])
@pytest.mark.parametrize("between", ["", ":", " ", "-"])
def test_t9_a_fingerprint_as_other_programs_print_it(text, between):
    """openssl, md5sum's kin, and the dialog of Windows, which puts an invisible mark before it."""
    digits = "99eb" + "0" * 28
    given = text % between.join(digits.upper()[at:at + 2] for at in range(0, 32, 2))
    assert _pki.fingerprint_of(b"", given)[1] == digits


@pytest.mark.parametrize("text", ["SHA256 Fingerprint=%s", "sha256 Fingerprint=%s", "SHA-256: %s", "\u200e%s", " %s\n"])
def test_t9_the_pin_of_the_web_services_likewise(text):
    assert connection._pin_of(text % ":".join(["AB"] * 32)) == "ab" * 32


@pytest.mark.parametrize("text", ["", "99eb", "zz" * 16, "%s %s" % ("ab" * 16, "cd" * 20), "=" * 9])
def test_t9_what_is_no_fingerprint_stays_refused(text):
    with pytest.raises(InputError, match="neither MD5, SHA-1 nor SHA-256"):
        _pki.fingerprint_of(b"", text)


def test_a_list_of_somebody_else_is_left_to_the_hosts_to_refuse():
    """Nothing of it is the cluster's: each instance says so, and the run is not stopped by words about a regenerated certificate."""
    (found,) = findings(facts(row("CAPF", print_="x"), row("CallManager", print_="y")))
    assert (found.code, found.stops) == ("ctl_not_updated", False)
