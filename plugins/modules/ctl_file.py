#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ctl_file
short_description: Fetch, check and store a cluster's certificate trust list (CTL) with its certificates
version_added: 0.1.0
description:
  - Fetches the trust list from CUCM's file servers, decides whether it can be trusted, and stores it with its
    certificates in the folder of a TSP instance.
  - The first list is trusted on first use, unless O(fingerprint) pins it. Every later list must be signed by a security
    token (SAST) of the stored one. If a list is refused, damaged or not found, the stored files stay as they are.
  - The files are C(ctl.tlv) (the list), C(ctl.tlv.previous) (the previous list), C(<subject hash>.0) in PEM format for each
    certificate of the list, named as OpenSSL does, and C(CallManager.cer) in DER format, the first certificate with the role CCM
    or CCM+TFTP. A file that was deleted or altered is written again.
options:
  path:
    description: Folder of the instance. It is created with mode 0700. It must not contain anything but files of an instance.
    type: path
    required: true
  state:
    description: V(absent) removes what this module wrote, and the folder if it is then empty.
    type: str
    choices: [present, absent]
    default: present
  tftp_servers:
    description:
      - Names or addresses (IPv4 or IPv6) of the cluster's file servers. They are tried in this order until one returns a list.
      - The remaining servers are then queried briefly. If they serve different lists, the newest one that can be trusted is used.
      - Required with O(state=present).
    type: list
    elements: str
  tftp_port:
    description: UDP port of the file servers. 1 to 65535.
    type: int
    default: 69
  capf_host:
    description:
      - Name or address of the CAPF server, which is the publisher. The file name is derived from its address, for example
        C(CTLCAPF0A010203.tlv) for 10.1.2.3. C(CTLCAPFA010203.tlv) (without the leading zero) and C(CTLFile.tlv) are tried next.
      - If a name has both IPv4 and IPv6 addresses, its IPv4 address is used.
      - Either O(capf_host) or O(file_name) is required with O(state=present).
    type: str
  file_name:
    description: Request only this file, instead of the names derived from O(capf_host).
    type: str
  fingerprint:
    description:
      - MD5, SHA-1 or SHA-256 of the file in hexadecimal digits, with or without colons. The CUCM command C(show ctl) prints MD5 and
        SHA-1 as checksums.
      - If set, only this list is accepted, whoever signed it. Change the fingerprint after each C(utils ctl update).
    type: str
  on_missing:
    description:
      - What to do if no file server returns a list (no file, an empty file, or no response) and one is stored.
      - V(keep_and_warn) continues with the stored list. Without a stored list, the task fails in any case.
    type: str
    choices: [fail, keep_and_warn]
    default: fail
  reject_older:
    description:
      - Refuse a list that is older than the stored one, even if its signature is good. By default, it is accepted
        with a warning, because a cluster that was restored from a backup serves such a list.
    type: bool
    default: false
  cluster_certificates:
    description:
      - The cluster's own certificates, as returned in RV(voiceops.secure_tsp.cluster_info#module:certificates). The first list is
        compared with them, because TFTP does not authenticate the server, while AXL returns certificates over verified TLS.
      - A list is confirmed if it contains a CAPF certificate and a CallManager certificate that are among them. It is contradicted if
        certificates of both services are given and none in the list is among them.
    type: list
    elements: dict
    suboptions:
      service:
        description: The service, such as V(CAPF) or V(CallManager).
        type: str
        required: true
      sha256_fingerprint:
        description: SHA-256 fingerprint of the certificate.
        type: str
        required: true
  on_contradiction:
    description: What to do if O(cluster_certificates) contradict the first list. A list pinned by O(fingerprint) is not compared.
    type: str
    choices: [fail, warn]
    default: fail
  http:
    description:
      - If a server does not respond to TFTP, also try HTTP. A server that is still searching other clusters (HTTP
        503) is tried up to two more times, then the next server is tried with TFTP.
    type: bool
    default: false
  http_port:
    description: TCP port for O(http). 1 to 65535.
    type: int
    default: 6970
  timeout:
    description: Time limit for one file from one server, however slowly it arrives. 1 to 300 seconds.
    type: int
    default: 15
  max_size:
    description: Maximum size of a file in bytes, 1 to 1048576. Larger files are not read. Real lists have 4 to 9 KB.
    type: int
    default: 1048576
  owner:
    description: Owner of the folder and the files. By default, new ones belong to the user that runs the task.
    type: str
  group:
    description: Group of the folder and the files.
    type: str
  source_address:
    description: Local address to connect from, on hosts with several addresses.
    type: str
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
attributes:
  check_mode:
    support: full
    details:
      - The list is also fetched and checked in check mode. Nothing is written.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - cryptography >= 3.4 (with O(state=present))
  - tftpy (with O(state=present))
notes:
  - TFTP and HTTP do not authenticate the server. Whoever can respond in place of the file server at the first fetch can impersonate
    the cluster for this instance. Run the first fetch in a safe network, or set O(fingerprint). Cisco's own clients work the same
    way.
  - No TFTP options are requested. Packets from any other host than the server are ignored.
  - Lists with expired certificates are accepted, because CUCM does not leave expired certificates out.
seealso:
  - module: voiceops.secure_tsp.ctl_info
  - module: voiceops.secure_tsp.capf_certificate
"""

EXAMPLES = r"""
- name: Store the trust list of an instance
  voiceops.secure_tsp.ctl_file:
    path: /etc/secure_tsp/recorder01x1
    tftp_servers:
      - cucm-pub.example.com
      - cucm-sub1.example.com
    capf_host: cucm-pub.example.com
  register: trust

- name: Fail unless the cluster is secure and has CAPF
  ansible.builtin.assert:
    that: trust.ctl.mixed_mode and trust.ctl.has_capf

- name: Pin the first list to the checksum that show ctl prints on the publisher
  voiceops.secure_tsp.ctl_file:
    path: /etc/secure_tsp/recorder01x1
    tftp_servers: [cucm-pub.example.com]
    capf_host: cucm-pub.example.com
    fingerprint: "{{ ctl_fingerprint_of_the_cluster }}"

- name: Keep the stored list while the file servers are down
  voiceops.secure_tsp.ctl_file:
    path: /etc/secure_tsp/recorder01x1
    tftp_servers: [cucm-pub.example.com]
    capf_host: 192.0.2.10
    on_missing: keep_and_warn
    http: true

- name: Remove the trust list of an instance that no longer exists
  voiceops.secure_tsp.ctl_file:
    path: /etc/secure_tsp/recorder01x1
    state: absent
"""

RETURN = r"""
verdict:
  description:
    - On success, why the list is in place. V(first_trust) means that it was trusted on first use, V(confirmed) that
      O(cluster_certificates) confirmed it, V(vouched) that the list of another instance did, V(pinned) that it matches O(fingerprint),
      V(update) that a token of the stored list signed it, V(unchanged) that it equals the stored list, V(kept) that none was
      fetched and the stored list stays, V(kept_newer) that the servers have an older list and O(cluster_certificates) confirm the
      stored one.
    - On failure, why no list is in place. V(not_found), V(empty) and V(no_answer) mean that none was fetched, V(damaged) that it
      cannot be read, V(tampered) that it is not signed by one of its own tokens, V(stranger) that no token of the stored
      list signed it, V(fingerprint_mismatch) that it does not match O(fingerprint), V(older) that O(reject_older)
      refused it, V(contradicted) that O(cluster_certificates) contradict it, V(stored_damaged) that the stored list is damaged and
      cannot be used to check a new one, V(cannot_verify) that the library or the crypto policy of this host cannot check the
      signature, which does not mean that the list is bad.
  returned: with O(state=present), unless an option was wrong or a file could not be written
  type: str
  sample: unchanged
older:
  description: File servers that serve an older list than the others, or than the stored one. Cisco Tftp was not restarted on them.
  returned: when a list was fetched
  type: list
  elements: dict
  contains:
    server:
      description: The file server.
      type: str
      sample: cucm-sub1.example.com
    timestamp:
      description: When its list was created, in UTC.
      type: str
      sample: "2026-01-10T08:00:00Z"
    newest:
      description: When the newest list was created, in UTC.
      type: str
      sample: "2026-03-01T22:00:00Z"
  sample: []
server:
  description: The file server that returned the list that is stored now; empty if the stored list was kept.
  returned: success and O(state=present)
  type: str
  sample: cucm-pub.example.com
file_name:
  description: Name of the file that RV(server) returned; empty if the stored list was kept.
  returned: success and O(state=present)
  type: str
  sample: CTLCAPFC000020A.tlv
protocol:
  description: V(tftp) or V(http); empty if the stored list was kept.
  returned: success and O(state=present)
  type: str
  sample: tftp
failures:
  description: Requests that failed, in order.
  returned: success and O(state=present), and when no server returned a list
  type: list
  elements: str
  sample: ["the TFTP server has no such file (tftp://cucm-pub.example.com:69/CTLCAPF0A010203.tlv)"]
files:
  description: Names of the files that were written or removed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [6c7c3153.0, 9467be5d.0]
ctl:
  description: The list that is in place now, or would be in check mode.
  returned: success and O(state=present)
  type: dict
  contains:
    version:
      description: Version of the format.
      type: str
      sample: "1.2"
    file_name:
      description: File name inside the file. It is always the generic name, whatever file was requested.
      type: str
      sample: CTLFile.tlv
    size:
      description: Size in bytes.
      type: int
      sample: 8612
    timestamp:
      description: When the list was created, in UTC; null if the file does not contain it.
      type: str
      sample: "2023-11-14T22:13:20Z"
    signer:
      description: Subject of the signer, as in the header.
      type: str
      sample: CN=ITLRECOVERY_lab1-pub;OU=lab;O=example;L=Town;ST=Nowhere;C=NZ
    signer_serial:
      description: Serial number of the signer's certificate in hexadecimal digits.
      type: str
      sample: 4c950b5282053a7bc9da98dc43eb29
    signer_certificate:
      description: SHA-256 of the certificate whose key verifies the list; empty if none does.
      type: str
      sample: 57b00f77fa5981ddb9e996061b1771bb5d18d6263cd25af2d399652fd9eb8084
    signature:
      description: Whether the list is signed by one of its own security tokens (SAST). V(valid), V(invalid), or V(unknown)
        if this host cannot check it.
      type: str
      sample: valid
    digest:
      description: Digest of the signature.
      type: str
      sample: sha1
    mixed_mode:
      description: Whether the list contains CallManager certificates, which only clusters in mixed mode have.
      type: bool
      sample: true
    has_capf:
      description: Whether the list contains a CAPF server.
      type: bool
      sample: true
    md5_fingerprint:
      description: MD5 of the file, as C(show ctl) prints it; null on hosts that do not allow MD5.
      type: str
      sample: c1342265c19fea402db7a19403f354ee
    sha1_fingerprint:
      description: SHA-1 of the file, as C(show ctl) prints it.
      type: str
      sample: 8974f35ba8a0fd22f543172db5d4a263adb25fd5
    sha256_fingerprint:
      description: SHA-256 of the file.
      type: str
      sample: 2eadd789eb5c29d3f04d56c59753a002a64aa7cedd18b86a374df44957bfdc4c
    records:
      description: The records in file order.
      type: list
      elements: dict
      contains:
        role:
          description: V(SAST), V(CCM), V(CCM+TFTP), V(TFTP), V(CAPF), V(SRST), V(APP-SERVER), V(TVS), or C(role) and
            a number.
          type: str
          sample: CCM+TFTP
        function:
          description: Number of the role; null if the record has none.
          type: int
          sample: 2
        host:
          description: Name of the node.
          type: str
          sample: cucm-pub.example.com
        address:
          description: Its IPv4 address, if the record has one.
          type: str
          sample: 192.0.2.10
        subject:
          description: Subject of the certificate.
          type: str
          sample: CN=lab1-pub;OU=lab;O=example;L=Town;ST=Nowhere;C=NZ
        issuer:
          description: Its issuer.
          type: str
          sample: CN=lab1-pub;OU=lab;O=example;L=Town;ST=Nowhere;C=NZ
        serial:
          description: Its serial number in hexadecimal digits.
          type: str
          sample: 4412fa986325afbc30d578423cc5ce
        certificate_sha256:
          description: SHA-256 of the certificate; empty if the record has none.
          type: str
          sample: 5d17e38a5c52894296ff03f539b113206fd7618a4765698cd4fd73fed5e72c45
        certificate_hash:
          description: Hash of the certificate, if the record has it instead of the certificate.
          type: str
          sample: ""
        hash_algorithm:
          description: Hash algorithm of RV(ctl.records[].certificate_hash).
          type: str
          sample: ""
    certificates:
      description: The distinct certificates in file order.
      type: list
      elements: dict
      contains:
        file:
          description: Name of its file in the folder.
          type: str
          sample: 9467be5d.0
        roles:
          description: Roles of the certificate.
          type: list
          elements: str
          sample: [SAST, CCM+TFTP]
        hosts:
          description: Nodes that the certificate is for.
          type: list
          elements: str
          sample: [cucm-pub.example.com]
        subject:
          description: Subject.
          type: str
          sample: L=Town,ST=Nowhere,CN=lab1-pub,OU=lab,O=example,C=NZ
        issuer:
          description: Issuer.
          type: str
          sample: L=Town,ST=Nowhere,CN=lab1-pub,OU=lab,O=example,C=NZ
        common_name:
          description: CN of the subject.
          type: str
          sample: lab1-pub
        serial:
          description: Serial number in hexadecimal digits.
          type: str
          sample: 4412fa986325afbc30d578423cc5ce
        not_before:
          description: Start of its validity, in UTC.
          type: str
          sample: "2026-11-23T03:33:09Z"
        not_after:
          description: End of its validity, in UTC.
          type: str
          sample: "2046-11-18T03:33:09Z"
        key_type:
          description: V(rsa), V(ec) or another kind.
          type: str
          sample: rsa
        key_size:
          description: Size of the key in bits.
          type: int
          sample: 2048
        signature_hash:
          description: Digest of the certificate's signature.
          type: str
          sample: sha256
        sha256_fingerprint:
          description: SHA-256 of the certificate.
          type: str
          sample: 5d17e38a5c52894296ff03f539b113206fd7618a4765698cd4fd73fed5e72c45
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._trust_list import (
    ARGUMENT_SPEC,
    Keeper,
    fetch_and_keep,
    warnings_of,
)


def main():
    module = create(ARGUMENT_SPEC, required_if=[
        ("state", "present", ["tftp_servers"]), ("state", "present", ["capf_host", "file_name"], True)])
    params = module.params
    with reporting(module):
        if params["state"] == "absent":
            result = Keeper(params, module.check_mode).remove()
        else:
            result = fetch_and_keep(params, module.check_mode)
        warnings = list(warnings_of(result))
        finish(module, result, warnings=warnings)


if __name__ == "__main__":
    main()
