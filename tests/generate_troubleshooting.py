# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the tables of the page about troubleshooting from the tables that the messages come from."""

from __future__ import annotations

import collection_path
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _capf, _cti_errors, _profile_status

PAGE = collection_path.ROOT / "docs" / "docsite" / "rst" / "troubleshooting.rst"
BEGIN = ".. The tables from here on are written by make options from the tables of codes. Change those.\n"


def escaped(text):
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("`", "\\`").replace("_", "\\_")


def sentence(text):
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".") if text else ""


def table(title, heads, rows):
    lines = [title, "-" * len(title), "", ".. list-table::", "   :header-rows: 1", ""]
    for row in [heads] + rows:
        for number, cell in enumerate(row):
            lines.append(("   * - " if number == 0 else "     - ") + cell)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def refusals():
    for reason, (what, cure) in sorted(_capf._REFUSALS.items()):
        yield ["``%d`` %s" % (reason, escaped(_capf.REASON_NAMES[reason])), escaped(what % {"name": "..."}), escaped(cure)]


def statuses():
    for status, (meaning, cure) in _profile_status.STATUSES.items():
        yield ["``%s``" % status, escaped(meaning), escaped(cure)]


def closed():
    for reason, (name, meaning, cure) in sorted(_cti_errors.CLOSE_REASONS.items()):
        yield ["``%d`` %s" % (reason, escaped(name)), escaped(sentence(meaning)), escaped(cure) or "Nothing."]


def errors():
    for code, (name, meaning, cure) in sorted(_cti_errors.ERRORS.items()):
        yield ["``0x%08X`` %s" % (code, escaped(name)), escaped(sentence(meaning)), escaped(cure)]


def tables():
    return BEGIN + "\n" + "\n".join([
        table("CAPF refuses", ["Reason", "Message", "What to do"], list(refusals())),
        table("Status of a CAPF profile", ["Status", "Meaning", "What to do"], list(statuses())),
        table("CTI Manager closes a provider", ["Reason", "Meaning", "What to do"], list(closed())),
        table("CTI Manager refuses a request", ["Code", "Meaning", "What to do"], list(errors())),
    ])


def page():
    """The page with its tables as they should be; what stands above them is written by hand."""
    head, _mark, _tables = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return head + tables()


def main():
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
