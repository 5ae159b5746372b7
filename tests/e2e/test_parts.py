# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a run, for people who want no more: the entry points of the role, and tags of the playbook site."""

from __future__ import annotations

import pytest
import yaml

HOSTS = ("recorder01", "recorder02")
USERS = ({"name": "recorder_tapi", "password": "Recorder-Secret-0002", "devices": ["SEP001122334450"]},)
INSTANCES = (
    {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"},
    {"host": "recorder02", "user": "recorder_tapi", "instance_id": "recorder02x1"},
)
CHECK = "Check lists, window and clusters"
LOOK = "Check trust lists and certificates"
ACCOUNTS = "Update users, groups and profiles"
TOLD = ("Print the summary of the run", "Write the report of the run", "Fail where something went wrong")
SECURE = "Standard CTI Secure Connection"


@pytest.fixture(scope="module")
def site(make_site):
    return make_site(hosts=HOSTS, users=USERS, instances=INSTANCES)


def play(site, **role):
    """Run a play that has nothing but the role, called as a user calls it."""
    path = site.controller.folder / "part.yml"
    task = {"name": "Part", "ansible.builtin.import_role": {"name": "voiceops.secure_tsp.secure_tsp", **role}}
    path.write_text(yaml.safe_dump([{"name": "Part", "hosts": "secure_tsp", "gather_facts": False, "tasks": [task]}]))
    return site.run(playbook=path)


def tasks(run):
    """Names of the tasks that ran, in order."""
    return list(dict.fromkeys(result["task"] for result in run.results()))


@pytest.fixture(scope="module")
def checked(site):
    before = site.everything()
    return play(site, tasks_from="preflight"), before, site.everything()


@pytest.fixture(scope="module")
def looked(site, checked):
    before = site.sim.cluster.state_hash()
    return play(site, tasks_from="look", rolespec_validate=False), before, site.sim.cluster.state_hash(), site.files()


@pytest.fixture(scope="module")
def prepared(site, looked):
    return play(site, tasks_from="accounts"), site.armed(), site.groups("application:recorder_tapi")


@pytest.fixture(scope="module")
def whole(site, prepared):
    return play(site)


def test_preflight_asks_no_host_and_changes_nothing(checked):
    run, before, after = checked
    assert before == after
    assert [task for task in tasks(run) if not task.startswith("Validating arguments")] == [CHECK]


def test_look_brings_the_trust_lists_and_leaves_the_cluster_alone(looked):
    run, before, after, files = looked
    assert before == after
    assert tasks(run) == [CHECK, LOOK, *TOLD]
    assert run.states == dict.fromkeys(("recorder01x1", "recorder02x1"), "seen")
    names = {name.rpartition("/")[2] for name in files}
    assert "ctl.tlv" in names and "QBEClient.key.pem" not in names


def test_accounts_arms_nothing_and_cuts_nobody_over(prepared):
    run, armed, groups = prepared
    assert ACCOUNTS in tasks(run) and set(TOLD) <= set(tasks(run))
    assert armed == []
    assert groups and SECURE not in groups


def test_the_whole_role_in_a_play_without_serial(site, whole):
    assert set(whole.states.values()) == {"verified"}
    assert SECURE in site.groups("application:recorder_tapi")


@pytest.mark.parametrize(("tag", "expected"), [
    ("preflight", [CHECK]), ("look", [CHECK, LOOK, *TOLD]), ("accounts", [CHECK, LOOK, ACCOUNTS, *TOLD]),
])
def test_tags_of_the_playbook_site(site, whole, tag, expected):
    run = site.run("--tags", tag)
    assert tasks(run) == expected
    assert {result["changed"] for result in run.results()} <= {False, None}


def test_a_part_says_in_one_message_what_is_wrong_in_the_lists(site, whole):
    site.settings["secure_tsp_cutovr"] = "never"
    site.instance("recorder01x1")["user"] = "nobody"
    try:
        run = site.run("--tags", "preflight", rc=2)
    finally:
        del site.settings["secure_tsp_cutovr"]
        site.instance("recorder01x1")["user"] = "recorder_tapi"
    (message,) = {result["msg"] for result in run.results(CHECK) if result.get("msg")}
    assert "did you mean secure_tsp_cutover?" in message and "nobody" in message
