# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that a run ends with."""

from __future__ import annotations

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._outcome import failed, fresh
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._summary import summary

HOSTS = ("lin1", "lin2")


def instance(number=1, **more):
    return {"cluster": "main", "host": "lin1", "user": "rec", "user_type": "application", "instance_id": "rec%d" % number,
            "store": "/s/rec%d" % number, "probe_of": None, **more}


def verified(number=1, **more):
    return dict(fresh(instance(number)), action="enrolled", changed=True, certificate_expires="2031-11-24T21:05:11Z", state="verified",
                verified_by="application (1 device, 2 lines)", **more)


def broken(message="its own message"):
    return failed(fresh(instance()), message)


def told(instances, *rows, **more):
    return summary(instances, list(rows), **dict(dict(hosts=HOSTS), **more))


def test_a_verified_instance_in_the_table():
    made = told([instance()], verified())
    assert made["lines"] == [
        "HOST  USER  INSTANCE  ACTION    EXPIRES     STATE     VERIFIED BY",
        "lin1  rec   rec1      enrolled  2031-11-24  verified  application (1 device, 2 lines)",
        "1 instance on 1 host: 1 verified. 1 changed.",
    ]
    assert made["totals"] == {"verified": 1}
    (one,) = made["rows"]
    assert (one["state"], one["message"], one["changed"], one["failed"]) == ("verified", "", True, False)


@pytest.mark.parametrize(("rows", "failures", "state", "message"), [
    ([], {}, "not reached", "the run did not get to this instance"),
    ([], {"lin1": "no Python"}, "failed", "no Python"),
    ([verified()], {"lin1": "the start handler failed"}, "failed", "the start handler failed"),
    ([verified()], {"lin2": "the start handler failed"}, "verified", ""),
    ([broken()], {"lin1": "the host's"}, "failed", "its own message"),
    ([broken()], {}, "failed", "its own message"),
    ([fresh(instance())], {}, "seen", ""),
])
def test_instances_that_did_not_come_to_the_end(rows, failures, state, message):
    made = told([instance()], *rows, failures=failures)
    (one,) = made["rows"]
    assert (one["state"], one["message"], one["failed"]) == (state, message, state not in ("seen", "verified"))
    assert any("rec1 on lin1: %s" % message == line for line in made["lines"]) is bool(message)


def test_a_message_is_told_once_for_all_it_is_about():
    made = told([instance(), instance(2, host="lin2"), instance(3, host="elsewhere")])
    assert made["lines"][-2:] == [
        "rec1 on lin1, rec2 on lin2: the run did not get to this instance",
        "2 instances on 2 hosts: 2 not reached. 0 changed."]


def test_several_clusters_in_the_table():
    lines = told([instance(), instance(cluster="lab")], verified(), several=True)["lines"]
    assert [line.split()[0] for line in lines[:3]] == ["CLUSTER", "main", "lab"]
    assert lines[3] == "lab/rec1 on lin1: the run did not get to this instance"


def test_the_same_id_on_two_clusters_is_told_apart():
    other = dict(verified(), cluster="lab", state="failed", failed=True, message="refused")
    made = told([instance(), instance(cluster="lab")], other, verified(), several=True)
    assert [one["state"] for one in made["rows"]] == ["verified", "failed"]


def test_check_mode_in_the_table():
    would = dict(fresh(instance()), state="would enrol", changed=True)
    made = told([instance()], would, check_mode=True)
    assert made["lines"][1].split() == ["lin1", "rec", "rec1", "-", "-", "would", "enrol", "-"]
    assert made["lines"][-1] == "1 instance on 1 host: 1 would enrol. 1 would change."


def test_an_empty_fleet():
    assert told([])["lines"][-1] == "0 instances on 0 hosts: nothing listed. 0 changed."


def test_a_row_shows_what_people_need_and_nothing_else():
    (one,) = told([instance()], verified(store="/s", certificate_fingerprint="ab"))["rows"]
    assert set(one) == {"cluster", "host", "user", "instance_id", "action", "certificate_expires", "verified_by", "state", "message", "changed",
                        "failed", "remarks"}
