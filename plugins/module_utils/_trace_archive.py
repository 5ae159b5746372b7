# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Files inside a ZIP, a tar or a .gz, read within limits.

Members are written only to one unnamed file, so that no name can lead out of a folder and no link is followed.
"""

from __future__ import annotations

import bz2
import calendar
import gzip
import io
import lzma
import posixpath
import struct
import tarfile
import tempfile
import zipfile
import zlib

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError

MOST_OCTETS = 512 << 20  # unpacked, of one archive
MOST_MEMBERS = 5000
LONGEST_NAME = 1000
PIECE = 1 << 16
ZIP, TAR, GZIP, BZIP2, XZ = "ZIP", "tar", "gzip", "bzip2", "xz"
PACKED = {GZIP: gzip.open, BZIP2: bz2.open, XZ: lzma.open}
#: First octets of files that are not opened.
FOREIGN = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Rar!\x1a\x07", "a RAR archive"), (b"MSCF", "a cabinet file"),
    (b"\xd4\xc3\xb2\xa1", "a packet capture"), (b"\xa1\xb2\xc3\xd4", "a packet capture"), (b"\x0a\x0d\x0d\x0a", "a packet capture"),
    (b"ElfFile\0", "a Windows event log"), (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"%PDF", "a PDF"),
)
CUT_SHORT = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, OverflowError,
          struct.error, NotImplementedError, RuntimeError, KeyError, IndexError)


def format_of(head):
    """ZIP, tar, gzip, bzip2, xz by the first 512 octets, or None."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ZIP
    if head[257:262] == b"ustar":
        return TAR
    return GZIP if head.startswith(b"\x1f\x8b") else BZIP2 if head.startswith(b"BZh") else XZ if head.startswith(b"\xfd7zXZ\0") else None


def foreign(head):
    """What a file that is not opened is, or empty."""
    return next((words for magic, words in FOREIGN if head.startswith(magic)), "")


class Member:
    """A file of an archive; modified in seconds since 1970 or None."""

    def __init__(self, name, modified, store, begin, size):
        self.name = name
        self.modified = modified
        self._store, self._begin, self._size = store, begin, size

    def open(self):
        return io.BufferedReader(_Part(self._store, self._begin, self._size))


class _Part(io.RawIOBase):
    """A part of a larger file, which others read at the same time."""

    def __init__(self, store, begin, size):
        super().__init__()
        self._store, self._begin, self._size, self._at = store, begin, size, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self):
        return self._at

    def readinto(self, buffer):
        self._store.seek(self._begin + min(self._at, self._size))
        octets = self._store.read(max(0, min(len(buffer), self._size - self._at)))
        buffer[:len(octets)] = octets
        self._at += len(octets)
        return len(octets)


def members(name, stream, limit=MOST_OCTETS):
    """C(([Member], [(name, why it was skipped)])) of an archive, which is a seekable stream of octets.

    A compressed file that is not a tar is one Member. Raises InputError for an archive that is damaged, too large or encrypted.
    """
    opener = _Opener(name, limit)
    try:
        opener.open(stream)
    except InputError:
        raise
    except BROKEN as error:
        if "password" in str(error) or "encrypted" in str(error):
            raise InputError("the archive %s is encrypted" % name, cure="Unpack it, and give the folder.") from None
        raise InputError("the archive %s is damaged or not readable" % name, cure="Fetch it again, or unpack it and give the folder."
                         ) from None
    return opener.found, opener.left_out


class _Opener:
    """Unpack one archive into one unnamed file."""

    def __init__(self, name, limit):
        self.name = name
        self.found, self.left_out = [], []
        self._limit = limit
        self._store = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        self._size = self._count = 0

    def open(self, stream):
        kind = format_of(stream.read(512))
        stream.seek(0)
        if kind == ZIP:
            self._zip(stream)
        elif kind == TAR:
            self._tar(stream)
        else:
            self._packed(stream, kind)

    def _too_large(self):
        return InputError("the archive %s contains more than %d MB, or more than %d files" % (self.name, self._limit >> 20, MOST_MEMBERS),
                          cure="Unpack it, and give the folder of the traces.")

    def _keep(self, stream, name=None):
        """C((begin, size)) of the stream's content, now in the unnamed file.

        name: of a compressed file, which may be cut off because a service of the cluster is still writing it: the available part counts.
        """
        begin, size = self._size, 0
        while True:
            try:
                octets = stream.read1(PIECE) if name else stream.read(PIECE)
            except CUT_SHORT:
                if not name or not size:
                    raise
                self.left_out.append((name, "the end of a compressed file that is cut off; the part before it was read"))
                octets = b""
            if not octets:
                self._size += size
                return begin, size
            size += len(octets)
            if begin + size > self._limit:
                raise self._too_large()
            self._store.seek(begin + size - len(octets))  # reading another part has moved it
            self._store.write(octets)

    def _accepted(self, path):
        """The member's name for people, or None if it is skipped."""
        self._count += 1
        if self._count > MOST_MEMBERS:
            raise self._too_large()
        parts = path.replace("\\", "/").split("/")
        if ".." in parts or not path or len(path) > LONGEST_NAME or path.startswith(("/", "\\")) or parts[0].endswith(":"):
            self.left_out.append((path[:200], "a path that leads out of the archive"))
            return None
        return posixpath.join(self.name, *[part for part in parts if part not in ("", ".")])

    def _put(self, path, modified, stream):
        begin, size = self._keep(stream)
        member = Member(path, modified, self._store, begin, size)
        with member.open() as read:
            head = read.read(512)
        if format_of(head) in (ZIP, TAR):
            self.left_out.append((path, "an archive inside an archive"))
        elif format_of(head):
            self._inner(member, path)
        else:
            self.found.append(member)

    def _inner(self, member, path):
        """A compressed trace inside an archive, as CUCM keeps them."""
        with member.open() as read:
            try:
                begin, size = self._keep(PACKED[format_of(read.peek(512)[:512])](read), path)
            except InputError:
                raise
            except BROKEN:
                self.left_out.append((path, "a damaged compressed file"))
                return
        inner = Member(path, member.modified, self._store, begin, size)
        with inner.open() as read:
            if format_of(read.read(512)):
                self.left_out.append((path, "an archive inside an archive"))
            else:
                self.found.append(inner)

    def _zip(self, stream):
        with zipfile.ZipFile(stream) as archive:
            for info in archive.infolist():
                path = self._accepted(info.filename)
                if path is None or info.filename.endswith("/"):
                    continue
                if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                    self.left_out.append((path, "not a regular file"))
                    continue
                with archive.open(info) as read:
                    self._put(path, _moment(info.date_time), read)

    def _tar(self, stream):
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for info in archive:
                path = self._accepted(info.name)
                if path is None or info.isdir():
                    continue
                if not info.isreg() or info.issparse():
                    self.left_out.append((path, "a link" if info.issym() or info.islnk() else "not a regular file"))
                    continue
                if info.size > self._limit - self._size:
                    raise self._too_large()
                self._put(path, info.mtime, archive.extractfile(info))

    def _packed(self, stream, kind):
        with PACKED[kind](stream) as read:
            begin, size = self._keep(read, self.name)
        whole = Member(self.name, None, self._store, begin, size)
        with whole.open() as read:
            inner = format_of(read.read(512))
        if inner == TAR:
            # The members are written after it, within the same limit.
            with whole.open() as read:
                self._tar(read)
        elif inner:
            raise InputError("%s is an archive inside an archive" % self.name, cure="Unpack it, and give the folder of the traces.")
        else:
            self.found.append(whole)


def _moment(date_time):
    try:
        return float(calendar.timegm(date_time + (0, 0, 0))) if date_time > (1980, 1, 1, 0, 0, 0) else None
    except (ValueError, OverflowError):
        return None
