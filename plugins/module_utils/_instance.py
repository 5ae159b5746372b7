# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The files of one TSP instance: whether it needs a certificate, what it trusts, and what it may present."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass, field

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _bounds, _ctl, _pki, _store
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CannotHere,
    FormatError,
    InputError,
    StoreError,
    TrustError,
)

CTI_MANAGER_ROLES = (_ctl.CCM, _ctl.CCM_TFTP)
CLOCKS_APART = datetime.timedelta(seconds=300)  # a certificate may begin this far in the future by this host's clock

MISSING, KEY_LOST, UNREADABLE, KEY_MISMATCH = "missing", "key_lost", "unreadable", "key_mismatch"
EXPIRED, WRONG_ISSUER, INTERRUPTED, EXPIRING, KEY_CHANGED = (
    "expired", "wrong_issuer", "interrupted", "expiring", "key_changed")

#: Argument spec of what the documentation fragment C(instance) describes.
OPTIONS = dict(
    instance_id=dict(type="str", required=True),
    name_template=dict(type="str", default="CTI-{instance_id}"),
    key=dict(type="dict", no_log=False, options=dict(
        type=dict(type="str", choices=["rsa", "ec"], default="rsa"),
        size=dict(type="int"),
    )),
    renew_before_days=dict(type="int", default=0),
    issuers=dict(type="list", elements="str"),
    key_passphrase=dict(type="str", no_log=True),
)
PLACEHOLDER = "{instance_id}"
MAX_DAYS = 36500

STILL_VALID = (INTERRUPTED, EXPIRING, KEY_CHANGED)  # reasons to renew a certificate that can still open a provider

NOT_VERIFIED = (
    "This host cannot verify the signature of the certificate by %s; it was accepted because CAPF itself, which is in the "
    "trust list, sent it over TLS.")
PEM_BEGIN = "-----BEGIN CERTIFICATE-----"
CURE_ENROL = "Enrol or renew the certificate with capf_certificate. Nothing was connected."


def now():
    return datetime.datetime.now(datetime.timezone.utc)


# Files


def read_trust_list(store):
    """The stored TrustList, None without one. Raises FormatError."""
    octets = store.read(_store.TRUST_LIST)
    return None if octets is None else parse_trust_list(octets, store.path(_store.TRUST_LIST))


# All instances of a cluster have the same trust list, and each instance is checked before and after its enrolment.
_parsed = functools.lru_cache(maxsize=8)(_ctl.parse)


def parse_trust_list(octets, where):
    try:
        return _parsed(octets)
    except FormatError as error:
        raise FormatError(error.what, where=where, cure="Fetch the trust list again with ctl_file.") from None


def is_encrypted(key_pem):
    return any(b"ENCRYPTED" in line for line in key_pem.splitlines()[:3])


def load_key(key_pem, passphrase, where):
    """The private key; the passphrase is used only if it is encrypted. Raises FormatError."""
    return _pki.key_from_pem(key_pem, passphrase if is_encrypted(key_pem) else None, where)


class Identity:
    """Certificate, key and trust list with which an instance connects to CTI Manager, checked as far as possible without a connection."""

    def __init__(self, folder, passphrase):
        self._store = store = _store.Store(folder)
        self.key_pem, certificate = store.pair()
        octets = store.read(_store.TRUST_LIST)
        for name, found in ((_store.CERTIFICATE, certificate), (_store.KEY, self.key_pem), (_store.TRUST_LIST, octets)):
            if found is None:
                raise StoreError("this instance has no %s" % name, where=store.path(name),
                                 cure="Fetch the trust list with ctl_file and enrol with capf_certificate.")
        self.certificate = _pki.certificate_der(certificate, store.path(_store.CERTIFICATE))
        self.passphrase = passphrase if is_encrypted(self.key_pem) else None
        self.trust_list = parse_trust_list(octets, store.path(_store.TRUST_LIST))
        if not self.trust_list.of_role(*CTI_MANAGER_ROLES):
            raise TrustError("the trust list names no CTI Manager", where=store.path(_store.TRUST_LIST),
                             cure="Check that the cluster is in mixed mode, then fetch the trust list again with ctl_file.")

    def check(self):
        """Raise StoreError unless the key belongs to the certificate and the certificate is valid now."""
        where = self._store.path(_store.CERTIFICATE)
        key = _pki.key_from_pem(self.key_pem, self.passphrase, self._store.path(_store.KEY))
        if not _pki.matches_key(self.certificate, key):
            raise StoreError("the certificate does not belong to the private key beside it", where=where,
                             cure=CURE_ENROL)
        begins, expires = _pki.begins(self.certificate), _pki.expires(self.certificate)
        if expires <= now():
            raise StoreError("the certificate of this instance expired on %s" % _pki.iso(expires), where=where,
                             cure=CURE_ENROL)
        if begins > now():
            raise StoreError("the certificate of this instance is not valid before %s" % _pki.iso(begins), where=where,
                             cure="Compare the clocks of this host and of the cluster. Nothing was connected.")

    @property
    def key_types(self):
        """Key types of the certificates that accept() allows."""
        return _pki.key_types(self.trust_list, CTI_MANAGER_ROLES)

    def client(self):
        return self.certificate, self.key_pem, self.passphrase

    def accept(self, leaf, _chain):
        """Accept a server only if its certificate is in the trust list as CCM or CCM+TFTP."""
        if not _pki.lists_certificate(self.trust_list, leaf, CTI_MANAGER_ROLES):
            facts = _pki.certificate_facts(leaf)
            raise TrustError(
                "the server's certificate is not in the trust list as a CallManager (%s)" % facts["subject"],
                cure="Fetch the trust list again with ctl_file, if the certificate was renewed. No login was sent.",
                server_certificate=facts)


# Trust in CAPF


def names_capf(trust_list):
    """Whether the trust list has a certificate of CAPF, or a hash of one."""
    return bool(trust_list.capf_certificates() or trust_list.hashes(_ctl.CAPF))


def is_capf_server(trust_list, leaf):
    """Whether the trust list has exactly the certificate that was presented, in the role of CAPF.

    A signature by a listed certificate is not enough. CUCM lists leaf certificates and never their authorities, CAPF
    signs the certificates of all clients, and an LSC from a CAPF that the trust list does not name would be refused
    only after the authorization string is used up. Dates are ignored: CUCM keeps expired certificates in its trust
    list.
    """
    return _pki.lists_certificate(trust_list, leaf, (_ctl.CAPF,))


def warnings_of_server(facts, title):
    """Sentences about the certificate of a server that was accepted; facts: those of _pki.certificate_facts."""
    if facts["not_after"] <= _pki.iso(now()):
        yield "The certificate of %s expired on %s. It was accepted because it is in the trust list; renew it on CUCM." % (
            title, facts["not_after"])


def issuers(trust_list, others=()):
    """The certificates that may have issued an LSC: those of CAPF in the list, those in the list that issued them, and others.

    others: DER of the authorities behind a CAPF with an online CA, which no trust list has. The result is empty if the trust
    list has only hashes of CAPF's certificates and there are no others.
    """
    found = trust_list.capf_certificates()
    found += [der for der in trust_list.certificates() if der not in found and any(
        _pki.is_authority(der) and _pki.is_issued_by(capf, der) for capf in found)]
    return found + [der for der in others if der not in found]


def issuers_of(texts):
    """DER of the certificates in texts of PEM. Raises InputError."""
    found = []
    for number, text in enumerate(texts or (), 1):
        parts = text.split(PEM_BEGIN)[1:]
        try:
            found += [_pki.certificate_der((PEM_BEGIN + part).encode("ascii", "replace")) for part in parts]
        except FormatError:
            parts = []
        if not parts:
            raise InputError("issuers: entry %d has no certificate in PEM format that can be read" % number,
                             cure="Give certificates of the CAs that issue certificates for CAPF.")
    return list(dict.fromkeys(found))


def is_from_capf(certificate, trust_list, others=()):
    """Whether the list's CAPF, or one of the other authorities, issued the certificate.

    None if not known: the trust list has only a hash of CAPF's certificate, or this host cannot verify the signature.
    """
    known = issuers(trust_list, others)
    return _pki.issued_by_any(certificate, known) if known else None


def judge_lsc(certificate, key, known, moment):
    """Raise FormatError or TrustError unless this certificate from CAPF may be stored. Returns a remark, or an empty text.

    known: certificates (DER), one of which must have issued it; if empty, the issuer is not checked. If this host cannot verify
    the signature, the certificate is accepted, because CAPF, whose own certificate is in the trust list, sent it over TLS.
    """
    facts = _pki.certificate_facts(certificate)
    if not _pki.matches_key(certificate, key):
        raise TrustError("the certificate that CAPF sent is not for the key of this instance (%s)" % facts["subject"],
                         cure="Read the CAPF trace for this time.", certificate=facts)
    issued = _pki.issued_by_any(certificate, known) if known else True
    if issued is False:
        raise TrustError("the certificate that CAPF sent was not issued by the CAPF of the trust list but by %s"
                         % facts["issuer"], certificate=facts,
                         cure="Fetch the trust list again with ctl_file. If an online CA issues certificates for CAPF, give "
                         "its certificate in issuers. An offline CA cannot issue these certificates.")
    if _pki.expires(certificate) <= moment or _pki.begins(certificate) > moment + CLOCKS_APART:
        raise TrustError("the certificate that CAPF sent is valid from %s to %s, but this host's clock shows %s"
                         % (facts["not_before"], facts["not_after"], _pki.iso(moment)), certificate=facts,
                         cure="Compare the clocks of this host and of the publisher.")
    return NOT_VERIFIED % facts["issuer"] if issued is None else ""


# Whether a certificate is needed


@dataclass(frozen=True)
class Wish:
    """The wanted properties of an instance's certificate. key_type None allows any key.

    issuers: DER of authorities that may have issued it, besides those of the trust list.
    """

    name: str
    key_type: str = None
    key_size: int = None
    renew_before_days: int = 0
    passphrase: str = field(default=None, repr=False)
    issuers: tuple = ()

    @property
    def kind(self):
        return (self.key_type, self.key_size) if self.key_type else None


def wish_of(params):
    """The Wish from a module's options. Raises InputError."""
    instance_id, template, key = params["instance_id"], params["name_template"], params["key"] or {}
    if not _bounds.INSTANCE_ID.match(instance_id):
        raise InputError("instance_id must have 1 to 128 characters of a-z, A-Z and 0-9, not %r" % instance_id)
    if PLACEHOLDER not in template:
        raise InputError("name_template does not contain %s, so all instances would have the same name" % PLACEHOLDER)
    if not 0 <= params["renew_before_days"] <= MAX_DAYS:
        raise InputError("renew_before_days must be from 0 to %d, not %d" % (MAX_DAYS, params["renew_before_days"]))
    key_type, size = key.get("type"), key.get("size")
    if key_type:
        size = size or _bounds.KEY_SIZES[key_type][0]
        if size not in _bounds.KEY_SIZES[key_type]:
            raise InputError("%d is not a valid size of an %s key" % (size, key_type.upper()), cure="CAPF supports %s bits." % (
                ", ".join("%d" % each for each in _bounds.KEY_SIZES[key_type])))
    return Wish(template.replace(PLACEHOLDER, instance_id), key_type, size, params["renew_before_days"],
                params["key_passphrase"], tuple(issuers_of(params["issuers"])))


class Holding:
    """What an instance holds, and whether it is usable. certificate and key_pem: octets of the files, or None.

    key_known: False if only the certificate is visible, as with a TSP that hides its key.
    pending: C((key PEM, certificate DER)) of an open enrolment.
    made: C((key PEM, key)) of a key created by this process, which need not be loaded again.
    from_capf: whether CAPF of the trust list issued the certificate, None if not known.
    key_matches: whether key and certificate belong together, None where one of them is missing or cannot be read.
    Raises FormatError for a key that cannot be opened with the passphrase, because a typing error must not cost a
    key; lenient: it counts as unreadable.
    """

    def __init__(self, wish, certificate, key_pem, trust_list, key_known=True, pending=(None, None), where="",
                 lenient=False, made=(None, None)):
        self.wish = wish
        self.moment = now()
        self.trust_list = trust_list
        self.key_pem = key_pem
        self.key_known = key_known
        self.pending = pending
        self.has_certificate = certificate is not None
        self.certificate, self._facts = self._readable(certificate)
        self.key = made[1] if key_pem is not None and key_pem == made[0] else self._key(key_pem, where, lenient)
        self.from_capf = None
        if self.certificate is not None and trust_list is not None:
            self.from_capf = is_from_capf(self.certificate, trust_list, wish.issuers)
        self.key_matches = None
        if self.certificate is not None and self.key is not None:
            self.key_matches = self._matches(lenient)
        self.reason, self.explanation = self._need()

    @classmethod
    def of(cls, store, wish, lenient=False, made=(None, None)):
        key_pem, certificate = store.pair()
        return cls(wish, certificate, key_pem, read_trust_list(store), pending=store.pending.pair(),
                   where=store.path(_store.KEY), lenient=lenient, made=made)

    def _matches(self, lenient):
        """Raises CannotHere, because a good pair must not be lost if a policy keeps the library from reading it."""
        try:
            return _pki.matches_key(self.certificate, self.key)
        except CannotHere:
            if not lenient:
                raise
            return None

    @staticmethod
    def _readable(octets):
        """C((DER, its facts)), C((None, None)) without a certificate that can be read."""
        if octets is None:
            return None, None
        try:
            der = _pki.certificate_der(octets)
            return der, _pki.certificate_facts(der)
        except (FormatError, ValueError):
            return None, None

    def _key(self, key_pem, where, lenient):
        if key_pem is None:
            return None
        try:
            return load_key(key_pem, self.wish.passphrase, where)
        except CannotHere:
            if lenient:
                return None
            raise
        except FormatError as error:
            if lenient or not is_encrypted(key_pem):
                return None
            error.cure = "Give the key_passphrase with which the key was created, or replace the key with force."
            raise

    @property
    def needed(self):
        return bool(self.reason)

    @property
    def opens_provider(self):
        """Whether the certificate is good, though it may be due for renewal."""
        return not self.needed or self.reason in STILL_VALID

    @property
    def needs_certificate(self):
        return {"needed": self.needed, "reason": self.reason}

    @property
    def kind(self):
        """Type and size of the key in use, None where there is none."""
        if self.key is not None:
            return _pki.key_kind(self.key)
        return _pki.key_kind(_pki.public_key_of(_pki.load_certificate(self.certificate))) if self.certificate else None

    @property
    def name_matches(self):
        """Whether the subject or an alternative name is the name given to CAPF. What CUCM writes there is not known."""
        if self.certificate is None:
            return None
        return self.wish.name == self._facts["common_name"] or self.wish.name in _pki.alternative_names(self.certificate)

    @property
    def days_left(self):
        """Whole days until the certificate ends, negative after that."""
        return None if self.certificate is None else (_pki.expires(self.certificate) - self.moment).days

    def _need(self):
        """C((reason, sentence)), both empty where the certificate is good."""
        return next(iter(self._faults()), ("", ""))

    def _faults(self):
        """The most serious first. The last three leave a certificate that opens a provider."""
        if not self.has_certificate:
            yield MISSING, "There is no certificate."
            return
        if self.certificate is None:
            yield UNREADABLE, "The certificate cannot be read."
            return
        if self.key_known:
            if self.key_pem is None:
                yield KEY_LOST, "There is a certificate but no key."
            elif self.key is None:
                yield UNREADABLE, "The key cannot be read."
            elif self.key_matches is False:
                yield KEY_MISMATCH, "The certificate is not for the key beside it."
        expires = _pki.expires(self.certificate)
        if expires <= self.moment:
            yield EXPIRED, "The certificate expired on %s." % _pki.iso(expires)
        if self.from_capf is False:
            yield WRONG_ISSUER, "The certificate was not issued by the CAPF of the trust list."
        if self.pending[0] is not None:
            yield INTERRUPTED, "An enrolment was interrupted; CAPF may have superseded the certificate."
        if expires <= self.moment + datetime.timedelta(days=self.wish.renew_before_days):
            yield EXPIRING, "The certificate expires on %s." % _pki.iso(expires)
        if self.wish.kind not in (None, self.kind):
            yield KEY_CHANGED, "The key is %s of %d bits, but %s of %d bits is wanted." % (self.kind + self.wish.kind)

    def facts(self):
        """Plain values for a module's result."""
        kind = _pki.key_kind(self.key) if self.key is not None else (None, None)
        return {
            "certificate": dict(self._facts) if self._facts else None,
            "days_left": self.days_left,
            "key": {
                "exists": self.key_pem is not None if self.key_known else None, "type": kind[0], "size": kind[1],
                "encrypted": is_encrypted(self.key_pem) if self.key_pem is not None else None,
            },
            "key_matches": self.key_matches,
            "issuer_trusted": self.from_capf,
            "name": self.wish.name,
            "name_matches": self.name_matches,
            "needs_certificate": self.needs_certificate,
            "explanation": self.explanation,
        }

    def warnings(self):
        """Sentences about what is odd with a certificate that is there."""
        if self.certificate is None:
            return
        if not self.name_matches:
            yield ("The certificate names %s, not %s. It is not known what CUCM writes there. Compare the instance "
                   "id.") % (self._facts["common_name"] or "nobody", self.wish.name)
        if _pki.begins(self.certificate) > self.moment:
            yield ("The certificate is not valid before %s. Compare the clocks of this host and of the cluster."
                   % _pki.iso(_pki.begins(self.certificate)))
        if self.wish.passphrase and self.key_pem is not None and not is_encrypted(self.key_pem):
            yield "The key is not encrypted although key_passphrase is given."

    def staged(self):
        """Whether there is a certificate beside the pending key that only has to be put in place."""
        key_pem, certificate = self.pending
        if key_pem is None or certificate is None or self.trust_list is None:
            return False
        try:
            key = load_key(key_pem, self.wish.passphrase, "")
            judge_lsc(certificate, key, issuers(self.trust_list, self.wish.issuers), self.moment)
        except (FormatError, TrustError):
            return False
        return self.wish.kind in (None, _pki.key_kind(key))

    def pending_key(self, kind):
        """The pending key for reuse, if it can be opened and is of that kind; else None."""
        if self.pending[0] is None:
            return None
        try:
            key = load_key(self.pending[0], self.wish.passphrase, "")
        except FormatError:
            return None
        return key if _pki.key_kind(key) == kind else None


# Other facts


def pending_of(holding):
    """C(none), C(key) or C(certificate): how far an open enrolment has got. An unusable certificate does not count."""
    if holding.staged():
        return "certificate"
    return "none" if holding.pending[0] is None else "key"


def certificate_of(store):
    """Facts of the certificate in a store, None without one that can be read."""
    certificate = store.pair()[1]
    if certificate is None:
        return None
    try:
        return _pki.certificate_facts(certificate)
    except (FormatError, ValueError):
        return None


def bundle(key_pem, certificate):
    """Content of QBEClient.pem, as OpenSSL's clients read it: certificate, then key."""
    return _pki.certificate_pem(certificate) + key_pem


def state_of_bundle(store):
    """C(absent), C(current) or C(stale)."""
    octets = store.read(_store.BUNDLE)
    if octets is None:
        return "absent"
    key_pem, certificate = store.pair()
    try:
        fits = key_pem is not None and certificate is not None and octets == bundle(key_pem, certificate)
    except FormatError:
        fits = False
    return "current" if fits else "stale"
