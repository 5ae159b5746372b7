# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""README, guides and the READMEs of roles: their code blocks and commands."""

from __future__ import annotations

import re
import shlex

import collection_path

ROOT = collection_path.ROOT
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs" / "docsite" / "rst").glob("*.rst")),
          *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("roles/*/README.md"))]
PROGRAMS = ("make", "ansible-", "pip", "python", "./", "tests/", "PYTHONPATH=")


def name_of(guide):
    return guide.relative_to(ROOT).as_posix()


def blocks(guide, language):
    """The code blocks of a language in Markdown or reStructuredText."""
    text = guide.read_text(encoding="utf-8")
    if guide.suffix == ".md":
        return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    found = re.findall(rf"\.\. code-block:: {language}\n\n((?: +\S.*\n|\n)+)", text)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]


def commands_of_comments(path):
    """The commands in comments of a plugin, such as the examples of a callback, which are no YAML."""
    lines = re.findall(r"^# ((?:[A-Z_]+=\S+ )*ansible-.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return [shlex.split(line) for line in lines]


def commands(guide):
    """Every command, as a list of words: lines of bash blocks, and commands that stand in the text."""
    lines = [line for block in blocks(guide, "bash") for line in block.replace("\\\n", " ").splitlines()]
    text = guide.read_text(encoding="utf-8")
    for language in ("bash", "yaml", "text"):
        for block in blocks(guide, language) if guide.suffix == ".md" else ():
            text = text.replace("```%s\n%s```" % (language, block), "")
    lines += [code for code in re.findall(r"(?<!`)`{1,2}([^`\n]+)`{1,2}", text) if " " in code and code.startswith(PROGRAMS)]
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        while "&&" in words:
            found.append(words[:words.index("&&")])
            words = words[words.index("&&") + 1:]
        found.append(words)
    return [words for words in found if words]
