# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cutover never surprises: what works is cut only where it was named, and only for an application that can come back."""

from __future__ import annotations

import shlex

import provisioned
import pytest

SECURE = "Standard CTI Secure Connection"
WAITING = "enrolled, waiting for cutover"
HERE, ELSEWHERE = "127.0.0.1", "198.51.100.30"
USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "devices": ["SEP001122334450"]}
END_USER = {"name": "jdoe", "type": "end", "password": "Jane-Secret-0001"}
INSTANCE = {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"}


@pytest.fixture
def site(make_site):
    """A user that exists and is not on the secure port, with one instance that was never enrolled."""
    site = make_site(hosts=["recorder01"], users=[USER], instances=[INSTANCE])
    provisioned.add_user(site.sim.cluster, USER, secure=False)
    return site


def connect(site, address, user="recorder_tapi"):
    return site.sim.cluster.list_application(user, address, 50000, tls=False, devices=["SEP001122334450"])


def is_open(site, number):
    return any(one.number == number and one.status == "Open" for one in site.sim.cluster.providers())


def is_secure(site, user="application:recorder_tapi"):
    return SECURE in site.groups(user)


def test_a_user_that_nobody_uses_is_cut_over(site):
    run = site.run()
    assert run.states == {"recorder01x1": "verified"} and is_secure(site)
    assert "No open connection is cut." in run.text


def test_a_connected_application_is_not_cut(site):
    """The right way to go on is in the summary; the next run says the same."""
    number = connect(site, HERE)
    for _run in range(2):
        run = site.run()
        assert run.states == {"recorder01x1": WAITING} and not is_secure(site) and is_open(site, number)
        message = run.remarks["recorder01x1"]
        assert "application connected from 127.0.0.1 since 20" in message and "on port 2748" in message
        assert 'secure_tsp_cut_connections": ["recorder_tapi"]' in message


@pytest.mark.parametrize("named", [True, ["recorder_tapi"], ["RECORDER_TAPI"]])
def test_what_was_named_is_cut_and_told(site, named):
    connect(site, HERE)
    site.settings["secure_tsp_cut_connections"] = named
    foretold = site.run("--check")
    assert "would be cut by this run" in foretold.text and not is_secure(site)
    run = site.run()
    assert is_secure(site)
    assert "the connection of user recorder_tapi from 127.0.0.1 since 20" in run.text and "was cut by this run" in run.text


def test_a_connection_from_no_listed_host_shows_that_an_instance_is_missing(site):
    connect(site, ELSEWHERE)
    site.settings["secure_tsp_cut_connections"] = True
    run = site.run()
    assert not is_secure(site)
    assert "198.51.100.30, which is not the address of a listed host" in run.remarks["recorder01x1"]
    site.settings["secure_tsp_cut_connections"] = [ELSEWHERE]
    assert site.run().states == {"recorder01x1": "verified"} and is_secure(site)


@pytest.mark.parametrize("places", [[HERE], [ELSEWHERE], [HERE, ELSEWHERE, "198.51.100.31"]])
def test_the_command_that_a_waiting_user_prints_cuts_it_over(site, places):
    """A connection from no listed host is cut only where its address is named: naming the user, as was printed, did nothing."""
    for address in places:
        connect(site, address)
    printed = site.run().remarks["recorder01x1"]
    words = shlex.split(printed.rpartition("run site with ")[2])
    assert words[0] == "-e" and len(words) == 2
    assert site.run(*words).states == {"recorder01x1": "verified"} and is_secure(site)


def test_a_wrong_password_in_the_list_changes_nothing(site):
    """Proven where the application itself sends it: on port 2748, once."""
    connect(site, HERE)
    site.users[0]["password"] = "Recorder-Wrong-0002"
    site.settings["secure_tsp_cut_connections"] = True
    site.sim.cluster.reset_counters()
    run = site.run()
    assert not is_secure(site) and run.states == {"recorder01x1": WAITING}
    assert "refuses the login of user recorder_tapi" in run.remarks["recorder01x1"]
    assert site.sim.cluster.counters["ProviderOpenRequest"] == 1
    assert "Recorder-Wrong" not in run.text


def test_the_password_of_an_end_user_is_asked_of_the_cluster(make_site):
    site = make_site(hosts=["recorder01"], users=[dict(END_USER, password="Jane-Wrong-0001")],
                     instances=[dict(INSTANCE, user="jdoe")])
    provisioned.add_user(site.sim.cluster, END_USER, secure=False)
    site.sim.cluster.reset_counters()
    run = site.run()
    assert not is_secure(site, "end:jdoe") and site.sim.cluster.counters["doAuthenticateUser"] == 1
    assert "the cluster refuses the password of user jdoe in the list" in run.remarks["recorder01x1"]
    site.users[0]["password"] = "Jane-Secret-0001"
    assert site.run().states == {"recorder01x1": "verified"}


def test_a_cluster_that_does_not_tell_its_connections_cuts_nobody(site):
    site.sim.faults.add("ris", "http", "selectCtiItem", code=403, times=None)
    run = site.run()
    assert not is_secure(site) and "it is not known whether an application is connected" in run.remarks["recorder01x1"]


def handler(site, name, line):
    path = site.controller.folder / name
    path.write_text("- name: Handle the application\n  %s\n" % line)
    return name  # relative: the folder that the run is started in


def test_handlers_stop_the_application_before_the_cutover_and_start_it_after_the_proof(site):
    log = site.controller.folder / "handled"
    connect(site, HERE)
    write = "ansible.builtin.shell: echo %%s >> %s" % log
    site.settings.update({"secure_tsp_stop_handler": handler(site, "stop.yml", write % "stop"),
                          "secure_tsp_start_handler": handler(site, "start.yml", write % "start")})
    run = site.run()
    assert log.read_text().split() == ["stop", "start"]
    assert run.states == {"recorder01x1": "verified"} and run.rows["recorder01x1"]["VERIFIED BY"].startswith("application")
    log.unlink()
    assert site.run().count("changed") == 0 and not log.exists()


def test_a_stop_handler_that_fails_leaves_the_application_alone_and_starts_it(site):
    log = site.controller.folder / "handled"
    number = connect(site, HERE)
    site.settings.update({
        "secure_tsp_stop_handler": handler(site, "stop.yml", "ansible.builtin.fail: {msg: it did not stop}"),
        "secure_tsp_start_handler": handler(site, "start.yml", "ansible.builtin.shell: echo start >> %s" % log)})
    run = site.run(rc=2)
    assert not is_secure(site) and is_open(site, number) and log.read_text().split() == ["start"]
    assert "it did not stop" in run.remarks["recorder01x1"] and run.states == {"recorder01x1": "failed"}


def test_an_application_that_does_not_start_is_told_and_the_others_are_finished(make_site):
    """Its host failed in the middle of the play, and was in no summary."""
    site = make_site(hosts=["recorder01", "recorder02"], users=[USER, dict(USER, name="dialer", devices=[])],
                     instances=[INSTANCE, dict(INSTANCE, host="recorder02", user="dialer", instance_id="recorder02x1")])
    for user in site.users:
        provisioned.add_user(site.sim.cluster, user, secure=False)
    fail = handler(site, "start.yml", 'ansible.builtin.fail: {msg: it did not start}\n  when: inventory_hostname == "recorder01"')
    site.settings.update(secure_tsp_start_handler=fail, secure_tsp_stop_handler=handler(site, "stop.yml", "ansible.builtin.debug: {msg: stopped}"))
    run = site.run("-e", "secure_tsp_serial=1", rc=2)
    assert run.states == {"recorder01x1": "failed", "recorder02x1": "verified"} and run.hosts["recorder02"]["failures"] == 0
    assert "'Handle the application' failed: it did not start" in run.remarks["recorder01x1"]
    run = site.run("-e", '{"secure_tsp_verify_with": "application"}', playbook="verify", rc=2)
    assert run.states == {"recorder01x1": "failed", "recorder02x1": "verified"} and "it did not start" in run.remarks["recorder01x1"]


@pytest.mark.parametrize("stage", ["cluster:due", "host:login", "host:stopped", "cluster:cutover", "host:prove"])
def test_an_application_that_was_stopped_is_started_however_the_cutover_ended(site, stage):
    log = site.controller.folder / "handled"
    write = "ansible.builtin.shell: echo %%s >> %s" % log
    site.settings.update({"secure_tsp_stop_handler": handler(site, "stop.yml", write % "stop"),
                          "secure_tsp_start_handler": handler(site, "start.yml", write % "start")})
    site.controller.callbacks.append("broken_stages")
    site.controller.more = {"BROKEN_STAGE": stage, "BROKEN_HOW": "raise"}
    run = site.run(rc=2)
    assert run.states == {"recorder01x1": WAITING if stage == "cluster:due" else "failed"}
    assert "The stage %s was stopped" % stage.partition(":")[2] in run.output
    assert not (stage == "cluster:due" and is_secure(site)), "Nobody's password was proven, and no application was stopped."
    assert (log.read_text().split() if log.exists() else []) == ([] if stage == "cluster:due" else ["stop", "start"])


def test_a_handler_that_is_not_there_is_refused_before_anything_is_touched(site):
    site.settings["secure_tsp_stop_handler"] = "gone.yml"
    before = site.everything()
    run = site.run(rc=2)
    assert "secure_tsp_stop_handler: there is no file %s/gone.yml" % site.controller.folder in run.text
    assert site.everything() == before


def test_a_cutover_can_be_undone(site):
    site.run()
    number = site.sim.cluster.list_application("recorder_tapi", HERE, 50001, tls=True, devices=["SEP001122334450"])
    undo = ["-e", '{"secure_tsp_uncut_users": ["recorder_tapi"]}']
    foretold = site.run("--check", "--diff", *undo, playbook="rollback")
    assert is_secure(site) and "User main/recorder_tapi would leave the secure port." in foretold.text
    assert "These connections to port 2749 are cut: " in foretold.text and is_open(site, number)
    [(_task, diff)] = foretold.diffs()
    assert SECURE in diff["before"]["user recorder_tapi"]["groups"] and SECURE not in diff["after"]["user recorder_tapi"]["groups"]
    run = site.run(*undo, playbook="rollback")
    assert not is_secure(site) and "User main/recorder_tapi left the secure port." in run.summary
    [told] = [line for line in run.summary if line.startswith("The next run of voiceops.secure_tsp.site moves user main/recorder_tapi")]
    assert "secure_tsp_cutover: manual" in told and told in foretold.text
    assert site.run(*undo, playbook="rollback").count("changed") == 0
    assert "there is no user recoder in the list" in site.run(
        "-e", '{"secure_tsp_uncut_users": ["recoder"]}', playbook="rollback", rc=2).text
    site.settings["secure_tsp_cutover"] = "manual"
    site.run()
    assert not is_secure(site) and "moves user" not in site.run(*undo, playbook="rollback").output
    del site.settings["secure_tsp_cutover"]
    site.run()
    assert is_secure(site), "As the undo said."


def test_no_application_stops_for_a_user_that_could_not_be_created(make_site):
    """Its certificate is due for renewal, but the cluster lost the user and refuses to create it again."""
    users = [dict(USER, name=name) for name in ("lost", "there")]
    instances = [dict(INSTANCE, host=host, user=user["name"], instance_id=host + "x1") for host, user in zip(("recorder01", "recorder02"), users)]
    site = make_site(hosts=["recorder01", "recorder02"], users=users, instances=instances)
    for user, instance in zip(users, instances):
        provisioned.add_user(site.sim.cluster, user)
        provisioned.add_instance(site.sim.cluster, site.store(instance["instance_id"]), instance)
    with site.sim.cluster.writing():
        site.sim.cluster.accounts.remove_user("application", "lost")
    stopped = site.controller.folder / "stopped"
    handler = site.controller.folder / "stop.yml"
    handler.write_text("- name: Stop it\n  ansible.builtin.shell: echo {{ inventory_hostname }} >>%s\n" % shlex.quote(str(stopped)))
    site.settings.update(secure_tsp_renew_before_days=3000, secure_tsp_stop_handler=str(handler))
    site.sim.faults.add(front="axl", kind="fault", operation="addAppUser", code=5003, message="No", times=None)
    run = site.run(rc=2)
    assert run.states["recorder01x1"] == "failed" and run.states["recorder02x1"] == "verified"
    assert stopped.read_text().split() == ["recorder02"]
