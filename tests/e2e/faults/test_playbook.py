# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site play on one host while much fails at once, and the next run, which finds all well.

A few representatives of the tables beside this file, to show that the stages pass on what happens and leave nothing
behind.
"""

from __future__ import annotations

import pytest

FIRST, SECOND = "recorder01x1", "recorder01x2"
SECURE = "Standard CTI Secure Connection"
PAIR = {"QBEClient.cer", "QBEClient.key.pem"}


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site(hosts=("recorder01",), instances=(
        {"host": "recorder01", "user": "recorder_tapi", "instance_id": FIRST},
        {"host": "recorder01", "user": "dialer", "instance_id": SECOND}))
    site.users = [user for user in site.users if user["name"] != "jdoe"]
    return site


def names(site, instance_id):
    """Names of the files of an instance."""
    return {path.partition(instance_id + "/")[2] for path in site.files() if "/%s/" % instance_id in path}


@pytest.fixture(scope="module")
def faulty(site):
    """A packet gets lost, a session ends, the web service is busy for a moment; then CAPF issues a certificate that never
    arrives for one instance, and CTI Manager breaks off in the middle of its answer to the login of the other."""
    rules = [
        site.sim.faults.add("tftp", "lost", block=5),
        site.sim.faults.add("axl", "expire", "executeSQLQuery"),
        site.sim.faults.add("axl", "http", "listApplicationUserCapfProfile", code=503),
        site.sim.faults.add("capf", "cut", "STORE_CERTIFICATE_REQUEST", octets=100),
        site.sim.faults.add("cti", "cut", "ProviderOpenCompletedEvent", octets=21),
    ]
    run = site.run(rc=2)
    assert [rule.applied for rule in rules] == [1] * len(rules)
    return run, {one: names(site, one) for one in (FIRST, SECOND)}, site.armed(), site.sim.cluster.snapshot()["users"], \
        site.lsc(SECOND)


@pytest.fixture(scope="module")
def well(site, faulty):
    return site.run()


def test_a_certificate_that_never_arrives(site, faulty):
    run, files, armed, users, _lsc = faulty
    assert run.states[FIRST] == "failed"
    remark = run.remarks[FIRST]
    assert "closed the connection in the middle of a message" in remark and "The key is kept" in remark
    assert "127.0.0.1:%d" % site.sim.capf_port in remark
    assert "pending/QBEClient.key.pem" in files[FIRST] and not PAIR & files[FIRST]
    assert armed == [] and SECURE not in users["application:recorder_tapi"]["groups"]


def test_a_login_whose_answer_breaks_off(site, faulty):
    run, files, _armed, users, _lsc = faulty
    remark = run.remarks[SECOND]
    assert "closed the connection in the middle of a message" in remark and "Cisco CTIManager" in remark
    assert "127.0.0.1:%d" % site.sim.cti_tls_port in remark
    assert PAIR <= files[SECOND] and not [name for name in files[SECOND] if name.startswith("pending")]
    assert SECURE in users["application:dialer"]["groups"] and site.profile(SECOND).duplicates == 0


def test_the_next_run_completes_with_what_is_there(site, faulty, well):
    assert well.states == {FIRST: "verified", SECOND: "verified"}
    assert site.statuses() == dict.fromkeys((FIRST, SECOND), ("No Pending Operation", "Upgrade Success"))
    assert site.lsc(SECOND) == faulty[-1]
    assert site.sim.cluster.counters["capf issued"] == 3
    assert not [name for name in names(site, FIRST) if name.startswith("pending")]
