# SPDX-License-Identifier: Apache-2.0
"""The table: each row a figure of both engines, how many times better serind's is, and the target it has."""

import json
import os
import statistics
import time

UNITS = {
    # unit: (factor from the base unit, digits, text); base units are bytes, seconds, per second
    "MB": (1e-6, 2), "KiB": (1 / 1024, 0), "MiB": (1 / (1 << 20), 2), "ms": (1e3, 2), "s": (1, 2),
    "µs": (1e6, 1), "/s": (1, 0), "MB/s": (1e-6, 1), "GB/s": (1e-9, 2), "": (1, 0), "×": (1, 2),
}


class Row:
    def __init__(self, name, title, unit, higher):
        self.name, self.title, self.unit, self.higher = name, title, unit, higher
        self.values = {}        # engine → list of values in the base unit
        self.targets = []       # (text, met: True, False or None)

    def median(self, engine):
        values = self.values.get(engine)
        return statistics.median(values) if values else None

    def ratio(self, better="serind", than="dockerd"):
        """How many times better; None when one of them is not there."""
        a, b = self.median(better), self.median(than)
        if not a or not b:
            return None
        return a / b if self.higher else b / a

    def at_least_times(self, times, than="dockerd"):
        ratio = self.ratio(than=than)
        self.targets.append((f"≥ {times:g}×", None if ratio is None else ratio >= times))

    def at_most(self, text, limit):
        value = self.median("serind")
        self.targets.append((f"≤ {text}", None if value is None else value <= limit))

    def at_least(self, text, limit):
        value = self.median("serind")
        self.targets.append((f"≥ {text}", None if value is None else value >= limit))

    def holds(self, text, met):
        self.targets.append((text, met))


class Table:
    def __init__(self):
        self.rows = []
        self.failures = []

    def row(self, name, title, unit, values, higher=False):
        row = Row(name, title, unit, higher)
        row.values = {engine: list(v) for engine, v in values.items() if v}
        self.rows.append(row)
        return row

    def fail(self, name, what):
        self.failures.append((name, what))

    def print(self, bench):
        heads = ["", "", "serind", "min–max", "dockerd", "min–max", "ratio", "target", "met"]
        lines = [self.cells(row) for row in self.rows]
        widths = [max(len(line[i]) for line in lines + [heads]) for i in range(len(heads))]
        left = (0, 1, 7)
        print()
        for line in [heads] + lines:
            print("  ".join(cell.ljust(w) if i in left else cell.rjust(w)
                            for i, (cell, w) in enumerate(zip(line, widths))).rstrip())
        print()
        print(f"{describe()}; took {time.monotonic() - bench.began:.0f} s")
        print("Medians; ratio: how many times better serind is. Targets: what the design asks for.")
        for note in bench.notes:
            print(f"Note: {note}")
        for name, what in self.failures:
            print(f"FAILED {name}: {what}")

    @staticmethod
    def cells(row):
        factor, digits = UNITS[row.unit]

        def text(value):
            return f"{value * factor:,.{digits}f}"

        out = [row.title, row.unit]
        for engine in ("serind", "dockerd"):
            values = row.values.get(engine)
            out.append(text(statistics.median(values)) if values else "–")
            out.append(f"{text(min(values))}–{text(max(values))}" if values and len(values) > 1 else "")
        ratio = row.ratio()
        out.append(f"{ratio:.{1 if ratio < 100 else 0}f}×" if ratio else "")
        out.append(", ".join(target for target, _ in row.targets))
        out.append(" ".join({True: "yes", False: "NO", None: "–"}[met] for _, met in row.targets))
        return out

    def write(self, path, bench):
        with open(path, "w") as f:
            json.dump({"machine": describe(), "quick": bench.quick, "notes": bench.notes,
                       "failures": self.failures,
                       "rows": [{"name": row.name, "title": row.title, "base_unit": base(row.unit),
                                 "values": row.values, "ratio": row.ratio(), "targets": row.targets}
                                for row in self.rows]}, f, indent=1, ensure_ascii=False)
            f.write("\n")


def base(unit):
    return {"ms": "s", "µs": "s", "MB": "bytes", "KiB": "bytes", "MiB": "bytes", "MB/s": "bytes/s",
            "GB/s": "bytes/s"}.get(unit, unit)


def describe():
    cpu = "?"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return (f"{os.cpu_count()} × {cpu}, Linux {os.uname().release},"
            f" load {os.getloadavg()[0]:.1f}")
