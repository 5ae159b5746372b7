# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall between host and CAPF: it stops who needs a certificate, before a profile is armed, and nobody else."""

from __future__ import annotations

import pytest

HOST, OLD, NEW = "recorder01", "recorder01x1", "recorder01x2"
USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "devices": ["SEP001122334450"]}
CLOSED = "CAPF at 127.0.0.1, TCP port %d, is not reachable from this host, so no certificate can be enrolled."


@pytest.fixture(scope="module")
def shut(make_site, closed):
    """(site with one provisioned instance, the sentence): since then the port of CAPF is closed for its host."""
    site = make_site(hosts=[HOST], users=[USER], instances=[{"host": HOST, "user": USER["name"], "instance_id": OLD}])
    assert site.run().states == {OLD: "verified"}
    site.cluster["capf_port"] = closed
    return site, CLOSED % closed


def test_what_needs_no_certificate_is_fine(shut):
    site, sentence = shut
    run = site.run()
    assert run.states == {OLD: "ok"} and run.count("changed") == 0
    assert sentence in run.text


def test_what_needs_one_fails_and_no_profile_is_armed(shut):
    site, sentence = shut
    site.instances.append({"host": HOST, "user": USER["name"], "instance_id": NEW})
    run = site.run(rc=2)
    site.instances.pop()
    assert run.states == {OLD: "ok", NEW: "failed"} and sentence in run.remarks[NEW]
    assert site.armed() == [] and site.sim.cluster.accounts.profile(OLD).status == "Upgrade Success"


def test_an_upgrade_by_name_fails_and_no_profile_is_armed(shut):
    site, sentence = shut
    before = site.lsc(OLD)
    run = site.run("-e", '{"secure_tsp_upgrade_instances": ["%s"]}' % OLD, playbook="upgrade_certificates", rc=2)
    assert run.states == {OLD: "failed"} and sentence in run.remarks[OLD]
    assert site.armed() == [] and site.lsc(OLD) == before
