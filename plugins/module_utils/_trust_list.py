# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The trust list of one instance: fetched from the file servers, verified, kept or removed."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import re
from dataclasses import dataclass

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _pki, _store, _transport
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CannotHere,
    FileMissing,
    FileRefused,
    FormatError,
    InputError,
    MissingLibrary,
    ProtocolError,
    SecureTspError,
    StoreError,
    TransportError,
    TrustError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._bounds import check_ranges

ARGUMENT_SPEC = dict(
    path=dict(type="path", required=True),
    state=dict(type="str", choices=["present", "absent"], default="present"),
    tftp_servers=dict(type="list", elements="str"),
    tftp_port=dict(type="int", default=69),
    capf_host=dict(type="str"),
    file_name=dict(type="str"),
    fingerprint=dict(type="str"),
    on_missing=dict(type="str", choices=["fail", "keep_and_warn"], default="fail"),
    reject_older=dict(type="bool", default=False),
    cluster_certificates=dict(type="list", elements="dict", options=dict(
        service=dict(type="str", required=True), sha256_fingerprint=dict(type="str", required=True))),
    on_contradiction=dict(type="str", choices=["fail", "warn"], default="fail"),
    http=dict(type="bool", default=False),
    http_port=dict(type="int", default=6970),
    timeout=dict(type="int", default=15),
    max_size=dict(type="int", default=_ctl.MAX_SIZE),
    owner=dict(type="str"),
    group=dict(type="str"),
    source_address=dict(type="str"),
)
RANGES = {"tftp_port": (1, 65535), "http_port": (1, 65535), "timeout": (1, 300), "max_size": (1, _ctl.MAX_SIZE)}
OTHERS_TIMEOUT = 3  # seconds for other servers after one has returned a trust list
MOST_AT_ONCE = 8
FILE_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")

FIRST_TRUST = (
    "This trust list was trusted on first use; nothing confirmed it. Compare its SHA-1 with the checksum that "
    "'show ctl' prints on the publisher: %s.")
NOT_SECURE = (
    "The trust list names no certificate of a CallManager: the cluster is not in mixed mode, so no secure provider can "
    "be opened.")
NO_CAPF = "The trust list names no CAPF server, so no certificate can be enrolled."
OLDER_ON_NODE = (
    "%s serves an older trust list (created %s) than %s (created %s): restart Cisco Tftp on that node, so that it serves the newest.")
KEPT_NEWER = (
    "%s serves an older trust list (created %s) than the stored one (created %s), which the cluster's own certificates confirm, so the "
    "stored one was kept: restart Cisco Tftp on that node.")
CONTRADICTED = (
    "the trust list names none of the certificates that the cluster itself returns by AXL (its checksum is %s)")
CURE_CONTRADICTED = (
    "Nothing was sent. Either another server is impersonating the cluster: compare with the checksum that 'show ctl' prints on the "
    "publisher. Or the cluster's certificates were regenerated and its trust list was not updated: run utils ctl update CTLFile there and "
    "restart Cisco Tftp. A pinned fingerprint overrides this.")
CURE_MISSING = (
    "Check with 'show ctl' on the publisher that the cluster has a trust list, and that Cisco Tftp was restarted "
    "since it was created.")


@dataclass
class Offer:
    """The trust list that a file server returned. where: its URL. others: Offers of the other servers, of trust lists that differ."""

    trust_list: _ctl.TrustList
    server: str
    file_name: str
    protocol: str
    where: str
    others: tuple = ()

    @property
    def newest_first(self):
        return sorted((self,) + tuple(self.others), key=lambda one: -(one.trust_list.timestamp or 0))


def handed_over(octets):
    """An Offer that the controller fetched."""
    return Offer(parsed(octets, "the controller"), "", "", "", "the controller")


class NothingFetched(TransportError):
    """No file server returned a trust list."""


class Search:
    """Ask the file servers for the trust list; C(failures) are the errors of what failed."""

    def __init__(self, params):
        self._params = params
        self.failures = []

    def run(self):
        """The Offer of the first server that has a trust list, with those of the other servers that have a different one.

        Each node's Tftp serves what it read when it was started, so one may serve an older list than the others. Raises
        NothingFetched, or FormatError if everything received is damaged.
        """
        try:
            names = self._names()
        except TransportError as error:
            self.failures.append(error)
            raise self._nothing() from None
        damaged, servers = None, list(self._params["tftp_servers"])
        while servers:
            try:
                offer = self._ask(servers.pop(0), names)
            except FormatError as error:
                damaged = damaged or error
                self.failures.append(error)
                continue
            if offer:
                return dataclasses.replace(offer, others=self._others(servers, names, offer))
        if damaged:
            raise damaged
        raise self._nothing()

    def _others(self, servers, names, first):
        """What the other servers return within a short time; missing or unreadable trust lists are ignored."""
        if not servers:
            return ()
        with concurrent.futures.ThreadPoolExecutor(min(len(servers), MOST_AT_ONCE)) as pool:
            found = list(pool.map(lambda server: self._shortly(server, names), servers))
        seen, kept = {first.trust_list.octets}, []
        for offer in found:
            if offer and offer.trust_list.octets not in seen:
                seen.add(offer.trust_list.octets)
                kept.append(offer)
        return tuple(kept)

    def _shortly(self, server, names):
        search = Search(dict(self._params, timeout=min(self._params["timeout"], OTHERS_TIMEOUT)))
        try:
            return search._ask(server, names)  # pylint: disable=protected-access
        except (FormatError, MissingLibrary):
            return None

    def _names(self):
        if self._params["file_name"]:
            return [self._params["file_name"]]
        return _ctl.ctl_file_names(_transport.address_of(self._params["capf_host"], _transport.Deadline(self._params["timeout"])))

    def _ask(self, server, names):
        """The Offer of one server, or None. By HTTP only if TFTP failed, because both serve the same files."""
        try:
            return self._first(server, names, "tftp", _transport.fetch_tftp, self._params["tftp_port"])
        except (TransportError, ProtocolError) as error:
            self.failures.append(error)
        if not self._params["http"]:
            return None
        try:
            return self._first(server, names, "http", _transport.fetch_http, self._params["http_port"])
        except (TransportError, ProtocolError) as error:
            self.failures.append(error)
        return None

    def _first(self, server, names, protocol, fetch, port):
        """The Offer of the first name that exists, None when none does. Otherwise raises what the transport raises."""
        params, refused = self._params, None
        for name in names:
            where = "%s://%s/%s" % (protocol, _transport.place(server, port), name)
            deadline = _transport.Deadline(params["timeout"])
            try:
                octets = fetch(server, name, deadline, port, params["max_size"], params["source_address"])
            except FileMissing as error:
                self.failures.append(error)
                continue
            except FileRefused as error:
                # Whatever the text of the error is: the next name may exist.
                self.failures += [refused] if refused else []
                refused = error
                continue
            if octets:
                return Offer(parsed(octets, where), server, name, protocol, where)
            self.failures.append(EmptyFile("the file is empty", where=where))
        if refused is not None:
            raise refused
        return None

    def _nothing(self):
        unanswered = [error for error in self.failures if not isinstance(error, FileMissing)]
        if unanswered:
            what, verdict, cure = "no file server returned a trust list", "no_answer", unanswered[0].cure
        elif any(isinstance(error, EmptyFile) for error in self.failures):
            what, verdict, cure = "the trust list on the file servers is empty", "empty", CURE_MISSING
        else:
            what, verdict, cure = "no file server has a trust list", "not_found", CURE_MISSING
        return NothingFetched("%s: %s" % (what, "; ".join(self.texts())), cure=cure, verdict=verdict,
                              failures=self.texts())

    def texts(self):
        return ["%s (%s)" % (error.what, error.where) for error in self.failures]

    def warnings(self, offer):
        """Report if the trust list did not come from the first server by TFTP, and why."""
        if (offer.server, offer.protocol) != (self._params["tftp_servers"][0], "tftp"):
            yield "The trust list came from %s, because %s." % (offer.where, "; ".join(self.texts()))


def of_each_server(params):
    """C((server, TrustList)) of the servers that return a readable one, asked in parallel; failures are skipped."""
    def ask(server):
        try:
            return server, Search(dict(params, tftp_servers=[server])).run().trust_list
        except SecureTspError:
            return None

    with concurrent.futures.ThreadPoolExecutor(min(len(params["tftp_servers"]), MOST_AT_ONCE)) as pool:
        return [found for found in pool.map(ask, params["tftp_servers"]) if found]


class EmptyFile(FileMissing):
    """An empty file, which means that there is no trust list."""


def parsed(octets, where):
    try:
        return _ctl.parse(octets)
    except FormatError as error:
        raise FormatError(
            "the file is not a trust list, or it is damaged: %s" % error.what, where=where, verdict="damaged",
            cure="Compare with 'show ctl' on the publisher. %s" % _pki.UNTOUCHED) from None


class Keeper:
    """Verify a trust list against the store, and update the store unless changes are only to be reported.

    vouching: octets of the trust list that another instance of the same cluster has stored; it counts if this one has none.
    """

    def __init__(self, params, check, vouching=None):
        self._params = params
        self._check = check
        self._vouching = vouching
        self._store = _store.Store(params["path"], params["owner"], params["group"])

    def take(self, offer):
        """Store what was offered, if it may be trusted. Raises TrustError or StoreError."""
        self._best(offer)  # before the folder is created, so that a refused trust list leaves nothing behind
        with self._writing() as made:
            best, stored, verdict, told = self._best(offer)
            warnings = list(verdict.warnings) + told
            if self._keeps(stored, best, verdict):
                result = self._bring_in_line(made, stored, stored, "kept_newer", told + [KEPT_NEWER % (
                    best.where, _ctl.iso(best.trust_list.timestamp), _ctl.iso(stored.timestamp))])
                return dict(result, older=[older(best, stored)])
            result = self._bring_in_line(made, stored, best.trust_list, verdict.kind, warnings)
            return dict(result, server=best.server, file_name=best.file_name, protocol=best.protocol, older=[
                older(one, best.trust_list) for one in offer.newest_first if is_older(one, best.trust_list)])

    def _best(self, offer):
        """The newest trust list that may be trusted, the stored one, the Verdict, and warnings about the other servers.

        Raises the error of the first server's trust list if none may be trusted.
        """
        refused, told = {}, []
        for one in offer.newest_first:
            try:
                stored, verdict = self._judge(one)
            except (CannotHere, TrustError) as error:
                refused[one.where] = error
                continue
            told += ["The trust list of %s was refused: %s." % (where, error.what) for where, error in refused.items()]
            told += [OLDER_ON_NODE % (other.where, _ctl.iso(other.trust_list.timestamp), one.where, _ctl.iso(one.trust_list.timestamp))
                     for other in offer.newest_first if is_older(other, one.trust_list)]
            return one, stored, verdict, told
        raise refused[offer.where]

    def _keeps(self, stored, best, verdict):
        """Whether the stored trust list is kept instead of an older one, because the cluster's own certificates still confirm it."""
        return (stored is not None and not self._params["fingerprint"] and verdict.kind == "update" and is_older(best, stored) and _pki.compared_with_cluster(
            stored, self._params["cluster_certificates"]) == _pki.CONFIRMED)

    def keep(self, nothing):
        """Continue with the stored trust list instead of the one that was not fetched, or raise that error."""
        if self._params["on_missing"] == "fail" or self._stored() is None:
            raise nothing
        with self._writing() as made:
            stored = self._stored()
            return self._bring_in_line(made, stored, stored, "kept", [
                "The stored trust list was kept, because %s." % nothing.what])

    def remove(self):
        """Remove what take() wrote, and the folder when nothing else is in it."""
        store = self._store
        there = set(store.names())
        names = store.remove_trust_list(check=True)
        emptied = (names or _store.LOCK in there) and not there - set(names) - {_store.LOCK}
        if names and not self._check:
            with store.lock():
                names = store.remove_trust_list()
        if emptied and not self._check:
            store.remove_if_empty()
        return dict(changed=bool(names or emptied), files=names, diff=dict(before="".join(name + "\n" for name in names), after=""))

    def _judge(self, offer):
        """The stored list and the Verdict. A damaged one is ignored if the new one is pinned."""
        stored, verdict = self._judged(offer)
        if stored is None and verdict.kind in ("unchanged", "update"):
            verdict = dataclasses.replace(verdict, kind="vouched")
        if verdict.kind == "first_trust":
            verdict = self._compared(offer, verdict)
        return stored, verdict

    def _compared(self, offer, verdict):
        """At first contact, the cluster's own certificates decide if they are known. Raises TrustError."""
        view = _pki.compared_with_cluster(offer.trust_list, self._params["cluster_certificates"])
        if view == _pki.CONFIRMED:
            return dataclasses.replace(verdict, kind="confirmed")
        if view == _pki.CONTRADICTED:
            if self._params["on_contradiction"] == "fail":
                raise TrustError(
                    CONTRADICTED % checksum(offer.trust_list), where=offer.where, verdict="contradicted",
                    cure=CURE_CONTRADICTED)
            return dataclasses.replace(verdict, warnings=verdict.warnings + (CONTRADICTED % checksum(
                offer.trust_list) + "; it was accepted nevertheless, because of on_contradiction",))
        return verdict

    def _judged(self, offer):
        params = self._params
        try:
            stored = self._stored()
        except StoreError:
            if not params["fingerprint"]:
                raise
            stored = None
        return stored, _pki.judge_trust_list(
            offer.trust_list, stored or self._vouched(), params["fingerprint"], params["reject_older"], offer.where)

    def _vouched(self):
        """The other instance's trust list, if it can be used for verification."""
        try:
            found = _ctl.parse(self._vouching) if self._vouching else None
            return found if found and _pki.self_verified(found) else None
        except CannotHere:
            return found
        except FormatError:
            return None

    def _stored(self):
        """The stored list, or None. Raises StoreError for one that can no longer be used to verify another."""
        octets = self._store.read(_store.TRUST_LIST)
        if octets is None:
            return None
        try:
            found = _ctl.parse(octets)
            problem = "" if _pki.self_verified(found) else "its signature does not fit"
        except CannotHere:
            problem = ""  # it was verified when it was stored, and may be correct even if this host can no longer verify it
        except FormatError as error:
            problem = error.what
        if problem:
            raise StoreError(
                "the stored trust list is damaged: %s" % problem, where=self._store.path(_store.TRUST_LIST),
                verdict="stored_damaged",
                cure="Replace it with %s, give the fingerprint of the cluster's trust list, or remove the stored one with "
                "state absent to trust the next one on first use." % _store.FORMER_TRUST_LIST)
        return found

    @contextlib.contextmanager
    def _writing(self):
        """Create the folder if necessary, and keep other runs out. Yields whether it was created, or in check mode would be."""
        made = self._store.create(check=self._check)
        if self._check:
            yield made
        else:
            with self._store.lock():
                yield made

    def _bring_in_line(self, made, before, trust_list, verdict, warnings):
        files, _facts, _warnings = _pki.certificates_of(trust_list)
        callmanagers = trust_list.callmanager_certificates()
        names = self._store.write_trust_list(
            trust_list.octets, files, callmanagers[0] if callmanagers else None, check=self._check)
        facts, odd = _pki.trust_list_facts(trust_list)
        after = shown(trust_list)
        if before and before.octets == trust_list.octets and names:
            after["written again"] = names
        return dict(changed=made or bool(names), verdict=verdict, files=names, ctl=facts, server="", file_name="", protocol="", warnings=[
            *warnings, *odd], diff=dict(before=shown(before) if before else {}, after=after))


def is_older(offer, trust_list):
    return bool(offer.trust_list.timestamp and trust_list.timestamp and offer.trust_list.timestamp < trust_list.timestamp)


def older(offer, trust_list):
    return dict(server=offer.server or offer.where, timestamp=_ctl.iso(offer.trust_list.timestamp), newest=_ctl.iso(trust_list.timestamp))


def checksum(trust_list):
    """The SHA-1 that 'show ctl' prints too; the SHA-256 where this host forbids it."""
    facts = _ctl.facts(trust_list)
    return facts["sha1_fingerprint"] or facts["sha256_fingerprint"]


def shown(trust_list):
    """The list as its diff shows it."""
    facts = _ctl.facts(trust_list)
    return {
        "sha256": facts["sha256_fingerprint"], "timestamp": facts["timestamp"], "signer": facts["signer"],
        "records": [" ".join(filter(None, (
            record["role"], record["host"], record["address"], record["subject"],
            record["certificate_sha256"] or record["certificate_hash"]))) for record in facts["records"]],
    }


def checked(params):
    """Raise InputError for values that are not valid."""
    check_ranges(params, RANGES)
    if not params["tftp_servers"] or not all(server.strip() for server in params["tftp_servers"]):
        raise InputError("tftp_servers is empty or contains an empty name")
    if params["file_name"] and not FILE_NAME.match(params["file_name"]):
        raise InputError("file_name has characters that no file name of CUCM has: %s" % params["file_name"])
    if params["fingerprint"]:
        _pki.fingerprint_of(b"", params["fingerprint"])
    return params


def fetch_and_keep(params, check):
    _pki.require()
    keeper, search = Keeper(checked(params), check), Search(params)
    try:
        offer = search.run()
    except NothingFetched as error:
        return dict(keeper.keep(error), failures=search.texts())
    result = keeper.take(offer)
    result["warnings"].extend(search.warnings(offer))
    return dict(result, failures=search.texts())


def warnings_of(result):
    """The warnings, which are removed from the result, and those about the trust list itself."""
    ctl = result.get("ctl")
    if result.get("verdict") == "first_trust":
        yield FIRST_TRUST % (ctl["sha1_fingerprint"] or "%s (SHA-256)" % ctl["sha256_fingerprint"])
    yield from result.pop("warnings", ())
    if ctl and not ctl["mixed_mode"]:
        yield NOT_SECURE
    if ctl and not ctl["has_capf"]:
        yield NO_CAPF
