# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS to CAPF and to CTI Manager: whom the trust list vouches for, and which versions and suites are spoken.

Whoever is refused never gets the authorization string or the password; the simulator counts what arrived.
TLS 1.0 and 1.1 are spoken by both sides here, since OpenSSL still has them at security level 0.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import struct
import threading

import pytest
from simulator import Simulator, pki

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl

from .conftest import DEVICES, ENABLED, SECURE

V10, V11, V12, V13 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
LEGACY = "tls_legacy allows outdated TLS versions and short keys."
TVS = 21
STATIC_RSA_AES128, STATIC_RSA_AES256 = 0x002F, 0x0035

pytestmark = [pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1"),
              pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")]


@pytest.fixture(scope="module")
def authority():
    """An authority that is none of the cluster's."""
    return pki.capf_authority("Example Issuing CA", path_length=None)


@pytest.fixture
def sim():
    with Simulator(seed={"devices": DEVICES}) as simulator:
        yield simulator


@pytest.fixture
def instance(sim, make_instance):
    """Armed and ready: a user with all that a provider needs, a trust list, no certificate."""
    made = make_instance(sim)
    sim.seed({"application_users": [dict(made.user, groups=[ENABLED, SECURE])],
              "profiles": [{"user": made.user["name"], "instance_id": made.instance_id}]})
    return made


class Capf:
    """An enrolment as a try at TLS."""

    role, other_role, title = _ctl.CAPF, _ctl.CCM_TFTP, "in the trust list as CAPF"

    def __init__(self, sim, instance):
        self.sim = sim
        self.instance = instance
        self.front = sim.front("capf")
        self.place = "127.0.0.1:%d" % sim.capf_port

    def own(self):
        return self.sim.cluster.certificates.capf

    def other(self):
        return self.sim.cluster.certificates.callmanager

    def run(self, **options):
        return self.instance.provision(**options)

    def works(self, **options):
        result = self.run(**options)
        assert not result.get("failed"), result
        assert self.sim.cluster.cti_certificate((self.instance.folder / "QBEClient.cer").read_bytes())
        return result

    def secret_arrived(self):
        return self.sim.cluster.counters["AUTH_RESPONSE"]


class CtiManager(Capf):
    """The opening of a provider as a try at TLS."""

    role, other_role, title = _ctl.CCM_TFTP, _ctl.CAPF, "in the trust list as a CallManager"

    def __init__(self, sim, instance, key):
        super().__init__(sim, instance)
        self.front = sim.front("cti_tls")
        self.place = "127.0.0.1:%d" % sim.cti_tls_port
        instance.hold(key)

    def own(self):
        return self.sim.cluster.certificates.callmanager

    def other(self):
        return self.sim.cluster.certificates.capf

    def run(self, **options):
        return self.instance.open(**options)

    def works(self, **options):
        result = self.run(**options)
        assert not result.get("failed"), result
        assert result["totals"]["devices"] == len(DEVICES)
        return result

    def secret_arrived(self):
        return self.sim.cluster.counters["ProviderOpenRequest"]


@pytest.fixture(params=["capf", "cti"])
def peer(request, sim, instance, key):
    return Capf(sim, instance) if request.param == "capf" else CtiManager(sim, instance, key)


@pytest.fixture
def listing(sim, instance):
    """listing((identity, role), ...): let the instance have a trust list with these records."""

    def put(*records):
        sim.cluster.rebuild_ctl(list(records) + [(sim.cluster.certificates.itlrecovery, TVS)])
        result = instance.trust()
        assert not result.get("failed"), result

    return put


@pytest.fixture
def refused(told):
    """The try failed over TLS, and nobody got a secret."""

    def check(peer, *words, **options):
        files = peer.instance.files()
        result = peer.run(**options)
        told(result, peer.place, *words)
        assert peer.secret_arrived() == 0
        assert not result.get("string_sent") and not result.get("login_sent")
        for name in ("QBEClient.cer", "QBEClient.key.pem"):
            path = "%s/%s" % (peer.instance.folder.name, name)
            assert peer.instance.files().get(path) == files.get(path)
        assert not (peer.instance.profile and peer.instance.profile.armed)
        return result

    return check


# Whom the trust list vouches for


def common_name(identity):
    return identity.certificate.subject.get_attributes_for_oid(pki.NameOID.COMMON_NAME)[0].value


def behind(identity, *chain):
    """The identity, presented with a chain."""
    return pki.Identity(identity.der, identity.key, chain)


def make(peer, name, key=None, **options):
    """A certificate as this kind of server has it."""
    return (pki.capf_authority if peer.role == _ctl.CAPF else pki.server)(name, key, **options)


#: What it is: C((peer, outside authority) -> (certificate presented, role in which it or its authority is listed))
IMPOSTORS = {
    "self-made": lambda peer, outside: (make(peer, "stranger"), None),
    "same name, other key": lambda peer, outside: (make(peer, common_name(peer.own())), None),
    "same key, other name": lambda peer, outside: (make(peer, "stranger", peer.own().key), None),
    "same name and key, made anew": lambda peer, outside: (make(peer, common_name(peer.own()), peer.own().key), None),
    "the other server's": lambda peer, outside: (peer.other(), None),
    "listed in the other role": lambda peer, outside: (make(peer, "stranger"), peer.other_role),
    "listed as a signer": lambda peer, outside: (make(peer, "stranger"), _ctl.SAST),
    "signed by an outside authority": lambda peer, outside: (make(peer, common_name(peer.own()), issuer=outside), None),
    "with the authority that signed it": lambda peer, outside: (
        behind(make(peer, common_name(peer.own()), issuer=outside), outside), None),
    "below an authority of another role": lambda peer, outside: (
        behind(make(peer, "stranger", issuer=outside), outside), TVS),
    "with the right one behind it": lambda peer, outside: (behind(make(peer, "stranger"), peer.own()), None),
    "signed by the right one, but no authority": lambda peer, outside: (
        pki.server("stranger", issuer=peer.own()), None),
    "signed by the right one, an authority": lambda peer, outside: (
        pki.capf_authority("stranger", issuer=peer.own()), None),
    "expired": lambda peer, outside: (make(peer, "stranger", days=-3), None),
}


@pytest.mark.parametrize("what", IMPOSTORS)
def test_impostors(peer, authority, listing, refused, what):
    presented, role = IMPOSTORS[what](peer, authority)
    certificates = peer.sim.cluster.certificates
    listing((certificates.capf, _ctl.CAPF), (certificates.callmanager, _ctl.CCM_TFTP),
            *[((presented.chain or (presented,))[0], role)] * (role is not None))
    peer.front.identity = presented
    result = refused(peer, "the server's certificate is not " + peer.title, "Fetch the trust list again with ctl_file")
    assert result["server_certificate"]["common_name"] == common_name(presented)
    peer.front.identity = None
    peer.works()


@pytest.mark.parametrize("chain", [False, True], ids=["alone", "with its authority"])
def test_a_certificate_that_an_outside_authority_signed(sim, peer, authority, instance, chain):
    """Listed itself, as CUCM does it: leaf certificates, never their authorities."""
    signed = make(peer, "signed outside", issuer=authority)
    sim.act("rebuild_ctl")
    instance.trust()
    sim.cluster.regenerate({_ctl.CAPF: "capf", _ctl.CCM_TFTP: "callmanager"}[peer.role], signed)
    instance.trust()
    peer.front.identity = behind(signed, authority) if chain else None
    peer.works()


@pytest.mark.parametrize("chain", [False, True], ids=["alone", "with its authority"])
def test_an_authority_that_is_listed_as_capf(sim, instance, authority, listing, refused, chain):
    """What CUCM does not do. An LSC of a CAPF below it could not be judged by the list: refused before the string."""
    signed = pki.capf_authority("signed outside", issuer=authority)
    sim.cluster.regenerate("capf", signed)
    listing((authority, _ctl.CAPF), (sim.cluster.certificates.callmanager, _ctl.CCM_TFTP))
    peer = Capf(sim, instance)
    peer.front.identity = behind(signed, authority) if chain else None
    refused(peer, "the server's certificate is not in the trust list as CAPF")


def test_a_certificate_that_has_expired(sim, instance, listing):
    """CUCM keeps expired certificates in its list and works on with them, so it is let in, with a warning."""
    expired = pki.capf_authority("expired", days=-3)
    sim.cluster.regenerate("capf", expired)
    listing((expired, _ctl.CAPF), (sim.cluster.certificates.callmanager, _ctl.CCM_TFTP))
    assert "The certificate of CAPF expired on" in " ".join(Capf(sim, instance).works()["warnings"])


def test_a_callmanager_certificate_that_has_expired(sim, instance, key, listing):
    expired = pki.server("expired", days=-3)
    sim.cluster.regenerate("callmanager", expired)
    listing((sim.cluster.certificates.capf, _ctl.CAPF), (expired, _ctl.CCM))
    peer = CtiManager(sim, instance, key)
    instance.trust()
    assert "The certificate of CTI Manager expired on" in " ".join(peer.works()["warnings"])


# Keys


@pytest.mark.parametrize("versions, cipher", [
    ((V12, V12), "ECDHE-ECDSA-AES256-GCM-SHA384"), ((V13, V13), "TLS_AES_256_GCM_SHA384")])
def test_a_callmanager_certificate_with_an_ec_key(sim, instance, key, listing, versions, cipher):
    """In TLS alone: what protects the password is the RSA certificate that the first message brings."""
    with_ec = pki.vector("ccmec")
    peer = CtiManager(sim, instance, key)
    usual = [(sim.cluster.certificates.callmanager, _ctl.CCM_TFTP), (sim.cluster.certificates.capf, _ctl.CAPF)]
    peer.front.identity, peer.front.tls_versions = with_ec, versions
    listing(*usual, (with_ec, _ctl.CCM_TFTP))
    result = peer.works()
    assert (result["tls"]["cipher"], result["tls"]["server_certificate"]["key_type"]) == (cipher, "ec")


def test_an_ec_key_cannot_protect_a_password(sim, instance, key, told):
    peer = CtiManager(sim, instance, key)
    peer.front.password_certificate = pki.vector("ccmec").der
    result = peer.run()
    told(result, peer.place, "RSA")
    assert result["login_sent"] is False and peer.secret_arrived() == 0
    peer.front.password_certificate = None
    peer.works()


# Versions and suites

SUITES = "ECDHE+AESGCM:AES128-SHA:AES256-SHA:@SECLEVEL=0"


@pytest.mark.parametrize("versions, ciphers, expected", [
    ((V12, V13), SUITES, ("TLSv1.3", "TLS_AES_256_GCM_SHA384")),
    ((V12, V12), SUITES, ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384")),
    ((V10, V12), SUITES, ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384")),
    ((V12, V12), "AES128-SHA:@SECLEVEL=0", ("TLSv1.2", "AES128-SHA")),
])
def test_what_is_spoken_by_default(peer, instance, versions, ciphers, expected):
    instance.trust()
    peer.front.tls_versions, peer.front.ciphers = versions, ciphers
    result = peer.works()
    weak = expected[1] == "AES128-SHA"
    assert (result["tls"]["version"], result["tls"]["cipher"]) == expected
    assert (result["tls"]["weak_cipher"], result["tls"]["legacy"]) == (weak, False)
    warnings = " ".join(result.get("warnings", []))
    assert ("AES128-SHA, a cipher suite without forward secrecy" in warnings) is weak and LEGACY not in warnings


@pytest.mark.parametrize("versions, ciphers, expected, cure", [
    ((V10, V10), SUITES, ("TLSv1", None), "Old servers need tls_legacy"),
    ((V11, V11), SUITES, ("TLSv1.1", None), "Old servers need tls_legacy"),
    ((V10, V11), "AES128-SHA:@SECLEVEL=0", ("TLSv1.1", "AES128-SHA"), "Old servers need tls_legacy"),
    ((V10, V10), "AES256-SHA:@SECLEVEL=0", ("TLSv1", "AES256-SHA"), "Old servers need tls_legacy"),
    ((V12, V12), "AES256-SHA:@SECLEVEL=0", ("TLSv1.2", "AES256-SHA"), "Old servers need tls_legacy"),
])
def test_what_is_older_only_on_demand_and_with_a_warning(peer, instance, refused, versions, ciphers, expected, cure):
    instance.trust()
    peer.front.tls_versions, peer.front.ciphers = versions, ciphers
    refused(peer, "the TLS handshake failed", cure)
    result = peer.works(tls_legacy=True)
    assert result["tls"]["version"] == expected[0] and expected[1] in (None, result["tls"]["cipher"])
    assert result["tls"]["legacy"] is True and LEGACY in result["warnings"]


def test_a_short_key_only_on_demand_and_with_a_warning(peer, listing, refused):
    certificates, short = peer.sim.cluster.certificates, pki.vector("old")
    listing((certificates.capf, _ctl.CAPF), (certificates.callmanager, _ctl.CCM_TFTP), (short, peer.role))
    peer.front.identity = short
    refused(peer, "the server's RSA key has only 1024 bits", "or set tls_legacy")
    assert LEGACY in peer.works(tls_legacy=True)["warnings"]


class Listener:
    """Takes the first octets of one client and closes: its ClientHello."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.octets = b""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        connected, _client = self._socket.accept()
        with connected:
            connected.settimeout(10)
            while len(self.octets) < 5 or len(self.octets) < 5 + struct.unpack(">H", self.octets[3:5])[0]:
                self.octets += connected.recv(4096)

    def hello(self):
        """C((cipher suites, versions offered))."""
        self._thread.join(10)
        self._socket.close()
        body = self.octets[5 + 4 + 2 + 32:]
        body = body[1 + body[0]:]
        size = struct.unpack(">H", body[:2])[0]
        suites = struct.unpack(">%dH" % (size // 2), body[2:2 + size])
        body = body[2 + size:]
        body = body[1 + body[0] + 2:]
        extensions = {}
        while body:
            kind, size = struct.unpack(">HH", body[:4])
            extensions[kind] = body[4:4 + size]
            body = body[4 + size:]
        versions = extensions[43][1:]
        return suites, struct.unpack(">%dH" % (len(versions) // 2), versions)


@pytest.mark.parametrize("legacy", [False, True])
def test_what_is_offered(peer, instance, told, legacy):
    """AES128-SHA comes last; AES256-SHA and the versions before 1.2 are not even offered by default."""
    instance.trust()
    listener = Listener()
    port = {"capf_port": listener.port} if peer.role == _ctl.CAPF else {"port": listener.port}
    told(peer.run(tls_legacy=legacy, **port), "127.0.0.1:%d" % listener.port, "the server closed the connection")
    suites, versions = listener.hello()
    offered = [suite for suite in suites if suite not in (0x00FF, 0x5600)]  # signals, no suites
    static = [suite for suite in offered if suite >> 8 == 0]
    assert static == ([STATIC_RSA_AES128, STATIC_RSA_AES256] if legacy else [STATIC_RSA_AES128])
    assert offered[-len(static):] == static
    assert [version for version in versions if version >> 8 == 3] == (
        [0x0304, 0x0303, 0x0302, 0x0301] if legacy else [0x0304, 0x0303])


# Client certificates


def test_a_cti_manager_that_asks_for_no_certificate(sim, instance, key, told):
    """It cannot know which instance this is, and says so; that is no doubt about the server."""
    peer = CtiManager(sim, instance, key)
    peer.front.asks = False
    result = peer.run()
    told(result, peer.place, "0x8CCC00D8 INVALID_CERTIFICATE_USED")
    assert not instance.open_providers()
    peer.front.asks = True
    peer.works()


@pytest.mark.parametrize("highest", [V12, V13])
def test_a_capf_that_asks_for_a_certificate(sim, instance, refused, highest):
    """There is none to present. Where it only asks, that is fine; where it insists, no string has gone out."""
    instance.trust()
    peer = Capf(sim, instance)
    peer.front.tls_versions, peer.front.asks = (V12, highest), ssl.CERT_REQUIRED
    refused(peer, "handshake failure" if highest is V12 else "certificate required")
    peer.front.asks = ssl.CERT_OPTIONAL
    peer.front.sessions = itertools.count(1)
    peer.works()


@pytest.mark.parametrize("highest", [V12, V13])
def test_a_client_certificate_of_another_cluster(sim, instance, key, told, highest):
    """The server refuses it, with TLS 1.3 after the handshake; the password has not gone out."""
    peer = CtiManager(sim, instance, key)
    good = instance.files()
    other = pki.capf_authority("CAPF of another cluster")
    der = sim.cluster.certificates.capf
    sim.cluster.certificates.capf = other
    instance.hold(key)
    sim.cluster.certificates.capf = der
    peer.front.tls_versions = (V12, highest)
    result = peer.run()
    told(result, peer.place, "unknown ca", "may have been regenerated")
    assert (result["stage"], result["login_sent"], peer.secret_arrived()) == ("tls", False, 0)
    (instance.folder / "QBEClient.cer").write_bytes(good[instance.folder.name + "/QBEClient.cer"][1])
    peer.works()
