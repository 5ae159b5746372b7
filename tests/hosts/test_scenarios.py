# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row for each thing that a real host has and a folder has not: what the run says, what it leaves on host and cluster, and
that the next run without it puts everything right, while the application of another host stays connected all the time."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import shutil
import subprocess

import pytest
from controller import ROOT

from bench import BASE, CUCM_4, DIST_PACKAGES, OTHER_CUCM_4, SUDO_PASSWORD
from namespaces import nft

pytestmark = pytest.mark.long
BYSTANDER = "bystander"
SUBJECT = "subject"
ID = SUBJECT + "x1"
KEY, LSC = ID + "/QBEClient.key.pem", ID + "/QBEClient.cer"
SUCCESS, NEVER = "Upgrade Success", "None"
ANSWERS_DROPPED = "table inet shut {\n chain in {\n type filter hook input priority 0;\n ip saddr %s udp sport != 69 drop\n }\n}\n" % CUCM_4
ANSWERS_FROM_ELSEWHERE = ("table ip moved {\n chain out {\n type nat hook postrouting priority 100;\n udp sport != 69 snat to %s\n }\n}\n"
                          % OTHER_CUCM_4)


@dataclasses.dataclass
class Scenario:
    """host: of Bench.add_host, or a function that returns it or None. settings: variables of the run. before: done to the bench first. cut_at: the line is cut when the
    cluster is about to send that. What comes of it: rc, the instance's state, words of the output, whether the host holds a key and
    a certificate, and the profile's status. heal: what puts the cause right. again: the state after the next run."""

    host: object = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)
    before: object = None
    cut_at: tuple = ()
    rc: tuple = (0,)
    state: str = "verified"
    words: tuple = ()
    key: bool = True
    certificate: bool = True
    status: str = SUCCESS
    heal: object = None
    again: str = "enrolled, not verified online"


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
    bench.hosts[SUBJECT].variables.pop("ansible_become_password")


def remember_password(bench):
    bench.hosts[SUBJECT].variables["ansible_become_password"] = SUDO_PASSWORD


def install_packages(bench):
    """As a person would from the distribution; there is no package index on the bench."""
    for name in ("cryptography", "OpenSSL"):
        shutil.copytree(pathlib.Path(BASE, DIST_PACKAGES, name), pathlib.Path("%s/%s/%s" % (bench.hosts[SUBJECT].root, DIST_PACKAGES, name)))


def set_clock(bench):
    pathlib.Path("%s/etc/faketimerc" % bench.hosts[SUBJECT].root).write_text("+0\n")


def older_python(version):
    """Words for add_host: a Python of this machine with the oldest packages that the modules promise to work with."""
    python = subprocess.run([ROOT / "requirements" / "venv", "--find", version], capture_output=True, text=True, check=False).stdout.strip()
    if not python:
        return None
    venv = ROOT / ".cache" / "hosts" / ("python" + version)
    if not (venv / "ready").exists():
        subprocess.run([python, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "-r", ROOT / "requirements" / "oldest.txt"], check=True)
        (venv / "ready").touch()
    return dict(shown=(pathlib.Path(python).parent.parent, venv), python=venv / "bin" / "python")


TFTPY = dict(packages=("tftpy",))
ON_HOST = {"secure_tsp_ctl_from": "host"}
NOTHING = dict(rc=(2,), state="failed", key=False, certificate=False, status=NEVER, again="verified")
LOST = dict(rc=(2, 4), state="failed", words=("The line to this host broke",), certificate=False, again="verified")
SCENARIOS = {
    "loss and delay during TFTP, CAPF and CTI": Scenario(dict(lossy=True, **TFTPY), ON_HOST, before=bad_line),
    "line cut before CAPF": Scenario(cut_at=("capf", "AUTH_REQUEST"), status=NEVER, **LOST),
    "line cut after CAPF issued": Scenario(cut_at=("capf", "STORE_CERTIFICATE_REQUEST"), status=SUCCESS, **LOST),
    # The host gives up before the line is back, so that nothing was proven.
    "line cut during the proof": Scenario(
        settings={"secure_tsp_cti_timeout": 8}, cut_at=("cti", "ProviderOpenCompletedEvent"), **dict(LOST, certificate=True)),
    "IPv6 only, MTU 1280": Scenario(dict(six=True, mtu=1280, **TFTPY), ON_HOST),
    "MTU 1280": Scenario(dict(mtu=1280, **TFTPY), ON_HOST),
    "TFTP's answers dropped": Scenario(
        TFTPY, before=drop_answers, words=("The controller fetched the trust list, since this host could not.",)),
    "TFTP's answers dropped, host only": Scenario(
        TFTPY, ON_HOST, before=drop_answers, words=("did not answer", "secure_tsp_ctl_http: true", "secure_tsp_ctl_from: controller"), heal=take_answers, **NOTHING),
    "another address answers": Scenario(
        TFTPY, ON_HOST, before=answer_from_elsewhere, words=("while an answer came from " + OTHER_CUCM_4,), heal=answer_from_here, **NOTHING),
    "behind NAT, TFTP does not come back": Scenario(
        dict(behind=True, **TFTPY), words=("The controller fetched the trust list, since this host could not.",)),
    "umask 000": Scenario(dict(umask="000")),
    "umask 077": Scenario(dict(umask="077")),
    "noexec /tmp": Scenario(dict(tmp="noexec")),
    "sudo with password": Scenario(dict(sudo_password=True)),
    "sudo without its password": Scenario(
        dict(sudo_password=True), before=forget_password, words=("password",), heal=remember_password, **dict(NOTHING, rc=(2, 4))),
    "no packages, no pip": Scenario(
        dict(without=(DIST_PACKAGES + "/cryptography", DIST_PACKAGES + "/OpenSSL")),
        words=("The Python packages cryptography, pyOpenSSL",), heal=install_packages, **NOTHING),
    "clock two hours ahead": Scenario(
        dict(faked_clock="+2h"), words=("The clocks of this host and of cluster main are 72",), heal=set_clock, **NOTHING),
    "Python 3.8": Scenario(functools.partial(older_python, "3.8")),
    "Python 3.9": Scenario(functools.partial(older_python, "3.9")),
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


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(bench, bystander, name):
    scenario = SCENARIOS[name]
    special = scenario.host() if callable(scenario.host) else scenario.host
    if special is None:
        pytest.skip("this machine has no such Python")
    host = bench.add_host(SUBJECT, **special)
    # The profile, user and device of one scenario must not help the next one.
    user = "subject%d" % list(SCENARIOS).index(name)
    bench.list_instance(SUBJECT, user, ID, ["SEP0011223345%02d" % list(SCENARIOS).index(name)])
    untouched, healing = bystander.files(), [scenario.heal] if scenario.heal else []
    try:
        if scenario.before:
            scenario.before(bench)
        bench.settings.update(scenario.settings)
        if scenario.cut_at:
            run = bench.run_until(*scenario.cut_at, host.down, rc=None)
            host.up()
        else:
            run = bench.run(rc=None)
        files = host.files()
        assert run.rc in scenario.rc and run.states[ID] == scenario.state, "\n".join(run.summary) or run.output
        assert [words for words in scenario.words if words not in run.output] == [], "\n".join(run.summary) or run.output
        assert (KEY in files, LSC in files) == (scenario.key, scenario.certificate) or scenario.cut_at and (LSC in files) == scenario.certificate
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
