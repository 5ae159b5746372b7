# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_login
short_description: Extract the login options of a cluster from its entry in the list of clusters
version_added: 0.1.0
description:
  - Extracts the options that the modules of the action group C(axl) share from one value of C(secure_tsp_clusters), for use
    in C(module_defaults).
options:
  _input:
    description: The cluster entry. Keys without a value are left out.
    type: dict
    required: true
  serviceability:
    description: Also return the account for RISPort70 and Control Center, which not every module of the group accepts.
    type: bool
    default: false
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Read the facts of the cluster
  voiceops.secure_tsp.cluster_info:
  module_defaults:
    group/voiceops.secure_tsp.axl: "{{ secure_tsp_clusters['main'] | voiceops.secure_tsp.cluster_login(serviceability=true) }}"
"""

RETURN = r"""
_value:
  description: Options for the modules. They contain passwords.
  type: dict
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import cluster_options


def cluster_login(cluster, serviceability=False):
    """See DOCUMENTATION."""
    return dict((key, cluster[key]) for key in cluster_options(serviceability) if cluster.get(key) is not None)


class FilterModule:
    """Logins of clusters."""

    def filters(self):
        return {"cluster_login": cluster_login}
