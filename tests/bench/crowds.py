# SPDX-License-Identifier: Apache-2.0
"""Many containers at once, their figures, and files in and out of one."""

import concurrent.futures
import io
import os
import tarfile
import time

from engines import Failed
from rounds import interleave, place


def stats(bench):
    """One answer of /stats, and the processor time that ten streams of them take."""
    count, seconds = 10, 2 if bench.quick else 5
    ids = {}
    for engine in bench.engines:
        api = engine.api()
        ids[engine.name] = api, [api.run(["sleep", "600"], "bridge") for _ in range(count)]

    def answer(engine):
        path = f"/containers/{ids[engine.name][1][0]}/stats?stream=0&one-shot=1"
        return engine.load("rate", path, 1, 0.5)["median_us"] / 1e6

    def streams(engine):
        apis = [engine.api() for _ in range(count)]
        for api, cid in zip(apis, ids[engine.name][1]):
            api.conn.request("GET", f"/containers/{cid}/stats")
            api.conn.getresponse().fp.readline()
        before = engine.cpu()
        time.sleep(seconds)
        used = engine.cpu() - before
        for api in apis:
            api.close()
        return used / seconds / count

    with bench.awake():
        values = interleave(bench.engines, 3, answer)
    bench.table.row("stats", "one-shot stats of a container", "ms", values)
    values = interleave(bench.engines, 2 if bench.quick else 3, streams)
    bench.table.row("stats-cpu", "… processor time of a stream, a second of it", "ms", values)
    for api, cids in ids.values():
        for cid in cids:
            api.remove(cid)
        api.close()


def archive_of(size, files):
    """A tar of so many files that hold so many bytes together."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number in range(files):
            info = tarfile.TarInfo(f"data/{number % 20}/{number}")
            info.size, info.mode = size // files, 0o644
            tar.addfile(info, io.BytesIO(os.urandom(4096) * (info.size // 4096 + 1)))
    return out.getvalue()


def archive(bench):
    """PUT and GET /archive of two thousand files: bytes of the archive a second."""
    data = archive_of((24 if bench.quick else 128) << 20, 2000)

    def once(engine):
        api = engine.api()
        cid = api.run(["sleep", "600"])
        began = time.monotonic()
        api.call("PUT", f"/containers/{cid}/archive?path=/tmp", data, "application/x-tar")
        put = len(data) / (time.monotonic() - began)
        found = engine.load("drain", "GET", f"/containers/{cid}/archive?path=/tmp/data")
        if found["bytes"] < len(data) * 0.9:
            raise Failed(f"{engine.name} gave back {found['bytes']} bytes of {len(data)}")
        api.remove(cid)
        api.close()
        return put, found["bytes"] / found["seconds"]

    values = interleave(bench.engines, 2 if bench.quick else 4, once, pause=0.5)
    bench.table.row("archive-in", "archive into a container (docker cp)", "MB/s", place(values, 0),
                    higher=True)
    bench.table.row("archive-out", "archive out of it", "MB/s", place(values, 1), higher=True)


def together(function, items):
    """Seconds until function is through with all items, each in a thread of its own."""
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(items)) as pool:
        list(pool.map(function, items))
    return time.monotonic() - began


def parallel(bench):
    """A hundred containers on the bridge: created in turn, started at once, stopped at once."""
    count = 20 if bench.quick else 100

    def once(engine):
        apis = [engine.api() for _ in range(count)]
        cids = [apis[0].create(["sleep", "600"], "bridge", StopSignal="SIGKILL") for _ in range(count)]
        pairs = list(zip(apis, cids))
        started = together(lambda pair: pair[0].start(pair[1]), pairs)
        running = len(apis[0].ask("GET", "/containers/json"))
        if running != count:
            raise Failed(f"{engine.name} runs {running} containers of {count}")
        stopped = together(lambda pair: pair[0].call("POST", f"/containers/{pair[1]}/stop"), pairs)
        together(lambda pair: pair[0].remove(pair[1]), pairs)
        for api in apis:
            api.close()
        return started, stopped

    values = interleave(bench.engines, 1 if bench.quick else 2, once, pause=1)
    bench.table.row("start-all", f"{count} containers started at once", "s", place(values, 0))
    bench.table.row("stop-all", f"{count} containers stopped at once", "s", place(values, 1))
