#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secure_port_info
short_description: Check the TLS ports of CAPF and CTI Manager
version_added: 0.1.0
description:
  - Reports for each port whether it responds, which certificate it presents, and whether the trust list of an instance contains
    that certificate. The module completes the TLS handshake and closes the connection.
  - No authorization string, user name or password is sent, and no client certificate is presented, so nothing is used up
    and no provider is opened. CTI Manager requires a client certificate and may end the handshake without one, after it has presented
    its own. That counts as a response.
  - The task does not fail if a port does not respond.
  - CUCM 11.5 to 15.
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.info_module
options:
  path:
    description:
      - Folder of the instance, with C(ctl.tlv). If it is not set, or contains no list that can be read,
        RV(ports[].trusted) is V(null).
    type: path
  ports:
    description: The ports to check, one after the other.
    type: list
    elements: dict
    required: true
    suboptions:
      service:
        description: Service that is expected on this port.
        type: str
        choices: [CAPF, CTI Manager]
        required: true
      host:
        description: Host name or address.
        type: str
        required: true
      port:
        description: TCP port.
        type: int
        required: true
  timeout:
    description: Time limit for one port, from 1 to 300 seconds.
    type: int
    default: 10
  tls_legacy:
    description: Also accept TLS 1.0 and 1.1, AES256-SHA and RSA keys below 2048 bits.
    type: bool
    default: false
requirements:
  - pyOpenSSL 20.0 or later
  - cryptography 3.4 or later
seealso:
  - module: voiceops.secure_tsp.cti_provider_info
  - module: voiceops.secure_tsp.ctl_info
"""

EXAMPLES = r"""
- name: Check that this host can reach CAPF and CTI Manager, and that the trust list contains their certificates
  voiceops.secure_tsp.secure_port_info:
    path: /etc/secure_tsp/recorder01x1
    ports:
      - {service: CAPF, host: cucm-pub.example.com, port: 3804}
      - {service: CTI Manager, host: cucm-pub.example.com, port: 2749}
  register: secure_ports

- name: Show the problems
  ansible.builtin.debug:
    msg: "{{ secure_ports.ports | selectattr('problem') | map(attribute='problem') | list }}"
"""

RETURN = r"""
trust_list:
  description: Why the trust list cannot be used; empty if it can.
  returned: success
  type: str
  sample: ""
ports:
  description: The ports in the order given.
  returned: success
  type: list
  elements: dict
  contains:
    service:
      description: Service that is expected on this port.
      type: str
      sample: CAPF
    host:
      description: Host name or address.
      type: str
      sample: cucm-pub.example.com
    port:
      description: TCP port.
      type: int
      sample: 3804
    stage:
      description:
        - The step that failed; empty if none did. V(connect) (no TCP connection), V(tls) (no TLS handshake) or V(trust) (the presented
          certificate is not in the trust list).
      type: str
      choices: ["", connect, tls, trust]
      sample: connect
    problem:
      description: What failed and what to do, as text.
      type: str
      sample: no service listens on this port (cucm-pub.example.com:8443). Check that the service is activated and started on
        this node, and the port.
    trusted:
      description: Whether the server's certificate is in the trust list; null if that cannot be determined.
      type: bool
      sample: true
    demands_certificate:
      description: Whether the server ended the handshake because no client certificate was presented. With TLS 1.3, this is not detected.
      type: bool
      sample: false
    version:
      description: TLS version; empty if the handshake was not completed.
      type: str
      sample: TLSv1.3
    cipher:
      description: Cipher suite; empty if the handshake was not completed.
      type: str
      sample: TLS_AES_256_GCM_SHA384
    certificate:
      description: Facts about the certificate that was presented; null if there was none.
      type: dict
      sample:
        subject: L=Town,ST=Nowhere,CN=CAPF-0badcafe,OU=lab,O=example,C=NZ
        issuer: L=Town,ST=Nowhere,CN=CAPF-0badcafe,OU=lab,O=example,C=NZ
        common_name: CAPF-0badcafe
        serial: 5a10c0de0badcafe00112233445566ff
        not_before: "2023-01-01T00:00:00Z"
        not_after: "2053-01-01T00:00:00Z"
        key_type: rsa
        key_size: 2048
        signature_hash: sha256
        sha256_fingerprint: 835a28c927f5f24515dda87775f53ebcb6dcbde02e01b22218d3020fadf06a16
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._secure_ports import (
    ARGUMENT_SPEC,
    check,
    look,
    trust_list_of,
)


def main():
    module = create(ARGUMENT_SPEC)
    with reporting(module):
        params = module.params
        check(params)
        _pki.require()
        trust_list, problem = trust_list_of(params["path"])
        finish(module, dict(
            changed=False, trust_list=problem, ports=[look(place, trust_list, params) for place in params["ports"]]))


if __name__ == "__main__":
    main()
