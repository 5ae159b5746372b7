# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The interface to Ansible, and the only importer of AnsibleModule: shared options, errors, results."""

from __future__ import annotations

import contextlib

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible.module_utils.common.validation import check_type_dict
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import MissingLibrary, SecureTspError
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import hidden

try:
    from ansible.module_utils.secrets import register_secret
except ImportError:  # before ansible-core 2.22
    def register_secret(value):
        """Do nothing: only the task's no_log hides a returned secret."""

SECRET = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"  # Ansible's own text


def cluster_options(serviceability=False):
    """Argument spec of the options that reach a cluster's web services (doc fragment C(cluster)).

    serviceability: also the options of another account for RISPort70, Control Center and logs.
    """
    spec = dict(
        hostname=dict(type="str", required=True, fallback=(env_fallback, ["CUCM_HOSTNAME"])),
        port=dict(type="int", default=8443),
        username=dict(type="str", required=True, fallback=(env_fallback, ["CUCM_USERNAME"])),
        password=dict(type="str", required=True, no_log=True, fallback=(env_fallback, ["CUCM_PASSWORD"])),
        validate_certs=dict(type="bool", default=True),
        ca_path=dict(type="path"),
        server_fingerprint=dict(type="str"),
        tls_legacy=dict(type="bool", default=False),
        axl_version=dict(type="str"),
        timeout=dict(type="int", default=60),
    )
    if serviceability:
        spec.update(
            serviceability_username=dict(type="str"),
            serviceability_password=dict(type="str", no_log=True),
        )
    return spec


class Module(AnsibleModule):
    """AnsibleModule that hides its secrets also when options are refused, and keeps those in lists out of the system log.

    Ansible collects what to hide while it checks the options. If a value is not the expected list of dictionaries, it
    collects nothing, prints the value and shows all options. In its log it searches for a secret as given, while lists
    are logged with quotes and backslashes escaped.

    In a result, Ansible hides every occurrence of a secret, also in names, ids and numbers, so comparisons with these fail. Our
    results contain no secrets; only foreign texts may quote one, and these are in messages.
    """

    checked = False

    def _load_params(self):
        super()._load_params()
        refused = _misshapen(self.argument_spec, self.params)
        if refused:
            self.fail_json(msg="%s. The given value is not shown, because it may contain secrets." % refused)

    def fail_json(self, msg, **kwargs):
        if not self.checked:
            kwargs.setdefault("invocation", {})
        super().fail_json(msg, **kwargs)

    def _return_formatted(self, kwargs):
        if self.checked:
            secrets, self.no_log_values = self.no_log_values, set()
            self.params = _shown(self.argument_spec, self.params)
            kwargs.update((name, hidden(kwargs[name], secrets)) for name in ("msg", "exception") if isinstance(kwargs.get(name), str))
        super()._return_formatted(kwargs)

    def _log_invocation(self):
        """Without the options that have secrets among their suboptions."""
        given = self.params
        self.params = dict(
            (name, value) for name, value in given.items() if not _holds_secrets(self.argument_spec.get(name, {})))
        try:
            super()._log_invocation()
        finally:
            self.params = given


def _misshapen(argument_spec, params, above=""):
    """What is wrong with an option that has suboptions, or empty. params: as they were given."""
    for name, option in argument_spec.items():
        if option.get("options") is None or params.get(name) is None:
            continue
        is_list = option["type"] == "list"
        found = params[name] if isinstance(params[name], list) else [params[name]]
        found = [_mapping(each) for each in found]
        if None in found or not (is_list or len(found) == 1):
            return "%s is %s" % (above + name, "not a list of dictionaries" if is_list else "not a dictionary")
        for each in found:
            refused = _misshapen(option["options"], each, "%s%s." % (above, name))
            if refused:
                return refused
    return ""


def _mapping(given):
    """A dictionary that was given as such or as text, or None."""
    if isinstance(given, str):
        try:
            given = check_type_dict(given)
        except (TypeError, ValueError):
            return None
    return given if isinstance(given, dict) else None


def _shown(argument_spec, params):
    """The options without their secrets."""
    found = dict(params)
    for name, option in argument_spec.items():
        if params.get(name) is None:
            continue
        if option.get("no_log"):
            found[name] = SECRET
        elif option.get("options") and option["type"] == "list":
            found[name] = [_shown(option["options"], each) for each in params[name]]
        elif option.get("options"):
            found[name] = _shown(option["options"], params[name])
    return found


def _holds_secrets(option):
    return any(sub.get("no_log") or _holds_secrets(sub) for sub in (option.get("options") or {}).values())


def create(argument_spec, **kwargs):
    """A Module that supports check mode by default."""
    kwargs.setdefault("supports_check_mode", True)
    module = Module(argument_spec=argument_spec, **kwargs)
    module.checked = True
    return module


@contextlib.contextmanager
def reporting(module):
    """Turn the collection's own errors into one clear fail_json; everything else is a bug and escapes.

    The facts of the error become return values beside C(msg), so they must be free of secrets.
    """
    try:
        yield
    except MissingLibrary as error:
        module.fail_json(msg=missing_required_lib(error.library), exception=error.import_error)
    except SecureTspError as error:
        module.fail_json(msg=str(error), **error.facts)


def finish(module, result, warnings=(), returned_secrets=()):
    """exit_json, with the diff only if it was requested."""
    for secret in returned_secrets:
        register_secret(secret)
    for warning in warnings:
        module.warn(hidden(warning, module.no_log_values))
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result)
