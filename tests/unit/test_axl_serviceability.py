# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RISPort70 and Control Center over a scripted server."""

from __future__ import annotations

import pytest
import scripted_https
from lxml import etree
from scripted_https import ScriptedServer, fault

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _errors, _serviceability
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
