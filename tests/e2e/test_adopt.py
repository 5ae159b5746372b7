# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists are written from what a cluster and its hosts have already, and say the same as those that made it."""

from __future__ import annotations

import stat

import provisioned
import pytest
import yaml

MONITORING = "Standard CTI Allow Call Monitoring"
HOSTS = ("recorder01", "recorder02")
USERS = (
    {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "srtp": True, "cti_groups": [MONITORING],
     "devices": ["SEP001122334450", "SEP001122334451"]},
    {"name": "jdoe", "type": "end"},
)
INSTANCES = (
    {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"},
    {"host": "recorder02", "user": "recorder_tapi", "instance_id": "recorder02x1", "key": {"type": "rsa", "size": 4096}},
    {"host": "recorder02", "user": "jdoe", "instance_id": "recorder02x2"},
)


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site(hosts=HOSTS, users=USERS, instances=INSTANCES)
    for user in USERS:
        provisioned.add_user(site.sim.cluster, user, secure=user["name"] != "jdoe")
    for one in INSTANCES:
        kind = "end" if one["user"] == "jdoe" else "application"
        provisioned.add_instance(site.sim.cluster, site.store(one["instance_id"]), one, kind)
    accounts = site.sim.cluster.accounts
    accounts.add_profile("application", "recorder_tapi", "recorder09x1")
    accounts.set_profile("recorder02x1", key_size="4096")
    site.settings["secure_tsp_adopt_paths"] = [str(site.controller.hosts) + "/{{ inventory_hostname }}"]
    return site


@pytest.fixture(scope="module")
def adopted(site):
    """(run, text of the file)"""
    path = site.controller.folder / "adopted.yml"
    before = site.everything()
    run = site.run("-e", "secure_tsp_adopt_file=%s" % path, playbook="adopt")
    assert site.everything() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return run, path.read_text()


def test_the_lists_say_what_there_is(site, adopted):
    lists = yaml.safe_load(adopted[1])
    assert lists["secure_tsp_users"] == [
        {key: value for key, value in user.items() if key != "password"} for user in USERS[:1]
    ] + [{"name": "jdoe", "type": "end", "devices": ["SEP001122334455"]}]
    stores = {one["instance_id"]: str(site.store(one["instance_id"])) for one in INSTANCES}
    assert sorted(lists["secure_tsp_instances"], key=lambda one: one["instance_id"]) == [
        {**one, "store": stores[one["instance_id"]]} for one in INSTANCES
    ] + [{"host": "CHANGE_ME", "user": "recorder_tapi", "instance_id": "recorder09x1"}]


def test_it_says_what_a_person_has_to_do(adopted):
    run, text = adopted
    for words in ("Nothing tells on which host instance recorder09x1 of user recorder_tapi is",
                  "User jdoe is not in Standard CTI Secure Connection"):
        assert "# To do: " + words in text
        assert words in run.output
    assert "2 users and 4 instances were written to" in run.output
    assert "Secret" not in text


def test_the_file_is_not_overwritten(site, adopted):
    path = site.controller.folder / "adopted.yml"
    run = site.run("-e", "secure_tsp_adopt_file=%s" % path, playbook="adopt", rc=2)
    assert "is there already and is not overwritten" in run.output
    assert path.read_text() == adopted[1]
