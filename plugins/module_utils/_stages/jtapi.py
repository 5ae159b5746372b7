# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stage of the role client_jtapi: which files and records the Java applications of a host need. Changes nothing, has no secrets."""

from __future__ import annotations

import ntpath
import posixpath
import re

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _jtapi, _outcome, _run
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import key_of, windows_folder
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import hosts

ROLE = "client_jtapi_"
STORES = ("pkcs12", "bcfks")  # both are the key store that JTAPI opens
NAMES = {"pkcs12": "store_name", "bcfks": "store_name", "pem": "pem_name"}
NOT_IN_NAMES = {False: re.compile("/"), True: re.compile(r'[\\/:*?"<>|]|[. ]\Z')}  # on Windows and elsewhere
SHARED = (
    "The file %s would be written more than once: for %s. Use names with {user} and {instance_id} that differ for each format "
    "(%sstore_name, %spem_name), and different instance IDs for the same user on several clusters. No key store was written.")
NAMESAKES = (
    "host %s: the instances %s have the same user and the same ID, by which JTAPI finds the key store of an application; give one of them "
    "a different instance_id")
OF_APPLICATIONS = ("folder", "store_password")  # variables of hosts with Java applications
OF_RECORD = ("user", "instance_id", "capf_host", "capf_port", "tftp_servers", "tftp_port")


def jtapi(run, _execute):
    """Files to deliver and to remove, records of jtapi.ini, and the provider string of each application, for this host's instances."""
    own = dict((name, run.template(ROLE + name, run.vars.get(ROLE + name))) for name in ("folder", "formats", "store_name", "pem_name", "alias"))
    own["windows"] = run.is_windows(run.host)
    own["formats"] = list(dict.fromkeys(own["formats"]))
    rows = _outcome.by_key(run.newest(run.host) or ())
    model = run.model()
    mine = hosts.listed_here(run, model)
    if mine or hosts.listed_here(run, model, "absent") or not own["windows"]:  # a host with only TSPs has no such folder
        refuse(own)
    # An instance without a certificate gets no store. The summary shows the reason.
    ready = [one for one in mine if run.check or not rows.get(key_of(one), {"failed": False})["failed"]]
    # An instance that moved to another cluster is listed twice, and its files now belong to the new one.
    there = set(map(application, mine))
    gone = [one for one in hosts.listed_here(run, model, "absent") if application(one) not in there]
    refuse_shared(own, mine)
    surveys = run.register(_run.PREFLIGHT).get("clusters") or {}
    join = ntpath.join if own["windows"] else posixpath.join
    return dict(
        changed=False, windows=own["windows"],
        # JTAPI joins the folder of a record with a file name. Java accepts slashes on Windows, too.
        folder=own["folder"].replace("\\", "/") if own["windows"] else own["folder"],
        files=[dict(instance_id=one["instance_id"], path=one["store"], dest=place(own, one, kind), format=kind, alias=filled(own["alias"], one),
                    issuers=(surveys.get(one["cluster"]) or {}).get("issuers") or [])
               for one in ready for kind in own["formats"]],
        gone=[dict(instance_id=one["instance_id"], dest=dest) for one in gone for dest in [place(own, one, kind) for kind in own["formats"]] + [
            join(own["folder"], _jtapi.SERVER_STORE % (one["user"], one["instance_id"]))]],
        records=[dict((name, one[name]) for name in OF_RECORD) for one in ready],
        removed=[dict((name, one[name]) for name in OF_RECORD) for one in gone],
        told=[provider_string(one) for one in ready if set(own["formats"]) & set(STORES)],
        warnings=["Instance %s gets no key store: %s" % (one["instance_id"], rows[key_of(one)]["message"] or "it failed")
                  for one in mine if one not in ready])


def refuse(own):
    if own["windows"]:
        try:
            own["folder"] = windows_folder(str(own["folder"] or ""))
        except ValueError as error:
            raise Refused("%sfolder %s. Nothing was changed." % (ROLE, error)) from None
    elif not own["folder"] or not str(own["folder"]).startswith("/"):
        raise Refused("%sfolder is not an absolute path. Nothing was changed." % ROLE)
    if set(STORES) <= set(own["formats"]):
        raise Refused("%sformats contains pkcs12 and bcfks, which have the same file name. JTAPI 11.5 to 14 reads pkcs12, JTAPI 15 "
                      "reads bcfks. Nothing was changed." % ROLE)


def application(instance):
    """By what JTAPI knows an application: its key store, and its record in jtapi.ini."""
    return instance["user"], instance["instance_id"]


def mistakes(run, model):
    """What the lists cannot have on hosts with Java applications, before a cluster is contacted."""
    found = []
    for host in run.vars["ansible_play_hosts_all"]:
        namesakes = {}
        for one in model.hosts.get(host, ()):
            if one["state"] == "present" and one["enrolment"] == "collection" and not one["probe_of"]:
                namesakes.setdefault(application(one), []).append(str(key_of(one)))
        alike = [names for names in namesakes.values() if len(names) > 1]
        if alike and any(ROLE + name in run.raw(host) for name in OF_APPLICATIONS):
            found += [NAMESAKES % (host, " and ".join(names)) for names in alike]
    return found


def refuse_shared(own, instances):
    """Refuse names with which key stores would overwrite each other."""
    owners = {}
    for one in instances:
        for kind in own["formats"]:
            dest = place(own, one, kind)
            owners.setdefault(dest.casefold() if own["windows"] else dest, []).append((dest, "%s (%s)" % (key_of(one), kind)))
    for shared in owners.values():
        if len(shared) > 1:
            raise Refused(SHARED % (shared[0][0], " and ".join(name for _dest, name in shared), ROLE, ROLE))


def filled(name, instance):
    return name.replace("{user}", instance["user"]).replace("{instance_id}", instance["instance_id"])


def place(own, instance, kind):
    name = filled(own[NAMES[kind]], instance)
    if NOT_IN_NAMES[own["windows"]].search(name) or name in ("", ".", ".."):
        raise Refused("The file name %r of instance %s is not valid. Nothing was changed." % (name, instance["instance_id"]))
    return (ntpath if own["windows"] else posixpath).join(own["folder"], name)


def provider_string(instance):
    """The string that the application passes to getProvider. Words in angle brackets are placeholders for its secrets."""
    return "%s;login=%s;passwd=<password of the user>;InstanceID=%s;CertStorePassphrase=<client_jtapi_store_password>" % (
        ",".join(map(str, instance["cti_managers"])), instance["user"], instance["instance_id"])


ON_CLUSTERS = {}
ON_HOSTS = {"jtapi": jtapi}
