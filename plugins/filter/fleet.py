# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
short_description: Complete and check the lists of users and TSP instances
description:
  - Takes the two lists as they are written in the inventory and gives them back with every default filled in,
    together with all mistakes that the lists hold by themselves.
  - Reads nothing else than its arguments. What only the cluster knows is checked by
    M(voiceops.secure_tsp.fleet_accounts).
options:
  _input:
    description:
      - The users. Keys are those of O(voiceops.secure_tsp.fleet_accounts#module:users), and C(cluster) where there
        are several.
    type: list
    elements: dict
    required: true
  instances:
    description:
      - The TSP instances, with C(host), C(user) and C(instance_id).
      - Optional are C(cluster), C(tsp_number), C(enrolment), C(key), C(store), C(capf), C(client_address),
        C(authorization_string), C(rearm), C(force), C(replace) and C(state).
      - C(probe_of) marks the probe of another instance, as the filter P(voiceops.secure_tsp.with_probes#filter) adds
        it.
      - C(store) may contain C({instance_id}), C({cluster}) and C({host}).
    type: list
    elements: dict
    default: []
  clusters:
    description:
      - The clusters by name, with C(hostname) and the login, as P(voiceops.secure_tsp.cluster_login#filter) reads it.
      - C(port), C(tftp_port), C(capf_port) and C(cti_port) are 8443, 69, 3804 and 2749 unless given; C(tftp_servers),
        C(capf_host) and C(cti_managers) are C(hostname).
      - C(ctl_fingerprint) is O(voiceops.secure_tsp.ctl_file#module:fingerprint).
    type: dict
    default: {}
  hosts:
    description: Inventory names that instances may be on. If not set, any.
    type: list
    elements: str
  hostvars:
    description:
      - Variables by host. A host with the connection C(winrm) or C(psrp), the shell type C(powershell) or C(cmd), or
        the fact C(os_family) V(Windows) is a Windows host.
      - If not set, no host is.
    type: dict
  allow_unproven_tsp_store:
    description: Allow C(enrolment) V(collection) on Windows hosts. The private key then passes through the controller.
    type: bool
    default: false
author:
  - The voiceops.secure_tsp maintainers (@voiceops)
seealso:
  - plugin: voiceops.secure_tsp.fleet_accounts
    plugin_type: module
"""

EXAMPLES = r"""
- name: Complete the lists
  ansible.builtin.set_fact:
    my_instances: "{{ my_fleet.instances }}"
  vars:
    my_fleet: >-
      {{ secure_tsp_users | voiceops.secure_tsp.fleet(instances=secure_tsp_instances, clusters=secure_tsp_clusters,
         hosts=groups['secure_tsp'], hostvars=hostvars) }}
"""

RETURN = r"""
_value:
  description: The completed lists.
  type: dict
  contains:
    users:
      description:
        - The users with their defaults, C(cluster) and the C(hosts) of their instances. C(devices) and C(srtp) are
          null where they are not managed. Passwords are left out, C(password_given) tells whether there is one.
      type: list
      elements: dict
    instances:
      description:
        - The instances with their defaults, and C(user_type), C(windows), C(store) (expanded), C(capf.name),
          C(capf_host), C(capf_port), C(tftp_servers), C(tftp_port), C(cti_managers) and C(cti_port). Authorization
          strings are left out.
      type: list
      elements: dict
    clusters:
      description: The clusters with their defaults. Passwords are left out.
      type: dict
    accounts:
      description:
        - By cluster, C(users) and C(instances) as M(voiceops.secure_tsp.fleet_accounts) takes them. They hold
          passwords and authorization strings.
      type: dict
    problems:
      description: Every mistake found.
      type: list
      elements: str
    warnings:
      description: What is unusual but allowed.
      type: list
      elements: str
"""

from collections.abc import Mapping

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._module import cluster_options

PORTS = {"port": 8443, "tftp_port": 69, "capf_port": 3804, "cti_port": 2749}
LISTS_OF_HOSTS = ("tftp_servers", "cti_managers")
OF_CLUSTER = ("capf_host", "capf_port", "tftp_servers", "tftp_port", "cti_managers", "cti_port")
CLUSTER = tuple(cluster_options(serviceability=True)) + OF_CLUSTER + ("ctl_fingerprint",)
STORE = "/etc/secure_tsp/{instance_id}"
STORE_OF_CLUSTER = "/etc/secure_tsp/{cluster}/{instance_id}"
CAPF = {"dialect": "cti", "version": 1, "name_template": "CTI-{instance_id}"}
WINDOWS_CONNECTIONS = ("winrm", "psrp")
WINDOWS_SHELLS = ("powershell", "cmd")


def text(value):
    if isinstance(value, (Mapping, list, bool)):
        raise ValueError("is not a text")
    return str(value)


def texts(value):
    if isinstance(value, (str, Mapping)) or not hasattr(value, "__iter__"):
        raise ValueError("is not a list")
    return [text(item) for item in value]


def number(value):
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError("is not a number") from None


def truth(value):
    try:
        return boolean(value)
    except TypeError:
        raise ValueError("is neither true nor false") from None


def mapping(value):
    if not isinstance(value, Mapping):
        raise ValueError("is not a dictionary")
    return dict(value)


def one_of(*words):
    def convert(value):
        if text(value) not in words:
            raise ValueError("is not one of %s" % ", ".join(words))
        return text(value)

    return convert


REQUIRED = object()
# {key: (conversion, default)}; None as a default is "not managed" or "filled in later".
USER = {
    "name": (text, REQUIRED),
    "cluster": (text, None),
    "type": (one_of("application", "end"), "application"),
    "password": (text, None),
    "update_password": (one_of("on_create", "always"), "on_create"),
    "devices": (texts, None),
    "devices_mode": (one_of("append", "exact"), "append"),
    "srtp": (truth, None),
    "cti_groups": (texts, ()),
    "state": (one_of("present", "absent"), "present"),
    "remove_user": (truth, False),
}
INSTANCE = {
    "host": (text, REQUIRED),
    "user": (text, REQUIRED),
    "instance_id": (text, REQUIRED),
    "cluster": (text, None),
    "tsp_number": (number, None),
    "enrolment": (one_of("collection", "tsp"), None),
    "key": (mapping, None),
    "store": (text, None),
    "capf": (mapping, None),
    "client_address": (text, None),
    "authorization_string": (text, None),
    "rearm": (truth, False),
    "force": (truth, False),
    "replace": (truth, False),
    "state": (one_of("present", "absent"), "present"),
    "probe_of": (text, None),
}
KEY = {"type": (one_of("rsa", "ec"), "rsa"), "size": (number, None)}
CAPF_KEYS = {
    "dialect": (one_of("cti", "phone"), CAPF["dialect"]),
    "version": (number, CAPF["version"]),
    "name_template": (text, CAPF["name_template"]),
}
SECRETS_OF_CLUSTER = ("password", "serviceability_password")
SECRETS_OF_USER = ("password",)
SECRETS_OF_INSTANCE = ("authorization_string",)
ACCOUNT_OF_USER = tuple(key for key in USER if key != "cluster")
ACCOUNT_OF_INSTANCE = (
    "host", "user", "user_type", "instance_id", "tsp_number", "enrolment", "key", "authorization_string", "rearm",
    "force", "replace", "state",
)


class Fleet:
    """Collects problems and warnings while it fills the lists in."""

    def __init__(self, clusters, hosts, hostvars, allow_unproven_tsp_store):
        self.problems = []
        self.warnings = []
        self.hosts = hosts
        self.hostvars = hostvars
        self.allow_unproven_tsp_store = allow_unproven_tsp_store
        self._windows = {}
        self.clusters = dict((str(name), self._cluster(name, entry)) for name, entry in clusters.items())
        if not clusters:
            self.problems.append("there is no cluster")

    def _cluster(self, name, entry):
        where = "cluster %s" % name
        if not isinstance(entry, Mapping):
            self.problems.append("%s is not a dictionary" % where)
            return {"hostname": ""}
        self._unknown_keys(where, entry, CLUSTER)
        filled = dict((key, value) for key, value in entry.items() if value is not None)
        if not filled.get("hostname"):
            self.problems.append("%s has no hostname" % where)
        host = filled.setdefault("hostname", "")
        filled.setdefault("capf_host", host)
        for key in LISTS_OF_HOSTS:
            value = filled.get(key) or [host]
            filled[key] = [value] if isinstance(value, str) else list(value)
        for key, default in PORTS.items():
            filled[key] = self._converted("%s: %s" % (where, key), number, filled.get(key, default))
        return filled

    def _converted(self, where, convert, value):
        try:
            return convert(value)
        except ValueError as error:
            self.problems.append("%s %s" % (where, error))
            return None

    def _unknown_keys(self, where, raw, known):
        self.problems += ["%s: there is no key %s" % (where, key) for key in raw if key not in known]

    def entry(self, where, raw, table):
        """A dict with every key of the table, or None when a required one is missing or wrong."""
        if not isinstance(raw, Mapping):
            self.problems.append("%s is not a dictionary" % where)
            return None
        self._unknown_keys(where, raw, table)
        filled, complete = {}, True
        for key, (convert, default) in table.items():
            if raw.get(key) is not None:
                filled[key] = self._converted("%s: %s" % (where, key), convert, raw[key])
                if filled[key] is None and default is not REQUIRED:
                    filled[key] = default
            elif default is not REQUIRED:
                filled[key] = list(default) if isinstance(default, tuple) else default
            if default is REQUIRED and filled.get(key) in (None, ""):
                if key not in filled:
                    self.problems.append("%s: %s is missing" % (where, key))
                complete = False
        return filled if complete else None

    def place(self, where, entry):
        """Fill in the cluster of a user or instance; False when it is unknown."""
        if entry["cluster"] is None and len(self.clusters) == 1:
            entry["cluster"] = next(iter(self.clusters))
        if entry["cluster"] is None:
            if self.clusters:
                self.problems.append("%s: cluster is missing, there are several" % where)
            return False
        if entry["cluster"] not in self.clusters:
            self.problems.append("%s: there is no cluster %s" % (where, entry["cluster"]))
            return False
        return True

    def is_windows(self, host):
        """Asked once per host, because Ansible works each variable out anew."""
        if host not in self._windows:
            self._windows[host] = self.hostvars is not None and host in self.hostvars and _windows(self.hostvars[host])
        return self._windows[host]

    def user(self, position, raw):
        where = "user %s" % (raw["name"] if isinstance(raw, Mapping) and raw.get("name") else "no. %d" % position)
        entry = self.entry(where, raw, USER)
        return entry if entry and self.place(where, entry) else None

    def instance(self, position, raw):
        """None for a probe that the TSP would have to enrol; mistakes of a probe are those of its instance."""
        known = len(self.problems), len(self.warnings)
        entry = self._instance(position, raw)
        if isinstance(raw, Mapping) and raw.get("probe_of") is not None:
            del self.problems[known[0]:], self.warnings[known[1]:]
            return entry if entry and entry["enrolment"] == "collection" else None
        return entry

    def _instance(self, position, raw):
        named = isinstance(raw, Mapping) and raw.get("instance_id") is not None
        where = "instance %s" % (raw["instance_id"] if named else "no. %d" % position)
        entry = self.entry(where, raw, INSTANCE)
        if entry is None or not self.place(where, entry):
            return None
        entry["key"] = self.entry(where + ": key", entry["key"] or {}, KEY)
        entry["key"] = _fleet.key_of(entry)
        entry["capf"] = self.entry(where + ": capf", entry["capf"] or {}, CAPF_KEYS)
        self._check_capf(where, entry)
        self._enrolment(where, entry)
        self._expand(entry)
        if self.hosts is not None and entry["host"] not in self.hosts:
            self.problems.append("%s: there is no host %s" % (where, entry["host"]))
        return entry

    def _check_capf(self, where, entry):
        capf = entry["capf"]
        if capf["version"] not in (1, 2, 3):
            self.problems.append("%s: capf: version %s is not 1, 2 or 3" % (where, capf["version"]))
        elif entry["key"]["type"] == "ec" and capf["version"] != 3:
            self.problems.append("%s: an EC key needs capf: {version: 3}" % where)
        if "{instance_id}" not in capf["name_template"]:
            self.problems.append("%s: capf: name_template does not contain {instance_id}" % where)
        capf["name"] = capf["name_template"].replace("{instance_id}", entry["instance_id"])

    def _enrolment(self, where, entry):
        entry["windows"] = self.is_windows(entry["host"])
        if entry["enrolment"] is None:
            entry["enrolment"] = "tsp" if entry["windows"] else "collection"
        if entry["windows"] and entry["enrolment"] == "collection" and not self.allow_unproven_tsp_store:
            self.problems.append(
                "%s: enrolment by the collection on a Windows host needs allow_unproven_tsp_store, because no TSP was "
                "seen to use certificates it did not fetch itself" % where)
        if self.hostvars is not None and not entry["windows"] and entry["enrolment"] == "tsp":
            self.warnings.append("%s: enrolment is tsp, but host %s is no Windows host" % (where, entry["host"]))
        if entry["tsp_number"] is not None and not entry["windows"] and entry["enrolment"] != "tsp":
            self.problems.append("%s: tsp_number is for Windows hosts" % where)
        if entry["rearm"] and entry["enrolment"] == "collection":
            self.problems.append("%s: rearm is for enrolment: tsp; force makes the collection fetch a new certificate"
                                 % where)

    def _expand(self, entry):
        cluster = self.clusters[entry["cluster"]]
        template = entry["store"] or (STORE_OF_CLUSTER if len(self.clusters) > 1 else STORE)
        template = template.replace("{instance_id}", entry["probe_of"] or entry["instance_id"])
        for key in ("cluster", "host"):
            template = template.replace("{%s}" % key, entry[key])
        entry["store"] = "%s/probe" % template.rstrip("/") if entry["probe_of"] else template
        for key in OF_CLUSTER:
            entry[key] = cluster.get(key)

    def examine(self, users, instances):
        """What the planner says about each cluster's lists, and what the lists say about hosts and files."""
        for name in self.clusters:
            mine = [user for user in users if user["cluster"] == name]
            here = [instance for instance in instances if instance["cluster"] == name]
            problems, warnings = _fleet.examine(mine, [one for one in here if not one["probe_of"]])
            prefix = "cluster %s: " % name if len(self.clusters) > 1 else ""
            self.problems += [prefix + problem.text for problem in problems]
            self.warnings += [prefix + warning.text for warning in warnings]
            self.problems += [prefix + problem for problem in _probe_problems(here)]
        self.problems += _shared_stores(instances)
        self._tsp_numbers(instances)

    def _tsp_numbers(self, instances):
        by_host = {}
        for instance in instances:
            if instance["state"] == "present" and instance["enrolment"] == "tsp":
                by_host.setdefault(instance["host"], []).append(instance)
        for host, mine in by_host.items():
            without = [instance for instance in mine if instance["tsp_number"] is None]
            if len(mine) == 1 and without:
                without[0]["tsp_number"] = 1
            elif without:
                self.problems.append("host %s: tsp_number is missing for %s" % (
                    host, ", ".join(instance["instance_id"] for instance in without)))


def _windows(variables):
    if variables.get("ansible_connection") in WINDOWS_CONNECTIONS:
        return True
    if variables.get("ansible_shell_type") in WINDOWS_SHELLS:
        return True
    facts = variables.get("ansible_facts") or {}
    return (facts.get("os_family") or variables.get("ansible_os_family")) == "Windows"


def _probe_problems(instances):
    ids = set(instance["instance_id"] for instance in instances if not instance["probe_of"])
    for probe in instances:
        if not probe["probe_of"] or probe["state"] == "absent":
            continue
        where = "instance %s: the id of its probe, %s, " % (probe["probe_of"], probe["instance_id"])
        if not _fleet.INSTANCE_ID.match(probe["instance_id"]):
            yield where + "does not have 1 to 128 characters of a-z, A-Z and 0-9"
        elif probe["instance_id"] in ids:
            yield where + "is that of an instance"


def _shared_stores(instances):
    owners = {}
    for instance in instances:
        owners.setdefault((instance["host"], instance["store"]), []).append(instance["instance_id"])
    for (host, store), found in owners.items():
        if len(set(found)) > 1:
            yield "host %s: store %s is given to %s" % (host, store, ", ".join(found))


def _without(entry, secrets):
    return dict((key, value) for key, value in entry.items() if key not in secrets)


def _taken(entry, keys):
    return dict((key, entry[key]) for key in keys if entry.get(key) is not None)


def fleet(users, instances=None, clusters=None, hosts=None, hostvars=None, allow_unproven_tsp_store=False):
    """See DOCUMENTATION."""
    for name, value in (("users", users), ("instances", instances or [])):
        if isinstance(value, (str, Mapping)) or not hasattr(value, "__iter__"):
            raise AnsibleFilterError("voiceops.secure_tsp.fleet: %s is not a list" % name)
    if not isinstance(clusters or {}, Mapping):
        raise AnsibleFilterError("voiceops.secure_tsp.fleet: clusters is not a dictionary")
    work = Fleet(clusters or {}, hosts, hostvars, truth(allow_unproven_tsp_store))
    filled_users = [work.user(position, raw) for position, raw in enumerate(users, 1)]
    filled_users = [user for user in filled_users if user]
    filled = [work.instance(position, raw) for position, raw in enumerate(instances or [], 1)]
    filled = [instance for instance in filled if instance]
    work.examine(filled_users, filled)
    listed = dict(((user["cluster"], _fleet.name_key(user["name"])), user) for user in reversed(filled_users))
    for instance in filled:
        # From here on a user is spelled in one way, so that everybody else may compare names as they are.
        user = listed.get((instance["cluster"], _fleet.name_key(instance["user"])))
        instance["user_type"] = user["type"] if user else None
        instance["user"] = user["name"] if user else instance["user"]
    for user in filled_users:
        user["password_given"] = bool(user["password"])
        user["hosts"] = sorted(set(
            i["host"] for i in filled if (i["cluster"], i["user"]) == (user["cluster"], user["name"])
        ))
    return {
        "users": [_without(user, SECRETS_OF_USER) for user in filled_users],
        "instances": [_without(instance, SECRETS_OF_INSTANCE) for instance in filled],
        "clusters": dict((name, _without(entry, SECRETS_OF_CLUSTER)) for name, entry in work.clusters.items()),
        "accounts": dict((name, {
            "users": [_taken(user, ACCOUNT_OF_USER) for user in filled_users if user["cluster"] == name],
            "instances": [_taken(i, ACCOUNT_OF_INSTANCE) for i in filled if i["cluster"] == name],
        }) for name in work.clusters),
        "problems": work.problems,
        "warnings": work.warnings,
    }


class FilterModule:
    """Filters of this collection that belong to the fleet."""

    def filters(self):
        return {"fleet": fleet}
