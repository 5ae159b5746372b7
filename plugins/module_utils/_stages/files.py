# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Files on the controller with the results of a run."""

from __future__ import annotations

import contextlib
import errno
import os


def make_folder(path, mode=0o700):
    """Create the folder with this mode. Raises OSError."""
    os.makedirs(path, mode, exist_ok=True)
    os.chmod(path, mode)


def private_folder(path):
    """Create the folder, or check that an existing folder is ours and that nobody else can open it. Raises OSError."""
    os.makedirs(path, 0o700, exist_ok=True)
    status = os.stat(path)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "others can open it, or it belongs to another user")


def keep(path, content, mode=0o600):
    """Write a file in one step, so that it is either complete or unchanged. A link is replaced, never followed. Raises OSError.

    content: text or octets.
    """
    octets = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    temporary = "%s.%d" % (path, os.getpid())
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(octets)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
