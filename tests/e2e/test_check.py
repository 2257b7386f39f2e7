# SPDX-License-Identifier: Apache-2.0
"""serind check: what it says of this machine, and of one from which things were taken away."""

import ctypes
import glob
import json
import os
import platform
import struct
import subprocess
import time

from harness.case import CTX, E2E, not_oracle

NAMES = {"root", "kernel", "namespace mnt", "namespace pid", "namespace net", "namespace ipc",
         "namespace uts", "namespace cgroup", "namespace user", "seccomp", "cgroups",
         "cgroup memory", "cgroup pids", "cgroup cpu", "cgroup cpuset", "cgroup io",
         "cgroup devices", "cgroup freezer", "overlayfs", "OCI runtime", "runc", "crun", "disk",
         "inodes", "memory", "open files", "entropy", "time", "group"}
UNSHARE = {"x86_64": 272, "aarch64": 97}.get(platform.machine())


def forbid(number):
    """A filter on system calls: this one is not permitted."""
    rules = [struct.pack("HBBI", 0x20, 0, 0, 0),                    # load the number
             struct.pack("HBBI", 0x15, 0, 1, number),               # is it this one?
             struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | 1),       # EPERM
             struct.pack("HBBI", 0x06, 0, 0, 0x7fff0000)]           # allow
    code = ctypes.create_string_buffer(b"".join(rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules),
                                                      ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)

    def apply():
        if not code or libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
            os._exit(99)
    return apply


@not_oracle("another daemon's own ways")
class TestCheck(E2E):
    own_daemon = True

    def check(self, *args, before=(), code=None, preexec=None, **env):
        """Run with --json; a dict by name. before: a program (and its words) that starts it."""
        got = subprocess.run([*before, CTX.serind, "check", "--json", *args], timeout=150,
                             capture_output=True, env=dict(os.environ, **env), preexec_fn=preexec)
        rows = json.loads(got.stdout)
        names = [row["name"] for row in rows]
        self.assertEqual(len(names), len(set(names)))
        bad = any(row["needed"] and row["state"] == "absent" for row in rows)
        self.assertEqual(got.returncode, 1 if bad else 0, got)
        if code is not None:
            self.assertEqual(got.returncode, code, got)
        return {row["name"]: row for row in rows}

    def inside(self, script, *args, flags="-m", **more):
        """In namespaces of its own, after a script has changed something there."""
        return self.check(*args, before=["unshare", flags, "sh", "-c", script + '; exec "$0" "$@"'],
                          **more)

    def absent(self, rows, name, text=""):
        self.assertEqual(rows[name]["state"], "absent", rows[name])
        self.assertIn(text, rows[name]["detail"])
        self.assertTrue(rows[name]["remedy"])

    def test_shape(self):
        rows = self.check(code=0)
        self.assertLessEqual(NAMES, set(rows))
        for row in rows.values():
            self.assertEqual(set(row), {"name", "ok", "needed", "state", "detail", "remedy"})
            self.assertIs(type(row["ok"]), bool)
            self.assertIs(type(row["needed"]), bool)
            self.assertEqual(row["ok"], row["state"] == "ok")
            self.assertEqual(bool(row["remedy"]), row["state"] == "absent")
        self.assertIn("ran a container in", rows["runc"]["detail"])
        self.assertRegex(rows["runc"]["detail"], r"runc \d+\.\d+")

    def test_text(self):
        got = subprocess.run([CTX.serind, "check"], capture_output=True, text=True, timeout=30)
        self.assertEqual(got.returncode, 0)
        for line in got.stdout.splitlines():
            self.assertRegex(line, r"^[A-Za-z ]{16} (ok|absent|unknown)(: .+)?$")
        for args in (["--nope"], ["--data-root"], ["x"]):
            got = subprocess.run([CTX.serind, "check", *args], capture_output=True, timeout=30)
            self.assertEqual(got.returncode, 2)
            self.assertIn(b"Usage: serind check", got.stderr)

    def test_quick(self):
        took = []
        for _ in range(3):
            began = time.monotonic()
            self.check()
            took.append(time.monotonic() - began)
        self.assertLess(min(took), 5)

    def test_leaves_nothing(self):
        root = os.path.join(CTX.tmp, "check-root")
        os.makedirs(root, exist_ok=True)
        self.check("--data-root", root)
        self.assertEqual(os.listdir(root), [])
        self.check("--data-root", root + "/not/yet/there")
        self.assertEqual(os.listdir(root), [])
        left = sum((glob.glob(p) for p in ("/run/serin-check-*", "/tmp/serin-check-*",
                                           "/sys/fs/cgroup/serin-check-*",
                                           "/sys/fs/cgroup/*/serin-check-*")), [])
        self.assertEqual(left, [])

    def test_not_root(self):
        rows = self.check(before=["setpriv", "--reuid", "65534", "--clear-groups"], code=1)
        self.absent(rows, "root", "user 65534")
        for name in ("namespace mnt", "overlayfs"):
            self.assertEqual(rows[name]["state"], "unknown")
            self.assertIn("needs root", rows[name]["detail"])
        self.assertEqual(rows["seccomp"]["state"], "ok")

    def test_no_runtime(self):
        rows = self.check(PATH="/nonexistent", code=1)
        for name in ("OCI runtime", "runc", "crun"):
            self.absent(rows, name)
        self.assertIn("install runc or crun", rows["OCI runtime"]["remedy"])

    def runtime(self, script):
        path = os.path.join(CTX.tmp, "check-bin")
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "runc"), "w") as f:
            f.write("#!/bin/sh\n" + script)
        os.chmod(os.path.join(path, "runc"), 0o755)
        return path

    def test_runtime_that_fails(self):
        path = self.runtime("case $1 in --version) echo 'runc version 9.9'; exit;; esac\n"
                            "echo 'time=x level=error msg=\"it hurts\"' >&2; exit 1\n")
        rows = self.check(PATH=path + ":/usr/bin:/bin", code=1)
        self.absent(rows, "runc", "9.9; runs no container: it hurts")
        path = self.runtime("exit 3\n")
        self.absent(self.check(PATH=path + ":/nonexistent", code=1), "OCI runtime")
        path = self.runtime("echo other words\n")
        self.absent(self.check(PATH=path + ":/nonexistent", code=1), "runc")

    def test_runtime_that_hangs(self):
        path = self.runtime("sleep 1000\n")
        began = time.monotonic()
        rows = self.check(PATH=path + ":/usr/bin:/bin")
        self.absent(rows, "runc", "no end within")
        self.assertLess(time.monotonic() - began, 60)

    def test_full_disk(self):
        root = os.path.join(CTX.tmp, "check-small")
        os.makedirs(root, exist_ok=True)
        rows = self.inside(f"mount -t tmpfs -o size=1m,nr_inodes=50 none {root}", "--data-root",
                           root + "/serin")
        self.absent(rows, "disk", " MiB free on " + root)
        self.absent(rows, "inodes", root)
        self.assertEqual(rows["overlayfs"]["state"], "ok")
        rows = self.inside(f"mount -t tmpfs -o ro none {root}", "--data-root", root)
        self.absent(rows, "disk", "read-only")
        self.absent(rows, "overlayfs", "Read-only file system")

    def test_overlay_on_overlay(self):
        """Where the data root is itself an overlay (a container), layers cannot be stacked."""
        top = os.path.join(CTX.tmp, "check-ovl")
        script = (f"mkdir -p {top}; mount -t tmpfs none {top}; cd {top}; mkdir l u w m; "
                  f"mount -t overlay none -o lowerdir=l,upperdir=u,workdir=w m; cd /")
        self.absent(self.inside(script, "--data-root", top + "/m"), "overlayfs", "/m: ")

    def test_no_cgroups(self):
        rows = self.inside("mount -t tmpfs none /sys/fs/cgroup", code=1)
        self.absent(rows, "cgroups", "nothing usable")
        for name in ("memory", "pids", "cpu", "cpuset", "io"):
            self.absent(rows, "cgroup " + name)
        self.absent(rows, "OCI runtime")

    def test_network_taken_away(self):
        rows = self.inside("echo 0 >/proc/sys/net/ipv4/ip_forward; mount --bind /proc/sys /proc/sys; "
                           "mount -o remount,bind,ro /proc/sys", flags="-mn")
        self.absent(rows, "ports", "loopback")
        self.absent(rows, "forwarding", "off")
        self.assertEqual(rows["nftables"]["state"], "ok", rows["nftables"])

    def test_no_vsock(self):
        rows = self.inside("mount -t tmpfs none /dev; mknod /dev/null c 1 3")
        self.absent(rows, "vsock", "/dev/vsock: No such file or directory")

    def test_forbidden_system_calls(self):
        if not UNSHARE:
            self.skipTest("the number of unshare is not known here")
        rows = self.check(preexec=forbid(UNSHARE), code=1)
        for name in ("mnt", "pid", "net", "ipc", "uts", "cgroup", "user"):
            self.absent(rows, "namespace " + name, "Operation not permitted")
        for name in ("overlayfs", "bridge", "nftables"):
            self.absent(rows, name)

    def test_capabilities_taken_away(self):
        rows = self.check(before=["setpriv", "--bounding-set", "-sys_admin", "--inh-caps",
                                  "-sys_admin"], code=1)
        self.absent(rows, "namespace mnt", "Operation not permitted")
        self.absent(rows, "overlayfs")

    def test_old_kernel(self):
        rows = self.check(before=["setarch", platform.machine(), "--uname-2.6"], code=1)
        self.absent(rows, "kernel", "2.6.")

    def test_few_files_and_no_group(self):
        rows = self.check("--group", "nosuchgroup", before=["sh", "-c",
                          'ulimit -n 1024; exec "$0" "$@"'])
        self.absent(rows, "open files", "at most 1024")
        self.absent(rows, "group", "no group nosuchgroup")
