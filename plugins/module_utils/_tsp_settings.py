# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The settings of a Windows TSP: the fields of its dialog, their documented values, and their places in a registry profile.

Pure. Tabs, fields, defaults and ranges are those of Cisco's TAPI guides and tech note 213250. It is not documented where the
TSP keeps a setting, so this comes from a registry profile that was measured on the user's own host, never from here.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import TYPE_CHECKING, Any, Dict, List, Optional

if TYPE_CHECKING:
    from typing import Collection, Iterable, Iterator, Mapping, Tuple

    Value = Mapping[str, Any]  # type and value, as win_reg_stat shows them
    Properties = Mapping[str, Mapping[str, Value]]  # {key: {name: Value}}
    Change = Tuple[str, str, Optional[Value], Optional[Value]]  # key, name, old and new

BOOL, TEXT, INTEGER, CHOICE, ADDRESS, LOCATION, FALLBACK = (
    "on or off", "text", "number", "choice", "IP address", "address or name", "fallback")
HIDDEN = "(secret)"
DIALOG = "Control Panel > Phone and Modem > Advanced"
FETCH, STRING, SECURE, PASSWORD = (
    "security.fetch_certificates", "security.authorization_string", "security.secure_connection", "user.password")
LOCATIONS = ("cti_manager.primary", "cti_manager.backup", "cti_manager.tertiary")
# When a TSP of 15SU2 or later leaves its tertiary CTI Manager again; without one of these it stays.
FALLBACKS = re.compile(
    r"after (?:[1-9]|[1-9]\d{1,2}|[12]\d{3}|3[0-5]\d{2}|3600)|scheduled \d{4}/(?:0[1-9]|1[0-2])/(?:0[1-9]|[12]\d|3[01]) (?:[01]\d|2[0-3]):[0-5]\d"
    r"|every (?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(?:[01]\d|2[0-3]):[0-5]\d")
LOCATION_KINDS = {"none": "None", "ipv4": "IP Address", "ipv6": "IPV6 Address", "host": "Host Name"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One field of the dialog. restart: a change acts only after a restart. shared: one value for all instances."""

    tab: str
    label: str
    kind: str
    lowest: int = 0
    highest: Optional[int] = None
    choices: Dict[str, str] = dataclasses.field(default_factory=dict)
    secret: bool = False
    restart: bool = True
    shared: bool = False


def _number(tab: str, label: str, lowest: int, highest: int | None = None, restart: bool = True) -> Setting:
    return Setting(tab, label, INTEGER, lowest, highest, restart=restart)


SETTINGS = {
    "general.auto_update": Setting(
        "General", "Auto Update", CHOICE, choices={"ask": "Ask", "never": "Never", "always": "Always"}, restart=False),
    "user.single_sign_on": Setting("User", "Use Single Sign On (off: Use the following credentials)", BOOL),
    "user.name": Setting("User", "User Name", TEXT),
    PASSWORD: Setting("User", "Password, Verify Password", TEXT, secret=True),
    "cti_manager.primary_kind": Setting("CTI Manager", "Primary: kind of location", CHOICE, choices=LOCATION_KINDS),
    "cti_manager.primary": Setting("CTI Manager", "Primary: location", LOCATION),
    "cti_manager.backup_kind": Setting("CTI Manager", "Backup: kind of location", CHOICE, choices=LOCATION_KINDS),
    "cti_manager.backup": Setting("CTI Manager", "Backup: location", LOCATION),
    "cti_manager.tertiary_kind": Setting("CTI Manager", "Tertiary: kind of location", CHOICE, choices=LOCATION_KINDS),
    "cti_manager.tertiary": Setting("CTI Manager", "Tertiary: location", LOCATION),
    "cti_manager.fallback": Setting("CTI Manager", "Tertiary: fallback", FALLBACK),
    "cti_manager.preferred_mode": Setting(
        "CTI Manager", "Preferred IP Addressing Mode", CHOICE, choices={"ipv4": "IPv4", "ipv6": "IPv6"}),
    SECURE: Setting("Security", "Secure Connection to CTI Manager", BOOL),
    FETCH: Setting("Security", "Fetch Certificate", BOOL),
    STRING: Setting("Security", "CAPF: Authorization String", TEXT, secret=True),
    "security.instance_id": Setting("Security", "CAPF: Instance Identifier", TEXT),
    "security.capf_address": Setting("Security", "CAPF: IP Address", ADDRESS),
    "security.capf_port": _number("Security", "CAPF: Port", 1, 65535),
    "security.fetch_retries": _number("Security", "CAPF: Number Of Retries", 0, 3),
    # The Security Guide says up to 30; the TSP's own guides say 15, and the smaller one is right either way.
    "security.fetch_retry_interval": _number("Security", "CAPF: Retry Interval (s)", 0, 15),
    "security.tftp_address": Setting("Security", "TFTP Server: IP Address", ADDRESS),
    "trace.on": Setting("Trace", "On", BOOL, restart=False),
    "trace.file_size": _number("Trace", "File Size (MB)", 1, restart=False),
    "trace.files": _number("Trace", "No. of Files", 1, restart=False),
    "trace.directory": Setting("Trace", "Directory", TEXT, restart=False, shared=True),
    "trace.tsp": Setting(
        "Trace", "TSP Trace", CHOICE, choices={"off": "off", "error": "Error", "detailed": "Detailed"}, restart=False),
    "trace.cti": Setting("Trace", "CTI Trace", BOOL, restart=False),
    "trace.tspi": Setting("Trace", "TSPI Trace", BOOL, restart=False),
    "advanced.message_timeout": _number("Advanced", "Synchronous Message Timeout (s)", 5, 60),
    "advanced.heartbeat": _number("Advanced", "Requested Heartbeat (s)", 30, 300),
    "advanced.connect_retry": _number("Advanced", "Connect Retry (s)", 15, 300),
    "advanced.provider_open_timeout": _number("Advanced", "Provider Open Completed Timeout (s)", 5, 900),
}

# Values


def problem_with(name: str, value: Any) -> str | None:
    """What is wrong with a value of a setting, as the end of a sentence, or None."""
    setting = SETTINGS.get(name)
    if setting is None:
        return "there is no such setting; known settings are %s" % ", ".join(SETTINGS)
    if value is None or value == "":
        return None if setting.kind == LOCATION else "it has no value"
    if setting.kind == BOOL and not isinstance(value, bool):
        return "it must be true or false"
    if setting.kind == INTEGER:
        return _problem_with_number(setting, value)
    if setting.kind == CHOICE and value not in setting.choices:
        return "it must be one of %s" % ", ".join(setting.choices)
    if setting.kind == ADDRESS and kind_of_location(value) == "host":
        return "the dialog accepts only an IP address here, not %s" % value
    if setting.kind == FALLBACK and not FALLBACKS.fullmatch(str(value)):
        return "it must be after 1 to 3600 (minutes), scheduled YYYY/MM/DD HH:MM, every HH:MM or every ddd HH:MM"
    if setting.kind in (TEXT, LOCATION) and not isinstance(value, str):
        return "it must be a text"
    return None


def _problem_with_number(setting: Setting, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return "it must be a whole number"
    if value < setting.lowest or (setting.highest is not None and value > setting.highest):
        limit = "%d or more" % setting.lowest if setting.highest is None else "from %d to %d" % (setting.lowest, setting.highest)
        return "it must be %s" % limit
    return None


def kind_of_location(text: Any) -> str:
    """The kind that the CTI Manager tab requires for a location: ipv4, ipv6, host, or none for an empty text."""
    if not text:
        return "none"
    try:
        return "ipv%d" % ipaddress.ip_address(str(text)).version
    except ValueError:
        return "host"


def shown(name: str, value: Any) -> str:
    """A value as the dialog shows it; secrets are hidden."""
    setting = SETTINGS[name]
    if setting.secret:
        return HIDDEN
    if setting.kind == BOOL:
        return "on" if value else "off"
    if setting.kind == CHOICE:
        return setting.choices[value]
    return str("" if value is None else value)


def provider_name(number: int) -> str:
    """How Control Panel lists an instance, whatever its file is called."""
    return "CiscoTSP%03d.tsp" % number


def place(name: str, number: int) -> str:
    """The place of a setting in the dialog of a TSP."""
    setting = SETTINGS[name]
    return "%s > %s > Configure > %s > %s" % (DIALOG, provider_name(number), setting.tab, setting.label)


def derived(instance: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an instance of the model that follow from the lists of users, instances and clusters."""
    managers = list(instance["cti_managers"]) + [""]
    values = {
        "user.single_sign_on": False, "user.name": instance["user"], "security.instance_id": instance["instance_id"],
        "security.capf_address": instance["capf_host"], "security.capf_port": instance["capf_port"],
        "security.tftp_address": instance["tftp_servers"][0],
    }
    for name, location in zip(("primary", "backup"), managers):
        values["cti_manager." + name] = location
    return values


def numbered(instances: Collection[Mapping[str, Any]]) -> tuple[list[tuple[Mapping[str, Any], int]], list[str]]:
    """C(([(instance, TSP number)], [problem])); a host's only instance is number 1 unless it says otherwise."""
    found, problems = [], []
    for instance in instances:
        number = instance["tsp_number"] or (1 if len(instances) == 1 else None)
        if number is None:
            problems.append("instance %s: tsp_number is missing, because host %s has several instances" % (
                instance["instance_id"], instance["host"]))
        else:
            found.append((instance, number))
    return found, problems


def with_kinds(values: Mapping[str, Any]) -> dict[str, Any]:
    """Add the kind of each CTI Manager location that is managed and has none yet."""
    values = dict(values)
    for name in LOCATIONS:
        if name in values:
            values.setdefault(name + "_kind", kind_of_location(values[name]))
    return values


# The registry profile

TYPES = {
    "string": "REG_SZ", "expandstring": "REG_EXPAND_SZ", "multistring": "REG_MULTI_SZ", "dword": "REG_DWORD",
    "qword": "REG_QWORD", "binary": "REG_BINARY",
}
TYPE_OF = dict((registry, word) for word, registry in TYPES.items())
NUMBERS = ("dword", "qword")
OPAQUE, AS_TEXT, AS_NUMBER, MULTIPLY, MAP = "opaque", "text", "number", "multiply", "map"
# How certain an entry is. An entry that comes only from the installer is never written or compared.
MEASURED, CONFIRMED, FROM_INSTALLER = GRADES = "measured", "confirmed", "from the installer"
NODE_32 = "WOW6432Node"
ROOT = re.compile(r"(HKLM|HKCU|HKCR|HKCC|HKU):\\", re.IGNORECASE)
SOFTWARE = re.compile(r"(HKLM:\\SOFTWARE\\)(?:%s\\)?" % NODE_32, re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Entry:
    """Where a setting is kept. C({number}) in key and name is the instance's three digits.

    transform: how the stored value follows from that of the dialog: opaque, text, number, {multiply: n} or {map: {shown: stored}}.
    """

    key: str
    name: str
    type: str
    transform: Any
    view: int = 64
    readable: bool = True
    grade: str = MEASURED

    def path(self, number: int) -> str:
        key = self.key.replace("{number}", "%03d" % number)
        return SOFTWARE.sub(lambda found: found.group(1) + NODE_32 + "\\", key, count=1) if self.view == 32 else key

    def value_name(self, number: int) -> str:
        return self.name.replace("{number}", "%03d" % number)

    @property
    def writable(self) -> bool:
        return self.transform != OPAQUE and self.grade != FROM_INSTALLER

    def stored(self, setting: str, value: Any) -> Any:
        """The value for the registry, as the module win_regedit takes it. Raises ValueError."""
        result: Any
        if self.transform == AS_TEXT:
            result = str(value)
        elif self.transform == AS_NUMBER:
            result = int(value)
        elif MULTIPLY in self.transform:
            result = int(value) * self.transform[MULTIPLY]
        else:
            words = self.transform[MAP]
            word = _word(value)
            if word not in words:
                raise ValueError("the registry profile does not say how %s is stored" % shown(setting, value))
            result = words[word]
        if self.type in NUMBERS:
            return int(result)
        return [str(result)] if self.type == "multistring" else str(result)

    def holds(self, stored: Any, found: Value | None) -> bool:
        """Whether a property as win_reg_stat shows it has this type and value."""
        if found is None or found["type"] != TYPES[self.type]:
            return False
        if self.type == "binary":
            return bytes(found["value"]) == _octets(stored)
        return bool(found["value"] == stored)


def _word(value: Any) -> str:
    """YAML reads on and off as booleans, the dialog shows them as words."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _octets(text: str) -> bytes:
    return bytes(int(part, 16) for part in re.sub(r"^hex:", "", text).split(",") if part)


def load_profile(settings: Mapping[str, Any] | None) -> tuple[dict[str, Entry], list[str]]:
    """C(({setting: Entry}, [problem, ...])) of the mapping C(settings) of a registry profile."""
    entries, problems = {}, []
    for name, raw in (settings or {}).items():
        found = _entry_problem(name, raw)
        if found:
            problems.append("registry profile: %s: %s" % (name, found))
            continue
        transform = raw["transform"]
        if isinstance(transform, dict) and MAP in transform:
            transform = {MAP: dict((_word(shown_value), stored) for shown_value, stored in transform[MAP].items())}
        entries[name] = Entry(
            raw["key"], raw["name"], raw["type"], transform, int(raw.get("view", 64)), bool(raw.get("readable", True)),
            raw.get("grade", MEASURED))
    return entries, problems


def _entry_problem(name: str, raw: Any) -> str | None:
    if name not in SETTINGS:
        return "there is no such setting"
    if name == PASSWORD:
        return "the TSP keeps the password encrypted, so it is never written into the registry"
    if not isinstance(raw, dict) or not {"key", "name", "type", "transform"} <= set(raw):
        return "it needs key, name, type and transform"
    unknown = set(raw) - {"key", "name", "type", "transform", "view", "readable", "grade"}
    if unknown:
        return "there is no %s" % ", ".join(sorted(unknown))
    if raw["type"] not in TYPES:
        return "type must be one of %s" % ", ".join(TYPES)
    if raw.get("view", 64) not in (32, 64):
        return "view must be 32 or 64"
    if raw.get("grade", MEASURED) not in GRADES:
        return "grade must be one of %s" % ", ".join(GRADES)
    if not ROOT.match(str(raw["key"])):
        return "key must begin with a hive, such as HKLM:\\"
    if "{number}" not in raw["key"] + raw["name"] and not SETTINGS[name].shared:
        return "key or name needs {number}, or all instances of a host would share the value"
    return _transform_problem(raw["transform"])


def _transform_problem(transform: Any) -> str | None:
    if transform in (OPAQUE, AS_TEXT, AS_NUMBER):
        return None
    if isinstance(transform, dict) and len(transform) == 1:
        if isinstance(transform.get(MULTIPLY), int) and transform[MULTIPLY] > 0:
            return None
        if isinstance(transform.get(MAP), dict) and transform[MAP]:
            return None
    return "transform must be opaque, text, number, {multiply: n} or {map: {shown: stored}}"


# Settings against the registry


@dataclasses.dataclass
class Plan:
    """The plan for one host.

    reads: registry keys to read. writes: C({path, name, data, type, setting, instance_id, secret, restart}).
    by_hand: C({instance_id, setting, place, value}). drift: the same with C(found). problems: sentences.
    """

    reads: List[str] = dataclasses.field(default_factory=list)
    writes: List[Dict[str, Any]] = dataclasses.field(default_factory=list, repr=False)
    by_hand: List[Dict[str, Any]] = dataclasses.field(default_factory=list)
    drift: List[Dict[str, Any]] = dataclasses.field(default_factory=list)
    problems: List[str] = dataclasses.field(default_factory=list)


def plan(wanted: Iterable[tuple[str, int, Mapping[str, Any]]], entries: Mapping[str, Entry],
         properties: Properties | None = None) -> Plan:
    """wanted: [(instance_id, TSP number, {setting: value})]. properties: {key: {name: {type, value}}} as win_reg_stat
    shows them; a key that was read and does not exist is {}. Without it, readable values count as different.
    """
    result = Plan()
    shared: dict[str, Any] = {}
    for instance_id, number, values in wanted:
        for name, value in _in_order(values):
            wrong = problem_with(name, value)
            if wrong:
                result.problems.append("instance %s: %s: %s" % (instance_id, name, wrong))
                continue
            if SETTINGS[name].shared and shared.setdefault(name, value) != value:
                result.problems.append("%s has one value for the whole host, but the instances have two: %s and %s" % (
                    name, shown(name, shared[name]), shown(name, value)))
                continue
            _place_value(result, instance_id, number, name, value, entries.get(name), properties)
    result.reads = list(dict.fromkeys(result.reads))
    return result


WHILE_FETCHING = (FETCH, STRING)
TO_FETCH = (
    "security.capf_address", "security.capf_port", "security.fetch_retries", "security.fetch_retry_interval",
    "security.tftp_address", "security.instance_id", *WHILE_FETCHING,
)


def against(instances: Collection[Mapping[str, Any]], profile: Mapping[str, Any] | None = None, given: Mapping[str, Any] | None = None,
            by_instance: Mapping[str, Mapping[str, Any]] | None = None, only: Collection[str] | None = None,
            strings: Mapping[str, str] | None = None, properties: Properties | None = None) -> Plan:
    """The Plan for the instances of a host: the settings from the lists and the given ones, divided by the registry profile into
    those that can be written and those that a person has to set in the dialog.

    profile: C(settings) of the registry profile. given: values for all instances, by_instance: by instance ID; they take precedence.
    only: settings to check; if None, all except those that matter only while a certificate is fetched. strings: {instance ID:
    authorization string}; then only what these need to fetch a certificate is checked, and C(writes) contains the authorization
    strings. properties: as in plan().
    """
    entries, problems = load_profile(profile or {})
    found, unnumbered = numbered(instances)
    ids = [instance["instance_id"] for instance in instances]
    problems += unnumbered + ["there are settings for instance %s, which is not on this host" % name
                              for name in by_instance or {} if name not in ids]
    if strings is not None:
        only, found = TO_FETCH, [(instance, number) for instance, number in found if instance["instance_id"] in strings]
    wanted = []
    for instance, number in found:
        values = {**derived(instance), **(given or {}), **(by_instance or {}).get(instance["instance_id"], {})}
        values = with_kinds(values)
        if only is None:
            problems += ["%s cannot be given: it is created while a certificate is fetched" % name
                         for name in WHILE_FETCHING if name in values]
            # Only the installer or a person can set the password.
            values.setdefault(PASSWORD, "of user %s" % instance["user"])
        elif strings is not None:
            values.update({STRING: strings[instance["instance_id"]], FETCH: True})
        wanted.append((instance["instance_id"], number, dict(
            (name, value) for name, value in values.items()
            if (name in only if only is not None else name not in WHILE_FETCHING))))
    result = plan(wanted, entries, properties)
    result.problems = problems + result.problems
    return result


def has_a_place(name: str, profile: Mapping[str, Any] | None) -> bool:
    """Whether the registry profile specifies where a setting is kept, and how."""
    entry = load_profile(profile or {})[0].get(name)
    return entry is not None and entry.writable


def _in_order(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """In the order of the dialog, unknown names last. A location that is None has no address to be entered."""
    order = dict((name, number) for number, name in enumerate(SETTINGS))
    for name in sorted(values, key=lambda name: order.get(name, len(order))):
        if not (name in SETTINGS and SETTINGS[name].kind == LOCATION and values[name] == ""):
            yield name, values[name]


def _place_value(result: Plan, instance_id: str, number: int, name: str, value: Any, entry: Entry | None,
                 properties: Properties | None) -> None:
    row = {"instance_id": instance_id, "number": number, "setting": name, "place": place(name, number), "value": shown(name, value)}
    if entry is None or not entry.writable:
        result.by_hand.append(row)
        return
    try:
        stored = entry.stored(name, value)
    except ValueError as error:
        result.problems.append("instance %s: %s: %s" % (instance_id, name, error))
        return
    path, value_name = entry.path(number), entry.value_name(number)
    if entry.readable:
        result.reads.append(path)
        found = ((properties or {}).get(path) or {}).get(value_name)
        if entry.holds(stored, found):
            return
        if properties is not None:
            row["found"] = found_there(name, found)
            result.drift.append(row)
    result.writes.append({
        "path": path, "name": value_name, "data": stored, "type": entry.type, "setting": name,
        "instance_id": instance_id, "secret": SETTINGS[name].secret, "restart": SETTINGS[name].restart,
    })


def found_there(name: str, found: Value | None) -> str:
    """A value of the registry for people."""
    if found is None:
        return "(not there)"
    return HIDDEN if SETTINGS[name].secret else "%s %s" % (found["type"], found["value"])


# Discovery


def changes(before: Properties, after: Properties) -> list[Change]:
    """Values that differ between two snapshots C({key: {name: {type, value}}}): [(key, name, old or None, new or None)]."""
    found = []
    for key in sorted(set(before) | set(after)):
        old, new = before.get(key, {}), after.get(key, {})
        for name in sorted(set(old) | set(new)):
            if _plain(old.get(name)) != _plain(new.get(name)):
                found.append((key, name, old.get(name), new.get(name)))
    return found


def _plain(value: Value | None) -> tuple[str, Any] | None:
    return None if value is None else (value["type"], value["value"])


def described(name: str, change: Change) -> str:
    """A change for people; values only if the setting is not a secret."""
    key, value_name, old, new = change
    if SETTINGS[name].secret:
        return "%s\\%s: %s -> %s" % (key, value_name, *(HIDDEN if value else "(not there)" for value in (old, new)))
    return "%s\\%s: %s -> %s" % (key, value_name, found_there(name, old), found_there(name, new))


def entry_from(name: str, number: int, dialog_before: Any, dialog_after: Any, change: Change) -> tuple[dict[str, Any], list[str]]:
    """C((entry for the profile, remarks)) from the one change that followed one change in the dialog.

    dialog_before and dialog_after: what the dialog showed, in the values of the settings; None when not known.
    """
    key, value_name, old, new = change
    view = 32 if re.search(r"\\%s\\" % NODE_32, key, re.IGNORECASE) else 64
    remarks = []
    type_ = TYPE_OF.get((new or old or {})["type"])
    transform, readable = _transform(name, type_, dialog_before, dialog_after, old, new)
    if transform == OPAQUE:
        remarks.append("The stored value does not follow from the one in the dialog, so the setting still has to be "
                       "set by hand.")
    digits = "%03d" % number
    general = [text.replace(digits, "{number}") for text in (SOFTWARE.sub(r"\1", key, count=1), value_name)]
    if "{number}" not in "".join(general) and not SETTINGS[name].shared:
        remarks.append("Neither key nor name contains %s, so other instances cannot be distinguished: put {number} in its "
                       "place by hand." % digits)
    return {
        "key": general[0], "name": general[1], "type": type_ or "binary", "transform": transform, "view": view,
        "readable": readable,
    }, remarks


def _transform(name: str, type_: str | None, dialog_before: Any, dialog_after: Any, old: Value | None,
               new: Value | None) -> tuple[Any, bool]:
    """C((transform, readable))."""
    if type_ in (None, "binary", "multistring") or new is None or SETTINGS[name].kind in (TEXT, FALLBACK) and dialog_after is None:
        return OPAQUE, False
    after = new["value"]
    setting = SETTINGS[name]
    if setting.kind in (BOOL, CHOICE):
        words = {_word(dialog_after): after}
        if old is not None and dialog_before is not None:
            words[_word(dialog_before)] = old["value"]
        return {MAP: words}, True
    if str(after) == str(dialog_after):
        return (AS_NUMBER if type_ in NUMBERS else AS_TEXT), True
    factor = _factor(dialog_after, after)
    return ({MULTIPLY: factor}, True) if factor else (OPAQUE, False)


def _factor(shown_value: Any, stored: Any) -> int | None:
    """The whole number that a shown number is stored multiplied with, or None."""
    try:
        shown_number, stored_number = int(shown_value), int(stored)
    except (TypeError, ValueError):
        return None
    if shown_number <= 0 or stored_number <= 0 or stored_number % shown_number:
        return None
    return stored_number // shown_number


# The silent installer

PROPERTY = re.compile(r"[A-Z][A-Z0-9_]*\Z")
PROPERTY_CHOICES = {
    "CTI1_TYPE": ("NONE", "IPV4", "IPV6", "HOST"), "CTI2_TYPE": ("NONE", "IPV4", "IPV6", "HOST"),
    "NONAD": ("NO", "YES"), "AUTOUPGRADE_TYPE": ("ASK", "NEVER", "ALWAYS"), "DRIVER_TYPE": ("WAVE", "MEDIA", "NEW"),
}
PROPERTY_RANGES = {"NUM_WDP": (0, 255), "MDP_START": (0, 65535), "MDP_END": (0, 65535)}
PROPERTY_TEXTS = ("USER", "PASS", "CTI1", "CTI2")
UPGRADE_PROPERTIES = (("REINSTALL", "ALL"), ("REBOOT", "ReallySuppress"))
INSTALL_PROPERTIES = (("REBOOT", "ReallySuppress"),)


def installer_properties(instance: Mapping[str, Any]) -> dict[str, str]:
    """USER and the CTI Managers of the first instance, as the silent installer takes them."""
    managers = [text for text in instance["cti_managers"] if text][:2]
    properties = {"USER": instance["user"]}
    for number, location in enumerate(managers, 1):
        properties["CTI%d" % number] = location
        properties["CTI%d_TYPE" % number] = kind_of_location(location).upper()
    return properties


def property_problems(properties: Mapping[str, Any]) -> Iterator[str]:
    for name, value in properties.items():
        text = str(value)
        if name in PROPERTY_CHOICES:
            if text not in PROPERTY_CHOICES[name]:
                yield "installer property %s must be one of %s" % (name, ", ".join(PROPERTY_CHOICES[name]))
        elif name in PROPERTY_RANGES:
            lowest, highest = PROPERTY_RANGES[name]
            if not text.isdigit() or not lowest <= int(text) <= highest:
                yield "installer property %s must be from %d to %d" % (name, lowest, highest)
        elif name not in PROPERTY_TEXTS:
            yield "installer property %s is not documented" % name
        if '"' in text or text.endswith("\\"):
            yield "installer property %s: a value with a quotation mark or a final backslash cannot be given silently" % name


def installer_arguments(properties: Mapping[str, Any], upgrade: bool) -> str:
    """The command line of a silent installation or upgrade: C(/s /v"/qn NAME=\\"value\\" ...").

    An upgrade keeps what is configured, so it takes none of the properties.
    """
    pairs = list(UPGRADE_PROPERTIES) if upgrade else list(properties.items()) + list(INSTALL_PROPERTIES)
    return '/s /v"/qn %s"' % " ".join('%s=\\"%s\\"' % pair for pair in pairs)


# Providers and versions

PROVIDER = re.compile(r"ciscotsp(\d{3})(?:x64)?\.tsp\Z", re.IGNORECASE)
PROVIDER_VALUE = re.compile(r"ProviderFilename(\d+)\Z", re.IGNORECASE)


def providers(properties: Mapping[str, Value]) -> list[dict[str, Any]]:
    """TAPI's list of providers, from the values of its registry key: C([{index, id, file, tsp_number}]).

    tsp_number is None where the file is not one of the Cisco TSP's.
    """
    found = []
    for name, value in properties.items():
        match = PROVIDER_VALUE.match(name)
        if match:
            index, file = int(match.group(1)), str(value["value"])
            number = PROVIDER.search(file)
            found.append({
                "index": index, "id": (properties.get("ProviderID%d" % index) or {}).get("value"), "file": file,
                "tsp_number": int(number.group(1)) if number else None,
            })
    return sorted(found, key=lambda one: one["index"])


def version_of(text: str | None) -> tuple[int, ...]:
    """The numbers in a version such as 14.0(1.11) or 14.0.1.13900(155), as a tuple; empty where there are none."""
    return tuple(int(digits) for digits in re.findall(r"\d+", text or ""))


def compare_with_cluster(tsp_version: str | None, release: str | None) -> tuple[str | None, str | None]:
    """C((problem or None, warning or None)): the plug-in must be that of the cluster's own release.

    Only major and minor number are compared, because it is not documented how a plug-in's further numbers follow from the cluster's.
    """
    tsp, cluster = version_of(tsp_version)[:2], version_of(release)[:2]
    if len(tsp) < 2 or len(cluster) < 2:
        return None, "The versions of TSP (%s) and cluster (%s) cannot be compared." % (tsp_version, release)
    if tsp > cluster:
        return ("TSP %s is newer than the cluster (%s). An upgraded TAPI client does not work with an earlier CUCM release: "
                "use the plug-in from the cluster's own page." % (tsp_version, release)), None
    if tsp < cluster:
        return None, ("TSP %s is older than the cluster (%s). Cisco says to use the plug-in of the cluster's release."
                      % (tsp_version, release))
    return None, None


def is_newer(wanted: str | None, installed: str | None) -> bool:
    """Whether the wanted version is above the installed one, number by number."""
    return version_of(wanted) > version_of(installed)


# Waiting


def delays(seconds: float, first: float, longest: float) -> tuple[int, ...]:
    """Pauses that double from C(first) up to C(longest) and together last C(seconds), the last one cut short."""
    result, left, pause = [], int(seconds), max(1, int(first))
    while left > 0:
        result.append(min(pause, left))
        left -= result[-1]
        pause = min(pause * 2, max(1, int(longest)))
    return tuple(result)
