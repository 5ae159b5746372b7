# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops a run before it changes anything: one sentence that names the place, the operation and the cure."""

from __future__ import annotations

import contextlib
import re

import collection_path
import pytest
from simulator import Simulator

CAPF = "Cisco Certificate Authority Proxy Function"
ANOTHER_CERTIFICATE = collection_path.ROOT / "tests/vectors/ctl/certs/old.pem"


@pytest.fixture(scope="module")
def shared(make_site):
    return make_site(fronts=["axl"])


@pytest.fixture
def site(shared):
    """A site whose cluster answers as it should, and on which nothing may change."""
    entry, users, instances, before = dict(shared.cluster), shared.users, shared.instances, shared.everything()
    yield shared
    shared.cluster, shared.users, shared.instances = entry, users, instances
    shared.sim.faults.clear()
    assert shared.everything() == before


def refusal(site, *words):
    """The one message that a run of the site play fails with."""
    failed = site.run(*words, rc=2).results(status="failed", is_item=False)
    assert len(failed) == 1
    return failed[0]["msg"]


# What the web service of a cluster answers, and what the message has to say.
ANSWERS = {
    "unauthorized": (dict(kind="http", code=401), "the server refused the login (HTTP 401)", "requires the roles"),
    "forbidden": (dict(kind="http", code=403), "the user may not use this service (HTTP 403)", "The user is axladmin"),
    "absent": (dict(kind="http", code=404), "the service was not found (HTTP 404)", "Cisco AXL Web Service is activated"),
    "busy": (dict(kind="http", code=503), "the server is overloaded or throttles changes (HTTP 503)", "Run it again when"),
    "other": (dict(kind="http", code=599), "does not support this AXL schema version (HTTP 599)", "This collection supports 11.5"),
    "page": (dict(kind="http", code=500), "the server sent an HTML page instead of a SOAP response (HTTP 500)", "that AXL is activated"),
    "garbage": (dict(kind="garbage", body="hello"), "the server sent unreadable data instead of a SOAP response", "that AXL is activated"),
    "database": (dict(kind="fault", code=5000, message="The database is down"), "The database is down (code 5000)", ""),
}
# What is wrong in the entry of a cluster.
ENTRIES = {
    "password": ({"password": "Wr0ng-Secret"}, "the server refused the login (HTTP 401)", "so that the account is not locked"),
    "trust": ({"ca_path": str(ANOTHER_CERTIFICATE)}, "the server's certificate is not trusted", "Set ca_path to a file with the certificate"),
    "port": ({"port": 1}, "the connection was refused (getCCMVersion at 127.0.0.1:1)", "Cisco Tomcat runs"),
    "name": ({"hostname": "cucm.invalid"}, "the host name cannot be resolved (getCCMVersion at cucm.invalid:", "name servers"),
}


@pytest.fixture(scope="module")
def told(make_site):
    """{cluster: (its port, what a run says of it)}: one run with a cluster for each thing that can be wrong."""
    with contextlib.ExitStack() as stack:
        sims = {name: stack.enter_context(Simulator(fronts=["axl"])) for name in (*ANSWERS, *ENTRIES)}
        for name, (rule, _what, _cure) in ANSWERS.items():
            sims[name].faults.add(front="axl", times=None, **rule)
        clusters = {name: {**sim.cluster_entry(), **ENTRIES.get(name, [{}])[0]} for name, sim in sims.items()}
        site = make_site(
            hosts=["recorder01"], fronts=["axl"], users=[{"name": "tapi", "password": "Tapi-Secret-0001", "cluster": name} for name in sims],
            instances=[{"host": "recorder01", "user": "tapi", "instance_id": name, "cluster": name} for name in sims])
        site.settings["secure_tsp_clusters"] = clusters
        before = {name: sim.cluster.state_hash() for name, sim in sims.items()}
        message = refusal(site)
        assert {name: sim.cluster.state_hash() for name, sim in sims.items()} == before
        parts = re.split(r"Cluster (\w+): nothing was changed\. ", message)
        assert parts[0] == ""
        yield {name: (sims[name].axl_port, text) for name, text in zip(parts[1::2], parts[2::2])}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_the_web_service_answers(told, name):
    port, message = told[name]
    _rule, what, cure = ANSWERS[name]
    assert what in message and "(getCCMVersion at 127.0.0.1:%d)" % port in message and cure in message


@pytest.mark.parametrize("name", ENTRIES)
def test_how_the_cluster_is_reached(told, name):
    _entry, what, cure = ENTRIES[name]
    assert what in told[name][1] and cure in told[name][1]


def test_a_cluster_without_mixed_mode(site):
    site.sim.cluster.set_parameter("ClusterSecurityMode", "0")
    message = refusal(site)
    site.sim.cluster.set_parameter("ClusterSecurityMode", "1")
    assert "nothing was changed" in message and "utils ctl set-cluster mixed-mode" in message


def test_a_cluster_without_capf(site):
    site.sim.act("set_service", name=CAPF, activated=False)
    message = refusal(site)
    site.sim.act("set_service", name=CAPF, activated=True)
    assert "%s is not activated on the publisher" % CAPF in message and "Service Activation" in message


def test_all_mistakes_of_the_lists_come_at_once(site):
    site.users = [*site.users, {"name": "unused", "typ": "end"}]
    site.instances = [
        *site.instances, {"host": "recorder01", "user": "dialer", "instance_id": "recorder01x9", "tsp_number": 3},
        {"host": "recorder01", "user": "nobody", "instance_id": "recorder01x1"},
        {"host": "recorder01", "user": "dialer", "instance_id": "with-hyphen"},
    ]
    message = refusal(site)
    for part in ("user unused: there is no key typ", "recorder01x9: tsp_number is for Windows hosts", "recorder01x1 is listed 2 times",
                 "nobody", "with-hyphen", "Nothing was changed."):
        assert part in message


def test_names_that_only_the_cluster_knows(site):
    site.users = [*site.users, {"name": "ghost", "type": "end"}]
    assert "end user ghost does not exist" in refusal(site)


def test_outside_the_maintenance_window(site):
    site.settings["secure_tsp_window"] = {"start": "2020-01-01 22:00", "end": "2020-01-02 04:00"}
    message = refusal(site)
    site.settings.clear()
    assert "ignore_window" in message and "Nothing was changed." in message
