# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The files of one TSP instance on its host: fixed names, atomic writes, keys 0600, and a pair that changes as a whole.

Names are always looked up inside the opened folder and symbolic links are never followed, so that the owner of the
folder cannot mislead a writer with more rights. Writers hold C(lock()).

How a pair is replaced: a key waits in C(pending/) while its enrolment is open, its certificate is staged beside it, the
current pair is copied to C(previous/), then C(pending/) is renamed to C(replacing/) in one step. From then on the
change is decided, and C(recover()) finishes it after a crash. C(previous/), even an empty one, means that the pair
in place was not verified yet.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import fcntl
import grp
import os
import pwd
import re
import secrets
import stat
import time

from ansible_collections.voiceops.secure_tsp.plugins.module_utils import _ctl
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import FormatError, StoreError

USUAL_PLACE = "/etc/secure_tsp"  # by default, folders of instances are below it
TRUST_LIST = "ctl.tlv"
FORMER_TRUST_LIST = "ctl.tlv.previous"
CALLMANAGER = "CallManager.cer"
KEY = "QBEClient.key.pem"
CERTIFICATE = "QBEClient.cer"
BUNDLE = "QBEClient.pem"
PROVEN = "proven"  # when the pair in place was verified
PENDING, PREVIOUS, REPLACING, PROBE = "pending", "previous", "replacing", "probe"
LOCK = ".lock"

PRIVATE = (KEY, BUNDLE, LOCK)
PAIR = (KEY, CERTIFICATE)
HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+\Z")  # OpenSSL's file names in a folder of certificates
TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.new\Z")
FOLDER_MODE, PARENT_MODE, PRIVATE_MODE, PUBLIC_MODE = 0o700, 0o755, 0o600, 0o644
MAX_SIZE = 1 << 20
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
LOCK_SECONDS = 30


class Store:
    """One folder. owner and group: name or number for everything written; None keeps what is there, and new files
    belong to the current user. Every method raises StoreError with the path.
    """

    def __init__(self, folder, owner=None, group=None):
        self.folder = os.path.abspath(folder)
        self.owner = owner
        self.group = group

    def path(self, name):
        return os.path.join(self.folder, name)

    def sub(self, name):
        """The store in the folder C(pending), C(previous) or C(probe) of this one."""
        return Store(self.path(name), self.owner, self.group)

    @property
    def pending(self):
        return self.sub(PENDING)

    @property
    def previous(self):
        return self.sub(PREVIOUS)

    @property
    def probe(self):
        return self.sub(PROBE)

    @property
    def _replacing(self):
        return self.sub(REPLACING)

    # The folder

    @property
    def exists(self):
        with self._opened() as folder:
            return folder is not None

    def names(self):
        """Names in the folder, sorted; none if it does not exist."""
        with self._opened() as folder:
            return [] if folder is None else sorted(os.listdir(folder))

    def create(self, check=False):
        """Create the folder with mode 0700, its missing parents with 0755. Returns whether that changes anything.

        A folder that group or others may write to is refused, because its files could come from anybody; so is a
        folder with foreign files that would have to be closed to others.
        """
        with self._opened() as folder:
            if folder is not None:
                return self._adopt(folder, check)
        if not check:
            self._make_folder()
        return True

    def _adopt(self, folder, check):
        status = os.fstat(folder)
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o022:
            raise StoreError("others can write to the folder (mode %04o)" % mode, where=self.folder,
                             cure="Check whether its files are yours, then remove the rights: chmod 0700.")
        owner, group = self._ids(check)
        wrong = mode != FOLDER_MODE or owner not in (None, status.st_uid) or group not in (None, status.st_gid)
        if not wrong:
            return False
        names = os.listdir(folder)
        if names and not any(_is_ours(name) for name in names):
            raise StoreError("this is not a folder of a TSP instance: it contains other files", where=self.folder,
                             cure="Give the instance its own folder.")
        if not check:
            with self._failing("the mode and owner of the folder cannot be set"):
                self._own(folder, status, owner, group)
                os.fchmod(folder, FOLDER_MODE)
        return True

    def _make_folder(self):
        missing, parent = [], os.path.dirname(self.folder)
        while not os.path.exists(parent):
            missing.append(parent)
            parent = os.path.dirname(parent)
        with self._failing("the folder cannot be created"):
            umask = os.umask(0o022)  # in one step: a process that dies in between would leave parents that cannot be entered
            try:
                for path in reversed(missing):
                    os.mkdir(path, PARENT_MODE)
            finally:
                os.umask(umask)
            os.mkdir(self.folder, FOLDER_MODE)
        with self._opened() as folder, self._failing("the mode and owner of the folder cannot be set"):
            self._own(folder, os.fstat(folder), *self._ids())
            os.fchmod(folder, FOLDER_MODE)

    def remove_if_empty(self):
        """Remove the folder when nothing but the lock file is left in it. Returns whether it did."""
        with self._opened() as folder:
            if folder is None or set(os.listdir(folder)) - {LOCK}:
                return False
            with self._failing("the folder cannot be removed"):
                self._unlink(folder, LOCK)
                os.rmdir(self.folder)
        return True

    @contextlib.contextmanager
    def lock(self, seconds=None):
        """Keep other runs out of the folder, which must exist; also remove what a killed run left half written.

        The lock ends with the process, so there are no stale ones. Waits up to C(seconds) (30) for another run.
        """
        descriptor = self._locked(LOCK_SECONDS if seconds is None else seconds)
        try:
            for store in (self, self.pending, self.previous, self._replacing):
                store._sweep()
            yield self
        finally:
            os.close(descriptor)

    def _locked(self, seconds):
        end = time.monotonic() + seconds
        while True:
            descriptor = self._open_lock()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_lock(descriptor):
                    return descriptor
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    os.close(descriptor)
                    raise self._failed("the folder cannot be locked", error) from None
            os.close(descriptor)
            if time.monotonic() >= end:
                raise StoreError("another run is working on this instance", where=self.folder,
                                 cure="Wait for it to end, then run again.")
            time.sleep(0.1)

    def _open_lock(self):
        with self._opened() as folder:
            if folder is None:
                raise StoreError("the folder does not exist", where=self.folder)
            with self._failing("the folder cannot be locked"):
                descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_MODE, dir_fd=folder)
                self._own(descriptor, os.fstat(descriptor), *self._ids())
                return descriptor

    def _is_lock(self, descriptor):
        """Whether this is still the lock file of the folder, and not one that was removed meanwhile."""
        with self._opened() as folder:
            found = self._status(folder, LOCK) if folder is not None else None
        return found is not None and os.path.samestat(found, os.fstat(descriptor))

    def _sweep(self):
        with self._opened() as folder:
            for name in os.listdir(folder) if folder is not None else ():
                if TEMPORARY.match(name):
                    with self._failing("a file of an interrupted run cannot be removed", name):
                        self._unlink(folder, name)

    # Files

    def read(self, name):
        """Octets of a file, or None without it. Symbolic links and anything but plain files are refused, and so are
        keys that have a second name in the file system."""
        with self._opened() as folder:
            if folder is None:
                return None
            try:
                # Without O_NONBLOCK a planted pipe would block us.
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            except FileNotFoundError:
                return None
            except OSError as error:
                self._check(name, self._status(folder, name))
                raise self._failed("%s cannot be read" % name, error, name) from None
        try:
            self._check(name, os.fstat(descriptor))
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                octets = stream.read(MAX_SIZE + 1)
        finally:
            os.close(descriptor)
        if len(octets) > MAX_SIZE:
            raise StoreError("%s is larger than %d octets" % (name, MAX_SIZE), where=self.path(name))
        return octets

    def write(self, name, octets, private=False, check=False):
        """Give a file this content, mode 0600 (private, and always for keys) or 0644, and the owner.

        Returns whether that changes anything; check: only report. The file appears complete or not at all.
        """
        mode = PRIVATE_MODE if private or name in PRIVATE else PUBLIC_MODE
        owner, group = self._ids(check)
        found = self.read(name)
        with self._opened() as folder:
            status = self._status(folder, name) if folder is not None else None
            if status is not None:
                owner = status.st_uid if owner is None else owner
                group = status.st_gid if group is None else group
                is_so = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
                if found == octets and is_so == (mode, owner, group):
                    return False
            if not check:
                if folder is None:
                    raise StoreError("the folder does not exist", where=self.folder)
                self._replace(folder, name, octets, mode, owner, group)
        return True

    def _replace(self, folder, name, octets, mode, owner, group):
        temporary = ".%s.%s.new" % (name, secrets.token_hex(8))
        with self._failing("%s cannot be written" % name, name):
            descriptor = os.open(
                temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_MODE, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    self._own(descriptor, os.fstat(descriptor), owner, group)
                    os.fchmod(descriptor, mode)
                    stream.write(octets)
                    stream.flush()
                    os.fsync(descriptor)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                self._unlink(folder, temporary)
                raise
            os.fsync(folder)

    def remove(self, name, check=False):
        """Remove a file (or the symbolic link of that name). Returns whether there was one."""
        with self._opened() as folder:
            if folder is None or self._status(folder, name) is None:
                return False
            if not check:
                with self._failing("%s cannot be removed" % name, name):
                    self._unlink(folder, name)
                    os.fsync(folder)
        return True

    def modes(self):
        """{name: C("0600")} of the folder itself (C(.)) and of all files in it that are ours, those of C(pending/) and
        C(previous/) included."""
        return dict((name, "%04o" % stat.S_IMODE(status.st_mode)) for name, status in self._statuses())

    def wrong_modes(self):
        """{name: {found, wanted}} of what has another mode, or another owner or group than was given."""
        owner, group = self._ids(check=True)
        wrong = {}
        for name, status in self._statuses():
            wanted = "%04o" % _mode_of(name)
            found = "%04o" % stat.S_IMODE(status.st_mode)
            if owner not in (None, status.st_uid):
                wanted, found = "%s owner %s" % (wanted, self.owner), "%s owner %d" % (found, status.st_uid)
            if group not in (None, status.st_gid):
                wanted, found = "%s group %s" % (wanted, self.group), "%s group %d" % (found, status.st_gid)
            if found != wanted:
                wrong[name] = {"found": found, "wanted": wanted}
        return wrong

    def _statuses(self):
        """(name, status) of what is ours, the folder itself first."""
        with self._opened() as folder:
            if folder is None:
                return []
            found = [(".", os.fstat(folder))]
            for name in sorted(filter(_is_ours, os.listdir(folder))):
                status = self._status(folder, name)
                if status is not None and stat.S_ISREG(status.st_mode):
                    found.append((name, status))
        for name in (PENDING, PREVIOUS, REPLACING):
            found += [(name if inner == "." else "%s/%s" % (name, inner), status)
                      for inner, status in self.sub(name)._statuses()]
        return found

    # The trust list

    def write_trust_list(self, octets, certificates, callmanager, check=False):
        """Store a verified trust list with its certificates. Returns the names that change, none on a second call.

        certificates: {C("417b2018.0"): PEM octets}; callmanager: DER for C(CallManager.cer), or None. The trust list
        itself comes last, so that after a crash it is fetched and written again. Certificates of the former trust
        list are removed.
        """
        stored, known = self.read(TRUST_LIST), self._listed_before()
        changed = [name for name, pem in sorted(certificates.items()) if self.write(name, pem, check=check)]
        if callmanager is None:
            changed += [CALLMANAGER] if self.remove(CALLMANAGER, check) else []
        elif self.write(CALLMANAGER, callmanager, check=check):
            changed.append(CALLMANAGER)
        if stored is not None and stored != octets and self.write(FORMER_TRUST_LIST, stored, check=check):
            changed.append(FORMER_TRUST_LIST)
        if self.write(TRUST_LIST, octets, check=check):
            changed.append(TRUST_LIST)
        for name in self._hashed(known):
            if name not in certificates and self.remove(name, check):
                changed.append(name)
        return changed

    def remove_trust_list(self, check=False):
        """Remove the trust list and its certificates. Returns the removed names."""
        known = self._listed_before()
        names = self._hashed(known) + [CALLMANAGER, FORMER_TRUST_LIST, TRUST_LIST]
        return [name for name in names if self.remove(name, check)]

    def _listed_before(self):
        return _certificates_of(self.read(TRUST_LIST)) | _certificates_of(self.read(FORMER_TRUST_LIST))

    def _hashed(self, known):
        """Names of the C(<hash>.0) files that hold one of these certificates; others are not ours."""
        return [name for name in self.names() if HASHED.match(name) and _der(self.read(name)) in known]

    # Key and certificate

    def pair(self):
        """C((key PEM, certificate DER)) in place, as it will be after C(recover()); None for what is missing."""
        return tuple(self._replacing.read(name) or self.read(name) for name in PAIR)

    @property
    def unconfirmed(self):
        """Whether the pair in place was not verified yet."""
        return self.previous.exists or self._replacing.exists

    def begin(self, key_pem):
        """Store the key of an enrolment before anything is sent. Returns whether that changes anything."""
        self.create()
        self.pending.create()
        self.pending.remove(CERTIFICATE)
        return self.pending.write(KEY, key_pem)

    def stage(self, der):
        """Store the certificate that was received for the pending key."""
        if self.pending.read(KEY) is None:
            raise StoreError("there is no pending key for the certificate", where=self.pending.folder)
        self.pending.write(CERTIFICATE, der)

    def commit(self, keep_current=True):
        """Put the staged pair in place. The current one, if complete, becomes the previous one, unless it is not worth
        keeping or an older, verified one is already kept there."""
        if None in _pair_in(self.pending):
            raise StoreError("there is no complete pair to put in place", where=self.pending.folder)
        self.previous.create()
        current = _pair_in(self)
        if keep_current and None not in current and None in _pair_in(self.previous):
            for name, octets in zip(PAIR, current):
                self.previous.write(name, octets)
        self._decide(PENDING)

    def restore(self):
        """Put the previous pair back in place of the current one, which is then lost."""
        if None in _pair_in(self.previous):
            raise StoreError("there is no previous pair", where=self.previous.folder)
        self._decide(PREVIOUS)

    def confirm(self):
        """The pair in place is good: note when, and drop the previous one. Returns whether that changes anything."""
        if not self.unconfirmed:
            return False
        self.write(PROVEN, time.strftime(MOMENT + "\n", time.gmtime()).encode("ascii"))
        return self._drop(PREVIOUS)

    @property
    def proven(self):
        """When the pair in place was verified, ISO 8601 in UTC; None if it was not, or if an earlier version did not record it."""
        noted = None if self.unconfirmed else self.read(PROVEN)
        try:
            text = (noted or b"").decode("ascii").strip()
            time.strptime(text, MOMENT)
        except ValueError:
            return None
        return text

    def discard(self):
        """Drop the pending key and whatever is staged. Returns whether there was anything."""
        return self._drop(PENDING)

    @property
    def unfinished(self):
        """Whether a crash left something that C(recover()) finishes."""
        return self._replacing.exists or self._begun_in_vain

    @property
    def _begun_in_vain(self):
        """Whether C(pending/) was created, but not the key in it."""
        return self.pending.exists and self.pending.read(KEY) is None

    def recover(self):
        """Finish what a crash interrupted. Returns whether there was anything."""
        decided = self._replacing.exists
        if decided:
            self._place()
        return (self._begun_in_vain and self.discard()) or decided

    def remove_pair(self, check=False):
        """Remove keys and certificates, pending and previous ones included. Returns the removed names."""
        changed = [name for name in (KEY, BUNDLE, CERTIFICATE, PROVEN) if self.remove(name, check)]
        return changed + [name for name in (PENDING, PREVIOUS, REPLACING) if self._drop(name, check)]

    def _decide(self, source):
        """Rename the folder of a complete pair, which decides the change, and carry it out."""
        with self._opened() as folder, self._failing("the pair cannot be put in place"):
            os.rename(source, REPLACING, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        self._place()

    def _place(self):
        with self._opened() as folder, self._replacing._opened() as source:
            with self._failing("the pair cannot be put in place"):
                for name in PAIR:
                    if self._status(source, name) is not None:
                        os.rename(name, name, src_dir_fd=source, dst_dir_fd=folder)
                os.fsync(folder)
        self.previous.create()
        self._drop(REPLACING)

    def _drop(self, name, check=False):
        store = self.sub(name)
        if not store.exists:
            return False
        if not check:
            # Remove the certificate first: a key alone is an open enrolment, a certificate alone would be useless.
            for inner in (BUNDLE, CERTIFICATE, KEY):
                store.remove(inner)
            with self._opened() as folder, self._failing("the folder %s cannot be removed" % name, name):
                os.rmdir(name, dir_fd=folder)
                os.fsync(folder)
        return True

    # Below

    @contextlib.contextmanager
    def _opened(self):
        """Descriptor of the folder, None without it."""
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            yield None
            return
        except OSError as error:
            if os.path.islink(self.folder):
                raise StoreError("the folder is a symbolic link", where=self.folder,
                                 cure="Give the folder itself.") from None
            raise self._failed("the folder cannot be opened", error) from None
        try:
            yield folder
        finally:
            os.close(folder)

    def _check(self, name, status):
        if status is None:
            return
        if not stat.S_ISREG(status.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a plain file"
            raise StoreError("%s is %s" % (name, kind), where=self.path(name),
                             cure="Find out who created it, then remove it.")
        if name in PRIVATE and status.st_nlink > 1:
            raise StoreError("%s has a second name in the file system" % name, where=self.path(name),
                             cure="Find out who created the other hard link; somebody else may know the key.")

    @staticmethod
    def _status(folder, name):
        try:
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    @staticmethod
    def _unlink(folder, name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)

    @staticmethod
    def _own(descriptor, status, owner, group):
        owner = -1 if owner in (None, status.st_uid) else owner
        group = -1 if group in (None, status.st_gid) else group
        if (owner, group) != (-1, -1):
            os.fchown(descriptor, owner, group)

    def refuse_foreign(self):
        """Raise StoreError if folder, key or open enrolment belong to a user other than us, root or the given owner.

        Whoever planted a key could use the certificate that is enrolled with it.
        """
        with contextlib.suppress(FileNotFoundError):
            for store, names in ((self, (KEY, CERTIFICATE, TRUST_LIST)), (self.pending, PAIR)):
                allowed = {os.geteuid(), 0, store._ids(check=True)[0]}
                with store._opened() as folder:
                    if folder is None:
                        continue
                    found = [("", os.fstat(folder))] + [(name, store._status(folder, name)) for name in names]
                for name, status in found:
                    if status is not None and status.st_uid not in allowed:
                        raise StoreError(
                            "it belongs to user %d" % status.st_uid, where=store.path(name).rstrip("/"),
                            cure="Find out who created it. If that is right, give that user as owner; otherwise remove it. Nothing was "
                            "connected.")

    def _ids(self, check=False):
        """Numbers of owner and group, None where not given. In check mode one that does not exist yet is -1."""
        return (self._id(self.owner, "user", lambda name: pwd.getpwnam(name).pw_uid, check),
                self._id(self.group, "group", lambda name: grp.getgrnam(name).gr_gid, check))

    def _id(self, given, kind, look_up, check):
        if given is None:
            return None
        try:
            return look_up(str(given))
        except KeyError:
            if str(given).isdigit():
                return int(given)
            if check:
                return -1
            raise StoreError("there is no %s %s on this host" % (kind, given), where=self.folder) from None

    def _failed(self, what, error, name=""):
        return StoreError("%s: %s" % (what, error.strerror), where=self.path(name) if name else self.folder)

    @contextlib.contextmanager
    def _failing(self, what, name=""):
        """Report a failure of the file system as a StoreError."""
        try:
            yield
        except OSError as error:
            raise self._failed(what, error, name) from None


def _pair_in(store):
    return tuple(store.read(name) for name in PAIR)


def _is_ours(name):
    return name in (TRUST_LIST, FORMER_TRUST_LIST, CALLMANAGER, KEY, CERTIFICATE, BUNDLE, LOCK, PENDING, PREVIOUS,
                    REPLACING, PROBE) or bool(HASHED.match(name))


def _mode_of(name):
    if name.rsplit("/", 1)[-1] in (".", PENDING, PREVIOUS, REPLACING):
        return FOLDER_MODE
    return PRIVATE_MODE if name.rsplit("/", 1)[-1] in PRIVATE else PUBLIC_MODE


def _der(pem):
    """The certificate in a PEM file, or None."""
    lines = (pem or b"").strip().splitlines()
    if len(lines) < 3 or lines[0] != b"-----BEGIN CERTIFICATE-----":
        return None
    try:
        return base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except binascii.Error:
        return None


def _certificates_of(octets):
    """The certificates in a stored trust list; none if it cannot be read."""
    try:
        return set(_ctl.parse(octets or b"").certificates())
    except FormatError:
        return set()
