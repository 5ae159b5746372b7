# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""OpenSSL's subject hash, which names the certificate files of a Cisco TSP (C(417b2018.0))."""

from __future__ import annotations

import hashlib
import re
from typing import Iterable


def subject_hash(rdns: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Eight hexadecimal digits for a name.

    rdns: in certificate order, each a list of (dotted object identifier, text).
    OpenSSL 1.0 and later: SHA-1 over the canonical RDNs without their outer SEQUENCE, the first four octets as a
    little-endian number. Raises ValueError where the host forbids SHA-1 altogether.
    Values count as UTF8String, ASCII letters in lower case, blanks trimmed and collapsed.
    """
    canonical = b"".join(
        _der(0x31, b"".join(sorted(_attribute(oid, value) for oid, value in rdn))) for rdn in rdns
    )
    try:
        found = hashlib.sha1(canonical, usedforsecurity=False)
    except TypeError:  # Python 3.8
        found = hashlib.sha1(canonical)
    return "%08x" % int.from_bytes(found.digest()[:4], "little")


def _attribute(oid: str, value: str) -> bytes:
    value = re.sub(r"[ \t\n\v\f\r]+", " ", value).strip(" ")
    lowered = re.sub("[A-Z]", lambda letter: letter.group(0).lower(), value)
    return _der(0x30, _der(0x06, _object_identifier(oid)) + _der(0x0C, lowered.encode("utf-8", "replace")))


def _object_identifier(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    octets = bytearray()
    for number in [first * 40 + second] + rest:
        groups = [number & 0x7F]
        while number > 0x7F:
            number >>= 7
            groups.append(0x80 | (number & 0x7F))
        octets += bytes(reversed(groups))
    return bytes(octets)


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content
