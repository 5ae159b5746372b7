# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""200 instances get new certificates. The controller dies on the way, and the next run goes on. Prints what it took."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import time

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from controller import PATIENCE, descendants

COUNT, HOSTS, BATCH = 200, 8, 10
DIES_AFTER = 41  # certificates
LONG = 40 * PATIENCE
INVALID_CERTIFICATE_USED = 0x8CCC00D8


class Watch:
    """Looks at a playbook while it runs: how much memory it takes, and how many profiles are armed at a time."""

    def __init__(self, site, before=()):
        """before: instances that an earlier run left armed. Nobody knows their strings any more."""
        self.site = site
        self.before = set(before)
        self.armed = 0
        self.controller = self.everything = 0  # KiB
        self.seconds = self.cpu = 0.0

    def follow(self, playing, until=lambda: False):
        begin = time.monotonic()
        while playing.process.poll() is None and not until() and time.monotonic() - begin < LONG:
            self.armed = max(self.armed, len(set(self.site.armed()) - self.before))
            pid = playing.process.pid
            own = self._pss(pid)
            self.controller = max(self.controller, own)
            self.everything = max(self.everything, own + sum(self._pss(child) for child in descendants(pid)))
            self.cpu = max(self.cpu, self._cpu(pid))
            time.sleep(0.5)
        self.seconds = time.monotonic() - begin

    @staticmethod
    def _cpu(pid):
        """Seconds that a process and those of its children that ended have computed."""
        with contextlib.suppress(OSError):
            fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
            return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
        return 0.0

    @staticmethod
    def _pss(pid):
        """Memory of a process, with its part of what it shares with others, in KiB."""
        with contextlib.suppress(OSError):
            found = re.search(r"^Pss:\s+(\d+)", pathlib.Path("/proc/%d/smaps_rollup" % pid).read_text(), re.MULTILINE)
            return int(found.group(1)) if found else 0
        return 0


@pytest.fixture(scope="module")
def site(make_fleet):
    site = make_fleet(COUNT, HOSTS)
    site.settings["secure_tsp_batch_instances"] = BATCH
    site.controller.callbacks.append("voiceops.secure_tsp.fleet_progress")
    return site


def issued(site):
    return site.sim.cluster.counters["capf issued"]


@pytest.fixture(scope="module")
def died(site):
    """One certificate is not taken by CTI Manager; later the controller loses its power while profiles are armed."""
    site.sim.cluster.reset_counters()
    site.sim.faults.add("cti", "result", "ProviderOpenCompletedEvent", code=INVALID_CERTIFICATE_USED, after=15)
    watch = Watch(site)
    playing = site.start(playbook="upgrade_certificates")
    watch.follow(playing, until=lambda: issued(site) >= DIES_AFTER and site.armed())
    playing.kill()
    return playing.wait(), watch, issued(site), site.armed()


@pytest.fixture(scope="module")
def finished(site, died):
    site.sim.cluster.reset_counters()
    watch = Watch(site, before=died[3])
    playing = site.start(playbook="upgrade_certificates")
    watch.follow(playing)
    run = playing.wait(LONG)
    assert run.rc == 0, run.output[-20000:]
    return run, watch, issued(site), dict(site.sim.cluster.counters)


def test_the_run_that_died_had_armed_no_more_than_a_batch(died):
    run, watch, count, armed = died
    assert run.rc == -9 and COUNT > count >= DIES_AFTER
    assert 0 < len(armed) <= BATCH and watch.armed <= BATCH


def test_the_next_run_does_the_rest_and_no_more(site, died, finished):
    run, watch, count, _counters = finished
    assert watch.armed <= BATCH and site.armed() == []
    # What was enrolled by then, except one that was put back and those that were cut off on the way.
    assert COUNT - died[2] <= count <= COUNT - died[2] + BATCH + 1
    assert set(run.states.values()) <= {"verified", "up to date"} and len(run.states) == COUNT


def test_every_instance_has_a_new_certificate_for_its_own_key(site, finished):
    keys = set()
    for one in site.instances:
        store = site.store(one["instance_id"])
        key = (store / "QBEClient.key.pem").read_bytes()
        keys.add(key)
        assert _pki.matches_key(site.lsc(one["instance_id"]), _pki.key_from_pem(key))
        assert not [path for path in store.iterdir() if path.name in ("previous", "pending", "replacing")]
    assert len(keys) == COUNT


def batches(run):
    """Numbers of the batches that began and that ended, by the lines of the callback."""
    begun, found = {}, re.findall(r"^PROGRESS main: .*batch (\d+) of \d+ (begins|ended)", run.output, re.MULTILINE)
    for number, word in found:
        begun.setdefault(word, set()).add(int(number))
    return begun


def test_what_it_took(finished):
    run, watch, count, counters = finished
    told = batches(run)
    assert told["begins"] == told["ended"] == set(range(1, len(told["ended"]) + 1))
    print("\n%d instances on %d hosts, %d certificates in %d batches" % (COUNT, HOSTS, count, len(told["ended"])))
    print("time                      %.0f s, %.2f s for each certificate" % (watch.seconds, watch.seconds / count))
    print("computing                 %.0f s, on the controller and on the hosts, which are one machine here" % watch.cpu)
    print("memory of the controller  %d MiB itself, %d MiB with workers and modules" % (
        watch.controller // 1024, watch.everything // 1024))
    print("requests                  %s" % ", ".join(
        "%s %d" % (name, number) for name, number in sorted(counters.items())))
