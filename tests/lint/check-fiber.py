# SPDX-License-Identifier: Apache-2.0
"""Whoever calls a function marked FIBER_FN is marked FIBER_FN itself, or FIBER_ENTRY where a fiber
begins. Works on the text: declarations and definitions at file level, calls in the bodies.
With --fix static functions are given the mark they lack; what then remains is public."""

import re
import sys

import tree

MARK = re.compile(r"\b(?:FIBER_FN|FIBER_ENTRY)\b")
KEYWORDS = {"if", "while", "for", "switch", "return", "sizeof", "defined", "_Alignof", "typeof",
            "__typeof__", "__attribute__", "_Static_assert", "do", "else"}
NAME_CALL = re.compile(r"(?<![\w])([a-z_]\w*)\s*\(")
POINTER = re.compile(r"\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(")
FIELD_CALL = re.compile(r"(?:->|\.)\s*(\w+)\s*\(")


class Chunk:
    """A declaration or the head of a definition at file level, with the body if there is one."""

    def __init__(self, head, start, body, body_start):
        self.head, self.start, self.body, self.body_start = head, start, body, body_start


def chunks(text):
    depth, start, head, body_start = 0, 0, None, 0
    for i, c in enumerate(text):
        if c == "{":
            if depth == 0:
                head, body_start = text[start:i], i
            depth += 1
        elif c == "}":
            depth = max(depth - 1, 0)
            if depth == 0:
                if name_of(head or ""):
                    yield Chunk(head, start, text[body_start:i + 1], body_start)
                    start, head = i + 1, None
        elif c == ";" and depth == 0:
            if head is not None:
                yield Chunk(head, start, text[body_start:i + 1], body_start)
            else:
                yield Chunk(text[start:i], start, None, i)
            start, head = i + 1, None


def name_of(head):
    """The function a file-level head declares, or None for structs, variables and tables."""
    if "=" in head or re.match(r"\s*(?:typedef\b)", head):
        return None
    for match in NAME_CALL.finditer(head):
        if match.group(1) not in KEYWORDS:
            return match.group(1)
    return None


class File:
    def __init__(self, name):
        self.name = name
        self.text = tree.bare(tree.read(name), directives=False)
        self.marked, self.statics, self.functions = set(), set(), []
        self.fields, self.plain_fields = set(), set()
        for chunk in chunks(self.text):
            name_here = name_of(chunk.head)
            if name_here:
                if re.search(r"\bFIBER_FN\b", chunk.head):
                    self.marked.add(name_here)
                if re.search(r"\bstatic\b", chunk.head):
                    self.statics.add(name_here)
                if chunk.body:
                    self.functions.append((name_here, chunk))
            elif chunk.body and re.search(r"\b(struct|union)\b", chunk.head) and "=" not in chunk.head:
                for member in chunk.body.split(";"):
                    match = POINTER.search(member)
                    if match:
                        marked = re.search(r"\bFIBER_FN\b", member)
                        (self.fields if marked else self.plain_fields).add(match.group(1))


def check():
    """What is wrong: (file, chunk, name, callee, offset of the call)."""
    files = [File(name) for name in tree.sources(".c", ".h", under=tree.MODULES)]
    everywhere, fields, plain_fields = set(), set(), set()
    for file in files:
        everywhere |= file.marked if file.name.endswith(".h") else file.marked - file.statics
        fields |= file.fields
        plain_fields |= file.plain_fields
    fields -= plain_fields

    wrong = []
    for file in files:
        # A static function hides a marked one of the same name in another file.
        here = (everywhere - (file.statics - file.marked)) | file.marked
        entries = {name_of(chunk.head) for chunk in chunks(file.text)
                   if "FIBER_ENTRY" in chunk.head}
        for name, chunk in file.functions:
            if name in here or name in entries or MARK.search(chunk.head):
                continue
            called = {}
            for match in NAME_CALL.finditer(chunk.body):
                before = chunk.body[:match.start()].rstrip()
                if match.group(1) in here and not before.endswith(("->", ".")):
                    called.setdefault(match.group(1), match.start())
            for match in FIELD_CALL.finditer(chunk.body):
                if match.group(1) in fields:
                    called.setdefault(match.group(1), match.start())
            wrong += [(file, chunk, name, callee, chunk.body_start + offset)
                      for callee, offset in called.items()]
    return wrong


def fix(wrong):
    """Marks the static functions among them; True if there was one."""
    places = {}
    for file, chunk, name, _, _ in wrong:
        match = re.search(r"\bstatic\b", chunk.head)
        if match:
            entry = re.search(rf"\bfiber_spawn\s*\([^;]*\b{name}\b", file.text)
            places.setdefault(file.name, {})[chunk.start + match.end()] = \
                " FIBER_ENTRY" if entry else " FIBER_FN"
    for name, marks in places.items():
        text = tree.read(name)
        for offset in sorted(marks, reverse=True):
            text = text[:offset] + marks[offset] + text[offset:]
        with open(name, "w", encoding="utf-8") as out:
            out.write(text)
    return bool(places)


if "--fix" in sys.argv:
    while fix(check()):
        pass
tree.finish([
    f"{file.name}:{tree.line_of(file.text, offset)}: {name} calls {callee}, which may wait, "
    "and is neither FIBER_FN nor FIBER_ENTRY" for file, _, name, callee, offset in check()])
