# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""First contact is proven, not hoped for: the trust list comes by TFTP, which proves nothing; AXL comes over verified TLS."""

from __future__ import annotations

import pytest
from simulator import Simulator

USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "devices": ["SEP001122334450"]}
INSTANCES = [{"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x%d" % n} for n in (1, 2)]
CERTIFICATES = "executeSQLQuery"


@pytest.fixture
def site(make_site):
    return make_site(hosts=["recorder01"], users=[USER], instances=INSTANCES[:1])


@pytest.fixture
def impostor(site):
    """Somebody who answers TFTP, CAPF and CTI Manager in the cluster's place, with everything of an own cluster."""
    other = Simulator(seed={"devices": []})
    other.start()
    for name in ("callmanager", "itlrecovery", "capf"):
        other.act("regenerate", certificate=name)
    other.cluster.accounts.add_user("application", "recorder_tapi", password=USER["password"], groups=["Standard CTI Enabled"])
    other.cluster.accounts.add_profile("application", "recorder_tapi", "recorder01x1")
    entry = other.cluster_entry()
    site.cluster.update((name, entry[name]) for name in ("tftp_port", "capf_port", "cti_port"))
    yield other
    other.stop()


def test_a_list_that_axl_confirms_is_no_longer_trusted_on_first_use(site):
    run = site.run()
    assert run.states == {"recorder01x1": "verified"} and "trusted on first use" not in run.text


def test_an_impostor_is_refused_before_anything_is_sent(site, impostor):
    """S2: the list of the real cluster is confirmed 4 of 4, the impostor's 0 of 4."""
    run = site.run(rc=2)
    assert run.states == {"recorder01x1": "failed"}
    message = run.remarks["recorder01x1"]
    assert "names none of the certificates that the cluster itself returns" in message and "utils ctl update CTLFile" in message
    assert site.armed() == [] and not site.files()
    assert not impostor.cluster.counters["AUTH_RESPONSE"]


def test_where_axl_does_not_tell_who_issued_a_certificate_shows_in_the_profile(site, impostor):
    """The string is lost then, and that is said; nothing of the impostor stays."""
    impostor.act("set_profile", instance_id="recorder01x1", operation="Install/Upgrade", string="9876543210",
                 mode="By Authentication String", deadline=impostor.cluster.now() + 3600)
    site.instances[0]["authorization_string"] = "9876543210"
    site.settings["secure_tsp_ctl_on_contradiction"] = "warn"
    run = site.run(rc=2)
    assert run.states == {"recorder01x1": "failed"} and "enrolled with somebody else" in run.remarks["recorder01x1"]
    assert site.armed() == []
    assert not [path for path in site.files() if "QBEClient" in path or "ctl.tlv" in path]


def test_the_list_of_a_neighbour_vouches_for_the_next_instance(site):
    site.run()
    site.instances = [dict(one) for one in INSTANCES]
    site.sim.faults.add("axl", "fault", CERTIFICATES, code=5000, message="no such table certificate", times=None)
    run = site.run(rc=None)
    assert "trusted on first use" not in run.text


def test_the_controller_fetches_for_a_host_that_cannot(site):
    """S22, S23: TFTP answers on the controller only; here the host asks for a port on which nobody is."""
    site.settings["secure_tsp_ctl_from"] = "controller"
    run = site.run()
    assert run.states == {"recorder01x1": "verified"}
    assert site.sim.cluster.counters["tftp.RRQ"] == 1
