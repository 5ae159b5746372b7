# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What whole runs of the playbooks take, beside Ansible's floor and plain Python, on one machine in one run."""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from benchmarks import counting, fleets
from controller import ROOT

ROUNDS = 3  # at most, of what is measured again
ENOUGH = 60  # seconds after which no further round begins
PATIENCE = 600  # seconds for one run


def shown(count):
    """What is kept of a Count. The clusters are one each."""
    return {"workers": count.workers, "modules": count.modules, "cpu": round(count.cpu, 2), "seconds": round(count.seconds, 1),
            "sessions": sum(count.sessions.values()), "logins": sum(count.logins.values()),
            "requests": sum(count.requests.values())}


def middle(rows):
    """The median of each figure."""
    return {key: round(statistics.median(row[key] for row in rows), 2) for key in rows[0]}


def rounds(*measures):
    """Lists of what the functions give, called in turn, for some rounds."""
    begin, found = time.monotonic(), [[] for _measure in measures]
    for _round in range(ROUNDS):
        for number, measure in enumerate(measures):
            found[number].append(measure())
        if time.monotonic() - begin > ENOUGH:
            break
    return found


def unchanged(count):
    changed = count.run.count("changed") + count.run.count("failures")
    if changed:
        raise RuntimeError("a run that had nothing to do did %d things" % changed)
    return shown(count)


def site_and_floor(folder, hosts, each):
    """A first run, runs with nothing to do and the floor play on the same fleet."""
    with fleets.fleet(folder, hosts, each) as site:
        first = shown(counting.counted(site, patience=PATIENCE))
        again, floor = rounds(
            lambda: unchanged(counting.counted(site, patience=PATIENCE)),
            lambda: shown(counting.counted(site, playbook=fleets.FLOOR)))
    return {"hosts": hosts, "each": each, "rounds": len(again), "first": first, "again": middle(again), "floor": middle(floor)}


def first_run(folder, hosts, each):
    with fleets.fleet(folder, hosts, each) as site:
        return shown(counting.counted(site, patience=PATIENCE))


def plain(folder, hosts, each, renew=False):
    """{cpu, seconds} of plain Python doing the same."""
    with fleets.fleet(folder, hosts, each) as site:
        if renew:
            site.provision(days=30)
        issued = site.sim.cluster.counters["capf issued"]
        figures = pathlib.Path(folder) / "plain.json"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYTHONPYCACHEPREFIX": str(ROOT / ".cache" / "pycache")}
        subprocess.run([sys.executable, counting.__file__, figures, *site.plain_job(renew)], check=True, env=environment)
        issued = site.sim.cluster.counters["capf issued"] - issued
        if issued != hosts * each:
            raise RuntimeError("plain Python fetched %d certificates of %d" % (issued, hosts * each))
    found = json.loads(figures.read_text())
    return {"cpu": round(found["cpu"], 2), "seconds": round(found["seconds"], 1)}


def further(folder, hosts, sizes, first=None):
    """Processor time for each further certificate of a first run and of plain Python.

    sizes: instances of each host, few and many. first: the run with few, where it was measured already.
    """
    few, many = sizes
    more = hosts * (many - few)
    ours = first or first_run(folder / "few", hosts, few), first_run(folder / "many", hosts, many)
    theirs = [middle(found) for found in rounds(
        lambda: plain(_new(folder), hosts, few), lambda: plain(_new(folder), hosts, many))]
    return {
        "hosts": hosts, "few": few, "many": many,
        "site": round((ours[1]["cpu"] - ours[0]["cpu"]) / more, 3),
        "plain": round((theirs[1]["cpu"] - theirs[0]["cpu"]) / more, 3),
        "plain_with_start": round(theirs[1]["cpu"] / (hosts * many), 3),
        "site_with_many": ours[1], "plain_with_many": theirs[1]}


def _new(folder):
    return next(folder / ("plain%d" % number) for number in range(1, 10000) if not (folder / ("plain%d" % number)).exists())


def listed(folder, hosts, near, far):
    """Processor time for each further host of a run with nothing to do, with few and with many instances listed.

    hosts: one instance each. far: instances listed on hosts that --limit keeps out.
    """
    found = {}
    for more in (0, far):
        with fleets.fleet(folder / str(more), hosts, near, more) as site:
            site.provision()
            limits = [",".join(site.near[:count]) for count in (1, hosts)]
            counting.counted(site, "--limit", limits[1], patience=PATIENCE)  # what the maker left to do
            one, all_ = (middle(rows) for rows in rounds(*(
                lambda limit=limit: unchanged(counting.counted(site, "--limit", limit, patience=PATIENCE)) for limit in limits)))
            found[len(site.instances)] = {
                "one": one, "all": all_, "cpu": round((all_["cpu"] - one["cpu"]) / (hosts - 1), 3)}
    few, many = sorted(found)
    return {"hosts": hosts, "few": few, "many": many, "cpu_few": found[few]["cpu"], "cpu_many": found[many]["cpu"],
            "ratio": round(found[many]["cpu"] / found[few]["cpu"], 2), "runs": {str(size): found[size] for size in found}}


def upgrade(folder, hosts, each):
    """Wall clock of new certificates for a whole fleet, and of plain Python fetching as many."""
    peer = plain(folder / "plain", hosts, each, renew=True)
    with fleets.fleet(folder / "fleet", hosts, each) as site:
        site.provision(days=30)
        before = site.sim.cluster.counters["capf issued"]
        try:
            ours = shown(counting.counted(site, playbook="upgrade_certificates", patience=PATIENCE))
        except subprocess.TimeoutExpired:
            ours = None
        issued = site.sim.cluster.counters["capf issued"] - before
    if ours is not None and issued != hosts * each:
        raise RuntimeError("the upgrade fetched %d certificates of %d" % (issued, hosts * each))
    return {"hosts": hosts, "each": each, "patience": PATIENCE, "upgrade": ours, "issued": issued, "plain": peer}
