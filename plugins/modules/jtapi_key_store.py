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
      - Name of the key entry. Required for V(pkcs12) and V(bcfks); in the latter, Java writes it in lower case. JTAPI's own stores use
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

import glob
import os
import shutil
import tempfile

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _instance, _pki, _store
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, StoreError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting

STORES = ("pkcs12", "bcfks")
PROVIDERS = (("bc-fips*.jar", "org.bouncycastle.jcajce.provider.BouncyCastleFipsProvider"),
             ("bcprov*.jar", "org.bouncycastle.jce.provider.BouncyCastleProvider"))
PEM_END = b"-----END CERTIFICATE-----"
CURE = "Fetch one first, with capf_certificate or the playbook voiceops.secure_tsp.site."


class Source:
    """Key and certificate from an instance's folder. Raises StoreError if they are missing or do not belong together."""

    def __init__(self, path, passphrase, chain, authorities=()):
        store = _store.Store(path)
        if not has_pair(path):
            raise StoreError("the instance has no certificate with its key", where=store.folder, cure=CURE)
        key_pem, self.certificate = store.pair()
        self.key = _pki.key_from_pem(key_pem, passphrase, store.path(_store.KEY))
        if not _pki.matches_key(self.certificate, self.key):
            raise StoreError("the certificate is not for the key beside it", where=store.folder, cure=CURE)
        self.chain = tuple(self._issuer(store) or self._above(authorities)) if chain else ()
        if chain and not self.chain:
            raise StoreError("none of the certificates in the folder issued that of the instance", where=store.folder, cure=(
                "Fetch the trust list first, with ctl_file. If an online authority issues for CAPF, give its certificate in issuers."))

    def _issuer(self, store):
        for name in store.names():
            if _store.HASHED.match(name):
                der = _pki.certificate_der(store.read(name), store.path(name))
                if _pki.is_issued_by(self.certificate, der) is not False:
                    return [der]
        return []

    def _above(self, authorities):
        """The authorities above the certificate, its issuer first."""
        found, last = [], self.certificate
        while last is not None:
            last = next((der for der in authorities if der not in found and _pki.is_issued_by(last, der) is not False), None)
            found += [] if last is None else [last]
        return found


def has_pair(path):
    return None not in _store.Store(path).pair()


class Keytool:
    """Java's keytool with Bouncy Castle. Passwords are passed in its environment, stores in files that only their owner can read."""

    def __init__(self, module):
        self._module = module
        if shutil.which(module.params["keytool"]) is None:
            raise StoreError("there is no keytool on this host", where=module.params["keytool"], cure=(
                "Give keytool, which is beside java in the folder bin of the Java that runs the application."))
        self._jar, self._provider = provider_of(module.params["bouncy_castle"])

    def converted(self, octets, before, after):
        """The store in another format, with the same password. Raises FormatError if the password does not open it."""
        params = self._module.params
        folder = tempfile.mkdtemp(prefix="keytool-", dir=self._module.tmpdir)
        try:
            source, target = os.path.join(folder, "source"), os.path.join(folder, "target")
            with os.fdopen(os.open(source, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(octets)
            words = [params["keytool"], "-importkeystore", "-noprompt", "-srckeystore", source, "-srcstoretype", before,
                     "-srcstorepass:env", "SECURE_TSP_STORE", "-destkeystore", target, "-deststoretype", after, "-deststorepass:env",
                     "SECURE_TSP_STORE", "-providerpath", self._jar, "-providerclass", self._provider]
            code, output, problem = self._module.run_command(words, environ_update=dict(SECURE_TSP_STORE=params["password"], LC_ALL="C"))
            if code or not os.path.exists(target):
                told = ((output + problem).replace(params["password"], "********").strip().splitlines() or ["no message"])[-1]
                raise FormatError("keytool cannot make a %s key store of it: %s" % (after, told[:300].rstrip(".")), where=params["dest"])
            with open(target, "rb") as stream:
                return stream.read()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def provider_of(path):
    """C((jar, class of its provider)). Raises StoreError if there is none."""
    for pattern, provider in PROVIDERS if path else ():
        names = sorted(glob.glob(os.path.join(glob.escape(path), pattern))) if os.path.isdir(path) else [path]
        named = [name for name in names if os.path.isfile(name) and (
            os.path.isdir(path) or ("fips" in os.path.basename(name)) == ("fips" in pattern))]
        if named:
            return named[-1], provider
    raise StoreError("there is no library of Bouncy Castle", where=path or "bouncy_castle is not given", cure=(
        "Give bouncy_castle, the folder of JTAPI 15 with bc-fips.jar, or the path of such a file."))


def octets_of(source, params, keytool):
    if params["format"] in STORES:
        octets = _pki.key_store(
            source.key, source.certificate, params["alias"], params["password"], source.chain,
            params["encryption"] == "compatible")
        return keytool.converted(octets, "PKCS12", "BCFKS") if params["format"] == "bcfks" else octets
    certificates = b"".join(_pki.certificate_pem(der) for der in (source.certificate,) + source.chain)
    return certificates + _pki.key_to_pem(source.key, params["password"])


def opened(octets, params, keytool):
    """The StoredKey of a file that this module wrote earlier. Raises FormatError."""
    if params["format"] == "bcfks":
        octets = keytool.converted(octets, "BCFKS", "PKCS12")
    if params["format"] in STORES:
        return _pki.open_key_store(octets, params["password"], params["dest"])
    head, end, key_pem = octets.rpartition(PEM_END)
    found = [_pki.certificate_der(part + PEM_END, params["dest"]) for part in (head + end).split(PEM_END)[:-1]]
    if not found:
        raise FormatError("there is no certificate in the file", where=params["dest"])
    key = _pki.key_from_pem(key_pem, params["password"], params["dest"])
    return _pki.StoredKey(_pki.public_key_der(key), found[0], tuple(found[1:]), None)


def difference(held, source, params, keytool):
    """C((reason to write, what the diff shows of the current file)); the reason is empty if the content is good."""
    if held is None:
        return "missing", ""
    try:
        stored = opened(held, params, keytool)
    except FormatError:
        return "unreadable", "cannot be read with the password given\n"
    alias = alias_of(params)
    shown = described(stored.certificate, stored.alias or alias)
    if (stored.public_key, stored.certificate) != (_pki.public_key_der(source.key), source.certificate):
        return "certificate", shown
    if stored.chain != source.chain:
        return "chain", shown
    if stored.alias not in (None, alias):
        return "alias", shown
    return "", shown


def alias_of(params):
    """The alias as in the store. Java writes it in lower case."""
    return {"pkcs12": params["alias"], "bcfks": (params["alias"] or "").lower()}.get(params["format"])


def described(der, alias):
    facts = _pki.certificate_facts(der)
    lines = ["certificate: %(subject)s, serial %(serial)s, until %(not_after)s" % facts]
    return "\n".join(lines + (["alias: %s" % alias] if alias else [])) + "\n"


def write(module):
    """Result of C(state=present). In check mode an instance without a certificate may still get one in the same run."""
    params, check = module.params, module.check_mode
    if check and not has_pair(params["path"]):
        return dict(changed=True, dest=params["dest"], reason="missing", certificate=None)
    keytool = Keytool(module) if params["format"] == "bcfks" else None
    source = Source(params["path"], params["key_passphrase"], params["chain"], _instance.issuers_of(params["issuers"]))
    folder, name = os.path.split(params["dest"])
    store = _store.Store(folder, params["owner"], params["group"])
    held = store.read(name)
    reason, before = difference(held, source, params, keytool)
    changed = store.write(name, octets_of(source, params, keytool) if reason else held, private=True, check=check)
    return dict(
        changed=changed, dest=params["dest"], reason=reason or ("mode" if changed else ""),
        certificate=_pki.certificate_facts(source.certificate),
        diff={"before": before, "after": described(source.certificate, alias_of(params))})


def remove(params, check):
    folder, name = os.path.split(params["dest"])
    return dict(changed=_store.Store(folder).remove(name, check), dest=params["dest"], reason="", certificate=None)


def main():
    module = create(
        dict(
            path=dict(type="path"),
            dest=dict(type="path", required=True),
            format=dict(type="str", choices=["pkcs12", "bcfks", "pem"], default="pkcs12"),
            password=dict(type="str", no_log=True),
            alias=dict(type="str"),
            key_passphrase=dict(type="str", no_log=True),
            chain=dict(type="bool", default=False),
            issuers=dict(type="list", elements="str"),
            encryption=dict(type="str", choices=["modern", "compatible"], default="modern"),
            bouncy_castle=dict(type="path"),
            keytool=dict(type="path", default="keytool"),
            owner=dict(type="str"),
            group=dict(type="str"),
            state=dict(type="str", choices=["present", "absent"], default="present"),
        ),
        required_if=[("state", "present", ["path"])],
    )
    params = module.params
    if params["state"] == "present" and params["format"] in STORES and not (params["password"] and params["alias"]):
        module.fail_json(msg="format is %s but password or alias is missing" % params["format"])
    with reporting(module):
        _pki.require()
        finish(module, write(module) if params["state"] == "present" else remove(params, module.check_mode))


if __name__ == "__main__":
    main()
