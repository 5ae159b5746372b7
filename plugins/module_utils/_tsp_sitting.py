# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Where the TSP keeps all its settings, from one sitting at its dialog. Pure.

A sitting is a series of snapshots of the registry. Before each one except the first, a person closes the dialog with OK: twice without a
change, to show what changes automatically, then round by round with values from this file. Each setting has its own course of values
through the rounds, so the course of a stored value shows which setting it is, however many change together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _tsp_settings

if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping, Optional, Sequence, Tuple

    from ansible_collections.voiceops.secure_tsp.plugins.module_utils._tsp_settings import Properties, Value

    Place = Tuple[str, str]  # key and name
    Course = Sequence[Optional[Value]]  # the value there in each round

WORDS = (_tsp_settings.BOOL, _tsp_settings.CHOICE)
ROUNDS, UNCHANGED = 4, 2
STEPS = 1 + UNCHANGED + ROUNDS  # snapshots
# What is entered in each round. No two settings have courses that could be confused: numbers are not multiples of others, texts differ,
# and settings with few values have equal values in different rounds. Tracing is off in the last round, which may disable the fields
# beside it, so these keep their values there.
COURSES: dict[str, tuple[Any, ...]] = {
    "general.auto_update": ("ask", "never", "always", "ask"),
    "user.name": ("sitting11", "sitting12", "sitting13", "sitting14"),
    "cti_manager.primary_kind": ("ipv4", "host", "ipv6", "host"),
    "cti_manager.primary": ("192.0.2.11", "cti12.example.com", "2001:db8::13", "cti14.example.com"),
    "cti_manager.backup_kind": ("host", "ipv4", "host", "ipv6"),
    "cti_manager.backup": ("cti21.example.com", "192.0.2.22", "cti23.example.com", "2001:db8::24"),
    "cti_manager.preferred_mode": ("ipv4", "ipv6", "ipv6", "ipv4"),
    "security.secure_connection": (True, False, True, False),
    "security.authorization_string": ("47110031", "47110032", "47110033", "47110034"),
    "security.instance_id": ("sitting41", "sitting42", "sitting43", "sitting44"),
    "security.capf_address": ("192.0.2.51", "192.0.2.52", "192.0.2.53", "192.0.2.54"),
    "security.capf_port": (3811, 3821, 3823, 3833),
    "security.fetch_retries": (1, 3, 0, 2),
    "security.fetch_retry_interval": (11, 5, 14, 8),
    "security.tftp_address": ("192.0.2.61", "192.0.2.62", "192.0.2.63", "192.0.2.64"),
    "trace.on": (True, True, True, False),
    "trace.file_size": (3, 7, 2, 2),
    "trace.files": (13, 17, 19, 19),
    "trace.directory": ("C:\\Temp\\sitting71", "C:\\Temp\\sitting72", "C:\\Temp\\sitting73", "C:\\Temp\\sitting73"),
    "trace.tsp": ("off", "error", "detailed", "detailed"),
    "trace.cti": (True, False, True, True),
    "trace.tspi": (True, True, False, False),
    "advanced.message_timeout": (16, 23, 19, 31),
    "advanced.heartbeat": (37, 41, 61, 43),
    "advanced.connect_retry": (29, 47, 59, 53),
    "advanced.provider_open_timeout": (67, 71, 97, 73),
}
BY_ITSELF = {
    _tsp_settings.FETCH: "it acts at once, and according to Cisco's guides it is not stored",
    _tsp_settings.PASSWORD: "the TSP keeps it encrypted",
    "user.single_sign_on": "it disables the fields beside it: measure it separately, with client_windows_discover_setting",
}
NOT_CHANGED = "no value that was read followed its course, so it is stored elsewhere or encrypted, or it could not be entered"
TWO_PLACES = "it is stored in several places, and it is not known which of them the TSP reads, so it still has to be set by hand: %s"
NO_NUMBER = "%s does not contain the TSP's number, so it would be the same for all instances"


def step(taken: int, number: int) -> list[str]:
    """What a person does before the next snapshot, as lines; empty when the sitting is over. taken: how many there are."""
    dialog = "%s > %s > Configure" % (_tsp_settings.DIALOG, _tsp_settings.provider_name(number))
    if taken <= UNCHANGED:
        return ["Step %d of %d: open %s, change nothing, and close the dialog with OK." % (taken, STEPS - 1, dialog)] + (
            ["First write down what it shows: everything must be restored after the sitting."] if taken == 1 else [])
    if taken >= STEPS:
        return []
    found, tab = ["Step %d of %d: enter this in %s, and close the dialog with OK." % (taken, STEPS - 1, dialog)], None
    for name, course in COURSES.items():
        setting, value = _tsp_settings.SETTINGS[name], course[taken - 1 - UNCHANGED]
        if setting.tab != tab:
            tab = setting.tab
            found.append("  %s" % tab)
        shown = setting.choices[value] if setting.choices else ("on" if value else "off") if setting.kind == _tsp_settings.BOOL else value
        found.append("    %-45s %s" % (setting.label, shown))
    return found


def result(snapshots: Sequence[Properties], number: int, profile: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The result of the sitting: C(settings) of the registry profile, C(told): the result for each setting in words, and C(unexplained),
    places that changed otherwise. snapshots: C({key: {name: {type, value}}}), all that there are. profile: the known entries; new ones
    replace them."""
    courses, noise = _courses(snapshots)
    matches, explained = _matched(courses)
    entries, told = {}, []
    for name in COURSES:
        places = _one_view(matches[name])
        if not places:
            told.append("%s: %s." % (name, NOT_CHANGED))
        elif len(places) > 1:
            told.append("%s: %s." % (name, TWO_PLACES % ", ".join("%s\\%s" % place for place in places)))
        else:
            entry = entry_of(name, number, places[0], courses[places[0]])
            if "{number}" not in entry["key"] + entry["name"] and not _tsp_settings.SETTINGS[name].shared:
                told.append("%s: %s." % (name, NO_NUMBER % ("%s\\%s" % places[0])))
                continue
            entries[name] = entry
            told.append("%s: %s\\%s, %s." % (name, *places[0], entry["type"]))
    told += ["%s was skipped: %s." % pair for pair in BY_ITSELF.items()]
    return {
        "settings": dict((name, entry) for name, entry in {**(profile or {}), **entries}.items()), "found": sorted(entries), "told": told,
        "noise": sorted("%s\\%s" % place for place in noise),
        "unexplained": sorted("%s\\%s" % place for place in courses if place not in explained),
    }


def _matched(courses: Mapping[Place, Course]) -> tuple[dict[str, list[Place]], set[Place]]:
    """({setting: places whose course is that of the setting}, all these places). The words of a choice may be stored as anything, so a
    place that holds the exact value of another setting does not count for them."""
    matches, explained = {}, set()
    for by_word in (False, True):
        left = [place for place in courses if place not in explained]
        for name in COURSES:
            if (_tsp_settings.SETTINGS[name].kind in WORDS) == by_word:
                matches[name] = [place for place in left if transform_of(name, courses[place]) is not None]
                explained.update(matches[name])
    return matches, explained


def _courses(snapshots: Sequence[Properties]) -> tuple[dict[Place, Course], set[Place]]:
    """({(key, name): values of the rounds} of what changed in them, {(key, name)} of what changes automatically).

    The first OK may write a whole tab for the first time, which is not noise: the second one shows the noise.
    """
    places = dict.fromkeys((key, name) for snapshot in snapshots for key, values in snapshot.items() for name in values)
    courses: dict[Place, Course] = {}
    noise = set()
    for place in places:
        values = [(snapshot.get(place[0]) or {}).get(place[1]) for snapshot in snapshots]
        if plain(values[1]) != plain(values[UNCHANGED]):
            noise.add(place)
        elif len(set(map(plain, values[UNCHANGED:]))) > 1:
            courses[place] = values[1 + UNCHANGED:]
    return courses, noise


def plain(value: Value | None) -> tuple[str, str] | None:
    return None if value is None else (value["type"], str(value["value"]))


def transform_of(name: str, stored: Course) -> Any:
    """How the stored values follow from those that were entered in the rounds; None if they do not."""
    found = [value for value in stored if value is not None]
    if len(found) < len(stored) or len(set(value["type"] for value in found)) > 1:
        return None
    kind = _tsp_settings.TYPE_OF.get(found[0]["type"])
    if kind is None or kind in ("binary", "multistring"):
        return None
    shown, values = COURSES[name], [value["value"] for value in found]
    setting = _tsp_settings.SETTINGS[name]
    if setting.kind in WORDS:
        words = [("on" if value else "off") if isinstance(value, bool) else value for value in shown]
        pairs = dict(zip(words, values))
        same = len(pairs) == len(set(map(str, values))) and all(pairs[word] == value for word, value in zip(words, values))
        return {_tsp_settings.MAP: pairs} if same else None
    if [str(value) for value in values] == [str(value) for value in shown]:
        return _tsp_settings.AS_NUMBER if kind in _tsp_settings.NUMBERS else _tsp_settings.AS_TEXT
    if setting.kind != _tsp_settings.INTEGER or kind not in _tsp_settings.NUMBERS:
        return None
    factors = set(value // entered for value, entered in zip(values, shown) if entered)
    right = len(factors) == 1 and min(factors) > 1 and all(value == entered * min(factors) for value, entered in zip(values, shown))
    return {_tsp_settings.MULTIPLY: factors.pop()} if right else None


def _one_view(places: Iterable[Place]) -> list[Place]:
    """A value below the same key in both registry views counts once; that of 64-bit programs is used."""
    by_key: dict[Place, list[Place]] = {}
    for key, name in places:
        by_key.setdefault((_tsp_settings.SOFTWARE.sub(r"\1", key, count=1).lower(), name.lower()), []).append((key, name))
    return [min(same, key=lambda place: len(place[0])) for same in by_key.values()]


def entry_of(name: str, number: int, place: Place, stored: Course) -> dict[str, Any]:
    """The entry of the registry profile."""
    entry, _remarks = _tsp_settings.entry_from(name, number, COURSES[name][-2], COURSES[name][-1], (*place, stored[-2], stored[-1]))
    return dict(entry, transform=transform_of(name, stored), readable=not _tsp_settings.SETTINGS[name].secret)
