#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_trace_files
short_description: List or download CUCM traces of a time window from every node
version_added: 0.1.0
description:
  - Lists the trace files of CAPF, TFTP, TVS and CTI Manager, or of other services, that log collection shows for a time
    window, and downloads them into a folder per node.
  - A file is streamed to disk in small pieces, one at a time, and appears under its name when it is whole. Compressed
    files stay compressed.
  - Files that are there with the size of the listing are not fetched again. One that the node still writes grows, so it
    is fetched again by the next run.
  - Each node has a folder below O(dest), in which the node's own folders are repeated without C(/var/log/active).
  - Traces may contain names of users, addresses and numbers. Nothing is masked in them without O(mask). Folders are made with
    mode 0700 and files with 0600.
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
    details:
      - Lists, and says which files would be downloaded.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A trace that grew, or a new one, is downloaded by the next run. O(overwrite) downloads all of them every time.
options:
  services:
    description:
      - Names of the services whose traces are wanted, as log collection writes them, in any case.
      - A service that a node does not have is named in RV(nodes). One that no node has is a warning, and if no node
        has any of them that is an error.
    type: list
    elements: str
    default:
      - Cisco Certificate Authority Proxy Function
      - Cisco Tftp
      - Cisco Trust Verification Service
      - Cisco CTIManager
  nodes:
    description:
      - Names of the nodes, as the cluster knows them.
      - If not set, all nodes that log collection lists are asked.
    type: list
    elements: str
  node_addresses:
    description:
      - Host name or address to reach a node under, by the node's name in the cluster, where it cannot be reached by
        that. O(hostname) is used for itself, for its own first label, and for the only node of a cluster.
    type: dict
  last_minutes:
    description:
      - Length in minutes, from 1 to 43200, of a window that ends now. The service counts it in minutes up to 127, then
        in full hours, then in full days.
    type: int
  from:
    description:
      - Begin of the window as V(YYYY-MM-DD HH:MM), on the clock of O(time_zone).
      - Some releases take no notice of the window. Files whose last change is certainly before its begin are left out
        in any case.
    type: str
  to:
    description: End of the window as V(YYYY-MM-DD HH:MM), on the clock of O(time_zone).
    type: str
  time_zone:
    description:
      - Time zone of O(from) and O(to), as log collection names it.
      - If not set, it is each node's own, by the name that the node gives it (C(getTimeZone)).
    type: str
  dest:
    description:
      - Folder on the host that runs the module. It is made when it is missing.
      - If not set, files are listed only.
    type: path
  overwrite:
    description: Whether files that are there with the same size are downloaded again.
    type: bool
    default: false
  mask:
    description:
      - Texts to mask in each file before it gets its name, such as authorization strings. What stands behind a label such as
        C(AuthString=) or C(password:) is masked as well, also with an empty list.
      - Files then have another size than on the node, so that every run fetches them again.
    type: list
    elements: str
  max_files:
    description:
      - Files to select at most, from 1 to 10000. The newest of each node and service come first.
      - Files that are there already count, so that the next run selects the same ones.
    type: int
    default: 200
  max_file_size:
    description: Size of one file at most, in bytes or with a unit such as V(100M). Larger ones are left out.
    type: bytes
    default: 100M
  max_total_size:
    description: Size of all selected files together at most, in bytes or with a unit such as V(1G).
    type: bytes
    default: 1G
  file_timeout:
    description: Seconds for one download, from 1 to 7200. O(timeout) applies to silence on the connection.
    type: int
    default: 600
  rate_limit_wait:
    description:
      - Seconds to wait in all for one node, from 0 to 600, while it allows no more requests.
    type: int
    default: 60
seealso:
  - module: voiceops.secure_tsp.tsp_trace_info
"""

EXAMPLES = r"""
- name: What traces are there of the last hour
  voiceops.secure_tsp.cluster_trace_files:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    last_minutes: 60
  delegate_to: localhost
  register: traces

- name: Fetch what CAPF and TVS wrote around a failed enrolment, from the publisher only
  voiceops.secure_tsp.cluster_trace_files:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    services:
      - Cisco Certificate Authority Proxy Function
      - Cisco Trust Verification Service
    nodes: [cucm-pub]
    from: "2026-11-23 16:00"
    to: "2026-11-23 17:00"
    dest: /srv/traces/case-4711
    max_total_size: 500M
  delegate_to: localhost
"""

RETURN = r"""
files:
  description: Files of the window, the newest of each node and service first.
  returned: success
  type: list
  elements: dict
  contains:
    node:
      description: Name of the node.
      type: str
      sample: cucm-pub.example.com
    service:
      description: Service that wrote it.
      type: str
      sample: Cisco Certificate Authority Proxy Function
    path:
      description: Absolute path on the node.
      type: str
      sample: /var/log/active/cm/trace/capf/sdi/trace00000001.txt
    size:
      description: Octets by the node's listing, V(null) when it does not tell; of the file itself after a download.
      type: int
      sample: 7
    modified:
      description: Time of its last change in the node's words.
      type: str
      sample: Mon Nov 23 16:41:07 CET 2026
    dest:
      description: Place on this host, V(null) without O(dest).
      type: str
      sample: /srv/traces/case-4711/cucm-pub.example.com/cm/trace/capf/sdi/trace00000001.txt
    status:
      description:
        - V(listed) without O(dest), V(to_download) in check mode, V(downloaded), or V(present) with the same size.
        - V(too_large) for O(max_file_size), V(over_limit) for O(max_files) and O(max_total_size).
        - V(refused) when the path is not one that may be written here, V(failed) when it could not be fetched, and
          V(not_fetched) when its node was given up.
      type: str
      sample: listed
    problem:
      description: Why a file is V(refused) or V(failed), else V(null).
      type: str
      sample: null
nodes:
  description: The nodes that were asked.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name in the cluster.
      type: str
      sample: cucm-pub.example.com
    address:
      description: Name or address it was reached under.
      type: str
      sample: 192.0.2.10
    time_zone:
      description: Zone of the window, V(null) for O(last_minutes).
      type: str
      sample: "Client: (GMT+1:0)Europe/Berlin"
    services:
      description: Services that were asked for.
      type: list
      elements: str
      sample: [Cisco Certificate Authority Proxy Function, Cisco Tftp]
    missing_services:
      description: Wanted services that this node does not have.
      type: list
      elements: str
      sample: [Cisco Certificate Authority Proxy Function]
    left_out:
      description: Files that the node listed although their last change was certainly before the window.
      type: int
      sample: 0
    problem:
      description: Why the node did not give its files, or not all, else V(null).
      type: str
      sample: null
missing_services:
  description: Wanted services that no node has.
  returned: success
  type: list
  elements: str
  sample: []
complete:
  description: Whether every file of the window was listed and, with O(dest), is there now (in check mode, would be).
  returned: success
  type: bool
  sample: true
downloaded:
  description: Number of files downloaded by this run.
  returned: success
  type: int
  sample: 0
downloaded_size:
  description: Octets downloaded by this run.
  returned: success
  type: int
  sample: 0
requests:
  description: Requests sent, C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample: {read: 3, write: 0, by_operation: {listNodeServiceLogs: 1, selectLogFiles: 2}}
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused
  type: int
  sample: 401
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import (
    cluster_options,
    create,
    finish,
    reporting,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import serviceability_login
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._trace_collection import OPTIONS, Collection, check


def main():
    spec = cluster_options(serviceability=True)
    spec.update(OPTIONS)
    module = create(
        spec, required_one_of=[("last_minutes", "from")], mutually_exclusive=[("last_minutes", "from")],
        required_together=[("from", "to")],
    )
    with reporting(module):
        check(module.params)
        login = serviceability_login(module.params)
        for warning in login.warnings:
            module.warn(warning)
        collection = Collection(login, module.params)
        collection.survey()
        collection.decide()
        before = collection.held()
        if not module.check_mode:
            collection.download()
        finish(module, collection.result(before), warnings=collection.warnings)


if __name__ == "__main__":
    main()
