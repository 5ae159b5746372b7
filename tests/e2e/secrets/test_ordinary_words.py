# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Field report A1: secrets that are words of our sentences, numbers of ports and years, decide nothing in any playbook."""

from __future__ import annotations

import pytest

HOSTS = ("recorder02",)
WORDS = {"recorder_tapi": "connected", "dialer": "certificate"}


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site(hosts=HOSTS, password="publisher")
    site.instances = [one for one in site.instances if one["host"] in HOSTS]
    site.users = [dict(user, password=WORDS[user["name"]]) for user in site.users if user["name"] in WORDS]
    for instance, string in zip(site.instances, ("2749", "2026")):
        instance["authorization_string"] = string
    site.settings["secure_tsp_key_passphrase"] = "trust list"
    return site


@pytest.mark.parametrize(("playbook", "words"), [
    ("site", ()), ("verify", ()), ("drift", ("-e", "secure_tsp_drift_ris=false")), ("diagnose", ()), ("site", ("--check",)),
    ("upgrade_certificates", ("-e", '{"secure_tsp_upgrade_instances": ["recorder02x1"]}')),
])
def test_a_run_ends_as_with_any_other_secret(site, playbook, words):
    run = site.run(*words, playbook=playbook)
    assert "because a secret stands in it" not in run.output
    if playbook in ("site", "verify") and not words:
        assert set(run.states.values()) == {"verified"}
    if playbook == "upgrade_certificates":
        assert run.states["recorder02x1"] == "verified"


def test_a_secret_that_is_part_of_an_address_of_the_lists_is_refused_by_what_it_is(site):
    site.users[0]["password"] = "127.0.0"
    run = site.run(rc=2)
    assert "user recorder_tapi: its password is part of" in run.output and "where it could be read; choose another one" in run.output
