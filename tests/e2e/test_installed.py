# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook by its name, with its defaults, from a collection that was installed and that nothing may write to (S7)."""

from __future__ import annotations

import hashlib
import pathlib
import subprocess
import sys

import pytest
from controller import ROOT

HOST = "recorder01"
# playbook: (words, exit codes that are right for a fleet whose applications do not run)
PLAYBOOKS = {
    "site": ((), {0}), "verify": ((), {0}), "drift": ((), {2}), "diagnose": ((), {0}), "upgrade_certificates": ((), {0}),
    "adopt": ((), {0}), "rollback": (("-e", '{"secure_tsp_rollback_instances": ["recorder01x1"]}'), {0}), "decommission": ((), {0}),
    "windows": ((), {0}), "rehearse": ((), {0}),
    "disarm": ((), {0}), "observe": ((), {2}),  # there is no PC among the hosts, which it says
}


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site(hosts=[HOST])
    site.instances = [one for one in site.instances if one["host"] == HOST]
    site.users = site.users[:1]
    place = site.controller.folder / "collections" / "ansible_collections" / "voiceops" / "secure_tsp"
    place.unlink()
    galaxy = [sys.executable, str(pathlib.Path(sys.executable).with_name("ansible-galaxy")), "collection"]
    env = site.controller.environment()
    subprocess.run([*galaxy, "build", "--output-path", str(site.controller.folder), str(ROOT)], env=env, check=True, capture_output=True)
    [tarball] = site.controller.folder.glob("*.tar.gz")
    subprocess.run([*galaxy, "install", "--offline", "--no-deps", "-p", str(site.controller.folder / "collections"), str(tarball)],
                   env=env, check=True, capture_output=True)
    for path in [place, *place.rglob("*")]:
        path.chmod(path.stat().st_mode & 0o555)
    site.place = place
    return site


def content(place):
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            for path in sorted(place.rglob("*")) if "__pycache__" not in path.parts}


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_writes_nothing_into_the_collection(site, playbook):
    words, codes = PLAYBOOKS[playbook]
    before = content(site.place)
    run = site.run(*words, playbook=playbook, rc=None)
    assert run.rc in codes, run.output
    assert content(site.place) == before
    if playbook == "drift":
        assert (site.controller.folder / "secure_tsp_report" / "report.html").exists()
        assert "%s/secure_tsp_report/report.html" % site.controller.folder in run.text
    if playbook == "adopt":
        assert (site.controller.folder / "adopted.yml").exists() and "%s/adopted.yml" % site.controller.folder in run.text


def test_galaxy_finds_nothing_modified_afterwards(site):
    """The last test of this file: all playbooks were run from that collection by then."""
    galaxy = [sys.executable, str(pathlib.Path(sys.executable).with_name("ansible-galaxy")), "collection", "verify", "--offline"]
    collections = str(site.place.parents[2])
    verified = subprocess.run([*galaxy, "-p", collections, "voiceops.secure_tsp"], env=site.controller.environment(), check=False,
                              capture_output=True, text=True)
    assert verified.returncode == 0 and "modified" not in verified.stdout + verified.stderr, verified.stdout + verified.stderr
    assert "Successfully verified" in verified.stdout
    # It would be found.
    changed = site.place / "playbooks" / "site.yml"
    changed.chmod(0o644)
    changed.write_text(changed.read_text() + "# more\n")
    verified = subprocess.run([*galaxy, "-p", collections, "voiceops.secure_tsp"], env=site.controller.environment(), check=False,
                              capture_output=True, text=True)
    assert verified.returncode != 0 and "playbooks/site.yml" in verified.stdout + verified.stderr


def test_no_playbook_was_forgotten():
    """Discovery needs a person and a Windows host."""
    names = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    assert names - set(PLAYBOOKS) == {"discover_registry_profile"}
