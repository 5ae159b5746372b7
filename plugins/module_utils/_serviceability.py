# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The serviceability services beside AXL: RISPort70 for CTI connections, Control Center for services.

Fields and limits are those of the vendor's public service descriptions and of the RISPort70 developer
pages: RISPort70 answers 15 requests a minute by default. Both services need another role than AXL.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, NamedTuple, Optional

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.client import (
    SoapClient,
    WebSession,
    login_from,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.schema import (
    BOOLEAN,
    INTEGER,
    Field,
    Operation,
    Reply,
    Service,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import AxlError

NAMESPACE = "http://schemas.cisco.com/ast/soap"
RIS_PATH = "/realtimeservice2/services/RISService70"
CONTROL_CENTER_PATH = "/controlcenterservice2/services/ControlCenterServices"
ROLES = (
    "RISPort70, Control Center and log collection need the role Standard CCM Server Monitoring "
    "or Standard RealtimeAndTraceCollection."
)

ITEMS_LIMIT = 1000  # of one RISPort70 answer
RATE_PAUSE = 30.0  # seconds; the server's counter starts anew every minute
RATE_CONTROL = "Server.RateControl"

CTI_CLASSES = ("Provider", "Device", "Line")
CTI_STATUSES = ("Any", "Open", "Closed", "OpenFailed", "Unknown")


def _named_items(element, name):
    return Field(element, children=(Field("item", many=True, children=(Field(name),)),))


CTI_ITEM = (
    Field("AppId"),
    Field("UserId"),
    Field("AppIpAddr"),
    Field("AppIpv6Addr"),
    Field("AppStatus"),
    Field("AppStatusReason", INTEGER),
    Field("AppTimeStamp", INTEGER),
    Field(
        "CtiDevice",
        children=(
            Field("AppControlsMedia", BOOLEAN),
            Field("DeviceName"),
            Field("DeviceStatus"),
            Field("DeviceStatusReason", INTEGER),
            Field("DeviceTimeStamp", INTEGER),
        ),
    ),
    Field(
        "CtiLine",
        children=(
            Field("DirNumber"),
            Field("LineStatus"),
            Field("LineStatusReason", INTEGER),
            Field("LineTimeStamp", INTEGER),
        ),
    ),
)
CTI_NODE = (
    Field("ReturnCode"),
    Field("Name"),
    Field("NoChange", BOOLEAN),
    Field("CtiItems", children=(Field("item", many=True, children=CTI_ITEM),)),
)
SELECT_CTI_ITEM = Operation(
    "selectCtiItem",
    (
        Field("StateInfo", required=True),
        Field(
            "CtiSelectionCriteria",
            required=True,
            children=(
                Field("MaxReturnedItems", INTEGER),
                Field("CtiMgrClass", choices=CTI_CLASSES),
                Field("Status", choices=CTI_STATUSES),
                Field("NodeName"),
                Field("SelectAppBy", choices=("AppId", "AppIPV4Address", "AppIPV6Address", "UserId")),
                _named_items("AppItems", "AppItem"),
                _named_items("DevNames", "DevName"),
                _named_items("DirNumbers", "DirNumber"),
            ),
        ),
    ),
    Reply(
        ("selectCtiItemReturn", "SelectCtiItemResult"),
        "object",
        (
            Field("TotalItemsFound", INTEGER),
            Field("CtiNodes", children=(Field("item", many=True, children=CTI_NODE),)),
        ),
    ),
)

SERVICE_INFO = (
    Field("ServiceName"),
    Field("ServiceStatus"),
    Field("ReasonCode", INTEGER),
    Field("ReasonCodeString"),
    Field("StartTime"),
    Field("UpTime", INTEGER),
)
CONTROL_CENTER_REPLY = (
    Field("ReturnCode", INTEGER),
    Field("ReasonCode", INTEGER),
    Field("ReasonString"),
    Field("ServiceInfoList", children=(Field("item", many=True, children=SERVICE_INFO),)),
)


def _service_request(element, verb, choices):
    return Field(
        element,
        required=True,
        children=(
            Field("NodeName"),
            Field(verb, choices=choices),
            Field("ServiceList", children=(Field("item", many=True),)),
        ),
    )


def _control_center(name, request, writes):
    return Operation(name, (request,), Reply((name + "Return",), "object", CONTROL_CENTER_REPLY), writes)


GET_STATUS = _control_center("soapGetServiceStatus", Field("ServiceStatus", many=True), writes=False)
DEPLOY = _control_center(
    "soapDoServiceDeployment",
    _service_request("DeploymentServiceRequest", "DeployType", ("Deploy", "UnDeploy")),
    writes=True,
)
CONTROL = _control_center(
    "soapDoControlServices",
    _service_request("ControlServiceRequest", "ControlType", ("Start", "Stop", "Restart")),
    writes=True,
)


def _service(name, *operations):
    return Service(name, NAMESPACE, True, "%s", dict((operation.name, operation) for operation in operations))


RIS = _service("RISService70", SELECT_CTI_ITEM)
CONTROL_CENTER = _service("ControlCenterServices", GET_STATUS, DEPLOY, CONTROL)


class RateExceeded(AxlError):
    """The cluster's limit of requests a minute was still exhausted when the caller's patience ended."""


class CtiItem(NamedTuple):
    """One provider, device or line that CTI Manager knows of. Times are Unix seconds.

    app_id: C(<login>-<client address>-<client TCP port>); behind address translation not the client's own.
    """

    node: str
    app_id: Optional[str]
    user: Optional[str]
    address: Optional[str]
    status: Optional[str]
    reason: Optional[int]
    time: Optional[int]
    device: Dict[str, Any]
    line: Dict[str, Any]


class Selection(NamedTuple):
    """What RIS answered: nodes maps each node to its return code; total may exceed what one answer carries."""

    items: List[CtiItem]
    nodes: Dict[str, str]
    total: int

    @property
    def complete(self):
        return self.total <= len(self.items)


def serviceability_login(params):
    """ClusterLogin from the options of the doc fragment C(cluster.serviceability)."""
    login = login_from(params)
    return login.as_user(params.get("serviceability_username"), params.get("serviceability_password"))


class RealTimeInformation:
    """RISPort70 of a cluster. patience: seconds to wait in all when the rate limit is exhausted."""

    def __init__(self, login, patience=0, sleep=time.sleep, **session_options):
        self.session = WebSession(login, roles=ROLES, sleep=sleep, **session_options)
        self._soap = SoapClient(self.session, RIS_PATH, RIS)
        self._patience = patience
        self._sleep = sleep

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.session.close()

    def select(self, cti_class="Provider", users=(), devices=(), status="Any", node=""):
        """One request for everything the named users have open, as a Selection.

        Raises RateExceeded, or what WebSession raises. RIS cannot tell TLS from plain connections.
        """
        criteria = dict(
            MaxReturnedItems=ITEMS_LIMIT,
            CtiMgrClass=cti_class,
            Status=status,
            NodeName=node,
            SelectAppBy="UserId",
            AppItems=[{"AppItem": user} for user in users],
            DevNames=[{"DevName": device} for device in devices],
            DirNumbers=[],
        )
        return _selection(self._within_the_rate(criteria))

    def _within_the_rate(self, criteria):
        while True:
            try:
                return self._soap.call("selectCtiItem", StateInfo="", CtiSelectionCriteria=criteria)
            except AxlError as refused:
                if refused.code != RATE_CONTROL:
                    raise
                if self._patience <= 0:
                    raise RateExceeded(
                        "the cluster allows no more real-time requests this minute", where=refused.where,
                        cure="Wait a minute, or raise the enterprise parameter Allowed Device Queries Per Minute.",
                        code=RATE_CONTROL,
                    ) from refused
            pause = min(RATE_PAUSE, self._patience)
            self._patience -= pause
            self._sleep(pause)


def _selection(result):
    items = []
    nodes = {}
    for node in result.get("CtiNodes") or []:
        name = node.get("Name") or ""
        nodes[name] = node.get("ReturnCode") or ""
        items.extend(_item(name, one) for one in node.get("CtiItems") or [])
    return Selection(items, nodes, result.get("TotalItemsFound") or len(items))


def _item(node, one):
    return CtiItem(
        node=node,
        app_id=one.get("AppId"),
        user=one.get("UserId"),
        address=one.get("AppIpAddr") or one.get("AppIpv6Addr"),
        status=one.get("AppStatus"),
        reason=one.get("AppStatusReason"),
        time=one.get("AppTimeStamp"),
        device=one.get("CtiDevice") or {},
        line=one.get("CtiLine") or {},
    )


def select_cti_items(login, users, cti_class="Provider", status="Any", patience=0, **session_options):
    """The CtiItems of the users, as dicts, in one request."""
    with RealTimeInformation(login, patience, **session_options) as ris:
        return [item._asdict() for item in ris.select(cti_class, users, status=status).items]


class ControlCenter:
    """Control Center of one node: it knows that node's services only."""

    def __init__(self, login, **session_options):
        self.session = WebSession(login, roles=ROLES, **session_options)
        self._soap = SoapClient(self.session, CONTROL_CENTER_PATH, CONTROL_CENTER)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.session.close()

    def status(self, names=()):
        """[{service, status, reason_code, reason, start_time, uptime}]; no names means every service.

        status: Started, Stopped, Starting, Stopping or Unknown. uptime is in seconds.
        """
        return self._services(self._soap.call("soapGetServiceStatus", ServiceStatus=list(names) or [""]))

    def deploy(self, node, names, activate=True):
        """Activate services on the node, or deactivate them; the same rows as status."""
        request = dict(NodeName=node, DeployType="Deploy" if activate else "UnDeploy", ServiceList=list(names))
        return self._services(self._soap.call("soapDoServiceDeployment", DeploymentServiceRequest=request))

    def control(self, node, names, verb):
        """Start, Stop or Restart services on the node; the same rows as status."""
        request = dict(NodeName=node, ControlType=verb, ServiceList=list(names))
        return self._services(self._soap.call("soapDoControlServices", ControlServiceRequest=request))

    def _services(self, result):
        return [
            dict(
                service=one.get("ServiceName"),
                status=one.get("ServiceStatus"),
                reason_code=one.get("ReasonCode"),
                reason=one.get("ReasonCodeString"),
                start_time=one.get("StartTime"),
                uptime=one.get("UpTime"),
            )
            for one in result.get("ServiceInfoList") or []
        ]


def service_status(login, node, names=(), **session_options):
    """Control Center's status rows of one node, reached at that host name."""
    with ControlCenter(login.at(node), **session_options) as center:
        return center.status(names)
