# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Compare the certificates that a cluster returns by AXL with the trust lists that its file servers serve. Pure.

Preflight and the search for drift use it to predict what a client would meet later, as findings about the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any, Collection, Iterable, Iterator, Mapping

    Row = Mapping[str, Any]

CRITICAL, WARNING, INFO = "critical", "warning", "info"
UPDATE_CTL = "utils ctl update CTLFile"
RESTART_TFTP = "utils service restart Cisco Tftp"
SHORTEST_RSA = 2048

CALL_MANAGER, CTI_MANAGER, CAPF = "Cisco CallManager", "Cisco CTIManager", "Cisco Certificate Authority Proxy Function"
# Service of a certificate that AXL returns: (roles of its records in the trust list, services of a node that present it).
LISTED = {"capf": (("CAPF",), (CAPF,)), "callmanager": (("CCM", "CCM+TFTP"), (CALL_MANAGER, CTI_MANAGER))}
TWIN = "-ecdsa"
ONLINE = "online"

IN_ORDER = (
    "In this order: update the trust list on the publisher's command line (%s), then restart Cisco Tftp, Cisco CallManager and Cisco CTIManager "
    "on every node that runs them, and provision the fleet." % UPDATE_CTL)
RENEW = (
    "In this order, in a maintenance window: regenerate it in Cisco Unified OS Administration, update the trust list on the publisher's command "
    "line (%s), restart Cisco Tftp, Cisco CallManager and Cisco CTIManager on every node that runs them, and provision the fleet." % UPDATE_CTL)


class Finding(NamedTuple):
    """stops: nothing can be done with the cluster until it is fixed."""

    code: str
    severity: str
    what: str
    fix: str
    command: str = ""
    stops: bool = False


class Facts(NamedTuple):
    """What is known about a cluster.

    certificates: rows of service, node, sha256_fingerprint, and, where known, key_type, key_size and authority (whether it may issue
    others). services: rows of node, service, activated. lists: {server, timestamp, records: [[role, SHA-256]]} of the file servers. issuer:
    self, online, offline or unknown. issuers: how many authorities of an online CA are known. legacy: short keys are allowed.
    """

    certificates: Collection[Row] = ()
    services: Collection[Row] = ()
    lists: Collection[Row] = ()
    issuer: str = "unknown"
    issuers: int = 0
    legacy: bool = False


def findings(facts: Facts) -> list[Finding]:
    """All Findings, those about the trust list first."""
    found = list(_of_lists(facts))
    for row in facts.certificates:
        found += _of_certificate(row, facts)
    if facts.issuer == ONLINE and not facts.issuers:
        found.append(Finding(
            "online_ca_unknown", CRITICAL, "An online CA issues certificates for CAPF, but no trust list names it, so the issuer of a "
            "certificate could not be verified, and each new certificate would be discarded",
            "Give the certificates of that CA as issuers of the cluster (PEM files on the controller), upload them to CAPF-trust on CUCM, "
            "from which AXL reads them, or let CAPF itself issue certificates.", stops=True))
    return found


def newest(lists: Iterable[Row]) -> list[Row]:
    """The newest trust lists; lists without a time are among them."""
    latest = max([one["timestamp"] or "" for one in lists] or [""])
    return [one for one in lists if (one["timestamp"] or latest) == latest]


def place(row: Row) -> str:
    return "the %s certificate of %s" % (row["service"], row["node"])


def _of_lists(facts: Facts) -> Iterator[Finding]:
    latest = newest(facts.lists)
    servers = sorted(set(one.get("server") or "" for one in latest) - {""})
    for one in facts.lists:
        if one not in latest and one.get("server"):
            yield Finding(
                "ctl_older_on_node", WARNING, "%s serves an older trust list (created %s) than %s (created %s)" % (
                    one["server"], one["timestamp"], " and ".join(servers) or "the newest", latest[0]["timestamp"]),
                "Restart Cisco Tftp on that node, so that it serves the newest one.", RESTART_TFTP)
    if not latest:
        return
    lost: list[str] = []
    twins: list[str] = []
    kinds: dict[str, list[bool]] = {}
    every = set(fingerprint for one in latest for _role, fingerprint in one["records"])
    strange = not any(row.get("sha256_fingerprint") in every for row in facts.certificates)  # perhaps not the cluster's: hosts refuse it
    for row in facts.certificates:
        service = (row["service"] or "").lower()
        own = service[:-len(TWIN)] if service.endswith(TWIN) else service
        roles, presenting = LISTED.get(own, ((), ()))
        listed = set(fingerprint for one in latest for role, fingerprint in one["records"] if role in roles)
        # Records may have a hash instead of the certificate, which cannot be compared here.
        if not roles or "" in listed or not presents(facts, row["node"], presenting):
            continue
        there = row.get("sha256_fingerprint") in listed
        if own != service:
            twins += [] if there else [place(row)]
            continue
        kinds.setdefault(own, []).append(there)
        lost += [] if there else [place(row)]
    if lost:
        alone, made = len(lost) == 1, latest[0]["timestamp"]
        yield Finding(
            "ctl_not_updated", CRITICAL, "%s %s not in the trust list that hosts fetch%s: %s regenerated, and the trust list was not "
            "updated, so no client accepts %s as the cluster's" % (
                capital(" and ".join(lost)), "is" if alone else "are", " (created %s)" % made if made else "",
                "it was" if alone else "they were", "it" if alone else "them"),
            IN_ORDER, UPDATE_CTL, stops=not strange and any(not any(seen) for seen in kinds.values()))
    if twins and not lost:
        yield Finding(
            "ctl_without_twin", INFO, "%s %s not in the trust list, so clients ask for the RSA certificate" % (
                capital(" and ".join(twins)), "is" if len(twins) == 1 else "are"),
            "Nothing, as long as the RSA certificate is listed. To list both, update the trust list.", UPDATE_CTL)


def _of_certificate(row: Row, facts: Facts) -> Iterator[Finding]:
    roles, presenting = LISTED.get((row["service"] or "").lower(), ((), ()))
    if not roles or not presents(facts, row["node"], presenting):
        return
    if row.get("key_type") == "rsa" and (row.get("key_size") or SHORTEST_RSA) < SHORTEST_RSA:
        yield Finding(
            "server_key_short", WARNING if facts.legacy else CRITICAL, "%s has an RSA key of only %d bits, %s" % (
                capital(place(row)), row["key_size"], "which tls_legacy allows" if facts.legacy else "which is refused in TLS"),
            "Regenerate it with %d bits or more. %s Until then, tls_legacy allows it." % (SHORTEST_RSA, RENEW), UPDATE_CTL)
    if "CAPF" in roles and row.get("authority") is False:
        yield Finding(
            "capf_without_extensions", WARNING, "%s lacks the extensions of an authority (basicConstraints CA, keyUsage keyCertSign), so "
            "servers may refuse the certificates that it issues" % capital(place(row)),
            "Regenerate it on the publisher. %s Then the certificates that it issued are renewed." % RENEW, UPDATE_CTL)


def ending(facts: Facts, now: str, end: str, inside: str) -> Iterator[Finding]:
    """Findings about certificates that expire by then. now, end: ISO 8601 in UTC; inside: what ends then, such as C(the window)."""
    for row in facts.certificates:
        if now < row["not_after"] <= end:
            yield Finding(
                "server_certificate_expiring", WARNING, "%s expires on %s, %s" % (capital(place(row)), row["not_after"], inside), RENEW,
                UPDATE_CTL)


def presents(facts: Facts, node: str, services: Collection[str]) -> bool:
    """Whether a node shows that certificate to clients; assumed if the cluster did not report it."""
    rows = [row for row in facts.services if row["service"] in services and same_node(row["node"], node)]
    return not rows or any(row["activated"] for row in rows)


def same_node(one: str | None, other: str | None) -> bool:
    """One of the cluster's tables has the short name, the other the long one, or the name of a certificate for all nodes (-ms)."""
    one, other = ((name or "").lower().rstrip(".") for name in (one, other))
    return one == other or ("." in one) != ("." in other) and one.partition(".")[0] == other.partition(".")[0] and not one[:1].isdigit()


def capital(text: str) -> str:
    """A message as a sentence."""
    return text[:1].upper() + text[1:]
