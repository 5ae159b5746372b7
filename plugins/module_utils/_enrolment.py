# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The enrolment of one instance with CAPF: the session, the steps around it, and the way back."""

from __future__ import annotations

import contextlib
import time

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _bounds,
    _capf,
    _ctl,
    _instance,
    _pki,
    _store,
    _transport,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CannotHere,
    CapfRefused,
    FormatError,
    InputError,
    ProtocolError,
    SecureTspError,
    StoreError,
    TransportError,
    TrustError,
)

DEFAULT_KEY = ("rsa", 2048)
DIFF_FACTS = ("common_name", "issuer", "not_after", "key_type", "key_size", "sha256_fingerprint")
PAUSE = 1  # seconds before a broken connection is tried again
RANGES = {"capf_port": (1, 65535), "protocol_version": (1, 3), "retries": (0, 3), "timeout": (1, 600)}

ARGUMENT_SPEC = dict(
    _instance.OPTIONS,
    path=dict(type="path", required=True),
    state=dict(type="str", choices=["present", "confirmed", "restored", "absent"], default="present"),
    capf_host=dict(type="str"),
    capf_port=dict(type="int", default=_capf.PORT),
    authorization_string=dict(type="str", no_log=True),
    dialect=dict(type="str", choices=["cti", "phone"], default="cti"),
    protocol_version=dict(type="int"),
    force=dict(type="bool", default=False),
    retries=dict(type="int", default=0),
    timeout=dict(type="int", default=60),
    tls_legacy=dict(type="bool", default=False),
    source_address=dict(type="str"),
    bundle=dict(type="bool", default=False),
    owner=dict(type="str"),
    group=dict(type="str"),
)


class Session:
    """One session with CAPF. C(facts) are also part of a failure.

    put_in_place(certificate DER, DER presented by CAPF) raises TrustError or FormatError for one that is not ours.
    """

    def __init__(self, params, settings, trust_list, key, put_in_place):
        self._params = params
        self._trust_list = trust_list
        self._key = key
        self._put_in_place = put_in_place
        self._presented = None
        self._rejected = None
        self._where = _transport.place(params["capf_host"], params["capf_port"])
        self._enrolment = _capf.Enrolment(settings, self._where)
        self._channel = None
        self.warnings = []
        self.tls = {}

    @property
    def facts(self):
        facts = {"string_sent": self._enrolment.string_sent, "key_sent": self._enrolment.key_sent}
        return dict(facts, tls=self.tls) if self.tls else facts

    @property
    def version(self):
        return self._enrolment.version

    def run(self):
        """Raise what went wrong, unless the certificate is already in place; then it becomes a warning."""
        try:
            self._connect()
            with self._channel:
                self._converse()
        except (CapfRefused, FormatError, ProtocolError, TransportError) as error:
            if not self._enrolment.stored and self._rejected is None:
                raise
            self.warnings.append("The certificate is in place, but the session ended with an error: %s." % error.what)
        if self._rejected is not None:
            raise self._rejected

    def _connect(self):
        params = self._params
        self._channel = _transport.connect_tls(
            params["capf_host"], params["capf_port"], _transport.Deadline(params["timeout"]), self._accept,
            legacy=params["tls_legacy"], source_address=params["source_address"],
            key_types=_pki.key_types(self._trust_list, (_ctl.CAPF,)))
        self.tls = dict(self._channel.facts)
        self._presented = self.tls.pop("certificate")
        self.tls["server_certificate"] = _pki.certificate_facts(self._presented)
        self.warnings.extend(_instance.warnings_of_server(self.tls["server_certificate"], "CAPF"))

    def _accept(self, leaf, _chain):
        if not _instance.is_capf_server(self._trust_list, leaf):
            facts = _pki.certificate_facts(leaf)
            raise TrustError(
                "the server's certificate is not in the trust list as CAPF (%s)" % facts["subject"], where=self._where,
                cure="Fetch the trust list again with ctl_file, if the certificate was renewed. The authorization string "
                "was not sent.", server_certificate=facts)

    def _converse(self):
        enrolment = self._enrolment
        while enrolment.state != "ended":
            octets = self._channel.receive()
            for event in enrolment.receive(octets) if octets else self._ended():
                getattr(self, "_" + event.name)(**event.values)
                self._send()
            self._send()
        if not enrolment.stored and self._rejected is None:
            raise CapfRefused(
                "CAPF has nothing to do for the name %s" % enrolment.settings.name, where=self._where,
                code=_capf.NO_ACTION, capf_reason=_capf.NO_ACTION, capf_state=enrolment.state,
                cure="Arm the CAPF profile of this instance (Install/Upgrade) and use its authorization string.")

    def _send(self):
        for message in self._enrolment.output():
            self._channel.send(message)

    def _ended(self):
        try:
            return self._enrolment.ended()
        except ProtocolError as error:
            if self._enrolment.string_sent:
                raise
            raise TransportError(error.what, error.where, error.cure, **error.facts) from None

    def _key_wanted(self, **_kind):
        self._enrolment.provide_key(_pki.public_key_der(self._key))

    def _signature_wanted(self, data):
        self._enrolment.provide_signature(_pki.sign_raw_pkcs1(self._key, data))

    def _certificate(self, der, further):
        try:
            remark = self._put_in_place(der, self._presented)
        except (CannotHere, FormatError, TrustError) as error:
            # CAPF is informed first; the error is raised at the end of the session.
            error.where = error.where or self._where
            self._rejected = error
            self._enrolment.certificate_rejected(error.what)
            return
        self._enrolment.certificate_stored()
        if remark:
            self.warnings.append(remark)
        if further:
            self.warnings.append("CAPF sent %d further certificates, which are not kept." % len(further))

    def _finished(self, warning, **_values):
        if warning:
            self.warnings.append("The certificate is in place, but %s." % warning)


class Instance:
    """An instance on its host: what is wanted, what exists, and the steps in between."""

    def __init__(self, params, check):
        self.params = params
        self.check = check
        self.wish = _instance.wish_of(params)
        self.store = _store.Store(params["path"], params["owner"], params["group"])
        self.warnings = []
        self.result = {}
        self._recovered = False
        self._made = (None, None)
        self.before_capf = lambda: None  # called after the key is stored and before CAPF is asked

    # state: present

    def present(self):
        settings = self._settings()
        if not self.store.exists and not self.check:
            self._usable(None)  # reports what to do first, before anything is created
        adopted = self.store.create(self.check) and self.store.exists
        with self._at_work():
            self._present(settings, bool(adopted or self._recovered))

    def _settings(self):
        """The settings for CAPF. Raises InputError; unusual values become warnings."""
        params, string, kind = self.params, self.params["authorization_string"], self.wish.kind or DEFAULT_KEY
        if string == "":
            raise InputError("authorization_string is empty")
        settings = _capf.Settings(
            self.wish.name, string, params["dialect"], params["protocol_version"], kind[0], kind[1])
        if string is not None and not _bounds.USUAL_STRING.match(string):
            self.warnings.append("The authorization string does not have 4 to 10 digits, as Cisco's guides require.")
        if len(params["instance_id"]) > _bounds.CERTIFICATE_NAME_LIMIT:
            self.warnings.append("The name %s is longer than the 64 characters that X.509 allows." % self.wish.name)
        if params["tls_legacy"]:
            self.warnings.append("tls_legacy allows outdated TLS versions and short keys.")
        if kind[0] == "ec":
            self.warnings.append("No CTI client was seen to use an EC key; CUCM may refuse it.")
        return settings

    def _present(self, settings, changed):
        holding = self._look(lenient=self.params["force"])
        before = self._before(holding)
        if holding.staged():
            action, step = "resumed", self._resume
        elif holding.needed or self.params["force"]:
            action, step = "renewed" if holding.certificate else "enrolled", self._enrol
        else:
            action, step = "kept", None
        self.result["string_sent"] = False
        if step and self.check:
            self._foresee(holding.trust_list)
        elif step:
            step(holding, settings)
            holding = self._look()
        if not (step and self.check):
            changed = self._repair() or changed
        if changed and not step:
            action = "repaired"
        after = {"certificate": "a new one for %s" % self.wish.name} if step and self.check else self._before(holding)
        self._tell(action, changed or step is not None, before, dict(after, wrong_modes={}))
        self.warnings += holding.warnings()
        self.result["needs_certificate"] = holding.needs_certificate
        if step and self.check:
            self.result["unconfirmed"] = True

    def _look(self, lenient=False):
        return _instance.Holding.of(self.store, self.wish, lenient, self._made)

    def _before(self, holding):
        certificate = holding.facts()["certificate"] or {}
        shown = dict((name, certificate.get(name)) for name in DIFF_FACTS) if certificate else None
        return {"certificate": shown, "wrong_modes": self.store.wrong_modes()}

    def _foresee(self, trust_list):
        try:
            self._usable(trust_list)
        except TrustError as error:
            self.warnings.append("Outside check mode, this would fail now: %s" % error)

    def _usable(self, trust_list):
        """The trust list. Raises TrustError if there is none or if it names no CAPF."""
        where = self.store.path(_store.TRUST_LIST)
        if trust_list is None:
            raise TrustError("this instance has no trust list", where=where,
                             cure="Fetch it with ctl_file first. Nothing was connected.")
        if not _instance.names_capf(trust_list):
            raise TrustError("the trust list names no CAPF", where=where, cure=(
                "Check that the cluster is in mixed mode and that CAPF is activated on the publisher, update the "
                "trust list there (utils ctl update CTLFile), then fetch it again with ctl_file. Nothing was connected."))
        return trust_list

    def _resume(self, holding, _settings):
        self.store.refuse_foreign()
        self.store.commit(keep_current=bool(holding.key_matches))

    def _enrol(self, holding, settings):
        params, trust_list = self.params, self._usable(holding.trust_list)
        self.store.refuse_foreign()
        if params["authorization_string"] is None and params["dialect"] == "cti":
            raise InputError(
                "a new certificate is due, so authorization_string is required", where=self.store.folder,
                string_sent=False,
                cure="%s Arm the CAPF profile of this instance and give its authorization string." % holding.explanation)
        kind = (settings.key_type, settings.key_size)
        key = holding.pending_key(kind)
        self.result["key_reused"] = key is not None
        if key is None:
            key = _pki.generate_key(*kind)
            self._made = (_pki.key_to_pem(key, params["key_passphrase"]), key)
            self.store.begin(self._made[0])
        self.before_capf()

        def put_in_place(certificate, presented):
            known = _instance.issuers(trust_list, self.wish.issuers)
            if not trust_list.capf_certificates():
                known.append(presented)
            remark = _instance.judge_lsc(certificate, key, known, _instance.now())
            self.store.stage(_pki.certificate_der(certificate))
            self.store.commit(keep_current=bool(holding.key_matches))
            return remark

        try:
            session = self._try(lambda: Session(params, settings, trust_list, key, put_in_place))
        except SecureTspError as error:
            if holding.opens_provider and not error.facts["key_sent"] and not self.result["key_reused"]:
                self.store.discard()  # CAPF does not know it, and the current pair is still good
            raise
        self.warnings += session.warnings
        if session.tls["weak_cipher"]:
            self.warnings.append("CAPF used %s, a cipher suite without forward secrecy." % session.tls["cipher"])
        self.result.update(tls=session.tls, string_sent=True, protocol_version=session.version)

    def _try(self, begin):
        """The session that got a certificate. A broken connection is tried again as long as no authorization string was sent."""
        tries = 0
        while True:
            tries += 1
            session = begin()
            try:
                session.run()
            except SecureTspError as error:
                error.facts.update(session.facts, tries=tries)
                again = isinstance(error, TransportError) and not session.facts["string_sent"]
                if not again or tries > self.params["retries"]:
                    raise
            else:
                self.result["tries"] = tries
                return session
            time.sleep(PAUSE)

    def _repair(self):
        """Set modes, owner, encryption and QBEClient.pem of the current pair as wanted."""
        key_pem, certificate = self.store.pair()
        if key_pem is None or certificate is None:
            return False
        passphrase, check = self.wish.passphrase, self.check
        if passphrase and not _instance.is_encrypted(key_pem):
            key = _instance.load_key(key_pem, None, self.store.path(_store.KEY))
            key_pem = _pki.key_to_pem(key, passphrase)
        changed = [self.store.write(_store.CERTIFICATE, certificate, check=check),
                   self.store.write(_store.KEY, key_pem, check=check)]
        if self.params["bundle"]:
            changed.append(self.store.write(_store.BUNDLE, _instance.bundle(key_pem, certificate), check=check))
        else:
            changed.append(self.store.remove(_store.BUNDLE, check=check))
        return any(changed)

    # the other states

    def confirmed(self):
        with self._at_work():
            if None in self.store.pair():
                raise StoreError("this instance has no certificate to confirm", where=self.store.folder,
                                 cure="Enrol it with state: present.")
            changed = self.store.unconfirmed if self.check else self.store.confirm()
            self._tell("confirmed", changed, {"unconfirmed": changed}, {"unconfirmed": False})

    def restored(self):
        with self._at_work():
            former = self._former()
            if former is None:
                self.warnings.append("There is no previous certificate to restore. The current one, if any, is kept.")
                self._tell("restored", False)
                return
            before, after = self._before(self._look(lenient=True)), self._before(former)
            self.warnings.append(
                "CUCM may no longer accept the previous certificate, because it has issued another one for this instance. "
                "Verify it, and enrol again with force: true if it is refused.")
            if not self.check:
                self.store.restore()
                if self.store.read(_store.BUNDLE) is not None:
                    self.store.write(_store.BUNDLE, _instance.bundle(*self.store.pair()))
            self._tell("restored", True, before, after)

    def _former(self):
        """The former pair, None if there is none. Raises StoreError if it is not usable."""
        if None in self.store.previous.pair():
            return None
        former = _instance.Holding.of(self.store.previous, self.wish)
        if not former.opens_provider:
            raise StoreError("the previous certificate is not usable", where=self.store.previous.folder,
                             cure="%s Enrol with state: present and force: true." % former.explanation)
        return former

    def absent(self):
        with self._at_work():
            before = {"files": sorted(self.store.modes())}
            changed = bool(self.store.remove_pair(self.check))
            if not self.check:
                changed = self.store.remove_if_empty() or changed
            self._tell("removed", changed, before, {"files": [] if self.check else sorted(self.store.modes())})

    # all of them

    @contextlib.contextmanager
    def _at_work(self):
        """Lock the folder and repair what a crash left. A folder that is missing or only checked stays as it is."""
        if self.check or not self.store.exists:
            yield
            return
        with self.store.lock():
            self._recovered = self.store.recover()
            yield

    def _tell(self, action, changed, before=None, after=None):
        action = action if changed or action == "kept" else "none"
        self.result.update(
            action=action, changed=changed, certificate=_instance.certificate_of(self.store),
            unconfirmed=self.store.unconfirmed, diff={"before": before or {}, "after": after or {}})
