# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import os

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.modules import tsp_trace_info


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
