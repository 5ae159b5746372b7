#!/bin/sh
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from scripted_windows import create, play, scripted_host


def main():
    module = create(
        name=dict(type="str", required=True),
        state=dict(type="str", choices=["absent", "paused", "started", "stopped", "restarted"]),
    )
    name, state = module.params["name"], module.params["state"]
    if state not in ("started", "stopped", "restarted"):
        module.fail_json(msg="The scripted host knows started, stopped and restarted only.")
    with scripted_host(module) as host:
        if name not in host.state["services"]:
            module.fail_json(msg="The service '%s' is not installed" % name)
        service = host.state["services"][name]
        after = "started" if state == "restarted" else state
        changed = state == "restarted" or service["state"] != after
        service["state"] = after
        if changed and name == "TapiSrv" and after == "started" and not module.check_mode:
            host.state["telephony_restarts"] += 1
            host.open_providers()
    module.exit_json(
        changed=changed, exists=True, name=name, state=after, display_name=service["display_name"],
        start_mode=service["start_mode"])


if __name__ == "__main__":
    play(main, r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
