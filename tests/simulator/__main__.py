# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m simulator: one simulated CUCM in the foreground, until SIGTERM, SIGINT or the end of its parent."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import signal
import sys
import threading

import yaml

from simulator import Simulator
from simulator.control import ControlServer
from simulator.release import RELEASES
from simulator.simulator import ANY, FRONT_ENDS, HOST, PASSWORD, USERNAME

PARENT_CHECK_SECONDS = 0.5


def _pair(text):
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("%r is not NAME=VALUE" % text)
    return name, yaml.safe_load(value)


def _arguments(words):
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--release", choices=RELEASES, default="14")
    parser.add_argument("--listen", metavar="ADDRESS", default=HOST, help="IPv4 or IPv6 address of all front ends (default"
                        " %(default)s); :: for all addresses of both, with the name of a --node")
    parser.add_argument("--node", action="append", help="host name of a node, the publisher first (default: what is listened to)")
    parser.add_argument("--non-secure", action="store_true", help="not in mixed mode, no trust list")
    parser.add_argument("--fresh-keys", action="store_true", help="make new keys instead of the published test keys")
    parser.add_argument("--seed", metavar="FILE", help="YAML or JSON: devices, end_users, application_users, profiles")
    parser.add_argument("--state-file", metavar="FILE", default=":memory:", help="SQLite file that keeps the state")
    parser.add_argument("--feature", metavar="NAME=VALUE", type=_pair, action="append", default=[],
                        help="a switch of release.Features")
    parser.add_argument("--front", choices=FRONT_ENDS, action="append", help="run only these front ends")
    parser.add_argument("--port", metavar="FRONT=PORT", type=_pair, action="append", default=[],
                        help="a port that the kernel shall not choose")
    parser.add_argument("--control-port", type=int, default=0, help="port of the control interface (0: the kernel's)")
    parser.add_argument("--username", default=USERNAME, help="account of the web services")
    parser.add_argument("--inventory", metavar="FILE", help="write inventory variables here; removed at the end")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when the parent process ends")
    arguments = parser.parse_args(words)
    if arguments.listen == ANY and not arguments.node:
        parser.error("--listen :: needs the name that clients use: --node NAME")
    return arguments


def _write_private(path, text):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)


def _until(stop, parent):
    while not stop.wait(PARENT_CHECK_SECONDS):
        if parent is not None and os.getppid() != parent:
            return


def main(words=None):
    parent = os.getppid()
    arguments = _arguments(words)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    seed = yaml.safe_load(pathlib.Path(arguments.seed).read_text()) if arguments.seed else None
    simulator = Simulator(
        arguments.release, ports=dict(arguments.port), fronts=arguments.front, seed=seed, username=arguments.username,
        password=os.environ.get("SIMULATOR_PASSWORD", PASSWORD), listen=arguments.listen, nodes=arguments.node,
        mixed_mode=not arguments.non_secure, path=arguments.state_file, fresh_keys=arguments.fresh_keys,
        **dict(arguments.feature))
    control = ControlServer(simulator, port=arguments.control_port)
    try:
        simulator.start()
        control.start()
        if arguments.inventory:
            inventory = simulator.inventory()
            inventory["all"]["vars"]["simulator_control_port"] = control.port
            _write_private(arguments.inventory, "---\n" + yaml.safe_dump(inventory))
        print(json.dumps({**simulator.addresses(), "control": control.port}), flush=True)
        _until(stop, parent if arguments.exit_with_parent else None)
    finally:
        control.stop()
        simulator.stop()
        if arguments.inventory and os.path.exists(arguments.inventory):
            os.unlink(arguments.inventory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
