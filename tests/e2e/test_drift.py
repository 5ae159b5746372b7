# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift is planted in the simulated cluster and in the hosts' files, one kind at a place; drift.yml finds exactly that."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import json
import pathlib
import re
import shlex
import shutil

import collection_path
import diagnosing
import jsonschema
import provisioned
import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _drift, _pki
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from provisioned import ENABLED, SECURE, SRTP
from simulator import pki, trust_list

SCHEMA = json.loads((collection_path.ROOT / "roles" / "report" / "files" / "report.schema.json").read_text())
HOSTS = ("recorder01", "recorder02", "recorder03")
MONITORING = "Standard CTI Allow Call Monitoring"
ALL_DEVICES = "Standard CTI Allow Control of All Devices"
DEVICE = "SEP001122334450"
OTHER_TESTS = ("tests/unit/test_drift.py", "tests/unit/test_cluster_trust.py", "tests/unit/test_remarks.py")


class Case:
    """One drift: a user of its own, and with C(instance) an instance of its own. C(plant(case)) does it.

    finds: codes that are found about the user or the instance. settled: what is listed, when it is not the default.
    """

    def __init__(self, name, plant=None, finds=None, instance=True, user=None, listed=None, secure=True):
        self.name = name
        self.plant = plant
        self.finds = [name] if finds is None else finds
        self.user = {"name": "u_" + name, "password": "Drift-Secret-%s" % name, **(user or {})}
        self.instance = {"user": self.user["name"], "instance_id": name.replace("_", ""), **(listed or {})} if instance else None
        self.secure = secure
        self.site = self.store = None

    def on(self, number):
        if self.instance:
            self.instance["host"] = HOSTS[number % len(HOSTS)]
            self.instance["client_address"] = "192.0.2.%d" % (100 + number)
        return self

    @property
    def instance_id(self):
        return self.instance["instance_id"]

    @property
    def cluster(self):
        return self.site.sim.cluster

    def file(self, name):
        return pathlib.Path(self.store.path(name))

    def act(self, action, **words):
        self.site.sim.act(action, **words)

    def profile(self, **columns):
        self.act("set_profile", instance_id=self.instance_id, **columns)

    def again(self, **options):
        """Another certificate in place of the one that is there."""
        provisioned.keep(self.store, *provisioned.issue(self.cluster, self.instance_id, **options))


def own_authority(case):
    """An LSC of somebody else's CAPF."""
    key = _pki.key_from_pem(case.file("QBEClient.key.pem").read_bytes())
    now = datetime.datetime.now(datetime.timezone.utc)
    der = pki.issue_lsc(pki.capf_authority("CAPF-somebody"), _pki.public_key_der(key), "CTI-" + case.instance_id, now,
                        now + datetime.timedelta(days=900))
    provisioned.keep(case.store, None, der)


def former_pair(case):
    case.store.previous.create()
    provisioned.keep(case.store.previous, *provisioned.issue(case.cluster, case.instance_id))
    case.again()


def copied_to_another_host(case):
    """As after a machine was cloned."""
    other = next(host for host in HOSTS if host != case.instance["host"])
    shutil.copytree(case.store.folder, case.site.controller.hosts / other / case.instance_id)


def foreign_profile(case):
    case.act("remove_profile", instance_id=case.instance_id)
    case.cluster.accounts.add_user("application", "somebody", password="x")
    case.cluster.accounts.add_profile("application", "somebody", case.instance_id)


def older_list(case):
    octets = trust_list.build(case.cluster.certificates, case.cluster.features, case.cluster.nodes, 1700000000)
    provisioned.keep_trust_list(case.store, octets)
    case.store.remove("ctl.tlv.previous")


def list_of_another_cluster(case):
    """Only its CAPF is the same, so that the certificate itself is fine."""
    strangers = dataclasses.replace(case.cluster.certificates, callmanager=pki.server("stranger"),
                                    itlrecovery=pki.server("ITLRECOVERY_stranger"))
    provisioned.keep_trust_list(case.store, trust_list.build(
        strangers, case.cluster.features, case.cluster.nodes, 1700000000))
    case.store.remove("ctl.tlv.previous")


def encrypted_key(case):
    key = _pki.key_from_pem(case.file("QBEClient.key.pem").read_bytes())
    provisioned.keep(case.store, _pki.key_to_pem(key, "Passphrase-Secret-1"), None)


def remove_list(case):
    for name in list(case.store.names()):
        if name.endswith(".0") or name in ("ctl.tlv", "CallManager.cer"):
            case.store.remove(name)


def remove_files(case):
    shutil.rmtree(case.store.folder)


def take_out(case):
    """Listed as absent; its user goes back to the plain port."""
    case.instance.update(state="absent")
    case.act("remove_group_member", group=SECURE, user=case.user["name"])


def another_key(case):
    provisioned.keep(case.store, _pki.generate_key("rsa", 2048), None)


def unlisted_folder(case):
    """The certificate of a profile that nobody lists."""
    cluster = case.cluster
    cluster.accounts.add_user("application", "unlisted", password="x")
    cluster.accounts.add_profile("application", "unlisted", "unlistedx1")
    store = provisioned.Store(str(case.site.controller.hosts / HOSTS[0] / "unlistedx1"))
    store.create()
    provisioned.keep(store, *provisioned.issue(cluster, "unlistedx1"))


INSTALL = "Install/Upgrade"
CASES = [case.on(number) for number, case in enumerate((
    # Users
    Case("user_missing", lambda case: case.act("remove_user", user=case.user["name"]), instance=False, secure=False),
    Case("user_missing_at_the_end", lambda case: case.act("remove_user", user=case.user["name"]), ["user_missing"],
         instance=False, secure=False, user={"type": "end"}),
    Case("user_groups_missing", lambda case: case.act("remove_group_member", group=MONITORING, user=case.user["name"]),
         instance=False, secure=False, user={"cti_groups": [MONITORING]}),
    Case("user_without_cti", lambda case: case.act("remove_group_member", group=ENABLED, user=case.user["name"]),
         ["user_groups_missing"], instance=False, secure=False),
    Case("user_without_srtp", lambda case: case.act("remove_group_member", group=SRTP, user=case.user["name"]),
         ["user_groups_missing"], user={"srtp": True}),
    Case("user_groups_extra", lambda case: case.act("add_group_member", group=ALL_DEVICES, user=case.user["name"])),
    Case("user_devices", lambda case: case.act("set_devices", user=case.user["name"], devices=[]),
         user={"devices": [DEVICE]}),
    Case("user_not_removed", lambda case: case.user.update(state="absent", remove_user=True), instance=False, secure=False),
    Case("user_not_secure", lambda case: case.act("remove_group_member", group=SECURE, user=case.user["name"])),
    Case("user_secure_without_instance", lambda case: case.act("add_group_member", group=SECURE, user=case.user["name"]),
         instance=False, secure=False),
    Case("cluster_contradicts", lambda case: case.user.update(type="application"), instance=False, secure=False,
         user={"type": "end"}),
    # CAPF profiles
    Case("profile_missing", lambda case: case.act("remove_profile", instance_id=case.instance_id)),
    Case("profile_of_other_user", foreign_profile),
    Case("profile_failed", lambda case: case.profile(status="Upgrade Failed: Operation Timed Out")),
    Case("profile_armed_by_nobody", lambda case: case.profile(
        operation=INSTALL, status="Operation Pending", operation_completion="2040:01:01:00:00")),
    Case("profile_pending_too_long", lambda case: case.profile(
        operation=INSTALL, status="Operation Pending", operation_completion="2020:01:01:00:00")),
    Case("profile_without_certificate", lambda case: case.profile(status="None")),
    Case("profile_unknown", lambda case: case.profile(operation="Troubleshoot")),
    Case("profile_key", lambda case: case.profile(key_size="4096")),
    Case("profile_not_removed", lambda case: (remove_files(case), take_out(case))),
    # Keys and certificates
    Case("certificate_missing", lambda case: case.store.remove_pair()),
    Case("certificate_unreadable", lambda case: provisioned.keep(case.store, None, b"not a certificate")),
    Case("certificate_expired", lambda case: case.again(days=-1)),
    Case("certificate_expiring", lambda case: case.again(days=30)),
    Case("certificate_wrong_issuer", own_authority),
    Case("certificate_key_changed", lambda case: (
        case.instance.update(key={"type": "rsa", "size": 3072}), case.profile(key_size="3072"))),
    Case("certificate_name", lambda case: case.again(name="CTI-anotherx1")),
    Case("certificate_unconfirmed", former_pair),
    Case("certificate_duplicate", copied_to_another_host),
    Case("key_missing", lambda case: case.file("QBEClient.key.pem").unlink()),
    Case("key_mismatch", another_key),
    Case("enrolment_interrupted", lambda case: case.store.begin(_pki.key_to_pem(_pki.generate_key("rsa", 2048)))),
    Case("file_modes", lambda case: case.file("QBEClient.cer").chmod(0o664)),
    Case("key_readable", lambda case: case.file("QBEClient.key.pem").chmod(0o644), ["file_modes"]),
    Case("instance_not_read", encrypted_key),
    Case("files_not_removed", lambda case: (case.act("remove_profile", instance_id=case.instance_id), take_out(case))),
    # Trust lists
    Case("ctl_missing", remove_list),
    Case("ctl_stale", older_list),
    Case("ctl_untrusted", list_of_another_cluster),
    Case("ctl_damaged", lambda case: case.file("ctl.tlv").write_bytes(b"\0" * 40), ["ctl_damaged", "instance_not_read"]),
    Case("ctl_files", lambda case: case.file("CallManager.cer").unlink()),
    # What the cluster sees
    Case("provider_not_seen", lambda case: case.act(
        "close_provider", number=next(p.number for p in case.cluster.providers() if p.instance_id == case.instance_id))),
    # Nothing at all
    Case("healthy", finds=[]),
))]
# What a playbook cures, planted once more for the test that runs the commands which findings print.
CURABLE = [copy.deepcopy(case) for case in CASES if case.name in (
    "user_missing", "user_groups_missing", "user_without_cti", "user_without_srtp", "user_devices", "user_not_removed", "user_not_secure",
    "profile_missing", "profile_armed_by_nobody", "profile_without_certificate", "profile_not_removed", "certificate_missing",
    "certificate_unreadable", "certificate_expired", "certificate_expiring", "certificate_wrong_issuer", "certificate_key_changed",
    "certificate_unconfirmed", "key_missing", "key_mismatch", "enrolment_interrupted", "file_modes", "key_readable", "files_not_removed",
    "ctl_missing", "ctl_stale", "ctl_files")]
UNLISTED = ("certificate_unlisted", "", HOSTS[0], "", "")
CRITICAL = ("user_without_cti", "key_readable")  # graver than their code usually is


class Looking:
    """drift.yml against a site: the run, the report, and what happened to the cluster and the hosts meanwhile."""

    def __init__(self, site, *words, rc):
        self.folder = site.controller.folder / "report"
        site.settings["secure_tsp_report_folder"] = str(self.folder)
        site.sim.act("reset_rate")
        site.sim.act("reset_counters")
        before = site.everything_with_times()
        self.run = site.run(*words, playbook="drift", rc=rc)
        self.changes = [name for name, old, new in zip(("cluster", "hosts"), before, site.everything_with_times()) if old != new]
        self.writes = site.sim.cluster.write_count
        self.counters = dict(site.sim.cluster.counters)
        self.report = json.loads((self.folder / "report.json").read_text())
        self.findings = self.report["findings"]

    def found(self):
        return sorted(tuple(finding[key] for key in ("code", "cluster", "host", "user", "instance_id"))
                      for finding in self.findings)

    def of(self, code):
        found = [finding for finding in self.findings if finding["code"] == code]
        assert len(found) == 1, found
        return found[0]

    def of_instance(self, instance_id):
        return next(item for item in self.report["instances"] if item["instance_id"] == instance_id)


def open_applications(site):
    for one in site.instances:
        site.sim.act("open_application", user=one["user"], address=one["client_address"], instance_id=one["instance_id"])


def made(make_site, hosts, cases):
    """A fleet with a place for each drift, and nothing planted yet."""
    end_users = [{"name": case.user["name"], "lastname": "Doe", "password": "x"} for case in cases
                 if case.user.get("type") == "end"]
    site = make_site(
        hosts=hosts, users=[case.user for case in cases], instances=[case.instance for case in cases if case.instance],
        seed={"devices": [{"name": DEVICE, "lines": [{"number": "1000"}]}], "end_users": end_users})
    for case in cases:
        case.site = site
        provisioned.add_user(site.sim.cluster, case.user, case.secure)
        if case.instance:
            case.store = provisioned.add_instance(site.sim.cluster, site.store(case.instance_id), case.instance)
    return site


def plant(site, cases):
    site.users = [case.user for case in cases]  # the lists themselves, so that a case may change its entry
    site.instances = [case.instance for case in cases if case.instance]
    for case in cases:
        if case.plant:
            case.plant(case)


@pytest.fixture(scope="module")
def fleet(make_site):
    site = made(make_site, HOSTS, CASES)
    site.sim.cluster.accounts.add_user("application", "u_nobody", password="x", groups=[ENABLED])  # not listed
    open_applications(site)
    return site


@pytest.fixture(scope="module")
def clean(fleet):
    return Looking(fleet, rc=0)


@pytest.fixture(scope="module")
def planted(fleet, clean):
    plant(fleet, CASES)
    unlisted_folder(CASES[0])
    return Looking(fleet, rc=2)


def test_a_fleet_that_is_as_the_lists_say_has_no_drift(clean):
    assert clean.found() == [] and clean.run.count("failures") == 0
    assert clean.report["totals"]["healthy"] == len(clean.report["instances"]) > 0
    assert clean.report["run"] == {"kind": "drift", "check_mode": False, "exit_code": 0}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_drift_is_found_where_it_was_planted(planted, case):
    found = [finding for finding in planted.findings if finding["user"] == case.user["name"]]
    assert sorted(finding["code"] for finding in found) == sorted(case.finds)
    for finding in found:
        expected = "critical" if case.name in CRITICAL else _drift.CODES[finding["code"]][0]
        assert finding["severity"] == expected
        assert finding["what"] and finding["fix"] and "None" not in finding["what"]
        assert finding["instance_id"] in ("", case.instance and case.instance_id)


def test_nothing_else_is_found(planted):
    wanted = [UNLISTED]
    for case in CASES:
        for code in case.finds:
            stage = _drift.CODES[code][1]
            of_user = stage in ("accounts", "cutover") or code == "cluster_contradicts"
            wanted.append((code, "main", "" if of_user else case.instance["host"], case.user["name"],
                           "" if of_user else case.instance_id))
    assert planted.found() == sorted(wanted)


def test_hosts_with_drift_fail_after_the_report_and_say_why(planted):
    assert {host: count["failures"] for host, count in planted.run.hosts.items()} == dict.fromkeys(HOSTS, 1)
    failed = planted.run.results("Fail where there is drift", status="failed")
    assert all(re.match(r"\d+ critical, \d+ warning", result["msg"]) for result in failed) and len(failed) == len(HOSTS)
    assert planted.report["run"]["exit_code"] == 2


@pytest.mark.parametrize("when", ["clean", "planted"])
def test_nothing_is_changed(request, when):
    looking = request.getfixturevalue(when)
    assert looking.changes == [] and looking.writes == 0 and looking.run.count("changed") == 0
    writing = re.compile("(add|update|remove|do)[A-Z]")
    assert [operation for operation in looking.counters if writing.match(operation)] == []


@pytest.mark.parametrize("when", ["clean", "planted"])
def test_the_cluster_is_asked_once_for_the_whole_fleet(request, when):
    counters = request.getfixturevalue(when).counters
    assert counters["ris.selectCtiItem"] == 1
    # Three statements for users, groups and devices, two of cluster_info for mode and certificates. Two more look up the
    # devices and groups that were taken away from users.
    assert counters["executeSQLQuery"] == (5 if when == "clean" else 7)
    assert counters["listApplicationUserCapfProfile"] == counters["listEndUserCapfProfile"] == 1


@pytest.mark.parametrize("when", ["clean", "planted"])
def test_the_report_is_as_its_schema_says_and_for_its_owner_alone(request, when):
    looking = request.getfixturevalue(when)
    jsonschema.Draft202012Validator(SCHEMA).validate(looking.report)
    files = {path.name: path.stat().st_mode & 0o777 for path in looking.folder.iterdir()}
    assert files == dict.fromkeys(("report.json", "report.xml", "report.html"), 0o600)
    assert looking.folder.stat().st_mode & 0o777 == 0o700


def test_no_secret_is_in_the_report(fleet, planted):
    secrets = [user["password"] for user in fleet.users] + [fleet.sim.password, "PRIVATE KEY", "Passphrase-Secret"]
    for path in planted.folder.iterdir():
        text = path.read_text()
        assert [secret for secret in secrets if secret in text] == [], path.name


def test_instances_are_told_by_stage(planted):
    assert planted.of_instance("healthy")["stages"] == dict.fromkeys(_drift.STAGES, "ok")
    assert planted.of_instance("keymissing")["stages"]["certificate"] == "failed"
    assert planted.of_instance("ctlstale")["stages"]["trust"] == "drift"
    assert planted.of_instance("usernotsecure")["stages"]["cutover"] == "failed"
    assert planted.of_instance("providernotseen")["health"] == "drifted"
    assert planted.of_instance("certificateexpiring")["days_left"] in (29, 30)


def test_every_code_is_planted_somewhere():
    """What takes a cluster to itself is below; what no simulated cluster shows is in the planner-like tests of _drift."""
    planted = {code for case in CASES for code in case.finds} | {UNLISTED[0]}
    here = pathlib.Path(__file__).read_text().partition("# One cluster, a small fleet")[2]
    elsewhere = "".join((collection_path.ROOT / path).read_text() for path in OTHER_TESTS)
    remarks = {code for code in _drift.CODES if code.startswith("provider_") and '"%s"' % code[len("provider_"):] in elsewhere}
    untested = [code for code in _drift.CODES if code not in planted | remarks and '"%s"' % code not in here + elsewhere]
    assert not untested, "no Case in tests/e2e/test_drift.py and no test in %s has %s" % (", ".join(OTHER_TESTS), ", ".join(untested))


def test_every_command_that_a_finding_prints_cures_it(make_site):
    """On one host, and without applications, so that nothing but the command can have done it."""
    for case in CURABLE:
        if case.instance:
            case.instance["host"] = HOSTS[0]
            del case.instance["client_address"]  # a new certificate is proven from here
    site = made(make_site, HOSTS[:1], CURABLE)
    site.settings["secure_tsp_drift_ris"] = False
    plant(site, CURABLE)
    found = Looking(site, rc=2).findings
    assert sorted(finding["code"] for finding in found) == sorted(code for case in CURABLE for code in case.finds)
    assert [finding["code"] for finding in found if not finding["command"]] == []
    cure(site, found)
    # A profile that is no longer armed is still one of a renewal that was cut short, which is another finding with its own command.
    left = Looking(site, rc=2).findings
    assert [(one["code"], one["instance_id"]) for one in left] == [("profile_without_certificate", "profilearmedbynobody")]
    cure(site, left)
    assert Looking(site, rc=0).findings == []


def cure(site, found):
    for command in dict.fromkeys(finding["command"] for finding in found):
        program, option, inventory, playbook, *words = shlex.split(command)
        assert (program, option) == ("ansible-playbook", "-i") and (site.controller.folder / inventory).is_file()
        site.run(*words, playbook=playbook.rpartition(".")[2])


# One cluster, a small fleet: what is wrong with a whole cluster, with hosts, with probes.

USER = {"name": "recorder_tapi", "password": "Recorder-Secret-0002"}
FIRST = {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1", "client_address": "192.0.2.31"}
SECOND = {"host": "recorder02", "user": "recorder_tapi", "instance_id": "recorder02x1", "client_address": "192.0.2.32"}
PROBE = "probe"


@pytest.fixture
def small(make_site):
    """Two hosts with an instance each; the second one has a probe certificate, too."""
    site = make_site(hosts=HOSTS[:2], users=[USER], instances=[FIRST, SECOND], seed={})
    provisioned.add_user(site.sim.cluster, USER)
    for one, suffix in ((FIRST, None), (SECOND, PROBE)):
        provisioned.add_instance(site.sim.cluster, site.store(one["instance_id"]), one, probe_suffix=suffix)
    open_applications(site)
    return site


def certificate_for(days):
    """A CAPF certificate that ends in so many days."""
    identity = pki.capf_authority("CAPF-ends")
    old = identity.certificate
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(
        old.issuer, old.subject, old.public_key(), old.serial_number, now - datetime.timedelta(days=900),
        now + datetime.timedelta(days=days), list(old.extensions))
    return pki.Identity.from_pem(builder.sign(identity.key, hashes.SHA256()).public_bytes(
        pki.serialization.Encoding.PEM) + identity.key_pem)


def test_a_cluster_on_which_much_is_wrong(small):
    """What the servers show as their own, with services down and without a trust list to fetch."""
    cluster = small.sim.cluster
    with cluster.database.transaction():
        cluster._store_certificate(certificate_for(-1), 5)  # CAPF
        cluster._store_certificate(certificate_for(20), 1)  # CallManager
    small.sim.act("set_mixed_mode", mixed=False)
    small.sim.act("set_service", name="Cisco CTIManager", running=False)
    small.sim.act("set_service", name="Cisco Tftp", activated=False)
    small.sim.act("put_file", name="CTLFile.tlv", content=None)
    small.sim.faults.add("ris", "http", "selectCtiItem", code=500, times=None)
    looking = Looking(small, rc=2)
    codes = [finding["code"] for finding in looking.findings]
    assert sorted(codes) == sorted([
        "mixed_mode_off", "service_down", "service_down", "server_certificate_expired", "server_certificate_expiring",
        "ris_unavailable", "ctl_not_fetched", "ctl_not_fetched"])
    assert looking.of("mixed_mode_off")["command"] == "utils ctl set-cluster mixed-mode"
    assert {finding["what"] for finding in looking.findings if finding["code"] == "service_down"} == {
        "Cisco CTIManager is not running on 127.0.0.1 (Stopped).", "Cisco Tftp is not activated on any node."}
    assert looking.of("server_certificate_expired")["what"].startswith("The CAPF certificate of 127.0.0.1 expired on ")
    assert looking.of("server_certificate_expiring")["what"].startswith("The CallManager certificate of 127.0.0.1 expires on ")
    [row] = looking.report["clusters"]
    assert row["mixed_mode"] is False and len(row["problems"]) == 5
    assert looking.changes == [] and looking.writes == 0


def test_a_cluster_that_answers_in_part(small):
    """Users and profiles are judged all the same."""
    small.sim.faults.add("axl", "http", "listProcessNode", code=500, times=None)
    looking = Looking(small, rc=2)
    assert [finding["code"] for finding in looking.findings] == ["cluster_not_read"]
    assert looking.report["clusters"][0]["read"] is False
    assert looking.of_instance("recorder01x1")["health"] == "healthy"


def test_doubts_and_too_many_connections_are_no_drift(small):
    small.sim.faults.add("controlcenter", "http", "soapGetServiceStatus", code=500, times=None)
    for port in range(1001):
        small.sim.act("open_application", user=USER["name"], address="192.0.2.77", port=20000 + port)
    looking = Looking(small, rc=0)
    assert sorted(finding["code"] for finding in looking.findings) == ["cluster_doubt", "ris_incomplete"]
    assert looking.report["run"]["exit_code"] == 0


def test_a_cutover_that_is_held_back_is_no_drift(small):
    small.sim.act("remove_group_member", group=SECURE, user=USER["name"])
    small.settings["secure_tsp_cutover"] = "manual"
    looking = Looking(small, rc=0)
    assert [finding["code"] for finding in looking.findings] == ["cutover_by_hand"]
    provisioned.Store(str(small.store("recorder01x1"))).remove_pair()
    looking = Looking(small, rc=2)
    assert [finding["code"] for finding in looking.findings] == ["certificate_missing", "cutover_waits"]


def test_probes_are_opened_on_request_only(small):
    assert Looking(small, rc=0).counters.get("ProviderOpenRequest", 0) == 0
    small.settings["secure_tsp_drift_probe"] = True
    looking = Looking(small, rc=0)
    assert [(finding["code"], finding["instance_id"]) for finding in looking.findings] == [("not_probed", "recorder01x1")]
    assert "there is no valid probe certificate" in looking.of("not_probed")["what"]
    opened = [p for p in small.sim.cluster.providers() if p.instance_id == "recorder02x1probe"]
    assert [(p.status, p.reason, p.tls) for p in opened] == [("Closed", 0, True)]
    assert looking.changes == [] and looking.writes == 0 and looking.run.count("changed") == 0


def test_a_probe_that_cannot_open(small):
    small.settings["secure_tsp_drift_probe"] = True
    small.sim.act("set_profile", instance_id="recorder02x1probe", compromised="t")
    looking = Looking(small, rc=2)
    assert sorted(finding["code"] for finding in looking.findings) == ["not_probed", "probe_failed"]
    failed = looking.of("probe_failed")
    assert failed["instance_id"] == "recorder02x1" and "0x8CCC00D9" in failed["what"] and "new id" in failed["fix"]


def test_probes_of_a_fleet_that_has_them_are_judged_like_instances(small):
    small.settings["secure_tsp_probe"] = True
    looking = Looking(small, rc=2)
    assert {(finding["code"], finding["instance_id"]) for finding in looking.findings} == {
        ("not_provisioned", "recorder01x1probe")}


@pytest.fixture
def silent(small):
    """Variables of a host that SSH does not reach."""
    return diagnosing.out_of_reach(small, "recorder02")


def test_a_host_that_cannot_be_reached_wins_and_the_report_shows_both(small, silent):
    small.hosts = {"recorder01": {}, "recorder02": silent}
    (small.store("recorder01x1") / "QBEClient.key.pem").unlink()
    looking = Looking(small, rc=4)
    assert [(finding["code"], finding["host"]) for finding in looking.findings] == [
        ("host_unreachable", "recorder02"), ("key_missing", "recorder01")]
    assert looking.report["run"]["exit_code"] == 4 and looking.report["totals"]["unreachable"] == 1
    assert looking.of_instance("recorder02x1")["health"] == "unknown"
    assert {host: (count["failures"], count["unreachable"] > 0) for host, count in looking.run.hosts.items()} == {
        "recorder01": (1, False), "recorder02": (0, True)}


def test_there_is_a_report_when_no_host_can_be_reached(small, silent):
    small.hosts = dict.fromkeys(HOSTS[:2], silent)
    looking = Looking(small, rc=4)
    assert [finding["code"] for finding in looking.findings] == ["host_unreachable", "host_unreachable"]


def test_a_host_that_cannot_be_read(small):
    small.hosts = {"recorder01": {}, "recorder02": {"ansible_python_interpreter": "/bin/false"}}
    looking = Looking(small, rc=2)
    assert [(finding["code"], finding["host"]) for finding in looking.findings] == [("host_not_read", "recorder02")]
    assert looking.of_instance("recorder02x1")["health"] == "unknown"


def test_a_part_of_the_fleet(small):
    """What is on other hosts is left out, and does not make the user look as if it had no instance."""
    (small.store("recorder02x1") / "QBEClient.key.pem").unlink()
    looking = Looking(small, "--limit", "recorder01", rc=0)
    assert looking.findings == [] and [item["host"] for item in looking.report["instances"]] == ["recorder01"]


def test_check_mode_finds_the_same(small):
    (small.store("recorder02x1") / "QBEClient.key.pem").unlink()
    looking = Looking(small, "--check", "--diff", rc=2)
    assert [finding["code"] for finding in looking.findings] == ["key_missing"] and looking.changes == []
    assert looking.run.diffs() == []


def test_passwords_are_not_printed_even_when_verbose(small):
    small.settings["secure_tsp_drift_probe"] = True
    looking = Looking(small, "-vvvv", rc=0)
    text = looking.run.output + small.controller.log.read_text()
    assert USER["password"] not in text and small.sim.password not in text and "PRIVATE KEY-----" not in text


def test_a_certificate_that_was_regenerated_and_a_trust_list_that_was_forgotten(small):
    former = small.sim.cluster.ctl_octets()
    small.sim.act("regenerate", certificate="callmanager")
    small.sim.cluster.put_file("CTLFile.tlv", former)
    looking = Looking(small, rc=2)
    [finding] = [one for one in looking.findings if one["code"] == "ctl_not_updated"]
    assert (finding["severity"], finding["cluster"], finding["host"], finding["command"]) == (
        "critical", "main", "", "utils ctl update CTLFile")
    assert finding["what"].startswith("The CallManager certificate of 127.0.0.1 is not in the trust list that hosts fetch (created ")
    assert "restart Cisco Tftp, Cisco CallManager and Cisco CTIManager" in finding["fix"]
    small.sim.act("rebuild_ctl")
    assert "ctl_not_updated" not in [one["code"] for one in Looking(small, rc=2).findings]


def test_an_application_behind_an_address_that_nobody_listed(small):
    """It may be the one that is missed, so that nothing is claimed, and nothing is told to be opened beside it."""
    for provider in small.sim.cluster.providers():
        small.sim.act("close_provider", number=provider.number)
    small.sim.act("open_application", user=USER["name"], address="198.51.100.30", instance_id="recorder01x1")
    looking = Looking(small, rc=0)
    assert {(one["code"], one["command"]) for one in looking.findings} == {("provider_not_judged", "")}
    assert {one["fix"] for one in looking.findings} == {"Give client_address: the cluster sees recorder_tapi from 198.51.100.30."}


def test_a_report_lands_where_the_run_was_started_after_the_findings_are_told(small):
    small.settings["secure_tsp_report_folder"] = "nightly"
    run = small.run(playbook="drift")
    place = small.controller.folder / "nightly"
    assert json.loads((place / "report.json").read_text())["run"]["exit_code"] == 0
    assert run.output.index("No drift: ") < run.output.index("Report: %s/report.html" % place) < run.output.index("Write the report")


def test_a_report_that_cannot_be_written_is_no_drift(small):
    small.settings["secure_tsp_report_folder"] = str(small.controller.folder / "ansible.cfg")
    run = small.run(playbook="drift")
    # A warning is broken at the width of the terminal, within a long path too.
    assert "Thereisnoreportin%s:" % small.settings["secure_tsp_report_folder"] in "".join(run.output.split())
    (small.store("recorder02x1") / "QBEClient.key.pem").unlink()
    run = small.run(playbook="drift", rc=2)
    assert [(one["host"], one["msg"][:24]) for one in run.results("Fail where there is drift", status="failed")] == [
        ("recorder02", "1 critical. key_missing:")]


def test_a_misspelt_variable_is_refused_before_anything_is_read(small):
    run = small.run("-e", "secure_tsp_drift_prob=true", playbook="drift", rc=2)
    assert "there is no variable secure_tsp_drift_prob; did you mean secure_tsp_drift_probe?" in " ".join(run.output.split())
    assert small.sim.cluster.counters.get("getCCMVersion", 0) == 0
