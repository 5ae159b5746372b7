# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The file inside an answer of log collection, decoded as the octets arrive; sans-IO.

CUCM sends a file as base64 in the SOAP body (C(GetOneFileReturn)), older releases as the second part of a multipart
answer (MTOM). Either way at most one piece and the largest piece of markup are held in memory.
"""

from __future__ import annotations

import binascii
import email.message
import re
from typing import TYPE_CHECKING
from xml.parsers import expat

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import AxlError, FormatError

if TYPE_CHECKING:
    from typing import Callable, Dict, NoReturn

    Write = Callable[[bytes], object]
    OpenPart = Callable[[int, Dict[str, str]], Write]

FILE_ELEMENT = "GetOneFileReturn"
FAULT_TEXTS = ("faultcode", "faultstring")
MARKUP_LIMIT = 256 * 1024  # octets of envelope without any octet of the file
HEADERS_LIMIT = 16 * 1024
FAULT_LIMIT = 1000  # characters
NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


class TooLarge(FormatError):
    """The file is larger than the caller allows. What was written so far is useless."""


class Base64:
    """base64 in pieces of any length, with line breaks anywhere."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._rest = b""
        self._padded = False

    def feed(self, octets: bytes) -> None:
        octets = self._rest + octets.translate(None, b" \t\r\n")
        digits = octets.rstrip(b"=")
        if self._padded and octets or len(octets) - len(digits) > 2 or NOT_BASE64.search(digits):
            raise FormatError("the file in the answer is not base64")
        whole = len(octets) // 4 * 4
        self._padded = len(digits) < len(octets) and whole == len(octets)
        self._rest = octets[whole:]
        if whole:
            try:
                self._write(binascii.a2b_base64(octets[:whole]))
            except binascii.Error:
                raise FormatError("the file in the answer is not base64") from None

    def finish(self) -> None:
        if self._rest:
            raise FormatError("the file in the answer ends in the middle of its base64")


class Envelope:
    """A SOAP envelope in pieces: its file goes to C(write), a fault is kept. has_file: the envelope contains a file as text."""

    def __init__(self, write: Write) -> None:
        self.has_file = False
        self.fault: dict[str, str] = {}
        self._answers = False
        self._path: list[str] = []
        self._file = Base64(write)
        self._idle = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._opened
        self._parser.EndElementHandler = self._closed
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._no_doctype

    def feed(self, octets: bytes) -> None:
        self._idle += len(octets)
        self._parse(octets, False)
        if self._idle > MARKUP_LIMIT:
            raise FormatError("the answer is too long outside its file")

    def finish(self) -> None:
        """Raise FormatError unless a complete envelope with a file, a place for a file, or a fault has arrived."""
        self._parse(b"", True)
        self._file.finish()
        if not self._answers and not self.fault:
            raise FormatError("the answer contains no file")

    def _parse(self, octets: bytes, final: bool) -> None:
        try:
            self._parser.Parse(octets, final)
        except expat.ExpatError as error:
            raise FormatError("the answer is not SOAP (%s)" % expat.ErrorString(error.code)) from error

    def _opened(self, name: str, _attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(" ")[2])
        if self._path[-1] == FILE_ELEMENT:
            self._answers = True
        elif self._path[-1] == "Fault":
            self.fault.setdefault("faultstring", "")

    def _closed(self, _name: str) -> None:
        self._path.pop()

    def _text(self, text: str) -> None:
        where = self._path[-1] if self._path else ""
        if where == FILE_ELEMENT:
            self._idle = 0
            self.has_file = self.has_file or not text.isspace()
            self._file.feed(text.encode("ascii", "replace"))
        elif where in FAULT_TEXTS:
            self.fault[where] = (self.fault.get(where, "") + text)[:FAULT_LIMIT]

    @staticmethod
    def _no_doctype(*_arguments: object) -> NoReturn:
        raise FormatError("the answer is not SOAP (it has a document type)")


class Parts:
    """A multipart body in pieces. open_part(number, headers) gives the function that takes the octets of a part.

    Numbers count from 0; headers are a dict with names in lower case.
    """

    def __init__(self, content_type: str, open_part: OpenPart) -> None:
        header = email.message.Message()
        header["Content-Type"] = content_type
        boundary = header.get_boundary()
        if not boundary:
            raise FormatError("the answer is multipart but names no boundary")
        self._delimiter = b"\r\n--" + boundary.encode("ascii", "replace")
        self._open_part = open_part
        self._buffer = b"\r\n"  # so that a boundary at the very beginning looks like the others
        self._take: Write | None = None
        self._in_head = False
        self._number = 0
        self.ended = False

    def feed(self, octets: bytes) -> None:
        self._buffer += octets
        while not self.ended and (self._head() if self._in_head else self._content()):
            pass

    def _content(self) -> bool:
        """Pass on the octets of the part; True when its end was found."""
        found = self._buffer.find(self._delimiter)
        end = found if found >= 0 else max(len(self._buffer) - len(self._delimiter) + 1, 0)
        if self._take is not None and end:
            self._take(self._buffer[:end])
        self._buffer = self._buffer[end:] if found < 0 else self._buffer[found + len(self._delimiter):]
        self._in_head = found >= 0
        return self._in_head

    def _head(self) -> bool:
        """Read the headers after a boundary; True when they are complete."""
        if self._buffer.startswith(b"--"):
            self.ended = True
            return False
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEADERS_LIMIT:
                raise FormatError("the headers of a part of the answer are too long")
            return False
        self._take = self._open_part(self._number, _headers(self._buffer[:end]))
        self._number += 1
        self._buffer = self._buffer[end + 2:]  # the line break before a boundary may be the one after the headers
        self._in_head = False
        if not self._buffer.startswith(self._delimiter):
            self._buffer = self._buffer[2:]
        return True


def _headers(octets: bytes) -> dict[str, str]:
    lines = octets.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return dict((name.strip().lower(), value.strip()) for name, _colon, value in pairs)


def is_multipart(content_type: str) -> bool:
    return content_type.strip().lower().startswith("multipart/")


def first_part(octets: bytes, content_type: str) -> bytes:
    """The envelope in a whole answer: some releases pack even plain answers into a multipart of one part."""
    if not is_multipart(content_type):
        return octets
    found = bytearray()
    parts = Parts(content_type, lambda number, headers: found.extend if number == 0 else _nothing)
    parts.feed(octets)
    return bytes(found)


def _nothing(_octets: bytes) -> None:
    """Ignore a part."""


class FileAnswer:
    """One answer to C(GetOneFile): feed it, then finish it. The file's octets go to C(write).

    limit: octets that the file may have. where: for the message of a fault.
    Raises TooLarge, FormatError for anything but a complete file, AxlError for a fault.
    """

    def __init__(self, content_type: str, write: Write, limit: int, where: str = "") -> None:
        self.size = 0
        self._write_on = write
        self._limit = limit
        self._where = where
        self._fed = 0
        self._envelope = Envelope(self._write)
        self._attached: Base64 | None = None
        self._parts = Parts(content_type, self._open_part) if is_multipart(content_type) else None

    def feed(self, octets: bytes) -> None:
        self._fed += len(octets)
        if self._fed > 2 * self._limit + 4 * MARKUP_LIMIT:
            raise FormatError("the answer is much longer than the file may be")
        (self._parts or self._envelope).feed(octets)

    def finish(self) -> None:
        self._envelope.finish()
        if self._attached is not None:
            self._attached.finish()
        if self._envelope.fault:
            raise self._refused()
        if self._parts is not None and not self._parts.ended:
            raise FormatError("the answer ends before its last part")

    def _refused(self) -> AxlError:
        code = self._envelope.fault.get("faultcode", "").strip().rpartition(":")[2] or None
        text = " ".join(self._envelope.fault["faultstring"].split()) or "no reason given"
        return AxlError("the server refused: %s" % text.rstrip("."), where=self._where, code=code)

    def _open_part(self, number: int, headers: dict[str, str]) -> Write:
        if number == 0:
            return self._envelope.feed
        if number > 1 or self._envelope.has_file or self._envelope.fault:
            return _nothing
        encoding = headers.get("content-transfer-encoding", "binary").lower()
        if encoding == "base64":
            self._attached = Base64(self._write)
            return self._attached.feed
        if encoding not in ("binary", "8bit", "7bit"):
            raise FormatError("the file is attached with the unknown encoding %s" % encoding[:40])
        return self._write

    def _write(self, octets: bytes) -> None:
        self.size += len(octets)
        if self.size > self._limit:
            raise TooLarge("the file is larger than %d octets" % self._limit)
        self._write_on(octets)
