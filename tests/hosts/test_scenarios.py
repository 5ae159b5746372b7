# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row for each thing that a real host has and a folder has not: what the run says, what it leaves on host and cluster, and
that the next run without it puts everything right, while the application of another host stays connected all the time."""

from __future__ import annotations

import dataclasses

import pytest

from bench import CUCM_4
from namespaces import nft

pytestmark = pytest.mark.long
BYSTANDER = "bystander"
SUBJECT = "subject"
ID = SUBJECT + "x1"
KEY, LSC = ID + "/QBEClient.key.pem", ID + "/QBEClient.cer"
SUCCESS, NEVER = "Upgrade Success", "None"
ANSWERS_DROPPED = "table inet shut {\n chain in {\n type filter hook input priority 0;\n ip saddr %s udp sport != 69 drop\n }\n}\n" % CUCM_4


@dataclasses.dataclass
class Scenario:
    """host: of Bench.add_host. settings: variables of the run. before: done to the bench first. cut_at: the line is cut when the
    cluster is about to send that. What comes of it: rc, the instance's state, words of the output, whether the host holds a key and
    a certificate, and the profile's status. heal: what puts the cause right. again: the state after the next run."""

    host: dict = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)
    before: object = None
    cut_at: tuple = ()
    rc: tuple = (0,)
    state: str = "verified"
    words: tuple = ()
    key: bool = True
    certificate: bool = True
    status: str = SUCCESS
    heal: object = None
    again: str = "enrolled, not verified online"


def bad_line(bench):
    bench.line.delay, bench.line.loss = 0.15, 0.05


def drop_answers(_bench):
    nft(SUBJECT, ANSWERS_DROPPED)


TFTPY = dict(packages=("tftpy",))
ON_HOST = {"secure_tsp_ctl_from": "host"}
LOST = dict(rc=(2, 4), state="failed", words=("The line to this host broke",), certificate=False, again="verified")
SCENARIOS = {
    "loss and delay during TFTP, CAPF and CTI": Scenario(dict(lossy=True, **TFTPY), ON_HOST, before=bad_line),
    "line cut before CAPF": Scenario(cut_at=("capf", "AUTH_REQUEST"), status=NEVER, **LOST),
    "line cut after CAPF issued": Scenario(cut_at=("capf", "STORE_CERTIFICATE_REQUEST"), status=SUCCESS, **LOST),
    # The host gives up before the line is back, so that nothing was proven.
    "line cut during the proof": Scenario(
        settings={"secure_tsp_cti_timeout": 8}, cut_at=("cti", "ProviderOpenCompletedEvent"), **{**LOST, "certificate": True}),
    "TFTP's answers dropped": Scenario(
        TFTPY, before=drop_answers, words=("The controller fetched the trust list, since this host could not.",)),
}


@pytest.fixture(scope="module")
def bystander(bench):
    """A host whose application runs from the first scenario to the last one."""
    bench.add_host(BYSTANDER, **TFTPY)
    bench.list_instance(BYSTANDER, "bystander", BYSTANDER + "x1", ["SEP001122334490"])
    bench.run()
    bench.start_application(BYSTANDER + "x1")
    yield bench.hosts[BYSTANDER]
    bench.forget(BYSTANDER)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(bench, bystander, name):
    scenario = SCENARIOS[name]
    host = bench.add_host(SUBJECT, **scenario.host)
    # The profile, user and device of one scenario must not help the next one.
    user = "subject%d" % list(SCENARIOS).index(name)
    bench.list_instance(SUBJECT, user, ID, ["SEP0011223345%02d" % list(SCENARIOS).index(name)])
    untouched, healing = bystander.files(), [scenario.heal] if scenario.heal else []
    try:
        if scenario.before:
            scenario.before(bench)
        bench.settings.update(scenario.settings)
        if scenario.cut_at:
            run = bench.run_until(*scenario.cut_at, host.down, rc=None)
            host.up()
        else:
            run = bench.run(rc=None)
        files = host.files()
        assert run.rc in scenario.rc and run.states[ID] == scenario.state, "\n".join(run.summary) or run.output
        assert [words for words in scenario.words if words not in run.output] == [], "\n".join(run.summary) or run.output
        assert (KEY in files, LSC in files) == (scenario.key, scenario.certificate) or scenario.cut_at and (LSC in files) == scenario.certificate
        assert bench.statuses().get(ID, NEVER) == scenario.status and bench.armed() == []
        assert bystander.files() == untouched and bench.connected() == [BYSTANDER + "x1"]

        if healing:
            healing.pop()(bench)
        run = bench.run(rc=None)
        assert (run.rc, run.states[ID]) == (0, scenario.again), "\n".join(run.summary) or run.output
        assert host.files()[KEY][:2] == ("0o600", 0)
        assert bench.statuses()[ID] == SUCCESS and bench.armed() == []
        assert bystander.files() == untouched and bench.connected() == [BYSTANDER + "x1"]
        if scenario.again == "verified":
            assert bench.run().count("changed") == 0
    finally:
        for heal in healing:
            heal(bench)  # the next scenario has nothing to do with it
        bench.forget(SUBJECT)
        bench.sim.act("remove_profile", instance_id=ID) if ID in bench.statuses() else None
