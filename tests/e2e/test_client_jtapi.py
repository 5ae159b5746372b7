# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role client_jtapi on a host that already holds a certificate."""

from __future__ import annotations

import datetime
import stat

import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _store
from collection_path import ROOT
from provisioned import SECURE
from simulator import Simulator, pki

HOSTS, USER = ("recorder01",), {"name": "recorder_tapi", "password": "Recorder-Secret-0002"}
INSTANCE = {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"}
PASSWORD = "Store-Secret-0007"
INI = "# made by hand\nTracePath=.\nSecurityProperty=other,7,4711081547,192.0.2.1,3804,192.0.2.1,69,/x,true,true\n"
RECORD = "recorder_tapi,recorder01x1,,127.0.0.1,{capf},127.0.0.1,{tftp},{folder}/,true,true,false;"
STORE = "JtapiClientKeyStore-recorder_tapi-recorder01x1"
ROLE = {"ansible.builtin.include_role": {"name": "voiceops.secure_tsp.client_jtapi"}}
PREFLIGHT = {"ansible.builtin.import_role": {"name": "voiceops.secure_tsp.secure_tsp", "tasks_from": "preflight", "rolespec_validate": False}}


def certified(site):
    """Key and certificate as an enrolment leaves them."""
    store = _store.Store(site.store("recorder01x1"))
    store.create()
    key = pki.vector("ccm2").key
    now = datetime.datetime.now(datetime.timezone.utc)
    store.write(_store.KEY, _pki.key_to_pem(key))
    store.write(_store.CERTIFICATE, pki.issue_lsc(
        site.sim.cluster.certificates.capf, _pki.public_key_der(key), "CTI-recorder01x1", now, now + datetime.timedelta(days=9)))


def test_key_store_settings_and_restart(make_site):
    site = make_site(hosts=HOSTS, users=[USER], instances=[INSTANCE])
    folder = site.controller.hosts / "recorder01" / "certificates"
    ini, restarts = folder.parent / "jtapi.ini", folder.parent / "restarts"
    folder.parent.mkdir()
    ini.write_text(INI)
    handler = site.controller.folder / "restart.yml"
    handler.write_text(yaml.safe_dump([{
        "name": "Restart", "ansible.builtin.shell": "echo once >>%s" % restarts}]))
    playbook = site.controller.folder / "jtapi.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "secure_tsp", "gather_facts": False, "tasks": [PREFLIGHT, {
        **ROLE,
        "vars": {
            "client_jtapi_folder": str(folder), "client_jtapi_formats": ["pkcs12", "pem"],
            "client_jtapi_store_password": PASSWORD, "client_jtapi_ini_path": str(ini),
            "client_jtapi_ini": {"TracePath": "/var/log/jtapi", "NumTraceFiles": 50},
            "client_jtapi_restart_handler": str(handler),
        }}]}]))

    site.run("--check", "--diff", playbook=playbook)
    assert not folder.exists() and ini.read_text() == INI and not restarts.exists()

    certified(site)
    first = site.run("-vvvv", playbook=playbook)
    store = folder / STORE
    stored = _pki.open_key_store(store.read_bytes(), PASSWORD)
    assert (stored.certificate, stored.alias, stored.chain) == (site.lsc("recorder01x1"), "recorder_tapirecorder01x1", ())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, ini, *folder.iterdir())}
    assert modes == {"certificates": 0o700, "jtapi.ini": 0o640, store.name: 0o600,
                     "recorder_tapi-recorder01x1.pem": 0o600}
    record = RECORD.format(capf=site.sim.capf_port, tftp=site.sim.tftp_port, folder=folder)
    assert ini.read_text() == (
        INI.replace("TracePath=.", "TracePath=/var/log/jtapi").replace("true\n", "true;%s\n" % record) + "NumTraceFiles=50\n")
    assert restarts.read_text() == "once\n"
    assert "127.0.0.1;login=recorder_tapi;passwd=<password of the user>;InstanceID=recorder01x1;CertStorePassphrase=<client_" in first.text
    for secret in (PASSWORD, "4711081547", "BEGIN PRIVATE KEY"):
        assert secret not in first.output

    before = site.files()
    second = site.run(playbook=playbook)
    assert second.count("changed") == 0 and site.files() == before

    site.instances[0]["state"] = "absent"
    (folder / STORE.replace("Client", "Server")).write_bytes(b"what JTAPI wrote")
    site.run(playbook=playbook)
    assert "recorder_tapi" not in ini.read_text() and "other,7,4711081547,192.0.2.1,3804,192.0.2.1,69,/x,true,true;\n" in ini.read_text()
    assert list(folder.iterdir()) == [] and restarts.read_text() == "once\nonce\n"


def example_site(make_site, **settings):
    """A fleet of one application that logs what it finds when it is stopped and started."""
    site = make_site(hosts=HOSTS, users=[USER], instances=[INSTANCE])
    home = site.controller.hosts / "recorder01" / "app"
    home.mkdir(parents=True)
    for name in ("stop", "start"):
        (site.controller.folder / (name + ".yml")).write_text(yaml.safe_dump([{"name": name, "ansible.builtin.shell": (
            "echo %s $(ls %s) $(grep -c recorder01x1 %s/jtapi.ini) >>%s/log" % (name, home / "certificates", home, home))}]))
        site.settings["secure_tsp_%s_handler" % name] = str(site.controller.folder / (name + ".yml"))
    site.settings.update({
        "client_jtapi_folder": str(home / "certificates"), "client_jtapi_store_password": PASSWORD,
        "client_jtapi_ini_path": str(home / "jtapi.ini"), **settings})
    return site, home


def test_kind_8_the_example_has_everything_on_the_host_before_the_cutover(make_site):
    site, home = example_site(make_site)
    run = site.run(playbook=ROOT / "docs" / "examples" / "jtapi.yml")
    assert (home / "log").read_text() == "stop %s 1\nstart %s 1\n" % (STORE, STORE)
    assert "verified" in run.text
    assert SECURE in site.groups("application:recorder_tapi")
    assert _pki.open_key_store((home / "certificates" / STORE).read_bytes(), PASSWORD).certificate == site.lsc("recorder01x1")
    assert PASSWORD not in run.output
    again = site.run(playbook=ROOT / "docs" / "examples" / "jtapi.yml")
    assert again.count("changed") == 0


def test_kind_8_without_its_key_store_nobody_is_cut_over(make_site):
    site, home = example_site(make_site, client_jtapi_store_password="")
    run = site.run(playbook=ROOT / "docs" / "examples" / "jtapi.yml", rc=2)
    assert "Key stores require client_jtapi_store_password" in run.text
    assert SECURE not in site.groups("application:recorder_tapi")
    assert not (home / "log").exists() or "stop" not in (home / "log").read_text()


def test_kind_8_the_role_alone_says_what_goes_before_it(make_site):
    site, _home = example_site(make_site)
    playbook = site.controller.folder / "alone.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "secure_tsp", "gather_facts": False, "tasks": [ROLE]}]))
    assert "The stage 'Check lists, window and clusters' did not run before this one" in site.run(playbook=playbook, rc=2).text
    site.settings["client_jtapi_formats"] = ["pkcs12", "bcfks"]
    playbook.write_text(yaml.safe_dump([{"hosts": "secure_tsp", "gather_facts": False, "tasks": [PREFLIGHT, ROLE]}]))
    assert "JTAPI 11.5 to 14 reads pkcs12, JTAPI 15 reads bcfks" in site.run(playbook=playbook, rc=2).text


def test_an_application_that_moves_to_another_cluster_keeps_its_key_store(make_site):
    """The same user and ID: absent on one cluster, present on the other."""
    users = [dict(USER, cluster=cluster) for cluster in ("main", "apac")]
    instances = [dict(INSTANCE, cluster=cluster) for cluster in ("main", "apac")]
    site = make_site(hosts=HOSTS, users=users, instances=instances)
    folder, playbook = site.controller.hosts / "recorder01" / "certificates", ROOT / "docs" / "examples" / "jtapi.yml"
    with Simulator(ris_per_minute=1000) as apac:
        for one in site.instances:
            one["store"] = str(site.controller.hosts / "recorder01" / one["cluster"] / one["instance_id"])
        site.settings.update(
            secure_tsp_clusters={"main": site.cluster, "apac": apac.cluster_entry()}, client_jtapi_folder=str(folder),
            client_jtapi_store_password=PASSWORD, client_jtapi_ini_path=str(folder.parent / "jtapi.ini"))
        folder.parent.mkdir()
        both, site.instances = site.instances, site.instances[:1]
        site.run(playbook=playbook)
        former = (folder / STORE).read_bytes()
        both[0]["state"], site.instances = "absent", both
        site.run(playbook=playbook)
        assert (folder / STORE).read_bytes() != former
        assert apac.cluster.cti_certificate(_pki.open_key_store((folder / STORE).read_bytes(), PASSWORD).certificate).user == USER["name"]
        assert "recorder_tapi,recorder01x1" in (folder.parent / "jtapi.ini").read_text()
        assert site.run(playbook=playbook).count("changed") == 0
