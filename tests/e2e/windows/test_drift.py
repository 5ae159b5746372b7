# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""drift.yml and diagnose.yml over scripted Windows hosts: what the role client_windows finds is told beside what the cluster shows."""

from __future__ import annotations

import base64
import json

import provisioned
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl, _pki
from windows_site import FOLDER, KEY, USER, WINDOWS, entry

HOSTS = ("recorder01", "recorder02")


@pytest.fixture
def site(make_windows_site):
    """Two hosts whose TSPs hold their certificates and are connected."""
    site = make_windows_site(*HOSTS)
    cluster = site.sim.cluster
    site.sim.act("add_group_member", group=provisioned.SECURE, user=USER["name"])
    for instance in site.instances:
        host, instance_id = instance["host"], instance["instance_id"]
        cluster.accounts.add_profile("application", USER["name"], instance_id)
        _key, der = provisioned.issue(cluster, instance_id)
        state = site.state(host)
        for name, pem in _pki.certificates_of(_ctl.parse(cluster.ctl_octets()))[0].items():
            site.tsp.put(state, 1, name, pem)
        site.tsp.put(state, 1, "QBEClient.cer", der)
        site.tsp.put(state, 1, "QBEClient.pem", b"whatever holds the key")
        site.write(host, state)
        site.install(host)
        cluster.list_application(USER["name"], site.addresses[host], 50000, instance_id=instance_id)
    site.settings["secure_tsp_report_folder"] = str(site.controller.folder / "report")
    site.sim.act("reset_counters")
    return site


def everything(site):
    """The cluster, and of the hosts what is on them; not what the play keeps of its own about who asked for what."""
    return site.sim.cluster.state_hash(), [
        {part: site.state(host).get(part) or [] for part in ("services", "registry", "files", "commands", "reboots")}
        for host in HOSTS]


def look(site, rc):
    before = everything(site)
    run = site.run(playbook="drift", rc=rc)
    assert everything(site) == before
    assert site.sim.cluster.write_count == 0 and run.count("changed") == 0
    return json.loads((site.controller.folder / "report" / "report.json").read_text())


def test_hosts_in_order(site):
    report = look(site, rc=0)
    assert report["findings"] == []
    for item in report["instances"]:
        assert item["health"] == "healthy" and item["certificate_expires"]
        assert item["stages"]["trust"] == "skipped" and item["stages"]["verify"] == "ok"


def test_a_clone_a_stopped_service_and_an_application_that_is_not_connected(site):
    first, second = (site.state(host) for host in HOSTS)
    second["files"][FOLDER % 1 + "QBEClient.cer"] = first["files"][FOLDER % 1 + "QBEClient.cer"]
    second["services"]["TapiSrv"]["state"] = "stopped"
    site.write("recorder02", second)
    for provider in site.sim.cluster.providers():
        if provider.address == site.addresses["recorder02"]:
            site.sim.cluster.close_provider(provider.number)
    report = look(site, rc=2)
    found = {(finding["code"], finding["host"], finding["what"].partition(".")[0]) for finding in report["findings"]}
    assert ("windows_host", "recorder02", "The Telephony service is stopped") in found
    assert {(code, host) for code, host, what in found if what.startswith("The same certificate is in use as")} == {
        ("windows_host", host) for host in HOSTS}
    assert ("provider_not_seen", "recorder02") in {(code, host) for code, host, _what in found}
    assert {code for code, _host, _what in found} == {"windows_host", "provider_not_seen"}


def test_settings_issuers_and_ports_are_told_with_the_rest(site):
    site.use_profile(**{"security.capf_port": entry("X-Port", "dword", "number")})
    site.settings.update(client_windows_try_ports=True, secure_tsp_port_timeout=1)
    for host in HOSTS:
        state = site.state(host)
        state["registry"][KEY.replace("{number}", "001")] = {"X-Port": {"type": "REG_DWORD", "value": 3805}}
        state["files"] = {path: file for path, file in state["files"].items() if host == "recorder01" or not path.endswith(".0")}
        site.write(host, state)
    report = look(site, rc=2)
    found = {(finding["host"], finding["what"]) for finding in report["findings"]}
    for host in HOSTS:
        assert (host, "security.capf_port: REG_DWORD 3805 instead of 3804.") in found
        assert (host, "CAPF at 127.0.0.1, TCP port 3804, is not reachable from this host.") in found
    foreign = "The certificate was not issued by the cluster's current CAPF certificate."
    assert ("recorder02", foreign) in found and ("recorder01", foreign) not in found
    assert "ansible.windows.win_regedit" not in site.state("recorder02")["calls"]


def test_what_a_tsp_administrator_watches(site):
    """Versions, provider files, what an uninstallation left, Auto Update, Notifier, Windows upgraded in place."""
    current = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\"
    site.use_profile(**{"general.auto_update": entry("X-Update", "dword", {"map": {"ask": 0, "never": 1, "always": 2}})})
    site.add_providers("recorder01", 2, 3)
    site.install("recorder01", "12.5.1.5", (1, 2))
    state = site.state("recorder01")
    state["files"]["C:\\Windows\\System32\\CiscoTSP002x64.tsp"]["content"] = base64.b64encode(b"another").decode()
    state["registry"][WINDOWS]["InstallDate"]["value"] = 1772323200
    state["registry"][current + "Policies\\System"] = {"EnableLUA": {"type": "REG_DWORD", "value": 1}}
    state["registry"][current + "Run"] = {"CiscoTSPNotifier": {"type": "REG_SZ", "value": "C:\\Program Files\\Cisco\\Notifier.exe"}}
    state["registry"][KEY.replace("{number}", "001")] = {"X-Update": {"type": "REG_DWORD", "value": 0}}
    site.write("recorder01", state)
    report = look(site, rc=2)
    assert {(one["code"], one["host"]) for one in report["findings"]} == {("windows_host", "recorder01")}
    told = {one["what"]: one["fix"] for one in report["findings"]}
    older = next(what for what in told if what.startswith("TSP 12.5.1.5 is older than the cluster (14."))
    assert "silent upgrade is not supported with 3 instances" in told[older]
    assert {what for what in told if what != older} == {
        "TSP 12.5.1.5 is installed, but recorder02 has 14.0.1.5.",
        "TAPI's list has CiscoTSP003x64.tsp, which an uninstallation left behind: there is no such file.",
        "TSP 002 is installed but not in the list of instances.",
        "Auto Update is Ask: the TSP may change its version automatically, and it needs a local administrator.",
        "The TSP's Notifier is set to start with Windows (CiscoTSPNotifier), but it does not start while user account control is on.",
        "Windows was installed or upgraded in place on 2026-03-01, after the TSP, which was installed on 2026-01-02.",
        "The provider files of this PC do not all have the same version: CiscoTSP002x64.tsp differs from the others.",
    }


def put_traces(site, host, *texts):
    """Trace files of the host's TSP, the oldest first, with names in another order."""
    state = site.state(host)
    for number, text in enumerate(texts):
        path = "C:\\Temp\\CiscoTSP001Log\\TSP001Debug00000%d.txt" % ((number + 1) % len(texts))
        state["files"][path] = {"content": base64.b64encode(text.encode("utf-16")).decode(), "modified": 1000.0 + number}
    site.write(host, state)


def test_the_first_thing_that_does_not_work_on_windows_hosts(site, vectors):
    """One host holds no certificate, the other cannot be reached; traces are read from the first."""
    lines = (vectors / "tsptrace" / "success.txt").read_text().splitlines(keepends=True)
    put_traces(site, "recorder01", "".join(lines[:9]), "".join(lines[9:24]) + "16:31:04.300 | refused, AuthString=4711471147\n")
    state = site.state("recorder01")
    state["files"] = {path: file for path, file in state["files"].items() if "QBEClient" not in path}
    site.write("recorder01", state)
    ssh = site.controller.folder / "ssh"
    ssh.write_text("#!/bin/sh\necho 'ssh: no route to host' >&2\nexit 255\n")
    ssh.chmod(0o755)
    site.hosts = {"recorder02": {"ansible_connection": "ssh", "ansible_ssh_executable": str(ssh)}}
    folder = site.controller.folder / "pages"
    site.settings.update(secure_tsp_diagnose_folder=str(folder), client_windows_settings={"trace.directory": "C:\\Temp"})
    before = everything(site)
    run = site.run(playbook="diagnose")
    assert everything(site) == before and site.sim.cluster.write_count == 0 and run.count("changed") == 0
    first, second = ((folder / ("main-%sx1.txt" % host)).read_text() for host in HOSTS)
    assert "DOES NOT WORK: Certificate" in first and "There is no certificate." in first
    assert "'capf_tls_finished'" in first and "refused, AuthString=********" in first and "4711471147" not in first + run.output
    assert "DOES NOT WORK: Host" in second and "could not be reached" in second
