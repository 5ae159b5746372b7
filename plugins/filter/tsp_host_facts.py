# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tsp_host_facts
short_description: What a Windows host shows of its TSPs
description:
  - Puts together what was read from a host, and judges the certificates in the TSPs' folders.
  - The file that must hold the private key is known by its name only. It is never read.
options:
  _input:
    description: The host's completed instances, from the filter P(voiceops.secure_tsp.fleet#filter).
    type: list
    elements: dict
    required: true
  providers:
    description: Values of TAPI's registry key C(Providers), as M(ansible.windows.win_reg_stat) returns them.
    type: dict
    default: {}
  services:
    description: Results of looping M(ansible.windows.win_service_info).
    type: list
    elements: dict
    default: []
  folders:
    description: Results of looping M(ansible.windows.win_find) over the instances, each of which is in C(item).
    type: list
    elements: dict
    default: []
  contents:
    description: Results of looping M(ansible.windows.slurp) over the certificates.
    type: list
    elements: dict
    default: []
  now:
    description: Seconds since 1970, UTC.
    type: float
    required: true
  renew_before_days:
    description: Certificates that expire within so many days count as expiring.
    type: int
    default: 0
  authorities:
    description: By cluster, SHA-256 fingerprints of the CAPF certificates that it uses. A cluster that is not in it is not judged.
    type: dict
    default: {}
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
"""

EXAMPLES = r"""
- name: Show which instances need a certificate
  ansible.builtin.debug:
    msg: "{{ my_facts.instances | map(attribute='needs_certificate') }}"
  vars:
    my_facts: >-
      {{ my_instances | voiceops.secure_tsp.tsp_host_facts(folders=my_listed.results, contents=my_read.results,
         now=now().timestamp()) }}
"""

RETURN = r"""
_value:
  description:
    - C(providers) and C(tsp_numbers) of TAPI's list, C(services) by name, C(restart_by) (V(telephony) where restarting the
      service is enough, V(reboot) elsewhere), C(instances) with C(item), C(tsp_number), C(installed), C(certificates) (of
      all files), C(certificate) (the TSP's own), C(key_file), C(needs_certificate) and C(remarks), and C(problems).
  type: dict
"""

import base64
import binascii
import datetime
import ntpath

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _pki, _tsp_settings
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError

OWN_CERTIFICATE = "qbeclient.cer"
KEY_FILE = "qbeclient.pem"
REMOTE_ACCESS = "RasMan"


class Folder:
    """The certificates of one instance. files: {path: DER or PEM octets}; names: all file names, lower case."""

    def __init__(self, files, names):
        self.names = names
        self.certificates, self.unreadable = {}, []
        for path, octets in files.items():
            try:
                self.certificates[ntpath.basename(path).lower()] = _pki.certificate_der(octets)
            except FormatError:
                self.unreadable.append(ntpath.basename(path))

    @property
    def own(self):
        return self.certificates.get(OWN_CERTIFICATE)

    @property
    def key_file(self):
        return KEY_FILE in self.names

    def facts(self):
        for name, der in sorted(self.certificates.items()):
            yield dict(_pki.certificate_facts(der), file=name, subject_hash=_pki.subject_hash(der))

    def issuers(self):
        """Fingerprints of the certificates in the folder that issued the TSP's own."""
        return [_pki.sha256(der) for name, der in self.certificates.items()
                if name != OWN_CERTIFICATE and _pki.is_issued_by(self.own, der)]

    def need(self, now, renew_before_days, authorities):
        """C(needs_certificate) with the words that capf_certificate_info uses."""
        if self.own is None:
            return {"needed": True, "reason": "unreadable" if OWN_CERTIFICATE in self.names else "missing"}
        if not self.key_file:
            return {"needed": True, "reason": "key_lost"}
        moment = datetime.datetime.fromtimestamp(float(now), datetime.timezone.utc)
        if _pki.expires(self.own) <= moment:
            return {"needed": True, "reason": "expired"}
        if authorities and not set(self.issuers()) & set(authorities):
            return {"needed": True, "reason": "wrong_issuer"}
        if _pki.expires(self.own) <= moment + datetime.timedelta(days=int(renew_before_days)):
            return {"needed": True, "reason": "expiring"}
        return {"needed": False, "reason": ""}

    def remarks(self):
        """What is odd about the folder, as sentences."""
        for name in self.unreadable:
            yield "%s is no certificate that can be read." % name
        for name, der in self.certificates.items():
            if name.endswith(".0") and name[:-2] != _pki.subject_hash(der):
                yield "%s does not have the name that its subject gives (%s.0)." % (name, _pki.subject_hash(der))
        if self.own is not None and not self.issuers():
            yield "None of the certificates beside it issued QBEClient.cer, so its trust list is another one."


def tsp_host_facts(instances, now, providers=None, services=(), folders=(), contents=(), renew_before_days=0,
                   authorities=None):
    """See DOCUMENTATION."""
    found, problems = _tsp_settings.numbered(instances)
    listed = _tsp_settings.providers(providers or {})
    numbers = sorted(one["tsp_number"] for one in listed if one["tsp_number"])
    named = dict((one["name"], one) for result in services for one in result.get("services") or ())
    read = dict((result["item"]["path"], _octets(result)) for result in contents if result.get("content") is not None)
    rows = []
    for instance, number in found:
        folder = _folder(instance, folders, read)
        rows.append({
            "item": instance, "tsp_number": number, "installed": number in numbers,
            "certificates": list(folder.facts()),
            "certificate": _pki.certificate_facts(folder.own) if folder.own is not None else None,
            "key_file": folder.key_file,
            "needs_certificate": folder.need(now, renew_before_days, (authorities or {}).get(instance["cluster"])),
            "remarks": list(folder.remarks()),
        })
    return {
        "providers": listed, "tsp_numbers": numbers, "problems": problems, "instances": rows,
        "services": dict((name, {"state": one["state"], "start_mode": one["start_mode"]}) for name, one in named.items()),
        "restart_by": "telephony" if (named.get(REMOTE_ACCESS) or {}).get("start_mode") == "disabled" else "reboot",
    }


def _octets(result):
    try:
        return base64.b64decode(result["content"], validate=True)
    except binascii.Error:
        return b""


def _folder(instance, folders, read):
    for result in folders:
        if result["item"]["instance_id"] == instance["instance_id"] and result["item"]["cluster"] == instance["cluster"]:
            paths = [one["path"] for one in result.get("files") or ()]
            return Folder(dict((path, read[path]) for path in paths if path in read),
                          set(ntpath.basename(path).lower() for path in paths))
    return Folder({}, set())


class FilterModule:
    """Facts about Windows TSPs."""

    def filters(self):
        return {"tsp_host_facts": tsp_host_facts}
