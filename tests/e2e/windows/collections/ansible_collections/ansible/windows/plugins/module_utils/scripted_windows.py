# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted Windows host: one JSON file that the stand-in modules read and change. Its registry can be one of Wine's instead.

The file is named by the environment variable SCRIPTED_WINDOWS, which the host's interpreter sets. It finds this library, too: a
module that imports from the collection would be packed together with AnsibleModule, whose start costs ten times what a stand-in
does. So what they need of AnsibleModule is here, and no heavy library is imported before it is used.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import re
import sys

HIVE = re.compile(r"HK(CC|CR|CU|LM|U):\\")
PROVIDERS = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Telephony\\Providers"
EMPTY = {
    "registry": {}, "files": {}, "acl": {}, "services": {}, "installers": {}, "commands": [], "calls": [], "reboots": 0,
    "telephony_restarts": 0, "addresses": [], "tsp_url": "",
    "room": None,  # how many files can still be written; None for any number
    "wine": "",  # folder of the prefix of Wine with the host's registry
}
CURRENT = "HKLM:\\SOFTWARE\\%sMicrosoft\\Windows\\CurrentVersion\\"
WINDOWS = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
# Of a registry of Wine's, what the TSP and the tests see.
SEEN = ("HKLM:\\SOFTWARE\\Invented", "HKLM:\\SOFTWARE\\WOW6432Node\\Invented", "HKLM:\\SOFTWARE\\Cisco Systems, Inc.", PROVIDERS,
        CURRENT % "" + "Uninstall", CURRENT % "WOW6432Node\\" + "Uninstall", CURRENT % "" + "Run", CURRENT % "WOW6432Node\\" + "Run",
        CURRENT % "" + "Policies", CURRENT % "" + "Installer\\UserData", "HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows\\Installer")
OF_WINDOWS = ("SystemRoot", "InstallDate")  # values of the key WINDOWS


class Host:
    """registry: {key: {name: {"type", "value"}}}; files: {path: {"content" (base64), "version", "modified"}}."""

    def __init__(self, state):
        self.state = {**EMPTY, **state}

    # registry

    def key(self, path):
        """The key as it is spelt in the registry, or None."""
        return next((known for known in self.state["registry"] if known.lower() == path.lower().rstrip("\\")), None)

    def values(self, path):
        known = self.key(path)
        if known is not None:
            return self.state["registry"][known]
        return {} if self.sub_keys(path) else None

    def sub_keys(self, path):
        prefix = path.rstrip("\\") + "\\"
        names = [known[len(prefix):].split("\\")[0] for known in self.state["registry"]
                 if known.lower().startswith(prefix.lower())]
        return sorted(dict.fromkeys(names))

    def value(self, path, name):
        values = self.values(path) or {}
        return next((values[known] for known in values if known.lower() == name.lower()), None)

    def set_value(self, path, name, kind, data):
        key = self.key(path) or path.rstrip("\\")
        values = self.state["registry"].setdefault(key, {})
        spelt = next((known for known in values if known.lower() == name.lower()), name)
        values[spelt] = {"type": kind, "value": data}

    # files

    def path(self, path):
        """A file's path as it is spelt on disk, or None."""
        return next((known for known in self.state["files"] if known.lower() == path.lower()), None)

    def read(self, path):
        known = self.path(path)
        return None if known is None else base64.b64decode(self.state["files"][known]["content"])

    def write(self, path, octets, **facts):
        known = self.path(path) or path
        self.state["files"][known] = {
            **self.state["files"].get(known, {}), "content": base64.b64encode(octets).decode(), "modified": 1000.0, **facts}

    def remove(self, path):
        gone = [known for known in self.state["files"]
                if known.lower() == path.lower() or known.lower().startswith(path.lower().rstrip("\\") + "\\")]
        for known in gone:
            del self.state["files"][known]
        return bool(gone)

    def flush(self):
        """Nothing waits here."""

    # restarts

    def open_providers(self):
        """TAPI starts its providers: tell the scripted TSP, and take over what it wrote."""
        if self.state["tsp_url"]:
            import urllib.request  # pylint: disable=import-outside-toplevel

            request = urllib.request.Request(self.state["tsp_url"], json.dumps(self.state).encode(), method="POST")
            with urllib.request.urlopen(request) as answer:
                self.state = {**EMPTY, **json.loads(answer.read())}


class WineHost(Host):
    """With a registry of Wine's, of which each key is asked for when it is needed. What is written waits for flush()."""

    def __init__(self, state):
        import wine_windows  # pylint: disable=import-outside-toplevel

        super().__init__(state)
        self.windows = wine_windows.Windows(self.state["wine"])
        self.written = {}

    def values(self, path):
        found = self.windows.registry(path.rstrip("\\"))
        return None if found is None else found[path.rstrip("\\")]

    def sub_keys(self, path):
        prefix = path.rstrip("\\") + "\\"
        names = [known[len(prefix):].split("\\")[0] for known in self.windows.registry(path.rstrip("\\")) or {} if known.startswith(prefix)]
        return sorted(dict.fromkeys(names))

    def set_value(self, path, name, kind, data):
        self.written.setdefault(path.rstrip("\\"), {})[name] = {"type": kind, "value": data}

    def flush(self):
        self.windows.change({}, self.written)
        self.written = {}

    def open_providers(self):
        self.flush()
        before = seen(self.windows)
        self.state["registry"] = before
        super().open_providers()
        self.windows.change(before, self.state["registry"])
        self.state["registry"] = {}


def seen(windows):
    """What the TSP and the tests see of a registry of Wine's."""
    found = {}
    for key in SEEN:
        found.update(windows.registry(key) or {})
    values = windows.registry(WINDOWS)[WINDOWS]
    return {**found, WINDOWS: {name: values[name] for name in OF_WINDOWS if name in values}}


@contextlib.contextmanager
def scripted_host(module):
    """The host, locked; written back unless the module runs in check mode."""
    with open(os.environ["SCRIPTED_WINDOWS"], "r+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        state = json.load(stream)
        host = WineHost(state) if state.get("wine") else Host(state)
        host.state["calls"].append(module._name)
        yield host
        if not module.check_mode:
            host.flush()
            stream.seek(0)
            stream.truncate()
            json.dump(host.state, stream, indent=1)


def text(value):
    if value is None or isinstance(value, (dict, list)):
        raise TypeError("a text is wanted")
    return str(value)


def listed(value):
    if isinstance(value, list):
        return value
    return text(value).split(",") if isinstance(value, str) else [str(number(value))]


def number(value):
    if not isinstance(value, (int, float)):
        raise TypeError("a number is wanted")
    return value


def truth(value):
    said = value.lower().strip() if isinstance(value, str) else number(value)
    if said in ("y", "yes", "on", "1", "true", "t", 1):
        return True
    if said in ("n", "no", "off", "0", "false", "f", 0):
        return False
    raise ValueError("neither true nor false")


def integer(value):
    if isinstance(value, int):
        return value
    if float(value) != int(float(value)):
        raise ValueError("a whole number is wanted")
    return int(float(value))


TYPES = {
    "str": text, "path": lambda value: os.path.expanduser(os.path.expandvars(text(value))), "bool": truth, "int": integer,
    "float": float, "list": listed, "raw": lambda value: value,
}


def checked(options, given):
    """(params, sentences about what is wrong), as AnsibleModule finds them, or stricter."""
    names = {alias: name for name, option in options.items() for alias in (name, *option.get("aliases", ()))}
    found = [names[name] for name in given if name in names]
    wrong = ["Unsupported parameters: %s" % name for name in given if name not in names]
    wrong += ["%s is given twice, by an alias" % name for name in options if found.count(name) > 1]
    wrong += ["missing required arguments: %s" % name for name, option in options.items() if option.get("required") and name not in found]
    values = {name: option["default"] for name, option in options.items() if option.get("default") is not None}
    values.update((names[name], value) for name, value in given.items() if name in names)
    params = dict.fromkeys(options)
    for name, value in values.items():
        option = options[name]
        choices = option.get("choices")
        if value is None and not choices and not option.get("required") and option.get("default") is None:
            continue
        try:
            params[name] = value = TYPES[option["type"]](value)
            if "elements" in option:
                params[name] = value = [TYPES[option["elements"]](one) for one in value]
        except (TypeError, ValueError, OverflowError) as error:
            wrong.append("argument '%s' is no %s: %s" % (name, option["type"], error))
            continue
        for one in value if choices and isinstance(value, list) else [value]:
            if choices and one not in choices:
                wrong.append("value of %s must be one of: %s, got: %s" % (name, ", ".join(choices), one))
    return params, wrong


def masked(value, secrets):
    """The value without any secret."""
    if isinstance(value, dict):
        return {name: masked(one, secrets) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(one, secrets) for one in value]
    if value is None or isinstance(value, bool):
        return value
    shown = str(value)
    for secret in secrets:
        shown = shown.replace(secret, "********")
    return value if shown == str(value) else shown


class Module:
    """What the stand-ins use of AnsibleModule."""

    def __init__(self, options, given):
        self._name = given["_ansible_module_name"]
        self.check_mode = given.get("_ansible_check_mode", False)
        self._warnings = []
        given = {name: value for name, value in given.items() if not name.startswith("_ansible_")}
        hidden = {alias for name, option in options.items() if option.get("no_log") for alias in (name, *option.get("aliases", ()))}
        self._secrets = [str(given[name]) for name in hidden if given.get(name) not in (None, "")]
        self._told = {name: "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" if name in hidden else value for name, value in given.items()}
        self.params, wrong = checked(options, given)
        if wrong:
            self.fail_json(msg="(%s) %s" % (self._name, "; ".join(wrong)))

    def warn(self, sentence):
        self._warnings.append(sentence)

    def exit_json(self, **result):
        if self._warnings:
            result["warnings"] = self._warnings
        result["invocation"] = {"module_args": self._told}
        print(json.dumps(masked(result, self._secrets)))
        sys.exit(1 if result.get("failed") else 0)

    def fail_json(self, msg, **result):
        self.exit_json(failed=True, msg=msg, **result)


GIVEN = {}


def create(**options):
    """The module with what it was given, checked by these options."""
    return Module(options, GIVEN)


def play(main, arguments):
    """Run a stand-in with the JSON that Ansible put into its text."""
    GIVEN.clear()
    GIVEN.update(json.loads(arguments))
    main()
