# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _cti_trace, _tsptrace
from hypothesis import given
from hypothesis import strategies as st
from trace_samples import CAPF, CTI_REFUSED, JTAPI, TFTP, cti, jtapi

from fuzz import Script, fuzz_traces, peak_of, repeatable

SEEDS = [octets for _name, octets in fuzz_traces.seeds()]
HEADS = (cti("", level="AppInfo").rstrip("\n"), jtapi("").rstrip("\n"), "04:04:15.270 |   debug ", "")
MARKS = (
    "[CTI-APP] ", "CTI ProviderOpenRequest (", " login=", "LoginId=u ", "CTIHandler(1)", "ProviderOpenResponse", " provider id=1 ",
    "CTI ProviderOpenCompletedEvent ", "error code=2362179679 ", "description=", " enableIpv6=0", "CtiProviderOpenFailure ", "Reason code.:-1 ",
    "IPAddress:192.0.2.1 ", "CTI ProviderClosedEvent ( reason=9 )", "isReadRequest[0~5~192.0.2.1~1], [CTLx.tlv]",
    "sendNAK[0~192.0.2.1~1], File[CTLx.tlv], Error(1)",
    "Filename is : CTLFile.tlv", "File Not Found - 404", "sending: com.cisco.cti.protocol.ProviderOpenRequest {\nunicodedisplayName = u\n",
    "received Event: com.cisco.cti.protocol.ProviderOpenCompletedEvent {\nreason = -1932787425\n", "Unable to create provider -- ",
    "Certificate update failed, reason= 7", "MsgType : CAPF_MSG_END_SESSION", "Reason : 7", "2:CTI-x:", "password=", "\n", " ", "x", "=",
)


@repeatable.examples
@given(st.lists(st.tuples(st.sampled_from(HEADS), st.lists(st.sampled_from(MARKS), max_size=8)), max_size=12), st.sampled_from(_cti_trace.READ))
def test_any_lines_give_events(rows, kind):
    text = "".join(head + "".join(parts) + "\n" for head, parts in rows)
    for event in _cti_trace.Reader().read(iter(text.splitlines(keepends=True)), kind):
        row = _cti_trace.result_of(event, "x")
        assert row["told"] and row["clock"] and isinstance(row["bad"], bool)


@repeatable.examples
@given(st.sampled_from(SEEDS), st.binary(max_size=40), st.integers(0, 3000), st.integers(0, 60))
def test_inputs_near_the_samples(octets, put, place, gone):
    fuzz_traces.check(octets[:1 + place] + put + octets[1 + place + gone:])


@repeatable.examples
@given(st.binary(max_size=300))
def test_any_octets(octets):
    fuzz_traces.check(octets)


@pytest.mark.parametrize("line", [
    *(cti(part * 8000) for part in MARKS[:-4]), *(jtapi(part * 8000) for part in MARKS[:-4]), " " * 60000 + "\n", "0" * 60000 + "\n",
    "04:04:15.270 |   debug " + "Reason " * 8000 + "\n", "04:04:15.270 |   debug 2:" + "a" * 60000 + "\n"], ids=lambda line: None)
def test_a_hostile_line_takes_no_more_time_than_an_honest_one(line):
    lines = line.splitlines(keepends=True) * 2
    begin = time.process_time()
    _cti_trace.kind_of(iter(lines))
    for kind in _cti_trace.READ:
        _cti_trace.Reader(["secret"]).read(iter(lines), kind)
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(("text", "kind"), [(JTAPI, "jtapi"), (CTI_REFUSED, "cti_manager"), (TFTP, "tftp"), (CAPF, "capf")])
def test_a_trace_of_any_length_takes_little_memory(text, kind):
    lines = text.splitlines(keepends=True)

    def endless():
        for _number in range(1000):
            yield from lines

    def read():
        assert len(_cti_trace.Reader().read(endless(), kind)) <= 8 * _tsptrace.MOST_QUOTES

    assert peak_of(read) < 1 << 21


def test_names_in_a_result_hold_no_secret():
    for text in (JTAPI, CTI_REFUSED, TFTP, CAPF):
        fuzz_traces.read(Script(b"\0\x04reco" + text.encode()))
