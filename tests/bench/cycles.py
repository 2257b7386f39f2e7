# SPDX-License-Identifier: Apache-2.0
"""Short lives: a container that ends at once, and a command run in one that goes on."""

import glob
import json
import os
import subprocess
import time

from engines import Failed
from rounds import interleave, timed


class ApiCycle:
    """create, start, wait, remove of `true` on one network, as an engine that takes its turn."""

    def __init__(self, engine, network):
        self.name, self.network = engine.name, network
        self.api = engine.api()

    def once(self):
        cid = self.api.run(["true"], self.network)
        if self.api.wait(cid) != 0:
            raise Failed("true did not end with 0")
        self.api.remove(cid)


class BareRunc:
    """`runc run` of the same bundle: the configuration that the engine wrote, over the root it mounted.

    The container that the bundle is taken from runs meanwhile, so that root and files stay; the namespaces are new,
    the cgroup is its own.
    """

    name = "runc"

    def __init__(self, engine):
        bench = engine.bench
        self.api = engine.api()
        self.cid = self.api.run(["sleep", "600"])
        found = glob.glob(f"{engine.root}/exec/**/{self.cid}/config.json", recursive=True) + \
            glob.glob(f"{engine.root}/data/**/{self.cid}/config.json", recursive=True)
        if not found:
            raise Failed("no bundle of a running container found")
        with open(found[0]) as f:
            spec = json.load(f)
        root = spec["root"]["path"]
        spec["root"]["path"] = os.path.join(os.path.dirname(found[0]), root)
        spec["process"]["args"] = ["true"]
        spec["process"]["terminal"] = False
        spec.pop("hooks", None)
        spec["linux"]["cgroupsPath"] += "-bare"
        for space in spec["linux"]["namespaces"]:
            space.pop("path", None)
        self.bundle = os.path.join(bench.work, "bundle")
        os.makedirs(self.bundle, exist_ok=True)
        with open(os.path.join(self.bundle, "config.json"), "w") as f:
            json.dump(spec, f)
        self.state = os.path.join(bench.work, "runc-state")
        self.count = 0

    def once(self):
        self.count += 1
        subprocess.run(["runc", "--root", self.state, "run", "--bundle", self.bundle, f"bare{self.count}"],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=30)

    def close(self):
        self.api.remove(self.cid)


def cycle(bench):
    count = 5 if bench.quick else 20
    bare = BareRunc(bench.serind)
    base = None
    for network in ("none", "host", "bridge"):
        turns = [ApiCycle(engine, network) for engine in bench.engines]
        values = interleave(turns + [bare], count, lambda turn: timed(turn.once), warm=2)
        alone = values.pop("runc")
        row = bench.table.row(f"cycle-{network}", f"create+start+wait+remove, {network}", "ms", values)
        base = (base or []) + alone
        row.values["runc"] = alone
        times = 1 / row.ratio("serind", "runc")
        row.holds("≤ 2× runc", times <= 2)
        if network == "bridge":
            row.at_least_times(4)
        bench.notes.append(f"the cycle on {network} takes {times:.2f} times a bare runc run beside it")
    bench.table.row("runc", "bare runc run of the same bundle", "ms", {"serind": base})
    bare.close()


class ApiExec:
    """From the request that starts an exec of `true` to the inspection that tells its exit code."""

    def __init__(self, engine):
        self.name, self.engine = engine.name, engine
        self.api = engine.api()
        self.cid = self.api.run(["sleep", "600"])

    def once(self):
        eid = self.api.ask("POST", f"/containers/{self.cid}/exec", {"Cmd": ["true"], "AttachStdout": True})["Id"]
        began = time.monotonic()
        self.engine.load("drain", "UPGRADE", f"/exec/{eid}/start", '{"Detach":false,"Tty":false}')
        while True:
            state = self.api.ask("GET", f"/exec/{eid}/json")
            if not state["Running"]:
                break
            if time.monotonic() - began > 10:
                raise Failed("the exec does not end")
            time.sleep(0.0005)
        if state["ExitCode"] != 0:
            raise Failed(f"true ended with {state['ExitCode']}")
        return time.monotonic() - began

    def close(self):
        self.api.remove(self.cid)
        self.api.close()


class BareExec:
    """`runc exec` of true in a container of serind's, no daemon in between."""

    name = "runc"

    def __init__(self, turn):
        root = turn.engine.root
        found = glob.glob(f"{root}/**/{turn.cid}/state.json", recursive=True) + \
            glob.glob(f"/run/**/{turn.cid}/state.json", recursive=True)
        if not found:
            raise Failed("no state of runc's for a running container found")
        self.argv = ["runc", "--root", os.path.dirname(os.path.dirname(found[0])), "exec", turn.cid, "true"]

    def once(self):
        return timed(lambda: subprocess.run(self.argv, check=True, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, timeout=30))


def exec_true(bench):
    turns = [ApiExec(engine) for engine in bench.engines]
    bare = BareExec(turns[0])
    values = interleave(turns + [bare], 5 if bench.quick else 20, lambda turn: turn.once(), warm=2)
    alone = values.pop("runc")
    bench.table.row("exec", "exec of true, start to exit code", "ms", values).at_least_times(3)
    bench.table.row("runc-exec", "bare runc exec of true", "ms", {"serind": alone})
    for turn in turns:
        turn.close()
