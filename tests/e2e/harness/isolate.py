# SPDX-License-Identifier: Apache-2.0
"""Runs the suite in its own network, mount and PID namespaces.

Bridges, nftables, sysctls and published ports of the tests never meet those of the host, several runs
may go on at once, and when the run ends (or is killed) the kernel takes every process, mount and link
with it. /etc is a private overlay, so that a test may put a registry's CA where daemons look for it.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

MARK = "SERIN_E2E_INSIDE"


def reenter(keep):
    """Start this program again inside new namespaces and return its exit code.

    The files of the run belong to this outer process, which removes them however the inner one ends.
    """
    tmp = tempfile.mkdtemp(prefix="sern-", dir=os.environ.get("E2E_TMP", "/tmp"))
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL",
            "--mount-proc", "--propagation", "private", sys.executable, "-B"] + sys.argv
    child = subprocess.Popen(argv, env=dict(os.environ, **{MARK: tmp}))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: child.kill())
    try:
        return child.wait()
    finally:
        for _ in range(50):     # what was killed inside may take a moment to be gone
            if keep or not os.path.exists(tmp):
                break
            shutil.rmtree(tmp, ignore_errors=True)
            time.sleep(0.1)


def inside():
    """The directory of the run when inside, else None."""
    return os.environ.get(MARK)


def settle(tmp):
    """Called once inside: loopback up, private /etc."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    top = os.path.join(tmp, "etc")
    os.makedirs(top)
    subprocess.run(["mount", "-t", "tmpfs", "none", top], check=True)
    for name in ("up", "work"):
        os.mkdir(os.path.join(top, name))
    subprocess.run(["mount", "-t", "overlay", "none", "-o",
                    f"lowerdir=/etc,upperdir={top}/up,workdir={top}/work", "/etc"], check=True)


def become_init():
    """PID 1 of the namespace only reaps; the run itself goes on in a child. Returns in the child."""
    if os.getpid() != 1:
        return
    pid = os.fork()
    if pid == 0:
        os.setsid()
        return
    code = 1
    while True:
        try:
            done, status = os.wait()
        except ChildProcessError:
            os._exit(code)
        except InterruptedError:
            continue
        if done == pid:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 1)
