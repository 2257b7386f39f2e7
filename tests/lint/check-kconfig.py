# SPDX-License-Identifier: Apache-2.0
"""Every Kconfig symbol that is used exists, is defined once, and every one that exists is used."""

import os
import re

import tree

defined = {}
referred = {}
findings = []


def refer(symbol, where):
    referred.setdefault(symbol, where)


for name in tree.files():
    base = os.path.basename(name)
    if base == "Kconfig":
        helping = None
        for number, line in enumerate(tree.read(name).split("\n"), 1):
            text = line.split("#")[0].rstrip()
            indent = len(text.expandtabs()) - len(text.expandtabs().lstrip())
            if helping is not None:
                if not text or indent > helping:
                    continue
                helping = None
            word = text.split(" ")[0].strip()
            if re.match(r"\s*(---)?help(---)?$", text):
                helping = indent
                continue
            match = re.match(r"\s*(?:menu)?config\s+(\w+)$", text)
            if match:
                symbol = match.group(1)
                if symbol in defined:
                    findings.append(f"{name}:{number}: {symbol} is defined at {defined[symbol]} too")
                defined[symbol] = f"{name}:{number}"
                continue
            match = re.match(r"\s*(depends on|select|imply|if|visible if|default|range)\s+(.*)", text)
            tail = match.group(2) if match else ""
            if " if " in text and not match:
                tail = text.split(" if ", 1)[1]
            for symbol in re.findall(r"\b[A-Z][A-Z0-9_]+\b", re.sub(r'"[^"]*"', "", tail)):
                refer(symbol, f"{name}:{number}")

used = set()
for name in tree.files():
    base = os.path.basename(name)
    c_like = name.endswith((".c", ".h", ".S"))
    if not (c_like or base in ("build.mk", "Makefile", "defconfig")):
        continue
    text = tree.read(name)
    if c_like:
        text = tree.bare(text)
        if name == "firmware/core/config.h":
            continue
    pattern = r"\bCONFIG_([A-Z0-9][A-Z0-9_]*)\b|\bCONFIG\((\w+)\)"
    for match in re.finditer(pattern, text):
        symbol = match.group(1) or match.group(2)
        if match.group(2) and symbol != symbol.upper():
            continue
        used.add(symbol)
        refer(symbol, f"{name}:{tree.line_of(text, match.start())}")

for symbol, where in sorted(referred.items()):
    if symbol not in defined:
        findings.append(f"{where}: no Kconfig defines {symbol}")
for symbol, where in sorted(defined.items()):
    if symbol not in used and symbol not in referred:
        findings.append(f"{where}: nothing uses {symbol}")
tree.finish(findings)
