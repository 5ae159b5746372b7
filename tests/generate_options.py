# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what is generated from the table of options: C(make options).

These are the argument specs of the roles secure_tsp and client_windows, and the page of variables. The options come from
plugins/module_utils/_options.py, and the entry points from the table below. Where an option is used is read from the stages.
"""

from __future__ import annotations

import ast
import inspect
import pathlib
import re
import sys

import collection_path
import yaml
from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _options
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import table

ROOT = collection_path.ROOT
ROLE = ROOT / "roles" / "secure_tsp"
SPECS = ROLE / "meta" / "argument_specs.yml"
SPECS_OF_WINDOWS = ROOT / "roles" / "client_windows" / "meta" / "argument_specs.yml"
PAGE = ROOT / "docs" / "docsite" / "rst" / "variables.rst"
OTHER_ROLES = ("client_windows", "client_jtapi", "report")
FIRST = "0.1.0"  # every option and entry point is as old as the collection
WIDTH = 130

# {task file that a play may name: (what it does in one line, more about it)}
ENTRY_POINTS = {
    "main": ("Provision secure TSP instances from two lists, verify them, and print a summary", (
        "Compares the listed users and TSP instances with the state of clusters and hosts, and makes the necessary changes in as few "
        "steps as possible. It is safe to run it again at any time, even after a failure. Run it on the hosts of the instances.",
        "A host on which something goes wrong is left out from then on, and fails at the end of the run, after the summary.",
        "Registers C(secure_tsp_summary), with rows, totals and the printed lines. It contains no secrets.",
        "In a play with C(serial), use C(site), and then C(finish) and C(end) in separate plays, as the playbook "
        "C(voiceops.secure_tsp.site) does.",
    )),
    "site": ("Provision the hosts of one batch", (
        "Does everything that the entry point C(main) does, for the hosts of the batch and without the summary.",
    )),
    "finish": ("Cut over and verify the instances that waited for hosts of other batches", (
        "Run it after C(site), in a play over all hosts without C(serial). Does nothing if there was only one batch.",
    )),
    "end": ("Print the summary, and fail hosts on which something went wrong", (
        "Run it last, in a play over all hosts without C(serial).",
    )),
    "preflight": ("Check lists, window and clusters, and change nothing", (
        "Fails with a single message that lists everything that is wrong. Reads the clusters, but connects to no host.",
    )),
    "look": ("Run the preflight checks, check the hosts, and print a summary", (
        "Checks packages, clock, ports and addresses, fetches the trust lists, checks keys and certificates, and repairs "
        "what can be repaired without CAPF. Nothing is changed on the clusters.",
    )),
    "accounts": ("Run the checks, and manage users, groups, devices and idle profiles", (
        "No profile is armed, and no user is cut over.",
    )),
    "enrol": ("Provision everything up to the certificates, without a cutover", (
        "The first part of C(site). Run whatever else an application needs after it, such as the role "
        "P(voiceops.secure_tsp.client_jtapi#role), then C(prove) and C(end).",
    )),
    "prove": ("Cut over and verify what C(enrol) provisioned", (
        "The second part of C(site). Handlers stop running applications before and start them afterwards.",
    )),
    "verify": ("Verify the instances, print a summary, and change nothing", (
        "Checks keys and certificates, reads the connections that the clusters report, and opens providers where that disturbs no "
        "application.",
    )),
    "upgrade": ("Plan new certificates for the instances that need one, to be enrolled batch by batch in a maintenance window", (
        "Updates the trust lists, decides which instances need a certificate from what is on the hosts, shows the plan, and stops there "
        "in check mode.",
        "C(upgrade_batch), in a later play, carries out the plan, and C(end) prints the summary, as the playbook "
        "C(voiceops.secure_tsp.upgrade_certificates) does.",
        "Nothing is stored on the controller. An interrupted run continues when it is started again.",
    )),
    "upgrade_batch": ("Enrol the new certificates in the plan of C(upgrade) on a batch of hosts", (
        "On each cluster, a canary batch on one host precedes all others. At most O(upgrade_batch:secure_tsp_batch_instances) "
        "instances are armed at the same time on all hosts. Each certificate is verified on the host on which it was enrolled. If CTI "
        "Manager refuses it, the previous one is restored on disk.",
    )),
    "rollback": ("Restore previous keys and certificates", (
        "Works on the instances in O(rollback:secure_tsp_rollback_instances) whose certificate has not been verified yet. The current "
        "certificate is lost, and CUCM may no longer accept the previous one.",
    )),
    "disarm": ("Disarm CAPF profiles whose authorization string is lost", (
        "Works on the listed instances on the hosts of the play. Profiles whose string is in the list or belongs to a TSP stay armed.",
    )),
    "decommission": ("Remove what the lists name with C(state) V(absent), and nothing else", (
        "Removes keys, certificates and trust lists from the hosts, then CAPF profiles, then users with C(remove_user).",
    )),
    "drift": ("Compare clusters and hosts with the lists, report differences, and change nothing", (
        "Reads everything that the other entry points write, and reports each difference together with its solution.",
        "Fails the hosts that a finding concerns, so that C(ansible-playbook) exits with 2, or with 4 if a host could not be reached.",
    )),
    "diagnose": ("Find the first thing that does not work for each instance, and change nothing", (
        "Writes a page for each instance, with what works, the first thing that does not, and the next step.",
    )),
    "adopt_host": ("Find what a host already has, before the lists are written", (
        "The first half of the playbook C(voiceops.secure_tsp.adopt), for the hosts. Reads addresses and certificates.",
    )),
    "adopt": ("Write lists of users and instances that describe what the clusters already have", (
        "The second half of the playbook C(voiceops.secure_tsp.adopt), for the controller. Reads CAPF profiles, their users and "
        "open connections, and writes O(adopt:secure_tsp_adopt_file), with comments for everything that a person has to fill in.",
        "An instance is assigned to the host that has its files, or from which its user's only instance is connected.",
    )),
    "observe": ("Compare unconfirmed claims about the TSP with PCs that have it, and change nothing", (
        "Writes a table of the claims that nobody outside Cisco has confirmed, each with what the PCs and the clusters show about it. It "
        "contains no key, password or registry value.",
    )),
    "rehearse": ("Show what a run with the lists would do, on a cluster simulated on the controller", (
        "Runs C(site) twice and C(drift) on a simulated cluster, with stores in a temporary folder. Does not connect to the clusters or "
        "hosts of the inventory.",
        "Requires the folder C(tests) of the collection, which is part of its tarball.",
    )),
}
ENTRY_POINTS_OF_WINDOWS = {
    "main": ("Install and configure the Cisco TSP on a Windows host", (
        "Copies the installer, runs it, and writes those settings to the registry that the stage C(look) of the playbook "
        "C(voiceops.secure_tsp.site) found to differ.",
        "Everything that involves the cluster (arming, waiting, cutover and verification) is part of the role "
        "P(voiceops.secure_tsp.secure_tsp#role), which includes this role.",
        "Requires the collection C(ansible.windows), version 2.8.0 or later, on the controller.",
    )),
    "restart": ("Restart the TSPs of a host", (
        "Stops the application, restarts the Telephony service or Windows, and starts the application again.",
    )),
    "discover": ("Find out where a TSP stores a setting", (
        "Compares the registry before and after one change in the TSP's dialog and adds what it finds to "
        "O(client_windows_registry_profile).",
        "The playbook C(voiceops.secure_tsp.discover_registry_profile) runs this entry point.",
    )),
    "draft": ("Draft a registry profile from the TSP's installer", (
        "Reads O(client_windows_discover_installer) on the controller, compares the draft with the registry of one host, and then "
        "writes it to O(client_windows_registry_profile). Entries that the host did not confirm are not used.",
        "The playbook C(voiceops.secure_tsp.discover_registry_profile) runs this entry point if an installer is given.",
    )),
}
GIVEN_TO_WINDOWS = {
    "work": _options.Option("dict", {}, (
        "Work to do on the host, as determined by the role P(voiceops.secure_tsp.secure_tsp#role). Never set by hand.",
    )),
    "restart": _options.Option("dict", {"by": "none", "reasons": []}, (
        "How to restart the host, and why. Never set by hand.",
    )),
}
PLAYED_AFTER = {"site": ("finish", "end"), "upgrade": ("upgrade_batch",)}  # the entry points that the playbook runs next
PARTS_OF_SITE = ("preflight", "look", "accounts", "enrol", "prove")
# The keys of each list, and those of the dictionaries inside.
KEYS = {
    "clusters": (("", _options.CLUSTER),),
    "users": (("", _options.USER),),
    "instances": (("", _options.INSTANCE), ("key.", _options.KEY), ("capf.", _options.CAPF)),
}
LIST_TYPES = {"clusters": {"type": "dict", "default": {}}, "users": {"type": "list", "elements": "dict", "default": []},
              "instances": {"type": "list", "elements": "dict", "default": []}}
NEVER_BY_HAND = ("probe_of",)


def keys_of(name):
    """(key, option) of each key that an entry of a list may have."""
    return [(prefix + key, option) for prefix, keys in KEYS[name] for key, option in keys.items() if key not in NEVER_BY_HAND]


def type_of(option):
    """The type as Ansible names it."""
    return {"name": "str", "secret": "str", "host": "str", "address": "str", "size": "str"}.get(option.type, option.type)


def type_told(option):
    kind = type_of(option)
    return "list of %s" % type_of(option._replace(type=option.elements)) if kind == "list" and option.elements else kind


# The argument specs


def argument_specs():
    """The file as text."""
    options = {_options.PREFIX + name: dict(description=described_list(name), **LIST_TYPES[name]) for name in _options.LISTS}
    options.update((_options.PREFIX + name, spec_of(option)) for name, option in _options.OPTIONS.items())
    author = ["The voiceops.secure_tsp maintainers (@voiceops)"]
    specs = {name: {"short_description": short, "version_added": FIRST, "description": list(more), "author": author, "options": options}
             for name, (short, more) in ENTRY_POINTS.items()}
    text = yaml.dump({"argument_specs": specs}, Dumper=Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
    return HEAD + text


def argument_specs_of_windows():
    """The same for the role client_windows."""
    options = {_options.PREFIX_WINDOWS + name: spec_of(option) for name, option in {**_options.WINDOWS, **GIVEN_TO_WINDOWS}.items()}
    author = ["The voiceops.secure_tsp maintainers (@voiceops)"]
    specs = {name: {"short_description": short, "version_added": FIRST, "description": list(more), "author": author, "options": options}
             for name, (short, more) in ENTRY_POINTS_OF_WINDOWS.items()}
    return HEAD_OF_WINDOWS + yaml.dump({"argument_specs": specs}, Dumper=Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)


HEAD_OF_WINDOWS = """\
---
# Written by make options, from plugins/module_utils/_options.py and tests/generate_options.py.
"""
HEAD = """\
---
# Written by make options, from plugins/module_utils/_options.py and tests/generate_options.py.
# The keys of the three lists are described but not specified. The stage preflight finds all mistakes at once, names the entry, and
# never prints a value. Ansible's own validation would stop at the first kind of mistake and may print the values that it refuses,
# including passwords.
"""


class Dumper(yaml.SafeDumper):
    """YAML as ansible-lint wants it."""

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)

    def generate_anchor(self, node):
        return "options" if isinstance(node, yaml.MappingNode) else "author"


def described_list(name):
    return list(_options.LISTS[name].help) + [
        "C(%s) (%s). %s" % (key, ", ".join(facts_of(option)), " ".join(option.help)) for key, option in keys_of(name)]


def facts_of(option):
    yield type_told(option)
    if option.choices:
        yield "one of " + ", ".join("V(%s)" % choice for choice in option.choices)
    if _options.bounds(option):
        yield _options.bounds(option)
    if option.required:
        yield "required"
    elif option.default not in (None, (), "", {}):
        yield "default V(%s)" % shown(option.default)


def shown(value):
    """A value as written in YAML."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def default_as_written(option):
    return option.default if option.type == "size" else _options.default_of(option)


def spec_of(option):
    spec = {"description": list(option.help), "type": type_of(option)}
    if _options.bounds(option):
        spec["description"].append("It is %s." % _options.bounds(option))
    if option.elements:
        spec["elements"] = type_of(option._replace(type=option.elements))
    if option.choices:
        spec["choices"] = list(option.choices)
    if option.default is not None:
        spec["default"] = default_as_written(option)
    if option.secret:
        spec["no_log"] = True
    return spec


# The page of variables


def page():
    """The page as text."""
    used = uses()
    parts = [TOP]
    for name, option in _options.LISTS.items():
        parts += [heading(_options.PREFIX + name), "%s\n" % rst(" ".join(option.help)), list_table(
            ("Key", "Type, default", "Meaning"), (15, 25, 60),
            [("``%s``" % key, facts_cell(option), rst(" ".join(option.help))) for key, option in keys_of(name)])]
    rows = [("``%s``" % (_options.PREFIX + name), facts_cell(option), rst(" ".join(option.help)), ", ".join(used[name]) or "\\-")
            for name, option in sorted(_options.OPTIONS.items())]
    parts += [heading("Options of a run"), RUN, list_table(
        ("Variable", "Type, default", "Meaning", "Used by"), (22, 18, 45, 15), rows)]
    for role in OTHER_ROLES:
        parts += [heading("Role %s" % role), ":ansplugin:`voiceops.secure_tsp.%s#role`\n" % role,
                  list_table(("Variable", "Type, default", "Meaning"), (25, 20, 55), rows_of_role(role))]
    return "\n".join(parts)


TOP = """\
.. Copyright (c) 2026 The voiceops.secure_tsp maintainers
   GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
   SPDX-License-Identifier: GPL-3.0-or-later

.. Written by make options.

.. _ansible_collections.voiceops.secure_tsp.docsite.variables:

Variables
=========

Set these variables in the inventory, preferably for the group ``secure_tsp`` or for ``all``. A variable that begins with
``secure_tsp_`` and is not on this page is refused, and the message suggests the most similar name. A value of the wrong type is
refused as well. All mistakes are reported in one message, before anything is changed.
"""

RUN = """\
The last column names the entry points of the role :ansplugin:`voiceops.secure_tsp.secure_tsp#role` that use the variable. For most
of them there is a playbook of the same name. To set a variable for one run, use the command line, as in
``-e secure_tsp_cutover=manual``.
"""


def heading(text):
    return "%s\n%s\n" % (text, "-" * len(text))


def list_table(titles, widths, rows):
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: %s" % " ".join(map(str, widths)), ""]
    for row in [titles] + rows:
        for number, cell in enumerate(row):
            first, *rest = cell.split("\n")
            lines.append(("   %s - %s" % (" " if number else "*", first)).rstrip())
            lines += [("       " + line).rstrip() for line in rest]
    return "\n".join(lines + [""])


def facts_cell(option):
    told = [type_told(option)]
    if option.choices:
        told.append("one of " + ", ".join("``%s``" % choice for choice in option.choices))
    if _options.bounds(option):
        told.append(_options.bounds(option))
    if option.secret:
        told.append("secret")
    if option.required:
        told.append("required")
    elif option.default is not None:
        told.append("default %s" % default_told(default_as_written(option)))
    return ", ".join(told)


def default_told(value):
    if value in ("", [], {}):
        return "empty"
    return "``%s``" % (", ".join(map(str, value)) if isinstance(value, list) else shown(value))


def rows_of_role(role):
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    options = {}
    for spec in specs.values():
        options.update(spec.get("options") or {})
    rows = []
    for name, spec in sorted(options.items()):
        said = spec["description"]
        told = [spec["type"] if "elements" not in spec else "list of %s" % spec["elements"]]
        if spec.get("choices"):
            told.append("one of " + ", ".join("``%s``" % choice for choice in spec["choices"]))
        if spec.get("required"):
            told.append("required")
        elif "default" in spec:
            told.append("default %s" % default_told(spec["default"]))
        rows.append(("``%s``" % name, ", ".join(told), rst(said if isinstance(said, str) else " ".join(said))))
    return rows


MARKUP = (
    (r"[MP]\((voiceops\.secure_tsp\.\w+)#(\w+)\)", r":ansplugin:`\1#\2`"),
    (r"[MP]\((voiceops\.secure_tsp\.\w+)\)", r":ansplugin:`\1#module`"),
    (r"O\((voiceops\.secure_tsp\.\w+#\w+:[\w.]+)\)", r":ansopt:`\1`"),
    (r"[COV]\(((?:[^()\\]|\\.)*)\)", r"``\1``"),
)


def rst(text):
    """Ansible's markup as reStructuredText."""
    for pattern, replacement in MARKUP:
        text = re.sub(pattern, replacement, text)
    return text


# Where options are used


def uses():
    """{option: entry points and playbooks that use it}, read from the stages and from YAML. Where site is named, its parts are not."""
    stages = {**table.ON_CLUSTERS, **table.ON_HOSTS}
    found = {name: [] for name in _options.OPTIONS}
    texts = {entry: text_of(entry, set()) for entry in ENTRY_POINTS if entry != "main"}
    for entry, further in PLAYED_AFTER.items():
        texts[entry] += "".join(texts.pop(one) for one in further)
    texts.update(("playbook " + path.stem, code_of(path)) for path in sorted((ROOT / "playbooks").glob("*.yml")))
    for where, text in texts.items():
        used = set(re.findall(r"\bsecure_tsp_(\w+)", text))
        for stage in re.findall(r"^ *stage: (\w+)", text, re.MULTILINE):
            used |= reading(stages[stage], set())
        for name in used & set(found):
            found[name].append(where)
    return {name: [place for place in places if place not in PARTS_OF_SITE or "site" not in places] for name, places in found.items()}


def code_of(path):
    """A YAML file without its comments."""
    return re.sub(r"(?m)^ *#.*", "", path.read_text(encoding="utf-8"))


def text_of(entry, seen):
    """A task file with the files that it includes, without comments."""
    path = ROLE / "tasks" / ("%s.yml" % entry)
    if entry in seen or not path.exists():
        return ""
    seen.add(entry)
    text = code_of(path)
    included = re.findall(r"(?:import_tasks|include_tasks|file): \"?([\w{} .]+)", text)
    files = [name.strip() for name in included if "{{" not in name]
    for flow in re.findall(r"\.(\w*)flow\b", text):
        files += [flow + "straight.yml", flow + "careful.yml"] + ([] if flow else ["windows.yml"])
    return text + "".join(text_of(name[:-len(".yml")], seen) for name in files if name.endswith(".yml"))


READERS = ("option", "safe_option", "value_of_host", "pauses")


def reading(thing, seen):
    """Options that a function or class of the stages reads, itself or through what it names."""
    seen.add(thing)
    scope, options = vars(sys.modules[thing.__module__]), set()
    for node in ast.walk(ast.parse(inspect.getsource(thing))):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in READERS:
                options |= {name for argument in node.args for name in _options.OPTIONS if names(argument, name)}
            elif called == "execute":
                options |= {"key_passphrase", "handover_folder"}  # the action adds the first; copies of stores are kept in the second
        target = None
        if isinstance(node, ast.Name):
            target = scope.get(node.id)
            options |= {target} & set(_options.OPTIONS) if isinstance(target, str) else set()  # a name for an option's name
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and inspect.ismodule(scope.get(node.value.id)):
            target = getattr(scope[node.value.id], node.attr, None)
        if (inspect.isfunction(target) or inspect.isclass(target)) and "._stages." in target.__module__ and target not in seen:
            options |= reading(target, seen)
    return options


def names(argument, option):
    """Whether an argument of a call is the option's name, or ends as it does: C(word + "_handler")."""
    if isinstance(argument, ast.BinOp) and isinstance(argument.right, ast.Constant):
        return option.endswith(str(argument.right.value))
    return isinstance(argument, ast.Constant) and argument.value == option


FILES = {SPECS: argument_specs, SPECS_OF_WINDOWS: argument_specs_of_windows, PAGE: page}


def stale():
    """Names of the generated files that are out of date."""
    return [path.relative_to(ROOT).as_posix() for path, made in FILES.items()
            if not path.exists() or path.read_text(encoding="utf-8") != made()]


def main():
    for path, made in FILES.items():
        pathlib.Path(path).write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()
