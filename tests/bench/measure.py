# SPDX-License-Identifier: Apache-2.0
"""The measurements by name, in the order of a run. Each is a function of the run that adds rows to its table."""

import http.client
import subprocess
import traceback

import crowds
import cycles
import pulls
import resting
import streams
from engines import Failed

ALL = {
    "size": resting.size,
    "start": resting.start,
    "idle": resting.idle,
    "ping": resting.ping,
    "list": resting.list_hundred,
    "containers": resting.per_container,
    "cycle": cycles.cycle,
    "exec": cycles.exec_true,
    "stream": streams.exec_stream,
    "logs": streams.logs,
    "followers": streams.followers,
    "stats": crowds.stats,
    "archive": crowds.archive,
    "parallel": crowds.parallel,
    "pull": pulls.pull,
}
BEFORE_DAEMONS = ("size", "start")


def run(bench, name):
    """One measurement; what goes wrong in it is noted, and the rest of the run goes on."""
    bench.say(name)
    try:
        if name not in BEFORE_DAEMONS:
            bench.need_engines()
        ALL[name](bench)
    except (Failed, OSError, RuntimeError, KeyError, http.client.HTTPException,
            subprocess.SubprocessError) as error:
        bench.table.fail(name, f"{type(error).__name__}: {error}")
        bench.say("failed: " + "".join(traceback.format_exception(error)).strip())
