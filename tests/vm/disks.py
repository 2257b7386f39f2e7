# SPDX-License-Identifier: Apache-2.0
"""The data disk over its life: made, cut off in a run, in a load, in a pull and in mid-write, grown,
full, torn, unmounted in order; and disks that are not to be touched. Each function is one boot; they
follow one another."""

import hashlib
import os
import re
import socket
import subprocess
import time
import urllib.parse

from checks import BB, inspect, remove, same, within
from guest import Failed, Guest
from harness import images
from harness.registry import Registry

MIB = 1 << 20


def make(path, mib):
    with open(path, "ab") as f:
        f.truncate(mib << 20)


def overwrite(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def superblock(path):
    """What dumpe2fs says of the file system in a file."""
    got = subprocess.run(["dumpe2fs", "-h", path], capture_output=True, timeout=20, check=True)
    lines = got.stdout.decode("utf-8", "replace").splitlines()
    return dict((key.strip(), value.strip()) for key, _, value in
                (line.partition(":") for line in lines) if key)


def said(g, text):
    """Has process 1 said so in the kernel's log?"""
    return text in g.sh("dmesg | grep ' init: ' || true")


class Disks:
    """One disk, and the boots that it goes through."""

    def __init__(self, run, out, kernel, initrd, archive):
        self.run, self.out, self.kernel, self.initrd, self.archive = run, out, kernel, initrd, archive
        self.path = os.path.join(out, "data.img")
        self.image = os.path.join(out, "image.tar")
        with open(self.image, "wb") as f:
            f.write(archive)
        self.registry = None

    def boot(self, name, path=None, append=""):
        if self.registry:
            append += f" serin.arg=--insecure-registry=10.0.2.2:{self.registry.port}"
        g = Guest(self.out, self.kernel, self.initrd, disk=path or self.path, name=f"disk-{name}",
                  append=append)
        try:
            g.wait_ready()
        except BaseException:
            g.cut()
            raise
        return g

    def in_boot(self, name, use, **more):
        """Boot, do, and cut the power, unless what was done has switched it off."""
        g = self.boot(name, **more)
        try:
            use(g)
        finally:
            g.cut()

    # ---- the boots, in this order

    def first(self):
        """An empty disk becomes the data disk; then the power goes in the middle of a run."""
        def use(g):
            same("ext4" in g.sh("grep /var/lib/serin /proc/mounts"), True, "mounted")
            same(said(g, "making a file system"), True, "it says so")
            g.docker("load", data=self.archive)
            g.docker("volume", "create", "kept", check=False)
            g.docker("run", "-d", "--name", "busy", "--restart", "always", BB, "sh", "-c",
                     "i=0; while :; do i=$((i+1)); echo line $i; echo $i >/n; done")
            same(g.docker("run", "--name", "done", BB, "sh", "-c", "echo kept; exit 4",
                          check=False).code, 4, "a finished container")
            time.sleep(1)
        self.in_boot("first", use)

    def after_run(self):
        """It comes up and serves; what was answered is there, what ran runs again by its policy."""
        make(self.path, 384)

        def use(g):
            same(said(g, "was not unmounted in order; checked"), True, "checked")
            size = int(g.sh("df -m /var/lib/serin | tail -n 1").split()[1])
            same(size > 300, True, f"the file system has grown: {size} MiB")
            same(g.docker("images", "-q", BB) != "", True, "the image")
            same(inspect(g, "done")["State"]["ExitCode"], 4, "exit code")
            same(g.docker("logs", "done"), "kept", "log")
            try:
                within(lambda: inspect(g, "busy")["State"]["Running"], 60, "restarted by its policy")
            except Failed as e:
                raise Failed(f"{e}: {inspect(g, 'busy')['State']}") from e
            remove(g, "busy", "done")
            g.docker("rmi", BB)
            # Cut again, this time while an image comes in.
            with open(self.image, "rb") as f:
                self.child = g.docker_start("load", stdin=f)
            time.sleep(0.35)
        self.in_boot("after-run", use)
        self.child.wait(20)

    def after_load(self):
        """Half an image is no image, leaves nothing behind, and the next load is whole. Then the
        power goes in the middle of a pull."""
        layer = images.tar([images.member("big", os.urandom(24 * MIB), mode=0o644)])
        whole = images.Image([images.base_layer(), layer])
        self.registry = Registry()
        self.registry.push("big", "1", whole)
        self.big = f"10.0.2.2:{self.registry.port}/big:1"

        def use(g):
            g.docker("load", data=self.archive)
            same(g.docker("run", "--rm", BB, "echo", "fine"), "fine", "a container")
            self.no_temporary_files(g)
            self.cut_in_pull(g)
        self.in_boot("after-load", use)

    @staticmethod
    def no_temporary_files(g):
        same(g.sh("find /var/lib/serin -name '*.tmp*' -o -name '.tmp*' | head").strip(), "",
             "temporary files")

    def cut_in_pull(self, g):
        """Read the progress until a part of the large layer is there."""
        with socket.create_connection(("127.0.0.1", g.ports["api"]), 30) as sock:
            name = urllib.parse.quote(self.big.rpartition(":")[0], safe="")
            sock.sendall(f"POST /images/create?fromImage={name}&tag=1 HTTP/1.1\r\nHost: x\r\n"
                         "Content-Length: 0\r\n\r\n".encode())
            seen = b""
            while True:
                data = sock.recv(65536)
                seen += data
                if not data or b'"error"' in seen or b"Pull complete" in seen.split(b"big")[-1] and \
                        b"Downloaded newer" in seen:
                    raise Failed(f"the pull ended: {seen[-600:]!r}")
                for current, total in re.findall(rb'"current":(\d+),"total":(\d+)', seen):
                    if int(total) > 20 * MIB and int(current) > 4 * MIB:
                        g.cut()
                        return

    def after_pull(self):
        """No part of it is an image; the next pull is whole, and runs. Then the button is pressed."""
        def use(g):
            same(g.docker("images", "-q", self.big), "", "half an image")
            self.no_temporary_files(g)
            g.docker("pull", "-q", self.big, timeout=80)
            self.registry.close()
            same(g.docker("run", "--rm", self.big, "stat", "-c", "%s", "/big"), str(24 * MIB), "whole")
            for name, signal in (("asked", "TERM"), ("usr", "USR1")):
                g.docker("run", "-d", "--name", name, "--stop-signal", signal, "-v", "kept:/kept", BB,
                         "sh", "-c", f"trap 'echo {name} >/kept/{name}; exit 5' {signal}; echo up; "
                         "while :; do sleep 0.1; done")
                within(lambda n=name: g.docker("logs", n) == "up", 20, "it waits for its signal")
            g.docker("run", "-d", "--name", "deaf", "--restart", "always", BB, "sleep", "10000")
            # Not every kernel of arm64 has a driver for that machine's button.
            if Guest.arch == "amd64" or g.sh("ls /dev/input/event* 2>/dev/null || true").strip():
                g.press_button()
                g.wait_off(40)
            else:
                g.off(40)
        self.in_boot("after-pull", use)
        self.registry = None
        found = superblock(self.path)
        same((found["Filesystem state"], "needs_recovery" in found["Filesystem features"]),
             ("clean", False), "an orderly end leaves a clean file system")

    def after_button(self):
        """Nothing to check; containers were asked by their own signals. Then the disk is filled, and
        the power goes."""
        def use(g):
            same(said(g, "checked"), False, "nothing was checked")
            same(g.sh("dmesg | grep -c 'recovery complete' || true").strip(), "0", "no journal replayed")
            for name in ("asked", "usr"):
                same(inspect(g, name)["State"]["ExitCode"], 5, f"how {name} ended")
            same(g.docker("run", "--rm", "-v", "kept:/kept", BB, "sh", "-c", "cat /kept/*"),
                 "asked\nusr", "what they wrote when they were asked")
            within(lambda: inspect(g, "deaf")["State"]["Running"], 20, "restarted by its policy")
            remove(g, "asked", "usr", "deaf")
            g.docker("rmi", "-f", self.big)
            g.sh("dd if=/dev/zero of=/var/lib/serin/ballast bs=1M 2>/dev/null; sync; true", timeout=80)
            got = g.docker("load", data=self.archive, check=False)
            ran = g.docker("run", "--rm", BB, "echo", "x", check=False)
            same(g.answers(), True, f"still answers: {got!r} {ran!r}")
        self.in_boot("after-button", use)

    def full(self):
        """It comes up with no room left, and serves; room again mends it. Then the power goes while
        much is written."""
        def use(g):
            free = int(g.sh("df -k /var/lib/serin | tail -n 1").split()[3])
            same(free < 1024, True, f"it is full: {free} KiB left")
            g.docker("images")
            g.docker("ps", "-a")
            g.sh("rm /var/lib/serin/ballast; sync")
            g.docker("load", data=self.archive)
            same(g.docker("run", "--rm", BB, "echo", "fine"), "fine", "a container")
            g.docker("run", "-d", BB, "sh", "-c",
                     "while :; do for i in 1 2 3 4 5 6 7 8 9; do echo $i >/f$i; sync; rm /f$i; done; done")
            time.sleep(2)
        self.in_boot("full", use)

    def torn_journal(self):
        """Blocks of the journal never reached the disk, or half of them did."""
        got = subprocess.run(["debugfs", "-R", "blocks <8>", self.path], capture_output=True, text=True,
                             timeout=20, check=True)
        blocks = [int(word) for word in got.stdout.split()]
        size = int(superblock(self.path)["Block size"])
        same(len(blocks) > 100, True, f"the journal: {got!r}")
        for index in range(2, len(blocks), 3):      # but not its own superblock
            overwrite(self.path, blocks[index] * size + size // 2, os.urandom(size // 2))

        def use(g):
            same("ext4" in g.sh("grep /var/lib/serin /proc/mounts"), True, "mounted")
            same(said(g, "checked"), True, "checked")
            g.docker("load", data=self.archive)
            same(g.docker("run", "--rm", BB, "echo", "fine"), "fine", "a container")
            g.off()
        self.in_boot("torn-journal", use)

    def torn_head(self):
        """The first MiB is gone: the spare superblock tells that it is ours."""
        overwrite(self.path, 0, bytes(MIB))

        def use(g):
            same(said(g, "taking the spare one"), True, "it says so")
            same("ext4" in g.sh("grep /var/lib/serin /proc/mounts"), True, "mounted")
            g.docker("load", data=self.archive)
            same(g.docker("run", "--rm", BB, "echo", "fine"), "fine", "a container")
            g.off()
        self.in_boot("torn-head", use)

    def half_made(self):
        """The power went while the file system was being made."""
        text = b"serin: a file system is being made on this disk\n"
        overwrite(self.path, 256 * MIB - 512 * 1024, text + bytes(512 - len(text)))
        overwrite(self.path, 8192, b"what a file system begins with")

        def use(g):
            same("ext4" in g.sh("grep /var/lib/serin /proc/mounts"), True, "mounted")
            g.off()
        self.in_boot("half-made", use)

    def foreign(self):
        """Somebody else's disk is not touched; the guest serves all the same."""
        overwrite(self.path, 510, b"\x55\xaa")

        def digest():
            with open(self.path, "rb") as f:
                return hashlib.sha256(f.read()).hexdigest()
        before = digest()

        def use(g):
            same(said(g, "keeping the data in memory"), True, "it says so")
            with open(g.console, errors="replace") as f:
                same("keeping the data in memory" in f.read(), True, "on the console as well")
            g.docker("load", data=self.archive)
            same(g.docker("run", "--rm", BB, "echo", "fine"), "fine", "a container")
            g.off()
        self.in_boot("foreign", use)
        same(digest(), before, "the disk")


def all_of(run, out, kernel, initrd, archive):
    d = Disks(run, out, kernel, initrd, archive)
    chain = (d.first, d.after_run, d.after_load, d.after_pull, d.after_button, d.full, d.torn_journal,
             d.torn_head)

    def empty():
        if os.path.exists(d.path):
            os.unlink(d.path)
        make(d.path, 256)
    try:
        empty()
        if any(run.wanted(f"disk.{function.__name__}") for function in chain):
            for function in chain:
                if not run.test(f"disk.{function.__name__}", function):
                    break
        for function in (d.half_made, d.foreign):
            empty()
            if run.wanted(f"disk.{function.__name__}"):
                run.test(f"disk.{function.__name__}", function)
    finally:
        if d.registry:
            d.registry.close()
        os.unlink(d.path)
