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
    jtapi,
    rehearsal,
    removal,
    report,
    upgrade,
    windows_discovery,
    windows_draft,
    windows_enrolment,
    windows_fleet,
    windows_jtapi,
    windows_observation,
    windows_reading,
    windows_secure,
)

LOOKING = (drift, diagnosis, adoption, jtapi, rehearsal, report, windows_observation)  # these change nothing; if one breaks on clusters, the run ends
ON_CLUSTERS = dict(fleet.STAGES, **upgrade.ON_CLUSTERS, **removal.ON_CLUSTERS, **windows_fleet.STAGES)
ON_HOSTS = dict(hosts.STAGES, **upgrade.ON_HOSTS, **removal.ON_HOSTS)
# For hosts of both kinds.
for _part in (windows_reading, windows_enrolment, windows_secure, windows_discovery, windows_draft, windows_jtapi):
    ON_HOSTS.update(_part.STAGES)
for _part in LOOKING:
    ON_CLUSTERS.update(_part.ON_CLUSTERS)
    ON_HOSTS.update(_part.ON_HOSTS)
READING = tuple(name for part in LOOKING for name in part.ON_CLUSTERS)
# Stages on a host that fail if something is wrong.
TELLING = ("tell", "drifted", "jtapi", "deliver", "install_tsp", "snapshot", "discover", "sit", "draft", "observe")

# The secrets that are passed to stages of the module tsp_host. All others get none. CAPF requires a string, CTI Manager a password,
# and a passphrase opens the key. A stage that does not need a secret must not know it.
PASSPHRASE = "key_passphrase"
SEALED = {
    "look": (PASSPHRASE,), "inspect": (PASSPHRASE,), "read": (PASSPHRASE,), "restore": (PASSPHRASE,),
    "enrol": ("strings", "passwords", PASSPHRASE), "prove": ("passwords", PASSPHRASE), "open": ("passwords", PASSPHRASE),
    "login": ("passwords",),
}
