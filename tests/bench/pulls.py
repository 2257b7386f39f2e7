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

REPO = "bench/layer"


def steps(bench, registry, body, layer, turn):
    """name → seconds of each step alone, nothing else running."""
    def fetch():
        with socket.create_connection(("127.0.0.1", registry.port)) as conn:
            conn.sendall(f"GET /v2/{REPO}/blobs/{layer.digest} HTTP/1.0\r\n\r\n".encode())
            buffer = bytearray(1 << 20)
            while conn.recv_into(buffer):
                pass

    def inflate():
        d = zlib.decompressobj(31)
        for data in images.pieces(layer.gz):
            while data:
                d.decompress(data, 1 << 20)
                data = d.unconsumed_tail

    def hash_both():
        for path in (body.tar, layer.gz):
            h = hashlib.sha256()
            for data in images.pieces(path):
                h.update(data)

    def unpack():
        subprocess.run(["tar", "-C", target, "-xf", body.tar], check=True)

    found = {}
    target = os.path.join(bench.work, f"unpacked{turn}")
    os.mkdir(target)
    for name, step in (("fetch", fetch), ("inflate", inflate), ("sha256 of both", hash_both),
                       ("tar -x", unpack)):
        os.sync()
        found[name] = timed(step)
    return found


def pull(bench):
    """A layer that neither engine has, each time another; nothing is removed meanwhile."""
    if not shutil.which("docker-registry"):
        raise Failed("docker-registry is not there (apt-get install docker-registry)")
    turns, limit = (2, 80) if bench.quick else (3, 600)
    room = os.statvfs(bench.work)
    if not bench.quick and room.f_bavail * room.f_frsize < 15 * limit * 1000 * 1000:
        bench.notes.append(f"the pull is of a small layer: little room on the disk of {bench.work}")
        limit = 150
    body = images.Body(bench.work, limit * 1000 * 1000)
    layers = [images.Layer(body, turn) for turn in range(turns)]
    registry = images.Registry(bench.work)
    try:
        for turn, layer in enumerate(layers):
            registry.push(REPO, layer, f"v{turn}")
        alone = [steps(bench, registry, body, layers[0], turn) for turn in range(1 if bench.quick else 2)]
        left = {engine.name: iter(range(turns)) for engine in bench.engines}
        values = interleave(bench.engines, turns, lambda engine: once(
            engine, f"{registry.host}/{REPO}", f"v{next(left[engine.name])}"), pause=0.5)
    finally:
        registry.close()
    layer = layers[0]
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


def once(engine, name, tag):
    """Seconds of one pull, the disk quiet before."""
    api = engine.api()
    os.sync()
    time.sleep(0.2)
    began = time.monotonic()
    answer = api.call("POST", f"/images/create?fromImage={escaped(name)}&tag={tag}")
    took = time.monotonic() - began
    if b'"error"' in answer:
        raise Failed(f"{engine.name}: {answer[-300:].decode(errors='replace')}")
    api.close()
    return took
