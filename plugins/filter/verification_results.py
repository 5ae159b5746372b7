# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verification_results
short_description: Bring the rows of a host up to date with the results of their verification
description:
  - Adds to the rows of P(voiceops.secure_tsp.verification_plan#filter) what came of it.
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
  results:
    description: C(results) of looping a module over some of the rows.
    type: list
    elements: dict
    default: []
  check_mode:
    description: Whether nothing was opened because of check mode.
    type: bool
    default: false
  enrolling:
    description: Whether the run enrols, so that in check mode a missing certificate is none that fails.
    type: bool
    default: true
  message:
    description: Why rows that were to be opened have no result.
    type: str
    default: it was not opened
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Remember what was verified
  ansible.builtin.set_fact:
    my_outcomes: "{{ my_plan | voiceops.secure_tsp.verification_results(results=my_opened.results) }}"
"""

RETURN = r"""
_value:
  description:
    - The rows with C(verified_by) (the way taken, with what it showed), C(online) (whether the connection itself was
      proven), C(confirm) (whether its certificate was, so that the former one may go), C(state) and C(message).
    - C(disproved) is whether CTI Manager was reached and did not take the certificate, as far as can be told. A wrong password, a
      locked account or a CTI Manager that cannot be reached does not disprove it, nor does its having been compromised.
  type: list
  elements: dict
"""

from gettext import ngettext

WAITING = "enrolled, waiting for cutover"
VERIFIED = "verified"
OFFLINE = "enrolled, not verified online"
NO_CERTIFICATE = "no certificate"
# Steps of M(cti_provider_info) in which the certificate has no part, and what CTI Manager says when it does not take it:
# INVALID_CERTIFICATE_USED, and the close reason that CAPF's information is not available. Other codes are about users,
# passwords and nodes.
BEFORE_TLS = ("local", "connect")
NOT_TAKEN = ("0x8CCC00D8",)
CLOSED_FOR_IT = (8,)


def verification_results(plan, results=(), check_mode=False, enrolling=True, message="it was not opened"):
    """See DOCUMENTATION."""
    by_id = dict(((result["item"]["cluster"], result["item"]["instance_id"]), result) for result in results)
    rows = [
        _row(row, by_id.get((row["cluster"], row["instance_id"])), check_mode, enrolling, message) for row in plan
    ]
    probed = set((row["cluster"], row["instance_id"]) for row in rows if row["online"] and row["way"] == "probe")
    for row in rows:
        proven = (row["cluster"], row["probe_of"]) in probed if row["probe_of"] else row["online"] and row["way"] != "probe"
        row["confirm"] = bool(proven and row["unconfirmed"])
    return rows


def _row(row, result, check_mode, enrolling, message):
    done = dict((key, value) for key, value in row.items() if key not in ("why", "seen"))
    done.update(verified_by=row["way"] if row["way"] != "none" else "", online=False, disproved=False)
    if row["failed"]:
        return dict(done, state="failed")
    if check_mode and enrolling and row["needed"]:
        return dict(done, verified_by="", state="would enrol", action="none", changed=True, message=row["explanation"])
    if row["way"] == "none":
        return dict(done, state=NO_CERTIFICATE, failed=True, message=row["explanation"] or row["why"])
    if row["way"] == "ris":
        return dict(done, online=True, state=VERIFIED, verified_by="ris (%d open, %s)" % (
            len(row["seen"]), _lines(sum(len(connection["lines"]) for connection in row["seen"]))))
    if row["way"] == "offline":
        state = WAITING if row["waiting"] else (OFFLINE if row["why"] else VERIFIED)
        return dict(done, state=state, message=row["message"] or row["why"])
    if check_mode:
        return dict(done, verified_by="", state="would verify", message="would open a provider")
    return _opened(done, row, result or {"failed": True, "msg": message})


def _opened(done, row, result):
    if result.get("failed"):
        compromised = bool(result.get("compromised")) or row["compromised"]
        return dict(done, state="failed", failed=True, message=result.get("msg") or "failed without a message",
                    compromised=compromised, disproved=_disproves(result) and not compromised)
    totals = result.get("totals") or {}
    devices = totals.get("devices", 0)
    return dict(done, online=True, state=VERIFIED, verified_by="%s (%d %s, %s)" % (
        row["way"], devices, ngettext("device", "devices", devices), _lines(totals.get("lines", 0))))


def _disproves(result):
    if "stage" not in result or result["stage"] in BEFORE_TLS or "server_certificate" in result:
        return False
    code, reason = result.get("cti_code"), result.get("cti_close_reason")
    if code is None and reason is None:
        return True  # the connection broke while the certificate was looked at, or later
    return code in NOT_TAKEN or reason in CLOSED_FOR_IT


def _lines(count):
    return "%d %s" % (count, ngettext("line", "lines", count))


class FilterModule:
    """What came of verifications."""

    def filters(self):
        return {"verification_results": verification_results}
