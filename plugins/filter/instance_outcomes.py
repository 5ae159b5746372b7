# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: instance_outcomes
short_description: One row per TSP instance from the results of a loop
description:
  - Turns the results of looping M(voiceops.secure_tsp.capf_certificate_info) or M(voiceops.secure_tsp.capf_certificate)
    over a host's completed instances into rows that tell how each one stands. The rows hold no secrets.
  - Given the rows of an earlier loop, it brings them up to date.
options:
  _input:
    description: C(results) of the loop. Each has the instance in C(item), as the filter
      P(voiceops.secure_tsp.fleet#filter) completes it.
    type: list
    elements: dict
    required: true
  previous:
    description: Rows to bring up to date.
    type: list
    elements: dict
    default: []
  profiles:
    description:
      - RV(voiceops.secure_tsp.fleet_accounts#module:instances), which names the cause where CAPF refused without one.
    type: list
    elements: dict
    default: []
  expected:
    description: Completed instances that must have a result. Those without one failed with O(message).
    type: list
    elements: dict
    default: []
  message:
    description: Why instances have no result.
    type: str
    default: ""
  not_begun:
    description: What kept the instances of O(expected) without a result from being begun at all, such as V(window).
    type: str
    default: ""
  skip:
    description:
      - Messages of instances that cannot go on, by C(cluster/instance_id) or by the cluster alone. They are added to
        earlier ones.
    type: dict
    default: {}
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Remember how the instances of this host stand
  ansible.builtin.set_fact:
    my_outcomes: "{{ my_facts.results | voiceops.secure_tsp.instance_outcomes }}"
"""

RETURN = r"""
_value:
  description:
    - Rows with C(cluster), C(host), C(user), C(instance_id), C(action), C(needed), C(reason), C(explanation),
      C(trust_list) (whether there is one), C(certificate_valid), C(certificate_expires), C(certificate_begins),
      C(certificate_issuer), C(certificate_key) (type and bits), C(certificate_fingerprint), C(unconfirmed), C(changed),
      C(failed), C(message), C(capf_reason) and C(not_begun).
  type: list
  elements: dict
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._instance import EXPIRING, INTERRUPTED, KEY_CHANGED

IDENTITY = ("cluster", "host", "user", "user_type", "instance_id", "store", "probe_of")
FORCED = "forced"
# Reasons to renew a certificate that opens a provider all the same.
STILL_VALID = (INTERRUPTED, EXPIRING, KEY_CHANGED, FORCED)
NEW = ("enrolled", "renewed", "resumed")
WRONG_OR_IDLE = 7  # CAPF's reason for a wrong string and for a profile that is not armed
ARMED = "Install/Upgrade"
# What a row keeps of a certificate's facts.
OF_CERTIFICATE = (("certificate_expires", "not_after"), ("certificate_begins", "not_before"),
                  ("certificate_issuer", "issuer"), ("certificate_fingerprint", "sha256_fingerprint"))


def identity(instance):
    return dict((key, instance.get(key)) for key in IDENTITY)


def key_of(row):
    return row["cluster"], row["instance_id"]


def fresh(instance):
    """An instance nobody has looked at."""
    return dict(
        identity(instance), action="none", needed=None, reason="", explanation="", trust_list=None, certificate_valid=None,
        unconfirmed=False, changed=False, failed=False, message="", capf_reason=None, compromised=False, not_begun="",
        certificate_expires=None, certificate_begins=None, certificate_issuer=None, certificate_fingerprint=None,
        certificate_key=None,
    )


def updated(row, result, profiles):
    row = dict(row, changed=row["changed"] or bool(result.get("changed")))
    if result.get("skipped"):
        return row
    if result.get("failed"):
        return failed(row, _message(row, result, profiles), result.get("capf_reason"))
    row["action"] = result.get("action", row["action"])
    needs = result.get("needs_certificate")
    if needs is not None:
        row.update(needed=bool(needs.get("needed")), reason=needs.get("reason") or "",
                   explanation=result.get("explanation") or row["explanation"])
        row["trust_list"] = result.get("trust_list", {}).get("exists", row["trust_list"])
        if result["item"].get("force") and not row["needed"] and row["action"] not in NEW:
            row.update(needed=True, reason=FORCED, explanation="A new certificate is asked for by force.")
        row["certificate_valid"] = not row["needed"] or row["reason"] in STILL_VALID
    certificate = result.get("certificate") or {}
    for key, fact in OF_CERTIFICATE:
        row[key] = certificate.get(fact) or row[key]
    if certificate.get("key_type"):
        row["certificate_key"] = [certificate["key_type"], certificate.get("key_size")]
    if "unconfirmed" in result:
        row["unconfirmed"] = bool(result["unconfirmed"])
    elif row["action"] in NEW:
        row["unconfirmed"] = True
    return row


def failed(row, message, capf_reason=None, not_begun=""):
    return dict(row, failed=True, message=message, action="failed", capf_reason=capf_reason, not_begun=not_begun)


def _message(row, result, profiles):
    message = result.get("msg") or "failed without a message"
    if result.get("capf_reason") != WRONG_OR_IDLE:
        return message
    return "%s %s" % (message, cause(profiles.get(row["instance_id"])))


def cause(profile):
    """Why CAPF refused with reason 7, judged by the profile as fleet_accounts shows it."""
    if profile is None:
        return "Which of these it is could not be read from the cluster."
    if not profile["exists"]:
        return "The cause: the cluster has no such CAPF profile any more."
    if profile["operation"] != ARMED:
        return "The cause: nothing is armed, the profile says '%s', '%s'." % (profile["operation"], profile["status"])
    if profile["state"] == "expired":
        return "The cause: the time for the operation ended at %s." % profile["completion"]
    if profile["state"] == "perhaps_expired":
        return ("The cause: the string is wrong, or the time for the operation, %s in the cluster's zone, has ended."
                % profile["completion"])
    return "The cause: the string is wrong, since the profile is armed (%s)." % profile["status"]


def instance_outcomes(results, previous=(), profiles=(), expected=(), message="", skip=None, not_begun=""):
    """See DOCUMENTATION."""
    rows = dict((key_of(row), row) for row in previous)
    known = dict((row["instance_id"], row["profile"]) for row in profiles)
    for result in results:
        row = rows.get(key_of(result["item"])) or fresh(result["item"])
        rows[key_of(row)] = updated(row, result, known)
    answered = set(key_of(result["item"]) for result in results)
    for instance in expected:
        if key_of(instance) not in answered:
            rows[key_of(instance)] = failed(
                rows.get(key_of(instance)) or fresh(instance), message, not_begun=not_begun)
    return [_skipped(row, skip or {}) for row in rows.values()]


def _skipped(row, skip):
    message = skip.get("%s/%s" % key_of(row)) or skip.get(row["cluster"])
    if not message:
        return row
    return failed(row, "%s %s" % (row["message"], message) if row["failed"] else message, row["capf_reason"])


class FilterModule:
    """How the instances of a host stand."""

    def filters(self):
        return {"instance_outcomes": instance_outcomes}
