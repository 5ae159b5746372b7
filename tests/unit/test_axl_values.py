# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python values to AXL and back: one place, every odd shape."""

from __future__ import annotations

import pytest
from lxml import etree

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _errors
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import schema, values
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.values import CLEAR

NIL = object()
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def encode(operation, version="12.5", **given):
    return values.encode(schema.OPERATIONS[operation], given, version, NIL)


def decode(name, text, wanted=None):
    response = etree.fromstring('<ns:r xmlns:ns="urn:x" %s>%s</ns:r>' % (XSI, text))
    return values.decode(schema.OPERATIONS[name], response, wanted)


# Requests


def test_none_leaves_a_field_out():
    assert encode("updateAppUser", userid="a", password=None) == {"userid": "a"}


@pytest.mark.parametrize("empty", [CLEAR, [], ()])
def test_an_empty_list_clears_it(empty):
    assert encode("updateAppUser", userid="a", associatedDevices=empty)["associatedDevices"] == {}


def test_clear_makes_a_nillable_field_nil():
    assert encode("updateUser", userid="a", digestCredentials=CLEAR)["digestCredentials"] is NIL


def test_a_field_that_cannot_be_nil_cannot_be_cleared():
    with pytest.raises(_errors.InputError, match="digestCredentials.*"):
        encode("updateAppUser", userid="a", digestCredentials=CLEAR)


def test_lists_gain_their_container():
    encoded = encode("updateAppUser", userid="a", associatedDevices=["SEP1"], associatedGroups=[{"name": "G"}])
    assert encoded["associatedDevices"] == {"device": ["SEP1"]}
    assert encoded["associatedGroups"] == {"userGroup": [{"name": "G"}]}


@pytest.mark.parametrize(
    "value, text", [(True, "true"), (False, "false"), ("t", "true"), ("False", "false"), (0, "false")]
)
def test_booleans_become_words(value, text):
    assert encode("updateUser", userid="a", enableCti=value)["enableCti"] == text


@pytest.mark.parametrize(
    "version, key_size", [("11.5", "1024"), ("12.0", "1024"), ("12.5", "2048"), ("14.0", "2048"), ("15.0", "2048")]
)
def test_required_fields_of_a_new_object_get_the_default_of_the_version(version, key_size):
    profile = {"applicationUser": "u", "instanceId": "a1"}
    encoded = encode("addApplicationUserCapfProfile", version, applicationUserCapfProfile=profile)
    assert encoded["applicationUserCapfProfile"] == {
        "applicationUser": "u",
        "instanceId": "a1",
        "certificateOperation": "No Pending Operation",
        "authenticationMode": "By Null String",
        "keySize": key_size,
    }
    assert profile == {"applicationUser": "u", "instanceId": "a1"}


def test_an_update_gets_no_defaults():
    assert encode("updateApplicationUserCapfProfile", instanceId="a1") == {"instanceId": "a1"}


@pytest.mark.parametrize(
    "name, given, text",
    [
        ("updateAppUser", dict(password="x"), "one of userid or uuid is required"),
        ("updateAppUser", dict(userid="a", uuid="b"), "give only one of userid or uuid"),
        ("updateAppUser", dict(userid="a", keySize="1"), "no field keySize"),
        ("updateEndUserCapfProfile", dict(instanceId="a", certificateOperation="Delete"), "no field certificateOp"),
        ("updateApplicationUserCapfProfile", dict(instanceId="a", certificationOperation="x"), "no field certificati"),
        ("updateApplicationUserCapfProfile", dict(instanceId="a", keySize="2014"), "2014 is not one of 512, 1024"),
        ("updateAppUser", dict(userid="a", associatedDevices=["x" * 60]), "60 characters are too long, at most 50"),
        ("updateAppUser", dict(userid="a", associatedDevices="SEP1"), "a list is expected"),
        ("updateAppUser", dict(userid="a", associatedGroups=["G"]), "a dictionary is expected"),
        ("updateAppUser", dict(userid="a", associatedGroups=[{"nmae": "G"}]), "no field nmae"),
        ("updateUser", dict(userid="a", enableCti="perhaps"), "true or false is expected"),
        ("updateUserGroup", dict(name="g", members=[], addMembers=[]), "give only one of"),
        ("updateUserGroup", dict(name="g", addMembers=[{}]), "userId is required"),
        ("getServiceParameter", dict(name="n", service="s"), "processNodeName is required"),
        ("listAppUser", dict(), "searchCriteria is required"),
        ("listAppUser", dict(searchCriteria={}), "at least one criterion"),
        ("listAppUser", dict(searchCriteria={"userid": "%"}, returnedTags=["password"]), "no field password to return"),
        ("listAppUser", dict(searchCriteria={"userid": "%"}, first="many"), "a number is expected"),
        ("addAppUser", dict(appUser={"password": "x"}), "userid is required"),
        ("addApplicationUserCapfProfile",
         dict(applicationUserCapfProfile={"applicationUser": "u", "instanceId": "a-b"}), "1 to 128 characters of a-z"),
    ],
)
def test_a_wrong_request_is_refused_by_name(name, given, text):
    with pytest.raises(_errors.InputError, match=text):
        encode(name, **given)


def test_a_wrong_secret_is_not_repeated():
    with pytest.raises(_errors.InputError) as refused:
        encode("updateAppUser", userid="a", password="p" * 200)
    assert "ppp" not in str(refused.value)


def test_no_secret_is_ever_asked_for():
    for operation in schema.OPERATIONS.values():
        for field in operation.reply.fields:
            assert not field.secret
        if any(field.element == "returnedTags" for field in operation.fields):
            given = {"searchCriteria": {f.element: "%" for f in operation.request[0].children}} \
                if operation.name.startswith("list") else {"uuid": "{x}"}
            tags = values.encode(operation, given)["returnedTags"]
            assert not {"password", "digestCredentials", "authenticationString"} & set(tags)


def test_secrets_of_a_request_are_known():
    operation = schema.OPERATIONS["addAppUser"]
    assert values.secrets(operation, {"appUser": {"userid": "a", "password": "pw"}}) == ["pw"]
    operation = schema.OPERATIONS["updateEndUserCapfProfile"]
    assert values.secrets(operation, {"instanceId": "a", "authenticationString": "4711"}) == ["4711"]


# Answers


def test_swapped_unknown_missing_and_nil_fields_survive():
    found = decode(
        "getAppUser",
        "<return><appUser uuid='{U}'><isStandard>f</isStandard><future><deep>x</deep></future><!-- c -->"
        "<presenceGroupName uuid='{P}'>Standard Presence group</presenceGroupName>"
        "<passwordCredentials><pwdCredTimeAdminLockout xsi:nil='true'/>"
        "<pwdCredUserCantChange>true</pwdCredUserCantChange></passwordCredentials>"
        "<userid>recorder</userid></appUser></return>",
    )
    assert found == {
        "uuid": "{U}",
        "userid": "recorder",
        "isStandard": False,
        "presenceGroupName": "Standard Presence group",
        "passwordCredentials": {"pwdCredTimeAdminLockout": None, "pwdCredUserCantChange": True},
        "associatedDevices": [],
        "associatedGroups": [],
        "associatedCapfProfiles": [],
        "ctiControlledDeviceProfiles": [],
    }


def test_secrets_in_an_answer_are_passed_over():
    found = decode("getApplicationUserCapfProfile", "<return><applicationUserCapfProfile><instanceId>a</instanceId>"
                   "<authenticationString>4711</authenticationString></applicationUserCapfProfile></return>")
    assert found == {"instanceId": "a"}


@pytest.mark.parametrize("text, value", [("t", True), ("true", True), ("1", True), ("True", True), ("f", False),
                                         ("false", False), ("0", False), ("", None)])
def test_boolean_words(text, value):
    found = decode("getAppUser", "<return><appUser><isStandard>%s</isStandard></appUser></return>" % text)
    assert found["isStandard"] is value


def test_only_lists_that_were_asked_for_are_there():
    found = decode("getUserGroup", "<return><userGroup><name>G</name></userGroup></return>", ["name"])
    assert found == {"name": "G"}


def test_members_and_roles_are_lists():
    found = decode(
        "getUserGroup",
        "<return><userGroup><members><member uuid='{M}'><userId>a</userId></member></members>"
        "<userRoles><userRole><roleName uuid='{R}'>Standard CTI Enabled</roleName></userRole></userRoles>"
        "</userGroup></return>",
    )
    assert found == {
        "members": [{"uuid": "{M}", "userId": "a"}],
        "userRoles": [{"roleName": "Standard CTI Enabled"}],
    }


@pytest.mark.parametrize("text, count", [("", 0), ("<return/>", 0), ("<return xsi:nil='true'/>", 0),
                                         ("<return><appUser><userid>a</userid></appUser></return>", 1)])
def test_a_list_is_always_a_list(text, count):
    assert len(decode("listAppUser", text)) == count


def test_rows_have_columns_in_lower_case_and_none_for_empty():
    found = decode("executeSQLQuery", "<return><row><USR>a</USR><std>t</std><grp/></row>"
                   "<row><usr>b</usr><std xsi:nil='true'/><grp>G</grp></row></return>")
    assert found == [{"usr": "a", "std": "t", "grp": None}, {"usr": "b", "std": None, "grp": "G"}]


def test_changes_carry_their_attributes():
    found = decode(
        "listChange",
        "<queueInfo><nextStartChangeId>12</nextStartChangeId><queueId>q</queueId></queueInfo><changes>"
        "<change uuid='{C}' type='AppUser'><action>u</action><id>11</id><doGet>true</doGet>"
        "<changedTags><changedTag name='userid'/></changedTags></change></changes>",
    )
    assert found["queueInfo"] == {"nextStartChangeId": 12, "queueId": "q"}
    assert found["changes"] == [
        {"uuid": "{C}", "type": "AppUser", "action": "u", "id": 11, "doGet": True, "changedTags": [{"name": "userid"}]}
    ]


def test_compare_rules():
    rules = {field.element: field.compare for field in schema.APP_USER.fields}
    assert rules["password"] == "write_only"
    assert rules["associatedDevices"] == "same_set"
    assert rules["presenceGroupName"] == "ignoring_case"
    assert rules["userid"] == "equal"
