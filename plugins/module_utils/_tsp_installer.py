# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The content of the MSI of a TSP, the draft of a registry profile that follows from it, and its comparison with a host. Pure.

Cisco's MSI was never seen here. So no names in it are assumed except the documented properties of the silent
installer and the fields of the dialog; what does not follow from these is listed as not placed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _msi, _tsp_settings
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import all_printable, has_template
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsp_settings import BOOL, CHOICE, HIDDEN, INTEGER, MAP, SETTINGS

# Limits of what is shown of a package. A text that many rows name is cut off, and packages with more rows are refused.
if TYPE_CHECKING:
    from typing import Any, Collection, Iterable, Iterator, Mapping, Sized

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._msi import Database, Row
    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsp_settings import Entry, Properties, Value

MAX_SHOWN = 4096  # rows of each kind
MAX_CONTROLS = 512  # of a dialog
MAX_PATH = 1024  # characters of a key or folder with the defaults of properties in it
MAX_LABEL = 256  # characters of a label, title or condition
MAX_DEPTH = 64  # nested folders
HIVES: dict[int | None, str] = {-1: "HKLM or HKCU", 0: "HKCR", 1: "HKCU", 2: "HKLM", 3: "HKU"}
KEY_ONLY = ("+", "-", "*")  # as names: the key is created or removed
PLATFORMS_32, PLATFORMS_64 = ("", "intel"), ("x64", "amd64", "intel64", "arm64")
COMPONENT_64, ONLY_DETECT, PASSWORD_FIELD = 0x100, 0x2, 0x200000
PROVIDER_FILE = re.compile(r".*\.tsp\Z|ciscotuisp.*\.dll\Z", re.IGNORECASE)
REFERENCE = re.compile(r"\[([A-Za-z_][A-Za-z0-9_.]*)\]")
REDIRECTED = re.compile(r"(SOFTWARE\\)%s\\" % _tsp_settings.NODE_32, re.IGNORECASE)
NUMBER_IN_KEY = re.compile(r"(CiscoTSP)\d{3}(?!\d)", re.IGNORECASE)
ACTIONS = {1: "library", 2: "program", 3: "property", 5: "script", 6: "script", 7: "installation"}  # by type modulo 8
SET_PROPERTY, SET_FOLDER, FAIL = 51, 35, 19

# Documented properties of the silent installer that are fields of the dialog.
SETTING_OF = {
    "USER": "user.name", "PASS": _tsp_settings.PASSWORD, "CTI1": "cti_manager.primary", "CTI1_TYPE": "cti_manager.primary_kind",
    "CTI2": "cti_manager.backup", "CTI2_TYPE": "cti_manager.backup_kind", "AUTOUPGRADE_TYPE": "general.auto_update",
}
DOCUMENTED = {*_tsp_settings.PROPERTY_TEXTS, *_tsp_settings.PROPERTY_CHOICES, *_tsp_settings.PROPERTY_RANGES}
NOT_READ_BACK = (_tsp_settings.STRING, _tsp_settings.FETCH)

CONFIRMED, POSSIBLE, ABSENT, CONTRADICTED = "confirmed", "possible", "absent", "contradicted"


def facts(database: Database, registry_keys: Iterable[str]) -> Any:
    """What the module returns about a package, foreign text made printable. registry_keys: without hive; rows at and below them count."""
    package = Package(database)
    registry, elsewhere = package.registry(registry_keys)
    properties = package.public_properties()
    found = {
        "product": package.product(), "upgrade": package.upgrade(), "properties": properties,
        "controls": package.controls, "registry": registry, "registry_elsewhere": elsewhere, "providers": package.providers(),
        "files": database.count("File"), "custom_actions": package.custom_actions(),
    }
    found["draft"] = draft(registry, properties)
    return all_printable(found)


class Package:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.properties = dict((text_of(row, "Property"), text_of(row, "Value")) for row in database.rows("Property"))
        self.components = dict((text_of(row, "Component"), row) for row in database.rows("Component"))
        self.controls = self._controls()
        self.by_property = by_property(self.controls)
        self.hidden = set(self.properties.get("MsiHiddenProperties", "").split(";")) | {"PASS"} | {
            control["property"] for control in self.controls if control["secret"]}

    def _few(self, table: str) -> Iterator[Row]:
        """The rows of a table that is shown completely."""
        limited(range(self.database.count(table)), table)
        return self.database.rows(table)

    def product(self) -> dict[str, Any]:
        summary, value = self.database.summary(), self.properties.get
        platform, _comma, languages = str(summary.get(_msi.TEMPLATE, "")).partition(";")
        bits = {**dict.fromkeys(PLATFORMS_32, 32), **dict.fromkeys(PLATFORMS_64, 64)}.get(platform.lower())
        return {
            "name": value("ProductName", ""), "version": value("ProductVersion", ""), "manufacturer": value("Manufacturer", ""),
            "product_code": value("ProductCode", ""), "upgrade_code": value("UpgradeCode", ""),
            "package_code": str(summary.get(_msi.PACKAGE_CODE, "")), "language": value("ProductLanguage", "") or languages,
            "platform": platform, "bits": bits, "code_page": self.database.code_page,
            "made_with": str(summary.get(_msi.APPLICATION, "")),
        }

    def upgrade(self) -> dict[str, Any]:
        removes = any(text_of(row, "Action") == "RemoveExistingProducts" for row in self.database.rows("InstallExecuteSequence"))
        related = [{
            "upgrade_code": text_of(row, "UpgradeCode"), "from": text_of(row, "VersionMin"), "to": text_of(row, "VersionMax"),
            "only_detected": bool(number_of(row, "Attributes") & ONLY_DETECT), "property": text_of(row, "ActionProperty"),
        } for row in self._few("Upgrade")]
        if removes and not all(row["only_detected"] for row in related):
            kind = "major"
        else:
            kind = "only detected" if related else "none"
        return {"kind": kind, "related": related}

    def public_properties(self) -> list[Row]:
        secure = set(self.properties.get("SecureCustomProperties", "").split(";"))
        names = {name for name in self.properties if is_public(name)} | {control["property"] for control in self.controls}
        for row in self.database.rows("Registry"):
            names.update(references(text_of(row, "Value")))
            limited(names, "Property")
        choices, result = self._choices(), []
        for name in sorted(filter(is_public, names)):
            default, controls = self.properties.get(name), self.by_property.get(name, [])
            result.append({
                "name": name, "default": HIDDEN if default and name in self.hidden else default, "hidden": name in self.hidden,
                "secure": name in secure, "setting": setting_of(name, controls) or "", "documented": name in DOCUMENTED,
                "dialogs": sorted({control["dialog"] for control in controls}), "choices": choices.get(name, []),
            })
        return result

    # Dialogs

    def _controls(self) -> list[Row]:
        titles = dict((text_of(row, "Dialog"), text_of(row, "Title")) for row in self.database.rows("Dialog"))
        by_dialog: dict[str, list[Row]] = {}
        for row in self._few("Control"):
            by_dialog.setdefault(text_of(row, "Dialog_"), []).append(row)
            limited(by_dialog[text_of(row, "Dialog_")], "Control", MAX_CONTROLS)
        return [{
            "dialog": dialog, "title": shown(titles.get(dialog, "")), "control": text_of(row, "Control"), "type": text_of(row, "Type"),
            "property": text_of(row, "Property"), "label": label_of(row, rows), "group": group_of(row, rows),
            "secret": text_of(row, "Type") == "Edit" and bool(number_of(row, "Attributes") & PASSWORD_FIELD),
        } for dialog, rows in sorted(by_dialog.items()) for row in rows if text_of(row, "Property")]

    def _choices(self) -> dict[str, list[dict[str, str]]]:
        """{property: [{value, text}]}"""
        found: dict[str, list[dict[str, str]]] = {}
        for table in ("CheckBox", "RadioButton", "ComboBox", "ListBox"):
            for row in self._few(table):
                found.setdefault(text_of(row, "Property"), []).append(
                    {"value": text_of(row, "Value"), "text": shown(text_of(row, "Text"))})
        return found

    # The registry

    def registry(self, keys: Iterable[str]) -> tuple[list[Row], int]:
        """C((rows at or below one of the keys, number of all others))."""
        wanted, found, elsewhere = [key.strip("\\").lower() for key in keys], [], 0
        for row in self.database.rows("Registry"):
            key = self._expanded(text_of(row, "Key")).strip("\\")
            plain = REDIRECTED.sub(r"\1", key, count=1).lower()
            if any(plain == one or plain.startswith(one + "\\") for one in wanted):
                found.append(self._registry_row(row, key))
                limited(found, "Registry")
            else:
                elsewhere += 1
        return sorted(found, key=lambda row: (row["key"], row["name"])), elsewhere

    def _registry_row(self, row: Row, key: str) -> Row:
        type_, data = stored_as(text_of(row, "Name"), text_of(row, "Value"))
        component = self.components.get(text_of(row, "Component_"), {})
        root = row.get("Root")
        if root == -1 and self.properties.get("ALLUSERS"):
            root = 2
        return {
            "hive": HIVES.get(root, "unknown"), "key": key, "name": text_of(row, "Name"), "type": type_, "data": data,
            "properties": sorted(references(data)), "view": 64 if self._is_64(component) else 32,
            "component": text_of(row, "Component_"), "condition": text_of(component, "Condition")[:MAX_LABEL],
        }

    @staticmethod
    def _is_64(component: Row) -> bool:
        return bool(number_of(component, "Attributes") & COMPONENT_64)

    def _expanded(self, key: str) -> str:
        """With the defaults of properties; one without a default, or with a long one, stays as it is."""
        key = key[:MAX_PATH]
        result = REFERENCE.sub(lambda found: (self.properties.get(found.group(1)) or found.group(0))[:MAX_LABEL], key)
        return result if len(result) <= MAX_PATH else key

    # Files and actions

    def providers(self) -> list[Row]:
        folders = dict((text_of(row, "Directory"), row) for row in self.database.rows("Directory"))
        result = []
        for row in self.database.rows("File"):
            name = text_of(row, "FileName").rpartition("|")[2]
            if PROVIDER_FILE.match(name):
                component = self.components.get(text_of(row, "Component_"), {})
                result.append({
                    "file": name, "folder": folder_of(text_of(component, "Directory_"), folders), "version": text_of(row, "Version"),
                    "size": number_of(row, "FileSize"), "bits": 64 if self._is_64(component) else 32,
                    "component": text_of(row, "Component_"),
                })
                limited(result, "File")
        return sorted(result, key=lambda row: (row["folder"], row["file"]))

    def custom_actions(self) -> list[Row]:
        return [{
            "name": text_of(row, "Action"), "kind": action_kind(number_of(row, "Type")),
            "properties": sorted(references(text_of(row, "Target"))),
            "sets": text_of(row, "Source") if number_of(row, "Type") & 0x3F == SET_PROPERTY else "",
        } for row in self._few("CustomAction")]


def text_of(row: Row, name: str) -> str:
    """A text of a row, empty where the table has no such column or a number in it."""
    found = row.get(name)
    return found if isinstance(found, str) else ""


def number_of(row: Row, name: str) -> int:
    found = row.get(name)
    return found if isinstance(found, int) else 0


def limited(rows: Sized, table: str, most: int = MAX_SHOWN) -> None:
    if len(rows) > most:
        raise FormatError("%s: more than %d rows of table %s are relevant" % (_msi.WHAT, most, table))


def references(value: str) -> set[str]:
    """The properties that a formatted text names."""
    return set(REFERENCE.findall(value[:MAX_PATH]))


def is_public(name: str) -> bool:
    """Windows Installer accepts names without lower-case letters on the command line."""
    return bool(name) and name == name.upper() and not name[0].isdigit()


def shown(text: str) -> str:
    """The text of a control without style and underlined letter."""
    text = text[:MAX_LABEL]
    return re.sub(r"^\{[\\&][^}]*\}", "", text).replace("&&", "\0").replace("&", "").replace("\0", "&").strip()


def label_of(row: Row, rows: Iterable[Row]) -> str:
    """Its own text, else that of the text control before it in tab order, else that of the one beside it."""
    if text_of(row, "Type") in ("CheckBox", "RadioButtonGroup") and text_of(row, "Text"):
        return shown(text_of(row, "Text"))
    texts = [other for other in rows if text_of(other, "Type") == "Text" and text_of(other, "Text")]
    for other in texts:
        if text_of(other, "Control_Next") and text_of(other, "Control_Next") == text_of(row, "Control"):
            return shown(text_of(other, "Text"))
    x, middle = number_of(row, "X"), number_of(row, "Y") + number_of(row, "Height") / 2
    beside = [other for other in texts if number_of(other, "X") < x
              and number_of(other, "Y") <= middle <= number_of(other, "Y") + number_of(other, "Height")]
    return shown(text_of(max(beside, key=lambda other: number_of(other, "X")), "Text")) if beside else ""


def group_of(row: Row, rows: Iterable[Row]) -> str:
    """The text of the frame around it."""
    x, y = number_of(row, "X"), number_of(row, "Y")
    around = [other for other in rows if text_of(other, "Type") == "GroupBox" and text_of(other, "Text")
              and number_of(other, "X") <= x <= number_of(other, "X") + number_of(other, "Width")
              and number_of(other, "Y") <= y <= number_of(other, "Y") + number_of(other, "Height")]
    return shown(text_of(min(around, key=lambda other: number_of(other, "Width")), "Text")) if around else ""


def stored_as(name: str, value: str) -> tuple[str, str]:
    """C((type, data)): how Windows Installer writes a value of the table, by its first characters."""
    if name in KEY_ONLY and not value:
        return "key", ""
    if "[~]" in value:
        return "multistring", value
    if value.startswith("##"):
        return "string", value[1:]
    for mark, type_ in (("#x", "binary"), ("#X", "binary"), ("#%", "expandstring"), ("#", "dword")):
        if value.startswith(mark):
            return type_, value[len(mark):]
    return "string", value


def folder_of(name: str, folders: Mapping[str, Row]) -> str:
    """The folder as far as the package specifies it: the Windows folder at its beginning is in brackets."""
    parts: list[str] = []
    seen: set[str] = set()
    while name in folders and name not in seen and len(seen) < MAX_DEPTH:
        seen.add(name)
        row = folders[name]
        parent = text_of(row, "Directory_Parent")
        if name != name.upper() and name.endswith("Folder") or not parent or parent == name:
            break  # a folder that Windows Installer knows, or the root
        own = text_of(row, "DefaultDir")[:MAX_PATH].partition(":")[0].rpartition("|")[2]
        parts += [own] if own != "." else []
        name = parent
    return "\\".join(["[%s]" % name] + parts[::-1])[:MAX_PATH]


def by_property(controls: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for control in controls:
        found.setdefault(control["property"], []).append(control)
    return found


def action_kind(number: int) -> str:
    base = number & 0x3F
    if base in (SET_PROPERTY, SET_FOLDER):
        return "property" if base == SET_PROPERTY else "folder"
    return "error" if base == FAIL else ACTIONS.get(base & 7, "unknown")


# The draft of a registry profile


def draft(registry: Iterable[Row], properties: Iterable[Row]) -> dict[str, Any]:
    """C(settings), entries of a registry profile with the grade for unmeasured entries, and C(not_placed), rows with the reason.

    registry, properties: rows of these names in facts().
    """
    by_name = dict((row["name"], row) for row in properties)
    found: dict[str, list[tuple[Row, Row]]] = {}
    not_placed: list[dict[str, str]] = []
    for row in registry:
        reason, name, entry = _placed(row, by_name)
        if not reason and has_template(str(entry)):
            reason = "it contains what Ansible could take for a template"
        if reason:
            not_placed.append(_not_placed(row, reason))
        else:
            found.setdefault(name, []).append((row, entry))
    settings = {}
    for name in SETTINGS:
        entries = found.get(name, [])
        if len({tuple(sorted((key, str(value)) for key, value in entry.items())) for _row, entry in entries}) == 1:
            settings[name] = entries[0][1]
        else:
            not_placed += [_not_placed(row, "%s seems to be kept in several places" % name) for row, _entry in entries]
    return {"settings": settings, "not_placed": not_placed}


def _not_placed(row: Row, reason: str) -> dict[str, str]:
    return {"key": row["key"], "name": row["name"], "data": row["data"], "reason": reason}


def _placed(row: Row, properties: Mapping[str, Row]) -> tuple[str, str, Row]:
    """C((reason, setting, entry)) of a row; the reason why it has no place is empty if it has one."""
    if row["type"] == "key":
        return "it creates or removes a key", "", {}
    if not row["properties"]:
        return "it is the same everywhere: no property is written there", "", {}
    if len(row["properties"]) > 1:
        return "several properties are written there", "", {}
    (name,) = row["properties"]
    if not properties.get(name, {}).get("setting"):
        return "it is not known which setting property %s is" % name, "", {}
    setting = properties[name]["setting"]
    if setting == _tsp_settings.PASSWORD:
        return "the TSP keeps the password encrypted, so it has no place in a registry profile", "", {}
    if row["hive"] not in ("HKLM", "HKCU", "HKCR", "HKU"):
        return "the hive depends on how it is installed", "", {}
    key = NUMBER_IN_KEY.sub(r"\1{number}", REDIRECTED.sub(r"\1", row["key"], count=1))
    value_name = NUMBER_IN_KEY.sub(r"\1{number}", row["name"])
    if REFERENCE.search(key + value_name):
        return "key or name contain a property that has no default", "", {}
    if "{number}" not in key + value_name and not SETTINGS[setting].shared:
        return "neither key nor name contains the number of a TSP, but %s differs between TSPs" % setting, "", {}
    return "", setting, {
        "key": "%s:\\%s" % (row["hive"], key), "name": value_name, "type": row["type"],
        "transform": _transform(setting, row, name, properties[name]["choices"]),
        "view": row["view"], "readable": setting not in NOT_READ_BACK, "grade": _tsp_settings.FROM_INSTALLER,
    }


def _transform(setting: str, row: Row, name: str, choices: Collection[Mapping[str, str]]) -> Any:
    known = SETTINGS[setting]
    if row["data"] != "[%s]" % name or row["type"] not in ("string", "expandstring", *_tsp_settings.NUMBERS):
        return _tsp_settings.OPAQUE
    is_number = row["type"] in _tsp_settings.NUMBERS
    if known.kind not in (BOOL, CHOICE):
        if is_number:
            return _tsp_settings.AS_NUMBER if known.kind == INTEGER else _tsp_settings.OPAQUE
        return _tsp_settings.AS_TEXT
    if known.kind == BOOL:
        words = {"on": choice["value"] for choice in choices if not choice["text"]}
    elif name in _tsp_settings.PROPERTY_CHOICES:
        words = dict((word.lower(), word) for word in _tsp_settings.PROPERTY_CHOICES[name])
    else:
        words = dict((choice, one["value"]) for choice, text in known.choices.items() for one in choices
                     if words_of(one["text"]) == words_of(text))
    words = dict((word, value) for word, value in words.items() if value and (known.kind == BOOL or word in known.choices))
    if not words or is_number and not all(value.isdigit() for value in words.values()):
        return _tsp_settings.OPAQUE
    return {MAP: dict((word, int(value) if is_number else value) for word, value in words.items())}


def words_of(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", re.sub(r"\(.*\)|\.(?=\s)", "", text.lower())))


def _by_words() -> dict[frozenset[str], str]:
    """{words of a label: setting}: the whole label, and the part after its group if only one setting has it."""
    found: dict[frozenset[str], set[str]] = {}
    for name, setting in SETTINGS.items():
        for text in (setting.label, setting.label.rpartition(": ")[2]):
            found.setdefault(words_of(text), set()).add(name)
    return dict((words, names.pop()) for words, names in found.items() if len(names) == 1)


BY_WORDS = _by_words()


def setting_of(name: str, controls: Iterable[Row]) -> str | None:
    """The setting that a property is: it is documented, or the labels of its controls name one setting. None: not known."""
    if name in SETTING_OF:
        return SETTING_OF[name]
    found = set()
    for control in controls:
        for text in ("%s %s" % (control["group"], control["label"]), control["label"]):
            setting = BY_WORDS.get(words_of(text))
            if setting:
                found.add(setting)
                break
    return found.pop() if len(found) == 1 else None


# The draft against a host


def paths(settings: Mapping[str, Any], number: int) -> list[str]:
    """Registry keys that compared() needs, for one TSP number."""
    entries, _problems = _tsp_settings.load_profile(settings)
    return sorted({entry.path(number) for entry in entries.values()})


def compared(settings: Mapping[str, Any], properties: Properties, number: int,
             dialog: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """C((settings as they are known now, [{setting, verdict, place, found}])).

    settings: of a draft. properties: {path: {name: {type, value}}} of one host. dialog: what its dialog is known to show.
    confirmed: what the dialog shows is stored there, in this form. possible: type and value fit, but what the dialog shows is not known,
    or differs. absent: there is no such value. contradicted: another type, or a value that the setting cannot have.
    """
    entries, _problems = _tsp_settings.load_profile(settings)
    kept, rows = dict(settings), []
    for name, entry in entries.items():
        path, value_name = entry.path(number), entry.value_name(number)
        stored = (properties.get(path) or {}).get(value_name)
        verdict = _verdict(name, entry, stored, dialog)
        if verdict == CONFIRMED:
            kept[name] = dict(settings[name], grade=_tsp_settings.CONFIRMED)
        elif verdict == CONTRADICTED:
            del kept[name]
        rows.append({
            "setting": name, "verdict": verdict, "place": "%s\\%s" % (path, value_name), "found": _tsp_settings.found_there(name, stored)})
    return kept, rows


def _verdict(name: str, entry: Entry, found: Value | None, dialog: Mapping[str, Any]) -> str:
    if found is None:
        return ABSENT
    if found["type"] != _tsp_settings.TYPES[entry.type]:
        return CONTRADICTED
    if entry.transform == _tsp_settings.OPAQUE:
        return POSSIBLE
    try:
        if dialog.get(name) is not None and entry.holds(entry.stored(name, dialog[name]), found):
            return CONFIRMED
    except ValueError:
        pass  # the draft does not say how this one is stored
    return POSSIBLE if _may_be(name, entry, found["value"]) else CONTRADICTED


def _may_be(name: str, entry: Entry, value: Any) -> bool:
    """Whether a stored value is one that the setting can have."""
    setting = SETTINGS[name]
    if isinstance(entry.transform, dict):
        words = entry.transform[MAP]
        return value in words.values() or set(words) != set(setting.choices or ("on", "off"))
    if value == "":
        return True
    if setting.kind == INTEGER:
        return str(value).isdigit() and _tsp_settings.problem_with(name, int(value)) is None
    return _tsp_settings.problem_with(name, value) is None
