#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jtapi_key_store
short_description: Write the key and certificate of an instance to a key store for a Java application
version_added: 0.1.0
description:
  - Writes the key and certificate from an instance's folder, as stored by M(voiceops.secure_tsp.capf_certificate), to one file
    that a Java application can read. The file is a PKCS#12 key store, a BCFKS key store, or PEM.
  - Java 9 and later, and Java 8 from update 301 on, read PKCS#12 key stores with either O(encryption), even if they are
    configured as JKS.
  - Cisco JTAPI 11.5, 12.5 and 14 have been observed to open a PKCS#12 store written by this module, and JTAPI 15 a BCFKS store made
    from it with C(keytool). JTAPI opens the file C(JtapiClientKeyStore-<user>-<instance ID>) in the folder named in its record in
    C(jtapi.ini), or in C(CertPath) in the provider string, with a slash at the end. The application passes the password as
    C(CertStorePassphrase) in the provider string.
  - A store that holds the same key, certificates and alias and opens with the same password is not rewritten, although
    writing it again would produce different bytes.
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The diff shows the certificate and the alias, never the key.
  idempotent:
    support: full
options:
  path:
    description:
      - Folder of the instance. Not required with O(state=absent).
    type: path
  dest:
    description:
      - Full path of the file to write. Its folder must exist. The file is written with mode 0600.
    type: path
    required: true
  format:
    description:
      - Format of the file. V(pkcs12) is for Cisco JTAPI 11.5 to 14 and for other Java programs, V(bcfks) for JTAPI 15.
      - No Python library writes V(bcfks), so the host's O(keytool) creates it with O(bouncy_castle).
    type: str
    choices: [pkcs12, bcfks, pem]
    default: pkcs12
  password:
    description:
      - Password of the store and its key. Required for V(pkcs12) and V(bcfks). Java requires at least 6 characters to create a store,
        but reads stores with any password.
      - With V(pem), the password encrypts the key. Without a password, the key is not encrypted.
    type: str
  alias:
    description:
      - Name of the key entry. Required for V(pkcs12) and V(bcfks). Java writes it in lower case with V(bcfks). JTAPI's own stores use
        the user followed by the instance ID.
      - Before release 36, the library C(cryptography) does not return the name, so a changed name is not detected.
    type: str
  key_passphrase:
    description:
      - Passphrase of the private key in O(path).
    type: str
  chain:
    description:
      - Also include the CAPF certificate that issued the instance's certificate. JTAPI's own stores hold only the instance's certificate.
      - If an online CA issues the certificates for CAPF, no trust list contains the CA's certificate. Supply it in O(issuers).
    type: bool
    default: false
  issuers:
    description:
      - Certificates in PEM format of the authorities that issue certificates for CAPF with an online CA. Used with O(chain). Authorities
        above the issuer of the instance's certificate are included too, if they are in this list.
    type: list
    elements: str
  encryption:
    description:
      - Encryption of a PKCS#12 store. V(modern) is the library's strongest, AES with SHA-256. V(compatible) is triple DES with
        SHA-1, for Java before 8u301, 11.0.12 and 16.
      - Applies only when the store is written. A store that is otherwise good is not rewritten to change its encryption.
      - Before release 38, the library C(cryptography) always writes V(compatible) stores.
    type: str
    choices: [modern, compatible]
    default: modern
  bouncy_castle:
    description:
      - Bouncy Castle library for O(format=bcfks), as a C(.jar) file or as a folder with C(bc-fips*.jar) or C(bcprov*.jar), such as the
        library folder of JTAPI 15.
    type: path
  keytool:
    description:
      - Path of Java's C(keytool) for O(format=bcfks).
    type: path
    default: keytool
  owner:
    description:
      - Owner of the file, by name or number. If not set, an existing file keeps its owner, and a new file belongs to
        the user that runs the task.
    type: str
  group:
    description:
      - Group of the file, by name or number. If not set, the same applies as for O(owner).
    type: str
  state:
    description:
      - V(absent) removes the file.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - cryptography >= 3.4
  - Java's keytool and the Bouncy Castle library, for O(format=bcfks)
seealso:
  - module: voiceops.secure_tsp.capf_certificate
"""

EXAMPLES = r"""
- name: Write the key store of the application
  voiceops.secure_tsp.jtapi_key_store:
    path: /etc/secure_tsp/recorder01x1
    dest: /opt/recorder/certificates/JtapiClientKeyStore-recorder_tapi-recorder01x1
    password: "{{ vault_store_password }}"
    alias: recorder_tapirecorder01x1
    owner: recorder

- name: Write a PEM file for another program
  voiceops.secure_tsp.jtapi_key_store:
    path: /etc/secure_tsp/recorder01x1
    dest: /opt/recorder/certificates/recorder01x1.pem
    format: pem
    owner: recorder
"""

RETURN = r"""
dest:
  description: Path of the file.
  returned: success
  type: str
  sample: /opt/recorder/certificates/JtapiClientKeyStore-recorder_tapi-recorder01x1
reason:
  description: Why the file was written. V(missing), V(unreadable) (also if the password differs), V(certificate), V(chain),
    V(alias), V(mode), or empty.
  returned: success
  type: str
  sample: missing
certificate:
  description:
    - The instance's certificate; V(null) with O(state=absent), and in check mode if the instance has none yet.
  returned: success
  type: dict
  contains:
    subject:
      description: Subject.
      type: str
      sample: L=Town,ST=Nowhere,OU=lab,O=example,C=NZ,CN=CTI-recorder01x1
    issuer:
      description: Issuer.
      type: str
      sample: L=Town,ST=Nowhere,CN=CAPF-0badcafe,OU=lab,O=example,C=NZ
    common_name:
      description: Common name in the subject.
      type: str
      sample: CTI-recorder01x1
    serial:
      description: Serial number in hexadecimal.
      type: str
      sample: 1b43202c0edee4f82b0dc2b87b5a0b1
    not_before:
      description: Start of its validity, in UTC.
      type: str
      sample: "2026-11-26T00:02:56Z"
    not_after:
      description: End of its validity, in UTC.
      type: str
      sample: "2031-11-24T10:00:00Z"
    key_type:
      description: V(rsa) or V(ec).
      type: str
      sample: rsa
    key_size:
      description: Size of its key in bits.
      type: int
      sample: 2048
    signature_hash:
      description: Hash algorithm of its signature.
      type: str
      sample: sha256
    sha256_fingerprint:
      description: SHA-256 fingerprint of the certificate in hexadecimal.
      type: str
      sample: dc079f39d27045d7b4f2ef8570d824a740523c514f9dd6152f9776b139b63d7a
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _key_store, _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting


def main():
    module = create(_key_store.ARGUMENT_SPEC, required_if=[("state", "present", ["path"])])
    params = module.params
    if params["state"] == "present" and params["format"] in _key_store.STORES and not (params["password"] and params["alias"]):
        module.fail_json(msg="format is %s, but password or alias is missing" % params["format"])
    with reporting(module):
        _pki.require()
        finish(module, _key_store.write(params, module.check_mode, module.run_command, module.tmpdir) if params["state"] == "present" else (
            _key_store.remove(params, module.check_mode)))


if __name__ == "__main__":
    main()
