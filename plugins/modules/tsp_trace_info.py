#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tsp_trace_info
short_description: Tell from Cisco TSP trace files how far a secure start went
description:
  - Reads the trace files of one Cisco TSP instance and tells which stages of a secure start they show, when, and what
    comes after the last one.
  - The stages are those of the successful trace in Cisco tech note 213250. What a failing TSP prints is not publicly
    known, so the lines after the last stage are quoted and no cause is claimed that they do not show.
  - Files of any size are read line by line. What makes a line longer than 2000 characters is not looked at.
options:
  paths:
    description:
      - Trace files of one rotating set, or one folder that holds nothing else than such files.
      - Cisco TSP writes them as C(TSP001Debug000xxx.txt) into the subfolder C(CiscoTSP001Log) of its trace folder.
      - For a Windows host fetch the files first and run this module on the controller.
    type: list
    elements: path
  contents:
    description: Trace files in place of O(paths), oldest first, such as those that C(ansible.windows.slurp) read from a Windows host.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name to show.
        type: str
        required: true
      content:
        description: The file's octets, base64-encoded.
        type: str
        required: true
  order:
    description:
      - V(auto) takes the modification times where they all differ, unless they are all within two minutes as after copying.
        Otherwise it takes the numbers in the file names, starting after the place where the clock jumps back.
      - V(given) reads the files as listed in O(paths).
    type: str
    choices: [auto, given]
    default: auto
  encoding:
    description:
      - Encoding of the text. V(auto) recognises UTF-8 and UTF-16 (with or without a byte order mark) and takes
        Windows code page 1252 for anything else.
    type: str
    default: auto
  gap_seconds:
    description: Silences of at least this many seconds inside a secure start are listed. 1 to 3600.
    type: int
    default: 5
  mask:
    description: Texts that must not appear in any quoted line, such as the authorization string of the instance.
    type: list
    elements: str
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.info_module
notes:
  - The trace level must be Detailed. Error, the default, does not show the stages.
seealso:
  - module: voiceops.secure_tsp.capf_certificate_info
  - module: voiceops.secure_tsp.cti_provider_info
"""

EXAMPLES = r"""
- name: Tell how far the TSP came
  voiceops.secure_tsp.tsp_trace_info:
    paths:
      - /srv/traces/recorder01/CiscoTSP001Log
  delegate_to: localhost
  register: trace

- name: Show the verdict
  ansible.builtin.debug:
    msg: "{{ trace.summary }} {{ trace.next_step }}"
"""

RETURN = r"""
verdict:
  description:
    - V(complete) when the last secure start stored certificate and key, V(stopped) when it ended before,
      V(no_secure_start) when no line names a CTL file.
  returned: success
  type: str
  sample: complete
summary:
  description: The verdict in one sentence.
  returned: success
  type: str
  sample: "The last secure start reached its end at 16:31:05.299: the key file was opened for writing."
next_step:
  description: What to look at next.
  returned: success
  type: str
  sample: The certificate was fetched. If lines are missing, look at the profile status and open a provider.
attempts:
  description: The secure starts found, oldest first; of more than 100 the newest.
  returned: success
  type: list
  elements: dict
  contains:
    ctl_file:
      description: Name of the CTL file the TSP asked for.
      type: str
      sample: CTLCAPFA6A63C5.tlv
    reached:
      description: The last stage reached.
      type: str
      sample: key_stored
    complete:
      description: Whether all stages were reached.
      type: bool
      sample: true
    stages:
      description: The stages reached, in order, with their time, milliseconds since the first line, and line number.
      type: list
      elements: dict
      sample:
        - name: ctl_requested
          clock: "16:31:04.075"
          milliseconds: 0
          line: 1
        - name: tftp_ready
          clock: "16:31:04.075"
          milliseconds: 0
          line: 3
    certificates:
      description: Certificates listed, at most 100, and whether the file name is the OpenSSL hash of the printed subject.
      type: list
      elements: dict
      sample:
        - file: 417b2018.0
          path: C:\ProgramData\Cisco\certificates\ciscotsp001/417b2018.0
          subject: /C=IN/O=cisco/OU=tac/CN=ITLRECOVERY_cucm11-pub/ST=Karnataka/L=BGL
          hash_fits: true
        - file: f6bd2fd0.0
          path: C:\ProgramData\Cisco\certificates\ciscotsp001/f6bd2fd0.0
          subject: /C=IN/O=cisco/OU=tac/CN=cucm11-pub/ST=Karnataka/L=BGL
          hash_fits: true
    cipher:
      description: Cipher suite of the connection to CAPF.
      type: str
      sample: AES128-SHA
    files_written:
      description: Files that were opened for writing, at most 100.
      type: list
      elements: str
      sample:
        - C:\ProgramData\Cisco\certificates\ciscotsp001/QBEClient.cer
        - C:\ProgramData\Cisco\certificates\ciscotsp001/QBEClient.pem
    trouble:
      description: Lines of this start that speak of an error, at most 100.
      type: list
      elements: dict
      sample: []
    after:
      description: The last lines, at most 20, after the last stage reached.
      type: list
      elements: dict
      sample: []
gaps:
  description: Silences inside a secure start, at most 100.
  returned: success
  type: list
  elements: dict
  sample: [{after_line: 2, from: "16:31:04.075", to: "16:31:19.081", milliseconds: 15006, stage: ctl_requested, before: "...", after: "..."}]
trouble:
  description: Lines before the first secure start that speak of an error, at most 100.
  returned: success
  type: list
  elements: dict
  sample: []
files:
  description: The files in the order in which they were read, with the encoding used.
  returned: success
  type: list
  elements: dict
  sample: [{path: /srv/traces/recorder01/CiscoTSP001Log/TSP001Debug000000.txt, encoding: utf-8}]
lines:
  description: Number of trace lines read; wrapped lines count once.
  returned: success
  type: int
  sample: 21
"""

import base64
import binascii
import codecs
import io
import os

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _module
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsptrace import (
    TIMED_LINE,
    analyse,
    rotation_order,
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


def main():
    module = _module.create(dict(
        paths=dict(type="list", elements="path"),
        contents=dict(type="list", elements="dict", options=dict(
            name=dict(type="str", required=True), content=dict(type="str", required=True))),
        order=dict(type="str", choices=["auto", "given"], default="auto"),
        encoding=dict(type="str", default="auto"),
        gap_seconds=dict(type="int", default=5),
        mask=dict(type="list", elements="str", no_log=True),
    ), mutually_exclusive=[("paths", "contents")], required_one_of=[("paths", "contents")])
    with _module.reporting(module):
        module.exit_json(changed=False, **read(module.params))


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


if __name__ == "__main__":
    main()
