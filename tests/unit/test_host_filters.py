# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run asks of hosts, clusters and the clock before it begins."""

from __future__ import annotations

import datetime

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.voiceops.secure_tsp.plugins.filter.cluster_login import cluster_login
from ansible_collections.voiceops.secure_tsp.plugins.filter.fleet import fleet
from ansible_collections.voiceops.secure_tsp.plugins.filter.host_findings import host_findings
from ansible_collections.voiceops.secure_tsp.plugins.filter.host_ports import host_ports
from ansible_collections.voiceops.secure_tsp.plugins.filter.maintenance_window import maintenance_window
from ansible_collections.voiceops.secure_tsp.plugins.filter.users_of_hosts import users_of_hosts
from ansible_collections.voiceops.secure_tsp.plugins.filter.with_probes import with_probes

CLUSTERS = {"main": {"hostname": "pub", "cti_managers": ["sub1", "sub2"]}, "lab": {"hostname": "lab"}}
USERS = [{"name": "rec", "cluster": "main"}, {"name": "rec", "cluster": "lab"}, {"name": "idle", "cluster": "main"}]
INSTANCES = [
    {"host": "lin1", "user": "rec", "instance_id": "rec1", "cluster": "main"},
    {"host": "lin2", "user": "rec", "instance_id": "rec2", "cluster": "main"},
    {"host": "lin1", "user": "rec", "instance_id": "rec3", "cluster": "lab"},
    {"host": "win1", "user": "rec", "instance_id": "rec4", "cluster": "main"},
]
FLEET = fleet(USERS, instances=INSTANCES, clusters=CLUSTERS, hostvars={"win1": {"ansible_connection": "psrp"}})


def of_host(host):
    return [instance for instance in FLEET["instances"] if instance["host"] == host]


# host_ports


@pytest.mark.parametrize("hosts, ports", [
    (["lin2"], ["CAPF main pub 3804", "CTI Manager main sub1 2749", "CTI Manager main sub2 2749"]),
    (["win1"], ["CTI Manager main sub1 2749", "CTI Manager main sub2 2749"]),
    (["lin1"], ["CAPF main pub 3804", "CTI Manager main sub1 2749", "CTI Manager main sub2 2749",
                "CAPF lab lab 3804", "CTI Manager lab lab 2749"]),
    (["lin1", "lin2"], ["CAPF main pub 3804", "CTI Manager main sub1 2749", "CTI Manager main sub2 2749",
                        "CAPF lab lab 3804", "CTI Manager lab lab 2749"]),
    ([], []),
])
def test_ports_each_once(hosts, ports):
    instances = [instance for instance in FLEET["instances"] if instance["host"] in hosts]
    assert ["%(service)s %(cluster)s %(host)s %(port)s" % place for place in host_ports(instances)] == ports


# host_findings


def findings(host="lin2", missing=(), ahead=0, skews=None, closed=(), keys=None):
    instances = of_host(host)
    ports = [
        dict({"item": place}, **{"msg": "timeout"} if place["host"] in closed else {"state": "started"})
        for place in host_ports(instances)
    ]
    return host_findings(
        instances, {"missing": list(missing), "ahead": ahead}, {"OpenSSL": "pyOpenSSL", "tftpy": "tftpy"},
        "/opt/python", {"main": 0, "lab": 0} if skews is None else skews, ports=ports, keys=keys)


def test_nothing_stands_in_the_way():
    assert findings() == {"problems": [], "warnings": []}


@pytest.mark.parametrize("asked, problems, warnings", [
    ({"missing": ["OpenSSL", "tftpy"]}, ["/opt/python -m pip install pyOpenSSL tftpy"], []),
    ({"ahead": 59.9}, [], []),
    ({"ahead": -60}, [], ["60 seconds apart"]),
    ({"ahead": 299.9}, [], ["299 seconds apart"]),
    ({"ahead": 300}, ["300 seconds apart"], []),
    ({"ahead": 400, "skews": {"main": 395}}, [], []),
    ({"ahead": 200, "skews": {"main": -200}}, ["400 seconds apart"], []),
    ({"closed": ["pub"]}, ["CAPF at pub, TCP port 3804, is not reachable from this host"], []),
    ({"closed": ["sub1"]}, [], ["CTI Manager at sub1, TCP port 2749, is not reachable"]),
    ({"closed": ["sub1", "sub2"]}, ["CTI Manager at sub1", "CTI Manager at sub2"], []),
    ({"host": "lin1", "closed": ["sub1", "sub2"]}, ["CTI Manager at sub1", "CTI Manager at sub2"], []),
    ({"keys": {"lin1": ["/etc/secure_tsp/rec2/QBEClient.key.pem"]}}, ["host lin1 still holds its key"], []),
    ({"keys": {"lin2": ["/etc/secure_tsp/rec2/QBEClient.key.pem"]}}, [], []),
    ({"keys": {"lin1": ["/etc/secure_tsp/rec1/QBEClient.key.pem", "/etc/secure_tsp/rec2/QBEClient.pem"]}}, [], []),
])
def test_what_stands_in_the_way(asked, problems, warnings):
    found = findings(**asked)
    assert len(found["problems"]) == len(problems) and len(found["warnings"]) == len(warnings)
    for text, words in zip(found["problems"] + found["warnings"], problems + warnings):
        assert words in text


# users_of_hosts


@pytest.mark.parametrize("hosts, cluster, names", [
    (["lin1"], "main", ["rec", "idle"]), (["lin1"], "lab", ["rec"]), (["lin2"], "lab", []), ([], "main", ["idle"]),
    (["nowhere"], "main", ["idle"]), (["lin2"], "mars", []),
])
def test_users_of_some_hosts(hosts, cluster, names):
    assert users_of_hosts(FLEET, hosts, cluster) == names


# cluster_login


@pytest.mark.parametrize("entry, serviceability, options", [
    ({"hostname": "a", "capf_host": "b", "ca_path": None, "validate_certs": False}, False,
     {"hostname": "a", "validate_certs": False}),
    ({"hostname": "a", "serviceability_username": "u"}, False, {"hostname": "a"}),
    ({"hostname": "a", "serviceability_username": "u"}, True, {"hostname": "a", "serviceability_username": "u"}),
])
def test_only_the_login_is_taken_out_of_a_cluster(entry, serviceability, options):
    assert cluster_login(entry, serviceability=serviceability) == options


# with_probes


def test_probes_follow_the_instances():
    listed = [{"host": "h", "user": "u", "instance_id": 7, "store": "/s", "authorization_string": "1", "replace": True}]
    assert with_probes(listed, suffix="x") == listed + [
        {"host": "h", "user": "u", "store": "/s", "instance_id": "7x", "probe_of": "7"}]


@pytest.mark.parametrize("listed, options", [
    ([{"instance_id": "a"}], {"enabled": False}), ([{"instance_id": "a"}], {"enabled": "no"}),
    ([{"host": "h"}, "nonsense", {"instance_id": "ap", "probe_of": "a"}], {}),
])
def test_lists_that_get_no_probes(listed, options):
    assert with_probes(listed, **options) == listed


# maintenance_window


def judged(window, moment):
    now = datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.timezone.utc).timestamp()
    return maintenance_window(window, now)


DAY = {"start": "09:00", "end": "17:30"}
NIGHT = {"start": "22:00", "end": "04:00"}
BERLIN = dict(NIGHT, timezone="Europe/Berlin")
ONCE = {"start": "2026-03-28 23:00", "end": "2026-03-29 05:00", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize("window, moment, seconds_left", [
    (DAY, "2026-01-01T09:00:00", 30600), (DAY, "2026-01-01T17:29:59", 1), (DAY, "2026-01-01T17:30:00", None),
    (DAY, "2026-01-01T08:59:59", None),
    (NIGHT, "2026-01-01T22:00:00", 21600), (NIGHT, "2026-01-02T03:59:00", 60), (NIGHT, "2026-01-02T04:00:00", None),
    (NIGHT, "2026-01-01T21:59:59", None),
    (BERLIN, "2026-01-01T21:00:00", 21600), (BERLIN, "2026-07-01T20:00:00", 21600), (BERLIN, "2026-01-01T20:59:59", None),
    ({"start": "00:00", "end": "00:00"}, "2026-01-01T12:00:00", 43200),
    (ONCE, "2026-03-28T22:00:00", 18000), (ONCE, "2026-03-28T21:59:59", None), (ONCE, "2026-03-29T03:00:00", None),
])
def test_windows(window, moment, seconds_left):
    found = judged(window, moment)
    assert (found["open"], found["seconds_left"]) == (seconds_left is not None, seconds_left)
    assert ("so the window is open" if found["open"] else "so the window is closed") in found["text"]


@pytest.mark.parametrize("window", [{}, None])
def test_without_a_window_it_is_always_open(window):
    assert maintenance_window(window, 0) == {
        "open": True, "seconds_left": None, "starts": None, "ends": None, "timezone": "UTC",
        "text": "There is no maintenance window."}


def test_an_open_window_tells_where_it_starts_and_ends():
    found = judged(BERLIN, "2026-01-02T00:00:00")
    assert (found["starts"], found["ends"], found["timezone"]) == (1767301200, 1767322800, "Europe/Berlin")
    assert judged(BERLIN, "2026-01-01T20:59:59")["ends"] is None


@pytest.mark.parametrize("window, message", [
    ({"start": "22:00"}, "end is missing"), ({"start": "22:00", "end": "2026-01-01 04:00"}, "not both"),
    ({"start": "10 pm", "end": "4 am"}, "not both"), (dict(NIGHT, timezone="Mars/Olympus"), "no time zone Mars/Olympus"),
])
def test_windows_that_make_no_sense(window, message):
    with pytest.raises(AnsibleFilterError, match=message):
        maintenance_window(window, 0)
