# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_findings
short_description: What stands in the way on one host, each with its cure
description:
  - Judges what the role P(voiceops.secure_tsp.preflight#role) asked a host.
options:
  _input:
    description: The host's completed instances, from the filter P(voiceops.secure_tsp.fleet#filter).
    type: list
    elements: dict
    required: true
  answer:
    description: What the host's Python said, C(missing) (libraries) and C(ahead) (seconds of its clock before the
      controller's).
    type: dict
    required: true
  packages:
    description: Package names by library.
    type: dict
    required: true
  python:
    description: The host's Python.
    type: str
    required: true
  skews:
    description: By cluster, the seconds that its clock is ahead of the controller's.
    type: dict
    required: true
  warn:
    description: Seconds between the clocks of host and cluster from which there is a warning.
    type: int
    default: 60
  refuse:
    description: Seconds from which the host is refused.
    type: int
    default: 300
  ports:
    description: C(results) of trying the ports of P(voiceops.secure_tsp.host_ports#filter).
    type: list
    elements: dict
    default: []
  keys:
    description: By host, the paths of the private keys that it holds.
    type: dict
    default: {}
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Refuse a host that cannot do it
  ansible.builtin.assert:
    that: my_findings.problems | length == 0
    fail_msg: "{{ my_findings.problems | join(' ') }}"
  vars:
    my_findings: >-
      {{ my_instances | voiceops.secure_tsp.host_findings(answer=my_answer, packages={'OpenSSL': 'pyOpenSSL'},
         python='/usr/bin/python3', skews={'main': 2}, ports=my_tried.results) }}
"""

RETURN = r"""
_value:
  description: C(problems) and C(warnings), lists of sentences.
  type: dict
"""

import os

KEY = "QBEClient.key.pem"


def host_findings(instances, answer, packages, python, skews, warn=60, refuse=300, ports=(), keys=None):
    """See DOCUMENTATION."""
    problems = list(_missing(answer["missing"], packages, python))
    warnings = []
    for cluster in sorted(set(instance["cluster"] for instance in instances)):
        apart = abs(skews.get(cluster, 0) - answer["ahead"])
        if apart >= warn:
            text = ("The clocks of this host and of cluster %s are %d seconds apart. Set both by NTP: certificates are "
                    "judged by these clocks." % (cluster, apart))
            (problems if apart >= refuse else warnings).append(text)
    _judge_ports(ports, problems, warnings)
    problems += _held_elsewhere(instances, keys or {})
    return {"problems": problems, "warnings": warnings}


def _missing(libraries, packages, python):
    if libraries:
        names = " ".join(packages[library] for library in libraries)
        yield ("The Python packages %s are missing on this host. Install them with: %s -m pip install %s , or set "
               "secure_tsp_install_python_packages: true." % (names.replace(" ", ", "), python, names))


def _judge_ports(ports, problems, warnings):
    alike = {}
    for result in ports:
        place, is_open = result["item"], "state" in result
        if place["one_suffices"]:
            alike.setdefault((place["service"], place["cluster"]), []).append((place, is_open))
        elif not is_open:
            problems.append(_closed(place, "no certificate can be fetched"))
    for found in alike.values():
        closed = [_closed(place, "no secure connection can be opened there") for place, is_open in found if not is_open]
        (problems if len(closed) == len(found) else warnings).extend(closed)


def _closed(place, consequence):
    return "%s at %s, TCP port %s, is not reachable from this host, so %s. Open the firewall, or start %s." % (
        place["service"], place["host"], place["port"], consequence, place["activate"])


def _held_elsewhere(instances, keys):
    mine = dict((instance["instance_id"], instance) for instance in instances)
    for host, paths in sorted(keys.items()):
        for path in paths:
            instance_id = os.path.basename(os.path.dirname(path))
            if os.path.basename(path) == KEY and instance_id in mine and mine[instance_id]["host"] != host:
                yield ("Instance %s is listed for this host, but host %s still holds its key (%s). Decommission it "
                       "there, or give a new instance_id." % (instance_id, host, path))


class FilterModule:
    """What stands in the way on a host."""

    def filters(self):
        return {"host_findings": host_findings}
