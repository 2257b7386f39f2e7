# SPDX-License-Identifier: Apache-2.0
"""Dependencies point one way: main -> api -> runtime -> firmware, and inside firmware
core <- sched, core <- fmt, all of them <- net. Seen from the #include lines."""

import re

import tree

MAY = [
    ("firmware/core/", ("firmware/core/",)),
    ("firmware/sched/", ("firmware/core/", "firmware/sched/")),
    ("firmware/fmt/", ("firmware/core/", "firmware/fmt/")),
    ("firmware/net/", ("firmware/",)),
    ("firmware/", ("firmware/",)),
    ("runtime/", ("firmware/", "runtime/")),
    ("api/main/", ("firmware/", "runtime/", "api/")),
    ("api/", ("firmware/", "runtime/", "api/")),
]

findings = []
for name in tree.sources(".c", ".h", ".S", under=tree.MODULES):
    text = tree.read(name)
    allowed = next(allowed for prefix, allowed in MAY if name.startswith(prefix))
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', text, re.M):
        target = match.group(1)
        where = f"{name}:{tree.line_of(text, match.start())}"
        if target.startswith("generated/"):
            continue
        if not target.startswith(allowed):
            findings.append(f"{where}: {name.rsplit('/', 1)[0]} may not use {target}")
        elif target.startswith("api/main/") and not name.startswith("api/main/"):
            findings.append(f"{where}: only the main program may use {target}")
tree.finish(findings)
