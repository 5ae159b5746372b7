# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that CUCM's web services have in the field, judged the same on every release of Python (field report A6)."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _errors
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import client, connection
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from scripted_https import ScriptedServer, _alternative, version_answer

NOW = datetime.datetime.now(datetime.timezone.utc)
HOST = "127.0.0.1"
SAN = (HOST,)


class Made:
    """A certificate. issuer: Made, or itself. san: its names; ca: (critical, value) of basicConstraints or None."""

    def __init__(self, name, issuer=None, san=SAN, ca=None, key_ids=True, days=2):
        self.key = rsa.generate_private_key(65537, 2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = issuer or self
        builder = x509.CertificateBuilder().subject_name(self.name).issuer_name(issuer.name).public_key(self.key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - datetime.timedelta(days=9))
        builder = builder.not_valid_after(NOW + datetime.timedelta(days=days))
        if san:
            builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(one) for one in san]), False)
        if ca:
            builder = builder.add_extension(x509.BasicConstraints(ca[1], None), ca[0])
        if key_ids and ca and ca[1]:
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
        self.certificate = builder.sign(issuer.key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)


def world(kind):
    """(server's certificate, what it sends along, what is in ca_path)."""
    root = Made("root", san=(), ca=(True, True))
    loose = Made("root", san=(), ca=(False, True))
    sub = Made("sub", root, san=(), ca=(True, True))
    own = Made(HOST)
    leaf, of_loose, of_sub = Made(HOST, root), Made(HOST, loose), Made(HOST, sub)
    return {
        "self-signed without basicConstraints": (own, (), (own,)),
        "CA-signed leaf without key identifiers": (leaf, (), (root,)),
        "CA whose basicConstraints is not critical": (of_loose, (), (loose,)),
        "only the leaf in ca_path": (leaf, (), (leaf,)),
        "only the intermediate in ca_path": (of_sub, (), (sub,)),
        "self-signed that is a CA, not critical": (Made(HOST, ca=(False, True)), (), None),
        "leaf marked as no CA": (Made(HOST, ca=(True, False)), (), None),
        "root in ca_path, intermediate sent along": (of_sub, (sub,), (root,)),
    }[kind]


@pytest.fixture
def serve(tmp_path):
    opened = []

    def start(made, sent=(), trusted=None, **options):
        ca_path = tmp_path / "ca.pem"
        ca_path.write_bytes(b"".join(one.pem for one in (trusted or (made,))))

        class Identity:
            pass

        identity = Identity()
        identity.ca_path, identity.key_path = str(tmp_path / "server.pem"), str(tmp_path / "server.key")
        (tmp_path / "server.pem").write_bytes(made.pem + b"".join(one.pem for one in sent))
        (tmp_path / "server.key").write_bytes(made.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        server = ScriptedServer(identity, [version_answer()])
        server.__enter__()
        opened.append(server)
        login = dict(hostname=HOST, username="axl", password="Secret-4711", port=server.port, ca_path=str(ca_path), timeout=5)
        return server, client.AxlClient(client.ClusterLogin(**dict(login, **options)))

    yield start
    for server in opened:
        server.__exit__(None, None, None)


KINDS = [
    "self-signed without basicConstraints", "CA-signed leaf without key identifiers", "CA whose basicConstraints is not critical",
    "only the leaf in ca_path", "only the intermediate in ca_path", "self-signed that is a CA, not critical", "leaf marked as no CA",
    "root in ca_path, intermediate sent along"]


@pytest.mark.parametrize("kind", KINDS)
def test_a6_what_is_in_ca_path_is_trusted_on_every_python(serve, kind):
    made, sent, trusted = world(kind)
    _server, axl = serve(made, sent, trusted)
    with axl:
        assert axl.version


@pytest.mark.parametrize("made, words", [
    (dict(name=HOST, san=()), "only the subject.*server_fingerprint"),
    (dict(name=HOST, san=("cucm.example.com",)), "another host name"),
    (dict(name=HOST, san=("198.51.100.1",)), "another host name"),
    (dict(name=HOST, days=-1), "certificate has expired"),
])
def test_a6_a_name_that_is_not_there_and_what_else_is_wrong(serve, made, words):
    server, axl = serve(Made(**made))
    with pytest.raises(_errors.TrustError, match=words), axl:
        axl.version  # pylint: disable=pointless-statement
    assert not server.requests


def test_a6_the_cure_for_a_certificate_without_a_name_works(serve):
    made = Made(HOST, san=())
    pin = hashlib.sha256(made.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    _server, axl = serve(made, server_fingerprint=pin)
    with axl:
        assert axl.version


def test_a6_another_authority_stays_a_stranger(serve):
    server, axl = serve(Made(HOST), trusted=(Made(HOST),))
    with pytest.raises(_errors.TrustError, match="not trusted"), axl:
        axl.version  # pylint: disable=pointless-statement
    assert not server.requests


def test_a6_no_python_is_strict(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(Made(HOST).pem)
    for ca_path in (str(path), None):
        login = client.ClusterLogin(hostname=HOST, username="axl", password="Secret-4711", ca_path=ca_path)
        context = connection.Dialer(login, connection.Moment(lambda: 0, 1), str(path))._new_context()
        assert not context.verify_flags & connection.STRICT
        assert bool(context.verify_flags & connection.PARTIAL_CHAIN) == bool(ca_path)
