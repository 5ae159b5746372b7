# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: polling_delays
short_description: Pauses for waiting with back-off and a deadline
description:
  - Pauses that double from the first to the longest one and together last until the deadline.
options:
  _input:
    description: Seconds to wait in all.
    type: int
    required: true
  first:
    description: Seconds of the first pause.
    type: int
    default: 5
  longest:
    description: Seconds of the longest pause.
    type: int
    default: 60
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Look at once, then after 5, 10 and 5 seconds
  ansible.builtin.debug:
    msg: "{{ [0] + (20 | voiceops.secure_tsp.polling_delays) }}"
"""

RETURN = r"""
_value:
  description: Seconds of each pause.
  type: list
  elements: int
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings


def polling_delays(seconds, first=5, longest=60):
    """See DOCUMENTATION."""
    return list(_tsp_settings.delays(seconds, first, longest))


class FilterModule:
    """Waiting."""

    def filters(self):
        return {"polling_delays": polling_delays}
