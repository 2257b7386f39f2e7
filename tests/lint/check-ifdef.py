# SPDX-License-Identifier: Apache-2.0
"""Options are tested with `if (CONFIG(X))`, so that what is off still compiles. The preprocessor
may ask for one only in the files of tests/lint/ifdef-allow, each with its reason."""

import re

import tree

allowed = {}
for line in tree.read("tests/lint/ifdef-allow").split("\n"):
    if line and not line.startswith("#"):
        path, _, reason = line.partition(" ")
        allowed[path] = reason.strip()

findings = []
for name in tree.sources(".c", ".h", under=tree.MODULES):
    if name in allowed:
        continue
    text = tree.bare(tree.read(name))
    for match in re.finditer(r"^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif)\b[^\n]*\bCONFIG(?:_|\()[^\n]*",
                             text, re.M):
        findings.append(f"{name}:{tree.line_of(text, match.start())}: {match.group(0).strip()}")
for path, reason in allowed.items():
    if not reason:
        findings.append(f"tests/lint/ifdef-allow: {path} without a reason")
tree.finish(findings)
