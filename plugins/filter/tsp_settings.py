# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tsp_settings
short_description: Settings of the TSPs of a Windows host against its registry
description:
  - Takes what the lists of users, instances and clusters tell, adds the settings that are given, checks them against the
    documented ranges, and sorts them by the registry profile into those that can be written and those that a person has
    to set in the TSP's dialog.
  - The names of the settings are those of the dialog's tabs, such as V(cti_manager.primary) or V(trace.file_size).
options:
  _input:
    description: The host's completed instances, from the filter P(voiceops.secure_tsp.fleet#filter).
    type: list
    elements: dict
    required: true
  profile:
    description:
      - C(settings) of the registry profile. By setting, C(key), C(name), C(type), C(transform), C(view) (32 or 64) and
        C(readable). C({number}) in key and name is the TSP's three digits.
    type: dict
    default: {}
  given:
    description: Values of settings for all instances of the host.
    type: dict
    default: {}
  by_instance:
    description: Values of settings by instance ID; they win over O(given).
    type: dict
    default: {}
  only:
    description: Settings to look at. If not set, all but those that only matter while a certificate is fetched.
    type: list
    elements: str
  strings:
    description:
      - Authorization strings by instance ID. If set, only what these instances need to fetch a certificate is looked at, and
        C(writes) holds the strings.
    type: dict
  properties:
    description: Values of registry keys, by key, as M(ansible.windows.win_reg_stat) returns them.
    type: dict
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show what has to be set by hand
  ansible.builtin.debug:
    msg: "{{ (my_instances | voiceops.secure_tsp.tsp_settings(given={'trace.tsp': 'detailed'})).by_hand }}"
"""

RETURN = r"""
_value:
  description:
    - C(reads), the registry keys to read; C(writes) with C(path), C(name), C(data), C(type), C(secret) and C(restart);
      C(by_hand) with C(place) in the dialog and C(value), secrets hidden; C(drift), the same with C(found); C(problems),
      sentences.
  type: dict
"""

import dataclasses

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings

WHILE_FETCHING = (_tsp_settings.FETCH, _tsp_settings.STRING)
TO_FETCH = (
    "security.capf_address", "security.capf_port", "security.fetch_retries", "security.fetch_retry_interval",
    "security.tftp_address", "security.instance_id", *WHILE_FETCHING,
)


def tsp_settings(instances, profile=None, given=None, by_instance=None, only=None, strings=None, properties=None):
    """See DOCUMENTATION."""
    entries, profile_problems = _tsp_settings.load_profile(profile or {})
    found, problems = _tsp_settings.numbered(instances)
    problems = profile_problems + problems
    ids = [instance["instance_id"] for instance in instances]
    problems += ["there are settings for instance %s, which is not on this host" % name
                 for name in by_instance or {} if name not in ids]
    if strings is not None:
        only, found = TO_FETCH, [(instance, number) for instance, number in found if instance["instance_id"] in strings]
    wanted = []
    for instance, number in found:
        values = {**_tsp_settings.derived(instance), **(given or {}), **(by_instance or {}).get(instance["instance_id"], {})}
        values = _tsp_settings.with_kinds(values)
        if only is None:
            problems += ["%s cannot be given, it is made while a certificate is fetched" % name
                         for name in WHILE_FETCHING if name in values]
            # Only the installer or a person can set the password.
            values.setdefault(_tsp_settings.PASSWORD, "of user %s" % instance["user"])
        elif strings is not None:
            values.update({_tsp_settings.STRING: strings[instance["instance_id"]], _tsp_settings.FETCH: True})
        wanted.append((instance["instance_id"], number, dict(
            (name, value) for name, value in values.items()
            if (name in only if only is not None else name not in WHILE_FETCHING))))
    plan = dataclasses.asdict(_tsp_settings.plan(wanted, entries, properties))
    plan["problems"] = problems + plan["problems"]
    return plan


class FilterModule:
    """Settings of Windows TSPs."""

    def filters(self):
        return {"tsp_settings": tsp_settings}
