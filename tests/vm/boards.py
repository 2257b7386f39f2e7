# SPDX-License-Identifier: Apache-2.0
"""The boards as `bench` measures them: what each is built and booted with, and the building."""

import hashlib
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
OWN = "the stock guest's own"


class Board:
    """Its defconfig, architecture and, for a guest of ours, the machine of guest.MACHINES."""

    def __init__(self, name, arch, machine=None, plain_kernel=False, package=False, says=""):
        self.name, self.arch, self.machine = name, arch, machine
        self.plain_kernel, self.package, self.says = plain_kernel, package, says

    def __str__(self):
        return f"{self.name}-{self.arch}"


BOARDS = (
    Board("qemu", "amd64", "amd64", says="q35"),
    Board("firecracker", "amd64", "microvm", plain_kernel=True, says="in QEMU's microvm"),
    Board("qemu", "arm64", "arm64", says="virt"),
    Board("vfkit", "arm64", "vfkit", plain_kernel=True, says="in QEMU's virt"),
    Board("lima", "arm64", package=True),
    Board("finch", "arm64"),
    Board("static", "amd64", package=True),
)


def wanted(text):
    """Those whose name, or name-architecture, is in a list; all without one."""
    names = text.replace(",", " ").split()
    known = {str(b) for b in BOARDS} | {b.name for b in BOARDS} | {b.arch for b in BOARDS}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise SystemExit(f"no such board: {' '.join(wrong)} (there are {' '.join(sorted(known))})")
    return [b for b in BOARDS if not names or {str(b), b.name, b.arch} & set(names)]


def sh(*argv, seconds=900, **more):
    subprocess.run(argv, check=True, timeout=seconds, **more)


class Builder:
    """Builds each configuration once for an architecture: several boards have the same."""

    def __init__(self, out, sysroot):
        self.out, self.sysroot, self.native = out, sysroot, subprocess.run(
            ["dpkg", "--print-architecture"], check=True, capture_output=True,
            text=True).stdout.strip()
        self.made = {}

    def make(self, folder, *more):
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "O")}
        sh("make", "-s", "-C", TOP, f"O={folder}", *more, env=env)

    def words(self, arch):
        """What make has to be told for an architecture."""
        if arch == self.native:
            return []
        if arch == "arm64" and not self.sysroot:
            raise SystemExit("no libraries for arm64: make deps-arm64")
        return [f"ARCH={arch}"] + ([f"SYSROOT={self.sysroot}"] if self.sysroot else [])

    def folder(self, board):
        """Where the programs of a board are; built now if they were not."""
        key = (board.name, board.arch)
        if key not in self.made:
            trial = os.path.join(self.out, "config")
            self.make(trial, f"{board.name}_defconfig")
            with open(os.path.join(trial, ".config"), "rb") as f:
                text = b"".join(sorted(line for line in f if not line.startswith(b"#")))
            name = hashlib.sha256(text).hexdigest()[:12]
            tree = os.path.join(self.out, f"build-{name}")
            print(f"  building {board}", flush=True)
            if not os.path.exists(os.path.join(tree, ".config")):
                self.make(tree, f"{board.name}_defconfig")
            self.make(tree, "-j%d" % len(os.sched_getaffinity(0)), *self.words(board.arch),
                      *(["deb"] if board.package else []))
            self.made[key] = tree if board.arch == self.native else os.path.join(tree, board.arch)
        return self.made[key]

    def package(self, board):
        """The Debian package that building left."""
        folder = self.folder(board)
        top = folder if board.arch == self.native else os.path.dirname(folder)
        found = [name for name in os.listdir(top) if name.endswith(f"_{board.arch}.deb")]
        return os.path.join(top, max(found, key=lambda n: os.path.getmtime(os.path.join(top, n))))


def compiler(arch):
    """For the test's own programs, which need the C library alone."""
    return {"arm64": "aarch64-linux-gnu-gcc", "amd64": "x86_64-linux-gnu-gcc"}[arch]
