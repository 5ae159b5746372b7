# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are more than a folder, a cluster, and a controller that is not root: each in a network namespace of its own.

Names and addresses are those of documentation. The process runs in namespaces that tests/hosts/run made for it, so that
whatever is mounted, added and started here ends with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

from controller import PATIENCE, ROOT, Controller, descendants
from simulator import Simulator

from application import Application
from namespaces import Line, command, inside, ip, nft

BASE = os.environ.get("HOSTS_BASE")
FOLDER = os.environ.get("HOSTS_FOLDER")  # empty; tests/hosts/run makes and removes it
OLDER = os.environ.get("HOSTS_PYTHONS", "").split()  # versions of older Pythons that tests/hosts/run found
CUCM = "cucm-pub.example.com"
CUCM_4, CUCM_6, OTHER_CUCM_4 = "198.51.100.10", "2001:db8::10", "198.51.100.11"
CONTROLLER_4, CONTROLLER_6, SWITCH_4 = "198.51.100.2", "2001:db8::2", "198.51.100.1"
ROUTER_4, BEHIND_4 = "198.51.100.30", "192.0.2.1"
PORTS = {"axl": 8443, "tftp": 69, "http": 6970, "capf": 3804, "cti": 2748, "cti_tls": 2749}
OPERATOR = 4711  # user ID on the controller
SUDO_PASSWORD = "Sudo-Secret-0099"
STORE = "/etc/secure_tsp"
DIST_PACKAGES = "usr/lib/python3/dist-packages"
UP_SECONDS = 20
START = """
set -e
mount -t overlay overlay -o lowerdir={base},upperdir={folder}/upper,workdir={folder}/work {root}
mount -t proc proc {root}/proc
mount -t sysfs -o ro sysfs {root}/sys
mount -t tmpfs -o mode=755 tmpfs {root}/dev
for node in null zero full random urandom tty; do cp -a /dev/$node {root}/dev/; done
mkdir {root}/dev/pts
mkdir -m 1777 {root}/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts {root}/dev/pts
ln -s pts/ptmx {root}/dev/ptmx
mount -t tmpfs -o mode=1777,{tmp} tmpfs {root}/tmp
mount -t tmpfs -o mode=755 tmpfs {root}/run
mkdir {root}/run/sshd
for shown in {shown}; do mkdir -p {root}"$shown"; mount --bind -o ro "$shown" {root}"$shown"; done
hostname {name}
{more}
umask {umask}
exec chroot {root} /usr/sbin/sshd -D -e
"""
SSHD = """Port 22
PermitRootLogin no
PasswordAuthentication no
AuthorizedKeysFile /etc/ssh/authorized_keys
UsePAM no
Subsystem sftp internal-sftp
"""


def older_venv(version):
    """The virtual environment that tests/hosts/run made with an older Python."""
    return ROOT / ".cache" / "hosts" / ("python" + version)


def base_of(version):
    """The folder that this Python itself is installed in."""
    return (older_venv(version) / "bin" / "python").resolve().parent.parent


class Host:
    """One host: C(name), C(address), C(variables) for an inventory, C(root) with its files. C(down) cuts it off until C(up)."""

    def __init__(self, name, address, variables, link):
        self.name = name
        self.address = address
        self.variables = variables
        self._link = link
        self.process = None
        self.root = None
        self.lasting = set()  # process ids of its sshd and of what that runs in

    @property
    def store(self):
        return pathlib.Path(str(self.root) + STORE)

    def down(self):
        ip("link set %s down\n" % self._link)

    def up(self):
        ip("link set %s up\n" % self._link)

    def lose_power(self):
        """Cut it off, and end all that runs on it, as far as a run can see."""
        self.down()
        for pid in descendants(self.process.pid) - self.lasting:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def files(self):
        """{path: (mode, owner, digest or None for a folder)} of all that instances keep here."""
        return {
            str(path.relative_to(self.store)): (
                oct(path.lstat().st_mode & 0o7777), path.lstat().st_uid,
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None)
            for path in (sorted(self.store.rglob("*")) if self.store.exists() else ())}

    def lsc(self, instance_id):
        return (self.store / instance_id / "QBEClient.cer").read_bytes()


class Bench:
    """The cluster (C(sim)), the controller and the hosts.

    C(folder) becomes a mount of its own, which ends with the namespace and is never removed by hand: folders of this machine
    are shown below it. It must be short, since sockets of ssh are below it.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.hosts = {}
        self._made = 0
        self.applications = {}
        self.users, self.instances, self.settings = [], [], {}
        self._switch()
        self._start_cluster()
        self._make_controller()

    # what is there from the start

    def _switch(self):
        command("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.folder)
        pathlib.Path("/run/netns").mkdir(exist_ok=True)
        command("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
        command("mount", "--make-shared", "/run/netns")
        names = "127.0.0.1 localhost\n%s %s\n%s %s\n" % (CUCM_4, CUCM, CUCM_6, CUCM)
        users = pathlib.Path("/etc/passwd").read_text() + "operator:x:%d:%d::%s:/bin/sh\n" % (
            OPERATOR, OPERATOR, self.folder / "controller" / "home")
        for name, content in (("hosts", names), ("passwd", users)):
            (self.folder / name).write_text(content)
            command("mount", "--bind", self.folder / name, "/etc/" + name)
        self._show_python()
        ip("link set lo up\nlink add lan type bridge\nlink add behind type bridge\naddr add %s/24 dev lan\n"
           "link set lan up\nlink set behind up\n" % SWITCH_4)
        for name in ("ipv4/ip_forward", "ipv4/conf/lan/proxy_arp"):
            pathlib.Path("/proc/sys/net", name).write_text("1")
        self._node("cucm", "lan", [CUCM_4 + "/24", OTHER_CUCM_4 + "/24", CUCM_6 + "/64"])
        self._node("controller", "lan", [CONTROLLER_4 + "/24", CONTROLLER_6 + "/64"])
        self._node("router", "lan", [ROUTER_4 + "/24"])
        ip("link add vbehind type veth peer name eth1 netns router\nlink set vbehind master behind up\n")
        ip("addr add %s/24 dev eth1\nlink set eth1 up\n" % BEHIND_4, "router")
        ip("route add 192.0.2.0/24 via %s\n" % ROUTER_4, "controller")
        inside("router", pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text, "1")
        nft("router", "table ip away {\n chain out {\n type nat hook postrouting priority 100;\n"
                      ' ip daddr %s masquerade\n }\n}\n' % CUCM_4)

    def _show_python(self):
        """Let the controller's user reach Python and the checkout, whatever folder of root's they are in, and hosts the older Pythons."""
        wanted = (sys.base_prefix, ROOT, sys.prefix, *map(base_of, OLDER))
        closed = {}
        for needed in dict.fromkeys(pathlib.Path(one).resolve() for one in wanted):
            shut = [parent for parent in reversed(needed.parents) if not parent.stat().st_mode & 0o001]
            if shut:
                closed[needed] = shut[0]
        for number, needed in enumerate(closed):
            kept = self.folder / "kept" / str(number)
            kept.mkdir(parents=True)
            # Read only: pytest removes old folders of tests, and would remove what is mounted there with them.
            command("mount", "--bind", "-o", "ro", needed, kept)
        for folder in dict.fromkeys(closed.values()):
            command("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
        for number, needed in enumerate(closed):
            needed.mkdir(parents=True, exist_ok=True)
            command("mount", "--bind", "-o", "ro", self.folder / "kept" / str(number), needed)

    @staticmethod
    def _node(name, bridge, addresses, mtu=1500):
        command("ip", "netns", "add", name)
        ip("link add v%s mtu %d type veth peer name eth0 mtu %d netns %s\nlink set v%s master %s up\n" % (
            name, mtu, mtu, name, name, bridge))
        ip("link set lo up\nlink set eth0 up\n" + "".join(
            "addr add %s dev eth0%s\n" % (one, " nodad" if ":" in one else "") for one in addresses), name)

    def _start_cluster(self):
        self.sim = inside("cucm", lambda: Simulator(
            listen="::", nodes=(CUCM,), address=CUCM_4, ports=PORTS, username="axl").start())

    def _make_controller(self):
        self.controller = controller = Controller(self.folder / "controller")
        controller.prefix = ["ip", "netns", "exec", "controller", "setpriv", "--reuid", str(OPERATOR), "--regid", str(OPERATOR),
                             "--clear-groups"]
        self.key = controller.folder / "id"
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        self.ca_path = controller.folder / "cucm.pem"
        shutil.copy(self.sim.ca_path, self.ca_path)
        controller.more = {
            "ANSIBLE_HOST_KEY_CHECKING": "0", "ANSIBLE_REMOTE_TEMP": "~/.ansible/tmp", "ANSIBLE_TIMEOUT": "10",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(controller.folder / "cp"), "ANSIBLE_FORKS": "8",
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=3 -o ServerAliveCountMax=3",
            "PYTHONPYCACHEPREFIX": str(controller.folder / "pycache"),
        }
        self._own(controller.folder)

    @staticmethod
    def _own(folder):
        command("chown", "-R", "%d:%d" % (OPERATOR, OPERATOR), folder)

    # hosts

    def add_host(self, name, six=False, behind=False, lossy=False, mtu=1500, umask="022", tmp="exec", sudo_password=False,
                 without=(), packages=(), shown=(), python="/usr/bin/python3", faked_clock=None):
        """six: IPv6 only. behind: behind the router. lossy: its line is C(self.line).
        without: what is missing below its file tree. packages: Python packages of the controller that it has. shown: folders of
        this machine that it has, too."""
        self._made += 1
        number = 50 + self._made  # never one that was used: neighbours and ssh would remember the other host
        address = "2001:db8::%d" % number if six else ("192.0.2.%d" if behind else "198.51.100.%d") % number
        link = "v" + name
        if lossy:
            command("ip", "netns", "add", name)
            self.line = Line((None, link), (name, "tun0"))
            ip("link set %s up\nroute add %s/32 dev %s\n" % (link, address, link))
            ip("link set lo up\nlink set tun0 mtu %d up\naddr add %s/32 dev tun0\nroute add default dev tun0\n" % (mtu, address), name)
        else:
            self._node(name, "behind" if behind else "lan", [address + ("/64" if six else "/24")], mtu)
            if behind:
                ip("route add default via %s\n" % BEHIND_4, name)
        variables = {"ansible_host": address, "ansible_python_interpreter": str(python)}
        if sudo_password:
            variables["ansible_become_password"] = SUDO_PASSWORD
        folder = self.folder / ("%s%d" % (name, self._made))
        host = self.hosts[name] = Host(name, address, variables, link)
        for package in packages:
            shutil.copytree(pathlib.Path(importlib.util.find_spec(package).origin).parent,
                            folder / "upper" / DIST_PACKAGES / package)
        self._start(host, folder, six, umask, tmp, sudo_password, without, shown, faked_clock)
        return host

    def _start(self, host, folder, six, umask, tmp, sudo_password, without, shown, faked_clock):
        upper, root = folder / "upper", folder / "root"
        for path in (upper / "etc" / "ssh", upper / "etc" / "sudoers.d", folder / "work", root):
            path.mkdir(parents=True, exist_ok=True)
        etc = upper / "etc"
        (etc / "hosts").write_text("127.0.0.1 localhost %s\n%s %s\n" % (host.name, CUCM_6 if six else CUCM_4, CUCM))
        (etc / "hostname").write_text(host.name + "\n")
        (etc / "resolv.conf").write_text("")
        (etc / "sudoers.d" / "ops").write_text("ops ALL=(ALL:ALL) %sALL\n" % ("" if sudo_password else "NOPASSWD: "))
        (etc / "sudoers.d" / "ops").chmod(0o440)
        (etc / "ssh" / "sshd_config").write_text(SSHD)
        shutil.copy(str(self.key) + ".pub", etc / "ssh" / "authorized_keys")
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", etc / "ssh" / "ssh_host_ed25519_key")
        more = ["rm -rf --one-file-system %s/%s" % (root, path) for path in without]
        if sudo_password:
            more.append("echo 'ops:%s' | chroot %s chpasswd" % (SUDO_PASSWORD, root))
        if faked_clock:
            more.append("echo '%s' >%s/etc/faketimerc" % (faked_clock, root))
            more.append("ls %s/usr/lib/*/faketime/libfaketime.so.1 | sed 's,^%s,,' >%s/etc/ld.so.preload" % (root, root, root))
        script = START.format(base=shlex.quote(BASE), folder=folder, root=root, tmp=tmp, name=host.name, umask=umask,
                              shown=" ".join(shlex.quote(str(one)) for one in shown), more="\n".join(more))
        log = folder / "sshd.log"
        with open(log, "wb") as stream:
            host.process = subprocess.Popen(
                ["ip", "netns", "exec", host.name, "unshare", "-m", "-p", "-u", "-i", "--fork", "--kill-child", "bash", "-c", script],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        end = time.monotonic() + UP_SECONDS
        while "Server listening" not in log.read_text():
            assert host.process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        host.lasting = descendants(host.process.pid)
        host.root = pathlib.Path("/proc/%d/root" % max(host.lasting))

    # runs

    def inventory(self, hosts=None):
        path = self.controller.write_inventory({name: host.variables for name, host in self.hosts.items() if hosts is None or name in hosts}, {
            "ansible_connection": "ssh", "ansible_user": "ops", "ansible_become": True, "ansible_ssh_private_key_file": str(self.key),
            "secure_tsp_clusters": {"main": {"hostname": CUCM, "username": self.sim.username, "password": self.sim.password,
                                             "ca_path": str(self.ca_path)}},
            "secure_tsp_users": self.users, "secure_tsp_instances": self.instances, **self.settings})
        os.chown(path, OPERATOR, OPERATOR)
        return path

    def start(self, *words, playbook="site", hosts=None, pipelining=True):
        self.controller.more["ANSIBLE_PIPELINING"] = str(int(pipelining))
        return self.controller.start(playbook, self.inventory(hosts), *words)

    def run(self, *words, rc=0, **options):
        """Run a playbook to its end, which must be C(rc). None: any."""
        run = self.start(*words, **options).wait()
        assert rc is None or run.rc == rc, run.output
        assert "Traceback (most recent call last)" not in run.output, run.output
        return run

    def run_until(self, front, operation, happens, *words, rc=0, **options):
        """Run a playbook; before the cluster sends that message for the first time, something happens, and the run goes on."""
        rule = self.sim.faults.add(front, "delay", operation, seconds=PATIENCE)
        playing = self.start(*words, **options)
        end = time.monotonic() + PATIENCE
        while not rule.applied and playing.process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        if rule.applied:
            happens()
        self.sim.faults.clear()
        run = playing.wait()
        assert rule.applied and rc in (None, run.rc), run.output
        return run

    # the cluster's side

    def instance(self, instance_id):
        return next(one for one in self.instances if one["instance_id"] == instance_id)

    def list_instance(self, host, user, instance_id, devices=(), **more):
        """An entry of both lists; its devices are made in the cluster."""
        if all(one["name"] != user for one in self.users):
            self.sim.seed({"devices": [{"name": name, "lines": [{"number": name[-4:]}]} for name in devices]})
            self.users.append({"name": user, "password": "Pass-%s-0002" % user.title(), "devices": list(devices)})
        self.instances.append({"host": host, "user": user, "instance_id": instance_id, **more})

    def armed(self):
        return sorted(profile.instance_id for profile in self.sim.cluster.accounts.profiles() if profile.armed)

    def statuses(self):
        return {one.instance_id: one.status for one in self.sim.cluster.accounts.profiles()}

    def everything(self):
        """Equal exactly when neither the cluster nor any host changed."""
        return self.sim.cluster.state_hash(), {name: host.files() for name, host in self.hosts.items()}

    def start_application(self, instance_id):
        """Open a provider from the instance's host with its certificate, as its application does, and keep it open."""
        listed = self.instance(instance_id)
        user = next(one for one in self.users if one["name"] == listed["user"])
        host = self.hosts[listed["host"]]
        self.applications[instance_id] = inside(
            host.name, lambda: Application(CUCM_6 if ":" in host.address else CUCM_4, host.store / instance_id, user).start())

    def connected(self):
        """Applications that have been connected since they were started."""
        return sorted(name for name, one in self.applications.items() if one.connected)

    def forget(self, *hosts):
        """End these hosts, or all, and their applications; the lists do without them."""
        gone = [self.hosts.pop(name) for name in hosts or list(self.hosts)]
        names = {host.name for host in gone}
        for one in [one for one in self.instances if one["host"] in names]:
            self.instances.remove(one)
            if one["instance_id"] in self.applications:
                self.applications.pop(one["instance_id"]).stop()
        self.users = [user for user in self.users if any(one["user"] == user["name"] for one in self.instances)]
        for host in gone:
            host.process.kill()
            host.process.wait()
            ip("link del v%s\n" % host.name)
            command("ip", "netns", "del", host.name)
        self.settings = {}
        self.sim.faults.clear()

    def end(self):
        for application in self.applications.values():
            application.stop()
        for host in self.hosts.values():
            with contextlib.suppress(ProcessLookupError):
                host.process.kill()
        self.sim.stop()
