# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installation, facts and discovery on scripted Windows hosts."""

from __future__ import annotations

import csv
import hashlib
import stat

import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings, _tsp_sitting
from windows_site import KEY, PROFILE, PROVIDERS, UNINSTALL

INSTALLER = b"the installer of version 14.0.1.5"
SHA256 = hashlib.sha256(INSTALLER).hexdigest()
FIRST = KEY.replace("{number}", "001")
RECORDING = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System\\Audit"


def with_installer(site, host, rc=3010):
    """An installer on the controller, and what it does to the host."""
    file = site.controller.folder / "setup.exe"
    file.write_bytes(INSTALLER)
    site.change(host, installers={SHA256: {"product_id": "{1}", "name": "Cisco TSP", "version": "14.0.1.5", "rc": rc}})
    site.settings.update(
        client_windows_manage_installation=True, client_windows_installer_version="14.0.1.5",
        client_windows_installer_sha256=SHA256, client_windows_installer_file=str(file))


def without_tsp(site, host):
    registry = dict(site.state(host)["registry"])
    registry[PROVIDERS] = {}
    site.change(host, registry=registry)


def test_installation(make_windows_site):
    site = make_windows_site("recorder01")
    without_tsp(site, "recorder01")
    with_installer(site, "recorder01")
    site.settings.update(client_windows_allow_reboot=True, client_windows_installer_properties={"AUTOUPGRADE_TYPE": "NEVER"})

    before = site.state("recorder01")
    check = site.run("--check")
    assert site.state("recorder01") == before
    assert [result["msg"] for result in check.results("Install or upgrade the TSP")] == ["Would install TSP 14.0.1.5"]

    site.run("-vvv")
    state = site.state("recorder01")
    assert state["commands"] == [
        '"C:\\Windows\\Temp\\CiscoTSPx64.exe" /s /v"/qn USER=\\"recorder_tapi\\" CTI1=\\"127.0.0.1\\" CTI1_TYPE=\\"IPV4\\" '
        'AUTOUPGRADE_TYPE=\\"NEVER\\" REBOOT=\\"ReallySuppress\\""']
    assert state["reboots"] == 1

    second = site.run()
    assert second.count("changed") == 0 and site.state("recorder01")["commands"] == state["commands"]

    # A later version, and a second instance that somebody added in the dialog.
    site.settings["client_windows_installer_version"] = "14.0.1.6"
    site.add_providers("recorder01", 2)
    by_hand = site.run()
    assert "recorder01, upgrade of TSP 14.0.1.5 to 14.0.1.6:" in by_hand.text
    assert "The dialog keeps the configuration of all 2 instances (001, 002)." in by_hand.text
    assert site.state("recorder01")["commands"] == state["commands"]


def test_an_upgrade_of_several_instances_is_on_the_sheet_until_the_version_is_read(make_windows_site):
    """A silent upgrade is not supported with several instances. The run goes on with the installed version."""
    site = make_windows_site("recorder01", "recorder02")
    site.use_profile()
    for host, version in (("recorder01", "14.0.1.1"), ("recorder02", "14.0.1.5")):
        site.add_providers(host, 2)
        site.install(host, version, numbers=(1, 2))
    with_installer(site, "recorder01")
    site.settings["client_windows_allow_reboot"] = True
    page, table = (site.controller.folder / "sheets" / ("recorder01" + kind) for kind in (".html", ".csv"))

    site.run("--check")
    assert not page.exists()
    first = site.run()
    assert first.states == {"recorder01x1": "verified", "recorder02x1": "verified"}
    assert "1. Copy the installer of version 14.0.1.5 from the controller: " in first.text and "recorder02, upgrade" not in first.text
    assert "Upgrade of TSP 14.0.1.1 to 14.0.1.5" in page.read_text() and "secure_tsp_tsp_entered" not in page.read_text()
    assert {row["tsp"] for row in csv.DictReader(table.read_text().splitlines())} == {"CiscoTSP001.tsp, CiscoTSP002.tsp"}
    assert not (page.parent / "recorder02.html").exists() and site.state("recorder01")["commands"] == []

    before = page.read_text().partition("<ol>")[2]
    site.run(playbook="verify")
    site.hosts["recorder01"] = {"ansible_connection": "ansible.builtin.ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    site.run(rc=4)
    del site.hosts["recorder01"]
    assert before and page.read_text().partition("<ol>")[2] == before, "it is removed only by a run that finds the new version"

    site.install("recorder01", "14.0.1.5", numbers=(1, 2))
    second = site.run()
    assert "To be done by a person" not in second.text and not page.exists() and not table.exists()
    assert second.count("changed") == 0


def test_upgrade_waits_for_a_restart_that_nobody_allowed(make_windows_site):
    site = make_windows_site("recorder01")
    with_installer(site, "recorder01")
    site.add_program("recorder01", "Cisco TSP", "14.0.1.1")
    run = site.run()
    state = site.state("recorder01")
    assert len(state["commands"]) == 1 and 'REINSTALL=\\"ALL\\"' in state["commands"][0] and "USER" not in state["commands"][0]
    assert state["registry"][UNINSTALL + "{1}"]["DisplayVersion"]["value"] == "14.0.1.5"
    assert state["reboots"] == 0 and "This host must be restarted before all changes take effect (installation)" in run.text


def test_a_password_never_gets_into_a_recorded_command_line(make_windows_site):
    site = make_windows_site("recorder01")
    without_tsp(site, "recorder01")
    with_installer(site, "recorder01")
    site.settings["client_windows_password_on_command_line"] = True
    registry = site.state("recorder01")["registry"]
    recording = {RECORDING: {"ProcessCreationIncludeCmdLine_Enabled": {"type": "REG_DWORD", "value": 1}}}
    site.change("recorder01", registry={**registry, **recording})
    refused = site.run(rc=2)
    assert "ProcessCreationIncludeCmdLine_Enabled" in refused.text and site.state("recorder01")["commands"] == []

    site.change("recorder01", registry=registry)
    site.settings["client_windows_installer_sha256"] = "0" * 64
    wrong = site.run(rc=2)
    assert "Check the SHA-256 of the file" in wrong.text and site.state("recorder01")["commands"] == []

    site.settings["client_windows_installer_sha256"] = SHA256
    run = site.run("-vvvv")
    (command,) = site.state("recorder01")["commands"]
    password = site.users[0]["password"]
    assert 'PASS=\\"%s\\"' % password in command
    assert password not in run.output
    assert not [path for path, text in site.everywhere() if password in text]


def test_discovery_writes_a_profile_that_works(make_windows_site):
    site = make_windows_site("recorder01")
    profile = site.controller.folder / "measured.yml"
    site.settings.update(
        client_windows_registry_profile=str(profile), client_windows_discover_keys=["HKLM:\\SOFTWARE\\Invented"],
        client_windows_discover_setting="security.capf_port", client_windows_discover_shown_before="3804",
        client_windows_discover_shown_after="3805")
    registry = site.state("recorder01")["registry"]
    values = {"X-Port": {"type": "REG_DWORD", "value": 3804}, "X-Hidden": {"type": "REG_SZ", "value": "hidden-secret-1"}}
    site.change("recorder01", registry={**registry, FIRST: values})

    site.run("-e", "client_windows_discover_stage=before", "-vvv", playbook="discover_registry_profile")
    (snapshot,) = (site.controller.folder / "discovery").iterdir()
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600

    site.change("recorder01", registry={**registry, FIRST: {**values, "X-Port": {"type": "REG_DWORD", "value": 3805}}})
    run = site.run("-e", "client_windows_discover_stage=after", "-vvv", playbook="discover_registry_profile")
    assert not snapshot.exists() and "hidden-secret-1" not in run.text
    assert yaml.safe_load(profile.read_text()) == {"settings": {"security.capf_port": {
        "key": KEY, "name": "X-Port", "type": "dword", "transform": "number", "view": 64, "readable": True}}}

    site.run()
    assert site.registry("recorder01")["X-Port"] == 3804, "the measured profile is used for writing"


def test_one_sitting_writes_the_profile(make_windows_site):
    """Each run without a terminal is one step. What the TSP stores follows from the table that the run before printed."""
    site = make_windows_site("recorder01")
    profile = site.controller.folder / "sitting.yml"
    site.settings.update(client_windows_registry_profile=str(profile), client_windows_discover_keys=["HKLM:\\SOFTWARE\\Invented"])
    places = _tsp_settings.load_profile(PROFILE)[0]
    for taken in range(_tsp_sitting.STEPS):
        turn = max(0, taken - 1 - _tsp_sitting.UNCHANGED)
        values = {"Opened": {"type": "REG_DWORD", "value": taken}}
        for name, course in _tsp_sitting.COURSES.items():
            if name in places:
                kind = _tsp_settings.TYPES[places[name].type]
                values[places[name].value_name(1)] = {"type": kind, "value": places[name].stored(name, course[turn])}
        site.change("recorder01", registry={**site.state("recorder01")["registry"], FIRST: values})
        assert not profile.exists()
        run = site.run(playbook="discover_registry_profile")
        steps = list((site.controller.folder / "discovery").glob("*-sitting.*"))
        if taken < _tsp_sitting.STEPS - 1:
            assert "Step %d of 6" % (taken + 1) in run.output and {stat.S_IMODE(path.stat().st_mode) for path in steps} == {0o600}
    assert steps == [] and "Changes by itself: %s\\Opened" % FIRST in run.output
    found, problems = _tsp_settings.load_profile(yaml.safe_load(profile.read_text())["settings"])
    assert problems == [] and set(found) == set(places) & set(_tsp_sitting.COURSES)
    assert {name: (one.key, one.name, one.transform) for name, one in found.items()} == {
        name: (KEY, places[name].name, places[name].transform) for name in found}
    assert "user.single_sign_on was skipped" in run.output
