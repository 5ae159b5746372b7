# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Key and certificate of an instance as the key store that a Java application opens: C(pkcs12), C(bcfks) or C(pem)."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _instance, _pki, _store
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, StoreError

STORES = ("pkcs12", "bcfks")
PROVIDERS = (("bc-fips*.jar", "org.bouncycastle.jcajce.provider.BouncyCastleFipsProvider"),
             ("bcprov*.jar", "org.bouncycastle.jce.provider.BouncyCastleProvider"))
PEM_END = b"-----END CERTIFICATE-----"
CURE = "Enrol one first, with capf_certificate or the playbook voiceops.secure_tsp.site."
ARGUMENT_SPEC = dict(
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
)


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
            raise StoreError("none of the certificates in the folder issued the certificate of the instance", where=store.folder, cure=(
                "Fetch the trust list first, with ctl_file. If an online CA issues certificates for CAPF, give its certificate in "
                "issuers."))

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

    def __init__(self, params, run_command, tmpdir):
        self._params, self._run_command, self._tmpdir = params, run_command, tmpdir
        if shutil.which(params["keytool"]) is None:
            raise StoreError("there is no keytool on this host", where=params["keytool"], cure=(
                "Give keytool, which is beside java in the folder bin of the Java that runs the application."))
        self._jar, self._provider = provider_of(params["bouncy_castle"])

    def converted(self, octets, before, after):
        """The store in another format, with the same password. Raises FormatError if the password does not open it."""
        params = self._params
        folder = tempfile.mkdtemp(prefix="keytool-", dir=self._tmpdir)
        try:
            source, target = os.path.join(folder, "source"), os.path.join(folder, "target")
            with os.fdopen(os.open(source, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(octets)
            words = [params["keytool"], "-importkeystore", "-noprompt", "-srckeystore", source, "-srcstoretype", before,
                     "-srcstorepass:env", "SECURE_TSP_STORE", "-destkeystore", target, "-deststoretype", after, "-deststorepass:env",
                     "SECURE_TSP_STORE", "-providerpath", self._jar, "-providerclass", self._provider]
            code, output, problem = self._run_command(words, environ_update=dict(SECURE_TSP_STORE=params["password"], LC_ALL="C"))
            if code or not os.path.exists(target):
                told = ((output + problem).replace(params["password"], "********").strip().splitlines() or ["no message"])[-1]
                raise FormatError("keytool cannot create a %s key store from it: %s" % (after, told[:300].rstrip(".")),
                                  where=params["dest"])
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


def write(params, check, run_command, tmpdir):
    """Result of C(state=present). In check mode an instance without a certificate may still get one in the same run.

    run_command: that of AnsibleModule; tmpdir: folder for files of keytool.
    """
    if check and not has_pair(params["path"]):
        return dict(changed=True, dest=params["dest"], reason="missing", certificate=None)
    keytool = Keytool(params, run_command, tmpdir) if params["format"] == "bcfks" else None
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
