# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that died left on hosts: the next run puts it right, with or without a new certificate, by itself."""

from __future__ import annotations

import os

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _store

STALE, HALF, EMPTY, GOOD = "recorder02x1", "recorder03x1", "recorder01x1", "recorder02x2"


def waiting(site, instance_id, days=None):
    """Let a certificate wait beside its key, as after an enrolment that died at its very end. Returns it (DER)."""
    store, key = _store.Store(str(site.store(instance_id))), _pki.generate_key("rsa", 2048)
    site.sim.cluster.lsc_days = days
    der = site.sim.cluster.capf_issue(site.profile(instance_id), _pki.public_key_der(key), "CTI-" + instance_id)
    site.sim.cluster.lsc_days = None
    store.begin(_pki.key_to_pem(key))
    store.stage(der)
    return der


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site()
    site.run()
    return site


@pytest.fixture(scope="module")
def repaired(site):
    """One certificate ended while it waited, one pair is half replaced, one enrolment has no key yet, and one
    certificate only has to be put in place."""
    waiting(site, STALE, days=-1)
    new = {HALF: waiting(site, HALF), GOOD: waiting(site, GOOD)}
    os.rename(site.store(HALF) / "pending", site.store(HALF) / "replacing")
    os.rename(site.store(HALF) / "replacing" / _store.KEY, site.store(HALF) / _store.KEY)
    (site.store(EMPTY) / "pending").mkdir(mode=0o700)
    # Nothing may depend on the verification that comes after it.
    site.settings["secure_tsp_verify_with"] = "offline"
    return site.run(), new


def test_each_is_finished_in_its_way(site, repaired):
    run, new = repaired
    actions = {instance_id: run.rows[instance_id]["ACTION"] for instance_id in (STALE, HALF, EMPTY, GOOD)}
    assert actions == {STALE: "renewed", HALF: "repaired", EMPTY: "repaired", GOOD: "resumed"}
    assert {instance_id: site.lsc(instance_id) for instance_id in new} == new


def test_files_are_those_of_instances_at_rest(site, repaired):
    for instance in site.instances:
        store = _store.Store(str(site.store(instance["instance_id"])))
        assert not {"pending", "replacing"} & set(store.names())
        key_pem, certificate = (store.read(name) for name in _store.PAIR)
        assert _pki.matches_key(certificate, _pki.key_from_pem(key_pem))
    assert site.armed() == []


def test_there_is_nothing_left_to_do(site, repaired):
    before = site.everything()
    assert site.run().count("changed") == 0 and site.everything() == before
