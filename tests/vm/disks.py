# SPDX-License-Identifier: Apache-2.0
"""The data disk: made on the first boot, grown, and whole again after the power was cut."""

import os
import time

from checks import BB, inspect, remove, same, within
from guest import Guest


def make(path, mib):
    with open(path, "ab") as f:
        f.truncate(mib << 20)


def all_of(run, out, kernel, initrd, archive):
    path = os.path.join(out, "data.img")
    if os.path.exists(path):
        os.unlink(path)
    make(path, 256)
    image = os.path.join(out, "image.tar")
    with open(image, "wb") as f:
        f.write(archive)

    def boot(name):
        g = Guest(out, kernel, initrd, disk=path, name=name)
        try:
            g.wait_ready()
        except BaseException:
            g.cut()
            raise
        return g

    def first():
        """An empty disk becomes the data disk; then the power goes in the middle of a run."""
        g = boot("disk-first")
        try:
            same("ext4" in g.sh("grep /var/lib/serin /proc/mounts"), True, "mounted")
            g.docker("load", data=archive)
            g.docker("volume", "create", "kept", check=False)
            g.docker("run", "-d", "--name", "busy", "--restart", "always", BB, "sh", "-c",
                     "i=0; while :; do i=$((i+1)); echo line $i; echo $i >/n; done")
            same(g.docker("run", "--name", "done", BB, "sh", "-c", "echo kept; exit 4",
                          check=False).code, 4, "a finished container")
            time.sleep(1)
        finally:
            g.cut()

    def after_run():
        """It comes up and serves; what was answered is there, what ran runs again by its policy."""
        make(path, 384)
        g = boot("disk-after-run")
        try:
            size = int(g.sh("df -m /var/lib/serin | tail -n 1").split()[1])
            same(size > 300, True, f"the file system has grown: {size} MiB")
            same(g.docker("images", "-q", BB) != "", True, "the image")
            same(inspect(g, "done")["State"]["ExitCode"], 4, "exit code")
            same(g.docker("logs", "done"), "kept", "log")
            within(lambda: inspect(g, "busy")["State"]["Running"], 20, "restarted by its policy")
            remove(g, "busy", "done")
            g.docker("rmi", BB)
            # Cut again, this time while an image comes in.
            with open(image, "rb") as f:
                child = g.docker_start("load", stdin=f)
            time.sleep(0.35)
        finally:
            g.cut()
        child.wait(20)

    def after_load():
        """Half an image is no image, leaves nothing behind, and the next load is whole."""
        g = boot("disk-after-load")
        try:
            g.docker("load", data=archive)
            same(g.docker("run", "--rm", BB, "echo", "fine"), "fine", "a container")
            same(g.sh("find /var/lib/serin -name '*.tmp*' -o -name '.tmp*' | head").strip(), "",
                 "temporary files")
            g.off()
        finally:
            g.cut()

    def full():
        """No room left: a clear refusal, and room again mends it."""
        g = boot("disk-full")
        try:
            g.sh("dd if=/dev/zero of=/var/lib/serin/ballast bs=1M 2>/dev/null; sync; true", timeout=60)
            got = g.docker("load", data=archive, check=False)
            ran = g.docker("run", "--rm", BB, "echo", "x", check=False)
            same(g.answers(), True, f"still answers: {got!r} {ran!r}")
            g.sh("rm /var/lib/serin/ballast; sync")
            g.docker("load", data=archive)
            same(g.docker("run", "--rm", BB, "echo", "fine"), "fine", "a container")
            g.off()
        finally:
            g.cut()

    for function in (first, after_run, after_load, full):
        if not run.test(f"disk.{function.__name__}", function):
            break
    os.unlink(path)
