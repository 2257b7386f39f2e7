# SPDX-License-Identifier: Apache-2.0
"""Which test proves what: every endpoint and field that the daemon's own tables name, against proofs.txt.

The rows come from the route table and the shape tables of the source, so a new route or field without
a test is found by itself; the tests come from proofs.txt; what became of them comes from the run.
"""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PROOFS = os.path.join(ROOT, "tests/e2e/proofs.txt")

# Where the fields of a request stand: file, table, what its rows begin with.
REQUESTS = (
    ("runtime/model/config.c", "container_config_fields", "Config"),
    ("runtime/model/config.c", "host_config_fields", "HostConfig"),
    ("runtime/model/config.c", "networking_config_fields", "NetworkingConfig"),
    ("runtime/container/exec.c", "exec_fields", "ExecConfig"),
    ("api/exec/start.c", "start_fields", "ExecStart"),
    ("api/volumes/create.c", "fields", "VolumeCreate"),
)


def source(path):
    with open(os.path.join(ROOT, path)) as f:
        return re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)


def endpoints():
    text = source("api/router/table.c")
    for method, path in re.findall(r'\b(?:ROUTE|NOT_YET)\("([A-Z*]+)",\s*"([^"]+)"', text):
        yield f"{method} {path}"


def tables(text):
    """The shape tables of a source text by name, and which table describes which struct."""
    found = dict(re.findall(r"struct shape_field (\w+)\[\] = \{(.*?)^\};", text, re.S | re.M))
    of = {tag: table for tag, table in re.findall(r'SHAPE_OF\((\w+),\s*"[^"]*",\s*(\w+)\)', text)}
    return found, of


def fields_of(found, of, table, prefix):
    # One macro a field: F(struct, "Name", …), FX(…, SHAPE_ARRAY, .sub = &shape_x, …).
    for part in re.split(r"\b(?:FX?|SHAPE_FIELD)\(", found[table])[1:]:
        name = re.search(r'"([^"]+)"', part).group(1)
        row = f"{prefix}.{name}"
        sub = re.search(r"\.sub = &shape_(\w+)", part)
        if not sub or sub.group(1) not in of:
            yield row
            continue
        inner = "[]" if "SHAPE_ARRAY" in part else ".*" if "SHAPE_MAP" in part else ""
        yield from fields_of(found, of, of[sub.group(1)], row + inner)


def fields():
    for path, table, prefix in REQUESTS:
        found, of = tables(source(path))
        yield from fields_of(found, of, table, prefix)


def read():
    """proofs.txt: {row: [test, …]}. A row is followed by its tests, indented, a line each."""
    proofs, row = {}, None
    with open(PROOFS) as f:
        for number, line in enumerate(f, 1):
            text = line.split("#")[0].rstrip()
            if not text:
                continue
            if not text[0].isspace():
                row = text
                if row in proofs:
                    raise ValueError(f"proofs.txt:{number}: {row} stands there twice")
                proofs[row] = []
            elif row is None:
                raise ValueError(f"proofs.txt:{number}: a test before the first row")
            else:
                proofs[row].append(text.strip())
    return proofs


def faults(proofs, tests):
    """What is wrong with proofs.txt, given the names of all tests there are."""
    rows = [*endpoints(), *fields()]
    for row in rows:
        if not proofs.get(row):
            yield f"no test proves {row}"
    for row, names in proofs.items():
        # A row may say more than the tables do (a query parameter, a rule), after a question mark.
        if row.split("?")[0] not in rows:
            yield f"the daemon has no {row}"
        for name in names:
            if name not in tests:
                yield f"{row}: there is no test {name}"


def write(path, proofs, outcome):
    """The table: a row, its tests, and what became of them in this run."""
    with open(path, "w") as f:
        f.write("| what | proven by | in this run |\n|---|---|---|\n")
        for row in dict.fromkeys([*endpoints(), *fields(), *proofs]):
            for name in proofs.get(row, ["-"]):
                f.write(f"| `{row}` | {name} | {outcome.get(name, 'not run')} |\n")
