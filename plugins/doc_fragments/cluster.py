# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  hostname:
    description:
      - Host name or address of the cluster's publisher, which serves AXL and the serviceability services.
      - If not set, the environment variable E(CUCM_HOSTNAME) on the host that runs the module is used.
    type: str
    required: true
  port:
    description: TCP port of these services.
    type: int
    default: 8443
  username:
    description:
      - User of the AXL interface. Reading requires C(Standard AXL API Users) and C(Standard AXL Read Only API Access);
        changing requires C(Standard AXL API Access).
      - If not set, the environment variable E(CUCM_USERNAME) is used.
    type: str
    required: true
  password:
    description:
      - Password of O(username).
      - If not set, the environment variable E(CUCM_PASSWORD) is used.
    type: str
    required: true
  validate_certs:
    description:
      - Whether the server's TLS certificate must be trusted through O(ca_path) or the system's certificate authorities.
      - CUCM's web certificate is self-signed by default. Supply it in O(ca_path), or pin it with O(server_fingerprint),
        before you consider turning this off.
    type: bool
    default: true
  ca_path:
    description: PEM file, or folder of hashed PEM files, with the certificates to trust for the server.
    type: path
  server_fingerprint:
    description:
      - SHA-256 fingerprint of the server's certificate as 64 hexadecimal digits, with or without colons.
      - If set, only this certificate is accepted, whatever its issuer and name.
    type: str
  tls_legacy:
    description:
      - Also accept TLS 1.0 and 1.1, cipher suites without forward secrecy, Diffie-Hellman and certificate keys that are too
        short by today's rules, and SHA-1 signatures from the web services.
      - The certificate is still checked. A warning is issued.
      - CAPF and CTI Manager have their own option for this.
    type: bool
    default: false
  axl_version:
    description:
      - AXL schema version to use, such as V(12.5).
      - If not set, it is determined from the cluster's release, from 11.5 to 15.0.
    type: str
  timeout:
    description: Time limit for one request in seconds, from connecting to the end of the response.
    type: int
    default: 60
requirements:
  - zeep (4.0.0 or later)
  - requests
  - lxml
"""

    SERVICEABILITY = r"""
options:
  serviceability_username:
    description:
      - User for RISPort70, Control Center and log collection, if it is not O(username).
      - The user needs C(Standard CCM Server Monitoring) or C(Standard RealtimeAndTraceCollection).
    type: str
  serviceability_password:
    description: Password of O(serviceability_username).
    type: str
"""
