#!/usr/bin/python
# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cti_provider_info
short_description: Open a provider on CTI Manager as a TSP does, list its devices and lines, and close it
version_added: 0.1.0
description:
  - Verifies a secure TSP end to end. Connects to CTI Manager over TLS with the certificate and key of an instance,
    checks the server against the instance's trust list, logs in, waits until the provider is open, lists devices and
    lines, and closes the provider. No device or line is opened.
  - Checks the certificate, the key and the trust list before connecting, so an expired certificate or
    a key that does not belong to it is never presented to the server.
  - Sends the login only once, because repeated failures lock the account. Only if the server refuses
    the version of the message header (C(0x8CCC0050)), connects once more with the older version.
  - With O(secure=false), opens a provider on the plain port, for users without the secure role.
options:
  cti_managers:
    description:
      - Addresses of the nodes with CTI Manager, in order of preference. The next one is tried only if no TCP connection to the
        previous one can be made. Once a TCP connection is made, its result is final.
    type: list
    elements: str
    required: true
  port:
    description: TCP port. The default is 2749 with O(secure=true) and 2748 with O(secure=false).
    type: int
  secure:
    description:
      - V(true) uses TLS and the instance's certificate. V(false) uses the plain port. The password is encrypted there
        too, but for a server certificate that cannot be verified.
    type: bool
    default: true
  path:
    description:
      - Folder of the instance, with C(ctl.tlv), C(QBEClient.cer) and C(QBEClient.key.pem). Required with O(secure=true).
    type: path
  probe:
    description:
      - Use the probe certificate in the subfolder C(probe) of O(path) instead of the application's own certificate.
    type: bool
    default: false
  key_passphrase:
    description: Passphrase of the private key, if it has one.
    type: str
  user:
    description: Name of the application user or end user.
    type: str
    required: true
  password:
    description: Password of O(user).
    type: str
    required: true
  list_devices:
    description: Whether to list devices and lines.
    type: bool
    default: true
  hold:
    description: Number of seconds to keep the provider open, with heartbeats, before closing it. 0 to 600.
    type: int
    default: 0
  application_name:
    description: Name that identifies this client in CTI Manager's traces. ASCII only.
    type: str
    default: secure_tsp_probe
  heartbeat:
    description: Heartbeat interval to request, from 1 to 300 seconds. The server decides.
    type: int
    default: 30
  timeout:
    description: Time limit from the first connection to the close, not counting O(hold). 1 to 600 seconds.
    type: int
    default: 60
  tls_legacy:
    description:
      - Also accept TLS 1.0 and 1.1, AES256-SHA and short keys, for old servers.
    type: bool
    default: false
  source_address:
    description: Local address to connect from, on hosts with several addresses.
    type: str
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
extends_documentation_fragment:
  - voiceops.secure_tsp.attributes
  - voiceops.secure_tsp.attributes.info_module
requirements:
  - cryptography >= 3.4
  - pyOpenSSL >= 20.0 (with O(secure=true))
notes:
  - A certificate allows only one open provider. If a running application uses the same certificate, CTI Manager disconnects both the
    application and this module. If that happens repeatedly, CTI Manager marks the certificate as compromised.
    Stop the application first, or use O(probe=true) with a separate probe certificate.
  - CUCM counts a successful login like any other. A failed login counts towards locking the account.
  - A user in the group Standard CTI Secure Connection can open a provider with O(secure=true) only, any other user with
    O(secure=false) only. The group matters only in mixed mode.
  - The server's certificate must be in the trust list as CCM or CCM+TFTP. Its name is not compared. An expired certificate
    is accepted with a warning, because CUCM keeps expired certificates in the list.
  - The protocol details come from Cisco's JTAPI clients 11.5 to 15 and from public traces.
seealso:
  - module: voiceops.secure_tsp.cti_connection_info
  - module: voiceops.secure_tsp.capf_certificate
  - module: voiceops.secure_tsp.ctl_file
"""

EXAMPLES = r"""
- name: Verify the secure TSP of an instance
  voiceops.secure_tsp.cti_provider_info:
    cti_managers:
      - cucm-sub1.example.com
      - cucm-sub2.example.com
    path: /etc/secure_tsp/recorder01x1
    user: recorder_tapi
    password: "{{ vault_recorder_tapi }}"
  register: provider

- name: Fail unless all devices may be controlled
  ansible.builtin.assert:
    that: provider.totals.restricted_devices == 0

- name: Verify with a probe certificate while the application is running
  voiceops.secure_tsp.cti_provider_info:
    cti_managers: [cucm-sub1.example.com]
    path: /etc/secure_tsp/recorder01x1
    probe: true
    user: recorder_tapi
    password: "{{ vault_recorder_tapi }}"
    list_devices: false

- name: Open a provider without TLS, before the user gets the secure role
  voiceops.secure_tsp.cti_provider_info:
    cti_managers: [cucm-sub1.example.com]
    secure: false
    user: recorder_tapi
    password: "{{ vault_recorder_tapi }}"
"""

RETURN = r"""
manager:
  description: The node that the module connected to, from O(cti_managers).
  returned: once a TCP connection was made
  type: str
  sample: cucm-sub1.example.com
open:
  description: What the server reported when the provider was open.
  returned: success
  type: dict
  contains:
    provider_id:
      description: Number of the provider.
      type: int
      sample: 16777217
    node:
      description: Number of the node that serves it.
      type: int
      sample: 1
    connection:
      description: Number of the connection on that node, as in the server's traces.
      type: int
      sample: 1
    version:
      description: Release of CUCM, as reported by CTI Manager.
      type: str
      sample: 14.0.1.13900-155
    cluster_id:
      description: Name of the cluster.
      type: str
      sample: StandAloneCluster
    user:
      description: The user, as the server spells it.
      type: str
      sample: recorder_tapi
    controllable_devices:
      description: Number of devices that the user may control.
      type: int
      sample: 2
    password_days:
      description: Days until the password expires; null if it does not expire.
      type: int
      sample: 42
    client_heartbeat:
      description: Maximum number of seconds between messages from the client.
      type: int
      sample: 30
    server_heartbeat:
      description: Maximum number of seconds between messages from the server.
      type: int
      sample: 30
remarks:
  description: What limits the use of the open provider, or will soon. Empty if there is nothing to report.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: V(no_device), V(all_restricted), V(password_ends), V(certificate_ends), V(server_certificate_ends) or V(weak_cipher).
      type: str
      sample: password_ends
    text:
      description: The remark as a sentence.
      type: str
      sample: The password of user recorder_tapi expires in 3 days; then CTI Manager refuses the login.
    fix:
      description: What to do.
      type: str
      sample: Set a new one, also in the application, or turn off its expiry in the user's credential policy.
  sample: []
devices:
  description: The devices with their lines, in the server's order.
  returned: success and O(list_devices=true)
  type: list
  elements: dict
  contains:
    name:
      description: Name of the device.
      type: str
      sample: SEP001122334455
    type:
      description: Model number.
      type: int
      sample: 684
    type_name:
      description: Model name.
      type: str
      sample: Cisco 8851
    protocol:
      description: V(SCCP), V(SIP), V(CTI remote device), V(none), or a number if it is not known.
      type: str
      sample: SIP
    registered:
      description: Whether the device is registered; null if the server did not report it.
      type: bool
      sample: true
    restricted:
      description: Whether CTI control of the device is forbidden; null if the server did not report it.
      type: bool
      sample: false
    error:
      description: Code, name and meaning of this device's error; empty if there is none.
      type: str
      sample: ""
    lines:
      description: Its lines.
      type: list
      elements: dict
      contains:
        number:
          description: Directory number.
          type: str
          sample: "1001"
        partition:
          description: Partition; empty if there is none.
          type: str
          sample: PT_INT
        restricted:
          description: Whether CTI control of the line is forbidden.
          type: bool
          sample: false
        display_name:
          description: Display name of the line.
          type: str
          sample: Ann
totals:
  description: Totals of RV(devices).
  returned: success and O(list_devices=true)
  type: dict
  contains:
    devices:
      description: Number of devices.
      type: int
      sample: 2
    lines:
      description: Number of lines.
      type: int
      sample: 2
    registered:
      description: Number of registered devices.
      type: int
      sample: 2
    restricted_devices:
      description: Number of devices that may not be controlled.
      type: int
      sample: 0
    restricted_lines:
      description: Number of lines that may not be controlled.
      type: int
      sample: 0
enumeration:
  description: V(all) if one request returned the whole list, V(stepwise) if the server supports only the older requests.
  returned: success and O(list_devices=true)
  type: str
  sample: all
tls:
  description: How the connection was protected; empty with O(secure=false).
  returned: success
  type: dict
  contains:
    version:
      description: TLS version.
      type: str
      sample: TLSv1.3
    cipher:
      description: Cipher suite, by its OpenSSL name.
      type: str
      sample: TLS_AES_256_GCM_SHA384
    weak_cipher:
      description: Whether the suite has no forward secrecy.
      type: bool
      sample: false
    legacy:
      description: Whether O(tls_legacy) was set.
      type: bool
      sample: false
    server_certificate:
      description: Facts about the server's certificate.
      type: dict
      sample:
        subject: L=Town,ST=Nowhere,CN=lab1-pub,OU=lab,O=example,C=NZ
        issuer: L=Town,ST=Nowhere,CN=lab1-pub,OU=lab,O=example,C=NZ
        common_name: lab1-pub
        serial: 4412fa986325afbc30d578423cc5ce
        not_before: "2026-11-23T03:33:09Z"
        not_after: "2046-11-18T03:33:09Z"
        key_type: rsa
        key_size: 2048
        signature_hash: sha256
        sha256_fingerprint: 5d17e38a5c52894296ff03f539b113206fd7618a4765698cd4fd73fed5e72c45
    client_certificate:
      description: Facts about the client certificate that was presented.
      type: dict
      sample:
        subject: L=Town,ST=Nowhere,OU=lab,O=example,C=NZ,CN=CTI-recorder01x1
        issuer: L=Town,ST=Nowhere,CN=CAPF-0badcafe,OU=lab,O=example,C=NZ
        common_name: CTI-recorder01x1
        serial: 1e576161c22c780bfb0c955053bfd9b
        not_before: "2026-11-26T00:02:55Z"
        not_after: "2031-11-25T01:02:55Z"
        key_type: rsa
        key_size: 2048
        signature_hash: sha256
        sha256_fingerprint: b471fd8ddd5dd27675f878709b26ff412b5a305467e2333bb75c271aa77d89f1
protocol_version:
  description: Version in the message headers.
  returned: success
  type: str
  sample: "0x00110000"
timings_ms:
  description: Duration in milliseconds of each step that was reached.
  returned: once a TCP connection was made
  type: dict
  sample: {connect: 1, tls: 8, init: 2, open: 120, list: 15, hold: 0, close: 2}
stage:
  description: The step that failed.
  returned: on failure, unless an option was wrong
  type: str
  sample: open
  choices: [local, connect, tls, init, open, list, close]
cti_code:
  description: The CTI error code; null if the failure has none.
  returned: when the server refused
  type: str
  sample: "0x8CCC0060"
cti_name:
  description: Name of RV(cti_code).
  returned: when the server refused
  type: str
  sample: DIRECTORY_LOGIN_FAILED
cti_close_reason:
  description: Reason code if the server closed the provider; null otherwise.
  returned: when the server refused
  type: int
  sample: 7
code:
  description: RV(cti_code) as a number.
  returned: when the server refused
  type: int
  sample: 2362179680
compromised:
  description: Whether the server considers the certificate compromised, so that the instance needs a new instance ID.
  returned: when the server refused
  type: bool
  sample: false
login_sent:
  description: Whether the user name and password were sent.
  returned: on failure after a TCP connection was made
  type: bool
  sample: true
tls_alert:
  description: The TLS alert with which the server refused the connection; null if it sent none.
  returned: when TLS failed
  type: str
  sample: tlsv1 alert unknown ca
server_certificate:
  description: Facts about the server's certificate that is not in the trust list.
  returned: when the server is not trusted
  type: dict
  sample:
    subject: L=Town,ST=Nowhere,CN=cucm-pub.example.com,OU=lab,O=example,C=NZ
    issuer: L=Town,ST=Nowhere,CN=cucm-pub.example.com,OU=lab,O=example,C=NZ
    common_name: cucm-pub.example.com
    serial: 19c8025812f35192f37e00d19320094
    not_before: "2026-11-25T01:03:56Z"
    not_after: "2046-11-21T01:03:56Z"
    key_type: rsa
    key_size: 2048
    signature_hash: sha256
    sha256_fingerprint: ea6fef7af4992e20a3b59bd5128be823c0f9496a255329e35ef24bd0e4d15a7d
"""

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import create, finish, reporting
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._provider import (
    ARGUMENT_SPEC,
    checked,
    probe,
    remarks,
    warnings_of,
)


def main():
    module = create(ARGUMENT_SPEC, required_if=[("secure", True, ["path"])])
    with reporting(module):
        result = probe(checked(module.params))
        finish(module, dict(result, remarks=remarks(result), changed=False), warnings=warnings_of(module.params, result))


if __name__ == "__main__":
    main()
