# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign text stays text: names that are templates, markup, statements, patterns and marks that turn text, through every playbook.

Listed are what a cluster may have: names of users, devices and groups. Besides, servers answer with such texts.
"""

from __future__ import annotations

import html.parser
import json
import shlex
from xml.etree import ElementTree

import pytest
import yaml

HOST = "recorder01"
ENABLED, SECURE = "Standard CTI Enabled", "Standard CTI Secure Connection"
RUNS = "{{ lookup('pipe', 'touch $HOME/ran_%s') }}"
TEMPLATE = RUNS % "user"
MARKUP = "<script>x</script>&\"'>"
SHELL = "o'b\"r;$(touch ran_shell)`touch ran_shell`"
PATTERN = "x%_'; drop table enduser; --"
TURNED = "\u202eresu"
USERS = (TEMPLATE, MARKUP, SHELL, PATTERN, "=1+1", "#comment: [x]")
# TURNED can be in no list, since nobody sees the mark in it; but a cluster may have such a user.
NEIGHBOUR = "xAB'; drop table enduser; --"  # what the pattern would find, too
DEVICES = ("SEP" + RUNS % "device", "SEP'%_", 'SEP"<b>', "SEP{# lost")
GROUP = "Group <b> '%_ " + RUNS % "group"
SAYS = "no \x1b[2J\u202e<b>&" + RUNS % "fault"
PLACES = [{"host": HOST, "user": user, "instance_id": "hostile%d" % number} for number, user in enumerate(USERS)]


class Unsafe(str):
    """As a person or adopt writes it, so that Ansible takes it as it is."""


class Writer(yaml.SafeDumper):
    pass


Writer.add_representer(Unsafe, lambda writer, text: writer.represent_scalar("!unsafe", text, style='"'))


class Page(html.parser.HTMLParser):
    """Elements and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)

    def handle_data(self, data):
        self.texts.append(data)


class Hostile:
    """A site whose lists are in a file of their own, as Ansible is to read them."""

    def __init__(self, site):
        self.site, self.instances, self.number = site, [dict(one) for one in PLACES], 0
        self.home = site.controller.folder

    def run(self, playbook, *words, rc=0, **more):
        self.number += 1
        store = {"store": self.site.controller.store(), "client_address": "127.0.0.1"}
        lists = {
            "secure_tsp_users": [{"name": Unsafe(user), "password": "Hostile-Secret-%d" % number, "cti_groups": [Unsafe(GROUP)],
                                  "devices": [Unsafe(DEVICES[number % len(DEVICES)])]} for number, user in enumerate(USERS)],
            "secure_tsp_instances": [dict(store, **dict(one, user=Unsafe(one["user"]))) for one in self.instances], **more}
        path = self.home / ("lists%d.yml" % self.number)
        path.write_text(yaml.dump(lists, Dumper=Writer, allow_unicode=True))
        path.chmod(0o600)
        self.site.users, self.site.instances = [], []
        run = self.site.run("-e", "@%s" % path, *words, playbook=playbook, rc=rc)
        assert self.ran() == []
        assert [line for line in run.output.split("\n") if not line.isprintable()] == []
        return run

    def ran(self):
        return [path.name for folder in (self.home, self.home / "home") for path in folder.glob("ran_*")]


@pytest.fixture(scope="module")
def fleet(make_site):
    site = make_site(hosts=(HOST,), users=(), instances=(), seed={"devices": [{"name": name} for name in DEVICES]})
    with site.sim.cluster.writing():
        site.sim.cluster.accounts.add_group(GROUP)
        for name in (NEIGHBOUR, TURNED):
            site.sim.cluster.accounts.add_user("application", name, password="x", groups=[])
    return Hostile(site)


@pytest.fixture(scope="module")
def provisioned_once(fleet):
    foretold = fleet.run("site", "--check", "--diff")
    return foretold, fleet.run("site", "--diff")


def test_users_are_made_as_they_are_listed_and_no_other_is_touched(fleet, provisioned_once):
    foretold, run = provisioned_once
    assert set(run.states.values()) == {"verified"} and len(run.states) == len(USERS)
    users = fleet.site.sim.cluster.snapshot()["users"]
    for number, name in enumerate(USERS):
        made = users["application:" + name]
        assert {ENABLED, SECURE, GROUP} <= set(made["groups"]) and made["devices"] == [DEVICES[number % len(DEVICES)]]
    assert users["application:" + NEIGHBOUR]["groups"] == []
    assert foretold.diffs() and run.diffs()


def test_a_second_run_changes_nothing(fleet, provisioned_once):
    assert fleet.run("site").count("changed") == 0


def test_verify(fleet, provisioned_once):
    assert set(fleet.run("verify").states.values()) == {"verified"}


@pytest.fixture(scope="module")
def report(fleet, provisioned_once):
    """Profiles and connections that nobody listed, besides."""
    cluster = fleet.site.sim.cluster
    with cluster.writing():
        for number, user in enumerate((NEIGHBOUR, TEMPLATE, TURNED)):
            cluster.accounts.add_profile("application", user, "unlisted%d" % number)
        cluster.accounts.map_member(SECURE, NEIGHBOUR)
    cluster.list_application(MARKUP, "198.51.100.30", 50000, tls=False, devices=[DEVICES[0]])
    cluster.list_application(TEMPLATE, "198.51.100.31", 50001, tls=True, devices=[DEVICES[2]])
    fleet.run("drift", rc=2)
    return fleet.home / "secure_tsp_report"


def test_the_report_holds_names_as_text(report):
    found = json.loads((report / "report.json").read_text(encoding="utf-8"))
    told = {one["user"] for one in [*found["instances"], *found["findings"]]} - {""}
    assert set(USERS) <= told and "\u202e" not in (report / "report.json").read_text(encoding="utf-8")
    for finding in found["findings"]:
        assert not finding["command"] or shlex.split(finding["command"])[0] == "ansible-playbook"
        assert "{{" not in finding["command"]


def test_the_page_has_no_element_that_a_name_brought(report):
    text = (report / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert text.count("<script>x</script>") == 0 and any(MARKUP in one for one in page.texts)
    assert any(TEMPLATE in one for one in page.texts) and "\u202e" not in text


def test_the_junit_file_can_be_read(report):
    path = next(report.glob("*.xml"))
    texts = " ".join("%s %s" % (case.attrib, "".join(case.itertext())) for case in ElementTree.parse(path).iter("testcase"))
    assert "<script>x</script>" in texts and "\u202e" not in texts


def test_diagnose(fleet, report):
    fleet.run("diagnose", rc=None)
    pages = list((fleet.home / "home" / ".voiceops" / "diagnosis").rglob("*.txt"))
    assert len(pages) == len(USERS)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert all(one.isprintable() or one == "\n" for one in text)


@pytest.mark.parametrize(("front", "told"), [("capf", "no  [2J <b>&{{ lookup"), ("axl", "no \\u202e<b>&{{ lookup")])
def test_servers_that_answer_with_such_texts(fleet, provisioned_once, front, told):
    if front == "axl":  # XML carries no control character
        fleet.site.sim.faults.add("axl", "fault", "updateApplicationUserCapfProfile", code=5003, message=SAYS.replace("\x1b[2J", ""), times=None)
    else:
        fleet.site.sim.faults.add("capf", "reason", "KEY_GENERATE_REQUEST", code=5, text=SAYS, times=None)
    fleet.instances = [dict(one, force=True) for one in fleet.instances]
    run = fleet.run("upgrade_certificates", rc=2)
    fleet.site.sim.faults.clear()
    fleet.instances = [dict(one) for one in PLACES]
    assert told in " ".join(run.remarks.values()) and "failed" in run.states.values()
    assert fleet.site.armed() == []


def test_users_are_taken_off_the_secure_port_and_on_again(fleet, provisioned_once):
    run = fleet.run("rollback", secure_tsp_uncut_users=[Unsafe(name) for name in USERS])
    users = fleet.site.sim.cluster.snapshot()["users"]
    assert not [name for name in USERS if SECURE in users["application:" + name]["groups"]]
    assert any("User main/%s left the secure port." % MARKUP in line for line in run.summary)
    for name in USERS[:3]:
        fleet.site.sim.cluster.list_application(name, "127.0.0.1", 50002, tls=False, devices=[])
    run = fleet.run("site", rc=None)
    for number in range(3):
        words = shlex.split(run.remarks["hostile%d" % number].rpartition("run site with ")[2])
        assert words[0] == "-e" and "{{" not in words[1]
        assert json.loads(words[1])["secure_tsp_cut_connections"] == ["127.0.0.1" if number == 0 else USERS[number]]


def test_decommission(fleet, provisioned_once):
    fleet.instances = [dict(one, state="absent") for one in PLACES]
    fleet.run("decommission")
    assert [name for name in fleet.site.statuses() if name.startswith("hostile")] == []
    fleet.instances = [dict(one) for one in PLACES]


def test_adopt(fleet, provisioned_once):
    fleet.run("adopt")
    assert (fleet.home / "adopted.yml").exists()


@pytest.mark.parametrize("name", ["a\nb", "a\x07b", "a\x1b[2J", "a\ufffe", "a\u2028b", " a", "a\t"])
def test_names_that_no_server_could_carry_are_refused_by_field_and_shown_as_text(fleet, name):
    run = fleet.run("site", rc=2, secure_tsp_users=[{"name": Unsafe(name), "password": "x-Secret-1"}], secure_tsp_instances=[])
    assert "no. 1" in run.text or "name" in run.text
    assert "Nothing was changed." in run.text
