# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster whose CAPF has its certificates issued by an online CA (field report T4), with playbooks."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from simulator import pki

HOSTS, USER = ("recorder01",), {"name": "recorder_tapi", "password": "Recorder-Secret-0002"}
INSTANCE = {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"}
PASSWORD, STORE = "Store-Secret-0007", "JtapiClientKeyStore-recorder_tapi-recorder01x1"
DELIVER = [
    {"ansible.builtin.import_role": {"name": "voiceops.secure_tsp.secure_tsp", "tasks_from": "preflight", "rolespec_validate": False}},
    {"ansible.builtin.include_role": {"name": "voiceops.secure_tsp.client_jtapi"}},
]


@pytest.fixture(scope="module")
def authority():
    return pki.capf_authority("Example Issuing CA 1")


@pytest.fixture
def site(make_site, authority):
    """A fleet of one; the CA is known to nobody."""
    made = make_site(hosts=HOSTS, users=[USER], instances=[INSTANCE], fresh_keys=True)
    made.sim.cluster.use_online_ca(authority, in_capf_trust=False)
    return made


def test_t4_without_the_authority_no_string_is_used_up(site):
    before = site.everything()
    run = site.run(rc=2)
    assert "An online CA issues certificates for CAPF" in run.output and "as issuers of the cluster" in run.output
    assert site.everything() == before and site.armed() == []


def test_t4_with_the_authority_everything_goes_its_way(site, authority):
    """Enrolled, proven, kept, no drift, and delivered with its chain to a Java application."""
    path = site.controller.folder / "issuers.pem"
    path.write_bytes(authority.pem)
    site.cluster["issuers"] = [str(path)]
    first = site.run()
    assert first.states == {"recorder01x1": "verified"}
    assert _pki.is_issued_by(site.lsc("recorder01x1"), authority.der)
    again = site.run()
    assert again.count("changed") == 0 and site.armed() == []

    site.settings.update({"secure_tsp_soon_days": 0})
    drift = site.run("-e", "secure_tsp_drift_ris=false", playbook="drift")
    assert "online_ca" not in drift.output and "wrong_issuer" not in drift.output

    folder = site.controller.hosts / "recorder01" / "certificates"
    playbook = site.controller.folder / "jtapi.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "secure_tsp", "gather_facts": False, "tasks": DELIVER, "vars": {
        "client_jtapi_folder": str(folder), "client_jtapi_store_password": PASSWORD, "client_jtapi_chain": True}}]))
    site.run(playbook=playbook)
    stored = _pki.open_key_store((folder / STORE).read_bytes(), PASSWORD)
    assert (stored.certificate, stored.chain) == (site.lsc("recorder01x1"), (authority.der,))
    assert site.run(playbook=playbook).count("changed") == 0


def test_t4_the_authority_in_capf_trust_is_read_by_AXL(make_site, authority):
    site = make_site(hosts=HOSTS, users=[USER], instances=[INSTANCE], fresh_keys=True)
    site.sim.cluster.use_online_ca(authority)
    site.cluster["tls_legacy"] = True
    run = site.run()
    assert run.states == {"recorder01x1": "verified"}
    told = " ".join(run.output.split())
    assert "Cluster main: tls_legacy allows outdated TLS versions" in told and "do not need tls_legacy. Remove it" in told
    del site.cluster["tls_legacy"]
    site.sim.cluster.online_ca = None
    other = pki.capf_authority("Example Issuing CA 2")
    site.sim.cluster.use_online_ca(other)  # the CA was changed; what the former one issued stays good while both are trusted
    assert site.run().count("changed") == 0
