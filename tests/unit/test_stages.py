# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stages make of the answers of hosts and clusters, without Ansible, a host or a cluster."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.modules import tsp_cluster, tsp_host
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _options, _outcome, _run
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import complete, key_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters, fleet, host, hosts, table

CLUSTERS = {
    "main": {"hostname": "pub", "username": "axl", "password": "Cluster-Secret", "cti_managers": ["sub1", "sub2"]},
    "lab": {"hostname": "lab", "username": "axl", "password": "Lab-Secret"},
}
USERS = [{"name": "rec", "cluster": "main"}, {"name": "rec", "cluster": "lab"}, {"name": "idle", "cluster": "main"}]
INSTANCES = [
    {"host": "lin1", "user": "rec", "instance_id": "rec1", "cluster": "main"},
    {"host": "lin2", "user": "rec", "instance_id": "rec2", "cluster": "main"},
    {"host": "lin1", "user": "rec", "instance_id": "rec3", "cluster": "lab"},
    {"host": "win1", "user": "rec", "instance_id": "rec4", "cluster": "main"},
]
PLACE = "/etc/secure_tsp/main/"


def model(instances=None, **more):
    made, mistakes, _warnings = complete(CLUSTERS, USERS, INSTANCES if instances is None else instances, is_windows=lambda name: name.startswith("win"), **more)
    assert mistakes == []
    return made


class Played:
    """Stands for a Run: options with their defaults, and what hosts registered."""

    def __init__(self, options=None, registers=None, of_hosts=None):
        self.options = options or {}
        self.registers = registers or {}
        self.of_hosts = of_hosts or {}
        self.vars = {"ansible_play_hosts_all": list(self.of_hosts)}

    def option(self, name):
        return self.options.get(name, _options.default_of(_options.OPTIONS[name]))

    def register(self, name):
        return self.registers.get(name) or {}

    def of_host(self, name, register):
        return self.of_hosts.get(name, {}).get(register) or {}


# Names of stages


@pytest.mark.parametrize(("module", "stages"), [(tsp_cluster, table.ON_CLUSTERS), (tsp_host, table.ON_HOSTS)])
def test_a_module_documents_exactly_the_stages(module, stages):
    stage = yaml.safe_load(module.DOCUMENTATION)["options"]["stage"]
    inside = set(stage["choices"]) - set(stages)
    assert set(stages) <= set(stage["choices"])
    assert inside <= {name for name in vars(host.Host) if not name.startswith("_")}, "a choice that is no stage, neither here nor on a host"
    text = " ".join(stage["description"])
    assert {name for name in stage["choices"] if "V(%s)" % name not in text} == set()


# Ports


@pytest.mark.parametrize(("names", "ports"), [
    (["lin2"], ["CAPF main pub 3804", "CTI Manager main sub1 2749", "CTI Manager main sub2 2749"]),
    (["win1"], ["CTI Manager main sub1 2749", "CTI Manager main sub2 2749"]),
    (["lin1"], ["CAPF main pub 3804", "CTI Manager main sub1 2749", "CTI Manager main sub2 2749",
                "CAPF lab lab 3804", "CTI Manager lab lab 2749"]),
    (["lin1", "lin2"], ["CAPF main pub 3804", "CTI Manager main sub1 2749", "CTI Manager main sub2 2749",
                        "CAPF lab lab 3804", "CTI Manager lab lab 2749"]),
    ([], []),
])
def test_ports_each_once(names, ports):
    found = clusters.ports_of(model().instances(hosts=names))
    assert ["%(service)s %(cluster)s %(host)s %(port)s" % place for place in found] == ports


# What stands in the way of a host


def judged(name="lin2", missing=(), ahead=0, skews=None, closed=(), options=None, pip=True):
    instances = model().instances(hosts=[name])
    ports = [dict(place, problem="timeout" if place["host"] in closed else "") for place in clusters.ports_of(instances)]
    before = {"clusters": {cluster: {"skew": skew} for cluster, skew in dict({"main": 0, "lab": 0}, **(skews or {})).items()}}
    answer = {"missing": list(missing), "python": "/opt/python", "pip": pip, "ports": ports}
    return hosts.judged(Played(options), before, instances, answer, ahead)


def test_nothing_stands_in_the_way():
    assert judged() == ([], [], [])


@pytest.mark.parametrize(("asked", "problems", "warnings"), [
    ({"missing": ["OpenSSL", "tftpy"]}, ["/opt/python -m pip install pyOpenSSL tftpy"], []),
    ({"missing": ["tftpy"], "pip": False}, ["/opt/python has no pip, or its pip may not install packages"], []),
    ({"ahead": 59.9}, [], []),
    ({"ahead": -60}, [], ["60 seconds apart"]),
    ({"ahead": 299.9}, [], ["299 seconds apart"]),
    ({"ahead": 300}, ["300 seconds apart"], []),
    ({"ahead": 400, "skews": {"main": 395}}, [], []),
    ({"ahead": 200, "skews": {"main": -200}}, ["400 seconds apart"], []),
    ({"ahead": 30, "options": {"clock_warn": 10, "clock_refuse": 20}}, ["30 seconds apart"], []),
    ({"closed": ["pub"]}, ["CAPF at pub, TCP port 3804, is not reachable from this host"], []),
    ({"closed": ["sub1"]}, [], ["CTI Manager at sub1, TCP port 2749, is not reachable"]),
    ({"closed": ["sub1", "sub2"]}, ["CTI Manager at sub1", "CTI Manager at sub2"], []),
    ({"name": "lin1", "closed": ["sub1", "sub2"]}, ["CTI Manager at sub1", "CTI Manager at sub2"], []),
    ({"name": "lin1", "ahead": 300}, ["cluster lab are 300", "cluster main are 300"], []),
    ({"name": "elsewhere", "missing": ["tftpy"], "ahead": 300}, [], []),
])
def test_what_stands_in_the_way(asked, problems, warnings):
    found = judged(**asked)
    found = [sentence for _cluster, sentence in found[0] + found[1]], found[2]
    assert (len(found[0]), len(found[1])) == (len(problems), len(warnings))
    for text, words in zip(found[0] + found[1], problems + warnings):
        assert words in text


@pytest.mark.parametrize(("asked", "refused", "failed"), [
    ({"name": "lin1", "ahead": 300, "skews": {"lab": 300}}, False, {"main"}),
    ({"name": "lin1", "ahead": 300}, True, set()),
    ({"name": "lin1", "ahead": 300, "skews": {"lab": 300}, "missing": ["tftpy"]}, True, set()),
    ({"name": "lin1", "closed": ["sub1", "sub2"]}, False, {"main"}),
    ({"name": "lin2", "closed": ["sub1", "sub2"]}, True, set()),
])
def test_a_cluster_that_cannot_be_used_stops_its_own_instances(asked, refused, failed):
    instances = model().instances(hosts=[asked["name"]])
    problems = judged(**asked)[0]
    assert bool(hosts.refusal(problems, instances)) == refused
    if not refused:
        rows = hosts.hindered([_outcome.fresh(one) for one in instances], problems, [])
        assert {row["cluster"] for row in rows if row["failed"]} == failed
        assert all(row["message"] for row in rows if row["failed"])


def test_a_capf_out_of_reach_stops_those_that_need_a_certificate():
    problems, closed, _warnings = judged("lin2", closed=["pub"])
    rows = [dict(_outcome.fresh(one), needed=needed) for one in model().instances(hosts=["lin2"]) for needed in (True, False)]
    assert problems == [] and [row["failed"] for row in hosts.hindered(rows, problems, closed)] == [True, False]


# Rows of a look


GOOD = {"ctl": {"has_capf": True}}


@pytest.mark.parametrize(("trust", "message"), [
    (GOOD, ""),
    ({"ctl": {"has_capf": False}}, "The trust list of cluster main contains no CAPF server"),
    ({"failed": True, "msg": "no server has it"}, "no server has it"),
    ({"failed": True}, "without a message"),
    ({"failed": True, "msg": "signed by a stranger", "verdict": "stranger"}, "set its checksum as ctl_fingerprint of cluster main"),
    ({"failed": True, "msg": "tampered", "verdict": "bad_signature"}, "tampered"),
])
def test_trust_lists_that_do_not_allow_to_go_on(trust, message):
    found = hosts.trust_failure(trust, "main")
    assert message in found and bool(found) is bool(message)


def look(needed=False, reason="", trust=None, **more):
    return {"trust": trust or GOOD, "changed": False, "placed": 5.0, "proven": "2026-11-24T21:05:11Z", "info": {
        "needs_certificate": {"needed": needed, "reason": reason}, "explanation": "", "trust_list": {"exists": True},
        "certificate": {"not_after": "2031-01-01T00:00:00Z"}, "unconfirmed": False}, **more}


def rows_of(*found, instances=None):
    return hosts.rows_of_look(instances or model().instances(hosts=["lin1"]), {"rows": list(found)})


def test_a_look_gives_a_row_for_each_instance():
    rows = rows_of(look(), look(True, "missing"))
    assert [key_of(row) for row in rows] == [("main", "rec1"), ("lab", "rec3")]
    assert [(row["needed"], row["certificate_valid"], row["placed"]) for row in rows] == [(False, True, 5.0), (True, False, 5.0)]
    assert [row["proven"] for row in rows] == ["2026-11-24T21:05:11Z"] * 2
    assert not any(row["failed"] for row in rows)


def test_a_look_that_failed_is_the_row_of_one():
    rows = rows_of({"failed": True, "msg": "not readable"}, look())
    assert [(row["failed"], row["message"]) for row in rows] == [(True, "not readable"), (False, "")]


def test_what_was_put_right_is_in_the_row():
    (row, _other) = rows_of(look(True, "interrupted", mended={"changed": True, "action": "resumed", "needs_certificate": {
        "needed": False, "reason": ""}}), look())
    assert (row["changed"], row["needed"], row["action"]) == (True, False, "resumed")


def test_a_trust_list_that_failed_stops_the_instance_and_its_probe():
    listed = model([INSTANCES[0], INSTANCES[1]], probe=True).instances(hosts=["lin1"])
    rows = rows_of(look(trust={"failed": True, "msg": "no list"}), look(), instances=listed)
    assert [(row["failed"], row["message"]) for row in rows] == [(True, "no list"), (True, "the trust list of its instance failed")]


def test_a_look_without_trust_lists():
    """As the playbook verify has it, which fetches none."""
    found = look()
    del found["trust"]
    assert [row["failed"] for row in rows_of(found, look())] == [False, False]


# Keys on other hosts


def held(of_hosts, listed=None, **more):
    return fleet.held_elsewhere(Played(of_hosts={name: {_run.LOOKED: {"keys": keys}} for name, keys in of_hosts.items()}), model(listed, **more))


@pytest.mark.parametrize(("keys", "names"), [
    ({"lin1": [PLACE + "rec2/QBEClient.key.pem"]}, {("main", "rec2")}),
    ({"lin2": [PLACE + "rec2/QBEClient.key.pem"]}, set()),
    ({"lin1": [PLACE + "rec1/QBEClient.key.pem"], "lin2": []}, set()),
    ({"lin1": ["/etc/secure_tsp/unknown/QBEClient.key.pem"]}, set()),
    ({"lin1": None, "lin2": [PLACE + "rec1/QBEClient.key.pem"]}, {("main", "rec1")}),
    ({"win1": ["/elsewhere/rec2/QBEClient.key.pem"]}, {("main", "rec2")}),
    ({}, set()),
])
def test_a_key_on_another_host(keys, names):
    found = held(keys)
    assert set(found) == names
    assert all("Decommission it there, or set a new instance_id." in text for text in found.values())


def test_the_key_of_the_same_id_on_another_cluster_is_not_the_one():
    listed = [dict(INSTANCES[0]), dict(INSTANCES[2], instance_id="rec1", host="lin2")]
    assert held({"lin2": ["/etc/secure_tsp/lab/rec1/QBEClient.key.pem"]}, listed) == {}
    assert set(held({"lin2": [PLACE + "rec1/QBEClient.key.pem"]}, listed)) == {("main", "rec1")}


def test_a_key_below_a_store_with_the_host_in_it():
    listed = [dict(INSTANCES[1], store="/srv/{host}/{instance_id}")]
    assert set(held({"lin1": ["/srv/lin1/rec2/QBEClient.key.pem"]}, listed)) == {("main", "rec2")}
    assert held({"lin2": ["/srv/lin2/rec2/QBEClient.key.pem"]}, listed) == {}


def test_an_instance_of_others_is_held_here():
    """Two slices: the instance is listed for a host of the other one, and its key lies on a host of this one."""
    inventory = ["lin1", "lin2"]
    listed = [INSTANCES[0], dict(INSTANCES[1], host="far")]
    assert set(held({"lin1": [PLACE + "rec2/QBEClient.key.pem"]}, listed, inventory=inventory, group=inventory)) == {("main", "rec2")}


# Places that are searched for keys


def test_every_host_is_searched_below_the_stores_of_all_listed_instances():
    """Field report S13: a host that lost its last instance kept the key for good, with a store elsewhere."""
    listed = [dict(INSTANCES[0], store="/srv/tsp/{instance_id}"), dict(INSTANCES[1], store="/opt/{host}/x/{instance_id}"),
              dict(INSTANCES[2], host="far", store="/far/{instance_id}")]
    found = fleet.places_of(model(listed, inventory=["lin1", "lin2"], probe=True))
    assert found == ["/etc/secure_tsp", "/srv/tsp", "/opt/{host}/x", "/far"]


def test_the_usual_place_is_searched_once():
    assert fleet.places_of(model()) == ["/etc/secure_tsp", "/etc/secure_tsp/main", "/etc/secure_tsp/lab"]
    assert fleet.places_of(model([])) == ["/etc/secure_tsp"]


# The login


@pytest.mark.parametrize(("entry", "expected"), [
    ({"hostname": "a", "username": "u", "password": "p", "capf_host": "b", "ca_path": None, "validate_certs": "no", "port": "1"},
     {"hostname": "a", "username": "u", "password": "p", "validate_certs": False, "port": 1, "ca_path": None, "timeout": 60}),
    ({"hostname": "a", "username": "u", "password": "p", "serviceability_username": "s", "serviceability_password": "q"},
     {"serviceability_username": "s", "serviceability_password": "q", "validate_certs": True, "port": 8443}),
])
def test_only_the_login_is_taken_out_of_a_cluster(entry, expected):
    found = clusters.login_of(entry)
    assert set(found) == set(clusters.LOGIN)
    assert {key: found[key] for key in expected} == expected


def test_a_row_of_a_stage_is_the_row_of_the_model():
    """What stages fill in is what _outcome says that there is."""
    (row,) = rows_of(look(), instances=model().instances(hosts=["lin2"]))
    assert set(row) == set(_outcome.Outcome.__annotations__)


# Kind 6: what a person names to be cut is found, or refused before anything is touched


@pytest.mark.parametrize("given", [
    False, True, "", "yes", "false", ["rec"], ["REC", "idle"], ["198.51.100.30"], ["2001:DB8::1", "rec"], [], ()])
def test_A10_what_may_be_cut(given):
    assert fleet.cut_mistakes(Played({"cut_connections": given}), model()) == []


@pytest.mark.parametrize(("given", "words"), [
    (["rce"], "there is no user rce in the list; did you mean rec?"), (["rec", "lin1"], "no user lin1"), (["rec1x"], "no user rec1x"),
    ([198], "no user 198"), ("rec", "is neither true nor false nor a list; on the command line: -e '{\"secure_tsp_cut_connections\": [\"rec\"]}'"),
    ("rec,idle", "nor a list"), ({"rec": 1}, "nor a list"),
])
def test_A10_what_is_named_to_be_cut_and_is_nobody_is_refused(given, words):
    """It was passed over, or ended the run in the middle of the cutover."""
    (mistake,) = fleet.cut_mistakes(Played({"cut_connections": given}), model())
    assert mistake.startswith("secure_tsp_cut_connections") and words in mistake
