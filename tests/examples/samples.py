# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The samples in RETURN, compared with what modules really returned, and written from it: C(make samples).

Compared is the shape: keys and types. What differs from run to run (times, fingerprints, ports, ...) is left as it stands
in the documentation as long as nothing else of that value changed.
"""

from __future__ import annotations

import pathlib
import re
import sys
import tempfile

import yaml
from examples import play, scenes

ANY_MODULE = {"changed", "failed", "msg", "diff", "exception", "invocation", "warnings", "deprecations", "ansible_facts",
              "skipped", "skip_reason", "stderr", "stdout", "rc"}
OF_A_PATH = {"gid", "group", "mode", "owner", "secontext", "size", "state", "uid"}  # Ansible adds them to "path" and "dest"
SIMULATED = re.compile(r"\S*/secure-tsp-simulator-\w+/web\.pem")  # what the simulated cluster presents, in a folder of its own
WIDTH = 120
EMPTY = ([], {}, "")
ELEMENTS = 2  # of a list that a sample shows
TYPES = {"str": str, "bool": bool, "int": int, "float": float, "list": list, "dict": dict}

# What is different in each run: (pattern, what is compared in its place).
VOLATILE = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?", "<time>"),
    (r"\b\d{4}(:\d\d){4}\b", "<time>"),
    (r"\b[0-9A-Fa-f]{7,}\b", "<hex>"),
    (r"\b\w{3} \w{3} +\d+ \d\d:\d\d:\d\d( \w+)? \d{4}\b", "<time>"),
    (r":\d{4,5}\b", ":<port>"),
    (r"-\d{5}\b", "-<port>"),
)
VOLATILE_KEY = re.compile(r"(^|_)(ms|milliseconds|seconds|days|time|port|number|uuid|serial|start_time|left|placed)$|^size$")

# Words of the sandbox as a reader shall see them.
SHOWN = (
    (r"localhost", "cucm-sub1.example.com"),
    (r"-127\.0\.0\.1-", "-192.0.2.31-"),
    (r"127\.0\.0\.1", "cucm-pub.example.com"),
    (r"7F000001", "C000020A"),  # an address in the name of a trust list
    (r"^\d{10}$", scenes.STRING),
    (r"^(%s)$" % "|".join(scenes.STAGES), "recorder01"),
)
PORTS = {"secure_port_info": 3804, "capf_certificate": 3804, "cti_provider_info": 2749, "ctl_file": 69}  # others: 8443
ADDRESS, CLIENT_ADDRESS = "192.0.2.10", "192.0.2.31"


def documented(module):
    return yaml.safe_load(play.constant("module", module, "RETURN"))


def results(played, module):
    """What the tasks of a module returned, in order."""
    own = {task["name"] for task in [*play.tasks("module", module, ""), *play.further(module)]
           if "voiceops.secure_tsp." + module in task}
    return [named(event["result"]) for name, event in played.results[module] if name in own]


def named(value):
    """With the names of the examples in the place of the sandbox's, where they are keys."""
    if isinstance(value, list):
        return [named(one) for one in value]
    if isinstance(value, dict):
        return {worded(name): named(one) for name, one in value.items()}
    return value


def worded(text):
    for pattern, word in SHOWN:
        text = re.sub(pattern, word, text)
    return text


# Comparing


def values_of(found, name):
    """The values of one key in several dictionaries; of lists of dictionaries, all."""
    return [one[name] for one in found if isinstance(one, dict) and name in one]


def rows_of(values):
    """The dictionaries among these values and in lists among them."""
    rows = []
    for value in values:
        rows += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
    return rows


def complaints(returns, found, where=""):
    """Sentences about samples and types that a real result contradicts, and about what is documented nowhere."""
    for name, said in returns.items():
        values = values_of(found, name)
        place = where + name
        real = [value for value in values if value is not None]
        wrong = {type(value).__name__ for value in real if not is_of(value, said["type"])}
        if wrong:
            yield "%s is documented as %s and was %s" % (place, said["type"], ", ".join(sorted(wrong)))
        if "contains" in said:
            yield from complaints(said["contains"], rows_of(real), place + ".")
        elif "sample" in said and real:
            yield from misfits(said["sample"], real, place)
    known = set(returns) | (set() if where else ANY_MODULE | OF_A_PATH)
    for name in sorted({name for one in found for name in one if not name.startswith("_ansible")} - known):
        yield "%s%s was returned and is not documented" % (where, name)


def is_of(value, kind):
    if kind in ("int", "float") and isinstance(value, bool):
        return False
    if kind == "float":
        return isinstance(value, (int, float))
    return kind in ("raw", "path") or isinstance(value, TYPES[kind])


def misfits(sample, values, place):
    """A sample against all values that were seen in its place. A key that only some of them have may be there or not."""
    if sample is None:
        return
    if not any(type(sample) is type(value) for value in values):
        yield "the sample of %s is a %s, real ones are %s" % (
            place, type(sample).__name__, ", ".join(sorted({type(value).__name__ for value in values})))
    elif isinstance(sample, dict):
        dictionaries = [value for value in values if isinstance(value, dict)]
        sometimes = set().union(*dictionaries)
        always = set.intersection(*map(set, dictionaries))
        for name in sorted(set(sample) - sometimes):
            yield "the sample of %s has %s, which no real one has" % (place, name)
        for name in sorted(always - set(sample)):
            yield "the sample of %s lacks %s" % (place, name)
        for name in sorted(set(sample) & sometimes):
            real = [value for value in values_of(dictionaries, name) if value is not None]
            if real:
                yield from misfits(sample[name], real, "%s.%s" % (place, name))
    elif isinstance(sample, list):
        elements = [one for value in values if isinstance(value, list) for one in value]
        for one in sample if elements else ():
            yield from misfits(one, elements, place + "[]")


def unseen(returns, found, where=""):
    """Keys that are documented and were in no result."""
    for name, said in returns.items():
        values = values_of(found, name)
        if not values:
            yield where + name
        elif "contains" in said and rows_of(values):
            yield from unseen(said["contains"], rows_of(values), where + name + ".")


# Writing


def stable(value, key=""):
    """A value without what differs from run to run."""
    if isinstance(value, dict):
        return {name: stable(one, key if VOLATILE_KEY.search(key) else name) for name, one in value.items()}
    if isinstance(value, list):
        found = [stable(one, key) for one in value]
        return sorted(found) if all(isinstance(one, str) for one in found) else found  # a cluster lists names in any order
    if isinstance(value, str):
        for pattern, word in VOLATILE:
            value = re.sub(pattern, word, value)
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and VOLATILE_KEY.search(key):
        return "<number>"
    return value


def shown(value, module, root, key=""):
    """A value as the documentation shows it: names of the examples, and not more than a reader wants to see."""
    if isinstance(value, dict):
        return {name: shown(one, module, root, name) for name, one in value.items()}
    if isinstance(value, list):
        return [shown(one, module, root, key) for one in value[:ELEMENTS]]
    if not isinstance(value, str):
        return value
    if key == "address" and value == "127.0.0.1":
        return CLIENT_ADDRESS if module == "cti_connection_info" else ADDRESS
    value = SIMULATED.sub("/etc/pki/cucm.pem", value.replace(str(root), ""))
    return re.sub(r"(?<=example\.com):\d{4,5}\b", ":%d" % PORTS.get(module, 8443), worded(value))


def dumped(value, indent):
    """Lines C(sample: ...) at this indentation."""
    pad = " " * indent
    collection = isinstance(value, (dict, list))
    flow = yaml.dump({"sample": value}, Dumper=Indented, default_flow_style=collection, width=10000, sort_keys=False,
                     allow_unicode=True).strip()
    flow = flow[1:-1] if collection else flow
    if len(pad + flow) <= WIDTH:
        return [pad + flow]
    block = yaml.dump({"sample": value}, Dumper=Indented, default_flow_style=False, width=WIDTH - indent, sort_keys=False,
                      allow_unicode=True)
    return [pad + line for line in block.rstrip().splitlines()]


class Indented(yaml.SafeDumper):
    """Lists are indented below their key, as yamllint wants them."""

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


def _text(dumper, value):
    """Double quotes, where there have to be some."""
    quoted = yaml.safe_dump(value, width=10000).startswith("'")
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if quoted else None)


Indented.add_representer(str, _text)


def rewritten(text, found, module="", root=""):
    """The text of RETURN with the samples of these results. A sample that is among them stays."""
    edits = []
    _collect(yaml.compose(text), yaml.safe_load(text), found, (module, root, []), edits)
    lines = text.split("\n")
    for first, after, new in sorted(edits, reverse=True):
        lines[first:after] = new
    return "\n".join(lines)


def _collect(node, returns, found, place, edits):
    if node in place[2]:  # an alias, whose anchor has its samples
        return
    place[2].append(node)
    for name_node, said_node in node.value:
        name, said = name_node.value, returns[name_node.value]
        values = values_of(found, name)
        nodes = {key.value: (key, value) for key, value in said_node.value}
        if "contains" in said:
            if values:
                _collect(nodes["contains"][1], said["contains"], rows_of(values), place, edits)
            continue
        real = [shown(value, place[0], place[1], name) for value in values if value is not None]
        real = [value for value in real if value not in EMPTY] or real or [None] * bool(values and "sample" not in said)
        if not real or "sample" in said and (
                stable(said["sample"], name) in [stable(value, name) for value in real]
                or said["sample"] is not None and real[0] in EMPTY):
            continue
        indent = said_node.value[0][0].start_mark.column
        if "sample" in nodes:
            edits.append((nodes["sample"][0].start_mark.line, _end(nodes["sample"][1]), dumped(real[0], indent)))
        else:
            last = _end(said_node.value[-1][1])
            edits.append((last, last, dumped(real[0], indent)))


def _end(node):
    """Number of the line after a value. A block ends where the next token begins."""
    mark = node.end_mark
    before = mark.buffer[:mark.index].rpartition("\n")[2] if mark.buffer else "x"
    return mark.line if not before.strip() else mark.line + 1


def write(played):
    """Write the samples into the modules. Returns the names of those that changed."""
    changed = []
    for module in play.plugins("module"):
        path = play.ROOT / "plugins" / "modules" / (module + ".py")
        source = path.read_text(encoding="utf-8")
        text = play.constant("module", module, "RETURN")
        new = source.replace(text, rewritten(
            text, results(played, module), module, played.root / "roots" / module))
        if new != source:
            path.write_text(new, encoding="utf-8")
            changed.append(module)
    return changed


def main():
    with tempfile.TemporaryDirectory() as folder:
        played = play.play_all(pathlib.Path(folder) / "controller", kinds=["module"])
        wrong = [(module, name) for module in play.plugins("module") for name in play.names("module", module)
                 if played.status("module", module, name)[0] != "ok" and (module, name) not in play.CANNOT_RUN]
        if played.run.rc or wrong:
            print(played.run.output, "These examples did not work: %s" % wrong, sep="\n")
            return 1
        changed = write(played)
    print("Samples written: %s" % (", ".join(changed) or "none, all are as they were"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
