# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between CUCM releases, and the switches where the behaviour of a real one is not proven."""

from __future__ import annotations

import dataclasses

CTI_MANAGER = "Cisco CTIManager"
CAPF = "Cisco Certificate Authority Proxy Function"
TFTP = "Cisco Tftp"
CTL_PROVIDER = "Cisco CTL Provider"
SERVICES = (
    "Cisco CallManager", TFTP, CTI_MANAGER, CAPF, "Cisco AXL Web Service", "Cisco Database Layer Monitor",
    "Cisco RIS Data Collector", "Cisco Trust Verification Service",
)


@dataclasses.dataclass
class Features:
    """One release. Every field may be changed on a running simulator: C(sim.cluster.features.sql = False)."""

    release: str
    version: str                       #: as getCCMVersion answers
    schemas: tuple                     #: AXL schema versions the server accepts, oldest first
    key_size: str                      #: default of a CAPF profile
    ec_key_size: str | None
    services: tuple
    itl_recovery_signs_ctl: bool       #: from 12.0 on; before, CallManager signs
    ordered_process_node: bool         #: 11.5 answers ProcessNode out of schema order
    nil_on_root: bool                  #: where the xsi namespace of xsi:nil is declared: response root or element
    namespaced_axl_error: bool         #: newer servers qualify axlError
    ctl_digest: int = 1                #: header tag 8: 1 SHA-1, 4 SHA-512
    dhe: bool = False                  #: CAPF offers DHE too: JTAPI 15 refuses RSA key exchange with a CAPF certificate
    sql: bool = True                   #: executeSQLQuery is allowed
    standard_group_delta: bool = True  #: updateUserGroup accepts addMembers/removeMembers for standard groups
    shows_strings: bool = True         #: get and list return authenticationString
    idle_profile_update: str = "ignore"  #: update of an idle profile's other fields: "ignore" or "fault"
    empty_list_clears: bool = True     #: an empty container in an update means "remove all"
    accepts_superseded_lsc: bool = True
    session_idle_seconds: float = 1800.0
    service_polls: int = 0             #: looks at a service that show it Starting or Stopping after an order
    time_zone: str = "Client: (GMT+1:0)Europe/Berlin"  #: as getTimeZone answers
    attaches_files: bool = False       #: GetOneFile answers with an attachment (MTOM) instead of base64
    ignores_relative_range: bool = False  #: selectLogFiles takes no notice of RelText and RelTime
    ris_per_minute: int = 15
    ris_window_seconds: float = 60.0
    max_answer: int = 8 << 20          #: octets of one AXL answer
    failed_logins_lock: int = 3        #: CTI logins with a wrong password until the account is locked; 0: never
    capf_name_template: str = "CTI-{instance_id}"
    capf_idle_reason: int = 7          #: END_SESSION when nothing is armed: CUCM 7, other servers 0
    capf_wrong_string_status: str = "Upgrade Failed: Invalid Authentication String"  #: empty: left as it was


def _release(name, version, schemas, **differences):
    values = dict(
        release=name, version=version, schemas=schemas, key_size="2048", ec_key_size=None,
        services=SERVICES + ((CTL_PROVIDER,) if name != "15" else ()), itl_recovery_signs_ctl=True,
        ordered_process_node=True, nil_on_root=True, namespaced_axl_error=True,
    )
    values.update(differences)
    return values


_RELEASES = {
    "11.5": _release(
        "11.5", "11.5.1.18900(97)", ("9.0", "9.1", "10.0", "10.5", "11.0", "11.5"), key_size="1024", ec_key_size="384",
        itl_recovery_signs_ctl=False, ordered_process_node=False, nil_on_root=False, namespaced_axl_error=False,
    ),
    "12.5": _release("12.5", "12.5.1.13900(152)", ("10.0", "11.0", "11.5", "12.0", "12.5"), nil_on_root=False),
    "14": _release("14", "14.0.1.13900(155)", ("11.0", "11.5", "12.0", "12.5", "14.0")),
    "15": _release("15", "15.0.1.12900(234)", ("12.0", "12.5", "14.0", "15.0"), dhe=True, ctl_digest=4),
}
RELEASES = tuple(_RELEASES)


def features(release, **switches):
    """Features of C(release) ("11.5", "12.5", "14" or "15") with some switches set otherwise."""
    return Features(**{**_RELEASES[release], **switches})
