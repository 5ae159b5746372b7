# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table of options: it is sound, and values become what it says."""

from __future__ import annotations

import re

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _bounds, _options, _run
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import InputError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import Option, converted

TABLES = {"": _options.OPTIONS, "clusters: ": _options.CLUSTER, "users: ": _options.USER, "instances: ": _options.INSTANCE,
          "key: ": _options.KEY, "capf: ": _options.CAPF, "lists: ": _options.LISTS}
ALL = [(where + name, option) for where, table in TABLES.items() for name, option in table.items()]
each_option = pytest.mark.parametrize(("name", "option"), ALL, ids=[name for name, _option in ALL])
SECRET = re.compile(r"pass(word|phrase)|secret|token|authorization_string")


# The table


@each_option
def test_a_default_is_a_value_of_the_option(name, option):
    if option.type == "size":
        assert isinstance(converted(option, option.default), int)
    elif option.default is not None and option.type != "raw":
        assert converted(option, _options.default_of(option)) == _options.default_of(option)


@each_option
def test_it_is_described_in_sentences(name, option):
    assert option.help
    assert all(not text[0].islower() and text.endswith(".") for text in option.help)


@each_option
def test_what_looks_secret_is_marked(name, option):
    assert option.secret == bool(SECRET.search(name) and not option.choices)


def test_choices_hold_texts_of_one_kind():
    assert {option.type for _name, option in ALL if option.choices} == {"str"}
    assert {type(choice) for _name, option in ALL for choice in option.choices} == {str}


def test_nobody_shares_a_default():
    option = _options.OPTIONS["adopt_paths"]
    _options.default_of(option).append("x")
    assert _options.default_of(option) == ["/etc/secure_tsp"]
    _options.default_of(_options.OPTIONS["window"])["start"] = "x"
    assert _options.default_of(_options.OPTIONS["window"]) == {}


def test_no_option_has_the_name_of_what_a_stage_registers():
    assert set(_run.REGISTERS) & (set(_options.OPTIONS) | set(_options.LISTS)) == set()


# Values


@pytest.mark.parametrize(("kind", "value", "expected"), [
    ("str", "a", "a"), ("str", 5, "5"), ("str", " a ", " a "), ("name", "a", "a"), ("path", "/x", "/x"),
    ("int", 5, 5), ("int", "5", 5), ("int", "-5", -5),
    ("bool", True, True), ("bool", "yes", True), ("bool", " ON ", True), ("bool", 1, True), ("bool", "false", False), ("bool", 0, False),
    ("size", "200M", 209715200), ("size", "5", 5), ("size", 7, 7),
    ("list", (1, "a"), [1, "a"]), ("list", [], []), ("dict", {"a": 1}, {"a": 1}), ("raw", None, None),
])
def test_values(kind, value, expected):
    found = converted(Option(kind, None, ()), value)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(("kind", "value", "clause"), [
    ("str", True, "is not a text"), ("str", ["a"], "is not a text"), ("str", None, "is not a text"), ("path", {}, "is not a text"),
    ("name", 101, "is a number instead of a text: put it in quotes"), ("name", 1.5, "is a number instead of a text: put it in quotes"),
    ("name", True, "is true or false instead of a text: put it in quotes"),
    ("name", "a\nb", "has a control character, a line break, or a character that XML does not allow"),
    ("name", "a\ud800", "has a control character, a line break, or a character that XML does not allow"),
    ("name", "a ", "begins or ends with white space"), ("name", "\u00a0a", "begins or ends with white space"),
    ("int", "x", "is not a whole number"), ("int", 1.5, "is not a whole number"), ("int", True, "is not a whole number"),
    ("int", None, "is not a whole number"), ("int", [], "is not a whole number"),
    ("size", "much", "is not a size such as 200M"),
    ("bool", "perhaps", "is neither true nor false"), ("bool", 2, "is neither true nor false"), ("bool", [], "is neither true nor false"),
    ("list", "a", "is not a list"), ("list", {"a": 1}, "is not a list"), ("list", 5, "is not a list"),
    ("dict", [], "is not a dictionary"), ("dict", "a=b", "is not a dictionary"),
])
def test_values_of_the_wrong_kind(kind, value, clause):
    with pytest.raises(ValueError, match="^%s$" % re.escape(clause)):
        converted(Option(kind, None, ()), value)


def test_elements_are_converted_too():
    option = Option("list", None, (), elements="str")
    assert converted(option, ["a", 5]) == ["a", "5"]
    with pytest.raises(ValueError, match="is not a text"):
        converted(option, ["a", None])


@pytest.mark.parametrize(("option", "value", "clause"), [
    (Option("int", 1, (), least=1), 0, "is not 1 or more"), (Option("int", 1, (), least=1, most=10), 11, "is not from 1 to 10"),
    (Option("int", 0, (), least=0, most=3), -1, "is not from 0 to 3"), (Option("str", "a", (), choices=("a", "b")), "c", "is not one of a, b"),
    (Option("str", "a", (), choices=("a", "b")), 5, "is not one of a, b"),
])
def test_bounds_and_choices(option, value, clause):
    with pytest.raises(ValueError, match="^%s$" % clause):
        converted(option, value)


@each_option
def test_no_refusal_shows_a_value(name, option):
    for value in ("\x07Very-Secret", ["Very-Secret"], {"Very-Secret": 1}, ("Very-Secret",), "Very-Secret"):
        try:
            converted(option, value)
        except ValueError as error:
            assert "Very-Secret" not in str(error)


@pytest.mark.parametrize(("name", "expected"), [("cutovr", "cutover"), ("veriy_with", "verify_with"), ("zzz", ""), ("", "")])
def test_the_nearest_name(name, expected):
    """Field report S10."""
    assert _options.nearest(name, _options.OPTIONS) == expected


def test_ranges_of_options_of_modules():
    _bounds.check_ranges({"port": 1, "timeout": None}, {"port": (1, 65535), "timeout": (1, 10)})
    with pytest.raises(InputError, match="port must be from 1 to 65535, not 0"):
        _bounds.check_ranges({"port": 0}, {"port": (1, 65535)})
