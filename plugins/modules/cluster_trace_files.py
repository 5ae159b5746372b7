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
  - Lists the trace files of CAPF, TFTP, TVS and CTI Manager, or of other services, that log collection reports for a time
    window, and downloads them into one folder for each node.
  - Files are streamed to disk one at a time. A file appears under its final name once it is complete. Compressed
    files stay compressed.
  - Files that already exist with the listed size are not downloaded again. A file that the node is still writing grows, so
    the next run downloads it again.
  - Each node gets a folder below O(dest) that repeats the node's own folder structure without C(/var/log/active).
  - Traces may contain user names, addresses and numbers. Nothing in them is masked unless O(mask) is set. Folders are created with
    mode 0700 and files with mode 0600.
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
      - Lists the files, and shows which of them would be downloaded.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - The next run downloads traces that are new or have grown. O(overwrite) downloads all of them every time.
options:
  services:
    description:
      - Names of the services to collect traces from, as log collection spells them. They are not case sensitive.
      - RV(nodes) names the services that a node does not have. A service that no node has causes a warning. If no node
        has any of the services, the task fails.
    type: list
    elements: str
    default:
      - Cisco Certificate Authority Proxy Function
      - Cisco Tftp
      - Cisco Trust Verification Service
      - Cisco CTIManager
  nodes:
    description:
      - Names of the nodes in the cluster.
      - If not set, all nodes that log collection lists are used.
    type: list
    elements: str
  node_addresses:
    description:
      - Host names or addresses of nodes that cannot be reached under their name in the cluster. The keys are the node names.
      - Without an entry, O(hostname) is used for the only node of a cluster, and for the node whose name is O(hostname) or the first
        label of it. Every other node is contacted under its name.
    type: dict
  last_minutes:
    description:
      - Length in minutes, from 1 to 43200, of a time window that ends now. The service counts in minutes up to 127, then
        in full hours, then in full days; the length is rounded up accordingly.
    type: int
  from:
    description:
      - Start of the window as V(YYYY-MM-DD HH:MM), in O(time_zone).
      - Some releases ignore the window. Files that were certainly last changed before it starts are left out
        in any case.
    type: str
  to:
    description: End of the window as V(YYYY-MM-DD HH:MM), in O(time_zone).
    type: str
  time_zone:
    description:
      - Time zone of O(from) and O(to), as log collection names it.
      - If not set, each node's own time zone is used, under the name that the node returns (C(getTimeZone)).
    type: str
  dest:
    description:
      - Folder on the host that runs the module. It is created if it does not exist.
      - If not set, the files are only listed.
    type: path
  overwrite:
    description: Whether to download files again that already exist with the same size.
    type: bool
    default: false
  mask:
    description:
      - Texts to mask in each file before it gets its final name, such as authorization strings. Values after a label such as
        C(AuthString=) or C(password:) are masked as well, even with an empty list.
      - Masked files differ in size from those on the node, so every run downloads them again.
    type: list
    elements: str
  max_files:
    description:
      - Maximum number of files to select, from 1 to 10000. The newest files of each node and service come first.
      - Files that already exist count, so the next run selects the same ones.
    type: int
    default: 200
  max_file_size:
    description: Maximum size of one file, in bytes or with a unit such as V(100M). Larger files are left out.
    type: bytes
    default: 100M
  max_total_size:
    description: Maximum total size of all selected files, in bytes or with a unit such as V(1G).
    type: bytes
    default: 1G
  file_timeout:
    description: Time limit for one download, from 1 to 7200 seconds. O(timeout) limits the silence on the connection.
    type: int
    default: 600
  rate_limit_wait:
    description:
      - Maximum total time to wait for one node while it allows no more requests, from 0 to 600 seconds.
    type: int
    default: 60
seealso:
  - module: voiceops.secure_tsp.tsp_trace_info
"""

EXAMPLES = r"""
- name: List the traces of the last hour
  voiceops.secure_tsp.cluster_trace_files:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    last_minutes: 60
  delegate_to: localhost
  register: traces

- name: Download the CAPF and TVS traces of a failed enrolment, from the publisher only
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
      description: Service that wrote the file.
      type: str
      sample: Cisco Certificate Authority Proxy Function
    path:
      description: Absolute path on the node.
      type: str
      sample: /var/log/active/cm/trace/capf/sdi/trace00000001.txt
    size:
      description: Size in bytes according to the node's listing, V(null) if not listed; after a download, the size of the file itself.
      type: int
      sample: 7
    modified:
      description: Time of its last change, as the node reports it.
      type: str
      sample: Mon Nov 23 16:41:07 CET 2026
    dest:
      description: Path on the host that runs the module; V(null) without O(dest).
      type: str
      sample: /srv/traces/case-4711/cucm-pub.example.com/cm/trace/capf/sdi/trace00000001.txt
    status:
      description:
        - V(listed) without O(dest), V(to_download) in check mode, V(downloaded), or V(present) if it already exists with the same size.
        - V(too_large) if it exceeds O(max_file_size), V(over_limit) if it exceeds O(max_files) or O(max_total_size).
        - V(refused) if its path must not be written here, V(failed) if the download failed, and
          V(not_fetched) if the module gave up on its node.
      type: str
      sample: listed
    problem:
      description: Why the file is V(refused) or V(failed), else V(null).
      type: str
      sample: null
nodes:
  description: The nodes that were queried.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name in the cluster.
      type: str
      sample: cucm-pub.example.com
    address:
      description: Name or address under which the node was contacted.
      type: str
      sample: 192.0.2.10
    time_zone:
      description: Time zone of the window; V(null) with O(last_minutes).
      type: str
      sample: "Client: (GMT+1:0)Europe/Berlin"
    services:
      description: Requested services that this node has.
      type: list
      elements: str
      sample: [Cisco Certificate Authority Proxy Function, Cisco Tftp]
    missing_services:
      description: Requested services that this node does not have.
      type: list
      elements: str
      sample: [Cisco Certificate Authority Proxy Function]
    left_out:
      description: Number of files that the node listed although they were certainly last changed before the window.
      type: int
      sample: 0
    problem:
      description: Why files of the node are missing, else V(null).
      type: str
      sample: null
missing_services:
  description: Requested services that no node has.
  returned: success
  type: list
  elements: str
  sample: []
complete:
  description: Whether every file of the window was listed and, with O(dest), exists now (or would exist, in check mode).
  returned: success
  type: bool
  sample: true
downloaded:
  description: Number of files downloaded by this run.
  returned: success
  type: int
  sample: 0
downloaded_size:
  description: Number of bytes downloaded by this run.
  returned: success
  type: int
  sample: 0
requests:
  description: Number of requests sent, as C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample: {read: 3, write: 0, by_operation: {listNodeServiceLogs: 1, selectLogFiles: 2}}
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused the request
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
