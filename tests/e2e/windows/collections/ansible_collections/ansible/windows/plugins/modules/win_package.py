#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import re

from scripted_windows import PROVIDERS, create, play, scripted_host

UNINSTALL = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\"


def run(host, installer, arguments, provider_file):
    """What the installer does to the host: its program, its first provider, its file."""
    properties = dict(re.findall(r'(\w+)=\\"([^"\\]*)\\"', arguments))
    if "package" in installer:  # for Wine's Windows Installer, which makes the program known
        host.windows.install(installer["package"], arguments)
    else:
        program = UNINSTALL + installer["product_id"]
        for name, value in (("DisplayName", installer["name"]), ("DisplayVersion", installer["version"])):
            host.set_value(program, name, "REG_SZ", value)
    if "REINSTALL" not in properties:
        host.set_value(PROVIDERS, "NumProviders", "REG_DWORD", 1)
        host.set_value(PROVIDERS, "ProviderID0", "REG_DWORD", 1)
        host.set_value(PROVIDERS, "ProviderFilename0", "REG_SZ", provider_file.rsplit("\\", 1)[1])
    host.write(provider_file, b"provider", version=installer["version"])


def main():
    module = create(
        path=dict(type="str"),
        arguments=dict(type="raw"),
        checksum=dict(type="str"),
        checksum_algorithm=dict(type="str", choices=["md5", "sha1", "sha256", "sha384", "sha512"], default="sha1"),
        creates_path=dict(type="path"),
        creates_version=dict(type="str"),
        expected_return_code=dict(type="list", elements="int", default=[0, 3010]),
        provider=dict(type="str", choices=["auto", "msi", "msix", "msp", "registry"], default="auto"),
        wait_for_children=dict(type="bool", default=False),
    )
    params = module.params
    with scripted_host(module) as host:
        octets = host.read(params["path"])
        if octets is None:
            module.fail_json(msg="the file at the path '%s' cannot be reached" % params["path"], reboot_required=False)
        digest = hashlib.new(params["checksum_algorithm"], octets).hexdigest()
        if params["checksum"] and digest != params["checksum"].lower():
            module.fail_json(msg="checksum mismatch of '%s'" % params["path"], reboot_required=False)
        held = host.path(params["creates_path"])
        version = host.state["files"][held].get("version") if held else None
        if held and params["creates_version"] in (None, version):
            module.exit_json(changed=False, rc=0, reboot_required=False, checksum=digest)
        command = '"%s" %s' % (params["path"], params["arguments"])
        installer = host.state["installers"].get(hashlib.sha256(octets).hexdigest())
        rc = installer["rc"] if installer else 1
        host.state["commands"].append(command)
        if rc not in params["expected_return_code"]:
            if not module.check_mode:
                module.fail_json(msg="unexpected rc from '%s'" % command, rc=rc, reboot_required=False)
        else:
            if not module.check_mode:
                run(host, installer, params["arguments"], params["creates_path"])
    module.exit_json(changed=True, rc=rc, reboot_required=rc == 3010, checksum=digest)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
