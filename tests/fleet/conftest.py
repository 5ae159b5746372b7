# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades on fleets that are provisioned already. These tests take minutes, so they are not part of `make test`."""

from __future__ import annotations

import provisioned
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from e2e import conftest as of_e2e

make_site = of_e2e.make_site  # a fixture
USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "devices": ["SEP001122334450"]}


@pytest.fixture(scope="module")
def make_fleet(make_site):
    """make_fleet(count, hosts, days=30): instances whose certificates expire in so many days, host by host."""
    key = _pki.generate_key("rsa", 2048)

    def make(count, hosts, days=30, **options):
        names = ["recorder%02d" % number for number in range(1, hosts + 1)]
        site = make_site(hosts=names, users=[USER], instances=[
            {"host": names[number % hosts], "user": USER["name"],
             "instance_id": "%sx%d" % (names[number % hosts], number // hosts + 1)}
            for number in range(count)], **options)
        cluster = site.sim.cluster
        provisioned.add_user(cluster, USER)
        for one in site.instances:
            cluster.accounts.add_profile("application", USER["name"], one["instance_id"])
            store = provisioned.Store(str(site.store(one["instance_id"])))
            store.create()
            provisioned.keep_trust_list(store, cluster.ctl_octets())
            provisioned.keep(store, *provisioned.issue(cluster, one["instance_id"], days=days, key=key))
        return site

    return make
