# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a network or a file holds: a value or one of our typed errors.

Each C(fuzz_<target>.py) has C(check(octets)), which puts one input through a codec or a state table and asserts what
must hold of the result, and C(seeds()), which makes inputs out of the test vectors. Both serve three users: the
hypothesis properties and C(test_corpus.py) of the normal run, and C(make fuzz), which lets atheris search for new
inputs (C(__main__.py)). Inputs worth keeping lie in C(corpus/<target>), those that once broke something among them.
"""

from __future__ import annotations

import pathlib
import tracemalloc

import collection_path
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError

FOLDER = pathlib.Path(__file__).parent
TARGETS = sorted(path.stem[len("fuzz_"):] for path in FOLDER.glob("fuzz_*.py"))
VECTORS = collection_path.ROOT / "tests" / "vectors"


def outcome(errors, function, *arguments):
    """C(value), or the name of the error raised, which must be one of the given. Anything else escapes: a defect."""
    try:
        function(*arguments)
    except errors as error:
        assert isinstance(error, SecureTspError) and error.what and str(error)
        return type(error).__name__
    return "value"


def read_properties(thing):
    """Evaluate every property of an object, as a module does that reports it."""
    return {name: getattr(thing, name) for name in dir(type(thing)) if isinstance(getattr(type(thing), name), property)}


def peak_of(function, *arguments):
    """The most octets that Python took at one time while the function ran, what it held before not counted."""
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Script:
    """An input read as instructions: octets until they are used up, zeros after that."""

    def __init__(self, octets):
        self._octets = octets
        self._position = 0

    @property
    def more(self):
        return self._position < len(self._octets)

    def take(self, count):
        taken = self._octets[self._position:self._position + count]
        self._position += count
        return taken

    def number(self, width=1):
        return int.from_bytes(self.take(width), "big")

    def choice(self, options):
        return options[self.number() % len(options)]

    def short(self):
        """Octets behind their size in one octet."""
        return self.take(self.number())

    def rest(self):
        return self.take(max(len(self._octets) - self._position, 0))
