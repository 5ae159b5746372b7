# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people met in the field with AXL, RISPort70 and Control Center, and more of each kind. The numbers are those of the reports."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import types
import zlib

import pytest
import scripted_axl
import scripted_https
import scripted_names
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dh, rsa
from scripted_axl import GOOD_READ, OK, UUID, change, read
from scripted_https import DROP, ScriptedServer, answer, envelope, fault, version_answer
from simulator import Simulator

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _connections, _errors, _fleet, _serviceability, _survey
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl import accounts, client
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import clusters
from ansible_collections.voiceops.secure_tsp.plugins.modules import cluster_service, fleet_accounts

PASSWORD = "Geheim-4711"


def html(status, title="", **headers):
    page = "<html><head><title>%s</title></head><body>no</body></html>" % (title or "HTTP Status %d" % status)
    return status, dict({"Content-Type": "text/html"}, **headers), page.encode()


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return scripted_https.Identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture
def cluster(identity):
    with scripted_axl.clients(identity, PASSWORD, jitter=0.0) as start:
        yield start


# A3: answers that lack something


def rows(*columns):
    inner = "".join("<%s>%s</%s>" % (name, value, name) for name, value in columns)
    return answer("executeSQLQuery", "<return><row>%s</row></return>" % inner)


NO_ROWS = answer("executeSQLQuery", "<return/>")
APPLICATION = rows(("usr", "recorder"), ("std", "f"), ("grp", ""))


@pytest.mark.parametrize(("replies", "operation", "missing"), [
    ([rows(("std", "f"), ("grp", "x"))], "executeSQLQuery", "usr"),
    ([rows(("usr", "recorder"), ("grp", "x"))], "executeSQLQuery", "std"),
    ([APPLICATION, rows(("grp", "x"))], "executeSQLQuery", "usr"),
    ([APPLICATION, NO_ROWS, rows(("usr", "recorder"), ("device", "SEP1"))], "executeSQLQuery", "kind"),
    ([APPLICATION, NO_ROWS, rows(("kind", "a"), ("usr", "recorder"))], "executeSQLQuery", "device"),
    ([APPLICATION, NO_ROWS, rows(("kind", "a"), ("device", "SEP1"))], "executeSQLQuery", "usr"),
])
def test_A3_a_row_without_a_column_is_a_typed_error(cluster, replies, operation, missing):
    server, axl = cluster(*replies)
    with pytest.raises(_errors.ProtocolError, match="lacks the field %s .*%s at 127" % (missing, operation)):
        accounts.Reader(axl).users(["recorder"])


def test_A3_a_kind_of_user_that_nobody_asked_for(cluster):
    server, axl = cluster(APPLICATION, NO_ROWS, rows(("kind", "x"), ("usr", "recorder"), ("device", "SEP1")))
    with pytest.raises(_errors.ProtocolError, match="type of user"):
        accounts.Reader(axl).users(["recorder"])


PROFILE = (("applicationUser", "recorder"), ("instanceId", "rec1"), ("certificateOperation", "No Pending Operation"))


@pytest.mark.parametrize("missing", [name for name, value in PROFILE])
@pytest.mark.parametrize("left", ["", "<%s/>", '<%s xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'])
def test_A3_a_profile_without_a_field(cluster, missing, left):
    fields = "".join((left % missing if left else "") if name == missing else "<%s>%s</%s>" % (name, value, name) for name, value in PROFILE)
    server, axl = cluster(answer(
        "listApplicationUserCapfProfile",
        "<return><applicationUserCapfProfile>%s</applicationUserCapfProfile></return>" % fields))
    with pytest.raises(_errors.ProtocolError, match="lacks the field %s .*listApplicationUserCapfProfile" % missing):
        accounts.Reader(axl).profiles("application", {"instanceId": "%"})


def test_A3_members_and_groups_without_names(cluster):
    group = "<return><userGroup><members><member uuid=\"%s\"/></members></userGroup></return>" % UUID
    user = ("<return><appUser><userid>rec</userid><associatedGroups><userGroup><userRoles/></userGroup></associatedGroups></appUser>"
            "</return>")
    server, axl = cluster(answer("getUserGroup", group), answer("getAppUser", user))
    reader = accounts.Reader(axl)
    with pytest.raises(_errors.ProtocolError, match="lacks the field userId .*getUserGroup"):
        reader.members("G")
    with pytest.raises(_errors.ProtocolError, match="lacks the field name .*getAppUser"):
        reader.user("application", "rec")


@pytest.mark.parametrize("inner", ["", "<return/>", "<return><user><userid>x</userid></user></return>"])
def test_A3_an_answer_without_its_object_is_not_taken_for_an_empty_one(cluster, inner):
    server, axl = cluster(answer("getAppUser", inner))
    with pytest.raises(_errors.ProtocolError, match="response to getAppUser lacks return/appUser"):
        read(axl)


def test_A3_an_answer_to_another_operation(cluster):
    server, axl = cluster(answer("getUserGroup", "<return/>"))
    with pytest.raises(_errors.ProtocolError, match="is for getUserGroup .*listAppUser"):
        axl.call("listAppUser", searchCriteria={"userid": "%"})


def listed_rows(operation, tag, *entries):
    inner = "".join("<%s>%s</%s>" % (tag, "".join("<%s>%s</%s>" % (name, value, name) for name, value in entry), tag) for entry in entries)
    return answer(operation, "<return>%s</return>" % inner)


def surveyed(cluster, *replies, look):
    """The facts and doubts of a Survey that looks at some things."""
    server, axl = cluster(*replies)
    survey = _survey.Survey(axl, axl.session.login, None)
    survey.facts["publisher"] = "cucm-pub"
    for name in look:
        getattr(survey, "_read_" + name)()
    return survey.facts, " ".join(survey.doubts)


def test_A3_a_node_without_a_name_is_a_doubt(cluster):
    nodes = listed_rows("listProcessNode", "processNode", [("name", "cucm-pub"), ("nodeUsage", "Publisher")], [("nodeUsage", "Subscriber")],
                        [("name", ""), ("description", "x")])
    facts, doubts = surveyed(cluster, nodes, look=["nodes"])
    assert [one["name"] for one in facts["nodes"]] == ["cucm-pub"] and facts["publisher"] == "cucm-pub" and "2 of the cluster's entries" in doubts


def test_A3_a_service_of_no_node_is_a_doubt(cluster):
    """And a node whose Control Center cannot be reached by its name in the database is another one."""
    services = listed_rows(
        "listProcessNodeService", "processNodeService", [("service", "Cisco CTIManager"), ("isActive", "true")],
        [("processNodeName", "cu cm"), ("service", "Cisco CTIManager"), ("isActive", "true")])
    facts, doubts = surveyed(cluster, services, look=["services"])
    assert [(one["node"], one["activated"], one["running"]) for one in facts["services"]] == [("cu cm", True, None)]
    assert "1 of the cluster's entries lack processNodeName" in doubts and "services of node cu cm are running" in doubts


def test_A17_nodes_that_do_not_answer_take_the_time_of_one(cluster, monkeypatch):
    together = threading.Barrier(4, timeout=20)  # breaks unless all are asked at the same time

    def status(login, node, names, patience):
        together.wait()
        raise _errors.TransportError("no connection to %s" % node)

    monkeypatch.setattr(_survey, "service_status", status)
    services = listed_rows("listProcessNodeService", "processNodeService", *[
        [("processNodeName", "sub%d" % number), ("service", "Cisco CTIManager"), ("isActive", "true")] for number in range(4)])
    facts, doubts = surveyed(cluster, services, look=["services"])
    assert [one["running"] for one in facts["services"]] == [None] * 4
    assert [doubts.index("no connection to sub%d" % number) for number in range(4)] == sorted(
        doubts.index("no connection to sub%d" % number) for number in range(4))


@pytest.mark.parametrize(("value", "mode"), [("1", 1), (" 1 ", 1), ("0", 0), ("", None), ("\u00b2", None), ("mixed", None), ("-1", None)])
def test_A3_the_security_mode_however_it_is_padded(cluster, value, mode):
    facts, doubts = surveyed(cluster, rows(("paramvalue", value)), look=["security"])
    assert facts["security_mode"] == mode and bool(doubts) is (mode is None)


def test_A3_connections_that_RIS_does_not_tell_are_not_none(cluster):
    server, axl = cluster((200, {}, envelope('<n:selectCtiItemResponse xmlns:n="http://schemas.cisco.com/ast/soap"/>')))
    with pytest.raises(_errors.ProtocolError, match="selectCtiItem lacks selectCtiItemReturn/SelectCtiItemResult"):
        _serviceability.select_cti_items(axl.session.login, ["recorder"])


# A4: the limit of requests, by code or by words


WORDS = "Exceeded allowed rate for Reatime information. Current allowed rate for realtime information is 15 requests per minute."


@pytest.mark.parametrize("refusal", [
    fault(None, WORDS, code="soapenv:Server"),
    fault(None, WORDS, code="soapenv:Server.userException"),
    fault(None, "AxisFault", code="ns1:Server.RateControl"),
    fault(None, "exceeded allowed rate for Perfmon information", code="Server.generalException"),
    fault(None, "Too many requests", code="env:Receiver"),
    (500, {}, envelope("<e:Fault xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Code><e:Value>e:Receiver</e:Value></e:Code>"
                       "<e:Reason><e:Text>%s</e:Text></e:Reason></e:Fault>" % WORDS)),
    (200, {}, fault(None, WORDS, code="soapenv:Server")[2]),
    fault("x", WORDS, code="soapenv:Server"),
])
def test_A4_the_limit_of_requests_is_recognised_by_code_or_words(cluster, refusal):
    server, axl = cluster(refusal, refusal)
    pauses = []
    with pytest.raises(_serviceability.RateExceeded, match="Wait a minute") as refused:
        _serviceability.select_cti_items(axl.session.login, ["recorder"], patience=30, sleep=pauses.append)
    assert refused.value.code == client.RATE_CONTROL and pauses == [30.0]


def test_A4_by_the_status_429(cluster):
    server, axl = cluster(*[html(429)] * client.TRIES)
    with pytest.raises(_serviceability.RateExceeded):
        _serviceability.select_cti_items(axl.session.login, ["recorder"], sleep=lambda seconds: None)


# A4, A8, A11: what a fault says counts, wherever its code stands and whatever the status is


NOT_THERE = "Item not valid: The specified AppUser was not found"
OLD_DETAIL = ('<axl:Error xmlns:axl="http://www.cisco.com/AXL/API/1.0"><axl:code>%s</axl:code><axl:message>%s</axl:message></axl:Error>')


def old_fault(code, message):
    return 500, {}, envelope("<soapenv:Fault><faultcode>S:Client</faultcode><faultstring>x</faultstring><detail>%s</detail></soapenv:Fault>" % (
        OLD_DETAIL % (code, message)))


@pytest.mark.parametrize("refusal", [
    fault(None, NOT_THERE), fault(None, NOT_THERE, code="S:Client"), fault(0, NOT_THERE), fault(-1, "The specified AppUser was not found"),
    old_fault(5007, NOT_THERE), old_fault(0, NOT_THERE), fault(" 5007 ", "Item not valid"),
    (404, {}, fault(5007, NOT_THERE)[2]), (400, {}, fault(5007, NOT_THERE)[2]), (200, {}, fault(5007, NOT_THERE)[2]),
])
def test_A11_a_user_that_is_not_there_is_no_failure(cluster, refusal):
    server, axl = cluster(refusal)
    assert accounts.Reader(axl).user("application", "recorder") is None


@pytest.mark.parametrize("refusal", [
    fault(None, "Could not insert new row - duplicate value in a UNIQUE INDEX column (Unique Index:: ix_x)."), fault(-239, "x"),
    old_fault(-239, "x"), fault(-1, "duplicate value in a unique index"),
])
def test_A11_what_somebody_made_meanwhile_is_recognised(cluster, refusal):
    server, axl = cluster(refusal)
    with pytest.raises(_errors.AxlError, match="created in the meantime") as refused:
        change(axl)
    assert refused.value.code == client.DUPLICATE


@pytest.mark.parametrize(("code", "message", "kept"), [
    (5003, "The specified User was not found in the directory", 5003), (-1, "x", -1), (0, "x", 0), ("Client", "x", "Client"),
])
def test_A11_a_code_that_says_something_is_not_overruled_by_words(cluster, code, message, kept):
    server, axl = cluster(fault(code, message))
    with pytest.raises(_errors.AxlError) as refused:
        change(axl)
    assert refused.value.code == kept


@pytest.mark.parametrize("status", [400, 404, 405, 410, 422, 504])
def test_A8_a_fault_says_more_than_the_status_that_it_comes_with(cluster, status):
    server, axl = cluster((status, {}, fault(-1, "New value is trivial")[2]))
    with pytest.raises(_errors.AxlError, match="trivial.*credential policy"):
        change(axl)


@pytest.mark.parametrize(("location", "told"), [
    ("https://idp.example.com/saml?SAMLRequest=geheim", "redirects to https://idp.example.com/saml "),
    ("https://axl:geheim@cucm.example.com/ccmadmin/;jsessionid=geheim", "redirects to https://cucm.example.com/ccmadmin/ "),
    ("/ccmadmin/#geheim", "redirects to /ccmadmin/ "),
])
def test_A8_a_redirection_says_where_it_leads_to(cluster, location, told):
    server, axl = cluster(html(302, Location=location))
    with pytest.raises(_errors.AxlError, match="HTTP 302, which " + told.replace("?", ".")) as refused:
        read(axl)
    assert "geheim" not in str(refused.value)


# A3, A13: answers that are not as clean as the schema


def recorder_with(description, octets=lambda text: text.encode("utf-8"), begin="", **headers):
    text = begin + ANSWER_OF_USER % description
    return 200, headers, octets(text)


ANSWER_OF_USER = answer("getAppUser", "<return><appUser><userid>recorder</userid><description>%s</description></appUser></return>")[2].decode()
DECLARED = '<?xml version="1.0" encoding="%s"?>'


@pytest.mark.parametrize("reply", [
    recorder_with("a\x07b"), recorder_with("a&#x1F;b&#0;&#xFFFE;&#99999999;"), recorder_with("a\ufffeb"), recorder_with("\x07", begin=DECLARED % "UTF-8"),
    recorder_with("J\u00fcrgen", lambda text: text.encode("latin-1"), **{"Content-Type": "text/xml; charset=ISO-8859-1"}),
    recorder_with("J\u00fcrgen", lambda text: text.encode("latin-1"), begin=DECLARED % "ISO-8859-1"),
    recorder_with("J\u00fcrgen", lambda text: text.encode("latin-1")),  # said to be UTF-8, and is not
    recorder_with("x", lambda text: text.encode("utf-16"), begin=DECLARED % "UTF-16", **{"Content-Type": "text/xml; charset=utf-16"}),
    recorder_with("x", lambda text: text.encode("utf-8-sig"), begin=DECLARED % "UTF-8"), recorder_with("x", begin="\r\n " + DECLARED % "UTF-8"),
    recorder_with("x", lambda text: gzip.compress(text.encode()), **{"Content-Encoding": "gzip"}),
    recorder_with("x", lambda text: zlib.compress(text.encode()), **{"Content-Encoding": "deflate"}),
    recorder_with("x", **{"Content-Type": "text/xml; charset=klingon"}, begin=DECLARED % "UTF-8"),
])
def test_A3_one_name_that_XML_cannot_carry_keeps_nothing_else_from_being_read(cluster, reply):
    server, axl = cluster(reply)
    assert read(axl)["userid"] == "recorder"


@pytest.mark.parametrize("reply", [
    recorder_with("x", **{"Content-Type": "text/xml; charset=klingon"}), recorder_with("x", **{"Content-Type": "multipart/related; boundary=x"}),
    recorder_with("x", lambda text: text.encode()[:-20]), recorder_with("x", lambda text: b"\x1f\x8b" + text.encode(), **{"Content-Encoding": "gzip"}),
    recorder_with("&a;", begin='<!DOCTYPE x [<!ENTITY a "b">]>'), recorder_with("\x07", begin='<!DOCTYPE x [<!ENTITY a "b">]>'),
])
def test_A3_what_cannot_be_read_is_said_in_a_sentence(cluster, reply):
    server, axl = cluster(reply)
    with pytest.raises(_errors.ProtocolError, match="unreadable data"):
        read(axl)


@pytest.mark.parametrize("body", [b"", b"<html><title>Log in</title></html>", envelope("")])
def test_A3_an_answer_to_a_change_that_says_nothing_leaves_it_open_whether_it_was_made(cluster, body):
    server, axl = cluster((200, {}, body))
    with pytest.raises(_errors.ProtocolError, match="may or may not have been made"):
        change(axl)


@pytest.mark.parametrize(("fields", "address"), [
    ("<AppIpAddr>192.0.2.31</AppIpAddr>", "192.0.2.31"), ("<AppIpAddr>/192.0.2.31</AppIpAddr>", "192.0.2.31"),
    ("<AppIpAddr/><AppIpv6Addr>2001:DB8:0:0:0:0:0:31</AppIpv6Addr>", "2001:db8::31"),
    ("<AppIpAddr>0.0.0.0</AppIpAddr><AppIpv6Addr>2001:db8::31%eth0</AppIpv6Addr>", "2001:db8::31"),
    ("<AppIpAddr>::ffff:192.0.2.31</AppIpAddr>", "192.0.2.31"), ("<AppIpAddr>unknown</AppIpAddr>", "unknown"), ("", None),
])
def test_A10_addresses_are_those_that_hosts_tell_whatever_their_spelling(cluster, fields, address):
    """Otherwise a running application is taken for a stranger's, and a second provider is opened."""
    inner = ("<selectCtiItemReturn><SelectCtiItemResult><TotalItemsFound>1</TotalItemsFound><CtiNodes><item><Name>n</Name><CtiItems><item>"
             "<AppId>x</AppId><UserId>recorder</UserId>%s</item></CtiItems></item></CtiNodes></SelectCtiItemResult></selectCtiItemReturn>") % fields
    server, axl = cluster((200, {}, envelope(
        '<n:selectCtiItemResponse xmlns:n="http://schemas.cisco.com/ast/soap">%s</n:selectCtiItemResponse>' % inner)))
    (item,) = _serviceability.select_cti_items(axl.session.login, ["recorder"])
    assert item["address"] == address


def of_nodes(*codes, total=0):
    """An answer of RISPort70 with these return codes."""
    nodes = "".join("<item><ReturnCode>%s</ReturnCode><Name>n%d</Name><CtiItems/></item>" % (code, number) for number, code in enumerate(codes))
    return 200, {}, envelope(
        '<n:selectCtiItemResponse xmlns:n="http://schemas.cisco.com/ast/soap"><selectCtiItemReturn><SelectCtiItemResult><TotalItemsFound>%d'
        "</TotalItemsFound><CtiNodes>%s</CtiNodes></SelectCtiItemResult></selectCtiItemReturn></n:selectCtiItemResponse>" % (total, nodes))


@pytest.mark.parametrize(("codes", "doubt"), [
    (("Ok", "NotFound"), ""), (("NotFound",), ""), (("Ok", "NodeNotResponding"), "no answer from node n1 (NodeNotResponding)"),
    (("InternalError", "Ok"), "no answer from node n0 (InternalError)"), (("nodenotresponding",), "no answer from node n0"), (("",), ""),
])
def test_A5_a_node_that_did_not_answer_leaves_a_doubt(cluster, codes, doubt):
    server, axl = cluster(*[of_nodes(*codes)] * 4)
    login = axl.session.login
    access = clusters.Access({"main": dict(hostname=login.hostname, port=login.port, username="axl", password=PASSWORD, ca_path=login.ca_path)})
    seen = access.view("main", ["recorder"])
    assert seen["available"] and seen["connections"] == [] and doubt in seen["doubt"] and bool(seen["doubt"]) is bool(doubt)
    lines = []
    told = types.SimpleNamespace(told=lines, cut=[])
    held = clusters.Policy().held(access, "main", ["recorder"], told, False)
    assert (doubt in held.get("recorder", "")) if doubt else held == {}
    assert clusters.Policy(cut=["recorder"]).held(access, "main", ["recorder"], told, False) == {}
    assert clusters.Policy(made={("main", "recorder")}).held(access, "main", ["recorder"], told, False) == {}


def test_A5_what_one_answer_did_not_know_stays_unknown(cluster):
    view = _connections.View()
    for codes in (("NodeNotResponding",), ("Ok",)):
        view.take(_serviceability.Selection([], dict(n0=codes[0]), 0), None)
    assert view.silent == ["n0"] and not view.complete


# A5: Control Center while a node restarts


@pytest.fixture
def sim():
    with Simulator(release="14", fronts=("axl",)) as running:
        yield running


@pytest.fixture
def service(run_module, sim):
    def run(**options):
        options = dict(dict(services=["Cisco CTIManager"], state="restarted", wait_timeout=60), **options)
        return run_module(cluster_service, hostname=sim.host, port=sim.axl_port, username=sim.username, password=sim.password,
                          ca_path=sim.ca_path, **options)

    return run


RATE_FAULT = fault(None, WORDS, code="soapenv:Server")[2].decode()


@pytest.mark.parametrize("rule", [
    dict(kind="garbage", body=RATE_FAULT),
    dict(kind="http", code=500), dict(kind="http", code=404), dict(kind="http", code=503), dict(kind="http", code=429),
    dict(kind="http", code=502), dict(kind="http", code=401), dict(kind="garbage", body="<html><title>Starting</title></html>"),
    dict(kind="garbage", body=fault(None, "java.lang.NullPointerException", code="Server.userException")[2].decode()),
])
def test_A5_what_a_starting_node_says_does_not_end_the_waiting(service, sim, rule, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    sim.faults.add("controlcenter", operation="soapGetServiceStatus", after=1, times=1 if rule.get("code") == 401 else 2, **rule)
    result = service()
    assert "failed" not in result, result["msg"]
    assert result["changed"] and result["services"][0]["after"]["status"] == "Started"


@pytest.mark.parametrize("rule", [dict(kind="http", code=403), dict(kind="http", code=401)])
def test_A5_a_clear_refusal_ends_the_waiting(service, sim, rule, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    sim.faults.add("controlcenter", operation="soapGetServiceStatus", after=1, times=None, **rule)
    result = service()
    assert result["failed"] and result["code"] == rule["code"]


def test_A5_a_node_that_never_comes_back_ends_at_the_wait_timeout(service, sim):
    sim.faults.add("controlcenter", operation="soapGetServiceStatus", after=1, times=None, kind="http", code=500)
    began = time.monotonic()
    result = service(wait_timeout=3)
    assert time.monotonic() - began < 8
    assert result["failed"] and "not in the requested state after 3 seconds" in result["msg"] and "HTTP 500" in result["msg"]


def test_A5_a_busy_node_is_asked_again_before_anything_is_ordered(service, sim, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    sim.faults.add("controlcenter", operation="soapGetServiceStatus", times=2, kind="garbage", body=RATE_FAULT)
    sim.faults.add("controlcenter", operation="soapDoControlServices", times=2, kind="garbage", body=RATE_FAULT)
    result = service()
    assert "failed" not in result, result["msg"]


def test_A5_an_order_whose_answer_is_lost_is_judged_by_its_outcome(service, sim, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    sim.faults.add("controlcenter", operation="soapDoControlServices", kind="http", code=500)
    result = service(wait_timeout=1)
    assert result["failed"] and "Restart: the server sent an HTML page instead of a SOAP response (HTTP 500" in result["msg"]


# A6: the same verdict on every Python


def test_A6_a_certificate_that_names_no_host_is_said_so(tmp_path):
    nameless = scripted_https.Identity(tmp_path, names=("localhost",), alternative=False)
    with ScriptedServer(nameless, [version_answer()]) as server:
        login = client.ClusterLogin("localhost", "axl", PASSWORD, port=server.port, ca_path=nameless.ca_path)
        with client.AxlClient(login) as axl, pytest.raises(_errors.TrustError, match="only the subject.*server_fingerprint"):
            axl.call("getCCMVersion")
        assert server.requests == []


# A7: versions that a server lists


@pytest.mark.parametrize(("text", "newest_first"), [
    ("Incorrect axl version. Supported axl versions: 10.x, 11.x and 12.x", ["12.5", "12.0", "11.5", "10.x"]),
    ("Supported axl versions: 15.x", ["15.0"]),
    ("Supported versions are 11.x, 12.x and 14.x", ["14.0", "12.5", "12.0", "11.5"]),
    ("Supported: 12.5, 12.0, 12.5", ["12.5", "12.0"]),
    ("Axl version 15.0 is not supported. Supported axl versions: 11.5, 14.0", ["14.0", "11.5"]),
    ("<html><h1>HTTP Status 599</h1>Supported AXL versions: 12, 14 and 15</html>", ["15.0", "14.0", "12.5", "12.0"]),
    ("Supported axl versions: 12.X;14.X", ["14.0", "12.5", "12.0"]),
    ("no", []),
])
def test_A7_the_versions_of_a_refusal(text, newest_first):
    assert list(client.supported_versions(text)) == newest_first


@pytest.mark.parametrize(("text", "chosen"), [("10.x, 11.x and 12.x", "12.5"), ("11.x, 12.x and 14.x", "14.0")])
def test_A7_the_newest_of_ours_is_chosen(cluster, text, chosen):
    refused = (599, {"Content-Type": "text/plain"}, b"Supported axl versions: " + text.encode())
    server, axl = cluster(version_answer("15.0.1.1(1)"), refused, GOOD_READ, axl_version=None)
    read(axl)
    assert axl.axl_version == chosen


def test_A7_axl_version_is_blamed_only_where_it_was_given(cluster):
    refused = (599, {"Content-Type": "text/plain"}, b"Supported axl versions: 16.x, 16.x")
    server, axl = cluster(version_answer("15.0.1.1(1)"), refused, axl_version=None)
    with pytest.raises(client.VersionRefused, match=r"It supports 16\.x\. This collection supports 11\.5.*15\.0") as told:
        read(axl)
    assert "axl_version" not in str(told.value)


# A8: sessions that the server forgot


def with_session(reply, *names):
    status, headers, body = reply
    cookies = ", ".join("%s=OLD; Path=/; Secure" % name for name in names)
    return status, dict(headers, **{"Set-Cookie": cookies}), body


@pytest.mark.parametrize(("cookies", "forgotten"), [
    (("JSESSIONIDSSO", "JSESSIONID"), html(401)), (("JSESSIONIDSSO",), html(401)), (("JSESSIONIDSSO",), html(404)),
    (("JSESSIONID",), html(404)), (("JSESSIONIDSSO",), html(403)), (("JSESSIONIDSSO",), html(302, Location="/login")),
    (("JSESSIONIDSSO",), html(200, "Log in")),
])
@pytest.mark.parametrize("ask", [read, change])
def test_A8_a_forgotten_session_is_opened_again_once(cluster, cookies, forgotten, ask):
    good = GOOD_READ if ask is read else OK
    server, axl = cluster(with_session(good, *cookies), forgotten, good)
    ask(axl)
    assert ask(axl)
    assert len(server.requests) == 3 and "Cookie" not in server.requests[2].headers
    assert "Authorization" in server.requests[2].headers and axl.pauses == []


@pytest.mark.parametrize("status", [401, 403, 404])
def test_A8_and_never_twice(cluster, status):
    server, axl = cluster(with_session(OK, "JSESSIONIDSSO", "JSESSIONID"), html(status), html(status))
    change(axl)
    with pytest.raises(_errors.AxlError) as refused:
        change(axl)
    assert refused.value.code == status and len(server.requests) == 3


def test_A8_credentials_that_were_refused_are_never_sent_again(cluster):
    server, axl = cluster(with_session(OK, "JSESSIONID"), html(401))
    change(axl)
    with pytest.raises(_errors.AxlError, match="not retried"):
        change(axl)
    assert "Authorization" in server.requests[1].headers and len(server.requests) == 2


# A9: one patience for a task


def test_A9_undoing_stops_at_the_first_503(sim, run_module, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    instances = [dict(host="h%d" % number, user="recorder", instance_id="rec%d" % number,
                      needs_certificate=dict(needed=True, reason="missing")) for number in range(50)]
    sim.faults.add("axl", operation="addApplicationUserCapfProfile", after=30, times=None, kind="http", code=503)
    sim.faults.add("axl", operation="updateApplicationUserCapfProfile", times=None, kind="http", code=503)
    failed = run_module(fleet_accounts, hostname=sim.host, port=sim.axl_port, username=sim.username, password=sim.password,
                        ca_path=sim.ca_path, users=[dict(name="recorder", password="Recorder-1234")], instances=instances)
    assert failed["failed"] and failed["code"] == 503 and failed["disarmed"] == []
    assert sorted(failed["still_armed"]) == sorted("rec%d" % number for number in range(30))
    operations = failed["requests"]["by_operation"]
    assert operations["addApplicationUserCapfProfile"] == 30 + client.TRIES
    assert operations["updateApplicationUserCapfProfile"] == 1
    assert 0 < sum(pauses) < 60


def test_A9_a_session_waits_no_longer_than_its_patience(cluster):
    server, axl = cluster(*[html(503, **{"Retry-After": "30"}), OK] * 20)
    with pytest.raises(_errors.AxlError, match="HTTP 503"):
        for number in range(20):
            change(axl)
    assert client.PATIENCE - 60 < sum(axl.pauses) <= client.PATIENCE


def test_A9_a_server_that_was_given_up_is_asked_once_until_it_answers(cluster):
    server, axl = cluster(*[html(503)] * client.TRIES, html(503), OK, html(503), OK)
    for tries in (client.TRIES, 1):
        before = len(server.requests)
        with pytest.raises(_errors.AxlError):
            change(axl)
        assert len(server.requests) - before == tries
    assert change(axl) and change(axl)


def test_A9_a_user_that_is_refused_ends_nothing_else(cluster):
    """What the server says of one object is no reason to stop undoing."""
    server, axl = cluster()
    touched = accounts.Applier(axl, accounts.Reader(axl), _fleet.Wish())
    touched._touched = [("application", "a"), ("application", "b")]
    profile = answer("getApplicationUserCapfProfile", "<return><applicationUserCapfProfile>%s</applicationUserCapfProfile></return>" % (
        "<applicationUser>u</applicationUser><instanceId>b</instanceId><certificateOperation>Install/Upgrade</certificateOperation>"))
    server.replies[:] = [fault(5003, "lower User Rank"), profile, answer("updateApplicationUserCapfProfile", "<return>x</return>")]
    error = touched._half_done(_errors.AxlError("x"))
    assert (error.facts["still_armed"], error.facts["disarmed"]) == (["b"], ["a"])


@pytest.mark.parametrize("asked", ["\u00b2", "-5", "soon", "1.5", "", "Wed, 99 Oct 2099 07:28:00 GMT", "9" * 400])
def test_A9_a_Retry_After_that_nobody_can_read_is_passed_over(cluster, asked):
    server, axl = cluster(html(503, **{"Retry-After": asked}), OK)
    assert change(axl) == UUID and axl.pauses == [max(1.0, float(asked) if asked == "1.5" else 0)]


def test_A9_a_page_is_asked_again_less_often_than_a_server_that_asks_for_patience(cluster):
    """The first says nothing of later; five tries of it, 19 seconds, told nobody more than three."""
    server, axl = cluster(*[html(500)] * 9)
    with pytest.raises(_errors.ProtocolError, match="3 times in a row"):
        read(axl)
    assert len(server.requests) == client.TRIES_UNSAID == 3 and axl.pauses == [1.0, 2.0]


def test_A9_all_sessions_of_a_task_have_one_patience(cluster):
    """A stage connects several times. What one session lost on a cluster is not lost once more by the next."""
    server, axl = cluster(*[html(503)] * (client.TRIES + 1), OK, html(503), OK)
    with pytest.raises(_errors.AxlError):
        change(axl)
    pauses, patience = [], axl.session._patience
    left = patience.left
    with client.AxlClient(axl.session.login, budget=patience, sleep=pauses.append, jitter=lambda: 0.0) as other:
        with pytest.raises(_errors.AxlError, match=r"HTTP 503\)"):
            change(other)
        assert pauses == [] and len(server.requests) == client.TRIES + 1
        assert change(other) and change(other)
        assert pauses == [1.0] and left - patience.left >= 1.0


def test_A9_a_service_that_was_given_up_is_no_reason_to_give_up_another(cluster):
    server, axl = cluster(*[html(500)] * client.TRIES_UNSAID, html(503), OK)
    with pytest.raises(_errors.ProtocolError):
        _serviceability.select_cti_items(axl.session.login, ["recorder"], budget=axl.session._patience, sleep=lambda seconds: None)
    assert change(axl) == UUID and axl.pauses == [1.0]


def test_A9_a_stage_hands_one_patience_to_every_login_at_a_cluster():
    access = clusters.Access(dict((name, dict(hostname="cucm", username="axl", password="x")) for name in ("main", "lab")))
    one, two, other = access.connect("main"), access.connect("main"), access.connect("lab")
    assert one.session._patience is two.session._patience is not other.session._patience


# A11: what code -1 means is in its words


@pytest.mark.parametrize(("code", "message", "cure", "not_told"), [
    (-1, "The password does not meet the credential policy", "credential policy", "fewer objects"),
    (-1, "Password must be at least 8 characters", "credential policy", "fewer objects"),
    (-1, "New value is trivial", "credential policy", "fewer objects"),
    (-1, "The database is read-only", "accepts no changes now", "fewer objects"),
    (-1, "Publisher is not reachable", "accepts no changes now", "fewer objects"),
    (-1, "Could not write: upgrade in progress", "accepts no changes now", "fewer objects"),
    (-1, "java.lang.NullPointerException", "log of the service", "fewer objects"),
    (5003, "Cannot update LDAP synchronized user", "directory", "rank"),
    (5003, "Not allowed, lower User Rank", "User Rank", "mandatory"),
])
def test_A11_a_cure_fits_the_words(cluster, code, message, cure, not_told):
    server, axl = cluster(fault(code, message))
    with pytest.raises(_errors.AxlError, match=message.partition(":")[0]) as refused:
        change(axl)
    assert cure in refused.value.cure and not_told not in refused.value.cure and refused.value.code == code


@pytest.mark.parametrize(("code", "message", "total", "suggested"), [
    (-1, "Query request too large. Total rows matched: 12,345 rows. Suggestive Row Fetch: less than 1,000 rows", 12345, 999),
    ("Client", "query request too large", None, None),
    (0, "Query Request Too Large. Total rows matched: 9 rows.", 9, None),
])
def test_A11_too_large_is_recognised_by_its_words(cluster, code, message, total, suggested):
    server, axl = cluster(fault(code, message))
    with pytest.raises(client.AnswerTooLarge) as refused:
        axl.sql("select name from device")
    assert (refused.value.total_rows, refused.value.suggested_rows) == (total, suggested)


@pytest.mark.parametrize("reply", [
    fault(-1, "MAXIMUM AXL MEMORY ALLOCATION CONSUMED. Please retry"), (200, {}, fault(0, "java.lang.OutOfMemoryError")[2]),
    fault("Server", "Not enough memory to process the request"),
])
def test_A11_memory_faults_are_waited_for(cluster, reply):
    server, axl = cluster(reply, GOOD_READ)
    assert read(axl)["userid"] == "recorder" and len(axl.pauses) == 1


# A12: TLS of old servers


OAKLEY_2 = int(  # 1024 bits, RFC 2409
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16)


@pytest.fixture(scope="module")
def rsa_identity(tmp_path_factory):
    return scripted_https.Identity(tmp_path_factory.mktemp("rsa"), key=rsa.generate_private_key(65537, 2048))


def short_dh(context, folder):
    parameters = dh.DHParameterNumbers(OAKLEY_2, 2).parameters()
    path = folder / "dh.pem"
    path.write_bytes(parameters.parameter_bytes(serialization.Encoding.PEM, serialization.ParameterFormat.PKCS3))
    context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_dh_params(str(path))


def only_tls_1(context, _folder):
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1


def only_tls_1_1(context, _folder):
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.maximum_version = ssl.TLSVersion.TLSv1_1


def only_aes128_sha(context, _folder):
    context.set_ciphers("AES128-SHA:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Diffie-Hellman")
@pytest.mark.parametrize(("old", "reason"), [
    (short_dh, "dh key too small.*Diffie-Hellman"), (only_tls_1, "version"), (only_tls_1_1, "version"), (only_aes128_sha, "cipher suite"),
])
def test_A12_the_TLS_of_an_old_server_is_named_and_can_be_taken(rsa_identity, tmp_path, old, reason):
    with ScriptedServer(rsa_identity, [version_answer()]) as server:
        old(server.context, tmp_path)
        login = dict(hostname="127.0.0.1", username="axl", password=PASSWORD, port=server.port, ca_path=rsa_identity.ca_path, timeout=5)
        with client.AxlClient(client.ClusterLogin(**login)) as axl:
            with pytest.raises(_errors.TransportError, match=reason) as refused:
                axl.call("getCCMVersion")
        assert "Set tls_legacy" in refused.value.cure and "HTTPS port" not in str(refused.value)
        assert server.requests == []
        legacy = client.ClusterLogin(tls_legacy=True, **login)
        with client.AxlClient(legacy) as axl:
            assert axl.version
        assert any("tls_legacy" in warning for warning in legacy.warnings)


def test_A12_a_certificate_with_a_short_key(tmp_path):
    short = scripted_https.Identity(tmp_path, key=rsa.generate_private_key(65537, 1024))
    with ScriptedServer(short, [version_answer()], ciphers="DEFAULT:@SECLEVEL=0") as server:
        login = dict(hostname="127.0.0.1", username="axl", password=PASSWORD, port=server.port, ca_path=short.ca_path, timeout=5)
        with client.AxlClient(client.ClusterLogin(**login)) as axl:
            with pytest.raises(_errors.TransportError, match="too (weak|small|short)") as refused:
                axl.call("getCCMVersion")
        assert "tls_legacy" in refused.value.cure
        with client.AxlClient(client.ClusterLogin(tls_legacy=True, **login)) as axl:
            assert axl.version


@pytest.mark.parametrize(("old", "needed"), [(only_tls_1_1, True), (only_aes128_sha, True), (None, False)])
def test_A12_whether_tls_legacy_is_needed_is_found_out_without_a_word_to_the_server(rsa_identity, tmp_path, old, needed):
    with ScriptedServer(rsa_identity, [version_answer()]) as server:
        if old:
            old(server.context, tmp_path)
        login = client.ClusterLogin("127.0.0.1", "axl", PASSWORD, port=server.port, ca_path=rsa_identity.ca_path, timeout=5, tls_legacy=True)
        with client.AxlClient(login) as axl:
            assert axl.version
            assert axl.session.could_do_without_legacy() is not needed
        assert len(server.requests) == 1


def test_A12_tls_legacy_decides_nothing_about_trust(identity, rsa_identity):
    with ScriptedServer(rsa_identity, [version_answer()]) as server:
        login = client.ClusterLogin("127.0.0.1", "axl", PASSWORD, port=server.port, ca_path=identity.ca_path, tls_legacy=True)
        with client.AxlClient(login) as axl, pytest.raises(_errors.TrustError, match="not trusted"):
            axl.call("getCCMVersion")
        assert server.requests == []


# A13: pages without end


def profiles(first, count):
    return answer("listApplicationUserCapfProfile", "<return>%s</return>" % "".join(
        "<applicationUserCapfProfile uuid='{%036d}'><instanceId>id%d</instanceId></applicationUserCapfProfile>" % (number, number)
        for number in range(first, first + count)))


TOO_LARGE = fault(-1, "Query request too large. Total rows matched: %d rows. Suggestive Row Fetch: less than 5 rows")
TOO_LARGE_UNTOLD = fault(-1, "Query request too large.")


def too_large(total):
    status, headers, body = TOO_LARGE
    return status, headers, body.replace(b"%d", str(total).encode())


def listed(axl):
    return [one["instanceId"] for one in axl.call("listApplicationUserCapfProfile", searchCriteria={"instanceId": "%"})]


def ids(count):
    return ["id%d" % number for number in range(count)]


def test_A13_a_server_that_gives_everything_whatever_is_asked(cluster):
    server, axl = cluster(too_large(7), profiles(0, 7))
    assert listed(axl) == ids(7)


def test_A13_a_server_that_always_gives_the_first_page_is_not_believed(cluster):
    server, axl = cluster(too_large(7), *[profiles(0, 4)] * 9)
    with pytest.raises(_errors.ProtocolError, match="has 7 rows but returns 4"):
        listed(axl)
    assert len(server.requests) == 3


def test_A13_a_last_page_that_comes_again(cluster):
    server, axl = cluster(too_large(8), profiles(0, 4), profiles(4, 4), *[profiles(4, 4)] * 9)
    assert listed(axl) == ids(8)
    assert len(server.requests) == 4


def test_A13_pages_that_overlap_bring_each_row_once(cluster):
    server, axl = cluster(too_large(6), profiles(0, 4), profiles(2, 4), profiles(6, 0))
    assert listed(axl) == ids(6)


def test_A13_no_total_is_told(cluster):
    server, axl = cluster(TOO_LARGE_UNTOLD, profiles(0, client.ROWS_PER_PAGE), profiles(0, client.ROWS_PER_PAGE))
    assert len(listed(axl)) == client.ROWS_PER_PAGE


# A14: users that their directory does not have any more


@pytest.fixture
def people(sim, run_module):
    sim.seed({"end_users": [{"name": "jdoe", "lastname": "Doe", "password": "Jane-Secret-1"}, {"name": "asmith", "lastname": "Smith"}]})

    def run(**options):
        return run_module(fleet_accounts, hostname=sim.host, port=sim.axl_port, username=sim.username, password=sim.password,
                          ca_path=sim.ca_path, **options)

    return run


JDOE = {"name": "jdoe", "type": "end"}
DESK = {"host": "desk01", "user": "jdoe", "instance_id": "desk01x1", "needs_certificate": {"needed": True, "reason": "missing"}}


@pytest.mark.parametrize("refuse_sql", [False, True])
@pytest.mark.parametrize("check", [False, True])
def test_A14_an_inactive_end_user_is_refused_by_name(sim, people, refuse_sql, check):
    if refuse_sql:
        sim.faults.add("axl", operation="executeSQLQuery", times=None, kind="http", code=403)
    sim.act("set_directory_status", user="jdoe", status=2)
    before = sim.cluster.state_hash()
    failed = people(users=[JDOE, dict(JDOE, name="asmith")], instances=[DESK], check=check)
    assert failed["failed"] and "end user jdoe is no longer active" in failed["msg"] and "asmith" not in failed["msg"]
    assert [one["code"] for one in failed["remarks"]] == ["user_inactive"]
    assert sim.cluster.state_hash() == before


def test_A14_what_is_to_go_may_go(sim, people):
    assert "failed" not in people(users=[JDOE], instances=[DESK])
    sim.act("set_directory_status", user="jdoe", status=2)
    gone = people(users=[dict(JDOE, state="absent")], instances=[{k: v for k, v in dict(DESK, state="absent").items()
                                                                  if k != "needs_certificate"}])
    assert "failed" not in gone, gone["msg"]
    assert sim.cluster.accounts.profile("desk01x1") is None


def test_A14_a_release_without_the_column_is_read_all_the_same(sim, people):
    with sim.cluster.database.transaction() as db:
        db.run("alter table enduser rename column status to tkstatus")
    done = people(users=[JDOE], check=True)
    assert "failed" not in done, done["msg"]
    assert done["read_way"] == "sql" and done["users"][0]["exists"]


@pytest.mark.parametrize(("status", "active"), [(None, True), ("", True), ("1", True), (1, True), (" 1 ", True), ("2", False), (0, False),
                                                ("Active", True), ("Inactive", False), ("3", False)])
def test_A14_the_words_for_it(status, active):
    assert accounts._active(status) is active


# A16: logins that would go elsewhere


@pytest.mark.parametrize(("options", "text"), [
    (dict(timeout=0), "timeout"), (dict(timeout=-1), "timeout"), (dict(port=-1), "port"), (dict(port=0), "port"),
    (dict(port=70000), "port"), (dict(hostname="cucm/"), "hostname"), (dict(hostname="cucm#x"), "hostname"),
    (dict(hostname="cucm?x"), "hostname"), (dict(hostname="https://cucm"), "hostname"), (dict(hostname="cucm:443"), "hostname"),
    (dict(hostname="axl:geheim@cucm"), "hostname"), (dict(hostname=""), "hostname"), (dict(hostname="cu cm"), "hostname"),
    (dict(hostname="cucm\n"), "hostname"), (dict(hostname="-cucm"), "hostname"), (dict(hostname="[cucm]"), "hostname"),
    (dict(hostname="cucm\\evil"), "hostname"), (dict(username="a:b"), "username"), (dict(username=""), "username"),
])
def test_A16_a_login_that_would_go_elsewhere_is_refused(options, text):
    with pytest.raises(_errors.InputError, match=text) as refused:
        client.ClusterLogin(**{**dict(hostname="cucm", username="axl", password=PASSWORD), **options})
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(("hostname", "address"), [
    ("cucm-pub.example.com", "cucm-pub.example.com:8443"), ("192.0.2.1", "192.0.2.1:8443"), ("2001:db8::1", "[2001:db8::1]:8443"),
    ("[2001:db8::1]", "[2001:db8::1]:8443"), ("cucm_pub", "cucm_pub:8443"), ("cucm.example.com.", "cucm.example.com.:8443"),
    ("bücher.example", "bücher.example:8443"),
])
def test_A16_names_and_addresses_that_are_right(hostname, address):
    assert client.ClusterLogin(hostname, "axl", PASSWORD).address == address


def test_A16_a_name_with_a_final_dot_is_that_of_the_certificate(tmp_path, monkeypatch):
    known = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **options: known("127.0.0.1", *more, **options))
    absolute = scripted_https.Identity(tmp_path, names=("cucm.example.com",))
    with ScriptedServer(absolute, [version_answer()]) as server:
        login = client.ClusterLogin("cucm.example.com.", "axl", PASSWORD, port=server.port, ca_path=absolute.ca_path)
        with client.AxlClient(login) as axl:
            assert axl.version


@pytest.mark.parametrize(("given", "meant"), [
    ("14", "14.0"), ("15", "15.0"), ("12.50", None), ("14.00", "14.0"), (" 12.5 ", "12.5"), ("15.0", "15.0"), ("12", "12.0"),
    ("9.0", None), ("16", None), ("latest", None), ("14.0.1", None), ("\u0661\u0664", None),
])
def test_A16_a_version_that_YAML_has_shortened(given, meant):
    assert client.known_version(given) == meant


def test_A16_modules_say_it_in_a_sentence(run_module):
    for options, text in ((dict(timeout=0), "timeout"), (dict(port=-1), "port"), (dict(hostname="cucm/x"), "hostname")):
        failed = run_module(cluster_service, **{**dict(hostname="cucm", username="axl", password="x", services=["x"], state="started"),
                                                **options})
        assert failed["failed"] and text in failed["msg"]


@pytest.mark.parametrize("status", [429, 502, 503])
@pytest.mark.parametrize(("ask", "good"), [(read, GOOD_READ), (change, OK)])
def test_A16_a_busy_server_is_asked_again(cluster, status, ask, good):
    server, axl = cluster(html(status), html(status, **{"Retry-After": "7"}), good)
    assert ask(axl)
    assert axl.pauses == [1.0, 7.0]


@pytest.mark.parametrize("status", [500, 504, 520])
def test_A16_a_page_of_a_server_that_fails_is_asked_again_only_for_reads(cluster, status):
    server, axl = cluster(html(status), GOOD_READ, html(status, "Down"))
    assert read(axl)
    with pytest.raises(_errors.ProtocolError, match='HTTP %d.*a page titled "Down".*may or may not have been made' % status):
        change(axl)
    assert len(server.requests) == 3


def test_A16_an_arming_that_ends_with_such_a_page_is_undone(sim, run_module):
    sim.faults.add("axl", operation="addApplicationUserCapfProfile", kind="http", code=504)
    failed = run_module(
        fleet_accounts, hostname=sim.host, port=sim.axl_port, username=sim.username, password=sim.password, ca_path=sim.ca_path,
        users=[dict(name="recorder", password="Recorder-1234")],
        instances=[dict(host="h", user="recorder", instance_id="rec1", needs_certificate=dict(needed=True, reason="missing"))])
    assert failed["failed"] and "HTTP 504" in failed["msg"] and failed["still_armed"] == []
    assert failed["requests"]["by_operation"]["updateApplicationUserCapfProfile"] == 1


def test_A16_a_date_to_retry_after(cluster):
    server, axl = cluster(html(503, **{"Retry-After": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 20))}), OK)
    change(axl)
    assert 17 <= axl.pauses[0] <= 21


def test_A16_escapes_in_titles_and_faults_are_made_visible(cluster):
    server, axl = cluster(fault(5003, "a\u009b31m\nb"), html(418, "x\x1b[31m"))
    for ask in (change, change):
        with pytest.raises(_errors.AxlError) as refused:
            ask(axl)
        assert str(refused.value).isprintable()


# A17: one deadline over everything


@pytest.fixture
def slow_server(identity):
    """start(talk) -> port; C(talk(connection, stop)) speaks after the request has come, within TLS or, with plain, without."""
    stop = threading.Event()
    threads, listeners = [], []

    def start(talk, plain=False):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            try:
                connection = listener.accept()[0]
                if not plain:
                    connection = ScriptedServer(identity).context.wrap_socket(connection, server_side=True)
                with connection:
                    if not plain:
                        connection.recv(65536)
                    talk(connection, stop)
            except OSError:
                pass

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return listener.getsockname()[1]

    yield start
    stop.set()
    for one in listeners:
        one.close()
    for one in threads:
        one.join()


def trickle(octets):
    def talk(connection, stop):
        for number in range(10 ** 4):
            if stop.wait(0.05):
                return
            connection.sendall(octets[number:number + 1] or b"x")

    return talk


def silence(connection, stop):
    stop.wait(20)


def endless_continue(connection, stop):
    while not stop.wait(0.02):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nX-Long: "


@pytest.mark.parametrize(("talk", "plain"), [
    (trickle(HEADERS), False), (trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"), False), (silence, False),
    (silence, True), (endless_continue, False), (trickle(b"\x16\x03\x03\x40\x00"), True),
])
def test_A17_one_deadline_over_handshake_headers_and_body(identity, slow_server, talk, plain):
    port = slow_server(talk, plain)
    login = client.ClusterLogin("127.0.0.1", "axl", PASSWORD, port=port, ca_path=identity.ca_path, timeout=0.6)
    began = time.monotonic()
    with client.AxlClient(login) as axl, pytest.raises(_errors.DeadlineExceeded, match="within 0.6 seconds"):
        axl.call("getCCMVersion")
    assert time.monotonic() - began < 2


def test_A17_an_address_that_does_not_answer_leaves_time_for_the_next(identity, monkeypatch):
    """The first of two addresses swallows everything: a listener whose queue is full."""
    with ScriptedServer(identity, [version_answer()]) as server:
        scripted_names.first_is_silent(monkeypatch)
        login = client.ClusterLogin("localhost", "axl", PASSWORD, port=server.port, ca_path=identity.ca_path, timeout=2)
        with client.AxlClient(login) as axl:
            assert axl.version


def test_A17_names_are_looked_up_within_the_deadline(monkeypatch):
    """The name service of a host has a patience of its own, of minutes."""
    login = client.ClusterLogin("cucm.example.com", "axl", PASSWORD, timeout=0.3)
    with scripted_names.no_answer(monkeypatch) as done:
        with client.AxlClient(login) as axl, pytest.raises(_errors.DeadlineExceeded, match="resolved within 0.3 seconds.*name servers"):
            axl.call("getCCMVersion")
        assert not done.is_set()


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_A17_what_the_name_service_says_is_told(monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with client.AxlClient(client.ClusterLogin("cucm.example.com", "axl", PASSWORD)) as axl:
        with pytest.raises(_errors.TransportError, match="cannot be resolved"):
            axl.call("getCCMVersion")


def test_A17_within_ends_retries_too(cluster):
    server, axl = cluster(*[html(503)] * 9)
    with axl.session.within(2), pytest.raises(_errors.AxlError, match="HTTP 503"):
        change(axl)
    assert sum(axl.pauses) <= 2


def test_A17_a_dropped_connection_costs_patience_too(cluster):
    server, axl = cluster(*[DROP] * 30)
    axl.session._patience = client.Patience(2)
    with pytest.raises(_errors.TransportError):
        read(axl)
    assert axl.pauses == [1.0]
