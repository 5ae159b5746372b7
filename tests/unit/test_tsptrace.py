# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsptrace


@pytest.fixture(scope="module")
def success(vectors):
    return (vectors / "tsptrace" / "success.txt").read_text().splitlines(keepends=True)


def test_a_successful_start_reaches_every_stage_in_order(success):
    analysis = _tsptrace.analyse(success)
    attempt = analysis.attempts[0]
    assert list(attempt.stages) == list(_tsptrace.STAGE_NAMES)
    assert analysis.verdict == "complete"
    assert attempt.stages["ctl_requested"]["clock"] == "16:31:04.075"
    assert attempt.stages["capf_tls_finished"]["clock"] == "16:31:04.232"
    assert attempt.stages["key_stored"] == {"clock": "16:31:05.299", "milliseconds": 1224, "line": 31}
    assert attempt.ctl_file == "CTLCAPFA6A63C5.tlv"
    assert attempt.cipher == "AES128-SHA"
    assert [path.rsplit("/", 1)[1] for path in attempt.files_written] == ["QBEClient.cer", "QBEClient.pem"]
    assert attempt.trouble == [] and analysis.gaps == []


def test_wrapped_lines_are_joined_and_certificates_checked_against_their_file_names(success):
    certificates = _tsptrace.analyse(success).attempts[0].certificates
    assert [(item["file"], item["subject"], item["hash_fits"]) for item in certificates] == [
        ("417b2018.0", "/C=IN/O=cisco/OU=tac/CN=ITLRECOVERY_cucm11-pub/ST=Karnataka/L=BGL", True),
        ("f6bd2fd0.0", "/C=IN/O=cisco/OU=tac/CN=cucm11-pub/ST=Karnataka/L=BGL", True),
        ("fed232f9.0", "/C=IN/O=cisco/OU=tac/CN=CAPF-c5d37298/ST=Karnataka/L=BGL", True),
    ]


def test_a_certificate_under_a_foreign_file_name_is_noticed(success):
    wrong = [line.replace("417b2018", "417b2019") for line in success]
    assert _tsptrace.analyse(wrong).attempts[0].certificates[0]["hash_fits"] is False


def test_printed_subject_hashes_equal_the_published_ones(vectors):
    for vector in json.loads((vectors / "subject_hash.json").read_text())["vectors"]:
        printed = "".join("/%s=%s" % tuple(rdn) for rdn in vector["rdns"])
        assert _tsptrace.printed_subject_hash(printed) == vector["subject_hash"]
    assert _tsptrace.printed_subject_hash("/X9=unknown/CN=a") == ""


def truncations(lines):
    """After which physical line each stage has just been reached."""
    analysis = _tsptrace.analyse(lines)
    seen = 0
    for count in range(1, len(lines) + 1):
        attempts = _tsptrace.analyse(lines[:count]).attempts
        stages = len(attempts[0].stages) if attempts else 0
        if stages > seen:
            seen = stages
            yield list(analysis.attempts[0].stages)[stages - 1], lines[:count]


def test_a_trace_cut_after_each_stage_names_that_stage_and_a_next_step(success):
    rows = list(truncations(success))
    assert [stage for stage, _lines in rows] == list(_tsptrace.STAGE_NAMES)
    steps = set()
    for stage, lines in rows:
        analysis = _tsptrace.analyse(lines + ["16:31:09.000 | Something::else() went its way\n"])
        assert analysis.attempts[0].reached == stage
        assert analysis.verdict == ("complete" if stage == "key_stored" else "stopped")
        assert [quote["text"] for quote in analysis.attempts[0].after] == ["Something::else() went its way"]
        steps.add(analysis.next_step)
    assert len(steps) == len(rows)


@pytest.mark.parametrize("lines", [[], ["no time stamp\n"], ["16:31:04.075 | Other::thing()\n"]])
def test_a_trace_without_a_secure_start_says_so(lines):
    analysis = _tsptrace.analyse(lines)
    assert analysis.verdict == "no_secure_start"
    assert "no secure start" in analysis.summary and "Detailed" in analysis.next_step


def test_the_last_of_several_starts_decides(success):
    analysis = _tsptrace.analyse(success + success[:3])
    assert [attempt.complete for attempt in analysis.attempts] == [True, False]
    assert analysis.verdict == "stopped"


def test_trouble_is_quoted_and_secrets_are_masked(success):
    lines = success[:3] + ["16:31:04.200 | CAPFclient::x() failed, AuthString = 4711471147 user topsecret9\n"]
    quote = _tsptrace.analyse(lines, secrets=["topsecret9"]).attempts[0].trouble[0]["text"]
    assert "failed" in quote and "4711471147" not in quote and "topsecret9" not in quote


@pytest.mark.parametrize("physical", [
    ["x() failed, AuthString = 47114\n", "71147 more\n"],
    ["x() failed, AuthString =\n", "4711471147 more\n"],
    ["x() failed, Authorization\n", "String: 47114\n", "71147 more\n"],
    ["x() failed with 47114\n", "71147 more\n"],
    ["x() failed with 4\n", "71147\n", "1147 more\n"],
])
def test_a_secret_that_is_wrapped_over_physical_lines_is_masked(success, physical):
    lines = success[:3] + ["16:31:04.200 | CAPFclient::" + physical[0], *physical[1:]]
    attempt = _tsptrace.analyse(lines, secrets=["4711471147"]).attempts[0]
    for quote in (attempt.trouble[0]["text"], attempt.after[-1]["text"]):
        assert "7114" not in quote and "71147" not in quote and "********" in quote
        assert quote.endswith(" more") and "\n" not in quote


def test_a_secret_that_is_wrapped_is_masked_in_gaps(success):
    lines = success[:3] + ["16:31:04.200 | pwd: Top-\n", "Secret\n", "Nine\n", "16:31:24.200 | next\n"]
    gap = _tsptrace.analyse(lines).gaps[0]
    assert gap["before"] == "pwd: ********" and gap["milliseconds"] == 20000


def test_silences_inside_a_start_are_listed_and_midnight_is_not_one():
    lines = [
        "23:59:59.900 | CSSLHelper::GetCTLFromTFTP CTLFileName = CTLCAPF0A010203.tlv\n",
        "00:00:00.100 | TftpClient::TftpClient() [] TftpClient instantiated successfully\n",
        "00:00:09.100 | CSSLHelper::x()\n",
    ]
    analysis = _tsptrace.analyse(lines)
    assert [gap["milliseconds"] for gap in analysis.gaps] == [9000]
    assert analysis.attempts[0].stages["tftp_ready"]["milliseconds"] == 200


@pytest.mark.parametrize("files, order", [
    ([("T2.txt", 30, ""), ("T1.txt", 20, ""), ("T0.txt", 40, "")], ["T1.txt", "T2.txt", "T0.txt"]),
    ([("T0.txt", 9, "12:00:00.000"), ("T1.txt", 9, "09:00:00.000"), ("T2.txt", 9, "10:00:00.000")],
     ["T1.txt", "T2.txt", "T0.txt"]),
    ([("T10.txt", None, "12:00:00.000"), ("T9.txt", None, "11:00:00.000")], ["T9.txt", "T10.txt"]),
    # Copied one after the other, in the order of their names: the times are those of the copy.
    ([("T0.txt", 9.1, "12:00:00.000"), ("T1.txt", 9.2, "09:00:00.000"), ("T2.txt", 9.3, "10:00:00.000")],
     ["T1.txt", "T2.txt", "T0.txt"]),
    # Over midnight, with their own times.
    ([("T0.txt", 90000, "23:00:00.000"), ("T1.txt", 93000, "00:10:00.000"), ("T2.txt", 86000, "22:00:00.000")],
     ["T2.txt", "T0.txt", "T1.txt"]),
])
def test_the_files_of_a_rotating_set_are_put_in_order(files, order):
    assert _tsptrace.rotation_order(files) == order
