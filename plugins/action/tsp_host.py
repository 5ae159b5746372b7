# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

from ansible import constants, context
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Ansible, Refused, Run, reason_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.hosts import HostLost, not_become
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.table import ON_HOSTS, PASSPHRASE, SEALED, TELLING
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.windows_stores import reach

MODULE = "voiceops.secure_tsp.tsp_host"
# Without this, SSH waits for a host that disappeared until TCP times out. SSH uses the first of two values, so ssh_args take precedence.
KEEPALIVE = "-o ServerAliveInterval=15 -o ServerAliveCountMax=4"
# Stages that contact a host for the first time. If a host cannot be reached, it is left out.
FIRST = ("look", "inspect", "restore", "remove", "read", "adopt", "observe")


def text_of(warning):
    """The text of a module's warning, which is an object since ansible-core 2.19."""
    return str(getattr(getattr(warning, "event", None), "msg", None) or warning)


def keep_alive(connection):
    """Make SSH detect within a minute that a host is gone."""
    if getattr(connection, "transport", "") == "ssh":
        connection.set_option("ssh_extra_args", " ".join(filter(None, (connection.get_option("ssh_extra_args"), KEEPALIVE))))


class Execute:
    """Runs the module of the same name on the host. Secrets are passed as one option that Ansible hides as a whole."""

    def __init__(self, action, run, tolerant):
        self._action, self._run, self._tolerant = action, run, tolerant

    def secrets_of(self, stage, secrets):
        """The secrets, with the passphrase if this stage of the module needs it."""
        known = SEALED.get(stage, ())
        if set(secrets) - set(known):
            raise ValueError("a secret that this stage does not need")
        passphrase = self._run.passphrase() if PASSPHRASE in known else None
        return dict(secrets, key_passphrase=passphrase) if passphrase else secrets

    def __call__(self, stage, instances, settings, secrets):
        secrets = self.secrets_of(stage, secrets)
        return self.module(MODULE, dict(
            stage=stage, instances=instances, settings=settings, sealed=json.dumps(secrets) if secrets else None))

    def module(self, name, options, secret=False):
        """The result of a module. If the connection breaks, the first stages raise; later stages return a failed result.

        secret: whether the host must not log the options, as Windows does in its event log.
        """
        task = self._action._task
        hidden, task.no_log = task.no_log, secret or task.no_log
        try:
            return self._answer(lambda: self._action._execute_module(module_name=name, module_args=options, task_vars=self._run.vars))
        finally:
            task.no_log = hidden

    def action(self, name, options):
        """The same for a module with an action plugin on the controller; its options are always secret."""
        task = self._action._task.copy()
        task.args, task.no_log = options, True
        plugin = self._action._shared_loader_obj.action_loader.get(
            name, task=task, connection=self._action._connection, play_context=self._action._play_context, loader=self._action._loader,
            templar=self._action._templar, shared_loader_obj=self._action._shared_loader_obj)
        if plugin is None:
            return self.module(name, options, secret=True)
        return self._answer(lambda: plugin.run(task_vars=self._run.vars))

    def _answer(self, ask):
        try:
            answer = ask()
        except AnsibleConnectionFailure as error:
            if not self._tolerant:
                raise
            answer = dict(failed=True, lost=True, msg="The connection to this host broke: %s" % error)
        except AnsibleError as error:
            told = not_become(str(error))
            if not told:
                raise
            answer = dict(failed=True, msg=told)
        answer.pop("invocation", None)
        if "warnings" in answer:
            answer["warnings"] = [text_of(warning) for warning in answer["warnings"]]
        return answer


class ActionModule(ActionBase):
    """Runs one stage on one host, with one module process there, or none if there is nothing to do."""

    _VALID_ARGS = frozenset({"stage"})

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        run = Run(self._templar, task_vars, self._task.check_mode, self._task.diff,
                  Ansible(Display().display, (AnsibleError,), constants.DEFAULT_LOCAL_TMP, self._loader.load_from_file, tuple(
                      one for one in context.CLIARGS.get("inventory") or () if one not in constants.DEFAULT_HOST_LIST)))
        keep_alive(self._connection)
        stage = self._task.args.get("stage")
        try:
            if stage not in ON_HOSTS:
                raise Refused("stage must be one of %s" % ", ".join(sorted(ON_HOSTS)))
            found = ON_HOSTS[stage](run, reach(run, Execute(self, run, stage not in FIRST)))
        except AnsibleConnectionFailure:
            raise
        except HostLost as error:
            raise AnsibleConnectionFailure(error.what) from None
        except Refused as error:
            found = dict(failed=stage in TELLING, rows=run.newest(run.host), refused=str(error), msg=str(error), warnings=[str(error)])
        except Exception as error:  # pylint: disable=broad-exception-caught
            message = "The stage %s was stopped on this host by %s" % (stage, reason_of(error))
            found = dict(failed=stage in TELLING, rows=None, refused=message, msg=message, warnings=[message])
        result.update(run.sealed(found))
        result.setdefault("changed", False)
        result["_ansible_verbose_override"] = True
        return result
