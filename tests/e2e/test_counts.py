# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs of site and drift take is counted, not timed: it grows with the hosts and not with their instances."""

from __future__ import annotations

import pytest
from benchmarks import counting, fleets, limits

FLEETS = [(2, 2), (3, 3)]  # hosts, instances of each
RUNS = ("first", "again")


@pytest.fixture(scope="module", params=FLEETS, ids=lambda size: "%d hosts of %d" % size)
def fleet(request, tmp_path_factory):
    """(hosts, {run: its Count})."""
    hosts, each = request.param
    with fleets.fleet(tmp_path_factory.mktemp("counts") / "controller", hosts, each) as site:
        counts = {run: counting.counted(site) for run in RUNS}
        assert site.sim.cluster.counters["capf issued"] == hosts * each
        site.open_applications()
        counts["drift"] = counting.counted(site, playbook="drift")
    return hosts, counts


@pytest.mark.parametrize("run", RUNS)
def test_workers(fleet, run):
    hosts, counts = fleet
    assert counts[run].workers <= limits.workers(hosts), counts[run].kinds


@pytest.mark.parametrize("run", RUNS)
def test_module_processes(fleet, run):
    hosts, counts = fleet
    assert counts[run].modules <= limits.modules(hosts, run == "first"), counts[run].kinds


def test_drift_takes_one_module_for_each_host(fleet):
    hosts, counts = fleet
    assert counts["drift"].modules <= hosts and counts["drift"].workers <= limits.workers_of_drift(hosts), counts["drift"].kinds


def test_a_run_with_nothing_to_do_changes_nothing(fleet):
    _hosts, counts = fleet
    assert counts["again"].run.count("changed") == 0


def test_sessions_and_requests_with_nothing_to_do(fleet):
    _hosts, counts = fleet
    for cluster in counts["again"].sessions:
        assert counts["again"].sessions[cluster] <= limits.SESSIONS
        assert counts["again"].requests[cluster] <= limits.REQUESTS, counts["again"].operations[cluster]
