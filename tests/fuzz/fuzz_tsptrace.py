# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TSP trace files: any text gives an analysis, and no secret stands in it.

The first octet of an input chooses the encoding, the second the silence to list, then come a secret behind its size and
the text.
"""

from __future__ import annotations

import json

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsptrace

from fuzz import VECTORS, Script, outcome, read_properties

ENCODINGS = ("utf-8", "utf-16-le", "cp1252", "utf-7")
VERDICTS = ("complete", "stopped", "no_secure_start")


def check(octets):
    return outcome((), trace, Script(octets))


def seeds():
    text = (VECTORS / "tsptrace" / "success.txt").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    yield "success", b"\0\1\0" + text.encode()
    yield "utf-16", b"\1\1\0" + text.encode("utf-16-le")
    yield "twice", b"\0\1\0" + text.encode() + "".join(lines[:9]).encode()
    yield "midnight", b"\0\1\0" + (text.replace("16:31:04", "23:59:59").replace("16:31:05", "00:00:00")).encode()
    yield "secret", b"\0\1\x0a" + b"4711471147" + (
        "".join(lines[:3]) + "16:31:04.200 | x() failed, AuthString = 4711471147 of 4711471147\n").encode()


def trace(script):
    encoding, silence = script.choice(ENCODINGS), script.number()
    secret = script.short().decode("latin-1")
    lines = script.rest().decode(encoding, "replace").splitlines(keepends=True)
    analysis = _tsptrace.analyse(iter(lines), silence * 10, [secret])
    found = read_properties(analysis)
    assert found["verdict"] in VERDICTS and found["summary"].endswith((".", "...")) and found["next_step"].endswith(".")
    assert analysis.lines <= len(lines) and len(analysis.gaps) <= _tsptrace.MOST_QUOTES
    for attempt in analysis.attempts:
        assert attempt.reached in attempt.stages and set(attempt.stages) <= set(_tsptrace.STAGE_NAMES)
    texts = list(quoted(analysis))
    assert all(len(text) < 9 * _tsptrace.LONGEST_LINE for text in texts) and json.dumps(texts)
    if secret and "*" not in secret:
        assert not any(secret in text for text in texts)
    names = [line[:40] for line in lines]
    assert sorted(_tsptrace.rotation_order([(name, None, name[:12]) for name in names])) == sorted(names)


def quoted(analysis):
    """Every text that comes from the trace and is not a time."""
    for gap in analysis.gaps:
        yield from (gap["before"], gap["after"])
    for quote in analysis.trouble:
        yield quote["text"]
    for attempt in analysis.attempts:
        yield from (attempt.ctl_file, attempt.cipher, *attempt.files_written)
        yield from (quote["text"] for quote in (*attempt.trouble, *attempt.after))
        for certificate in attempt.certificates:
            yield from (certificate["file"], certificate["path"], certificate["subject"])
