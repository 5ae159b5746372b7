# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A draft of a registry profile from a played installer, held against a scripted Windows host."""

from __future__ import annotations

import collection_path
import pytest
import yaml
from played_installer import TSP_KEY

VECTORS = collection_path.ROOT / "tests" / "vectors" / "msi"
KEY = "HKLM:\\%s\\CiscoTSP001" % TSP_KEY


def sz(value):
    return {"type": "REG_SZ", "value": value}


@pytest.fixture(name="drafting")
def _drafting(make_windows_site):
    site = make_windows_site("recorder01")
    site.profile = site.controller.folder / "drafted.yml"
    site.settings.update(client_windows_registry_profile=str(site.profile),
                         client_windows_discover_installer=str(VECTORS / "played-tsp-x64.msi"))
    return site


def test_a_draft_is_used_where_the_host_confirms_it_and_nowhere_else(drafting):
    site, registry = drafting, drafting.state("recorder01")["registry"]
    values = {"PlayedUser": sz("recorder_tapi"), "PlayedInstance": sz("recorder01x1"), "PlayedManagerKind": sz("7"),
              "PlayedTrace": sz("1"), "PlayedPassword": sz("hidden-secret-1")}
    site.change("recorder01", registry={**registry, KEY: values})

    run = site.run("-vvv", playbook="discover_registry_profile")
    grades = {name: entry["grade"] for name, entry in yaml.safe_load(site.profile.read_text())["settings"].items()}
    assert grades == {
        "user.name": "confirmed", "security.instance_id": "confirmed", "trace.tsp": "from the installer",
        "cti_manager.primary": "from the installer", "security.capf_port": "from the installer",
        "security.secure_connection": "from the installer"}
    assert "cti_manager.primary_kind: contradicted" in run.text and "security.capf_port: absent" in run.text
    assert "trace.tsp: possible" in run.text and "PlayedHeartbeat: it is the same everywhere" in run.text
    assert "hidden-secret-1" not in run.output + site.profile.read_text()
    assert "# Drafted from Played Cisco TSP 14.0.1.2.\n# Compared with recorder01." in site.profile.read_text()

    site.change("recorder01", registry={**registry, KEY: {**values, "PlayedUser": sz("somebody")}})
    site.run()
    assert site.state("recorder01")["registry"][KEY] == values, "only what was confirmed is written"

    again = site.run(playbook="discover_registry_profile")
    assert "user.name: already known" in again.text
    assert yaml.safe_load(site.profile.read_text())["settings"]["user.name"]["grade"] == "confirmed"


def test_what_was_measured_stays(drafting):
    measured = {"key": "HKLM:\\SOFTWARE\\Invented\\{number}", "name": "Measured", "type": "string", "transform": "text"}
    drafting.profile.write_text(yaml.safe_dump({"settings": {"user.name": measured}}))
    drafting.run(playbook="discover_registry_profile")
    settings = yaml.safe_load(drafting.profile.read_text())["settings"]
    assert settings["user.name"] == measured and settings["security.instance_id"]["grade"] == "from the installer"


@pytest.mark.parametrize(("content", "words"), [
    ((VECTORS / "played-tsp-custom-action.msi").read_bytes(), "This installer does not show where any setting is stored"),
    (b"MZ" + bytes(4000), "it contains no uncompressed MSI"),
])
def test_an_installer_that_tells_nothing_writes_nothing(drafting, content, words):
    installer = drafting.controller.folder / "setup.exe"
    installer.write_bytes(content)
    drafting.settings["client_windows_discover_installer"] = str(installer)
    run = drafting.run(rc=2, playbook="discover_registry_profile")
    assert words in run.text and not drafting.profile.exists()
