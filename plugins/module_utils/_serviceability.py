# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The serviceability services beside AXL: RISPort70 for CTI connections, Control Center, log collection.

Fields and limits are those of the vendor's public service descriptions and of the RISPort70 developer
pages: RISPort70 answers 15 requests a minute by default. All three need another role than AXL.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, NamedTuple, Optional
from xml.sax.saxutils import escape

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._attachment import FileAnswer, TooLarge
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.client import (
    RATE_CONTROL,
    SoapClient,
    WebSession,
    login_from,
    read_envelope,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.schema import (
    BOOLEAN,
    INTEGER,
    Field,
    Operation,
    Reply,
    Service,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    AxlError,
    FormatError,
    InputError,
    ProtocolError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import spelled_address

NAMESPACE = "http://schemas.cisco.com/ast/soap"
RIS_PATH = "/realtimeservice2/services/RISService70"
CONTROL_CENTER_PATH = "/controlcenterservice2/services/ControlCenterServices"
LOG_COLLECTION_PATH = "/logcollectionservice2/services/LogCollectionPortTypeService"
ROLES = (
    "RISPort70, Control Center and log collection need the role Standard CCM Server Monitoring "
    "or Standard RealtimeAndTraceCollection."
)

ITEMS_LIMIT = 1000  # of one RISPort70 answer
TOO_MANY_REQUESTS = 429  # the HTTP status that proxies and later releases use for it
RATE_PAUSE = 30.0  # seconds; the server's counter restarts every minute

STARTED, STOPPED = "Started", "Stopped"
MOVING = ("Starting", "Stopping")
NOT_ACTIVATED = -1068  # the reason code of services that are not activated; inferred, not documented

NO_PLACE = ("0.0.0.0", "::", "")

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


LOG_ITEMS = (Field("item", many=True),)
LIST_NODE_SERVICE_LOGS = Operation(
    "listNodeServiceLogs",
    (Field("ListRequest", required=True),),
    Reply(
        ("listNodeServiceLogsReturn",),
        "objects",
        (Field("name"), Field("ServiceLog", children=LOG_ITEMS), Field("SystemLog", children=LOG_ITEMS)),
    ),
)
FILES = Field(
    "SetOfFiles",
    children=(
        Field(
            "File",
            many=True,
            children=(Field("name"), Field("absolutepath"), Field("filesize", INTEGER), Field("modifiedDate")),
        ),
    ),
)
SELECT_LOG_FILES = Operation(
    "selectLogFiles",
    (
        Field(
            "FileSelectionCriteria",
            required=True,
            children=(
                Field("ServiceLogs", children=LOG_ITEMS),
                Field("SystemLogs", children=LOG_ITEMS),
                Field("SearchStr"),
                Field("Frequency", choices=("OnDemand", "Daily", "Weekly", "Monthly")),
                Field("JobType", choices=("DownloadtoClient", "PushtoSFTPServer")),
                Field("ToDate"),
                Field("FromDate"),
                Field("TimeZone"),
                Field("RelText", choices=("None", "Minutes", "Hours", "Days", "Weeks", "Months")),
                Field("RelTime", INTEGER),
                Field("Port", INTEGER),
                Field("IPAddress"),
                Field("UserName"),
                Field("Password"),
                Field("ZipInfo", BOOLEAN),
                Field("RemoteFolder"),
            ),
        ),
    ),
    Reply(
        ("ResultSet", "SchemaFileSelectionResult", "Node"),
        "object",
        (
            Field("name"),
            Field("ServiceList", children=(Field("ServiceLogs", many=True, children=(Field("name"), FILES)),)),
        ),
        may_lack=True,
    ),
)


def _service(name, *operations):
    return Service(name, NAMESPACE, True, "%s", dict((operation.name, operation) for operation in operations))


RIS = _service("RISService70", SELECT_CTI_ITEM)
CONTROL_CENTER = _service("ControlCenterServices", GET_STATUS, DEPLOY, CONTROL)
LOG_COLLECTION = _service("LogCollectionPortTypeService", LIST_NODE_SERVICE_LOGS, SELECT_LOG_FILES)


class RateExceeded(AxlError):
    """The cluster's limit of requests per minute was still exhausted when the caller stopped waiting."""


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
    """The answer of RIS: nodes maps each node to its return code; total may exceed the items in one answer."""

    items: List[CtiItem]
    nodes: Dict[str, str]
    total: int

    @property
    def complete(self):
        return self.total <= len(self.items)


class _Patience:
    """Total seconds to wait for a limit of requests per minute, and the error when they are used up."""

    def __init__(self, seconds, sleep, what, cure):
        self._seconds = seconds
        self._sleep = sleep or time.sleep
        self._what = what
        self._cure = cure

    def call(self, function):
        """The function's result; called again while the server's rate control refuses it. Raises RateExceeded."""
        while True:
            try:
                return function()
            except AxlError as refused:
                if refused.code not in (RATE_CONTROL, TOO_MANY_REQUESTS):
                    raise
                if self._seconds <= 0:
                    raise RateExceeded(
                        self._what, where=refused.where, cure=self._cure, code=RATE_CONTROL
                    ) from refused
            pause = min(RATE_PAUSE, self._seconds)
            self._seconds -= pause
            self._sleep(pause)


def serviceability_login(params):
    """ClusterLogin from the options of the doc fragment C(cluster.serviceability)."""
    login = login_from(params)
    return login.as_user(params.get("serviceability_username"), params.get("serviceability_password"))


class RealTimeInformation:
    """RISPort70 of a cluster. patience: total seconds to wait when the rate limit is exhausted."""

    def __init__(self, login, patience=0, sleep=None, **session_options):
        self.session = WebSession(login, roles=ROLES, sleep=sleep, **session_options)
        self._soap = SoapClient(self.session, RIS_PATH, RIS)
        self._patience = _Patience(
            patience, sleep, "the cluster allows no more real-time requests this minute",
            "Wait a minute, or raise the enterprise parameter Allowed Device Queries Per Minute.",
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.session.close()

    def select(self, cti_class="Provider", users=(), devices=(), status="Any", node=""):
        """One request for everything the named users have open, as a Selection.

        Raises RateExceeded, or what WebSession raises. RIS does not distinguish TLS from plain connections.
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
        return _selection(
            self._patience.call(lambda: self._soap.call("selectCtiItem", StateInfo="", CtiSelectionCriteria=criteria))
        )


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
        address=_address(one.get("AppIpAddr"), one.get("AppIpv6Addr")),
        status=one.get("AppStatus"),
        reason=one.get("AppStatusReason"),
        time=one.get("AppTimeStamp"),
        device=one.get("CtiDevice") or {},
        line=one.get("CtiLine") or {},
    )


def _address(*texts):
    """The first real address, in its usual spelling: Java writes out the zeros of IPv6, and writes a slash before it."""
    found = [spelled_address(text.lstrip("/")) for text in texts if text]
    return next((one for one in found if one not in NO_PLACE), None)


def select_cti_items(login, users, cti_class="Provider", status="Any", patience=0, **session_options):
    """The CtiItems of the users, as dicts, in one request."""
    with RealTimeInformation(login, patience, **session_options) as ris:
        return [item._asdict() for item in ris.select(cti_class, users, status=status).items]


class Order(NamedTuple):
    """A node's answer to an order: the services' rows, and its own codes, None if it sent none."""

    rows: List[Dict[str, Any]]
    return_code: Optional[int]
    reason_code: Optional[int]
    reason: Optional[str]

    @property
    def said(self):
        """The codes as a text for a message, because most of them are not documented."""
        text = "ReturnCode %s, ReasonCode %s" % (self.return_code, self.reason_code)
        return "%s, %s" % (text, self.reason.strip()) if (self.reason or "").strip() else text


class ControlCenter:
    """Control Center of one node: it knows only that node's services.

    patience: total seconds to wait while the node refuses because of its limit of requests.
    """

    def __init__(self, login, patience=0, sleep=None, **session_options):
        self.session = WebSession(login, roles=ROLES, sleep=sleep, **session_options)
        self._soap = SoapClient(self.session, CONTROL_CENTER_PATH, CONTROL_CENTER)
        self._patience = _Patience(
            patience, sleep, "the node allows no more requests about its services at the moment", "Wait a minute, then run it again.",
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.session.close()

    def status(self, names=()):
        """[{service, status, reason_code, reason, start_time, uptime}]; no names means every service.

        status: Started, Stopped, Starting, Stopping or Unknown. uptime is in seconds.
        """
        return _service_rows(self._patience.call(lambda: self._soap.call("soapGetServiceStatus", ServiceStatus=list(names) or [""])))

    def deploy(self, node, names, activate=True):
        """Activate services on the node, or deactivate them, as an Order."""
        request = dict(NodeName=node, DeployType="Deploy" if activate else "UnDeploy", ServiceList=list(names))
        return self._ordered("soapDoServiceDeployment", DeploymentServiceRequest=request)

    def control(self, node, names, verb):
        """Start, Stop or Restart services on the node, as an Order; its return code is 0 if it accepted the order."""
        request = dict(NodeName=node, ControlType=verb, ServiceList=list(names))
        return self._ordered("soapDoControlServices", ControlServiceRequest=request)

    def _ordered(self, operation, **request):
        result = self._patience.call(lambda: self._soap.call(operation, **request))
        return Order(
            _service_rows(result), result.get("ReturnCode"), result.get("ReasonCode"), result.get("ReasonString")
        )


def _service_rows(result):
    return [
        dict(
            service=one.get("ServiceName"),
            status=(one.get("ServiceStatus") or "").capitalize() or None,
            reason_code=one.get("ReasonCode"),
            reason=one.get("ReasonCodeString"),
            start_time=one.get("StartTime"),
            uptime=one.get("UpTime"),
        )
        for one in result.get("ServiceInfoList") or []
    ]


def service_status(login, node, names=(), patience=0, **session_options):
    """Control Center's status rows of one node, reached at that host name."""
    with ControlCenter(login.at(node), patience, **session_options) as center:
        return center.status(names)


class NodeLogs(NamedTuple):
    """The names of a node's logs, of services and of the platform, as log collection writes them."""

    node: str
    services: List[str]
    system: List[str]


class LogFile(NamedTuple):
    """One file on a node. size: octets, or None; modified: the node's own text for the time of its last change."""

    service: Optional[str]
    name: str
    path: str
    size: Optional[int]
    modified: Optional[str]


def last_minutes(minutes):
    """Selection criteria for the time from that many minutes ago until now, in the coarsest unit that is needed.

    The service accepts a number up to 127 of one unit; what does not fit is rounded up to the next larger unit.
    """
    for unit, length in (("Minutes", 1), ("Hours", 60), ("Days", 24 * 60), ("Weeks", 7 * 24 * 60)):
        count = -(-minutes // length)
        if count <= 127:
            return dict(RelText=unit, RelTime=count)
    raise InputError("%d minutes are more than 127 weeks" % minutes)


def between(start, end, time_zone):
    """Selection criteria for an absolute range: two datetimes on the clock of the zone, named by the service's text."""
    return dict(FromDate=_date_text(start), ToDate=_date_text(end), TimeZone=time_zone)


def _date_text(moment):
    """C(11/23/26 4:30 PM), whatever the locale."""
    return "%s %d:%s %s" % (
        moment.strftime("%m/%d/%y"), moment.hour % 12 or 12, moment.strftime("%M"), "PM" if moment.hour >= 12 else "AM"
    )


NO_RANGE = dict(FromDate="", ToDate="", TimeZone="", RelText="None", RelTime=0)
NO_SFTP = dict(Port=0, IPAddress="", UserName="", Password="", ZipInfo=False, RemoteFolder="")


class LogCollection:
    """Log collection of one node: it lists the logs of the whole cluster and returns this node's files.

    patience: total seconds to wait while the node refuses because of its limit of requests.
    """

    def __init__(self, login, patience=0, sleep=None, **session_options):
        self.session = WebSession(login, roles=ROLES, sleep=sleep, **session_options)
        self._soap = SoapClient(self.session, LOG_COLLECTION_PATH, LOG_COLLECTION)
        self._patience = _Patience(
            patience, sleep, "the node allows no more requests for logs at the moment",
            "Wait until the node is less busy, and ask for fewer services or a shorter time.",
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.session.close()

    def logs(self):
        """[NodeLogs] of every node of the cluster."""
        found = self._patience.call(lambda: self._soap.call("listNodeServiceLogs", ListRequest=""))
        return [
            NodeLogs(one["name"], one.get("ServiceLog") or [], one.get("SystemLog") or [])
            for one in found if one.get("name")
        ]

    def time_zone(self):
        """The node's name for its time zone, to be sent back with an absolute range."""
        answer = self._patience.call(lambda: self._bare("getTimeZone", "LocalHost", ""))
        return (answer.text or "").strip()

    def select(self, services, time_range):
        """[LogFile] of the services, in the node's order. time_range: from C(last_minutes) or C(between)."""
        criteria = dict(
            NO_RANGE, ServiceLogs=list(services), SystemLogs=[], SearchStr="", Frequency="OnDemand",
            JobType="DownloadtoClient", **NO_SFTP
        )
        criteria.update(time_range)
        node = self._patience.call(lambda: self._soap.call("selectLogFiles", FileSelectionCriteria=criteria))
        return [
            LogFile(one.get("name"), file.get("name") or "", file["absolutepath"], file.get("filesize"),
                    file.get("modifiedDate"))
            for one in node.get("ServiceList") or [] if one
            for file in one.get("SetOfFiles") or [] if file and file.get("absolutepath")
        ]

    def fetch(self, path, start, limit, seconds):
        """The size of a file, after its octets went to the function that C(start()) returned.

        start: called once for each try, so each try begins again. limit: maximum octets of the file.
        seconds: for the whole file.
        Raises TooLarge, ProtocolError for an answer without a complete file, AxlError, or what WebSession raises.
        """
        where = "%s at %s" % (path, self.session.login.address)
        answers = []

        def receive(content_type):
            answers.append(FileAnswer(content_type, start(), limit, where))
            return answers[-1]

        try:
            self._patience.call(lambda: self._bare("GetOneFile", "FileName", path, receive, seconds))
        except TooLarge as error:
            raise TooLarge(error.what, where=where) from error
        except FormatError as error:
            raise ProtocolError(error.what, where=where, cure="Run it again.") from error
        return answers[-1].size

    def _bare(self, operation, element, text, receive=None, seconds=None):
        """One of the two operations whose body is a single text, which strict zeep cannot describe.

        The response element, or None when a receiver took the answer.
        """
        body = (
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
            '<%s xmlns="%s">%s</%s></soapenv:Body></soapenv:Envelope>' % (element, NAMESPACE, escape(text), element)
        ).encode("utf-8")
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"%s"' % operation}
        if receive is not None:
            headers["Accept"] = "*/*"  # some releases send an attachment
        answer = self.session.post(
            LOG_COLLECTION_PATH, body, headers, operation, receive=receive, seconds=seconds
        )
        if receive is not None and answer.status == 200:
            return None
        return read_envelope(answer, self.session.where(operation), [self.session.login.password])
