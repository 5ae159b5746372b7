# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.modules import tsp_installer_info


@pytest.fixture(name="folder")
def _folder(vectors):
    return vectors / "msi"


def test_what_a_package_says(run_module, folder):
    result = run_module(tsp_installer_info, path=str(folder / "played-tsp-x64.msi"), check=True, diff=True)
    assert result["changed"] is False and "warnings" not in result and "diff" not in result
    product = result["product"]
    assert (product["name"], product["version"], product["bits"], product["platform"]) == ("Played Cisco TSP", "14.0.1.2", 64, "x64")
    assert product["product_code"] == "{D5A1B2C3-0000-4000-8000-000000000001}"
    assert product["upgrade_code"] == "{D5A1B2C3-0000-4000-8000-000000000002}"
    assert result["upgrade"]["kind"] == "major" and [row["only_detected"] for row in result["upgrade"]["related"]] == [False, True]
    properties = {row["name"]: row for row in result["properties"]}
    assert "Played" not in properties and properties["PLAYEDPORT"]["default"] == "3804"
    assert [name for name, row in properties.items() if row["hidden"]] == ["PASS", "PLAYEDSTRING"]
    assert {name: row["setting"] for name, row in properties.items() if row["setting"] and not row["documented"]} == {
        "PLAYEDINSTANCE": "security.instance_id", "PLAYEDPORT": "security.capf_port", "PLAYEDSECURE": "security.secure_connection",
        "PLAYEDTRACE": "trace.tsp"}
    assert [(row["label"], row["group"]) for row in result["controls"] if row["property"] == "PLAYEDPORT"] == [("Port:", "CAPF")]
    assert [(row["type"], row["data"], row["view"]) for row in result["registry"] if row["name"] == "PlayedCapfPort"] == [
        ("dword", "[PLAYEDPORT]", 64)]
    assert [row["file"] for row in result["providers"]] == ["CiscoTSP001x64.tsp", "CiscoTUISP001.dll"]
    assert sorted(result["draft"]["settings"]) == [
        "cti_manager.primary", "cti_manager.primary_kind", "security.capf_port", "security.instance_id", "security.secure_connection",
        "trace.tsp", "user.name"]
    assert result["draft"]["settings"]["trace.tsp"]["transform"] == {"map": {"off": "0", "error": "1", "detailed": "2"}}


def test_settings_that_a_custom_action_may_write_are_said_to_be_unknown(run_module, folder):
    result = run_module(tsp_installer_info, path=str(folder / "played-tsp-custom-action.msi"))
    assert result["registry"] == [] and result["draft"] == {"settings": {}, "not_placed": []} and result["product"]["bits"] == 32
    assert [(row["kind"], row["sets"]) for row in result["custom_actions"]] == [("property", "PlayedData"), ("library", "")]
    assert "does not show where the TSP stores its settings. It has 2 custom actions" in result["warnings"][0]


def test_other_keys_on_request(run_module, folder):
    result = run_module(tsp_installer_info, path=str(folder / "played-tsp-custom-action.msi"), registry_keys=["software\\PLAYED\\"])
    assert [row["key"] for row in result["registry"]] == ["SOFTWARE\\Played\\Elsewhere"] and result["registry_elsewhere"] == 0


def test_a_package_inside_a_program_is_read(run_module, folder, tmp_path):
    program = tmp_path / "setup.exe"
    program.write_bytes(b"MZ" + bytes(4000) + (folder / "played-tsp-x64.msi").read_bytes() + b"signature")
    result = run_module(tsp_installer_info, path=str(program))
    assert result["offset"] == 4002 and result["product"]["name"] == "Played Cisco TSP"


@pytest.mark.parametrize(("content", "words"), [
    (b"MZ" + bytes(5000), "it contains no uncompressed MSI"), (b"", "it contains no uncompressed MSI"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "unknown kind"),
])
def test_what_cannot_be_read_is_refused_with_the_way_to_the_package(run_module, tmp_path, content, words):
    path = tmp_path / "setup.exe"
    path.write_bytes(content)
    result = run_module(tsp_installer_info, path=str(path))
    assert result["failed"] and words in result["msg"] and "LocalPackage" in result["msg"] and str(path) in result["msg"]


def test_several_packages_in_one_program_are_refused(run_module, folder, tmp_path):
    path = tmp_path / "setup.exe"
    package = (folder / "played-tsp-x64.msi").read_bytes()
    path.write_bytes(b"MZ" + package + package)
    result = run_module(tsp_installer_info, path=str(path))
    assert result["failed"] and "it contains 2 packages, at the offsets 2, %d" % (2 + len(package)) in result["msg"]


def test_a_file_that_is_not_there(run_module):
    result = run_module(tsp_installer_info, path="/nonexistent/setup.msi")
    assert result["failed"] and "the installer cannot be read: No such file or directory (/nonexistent/setup.msi)" in result["msg"]
