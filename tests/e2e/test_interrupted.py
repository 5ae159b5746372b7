# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that fail or die between arming and enrolment, and the next run that finishes their work by itself."""

from __future__ import annotations

import itertools
import signal
import threading
import time

import pytest

FIRST, SECOND, DIALER = "recorder01x1", "recorder02x1", "recorder02x2"
ALL = (FIRST, SECOND, DIALER)
PATIENCE = 120  # seconds until a playbook got somewhere; only a broken one takes so long


class BeforeSessions:
    """Session ids of CAPF. Before the first one is given out, and once only, something happens to the cluster."""

    def __init__(self, happens):
        self._happens = happens
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def __next__(self):
        with self._lock:
            happens, self._happens = self._happens, None
            if happens:
                happens()
            return next(self._numbers)


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site(hosts=("recorder01", "recorder02"))
    site.instances = [one for one in site.instances if one["host"] != "recorder03"]
    site.users = [user for user in site.users if user["name"] != "jdoe"]
    return site


@pytest.fixture(scope="module")
def cut(site):
    """The connection to CAPF breaks, of each instance at another point: nothing is enrolled."""
    for message in ("AUTH_REQUEST", "KEY_GENERATE_REQUEST"):
        site.sim.faults.add(front="capf", kind="cut", operation=message, octets=3)
    site.sim.faults.add(front="capf", kind="cut", operation="AUTH_REQUEST", after=1)
    run = site.run(rc=2)
    site.sim.faults.clear()
    return run, site.statuses()


@pytest.fixture(scope="module")
def refused(site, cut):
    """While the run is between arming and enrolment, somebody changes one string, disarms one, and deletes one."""
    def meddle():
        site.sim.act("set_profile", instance_id=FIRST, string="somebody-elses")
        site.sim.act("set_profile", instance_id=SECOND, operation="No Pending Operation", string="", deadline=0)
        site.sim.act("remove_profile", instance_id=DIALER)

    site.sim.front("capf").sessions = BeforeSessions(meddle)
    run = site.run(rc=2)
    return run, site.armed()


@pytest.fixture(scope="module")
def killed(site, refused):
    """The controller loses its power while CAPF is about to answer. What it armed stays armed."""
    site.sim.faults.add(front="capf", kind="silence", operation="AUTH_REQUEST", times=None)
    playing = site.start()
    end = time.monotonic() + PATIENCE
    while len(site.armed()) < len(ALL) and time.monotonic() < end and playing.process.poll() is None:
        time.sleep(0.05)
    playing.kill()
    run = playing.wait()
    site.sim.faults.clear()
    return run, site.armed()


@pytest.fixture(scope="module")
def stopped(site, killed):
    """Somebody presses Ctrl-C while CAPF is about to answer: what is armed then."""
    rule = site.sim.faults.add(front="capf", kind="silence", operation="AUTH_REQUEST", times=None)
    playing = site.start()
    end = time.monotonic() + PATIENCE
    while rule.applied < len(site.hosts) and time.monotonic() < end and playing.process.poll() is None:
        time.sleep(0.05)
    assert playing.process.poll() is None and len(site.armed()) == len(ALL), "it was to be interrupted while CAPF is silent"
    playing.process.send_signal(signal.SIGINT)
    run = playing.wait()
    end = time.monotonic() + 20
    while site.armed() and time.monotonic() < end:
        time.sleep(0.1)
    site.sim.faults.clear()
    return run, site.armed()


@pytest.fixture(scope="module")
def finished(site, stopped):
    return site.run()


def test_when_every_host_fails_after_arming_nothing_stays_armed(site, cut):
    run, statuses = cut
    assert {instance_id: operation for instance_id, (operation, _status) in statuses.items()} == dict.fromkeys(
        ALL, "No Pending Operation")
    assert run.states == dict.fromkeys(ALL, "failed")
    assert run.count("unreachable") == 0 and all(host["failures"] for host in run.hosts.values())
    assert site.sim.cluster.counters["capf connection"] >= len(ALL)


def test_each_failure_is_one_sentence_with_the_server(site, cut):
    run, _armed = cut
    assert set(run.remarks) == set(ALL)
    for message in run.remarks.values():
        assert "127.0.0.1:%d" % site.sim.capf_port in message


def test_reasons_of_capf_are_told_apart_and_the_profile_names_the_cause(site, refused):
    run, armed = refused
    assert armed == []
    remarks = run.remarks
    assert "refused (7)" in remarks[FIRST] and "The cause: the authorization string is wrong" in remarks[FIRST]
    assert "refused (7)" in remarks[SECOND] and "The cause: nothing is armed" in remarks[SECOND]
    assert "(9)" in remarks[DIALER] and "(7)" not in remarks[DIALER]


def test_a_run_that_dies_leaves_profiles_armed(killed):
    run, armed = killed
    assert run.rc == -9 and armed == sorted(ALL)


def test_a_run_that_is_stopped_by_hand_disarms_what_it_armed(stopped):
    run, armed = stopped
    assert run.rc not in (0, 2, -9) and armed == [] and "User interrupted execution" in run.output


def test_the_next_run_finishes_it_with_no_manual_step(site, finished):
    assert finished.states == dict.fromkeys(ALL, "verified")
    assert site.armed() == []
    assert site.statuses() == dict.fromkeys(ALL, ("No Pending Operation", "Upgrade Success"))
    assert not [path for path in site.files() if "pending" in path]
