#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: capf_certificate_info
short_description: Determine whether a TSP instance needs a certificate, and why
version_added: 0.1.0
description:
  - Checks the key, certificate and trust list of an instance without making any connection.
  - With O(certificate), checks the content of a certificate file instead of a folder. Use this for C(QBEClient.cer) of a
    Windows host, where the TSP keeps the key to itself.
options:
  path:
    description: Folder of the instance. If it does not exist, the instance has no certificate.
    type: path
  certificate:
    description:
      - Base64 of a certificate file (DER or PEM), as M(ansible.builtin.slurp) returns it. Empty for a file that does not exist.
      - In this case nothing is reported about the key.
    type: str
  trust_list:
    description: Base64 of the trust list that belongs to O(certificate). Without it, the issuer is not checked.
    type: str
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.info_module
  - voiceops.secure_tsp.instance
requirements:
  - cryptography >= 3.4
seealso:
  - module: voiceops.secure_tsp.capf_certificate
  - module: voiceops.secure_tsp.ctl_info
  - module: voiceops.secure_tsp.cti_provider_info
"""

EXAMPLES = r"""
- name: Check the certificate of an instance
  voiceops.secure_tsp.capf_certificate_info:
    path: /etc/secure_tsp/recorder01x1
    instance_id: recorder01x1
    renew_before_days: 30
  register: found

- name: Show why it needs a certificate
  ansible.builtin.debug:
    msg: "{{ found.explanation }}"
  when: found.needs_certificate.needed

- name: Check a certificate from another host on the controller
  voiceops.secure_tsp.capf_certificate_info:
    certificate: "{{ my_slurped.content }}"
    instance_id: recorder02x1
  delegate_to: localhost
  become: false
"""

RETURN = r"""
exists:
  description: Whether there is a certificate file.
  returned: success
  type: bool
  sample: true
certificate:
  description: Facts about the certificate; null if there is none that can be read.
  returned: success
  type: dict
  sample:
    subject: L=Town,ST=Nowhere,OU=lab,O=example,C=NZ,CN=CTI-recorder01x1
    issuer: L=Town,ST=Nowhere,CN=CAPF-0badcafe,OU=lab,O=example,C=NZ
    common_name: CTI-recorder01x1
    serial: 1e3a9cf9629103e0d6cea1f46e35ca5
    not_before: "2026-11-26T00:02:54Z"
    not_after: "2026-12-06T01:02:54Z"
    key_type: rsa
    key_size: 2048
    signature_hash: sha256
    sha256_fingerprint: 093641182a021360fe1ca0d8aad98abd745902b70ba8cf42e99b185a1819f102
days_left:
  description: Whole days until the certificate expires, negative afterwards; null if there is no certificate.
  returned: success
  type: int
  sample: 1824
key:
  description: What is known about the private key. The key itself is never returned.
  returned: success
  type: dict
  contains:
    exists:
      description: Whether there is a private key; null with O(certificate).
      type: bool
      sample: true
    type:
      description: V(rsa) or V(ec); null if there is no key that can be read.
      type: str
      sample: rsa
    size:
      description: Size in bits; null if there is no key that can be read.
      type: int
      sample: 2048
    encrypted:
      description: Whether a passphrase protects it; null if there is no key.
      type: bool
      sample: false
key_matches:
  description: Whether the certificate belongs to the key; null if either is missing or cannot be read.
  returned: success
  type: bool
  sample: true
issuer_trusted:
  description: Whether the CAPF of the trust list issued the certificate; null if that cannot be determined.
  returned: success
  type: bool
  sample: true
name:
  description: Name under which CAPF knows the instance.
  returned: success
  type: str
  sample: CTI-recorder01x1
name_matches:
  description: Whether the certificate has that name; null if there is no certificate. Which name CUCM writes there is not known.
  returned: success
  type: bool
  sample: true
needs_certificate:
  description: Whether the instance needs a certificate.
  returned: success
  type: dict
  contains:
    needed:
      description: Whether the instance needs a certificate.
      type: bool
      sample: false
    reason:
      description:
        - V(missing), V(key_lost), V(unreadable), V(key_mismatch), V(expired) and V(wrong_issuer) mean that there is no certificate
          that can open a provider.
        - With V(interrupted) (an enrolment was started but not finished), V(expiring) and V(key_changed) there is one.
        - Empty if no certificate is needed.
      type: str
      sample: expiring
explanation:
  description: RV(needs_certificate.reason) as a sentence.
  returned: success
  type: str
  sample: The certificate expires on 2026-12-01T00:00:00Z.
trust_list:
  description: Whether there is a trust list, and whether it contains a CAPF server.
  returned: success
  type: dict
  sample: {exists: true, has_capf: true}
unconfirmed:
  description: Whether the certificate has not been verified yet, so that the previous one is kept.
  returned: success, with O(path)
  type: bool
  sample: false
pending:
  description: What an interrupted enrolment left. A V(certificate) is good and only has to be put in place.
  returned: success, with O(path)
  type: str
  choices: [none, key, certificate]
  sample: none
unfinished:
  description:
    - Whether an interrupted run left something that M(voiceops.secure_tsp.capf_certificate) can finish without CAPF and
      without an authorization string.
  returned: success, with O(path)
  type: bool
  sample: false
previous:
  description: Facts about the certificate that was in place before; null if there is none.
  returned: success, with O(path)
  type: dict
  sample: null
bundle:
  description: Whether C(QBEClient.pem) exists and holds the current key and certificate.
  returned: success, with O(path)
  type: str
  choices: [absent, current, stale]
  sample: absent
modes:
  description: File modes of the folder (C(.)) and of the instance's files in it.
  returned: success, with O(path)
  type: dict
  sample:
    .: "0700"
    6c7c3153.0: "0644"
    9467be5d.0: "0644"
    CallManager.cer: "0644"
    QBEClient.cer: "0644"
    QBEClient.key.pem: "0600"
    ctl.tlv: "0644"
    d7f7765b.0: "0644"
wrong_modes:
  description: The file modes that are wrong.
  returned: success, with O(path)
  type: dict
  sample: {QBEClient.key.pem: {found: "0644", wanted: "0600"}}
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _instance, _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._certificate_info import (
    ARGUMENT_SPEC,
    of_content,
    of_folder,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting


def main():
    module = create(ARGUMENT_SPEC, mutually_exclusive=[("path", "certificate"), ("path", "trust_list")],
                    required_one_of=[("path", "certificate")])
    with reporting(module):
        _pki.require()
        params = module.params
        wish = _instance.wish_of(params)
        if params["path"] is not None:
            result, warnings = of_folder(wish, params["path"])
        else:
            result, warnings = of_content(wish, params["certificate"], params["trust_list"])
        finish(module, result, warnings)


if __name__ == "__main__":
    main()
