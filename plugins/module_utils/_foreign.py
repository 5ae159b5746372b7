# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Safe output of foreign text: names, faults, pages, traces and file names from elsewhere. Pure.

printable() is for all text that a person reads, on a terminal or with cat. Code that writes HTML, XML, shell or YAML must
escape more.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from typing import Any, Iterable

# Control characters, formats (direction marks, invisible ones), lone surrogates, and separators of lines and paragraphs.
NOT_SHOWN = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Names of digests: 'show ctl' prints them behind the digits in brackets, other programs before them.
OTHER_WORDS = re.compile(r"\([^()]*\)|^\s*(?:MD5|SHA-?(?:1|256))\s*[:\s]|^\s*fingerprint\s*[:\s]", re.IGNORECASE)
WINDOWS_PATH = re.compile(r"[A-Za-z]:\\")
TEMPLATE_MARKS = ("{{", "{%", "{#")
# A shorter secret that has only digits or only letters may also be an ordinary number or word in a text.
NUMBER, WORD = 7, 16
HIDDEN = "********"


def printable(text: object) -> str:
    """The text on one line, without characters that move the cursor or that hide or reverse other text."""
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(escaped(one) if unicodedata.category(one) in NOT_SHOWN else one for one in text)


def escaped(character: str) -> str:
    number = ord(character)
    return "\\x%02x" % number if number < 0x100 else "\\u%04x" % number if number < 0x10000 else "\\U%08x" % number


def all_printable(value: Any) -> Any:
    """The same for every text in lists and dictionaries."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return dict((all_printable(key), all_printable(one)) for key, one in value.items())
    return [all_printable(one) for one in value] if isinstance(value, (list, tuple)) else value


def shown_lines(value: Any) -> Any:
    """The same, but with line breaks kept: for what Ansible shows as a difference."""
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
    """Whether the secret may also be an ordinary word or number in a text."""
    return len(secret) < 2 or secret.isdigit() and len(secret) < NUMBER or secret.isalpha() and len(secret) < WORD


def standing(secret: str) -> re.Pattern[str]:
    """Pattern of a secret as a separate word. As part of a name, an ID or an address it is not the secret, and hiding it there
    would reveal it."""
    before = r"(?<!\w)(?<!\w[-.])" if re.match(r"\w", secret) else ""
    after = r"(?![-.]?\w)" if re.search(r"\w\Z", secret) else ""
    return re.compile(before + re.escape(secret) + after)


def hidden(text: str, secrets: Iterable[str]) -> str:
    """A text for people, with its secrets hidden."""
    for secret in sorted(secrets, key=len, reverse=True):
        if not is_ordinary(secret):
            text = standing(secret).sub(HIDDEN, text)
    return text
