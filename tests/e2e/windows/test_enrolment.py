# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""enrolment: tsp on scripted Windows hosts, from arming to the cluster's own view."""

from __future__ import annotations

import stat

SECURE = "Standard CTI Secure Connection"
DIALOG = "Control Panel > Phone and Modem > Advanced > CiscoTSP001.tsp > Configure > "


def states(site, run):
    return dict(line.split(": ", 1) for line in site.told(run, "How the instances stand"))


def assert_nothing_secret(site, run, *more):
    for secret in [*site.secrets(), *more]:
        assert secret not in run.output
        for path, text in site.everywhere():
            assert secret not in text, path


def test_with_a_registry_profile_nobody_has_to_do_anything(make_windows_site):
    site = make_windows_site("recorder01", "recorder02", user=False)
    site.use_profile()
    site.settings.update(client_windows_allow_reboot=True, client_windows_settings={"trace.on": True, "trace.file_size": 10})

    first = site.run(playbook="windows", words=["-vvv"])
    assert SECURE in site.sim.cluster.snapshot()["users"]["application:recorder_tapi"]["groups"]
    assert states(site, first) == {"recorder01x1": "verified", "recorder02x1": "verified"}
    for host in site.addresses:
        assert site.sim.cluster.cti_certificate(site.certificate(host)).instance_id == host + "x1"
        registry = site.registry(host)
        assert (registry["X-Instance"], registry["X-Port"], registry["X-Size"]) == (host + "x1", 3804, 10240)
        assert registry["X-Secure"] == 1 and "X-Fetch" not in registry
        assert site.state(host)["reboots"] == 2  # for settings and certificate, for the secure port
        assert_nothing_secret(site, first, registry["X-String"])
    assert "Fetch Certificate" not in first.output

    before = [site.state(host) for host in site.addresses], site.sim.cluster.state_hash()
    second = site.run(playbook="windows")
    assert states(site, second) == {"recorder01x1": "verified", "recorder02x1": "verified"}
    assert second.count("changed") == 0 and second.count("failures") == 0
    after = [site.state(host) for host in site.addresses], site.sim.cluster.state_hash()
    for host in (*before[0], *after[0]):
        del host["calls"]
    assert before == after


def test_without_a_profile_a_person_gets_a_list_and_a_file(make_windows_site):
    site = make_windows_site("recorder01")

    armed = site.run("enrol")
    assert states(site, armed)["recorder01x1"].startswith("armed, waits for the TSP")
    file = site.strings / "recorder01x1.txt"
    string = file.read_text().strip()
    assert string.isdigit() and len(string) == 10
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(site.strings.stat().st_mode) == 0o700
    told = site.told(armed, "What a person has to enter now")
    assert DIALOG + "Security > CAPF: Authorization String = (secret)" in told
    assert DIALOG + "Security > Fetch Certificate = on" in told and "the string is in %s" % file in told
    assert_nothing_secret(site, armed)
    assert site.sim.cluster.accounts.profile("recorder01x1").string == string

    waiting = site.run("enrol")
    assert file.read_text().strip() == string, "a pending profile is left alone"
    assert waiting.count("changed") == 0

    site.tsp.dialog["recorder01", 1] = {
        "user.name": "recorder_tapi", "security.instance_id": "recorder01x1", "security.authorization_string": string,
        "security.fetch_certificates": True}
    state = site.state("recorder01")
    site.tsp.open_providers("recorder01", state)
    site.write("recorder01", state)
    fetched = site.run("enrol")
    assert states(site, fetched)["recorder01x1"].startswith("enrolled, waiting for cutover")
    assert site.state("recorder01")["reboots"] == 0, "nobody allowed it"
    assert not file.exists()

    site.sim.cluster.accounts.map_member(SECURE, "recorder_tapi")
    connect = site.run("connect")
    assert DIALOG + "Security > Secure Connection to CTI Manager = on" in site.told(connect, "Settings to be set by hand")


def test_a_tsp_that_does_not_fetch_is_told_apart(make_windows_site):
    """Telephony alone is restarted, because Remote Access Connection Manager is disabled; the string goes by the host."""
    site = make_windows_site("recorder01")
    services = site.state("recorder01")["services"]
    services["RasMan"]["start_mode"] = "disabled"
    site.change("recorder01", services=services)
    site.settings.update(
        client_windows_allow_telephony_restart=True, client_windows_string_handover="file_on_host",
        client_windows_fetch_deadline=1)
    run = site.run("enrol", rc=2)
    told = states(site, run)["recorder01x1"]
    assert told.startswith("failed: The TSP was started anew and did not fetch its certificate within 1 seconds")
    state = site.state("recorder01")
    assert (state["telephony_restarts"], state["reboots"]) == (1, 0)
    folder = state["acl"]["C:\\ProgramData\\voiceops\\strings"]
    assert folder == {"inherits": False, "rules": [["allow", "BUILTIN\\Administrators", "FullControl"]]}
    profile = site.sim.cluster.accounts.profile("recorder01x1")
    assert profile.armed and profile.string not in run.output
    assert "C:\\ProgramData\\voiceops\\strings\\recorder01x1.txt" in state["files"]


def test_a_string_that_would_reach_nobody_is_never_made(make_windows_site):
    site = make_windows_site("recorder01")
    site.settings["client_windows_string_handover"] = "none"
    run = site.run("enrol", rc=2)
    assert "Nobody would learn the authorization strings of recorder01x1" in states(site, run)["recorder01x1"]
    profile = site.sim.cluster.accounts.profile("recorder01x1")
    assert profile is None or not profile.armed


def test_the_missing_collection_is_named_with_its_cure(make_windows_site):
    site = make_windows_site("recorder01")
    site.controller.stand_ins = False
    run = site.run("main", rc=2)
    assert "ansible-galaxy collection install ansible.windows" in run.output
    assert site.state("recorder01").get("calls", []) == []
