# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks beside site take Windows hosts and others together: upgrade_certificates, rollback, adopt, drift, verify."""

from __future__ import annotations

import json

import pytest
import yaml

SECURE = "Standard CTI Secure Connection"
CURE = "ansible-galaxy collection install ansible.windows"


def groups(site):
    return site.sim.cluster.snapshot()["users"]["application:recorder_tapi"]["groups"]


@pytest.fixture(scope="module")
def both(make_windows_site):
    """A Windows host and another one, both enrolled and connected."""
    site = make_windows_site("recorder01", fronts=None)
    site.use_profile()
    site.settings["client_windows_allow_reboot"] = True
    site.add_other("logger01")
    site.install("recorder01")
    assert site.run().states == {"recorder01x1": "verified", "logger01x1": "verified"}
    return site


def report(site):
    return json.loads((site.controller.folder / "report" / "report.json").read_text())


def test_an_upgrade_renews_both(both):
    before = both.certificate("recorder01"), both.state("recorder01")["reboots"]
    names = json.dumps({"secure_tsp_upgrade_instances": ["recorder01x1", "logger01x1"]})
    check = both.run("-e", names, "--check", playbook="upgrade_certificates")
    assert check.states == {"recorder01x1": "would upgrade", "logger01x1": "would upgrade"}
    assert both.certificate("recorder01") == before[0]

    run = both.run("-e", names, playbook="upgrade_certificates")
    assert run.states == {"recorder01x1": "verified", "logger01x1": "verified"}
    assert {row["ACTION"] for row in run.rows.values()} == {"renewed"}
    assert both.certificate("recorder01") not in (None, before[0])
    assert both.state("recorder01")["reboots"] == before[1] + 1, "one restart, for the fetch"
    assert "2 of 2 instances need a new certificate." in run.output


def test_drift_and_verify_look_at_what_they_can(both):
    """Without ansible.windows the other host is looked at, and the Windows host is told with the command that cures it."""
    both.settings["secure_tsp_report_folder"] = str(both.controller.folder / "report")
    with both.without_modules():
        both.run(playbook="drift", rc=2)
        # Whose connection is whose is not known either, since nobody told the address of the Windows host.
        assert {(one["code"], one["host"]) for one in report(both)["findings"]} == {
            ("host_not_read", "recorder01"), ("provider_not_judged", "recorder01"), ("provider_not_judged", "logger01")}
        (finding,) = [one for one in report(both)["findings"] if one["code"] == "host_not_read"]
        assert CURE in finding["what"]
        verify = both.run(playbook="verify", rc=2)
        # Its user's other connection may be that of the Windows host, so no second provider is opened beside it.
        assert verify.states == {"recorder01x1": "failed", "logger01x1": "enrolled, not verified online"}
        assert CURE in verify.remarks["recorder01x1"]
    both.run(playbook="drift", rc=2)
    assert [(one["code"], one["host"]) for one in report(both)["findings"]] == [("provider_not_seen", "logger01")]
    # A proof closes its provider, so the other host's application is what drift misses.
    number = both.sim.cluster.list_application("recorder_tapi", "127.0.0.1", 50010, instance_id="logger01x1")
    both.run(playbook="drift")
    both.sim.cluster.close_provider(number)
    assert report(both)["findings"] == []


def test_adoption_tells_windows_hosts_by_their_connections(both):
    path = both.controller.folder / "adopted.yml"
    both.sim.cluster.accounts.add_user("application", "desk_tapi", groups=["Standard CTI Enabled", SECURE])
    both.sim.cluster.accounts.add_profile("application", "desk_tapi", "desk1")
    number = both.sim.cluster.list_application("desk_tapi", both.addresses["recorder01"], 50009, instance_id="desk1")
    run = both.run("-e", "secure_tsp_adopt_file=%s" % path, playbook="adopt")
    both.sim.cluster.close_provider(number)
    listed = {one["instance_id"]: one["host"] for one in yaml.safe_load(path.read_text())["secure_tsp_instances"]}
    assert listed["desk1"] == "recorder01"
    assert "Host recorder01 was not searched" not in run.output


def test_a_rollback_takes_tsps_off_the_secure_port_with_their_user(both):
    named = json.dumps({"secure_tsp_rollback_instances": ["recorder01x1"], "secure_tsp_uncut_users": ["recorder_tapi"]})
    reboots = both.state("recorder01")["reboots"]
    run = both.run("-e", named, playbook="rollback")
    assert run.states == {"recorder01x1": "not by this playbook"}
    assert "voiceops.secure_tsp.upgrade_certificates" in run.remarks["recorder01x1"]
    assert SECURE not in groups(both) and both.registry("recorder01")["X-Secure"] == 0
    assert both.state("recorder01")["reboots"] == reboots + 1


def test_a_rollback_says_which_dialogs_a_person_changes(both):
    both.sim.act("add_group_member", group=SECURE, user="recorder_tapi")
    profile = both.settings.pop("client_windows_registry_profile")
    try:
        run = both.run("-e", '{"secure_tsp_uncut_users": ["recorder_tapi"]}', playbook="rollback")
    finally:
        both.settings["client_windows_registry_profile"] = profile
    told = run.output.replace("\n", " ").replace("    ", "")
    assert "The TSPs of recorder01x1 cannot connect until Secure Connection is unticked" in told
    assert "Security > Secure Connection to CTI Manager = off" in told
