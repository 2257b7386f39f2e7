# SPDX-License-Identifier: Apache-2.0
"""What a daemon may leave behind, seen from outside: processes, mounts, links, nftables, cgroups."""

import json
import os
import re
import subprocess
import time

from .context import CTX

HEX64 = re.compile(r"[0-9a-f]{64}")


def processes():
    """{pid: command line} of every process but kernel threads and ourselves."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            with open(f"/proc/{name}/stat") as f:
                state = f.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state == "Z":
            continue
        if line:
            found[int(name)] = line
    return found


def holds(pid, prefix):
    """True when the process has its directory or an open file below prefix."""
    try:
        paths = [f"/proc/{pid}/cwd"] + [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return False
    for link in paths:
        try:
            if os.readlink(link).startswith(prefix):
                return True
        except OSError:
            pass
    return False


def mounts(prefix=None):
    """Mount points (nsfs and overlay ones included) below prefix, or all."""
    found = []
    with open("/proc/self/mountinfo") as f:
        for line in f:
            point = line.split()[4].replace("\\040", " ")
            if prefix is None or point == prefix or point.startswith(prefix + "/"):
                found.append(point)
    return found


def links():
    out = subprocess.run(["ip", "-j", "link"], capture_output=True, timeout=60).stdout
    return {link["ifname"] for link in json.loads(out or b"[]")}


def nft_tables():
    out = subprocess.run(["nft", "-j", "list", "tables"], capture_output=True, timeout=60).stdout
    return {f"{t['table']['family']} {t['table']['name']}"
            for t in json.loads(out or b"{}").get("nftables", []) if "table" in t}


def nft_text():
    return subprocess.run(["nft", "-nn", "list", "ruleset"], capture_output=True,
                          timeout=60).stdout.decode("utf-8", "replace")


def cgroups(ids):
    """Directories of cgroups named after one of these containers. Others on the machine are not ours."""
    found = set()
    for base, dirs, _ in os.walk("/sys/fs/cgroup"):
        for name in list(dirs):
            id = HEX64.search(name)
            if id:
                dirs.remove(name)
                if id.group() in ids:
                    found.add(os.path.join(base, name))
        if base.count("/") > 7:
            dirs[:] = []
    return found


class Snapshot:
    """What there was; compare() says what has been added since."""

    def __init__(self):
        self.processes = set(processes())
        self.mounts = set(mounts())
        self.links = links()
        self.tables = nft_tables()

    def added(self, root, bridge=None):
        """Lines naming each thing that is new; not isolated, only what belongs to root and bridge."""
        found = []
        for pid, line in processes().items():
            if pid not in self.processes and (CTX.isolated or root in line
                                                    or holds(pid, root + "/")):
                found.append(f"process {pid}: {line[:160]}")
        for point in mounts(None if CTX.isolated else root):
            if point not in self.mounts:
                found.append(f"mount {point}")
        found += [f"link {name}" for name in links() - self.links if CTX.isolated or name == bridge]
        found += [f"nftables table {name}" for name in nft_tables() - self.tables
                  if CTX.isolated or (bridge and name.endswith("-" + bridge))]
        found += [f"cgroup {path}" for path in cgroups(CTX.ids)]
        return found

    def settle(self, root, bridge=None, timeout=5.0):
        """added(), after giving what is on its way out some time."""
        end = time.monotonic() + timeout * CTX.slow
        while True:
            found = self.added(root, bridge)
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.05)
