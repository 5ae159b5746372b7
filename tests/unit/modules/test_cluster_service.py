# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cluster_service against the simulated cluster, and its waiting against a clock of the test's own."""

from __future__ import annotations

import pytest
from simulator import Simulator

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.client import AxlClient, ClusterLogin
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import DeadlineExceeded
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import ControlCenter
from ansible_collections.voiceops.secure_tsp.plugins.modules import cluster_service

CAPF = "Cisco Certificate Authority Proxy Function"
CTI = "Cisco CTIManager"
TFTP = "Cisco Tftp"
NODE = "127.0.0.1"


@pytest.fixture
def sim():
    with Simulator(release="14", fronts=("axl",)) as running:
        yield running


@pytest.fixture
def ask(run_module, sim):
    def run(**options):
        defaults = dict(
            hostname=NODE, port=sim.axl_port, username=sim.username, password=sim.password, ca_path=sim.ca_path,
        )
        return run_module(cluster_service, **{**defaults, **options})

    return run


def state(sim, name, node=NODE):
    found = next(one for one in sim.cluster.services(node) if one["name"] == name)
    return found["activated"], found["running"]


# state: as found (activated, running), the wish, the orders, as left
CASES = [
    ((True, True), dict(state="started"), [], (True, True)),
    ((True, False), dict(state="started"), ["Start"], (True, True)),
    ((True, True), dict(state="stopped"), ["Stop"], (True, False)),
    ((True, False), dict(state="stopped"), [], (True, False)),
    ((False, False), dict(state="stopped"), [], (False, False)),
    ((True, True), dict(state="restarted"), ["Restart"], (True, True)),
    ((True, False), dict(state="restarted"), ["Start"], (True, True)),
    ((False, False), dict(state="started", activated=True), ["Deploy"], (True, True)),
    ((False, False), dict(state="restarted", activated=True), ["Deploy"], (True, True)),
    ((False, False), dict(state="stopped", activated=True), ["Deploy", "Stop"], (True, False)),
    ((True, True), dict(state="started", activated=True), [], (True, True)),
    ((True, True), dict(activated=True), [], (True, True)),
    ((False, False), dict(activated=True), ["Deploy"], (True, True)),
    ((True, True), dict(activated=False), ["UnDeploy"], (False, False)),
    ((True, False), dict(activated=False, state="stopped"), ["UnDeploy"], (False, False)),
    ((False, False), dict(activated=False), [], (False, False)),
]


@pytest.mark.parametrize(("found", "wish", "orders", "left"), CASES)
def test_only_what_is_missing_is_ordered(ask, sim, found, wish, orders, left):
    sim.act("set_service", name=CTI, activated=found[0], running=found[1])
    before = sim.cluster.state_hash()
    foreseen = ask(services=[CTI], check=True, **wish)
    assert (sim.cluster.state_hash(), state(sim, CTI)) == (before, found)
    result = ask(services=[CTI], **wish)
    assert [one["order"] for one in result["orders"]] == orders
    assert state(sim, CTI) == left
    assert result["changed"] == foreseen["changed"] == bool(orders)
    again = ask(services=[CTI], **wish)
    assert again["changed"] == (wish.get("state") == "restarted")
    assert sim.cluster.schema_violations == []


def test_the_services_before_and_after_are_shown_with_a_diff(ask, sim):
    sim.act("set_service", name=CTI, running=False)
    result = ask(services=["cisco ctimanager", TFTP], state="started", diff=True)
    assert [one["service"] for one in result["services"]] == [CTI, TFTP]
    before, after = result["services"][0]["before"], result["services"][0]["after"]
    assert (before["status"], after["status"]) == ("Stopped", "Started")
    assert before["activated"] is None  # stopped without the one known reason: Control Center does not tell
    assert after["start_time"] and after["reason_code"] == 0
    assert result["orders"] == [{"order": "Start", "services": [CTI]}]
    assert result["diff"] == {
        "before": {CTI: {"status": "Stopped"}, TFTP: {"status": "Started"}},
        "after": {CTI: {"status": "Started"}, TFTP: {"status": "Started"}},
    }
    assert result["requests"]["write"] == 1


def test_the_foreseen_state_is_shown_in_check_mode(ask, sim):
    sim.act("set_service", name=CAPF, activated=False)
    result = ask(services=[CAPF], state="started", activated=True, check=True, diff=True)
    assert result["diff"]["after"] == {CAPF: {"activated": True, "status": "Started"}}
    # Whether Deploy starts it too is not known before.
    assert [one["order"] for one in result["orders"]] == ["Deploy", "Start"]
    assert result["requests"]["write"] == 0


def test_a_service_that_the_node_does_not_have_is_refused_with_those_it_has(ask, sim):
    result = ask(services=[CTI, "Cisco CTI Manager"], state="stopped")
    assert result["failed"]
    assert "the node has no service Cisco CTI Manager" in result["msg"]
    assert CTI in result["msg"] and TFTP in result["msg"]
    assert state(sim, CTI) == (True, True)


def test_a_service_that_is_not_activated_cannot_be_started_alone(ask, sim):
    sim.act("set_service", name=CTI, activated=False)
    result = ask(services=[CTI], state="started")
    assert result["failed"] and "not activated: Cisco CTIManager" in result["msg"] and "activated" in result["msg"]


@pytest.mark.parametrize(("options", "text"), [
    (dict(state="started", activated=False), "cannot be started and not activated"),
    (dict(state="started", wait_timeout=0), "wait_timeout is not from 1 to 3600"),
    (dict(), "one of the following is required: state, activated"),
])
def test_contradictions_are_refused(ask, sim, options, text):
    result = ask(services=[CTI], **options)
    assert result["failed"] and text in result["msg"]
    assert not sim.cluster.counters


def test_a_service_that_takes_its_time_is_waited_for(ask, sim):
    sim.act("set_service", name=CTI, running=False)
    sim.cluster.features.service_polls = 2  # the answer to the order and one look
    result = ask(services=[CTI], state="started")
    assert result["services"][0]["after"]["status"] == "Started"
    assert sim.cluster.counters["controlcenter.soapGetServiceStatus"] == 3


def test_a_service_that_never_gets_there_ends_at_the_deadline(ask, sim):
    sim.cluster.features.service_polls = 10 ** 6
    result = ask(services=[CTI], state="stopped", wait_timeout=1)
    assert result["failed"]
    assert "not in the requested state after 1 seconds: Cisco CTIManager is Stopping" in result["msg"]
    assert "Stop: ReturnCode 0" in result["msg"] and "wait_timeout" in result["msg"]
    assert result["services"][CTI]["status"] == "Stopping"


def test_a_service_that_is_already_on_its_way_gets_no_order(ask, sim):
    sim.cluster.moving[NODE, CTI] = ("Starting", 2)
    result = ask(services=[CTI], state="started")
    assert result["changed"] is False and result["orders"] == []
    assert result["services"][0]["before"]["status"] == "Starting"
    assert result["services"][0]["after"]["status"] == "Started"


def test_a_restart_is_over_when_the_start_time_is_another_one(ask, sim):
    result = ask(services=[CTI], state="restarted")
    before, after = (result["services"][0][side]["start_time"] for side in ("before", "after"))
    assert before and after and before != after


def test_an_order_that_is_answered_too_late_is_judged_by_its_outcome(ask, sim):
    sim.act("set_service", name=CTI, activated=False)
    sim.faults.add("controlcenter", "delay", "soapDoServiceDeployment", seconds=1.5)
    result = ask(services=[CTI], activated=True, timeout=1)
    assert result["changed"] and state(sim, CTI) == (True, True)


def test_a_code_that_nobody_knows_is_shown(ask, sim):
    sim.act("set_service", name=CTI, running=False)
    refusal = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><r xmlns="x">'
        "<soapDoControlServicesReturn><ReturnCode>1</ReturnCode><ReasonCode>-1234</ReasonCode><ReasonString>Command "
        "failed</ReasonString></soapDoControlServicesReturn></r></e:Body></e:Envelope>"
    )
    sim.faults.add("controlcenter", "garbage", "soapDoControlServices", body=refusal)
    result = ask(services=[CTI], state="started")
    assert result["failed"] and result["code"] == -1234
    assert "refused to start Cisco CTIManager (ReturnCode 1, ReasonCode -1234, Command failed)" in result["msg"]


def test_without_axl_control_center_says_what_is_activated_and_the_doubt_is_told(ask, sim):
    sim.act("set_service", name=CTI, activated=False)
    sim.faults.add("axl", "http", "getCCMVersion", code=403, times=None)
    result = ask(services=[CTI], activated=True)
    assert result["changed"] and state(sim, CTI) == (True, True)
    assert any("AXL did not report which services are activated" in text for text in result["warnings"])


@pytest.mark.parametrize(("code", "text"), [
    (401, "refused the login"), (403, "Standard CCM Server Monitoring"), (404, "Control Center and log collection"),
])
def test_a_refusal_names_its_cure(ask, sim, code, text):
    sim.faults.add("controlcenter", "http", code=code, times=None)
    # A node that answers 404 may be starting, so it is asked again until the deadline.
    result = ask(services=[CTI], state="started", wait_timeout=2)
    assert result["failed"] and text in result["msg"]
    assert sim.password not in str(result)


def test_another_node_is_asked_itself(run_module):
    with Simulator(release="14", fronts=("axl",), nodes=("127.0.0.1", "localhost")) as sim:
        options = dict(
            hostname=NODE, port=sim.axl_port, username=sim.username, password=sim.password, ca_path=sim.ca_path,
            services=[CTI],
        )
        result = run_module(cluster_service, **options, node="localhost", activated=False)
        assert result["changed"] and result["node"] == "localhost"
        assert state(sim, CTI, "localhost") == (False, False)
        assert state(sim, CTI, NODE) == (True, True)
        unknown = run_module(cluster_service, **options, node="cucm9", node_address="localhost", activated=True)
        assert unknown["failed"] and "the cluster has no node cucm9" in unknown["msg"] and "localhost" in unknown["msg"]


@pytest.mark.parametrize(("node", "names", "found"), [
    ("cucm1", ["cucm1", "cucm2"], "cucm1"),
    ("CUCM1.example.com", ["cucm1", "cucm2"], "cucm1"),
    ("cucm1", ["cucm1.example.com", "cucm2.example.com", "EnterpriseWideData"], "cucm1.example.com"),
    ("192.0.2.1", ["cucm1", "EnterpriseWideData"], "cucm1"),
])
def test_a_node_is_found_under_the_name_of_the_cluster(node, names, found):
    assert cluster_service.node_named(node, names) == found


def test_pauses_between_two_looks_grow_within_the_deadline(sim):
    """One clock for sleeping and looking, so nothing here takes real time."""
    sim.cluster.features.service_polls = 10 ** 6
    login = ClusterLogin(NODE, sim.username, sim.password, port=sim.axl_port, ca_path=sim.ca_path)
    pauses = []
    wanted = dict(state="stopped", activated=None)
    with ControlCenter(login) as center, AxlClient(login) as axl:
        keeper = cluster_service.Keeper(
            center, cluster_service.Activation(axl, NODE), NODE, wanted, patience=30, sleep=pauses.append,
            clock=lambda: sum(pauses),
        )
        with pytest.raises(DeadlineExceeded):
            keeper.apply(keeper.look([CTI]))
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 4.5]
