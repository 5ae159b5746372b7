# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stages on a host, for all its instances in one process: look, enrol, prove, restore, remove, read and knock.

They use the same classes as the modules capf_certificate, capf_certificate_info, ctl_file, cti_provider_info and
secure_port_info. If an instance fails, its row shows it, and the others continue.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import socket
import sys
import sysconfig
import time

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import (
    _certificate_info,
    _enrolment,
    _instance,
    _lookup,
    _pki,
    _provider,
    _secure_ports,
    _store,
    _trust_list,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CtiRefused,
    MissingLibrary,
    SecureTspError,
    StoreError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import options_of

LIBRARIES = ("cryptography", "OpenSSL", "tftpy")
FETCHING = "tftpy"  # required if the host fetches trust lists itself
FACTS = ("certificate", "needs_certificate", "explanation", "unconfirmed", "trust_list", "unfinished", "wrong_modes", "bundle")
NAMES_TIMEOUT = 5  # seconds for the name service of the host
DEPTH = 2  # levels of folders in which to look for keys
LOOPBACK = ("127.", "::1")


def told(error):
    return dict(error.facts, failed=True, msg=str(error))


class Host:
    """The instances of one host and the work on them.

    instances: those of the model. settings: values for all of them, by the class that uses them. secrets: strings and passwords by
    position of the instance, and key_passphrase. No secret gets into rows, warnings or diffs.
    """

    def __init__(self, instances, settings, secrets, check):
        self.instances = instances
        self.settings = settings
        self.secrets = secrets
        self.check = check
        self.warnings = []
        self.diff = []
        self._offers = {}
        self._vouching = {}

    def run(self, stage):
        """The result of a stage, with rows in the order of the instances."""
        result = getattr(self, stage)()
        result["changed"] = any(row.get("changed") for row in result.get("rows", ()))
        return result

    def each(self, step):
        return [self._alone(step, number, instance) for number, instance in enumerate(self.instances)]

    def _alone(self, step, number, instance):
        try:
            return step(number, instance)
        except MissingLibrary as error:
            return {"failed": True, "msg": "%s Install it for %s." % (error, sys.executable)}
        except SecureTspError as error:
            return told(error)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:  # a bug affects only this instance
            return {"failed": True, "msg": "an unexpected %s stopped this instance. Report it with the steps to reproduce it." % (
                type(error).__name__)}

    # look: everything that can be checked and repaired without CAPF

    def look(self):
        result = self._surroundings()
        result["rows"] = [] if result["missing"] else self.each(self._look)
        return result

    def _surroundings(self, fetches=True):
        needed = [name for name in LIBRARIES if name != FETCHING or fetches and not self.settings.get("lists")]
        places = self.settings.get("places") or [_store.USUAL_PLACE]
        return dict(
            time=time.time(), python=sys.executable, pip=installs(), missing=[name for name in needed if importlib.util.find_spec(name) is None],
            addresses=addresses(self.settings.get("towards") or ()), keys=sorted(set(files_below(places, _store.KEY))),
            gone=[os.path.isdir(store) for store in self.settings.get("gone") or ()],
            ports=[dict(place, problem=port_problem(place, self.settings["port_timeout"])) for place in self.settings.get("ports") or ()])

    def _look(self, number, instance):
        row = {"trust": self._alone(self._trust, number, instance)}
        info, warnings = _certificate_info.of_folder(self._wish(instance), instance["store"])
        row["info"] = dict((key, info[key]) for key in FACTS)
        self._warn(instance, warnings)
        good = not info["needs_certificate"]["needed"]
        bundle = "current" if self.settings["capf"]["bundle"] else "absent"
        if info["unfinished"] or good and (info["wrong_modes"] or info["bundle"] != bundle):
            row["mended"] = self._alone(lambda _number, one: self._certificate(one, "present"), number, instance)
        row.update(placed=placed(instance), proven=proven(instance))
        row["changed"] = any(row.get(part, {}).get("changed") for part in ("trust", "mended"))
        return row

    def inspect(self):
        """Check only keys and certificates. Changes nothing."""
        result = self._surroundings(fetches=False)
        result["rows"] = [] if result["missing"] else self.each(self._inspect)
        return result

    def _inspect(self, number, instance):
        info = self._alone(self._info, number, instance)
        return info if info.get("failed") else dict(
            info=dict((key, info[key]) for key in FACTS), placed=placed(instance), proven=proven(instance), changed=False)

    def _wish(self, instance):
        return _instance.wish_of(options_of(
            _instance.OPTIONS, instance_id=instance["instance_id"], name_template=instance["capf"]["name_template"],
            key=instance["key"], key_passphrase=self.secrets.get("key_passphrase"), issuers=self._issuers(instance),
            renew_before_days=self.settings["renew_before_days"]))

    def _issuers(self, instance):
        return (self.settings.get("issuers") or {}).get(instance["cluster"]) or None

    def _trust(self, _number, instance):
        _pki.require()
        params = _trust_list.checked(options_of(
            _trust_list.ARGUMENT_SPEC, path=instance["store"], tftp_servers=instance["tftp_servers"], tftp_port=instance["tftp_port"],
            capf_host=instance["capf_host"], **dict(self.settings["ctl"], **self.settings["clusters"][instance["cluster"]])))
        keeper = _trust_list.Keeper(params, self.check, self._vouching_for(instance))
        search, offer, nothing = self._offer(params, instance["cluster"])
        result = keeper.take(offer) if offer else keeper.keep(nothing)
        if offer and offer.server:
            result["warnings"].extend(search.warnings(offer))
        self._warn(instance, _trust_list.warnings_of(result))
        self._show(instance, "trust list", result["diff"])
        return dict(changed=result["changed"], verdict=result["verdict"], files=result["files"], failures=search.texts(),
                    older=result.get("older") or [], server=result["server"],
                    subjects=[one["subject"] for one in result["ctl"]["certificates"]] if self.check else [],
                    ctl=dict(((key, result["ctl"][key]) for key in ("has_capf", "sha256_fingerprint", "timestamp", "mixed_mode")), records=[
                        [one["role"], one["certificate_sha256"]] for one in result["ctl"]["records"]]))

    def _offer(self, params, cluster):
        """Fetch once for all instances of a cluster: (search, offer or None, why there is none)."""
        handed = (self.settings.get("lists") or {}).get(cluster)
        if handed and cluster not in self._offers:
            self._offers[cluster] = _trust_list.Search(params), _trust_list.handed_over(base64.b64decode(handed)), None
        key = cluster if handed else (tuple(params["tftp_servers"]), params["capf_host"])
        if key not in self._offers:
            search = _trust_list.Search(params)
            try:
                self._offers[key] = search, search.run(), None
            except _trust_list.NothingFetched as error:
                self._offers[key] = search, None, error
        return self._offers[key]

    def _vouching_for(self, instance):
        """The trust list that another instance of the same cluster has stored here. It can confirm the first list of this instance."""
        if instance["cluster"] not in self._vouching:
            self._vouching[instance["cluster"]] = None
            for other in self.instances:
                if other["cluster"] == instance["cluster"]:
                    try:
                        octets = _store.Store(other["store"]).read(_store.TRUST_LIST)
                    except StoreError:
                        continue
                    if octets is not None:
                        self._vouching[instance["cluster"]] = octets
                        break
        return self._vouching[instance["cluster"]]

    # enrol: the instances that are armed by now; if an instance has a method, it is verified at once

    def enrol(self):
        return {"rows": self.each(self._enrol)}

    def _enrol(self, number, instance):
        row = self._certificate(instance, "present", force=True, authorization_string=self.secrets["strings"][number])
        if instance.get("way"):
            row["proof"] = self._alone(self._prove, number, instance)
        return row

    def _certificate(self, instance, state, **more):
        _pki.require()
        work = _enrolment.Instance(options_of(
            _enrolment.ARGUMENT_SPEC, path=instance["store"], state=state, instance_id=instance["instance_id"],
            capf_host=instance["capf_host"], capf_port=instance["capf_port"], key=instance["key"],
            dialect=instance["capf"]["dialect"], protocol_version=instance["capf"]["version"],
            name_template=instance["capf"]["name_template"], renew_before_days=self.settings["renew_before_days"],
            key_passphrase=self.secrets.get("key_passphrase"), issuers=self._issuers(instance),
            **dict(self.settings["capf"], **more)), self.check)
        work.before_capf = lambda: self.before_capf(instance)
        try:
            getattr(work, state)()
        finally:
            self._warn(instance, work.warnings)
        result = dict(work.result)
        self._show(instance, "certificate", result.pop("diff"))
        return dict(result, placed=placed(instance))

    def before_capf(self, instance):
        """Called when the new key of an instance is stored, before CAPF is contacted."""

    # prove: open a provider if the row requests it, and confirm what was verified

    def prove(self):
        return {"rows": self.each(self._prove)}

    def _prove(self, number, instance):
        row = {}
        if instance["way"] in ("application", "probe") and not self.check:
            row = self._open(number, instance, instance["store"], instance["way"] == "probe")
        if instance["confirm"]:
            row["changed"] = self._certificate(instance, "confirmed")["changed"]
        return row

    def _open(self, number, instance, path, probe=False):
        params = _provider.checked(options_of(
            _provider.ARGUMENT_SPEC, cti_managers=instance["cti_managers"], port=instance["cti_port"], path=path,
            probe=probe, user=instance["user"], password=self.secrets["passwords"][number],
            key_passphrase=self.secrets.get("key_passphrase"), **self.settings["cti"]))
        result = _provider.probe(params)
        self._warn(instance, _provider.warnings_of(params, result))
        return dict(totals=result["totals"], manager=result["manager"], open=result["open"], remarks=_provider.remarks(
            result, self.settings.get("soon_days", _provider.SOON_DAYS)), tls=dict(
            (key, result["tls"].get(key)) for key in ("version", "cipher", "weak_cipher")))

    def login(self):
        """Open providers without TLS and close them at once. Only whether CTI Manager accepts the login matters."""
        return {"rows": self.each(self._login)}

    def _login(self, number, one):
        params = _provider.checked(options_of(
            _provider.ARGUMENT_SPEC, cti_managers=one["cti_managers"], port=one["plain_cti_port"], secure=False, user=one["user"],
            password=self.secrets["passwords"][number], list_devices=False, **self.settings["cti"]))
        try:
            _provider.probe(params)
        except CtiRefused as error:
            return dict(told(error), refused=error.facts.get("stage") == "open")
        return {}

    def open(self):
        """Open and close providers for a drift check or a diagnosis. Nothing is confirmed."""
        return {"rows": self.each(lambda number, one: self._open(number, one, one["store"], one.get("way") == "probe"))}

    # restore, remove

    def restore(self):
        return {"rows": self.each(lambda _number, one: self._certificate(one, "restored"))}

    def remove(self):
        """Remove keys, certificates and trust lists of absent instances. Probes come first, because their folders are inside the others."""
        rows = [{}] * len(self.instances)
        for number, instance in sorted(enumerate(self.instances), key=lambda pair: not pair[1]["probe_of"]):
            rows[number] = self._alone(self._remove, number, instance)
        return {"rows": rows}

    def _remove(self, _number, instance):
        removed = self._certificate(instance, "absent")
        lists = _trust_list.Keeper(options_of(_trust_list.ARGUMENT_SPEC, path=instance["store"]), self.check).remove()
        if lists["files"]:
            self.diff.append(header(instance, "trust list", {"before": "\n".join(lists["files"]) + "\n", "after": ""}))
        return {"changed": removed["changed"] or lists["changed"], "action": "removed"}

    # read: for a drift check; changes nothing

    def read(self):
        self.check = True
        result = self._surroundings()
        result["files"] = [] if result["missing"] else [
            dict(path=path, checksum=checksum) for path, checksum in sorted(certificates_below(
                self.settings.get("places") or [_store.USUAL_PLACE]))]
        result["rows"] = [] if result["missing"] else self.each(self._read)
        self.diff, self.warnings = [], []
        return result

    def _read(self, number, instance):
        row = {"trust": self._alone(self._trust, number, instance), "info": self._alone(self._info, number, instance)}
        row.update(placed=placed(instance), proven=proven(instance))
        return row

    def _info(self, _number, instance):
        info = _certificate_info.of_folder(self._wish(instance), instance["store"])[0]
        if info["needs_certificate"]["reason"] == _instance.WRONG_ISSUER:
            # The controller may know an authority that this host does not know.
            info["content"] = base64.b64encode(_pki.certificate_der(_store.Store(instance["store"]).pair()[1])).decode("ascii")
        return info

    def knock(self):
        """TLS handshakes with CAPF and CTI Manager, without a name, string, password or client certificate."""
        return {"rows": self.each(self._knock)}

    def _knock(self, _number, instance):
        _pki.require()
        params = options_of(_secure_ports.ARGUMENT_SPEC, **self.settings["knock"])
        trust_list, problem = _secure_ports.trust_list_of(instance["store"])
        return dict(trust_list=problem, ports=[_secure_ports.look(place, trust_list, params) for place in instance["ports"]])

    # adopt: what a host has before there are lists

    def adopt(self):
        return dict(addresses=addresses(()), certificates=sorted(files_below(self.settings["places"], _store.CERTIFICATE, depth=4)))

    def _warn(self, instance, warnings):
        self.warnings += ["%s: %s" % (instance["instance_id"], text) for text in warnings]

    def _show(self, instance, what, diff):
        if diff.get("before") != diff.get("after"):
            self.diff.append(header(instance, what, diff))


def header(instance, what, diff):
    name = "%s %s" % (instance["instance_id"], what)
    return dict(diff, before_header=name, after_header=name)


def placed(instance):
    """When the certificate was put in place, in seconds since 1970; None if there is none."""
    try:
        return os.stat(os.path.join(instance["store"], _store.CERTIFICATE)).st_mtime
    except OSError:
        return None


def proven(instance):
    """When the certificate in place was verified; None if that is not known."""
    try:
        return _store.Store(instance["store"]).proven
    except SecureTspError:
        return None


def files_below(places, name, depth=DEPTH):
    for place in places:
        start = place.rstrip("/").count("/")
        for folder, names, files in os.walk(place):
            if folder.rstrip("/").count("/") - start >= depth:
                names[:] = []
            if name in files:
                yield os.path.join(folder, name)


def certificates_below(places):
    """(path, SHA-256) of each certificate of an instance, to find copies."""
    for path in set(files_below(places, _store.CERTIFICATE, depth=4)):
        try:
            with open(path, "rb") as stream:
                yield path, hashlib.sha256(stream.read(_store.MAX_SIZE)).hexdigest()
        except OSError:
            continue


def installs():
    """Whether this Python has a pip that the system lets install packages."""
    managed = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return importlib.util.find_spec("pip") is not None and (sys.prefix != sys.base_prefix or not os.path.exists(managed))


def port_problem(place, timeout):
    """Empty if the port responds, else the reason."""
    problem = ""
    try:
        for _family, address in _lookup.addresses(place["host"], place["port"], socket.SOCK_STREAM, timeout):
            try:
                with socket.create_connection(address[:2], timeout):
                    return ""
            except OSError as error:
                problem = problem or str(error) or type(error).__name__
    except (OSError, ValueError) as error:
        problem = str(error) or type(error).__name__
    return problem


def addresses(towards):
    """Addresses of this host: those of its interfaces, and those from which it reaches the given (host, port).

    Read from the kernel's tables, because not every host has a program that shows them. A loopback address counts only if
    the cluster is reached from it.
    """
    found = set(address for address in interface_addresses() if not address.startswith(LOOPBACK))
    for host, port in towards:
        try:
            for family, place in _lookup.addresses(host, port, socket.SOCK_DGRAM, NAMES_TIMEOUT):
                with socket.socket(family, socket.SOCK_DGRAM) as probe:
                    probe.connect(place)  # sends nothing
                    found.add(probe.getsockname()[0])
        except (OSError, ValueError):
            continue
    return sorted(found)


def interface_addresses():
    for line in lines_of("/proc/net/if_inet6"):
        digits = line.split()[0]
        if len(digits) == 32:
            yield socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))
    last = ""
    for line in lines_of("/proc/net/fib_trie"):
        words = line.split()
        if "|--" in words:
            last = words[-1]
        elif words[:2] == ["/32", "host"] and words[-1] == "LOCAL":
            yield last


def lines_of(path):
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read().splitlines()
    except OSError:
        return []
