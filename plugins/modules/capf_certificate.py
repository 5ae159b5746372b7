#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: capf_certificate
short_description: Enrol a certificate from CAPF for a TSP instance, with a new key
version_added: 0.1.0
description:
  - Generates a key on the host, enrols a certificate for it with CAPF, and puts both in place together.
  - Keeps an existing certificate that is valid and was issued by the CAPF of the trust list. In that case no connection is made.
  - Writes the key to disk before anything is sent. The key never leaves the host.
  - Sends the authorization string only after CAPF's TLS certificate was found in the trust list under the role CAPF.
  - Stores the certificate only if it is for this key, was issued by the CAPF of the trust list, and is valid now.
  - Resumes an interrupted enrolment. A certificate that was already received is put in place without a connection and without
    an authorization string, and a key that was already generated is used again.
  - Keeps the previous key and certificate in C(previous/) until O(state=confirmed).
options:
  path:
    description: Folder of the instance. It must contain C(ctl.tlv), as stored by M(voiceops.secure_tsp.ctl_file).
    type: path
    required: true
  state:
    description:
      - V(present) enrols a certificate, or renews, resumes or keeps the existing one.
      - V(confirmed) deletes the previous key and certificate. Use it once the new ones are verified.
      - V(restored) restores the previous key and certificate. The newer ones are lost. It is not known whether CUCM
        still accepts a certificate after it has issued another one for the same profile.
      - V(absent) removes all keys and certificates of the instance, and its folder if nothing else is left in it.
    type: str
    choices: [present, confirmed, restored, absent]
    default: present
  capf_host:
    description: Host name or address of the CAPF service, which runs on the publisher. Required with O(state=present).
    type: str
  capf_port:
    description: TCP port of CAPF.
    type: int
    default: 3804
  authorization_string:
    description:
      - Authorization string of the CAPF profile. CUCM clears it once it has issued a certificate.
      - Required if a certificate has to be enrolled, except in check mode and with O(dialect=phone).
      - Cisco's guides specify 4 to 10 digits. Any other string is sent with a warning.
    type: str
  dialect:
    description:
      - Message format. V(cti) is the format of Cisco's JTAPI clients, V(phone) the format of desk phones and Jabber.
    type: str
    choices: [cti, phone]
    default: cti
  protocol_version:
    description:
      - CAPF protocol version to respond with, 1 to 3. The default is 1 with O(dialect=cti) and 3 with O(dialect=phone).
      - An EC key requires V(3).
    type: int
  force:
    description:
      - Renew the certificate even if it is good, and replace a key that cannot be opened. Changes the host in every run.
    type: bool
    default: false
  retries:
    description:
      - Number of times to retry after a broken connection, 0 to 3. Retries happen only before the authorization string is sent.
        After that, the string may be used up, so enrolment continues with the next run.
    type: int
    default: 0
  timeout:
    description: Time limit for one attempt in seconds, from connecting to the end of the session. 1 to 600.
    type: int
    default: 60
  tls_legacy:
    description: Also accept TLS 1.0 and 1.1, AES256-SHA and short keys, for old servers.
    type: bool
    default: false
  source_address:
    description: Local address to connect from, on hosts with several addresses.
    type: str
  bundle:
    description:
      - Also write C(QBEClient.pem), which holds the certificate and the key in one file.
      - V(false) removes this file.
    type: bool
    default: false
  owner:
    description: Owner of the folder and its files, as a user name or number. If not set, the owner stays as it is.
    type: str
  group:
    description: Group of the folder and its files, as a group name or number. If not set, the group stays as it is.
    type: str
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.instance
attributes:
  check_mode:
    support: full
    details:
      - No connection is made, so check mode cannot predict CAPF's response.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(force=true) renews in every run.
requirements:
  - cryptography >= 3.4
  - pyOpenSSL >= 20.0 (if a certificate has to be enrolled)
notes:
  - The CAPF profile must be armed (C(Install/Upgrade)) with O(authorization_string), for example by
    M(voiceops.secure_tsp.fleet_accounts) or M(voiceops.secure_tsp.capf_profile).
  - CAPF refuses a wrong string, an expired operation and a profile that is not armed with the same reason, 7.
  - If the profile specifies a different key size than O(key), this is detected before the key is sent, so the string is not used up.
  - An expired CAPF certificate is accepted with a warning if it is in the trust list, because CUCM keeps expired
    certificates there.
  - TLS without forward secrecy (AES128-SHA), which older CAPF servers offer, is accepted as a last resort and reported.
  - Two files cannot be replaced in one atomic step. A program that reads them at that moment may see the new key with the previous
    certificate. After a crash, the next run repairs this.
  - The protocol details come from public CAPF implementations, traces, and Cisco's JTAPI clients 11.5 to 15.
seealso:
  - module: voiceops.secure_tsp.capf_certificate_info
  - module: voiceops.secure_tsp.capf_profile
  - module: voiceops.secure_tsp.ctl_file
"""

EXAMPLES = r"""
- name: Enrol a certificate, and renew it a month before it expires
  voiceops.secure_tsp.capf_certificate:
    path: /etc/secure_tsp/recorder01x1
    instance_id: recorder01x1
    capf_host: cucm-pub.example.com
    authorization_string: "{{ armed.strings['recorder01x1'] }}"
    key: {type: rsa, size: 3072}
    renew_before_days: 30
    owner: recorder
    group: recorder

- name: Keep the key encrypted, and write both into one file too
  voiceops.secure_tsp.capf_certificate:
    path: /etc/secure_tsp/recorder01x1
    instance_id: recorder01x1
    capf_host: cucm-pub.example.com
    authorization_string: "{{ armed.strings['recorder01x1'] }}"
    key_passphrase: "{{ vault_key_passphrase }}"
    bundle: true

- name: Delete the previous certificate after the new one has opened a provider
  voiceops.secure_tsp.capf_certificate:
    path: /etc/secure_tsp/recorder01x1
    instance_id: recorder01x1
    state: confirmed

- name: Restore the previous certificate
  voiceops.secure_tsp.capf_certificate:
    path: /etc/secure_tsp/recorder01x1
    instance_id: recorder01x1
    state: restored
"""

RETURN = r"""
action:
  description:
    - What was done, or would be done in check mode.
    - With O(state=present), V(kept) means that the certificate is good; V(repaired) that file modes, the owner or C(QBEClient.pem)
      of a good certificate were corrected; V(enrolled) that there was no certificate before; V(renewed) that there was one;
      V(resumed) that a certificate received earlier was put in place without a connection.
    - V(confirmed), V(restored) and V(removed) belong to the other values of O(state). V(none) means that there was nothing to do.
  returned: success
  type: str
  sample: enrolled
certificate:
  description: Facts about the certificate in place; null if there is none.
  returned: success
  type: dict
  sample:
    subject: L=Town,ST=Nowhere,OU=lab,O=example,C=NZ,CN=CTI-recorder01x1
    issuer: L=Town,ST=Nowhere,CN=CAPF-0badcafe,OU=lab,O=example,C=NZ
    common_name: CTI-recorder01x1
    serial: 12d42e4f19b4eaf92f281c379e6ccb7
    not_before: "2026-11-26T00:03:09Z"
    not_after: "2031-11-25T01:03:09Z"
    key_type: rsa
    key_size: 3072
    signature_hash: sha256
    sha256_fingerprint: 5cb36e68f5cbca08cf2e64fd31b1ed1806d03166f60a96d45639d4d6e7779f47
needs_certificate:
  description: Whether the instance still needs a certificate, as reported by M(voiceops.secure_tsp.capf_certificate_info).
  returned: success and O(state) is not V(absent)
  type: dict
  sample: {needed: false, reason: ""}
unconfirmed:
  description: Whether the certificate has not been verified yet, so that the previous one is kept.
  returned: success
  type: bool
  sample: true
key_reused:
  description: Whether the key of an interrupted enrolment was used again.
  returned: when a connection to CAPF was made and CAPF issued a certificate
  type: bool
  sample: false
tls:
  description: How the connection to CAPF was protected.
  returned: when a connection to CAPF was made
  type: dict
  contains:
    version:
      description: TLS version.
      type: str
      sample: TLSv1.3
    cipher:
      description: Cipher suite, by its OpenSSL name.
      type: str
      sample: TLS_AES_256_GCM_SHA384
    weak_cipher:
      description: Whether the suite has no forward secrecy.
      type: bool
      sample: false
    legacy:
      description: Whether O(tls_legacy) was set.
      type: bool
      sample: false
    server_certificate:
      description: Facts about the certificate that CAPF presented.
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
protocol_version:
  description: CAPF protocol version that the module responded with.
  returned: when a connection to CAPF was made and CAPF issued a certificate
  type: int
  sample: 1
string_sent:
  description: Whether the authorization string was sent, so that it may be used up.
  returned: with O(state=present), also on failure after a connection to CAPF was attempted
  type: bool
  sample: true
key_sent:
  description: Whether the public key was sent, so that CAPF may have issued a certificate.
  returned: on failure after a connection to CAPF was attempted
  type: bool
  sample: false
tries:
  description: Number of connection attempts.
  returned: when a connection to CAPF was attempted
  type: int
  sample: 1
capf_reason:
  description: CAPF's reason number for the refusal; null if it gave none.
  returned: on failure in the conversation with CAPF
  type: int
  sample: 7
code:
  description: RV(capf_reason), or V(RETRY_LATER).
  returned: when CAPF refused
  type: raw
  sample: 7
capf_command:
  description: Number of the last message that CAPF sent; null if it sent none.
  returned: on failure in the conversation with CAPF
  type: int
  sample: 3
capf_state:
  description: State of the conversation when it failed.
  returned: on failure in the conversation with CAPF
  type: str
  sample: await_request
wanted_key:
  description: The key that CAPF requested.
  returned: when it differs from O(key)
  type: dict
  sample: {type: rsa, size: 3072}
server_certificate:
  description: Facts about the certificate that the server presented as CAPF's.
  returned: when the certificate is not in the trust list
  type: dict
  sample:
    subject: L=Town,ST=Nowhere,CN=CAPF-00000001,OU=lab,O=example,C=NZ
    issuer: L=Town,ST=Nowhere,CN=CAPF-00000001,OU=lab,O=example,C=NZ
    common_name: CAPF-00000001
    serial: 1d940dc68a17e3a229f5786c70877cc
    not_before: "2026-11-25T01:03:19Z"
    not_after: "2046-11-21T01:03:19Z"
    key_type: rsa
    key_size: 2048
    signature_hash: sha256
    sha256_fingerprint: 0dcebaeb39d8e22566cc97f364bbc3eb986f3cb37f18e432dbf13436b5a6ba69
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._enrolment import ARGUMENT_SPEC, RANGES, Instance
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._bounds import check_ranges


def main():
    module = create(ARGUMENT_SPEC, required_if=[("state", "present", ["capf_host"])])
    with reporting(module):
        _pki.require()
        check_ranges(module.params, RANGES)
        instance = Instance(module.params, module.check_mode)
        getattr(instance, module.params["state"])()
        finish(module, instance.result, instance.warnings)


if __name__ == "__main__":
    main()
