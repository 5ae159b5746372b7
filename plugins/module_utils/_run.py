# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What a stage knows about the run: options, lists, and what earlier stages registered. The only reader of task variables.

Secrets are evaluated only when a stage asks for them, leave this process only sealed to a host, and are searched for in
everything that a stage returns.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import signal
import traceback
from typing import Any, Callable, NamedTuple, Optional, Tuple, Type

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _screen
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import (
    hidden,
    is_ordinary,
    printable,
    shown_lines,
    standing,
    word,
)
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._journal import Journal
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import Key, Model, did_you_mean, mistake
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._options import (
    LISTS,
    OPTIONS,
    PREFIX,
    PREFIX_WINDOWS,
    WINDOWS,
    converted,
    default_of,
)

# What the stages register, the first stage first; NEWEST are those that carry rows, the newest first. FIRST are those in which
# a host is contacted for the first time, so they show whether it can be reached.
PREFLIGHT, LOOKED, ACCOUNTS, PLANNED, GATE, ENROLLED, RENEWED, CUTOVER, PROVED, REMOVED, GONE, RESTORED, SUMMARY = (
    "preflight", "looked", "accounts", "planned", "gate", "enrolled", "renewed", "cut_over", "proved", "removed", "gone", "restored",
    "summary")
DUE, LOGGED_IN, STOPPED, GAVE_UP, UNCUT = "due", "logged_in", "stopped", "gave_up", "uncut"
FINDINGS, READ, OPENED, KNOCKED, HELD, ADOPTED, DIAGNOSIS = (
    "findings", "read", "opened", "knocked", "held", "adopted", "diagnosis")
FURTHER = ("armed", "waited", DUE, LOGGED_IN, STOPPED, GAVE_UP, UNCUT, FINDINGS, READ, OPENED, KNOCKED, HELD, ADOPTED, DIAGNOSIS)
# Of hosts with TSPs: who got its authorization string, the result of the wait, the tick for the secure port, what still needs a restart.
HANDED, WAITED, FETCHED, TICKED, SETTLED, SHEET = ("handed", "waited", "fetched", "ticked", "settled", "sheet")
# What the operator typed, and what is restarted for the fetch.
TYPED, READY = "typed", "ready"
OF_TSPS = (HANDED, TYPED, READY, WAITED, FETCHED, TICKED, SETTLED, SHEET)
REGISTERS = (PREFLIGHT, LOOKED, ACCOUNTS, PLANNED, GATE, ENROLLED, RENEWED, CUTOVER, PROVED, REMOVED, GONE, RESTORED,
             SUMMARY) + FURTHER + OF_TSPS
NEWEST = (GAVE_UP, GONE, REMOVED, RESTORED, PROVED, SETTLED, TICKED, FETCHED, HANDED, RENEWED, ENROLLED, PLANNED, LOOKED)
FIRST = (LOOKED, REMOVED, RESTORED)
OF_PLAYBOOKS = ("pattern",)  # what the playbook windows gives site
# Of the role client_windows, and what it takes.
REGISTERS_OF_ROLE = ("installed", "written", "discovered", "sat", "done", "package", "drafted", "work", "restart")
RUNNING = "secure_tsp.running"  # file of a run that may arm profiles
WINDOWS_CONNECTIONS = ("winrm", "psrp")
WINDOWS_SHELLS = ("powershell", "cmd")
WORDS_OF_HOST = ("ansible_connection", "ansible_shell_type", "ansible_os_family")


class Refused(Exception):
    """The run must not continue. Its text is the message."""


def refuse_lists(mistakes, done="changed"):
    """Raise Refused with all mistakes, if there are any. done: what did not happen."""
    if mistakes:
        raise Refused("%d mistake(s) in the lists: %s. Nothing was %s." % (len(mistakes), "; ".join(mistakes), done))


class Interrupted(BaseException):
    """The run was asked to end. C(number) is the signal."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


class Ansible(NamedTuple):
    """What a run needs from Ansible, as an action has it: code in module_utils must not import it.

    show: prints a line. errors: what templating raises. local_tmp: the folder for files of this process.
    load: reads a YAML file. inventory: sources that -i named.
    """

    show: Callable[[str], Any]
    errors: Tuple[Type[Exception], ...]
    local_tmp: str
    load: Optional[Callable[[str], Any]] = None
    inventory: Tuple[str, ...] = ()


class Run:
    """templar and task_vars as an action plugin has them."""

    def __init__(self, templar, task_vars, check, diff, ansible):
        self.vars, self._templar, self.ansible = task_vars, templar, ansible
        self.check, self.diff = check, diff
        self.host = task_vars.get("inventory_hostname")
        self._secrets = set()
        self._options = {}
        self._model = None

    # Options

    def template(self, name, value):
        try:
            return self._templar.template(value)
        except self.ansible.errors as error:
            raise Refused("%s cannot be evaluated: %s Nothing was changed." % (name, first_line(error))) from None

    def option(self, name):
        """The value in its type. Raises Refused."""
        if name not in self._options:
            option = OPTIONS[name]
            value = self.vars.get(PREFIX + name)
            if isinstance(value, str) or option.type in ("list", "dict"):
                value = self.template(PREFIX + name, value)
            try:
                self._options[name] = self._default(name) if value is None else converted(option, value)
            except ValueError as error:
                raise Refused("%s Nothing was changed." % (mistake("wrong_option", PREFIX + name, clause="%s." % error),)) from None
            if option.secret and self._options[name]:
                self._secrets.add(str(self._options[name]))
        return self._options[name]

    def _default(self, name):
        """Some playbooks have their own defaults, which their preflight registered."""
        own = self.register(PREFLIGHT).get("defaults") or {}
        return own[name] if name in own else default_of(OPTIONS[name])

    def mistakes(self):
        """Mistakes in all options except the lists, and unknown variables, of the play and of all its hosts."""
        found = []
        for name in OPTIONS:
            try:
                self.option(name)
            except Refused as error:
                found.append(str(error).replace(" Nothing was changed.", "").rstrip("."))
        known = dict.fromkeys([*OPTIONS, *LISTS])
        ours, unknown = {*known, *REGISTERS, *OF_PLAYBOOKS}, {}
        # Variables of the play belong to no host, but they are here together with those of this host.
        for variables in [self.raw(host) for host in self.vars["ansible_play_hosts_all"]] + [self.vars]:
            for variable in variables:
                name = str(variable)[len(PREFIX):]
                if str(variable).startswith(PREFIX) and name not in ours:
                    unknown[name] = None
        return found + [str(mistake("unknown_variable", PREFIX + name, hint=did_you_mean(name, known, PREFIX))) for name in unknown]

    # Windows hosts

    def windows(self, host=None):
        """(options of a Windows host by name, what is wrong with them), of this host unless named."""
        here = host in (None, self.host)
        found, wrong = {}, []
        raw = self.vars if here else self.raw(host)
        for name, option in WINDOWS.items():
            variable = PREFIX_WINDOWS + name
            try:
                value = raw.get(variable)
                if value is not None and (isinstance(value, str) or option.type in ("list", "dict", "raw")):
                    value = self.template(variable, value) if here else self.vars["hostvars"][host].get(variable)
                found[name] = default_of(option) if value is None else converted(option, value)
            except ValueError as error:
                found[name] = default_of(option)
                wrong.append("%s %s" % (variable, error))
            except (Refused, *self.ansible.errors) as error:
                found[name] = default_of(option)
                wrong.append(str(error) if isinstance(error, Refused) else "%s cannot be evaluated: %s" % (variable, first_line(error)))
        unknown = [str(name)[len(PREFIX_WINDOWS):] for name in dict.fromkeys([*raw, *self.vars]) if str(name).startswith(PREFIX_WINDOWS)]
        wrong += [str(mistake("unknown_variable", PREFIX_WINDOWS + name, hint=did_you_mean(name, WINDOWS, PREFIX_WINDOWS)))
                  for name in unknown if name not in WINDOWS and name not in REGISTERS_OF_ROLE]
        return found, wrong

    def profile_path(self, path):
        """Where a registry profile is: as given, beside the inventory, or where the run was started."""
        full = os.path.expanduser(path)
        beside = os.path.join(self.vars.get("inventory_dir") or "", full)
        return os.path.abspath(beside if os.path.exists(beside) else full)

    def registry_profile(self, path):
        """C(settings) of a registry profile. Raises Refused."""
        if not path:
            return {}
        try:
            return (self.ansible.load(self.profile_path(path)) or {}).get("settings") or {}
        except (*self.ansible.errors, AttributeError) as error:
            raise Refused("The registry profile %s cannot be read: %s" % (path, first_line(error))) from None

    def of_role(self, name):
        """What a task of the role client_windows registered on this host."""
        return self.vars.get(PREFIX_WINDOWS + name) or {}

    def listed(self, name):
        """One of the three lists, secrets included, or its default."""
        value = self.vars.get(PREFIX + name)
        return default_of(LISTS[name]) if value is None else self.template(PREFIX + name, value)

    def clusters(self):
        """Entries of the clusters with their passwords."""
        entries = self.listed("clusters")
        for entry in entries.values():
            self._secrets |= set(str(entry[key]) for key in ("password", "serviceability_password") if entry.get(key))
        return entries

    def passwords(self, model, wanted=None):
        """{Key: password} of the wanted users, or of all."""
        found = {}
        for user, listed in self._beside(model.users, "users"):
            key = Key(user["cluster"], user["name"])
            if user["password_given"] and (wanted is None or key in wanted):
                found[key] = self._secret("the password of user %s" % user["name"], listed["password"])
        return found

    def strings(self, cluster, ids, model):
        """{instance ID: authorization string} of those that the list gives."""
        if not any(one["string_given"] for one in model.instances(cluster) if one["instance_id"] in ids):
            return {}
        found = {}
        for listed in self._entries("instances"):
            name = str(self.template("instance_id", listed.get("instance_id")))
            where = str(self.template("cluster", listed.get("cluster") or cluster))
            if name in ids and where == cluster and listed.get("authorization_string") is not None:
                found[name] = self._secret("the authorization string of instance %s" % name, listed["authorization_string"])
        return found

    def _beside(self, entries, name):
        """Entries of the model with their entries in the inventory, which are in the same order."""
        return zip(entries, self._entries(name))

    def _entries(self, name):
        """Entries of a list as they were written, their values not evaluated."""
        raw = self.vars.get(PREFIX + name) or ()
        return self.template(PREFIX + name, raw) if isinstance(raw, str) else raw

    def _secret(self, name, value):
        text = str(self.template(name, value))
        self._secrets.add(text)
        return text

    def keep_secret(self, text):
        """Also search for this text in everything that is shown or returned."""
        self._secrets.add(str(text))

    def every_secret(self, model):
        """All secrets that the lists hold, to keep them out of what others wrote."""
        self.clusters()
        self.passwords(model)
        for listed in self._entries("instances"):
            if listed.get("authorization_string") is not None:
                self._secret("the authorization string of an instance", listed["authorization_string"])
        self.passphrase()
        return sorted(self._secrets)

    def passphrase(self):
        return self.option("key_passphrase")

    # Registers and hosts

    def register(self, name):
        return self.vars.get(PREFIX + name) or {}

    def needed(self, name, stage):
        """A register that this stage requires."""
        found = self.vars.get(PREFIX + name)
        if not found or found.get("skipped"):
            raise Refused("The stage '%s' did not run before this one. Start at the first task of the playbook, without --start-at-task "
                          "or --tags that skip it." % stage)
        return found

    def model(self):
        if self._model is None:
            self._model = Model.of(self.needed(PREFLIGHT, "Check lists, window and clusters")["model"])
        return self._model

    def raw(self, host):
        """Variables of a host as they were written, registers among them."""
        return self.vars["hostvars"].raw_get(host)

    def of_host(self, host, name):
        return self.raw(host).get(PREFIX + name) or {}

    def connection_of(self, host):
        """Name of the connection plugin of a host, without its collection."""
        found = self.raw(host).get("ansible_connection") or ""
        if "{" in str(found):
            found = self.vars["hostvars"][host].get("ansible_connection") or ""
        return str(found).rpartition(".")[2]

    def inventory(self):
        """Names of all hosts."""
        return set(self.vars["hostvars"])

    def value_of_host(self, host, name):
        """A variable as that host has it, evaluated."""
        value = self.raw(host).get(PREFIX + name)
        return self.vars["hostvars"][host].get(PREFIX + name) if "{" in str(value or "") else value

    def is_windows(self, host):
        if host not in self.vars["hostvars"]:
            return False
        raw = self.raw(host)
        words = dict((word, raw.get(word)) for word in WORDS_OF_HOST)
        if any("{" in str(value) for value in words.values() if value):
            words = dict((word, self.vars["hostvars"][host].get(word)) for word in WORDS_OF_HOST)
        return (words["ansible_connection"] in WINDOWS_CONNECTIONS or str(words["ansible_connection"] or "").rpartition(".")[2]
                in WINDOWS_CONNECTIONS or words["ansible_shell_type"] in WINDOWS_SHELLS
                or (raw.get("ansible_facts") or {}).get("os_family", words["ansible_os_family"]) == "Windows")

    def newest(self, host):
        """Rows of a host as the last stage that worked on it left them, None where no stage did."""
        for name in NEWEST:
            rows = self.of_host(host, name).get("rows")
            rows = rows.get(host) if isinstance(rows, dict) else rows
            if rows is not None:
                return rows
        return None

    def rows(self, hosts=None):
        """Newest rows of hosts of the play, of all of them unless named."""
        return [row for host in (self.vars["ansible_play_hosts_all"] if hosts is None else hosts) for row in self.newest(host) or ()]

    def batch(self):
        return list(self.vars["ansible_play_batch"])

    def begun(self):
        """Hosts of earlier batches of this play or of earlier plays."""
        batch = set(self.batch())
        return [host for host in self.vars["ansible_play_hosts_all"] if host not in batch and self.of_host(host, LOOKED)]

    def model_of_begun(self):
        return Model.of(self.of_host(self.begun()[0], PREFLIGHT)["model"])

    def fit(self):
        """Hosts of the batch that were checked and not refused."""
        return [host for host in self.batch() if self.newest(host) is not None and not self.refusal(host)]

    def refusal(self, host):
        """Why a host cannot continue, empty if it can."""
        unreachable = self.unreachable(host)
        if unreachable:
            return "This host cannot be reached: %s" % unreachable
        looked = self.of_host(host, LOOKED)
        refused = (self.of_host(host, name).get("refused") for name in REGISTERS)
        return next(filter(None, refused), "") or (looked.get("msg", "failed without a message") if looked.get("failed") else "")

    def unreachable(self, host):
        """Why a host could not be reached when it was first contacted, empty if it could."""
        for name in FIRST:
            found = self.of_host(host, name)
            if found.get("unreachable"):
                return found.get("msg") or "no message"
        return ""

    def journal(self):
        return Journal(self.ansible.local_tmp)

    def addresses(self):
        """{host: addresses} of all hosts that were checked."""
        found = {}
        for host in self.vars["ansible_play_hosts_all"]:
            known = self.of_host(host, LOOKED).get("addresses")
            if known is not None:
                found[host] = known
        return found

    # Other runs at the same time

    def announce(self, hostnames):
        """Record that a run that may arm profiles is working on these clusters. The record is removed with the run's own folder."""
        if not self.check:
            Journal(self.ansible.local_tmp, RUNNING).add("running", "", process=os.getppid(), hostnames=sorted(hostnames))

    def beside(self):
        """{hostname of a cluster: since when} that another run of this controller and user works on."""
        found = {}
        own = os.path.abspath(self.ansible.local_tmp)
        for folder in glob.glob(os.path.join(glob.escape(os.path.dirname(own)), "ansible-local-*")):
            for event in Journal(folder, RUNNING).news() if os.path.abspath(folder) != own else ():
                if alive(event["process"]):
                    found.update((hostname, event["at"]) for hostname in event["hostnames"])
        return found

    # Files and what is shown

    @staticmethod
    def path(text):
        """The absolute path; a relative one is relative to the folder in which ansible-playbook was started."""
        return os.path.abspath(os.path.expanduser(text))

    def show(self, *lines):
        """Print lines for people, folded for their terminal; on the controller this is the only way past Ansible's JSON."""
        for line in lines:
            for part in _screen.folded(self.with_inventory(printable(self.masked(line)))):
                self.ansible.show(part)

    def with_inventory(self, value):
        """The value with the inventory of this run in its commands."""
        return _screen.with_inventory(value, [word(self.shortest(source)) for source in self.ansible.inventory])

    @staticmethod
    def shortest(path):
        """A path as it is typed where the run was started. Anything else stays unchanged."""
        beside = os.path.relpath(path) if os.path.isabs(path) else path
        return path if beside.startswith("..") else beside

    @contextlib.contextmanager
    def alone(self, hostname):
        """One process of this controller at a time writes to a cluster."""
        name = hashlib.sha256(hostname.encode("utf-8", "replace")).hexdigest()[:16]
        folder = os.path.dirname(self.ansible.local_tmp)
        path = os.path.join(folder, "secure_tsp.%d.%s.lock" % (os.getuid(), name))  # the folder may be shared
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def masked(self, text):
        return hidden(text, self._secrets)

    def sealed(self, result):
        """The result, unless it contains a secret; that is a bug, and it is not shown. An ordinary word or number does not count."""
        found = "\n".join(texts_of(result))
        for secret in self._secrets:
            if not is_ordinary(secret) and any(standing(form).search(found) for form in (secret, json.dumps(secret)[1:-1])):
                return dict(failed=True, changed=bool(result.get("changed")), msg=(
                    "The result of this stage is not shown, because it contains a secret. Report this, and check the cluster with "
                    "voiceops.secure_tsp.drift."))
        diff = result.pop("diff", None)
        if self.diff and diff is not None:
            result["diff"] = shown_lines(diff)
        if result.get("warnings"):
            result["warnings"] = [_screen.warning(printable(self.with_inventory(one))) for one in result["warnings"]]
        if isinstance(result.get("msg"), str):
            result["msg"] = shown_lines(result["msg"])
        return result


def texts_of(value):
    """Every text in a result."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple, set)):
        return [text for one in value for text in texts_of(one)]
    return [str(value)]


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def first_line(error):
    """The text of an Ansible error, without the listing that may quote variables."""
    text = getattr(error, "message", None) or str(error)
    return str(text).strip().split("\n", maxsplit=1)[0].rstrip(".") + "."


def reason_of(error):
    """Text of an error for people. Only our own are known to contain no secret."""
    if isinstance(error, (SecureTspError, Refused)):
        return str(error)
    frames = [(os.path.basename(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    return "an unexpected %s (%s). Report it with the steps to reproduce it." % (
        type(error).__name__, ", ".join("%s:%d" % place for place in frames[-3:]))


# Tidying up before the end


@contextlib.contextmanager
def tidying():
    """SIGINT and SIGTERM become Interrupted inside; afterwards the process ends as it would have."""
    before = {}
    ended = []

    def end(number, _frame):
        ended.append(number)
        for known in before:
            signal.signal(known, signal.SIG_IGN)
        with contextlib.suppress(OSError):
            if os.getpgid(0) == os.getpid():
                os.killpg(os.getpid(), number)  # what runs for this stage ends with it
        raise Interrupted(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if ended:
            os.kill(os.getpid(), ended[0])
