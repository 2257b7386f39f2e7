# SPDX-License-Identifier: Apache-2.0
"""The boards, as far as they can be tried without their hypervisors: files, scripts, packages."""

import glob
import gzip
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import unittest

from harness.case import CTX, E2E, limit, not_oracle, wait_for

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BOARD = os.path.join(TOP, "board")
BOARDS = sorted(os.path.basename(os.path.dirname(p)) for p in glob.glob(f"{BOARD}/*/defconfig"))

# What Lima documents, two levels deep; None: any value.
LIMA = {
    "minimumLimaVersion": None, "base": None, "vmType": None, "os": None, "arch": None,
    "images": {"location", "arch", "digest", "kernel", "initrd"}, "cpus": None, "memory": None,
    "disk": None, "mounts": {"location", "mountPoint", "writable", "sshfs", "9p", "virtiofs"},
    "mountType": None, "containerd": {"system", "user", "archives"},
    "provision": {"mode", "script", "skipDefaultDependencyResolution"},
    "probes": {"mode", "description", "script", "hint"},
    "portForwards": {"guestSocket", "hostSocket", "guestPort", "hostPort", "ignore", "reverse",
                     "guestIP", "hostIP", "guestPortRange", "hostPortRange", "proto",
                     "guestIPMustBeZero"},
    "hostResolver": {"enabled", "ipv6", "hosts"}, "message": None, "param": None, "env": None,
    "ssh": None, "networks": None, "rosetta": None, "user": None, "plain": None,
}
FIRECRACKER = {
    "boot-source": {"kernel_image_path", "initrd_path", "boot_args"},
    "machine-config": {"vcpu_count", "mem_size_mib", "smt", "cpu_template", "track_dirty_pages",
                       "huge_pages"},
    "drives": {"drive_id", "path_on_host", "is_root_device", "is_read_only", "partuuid",
               "cache_type", "rate_limiter", "io_engine", "socket"},
    "network-interfaces": {"iface_id", "host_dev_name", "guest_mac", "rx_rate_limiter",
                           "tx_rate_limiter"},
    "vsock": {"guest_cid", "uds_path", "vsock_id"}, "entropy": {"rate_limiter"},
    "balloon": None, "logger": None, "metrics": None, "mmds-config": None,
}


def run(*argv, check=True, **more):
    env = dict(os.environ, **more.pop("env", {}))
    got = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=150,
                         env=env, **more)
    if check and got.returncode:
        raise AssertionError(f"{argv}: {got}")
    return got


def text(*parts):
    with open(os.path.join(BOARD, *parts)) as f:
        return f.read()


class Files(E2E):
    """No daemon; each test has an empty folder."""

    own_daemon = True

    def setUp(self):
        self.dir = os.path.join(CTX.tmp, "boards")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)

    def write(self, name, content, mode=0o644):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        return path


@not_oracle("files of ours")
class TestAll(Files):
    def test_every_board_is_whole(self):
        self.assertEqual(set(BOARDS), {"finch", "firecracker", "lima", "qemu", "static", "tiny",
                                       "vfkit"})
        overview = text("README.md")
        for board in BOARDS:
            self.assertTrue(os.path.exists(os.path.join(BOARD, board, "README.md")), board)
            self.assertIn(f"| `{board}` |", overview)
            for name in re.findall(r"^\| `([\w.@-]+)`", text(board, "README.md"), re.M):
                self.assertTrue(os.path.exists(os.path.join(BOARD, board, name)),
                                f"{board}/README.md tells of {name}")

    def kernel_check(self, board, config):
        return run("sh", f"{BOARD}/kernel-check", board, config, check=False)

    @staticmethod
    def options(*parts):
        """(needed, wanted) of a fragment, as lists of NAME=value."""
        needed, wanted = [], []
        into = needed
        for line in text(*parts).splitlines():
            if line == "# wanted":
                into = wanted
            elif line.startswith("CONFIG_"):
                into.append(line)
        return needed, wanted

    def test_kernel_check(self):
        base = self.options("kernel.config")
        for board in BOARDS:
            own = ([], [])
            if os.path.exists(os.path.join(BOARD, board, "kernel.config")):
                own = self.options(board, "kernel.config")
            needed, wanted = base[0] + own[0], base[1] + own[1]
            whole = "\n".join(needed + wanted) + "\n"
            got = self.kernel_check(board, self.write("whole", whole))
            self.assertEqual((got.returncode, got.stdout), (0, ""), board)
            got = self.kernel_check(board, self.write("whole.gz", gzip.compress(whole.encode())))
            self.assertEqual((got.returncode, got.stdout), (0, ""), board)
            # One built in that may be a module is fine; the other way round it is not.
            got = self.kernel_check(board, self.write("built-in", whole.replace("=m", "=y")))
            self.assertEqual((got.returncode, got.stdout), (0, ""), board)
            got = self.kernel_check(board, self.write("modules", whole.replace("=y", "=m")))
            self.assertEqual(got.returncode, 1)
            self.assertIn("module  CONFIG_CGROUPS=y: limits\n", got.stdout)
            got = self.kernel_check(board, self.write("few", "\n".join(needed)))
            self.assertEqual(got.returncode, 0)
            self.assertEqual(len(got.stdout.splitlines()), len(wanted))
            self.assertTrue(all(line.startswith("wanted ") for line in got.stdout.splitlines()))
            for one in needed if board == "qemu" else needed[-2:]:
                name = one.split("=")[0]
                got = self.kernel_check(board, self.write("less", whole.replace(
                    one + "\n", f"# {name} is not set\n", 1)))
                self.assertEqual(got.returncode, 1, one)
                self.assertRegex(got.stdout, rf"^missing {one}: \S.*\n$")

    def test_kernel_check_of_nonsense(self):
        for args in ([], ["nowhere"], ["qemu", "/nonexistent"], ["qemu", __file__],
                     ["qemu", "/dev/null"], ["a", "b", "c"]):
            got = run("sh", f"{BOARD}/kernel-check", *args, check=False)
            self.assertEqual(got.returncode, 2, args)
            self.assertTrue(got.stderr)

    def test_debian_kernels_have_all(self):
        """Those that were fetched here for the guest image, or that are installed."""
        found = glob.glob(f"{TOP}/build/**/kernel*/config", recursive=True) + \
            glob.glob("/boot/config-*-amd64") + glob.glob("/boot/config-*-arm64")
        found += glob.glob(os.path.join(os.path.dirname(CTX.serind), "vm*/kernel*/config"))
        if not found:
            self.skipTest("no Debian kernel here (make test-vm fetches one)")
        for config in found:
            for board in BOARDS:
                got = self.kernel_check(board, config)
                self.assertEqual((got.returncode, got.stdout), (0, ""), f"{board} {config}")

    def test_uncompress_kernel(self):
        elf = b"\x7fELF" + os.urandom(4) + b"kernel" * 5000
        image = b"MZ" + bytes(54) + b"ARM\x64" + b"kernel" * 5000
        packers = {"gzip": ["gzip", "-9c"], "zstd": ["zstd", "-qc"], "xz": ["xz", "-c", "--check=crc32"]}
        for name, argv in packers.items():
            if not shutil.which(name):
                continue
            packed = subprocess.run(argv, input=elf, capture_output=True, check=True).stdout
            payload = packed + struct.pack("<I", len(elf))     # as the kernel's build appends it
            head = bytearray(1024 + 512)
            head[0x1f1] = 2                                     # set-up sectors
            head[0x202:0x206] = b"HdrS"
            struct.pack_into("<II", head, 0x248, 300, len(payload))
            bz = bytes(head) + bytes(300) + payload + b"rest" * 100
            self.check_kernel(bz, elf, name)
            packed = subprocess.run(argv, input=image, capture_output=True, check=True).stdout
            zboot = b"MZ\0\0zimg" + struct.pack("<II", 64, len(packed)) + bytes(8) + name.encode()
            self.check_kernel(zboot.ljust(64, b"\0") + packed + b"signature", image, name)
        self.check_kernel(gzip.compress(image), image, "a gzipped Image")
        self.check_kernel(image, image, "plain")
        self.check_kernel(elf, elf, "plain")
        for bad in (b"", b"nonsense" * 100, gzip.compress(b"nonsense" * 100)):
            got = run("sh", f"{BOARD}/uncompress-kernel", self.write("bad", bad),
                      self.dir + "/none", check=False)
            self.assertNotEqual(got.returncode, 0)
            self.assertFalse(os.path.exists(self.dir + "/none"))
            self.assertTrue(got.stderr)

    def check_kernel(self, compressed, plain, what):
        out = self.dir + "/out"
        run("sh", f"{BOARD}/uncompress-kernel", self.write("in", compressed), out)
        with open(out, "rb") as f:
            self.assertEqual(f.read(), plain, what)

    def test_openrc_script(self):
        for shell in (["sh"], ["busybox", "sh"], ["bash"]):
            if shutil.which(shell[0]):
                run(*shell, "-n", f"{BOARD}/static/serin.openrc")
        # What it sets, with the commands of OpenRC away.
        got = run("sh", "-ec", f". {BOARD}/static/serin.openrc; need() {{ :; }}; after() {{ :; }}; "
                  "depend; echo \"$command|$command_args|$pidfile\"").stdout
        self.assertIn("/serind|-H unix:///run/serin.sock", got)

    def test_units(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze here")
        bin_ = os.path.join(self.dir, "bin")
        os.makedirs(bin_)
        for name in ("serind", "finch-daemon"):
            os.symlink(CTX.serind, os.path.join(bin_, name))
        made = []
        for source in ("static/serin.service", "static/serin.socket", "finch/finch@.service",
                       "finch/finch.service", "finch/finch.socket"):
            name = os.path.basename(source).replace("@.", "@501.")
            made.append(self.write(name, text(source).replace("@BINDIR@", bin_)))
        got = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *made,
                  check=False)
        said = [line for line in got.stderr.splitlines() if self.dir in line or "finch" in line
                or "serin" in line]
        self.assertEqual((got.returncode, said), (0, []), got)


@not_oracle("files of ours")
class TestFinchBoard(Files):
    def install(self, *args):
        return run("sh", f"{BOARD}/finch/install", *args, env={"DESTDIR": self.dir})

    def test_install_and_undo(self):
        units = self.dir + "/usr/local/lib/systemd/system"
        os.makedirs(self.dir + "/usr/local/bin")
        os.makedirs(units)
        theirs = {"usr/local/bin/finch-daemon": "their program",
                  "usr/local/lib/systemd/system/finch@.service": "their unit"}
        for path, content in theirs.items():
            self.write(path, content)
        for _ in range(2):      # a second time it keeps what was kept
            self.install(CTX.serind)
            link = self.dir + "/usr/local/bin/finch-daemon"
            self.assertEqual(os.readlink(link), "serind")
            got = run(link, "--version").stdout
            self.assertIn("finch-daemon version", got)
            unit = open(units + "/finch@.service").read()
            self.assertIn("ExecStart=/usr/local/bin/finch-daemon --socket-owner %i\n", unit)
            self.assertIn("/bin/ln -sfn /run/finch.sock /var/run/docker.sock", unit)
            for key in ("Type=notify", "Delegate=yes", "Restart=always", "RestartSec=5"):
                self.assertIn(key + "\n", unit)
        self.install("--undo")
        for path, content in theirs.items():
            with open(os.path.join(self.dir, path)) as f:
                self.assertEqual(f.read(), content)
        self.assertFalse(os.path.exists(self.dir + "/usr/local/bin/serind"))
        self.assertEqual(glob.glob(self.dir + "/**/*.finch", recursive=True), [])

    def test_install_on_linux(self):
        os.makedirs(self.dir + "/usr/lib/systemd/system")
        self.install("--linux", CTX.serind)
        units = self.dir + "/usr/lib/systemd/system/"
        self.assertIn("--socket-addr fd:// --config-file /etc/finch/nerdctl/nerdctl.toml",
                      open(units + "finch.service").read())
        self.assertIn("SocketMode=0660", open(units + "finch.socket").read())
        self.install("--linux", "--undo")
        self.assertEqual(os.listdir(units), [])

    def test_wrong_use(self):
        for args in ([], ["/nonexistent"], [CTX.serind, "x"], ["--linux"]):
            got = run("sh", f"{BOARD}/finch/install", *args, check=False,
                      env={"DESTDIR": self.dir})
            self.assertEqual(got.returncode, 2)
        self.assertEqual(os.listdir(self.dir), [])


@not_oracle("files of ours")
class TestLima(Files):
    def load(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("no python3-yaml here")
        return yaml.safe_load(text("lima", "serin.yaml"))

    def test_keys(self):
        template = self.load()
        for key, value in template.items():
            self.assertIn(key, LIMA)
            if LIMA[key] is None:
                continue
            for one in value if isinstance(value, list) else [value]:
                self.assertLessEqual(set(one), LIMA[key], key)
        # Lima's own list has an image for either architecture; one named here beside it would win.
        self.assertEqual(template["base"], "template:_images/debian-13")
        self.assertNotIn("images", template)
        self.assertEqual(template["containerd"], {"system": False, "user": False})
        self.assertEqual(template["hostResolver"]["hosts"],
                         {"host.docker.internal": "host.lima.internal"})
        self.assertEqual(template["portForwards"], [
            {"guestSocket": "/run/serin.sock", "hostSocket": "{{.Dir}}/sock/docker.sock"}])
        self.assertNotIn("plain", template, "it would drop the forwarded socket")
        for socket_ in (f["guestSocket"] for f in template["portForwards"]):
            self.assertIn(f"ListenStream={socket_}\n", text("static", "serin.socket"))

    def test_scripts(self):
        template = self.load()
        for one in template["provision"] + template["probes"]:
            script = one["script"].replace("{{.User}}", "user")
            self.assertNotIn("{{", script)
            shell = "bash" if script.startswith("#!/bin/bash\n") else "sh"
            run(shell, "-n", self.write("script", script))

    def test_provision(self):
        """The script itself, its paths moved below a folder and its programs noted down."""
        script = self.load()["provision"][0]["script"].replace("{{.User}}", "duck")
        for path in ("/etc/", "/var/", "/usr/", "/mnt/"):
            script = script.replace(path, self.dir + path)
        for folder in ("mnt/serin", "var/run", "usr/bin", "usr/local/bin", "tools"):
            os.makedirs(os.path.join(self.dir, folder))
        for name, does in (("apt-get", 'echo "$@" >>' + self.dir + "/calls"),
                           ("systemctl", 'echo "$@" >>' + self.dir + "/calls"),
                           ("dpkg", "echo arm64"), ("dpkg-query", "exit 1"),
                           ("dpkg-deb", "echo 9.9")):
            self.write("tools/" + name, f"#!/bin/sh\n{does}\n", 0o755)
        env = {"PATH": self.dir + "/tools:/usr/bin:/bin"}
        path = self.write("script", script)
        got = run("sh", path, check=False, env=env)
        self.assertEqual(got.returncode, 1)
        self.assertIn("no serin_*.deb for this machine", got.stderr)
        self.write("mnt/serin/serin_9.9_arm64.deb", "")
        self.write("mnt/serin/serin_9.9_amd64.deb", "")
        for _ in range(2):      # it is run at every start of the guest
            run("sh", path, env=env)
        calls = open(self.dir + "/calls").read()
        self.assertIn("serin_9.9_arm64.deb", calls)
        self.assertNotIn("amd64", calls)
        self.assertIn("restart serin.socket serin.service", calls)
        with open(self.dir + "/etc/systemd/system/serin.socket.d/owner.conf") as f:
            self.assertEqual(f.read(), "[Socket]\nSocketUser=duck\n")
        self.assertEqual(os.readlink(self.dir + "/var/run/docker.sock"), "/run/serin.sock")
        self.assertTrue(os.readlink(self.dir + "/usr/local/bin/docker").endswith("/usr/bin/serind"))


@not_oracle("files of ours")
class TestMachines(Files):
    def test_vfkit(self):
        run_ = shutil.copy(f"{BOARD}/vfkit/run", self.dir)
        fake = self.write("vfkit", '#!/bin/sh\nprintf "%s\\n" "$@"\n', 0o755)
        got = run("sh", run_, check=False, env={"VFKIT": fake})
        self.assertIn("no Image", got.stderr)
        for name in ("Image", "initramfs.cpio.zst"):
            self.write(name, "x")
        words = run("sh", run_, env={"VFKIT": fake, "DISK": "1m", "CPUS": "3",
                                     "APPEND": "serin.debug"}).stdout.splitlines()
        here = os.path.realpath(self.dir)
        self.assertEqual(words[:4], ["--cpus", "3", "--memory", "2048"])
        self.assertIn(f"linux,kernel={here}/Image,initrd={here}/initramfs.cpio.zst,"
                      'cmdline="console=hvc0 quiet panic=-1 serin.debug"', words)
        self.assertIn(f"virtio-vsock,port=375,socketURL={here}/docker.sock,connect", words)
        self.assertEqual(os.path.getsize(self.dir + "/serin.img"), 1 << 20)
        # What the README shows is what is run.
        shown = text("vfkit", "README.md")
        for word in words:
            if word.startswith("virtio-"):
                kind = word.split(",")[0]
                self.assertIn("--device " + kind, shown)

    def test_firecracker_machine(self):
        vm = json.loads(text("firecracker", "vm.json"))
        for key, value in vm.items():
            self.assertIn(key, FIRECRACKER)
            for one in value if isinstance(value, list) else [value]:
                self.assertLessEqual(set(one), FIRECRACKER[key], key)
        script = text("firecracker", "run")
        for name in (vm["boot-source"]["kernel_image_path"], vm["boot-source"]["initrd_path"],
                     vm["drives"][0]["path_on_host"], vm["vsock"]["uds_path"]):
            self.assertIn(name, script)
        self.assertGreater(vm["vsock"]["guest_cid"], 2)
        self.assertIn("serin.ip=", vm["boot-source"]["boot_args"])
        self.assertIn(vm["network-interfaces"][0]["host_dev_name"], text("firecracker", "README.md"))

    def test_firecracker_run(self):
        run_ = shutil.copy(f"{BOARD}/firecracker/run", self.dir)
        shutil.copy(f"{BOARD}/firecracker/vm.json", self.dir)
        fake = self.write("firecracker", '#!/bin/sh\necho "$@" >said\nexec sleep 1000\n', 0o755)
        env = {"FIRECRACKER": fake, "SERIND": CTX.serind}
        self.assertIn("no vmlinux", run("sh", run_, check=False, env=env).stderr)
        for name in ("vmlinux", "initramfs.cpio.zst"):
            self.write(name, "x")
        with limit(20, "the machine runs"):
            child = subprocess.Popen(["sh", run_], env=dict(os.environ, **env),
                                     stdout=subprocess.DEVNULL, start_new_session=True)
            sock = self.dir + "/docker.sock"
            wait_for(lambda: os.path.exists(sock) and os.path.exists(self.dir + "/said"), 10,
                     "both programs run")
            with open(self.dir + "/said") as f:
                self.assertEqual(f.read(), "--no-api --config-file vm.json\n")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(sock)
                client.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertIn(b"502", client.recv(64))      # no machine behind it
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            wait_for(lambda: not os.path.exists(sock), 10, "the proxy has ended")


@not_oracle("files of ours")
@unittest.skipUnless(shutil.which("dpkg-deb"), "no dpkg here")
class TestDebianPackage(Files):
    def build(self, serind=None, version="1.2.3"):
        run("sh", f"{BOARD}/static/deb", serind or CTX.serind, self.dir, version,
            env={"SOURCE_DATE_EPOCH": "1750000000"})
        return glob.glob(self.dir + "/serin_*.deb")[0]

    def test_contents(self):
        deb = self.build()
        fields = dict(re.findall(r"^(\S+): (.*)$", run("dpkg-deb", "-f", deb).stdout, re.M))
        self.assertEqual((fields["Package"], fields["Version"]), ("serin", "1.2.3"))
        self.assertEqual(fields["Architecture"], run("dpkg", "--print-architecture").stdout.strip())
        self.assertIn("runc", fields["Depends"])
        listed = run("dpkg-deb", "-c", deb).stdout
        found = {line.split()[5]: line.split()[:2] for line in listed.splitlines()
                 if not line.split()[5].endswith("/")}
        self.assertEqual({path[1:]: mode for path, (mode, _) in found.items()}, {
            "/etc/serin/daemon.json": "-rw-r--r--", "/usr/bin/serind": "-rwxr-xr-x",
            "/usr/lib/systemd/system/serin.service": "-rw-r--r--",
            "/usr/lib/systemd/system/serin.socket": "-rw-r--r--",
            "/usr/share/doc/serin/changelog.gz": "-rw-r--r--",
            "/usr/share/doc/serin/copyright": "-rw-r--r--",
            "/usr/share/man/man8/serind.8.gz": "-rw-r--r--"})
        self.assertEqual({owner for _, owner in found.values()}, {"root/root"})
        run("dpkg-deb", "-x", deb, self.dir + "/x")
        run("dpkg-deb", "-e", deb, self.dir + "/e")
        self.assertIn("ExecStart=/usr/bin/serind -H fd://",
                      open(self.dir + "/x/usr/lib/systemd/system/serin.service").read())
        self.assertIn("version", run(self.dir + "/x/usr/bin/serind", "version").stdout)
        self.assertEqual(open(self.dir + "/e/conffiles").read(), "/etc/serin/daemon.json\n")
        for name in ("postinst", "prerm", "postrm"):
            run("sh", "-n", f"{self.dir}/e/{name}")
            self.assertTrue(os.access(f"{self.dir}/e/{name}", os.X_OK))
        run("md5sum", "-c", self.dir + "/e/md5sums", cwd=self.dir + "/x")
        got = run(self.dir + "/x/usr/bin/serind", "--validate", "--config-file",
                  self.dir + "/x/etc/serin/daemon.json").stdout
        self.assertIn("configuration OK", got)

    def test_reproducible(self):
        first = open(self.build(), "rb").read()
        os.unlink(glob.glob(self.dir + "/serin_*.deb")[0])
        self.assertEqual(open(self.build(), "rb").read(), first)

    def test_architectures(self):
        """The architecture is the program's, not this machine's; others are refused."""
        with open(CTX.serind, "rb") as f:
            program = bytearray(f.read())
        for machine, arch in ((62, "amd64"), (183, "arm64"), (40, None)):
            struct.pack_into("<H", program, 18, machine)
            path = self.write(f"serind-{machine}", bytes(program), 0o755)
            got = run("sh", f"{BOARD}/static/deb", path, self.dir, "1.0", check=False)
            if arch:
                self.assertEqual(got.returncode, 0, got)
                self.assertTrue(os.path.exists(f"{self.dir}/serin_1.0_{arch}.deb"))
            else:
                self.assertNotEqual(got.returncode, 0)

    def test_install_upgrade_remove_purge(self):
        """With dpkg in a root of its own: the administrator's changes stay, nothing else does."""
        root = self.dir + "/root"
        for folder in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "var/log"):
            os.makedirs(os.path.join(root, folder))
        for name in ("status", "available"):
            open(f"{root}/var/lib/dpkg/{name}", "w").close()

        def dpkg(*args):
            # Maintainer scripts run here without a chroot; there is no service manager to tell.
            return run("dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless",
                       "--force-confdef", "--force-confold", "--log=/dev/null", *args,
                       env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND":
                            "noninteractive", "DPKG_ROOT": root})

        def files():
            return {p.removeprefix(root) for p in glob.glob(root + "/**", recursive=True)
                    if not os.path.isdir(p) and "/var/lib/dpkg/" not in p}
        dpkg("-i", self.build(version="1.0"))
        self.assertIn("/usr/bin/serind", files())
        with open(root + "/etc/serin/daemon.json", "w") as f:
            f.write('{"debug": true}\n')
        os.unlink(glob.glob(self.dir + "/serin_*.deb")[0])
        dpkg("-i", self.build(version="1.1"))
        with open(root + "/etc/serin/daemon.json") as f:
            self.assertEqual(f.read(), '{"debug": true}\n')
        dpkg("-r", "serin")
        left = {p for p in files() if not p.startswith(("/var/lib/systemd/", "/etc/systemd/"))}
        self.assertEqual(left, {"/etc/serin/daemon.json"})
        dpkg("-P", "serin")
        self.assertEqual(files(), set())
