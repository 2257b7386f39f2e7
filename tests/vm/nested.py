# SPDX-License-Identifier: Apache-2.0
"""Real vsock between a host and a guest: a guest (the host of this test) in which QEMU runs the guest
proper, with vhost_vsock between the two. Both are emulated, one in the other."""

import glob
import os
import shutil
import subprocess
import time

from guest import Failed, Guest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
ROOTFS, BOARD = os.path.join(TOP, "rootfs"), os.path.join(TOP, "board")
CID, PORT, OTHER_PORT = 42, 375, 376
QEMU = "qemu-system-x86_64"
REFUSAL_SECONDS = 120   # that daemon starts beside the one that is waited for
GUEST_SECONDS = 900     # one or two minutes on a machine with nothing else to do
BIOS = ("/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/kvmvapic.bin",
        "/usr/share/qemu/linuxboot_dma.bin", "/usr/share/qemu/pvh.bin")
PING = r"printf 'GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' | timeout %d " \
       "/sbin/agent vsock %d %d"


class Nested:
    """The outer guest and what it holds."""

    def __init__(self, args, kernel):
        self.out = os.path.join(args.out, "nested")
        self.args, self.kernel = args, kernel
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)
        self.outer = None

    def assemble(self, name, *more):
        out = os.path.join(self.out, name)
        subprocess.run(["sh", os.path.join(ROOTFS, "assemble"), "--serind", self.args.serind,
                        "--kernel", os.path.dirname(self.kernel), "--out", out, "--shell", "yes",
                        "--level", "3", *more], check=True, timeout=180)
        shutil.rmtree(os.path.join(out, "root"), ignore_errors=True)
        return os.path.join(out, "initramfs.cpio.zst")

    def disk(self, initrd):
        """A file system with QEMU, its libraries, the kernel and the inner guest."""
        tree = os.path.join(self.out, "tree")
        program = shutil.which(QEMU)
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        files = [word for line in listed.splitlines() for word in line.split() if word[0] == "/"]
        files += glob.glob("/usr/lib/*/qemu/accel-tcg-*.so")
        for path in files + [program] + [path for path in BIOS if os.path.exists(path)]:
            to = tree + path
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copy2(os.path.realpath(path), to)
        for name in ("dev", "proc", "run", "tmp", "sys"):
            os.makedirs(os.path.join(tree, name), exist_ok=True)
        # Unpacking itself is what would take the inner kernel longest.
        subprocess.run(["sh", os.path.join(BOARD, "uncompress-kernel"), self.kernel,
                        os.path.join(tree, "vmlinux")], check=True, timeout=60)
        shutil.copy2(initrd, os.path.join(tree, "initrd"))
        path = os.path.join(self.out, "disk")
        with open(path, "wb") as f:
            f.truncate(256 << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-L", "nested",
                        "-d", tree, path], check=True, timeout=60)
        shutil.rmtree(tree)
        return path

    # The tests, in this order.

    def boot_host(self):
        add = os.path.join(self.out, "add")
        shutil.copytree(os.path.join(HERE, "overlay-nested"), add)
        os.makedirs(os.path.join(add, "etc", "boot"))
        # A shell would take its time for it.
        shutil.copy2(os.path.join(self.args.out, "add", "sbin", "agent"),
                     os.path.join(add, "etc", "boot", "10-other"))
        inner = self.assemble("inner", "--runtime", "crun", "--add", add)
        outer = self.assemble("outer", "--runtime", "crun", "--module", "vhost_vsock", "--module",
                              "vsock_loopback", "--add", os.path.join(self.args.out, "add"))
        self.outer = Guest(self.args.out, self.kernel, outer, memory=900, disk=self.disk(inner),
                           name="nested-outer", append="serin.memory",
                           more=["-smp", "2"])
        self.outer.wait_ready(60)
        self.outer.sh("modprobe vhost_vsock && ls /dev/vhost-vsock")
        self.outer.sh("mkdir -p /mnt && mount -t ext4 -o ro /dev/vda /mnt && "
                      "mount --bind /dev /mnt/dev && mount -t proc proc /mnt/proc && "
                      "mount -t tmpfs none /mnt/run && mount -t tmpfs none /mnt/tmp")

    def boot_guest(self):
        """Started and reached by CID 42 from the outer guest, whose CID is 2 for the inner one."""
        # What makes a kernel slow in vain is switched off; fewer features of the processor are fewer
        # places that it rewrites in its own code, which costs the emulators most.
        self.outer.sh(
            f"chroot /mnt {shutil.which(QEMU)} -M q35 -accel tcg,tb-size=128 -cpu qemu64,+rdrand -smp 1 -m 224 "
            "-nodefaults -no-user-config -no-reboot -display none -serial file:/run/console "
            "-kernel /vmlinux -initrd /initrd -append 'console=ttyS0 quiet panic=-1 nokaslr "
            "mitigations=off nopti apparmor=0 lpj=4000000 tsc=reliable no_timer_check serin.ip=none serin.memory "
            "serin.arg=--bridge=none' "
            f"-device vhost-vsock-pci,guest-cid={CID} >/run/qemu.log 2>&1 </dev/null & "
            "echo $! >/run/qemu.pid")
        end = time.monotonic() + GUEST_SECONDS
        while "HTTP/1.1 200" not in self.ping(PORT):
            gone = self.outer.sh("kill -0 $(cat /run/qemu.pid)", check=False).code
            if gone or time.monotonic() > end:
                raise Failed("the inner guest does not answer: " + self.outer.sh(
                    "cat /run/qemu.log; tail -c 1500 /mnt/run/console", check=False).out)
            time.sleep(0.5)

    boot_guest.seconds = GUEST_SECONDS + 20

    def ping(self, port, seconds=10):
        return self.outer.sh(PING % (seconds, CID, port), check=False).out

    def docker_by_proxy(self):
        """vsock-proxy in the host, and the docker client through it."""
        self.outer.sh(f"serind vsock-proxy --listen /run/inner.sock --vsock {CID}:{PORT} "
                      ">/run/proxy.log 2>&1 </dev/null & while [ ! -S /run/inner.sock ]; do "
                      "usleep 20000; done")
        self.outer.sh("/sbin/agent relay 8080 /run/inner.sock >/dev/null 2>&1 </dev/null & true")
        self.outer.ports["api"] = self.outer.ports["web"]
        end = time.monotonic() + 40
        while not self.outer.answers(10):
            if time.monotonic() > end:
                raise Failed("nothing comes through the proxy: "
                             + self.outer.sh("cat /run/proxy.log"))
        version = self.outer.docker("version", "--format", "{{.Server.Version}}", timeout=80)
        if not version:
            raise Failed("docker version says nothing")

    def streams(self, archive):
        """An image in, files in and out again: some megabytes each way. What runs a container is
        shown elsewhere: emulated twice it takes longer than the daemon waits for it."""
        docker = self.outer.docker
        got = docker("load", data=archive, timeout=160)
        if "Loaded image" not in got:
            raise Failed(got)
        docker("create", "--name", "box", "--network", "none", "bb", "true", timeout=60)
        path = os.path.join(self.out, "file")
        data = os.urandom(3 << 20)
        with open(path, "wb") as f:
            f.write(data)
        docker("cp", path, "box:/tmp/file", timeout=160)
        os.unlink(path)
        docker("cp", "box:/tmp/file", path, timeout=160)
        with open(path, "rb") as f:
            if f.read() != data:
                raise Failed("the file that came back is another")
        docker("rm", "box", timeout=60)

    streams.seconds = 300

    def peer_that_is_not_listed(self):
        """On the other daemon's port only CID 77 is answered; the host is CID 2."""
        end = time.monotonic() + REFUSAL_SECONDS
        while time.monotonic() < end:
            got = self.ping(OTHER_PORT)
            console = self.outer.sh("cat /mnt/run/console")
            if "HTTP" in got:
                raise Failed(f"answered: {got!r}")
            if "vsock CID 2 may not connect" in console:
                return
            time.sleep(1)
        raise Failed(f"the refusal is not told: {got!r}; {console[-1500:]}")

    peer_that_is_not_listed.seconds = 150

    def port_that_nobody_has(self):
        got = self.outer.sh(f"serind vsock-proxy --listen /run/none.sock --vsock {CID}:999 "
                            ">/dev/null 2>&1 </dev/null & p=$!; while [ ! -S /run/none.sock ]; do "
                            "usleep 20000; done; DOCKER_HOST=unix:///run/none.sock serind dial-stdio "
                            "</dev/null; kill $p")
        if "502 Bad Gateway" not in got or f"connecting to vsock {CID}:999" not in got:
            raise Failed(repr(got))

    def end(self):
        if self.outer:
            self.outer.cut()


def all_of(run, args, kernel, archive):
    """Each needs the one before; after the boots a failure does not stop the others."""
    run.end += GUEST_SECONDS
    nested = Nested(args, kernel)
    try:
        if not run.test("nested.boot_host", nested.boot_host):
            return
        if not run.test("nested.boot_guest", nested.boot_guest):
            return
        run.test("nested.peer_that_is_not_listed", nested.peer_that_is_not_listed)
        run.test("nested.port_that_nobody_has", nested.port_that_nobody_has)
        if run.test("nested.docker_by_proxy", nested.docker_by_proxy):
            run.test("nested.streams", nested.streams, archive)
    finally:
        nested.end()
        shutil.rmtree(nested.out, ignore_errors=True)
