# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a fleet: --limit, two plays at a time, serial. Each touches only its own instances."""

from __future__ import annotations

import re

import pytest

SECURE = "Standard CTI Secure Connection"
SRTP = "Standard CTI Allow Reception of SRTP Key Material"
WAITING = "enrolled, waiting for cutover"
DONE = ("No Pending Operation", "Upgrade Success")
BY_HOST = {
    "recorder01": {"recorder01x1"},
    "recorder02": {"recorder02x1", "recorder02x2"},
    "recorder03": {"recorder03x1", "recorder03x2"},
}
ALL = set().union(*BY_HOST.values())


@pytest.fixture(scope="module")
def site(make_site):
    return make_site()


@pytest.fixture(scope="module")
def limited(site):
    return site.run("--limit", "recorder01"), site.statuses(), site.files(), site.sim.cluster.snapshot()


@pytest.fixture(scope="module")
def halves(site, limited):
    """Two controllers at a time, one with recorder02 and one with recorder03."""
    playing = [site.start("--limit", host) for host in ("recorder02", "recorder03")]
    return [one.wait() for one in playing], site.sim.cluster.snapshot()


@pytest.fixture(scope="module")
def whole(site, halves):
    return site.run()


def test_a_limited_run_touches_only_its_own_instances(limited):
    run, statuses, files, snapshot = limited
    assert run.states == {"recorder01x1": WAITING}
    assert statuses == {"recorder01x1": DONE}
    assert files and all(path.partition("/")[0] == "recorder01" for path in files)
    assert "application:dialer" not in snapshot["users"]


def test_a_user_on_three_hosts_waits_until_all_hold_certificates(limited):
    run, _statuses, _files, snapshot = limited
    groups = snapshot["users"]["application:recorder_tapi"]["groups"]
    assert SECURE not in groups and SRTP not in groups
    assert run.rows["recorder01x1"]["VERIFIED BY"] == "offline"
    assert snapshot["providers"] == []


def test_two_plays_with_disjoint_halves(site, limited, halves):
    runs, snapshot = halves
    assert [run.rc for run in runs] == [0, 0], "\n".join(run.output for run in runs)
    assert [set(run.states) for run in runs] == [BY_HOST["recorder02"], BY_HOST["recorder03"]]
    assert site.statuses() == dict.fromkeys(ALL, DONE)
    before = limited[2]
    assert {path: facts for path, facts in site.files().items() if path.startswith("recorder01")} == before
    # Users of one half alone need not wait for anybody.
    for user in ("application:dialer", "end:jdoe"):
        assert SECURE in snapshot["users"][user]["groups"]
    assert runs[0].states["recorder02x2"] == runs[1].states["recorder03x2"] == "verified"


def test_the_whole_play_cuts_over_who_became_due(site, halves, whole):
    # Each was proven online when it became due: now, or already by the half that ended last.
    assert set(whole.states) == ALL and set(whole.states.values()) <= {"verified", "ok"}
    assert whole.states["recorder01x1"] == "verified"
    assert {p.instance_id for p in site.sim.cluster.providers() if p.tls and p.reason == 0} == ALL
    assert {SECURE, SRTP} <= set(site.groups("application:recorder_tapi"))
    assert not {"enrolled", "renewed", "resumed"} & {row["ACTION"] for row in whole.rows.values()}


@pytest.fixture(scope="module")
def by_host(make_site):
    """Batches of two hosts and of two instances, on an empty fleet."""
    site = make_site()
    site.settings["secure_tsp_batch_instances"] = 2
    return site, site.run("-e", "secure_tsp_serial=2")


def test_serial_enrols_host_by_host_and_cuts_over_at_the_end(by_host):
    site, run = by_host
    assert run.states == dict.fromkeys(ALL, "verified")
    assert site.statuses() == dict.fromkeys(ALL, DONE)
    plays = [event["name"] for event in run.events if event["event"] == "play"]
    assert plays == ["Provision secure TSP instances"] * 2 + ["Cut over users that waited for the last batch", "Print the summary"]
    # The instances of a user on all three hosts were only verified offline in their own batch.
    opened = [provider.instance_id for provider in site.sim.cluster.providers() if provider.tls]
    assert sorted(opened) == sorted(ALL) and opened[0] == "recorder02x2"


def test_serial_begins_a_batch_when_the_one_before_has_ended(by_host):
    site, _run = by_host
    placed = {name: (site.store(name) / "QBEClient.cer").stat().st_mtime for name in ALL}
    last = {"recorder03x1", "recorder03x2"}
    assert max(placed[name] for name in ALL - last) < min(placed[name] for name in last)


def test_no_more_instances_of_a_host_are_armed_at_a_time_than_the_option_says(make_site):
    site = make_site(hosts=["recorder02"])
    site.instances = [one for one in site.instances if one["host"] == "recorder02"]
    site.settings["secure_tsp_batch_instances"] = 1
    run = site.run()
    assert run.states["recorder02x2"] == "verified"
    placed = {name: (site.store(name) / "QBEClient.cer").stat().st_mtime_ns for name in ("recorder02x1", "recorder02x2")}
    armed = [event for event in site.sim.cluster.counters if event == "addApplicationUserCapfProfile"]
    assert armed and placed["recorder02x1"] < placed["recorder02x2"]
    assert re.search(r"^recorder02: 1 of 2", run.output, re.M), run.output


def test_hosts_of_another_inventory_are_left_to_others(make_site):
    """Job slices: two inventories with their own hosts only, at once and one after the other."""
    site = make_site()
    before = site.hosts
    playing = []
    for hosts in (before[:2], before[2:]):
        site.hosts = hosts
        playing.append(site.start())
    runs = [one.wait() for one in playing]
    assert [run.rc for run in runs] == [0, 0], "\n".join(run.output for run in runs)
    assert [set(run.states) for run in runs] == [BY_HOST["recorder01"] | BY_HOST["recorder02"], BY_HOST["recorder03"]]
    assert "host recorder03 is not in this inventory, so it is skipped, with 2 instances" in runs[0].text
    assert site.statuses() == dict.fromkeys(ALL, DONE)
    for hosts in (before[:2], before[2:]):
        site.hosts = hosts
        site.run()
    assert {SECURE, SRTP} <= set(site.groups("application:recorder_tapi"))
