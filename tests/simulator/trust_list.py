# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated cluster's trust list (CTLFile.tlv), written by the collection's own codec in CUCM's layout."""

from __future__ import annotations

import ipaddress

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

_DIGESTS = {1: hashes.SHA1, 2: hashes.SHA256, 4: hashes.SHA512}
_NAME_ORDER = (
    ("CN", "2.5.4.3"), ("OU", "2.5.4.11"), ("O", "2.5.4.10"), ("L", "2.5.4.7"), ("ST", "2.5.4.8"), ("C", "2.5.4.6"),
)


def build(certificates, features, nodes, timestamp, others=None, address="127.0.0.1"):
    """Octets of a signed list: two SAST records, one CCM+TFTP record a node, one CAPF record.

    others: [(Identity, role)] that stand in the list in place of all but the SAST records. address: of the machine that
    all nodes are.
    """
    def record(identity, role, node):
        return _record(identity, role, node, _address(node, address))

    signer, other = certificates.itlrecovery, certificates.callmanager
    if not features.itl_recovery_signs_ctl:
        signer, other = other, signer
    records = [record(signer, _ctl.SAST, nodes[0]), record(other, _ctl.SAST, nodes[0])]
    if others is None:
        records += [record(certificates.callmanager, _ctl.CCM_TFTP, node) for node in nodes]
        records.append(record(certificates.capf, _ctl.CAPF, nodes[0]))
    records += [record(identity, role, nodes[0]) for identity, role in others or ()]
    subject, serial, issuer = _names(signer.certificate)
    signature_size = signer.key.key_size // 8
    digest = features.ctl_digest
    fields = _ctl.header_fields(subject, serial, issuer, digest, signature_size, timestamp)
    body = b"".join(record.encode() for record in records)
    return _ctl.build(
        fields, body, lambda octets: signer.key.sign(octets, padding.PKCS1v15(), _DIGESTS[digest]()), signature_size)


def _record(identity, role, node, address):
    certificate = identity.certificate
    subject, serial, issuer = _names(certificate)
    public_key = certificate.public_key()
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        public_key = public_key.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    else:
        public_key = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return _ctl.Record((
        (_ctl.DNS_NAME, node.encode() + b"\0"), (_ctl.SUBJECT, subject), (_ctl.FUNCTION, role.to_bytes(2, "big")),
        (_ctl.ISSUER, issuer), (_ctl.RECORD_SERIAL, serial), (_ctl.PUBLIC_KEY, public_key),
        (_ctl.RECORD_SIGNATURE, certificate.signature), (_ctl.CERTIFICATE, identity.der),
        (_ctl.IP_ADDRESS, address),
    ))


def _names(certificate):
    """Subject, serial and issuer as octets; names in CUCM's fixed order, joined by semicolons."""
    serial = certificate.serial_number
    return (
        _name(certificate.subject), serial.to_bytes((serial.bit_length() + 7) // 8, "big"), _name(certificate.issuer),
    )


def _name(name):
    values = {attribute.oid.dotted_string: attribute.value for attribute in name}
    return ";".join("%s=%s" % (word, values[oid]) for word, oid in _NAME_ORDER if oid in values).encode() + b"\0"


def _address(node, machine):
    try:
        return ipaddress.IPv4Address(node).packed
    except ValueError:
        return ipaddress.IPv4Address(machine).packed  # a node's name: every node is this machine
