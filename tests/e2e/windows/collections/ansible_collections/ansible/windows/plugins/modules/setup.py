#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

from scripted_windows import create, play, scripted_host


def main():
    module = create(gather_subset=dict(type="list", elements="str", default="all"))
    with scripted_host(module) as host:
        addresses = host.state["addresses"]
    facts = {}
    if {"all_ipv4_addresses", "all_ipv6_addresses"} & set(module.params["gather_subset"]):
        facts["ansible_ip_addresses"] = addresses
    if "date_time" in module.params["gather_subset"]:
        facts["ansible_date_time"] = {"epoch": str(time.time()), "epoch_int": int(time.time())}
    module.exit_json(changed=False, ansible_facts=facts)


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
