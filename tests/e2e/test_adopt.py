# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists are written from what a cluster and its hosts have already, and say the same as those that made it."""

from __future__ import annotations

import json
import stat

import provisioned
import pytest
import yaml

MONITORING = "Standard CTI Allow Call Monitoring"
HOSTS = ("recorder01", "recorder02")
USERS = (
    {"name": "recorder_tapi", "password": "Recorder-Secret-0002", "srtp": True, "cti_groups": [MONITORING],
     "devices": ["SEP001122334450", "SEP001122334451"]},
    {"name": "jdoe", "type": "end"},
)
INSTANCES = (
    {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1"},
    {"host": "recorder02", "user": "recorder_tapi", "instance_id": "recorder02x1", "key": {"type": "rsa", "size": 4096}},
    {"host": "recorder02", "user": "jdoe", "instance_id": "recorder02x2"},
)


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site(hosts=HOSTS, users=USERS, instances=INSTANCES)
    for user in USERS:
        provisioned.add_user(site.sim.cluster, user, secure=user["name"] != "jdoe")
    for one in INSTANCES:
        kind = "end" if one["user"] == "jdoe" else "application"
        provisioned.add_instance(site.sim.cluster, site.store(one["instance_id"]), one, kind)
    accounts = site.sim.cluster.accounts
    accounts.add_profile("application", "recorder_tapi", "recorder09x1")
    accounts.set_profile("recorder02x1", key_size="4096")
    site.settings["secure_tsp_adopt_paths"] = [str(site.controller.hosts) + "/{{ inventory_hostname }}"]
    return site


@pytest.fixture(scope="module")
def adopted(site):
    """(run, text of the file)"""
    path = site.controller.folder / "adopted.yml"
    before = site.everything()
    run = site.run(playbook="adopt")  # the file's usual place: where ansible-playbook was started
    assert site.everything() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return run, path.read_text()


def test_the_lists_say_what_there_is(site, adopted):
    lists = yaml.safe_load(adopted[1])
    assert lists["secure_tsp_users"] == [
        {key: value for key, value in user.items() if key != "password"} for user in USERS[:1]
    ] + [{"name": "jdoe", "type": "end", "devices": ["SEP001122334455"]}]
    stores = {one["instance_id"]: str(site.store(one["instance_id"])) for one in INSTANCES}
    assert sorted(lists["secure_tsp_instances"], key=lambda one: one["instance_id"]) == [
        {**one, "store": stores[one["instance_id"]]} for one in INSTANCES
    ] + [{"host": "CHANGE_ME", "user": "recorder_tapi", "instance_id": "recorder09x1"}]


def test_it_says_what_a_person_has_to_do(adopted):
    run, text = adopted
    for words in ("The host of instance recorder09x1 of user recorder_tapi is",
                  "User jdoe is not in Standard CTI Secure Connection"):
        assert "# To do: " + words in text
        assert words in run.text
    assert "2 users and 4 instances were written to" in run.text
    shown = run.output[run.output.index("HOST "):].splitlines()
    assert [line.split("  ")[0] for line in shown[:5]] == ["HOST", "-", "recorder01", "recorder02", "recorder02"], "what needs a person first"
    assert shown[1].endswith("listed, host unknown") and shown[2].endswith("listed")
    assert "Secret" not in text


def test_the_file_is_not_overwritten(site, adopted):
    path = site.controller.folder / "adopted.yml"
    run = site.run(playbook="adopt", rc=2)
    assert "already exists and is not overwritten" in run.text
    assert path.read_text() == adopted[1]


# Names that somebody else chose

RUNS = "{{ lookup('pipe', 'touch $HOME/ran_%s') }}"
SAYS = "u'%s\"" % (RUNS % "user")
DEVICES = (RUNS % "device", "{% set x = lookup('pipe','touch $HOME/ran_set') %}", "{# lost", 'SEP"quoted\': [x] #', "SEP\nsecure_tsp_cutover: never")
TURNED = "\u202eresu"
STORE = RUNS % "store"


@pytest.fixture
def hostile(make_site):
    """A cluster and a host on which names are templates, quotes, line breaks and marks that turn text."""
    site = make_site(hosts=HOSTS[:1], users=(), instances=(), seed={"devices": [{"name": name} for name in DEVICES]})
    accounts = site.sim.cluster.accounts
    for name, instance_id, devices in ((SAYS, "hostilex1", DEVICES), (TURNED, "hostilex2", ()), ("a\nb", "hostilex3", ())):
        with site.sim.cluster.writing():
            accounts.add_user("application", name, password="x", groups=[provisioned.ENABLED, provisioned.SECURE], devices=list(devices))
        place = site.controller.hosts / HOSTS[0] / (STORE if instance_id == "hostilex1" else "x") / instance_id
        place.parent.mkdir(parents=True, exist_ok=True)
        provisioned.add_instance(site.sim.cluster, place, {"user": name, "instance_id": instance_id})
    site.settings["secure_tsp_adopt_paths"] = [str(site.controller.hosts) + "/{{ inventory_hostname }}"]
    return site


def test_no_name_of_somebody_else_is_ever_worked_out(hostile):
    run = hostile.run(playbook="adopt")
    path = hostile.controller.folder / "adopted.yml"
    text = path.read_text()
    assert all(one.isprintable() or one == "\n" for one in text + run.output)
    assert "# To do: User '\\u202eresu' and its CAPF profiles were skipped" in text
    assert "# To do: User 'a\\x0ab' and its CAPF profiles were skipped" in text and "# To do: The device 'SEP\\x0asecure_tsp_cutover: never'" in text
    run = hostile.run("-e", "@%s" % path, playbook="drift", rc=2)
    assert list((hostile.controller.folder / "home").glob("ran_*")) == []
    report = json.loads((hostile.controller.folder / "secure_tsp_report" / "report.json").read_text())
    assert {(one["user"], one["instance_id"]) for one in report["instances"]} == {(SAYS, "hostilex1")}
    assert {finding["code"] for finding in report["findings"]} == {"provider_not_seen"}
    assert all(one.isprintable() or one == "\n" for one in run.output)


def test_the_test_would_notice_a_template(hostile):
    """The same names, not tagged."""
    path = hostile.controller.folder / "untagged.yml"
    path.write_text(yaml.safe_dump({"secure_tsp_users": [{"name": SAYS}], "secure_tsp_instances": []}))
    hostile.run("-e", "@%s" % path, playbook="drift", rc=None)
    assert [one.name for one in (hostile.controller.folder / "home").glob("ran_*")] == ["ran_user"]


def test_a_cluster_that_cannot_be_read_leaves_the_others_to_be_listed(site):
    site.settings["secure_tsp_clusters"] = {"main": site.cluster, "gone": {**site.cluster, "port": 1}}
    try:
        path = site.controller.folder / "others.yml"
        site.controller.more = {"ANSIBLE_SHOW_CUSTOM_STATS": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        run = site.run("-e", "secure_tsp_adopt_file=others.yml", playbook="adopt")
        assert {one["cluster"] for one in yaml.safe_load(path.read_text())["secure_tsp_instances"]} == {"main"}
        shown = run.output[run.output.index("CLUSTER "):].splitlines()
        assert {line.split()[0] for line in shown[1:5]} == {"main"}
        (failed,) = run.statistic["failed"]
        assert failed["cluster"] == "gone" and "could not be read" in failed["cause"]
        assert "# To do: Cluster gone could not be read, and nothing from it is listed" in path.read_text()
        assert "users and 4 instances were written to %s" % path in run.text
    finally:
        del site.settings["secure_tsp_clusters"]
        site.controller.more = {}


def test_a_host_that_cannot_be_searched_is_named(site):
    site.hosts = {HOSTS[0]: {}, HOSTS[1]: {"ansible_python_interpreter": "/bin/false"}}
    site.run("-e", "secure_tsp_adopt_file=third.yml", playbook="adopt")
    assert "# To do: Host recorder02 was not searched for certificates: " in (site.controller.folder / "third.yml").read_text()
