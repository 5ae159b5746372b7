# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The stage of the role client_jtapi for Windows: the controller creates the key stores of the Java applications and delivers them."""

from __future__ import annotations

import base64
import ntpath
import os
import subprocess

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _key_store, _options
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import MissingLibrary, SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Refused
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import files, jtapi
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.windows import Unanswered, not_looked_at
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.windows_stores import KEEPERS, borrowed

SHORTEST_PASSWORD = 6  # of Java
NO_PASSWORD = "Key stores require %sstore_password, with at least %d characters. Nothing was changed." % (jtapi.ROLE, SHORTEST_PASSWORD)
NO_OWNER = "%sowner is not an account of this host, or the rights of %s could not be set: %s"
NO_KEY_STORE = "The controller could not create the key store of instance %s for this host: %s"


def deliver(run, execute):
    """Update the key stores in the application's folder from the certificates, and remove those of absent instances.

    As with the module jtapi_key_store, a store with the same content is not written again.
    """
    wanted, options = jtapi.jtapi(run, execute), options_of(run)
    if any(one["format"] in _key_store.STORES for one in wanted["files"]) and len(options["password"]) < SHORTEST_PASSWORD:
        raise Refused(NO_PASSWORD)
    why = not_looked_at(run)
    if why:
        raise Refused(why)
    folder = ntpath.dirname((wanted["files"] + wanted["gone"])[0]["dest"]) if wanted["files"] or wanted["gone"] else ""
    result = dict(changed=False, diff=[], results=[])
    if not folder:
        return result
    try:
        with borrowed(run, execute) as stores:
            work = Delivery(run, stores, folder, options, result)
            work.deliver(wanted["files"])
            work.remove(wanted["gone"])
    except (SecureTspError, OSError) as error:
        return dict(result, failed=True, msg=run.masked(stores.translated(str(error))))
    return result


def options_of(run):
    """Options of the role that the module jtapi_key_store has on other hosts."""
    found = dict((name, run.template(jtapi.ROLE + name, run.vars.get(jtapi.ROLE + name))) for name in (
        "store_password", "key_passphrase", "encryption", "chain", "bouncy_castle", "keytool", "owner"))
    for name in ("store_password", "key_passphrase"):
        if found[name]:
            run.keep_secret(found[name])
    try:
        chain = _options.CONVERSIONS["bool"](found["chain"])
    except ValueError as error:
        raise Refused("%schain %s. Nothing was changed." % (jtapi.ROLE, error)) from None
    keytool = dict((name, run.path(found[name]) if found[name] and os.sep in found[name] else found[name] or None) for name in (
        "bouncy_castle", "keytool"))
    return dict(keytool, password=str(found["store_password"] or ""), key_passphrase=found["key_passphrase"] or None, chain=chain,
                encryption=found["encryption"], owner=found["owner"])


class Delivery:
    """The key stores of one host. stores: copies of the instances' stores. result: is filled in."""

    def __init__(self, run, stores, folder, options, result):
        self.run, self.stores, self.windows, self.folder, self.result = run, stores, stores.windows, folder, result
        self.options = dict(options)
        self.owner = self.options.pop("owner")
        self.place = os.path.join(stores.root, "delivery")
        os.mkdir(self.place, 0o700)
        found = self.windows.ask("win_find", paths=[folder], patterns=["*"], get_checksum=False)["files"]
        self.there = dict((ntpath.basename(one["path"]).lower(), one["path"]) for one in found)

    def deliver(self, wanted):
        if not wanted:
            return
        self.stores.take([one["path"] for one in wanted])
        if not self.run.check:
            self.open_folder()
        for one in wanted:
            unit = self.stores.unit(one["path"])
            if unit.failure:
                raise unit.failure
            self.one(one)

    def open_folder(self):
        """Set the rights of the folder before there is a file in it. JTAPI writes its trust list there, so its account may write."""
        try:
            changed = self.windows.closed_folder(self.folder, KEEPERS + ([(self.owner, "Modify")] if self.owner else []))
        except Unanswered as error:
            raise Unanswered(NO_OWNER % (jtapi.ROLE, self.folder, str(error).rstrip("."))) from None
        self.result["changed"] = self.result["changed"] or changed

    def one(self, wanted):
        name = ntpath.basename(wanted["dest"])
        local = os.path.join(self.place, name)
        there = self.there.get(name.lower())
        if there:
            files.keep(local, base64.b64decode(self.windows.ask("slurp", src=there)["content"]))
        params = _options.options_of(_key_store.ARGUMENT_SPEC, **dict(
            self.options, path=self.stores.local(wanted["path"]), dest=local, format=wanted["format"], alias=wanted["alias"],
            issuers=wanted["issuers"]))
        if wanted["format"] not in _key_store.STORES:
            params["password"] = None
        try:
            done = _key_store.write(params, self.run.check, run_command, self.stores.root)
        except MissingLibrary as error:
            raise SecureTspError(NO_KEY_STORE % (wanted["instance_id"], error)) from None
        except SecureTspError as error:
            why = str(error).replace(local, wanted["dest"]).rstrip(".")
            raise SecureTspError(NO_KEY_STORE % (wanted["instance_id"], why)) from None
        if done["changed"] and not self.run.check:
            self.copy(local, wanted["dest"])
        if done["changed"]:
            self.result["changed"] = True
            diff = done.get("diff") or {"before": "", "after": ""}
            self.result["diff"].append(dict(diff, before_header=wanted["dest"], after_header=wanted["dest"]))
        self.result["results"].append(dict(
            instance_id=wanted["instance_id"], dest=wanted["dest"], format=wanted["format"], reason=done["reason"], changed=done["changed"]))

    def copy(self, local, dest):
        answer = self.windows.answer("win_copy", dict(src=local, dest=dest), action=True)
        if answer.get("failed"):
            raise Unanswered("%s could not be written on this host: %s" % (dest, answer.get("msg") or "no message"))

    def remove(self, gone):
        for one in gone:
            there = self.there.get(ntpath.basename(one["dest"]).lower())
            if there:
                if not self.run.check:
                    self.windows.ask("win_file", path=there, state="absent")
                self.result["changed"] = True
                self.result["results"].append(dict(instance_id=one["instance_id"], dest=one["dest"], reason="absent", changed=True))


def run_command(words, environ_update):
    """Run a command as AnsibleModule does."""
    done = subprocess.run(words, env=dict(os.environ, **environ_update), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", check=False)
    return done.returncode, done.stdout, done.stderr


STAGES = {"deliver": deliver}
