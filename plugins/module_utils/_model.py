# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The model of a run: clusters, users and instances with every default filled in, and all mistakes in the lists at once.

Pure. Entries are plain dictionaries, because Ansible's registers carry nothing else from task to task; the classes here
type them. A model contains no secrets: those in the lists are only checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from gettext import ngettext
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, NamedTuple, Optional, TypedDict

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _fleet
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import (
    CAPF,
    CLUSTER,
    INSTANCE,
    KEY,
    OPTIONS,
    USER,
    converted,
    default_of,
    nearest,
)

if TYPE_CHECKING:
    from typing import Callable, Collection, Container, Iterator, Set

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import Option

    Passwords = Mapping["Key", str]
    Entry = Any  # of a list, while it is completed

OF_CLUSTER = ("capf_host", "capf_port", "tftp_servers", "tftp_port", "cti_managers", "cti_port", "plain_cti_port")
STORE = "/etc/secure_tsp/{instance_id}"
STORE_OF_CLUSTER = "/etc/secure_tsp/{cluster}/{instance_id}"
# On Windows, every user may create folders in C:\ProgramData, and could be there first.
STORE_WINDOWS = "C:\\Program Files\\secure_tsp\\{instance_id}"
STORE_WINDOWS_OF_CLUSTER = "C:\\Program Files\\secure_tsp\\{cluster}\\{instance_id}"
# A folder on a drive, below its root. The parts are names as Windows allows them.
WINDOWS_FOLDER = re.compile(r'[A-Za-z]:(\\[^\\/:*?"<>|\x00-\x1f]*[^\\/:*?"<>|\x00-\x1f. ])+\Z')
WINDOWS_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z)")
# Options of fleet_accounts that an entry of the model gives.
ACCOUNT_OF_USER = ("name", "type", "update_password", "devices", "devices_mode", "srtp", "cti_groups", "state", "remove_user")
ACCOUNT_OF_INSTANCE = ("host", "user", "user_type", "instance_id", "tsp_number", "enrolment", "key", "rearm", "force", "replace",
                       "state")
SHORTEST = 2  # a secret of one character is in every name
FEW = 3  # hosts of others that are reported one by one


class Key(NamedTuple):
    """The key of an object: the cluster, and the name of a user or the ID of an instance there."""

    cluster: str
    name: str

    def __str__(self) -> str:
        return "%s/%s" % self


def key_of(row: Mapping[str, Any]) -> Key:
    """Key of an instance, from anything that has its cluster and instance_id."""
    return Key(row["cluster"], row["instance_id"])


def keys_in(pairs: Iterable[Iterable[str]] | None) -> set[Key]:
    """{Key} of the pairs in a register, which may be None."""
    return set(Key(*pair) for pair in pairs or ())


def owner_of(row: Mapping[str, Any]) -> Key:
    """Key of the user of an instance."""
    return Key(row["cluster"], row["user"])


def by_controller(instance: Mapping[str, Any]) -> bool:
    """Whether the controller enrols the certificate and hands it over, because none of our code runs on a Windows host."""
    return bool(instance["windows"]) and instance["enrolment"] == "collection"


def windows_folder(text: str) -> str:
    """The folder with backslashes. Raises ValueError with a clause."""
    folder = text.replace("/", "\\").rstrip("\\")
    if not WINDOWS_FOLDER.match(folder) or any(WINDOWS_DEVICE.match(part) for part in folder.split("\\")):
        raise ValueError("is not a folder on a Windows drive, such as C:\\Program Files\\recorder")
    return folder


class Cluster(TypedDict, total=False):
    """A cluster with its defaults, without passwords."""

    hostname: str
    port: int
    username: str
    validate_certs: bool
    ca_path: Optional[str]
    server_fingerprint: Optional[str]
    tls_legacy: bool
    axl_version: Optional[str]
    timeout: int
    serviceability_username: Optional[str]
    tftp_servers: List[str]
    tftp_port: int
    capf_host: str
    capf_port: int
    cti_managers: List[str]
    cti_port: int
    plain_cti_port: int
    ctl_fingerprint: Optional[str]
    issuers: List[str]


class User(TypedDict):
    """A user as listed. devices and srtp: None where they are not managed. hosts: those of its instances."""

    name: str
    cluster: str
    type: str
    update_password: str
    devices: Optional[List[str]]
    devices_mode: str
    srtp: Optional[bool]
    cti_groups: List[str]
    state: str
    remove_user: bool
    password_given: bool
    hosts: List[str]


class Instance(TypedDict):
    """An instance as listed, with what its cluster and its host add.

    capf: dialect, version, name_template and name. store_of_host: the folder with {host} left in, as it would be on any host.
    """

    host: str
    user: str
    instance_id: str
    cluster: str
    tsp_number: Optional[int]
    client: str
    enrolment: str
    key: Optional[Dict[str, Any]]
    store: str
    store_of_host: str
    capf: Dict[str, Any]
    client_address: Optional[str]
    rearm: bool
    force: bool
    replace: bool
    state: str
    probe_of: Optional[str]
    user_type: Optional[str]
    windows: bool
    string_given: bool
    capf_host: str
    capf_port: int
    tftp_servers: List[str]
    tftp_port: int
    cti_managers: List[str]
    cti_port: int
    plain_cti_port: int


MISTAKES = {
    "no_cluster": "there is no cluster",
    "not_a_list": "%(where)s is not a list",
    "not_a_dictionary": "%(where)s is not a dictionary",
    "unknown_key": "%(where)s: there is no key %(key)s%(hint)s",
    "unknown_variable": "there is no variable %(where)s%(hint)s",
    "wrong_value": "%(where)s: %(key)s %(clause)s",
    "wrong_option": "%(where)s %(clause)s",
    "missing_key": "%(where)s: %(key)s is missing",
    "cluster_missing": "%(where)s: cluster is missing, but there are several",
    "unknown_cluster": "%(where)s: there is no cluster %(cluster)s",
    "host_outside_group": "%(where)s: host %(host)s is not in the group secure_tsp",
    "no_host_here": "none of the listed hosts is in this inventory",
    "host_of_others": "host %(host)s is not in this inventory, so it is skipped, with %(count)s%(hint)s",
    "hosts_of_others": "%(count)s on %(hosts)d hosts that are not in this inventory are skipped: %(some)s and %(more)d more",
    "ec_version": "%(where)s: an EC key needs capf: {version: 3}",
    "name_template": "%(where)s: capf: name_template does not contain {instance_id}",
    "windows_collection": "%(where)s: on a Windows host the TSP fetches its certificate itself, so enrolment must be tsp: it is "
                          "not publicly known where it keeps its key. For a Java application, set client: jtapi",
    "tsp_of_jtapi": "%(where)s: client is jtapi, so enrolment cannot be tsp",
    "number_of_jtapi": "%(where)s: client is jtapi, which has no tsp_number",
    "tsp_elsewhere": "%(where)s: enrolment is tsp, but host %(host)s is not a Windows host",
    "number_elsewhere": "%(where)s: tsp_number is for Windows hosts",
    "rearm_elsewhere": "%(where)s: rearm is for enrolment: tsp; with force, the collection enrols a new certificate",
    "number_missing": "host %(host)s: tsp_number is missing for %(instances)s",
    "shared_store": "host %(host)s: store %(store)s is used by %(instances)s",
    "probe_id": "instance %(probe_of)s: the id of its probe, %(instance_id)s, does not have 1 to 128 characters of a-z, A-Z and 0-9",
    "probe_is_listed": "instance %(probe_of)s: the id of its probe, %(instance_id)s, is also the id of an instance",
    "planner": "%(where)s%(text)s",
    "secret_in_name": "%(where)s is part of %(what)s, where it could be read; choose another one",
    "unknown_name": "%(where)s: there is no instance %(name)s in the list%(hint)s",
    "unknown_only": "%(where)s: there is no cluster %(name)s in secure_tsp_clusters%(hint)s",
    "unknown_user": "%(where)s: there is no user %(name)s in the list%(hint)s",
    "ambiguous_name": "%(where)s: %(name)s is on several clusters: use %(choices)s",
}


class Mistake(NamedTuple):
    """Something in the lists that is wrong or, as a warning, unusual."""

    code: str
    where: str
    data: Dict[str, Any]

    def __str__(self) -> str:
        return printable(MISTAKES[self.code] % dict(self.data, where=self.where))


def mistake(code: str, where: str = "", **data: Any) -> Mistake:
    return Mistake(code, where, data)


def printable(text: str) -> str:
    """The text with escapes for characters that a terminal or a log cannot show."""
    return text if text.isprintable() else "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text)


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    found = nearest(name, known)
    return "; did you mean %s%s?" % (prefix, found) if found else ""


class Model:
    """clusters: {name: Cluster}; users: [User]; hosts: {inventory name: [Instance]}, probes among them.

    others: instances whose hosts are not in this inventory. They count for the cutover of their users and are never changed.
    aside: instances of clusters that this run skips. They only serve to recognise their files on hosts.
    """

    def __init__(self, clusters: Dict[str, Cluster], users: List[User], hosts: Dict[str, List[Instance]],
                 others: Iterable[Instance] = (), aside: Iterable[Instance] = ()) -> None:
        self.clusters: Dict[str, Cluster] = clusters
        self.users: List[User] = users
        self.hosts: Dict[str, List[Instance]] = hosts
        self.others: List[Instance] = list(others)
        self.aside: List[Instance] = list(aside)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Model:
        """From the result of plain(), taken from a register."""
        return cls(plain["clusters"], plain["users"], plain["hosts"], plain["others"], plain["aside"])

    def plain(self) -> dict[str, Any]:
        return {"clusters": self.clusters, "users": self.users, "hosts": self.hosts, "others": self.others, "aside": self.aside}

    @property
    def several(self) -> bool:
        return len(self.clusters) > 1

    def only(self, names: Collection[str]) -> tuple[Model, list[Mistake]]:
        """(Model of only these clusters, [Mistake]); of all if none is named. All users stay, in the order of their list."""
        if not names:
            return self, []
        wrong = [mistake("unknown_only", "secure_tsp_only_clusters", name=name, hint=did_you_mean(str(name), self.clusters))
                 for name in names if name not in self.clusters]
        return Model(
            dict((name, cluster) for name, cluster in self.clusters.items() if name in names), self.users,
            dict((host, [one for one in mine if one["cluster"] in names]) for host, mine in self.hosts.items()),
            [one for one in self.others if one["cluster"] in names],
            [one for one in self.listed() if one["cluster"] not in names]), wrong

    def instances(self, cluster: str | None = None, hosts: Container[str] | None = None) -> list[Instance]:
        """Instances of this inventory, of one cluster or on some hosts only."""
        return [one for host, mine in self.hosts.items() if hosts is None or host in hosts
                for one in mine if cluster in (None, one["cluster"])]

    def listed(self, cluster: str | None = None) -> list[Instance]:
        """All instances, those of other inventories too."""
        return self.instances(cluster) + [one for one in self.others if cluster in (None, one["cluster"])]

    def users_of(self, cluster: str, hosts: Iterable[str]) -> set[str]:
        """Names of the users of these hosts. Users without instances belong to every run."""
        chosen = set(hosts)
        return set(user["name"] for user in self.users
                   if user["cluster"] == cluster and (not user["hosts"] or chosen & set(user["hosts"])))

    def accounts(self, cluster: str, names: Container[str] | None = None, passwords: Passwords | None = None) -> list[dict[str, Any]]:
        """Users of a cluster as the planner takes them, without those to remove. passwords: {Key: text} of those that may be written."""
        found = []
        for user in self.users:
            if user["cluster"] == cluster and user["state"] != "absent" and (names is None or user["name"] in names):
                found.append(account_of_user(user, passwords))
        return found

    def named(self, names: Iterable[str], where: str) -> tuple[set[Key], list[Mistake]]:
        """({Key}, [Mistake]) of instances that a person named by ID, or by cluster/ID where there are several clusters."""
        listed = [key_of(one) for mine in self.hosts.values() for one in mine if not one["probe_of"]]
        return _resolved(names, where, listed + [key_of(one) for one in self.others], "unknown_name")

    def named_users(self, names: Iterable[str], where: str) -> tuple[set[Key], list[Mistake]]:
        """({Key}, [Mistake]) of users that a person named."""
        return _resolved(names, where, [Key(user["cluster"], user["name"]) for user in self.users], "unknown_user")


def _resolved(names: Iterable[str], where: str, listed: Iterable[Key], unknown: str) -> tuple[set[Key], list[Mistake]]:
    by_word: Dict[str, Set[Key]] = {}
    for key in listed:
        for word in (key.name, str(key)):
            by_word.setdefault(word, set()).add(key)
    found, mistakes = set(), []
    for name in names:
        keys = by_word.get(str(name), set())
        if len(keys) == 1:
            found |= keys
        elif keys:
            mistakes.append(mistake("ambiguous_name", where, name=name, choices=" or ".join(sorted(map(str, keys)))))
        else:
            mistakes.append(mistake(unknown, where, name=name, hint=did_you_mean(str(name), by_word)))
    return found, mistakes


def account_of_user(user: Mapping[str, Any], passwords: Passwords | None = None) -> dict[str, Any]:
    account = dict((key, user[key]) for key in ACCOUNT_OF_USER if user[key] is not None)
    if passwords:
        account["password"] = passwords.get(Key(user["cluster"], user["name"]))
    return account


def account_of_instance(instance: Mapping[str, Any], string: str | None = None) -> dict[str, Any]:
    account = dict((key, instance[key]) for key in ACCOUNT_OF_INSTANCE if instance[key] is not None)
    if string:
        account["authorization_string"] = string
    return account


# Completion


def complete(clusters: object, users: object, instances: object, inventory: Iterable[str] | None = None,
             group: Iterable[str] | None = None, is_windows: Callable[[str], object] = lambda host: False, probe: bool = False,
             probe_suffix: str = "probe", secrets: Iterable[tuple[str, str]] = ()) -> tuple[Model, list[Mistake], list[Mistake]]:
    """(Model, mistakes, warnings) of the three lists as they were written, with secrets in them.

    inventory: names of all hosts; group: of those in the group secure_tsp; None if not known.
    is_windows(host): asked once for each host. secrets: (description, text) of those that are in no list.
    """
    work = _Completion(inventory, group, is_windows, secrets)
    work.run(clusters, users, instances, probe_suffix if probe else None)
    return Model(work.clusters, work.users, work.hosts, work.others), work.mistakes, work.warnings


class _Completion:
    def __init__(self, inventory: Iterable[str] | None, group: Iterable[str] | None, is_windows: Callable[[str], object],
                 secrets: Iterable[tuple[str, str]]) -> None:
        self.inventory = None if inventory is None else dict.fromkeys(inventory)
        self.group = None if group is None else frozenset(group)
        self.windows: Dict[str, bool] = {}
        self.is_windows = is_windows
        self.mistakes: List[Mistake] = []
        self.warnings: List[Mistake] = []
        self.clusters: Dict[str, Entry] = {}
        self.users: List[Entry] = []
        self.hosts: Dict[str, List[Entry]] = {}
        self.others: List[Entry] = []
        self.secrets = list(secrets)
        self._defaults: Dict[int, Any] = {}

    def run(self, clusters: object, users: object, instances: object, probe_suffix: str | None) -> None:
        entries = self.of_kind(clusters, Mapping, "secure_tsp_clusters", "not_a_dictionary")
        for number, (name, raw) in enumerate(entries.items(), 1):
            self.cluster(number, str(name), raw)
        if not self.clusters and not self.mistakes:
            self.mistakes.append(mistake("no_cluster"))
        listed = [self.user(number, raw) for number, raw in enumerate(
            self.of_kind(users, (list, tuple), "secure_tsp_users", "not_a_list"), 1)]
        self.users = [user for user in listed if user]
        found, numbers = [], []
        for number, raw in enumerate(self.of_kind(instances, (list, tuple), "secure_tsp_instances", "not_a_list"), 1):
            entry = self.instance(number, raw)
            if entry:
                found.append(entry)
                numbers.append(number)
                if probe_suffix is not None and entry["enrolment"] == "collection":
                    found.append(self.probe(entry, probe_suffix))
                    numbers.append(number)
        self.examine(found)
        for number, user in enumerate(listed, 1):
            if user:
                user["password_given"] = self.hide("user", user["name"], number, user, ("password",))
        for number, one in zip(numbers, found):
            one["string_given"] = self.hide("instance", one["instance_id"], number, one, ("authorization_string",))
        self.place(found)
        self.mistakes += secret_mistakes(self.secrets, self.words(found))

    def of_kind(self, value: object, kind: Any, where: str, code: str) -> Any:
        if isinstance(value, kind):
            return value
        self.mistakes.append(mistake(code, where))
        return {} if kind is Mapping else []

    def entry(self, where: str, raw: object, table: Mapping[str, Option]) -> Any:
        """The entry with every key of the table, or None if it is not valid or lacks a required key."""
        if not isinstance(raw, (dict, Mapping)):
            self.mistakes.append(mistake("not_a_dictionary", where))
            return None
        filled = self.defaults(table)
        if not raw:
            return filled if not REQUIRED[id(table)] else self.missing(where, REQUIRED[id(table)])
        for key, value in raw.items():
            option = table.get(key)
            if option is None:
                self.mistakes.append(mistake("unknown_key", where, key=key, hint=did_you_mean(str(key), table)))
            elif value is not None:
                try:
                    filled[key] = converted(option, value)
                except ValueError as error:
                    self.mistakes.append(mistake("wrong_value", where, key=key, clause=error))
                    if option.required:
                        return None
        lacking = [key for key in REQUIRED[id(table)] if filled[key] in (None, "")]
        return self.missing(where, lacking) if lacking else filled

    def missing(self, where: str, keys: Iterable[str]) -> None:
        for key in keys:
            self.mistakes.append(mistake("missing_key", where, key=key))

    def defaults(self, table: Mapping[str, Option]) -> dict[str, Any]:
        """A new dict for one entry, with new lists."""
        known = self._defaults.get(id(table))
        if known is None:
            filled = dict((key, default_of(option)) for key, option in table.items())
            known = self._defaults[id(table)] = filled, [key for key, value in filled.items() if isinstance(value, list)]
        filled = known[0].copy()
        for key in known[1]:
            filled[key] = list(filled[key])
        return filled

    def cluster(self, number: int, name: str, raw: object) -> None:
        where = "cluster %s" % name
        entry = self.entry(where, raw, CLUSTER)
        if entry is None:
            self.clusters[name] = {"hostname": ""}
            return
        self.hide("cluster", name, number, entry, ("password", "serviceability_password"))
        for key in ("tftp_servers", "cti_managers"):
            entry[key] = entry[key] or [entry["hostname"]]
        entry["capf_host"] = entry["capf_host"] or entry["hostname"]
        self.clusters[name] = entry

    def hide(self, kind: str, name: str, number: int, entry: Entry, keys: Iterable[str]) -> bool:
        """Remove the secrets from an entry, and remember them for the comparison with names. Returns whether there was one."""
        given = False
        for key in keys:
            secret = entry.pop(key)
            if secret:
                given = True
                told = "no. %d" % number if secret in name else name
                self.secrets.append(("%s %s: its %s" % (kind, told, key), secret))
        return given

    def at_cluster(self, where: str, entry: Entry) -> bool:
        """Fill in the cluster of a user or an instance; False when it is not known."""
        if entry["cluster"] is None and len(self.clusters) == 1:
            entry["cluster"] = next(iter(self.clusters))
        if entry["cluster"] in self.clusters:
            return True
        if entry["cluster"] is not None:
            self.mistakes.append(mistake("unknown_cluster", where, cluster=entry["cluster"]))
        elif self.clusters:
            self.mistakes.append(mistake("cluster_missing", where))
        return False

    def user(self, number: int, raw: Any) -> Entry | None:
        where = "user %s" % (raw["name"] if isinstance(raw, Mapping) and raw.get("name") else "no. %d" % number)
        entry = self.entry(where, raw, USER)
        if entry is None or not self.at_cluster(where, entry):
            return None
        entry["hosts"] = []
        return entry

    def instance(self, number: int, raw: Any) -> Entry | None:
        named = isinstance(raw, Mapping) and raw.get("instance_id") is not None
        where = "instance %s" % (raw["instance_id"] if named else "no. %d" % number)
        entry = self.entry(where, raw, INSTANCE)
        if entry is None or not self.at_cluster(where, entry):
            return None
        key = self.entry(where + ": key", entry["key"] or {}, KEY)
        capf = self.entry(where + ": capf", entry["capf"] or {}, CAPF)
        if key is None or capf is None:
            return None
        entry["key"] = key
        entry["key"] = _fleet.key_of(entry)
        entry["capf"] = capf
        self.check_capf(where, entry)
        self.check_enrolment(where, entry)
        self.expand(where, entry)
        return entry

    def check_capf(self, where: str, entry: Entry) -> None:
        capf = entry["capf"]
        if entry["key"]["type"] == "ec" and capf["version"] != 3:
            self.mistakes.append(mistake("ec_version", where))
        if "{instance_id}" not in capf["name_template"]:
            self.mistakes.append(mistake("name_template", where))
        capf["name"] = capf["name_template"].replace("{instance_id}", entry["instance_id"])

    def check_enrolment(self, where: str, entry: Entry) -> None:
        host = entry["host"]
        if host not in self.windows:
            self.windows[host] = bool(self.is_windows(host))
        windows = entry["windows"] = self.windows[host]
        jtapi = entry["client"] == "jtapi"
        if entry["enrolment"] is None:
            entry["enrolment"] = "tsp" if windows and not jtapi else "collection"
        by_tsp = entry["enrolment"] == "tsp"
        if by_tsp and jtapi:
            self.mistakes.append(mistake("tsp_of_jtapi", where))
        elif windows and not by_tsp and not jtapi:
            self.mistakes.append(mistake("windows_collection", where))
        if windows and jtapi and entry["tsp_number"] is not None:
            self.mistakes.append(mistake("number_of_jtapi", where))
        if by_tsp and not windows and (self.inventory is None or host in self.inventory):
            self.warnings.append(mistake("tsp_elsewhere", where, host=host))
        if entry["tsp_number"] is not None and not windows and not by_tsp:
            self.mistakes.append(mistake("number_elsewhere", where))
        if entry["rearm"] and not by_tsp:
            self.mistakes.append(mistake("rearm_elsewhere", where))

    def expand(self, where: str, entry: Entry) -> None:
        cluster = self.clusters[entry["cluster"]]
        usual = (STORE_WINDOWS, STORE_WINDOWS_OF_CLUSTER) if by_controller(entry) else (STORE, STORE_OF_CLUSTER)
        template = entry["store"] or usual[len(self.clusters) > 1]
        template = template.replace("{instance_id}", entry["instance_id"]).replace("{cluster}", entry["cluster"])
        entry["store_of_host"] = template.rstrip("/") or "/"
        if by_controller(entry):
            try:
                folder = windows_folder(template.replace("{host}", entry["host"]))
                if folder.lower().endswith("\\probe"):
                    raise ValueError("ends in probe, which is the folder of an instance's probe")
            except ValueError as error:
                self.mistakes.append(mistake("wrong_value", where, key="store", clause=error))
            entry["store_of_host"] = template.replace("/", "\\").rstrip("\\")
        entry["store"] = entry["store_of_host"].replace("{host}", entry["host"])
        for key in OF_CLUSTER:
            entry[key] = cluster.get(key)

    def probe(self, entry: Entry, suffix: str) -> Entry:
        probe = dict(entry, instance_id="%s%s" % (entry["instance_id"], suffix), probe_of=entry["instance_id"], force=False, rearm=False,
                     replace=False, authorization_string=None, tsp_number=None, client_address=None,
                     **dict((key, "%s%sprobe" % (entry[key], "\\" if by_controller(entry) else "/")) for key in ("store", "store_of_host")))
        capf = probe["capf"] = dict(entry["capf"])
        capf["name"] = capf["name_template"].replace("{instance_id}", probe["instance_id"])
        return probe

    def examine(self, instances: List[Entry]) -> None:
        """Check each cluster's lists with the planner, and the hosts and files in the lists."""
        users = dict(((user["cluster"], _fleet.name_key(user["name"])), user) for user in self.users)
        hosts: Dict[Any, Set[str]] = {}
        for instance in instances:
            owner = users.get((instance["cluster"], _fleet.name_key(instance["user"])))
            instance["user_type"] = owner["type"] if owner else None
            instance["user"] = owner["name"] if owner else instance["user"]
            hosts.setdefault(owner_of(instance), set()).add(instance["host"])
        for user in self.users:
            user["hosts"] = sorted(hosts.get((user["cluster"], user["name"]), ()))
        for name in self.clusters:
            mine = [user for user in self.users if user["cluster"] == name]
            here = [one for one in instances if one["cluster"] == name]
            problems, warnings = _fleet.examine(mine, [one for one in here if not one["probe_of"]])
            where = "cluster %s: " % name if len(self.clusters) > 1 else ""
            self.mistakes += [mistake("planner", where, text=problem) for problem in problems]
            self.warnings += [mistake("planner", where, text=warning) for warning in warnings]
            self.examine_probes(here)
        self.examine_stores(instances)
        self.number(instances)

    def examine_probes(self, instances: List[Entry]) -> None:
        ids = set(one["instance_id"] for one in instances if not one["probe_of"])
        for one in instances:
            if one["probe_of"] and one["state"] != "absent":
                data = {"probe_of": one["probe_of"], "instance_id": one["instance_id"]}
                if not _fleet.INSTANCE_ID.match(one["instance_id"]):
                    self.mistakes.append(mistake("probe_id", **data))
                elif one["instance_id"] in ids:
                    self.mistakes.append(mistake("probe_is_listed", **data))

    def examine_stores(self, instances: List[Entry]) -> None:
        owners: Dict[Any, List[str]] = {}
        for instance in instances:
            store = instance["store"]  # Windows does not distinguish case
            owners.setdefault((instance["host"], store.lower() if by_controller(instance) else store), []).append(instance["instance_id"])
        for (host, store), found in owners.items():
            if len(set(found)) > 1:
                self.mistakes.append(mistake("shared_store", host=host, store=store, instances=", ".join(found)))

    def number(self, instances: List[Entry]) -> None:
        by_host: Dict[str, List[Entry]] = {}
        for instance in instances:
            if instance["state"] == "present" and instance["enrolment"] == "tsp":
                by_host.setdefault(instance["host"], []).append(instance)
        for host, mine in by_host.items():
            without = [instance for instance in mine if instance["tsp_number"] is None]
            if len(mine) == 1 and without:
                without[0]["tsp_number"] = 1
            elif without:
                self.mistakes.append(mistake("number_missing", host=host, instances=", ".join(
                    instance["instance_id"] for instance in without)))

    def place(self, instances: List[Entry]) -> None:
        """Assign each instance to its host. An instance on a host outside this inventory belongs to another job."""
        for instance in instances:
            host = instance["host"]
            if self.inventory is not None and host not in self.inventory:
                self.others.append(instance)
                continue
            if self.group is not None and host not in self.group and not instance["probe_of"]:
                self.mistakes.append(mistake("host_outside_group", "instance %s" % instance["instance_id"], host=host))
            self.hosts.setdefault(host, []).append(instance)
        if self.others and not self.hosts:
            self.mistakes.append(mistake("no_host_here"))
        elif self.others:
            self.tell_others()

    def tell_others(self) -> None:
        """A few hosts may be misspelt. Many are normal for a job slice of a large fleet."""
        counts: Dict[str, int] = {}
        for instance in self.others:
            if not instance["probe_of"]:
                counts[instance["host"]] = counts.get(instance["host"], 0) + 1
        if len(counts) > FEW:
            self.warnings.append(mistake("hosts_of_others", count=_instances(sum(counts.values())), hosts=len(counts),
                                         some=", ".join(list(counts)[:FEW]), more=len(counts) - FEW))
            return
        for host, count in counts.items():
            self.warnings.append(mistake(
                "host_of_others", host=host, count=_instances(count), hint=did_you_mean(host, self.inventory or ())))

    def words(self, instances: List[Entry]) -> dict[str, str]:
        """{text: description} of all names, ids and addresses. The description does not contain the text, which may be a secret."""
        found = {}
        for name, cluster in self.clusters.items():
            found[name] = "the name of a cluster"
            for key in ("hostname", "username", "serviceability_username", "capf_host"):
                found.setdefault(cluster.get(key) or "", "the %s of a cluster" % key)
            for key in ("tftp_servers", "cti_managers"):
                for address in cluster.get(key) or ():
                    found.setdefault(address, "one of the %s of a cluster" % key)
        for user in self.users:
            found[user["name"]] = "the name of a user"
            found.update(dict.fromkeys(user["devices"] or (), "the name of a device"))
            found.update(dict.fromkeys(user["cti_groups"], "the name of a group"))
        for instance in instances:
            found[instance["instance_id"]] = "an instance_id"
            found[instance["host"]] = "the name of a host"
            found[instance["client_address"] or ""] = "the client_address of an instance"
        found.pop("", None)
        return found


def _instances(count: int) -> str:
    return "%d %s" % (count, ngettext("instance", "instances", count))


REQUIRED = dict((id(table), [key for key, option in table.items() if option.required])
                for table in (CLUSTER, USER, INSTANCE, KEY, CAPF))


def secret_mistakes(secrets: Iterable[tuple[str, str]], names: Mapping[str, str]) -> Iterator[Mistake]:
    """Secrets that are part of a name or of one of our words: they would be printed with it.

    secrets: (description, text); names: {text: description}.
    """
    words = dict.fromkeys(VOCABULARY, "a word of the options")
    words.update(names)
    everything = "\n".join(words)
    for where, secret in secrets:
        if len(secret) < SHORTEST or secret in everything:
            what = next((said for word, said in words.items() if len(secret) >= SHORTEST and secret in word), "every name")
            yield mistake("secret_in_name", where, what=what)


VOCABULARY = sorted(set(
    word for table in (CLUSTER, USER, KEY, CAPF, INSTANCE, OPTIONS) for key, option in table.items()
    for word in (key,) + tuple(option.choices)) | set(str(size) for sizes in _fleet.KEY_SIZES.values() for size in sizes))
