# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MSI files made by msitools (wixl, msibuild), which nobody here wrote: C(python -m played_installer FOLDER) writes the vectors.

Everything in them is played: what Cisco's MSI holds was never seen. Names of keys and properties begin with Played, but for the
documented properties of the silent installer and the registry key that was seen in the field.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
from xml.sax.saxutils import quoteattr

PROGRAMS = ("wixl", "msibuild", "msiinfo")
TSP_KEY = "SOFTWARE\\Cisco Systems, Inc.\\Cisco TSP"


def missing():
    """Why there are no MSI files here, or empty."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    return "%s not installed (Debian: apt-get install msitools wixl)" % ", ".join(absent) if absent else ""


def code(number):
    return "{D5A1B2C3-0000-4000-8000-%012X}" % number


def value(name, text, kind="string"):
    return '<RegistryValue Name=%s Type="%s" Value=%s/>' % (quoteattr(name), kind, quoteattr(text))


SOURCE = """<?xml version="1.0" encoding="utf-8"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
  <Product Name={name} Id="{product}" UpgradeCode="{upgrade}" Language="1033" Version={version} Manufacturer="Played, not Cisco">
    <Package Id="{package}" Description="Played for tests, not Cisco's" Manufacturer="Played, not Cisco" InstallerVersion="200"
      Languages="1033" Compressed="yes"/>
    {major}
    <Media Id="1" Cabinet="played.cab" EmbedCab="yes"/>
    {properties}
    <Directory Id="TARGETDIR" Name="SourceDir">
      <Directory Id="{system}" Name="System">
        <Component Id="PlayedProvider" Guid="{component}" Win64="{win64}">
          <File Id="PlayedTsp" Name="{file}" Source="played.tsp" KeyPath="yes"/>
          <File Id="PlayedUi" Name="CiscoTUISP001.dll" Source="played.tsp"/>
          <RegistryKey Root="HKLM" Key={key}>{values}</RegistryKey>
          <RegistryKey Root="HKLM" Key="SOFTWARE\\Played\\Elsewhere">{elsewhere}</RegistryKey>
        </Component>
      </Directory>
    </Directory>
    <Feature Id="Main" Level="1"><ComponentRef Id="PlayedProvider"/></Feature>
  </Product>
</Wix>
"""
MAJOR = '<MajorUpgrade DowngradeErrorMessage="A newer version is installed."/>'
PROPERTIES = {"USER": "", "CTI1_TYPE": "NONE", "NONAD": "NO", "PLAYEDPORT": "3804", "PLAYEDINSTANCE": "", "PLAYEDSECURE": "0",
              "Played": "private", "MsiHiddenProperties": "PASS;PLAYEDSTRING"}
VALUES = "".join((
    value("PlayedUser", "[USER]"), value("PlayedPassword", "[PASS]"), value("PlayedManager", "[CTI1]"),
    value("PlayedManagerKind", "[CTI1_TYPE]"), value("PlayedCapfPort", "[PLAYEDPORT]", "integer"),
    value("PlayedInstance", "[PLAYEDINSTANCE]"), value("PlayedSecure", "[PLAYEDSECURE]", "integer"),
    value("PlayedTrace", "[PLAYEDTRACE]"), value("PlayedTwo", "[USER]@[CTI1]"), value("PlayedHeartbeat", "30", "integer"),
    value("PlayedUnknown", "[PLAYEDUNKNOWN]")))

# Tables that wixl does not make, as msibuild imports them.
DIALOG = """Dialog\tHCentering\tVCentering\tWidth\tHeight\tAttributes\tTitle\tControl_First\tControl_Default\tControl_Cancel
s72\ti2\ti2\ti2\ti2\tI4\tL128\ts50\tS50\tS50
Dialog\tDialog
PlayedSecurity\t50\t50\t370\t270\t3\t[ProductName] - Security\tPlayedInstanceEdit\t\t
PlayedUser\t50\t50\t370\t270\t3\t{\\PlayedBold}User\tPlayedUserEdit\t\t
"""
CONTROL = """Dialog_\tControl\tType\tX\tY\tWidth\tHeight\tAttributes\tProperty\tText\tControl_Next\tHelp
s72\ts50\ts20\ti2\ti2\ti2\ti2\tI4\tS50\tL0\tS50\tL50
Control\tDialog_\tControl
PlayedSecurity\tPlayedCapf\tGroupBox\t10\t40\t300\t90\t1\t\tCAPF\t\t
PlayedSecurity\tPlayedInstanceText\tText\t20\t60\t80\t17\t3\t\t{\\PlayedBold}&Instance Identifier:\tPlayedInstanceEdit\t
PlayedSecurity\tPlayedInstanceEdit\tEdit\t110\t60\t120\t17\t3\tPLAYEDINSTANCE\t\tPlayedPortEdit\t
PlayedSecurity\tPlayedPortText\tText\t20\t80\t80\t17\t3\t\tP&ort:\t\t
PlayedSecurity\tPlayedPortEdit\tEdit\t110\t80\t60\t17\t3\tPLAYEDPORT\t\tPlayedStringEdit\t
PlayedSecurity\tPlayedStringEdit\tEdit\t110\t100\t60\t17\t2097155\tPLAYEDSTRING\t\tPlayedSecureBox\t
PlayedSecurity\tPlayedSecureBox\tCheckBox\t20\t140\t200\t17\t3\tPLAYEDSECURE\t&Secure Connection to CTI Manager\tPlayedTraceBox\t
PlayedSecurity\tPlayedTraceText\tText\t20\t160\t80\t17\t3\t\tTSP Trace:\tPlayedTraceBox\t
PlayedSecurity\tPlayedTraceBox\tComboBox\t110\t160\t80\t17\t3\tPLAYEDTRACE\t\tPlayedInstanceEdit\t
PlayedUser\tPlayedUserText\tText\t20\t60\t80\t17\t3\t\tUser && Name:\tPlayedUserEdit\t
PlayedUser\tPlayedUserEdit\tEdit\t110\t60\t120\t17\t3\tUSER\t\tPlayedPassEdit\t
PlayedUser\tPlayedPassEdit\tEdit\t110\t80\t120\t17\t2097155\tPASS\t\tPlayedUserEdit\t
"""
CHECK_BOX = "Property\tValue\ns72\tS64\nCheckBox\tProperty\nPLAYEDSECURE\t1\n"
COMBO_BOX = ("Property\tOrder\tValue\tText\ns72\ti2\ts64\tL64\nComboBox\tProperty\tOrder\n"
             "PLAYEDTRACE\t1\t0\toff\nPLAYEDTRACE\t2\t1\tError\nPLAYEDTRACE\t3\t2\tDetailed\n")
CUSTOM_ACTION = ("Action\tType\tSource\tTarget\ns72\ti2\tS72\tS0\nCustomAction\tAction\n"
                 "PlayedWriteSettings\t51\tPlayedData\t[USER];[PASS];[PLAYEDINSTANCE]\nPlayedLibrary\t1\tPlayedBinary\tWriteSettings\n")
PLACE = "0123456789ABCDEF"  # where tests put other octets: msitools writes no code page but UTF-8
WORDS = ("Played\tText\tNumber\tLarge\ns72\tL0\tI2\tI4\nPlayed\tPlayed\nword\t\u96fb\u8a71 \u260e\t-32767\t-2147483647\n"
         "place\t%s\t32767\t2147483647\nnone\t\t\t\nlong\t" + "x" * 70000 + "\t0\t0\n")
DIALOGS = {"Dialog": DIALOG, "Control": CONTROL, "CheckBox": CHECK_BOX, "ComboBox": COMBO_BOX}


def build(path, bits=64, values=VALUES, elsewhere=value("Played", "1", "integer"), properties=None, upgrade=True, tables=None,
          code_page=0, name="Played Cisco TSP", version="14.0.1.2", key=TSP_KEY + "\\CiscoTSP001",
          payload=b"Played, no library.\n"):
    """Write an MSI. tables: {name: text} that msibuild imports. payload: of its files, which lie in a cabinet inside."""
    path = pathlib.Path(path)
    folder = path.parent / (path.stem + "-source")
    folder.mkdir(parents=True)
    (folder / "played.tsp").write_bytes(payload)
    given = PROPERTIES if properties is None else properties
    (folder / "played.wxs").write_text(SOURCE.format(
        name=quoteattr(name), version=quoteattr(version), product=code(1), upgrade=code(2), package=code(3), component=code(4),
        major=MAJOR if upgrade else "", key=quoteattr(key), values=values, elsewhere=elsewhere, win64="yes" if bits == 64 else "no",
        system="System64Folder" if bits == 64 else "SystemFolder", file="CiscoTSP001%s.tsp" % ("x64" if bits == 64 else ""),
        properties="".join("<Property Id=%s Value=%s/>" % (quoteattr(one), quoteattr(text)) for one, text in given.items() if text)), encoding="utf-8")
    run("wixl", "--arch", "x64" if bits == 64 else "x86", "--output", path.name, str(folder / "played.wxs"), folder=path.parent)
    forced = {"_ForceCodepage": "\n\n%d\t_ForceCodepage\n" % code_page} if code_page else {}
    for table, text in {**forced, **(tables or {})}.items():
        (folder / (table + ".idt")).write_bytes(text.replace("\n", "\r\n").encode())
        run("msibuild", path.name, "-i", str(folder / (table + ".idt")), folder=path.parent)
    shutil.rmtree(folder)
    return path


def run(*command, folder=None):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=120)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def reader(octets):
    """C((read_at, size)) as the codecs want a file."""
    return lambda offset, count: octets[offset:offset + count], len(octets)


def many(texts, columns=30):
    """A table of so many different texts."""
    names = ["Text%d" % number for number in range(columns)]
    rows = [["%d" % row, *("text %d of row %d" % (number, row) for number in range(columns))] for row in range(1, texts // columns + 2)]
    lines = [["Row", *names], ["i4", *["L0"] * columns], ["PlayedMany", "Row"], *rows]
    return "".join("\t".join(line) + "\n" for line in lines)


def exported(path, table):
    """C((names of the columns, rows of texts)) as msiinfo prints a table. Control characters in texts are printed as others."""
    text = run("msiinfo", "export", str(path), table).decode("utf-8")
    names, _types, _keys, *rows = [line.split("\t") for line in text.split("\r\n")[:-1]]
    return names, rows


def tables_of(path):
    """Names of the tables as msiinfo lists them, without its own two."""
    listed = run("msiinfo", "tables", str(path)).decode("utf-8").split("\n")
    return sorted(name for name in listed if name and name not in ("_SummaryInformation", "_ForceCodepage"))


def vectors(folder):
    """The files of tests/vectors/msi."""
    build(folder / "played-tsp-x64.msi", tables=DIALOGS)
    build(folder / "played-tsp-custom-action.msi", bits=32, values="", upgrade=False, tables={"CustomAction": CUSTOM_ACTION},
          key="SOFTWARE\\Played\\Empty")
    build(folder / "played-utf-8.msi", code_page=65001, properties={}, upgrade=False, values=value("Played", "[USER]"),
          tables={"Played": WORDS % PLACE})
    readings = dict((path.name, dict((table, exported(path, table)) for table in tables_of(path)))
                    for path in sorted(folder.glob("*.msi")))
    (folder / "tables.json").write_text(json.dumps(readings, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    vectors(pathlib.Path(sys.argv[1]).absolute())
