#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Tell whether a CUCM cluster can serve secure CTI clients
description:
  - Reads the release, nodes, security mode, services, CAPF parameters, server certificates and CAPF profiles of a
    Cisco Unified Communications Manager cluster.
  - Judges them in two lists of plain sentences. RV(problems) stands in the way of secure CTI connections and names the
    cure. RV(doubts) is what the cluster did not tell, so nobody should take it for good news.
  - Nine requests read everything of a cluster with one node, and one more is needed for every further node that runs
    the services.
  - CUCM 11.5 to 15.
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.info_module
  - voiceops.secure_tsp.attributes.actiongroup_axl
  - voiceops.secure_tsp.cluster
  - voiceops.secure_tsp.cluster.serviceability
requirements:
  - cryptography (3.4 or later), for the subset V(certificates)
options:
  gather:
    description:
      - What to read. Facts that are not asked for are neither returned nor judged.
      - V(version) is the release, V(nodes) the nodes with their role.
      - V(security) is the security mode, read by SQL as the documentation of CUCM does.
      - V(services) is whether the services that secure CTI needs are activated (by AXL) and running (by Control Center
        of every node that has one of them activated, under the node's own name).
      - V(capf) is the parameters of CAPF.
      - V(certificates) is the servers' own certificates for CallManager, CAPF, Tomcat and ITL recovery.
      - V(profiles) is all CAPF profiles, of application users and of end users.
    type: list
    elements: str
    choices: [version, nodes, security, services, capf, certificates, profiles]
    default: [version, nodes, security, services, capf, certificates, profiles]
  capf_issuer_parameter:
    description:
      - Name of the CAPF service parameter that says who issues the certificates. It is not documented, so it is not
        guessed. RV(capf.parameters) shows what your release calls it.
      - If not set, or if the cluster has no such parameter, RV(capf.issuer) is V(unknown).
    type: str
seealso:
  - module: voiceops.secure_tsp.cti_connection_info
"""

EXAMPLES = r"""
- name: Read everything that matters for secure CTI
  voiceops.secure_tsp.cluster_info:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    ca_path: /etc/pki/cucm-tomcat.pem
  delegate_to: localhost
  register: cluster

- name: Stop when the cluster cannot do it
  ansible.builtin.assert:
    that: cluster.problems | length == 0
    fail_msg: "{{ cluster.problems | join(' ') }}"

- name: Look at the security mode and the services only, with another account for Control Center
  voiceops.secure_tsp.cluster_info:
    hostname: cucm-pub.example.com
    username: axl
    password: "{{ vault_axl_password }}"
    serviceability_username: monitor
    serviceability_password: "{{ vault_monitor_password }}"
    gather: [security, services]
  delegate_to: localhost
"""

RETURN = r"""
release:
  description: Release of the cluster as it writes it.
  returned: when V(version) is gathered
  type: str
  sample: 14.0.1.13900(155)
axl_version:
  description: AXL schema version that was spoken.
  returned: success
  type: str
  sample: "14.0"
publisher:
  description: Name of the publisher, V(null) when no node says that it is.
  returned: when V(nodes) or V(services) is gathered
  type: str
  sample: cucm-pub.example.com
nodes:
  description: Nodes of the cluster.
  returned: when V(nodes) or V(services) is gathered
  type: list
  elements: dict
  contains:
    name:
      description: Name or address, as the cluster knows the node.
      type: str
      sample: cucm-pub.example.com
    description:
      description: Description of the node.
      type: str
      sample: node 1
    role:
      description: What the node does, V(CUCM Voice/Video) or V(CUCM IM and Presence).
      type: str
      sample: CUCM Voice/Video
    usage:
      description: V(Publisher) or V(Subscriber).
      type: str
      sample: Publisher
mixed_mode:
  description: Whether the cluster is in mixed mode, V(null) when it did not tell.
  returned: when V(security) is gathered
  type: bool
  sample: true
security_mode:
  description: Value of C(ClusterSecurityMode), 0 non-secure, 1 mixed; V(null) when the cluster did not tell.
  returned: when V(security) is gathered
  type: int
  sample: 1
services:
  description: The services that secure CTI needs, on each node that knows them.
  returned: when V(services) is gathered
  type: list
  elements: dict
  contains:
    node:
      description: Name of the node.
      type: str
      sample: cucm-pub.example.com
    service:
      description: Name of the service.
      type: str
      sample: Cisco CTIManager
    activated:
      description: Whether it is activated.
      type: bool
      sample: true
    running:
      description: Whether it runs, V(null) when Control Center did not tell or was not asked.
      type: bool
      sample: true
    status:
      description: What Control Center says, such as V(Started).
      type: str
      sample: Started
capf:
  description: How CAPF is set up.
  returned: when V(capf) is gathered
  type: dict
  contains:
    parameters:
      description: CAPF's service parameters, values by name. Values that look like a credential are not shown.
      type: dict
      sample:
        Certificate Issuer to Endpoint: Cisco Certificate Authority Proxy Function
        Duration Of Certificate Validity (in days): "1825"
        Key Size: "2048"
    issuer:
      description: Who issues the certificates, V(self) (CAPF itself), V(online), V(offline) or V(unknown).
      type: str
      sample: unknown
certificates:
  description: The servers' own certificates.
  returned: when V(certificates) is gathered
  type: list
  elements: dict
  contains:
    node:
      description: Node the certificate belongs to.
      type: str
      sample: cucm-pub.example.com
    service:
      description: Service that shows it, such as V(CallManager) or V(CAPF).
      type: str
      sample: tomcat
    subject:
      description: Subject of the certificate.
      type: str
      sample: L=Town,ST=Nowhere,CN=cucm-pub.example.com,OU=lab,O=example,C=NZ
    issuer:
      description: Issuer of the certificate.
      type: str
      sample: L=Town,ST=Nowhere,CN=cucm-pub.example.com,OU=lab,O=example,C=NZ
    common_name:
      description: Common name in the subject.
      type: str
      sample: cucm-pub.example.com
    serial:
      description: Serial number in hexadecimal.
      type: str
      sample: 1018e9025580e629f0a3d061c3a0234
    not_before:
      description: Start of its validity, UTC.
      type: str
      sample: "2026-11-25T01:02:54Z"
    not_after:
      description: End of its validity, UTC.
      type: str
      sample: "2046-11-21T01:02:54Z"
    key_type:
      description: V(rsa) or V(ec).
      type: str
      sample: rsa
    key_size:
      description: Bits of its key.
      type: int
      sample: 2048
    signature_hash:
      description: Hash that its issuer signed, such as V(sha256).
      type: str
      sample: sha256
    sha256_fingerprint:
      description: SHA-256 over the certificate, in hexadecimal.
      type: str
      sample: 456bc2d7c633aff8928d60ed82833b0e0bf8ff82b4d8f7c4c240791ec23e5c76
profiles:
  description: All CAPF profiles. Authorization strings are never read.
  returned: when V(profiles) is gathered
  type: list
  elements: dict
  contains:
    instance_id:
      description: Instance id.
      type: str
      sample: recorder01x1
    user:
      description: User the profile belongs to.
      type: str
      sample: recorder_tapi
    user_type:
      description: V(application) or V(end).
      type: str
      sample: application
    operation:
      description: Certificate operation, such as V(No Pending Operation) or V(Install/Upgrade).
      type: str
      sample: No Pending Operation
    status:
      description: Status of the last operation, such as V(Upgrade Success).
      type: str
      sample: Upgrade Success
    completion:
      description: Deadline of a pending operation, as the cluster writes it.
      type: str
      sample: null
    authentication_mode:
      description: How the client proves itself to CAPF.
      type: str
      sample: By Authentication String
    key_order:
      description: Which key types CAPF asks for.
      type: str
      sample: RSA Only
    key_size:
      description: Bits of an RSA key.
      type: str
      sample: "2048"
    ec_key_size:
      description: Bits of an EC key.
      type: str
      sample: null
clock_skew_s:
  description: Seconds that the publisher's clock is ahead of the host that runs the module.
  returned: success
  type: int
  sample: 0
problems:
  description: What stands in the way of secure CTI connections, each with its cure.
  returned: success
  type: list
  elements: str
  sample:
    - The cluster is in non-secure mode. Run utils ctl set-cluster mixed-mode on the publisher's command line.
doubts:
  description: What could not be determined, each with the reason.
  returned: success
  type: list
  elements: str
  sample:
    - Who issues CAPF's certificates could not be determined. With an off-line CA no certificate can be fetched in one session.
      Set capf_issuer_parameter to the parameter that tells it.
requests:
  description: Requests sent to AXL, C(read), C(write) and C(by_operation).
  returned: success
  type: dict
  sample:
    read: 8
    write: 0
    by_operation:
      getCCMVersion: 1
      listProcessNode: 1
      executeSQLQuery: 2
      listProcessNodeService: 1
      listServiceParameter: 1
      listApplicationUserCapfProfile: 1
      listEndUserCapfProfile: 1
code:
  description: AXL's error code, or the HTTP status.
  returned: when the server refused
  type: int
  sample: 401
"""

from datetime import datetime, timezone

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._axl.client import AxlClient, login_from
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    AxlError,
    FormatError,
    ProtocolError,
    TransportError,
    TrustError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import cluster_options, create, reporting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._pki import certificate_der, certificate_facts
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._serviceability import (
    serviceability_login,
    service_status,
)

SUBSETS = ["version", "nodes", "security", "services", "capf", "certificates", "profiles"]

CALL_MANAGER = "Cisco CallManager"
CTI_MANAGER = "Cisco CTIManager"
CAPF = "Cisco Certificate Authority Proxy Function"
TFTP = "Cisco Tftp"
SERVICES = (CALL_MANAGER, CTI_MANAGER, CAPF, TFTP)

PSEUDO_NODE = "EnterpriseWideData"  # carries the enterprise parameters and is no server
SECURITY_MODE_QUERY = "select paramname,paramvalue from processconfig where paramname='ClusterSecurityMode'"
CERTIFICATES_QUERY = (
    "select c.pkid pkid, c.servername node, t.name service%s from certificate c, "
    "certificateservicecertificatemap m, typecertificateservice t "
    "where m.fkcertificate=c.pkid and m.tkcertificateservice=t.enum"
)
OWN_CERTIFICATES = ("callmanager", "capf", "tomcat", "itlrecovery")
HIDDEN_WORDS = ("password", "passphrase", "secret", "credential")
UNKNOWN_ISSUER = "unknown"

NO_ANSWER = (AxlError, ProtocolError, TransportError, TrustError)


class Survey:
    """Reads the subsets one by one; what a cluster refuses to tell becomes a doubt."""

    def __init__(self, axl, control_center, issuer_parameter):
        self.axl = axl
        self.control_center = control_center
        self.issuer_parameter = issuer_parameter
        self.doubts = []
        self.facts = {}

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
            for node in found
            if node.get("name") != PSEUDO_NODE
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
            value = rows[0].get("paramvalue") if rows else None
            mode = int(value) if value and value.isdigit() else None
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
            for one in found
            if one.get("service") in SERVICES and one.get("processNodeName") != PSEUDO_NODE
        ]
        for node in sorted(set(one["node"] for one in services if one["activated"])):
            self._add_running(node, [one for one in services if one["node"] == node])
        self.facts["services"] = services

    def _add_running(self, node, services):
        host = self.control_center.hostname if node == self.facts["publisher"] else node
        try:
            found = service_status(self.control_center, host, [one["service"] for one in services])
        except NO_ANSWER as error:
            self._doubt("Whether the services of node %s run could not be determined: %s" % (node, error))
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
                "Who issues CAPF's certificates could not be determined. With an off-line CA no certificate can be "
                "fetched in one session. Set capf_issuer_parameter to the parameter that tells it."
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
                facts = certificate_facts(certificate_der((row.get("pem") or "").encode("ascii", "replace")))
            except FormatError as broken:
                self._doubt("The %s certificate of %s is unreadable: %s" % (place["service"], place["node"], broken))
                continue
            self.facts["certificates"].append(dict(facts, **place))

    def _certificate_rows(self):
        """Some releases demand that the certificate's large column is selected in a query of its own."""
        try:
            return [row for row in self.axl.sql(CERTIFICATES_QUERY % ", c.certificate pem") if is_own(row)]
        except AxlError:
            rows = [row for row in self.axl.sql(CERTIFICATES_QUERY % "") if is_own(row)]
        for row in rows:
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

    def _doubt(self, text):
        self.doubts.append(text)


def is_own(row):
    """A server's own certificate and not one of the many that it only trusts; also its EC twin."""
    service = (row.get("service") or "").lower()
    return service in OWN_CERTIFICATES or service in tuple(name + "-ecdsa" for name in OWN_CERTIFICATES)


def shown_value(name, value):
    lowered = name.lower()
    return "(not shown)" if value and any(word in lowered for word in HIDDEN_WORDS) else value


def issuer_of(value):
    """self, online, offline or unknown from the words of the parameter that tells CAPF's issuer."""
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
    """Sentences about what stands in the way. now: UTC, written like not_after."""
    problems = []
    if facts.get("mixed_mode") is False:
        problems.append(
            "The cluster is in non-secure mode (ClusterSecurityMode %d), in which secure CTI connections do not exist. "
            "Run utils ctl set-cluster mixed-mode on the publisher's command line, then restart the services Cisco "
            "CallManager, Cisco CTIManager and Cisco Tftp on every node that runs them." % facts["security_mode"]
        )
    if "services" in facts:
        problems.extend(service_problems(facts["services"], facts.get("publisher")))
    if facts.get("capf", {}).get("issuer") == "offline":
        problems.append(
            "CAPF has its certificates issued by an off-line CA, so none can be fetched in one session. "
            "Let CAPF itself or an online CA issue them."
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


def main():
    spec = cluster_options(serviceability=True)
    spec.update(
        gather=dict(type="list", elements="str", choices=SUBSETS, default=SUBSETS),
        capf_issuer_parameter=dict(type="str"),
    )
    module = create(spec)
    with reporting(module):
        login = login_from(module.params)
        if login.unverified:
            module.warn("The server's certificate is not verified: the password goes to whoever answers.")
        with AxlClient(login) as axl:
            survey = Survey(axl, serviceability_login(module.params), module.params["capf_issuer_parameter"])
            facts = survey.gather(module.params["gather"])
            module.exit_json(
                changed=False,
                axl_version=axl.axl_version,
                clock_skew_s=axl.clock_skew,
                problems=problems_of(facts, datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")),
                doubts=survey.doubts,
                requests=axl.requests,
                **facts
            )


if __name__ == "__main__":
    main()
