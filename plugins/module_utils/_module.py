# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The edge to Ansible, and the only importer of AnsibleModule: shared options, errors, results."""

from __future__ import annotations

import contextlib

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import (
    MissingLibrary,
    SecureTspError,
)

try:
    from ansible.module_utils.secrets import register_secret
except ImportError:  # before ansible-core 2.22
    def register_secret(value):
        """Nothing to register with: only the task's no_log hides a returned secret."""


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
        axl_version=dict(type="str"),
        timeout=dict(type="int", default=60),
    )
    if serviceability:
        spec.update(
            serviceability_username=dict(type="str"),
            serviceability_password=dict(type="str", no_log=True),
        )
    return spec


def create(argument_spec, **kwargs):
    """An AnsibleModule that supports check mode unless told otherwise."""
    kwargs.setdefault("supports_check_mode", True)
    return AnsibleModule(argument_spec=argument_spec, **kwargs)


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
    """exit_json, with the diff only where it was asked for."""
    for secret in returned_secrets:
        register_secret(secret)
    for warning in warnings:
        module.warn(warning)
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result)
