# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching the trust list while the network or the file server misbehaves.

Each row begins on a host without a list, or with an older one in place. The first download is the more dangerous one:
nothing vouches for what comes.
"""

from __future__ import annotations

import hashlib
import time

import pytest

NAME = "CTLCAPF7F000001.tlv"
FILE_COUNT = 5  # ctl.tlv, CallManager.cer and three certificates
OTHER_CODES = {0: "Not defined", 2: "Access violation", 3: "Disk full", 4: "Illegal TFTP operation", 5: "Unknown TID",
               6: "File already exists", 7: "No such user", 8: "Options refused", 99: ""}


@pytest.fixture(params=["first", "update"])
def begin(request, cluster, instance):
    """Where the host stands before."""
    if request.param == "update":
        assert instance.trust()["verdict"] == "first_trust"
        cluster.cluster.clock_skew += 3600
        cluster.cluster.rebuild_ctl()
        cluster.cluster.reset_counters()
    return request.param


@pytest.fixture
def fetching(cluster, instance, begin, told):
    """Fetch with a fault and without one."""

    class Fetching:
        place = "tftp://127.0.0.1:%d/%s" % (cluster.tftp_port, NAME)
        before = instance.files()
        state = cluster.cluster.state_hash()

        def fails(self, verdict, *words, **options):
            """One failing run: the operator is told; what is stored stays as it is, and is relied on where allowed."""
            result = instance.trust(**options)
            told(result, self.place, *words)
            assert result["verdict"] == verdict
            self.nothing_changed()
            if begin == "update" and verdict != "damaged":
                kept = instance.trust(on_missing="keep_and_warn", **options)
                assert (kept["verdict"], kept["changed"]) == ("kept", False) and words[0] in str(kept["warnings"])
                self.nothing_changed()
            cluster.faults.clear()

        def nothing_changed(self):
            assert instance.files() == self.before
            assert cluster.cluster.state_hash() == self.state

        def completes(self, **options):
            """One run that needs nobody, and a second one that changes nothing."""
            result = instance.trust(**options)
            assert not result.get("failed"), result
            assert result["verdict"] == {"first": "first_trust", "update": "update"}[begin]
            self.in_place()
            assert not instance.trust()["changed"]

        def in_place(self):
            files = {path.rpartition("/")[2]: octets for path, (_mode, octets) in instance.files().items() if octets}
            assert files["ctl.tlv"] == cluster.cluster.ctl_octets()
            assert files["CallManager.cer"] == cluster.cluster.certificates.callmanager.der
            assert len(files) == (FILE_COUNT if begin == "first" else FILE_COUNT + 1)  # with ctl.tlv.previous

    return Fetching()


@pytest.fixture
def last(cluster):
    """Number of the last block."""
    return len(cluster.cluster.ctl_octets()) // 512 + 1


# What a transfer survives


@pytest.mark.parametrize("kind", ["lost", "duplicate", "reorder", "ahead", "overlook"])
@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_packets_that_are_lost_doubled_or_out_of_order(cluster, fetching, last, kind, where):
    block = {"first": 2 if kind == "reorder" else 1, "middle": 5, "last": last - (kind == "ahead")}[where]
    rule = cluster.faults.add("tftp", kind, NAME, block=block)
    fetching.completes()
    assert rule.applied


@pytest.mark.parametrize("begin", ["first"], indirect=True)
def test_a_request_that_is_lost(cluster, instance, fetching):
    cluster.faults.add("tftp", "silence", NAME)
    fetching.completes()
    assert instance.count("tftp.RRQ") == 3  # the lost one, its repetition, the second run


@pytest.mark.parametrize("begin", ["first"], indirect=True)
def test_a_request_that_arrives_twice(cluster, instance, fetching):
    """Two transfers answer; the one that is not taken is told so."""
    cluster.faults.add("tftp", "twice", NAME)
    fetching.completes()
    end = time.monotonic() + 10
    while not instance.count("tftp.ERROR 5") and time.monotonic() < end:  # the server's thread may read it later
        time.sleep(0.05)
    assert instance.count("tftp.ERROR 5") == 1


@pytest.mark.parametrize("block", [1, 5])
def test_the_sorcerers_apprentice(cluster, instance, fetching, last, block):
    """A server that answers every ACK sends each block twice from then on, not more and more often."""
    cluster.faults.add("tftp", "apprentice", NAME, block=block)
    fetching.completes()
    assert last - block < instance.count("tftp.DATA of an apprentice") <= 2 * (last - block + 1)


@pytest.mark.parametrize("address, block", [("127.0.0.1", 2), ("127.0.0.2", 1), ("127.0.0.2", 2)])
@pytest.mark.parametrize("octets", [None, b"\0\5\0\2forged\0", b"\0\7", b"\0\3\0\2", b""],
                         ids=["data", "error", "opcode", "end", "empty"])
def test_a_stranger_changes_nothing(cluster, fetching, address, block, octets):
    """Whatever it says: another port, and another address, the latter also before the server's port is known."""
    words = {} if octets is None else {"hex": octets.hex()}
    cluster.faults.add("tftp", "stray", NAME, block=block, address=address, **words)
    fetching.completes()


def test_a_slow_answer(cluster, fetching):
    cluster.faults.add("tftp", "delay", NAME, seconds=0.5)
    fetching.completes()


# What ends it


@pytest.mark.parametrize("code, text", OTHER_CODES.items())
def test_error_codes(cluster, fetching, code, text):
    cluster.faults.add("tftp", "error", code=code, text=text, times=None)
    words = "the TFTP server refused with error %d" % code + (" (%s)" % text if text else "")
    fetching.fails("no_answer", words, "Read the TFTP trace of the node")
    fetching.completes()


@pytest.mark.parametrize("code, text", OTHER_CODES.items())
def test_a_refused_name_is_no_reason_not_to_ask_for_the_next(cluster, fetching, code, text):
    cluster.faults.add("tftp", "error", NAME, code=code, text=text, times=None)
    fetching.completes()


def test_no_such_file(cluster, fetching):
    cluster.faults.add("tftp", "error", code=1, text="File not found", times=None)
    fetching.fails("not_found", "no file server has a trust list", "Check with 'show ctl'")
    fetching.completes()


@pytest.mark.parametrize("begin, fault", [
    ("first", dict(kind="silence")),
    ("first", dict(kind="delay", seconds=60)),
    ("first", dict(kind="cut", block=1)),
    ("first", dict(kind="endless", seconds=0.2)),
    ("update", dict(kind="cut", block=5)),
], indirect=["begin"], ids=lambda value: value["kind"] if isinstance(value, dict) else None)
def test_transfers_that_do_not_end_in_time(cluster, fetching, fault):
    cluster.faults.add("tftp", operation=NAME, times=None, **fault)
    fetching.fails("no_answer", "not finished within 1 second", "Check the network", timeout=1)
    fetching.completes()


@pytest.mark.parametrize("fault, what, cure", [
    (dict(kind="endless"), "the file is larger than 20000 octets", "This is not a trust list"),
    (dict(kind="oversize", size=30000), "the file is larger than 20000 octets", "This is not a trust list"),
    (dict(kind="opcode", block=1), "an unexpected packet (0009", "This is not a file server of CUCM"),
    (dict(kind="opcode", block=5), "an unexpected packet (0009", "This is not a file server of CUCM"),
    (dict(kind="replace", block=1, hex="0006626c6b73697a6500"), "options that were not requested", "This is not a file"),
    (dict(kind="replace", block=5, hex="0003"), "an unexpected packet (0003)", "This is not a file server"),
    (dict(kind="replace", block=1, hex=""), "an unexpected packet", "This is not a file server of CUCM"),
    (dict(kind="replace", block=5, hex="0001"), "an unexpected packet (0001)", "This is not a file server"),
    (dict(kind="replace", block=5, hex="0005"), "an unexpected packet (0005)", "This is not a file server"),
], ids=lambda value: "-".join(str(word) for word in value.values()) if isinstance(value, dict) else None)
def test_transfers_that_fail(cluster, fetching, fault, what, cure):
    cluster.faults.add("tftp", operation=NAME, times=None, **fault)
    fetching.fails("no_answer", what, cure, max_size=20000)
    fetching.completes()


@pytest.mark.parametrize("size", [0, 1, 512, 5 * 512, 5 * 512 + 1, -1])
def test_a_file_that_is_incomplete_on_the_server(cluster, fetching, size):
    """It arrives well, so that only the list itself can tell. Of an empty one CUCM means: there is no list."""
    cluster.faults.add("tftp", "truncate", size=size, times=None)
    if size == 0:
        fetching.fails("empty", "the trust list on the file servers is empty", "Check with 'show ctl'")
    else:
        fetching.fails("damaged", "the file is not a trust list, or it is damaged", "Compare with 'show ctl'")
    fetching.completes()


@pytest.mark.parametrize("begin", ["first"], indirect=True)
@pytest.mark.parametrize("fault, words", [
    (dict(kind="error", code=503), "HTTP 503"), (dict(kind="error", code=500), "HTTP 500"),
    (dict(kind="cut", size=100), "the connection broke before the file was complete"),
    (dict(kind="silence"), "not finished within 2 seconds"), (dict(kind="endless"), "larger than 20000 octets"),
])
def test_both_ways_fail(cluster, fetching, fault, words):
    cluster.faults.add("tftp", "error", code=2, times=None)
    cluster.faults.add("http", times=None, **fault)
    fetching.fails("no_answer", "refused with error 2", words, http=True, http_port=cluster.http_port, timeout=2,
                   max_size=20000)
    fetching.completes()


@pytest.mark.parametrize("begin", ["first"], indirect=True)
def test_a_forged_list_is_refused_where_the_true_one_is_pinned(cluster, instance, fetching, vectors, told):
    forged = (vectors / "ctl" / "cucm" / "CTLFile-stranger.tlv").read_bytes()
    cluster.faults.add("tftp", "content", content=forged)
    fingerprint = hashlib.sha1(cluster.cluster.ctl_octets()).hexdigest()
    told(instance.trust(fingerprint=fingerprint), fetching.place, "fingerprint")
    fetching.nothing_changed()
    assert instance.trust(fingerprint=fingerprint)["verdict"] == "pinned"
    fetching.in_place()


@pytest.mark.parametrize("begin", ["update"], indirect=True)
@pytest.mark.parametrize("name, verdict", [
    ("CTLFile-stranger", "stranger"), ("CTLFile-tampered", "tampered"), ("CTLFile-truncated", "damaged")])
def test_a_forged_list_is_refused_where_one_is_stored(cluster, instance, fetching, vectors, told, name, verdict):
    cluster.faults.add("tftp", "content", content=(vectors / "ctl" / "cucm" / (name + ".tlv")).read_bytes())
    result = instance.trust()
    told(result, fetching.place, "show ctl")
    assert result["verdict"] == verdict
    fetching.nothing_changed()
    fetching.completes()
