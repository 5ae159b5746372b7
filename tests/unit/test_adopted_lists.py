# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _lists_file
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._adoption import adopted_lists

USER = {"name": "tapi", "type": "application", "groups": ["Standard CTI Secure Connection"], "devices": []}


def reading(*profiles, connections=(), cluster="main", users=(USER,)):
    return {"cluster": cluster, "users": list(users), "connections": [
        {"user": "tapi", "address": address} for address in connections],
        "profiles": [{"user": "tapi", "user_type": "application", "instance_id": "host1x1", **profile} for profile in profiles]}


def instances(*readings, hosts):
    return adopted_lists(list(readings), hosts)["instances"]


HOSTS = {"one": {"addresses": ["192.0.2.1"]}, "two": {"addresses": ["192.0.2.2", "192.0.2.3"]}, "three": {}}


@pytest.mark.parametrize("profiles, connections, host", [
    ([{}], ["192.0.2.3"], "two"),
    ([{}], ["192.0.2.3", "192.0.2.3"], "two"),
    ([{}], [], "CHANGE_ME"),
    ([{}], ["192.0.2.9"], "CHANGE_ME"),
    ([{}], ["192.0.2.1", "192.0.2.2"], "CHANGE_ME"),
    ([{}], ["192.0.2.1", "192.0.2.9"], "CHANGE_ME"),
    ([{}, {"instance_id": "host2x1"}], ["192.0.2.1"], "CHANGE_ME"),  # RIS does not tell which of them it is
])
def test_a_host_is_told_by_connections_only_where_they_leave_no_doubt(profiles, connections, host):
    assert instances(reading(*profiles, connections=connections), hosts=HOSTS)[0]["host"] == host


def test_files_tell_the_host_before_connections_do():
    hosts = {**HOSTS, "three": {"certificates": ["/etc/secure_tsp/host1x1/QBEClient.cer"]}}
    assert instances(reading({}, connections=["192.0.2.1"]), hosts=hosts) == [
        {"host": "three", "user": "tapi", "instance_id": "host1x1"}]


@pytest.mark.parametrize("folder", ["previous", "pending", "probe"])
def test_a_folder_within_an_instance_is_no_instance(folder):
    hosts = {"one": {"certificates": ["/srv/host1x1/%s/QBEClient.cer" % folder]}}
    assert instances(reading({}), hosts=hosts)[0]["host"] == "CHANGE_ME"


def test_files_in_two_places_are_told():
    hosts = {name: {"certificates": ["/srv/%s/host1x1/QBEClient.cer" % name]} for name in ("one", "two")}
    found = adopted_lists([reading({})], hosts)
    assert found["instances"] == [{"host": "one", "user": "tapi", "instance_id": "host1x1", "store": "/srv/one/host1x1"}]
    assert found["open"] == ["Instance host1x1 has files in several places: one:/srv/one/host1x1, two:/srv/two/host1x1. One "
                             "certificate carries one connection."]


def test_several_clusters_are_named_and_told_apart_by_the_folder():
    hosts = {"one": {"certificates": ["/etc/secure_tsp/a/host1x1/QBEClient.cer"]},
             "two": {"certificates": ["/etc/secure_tsp/b/host1x1/QBEClient.cer"]}}
    found = adopted_lists([reading({}, cluster="a"), reading({}, cluster="b")], hosts)
    assert [(one["host"], one["cluster"]) for one in found["instances"]] == [("one", "a"), ("two", "b")]
    assert [user["cluster"] for user in found["users"]] == ["a", "b"]
    assert found["open"] == []


def test_what_cannot_be_listed_is_told():
    found = adopted_lists([reading({"instance_id": "host 1"}, {"user": "gone"})], {})
    assert found["open"][0] == "The cluster did not return user gone, who has a CAPF profile."
    assert found["open"][1].startswith("The CAPF profile 'host 1' of user tapi was skipped")


@pytest.mark.parametrize("profile, key", [
    ({"key_order": "RSA Only", "key_size": "2048"}, None), ({"key_order": "", "key_size": ""}, None),
    ({"key_order": "RSA Only", "key_size": "4096"}, {"type": "rsa", "size": 4096}),
    ({"key_order": "EC Only", "ec_key_size": "384"}, {"type": "ec", "size": 384}),
    ({"key_order": "EC Preferred, RSA Backup", "key_size": "2048", "ec_key_size": "384"}, None),
])
def test_keys_that_are_not_the_usual_ones_are_listed(profile, key):
    assert instances(reading(profile), hosts={})[0].get("key") == key


# Names of somebody else's

TEMPLATES = ("u{{ lookup('pipe', 'id') }}", "{% for x in y %}", "a{# b", "{{", "it's {{ \"both\" }}: [quotes] #")
ODD = ("- a", "yes", "0101", "~", "a: b", "# no", "'", '"', "\\", "100%", "\u202eresu", "m\u00fcller", "&x *y !z")


class Loader(yaml.SafeLoader):
    """As Ansible's, which gives a text with the tag !unsafe back as one that it never works out."""


Loader.add_constructor("!unsafe", lambda loader, node: ("unsafe", loader.construct_scalar(node)))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_tagged_wherever_it_stands(name):
    text = _lists_file.text_of({"secure_tsp_users": [{"name": name, "devices": [name]}]}, [])
    assert yaml.load(text, Loader) == {"secure_tsp_users": [{"name": ("unsafe", name), "devices": [("unsafe", name)]}]}


@pytest.mark.parametrize("name", ODD)
def test_names_come_back_as_they_were(name):
    assert yaml.load(_lists_file.text_of({"names": [name]}, []), Loader) == {"names": [name]}


def test_what_turns_or_hides_text_is_escaped_in_the_file():
    text = _lists_file.text_of({"names": ["u\u202eresu", "m\u00fcller"]}, [])
    assert "\u202e" not in text and text.isascii()
    assert "m\u00fcller" in _lists_file.text_of({"names": ["m\u00fcller"]}, [])


@pytest.mark.parametrize("comment", ["a\nsecure_tsp_cutover: never", "a\r\nb: c", "a\u2028b: c", "a\x85b: c", "\x1b[2J"])
def test_a_comment_stays_one(comment):
    text = _lists_file.text_of({"names": []}, [comment])
    assert yaml.load(text, Loader) == {"names": []} and text.count("\n") == 3
    assert all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", " a", "a\x00", "\ud800", ""])
def test_a_name_that_no_list_can_carry_is_left_out_and_told(name):
    user = {"name": name, "type": "application", "groups": [], "devices": []}
    found = adopted_lists([reading({"user": name}, users=[user])], {})
    assert found["users"] == found["instances"] == [] and len(found["open"]) == 1
    assert found["open"][0].isprintable() and "were skipped" in found["open"][0]


def test_devices_and_groups_that_no_list_can_carry_are_left_out_and_told():
    user = dict(USER, devices=["SEP1", "SEP\n2"], groups=USER["groups"] + ["Standard CTI \x07"])
    found = adopted_lists([reading({}, users=[user])], HOSTS)
    assert found["users"] == [{"name": "tapi", "devices": ["SEP1"]}]
    assert [line.partition(" was skipped")[0] for line in found["open"][:2]] == [
        "The device 'SEP\\x0a2' of user tapi", "The group 'Standard CTI \\x07' of user tapi"]


@pytest.mark.parametrize("parent", ["/srv/{host}", "/srv/a\nb"])
def test_a_folder_that_would_be_taken_for_another_is_told(parent):
    found = adopted_lists([reading({})], {"one": {"certificates": [parent + "/host1x1/QBEClient.cer"]}})
    assert "store" not in found["instances"][0] and "a list cannot hold" in found["open"][0]


def test_users_are_compared_without_case():
    assert instances(reading({}, connections=["192.0.2.3"]) | {"connections": [{"user": "TAPI", "address": "192.0.2.3"}]},
                     hosts=HOSTS)[0]["host"] == "two"
