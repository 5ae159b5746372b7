# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade on one host, chunk by chunk, beside other hosts of the same run: without Ansible, a host or a cluster."""

from __future__ import annotations

import contextlib
import threading

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _options, _outcome, _run, _upgrade, _verification
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._journal import Journal
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import complete, key_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, upgrade

CLUSTERS = {"main": {"hostname": "pub", "username": "axl", "password": "Cluster-Secret-1"}}
USERS = [{"name": "rec", "password": "User-Secret-2"}]
LEFT = "left for the next run"


class Clock:
    """Time that passes only when somebody works or waits."""

    def __init__(self):
        self.now = 1795730400.0  # 2026-11-26 22:00 UTC

    def pause(self, seconds):
        self.now += seconds


class FakeArming:
    """Stands for armed profiles: the last one shows what became of the strings."""

    seen = []

    def __init__(self, _access, cluster, _model, instances, _rows, _given, _known, _hours):
        self.cluster, self.ids = cluster, [one["instance_id"] for one in instances]
        self.armed, self.diff, self.strings, self.disarmed, self.refused, self.changes = [], [], {}, [], {}, []
        FakeArming.seen.append(self)

    def arm(self):
        self.armed = list(self.ids)
        self.strings = dict((name, "1234567890") for name in self.ids)

    def profiles(self):
        return {}

    def disarm(self, used):
        self.disarmed = [name for name in self.armed if name not in used]
        self.armed = [name for name in self.armed if name in used]


class Played:
    """Stands for a Run on one host."""

    def __init__(self, folder, host, model, rows, gate, **options):
        self.folder, self.host, self._model, self._rows, self.options = folder, host, model, rows, options
        self.registers = {_run.GATE: gate, _run.PREFLIGHT: {"clusters": {"main": {"failure": "", "issuer": "self", "axl_version": None}}}}
        self.check, self.lines, self.vars = False, [], {}

    def option(self, name):
        return self.options.get(name, _options.default_of(_options.OPTIONS[name]))

    def register(self, name):
        return self.registers.get(name) or {}

    def needed(self, name, _stage):
        return self.registers[name]

    def model(self):
        return self._model

    def newest(self, _host):
        return self._rows

    def journal(self):
        return Journal(str(self.folder))

    def clusters(self):
        return CLUSTERS

    def strings(self, _cluster, _ids, _model):
        return {}

    def passwords(self, _model, wanted):
        return dict((key, "User-Secret-2") for key in wanted)

    def show(self, *lines):
        self.lines += lines

    @contextlib.contextmanager
    def alone(self, _hostname):
        yield


class Hosts:
    """Two hosts of one run. execute(...) answers as the module does: C(answers) are called with (host, stage, instances)."""

    def __init__(self, folder, clock, count=5, hosts=("lin1",)):
        instances = [{"host": host, "user": "rec", "instance_id": "%sx%d" % (host, number)} for host in hosts for number in range(count)]
        self.model, mistakes, _warnings = complete(CLUSTERS, USERS, instances)
        assert mistakes == []
        self.folder, self.clock, self.hosts = folder, clock, hosts
        self.calls, self.failing, self.lost, self.disproved = [], set(), set(), set()
        self.seconds = 10  # that a chunk takes

    def rows(self, host, **more):
        found = []
        for one in self.model.hosts[host]:
            row = _outcome.updated(_outcome.fresh(one), {
                "needs_certificate": {"needed": True, "reason": "expiring"}, "explanation": "It expires.", "certificate": {}}, one)
            found.append(_upgrade.before(dict(_upgrade.decided([row])[0], **more)))
        return found

    def gate(self, host, size=2, stopped=None, canary=None, way="application"):
        plan = [_verification.planned(_upgrade.as_renewed(row, self.clock.now), way, "") for row in self.rows(host)]
        return dict(at=self.clock.now, plan={host: plan}, stopped=stopped or {}, canary=canary or {}, size=size)

    def execute(self, host):
        def run(stage, instances, _settings, secrets):
            names = [one["instance_id"] for one in instances]
            self.calls.append((host, stage, names))
            self.clock.pause(self.seconds)
            if stage == "enrol":
                assert secrets["strings"] == ["1234567890"] * len(names) and secrets["passwords"] == ["User-Secret-2"] * len(names)
            if self.lost & set(names):
                return dict(failed=True, lost=True, msg="The connection to this host broke: gone")
            return dict(rows=[self.answer(stage, name) for name in names], changed=True)
        return run

    def answer(self, stage, name):
        if stage == "restore":
            return dict(action="restored", changed=True, certificate={})
        if name in self.failing:
            return dict(failed=True, msg="CAPF refused.")
        proof = dict(failed=True, msg="INVALID_CERTIFICATE_USED", stage="open", cti_code="0x8CCC00D8") if name in self.disproved else dict(
            totals={"devices": 1, "lines": 1})
        return dict(action="renewed", changed=True, unconfirmed=True, needs_certificate={"needed": False, "reason": ""}, proof=proof)

    def renew(self, host="lin1", gate=None, **options):
        """({instance: state}, the run)."""
        run = Played(self.folder, host, self.model, self.rows(host), gate or self.gate(host), **options)
        result = upgrade.renew(run, self.execute(host))
        self.last = dict((row["instance_id"], row) for row in result["rows"])
        return dict((name, row["state"]) for name, row in self.last.items()), run

    def enrolled(self):
        return [names for _host, stage, names in self.calls if stage == "enrol"]


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(clusters, "clock", lambda: found.now)
    monkeypatch.setattr(clusters, "pause", found.pause)
    monkeypatch.setattr(clusters, "Arming", FakeArming)
    monkeypatch.setattr(clusters, "services", lambda _access, _cluster, _known: [])
    FakeArming.seen = []
    return found


@pytest.fixture
def hosts(tmp_path, clock):
    return Hosts(tmp_path, clock)


def test_chunk_by_chunk_the_canary_batch_first(hosts):
    states, run = hosts.renew(gate=hosts.gate("lin1", canary={"main": "lin1"}))
    assert hosts.enrolled() == [["lin1x0"], ["lin1x1", "lin1x2"], ["lin1x3", "lin1x4"]]
    assert set(states.values()) == {"verified"} and all(arming.armed == arming.ids for arming in FakeArming.seen)
    assert run.lines == ["lin1: 1 of 5 done, 0 failed; 6.0 a minute, ends about %s" % run.lines[0][-5:],
                         "lin1: 3 of 5 done, 0 failed; 9.0 a minute, ends about %s" % run.lines[1][-5:]]


@pytest.mark.parametrize("seconds, done, why", [
    (5, 5, ""), (30, 4, "so the window is closed."), (31, 2, "It closes in 29 s, and a batch of 2 takes about 31 s, as measured."),
    (61, 2, "so the window is closed.")])
def test_no_chunk_begins_that_could_not_end_in_the_window(hosts, seconds, done, why):
    """60 seconds are left at first."""
    hosts.seconds = seconds
    states, run = hosts.renew(window={"start": "21:00", "end": "22:01"}, capf_timeout=10)
    assert list(states.values()) == ["verified"] * done + [LEFT] * (5 - done)
    assert not any(row["failed"] for row in hosts.last.values())
    assert why in hosts.last["lin1x4"]["message"] and hosts.last["lin1x4"]["message"].startswith("Not armed: The maintenance window") == bool(why)
    assert run.lines[0].startswith("lin1: 2 of 5 done, 0 failed; ") and "window closes 22:01" in run.lines[0]


def test_services_are_looked_at_between_chunks(hosts, monkeypatch):
    found = iter([["CAPF is down."]])
    monkeypatch.setattr(clusters, "services", lambda _access, _cluster, _known: next(found))
    states, _run_ = hosts.renew()
    assert list(states.values()) == ["verified"] * 2 + ["failed"] * 3
    assert hosts.last["lin1x2"]["message"] == "Not armed: CAPF is down." and len(FakeArming.seen) == 1


def test_a_line_that_breaks_ends_the_work_on_its_host_and_nothing_stays_armed(hosts):
    hosts.lost = {"lin1x2"}
    states, _run_ = hosts.renew()
    assert list(states.values()) == ["verified"] * 2 + ["failed"] * 2 + [LEFT]
    assert [arming.disarmed for arming in FakeArming.seen] == [[], ["lin1x2", "lin1x3"]]
    assert hosts.last["lin1x4"]["message"] == "Not armed: The connection to this host broke: gone"


def test_what_was_not_used_is_disarmed_and_what_was_disproved_is_put_back(hosts):
    hosts.failing, hosts.disproved = {"lin1x0"}, {"lin1x1"}
    states, _run_ = hosts.renew()
    assert list(states.values()) == ["failed", "failed, former one restored"] + ["verified"] * 3
    assert FakeArming.seen[0].disarmed == ["lin1x0"]
    assert ("lin1", "restore", ["lin1x1"]) in hosts.calls


def test_failures_on_another_host_count(tmp_path, clock):
    both = Hosts(tmp_path, clock, count=4, hosts=("lin1", "lin2"))
    both.failing = {"lin1x0", "lin1x1"}
    assert list(both.renew("lin1", max_failures=2)[0].values()) == ["failed"] * 2 + ["verified"] * 2
    both.failing = {"lin2x0"}
    assert list(both.renew("lin2", max_failures=2)[0].values()) == ["failed", "verified", LEFT, LEFT]
    assert both.last["lin2x2"]["message"] == "Not armed: 3 instances failed, and at most 2 may fail, so no further batch begins."


@pytest.mark.parametrize("good", [True, False])
def test_a_host_waits_for_the_canary_batch_of_another_one(tmp_path, clock, good):
    both = Hosts(tmp_path, clock, count=2, hosts=("lin1", "lin2"))
    if not good:
        both.failing = {"lin1x0"}
    canary = {"main": "lin1"}
    gates = {host: both.gate(host, canary=canary) for host in both.hosts}
    found = {}
    other = threading.Event()

    def wait(seconds):
        clock.now += seconds
        other.set()
        thread.join(0.05)

    clusters.pause = wait  # monkeypatched by the fixture, and put back by it
    second = threading.Thread(target=lambda: found.update(lin2=both_renew("lin2")))

    def both_renew(host):
        return list(Renewing(both, host, gates[host]).states())

    thread = threading.Thread(target=lambda: (other.wait(10), found.update(lin1=both_renew("lin1"))))
    thread.start()
    second.start()
    second.join(30)
    thread.join(30)
    assert found["lin2"] == (["verified"] * 2 if good else [LEFT] * 2)
    assert both.enrolled()[0] == ["lin1x0"]


class Renewing:
    def __init__(self, hosts, host, gate):
        self.hosts, self.host, self.gate = hosts, host, gate

    def states(self):
        run = Played(self.hosts.folder, self.host, self.hosts.model, self.hosts.rows(self.host), self.gate)
        with_main_thread_only = upgrade.hosts.tidying
        upgrade.hosts.tidying = contextlib.nullcontext  # signals belong to the main thread
        try:
            return [row["state"] for row in upgrade.renew(run, self.hosts.execute(self.host))["rows"]]
        finally:
            upgrade.hosts.tidying = with_main_thread_only


def test_a_canary_batch_that_never_comes_lets_nobody_wait_for_ever(tmp_path, clock):
    both = Hosts(tmp_path, clock, count=2, hosts=("lin1", "lin2"))
    states, _run_ = both.renew("lin2", gate=both.gate("lin2", canary={"main": "lin1"}))
    assert set(states.values()) == {LEFT} and both.calls == []
    assert "The canary batch on host lin1 did not end" in both.last["lin2x0"]["message"]


def test_a_canary_host_that_cannot_begin_lets_the_others_go(tmp_path, clock):
    both = Hosts(tmp_path, clock, count=2, hosts=("lin1", "lin2"))
    canary = {"main": "lin1"}
    gate = both.gate("lin2", canary=canary)
    both.renew("lin1", gate=both.gate("lin1", canary=canary), window={"start": "20:00", "end": "21:00"})
    began = clock.now
    states, _run_ = both.renew("lin2", gate=gate)
    assert set(states.values()) == {LEFT} and clock.now == began
    assert "The canary batch did not start: The maintenance window" in both.last["lin2x0"]["message"]


def test_what_the_gate_stopped_is_left(hosts):
    states, _run_ = hosts.renew(gate=hosts.gate("lin1", stopped={"main": ["failures", "Enough."]}))
    assert set(states.values()) == {LEFT} and hosts.calls == [] and hosts.last["lin1x0"]["message"] == "Not armed: Enough."


def test_an_instance_that_cannot_be_proven_as_asked_for_is_not_begun(hosts):
    gate = hosts.gate("lin1")
    gate["plan"]["lin1"][0] = _verification.refused(gate["plan"]["lin1"][0], "There is no password.")
    states, _run_ = hosts.renew(gate=gate, verify_with="application")
    assert list(states.values()) == ["failed"] + ["verified"] * 4
    assert hosts.last["lin1x0"]["message"] == "Not armed: There is no password." and "lin1x0" not in sum(hosts.enrolled(), [])


def test_a_gate_that_broke_leaves_everything_as_it_was(hosts):
    states, _run_ = hosts.renew(gate={"failures": {"main": "The stage gate was stopped by a bug."}})
    assert set(states.values()) == {"failed"} and hosts.calls == []
    assert hosts.last["lin1x0"]["message"] == "Not armed: The stage gate was stopped by a bug."


def test_results_hold_no_secret(hosts):
    hosts.failing = {"lin1x0"}
    hosts.renew()
    text = repr(hosts.last) + open(hosts.folder / "secure_tsp.journal").read()
    assert not [secret for secret in ("1234567890", "User-Secret-2", "Cluster-Secret-1") if secret in text]
    assert set(key_of(row).cluster for row in hosts.last.values()) == {"main"}
