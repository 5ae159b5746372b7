# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trace files and archives of any octets: what they are is told, nothing is written, and no secret stands in what is quoted.

The first octet of an input chooses between text and archive; a text has a secret behind its size in front of it.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import zipfile

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _cti_trace, _trace_reading
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import options_of
from trace_samples import CAPF, CTI_REFUSED, CTI_TWO_USERS, JTAPI, JTAPI_OPENED, TFTP, TVS

from fuzz import VECTORS, Script, outcome

VERDICTS = ("complete", "stopped", "no_secure_start", "opened", "refused", "nothing_found")


def check(octets):
    return outcome((InputError,), read, Script(octets))


def seeds():
    for name, text in (("jtapi", JTAPI + JTAPI_OPENED), ("cti", CTI_REFUSED + CTI_TWO_USERS), ("tftp", TFTP), ("capf", CAPF), ("tvs", TVS)):
        yield name, b"\0\x08recorder" + text.encode()
    trace = (VECTORS / "tsptrace" / "success.txt").read_bytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("CiscoTSP001Log/TSP001Debug000000.txt", trace)
        archive.writestr("../outside.txt", trace)
    yield "zip", b"\1" + stream.getvalue()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("CiscoTSP001Log/TSP001Debug000000.txt")
        info.size = len(trace)
        archive.addfile(info, io.BytesIO(trace))
    yield "tar", b"\1" + stream.getvalue()
    yield "tar-gz", b"\1" + gzip.compress(stream.getvalue(), mtime=0)
    yield "gz", b"\1" + gzip.compress(CTI_REFUSED.encode(), mtime=0)


def read(script):
    secret = "" if script.number() % 2 else script.short().decode("latin-1")
    octets = script.rest()
    result = _trace_reading.read(options_of(_trace_reading.ARGUMENT_SPEC, mask=[secret], contents=[
        {"name": "given", "content": base64.b64encode(octets).decode("ascii")}]))
    assert result["verdict"] in VERDICTS and result["summary"].endswith(".") and result["next_step"].endswith(".")
    assert result["files"] and all(row["path"].startswith("given") and ".." not in row["path"].split("/") for row in result["files"])
    assert all(row["reason"] for row in result["left_out"]) and json.dumps(result)
    for row in result["events"]:
        assert row["event"] and len(row["text"]) <= 9 * _cti_trace.LONGEST and row["told"]
        if secret and "*" not in secret:
            assert not any(secret in row[name] for name in ("text", "user", "device", "file"))
