# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret comes out of any playbook, however loud it is, and no stage is left out: hosts on which the collection enrols, and
scripted Windows hosts.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json

import provisioned
import pytest
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _store, _store_archive
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import table
from collection_path import ROOT
from e2e.secrets.conftest import GIVEN, PASSPHRASE, Given, Loud
from simulator import Simulator
from windows_site import FOLDER, KEY, PROVIDERS, SEED, USER, WindowsSite

HOST, FIRST, SECOND = "recorder02", "recorder02x1", "recorder02x2"
GOOD, BAD = "ansible.builtin.debug: {msg: done}", "ansible.builtin.fail: {msg: it did not work}"
INSTALLER = b"the installer"
PACKAGE = ROOT / "tests" / "vectors" / "msi" / "played-tsp-x64.msi"
STORE = "Store-Secret-0011"
CONNECTED = {"devices": ["SEP001122334450"], "tls": False}


def stages(run):
    """{(action, stage)} of those that were gone through."""
    return {(result["module"].rpartition(".")[2], result["stage"]) for result in run.results()
            if result["stage"] and result["status"] != "skipped"}


class Story:
    """Runs one after the other, what each of them let out, and who was given what."""

    def __init__(self, loud, path, patch):
        self.loud = loud
        self.given = Given(loud.site, path, patch)
        self.site = loud.site
        self.stages = set()
        self.leaks = {}
        self.codes = {}

    def run(self, name, playbook, *words, rc=0):
        run = self.loud.run(*words, rc=rc, playbook=playbook)
        assert "Traceback (most recent call last)" not in run.output, run.output
        self.stages |= stages(run)
        self.codes[name] = run.rc
        self.leaks[name] = self.loud.leaks()
        return run


def handler(site, name, line):
    path = site.controller.folder / name
    path.write_text("- name: Handle the application\n  %s\n" % line)
    return str(path)


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as found:
        yield found


@pytest.fixture(scope="module")
def on_hosts(make_loud, tmp_path_factory, patch):
    """Two instances on one host, whose application is connected."""
    story = Story(make_loud((HOST,)), tmp_path_factory.mktemp("given") / "hosts", patch)
    site, settings = story.site, story.site.settings
    site.users = [user for user in site.users if user["name"] != "jdoe"]
    good = {"secure_tsp_stop_handler": handler(site, "stop.yml", GOOD), "secure_tsp_start_handler": handler(site, "start.yml", GOOD)}
    bad = {name: handler(site, "bad.yml", BAD) for name in good}
    settings.update(good, secure_tsp_cut_connections=True, secure_tsp_probe=True,
                    secure_tsp_adopt_paths=[str(site.controller.hosts) + "/{{ inventory_hostname }}"])
    story.run("rehearse", "rehearse", rc=None)
    story.run("look", "site", "--tags", "look")
    site.sim.cluster.accounts.add_user("application", "dialer", password=site.user("dialer")["password"], groups=["Standard CTI Enabled"])
    site.sim.cluster.list_application("dialer", "127.0.0.1", 50000, **CONNECTED)
    story.run("site", "site")
    story.run("verify", "verify")
    story.run("drift", "drift", "-e", "secure_tsp_drift_probe=true", rc=None)
    story.run("diagnose", "diagnose", "-e", "secure_tsp_diagnose_instance=" + SECOND, rc=None)
    story.run("adopt", "adopt", rc=None)
    for instance in site.instances:
        instance["force"] = True
    settings.update(bad)
    story.run("upgrade with a stop handler that fails", "upgrade_certificates", rc=2)
    settings.update(good, secure_tsp_start_handler=bad["secure_tsp_start_handler"])
    story.run("upgrade with a start handler that fails", "upgrade_certificates", rc=2)
    settings.update(good)
    story.run("rollback", "rollback", "-e", '{"secure_tsp_rollback_instances": ["%s", "%s"]}' % (FIRST, SECOND), rc=None)
    settings.update(good, secure_tsp_stop_handler=bad["secure_tsp_stop_handler"], secure_tsp_verify_with="application")
    story.run("verify with a stop handler that fails", "verify", rc=2)
    settings.update(good, secure_tsp_verify_with="auto", client_jtapi_folder=str(site.controller.hosts / HOST / "stores"),
                    client_jtapi_ini_path=str(site.controller.hosts / HOST / "jtapi.ini"), client_jtapi_store_password=STORE,
                    client_jtapi_key_passphrase=PASSPHRASE)
    story.loud.further["key store"] = STORE
    for instance in site.instances:
        instance["force"] = False
    story.run("disarm", "disarm")
    story.run("key stores", ROOT / "docs" / "examples" / "jtapi.yml")
    for instance in site.instances:
        instance["state"] = "absent"
    story.run("decommission", "decommission")
    return story


@pytest.fixture(scope="module")
def on_windows(tmp_path_factory, patch):
    """The TSP is installed with its password on the command line, and fetches; then a person works by the list."""
    with Simulator(seed=SEED, fronts=("axl",)) as simulator:
        site = WindowsSite(simulator, tmp_path_factory.mktemp("windows") / "1", ["recorder01"])
        loud = Loud(site, belongs=(site.controller.hosts, site.strings, site.controller.folder / "discovery"))
        story = Story(loud, tmp_path_factory.mktemp("given") / "windows", patch)
        site.use_profile()
        installer = site.controller.folder / "setup.exe"
        installer.write_bytes(INSTALLER)
        digest = hashlib.sha256(INSTALLER).hexdigest()
        site.change("recorder01", registry={**site.state("recorder01")["registry"], PROVIDERS: {}}, installers={
            digest: {"product_id": "{1}", "name": "Cisco TSP", "version": "14.0.1.5", "rc": 3010}})
        site.settings.update(
            client_windows_allow_reboot=True, client_windows_manage_installation=True, client_windows_installer_version="14.0.1.5",
            client_windows_installer_sha256=digest, client_windows_installer_file=str(installer),
            client_windows_password_on_command_line=True, client_windows_discover_keys=["HKLM:\\SOFTWARE\\Invented"],
            client_windows_discover_setting="security.capf_port", client_windows_discover_shown_before="3804",
            client_windows_discover_shown_after="3805")
        story.run("with a profile", "site")
        for name in ("verify", "drift", "diagnose", "observe"):
            story.run(name, name, rc=None)
        story.run("before", "discover_registry_profile", "-e", "client_windows_discover_stage=before")
        state = site.state("recorder01")
        state["registry"][KEY.replace("{number}", "001")]["X-Port"]["value"] = 3805
        site.write("recorder01", state)
        story.run("after", "discover_registry_profile", "-e", "client_windows_discover_stage=after")
        story.run("a sitting", "discover_registry_profile", "-e", "client_windows_discover_setting=")
        story.run("a draft", "discover_registry_profile", "-e", json.dumps({
            "client_windows_discover_installer": str(PACKAGE), "client_windows_registry_profile": str(site.controller.folder / "drafted.yml")}))
        story.files = state["files"]
        del site.settings["client_windows_registry_profile"]
        site.change("recorder01", files={})
        assert story.run("without a profile", "site").states == {"recorder01x1": "armed, waits for the TSP"}
        key_stores_on_windows(story, tmp_path_factory.mktemp("store"))
        site.instances[0]["state"] = "absent"
        story.run("decommission", "decommission", rc=None)
        yield story
        site.tsp.close()


def key_stores_on_windows(story, folder):
    """A Java application on the host gets the key store of a certificate that is there."""
    site, instance = story.site, {"host": "recorder01", "user": USER["name"], "instance_id": "recorder01j1", "client": "jtapi"}
    provisioned.add_instance(site.sim.cluster, folder, instance)
    archive = base64.b64encode(_store_archive.pack(str(folder))).decode()
    site.change("recorder01", files={**site.state("recorder01")["files"], "C:\\Program Files\\secure_tsp\\recorder01j1\\store.zip": {
        "content": archive, "modified": 1000.0}})
    playbook = site.controller.folder / "jtapi.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "secure_tsp", "gather_facts": False, "tasks": [
        {"ansible.builtin.import_role": {"name": "voiceops.secure_tsp.secure_tsp", "tasks_from": "preflight", "rolespec_validate": False}},
        {"ansible.builtin.include_role": {"name": "voiceops.secure_tsp.client_jtapi"}}]}]))
    site.settings.update(client_jtapi_folder="C:\\Recorder\\certificates", client_jtapi_store_password=STORE,
                         client_jtapi_ini_path="C:\\Recorder\\jtapi.ini")
    story.loud.further["key store"] = STORE
    story.loud.further["key"] = (folder / _store.KEY).read_text().splitlines()[5]
    site.instances.append(instance)
    story.run("key stores", playbook)
    site.instances.remove(instance)
    assert len([path for path in site.state("recorder01")["files"] if path.startswith("C:\\Recorder\\")]) == 2


def test_no_stage_is_left_out(on_hosts, on_windows):
    wanted = {("tsp_cluster", name) for name in table.ON_CLUSTERS} | {("tsp_host", name) for name in table.ON_HOSTS}
    assert wanted - on_hosts.stages - on_windows.stages == set()


def test_the_runs_went_as_they_should(on_hosts, on_windows):
    """Else they would not have come to their secrets."""
    site = on_hosts.site
    strings, keys = on_hosts.loud.listener.strings, on_hosts.loud.keys
    # Made for the first instance, twice, and for both probes; that of the second instance is given.
    assert len(strings) == 5 and len(keys) >= 4 and not site.armed()
    assert not list(site.controller.hosts.rglob(_store.KEY))
    assert on_hosts.codes["diagnose"] == 0 and on_hosts.codes["adopt"] == 0
    assert on_windows.loud.listener.strings and on_windows.codes["verify"] == 0
    assert FOLDER % 1 + "QBEClient.pem" in on_windows.files
    (command,) = on_windows.site.state("recorder01")["commands"]
    assert 'PASS=\\"%s\\"' % USER["password"] in command


@pytest.mark.parametrize("where", ["on_hosts", "on_windows"])
def test_nothing_leaks(request, where):
    story = request.getfixturevalue(where)
    secrets = story.loud.secrets()
    if where == "on_windows":
        pem = base64.b64decode(story.files[FOLDER % 1 + "QBEClient.pem"]["content"])
        secrets["key of the TSP"] = pem.splitlines()[5]
        for (name, secret), (place, octets) in itertools.product(secrets.items(), list(story.loud.places())):
            assert secret not in octets, (name, place)
    assert {name: leaks for name, leaks in story.leaks.items() if leaks} == {}


# Field report A1: who is given which secret. Nobody else is given any; stages of tsp_host as table.SEALED says. An end user's password
# goes to doAuthenticateUser besides, of which test_cutover.py tells.
STRING, LOGIN, STORES = "strings", "passwords", "passwords of key stores"
TABLE = {
    "AXL addAppUser": {LOGIN}, "AXL addApplicationUserCapfProfile": {STRING}, "AXL updateApplicationUserCapfProfile": {STRING},
    "CAPF AUTH_RESPONSE": {STRING}, "CTI Manager, encrypted in ProviderOpenRequest": {LOGIN},
    "jtapi_key_store": {STORES, table.PASSPHRASE}, "win_package": {LOGIN}, "win_regedit": {STRING},
    **{"tsp_host " + stage: set(kinds) for stage, kinds in table.SEALED.items()},
}


def kinds_of(story):
    """{kind: secrets} of a story, the controller's own login among them."""
    site = story.site
    return {STRING: {*story.loud.listener.strings, GIVEN}, LOGIN: {user["password"] for user in site.users}, "login at AXL": {site.sim.password},
            table.PASSPHRASE: {PASSPHRASE}, STORES: {STORE}}


def test_nobody_is_given_a_secret_but_those_of_the_table(on_hosts, on_windows):
    found = {}
    for story in (on_hosts, on_windows):
        for who, kinds in story.given.by_name(kinds_of(story)).items():
            found.setdefault(who, set()).update(kinds)
    assert found == TABLE
