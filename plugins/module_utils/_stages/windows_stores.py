# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Instances of Java applications on Windows: the controller does what the module tsp_host does on other hosts.

None of our code runs on Windows. A stage therefore works on a copy of the instance's store on the controller, and copies its changes
to the host. Only the controller's user can open the folder of the copy, which is removed at the end. On the host, a store is one archive
in a folder that only SYSTEM and the administrators can open.

A new key is on the host before CAPF is contacted. A certificate that CAPF issued is kept on the controller, with its key, until the
host has it. If this run cannot hand it over, the next run does.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ntpath
import os
import re
import shutil
import tempfile
import time

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _store, _store_archive, _tsp_host
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import StoreError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._model import by_controller
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages import files, host
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.windows import (
    FULL,
    SUBSETS,
    Unanswered,
    Windows,
    as_file_name,
    not_looked_at,
)

KEEPERS = [("S-1-5-18", FULL), ("S-1-5-32-544", FULL)]  # SYSTEM and the administrators, whose names depend on the language of Windows
SURROUNDINGS = ("look", "inspect", "read")  # stages that also show the host itself
TAKES_UP, REMOVES = "look", "remove"
# Of an instance and of its probe.
NEW = (_store.CERTIFICATE, "%s/%s" % (_store.PROBE, _store.CERTIFICATE))
RESUMED = dict(changed=True, action="resumed")
NOT_HANDED_OVER = "the host did not receive the files of this instance: %s"
ISSUED = (
    "CAPF issued the certificate, but the host did not receive it: %s Key and certificate are kept in %s on the controller. The next run "
    "hands them over.")
HANDED_OVER = "%s: the host received the certificate that an earlier run could not hand over."
WAITS = "%s: a certificate that the host did not receive is kept in %s on the controller. voiceops.secure_tsp.site hands it over."
OUTDATED = (
    "%s: %s on the controller contains a certificate that an earlier run could not hand over. The host's files have changed since, so they "
    "stay as they are. Remove the file if the instance works.")
FROM_CONTROLLER = dict(
    text="The controller opened the provider, so the address that CTI Manager saw was the controller's.",
    fix="Only the application itself shows whether its host reaches CTI Manager.")


def reach(run, execute):
    """The object that runs the module tsp_host for this host."""
    return OnController(run, execute) if run.is_windows(run.host) else execute


def sha1(octets):
    """SHA-1 as the module win_find returns it. It only detects changes."""
    return hashlib.sha1(octets, usedforsecurity=False).hexdigest()


class OnController:
    """Called like the Execute of the action, but works in this process. Other modules run on the host, as before."""

    def __init__(self, run, execute):
        self.run, self.execute = run, execute
        self.module, self.action = execute.module, execute.action

    def __call__(self, stage, instances, settings, secrets):
        secrets = self.execute.secrets_of(stage, secrets)
        for found in secrets.values():
            for text in found if isinstance(found, list) else [found]:
                if text:
                    self.run.keep_secret(text)
        why = not_looked_at(self.run)
        if why:
            return dict(failed=True, msg=why)
        try:
            with borrowed(self.run, self.execute) as stores:
                return self.worked(stores, stage, instances, settings, secrets)
        except Unanswered as error:
            return dict(error.facts, failed=True, msg=str(error))

    def worked(self, stores, stage, instances, settings, secrets):
        about = stage in SURROUNDINGS
        facts = stores.windows.ask("setup", gather_subset=SUBSETS).get("ansible_facts") or {} if about else {}
        gone = settings.get("gone") or ()
        stores.take([one["store"] for one in instances if "store" in one], [*gone, *(self.others() if about else ())],
                    take_up=stage == TAKES_UP and not self.run.check, discard=stage == REMOVES)
        settings = dict(settings, gone=[stores.local(folder) for folder in gone], places=[stores.root],
                        **dict((part, dict(settings[part], owner=None, group=None)) for part in ("ctl", "capf") if part in settings))
        work = Copies(stores, facts, [dict(one, store=stores.local(one["store"])) if "store" in one else one for one in instances],
                      settings, secrets, self.run.check)
        try:
            result = work.run(stage)
        finally:
            work.keep_what_came()
        if not work.check:
            stores.hand_over(forget=stage == REMOVES)
        for one, row in zip(work.instances, result.get("rows") or ()):
            work.tell(one, row)
        result["changed"] = any(row.get("changed") for row in result.get("rows") or ())
        warnings = [self.run.masked(text) for text in stores.warnings(instances) + work.warnings]
        return stores.translated(dict(result, diff=work.diff, warnings=warnings))

    def others(self):
        """Folders on this host that stores of instances on other hosts would have."""
        return [one["store_of_host"].replace("{host}", self.run.host) for one in self.run.model().listed()
                if by_controller(one) and one["host"] != self.run.host and not one["probe_of"]]


class Copies(host.Host):
    """The stages of a host, on copies of its stores. facts: those of the host that the module setup returned."""

    def __init__(self, stores, facts, *arguments):
        super().__init__(*arguments)
        self.stores, self.facts = stores, facts

    def _alone(self, step, number, instance):
        unit = self.stores.of_local(instance.get("store"))
        # A reading consists of parts that fail separately.
        if unit and unit.failure and step != self._read:
            return host.told(unit.failure)
        return super()._alone(step, number, instance)

    def _surroundings(self, fetches=True):
        clock = _tsp_host.time_of(self.facts)
        return dict(super()._surroundings(fetches), addresses=_tsp_host.addresses_of(self.facts),
                    time=time.time() if clock is None else clock)

    def before_capf(self, instance):
        """Copy the new key to the host first. Otherwise CAPF would issue a certificate for a key that may be lost."""
        unit = self.stores.of_local(instance["store"])
        self.stores.folder_of_kept()
        self.stores.put(unit)
        unit.asked = True

    def _certificate(self, instance, state, **more):
        unit = self.stores.of_local(instance["store"])
        try:
            return super()._certificate(instance, state, **more)
        finally:
            if unit.asked and not self.check:
                self.stores.keep_and_put(unit)

    def _prove(self, number, instance):
        row = super()._prove(number, instance)
        if "totals" in row:
            row["remarks"] = [*(row.get("remarks") or ()), FROM_CONTROLLER]
        return row

    def keep_what_came(self):
        """Keep certificates that were received before the run was interrupted."""
        for unit in self.stores.units:
            if unit.asked and not self.check:
                with contextlib.suppress(StoreError):
                    self.stores.keep(unit)

    def tell(self, instance, row):
        """Add the result of the handover to a row."""
        unit = self.stores.of_local(instance.get("store"))
        if unit is None:
            return
        if unit.failure and not row.get("failed"):
            row.update(host.told(unit.failure))
        if unit.taken_up and "info" in row and not instance.get("probe_of"):
            row.update(mended=dict(row.get("mended") or {}, **RESUMED), changed=True)


class Unit:
    """One store: an archive on the host, and its copy on the controller.

    checksum: SHA-1 of the archive on the host, None if there is none. before: what the host has. failure: why it cannot be used or
    copied to the host. asked: whether CAPF was contacted. kept: path of the archive that an earlier run or this run keeps.
    """

    def __init__(self, folder, local, kept):
        self.folder, self.local, self.kept = folder, local, kept
        self.path = "%s\\%s" % (folder, _store_archive.NAME)
        self.checksum, self.before, self.failure = None, {}, None
        self.asked = self.taken_up = False
        self.remark = ""


@contextlib.contextmanager
def borrowed(run, execute):
    """Stores of this host, in a folder that is removed at the end."""
    root = tempfile.mkdtemp(prefix="stores-", dir=run.ansible.local_tmp)
    try:
        yield Stores(run, execute, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


class Stores:
    """The stores of one host. root: folder on the controller for their copies."""

    def __init__(self, run, execute, root):
        self.run, self.windows, self.root = run, Windows(run, execute), root
        self.kept_folder = run.path(run.option("handover_folder"))
        self.units = []

    # Folders and copies

    @staticmethod
    def main(folder):
        """The folder of the instance, which contains that of its probe."""
        parent, name = ntpath.split(folder)
        return parent if name == _store.PROBE else folder

    def unit(self, folder):
        """The Unit of a folder on the host."""
        folder = self.main(folder)
        found = next((unit for unit in self.units if unit.folder.lower() == folder.lower()), None)
        if found is None:
            word = hashlib.sha256(("%s\0%s" % (self.run.host, folder.lower())).encode("utf-8", "replace")).hexdigest()[:16]
            name = "%s-%s-%s.zip" % (as_file_name(self.run.host), as_file_name(ntpath.basename(folder)), word)
            found = Unit(folder, os.path.join(self.root, "unit%04d" % len(self.units)), os.path.join(self.kept_folder, name))
            self.units.append(found)
        return found

    def local(self, folder):
        """Path of the copy of a folder on the host."""
        local = self.unit(folder).local
        return local if self.main(folder) == folder else os.path.join(local, _store.PROBE)

    def of_local(self, path):
        return next((unit for unit in self.units if path and (path + os.sep).startswith(unit.local + os.sep)), None)

    def translated(self, value):
        """The value with paths on the host instead of those of the copies."""
        if isinstance(value, dict):
            return dict((name, self.translated(one)) for name, one in value.items())
        if isinstance(value, (list, tuple)):
            return [self.translated(one) for one in value]
        if isinstance(value, str) and self.root in value:
            for unit in self.units:
                value = re.sub(re.escape(unit.local) + r"(?:/[\w.-]+)*", lambda found, unit=unit: unit.folder + found.group()[
                    len(unit.local):].replace("/", "\\"), value)
        return value

    # From the host

    def take(self, folders, others=(), take_up=False, discard=False):
        """Copy the stores in these folders. others: folders with stores that are only read, if there are any.

        take_up: first hand over what an earlier run kept. discard: the stores will be removed, so they need not be readable.
        """
        named = [self.unit(folder) for folder in folders]
        for folder in others:
            self.unit(folder)
        if not self.units:
            return
        found = self.windows.ask("win_find", paths=[unit.folder for unit in self.units], patterns=[_store_archive.NAME],
                                 get_checksum=True)["files"]
        for one in found:
            unit = next((unit for unit in self.units if unit.path.lower() == one["path"].lower()), None)
            if unit:
                unit.checksum = one.get("checksum") or ""
        for unit in self.units:
            if unit in named and os.path.lexists(unit.kept) and not discard:
                self.look_at_kept(unit, take_up)
            if unit.checksum is not None and not unit.failure:
                self.copy(unit, discard)

    def copy(self, unit, discard=False):
        octets = base64.b64decode(self.windows.ask("slurp", src=unit.path)["content"])
        unit.checksum = sha1(octets)
        os.mkdir(unit.local, _store.FOLDER_MODE)
        try:
            _store_archive.unpack(octets, unit.local, unit.path)
            unit.before = _store_archive.contents(unit.local)
        except StoreError as error:
            shutil.rmtree(unit.local)
            os.mkdir(unit.local, _store.FOLDER_MODE)
            unit.before = {_store_archive.NAME: octets}
            unit.failure = None if discard else error

    def look_at_kept(self, unit, take_up):
        """Hand over what an earlier run kept, if the host still has what that run left there."""
        try:
            octets = self.read_kept(unit)
        except StoreError as error:
            unit.failure = error
            return
        base = _store_archive.comment_of(octets).decode("ascii", "replace")
        if unit.checksum == sha1(octets):
            self.forget(unit)
        elif unit.checksum not in (None, base):
            unit.remark = OUTDATED
        elif not take_up:
            unit.remark = WAITS
        else:
            try:
                self.send(unit, unit.kept)
            except Unanswered as error:
                unit.failure = StoreError(ISSUED % (error, unit.kept))
                return
            unit.checksum, unit.taken_up, unit.remark = sha1(octets), True, HANDED_OVER
            self.forget(unit)

    # To the host

    def hand_over(self, forget=False):
        """Copy all changed stores to the host, separately. forget: also remove what was kept of them."""
        for unit in self.units:
            if not unit.failure:
                with contextlib.suppress(StoreError):
                    self.put(unit)
                    if forget:
                        self.forget(unit)

    def put(self, unit, octets=None):
        """Update the host's archive if the copy changed. Raises StoreError, which is also the unit's failure.

        octets: those of the archive, if it is already packed.
        """
        now = _store_archive.contents(unit.local)
        if now == unit.before:
            return
        try:
            if now:
                path, octets = os.path.join(self.root, _store_archive.NAME), octets or _store_archive.pack(unit.local)
                files.keep(path, octets)
                self.send(unit, path)
                unit.checksum = sha1(octets)
            else:
                self.take_away(unit)
            unit.before = now
        except (Unanswered, OSError) as error:
            unit.failure = StoreError(NOT_HANDED_OVER % str(error).rstrip("."), where=unit.folder)
            raise unit.failure from None

    def send(self, unit, path):
        self.windows.closed_folder(unit.folder, KEEPERS)
        answer = self.windows.answer("win_copy", dict(src=path, dest=unit.path), action=True)
        if answer.get("failed"):
            raise Unanswered("win_copy failed: %s" % (answer.get("msg") or "no message"))

    def take_away(self, unit):
        """Remove the archive, and the folder if nothing else is in it."""
        self.windows.ask("win_file", path=unit.path, state="absent")
        if not self.windows.ask("win_find", paths=[unit.folder], patterns=["*"], recurse=True, get_checksum=False)["files"]:
            self.windows.ask("win_file", path=unit.folder, state="absent")
        unit.checksum = None

    # Archives that the controller keeps until the host has them

    def folder_of_kept(self):
        """Check that a certificate could be kept. Raises StoreError."""
        try:
            files.private_folder(self.kept_folder)
        except OSError as error:
            raise StoreError("certificates cannot be kept there until the host has them: %s" % error.strerror, where=self.kept_folder,
                             cure="Set secure_tsp_handover_folder to a folder of its own. No connection was made.") from None

    def read_kept(self, unit):
        try:
            with os.fdopen(os.open(unit.kept, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
                if os.fstat(stream.fileno()).st_uid != os.geteuid():
                    raise PermissionError(1, "it belongs to another user")
                return stream.read(_store_archive.MOST_OCTETS)
        except OSError as error:
            raise StoreError("what an earlier run kept cannot be read: %s" % error.strerror, where=unit.kept, cure=(
                "Find out who changed it, then remove it.")) from None

    def keep(self, unit):
        """Keep a new certificate that the host does not have. Returns the octets of the archive, None if there is no such certificate."""
        now = _store_archive.contents(unit.local)
        if all(unit.before.get(name) == now.get(name) for name in NEW):
            return None
        octets = _store_archive.pack(unit.local, (unit.checksum or "").encode("ascii"))
        try:
            files.private_folder(self.kept_folder)
            files.keep(unit.kept, octets)
        except OSError as error:
            raise StoreError("the certificate cannot be kept: %s" % error.strerror, where=unit.kept) from None
        return octets

    def keep_and_put(self, unit):
        """Hand over the certificate that CAPF issued. It is kept until the host has it."""
        octets = None
        with contextlib.suppress(StoreError):  # in that case, it is only handed over
            octets = self.keep(unit)
        try:
            self.put(unit, octets)
        except StoreError as error:
            unit.failure = StoreError(ISSUED % (error, unit.kept)) if octets else error
            return
        if octets:
            self.forget(unit)

    @staticmethod
    def forget(unit):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unit.kept)

    def warnings(self, instances):
        """Warnings about archives that were kept."""
        found = []
        for unit in self.units:
            if unit.remark:
                name = next((one["instance_id"] for one in instances if self.unit(one["store"]) is unit), unit.folder)
                found.append(unit.remark % ((name,) if unit.remark == HANDED_OVER else (name, unit.kept)))
        return found
