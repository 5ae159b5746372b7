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

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _module
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._trace_reading import ARGUMENT_SPEC, read


def main():
    module = _module.create(
        ARGUMENT_SPEC, mutually_exclusive=[("paths", "contents")], required_one_of=[("paths", "contents")])
    with _module.reporting(module):
        module.exit_json(changed=False, **read(module.params))


if __name__ == "__main__":
    main()
