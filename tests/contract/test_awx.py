# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job templates, surveys and schedules in docs/awx: options that awx.awx documents, variables and playbooks that we have.

Nothing here runs an AWX. The documented options are recorded in awx_options.json, with the version they were read from:

    .venv/bin/pip install --no-deps --target .cache/ansible-package ansible==12.3.0
    PYTHONPATH=tests .venv/bin/python tests/contract/test_awx.py .cache/ansible-package
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import zoneinfo

import guides
import pytest
import yaml
from ansible.parsing.dataloader import DataLoader

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
AWX = ROOT / "docs" / "awx"
RECORD = HERE / "awx_options.json"
MODULES = ("credential_type", "job_template", "schedule")
DATA = DataLoader().load_from_file(str(AWX / "controller.yml"))
TEMPLATES = {one["name"]: one for one in DATA["controller_job_templates"]}
QUESTIONS = [(name, question) for name, one in TEMPLATES.items() for question in one.get("survey_spec", {}).get("spec", ())]

# Of a survey, as AWX takes it.
QUESTION_KEYS = {"question_name", "question_description", "variable", "type", "choices", "default", "required", "min", "max"}
ANSWERS = {"text": "str", "textarea": "str", "password": "str", "integer": "int", "float": "float", "multiplechoice": "str"}
# Of a recurrence, as AWX takes it: DTSTART and INTERVAL are a must, BYDAY goes without numbers, one rule.
FREQUENCIES = ("MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
RULES = {
    "FREQ": "|".join(FREQUENCIES), "INTERVAL": r"[1-9]\d*", "COUNT": r"[1-9]\d{0,2}", "UNTIL": r"\d{8}T\d{6}Z",
    "BYDAY": r"(MO|TU|WE|TH|FR|SA|SU)(,(MO|TU|WE|TH|FR|SA|SU))*", "BYMONTHDAY": r"\d{1,2}", "BYMONTH": r"\d{1,2}",
    "BYHOUR": r"\d{1,2}", "BYMINUTE": r"\d{1,2}",
}
START = re.compile(r"DTSTART(?:;TZID=([\w/+-]+):\d{8}T\d{6}|:\d{8}T\d{6}Z) RRULE:(\S+)")


def record(folder):
    """Options of the modules by name, with type and choices, as ansible-doc tells them."""
    answer = subprocess.run(
        [sys.executable, pathlib.Path(sys.executable).with_name("ansible-doc"), "--json",
         *("awx.awx." + name for name in MODULES)],
        env=dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(folder)), check=True, capture_output=True, text=True)
    manifest = json.loads((pathlib.Path(folder) / "ansible_collections/awx/awx/MANIFEST.json").read_text())
    return {"collection": "awx.awx", "version": manifest["collection_info"]["version"], "modules": {
        name.rpartition(".")[2]: {
            option: {key: facts[key] for key in ("type", "choices", "required") if facts.get(key)}
            for option, facts in sorted(said["doc"]["options"].items())
        } for name, said in json.loads(answer.stdout).items()}}


def options_of_the_entry_role():
    specs = yaml.safe_load((ROOT / "roles" / "secure_tsp" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    found = {}
    for spec in specs["argument_specs"].values():
        found.update(spec.get("options", {}))
    return found


OPTIONS = options_of_the_entry_role()


def misuse(module, rows):
    """Keys and values that the documentation of a module does not have."""
    documented = json.loads(RECORD.read_text())["modules"][module]
    kinds = {"str": str, "bool": bool, "int": int, "dict": dict, "list": list}
    for row in rows:
        for key, value in row.items():
            if key not in documented:
                yield "%s: %s has no %s" % (row["name"], module, key)
            elif not isinstance(value, kinds[documented[key]["type"]]):
                yield "%s: %s is no %s" % (row["name"], key, documented[key]["type"])
            elif value not in documented[key].get("choices", [value]):
                yield "%s: %s cannot be %s" % (row["name"], key, value)


@pytest.mark.parametrize("module", MODULES)
def test_rows_are_options_of_the_module(module):
    rows = DATA["controller_%ss" % module]
    assert rows and list(misuse(module, rows)) == []
    assert len({row["name"] for row in rows}) == len(rows)


def test_the_checker_sees_a_wrong_option():
    rows = [{"name": "x", "job_kind": "run", "forks": "5", "job_type": "dry"}]
    assert [text.partition(": ")[2] for text in misuse("job_template", rows)] == [
        "job_template has no job_kind", "forks is no int", "job_type cannot be dry"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_playbook_is_one_of_ours(name):
    plays = yaml.safe_load((AWX / "project" / TEMPLATES[name]["playbook"]).read_text(encoding="utf-8"))
    for play in plays:
        playbook = play["ansible.builtin.import_playbook"]
        assert playbook.startswith("voiceops.secure_tsp.")
        assert (ROOT / "playbooks" / (playbook.rpartition(".")[2] + ".yml")).exists()


def test_every_playbook_of_the_project_has_a_template():
    assert {one["playbook"] for one in TEMPLATES.values()} == {path.name for path in (AWX / "project").glob("*.yml")}


@pytest.mark.parametrize(("name", "question"), QUESTIONS, ids=["%s: %s" % (name, one["variable"]) for name, one in QUESTIONS])
def test_a_question_asks_for_an_option_of_the_entry_role(name, question):
    assert set(question) <= QUESTION_KEYS and {"question_name", "variable", "type", "required"} <= set(question)
    option = OPTIONS[question["variable"]]
    if option["type"] == "bool":
        assert question["choices"] == ["false", "true"]
    else:
        assert ANSWERS[question["type"]] == option["type"]
        assert question.get("choices") == option.get("choices")
    if "choices" in question:
        assert question["default"] in question["choices"]
    if question["type"] == "integer":
        assert question["min"] <= question["default"] <= question["max"]
    assert TEMPLATES[name]["survey_enabled"] is True


@pytest.mark.parametrize("name", TEMPLATES)
def test_variables_of_a_template_are_options(name):
    assert set(TEMPLATES[name].get("extra_vars", {})) - set(OPTIONS) == set()


@pytest.mark.parametrize("schedule", DATA["controller_schedules"], ids=lambda one: one["name"])
def test_a_schedule_has_a_template_a_rule_and_only_variables_that_are_asked_for(schedule):
    template = TEMPLATES[schedule["unified_job_template"]]
    assert complaint(schedule["rrule"]) == ""
    asked = {question["variable"]: question for question in template["survey_spec"]["spec"]}
    assert set(schedule["extra_data"]) == {name for name, question in asked.items() if question["required"]}
    for name, value in schedule["extra_data"].items():
        question = asked[name]
        assert value in question["choices"] if "choices" in question else question["min"] <= value <= question["max"]


def complaint(rrule):
    """Why AWX would not take it, or nothing."""
    found = START.fullmatch(rrule)
    if not found:
        return "not DTSTART and one RRULE"
    if found.group(1) and found.group(1) not in zoneinfo.available_timezones():
        return "no such time zone"
    parts = dict(part.partition("=")[::2] for part in found.group(2).split(";"))
    if not {"FREQ", "INTERVAL"} <= set(parts):
        return "FREQ and INTERVAL are a must"
    wrong = [name for name, value in parts.items() if name not in RULES or not re.fullmatch(RULES[name], value)]
    return "wrong: " + ", ".join(wrong) if wrong else ""


@pytest.mark.parametrize(("rrule", "word"), [
    ("RRULE:FREQ=DAILY;INTERVAL=1", "DTSTART"),
    ("DTSTART:20270101T020000Z RRULE:FREQ=DAILY;INTERVAL=1 RRULE:FREQ=DAILY;INTERVAL=2", "one RRULE"),
    ("DTSTART;TZID=Europe/Atlantis:20270101T020000 RRULE:FREQ=DAILY;INTERVAL=1", "time zone"),
    ("DTSTART:20270101T020000Z RRULE:FREQ=DAILY", "INTERVAL"),
    ("DTSTART:20270101T020000Z RRULE:FREQ=SECONDLY;INTERVAL=1", "FREQ"),
    ("DTSTART:20270101T020000Z RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=2SA", "BYDAY"),
])
def test_a_wrong_rule_is_noticed(rrule, word):
    assert word in complaint(rrule)


def test_the_credential_fills_the_variables_that_it_promises():
    (kind,) = DATA["controller_credential_types"]
    fields = {field["id"]: field for field in kind["inputs"]["fields"]}
    assert fields["password"]["secret"] is True and set(kind["inputs"]["required"]) == set(fields)
    used = {re.fullmatch(r"\{\{ (\w+) \}\}", text).group(1) for text in kind["injectors"]["extra_vars"].values()}
    assert used == set(fields)


def test_the_play_of_the_guide_sets_what_the_data_has():
    """Each key of the data is handed to its module, and nothing else than its documented options."""
    guide = ROOT / "docs" / "docsite" / "rst" / "scale_out.rst"
    (play,) = next(yaml.safe_load(block) for block in guides.blocks(guide, "yaml") if "awx.awx." in block)
    documented = json.loads(RECORD.read_text())["modules"]
    for task in play["tasks"]:
        (name,) = [key for key in task if key.startswith("awx.awx.")]
        module = name.rpartition(".")[2]
        rows = DATA["controller_%ss" % module]
        assert task["loop"] == "{{ controller_%ss }}" % module
        assert set(task[name]) - set(documented[module]) == set()
        assert set().union(*rows) - set(task[name]) == set()


if __name__ == "__main__":
    RECORD.write_text(json.dumps(record(pathlib.Path(sys.argv[1]).resolve()), indent=1) + "\n")
