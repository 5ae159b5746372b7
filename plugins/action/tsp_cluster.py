# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible import constants, context
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._run import Ansible, Refused, Run, reason_of
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.fleet import broken
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._stages.table import ON_CLUSTERS, READING


class ActionModule(ActionBase):
    """Runs one stage on all clusters, once for all hosts, in this process. The module of the same name documents it."""

    _VALID_ARGS = frozenset({"stage"})
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        run = Run(self._templar, task_vars, self._task.check_mode, self._task.diff,
                  Ansible(Display().display, (AnsibleError,), constants.DEFAULT_LOCAL_TMP, self._loader.load_from_file, tuple(
                      one for one in context.CLIARGS.get("inventory") or () if one not in constants.DEFAULT_HOST_LIST)))
        stage = self._task.args.get("stage")
        try:
            if stage not in ON_CLUSTERS:
                raise Refused("stage must be one of %s" % ", ".join(sorted(ON_CLUSTERS)))
            found = ON_CLUSTERS[stage](run)
        except Refused as error:
            found = dict(failed=True, msg=str(error))
        except Exception as error:  # pylint: disable=broad-exception-caught
            if stage in READING:
                found = dict(failed=True, msg="The stage %s was stopped by %s Nothing was changed." % (stage, reason_of(error)))
            else:
                found = broken(run, stage, reason_of(error))
        result.update(run.sealed(found))
        result.setdefault("changed", False)
        result["_ansible_verbose_override"] = True
        return result
