# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Windows host with a TSP and a Java application on one cluster, and a Java application of the same ID on another one, with probes."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import bouncy_castle
import provisioned
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _store_archive
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._store import Store
from controller import ROOT
from simulator import Simulator
from windows_site import SEED

HOST, TSP, JAVA, SAME = "attendant01", "attendant01x1", "attendant01j1", "attendant01j2"
FOLDER = "C:\\Attendant"
PASSWORD = "Store-Secret-0007"
PLAYBOOK = ROOT / "docs" / "examples" / "jtapi.yml"
USERS = {"main": "attendant_jtapi", "apac": "desk_jtapi"}
ROLLBACK = {"secure_tsp_rollback_instances": ["main/" + JAVA]}


@pytest.fixture(scope="module")
def site(make_windows_site):
    """After check mode and the first run."""
    site = make_windows_site(HOST, fronts=None)
    site.use_profile()
    site.install(HOST)
    with Simulator(seed=SEED, ris_per_minute=1000) as apac:
        site.clusters = {"main": site.sim, "apac": apac}
        site.settings.update(
            secure_tsp_clusters={name: sim.cluster_entry() for name, sim in site.clusters.items()},
            client_windows_allow_reboot=True, secure_tsp_probe=True)
        site.users = [dict(site.users[0], cluster="main")] + [
            {"name": user, "password": "Attendant-Secret-0003", "devices": ["SEP001122334450"], "cluster": cluster} for cluster, user in USERS.items()]
        site.instances = [{"host": HOST, "cluster": "main", "user": "recorder_tapi", "instance_id": TSP, "tsp_number": 1}] + [
            {"host": HOST, "cluster": cluster, "user": user, "instance_id": JAVA, "client": "jtapi"} for cluster, user in USERS.items()]
        site.hosts[HOST] = {"client_jtapi_folder": FOLDER, "client_jtapi_store_password": PASSWORD}
        site.checked = site.run("--check", playbook=PLAYBOOK)
        site.first = site.run(playbook=PLAYBOOK)
        yield site


def archive(cluster):
    return "C:\\Program Files\\secure_tsp\\%s\\%s\\store.zip" % (cluster, JAVA)


def certificate(site, cluster, place="QBEClient.cer"):
    with zipfile.ZipFile(io.BytesIO(site.read(HOST, archive(cluster)))) as opened:
        return opened.read(place)


def key_store(cluster):
    return "%s\\JtapiClientKeyStore-%s-%s" % (FOLDER, USERS[cluster], JAVA)


def states(run):
    """{(cluster, instance): state} of the summary."""
    (result,) = run.results("Print the summary of the run", status="ok")
    return {(row["cluster"], row["instance_id"]): row["state"] for row in result["rows"]}


def test_one_run_brings_all_of_them(site):
    assert set(states(site.checked).values()) == {"would enrol"}
    assert set(states(site.first).values()) == {"verified"} and set(states(site.first)) == {
        ("main", TSP), *((cluster, JAVA + suffix) for cluster in USERS for suffix in ("", "probe"))}
    for cluster, user in USERS.items():
        known = site.clusters[cluster].cluster.cti_certificate(certificate(site, cluster))
        assert (known.instance_id, known.user) == (JAVA, user)
        stored = _pki.open_key_store(site.read(HOST, key_store(cluster)), PASSWORD)
        assert stored.certificate == certificate(site, cluster)
    assert site.sim.cluster.cti_certificate(site.certificate(HOST)).instance_id == TSP


def test_probes_are_beside_the_certificates_of_java_applications(site):
    for cluster in USERS:
        found = site.clusters[cluster].cluster.cti_certificate(certificate(site, cluster, "probe/QBEClient.cer"))
        assert found.instance_id == JAVA + "probe"


def test_a_second_run_changes_nothing_and_drift_opens_the_probes(site):
    before = site.state(HOST)["files"]
    second = site.run(playbook=PLAYBOOK)
    assert second.count("changed") == 0 and site.state(HOST)["files"] == before
    for cluster, user in USERS.items():
        site.clusters[cluster].cluster.list_application(user, site.addresses[HOST], 50001, instance_id=JAVA)
    site.settings["secure_tsp_drift_probe"] = True
    try:
        drift = site.run(playbook="drift", rc=None)
    finally:
        del site.settings["secure_tsp_drift_probe"]
    assert "probe_failed" not in drift.text and "not_probed" not in drift.text, drift.text
    assert drift.rc == 0 and site.state(HOST)["files"] == before


def test_rollback_restores_the_previous_pair_in_the_archive(site, tmp_path):
    """A new certificate is in place and nothing has proven it yet."""
    former, other = certificate(site, "main"), site.read(HOST, archive("apac"))
    _store_archive.unpack(site.read(HOST, archive("main")), str(tmp_path), "the archive")
    store, key = Store(str(tmp_path)), _pki.generate_key("rsa", 2048)
    store.begin(_pki.key_to_pem(key))
    store.stage(provisioned.issue(site.sim.cluster, JAVA, key=key)[1])
    store.commit()
    files = dict(site.state(HOST)["files"])
    files[archive("main")] = dict(files[archive("main")], content=base64.b64encode(_store_archive.pack(str(tmp_path))).decode())
    site.change(HOST, files=files)
    assert certificate(site, "main") != former

    checked = site.run("--check", "-e", json.dumps(ROLLBACK), playbook="rollback")
    assert states(checked) == {("main", JAVA): "would be restored"} and certificate(site, "main") != former
    run = site.run("-e", json.dumps(ROLLBACK), playbook="rollback")
    assert states(run) == {("main", JAVA): "restored"} and certificate(site, "main") == former
    assert site.read(HOST, archive("apac")) == other
    again = site.run("-e", json.dumps(ROLLBACK), playbook="rollback")
    assert states(again) == {("main", JAVA): "nothing to put back"} and again.count("changed") == 0


def test_applications_that_jtapi_takes_for_one_are_refused(site):
    """The same user and ID on both clusters: before anything is changed on either."""
    users, instances = site.users, site.instances
    site.users = [*users, dict(users[1], cluster="apac")]
    site.instances = [dict(one, user=USERS["main"], instance_id=SAME) for one in instances[1:]]
    before = [sim.cluster.state_hash() for sim in site.clusters.values()]
    try:
        run = site.run(playbook=PLAYBOOK, rc=2)
    finally:
        site.users, site.instances = users, instances
    assert "the instances main/%s and apac/%s have the same user and the same ID" % (SAME, SAME) in run.text and "Nothing was changed" in run.text
    assert [sim.cluster.state_hash() for sim in site.clusters.values()] == before


@pytest.mark.skipif(bool(bouncy_castle.MISSING), reason=bouncy_castle.MISSING)
def test_the_controller_makes_the_key_store_of_jtapi_15(site, tmp_path):
    site.hosts[HOST].update(client_jtapi_formats=["bcfks"], client_jtapi_bouncy_castle=bouncy_castle.JARS[0])
    run = site.run("-vvvv", playbook=PLAYBOOK)
    assert PASSWORD not in run.output
    octets = site.read(HOST, key_store("main"))
    assert bytes.fromhex("06092a864886f70d01050d") in octets[:40]
    again = site.run(playbook=PLAYBOOK)
    assert again.count("changed") == 0 and site.read(HOST, key_store("main")) == octets
