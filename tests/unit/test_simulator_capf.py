# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated CAPF over real TLS: the standard library is the foreign client, JTAPI's bytes the foreign words."""

from __future__ import annotations

import functools
import itertools
import json
import socket
import ssl

import collection_path
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from simulator import Simulator, pki
from simulator.release import features

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _capf, _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CapfRefused, FormatError, InputError, ProtocolError,
)

FOLDER = collection_path.ROOT / "tests" / "vectors" / "capf"
JTAPI = {session["name"]: session for session in json.loads((FOLDER / "jtapi-sessions.json").read_text())["sessions"]}
INSTALL = "Install/Upgrade"
STRING = "1234567890"
SETTINGS = _capf.Settings("CTI-rec1", STRING)


@functools.lru_cache(maxsize=None)
def key(kind="rsa", size=2048):
    return _pki.generate_key(kind, size) if kind == "ec" else pki.vector("tvs1").key


def spki(private_key):
    return private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def sim():
    with Simulator(fronts=("capf",)) as simulator:
        simulator.seed({
            "application_users": [{"name": "ctiuser", "password": "12345678"}],
            "profiles": [{"user": "ctiuser", "instance_id": "rec1", "operation": INSTALL, "string": STRING}],
        })
        yield simulator


def profile(sim, instance_id="rec1"):
    return sim.cluster.accounts.profile(instance_id)


class Client:
    """TLS by the standard library, messages by hand."""

    def __init__(self, sim, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED), ciphers=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(cadata=sim.cluster.certificates.capf.der)
        context.minimum_version, context.maximum_version = versions
        if ciphers:
            context.set_ciphers(ciphers)
        self.plain = socket.create_connection(("127.0.0.1", sim.capf_port), 10)
        try:
            self.socket = context.wrap_socket(self.plain)
        except OSError:
            self.plain.close()
            raise
        self.reader = _capf.MessageReader()
        self.messages = []
        self.records = []  # what each read gave: one TLS record at most

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets)

    def read(self):
        octets = self.socket.recv(65536)
        if octets:
            self.records.append(octets)
        return octets

    def next(self):
        """The next message, or None at the end."""
        while not self.messages:
            octets = self.read()
            if not octets:
                return None
            self.messages += self.reader.feed(octets)
        return self.messages.pop(0)


def drive(client, enrolment, private_key=None):
    """Let an Enrolment of the collection talk to the end; C((finished, certificate))."""
    private_key = private_key or key()
    certificate = finished = None
    while finished is None:
        octets = client.read()
        for event in enrolment.receive(octets) if octets else enrolment.ended():
            if event.name == "key_wanted":
                enrolment.provide_key(spki(private_key))
            elif event.name == "signature_wanted":
                enrolment.provide_signature(_pki.sign_raw_pkcs1(private_key, event.values["data"]))
            elif event.name == "certificate":
                certificate = event.values["der"]
                if _pki.matches_key(certificate, private_key):
                    enrolment.certificate_stored()
                else:
                    enrolment.certificate_rejected("not our key")
            else:
                finished = event.values
        for octets in enrolment.output():
            client.send(octets)
    return finished, certificate


def enrol(sim, dialect="cti", string=STRING, name="CTI-rec1", private_key=None, **settings):
    enrolment = _capf.Enrolment(_capf.Settings(name, string, dialect, **settings), "127.0.0.1")
    with Client(sim) as client:
        return (enrolment,) + drive(client, enrolment, private_key)


# Whole sessions


@pytest.mark.parametrize("dialect, version", [("cti", 1), ("cti", 3), ("phone", 1), ("phone", 2), ("phone", 3)])
def test_enrols(sim, dialect, version):
    enrolment, finished, der = enrol(sim, dialect, version=version)
    assert finished == {"reason": 1, "stored": True, "warning": None}
    assert (enrolment.server_version, enrolment.version, enrolment.session) == (3, version, 1)
    certificate = x509.load_der_x509_certificate(der)
    issuer = sim.cluster.certificates.capf.certificate
    issuer.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(),
                               certificate.signature_hash_algorithm)
    assert spki(key()) == certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    after = profile(sim)
    assert (after.status, after.armed, after.string) == ("Upgrade Success", False, "")
    assert sim.cluster.cti_certificate(der).instance_id == "rec1"
    assert sim.cluster.counters["capf session"] == sim.cluster.counters["capf issued"] == 1


@pytest.mark.parametrize("size", [256, 384, 521])
def test_ec_key_in_version_3(sim, size):
    sim.act("set_profile", instance_id="rec1", key_order="EC Only", ec_key_size=str(size))
    _enrolment, finished, der = enrol(sim, key_type="ec", key_size=size, private_key=key("ec", size))
    assert finished["stored"]
    assert x509.load_der_x509_certificate(der).public_key().curve.key_size == size


def test_ec_only_is_refused_to_an_older_client(sim):
    sim.act("set_profile", instance_id="rec1", key_order="EC Only", ec_key_size="256")
    with pytest.raises(CapfRefused) as caught:
        enrol(sim)
    assert caught.value.code == 7 and "EC only" in profile(sim).status and profile(sim).armed


def test_rsa_is_the_backup_of_an_older_client(sim):
    sim.act("set_profile", instance_id="rec1", key_order="EC Preferred, RSA Backup", ec_key_size="256")
    assert enrol(sim)[1]["stored"]


@pytest.mark.parametrize("name", ["jtapi14-install-rsa2048", "jtapi15-install-fips", "jtapi11.5-install-rsa2048"])
def test_answers_jtapi_as_it_was_answered(sim, name):
    """Cisco's bytes in; the server's words come out as JTAPI took them, but for the certificate itself."""
    session = JTAPI[name]
    sim.seed({"profiles": [{"user": "ctiuser", "instance_id": session["arguments"]["inst"], "operation": INSTALL,
                            "string": session["arguments"]["auth"]}]})
    sim.front("capf").sessions = itertools.count(0x2A)
    with Client(sim) as client:
        for message in session["messages"]:
            octets = bytes.fromhex(message["hex"])
            if message["direction"] == "c2s":
                client.send(octets)
                continue
            expected, answer = _capf.decode(octets), client.next()
            assert [tag for tag, _octets in answer.elements] == [tag for tag, _octets in expected.elements]
            if expected.command == _capf.STORE_CERTIFICATE_REQUEST:
                der = _capf.certificates_of(answer.value(_capf.CERTIFICATE))[0]
                public_key = next(
                    _capf.decode(bytes.fromhex(m["hex"])).value(_capf.PUBLIC_KEY) for m in session["messages"]
                    if m["hex"].startswith("5504"))
                assert x509.load_der_x509_certificate(der).public_key().public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) == public_key
            else:
                assert answer.encode() == octets
        assert client.next() is None
    assert len(client.records) == 4  # one TLS record a message


def test_key_type_goes_to_version_3_only(sim):
    for version, tags in ((1, [10]), (2, [10]), (3, [10, 17])):
        with Client(sim) as client:
            session = client.next().session
            client.send(hello(session, version=version))
            assert [tag for tag, _octets in client.next().elements] == tags


def hello(session, name=b"CTI-rec1", string=STRING.encode(), version=1):
    elements = [(_capf.VERSION, bytes([version])), (_capf.REASON, b"\1"), (_capf.DEVICE_NAME, name),
                (_capf.PASSWORD, string)]
    return _capf.Message(_capf.AUTH_RESPONSE, session, tuple(e for e in elements if e[1] is not None)).encode()


def test_request_in_progress_and_unknown_tags_are_taken(sim):
    with Client(sim) as client:
        session = client.next().session
        known = _capf.decode(hello(session))
        client.send(_capf.Message(known.command, session, ((99, b"?"),) + known.elements).encode())
        assert client.next().command == _capf.KEY_GENERATE_REQUEST
        for _time in range(3):
            client.send(_capf.Message(_capf.REQUEST_IN_PROGRESS, session).encode())
        client.send(_capf.Message(_capf.KEY_GENERATE_RESPONSE, session, ((_capf.PUBLIC_KEY, spki(key())),)).encode())
        assert client.next().command == _capf.STORE_CERTIFICATE_REQUEST


def test_possession_of_the_key_is_proved(sim):
    sim.front("capf").encrypt = b"twenty octets to sign"
    assert enrol(sim)[1]["stored"]


def test_wrong_proof_of_possession_is_refused(sim):
    sim.front("capf").encrypt = b"twenty octets to sign"
    with Client(sim) as client:
        session = client.next().session
        client.send(hello(session))
        assert client.next().command == _capf.KEY_GENERATE_REQUEST
        client.send(_capf.Message(_capf.KEY_GENERATE_RESPONSE, session, ((_capf.PUBLIC_KEY, spki(key())),)).encode())
        assert client.next().value(_capf.SIGNED_DATA) == b"twenty octets to sign"
        client.send(_capf.Message(_capf.ENCRYPT_RESPONSE, session, ((_capf.SIGNED_DATA, bytes(256)),)).encode())
        assert client.next().elements == ((_capf.REASON, b"\7"),)
    assert profile(sim).armed and profile(sim).status.startswith("Upgrade Failed")


# Refusals


@pytest.mark.parametrize("name", ["CTI-nobody", "rec1", "CTI-", "cti-rec1"])
def test_unknown_name(sim, name):
    before = sim.cluster.state_hash()
    with pytest.raises(CapfRefused) as caught:
        enrol(sim, name=name)
    assert caught.value.code == 9 and name in caught.value.what
    assert sim.cluster.state_hash() == before


@pytest.mark.parametrize("string", ["0000000000", "", None])
@pytest.mark.parametrize("dialect", ["cti", "phone"])
def test_wrong_string(sim, string, dialect):
    with pytest.raises(CapfRefused) as caught:
        enrol(sim, dialect, string)
    assert caught.value.code == 7
    assert profile(sim).armed and profile(sim).status == "Upgrade Failed: Invalid Authentication String"


def test_wrong_string_without_a_trace(sim):
    before = sim.cluster.state_hash()
    sim.act("set_feature", name="capf_wrong_string_status", value="")
    with pytest.raises(CapfRefused):
        enrol(sim, string="0")
    assert sim.cluster.state_hash() == before


def test_used_string_changes_nothing(sim):
    enrol(sim)
    before = sim.cluster.state_hash()
    for _restart in range(3):
        with pytest.raises(CapfRefused) as caught:
            enrol(sim)
        assert caught.value.code == 7
    assert sim.cluster.state_hash() == before
    assert sim.cluster.counters["capf end 7"] == 3


def test_nothing_armed_as_other_servers_say_it(sim):
    enrol(sim)
    sim.act("set_feature", name="capf_idle_reason", value=0)
    enrolment, finished, certificate = enrol(sim)
    assert finished == {"reason": 0, "stored": False, "warning": None}
    assert certificate is None and not enrolment.stored


def test_expired_operation(sim):
    sim.act("expire_profile", instance_id="rec1")
    with pytest.raises(CapfRefused) as caught:
        enrol(sim)
    assert caught.value.code == 7 and profile(sim).status.endswith("Late/Timedout")


def test_two_sessions_with_one_string_get_one_certificate(sim):
    with Client(sim) as first, Client(sim) as second:
        for client in (first, second):
            client.send(hello(client.next().session))
            assert client.next().command == _capf.KEY_GENERATE_REQUEST
        answers = []
        for number, client in enumerate((first, second), 1):
            client.send(_capf.Message(
                _capf.KEY_GENERATE_RESPONSE, number, ((_capf.PUBLIC_KEY, spki(key())),)).encode())
            answers.append(client.next().command)
    assert answers == [_capf.STORE_CERTIFICATE_REQUEST, _capf.END_SESSION]
    assert sim.cluster.counters["capf issued"] == 1


@pytest.mark.parametrize("public_key", [
    b"", b"no key", spki(ec.generate_private_key(ec.SECP256R1()))], ids=["none", "garbage", "another kind"])
def test_key_of_another_kind_is_refused(sim, public_key):
    with Client(sim) as client:
        session = client.next().session
        client.send(hello(session))
        assert client.next().command == _capf.KEY_GENERATE_REQUEST
        client.send(_capf.Message(_capf.KEY_GENERATE_RESPONSE, session, ((_capf.PUBLIC_KEY, public_key),)).encode())
        assert client.next().elements == ((_capf.REASON, b"\7"),)
    assert profile(sim).armed and profile(sim).status.startswith("Upgrade Failed: Key Generation")


@pytest.mark.parametrize("first_words", [
    _capf.Message(_capf.AUTH_RESPONSE, 77, ((_capf.DEVICE_NAME, b"CTI-rec1"),)).encode(),
    _capf.Message(_capf.AUTH_RESPONSE, 1, ((_capf.VERSION, b"\1"),)).encode(),
    _capf.Message(_capf.AUTH_RESPONSE, 1, ((_capf.VERSION, b"\1\1"),)).encode(),
    _capf.Message(_capf.KEY_GENERATE_RESPONSE, 1).encode(), bytes.fromhex("55020000000100030b0009"), b"GET / HTTP/1.1"
], ids=["other session", "no name", "long version", "unexpected", "broken element", "http"])
def test_bad_words_end_the_session_with_7(sim, first_words):
    before = sim.cluster.state_hash()
    with Client(sim) as client:
        client.next()
        client.send(first_words)
        end = client.next()
        assert (end.command, end.session, end.elements) == (_capf.END_SESSION, 1, ((_capf.REASON, b"\7"),))
        assert client.next() is None
    assert sim.cluster.state_hash() == before


def test_certificate_that_the_client_does_not_store(sim):
    sim.faults.add("capf", "other_key", "STORE_CERTIFICATE_REQUEST")
    _enrolment, finished, _der = enrol(sim)
    assert finished == {"reason": 7, "stored": False, "warning": None}
    assert profile(sim).status == "Upgrade Failed: Invalid LSC"


# What the server offers first


@pytest.mark.parametrize("version, auth_type, octets", [
    (3, None, "550100000001000407000103"), (3, 0, "55010000000100080700010308000100"),
    (None, None, "5501000000010000"), (4, 1, "55010000000100080700010408000101"),
])
def test_auth_request(sim, version, auth_type, octets):
    sim.front("capf").version, sim.front("capf").auth_type = version, auth_type
    with Client(sim) as client:
        assert client.next().encode().hex() == octets
    assert enrol(sim, "phone")[1]["stored"]


def test_session_ids_count_connections(sim):
    numbers = []
    for _connection in range(3):
        with Client(sim) as client:
            numbers.append(client.next().session)
    assert numbers == [1, 2, 3]


# TLS


@pytest.mark.parametrize("versions, ciphers, expected", [
    ((ssl.TLSVersion.TLSv1_3,) * 2, None, ("TLSv1.3", None)),
    ((ssl.TLSVersion.TLSv1_2,) * 2, None, ("TLSv1.2", None)),
    ((ssl.TLSVersion.TLSv1_2,) * 2, "AES128-SHA:@SECLEVEL=0", ("TLSv1.2", "AES128-SHA")),
])
def test_tls_of_old_and_new_clients(sim, versions, ciphers, expected):
    with Client(sim, versions, ciphers) as client:
        assert client.socket.version() == expected[0]
        assert expected[1] in (None, client.socket.cipher()[0])
        assert drive(client, _capf.Enrolment(SETTINGS))[0]["stored"]


@pytest.mark.parametrize(("release", "offered", "chosen"), [
    # JTAPI 15 offers both, RSA key exchange first, and goes on with DHE only; without a common suite there is no connection.
    ("15", "AES128-SHA:DHE-RSA-AES128-SHA", "DHE-RSA-AES128-SHA"), ("15", "DHE-RSA-AES128-SHA", "DHE-RSA-AES128-SHA"),
    ("15", "AES128-SHA", "AES128-SHA"), ("14", "AES128-SHA:DHE-RSA-AES128-SHA", "AES128-SHA"), ("14", "DHE-RSA-AES128-SHA", None),
])
def test_kind_8_release_15_offers_dhe(sim, release, offered, chosen):
    sim.cluster.features.dhe = features(release).dhe
    settings = (ssl.TLSVersion.TLSv1_2,) * 2, offered + ":@SECLEVEL=0"
    if chosen is None:
        with pytest.raises(ssl.SSLError):
            Client(sim, *settings)
        return
    with Client(sim, *settings) as client:
        assert client.socket.cipher()[0] == chosen
        assert drive(client, _capf.Enrolment(SETTINGS))[0]["stored"]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated")
def test_tls_1_0_only_when_switched_on(sim):
    old = ((ssl.TLSVersion.TLSv1,) * 2, "AES128-SHA:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        Client(sim, *old)
    sim.front("capf").tls_versions = old[0]
    with Client(sim, *old) as client:
        assert client.socket.version() == "TLSv1"
        assert drive(client, _capf.Enrolment(SETTINGS))[0]["stored"]


def test_another_tls_certificate(sim):
    sim.front("capf").identity = pki.vector("capf")
    with pytest.raises(ssl.SSLCertVerificationError):
        Client(sim)
    sim.front("capf").identity = None
    assert enrol(sim)[1]["stored"]


# Faults


NAMES = ("AUTH_REQUEST", "KEY_GENERATE_REQUEST", "STORE_CERTIFICATE_REQUEST", "END_SESSION")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind, words", [("split", {}), ("split", {"size": 5}), ("duplicate", {}),
                                         ("delay", {"seconds": 0.2})])
def test_faults_that_a_client_survives(sim, name, kind, words):
    rule = sim.faults.add("capf", kind, name, **words)
    assert enrol(sim)[1]["stored"] and rule.applied == 1


def test_split_makes_many_records(sim):
    sim.faults.add("capf", "split", "AUTH_REQUEST")
    with Client(sim) as client:
        assert client.next().command == _capf.AUTH_REQUEST
        assert [len(record) for record in client.records] == [1] * 12


def test_coalesced_certificate_and_end(sim):
    sim.faults.add("capf", "coalesce", "STORE_CERTIFICATE_REQUEST")
    enrolment = _capf.Enrolment(SETTINGS)
    with Client(sim) as client:
        finished, _der = drive(client, enrolment)
        assert len(client.records) == 3
    assert finished == {"reason": 1, "stored": True, "warning": None} and enrolment.stored


@pytest.mark.parametrize("name", NAMES[:3])
@pytest.mark.parametrize("kind, words, error", [
    ("cut", {}, ProtocolError), ("cut", {"octets": 5}, ProtocolError), ("garbage", {}, FormatError),
    ("session", {"id": 4711}, ProtocolError), ("retry_later", {}, CapfRefused), ("reason", {"code": 5}, CapfRefused),
    ("replace", {"hex": "55070000000100" "00"}, ProtocolError)])
def test_faults_that_end_a_session(sim, name, kind, words, error):
    sim.faults.add("capf", kind, name, **words)
    enrolment = _capf.Enrolment(SETTINGS)
    with Client(sim) as client, pytest.raises(error) as caught:
        drive(client, enrolment)
    assert STRING not in str(caught.value) + repr(caught.value.facts)
    assert profile(sim).armed == (name != "STORE_CERTIFICATE_REQUEST")
    assert not enrolment.stored


@pytest.mark.parametrize("kind, words", [("cut", {}), ("cut", {"octets": 5})])
def test_end_that_never_comes(sim, kind, words):
    sim.faults.add("capf", kind, "END_SESSION", **words)
    if words:
        with pytest.raises(ProtocolError):
            enrol(sim)
    else:
        finished = enrol(sim)[1]
        assert finished["stored"] and finished["reason"] is None and "END_SESSION" in finished["warning"]


def test_end_with_a_failure_after_the_certificate(sim):
    sim.faults.add("capf", "reason", "END_SESSION", code=16, text="late trouble")
    with pytest.raises(CapfRefused) as caught:
        enrol(sim)
    assert caught.value.code == 16 and "late trouble" in caught.value.what


def test_silence(sim):
    rule = sim.faults.add("capf", "silence", "KEY_GENERATE_REQUEST")
    with Client(sim) as client:
        client.send(hello(client.next().session))
        client.socket.unwrap().close()  # raises where octets come instead of the server's goodbye
    assert sim.cluster.counters["capf session"] == rule.applied == 1


@pytest.mark.parametrize("kind", ["other_key", "other_issuer", "other_name", "expired"])
def test_other_certificates(sim, kind):
    sim.faults.add("capf", kind, "STORE_CERTIFICATE_REQUEST")
    der = enrol(sim)[2]
    authority = sim.cluster.certificates.capf.der
    found = {
        "other_key": not _pki.matches_key(der, key()), "other_issuer": not _pki.is_issued_by(der, authority),
        "other_name": _pki.common_name(der) != "CTI-rec1",
        "expired": _pki.expires(der).timestamp() < sim.cluster.now(),
    }
    assert [name for name, wrong in found.items() if wrong] == [kind]
    assert sim.cluster.cti_certificate(der) is None


@pytest.mark.parametrize("kind, words", [("cut", {}), ("silence", {"seconds": 0.1})])
def test_connection_that_is_not_served(sim, kind, words):
    sim.faults.add("capf", kind, "accept", **words)
    with pytest.raises(OSError):
        Client(sim)
    assert enrol(sim)[1]["stored"]


def test_slow_accept(sim):
    sim.faults.add("capf", "delay", "accept", seconds=0.1)
    assert enrol(sim)[1]["stored"]


def test_key_that_the_settings_do_not_have(sim):
    sim.act("set_profile", instance_id="rec1", key_size="4096")
    before = sim.cluster.state_hash()
    with pytest.raises(InputError):
        enrol(sim)
    assert sim.cluster.state_hash() == before
