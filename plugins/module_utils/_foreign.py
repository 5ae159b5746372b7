# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The border of foreign text: names, faults, pages, traces and file names that somebody else wrote. Pure.

printable() is for whatever a person will read, on a terminal or with cat. For HTML, XML, shell and YAML there is more to do,
where these are written.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from typing import Any, Iterable

# Control characters, formats (direction marks, invisible ones), lone surrogates, and separators of lines and paragraphs.
NOT_SHOWN = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Names of digests: 'show ctl' prints them behind the digits in brackets, others before them.
OTHER_WORDS = re.compile(r"\([^()]*\)|^\s*(?:MD5|SHA-?(?:1|256))\s*[:\s]|^\s*fingerprint\s*[:\s]", re.IGNORECASE)
WINDOWS_PATH = re.compile(r"[A-Za-z]:\\")
TEMPLATE_MARKS = ("{{", "{%", "{#")
# Shorter ones, if they have only digits or only letters, may be any number or word of a text that has no secret in it.
NUMBER, WORD = 7, 16
HIDDEN = "********"


def printable(text: object) -> str:
    """The text on one line, with nothing in it that moves a cursor, hides or turns what stands beside it."""
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(escaped(one) if unicodedata.category(one) in NOT_SHOWN else one for one in text)


def escaped(character: str) -> str:
    number = ord(character)
    return "\\x%02x" % number if number < 0x100 else "\\u%04x" % number if number < 0x10000 else "\\U%08x" % number


def all_printable(value: Any) -> Any:
    """The same of every text in lists and dictionaries."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return dict((all_printable(key), all_printable(one)) for key, one in value.items())
    return [all_printable(one) for one in value] if isinstance(value, (list, tuple)) else value


def shown_lines(value: Any) -> Any:
    """The same, with the ends of lines left where they are: what Ansible shows as a difference."""
    if isinstance(value, str):
        return "\n".join(map(printable, value.split("\n")))
    if isinstance(value, dict):
        return dict((shown_lines(key), shown_lines(one)) for key, one in value.items())
    return [shown_lines(one) for one in value] if isinstance(value, (list, tuple)) else value


def hexadecimal(text: str) -> str:
    """The digits of a fingerprint as programs and dialogs print it: with a name before or behind it, in groups, with invisible marks."""
    text = "".join(one for one in text if unicodedata.category(one) not in NOT_SHOWN)
    text = OTHER_WORDS.sub("", text.rpartition("=")[2])
    return re.sub(r"[\s:-]", "", text).lower()


def parted(path: str) -> tuple[str, str]:
    """C((folder, name)) of a path on a host, which may have Windows."""
    folder, _mark, name = path.rpartition("\\" if WINDOWS_PATH.match(path) else "/")
    return folder, name


def has_template(text: str) -> bool:
    """Whether Ansible could take the text for a template."""
    return any(mark in text for mark in TEMPLATE_MARKS)


def word(text: object) -> str:
    """The text as one word of a printed shell command."""
    return shlex.quote(printable(text))


def is_ordinary(secret: str) -> bool:
    """Whether a text without a secret in it may well hold the same letters as a word or number of its own."""
    return len(secret) < 2 or secret.isdigit() and len(secret) < NUMBER or secret.isalpha() and len(secret) < WORD


def standing(secret: str) -> re.Pattern[str]:
    """Pattern of a secret that stands in a text by itself. As a part of a name, an ID or an address it is not meant, and to hide it
    there would tell it."""
    before = r"(?<!\w)(?<!\w[-.])" if re.match(r"\w", secret) else ""
    after = r"(?![-.]?\w)" if re.search(r"\w\Z", secret) else ""
    return re.compile(before + re.escape(secret) + after)


def hidden(text: str, secrets: Iterable[str]) -> str:
    """A text for people without the secrets that stand in it."""
    for secret in sorted(secrets, key=len, reverse=True):
        if not is_ordinary(secret):
            text = standing(secret).sub(HIDDEN, text)
    return text
