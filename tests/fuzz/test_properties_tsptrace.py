# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsptrace
from hypothesis import given
from hypothesis import strategies as st

from fuzz import VECTORS, Script, fuzz_tsptrace, peak_of, repeatable

TEXT = (VECTORS / "tsptrace" / "success.txt").read_text(encoding="utf-8")
LINES = TEXT.splitlines(keepends=True)
CTL = "16:31:04.075 | CSSLHelper::GetCTLFromTFTP CTLFileName = CTLCAPFA6A63C5.tlv\n"
MARKS = (
    "GetCTLFromTFTP", " CTLFileName =", " fullname =", ", fileName =", " CERT SUBJECTNAME = /", "/CN=", "/", "=",
    "TftpClient::TftpClient()", "instantiated successfully", "startSSLConnectThread()", "SSLConnect thread created",
    "SSLConnectThreadEntry()", " Handshake: ", "Finished", " SSL connection using ", "CAPFclient::openFile()",
    "open file ", " mode ", " mode w", "QBEClient.cer", "QBEClient.pem", "error", "password", "AuthString = ", " ",
    "\t", ",", "-", "x", "\ufffd", "\ud800", "4711471147",
)


def read(text, secret=""):
    head = bytes([0, 1, len(secret)]) + secret.encode()
    assert fuzz_tsptrace.check(head + text.encode("utf-8", "replace")) == "value"


def test_every_truncation():
    """A shorter trace shows the first stages, in order."""
    for size in range(len(TEXT)):
        attempts = _tsptrace.analyse(TEXT[:size].splitlines(keepends=True)).attempts
        for attempt in attempts:
            assert tuple(attempt.stages) == _tsptrace.STAGE_NAMES[:len(attempt.stages)]
        assert len(attempts) == (size > TEXT.index("CTLCAPF"))


@pytest.mark.parametrize("place", range(len(LINES)))
def test_every_line_missing_doubled_moved_and_damaged(place):
    line = LINES[place]
    rest = LINES[:place] + LINES[place + 1:]
    for lines in (rest, [line] + rest, rest + [line], LINES[:place] + [line, line] + LINES[place + 1:]):
        read("".join(lines))
    for cut in range(len(line)):
        read("".join(LINES[:place] + [line[:cut] + line[cut + 1:]] + LINES[place + 1:]))


CLOCKS = st.sampled_from(["16:31:04.075", "00:00:00.000", "23:59:59.999", "99:99:99.999", "\u0661\u0662:00:00.000", ""])
WORDS = st.lists(st.sampled_from(MARKS), max_size=8).map("".join)


@repeatable.examples
@given(st.lists(st.tuples(CLOCKS, WORDS), max_size=12), st.sampled_from(["", "4711471147", "x", "CN"]))
def test_any_marks_in_any_order(lines, secret):
    read("".join([CTL] + ["%s | %s\n" % line if line[0] else line[1] + "\n" for line in lines]), secret)


@repeatable.examples
@given(st.integers(0, 3), st.text(max_size=200), st.text(st.characters(codec="latin-1"), max_size=5))
def test_any_text(encoding, text, secret):
    octets = bytes([encoding, 1, len(secret)]) + secret.encode("latin-1") + (CTL + text).encode("utf-8", "replace")
    assert fuzz_tsptrace.check(octets) == "value"


@pytest.mark.parametrize("first", MARKS)
def test_hostile_lines_end(first):
    """Each pair of marks, many times in one line of the size that is read at once; a quadratic pattern takes hours."""
    for second in MARKS:
        for body in (first * 20 + second * 3000, (first + second) * 2000, second + first * 3000 + " z"):
            analysis = _tsptrace.analyse([CTL, "16:31:04.076 | " + body[:65000]])
            assert analysis.lines == 2


# Memory


def endless(line, count=4000):
    for _number in range(count):
        yield line


@pytest.mark.parametrize("line", [
    pytest.param(CTL, id="starts"),
    pytest.param("16:31:04.076 | error " + "x" * 500 + "\n", id="trouble"),
    pytest.param("16:31:04.076 | GetCTLFromTFTP fullname = C:/x, fileName = %s\n" % ("x" * 400), id="certificates"),
    pytest.param("16:31:04.076 | CAPFclient::openFile() open file %s mode w\n" % ("x" * 400), id="files"),
    pytest.param("x" * 100 + "\n", id="continued"),
])
def test_a_trace_of_any_length_takes_little_memory(line):
    def analyse():
        analysis = _tsptrace.analyse(iter([CTL, *endless(line)]))
        assert analysis.verdict == "stopped" and len(analysis.attempts) <= _tsptrace.MOST_QUOTES

    assert peak_of(analyse) < 1 << 19


def test_a_long_line_loses_its_end_and_no_secret_is_cut_in_two():
    secret = "topsecret9"
    for size in range(_tsptrace.LONGEST_LINE - 30, _tsptrace.LONGEST_LINE + 5):
        text = "failed " + "x" * (size - 8) + " " + secret + " and more"
        for lines in ([CTL, "16:31:04.076 | " + text], [CTL, "16:31:04.076 | failed", text]):
            quote = _tsptrace.analyse(lines, secrets=[secret]).attempts[0].trouble[0]["text"]
            assert "tops" not in quote and len(quote) <= _tsptrace.LONGEST_LINE + len(_tsptrace.CUT)


def test_names_in_a_result_hold_no_secret():
    script = Script(b"\0\1\x0a4711471147" + TEXT.replace("QBEClient", "4711471147").replace("cisco", "4711471147")
                    .replace("CTLCAPF", "4711471147").encode())
    fuzz_tsptrace.trace(script)
