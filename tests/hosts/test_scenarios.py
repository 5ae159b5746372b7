# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row for each thing that a real host has and a folder has not: what the run says, what it leaves on host and cluster, and
that the next run without it puts everything right, while the application of another host stays connected all the time."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import subprocess
import time

import pytest

from bench import BASE, CUCM_4, DIST_PACKAGES, OLDER, OTHER_CUCM_4, SUDO_PASSWORD, base_of, older_venv
from namespaces import nft

pytestmark = pytest.mark.long
BYSTANDER = "bystander"
SUBJECT = "subject"
ID = SUBJECT + "x1"
KEY, LSC = ID + "/QBEClient.key.pem", ID + "/QBEClient.cer"
SUCCESS, NEVER = "Upgrade Success", "None"
PATIENCE = 120  # seconds until the cluster sends again what was lost; only a broken run takes so long
ANSWERS_DROPPED = "table inet shut {\n chain in {\n type filter hook input priority 0;\n ip saddr %s udp sport != 69 drop\n }\n}\n" % CUCM_4
ANSWERS_FROM_ELSEWHERE = ("table ip moved {\n chain out {\n type nat hook postrouting priority 100;\n udp sport != 69 snat to %s\n }\n}\n"
                          % OTHER_CUCM_4)


@dataclasses.dataclass
class Scenario:
    """host: of Bench.add_host. older: the version of Python that the host has instead of its own. enrolled: whether a run before this
    one verified the instance. before: done to the bench first. playbook, arguments, settings: what is run, with which variables.
    cut_at: the line is cut when the cluster is about to send that. power: what runs on the host ends then, too; else it goes on when
    the line is back. finishes: it is waited for.

    What comes of it: rc, the instance's state, words of the output, whether the host holds a key and a certificate, whether these
    are the former ones (None: there were none), and the profile's status. heal: what puts the cause right. again: the state after
    the next run."""

    host: dict = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)
    older: str = ""
    enrolled: bool = False
    before: object = None
    playbook: str = "site"
    arguments: tuple = ()
    cut_at: tuple = ()
    power: bool = False
    finishes: bool = False
    rc: tuple = (0,)
    state: str = "verified"
    words: tuple = ()
    key: bool = True
    certificate: bool = True
    former: bool | None = None
    status: str = SUCCESS
    heal: object = None
    again: str = "ok"


def bad_line(bench):
    bench.line.delay, bench.line.loss = 0.15, 0.05


def drop_answers(_bench):
    nft(SUBJECT, ANSWERS_DROPPED)


def take_answers(_bench):
    nft(SUBJECT, "delete table inet shut\n")


def answer_from_elsewhere(_bench):
    nft("cucm", ANSWERS_FROM_ELSEWHERE)


def answer_from_here(_bench):
    nft("cucm", "delete table ip moved\n")


def forget_password(bench):
    del bench.hosts[SUBJECT].variables["ansible_become_password"]


def mistake_password(bench):
    bench.hosts[SUBJECT].variables["ansible_become_password"] = "Another-Secret-0098"


def remember_password(bench):
    bench.hosts[SUBJECT].variables["ansible_become_password"] = SUDO_PASSWORD


def install_packages(bench):
    """As a person would from the distribution; there is no package index on the bench."""
    there = pathlib.Path(str(bench.hosts[SUBJECT].root), DIST_PACKAGES)
    assert not list(there.glob("pip*")), "there is pip after all"
    for name in ("cryptography", "OpenSSL"):
        shutil.copytree(pathlib.Path(BASE, DIST_PACKAGES, name), there / name)


def set_clock(bench):
    pathlib.Path("%s/etc/faketimerc" % bench.hosts[SUBJECT].root).write_text("+0\n")


def ask_for_another(bench):
    bench.instance(ID)["force"] = True


def ask_for_none(bench):
    bench.instance(ID).pop("force", None)


def renew_without_proof(bench):
    """Leave a new certificate in place that nothing has verified, with the former one beside it."""
    ask_for_another(bench)
    bench.sim.faults.add("cti", "silence", "ProviderOpenCompletedEvent", times=None)
    run = bench.run("-e", "secure_tsp_cti_timeout=5", rc=2)
    bench.sim.faults.clear()
    ask_for_none(bench)
    assert run.states[ID] == "failed" and ID + "/previous/QBEClient.cer" in bench.hosts[SUBJECT].files()


def list_as_absent(bench):
    bench.instance(ID)["state"] = "absent"


def list_as_present(bench):
    bench.instance(ID).pop("state", None)


TFTPY = dict(packages=("tftpy",))
ON_HOST = {"secure_tsp_ctl_from": "host"}
NOTHING = dict(rc=(2,), state="failed", key=False, certificate=False, status=NEVER, again="verified")
LOST = dict(rc=(2, 4), state="failed", words=("The connection to this host broke",), certificate=False, again="verified")
RENEWAL_LOST = {**LOST, "enrolled": True, "before": ask_for_another, "playbook": "upgrade_certificates", "certificate": True,
                "heal": ask_for_none}
ISSUED = ("capf", "STORE_CERTIFICATE_REQUEST")
SCENARIOS = {
    "loss and delay during TFTP, CAPF and CTI": Scenario(dict(lossy=True, **TFTPY), ON_HOST, before=bad_line),
    "line cut before CAPF": Scenario(cut_at=("capf", "AUTH_REQUEST"), status=NEVER, **LOST),
    "line cut after CAPF issued": Scenario(cut_at=ISSUED, status=SUCCESS, **LOST),
    "power lost after CAPF issued": Scenario(cut_at=ISSUED, power=True, status=SUCCESS, **LOST),
    # The host gives up before the line is back, so that nothing was proven.
    "line cut during the proof": Scenario(
        settings={"secure_tsp_cti_timeout": 8}, cut_at=("cti", "ProviderOpenCompletedEvent"), **{**LOST, "certificate": True}),
    "partition during an upgrade, before CAPF": Scenario(
        cut_at=("capf", "KEY_GENERATE_REQUEST"), status=NEVER, former=True, **RENEWAL_LOST),
    "partition during an upgrade, after CAPF issued": Scenario(
        cut_at=ISSUED, finishes=True, former=False, **{**RENEWAL_LOST, "again": "ok"}),
    "power lost during an upgrade, after CAPF issued": Scenario(cut_at=ISSUED, power=True, former=True, **RENEWAL_LOST),
    "rollback": Scenario(
        enrolled=True, before=renew_without_proof, playbook="rollback",
        arguments=("-e", json.dumps({"secure_tsp_rollback_instances": [ID]})), state="restored",
        words=("CUCM may no longer accept",), former=True, again="verified"),
    "decommission": Scenario(
        enrolled=True, before=list_as_absent, playbook="decommission", state="removed", words=("files and CAPF profile removed.",),
        key=False, certificate=False, status=NEVER, heal=list_as_present, again="verified"),
    "IPv6 only, MTU 1280": Scenario(dict(six=True, mtu=1280, **TFTPY), ON_HOST),
    "MTU 1280": Scenario(dict(mtu=1280, **TFTPY), ON_HOST),
    "TFTP's answers dropped": Scenario(
        TFTPY, before=drop_answers, words=("The controller fetched the trust list, because this host could not.",)),
    "TFTP's answers dropped, host only": Scenario(
        TFTPY, ON_HOST, before=drop_answers, words=("did not answer", "secure_tsp_ctl_http: true", "secure_tsp_ctl_from: controller"),
        heal=take_answers, **NOTHING),
    "another address answers": Scenario(
        TFTPY, ON_HOST, before=answer_from_elsewhere, words=("but an answer came from " + OTHER_CUCM_4,), heal=answer_from_here,
        **NOTHING),
    "umask 000": Scenario(dict(umask="000")),
    "umask 077": Scenario(dict(umask="077")),
    "noexec /tmp": Scenario(dict(tmp="noexec")),
    "sudo with a password": Scenario(dict(sudo_password=True)),
    "sudo without its password": Scenario(
        dict(sudo_password=True), before=forget_password, words=("sudo requires a password on this host, but none is set.",),
        heal=remember_password, **NOTHING),
    "sudo with another password": Scenario(
        dict(sudo_password=True), before=mistake_password, words=("sudo does not accept the password for this host.",),
        heal=remember_password, **NOTHING),
    "no packages, no pip": Scenario(
        dict(without=(DIST_PACKAGES + "/cryptography", DIST_PACKAGES + "/OpenSSL")),
        words=("The Python packages cryptography, pyOpenSSL", "python3 has no pip, or its pip may not install packages."),
        heal=install_packages, **NOTHING),
    "clock two hours ahead": Scenario(
        dict(faked_clock="+2h"), words=("The clocks of this host and of cluster main are 72",), heal=set_clock, **NOTHING),
    "clock two hours behind": Scenario(
        dict(faked_clock="-2h"), words=("The clocks of this host and of cluster main are 71",), heal=set_clock, **NOTHING),
    "Python 3.8": Scenario(older="3.8"),
    "Python 3.9": Scenario(older="3.9"),
}


@pytest.fixture(scope="module")
def bystander(bench):
    """A host whose application runs from the first scenario to the last one."""
    bench.add_host(BYSTANDER, **TFTPY)
    bench.list_instance(BYSTANDER, "bystander", BYSTANDER + "x1", ["SEP001122334490"])
    bench.run()
    bench.start_application(BYSTANDER + "x1")
    yield bench.hosts[BYSTANDER]
    bench.forget(BYSTANDER)


def host_of(scenario):
    """Words for add_host."""
    if not scenario.older:
        return scenario.host
    if scenario.older not in OLDER:
        pytest.skip("this machine has no Python %s that a host could be given" % scenario.older)
    venv = older_venv(scenario.older)
    return dict(scenario.host, shown=(base_of(scenario.older), venv), python=venv / "bin" / "python")


def check_python(host, version):
    """The host runs it, if its file tree has the libraries that it was built with."""
    program = "import cryptography, ssl, sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run(["chroot", host.root, host.variables["ansible_python_interpreter"], "-c", program],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this machine's Python %s does not run in the file tree of a host: %s" % (version, done.stderr.splitlines()[-1]))
    assert done.stdout == version + "\n"


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(bench, bystander, name):
    scenario = SCENARIOS[name]
    host = bench.add_host(SUBJECT, **host_of(scenario))
    # The profile, user and device of one scenario must not help the next one.
    user = "subject%d" % list(SCENARIOS).index(name)
    bench.list_instance(SUBJECT, user, ID, ["SEP0011223345%02d" % list(SCENARIOS).index(name)])
    untouched, healing = bystander.files(), [scenario.heal] if scenario.heal else []
    try:
        if scenario.older:
            check_python(host, scenario.older)
        if scenario.enrolled:
            assert bench.run().states[ID] == "verified"
        pair = pair_of(host)
        if scenario.before:
            scenario.before(bench)
        bench.settings.update(scenario.settings)
        options = dict(playbook=scenario.playbook, rc=None)
        if scenario.cut_at:
            run = bench.run_until(*scenario.cut_at, host.lose_power if scenario.power else host.down, *scenario.arguments, **options)
            host.up()
            end = time.monotonic() + PATIENCE
            while scenario.finishes and {ID + "/pending", ID + "/previous"} & set(host.files()) and time.monotonic() < end:
                time.sleep(0.5)
        else:
            run = bench.run(*scenario.arguments, **options)
        files = host.files()
        assert run.rc in scenario.rc and run.states[ID] == scenario.state, "\n".join(run.summary) or run.output
        assert [words for words in scenario.words if words not in run.text] == [], run.output
        assert SUDO_PASSWORD not in run.output
        assert (LSC in files) == scenario.certificate and (scenario.cut_at or (KEY in files) == scenario.key)
        assert scenario.former is None or (pair_of(host) == pair) == scenario.former
        assert bench.statuses().get(ID, NEVER) == scenario.status and bench.armed() == []
        assert bystander.files() == untouched and bench.connected() == [BYSTANDER + "x1"]

        if healing:
            healing.pop()(bench)
        run = bench.run(rc=None)
        assert (run.rc, run.states[ID]) == (0, scenario.again), "\n".join(run.summary) or run.output
        assert host.files()[KEY][:2] == ("0o600", 0)
        assert bench.statuses()[ID] == SUCCESS and bench.armed() == []
        assert bystander.files() == untouched and bench.connected() == [BYSTANDER + "x1"]
        if scenario.again == "verified":
            assert bench.run().count("changed") == 0
    finally:
        for heal in healing:
            heal(bench)  # the next scenario has nothing to do with it
        bench.forget(SUBJECT)
        bench.sim.act("remove_profile", instance_id=ID) if ID in bench.statuses() else None


def pair_of(host):
    files = host.files()
    return [files.get(name) for name in (KEY, LSC)]
