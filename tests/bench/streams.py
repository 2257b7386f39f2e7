# SPDX-License-Identifier: Apache-2.0
"""Bytes in quantity: out of an exec, into a log, out of it again, and many who wait for its next line."""

import json
import os
import subprocess
import time

import images
from engines import Failed, Serind
from resting import built
from rounds import interleave, place

FOLLOWERS = 1000
# A daemon that admits a thousand followers: one connection and two fibers each at most.
WIDE = (("CONFIG_HTTP_CONNECTIONS", 1280), ("CONFIG_FIBER_COUNT", 2800), ("CONFIG_CHUNK_COUNT", 2800),
        ("CONFIG_ARENA_COUNT", 1408), ("CONFIG_LOG_FOLLOWERS", 1280))


def exec_stream(bench):
    """/dev/zero through an attached exec without a terminal: payload a second."""
    blocks = (4 if bench.quick else 12) << 10
    size, command = blocks << 16, f"dd if=/dev/zero bs=64k count={blocks}"
    ids = {}
    for engine in bench.engines:
        api = engine.api()
        ids[engine.name] = api, api.run(["sleep", "600"])

    def once(engine):
        api, cid = ids[engine.name]
        eid = api.ask("POST", f"/containers/{cid}/exec", {
            "Cmd": command.split(), "AttachStdout": True})["Id"]
        found = engine.load("drain", "UPGRADE", f"/exec/{eid}/start", '{"Detach":false,"Tty":false}')
        if found["bytes"] < size:
            raise Failed(f"{engine.name} sent {found['bytes']} bytes of {size}")
        return size / found["seconds"]

    values = interleave(bench.engines, 3 if bench.quick else 5, once, warm=1)
    row = bench.table.row("stream", "exec stream, not a terminal", "GB/s", values, higher=True)
    row.at_least("1 GB/s", 1e9)
    began = time.monotonic()
    subprocess.run(f"busybox {command} 2>/dev/null | cat >/dev/null", shell=True, check=True)
    bench.notes.append("the exec stream's command through a bare pipe: "
                       f"{size / (time.monotonic() - began) / 1e9:.2f} GB/s")
    for api, cid in ids.values():
        api.remove(cid)
        api.close()


def logs(bench):
    """A container that prints lines of 84 bytes (json-file), start to its end; then all of them read back."""
    rounds = 4 if bench.quick else 14
    size = rounds * len(images.LINES)
    command = f"i=0; while [ $i -lt {rounds} ]; do cat /lines; i=$((i+1)); done"

    def once(engine):
        api = engine.api()
        cid = api.create(["sh", "-c", command],
                         host={"LogConfig": {"Type": "json-file", "Config": {}}})
        began = time.monotonic()
        api.start(cid)
        api.wait(cid)
        wrote = size / (time.monotonic() - began)
        found = engine.load("drain", "GET", f"/containers/{cid}/logs?stdout=1&stderr=1")
        if found["bytes"] < size:
            raise Failed(f"{engine.name} gave back {found['bytes']} bytes of {size}")
        api.remove(cid)
        api.close()
        return wrote, size / found["seconds"]

    values = interleave(bench.engines, 2 if bench.quick else 3, once, pause=0.3)
    bench.table.row("log-write", "container writing its log", "MB/s", place(values, 0),
                    higher=True).at_least_times(5)
    bench.table.row("log-read", "reading it back", "MB/s", place(values, 1), higher=True).at_least_times(20)


def followers(bench):
    """What a thousand `logs?follow=1` add to the daemon. serind is built with pools for so many."""
    grown = {}
    count = FOLLOWERS
    wide = None
    if bench.quick:
        count = 200
        bench.notes.append(f"followers: {count}, counted as {FOLLOWERS}, with --quick")
    else:
        wide = Serind(bench, built(bench, "wide", "static_defconfig", WIDE), "-wide")
        wide.own_flags = lambda: ["--bridge", "none"]
    for engine in bench.engines:
        if wide and engine is bench.serind:
            engine = wide.start()
            load_image(bench, engine)
        grown[engine.name] = [follow(engine, count) * FOLLOWERS / count]
    if wide:
        wide.stop()
    row = bench.table.row("followers", f"{FOLLOWERS} log followers", "MiB", grown)
    row.at_most("10 MB", 10 << 20)


def load_image(bench, engine):
    with open(os.path.join(bench.work, "busybox.tar"), "rb") as f:
        engine.api().call("POST", "/images/load", f.read(), "application/x-tar")


def follow(engine, count):
    """Bytes of PSS that count followers add to the engine's daemons."""
    api = engine.api()
    cid = api.run(["sh", "-c", "echo one; sleep 600"])
    time.sleep(0.5)
    path = f"/containers/{cid}/logs?follow=1&stdout=1&tail=1"
    before = engine.pss(engine.daemons())
    with open(engine.log, "ab") as log:
        holder = subprocess.Popen([engine.bench.helper, "hold", engine.sock, path, str(count)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    found = json.loads(holder.stdout.readline() or "{}")
    time.sleep(1)
    grown = engine.pss(engine.daemons()) - before
    holder.stdin.close()
    holder.wait(20)
    api.remove(cid)
    api.close()
    if found.get("accepted") != count:
        raise Failed(f"{engine.name} took {found.get('accepted')} of {count} followers")
    return grown
