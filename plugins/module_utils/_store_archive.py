# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The store of an instance as one ZIP archive, for a host on which none of our code runs.

One file is read and written in one step each, so that key, certificate and trust list on the host always belong together. The names
in it are those of _store, with slashes. Empty folders are included, because an empty C(previous/) has a meaning.
"""

from __future__ import annotations

import calendar
import io
import os
import re
import time
import zipfile
import zlib

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _store
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import StoreError

NAME = "store.zip"
PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")  # of a path in the archive; locks and temporary files begin with a dot
DEPTH = 3  # probe/pending/QBEClient.key.pem
MOST_ENTRIES, MOST_OCTETS = 1000, 16 << 20
EARLIEST = 315532800  # 1980, when the calendar of ZIP begins
CURE = "Find out who changed it. To start again with a new key, remove it from the host."


def contents(folder):
    """{path: octets, or None for a folder} of what is below a folder, which may be missing."""
    found = {}
    for place, folders, names in os.walk(folder):
        inner = os.path.relpath(place, folder)
        prefix = "" if inner == os.curdir else inner + "/"
        found.update((prefix + name + "/", None) for name in folders)
        for name in names:
            if PART.match(name):
                with open(os.path.join(place, name), "rb") as stream:
                    found[prefix + name] = stream.read()
    return found


def pack(folder, comment=b""):
    """Octets of the archive. comment: is stored in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, octets in sorted(contents(folder).items()):
            moment = max(EARLIEST, os.stat(os.path.join(folder, path)).st_mtime)
            entry = zipfile.ZipInfo(path, time.gmtime(moment)[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, octets or b"")
        archive.comment = comment
    return stream.getvalue()


def comment_of(octets):
    """The comment of an archive; empty if it is not an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            return archive.comment
    except (zipfile.BadZipFile, ValueError, OSError):
        return b""


def unpack(octets, folder, where):
    """Put the content of an archive into a folder that exists and that only we can enter. Raises StoreError; where: its name there."""
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_OCTETS:
                raise StoreError("it is larger than any store", where=where, cure=CURE)
            for entry in sorted(entries, key=lambda one: one.filename):
                _unpack(archive, entry, folder, where)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise StoreError("it is not an archive of a store: %s" % (str(error) or type(error).__name__), where=where, cure=CURE) from None
    except OSError as error:
        raise StoreError("it cannot be unpacked: %s" % error.strerror, where=where) from None


def _unpack(archive, entry, folder, where):
    parts = entry.filename.rstrip("/").split("/")
    if len(parts) > DEPTH or not all(PART.match(part) for part in parts):
        raise StoreError("it contains a file that does not belong to a store", where=where, cure=CURE)
    path = os.path.join(folder, *parts)
    above = path if entry.filename.endswith("/") else os.path.dirname(path)
    os.makedirs(above, _store.FOLDER_MODE, exist_ok=True)
    if entry.filename.endswith("/"):
        return
    with archive.open(entry) as stream:
        octets = stream.read(_store.MAX_SIZE + 1)
    if len(octets) > _store.MAX_SIZE:
        raise StoreError("a file in it is larger than %d octets" % _store.MAX_SIZE, where=where, cure=CURE)
    mode = _store.PRIVATE_MODE if parts[-1] in _store.PRIVATE else _store.PUBLIC_MODE
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(octets)
    moment = calendar.timegm(entry.date_time + (0, 0, 0))
    os.utime(path, (moment, moment))
