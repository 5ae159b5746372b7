#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tsp_trace_info
short_description: Tell from trace files of Cisco TSP or JTAPI how far a secure start went
version_added: 0.1.0
description:
  - Reads the trace files of one Cisco TSP instance and tells which stages of a secure start they show, when, and what
    comes after the last one.
  - The stages are those of the successful trace in Cisco tech note 213250. What a failing TSP prints is not publicly
    known, so the lines after the last stage are quoted and no cause is claimed that they do not show.
  - Logs of Cisco JTAPI, and traces of CTI Manager, Cisco Tftp and CAPF, are told apart from TSP traces by their lines. What they
    say of the opening of a provider, its code, a request for the trust list and a refusal of CAPF is in RV(events).
  - A ZIP or tar of the folder, and compressed files, are opened without writing anything, up to 512 MB and 5000 files. Links, paths
    that lead out of the archive and archives inside it are left out.
  - Files without one line that begins with a time, logs of other programs, and copies of other files are left out and named
    in RV(left_out). Where nothing is left, the module says what was given, and which folder below it holds traces.
  - Files of any size are read line by line. What makes a line longer than 2000 characters is not looked at.
options:
  paths:
    description:
      - Trace files of one rotating set, one folder of them, or an archive of that folder.
      - Cisco TSP writes them as C(TSP001Debug000xxx.txt) into the subfolder C(CiscoTSP001Log) of its trace folder.
      - For a Windows host fetch the files first and run this module on the controller.
    type: list
    elements: path
  contents:
    description: Trace files in place of O(paths), such as those that C(ansible.windows.slurp) read from a Windows host.
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
        Otherwise it takes the numbers in the file names, starting after the place where the clock jumps back, or the clocks alone
        where the names hold no numbers.
      - V(given) reads the files as listed in O(paths) or O(contents).
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
    - Without a TSP trace V(opened) or V(refused) by the last of RV(events), V(nothing_found) when they tell neither.
  returned: success
  type: str
  sample: complete
summary:
  description: The verdict in one sentence.
  returned: success
  type: str
  sample: "The last secure start reached its end at 16:31:05.299: the key file was opened for writing. A log of Cisco JTAPI\
    \ shows at 07:09:03.121: the provider of user recorder_tapi was refused with 0x8CCC011F: the account is locked after too\
    \ many wrong passwords (Directory login failed - locked due to too many attempts)."
next_step:
  description: What to look at next.
  returned: success
  type: str
  sample: The certificate was fetched. If lines are missing, look at the profile status and open a provider. Find out who
    uses a wrong password, then unlock the account.
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
  description:
    - The files in the order in which they were read, with the encoding used, and what they are, one of V(tsp), V(jtapi),
      V(cti_manager), V(tftp), V(capf).
  returned: success
  type: list
  elements: dict
  sample:
    - path: /srv/traces/recorder01/CiscoTSP001Log/TSP001Debug000000.txt
      encoding: utf-8
      kind: tsp
    - path: /srv/traces/recorder01/CiscoTSP001Log/CiscoJtapi01.log
      encoding: utf-8
      kind: jtapi
left_out:
  description: Files that were not read, and why.
  returned: success
  type: list
  elements: dict
  sample: [{path: /srv/traces/recorder01/CiscoTSP001Log/config.xml, reason: "no trace: not one line begins with a time"}]
events:
  description: What logs of JTAPI and traces of the cluster show, at most 100 of a sort, the newest.
  returned: success
  type: list
  elements: dict
  contains:
    event:
      description:
        - V(provider_requested), V(provider_opened), V(provider_refused), V(provider_closed), V(ctl_requested), V(ctl_refused),
          V(capf_refused), or V(trouble) for a line of CAPF that speaks of an error.
      type: str
      sample: provider_refused
    kind:
      description: What the file is.
      type: str
      sample: jtapi
    path:
      description: The file.
      type: str
      sample: /srv/traces/recorder01/CiscoTSP001Log/CiscoJtapi01.log
    line:
      description: Number of the line in the file.
      type: int
      sample: 2
    clock:
      description: Time of the line.
      type: str
      sample: "07:09:03.121"
    user:
      description: The user, where the trace tells it.
      type: str
      sample: recorder_tapi
    address:
      description: Address of the client, where the trace tells it.
      type: str
      sample: 192.0.2.31
    device:
      description: Name that CAPF knows the client by, where the trace tells it.
      type: str
      sample: ""
    file:
      description: Name of the trust list.
      type: str
      sample: ""
    code:
      description: Code of CTI, reason of a closed provider, or reason of CAPF.
      type: int
      sample: 2362179871
    devices:
      description: Number of controllable devices, where the trace tells it.
      type: int
      sample: null
    bad:
      description: Whether it tells that something does not work.
      type: bool
      sample: true
    told:
      description: The same in words.
      type: str
      sample: the provider of user recorder_tapi was asked for
    cure:
      description: What to do.
      type: str
      sample: Find out who uses a wrong password, then unlock the account.
    text:
      description: The message.
      type: str
      sample: "(P53-192.0.2.10) [main] sending: com.cisco.cti.protocol.ProviderOpenRequest { provider = 192.0.2.10 login =\
        \ com.cisco.cti.protocol.UnicodeString { unicodedisplayName = recorder_tapi count = 13 sizeofElement = 2 } applicationID\
        \ = JTAPI[1]@recorder01 }"
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
