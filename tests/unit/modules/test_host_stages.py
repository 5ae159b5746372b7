# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module tsp_host, stage by stage, as its action calls it; and tsp_cluster, which is no module but for its documentation."""

from __future__ import annotations

import json

import provisioned
import pytest
import stage_options
from simulator import Simulator

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _store
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters
from ansible_collections.voiceops.secure_tsp.plugins.modules import tsp_cluster, tsp_host

USER, PASSWORD, STRING, PASSPHRASE = "recorder_tapi", "Recorder-Secret-0002", "4711081547", "Correct horse battery 7"
IDS = ("recorder01x1", "recorder01x2")


@pytest.fixture
def sim():
    with Simulator() as simulator:
        simulator.seed({"devices": [{"name": "SEP001122334450", "lines": [{"number": "1001"}]}]})
        provisioned.add_user(simulator.cluster, {"name": USER, "password": PASSWORD, "devices": ["SEP001122334450"]})
        for name in IDS:
            simulator.cluster.accounts.add_profile("application", USER, name, operation="Install/Upgrade", string=STRING)
        yield simulator


@pytest.fixture
def stage(sim, tmp_path, run_module):
    """stage(name, check=False, secrets=..., **more of each instance): the result, in which no secret may be."""
    model = stage_options.model_of(sim, [{"name": USER, "password": PASSWORD}], [
        {"host": "recorder01", "user": USER, "instance_id": name, "store": str(tmp_path / "{instance_id}")} for name in IDS])

    def run(name, check=False, secrets=None, instances=None, settings=None, **more):
        given = dict(ports=clusters.ports_of(model.instances()), places=[str(tmp_path)], **(settings or {}))
        result = run_module(tsp_host, check=check, diff=True, **stage_options.options_of_stage(model, name, secrets, instances, given, **more))
        for secret in (STRING, PASSWORD, PASSPHRASE, "PRIVATE KEY"):
            assert secret not in json.dumps(result)
        return result

    return run


def enrolled(stage):
    assert not stage("look").get("failed")
    return stage("enrol", secrets={"strings": [STRING] * len(IDS)})


def test_look_fetches_the_trust_list_once_for_all_instances(sim, stage, tmp_path):
    result = stage("look")
    assert result["changed"] and not result.get("failed") and result["missing"] == []
    assert [row["info"]["needs_certificate"] for row in result["rows"]] == [{"needed": True, "reason": "missing"}] * 2
    assert all(row["trust"]["ctl"]["has_capf"] for row in result["rows"])
    assert [place["problem"] for place in result["ports"]] == ["", ""]
    assert {(tmp_path / name / _store.TRUST_LIST).exists() for name in IDS} == {True}
    assert sim.cluster.counters["tftp.RRQ"] == 1
    assert {diff["after_header"] for diff in result["diff"]} == {name + " trust list" for name in IDS}
    again = stage("look")
    assert not again["changed"] and again["diff"] == []


def test_look_in_check_mode_writes_nothing(stage, tmp_path):
    result = stage("look", check=True)
    assert result["changed"] and list(tmp_path.iterdir()) == []


def test_a_host_whose_file_server_is_silent_says_so_in_its_rows(sim, stage):
    result = stage("look", tftp_port=sim.capf_port)
    assert not result.get("failed")
    assert all(row["trust"]["failed"] and row["trust"]["msg"] for row in result["rows"])


def test_enrol_prove_and_confirm(sim, stage, tmp_path):
    result = enrolled(stage)
    assert [(row["action"], row["unconfirmed"]) for row in result["rows"]] == [("enrolled", True)] * 2
    assert sim.cluster.counters["AUTH_RESPONSE"] == 2
    assert stage("look")["rows"][0]["info"]["unconfirmed"] is True
    proven = stage("prove", secrets={"passwords": [PASSWORD] * 2}, way="application", confirm=True)
    assert [(row["totals"]["devices"], row["totals"]["lines"], row["changed"]) for row in proven["rows"]] == [(1, 1, True)] * 2
    assert [row["info"]["unconfirmed"] for row in stage("look")["rows"]] == [False, False]
    assert stage("look")["keys"] == sorted(str(tmp_path / name / _store.KEY) for name in IDS)


def test_one_instance_that_fails_does_not_stop_the_other(sim, stage):
    stage("look")
    result = stage("enrol", secrets={"strings": ["1234567890", STRING]})
    assert not result.get("failed") and result["changed"]
    (wrong, right) = result["rows"]
    assert wrong["failed"] and wrong["capf_reason"] == 7 and right["action"] == "enrolled"


def test_a_wrong_password_is_a_row(stage):
    enrolled(stage)
    result = stage("prove", secrets={"passwords": ["wrong", PASSWORD]}, way="application", confirm=True)
    assert [bool(row.get("failed")) for row in result["rows"]] == [True, False]


def test_an_encrypted_key_is_read_with_the_passphrase(stage):
    stage("look")
    stage("enrol", secrets={"strings": [STRING] * 2, "key_passphrase": PASSPHRASE})
    with_it = stage("inspect", secrets={"key_passphrase": PASSPHRASE})
    assert [row["info"]["needs_certificate"]["needed"] for row in with_it["rows"]] == [False, False]
    assert all(row.get("failed") or row["info"]["needs_certificate"]["needed"] for row in stage("inspect")["rows"])


def test_inspect_changes_nothing(sim, stage, tmp_path):
    result = stage("inspect")
    assert not result["changed"] and [row["info"]["needs_certificate"]["reason"] for row in result["rows"]] == ["missing", "missing"]
    assert list(tmp_path.iterdir()) == [] and sim.cluster.counters["tftp.RRQ"] == 0


def test_restore_puts_the_former_pair_back(sim, stage, tmp_path):
    enrolled(stage)
    stage("prove", secrets={"passwords": [PASSWORD] * 2}, way="application", confirm=True)
    before = (tmp_path / IDS[0] / _store.CERTIFICATE).read_bytes()
    sim.cluster.accounts.update_profile("application", IDS[0], operation="Install/Upgrade", string=STRING)
    renewed = stage("enrol", instances=IDS[:1], secrets={"strings": [STRING]})
    assert renewed["rows"][0]["action"] == "renewed" and (tmp_path / IDS[0] / _store.CERTIFICATE).read_bytes() != before
    assert stage("restore", instances=IDS[:1])["rows"][0]["action"] == "restored"
    assert (tmp_path / IDS[0] / _store.CERTIFICATE).read_bytes() == before


def test_remove_leaves_nothing(stage, tmp_path):
    enrolled(stage)
    checked = stage("remove", check=True)
    assert checked["changed"] and (tmp_path / IDS[0] / _store.KEY).exists()
    assert stage("remove")["changed"] and not (tmp_path / IDS[0]).exists()
    assert not stage("remove")["changed"]


def test_knock_shows_what_the_ports_present(sim, stage):
    stage("look")
    result = stage("knock", settings={"knock_timeout": 5}, ports=[
        {"service": "CAPF", "host": "127.0.0.1", "port": sim.capf_port}, {"service": "CTI Manager", "host": "127.0.0.1", "port": 1}])
    for row in result["rows"]:
        assert [(place["trusted"], place["stage"]) for place in row["ports"]] == [(True, ""), (None, "connect")]
    assert sim.cluster.counters["AUTH_RESPONSE"] == 0


def test_no_module_does_the_stages_of_clusters(run_module):
    result = run_module(tsp_cluster, stage="preflight")
    assert result["failed"] and "runs on the controller only" in result["msg"]
