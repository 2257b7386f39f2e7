# SPDX-License-Identifier: Apache-2.0
"""Every source file says its licence in the first three lines."""

import os

import tree

ENDS = (".c", ".h", ".S", ".py", ".sh", ".mk", ".awk", ".service", ".socket", ".proto")
NAMES = ("Makefile", "Kconfig", ".clang-format")

findings = []
for name in tree.files():
    if "/corpus/" in name or "/regression/" in name or "/data/" in name:
        continue
    base = os.path.basename(name)
    head = tree.read(name)[:2000].split("\n")[:3]
    script = head[0].startswith("#!")
    if not (name.endswith(ENDS) or base in NAMES or script):
        continue
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in head):
        findings.append(f"{name}:1: no SPDX-License-Identifier: Apache-2.0")
tree.finish(findings)
