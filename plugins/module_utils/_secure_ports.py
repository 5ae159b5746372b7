# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Check the ports of CAPF and CTI Manager: who answers, and whether its certificate is in the trust list."""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _pki, _transport
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    CannotHere,
    FormatError,
    SecureTspError,
    StoreError,
    TransportError,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._instance import (
    CTI_MANAGER_ROLES,
    is_capf_server,
    read_trust_list,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._bounds import check_ranges
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._store import Store

CAPF = "CAPF"
CTI_MANAGER = "CTI Manager"
ROLES = {CAPF: (_ctl.CAPF,), CTI_MANAGER: CTI_MANAGER_ROLES}

ARGUMENT_SPEC = dict(
    path=dict(type="path"),
    ports=dict(type="list", elements="dict", required=True, options=dict(
        service=dict(type="str", required=True, choices=[CAPF, CTI_MANAGER]),
        host=dict(type="str", required=True),
        port=dict(type="int", required=True),
    )),
    timeout=dict(type="int", default=10),
    tls_legacy=dict(type="bool", default=False),
)


def trust_list_of(path):
    """C((trust list or None, why there is none))."""
    if not path:
        return None, "no path was given"
    try:
        trust_list = read_trust_list(Store(path))
    except (FormatError, StoreError) as error:
        return None, str(error)
    return trust_list, "" if trust_list else "there is no trust list in %s" % path


def vouches(trust_list, service, chain):
    if service == CAPF:
        return is_capf_server(trust_list, chain[0])
    return _pki.lists_certificate(trust_list, chain[0], CTI_MANAGER_ROLES)


def look(place, trust_list, params):
    """One row of the result."""
    row = dict(place, stage="", problem="", trusted=None, demands_certificate=False, version="", cipher="", certificate=None)
    key_types = _pki.key_types(trust_list, ROLES[place["service"]]) if trust_list else _pki.KEY_TYPES
    try:
        facts, chain, failure = knocked(place, params, key_types)
        if failure and not chain and len(key_types) == 1:
            # It has no certificate of that type. Show the one that it has, although it is not listed.
            facts, chain, failure = knocked(place, params, _pki.KEY_TYPES)
    except CannotHere as error:
        return dict(row, stage="tls", problem=str(error))
    except TransportError as error:
        return dict(row, stage="connect", problem=str(error))
    row.update(version=facts.get("version", ""), cipher=facts.get("cipher", ""))
    if chain:
        row["certificate"] = _pki.certificate_facts(chain[0])
        row["trusted"] = vouches(trust_list, place["service"], chain) if trust_list else None
    # CAPF never asks for a certificate.
    row["demands_certificate"] = bool(
        failure and chain and failure.facts.get("tls_alert") and place["service"] == CTI_MANAGER)
    if failure and not row["demands_certificate"]:
        return dict(row, stage="tls", problem=str(failure))
    if row["trusted"] is False:
        return dict(row, stage="trust", problem=str(not_vouched(place, row["certificate"])))
    return row


def knocked(place, params, key_types):
    return _transport.look(
        place["host"], place["port"], _transport.Deadline(params["timeout"]), params["tls_legacy"], key_types)


def not_vouched(place, certificate):
    return SecureTspError(
        "the certificate that %s presents is not in the trust list (%s)" % (place["service"], certificate["subject"]),
        where=_transport.place(place["host"], place["port"]),
        cure="Fetch the trust list again with ctl_file, if the certificate was renewed. Nothing was sent.")


def check(params):
    check_ranges(params, {"timeout": (1, 300)})
    for place in params["ports"]:
        check_ranges(place, {"port": (1, 65535)})
