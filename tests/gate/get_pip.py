# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give ansible-test a pip for its virtual environments where it cannot download its own bootstrap script.

ansible-test looks for C(~/.ansible/test/cache/get_pip_<version>.py) before it downloads it (ansible/ansible issue
77304). C(python get_pip.py) puts a stand-in there, for the pip that the installed ansible-test wants, unless a file
of that name is there already. The stand-in unpacks the pip that comes with Python and lets it install the wanted
version. Both happen in child processes, because ensurepip blanks pip's settings in its own.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
import types

from ansible_test._internal.python_requirements import get_venv_packages

STAND_IN = """\
import subprocess
import sys

subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
subprocess.run(
    [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pip=={version}"],
    check=True,
)
"""


def main():
    version = get_venv_packages(types.SimpleNamespace(version="3.11"))["pip"]
    cache = pathlib.Path.home() / ".ansible" / "test" / "cache"
    target = cache / f"get_pip_{version.replace('.', '_')}.py"
    if target.exists():
        return
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=cache, prefix="stand-in-", delete=False) as file:
        file.write(STAND_IN.format(version=version))
    os.replace(file.name, target)


if __name__ == "__main__":
    main()
