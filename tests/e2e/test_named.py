# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances that a person names, on two clusters that have one of the same ID: who is meant, and what came of each."""

from __future__ import annotations

import provisioned
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from simulator import Simulator

SAME = "rec1"
EMEA, APAC = "berlin", "tokyo"
USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "devices": ["SEP001122334450"]}
OTHER = {"name": "dialer", "password": "Dialer-Secret-0003", "devices": []}


class TwoClusters:
    """A site on two clusters. site.sim is emea; apac is the other one."""

    def __init__(self, site, apac):
        self.site, self.emea, self.apac = site, site.sim, apac
        self.clusters = {"emea": self.emea, "apac": self.apac}

    def folder(self, host, instance_id):
        return self.site.controller.hosts / host / instance_id

    def lsc(self, host, instance_id=SAME):
        return (self.folder(host, instance_id) / "QBEClient.cer").read_bytes()

    def everything(self):
        return self.emea.cluster.state_hash(), self.apac.cluster.state_hash(), self.site.files()

    def armed(self):
        return [profile.instance_id for sim in self.clusters.values() for profile in sim.cluster.accounts.profiles() if profile.armed]


@pytest.fixture
def two(make_site):
    """The same user and the same ID on both clusters, and one more instance of another user on emea."""
    hosts = {EMEA: "emea", APAC: "apac"}
    instances = [{"host": host, "cluster": cluster, "user": USER["name"], "instance_id": SAME} for host, cluster in hosts.items()]
    instances.append({"host": EMEA, "cluster": "emea", "user": OTHER["name"], "instance_id": "dial1"})
    users = [dict(USER, cluster=cluster) for cluster in ("emea", "apac")] + [dict(OTHER, cluster="emea")]
    site = make_site(hosts=list(hosts), users=users, instances=instances)
    with Simulator(seed={"devices": [{"name": "SEP001122334450", "lines": [{"number": "1000"}]}]}, ris_per_minute=1000) as apac:
        found = TwoClusters(site, apac)
        site.settings["secure_tsp_clusters"] = {name: sim.cluster_entry() for name, sim in found.clusters.items()}
        for one in instances:
            cluster = found.clusters[one["cluster"]].cluster
            if "application:" + one["user"] not in cluster.snapshot()["users"]:
                provisioned.add_user(cluster, [user for user in users if user["name"] == one["user"]][0])
            provisioned.add_instance(cluster, found.folder(one["host"], one["instance_id"]), one)
        yield found


def unproven(two, host, cluster, instance_id=SAME):
    """A new certificate is in place and the former one beside it, as a run leaves it whose proof is missing. Returns the former one."""
    former, key = two.lsc(host, instance_id), _pki.generate_key("rsa", 2048)
    store = provisioned.Store(str(two.folder(host, instance_id)))
    store.begin(_pki.key_to_pem(key))
    store.stage(provisioned.issue(two.clusters[cluster].cluster, instance_id, key=key)[1])
    store.commit()
    assert two.lsc(host, instance_id) != former
    return former


def refusal(two, playbook, **settings):
    """The message that a run was refused with, which touched nothing."""
    two.site.settings.update(settings)
    before = two.everything()
    run = two.site.run(playbook=playbook, rc=2)
    assert two.everything() == before and two.armed() == []
    failed = run.results(status="failed", is_item=False)
    assert len(failed) == 1
    return failed[0]["msg"]


def test_rollback_of_one_cluster_leaves_the_other_one_alone(two):
    former, other = unproven(two, EMEA, "emea"), unproven(two, APAC, "apac")
    here, there = two.lsc(EMEA), two.lsc(APAC)
    assert two.site.run("--check", playbook="rollback", *["-e", '{"secure_tsp_rollback_instances": ["emea/rec1"]}']).states == {
        SAME: "would be restored"}
    assert two.lsc(EMEA) == here
    two.site.settings["secure_tsp_rollback_instances"] = ["emea/rec1"]
    run = two.site.run(playbook="rollback")
    assert two.lsc(EMEA) == former and two.lsc(APAC) == there != other
    assert [(row["CLUSTER"], row["STATE"]) for row in run.rows.values()] == [("emea", "restored")]
    assert "CUCM may no longer accept" in run.text
    again = two.site.run(playbook="rollback")
    assert again.states == {SAME: "nothing to put back"} and two.lsc(EMEA) == former and again.count("changed") == 0


@pytest.mark.parametrize("playbook, option", [
    ("rollback", "secure_tsp_rollback_instances"), ("upgrade_certificates", "secure_tsp_upgrade_instances"),
    ("upgrade_certificates", "secure_tsp_compromised_instances")])
def test_a_name_that_could_be_two_instances_or_none_is_refused(two, playbook, option):
    message = refusal(two, playbook, **{option: [SAME, "emae/rec1", "dial1"]})
    assert "%s: rec1 is on several clusters: use apac/rec1 or emea/rec1" % option in message
    assert "%s: there is no instance emae/rec1 in the list; did you mean emea/rec1?" % option in message
    assert "dial1" not in message and "Nothing was changed." in message


def test_a_rollback_of_nothing_is_refused(two):
    assert "secure_tsp_rollback_instances" in refusal(two, "rollback")


def test_an_upgrade_renews_the_named_one_and_not_its_namesake(two):
    here, there = two.lsc(EMEA), two.lsc(APAC)
    two.site.settings["secure_tsp_upgrade_instances"] = ["apac/rec1"]
    run = two.site.run(playbook="upgrade_certificates")
    assert two.lsc(EMEA) == here and two.lsc(APAC) != there and two.armed() == []
    assert [line.split("/")[0] for line in run.summary if "verified by application" in line] == ["apac"]
    assert run.summary[-1].startswith("3 instances on 2 hosts: 2 up to date; 1 verified.")


def test_one_publisher_that_is_down_leaves_the_other_cluster_to_the_run(two):
    there = two.lsc(APAC)
    two.site.settings["secure_tsp_upgrade_instances"] = ["apac/rec1", "emea/rec1"]
    two.emea.faults.add("axl", "http", code=500, times=None)
    run = two.site.run(playbook="upgrade_certificates", rc=2)
    two.emea.faults.clear()
    assert two.lsc(APAC) != there
    assert run.summary[-1].startswith("3 instances on 2 hosts: 2 failed; 1 verified.")


def test_one_cluster_of_the_lists_alone(two):
    """The other one is not even asked."""
    two.site.settings["secure_tsp_only_clusters"] = ["apac"]
    two.emea.faults.add("axl", "http", code=500, times=None)
    run = two.site.run(playbook="upgrade_certificates")
    two.emea.faults.clear()
    assert run.states == {SAME: "up to date"} and run.rows[SAME]["CLUSTER"] == "apac"
    two.site.settings["secure_tsp_only_clusters"] = ["apca"]
    assert "there is no cluster apca in secure_tsp_clusters; did you mean apac?" in two.site.run(rc=2).text


def test_what_was_named_and_is_not_in_this_run_is_told(two):
    former = unproven(two, EMEA, "emea")
    before = two.everything()
    two.site.settings["secure_tsp_rollback_instances"] = ["emea/rec1", "apac/rec1"]
    run = two.site.run("--limit", APAC, playbook="rollback")
    lines = [line for line in run.summary if line.startswith(("emea", "apac"))]
    assert [line.split()[0] for line in lines if "not in this run" in line] == ["emea"]
    assert [line.split()[0] for line in lines if "nothing to put back" in line] == ["apac"]
    assert "emea/rec1 on berlin: its host is outside --limit" in run.summary
    after = two.everything()
    assert after[:2] == before[:2] and {path for path in after[2] if after[2][path] != before[2].get(path)} <= {"%s/%s/.lock" % (APAC, SAME)}
    assert two.lsc(EMEA) != former


def test_decommission_names_each_instance_and_each_user(two):
    site = two.site
    for one in site.instances:
        if one["cluster"] == "emea":
            one["state"] = "absent"
    next(user for user in site.users if user["name"] == OTHER["name"]).update(state="absent", remove_user=True)
    before = two.everything()
    limited = site.run("--limit", APAC, playbook="decommission")
    assert limited.states == {SAME: "not in this run", "dial1": "not in this run"} and two.everything() == before
    assert "User emea/dialer: not in this run: its hosts are outside of --limit, or not in this inventory." in limited.summary
    checked = site.run("--check", playbook="decommission")
    assert checked.states == {SAME: "would be removed", "dial1": "would be removed"} and two.everything() == before
    assert "User emea/dialer: would be removed." in checked.summary

    run = site.run(playbook="decommission")
    assert run.states == {SAME: "removed", "dial1": "removed"}
    assert "User emea/dialer: removed." in run.summary
    # Who is left, and has no instance any more, is told plainly.
    (left,) = [line for line in run.summary if "can open neither port" in line]
    assert left.startswith("Cluster emea: user recorder_tapi is in Standard CTI Secure Connection")
    assert not two.folder(EMEA, SAME).exists() and two.folder(APAC, SAME).exists()
    assert [profile.instance_id for profile in two.emea.cluster.accounts.profiles()] == []
    assert [profile.instance_id for profile in two.apac.cluster.accounts.profiles()] == [SAME]

    after = two.everything()
    again = site.run(playbook="decommission")
    assert again.states == {SAME: "gone already", "dial1": "gone already"} and two.everything() == after
    assert "User emea/dialer: there is no such user." in again.summary and again.count("changed") == 0


def test_a_user_with_profiles_that_are_not_listed_stays_and_keeps_nothing_else(two):
    site = two.site
    site.instances = [one for one in site.instances if one["instance_id"] != "dial1"] + [
        {"host": EMEA, "cluster": "emea", "user": OTHER["name"], "instance_id": "dial2", "state": "absent"}]
    next(user for user in site.users if user["name"] == OTHER["name"]).update(state="absent", remove_user=True)
    two.emea.cluster.accounts.add_profile("application", OTHER["name"], "dial2")
    run = site.run(playbook="decommission", rc=2)
    assert run.states == {"dial2": "removed"}
    assert "User emea/dialer: stays, because it has the CAPF profiles dial1." in run.summary
    assert sorted(profile.instance_id for profile in two.emea.cluster.accounts.profiles()) == ["dial1", SAME]
