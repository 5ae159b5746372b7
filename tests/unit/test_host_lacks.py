# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host lacks before any work on it: packages, pip, the password of sudo."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import host, hosts

LACKS = {"missing": ["cryptography", "OpenSSL"], "python": "/usr/bin/python3"}


@pytest.mark.parametrize("text, words", [
    ("Missing sudo password", "sudo requires a password on this host, but none is set."),
    ("Task failed: Incorrect su password", "su does not accept the password for this host."),
    ("Timeout waiting for privilege escalation prompt", None), ("a password is Missing", None),
])
def test_a_password_for_become_is_named_and_nothing_else_is_taken_for_it(text, words):
    assert hosts.not_become(text).startswith(words) if words else hosts.not_become(text) == ""


def test_a_command_for_pip_is_given_only_where_it_works():
    good, bad = (hosts.lacking(dict(LACKS, pip=pip)) for pip in (True, False))
    assert "Install them with: /usr/bin/python3 -m pip install cryptography pyOpenSSL , or set" in good
    assert "pip install" not in bad and "secure_tsp_install_python_packages" not in bad and "/usr/bin/python3 has no pip" in bad
    assert all(told.startswith("The Python packages cryptography, pyOpenSSL are missing on this host.") for told in (good, bad))


@pytest.mark.parametrize("there, managed, venv, expected", [
    (True, False, False, True), (True, True, False, False), (True, True, True, True), (False, False, True, False)])
def test_whether_pip_may_install(monkeypatch, tmp_path, there, managed, venv, expected):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if there else None)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: {"stdlib": str(tmp_path)}[name])
    monkeypatch.setattr(sys, "prefix", "/a" if venv else sys.base_prefix)
    if managed:
        (tmp_path / "EXTERNALLY-MANAGED").touch()
    assert host.installs() == expected
