# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The CTI connections of users, combined from what RISPort70 reports about providers, devices and lines."""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    AxlError,
    ProtocolError,
    TransportError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import spelled_address
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import CTI_STATUSES

LONGEST_WAIT = 300
SILENT = ("nodenotresponding", "internalerror", "invalidrequest")  # what RISPort70 reports for such a node, in lower case
NOT_AVAILABLE = (AxlError, ProtocolError, TransportError)

#: Argument spec without the options for the connection to the cluster.
OPTIONS = dict(
    users=dict(type="list", elements="str", required=True),
    addresses=dict(type="list", elements="str"),
    include=dict(type="list", elements="str", choices=["devices", "lines"], default=["devices", "lines"]),
    status=dict(type="str", choices=list(CTI_STATUSES), default="Any"),
    rate_limit_wait=dict(type="int", default=60),
    required=dict(type="bool", default=False),
)


class View:
    """Connections combined from the items of up to three answers."""

    def __init__(self):
        self.connections = {}
        self.nodes = {}
        self.whole = True

    @property
    def silent(self):
        """Names of nodes whose connections are unknown; the wanted connection may be on one of them."""
        return sorted(name for name, code in self.nodes.items() if code.lower() in SILENT)

    @property
    def complete(self):
        return self.whole and not self.silent

    @property
    def problem(self):
        """Why connections may be missing; empty if none are."""
        if self.silent:
            return "RISPort70 has no answer from node %s (%s)" % (self.silent[0], self.nodes[self.silent[0]])
        return "" if self.whole else "RISPort70 shows only a part of the connections"

    def take(self, selection, add):
        # A node without an answer stays unknown, even if a later answer includes it.
        self.nodes.update((name, code) for name, code in selection.nodes.items() if self.nodes.get(name, "").lower() not in SILENT)
        self.whole = self.whole and selection.complete
        for item in selection.items:
            add(self._connection(item), item)

    def _connection(self, item):
        return self.connections.setdefault(
            (item.node, item.app_id),
            dict(
                app_id=item.app_id, user=item.user, address=item.address or address_in(item.app_id), node=item.node,
                status=None, reason=None, time=None, devices=[], lines=[],
            ),
        )


def address_in(app_id):
    """The client address in an app_id of the form login-address-port."""
    parts = (app_id or "").rsplit("-", 2)
    return spelled_address(parts[1]) if len(parts) == 3 else None


def add_provider(connection, item):
    connection.update(status=item.status, reason=item.reason, time=item.time)


def add_device(connection, item):
    if item.device.get("DeviceName"):
        connection["devices"].append(
            dict(
                name=item.device["DeviceName"],
                status=item.device.get("DeviceStatus"),
                reason=item.device.get("DeviceStatusReason"),
                time=item.device.get("DeviceTimeStamp"),
                controls_media=item.device.get("AppControlsMedia"),
            )
        )


def add_line(connection, item):
    if item.line.get("DirNumber"):
        connection["lines"].append(
            dict(
                number=item.line["DirNumber"],
                device=item.device.get("DeviceName"),
                status=item.line.get("LineStatus"),
                reason=item.line.get("LineStatusReason"),
                time=item.line.get("LineTimeStamp"),
            )
        )


def look(ris, params):
    """A View of the users' connections: one request for each class, more only if one answer is too small."""
    view = View()
    classes = [("Provider", add_provider)]
    if "devices" in params["include"]:
        classes.append(("Device", add_device))
    if "lines" in params["include"]:
        classes.append(("Line", add_line))
    for cti_class, add in classes:
        for selection in select(ris, cti_class, params["users"]):
            view.take(selection, add)
    return view


def select(ris, cti_class, users):
    """Selections that together answer for all users; those of half of them where one answer cannot carry everything."""
    found = ris.select(cti_class, users)
    if found.complete or len(users) == 1:
        return [found]
    half = len(users) // 2
    return select(ris, cti_class, users[:half]) + select(ris, cti_class, users[half:])


def wanted(connection, params):
    of_status = params["status"] == "Any" or connection["status"] == params["status"]
    return of_status and (params["addresses"] is None or connection["address"] in map(spelled_address, params["addresses"]))
