# SPDX-License-Identifier: Apache-2.0
"""The one settings object of a run: which daemon is tested, how, and where its files go."""

import os
import shutil
import subprocess
import tempfile
import time


NEWEST = "1.51"


class Context:
    """Filled by run.py before any test module is loaded."""

    def __init__(self):
        self.serind = None          # path of the daemon under test
        self.oracle = None          # path of a dockerd, or a socket, instead of serind
        self.api = NEWEST           # the API version that is tested
        self.isolated = False       # own network, mount and PID namespaces
        self.verbose = False
        self.remote = False         # the daemon runs on another machine
        self.slow = 3.0             # what every time limit is multiplied by
        self.tmp = None             # everything of this run lives below
        self.counter = 0
        self.ids = set()            # every container seen in this run

    @property
    def is_oracle(self):
        """True when what is tested is an older engine."""
        return self.oracle is not None and self.api != NEWEST

    @property
    def external(self):
        """A socket of a daemon that is already running, or None."""
        if self.oracle and not os.access(self.oracle, os.X_OK):
            return self.oracle
        return None

    def number(self):
        """A small number that no other daemon of this run has."""
        self.counter += 1
        return self.counter

    def open_tmp(self, given=None):
        self.tmp = given or tempfile.mkdtemp(prefix="sern-", dir=os.environ.get("E2E_TMP", "/tmp"))

    def close_tmp(self):
        if self.tmp:
            shutil.rmtree(self.tmp, ignore_errors=True)


CTX = Context()


def wait_for(check, timeout=5.0, what="condition", interval=0.02):
    """Poll until check() is true and return its value; AssertionError after timeout seconds."""
    end = time.monotonic() + timeout * CTX.slow
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(interval)


def sh(*argv, timeout=30, data=None, check=True, env=None):
    """Run a program; returns (exit code, output and errors together as text)."""
    got = subprocess.run([str(a) for a in argv], input=data, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=timeout * CTX.slow, env=env)
    text = got.stdout.decode("utf-8", "replace")
    if check and got.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}: exit {got.returncode}: {text[-2000:]}")
    return got.returncode, text
