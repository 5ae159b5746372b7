# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines for a terminal of 80 columns."""

from __future__ import annotations

import shlex

import pytest
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._screen import folded, places, warning, with_inventory

SITE = "ansible-playbook voiceops.secure_tsp.site --limit recorder01"


@pytest.mark.parametrize("line", ["", "  short", "x" * 80])
def test_what_fits_stays(line):
    assert folded(line) == [line]


def test_a_long_line_is_folded_and_loses_no_word():
    line = "  -> " + " ".join("word%d" % number for number in range(40))
    lines = folded(line)
    assert len(lines) > 1 and max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines).split()) == line.strip() and all(one.startswith("    ") for one in lines[1:])


def test_a_word_is_never_broken():
    assert folded("a " + "x-" * 60) == ["a", "  " + "x-" * 60]


def test_a_long_command_can_still_be_pasted():
    command = "    ansible-playbook -i inventory.yml voiceops.secure_tsp.upgrade_certificates -e '{\"secure_tsp_upgrade_instances\": [\"a  b\"]}' --limit lin1"
    lines = folded(command)
    assert len(lines) > 1 and max(map(len, lines)) <= 80
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(command)


def test_a_command_behind_a_label_too():
    lines = folded("  Then            ansible-playbook -i inventory.yml voiceops.secure_tsp.diagnose -e secure_tsp_diagnose_instance=x1")
    assert lines == ["  Then            ansible-playbook -i inventory.yml \\", "                    voiceops.secure_tsp.diagnose -e \\",
                     "                    secure_tsp_diagnose_instance=x1"]


def test_a_sentence_with_a_command_is_a_sentence():
    assert not any(line.endswith("\\") for line in folded("Start it. If it runs, look with ansible-playbook voiceops.secure_tsp.diagnose " + "x " * 20))


def test_a_warning_is_folded_behind_the_word_of_ansible():
    lines = ("[WARNING]: " + warning("some words " * 20)).split("\n")
    assert len(lines) == 3 and max(map(len, lines)) <= 80
    assert " ".join(lines) == "[WARNING]: " + ("some words " * 20).strip()


@pytest.mark.parametrize(("text", "shown"), [
    (SITE, "ansible-playbook -i hosts.yml -i more.yml voiceops.secure_tsp.site --limit recorder01"),
    ("If it runs: %s" % SITE, "If it runs: ansible-playbook -i hosts.yml -i more.yml voiceops.secure_tsp.site --limit recorder01"),
    ("ansible lin1 -m ansible.builtin.ping", "ansible -i hosts.yml -i more.yml lin1 -m ansible.builtin.ping"),
    ("what ansible-playbook was started with", "what ansible-playbook was started with"),
    ("utils ctl update CTLFile", "utils ctl update CTLFile"),
])
def test_commands_have_the_inventory(text, shown):
    assert with_inventory({"a": [text]}, ["hosts.yml", "more.yml"]) == {"a": [shown]}
    assert with_inventory(text, []) == text


def test_few_are_named_and_many_are_counted():
    assert places("abc") == "a, b, c"
    assert places("abcd") == "4 instances (a, b and 2 more)"
