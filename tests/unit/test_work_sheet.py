# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows are left on the sheet of a PC, and what stands in its page and table."""

from __future__ import annotations

import csv

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _work_sheet
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key

FETCH = [{"cluster": "main", "instance_id": "pc1x1", "number": 1, "setting": name, "place": name, "value": value} for name, value in (
    ("security.authorization_string", "(secret)"), ("security.fetch_certificates", "on"), ("security.instance_id", "pc1x1"))]
SETTINGS = [{"cluster": "main", "instance_id": "pc1x1", "number": 1, "setting": name, "place": name, "value": "x"}
            for name in ("security.capf_port", "user.name", "trace.on")]
TICK = [{"cluster": "main", "instance_id": "pc1x1", "number": 1, "setting": "security.secure_connection", "place": "x", "value": "on"}]


def outcome(**facts):
    return {"cluster": "main", "instance_id": "pc1x1", "action": "none", "needed": False, "certificate_valid": True, "online": False, **facts}


@pytest.mark.parametrize(("row", "left"), [
    (outcome(certificate_valid=False, needed=True, action="armed"),
     ["user.name", "security.secure_connection", "security.fetch_certificates", "security.authorization_string", "security.instance_id",
      "security.capf_port", "trace.on"]),
    # What the cluster issued a certificate to proves what the fetch needed, and nothing of the login.
    (outcome(), ["user.name", "security.secure_connection", "trace.on"]),
    (outcome(online=True), []),
    # One that works and is to get a new certificate needs what the fetch needs.
    (outcome(needed=True, action="armed"),
     ["security.secure_connection", "security.fetch_certificates", "security.authorization_string", "security.instance_id"]),
])
def test_what_is_proven_is_not_left(row, left):
    assert [one["setting"] for one in _work_sheet.left([row], SETTINGS, FETCH, TICK)] == left


def test_an_instance_that_was_not_looked_at_keeps_its_rows():
    assert len(_work_sheet.left([], SETTINGS, FETCH, TICK)) == 7


def test_an_instance_of_the_same_id_on_another_cluster_is_another_one():
    other = [dict(row, cluster="lab") for row in SETTINGS]
    assert {row["cluster"] for row in _work_sheet.left([outcome(online=True)], SETTINGS + other, [], [])} == {"lab"}


def test_page_and_table_quote_what_others_wrote():
    rows = [dict(SETTINGS[1], value='<b>"=1+1', file=""), dict(FETCH[0], file="/strings/pc1x1.txt"), dict(SETTINGS[0], value="=cmd()", file="")]
    page = _work_sheet.page("pc<1", rows, ["off & on"], "2026-11-28", strings={Key("main", "pc1x1"): "0123456789"})
    assert "&lt;b&gt;&quot;=1+1" in page and "<b>\"" not in page and "pc&lt;1" in page and "off &amp; on" in page
    assert "0123456789" in page and "/strings/pc1x1.txt" not in page
    assert "CiscoTSP001.tsp, instance pc1x1" in page and _work_sheet.DIALOG in page and _work_sheet.MARK in page

    table = list(csv.DictReader(_work_sheet.table("pc1", rows).splitlines()))
    assert [row["value"] for row in table] == ['<b>"=1+1', "(secret), which is in /strings/pc1x1.txt", "'=cmd()"]
    assert (table[0]["tab"], table[0]["field"], table[0]["tsp"]) == ("User", "User Name", "CiscoTSP001.tsp")


def test_what_is_run_next_names_the_instances():
    assert _work_sheet.command("pc 1", SETTINGS, True) == (
        "ansible-playbook -i INVENTORY voiceops.secure_tsp.site --limit 'pc 1' -e '{\"secure_tsp_tsp_entered\": [\"main/pc1x1\"]}'")


UPGRADE = {"installed": "14.0.1.1", "version": "14.0.1.5", "numbers": [1, 3], "source": _work_sheet.URL,
           "installer": "https://pub<1>.example.com/plugins/CiscoTSPx64.exe", "sha256": "0" * 64}


def test_an_upgrade_comes_before_what_is_entered_and_needs_no_confirmation():
    lines = _work_sheet.lines("pc1", FETCH, UPGRADE)
    assert lines[0] == "pc1, upgrade of TSP 14.0.1.1 to 14.0.1.5:" and lines[-4] == "pc1, instance pc1x1:"
    assert [line.split()[0] for line in lines[1:-4]] == ["1.", "2.", "3.", "4."]
    page = _work_sheet.page("pc1", [], [], "2026-11-30", upgrade=UPGRADE)
    assert "<li>" in page and "pub&lt;1&gt;" in page and "(001, 003)" in page and "-e " not in page and "Close each dialog" not in page
    rows = list(csv.DictReader(_work_sheet.table("pc1", [], UPGRADE).splitlines()))
    assert [row["field"] for row in rows] == ["Upgrade, step 1", "Upgrade, step 2", "Upgrade, step 3", "Upgrade, step 4"]
    assert [row["value"] for row in rows] == _work_sheet.steps(UPGRADE)
    assert {(row["host"], row["tsp"], row["dialog"]) for row in rows} == {("pc1", "CiscoTSP001.tsp, CiscoTSP003.tsp", "installer of Cisco TSP")}


@pytest.mark.parametrize(("source", "begins"), [
    (_work_sheet.URL, "Download the installer"), (_work_sheet.FILE, "Copy the installer of version 14.0.1.5 from the controller"),
    (_work_sheet.PATH, "Use this installer")])
def test_where_the_installer_comes_from(source, begins):
    assert _work_sheet.steps(dict(UPGRADE, source=source))[0].startswith(begins)
