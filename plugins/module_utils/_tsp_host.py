# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What a Windows host shows about its TSPs: providers, services, addresses, certificates, and what follows from them.

Values are what modules of ansible.windows return. The file that must contain the private key is known only by its name; it
is never read.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import ipaddress
import ntpath

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _tsp_settings
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError

OWN_CERTIFICATE = "qbeclient.cer"
KEY_FILE = "qbeclient.pem"
KEY_SUFFIX = ".pem"
TELEPHONY, REMOTE_ACCESS = "TapiSrv", "RasMan"
RUNNING = ("started", "running")
BY_TELEPHONY, BY_REBOOT = "telephony", "reboot"
# ansible.windows has one list of both families; other collections, and Ansible elsewhere, have one of IPv4.
ADDRESS_FACTS = ("ansible_ip_addresses", "ip_addresses", "ansible_all_ipv4_addresses", "all_ipv4_addresses",
                 "ansible_all_ipv6_addresses", "all_ipv6_addresses")
DATE_FACTS = ("ansible_date_time", "date_time")


class Folder:
    """The certificates of one instance. files: {path: DER or PEM octets}; names: all file names, lower case."""

    def __init__(self, files, names):
        self.names = names
        self.certificates, self.unreadable = {}, []
        for path, octets in files.items():
            try:
                self.certificates[ntpath.basename(path).lower()] = _pki.certificate_der(octets)
            except FormatError:
                self.unreadable.append(ntpath.basename(path))

    @property
    def own(self):
        return self.certificates.get(OWN_CERTIFICATE)

    @property
    def key_file(self):
        return KEY_FILE in self.names

    def facts(self):
        for name, der in sorted(self.certificates.items()):
            yield dict(_pki.certificate_facts(der), file=name, subject_hash=_pki.subject_hash(der))

    def issuers(self):
        """Fingerprints of the certificates in the folder that issued the TSP's own."""
        return [_pki.sha256(der) for name, der in self.certificates.items()
                if name != OWN_CERTIFICATE and _pki.is_issued_by(self.own, der) is not False]

    def need(self, now, renew_before_days, authorities, outside=()):
        """C(needs_certificate) with the reasons of capf_certificate_info."""
        if self.own is None:
            return {"needed": True, "reason": "unreadable" if OWN_CERTIFICATE in self.names else "missing"}
        if not self.key_file:
            return {"needed": True, "reason": "key_lost"}
        moment = datetime.datetime.fromtimestamp(float(now), datetime.timezone.utc)
        if _pki.expires(self.own) <= moment:
            return {"needed": True, "reason": "expired"}
        if authorities and not set(self.issuers()) & set(authorities) and _pki.issued_by_any(self.own, outside) is False:
            return {"needed": True, "reason": "wrong_issuer"}
        if _pki.expires(self.own) <= moment + datetime.timedelta(days=int(renew_before_days)):
            return {"needed": True, "reason": "expiring"}
        return {"needed": False, "reason": ""}

    def remarks(self, outside=()):
        """What is odd about the folder, as sentences."""
        for name in self.unreadable:
            yield "%s is not a readable certificate." % name
        for name, der in self.certificates.items():
            if name.endswith(".0") and name[:-2] != _pki.subject_hash(der):
                yield "%s does not have the name that follows from its subject (%s.0)." % (name, _pki.subject_hash(der))
        if self.own is not None and not self.issuers() and _pki.issued_by_any(self.own, outside) is False:
            yield "None of the certificates beside it issued QBEClient.cer, so its trust list is a different one."


def host_facts(instances, now, providers=None, services=(), files=(), read=None, renew_before_days=0, authorities=None,
               outside=None):
    """What a host shows about its TSPs, as a dict.

    instances: those of the host, each with C(folder), the folder of its certificates. providers: values of TAPI's registry key. services:
    of win_service_info. files: paths in the folders. read: {path: octets}. now: seconds since 1970. authorities: {cluster: SHA-256
    fingerprints of the CAPF certificates that it uses}; a cluster that is not in it is not checked. outside: {cluster: DER of
    the authorities of its online CA}, which no folder has.

    Returns C(providers) and C(tsp_numbers) of TAPI's list, C(services) by name, C(restart_by), C(instances) with C(item), C(tsp_number),
    C(installed), C(certificates) (of all files), C(certificate) (the TSP's own), C(key_file), C(needs_certificate), C(issuers) (their
    fingerprints), C(explanation) and C(remarks), and C(problems).
    """
    found, problems = _tsp_settings.numbered(instances)
    listed = _tsp_settings.providers(providers or {})
    numbers = sorted(one["tsp_number"] for one in listed if one["tsp_number"])
    named = dict((one["name"], one) for one in services)
    rows = []
    for instance, number in found:
        mine = [path for path in files if in_folder(path, instance["folder"])]
        folder = Folder(dict((path, read[path]) for path in mine if path in (read or {})),
                        set(ntpath.basename(path).lower() for path in mine))
        need = folder.need(now, renew_before_days, (authorities or {}).get(instance["cluster"]),
                           (outside or {}).get(instance["cluster"]) or ())
        rows.append({
            "item": instance, "tsp_number": number, "installed": number in numbers,
            "certificates": list(folder.facts()),
            "certificate": _pki.certificate_facts(folder.own) if folder.own is not None else None,
            "key_file": folder.key_file, "needs_certificate": need, "issuers": folder.issuers() if folder.own is not None else [],
            "explanation": CURES[need["reason"]][1] if need["reason"] else "", "remarks": list(
                folder.remarks((outside or {}).get(instance["cluster"]) or ())),
            "content": base64.b64encode(folder.own).decode("ascii") if folder.own is not None else "",
        })
    return {
        "providers": listed, "tsp_numbers": numbers, "problems": problems, "instances": rows,
        "services": dict((name, {"state": one["state"], "start_mode": one["start_mode"]}) for name, one in named.items()),
        "restart_by": BY_TELEPHONY if (named.get(REMOTE_ACCESS) or {}).get("start_mode") == "disabled" else BY_REBOOT,
    }


def with_authorities(facts, authorities, outside=None):
    """The facts, with issuers checked against certificates that became known later. authorities: {cluster: fingerprints of CAPF's};
    outside: {cluster: DER of the authorities of its online CA}."""
    rows = []
    for row in facts["instances"]:
        known = authorities.get(row["item"]["cluster"])
        others = (outside or {}).get(row["item"]["cluster"])
        foreign = known and not set(row["issuers"]) & set(known)
        if foreign and others and row.get("content"):
            foreign = _pki.issued_by_any(base64.b64decode(row["content"]), others) is False
        if foreign and row["needs_certificate"]["reason"] in ("", "expiring"):
            row = dict(row, needs_certificate={"needed": True, "reason": "wrong_issuer"}, explanation=CURES["wrong_issuer"][1])
        rows.append(row)
    return dict(facts, instances=rows)


def folder_of(template, number):
    """The folder of an instance's certificates. C({number}) is its three digits."""
    return template.replace("{number}", "%03d" % number)


def in_folder(path, folder):
    return ntpath.dirname(path).lower() == folder.rstrip("\\/").lower()


def octets_of(answer):
    """The file that slurp returned; what is not base64 is not a certificate either."""
    try:
        return base64.b64decode(answer["content"], validate=True)
    except binascii.Error:
        return b""


def addresses_of(facts):
    """Addresses that the host reports, of both families, without those by which no other host can see it."""
    found = []
    for name in ADDRESS_FACTS:
        listed = facts.get(name) or ()
        for text in [listed] if isinstance(listed, str) else listed:
            try:
                address = ipaddress.ip_address(str(text).partition("%")[0])
            except ValueError:
                continue
            if not (address.is_loopback or address.is_link_local):
                found.append(str(address))
    return list(dict.fromkeys(found))


def time_of(facts):
    """The host's clock in seconds since 1970, None if it does not report it."""
    for name in DATE_FACTS:
        told = facts.get(name) or {}
        for key in ("epoch_int", "epoch"):
            try:
                return float(told[key])
            except (KeyError, TypeError, ValueError):
                continue
    return None


# Findings

CURES = {
    "missing": ("critical", "There is no certificate.", "Run the enrolment."),
    "unreadable": ("critical", "The certificate cannot be read.", "Run the enrolment again."),
    "key_lost": ("critical", "There is a certificate, but not the file with its key.", "Run the enrolment again."),
    "expired": ("critical", "The certificate has expired.", "Run the enrolment again."),
    "wrong_issuer": ("critical", "The certificate was not issued by the cluster's current CAPF certificate.",
                     "Run the enrolment again; the TSP also needs the cluster's current trust list."),
    "expiring": ("warning", "The certificate expires soon.", "Run the enrolment again."),
}


def findings(facts, host, drift=(), ports=()):
    """What is wrong with the TSPs of a host, as rows of the report.

    facts: host_facts() of all hosts, by host, because a clone shows only when hosts are compared. drift: of _tsp_settings.against.
    ports: places that the host must reach, with C(problem) where it does not.
    """
    mine = facts[host]
    found = list(_of_services(mine, host))
    for row in mine["instances"]:
        found += _of_instance(row, host)
        found += _of_duplicates(row, host, facts)
    for row in drift:
        found.append(finding("warning", host, None, "%s: %s instead of %s." % (row["setting"], row["found"], row["value"]),
                             "Set it in %s, or run the role." % row["place"], instance_id=row["instance_id"]))
    for place in ports:
        if place["problem"]:
            found.append(finding(
                "critical", host, None,
                "%s at %s, TCP port %s, is not reachable from this host." % (place["service"], place["host"], place["port"]),
                "Open the firewall; for secure CTI it needs TCP 2749, TCP 3804 and UDP 69.", cluster=place["cluster"]))
    return found


def finding(severity, host, instance, what, fix, **more):
    of_instance = dict((key, instance[key]) for key in ("cluster", "user", "instance_id")) if instance else {}
    return {"severity": severity, "cluster": "", "host": host, "user": "", "instance_id": "", "what": what, "fix": fix,
            **of_instance, **more}


def _of_services(facts, host):
    telephony = facts["services"].get(TELEPHONY)
    if telephony is None:
        yield finding("critical", host, None, "There is no Telephony service.", "Install Windows' Telephony service.")
    elif telephony["state"] not in RUNNING:
        yield finding("critical", host, None, "The Telephony service is %s." % telephony["state"], "Start it.")


def _of_instance(row, host):
    instance, number = row["item"], row["tsp_number"]
    if not row["installed"]:
        yield finding("critical", host, instance, "TSP %03d is not in TAPI's list of providers." % number,
                      "Install the plug-in, or add the instance with its installer.")
    reason = row["needs_certificate"]["reason"]
    if reason in CURES:
        severity, what, fix = CURES[reason]
        yield finding(severity, host, instance, what, fix)
    for remark in row["remarks"]:
        yield finding("warning", host, instance, remark, "Fetch the certificate again from the TSP's dialog.")


def _of_duplicates(row, host, facts):
    if row["certificate"] is None:
        return
    instance, print_ = row["item"], row["certificate"]["sha256_fingerprint"]
    others = sorted(
        "%s (%s)" % (other["item"]["instance_id"], name)
        for name, seen in facts.items() for other in seen["instances"]
        if other["certificate"] is not None and other["certificate"]["sha256_fingerprint"] == print_
        and (name, other["tsp_number"]) != (host, row["tsp_number"]))
    if others:
        yield finding(
            "critical", host, instance, "The same certificate is in use as %s." % ", ".join(others),
            "One certificate carries one connection; two connections disconnect each other and compromise the "
            "certificate. Give each instance its own instance_id and enrol it.")
