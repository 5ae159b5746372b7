# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import collection_path
import pytest

from ansible_collections.voiceops.secure_tsp.plugins.modules import ctl_info

# (file, digest that verifies it, roles, mixed mode, CAPF); reasons: tests/vectors/ctl/README.md
LISTS = [
    ("CTLFile-v12", "sha1", "SAST SAST CCM+TFTP CAPF CCM+TFTP", True, True),
    ("CTLFile-v11.5", "sha1", "SAST SAST CCM+TFTP CAPF CCM+TFTP", True, True),
    ("CTLFile-sha512", "sha512", "SAST SAST CCM+TFTP CAPF CCM+TFTP", True, True),
    ("CTLFile-code4-sha512", "sha512", "SAST SAST CCM+TFTP CAPF CCM+TFTP", True, True),
    ("CTLFile-code3-sha384", "sha384", "SAST SAST CCM+TFTP CAPF CCM+TFTP", True, True),
    ("CTLFile-sha256", "sha256", "SAST SAST CCM+TFTP CAPF CCM+TFTP", True, True),
    ("CTLFile-update-later", "sha1", "SAST SAST CCM+TFTP CAPF", True, True),
    ("CTLFile-nonsecure", "sha1", "SAST CCM+TFTP CAPF CCM+TFTP", False, True),
    ("CTLFile-ec-record", "sha1", "SAST SAST CCM+TFTP CAPF CCM+TFTP CCM+TFTP", True, True),
    ("CTLFile-capf-profile", "sha512", "SAST SAST CCM+TFTP CAPF CCM+TFTP", True, True),
    ("CTLFile-stranger", "sha1", "SAST CCM+TFTP", True, False),
    ("CTLFile-tampered", None, "SAST SAST CCM+TFTP CAPF CCM+TFTP", True, True),
    ("ITLFile-hashonly", "sha1", "SAST SAST CCM+TFTP CAPF TVS", True, True),
    ("ITLFile-v11", "sha512", "SAST SAST CCM+TFTP CAPF CCM+TFTP", True, True),
]


@pytest.fixture
def path_of(vectors):
    return lambda name: str(vectors / "ctl" / "cucm" / (name + ".tlv"))


def roles(ctl):
    return " ".join(record["role"] for record in ctl["records"])


@pytest.mark.parametrize("name, digest, names, mixed_mode, has_capf", LISTS)
def test_every_list_is_shown(run_module, path_of, name, digest, names, mixed_mode, has_capf):
    result = run_module(ctl_info, path=path_of(name))
    ctl = result["ctl"]
    assert (result["changed"], result["exists"], result["path"]) == (False, True, path_of(name))
    assert (roles(ctl), ctl["mixed_mode"], ctl["has_capf"]) == (names, mixed_mode, has_capf)
    assert ctl["signature"] == ("valid" if digest else "invalid")
    assert ctl["sha256_fingerprint"] == hashlib.sha256(pathlib.Path(path_of(name)).read_bytes()).hexdigest()
    if digest:
        assert ctl["digest"] == digest and "warnings" not in result
        assert ctl["signer_certificate"] in {certificate["sha256_fingerprint"] for certificate in ctl["certificates"]}
    else:
        assert ctl["signer_certificate"] == "" and "not signed" in " ".join(result["warnings"])


def test_certificates_and_records_belong_together(run_module, path_of):
    ctl = run_module(ctl_info, path=path_of("CTLFile-v12"))["ctl"]
    by_digest = {certificate["sha256_fingerprint"]: certificate for certificate in ctl["certificates"]}
    publisher = by_digest[ctl["records"][2]["certificate_sha256"]]
    assert publisher["file"] == "9467be5d.0" and publisher["roles"] == ["SAST", "CCM+TFTP"]
    assert (publisher["common_name"], publisher["hosts"], publisher["key_size"]) == ("lab1-pub", ["lab1-pub"], 2048)
    assert [record["address"] for record in ctl["records"]][0] == "192.0.2.10"


def test_the_list_of_an_instance(run_module, path_of, tmp_path):
    assert run_module(ctl_info, path=str(tmp_path)) == {
        "changed": False, "exists": False, "path": str(tmp_path / "ctl.tlv")}
    (tmp_path / "ctl.tlv").write_bytes(pathlib.Path(path_of("CTLFile-v12")).read_bytes())
    result = run_module(ctl_info, path=str(tmp_path), check=True)
    assert result["exists"] and result["path"] == str(tmp_path / "ctl.tlv") and result["ctl"]["has_capf"]


def test_a_list_given_as_content(run_module, path_of):
    octets = pathlib.Path(path_of("CTLFile-v12")).read_bytes()
    result = run_module(ctl_info, content=base64.b64encode(octets).decode())
    assert result["path"] == "" and result["ctl"] == run_module(ctl_info, path=path_of("CTLFile-v12"))["ctl"]


@pytest.mark.parametrize("options, words", [
    (dict(content="!!!"), "not base64"), (dict(content=""), "the file is empty"),
    (dict(content=base64.b64encode(b"<html>").decode()), "not a signed file of CUCM"),
    (dict(), "one of the following"), (dict(path="/dev/null/x"), "cannot be read"),
    (dict(path="/nowhere", content=""), "mutually exclusive"),
])
def test_what_is_no_list_is_refused_with_words(run_module, options, words):
    result = run_module(ctl_info, **options)
    assert result["failed"] and words in result["msg"] and "ctl" not in result


def test_a_truncated_list_names_its_file_and_the_offset(run_module, path_of):
    result = run_module(ctl_info, path=path_of("CTLFile-truncated"))
    assert path_of("CTLFile-truncated") in result["msg"] and "at offset" in result["msg"]


@pytest.fixture
def on_bare_python(tmp_path):
    """Run ctl_info in a process of its own in which none of the third-party libraries can be imported."""
    for library in ("cryptography", "OpenSSL", "tftpy"):
        (tmp_path / (library + ".py")).write_text("raise ImportError('not installed')\n")
    tests = collection_path.ROOT / "tests"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join((str(tmp_path), str(tests))))

    def run(**options):
        done = subprocess.run(
            [sys.executable, tests / "unit" / "modules" / "module_process.py", "ctl_info"], input=json.dumps(options),
            env=environment, capture_output=True, text=True, check=False)
        assert not done.stderr
        return [json.loads(line) for line in done.stdout.strip().splitlines()[-2:]]

    return run


@pytest.mark.parametrize("name, digest, names, mixed_mode, has_capf", LISTS[:5])
def test_bare_python_suffices_for_all_but_the_signature(
        on_bare_python, run_module, path_of, name, digest, names, mixed_mode, has_capf):
    result, warnings = on_bare_python(path=path_of(name))
    ctl = result["ctl"]
    assert (roles(ctl), ctl["mixed_mode"], ctl["has_capf"]) == (names, mixed_mode, has_capf)
    assert (ctl["signature"], ctl["certificates"], ctl["signer_certificate"]) == ("not checked", [], "")
    assert digest in ctl["digest"].split(" or ") and "cryptography is missing" in " ".join(warnings)
    full = run_module(ctl_info, path=path_of(name))["ctl"]
    other = {"signature", "digest", "certificates", "signer_certificate"}
    assert set(full) == set(ctl) and {key for key in full if full[key] != ctl[key]} <= other


def test_bare_python_refuses_what_is_no_list(on_bare_python, path_of):
    result, _warnings = on_bare_python(path=path_of("CTLFile-truncated"))
    assert result["failed"] and "at offset" in result["msg"]
