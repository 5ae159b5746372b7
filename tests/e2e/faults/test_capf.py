# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enrolment while the network or CAPF misbehaves at, and inside, each of its messages.

Each row arms, enrols and disarms as the stage enrol does, then lets the next run do the same without the fault.
"""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _capf

AUTH, KEY, PROOF, STORE, END = (
    "AUTH_REQUEST", "KEY_GENERATE_REQUEST", "ENCRYPT_REQUEST", "STORE_CERTIFICATE_REQUEST", "END_SESSION")
MESSAGES = [AUTH, KEY, PROOF, STORE, END]
UNARMED = "No Pending Operation"

#: Octets of a message that arrive before the connection ends: none, in the header, the header alone, inside the
#: elements, all but the last.
CUTS = [0, 1, 8, 10, -1]
#: (messages that CAPF cannot have sent, octets): 65,535 octets promised; an element longer than its message; commands
#: that nobody knows or that only clients send; an element of the wrong width.
NONSENSE = {
    "promise": b"\x55\x03\0\0\0\x01\xff\xff", "element": b"\x55\x03\0\0\0\x01\0\x03\x01\xff\xff",
    "unknown": b"\x55\x63\0\0\0\x01\0\0", "of a client": b"\x55\x02\0\0\0\x01\0\0",
}


BOTH = pytest.mark.parametrize("begin", ["first", "renewal"], indirect=True)


@pytest.fixture
def begin(request, cluster, instance, key):
    """Where the instance stands before: with a certificate that ends soon (renewal) or with a trust list only (first).
    """
    stands = getattr(request, "param", "renewal")
    cluster.front("capf").encrypt = b"octets to be signed"
    cluster.front("capf").sessions = itertools.count(1)
    cluster.seed({"application_users": [instance.user],
                  "profiles": [{"user": instance.user["name"], "instance_id": instance.instance_id}]})
    if stands == "renewal":
        instance.hold(key, days=20)
    else:
        instance.trust()
    return stands


@pytest.fixture
def enrolling(cluster, instance, begin, told):
    """Enrol with a fault and without one."""

    class Enrolling:
        place = "127.0.0.1:%d" % cluster.capf_port
        before = instance.files()
        key_waits = False

        def fails(self, string_sent, *words, issued=False, **options):
            """One failing run: the operator is told, nothing is lost, nothing stays armed."""
            result = instance.provision(**options)
            told(result, self.place, *words)
            assert result["string_sent"] is string_sent
            assert instance.count("AUTH_RESPONSE") == int(string_sent)
            cluster.faults.clear()
            self.nothing_lost(result)
            assert instance.count("capf issued") == int(issued)
            return result

        def nothing_lost(self, result):
            """The pair in place is untouched and still good, no other file is there, but a new key that CAPF may know,
            or that is all there is, waits."""
            pending = instance.folder.name + "/pending"
            after = instance.files()
            self.key_waits = begin == "first" or result["key_sent"] or self.key_waits
            if self.key_waits:
                key = after.pop(pending + "/QBEClient.key.pem")
                assert (key[0], after.pop(pending)) == ("0o600", ("0o700", None))
            assert after == self.before
            if begin == "renewal":
                der = (instance.folder / "QBEClient.cer").read_bytes()
                assert not cluster.cluster.cti_certificate(der).expired
            assert (instance.profile.operation, instance.profile.string) == (UNARMED, "")

        def completes(self, **options):
            """One run that needs nobody: it arms where the host says so, and ends with a pair that is in use."""
            result = instance.provision(**options)
            assert not result.get("failed"), result
            assert result["action"] == {"first": "enrolled", "renewal": "renewed"}[begin]
            assert result["key_reused"] is self.key_waits
            self.in_place()
            return result

        def in_place(self):
            files = instance.files()
            der = files[instance.folder.name + "/QBEClient.cer"][1]
            assert cluster.cluster.cti_certificate(der).superseded is False
            assert files[instance.folder.name + "/QBEClient.key.pem"][0] == "0o600"
            assert instance.folder.name + "/pending" not in files
            before = {name.rpartition("/")[2]: found for name, found in self.before.items()}
            kept = {name.rpartition("/")[2]: found for name, found in files.items() if "/previous/" in name}
            assert kept == {name: before[name] for name in ("QBEClient.cer", "QBEClient.key.pem") if name in before}
            assert not instance.look()["needs_certificate"]["needed"]
            assert (instance.profile.operation, instance.profile.status) == (UNARMED, "Upgrade Success")

    return Enrolling()


def sent(message):
    """Whether the string has gone out when the server is about to send this."""
    return message != AUTH


def fault(cluster, kind, message, **words):
    return cluster.faults.add("capf", kind, message, **words)


def ends_badly(enrolling, message, words, string_sent=None, **options):
    """The row of one fault. At END_SESSION everything is done, and only a warning is left."""
    if message == END:
        result = enrolling.completes(**options)
        warning = " ".join(result["warnings"])
        assert "The certificate is in place, but" in warning and words in warning
        return
    enrolling.fails(sent(message) if string_sent is None else string_sent, words, issued=message == STORE, **options)
    enrolling.completes()


@pytest.mark.parametrize("begin, octets", [("first", 0)] + [("renewal", octets) for octets in CUTS], indirect=["begin"])
@pytest.mark.parametrize("message", MESSAGES)
def test_cut(cluster, enrolling, message, octets):
    fault(cluster, "cut", message, octets=octets)
    ends_badly(enrolling, message, "the CAPF server closed the connection")


@pytest.mark.parametrize("message", MESSAGES)
def test_delay_past_the_deadline(cluster, enrolling, message):
    fault(cluster, "delay", message, seconds=60)
    ends_badly(enrolling, message, "not finished within 1 second", timeout=1)


@pytest.mark.parametrize("message", MESSAGES)
def test_garbage(cluster, enrolling, message):
    fault(cluster, "garbage", message)
    ends_badly(enrolling, message, "it begins with 0x00 instead of 0x55")


@pytest.mark.parametrize("octets", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("message", [KEY, STORE, END])
def test_nonsense_in_place_of_a_message(cluster, enrolling, message, octets):
    fault(cluster, "replace", message, hex=octets.hex())
    words = "CAPF"
    if octets == NONSENSE["promise"]:
        words = "in the middle of a message" if message == END else "within 1 second"
    ends_badly(enrolling, message, words, timeout=1)


@pytest.mark.parametrize("message", MESSAGES)
def test_wrong_session_id(cluster, enrolling, message):
    fault(cluster, "session", message, id=0xBAD)
    # The first message sets the id that counts, so there the server's next one is the wrong one.
    ends_badly(enrolling, message, "changed the session id", string_sent=True)


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("kind, words", [("duplicate", {}), ("split", {"size": 1})])
def test_what_does_no_harm(cluster, enrolling, message, kind, words):
    rule = fault(cluster, kind, message, **words)
    enrolling.completes()
    assert rule.applied


@BOTH
def test_together_with_the_end(cluster, enrolling):
    rule = fault(cluster, "coalesce", STORE)
    enrolling.completes()
    assert rule.applied


@pytest.mark.parametrize("kind, words, cure", [
    ("cut", "the server closed the connection", "read the trace"),
    ("silence", "not finished within 1 second", "Check the network"),
    ("delay", "not finished within 1 second", "Check the network"),
    ("garbage", "the TLS handshake failed", "check the port"),
])
def test_before_the_first_message(cluster, enrolling, kind, words, cure):
    fault(cluster, kind, "accept", seconds=60)
    enrolling.fails(False, words, cure, timeout=1)
    enrolling.completes()


@pytest.mark.parametrize("message", ["accept", AUTH])
def test_a_connection_that_breaks_before_the_string_is_tried_again_where_that_is_allowed(cluster, enrolling, message):
    fault(cluster, "cut", message, octets=0)
    assert enrolling.completes(retries=1)["tries"] == 2


@pytest.mark.parametrize("message", [KEY, STORE])
def test_a_connection_that_breaks_after_the_string_is_never_tried_again(cluster, enrolling, message):
    fault(cluster, "cut", message, octets=0)
    assert enrolling.fails(True, "closed the connection", issued=message == STORE, retries=3)["tries"] == 1
    enrolling.completes()


# What CAPF says no to


@pytest.mark.parametrize("message, kind, words, cure", [
    (AUTH, "retry_later", "CAPF asks the client to try again later", "Run again later"),
    (KEY, "retry_later", "CAPF asks the client to try again later", "Run again later"),
    (STORE, "retry_later", "CAPF asks the client to try again later", "The key is kept"),
    (KEY, {"code": 7}, "CAPF refused (7): authorization string wrong or expired, or nothing armed", "Arm it again"),
    (KEY, {"code": 9}, "CAPF refused (9): it has no profile for the name CTI-", "Check the instance id"),
    (KEY, {"code": 5, "text": "busy"}, "CAPF refused (reason 5); its message: busy", "then run again"),
    (KEY, {"code": 0}, "CAPF has nothing to do for the name CTI-", "Arm the CAPF profile"),
    (PROOF, {"code": 7}, "ended the session without a certificate (reason 7", "The key is kept"),
])
def test_refusals(cluster, enrolling, message, kind, words, cure):
    if isinstance(kind, dict):
        fault(cluster, "reason", message, **kind)
    else:
        fault(cluster, kind, message)
    enrolling.fails(sent(message), words, cure, issued=message == STORE)
    enrolling.completes()


@pytest.mark.parametrize("kind, words", [
    ("other_key", "not for the key of this instance"), ("other_issuer", "not issued by the CAPF of the trust list"),
    ("expired", "but this host's clock shows")])
def test_a_certificate_that_is_not_ours_is_never_stored(cluster, enrolling, kind, words):
    fault(cluster, kind, STORE)
    enrolling.fails(True, words, issued=True)
    enrolling.completes()


@BOTH
def test_a_wrong_string(enrolling, instance):
    """Mistyped by somebody who enrols by hand; the next run brings a string of its own."""
    string = instance.arm()
    result = instance.enrol(string[::-1] if string != string[::-1] else "1234567890", force=True)
    assert "authorization string wrong or expired, or nothing armed" in result["msg"]
    assert instance.profile.status == "Upgrade Failed: Invalid Authentication String"
    instance.disarm()
    enrolling.nothing_lost(result)
    enrolling.completes()


@BOTH
def test_a_lost_string(enrolling, instance):
    """The run that armed has died, and its string with it."""
    assert instance.arm() == instance.profile.string
    enrolling.completes()


@BOTH
def test_a_consumed_string(cluster, enrolling, instance, told):
    """CAPF has issued a certificate that never arrived, and the string is used once more."""
    string = instance.arm()
    fault(cluster, "cut", STORE)
    enrolling.nothing_lost(instance.enrol(string, force=True))
    result = instance.enrol(string, force=True)
    told(result, enrolling.place, "authorization string wrong or expired, or nothing armed", "Arm it again")
    enrolling.nothing_lost(result)
    enrolling.completes()


@BOTH
def test_an_operation_that_has_expired(enrolling, instance, told):
    string = instance.arm()
    instance.sim.cluster.accounts.set_profile(instance.instance_id, deadline=1)
    result = instance.enrol(string, force=True)
    told(result, enrolling.place, "authorization string wrong or expired, or nothing armed", "deadline")
    instance.disarm()
    enrolling.nothing_lost(result)
    enrolling.completes()


@BOTH
def test_a_certificate_that_arrived_is_put_in_place_without_capf(cluster, instance, enrolling):
    """A run that was killed after the certificate was staged: the next one needs neither string nor connection."""
    fault(cluster, "cut", STORE)
    assert instance.provision()["failed"]
    der = cluster.cluster.database.row(
        "select der from sim_lsc where superseded='f' and fkprofile=?", instance.profile.pkid)["der"]
    (instance.folder / "pending" / "QBEClient.cer").write_bytes(der)
    cluster.cluster.reset_counters()
    result = instance.enrol(None)
    assert result["action"] == "resumed" and instance.count("capf connection") == 0
    enrolling.in_place()


@pytest.mark.parametrize("dialect", ["cti", "phone"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_cut_in_every_dialect_and_version(cluster, enrolling, dialect, version):
    options = dict(dialect=dialect, protocol_version=version)
    fault(cluster, "cut", STORE, octets=_capf.HEADER_SIZE)
    enrolling.fails(True, "in the middle of a message", "The key is kept", issued=True, **options)
    assert enrolling.completes(**options)["protocol_version"] == version
