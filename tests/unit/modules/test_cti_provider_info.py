# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import socket
import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from simulator import Simulator, pki

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctiqbe, _ctl, _instance, _pki, _transport
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import CtiRefused
from ansible_collections.voiceops.secure_tsp.plugins.modules import cti_provider_info

USER, PASSWORD, INSTANCE = "recorder_tapi", "Recorder-Pässwort-1", "recorder01x1"
PLAIN_USER = "dialler_tapi"
GROUPS = ["Standard CTI Enabled", "Standard CTI Secure Connection"]
DEVICES = [
    {"name": "SEP001122334455", "model": 684, "registered": True,
     "lines": [{"number": "1001", "partition": "PT_INT"}, {"number": "1002", "restricted": True}]},
    {"name": "SEP001122334466", "restricted": True, "registered": False,
     "lines": [{"number": str(2000 + n)} for n in range(12)]},
]


@pytest.fixture
def sim():
    with Simulator(fronts=("cti", "cti_tls")) as simulator:
        names = [device["name"] for device in DEVICES]
        simulator.seed({
            "devices": DEVICES,
            "application_users": [
                {"name": USER, "password": PASSWORD, "groups": GROUPS, "devices": names},
                {"name": PLAIN_USER, "password": PASSWORD, "groups": GROUPS[:1], "devices": names[:1]},
            ],
            "profiles": [{"user": USER, "instance_id": INSTANCE}, {"user": PLAIN_USER, "instance_id": "dialler01"}],
        })
        yield simulator


@pytest.fixture(scope="module")
def key():
    return _pki.generate_key("rsa", 2048)


@pytest.fixture
def store(sim, key, tmp_path):
    enrol(sim, key, tmp_path)
    return tmp_path


def enrol(sim, key, folder, instance=INSTANCE):
    profile = sim.cluster.accounts.profile(instance)
    der = sim.cluster.capf_issue(profile, _pki.public_key_der(key), "CTI-" + instance)
    folder.mkdir(exist_ok=True)
    (folder / "ctl.tlv").write_bytes(sim.cluster.ctl_octets())
    (folder / "QBEClient.cer").write_bytes(der)
    (folder / "QBEClient.key.pem").write_bytes(_pki.key_to_pem(key))


@pytest.fixture
def probe(sim, store, run_module):
    def run(**options):
        given = dict(cti_managers=["127.0.0.1"], port=sim.cti_tls_port, path=str(store), user=USER, password=PASSWORD,
                     timeout=20)
        given.update(options)
        return run_module(cti_provider_info, **{name: value for name, value in given.items() if value is not None})

    return run


@pytest.fixture
def plain_probe(sim, probe):
    def run(**options):
        given = dict(port=sim.cti_port, secure=False, path=None, user=PLAIN_USER)
        given.update(options)
        return probe(**given)

    return run


def refused(result, code, name, stage="open"):
    assert result["failed"], result
    assert (result["cti_code"], result["cti_name"], result["stage"]) == (code, name, stage)
    assert code in result["msg"] and name in result["msg"]
    assert PASSWORD not in str(result) and "Traceback" not in str(result)
    return result["msg"]


def logins(sim):
    return sim.cluster.counters["ProviderOpenRequest"]


# T2: CTI Manager has an RSA and an ECDSA certificate, and the trust list decides which one it shows


VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
LISTED = {"rsa": ("rsa",), "ec": ("ec",), "both": ("rsa", "ec")}


@pytest.fixture(scope="module")
def twin():
    return pki.server("127.0.0.1", ec.generate_private_key(ec.SECP384R1()))


def list_only(sim, store, twin, kinds):
    """The trust list holds these of the two certificates of CallManager."""
    certificates = dict(rsa=sim.cluster.certificates.callmanager, ec=twin)
    sim.cluster.rebuild_ctl([(certificates[kind], _ctl.CCM_TFTP) for kind in kinds] + [(sim.cluster.certificates.capf, _ctl.CAPF)])
    (store / "ctl.tlv").write_bytes(sim.cluster.ctl_octets())
    return certificates


@pytest.mark.parametrize("highest", VERSIONS)
@pytest.mark.parametrize("listed", LISTED)
def test_T2_the_trust_list_decides_which_of_two_certificates_is_shown(sim, store, probe, twin, highest, listed):
    front = sim.front("cti_tls")
    front.twin, front.tls_versions = twin, (ssl.TLSVersion.TLSv1_2, highest)
    certificates = list_only(sim, store, twin, LISTED[listed])
    result = probe()
    assert not result.get("failed"), result
    shown = result["tls"]["server_certificate"]["sha256_fingerprint"]
    assert shown in [_pki.sha256(certificates[kind].der) for kind in LISTED[listed]]
    # The client's own key is RSA. In TLS 1.3 one list says what both may sign with, so ECDSA alone is asked for in TLS 1.2, by suites.
    expected = "TLSv1.2" if highest is VERSIONS[0] or listed == "ec" else "TLSv1.3"
    assert result["tls"]["version"] == expected
    assert not result.get("warnings")


@pytest.mark.parametrize("highest", VERSIONS)
@pytest.mark.parametrize(("listed", "shown"), [("rsa", "ec"), ("ec", "rsa")])
def test_T2_a_server_without_the_listed_kind_is_told_with_the_command(sim, store, probe, twin, highest, listed, shown):
    """The certificate was regenerated with another kind of key, and the list was not made anew. No password goes out."""
    front = sim.front("cti_tls")
    front.tls_versions = (ssl.TLSVersion.TLSv1_2, highest)
    front.identity = list_only(sim, store, twin, LISTED[listed])[shown]
    result = probe()
    assert result["failed"] and "Only certificates with %s keys" % listed.upper() in result["msg"]
    assert "utils ctl update CTLFile" in result["msg"] and PASSWORD not in str(result)
    assert logins(sim) == 0


# It works


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_opens_lists_and_closes_over_tls(sim, probe, highest):
    sim.front("cti_tls").tls_versions = (ssl.TLSVersion.TLSv1_2, highest)
    result = probe()
    assert not result.get("failed") and not result["changed"] and not result.get("warnings"), result
    assert result["tls"]["version"] == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[highest.name]
    assert result["tls"]["client_certificate"]["common_name"] == "CTI-" + INSTANCE
    assert result["open"]["user"] == USER and result["open"]["node"] == 1
    assert result["open"]["version"] == "14.0.1.13900-155" and result["open"]["password_days"] is None
    assert result["totals"] == {
        "devices": 2, "lines": 14, "registered": 1, "restricted_devices": 1, "restricted_lines": 1}
    first, second = result["devices"]
    assert (first["name"], first["type"], first["registered"], first["restricted"], first["error"]) == (
        "SEP001122334455", 684, True, False, "")
    assert [(line["number"], line["partition"], line["restricted"]) for line in first["lines"]] == [
        ("1001", "PT_INT", False), ("1002", "", True)]
    assert second["restricted"] and len({line["number"] for line in second["lines"]}) == 12
    assert set(result["timings_ms"]) == {"connect", "tls", "init", "open", "list", "hold", "close"}
    assert [provider.status for provider in sim.cluster.providers()] == ["Closed"]
    assert logins(sim) == 1 and PASSWORD not in str(result)


def test_opens_on_the_plain_port(sim, plain_probe):
    result = plain_probe()
    assert not result.get("failed"), result
    assert result["tls"] == {} and result["totals"]["devices"] == 1


def test_check_mode_does_the_same(sim, store, run_module):
    result = run_module(cti_provider_info, check=True, cti_managers=["127.0.0.1"], port=sim.cti_tls_port,
                        path=str(store), user=USER, password=PASSWORD, list_devices=False)
    assert not result["changed"] and "devices" not in result and logins(sim) == 1


def test_probe_certificate(sim, probe, store, key):
    sim.seed({"profiles": [{"user": USER, "instance_id": INSTANCE + "probe"}]})
    enrol(sim, key, store / "probe", INSTANCE + "probe")
    result = probe(probe=True)
    assert result["tls"]["client_certificate"]["common_name"] == "CTI-%sprobe" % INSTANCE


def test_key_with_a_passphrase(sim, probe, store, key):
    (store / "QBEClient.key.pem").write_bytes(_pki.key_to_pem(key, "key secret"))
    assert not probe(key_passphrase="key secret").get("failed")


def test_runs_one_after_the_other_do_not_disturb_each_other(sim, probe):
    assert not any(probe().get("failed") for _run in range(3))


def test_holds_the_provider_with_heartbeats(sim, probe):
    sim.front("cti_tls").heartbeat = (1, 1)
    result = probe(hold=3)
    assert not result.get("failed"), result
    assert sim.cluster.counters["Heartbeat"] >= 2


def test_older_enumeration(sim, probe):
    sim.faults.add("cti", "failure", "ProviderGetAllDevicesAndLinesResponse", code=0x8CCC0051)
    sim.front("cti_tls").fetch_limit = 5
    result = probe()
    assert result["enumeration"] == "stepwise"
    assert result["totals"] == {
        "devices": 2, "lines": 14, "registered": 0, "restricted_devices": 1, "restricted_lines": 1}


def test_older_header_version_after_its_refusal(sim, probe):
    sim.front("cti_tls").versions = (0x00100000,)
    result = probe()
    assert result["protocol_version"] == "0x00100000" and not result.get("failed")
    assert logins(sim) == 1


def test_header_version_is_retried_once_only(sim, probe):
    sim.front("cti_tls").versions = ()
    refused(probe(), "0x8CCC0050", "INCOMPATIBLE_PROTOCOL_VERSION", "init")
    assert sim.cluster.counters["cti connection"] == 2 and logins(sim) == 0


# Several managers


def unused_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_next_manager_only_when_nobody_listens(sim, probe):
    result = probe(cti_managers=["127.0.0.2", "127.0.0.1"])
    assert result["manager"] == "127.0.0.1"


def test_no_next_manager_after_a_refusal(sim, probe):
    result = probe(cti_managers=["127.0.0.1", "localhost"], password="not-the-password")
    refused(result, "0x8CCC0060", "DIRECTORY_LOGIN_FAILED")
    assert sim.cluster.counters["cti connection"] == 1 and logins(sim) == 1


def test_nobody_listening(probe):
    result = probe(port=unused_port())
    assert result["failed"] and result["stage"] == "connect" and "no service listens" in result["msg"]
    result = probe(cti_managers=["127.0.0.1", "127.0.0.2"], port=unused_port())
    assert result["msg"].count("no service listens") == 2


# Refusals, each with its code


def test_wrong_password_is_sent_once(sim, probe):
    message = refused(probe(password="not-the-password"), "0x8CCC0060", "DIRECTORY_LOGIN_FAILED")
    assert "password is wrong" in message and "127.0.0.1:%d" % sim.cti_tls_port in message
    assert logins(sim) == 1


def test_account_locked_after_wrong_passwords(sim, probe):
    for _attempt in range(3):
        probe(password="not-the-password")
    assert "unlock" in refused(probe(), "0x8CCC011F", "LOGIN_FAILED_ACCOUNT_LOCKED")


def test_user_without_cti_enabled(sim, probe):
    sim.act("remove_group_member", group=GROUPS[0], user=USER)
    assert "Standard CTI Enabled" in refused(probe(), "0x8CCC005F", "DIRECTORY_LOGIN_NOT_ALLOWED")


def test_user_without_secure_connection(sim, probe):
    sim.act("remove_group_member", group=GROUPS[1], user=USER)
    assert "Standard CTI Secure Connection" in refused(probe(), "0x8CCC00D0", "USER_NOT_AUTH_FOR_SECURITY")


def test_secure_user_on_the_plain_port(sim, plain_probe):
    assert "2749" in refused(plain_probe(user=USER), "0x8CCC00D1", "CONNECTION_ON_INVALID_PORT")


def test_expired_password(sim, probe):
    sim.act("set_credential", user=USER, expired="t")
    refused(probe(), "0x8CCC011D", "LOGIN_FAILED_PWD_EXPIRED_USER_CAN_RESET")


def test_certificate_of_another_user(sim, probe, store, key):
    sim.act("add_group_member", group=GROUPS[1], user=PLAIN_USER)
    assert "to this user" in refused(probe(user=PLAIN_USER), "0x8CCC00D8", "INVALID_CERTIFICATE_USED")


def test_duplicate_certificate_then_compromised(sim, probe):
    sim.act("set_parameter", name="CTI InstanceId Retry Count", value="2")
    sim.act("open_application", user=USER, address="192.0.2.9", instance_id=INSTANCE)
    result = probe()
    refused(result, "0x8CCC00D7", "DUPLICATE_CERTIFICATE_USED")
    assert result["compromised"] is False and logins(sim) == 1
    sim.act("open_application", user=USER, address="192.0.2.9", instance_id=INSTANCE)
    refused(probe(), "0x8CCC00D7", "DUPLICATE_CERTIFICATE_USED")
    result = probe()
    assert "new instance_id" in refused(result, "0x8CCC00D9", "CERTIFICATE_COMPROMISED")
    assert result["compromised"] is True


def application(sim, store):
    """C((provider, channel)) of a running application that uses the certificate of the store."""
    identity = _instance.Identity(str(store), None)
    deadline = _transport.Deadline(10)
    channel = _transport.connect_tls("127.0.0.1", sim.cti_tls_port, deadline, identity.accept, identity.client())
    settings = _ctiqbe.Settings("127.0.0.1", USER, "application", 30, _ctiqbe.VERSION)
    provider = _ctiqbe.Provider(settings, lambda nonce, certificate: _pki.encrypt_password(
        PASSWORD, nonce, certificate, "0123456789abcdef"))
    provider.start(0)
    while provider.state != "open":
        channel.send(provider.output())
        provider.receive(channel.receive(), 0)
    return provider, channel


@pytest.mark.parametrize("tolerated, reason", [(5, 7), (1, 9)])
def test_probing_with_the_certificate_of_a_running_application_throws_both_out(sim, probe, store, tolerated, reason):
    sim.act("set_parameter", name="CTI InstanceId Retry Count", value=str(tolerated))
    provider, channel = application(sim, store)
    with channel:
        refused(probe(), "0x8CCC00D7", "DUPLICATE_CERTIFICATE_USED")
        with pytest.raises(CtiRefused) as caught:
            while True:
                provider.receive(channel.receive(), 0)
    assert caught.value.facts["cti_close_reason"] == reason
    assert [found.status for found in sim.cluster.providers()] == ["Closed", "OpenFailed"]


@pytest.mark.parametrize("reason, words, compromised", [
    (7, "same certificate", False), (9, "new instance_id", True), (11, "Standard CTI Secure Connection", False),
    (5, "user was deleted", False), (99, "reason 99", False)])
@pytest.mark.parametrize("message, stage", [
    ("ProviderOpenResponse", "open"), ("ProviderGetAllDevicesAndLinesResponse", "list")])
def test_provider_closed_by_the_server(sim, probe, reason, words, compromised, message, stage):
    sim.faults.add("cti", "close", message, reason=reason)
    result = probe()
    assert result["failed"] and words in result["msg"] and result["cti_close_reason"] == reason
    assert (result["stage"], result["compromised"]) == (stage, compromised)


@pytest.mark.parametrize("code, name", [
    (0x8CCC005E, "DIRECTORY_TEMPORARY_UNAVAILABLE"), (0x8CCC0075, "DIRECTORY_LOGIN_TIMEOUT"),
    (0x8CCC0047, "MAX_NUMBER_OF_CTI_CONNECTIONS_REACHED"), (0x8CCC7777, "UNKNOWN")])
def test_other_codes_in_the_completed_event(sim, probe, code, name):
    sim.faults.add("cti", "result", "ProviderOpenCompletedEvent", code=code)
    refused(probe(), "0x%08X" % code, name)
    assert logins(sim) == 1


@pytest.mark.parametrize("kind, message, stage", [
    ("failure", "ProviderInitResponse", "init"), ("result", "ProviderInitResponse", "init"),
    ("failure", "ProviderOpenResponse", "open"), ("result", "ProviderOpenResponse", "open"),
    ("failure", "ProviderGetAllDevicesAndLinesResponse", "list"),
    ("result", "ProviderGetAllDevicesAndLinesResponse", "list"),
    ("result", "ProviderGetAllDevicesAndLinesCompletedEvent", "list"),
    ("failure", "ProviderCloseResponse", "close"), ("result", "ProviderCloseResponse", "close")])
def test_any_request_may_fail(sim, probe, kind, message, stage):
    sim.faults.add("cti", kind, message, code=0x8CCC009D)
    refused(probe(), "0x8CCC009D", "OPERATION_NOT_ALLOWED", stage)


# The network and bad manners

BOUNDARIES = [
    ("ProviderInitResponse", "init"), ("ProviderOpenResponse", "open"), ("ProviderOpenCompletedEvent", "open"),
    ("ProviderGetAllDevicesAndLinesResponse", "list"), ("DeviceLineInfoEvent", "list"),
    ("ProviderGetAllDevicesAndLinesCompletedEvent", "list"), ("ProviderCloseResponse", "close"),
]


@pytest.mark.parametrize("message, stage", BOUNDARIES)
@pytest.mark.parametrize("octets", [0, 21])
def test_cut_at_each_message(sim, probe, message, stage, octets):
    sim.faults.add("cti", "cut", message, octets=octets)
    result = probe()
    expected = "tls" if (message, octets) == ("ProviderInitResponse", 0) else stage
    assert result["failed"] and result["stage"] == expected, result
    assert "closed the connection" in result["msg"] and logins(sim) <= 1


@pytest.mark.parametrize("message, stage", BOUNDARIES)
def test_garbage_at_each_message(sim, probe, message, stage):
    sim.faults.add("cti", "garbage", message)
    result = probe()
    assert result["failed"] and result["stage"] == stage and "CTIQBE" in result["msg"], result


@pytest.mark.parametrize("kind, words", [
    ("duplicate", {}), ("split", {"size": 1}), ("coalesce", {}), ("unknown", {}), ("swap", {}),
    ("delay", {"seconds": 0.2})])
@pytest.mark.parametrize("message", [
    "ProviderOpenResponse", "ProviderGetAllDevicesAndLinesResponse", "DeviceLineInfoEvent"])
def test_harmless_manners(sim, probe, kind, words, message):
    sim.faults.add("cti", kind, message, **words)
    result = probe()
    assert not result.get("failed"), result
    assert result["totals"]["devices"] == 2


@pytest.mark.parametrize("message, stage, words", [
    ("ProviderInitResponse", "init", "first request"), ("ProviderOpenCompletedEvent", "open", "checking the login"),
    ("ProviderGetAllDevicesAndLinesCompletedEvent", "list", "list of devices"),
    ("ProviderCloseResponse", "close", "confirm the close")])
def test_silence(sim, probe, message, stage, words):
    sim.faults.add("cti", "silence", message)
    result = probe(timeout=1)
    assert result["failed"] and result["stage"] == ("close" if message == "ProviderCloseResponse" else stage)
    assert words in result["msg"] or "closed the connection" in result["msg"]


def test_late_completed_event_is_awaited(sim, probe):
    sim.faults.add("cti", "delay", "ProviderOpenCompletedEvent", seconds=1)
    assert not probe().get("failed")


def test_server_that_accepts_and_says_nothing(sim, probe):
    sim.faults.add("cti", "silence", "accept")
    result = probe(timeout=1)
    assert result["failed"] and result["stage"] == "tls" and "1 second" in result["msg"]


# TLS and trust


def test_server_that_the_trust_list_does_not_name(sim, probe):
    sim.act("regenerate", certificate="callmanager")
    result = probe()
    assert result["failed"] and result["stage"] == "tls" and "trust list" in result["msg"]
    assert result["server_certificate"]["sha256_fingerprint"] == _pki.sha256(sim.cluster.certificates.callmanager.der)
    assert logins(sim) == 0 and sim.cluster.counters["ProviderInitRequest"] == 0


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificate_of_a_stranger(sim, probe, store, key, highest):
    sim.front("cti_tls").tls_versions = (ssl.TLSVersion.TLSv1_2, highest)
    stranger = pki.capf_authority("CAPF-stranger", key)
    now = datetime.datetime.now(datetime.timezone.utc)
    (store / "QBEClient.cer").write_bytes(pki.issue_lsc(
        stranger, _pki.public_key_der(key), "CTI-" + INSTANCE, now, now + datetime.timedelta(days=1)))
    result = probe()
    assert result["failed"] and result["stage"] == "tls", result
    assert "client certificate" in result["msg"] and logins(sim) == 0


def test_plain_server_on_the_tls_port(sim, probe):
    result = probe(port=sim.cti_port, timeout=2)
    assert result["failed"] and result["stage"] == "tls" and logins(sim) == 0


# What is found out before anything is connected


def untouched(sim, result, *words):
    assert result["failed"] and result["stage"] == "local", result
    for word in words:
        assert word in result["msg"]
    assert sim.cluster.counters["cti connection"] == 0


@pytest.mark.parametrize("name", ["ctl.tlv", "QBEClient.cer", "QBEClient.key.pem"])
def test_missing_file(sim, probe, store, name):
    (store / name).unlink()
    untouched(sim, probe(), name, "capf_certificate")


@pytest.mark.parametrize("name", ["ctl.tlv", "QBEClient.cer", "QBEClient.key.pem"])
def test_damaged_file(sim, probe, store, name):
    (store / name).write_bytes(b"rubbish")
    untouched(sim, probe(), name)


def test_expired_certificate(sim, probe, store, key):
    sim.act("set_lsc_days", days=-2)
    enrol(sim, key, store)
    untouched(sim, probe(), "expired on", "capf_certificate")


def test_key_of_another_certificate(sim, probe, store):
    (store / "QBEClient.key.pem").write_bytes(_pki.key_to_pem(_pki.generate_key("rsa", 2048)))
    untouched(sim, probe(), "does not belong")


@pytest.mark.in_process
def test_expired_certificate_is_refused_by_the_server_too(sim, probe, store, key, monkeypatch):
    sim.act("set_lsc_days", days=-2)
    enrol(sim, key, store)
    monkeypatch.setattr(_instance.Identity, "check", lambda self: None)
    result = probe()
    assert result["stage"] == "tls" and "expired" in result["msg"]


@pytest.mark.parametrize("options, word", [
    ({"timeout": 0}, "timeout"), ({"hold": 601}, "hold"), ({"heartbeat": 0}, "heartbeat"), ({"port": 70000}, "port"),
    ({"cti_managers": []}, "cti_managers"), ({"path": None}, "path")])
def test_wrong_options(sim, probe, options, word):
    result = probe(**options)
    assert result["failed"] and word in result["msg"]
    assert sim.cluster.counters["cti connection"] == 0
