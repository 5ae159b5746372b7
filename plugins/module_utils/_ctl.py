# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Certificate trust lists (CTL, ITL) and signed files of CUCM, in both directions.

All integers are big-endian. A field is C(tag(1) length(2) value). The layout is that of a genuine CUCM
10.5 file, confirmed by computing its signature and every length; digest codes 1 to 4 are what Cisco's
JTAPI 11.5 to 15 was observed to verify. Signatures are not verified here but in C(_pki).
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, InputError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._octets import Reader, Writer, digest

if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, Optional, Sequence, Tuple

    Field = Tuple[int, Optional[bytes]]  # tag and octets; None is the head of a container

MAX_SIZE = 1 << 20  # real files have 4 to 9 KB; phones stop at 64 KB

# Header tags. 3, 7 and 9 (16, 17 and 21 in encrypted files) are containers: their content follows flat.
VERSION, HEADER_LENGTH, SIGNER_ID, SIGNER_NAME, SERIAL_NUMBER, CA_NAME = 1, 2, 3, 4, 5, 6
SIGNATURE_INFO, DIGEST_ALGORITHM, SIGNATURE_ALGORITHM_INFO = 7, 8, 9
SIGNATURE_ALGORITHM, SIGNATURE_MODULUS, SIGNATURE, PADDING, FILE_NAME, TIMESTAMP = 10, 11, 12, 13, 14, 15
SIGNER_VERSION = 28
CONTAINERS = (SIGNER_ID, SIGNATURE_INFO, SIGNATURE_ALGORITHM_INFO, 16, 17, 21)

# Record tags: a number space of their own.
RECORD_LENGTH, DNS_NAME, SUBJECT, FUNCTION, ISSUER, RECORD_SERIAL, PUBLIC_KEY = 1, 2, 3, 4, 5, 6, 7
RECORD_SIGNATURE, CERTIFICATE, IP_ADDRESS, CERTIFICATE_HASH, HASH_ALGORITHM = 8, 9, 10, 11, 12

SAST, CCM, CCM_TFTP, TFTP, CAPF = 0, 1, 2, 3, 4
ROLE_NAMES: dict[int | None, str] = {
    SAST: "SAST", CCM: "CCM", CCM_TFTP: "CCM+TFTP", TFTP: "TFTP", CAPF: "CAPF", 5: "SRST", 7: "APP-SERVER", 21: "TVS",
}
# What a digest code may mean, in the order to try. 3 is SHA-512 in third-party files that phones take, and SHA-384
# for Cisco's JTAPI.
DIGESTS: dict[int | None, tuple[str, ...]] = {1: ("sha1",), 2: ("sha256",), 3: ("sha512", "sha384"), 4: ("sha512",)}
MODULUS_CODES = {64: 0, 128: 1, 256: 2, 512: 3}  # signature octets -> code; ignored when reading


def text_of(value: bytes | None) -> str:
    """A name field as text: one trailing NUL stripped, UTF-8 or else Latin-1; an empty text for None."""
    if value is None:
        return ""
    if value.endswith(b"\0"):
        value = value[:-1]
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _first(fields: Iterable[Field], tag: int) -> bytes | None:
    for number, value in fields:
        if number == tag:
            return value
    return None


@dataclass(frozen=True)
class Record:
    """One record of a list: C(fields) are (tag, octets) in file order, without the leading record length."""

    fields: tuple[tuple[int, bytes], ...]

    def value(self, tag: int) -> bytes | None:
        """Octets of the first field with this tag, or None."""
        return _first(self.fields, tag)

    @property
    def dns_name(self) -> str:
        return text_of(self.value(DNS_NAME))

    @property
    def subject(self) -> str:
        return text_of(self.value(SUBJECT))

    @property
    def issuer(self) -> str:
        return text_of(self.value(ISSUER))

    @property
    def role(self) -> int | None:
        """The FUNCTION code, or None in a record that has none."""
        value = self.value(FUNCTION)
        return None if value is None else int.from_bytes(value, "big")

    @property
    def role_name(self) -> str:
        return ROLE_NAMES.get(self.role, "role %s" % self.role)

    @property
    def serial(self) -> bytes | None:
        return self.value(RECORD_SERIAL)

    @property
    def public_key(self) -> bytes | None:
        """RSA: PKCS#1 RSAPublicKey DER; EC: the uncompressed point."""
        return self.value(PUBLIC_KEY)

    @property
    def signature(self) -> bytes | None:
        return self.value(RECORD_SIGNATURE)

    @property
    def certificate(self) -> bytes | None:
        """X.509 DER, or None: hash-only records and those of a cluster that is not in mixed mode have none."""
        return self.value(CERTIFICATE)

    @property
    def certificate_hash(self) -> bytes | None:
        return self.value(CERTIFICATE_HASH)

    @property
    def hash_algorithm(self) -> int | None:
        value = self.value(HASH_ALGORITHM)
        return None if value is None else int.from_bytes(value, "big")

    @property
    def ip_address(self) -> str:
        value = self.value(IP_ADDRESS)
        return str(ipaddress.IPv4Address(value)) if value and len(value) == 4 else ""

    def encode(self) -> bytes:
        body = Writer()
        for tag, value in self.fields:
            body.u8(tag).u16(len(value)).put(value)
        return Writer().u8(RECORD_LENGTH).u16(2).u16(len(body) + 5).put(body.octets()).octets()


@dataclass(frozen=True)
class Header:
    """The signed header: C(fields) are (tag, octets) in file order, containers as (tag, None) heads, without padding.

    length: HeaderLength, the offset of the first record. signature_at: offset and size of the whole SIGNATURE field.
    """

    fields: tuple[Field, ...]
    length: int
    signature_at: tuple[int, int]
    container_lengths: tuple[tuple[int, int], ...] = ()

    def value(self, tag: int) -> bytes | None:
        return _first(self.fields, tag)

    def given(self, tag: int) -> bytes:
        """The octets of a mandatory field."""
        value = self.value(tag)
        if value is None:
            raise KeyError(tag)
        return value

    @property
    def version(self) -> tuple[int, int]:
        major, minor = self.given(VERSION)
        return (major, minor)

    @property
    def signer_version(self) -> tuple[int, ...] | None:
        value = self.value(SIGNER_VERSION)
        return tuple(value) if value else None

    @property
    def signer_name(self) -> bytes:
        return self.value(SIGNER_NAME) or b""

    @property
    def signer_serial(self) -> bytes:
        return self.given(SERIAL_NUMBER)

    @property
    def signer_issuer(self) -> bytes:
        return self.given(CA_NAME)

    @property
    def digest_code(self) -> int:
        return int.from_bytes(self.given(DIGEST_ALGORITHM), "big")

    @property
    def signature(self) -> bytes:
        return self.given(SIGNATURE)

    @property
    def file_name(self) -> str:
        return text_of(self.value(FILE_NAME))

    @property
    def timestamp(self) -> int | None:
        """Seconds since 1970 in UTC, or None."""
        value = self.value(TIMESTAMP)
        return None if value is None else int.from_bytes(value, "big")


@dataclass(frozen=True)
class TrustList:
    """A parsed CTL or ITL. C(octets) is the file as it came; C(warnings) name what is odd but tolerable."""

    header: Header
    records: tuple[Record, ...]
    octets: bytes = field(repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def digest_code(self) -> int:
        return self.header.digest_code

    @property
    def signature(self) -> bytes:
        return self.header.signature

    @property
    def timestamp(self) -> int | None:
        return self.header.timestamp

    @property
    def signer_name(self) -> str:
        return text_of(self.header.signer_name)

    def signed_octets(self) -> bytes:
        """The complete file with the SIGNATURE field cut out: what the signature covers."""
        return cut_signature(self.octets, self.header)

    def signers(self) -> list[Record]:
        """SAST records whose serial and issuer equal the header's, octet for octet: the candidates for the signer."""
        return [
            record for record in self.of_role(SAST)
            if record.certificate and record.serial == self.header.signer_serial
            and record.value(ISSUER) == self.header.signer_issuer
        ]

    def of_role(self, *roles: int) -> list[Record]:
        return [record for record in self.records if record.role in roles]

    def certificates(self, *roles: int) -> list[bytes]:
        """Distinct certificates (DER) of the given roles (without roles, of all), in file order."""
        records = self.of_role(*roles) if roles else self.records
        return list(dict.fromkeys(record.certificate for record in records if record.certificate))

    def hashes(self, *roles: int) -> list[tuple[int | None, bytes]]:
        """C((algorithm code, digest)) of the records that hold a hash in place of a certificate."""
        return [
            (record.hash_algorithm, record.certificate_hash)
            for record in self.of_role(*roles) if record.certificate_hash
        ]

    def sast_certificates(self) -> list[bytes]:
        return self.certificates(SAST)

    def capf_certificates(self) -> list[bytes]:
        return self.certificates(CAPF)

    def callmanager_certificates(self) -> list[bytes]:
        """Those that CTI Manager may present."""
        return self.certificates(CCM, CCM_TFTP)

    @property
    def mixed_mode(self) -> bool:
        """False where CallManager records carry no certificate, as in a cluster that is not secure."""
        return bool(self.callmanager_certificates())

    @property
    def has_capf(self) -> bool:
        return bool(self.of_role(CAPF))


def parse(octets: bytes) -> TrustList:
    """Read a CTL or ITL. Raises FormatError; unknown tags are kept, unknown roles too."""
    header, reader, warnings = _parse_start(octets)
    if header.version[0] != 1:
        raise FormatError("trust list: version %d.%d is not supported" % header.version)
    records = []
    while reader.remaining:
        record, odd = _parse_record(reader)
        warnings.extend(odd)
        records.append(record)
    return TrustList(header, tuple(records), bytes(octets), tuple(warnings))


def parse_signed_file(octets: bytes) -> tuple[Header, bytes]:
    """Read a signed file (C(.sgn)): its Header and the payload behind it."""
    header, reader, _warnings = _parse_start(octets)
    return header, reader.rest()


def cut_signature(octets: bytes, header: Header) -> bytes:
    start, size = header.signature_at
    return octets[:start] + octets[start + size:]


def _parse_start(octets: bytes) -> tuple[Header, Reader, list[str]]:
    if not octets:
        raise FormatError("trust list: the file is empty")
    if len(octets) > MAX_SIZE:
        raise FormatError("trust list: %d octets are more than the %d allowed" % (len(octets), MAX_SIZE))
    reader = Reader(octets, what="trust list")
    if octets[:3] != b"\x01\x00\x02":
        raise reader.fail("this is not a signed file of CUCM: it does not begin with a version")
    probe = Reader(octets, what="trust list", start=5)
    if (probe.u8(), probe.u16()) != (HEADER_LENGTH, 2):
        raise probe.fail("no header length behind the version", 5)
    length = probe.u16()
    if length < 10 or length > len(octets):
        raise probe.fail("a header of %d octets in a file of %d" % (length, len(octets)), 8)
    with reader.within(length) as part:
        header, warnings = _parse_header(part, length)
    return header, reader, warnings


def _parse_header(reader: Reader, length: int) -> tuple[Header, list[str]]:
    fields: list[Field] = []
    signature_at: tuple[int, int] | None = None
    open_containers, containers, warnings = [], [], []
    while reader.remaining:
        start = reader.position
        tag = reader.u8()
        if tag == PADDING:
            continue
        size = reader.u16()
        if tag in CONTAINERS:
            fields.append((tag, None))
            containers.append((tag, size))
            open_containers.append((tag, reader.position + size))
            continue
        if tag == SIGNATURE:
            if signature_at:
                raise reader.fail("a second signature", start)
            signature_at = (start, 3 + size)
        fields.append((tag, reader.take(size)))
    ends = set(_field_ends(fields))
    for tag, end in open_containers:
        if end not in ends:
            warnings.append("header container %d does not end with a field" % tag)
    header = Header(tuple(fields), length, signature_at or (0, 0), tuple(containers))
    _check_header(reader, header)
    return header, warnings


def _field_ends(fields: Iterable[Field]) -> Iterator[int]:
    position = 0
    for _tag, value in fields:
        position += 3 + (len(value) if value is not None else 0)
        yield position


def _check_header(reader: Reader, header: Header) -> None:
    for tag, name in ((SERIAL_NUMBER, "serial number"), (CA_NAME, "issuer"), (DIGEST_ALGORITHM, "digest algorithm"),
                      (SIGNATURE, "signature")):
        if header.value(tag) is None:
            raise reader.fail("the header has no %s of the signer" % name)
    if len(header.given(VERSION)) != 2 or len(header.given(DIGEST_ALGORITHM)) != 1:
        raise reader.fail("a header field has the wrong size")
    timestamp = header.value(TIMESTAMP)
    if timestamp is not None and len(timestamp) != 4:
        raise reader.fail("the time stamp has %d octets instead of 4" % len(timestamp))


def _parse_record(reader: Reader) -> tuple[Record, list[str]]:
    start = reader.position
    if (reader.u8(), reader.u16()) != (RECORD_LENGTH, 2):
        raise reader.fail("no record begins here", start)
    length = reader.u16()
    if length < 5:
        raise reader.fail("a record of %d octets" % length, start)
    fields, warnings = [], []
    with reader.within(length - 5) as part:
        while part.remaining:
            tag = part.u8()
            fields.append((tag, part.take(part.u16())))
    record = Record(tuple(fields))
    role, address = record.value(FUNCTION), record.value(IP_ADDRESS)
    if role is not None and len(role) != 2:
        raise reader.fail("a role of %d octets" % len(role), start)
    if address is not None and len(address) != 4:
        warnings.append("record at offset %d: an address of %d octets" % (start, len(address)))
    return record, warnings


def encode_header(fields: Sequence[Field], signature_size: int) -> bytes:
    """The header as octets with a signature of zeros, its HeaderLength and padding computed.

    fields: (tag, octets) in the order wanted; (tag, None) opens a container whose length is computed from what CUCM
    nests in it; version and header length are written by this function from (VERSION, two octets).
    """
    flat = Writer()
    for index, (tag, value) in enumerate(fields):
        if tag in (VERSION, HEADER_LENGTH):
            continue
        if value is None:
            flat.u8(tag).u16(_container_size(fields, index))
        else:
            value = bytes(signature_size) if tag == SIGNATURE else value
            flat.u8(tag).u16(len(value)).put(value)
    length = 10 + len(flat)
    padding = -length % 4
    version = dict((tag, value or b"") for tag, value in fields)[VERSION]
    return (Writer().u8(VERSION).u16(2).put(version).u8(HEADER_LENGTH).u16(2).u16(length + padding)
            .put(flat.octets()).put(bytes([PADDING]) * padding).octets())


# What CUCM nests in its containers; the content follows the container's head flat.
_NESTED = {
    SIGNER_ID: (SIGNER_NAME, SERIAL_NUMBER, CA_NAME),
    SIGNATURE_INFO: (DIGEST_ALGORITHM, SIGNATURE_ALGORITHM_INFO, SIGNATURE_ALGORITHM, SIGNATURE_MODULUS),
    SIGNATURE_ALGORITHM_INFO: (SIGNATURE_ALGORITHM, SIGNATURE_MODULUS),
}


def _container_size(fields: Sequence[Field], index: int) -> int:
    inside = _NESTED.get(fields[index][0], ())
    return sum(3 + len(value or b"") for tag, value in fields[index + 1:] if tag in inside)


def header_fields(signer_name: bytes, signer_serial: bytes, signer_issuer: bytes, digest_code: int, signature_size: int, timestamp: int,
                  file_name: str = "CTLFile.tlv", version: tuple[int, int] = (1, 2)) -> list[Field]:
    """Fields of a header in the order in which CUCM writes them. Names as octets with their NUL."""
    return [
        (VERSION, bytes(version)),
        (SIGNER_ID, None), (SIGNER_NAME, signer_name), (SERIAL_NUMBER, signer_serial), (CA_NAME, signer_issuer),
        (SIGNATURE_INFO, None), (DIGEST_ALGORITHM, bytes([digest_code])),
        (SIGNATURE_ALGORITHM_INFO, None), (SIGNATURE_ALGORITHM, b"\0"),
        (SIGNATURE_MODULUS, bytes([MODULUS_CODES.get(signature_size, 2)])),
        (SIGNATURE, b""),
        (FILE_NAME, file_name.encode("ascii") + b"\0"),
        (TIMESTAMP, timestamp.to_bytes(4, "big")),
    ]


def build(fields: Sequence[Field], body: bytes, sign: Callable[[bytes], bytes], signature_size: int) -> bytes:
    """A signed file: header from C(fields), then C(body), signed by C(sign(octets) -> signature).

    The signature covers everything but its own field.
    """
    octets = encode_header(fields, signature_size) + body
    header, _reader, _warnings = _parse_start(octets)
    signature = sign(cut_signature(octets, header))
    if len(signature) != signature_size:
        raise FormatError("a signature of %d octets where %d were announced" % (len(signature), signature_size))
    start = header.signature_at[0] + 3
    return octets[:start] + signature + octets[start + signature_size:]


def rebuild(trust_list: TrustList) -> bytes:
    """The file from its parsed parts; equals C(trust_list.octets) for every file in CUCM's layout."""
    signature = trust_list.signature
    body = b"".join(record.encode() for record in trust_list.records)
    return build(list(trust_list.header.fields), body, lambda octets: signature, len(signature))


def facts(trust_list: TrustList) -> dict[str, Any]:
    """What an operator wants to know about a trust list, as plain values. The signature is not checked.

    A fingerprint is None where the host forbids its algorithm, as hosts in FIPS mode do with MD5.
    """
    header, octets = trust_list.header, trust_list.octets
    return {
        "version": "%d.%d" % header.version,
        "file_name": header.file_name,
        "size": len(octets),
        "timestamp": iso(trust_list.timestamp),
        "signer": trust_list.signer_name,
        "signer_serial": header.signer_serial.hex(),
        "digest": digest_name(trust_list.digest_code),
        "signature": "not checked",
        "mixed_mode": trust_list.mixed_mode,
        "has_capf": trust_list.has_capf,
        "md5_fingerprint": hexdigest("md5", octets),
        "sha1_fingerprint": hexdigest("sha1", octets),
        "sha256_fingerprint": hexdigest("sha256", octets),
        "records": [record_facts(record) for record in trust_list.records],
        "certificates": [],
    }


def record_facts(record: Record) -> dict[str, Any]:
    """One record as plain values; what it does not have is an empty text."""
    return {
        "role": record.role_name,
        "function": record.role,
        "host": record.dns_name,
        "address": record.ip_address,
        "subject": record.subject,
        "issuer": record.issuer,
        "serial": (record.serial or b"").hex(),
        "certificate_sha256": hexdigest("sha256", record.certificate) if record.certificate else "",
        "certificate_hash": (record.certificate_hash or b"").hex(),
        "hash_algorithm": digest_name(record.hash_algorithm) if record.certificate_hash else "",
    }


def iso(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC; None for None."""
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest_name(code: int | None) -> str:
    """What a digest code may mean, such as C(sha1), C(sha512 or sha384) or C(code 9)."""
    return " or ".join(DIGESTS.get(code, ("code %s" % code,)))


def hexdigest(algorithm: str, octets: bytes) -> str | None:
    """Hexadecimal digest, or None where the host forbids the algorithm."""
    found = digest(algorithm, octets)
    return None if found is None else found.hex()


def ctl_file_names(capf_address: str) -> list[str]:
    """File names of the trust list for a CTI client, in the order to ask for them.

    The first is what Cisco's JTAPI 11.5 to 15 asks for: the CAPF server's address, two upper-case hexadecimal digits
    per octet. The second omits a leading zero, as the TSP trace in tech note 213250 shows. The last is the generic
    name.
    Raises InputError when C(capf_address) is not an IP address.
    """
    try:
        packed = ipaddress.ip_address(capf_address).packed
    except ValueError:
        raise InputError("%s is not an IP address" % capf_address,
                         cure="Give the address of the CAPF server, or the file names themselves.") from None
    digits = packed.hex().upper()
    names = ["CTLCAPF%s.tlv" % digits]
    if digits.startswith("0") and len(packed) == 4:
        names.append("CTLCAPF%s.tlv" % digits[1:])
    return names + ["CTLFile.tlv"]
