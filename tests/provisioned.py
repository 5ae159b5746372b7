# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet that is provisioned already: made directly in the simulated cluster and in the hosts' folders, without a playbook.

What a run of site.yml leaves is made in the same places by the same file store, only faster, so that a test can begin where
it has something to say.
"""

from __future__ import annotations

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _pki
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._store import CERTIFICATE, KEY, Store

ENABLED = "Standard CTI Enabled"
SECURE = "Standard CTI Secure Connection"
SRTP = "Standard CTI Allow Reception of SRTP Key Material"


def add_user(cluster, user, secure=True):
    """The user with the groups and devices that the list names. End users are taken to exist."""
    kind = user.get("type", "application")
    groups = [ENABLED, *user.get("cti_groups", ())] + ([SECURE] if secure else []) + (
        [SRTP] if secure and user.get("srtp") else [])
    with cluster.writing():
        if kind == "end":
            for group in groups:
                cluster.accounts.map_member(group, user["name"])
        else:
            cluster.accounts.add_user(kind, user["name"], password=user.get("password", ""), groups=groups,
                                      devices=list(user.get("devices", ())))


def issue(cluster, instance_id, name=None, days=None, key=None):
    """(key, certificate DER) for an instance, as CAPF issues it; its profile says so."""
    key = key or _pki.generate_key("rsa", 2048)
    cluster.lsc_days = days
    try:
        return key, cluster.capf_issue(
            cluster.accounts.profile(instance_id), _pki.public_key_der(key), name or "CTI-" + instance_id)
    finally:
        cluster.lsc_days = None


def keep(store, key, certificate):
    """Put a pair into a store. None leaves that file as it is."""
    if key is not None:
        store.write(KEY, key if isinstance(key, bytes) else _pki.key_to_pem(key))
    if certificate is not None:
        store.write(CERTIFICATE, certificate)


def keep_trust_list(store, octets):
    trust_list = _ctl.parse(octets)
    files, _facts, _warnings = _pki.certificates_of(trust_list)
    store.write_trust_list(octets, files, trust_list.callmanager_certificates()[0])


def add_instance(cluster, folder, instance, kind="application", probe_suffix=None):
    """Profile, key, certificate and trust list of an instance; with a suffix those of its probe, too. Returns its Store."""
    store = Store(str(folder))
    store.create()
    for place, instance_id in [(store, instance["instance_id"])] + (
            [(store.probe, instance["instance_id"] + probe_suffix)] if probe_suffix else []):
        place.create()
        cluster.accounts.add_profile(kind, instance["user"], instance_id)
        keep(place, *issue(cluster, instance_id))
        keep_trust_list(place, cluster.ctl_octets())
    return store
