# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three lists completed: every default, every mistake, nothing secret."""

from __future__ import annotations

import cProfile
import datetime
import json

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _model
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, Model, complete
from ansible_collections.voiceops.secure_tsp.plugins.modules import fleet_accounts

MAIN = {"main": {"hostname": "cucm.example.com", "username": "axl", "password": "Cluster-Secret"}}
TWO = dict(MAIN, lab={"hostname": "lab.example.com", "username": "axl", "password": "Lab-Secret"})
USER = {"name": "rec", "password": "User-Secret"}
HOSTS = ("lin1", "lin2", "win1")


def instance(**more):
    return dict({"host": "lin1", "user": "rec", "instance_id": "rec1"}, **more)


def completed(users=(USER,), instances=(), clusters=None, **more):
    """(model, sentences of mistakes, sentences of warnings)."""
    options = dict(is_windows=lambda host: host.startswith("win"))
    options.update(more)
    model, mistakes, warnings = complete(MAIN if clusters is None else clusters, users, instances, **options)
    return model, list(map(str, mistakes)), list(map(str, warnings))


def right(*arguments, **more):
    """The model of lists without a mistake."""
    model, mistakes, _warnings = completed(*arguments, **more)
    assert mistakes == []
    return model


def only(*arguments, **more):
    (one,) = right(*arguments, **more).instances()
    return one


def mistakes_of(*arguments, **more):
    return completed(*arguments, **more)[1]


# Defaults


def test_an_instance_with_three_keys_gets_all_defaults():
    assert only(instances=[instance()]) == {
        "host": "lin1", "user": "rec", "user_type": "application", "instance_id": "rec1", "cluster": "main",
        "tsp_number": None, "client": "tsp", "enrolment": "collection", "windows": False, "key": {"type": "rsa", "size": 2048},
        "store": "/etc/secure_tsp/rec1", "store_of_host": "/etc/secure_tsp/rec1", "probe_of": None,
        "capf": {"dialect": "cti", "version": 1, "name_template": "CTI-{instance_id}", "name": "CTI-rec1"},
        "client_address": None, "rearm": False, "force": False, "replace": False, "state": "present", "string_given": False,
        "capf_host": "cucm.example.com", "capf_port": 3804, "tftp_servers": ["cucm.example.com"], "tftp_port": 69,
        "cti_managers": ["cucm.example.com"], "cti_port": 2749, "plain_cti_port": 2748,
    }


def test_the_types_name_what_an_entry_has():
    model = right(instances=[instance()])
    assert set(model.instances()[0]) == set(_model.Instance.__annotations__)
    assert set(model.users[0]) == set(_model.User.__annotations__)
    assert set(model.clusters["main"]) == set(_model.Cluster.__annotations__)


def test_a_user_gets_its_defaults_and_hosts():
    model = right(instances=[instance(), instance(instance_id="rec2", host="win1")])
    assert model.users == [{
        "name": "rec", "cluster": "main", "type": "application", "update_password": "on_create", "devices": None,
        "devices_mode": "append", "srtp": None, "cti_groups": [], "state": "present", "remove_user": False,
        "password_given": True, "hosts": ["lin1", "win1"],
    }]


def test_an_instance_names_its_user_as_the_list_of_users_does():
    model = right(instances=[instance(user="REC")])
    (one,) = model.instances()
    assert (one["user"], one["user_type"]) == ("rec", "application")
    assert model.users[0]["hosts"] == ["lin1"]
    assert mistakes_of([USER, dict(USER, name="Rec")]) == ["user rec is listed 2 times: rec, Rec"]


@pytest.mark.parametrize(("value", "clause"), [
    (True, "is true or false instead of a text: put it in quotes"), (datetime.date(2026, 1, 1), "is a date instead of a text: put it in quotes"),
    (1e5, "is a number instead of a text: put it in quotes"), ("rec\u200b", "has an invisible character (U+200B): type it again"),
    ("\ufeffrec", "has an invisible character (U+FEFF): type it again"), ("r\u00a0c", "has an invisible character (U+00A0): type it again"),
    ("re\u00adc", "has an invisible character (U+00AD): type it again"),
])
def test_A15_names_that_are_not_what_was_written_are_refused(value, clause):
    """What YAML made of them, and what pages and sheets bring along."""
    users = [dict(USER, cti_groups=[value])]
    assert mistakes_of(users) == ["user rec: cti_groups %s" % clause]
    assert mistakes_of([dict(USER, devices=[value])]) == ["user rec: devices %s" % clause]
    assert mistakes_of(instances=[instance(host=value)])[0].endswith("host %s" % clause)


def test_A15_a_password_may_have_any_character_that_can_be_seen_or_not():
    assert mistakes_of([dict(USER, password="Geheim-\u00a0\u200b1")]) == []


def test_A10_letters_with_accents_are_one_whatever_they_are_made_of():
    """As a Mac pastes them. The cluster has the short form."""
    model = right([dict(USER, name="ju\u0308rgen")], [instance(user="J\u00dcRGEN")])
    assert model.users[0]["name"] == model.instances()[0]["user"] == "j\u00fcrgen"


def test_A10_two_users_that_only_a_dictionary_takes_for_one():
    assert mistakes_of([dict(USER, name="wei\u00df"), dict(USER, name="weiss")]) == []


def test_A10_instances_that_differ_in_case_only():
    (mistake,) = mistakes_of(instances=[instance(), instance(instance_id="Rec1", host="lin2")])
    assert mistake.startswith("instance ids rec1, Rec1 differ only in case") and mistake.endswith("rec on lin1, rec on lin2")


@pytest.mark.parametrize(("given", "kept"), [
    ("192.0.2.31", "192.0.2.31"), ("2001:DB8:0:0:0:0:0:31", "2001:db8::31"), ("::ffff:192.0.2.31", "192.0.2.31"), ("fe80::1%eth0", "fe80::1"),
])
def test_A10_an_address_has_one_spelling(given, kept):
    assert only(instances=[instance(client_address=given)])["client_address"] == kept


@pytest.mark.parametrize("given", ["recorder01", "192.0.2", "192.0.2.31/24", "192.0.2.31:2749"])
def test_A10_a_client_address_that_the_cluster_never_shows_is_refused(given):
    assert mistakes_of(instances=[instance(client_address=given)]) == ["instance rec1: client_address is not an IP address"]


def test_addresses_of_the_cluster_and_several_clusters():
    clusters = dict(TWO, lab=dict(TWO["lab"], capf_host="192.0.2.7", tftp_servers=["192.0.2.8"], cti_managers=["a", "b"], cti_port="1"))
    one = only([dict(USER, cluster="lab")], [instance(cluster="lab")], clusters)
    assert one["store"] == "/etc/secure_tsp/lab/rec1"
    assert (one["capf_host"], one["tftp_servers"], one["cti_managers"], one["cti_port"]) == (
        "192.0.2.7", ["192.0.2.8"], ["a", "b"], 1)


def test_the_same_names_on_two_clusters_are_different_things():
    users = [dict(USER, cluster="main"), dict(USER, cluster="lab", type="end")]
    model = right(users, [instance(cluster="main"), instance(cluster="lab", host="lin2")], TWO)
    assert [one["user_type"] for one in model.instances()] == ["application", "end"]
    assert [user["hosts"] for user in model.users] == [["lin1"], ["lin2"]]
    assert [user["type"] for user in model.accounts("lab")] == ["end"]


def test_a_store_of_ones_own():
    one = only(instances=[instance(store="/srv/{cluster}/{host}/{instance_id}/")])
    assert (one["store"], one["store_of_host"]) == ("/srv/main/lin1/rec1", "/srv/main/{host}/rec1")


@pytest.mark.parametrize(("store", "folder"), [
    (None, "/etc/secure_tsp/rec1/probe"), ("/srv/{cluster}/{instance_id}/", "/srv/main/rec1/probe"),
])
def test_a_probe_is_an_instance_in_the_folder_of_its_own(store, folder):
    listed = [instance(store=store, key={"size": 4096}, authorization_string="8675309", force=True, replace=True)]
    model = right(instances=listed, probe=True)
    probe = model.instances()[1]
    assert (probe["instance_id"], probe["probe_of"], probe["store"]) == ("rec1probe", "rec1", folder)
    assert (probe["key"]["size"], probe["capf"]["name"], probe["force"], probe["replace"], probe["string_given"]) == (
        4096, "CTI-rec1probe", False, False, False)
    assert [one["instance_id"] for one in model.instances()] == ["rec1", "rec1probe"]
    assert model.instances()[0]["capf"]["name"] == "CTI-rec1"


def test_a_probe_gets_the_suffix_that_is_given():
    assert [one["instance_id"] for one in right(instances=[instance()], probe=True, probe_suffix="x").instances()] == ["rec1", "rec1x"]


def test_an_instance_that_the_tsp_enrols_has_no_probe():
    assert only(instances=[instance(host="win1")], probe=True)["instance_id"] == "rec1"


def test_a_mistake_is_told_once_although_there_is_a_probe():
    assert mistakes_of(instances=[instance(capf={"version": 4})], probe=True) == ["instance rec1: capf: version is not from 1 to 3"]
    assert mistakes_of(instances=[instance(host="lin2")], probe=True, inventory=HOSTS, group=["lin1"]) == [
        "instance rec1: host lin2 is not in the group secure_tsp"]


@pytest.mark.parametrize("windows", [True, False])
def test_windows_hosts(windows):
    one = only(instances=[instance()], is_windows=lambda host: windows)
    assert (one["windows"], one["enrolment"]) == (windows, "tsp" if windows else "collection")
    assert one["tsp_number"] == (1 if windows else None)


def test_a_host_is_asked_once_what_it_is():
    asked = []
    right(instances=[instance(), instance(instance_id="rec2"), instance(instance_id="rec3", host="lin2")],
          is_windows=asked.append)
    assert asked == ["lin1", "lin2"]


def test_numbers_may_come_as_text():
    assert only(instances=[instance(tsp_number="3", enrolment="tsp")])["tsp_number"] == 3


def test_an_ec_key_with_version_3_is_a_warning():
    model, mistakes, warnings = completed(instances=[instance(key={"type": "ec", "size": 384}, capf={"version": 3})])
    assert (mistakes, len(warnings)) == ([], 1)
    assert model.instances()[0]["key"] == {"type": "ec", "size": 384}


def test_the_accounts_are_options_of_fleet_accounts():
    model = right([dict(USER, devices=["D1"], srtp=True)], [instance(host="win1", tsp_number=1, key={"size": 4096})])
    key = Key("main", "rec")
    (account,) = model.accounts("main", passwords={key: "User-Secret"})
    assert account["password"] == "User-Secret" and set(account) <= set(fleet_accounts.USER)
    assert set(_model.account_of_instance(model.instances()[0], "1234")) <= set(fleet_accounts.INSTANCE)


def test_a_java_application_on_windows_is_enrolled_by_the_controller():
    found = only(instances=[instance(host="win1", client="jtapi")])
    assert (found["enrolment"], found["store"], found["windows"]) == ("collection", "C:\\Program Files\\secure_tsp\\rec1", True)
    found = only(instances=[instance(host="win1", client="jtapi", store="D:/Büro 1/{host}/{instance_id}/")])
    assert (found["store"], found["store_of_host"]) == ("D:\\Büro 1\\win1\\rec1", "D:\\Büro 1\\{host}\\rec1")
    found = only(instances=[instance(client="jtapi")])
    assert (found["enrolment"], found["store"]) == ("collection", "/etc/secure_tsp/rec1")


# Mistakes


@pytest.mark.parametrize(("users", "instances", "problem"), [
    ([dict(USER, naem="x")], [], "user rec: there is no key naem; did you mean name?"),
    ([{"type": "end"}], [], "user no. 1: name is missing"),
    (["rec"], [], "user no. 1 is not a dictionary"),
    ([dict(USER, devices="SEP1")], [], "user rec: devices is not a list"),
    ([dict(USER, srtp="perhaps")], [], "user rec: srtp is neither true nor false"),
    ([dict(USER, type="admin")], [], "user rec: type is not one of application, end"),
    ([dict(USER, cluster="mars")], [], "user rec: there is no cluster mars"),
    ([USER], [{"host": "lin1", "instance_id": "rec1"}], "instance rec1: user is missing"),
    ([USER], [{"host": "lin1", "user": "rec"}], "instance no. 1: instance_id is missing"),
    ([USER], [instance(user="nobody")], "instance rec1: its user nobody is not in the list of users"),
    ([USER], [instance(), instance(host="win1")], "instance id rec1 is listed 2 times"),
    ([USER], [instance(instance_id="rec-1")], "1 to 128 characters of a-z"),
    ([USER], [instance(tsp_number=2)], "instance rec1: tsp_number is for Windows hosts"),
    ([USER], [instance(host="win1", tsp_number=11)], "instance rec1: tsp_number is not from 1 to 10"),
    ([USER], [instance(host="win1", tsp_number="one")], "instance rec1: tsp_number is not a whole number"),
    ([USER], [instance(host="win1"), instance(host="win1", instance_id="rec2", tsp_number=1)],
     "host win1: tsp_number is missing for rec1"),
    ([USER], [instance(rearm=True)], "instance rec1: rearm is for enrolment: tsp"),
    ([USER], [instance(host="win1", enrolment="collection")], "enrolment must be tsp"),
    ([USER], [instance(host="win1", client="java")], "client is not one of tsp, jtapi"),
    ([USER], [instance(host="win1", client="jtapi", enrolment="tsp")], "client is jtapi, so enrolment cannot be tsp"),
    ([USER], [instance(host="win1", client="jtapi", tsp_number=1)], "client is jtapi, which has no tsp_number"),
    ([USER], [instance(host="win1", client="jtapi", store="/etc/secure_tsp/rec1")], "rec1: store is not a folder on a Windows drive"),
    ([USER], [instance(host="win1", client="jtapi", store="\\\\server\\share\\rec1")], "rec1: store is not a folder on a Windows drive"),
    ([USER], [instance(host="win1", client="jtapi", store="D:\\")], "rec1: store is not a folder on a Windows drive"),
    ([USER], [instance(host="win1", client="jtapi", store="D:\\a\\..\\b")], "rec1: store is not a folder on a Windows drive"),
    ([USER], [instance(host="win1", client="jtapi", store="D:\\aux.x\\b")], "rec1: store is not a folder on a Windows drive"),
    ([USER], [instance(host="win1", client="jtapi", store="D:\\a\\probe")], "rec1: store ends in probe"),
    ([USER], [instance(host="win1", client="jtapi", store="D:\\A"), instance(host="win1", client="jtapi", instance_id="rec2", store="d:/a")],
     "is used by rec1, rec2"),
    ([USER], [instance(key={"type": "ec"})], "an EC key needs capf: {version: 3}"),
    ([USER], [instance(key={"sise": 1})], "instance rec1: key: there is no key sise; did you mean size?"),
    ([USER], [instance(key="rsa")], "instance rec1: key is not a dictionary"),
    ([USER], [instance(key={"size": 1024})], "1024 is not a valid size of an RSA key"),
    ([USER], [instance(capf={"version": 4})], "version is not from 1 to 3"),
    ([USER], [instance(capf={"name_template": "CTI"})], "name_template does not contain {instance_id}"),
    ([USER], [instance(store="/srv/x"), instance(instance_id="rec2", store="/srv/x")],
     "store /srv/x is used by rec1, rec2"),
    ([USER], [instance(), instance(instance_id="rec1probe")], "the id of its probe, rec1probe, is also the id of an instance"),
    ([USER], [instance(instance_id="r" * 124)], "the id of its probe"),
])
def test_mistakes(users, instances, problem):
    found = mistakes_of(users, instances, inventory=HOSTS, group=HOSTS, probe=True)
    assert any(problem in one for one in found), found


@pytest.mark.parametrize(("clusters", "problem"), [
    ({}, "there is no cluster"), ({"main": {}}, "cluster main: hostname is missing"),
    ({"main": {"hostname": "a", "username": "axl"}}, "cluster main: password is missing"),
    ({"main": "x"}, "is not a dictionary"),
    ({"main": dict(MAIN["main"], cti_port="x")}, "cluster main: cti_port is not a whole number"),
    ({"main": dict(MAIN["main"], tftp_server="b")}, "cluster main: there is no key tftp_server; did you mean tftp_servers?"),
    ({"main": dict(MAIN["main"], tftp_servers="b")}, "cluster main: tftp_servers is not a list"),
    (TWO, "user rec: cluster is missing, but there are several"),
])
def test_mistakes_in_the_clusters(clusters, problem):
    assert any(problem in one for one in mistakes_of(clusters=clusters))


@pytest.mark.parametrize(("key", "value", "clause"), [
    ("timeout", 0, "is not from 1 to 3600"), ("timeout", -1, "is not from 1 to 3600"), ("port", -1, "is not from 1 to 65535"),
    ("hostname", "cucm/", "is not a host name or an address"), ("hostname", "cucm#x", "is not a host name or an address"),
    ("hostname", "axl@cucm", "is not a host name or an address"), ("hostname", "cucm?x", "is not a host name or an address"),
])
def test_a_login_that_would_go_elsewhere_is_refused_before_a_connection(key, value, clause):
    """Field report A16."""
    assert mistakes_of(clusters={"main": dict(MAIN["main"], **{key: value})}) == ["cluster main: %s %s" % (key, clause)]


@pytest.mark.parametrize(("lists", "sentence"), [
    ({"users": "rec"}, "secure_tsp_users is not a list"), ({"instances": {"a": 1}}, "secure_tsp_instances is not a list"),
    ({"clusters": ["a"]}, "secure_tsp_clusters is not a dictionary"),
])
def test_lists_of_the_wrong_kind(lists, sentence):
    assert sentence in mistakes_of(**lists)


def test_all_mistakes_are_told_at_once():
    found = mistakes_of([dict(USER, naem="x")], [instance(user="nobody"), instance(instance_id="a-b")], {"main": dict(MAIN["main"], port=0)})
    assert len(found) == 4


# Texts that a cluster does not take as they are written


@pytest.mark.parametrize("key", ["instance_id", "user", "host", "authorization_string"])
def test_a_number_where_a_text_is_due_is_refused(key):
    """Field report A15: YAML reads 01234567 as 342391."""
    (found,) = mistakes_of(instances=[instance(**{key: 342391})])
    assert found.endswith(": %s is a number instead of a text: put it in quotes" % key)
    assert "342391" not in found or key == "instance_id"


@pytest.mark.parametrize("text", ["123\x0745", "12345\n", " 12345", "12345\t", "12\ufffe45", "12\ud80045", "12\u202845", "12\x8545"])
def test_texts_that_no_cluster_can_be_given(text):
    """Field report A2. They are told by the option's name and never shown."""
    found = mistakes_of([USER, {"name": "other", "password": text, "devices": [text], "cti_groups": [text]}],
                        [instance(authorization_string=text), instance(instance_id="rec2", client_address=text)])
    assert [one.partition(": ")[2].split()[0] for one in found] == [
        "password", "devices", "cti_groups", "authorization_string", "client_address"]
    assert all(one.isprintable() and text not in one for one in found)


@pytest.mark.parametrize("text", ["re\x07c", "rec\u202e", "rec\n", "r\udc80"])
def test_a_name_with_such_a_character_is_shown_in_a_form_that_can_be_printed(text):
    found = mistakes_of([{"name": text}], [instance(instance_id=text)])
    assert len(found) == 2 and all(one.isprintable() for one in found), found
    "; ".join(found).encode("utf-8")


# Secrets


def test_no_secret_is_in_what_comes_out():
    model, mistakes, warnings = completed(
        [USER, dict(USER, name="other", password="Other-Secret", naem="x")], [instance(authorization_string="8675309", tsp_number="x")], probe=True)
    shown = json.dumps([model.plain(), mistakes, warnings])
    assert mistakes
    for secret in ("Cluster-Secret", "User-Secret", "Other-Secret", "8675309"):
        assert secret not in shown


def test_the_model_says_which_secrets_were_given():
    model = right([USER, {"name": "end", "type": "end"}], [instance(authorization_string="8675309"), instance(instance_id="rec2")])
    assert [user["password_given"] for user in model.users] == [True, False]
    assert [one["string_given"] for one in model.instances()] == [True, False]


@pytest.mark.parametrize(("users", "instances", "clusters", "about"), [
    ([{"name": "tapi_recorder", "password": "recorder"}], [], None, "its password is part of the name of a user"),
    ([{"name": "pc"}], [instance(user="pc", instance_id="pc0101x1", authorization_string="0101")], None,
     "its authorization_string is part of an instance_id"),
    ([dict(USER, devices=["SEP001122334455"], password="112233")], [], None, "its password is part of the name of a device"),
    ([dict(USER, cti_groups=["Recorders of Bonn"], password="of Bonn")], [], None, "its password is part of the name of a group"),
    ([dict(USER, password="lin1")], [instance()], None, "its password is part of the name of a host"),
    ([dict(USER, password="example")], [], None, "its password is part of the hostname of a cluster"),
    ([USER], [], {"emea-main": dict(MAIN["main"], password="emea")}, "its password is part of the name of a cluster"),
    ([USER], [], {"main": dict(MAIN["main"], username="axladmin", password="axladm")}, "its password is part of the username of a cluster"),
    ([dict(USER, password="192.0.2")], [instance(client_address="192.0.2.31")], None, "its password is part of the client_address of an instance"),
    ([dict(USER, password="sub9")], [], {"main": dict(MAIN["main"], cti_managers=["sub9.example.org"])},
     "its password is part of one of the cti_managers of a cluster"),
    ([dict(USER, password="create")], [], None, "its password is part of a word of the options"),
    ([USER], [instance(authorization_string="2048")], None, "its authorization_string is part of a word of the options"),
    ([dict(USER, password="x")], [], None, "its password is part of every name"),
])
def test_a_secret_in_a_name_is_refused_without_being_shown(users, instances, clusters, about):
    """Field report A1: wherever the name is printed, so would be the secret."""
    mistakes = complete(MAIN if clusters is None else clusters, users, instances)[1]
    found = [str(one) for one in mistakes if one.code == "secret_in_name"]
    assert len(found) == 1 and about in found[0]
    secrets = [one.get(key) for one in [*users, *instances, *(clusters or MAIN).values()] for key in ("password", "authorization_string")]
    assert not [secret for secret in secrets if secret and len(secret) > 1 and secret in found[0].partition(": its")[0]]
    assert not [secret for secret in secrets if secret and len(secret) > 3 and secret in found[0].replace(about, "")], found


def test_a_secret_of_the_run_counts_too():
    assert mistakes_of(instances=[instance()], secrets=[("secure_tsp_key_passphrase", "lin1")]) == [
        "secure_tsp_key_passphrase is part of the name of a host, where it could be read; choose another one"]


# Hosts


def test_hosts_of_others_are_left_to_others():
    """A job slice of AWX is an inventory with its own hosts only."""
    listed = [instance(), instance(instance_id="rec2", host="lin9"), instance(instance_id="rec3", host="lin9")]
    model, mistakes, warnings = completed(instances=listed, inventory=["lin1", "localhost"], group=["lin1"])
    assert mistakes == []
    assert [one["instance_id"] for one in model.instances()] == ["rec1"]
    assert [one["instance_id"] for one in model.others] == ["rec2", "rec3"]
    assert model.users[0]["hosts"] == ["lin1", "lin9"]
    assert len(warnings) == 1 and "lin9" in warnings[0] and "so it is skipped" in warnings[0]


def test_a_misspelt_host_is_found():
    _found, _mistakes, warnings = completed(instances=[instance(), instance(instance_id="rec2", host="lin02")], inventory=HOSTS, group=HOSTS)
    assert len(warnings) == 1 and "did you mean lin2?" in warnings[0]


def test_a_slice_of_a_large_fleet_is_one_warning():
    listed = [instance(instance_id="rec%d" % number, host="far%d" % number) for number in range(300)]
    _found, mistakes, warnings = completed(instances=[*listed, instance(instance_id="mine")], inventory=HOSTS, group=HOSTS)
    assert mistakes == [] and len(warnings) == 1
    assert "300 instances" in warnings[0] and len(warnings[0]) < 200


def test_an_inventory_with_none_of_the_hosts():
    assert mistakes_of(instances=[instance(host="far")], inventory=HOSTS, group=HOSTS) == ["none of the listed hosts is in this inventory"]


def test_a_host_outside_the_group():
    assert mistakes_of(instances=[instance()], inventory=HOSTS, group=["lin2"]) == [
        "instance rec1: host lin1 is not in the group secure_tsp"]


# The model


FLEET = (
    [dict(USER, cluster="main"), dict(USER, cluster="lab"), {"name": "idle", "cluster": "main"}],
    [instance(cluster="main"), instance(cluster="main", host="lin2", instance_id="rec2"),
     instance(cluster="lab", instance_id="rec3"), instance(cluster="main", host="win1", instance_id="rec4"),
     instance(cluster="lab", instance_id="rec1", host="lin2", store="/srv/{instance_id}")],
    TWO)


@pytest.mark.parametrize(("hosts", "cluster", "names"), [
    (["lin1"], "main", {"rec", "idle"}), (["lin1"], "lab", {"rec"}), (["win1"], "lab", set()), ([], "main", {"idle"}),
    (["nowhere"], "main", {"idle"}), (["lin2"], "mars", set()),
])
def test_users_of_some_hosts(hosts, cluster, names):
    assert right(*FLEET).users_of(cluster, hosts) == names


def test_instances_of_a_cluster_and_of_hosts():
    model = right(*FLEET)
    assert [one["instance_id"] for one in model.instances("main")] == ["rec1", "rec2", "rec4"]
    assert [one["instance_id"] for one in model.instances(hosts=["lin1"])] == ["rec1", "rec3"]
    assert model.several


def test_a_register_carries_the_model():
    model = right(*FLEET)
    again = Model.of(json.loads(json.dumps(model.plain())))
    assert again.plain() == model.plain() and again.instances("lab") == model.instances("lab")


@pytest.mark.parametrize(("names", "keys"), [
    (["rec2"], {("main", "rec2")}), (["main/rec1"], {("main", "rec1")}), (["lab/rec1", "rec4"], {("lab", "rec1"), ("main", "rec4")}), ([], set()),
])
def test_names_that_a_person_gave(names, keys):
    assert right(*FLEET).named(names, "secure_tsp_upgrade_instances") == (keys, [])


@pytest.mark.parametrize(("name", "sentence"), [
    ("mian/rec2", "secure_tsp_upgrade_instances: there is no instance mian/rec2 in the list; did you mean main/rec2?"),
    ("rec9", "secure_tsp_upgrade_instances: there is no instance rec9 in the list; did you mean rec"),
    ("rec1", "secure_tsp_upgrade_instances: rec1 is on several clusters: use lab/rec1 or main/rec1"),
    ("zzz", "secure_tsp_upgrade_instances: there is no instance zzz in the list"),
])
def test_names_that_nobody_listed(name, sentence):
    """Field report S14: a wrong cluster was ignored, and the instance armed."""
    keys, mistakes = right(*FLEET).named(["rec2", name], "secure_tsp_upgrade_instances")
    assert keys == {("main", "rec2")}
    assert [str(one)[:len(sentence)] for one in mistakes] == [sentence]


def test_a_probe_cannot_be_named_and_what_others_have_can():
    model = right(instances=[instance(), instance(instance_id="rec2", host="far")], inventory=HOSTS, group=HOSTS, probe=True)
    keys, mistakes = model.named(["rec1", "rec2", "rec1probe"], "x")
    assert keys == {("main", "rec1"), ("main", "rec2")} and [one.code for one in mistakes] == ["unknown_name"]


def test_a_key_is_a_pair():
    assert Key("a", "b") == ("a", "b") and str(Key("a", "b")) == "a/b"
    assert _model.key_of({"cluster": "a", "instance_id": "b/c"}) == ("a", "b/c")
    assert _model.owner_of({"cluster": "a", "user": "u"}) == ("a", "u")


# Scale


def steps(count, **more):
    """Calls of functions, in and below complete(), for so many instances on a tenth of as many hosts."""
    listed = [instance(host="h%d" % (number // 10), instance_id="rec%d" % number, authorization_string="%010d" % (number * 7919 + 10 ** 9))
              for number in range(count)]
    profile = cProfile.Profile()
    _found, mistakes, _warnings = profile.runcall(complete, MAIN, [USER], listed, **more)
    assert mistakes == []
    return sum(entry.callcount for entry in profile.getstats())


SLICE = ["h%d" % number for number in range(20)]


@pytest.mark.parametrize("more", [{"probe": True}, {"inventory": SLICE, "group": SLICE}])
def test_completion_is_linear(more):
    assert steps(10000, **more) < 11 * steps(1000, **more)


def test_some_of_the_clusters_alone():
    clusters = {name: {"hostname": name, "username": "axl", "password": "Axl-Secret-0001"} for name in ("emea", "apac")}
    model = right(users=[dict(USER, cluster=name) for name in clusters], clusters=clusters, instances=[
        instance(cluster="emea", instance_id="e1"), instance(cluster="apac", instance_id="a1", host="other")])
    chosen, wrong = model.only(["apac"])
    assert wrong == [] and list(chosen.clusters) == ["apac"] and not chosen.several
    assert [one["instance_id"] for one in chosen.listed()] == ["a1"] and [one["instance_id"] for one in chosen.aside] == ["e1"]
    # Passwords are found by the order of the list.
    assert [user["cluster"] for user in chosen.users] == ["emea", "apac"]
    assert model.only([])[0] is model
    assert [str(one) for one in model.only(["apca"])[1]] == [
        "secure_tsp_only_clusters: there is no cluster apca in secure_tsp_clusters; did you mean apac?"]
