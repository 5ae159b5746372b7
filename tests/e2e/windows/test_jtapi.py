# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Java application on Windows beside a TSP and a Linux host, in order: checked, provisioned, left alone, renewed with a handover that
fails, damaged, decommissioned. The controller enrols for it, so what the controller keeps and shows is looked at, too."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import pytest
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from controller import ROOT

SECURE = "Standard CTI Secure Connection"
HOST, NAME = "attendant01", "attendant01x1"
STORE = "C:\\Programme für Büros\\secure_tsp\\" + NAME  # blanks and letters beyond ASCII
ARCHIVE = STORE + "\\store.zip"
APPLICATION = "D:\\Attendant App"
KEY_STORE = APPLICATION + "\\certificates\\JtapiClientKeyStore-attendant_jtapi-" + NAME
INI = APPLICATION + "\\jtapi.ini"
PASSWORD = "Store-Secret-0007"
OLD_STRING = "4711081547"
OLD = "TracePath=.\r\nSecurityProperty=other,7,%s,192.0.2.1,3804,192.0.2.1,69,C:/x/,true,true\r\n" % OLD_STRING
PLAYBOOK = ROOT / "docs" / "examples" / "jtapi.yml"
UPGRADE = json.dumps({"secure_tsp_upgrade_instances": [NAME]})


class Plain(yaml.SafeLoader):
    """With texts that Ansible is told not to template."""


Plain.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def made_site(make_windows_site):
    site = make_windows_site("recorder01", HOST, fronts=None)
    site.use_profile()
    site.add_other("logger01")
    site.users.append({"name": "attendant_jtapi", "password": "Attendant-Secret-0003", "devices": ["SEP001122334450"]})
    site.instances[1:2] = [{"host": HOST, "user": "attendant_jtapi", "instance_id": NAME, "client": "jtapi", "store": STORE}]
    site.settings["client_windows_allow_reboot"] = True
    site.hosts[HOST] = {
        "client_jtapi_folder": APPLICATION + "\\certificates", "client_jtapi_owner": "NT SERVICE\\Attendant",
        "client_jtapi_store_password": PASSWORD, "client_jtapi_ini_path": INI, "client_jtapi_ini": {"NumTraceFiles": 50},
        "client_jtapi_service": "Attendant"}
    state = site.state(HOST)
    state["registry"] = {}
    state["services"] = {"Attendant": {
        "display_name": "Attendant", "state": "started", "start_mode": "auto", "dependencies": []}}
    state["files"][INI] = {"content": base64.b64encode(OLD.encode()).decode(), "modified": 1000.0}
    site.write(HOST, state)
    return site


def file_of(site, path):
    return site.read(HOST, path)


def held(octets):
    """{path: octets} of a store."""
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lsc(site):
    return held(file_of(site, ARCHIVE))["QBEClient.cer"]


def things(site):
    state = site.state(HOST)
    return {part: state.get(part) for part in ("files", "acl", "services")}


def keys_left(site):
    """Files with a private key that a run left on the controller."""
    return [path for path in site.controller.folder.rglob("*") if site.controller.hosts not in path.parents and (
        path.parent.name == "handover" or path.name.startswith("QBEClient") or path.suffix == ".zip" or "stores-" in str(path))]


def calls(site):
    return [name.rpartition(".")[2] for name in site.state(HOST)["calls"]]


@pytest.fixture(scope="module")
def site(make_windows_site):
    """Check mode, then the first run, each with all output."""
    site = made_site(make_windows_site)
    before = site.sim.cluster.state_hash(), things(site)
    site.checked = site.run("--check", "--diff", "-vvvv", playbook=PLAYBOOK)
    site.unchanged = before == (site.sim.cluster.state_hash(), things(site))
    site.change(HOST, calls=[])
    site.first = site.run("-vvvv", "--diff", playbook=PLAYBOOK)
    site.calls_of_first = calls(site)
    return site


def test_check_mode_writes_nothing(site):
    assert site.unchanged and keys_left(site) == []
    assert site.checked.states[NAME] == "would enrol"


def test_one_run_provisions_all_three(site):
    assert site.first.states == {"recorder01x1": "verified", "logger01x1": "verified", NAME: "verified"}
    row = site.first.rows[NAME]
    assert row["ACTION"] == "enrolled" and row["VERIFIED BY"] == "application (1 device, 2 lines)"
    assert "The controller opened the provider, so the address that CTI Manager saw was the controller's." in row["REMARK"]
    assert SECURE in site.sim.cluster.snapshot()["users"]["application:attendant_jtapi"]["groups"]


def test_what_the_host_got(site):
    store = held(file_of(site, ARCHIVE))
    assert {"ctl.tlv", "QBEClient.key.pem", "QBEClient.cer", "proven", "CallManager.cer"} <= set(store)
    assert not [name for name in store if name.startswith(("pending", "previous"))]
    stored = _pki.open_key_store(file_of(site, KEY_STORE), PASSWORD)
    assert (stored.certificate, stored.alias) == (store["QBEClient.cer"], "attendant_jtapi" + NAME)
    assert file_of(site, INI).decode() == OLD.replace("true\r\n", "true;attendant_jtapi,%s,,127.0.0.1,%d,127.0.0.1,%d,%s,true,true,false;\r\n" % (
        NAME, site.sim.capf_port, site.sim.tftp_port, "D:/Attendant App/certificates/")) + "NumTraceFiles=50\r\n"


def test_folders_have_their_rights_before_there_is_a_file_in_them(site):
    acl = site.state(HOST)["acl"]
    full = [["allow", sid, "FullControl"] for sid in ("S-1-5-18", "S-1-5-32-544")]
    assert acl[STORE] == {"inherits": False, "rules": full}
    assert acl[APPLICATION + "\\certificates"] == {"inherits": False, "rules": full + [["allow", "NT SERVICE\\Attendant", "Modify"]]}
    said = site.calls_of_first
    assert said.index("win_file") < said.index("win_acl") < said.index("win_acl_inheritance") < said.index("win_copy")
    assert said.count("win_service") == 1 and said.index("win_service") > len(said) - 1 - said[::-1].index("win_copy") - 8


def test_secrets_are_nowhere(site):
    key = held(file_of(site, ARCHIVE))["QBEClient.key.pem"].decode()
    secrets = [*site.secrets(), PASSWORD, OLD_STRING, "PRIVATE KEY", key.splitlines()[1]]
    for run in (site.checked, site.first):
        assert [secret for secret in secrets if secret in run.output] == []
    assert [(path, secret) for path, text in site.everywhere() for secret in secrets if secret in text
            and site.controller.hosts not in path.parents] == []
    assert keys_left(site) == []


def test_second_run_and_drift_find_nothing(site):
    before = things(site)
    second = site.run(playbook=PLAYBOOK)
    assert second.count("changed") == 0 and things(site) == before
    assert second.states[NAME] in ("ok", "verified")
    site.sim.cluster.list_application("attendant_jtapi", site.addresses[HOST], 50001, instance_id=NAME, devices=["SEP001122334450"],
                                      lines=[("SEP001122334450", "1000")])
    site.settings["secure_tsp_report_folder"] = str(site.controller.folder / "report")
    try:
        site.run(playbook="drift", rc=None)
    finally:
        del site.settings["secure_tsp_report_folder"]
    found = json.loads((site.controller.folder / "report" / "report.json").read_text())["findings"]
    assert [one for one in found if one["host"] == HOST] == [] and things(site) == before


def test_the_playbooks_that_only_look_treat_it_like_others(site):
    """The application is connected, so that nothing is opened beside it."""
    before = things(site)
    verified = site.run(playbook="verify", rc=None)
    assert verified.states[NAME] == "verified" and verified.rows[NAME]["VERIFIED BY"].startswith("ris (1 open")
    diagnosis = site.run("-e", "secure_tsp_diagnose_instance=" + NAME, playbook="diagnose")
    assert "%s on %s: works" % (NAME, HOST) in diagnosis.text and "the cluster's, created" in diagnosis.text
    site.run("-e", json.dumps({"secure_tsp_adopt_paths": [STORE.rpartition("\\")[0]]}), playbook="adopt")
    lists = yaml.load((site.controller.folder / "adopted.yml").read_text(), Loader=Plain)
    (mine,) = [one for one in lists["secure_tsp_instances"] if one["instance_id"] == NAME]
    assert (mine["host"], mine["client"], mine["store"]) == (HOST, "jtapi", STORE) and things(site) == before


# A certificate that CAPF issued, and that the host did not get


@pytest.fixture(scope="module")
def failing(site):
    """An upgrade while the host's disk takes one more file: the new key arrives, the certificate does not."""
    site.former = lsc(site)
    for number in site.sim.cluster.providers():
        if number.address == site.addresses[HOST]:
            site.sim.cluster.close_provider(number.number)
    site.change(HOST, room=1)
    run = site.run("-e", UPGRADE, "-vvvv", playbook="upgrade_certificates", rc=2)
    site.change(HOST, room=None)
    return run


def kept(site):
    return [path for path in (site.controller.folder / "home" / ".voiceops" / "handover").iterdir() if path.is_file()]


def test_the_controller_keeps_it(site, failing):
    assert failing.states[NAME] == "failed"
    (path,) = kept(site)
    assert "CAPF issued the certificate, but the host did not receive it" in failing.remarks[NAME]
    assert "There is not enough space on the disk" in failing.remarks[NAME] and str(path) in failing.text
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    store = held(file_of(site, ARCHIVE))
    assert store["QBEClient.cer"] == site.former and "pending/QBEClient.key.pem" in store, "the key was there before CAPF was asked"
    assert held(path.read_bytes())["QBEClient.key.pem"] == store["pending/QBEClient.key.pem"]
    profile = site.sim.cluster.accounts.profile(NAME)
    assert not profile.armed and not profile.string
    assert "PRIVATE KEY" not in failing.output and not [path for path in keys_left(site) if path.parent.name != "handover"]


@pytest.fixture(scope="module")
def finished(site, failing):
    site.issued = held(kept(site)[0].read_bytes())["QBEClient.cer"]
    site.sim.cluster.reset_counters()
    return site.run(playbook=PLAYBOOK)


def test_the_next_run_hands_it_over_without_a_new_string(site, failing, finished):
    assert finished.states[NAME] == "verified" and finished.rows[NAME]["ACTION"] == "resumed"
    assert "the host received the certificate that an earlier run could not hand over" in finished.text
    assert lsc(site) == site.issued != site.former and kept(site) == []
    assert not [name for name, count in site.sim.cluster.counters.items() if "CapfProfile" in name and "update" in name and count]
    assert _pki.open_key_store(file_of(site, KEY_STORE), PASSWORD).certificate == site.issued


def test_a_damaged_store_is_drift_and_is_not_written_over(site, finished):
    whole = site.state(HOST)["files"][ARCHIVE]
    files = dict(site.state(HOST)["files"], **{ARCHIVE: {"content": base64.b64encode(b"PK nothing").decode(), "modified": 1.0}})
    site.change(HOST, files=files)
    drift = site.run(playbook="drift", rc=2)
    assert "it is not an archive of a store" in drift.text and ARCHIVE in drift.text
    refused = site.run(playbook=PLAYBOOK, rc=2)
    assert refused.states[NAME] == "failed" and "To start again with a new key, remove it from the host" in refused.remarks[NAME]
    assert file_of(site, ARCHIVE) == b"PK nothing"
    site.change(HOST, files=dict(files, **{ARCHIVE: whole}))


def test_decommission_takes_away_what_is_ours_alone(site, finished):
    files = dict(site.state(HOST)["files"])
    files[STORE + "\\notes.txt"] = {"content": "", "modified": 1.0}
    site.change(HOST, files=files)
    site.instances[1]["state"] = "absent"
    run = site.run(playbook="decommission")
    assert run.states[NAME] == "removed" and site.sim.cluster.accounts.profile(NAME) is None
    assert [path for path in site.state(HOST)["files"] if path.startswith(STORE)] == [STORE + "\\notes.txt"]
    site.run(playbook=PLAYBOOK)
    assert file_of(site, KEY_STORE) is None and NAME not in file_of(site, INI).decode()
    assert OLD_STRING in file_of(site, INI).decode()
