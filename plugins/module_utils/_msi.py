# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The tables of a Windows Installer package (MSI) from a compound file. Read-only; only the requested tables are read.

A table is a stream that holds one column after the other. Texts are references into one pool, of two or three octets; numbers are
stored with their highest bit inverted, so that zero means no number.
"""

from __future__ import annotations

import array
import codecs
import dataclasses
import struct
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _compound_file
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._compound_file import CompoundFile
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._octets import Reader

if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Sequence

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._compound_file import ReadAt

    Row = Dict[str, Any]

WHAT = "MSI"
PACKAGE, PATCH, TRANSFORM = (
    b"%c\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46" % kind for kind in (0x84, 0x86, 0x82))

# Limits. Packages above them are refused.
MAX_STRINGS = 1 << 20
MAX_ROWS = 1 << 16  # of a table
MAX_COLUMNS = 255
MAX_TEXT = 16 << 20  # characters of all cells that are read together: one text may be in every row
MAX_SUMMARY = 64 << 10
MAX_PLACES = 64  # in a larger file where a package may begin

# Bits of a column's type.
SIZE, VALID, STRING, NULLABLE, KEY = 0xFF, 0x100, 0x800, 0x1000, 0x2000
LONG_REFERENCES = 0x80000000  # of the pool's first number, which is the code page otherwise

# A stream's name encodes two characters of this alphabet in one.
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
PAIRS, SINGLES, TABLE = 0x3800, 0x4800, 0x4840
SUMMARY = "\5SummaryInformation"

NEUTRAL, UTF_8 = 0, 65001
OTHER_CODECS = {NEUTRAL: "cp1252", UTF_8: "utf-8", 20127: "ascii", 10000: "mac-roman", 65000: "utf-7"}

# Properties of the summary.
SUMMARY_CODE_PAGE, TITLE, SUBJECT, AUTHOR, TEMPLATE, PACKAGE_CODE, SOURCE, APPLICATION = 1, 2, 3, 4, 7, 9, 15, 18
TEXTS_OF_SUMMARY = (TITLE, SUBJECT, AUTHOR, TEMPLATE, PACKAGE_CODE, APPLICATION)
SHORT, LONG, TEXT = 2, 3, 30  # types


@dataclasses.dataclass(frozen=True)
class Column:
    name: str
    type: int

    @property
    def is_stream(self) -> bool:
        return self.type & ~NULLABLE == STRING | VALID

    @property
    def is_text(self) -> bool:
        return bool(self.type & STRING) and not self.is_stream

    def width(self, long_references: bool) -> int:
        if self.is_text:
            return 3 if long_references else 2
        return 4 if self.type & SIZE == 4 and not self.is_stream else 2


class Database:
    """C(columns): {table: [Column]}. C(warnings): what could not be read as it was written."""

    def __init__(self, compound: CompoundFile) -> None:
        self.warnings: list[str] = []
        self._decoded: dict[int, str] = {}
        self._compound, self._text_left = compound, MAX_TEXT
        self._streams = dict((stream_name(name), name) for name in compound.streams)
        if not {"!_StringPool", "!_StringData", "!_Tables", "!_Columns"} <= set(self._streams):
            raise FormatError("%s: it has no tables" % WHAT)
        self._load_strings(self._stream("!_StringPool"))
        self.columns = self._load_columns()

    def _stream(self, name: str) -> bytes:
        return self._compound.read(self._streams[name]) if name in self._streams else b""

    # Texts

    def _load_strings(self, pool: bytes) -> None:
        if len(pool) < 4 or len(pool) % 4 or len(pool) // 4 > MAX_STRINGS:
            raise FormatError("%s: a string pool of %d octets" % (WHAT, len(pool)))
        first = int.from_bytes(pool[:4], "little")
        self.long_references, self.code_page = bool(first & LONG_REFERENCES), first & ~LONG_REFERENCES
        self._codec = self._codec_of(self.code_page)
        self._data, self._ends = self._stream("!_StringData"), array.array("Q", [0, 0])
        end, numbers = 0, struct.iter_unpack("<I", pool[4:])
        for (number,) in numbers:
            length, references = number & 0xFFFF, number >> 16
            if not length and references:  # too long for two octets: the next number is its length
                (length,) = next(numbers, (None,))
                if length is None:
                    raise FormatError("%s: the string pool ends inside an entry" % WHAT)
            end += length
            self._ends.append(end)
        if end != len(self._data):
            raise FormatError("%s: the string pool announces %d octets, but there are %d" % (WHAT, end, len(self._data)))

    def _codec_of(self, page: int) -> str:
        for name in (OTHER_CODECS.get(page), "cp%d" % page, "iso8859-%d" % (page - 28590)):
            try:
                return codecs.lookup(name or "").name
            except LookupError:
                continue
        self.warnings.append("Code page %d is unknown: characters other than ASCII are shown as octets." % page)
        return "ascii"

    def text(self, reference: int) -> str:
        """The text with this number, empty for 0."""
        if reference + 1 >= len(self._ends):
            raise FormatError("%s: there is no text %d" % (WHAT, reference))
        found = self._decoded.get(reference)
        if found is None:
            octets = self._data[self._ends[reference]:self._ends[reference + 1]]
            found = self._decoded[reference] = octets.decode(self._codec, "backslashreplace")
        self._text_left -= len(found)
        if self._text_left < 0:
            raise FormatError("%s: its tables have more than %d characters" % (WHAT, MAX_TEXT))
        return found

    # Tables

    def _load_columns(self) -> dict[str, list[Column]]:
        fixed = [Column("Table", STRING), Column("Number", 2), Column("Name", STRING), Column("Type", 2)]
        found: dict[str, dict[int, Column]] = {}
        for row in self._read("_Columns", fixed):
            found.setdefault(row["Table"], {})[row["Number"]] = Column(row["Name"], (row["Type"] or 0) & 0xFFFF)
        for table, columns in found.items():
            if set(columns) != set(range(1, len(columns) + 1)) or len(columns) > MAX_COLUMNS:
                raise FormatError("%s: the columns of table %s are not numbered consecutively" % (WHAT, table))
        return dict((table, [columns[number] for number in sorted(columns)]) for table, columns in found.items())

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of a table as {column: value}; none where there is no such table.

        A missing text is empty, a missing number is None, and the value of a stream is whether it exists.
        """
        return self._read(table, self.columns.get(table, []))

    def count(self, table: str) -> int:
        columns = self.columns.get(table, [])
        return self._shape(table, columns)[0] if columns else 0

    def _shape(self, table: str, columns: Sequence[Column]) -> tuple[int, bytes]:
        """C((rows, octets))"""
        octets, width = self._stream("!" + table), sum(column.width(self.long_references) for column in columns)
        if not octets:
            return 0, b""
        if not width or len(octets) % width or len(octets) // width > MAX_ROWS:
            raise FormatError("%s: table %s has %d octets for rows of %d" % (WHAT, table, len(octets), width))
        return len(octets) // width, octets

    def _read(self, table: str, columns: Sequence[Column]) -> Iterator[Row]:
        count, octets = self._shape(table, columns)
        start, cells = 0, []
        for column in columns:
            width = column.width(self.long_references)
            cells.append((column, start, width))
            start += width * count
        for number in range(count):
            yield dict((column.name, self._cell(column, octets[start + number * width:start + (number + 1) * width]))
                       for column, start, width in cells)

    def _cell(self, column: Column, octets: bytes) -> str | int | None:
        number = int.from_bytes(octets, "little")
        if column.is_text:
            return self.text(number)
        if column.is_stream:
            return bool(number)
        return number - (1 << 8 * len(octets) - 1) if number else None

    # The summary

    def summary(self) -> dict[int, Any]:
        """{number of a property: text or number}"""
        if SUMMARY not in self._streams:
            return {}
        octets = self._stream(SUMMARY)
        if len(octets) > MAX_SUMMARY:
            raise FormatError("%s: a summary of %d octets" % (WHAT, len(octets)))
        reader = Reader(octets, "little", "summary of the %s" % WHAT)
        reader.take(44)
        start = reader.u32()
        section = reader.at(start, len(octets) - start)
        section.u32()
        found: dict[int, Any] = {}
        values: dict[int, bytes] = {}
        for _each in range(section.u32()):
            number, offset = section.u32(), section.u32()
            value = reader.at(start + offset, len(octets) - start - offset)
            kind = value.u32() & 0xFFFF
            if kind == SHORT:
                found[number] = value.u16()
            elif kind == LONG:
                found[number] = value.i32()
            elif kind == TEXT and number in TEXTS_OF_SUMMARY:
                values[number] = value.take(value.u32()).split(b"\0")[0]
        codec = self._codec_of(found[SUMMARY_CODE_PAGE]) if SUMMARY_CODE_PAGE in found else self._codec
        for number, text in values.items():
            found[number] = text.decode(codec, "backslashreplace")
        return found


def stream_name(name: str) -> str:
    """The decoded name of a stream; that of a table begins with an exclamation mark."""
    found = []
    for character in name:
        code = ord(character)
        if PAIRS <= code < SINGLES:
            found.append(ALPHABET[code - PAIRS & 0x3F] + ALPHABET[code - PAIRS >> 6])
        elif SINGLES <= code < TABLE:
            found.append(ALPHABET[code - SINGLES])
        else:
            found.append("!" if code == TABLE else character)
    return "".join(found)


def find(read_at: ReadAt, size: int) -> list[tuple[int, Database]]:
    """C([(offset, Database)]) of the packages in a file: it is one, or it contains some uncompressed.

    Raises FormatError if the file begins as a compound file but is not a package, or is broken.
    """
    if read_at(0, len(_compound_file.SIGNATURE)) == _compound_file.SIGNATURE:
        return [(0, opened(read_at, size))]
    found = []
    for offset in _compound_file.places(read_at, size, MAX_PLACES):
        try:
            found.append((offset, opened(_from(offset, read_at), size - offset)))
        except FormatError:
            continue
    return found


def _from(offset: int, read_at: ReadAt) -> ReadAt:
    return lambda at, count: read_at(offset + at, count)


def opened(read_at: ReadAt, size: int) -> Database:
    compound = CompoundFile(read_at, size)
    kind = {PATCH: "a patch (.msp)", TRANSFORM: "a transform (.mst)"}.get(compound.class_id)
    if kind:
        raise FormatError("%s: this is %s, not a package" % (WHAT, kind))
    return Database(compound)
