#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tsp_trace_info
short_description: Determine from Cisco TSP or JTAPI trace files how far a secure start got
version_added: 0.1.0
description:
  - Reads the trace files of one Cisco TSP instance and reports which stages of a secure start they show, when, and what
    follows the last one.
  - The stages are those of the successful trace in Cisco tech note 213250. What a failing TSP prints is not publicly
    known, so the module quotes the lines after the last stage and does not claim a cause that they do not show.
  - Logs of Cisco JTAPI and traces of CTI Manager, Cisco Tftp and CAPF are recognized by their lines. RV(events) contains what they
    show about the opening of a provider and its result code, requests for the trust list, and refusals by CAPF.
  - ZIP or tar archives of the folder and compressed files are read without writing anything, up to 512 MB and 5000 files. Links, paths
    that lead out of the archive, and archives inside it are left out.
  - Files without any line that begins with a time, logs of other programs, and copies of other files are left out and listed
    in RV(left_out). If nothing is left, the module reports what the files are, and which folder below contains traces.
  - Files of any size are read line by line. Characters beyond the first 2000 of a line are ignored.
options:
  paths:
    description:
      - Trace files of one rotating set, one folder with them, or an archive of that folder.
      - Cisco TSP writes them as C(TSP001Debug000xxx.txt) to the subfolder C(CiscoTSP001Log) of its trace folder.
      - For a Windows host, copy the files to the controller first and run this module there.
    type: list
    elements: path
  contents:
    description: Trace files instead of O(paths), such as those that C(ansible.windows.slurp) read from a Windows host.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name to show for the file.
        type: str
        required: true
      content:
        description: Content of the file in base64.
        type: str
        required: true
  order:
    description:
      - V(auto) uses the modification times if they all differ, unless they are all within two minutes, as after copying.
        Otherwise it uses the numbers in the file names, starting after the point where the clock jumps back, or only the times in the
        files if the names contain no numbers.
      - V(given) reads the files in the order of O(paths) or O(contents).
    type: str
    choices: [auto, given]
    default: auto
  encoding:
    description:
      - Encoding of the text. V(auto) recognizes UTF-8 and UTF-16 (with or without a byte order mark) and assumes
        Windows code page 1252 for anything else.
    type: str
    default: auto
  gap_seconds:
    description: List gaps of at least this many seconds during a secure start. 1 to 3600.
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
  - The trace level must be Detailed. The default level, Error, does not show the stages.
seealso:
  - module: voiceops.secure_tsp.capf_certificate_info
  - module: voiceops.secure_tsp.cti_provider_info
"""

EXAMPLES = r"""
- name: Find out how far the TSP got
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
    - V(complete) if the last secure start stored the certificate and the key, V(stopped) if it ended earlier,
      V(no_secure_start) if no line names a CTL file.
    - Without a TSP trace, V(opened) or V(refused) according to the last of RV(events), or V(nothing_found) if they show neither.
  returned: success
  type: str
  sample: complete
summary:
  description: The verdict as text.
  returned: success
  type: str
  sample: "The last secure start reached its end at 16:31:05.299: the key file was opened for writing. A log of Cisco JTAPI\
    \ shows at 07:09:03.121: the provider of user recorder_tapi was refused with 0x8CCC011F: the account is locked after too\
    \ many wrong passwords (Directory login failed - locked due to too many attempts)."
next_step:
  description: What to check next.
  returned: success
  type: str
  sample: The certificate was fetched. If lines are missing, check the profile status and open a provider. Find out who
    uses a wrong password, then unlock the account.
attempts:
  description: The secure starts found, oldest first. If there are more than 100, the newest ones.
  returned: success
  type: list
  elements: dict
  contains:
    ctl_file:
      description: Name of the CTL file that the TSP requested.
      type: str
      sample: CTLCAPFA6A63C5.tlv
    reached:
      description: The last stage that was reached.
      type: str
      sample: key_stored
    complete:
      description: Whether all stages were reached.
      type: bool
      sample: true
    stages:
      description: The stages that were reached, in order, with their time, milliseconds since the first line, and line number.
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
      description: Certificates in the trace, at most 100, and whether the file name is the OpenSSL hash of the printed subject.
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
      description: Lines of this start that mention an error, at most 100.
      type: list
      elements: dict
      sample: []
    after:
      description: The last lines, at most 20, after the last stage that was reached.
      type: list
      elements: dict
      sample: []
gaps:
  description: Gaps during a secure start, at most 100.
  returned: success
  type: list
  elements: dict
  sample: [{after_line: 2, from: "16:31:04.075", to: "16:31:19.081", milliseconds: 15006, stage: ctl_requested, before: "...", after: "..."}]
trouble:
  description: Lines before the first secure start that mention an error, at most 100.
  returned: success
  type: list
  elements: dict
  sample: []
files:
  description:
    - The files in the order in which they were read, with their encoding and their kind, one of V(tsp), V(jtapi),
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
  sample: [{path: /srv/traces/recorder01/CiscoTSP001Log/config.xml, reason: "no trace: no line begins with a time"}]
events:
  description: What JTAPI logs and cluster traces show. At most the 100 newest events of each kind.
  returned: success
  type: list
  elements: dict
  contains:
    event:
      description:
        - V(provider_requested), V(provider_opened), V(provider_refused), V(provider_closed), V(ctl_requested), V(ctl_refused),
          V(capf_refused), or V(trouble) for a CAPF line that mentions an error.
      type: str
      sample: provider_refused
    kind:
      description: Kind of the file.
      type: str
      sample: jtapi
    path:
      description: Path of the file.
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
      description: The user, if the trace shows it.
      type: str
      sample: recorder_tapi
    address:
      description: Address of the client, if the trace shows it.
      type: str
      sample: 192.0.2.31
    device:
      description: Name under which CAPF knows the client, if the trace shows it.
      type: str
      sample: ""
    file:
      description: Name of the trust list.
      type: str
      sample: ""
    code:
      description: CTI error code, reason for a closed provider, or CAPF reason.
      type: int
      sample: 2362179871
    devices:
      description: Number of controllable devices, if the trace shows it.
      type: int
      sample: null
    bad:
      description: Whether the event is a failure.
      type: bool
      sample: true
    told:
      description: The event as text.
      type: str
      sample: the provider of user recorder_tapi was requested
    cure:
      description: What to do.
      type: str
      sample: Find out who uses a wrong password, then unlock the account.
    text:
      description: The message in the trace.
      type: str
      sample: "(P53-192.0.2.10) [main] sending: com.cisco.cti.protocol.ProviderOpenRequest { provider = 192.0.2.10 login =\
        \ com.cisco.cti.protocol.UnicodeString { unicodedisplayName = recorder_tapi count = 13 sizeofElement = 2 } applicationID\
        \ = JTAPI[1]@recorder01 }"
lines:
  description: Number of trace lines read. A wrapped line counts once.
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
