# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RISPort70 selectCtiItem and Control Center over the cluster: requests to answers, no sockets."""

from __future__ import annotations

import collections
import threading
import time

from simulator import soap

NAMESPACE = "http://schemas.cisco.com/ast/soap"
RIS_PATH = "/realtimeservice2/services/RISService70"
CONTROL_CENTER_PATH = "/controlcenterservice2/services/ControlCenterServices"
ITEMS_LIMIT = 1000
NOT_ACTIVATED = -1068
DEPLOYED = -1


class RateLimit:
    """So many requests in a sliding window, counted for the whole server."""

    def __init__(self, features):
        self._features = features
        self._lock = threading.Lock()
        self._times = collections.deque()

    def exceeded(self):
        now = time.monotonic()
        with self._lock:
            while self._times and self._times[0] <= now - self._features.ris_window_seconds:
                self._times.popleft()
            if len(self._times) >= self._features.ris_per_minute:
                return True
            self._times.append(now)
            return False

    def reset(self):
        with self._lock:
            self._times.clear()


def answer(cluster, request, host):
    """Octets of the answer to a request of either service. C(host): the node the client spoke to."""
    function = OPERATIONS[request.name]
    reply = soap.Answer(NAMESPACE, request.name + "Response", qualified=True)
    reply.add(reply.root, request.name + "Return", function(cluster, request, host))
    return reply.octets()


# RISPort70


def _select(cluster, request, _host):
    criteria = request.child("CtiSelectionCriteria")
    cti_class = criteria.text("CtiMgrClass") or "Provider"
    status = criteria.text("Status") or "Any"
    node = criteria.text("NodeName") or ""
    by = criteria.text("SelectAppBy") or "AppId"
    applications = _items(criteria, "AppItems", "AppItem")
    limit = min(int(criteria.text("MaxReturnedItems") or ITEMS_LIMIT), ITEMS_LIMIT)
    nodes, total = [], 0
    for name in cluster.nodes:
        if node and name != node:
            continue
        providers = [p for p in cluster.providers() if p.node == name and _chosen(p, by, applications)]
        items = [
            item for provider in providers
            for item in _views(provider, cti_class, _items(criteria, "DevNames", "DevName"),
                               _items(criteria, "DirNumbers", "DirNumber"))
            if status in ("Any", _item_status(item, cti_class))
        ]
        shown = items[:max(limit - total, 0)]
        total += len(items)
        nodes.append({"ReturnCode": "Ok" if shown else "NotFound", "Name": name, "NoChange": False,
                      "CtiItems": {"item": shown}})
    if node and not nodes:
        nodes.append({"ReturnCode": "InvalidNodeName", "Name": node, "NoChange": False, "CtiItems": ""})
    return {"SelectCtiItemResult": {"TotalItemsFound": total, "CtiNodes": {"item": nodes}}, "StateInfo": ""}


def _items(criteria, container, name):
    found = criteria.child(container)
    values = [] if found is None else [item.text(name) for item in found.children("item")]
    return [value for value in values if value and value != "*"]


def _chosen(provider, by, wanted):
    value = {"AppId": provider.app_id, "UserId": provider.user.name, "AppIPV4Address": provider.address}.get(by, "")
    return not wanted or value in wanted


def _views(provider, cti_class, devices, numbers):
    head = {
        "AppId": provider.app_id, "UserId": provider.user.name, "AppIpAddr": provider.address, "AppIpv6Addr": "",
        "AppStatus": provider.status, "AppStatusReason": provider.reason, "AppTimeStamp": int(provider.time),
    }
    if cti_class == "Provider":
        return [{**head, "CtiDevice": _device("", "Unknown", 0), "CtiLine": _line("", "Unknown", 0)}]
    if cti_class == "Device":
        return [
            {**head, "CtiDevice": _device(name, status, provider.time), "CtiLine": _line("", "Unknown", 0)}
            for name, status in provider.devices.items() if not devices or name in devices
        ]
    return [
        {**head, "CtiDevice": _device(device, "Open", provider.time), "CtiLine": _line(number, status, provider.time)}
        for (device, number), status in provider.lines.items()
        if (not numbers or number in numbers) and (not devices or device in devices)
    ]


def _device(name, status, when):
    return {"AppControlsMedia": False, "DeviceName": name, "DeviceStatus": status, "DeviceStatusReason": 0,
            "DeviceTimeStamp": int(when)}


def _line(number, status, when):
    return {"DirNumber": number, "LineStatus": status, "LineStatusReason": 0, "LineTimeStamp": int(when)}


def _item_status(item, cti_class):
    if cti_class == "Device":
        return item["CtiDevice"]["DeviceStatus"]
    return item["CtiLine"]["LineStatus"] if cti_class == "Line" else item["AppStatus"]


# Control Center


def _status(cluster, request, host):
    wanted = [name for name in request.texts("ServiceStatus") if name]
    return _report(cluster, _node(cluster, host), wanted)


def _deploy(cluster, request, host):
    order = request.child("DeploymentServiceRequest")
    node = order.text("NodeName") or _node(cluster, host)
    activate = order.text("DeployType") == "Deploy"
    names = order.texts("ServiceList", "item") or []
    for name in names:
        cluster.set_service(node, name, activated=activate, running=activate)
        _move(cluster, node, name, "Starting" if activate else "Stopping")
    cluster.count_write()
    return _report(cluster, node, names, reason=DEPLOYED)


def _control(cluster, request, host):
    order = request.child("ControlServiceRequest")
    node = order.text("NodeName") or _node(cluster, host)
    names = order.texts("ServiceList", "item") or []
    activated = {service["name"] for service in cluster.services(node) if service["activated"]}
    if not activated.issuperset(names):
        return _report(cluster, node, names, code=1, reason=NOT_ACTIVATED, text="Service Not Activated")
    stop = order.text("ControlType") == "Stop"
    for name in names:
        cluster.set_service(node, name, running=not stop)
        _move(cluster, node, name, "Stopping" if stop else "Starting")
    cluster.count_write()
    return _report(cluster, node, names)


def _move(cluster, node, name, status):
    with cluster.lock:
        cluster.moving[node, name] = (status, cluster.features.service_polls)


def _node(cluster, host):
    return host if host in cluster.nodes else cluster.nodes[0]


def _report(cluster, node, wanted, code=0, reason=0, text=""):
    known = {service["name"]: service for service in cluster.services(node)}
    rows = [_service_row(cluster, node, name, known.get(name)) for name in (wanted or known)]
    return {"ReturnCode": code, "ReasonCode": reason, "ReasonString": text, "ServiceInfoList": {"item": rows}}


def _service_row(cluster, node, name, service):
    running = service is not None and service["running"]
    reason = 0 if running or (service and service["activated"]) else NOT_ACTIVATED
    with cluster.lock:
        status, looks = cluster.moving.pop((node, name), ("", 0))
        if looks > 0:
            cluster.moving[node, name] = (status, looks - 1)
        else:
            status = "Started" if running else "Stopped"
        starts = cluster.starts[node, name]
    return {
        "ServiceName": name, "ServiceStatus": status, "ReasonCode": reason,
        "ReasonCodeString": "" if reason == 0 else "Service Not Activated ",
        "StartTime": "Mon Jan  6 08:%02d:%02d 2025" % divmod(starts, 60) if running else "",
        "UpTime": (3 if starts else 86400) if running else -1,
    }


OPERATIONS = {
    "selectCtiItem": _select, "soapGetServiceStatus": _status, "soapDoServiceDeployment": _deploy,
    "soapDoControlServices": _control,
}
