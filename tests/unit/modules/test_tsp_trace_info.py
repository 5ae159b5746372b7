# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import gzip
import io
import os
import tarfile
import zipfile

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _trace_archive
from ansible_collections.voiceops.secure_tsp.plugins.modules import tsp_trace_info
from trace_samples import CAPF, CTI_REFUSED, JTAPI, JTAPI_OPENED, TFTP, TVS, jtapi


@pytest.fixture(scope="module")
def success(vectors):
    return (vectors / "tsptrace" / "success.txt").read_text()


@pytest.mark.parametrize("written, reported", [
    ("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"),
    ("cp1252", "cp1252"),
])
def test_every_encoding_a_windows_host_may_write(run_module, tmp_path, success, written, reported):
    text = success + "16:31:06.000 | Umlaut \u00fc in a name\n"
    (tmp_path / "TSP001Debug000000.txt").write_bytes(text.encode(written))
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert result["verdict"] == "complete" and result["changed"] is False
    assert [item["encoding"] for item in result["files"]] == [reported]
    assert result["attempts"][0]["after"][-1]["text"] == "Umlaut \u00fc in a name"


def test_a_rotating_set_is_read_oldest_first(run_module, tmp_path, success):
    lines = success.splitlines(keepends=True)
    for name, part, moment in (("TSP001Debug000001.txt", lines[:15], 1000), ("TSP001Debug000000.txt", lines[15:], 2000)):
        (tmp_path / name).write_text("".join(part))
        os.utime(tmp_path / name, (moment, moment))
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert [os.path.basename(item["path"]) for item in result["files"]] == ["TSP001Debug000001.txt", "TSP001Debug000000.txt"]
    assert result["attempts"][0]["reached"] == "key_stored"
    assert len(result["attempts"][0]["certificates"]) == 3


def test_a_trace_that_stops_is_quoted_without_its_secret(run_module, tmp_path, success):
    path = tmp_path / "trace.txt"
    path.write_text("".join(success.splitlines(keepends=True)[:24]) + "16:31:05.000 | CAPFclient::x() refused 4711471147\n")
    result = run_module(tsp_trace_info, paths=[str(path)], mask=["4711471147"])
    assert result["verdict"] == "stopped"
    assert result["attempts"][0]["trouble"][0]["text"] == "CAPFclient::x() refused ********"
    assert "4711471147" not in str(result)


@pytest.mark.parametrize("options, words", [
    (dict(paths=["/nonexistent/trace"]), "there is no trace file or folder /nonexistent/trace"),
    (dict(paths=["."], gap_seconds=0), "gap_seconds is 0"),
    (dict(paths=["."], encoding="klingon"), "encoding klingon"),
])
def test_bad_input_is_refused_with_a_cure(run_module, options, words):
    result = run_module(tsp_trace_info, **options)
    assert result["failed"] and words in result["msg"] and result["msg"].count(". ") >= 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_files_that_were_read_elsewhere_are_given_by_their_octets(run_module, success, encoding):
    lines = (success + "16:31:06.000 | caf\u00e9\n").splitlines(keepends=True)
    result = run_module(tsp_trace_info, contents=[
        {"name": "C:\\Temp\\%d.txt" % number, "content": base64.b64encode("".join(part).encode(encoding)).decode()}
        for number, part in enumerate((lines[:15], lines[15:]))])
    assert result["verdict"] == "complete" and len(result["attempts"][0]["certificates"]) == 3
    assert [item["path"] for item in result["files"]] == ["C:\\Temp\\0.txt", "C:\\Temp\\1.txt"]
    assert result["attempts"][0]["after"][-1]["text"] == "caf\u00e9"


def test_octets_that_are_no_base64_are_refused(run_module):
    result = run_module(tsp_trace_info, contents=[{"name": "x.txt", "content": "?"}])
    assert result["failed"] and "the content of x.txt is not base64" in result["msg"]


def test_an_empty_folder_is_refused(run_module, tmp_path):
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert result["failed"] and "no trace file in" in result["msg"]


# Field reports T5 and T8: what was given is told


def write(folder, files, moment=None):
    """Files by name; a moment counts up from one to the next, as those of a rotating set."""
    for number, (name, content) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if moment is not None:
            os.utime(path, (moment + 1000 * number,) * 2)


def names(rows):
    return [os.path.basename(row["path"]) for row in rows]


def stopped(text):
    return "".join(text.splitlines(keepends=True)[:3])


def test_t5_files_without_a_timed_line_are_left_out_and_named(run_module, tmp_path, success):
    write(tmp_path, {"TSP001Debug000000.txt": success, "config.xml": "<a>\n</a>\n", "empty.txt": "", "readme.txt": "Read me.\n",
                     "app.log": "2026-01-01 08:00:00,000 INFO begin\n"})
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert result["verdict"] == "complete" and names(result["files"]) == ["TSP001Debug000000.txt"]
    assert sorted(names(result["left_out"])) == ["app.log", "config.xml", "empty.txt", "readme.txt"]
    assert all(row["reason"] for row in result["left_out"])


@pytest.mark.parametrize("heading", ["Trace file begun anew\n", "Trace, mode w+b\nQBEClient.pem\n"])
def test_t5_a_heading_of_a_rotated_file_continues_no_line_of_the_former_one(run_module, tmp_path, success, heading):
    lines = success.splitlines(keepends=True)
    write(tmp_path, {"TSP001Debug000000.txt": "".join(lines[:15]), "TSP001Debug000001.txt": heading + "".join(lines[15:])}, 10 ** 9)
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    attempt = result["attempts"][0]
    assert result["verdict"] == "complete" and [one["hash_fits"] for one in attempt["certificates"]] == [True] * 3
    assert "Trace" not in str(attempt["certificates"])


def contents(files):
    return [{"name": name, "content": base64.b64encode(text.encode()).decode()} for name, text in files]


def later(text):
    return text.replace("16:31:0", "17:31:0")


@pytest.mark.parametrize("order", [
    # The ring starts anew at 0: the newest file comes first by name.
    lambda old, new: [("T000.txt", new), ("T001.txt", old)], lambda old, new: [("T001.txt", old), ("T000.txt", new)],
    # Names that tell nothing, in either order.
    lambda old, new: [("new.txt", new), ("old.txt", old)], lambda old, new: [("a.txt", old), ("b.txt", new)],
])
def test_t5_the_newest_start_decides_in_whatever_order_contents_are_given(run_module, success, order):
    result = run_module(tsp_trace_info, contents=contents(order(stopped(success), later(success))))
    assert result["verdict"] == "complete" and len(result["attempts"]) == 2
    result = run_module(tsp_trace_info, contents=contents(order(success, later(stopped(success)))))
    assert result["verdict"] == "stopped" and len(result["attempts"]) == 2


def test_t5_over_midnight_the_newest_start_decides(run_module, success):
    evening, morning = stopped(success).replace("16:31", "23:50"), success.replace("16:31", "00:10")
    for files in ([("b.txt", evening), ("a.txt", morning)], [("T1.txt", evening), ("T2.txt", morning)]):
        assert run_module(tsp_trace_info, contents=contents(files))["verdict"] == "complete"


def test_t5_an_order_that_was_given_stays(run_module, success):
    files = [("T1.txt", later(success)), ("T0.txt", stopped(success))]
    assert run_module(tsp_trace_info, contents=contents(files), order="given")["verdict"] == "stopped"


def test_a_file_that_was_copied_twice_counts_once(run_module, tmp_path, success):
    grown = success + "16:31:06.000 | more\n"
    write(tmp_path, {"TSP001Debug000001.txt": grown, "TSP001Debug000001 - copy.txt": success, "TSP001Debug000001 (2).txt": grown}, 10 ** 9)
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert len(result["attempts"]) == 1 and len(result["files"]) == 1
    assert [row["reason"] for row in result["left_out"]] == ["a copy of %s" % names(result["files"])[0]] * 2


@pytest.mark.parametrize(("text", "what", "verdict", "step"), [
    (JTAPI, "a log of Cisco JTAPI", "refused", "unlock the account"), (JTAPI_OPENED, "a log of Cisco JTAPI", "opened", "controlled devices"),
    (CTI_REFUSED, "an SDL trace of CTI Manager", "refused", "Standard CTI Enabled"), (TFTP, "an SDL trace of Cisco Tftp", "refused", "Cisco Tftp"),
    (CAPF, "a trace of CAPF", "refused", "authorization string"),
])
def test_t8_other_traces_say_what_they_are_and_are_read(run_module, tmp_path, text, what, verdict, step):
    write(tmp_path, {"some.txt": text})
    result = run_module(tsp_trace_info, paths=[str(tmp_path / "some.txt")])
    assert result["verdict"] == verdict and "This is %s, not a TSP trace." % what in result["summary"] and step in result["next_step"]
    assert result["events"] and result["attempts"] == []


@pytest.mark.parametrize(("content", "words"), [
    (TVS, "a trace of another service of the cluster"), ("Read me.\n", "no trace: no line begins with a time"),
    (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive, which is not opened: unpack it"), (b"\xd4\xc3\xb2\xa1" + bytes(99), "a packet capture"),
    (b"", "no trace"), (bytes(5000), "no trace"), (b"PK\x03\x04" + bytes(99), "is damaged"), (b"\x1f\x8b" + bytes(99), "is damaged"),
])
def test_t8_what_is_no_trace_is_refused_by_its_name(run_module, tmp_path, content, words):
    write(tmp_path, {"given.bin": content})
    result = run_module(tsp_trace_info, paths=[str(tmp_path / "given.bin")])
    assert result["failed"] and words in result["msg"] and "given.bin" in result["msg"]


def in_application_log(text):
    """As an application writes JTAPI's lines into its own log."""
    return "".join("2026-11-23 07:09:02,973 DEBUG [main] com.example.cti - " + line.partition(" CET ")[2] if "%JTAPI" in line else line
                   for line in text.splitlines(keepends=True))


@pytest.mark.parametrize("text", [
    JTAPI.replace("Nov 23", "Nov. 23"), JTAPI.replace("Nov 23", "M\u00e4rz 23").replace("CET", "MEZ"), JTAPI.replace("Nov 23", "11\u6708 23"),
    JTAPI.replace("Nov 23", "nov. 23").replace("CET", "GMT+01:00"), in_application_log(JTAPI), JTAPI.replace("\n", "\r\n"),
])
def test_t8_a_log_of_jtapi_in_whatever_language_and_heading(run_module, tmp_path, text):
    write(tmp_path, {"some.log": text})
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert result["verdict"] == "refused" and "a log of Cisco JTAPI" in result["summary"] and "unlock the account" in result["next_step"]


@pytest.mark.parametrize("prefix", ["SDL002_100_000001.txt:", "SDL002_100_000001.txt:17:", "17:", "   "])
def test_t8_lines_that_a_search_found_in_several_files(run_module, tmp_path, success, prefix):
    write(tmp_path, {"found.txt": "".join(prefix + line for line in CTI_REFUSED.splitlines(keepends=True))})
    assert "Standard CTI Enabled" in run_module(tsp_trace_info, paths=[str(tmp_path)])["next_step"]
    write(tmp_path, {"found.txt": "".join(prefix + line for line in success.splitlines(keepends=True))})
    assert run_module(tsp_trace_info, paths=[str(tmp_path)])["verdict"] == "complete"


@pytest.mark.parametrize(("words", "meaning"), [
    ("cucm.example.com: Connection refused (Connection refused)", "no service listens"), ("java.net.UnknownHostException: cucm", "cannot be resolved"),
    ("java.net.SocketTimeoutException: connect timed out", "does not answer"), ("java.net.NoRouteToHostException: No route to host", "no route"),
    ("javax.net.ssl.SSLHandshakeException: PKIX path building failed: x", "does not know the certificate"),
    ("javax.net.ssl.SSLHandshakeException: Received fatal alert: certificate_unknown", "does not accept the certificate"),
    ("javax.net.ssl.SSLHandshakeException: Received fatal alert: certificate_expired", "has expired"),
    ("javax.net.ssl.SSLHandshakeException: Received fatal alert: unknown_ca", "issuer of the application's certificate"),
    ("javax.net.ssl.SSLHandshakeException: Received fatal alert: handshake_failure", "no common TLS version"),
    ("javax.net.ssl.SSLHandshakeException: Received fatal alert: protocol_version", "no common version"),
])
def test_t8_the_words_of_java_are_told_with_their_meaning(run_module, tmp_path, words, meaning):
    write(tmp_path, {"a.log": JTAPI_OPENED + jtapi("[main] PlatformExceptionImpl caught: Unable to create provider -- " + words, "09:00:00.000")})
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert result["verdict"] == "refused" and meaning in result["summary"] and "gives no code" not in result["next_step"]


def test_t5_a_start_without_an_answer_is_newer_than_one_that_went_well(run_module, tmp_path):
    begin = JTAPI_OPENED[:JTAPI_OPENED.index("received Event")].rpartition("\n")[0] + "\n"
    write(tmp_path, {"a.log": JTAPI_OPENED + begin.replace("07:12", "09:30")})
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert result["verdict"] == "nothing_found" and "09:30:02.973" in result["summary"] and "ends before an answer" in result["next_step"]
    write(tmp_path, {"a.log": begin + JTAPI_OPENED})
    assert run_module(tsp_trace_info, paths=[str(tmp_path)])["verdict"] == "opened"


@pytest.mark.parametrize("pack", [lambda octets: octets, lambda octets: zipped({"cm/SDL002_100_000001.txt.gzo": octets})])
@pytest.mark.parametrize("part", [0.5, 0.99])
def test_t8_the_compressed_trace_that_is_still_written_is_read_as_far_as_it_goes(run_module, tmp_path, pack, part):
    whole = gzip.compress(CTI_REFUSED.encode() * 50)
    write(tmp_path, {"SDL002_100_000001.txt.gzo": pack(whole[:int(len(whole) * part)])})
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert result["verdict"] == "refused" and "Standard CTI Enabled" in result["next_step"]
    assert [row["reason"] for row in result["left_out"]] == ["the end of a compressed file that is cut off; the part before it was read"]


def test_t8_a_parent_folder_says_which_folder_to_name(run_module, tmp_path, success):
    write(tmp_path, {"CiscoTSP001Log/TSP001Debug000000.txt": success, "CiscoTSP002Log/TSP002Debug000000.txt": success,
                     "jtapi/log/CiscoJtapi01.log": JTAPI, "notes/readme.txt": "nothing\n"})
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert result["failed"] and "CiscoTSP001Log (a TSP trace)" in result["msg"] and "CiscoTSP002Log" in result["msg"]
    assert "(a log of Cisco JTAPI)" in result["msg"] and "readme" not in result["msg"]
    assert "such as %s." % (tmp_path / "CiscoTSP001Log") in result["msg"]


def test_traces_of_two_tsps_in_one_folder_are_not_mixed(run_module, tmp_path, success):
    write(tmp_path, {"TSP001Debug000000.txt": success, "TSP002Debug000000.txt": later(stopped(success))})
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert result["failed"] and "traces of several TSPs: 001, 002" in result["msg"]


def test_a_mixed_folder_is_judged_by_its_tsp_traces_and_the_rest_is_read(run_module, tmp_path, success):
    write(tmp_path, {"TSP001Debug000000.txt": success, "CiscoJtapi01.log": JTAPI, "SDL001_200_000001.txt.gz": gzip.compress(CTI_REFUSED.encode())})
    result = run_module(tsp_trace_info, paths=[str(tmp_path)])
    assert result["verdict"] == "complete" and {row["kind"] for row in result["files"]} == {"tsp", "jtapi", "cti_manager"}
    assert "A log of Cisco JTAPI and an SDL trace of CTI Manager shows" in result["summary"]


# Archives


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files, mode="w"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for number, (name, content) in enumerate(files.items()):
            info = tarfile.TarInfo(name)
            info.mtime = 10 ** 9 + 1000 * number
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO((content or "").encode()))
    return stream.getvalue()


@pytest.mark.parametrize("pack", [
    zipped, tarred, lambda files: tarred(files, "w:gz"), lambda files: tarred(files, "w:bz2"), lambda files: tarred(files, "w:xz")])
def test_t8_an_archive_of_the_folder_is_opened(run_module, tmp_path, success, pack):
    lines = success.splitlines(keepends=True)
    write(tmp_path, {"given": pack({"CiscoTSP001Log/TSP001Debug000000.txt": "".join(lines[:19]),
                                    "CiscoTSP001Log/TSP001Debug000001.txt": "heading\n" + "".join(lines[19:]), "CiscoTSP001Log/config.xml": "<a/>"})})
    result = run_module(tsp_trace_info, paths=[str(tmp_path / "given")])
    assert result["verdict"] == "complete" and names(result["left_out"]) == ["config.xml"]
    assert result["files"][0]["path"].endswith("given/CiscoTSP001Log/TSP001Debug000000.txt")
    octets = base64.b64encode((tmp_path / "given").read_bytes()).decode()
    assert run_module(tsp_trace_info, contents=[{"name": "folder.zip", "content": octets}])["verdict"] == "complete"


def test_an_archive_of_several_tsps_asks_for_one(run_module, tmp_path, success):
    write(tmp_path, {"all.zip": zipped({"CiscoTSP001Log/TSP001Debug0.txt": success, "CiscoTSP002Log/TSP002Debug0.txt": later(success)})})
    result = run_module(tsp_trace_info, paths=[str(tmp_path / "all.zip")])
    assert result["failed"] and "several TSPs" in result["msg"] and "Unpack" in result["msg"]


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["../outside.txt", "a/../../outside.txt", "/etc/outside.txt", "..\\outside.txt", "C:\\outside.txt"])
def test_names_that_lead_out_of_an_archive_are_left_out(run_module, tmp_path, success, pack, name):
    folder = tmp_path / "in"
    write(folder, {"given": pack({name: later(stopped(success)), "TSP001Debug000000.txt": success})})
    result = run_module(tsp_trace_info, paths=[str(folder / "given")])
    assert result["verdict"] == "complete" and [row["reason"] for row in result["left_out"]] == ["a path that leads out of the archive"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["given", "in"]


def test_links_and_archives_in_archives_are_left_out(run_module, tmp_path, success):
    inner = zipped({"x.txt": success}).decode("latin-1")
    write(tmp_path, {"a.tar": tarred({"link.txt": None, "TSP001Debug000000.txt": success})})
    result = run_module(tsp_trace_info, paths=[str(tmp_path / "a.tar")])
    assert result["verdict"] == "complete" and [row["reason"] for row in result["left_out"]] == ["a link"]
    write(tmp_path, {"b.zip": zipped({"inner.zip": inner.encode("latin-1"), "TSP001Debug000000.txt": success})})
    result = run_module(tsp_trace_info, paths=[str(tmp_path / "b.zip")])
    assert [row["reason"] for row in result["left_out"]] == ["an archive inside an archive"]


@pytest.mark.in_process
@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, "w:xz"), lambda files: gzip.compress(next(iter(files.values())).encode())])
def test_an_archive_that_unpacks_to_too_much_is_refused(run_module, tmp_path, monkeypatch, pack):
    monkeypatch.setattr(_trace_archive, "MOST_OCTETS", 1 << 20)
    monkeypatch.setattr(_trace_archive.members, "__defaults__", (1 << 20,))
    write(tmp_path, {"bomb": pack({"TSP001Debug000000.txt": "0" * (3 << 20)})})
    result = run_module(tsp_trace_info, paths=[str(tmp_path / "bomb")])
    assert result["failed"] and "more than 1 MB" in result["msg"] and "Unpack it" in result["msg"]


def test_an_archive_of_too_many_files_is_refused(run_module, tmp_path):
    write(tmp_path, {"many.zip": zipped({"%d.txt" % number: "" for number in range(_trace_archive.MOST_MEMBERS + 1)})})
    assert "more than 5000 files" in run_module(tsp_trace_info, paths=[str(tmp_path / "many.zip")])["msg"]


def test_an_encrypted_archive_says_so(run_module, tmp_path, success):
    octets = bytearray(zipped({"TSP001Debug000000.txt": success}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        octets[octets.index(mark) + place] |= 1
    write(tmp_path, {"locked.zip": bytes(octets)})
    assert "locked.zip is encrypted" in run_module(tsp_trace_info, paths=[str(tmp_path / "locked.zip")])["msg"]


def test_secrets_are_masked_in_events(run_module, tmp_path):
    write(tmp_path, {"a.log": JTAPI.replace("Directory login failed", "login with topsecret9 failed")})
    assert "topsecret9" not in str(run_module(tsp_trace_info, paths=[str(tmp_path)], mask=["topsecret9"]))
