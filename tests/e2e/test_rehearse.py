# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook rehearse with every inventory of docs/examples: what comes of the lists, with nothing asked and nothing left."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml
from controller import ROOT, Controller

EXAMPLES = sorted(path for path in (ROOT / "docs" / "examples").iterdir() if (path / "hosts.yml").exists() or (path / "inventory.yml").exists())
VAULTED = re.compile(r"\{\{ *(vault_\w+) *\}\}")
SECRET = "Rehearsed-Secret-%d"
# Whatever does not go to loopback goes out of this device, which counts it.
ALONE = """
ip link set lo up && ip link add away type veth peer name nowhere && echo 1 >/proc/sys/net/ipv6/conf/away/disable_ipv6
ip link set nowhere up
ip addr add 198.51.100.1/24 dev away && ip link set away up && ip route add default dev away
counted=$1; shift; "$@"; rc=$?
ip -j -s link show away >"$counted"; exit $rc
"""


def secrets_of(example):
    names = sorted({name for path in example.rglob("*.yml") for name in VAULTED.findall(path.read_text(encoding="utf-8"))})
    return {name: SECRET % number for number, name in enumerate(names)}


def left(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class Rehearsal:
    """One run of the playbook, without a network where this machine lets us."""

    def __init__(self, folder, source, secrets):
        self.controller = Controller(folder)
        self.counted = folder / "counted.json"
        self.alone = os.geteuid() == 0 and shutil.which("ip") and shutil.which("unshare") and not subprocess.run(
            ["unshare", "--net", "true"], check=False, capture_output=True).returncode
        if self.alone:
            self.controller.prefix = ["unshare", "--net", "bash", "-c", ALONE, "-", self.counted]
        (folder / "docs").symlink_to(ROOT / "docs")  # examples name handlers from where the run is started, the checkout
        vault = folder / "vault.json"
        vault.write_text(json.dumps(secrets))
        before = left(folder)
        self.run = self.controller.start("rehearse", source, "-e", "@%s" % vault).wait()
        mine = re.compile(r"(output|events)\d+\.\w+|ansible\.log|counted\.json|home/\.ansible/.*")
        self.left = {name for name in left(folder) - before if not mine.fullmatch(name)}


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda path: path.name)
def rehearsed(request, tmp_path_factory):
    secrets = secrets_of(request.param)
    return request.param, secrets, Rehearsal(tmp_path_factory.mktemp("rehearse") / request.param.name, request.param, secrets)


def part(run, title):
    return run.output.partition("\n%s:\n" % title)[2].partition("\n\n")[0]


def test_it_shows_two_runs_and_a_search_for_drift(rehearsed):
    example, _secrets, rehearsal = rehearsed
    run = rehearsal.run
    assert run.rc == 0, run.output
    first, second = part(run, "site, for the first time"), part(run, "site, once more")
    count = int(re.search(r"A rehearsal with \d+ users and (\d+) instances", run.output).group(1))
    # The fleet is cut over by hand.
    assert first.count("  %s  " % ("enrolled, waiting for cutover" if example.name == "fleet" else "verified")) == count, first
    assert " 0 changed." in second and " failed" not in second
    assert "0 critical, 0 warning" in run.output or "No drift" in run.output, run.output
    assert ("nobody plays a TSP here" in run.output) == ("windows" in example.name)


def test_no_host_and_no_cluster_is_asked(rehearsed):
    _example, _secrets, rehearsal = rehearsed
    assert rehearsal.run.count("unreachable") == 0
    if not rehearsal.alone:
        pytest.skip("needs root, ip and unshare")
    (away,) = json.loads(rehearsal.counted.read_text())
    assert away["ifname"] == "away" and away["stats64"]["tx"]["packets"] == 0


def test_nothing_is_left_and_nothing_is_told(rehearsed):
    _example, secrets, rehearsal = rehearsed
    assert rehearsal.left == set()
    assert [name for name, secret in secrets.items() if secret in rehearsal.run.output] == []


def test_mistakes_in_the_lists_are_refused_first(tmp_path):
    source = yaml.safe_load((ROOT / "docs" / "examples" / "one_host" / "inventory.yml").read_text())
    source["all"]["vars"]["secure_tsp_instances"][0].update(user="nobody", instance_id="recorder-01")
    path = tmp_path / "inventory.yml"
    path.write_text(yaml.safe_dump(source))
    rehearsal = Rehearsal(tmp_path / "controller", path, secrets_of(ROOT / "docs" / "examples" / "one_host"))
    assert rehearsal.run.rc == 2 and "2 mistake(s) in the lists" in rehearsal.run.output and rehearsal.left == set()
    assert "A rehearsal with" not in rehearsal.run.output


def test_what_goes_wrong_is_shown_and_fails(tmp_path):
    """A password that is not as the simulated cluster's end user has it cannot happen; a cutover by hand that was not done can."""
    source = yaml.safe_load((ROOT / "docs" / "examples" / "one_host" / "inventory.yml").read_text())
    source["all"]["vars"].update(secure_tsp_cutover="never")
    path = tmp_path / "inventory.yml"
    path.write_text(yaml.safe_dump(source))
    rehearsal = Rehearsal(tmp_path / "controller", path, secrets_of(ROOT / "docs" / "examples" / "one_host"))
    assert "waiting for cutover" in part(rehearsal.run, "site, for the first time")
