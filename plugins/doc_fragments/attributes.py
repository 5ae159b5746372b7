# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status it predicts without changing anything.
  diff_mode:
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
  idempotent:
    description: A second run with the same options on the same state changes nothing.
  platform:
    description: Target operating system.
    platforms: posix
    support: full
notes:
  - For CUCM 11.5 to 15. Tested against simulated clusters of 11.5, 12.5, 14 and 15, never against a production cluster.
    R(The protocol guide,ansible_collections.voiceops.secure_tsp.docsite.protocols) grades what is known.
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module only reads; it never changes anything.
  diff_mode:
    support: N/A
    details:
      - This module only reads; it never changes anything.
  idempotent:
    support: full
    details:
      - This module only reads; it never changes anything.
"""

    ACTIONGROUP_AXL = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/voiceops.secure_tsp.axl) in C(module_defaults) to set the login of a cluster once.
    support: full
    membership:
      - voiceops.secure_tsp.axl
"""
