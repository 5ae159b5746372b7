# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops a run before it changes anything: one sentence that names the place, the operation and the cure."""

from __future__ import annotations

import collection_path
import pytest

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


@pytest.mark.parametrize("rule, what, cure", [
    (dict(kind="http", code=401), "the server refused the login (HTTP 401)", "requires the roles"),
    (dict(kind="http", code=403), "the user may not use this service (HTTP 403)", "The user is axladmin"),
    (dict(kind="http", code=404), "the service was not found (HTTP 404)", "Cisco AXL Web Service is activated"),
    (dict(kind="http", code=503), "the server is overloaded or throttles changes (HTTP 503)", "Run it again when"),
    (dict(kind="http", code=599), "does not support this AXL schema version (HTTP 599)", "This collection supports 11.5"),
    (dict(kind="http", code=500), "the server sent an HTML page instead of a SOAP response (HTTP 500)", "that AXL is activated"),
    (dict(kind="garbage", body="hello"), "the server sent unreadable data instead of a SOAP response", "that AXL is activated"),
    (dict(kind="fault", code=5000, message="The database is down"), "The database is down (code 5000)", ""),
])
def test_what_the_web_service_answers(site, rule, what, cure):
    site.sim.faults.add(front="axl", times=None, **rule)
    message = refusal(site)
    assert what in message and "(getCCMVersion at 127.0.0.1:%d)" % site.sim.axl_port in message and cure in message


@pytest.mark.parametrize("entry, what, cure", [
    ({"password": "Wr0ng-Secret"}, "the server refused the login (HTTP 401)", "so that the account is not locked"),
    ({"ca_path": str(ANOTHER_CERTIFICATE)}, "the server's certificate is not trusted", "Set ca_path to a file with the certificate"),
    ({"port": 1}, "the connection was refused (getCCMVersion at 127.0.0.1:1)", "Cisco Tomcat runs"),
    ({"hostname": "cucm.invalid"}, "the host name cannot be resolved (getCCMVersion at cucm.invalid:", "name servers"),
])
def test_how_the_cluster_is_reached(site, entry, what, cure):
    site.cluster = {**site.cluster, **entry}
    message = refusal(site)
    assert what in message and cure in message


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
