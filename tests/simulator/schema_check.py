# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check of AXL requests against Cisco's real schemas: those of the PyPI package ciscoaxl, where it is installed, and of the npm package
cisco-axl, where a test has fetched it before.

A schema is read from its package when it is needed and never copied.
"""

from __future__ import annotations

import functools
import importlib.util
import pathlib
import threading

from lxml import etree

NAMESPACE = "http://www.cisco.com/AXL/API/%s"
VERSIONS = ("11.5", "12.0", "12.5")
NPM_VERSIONS = ("14.0", "15.0")
NPM_PACKAGE = "cisco-axl-1.2.5"
NPM_FOLDER = pathlib.Path(__file__).resolve().parents[2] / ".cache" / NPM_PACKAGE / "schema"
_LOCK = threading.Lock()


def available():
    return importlib.util.find_spec("ciscoaxl") is not None


def stands_for(version):
    """The schema that judges a version: its own, or the nearest one at hand (14.0 and 15.0: 12.5 where npm's package is not)."""
    if version in VERSIONS or version in NPM_VERSIONS and (NPM_FOLDER / version).is_dir():
        return version
    return "12.5" if version not in ("9.0", "9.1", "10.0", "10.5", "11.0") else "11.5"


@functools.lru_cache(maxsize=None)
def _schema(version):
    """0.3 s and some memory for the first request of a process."""
    folder = NPM_FOLDER if version in NPM_VERSIONS else pathlib.Path(importlib.util.find_spec("ciscoaxl").origin).parent / "schema"
    return etree.XMLSchema(etree.parse(str(folder / version / "AXLSoap.xsd")))


def violation(element, version):
    """What is wrong with an operation element of schema C(version), or None. None too without the package."""
    if not available():
        return None
    judge = stands_for(version)
    octets = etree.tostring(element, with_tail=False)
    namespace = etree.QName(element).namespace
    wanted = NAMESPACE % judge
    if namespace != wanted:
        octets = octets.replace(namespace.encode(), wanted.encode())
    schema = _schema(judge)
    with _LOCK:
        schema.validate(etree.fromstring(octets))
        errors = [error.message for error in schema.error_log if not _harmless(error)]
    return errors[0] if errors else None


def _harmless(error):
    """Elements of returnedTags are asked for by name: the server does not look at their empty content."""
    return "/returnedTags" in error.path and error.type_name != "SCHEMAV_ELEMENT_CONTENT"
