# SPDX-License-Identifier: Apache-2.0
"""What `docker run` flags do inside the container, and Docker's defaults where there is no flag."""

import os
import re

from harness.case import BB, CTX, E2E, images, not_oracle

DEFAULT_CAPS = "00000000a80425fb"
LIMITED = not_oracle("it asks for every capability, even where root itself has not all of them")


class Options(E2E):
    def prints(self, *args, **more):
        return self.docker.ok("run", "--rm", *args, **more)

    def sh(self, *args):
        """The last argument is a shell command, those before it are flags of docker run."""
        return self.prints(*args[:-1], BB, "sh", "-c", args[-1])

    def status(self, *flags):
        text = self.prints(*flags, BB, "cat", "/proc/self/status")
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


class TestProcess(Options):
    def test_env(self):
        self.assertEqual(self.sh("-e", "A=1", "-e", "B=two words", "-e", "E=", 'echo "$A|$B|${E-unset}"'),
                         "1|two words|")
        env = self.prints("-e", "FIRST=1", BB, "env").splitlines()
        self.assertIn("PATH=/bin:/usr/bin", env)
        self.assertTrue(any(re.fullmatch(r"HOSTNAME=[0-9a-f]{12}", e) for e in env), env)
        self.assertIn("HOME=/root", env)

    def test_env_overrides_and_bad(self):
        self.assertEqual(self.sh("-e", "PATH=/bin", "echo $PATH"), "/bin")
        self.gives(400, "invalid environment variable: =foo", "POST", "/containers/create",
                   {"Image": BB, "Env": ["=foo"]})

    def test_workdir(self):
        self.assertEqual(self.sh("-w", "/tmp", "pwd"), "/tmp")
        self.assertEqual(self.sh("-w", "/made/for/it", "pwd; stat -c %a /made"), "/made/for/it\n755")
        self.gives(400, "the working directory 'rel' is invalid, it needs to be an absolute path",
                   "POST", "/containers/create", {"Image": BB, "WorkingDir": "rel", "Cmd": ["true"]})

    def test_user(self):
        ids = "echo $(id -u) $(id -g) $(id -G) $HOME"
        for user, want in (("1234", "1234 1235 1235 2222 /home/web"), ("web", "1234 1235 1235 2222 /home/web"),
                           ("web:nogroup", "1234 65534 65534 /home/web"), ("77:88", "77 88 88 /"),
                           ("77", "77 0 0 /"), ("0", "0 0 0 /root"), (":88", "0 88 88 /root")):
            with self.subTest(user=user):
                self.assertEqual(self.sh("-u", user, ids), want)

    def test_group_add_is_not_ignored(self):
        got = self.docker("run", "--rm", "--group-add", "4242", BB, "id", "-G")
        self.assertTrue(got.code == 125 or "4242" in got.out, got)

    def test_hostname(self):
        self.assertEqual(self.sh("--hostname", "my-host", "hostname; cat /etc/hostname; echo $HOSTNAME"),
                         "my-host\nmy-host\nmy-host")
        ref = self.create("hostname")
        self.api.start(ref)
        self.api.wait(ref)
        self.assertEqual(self.api.logs(ref)[0].decode().strip(), ref[:12])

    def test_entrypoint(self):
        self.assertEqual(self.prints("--entrypoint", "/bin/echo", BB, "a", "b"), "a b")
        got = self.docker("run", "--rm", "--entrypoint", "/bin/true", BB)
        self.assertEqual(got.code, 0)       # the image's Cmd is dropped

    def test_nothing_to_run(self):
        image = images.Image(config={"Cmd": None})
        self.api.load(image.docker_archive("empty:1"))
        self.gives(400, "no command specified" if not CTX.is_oracle else "No command specified", "POST",
                   "/containers/create", {"Image": "empty:1"})

    def test_init(self):
        out = self.sh("--init", "cat /proc/1/cmdline | tr '\\0' ' '; (sleep 0.05 &); n=1; i=0; "
                                "while [ $n != 0 ] && [ $i -lt 50 ]; do sleep 0.2; i=$((i+1)); "
                                "n=$(cat /proc/[0-9]*/stat | grep -c ') Z '); done; echo $n")
        self.assertIn("/sbin/docker-init", out)
        self.assertTrue(out.endswith("0"), out)      # nobody stays a zombie
        self.assertEqual(self.docker("run", "--rm", "--init", BB, "sh", "-c", "exit 33").code, 33)

    def test_stop_signal(self):
        ref = self.run_("trap 'exit 5' USR1; echo up; while :; do sleep 0.05; done", StopSignal="SIGUSR1")
        self.logged(ref, "up")
        self.docker.ok("stop", ref)
        self.assertEqual(self.api.inspect(ref)["State"]["ExitCode"], 5)

    def test_ulimits_sysctls_are_done_or_refused(self):
        for flag, value, show, want in (("--ulimit", "nofile=123:456", "ulimit -n", "123"),
                                        ("--sysctl", "net.ipv4.ip_forward=1",
                                         "cat /proc/sys/net/ipv4/ip_forward", "1")):
            got = self.docker("run", "--rm", flag, value, BB, "sh", "-c", show)
            self.assertTrue(got.code == 125 or got.out.strip() == want, got)


class TestSecurity(Options):
    def test_defaults(self):
        got = self.status()
        self.assertEqual(got["CapEff"], DEFAULT_CAPS)
        self.assertEqual(got["CapPrm"], DEFAULT_CAPS)
        self.assertEqual(got["CapBnd"], DEFAULT_CAPS)
        self.assertEqual(got["CapAmb"], "0" * 16)
        if not CTX.is_oracle:
            self.assertEqual(got["CapInh"], "0" * 16)
        self.assertEqual(got["Seccomp"], "2")
        self.assertEqual(got["NoNewPrivs"], "0")

    def test_user_has_no_capabilities(self):
        got = self.status("-u", "1234")
        self.assertEqual(got["CapEff"], "0" * 16)
        self.assertEqual(got["CapBnd"], DEFAULT_CAPS)

    def test_cap_drop_add(self):
        self.assertEqual(self.status("--cap-drop", "ALL")["CapEff"], "0" * 16)
        self.assertEqual(self.status("--cap-drop", "ALL", "--cap-add", "NET_ADMIN")["CapEff"],
                         f"{1 << 12:016x}")
        self.assertEqual(self.status("--cap-drop", "cap_chown")["CapEff"], "00000000a80425fa")
        self.assertEqual(self.status("--cap-add", "SYS_TIME")["CapEff"], f"{0xa80425fb | 1 << 25:016x}")
        got = self.docker("run", "--rm", "--cap-drop", "CHOWN", BB, "chown", "1", "/tmp")
        self.assertEqual(got.code, 1, got)
        got = self.docker("run", "--rm", "--cap-add", "NONSENSE", BB, "true")
        self.assertEqual(got.code, 125)
        self.assertIn("NONSENSE", got.err)

    @LIMITED
    def test_cap_add_all(self):
        """ALL is what there is here: the daemon's own bounding set."""
        status = self.machine().read("/proc/1/status" if CTX.external else "/proc/self/status")
        own = re.search(r"CapBnd:\t(\S+)", status).group(1)
        self.assertEqual(self.status("--cap-add", "ALL")["CapEff"], own)

    def test_seccomp_bites(self):
        got = self.docker("run", "--rm", BB, "sh", "-c", "mount -t tmpfs none /tmp")
        self.assertEqual(got.code, 1)
        got = self.docker("run", "--rm", "--cap-add", "SYS_ADMIN", BB, "mount", "-t", "tmpfs", "none", "/tmp")
        self.assertEqual(got.code, 0, got)

    @LIMITED
    def test_privileged(self):
        got = self.status("--privileged")
        self.assertEqual(got["Seccomp"], "0")
        self.assertEqual(got["CapEff"], got["CapBnd"])
        self.assertNotEqual(got["CapEff"], DEFAULT_CAPS)
        self.sh("--privileged", "mount -t tmpfs none /tmp && test -e /dev/kmsg && "
                                "test -w /proc/sys/kernel/hostname && cat /proc/timer_list >/dev/null")

    def test_masked_and_read_only_paths(self):
        self.assertEqual(self.sh("cat /proc/timer_list /proc/kcore 2>/dev/null | wc -c; "
                                 "ls /proc/scsi /sys/firmware 2>/dev/null | grep -v : | grep -c . || true"),
                         "0\n0")
        for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/hostname", "/sys/power/state"):
            got = self.docker("run", "--rm", BB, "sh", "-c", f"echo x > {path}")
            self.assertNotEqual(got.code, 0, path)

    def test_devices(self):
        names = self.sh("ls /dev").split()
        for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "fd", "stdin",
                     "stdout", "stderr", "mqueue"):
            self.assertIn(name, names)
        for name in os.listdir("/dev"):
            if name.startswith(("sd", "vd", "nvme", "loop", "mem", "kmsg")):
                self.assertNotIn(name, names)
        self.assertEqual(self.sh("head -c4 /dev/zero | od -An -tx1; echo x > /dev/null; "
                                 "head -c5 /dev/urandom | wc -c").split(), ["00"] * 4 + ["5"])
        # A node made by hand does not open: the devices cgroup says no.
        got = self.docker("run", "--rm", BB, "sh", "-c", "mknod /tmp/m c 1 1 && head -c1 /tmp/m")
        self.assertEqual(got.code, 1)
        self.assertIn("Operation not permitted", got.err)

    def test_mounts(self):
        mounts = {line.split()[1]: line.split() for line in self.sh("cat /proc/mounts").splitlines()}
        self.assertEqual(mounts["/"][2], "overlay")
        self.assertEqual(mounts["/proc"][2], "proc")
        self.assertIn("ro", mounts["/sys"][3].split(","))
        shm = mounts["/dev/shm"]
        self.assertEqual(shm[2], "tmpfs")
        for option in ("nosuid", "nodev", "noexec", "size=65536k"):
            self.assertIn(option, shm[3].split(","))
        self.assertIn("mode=755", mounts["/dev"][3])
        for path in ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/pts", "/dev/mqueue",
                     "/sys/fs/cgroup"):
            self.assertIn(path, mounts)

    def test_shm(self):
        out = self.sh("stat -c %a /dev/shm; df -k /dev/shm | tail -1; echo x > /dev/shm/f && cat /dev/shm/f")
        self.assertIn("1777", out)
        self.assertIn("65536", out)
        self.assertTrue(out.endswith("x"))

    def test_namespaces(self):
        mine = {n: os.readlink(f"/proc/self/ns/{n}") for n in ("pid", "mnt", "uts", "ipc", "net")}
        for line in self.sh("for n in pid mnt uts ipc net; do readlink /proc/self/ns/$n; done").splitlines():
            self.assertNotIn(line, mine.values())

    def test_root_is_not_the_hosts(self):
        self.assertEqual(self.sh("ls /").split(), "bin dev etc home proc root sys tmp usr".split())

    def test_proc_shows_own_processes_only(self):
        self.assertLess(int(self.sh("ls /proc | grep -c '^[0-9]'")), 6)


class TestResources(Options):
    def cgroup(self, v1, v2, *flags):
        """What a file of the container's own group says, by the version that the daemon has."""
        name = v2 if self.api.ok("GET", "/info").get("CgroupVersion") == "2" else v1
        return self.sh(*flags, f"cat /sys/fs/cgroup/{name}")

    def test_memory(self):
        self.assertEqual(self.cgroup("memory/memory.limit_in_bytes", "memory.max", "-m", "64m"), str(64 << 20))

    def test_memory_is_enforced(self):
        got = self.docker("run", "--name", "oom", "-m", "16m", BB, "sh", "-c",
                          "head -c 200000000 /dev/zero | tail")
        self.assertEqual(got.code, 137, got)
        self.assertTrue(self.api.inspect("oom")["State"]["OOMKilled"])

    def test_memory_too_small(self):
        self.gives(400, "inimum memory limit allowed is 6MB", "POST", "/containers/create",
                   {"Image": BB, "HostConfig": {"Memory": 1 << 20}})

    def test_cpus(self):
        got = self.cgroup("cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us", "cpu.max", "--cpus", "0.5")
        self.assertEqual(got.split(), ["50000", "100000"])
        # 200 of 2 to 262144 is 8 of 1 to 10000.
        self.assertIn(self.cgroup("cpu/cpu.shares", "cpu.weight", "--cpu-shares", "200"), ("200", "8"))

    def test_pids_limit(self):
        self.assertEqual(self.cgroup("pids/pids.max", "pids.max", "--pids-limit", "50"), "50")
        got = self.docker("run", "--rm", "--pids-limit", "40", BB, "sh", "-c",
                          "i=0; while [ $i -lt 60 ]; do sleep 3 & i=$((i+1)); done; echo all")
        self.assertIn("can't fork", got.err)

    def test_inspect_tells_them(self):
        self.docker.ok("create", "--name", "cpu", "-m", "32m", "--cpus", "0.5", "--pids-limit", "9",
                       "--cpu-shares", "100", BB)
        got = self.api.inspect("cpu")["HostConfig"]
        self.assertEqual((got["Memory"], got["NanoCpus"], got["PidsLimit"], got["CpuShares"]),
                         (32 << 20, 500000000, 9, 100))


class TestFiles(Options):
    def test_read_only(self):
        got = self.docker("run", "--rm", "--read-only", BB, "touch", "/x")
        self.assertEqual(got.code, 1)
        self.assertIn("Read-only file system", got.err)
        self.sh("--read-only", "echo x > /dev/shm/x")

    def test_writes_stay_in_the_container(self):
        ref = self.run_("echo changed > /etc/motd; rm /etc/group; cat /etc/motd")
        self.api.wait(ref)
        self.assertEqual(self.sh("ls /etc"), self.sh("ls /etc"))
        self.assertEqual(self.sh("test -e /etc/motd || echo no; test -e /etc/group && echo yes"), "no\nyes")
        self.api.start(ref)     # and it keeps them over a restart of its own
        self.api.wait(ref)
        self.assertEqual(self.api.logs(ref)[0].decode().splitlines()[-1], "changed")

    def test_bind(self):
        top = self.path("bind")
        os.makedirs(top, exist_ok=True)
        with open(top + "/in", "w") as f:
            f.write("from host")
        self.assertEqual(self.sh("-v", f"{top}:/data", "cat /data/in; echo back > /data/out"), "from host")
        with open(top + "/out") as f:
            self.assertEqual(f.read(), "back\n")
        got = self.docker("run", "--rm", "-v", f"{top}:/data:ro", BB, "touch", "/data/no")
        self.assertEqual(got.code, 1)
        self.assertFalse(os.path.exists(top + "/no"))
        self.assertEqual(self.sh("-v", f"{top}/in:/etc/motd:ro", "cat /etc/motd"), "from host")

    def test_bind_makes_a_missing_source(self):
        top = self.path("missing")
        self.sh("-v", f"{top}:/data", "echo x > /data/f")
        self.assertTrue(os.path.isfile(top + "/f"))

    @not_oracle("it answers 500")
    def test_bind_errors(self):
        for bind in ("relative/x:/data", "/tmp:relative", "/tmp:/data:nonsense", "/tmp:/", ":/x"):
            with self.subTest(bind=bind):
                got = self.api.post("/containers/create", {"Image": BB, "HostConfig": {"Binds": [bind]}})
                self.assertIn(got.status, (400, 501) if "relative/" in bind else (400,), got)

    def test_nested_binds_in_order(self):
        top = self.path("nest")
        os.makedirs(top + "/a/inner", exist_ok=True)
        os.makedirs(top + "/b", exist_ok=True)
        open(top + "/b/deep", "w").close()
        self.assertEqual(self.sh("-v", f"{top}/b:/m/inner", "-v", f"{top}/a:/m", "ls /m/inner"), "deep")

    def test_bind_symlink_target_stays_inside(self):
        """A symlink of the image at the mount point leads nowhere on the host."""
        image = images.Image([images.base_layer(), images.tar([images.symlink("evil", "/etc")])])
        self.api.load(image.docker_archive("sym:1"))
        top = self.path("sym")
        os.makedirs(top, exist_ok=True)
        open(top + "/marker", "w").close()
        self.docker("run", "--rm", "-v", f"{top}:/evil/sub", "sym:1", "true")
        self.assertFalse(os.path.exists("/etc/sub"))

    def test_labels(self):
        self.docker.ok("create", "--name", "lab", "-l", "a=b", "-l", "empty", BB)
        self.assertEqual(self.api.inspect("lab")["Config"]["Labels"], {"a": "b", "empty": ""})

    def test_extra_hosts_and_dns(self):
        out = self.sh("--add-host", "db:10.1.2.3", "--dns", "9.8.7.6", "--network", "bridge",
                      "cat /etc/hosts /etc/resolv.conf")
        self.assertRegex(out, r"(?m)^10\.1\.2\.3\s+db$")
        self.assertRegex(out, r"(?m)^nameserver 9\.8\.7\.6$")
        self.assertRegex(out, r"(?m)^127\.0\.0\.1\s+localhost")


class TestRuntime(Options):
    @not_oracle("it supports all of these")
    def test_unknown_runtime(self):
        self.gives(400, "unknown or invalid runtime name: nosuch", "POST", "/containers/create",
                   {"Image": BB, "HostConfig": {"Runtime": "nosuch"}})
