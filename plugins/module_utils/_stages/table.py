# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""All stages by name: those of the action tsp_cluster, and those of the action tsp_host."""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import (
    adoption,
    diagnosis,
    drift,
    fleet,
    hosts,
)

ON_CLUSTERS = dict(fleet.STAGES, **drift.ON_CLUSTERS, **diagnosis.ON_CLUSTERS, **adoption.ON_CLUSTERS)
ON_HOSTS = dict(hosts.STAGES, **drift.ON_HOSTS, **diagnosis.ON_HOSTS, **adoption.ON_HOSTS)
# Stages with which nothing is changed: where one breaks, the run ends.
READING = tuple(drift.ON_CLUSTERS) + tuple(diagnosis.ON_CLUSTERS) + tuple(adoption.ON_CLUSTERS)
# Those of a host that fail where something is wrong, and those that are the first on a host, where a lost line ends it.
TELLING = ("tell", "drifted")
FIRST = ("look", "read", "adopt")
