# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Windows of Wine's: its registry, its Windows Installer, and its rules for command lines. Where there is no Wine, this says so."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

import pytest

WINE = shutil.which("wine")
PATIENCE = 180  # seconds
# As InstallShield's setup.exe: what follows /v goes to Windows Installer. What starts it is started as Ansible does, with a command line.
SETUP = r'''
For i = 0 To WScript.Arguments.Count - 1
  If LCase(Left(WScript.Arguments.Item(i), 2)) = "/v" Then rest = Mid(WScript.Arguments.Item(i), 3)
Next
Set shell = CreateObject("WScript.Shell")
WScript.Quit shell.Run("msiexec /i C:\played\played.msi " & rest, 0, True)
'''
START = '''
Set shell = CreateObject("WScript.Shell")
WScript.Quit shell.Run("%s", 0, True)
'''
LINE = re.compile(r'(?:@|"(?P<name>(?:[^"\\]|\\.)*)")=(?P<value>.*)\Z')


class Windows:
    """One prefix of Wine."""

    def __init__(self, folder):
        self.folder = folder
        self.played = folder / "drive_c" / "played"
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = {**kept, "HOME": str(folder.parent), "WINEPREFIX": str(folder), "WINEDEBUG": "-all", "DISPLAY": "",
                            "WINEDLLOVERRIDES": "mscoree,mshtml="}
        self.run("wineboot", "-i")
        self.played.mkdir()

    def run(self, *words, rc=0):
        done = subprocess.run([WINE, *words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
        assert done.returncode == rc, done.stdout
        return done.stdout

    def end(self):
        subprocess.run([str(pathlib.Path(WINE).with_name("wineserver")), "-k"], env=self.environment, timeout=PATIENCE, check=False)

    def install(self, package, arguments):
        """Run the played setup.exe with a package and the arguments that the role gives."""
        shutil.copy(package, self.played / "played.msi")
        (self.played / "setup.vbs").write_text(SETUP)
        line = "wscript C:\\played\\setup.vbs " + arguments
        (self.played / "start.vbs").write_text(START % line.replace('"', '""'), encoding="cp1252")
        self.run("wscript", "C:\\played\\start.vbs")

    def registry(self, key):
        """{key: {name: {type, value}}} of a key and all below it, as win_reg_stat shows them; keys in lower case, since case means nothing."""
        self.run("reg", "export", key, "C:\\played\\export.reg", "/y")
        text = (self.played / "export.reg").read_text(encoding="utf-16").replace("\\\r\n", "").replace("\\\n", "")
        found, here = {}, None
        for line in text.splitlines():
            value = LINE.match(line)
            if line.startswith("["):
                here = found.setdefault(line.strip("[]").replace("HKEY_LOCAL_MACHINE", "HKLM:").lower(), {})
            elif value and value["name"] is not None:
                here[re.sub(r"\\(.)", r"\1", value["name"])] = read(value["value"])
        return found


def read(text):
    """A value of an exported file."""
    if text.startswith('"'):
        return {"type": "REG_SZ", "value": re.sub(r"\\(.)", r"\1", text[1:-1])}
    if text.startswith("dword:"):
        return {"type": "REG_DWORD", "value": int(text[6:], 16)}
    return {"type": "other", "value": text}


@pytest.fixture(scope="session")
def windows(tmp_path_factory):
    if not WINE:
        pytest.skip("There is no Wine here. What it would show is taken from the source and the documentation alone.")
    made = Windows(tmp_path_factory.mktemp("wine") / "prefix")
    yield made
    made.end()
