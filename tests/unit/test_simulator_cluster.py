# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the simulated cluster, without sockets."""

from __future__ import annotations

import datetime
import hashlib
import threading

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import ExtendedKeyUsageOID
from simulator import cluster as rules
from simulator import pki
from simulator.accounts import ClusterFault
from simulator.cluster import Cluster
from simulator.faults import Faults
from simulator.release import RELEASES

ENABLED = "Standard CTI Enabled"
SECURE = "Standard CTI Secure Connection"
CLIENT_KEY = pki.vector("big").key


def spki(key=CLIENT_KEY):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Connection:
    """Remembers why the server closed it."""

    def __init__(self):
        self.dropped = []

    def drop(self, reason):
        self.dropped.append(reason)


@pytest.fixture
def cluster():
    one = Cluster()
    one.accounts.add_device("SEP001122334455", lines=[{"number": "1001", "partition": "Internal"}, {"number": "1002"}])
    one.accounts.add_device("SEP001122334466", registered=False, restricted=True)
    one.accounts.add_user(
        "application", "rec", password="pw", devices=["SEP001122334455"], groups=[ENABLED, SECURE])
    yield one
    one.close()


def arm(cluster, instance_id="rec1", user="rec", **fields):
    cluster.accounts.add_profile(
        "application", user, instance_id, operation="Install/Upgrade", string="1234567890", **fields)
    return cluster.capf_session("CTI-" + instance_id)


def certificate(cluster, instance_id="rec1", **fields):
    """(user, Instance) of a user with a fresh LSC."""
    der = cluster.capf_issue(arm(cluster, instance_id, **fields), spki(), "CTI-" + instance_id)
    code, user = cluster.cti_login("rec", "pw")
    assert code == 0
    return user, cluster.cti_certificate(der)


def open_tls(cluster, user, instance, port=50000):
    connection = Connection()
    return cluster.open_provider(user, instance, "127.0.0.1", port, True, connection), connection


# CAPF


def test_a_session_finds_its_profile_by_name(cluster):
    arm(cluster)
    assert cluster.capf_session("CTI-rec1").instance_id == "rec1"
    assert cluster.capf_session("CTI-") is None
    assert cluster.capf_session("rec1") is None
    assert cluster.capf_session("CTI-none") is None


def test_string_and_operation_are_gone_after_issue(cluster):
    profile = arm(cluster)
    assert cluster.capf_open(profile)
    der = cluster.capf_issue(profile, spki(), "CTI-rec1")
    after = cluster.capf_session("CTI-rec1")
    assert (after.operation, after.string, after.status) == ("No Pending Operation", "", "Upgrade Success")
    assert not cluster.capf_open(after)
    assert cluster.cti_certificate(der).instance_id == "rec1"


def test_a_passed_deadline_is_written_down_when_somebody_comes(cluster):
    profile = arm(cluster, operation_completion="2020:01:01:00:00")
    assert profile.status == "Operation Pending"
    assert not cluster.capf_open(profile)
    assert cluster.capf_session("CTI-rec1").status == rules.LATE


def test_deadline_without_completion_is_the_enterprise_parameter(cluster):
    cluster.set_parameter("CAPF Operation Expires in (days)", "3")
    profile = arm(cluster)
    assert 0 <= cluster.now() + 3 * 86400 - profile.deadline < 60


def test_refusal_leaves_a_status_and_disarms_on_demand(cluster):
    profile = arm(cluster)
    cluster.capf_refuse(profile, "Upgrade Failed: Invalid Authentication String")
    assert cluster.capf_session("CTI-rec1").armed
    cluster.capf_refuse(profile, "Upgrade Failed: CA Rejected Connection", disarm=True)
    after = cluster.capf_session("CTI-rec1")
    assert (after.armed, after.string, after.status) == (False, "", "Upgrade Failed: CA Rejected Connection")


def test_lsc_has_the_profile_capf_gives_it(cluster):
    lsc = x509.load_der_x509_certificate(cluster.capf_issue(arm(cluster), spki(), "CTI-rec1"))
    issuer = cluster.certificates.capf.certificate
    lsc.verify_directly_issued_by(issuer)
    assert lsc.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value == "CTI-rec1"
    assert isinstance(lsc.signature_hash_algorithm, hashes.SHA256)
    constraints = lsc.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = lsc.extensions.get_extension_for_class(x509.KeyUsage)
    extended = lsc.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    names = lsc.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert (constraints.critical, constraints.value.ca) == (True, False)
    assert usage.critical and usage.value.digital_signature and usage.value.key_encipherment
    assert not usage.value.key_cert_sign
    assert list(extended) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH, pki.IPSEC_END_SYSTEM]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["CTI-rec1"]
    assert (lsc.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)).days in (1824, 1825)


def test_lsc_can_be_born_expired(cluster):
    cluster.lsc_days = -3
    user, instance = certificate(cluster)
    assert instance.expired
    assert open_tls(cluster, user, instance)[0] == rules.INVALID_CERTIFICATE_USED


# CTI logins


def test_login_codes(cluster):
    assert cluster.cti_login("nobody", "pw") == (rules.LOGIN_FAILED, None)
    assert cluster.cti_login("rec", "pw")[0] == 0
    accounts = cluster.accounts
    for flag, code in (("expired", rules.PASSWORD_EXPIRED), ("disabled", rules.ACCOUNT_DISABLED),
                       ("locked", rules.ACCOUNT_LOCKED)):
        accounts.update_user("application", "rec", credentials={flag: "t"})
        assert cluster.cti_login("rec", "pw")[0] == code
        accounts.update_user("application", "rec", credentials={flag: "f"})
    accounts.unmap_member(ENABLED, "rec")
    assert cluster.cti_login("rec", "pw")[0] == rules.LOGIN_NOT_ALLOWED


def test_wrong_passwords_lock_the_account(cluster):
    codes = [cluster.cti_login("rec", "guess")[0] for dummy in range(4)]
    assert codes == [rules.LOGIN_FAILED] * 3 + [rules.ACCOUNT_LOCKED]
    assert cluster.cti_login("rec", "pw")[0] == rules.ACCOUNT_LOCKED


def test_an_end_user_needs_enable_cti(cluster):
    cluster.accounts.add_user("end", "jdoe", password="pw", lastname="Doe", groups=[ENABLED])
    assert cluster.cti_login("jdoe", "pw")[0] == 0
    cluster.accounts.update_user("end", "jdoe", enablecti="f")
    assert cluster.cti_login("jdoe", "pw")[0] == rules.LOGIN_NOT_ALLOWED


# Providers


def test_ports_and_the_secure_group_exclude_each_other(cluster):
    user, instance = certificate(cluster)
    assert open_tls(cluster, user, instance)[0] < 1000
    plain = cluster.open_provider(user, None, "127.0.0.1", 1, False, Connection())
    assert plain == rules.CONNECTION_ON_INVALID_PORT
    cluster.accounts.unmap_member(SECURE, "rec")
    assert open_tls(cluster, user, instance)[0] == rules.USER_NOT_AUTH_FOR_SECURITY
    assert cluster.open_provider(user, None, "127.0.0.1", 2, False, Connection()) < 1000


def test_the_secure_group_means_nothing_in_a_non_secure_cluster():
    cluster = Cluster(mixed_mode=False)
    cluster.accounts.add_user("application", "rec", password="pw", groups=[ENABLED, SECURE])
    _code, user = cluster.cti_login("rec", "pw")
    assert cluster.open_provider(user, None, "127.0.0.1", 1, False, Connection()) < 1000
    assert cluster.ctl_octets() is None
    cluster.set_mixed_mode(True)
    assert cluster.is_secure_user(user)
    assert cluster.ctl_octets() is not None


def test_certificates_of_other_users_or_nobody(cluster):
    user, _instance = certificate(cluster)
    cluster.accounts.add_user("application", "other", password="pw")
    foreign = cluster.capf_issue(arm(cluster, "other1", "other"), spki(), "CTI-other1")
    assert open_tls(cluster, user, cluster.cti_certificate(foreign))[0] == rules.INVALID_CERTIFICATE_USED
    assert cluster.cti_certificate(b"no certificate of ours") is None
    assert open_tls(cluster, user, None)[0] == rules.INVALID_CERTIFICATE_USED


def test_a_certificate_dies_with_its_profile(cluster):
    der = cluster.capf_issue(arm(cluster), spki(), "CTI-rec1")
    cluster.accounts.remove_profile("application", "rec1")
    assert cluster.cti_certificate(der) is None


def test_two_providers_on_one_certificate_lose_both_until_it_is_compromised(cluster):
    user, instance = certificate(cluster)
    for duplicate in (1, 2, 3):
        number, first = open_tls(cluster, user, instance, 50000)
        assert number < rules.LOGIN_FAILED
        code, second = open_tls(cluster, user, instance, 50001)
        assert code == rules.DUPLICATE_CERTIFICATE_USED
        assert first.dropped == [rules.CLOSE_COMPROMISED if duplicate == 3 else rules.CLOSE_DUPLICATE_CERTIFICATE]
        assert second.dropped == []
        assert [p for p in cluster.providers() if p.status == "Open"] == []
    assert cluster.accounts.profile("rec1").compromised
    assert open_tls(cluster, user, "rec1")[0] == rules.CERTIFICATE_COMPROMISED


def test_instances_do_not_disturb_each_other(cluster):
    user, first = certificate(cluster, "rec1")
    _user, second = certificate(cluster, "rec2")
    assert open_tls(cluster, user, first, 1)[0] != open_tls(cluster, user, second, 2)[0]
    assert [p.status for p in cluster.providers()] == ["Open", "Open"]


def test_closed_providers_stay_listed(cluster):
    user, instance = certificate(cluster)
    number, _connection = open_tls(cluster, user, instance, 50123)
    cluster.close_provider(number)
    listed, = cluster.providers()
    assert (listed.app_id, listed.status) == ("rec-127.0.0.1-50123", "Closed")
    assert open_tls(cluster, user, instance)[0] < rules.LOGIN_FAILED


def test_superseded_certificate_is_a_switch(cluster):
    user, old = certificate(cluster)
    cluster.accounts.update_profile("application", "rec1", operation="Install/Upgrade", string="1")
    old_der = cluster.database.row("select der from sim_lsc")["der"]
    cluster.capf_issue(cluster.capf_session("CTI-rec1"), spki(), "CTI-rec1")
    old = cluster.cti_certificate(old_der)
    assert old.superseded
    number, _connection = open_tls(cluster, user, old)
    cluster.close_provider(number)
    cluster.features.accepts_superseded_lsc = False
    assert open_tls(cluster, user, old)[0] == rules.INVALID_CERTIFICATE_USED


@pytest.mark.parametrize("change, reason", [
    (lambda c: c.accounts.unmap_member(ENABLED, "rec"), rules.CLOSE_CTI_DISABLED),
    (lambda c: c.accounts.unmap_member(SECURE, "rec"), rules.CLOSE_NOT_SECURE),
    (lambda c: c.accounts.remove_user("application", "rec"), rules.CLOSE_USER_DELETED),
])
def test_an_administrator_cuts_open_providers(cluster, change, reason):
    user, instance = certificate(cluster)
    _number, connection = open_tls(cluster, user, instance)
    with cluster.writing():
        change(cluster)
    assert connection.dropped == [reason]


def test_cutover_cuts_the_running_plain_provider(cluster):
    cluster.accounts.unmap_member(SECURE, "rec")
    _code, user = cluster.cti_login("rec", "pw")
    connection = Connection()
    cluster.open_provider(user, None, "127.0.0.1", 1, False, connection)
    with cluster.writing():
        cluster.accounts.map_member(SECURE, "rec")
    assert connection.dropped == [rules.CLOSE_OTHER]


def test_devices_of_a_user(cluster):
    device, = cluster.devices_of("rec")
    assert device["name"] == "SEP001122334455"
    assert (device["registered"], device["protocol"]) == (True, 2)
    assert device["lines"] == [{"number": "1001", "partition": "Internal", "restricted": False},
                               {"number": "1002", "partition": "", "restricted": False}]
    cluster.accounts.map_member("Standard CTI Allow Control of All Devices", "rec")
    other = cluster.devices_of("rec")[1]
    assert (other["registered"], other["restricted"]) == (False, True)


# Trust list and certificates


def verified(octets):
    """The parsed list; its signature was checked with its own signer record, without the collection's verifier."""
    trusted = _ctl.parse(octets)
    signer, = trusted.signers()
    key = x509.load_der_x509_certificate(signer.certificate).public_key()
    digest = {1: hashes.SHA1, 4: hashes.SHA512}[trusted.digest_code]()
    key.verify(trusted.signature, trusted.signed_octets(), padding.PKCS1v15(), digest)
    return trusted


@pytest.mark.parametrize("release", RELEASES)
def test_trust_list_of_a_release(release):
    cluster = Cluster(release, nodes=("127.0.0.1", "localhost"))
    trusted = verified(cluster.ctl_octets())
    signer, = trusted.signers()
    expected = cluster.certificates.callmanager if release == "11.5" else cluster.certificates.itlrecovery
    assert signer.certificate == expected.der
    assert [record.role for record in trusted.records] == [0, 0, 2, 2, 4]
    assert trusted.capf_certificates() == [cluster.certificates.capf.der]
    assert trusted.digest_code == (4 if release == "15" else 1)


@pytest.mark.parametrize("name", ["capf", "callmanager", "itlrecovery"])
def test_regeneration_makes_a_new_list(cluster, name):
    before = cluster.ctl_octets()
    old = getattr(cluster.certificates, name).der
    cluster.regenerate(name)
    new = getattr(cluster.certificates, name).der
    assert new != old
    assert new in {record.certificate for record in verified(cluster.ctl_octets()).records}
    assert cluster.ctl_octets() != before
    assert old not in {record.certificate for record in verified(cluster.ctl_octets()).records}


def test_former_capf_certificates_stay_trusted_until_removed(cluster):
    first = cluster.certificates.capf.der
    cluster.regenerate("capf")
    cluster.regenerate("capf")
    assert len(cluster.certificates.capf_trust) == 3 and first in cluster.certificates.capf_trust
    constraints = cluster.certificates.capf.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    cluster.distrust_former_capf()
    assert cluster.certificates.capf_trust == [cluster.certificates.capf.der]


def test_fresh_keys():
    one = Cluster(fresh_keys=True)
    assert one.certificates.capf.der != pki.vector("capf-profile").der
    verified(one.ctl_octets())


# State


def test_state_survives_in_a_file(tmp_path):
    path = str(tmp_path / "cluster.db")
    first = Cluster(path=path)
    first.accounts.add_user("application", "rec", password="pw", groups=[ENABLED])
    arm(first)
    before = first.state_hash()
    first.close()
    second = Cluster(path=path)
    assert second.state_hash() == before
    assert second.capf_session("CTI-rec1").string == "1234567890"
    second.close()


def test_state_and_snapshot_show_no_secret(cluster):
    arm(cluster)
    shown = repr(cluster.state()) + repr(cluster.snapshot()) + repr(cluster.capf_session("CTI-rec1"))
    assert "1234567890" not in shown
    assert "'pw'" not in shown
    assert "PRIVATE KEY" not in shown


def test_a_failed_write_leaves_nothing(cluster):
    before = cluster.state_hash()
    with pytest.raises(ClusterFault):
        cluster.accounts.add_user("application", "half", devices=["SEP001122334455"], groups=["No such group"])
    assert cluster.state_hash() == before


def test_many_threads_one_state(cluster):
    def work(number):
        for _round in range(10):
            cluster.accounts.update_user("application", "rec", devices=["SEP001122334455"])
            cluster.count("round")
            cluster.query("select name from applicationuser where name='%d'" % number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cluster.counters["round"] == 80


def test_issued_certificates_are_remembered_by_fingerprint(cluster):
    der = cluster.capf_issue(arm(cluster), spki(), "CTI-rec1")
    row = cluster.database.row("select fingerprint from sim_lsc")
    assert row["fingerprint"] == hashlib.sha256(der).hexdigest()


# Faults


def test_rules_count_what_they_see_and_do():
    faults = Faults()
    rule = faults.add(front="axl", operation="addAppUser", kind="http", after=1, times=2, code=503)
    forever = faults.add(front="axl", kind="delay", times=None, seconds=0)
    faults.add(front="tftp", kind="silence")
    met = [faults.match("axl", "addAppUser") for dummy in range(4)]
    assert met == [forever, rule, rule, forever]
    assert faults.match("axl", "getAppUser") is forever
    assert faults.match("capf", None) is None
    facts = {one["number"]: one for one in faults.statistics()}
    assert (facts[rule.number]["seen"], facts[rule.number]["applied"]) == (4, 2)
    faults.remove(forever.number)
    assert faults.match("axl", "getAppUser") is None
    faults.clear()
    assert faults.statistics() == []


def test_a_delay_ends_with_the_simulator():
    faults = Faults()
    waiter = threading.Thread(target=faults.delay, args=(3600,))
    waiter.start()
    faults.stop()
    waiter.join(10)
    assert not waiter.is_alive()
