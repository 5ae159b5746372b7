#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cti_connection_info
short_description: Show which CTI connections the cluster reports
version_added: 0.1.0
description:
  - Queries RISPort70 (C(selectCtiItem)) for the providers, devices and lines that the given users have open. This is the
    server's own view. The module opens nothing itself, so it does not disturb a running application.
  - One request for each class covers all users, unless they have more than 1000 items, which is the limit of one response.
    In that case the list of users is split in half. By default, the cluster allows 15 of these requests per minute.
  - RISPort70 does not distinguish secure from plain connections, and does not report instance IDs. A connection is identified by
    its user and the client's address.
  - If the service is not available, the task does not fail, unless O(required) is set.
  - CUCM 11.5 to 15.
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.info_module
  - voiceops.secure_tsp.attributes.actiongroup_axl
  - voiceops.secure_tsp.cluster
  - voiceops.secure_tsp.cluster.serviceability
options:
  users:
    description:
      - Users whose connections to return. With an empty list, no request is sent and nothing is found.
    type: list
    elements: str
    required: true
  addresses:
    description:
      - Return only connections from these client addresses, as CTI Manager sees them.
      - If not set, connections from all addresses are returned.
    type: list
    elements: str
  include:
    description:
      - What to query in addition to the connections. Each takes one more request.
    type: list
    elements: str
    choices: [devices, lines]
    default: [devices, lines]
  status:
    description:
      - Return only connections with this status. The cluster lists closed connections for a while.
    type: str
    choices: [Any, Open, Closed, OpenFailed, Unknown]
    default: Any
  rate_limit_wait:
    description:
      - Maximum total time to wait while the cluster allows no more requests, from 0 to 300 seconds.
    type: int
    default: 60
  required:
    description:
      - Fail if the service is not available, instead of returning RV(available) as V(false).
    type: bool
    default: false
notes:
  - This module does not use O(axl_version).
seealso:
  - module: voiceops.secure_tsp.cti_provider_info
  - module: voiceops.secure_tsp.cluster_info
"""

EXAMPLES = r"""
- name: Look for the recorder's open provider
  voiceops.secure_tsp.cti_connection_info:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    users: [recorder_tapi]
    addresses: ["{{ ansible_facts['default_ipv4']['address'] }}"]
    status: Open
  delegate_to: localhost
  register: seen

- name: Fail if it is not open
  ansible.builtin.assert:
    that: seen.connections | length > 0
    fail_msg: "{{ seen.reason if not seen.available else 'CTI Manager sees no open provider of recorder_tapi.' }}"

- name: List the providers of a whole fleet with one request
  voiceops.secure_tsp.cti_connection_info:
    hostname: cucm-pub.example.com
    username: monitor
    password: "{{ vault_monitor_password }}"
    users: "{{ secure_tsp_users | map(attribute='name') }}"
    include: []
    required: true
  delegate_to: localhost
"""

RETURN = r"""
available:
  description: Whether RISPort70 answered.
  returned: success
  type: bool
  sample: true
reason:
  description: Why RISPort70 is not available; empty if it is.
  returned: success
  type: str
  sample: the server refused the login (HTTP 401) (selectCtiItem at cucm-pub.example.com:8443). Either the user name or the
    password is wrong, or the user may read but not change; CUCM returns 401 in both cases. The login was not retried, so that the
    account is not locked. RISPort70, Control Center and log collection need the role Standard CCM Server Monitoring or Standard
    RealtimeAndTraceCollection.
complete:
  description:
    - Whether everything was returned. V(false) if a single user has more than 1000 items, which is the limit of one response,
      or if a node did not respond.
  returned: success
  type: bool
  sample: true
connections:
  description: Connections of the users, one for each node and C(app_id).
  returned: success
  type: list
  elements: dict
  contains:
    app_id:
      description: Login, client address and client TCP port, joined by hyphens.
      type: str
      sample: recorder_tapi-192.0.2.31-58667
    user:
      description: User that logged in.
      type: str
      sample: recorder_tapi
    address:
      description: Client address, as CTI Manager sees it.
      type: str
      sample: 192.0.2.31
    node:
      description: Node whose CTI Manager serves the connection.
      type: str
      sample: cucm-pub.example.com
    status:
      description: V(Open), V(Closed), V(OpenFailed) or V(Unknown).
      type: str
      sample: Open
    reason:
      description: Reason code of the status.
      type: int
      sample: 0
    time:
      description: Time of the status, in seconds since 1970.
      type: int
      sample: 1795654975
    devices:
      description: Devices that the connection has opened.
      type: list
      elements: dict
      contains:
        name:
          description: Device name.
          type: str
          sample: SEP001122334455
        status:
          description: Status of the device.
          type: str
          sample: Open
        reason:
          description: Reason code of the status.
          type: int
          sample: 0
        time:
          description: Time of the status, in seconds since 1970.
          type: int
          sample: 1795654975
        controls_media:
          description: Whether the application terminates the media.
          type: bool
          sample: false
    lines:
      description: Lines that the connection has opened.
      type: list
      elements: dict
      contains:
        number:
          description: Directory number.
          type: str
          sample: "1001"
        device:
          description: Device that the line belongs to, if the cluster reports it.
          type: str
          sample: SEP001122334455
        status:
          description: Status of the line.
          type: str
          sample: Open
        reason:
          description: Reason code of the status.
          type: int
          sample: 0
        time:
          description: Time of the status, in seconds since 1970.
          type: int
          sample: 1795654975
nodes:
  description: Result of the query for each node, such as V(Ok), V(NotFound) or V(NodeNotResponding).
  returned: success
  type: dict
  sample: {cucm-pub.example.com: Ok, cucm-sub1.example.com: NotFound}
requests:
  description: Number of requests sent, as C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample: {read: 3, write: 0, by_operation: {selectCtiItem: 3}}
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused the request
  type: int
  sample: 401
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._connections import (
    LONGEST_WAIT,
    NOT_AVAILABLE,
    OPTIONS,
    View,
    look,
    wanted,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import cluster_options, create, reporting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import (
    RealTimeInformation,
    serviceability_login,
)


def main():
    spec = cluster_options(serviceability=True)
    spec.update(OPTIONS)
    module = create(spec)
    params = module.params
    with reporting(module):
        if not 0 <= params["rate_limit_wait"] <= LONGEST_WAIT:
            raise InputError("rate_limit_wait is not from 0 to %d seconds" % LONGEST_WAIT)
        login = serviceability_login(params)
        for warning in login.warnings:
            module.warn(warning)
        view = View()
        reason = ""
        with RealTimeInformation(login, patience=params["rate_limit_wait"]) as ris:
            try:
                if params["users"]:
                    view = look(ris, params)
            except NOT_AVAILABLE as error:
                if params["required"]:
                    raise
                reason = str(error)
            module.exit_json(
                changed=False,
                available=not reason,
                reason=reason,
                complete=view.complete,
                connections=[one for one in view.connections.values() if wanted(one, params)],
                nodes=view.nodes,
                requests=ris.session.requests,
            )


if __name__ == "__main__":
    main()
