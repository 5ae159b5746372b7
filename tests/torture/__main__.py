# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interrupt modules and playbooks at random; after each signal one clean run must put everything right.

C(python -m torture --seed SEED --only module:17) repeats one round. Folders of rounds that found something stay.
"""

from __future__ import annotations

import argparse
import pathlib
import secrets
import signal
import sys
import tempfile
import time

from torture.modules import ModuleRounds
from torture.playbooks import PlaybookRounds


def _arguments(words):
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=150, help="on module processes")
    parser.add_argument("--playbook-rounds", type=int, default=50, help="on ansible-playbook")
    parser.add_argument("--seconds", type=int, default=3600, help="no round begins later than this")
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--only", metavar="KIND:NUMBER", help="this round alone: module:17, playbook:3")
    return parser.parse_args(words)


def _wanted(arguments):
    """[(class, numbers of rounds)]"""
    if arguments.only:
        kind, _colon, number = arguments.only.partition(":")
        return [({"module": ModuleRounds, "playbook": PlaybookRounds}[kind], [int(number)])]
    return [(ModuleRounds, range(1, arguments.rounds + 1)), (PlaybookRounds, range(1, arguments.playbook_rounds + 1))]


def main(words=None):
    arguments = _arguments(words)
    # Shells let what they start in the background ignore this, and so would all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end = time.monotonic() + arguments.seconds
    folder = pathlib.Path(tempfile.mkdtemp(prefix="secure-tsp-torture-"))
    print("seed %s" % arguments.seed, flush=True)
    missing, played = 0, []
    for kind, numbers in _wanted(arguments):
        if not numbers:
            continue
        rounds = kind(arguments.seed, folder, lambda text: print(text, flush=True))
        played.append(rounds)
        rounds.run(numbers, end)
        missing += len(numbers) - rounds.done
    print("\nseed %s" % arguments.seed)
    for rounds in played:
        print("\n".join(rounds.figures()))
    if missing:
        print("%d rounds were not begun: %d seconds are over" % (missing, arguments.seconds))
    found = [(rounds.kind, number) for rounds in played for number, _text in rounds.findings]
    for kind, number in found:
        print("found something: %s:%d" % (kind, number))
    if not found:
        folder.rmdir()
    return 1 if found or missing else 0


if __name__ == "__main__":
    sys.exit(main())
