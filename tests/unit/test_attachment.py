# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file in an answer of log collection, in every packing and cut into every kind of pieces."""

from __future__ import annotations

import base64
import itertools
import random
import tracemalloc

import pytest

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _attachment
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import AxlError, FormatError

XML = "text/xml; charset=utf-8"
ENVELOPE = (
    b"<?xml version='1.0' encoding='UTF-8'?>"
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    b"<soapenv:Body>%s</soapenv:Body></soapenv:Envelope>"
)
FILE = b'<ns1:GetOneFileReturn xmlns:ns1="http://schemas.cisco.com/ast/soap">%s</ns1:GetOneFileReturn>'
INCLUDE = FILE % b'<xop:Include href="cid:1@x" xmlns:xop="http://www.w3.org/2004/08/xop/include"/>'
FAULT = (
    b"<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>no such\n file.</faultstring></soapenv:Fault>"
)
RELATED = 'multipart/related; boundary="MIME_1"; type="application/xop+xml"; start="<0@x>"'
# A content that looks like its own packing.
CONTENT = bytes(range(256)) + b"\r\n--MIME_\r\n--MIME_2\r\n\r\n</GetOneFileReturn>" + bytes(range(255, -1, -1))


def lines(text, end):
    return end.join(text[start:start + 76] for start in range(0, len(text), 76))


def multipart(*parts, boundary=b"MIME_1", preamble=b"", closing=b"--\r\n"):
    body = preamble
    for headers, content in parts:
        head = b"".join(b"%s\r\n" % one for one in headers)
        body += b"\r\n--" + boundary + b"\r\n" + head + b"\r\n" + content
    return body + b"\r\n--" + boundary + closing


ROOT = ([b"Content-Type: application/xop+xml", b"Content-ID: <0@x>"], ENVELOPE % INCLUDE)
BINARY = [b"Content-Type: application/octet-stream", b"Content-Transfer-Encoding: binary", b"Content-ID: <1@x>"]
ENCODED = base64.b64encode(CONTENT)
PACKINGS = {
    "one line": (XML, ENVELOPE % (FILE % ENCODED)),
    "line breaks": (XML, ENVELOPE % (FILE % lines(ENCODED, b"\r\n"))),
    "references": (XML, ENVELOPE % (FILE % lines(ENCODED, b"&#13;\n"))),
    "cdata": (XML, ENVELOPE % (FILE % (b"<![CDATA[" + ENCODED + b"]]>"))),
    "attachment": (RELATED, multipart(ROOT, (BINARY, CONTENT))),
    "attachment at once": (RELATED, multipart(ROOT, (BINARY, CONTENT))[2:]),
    "attachment with preamble": (RELATED, multipart(ROOT, (BINARY, CONTENT), preamble=b"hello\r\nworld")),
    "attachment in base64": (RELATED, multipart(
        ROOT, ([b"content-transfer-encoding: BASE64"], lines(ENCODED, b"\r\n")))),
    "attachment without headers": (RELATED, multipart(ROOT, ([], CONTENT))),
    "third part": (RELATED, multipart(ROOT, (BINARY, CONTENT), (BINARY, b"not this one"))),
    "inline in a part": (RELATED, multipart((ROOT[0], ENVELOPE % (FILE % ENCODED)), (BINARY, b"not this one"))),
    "bare boundary": ("Multipart/Related;boundary=MIME_1", multipart(ROOT, (BINARY, CONTENT))),
}


def pieces(octets, sizes):
    position = 0
    for size in itertools.cycle(sizes):
        if position >= len(octets):
            return
        yield octets[position:position + size]
        position += size


def decoded(content_type, octets, sizes=(65536,), limit=10 ** 6):
    found = []
    answer = _attachment.FileAnswer(content_type, found.append, limit, where="there")
    for piece in pieces(octets, sizes):
        answer.feed(piece)
    answer.finish()
    assert answer.size == len(b"".join(found))
    return b"".join(found)


@pytest.mark.parametrize("sizes", [(65536,), (1,), (2, 3, 5, 7), (19, 1)])
@pytest.mark.parametrize("packing", PACKINGS)
def test_the_file_comes_out_of_every_packing_however_it_is_cut(packing, sizes):
    assert decoded(*PACKINGS[packing], sizes=sizes) == CONTENT


@pytest.mark.parametrize("seed", range(20))
def test_random_cuts(seed):
    chance = random.Random(seed)
    packing = chance.choice(sorted(PACKINGS))
    sizes = [chance.randint(1, 40) for _count in range(50)]
    assert decoded(*PACKINGS[packing], sizes=sizes) == CONTENT


@pytest.mark.parametrize(("content_type", "octets"), [
    (XML, ENVELOPE % (FILE % b"")), (XML, ENVELOPE % b'<GetOneFileReturn xmlns="x"/>'),
    (RELATED, multipart(ROOT, (BINARY, b""))), (RELATED, multipart(ROOT)),
])
@pytest.mark.parametrize("size", [1, 65536])
def test_an_empty_file_is_a_file(content_type, octets, size):
    assert decoded(content_type, octets, (size,)) == b""


@pytest.mark.parametrize(("content_type", "octets"), [
    (XML, ENVELOPE % FAULT), (RELATED, multipart((ROOT[0], ENVELOPE % FAULT), (BINARY, b"x"))),
])
def test_a_fault_is_the_server_s_refusal(content_type, octets):
    with pytest.raises(AxlError, match=r"the server refused: no such file \(there\)") as refused:
        decoded(content_type, octets)
    assert refused.value.code == "Server"


BROKEN = {
    "html": (XML, b"<html><body>Welcome</body></html>", "contains no file"),
    "doctype": (XML, b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "document type"),
    "no xml": (XML, b"hello", "not SOAP"),
    "nothing": (XML, b"", "not SOAP"),
    "cut": (XML, PACKINGS["one line"][1][:-20], "not SOAP"),
    "other answer": (XML, ENVELOPE % b"<x/>", "contains no file"),
    "no base64": (XML, ENVELOPE % (FILE % b"QUJD!UJD"), "not base64"),
    "no ascii": (XML, ENVELOPE % (FILE % "QUJ\u00e4".encode()), "not base64"),
    "half base64": (XML, ENVELOPE % (FILE % b"QUJDQ"), "middle of its base64"),
    "more after padding": (XML, ENVELOPE % (FILE % b"QUI=QUJD"), "not base64"),
    "padding alone": (XML, ENVELOPE % (FILE % b"===="), "not base64"),
    "no boundary": ("multipart/related", b"x", "no boundary"),
    "no part": (RELATED, b"hello", "not SOAP"),
    "cut attachment": (RELATED, multipart(ROOT, (BINARY, CONTENT))[:-30], "last part"),
    "unknown encoding": (RELATED, multipart(ROOT, ([b"Content-Transfer-Encoding: x-uu"], b"x")), "x-uu"),
    "headers of a part": (RELATED, b"--MIME_1\r\n" + b"A: b\r\n" * 5000, "headers of a part"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("size", [1, 65536])
def test_anything_else_is_an_error_that_says_so(case, size):
    content_type, octets, text = BROKEN[case]
    with pytest.raises(FormatError, match=text):
        decoded(content_type, octets, (size,))


def test_every_cut_of_an_answer_is_noticed():
    for content_type, octets in (PACKINGS["line breaks"], PACKINGS["attachment"]):
        for end in range(0, len(octets) - 4, 7):
            with pytest.raises(FormatError):
                decoded(content_type, octets[:end])


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_file_over_the_limit_is_stopped_and_one_at_the_limit_is_not(packing):
    assert decoded(*PACKINGS[packing], limit=len(CONTENT)) == CONTENT
    with pytest.raises(_attachment.TooLarge, match="larger than %d octets" % (len(CONTENT) - 1)):
        decoded(*PACKINGS[packing], limit=len(CONTENT) - 1)


@pytest.mark.parametrize(("start", "more"), [
    (b"<a>", b"<b>text</b>"), (b"<a><", b"x" * 1000), (b"<a b='", b"x" * 1000), (b"<a>", b"<!-- x -->"),
    ((ENVELOPE % FILE).partition(b"%s")[0], b"\n " * 500), (b"", b" " * 1000),
])
def test_an_endless_answer_without_octets_of_the_file_is_stopped(start, more):
    answer = _attachment.FileAnswer(XML, bytes, 10000)
    fed = 0
    with pytest.raises(FormatError):
        answer.feed(start)
        while fed < 10 ** 7:
            answer.feed(more)
            fed += len(more)
    assert fed < 2 * 10 ** 6


@pytest.mark.parametrize("attached", [False, True])
def test_a_large_file_is_never_held(attached):
    piece = base64.b64encode(bytes(range(256)) * 192) if not attached else bytes(65536)
    head, _mark, tail = (ENVELOPE % FILE).partition(b"%s")
    if attached:
        head, tail = multipart(ROOT, (BINARY, b"")).rsplit(b"\r\n--MIME_1--", 1)[0], b"\r\n--MIME_1--"
    sizes = []
    answer = _attachment.FileAnswer(RELATED if attached else XML, lambda octets: sizes.append(len(octets)), 10 ** 9)
    tracemalloc.start()
    answer.feed(head)
    for _count in range(400):
        answer.feed(piece)
    answer.feed(tail)
    answer.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.size == sum(sizes) > 19 * 10 ** 6
    assert peak < 10 ** 6


@pytest.mark.parametrize(("content_type", "octets"), [
    (XML, b"<a/>"), (RELATED, multipart((ROOT[0], b"<a/>"))), (RELATED, multipart((ROOT[0], b"<a/>"), (BINARY, b"x"))),
])
def test_the_envelope_of_a_whole_answer(content_type, octets):
    assert _attachment.first_part(octets, content_type) == b"<a/>"
