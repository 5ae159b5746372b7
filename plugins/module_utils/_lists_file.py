# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Lists as a file of variables. No foreign name in it is a template, and no comment ends early."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from ansible_collections.voiceops.secure_tsp.plugins.module_utils._errors import MissingLibrary
from ansible_collections.voiceops.secure_tsp.plugins.module_utils._foreign import has_template, printable

if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, Mapping

YAML_IMPORT_ERROR: str | None
try:
    import yaml
except ImportError:
    YAML_IMPORT_ERROR = traceback.format_exc()
else:
    YAML_IMPORT_ERROR = None

UNSAFE = "!unsafe"  # Ansible's tag for a text that is never templated
WIDTH = 120


def text_of(variables: Mapping[str, Any], comments: Iterable[str]) -> str:
    """The file's text. variables: of plain values; comments: one line each, above them."""
    if YAML_IMPORT_ERROR:
        raise MissingLibrary("PyYAML", YAML_IMPORT_ERROR)
    shown = all(printable(text) == text for text in texts(variables))  # else characters are escaped
    body = yaml.dump(variables, Dumper=dumper(), sort_keys=False, width=WIDTH, allow_unicode=shown, default_flow_style=False)
    return "".join("# %s\n" % printable(line) for line in comments) + "---\n" + body


def dumper() -> type[yaml.SafeDumper]:
    class Dumper(yaml.SafeDumper):
        """Tag what Ansible would take for a template."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def represent(self: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        text = str.__str__(text)  # Ansible has its own types of text
        if has_template(text):
            return self.represent_scalar(UNSAFE, text, style='"')
        return self.represent_str(text)

    Dumper.add_representer(str, represent)
    Dumper.add_multi_representer(str, represent)
    return Dumper


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from texts(key)
            yield from texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from texts(one)
