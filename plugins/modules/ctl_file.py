#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ctl_file
short_description: Fetch, verify and keep a cluster's certificate trust list (CTL) with its certificates
version_added: 0.1.0
description:
  - Fetches the trust list from CUCM's file servers, decides whether it may be trusted, and keeps it with its
    certificates in the folder of a TSP instance.
  - The first list is trusted on first use, unless O(fingerprint) pins it. Every later one must be signed by a security
    token (SAST) of the stored one. Whatever is refused, damaged or not found leaves the stored files as they are.
  - The files are C(ctl.tlv) (the list), C(ctl.tlv.previous) (the one before), C(<subject hash>.0) in PEM for each
    certificate of the list under OpenSSL's name, and C(CallManager.cer) in DER, the first certificate in the role CCM
    or CCM+TFTP. A file that was lost or altered is written again.
options:
  path:
    description: Folder of the instance. It is made with mode 0700. Nothing else may be in it than files of an instance.
    type: path
    required: true
  state:
    description: V(absent) removes what this module wrote, and the folder when it is empty then.
    type: str
    choices: [present, absent]
    default: present
  tftp_servers:
    description:
      - Names or IPv4 or IPv6 addresses of the cluster's file servers. The next one is asked only when the one before
        has no list or does not answer.
      - Required with O(state=present).
    type: list
    elements: str
  tftp_port:
    description: UDP port of the file servers. 1 to 65535.
    type: int
    default: 69
  capf_host:
    description:
      - Name or address of the CAPF server, which is the publisher. Its address makes the name of the file, as in
        C(CTLCAPF0A010203.tlv) for 10.1.2.3; C(CTLCAPFA010203.tlv) (a leading zero left out) and C(CTLFile.tlv) follow.
      - A name with addresses of both versions of IP counts with its IPv4 address.
      - One of O(capf_host) and O(file_name) is required with O(state=present).
    type: str
  file_name:
    description: Ask for this file only, in place of the names made from O(capf_host).
    type: str
  fingerprint:
    description:
      - MD5, SHA-1 or SHA-256 of the file in hexadecimal digits, with or without colons. CUCM prints MD5 and SHA-1 as
        checksum values of C(show ctl).
      - If set, exactly this list is accepted, whoever signed it. After each C(utils ctl update) it must be changed.
    type: str
  on_missing:
    description:
      - What to do when no file server gives a list (none there, an empty one, or no answer) and one is stored.
      - V(keep_and_warn) goes on with the stored one. Without a stored one the task fails in any case.
    type: str
    choices: [fail, keep_and_warn]
    default: fail
  reject_older:
    description:
      - Refuse a list that was made before the stored one, although its signature is good. By default it is accepted
        with a warning, since a cluster that was restored from a backup serves one.
    type: bool
    default: false
  cluster_certificates:
    description:
      - Certificates that the cluster itself shows, RV(voiceops.secure_tsp.cluster_info#module:certificates) as it is. A first list is
        compared with them, since TFTP proves nothing, and what AXL returns came over verified TLS.
      - A list is confirmed when a certificate of CAPF and one of a CallManager in it are among them. It is contradicted when both kinds
        are known and nothing in the list is among them.
    type: list
    elements: dict
    suboptions:
      service:
        description: The service, such as V(CAPF) or V(CallManager).
        type: str
        required: true
      sha256_fingerprint:
        description: SHA-256 of the certificate.
        type: str
        required: true
  on_contradiction:
    description: What to do with a first list that O(cluster_certificates) contradict. A list with O(fingerprint) is not compared.
    type: str
    choices: [fail, warn]
    default: fail
  http:
    description:
      - Ask a server that does not answer by TFTP by HTTP too. A server that is still searching other clusters (HTTP
        503) is asked again up to two times, then the next server by TFTP.
    type: bool
    default: false
  http_port:
    description: TCP port for O(http). 1 to 65535.
    type: int
    default: 6970
  timeout:
    description: Seconds for one file from one server, however it trickles. 1 to 300.
    type: int
    default: 15
  max_size:
    description: Octets after which a file is given up. 1 to 1048576. Real lists have 4 to 9 KB.
    type: int
    default: 1048576
  owner:
    description: Owner of folder and files. By default new ones belong to whoever runs the task.
    type: str
  group:
    description: Group of folder and files.
    type: str
  source_address:
    description: Local address to ask from, on hosts with several.
    type: str
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
attributes:
  check_mode:
    support: full
    details:
      - The list is fetched and judged in check mode too. Nothing is written.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - cryptography >= 3.4 (with O(state=present))
  - tftpy (with O(state=present))
notes:
  - TFTP and HTTP authenticate nobody. Whoever can answer in the file server's place at the first fetch can become the
    cluster for this instance, so make it in a safe network or give O(fingerprint). Cisco's own clients work the same
    way.
  - No TFTP options are asked for. Packets of anybody but the server that was asked change nothing.
  - Lists are accepted whose members have expired, because CUCM does not leave those out.
seealso:
  - module: voiceops.secure_tsp.ctl_info
  - module: voiceops.secure_tsp.capf_certificate
"""

EXAMPLES = r"""
- name: Keep the trust list of an instance
  voiceops.secure_tsp.ctl_file:
    path: /etc/secure_tsp/recorder01x1
    tftp_servers:
      - cucm-pub.example.com
      - cucm-sub1.example.com
    capf_host: cucm-pub.example.com
  register: trust

- name: Demand a secure cluster with CAPF
  ansible.builtin.assert:
    that: trust.ctl.mixed_mode and trust.ctl.has_capf

- name: Pin the first list by the checksum that show ctl prints on the publisher
  voiceops.secure_tsp.ctl_file:
    path: /etc/secure_tsp/recorder01x1
    tftp_servers: [cucm-pub.example.com]
    capf_host: cucm-pub.example.com
    fingerprint: "{{ ctl_fingerprint_of_the_cluster }}"

- name: Go on with the stored list while the file servers are down
  voiceops.secure_tsp.ctl_file:
    path: /etc/secure_tsp/recorder01x1
    tftp_servers: [cucm-pub.example.com]
    capf_host: 192.0.2.10
    on_missing: keep_and_warn
    http: true

- name: Remove the trust list of an instance that is gone
  voiceops.secure_tsp.ctl_file:
    path: /etc/secure_tsp/recorder01x1
    state: absent
"""

RETURN = r"""
verdict:
  description:
    - Why the list is in place. V(first_trust) means that nobody vouched for it, V(confirmed) that O(cluster_certificates) did, V(vouched)
      that the list of another instance did, V(pinned) that it has O(fingerprint),
      V(update) that a token of the stored list signed it, V(unchanged) that it equals the stored one, V(kept) that none
      came and the stored one stays, V(kept_newer) that the servers have an older one and O(cluster_certificates) confirm the stored one.
    - On failure why there is none. V(not_found), V(empty) and V(no_answer) mean that none came, V(damaged) that it
      cannot be read, V(tampered) that it is not signed by a token of its own, V(stranger) that no token of the stored
      list signed it, V(fingerprint_mismatch) that it is not the one of O(fingerprint), V(older) that O(reject_older)
      refused it, V(contradicted) that O(cluster_certificates) do not fit, V(stored_damaged) that the stored one cannot vouch for anything,
      V(cannot_verify) that library or crypto policy of this host cannot look at the signature, which says nothing against the list.
  returned: with O(state=present), unless an option was wrong or a file could not be written
  type: str
  sample: unchanged
older:
  description: File servers that serve an older list than the others, or than the stored one. Cisco Tftp was not restarted there.
  returned: when a list was fetched
  type: list
  elements: dict
  contains:
    server:
      description: The file server.
      type: str
      sample: cucm-sub1.example.com
    timestamp:
      description: When its list was made, UTC.
      type: str
      sample: "2026-01-10T08:00:00Z"
    newest:
      description: When the newest list was made, UTC.
      type: str
      sample: "2026-03-01T22:00:00Z"
  sample: []
server:
  description: The file server that gave the list; empty when the stored one was kept.
  returned: success and O(state=present)
  type: str
  sample: cucm-pub.example.com
file_name:
  description: Name under which it gave it; empty when the stored one was kept.
  returned: success and O(state=present)
  type: str
  sample: CTLCAPFC000020A.tlv
protocol:
  description: V(tftp) or V(http); empty when the stored one was kept.
  returned: success and O(state=present)
  type: str
  sample: tftp
failures:
  description: What was asked for in vain, in order.
  returned: success and O(state=present), and when no server gave a list
  type: list
  elements: str
  sample: ["the TFTP server has no such file (tftp://cucm-pub.example.com:69/CTLCAPF0A010203.tlv)"]
files:
  description: Names of the files that were written or removed, or would be.
  returned: success
  type: list
  elements: str
  sample: [6c7c3153.0, 9467be5d.0]
ctl:
  description: The list that is in place now, or would be.
  returned: success and O(state=present)
  type: dict
  contains:
    version:
      description: Version of the format.
      type: str
      sample: "1.2"
    file_name:
      description: Name inside the file, which is the generic one whatever was asked for.
      type: str
      sample: CTLFile.tlv
    size:
      description: Size in octets.
      type: int
      sample: 8612
    timestamp:
      description: When it was made, in UTC; null when the file does not tell.
      type: str
      sample: "2023-11-14T22:13:20Z"
    signer:
      description: Subject of the signer as the header has it.
      type: str
      sample: CN=ITLRECOVERY_lab1-pub;OU=lab;O=example;L=Town;ST=Nowhere;C=NZ
    signer_serial:
      description: Serial number of the signer's certificate in hexadecimal digits.
      type: str
      sample: 4c950b5282053a7bc9da98dc43eb29
    signer_certificate:
      description: SHA-256 of the certificate whose key verifies the list; empty when none does.
      type: str
      sample: 57b00f77fa5981ddb9e996061b1771bb5d18d6263cd25af2d399652fd9eb8084
    signature:
      description: Whether the list is signed by a security token (SAST) of its own, V(valid), V(invalid), or V(unknown)
        where this host cannot tell.
      type: str
      sample: valid
    digest:
      description: Digest of the signature.
      type: str
      sample: sha1
    mixed_mode:
      description: Whether it names certificates of CallManagers, as only clusters in mixed mode do.
      type: bool
      sample: true
    has_capf:
      description: Whether it names a CAPF server.
      type: bool
      sample: true
    md5_fingerprint:
      description: MD5 of the file, as C(show ctl) prints it; null on hosts that forbid MD5.
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
          description: Number of the role; null in a record that has none.
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
          description: SHA-256 of the certificate; empty in a record that has none.
          type: str
          sample: 5d17e38a5c52894296ff03f539b113206fd7618a4765698cd4fd73fed5e72c45
        certificate_hash:
          description: Hash of the certificate in a record that has it in the certificate's place.
          type: str
          sample: ""
        hash_algorithm:
          description: Algorithm of RV(ctl.records[].certificate_hash).
          type: str
          sample: ""
    certificates:
      description: The distinct certificates in file order.
      type: list
      elements: dict
      contains:
        file:
          description: Its file beside the list.
          type: str
          sample: 9467be5d.0
        roles:
          description: Roles it has.
          type: list
          elements: str
          sample: [SAST, CCM+TFTP]
        hosts:
          description: Nodes it is for.
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
          description: Begin of its validity, in UTC.
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
          description: Bits of the key.
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
