# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs on hosts with a registry and a Windows Installer of Wine's. With SECURE_TSP_WINE in the environment, all tests here have that
registry; without Wine, these are skipped and say so, and all others have a played one.
"""

from __future__ import annotations

import hashlib

import pytest
from collection_path import ROOT
from windows_site import PROVIDERS

PACKAGE = ROOT / "tests" / "vectors" / "msi" / "played-tsp-x64.msi"
INSTALLER = PACKAGE.read_bytes()
INSTALLED = "HKLM:\\SOFTWARE\\Cisco Systems, Inc.\\Cisco TSP"


@pytest.fixture
def site(make_windows_site):
    return make_windows_site("recorder01", user=False, wine=True)


def test_site_installs_sets_verifies_and_finds_drift_on_the_registry_of_wine(site):
    state = site.state("recorder01")
    site.change("recorder01", registry={**state["registry"], PROVIDERS: {}}, installers={
        hashlib.sha256(INSTALLER).hexdigest(): {"package": str(PACKAGE), "version": "14.0.1.2", "rc": 3010}})
    site.use_profile()
    site.settings.update(
        client_windows_manage_installation=True, client_windows_installer_version="14.0.1.2", client_windows_installer_file=str(PACKAGE),
        client_windows_installer_sha256=hashlib.sha256(INSTALLER).hexdigest(), client_windows_allow_reboot=True,
        client_windows_settings={"trace.on": True, "trace.file_size": 10})
    site.users[0]["name"] = "rec tapi & 50%"
    site.instances[0]["user"] = site.users[0]["name"]

    first = site.run("-vvv")
    assert first.states == {"recorder01x1": "verified"}
    registry = site.registry("recorder01")
    assert (registry["X-User"], registry["X-Size"], registry["X-Secure"]) == ("rec tapi & 50%", 10240, 1) and "X-Fetch" not in registry
    for secret in site.secrets():
        assert secret not in first.output
    state = site.state("recorder01")
    assert state["reboots"] == 2
    written = next(values for key, values in state["registry"].items() if key.startswith(INSTALLED) and "PlayedUser" in values)
    assert written["PlayedUser"]["value"] == "rec tapi & 50%", "by Windows Installer, from the command line of the role"

    second = site.run()
    assert second.states == {"recorder01x1": "verified"} and second.count("changed") == 0
    assert site.state("recorder01")["registry"] == state["registry"] and site.state("recorder01")["reboots"] == 2

    key = next(known for known, values in state["registry"].items() if "X-Port" in values)
    values = dict(state["registry"][key], **{"X-Port": {"type": "REG_DWORD", "value": 3805}})
    site.change("recorder01", registry={**state["registry"], key: values})
    drift = site.run(playbook="drift", rc=2)
    assert "CAPF: Port" in drift.text or "security.capf_port" in drift.text, drift.text
    assert site.registry("recorder01")["X-Port"] == 3805, "drift changes nothing"
