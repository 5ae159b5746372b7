# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log collection over the cluster: the files of its nodes, requests to answers, no sockets."""

from __future__ import annotations

import base64
import datetime
import re

from simulator import soap
from simulator.release import CAPF, CTI_MANAGER, TFTP

NAMESPACE = "http://schemas.cisco.com/ast/soap"
PATH = "/logcollectionservice2/services/LogCollectionPortTypeService"
ROOT = "/var/log/active/"
TVS = "Cisco Trust Verification Service"
FOLDERS = {
    CAPF: "cm/trace/capf/sdi/", TFTP: "cm/trace/ctftp/sdi/", TVS: "cm/trace/tvs/sdi/", CTI_MANAGER: "cm/trace/cti/sdl/",
}
SERVICE_LOGS = ("Cisco CallManager", CTI_MANAGER, CAPF, TFTP, TVS)
SYSTEM_LOGS = ("Event Viewer-Application Log", "Event Viewer-System Log")
CRITERIA = (
    "ServiceLogs", "SystemLogs", "SearchStr", "Frequency", "JobType", "ToDate", "FromDate", "TimeZone", "RelText",
    "RelTime", "Port", "IPAddress", "UserName", "Password", "ZipInfo", "RemoteFolder",
)
UNITS = {"Minutes": 60, "Hours": 3600, "Days": 86400, "Weeks": 7 * 86400, "Months": 30 * 86400}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
BOUNDARY = "MIMEBoundary_7f3a90"
# The body of these two requests is one element that is not called like the operation.
BARE = {"FileName": "GetOneFile", "LocalHost": "getTimeZone"}


class Refused(Exception):
    """The request breaks the service's description, or names what is not there."""


def operation_of(request):
    return BARE.get(request.name, request.name)


def put_log(cluster, service, content, node=None, name=None, path=None, minutes_old=5, size=None):
    """A file of a service on a node, or in place of one of the same path.

    content: octets, or a text. name: stands in the service's usual folder; path: an absolute path instead. minutes_old:
    age of its last change. size: what the listing claims, if not the truth.
    """
    octets = content.encode() if isinstance(content, str) else content
    path = path or ROOT + FOLDERS.get(service, "cm/trace/other/") + name
    with cluster.database.transaction() as db:
        db.run("insert or replace into sim_log values (?, ?, ?, ?, ?, ?)", node or cluster.nodes[0], path, service,
               octets, cluster.now() - 60 * minutes_old, len(octets) if size is None else size)
    return path


def remove_log(cluster, path, node=None):
    with cluster.database.transaction() as db:
        db.run("delete from sim_log where path=? and node=?", path, node or cluster.nodes[0])


def answer(cluster, request, host, action):
    """(octets, content type) for a request that came with this SOAPAction to this node. Raises Refused."""
    operation = operation_of(request)
    if action.strip('"') != operation:
        raise Refused("The SOAPAction %s is not that of the request %s" % (action, request.name))
    function = OPERATIONS.get(operation)
    if function is None:
        raise Refused("no such operation: " + operation)
    return function(cluster, request, host if host in cluster.nodes else cluster.nodes[0])


def _envelope(reply):
    return reply.octets(), "text/xml;charset=utf-8"


def _list(cluster, request, _node):
    if [child.name for child in map(soap.Request, request.element)] != ["ListRequest"]:
        raise Refused("listNodeServiceLogs needs exactly ListRequest")
    reply = soap.Answer(NAMESPACE, "listNodeServiceLogsResponse", qualified=True)
    for node in cluster.nodes:
        reply.add(reply.root, "listNodeServiceLogsReturn", {
            "name": node,
            "ServiceLog": {"item": [name for name in SERVICE_LOGS if _has(cluster, node, name)]},
            "SystemLog": {"item": list(SYSTEM_LOGS)},
        })
    return _envelope(reply)


def _has(cluster, node, name):
    return any(one["name"] == name and one["activated"] for one in cluster.services(node))


def _select(cluster, request, node):
    criteria = request.child("FileSelectionCriteria")
    given = [soap.local_name(one) for one in criteria.element]
    if given != list(CRITERIA):
        raise Refused("FileSelectionCriteria has %s in place of %s" % (given, list(CRITERIA)))
    first, last = _range(cluster, criteria)
    services = criteria.texts("ServiceLogs", "item")
    reply = soap.Answer(NAMESPACE, "selectLogFilesResponse", qualified=True)
    logs = [{"name": name, "SetOfFiles": {"File": _files(cluster, node, name, first, last)}} for name in services]
    reply.add(reply.root, "ResultSet", {"SchemaFileSelectionResult": {
        "Node": {"name": node, "ServiceList": {"ServiceLogs": logs}}}})
    return _envelope(reply)


def _range(cluster, criteria):
    """First and last moment, as Unix time, of the changes that are wanted."""
    unit, count = criteria.text("RelText"), int(criteria.text("RelTime"))
    if not -128 <= count <= 127:
        raise Refused("RelTime is no byte: %d" % count)
    now = cluster.now()
    if unit != "None":
        return (0 if cluster.features.ignores_relative_range else now - count * UNITS[unit]), now
    if criteria.text("TimeZone") == "":
        return 0, now
    offset = _offset(criteria.text("TimeZone"))
    return _moment(criteria.text("FromDate"), offset), _moment(criteria.text("ToDate"), offset)


def _offset(zone):
    """Seconds east of Greenwich of C(Client: (GMT+1:0)Europe/Berlin)."""
    found = re.search(r"\(GMT([+-])(\d+):(\d+)\)", zone)
    if not found:
        raise Refused("The time zone %s is not known" % zone)
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds


def _moment(text, offset):
    found = re.fullmatch(r"(\d\d)/(\d\d)/(\d\d) (\d{1,2}):(\d\d) ([AP])M", text)
    if not found:
        raise Refused("The date %s cannot be read" % text)
    month, day, year, hour, minute = (int(found[position]) for position in range(1, 6))
    hour = hour % 12 + (12 if found[6] == "P" else 0)
    moment = datetime.datetime(2000 + year, month, day, hour, minute, tzinfo=datetime.timezone.utc)
    return moment.timestamp() - offset


def _files(cluster, node, service, first, last):
    rows = cluster.database.rows(
        "select * from sim_log where node=? and service=? and modified between ? and ? order by path",
        node, service, first, last)
    return [
        {"name": row["path"].rpartition("/")[2], "absolutepath": row["path"], "filesize": str(row["size"]),
         "modifiedDate": _date(row["modified"], _offset(cluster.features.time_zone))}
        for row in rows
    ]


def _date(moment, offset):
    """As Java prints a date; the zone's name is an abbreviation that nobody can resolve for certain."""
    local = datetime.datetime.fromtimestamp(moment + offset, datetime.timezone.utc)
    return "%s %s %02d %s %s %d" % (
        DAYS[local.weekday()], MONTHS[local.month - 1], local.day, local.strftime("%H:%M:%S"),
        "XST" if offset else "GMT", local.year)


def _get(cluster, request, node):
    row = cluster.database.row("select content from sim_log where node=? and path=?", node, request.element.text)
    if row is None:
        raise Refused("The file %s does not exist" % request.element.text)
    if cluster.features.attaches_files:
        return _attached(row["content"])
    return _file(base64.b64encode(row["content"]).decode())


def _file(text):
    reply = soap.Answer(NAMESPACE, "GetOneFileReturn", qualified=True)
    reply.root.text = text
    return _envelope(reply)


def _attached(content):
    """MTOM: the envelope only points to the part that is the file."""
    reply = soap.Answer(NAMESPACE, "GetOneFileReturn", qualified=True)
    include = soap.etree.SubElement(reply.root, "{http://www.w3.org/2004/08/xop/include}Include")
    include.set("href", "cid:file@cluster")
    part = '--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <%s@cluster>\r\n\r\n'
    octets = b"".join((
        (part % (BOUNDARY, 'application/xop+xml; charset=UTF-8; type="text/xml"', "envelope")).encode(),
        reply.octets(),
        b"\r\n", (part % (BOUNDARY, "application/octet-stream", "file")).encode(),
        content, ("\r\n--%s--\r\n" % BOUNDARY).encode(),
    ))
    return octets, 'multipart/related; boundary="%s"; type="application/xop+xml"; start="<envelope@cluster>"' % BOUNDARY


def _time_zone(cluster, _request, _node):
    reply = soap.Answer(NAMESPACE, "TimeZone", qualified=True)
    reply.root.text = cluster.features.time_zone
    return _envelope(reply)


OPERATIONS = {
    "listNodeServiceLogs": _list, "selectLogFiles": _select, "GetOneFile": _get, "getTimeZone": _time_zone,
}
