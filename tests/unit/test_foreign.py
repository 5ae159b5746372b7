# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border of foreign text."""

from __future__ import annotations

import shlex

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import (
    all_printable,
    has_template,
    hidden,
    printable,
    word,
)

HARMLESS = ("", "recorder01x1", "M\u00fcller, J\u00f6rg", "\u0410\u0431\u0432", "\u65e5\u672c", "a b\\c", "{{ x }}", "\U0001f600")
HARMFUL = {
    "\x1b[2Jgone": "\\x1b[2Jgone", "a\nb": "a\\x0ab", "a\rb": "a\\x0db", "a\tb": "a\\x09b", "\x9b31m": "\\x9b31m", "a\x7f": "a\\x7f",
    "u\u202eresu": "u\\u202eresu", "\u2066x\u2069": "\\u2066x\\u2069", "a\u2028b": "a\\u2028b", "\u200eab": "\\u200eab", "\ufeffa": "\\ufeffa",
    "\ud800": "\\ud800", "\U000e0041": "\\U000e0041", "a\x00b": "a\\x00b", "\x85": "\\x85",
}


@pytest.mark.parametrize("text", HARMLESS)
def test_names_of_people_stay_as_they_are(text):
    assert printable(text) == text


@pytest.mark.parametrize("text", HARMFUL)
def test_what_moves_a_cursor_or_turns_text_is_shown_as_its_number(text):
    assert printable(text) == HARMFUL[text]
    assert all(one.isprintable() for one in printable(text)) and printable(printable(text)) == printable(text)


def test_everything_in_a_value_is_made_printable():
    assert all_printable({"a\x07": ["\x1b", {"b": ("\n", 1, None, True)}]}) == {"a\\x07": ["\\x1b", {"b": ["\\x0a", 1, None, True]}]}


@pytest.mark.parametrize("text, template", [
    ("{{ a }}", True), ("x{%", True), ("{#", True), ("{a}", False), ("{ {", False), ("", False)])
def test_what_ansible_may_take_for_a_template(text, template):
    assert has_template(text) is template


@pytest.mark.parametrize("text", ["a", "a b", "$(id)", "`id`; rm", "it's", "a\nb"])
def test_a_word_of_a_printed_command_is_one_word(text):
    assert shlex.split(word(text)) == [printable(text)]


@pytest.mark.parametrize(("secret", "text", "shown"), [
    ("Secret-0815", "login with Secret-0815.", "login with ********."),
    ("Secret-0815", "<password>Secret-0815</password>", "<password>********</password>"),
    ("Secret-0815", "password=Secret-0815 u:Secret-0815", "password=******** u:********"),
    ("!x\"y-", "a!x\"y-b", "a********b"),
    ("8273645190", "string 8273645190 is wrong", "string ******** is wrong"),
    ("rec0815", "user rec0815_tapi on rec0815x1, a-rec0815, rec0815.example.com", "user rec0815_tapi on rec0815x1, a-rec0815, rec0815.example.com"),
    ("connected", "application connected", "application connected"), ("2749", "port 2749", "port 2749"), ("r", "a r", "a r"),
])
def test_a_secret_is_hidden_where_it_stands_by_itself(secret, text, shown):
    """Field report A1: names of which a secret is a part were masked, so that nobody found them; and the mask told the secret."""
    assert hidden(text, [secret]) == shown
