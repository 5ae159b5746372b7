# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release carries besides code: since which version there is what, licences, links, and the files of the forge."""

from __future__ import annotations

import ast
import re

import collection_path
import pytest
import yaml

ROOT = collection_path.ROOT
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
RELEASES = set(yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]) | {GALAXY["version"]}
PLUGINS = sorted(path for kind in ("modules", "filter", "callback") for path in (ROOT / "plugins" / kind).glob("*.py"))
SPECS = sorted((ROOT / "roles").glob("*/meta/argument_specs.yml"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def documentation(path):
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "DOCUMENTATION":
            return yaml.safe_load(ast.literal_eval(statement.value))
    raise AssertionError(path)


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
def test_a_plugin_tells_since_when_there_is_it(path):
    assert documentation(path)["version_added"] in RELEASES


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parts[-3])
def test_an_entry_point_of_a_role_does_so_too(path):
    specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
    assert {name: spec.get("version_added") for name, spec in specs.items() if spec.get("version_added") not in RELEASES} == {}


def test_links_lead_to_the_forge_that_galaxy_names():
    links = yaml.safe_load((ROOT / "docs" / "docsite" / "links.yml").read_text())
    assert "https://github.com/" + links["edit_on_github"]["repository"] == GALAXY["repository"]
    for link in links["extra_links"]:
        form = re.fullmatch(re.escape(GALAXY["issues"]) + r"/new\?template=(\w+\.yml)", link["url"]).group(1)
        assert ROOT / ".github" / "ISSUE_TEMPLATE" / form in FORMS


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_is_one(path):
    form = yaml.safe_load(path.read_text())
    assert form["name"] and form["description"] and form["body"]
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(part["type"] in ("textarea", "input", "dropdown") and part["id"] and part["attributes"]["label"] for part in asked)
    assert len({part["id"] for part in asked}) == len(asked)
    assert any(part.get("validations", {}).get("required") for part in asked)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_there_is(path):
    """Each command of ours in it exists, and it may write no more than it says."""
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert set(re.findall(r"\bmake ([a-z-]+)", "\n".join(commands))) <= targets
    scripts = re.findall(r"(?:^|\s)((?:tests/|\.ci/)[\w./-]+)", "\n".join(commands))
    assert [name for name in scripts if not (ROOT / name).is_file()] == []
    assert scripts or "make" in "\n".join(commands)


def test_every_file_has_a_licence_that_is_there():
    """C(reuse lint) of C(make outside) judges more; this holds the text and the rule for files without a header."""
    rules = (ROOT / "REUSE.toml").read_text()
    assert 'path = "**"' in rules and re.search(r'SPDX-License-Identifier = "([\w.-]+)"', rules).group(1) in GALAXY["license"]
    assert (ROOT / "LICENSES" / (GALAXY["license"][0] + ".txt")).read_bytes() == (ROOT / "LICENSE").read_bytes()


def rules():
    books = sorted((ROOT / "extensions" / "eda" / "rulebooks").glob("*.yml"))
    return [rule for book in books for ruleset in yaml.safe_load(book.read_text()) for rule in ruleset["rules"]]


def test_rulebooks_look_and_never_change():
    started = {action: words["name"] for rule in rules() for action, words in rule["action"].items()}
    assert started and set(started) == {"run_playbook"}
    names = {rule["action"]["run_playbook"]["name"] for rule in rules()}
    assert names == {"voiceops.secure_tsp.drift", "voiceops.secure_tsp.diagnose"}
    assert all((ROOT / "playbooks" / (name.rpartition(".")[2] + ".yml")).exists() for name in names)


def test_the_folder_of_event_sources_is_told():
    (told,) = yaml.safe_load((ROOT / "meta" / "extensions.yml").read_text())["extensions"]
    assert list((ROOT / "extensions" / told["args"]["ext_dir"]).glob("*.py"))
