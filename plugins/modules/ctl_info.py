#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ctl_info
short_description: Show a certificate trust list (CTL or ITL) of CUCM
version_added: 0.1.0
description:
  - Reads one trust list, from a file or from its content, and shows its signer, records and certificates.
  - Works without any library. If the library cryptography is installed, also checks whether the list is signed by one of its own
    security tokens (SAST), and shows the certificates.
  - A list that is signed by one of its own tokens is not damaged. This does not prove that it is the cluster's list;
    for that, compare a fingerprint with C(show ctl) on the publisher.
options:
  path:
    description:
      - The trust list file, or the folder of a TSP instance that contains C(ctl.tlv).
      - Either O(path) or O(content) is required.
    type: path
  content:
    description: Content of the list in base64, as M(ansible.builtin.slurp) returns it.
    type: str
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.info_module
requirements:
  - cryptography >= 3.4 (for the signature and the certificates)
notes:
  - Fails if the file is not a trust list or is damaged, and reports the offset.
seealso:
  - module: voiceops.secure_tsp.ctl_file
"""

EXAMPLES = r"""
- name: Show the trust list of an instance
  voiceops.secure_tsp.ctl_info:
    path: /etc/secure_tsp/recorder01x1
  register: trust

- name: List its CAPF servers
  ansible.builtin.debug:
    msg: "{{ trust.ctl.records | selectattr('role', 'eq', 'CAPF') | map(attribute='host') | list }}"
  when: trust.exists

- name: Read the trust list of a host that has no library cryptography
  ansible.builtin.slurp:
    src: /etc/secure_tsp/recorder01x1/ctl.tlv
  register: slurped

- name: Check it on the controller
  voiceops.secure_tsp.ctl_info:
    content: "{{ slurped.content }}"
  delegate_to: localhost
"""

RETURN = r"""
exists:
  description: Whether there is a list. Always V(true) with O(content).
  returned: success
  type: bool
  sample: true
path:
  description: The file that was read; empty with O(content).
  returned: success
  type: str
  sample: /etc/secure_tsp/recorder01x1/ctl.tlv
ctl:
  description: The list.
  returned: success and the list exists
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
      description: SHA-256 of the certificate whose key verifies the list; empty if none does, or without the
        library cryptography.
      type: str
      sample: 57b00f77fa5981ddb9e996061b1771bb5d18d6263cd25af2d399652fd9eb8084
    signature:
      description: Whether the list is signed by one of its own security tokens (SAST). V(valid), V(invalid), V(unknown) if this host
        cannot check it, or V(not checked) without the library cryptography.
      type: str
      sample: valid
    digest:
      description: Digest of the signature. Without the library cryptography, it shows what the list's code may mean, such
        as V(sha512 or sha384).
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
      description: The distinct certificates in file order; empty without the library cryptography.
      type: list
      elements: dict
      contains:
        file:
          description: File name under which M(voiceops.secure_tsp.ctl_file) stores it.
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

import base64
import binascii
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, InputError, StoreError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting

FILE_IN_FOLDER = "ctl.tlv"
NOT_CHECKED = (
    "The signature was not checked and the certificates were not read, because the Python library cryptography is "
    "missing.")
INVALID = "The trust list is not signed by one of its own security tokens (SAST): it is damaged, or its digest is not known."


def octets_of(params):
    """C((path, octets)). octets is None if the file does not exist. path is empty for content."""
    if params["content"] is not None:
        try:
            return "", base64.b64decode(params["content"], validate=True)
        except (binascii.Error, ValueError):
            raise InputError("content is not base64", cure="Pass it as ansible.builtin.slurp returns it.") from None
    path = params["path"]
    if os.path.isdir(path):
        path = os.path.join(path, FILE_IN_FOLDER)
    try:
        with open(path, "rb") as stream:
            return path, stream.read(_ctl.MAX_SIZE + 1)
    except FileNotFoundError:
        return path, None
    except OSError as error:
        raise StoreError("the trust list cannot be read: %s" % error.strerror, where=path) from None


def show(params):
    """C((result, warnings))"""
    path, octets = octets_of(params)
    if octets is None:
        return dict(changed=False, exists=False, path=path), []
    try:
        trust_list = _ctl.parse(octets)
    except FormatError as error:
        raise FormatError(error.what, where=path) from None
    if _pki.CRYPTOGRAPHY_IMPORT_ERROR is None:
        facts, warnings = _pki.trust_list_facts(trust_list)
    else:
        facts, warnings = dict(_ctl.facts(trust_list), signer_certificate=""), [*trust_list.warnings, NOT_CHECKED]
    if facts["signature"] == "invalid":
        warnings.append(INVALID)
    return dict(changed=False, exists=True, path=path, ctl=facts), warnings


def main():
    module = create(
        dict(path=dict(type="path"), content=dict(type="str")),
        mutually_exclusive=[("path", "content")], required_one_of=[("path", "content")])
    with reporting(module):
        result, warnings = show(module.params)
        finish(module, result, warnings=warnings)


if __name__ == "__main__":
    main()
