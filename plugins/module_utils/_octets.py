# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The only place that counts bytes.

A Reader never reads past its end and a part opened with C(within) must be read exactly to its end,
so a codec built on it cannot accept trailing or missing octets unnoticed.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError

if TYPE_CHECKING:
    from typing import Iterator, Literal

    Order = Literal["big", "little"]


def digest(algorithm: str, octets: bytes) -> bytes | None:
    """Digest of octets, or None where the host forbids the algorithm even for uses without security."""
    try:
        return hashlib.new(algorithm, octets, usedforsecurity=False).digest()
    except TypeError:
        pass  # Python 3.8 does not know the parameter
    except ValueError:
        return None
    try:
        return hashlib.new(algorithm, octets).digest()
    except ValueError:
        return None


class Reader:
    """Read integers and octets in order.

    order: C(big) (CTL, CAPF) or C(little) (CTIQBE).
    what: the name used in error messages.
    Raises FormatError with the absolute offset in C(facts) when there are too few octets.
    """

    def __init__(self, octets: bytes, order: Order = "big", what: str = "data", start: int = 0, end: int | None = None) -> None:
        self.octets = octets
        self.order = order
        self.what = what
        self.position = start
        self.end = len(octets) if end is None else end

    @property
    def remaining(self) -> int:
        return self.end - self.position

    def fail(self, problem: str, offset: int | None = None) -> FormatError:
        """The FormatError for a problem at an offset (default: here); the caller raises it."""
        offset = self.position if offset is None else offset
        return FormatError("%s: %s at offset %d" % (self.what, problem, offset), offset=offset)

    def take(self, count: int) -> bytes:
        if count < 0 or count > self.remaining:
            raise self.fail("%d octets wanted, %d left" % (count, self.remaining))
        taken = bytes(self.octets[self.position:self.position + count])
        self.position += count
        return taken

    def _integer(self, width: int) -> int:
        return int.from_bytes(self.take(width), self.order)

    def u8(self) -> int:
        return self._integer(1)

    def u16(self) -> int:
        return self._integer(2)

    def u32(self) -> int:
        return self._integer(4)

    def i32(self) -> int:
        return int.from_bytes(self.take(4), self.order, signed=True)

    def rest(self) -> bytes:
        return self.take(self.remaining)

    @contextlib.contextmanager
    def within(self, length: int) -> Iterator[Reader]:
        """A Reader over the next octets, which the block must consume exactly."""
        if length < 0 or length > self.remaining:
            raise self.fail("a part of %d octets announced, %d left" % (length, self.remaining))
        part = Reader(self.octets, self.order, self.what, self.position, self.position + length)
        yield part
        if part.remaining:
            raise part.fail("%d octets too many" % part.remaining)
        self.position = part.end

    def at(self, offset: int, length: int) -> Reader:
        """A Reader over octets elsewhere in the same data, bounds-checked against the whole of it."""
        if offset < 0 or length < 0 or offset + length > self.end:
            raise self.fail("reference to %d octets at %d leaves the data" % (length, offset))
        return Reader(self.octets, self.order, self.what, offset, offset + length)


class Writer:
    """Collect integers and octets in order; C(octets()) gives the result."""

    def __init__(self, order: Order = "big") -> None:
        self.order = order
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def _integer(self, value: int, width: int, signed: bool = False) -> Writer:
        try:
            self._data += value.to_bytes(width, self.order, signed=signed)
        except OverflowError:
            raise FormatError("the number %d does not fit into %d octets" % (value, width)) from None
        return self

    def u8(self, value: int) -> Writer:
        return self._integer(value, 1)

    def u16(self, value: int) -> Writer:
        return self._integer(value, 2)

    def u32(self, value: int) -> Writer:
        return self._integer(value, 4)

    def i32(self, value: int) -> Writer:
        return self._integer(value, 4, signed=True)

    def put(self, octets: bytes) -> Writer:
        self._data += octets
        return self

    def octets(self) -> bytes:
        return bytes(self._data)
