# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What programs that run playbooks keep of a run of site and of drift: artifacts, job events, a database. No secret is among it.

They are in a virtual environment of their own, which C(make outside) makes and names in OUTSIDE.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import subprocess
import threading

import pytest

OUTSIDE = os.environ.get("OUTSIDE")
pytestmark = pytest.mark.skipif(not OUTSIDE, reason="make outside runs these, with what they need")
HOST = "recorder01"
RC = {"site": 0, "drift": 2}  # its application does not run


class Strings:
    """Session ids of CAPF; whoever gets one shows which authorization strings are armed."""

    def __init__(self, cluster):
        self.seen = set()
        self._cluster, self._lock, self._numbers = cluster, threading.Lock(), itertools.count(1)

    def __next__(self):
        with self._lock:
            self.seen |= {one.string for one in self._cluster.accounts.profiles() if one.string}
            return next(self._numbers)


def runner(site, playbook, inventory, kept):
    (kept / "project").mkdir(parents=True)
    return ["ansible-runner", "run", kept, "-p", "voiceops.secure_tsp." + playbook, "--inventory", inventory], {}


def navigator(site, playbook, inventory, kept):
    kept.mkdir()
    return ["ansible-navigator", "run", "voiceops.secure_tsp." + playbook, "-i", inventory, "--ee", "false", "--mode", "stdout",
            "--log-level", "debug", "--log-file", kept / "navigator.log", "--playbook-artifact-enable", "true",
            "--playbook-artifact-save-as", kept / "artifact.json"], {}


def ara(site, playbook, inventory, kept):
    kept.mkdir()
    plugins = subprocess.run([pathlib.Path(OUTSIDE, "bin", "python"), "-m", "ara.setup.callback_plugins"],
                             check=True, capture_output=True, text=True).stdout.strip()
    return ["ansible-playbook", "-i", inventory, "voiceops.secure_tsp." + playbook], {
        "ANSIBLE_CALLBACK_PLUGINS": plugins, "ANSIBLE_CALLBACKS_ENABLED": "ara_default", "ARA_API_CLIENT": "offline",
        "ARA_BASE_DIR": str(kept)}


@pytest.fixture(scope="module", params=[runner, navigator, ara], ids=lambda program: program.__name__)
def kept(request, make_site, tmp_path_factory):
    """(site, strings, {playbook: the folder with all that the program kept}) after a first run of site, and a drift."""
    site = make_site(hosts=[HOST])
    site.instances = [one for one in site.instances if one["host"] == HOST]
    site.users = site.users[:1]
    strings = site.sim.front("capf").sessions = Strings(site.sim.cluster)
    folders = {}
    for playbook, rc in RC.items():
        folders[playbook] = tmp_path_factory.mktemp(request.param.__name__) / playbook
        words, environment = request.param(site, playbook, site.inventory(), folders[playbook])
        environment = {**site.controller.environment(), "ANSIBLE_CALLBACKS_ENABLED": "", **environment,
                       "PATH": "%s/bin:%s" % (OUTSIDE, os.environ["PATH"]), "TERM": "xterm"}
        done = subprocess.run([str(word) for word in words], env=environment, cwd=site.controller.folder, capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL, timeout=300)
        (folders[playbook] / "output.txt").write_text(done.stdout + done.stderr)
        assert done.returncode == rc, done.stdout + done.stderr
    return site, strings, folders


def secrets(site, strings):
    key = (site.store(site.instances[0]["instance_id"]) / "QBEClient.key.pem").read_bytes().splitlines()
    given = [user["password"] for user in site.users] + [site.sim.password] + sorted(strings.seen)
    return [one.encode() for one in given] + [key[len(key) // 2]]


@pytest.mark.parametrize("playbook", RC)
def test_nothing_that_is_kept_of_a_run_holds_a_secret(kept, playbook):
    site, strings, folders = kept
    wanted = secrets(site, strings)
    assert len(wanted) == 4 and site.armed() == []
    files = [path for path in folders[playbook].rglob("*") if path.is_file()]
    content = {str(path.relative_to(folders[playbook])): path.read_bytes() for path in files}
    assert [(name, secret[:4]) for name, octets in content.items() for secret in wanted if secret in octets] == []
    # It is the run that was kept: names are there, where secrets are not.
    told = b"recorder01x1"
    assert [name for name, octets in content.items() if told in octets and name != "output.txt"]
