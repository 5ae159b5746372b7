# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python plain.py JOB.json: certificates for a fleet as a script would fetch them, in one process without Ansible.

For each one: a profile armed by AXL (zeep with the vendor's WSDL), the trust list by TFTP, the enrolment with CAPF, a
provider opened and closed. It looks at nothing first, repairs nothing and tells nothing: the peer of a first run.

The job: cluster (one value of secure_tsp_clusters), users (name, password, devices), instances (user, instance_id, folder),
renew (the profiles are there already).
"""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import secrets
import sys
import time

import collection_path
import requests
import zeep
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _capf, _ctiqbe, _ctl, _pki, _transport

GROUPS = ("Standard CTI Enabled", "Standard CTI Secure Connection")
BINDING = "{http://www.cisco.com/AXLAPIService/}AXLAPIBinding"
SECONDS = 60


class Axl:
    def __init__(self, cluster):
        session = requests.Session()
        session.trust_env = False  # or the environment chooses other authorities
        session.auth = (cluster["username"], cluster["password"])
        session.verify = cluster["ca_path"]
        folder = pathlib.Path(importlib.util.find_spec("ciscoaxl").origin).parent / "schema" / "12.5"
        client = zeep.Client(str(folder / "AXLAPI.wsdl"), transport=zeep.Transport(session=session))
        self._service = client.create_service(BINDING, "https://%(hostname)s:%(port)d/axl/" % cluster)

    def add_user(self, user):
        self._service.addAppUser(appUser={
            "userid": user["name"], "password": user["password"],
            "associatedDevices": {"device": user["devices"]},
            "associatedGroups": {"userGroup": [{"name": name} for name in GROUPS]}})

    def arm(self, instance, renew):
        string = "%010d" % secrets.randbelow(10 ** 10)
        about = {"certificateOperation": "Install/Upgrade", "authenticationMode": "By Authentication String",
                 "authenticationString": string, "keySize": "2048"}
        if renew:
            self._service.updateApplicationUserCapfProfile(instanceId=instance["instance_id"], **about)
        else:
            self._service.addApplicationUserCapfProfile(applicationUserCapfProfile={
                "applicationUser": instance["user"], "instanceId": instance["instance_id"], **about})
        return string


def fetch_trust_list(cluster):
    octets = _transport.fetch_tftp(
        cluster["hostname"], "CTLFile.tlv", _transport.Deadline(SECONDS), port=cluster["tftp_port"])
    trust_list = _ctl.parse(octets)
    _pki.judge_trust_list(trust_list)
    return trust_list


def demand(good, text):
    if not good:
        raise RuntimeError(text)


def enrol(cluster, instance, string, trust_list):
    """C((key PEM, certificate DER)) from CAPF."""
    key = _pki.generate_key("rsa", 2048)
    got = []

    def accept(leaf, _chain):
        demand(_pki.lists_certificate(trust_list, leaf, (_ctl.CAPF,)), "the trust list does not name this CAPF")

    enrolment = _capf.Enrolment(_capf.Settings("CTI-" + instance["instance_id"], string))
    with _transport.connect_tls(
            cluster["hostname"], cluster["capf_port"], _transport.Deadline(SECONDS), accept) as channel:
        while enrolment.state != "ended":
            octets = channel.receive()
            for event in enrolment.receive(octets) if octets else enrolment.ended():
                if event.name == "key_wanted":
                    enrolment.provide_key(_pki.public_key_der(key))
                elif event.name == "signature_wanted":
                    enrolment.provide_signature(_pki.sign_raw_pkcs1(key, event.values["data"]))
                elif event.name == "certificate":
                    got.append(event.values["der"])
                    enrolment.certificate_stored()
            for message in enrolment.output():
                channel.send(message)
    demand(got and _pki.matches_key(got[0], key), "CAPF sent no certificate for this key")
    return _pki.key_to_pem(key), got[0]


def keep(folder, **files):
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, octets in files.items():
        path = folder / (name.replace("_", "."))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(octets)


def open_provider(cluster, user, key_pem, certificate, trust_list):
    def accept(leaf, _chain):
        demand(_pki.lists_certificate(trust_list, leaf, (_ctl.CCM, _ctl.CCM_TFTP)), "the trust list does not name this server")

    def seal(nonce, server):
        return _pki.encrypt_password(user["password"], nonce, server, secrets.token_hex(8))

    provider = _ctiqbe.Provider(
        _ctiqbe.Settings(host=cluster["hostname"], login=user["name"], application="bench", heartbeat=30,
                         version=_ctiqbe.VERSION), seal)
    with _transport.connect_tls(cluster["hostname"], cluster["cti_port"], _transport.Deadline(SECONDS), accept,
                                client=(certificate, key_pem, None)) as channel:
        provider.start(time.monotonic())
        for last, then in (("opened", provider.list_devices), ("listed", provider.close), ("closed", None)):
            events = []
            while last not in events:
                channel.send(provider.output())
                events += [event.name for event in provider.receive(channel.receive(), time.monotonic())]
            if then:
                then(time.monotonic())


def main():
    collection_path.register()
    job = json.loads(pathlib.Path(sys.argv[1]).read_text())
    cluster, users = job["cluster"], {user["name"]: user for user in job["users"]}
    axl = Axl(cluster)
    if not job["renew"]:
        for user in users.values():
            axl.add_user(user)
    for instance in job["instances"]:
        string = axl.arm(instance, job["renew"])
        trust_list = fetch_trust_list(cluster)
        key_pem, certificate = enrol(cluster, instance, string, trust_list)
        keep(pathlib.Path(instance["folder"]), ctl_tlv=trust_list.octets, QBEClient_cer=certificate, QBEClient_key_pem=key_pem)
        open_provider(cluster, users[instance["user"]], key_pem, certificate, trust_list)
    return 0


if __name__ == "__main__":
    sys.exit(main())
