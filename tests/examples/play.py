# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Play the EXAMPLES of all plugins in one run of ansible-playbook: one cluster, one host and one play for each module."""

from __future__ import annotations

import ast
import contextlib
import pathlib

import collection_path
import guides
import yaml
from controller import Controller
from examples import scenes
from simulator.control import ControlServer

ROOT = collection_path.ROOT
HERE = pathlib.Path(__file__).resolve().parent
FILTER_HOST = "recorder01"  # where the lists of the filters' examples have their instance
OWN = "voiceops.secure_tsp."
# Examples that cannot run here, each with the reason. Better none.
CANNOT_RUN = {}
KINDS = {"module": "modules", "filter": "filter"}
OWN_MODULES = {OWN + path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}


class SandboxController(Controller):
    """With the stand-ins of ansible.windows, and a callback that writes whole results."""

    def environment(self):
        found = super().environment()
        stand_ins = ROOT / "tests" / "e2e" / "windows" / "collections"
        return {**found, "PLAYBOOK_EVENTS_WHOLE": "1",
                "ANSIBLE_COLLECTIONS_PATH": "%s:%s" % (stand_ins, found["ANSIBLE_COLLECTIONS_PATH"])}


def plugins(kind):
    """Short names of all plugins of a kind."""
    return sorted(path.stem for path in (ROOT / "plugins" / KINDS[kind]).glob("*.py"))


def constant(kind, name, title):
    """The text of DOCUMENTATION, EXAMPLES or RETURN of a plugin."""
    tree = ast.parse((ROOT / "plugins" / KINDS[kind] / (name + ".py")).read_text(encoding="utf-8"))
    return next(node.value.value for node in tree.body
                if isinstance(node, ast.Assign) and node.targets[0].id == title)


def tasks(kind, name, root, ports=()):
    """The examples of a plugin as the sandbox runs them."""
    found = yaml.safe_load(scenes.in_sandbox(constant(kind, name, "EXAMPLES"), root, ports))
    for task in found if kind == "filter" else ():
        task["name"] = "%s: %s" % (name, task["name"])
        facts = task.get("ansible.builtin.set_fact", {})
        for fact in list(facts):  # a fact outlives its example, and would hide the variable of another one
            facts["%s_of_%s" % (fact, name)] = facts.pop(fact)
    return found


def names(kind, name):
    """Names of a plugin's examples, in order."""
    return [task["name"] for task in yaml.safe_load(constant(kind, name, "EXAMPLES"))]


def guide_blocks():
    """{name of a guide: text of its blocks that are tasks of our modules}."""
    found = {}
    for guide in guides.GUIDES:
        for block in guides.blocks(guide, "yaml"):
            content = yaml.safe_load(block)
            if isinstance(content, list) and any(key in OWN_MODULES for task in content for key in task):
                found[guide.stem] = found.get(guide.stem, "") + block
    return found


def further(name):
    """Tasks beside the examples, for what no example shows: mostly failures. They run in the state the examples leave."""
    found = yaml.safe_load((HERE / "further.yml").read_text(encoding="utf-8")).get(name, [])
    action_groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    if name in action_groups["axl"]:
        last = yaml.safe_load(constant("module", name, "EXAMPLES"))[-1]
        last[OWN + name]["password"] = "not-the-password"
        found.append({**last, "name": "A login that the cluster refuses", "register": "refused"})
    return found


def action(port, name, words):
    """A task that asks the simulator for an action, or for a fault where the action is called "fault"."""
    place, body = ("faults", words) if name == "fault" else ("actions", {"action": name, **words})
    return {"name": "Simulator: %s" % name, "ansible.builtin.uri": {
        "url": "http://127.0.0.1:%d/%s" % (port, place), "method": "POST", "body_format": "json", "body": body}}


def with_port(task, scene):
    """Examples of CTI Manager with the port that the kernel chose; 2749 and 2748 go without saying otherwise."""
    options = task.get("voiceops.secure_tsp.cti_provider_info")
    if options is not None:
        options["port"] = scene.sim.cti_tls_port if options.get("secure", True) else scene.sim.cti_port
    return task


def play(host, scene, port, found):
    sequence = [{"name": "Facts of the sandbox", "ansible.builtin.set_fact": {**scene.facts(), "cacheable": True}}]
    for task in found:
        sequence += [action(port, name, words) for name, words in scenes.BEFORE.get(task["name"], ())]
        sequence.append(with_port(task, scene))
    return {"name": host, "hosts": host, "gather_facts": False, "ignore_errors": True, "vars": scene.variables(),
            "module_defaults": scene.module_defaults(), "tasks": sequence}


class Played:
    """What came of it. C(results): {plugin: [(task, event of the callback)]}, in order."""

    def __init__(self, run, hosts, root):
        self.run = run
        self.root = root
        self.results = {host: [] for host in hosts}
        for event in run.events:
            if event["event"] == "result" and event["host"] in self.results and not event["is_item"]:
                self.results[event["host"]].append((event["task"], event))

    def status(self, kind, plugin, example):
        """"ok", "skipped", "failed", or "not reached"; and the message."""
        host, task = (FILTER_HOST, "%s: %s" % (plugin, example)) if kind == "filter" else (plugin, example)
        for name, event in self.results[host]:
            if name == task:
                return event["status"], event.get("msg")
        return "not reached", None


def tasks_of(kind, name, root, ports):
    """The tasks of one host of the playbook."""
    if kind == "filter":
        return [task for plugin in plugins("filter") for task in tasks("filter", plugin, root, ports)]
    if kind == "guide":
        return yaml.safe_load(scenes.in_sandbox(guide_blocks()[name], root, ports))
    more = scenes.in_sandbox(yaml.safe_dump(further(name), width=10000), root, ports)
    return tasks("module", name, root, ports) + yaml.safe_load(more)


def play_all(folder, kinds=("module", "guide", "filter")):
    """Run the examples of modules and filters and the tasks in guides. Returns Played.

    folder: is made; the simulators' state and all files are below it.
    """
    controller = SandboxController(folder)
    hosts = [(kind, name) for kind, names_of_kind in (
        ("module", plugins("module")), ("guide", guide_blocks()), ("filter", [FILTER_HOST])) if kind in kinds
        for name in names_of_kind]
    plays = []
    with contextlib.ExitStack() as stack:
        for kind, name in hosts:
            root = controller.folder / "roots" / name
            scene = scenes.Scene(name, root)
            stack.enter_context(scene.sim)
            control = ControlServer(scene.sim)
            control.start()
            stack.callback(control.stop)
            plays.append(play(name, scene, control.port, tasks_of(kind, name, root, scene.ports)))
            if kind == "filter":
                plays[-1]["module_defaults"]["group/voiceops.secure_tsp.axl"].update(
                    hostname=scenes.PUBLISHER, username=scene.sim.username, password=scene.sim.password)
        playbook = controller.folder / "examples.yml"
        playbook.write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
        inventory = controller.write_inventory([name for _kind, name in hosts], {})
        run = controller.start(playbook, inventory, "--diff").wait()
        return Played(run, [name for _kind, name in hosts], controller.folder)
