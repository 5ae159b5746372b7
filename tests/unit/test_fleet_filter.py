# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.voiceops.secure_tsp.plugins.filter.fleet import fleet
from ansible_collections.voiceops.secure_tsp.plugins.filter.with_probes import with_probes
from ansible_collections.voiceops.secure_tsp.plugins.modules import fleet_accounts

MAIN = {"main": {"hostname": "cucm.example.com", "username": "axl", "password": "Cluster-Secret"}}
TWO = dict(MAIN, lab={"hostname": "lab.example.com", "username": "axl", "password": "Lab-Secret"})
USER = {"name": "rec", "password": "User-Secret"}
WINDOWS = {"win1": {"ansible_connection": "psrp"}, "lin1": {"ansible_connection": "ssh"}}


def instance(**more):
    return dict({"host": "lin1", "user": "rec", "instance_id": "rec1"}, **more)


def complete(users=(USER,), instances=(), clusters=None, **more):
    return fleet(list(users), instances=list(instances), clusters=MAIN if clusters is None else clusters, **more)


def only(result):
    (one,) = result["instances"]
    assert result["problems"] == []
    return one


def test_an_instance_with_three_keys_gets_all_defaults():
    assert only(complete(instances=[instance()])) == {
        "host": "lin1", "user": "rec", "user_type": "application", "instance_id": "rec1", "cluster": "main",
        "tsp_number": None, "enrolment": "collection", "windows": False, "key": {"type": "rsa", "size": 2048},
        "store": "/etc/secure_tsp/rec1", "probe_of": None,
        "capf": {"dialect": "cti", "version": 1, "name_template": "CTI-{instance_id}", "name": "CTI-rec1"},
        "client_address": None, "rearm": False, "force": False, "replace": False, "state": "present",
        "capf_host": "cucm.example.com", "capf_port": 3804, "tftp_servers": ["cucm.example.com"], "tftp_port": 69,
        "cti_managers": ["cucm.example.com"], "cti_port": 2749,
    }


def test_a_user_gets_its_defaults_and_hosts():
    result = complete(instances=[instance(), instance(instance_id="rec2", host="win1")])
    assert result["users"] == [{
        "name": "rec", "cluster": "main", "type": "application", "update_password": "on_create", "devices": None,
        "devices_mode": "append", "srtp": None, "cti_groups": [], "state": "present", "remove_user": False,
        "password_given": True, "hosts": ["lin1", "win1"],
    }]


def test_an_instance_names_its_user_as_the_list_of_users_does():
    result = complete(instances=[instance(user="REC")])
    assert only(result)["user"] == "rec" and only(result)["user_type"] == "application"
    assert result["users"][0]["hosts"] == ["lin1"] and result["accounts"]["main"]["instances"][0]["user"] == "rec"
    assert complete([USER, dict(USER, name="Rec")])["problems"] == ["user rec is listed 2 times: rec, Rec"]


def test_addresses_of_the_cluster_and_several_clusters():
    clusters = dict(TWO)
    clusters["lab"] = dict(
        TWO["lab"], capf_host="192.0.2.7", tftp_servers="192.0.2.8", cti_managers=["a", "b"], cti_port="1")
    result = complete([dict(USER, cluster="lab")], [instance(cluster="lab")], clusters)
    one = only(result)
    assert one["store"] == "/etc/secure_tsp/lab/rec1"
    assert (one["capf_host"], one["tftp_servers"], one["cti_managers"], one["cti_port"]) == (
        "192.0.2.7", ["192.0.2.8"], ["a", "b"], 1)
    assert result["accounts"]["main"] == {"users": [], "instances": []}


def test_the_same_names_on_two_clusters_are_different_things():
    users = [dict(USER, cluster="main"), dict(USER, cluster="lab", type="end")]
    instances = [instance(cluster="main"), instance(cluster="lab")]
    result = complete(users, instances, TWO)
    assert result["problems"] == []
    assert [one["user_type"] for one in result["instances"]] == ["application", "end"]


def test_a_store_of_ones_own():
    one = only(complete(instances=[instance(store="/srv/{cluster}/{host}/{instance_id}/")]))
    assert one["store"] == "/srv/main/lin1/rec1/"


@pytest.mark.parametrize("store, folder", [
    (None, "/etc/secure_tsp/rec1/probe"), ("/srv/{cluster}/{instance_id}/", "/srv/main/rec1/probe"),
])
def test_a_probe_is_an_instance_in_the_folder_of_its_own(store, folder):
    listed = with_probes([instance(store=store, key={"size": 4096}, authorization_string="12345", force=True)])
    result = complete(instances=listed)
    assert result["problems"] == []
    probe = result["instances"][1]
    assert (probe["instance_id"], probe["probe_of"], probe["store"]) == ("rec1probe", "rec1", folder)
    assert (probe["key"]["size"], probe["capf"]["name"], probe["force"]) == (4096, "CTI-rec1probe", False)
    accounts = result["accounts"]["main"]["instances"]
    assert [one["instance_id"] for one in accounts] == ["rec1", "rec1probe"]
    assert "authorization_string" not in accounts[1] and "probe_of" not in accounts[1]


def test_an_instance_that_the_tsp_enrols_has_no_probe():
    result = complete(instances=with_probes([instance(host="win1")]), hostvars=WINDOWS)
    assert only(result)["instance_id"] == "rec1"


def test_a_mistake_is_told_once_although_there_is_a_probe():
    result = complete(instances=with_probes([instance(host="nowhere")]), hosts=["lin1"])
    assert result["problems"] == ["instance rec1: there is no host nowhere"]


@pytest.mark.parametrize("variables, windows", [
    ({"ansible_connection": "winrm"}, True), ({"ansible_connection": "psrp"}, True), ({}, False),
    ({"ansible_connection": "ssh", "ansible_shell_type": "powershell"}, True),
    ({"ansible_facts": {"os_family": "Windows"}}, True), ({"ansible_os_family": "Windows"}, True),
    ({"ansible_facts": {"os_family": "Debian"}}, False),
])
def test_windows_hosts(variables, windows):
    one = only(complete(instances=[instance()], hostvars={"lin1": variables}))
    assert (one["windows"], one["enrolment"]) == (windows, "tsp" if windows else "collection")
    assert one["tsp_number"] == (1 if windows else None)


def test_the_collection_writes_a_tsp_store_only_when_told():
    wished = instance(host="win1", enrolment="collection")
    refused = complete(instances=[wished], hostvars=WINDOWS)
    assert len(refused["problems"]) == 1 and "allow_unproven_tsp_store" in refused["problems"][0]
    allowed = complete(instances=[wished], hostvars=WINDOWS, allow_unproven_tsp_store=True)
    assert only(allowed)["enrolment"] == "collection"


def test_numbers_and_texts_may_come_as_the_other():
    wished = instance(instance_id=5, tsp_number="3", enrolment="tsp", authorization_string=12345)
    one = only(complete(instances=[wished]))
    assert (one["instance_id"], one["tsp_number"]) == ("5", 3)


@pytest.mark.parametrize("users, instances, problem", [
    ([dict(USER, naem="x")], [], "user rec: there is no key naem"),
    ([{"type": "end"}], [], "user no. 1: name is missing"),
    (["rec"], [], "user no. 1 is not a dictionary"),
    ([dict(USER, devices="SEP1")], [], "user rec: devices is not a list"),
    ([dict(USER, srtp="perhaps")], [], "user rec: srtp is neither true nor false"),
    ([dict(USER, type="admin")], [], "user rec: type is not one of application, end"),
    ([dict(USER, cluster="mars")], [], "user rec: there is no cluster mars"),
    ([USER], [{"host": "lin1", "instance_id": "rec1"}], "instance rec1: user is missing"),
    ([USER], [instance(host="nowhere")], "instance rec1: there is no host nowhere"),
    ([USER], [instance(user="nobody")], "instance rec1: its user nobody is not in the list of users"),
    ([USER], [instance(), instance(host="win1")], "instance id rec1 is listed 2 times"),
    ([USER], [instance(instance_id="rec-1")], "1 to 128 characters of a-z"),
    ([USER], [instance(tsp_number=2)], "instance rec1: tsp_number is for Windows hosts"),
    ([USER], [instance(host="win1", tsp_number=11)], "tsp_number 11 is not 1 to 10"),
    ([USER], [instance(host="win1", tsp_number="one")], "instance rec1: tsp_number is not a number"),
    ([USER], [instance(host="win1"), instance(host="win1", instance_id="rec2", tsp_number=1)],
     "host win1: tsp_number is missing for rec1"),
    ([USER], [instance(rearm=True)], "instance rec1: rearm is for enrolment: tsp"),
    ([USER], [instance(key={"type": "ec"})], "an EC key needs capf: {version: 3}"),
    ([USER], [instance(key={"sise": 1})], "instance rec1: key: there is no key sise"),
    ([USER], [instance(capf={"version": 4})], "version 4 is not 1, 2 or 3"),
    ([USER], [instance(capf={"name_template": "CTI"})], "name_template does not contain {instance_id}"),
    ([USER], [instance(store="/srv/x"), instance(instance_id="rec2", store="/srv/x")],
     "store /srv/x is given to rec1, rec2"),
    ([USER], [instance(), instance(instance_id="rec1probe")], "the id of its probe, rec1probe, is that of an instance"),
    ([USER], [instance(instance_id="r" * 124)], "the id of its probe"),
])
def test_mistakes(users, instances, problem):
    result = complete(users, with_probes(instances), hosts=["lin1", "win1"], hostvars=WINDOWS)
    assert any(problem in found for found in result["problems"]), result["problems"]


@pytest.mark.parametrize("clusters, problem", [
    ({}, "there is no cluster"), ({"main": {}}, "cluster main has no hostname"), ({"main": "x"}, "is not a dictionary"),
    ({"main": {"hostname": "a", "cti_port": "x"}}, "cluster main: cti_port is not a number"),
    ({"main": {"hostname": "a", "tftp_server": "b"}}, "cluster main: there is no key tftp_server"),
    (TWO, "user rec: cluster is missing, there are several"),
])
def test_mistakes_in_the_clusters(clusters, problem):
    assert any(problem in found for found in complete(clusters=clusters)["problems"])


def test_an_ec_key_with_version_3_is_a_warning():
    result = complete(instances=[instance(key={"type": "ec", "size": 384}, capf={"version": 3})])
    assert only(result)["key"] == {"type": "ec", "size": 384}
    assert len(result["warnings"]) == 1


@pytest.mark.parametrize("arguments", [dict(users="rec"), dict(instances={"a": 1}), dict(clusters=["a"])])
def test_arguments_of_the_wrong_kind(arguments):
    with pytest.raises(AnsibleFilterError):
        fleet(arguments.pop("users", []), **arguments)


def test_secrets_stand_in_the_accounts_alone():
    result = complete(instances=[instance(authorization_string="8675309")])
    accounts = result.pop("accounts")
    shown = json.dumps(result)
    assert "Cluster-Secret" not in shown and "User-Secret" not in shown and "8675309" not in shown
    assert accounts["main"]["users"][0]["password"] == "User-Secret"
    assert accounts["main"]["instances"][0]["authorization_string"] == "8675309"


def test_the_accounts_are_options_of_fleet_accounts():
    result = complete(
        [dict(USER, devices=["D"], srtp=True)],
        [instance(host="win1", tsp_number=1, authorization_string="1234", key={"size": 4096})], hostvars=WINDOWS)
    accounts = result["accounts"]["main"]
    assert set(accounts["users"][0]) <= set(fleet_accounts.USER)
    assert set(accounts["instances"][0]) <= set(fleet_accounts.INSTANCE)
