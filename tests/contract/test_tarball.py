# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user installs, and what stands in it."""

from __future__ import annotations

import pathlib
import re
import subprocess
import tarfile

import collection_path
import pytest
import yaml

ROOT = collection_path.ROOT
LICENSED = "SPDX-License-" + "Identifier: GPL-3.0-or-later"  # in pieces, so that no tool takes this line for a header
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())

# Written in pieces, so that this file does not find itself.
FOREIGN = re.compile("|".join((
    r"(?<![\w.-])/" + r"work/", r"(?<![\w.-])/tmp/" + r"team", r"(?<![\w.-])/" + r"root/",
    r"pypi\." + "org", "python" + "hosted", r"registry\." + "npmjs", r"deb\." + "debian", r"reference/" + r"\w+\.md",
)))


@pytest.fixture(scope="module")
def names(tarball):
    with tarfile.open(tarball) as archive:
        return set(archive.getnames())


def test_it_holds_what_install_import_and_builder_need(names):
    wanted = {
        "README.md", "LICENSE", "CHANGELOG.md", "MANIFEST.json", "meta/runtime.yml", "meta/execution-environment.yml",
        "meta/ee-requirements.txt", "meta/ee-bindep.txt", "changelogs/changelog.yaml", "docs/docsite/extra-docs.yml",
    }
    wanted |= {f"roles/{role}/README.md" for role in ROLES}
    wanted |= {f"roles/{role}/meta/argument_specs.yml" for role in ROLES}
    assert wanted - names == set()


def test_it_holds_nothing_of_the_workshop(names):
    litter = re.compile(r"(^|/)(\.cache|\.venv|\.git|\.hypothesis|\.pytest_cache|__pycache__)(/|$)|^tests/output|\.tar\.gz$")
    assert [name for name in sorted(names) if litter.search(name)] == []


def test_its_version_has_an_entry_in_the_changelog():
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert version in yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]


def test_requirements_of_an_execution_environment_are_lower_bounds_of_what_is_tested():
    tested = requirements("requirements/collection.txt")
    assert {name for name, bound in tested.items() if not bound.startswith("==")} == set()
    built = requirements("meta/ee-requirements.txt")
    assert set(built) == set(tested)
    assert {name for name, bound in built.items() if bound and not bound.startswith(">=")} == set()


@pytest.mark.parametrize("kind", ["unit", "integration"])
def test_ansible_test_can_install_what_the_tests_need(kind):
    assert set(requirements("requirements/collection.txt")) <= set(requirements("tests/%s/requirements.txt" % kind))


def requirements(path):
    lines = (ROOT / path).read_text().splitlines()
    return dict(re.fullmatch(r"([A-Za-z0-9_-]+)(.*)", line).groups() for line in lines if not line.startswith("#"))


def test_no_file_names_a_machine_or_a_registry():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        path = pathlib.Path(ROOT / name)
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if FOREIGN.search(line):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    assert found == []


def test_every_python_file_carries_the_licence():
    for path in sorted((ROOT / "plugins").rglob("*.py")) + sorted((ROOT / "tests").rglob("*.py")):
        head = path.read_text(encoding="utf-8")[:400]
        assert LICENSED in head or not head, path
