# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RISPort70, Control Center and log collection over a scripted server."""

from __future__ import annotations

from datetime import datetime

import pytest
import scripted_https
from lxml import etree
from scripted_https import ScriptedServer, fault

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _errors, _serviceability
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._attachment import TooLarge
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.client import ClusterLogin

NS = "{http://schemas.cisco.com/ast/soap}"


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return scripted_https.Identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture
def cluster(identity):
    opened = []

    def start(*replies):
        server = ScriptedServer(identity, replies)
        server.__enter__()
        opened.append(server)
        login = ClusterLogin("127.0.0.1", "ris", "secret", port=server.port, ca_path=identity.ca_path, timeout=5)
        return server, login

    yield start
    for server in opened:
        server.__exit__()


def soap(operation, inner):
    return 200, {}, scripted_https.envelope(
        '<ns1:%sResponse xmlns:ns1="http://schemas.cisco.com/ast/soap">%s</ns1:%sResponse>'
        % (operation, inner, operation)
    )


ITEM = (
    "<ns1:item><ns1:AppId>recorder-192.0.2.7-58667</ns1:AppId><ns1:UserId>recorder</ns1:UserId>"
    "<ns1:AppIpAddr>192.0.2.7</ns1:AppIpAddr><ns1:AppIpv6Addr/><ns1:AppStatus>Open</ns1:AppStatus>"
    "<ns1:AppStatusReason>0</ns1:AppStatusReason><ns1:AppTimeStamp>1762000000</ns1:AppTimeStamp>"
    "<ns1:CtiDevice><ns1:AppControlsMedia>false</ns1:AppControlsMedia><ns1:DeviceName>SEP001122334455"
    "</ns1:DeviceName><ns1:DeviceStatus>Open</ns1:DeviceStatus></ns1:CtiDevice><ns1:CtiLine/></ns1:item>"
)
FOUND = soap(
    "selectCtiItem",
    "<ns1:selectCtiItemReturn><ns1:SelectCtiItemResult><ns1:TotalItemsFound>1</ns1:TotalItemsFound><ns1:CtiNodes>"
    "<ns1:item><ns1:ReturnCode>Ok</ns1:ReturnCode><ns1:Name>cucm1</ns1:Name><ns1:NoChange>false</ns1:NoChange>"
    "<ns1:CtiItems>%s</ns1:CtiItems></ns1:item>"
    "<ns1:item><ns1:ReturnCode>NotFound</ns1:ReturnCode><ns1:Name>cucm2</ns1:Name><ns1:CtiItems/></ns1:item>"
    "</ns1:CtiNodes></ns1:SelectCtiItemResult><ns1:StateInfo>x</ns1:StateInfo></ns1:selectCtiItemReturn>" % ITEM,
)
RATE = fault(None, "Exceeded allowed rate for Reatime information", code="soapenv:Server.RateControl")


def test_one_request_for_all_users_in_the_order_of_the_service(cluster):
    server, login = cluster(FOUND)
    found = _serviceability.select_cti_items(login, ["recorder", "dialer"])
    assert found == [
        dict(
            node="cucm1", app_id="recorder-192.0.2.7-58667", user="recorder", address="192.0.2.7", status="Open",
            reason=0, time=1762000000, line={},
            device={"AppControlsMedia": False, "DeviceName": "SEP001122334455", "DeviceStatus": "Open"},
        )
    ]
    request = server.requests[0]
    assert request.path == "/realtimeservice2/services/RISService70"
    assert request.headers["SOAPAction"] == '"selectCtiItem"'
    operation = next(etree.fromstring(request.body).iter(NS + "selectCtiItem"))
    assert [child.tag for child in operation] == [NS + "StateInfo", NS + "CtiSelectionCriteria"]
    assert [child.tag[len(NS):] for child in operation[1]] == [
        "MaxReturnedItems", "CtiMgrClass", "Status", "NodeName", "SelectAppBy", "AppItems", "DevNames", "DirNumbers",
    ]
    users = [element.text for element in operation.iter(NS + "AppItem")]
    assert users == ["recorder", "dialer"]


def test_nodes_and_completeness_are_told(cluster):
    server, login = cluster(FOUND, FOUND)
    with _serviceability.RealTimeInformation(login) as ris:
        selection = ris.select("Provider", ["recorder"])
    assert selection.nodes == {"cucm1": "Ok", "cucm2": "NotFound"}
    assert selection.complete
    assert not selection._replace(total=5000).complete


def test_the_rate_limit_is_waited_for_within_the_patience(cluster):
    server, login = cluster(RATE, RATE, FOUND)
    pauses = []
    assert _serviceability.select_cti_items(login, ["recorder"], patience=45, sleep=pauses.append)
    assert pauses == [30.0, 15.0]


def test_the_rate_limit_without_patience_is_its_own_error(cluster):
    server, login = cluster(RATE)
    with pytest.raises(_serviceability.RateExceeded, match="selectCtiItem at 127.0.0.1.*Wait a minute"):
        _serviceability.select_cti_items(login, ["recorder"])


def test_a_refused_login_names_the_serviceability_role(cluster):
    server, login = cluster((401, {"Content-Type": "text/html"}, b"<html/>"))
    with pytest.raises(_errors.AxlError, match="Standard CCM Server Monitoring"):
        _serviceability.select_cti_items(login, ["recorder"])


def test_another_account_for_serviceability():
    params = dict(
        hostname="cucm", port=8443, username="axl", password="a", validate_certs=True, timeout=60,
        serviceability_username="ris", serviceability_password="b",
    )
    login = _serviceability.serviceability_login(params)
    assert (login.username, login.password) == ("ris", "b")
    params["serviceability_username"] = None
    assert _serviceability.serviceability_login(params).username == "axl"


STATUS = (
    "<ns1:%(name)sReturn><ns1:ReturnCode>0</ns1:ReturnCode><ns1:ReasonCode>-1</ns1:ReasonCode><ns1:ReasonString/>"
    "<ns1:ServiceInfoList><ns1:item><ns1:ServiceName>Cisco CTIManager</ns1:ServiceName>"
    "<ns1:ServiceStatus>Started</ns1:ServiceStatus><ns1:ReasonCode>-1</ns1:ReasonCode><ns1:ReasonCodeString> "
    "</ns1:ReasonCodeString><ns1:StartTime>Sat Nov  1 12:00:00 2025</ns1:StartTime><ns1:UpTime>86400</ns1:UpTime>"
    "</ns1:item></ns1:ServiceInfoList></ns1:%(name)sReturn>"
)


def test_service_status_of_a_node(cluster):
    server, login = cluster(soap("soapGetServiceStatus", STATUS % dict(name="soapGetServiceStatus")))
    found = _serviceability.service_status(login, "localhost", ["Cisco CTIManager", "Cisco Tftp"])
    assert found == [
        dict(service="Cisco CTIManager", status="Started", reason_code=-1, reason=None,
             start_time="Sat Nov  1 12:00:00 2025", uptime=86400)
    ]
    request = server.requests[0]
    assert request.path == "/controlcenterservice2/services/ControlCenterServices"
    assert request.headers["Host"] == "localhost:%d" % server.port
    assert request.text.count("</ns0:ServiceStatus>") == 2


@pytest.mark.parametrize(
    "act, operation, parts",
    [
        (lambda center: center.deploy("cucm1", ["Cisco Tftp"]), "soapDoServiceDeployment",
         ["DeploymentServiceRequest", "NodeName", "DeployType", "ServiceList", "item"]),
        (lambda center: center.control("cucm1", ["Cisco Tftp"], "Restart"), "soapDoControlServices",
         ["ControlServiceRequest", "NodeName", "ControlType", "ServiceList", "item"]),
    ],
)
def test_services_are_changed_as_counted_writes(cluster, act, operation, parts):
    server, login = cluster(soap(operation, STATUS % dict(name=operation)))
    with _serviceability.ControlCenter(login) as center:
        assert act(center).rows[0]["status"] == "Started"
        assert center.session.requests["write"] == 1
    sent = next(etree.fromstring(server.requests[0].body).iter(NS + operation))
    assert [element.tag[len(NS):] for element in sent.iter()][1:] == parts


# Log collection

CRITERIA = [
    "ServiceLogs", "SystemLogs", "SearchStr", "Frequency", "JobType", "ToDate", "FromDate", "TimeZone", "RelText",
    "RelTime", "Port", "IPAddress", "UserName", "Password", "ZipInfo", "RemoteFolder",
]
LOGS_PATH = "/logcollectionservice2/services/LogCollectionPortTypeService"
NODES = soap(
    "listNodeServiceLogs",
    "<ns1:listNodeServiceLogsReturn><ns1:name>cucm1</ns1:name><ns1:ServiceLog><ns1:item>Cisco Tftp</ns1:item>"
    "<ns1:item>Cisco CTIManager</ns1:item></ns1:ServiceLog><ns1:SystemLog><ns1:item>Event Viewer</ns1:item>"
    "</ns1:SystemLog></ns1:listNodeServiceLogsReturn><ns1:listNodeServiceLogsReturn><ns1:name>cucm2</ns1:name>"
    "<ns1:ServiceLog/></ns1:listNodeServiceLogsReturn>",
)
SELECTED = soap(
    "selectLogFiles",
    '<ns1:ResultSet><ns1:SchemaFileSelectionResult><ns1:Node><ns1:name>cucm1</ns1:name><ns1:ServiceList>'
    "<ns1:ServiceLogs><ns1:name>Cisco Tftp</ns1:name><ns1:SetOfFiles><ns1:File><ns1:name>t1.txt</ns1:name>"
    "<ns1:absolutepath>/var/log/active/t1.txt</ns1:absolutepath><ns1:filesize>123</ns1:filesize>"
    "<ns1:modifiedDate>Mon Nov 23 16:41:07 CET 2026</ns1:modifiedDate></ns1:File>"
    '<ns1:File xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'
    "<ns1:File><ns1:absolutepath>/var/log/active/t2.txt</ns1:absolutepath><ns1:filesize>unknown</ns1:filesize>"
    "</ns1:File></ns1:SetOfFiles></ns1:ServiceLogs>"
    '<ns1:ServiceLogs xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'
    "</ns1:ServiceList></ns1:Node></ns1:SchemaFileSelectionResult></ns1:ResultSet>",
)
NO_FILES = soap("selectLogFiles", "<ns1:ResultSet><ns1:SchemaFileSelectionResult/></ns1:ResultSet>")


def bare(element, text):
    return 200, {}, scripted_https.envelope(
        '<ns1:%s xmlns:ns1="http://schemas.cisco.com/ast/soap">%s</ns1:%s>' % (element, text, element)
    )


def in_parts(reply):
    """The same answer as releases send it that pack everything into a multipart."""
    octets = b"--B1\r\nContent-Type: text/xml\r\n\r\n" + reply[2] + b"\r\n--B1--\r\n"
    return 200, {"Content-Type": 'multipart/related; type="text/xml"; boundary=B1'}, octets


@pytest.fixture
def logs(cluster):
    opened = []

    def start(*replies, **options):
        server, login = cluster(*replies)
        opened.append(_serviceability.LogCollection(login, **options))
        return server, opened[-1]

    yield start
    for one in opened:
        one.session.close()


@pytest.mark.parametrize("dress", [lambda reply: reply, in_parts])
def test_logs_are_listed_by_node(logs, dress):
    server, collection = logs(dress(NODES))
    assert collection.logs() == [
        ("cucm1", ["Cisco Tftp", "Cisco CTIManager"], ["Event Viewer"]), ("cucm2", [], []),
    ]
    request = server.requests[0]
    assert (request.path, request.headers["SOAPAction"]) == (LOGS_PATH, '"listNodeServiceLogs"')
    body = next(etree.fromstring(request.body).iter(NS + "listNodeServiceLogs"))
    assert [(child.tag, child.text) for child in body] == [(NS + "ListRequest", None)]


@pytest.mark.parametrize(
    "time_range, sent",
    [
        (_serviceability.last_minutes(30), ["", "", "", "Minutes", "30"]),
        (_serviceability.last_minutes(127), ["", "", "", "Minutes", "127"]),
        (_serviceability.last_minutes(128), ["", "", "", "Hours", "3"]),
        (_serviceability.last_minutes(127 * 60), ["", "", "", "Hours", "127"]),
        (_serviceability.last_minutes(127 * 60 + 1), ["", "", "", "Days", "6"]),
        (_serviceability.last_minutes(128 * 24 * 60), ["", "", "", "Weeks", "19"]),
        (
            _serviceability.between(datetime(2026, 11, 23, 0, 5), datetime(2026, 11, 23, 16, 30), "Client: (GMT+1:0)X"),
            ["11/23/26 4:30 PM", "11/23/26 12:05 AM", "Client: (GMT+1:0)X", "None", "0"],
        ),
    ],
)
def test_a_selection_names_every_criterion_in_order(logs, time_range, sent):
    server, collection = logs(SELECTED)
    assert collection.select(["Cisco Tftp", "Cisco CTIManager"], time_range) == [
        ("Cisco Tftp", "t1.txt", "/var/log/active/t1.txt", 123, "Mon Nov 23 16:41:07 CET 2026"),
        ("Cisco Tftp", "", "/var/log/active/t2.txt", None, None),
    ]
    request = server.requests[0]
    assert (request.path, request.headers["SOAPAction"]) == (LOGS_PATH, '"selectLogFiles"')
    criteria = next(etree.fromstring(request.body).iter(NS + "FileSelectionCriteria"))
    assert [child.tag for child in criteria] == [NS + name for name in CRITERIA]
    assert [child.text for child in criteria[0]] == ["Cisco Tftp", "Cisco CTIManager"]
    assert list(criteria[1]) == []
    assert [child.text or "" for child in criteria[2:]] == (
        ["", "OnDemand", "DownloadtoClient"] + sent + ["0", "", "", "", "false", ""]
    )


def test_more_than_the_service_can_count_is_refused():
    with pytest.raises(_errors.InputError, match="more than 127 weeks"):
        _serviceability.last_minutes(127 * 7 * 24 * 60 + 1)


def test_nothing_selected_is_an_empty_list(logs):
    server, collection = logs(NO_FILES)
    assert collection.select(["Cisco Tftp"], _serviceability.last_minutes(5)) == []


def test_the_time_zone_is_asked_with_one_bare_element(logs):
    server, collection = logs(bare("TimeZone", " Client: (GMT+1:0)Europe/Berlin "))
    assert collection.time_zone() == "Client: (GMT+1:0)Europe/Berlin"
    body = etree.fromstring(server.requests[0].body)[0]
    assert [child.tag for child in body] == [NS + "LocalHost"]
    assert server.requests[0].headers["SOAPAction"] == '"getTimeZone"'


class Sink:
    """Takes a file as LogCollection.fetch gives it, from the beginning at each try."""

    def __init__(self):
        self.tries = []

    def start(self):
        self.tries.append([])
        return self.tries[-1].append

    @property
    def content(self):
        return b"".join(self.tries[-1])


def test_a_file_is_asked_by_its_path_alone_and_streamed(logs):
    server, collection = logs(bare("GetOneFileReturn", "aGVsbG8="))
    sink = Sink()
    assert collection.fetch("/var/log/active/a&b <1>.txt", sink.start, 100, 10) == 5
    assert sink.content == b"hello"
    body = etree.fromstring(server.requests[0].body)[0]
    assert [(child.tag, child.text, len(child)) for child in body] == [
        (NS + "FileName", "/var/log/active/a&b <1>.txt", 0)
    ]
    assert server.requests[0].headers["SOAPAction"] == '"GetOneFile"'
    assert collection.session.requests["by_operation"] == {"GetOneFile": 1}


def test_a_broken_download_begins_anew(logs):
    status, headers, octets = bare("GetOneFileReturn", "aGVsbG8=")
    cut = (200, {"Content-Length": str(len(octets) + 5), "Connection": "close"}, octets)
    pauses = []
    server, collection = logs(cut, (status, headers, octets), sleep=pauses.append)
    sink = Sink()
    assert collection.fetch("/x", sink.start, 100, 10) == 5
    assert (len(sink.tries), sink.content, len(pauses)) == (2, b"hello", 1)


def endless(start, piece):
    yield start
    while True:
        yield piece


@pytest.mark.parametrize(
    "start, piece, error",
    [
        (b"<a><GetOneFileReturn>", b"QUJD" * 1000, TooLarge),
        (b"<a>", b"<b>text</b>" * 100, _errors.ProtocolError),
        (b"<a><", b"x" * 1000, _errors.ProtocolError),
        (b"<a><GetOneFileReturn>", b"\n" * 1000, _errors.ProtocolError),
    ],
)
def test_an_endless_answer_ends_at_its_limit(logs, start, piece, error):
    server, collection = logs((200, {"Content-Length": str(10 ** 15)}, endless(start, piece)))
    sink = Sink()
    with pytest.raises(error, match=r"/x at 127\.0\.0\.1"):
        collection.fetch("/x", sink.start, 50000, 60)
    assert len(sink.content) <= 50000
    assert len(server.requests) == 1


def test_an_endless_list_ends_at_the_limit_of_answers(logs):
    server, collection = logs((200, {"Content-Length": str(10 ** 15)}, endless(b"<a>", b"<b>text</b>" * 1000)))
    with pytest.raises(_errors.AxlError, match="larger than the 8 MB"):
        collection.logs()


def test_a_download_that_trickles_ends_at_its_deadline(logs):
    server, collection = logs((200, {"Content-Length": str(10 ** 15)}, endless(b"<a><GetOneFileReturn>", b"QUJD")))
    ticks = iter(range(10 ** 9))
    collection.session._monotonic = lambda: next(ticks)
    with pytest.raises(_errors.DeadlineExceeded, match="within 20 seconds"):
        collection.fetch("/x", Sink().start, 10 ** 12, 20)


@pytest.mark.parametrize(
    "reply, text, code",
    [
        ((401, {"Content-Type": "text/html"}, b"<html/>"), "Standard RealtimeAndTraceCollection", 401),
        ((403, {"Content-Type": "text/html"}, b"<html/>"), "Standard RealtimeAndTraceCollection", 403),
        ((404, {"Content-Type": "text/html"}, b"<html/>"), "log collection", 404),
        ((200,) + fault(None, "no such file", code="soapenv:Server")[1:], "the server refused: no such file", "Server"),
        (fault(None, "no such file", code="soapenv:Server"), "the server refused: no such file", "Server"),
        (fault(None, "Exceeded allowed rate", code="Server.RateControl"), "less busy", "Server.RateControl"),
    ],
)
def test_refusals_carry_code_and_cure(logs, reply, text, code):
    server, collection = logs(reply)
    with pytest.raises(_errors.AxlError, match=text) as refused:
        collection.fetch("/x", Sink().start, 100, 10)
    assert refused.value.code == code
    assert "secret" not in str(refused.value)


def test_an_overloaded_node_is_asked_again_and_then_named(logs):
    pauses = []
    busy = (503, {"Content-Type": "text/html"}, b"<html/>")
    server, collection = logs(*[busy] * 5, sleep=pauses.append)
    with pytest.raises(_errors.AxlError, match="overloaded") as refused:
        collection.fetch("/x", Sink().start, 100, 10)
    assert (refused.value.code, len(server.requests), len(pauses)) == (503, 5, 4)


def test_the_limit_of_requests_is_waited_for_within_the_patience_of_the_node(logs):
    pauses = []
    rate = fault(None, "Exceeded allowed rate", code="Server.RateControl")
    server, collection = logs(rate, bare("GetOneFileReturn", "aGk="), sleep=pauses.append, patience=40)
    assert collection.fetch("/x", Sink().start, 100, 10) == 2
    assert pauses == [30.0]
