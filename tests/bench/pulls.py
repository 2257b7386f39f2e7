# SPDX-License-Identifier: Apache-2.0
"""Pull of one large gzip layer from a registry on loopback, and each of the steps in it done alone."""

import hashlib
import os
import shutil
import socket
import subprocess
import time
import zlib

import images
from engines import Failed, escaped
from rounds import interleave, timed


def steps(bench, registry, layer):
    """name → seconds of each step alone, nothing else running."""
    def read(path):
        with open(path, "rb", buffering=0) as f:
            while data := f.read(1 << 20):
                yield data

    def fetch():
        with socket.create_connection(("127.0.0.1", registry.port)) as conn:
            conn.sendall(f"GET /v2/bench/layer/blobs/{layer.digest} HTTP/1.0\r\n\r\n".encode())
            buffer = bytearray(1 << 20)
            while conn.recv_into(buffer):
                pass

    def inflate():
        d = zlib.decompressobj(31)
        for data in read(layer.gz):
            while data:
                d.decompress(data, 1 << 20)
                data = d.unconsumed_tail

    def hash_both():
        for path in (layer.tar, layer.gz):
            h = hashlib.sha256()
            for data in read(path):
                h.update(data)

    def unpack():
        subprocess.run(["tar", "-C", target, "-xf", layer.tar], check=True)

    found = {}
    for name, step in (("fetch", fetch), ("inflate", inflate), ("sha256 of both", hash_both),
                       ("tar -x", unpack)):
        target = os.path.join(bench.work, "unpacked")
        os.mkdir(target)
        os.sync()
        found[name] = timed(step)
        shutil.rmtree(target)
    return found


def pull(bench):
    if not shutil.which("docker-registry"):
        raise Failed("docker-registry is not there (apt-get install docker-registry)")
    layer = images.Layer(bench.work, (80 if bench.quick else 700) * 1000 * 1000)
    registry = images.Registry(bench.work)
    try:
        name = registry.push("bench/layer", layer)
        os.sync()
        alone = [steps(bench, registry, layer) for _ in range(1 if bench.quick else 2)]
        values = interleave(bench.engines, 2 if bench.quick else 3, lambda engine: once(engine, name), pause=0.5)
    finally:
        registry.close()
    row = bench.table.row("pull", f"pull, {layer.size / 1e6:.0f} MB gzip, {layer.unpacked / 1e6:.0f} MB unpacked",
                          "s", values)
    row.at_least_times(3)
    best = {step: min(some[step] for some in alone) for step in alone[0]}
    slowest = max(best, key=best.get)
    row.holds("≤ 1.3× step", row.median("serind") <= 1.3 * best[slowest])
    bench.table.row("step", f"slowest step of it alone: {slowest}", "s",
                    {"serind": [some[slowest] for some in alone]})
    bench.notes.append(f"the pull's steps alone ({layer.files:,} files): " + ", ".join(
        f"{step} {seconds:.2f} s" for step, seconds in best.items())
        + f"; the pull takes {row.median('serind') / best[slowest]:.2f} times the slowest")


def once(engine, name):
    """Seconds of one pull; the image is removed again, and the disk quiet before."""
    api = engine.api()
    os.sync()
    time.sleep(0.2)
    began = time.monotonic()
    answer = api.call("POST", f"/images/create?fromImage={escaped(name)}&tag=latest")
    took = time.monotonic() - began
    if b'"error"' in answer:
        raise Failed(f"{engine.name}: {answer[-300:].decode(errors='replace')}")
    api.call("DELETE", f"/images/{name}:latest?force=1")
    api.close()
    return took
