# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Text for a terminal of 80 columns: folded lines, commands that can still be pasted, and tables. Pure."""

from __future__ import annotations

import re
import textwrap
from typing import Any, Collection, Iterable, Sequence

WIDTH = 80
BEGINS_WARNING = len("[WARNING]: ")  # what Ansible puts before a warning
COMMAND = re.compile(r"(\s*(?:\S+(?: \S+)*  +)?)((?:ansible-playbook|ansible|find) .*)")  # behind a label, or alone
WITH_INVENTORY = re.compile(r"\b(ansible-playbook|ansible)(?= (?:voiceops\.secure_tsp\.|\S+ -m ))")
WORD = re.compile(r"""(?:'[^']*'|"[^"]*"|\\.|[^\s'"])+""")
NAMED = 3  # instances that are named one by one


def folded(line: str, width: int = WIDTH) -> list[str]:
    """The line as lines of at most this width; further lines are indented by two more. A word is never broken."""
    if len(line) <= width:
        return [line]
    command = COMMAND.fullmatch(line.rstrip())
    if command:
        return _command(command.group(2), command.group(1), width)
    begin = line[:len(line) - len(line.lstrip())]
    return textwrap.wrap(line.strip(), width, initial_indent=begin, subsequent_indent=begin + "  ", break_long_words=False,
                         break_on_hyphens=False)


def _command(line: str, begin: str, width: int) -> list[str]:
    """A shell command over several lines, which can be pasted as it is: quoted text is never broken."""
    words = WORD.findall(line)
    lines = [begin + words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) + 2 > width:
            lines[-1] += " \\"
            lines.append(" " * (len(begin) + 2) + word)
        else:
            lines[-1] += " " + word
    return lines


def warning(text: str) -> str:
    """The text of a warning, wrapped for Ansible. Otherwise, newer releases print it on one line."""
    return "\n".join(textwrap.wrap(text, WIDTH, initial_indent="x" * BEGINS_WARNING, break_long_words=False,
                                   break_on_hyphens=False))[BEGINS_WARNING:]


def with_inventory(value: Any, sources: Sequence[str]) -> Any:
    """The value with -i added to every Ansible command in it. sources: shell words."""
    if isinstance(value, str):
        return WITH_INVENTORY.sub(lambda found: found.group() + "".join(" -i %s" % one for one in sources), value) if sources else value
    if isinstance(value, dict):
        return dict((key, with_inventory(one, sources)) for key, one in value.items())
    return [with_inventory(one, sources) for one in value] if isinstance(value, (list, tuple)) else value


def table(titles: list[str], rows: list[list[str]], keep: Collection[int]) -> list[str]:
    """Lines of a table, or of blocks where it is wider than a terminal.

    rows: lists of cells. keep: numbers of the columns in a block's first line; the others are below it.
    """
    lines = _aligned([titles] + rows)
    if all(len(line) <= WIDTH for line in lines):
        return lines
    rest = [number for number in range(len(titles)) if number not in keep]
    heads = _aligned([[row[number] for number in keep] for row in [titles] + rows])
    found = [heads[0]]
    for head, row in zip(heads[1:], rows):
        found += [head, "    " + ", ".join("%s %s" % (titles[number].lower(), row[number]) for number in rest)]
    return found


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def places(names: Iterable[str]) -> str:
    """The subject of a sentence: a few names, or the number of many and the first names."""
    names = list(names)
    if len(names) <= NAMED:
        return ", ".join(names)
    return "%d instances (%s and %d more)" % (len(names), ", ".join(names[:NAMED - 1]), len(names) - NAMED + 1)
