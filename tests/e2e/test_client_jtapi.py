# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role client_jtapi on a host that already holds a certificate."""

from __future__ import annotations

import datetime
import stat

import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _store
from simulator import pki

HOSTS, USER = ("recorder01",), {"name": "recorder_tapi", "password": "Recorder-Secret-0002"}
INSTANCE = {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"}
PASSWORD = "Store-Secret-0007"
INI = "# made by hand\nTracePath=.\nSecurityProperty=other,7,4711081547,192.0.2.1,3804,192.0.2.1,69,/x,true,true\n"
RECORD = "recorder_tapi,recorder01x1,,127.0.0.1,{capf},127.0.0.1,{tftp},{folder},true,true"


def certified(site):
    """Key and certificate as the role certificate leaves them."""
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
    playbook.write_text(yaml.safe_dump([{"hosts": "secure_tsp", "gather_facts": False, "tasks": [{
        "ansible.builtin.include_role": {"name": "voiceops.secure_tsp.client_jtapi"},
        "vars": {
            **{"client_jtapi_" + part: "{{ secure_tsp_%s }}" % part for part in ("clusters", "users", "instances")},
            "client_jtapi_folder": str(folder), "client_jtapi_formats": ["pkcs12", "pem"],
            "client_jtapi_store_password": PASSWORD, "client_jtapi_ini_path": str(ini),
            "client_jtapi_ini": {"TracePath": "/var/log/jtapi", "NumTraceFiles": 50},
            "client_jtapi_security_records": True, "client_jtapi_certificate_status": "true",
            "client_jtapi_restart_handler": str(handler),
        }}]}]))

    site.run("--check", "--diff", playbook=playbook)
    assert not folder.exists() and ini.read_text() == INI and not restarts.exists()

    certified(site)
    first = site.run("-vvvv", playbook=playbook)
    store = folder / "recorder_tapi-recorder01x1.p12"
    stored = _pki.open_key_store(store.read_bytes(), PASSWORD)
    assert (stored.certificate, stored.alias, stored.chain) == (site.lsc("recorder01x1"), "recorder_tapirecorder01x1", ())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, ini, *folder.iterdir())}
    assert modes == {"certificates": 0o700, "jtapi.ini": 0o640, store.name: 0o600, store.name[:-3] + "pem": 0o600}
    record = RECORD.format(capf=site.sim.capf_port, tftp=site.sim.tftp_port, folder=folder)
    assert ini.read_text() == (
        INI.replace("TracePath=.", "TracePath=/var/log/jtapi").replace("true\n", "true;%s\n" % record) + "NumTraceFiles=50\n")
    assert restarts.read_text() == "once\n"
    for secret in (PASSWORD, "4711081547", "BEGIN PRIVATE KEY"):
        assert secret not in first.output

    before = site.files()
    second = site.run(playbook=playbook)
    assert second.count("changed") == 0 and site.files() == before

    site.instances[0]["state"] = "absent"
    site.run(playbook=playbook)
    assert list(folder.iterdir()) == [] and restarts.read_text() == "once\nonce\n"
