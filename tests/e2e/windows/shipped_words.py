# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write shipped_words.json: which of the words that we rely on the text of the real modules has, the newest and the oldest release.

    .venv/bin/pip install --no-deps --target .cache/ansible-package ansible==12.3.0
    .venv/bin/pip install --no-deps --target .cache/ansible-package-oldest ansible==11.6.0
    .venv/bin/python tests/e2e/windows/shipped_words.py .cache/ansible-package .cache/ansible-package-oldest

Documentation may be wrong, and what is played here is: a fact that the played hosts had was in no real module. So names of options,
facts and results are looked for in what PowerShell runs. The packages are large, so the tests read the file; where a package is
found, they compare the two.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
RECORD = HERE / "shipped_words.json"
BESIDE = re.compile(r"#AnsibleRequires -(?:PowerShell|CSharpUtil) (?:\.\.|ansible_collections\.ansible\.windows\.plugins\.)module_utils\.(\w+)")


def text_of(plugins, module):
    """What runs of a module: its PowerShell, what that names of its own collection, and its part on the controller."""
    found = [plugins / "modules" / (module + ".ps1"), plugins / "action" / (module + ".py")]
    text = "".join(path.read_text(encoding="utf-8-sig") for path in found if path.exists())
    for name in BESIDE.findall(text):
        for path in plugins.glob("module_utils/%s.*" % name):
            text += path.read_text(encoding="utf-8-sig")
    return text


def shipped(folder, words):
    """The record of one release. words: {module: words that we rely on}."""
    collection = pathlib.Path(folder) / "ansible_collections" / "ansible" / "windows"
    manifest = json.loads((collection / "MANIFEST.json").read_text())
    modules = {}
    for module, wanted in sorted(words.items()):
        text = text_of(collection / "plugins", module)
        modules[module] = {
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "words": [word for word in sorted(set(wanted)) if re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(word), text)]}
    return {"version": manifest["collection_info"]["version"], "modules": modules}


def main(folders):
    sys.path.insert(0, str(HERE.parent.parent))
    import collection_path  # noqa: F401  pylint: disable=import-outside-toplevel,unused-import

    sys.path.insert(0, str(collection_path.ROOT / "tests" / "contract"))
    import test_windows_modules  # pylint: disable=import-outside-toplevel

    words = test_windows_modules.relied_on()
    RECORD.write_text(json.dumps({"collection": "ansible.windows", "releases": [shipped(folder, words) for folder in folders]}, indent=1)
                      + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
