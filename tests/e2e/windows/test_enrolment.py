# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""enrolment: tsp on scripted Windows hosts in the playbook site, from the lists to the cluster's own view."""

from __future__ import annotations

import csv
import datetime
import stat

import pytest
from windows_site import PROFILE

SECURE = "Standard CTI Secure Connection"
DIALOG = "Control Panel > Phone and Modem > Advanced > CiscoTSP001.tsp > Configure > "
ENTERED = ("-e", '{"secure_tsp_tsp_entered": ["recorder01x1"]}')


def assert_nothing_secret(site, run, *more):
    for secret in [*site.secrets(), *more]:
        assert secret not in run.output
        for path, text in site.everywhere():
            assert secret not in text, path


def sheet(site, host="recorder01"):
    """(page, rows of the table after its titles) for the host, None where there is none."""
    page, table = (site.controller.folder / "sheets" / (host + kind) for kind in (".html", ".csv"))
    assert page.exists() == table.exists()
    if not page.exists():
        return None
    assert {stat.S_IMODE(path.stat().st_mode) for path in (page, table)} == {0o600}
    return page.read_text(), list(csv.DictReader(table.read_text().splitlines()))


def fields(site, host="recorder01"):
    return [(row["tab"], row["field"], row["value"]) for row in sheet(site, host)[1]]


def groups(site):
    return site.sim.cluster.snapshot()["users"]["application:recorder_tapi"]["groups"]


def enter(site, host="recorder01", **settings):
    """What a person enters in the dialog of the host's first TSP."""
    site.tsp.dialog.setdefault((host, 1), {}).update(settings)


def enter_for_fetch(site, host="recorder01"):
    enter(site, host, **{
        "user.name": "recorder_tapi", "security.instance_id": host + "x1", "security.fetch_certificates": True,
        "security.authorization_string": (site.strings / (host + "x1.txt")).read_text().strip()})


def test_with_a_registry_profile_nobody_has_to_do_anything(make_windows_site):
    site = make_windows_site("recorder01", "recorder02", user=False)
    site.use_profile()
    site.settings.update(client_windows_allow_reboot=True, client_windows_settings={"trace.on": True, "trace.file_size": 10})

    first = site.run("-vvv")
    assert SECURE in groups(site)
    assert first.states == {"recorder01x1": "verified", "recorder02x1": "verified"}
    for host in site.addresses:
        assert site.sim.cluster.cti_certificate(site.certificate(host)).instance_id == host + "x1"
        registry = site.registry(host)
        assert (registry["X-Instance"], registry["X-Port"], registry["X-Size"]) == (host + "x1", 3804, 10240)
        assert registry["X-Secure"] == 1 and "X-Fetch" not in registry
        assert site.state(host)["reboots"] == 2  # for settings and certificate, for the secure port
        assert_nothing_secret(site, first, registry["X-String"])
    assert "Fetch Certificate" not in first.text and "To be done by a person" not in first.text

    before = [site.state(host) for host in site.addresses], site.sim.cluster.state_hash()
    second = site.run()
    assert second.states == {"recorder01x1": "verified", "recorder02x1": "verified"}
    assert second.count("changed") == 0 and second.count("failures") == 0
    after = [site.state(host) for host in site.addresses], site.sim.cluster.state_hash()
    for host in (*before[0], *after[0]):
        del host["calls"]
    assert before == after


def test_without_a_profile_a_person_gets_a_list_and_a_file(make_windows_site):
    """Nobody is restarted in vain, and nobody is cut over before the TSP can use the secure port."""
    site = make_windows_site("recorder01")
    site.settings["client_windows_allow_reboot"] = True

    armed = site.run()
    assert armed.states == {"recorder01x1": "armed, waits for the TSP"}
    file = site.strings / "recorder01x1.txt"
    string = file.read_text().strip()
    assert string.isdigit() and len(string) == 10
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(site.strings.stat().st_mode) == 0o700
    assert DIALOG + "Security > CAPF: Authorization String = (secret), which is in %s" % file in armed.text
    assert DIALOG + "Security > Fetch Certificate = on" in armed.text
    assert DIALOG + "Security > Secure Connection" not in armed.text
    page, rows = sheet(site)
    assert [row["tab"] for row in rows] == sorted((row["tab"] for row in rows), key=["User", "CTI Manager", "Security"].index)
    assert {(row["host"], row["instance_id"], row["tsp"], row["dialog"]) for row in rows} == {
        ("recorder01", "recorder01x1", "CiscoTSP001.tsp", "Cisco TAPI Configuration")}
    assert ("Security", "CAPF: Authorization String", "(secret), which is in %s" % file) in fields(site)
    assert ("Security", "Fetch Certificate", "on") in fields(site) and ("User", "User Name", "recorder_tapi") in fields(site)
    assert "Cisco TAPI Configuration" in page and "secure_tsp_tsp_entered" in page
    assert_nothing_secret(site, armed)
    assert site.sim.cluster.accounts.profile("recorder01x1").string == string

    waiting = site.run()
    assert file.read_text().strip() == string, "a pending profile is left alone"
    assert waiting.count("changed") == 0
    assert site.state("recorder01")["reboots"] == 0, "a restart would be in vain"
    assert len(fields(site)) == len(rows), "what is not entered yet is listed as before"

    enter_for_fetch(site)
    fetched = site.run(*ENTERED)
    assert fetched.states == {"recorder01x1": "enrolled, waiting for cutover"}
    assert site.state("recorder01")["reboots"] == 1 and not file.exists()
    assert "Secure Connection is not ticked in the dialog of recorder01x1 on recorder01" in fetched.remarks["recorder01x1"]
    assert SECURE not in groups(site)
    left = fields(site)
    assert not {field for _tab, field, _value in left} & {
        "Fetch Certificate", "CAPF: Authorization String", "CAPF: Instance Identifier", "CAPF: IP Address", "TFTP Server: IP Address"}
    assert ("User", "User Name", "recorder_tapi") in left, "a certificate does not prove who logs in"

    enter(site, **{"security.secure_connection": True})
    connected = site.run(*ENTERED)
    assert connected.states == {"recorder01x1": "verified"} and SECURE in groups(site)
    assert site.state("recorder01")["reboots"] == 2
    assert DIALOG not in connected.output and sheet(site) is None, "what the cluster proves is not listed any more"


def test_a_tick_is_listed_where_somebody_else_cut_over(make_windows_site):
    """What was fetched outside of a run is seen, and its string removed; nobody allowed a restart."""
    site = make_windows_site("recorder01")
    site.run()
    file = site.strings / "recorder01x1.txt"
    enter_for_fetch(site)
    state = site.state("recorder01")
    site.tsp.open_providers("recorder01", state)
    site.write("recorder01", state)
    fetched = site.run()
    assert fetched.states == {"recorder01x1": "enrolled, waiting for cutover"}
    assert site.state("recorder01")["reboots"] == 0 and not file.exists()

    site.sim.cluster.accounts.map_member(SECURE, "recorder_tapi")
    connect = site.run()
    assert connect.states == {"recorder01x1": "enrolled, not verified online"}
    assert DIALOG + "Security > Secure Connection to CTI Manager = on" in connect.text


def test_a_tsp_that_does_not_fetch_is_told_apart(make_windows_site):
    """Telephony alone is restarted, because Remote Access Connection Manager is disabled; the string goes by the host."""
    site = make_windows_site("recorder01")
    services = site.state("recorder01")["services"]
    services["RasMan"]["start_mode"] = "disabled"
    site.change("recorder01", services=services)
    site.settings.update(
        client_windows_allow_telephony_restart=True, client_windows_string_handover="file_on_host", secure_tsp_fetch_deadline=1)
    run = site.run(*ENTERED, rc=2)
    assert run.states["recorder01x1"] == "failed"
    told = run.remarks["recorder01x1"]
    assert told.startswith("The TSP was restarted but did not fetch its certificate within 1 seconds")
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
    run = site.run(rc=2)
    assert "Nobody would know the authorization strings of recorder01x1" in run.remarks["recorder01x1"]
    profile = site.sim.cluster.accounts.profile("recorder01x1")
    assert profile is None or not profile.armed


def test_what_is_missing_on_the_controller_is_told_before_the_cluster_is_touched(make_windows_site):
    site = make_windows_site("recorder01")
    before = site.sim.cluster.state_hash()
    site.hosts = {"recorder01": {"ansible_connection": "psrp"}}
    with site.without_modules():
        run = site.run(rc=2)
    told = run.output.replace("\n", " ").replace("    ", "")
    assert "ansible-galaxy collection install ansible.windows" in told
    assert "python3 -m pip install pypsrp" in told
    assert site.state("recorder01").get("calls", []) == [] and site.sim.cluster.state_hash() == before


def test_window_and_wrong_settings_are_refused_before_anything(make_windows_site):
    site = make_windows_site("recorder01")
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
    window = {"start": soon.strftime("%Y-%m-%d %H:%M"), "end": (soon + datetime.timedelta(hours=1)).strftime("%Y-%m-%d %H:%M")}
    site.settings.update(secure_tsp_window=window, client_windows_allow_reboot=True)
    closed = site.run(rc=2)
    assert "so the window is closed" in closed.output.replace("\n", " ").replace("    ", "")
    skipped = site.run("--skip-tags", "prove", rc=2)
    assert "--skip-tags prove also skips the enrolment of its TSPs. To postpone the cutover, use --tags enrol" in skipped.text

    site.settings.update(secure_tsp_window={}, client_windows_settings={"advanced.heartbeat": 7}, client_windows_fetch_dead=1)
    wrong = site.run(rc=2)
    told = wrong.output.replace("\n", " ").replace("    ", "")
    assert "advanced.heartbeat: it must be from 30 to 300" in told and "there is no variable client_windows_fetch_dead" in told
    assert site.state("recorder01").get("calls", []) == [] and site.sim.cluster.accounts.profile("recorder01x1") is None


def test_a_user_on_both_kinds_of_hosts_is_cut_over_once(make_windows_site):
    """Linux and Windows in one list: one run enrols both, and the cutover waits until both hold their certificates."""
    site = make_windows_site("recorder01", fronts=None)
    site.use_profile()
    site.add_other("logger01")
    half = site.run()
    assert half.states == {"recorder01x1": "armed, waits for the TSP", "logger01x1": "enrolled, waiting for cutover"}
    assert SECURE not in groups(site)
    assert "This host must be restarted before all changes take effect" in half.text
    assert "Changed on the cluster: 2 CAPF profiles armed." in half.text

    site.settings["client_windows_allow_reboot"] = True
    site.sim.cluster.reset_counters()
    whole = site.run()
    assert whole.states == {"recorder01x1": "verified", "logger01x1": "verified"}
    assert whole.rows["recorder01x1"]["VERIFIED BY"].startswith("ris") and whole.rows["logger01x1"]["VERIFIED BY"].startswith("application")
    assert SECURE in groups(site) and site.sim.cluster.counters["updateUserGroup"] == 1
    assert "Changed on the cluster: 1 membership of a group added." in whole.text

    again = site.run()
    assert again.states["recorder01x1"] == "verified" and again.count("changed") == 0


def test_the_former_playbook_is_site_for_windows_hosts(make_windows_site):
    site = make_windows_site("recorder01", fronts=None)
    site.add_other("logger01")
    run = site.run("--check", playbook="windows")
    assert "The playbook voiceops.secure_tsp.windows is deprecated" in run.text
    assert run.states["recorder01x1"] == "would enrol" and set(run.hosts) == {"logger01", "recorder01"}
    assert not [result for result in run.results("Check trust lists and certificates") if result["host"] == "logger01"]
    assert site.sim.cluster.accounts.profile("recorder01x1") is None and not list(site.strings.glob("*"))


def test_one_that_keeps_no_tick_needs_a_person_for_it_alone(make_windows_site):
    """Cisco's guides say that Fetch Certificate is stored nowhere; the profile that is measured on such a TSP does not have it."""
    site = make_windows_site("recorder01")
    site.use_profile(**{name: place for name, place in PROFILE.items() if name != "security.fetch_certificates"})
    site.settings.update(client_windows_allow_reboot=True, secure_tsp_sheet_strings=True)
    armed = site.run()
    assert armed.states == {"recorder01x1": "armed, waits for the TSP"}
    assert site.state("recorder01")["reboots"] == 1, "for the settings that were written, not for the fetch"
    assert [field for field in fields(site) if field[0] == "Security"] == [("Security", "Fetch Certificate", "on")]
    assert len(site.registry("recorder01")["X-String"]) == 10 and "X-String" not in sheet(site)[0]

    enter(site, **{"security.fetch_certificates": True})
    fetched = site.run(*ENTERED)
    assert fetched.states == {"recorder01x1": "verified"} and SECURE in groups(site)
    assert site.state("recorder01")["reboots"] == 3 and sheet(site) is None


def test_a_string_is_on_the_page_on_request_alone(make_windows_site):
    site = make_windows_site("recorder01")
    site.settings["secure_tsp_sheet_strings"] = True
    run = site.run()
    string = (site.strings / "recorder01x1.txt").read_text().strip()
    page, rows = sheet(site)
    assert string in page and string not in run.output
    assert not [row for row in rows if string in row["value"]]


# Force and rearm


@pytest.fixture(scope="module")
def enrolled(make_windows_site):
    """As after a run with a registry profile."""
    site = make_windows_site("recorder01")
    site.use_profile()
    site.settings["client_windows_allow_reboot"] = True
    site.run()
    return site


def test_force_fetches_a_new_certificate(enrolled):
    site, first = enrolled, enrolled.certificate("recorder01")
    site.instances[0]["force"] = True
    run = site.run()
    del site.instances[0]["force"]
    assert run.states == {"recorder01x1": "verified"} and run.rows["recorder01x1"]["ACTION"] == "renewed"
    assert site.certificate("recorder01") not in (None, first)


def test_force_and_rearm_say_what_is_left_for_a_person(enrolled):
    """A valid certificate hides nothing of what was asked for, and a string that a person has entered is not replaced."""
    site, first = enrolled, enrolled.certificate("recorder01")
    del site.settings["client_windows_registry_profile"]
    site.instances[0]["rearm"] = True
    armed = site.run()
    assert armed.states == {"recorder01x1": "armed, waits for the TSP"}
    assert {field for _tab, field, _value in fields(site)} >= {"Fetch Certificate", "CAPF: Authorization String"}
    string = (site.strings / "recorder01x1.txt").read_text().strip()
    assert site.sim.cluster.accounts.profile("recorder01x1").string == string

    again = site.run()
    assert (site.strings / "recorder01x1.txt").read_text().strip() != string and again.count("failures") == 0
    enter_for_fetch(site)
    fetched = site.run(*ENTERED)
    assert fetched.rows["recorder01x1"]["ACTION"] == "renewed" and site.certificate("recorder01") != first


def test_the_tag_enrol_arms_windows_hosts(make_windows_site):
    site = make_windows_site("recorder01")
    run = site.run("--tags", "enrol")
    assert site.sim.cluster.accounts.profile("recorder01x1").armed and (site.strings / "recorder01x1.txt").exists()
    assert run.rows["recorder01x1"]["ACTION"] == "armed" and SECURE not in groups(site)
    assert ("Security", "Fetch Certificate", "on") in fields(site)


def test_without_a_terminal_nothing_counts_as_entered(make_windows_site):
    site = make_windows_site("recorder01")
    site.settings.update(client_windows_allow_reboot=True, secure_tsp_tsp_operator=True)
    run = site.run()
    assert run.states == {"recorder01x1": "armed, waits for the TSP"} and site.state("recorder01")["reboots"] == 0
    told = run.output.replace("\n", " ").replace("    ", "")
    assert "Nobody typed 'entered' at the terminal, so nothing counts as entered" in told
