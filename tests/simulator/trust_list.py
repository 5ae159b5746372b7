# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated cluster's trust list (CTLFile.tlv), in the layout CUCM writes."""

from __future__ import annotations

import ipaddress
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

SAST, CCM_TFTP, CAPF = 0, 2, 4
_DIGESTS = {1: hashes.SHA1, 2: hashes.SHA256, 4: hashes.SHA512}
_MODULUS_CODES = {512: 0, 1024: 1, 2048: 2, 4096: 3}
_NAME_ORDER = (("CN", "2.5.4.3"), ("OU", "2.5.4.11"), ("O", "2.5.4.10"), ("L", "2.5.4.7"), ("ST", "2.5.4.8"),
               ("C", "2.5.4.6"))


def build(certificates, features, nodes, timestamp):
    """Octets of a signed list: two SAST records, one CCM+TFTP record a node, one CAPF record."""
    signer, other = certificates.itlrecovery, certificates.callmanager
    if not features.itl_recovery_signs_ctl:
        signer, other = other, signer
    records = [_record(signer, SAST, nodes[0]), _record(other, SAST, nodes[0])]
    records += [_record(certificates.callmanager, CCM_TFTP, node) for node in nodes]
    records.append(_record(certificates.capf, CAPF, nodes[0]))
    return _sign(signer, features.ctl_digest, b"".join(records), timestamp)


def _field(tag, value):
    return struct.pack(">BH", tag, len(value)) + value


def _text(value):
    return value.encode() + b"\0"


def _name(name):
    """CUCM's fixed attribute order, joined by semicolons."""
    values = {attribute.oid.dotted_string: attribute.value for attribute in name}
    return ";".join("%s=%s" % (word, values[oid]) for word, oid in _NAME_ORDER if oid in values)


def _serial(certificate):
    return certificate.serial_number.to_bytes((certificate.serial_number.bit_length() + 7) // 8, "big")


def _record(identity, role, node):
    certificate = x509.load_der_x509_certificate(identity.der)
    public_key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    fields = _field(2, _text(node)) + _field(3, _text(_name(certificate.subject))) + _field(4, struct.pack(">H", role))
    fields += _field(5, _text(_name(certificate.issuer))) + _field(6, _serial(certificate))
    fields += _field(7, public_key) + _field(8, certificate.signature) + _field(9, identity.der)
    fields += _field(10, _address(node))
    return _field(1, struct.pack(">H", 5 + len(fields))) + fields


def _address(node):
    try:
        return ipaddress.IPv4Address(node).packed
    except ValueError:
        return ipaddress.IPv4Address("127.0.0.1").packed


def _sign(signer, digest, records, timestamp):
    certificate = x509.load_der_x509_certificate(signer.der)
    size = signer.key.key_size
    who = _field(4, _text(_name(certificate.subject))) + _field(5, _serial(certificate))
    who += _field(6, _text(_name(certificate.issuer)))
    how = _field(10, b"\0") + _field(11, bytes([_MODULUS_CODES[size]]))
    start = struct.pack(">BH", 3, len(who)) + who
    start += struct.pack(">BH", 7, 4 + 3 + len(how)) + _field(8, bytes([digest]))
    start += struct.pack(">BH", 9, len(how)) + how
    end = _field(14, _text("CTLFile.tlv")) + _field(15, struct.pack(">I", timestamp))
    signature_size = 3 + size // 8
    length = 10 + len(start) + signature_size + len(end)
    fill = -length % 4
    head = _field(1, b"\x01\x02") + _field(2, struct.pack(">H", length + fill)) + start
    tail = end + b"\x0d" * fill + records
    signature = signer.key.sign(head + tail, padding.PKCS1v15(), _DIGESTS[digest]())
    return head + _field(12, signature) + tail
