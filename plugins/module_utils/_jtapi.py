# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The file jtapi.ini of Cisco JTAPI: its documented keys, its lines, and its record of secure connections.

Pure. Keys, defaults and ranges are those of Cisco's JTAPI guides. Keys that are not in the table pass through as they are.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

if TYPE_CHECKING:
    from typing import Iterable, Mapping

    Limits = Optional[Tuple[int, Optional[int]]]

FLAG, TEXT = (0, 1), None
# {key: (lowest, highest)} of whole numbers, None for no limit; TEXT for texts.
KEYS: dict[str, Limits] = {
    "DesiredServerHeartbeatInterval": (0, None),
    "ProviderOpenRequestTimeout": (10, None),
    "ProviderRetryInterval": (5, None),
    "CtiRequestTimeout": (0, None),
    "JtapiPostConditionTimeout": (10, 20),
    "RouteSelectTimeout": (0, None),
    "TracePath": TEXT,
    "Directory": TEXT,
    "FileNameBase": TEXT,
    "FileNameExtension": TEXT,
    "NumTraceFiles": (2, 1000),
    "TraceFileSize": (1, None),
    "UseSameDirectory": FLAG,
    "UseSyslog": FLAG,
    "SyslogCollector": TEXT,
    "JTAPINotificationPort": (1, 65535),
    "AlarmServicePort": (1, 65535),
    "CtiManagers": TEXT,
    "SecurityTraceEnabled": FLAG,
    "SecurityTraceLevel": (0, 2),
}
SECURITY = "SecurityProperty"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")
LINE = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*)\s*=(.*)\Z", re.DOTALL)
BOM = "\ufeff"  # Notepad writes it at the beginning
TFTP_PORT = "69"
#: Names of the stores that JTAPI opens; the second one it writes itself.
CLIENT_STORE, SERVER_STORE = "JtapiClientKeyStore-%s-%s", "JtapiServerKeyStore-%s-%s"
# What JTAPI 14 writes after the documented ten fields: no FIPS mode.
NO_FIPS = ("false",)


def problem_with(key: str, value: object) -> str | None:
    """What is wrong with a value, as the end of a sentence, or None."""
    if not NAME.match(key):
        return "this is not a key of an ini file"
    if key == SECURITY:
        return "its records are created from the list of instances"
    text = str(value)
    if "\n" in text or "\r" in text:
        return "a value must be one line"
    limits = KEYS.get(key)
    if limits is None:
        return None
    lowest, highest = limits
    if isinstance(value, bool) or not re.match(r"\d+\Z", text):
        return "it must be a whole number"
    if int(text) < lowest or (highest is not None and int(text) > highest):
        return "it must be %d or more" % lowest if highest is None else "it must be from %d to %d" % (lowest, highest)
    return None


# Lines


def lines_of(text: str) -> list[str]:
    """Lines as JTAPI and editors read them: other characters that Unicode calls line breaks are part of a value."""
    lines = re.split(r"\r\n|\n|\r", text)
    return lines if lines[-1] else lines[:-1]


def values(text: str) -> dict[str, str]:
    """{key: value} of the file; the last value if a key occurs twice."""
    found = {}
    for line in lines_of(text):
        match = LINE.match(line.lstrip(BOM))
        if match:
            found[match.group(1)] = match.group(2).strip()
    return found


def edited(text: str, wanted: Mapping[str, object]) -> str:
    """The file with these values: changed in place, missing keys appended, everything else as it is."""
    ending = "\r\n" if "\r\n" in text else "\n"
    lines: list[str] = []
    done: set[str] = set()
    mark = BOM * text.startswith(BOM)
    for line in lines_of(text[len(mark):]):
        match = LINE.match(line)
        if match is None or match.group(1) not in wanted:
            lines.append(line)
        elif match.group(1) not in done:
            key = match.group(1)
            done.add(key)
            lines.append(line if match.group(2).strip() == str(wanted[key]) else "%s=%s" % (key, wanted[key]))
    lines += ["%s=%s" % (key, value) for key, value in wanted.items() if key not in done]
    return mark + ending.join(lines) + ending if lines else mark


# Records of secure connections


@dataclasses.dataclass(frozen=True)
class Record:
    """One record of SecurityProperty. authcode is a secret; rest: whatever follows the documented ten fields."""

    user: str
    instance_id: str
    authcode: str = dataclasses.field(repr=False)
    capf: str
    capf_port: str
    tftp: str
    tftp_port: str
    folder: str
    secure: str
    status: str
    rest: Tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return ",".join((self.user, self.instance_id, self.authcode, self.capf, self.capf_port, self.tftp, self.tftp_port,
                         self.folder, self.secure, self.status) + self.rest)


@dataclasses.dataclass
class Records:
    """The content of SecurityProperty: records by (user, instance id), texts that are not records, and warnings about them."""

    found: Dict[Tuple[str, str], Record] = dataclasses.field(default_factory=dict, repr=False)
    others: List[str] = dataclasses.field(default_factory=list, repr=False)
    warnings: List[str] = dataclasses.field(default_factory=list)


def records(text: str | None) -> Records:
    """Read SecurityProperty. The guides describe its fields in one order and show another, so the port decides."""
    result = Records()
    for part in (text or "").split(";"):
        fields = [field.strip() for field in part.split(",")]
        if fields == [""]:
            continue
        if len(fields) < 10:
            result.others.append(part.strip())
            result.warnings.append("%s contains a record of %d fields, which is not changed" % (SECURITY, len(fields)))
            continue
        first, second = fields[3:5], fields[5:7]
        if first[1] == TFTP_PORT and second[1] != TFTP_PORT:
            result.warnings.append("the record of %s, %s names TFTP before CAPF" % (fields[0], fields[1]))
            first, second = second, first
        user, instance_id, authcode, folder, secure, status = *fields[:3], *fields[7:10]
        result.found[user, instance_id] = Record(
            user, instance_id, authcode, first[0], first[1], second[0], second[1], folder, secure, status, tuple(fields[10:]))
    return result


def ended(folder: str) -> str:
    """The folder as JTAPI needs it: it joins folder and file name without a separator."""
    return folder if not folder or folder.endswith(("/", "\\")) else folder + "/"


def merged(text: str | None, wanted: Iterable[Record], removed: Iterable[tuple[str, str]] = ()) -> tuple[str, list[str]]:
    """C((value of SecurityProperty, warnings)) with these records added and those of (user, instance id) removed; others stay.

    A record with the same meaning is not changed, whatever the order of its fields and its status of the certificate, which JTAPI
    ignores. The authorization string of a changed record is dropped, because JTAPI sends it again at every start, and CAPF
    accepts it once.
    """
    held = records(text)
    # CUCM does not distinguish users by case.
    known = dict(((user.lower(), name), (user, name)) for user, name in held.found)
    changed = False
    for user, name in removed:
        place = known.pop((user.lower(), name), None)
        changed = bool(place and held.found.pop(place)) or changed
    for record in wanted:
        place = known.get((record.user.lower(), record.instance_id))
        old = held.found.get(place) if place else None
        if old is not None and meaning_of(old) == meaning_of(record):
            continue
        new = record if old is None else dataclasses.replace(record, status=old.status or record.status, rest=old.rest or record.rest)
        if place is not None:
            del held.found[place]
        held.found[record.user, record.instance_id] = new
        changed = True
    if not changed:
        return text or "", held.warnings
    return "".join(part + ";" for part in [record.text for record in held.found.values()] + held.others), held.warnings


def meaning_of(record: Record) -> tuple[str | int, ...]:
    """How JTAPI understands a record. A folder without its last slash is a different one: it means files beside it."""
    folder = re.sub("//+", "/", record.folder).replace("/./", "/")
    return (record.user, record.instance_id, record.authcode, record.capf.lower(), number(record.capf_port), record.tftp.lower(),
            number(record.tftp_port), folder, record.secure.lower())


def number(text: str) -> str | int:
    return int(text) if re.match(r"\d{1,9}\Z", text) else text
