# SPDX-License-Identifier: Apache-2.0
"""What the Python checks share: the list of files, and C text without comments and strings."""

import os
import re
import subprocess
import sys

TOPS = ("firmware", "runtime", "api", "board", "rootfs", "tests", ".ci")
MODULES = ("firmware", "runtime", "api")


def files():
    """Every file of the tree that is, or would be, under version control."""
    try:
        out = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            check=True, capture_output=True, text=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        out = [name for name in os.listdir(".") if os.path.isfile(name)]
        for top in TOPS:
            for where, _, names in os.walk(top):
                out += [os.path.join(where, name) for name in names]
    return sorted({name for name in out if name and os.path.isfile(name)})


def sources(*ends, under=None):
    """The files with one of these endings, below one of these top folders."""
    return [name for name in files()
            if name.endswith(ends or (".c", ".h"))
            and (under is None or name.split("/")[0] in under)]


def read(name):
    with open(name, encoding="utf-8", errors="replace") as file:
        return file.read()


_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def _blank(match):
    text = match.group(0)
    if text[0] == '"':
        return '""' + " " * (len(text) - 2) if len(text) > 1 else text
    if text[0] == "'":
        return "0" + " " * (len(text) - 1)
    return re.sub(r"[^\n]", " ", text)


def bare(text, directives=True):
    """C text with comments and literals blanked, every offset kept; without directives if asked."""
    text = _TOKENS.sub(_blank, text)
    if not directives:
        text = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*",
                      lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.M | re.S)
    return text


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def finish(findings):
    """Prints the findings and leaves with the status the runner expects."""
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)
