#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Check whether a CUCM cluster can serve secure CTI clients
version_added: 0.1.0
description:
  - Reads the release, nodes, security mode, services, CAPF parameters, server certificates and CAPF profiles of a
    Cisco Unified Communications Manager cluster.
  - Reports findings in two lists of sentences. RV(problems) is what prevents secure CTI connections, each with its
    solution. RV(doubts) is what could not be determined, which must not be mistaken for a good result.
  - Reading a cluster with one node takes nine requests, plus one for each further node that runs the services.
  - CUCM 11.5 to 15.
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.info_module
  - voiceops.secure_tsp.attributes.actiongroup_axl
  - voiceops.secure_tsp.cluster
  - voiceops.secure_tsp.cluster.serviceability
requirements:
  - cryptography (3.4 or later), for the subset V(certificates)
options:
  gather:
    description:
      - What to read. Anything else is neither returned nor checked.
      - V(version) is the release. V(nodes) is the nodes with their roles.
      - V(security) is the security mode, read by SQL as in Cisco's documentation.
      - V(services) is whether the services that secure CTI needs are activated (according to AXL) and running (according to the
        Control Center of every node that has one of them activated, contacted under the node's own name).
      - V(capf) is the service parameters of CAPF.
      - V(certificates) is the server certificates for CallManager, CAPF, Tomcat and ITL recovery.
      - V(profiles) is all CAPF profiles of application users and end users.
    type: list
    elements: str
    choices: [version, nodes, security, services, capf, certificates, profiles]
    default: [version, nodes, security, services, capf, certificates, profiles]
  capf_issuer_parameter:
    description:
      - Name of the CAPF service parameter that specifies who issues the certificates. The name is not documented, so there is no
        default. Look in RV(capf.parameters) for the name in your release.
      - If not set, or if the cluster has no such parameter, RV(capf.issuer) is V(unknown).
    type: str
seealso:
  - module: voiceops.secure_tsp.cti_connection_info
"""

EXAMPLES = r"""
- name: Read all facts about secure CTI
  voiceops.secure_tsp.cluster_info:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    ca_path: /etc/pki/cucm-tomcat.pem
  delegate_to: localhost
  register: cluster

- name: Stop if the cluster cannot serve secure CTI clients
  ansible.builtin.assert:
    that: cluster.problems | length == 0
    fail_msg: "{{ cluster.problems | join(' ') }}"

- name: Read only the security mode and the services, with a separate account for Control Center
  voiceops.secure_tsp.cluster_info:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    serviceability_username: monitor
    serviceability_password: "{{ vault_monitor_password }}"
    gather: [security, services]
  delegate_to: localhost
"""

RETURN = r"""
release:
  description: Release of the cluster, as the cluster reports it.
  returned: when V(version) is gathered
  type: str
  sample: 14.0.1.13900(155)
axl_version:
  description: AXL schema version that was used.
  returned: success
  type: str
  sample: "14.0"
publisher:
  description: Name of the publisher; V(null) if no node is marked as the publisher.
  returned: when V(nodes) or V(services) is gathered
  type: str
  sample: cucm-pub.example.com
nodes:
  description: Nodes of the cluster.
  returned: when V(nodes) or V(services) is gathered
  type: list
  elements: dict
  contains:
    name:
      description: Name or address, as the cluster knows the node.
      type: str
      sample: cucm-pub.example.com
    description:
      description: Description of the node.
      type: str
      sample: node 1
    role:
      description: Role of the node, V(CUCM Voice/Video) or V(CUCM IM and Presence).
      type: str
      sample: CUCM Voice/Video
    usage:
      description: V(Publisher) or V(Subscriber).
      type: str
      sample: Publisher
mixed_mode:
  description: Whether the cluster is in mixed mode; V(null) if it could not be read.
  returned: when V(security) is gathered
  type: bool
  sample: true
security_mode:
  description: Value of C(ClusterSecurityMode). 0 is non-secure, 1 is mixed, V(null) means that it could not be read.
  returned: when V(security) is gathered
  type: int
  sample: 1
services:
  description: The services that secure CTI needs, on each node that has them.
  returned: when V(services) is gathered
  type: list
  elements: dict
  contains:
    node:
      description: Name of the node.
      type: str
      sample: cucm-pub.example.com
    service:
      description: Name of the service.
      type: str
      sample: Cisco CTIManager
    activated:
      description: Whether the service is activated.
      type: bool
      sample: true
    running:
      description: Whether the service is running; V(null) if Control Center did not report it or was not queried.
      type: bool
      sample: true
    status:
      description: Status in Control Center, such as V(Started).
      type: str
      sample: Started
capf:
  description: How CAPF is configured.
  returned: when V(capf) is gathered
  type: dict
  contains:
    parameters:
      description: CAPF's service parameters by name. Values that look like a credential are not shown.
      type: dict
      sample:
        Certificate Issuer to Endpoint: Cisco Certificate Authority Proxy Function
        Duration Of Certificate Validity (in days): "1825"
        Key Size: "2048"
    issuer:
      description: Who issues the certificates, V(self) (CAPF itself), V(online), V(offline) or V(unknown).
      type: str
      sample: unknown
certificates:
  description: The server certificates.
  returned: when V(certificates) is gathered
  type: list
  elements: dict
  contains:
    node:
      description: Node that the certificate belongs to.
      type: str
      sample: cucm-pub.example.com
    service:
      description: Service that presents it, such as V(CallManager) or V(CAPF).
      type: str
      sample: tomcat
    subject:
      description: Subject of the certificate.
      type: str
      sample: L=Town,ST=Nowhere,CN=cucm-pub.example.com,OU=lab,O=example,C=NZ
    issuer:
      description: Issuer of the certificate.
      type: str
      sample: L=Town,ST=Nowhere,CN=cucm-pub.example.com,OU=lab,O=example,C=NZ
    common_name:
      description: Common name in the subject.
      type: str
      sample: cucm-pub.example.com
    serial:
      description: Serial number in hexadecimal.
      type: str
      sample: 1018e9025580e629f0a3d061c3a0234
    not_before:
      description: Start of its validity, in UTC.
      type: str
      sample: "2026-11-25T01:02:54Z"
    not_after:
      description: End of its validity, in UTC.
      type: str
      sample: "2046-11-21T01:02:54Z"
    key_type:
      description: V(rsa) or V(ec).
      type: str
      sample: rsa
    key_size:
      description: Size of its key in bits.
      type: int
      sample: 2048
    signature_hash:
      description: Hash algorithm of its signature, such as V(sha256).
      type: str
      sample: sha256
    sha256_fingerprint:
      description: SHA-256 fingerprint of the certificate in hexadecimal.
      type: str
      sample: 456bc2d7c633aff8928d60ed82833b0e0bf8ff82b4d8f7c4c240791ec23e5c76
profiles:
  description: All CAPF profiles. Authorization strings are never read.
  returned: when V(profiles) is gathered
  type: list
  elements: dict
  contains:
    instance_id:
      description: Instance ID.
      type: str
      sample: recorder01x1
    user:
      description: User that the profile belongs to.
      type: str
      sample: recorder_tapi
    user_type:
      description: V(application) or V(end).
      type: str
      sample: application
    operation:
      description: Certificate operation, such as V(No Pending Operation) or V(Install/Upgrade).
      type: str
      sample: No Pending Operation
    status:
      description: Status of the last operation, such as V(Upgrade Success).
      type: str
      sample: Upgrade Success
    completion:
      description: Deadline of a pending operation, as the cluster reports it.
      type: str
      sample: null
    authentication_mode:
      description: How the client authenticates to CAPF.
      type: str
      sample: By Authentication String
    key_order:
      description: Key types that CAPF requests.
      type: str
      sample: RSA Only
    key_size:
      description: Size of an RSA key in bits.
      type: str
      sample: "2048"
    ec_key_size:
      description: Size of an EC key in bits.
      type: str
      sample: null
clock_skew_s:
  description: Number of seconds by which the publisher's clock is ahead of the host that runs the module.
  returned: success
  type: int
  sample: -1
problems:
  description: What prevents secure CTI connections, each with its solution.
  returned: success
  type: list
  elements: str
  sample:
    - The cluster is in non-secure mode. Run utils ctl set-cluster mixed-mode on the publisher's command line.
doubts:
  description: What could not be determined, each with the reason.
  returned: success
  type: list
  elements: str
  sample:
    - It could not be determined who issues CAPF's certificates. With an offline CA, no certificate can be enrolled in one session.
      Set capf_issuer_parameter to the service parameter that names the issuer.
requests:
  description: Number of requests sent to AXL, as C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample:
    read: 8
    write: 0
    by_operation:
      getCCMVersion: 1
      listProcessNode: 1
      executeSQLQuery: 2
      listProcessNodeService: 1
      listServiceParameter: 1
      listApplicationUserCapfProfile: 1
      listEndUserCapfProfile: 1
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused the request
  type: int
  sample: 401
"""

from datetime import datetime, timezone

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.client import AxlClient, login_from
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import cluster_options, create, reporting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import serviceability_login
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._survey import OPTIONS, Survey, problems_of


def main():
    spec = cluster_options(serviceability=True)
    spec.update(OPTIONS)
    module = create(spec)
    with reporting(module):
        login = login_from(module.params)
        for warning in login.warnings:
            module.warn(warning)
        with AxlClient(login) as axl:
            survey = Survey(axl, serviceability_login(module.params), module.params["capf_issuer_parameter"])
            facts = survey.gather(module.params["gather"])
            module.exit_json(
                changed=False,
                axl_version=axl.axl_version,
                clock_skew_s=axl.clock_skew,
                problems=problems_of(facts, datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")),
                doubts=survey.doubts,
                requests=axl.requests,
                **facts
            )


if __name__ == "__main__":
    main()
