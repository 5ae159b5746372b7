# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Where the TSP keeps a setting, from two snapshots of the registry, before and after one change in its dialog. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings

if TYPE_CHECKING:
    from typing import Any, Mapping

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsp_settings import Properties, Setting


def registry_change(before: Properties, after: Properties, setting: str, number: int, shown_before: Any = "", shown_after: Any = "",
                    profile: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """C(changes), the values that differ, in words and with secrets hidden; C(entry) for the profile, None unless exactly one value
    differs; C(remarks); C(profile) with the entry in it; C(problems).

    before, after: values by registry key. number: of the TSP whose dialog was used. shown: what the dialog showed; on-off settings are
    on or off. profile: the registry profile so far.
    """
    profile = dict(profile or {})
    result: dict[str, Any] = {"changes": [], "entry": None, "remarks": [], "profile": profile, "problems": []}
    known = _tsp_settings.SETTINGS.get(setting)
    if known is None:
        result["problems"].append("There is no setting %s; known settings are %s." % (setting, ", ".join(_tsp_settings.SETTINGS)))
        return result
    try:
        first, second = _value(known, shown_before), _value(known, shown_after)
    except ValueError as error:
        result["problems"].append("Setting %s: %s." % (setting, error))
        return result
    found = _tsp_settings.changes(before, after)
    result["changes"] = [_tsp_settings.described(setting, change) for change in found]
    if not found:
        result["problems"].append(
            "Nothing changed below the keys that were read. Was the dialog closed with OK? Otherwise the setting is stored elsewhere.")
    elif len(found) > 1:
        result["problems"].append(
            "%d values changed, so it is not certain which one holds the setting. Change only this setting, to another "
            "value, and compare again." % len(found))
    elif setting == _tsp_settings.PASSWORD:
        result["problems"].append("The TSP keeps the password encrypted, so it has no place in a registry profile.")
    elif second is None and known.kind in (_tsp_settings.BOOL, _tsp_settings.CHOICE):
        result["problems"].append("Give the value that the dialog shows afterwards, so that the stored value can be understood.")
    else:
        result["entry"], result["remarks"] = _tsp_settings.entry_from(setting, number, first, second, found[0])
        result["profile"] = dict(profile, settings=dict(profile.get("settings") or {}, **{setting: _merged(
            (profile.get("settings") or {}).get(setting), result["entry"])}))
    return result


def _value(setting: Setting, text: object) -> bool | int | str | None:
    """The value read from the dialog, in the type of the setting. None: not given. Raises ValueError."""
    if text in (None, ""):
        return None
    if isinstance(text, bool):
        text = "on" if text else "off"
    text = str(text)
    if setting.kind == _tsp_settings.BOOL:
        if text.lower() not in ("on", "off", "true", "false"):
            raise ValueError("%s is neither on nor off" % text)
        return text.lower() in ("on", "true")
    if setting.kind == _tsp_settings.INTEGER:
        if not re.match(r"\d+\Z", text):
            raise ValueError("%s is not a number" % text)
        return int(text)
    if setting.kind == _tsp_settings.CHOICE and text not in setting.choices:
        raise ValueError("%s is not one of %s" % (text, ", ".join(setting.choices)))
    return text


def _merged(known: Mapping[str, Any] | None, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """A choice is learnt value by value: what was learnt before about the same place is kept."""
    same_place = known and all(known.get(key) == entry[key] for key in ("key", "name", "type", "view"))
    learnt = [found.get(_tsp_settings.MAP) if isinstance(found, dict) else None
              for found in ((known or {}).get("transform"), entry["transform"])]
    if same_place and learnt[0] and learnt[1]:
        return dict(entry, transform={_tsp_settings.MAP: {**learnt[0], **learnt[1]}})
    return entry
