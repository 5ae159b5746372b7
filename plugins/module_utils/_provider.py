# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Open one provider at CTI Manager as a TSP does, and close it. C(_ctiqbe.Provider) implements the protocol."""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import time

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _cti_errors, _ctiqbe, _pki, _transport
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CtiRefused,
    DeadlineExceeded,
    FormatError,
    InputError,
    SecureTspError,
    TransportError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._instance import Identity, now, warnings_of_server
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._bounds import check_ranges

SECURE_PORT = 2749
PLAIN_PORT = 2748
SOON_DAYS = 60  # within which the end of a certificate is reported
PASSWORD_DAYS = 30  # within which the end of a password is reported
WARNED = ("no_device", "all_restricted", "password_ends")  # remarks that are also warnings; others are reported as warnings anyway
CONNECT_SECONDS = 15  # for one node, so that a dead one does not use up the time of the others

ARGUMENT_SPEC = dict(
    cti_managers=dict(type="list", elements="str", required=True),
    port=dict(type="int"),
    secure=dict(type="bool", default=True),
    path=dict(type="path"),
    probe=dict(type="bool", default=False),
    key_passphrase=dict(type="str", no_log=True),
    user=dict(type="str", required=True),
    password=dict(type="str", required=True, no_log=True),
    list_devices=dict(type="bool", default=True),
    hold=dict(type="int", default=0),
    application_name=dict(type="str", default="secure_tsp_probe"),
    heartbeat=dict(type="int", default=30),
    timeout=dict(type="int", default=60),
    tls_legacy=dict(type="bool", default=False),
    source_address=dict(type="str"),
)
RANGES = {"port": (1, 65535), "hold": (0, 600), "heartbeat": (1, 300), "timeout": (1, 600)}

#: awaited event -> (what did not arrive, remedy)
OVERDUE = {
    "initialised": (
        "CTI Manager did not answer the first request", "Check that this is the port of CTI Manager, and check its load."),
    "opened": (
        "CTI Manager did not finish checking the login",
        "Check that the directory (LDAP or database) answers, and check the load of CTI Manager. The login was not repeated."),
    "listed": ("CTI Manager did not finish the list of devices", "Raise timeout for very large lists."),
    "closed": ("CTI Manager did not confirm the close", "Check the load of CTI Manager."),
}


class Attempt:
    """One connection with one login, step by step; C(facts) are also part of a failure."""

    def __init__(self, params, identity, version, deadline):
        self._params = params
        self._identity = identity
        self._deadline = deadline
        self._version = version
        self._channel = None
        self._provider = None
        self._heard = False
        self._events = {}
        self.timings = {}
        self.manager = None

    def run(self):
        with self._step("connect"):
            plain = self._connect()
        with plain:
            self._channel = plain
            if self._identity:
                with self._step("tls"):
                    self._channel = _transport.secure(
                        plain, self._identity.accept, self._identity.client(), self._params["tls_legacy"],
                        self._deadline, self._identity.key_types)
            try:
                return self._converse()
            finally:
                self._channel.close()

    def _converse(self):
        params = self._params
        settings = _ctiqbe.Settings(
            host=self.manager, login=params["user"], application=params["application_name"],
            heartbeat=params["heartbeat"], version=self._version)
        self._provider = provider = _ctiqbe.Provider(settings, self._seal, self._channel.where)
        with self._step("init"):
            provider.start(time.monotonic())
            self._wait_for("initialised")
        with self._step("open"):
            opened = self._wait_for("opened")
        result = dict(open=opened, manager=self.manager, tls=self._tls(), protocol_version="0x%08X" % self._version)
        if params["list_devices"]:
            with self._step("list"):
                provider.list_devices(time.monotonic())
                self._wait_for("listed")
            result.update(devices=[device_facts(device) for device in provider.devices],
                          totals=totals(provider.devices), enumeration=provider.enumeration)
        with self._step("open", "hold"):
            self._hold(params["hold"])
        with self._step("close"):
            provider.close(time.monotonic())
            self._wait_for("closed")
        return dict(result, timings_ms=self.timings)

    @contextlib.contextmanager
    def _step(self, stage, name=None):
        """Measure the time of a step, and add to a failure where it happened."""
        begin = time.monotonic()
        try:
            yield
        except SecureTspError as error:
            error.facts.setdefault("stage", stage)
            if isinstance(error, FormatError):
                error.cure = error.cure or "Check that this is the port of CTI Manager."
            if self.manager is not None:
                error.where = error.where or _transport.place(self.manager, port_of(self._params))
                error.facts.update(manager=self.manager, timings_ms=self.timings,
                                   login_sent=bool(self._provider and self._provider.login_sent))
            raise
        finally:
            self.timings[name or stage] = int(round((time.monotonic() - begin) * 1000))

    def _connect(self):
        """A connection to the first node that accepts one. Only this step tries the next node."""
        params, failures = self._params, []
        for host in params["cti_managers"]:
            seconds = min(self._deadline.remaining(host), CONNECT_SECONDS)
            try:
                plain = _transport.connect_plain(
                    host, port_of(params), _transport.Deadline(seconds), params["source_address"])
            except TransportError as error:
                failures.append(error)
            else:
                self.manager = host
                return plain
        if len(failures) == 1:
            raise failures[0]
        raise TransportError(
            "no CTI Manager could be reached: %s" % "; ".join("%s: %s" % (f.where, f.what) for f in failures),
            cure=failures[0].cure)

    def _seal(self, nonce, certificate):
        return _pki.encrypt_password(self._params["password"], nonce, certificate, secrets.token_hex(8), inside_tls=bool(self._identity))

    def _tls(self):
        if not self._identity:
            return {}
        facts = dict(self._channel.facts)
        facts["server_certificate"] = _pki.certificate_facts(facts.pop("certificate"))
        facts["client_certificate"] = _pki.certificate_facts(self._identity.certificate)
        return facts

    def _wait_for(self, event):
        while event not in self._events:
            self._receive(lambda: self._left(event))
        return self._events.pop(event)

    def _left(self, event):
        try:
            return self._deadline.remaining()
        except DeadlineExceeded:
            what, cure = OVERDUE[event]
            raise DeadlineExceeded("%s within %d seconds" % (what, self._deadline.seconds),
                                   where=self._channel.where, cure=cure) from None

    def _hold(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._receive(lambda: end - time.monotonic(), once=True)

    def _receive(self, left, once=False):
        """Process what arrives next, and send heartbeats meanwhile. left() returns the seconds to wait, or raises.

        once: return after that time even if nothing arrived.
        """
        provider = self._provider
        while True:
            now = time.monotonic()
            provider.elapsed(now)
            self._send(provider.output())
            seconds, wake = left(), provider.wake_at()
            if wake is not None:
                seconds = min(seconds, wake - now)
            try:
                octets = self._channel.receive(_transport.Deadline(seconds))
                break
            except DeadlineExceeded:
                if once:
                    return
            except TransportError as error:
                if not self._heard and self._identity:
                    error.facts["stage"] = "tls"
                raise
        self._arrived(octets)

    def _send(self, octets):
        try:
            self._channel.send(octets, self._deadline)
        except DeadlineExceeded:
            raise
        except TransportError:
            # With TLS 1.3 a server refuses the certificate after the handshake: reading shows why.
            if self._heard or not self._identity:
                raise

    def _arrived(self, octets):
        if octets:
            self._heard = True
            for event in self._provider.receive(octets, time.monotonic()):
                self._events[event.name] = event.values
        elif self._identity and not self._heard:
            raise TransportError(
                "the server closed the connection right after the TLS handshake", where=self._channel.where,
                stage="tls",
                cure="It probably does not accept this client certificate: check that CAPF of this cluster issued it.")
        elif self._provider.state != "closed":
            self._provider.ended()


def port_of(params):
    return params["port"] or (SECURE_PORT if params["secure"] else PLAIN_PORT)


def device_facts(device):
    facts = dict(device)
    code = facts.pop("status_code")
    facts["error"] = "%s %s: %s" % _cti_errors.describe(code)[:3] if code else ""
    return facts


def totals(devices):
    lines = [line for device in devices for line in device["lines"]]
    return {
        "devices": len(devices), "lines": len(lines),
        "registered": sum(1 for device in devices if device["registered"]),
        "restricted_devices": sum(1 for device in devices if device["restricted"]),
        "restricted_lines": sum(1 for line in lines if line["restricted"]),
    }


def checked(params):
    """Raise InputError for values out of their range."""
    check_ranges(params, RANGES)
    if not params["cti_managers"]:
        raise InputError("cti_managers is empty")
    return params


def instance_identity(params):
    if not params["secure"]:
        _pki.require()
        return None
    try:
        identity = Identity(os.path.join(params["path"], "probe") if params["probe"] else params["path"],
                            params["key_passphrase"])
        identity.check()
    except SecureTspError as error:
        error.facts.setdefault("stage", "local")
        raise
    return identity


def probe(params):
    """Open and close one provider; again with the older header version only when the newer one was refused."""
    identity = instance_identity(params)
    deadline = _transport.Deadline(params["timeout"] + params["hold"])
    try:
        return Attempt(params, identity, _ctiqbe.VERSION, deadline).run()
    except CtiRefused as error:
        if error.code != _cti_errors.UNSUPPORTED_VERSION:
            raise
    return Attempt(params, identity, _ctiqbe.OLDER_VERSION, deadline).run()


def remarks(result, soon_days=SOON_DAYS):
    """The limitations of an open provider: [{code, text, fix}]."""
    return [dict(code=code, text=text, fix=fix) for code, text, fix in _remarks(result, soon_days)]


def _remarks(result, soon_days):
    opened, found = result["open"], result.get("totals")
    if not opened["controllable_devices"] and not (found or {}).get("devices"):
        yield ("no_device", "User %s controls no device, so its application can do nothing with the connection." % opened["user"],
               "Give devices of the user in the list, or associate them in CUCM.")
    elif found and found["devices"] and found["restricted_devices"] == found["devices"]:
        yield ("all_restricted", "All devices of user %s are restricted, so its application can control none of them." % opened["user"],
               "Tick Allow Control of Device from CTI on the devices.")
    elif found and found["lines"] and found["restricted_lines"] == found["lines"]:
        yield ("all_restricted", "All lines of user %s are restricted, so its application can control none of them." % opened["user"],
               "Tick Allow Control of Device from CTI on the lines.")
    if opened["password_days"] is not None and opened["password_days"] <= PASSWORD_DAYS:
        days = opened["password_days"]
        ends = "today" if days <= 0 else "in %d day%s" % (days, "" if days == 1 else "s")
        yield ("password_ends", "The password of user %s expires %s; then CTI Manager refuses the login." % (opened["user"], ends),
               "Set a new one, also in the application, or turn off its expiry in the user's credential policy.")
    tls = result.get("tls") or {}
    for code, whose, fix in (
            ("certificate_ends", "client_certificate", "Renew it with upgrade_certificates."),
            ("server_certificate_ends", "server_certificate", "Regenerate it on CUCM, then run utils ctl update CTLFile there.")):
        ends = (tls.get(whose) or {}).get("not_after")
        if ends and ends <= _pki.iso(now() + datetime.timedelta(days=soon_days)):
            yield code, "The certificate of %s %s on %s." % (
                "this instance" if code == "certificate_ends" else "CTI Manager",
                "expired" if ends <= _pki.iso(now()) else "expires", ends), fix
    if tls.get("weak_cipher"):
        yield ("weak_cipher", "The connection used %s, a cipher suite without forward secrecy." % tls["cipher"],
               "Allow better suites on CUCM (TLS ciphers in the enterprise parameters).")


def warnings_of(params, result):
    yield from (one["text"] for one in remarks(result) if one["code"] in WARNED)
    if result["tls"].get("weak_cipher"):
        yield "The connection used %s, a cipher suite without forward secrecy." % result["tls"]["cipher"]
    if result["tls"]:
        yield from warnings_of_server(result["tls"]["server_certificate"], "CTI Manager")
    if params["tls_legacy"]:
        yield "tls_legacy allows outdated TLS versions and short keys."
    if "totals" in result and result["totals"]["devices"] != result["open"]["controllable_devices"]:
        yield "CTI Manager counts %d controllable devices but listed %d." % (
            result["open"]["controllable_devices"], result["totals"]["devices"])
