#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cti_connection_info
short_description: Show which CTI connections the cluster itself sees
version_added: 0.1.0
description:
  - Asks RISPort70 (C(selectCtiItem)) which providers, devices and lines the given users have open. This is the
    server's own view, and it opens nothing, so a running application is not disturbed.
  - One request for each class answers for all users, unless they have more than 1000 items, which is all that one answer
    carries. Then the users are asked for in halves. The cluster allows 15 of these requests a minute by default.
  - RISPort70 does not tell secure from plain connections, nor an instance id. A connection is known by its user and
    the client's address.
  - That the service is not available is a result and not a failure, unless O(required) is set.
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
      - Users whose connections are wanted. An empty list asks nothing and finds nothing.
    type: list
    elements: str
    required: true
  addresses:
    description:
      - Return only connections from these client addresses, as CTI Manager sees them.
      - If not set, connections from everywhere are returned.
    type: list
    elements: str
  include:
    description:
      - What to ask for beside the connections. Each costs one more request.
    type: list
    elements: str
    choices: [devices, lines]
    default: [devices, lines]
  status:
    description:
      - Return only connections of this status. Closed ones stay listed for a while.
    type: str
    choices: [Any, Open, Closed, OpenFailed, Unknown]
    default: Any
  rate_limit_wait:
    description:
      - Seconds to wait in all, from 0 to 300, while the cluster allows no more requests this minute.
    type: int
    default: 60
  required:
    description:
      - Fail when the service is not available, instead of returning RV(available) as V(false).
    type: bool
    default: false
notes:
  - The value of O(axl_version) is not used by this module.
seealso:
  - module: voiceops.secure_tsp.cti_provider_info
  - module: voiceops.secure_tsp.cluster_info
"""

EXAMPLES = r"""
- name: Is the recorder's provider open
  voiceops.secure_tsp.cti_connection_info:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    users: [recorder_tapi]
    addresses: ["{{ ansible_facts['default_ipv4']['address'] }}"]
    status: Open
  delegate_to: localhost
  register: seen

- name: Fail when it is not
  ansible.builtin.assert:
    that: seen.connections | length > 0
    fail_msg: "{{ seen.reason if not seen.available else 'CTI Manager sees no open provider of recorder_tapi.' }}"

- name: The providers of a whole fleet with one request
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
  description: Why it is not available, empty when it is.
  returned: success
  type: str
  sample: the server refused the login (HTTP 401) (selectCtiItem at cucm-pub.example.com:8443). Either the user name or the
    password is wrong, or the user may read but not change; CUCM answers 401 to both. It was not tried again, so that the
    account is not locked. RISPort70, Control Center and log collection need the role Standard CCM Server Monitoring or Standard
    RealtimeAndTraceCollection.
complete:
  description:
    - Whether everything found was returned. V(false) when a single user has more than the 1000 items that one answer
      carries.
  returned: success
  type: bool
  sample: true
connections:
  description: Connections of the users, one for each node and application.
  returned: success
  type: list
  elements: dict
  contains:
    app_id:
      description: Login, client address and client TCP port, joined by hyphens.
      type: str
      sample: recorder_tapi-192.0.2.31-58667
    user:
      description: User who logged in.
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
      description: Time of the status in seconds since 1970.
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
          description: Time of the status in seconds since 1970.
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
          description: Device the line belongs to, where the cluster tells.
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
          description: Time of the status in seconds since 1970.
          type: int
          sample: 1795654975
nodes:
  description: What each node answered, such as V(Ok), V(NotFound) or V(NodeNotResponding).
  returned: success
  type: dict
  sample: {cucm-pub.example.com: Ok, cucm-sub1.example.com: NotFound}
requests:
  description: Requests sent, C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample: {read: 3, write: 0, by_operation: {selectCtiItem: 3}}
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused
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
