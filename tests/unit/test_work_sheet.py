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
