#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_service
short_description: Activate, start, stop or restart services of a CUCM node
version_added: 0.1.0
description:
  - Brings services of one node into the requested state through Control Center, and waits until they reach it.
  - Reads the node's services first and sends only the orders that are needed. Determines the outcome from the status that
    the services show afterwards, not from the codes in the response. The codes are shown if an order failed.
  - With O(activated), AXL reports which services are activated. Without it, or if AXL refuses, Control Center's reason code -1068
    counts as "not activated".
  - Starting, stopping or restarting call processing services interrupts calls and disconnects CTI applications.
  - CUCM 11.5 to 15.
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.actiongroup_axl
  - voiceops.secure_tsp.cluster
  - voiceops.secure_tsp.cluster.serviceability
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=restarted) restarts the services every time.
options:
  services:
    description:
      - Names of the services as Control Center shows them, such as V(Cisco CTIManager). They are not case sensitive.
      - If the node does not have one of them, the task fails with a list of the services that it has, and changes nothing.
    type: list
    elements: str
    required: true
  node:
    description:
      - Name of the node in the cluster. The Control Center of this node is contacted under this name, unless
        O(node_address) is set.
      - If not set, O(hostname) is used.
    type: str
  node_address:
    description: Host name or address of the node, if it cannot be reached under its name in the cluster.
    type: str
  state:
    description:
      - State of the services. V(restarted) also starts services that are stopped.
      - To start a service that is not activated, also set O(activated=true).
    type: str
    choices: [started, stopped, restarted]
  activated:
    description:
      - Whether the services are activated (Service Activation). Deactivating a service also stops it.
    type: bool
  wait_timeout:
    description:
      - Time limit for all services to reach the requested state, from 1 to 3600 seconds.
      - The module keeps waiting if an order is not answered within O(timeout), or if the node responds with errors, because it
        may be starting. Only a refused login, a missing role or an untrusted certificate ends the wait early.
    type: int
    default: 300
seealso:
  - module: voiceops.secure_tsp.cluster_info
"""

EXAMPLES = r"""
- name: Activate and start CAPF on the publisher
  voiceops.secure_tsp.cluster_service:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    services:
      - Cisco Certificate Authority Proxy Function
    activated: true
    state: started
  delegate_to: localhost

- name: Restart CTI Manager and TFTP of a subscriber so that they use the new certificates
  voiceops.secure_tsp.cluster_service:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    node: cucm-sub1.example.com
    services: [Cisco CTIManager, Cisco Tftp]
    state: restarted
    wait_timeout: 600
  delegate_to: localhost
"""

RETURN = r"""
node:
  description: The node, as named in the orders.
  returned: success
  type: str
  sample: cucm-pub.example.com
services:
  description: The services before and after.
  returned: success
  type: list
  elements: dict
  contains:
    service:
      description: Name, as the node spells it.
      type: str
      sample: Cisco CTIManager
    before:
      description: The service as it was found.
      type: dict
      contains: &service
        status:
          description: V(Started), V(Stopped), V(Starting), V(Stopping) or V(Unknown).
          type: str
          sample: Stopped
        activated:
          description: Whether it is activated; V(null) if that is not known.
          type: bool
          sample: false
        reason_code:
          description: Control Center's reason code.
          type: int
          sample: -1068
        reason:
          description: Control Center's text for the reason code.
          type: str
          sample: Service Not Activated
        start_time:
          description: When it was started, as the node reports it.
          type: str
          sample: Mon Jan  6 08:00:00 2025
        uptime:
          description: Number of seconds since it was started.
          type: int
          sample: -1
    after:
      description: The service as it is now; in check mode, with the expected status.
      type: dict
      contains: *service
orders:
  description: The orders that were sent, or would be sent in check mode, in sequence.
  returned: success
  type: list
  elements: dict
  contains:
    order:
      description: V(Deploy), V(UnDeploy), V(Start), V(Stop) or V(Restart).
      type: str
      sample: Deploy
    services:
      description: Names of the services.
      type: list
      elements: str
      sample: [Cisco Certificate Authority Proxy Function]
requests:
  description: Number of requests sent to Control Center, as C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample: {read: 2, write: 1, by_operation: {soapGetServiceStatus: 2, soapDoServiceDeployment: 1}}
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused the request
  type: int
  sample: 401
"""

import time

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.client import AxlClient, login_from
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    AxlError,
    DeadlineExceeded,
    InputError,
    ProtocolError,
    TransportError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import (
    cluster_options,
    create,
    finish,
    reporting,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import (
    MOVING,
    NOT_ACTIVATED,
    RATE_CONTROL,
    STARTED,
    STOPPED,
    ControlCenter,
    serviceability_login,
)

FIRST_PAUSE = 0.5  # seconds between two checks of a service that is starting or stopping
LONGEST_PAUSE = 10.0
LONGEST_WAIT = 3600
DEPLOYING = ("Deploy", "UnDeploy")
BUSY = (RATE_CONTROL, 429, 502, 503)  # the node did nothing, so the request has to be repeated later
STARTING = (404,)  # besides error pages, the response of a server whose services are still starting
CLEAR_REFUSALS = (401, 403)


class Activation:
    """The activation of a node's services according to AXL. Unknown once AXL has refused."""

    def __init__(self, axl, node):
        self.axl = axl
        self.node = node
        self.doubt = None
        self.was_read = False

    def read(self):
        """{service: bool} of the services that AXL lists for the node."""
        if self.axl is None or self.doubt:
            return {}
        try:
            rows = self.axl.call("listProcessNodeService", searchCriteria={"processNodeName": "%"})
        except (AxlError, ProtocolError) as refused:
            if self.was_read and getattr(refused, "code", None) not in CLEAR_REFUSALS:
                raise  # AXL responded before, so the restart is the cause
            self.doubt = (
                "AXL did not report which services are activated, so Control Center's reason code was used instead: %s"
                % refused
            )
            return {}
        self.was_read = True
        mine = node_named(self.node, [row.get("processNodeName") for row in rows])
        return dict(
            (row["service"], bool(row.get("isActive"))) for row in rows if row.get("processNodeName") == mine and row.get("service"))


class Keeper:
    """Reads services of one node, sends the necessary orders and waits for their effect."""

    def __init__(self, center, activation, node, wanted, patience, sleep=None, clock=time.monotonic):
        self.center = center
        self.activation = activation
        self.node = node
        self.wanted = wanted
        self.patience = patience
        self._sleep = sleep or time.sleep
        self._clock = clock
        self._deadline = clock() + patience
        self.orders = []
        self.remarks = []
        self.unanswered = ""

    def look(self, names=()):
        """{name: service as in the result}; no names means every service of the node."""
        activated = self.activation.read()
        return dict(
            (row["service"], dict(
                status=row["status"],
                activated=activated.get(row["service"], seems_activated(row)),
                reason_code=row["reason_code"],
                reason=(row["reason"] or "").strip() or None,
                start_time=row["start_time"],
                uptime=row["uptime"],
            ))
            for row in self.center.status(names) if row["service"]
        )

    def first_look(self):
        """All services of the node. Waits if the node is busy or starting."""
        return self.patiently(BUSY + STARTING, self.look, pages=True)

    def patiently(self, codes, ask, *arguments, pages=False):
        """The result of C(ask(*arguments)). Retries until the deadline while it is refused with one of the codes.

        pages: also retry if the response cannot be read. Such a response does not show whether an order was carried out.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                with self._in_time():
                    return ask(*arguments)
            except (AxlError, ProtocolError) as refused:
                worth_it = refused.code in codes if isinstance(refused, AxlError) else pages
                if not worth_it or self._deadline - self._clock() <= pause:
                    raise
            self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _in_time(self):
        """Limit requests to the node to the deadline."""
        return self.center.session.within(max(self._deadline - self._clock(), FIRST_PAUSE))

    def look_while_waiting(self, names):
        """Like look(), but None if the node did not respond, because it may be starting. Raises a definite refusal."""
        try:
            with self._in_time():
                return self.look(names)
        except (AxlError, ProtocolError, TransportError) as error:
            if getattr(error, "code", None) in CLEAR_REFUSALS:
                raise
            self.unanswered = str(error)
            return None

    def apply(self, before):
        """Send the necessary orders, each after the previous one took effect. Returns the resulting services."""
        if any(service["status"] in MOVING for service in before.values()):
            before = self.wait(list(before), lambda name, service: service["status"] not in MOVING)
        now = dict(before)
        for order in DEPLOYING:
            names = [name for name in now if order == deployment(now[name], self.wanted)]
            if names:
                self.send(order, names)
                now.update(self.wait(names, lambda name, service: self.is_deployed(service)))
        for verb in ("Stop", "Start", "Restart"):
            names = [name for name in now if verb == control(before[name], now[name], self.wanted)]
            if names:
                self.send(verb, names)
                now.update(self.wait(names, lambda name, service: self.obeys(before[name], service)))
        return now

    def send(self, order, names):
        self.orders.append(dict(order=order, services=names))
        try:
            if order in DEPLOYING:
                said = self.patiently(BUSY, self.center.deploy, self.node, names, order == "Deploy")
            else:
                said = self.patiently(BUSY, self.center.control, self.node, names, order)
        except (AxlError, ProtocolError, TransportError) as lost:
            if not may_be_obeyed(lost):
                raise
            # The node keeps working. Its services show whether it carried out the order.
            self.remarks.append("%s: %s" % (order, lost.what))
            return
        self.remarks.append("%s: %s" % (order, said.said))
        if order not in DEPLOYING and said.return_code not in (None, 0):
            raise AxlError(
                "the node refused to %s %s (%s)" % (order.lower(), ", ".join(names), said.said), where=self.node,
                cure="Check the services in Cisco Unified Serviceability, Tools, Control Center.",
                code=said.reason_code,
            )

    def is_deployed(self, service):
        return service["status"] not in MOVING and service["activated"] in (None, self.wanted["activated"])

    def obeys(self, before, service):
        if self.wanted["state"] == "stopped":
            return service["status"] == STOPPED
        return service["status"] == STARTED and (self.wanted["state"] == "started" or was_restarted(before, service))

    def wait(self, names, reached):
        """Check, with growing pauses, until all services satisfy C(reached(name, service)). Raises DeadlineExceeded."""
        pause = FIRST_PAUSE
        while True:
            now = self.look_while_waiting(names)
            late = [name for name in names if now is None or name not in now or not reached(name, now[name])]
            if not late:
                return now
            left = self._deadline - self._clock()
            if left <= 0:
                raise self._too_late(late, now)
            self._sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _too_late(self, late, now):
        if now is None:
            shown = "%s; the node does not report it: %s" % (", ".join(late), self.unanswered)
        else:
            shown = ", ".join(shown_late(name, now.get(name)) for name in late)
        said = "; after the orders (%s)" % "; ".join(self.remarks) if self.remarks else ""
        return DeadlineExceeded(
            "not in the requested state after %d seconds: %s%s" % (self.patience, shown, said), where=self.node,
            cure="Run it again. It starts by reading the current state. Increase wait_timeout if the node is slow.",
            services=now or {},
        )


def may_be_obeyed(error):
    """Whether an order that failed in this way may have arrived: the response was lost, late, or unreadable."""
    return not isinstance(error, AxlError)


def seems_activated(row):
    """Activation according to Control Center alone: a running service is activated, and one reason code means that it is not."""
    if row["status"] == STARTED or row["status"] in MOVING:
        return True
    return False if row["reason_code"] == NOT_ACTIVATED else None


def shown_late(name, service):
    if service is None:
        return "%s is no longer listed" % name
    if service["status"] == STARTED and service["start_time"]:
        return "%s has been Started since %s" % (name, service["start_time"])
    said = "" if service["reason_code"] is None else " with reason code %d" % service["reason_code"]
    return "%s is %s%s%s" % (name, service["status"], said, " " + service["reason"] if service["reason"] else "")


def was_restarted(before, service):
    """True, unless the start time is unchanged, which means that the node has not restarted the service yet."""
    return before["status"] != STARTED or not before["start_time"] or before["start_time"] != service["start_time"]


def node_named(node, names):
    """The name of C(node) in the cluster: an exact match, a match of the first label, or the only name."""
    names = sorted(set(name for name in names if name and name != "EnterpriseWideData"))
    same = [name for name in names if name.lower() == node.lower()]
    label = [name for name in names if name.split(".")[0].lower() == node.split(".")[0].lower()]
    found = same or (label if len(label) == 1 and not node[0].isdigit() else names if len(names) == 1 else [])
    if not found:
        raise InputError(
            "the cluster has no node %s" % node, cure="Set node to one of %s." % (", ".join(names) or "its nodes")
        )
    return found[0]


def known_names(wanted, services):
    """The names as the node spells them. Raises InputError with a list of the node's services."""
    by_lower = dict((name.lower(), name) for name in services)
    unknown = [name for name in wanted if name.strip().lower() not in by_lower]
    if unknown:
        raise InputError(
            "the node has no service %s" % ", ".join(unknown),
            cure="Its services are: %s." % (", ".join(sorted(services)) or "not shown"),
        )
    return list(dict.fromkeys(by_lower[name.strip().lower()] for name in wanted))


def deployment(service, wanted):
    """Deploy, UnDeploy or None."""
    if wanted["activated"] is None or service["activated"] is wanted["activated"]:
        return None
    return "Deploy" if wanted["activated"] else "UnDeploy"


def control(before, now, wanted):
    """Start, Stop, Restart or None. A service that has been started in the meantime needs no restart."""
    if wanted["state"] == "stopped":
        return None if now["status"] == STOPPED else "Stop"
    if wanted["state"] is None or now["status"] == STARTED and wanted["state"] == "started":
        return None
    if now["status"] != STARTED:
        return "Start"
    return "Restart" if before["status"] == STARTED else None


def plan(services, wanted):
    """The orders that the services need, as far as this can be predicted before the first order takes effect."""
    orders = []
    settled = {"Starting": STARTED, "Stopping": STOPPED}
    services = dict(
        (name, dict(service, status=settled.get(service["status"], service["status"])))
        for name, service in services.items()
    )
    after = dict((name, dict(service)) for name, service in services.items())
    for order in DEPLOYING:
        add_order(orders, order, [name for name in services if deployment(services[name], wanted) == order])
    for service in after.values():
        if deployment(service, wanted):
            service["activated"] = wanted["activated"]
            if not wanted["activated"]:
                service["status"] = STOPPED
    for verb in ("Stop", "Start", "Restart"):
        add_order(orders, verb, [name for name in after if control(services[name], after[name], wanted) == verb])
    for service in after.values():
        if wanted["state"]:
            service["status"] = STOPPED if wanted["state"] == "stopped" else STARTED
    return orders, after


def add_order(orders, order, names):
    if names:
        orders.append(dict(order=order, services=names))


def refuse_impossible(services, wanted):
    """A service that is not activated cannot be started."""
    if wanted["state"] in ("started", "restarted") and wanted["activated"] is None:
        idle = [name for name, service in services.items() if service["activated"] is False]
        if idle:
            raise InputError(
                "not activated: %s" % ", ".join(idle), cure="Set activated to true to activate it first."
            )


def diff_side(services, wanted):
    """The requested properties of each service."""
    shown = {}
    for name, service in services.items():
        shown[name] = {}
        if wanted["activated"] is not None:
            shown[name]["activated"] = service["activated"]
        if wanted["state"]:
            shown[name]["status"] = service["status"]
    return shown


def keep(module, keeper):
    """The result of the module."""
    everything = keeper.first_look()
    names = known_names(module.params["services"], everything)
    before = dict((name, everything[name]) for name in names)
    refuse_impossible(before, keeper.wanted)
    orders, after = plan(before, keeper.wanted)
    if not module.check_mode:
        after = keeper.apply(before)
        orders = keeper.orders
    return dict(
        changed=bool(orders),
        node=keeper.node,
        services=[dict(service=name, before=before[name], after=after[name]) for name in names],
        orders=orders,
        requests=keeper.center.session.requests,
        diff=dict(before=diff_side(before, keeper.wanted), after=diff_side(after, keeper.wanted)),
    )


def main():
    spec = cluster_options(serviceability=True)
    spec.update(
        services=dict(type="list", elements="str", required=True),
        node=dict(type="str"),
        node_address=dict(type="str"),
        state=dict(type="str", choices=["started", "stopped", "restarted"]),
        activated=dict(type="bool"),
        wait_timeout=dict(type="int", default=300),
    )
    module = create(spec, required_one_of=[("state", "activated")])
    params = module.params
    with reporting(module):
        if not 1 <= params["wait_timeout"] <= LONGEST_WAIT:
            raise InputError("wait_timeout is not from 1 to %d seconds" % LONGEST_WAIT)
        if params["activated"] is False and params["state"] in ("started", "restarted"):
            raise InputError("a service cannot be %s and not activated" % params["state"])
        login = login_from(params)
        for warning in login.warnings:
            module.warn(warning)
        node = params["node"] or params["hostname"]
        center = ControlCenter(serviceability_login(params).at(params["node_address"] or node))
        with center, AxlClient(login) as axl:
            activation = Activation(axl if params["activated"] is not None else None, node)
            keeper = Keeper(center, activation, node, params, params["wait_timeout"])
            result = keep(module, keeper)
            finish(module, result, warnings=[activation.doubt] if activation.doubt else [])


if __name__ == "__main__":
    main()
