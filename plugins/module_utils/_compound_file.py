# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""OLE compound files (MS-CFB): the streams of the root storage, and their octets. An MSI is one.

Nothing is trusted: the length of each chain is limited by its content, and no sector may occur twice in a chain. Only the
directory and the requested streams are read, whatever the size of the file. All reads use C(read_at(offset, size)).
"""

from __future__ import annotations

import dataclasses
import struct
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._octets import Reader

if TYPE_CHECKING:
    from typing import Callable, Sequence

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError

    ReadAt = Callable[[int, int], bytes]

WHAT = "compound file"
SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
HEADER_SIZE, ENTRY_SIZE = 512, 128
SECTOR_SHIFTS = {3: 9, 4: 12}  # by version
MINI_SHIFT, MINI_CUTOFF = 6, 4096
FIRST_FAT_SECTORS = 109  # in the header
END, NONE = 0xFFFFFFFE, 0xFFFFFFFF
STORAGE, STREAM, ROOT = 1, 2, 5

# Limits. Files above them are refused.
MAX_STREAM = 32 << 20  # octets of a stream that is read; cabinets may be larger, because they are not read here
MAX_MINI_STREAM = 64 << 20
MAX_ENTRIES = 1 << 15  # of the directory
MAX_FAT_SECTORS = 1 << 16  # enough for 4 GB


@dataclasses.dataclass(frozen=True)
class Entry:
    """A directory entry. C(name) is as stored; an MSI encodes names further."""

    name: str
    kind: int
    left: int
    right: int
    child: int
    class_id: bytes
    start: int
    size: int


class CompoundFile:
    """C(streams): {name: Entry} of the root storage. C(class_id): what kind of document it is.

    read_at: gives octets from an offset on, fewer only at the end. size: of the whole file.
    """

    def __init__(self, read_at: ReadAt, size: int) -> None:
        self._read_at = read_at
        self._cached: tuple[int | None, bytes] = (None, b"")
        self._reader = header = Reader(read_at(0, HEADER_SIZE), "little", WHAT)
        if header.take(8) != SIGNATURE:
            raise header.fail("it does not begin with the signature", 0)
        header.take(18)
        version, order, self._shift, mini_shift = header.u16(), header.u16(), header.u16(), header.u16()
        header.take(10)
        fat_sectors, first_directory, _transaction, cutoff, self._first_mini_fat, _count, first_more, _count = (
            header.u32() for _each in range(8))
        if (order, mini_shift, cutoff) != (0xFFFE, MINI_SHIFT, MINI_CUTOFF) or SECTOR_SHIFTS.get(version) != self._shift:
            raise header.fail("a header of an unknown kind", 24)
        self._sector_size = 1 << self._shift
        self._sectors = max((size >> self._shift) - 1, 0)
        self._mini_fat = b""
        self._mini_sectors: list[int] = []
        self._fat = self._fat_of(fat_sectors, first_more)
        entries = self._directory(first_directory, version)
        if not entries or entries[0].kind != ROOT:
            raise self._fail("the directory has no root")
        self._root = entries[0]
        self.class_id = self._root.class_id
        self.streams = self._children(entries)

    def read(self, name: str) -> bytes:
        """The octets of a stream. Raises FormatError if it is too large or broken, KeyError if there is none."""
        entry = self.streams[name]
        if entry.size > MAX_STREAM:
            raise self._fail("a stream of %d octets exceeds the limit of %d" % (entry.size, MAX_STREAM))
        if not entry.size:
            return b""
        shift, read, follow, limit = self._shift, self._sector, self._next, self._sectors
        if entry.size < MINI_CUTOFF:
            self._load_mini_stream()
            shift, read, follow, limit = MINI_SHIFT, self._mini_sector, self._mini_next, self._root.size >> MINI_SHIFT
        chain = self._chain(entry.start, -(-entry.size >> shift), follow, limit)
        return b"".join(map(read, chain))[:entry.size]

    def _fail(self, problem: str) -> FormatError:
        return self._reader.fail(problem, 0)

    # Sectors

    def _sector(self, number: int) -> bytes:
        if number >= self._sectors:
            raise self._fail("sector %d is beyond the end of the file" % number)
        octets = self._read_at((number + 1) << self._shift, self._sector_size)
        if len(octets) != self._sector_size:
            raise self._fail("sector %d is cut off" % number)
        return octets

    def _next(self, sector: int) -> int:
        place, offset = sector * 4 >> self._shift, sector * 4 & self._sector_size - 1
        if place >= len(self._fat):
            raise self._fail("sector %d has no entry in the allocation table" % sector)
        if self._cached[0] != place:
            self._cached = place, self._sector(self._fat[place])
        return int.from_bytes(self._cached[1][offset:offset + 4], "little")

    def _chain(self, sector: int, count: int, follow: Callable[[int], int], limit: int) -> list[int]:
        """The first C(count) sectors of a chain, which may be longer if it was allocated in advance."""
        seen: dict[int, None] = {}
        while len(seen) < count:
            if sector >= limit or sector in seen:
                raise self._fail("a chain of %d sectors breaks or loops at sector %d" % (count, sector))
            seen[sector] = None
            if len(seen) < count:
                sector = follow(sector)
        return list(seen)

    def _whole_chain(self, sector: int, most: int) -> list[int]:
        seen: dict[int, None] = {}
        while sector != END:
            if sector >= self._sectors or sector in seen or len(seen) == most:
                raise self._fail("a chain breaks, loops or is too long at sector %d" % sector)
            seen[sector] = None
            sector = self._next(sector)
        return list(seen)

    def _fat_of(self, count: int, more: int) -> list[int]:
        """Numbers of the sectors that hold the allocation table."""
        if count > min(self._sectors, MAX_FAT_SECTORS):
            raise self._fail("an allocation table of %d sectors" % count)
        found, seen = [self._reader.u32() for _each in range(FIRST_FAT_SECTORS)], set()
        while len(found) < count:
            if more in seen:
                raise self._fail("the list of allocation tables loops at sector %d" % more)
            seen.add(more)
            *numbers, more = struct.unpack("<%dI" % (self._sector_size // 4), self._sector(more))
            found += numbers
        if len(set(found[:count])) != count:
            raise self._fail("a sector holds the allocation table twice")
        return found[:count]

    # The mini stream, which holds the small ones

    def _load_mini_stream(self) -> None:
        if self._mini_sectors:
            return
        if self._root.size > MAX_MINI_STREAM:
            raise self._fail("small streams of %d octets together" % self._root.size)
        self._mini_sectors = self._chain(
            self._root.start, -(-self._root.size >> self._shift), self._next, self._sectors)
        tables = self._whole_chain(self._first_mini_fat, MAX_MINI_STREAM >> self._shift)
        self._mini_fat = b"".join(map(self._sector, tables))

    def _mini_sector(self, number: int) -> bytes:
        offset = number << MINI_SHIFT
        sector = self._mini_sectors[offset >> self._shift]
        return self._read_at(((sector + 1) << self._shift) + (offset & self._sector_size - 1), 1 << MINI_SHIFT)

    def _mini_next(self, sector: int) -> int:
        if sector * 4 + 4 > len(self._mini_fat):
            raise self._fail("small sector %d has no entry in the allocation table" % sector)
        return int.from_bytes(self._mini_fat[sector * 4:sector * 4 + 4], "little")

    # The directory

    def _directory(self, first: int, version: int) -> list[Entry]:
        found = []
        for number in self._whole_chain(first, MAX_ENTRIES * ENTRY_SIZE >> self._shift):
            octets = self._sector(number)
            for offset in range(0, len(octets), ENTRY_SIZE):
                found.append(self._entry(Reader(octets, "little", WHAT, offset, offset + ENTRY_SIZE), version))
        return found

    @staticmethod
    def _entry(reader: Reader, version: int) -> Entry:
        octets, length, kind = reader.take(64), reader.u16(), reader.u8()
        if length > 64 or length % 2:
            raise reader.fail("a name of %d octets" % length)
        reader.u8()
        left, right, child, class_id = reader.u32(), reader.u32(), reader.u32(), reader.take(16)
        reader.take(20)
        start, low, high = reader.u32(), reader.u32(), reader.u32()
        name = octets[:max(length - 2, 0)].decode("utf-16-le", "surrogatepass")
        # Files of version 3 may have anything in the high half.
        return Entry(name, kind, left, right, child, class_id, start, low if version == 3 else low | high << 32)

    def _children(self, entries: Sequence[Entry]) -> dict[str, Entry]:
        """The streams below the root, whose entries form a tree."""
        found, seen, waiting = {}, set(), [self._root.child]
        while waiting:
            number = waiting.pop()
            if number == NONE:
                continue
            if number >= len(entries) or number in seen:
                raise self._fail("the directory refers to entry %d, which does not exist or occurred before" % number)
            seen.add(number)
            entry = entries[number]
            waiting += [entry.left, entry.right]
            if entry.kind == STREAM:
                if entry.name in found:
                    raise self._fail("two streams with the same name")
                found[entry.name] = entry
        return found


def places(read_at: ReadAt, size: int, most: int) -> list[int]:
    """Offsets where a compound file may begin inside another file, at most C(most) of them."""
    found: list[int] = []
    step, position = 1 << 20, 0
    while position < size and len(found) < most:
        octets = read_at(position, step + len(SIGNATURE) - 1)
        offset = octets.find(SIGNATURE)
        while offset >= 0 and len(found) < most:
            found.append(position + offset)
            offset = octets.find(SIGNATURE, offset + 1)
        position += step
    return found
