# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  instance_id:
    description: Instance ID of the CAPF profile, 1 to 128 characters of a-z, A-Z and 0-9.
    type: str
    required: true
  name_template:
    description:
      - Name under which CAPF knows the instance. V({instance_id}) is replaced by O(instance_id).
      - The default is the name that Cisco's JTAPI clients 11.5 to 15 send. The Windows TSP has not been observed.
    type: str
    default: CTI-{instance_id}
  key:
    description:
      - Type and size of the key. A certificate for a different key type or size is renewed.
      - If not set, an existing key of any kind is kept, and a new key is RSA with 2048 bits.
    type: dict
    suboptions:
      type:
        description: Type of the key. V(ec) requires CAPF protocol version 3, which no CTI client has been observed to use.
        type: str
        choices: [rsa, ec]
        default: rsa
      size:
        description: Size in bits. 2048 (the default), 3072 or 4096 for RSA; 256 (the default), 384 or 521 for EC.
        type: int
  renew_before_days:
    description:
      - A certificate that expires within this number of days counts as expiring. With V(0), only an expired one is renewed.
      - From 0 to 36500.
    type: int
    default: 0
  issuers:
    description:
      - PEM text of the authorities that issue certificates for CAPF, if an online CA does. No trust list contains them.
      - A certificate that was issued neither by these nor by the CAPF of the trust list counts as having the wrong issuer.
    type: list
    elements: str
  key_passphrase:
    description:
      - Passphrase of the private key. A key that is encrypted with a different passphrase is an error and is not replaced.
    type: str
"""
