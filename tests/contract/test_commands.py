# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command in README, guides and roles' READMEs: run where that is cheap, otherwise taken apart by its own program.

A command whose program nobody checks here fails. The commands of the quick start are run by tests/e2e/test_quickstart.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile

import guides
import pytest
import yaml
from ansible.cli.playbook import PlaybookCLI

ROOT = guides.ROOT
BIN = os.path.dirname(sys.executable)
OWN = "voiceops.secure_tsp."
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
COMMANDS = sorted({tuple(words) for guide in guides.GUIDES for words in guides.commands(guide)} | {
    tuple(words) for path in (ROOT / "plugins" / "callback").glob("*.py") for words in guides.commands_of_comments(path)})
ASSIGNMENT = re.compile(r"[A-Z_]+=")


def run(words, **more):
    """Run a command with the programs of this interpreter's environment; its output."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=more.pop("cwd", ROOT),
        env=dict(os.environ, PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}", **more))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def requirements(path):
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return {re.match(r"[A-Za-z0-9_.-]+", line).group() for line in lines if line and not line.startswith("#")}


def options_of_roles():
    """Names that a variable of a playbook may have: options in the argument specs of all roles."""
    found = set()
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for spec in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found |= set(spec.get("options", {}))
    return found


def make(words, _request):
    assert len(words) > 1, "which target?"
    for word in words[1:]:
        name, assigned, _value = word.partition("=")
        pattern = rf"^{name} *[:?]?=" if assigned else rf"^{name}:.*## "
        named = re.search(pattern, MAKEFILE, re.MULTILINE) or assigned and "$(%s)" % name in MAKEFILE
        assert named, "the Makefile does not have %s" % name


def ansible_playbook(words, request):
    """ansible-playbook itself takes the command apart; playbook and variables must be there."""
    while ASSIGNMENT.match(words[0]):
        export(("export", words[0]), request)
        words = words[1:]
    command_line = PlaybookCLI(list(words))
    command_line.parser = None
    command_line.init_parser()
    given = command_line.parser.parse_args(list(words[1:]))
    assert given.args
    for name in given.args:
        path = ROOT / "playbooks" / (name[len(OWN):] + ".yml") if name.startswith(OWN) else ROOT / name
        assert name.startswith((OWN, "docs/examples/")) and path.exists(), name
    variables = set()
    for text in given.extra_vars:
        variables |= set(json.loads(text)) if text.startswith("{") else {part.partition("=")[0] for part in text.split()}
    assert variables - options_of_roles() == set()


def ansible_doc(words, request):
    installed = request.getfixturevalue("installed")
    name = words[-1][len(OWN):]
    assert name in run(words, ANSIBLE_COLLECTIONS_PATH=str(installed)).replace("\n", " ")


def ansible_galaxy(words, request):
    if words[1:] == ("collection", "build"):  # leaves the tarball in the folder it is typed in, as the fixture does
        return
    assert words[1:3] == ("collection", "install")
    if words[3].endswith(".tar.gz"):
        assert words[3] == request.getfixturevalue("tarball").name
    elif words[3].startswith("git+"):
        repository = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
        assert words[3] == "git+%s.git" % repository
    else:
        assert words[3] in used_collections()


def used_collections():
    """Other collections whose modules our roles use."""
    found = set()
    for path in ROOT.glob("roles/*/tasks/*.yml"):
        found |= set(re.findall(r"^ *(?:- )?([a-z_]+\.[a-z_]+)\.\w+:", path.read_text(encoding="utf-8"), re.MULTILINE))
    return found - {"ansible.builtin", OWN.rstrip(".")}


def ansible_vault(words, _request):
    """A file that an inventory beside it reads by itself."""
    assert words[1] in ("create", "edit", "view") and re.fullmatch(r"group_vars/\w+/\w+\.yml", words[2]) and len(words) == 3


def openssl(words, _request):
    """The program and its options exist; redirections are the shell's."""
    known = subprocess.run(["openssl", words[1], "-help"], capture_output=True, text=True, check=True).stderr.split()
    known += subprocess.run(["openssl", "dgst", "-list"], capture_output=True, text=True, check=True).stdout.split()
    assert {word for word in words[2:] if word.startswith("-") and word not in known} == set()


# What Ansible itself wants for its connections to Windows hosts.
OF_CONNECTIONS = {"pypsrp", "pywinrm"}


def pip(words, _request):
    words = words[words.index("pip"):]
    assert words[1] == "install"
    assert set(words[2:]) == requirements("requirements/collection.txt") or set(words[2:]) <= OF_CONNECTIONS and words[2:]


def python(words, request):
    assignments = dict(word.split("=", 1) for word in words if ASSIGNMENT.match(word))
    words = [word for word in words if not ASSIGNMENT.match(word)]
    if words[1:3] == ["-m", "pip"]:
        pip(tuple(words), request)
    else:
        assert words[-1] == "--help" and "usage:" in run([sys.executable, *words[1:]], **assignments)


def export(words, request):
    name, _equals, value = words[1].partition("=")
    assert name == "ANSIBLE_CALLBACKS_ENABLED" and value.startswith(OWN)
    assert value[len(OWN):] in request.getfixturevalue("documentation")["callback"]


def script(words, request):
    """./run COMMAND: the command of its own, in a copy of what git knows."""
    assert words[0] == "./run"
    if words[1] == "ansible-test":
        ansible_test(words[1:], request)
    else:
        folder = request.getfixturevalue("tmp_path_factory").mktemp("run")
        assert OWN.rstrip(".") in run(words, RUN_TREE=str(folder)).lower()


def ansible_test(words, request):
    """Options and tests that ansible-test knows; make sanity runs it."""
    assert words[1] in ("sanity", "units", "integration")
    for option, value in zip(words[2::2], words[3::2]):
        assert option in ("--test", "--python"), option
        if option == "--test":
            assert value in run(["ansible-test", "sanity", "--list-tests"], cwd=content_root(request)).split()


def content_root(request):
    """A folder that ansible-test takes for a collection."""
    folder = request.getfixturevalue("tmp_path_factory").mktemp("content") / "ansible_collections" / "voiceops" / "secure_tsp"
    folder.mkdir(parents=True)
    with tarfile.open(request.getfixturevalue("tarball")) as archive:
        archive.extract("meta/runtime.yml", folder)
    return folder


CHECKS = {
    "make": make, "ansible-playbook": ansible_playbook, "ansible-doc": ansible_doc, "ansible-galaxy": ansible_galaxy,
    "ansible-vault": ansible_vault, "ansible-test": ansible_test, "pip": pip, "python": python, "python3": python, "export": export,
    "./run": script, "openssl": openssl,
}


def check_of(words):
    program = next((word for word in words if not ASSIGNMENT.match(word)), "")
    assert program in CHECKS, "nobody checks commands of %s" % program
    return CHECKS[program]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_it_can_be_typed(words, request):
    check_of(words)(words, request)


def test_all_playbooks_are_named_somewhere():
    named = {word[len(OWN):] for words in COMMANDS for word in words if word.startswith(OWN)}
    text = "".join(guide.read_text(encoding="utf-8") for guide in guides.GUIDES)
    missing = {path.stem for path in (ROOT / "playbooks").glob("*.yml")} - named
    assert {name for name in missing if f"`{OWN}{name}`" not in text and f"`{name}`" not in text} == set()


@pytest.mark.parametrize("line", [
    "make everything", "make demo COLOUR=red", "ansible-playbook voiceops.secure_tsp.sight", "curl https://example.com",
    "ansible-playbook voiceops.secure_tsp.site -e secure_tsp_serail=5", "ansible-doc voiceops.secure_tsp.ctl_fiel",
    "pip install zeep", "ansible-galaxy collection install voiceops-secure_tsp-9.9.9.tar.gz", "python -m simulator --halp",
    "export ANSIBLE_CALLBACKS_ENABLED=voiceops.secure_tsp.progress", "./run ansible-test sanity --test validate-everything",
])
def test_a_wrong_command_is_noticed(line, request):
    with pytest.raises(AssertionError):
        words = tuple(line.split())
        check_of(words)(words, request)


def test_an_option_that_ansible_playbook_does_not_have_is_noticed(request, capsys):
    with pytest.raises(SystemExit):
        ansible_playbook(("ansible-playbook", "voiceops.secure_tsp.site", "--chekc"), request)
