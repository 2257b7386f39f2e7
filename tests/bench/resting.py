# SPDX-License-Identifier: Apache-2.0
"""What the daemon is and costs by itself: size, start, memory, and the rates of its cheapest answers."""

import os
import subprocess
import time

from engines import Failed
from rounds import interleave, place


def size(bench):
    sizes = {"serind": [os.path.getsize(bench.args.serind)]}
    if bench.dockerd:
        parts = bench.dockerd.sizes()
        sizes["dockerd"] = [sum(parts.values())]
        bench.notes.append("dockerd's size: " + ", ".join(
            f"{name} {bytes_ / 1e6:.1f} MB" for name, bytes_ in parts.items()) + "; runc not counted")
    bench.table.row("size", "binary", "MB", sizes).at_most("3 MB", 3e6)
    if bench.quick and not os.path.exists(os.path.join(bench.args.out, "bench/tiny/serind")):
        bench.notes.append("the tiny board is not built with --quick")
        return
    tiny = built(bench, "tiny", "tiny_defconfig")
    row = bench.table.row("size-tiny", "binary, tiny board", "MB", {"serind": [os.path.getsize(tiny)]})
    row.at_most("1.2 MB", 1.2e6)


def built(bench, name, goal, numbers=()):
    """Path of serind in another configuration, made beside the measured one if it is not there."""
    out = os.path.join(bench.args.out, "bench", name)
    make = ["make", "-s", "-C", bench.args.top, f"O={out}"]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    env.pop("O", None)

    def step(*goals):
        done = subprocess.run(make + list(goals), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
        if done.returncode:
            said = [line for line in done.stdout.decode(errors="replace").splitlines() if "error" in line.lower()]
            raise Failed(f"{name} does not build: " + "; ".join(said[:3]))

    config = os.path.join(out, ".config")
    step(goal)
    if numbers:
        with open(config) as f:
            lines = [line for line in f if line.split("=")[0] not in dict(numbers)]
        with open(config, "w") as f:
            f.writelines(lines + [f"{key}={value}\n" for key, value in numbers])
        step("olddefconfig")
    step(f"-j{os.cpu_count()}", "all")
    return os.path.join(out, "serind")


def start(bench):
    """From fork to the first 200 on /_ping, over roots that a first start has made, the disk quiet."""
    def once(engine):
        os.sync()
        return engine.load("start", 60, "--", *engine.argv())["up_us"] / 1e6
    values = interleave(bench.engines, 3 if bench.quick else 7, once, warm=1)
    row = bench.table.row("start", "start to first answered ping", "ms", values)
    row.at_most("5 ms", 5e-3)


def idle(bench):
    """Proportional set size before any load but the loading of one small image."""
    time.sleep(2)
    values = interleave(bench.engines, 3, lambda engine: engine.pss(engine.daemons()), pause=0.2)
    bench.table.row("idle", "PSS idle, one image", "MiB", values).at_most("2 MB", 2 << 20)


def ping(bench):
    seconds = 0.5 if bench.quick else 1
    for conns, times in ((1, 3), (64, 4)):
        def once(engine):
            before = engine.cpu()
            found = engine.load("rate", "/_ping", conns, seconds)
            return found["requests"] / found["seconds"], (engine.cpu() - before) / found["requests"]
        with bench.awake():
            values = interleave(bench.engines, 3 if bench.quick else 5, once)
        row = bench.table.row(f"ping-{conns}", f"ping, {conns} connection{'s' * (conns > 1)}", "/s",
                              place(values, 0), higher=True)
        row.at_least_times(times)
    bench.table.row("ping-cpu", "… processor time of one", "µs", place(values, 1))


def list_hundred(bench):
    """GET /containers/json?all=1 with 100 created containers: the median of the answers' times."""
    for engine in bench.engines:
        api = engine.api()
        for number in range(100):
            api.create(["true"], Labels={"bench": str(number)})
        api.close()
    seconds = 0.5 if bench.quick else 1
    with bench.awake():
        values = interleave(bench.engines, 3 if bench.quick else 5, lambda engine: engine.load(
            "rate", "/containers/json?all=1", 1, seconds)["median_us"] / 1e6)
    bench.table.row("list", "list of 100 containers", "ms", values).at_least_times(10)
    for engine in bench.engines:
        api = engine.api()
        api.remove_all()
        api.close()


def per_container(bench):
    """Ten running containers on the bridge, each with a published port: what their own processes take, divided."""
    count = 10
    shims, whole, names = {}, {}, {}
    for engine in bench.engines:
        before = engine.pss()
        daemons = engine.daemons()
        api = engine.api()
        for _ in range(count):
            api.run(["sleep", "600"], "bridge", ExposedPorts={"80/tcp": {}},
                    host={"PortBindings": {"80/tcp": [{"HostPort": "0"}]}})
        time.sleep(1.5)
        own = [pid for pid in engine.processes() if pid not in daemons]
        if not own:
            raise Failed(f"{engine.name} has no process for its containers")
        shims[engine.name] = [engine.pss(own) / count]
        whole[engine.name] = [(engine.pss() - before) / count]
        names[engine.name] = len(own) / count
        api.remove_all()
        api.close()
    row = bench.table.row("container", "PSS a running container: its processes", "MiB", shims)
    row.at_most("0.4 MB", 0.4 * (1 << 20))
    bench.table.row("container-all", "… with the daemon's growth", "MiB", whole)
    bench.notes.append("processes a container with one published port: " + ", ".join(
        f"{name} {n:g}" for name, n in names.items()))
