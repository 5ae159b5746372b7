# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Trace files of a TSP: which there are, in which order and encoding, and what is told of them."""

from __future__ import annotations

import base64
import binascii
import codecs
import io
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsptrace import (
    TIMED_LINE,
    analyse,
    rotation_order,
)

ARGUMENT_SPEC = dict(
    paths=dict(type="list", elements="path"),
    contents=dict(type="list", elements="dict", options=dict(
        name=dict(type="str", required=True), content=dict(type="str", required=True))),
    order=dict(type="str", choices=["auto", "given"], default="auto"),
    encoding=dict(type="str", default="auto"),
    gap_seconds=dict(type="int", default=5),
    mask=dict(type="list", elements="str", no_log=True),
)


def listed_files(paths):
    """The files named, a folder standing for the files in it. Raises InputError for what cannot be read."""
    files = []
    for path in paths:
        if os.path.isdir(path):
            inside = [os.path.join(path, name) for name in sorted(os.listdir(path))]
            files += [name for name in inside if os.path.isfile(name)]
        elif os.path.isfile(path):
            files.append(path)
        else:
            raise InputError("there is no trace file or folder %s" % path,
                             cure="Fetch the folder CiscoTSPnnnLog from the TSP host and give its path.")
    if not files:
        raise InputError("no trace file in %s" % ", ".join(paths),
                         cure="Turn on TSP trace at level Detailed, start the application, and fetch the folder again.")
    return files


class File:
    """A trace file on disk, read anew each time."""

    def __init__(self, path):
        self.name = path
        self.modified = os.stat(path).st_mtime

    def open(self):
        return open(self.name, "rb")


class Content:
    """A trace file whose octets were given."""

    modified = None

    def __init__(self, given):
        self.name = given["name"]
        try:
            self._octets = base64.b64decode(given["content"], validate=True)
        except (binascii.Error, ValueError):
            raise InputError("the content of %s is not base64" % self.name, cure="Give it as slurp returns it.") from None

    def open(self):
        return io.BytesIO(self._octets)


def encoding_of(file):
    """utf-8-sig, utf-16, utf-16-le/be or cp1252, judged from the first 64 KiB."""
    with file.open() as stream:
        head = stream.read(65536)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) > 1 and not head[1] and head[0]:
        return "utf-16-le"
    if len(head) > 1 and not head[0] and head[1]:
        return "utf-16-be"
    try:
        # The last character may be cut by the limit, which is no proof against UTF-8.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def read_lines(file, encoding):
    with io.TextIOWrapper(file.open(), encoding=encoding, errors="replace", newline=None) as stream:
        while True:
            line = stream.readline(65536)
            if not line:
                return
            yield line


def first_clock(file, encoding):
    for line in read_lines(file, encoding):
        match = TIMED_LINE.match(line)
        if match:
            return "%s:%s:%s.%s" % match.groups()[:4]
    return ""


def given_files(params):
    if params["contents"]:
        return [Content(given) for given in params["contents"]]
    return [File(path) for path in listed_files(params["paths"] or ())]


def read(params):
    """The return values for the module options."""
    if not 1 <= params["gap_seconds"] <= 3600:
        raise InputError("gap_seconds is %d" % params["gap_seconds"], cure="Give 1 to 3600 seconds.")
    if params["encoding"] != "auto":
        try:
            codecs.lookup(params["encoding"])
        except LookupError:
            raise InputError("encoding %s is not known to Python" % params["encoding"],
                             cure="Give a name such as utf-8, utf-16 or cp1252, or auto.") from None
    files = given_files(params)
    encodings = {file: encoding_of(file) if params["encoding"] == "auto" else params["encoding"] for file in files}
    if params["order"] == "auto" and params["paths"]:
        by_name = {file.name: file for file in files}
        files = [by_name[name] for name in rotation_order(
            [(file.name, file.modified, first_clock(file, encodings[file])) for file in files])]

    lines = (line for file in files for line in read_lines(file, encodings[file]))
    analysis = analyse(lines, params["gap_seconds"] * 1000, params["mask"] or ())
    return dict(
        verdict=analysis.verdict,
        summary=analysis.summary,
        next_step=analysis.next_step,
        attempts=[attempt_result(attempt) for attempt in analysis.attempts],
        gaps=analysis.gaps,
        trouble=analysis.trouble,
        files=[dict(path=file.name, encoding=encodings[file].replace("-sig", "")) for file in files],
        lines=analysis.lines,
    )


def attempt_result(attempt):
    return dict(
        ctl_file=attempt.ctl_file,
        reached=attempt.reached,
        complete=attempt.complete,
        stages=[dict(name=name, **moment) for name, moment in attempt.stages.items()],
        certificates=attempt.certificates,
        cipher=attempt.cipher,
        files_written=attempt.files_written,
        trouble=attempt.trouble,
        after=list(attempt.after),
    )
