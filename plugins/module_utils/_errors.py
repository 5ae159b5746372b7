# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The errors that this collection raises on purpose.

Each carries what failed, where, and what the operator can do next. Any other exception that escapes is a bug
and may end in a traceback.
"""

from __future__ import annotations

from typing import Any


class SecureTspError(Exception):
    """Base class of these errors.

    what: one clause without a final full stop, such as C(the CAPF server refused the request).
    where: host, port, operation or file it happened at; may be empty.
    cure: one sentence with the next step; may be empty.
    facts: values for the module result. Never put a secret here, nor into the texts.
    """

    def __init__(self, what: str, where: str = "", cure: str = "", **facts: Any) -> None:
        super().__init__(what, where, cure)
        self.what = what
        self.where = where
        self.cure = cure
        self.facts = facts

    def __str__(self) -> str:
        text = self.what
        if self.where:
            text += " (%s)" % self.where
        text += "."
        if self.cure:
            text += " " + self.cure
        return text


class InputError(SecureTspError):
    """What the user asked for is wrong; nothing was changed."""


class MissingLibrary(SecureTspError):
    """A Python library is not installed for the interpreter that runs the module."""

    def __init__(self, library: str, import_error: str | None) -> None:
        super().__init__("the Python library %s is missing" % library)
        self.library = library
        self.import_error = import_error


class FormatError(SecureTspError):
    """Octets that break a format: truncated, contradictory or over a limit."""


class ProtocolError(SecureTspError):
    """The peer sent something that its protocol does not allow at this point."""


class TransportError(SecureTspError):
    """No connection, a broken one, or a refusal below the protocol itself."""


class DeadlineExceeded(TransportError):
    """The peer did not finish within the deadline."""


class FileMissing(TransportError):
    """The file server answered that it has no such file."""


class FileRefused(TransportError):
    """The file server answered but sent no file; it may have another one."""


class TrustError(SecureTspError):
    """A certificate or signature that the trust list does not confirm."""


class Refused(SecureTspError):
    """The server understood the request and refused it. C(code) is the number or name from its answer."""

    def __init__(self, what: str, where: str = "", cure: str = "", code: int | str | None = None, **facts: Any) -> None:
        super().__init__(what, where, cure, code=code, **facts)
        self.code = code


class CapfRefused(Refused):
    """CAPF ended the session with a reason other than success."""


class CtiRefused(Refused):
    """CTI Manager refused a request or closed the provider; code is the CTI error as unsigned integer."""


class AxlError(Refused):
    """AXL or a serviceability service refused: HTTP status or fault code in C(code)."""


class CannotHere(SecureTspError):
    """The library, the crypto policy or the platform of this host does not support it; the data may be correct.

    The fact C(verdict) is C(cannot_verify) if a signature could not be verified.
    """


class StoreError(SecureTspError):
    """A file of an instance cannot be read, written or trusted."""
