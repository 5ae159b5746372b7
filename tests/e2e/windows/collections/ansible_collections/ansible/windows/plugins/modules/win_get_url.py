#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import ssl
import urllib.error
import urllib.request

from scripted_windows import create, play, scripted_host


def main():
    module = create(
        url=dict(type="str", required=True),
        dest=dict(type="path", required=True),
        force=dict(type="bool", default=True),
        checksum=dict(type="str"),
        checksum_algorithm=dict(type="str", choices=["md5", "sha1", "sha256", "sha384", "sha512"], default="sha1"),
        validate_certs=dict(type="bool", default=True),
    )
    params = module.params
    wanted = (params["checksum"] or "").lower()
    result = {"changed": False, "url": params["url"], "dest": params["dest"]}
    with scripted_host(module) as host:
        held = host.read(params["dest"])
        if held is not None and not params["force"] and hashlib.new(params["checksum_algorithm"], held).hexdigest() == wanted:
            module.exit_json(msg="file already exists", **result)
        context = ssl.create_default_context() if params["validate_certs"] else ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(params["url"], context=context) as answer:
                octets = answer.read()
        except urllib.error.URLError as error:
            module.fail_json(msg="Error downloading '%s' to '%s': %s" % (params["url"], params["dest"], error), **result)
        digest = hashlib.new(params["checksum_algorithm"], octets).hexdigest()
        if wanted and digest != wanted:
            module.fail_json(msg="The checksum for %s did not match '%s', it was '%s'" % (params["url"], wanted, digest), **result)
        host.write(params["dest"], octets)
        result.update(changed=held != octets, checksum_dest=digest, size=len(octets), status_code=200)
    module.exit_json(msg="OK", **result)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
