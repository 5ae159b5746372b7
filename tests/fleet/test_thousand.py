# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large fleet provisioned for real, left alone and looked at for drift, beside the floor play of the same fleet.

FLEET_HOSTS and FLEET_EACH scale it. Writes .cache/fleet.json, which `make bench` shows.
"""

from __future__ import annotations

import json
import os
import time

import pytest
from benchmarks import counting, fleets, limits, runs
from controller import ROOT

HOSTS, EACH = int(os.environ.get("FLEET_HOSTS") or 100), int(os.environ.get("FLEET_EACH") or 10)
PATIENCE = int(os.environ.get("FLEET_PATIENCE") or 4 * 3600)  # seconds for each run
FIGURES = ROOT / ".cache" / "fleet.json"


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """{run: what it took}. Every key is made, every certificate comes from CAPF, every provider is opened."""
    found = {"when": time.strftime("%Y-%m-%d"), "machine": counting.machine(), "hosts": HOSTS, "each": EACH}
    with fleets.fleet(tmp_path_factory.mktemp("thousand") / "controller", HOSTS, EACH) as site:
        def take(name, rc=0, **more):
            print("\n%d hosts of %d: %s" % (HOSTS, EACH, name), end=" ", flush=True)
            count = counting.counted(site, rc=rc, patience=PATIENCE, **more)
            found[name] = runs.shown(count)
            FIGURES.parent.mkdir(exist_ok=True)
            FIGURES.write_text(json.dumps(found, indent=1) + "\n")  # what there is, if a later one fails
            print("%(workers)d workers, %(modules)d modules, %(cpu).0f CPU s, %(seconds).0f s, %(requests)d requests" % found[name])
            return count

        take("first")
        assert site.sim.cluster.counters["capf issued"] == HOSTS * EACH and site.armed() == []
        runs.unchanged(take("again"))
        assert site.sim.cluster.counters["capf issued"] == HOSTS * EACH
        take("floor", playbook=fleets.FLOOR)
        site.open_applications()
        take("drift", playbook="drift")
        keys = {(site.store(one["instance_id"]) / "QBEClient.key.pem").read_bytes() for one in site.instances}
        assert len(keys) == HOSTS * EACH
    return found


@pytest.mark.parametrize("run, limit", [("first", limits.FIRST), ("again", limits.AGAIN), ("drift", limits.DRIFT)])
def test_processor_time_to_the_floor_play(figures, run, limit):
    ratio = figures[run]["cpu"] / figures["floor"]["cpu"]
    print("\n%s: %.2f times the floor play, at most %s" % (run, ratio, limit))
    assert ratio <= limit


@pytest.mark.parametrize("run", ["first", "again"])
def test_processes_do_not_grow_with_instances(figures, run):
    assert figures[run]["workers"] <= limits.workers(HOSTS)
    assert figures[run]["modules"] <= limits.modules(HOSTS, run == "first")


def test_requests_do_not_grow_with_the_fleet(figures):
    assert figures["again"]["sessions"] <= limits.SESSIONS and figures["again"]["requests"] <= limits.REQUESTS
