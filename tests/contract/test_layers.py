# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of plugins/, read from its imports. docs/docsite/rst/development.rst tells the reasons."""

from __future__ import annotations

import ast
import pathlib
import sys

import collection_path
import pytest

COLLECTION = "ansible_collections.voiceops.secure_tsp"
UTILS = COLLECTION + ".plugins.module_utils"

# Files of module_utils, lowest layer first. A file imports only from layers below its own.
LAYERS = (
    ("_errors",),
    ("_octets", "_cti_errors", "_profile_status", "_subject_hash", "_bounds", "_options", "_journal", "_foreign", "_window", "_screen"),
    ("_attachment", "_compound_file", "_ctl", "_capf", "_ctiqbe", "_tsptrace", "_fleet", "_report", "_tsp_settings", "_jtapi", "_progress",
     "_lists_file", "_server_certificates"),
    ("_tsp_installation", "_tsp_discovery", "_tsp_sitting", "_msi"),
    ("_tsp_software",),
    ("_drift", "_model", "_pki", "_lookup", "_cti_trace", "_tsp_installer", "_tsp_observation"),
    ("_diagnosis", "_outcome", "_tsp_host", "_adoption", "_transport", "_store", "_axl.schema", "_axl.connection", "_trace_archive"),
    ("_instance", "_store_archive", "_summary", "_trace_reading", "_verification", "_tsp_enrolment", "_upgrade", "_work_sheet", "_report_page",
     "_axl.values", "_axl.wsdl"),
    ("_axl.client", "_trust_list", "_enrolment", "_certificate_info", "_provider", "_secure_ports", "_key_store"),
    ("_axl.accounts", "_serviceability"),
    ("_survey", "_connections", "_trace_collection"),
    ("_stages.clusters", "_stages.host", "_stages.files"),
    ("_run",),
    ("_stages.hosts",),
    ("_stages.windows", "_stages.jtapi"),
    ("_stages.windows_stores",),
    ("_stages.windows_reading", "_stages.windows_enrolment", "_stages.windows_secure", "_stages.windows_sheet", "_stages.windows_discovery",
     "_stages.windows_draft"),
    ("_stages.fleet",),
    ("_stages.upgrade", "_stages.removal", "_stages.drift", "_stages.adoption", "_stages.windows_fleet",
     "_stages.rehearsal", "_stages.report"),
    ("_stages.diagnosis", "_stages.windows_jtapi", "_stages.windows_observation"),
    ("_stages.table",),
    ("_module",),
)
LAYER_OF = {name: number for number, names in enumerate(LAYERS) for name in names}

# Packages whose __init__.py has no code.
EMPTY = ("_axl", "_stages")

# What plugins import of module_utils, by their folder: an action runs a stage, and a stage on clusters or hosts never runs as a module.
# tsp_cluster and tsp_host are the modules beside the actions; the second is what a host stage runs on the host.
ACTION = {"_errors", "_run", *(name for name in LAYER_OF if name.startswith("_stages."))} - {"_stages.host"}
ONLY_FOR_ACTIONS = {"_run", *(name for name in LAYER_OF if name.startswith("_stages."))}
MODULE_OF_STAGES = {"modules/tsp_host.py": {"_stages.host"}}

# Of Ansible itself beside ansible.module_utils: what runs in the controller's process.
CONTROLLER_SIDE = {"action", "callback", "filter"}

# Without input and output: only the standard library, and of ours only what stands here.
TABLES = {"_cti_errors", "_profile_status", "_subject_hash"}
SANS_IO = {
    **dict.fromkeys(("_errors", "_fleet", "_report", "_tsp_settings", "_jtapi", "_foreign", "_screen", "_server_certificates", *TABLES), set()),
    **dict.fromkeys(("_bounds", "_octets", "_options"), {"_errors"}),
    "_fleet": {"_bounds"},
    "_drift": {"_fleet", "_foreign", "_screen", "_server_certificates"},
    "_model": {"_fleet", "_options"},
    "_outcome": {"_model"},
    **dict.fromkeys(("_tsp_installation", "_tsp_discovery", "_tsp_sitting"), {"_tsp_settings"}),
    "_msi": {"_compound_file", "_errors", "_octets"},
    "_tsp_installer": {"_errors", "_foreign", "_msi", "_tsp_settings"},
    "_tsp_software": {"_tsp_installation", "_tsp_settings"},
    "_tsp_observation": {"_foreign", "_tsp_settings", "_tsp_software"},
    "_tsp_enrolment": {"_fleet", "_model", "_outcome"},
    "_verification": {"_fleet", "_model", "_outcome"},
    "_summary": {"_model", "_outcome", "_screen"},
    "_adoption": {"_fleet", "_foreign", "_options"},
    "_upgrade": {"_model", "_outcome", "_progress"},
    "_work_sheet": {"_foreign", "_model", "_outcome", "_tsp_settings"},
    "_cti_trace": {"_capf", "_cti_errors", "_tsptrace"},
    "_diagnosis": {"_cti_errors", "_cti_trace", "_drift", "_fleet", "_foreign", "_profile_status", "_server_certificates"},
    **dict.fromkeys(("_attachment", "_compound_file", "_ctl", "_capf", "_ctiqbe", "_tsptrace"), {"_octets", "_errors", *TABLES}),
    "_axl.schema": set(),
    "_axl.values": {"_axl.schema", "_errors"},
    "_axl.wsdl": {"_axl.schema"},
}
# What make types checks: these, and files that are as pure but for a library or the time zones.
TYPED = {*SANS_IO, "_lists_file", "_progress", "_window"}
OUTSIDE_WORLD = {
    "asyncio", "builtins", "ctypes", "fcntl", "glob", "http", "io", "logging", "mmap", "multiprocessing", "os", "pathlib",
    "platform", "random", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys",
    "tempfile", "threading", "time", "urllib", "uuid", "zoneinfo",
}
OUTSIDE_CALLS = {"open", "input", "print", "__import__", "exec", "eval"}
CLOCK_CALLS = {"now", "today", "utcnow"}

# Each third-party package stands in exactly one file.
HOME = {
    "cryptography": "_pki",
    "OpenSSL": "_transport",
    "yaml": "_lists_file",
    "jinja2": "_report_page",
    "tftpy": "_transport",
    "zeep": "_axl.client",
    "requests": "_axl.client",
    "urllib3": "_axl.client",
    "lxml": "_axl.client",
}


def sources():
    """{path inside plugins/: source} of every Python file there."""
    root = collection_path.ROOT / "plugins"
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.py"))}


def util_name(path):
    """C(_axl.client) for C(module_utils/_axl/client.py), C(_axl) for its C(__init__.py), None outside module_utils."""
    parts = pathlib.PurePosixPath(path).with_suffix("").parts
    if parts[0] != "module_utils":
        return None
    return ".".join(part for part in parts[1:] if part != "__init__")


def imports(tree):
    """(node, name) of each import; the names of C(from a import b) are C(a.b), relative ones begin with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node, "." * node.level + (node.module or "") + "." + alias.name


def guarded(tree):
    """The nodes inside C(try: import x except ImportError: X_IMPORT_ERROR = ...), its C(else) included."""
    for guard in ast.walk(tree):
        if not isinstance(guard, ast.Try) or len(guard.handlers) != 1:
            continue
        handler = guard.handlers[0]
        remembers = any(
            isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]).endswith("_IMPORT_ERROR")
            and ast.unparse(statement.value) == "traceback.format_exc()"
            for statement in handler.body)
        if handler.type is not None and ast.unparse(handler.type) == "ImportError" and remembers:
            for statement in guard.body + guard.orelse:
                yield from ast.walk(statement)


def violations(files):
    """One sentence for each broken rule, of files given as C(sources) gives them."""
    utils = {util_name(path) for path in files} - {None, "", *EMPTY}
    for path, source in files.items():
        tree = ast.parse(source)
        name = util_name(path)
        safe = set(guarded(tree))
        if name and name not in EMPTY and name not in LAYER_OF:
            yield f"{path}: has no place in LAYERS of tests/contract/test_layers.py"
        if name in SANS_IO:
            yield from (f"{path}: {sentence}" for sentence in world_touched(tree))
        elif name in LAYER_OF and is_pure(tree):
            yield f"{path}: is without input and output, so it needs an entry in SANS_IO, and types: make types checks them"
        for node, imported in imports(tree):
            where = f"{path}:{node.lineno}: {imported}"
            package = imported.split(".")[0]
            if imported.startswith("."):
                yield f"{where}: relative import"
            elif package == "ansible_collections":
                yield from (f"{where}: {sentence}" for sentence in ours(imported, path, name, utils))
            elif package == "ansible":
                if (imported + ".").startswith("ansible.module_utils.basic.") and name != "_module":
                    yield f"{where}: only _module imports ansible.module_utils.basic"
                if not imported.startswith("ansible.module_utils.") and path.split("/")[0] not in CONTROLLER_SIDE:
                    yield f"{where}: only plugins of the controller import more of Ansible than its module_utils"
                if name in SANS_IO:
                    yield f"{where}: Ansible in a file without input and output"
            elif package in sys.stdlib_module_names:
                if name in SANS_IO and package in OUTSIDE_WORLD:
                    yield f"{where}: clock, file, socket or randomness in a file without input and output"
            elif package not in HOME:
                yield f"{where}: not a package this collection may import"
            elif HOME[package] != name:
                yield f"{where}: {package} is imported in {HOME[package]} only"
            elif node not in safe:
                yield f"{where}: import without guard"


def ours(imported, path, name, utils):
    if not imported.startswith(UTILS + "."):
        yield "of this collection, plugins import module_utils only"
        return
    rest = imported[len(UTILS) + 1:].split(".")
    target = next((".".join(rest[:size]) for size in (2, 1) if ".".join(rest[:size]) in utils), None)
    if target is None:
        yield "no such file in module_utils"
    elif name in SANS_IO and target not in SANS_IO[name]:
        yield "a file without input and output imports only what SANS_IO allows"
    elif name is not None and LAYER_OF.get(target, 0) >= LAYER_OF.get(name, len(LAYERS)):
        yield f"imports upward or sideways from {path}"
    elif path.startswith("action/") and target not in ACTION:
        yield "an action holds no logic: it imports _run and stages only"
    elif name is None and not path.startswith("action/") and target in ONLY_FOR_ACTIONS - MODULE_OF_STAGES.get(path, set()):
        yield "stages and what they know of a run are for actions only"


def world_touched(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in OUTSIDE_CALLS:
                yield f"line {node.lineno} calls {called.id}()"
            if isinstance(called, ast.Attribute) and called.attr in CLOCK_CALLS:
                yield f"line {node.lineno} reads a clock with {ast.unparse(called)}()"


def is_pure(tree):
    """Whether a file with code in it needs nothing but the standard library, without the outside world, and what is as pure."""
    def allowed(name):
        rest = name[len(UTILS) + 1:].split(".")
        if name.startswith(UTILS + "."):
            return any(".".join(rest[:size]) in SANS_IO for size in (1, 2))
        return name.split(".")[0] in sys.stdlib_module_names - OUTSIDE_WORLD

    has_code = any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in tree.body)
    return has_code and not any(world_touched(tree)) and all(allowed(name) for _node, name in imports(tree))


def test_plugins_keep_their_layers():
    found = list(violations(sources()))
    assert not found, "\n".join(found)


def test_each_third_party_package_is_where_the_table_says():
    """A package that nobody imports any more leaves the table and the requirements."""
    found = {(imported.split(".")[0], util_name(path)) for path, source in sources().items()
             for node, imported in imports(ast.parse(source))}
    assert set(HOME.items()) <= found


GUARD = "try:\n    import {0}\nexcept ImportError:\n    X_IMPORT_ERROR = traceback.format_exc()\nelse:\n    X_IMPORT_ERROR = None\n"


@pytest.mark.parametrize(("path", "source", "word"), [
    ("module_utils/_ctl.py", "import time\n", "clock"),
    ("module_utils/_ctl.py", "import os.path\n", "clock"),
    ("module_utils/_ctl.py", "def f():\n    from socket import create_connection\n", "clock"),
    ("module_utils/_ctl.py", "import datetime\n\nNOW = datetime.datetime.now()\n", "reads a clock"),
    ("module_utils/_ctl.py", "X = open('x')\n", "calls open()"),
    ("module_utils/_ctl.py", f"from {UTILS} import _pki\n", "without input and output"),
    ("module_utils/_octets.py", f"from {UTILS}._ctl import parse\n", "without input and output"),
    ("module_utils/_fleet.py", f"from {UTILS}._errors import InputError\n", "without input and output"),
    ("module_utils/_fleet.py", "from ansible.module_utils.common.text import converters\n", "Ansible in a file"),
    ("module_utils/_pki.py", f"from {UTILS} import _transport\n", "upward"),
    ("module_utils/_store.py", f"from {UTILS} import _transport\n", "sideways"),
    ("module_utils/_axl/connection.py", f"from {UTILS}._axl import client\n", "upward"),
    ("module_utils/_transport.py", f"from {UTILS}._module import create\n", "upward"),
    ("module_utils/_pki.py", "from . import _ctl\n", "relative"),
    ("module_utils/_pki.py", "import cryptography\n", "without guard"),
    ("module_utils/_pki.py", GUARD.format("cryptography").replace("ImportError:", "Exception:"), "without guard"),
    ("module_utils/_store.py", GUARD.format("cryptography"), "_pki only"),
    ("module_utils/_serviceability.py", GUARD.format("lxml.etree"), "_axl.client only"),
    ("module_utils/_pki.py", GUARD.format("markdown"), "not a package"),
    ("module_utils/_new.py", "import re\n", "no place"),
    ("module_utils/_pki.py", f"import re\n\nfrom {UTILS}._ctl import parse\n\n\ndef f():\n    return parse\n", "entry in SANS_IO"),
    ("modules/ctl_info.py", "from ansible.module_utils.basic import AnsibleModule\n", "only _module"),
    ("modules/ctl_info.py", "import ansible.module_utils.basic\n", "only _module"),
    ("modules/ctl_info.py", f"from {COLLECTION}.plugins.modules import ctl_file\n", "module_utils only"),
    ("modules/ctl_info.py", f"from {COLLECTION}.tests import simulator\n", "module_utils only"),
    ("modules/ctl_info.py", f"from {UTILS} import _gone\n", "no such file"),
    ("modules/ctl_info.py", "from simulator import Simulator\n", "not a package"),
    ("filter/jtapi_ini.py", "import requests\n", "_axl.client only"),
    ("module_utils/_model.py", f"from {UTILS} import _outcome\n", "without input and output"),
    ("module_utils/_model.py", "import zoneinfo\n", "clock"),
    ("module_utils/_verification.py", f"from {UTILS} import _run\n", "without input and output"),
    ("module_utils/_stages/clusters.py", f"from {UTILS} import _run\n", "upward"),
    ("module_utils/_stages/host.py", f"from {UTILS}._stages import clusters\n", "sideways"),
    ("module_utils/_stages/hosts.py", f"from {UTILS}._stages import fleet\n", "sideways"),
    ("module_utils/_run.py", "from ansible import constants\n", "plugins of the controller"),
    ("module_utils/_stages/hosts.py", "from ansible.errors import AnsibleError\n", "plugins of the controller"),
    ("module_utils/_store.py", "from ansible.utils.display import Display\n", "plugins of the controller"),
    ("modules/tsp_cluster.py", "from ansible.plugins.action import ActionBase\n", "plugins of the controller"),
    ("action/tsp_host.py", f"from {UTILS} import _outcome\n", "no logic"),
    ("action/tsp_host.py", f"from {UTILS}._stages.host import Host\n", "no logic"),
    ("action/tsp_host.py", "from ansible.module_utils.basic import AnsibleModule\n", "only _module"),
    ("modules/tsp_cluster.py", f"from {UTILS}._stages import fleet\n", "for actions only"),
    ("modules/ctl_info.py", f"from {UTILS}._stages.host import Host\n", "for actions only"),
    ("filter/jtapi_ini.py", f"from {UTILS}._run import Run\n", "for actions only"),
])
def test_the_checker_sees_a_planted_violation(path, source, word):
    files = {f"module_utils/{name.replace('.', '/')}.py": "" for name in LAYER_OF}
    files["modules/ctl_file.py"] = ""
    assert not list(violations(files))
    found = list(violations({**files, path: source}))
    assert len(found) == 1 and word in found[0], found


@pytest.mark.parametrize(("path", "source"), [
    ("module_utils/_pki.py", f"from {UTILS} import _ctl\n" + GUARD.format("cryptography.x509")),
    ("module_utils/_ctl.py", f"import hashlib\n\nfrom {UTILS}._octets import Reader\n"),
    ("module_utils/_axl/client.py", f"import time\n\nfrom {UTILS}._axl import schema, values\n"),
    ("modules/ctl_info.py", f"from {UTILS} import _ctl, _module, _pki\n"),
])
def test_the_checker_lets_pass_what_is_right(path, source):
    files = {f"module_utils/{name.replace('.', '/')}.py": "" for name in LAYER_OF}
    assert not list(violations({**files, path: source}))
