# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The planner: users and TSP instances as listed, the cluster as read, what the hosts report -> steps.

Pure. It reads no clock, sends nothing and holds no secret: a step names a password or an authorization
string among its fields, and the value is looked up or generated when the step is applied.

A user is a dict with the options of fleet_accounts' C(users), an instance one with those of C(instances); keys that
are missing or None are not managed.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import hashlib
import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _bounds
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._bounds import CERTIFICATE_NAME_LIMIT, USUAL_STRING

if TYPE_CHECKING:
    from typing import Collection, Iterable, Iterator, Sequence, TypedDict

    UserKey = Tuple[Optional[str], str]

    class Key(TypedDict):
        type: str
        size: Optional[int]

    class Needs(TypedDict, total=False):
        needed: bool
        reason: str

    class Named(TypedDict):
        name: str

    class ListedUser(Named, total=False):
        type: Optional[str]
        state: Optional[str]
        password: Optional[str]
        update_password: Optional[str]
        devices: Optional[Sequence[str]]
        devices_mode: Optional[str]
        cti_groups: Optional[Sequence[str]]
        secure_connection: Optional[bool]
        srtp: Optional[bool]
        remove_user: Optional[bool]

    class Placed(TypedDict):
        instance_id: str
        user: str
        host: str

    class ListedInstance(Placed, total=False):
        user_type: Optional[str]
        state: Optional[str]
        tsp_number: Optional[int]
        authorization_string: Optional[str]
        key: Optional[Key]
        enrolment: Optional[str]
        rearm: Optional[bool]
        force: Optional[bool]
        replace: Optional[bool]
        compromised: Optional[bool]
        needs_certificate: Optional[Needs]
        certificate_valid: Optional[bool]
        string_held: Optional[bool]

INSTANCE_ID, KEY_SIZES = _bounds.INSTANCE_ID, _bounds.KEY_SIZES

APPLICATION, END = "application", "end"
OTHER_TYPE = {APPLICATION: END, END: APPLICATION}
A_USER = {APPLICATION: "an application user", END: "an end user"}

ENABLED = "Standard CTI Enabled"
SECURE = "Standard CTI Secure Connection"
SRTP = "Standard CTI Allow Reception of SRTP Key Material"

NO_OPERATION = "No Pending Operation"
INSTALL = "Install/Upgrade"
SUCCESS = "Upgrade Success"
PENDING_STATUS = "Operation Pending"

RSA_ONLY, EC_ONLY = "RSA Only", "EC Only"
EC_SINCE_RELEASE = 11  # keyOrder and ecKeySize are absent in the AXL schema of 10.5 and earlier

TSPS_PER_HOST = 10
DEVICE_LENGTH, GROUP_LENGTH = 50, 100

# Time zones: a deadline without a zone has passed everywhere 12 hours after it passed in UTC, and somewhere
# already 14 hours before.
WEST = datetime.timedelta(hours=12)
EAST = datetime.timedelta(hours=14)


# Remarks

# Texts of problems, warnings and reasons, by code. Besides the data of a remark, a sentence may contain its user,
# user_type and instance_id, and the types of user in words: a_wished_user is of the remark's own type, an_other_user of
# the other.
SENTENCES = {
    # Mistakes in the lists alone
    "user_without_name": "a user without a name is listed",
    "password_length": "user %(user)s: a password has 1 to 127 characters",
    "device_name_length": "user %(user)s: the device name '%(device)s' does not have 1 to 50 characters",
    "group_name_length": "user %(user)s: the group name '%(group)s' does not have 1 to 100 characters",
    "group_of_cutover": "user %(user)s: %(group)s is added by the cutover; remove it from cti_groups",
    "group_of_srtp": "user %(user)s: %(group)s is set by srtp; remove it from cti_groups",
    "remove_user_of_present": "user %(user)s: remove_user needs state: absent",
    "remove_user_of_end_user": "user %(user)s: end users are never removed",
    "user_of_both_types": "user %(user)s is listed as an application user and as an end user",
    "user_repeated": "user %(user)s is listed %(count)d times",
    "user_spelled_differently": "user %(user)s is listed %(count)d times: %(spelled)s",
    "instance_id_characters":
        "instance '%(instance_id)s' on %(host)s: an instance_id has 1 to 128 characters of a-z, A-Z and 0-9",
    "tsp_number_range": "instance %(instance_id)s: tsp_number %(number)s is not from 1 to %(most)d",
    "string_empty": "instance %(instance_id)s: authorization_string is empty",
    "key_size": "instance %(instance_id)s: %(size)s is not a valid size of an %(type)s key; valid sizes are %(sizes)s",
    "option_of_absent": "instance %(instance_id)s: %(option)s contradicts state: absent",
    "instance_without_user": "instance %(instance_id)s: its user %(user)s is not in the list of users",
    "user_type_contradicts":
        "instance %(instance_id)s: user_type is %(user_type)s, but user %(user)s is listed as %(an_other_user)s",
    "user_of_instance_absent": "instance %(instance_id)s: its user %(user)s is listed with state: absent",
    "instance_spelled_differently":
        "instance ids %(spelled)s differ only in case, and perhaps not every part of a cluster distinguishes them: %(places)s",
    "instance_repeated": "instance id %(instance_id)s is listed %(count)d times: %(places)s",
    "tsp_number_repeated": "host %(host)s: tsp_number %(number)s is used by %(instances)s",
    # What is unusual in them
    "certificate_name_length":
        "instance %(instance_id)s: the name of its certificate is longer than the 64 characters that X.509 allows",
    "string_unusual":
        "instance %(instance_id)s: the given authorization_string does not have 4 to 10 digits, as Cisco's guides require",
    "ec_key_unproven":
        "instance %(instance_id)s: an EC key needs CAPF protocol version 3, and no CTI client was seen to use one",
    # What only the cluster shows
    "disarm_with_others": "stage disarm cannot be combined with other stages",
    "user_of_other_type": "user %(user)s exists as %(an_other_user)s, not as %(a_wished_user)s",
    "user_standard": "user %(user)s is a standard user of the system and is not changed",
    "user_inactive":
        "end user %(user)s is no longer active: it is not in its directory, so it cannot log in, and the cluster will delete it",
    "end_user_missing": "end user %(user)s does not exist, and end users are never created here",
    "user_missing": "application user %(user)s does not exist; create it first (stage users)",
    "user_without_password": "application user %(user)s does not exist, and there is no password to create it with",
    "user_to_come": "application user %(user)s does not exist yet; stage users would create it",
    "device_missing": "user %(user)s: there is no device %(device)s",
    "group_missing": "user %(user)s: there is no access control group %(group)s",
    "names_not_looked_up": "the cluster refuses SQL, so it was not checked whether all listed devices and groups exist",
    "user_kept": "user %(user)s is kept: state is absent, but remove_user is not set",
    "user_with_profiles":
        "user %(user)s cannot be removed: it has the CAPF profiles %(profiles)s, which are not listed with state: absent",
    "ec_key_of_online_ca": "instance %(instance_id)s: an online CA issues no certificates for EC keys",
    "ec_key_of_old_release": "instance %(instance_id)s: CUCM %(release)s does not support EC keys",
    "profile_of_other_user":
        "instance %(instance_id)s of user %(user)s: a profile with this id belongs to %(owner_type)s user %(owner)s; "
        "give a new instance_id, or replace: true to remove that profile",
    "profile_of_other_user_kept":
        "instance %(instance_id)s of user %(user)s: a profile with this id belongs to %(owner_type)s user %(owner)s; "
        "it is not removed; correct user in the list",
    "instance_compromised": "instance %(instance_id)s is compromised: it needs a new instance_id in the list",
    "key_differs":
        "instance %(instance_id)s: the profile requires %(type)s %(size)s, not the listed key, which is applied when it is armed",
    "secure_without_instance": "user %(user)s is in %(group)s but has no instance in the list: it can open neither port",
    # States of a profile, by state_of()
    "state_none": "there is no profile",
    "state_idle": "the profile has no certificate",
    "state_pending": "the profile is pending",
    "state_perhaps_expired": "the profile is pending, perhaps expired",
    "state_expired": "the profile's deadline has passed",
    "state_success": "the profile says that a certificate was issued",
    "state_failed": "the profile says that the last operation failed",
    "state_other": "the profile is in an unknown state",
    # Why a profile is armed, or not
    "compromised": "compromised: it needs a new instance_id in the list",
    "rearm": "requested with rearm",
    "forced": "the host needs a certificate: forced",
    "needed": "the host needs a certificate: %(reason)s",
    "needed_unexplained": "the host needs a certificate: no reason given",
    "not_needed": "the host needs no certificate",
    "not_asked": "the host was not asked whether it needs a certificate",
    "string_of_tsp_lost": "%(need)s; the authorization string of the pending profile is lost",
    "string_lost": "%(need)s; the profile is pending with an authorization string that is lost",
    "string_of_tsp": "%(state)s, and the TSP may hold its authorization string",
    "string_held": "%(state)s with the authorization string that is held",
    "string_given": "%(state)s with the authorization string that is given",
    # Why else there is a step, or none
    "user_new": "it does not exist",
    "devices_differ": "devices differ",
    "making_cut_short": "it is not in %(group)s, so its creation may have been interrupted",
    "password_always": "update_password is always",
    "several": "%(reasons)s",
    "listed": "listed",
    "listed_absent": "state is absent",
    "removal_listed": "state is absent and remove_user is given",
    "removal_waits": "waits until the profiles %(profiles)s are removed",
    "not_in_play": "its host is not in this play",
    "not_in_stage": "not in this stage",
    "replaced": "it belongs to %(owner_type)s user %(owner)s, and replace is given",
    "made_idle": "there is none; not armed: %(why)s",
    "left_armed": "%(why)s, and the authorization string of the armed profile is lost",
    "no_such_profile": "the user has no such profile",
    "nothing_pending": "nothing is pending",
    "not_used": "it was armed and not used",
    "secure_connection_true": "secure_connection is true",
    "secure_connection_false": "secure_connection is false",
    "srtp_true": "srtp is true",
    "srtp_false": "srtp is false",
    "srtp_waits": "comes with the cutover",
    "cutover_proven": "all its instances hold a valid certificate",
    "cutover_by_hand": "the cutover is due and is done by hand",
    "cutover_waits": "waits for %(instances)s",
    "no_valid_certificate": "the host holds no valid certificate",
    "no_proof": "the host reported nothing",
}


@dataclasses.dataclass(frozen=True)
class Remark:
    """A problem, a warning or a reason: a code of SENTENCES and its subject, as far as it applies.

    data: further values for the sentence: plain values, lists of them, or other remarks. No secrets.
    """

    code: str
    user: str = ""
    user_type: str = ""
    instance_id: str = ""
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)

    @property
    def text(self) -> str:
        """The sentence, without a full stop."""
        words = dict((name, _in_words(value)) for name, value in self.data.items())
        words.update(
            user=self.user, user_type=self.user_type, instance_id=self.instance_id,
            a_wished_user=A_USER.get(self.user_type, ""), an_other_user=A_USER.get(OTHER_TYPE.get(self.user_type, ""), ""))
        return SENTENCES[self.code] % words

    def __str__(self) -> str:
        return self.text

    def row(self) -> dict[str, Any]:
        """The remark as plain values for JSON."""
        return {
            "code": self.code, "user": self.user, "user_type": self.user_type, "instance_id": self.instance_id,
            "data": dict((name, _plain(value)) for name, value in self.data.items()), "text": self.text,
        }


def _in_words(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return ("; " if any(isinstance(one, Remark) for one in value) else ", ").join(str(one) for one in value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.row() if isinstance(value, Remark) else value


def of_user(code: str, user: ListedUser, **data: Any) -> Remark:
    """Remark about a listed user."""
    return Remark(code, user["name"], type_of(user), data=data)


def of_instance(code: str, instance: ListedInstance, **data: Any) -> Remark:
    """Remark about a listed instance. The type of its user is empty if the instance itself does not name it."""
    return Remark(code, instance["user"], instance.get("user_type") or "", instance["instance_id"], data)


# Names


def name_key(name: str) -> str:
    """Names of users, devices and groups are compared regardless of case, because servers answer in their own.

    Not casefold(), for which weiss and wei\u00df are equal: they are two users.
    """
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).lower()


def user_key(user_type: str | None, name: str) -> UserKey:
    """The key of a user: an application user and an end user may have the same name."""
    return user_type, name_key(name)


def same(one: str, other: str) -> bool:
    return name_key(one) == name_key(other)


def missing(names: Iterable[str], known_names: Iterable[str]) -> list[str]:
    """The names that are not known, in order and once."""
    known = set(name_key(name) for name in known_names)
    kept: dict[str, str] = {}
    for name in names:
        if name_key(name) not in known:
            kept.setdefault(name_key(name), name)
    return list(kept.values())


def spelled(names: Iterable[str], known_names: Iterable[str]) -> list[str]:
    """The names in the spelling of the known ones; unknown names stay unchanged."""
    known = dict((name_key(name), name) for name in known_names)
    return [known.get(name_key(name), name) for name in names]


# What the cluster shows


@dataclasses.dataclass
class User:
    """A user of the cluster with all its groups and the devices it controls. active: whether its directory still has it."""

    name: str
    type: str
    standard: bool = False
    groups: List[str] = dataclasses.field(default_factory=list)
    devices: List[str] = dataclasses.field(default_factory=list)
    active: bool = True


@dataclasses.dataclass
class Profile:
    """A CAPF profile. Sizes are texts and enumerations are AXL's own words, as read."""

    instance_id: str
    user: str
    user_type: str
    operation: str = NO_OPERATION
    status: str = "None"
    completion: str = ""
    key_size: str = ""
    key_order: str = RSA_ONLY
    ec_key_size: str = ""

    @property
    def key(self) -> Key:
        if self.key_order == EC_ONLY:
            return {"type": "ec", "size": _number(self.ec_key_size)}
        if self.key_order in (RSA_ONLY, ""):
            return {"type": "rsa", "size": _number(self.key_size)}
        return {"type": "ec or rsa", "size": _number(self.ec_key_size)}


@dataclasses.dataclass
class Current:
    """The cluster: users by user_key(), profiles by (type of the user, instance id).

    devices, groups: those of to_look_up() that exist, in the cluster's spelling; None when they were not looked up.
    """

    users: Dict[UserKey, User] = dataclasses.field(default_factory=dict)
    profiles: Dict[UserKey, Profile] = dataclasses.field(default_factory=dict)
    release: str = ""
    devices: Optional[List[str]] = None
    groups: Optional[List[str]] = None

    def user(self, user_type: str | None, name: str) -> User | None:
        """The user, however its name is spelled, or None."""
        return self.users.get(user_key(user_type, name))

    def add_user(self, user: User) -> None:
        self.users[user_key(user.type, user.name)] = user

    def spelling(self, user_type: str | None, name: str) -> str:
        """The name as the cluster spells it; as it is given if there is no such user."""
        known = self.user(user_type, name)
        return known.name if known is not None else name

    def profiles_of(self, user_type: str, name: str) -> list[Profile]:
        return [p for p in self.profiles.values() if same(p.user, name) and p.user_type == user_type]


# What is wanted


@dataclasses.dataclass
class Wish:
    """All options of one task. C(predicting): nothing will be applied, so missing users may still be created."""

    users: List[ListedUser] = dataclasses.field(default_factory=list, repr=False)
    instances: List[ListedInstance] = dataclasses.field(default_factory=list, repr=False)
    stages: Tuple[str, ...] = ("users", "profiles", "cutover")
    hosts_of_play: Optional[List[str]] = None
    cutover: str = "auto"
    capf_issuer: str = "unknown"
    predicting: bool = False

    def __post_init__(self) -> None:
        self._users = dict((user_key(type_of(user), user["name"]), user) for user in self.users)
        self._types = dict((name_key(user["name"]), type_of(user)) for user in self.users)
        self._instances = dict((instance["instance_id"], instance) for instance in self.instances)
        self._by_user: dict[UserKey, list[ListedInstance]] = {}
        for instance in self.instances:
            owner = user_key(self.user_type_of(instance), instance["user"])
            self._by_user.setdefault(owner, []).append(instance)

    def user(self, user_type: str | None, name: str) -> ListedUser | None:
        """The listed user, or None."""
        return self._users.get(user_key(user_type, name))

    def instance(self, instance_id: str) -> ListedInstance | None:
        """The listed instance, or None."""
        return self._instances.get(instance_id)

    def instances_of(self, user_type: str | None, name: str) -> list[ListedInstance]:
        return self._by_user.get(user_key(user_type, name), [])

    def user_type_of(self, instance: ListedInstance) -> str | None:
        """Type of an instance's user: from the instance, else from the list of users; None if neither names it."""
        return instance.get("user_type") or self._types.get(name_key(instance["user"]))

    def names(self) -> list[tuple[str, str]]:
        """Every (type, name) in the lists, in order and once, in its first spelling."""
        named: list[tuple[str | None, str]] = [(type_of(user), user["name"]) for user in self.users]
        named += [(self.user_type_of(instance), instance["user"]) for instance in self.instances]
        first: dict[UserKey, tuple[str, str]] = {}
        for user_type, name in named:
            if user_type:
                first.setdefault(user_key(user_type, name), (user_type, name))
        return list(first.values())

    def in_play(self, instance: ListedInstance) -> bool:
        return self.hosts_of_play is None or instance["host"] in self.hosts_of_play


def type_of(user: ListedUser) -> str:
    return user.get("type") or APPLICATION


def absent(entry: ListedUser | ListedInstance) -> bool:
    return entry.get("state") == "absent"


def key_of(instance: ListedInstance) -> Key | None:
    """Wanted type and size, with default sizes filled in; None when the key is not managed."""
    key = instance.get("key")
    if not key:
        return None
    kind = key.get("type") or "rsa"
    return {"type": kind, "size": key.get("size") or KEY_SIZES.get(kind, (None,))[0]}


# Mistakes in the lists alone


def examine(users: Collection[ListedUser], instances: Collection[ListedInstance]) -> tuple[list[Remark], list[Remark]]:
    """(problems, warnings), as remarks, that can be found in the two lists of one cluster alone."""
    problems: list[Remark] = []
    warnings: list[Remark] = []
    for user in users:
        problems += _problems_of_user(user)
    problems += _repeated_users(users)
    for instance in instances:
        problems += _problems_of_instance(instance)
        warnings += _warnings_of_instance(instance)
    problems += _contradictions(users, instances)
    problems += _repeated_instances(instances)
    problems += _repeated_tsp_numbers(instances)
    return problems, warnings


def _problems_of_user(user: ListedUser) -> Iterator[Remark]:
    if not user["name"].strip():
        yield of_user("user_without_name", user)
    password = user.get("password")
    if password is not None and not 1 <= len(password) <= 127:
        yield of_user("password_length", user)
    for device in user.get("devices") or ():
        if not is_of_length(device, DEVICE_LENGTH):
            yield of_user("device_name_length", user, device=device)
    for group in user.get("cti_groups") or ():
        if not is_of_length(group, GROUP_LENGTH):
            yield of_user("group_name_length", user, group=group)
        elif same(group, SECURE):
            yield of_user("group_of_cutover", user, group=SECURE)
        elif same(group, SRTP):
            yield of_user("group_of_srtp", user, group=SRTP)
    if user.get("remove_user") and not absent(user):
        yield of_user("remove_user_of_present", user)
    if user.get("remove_user") and type_of(user) == END:
        yield of_user("remove_user_of_end_user", user)


def _repeated_users(users: Iterable[ListedUser]) -> Iterator[Remark]:
    listed: dict[str, list[ListedUser]] = {}
    for user in users:
        listed.setdefault(name_key(user["name"]), []).append(user)
    for found in listed.values():
        spelled = list(dict.fromkeys(user["name"] for user in found))
        if len(set(type_of(user) for user in found)) > 1:
            yield of_user("user_of_both_types", found[0])
        elif len(spelled) > 1:
            yield of_user("user_spelled_differently", found[0], count=len(found), spelled=spelled)
        elif len(found) > 1:
            yield of_user("user_repeated", found[0], count=len(found))


def _problems_of_instance(instance: ListedInstance) -> Iterator[Remark]:
    if not INSTANCE_ID.match(instance["instance_id"]):
        yield of_instance("instance_id_characters", instance, host=instance["host"])
    number = instance.get("tsp_number")
    if number is not None and not 1 <= number <= TSPS_PER_HOST:
        yield of_instance("tsp_number_range", instance, number=number, most=TSPS_PER_HOST)
    if instance.get("authorization_string") == "":
        yield of_instance("string_empty", instance)
    key = key_of(instance)
    if key and key["type"] in KEY_SIZES and key["size"] not in KEY_SIZES[key["type"]]:
        yield of_instance(
            "key_size", instance, size=key["size"], type=key["type"].upper(), sizes=list(KEY_SIZES[key["type"]]))
    if absent(instance):
        for option in ("rearm", "force"):
            if instance.get(option):
                yield of_instance("option_of_absent", instance, option=option)


def _warnings_of_instance(instance: ListedInstance) -> Iterator[Remark]:
    if len(instance["instance_id"]) > CERTIFICATE_NAME_LIMIT:
        yield of_instance("certificate_name_length", instance)
    given = instance.get("authorization_string")
    if given and not USUAL_STRING.match(given):
        yield of_instance("string_unusual", instance)
    key = key_of(instance)
    if key and key["type"] == "ec":
        yield of_instance("ec_key_unproven", instance)


def _contradictions(users: Collection[ListedUser], instances: Iterable[ListedInstance]) -> Iterator[Remark]:
    types = dict((name_key(user["name"]), type_of(user)) for user in users)
    gone = set(name_key(user["name"]) for user in users if absent(user))
    for instance in instances:
        name, said = name_key(instance["user"]), instance.get("user_type")
        if name not in types and not said:
            yield of_instance("instance_without_user", instance)
        if said and name in types and types[name] != said:
            yield of_instance("user_type_contradicts", instance)
        if name in gone and not absent(instance):
            yield of_instance("user_of_instance_absent", instance)


def _repeated_instances(instances: Iterable[ListedInstance]) -> Iterator[Remark]:
    listed: dict[str, list[ListedInstance]] = {}
    for instance in instances:
        listed.setdefault(name_key(instance["instance_id"]), []).append(instance)
    for found in listed.values():
        if len(found) > 1:
            places = ["%s on %s" % (instance["user"], instance["host"]) for instance in found]
            spelled = list(dict.fromkeys(instance["instance_id"] for instance in found))
            if len(spelled) > 1:
                yield of_instance("instance_spelled_differently", found[0], spelled=spelled, places=places)
            else:
                yield of_instance("instance_repeated", found[0], count=len(found), places=places)


def _repeated_tsp_numbers(instances: Iterable[ListedInstance]) -> Iterator[Remark]:
    holders: dict[tuple[str, int], list[str]] = {}
    for instance in instances:
        number = instance.get("tsp_number")
        if number is not None and not absent(instance):
            holders.setdefault((instance["host"], number), []).append(instance["instance_id"])
    for (host, number), found in holders.items():
        if len(found) > 1:
            yield Remark("tsp_number_repeated", data={"host": host, "number": number, "instances": found})


# Compare rules


def differs(rule: str, wanted: Any, present: Any) -> bool:
    """equal, same_set, contains, or write_only, which never differs."""
    if rule == "write_only":
        return False
    if rule == "equal":
        return bool(wanted != present)
    if rule == "contains":
        return bool(missing(wanted, present))
    if rule == "same_set":
        return bool(missing(wanted, present) or missing(present, wanted))
    raise ValueError(rule)


DEVICE_RULES = {"append": "contains", "exact": "same_set"}


def devices_after(user: ListedUser, present: Collection[str], known: Iterable[str] = ()) -> list[str] | None:
    """The whole list to write, or None when nothing differs or devices are not managed. known: names of other devices."""
    wanted = user.get("devices")
    mode = user.get("devices_mode") or "append"
    if wanted is None or not differs(DEVICE_RULES[mode], wanted, present):
        return None
    wanted = spelled(wanted, list(known) + list(present))
    if mode == "exact":
        return missing(wanted, [])
    return list(present) + missing(wanted, present)


def key_difference(instance: ListedInstance, profile: Profile) -> Key | None:
    """The wanted key if the profile requires another one, else None."""
    key = key_of(instance)
    if key and differs("equal", key, profile.key):
        return key
    return None


def members_after(mode: str, wanted: Collection[str], present: Collection[str]) -> tuple[list[str], list[str]]:
    """(names to add, names to remove) of a group: append, exact or remove."""
    if mode == "remove":
        return [], [name for name in present if not missing([name], wanted)]
    return missing(wanted, present), missing(present, wanted) if mode == "exact" else []


def is_of_length(name: str, most: int) -> bool:
    return 1 <= len(name) <= most


def not_associated(user: ListedUser, known: User | None) -> tuple[list[str], list[str]]:
    """(devices, groups) that are listed for a user and that the known one, or None, does not have.

    Names that no cluster can have are left out: they are mistakes already.
    """
    devices = missing(user.get("devices") or (), known.devices if known else ())
    groups = missing(user.get("cti_groups") or (), known.groups if known else ())
    return ([name for name in devices if is_of_length(name, DEVICE_LENGTH)],
            [name for name in groups if is_of_length(name, GROUP_LENGTH)])


def to_look_up(wish: Wish, current: Current) -> tuple[list[str], list[str]]:
    """(devices, groups) that users will get, so that it matters whether they exist."""
    devices, groups = [], []
    if "users" in wish.stages:
        for user in wish.users:
            if not absent(user):
                found = not_associated(user, current.user(type_of(user), user["name"]))
                devices += found[0]
                groups += found[1]
    return missing(devices, ()), missing(groups, ())


# State of a profile


def deadline(text: str | None) -> datetime.datetime | None:
    """The naive datetime of operationCompletion, YYYY:MM:DD:HH with or without minutes; None if unreadable."""
    parts = (text or "").split(":")
    if len(parts) not in (4, 5) or not all(re.match(r"[0-9]{1,4}\Z", part) for part in parts):
        return None
    try:
        year, month, day, hour, *minute = [int(part) for part in parts]
        return datetime.datetime(year, month, day, hour, minute[0] if minute else 0)
    except ValueError:
        return None


def deadline_text(now: datetime.datetime, hours: int) -> str:
    """operationCompletion that is at least C(hours) away in every time zone. now: aware, UTC."""
    moment = now.replace(tzinfo=None) + datetime.timedelta(hours=hours) + EAST
    if moment.minute or moment.second or moment.microsecond:
        moment += datetime.timedelta(hours=1)
    return moment.strftime("%Y:%m:%d:%H:00")


def state_of(profile: Profile | None, now: datetime.datetime) -> str:
    """none, failed, pending, perhaps_expired, expired, success, idle or other. now: aware, UTC.

    A failure wins over a pending operation. An unknown status is never a success.
    """
    if profile is None:
        return "none"
    if " Failed" in profile.status:
        return "failed"
    if profile.operation == INSTALL:
        return _pending_since(deadline(profile.completion), now.replace(tzinfo=None))
    if profile.operation == NO_OPERATION:
        if profile.status == SUCCESS:
            return "success"
        if profile.status in ("None", "", PENDING_STATUS):
            return "idle"
    return "other"


def _pending_since(limit: datetime.datetime | None, now: datetime.datetime) -> str:
    if limit is None or now <= limit - EAST:
        return "pending"
    return "expired" if now > limit + WEST else "perhaps_expired"


def of_state(state: str) -> Remark:
    """Remark about a state of C(state_of)."""
    return Remark("state_" + state)


# Arming


def need_of(instance: ListedInstance) -> tuple[bool, Remark]:
    """(needed, remark) as the host reports it."""
    if instance.get("force"):
        return True, of_instance("forced", instance)
    needs = instance.get("needs_certificate")
    if needs is None:
        return False, of_instance("not_asked", instance)
    if not needs["needed"]:
        return False, of_instance("not_needed", instance)
    if not needs.get("reason"):
        return True, of_instance("needed_unexplained", instance)
    return True, of_instance("needed", instance, reason=needs["reason"])


def arming(instance: ListedInstance, state: str) -> tuple[bool, Remark]:
    """(arm?, remark) of an instance whose profile is in a state of C(state_of)."""
    if instance.get("compromised"):
        return False, of_instance("compromised", instance)
    if instance.get("rearm"):
        return True, of_instance("rearm", instance)
    needed, need = need_of(instance)
    if not needed or state not in ("pending", "perhaps_expired"):
        return needed, need
    given = bool(instance.get("authorization_string"))
    held = instance.get("string_held")
    lost = held is False or not (held or given)
    if instance.get("enrolment") == "tsp":
        if lost and given:
            return True, of_instance("string_of_tsp_lost", instance, need=need)
        return False, of_instance("string_of_tsp", instance, state=of_state(state))
    if lost:
        return True, of_instance("string_lost", instance, need=need)
    return False, of_instance("string_held" if held else "string_given", instance, state=of_state(state))


def left_armed(instance: ListedInstance, profile: Profile) -> bool:
    """Whether a run that died left the profile armed: the host needs no certificate, and the authorization string is lost."""
    needs, held = instance.get("needs_certificate"), instance.get("string_held")
    if profile.operation != INSTALL or needs is None or needs["needed"] or instance.get("enrolment") == "tsp":
        return False
    return held is False or not (held or instance.get("authorization_string"))


# Steps


@dataclasses.dataclass
class Step:
    """One change of one object, or, with action none, why there is none.

    user, name: as the lists spell them. userid: the user as the cluster spells it, for requests.
    values: what is written, by option name, without secrets; fields may name secrets too.
    way: how a change of a group was made, filled in when it is applied.
    """

    kind: str
    name: str
    action: str
    user: str
    user_type: str
    fields: Tuple[str, ...]
    values: Dict[str, Any]
    reason: Remark
    userid: str
    digest: str = ""
    way: str = ""

    @property
    def object(self) -> str:
        if self.kind == "group":
            return "member %s of group %s" % (self.user, self.name)
        return "%s %s" % (self.kind, self.name)

    def row(self) -> dict[str, Any]:
        """The step as it is shown and approved."""
        return {
            "object": self.object, "kind": self.kind, "name": self.name, "user": self.user, "action": self.action,
            "fields": list(self.fields), "reason": self.reason.text, "reason_code": self.reason.code,
            "digest": self.digest, "way": self.way,
        }


def digest(*parts: Any) -> str:
    """Digest of JSON values, whatever the order of dicts. A remark is refused: a plan stays approved when its text changes."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def not_approved(steps: Iterable[Step], approved: Iterable[Mapping[str, Any]]) -> list[str]:
    """Objects of changes that are not in a plan of (object, digest) rows, or not with the same digest."""
    known = set((row["object"], row["digest"]) for row in approved)
    return [step.object for step in steps if step.action != "none" and (step.object, step.digest) not in known]


@dataclasses.dataclass
class Plan:
    """before, after: the cluster as read and as it will be. decisions: {instance id: (action, remark)}."""

    steps: List[Step]
    problems: List[Remark]
    warnings: List[Remark]
    before: Current
    after: Current
    decisions: Dict[str, Tuple[str, Remark]]
    cutover: List[Dict[str, Any]]

    @property
    def changes(self) -> list[Step]:
        return [step for step in self.steps if step.action != "none"]

    def armed(self) -> list[str]:
        return [step.name for step in self.steps if step.kind == "profile" and step.action == "arm"]


def plan(wish: Wish, current: Current, now: datetime.datetime) -> Plan:
    """Plan of all stages. Nothing may be applied while it has problems. now: aware datetime, UTC."""
    planner = _Planner(wish, current, now)
    planner.run()
    return Plan(
        planner.steps, planner.problems, planner.warnings, current, planner.after, planner.decisions, planner.cutovers
    )


class _Planner:
    """Add the steps one by one and keep C(after), the cluster as it will be, consistent with them."""

    def __init__(self, wish: Wish, current: Current, now: datetime.datetime) -> None:
        self.wish = wish
        self.now = now
        self.before = current
        self.after = copy.deepcopy(current)
        self.steps: list[Step] = []
        self.problems: list[Remark] = []
        self.warnings: list[Remark] = []
        self.decisions: dict[str, tuple[str, Remark]] = {}
        self.cutovers: list[dict[str, Any]] = []

    def run(self) -> None:
        self.problems, self.warnings = examine(self.wish.users, self.wish.instances)
        stages = self.wish.stages
        if "disarm" in stages:
            if len(stages) > 1:
                self.problems.append(Remark("disarm_with_others"))
            self._disarm()
            return
        self._check_users()
        self._check_keys()
        if "users" in stages:
            self._check_names()
            self._users()
        if "profiles" in stages:
            self._profiles()
        if "users" in stages or "profiles" in stages:
            self._removals()
        if "cutover" in stages:
            self._cutover()

    # Users

    def _known(self, user: ListedUser) -> User | None:
        """The listed user as it will be in the cluster, or None."""
        return self.after.user(type_of(user), user["name"])

    def _check_users(self) -> None:
        """Compare the listed users with the cluster. Missing users that may still be created count as existing."""
        for user_type, name in self.wish.names():
            other = OTHER_TYPE[user_type]
            known = self.after.user(user_type, name)
            listed = self.wish.user(user_type, name)
            if self.after.user(other, name) is not None:
                self.problems.append(Remark("user_of_other_type", name, user_type))
            elif known is not None and known.standard:
                self.problems.append(Remark("user_standard", name, user_type))
            elif known is not None and not known.active and not self._all_absent(user_type, name):
                self.problems.append(Remark("user_inactive", name, user_type))
            elif known is None and not self._all_absent(user_type, name):
                self._check_missing(user_type, name, listed)

    def _all_absent(self, user_type: str, name: str) -> bool:
        """Nothing that stays is listed under this user."""
        listed = self.wish.user(user_type, name)
        if listed is not None:
            return absent(listed)
        return all(absent(instance) for instance in self.wish.instances_of(user_type, name))

    def _check_missing(self, user_type: str, name: str, listed: ListedUser | None) -> None:
        if user_type == END:
            self.problems.append(Remark("end_user_missing", name, user_type))
        elif listed is None or ("users" not in self.wish.stages and not self.wish.predicting):
            self.problems.append(Remark("user_missing", name, user_type))
        elif "users" not in self.wish.stages:
            self.after.add_user(User(name, user_type))
            self.warnings.append(Remark("user_to_come", name, user_type))
        elif not listed.get("password"):
            self.problems.append(Remark("user_without_password", name, user_type))

    def _check_names(self) -> None:
        """Check that the devices and groups for users exist. All missing ones are reported before anything is created."""
        not_looked_up = False
        for user in self.wish.users:
            if absent(user):
                continue
            devices, groups = not_associated(user, self._known(user))
            for code, kind, names, known in (("device_missing", "device", devices, self.before.devices),
                                             ("group_missing", "group", groups, self.before.groups)):
                if known is not None:
                    self.problems += [of_user(code, user, **{kind: name}) for name in missing(names, known)]
                elif names:
                    not_looked_up = True
        if not_looked_up:
            self.warnings.append(Remark("names_not_looked_up"))

    def _users(self) -> None:
        for user in self.wish.users:
            if absent(user):
                continue
            known = self._known(user)
            if known is not None:
                self._update_user(user, known)
            elif type_of(user) == APPLICATION:
                self._create_user(user)
        for user in self.wish.users:
            if not absent(user):
                for group in spelled(missing([ENABLED] + list(user.get("cti_groups") or ()), []), self.before.groups or ()):
                    self._join(user, group, of_user("listed", user))

    def _create_user(self, user: ListedUser) -> None:
        values: dict[str, Any] = {"credential_flags": True}
        devices = user.get("devices")
        if devices is not None:
            values["devices"] = missing(spelled(devices, self.before.devices or ()), [])
        fields = ("password",) + tuple(sorted(values))
        self._add("user", user["name"], "create", user, fields, values, of_user("user_new", user))
        self.after.add_user(User(user["name"], type_of(user), devices=list(values.get("devices", ()))))

    def _update_user(self, user: ListedUser, known: User) -> None:
        values: dict[str, Any] = {}
        fields, reasons = [], []
        devices = devices_after(user, known.devices, self.before.devices or ())
        if devices is not None:
            values["devices"] = devices
            fields.append("devices")
            reasons.append(of_user("devices_differ", user))
        if type_of(user) == APPLICATION:
            if not any(same(group, ENABLED) for group in known.groups):
                # Creating a user takes two requests. A user that is not in its group may lack the second.
                values["credential_flags"] = True
                fields.append("credential_flags")
                reasons.append(of_user("making_cut_short", user, group=ENABLED))
            if user.get("update_password") == "always" and user.get("password"):
                fields.append("password")
                reasons.append(of_user("password_always", user))
        if fields:
            reason = reasons[0] if len(reasons) == 1 else of_user("several", user, reasons=reasons)
            self._add("user", user["name"], "update", user, tuple(fields), values, reason)
            known.devices = list(values.get("devices", known.devices))

    def _removals(self) -> None:
        for user in self.wish.users:
            known = self._known(user)
            if not absent(user) or known is None:
                continue
            if not user.get("remove_user"):
                self.warnings.append(of_user("user_kept", user))
                continue
            left = [p.instance_id for p in self.after.profiles_of(known.type, known.name)]
            going = [i["instance_id"] for i in self.wish.instances if absent(i)]
            kept = sorted(set(left) - set(going))
            if kept:
                self.problems.append(of_user("user_with_profiles", user, profiles=kept))
            elif left:
                self._add("user", user["name"], "none", user, (), {},
                          of_user("removal_waits", user, profiles=sorted(left)), intent="remove")
            else:
                self._add("user", user["name"], "remove", user, (), {}, of_user("removal_listed", user))
                del self.after.users[user_key(type_of(user), user["name"])]

    # Groups

    def _join(self, user: ListedUser, group: str, reason: Remark, facts: Any = None) -> None:
        known = self._known(user)
        if known is None or not missing([group], known.groups):
            return
        self._add("group", group, "add_member", user, ("groups",), {}, reason, facts)
        known.groups.append(group)

    def _leave(self, user: ListedUser, group: str, reason: Remark) -> None:
        known = self._known(user)
        if known is None or missing([group], known.groups):
            return
        self._add("group", group, "remove_member", user, ("groups",), {}, reason)
        known.groups = [name for name in known.groups if not same(name, group)]

    # Profiles

    def _check_keys(self) -> None:
        release = re.match(r"[0-9]+", self.before.release)
        for instance in self.wish.instances:
            key = key_of(instance)
            if absent(instance) or not key or key["type"] != "ec":
                continue
            if self.wish.capf_issuer == "online":
                self.problems.append(self._of("ec_key_of_online_ca", instance))
            if release and int(release.group()) < EC_SINCE_RELEASE:
                self.problems.append(self._of("ec_key_of_old_release", instance, release=self.before.release))

    def _profiles(self) -> None:
        for wanted_type in (APPLICATION, END):
            for instance in self.wish.instances:
                if self.wish.user_type_of(instance) == wanted_type:
                    self._profile(instance, wanted_type)

    def _profile(self, instance: ListedInstance, user_type: str) -> None:
        instance_id = instance["instance_id"]
        if not self.wish.in_play(instance):
            self._decide(instance, "none", self._of("not_in_play", instance))
            return
        foreign = self._foreign(instance, user_type)
        if foreign and not instance.get("replace"):
            self._refuse_foreign(instance, foreign)
            return
        for profile in foreign:
            self._remove_profile(instance, profile, self._of(
                "replaced", instance, owner=profile.user, owner_type=profile.user_type))
        known = self.after.profiles.get((user_type, instance_id))
        if absent(instance):
            if known is not None:
                self._remove_profile(instance, known, self._of("listed_absent", instance))
            elif not foreign:
                self._decide(instance, "none", of_state("none"))
            return
        arm, reason = arming(instance, state_of(known, self.now))
        if arm:
            self._arm(instance, user_type, known, reason)
        elif known is None and not instance.get("compromised"):
            self._create_profile(instance, user_type, reason)
        elif known is not None and left_armed(instance, known):
            self._disarm_profile(instance, known, self._of("left_armed", instance, why=reason))
        else:
            self._keep_profile(instance, known, reason)

    def _foreign(self, instance: ListedInstance, user_type: str) -> list[Profile]:
        """Profiles with this id that belong to another user."""
        found = [self.after.profiles.get((kind, instance["instance_id"])) for kind in (APPLICATION, END)]
        return [p for p in found if p is not None and user_key(p.user_type, p.user) != user_key(user_type, instance["user"])]

    def _refuse_foreign(self, instance: ListedInstance, foreign: Iterable[Profile]) -> None:
        code = "profile_of_other_user_kept" if absent(instance) else "profile_of_other_user"
        for profile in foreign:
            self.problems.append(self._of(code, instance, owner=profile.user, owner_type=profile.user_type))

    def _remove_profile(self, instance: ListedInstance, profile: Profile, reason: Remark) -> None:
        step = self._add(
            "profile", profile.instance_id, "remove", {"name": profile.user, "type": profile.user_type}, (), {}, reason
        )
        del self.after.profiles[profile.user_type, profile.instance_id]
        self._decide(instance, step.action, reason)

    def _key_to_write(self, instance: ListedInstance, known: Profile | None) -> dict[str, Any]:
        key = key_of(instance)
        if key is None and known is not None:
            return {"key_size": known.key_size, "key_order": known.key_order, "ec_key_size": known.ec_key_size}
        key = key or {"type": "rsa", "size": KEY_SIZES["rsa"][0]}
        if key["type"] == "ec":
            return {"key_size": str(KEY_SIZES["rsa"][0]), "key_order": EC_ONLY, "ec_key_size": str(key["size"])}
        return {"key_size": str(key["size"]), "key_order": RSA_ONLY, "ec_key_size": ""}

    def _owner(self, instance: ListedInstance, user_type: str) -> ListedUser:
        return {"name": instance["user"], "type": user_type}

    def _arm(self, instance: ListedInstance, user_type: str, known: Profile | None, reason: Remark) -> None:
        values = self._key_to_write(instance, known)
        values["make"] = known is None
        fields = ("authorization_string", "operation") + (("key",) if self._key_changes(values, known) else ())
        self._add("profile", instance["instance_id"], "arm", self._owner(instance, user_type), fields, values, reason,
                  self._facts(instance))
        self.after.profiles[user_type, instance["instance_id"]] = Profile(
            instance["instance_id"], self.after.spelling(user_type, instance["user"]), user_type, INSTALL, PENDING_STATUS,
            key_size=values["key_size"], key_order=values["key_order"], ec_key_size=values["ec_key_size"],
        )
        self._decide(instance, "arm", reason)

    def _key_changes(self, values: Mapping[str, Any], known: Profile | None) -> bool:
        return known is None or any(
            values[name] != getattr(known, name) for name in ("key_size", "key_order") + (
                ("ec_key_size",) if values["key_order"] != RSA_ONLY else ())
        )

    def _create_profile(self, instance: ListedInstance, user_type: str, reason: Remark) -> None:
        values = self._key_to_write(instance, None)
        self._add("profile", instance["instance_id"], "create", self._owner(instance, user_type), ("key",), values,
                  self._of("made_idle", instance, why=reason), self._facts(instance))
        self.after.profiles[user_type, instance["instance_id"]] = Profile(
            instance["instance_id"], self.after.spelling(user_type, instance["user"]), user_type,
            key_size=values["key_size"], key_order=values["key_order"], ec_key_size=values["ec_key_size"],
        )
        self._decide(instance, "create", reason)

    def _keep_profile(self, instance: ListedInstance, known: Profile | None, reason: Remark) -> None:
        self._decide(instance, "none", reason)
        if instance.get("compromised"):
            self.warnings.append(self._of("instance_compromised", instance))
        elif known is not None and key_difference(instance, known):
            self.warnings.append(self._of("key_differs", instance, **known.key))

    def _facts(self, instance: ListedInstance) -> dict[str, Any]:
        """What an approval is based on: what the host reported and what was requested, without status, time or authorization string."""
        needed, need = need_of(instance)
        return {
            "host": instance["host"], "enrolment": instance.get("enrolment"), "needed": needed,
            "why": [need.code, need.data.get("reason")],
            "rearm": bool(instance.get("rearm")), "compromised": bool(instance.get("compromised")),
            "given": bool(instance.get("authorization_string")),
        }

    def _disarm(self) -> None:
        for instance in self.wish.instances:
            user_type = self.wish.user_type_of(instance)
            known = self.after.profiles.get((user_type, instance["instance_id"]))
            if known is None or not same(known.user, instance["user"]):
                self._decide(instance, "none", self._of("no_such_profile", instance))
            elif known.operation != INSTALL:
                self._decide(instance, "none", self._of("nothing_pending", instance))
            else:
                self._disarm_profile(instance, known, self._of("not_used", instance))

    def _disarm_profile(self, instance: ListedInstance, known: Profile, reason: Remark) -> None:
        self._add("profile", known.instance_id, "disarm", self._owner(instance, known.user_type), ("operation",), {},
                  reason)
        known.operation = NO_OPERATION
        self._decide(instance, "disarm", reason)

    # Cutover

    def _cutover(self) -> None:
        for user in self.wish.users:
            if absent(user):
                continue
            explicit = user.get("secure_connection")
            if explicit is True:
                self._join(user, SECURE, of_user("secure_connection_true", user))
            elif explicit is False:
                self._leave(user, SECURE, of_user("secure_connection_false", user))
            elif self.wish.cutover != "never":
                self._cut_over(user)
            self._srtp(user)

    def _is_secure(self, user: ListedUser) -> bool:
        known = self._known(user)
        return known is not None and not missing([SECURE], known.groups)

    def _cut_over(self, user: ListedUser) -> None:
        mine = [i for i in self.wish.instances_of(type_of(user), user["name"]) if not absent(i)]
        secure_before = self._is_secure(user)
        if not mine:
            if secure_before:
                self.warnings.append(of_user("secure_without_instance", user, group=SECURE))
            return
        if not any(self.wish.in_play(instance) for instance in mine):
            return
        verdicts = [(instance,) + self._proof(instance) for instance in mine]
        waiting = [
            {"host": instance["host"], "instance_id": instance["instance_id"], "why": why.text}
            for instance, valid, why, judge in verdicts if why is not None
        ]
        due = not waiting and not secure_before
        facts = {"instances": sorted([i["host"], i["instance_id"]] for i in mine)}
        if due and self.wish.cutover == "auto":
            self._join(user, SECURE, of_user("cutover_proven", user), facts)
        elif not secure_before:
            reason = of_user("cutover_by_hand", user) if due else of_user(
                "cutover_waits", user, instances=[row["instance_id"] for row in waiting])
            self._add("group", SECURE, "none", user, ("groups",), {}, reason, facts, intent="add_member")
        self.cutovers.append({
            "user": user["name"], "type": type_of(user), "due": due, "done": self._is_secure(user),
            "waiting_for": waiting,
            "judged_by": " and ".join(sorted(set(judge for instance, valid, why, judge in verdicts),
                                             reverse=True)),
        })

    def _proof(self, instance: ListedInstance) -> tuple[bool, Remark | None, str]:
        """(valid, why not or None, judge) of one instance."""
        own = instance.get("certificate_valid")
        named = self.wish.hosts_of_play is not None and self.wish.in_play(instance)
        if named or (self.wish.hosts_of_play is None and own is not None):
            if own:
                return True, None, "host"
            return False, self._of("no_valid_certificate" if own is False else "no_proof", instance), "host"
        known = self.before.profiles.get((self.wish.user_type_of(instance), instance["instance_id"]))
        if known is not None and not same(known.user, instance["user"]):
            known = None
        state = state_of(known, self.now)
        return state == "success", None if state == "success" else of_state(state), "cluster"

    def _srtp(self, user: ListedUser) -> None:
        wanted = user.get("srtp")
        if wanted is False:
            self._leave(user, SRTP, of_user("srtp_false", user))
        elif wanted and self._is_secure(user):
            self._join(user, SRTP, of_user("srtp_true", user))
        elif wanted:
            known = self._known(user)
            if known is None or missing([SRTP], known.groups):
                self._add("group", SRTP, "none", user, ("groups",), {}, of_user("srtp_waits", user), intent="add_member")

    # Rows

    def _of(self, code: str, instance: ListedInstance, **data: Any) -> Remark:
        """Remark about an instance, with the kind of its user from the list."""
        return of_instance(code, {**instance, "user_type": self.wish.user_type_of(instance)}, **data)

    def _decide(self, instance: ListedInstance, action: str, reason: Remark) -> None:
        self.decisions[instance["instance_id"]] = (action, reason)

    def _add(self, kind: str, name: str, action: str, user: ListedUser, fields: Iterable[str], values: dict[str, Any], reason: Remark,
             facts: Any = None, intent: str | None = None) -> Step:
        userid = self.after.spelling(type_of(user), user["name"])
        step = Step(kind, name, action, user["name"], type_of(user), tuple(fields), values, reason, userid)
        # Whether arming creates or updates a profile depends on how far an earlier run got.
        written = dict((key, value) for key, value in values.items() if key != "make")
        set_anew = sorted(fields) if kind == "user" else []
        step.digest = digest(step.object, intent or action, step.user_type, set_anew, written, facts)
        self.steps.append(step)
        return step


# What is shown


def shown_profile(profile: Profile | None, now: datetime.datetime) -> dict[str, Any]:
    """A profile in option names."""
    if profile is None:
        return {"exists": False, "state": "none"}
    return {
        "exists": True, "user": profile.user, "user_type": profile.user_type, "operation": profile.operation,
        "status": profile.status, "completion": profile.completion, "state": state_of(profile, now), "key": profile.key,
    }


def shown_users(wish: Wish, plan_: Plan) -> list[dict[str, Any]]:
    """The listed users as they will be."""
    actions = dict(((s.user_type, s.name), s.action) for s in plan_.steps if s.kind == "user")
    rows = []
    for user in wish.users:
        key = (type_of(user), user["name"])
        known = plan_.after.user(*key)
        groups = sorted(known.groups) if known else []
        rows.append({
            "name": key[1], "type": key[0], "exists": known is not None, "groups": groups,
            "devices": sorted(known.devices) if known else [], "secure": not missing([SECURE], groups),
            "action": actions.get(key, "none"),
        })
    return rows


def shown_instances(wish: Wish, plan_: Plan, now: datetime.datetime) -> list[dict[str, Any]]:
    """The listed instances with their profiles as they will be."""
    rows = []
    for instance in wish.instances:
        profile = plan_.after.profiles.get((wish.user_type_of(instance), instance["instance_id"]))
        action, reason = plan_.decisions.get(instance["instance_id"], ("none", Remark("not_in_stage")))
        rows.append({
            "host": instance["host"], "user": instance["user"], "instance_id": instance["instance_id"],
            "profile": shown_profile(profile, now), "action": action, "reason": reason.text, "reason_code": reason.code,
        })
    return rows


def difference(plan_: Plan) -> dict[str, dict[str, Any]]:
    """{before, after} of the objects that change, in option names and without secrets."""
    return {"before": _shown_objects(plan_, plan_.before), "after": _shown_objects(plan_, plan_.after, written=True)}


def _shown_objects(plan_: Plan, state: Current, written: bool = False) -> dict[str, Any]:
    shown = {}
    for step in plan_.changes:
        if step.kind == "profile":
            for kind in (APPLICATION, END):
                profile = state.profiles.get((kind, step.name))
                if profile is not None:
                    shown["profile %s" % step.name] = {
                        "user": profile.user, "user_type": kind, "operation": profile.operation, "key": profile.key,
                    }
            continue
        user = state.user(step.user_type, step.user)
        if user is not None:
            row = shown.setdefault("user %s" % step.user, {})
            row.update(type=user.type, groups=sorted(user.groups), devices=sorted(user.devices))
            if written and "password" in step.fields:
                row["password"] = "(new value, not shown)"
            if written and "credential_flags" in step.fields:
                row["credential_flags"] = "never expires; the user neither can nor must change the password"
    for name in plan_.armed() if written else ():
        shown["profile %s" % name]["authorization_string"] = "(new value, not shown)"
    return shown


def _number(text: str | None) -> int | None:
    return int(text) if text and re.match(r"[0-9]+\Z", text) else None
