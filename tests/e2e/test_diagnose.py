# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances are broken, each in a way of its own; diagnose.yml names the first thing that does not work, and the next step."""

from __future__ import annotations

import base64
import re
import stat

import diagnosing
import provisioned
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki
from diagnosing import Diagnosing, part
from provisioned import SECURE
from trace_samples import CTI_REFUSED

HOSTS = ("recorder01", "recorder02", "recorder03")
GONE = "recorder09"
CTI, CAPF = "Cisco CTIManager", "Cisco Certificate Authority Proxy Function"
STRING = "4711471147"  # an authorization string that went into traces


# name: (what breaks it, is its application connected, first step that fails, words of what, next step)
BROKEN = {
    "failed": (
        diagnosing.failed_enrolment, False, "CAPF profile",
        "Upgrade Failed: Invalid Authentication String. Issuing a certificate failed: the client sent a different authorization string",
        "ansible-playbook voiceops.secure_tsp.site --limit recorder01"),
    "blocked": (
        lambda site, store: provisioned.keep(store, *provisioned.issue(site.sim.cluster, "blocked", days=-1)), False, "Ports",
        "is not reachable from this host",
        "ansible recorder02 -m ansible.builtin.wait_for -a 'host=127.0.0.1 port={closed} timeout=5'"),
    "untrusted": (diagnosing.list_of_another_cluster, True, "Trust list", "The cluster's trust list is refused.",
                  "show ctl   (on the publisher's command line)"),
    "mismatch": (
        lambda site, store: provisioned.keep(store, _pki.generate_key("rsa", 2048), None), True, "Certificate",
        "The certificate is not for the key beside it.", "ansible-playbook voiceops.secure_tsp.site --limit recorder01"),
    "insecure": (
        lambda site, store: site.sim.act("remove_group_member", group=SECURE, user="u_insecure"), False, "Secure port",
        "it is not in %s" % SECURE, "ansible-playbook voiceops.secure_tsp.site --limit recorder02"),
    "compromised": (
        lambda site, store: site.sim.act("set_profile", instance_id="compromised", compromised="t"), False, "Connection",
        "The certificate is compromised.", "ansible-playbook voiceops.secure_tsp.site --limit recorder03"),
}
NAMES = [*BROKEN, "healthy"]


@pytest.fixture(scope="module")
def fleet(make_site, closed):
    """Each instance has its own user and, for RIS, its own address. One of them knows another port for CAPF."""
    users = [{"name": "u_" + name, "password": "Diagnose-Secret-" + name, "cluster": "main"} for name in [*NAMES, "gone"]]
    instances = [
        {"host": HOSTS[number % 3], "user": "u_" + name, "instance_id": name, "client_address": "192.0.2.%d" % (100 + number),
         "cluster": "main"} for number, name in enumerate(NAMES)]
    instances.append({"host": GONE, "user": "u_gone", "instance_id": "gone", "cluster": "main"})
    for one in (users[1], instances[1]):
        one["cluster"] = "edge"
    site = make_site(hosts=[*HOSTS, GONE], users=users, instances=instances, seed={})
    site.hosts = {**dict.fromkeys(HOSTS), GONE: diagnosing.out_of_reach(site, GONE)}
    site.settings["secure_tsp_clusters"] = {"main": site.cluster, "edge": {**site.cluster, "capf_port": closed}}
    for user, one in zip(users, instances):
        provisioned.add_user(site.sim.cluster, user)
        store = provisioned.add_instance(site.sim.cluster, site.store(one["instance_id"]), one)
        plant, connected = BROKEN.get(one["instance_id"], (None, one["instance_id"] == "healthy"))[:2]
        if plant:
            plant(site, store)
        if connected:
            site.sim.act("open_application", user=one["user"], address=one["client_address"], instance_id=one["instance_id"])
    traces = site.controller.folder / "CiscoTSP001Log"
    traces.mkdir()
    (traces / "TSP001Debug000000.txt").write_text(
        "16:31:04.075 | CSSLHelper::GetCTLFromTFTP CTLFileName = CTLCAPF7F000001.tlv\n"
        "16:31:04.080 | TftpClient::TftpClient() [] TftpClient instantiated successfully\n"
        "16:31:09.100 | CAPFclient::x() refused, AuthString = 47114\n71147 given\n")
    sent = base64.b64encode(b"12:00:00.000 | CTI-failed: AuthString=%s password: %s\n" % (STRING.encode(), users[0]["password"].encode()))
    refused = base64.b64encode(base64.b64decode(sent) + CTI_REFUSED.replace("recorder_tapi", "u_failed").replace(
        "192.0.2.31", "192.0.2.100").encode())
    for service, content in ((CAPF, sent), (CTI, refused)):
        site.sim.act("put_log", service=service, name="trace.txt", content=content, minutes_old=1)
    return site


@pytest.fixture(scope="module")
def told(fleet, closed):
    return Diagnosing(
        fleet, probe=True, trace_minutes=15,
        tsp_traces={"failed": [str(fleet.controller.folder / "CiscoTSP001Log")]})


def plain(text):
    """Without the inventory that every command of Ansible's is printed with."""
    return re.sub(r"(ansible(?:-playbook)?) -i inventory\d+\.yml", r"\1", text)


def ladder(page):
    """{step: state} of the page."""
    lines = page.partition("Step by step\n")[2].partition("\n\n")[0].splitlines()
    return {line[8:22].strip(): line[2:6].strip() for line in lines if line[2:6].strip()}


@pytest.mark.parametrize("name", BROKEN)
def test_the_first_thing_that_does_not_work_and_the_next_step(told, closed, name):
    page = told.pages[name]
    _plant, _connected, step, what, command = BROKEN[name]
    assert page.splitlines()[3] == "DOES NOT WORK: " + step
    assert what in part(page, "What") and part(page, "Next step")
    assert "\n  Command         %s\n" % command.format(closed=closed) in plain(page)
    assert re.match(r"ansible-playbook -i inventory\d+\.yml ", part(page, "Then"))
    assert plain(part(page, "Then")) == "ansible-playbook voiceops.secure_tsp.diagnose -e secure_tsp_diagnose_instance=" + name
    states = ladder(page)
    assert states[step] == "FAIL"
    before = list(states)[:list(states).index(step)]
    assert all(states[earlier] in ("ok", "--", "warn") for earlier in before)
    assert any(line.startswith("FAIL %s on" % name) for line in told.lines)


def test_an_instance_that_works_says_so(told):
    page = told.pages["healthy"]
    assert page.splitlines()[3] == "WORKS" and "FAIL" not in page and "warn" not in page
    assert ladder(page) == {**dict.fromkeys(ladder(page), "ok"), "TSP trace": "--"}
    assert "CTI Manager sees it" in page and "Also found" not in page
    assert "in the trust list" in part(page, "CAPF   ") and "Upgrade Success" in part(page, "CAPF profile")


def test_a_host_that_cannot_be_reached_is_the_first_finding_of_its_page_alone(told):
    page = told.pages["gone"]
    assert page.splitlines()[3] == "DOES NOT WORK: Host"
    assert plain(part(page, "Command")) == "ansible %s -m ansible.builtin.ping" % GONE
    assert ladder(page)["Cluster"] == ladder(page)["CAPF profile"] == "ok"
    assert sorted(told.pages) == sorted([*NAMES, "gone"])
    assert told.lines[-2:] == ["does not work: 7; works: 1", "Pages: %s" % told.folder]


def test_the_trace_is_judged_and_quoted(told):
    page = told.pages["failed"]
    assert "The last secure start got as far as 'tftp_ready'" in page
    assert "16:31:09.100 CAPFclient::x() refused, AuthString = ******** given" in page
    assert "5.0 s from 16:31:04.080, in stage tftp_ready" in " ".join(page.split())


def test_t8_the_traces_of_the_cluster_are_read(told):
    page = " ".join(told.pages["failed"].split())
    assert "An SDL trace of CTI Manager on" in page and "the provider of user u_failed was refused with 0x8CCC005F" in page
    assert not any("0x8CCC005F" in text for name, text in told.pages.items() if name != "failed")


def test_only_what_was_not_connected_and_failed_nowhere_is_opened(told):
    assert told.counters["ProviderOpenRequest"] == 1


def test_nothing_is_changed(told):
    assert told.changes == [] and told.writes == 0 and told.run.count("changed") == 0
    writing = re.compile("(add|update|remove|do)[A-Z]")
    assert [operation for operation in told.counters if writing.match(operation)] == []


def test_pages_and_traces_are_for_their_owner_alone_and_hold_no_secret(fleet, told):
    secrets = [user["password"] for user in fleet.users] + [fleet.sim.password, "PRIVATE KEY", STRING, "71147"]
    assert stat.S_IMODE(told.folder.stat().st_mode) == 0o700
    traces = 0
    for path in told.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
        if path.is_file():
            traces += "trace" in path.name
            text = path.read_text()
            assert [secret for secret in secrets if secret in text] == [], path
    assert traces == 4  # two services, once for each of the two entries of the cluster
    for text in (told.run.output, fleet.controller.log.read_text()):
        assert [secret for secret in secrets if secret in text] == []
    assert "zgrep" in told.pages["healthy"] and "(2 files)" in told.pages["healthy"]


def test_one_instance_of_a_cluster_that_cannot_be_reached(fleet, told, closed):
    fleet.settings["secure_tsp_clusters"] = {"main": {**fleet.cluster, "port": closed}, "edge": {**fleet.cluster, "port": closed}}
    looking = Diagnosing(
        fleet, "-e", "secure_tsp_diagnose_instance=healthy", folder="one", probe=True, trace_minutes=0)
    assert sorted(looking.pages) == ["healthy"] and looking.changes == []
    page = looking.pages["healthy"]
    assert page.splitlines()[3] == "DOES NOT WORK: Cluster"
    assert "The connection was refused" in part(page, "What")
    states = ladder(page)
    assert states["Host"] == states["Ports"] == states["Certificate"] == "ok" and states["CAPF profile"] == "--"
    assert "ProviderOpenRequest" not in looking.counters
    assert " ".join(page.split()) in looking.run.text.replace(" \\ ", " ")
