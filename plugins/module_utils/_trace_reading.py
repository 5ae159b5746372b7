# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Trace files: their list, kinds, order and encodings, and the results of reading them."""

from __future__ import annotations

import base64
import binascii
import codecs
import io
import os
import posixpath
import re

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _cti_trace, _trace_archive
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError, SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsptrace import (
    NEXT_FILE,
    after_longest_silence,
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
MOST_FILES = 5000
DEEPEST = 6  # levels of folders below the given one that are searched for traces
MOST_NAMES = 10
MINUTES_OF_ONE_ORDER = 720
WHERE = "Fetch the folder CiscoTSPnnnLog from the TSP host and give its path."
TSP_NUMBER = re.compile(r"tsp(\d{3})debug", re.I)
OPENED, REFUSED, NOTHING = "opened", "refused", "nothing_found"


# Files


class File:
    """A trace file on disk, read again each time."""

    def __init__(self, path):
        self.name = path
        try:
            self.modified = os.stat(path).st_mtime
        except OSError as error:
            raise InputError("the file %s cannot be read: %s" % (path, error.strerror)) from None

    def open(self):
        try:
            return open(self.name, "rb")
        except OSError as error:
            raise InputError("the file %s cannot be read: %s" % (self.name, error.strerror)) from None


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


def listed_files(paths):
    """The named files, and the files in named folders. Raises InputError for what cannot be read."""
    files = []
    for path in paths:
        if os.path.isdir(path):
            inside = [os.path.join(path, name) for name in sorted(os.listdir(path))]
            files += [name for name in inside if os.path.isfile(name)]
        elif os.path.isfile(path):
            files.append(path)
        else:
            raise InputError("there is no trace file or folder %s" % path, cure=WHERE)
    if len(files) > MOST_FILES:
        raise InputError("there are more than %d files in %s" % (MOST_FILES, ", ".join(paths)), cure=WHERE)
    return files


def folders_with_traces(path):
    """{folder: kind of its traces} of folders below this one, at most MOST_NAMES."""
    found, seen = {}, 0
    for folder, inner, names in os.walk(path):
        depth = os.path.relpath(folder, path).count(os.sep)
        inner[:] = sorted(inner)[:100] if depth < DEEPEST - 1 else []
        for name in sorted(names)[:5] if folder != path else ():
            seen += 1
            if seen > 500 or len(found) >= MOST_NAMES:
                return found
            try:
                [looked] = [Looked(one) for one in opened(File(os.path.join(folder, name)))[0]][:1] or [None]
            except (SecureTspError, OSError):
                continue
            if looked and looked.kind not in (_cti_trace.OTHER, _cti_trace.UNTIMED):
                found[folder] = looked.kind
                break
    return found


def opened(file):
    """C(([files], [(name, why it was skipped)])): the file itself, or the members of an archive."""
    with file.open() as stream:
        head = stream.read(512)
        if _trace_archive.format_of(head):
            stream.seek(0)
            found, left_out = _trace_archive.members(file.name, stream)
            if len(found) == 1 and found[0].name == file.name:
                found[0].modified = file.modified  # compressed, but not an archive
            return found, left_out
    what = _trace_archive.foreign(head)
    return ([], [(file.name, "%s, which is not opened: unpack it" % what if "archive" in what else what)]) if what else ([file], [])


# Kinds


class Looked:
    """A file with its encoding, its kind, and the time of its first message."""

    def __init__(self, file, encoding="auto"):
        self.file, self.name, self.modified = file, file.name, file.modified
        self.encoding = encoding_of(file) if encoding == "auto" else encoding
        self.kind = _cti_trace.kind_of(self.lines())
        self.clock = ""
        if self.kind not in (_cti_trace.OTHER, _cti_trace.UNTIMED):
            self.clock = next(filter(None, map(_cti_trace.clock_of, self.lines())), "")

    def lines(self):
        return read_lines(self.file, self.encoding)


def encoding_of(file):
    """utf-8-sig, utf-16, utf-16-le/be or cp1252, detected from the first 64 KiB."""
    with file.open() as stream:
        head = stream.read(65536)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) > 1 and not head[1] and head[0]:
        return "utf-16-le"
    if len(head) > 1 and not head[0] and head[1]:
        return "utf-16-be"
    try:
        # The limit may cut the last character, which does not exclude UTF-8.
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


def without_copies(files):
    """C(([files], [(name, why it was skipped)])): a file that is the beginning of another one was copied while that one was written."""
    by_head, left_out, kept = {}, [], []
    for looked in files:
        with looked.file.open() as stream:
            stream.seek(0, io.SEEK_END)
            size = stream.tell()
            stream.seek(0)
            by_head.setdefault(stream.read(200), []).append((size, looked))
    copies = set()
    for alike in by_head.values():
        alike.sort(key=lambda pair: (-pair[0], pair[1].name))
        for number, (size, looked) in enumerate(alike):
            whole = next((other for _size, other in alike[:number] if other not in copies and begins_with(other, looked, size)), None)
            if whole:
                copies.add(looked)
                left_out.append((looked.name, "a copy of %s" % os.path.basename(whole.name)))
    kept = [looked for looked in files if looked not in copies]
    return kept, left_out


def begins_with(longer, shorter, size):
    with longer.file.open() as one, shorter.file.open() as other:
        while size > 0:
            octets = other.read(min(size, 1 << 20))
            if not octets or one.read(len(octets)) != octets:
                return False
            size -= len(octets)
    return True


def in_order(files):
    by_name = {looked.name: looked for looked in files}
    return [by_name[name] for name in rotation_order([(looked.name, looked.modified, looked.clock) for looked in files])]


# All together


def given_files(params):
    """C(([files], [(name, why it was skipped)])) of what was given, with archives opened."""
    if params["contents"]:
        given = [Content(one) for one in params["contents"]]
    else:
        given = [File(path) for path in listed_files(params["paths"] or ())]
    files, left_out = [], []
    for file in given:
        found, without = opened(file)
        files += found
        left_out += without
    return files, left_out


def nothing_there(params, left_out):
    """The InputError that reports what was given instead of traces."""
    paths = params["paths"] or ()
    folders = dict(pair for path in paths if os.path.isdir(path) for pair in folders_with_traces(path).items())
    if folders:
        kinds = ["%s (%s)" % (folder, _cti_trace.WORDS[kind]) for folder, kind in sorted(folders.items())]
        chosen = next((folder for folder in sorted(folders) if folders[folder] == _cti_trace.TSP), sorted(folders)[0])
        return InputError("%s contains no trace itself, but these folders below it do: %s" % (", ".join(paths), ", ".join(kinds)),
                          cure="Name the right one, such as %s." % chosen)
    if left_out:
        told = ["%s: %s" % pair for pair in left_out[:MOST_NAMES]]
        return InputError("no trace was given: %s%s" % (
            "; ".join(told), "; and %d more" % (len(left_out) - MOST_NAMES) if len(left_out) > MOST_NAMES else ""), cure=WHERE)
    return InputError("no trace file in %s" % ", ".join(paths or ["contents"]),
                      cure="Turn on TSP trace at level Detailed, start the application, and fetch the folder again.")


def of_one_tsp(files, tsp_number):
    """The traces of one TSP, and what was skipped. Raises InputError if they are of several TSPs and none is named."""
    numbers = {}
    for looked in files:
        match = TSP_NUMBER.search(posixpath.basename(looked.name.replace("\\", "/")))
        numbers.setdefault(int(match.group(1)) if match else 0, []).append(looked)
    if tsp_number in numbers:
        return numbers[tsp_number], [(looked.name, "a trace of another TSP") for number, group in numbers.items()
                                     if number != tsp_number for looked in group]
    folders = sorted(set(posixpath.dirname(looked.name.replace("\\", "/")) for looked in files if isinstance(looked.file, _trace_archive.Member)))
    if len(numbers) > 1 or len(folders) > 1:
        groups = ["%03d" % number for number in sorted(numbers) if number] if len(numbers) > 1 else folders
        raise InputError("the files are traces of several TSPs: %s" % ", ".join(groups), cure=(
            "Each has its own starts. Unpack them, and name the folder or the files of one TSP."))
    return files, []


def check(params):
    if not 1 <= params["gap_seconds"] <= 3600:
        raise InputError("gap_seconds is %d" % params["gap_seconds"], cure="Give 1 to 3600 seconds.")
    if params["encoding"] != "auto":
        try:
            # Not every Python codec is for text.
            io.TextIOWrapper(io.BytesIO(), encoding=params["encoding"])
        except (LookupError, ValueError):
            raise InputError("encoding %s is not known to Python" % params["encoding"],
                             cure="Give a name such as utf-8, utf-16 or cp1252, or auto.") from None


def read(params, tsp_number=None):
    """The return values for the module options. tsp_number: the TSP whose traces are read if there are those of several TSPs."""
    check(params)
    secrets = params["mask"] or ()
    files, left_out = given_files(params)
    looked = []
    for file in files:
        one = Looked(file, params["encoding"])
        if one.kind in (_cti_trace.UNTIMED, _cti_trace.OTHER):
            left_out.append((one.name, _cti_trace.WORDS[one.kind]))
        else:
            looked.append(one)
    if not looked:
        raise nothing_there(params, left_out)
    looked, copies = without_copies(looked)
    left_out += copies
    traces, others = of_one_tsp([one for one in looked if one.kind == _cti_trace.TSP], tsp_number)
    left_out += others
    read_too = [one for one in looked if one.kind in _cti_trace.READ]
    left_out += [(one.name, _cti_trace.WORDS[one.kind]) for one in looked if one.kind in (_cti_trace.SDL, _cti_trace.SDI)]
    if not traces and not read_too:
        raise nothing_there(params, left_out)
    if params["order"] == "auto":
        traces = in_order(traces)
        read_too = [one for kind in _cti_trace.READ for one in in_order([one for one in read_too if one.kind == kind])]
    analysis = analyse(lines_of(traces), params["gap_seconds"] * 1000, secrets)
    events = [event for one in read_too for event in events_of(one, secrets)]
    return dict(
        **judged(analysis, traces, read_too, events),
        attempts=[attempt_result(attempt) for attempt in analysis.attempts],
        gaps=analysis.gaps,
        trouble=analysis.trouble,
        events=[row for _event, row in events],
        files=[dict(path=one.name, encoding=one.encoding.replace("-sig", ""), kind=one.kind) for one in traces + read_too],
        left_out=[dict(path=name, reason=reason) for name, reason in left_out],
        lines=analysis.lines,
    )


def lines_of(files):
    for one in files:
        yield NEXT_FILE
        yield from one.lines()


def events_of(looked, secrets):
    """[(event, its row)]"""
    return [(event, _cti_trace.result_of(event, looked.name)) for event in _cti_trace.Reader(secrets).read(looked.lines(), looked.kind)]


def judged(analysis, traces, read_too, events):
    """Verdict, summary and next step: of the TSP trace if there is one, with the results of the other files."""
    event = _cti_trace.last_word([one for one, _row in events])
    others = " and ".join(dict.fromkeys(_cti_trace.WORDS[one.kind] for one in read_too))
    if traces:
        summary, step = analysis.summary, analysis.next_step
        if event:
            summary += " %s shows at %s: %s." % (others[:1].upper() + others[1:], event.clock, event.told)
            step += " %s" % event.cure if event.bad and event.cure else ""
        return dict(verdict=analysis.verdict, summary=summary, next_step=step)
    summary = "This is %s, not a TSP trace." % others
    if event is None:
        return dict(verdict=NOTHING, summary="%s It shows no provider, no trust list and no certificate." % summary, next_step=(
            "For a TSP, fetch the folder CiscoTSPnnnLog from its host. For an application, make sure that the files cover its start."))
    verdict = REFUSED if event.bad else OPENED if event.event == _cti_trace.PROVIDER_OPENED else NOTHING
    step = event.cure if event.cure and (event.bad or event.event == _cti_trace.PROVIDER_REQUESTED) else (
        "The provider opened. If lines are missing, check the controlled devices of the user." if verdict == OPENED
        else "Read the quoted lines.")
    return dict(verdict=verdict, summary="%s At %s %s." % (summary, event.clock, event.told), next_step=step)


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


# Traces of a cluster


def events_of_cluster(places, minutes, secrets=()):
    """C((rows of events, problems)) of the files of the last C(minutes). places: [(node, path)]; other files are skipped.

    Events of several nodes are put in one order by their clocks, if no time can occur twice.
    """
    rows, problems, by_node = [], [], {}
    for node, path in places:
        try:
            for file in opened(File(path))[0]:
                looked = Looked(file)
                if looked.kind in _cti_trace.READ:
                    by_node.setdefault((node, looked.kind), []).append(looked)
        except (SecureTspError, OSError) as error:
            problems.append("%s was not read: %s" % (path, error))
    for (node, _kind), files in by_node.items():
        for looked in in_order(files):
            rows += [dict(row, node=node) for _event, row in events_of(looked, secrets)]
    if minutes <= MINUTES_OF_ONE_ORDER and rows:
        rows.sort(key=lambda row: row["clock"])
        turn = after_longest_silence([row["clock"] for row in rows], range(len(rows)))
        rows = rows[turn:] + rows[:turn]
    return rows, problems
