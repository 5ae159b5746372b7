# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook over SSH, with sudo, from a controller that is not root, with pipelining and without, beside applications that
run and are still connected afterwards."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from bench import ROUTER_4

PIPELINING = (pytest.param(True, id="pipelining"), pytest.param(False, id="files", marks=pytest.mark.long))
# What changes nothing in a fleet that is as wished. The exit code is 2 where an application that does not run is drift.
LOOKING = {"verify": 0, "drift": 2, "diagnose": 0, "adopt": 0, "upgrade_certificates": 0, "site": 0}
# host: what is special about it
HOSTS = {
    "plain": dict(),
    "nat1": dict(behind=True),
    "nat2": dict(behind=True),
    "six": dict(six=True),
    "strict": dict(sudo_password=True, umask="077", tmp="noexec", without=("bin/ip", "usr/bin/ip", "sbin/ip", "usr/sbin/ip")),
    "lossy": dict(lossy=True, umask="000"),
}


@pytest.fixture(scope="module")
def fleet(bench):
    """Six hosts, provisioned by one run during which the last one is behind a bad line. All their applications run but one."""
    for number, (name, special) in enumerate(HOSTS.items()):
        bench.add_host(name, **special)
        nat = name.startswith("nat")
        bench.list_instance(name, "natrec" if nat else name + "rec", name + "x1", ["SEP00112233440%d" % number],
                            **({"client_address": ROUTER_4} if nat else {}))
    bench.line.delay, bench.line.loss = 0.05, 0.02
    bench.first = bench.run()
    for name in HOSTS:
        if name != "plain":
            bench.start_application(name + "x1")
    yield bench
    bench.forget()


def test_the_first_run_brings_all_of_them_to_a_proof(fleet):
    assert fleet.first.states == {name + "x1": "verified" for name in HOSTS}
    assert fleet.armed() == [] and set(fleet.statuses().values()) == {"Upgrade Success"}
    assert fleet.line.lost > 0


def test_each_application_is_seen_from_the_address_that_the_network_gives_it(fleet):
    seen = {one.instance_id: one.address for one in fleet.sim.cluster.providers() if one.status == "Open"}
    assert seen == {"nat1x1": ROUTER_4, "nat2x1": ROUTER_4, "sixx1": fleet.hosts["six"].address,
                    "strictx1": fleet.hosts["strict"].address, "lossyx1": fleet.hosts["lossy"].address}


@pytest.mark.parametrize("name", HOSTS)
def test_keys_belong_to_root_alone_whatever_the_umask(fleet, name):
    files = fleet.hosts[name].files()
    keys = [path for path in files if path.endswith("QBEClient.key.pem")]
    assert keys == [name + "x1/QBEClient.key.pem"]
    assert files[keys[0]][:2] == ("0o600", 0) and files[name + "x1"][:2] == ("0o700", 0)


@pytest.mark.parametrize("pipelining", PIPELINING)
@pytest.mark.parametrize("playbook", LOOKING)
def test_a_playbook_beside_running_applications(fleet, playbook, pipelining):
    before, connected = fleet.everything(), fleet.connected()
    (fleet.controller.folder / "adopted.yml").unlink(missing_ok=True)
    run = fleet.run(playbook=playbook, pipelining=pipelining, rc=LOOKING[playbook])
    assert fleet.everything() == before
    assert connected == sorted(name + "x1" for name in HOSTS if name != "plain") and fleet.connected() == connected
    PROOFS[playbook](fleet, run)


def _verified(_fleet, run):
    """One application does not run, and that one alone is proven by opening its provider."""
    ways = {name: row["VERIFIED BY"].split(" ")[0] for name, row in run.rows.items()}
    assert ways == {name + "x1": "application" if name == "plain" else "ris" for name in HOSTS}


def _drifted(fleet, run):
    """The application that does not run, and nothing else; the report is written by a user who is not root on the controller."""
    report = json.loads((fleet.controller.folder / "secure_tsp_report" / "report.json").read_text())
    assert [(one["code"], one["instance_id"]) for one in report["findings"] if one["severity"] != "info"] == [
        ("provider_not_seen", "plainx1")]
    assert "There is no report" not in run.output


def _diagnosed(_fleet, run):
    assert re.findall("^FAIL .*", run.output, re.MULTILINE) == []


def _adopted(fleet, _run):
    lists = yaml.safe_load((fleet.controller.folder / "adopted.yml").read_text())
    assert {one["instance_id"] for one in lists["secure_tsp_instances"]} == {name + "x1" for name in HOSTS}
    assert {one["instance_id"]: one["host"] for one in lists["secure_tsp_instances"]} == {name + "x1": name for name in HOSTS}


def _up_to_date(_fleet, run):
    assert set(run.states.values()) == {"up to date"}


def _unchanged(_fleet, run):
    assert run.count("changed") == 0 and set(run.states) == {name + "x1" for name in HOSTS}


PROOFS = {"verify": _verified, "drift": _drifted, "diagnose": _diagnosed, "adopt": _adopted,
          "upgrade_certificates": _up_to_date, "site": _unchanged}
