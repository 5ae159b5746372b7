# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets among a module's options: neither in its result nor in the line that it writes to the system's log."""

from __future__ import annotations

import importlib
import json

import collection_path
import pytest
import yaml
from ansible.module_utils import basic
from ansible.module_utils.common.parameters import PASS_VARS

pytestmark = pytest.mark.in_process

AWKWARD = "Pa\"ss'w\\ord-\u00e9\t4711"  # whoever looks for it in text that was escaped does not find it
PLAIN = "Plain-Secret-0815"
LOGIN = dict(hostname="127.0.0.1", port=1, username="axl", password="Axl-Secret-4712", timeout=5)
SERVICEABILITY = dict(LOGIN, serviceability_username="ris", serviceability_password=AWKWARD)
USER = {"name": "recorder_tapi", "password": AWKWARD}
LISTED = {"host": "recorder01", "user": "recorder_tapi", "instance_id": "recorder01x1", "authorization_string": AWKWARD}
ONE = dict(instance_id="recorder01x1", key_passphrase=AWKWARD)
OPTIONS = {
    "access_control_group": dict(LOGIN, name="Extra", members=["recorder_tapi"]),
    "application_user": dict(LOGIN, name="recorder_tapi", user_password=AWKWARD),
    "capf_certificate": dict(ONE, path="/nonexistent", capf_host="127.0.0.1", authorization_string=AWKWARD),
    "capf_certificate_info": dict(ONE, path="/nonexistent"),
    "capf_profile": dict(LOGIN, user="recorder_tapi", instance_id="recorder01x1", authorization_string=AWKWARD),
    "cluster_info": SERVICEABILITY,
    "cluster_service": dict(SERVICEABILITY, services=["Cisco CTIManager"], state="started"),
    "cluster_trace_files": dict(SERVICEABILITY, services=["Cisco CTIManager"], last_minutes=5, dest="/nonexistent"),
    "cti_connection_info": dict(SERVICEABILITY, users=["recorder_tapi"]),
    "cti_provider_info": dict(path="/nonexistent", cti_managers=["127.0.0.1"], user="recorder_tapi", password=AWKWARD,
                              key_passphrase=PLAIN),
    "end_user": dict(LOGIN, name="jdoe"),
    "fleet_accounts": dict(LOGIN, users=[USER], instances=[LISTED]),
    "jtapi_key_store": dict(path="/nonexistent", dest="/nonexistent/store", alias="one", password=AWKWARD, key_passphrase=PLAIN),
    "tsp_trace_info": dict(paths=["/nonexistent"], mask=[AWKWARD]),
}
# From ansible-core 2.21 on a result shows the options only where it is told to; others know no such word.
TOLD = {"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}
SECRETS = {"password", "serviceability_password", "user_password", "key_passphrase", "authorization_string", "mask"}


@pytest.fixture
def logged(monkeypatch):
    """Lines that modules write to the system's log."""
    lines = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(basic.syslog, "syslog", lambda priority, text: lines.append(text))
    return lines


@pytest.fixture
def run(in_this_interpreter):
    def execute(module_name, **options):
        module = importlib.import_module("ansible_collections.voiceops.secure_tsp.plugins.modules." + module_name)
        return in_this_interpreter(module, options)

    return execute


def forms(secret):
    """The secret as it is, as Python and JSON show it inside of something, and its longest part without an odd letter."""
    parts = [part for part in secret.replace("\\", "'").replace('"', "'").replace("\t", "'").split("'") if len(part) > 3]
    return {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], *parts}


def tell(text, *secrets):
    return [form for secret in secrets for form in forms(secret) if form in text]


def test_every_module_with_a_secret_is_here():
    folder = collection_path.ROOT / "plugins" / "modules"
    fragment = importlib.import_module("ansible_collections.voiceops.secure_tsp.plugins.doc_fragments.cluster")
    shared = set(yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"])
    found = set()
    for path in folder.glob("*.py"):
        documentation = yaml.safe_load(path.read_text(encoding="utf-8").split('DOCUMENTATION = r"""')[1].split('"""')[0])
        own = set(documentation["options"])
        for option in documentation["options"].values():
            own |= set(option.get("suboptions") or {})
        fragments = documentation.get("extends_documentation_fragment", [])
        if "voiceops.secure_tsp.cluster" in fragments:
            own |= shared
        if "voiceops.secure_tsp.instance" in fragments:
            own.add("key_passphrase")
        if own & SECRETS:
            found.add(path.stem)
    differ = sorted(found ^ set(OPTIONS))
    assert not differ, "tests/unit/modules/test_kept_secrets.py: OPTIONS and the modules with secrets differ in %s" % ", ".join(differ)


@pytest.mark.parametrize("name", OPTIONS)
def test_neither_result_nor_log_tells_a_secret(run, logged, name):
    result, warnings = run(name, _ansible_check_mode=True, _ansible_diff=True, **TOLD, **OPTIONS[name])
    assert "module_args" in result["invocation"]
    secrets = (AWKWARD, PLAIN, LOGIN["password"])
    assert tell(json.dumps(result, ensure_ascii=False) + repr(result) + repr(warnings), *secrets) == []
    assert len(logged) >= 1 and logged[0].startswith("Invoked with ")
    assert tell("\n".join(logged), *secrets) == []


MISSHAPEN = [
    # Slips of the pen: a list in a list, a list that was made to text, an empty entry, a wrong word, a text in its place.
    ("fleet_accounts", dict(users=[[USER]])),
    ("fleet_accounts", dict(users=[None, USER])),
    ("fleet_accounts", dict(users=[USER, PLAIN])),
    ("fleet_accounts", dict(users=repr([USER]))),
    ("fleet_accounts", dict(users=json.dumps([USER]))),
    ("fleet_accounts", dict(users=USER)),
    ("fleet_accounts", dict(users=[dict(USER, passwort=PLAIN)])),
    ("fleet_accounts", dict(users=[dict(USER, state=PLAIN[:3])])),
    ("fleet_accounts", dict(instances=[[LISTED]])),
    ("fleet_accounts", dict(instances=[dict(LISTED, key="rsa 2048")])),
    ("fleet_accounts", dict(instances=[dict(LISTED, needs_certificate=[PLAIN])])),
    ("fleet_accounts", dict(users=[USER], timeout="soon")),
    ("capf_certificate", dict(OPTIONS["capf_certificate"], key="rsa 2048")),
    ("capf_certificate", dict(OPTIONS["capf_certificate"], key=["rsa"])),
    ("capf_certificate", dict(OPTIONS["capf_certificate"], key_pass=PLAIN)),
    ("capf_certificate", dict(OPTIONS["capf_certificate"], state="gone")),
    ("capf_profile", dict(OPTIONS["capf_profile"], key="rsa 2048")),
    ("cti_provider_info", dict(OPTIONS["cti_provider_info"], timeout="soon")),
]


@pytest.mark.parametrize("name, options", MISSHAPEN)
def test_options_that_are_refused_are_not_shown(run, logged, name, options):
    given = dict(LOGIN, **options) if name == "fleet_accounts" else options
    result, warnings = run(name, **given)
    assert result["failed"] and result["msg"]
    told = json.dumps(result, ensure_ascii=False) + repr(result) + repr(warnings) + "\n".join(logged)
    assert tell(told, AWKWARD, PLAIN, LOGIN["password"]) == []


@pytest.mark.parametrize("options, words", [
    (dict(users=[[USER]]), "users is not a list of dictionaries"),
    (dict(instances=[dict(LISTED, key="rsa 2048")]), "instances.key is not a dictionary"),
    (dict(users=[dict(USER, passwort=PLAIN)]), "users.passwort"),
])
def test_what_is_refused_is_named(run, options, words):
    assert words in run("fleet_accounts", **dict(LOGIN, **options))[0]["msg"]


def test_dictionaries_may_be_given_as_text(run, tmp_path):
    result, _warnings = run("capf_certificate_info", path=str(tmp_path / "none"), instance_id="a1",
                            key='{"type": "rsa", "size": 3072}')
    assert result["needs_certificate"]["reason"] == "missing"
