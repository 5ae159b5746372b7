# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Cisco TSP trace lines -> events -> the stage that was reached -> what to check next.

The shape of the lines is that of one successful secure start in Cisco tech note 213250. What a failing
run prints is not publicly known, so a stage is recognised only by the lines of that note, the lines
after it are quoted, and no cause is claimed that the lines do not show.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional, TypedDict

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._subject_hash import subject_hash

if TYPE_CHECKING:
    from typing import Collection, Iterable, Iterator

# What a search in several files puts before each found line: the file's name, perhaps a number.
FOUND_IN = r"^\s*(?:[^\s|:]{1,100}:[ \t]{0,4}){0,2}"
TIMED_LINE = re.compile(FOUND_IN + r"(\d{2}):(\d{2}):(\d{2})\.(\d{3})\s*\|\s?(.*)$")
# The order of a secure start, with what each stage shows and what to do if nothing follows it.
STAGES = (
    ("ctl_requested", "the TSP asks TFTP for the CTL file",
     "Check UDP 69 from this host to the TFTP server, the TFTP address on the Security tab, and the TFTP trace of the node."),
    ("tftp_ready", "the TFTP client was created",
     "No certificate of a CTL was listed: check UDP 69 from this host to the TFTP server and the TFTP trace of the node."),
    ("certificates_listed", "certificates of the trust list are on disk",
     "No TLS connection to CAPF was started: check that Fetch Certificate was requested, the CAPF address and TCP 3804."),
    ("capf_tls_started", "the TLS connection to CAPF was started",
     "The handshake did not finish: check TCP 3804 from this host, the CAPF service, and whether the CTL on this host "
     "holds the certificate that CAPF presents."),
    ("capf_tls_finished", "the TLS handshake with CAPF finished",
     "No certificate was stored: check instance id, authorization string and profile status on the cluster, then the CAPF trace."),
    ("certificate_stored", "the certificate file was opened for writing",
     "The key file was not opened: check space and rights of the certificate folder."),
    ("key_stored", "the key file was opened for writing",
     "The certificate was fetched. If lines are missing, check the profile status and open a provider."),
)
STAGE_NAMES = tuple(name for name, _meaning, _cure in STAGES)
TROUBLE = re.compile(r"\b(error|fail(?:ed|ure)?|exception|refused|denied|timed? ?out|timeout|invalid|unable|cannot)\b", re.I)
WRAP = "\n"  # inside a Line's text: where a message continued in the next physical line; a blank when it is quoted
# A secret that continues after a wrap is masked to its end; so is the word after one that ended there, which does no harm.
SECRET = re.compile(
    r"((?:auth(?:entication|orization)?[\s_]?(?:string|code)|pass(?:word|wd)?|pwd)\b\s*[=:]\s*)(\S+(?:\n\S+)*)", re.I)
DAY = 24 * 3600 * 1000
COPIED = 120  # seconds; if the times of all files are this close, they were copied
# Entries of one kind beyond this add bulk, not insight; the trace itself has the rest. Of starts the newest are kept.
MOST_QUOTES = 100
LONGEST_LINE = 2000  # characters; the lines of the note have less than 200
CUT = " [...]"
STARS = "********"
NEXT_FILE = None  # in place of a physical line: the next file begins, and it does not continue a line of the one before


@dataclass(frozen=True)
class Line:
    """One trace line: number of its first physical line, C(HH:MM:SS.mmm), milliseconds since the first day began, text."""

    number: int
    clock: str
    milliseconds: int
    text: str


class Moment(TypedDict):
    clock: str
    milliseconds: int
    line: int


class Quote(TypedDict):
    line: int
    clock: str
    text: str


class Listed(TypedDict):
    """A certificate as the trace lists it."""

    file: str
    path: str
    subject: str
    hash_fits: Optional[bool]


@dataclass
class Attempt:
    """What one secure start left in the trace. Times in milliseconds are counted from the first line of the trace."""

    ctl_file: str
    first_line: int
    stages: dict[str, Moment] = field(default_factory=dict)
    certificates: list[Listed] = field(default_factory=list)
    cipher: str = ""
    files_written: list[str] = field(default_factory=list)
    trouble: list[Quote] = field(default_factory=list)
    after: deque[Quote] = field(default_factory=lambda: deque(maxlen=20))

    @property
    def reached(self) -> str:
        """Name of the last stage reached, in the order of a secure start."""
        return [name for name in STAGE_NAMES if name in self.stages][-1]

    @property
    def complete(self) -> bool:
        return self.reached == STAGE_NAMES[-1]


@dataclass
class Analysis:
    """Everything the trace shows. C(attempts) are in order, at most MOST_QUOTES; the last one decides the verdict."""

    lines: int = 0
    first: str = ""
    last: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    trouble: list[Quote] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """C(complete), C(stopped) or C(no_secure_start)."""
        if not self.attempts:
            return "no_secure_start"
        return "complete" if self.attempts[-1].complete else "stopped"

    @property
    def summary(self) -> str:
        if not self.attempts:
            return "The trace shows no secure start: no line names a CTL file."
        attempt = self.attempts[-1]
        meaning = dict((name, text) for name, text, _cure in STAGES)[attempt.reached]
        clock = attempt.stages[attempt.reached]["clock"]
        if attempt.complete:
            return "The last secure start reached its end at %s: %s." % (clock, meaning)
        return "The last secure start got as far as '%s' (%s) at %s." % (attempt.reached, meaning, clock)

    @property
    def next_step(self) -> str:
        if not self.attempts:
            return ("Check that secure connection is on for this TSP instance, that TSP trace is at level Detailed, "
                    "and that the files cover the last start of the Telephony service.")
        return dict((name, cure) for name, _meaning, cure in STAGES)[self.attempts[-1].reached]


def mask(text: str, secrets: Collection[str] = ()) -> str:
    """Replace the given secrets, and whatever follows a password or authorization string label, by stars; wraps included."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret and WRAP in text:
            text = re.sub((WRAP + "?").join(re.escape(character) for character in secret), STARS, text)
        elif secret:
            text = text.replace(secret, STARS)
    return SECRET.sub(r"\1" + STARS, text).replace(WRAP, " ")


def join_lines(physical_lines: Iterable[str | None]) -> Iterator[Line]:
    """Physical lines -> Line objects. A line without a time stamp continues the one before it.

    A wrapped word keeps its hyphen and gets no blank (C(CN=cucm11-) + C(pub/ST=..)), as the tech note's
    excerpt shows; anything else is joined by WRAP. Lines before the first time stamp are dropped.
    Text beyond LONGEST_LINE is dropped. A clock that jumps back by more than half a day means midnight. NEXT_FILE ends
    a line as the end of all lines does; it does not count as one.
    """
    pending: Line | None = None
    before: int | None = None
    day = number = 0
    for physical in physical_lines:
        if physical is NEXT_FILE:
            if pending is not None:
                yield pending
            pending = None
            continue
        number += 1
        match = TIMED_LINE.match(physical.rstrip("\r\n"))
        if match is None:
            if pending is not None and physical.strip() and not pending.text.endswith(CUT):
                glue = "" if pending.text.endswith("-") else WRAP
                pending = Line(pending.number, pending.clock, pending.milliseconds,
                               _shortened(pending.text + glue + physical.strip()))
            continue
        hours, minutes, seconds, thousandths = (int(part) for part in match.groups()[:4])
        moment = ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths + day
        if before is not None and before - moment > DAY // 2:
            day += DAY
            moment += DAY
        before = moment
        if pending is not None:
            yield pending
        clock = "%02d:%02d:%02d.%03d" % (hours, minutes, seconds, thousandths)
        pending = Line(number, clock, moment, _shortened(match.group(5).strip()))
    if pending is not None:
        yield pending


def _shortened(text: str) -> str:
    """At most LONGEST_LINE characters, then CUT; the last word is dropped too, as it may be half a secret."""
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE].rpartition(" ")[0] + CUT


# Patterns have one way to match a text, and texts between two marks are cut out by C(_behind): a hostile line must not
# take more time than a normal one of its length.
_CTL_NAME = re.compile(r"GetCTLFromTFTP\s+CTLFileName\s*=\s*(\S+)")
_CERTIFICATE_PATH = re.compile(r"GetCTLFromTFTP\s+fullname\s*=")
_CERTIFICATE_FILE = re.compile(r",\s*fileName\s*=\s*(\S+)")
_CERTIFICATE_SUBJECT = re.compile(r"GetCTLFromTFTP\s+CERT SUBJECTNAME\s*=\s*(/.*)$")
_TLS_FINISHED = re.compile(r"SSLConnectThreadEntry\(\)\s+Handshake:\s*Finished")
_CIPHER = re.compile(r"SSLConnectThreadEntry\(\)\s+SSL connection using\s+(\S+)")


def _behind(text: str, *marks: str) -> str | None:
    """What follows these marks in this order, or None."""
    for mark in marks:
        _before, found, text = text.partition(mark)
        if not found:
            return None
    return text


def _certificate_file(text: str) -> tuple[str, str] | None:
    """C((path, file name)) or None."""
    begin = _CERTIFICATE_PATH.search(text)
    end = _CERTIFICATE_FILE.search(text, begin.end()) if begin else None
    return (text[begin.end():end.start()].strip(), end.group(1)) if begin and end else None


def _file_written(text: str) -> str:
    """Path of a file opened for writing, or an empty text."""
    path, found, mode = (_behind(text, "CAPFclient::openFile()", "open file ") or "").rpartition(" mode ")
    return path.strip() if found and mode.startswith("w") and len(mode.split()) == 1 else ""


def analyse(physical_lines: Iterable[str | None], gap_threshold: int = 5000, secrets: Collection[str] = ()) -> Analysis:
    """Read trace lines, of any number and one at a time, into an Analysis.

    gap_threshold: silences of at least this many milliseconds inside a secure start are listed.
    secrets: texts that must not appear in anything quoted.
    """
    analysis = Analysis()
    previous: Line | None = None
    start = 0
    for line in join_lines(physical_lines):
        if previous is None:
            analysis.first, start = line.clock, line.milliseconds
        analysis.lines += 1
        analysis.last = line.clock
        attempt = analysis.attempts[-1] if analysis.attempts else None
        silence = line.milliseconds - previous.milliseconds if previous else 0
        if previous and attempt and not attempt.complete and silence >= gap_threshold and len(analysis.gaps) < MOST_QUOTES:
            analysis.gaps.append({
                "after_line": previous.number, "from": previous.clock, "to": line.clock,
                "milliseconds": silence,
                "stage": attempt.reached, "before": mask(previous.text, secrets), "after": mask(line.text, secrets),
            })
        _read(analysis, line, start, secrets)
        previous = line
    return analysis


def _read(analysis: Analysis, line: Line, start: int, secrets: Collection[str]) -> None:
    text = line.text.replace(WRAP, " ")
    match = _CTL_NAME.search(text)
    if match:
        analysis.attempts.append(Attempt(mask(match.group(1), secrets), line.number))
        del analysis.attempts[:-MOST_QUOTES]
    attempt = analysis.attempts[-1] if analysis.attempts else None

    if TROUBLE.search(text):
        trouble = attempt.trouble if attempt else analysis.trouble
        if len(trouble) < MOST_QUOTES:
            trouble.append({"line": line.number, "clock": line.clock, "text": mask(line.text, secrets)})
    if attempt is None:
        return

    before = len(attempt.stages)
    for name, found in _stages_of(attempt, text, match, secrets):
        if found and name not in attempt.stages:
            attempt.stages[name] = {"clock": line.clock, "milliseconds": line.milliseconds - start, "line": line.number}
    if len(attempt.stages) > before:
        attempt.after.clear()
    else:
        attempt.after.append({"line": line.number, "clock": line.clock, "text": mask(line.text, secrets)})


def _stages_of(attempt: Attempt, text: str, ctl_name: object, secrets: Collection[str]) -> Iterator[tuple[str, object]]:
    yield "ctl_requested", ctl_name
    yield "tftp_ready", _behind(text, "TftpClient::TftpClient()", "instantiated successfully") is not None

    found = _certificate_file(text)
    if found and found[1] not in (".", "..") and len(attempt.certificates) < MOST_QUOTES:
        path, name = found
        attempt.certificates.append({
            "file": mask(name, secrets), "path": mask(path, secrets), "subject": "", "hash_fits": None})
    match = _CERTIFICATE_SUBJECT.search(text)
    if match and attempt.certificates and not attempt.certificates[-1]["subject"]:
        certificate, subject = attempt.certificates[-1], match.group(1).strip()
        certificate["hash_fits"] = certificate["file"].split(".")[0].lower() == printed_subject_hash(subject)
        certificate["subject"] = mask(subject, secrets)
    yield "certificates_listed", match

    yield "capf_tls_started", _behind(text, "startSSLConnectThread()", "SSLConnect thread created") is not None
    yield "capf_tls_finished", _TLS_FINISHED.search(text)
    match = _CIPHER.search(text)
    if match:
        attempt.cipher = mask(match.group(1), secrets)

    path = _file_written(text)
    if path and len(attempt.files_written) < MOST_QUOTES:
        attempt.files_written.append(mask(path, secrets))
    name = re.split(r"[\\/]", path)[-1].lower()
    # The note's folder listing also spells the certificate QBECClient.cer.
    yield "certificate_stored", name in ("qbeclient.cer", "qbecclient.cer")
    yield "key_stored", name in ("qbeclient.pem", "qbecclient.pem")


# Attribute types of a printed subject.
_ATTRIBUTES = {
    "CN": "2.5.4.3", "SN": "2.5.4.4", "SERIALNUMBER": "2.5.4.5", "C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8",
    "STREET": "2.5.4.9", "O": "2.5.4.10", "OU": "2.5.4.11", "TITLE": "2.5.4.12", "GN": "2.5.4.42",
    "EMAILADDRESS": "1.2.840.113549.1.9.1", "DC": "0.9.2342.19200300.100.1.25",
}


def printed_subject_hash(subject: str) -> str:
    """The subject hash of a name printed as C(/C=../O=../CN=..); empty when it holds an unknown attribute type."""
    attributes = [attribute.split("=", 1) for attribute in re.split(r"/(?=[A-Za-z0-9.]+=)", subject.strip())[1:]]
    if any(kind.upper() not in _ATTRIBUTES for kind, _value in attributes):
        return ""
    return subject_hash([[(_ATTRIBUTES[kind.upper()], value)] for kind, value in attributes])


def rotation_order(files: Collection[tuple[str, float | None, str]]) -> list[str]:
    """Order the files of one rotating set, oldest first.

    files: list of C((name, modified, first_clock)); modified in seconds or None, first_clock C(HH:MM:SS.mmm) or empty.
    Modification times decide if all are known and differ, unless they are those of copying (COPIED). Otherwise the numbers
    in the names count up from 0 and start again, so the oldest file follows the place where the clock jumps back. If the
    numbers do not help, only the clocks decide.
    """
    if not files:
        return []
    names = dict((modified, name) for name, modified, _clock in files if modified is not None)
    told = len(names) == len(files)
    copied = told and all(clock for _name, _modified, clock in files) and max(names) - min(names) < COPIED
    if told and not copied:
        return [names[modified] for modified in sorted(names)]
    numbers = [_number(name) for name, _modified, _clock in files]
    if len(set(numbers)) < len(numbers) and None not in [_seconds(clock) for _name, _modified, clock in files]:
        # Only the clocks help. The longest silence is the one between the newest and the oldest.
        ordered = sorted(files, key=lambda item: (item[2], item[0]))
        turn = after_longest_silence([item[2] for item in ordered], range(len(ordered)))
    else:
        ordered = sorted(files, key=lambda item: (_number(item[0]), item[0]))
        clocks = [clock for _name, _modified, clock in ordered]
        breaks = [index for index in range(1, len(clocks)) if clocks[index] and clocks[index] < clocks[index - 1]]
        # One of them is where the numbers start again, unless all are midnights.
        turn = after_longest_silence(clocks, [0] + breaks)
    return [name for name, _modified, _clock in ordered[turn:] + ordered[:turn]]


def after_longest_silence(texts: Iterable[str], places: Iterable[int]) -> int:
    """The place before which the clock, by what it shows, was silent for longest; the first of several."""
    clocks = [_seconds(clock) or 0 for clock in texts]
    return max(places, key=lambda index: ((clocks[index] - clocks[index - 1]) % 86400, -index))


def _seconds(clock: str) -> float | None:
    """Seconds since midnight of C(HH:MM:SS.mmm), None for anything else."""
    match = TIMED_LINE.match("%s |" % clock)
    return int(match.group(1)) * 3600 + int(match.group(2)) * 60 + int(match.group(3)) + int(match.group(4)) / 1000 if match else None


def _number(name: str) -> int:
    digits = re.findall(r"\d+", re.split(r"[\\/]", name)[-1])
    return int(digits[-1]) if digits else -1
