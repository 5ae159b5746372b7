# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Windows of Wine's: its registry, its Windows Installer, and its rules for command lines.

The stand-ins for ansible.windows use it too, so it needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

WINE = shutil.which("wine")
PATIENCE = 180  # seconds
TRIES = 5
IDLE = 300  # seconds without a program, after which it ends if nobody ended it
REGISTRY = ("system.reg", "user.reg", "userdef.reg")
# As InstallShield's setup.exe: what follows /v goes to Windows Installer. What starts it is started as Ansible does, with a command line.
SETUP = r'''
For i = 0 To WScript.Arguments.Count - 1
  If LCase(Left(WScript.Arguments.Item(i), 2)) = "/v" Then rest = Mid(WScript.Arguments.Item(i), 3)
Next
Set shell = CreateObject("WScript.Shell")
WScript.Quit shell.Run("msiexec /i %s\played.msi " & rest, 0, True)
'''
START = '''
Set shell = CreateObject("WScript.Shell")
WScript.Quit shell.Run("%s", 0, True)
'''
LINE = re.compile(r'(?:@|"(?P<name>(?:[^"\\]|\\.)*)")=(?P<value>.*)\Z', re.DOTALL)
HEADER = "Windows Registry Editor Version 5.00\r\n"
# {type as win_reg_stat shows it: number of the type in an exported file}
IN_HEX = {"REG_NONE": "hex(0)", "REG_BINARY": "hex", "REG_EXPAND_SZ": "hex(2)", "REG_MULTI_SZ": "hex(7)", "REG_QWORD": "hex(b)"}
HIVES = {"HKLM:": "HKEY_LOCAL_MACHINE", "HKCU:": "HKEY_CURRENT_USER", "HKU:": "HKEY_USERS"}


class Windows:
    """One prefix of Wine, made if it is not there. template: a folder of another one, which lends its drive and gives a copy of its registry."""

    def __init__(self, folder, template=None):
        self.folder = pathlib.Path(folder)
        self.name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]  # of its files on the drive, which others share
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = {**kept, "HOME": str(self.folder.parent), "WINEPREFIX": str(self.folder), "WINEDEBUG": "-all", "DISPLAY": "",
                            "WINEDLLOVERRIDES": "mscoree,mshtml="}
        self.played = self.folder / "drive_c" / "played" / self.name
        if not self.folder.exists():
            if template is not None:
                copy(template, self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
            self._server("-p%d" % IDLE)  # else it ends with each program, and starting it takes a second
            if template is None:
                self.run("wineboot", "-i")
            self.played.mkdir(parents=True)

    def run(self, *words, rc=0):
        with tempfile.TemporaryFile() as output:  # no pipe, which the services of Windows would keep open
            done = subprocess.run([WINE, *words], env=self.environment, stdout=output, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
            output.seek(0)
            said = output.read().decode(errors="replace")
        assert rc is None or done.returncode == rc, said
        return done.returncode, said

    def end(self):
        """Stop it. Its registry is in its folder then."""
        self._server("-k", rc=None)
        self._server("-w", rc=None)

    def _server(self, option, rc=0):
        server = pathlib.Path(WINE).with_name("wineserver")
        done = subprocess.run([str(server), option], env=self.environment, timeout=PATIENCE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False)
        assert rc is None or done.returncode == rc

    def place(self, name):
        """A file of ours as Windows spells it."""
        return "C:\\played\\%s\\%s" % (self.name, name)

    def install(self, package, arguments):
        """Run the played setup.exe with a package and the arguments that the role gives."""
        shutil.copy(package, self.played / "played.msi")
        (self.played / "setup.vbs").write_text(SETUP % self.place("")[:-1])
        line = "wscript %s %s" % (self.place("setup.vbs"), arguments)
        (self.played / "start.vbs").write_text(START % line.replace('"', '""'), encoding="cp1252")
        self.run("wscript", self.place("start.vbs"))

    # registry

    def _reg(self, *words):
        """Whether the key that reg.exe is asked for exists. On a busy machine Wine sometimes cannot start a program."""
        for _try in range(TRIES):
            rc, said = self.run("reg", *words, rc=None)
            if rc == 0 or "Unable to find the specified registry key" in said:
                return rc == 0
            time.sleep(1)
        raise AssertionError("reg %s: %d, %s" % (" ".join(words), rc, said))

    def registry(self, key):
        """{key: {name: {type, value}}} of a key and all below it, as win_reg_stat shows them, with the key spelt as it is here; None where
        there is no such key. The value without a name, which no part of the collection uses, is left out."""
        if not self._reg("export", registry_name(key), self.place("export.reg"), "/y"):
            return None
        text = (self.played / "export.reg").read_text(encoding="utf-16").replace("\\\r\n", "").replace("\\\n", "").replace("\r\n", "\n")
        found, here = {}, None
        for line in text.split("\n"):
            value = LINE.match(line)
            if line.startswith("[") and line.endswith("]"):
                here = found.setdefault(key + line[1:-1][len(registry_name(key)):], {})
            elif value and value["name"] is not None:
                here[unescaped(value["name"])] = read(value["value"])
        return found

    def change(self, before, after):
        """Turn the registry from one state to the other, both as of registry()."""
        lines = [HEADER]
        above = {key: {} for key in before if key not in after and any(other.startswith(key + "\\") for other in after)}
        after = {**above, **after}  # a key with others below it is there, whoever names it
        for key in sorted(set(before) - set(after)):
            lines.append("[-%s]" % registry_name(key))
        for key, values in after.items():
            old = before.get(key, {})
            changed = ["%s=-" % quoted(name) for name in old if name not in values]
            changed += ["%s=%s" % (quoted(name), written(value)) for name, value in values.items() if old.get(name) != value]
            if changed or key not in before:
                lines += ["[%s]" % registry_name(key), *changed, ""]
        if len(lines) > 1:
            (self.played / "import.reg").write_text("\r\n".join(lines) + "\r\n", encoding="utf-16", newline="")
            assert self._reg("import", self.place("import.reg"))


def copy(template, folder):
    folder.mkdir(parents=True)
    for name in (*REGISTRY, ".update-timestamp"):
        shutil.copy(template / name, folder / name)
    shutil.copytree(template / "dosdevices", folder / "dosdevices", symlinks=True)
    (folder / "drive_c").symlink_to(template / "drive_c")


def registry_name(key):
    """The name of a key as Windows spells it."""
    hive, _sep, rest = key.partition("\\")
    return "\\".join((HIVES.get(hive, hive), *filter(None, [rest])))


def unescaped(text):
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def quoted(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def read(text):
    """A value of an exported file."""
    if text.startswith('"'):
        return {"type": "REG_SZ", "value": unescaped(text[1:-1])}
    if text.startswith("dword:"):
        return {"type": "REG_DWORD", "value": int(text[6:], 16)}
    kind, _sep, digits = text.partition(":")
    octets = bytes(int(one, 16) for one in digits.replace(" ", "").split(",") if one)
    names = [known for known, spelt in IN_HEX.items() if spelt == kind]
    if not names:  # seen on Wine's own keys alone
        return {"type": kind, "value": list(octets)}
    name = names[0]
    if name == "REG_EXPAND_SZ":
        return {"type": name, "value": octets.decode("utf-16-le").rstrip("\0")}
    if name == "REG_MULTI_SZ":
        return {"type": name, "value": [one for one in octets.decode("utf-16-le").split("\0") if one]}
    if name == "REG_QWORD":
        return {"type": name, "value": int.from_bytes(octets, "little")}
    return {"type": name, "value": list(octets)}


def written(value):
    """A value for a file to import."""
    kind, data = value["type"], value["value"]
    if kind == "REG_SZ":
        assert not re.search("[\0\r\n]", data), "reg.exe cannot import %r" % data
        return quoted(data)
    if kind == "REG_DWORD":
        return "dword:%08x" % data
    if kind == "REG_EXPAND_SZ":
        data = (data + "\0").encode("utf-16-le")
    elif kind == "REG_MULTI_SZ":
        data = "".join(one + "\0" for one in [*data, ""]).encode("utf-16-le")
    elif kind == "REG_QWORD":
        data = data.to_bytes(8, "little")
    return "%s:%s" % (IN_HEX[kind], ",".join("%02x" % octet for octet in data))
