# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cluster_trace_files against the simulated cluster: real HTTPS, real files."""

from __future__ import annotations

import datetime
import gzip
import os
import pathlib
import stat

import pytest
from simulator import Simulator, log_collection

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _trace_collection
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.client import ClusterLogin
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError, StoreError
from ansible_collections.voiceops.secure_tsp.plugins.modules import cluster_trace_files

CAPF = "Cisco Certificate Authority Proxy Function"
TFTP = "Cisco Tftp"
TVS = "Cisco Trust Verification Service"
CTI = "Cisco CTIManager"
PUBLISHER, SUBSCRIBER = "127.0.0.1", "localhost"
CAPF_TEXT = b"09:00:00.000 |   debug capf session with CTI-rec1\n" * 400
SDL = gzip.compress(bytes(range(256)) * 700, mtime=0)
LOGS = [
    dict(service=CAPF, name="capf00000001.txt", content=CAPF_TEXT, minutes_old=5),
    dict(service=CAPF, name="capf00000000.txt", content=b"older", minutes_old=90),
    dict(service=TVS, name="tvs00000001.txt", content=b"", minutes_old=5),
    dict(service=CTI, name="SDL002_100_000017.txt.gz", content=SDL, minutes_old=10),
    dict(service=CTI, name="SDL002_100_000001.txt.gz", content=SDL, minutes_old=10, node=SUBSCRIBER),
    dict(service=TFTP, name="tftp00000001.txt", content=b"RRQ", minutes_old=2, node=SUBSCRIBER),
]


@pytest.fixture
def sim():
    with Simulator(release="14", fronts=("axl",), nodes=(PUBLISHER, SUBSCRIBER)) as running:
        running.seed({"logs": LOGS})
        yield running


@pytest.fixture
def ask(run_module, sim):
    def run(**options):
        defaults = dict(
            hostname=PUBLISHER, port=sim.axl_port, username=sim.username, password=sim.password, ca_path=sim.ca_path,
        )
        if "from" not in options:
            defaults["last_minutes"] = 60
        return run_module(cluster_trace_files, **{**defaults, **options})

    return run


def names(result, *statuses):
    return sorted((file["node"], file["path"].rpartition("/")[2]) for file in result["files"]
                  if not statuses or file["status"] in statuses)


def on_disk(folder):
    """{path below the folder: content}."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


IN_THE_HOUR = [
    (PUBLISHER, "SDL002_100_000017.txt.gz"), (PUBLISHER, "capf00000001.txt"), (PUBLISHER, "tvs00000001.txt"),
    (SUBSCRIBER, "SDL002_100_000001.txt.gz"), (SUBSCRIBER, "tftp00000001.txt"),
]
PLACES = {
    "127.0.0.1/cm/trace/capf/sdi/capf00000001.txt": CAPF_TEXT,
    "127.0.0.1/cm/trace/cti/sdl/SDL002_100_000017.txt.gz": SDL,
    "127.0.0.1/cm/trace/tvs/sdi/tvs00000001.txt": b"",
    "localhost/cm/trace/cti/sdl/SDL002_100_000001.txt.gz": SDL,
    "localhost/cm/trace/ctftp/sdi/tftp00000001.txt": b"RRQ",
}


# Listing


def test_without_a_folder_the_files_of_all_nodes_are_listed(ask, sim):
    result = ask()
    assert names(result, "listed") == IN_THE_HOUR
    assert not result["changed"] and result["complete"] and result["downloaded"] == 0
    assert [(node["name"], node["address"], node["problem"]) for node in result["nodes"]] == [
        (PUBLISHER, PUBLISHER, None), (SUBSCRIBER, SUBSCRIBER, None)]
    file = next(one for one in result["files"] if one["path"].endswith("capf00000001.txt"))
    assert (file["service"], file["size"], file["dest"]) == (CAPF, len(CAPF_TEXT), None)
    assert sim.cluster.counters["logs.GetOneFile"] == 0
    assert result["requests"]["by_operation"] == {"listNodeServiceLogs": 1, "selectLogFiles": 2}


@pytest.mark.parametrize(("options", "expected"), [
    (dict(last_minutes=7), ["capf00000001.txt", "tvs00000001.txt", "tftp00000001.txt"]),
    (dict(services=["cisco tftp"]), ["tftp00000001.txt"]),
    (dict(services=[CAPF], last_minutes=120), ["capf00000000.txt", "capf00000001.txt"]),
    (dict(services=[CAPF], last_minutes=130), ["capf00000000.txt", "capf00000001.txt"]),
    (dict(nodes=["LOCALHOST"]), ["SDL002_100_000001.txt.gz", "tftp00000001.txt"]),
])
def test_services_nodes_and_window_choose(ask, options, expected):
    assert [name for node, name in names(ask(**options))] == expected


def local(sim, minutes_ago, hours_east=1):
    """A moment on the clock of the simulated nodes, or of another zone."""
    moment = datetime.datetime.fromtimestamp(sim.cluster.now(), datetime.timezone.utc)
    return (moment + datetime.timedelta(hours=hours_east, minutes=-minutes_ago)).strftime("%Y-%m-%d %H:%M")


def test_an_absolute_window_is_on_the_node_s_own_clock(ask, sim):
    result = ask(**{"from": local(sim, 100), "to": local(sim, 80), "services": [CAPF]})
    assert names(result) == [(PUBLISHER, "capf00000000.txt")]
    assert result["nodes"][0]["time_zone"] == sim.cluster.features.time_zone
    assert sim.cluster.counters["logs.getTimeZone"] == 1  # the other node has no CAPF


def test_an_absolute_window_in_another_zone(ask, sim):
    zone = "Client: (GMT-5:0)America/New_York"
    result = ask(**{"from": local(sim, 100, -5).replace(" ", "T"), "to": local(sim, 80, -5), "time_zone": zone})
    assert names(result) == [(PUBLISHER, "capf00000000.txt")]
    assert sim.cluster.counters["logs.getTimeZone"] == 0
    assert result["nodes"][0]["time_zone"] == zone


def test_what_is_certainly_before_the_window_is_left_out_where_the_node_ignores_it(ask, sim):
    sim.cluster.features.ignores_relative_range = True
    sim.seed({"logs": [dict(service=CAPF, name="capf9.txt", content=b"x", minutes_old=15 * 60)]})
    result = ask(services=[CAPF])
    # Ninety minutes may be within the hour in some zone, fifteen hours cannot.
    assert names(result) == [(PUBLISHER, "capf00000000.txt"), (PUBLISHER, "capf00000001.txt")]
    assert result["nodes"][0]["left_out"] == 1
    sim.cluster.features.time_zone = "Client: (GMT+0:0)Etc/UTC"
    assert ask(services=[CAPF])["nodes"][0]["left_out"] == 2


def test_a_service_that_is_nowhere_is_said_and_one_that_is_missing_on_a_node_too(ask):
    result = ask(services=[CAPF, "Cisco Tftpd"])
    assert result["missing_services"] == ["Cisco Tftpd"]
    assert result["warnings"] == ["No node has logs of Cisco Tftpd."]
    assert [node["missing_services"] for node in result["nodes"]] == [["Cisco Tftpd"], [CAPF, "Cisco Tftpd"]]
    refused = ask(services=["Cisco Tftpd"])
    assert refused["failed"] and "no node has logs of Cisco Tftpd" in refused["msg"] and TFTP in refused["msg"]


@pytest.mark.parametrize(("options", "text"), [
    (dict(nodes=["cucm9"]), "the cluster has no node cucm9"),
    (dict(last_minutes=0), "last_minutes must be from 1 to 43200"),
    (dict(max_files=0), "max_files must be from 1 to 10000"),
    (dict(max_file_size="0"), "max_file_size is not a size"),
    (dict(time_zone="x"), "time_zone is only for from and to"),
    (dict([("from", "yesterday"), ("to", "2026-01-01 10:00")]), "from is not a time such as"),
    (dict([("from", "2026-01-01 10:00"), ("to", "2026-01-01 10:00")]), "from is not before to"),
    (dict([("from", "2026-01-01 10:00")]), "required together"),
    (dict([("from", "2026-01-01 10:00"), ("to", "2026-01-01 11:00"), ("last_minutes", 5)]), "mutually exclusive"),
])
def test_wrong_options_are_refused(ask, options, text):
    result = ask(**options)
    assert result["failed"] and text in result["msg"]


# Downloading


@pytest.mark.parametrize("attaches", [False, True])
def test_files_are_downloaded_into_a_folder_per_node_and_only_once(ask, sim, tmp_path, attaches):
    sim.cluster.features.attaches_files = attaches
    dest = tmp_path / "traces"
    before = sim.cluster.state_hash()
    foreseen = ask(dest=str(dest), check=True, diff=True)
    assert foreseen["changed"] and not dest.exists()
    assert {file["status"] for file in foreseen["files"]} == {"to_download"}
    result = ask(dest=str(dest), diff=True)
    assert result["changed"] and result["complete"] and result["downloaded"] == 5
    assert result["downloaded_size"] == sum(map(len, PLACES.values()))
    assert result["diff"] == foreseen["diff"]
    assert on_disk(dest) == PLACES
    assert sorted(file["dest"] for file in result["files"]) == sorted(str(dest / place) for place in PLACES)
    again = ask(dest=str(dest))
    assert not again["changed"] and {file["status"] for file in again["files"]} == {"present"}
    assert sim.cluster.counters["logs.GetOneFile"] == 5
    assert ask(dest=str(dest), overwrite=True)["downloaded"] == 5
    assert sim.cluster.state_hash() == before


def test_folders_and_files_are_for_their_owner_only(ask, tmp_path):
    dest = tmp_path / "deep" / "traces"
    ask(dest=str(dest))
    for path in dest.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE(dest.stat().st_mode) == 0o700


def test_secrets_are_masked_before_a_file_gets_its_name(ask, sim, tmp_path):
    text = b"AuthString=4711471147 of rec1\r\nTop-Secret-9 went by \xff\n" * 3
    masked = b"AuthString=******** of rec1\r\n******** went by \xff\n" * 3
    for name, octets in (("a.txt", text), ("b.txt.gz", gzip.compress(text)), ("c.txt.gz", gzip.compress(text)[:40])):
        log_collection.put_log(sim.cluster, CAPF, octets, name=name, minutes_old=1)
    result = ask(dest=str(tmp_path), services=[CAPF], last_minutes=3, mask=["Top-Secret-9"])
    assert {(file["path"].rpartition("/")[2], file["status"]) for file in result["files"]} == {
        ("a.txt", "downloaded"), ("b.txt.gz", "downloaded"), ("c.txt.gz", "failed")}
    folder = tmp_path / PUBLISHER / "cm" / "trace" / "capf" / "sdi"
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "b.txt.gz"]
    assert (folder / "a.txt").read_bytes() == masked == gzip.decompress((folder / "b.txt.gz").read_bytes())
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_trace_that_grew_is_fetched_again(ask, sim, tmp_path):
    ask(dest=str(tmp_path), services=[CAPF])
    sim.act("put_log", service=CAPF, name="capf00000001.txt", content="bmV3", minutes_old=0)
    result = ask(dest=str(tmp_path), services=[CAPF])
    assert names(result, "downloaded") == [(PUBLISHER, "capf00000001.txt")]
    assert on_disk(tmp_path) == {"127.0.0.1/cm/trace/capf/sdi/capf00000001.txt": b"new"}


@pytest.mark.parametrize(("options", "chosen", "why"), [
    (dict(max_file_size=str(len(SDL) - 1)), ["tftp00000001.txt", "tvs00000001.txt"], "too_large"),
    (dict(max_files=2), ["capf00000001.txt", "tftp00000001.txt"], "over_limit"),
    (dict(max_total_size="10"), ["tftp00000001.txt", "tvs00000001.txt"], "over_limit"),
])
def test_limits_leave_files_out_and_the_next_run_chooses_the_same(ask, sim, tmp_path, options, chosen, why):
    sim.seed({"logs": [dict(service=CAPF, name="capf00000001.txt", content=SDL, minutes_old=1)]})
    result = ask(dest=str(tmp_path), **options)
    assert [name for node, name in sorted(names(result, "downloaded"), key=lambda one: one[1])] == chosen
    assert len(names(result, why)) == 5 - len(chosen)
    assert not result["complete"]
    assert not ask(dest=str(tmp_path), **options)["changed"]


def test_the_newest_of_each_service_come_first(ask, sim):
    sim.seed({"logs": [dict(service=CTI, name="SDL_%d.txt" % age, content=b"x", minutes_old=age) for age in (1, 3, 4)]})
    order = [file["path"].rpartition("/")[2] for file in ask(nodes=[PUBLISHER])["files"]]
    assert order == ["SDL_1.txt", "capf00000001.txt", "tvs00000001.txt", "SDL_3.txt", "SDL_4.txt",
                     "SDL002_100_000017.txt.gz"]


def test_a_file_that_is_larger_than_its_listing_stays_within_the_limit(ask, sim, tmp_path):
    sim.seed({"logs": [dict(service=TVS, name="tvs2.txt", content=b"x" * 200000, size=10)]})
    result = ask(dest=str(tmp_path), services=[TVS], max_file_size="100000")
    assert names(result, "too_large") == [(PUBLISHER, "tvs2.txt")]
    assert not result["complete"]
    assert on_disk(tmp_path) == {"127.0.0.1/cm/trace/tvs/sdi/tvs00000001.txt": b""}


# What a server may call its files


@pytest.mark.parametrize("path", [
    "/var/log/active/../../../etc/cron.d/x", "../../x", "/var/log/active/cm/../../../../x", "..", "/",
])
def test_a_path_that_climbs_is_refused(ask, sim, tmp_path, path):
    sim.seed({"logs": [dict(service=TVS, path=path, content=b"evil")]})
    dest = tmp_path / "inner" / "traces"
    result = ask(dest=str(dest), services=[TVS])
    refused = [file for file in result["files"] if file["status"] == "refused"]
    assert [file["path"] for file in refused] == [path]
    assert "unsafe path" in refused[0]["problem"] and refused[0]["dest"] is None
    assert [str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if one.is_file()] == [
        "inner/traces/127.0.0.1/cm/trace/tvs/sdi/tvs00000001.txt"]


@pytest.mark.parametrize(("path", "place"), [
    ("/var/log/active/cm/trace/a b;$(x).txt", "n1/cm/trace/a_b___x_.txt"),
    ("/var/log/active/cm//./trace/x.txt", "n1/cm/trace/x.txt"),
    ("/etc/passwd", "n1/etc/passwd"),
    ("var/log/x", "n1/var/log/x"),
    ("/var/log/active/.ssh/-rf", "n1/_.ssh/_-rf"),
    ("C:\\Windows\\x", "n1/C__Windows_x"),
    ("/var/log/active/\u00e4\n", "n1/__"),
])
def test_names_are_made_harmless(path, place):
    destination = _trace_collection.Destination("/d")
    assert destination.place("n1", path) == "/d/" + place
    assert destination.place("../n1", "x").startswith("/d/_.._n1/")


def test_two_files_with_one_place_are_not_mixed(ask, sim, tmp_path):
    sim.seed({"logs": [dict(service=TVS, path="/var/log/active/tvs 1.txt", content=b"1"),
                       dict(service=TVS, path="/var/log/active/tvs_1.txt", content=b"22")]})
    result = ask(dest=str(tmp_path), services=[TVS])
    assert len(names(result, "downloaded")) == 2
    assert [file["problem"] for file in result["files"] if file["status"] == "refused"] == [
        "Another file of the node has the same path here."]


def test_a_link_does_not_lead_out_of_the_folder(ask, tmp_path):
    dest, outside = tmp_path / "traces", tmp_path / "outside"
    dest.mkdir()
    outside.mkdir()
    (dest / "127.0.0.1").symlink_to(outside)
    result = ask(dest=str(dest), services=[TVS])
    assert result["failed"] and "a link leads out" in result["msg"]
    assert list(outside.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(ask, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    result = ask(dest=str(tmp_path / "file" / "traces"), services=[TVS])
    assert result["failed"] and "cannot be written" in result["msg"] and str(tmp_path / "file") in result["msg"]


# Faults


@pytest.mark.parametrize(("code", "text"), [
    (401, "refused the login"), (403, "Standard RealtimeAndTraceCollection"), (404, "log collection"),
])
def test_a_refusal_names_its_cure(ask, sim, code, text):
    sim.faults.add("logs", "http", code=code, times=None)
    result = ask()
    assert result["failed"] and text in result["msg"] and result["code"] == code
    assert sim.password not in str(result)


def test_a_login_that_one_node_refuses_is_not_tried_on_the_next(ask, sim):
    sim.faults.add("logs", "http", "selectLogFiles", code=401, times=None)
    assert ask()["code"] == 401
    assert sim.cluster.counters["logs.selectLogFiles"] == 1


def test_a_limit_of_requests_is_its_own_error(ask, sim):
    sim.faults.add("logs", "fault", code="Server.RateControl", message="Exceeded allowed rate", times=None)
    result = ask(rate_limit_wait=0)
    assert result["failed"] and "allows no more requests for logs" in result["msg"] and "less busy" in result["msg"]


def test_one_node_without_an_answer_does_not_keep_the_others_from_being_listed(ask, sim):
    sim.faults.add("logs", "fault", "selectLogFiles", after=1, code="soapenv:Server", message="out of disk")
    result = ask()
    assert [node for node, name in names(result)] == [PUBLISHER] * 3
    assert "out of disk" in result["nodes"][1]["problem"] and not result["complete"]
    assert any("Gave up on node localhost" in text for text in result["warnings"])


def test_no_node_with_an_answer_is_a_failure(ask, sim):
    sim.faults.add("logs", "fault", "selectLogFiles", code="soapenv:Server", message="out of disk", times=None)
    result = ask()
    assert result["failed"] and "out of disk" in result["msg"]


@pytest.mark.parametrize(("kind", "more", "text"), [
    ("garbage", dict(body="<html><title>x</title></html>"), "contains no file"),
    ("garbage", dict(body="<!DOCTYPE x><html/>"), "document type"),
    ("garbage", dict(body="<not xml"), "not SOAP"),
    ("fault", dict(code="soapenv:Server", message="gone"), "gone"),
])
def test_one_file_that_cannot_be_fetched_leaves_the_others(ask, sim, tmp_path, kind, more, text):
    sim.faults.add("logs", kind, "GetOneFile", **more)
    result = ask(dest=str(tmp_path))
    assert len(names(result, "downloaded")) == 4
    failed = [file for file in result["files"] if file["status"] == "failed"]
    assert len(failed) == 1 and text in failed[0]["problem"]
    assert not result["complete"] and len(on_disk(tmp_path)) == 4
    mended = ask(dest=str(tmp_path))
    assert mended["downloaded"] == 1 and mended["complete"] and on_disk(tmp_path) == PLACES


@pytest.mark.parametrize("fault", [
    dict(kind="cut", when="after"), dict(kind="truncate"), dict(kind="expire"), dict(kind="http", code=503),
])
def test_a_broken_connection_or_a_busy_node_is_tried_again_from_the_beginning(ask, sim, tmp_path, fault):
    sim.faults.add("logs", operation="GetOneFile", **fault)
    result = ask(dest=str(tmp_path), services=[CTI])
    assert result["complete"] and result["downloaded"] == 2
    assert set(on_disk(tmp_path).values()) == {SDL}


def test_a_node_that_never_answers_is_given_up_and_nothing_half_is_left(ask, sim, tmp_path):
    sim.faults.add("logs", "delay", "GetOneFile", after=1, times=None, seconds=30)
    result = ask(dest=str(tmp_path), nodes=[PUBLISHER], timeout=1)
    assert [len(names(result, status)) for status in ("downloaded", "failed", "not_fetched")] == [1, 1, 1]
    assert "no complete response within 1 seconds" in result["nodes"][0]["problem"]
    assert len(on_disk(tmp_path)) == 1


def test_the_time_zone_of_a_node_that_does_not_tell_must_be_given(ask, sim):
    sim.faults.add("logs", "garbage", "getTimeZone", times=None, body=(
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><TimeZone/></e:Body></e:Envelope>'))
    result = ask(**{"from": "2026-01-01 10:00", "to": "2026-01-01 11:00"})
    assert result["failed"] and "Set time_zone" in result["msg"]


# Details


@pytest.mark.parametrize(("text", "expected"), [
    ("Mon Nov 23 16:41:07 CET 2026", ("2026-11-23T16:41:07", False)),
    ("Wed May  6 02:11:27 UTC 2026", ("2026-05-06T02:11:27", True)),
    ("Mon Foo 23 16:41:07 CET 2026", None), ("Mon Feb 30 16:41:07 CET 2026", None), ("2026-11-23", None), (None, None),
])
def test_times_are_read_where_they_are_understood(text, expected):
    change = _trace_collection.change_of(text)
    assert (change and (change.local.isoformat(), change.is_utc)) == expected


def test_a_short_name_of_the_host_itself_and_given_addresses_are_reached():
    params = dict(last_minutes=5, time_zone=None, dest=None, node_addresses={"cucm2": "192.0.2.2"})
    login = ClusterLogin("CUCM1.example.com", "axl", "secret")
    collection = _trace_collection.Collection(login, params)
    assert [collection._address(node, False) for node in ("cucm1", "cucm2", "cucm3")] == [
        "CUCM1.example.com", "192.0.2.2", "cucm3"]
    assert collection._address("anything", True) == "CUCM1.example.com"


def test_a_full_disk_is_reported_with_the_file(tmp_path):
    destination = _trace_collection.Destination(str(tmp_path))
    with pytest.raises(StoreError, match="cannot be written.*free space"):
        with destination.incoming(str(tmp_path / "n" / "x")) as incoming:
            incoming._stream.close()
            incoming._stream = open("/dev/full", "wb", buffering=0)
            incoming._write(b"x")
    assert list(pathlib.Path(tmp_path, "n").iterdir()) == []


def test_the_current_folder_is_as_good_as_an_absolute_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = _trace_collection.Destination("traces").place("n", "/var/log/active/x")
    assert place == os.path.join(str(tmp_path), "traces", "n", "x")
    with pytest.raises(InputError):
        _trace_collection.Destination("traces").place("n", "/var/log/active/\0")


def test_the_seed_of_the_simulator_replaces_and_removes_files(sim):
    path = log_collection.put_log(sim.cluster, TVS, "x", name="tvs00000001.txt")
    assert sim.cluster.database.row("select content from sim_log where path=?", path)["content"] == b"x"
    sim.act("remove_log", path=path)
    assert sim.cluster.database.row("select content from sim_log where path=?", path) is None
