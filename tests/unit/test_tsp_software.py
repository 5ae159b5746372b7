# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of the TSP's software on a PC, beside the other PCs and the cluster."""

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings, _tsp_software

PATTERN = r"(?i)cisco.*\bTSP\b"


def text(value):
    return {"type": "REG_SZ", "value": value}


def pc(version="15.0.1.5", numbers=(1,), files=None, listed=None, **facts):
    """A PC in order, unless told otherwise."""
    names = ["CiscoTSP%03dx64.tsp" % number for number in numbers]
    return {
        "known": True, "version": version, "installed": "2026-01-02", "windows_installed": "2025-01-02", "uac": True, "notifier": [],
        "auto_update": None, "files": [{"file": name, "checksum": "a"} for name in names] if files is None else files,
        "providers": [{"file": name, "tsp_number": number} for name, number in zip(names, numbers)],
        "listed": dict.fromkeys(numbers, "main") if listed is None else listed, **facts}


def told(mine, others=(), releases=None):
    hosts = {"pc1": mine, **{"pc%d" % number: one for number, one in enumerate(others, 2)}}
    return _tsp_software.findings(hosts, "pc1", {"main": "15.0.1.10000"} if releases is None else releases)


@pytest.mark.parametrize(("mine", "others"), [
    (pc(), [pc()]), (pc(numbers=(1, 2)), [pc()]), (pc(auto_update="never"), []), (pc(version="", known=False), [pc()]),
    # Newer than another PC: that one is told.
    (pc("15.0.1.6"), [pc("15.0.1.5")]),
    # Another cluster's PC may have another version.
    (pc(), [pc("15.0.1.9", listed={1: "lab"})]),
    # Where no files were found, nothing was left behind by an uninstallation that is not known either.
    (pc(files=[]), []),
    (pc(notifier=["CiscoTSPNotifier"], uac=False), []),
])
def test_pcs_in_order(mine, others):
    assert told(mine, others) == []


@pytest.mark.parametrize(("mine", "others", "severity", "what", "fix"), [
    (pc("16.0.1.1"), [], "critical", "newer than the cluster", "cannot downgrade"),
    (pc("14.0.1.1"), [], "warning", "older than the cluster", "client_windows_manage_installation"),
    (pc("15.0.1.4", numbers=(1, 2)), [pc()], "warning", "TSP 15.0.1.4 is installed, but pc2 has 15.0.1.5.", "2 instances"),
    (pc(files=[{"file": "CiscoTSP001x64.tsp", "checksum": "b"}]), [pc()], "warning", "differs from that of pc2", "Compare the files"),
    (pc(numbers=(1, 2), listed={1: "main"}), [], "warning", "TSP 002 is installed", "tsp_number"),
    (pc("", numbers=(1, 3), files=[]), [], "warning", "CiscoTSP001x64.tsp, CiscoTSP003x64.tsp", "at least 3 instances"),
    (pc(auto_update="always"), [], "warning", "Auto Update is Always", "never"),
    (pc(notifier=["N"]), [], "warning", "Notifier", "by hand"),
    (pc(windows_installed="2026-01-03"), [], "warning", "upgraded in place on 2026-01-03", "installed again"),
])
def test_what_is_not_in_order(mine, others, severity, what, fix):
    ((found, sentence, cure),) = told(mine, others)
    assert found == severity and what in sentence and fix in cure


def test_a_cluster_whose_release_is_not_known_judges_no_version():
    assert told(pc("14.0.1.1"), releases={"main": ""}) == []


def test_facts_of_what_the_registry_shows():
    programs = [{"DisplayName": text("Cisco TSP"), "DisplayVersion": text("14.0.1.5"), "InstallDate": text("20260102")},
                {"DisplayName": text("Other"), "DisplayVersion": text("1")}, {}]
    run = {"TSP": text("C:\\Program Files\\Cisco\\CiscoTSPNotifier.exe"), "Cisco": text("C:\\x.exe")}
    files = [{"path": "C:\\Windows\\System32\\CiscoTSP001x64.tsp", "checksum": "a"}]
    windows = {"InstallDate": {"type": "REG_DWORD", "value": 1704067200}}
    found = _tsp_software.facts(programs, PATTERN, windows, {"EnableLUA": {"type": "REG_DWORD", "value": 1}}, run, files, "ask")
    assert found == {
        "known": True, "version": "14.0.1.5", "installed": "2026-01-02", "windows_installed": "2024-01-01", "uac": True, "notifier": ["TSP"],
        "files": [{"file": "CiscoTSP001x64.tsp", "checksum": "a"}], "auto_update": "ask"}
    none = _tsp_software.facts(None, PATTERN, {}, {}, {}, [])
    assert (none["known"], none["version"], none["installed"], none["windows_installed"], none["uac"]) == (False, "", "", "", False)
    # Two programs that look like the TSP tell no version.
    assert _tsp_software.facts(programs[:1] * 2, PATTERN, windows, {}, {}, [])["version"] == ""


def test_a_stored_choice_is_read_back():
    entry = _tsp_settings.Entry("HKLM:\\X\\{number}", "U", "dword", {"map": {"ask": 0, "never": 1}})
    found = [_tsp_software.stored_choice(_tsp_software.AUTO_UPDATE, entry, value) for value in (
        {"type": "REG_DWORD", "value": 1}, {"type": "REG_DWORD", "value": 7}, None)]
    assert found == ["never", None, None]


@pytest.mark.parametrize(("value", "right"), [
    ("after 1", True), ("after 3600", True), ("after 3601", False), ("after 0", False), ("every 02:00", True), ("every Sun 23:59", True),
    ("every Sunday 02:00", False), ("every 24:00", False), ("scheduled 2026/11/30 02:00", True), ("scheduled 2026/13/30 02:00", False),
    ("", False), (30, False)])
def test_when_a_tsp_leaves_its_tertiary_cti_manager(value, right):
    assert (_tsp_settings.problem_with("cti_manager.fallback", value) is None) == right
