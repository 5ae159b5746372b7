# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import socket
import ssl
import stat
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from simulator import Simulator, pki

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _pki, _store
from ansible_collections.voiceops.secure_tsp.plugins.modules import capf_certificate

USER, INSTANCE, STRING, PASSPHRASE = "recorder_tapi", "recorder01x1", "4711081547", "Correct horse battery 7"
KEY_PEM = "PRIVATE KEY"


@pytest.fixture
def sim():
    with Simulator(fronts=("capf",)) as simulator:
        simulator.seed({"application_users": [{"name": USER}], "profiles": [{"user": USER, "instance_id": INSTANCE}]})
        arm(simulator)
        yield simulator


@pytest.fixture
def store(sim, tmp_path):
    made = _store.Store(tmp_path / "store")
    made.create()
    made.write(_store.TRUST_LIST, sim.cluster.ctl_octets())
    return made


@pytest.fixture
def capf(sim, store, run_module):
    """Run the module against the simulated CAPF; every result must be free of secrets."""
    def run(**options):
        given = dict(path=store.folder, instance_id=INSTANCE, capf_host="127.0.0.1", capf_port=sim.capf_port,
                     authorization_string=STRING, timeout=10)
        given.update(options)
        result = run_module(capf_certificate, diff=True, **{
            name: value for name, value in given.items() if value is not None})
        for secret in (STRING, PASSPHRASE, KEY_PEM):
            assert secret not in json.dumps(result)
        return result

    return run


def arm(sim, string=STRING, **fields):
    sim.cluster.accounts.update_profile("application", INSTANCE, operation="Install/Upgrade", string=string, **fields)


def profile(sim):
    return sim.cluster.accounts.profile(INSTANCE)


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("listed", [("rsa",), ("ec",), ("rsa", "ec")])
def test_T2_the_trust_list_decides_which_of_the_certificates_of_CAPF_is_shown(sim, store, capf, highest, listed):
    front = sim.front("capf")
    front.twin = pki.capf_authority("CAPF-EC", ec.generate_private_key(ec.SECP384R1()))
    front.tls_versions = (ssl.TLSVersion.TLSv1_2, highest)
    known = dict(rsa=sim.cluster.certificates.capf, ec=front.twin)
    sim.cluster.rebuild_ctl([(sim.cluster.certificates.callmanager, _ctl.CCM_TFTP)] + [(known[kind], _ctl.CAPF) for kind in listed])
    store.write(_store.TRUST_LIST, sim.cluster.ctl_octets())
    issuer = known["rsa"].pem.decode()  # CAPF signs with this one, whichever it shows
    result = done(capf(issuers=[issuer]), "enrolled")
    assert result["tls"]["version"] == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[highest.name]


def mode(path):
    return "%04o" % stat.S_IMODE(os.lstat(path).st_mode)


def done(result, action):
    assert not result.get("failed"), result
    assert (result["action"], result["changed"]) == (action, action not in ("kept", "none")), result
    return result


def failed(result, *words):
    assert result["failed"] and not result.get("exception"), result
    for word in words:
        assert word in result["msg"], result["msg"]
    return result


def strings_received(sim):
    return sim.cluster.counters["AUTH_RESPONSE"]


def certificate(store):
    key_pem, der = store.pair()
    assert _pki.matches_key(der, _pki.key_from_pem(key_pem))
    return der


# It works


def test_enrols_then_keeps(sim, store, capf):
    result = done(capf(), "enrolled")
    assert result["certificate"]["common_name"] == "CTI-" + INSTANCE
    assert result["needs_certificate"] == {"needed": False, "reason": ""}
    assert result["unconfirmed"] and result["string_sent"] and not result["key_reused"] and not result.get("warnings")
    assert (result["tls"]["version"], result["protocol_version"], result["tries"]) == ("TLSv1.3", 1, 1)
    assert result["tls"]["server_certificate"]["sha256_fingerprint"] == _pki.sha256(sim.cluster.certificates.capf.der)
    assert result["diff"]["before"]["certificate"] is None
    assert result["diff"]["after"]["certificate"]["common_name"] == "CTI-" + INSTANCE
    assert _pki.is_issued_by(certificate(store), sim.cluster.certificates.capf.der)
    assert profile(sim).status == "Upgrade Success" and strings_received(sim) == 1
    assert store.names() == [".lock", "QBEClient.cer", "QBEClient.key.pem", "ctl.tlv", "previous"]
    again = done(capf(authorization_string=None), "kept")
    assert again["diff"]["before"] == again["diff"]["after"] and not again["string_sent"]
    assert sim.cluster.counters["capf connection"] == 1


@pytest.mark.parametrize("size", [2048, 3072, 4096])
def test_rsa_sizes(sim, store, capf, size):
    arm(sim, key_size=str(size))
    result = done(capf(key={"type": "rsa", "size": size}), "enrolled")
    assert (result["certificate"]["key_type"], result["certificate"]["key_size"]) == ("rsa", size)
    done(capf(key={"type": "rsa", "size": size}), "kept")


@pytest.mark.parametrize("size", [256, 384, 521])
def test_ec_sizes_with_version_3_and_a_warning(sim, store, capf, size):
    arm(sim, key_order="EC Only", ec_key_size=str(size))
    result = done(capf(key={"type": "ec", "size": size}, protocol_version=3), "enrolled")
    assert (result["certificate"]["key_type"], result["certificate"]["key_size"]) == ("ec", size)
    assert any("EC key" in warning for warning in result["warnings"]) and result["protocol_version"] == 3
    done(capf(key={"type": "ec", "size": size}, protocol_version=3), "kept")


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("dialect", ["cti", "phone"])
def test_dialects_and_versions(capf, dialect, version):
    assert done(capf(dialect=dialect, protocol_version=version), "enrolled")["protocol_version"] == version


def test_possession_of_the_key_is_proved_when_asked(sim, capf):
    sim.front("capf").encrypt = bytes(range(20))
    done(capf(), "enrolled")
    assert sim.cluster.counters["ENCRYPT_RESPONSE"] == 1


def test_renews_what_expires_and_keeps_the_former_pair(sim, store, capf):
    sim.act("set_lsc_days", days=20)
    done(capf(), "enrolled")
    done(capf(state="confirmed"), "confirmed")
    former = store.pair()
    done(capf(renew_before_days=10), "kept")
    arm(sim)
    sim.act("set_lsc_days", days=400)
    result = done(capf(renew_before_days=30), "renewed")
    assert result["needs_certificate"] == {"needed": False, "reason": ""}
    assert store.previous.pair() == former and certificate(store) != former[1]
    assert result["diff"]["before"]["certificate"]["not_after"] < result["diff"]["after"]["certificate"]["not_after"]
    done(capf(renew_before_days=30), "kept")


@pytest.mark.parametrize("spoil", [
    "expired", "key_lost", "key_mismatch", "unreadable key", "unreadable", "wrong_issuer", "key_changed"])
def test_renews_what_is_no_good(sim, store, capf, spoil):
    if spoil == "expired":
        # CAPF would not issue such a one to us, so it is put there.
        key = _pki.generate_key("rsa", 2048)
        sim.cluster.lsc_days = -1
        der = sim.cluster.capf_issue(profile(sim), _pki.public_key_der(key), "CTI-" + INSTANCE)
        sim.cluster.lsc_days = None
        store.write(_store.KEY, _pki.key_to_pem(key))
        store.write(_store.CERTIFICATE, der)
    else:
        done(capf(), "enrolled")
        done(capf(state="confirmed"), "confirmed")
    if spoil == "key_lost":
        store.remove(_store.KEY)
    elif spoil == "key_mismatch":
        store.write(_store.KEY, _pki.key_to_pem(_pki.generate_key("rsa", 2048)))
    elif spoil == "unreadable key":
        store.write(_store.KEY, b"rubbish")
    elif spoil == "unreadable":
        store.write(_store.CERTIFICATE, b"rubbish")
    elif spoil == "wrong_issuer":
        sim.act("regenerate", certificate="capf")
        store.write(_store.TRUST_LIST, sim.cluster.ctl_octets())
    kind = {"type": "rsa", "size": 3072 if spoil == "key_changed" else 2048}
    arm(sim, key_size=str(kind["size"]))
    done(capf(key=kind), "enrolled" if spoil == "unreadable" else "renewed")
    certificate(store)
    kept = spoil in ("expired", "wrong_issuer", "key_changed")
    assert (store.previous.pair() != (None, None)) == kept
    done(capf(key=kind), "kept")


def test_force_renews_a_good_one(sim, store, capf):
    done(capf(), "enrolled")
    first = certificate(store)
    arm(sim)
    done(capf(force=True), "renewed")
    assert certificate(store) != first


def test_check_mode_neither_connects_nor_writes(sim, store, run_module, tmp_path):
    options = dict(path=store.folder, instance_id=INSTANCE, capf_host="127.0.0.1", capf_port=sim.capf_port)
    before = store.names()
    result = done(run_module(capf_certificate, check=True, diff=True, **options), "enrolled")
    assert "CTI-" + INSTANCE in result["diff"]["after"]["certificate"] and result["needs_certificate"]["needed"]
    missing = run_module(capf_certificate, check=True, **dict(options, path=str(tmp_path / "none")))
    assert any("no trust list" in warning for warning in done(missing, "enrolled")["warnings"])
    assert store.names() == before and os.listdir(tmp_path) == ["store"]
    assert sim.cluster.counters["capf connection"] == 0
    done(run_module(capf_certificate, authorization_string=STRING, **options), "enrolled")
    done(run_module(capf_certificate, check=True, **options), "kept")
    done(run_module(capf_certificate, check=True, force=True, **options), "renewed")
    done(run_module(capf_certificate, check=True, bundle=True, **options), "repaired")
    done(run_module(capf_certificate, check=True, **dict(options, state="confirmed")), "confirmed")
    done(run_module(capf_certificate, check=True, **dict(options, state="absent")), "removed")
    assert store.pair() != (None, None) and store.unconfirmed and store.read(_store.BUNDLE) is None


# The other states


def test_confirmed(store, capf):
    failed(capf(state="confirmed"), "no certificate to confirm", "Enrol")
    done(capf(), "enrolled")
    result = done(capf(state="confirmed"), "confirmed")
    assert not result["unconfirmed"] and not store.previous.exists
    done(capf(state="confirmed"), "none")


def test_restored(sim, store, capf):
    done(capf(bundle=True), "enrolled")
    assert any("no previous" in warning for warning in done(capf(state="restored"), "none")["warnings"])
    done(capf(state="confirmed"), "confirmed")
    first = store.pair()
    arm(sim)
    done(capf(force=True, bundle=True), "renewed")
    result = done(capf(state="restored"), "restored")
    assert any("may no longer accept" in warning for warning in result["warnings"])
    assert store.pair() == first and result["unconfirmed"]
    assert store.read(_store.BUNDLE) == _pki.certificate_pem(first[1]) + first[0]
    assert result["certificate"]["sha256_fingerprint"] == result["diff"]["after"]["certificate"]["sha256_fingerprint"]
    done(capf(state="restored"), "none")
    done(capf(bundle=True), "kept")


def test_former_certificate_that_is_no_good_is_not_restored(sim, store, capf):
    done(capf(), "enrolled")
    done(capf(state="confirmed"), "confirmed")
    arm(sim)
    done(capf(force=True), "renewed")
    store.previous.write(_store.KEY, _pki.key_to_pem(_pki.generate_key("rsa", 2048)))
    current = store.pair()
    failed(capf(state="restored"), "not usable", "not for the key")
    assert store.pair() == current


def test_absent(sim, store, capf):
    done(capf(bundle=True), "enrolled")
    arm(sim)
    done(capf(force=True, bundle=True), "renewed")
    result = done(capf(state="absent", capf_host=None), "removed")
    assert result["certificate"] is None and "QBEClient.key.pem" in result["diff"]["before"]["files"]
    assert store.names() == [".lock", "ctl.tlv"]
    done(capf(state="absent"), "none")
    store.remove(_store.TRUST_LIST)
    done(capf(state="absent"), "removed")
    assert not store.exists
    done(capf(state="absent"), "none")
    assert not store.exists


# Files


def test_modes_whatever_the_umask(store, capf):
    before = os.umask(0)
    try:
        done(capf(bundle=True), "enrolled")
    finally:
        os.umask(before)
    assert store.wrong_modes() == {} and mode(store.path(_store.KEY)) == mode(store.path(_store.BUNDLE)) == "0600"
    assert (mode(store.folder), mode(store.path(_store.CERTIFICATE))) == ("0700", "0644")
    os.chmod(store.path(_store.KEY), 0o644)
    os.chmod(store.folder, 0o755)
    result = done(capf(bundle=True), "repaired")
    assert set(result["diff"]["before"]["wrong_modes"]) <= {".", "QBEClient.key.pem"}
    assert store.wrong_modes() == {}
    done(capf(bundle=True), "kept")


def test_owner_and_group(store, capf):
    owner, group = os.getuid() or 12345, os.getgid() or 54321  # only root may give files away
    done(capf(owner=str(owner), group=str(group), bundle=True), "enrolled")
    for name in (".", "previous", _store.KEY, _store.CERTIFICATE, _store.BUNDLE):
        status = os.stat(store.path(name))
        assert (status.st_uid, status.st_gid) == (owner, group), name
    done(capf(owner=str(owner), group=str(group), bundle=True), "kept")
    done(capf(bundle=True), "kept")
    failed(capf(owner="nobody-of-that-name"), "no user nobody-of-that-name")


def test_bundle_comes_and_goes(store, capf):
    done(capf(bundle=True), "enrolled")
    key_pem, der = store.pair()
    assert store.read(_store.BUNDLE) == _pki.certificate_pem(der) + key_pem
    done(capf(), "repaired")
    assert store.read(_store.BUNDLE) is None
    done(capf(), "kept")


def test_key_with_a_passphrase(sim, store, capf):
    done(capf(key_passphrase=PASSPHRASE), "enrolled")
    assert b"ENCRYPTED" in store.read(_store.KEY)
    done(capf(key_passphrase=PASSPHRASE), "kept")
    for wrong in (None, "Wrong horse battery 8"):
        failed(capf(key_passphrase=wrong), "QBEClient.key.pem", "key_passphrase", "force")
    arm(sim)
    done(capf(key_passphrase=None, force=True), "renewed")
    assert b"ENCRYPTED" not in store.read(_store.KEY)
    done(capf(key_passphrase=PASSPHRASE), "repaired")
    assert b"ENCRYPTED" in store.read(_store.KEY)
    done(capf(key_passphrase=PASSPHRASE), "kept")


@pytest.mark.parametrize("name", [_store.KEY, _store.CERTIFICATE, "pending", "previous", _store.TRUST_LIST, ".lock"])
def test_planted_symbolic_links_lead_nowhere(sim, store, capf, tmp_path, name):
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").write_bytes(store.read(_store.TRUST_LIST))
    store.remove(name)
    os.symlink(target if name in ("pending", "previous") else target / "file", store.path(name))
    failed(capf())
    assert strings_received(sim) == 0
    assert os.listdir(target) == ["file"] and len((target / "file").read_bytes()) > 1000


def test_folder_that_others_may_write_to(sim, store, capf):
    os.chmod(store.folder, 0o777)
    failed(capf(), "write to the folder")
    assert sim.cluster.counters["capf connection"] == 0


@pytest.mark.in_process
def test_two_runs_at_once_do_not_mix(sim, store, capf, monkeypatch):
    monkeypatch.setattr(_store, "LOCK_SECONDS", 0)
    with _store.Store(store.folder).lock():
        result = capf()
    failed(result, "another run")
    assert sim.cluster.counters["capf connection"] == 0


# What stops it before anything is connected


@pytest.mark.parametrize("options, word", [
    ({"capf_port": 0}, "capf_port"), ({"capf_port": 65536}, "capf_port"), ({"protocol_version": 4}, "protocol_version"),
    ({"retries": 4}, "retries"), ({"retries": -1}, "retries"), ({"timeout": 0}, "timeout"),
    ({"timeout": 601}, "timeout"),
    ({"renew_before_days": -1}, "renew_before_days"), ({"instance_id": "a b"}, "instance_id"),
    ({"instance_id": ""}, "instance_id"), ({"instance_id": "a" * 129}, "instance_id"),
    ({"name_template": "CTI"}, "name_template"), ({"key": {"type": "rsa", "size": 1024}}, "1024"),
    ({"key": {"type": "ec", "size": 2048}, "protocol_version": 3}, "2048"),
    ({"key": {"type": "ec"}, "protocol_version": 1}, "version"), ({"authorization_string": ""}, "authorization_string"),
    ({"authorization_string": "x" * 300}, "authorization string"), ({"capf_host": None}, "capf_host"),
    ({"authorization_string": None}, "authorization_string is required")])
def test_wrong_options(sim, store, capf, options, word):
    failed(capf(**options), word)
    assert sim.cluster.counters["capf connection"] == 0 and store.pending.pair() == (None, None)


def test_odd_strings_and_long_ids_are_warned_about(sim, store, capf):
    arm(sim, string="cisco-string")
    warnings = done(capf(authorization_string="cisco-string"), "enrolled")["warnings"]
    assert any("4 to 10 digits" in warning for warning in warnings)
    result = capf(instance_id="a" * 61, force=True, authorization_string=None)
    failed(result, "authorization_string")


def test_missing_folder_or_trust_list(sim, store, capf, tmp_path):
    failed(capf(path=str(tmp_path / "none")), "no trust list", "ctl_file")
    assert not (tmp_path / "none").exists()
    store.remove(_store.TRUST_LIST)
    failed(capf(), "no trust list", "ctl_file")
    store.write(_store.TRUST_LIST, b"rubbish")
    failed(capf(), "ctl.tlv", "ctl_file")
    assert sim.cluster.counters["capf connection"] == 0


def test_trust_list_without_capf(sim, store, capf):
    store.write(_store.TRUST_LIST, relisted(sim, lambda record: None))
    failed(capf(), "names no CAPF", "mixed mode")
    assert sim.cluster.counters["capf connection"] == 0


# Whom the string is sent to


def not_sent(sim, result):
    assert result["string_sent"] is False
    assert strings_received(sim) == 0


def test_server_that_the_trust_list_does_not_name(sim, store, capf):
    sim.front("capf").identity = pki.capf_authority("CAPF-stranger", pki.vector("capf-profile").key)
    result = failed(capf(retries=3), "not in the trust list as CAPF", "ctl_file")
    assert result["server_certificate"]["common_name"] == "CAPF-stranger"
    not_sent(sim, result)
    assert sim.cluster.counters["capf connection"] == 1


def test_server_with_the_callmanager_certificate(sim, capf):
    sim.front("capf").identity = sim.cluster.certificates.callmanager
    not_sent(sim, failed(capf(), "not in the trust list as CAPF"))


def test_another_client_cannot_pose_as_capf(sim, capf):
    """CAPF issued its certificate too, and it is for servers as well."""
    key = pki.new_key()
    der = sim.cluster.capf_issue(profile(sim), _pki.public_key_der(key), "CTI-impostor")
    arm(sim)
    sim.front("capf").identity = pki.Identity(der, key)
    not_sent(sim, failed(capf(), "not in the trust list as CAPF"))


def test_trust_list_with_hashes_only(sim, store, capf):
    store.write(_store.TRUST_LIST, relisted(sim, hashed))
    result = done(capf(), "enrolled")
    assert result["needs_certificate"] == {"needed": False, "reason": ""}
    done(capf(), "kept")
    arm(sim)
    sim.front("capf").identity = pki.capf_authority("CAPF-stranger", pki.vector("capf-profile").key)
    assert failed(capf(force=True), "not in the trust list as CAPF")["string_sent"] is False
    assert strings_received(sim) == 1


def relisted(sim, change):
    """The trust list with another record of CAPF, or with none."""
    listed = _ctl.parse(sim.cluster.ctl_octets())
    records = [change(record) if record.role == _ctl.CAPF else record for record in listed.records]
    body = b"".join(record.encode() for record in records if record)
    return _ctl.build(list(listed.header.fields), body, lambda octets: listed.signature, len(listed.signature))


def hashed(record):
    """A record with a hash in place of the certificate, as some lists have."""
    digest = next(iter(_pki.digests_of(record.certificate)[2]))
    return _ctl.Record(tuple(field for field in record.fields if field[0] != _ctl.CERTIFICATE) + (
        (_ctl.CERTIFICATE_HASH, digest), (_ctl.HASH_ALGORITHM, b"\2")))


def test_suites_without_forward_secrecy_are_reported(sim, capf):
    front = sim.front("capf")
    front.ciphers, front.tls_versions = "AES128-SHA:@SECLEVEL=0", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    result = done(capf(), "enrolled")
    assert result["tls"]["weak_cipher"] and any("AES128-SHA" in warning for warning in result["warnings"])


def test_outdated_tls_only_on_demand(sim, capf):
    front = sim.front("capf")
    front.ciphers, front.tls_versions = "AES128-SHA:@SECLEVEL=0", (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1)
    not_sent(sim, failed(capf(), "tls_legacy"))
    result = done(capf(tls_legacy=True), "enrolled")
    assert (result["tls"]["version"], result["tls"]["legacy"], result["key_reused"]) == ("TLSv1", True, True)
    assert any("tls_legacy" in warning for warning in result["warnings"])


def test_plain_server(sim, capf):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            connected, _address = listener.accept()
            with connected:
                connected.recv(4096)
                connected.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        result = capf(capf_port=listener.getsockname()[1])
        answering.join()
    not_sent(sim, failed(result, "does not speak TLS"))


# Refusals


def test_wrong_string_is_7(sim, store, capf):
    result = failed(capf(authorization_string="9999999999"), "refused (7)", "authorization string wrong or expired, or nothing armed")
    assert (result["capf_reason"], result["string_sent"], result["key_sent"]) == (7, True, False)
    assert store.pair() == (None, None) and store.pending.pair()[0]


def test_nothing_armed_is_7(sim, capf):
    sim.cluster.accounts.update_profile("application", INSTANCE, operation="No Pending Operation")
    assert failed(capf(), "refused (7)")["capf_reason"] == 7


def test_unknown_name_is_9(capf):
    result = failed(capf(name_template="{instance_id}"), "refused (9)", "name " + INSTANCE, "name_template")
    assert result["capf_reason"] == 9


def test_nothing_to_do_is_0(sim, capf):
    sim.cluster.features.capf_idle_reason = 0
    sim.cluster.accounts.update_profile("application", INSTANCE, operation="No Pending Operation")
    assert failed(capf(), "nothing to do", "Arm")["capf_reason"] == 0


@pytest.mark.parametrize("key, version", [({"type": "rsa", "size": 2048}, 1), ({"type": "ec", "size": 256}, 3)])
def test_other_key_than_the_profile_demands_is_found_before_it_is_sent(sim, capf, key, version):
    arm(sim, key_size="3072")
    result = failed(capf(key=key, protocol_version=version), "RSA key of 3072 bits", "not used up")
    assert result["wanted_key"] == {"type": "rsa", "size": 3072} and not result["key_sent"]
    assert sim.cluster.counters["KEY_GENERATE_RESPONSE"] == 0 and profile(sim).armed
    done(capf(key={"type": "rsa", "size": 3072}), "enrolled")


@pytest.mark.parametrize("kind, words", [
    ("other_key", "not for the key"), ("other_issuer", "not issued by the CAPF"), ("expired", "valid from")])
def test_certificate_that_is_not_ours_is_not_stored(sim, store, capf, kind, words):
    sim.faults.add("capf", kind, "STORE_CERTIFICATE_REQUEST")
    result = failed(capf(), words)
    assert result["string_sent"] and result["key_sent"]
    assert store.pair() == (None, None) and store.pending.pair()[1] is None
    assert profile(sim).status == "Upgrade Failed: Invalid LSC"
    arm(sim)
    assert done(capf(), "enrolled")["key_reused"]


def test_certificate_with_another_name_is_warned_about(sim, store, capf):
    sim.faults.add("capf", "other_name", "STORE_CERTIFICATE_REQUEST")
    result = done(capf(), "enrolled")
    assert any("CTI-somebodyelse" in warning for warning in result["warnings"])


def test_good_pair_stays_when_a_renewal_fails(sim, store, capf):
    done(capf(), "enrolled")
    good = store.pair()
    failed(capf(force=True), "refused (7)")
    assert store.pair() == good
    done(capf(), "kept")


def test_good_pair_stays_until_a_renewal_that_broke_is_ended(sim, store, capf):
    """CAPF has issued the new certificate by then, so the one in place may be superseded."""
    done(capf(), "enrolled")
    done(capf(state="confirmed"), "confirmed")
    good = store.pair()
    arm(sim)
    sim.faults.add("capf", "cut", "STORE_CERTIFICATE_REQUEST")
    assert failed(capf(force=True))["key_sent"]
    assert store.pair() == good
    failed(capf(authorization_string=None), "interrupted", "authorization_string")
    arm(sim)
    result = done(capf(), "renewed")
    assert result["key_reused"] and store.previous.pair() == good
    done(capf(), "kept")


def test_retry_later(sim, capf):
    sim.faults.add("capf", "retry_later", "KEY_GENERATE_REQUEST")
    failed(capf(), "RETRY_LATER")


# Broken connections

MESSAGES = ["AUTH_REQUEST", "KEY_GENERATE_REQUEST", "ENCRYPT_REQUEST", "STORE_CERTIFICATE_REQUEST", "END_SESSION"]


@pytest.mark.parametrize("octets", [0, 5, 11])
@pytest.mark.parametrize("message", MESSAGES)
def test_cut_at_each_message_and_the_next_run_completes(sim, store, capf, message, octets):
    sim.front("capf").encrypt = b"sign this"
    sim.faults.add("capf", "cut", message, octets=octets)
    result = capf()
    if message == "END_SESSION":
        warnings = done(result, "enrolled")["warnings"]
        assert any("ended with an error" in text or "without END_SESSION" in text for text in warnings)
        done(capf(), "kept")
        return
    failed(result, "closed the connection")
    assert result["string_sent"] == (message != "AUTH_REQUEST")
    assert store.pair() == (None, None)
    key_pem = store.pending.read(_store.KEY)
    assert mode(store.pending.path(_store.KEY)) == "0600"
    arm(sim)
    result = done(capf(), "enrolled")
    assert result["key_reused"] and store.pair()[0] == key_pem
    done(capf(), "kept")


@pytest.mark.parametrize("message", MESSAGES[:4])
def test_garbage_at_each_message(sim, store, capf, message):
    sim.front("capf").encrypt = b"sign this"
    sim.faults.add("capf", "garbage", message)
    failed(capf(), "CAPF message")
    arm(sim)
    done(capf(), "enrolled")


@pytest.mark.parametrize("message", MESSAGES[:4])
def test_silence_at_each_message(sim, store, capf, message):
    sim.front("capf").encrypt = b"sign this"
    sim.faults.add("capf", "silence", message)
    failed(capf(timeout=1), "not finished within 1 second")


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("kind, words", [("split", {"size": 1}), ("duplicate", {}), ("delay", {"seconds": 0.1})])
def test_harmless_manners(sim, capf, message, kind, words):
    sim.front("capf").encrypt = b"sign this"
    sim.faults.add("capf", kind, message, **words)
    done(capf(), "enrolled")


def test_certificate_and_end_in_one_write(sim, store, capf):
    sim.faults.add("capf", "coalesce", "STORE_CERTIFICATE_REQUEST")
    done(capf(), "enrolled")
    certificate(store)


def test_refusal_after_the_certificate_was_stored(sim, store, capf):
    sim.faults.add("capf", "reason", "END_SESSION", code=7)
    result = done(capf(), "enrolled")
    assert any("ended with an error" in warning for warning in result["warnings"])
    certificate(store)


@pytest.mark.parametrize("kind", ["cut", "silence"])
def test_broken_connections_are_tried_again_before_the_string_was_sent(sim, capf, kind):
    sim.faults.add("capf", kind, "accept", times=2, seconds=0)
    result = done(capf(retries=2), "enrolled")
    assert result["tries"] == 3 and strings_received(sim) == 1


def test_tried_again_no_more_often_than_told(sim, capf):
    sim.faults.add("capf", "cut", "AUTH_REQUEST", times=None)
    result = failed(capf(retries=2), "closed the connection")
    assert result["tries"] == 3 and result["string_sent"] is False
    assert sim.cluster.counters["capf connection"] == 3


def test_not_tried_again_once_the_string_was_sent(sim, capf):
    sim.faults.add("capf", "cut", "KEY_GENERATE_REQUEST", times=None)
    assert failed(capf(retries=3))["tries"] == 1 and strings_received(sim) == 1


def test_nobody_listening(capf):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = capf(capf_port=taken.getsockname()[1])
    assert failed(result, "no service listens")["string_sent"] is False


# Resuming


def staged(sim, store, **difference):
    """An enrolment that was killed after its certificate had arrived."""
    key = _pki.generate_key("rsa", difference.get("size", 2048))
    der = sim.cluster.capf_issue(profile(sim), _pki.public_key_der(key), "CTI-" + INSTANCE)
    store.begin(_pki.key_to_pem(key))
    store.stage(difference.get("der", der))
    return der


def test_certificate_that_had_arrived_is_put_in_place_without_connection_or_string(sim, store, capf, run_module):
    der = staged(sim, store)
    options = dict(path=store.folder, instance_id=INSTANCE, capf_host="127.0.0.1", capf_port=sim.capf_port)
    done(run_module(capf_certificate, check=True, **options), "resumed")
    assert store.pair() == (None, None)
    result = done(capf(authorization_string=None, force=True), "resumed")
    assert store.pair()[1] == der and result["unconfirmed"] and not result["string_sent"]
    done(capf(authorization_string=None), "kept")
    assert sim.cluster.counters["capf connection"] == 0


@pytest.mark.parametrize("difference", [{"der": b"rubbish"}, {"size": 3072}])
def test_certificate_that_had_arrived_but_is_no_good(sim, store, capf, difference):
    staged(sim, store, **difference)
    arm(sim)
    result = done(capf(key={"type": "rsa", "size": 2048}), "enrolled")
    assert result["key_reused"] == ("der" in difference) and certificate(store) != b"rubbish"


def test_replacement_that_was_interrupted_is_finished(sim, store, capf):
    done(capf(), "enrolled")
    former = store.pair()
    store.confirm()
    der = staged(sim, store)
    for name in _store.PAIR:
        store.sub("previous").create()
        store.previous.write(name, dict(zip(_store.PAIR, former))[name])
    os.rename(store.path("pending"), store.path("replacing"))
    os.rename(store.path("replacing/" + _store.KEY), store.path(_store.KEY))
    done(capf(authorization_string=None), "repaired")
    assert certificate(store) == der and store.previous.pair() == former
    done(capf(authorization_string=None), "kept")


def test_enrolment_that_was_interrupted_before_it_had_a_key_is_cleared_away(store, capf):
    done(capf(), "enrolled")
    store.pending.create()
    done(capf(authorization_string=None), "repaired")
    assert not store.pending.exists
    done(capf(authorization_string=None), "kept")
