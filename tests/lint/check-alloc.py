# SPDX-License-Identifier: Apache-2.0
"""The heap is called in firmware/core alone; everybody else uses its arenas, pools and mem_*."""

import re

import tree

CALL = re.compile(
    r"(?<![\w.>])(malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|vasprintf|"
    r"posix_memalign|aligned_alloc|memalign|getline|getdelim|open_memstream|realpath)\s*\(")

findings = []
for name in tree.sources(".c", ".h", under=tree.MODULES):
    if name.startswith("firmware/core/"):
        continue
    text = tree.bare(tree.read(name))
    for match in CALL.finditer(text):
        before = text[:match.start()].rstrip()
        if before.endswith("->") or before.endswith("(*"):
            continue
        findings.append(f"{name}:{tree.line_of(text, match.start())}: calls {match.group(1)}")
tree.finish(findings)
