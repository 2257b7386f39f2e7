# SPDX-License-Identifier: Apache-2.0
"""Network, mount and PID namespaces of the run's own, and what is swept when it has ended.

Inside: loopback alone, a tmpfs on /run, an overlay on /etc. So the daemons' bridges, rules, sockets and keys never
meet those of the machine, and when the run ends, or is killed, no process, mount or link is left. What a namespace
does not hold, the files and the cgroups, the first process removes, which stays outside.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

INSIDE = "SERIN_BENCH_WORK"


def inside():
    return INSIDE in os.environ


def reenter(args):
    """Runs this program again in new namespaces; its exit code."""
    # Not /tmp, which is memory on many systems: both engines are to work on a disk.
    work = tempfile.mkdtemp(prefix="serin-bench-", dir=os.environ.get("BENCH_DIR", "/var/tmp"))
    for tool in ("unshare", "ip", "mount"):
        if not shutil.which(tool):
            print(f"bench: {tool} is not there (util-linux, iproute2)", file=sys.stderr)
            return 1
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
            "--propagation", "private", sys.executable, "-B"] + sys.argv
    child = subprocess.Popen(argv, env=dict(os.environ, **{INSIDE: work}))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: child.kill())
    try:
        code = child.wait()
    finally:
        child.kill()
        keep_logs(work) if args.keep else None
        sweep(work)
    return code if code >= 0 else 1


def settle():
    """Called once inside. Returns the run's folder."""
    work = os.environ[INSIDE]
    sh("ip", "link", "set", "lo", "up")
    sh("mount", "-t", "tmpfs", "none", "/run")
    etc = os.path.join(work, "etc")
    os.mkdir(etc)
    sh("mount", "-t", "tmpfs", "none", etc)
    os.mkdir(etc + "/up")
    os.mkdir(etc + "/work")
    sh("mount", "-t", "overlay", "none", "-o",
       f"lowerdir=/etc,upperdir={etc}/up,workdir={etc}/work", "/etc")
    os.environ["TMPDIR"] = os.path.join(work, "tmp")
    os.mkdir(os.environ["TMPDIR"])
    return work


def sh(*argv):
    subprocess.run(argv, check=True)


def become_init():
    """The first process of the namespace only reaps; returns in its child."""
    pid = os.fork()
    if pid == 0:
        return
    while True:
        done, status = os.wait()
        if done == pid:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 1)


def cgroup_parent(work):
    return "/" + os.path.basename(work)


def sweep(work):
    """Files and cgroups. The processes are gone, or about to be."""
    for _ in range(50):
        shutil.rmtree(work, ignore_errors=True)
        left = [path for path in cgroups(work) if not remove_cgroup(path)]
        if not left and not os.path.exists(work):
            return
        time.sleep(0.1)
    print(f"bench: left behind: {' '.join(left)} {work if os.path.exists(work) else ''}",
          file=sys.stderr)


def cgroups(work):
    top = "/sys/fs/cgroup"
    names = [top] + [os.path.join(top, name) for name in os.listdir(top)]
    paths = [name + cgroup_parent(work) for name in names]
    return [path for path in paths if os.path.isdir(path)]


def remove_cgroup(path):
    try:
        for base, _, _ in sorted(os.walk(path), key=lambda entry: -len(entry[0])):
            os.rmdir(base)
        return True
    except OSError:
        return False


def keep_logs(work):
    kept = tempfile.mkdtemp(prefix="serin-bench-logs-")
    for name in os.listdir(work):
        if name.endswith(".log"):
            shutil.copy(os.path.join(work, name), kept)
    print(f"the daemons' logs are in {kept}")
