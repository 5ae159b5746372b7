#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secure_port_info
short_description: Shake hands with CAPF and CTI Manager over TLS, and hang up
description:
  - Tells of each port whether it answers, what it presents, and whether the trust list of an instance vouches for that.
  - No authorization string, no name and no password is sent, and no client certificate is shown, so that nothing is used up
    and no provider is opened. CTI Manager demands a certificate and may end the handshake for want of one, after it presented
    its own; that counts as an answer.
  - A port that does not answer is a result and no failure.
  - CUCM 11.5 to 15.
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.info_module
options:
  path:
    description:
      - The instance's folder with C(ctl.tlv). If it is not set, or holds no list that can be read, whether the list vouches
        for a port is V(null).
    type: path
  ports:
    description: The ports to look at, one after the other.
    type: list
    elements: dict
    required: true
    suboptions:
      service:
        description: Who is expected there.
        type: str
        choices: [CAPF, CTI Manager]
        required: true
      host:
        description: Name or address.
        type: str
        required: true
      port:
        description: TCP port.
        type: int
        required: true
  timeout:
    description: Seconds for one port, from 1 to 300.
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
- name: See whether CAPF and CTI Manager can be reached from this host, and whether they are the cluster's
  voiceops.secure_tsp.secure_port_info:
    path: /etc/secure_tsp/recorder01x1
    ports:
      - {service: CAPF, host: cucm-pub.example.com, port: 3804}
      - {service: CTI Manager, host: cucm-pub.example.com, port: 2749}
  register: secure_ports

- name: Show what is wrong with them
  ansible.builtin.debug:
    msg: "{{ secure_ports.ports | selectattr('problem') | map(attribute='problem') | list }}"
"""

RETURN = r"""
trust_list:
  description: What stands in the way of using the trust list, empty when nothing does.
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
      description: Who is expected there.
      type: str
      sample: CAPF
    host:
      description: Name or address.
      type: str
      sample: cucm-pub.example.com
    port:
      description: TCP port.
      type: int
      sample: 3804
    stage:
      description:
        - Where it failed, empty where it did not. V(connect) (no TCP connection), V(tls) (no handshake) or V(trust) (the trust
          list does not vouch for what was presented).
      type: str
      choices: ["", connect, tls, trust]
      sample: connect
    problem:
      description: What failed and what to do, as a sentence.
      type: str
      sample: nobody listens on this port (cucm-pub.example.com:8443). Check that the service is activated and started on
        this node, and the port.
    trusted:
      description: Whether the trust list vouches for the server; null where that cannot be told.
      type: bool
      sample: true
    demands_certificate:
      description: Whether the server ended the handshake because no client certificate was shown. With TLS 1.3 that cannot be told.
      type: bool
      sample: false
    version:
      description: Version of TLS, empty without a handshake that was completed.
      type: str
      sample: TLSv1.3
    cipher:
      description: Cipher suite, empty like RV(ports[].version).
      type: str
      sample: TLS_AES_256_GCM_SHA384
    certificate:
      description: Facts of the certificate that was presented; null without one.
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

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _transport
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    FormatError,
    SecureTspError,
    StoreError,
    TransportError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._instance import (
    CTI_MANAGER_ROLES,
    is_capf_server,
    read_trust_list,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import check_ranges
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._store import Store

CAPF = "CAPF"
CTI_MANAGER = "CTI Manager"


def trust_list_of(path):
    """C((trust list or None, why there is none))."""
    if not path:
        return None, "no path was given"
    try:
        trust_list = read_trust_list(Store(path))
    except (FormatError, StoreError) as error:
        return None, str(error)
    return trust_list, "" if trust_list else "there is no trust list in %s" % path


def vouches(trust_list, service, chain):
    if service == CAPF:
        return is_capf_server(trust_list, chain[0])
    return _pki.lists_certificate(trust_list, chain[0], CTI_MANAGER_ROLES)


def look(place, trust_list, params):
    """One row of the result."""
    row = dict(place, stage="", problem="", trusted=None, demands_certificate=False, version="", cipher="", certificate=None)
    deadline = _transport.Deadline(params["timeout"])
    try:
        facts, chain, failure = _transport.look(place["host"], place["port"], deadline, params["tls_legacy"])
    except TransportError as error:
        return dict(row, stage="connect", problem=str(error))
    row.update(version=facts.get("version", ""), cipher=facts.get("cipher", ""))
    if chain:
        row["certificate"] = _pki.certificate_facts(chain[0])
        row["trusted"] = vouches(trust_list, place["service"], chain) if trust_list else None
    # CAPF never asks for a certificate.
    row["demands_certificate"] = bool(
        failure and chain and failure.facts.get("tls_alert") and place["service"] == CTI_MANAGER)
    if failure and not row["demands_certificate"]:
        return dict(row, stage="tls", problem=str(failure))
    if row["trusted"] is False:
        return dict(row, stage="trust", problem=str(not_vouched(place, row["certificate"])))
    return row


def not_vouched(place, certificate):
    return SecureTspError(
        "the trust list does not vouch for the certificate that %s presents (%s)" % (place["service"], certificate["subject"]),
        where=_transport.place(place["host"], place["port"]),
        cure="Fetch the trust list again with ctl_file, if the certificate was renewed. Nothing was sent.")


def check(params):
    check_ranges(params, {"timeout": (1, 300)})
    for place in params["ports"]:
        check_ranges(place, {"port": (1, 65535)})


def main():
    module = create(dict(
        path=dict(type="path"),
        ports=dict(type="list", elements="dict", required=True, options=dict(
            service=dict(type="str", required=True, choices=[CAPF, CTI_MANAGER]),
            host=dict(type="str", required=True),
            port=dict(type="int", required=True),
        )),
        timeout=dict(type="int", default=10),
        tls_legacy=dict(type="bool", default=False),
    ))
    with reporting(module):
        params = module.params
        check(params)
        _pki.require()
        trust_list, problem = trust_list_of(params["path"])
        finish(module, dict(
            changed=False, trust_list=problem, ports=[look(place, trust_list, params) for place in params["ports"]]))


if __name__ == "__main__":
    main()
