#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: capf_certificate
short_description: Give a TSP instance a key and a certificate from CAPF
version_added: 0.1.0
description:
  - Makes a key on the host, has CAPF issue a certificate for it, and puts both in place together.
  - A certificate that is there, valid and issued by the CAPF of the trust list is kept. Nothing is connected then.
  - The key is on disk before anything is sent, and no copy of it ever leaves the host.
  - The authorization string is sent only after CAPF's TLS certificate was found in the trust list under the role CAPF.
  - The certificate is stored only when it is for this key, was issued by the CAPF of the trust list and is valid now.
  - An interrupted enrolment is resumed. A certificate that had arrived is put in place without a connection and without
    a string, and a key that was made is used again.
  - The former key and certificate stay in C(previous/) until O(state=confirmed).
options:
  path:
    description: The instance's folder. C(ctl.tlv) must be in it, as M(voiceops.secure_tsp.ctl_file) stores it.
    type: path
    required: true
  state:
    description:
      - V(present) enrols, renews, resumes or keeps.
      - V(confirmed) drops the former key and certificate, once the new ones have been verified.
      - V(restored) puts the former key and certificate back. The newer ones are lost. It is not known whether CUCM
        accepts a certificate after it has issued another one for the same profile.
      - V(absent) removes all keys and certificates of the instance, and its folder once nothing else is in it.
    type: str
    choices: [present, confirmed, restored, absent]
    default: present
  capf_host:
    description: Host name or address of the CAPF service, on the publisher. Required with O(state=present).
    type: str
  capf_port:
    description: TCP port of CAPF.
    type: int
    default: 3804
  authorization_string:
    description:
      - The string of the CAPF profile. CUCM clears it once a certificate was issued.
      - Needed where a certificate is needed, except in check mode and with O(dialect=phone). 4 to 10 digits by Cisco's
        guides; another one is sent with a warning.
    type: str
  dialect:
    description:
      - How messages are written. V(cti) is that of Cisco's JTAPI clients, V(phone) that of desk phones and Jabber.
    type: str
    choices: [cti, phone]
    default: cti
  protocol_version:
    description:
      - Protocol version to answer with, 1 to 3. The default is 1 with O(dialect=cti) and 3 with O(dialect=phone).
      - An EC key needs V(3).
    type: int
  force:
    description:
      - Renew a certificate that is good, and replace a key that cannot be opened. Changes the host in every run.
    type: bool
    default: false
  retries:
    description:
      - How often a broken connection is tried again, 0 to 3. Only before the authorization string was sent; after that
        only the next run goes on, because the string may be used up.
    type: int
    default: 0
  timeout:
    description: Seconds for one try, from connecting to the end of the session. 1 to 600.
    type: int
    default: 60
  tls_legacy:
    description: Also accept TLS 1.0 and 1.1, AES256-SHA and short keys, for old servers.
    type: bool
    default: false
  source_address:
    description: Local address to connect from, on hosts with several.
    type: str
  bundle:
    description:
      - Also write C(QBEClient.pem), certificate and key in one file.
      - V(false) removes it.
    type: bool
    default: false
  owner:
    description: User name or number that the folder and its files belong to. If not set, they stay whose they are.
    type: str
  group:
    description: Group name or number that the folder and its files belong to. If not set, it stays as it is.
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
      - Nothing is connected, so it is not found out what CAPF would say.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(force=true) renews in every run.
requirements:
  - cryptography >= 3.4
  - pyOpenSSL >= 20.0 (where a certificate is needed)
notes:
  - The profile must be armed (C(Install/Upgrade)) with O(authorization_string), for instance by
    M(voiceops.secure_tsp.fleet_accounts) or M(voiceops.secure_tsp.capf_profile).
  - CAPF refuses a wrong string, an expired operation and a profile that is not armed with the same reason, 7.
  - Another key size in the profile than in O(key) is found out before the key is sent, so the string is not used up.
  - A certificate of CAPF that has expired is accepted with a warning where the trust list has it, as CUCM keeps such
    ones there.
  - TLS without forward secrecy (AES128-SHA), which is what older CAPF servers offer, is accepted last and reported.
  - Two files cannot be replaced in one instant. A reader at that very moment may see the new key with the former
    certificate; after a crash the next run puts this right.
  - The protocol facts are those of public CAPF implementations, of traces, and of Cisco's JTAPI clients 11.5 to 15.
seealso:
  - module: voiceops.secure_tsp.capf_certificate_info
  - module: voiceops.secure_tsp.capf_profile
  - module: voiceops.secure_tsp.ctl_file
"""

EXAMPLES = r"""
- name: Give an instance a certificate, and renew it a month before it ends
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

- name: Drop the former certificate after the new one has opened a provider
  voiceops.secure_tsp.capf_certificate:
    path: /etc/secure_tsp/recorder01x1
    instance_id: recorder01x1
    state: confirmed

- name: Go back to the former certificate
  voiceops.secure_tsp.capf_certificate:
    path: /etc/secure_tsp/recorder01x1
    instance_id: recorder01x1
    state: restored
"""

RETURN = r"""
action:
  description:
    - What was done, in check mode what would be done.
    - V(kept) a good certificate; V(repaired) modes, owner or C(QBEClient.pem) of a good one; V(enrolled) where there was
      none; V(renewed) where there was one; V(resumed) by putting in place what had arrived before, without a connection.
    - V(confirmed), V(restored) and V(removed) with the other values of O(state), and V(none) where nothing was to do.
  returned: success
  type: str
  sample: enrolled
certificate:
  description: Facts of the certificate in place; null without one.
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
  description: Whether the instance still needs a certificate, as M(voiceops.secure_tsp.capf_certificate_info) tells it.
  returned: success and O(state) is not V(absent)
  type: dict
  sample: {needed: false, reason: ""}
unconfirmed:
  description: Whether the certificate was not verified yet, so that the one before is kept.
  returned: success
  type: bool
  sample: true
key_reused:
  description: Whether the key of an interrupted enrolment was used again.
  returned: when CAPF was connected and issued a certificate
  type: bool
  sample: false
tls:
  description: How the connection to CAPF was protected.
  returned: when CAPF was connected
  type: dict
  contains:
    version:
      description: TLS version.
      type: str
      sample: TLSv1.3
    cipher:
      description: Cipher suite in OpenSSL's spelling.
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
      description: Facts of the certificate that CAPF presented.
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
  description: The protocol version that was answered with.
  returned: when CAPF was connected and issued a certificate
  type: int
  sample: 1
string_sent:
  description: Whether the authorization string was sent, so that it may be used up.
  returned: with O(state=present), also on failure once CAPF was to be connected
  type: bool
  sample: true
key_sent:
  description: Whether the public key was sent, so that CAPF may have issued a certificate.
  returned: on failure once CAPF was to be connected
  type: bool
  sample: false
tries:
  description: Number of connections that were tried.
  returned: when CAPF was to be connected
  type: int
  sample: 1
capf_reason:
  description: The number with which CAPF refused; null when it gave none.
  returned: on failure in the conversation with CAPF
  type: int
  sample: 7
code:
  description: RV(capf_reason), or V(RETRY_LATER).
  returned: when CAPF refused
  type: raw
  sample: 7
capf_command:
  description: Number of the last message that CAPF sent; null when it sent none.
  returned: on failure in the conversation with CAPF
  type: int
  sample: 3
capf_state:
  description: Where the conversation stood.
  returned: on failure in the conversation with CAPF
  type: str
  sample: await_request
wanted_key:
  description: The key that CAPF asked for.
  returned: when it is another one than O(key)
  type: dict
  sample: {type: rsa, size: 3072}
server_certificate:
  description: Facts of the certificate that was presented as CAPF's.
  returned: when the trust list does not vouch for it
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
