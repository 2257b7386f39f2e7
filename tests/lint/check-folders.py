# SPDX-License-Identifier: Apache-2.0
"""Each module folder has README.md, Kconfig and build.mk, and each source is built by one. A folder
whose sources stand in its parent's build.mk is a part of the parent. Unit tests likewise."""

import os
import re

import tree

findings = []
present = set(tree.files())
for top in ("firmware", "runtime", "api", "board", "rootfs", "tests"):
    if top + "/README.md" not in present and any(n.startswith(top + "/") for n in present):
        findings.append(f"{top}: no README.md")


def listed(fragment):
    """The files a fragment names, relative to its folder."""
    text = re.sub(r"#.*", "", tree.read(fragment)).replace("\\\n", " ")
    return set(re.findall(r"[\w./-]+\.(?:c|S)\b", text))


fragments = {}
for name in present:
    if os.path.basename(name) == "build.mk" and name.split("/")[0] in tree.MODULES:
        folder = os.path.dirname(name)
        fragments[folder] = listed(name)
        for need in ("README.md", "Kconfig"):
            if f"{folder}/{need}" not in present:
                findings.append(f"{folder}: no {need}")
        for source in fragments[folder]:
            if f"{folder}/{source}" not in present:
                findings.append(f"{name}: {source} does not exist")

for name in tree.sources(".c", ".S", under=tree.MODULES):
    folder = os.path.dirname(name)
    while folder and os.path.relpath(name, folder) not in fragments.get(folder, ()):
        folder = os.path.dirname(folder)
    if not folder:
        findings.append(f"{name}: no build.mk builds it")

for name in present:
    match = re.match(r"(tests/unit/[^/]+)/(test_\w+)\.c$", name)
    if match:
        fragment = match.group(1) + "/build.mk"
        if fragment not in present or not re.search(
                rf"\b{match.group(2)}\b", tree.read(fragment)):
            findings.append(f"{name}: not in {fragment}")
    match = re.match(r"tests/fuzz/fuzz_(\w+)\.c$", name)
    if match and not re.search(rf"^fuzzers .*\b{match.group(1)}\b",
                               tree.read("tests/fuzz/build.mk"), re.M):
        findings.append(f"{name}: not in tests/fuzz/build.mk")
tree.finish(sorted(findings))
