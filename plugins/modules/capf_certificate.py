#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: capf_certificate
short_description: Give a TSP instance a key and a certificate from CAPF
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

import contextlib
import time

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _capf,
    _fleet,
    _instance,
    _pki,
    _store,
    _transport,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CapfRefused,
    FormatError,
    InputError,
    ProtocolError,
    SecureTspError,
    StoreError,
    TransportError,
    TrustError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import check_ranges

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
    """One conversation with CAPF. C(facts) is what a failure tells too.

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
        """Raises what went wrong, unless the certificate was in place by then; that becomes a warning."""
        try:
            self._connect()
            with self._channel:
                self._converse()
        except (CapfRefused, FormatError, ProtocolError, TransportError) as error:
            if not self._enrolment.stored and self._rejected is None:
                raise
            self.warnings.append("The certificate is in place, but the session did not end well: %s." % error.what)
        if self._rejected is not None:
            raise self._rejected

    def _connect(self):
        params = self._params
        self._channel = _transport.connect_tls(
            params["capf_host"], params["capf_port"], _transport.Deadline(params["timeout"]), self._accept,
            legacy=params["tls_legacy"], source_address=params["source_address"])
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
                cure="Arm the CAPF profile of this instance (Install/Upgrade) and use its string.")

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
            self._put_in_place(der, self._presented)
        except (FormatError, TrustError) as error:
            # CAPF is told so first; it is raised at the end of the session.
            error.where = error.where or self._where
            self._rejected = error
            self._enrolment.certificate_rejected(error.what)
            return
        self._enrolment.certificate_stored()
        if further:
            self.warnings.append("CAPF sent %d further certificates, which are not kept." % len(further))

    def _finished(self, warning, **_values):
        if warning:
            self.warnings.append("The certificate is in place, but %s." % warning)


class Instance:
    """An instance on its host: what is wished, what is there, and the steps between."""

    def __init__(self, params, check):
        self.params = params
        self.check = check
        self.wish = _instance.wish_of(params)
        self.store = _store.Store(params["path"], params["owner"], params["group"])
        self.warnings = []
        self.result = {}
        self._recovered = False
        self._made = (None, None)

    # state: present

    def present(self):
        settings = self._settings()
        if not self.store.exists and not self.check:
            self._trust_list()  # tells what to do first, before anything is made
        adopted = self.store.create(self.check) and self.store.exists
        with self._at_work():
            self._present(settings, bool(adopted or self._recovered))

    def _settings(self):
        """What to tell CAPF. Raises InputError; the odd, but possible, becomes a warning."""
        params, string, kind = self.params, self.params["authorization_string"], self.wish.kind or DEFAULT_KEY
        if string == "":
            raise InputError("authorization_string is empty")
        settings = _capf.Settings(
            self.wish.name, string, params["dialect"], params["protocol_version"], kind[0], kind[1])
        if string is not None and not _fleet.USUAL_STRING.match(string):
            self.warnings.append("The authorization string is not 4 to 10 digits, as Cisco's guides demand.")
        if len(params["instance_id"]) > _fleet.CERTIFICATE_NAME_LIMIT:
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
            self._foresee()
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

    def _foresee(self):
        try:
            self._trust_list()
        except TrustError as error:
            self.warnings.append("Outside of check mode this would fail now: %s" % error)

    def _trust_list(self):
        """The trust list. Raises TrustError without one, or without a CAPF in it."""
        where = self.store.path(_store.TRUST_LIST)
        trust_list = _instance.read_trust_list(self.store)
        if trust_list is None:
            raise TrustError("this instance has no trust list", where=where,
                             cure="Fetch it with ctl_file first. Nothing was connected.")
        if not _instance.names_capf(trust_list):
            raise TrustError("the trust list names no CAPF", where=where, cure=(
                "Check that the cluster is in mixed mode and that CAPF is activated on the publisher, update the list "
                "there (utils ctl update CTLFile), then fetch it again with ctl_file. Nothing was connected."))
        return trust_list

    def _resume(self, holding, _settings):
        self.store.commit(keep_current=bool(holding.key_matches))

    def _enrol(self, holding, settings):
        params, trust_list = self.params, self._trust_list()
        if params["authorization_string"] is None and params["dialect"] == "cti":
            raise InputError(
                "a new certificate is due, so authorization_string is required", where=self.store.folder,
                string_sent=False,
                cure="%s Arm the CAPF profile of this instance and give its string." % holding.explanation)
        kind = (settings.key_type, settings.key_size)
        key = holding.pending_key(kind)
        self.result["key_reused"] = key is not None
        if key is None:
            key = _pki.generate_key(*kind)
            self._made = (_pki.key_to_pem(key, params["key_passphrase"]), key)
            self.store.begin(self._made[0])

        def put_in_place(certificate, presented):
            _instance.judge_lsc(certificate, key, _instance.issuers(trust_list) or [presented], _instance.now())
            self.store.stage(_pki.certificate_der(certificate))
            self.store.commit(keep_current=bool(holding.key_matches))

        try:
            session = self._try(lambda: Session(params, settings, trust_list, key, put_in_place))
        except SecureTspError as error:
            if holding.opens_provider and not error.facts["key_sent"] and not self.result["key_reused"]:
                self.store.discard()  # CAPF knows nothing of it, and what is in place is as good as before
            raise
        self.warnings += session.warnings
        if session.tls["weak_cipher"]:
            self.warnings.append("CAPF used %s, a cipher suite without forward secrecy." % session.tls["cipher"])
        self.result.update(tls=session.tls, string_sent=True, protocol_version=session.version)

    def _try(self, begin):
        """The session that got a certificate. A broken connection is tried again while no string was sent."""
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
        """Bring modes, owner, encryption and QBEClient.pem of the pair in place to what is wished."""
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
                self.warnings.append("There is no former certificate to restore. The one in place, if any, stays.")
                self._tell("restored", False)
                return
            before, after = self._before(self._look(lenient=True)), self._before(former)
            self.warnings.append(
                "CUCM may no longer accept the former certificate, since it has issued another one for this instance. "
                "Verify it, and enrol again with force: true if it is refused.")
            if not self.check:
                self.store.restore()
                if self.store.read(_store.BUNDLE) is not None:
                    self.store.write(_store.BUNDLE, _instance.bundle(*self.store.pair()))
            self._tell("restored", True, before, after)

    def _former(self):
        """The pair before, None without one. Raises StoreError when it is worth nothing."""
        if None in self.store.previous.pair():
            return None
        former = _instance.Holding.of(self.store.previous, self.wish)
        if not former.opens_provider:
            raise StoreError("the former certificate is no good", where=self.store.previous.folder,
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
        """Alone in the folder, with whatever a crash left put right. A folder that is missing or only looked at stays."""
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
