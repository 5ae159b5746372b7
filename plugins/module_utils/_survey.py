# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What a cluster reports about itself, and what prevents secure CTI connections there."""

from __future__ import annotations

import concurrent.futures
import re

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    AxlError,
    CannotHere,
    FormatError,
    InputError,
    ProtocolError,
    TransportError,
    TrustError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._pki import (
    certificate_der,
    certificate_facts,
    certificate_pem,
    may_issue,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._server_certificates import (
    CALL_MANAGER,
    CAPF,
    CTI_MANAGER,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import service_status

SUBSETS = ["version", "nodes", "security", "services", "capf", "certificates", "profiles"]

TFTP = "Cisco Tftp"
SERVICES = (CALL_MANAGER, CTI_MANAGER, CAPF, TFTP)

PSEUDO_NODE = "EnterpriseWideData"  # has the enterprise parameters and is not a server
SECURITY_MODE_QUERY = "select paramname,paramvalue from processconfig where paramname='ClusterSecurityMode'"
CERTIFICATES_QUERY = (
    "select c.pkid pkid, c.servername node, t.name service%s from certificate c, "
    "certificateservicecertificatemap m, typecertificateservice t "
    "where m.fkcertificate=c.pkid and m.tkcertificateservice=t.enum"
)
CAPF_TRUST, CAPF_NAME = "capf-trust", "CAPF-"
OWN_CERTIFICATES = ("callmanager", "capf", "tomcat", "itlrecovery")
HIDDEN_WORDS = ("password", "passphrase", "secret", "credential")
UNKNOWN_ISSUER = "unknown"
MOST_AT_ONCE = 8  # nodes that are asked at the same time
STATUS_PATIENCE = 60  # seconds for the limit of requests of each node's Control Center

NO_ANSWER = (AxlError, InputError, ProtocolError, TransportError, TrustError)

#: Argument spec without the options for the connection to the cluster.
OPTIONS = dict(
    gather=dict(type="list", elements="str", choices=SUBSETS, default=SUBSETS),
    capf_issuer_parameter=dict(type="str"),
)


class Survey:
    """Read the subsets one by one; what a cluster refuses to return becomes a doubt."""

    def __init__(self, axl, control_center, issuer_parameter, option="capf_issuer_parameter"):
        """option: name of the option or variable that the user sets for issuer_parameter."""
        self.option = option
        self.axl = axl
        self.control_center = control_center
        self.issuer_parameter = issuer_parameter
        self.doubts = []
        self.facts = {}
        self.authorities = []  # PEM of those in CAPF-trust that may have issued for an online CA
        self.own_authority = {}  # {SHA-256 of an own certificate: whether it may issue others}

    def gather(self, subsets):
        if "services" in subsets and "nodes" not in subsets:
            subsets = ["nodes"] + subsets
        for subset in SUBSETS:
            if subset in subsets:
                getattr(self, "_read_" + subset)()
        return self.facts

    def _read_version(self):
        self.facts["release"] = self.axl.version

    def _read_nodes(self):
        found = self.axl.call("listProcessNode", searchCriteria={"name": "%"})
        nodes = [
            dict(
                name=node.get("name"),
                description=node.get("description"),
                role=node.get("processNodeRole"),
                usage=node.get("nodeUsage"),
            )
            for node in self._named(found, "name")
            if node["name"] != PSEUDO_NODE
        ]
        publishers = [node["name"] for node in nodes if node["usage"] == "Publisher"]
        self.facts["nodes"] = nodes
        self.facts["publisher"] = publishers[0] if publishers else None

    def _read_security(self):
        mode = None
        try:
            rows = self.axl.sql(SECURITY_MODE_QUERY)
        except AxlError as refused:
            self._doubt("The security mode could not be read: %s" % refused)
        else:
            value = (rows[0].get("paramvalue") or "").strip() if rows else ""
            mode = int(value) if re.match(r"[0-9]{1,3}\Z", value) else None
            if mode is None:
                self._doubt("The cluster shows no parameter ClusterSecurityMode, so its security mode is unknown.")
        self.facts["security_mode"] = mode
        self.facts["mixed_mode"] = None if mode is None else mode == 1

    def _read_services(self):
        found = self.axl.call("listProcessNodeService", searchCriteria={"processNodeName": "%"})
        services = [
            dict(
                node=one.get("processNodeName"),
                service=one.get("service"),
                activated=bool(one.get("isActive")),
                running=None,
                status=None,
            )
            for one in self._named(found, "processNodeName")
            if one.get("service") in SERVICES and one["processNodeName"] != PSEUDO_NODE
        ]
        nodes = sorted(set(one["node"] for one in services if one["activated"]))
        of_node = [[one for one in services if one["node"] == node] for node in nodes]
        if nodes:
            # In parallel: nodes that cannot be reached from here together take the time of one.
            with concurrent.futures.ThreadPoolExecutor(min(len(nodes), MOST_AT_ONCE)) as pool:
                answers = list(pool.map(self._status, nodes, of_node))
            for node, mine, (found, error) in zip(nodes, of_node, answers):
                self._add_running(node, mine, found, error)
        self.facts["services"] = services

    def _status(self, node, services):
        """C((rows of Control Center, None)), or why there are none."""
        host = self.control_center.hostname if node == self.facts["publisher"] else node
        try:
            return service_status(self.control_center, host, [one["service"] for one in services], patience=STATUS_PATIENCE), None
        except NO_ANSWER as error:
            return (), error

    def _add_running(self, node, services, found, error):
        if error is not None:
            self._doubt("It could not be determined whether the services of node %s are running: %s" % (node, error))
            return
        status = dict((one["service"], one["status"]) for one in found)
        for one in services:
            one["status"] = status.get(one["service"])
            one["running"] = None if one["status"] in (None, "Unknown") else one["status"] == "Started"

    def _read_capf(self):
        found = self.axl.call("listServiceParameter", searchCriteria={"processNodeName": "%", "service": CAPF})
        parameters = dict((one["name"], shown_value(one["name"], one.get("value"))) for one in found if one.get("name"))
        issuer = issuer_of(parameters.get(self.issuer_parameter)) if self.issuer_parameter else UNKNOWN_ISSUER
        self.facts["capf"] = dict(parameters=parameters, issuer=issuer)
        if issuer == UNKNOWN_ISSUER:
            self._doubt(
                "It could not be determined who issues CAPF's certificates. With an offline CA, no certificate "
                "can be enrolled in one session. Set %s to the service parameter that names the issuer." % self.option
            )

    def _read_certificates(self):
        self.facts["certificates"] = []
        try:
            rows = self._certificate_rows()
        except AxlError as refused:
            self._doubt("The servers' certificates could not be read: %s" % refused)
            return
        for row in rows:
            place = dict(node=row.get("node"), service=row.get("service"))
            try:
                der = der_of(row)
                facts = certificate_facts(der)
            except (CannotHere, FormatError) as broken:
                self._doubt("The %s certificate of %s is unreadable: %s" % (place["service"], place["node"], broken))
                continue
            self.own_authority[facts["sha256_fingerprint"]] = may_issue(der)
            self.facts["certificates"].append(dict(facts, **place))

    def _certificate_rows(self):
        """Some releases require that the certificate's large column is selected in a separate query."""
        try:
            rows = self.axl.sql(CERTIFICATES_QUERY % ", c.certificate pem")
            self.authorities = list(authorities_of(rows))
            return [row for row in rows if is_own(row)]
        except AxlError:
            rows = [row for row in self.axl.sql(CERTIFICATES_QUERY % "") if is_own(row)]
        for row in rows:
            if not row.get("pkid"):
                continue
            found = self.axl.sql("select certificate pem from certificate where pkid='%s'" % row["pkid"])
            row["pem"] = found[0].get("pem") if found else None
        return rows

    def _read_profiles(self):
        criteria = {"instanceId": "%"}
        application = self.axl.call("listApplicationUserCapfProfile", searchCriteria=criteria)
        end = self.axl.call("listEndUserCapfProfile", searchCriteria=criteria)
        self.facts["profiles"] = [
            profile_facts(one, "application", one.get("applicationUser"), one.get("certificateOperation"))
            for one in application
        ] + [profile_facts(one, "end", one.get("endUserId"), one.get("certificationOperation")) for one in end]

    def _named(self, rows, name):
        """The rows with a name; if there are others, that is only a doubt."""
        found = [row for row in rows if row.get(name)]
        if len(found) < len(rows):
            self._doubt("%d of the cluster's entries lack %s and are skipped." % (len(rows) - len(found), name))
        return found

    def _doubt(self, text):
        self.doubts.append(text)


def der_of(row):
    """The certificate of a row of CERTIFICATES_QUERY. Raises FormatError or CannotHere."""
    return certificate_der((row.get("pem") or "").encode("ascii", "replace"))


def is_own(row):
    """A server's own certificate and not one of the many that it only trusts; also its EC twin."""
    service = (row.get("service") or "").lower()
    return service in OWN_CERTIFICATES or service in tuple(name + "-ecdsa" for name in OWN_CERTIFICATES)


def authorities_of(rows):
    """PEM of the authorities in CAPF-trust that are not a CAPF themselves: an earlier CAPF issues no new certificates."""
    seen = set()
    for row in rows:
        if (row.get("service") or "").lower() != CAPF_TRUST:
            continue
        try:
            der = der_of(row)
            if der in seen or not may_issue(der) or certificate_facts(der)["common_name"].upper().startswith(CAPF_NAME):
                continue
        except (CannotHere, FormatError):
            continue
        seen.add(der)
        yield certificate_pem(der).decode("ascii")


def issuer_told(capf):
    """The issuer; if no parameter was named, also an outside CA that CAPF's parameters about an issuer name."""
    if capf["issuer"] != UNKNOWN_ISSUER:
        return capf["issuer"]
    told = set(issuer_of(value) for name, value in capf["parameters"].items() if "issuer" in name.lower())
    return next((one for one in ("offline", "online") if one in told), UNKNOWN_ISSUER)


def shown_value(name, value):
    lowered = name.lower()
    return "(not shown)" if value and any(word in lowered for word in HIDDEN_WORDS) else value


def issuer_of(value):
    """self, online, offline or unknown from the words of the parameter that specifies CAPF's issuer."""
    words = (value or "").lower().replace("-", "")
    for issuer in ("offline", "online"):
        if issuer in words:
            return issuer
    if "capf" in words or "proxy function" in words or "self" in words:
        return "self"
    return UNKNOWN_ISSUER


def profile_facts(profile, user_type, user, operation):
    return dict(
        instance_id=profile.get("instanceId"),
        user=user,
        user_type=user_type,
        operation=operation,
        status=profile.get("certificationOperationStatus"),
        completion=profile.get("operationCompletion"),
        authentication_mode=profile.get("authenticationMode"),
        key_order=profile.get("keyOrder"),
        key_size=profile.get("keySize"),
        ec_key_size=profile.get("ecKeySize"),
    )


def problems_of(facts, now):
    """Sentences about what prevents secure CTI connections. now: UTC, written like not_after."""
    problems = []
    if facts.get("mixed_mode") is False:
        problems.append(
            "The cluster is in non-secure mode (ClusterSecurityMode %d), in which secure CTI connections are not possible. "
            "Run utils ctl set-cluster mixed-mode on the publisher's command line, then restart the services Cisco "
            "CallManager, Cisco CTIManager and Cisco Tftp on every node that runs them." % facts["security_mode"]
        )
    if "services" in facts:
        problems.extend(service_problems(facts["services"], facts.get("publisher")))
    if facts.get("capf", {}).get("issuer") == "offline":
        problems.append(
            "An offline CA issues CAPF's certificates, so none can be enrolled in one session. "
            "Let CAPF itself issue them, or an online CA whose certificates are given as issuers of the cluster."
        )
    for certificate in facts.get("certificates", []):
        if certificate["not_after"] < now:
            problems.append(
                "The %s certificate of node %s expired on %s. Regenerate it in Cisco Unified OS Administration, then "
                "run utils ctl update CTLFile on the publisher."
                % (certificate["service"], certificate["node"], certificate["not_after"])
            )
    return problems


def service_problems(services, publisher):
    problems = []
    # CAPF works on the publisher only; the other two may run on any node.
    for name, places in ((CAPF, [publisher] if publisher else None), (CTI_MANAGER, None), (TFTP, None)):
        active = [
            one for one in services
            if one["service"] == name and one["activated"] and (places is None or one["node"] in places)
        ]
        if not active:
            problems.append(
                "%s is not activated on %s. Activate it in Cisco Unified Serviceability, Tools, Service Activation."
                % (name, "the publisher %s" % publisher if places else "any node")
            )
        stopped = [one for one in active if one["running"] is False]
        problems.extend(
            "%s is activated on %s but not running (%s). Start it in Cisco Unified Serviceability under Tools, "
            "Control Center - Feature Services." % (name, one["node"], one["status"])
            for one in stopped
        )
    return problems
