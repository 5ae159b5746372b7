# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this machine has the library with which Java's keytool makes a BCFKS key store, as JTAPI 15 reads it.

The environment variable SECURE_TSP_BOUNCY_CASTLE names a jar, or the folder of one. Debian has it as libbcprov-java.
"""

from __future__ import annotations

import glob
import os
import shutil

JARS = [path for path in (os.environ.get("SECURE_TSP_BOUNCY_CASTLE", ""), "/usr/share/java") if path and (
    os.path.isfile(path) or glob.glob(path + "/bcprov*.jar") + glob.glob(path + "/bc-fips*.jar"))]
MISSING = "" if JARS and shutil.which("keytool") else "no keytool with Bouncy Castle on this machine"
