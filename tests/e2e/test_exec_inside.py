# SPDX-License-Identifier: Apache-2.0
"""What a process that was executed in a container is, seen from inside and from the kernel: the same
whether the shim entered the container itself or the runtime's own exec did."""

import json
import os
import re
import shutil
import threading

from harness import filters
from harness.api import demux
from harness.case import BB, CTX, Api, Daemon, Docker, E2E, not_oracle, takes, wait_for

# Everything about a process that it can see itself, one fact a line.
REPORT = r"""
grep -vE '^(Vm|Rss|Hugetlb|NS|Pid|PPid|Tgid|.*ctxt|SigQ|SigIgn|Mems_allowed|FDSize|State)' /proc/self/status
cat /proc/$$/cgroup
cat /proc/$$/limits
echo score $(cat /proc/$$/oom_score_adj)
for n in user mnt pid net ipc uts cgroup time; do
	a=$(readlink /proc/$$/ns/$n) b=$(readlink /proc/1/ns/$n)
	[ "$a" = "$b" ] && echo $n same || echo $n other
done
for f in /proc/$$/fd/*; do echo fd ${f##*/} $(readlink $f | sed 's/\[.*//'); done
echo cwd $(pwd) $(readlink /proc/$$/cwd) root $(readlink /proc/$$/root)
set -- $(sed 's/.*) //' /proc/$$/stat)
echo leads $(( $3 == $$ && $4 == $$ )) terminal $(( $5 != 0 )) nice ${17}
echo label $(cat /proc/$$/attr/current 2>/dev/null) id $(id)
env | grep -v '^SHLVL=' | sort
"""


@not_oracle("its exec is the runtime's")
class Inside(E2E):
    """`runc` is found on PATH and keeps a record of what it is asked; `slow` is the same, as a
    runtime that was added, which is always asked."""

    @classmethod
    def bring_up(cls):
        cls.daemon = Daemon()
        bin_dir = os.path.join(cls.daemon.root, "bin")
        os.makedirs(bin_dir)
        cls.asked = os.path.join(cls.daemon.root, "asked")
        wrapper = os.path.join(bin_dir, "runc")
        with open(wrapper, "w") as f:
            f.write(f"#!/bin/sh\nfor a; do [ \"$a\" = exec ] && echo exec >>{cls.asked}; done\n"
                    f"exec {shutil.which('runc')} \"$@\"\n")
        os.chmod(wrapper, 0o755)
        cls.daemon.flags = ["--add-runtime", f"slow={wrapper}"]
        cls.daemon.start(env={"PATH": bin_dir + ":" + os.environ["PATH"]})
        cls.api = Api(cls.daemon.sock)
        cls.docker = Docker(cls.daemon.sock)
        cls.load_base(cls.api)

    def times_asked(self):
        return len(open(self.asked).readlines()) if os.path.exists(self.asked) else 0

    def prepare(self, ref, cmd, **config):
        cmd = cmd if isinstance(cmd, list) else ["sh", "-c", cmd]
        body = dict({"AttachStdout": True, "AttachStderr": True, "Cmd": cmd}, **config)
        return self.api.ok("POST", f"/containers/{ref}/exec", body, status=201)["Id"]

    def begin(self, id, tty=False, **config):
        conn, head = self.api.hijack(f"/exec/{id}/start", dict({"Detach": False, "Tty": tty}, **config))
        self.addCleanup(conn.close)
        return conn

    def execute(self, ref, cmd, **config):
        """(exit code, output and errors)"""
        id = self.prepare(ref, cmd, **config)
        data = self.begin(id, tty=config.get("Tty", False)).rest()
        code = self.api.ok("GET", f"/exec/{id}/json")["ExitCode"]
        return code, (data if config.get("Tty") else b"".join(demux(data))).decode()

    def box(self, runtime=None, cmd="sleep 1000", **config):
        host = dict({"Runtime": runtime} if runtime else {}, **config.pop("HostConfig", {}))
        ref = self.run_(cmd, HostConfig=host, **config)
        comm = f"/proc/{self.api.inspect(ref)['State']['Pid']}/comm"
        wait_for(lambda: not open(comm).read().startswith("runc"), 5, "process 1 is the command")
        return ref

    def both(self, cmd, host=None, config=None, **exec_config):
        """The same exec in both kinds of container; the direct one must not have asked."""
        got = []
        for runtime in (None, "slow"):
            ref = self.box(runtime, HostConfig=dict(host or {}), **(config or {}))
            before = self.times_asked()
            code, text = self.execute(ref, cmd, **exec_config)
            self.assertEqual(self.times_asked() - before, 1 if runtime else 0)
            got.append((code, text.replace(ref, "ID").replace(ref[:12], "ID")))
            self.api.remove(ref)
        return got

    def assert_same(self, cmd, **more):
        direct, slow = self.both(cmd, **more)
        self.assertEqual(direct[0], slow[0])
        self.assertEqual(direct[1].splitlines(), slow[1].splitlines())
        return direct[1]


class TestSame(Inside):
    def report(self, **more):
        text = self.assert_same(REPORT, **more)
        for line in ("Seccomp:", "CapBnd:", "Max open files", "fd 2 ", "leads 1", "PATH="):
            self.assertIn(line, text)
        return text

    def test_plain(self):
        text = self.report()
        for line in ("Seccomp:\t2", "CapEff:\t00000000a80425fb", "NoNewPrivs:\t0", "score 0", "mnt same", "pid same",
                     "HOME=/root", "terminal 0", "Umask:\t0022", "CapInh:\t0000000000000000"):
            self.assertIn(line, text)
        self.assertNotIn("other", [line.split()[-1] for line in text.splitlines() if line.strip()])
        self.assertEqual(re.findall(r"^fd (\d+)", text, re.M)[:3], ["0", "1", "2"])

    def test_user(self):
        text = self.report(User="web", WorkingDir="/tmp")
        for line in ("CapEff:\t0000000000000000", "CapBnd:\t00000000a80425fb", "cwd /tmp /tmp"):
            self.assertIn(line, text)
        text = self.report(User="77:88", Env=["HOME=", "X=1", "X=2"])
        self.assertIn("uid=77 gid=88", text)
        self.assertIn("\nX=2\n", text)
        self.assertIn("\nHOME=/\n", text)

    def test_privileged(self):
        text = self.report(Privileged=True, User="web")
        self.assertIn("Seccomp:\t2", text)
        self.report(host={"Privileged": True})

    def test_security(self):
        text = self.report(host={"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]})
        self.assertIn("NoNewPrivs:\t1", text)
        self.assertIn("Seccomp:\t0", text)
        self.report(host={"SecurityOpt": ["no-new-privileges"]}, User="web")
        self.report(host={"CapDrop": ["ALL"]})
        text = self.report(host={"CapAdd": ["SYS_PTRACE", "NET_ADMIN"], "CapDrop": ["MKNOD", "SETPCAP"]})
        caps = (0xa80425fb | 1 << 19 | 1 << 12) & ~(1 << 27 | 1 << 8)
        self.assertIn(f"CapEff:\t{caps:016x}", text)

    def test_limits(self):
        text = self.report(host={"OomScoreAdj": 321, "Memory": 64 << 20, "Ulimits": [
            {"Name": "nofile", "Soft": 111, "Hard": 111}, {"Name": "nproc", "Soft": 500, "Hard": 600},
            {"Name": "core", "Soft": 0, "Hard": 0}, {"Name": "stack", "Soft": 4 << 20, "Hard": 8 << 20}]})
        self.assertIn("score 321", text)
        self.assertRegex(text, r"Max open files +111 +111 ")
        # Some runtimes raise the soft limit on their way.
        ref = self.box(HostConfig={"Ulimits": [{"Name": "nofile", "Soft": 99, "Hard": 111}]})
        self.assertEqual(self.execute(ref, "ulimit -n; ulimit -Hn")[1], "99\n111\n")

    def test_namespaces(self):
        self.report(host={"PidMode": "host", "NetworkMode": "host", "UTSMode": "host", "IpcMode": "host"})
        self.report(host={"CgroupnsMode": "private", "IpcMode": "shareable"})
        self.report(host={"NetworkMode": "none", "ReadonlyRootfs": True, "Init": True})

    def test_terminal(self):
        text = self.report(Tty=True).replace("\r", "")
        self.assertRegex(text, r"fd 0 /dev/pts/\d+\nfd 1 /dev/pts")
        self.assertIn("terminal 1", text)
        self.assert_same("tty; stty size; ls -ln $(tty) | cut -c1-30; echo x >/dev/tty; echo y >/dev/stdout",
                         Tty=True, User="web", AttachStdin=True)

    def test_profile_of_ones_own(self):
        profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
                   "syscalls": [{"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 75},
                                {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28,
                                 "args": [{"index": 1, "value": 0o700, "op": "SCMP_CMP_EQ"}]}]}
        text = self.assert_same("cd /tmp; chmod 1 .; mkdir -m 700 a; mkdir -m 711 b && echo made",
                                host={"SecurityOpt": ["seccomp=" + json.dumps(profile)]})
        self.assertIn("Value too large", text)


class TestErrors(Inside):
    """The words are the runtime's, but for directories, of which newer ones know what they are."""

    def test_words_and_codes(self):
        for cmd, more, code, text in (
                (["nosuch"], {}, 127, 'exec: "nosuch": executable file not found in $PATH'),
                (["/no/such"], {}, 127, 'exec: "/no/such": stat /no/such: no such file or directory'),
                (["./nosuch"], {}, 127, 'exec: "./nosuch": stat ./nosuch: no such file or directory'),
                (["/bin/notexec"], {}, 126, 'exec: "/bin/notexec": permission denied'),
                (["/etc/passwd/x"], {}, 126, 'exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory'),
                ([""], {}, 127, 'exec: "": executable file not found in $PATH'),
                (["true"], {"Env": ["PATH=/nowhere"]}, 127, "executable file not found in $PATH"),
                (["true"], {"WorkingDir": "/gone"}, 127,
                 'chdir to cwd ("/gone") set in config.json failed: no such file or directory'),
                (["true"], {"WorkingDir": "/etc/passwd"}, 126,
                 'chdir to cwd ("/etc/passwd") set in config.json failed: not a directory'),
                (["true"], {"WorkingDir": "/proc/self/fd/7"}, 127,
                 'chdir to cwd ("/proc/self/fd/7") set in config.json failed: no such file or directory')):
            with self.subTest(cmd=cmd, **more):
                direct, slow = self.both(cmd, **more)
                whole = f"OCI runtime exec failed: exec failed: unable to start container process: {text}"
                self.assertEqual(direct[0], code)
                self.assertIn(text if "nowhere" in str(more) else whole, direct[1])
                if "fd/7" not in text:      # where an older runtime keeps a descriptor
                    self.assertEqual(direct, slow)

    def test_directory(self):
        self.assertIn('exec: "/etc": is a directory: unknown', self.both(["/etc"])[0][1])

    def test_format(self):
        ref = self.box()
        self.execute(ref, "echo not a program >/tmp/x; chmod 755 /tmp/x")
        self.assertIn("exec /tmp/x: exec format error", self.execute(ref, ["/tmp/x"])[1])

    def test_descriptors_of_the_host_are_no_directories(self):
        ref = self.box()
        for n in range(3, 40):
            code, text = self.execute(ref, ["ls", "/"], WorkingDir=f"/proc/self/fd/{n}")
            self.assertIn(code, (126, 127), text)
            self.assertRegex(text, "no such file|not a directory|outside of container")


class TestKernel(Inside):
    def test_filters_agree(self):
        """All calls of all architectures, with arguments around all that the profile names."""
        ref = self.box()
        id = self.prepare(ref, ["sleep", "100"])
        self.begin(id)
        pid = wait_for(lambda: self.api.ok("GET", f"/exec/{id}/json")["Pid"], 5, "it runs")
        try:
            init = filters.take(self.api.inspect(ref)["State"]["Pid"])
        except OSError as error:
            self.skipTest(f"the kernel does not give filters away: {error}")
        mine = filters.take(pid)
        args = [(v, 3, 3, 3, 3, 3) for v in (0, 8, 9, 37, 38, 39, 40, 41, 0x20000, 0x20008, 0xffffffff,
                                             0x100000000, 0x7e020000, 0x10000000, 38 + (1 << 32))]
        found = [(arch, nr & ~filters.X32_BIT, theirs, ours) for arch, nr, _, theirs, ours in filters.differences(
            init, mine, (filters.X86_64, filters.I386, filters.AARCH64, filters.ARM, 1), args)]
        # Calls that the runtime's library is too old to have heard of, but the profile names.
        found = [d for d in found if d[1] < 451 and d[1] != 335]
        self.assertEqual(found[:10], [])

    def frozen(self, ref):
        """Freeze the container behind the daemon's back; returns how to thaw it and its file of pids."""
        pid = self.api.inspect(ref)["State"]["Pid"]
        for line in open(f"/proc/{pid}/cgroup"):
            _, names, path = line.rstrip("\n").split(":", 2)
            if "freezer" in names.split(","):
                top, state, on, off = f"/sys/fs/cgroup/freezer{path}", "freezer.state", "FROZEN", "THAWED"
                break
            if not names and os.path.exists(f"/sys/fs/cgroup{path}/cgroup.freeze"):
                top, state, on, off = f"/sys/fs/cgroup{path}", "cgroup.freeze", "1", "0"

        def put(value):
            with open(f"{top}/{state}", "w") as f:
                f.write(value)
        put(on)
        self.addCleanup(lambda: os.path.exists(top) and put(off))
        return (lambda: put(off)), f"{top}/cgroup.procs"

    def test_between(self):
        """Stopped on the way in: nothing of the host is to be had from the process, and the shim goes on."""
        ref = self.box(HostConfig={"CapAdd": ["SYS_PTRACE"]})
        _, out = self.execute(ref, "echo before")
        thaw, procs = self.frozen(ref)
        init = self.api.inspect(ref)["State"]["Pid"]
        id = self.prepare(ref, "echo after")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.begin(id).rest()), daemon=True)
        thread.start()

        def others():
            return [int(p) for p in open(procs) if int(p) != init]
        pid = wait_for(others, 5, "somebody on the way in")[0]
        exe = f"/proc/{pid}/exe"
        self.assertTrue(os.statvfs(exe).f_flag & os.ST_RDONLY)
        with self.assertRaises(OSError):
            os.close(os.open(exe, os.O_WRONLY))
        for fd in os.listdir(f"/proc/{pid}/fd"):
            at = os.readlink(f"/proc/{pid}/fd/{fd}")
            self.assertFalse(os.path.isdir(f"/proc/{pid}/fd/{fd}") and "cgroup" not in at, at)
        self.api.ok("POST", f"/containers/{ref}/resize", h=10, w=10, timeout=5)
        thaw()
        thread.join(10)
        self.assertEqual(demux(answers[0])[0], b"after\n")

    def test_shim_is_sealed(self):
        ref = self.box()
        with open(f"/proc/{self.api.inspect(ref)['State']['Pid']}/stat") as f:
            shim = f.read().rsplit(")", 1)[1].split()[1]
        self.assertTrue(os.statvfs(f"/proc/{shim}/exe").f_flag & os.ST_RDONLY)

    def test_not_dumpable_leftovers(self):
        """After the command runs it is an ordinary process of the container's."""
        self.assertIn("ok", self.execute(self.box(), "cat /proc/self/environ >/dev/null && echo ok")[1])


class TestHostile(Inside):
    def test_null_of_the_host(self):
        """What stands in for standard input is the host's: it must stay as it is."""
        def look():
            st = os.stat("/dev/null")
            return st.st_mode, st.st_uid, st.st_gid
        before = look()
        for runtime in (None, "slow"):
            ref = self.box(runtime)
            text = self.execute(ref, "f=/proc/self/fd/0; chmod 600 $f; chown 5:6 $f; cat; cat $f; echo a >$f; echo $?")[1]
            after = look()
            os.chmod("/dev/null", 0o666)
            os.chown("/dev/null", 0, 0)
            self.assertEqual(after, before)
            self.assertEqual(text.count("Read-only file system"), 2, text)
            self.assertTrue(text.startswith("0\n"), text)

    def test_fifo_and_large_files(self):
        ref = self.box()
        self.execute(ref, "rm /etc/passwd; mkfifo /etc/passwd; dd if=/dev/zero of=/etc/group bs=1M count=9")
        for user in ("", "5:6"):
            self.assertEqual(self.execute(ref, "echo x", User=user), (0, "x\n"))
        self.assertIn("unable to find user ghost", self.execute(ref, "echo x", User="ghost")[1])

    def test_terminal_that_is_none(self):
        ref = self.box()
        self.execute(ref, "rm -f /dev/ptmx; mkfifo /dev/ptmx")
        code, text = self.execute(ref, "tty", Tty=True)
        self.assertEqual(code, 126)
        self.assertIn("open /dev/ptmx", text)
        self.execute(ref, "rm -f /dev/ptmx; ln -s /etc/passwd /dev/ptmx")
        self.assertEqual(self.execute(ref, "tty", Tty=True)[0], 126)
        self.execute(ref, "rm -f /dev/ptmx; ln -s pts/ptmx /dev/ptmx")
        self.assertEqual(self.execute(ref, "tty", Tty=True), (0, "/dev/pts/0\r\n"))

    def test_left_to_the_runtime(self):
        """A filter whose meaning is the library's secret: the runtime is asked, and does it."""
        profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": code,
             "args": [{"index": 1, "value": mode, "op": "SCMP_CMP_EQ"}]}
            for code, mode in ((28, 0o700), (75, 0o711))]}
        ref = self.box(HostConfig={"SecurityOpt": ["seccomp=" + json.dumps(profile)]})
        before = self.times_asked()
        self.assertEqual(self.execute(ref, "cat; echo x", AttachStdin=False), (0, "x\n"))
        self.assertEqual(self.times_asked() - before, 1)
        self.assertIn("/dev/pts/", self.execute(ref, "tty", Tty=True)[1])

    def test_full_of_processes(self):
        ref = self.box()
        self.api.ok("POST", f"/containers/{ref}/update", {"PidsLimit": 3})     # too few for the runtime to start it
        code, text = self.execute(ref, "sleep 1 & sleep 1 & sleep 1 & wait; echo x")
        self.assertNotEqual(text, "")
        self.assertEqual(self.execute(ref, "echo x"), (0, "x\n"))

    @takes(120)
    def test_killed_under_many(self):
        """Two hundred at once, and the container ends in the middle: all streams end, nothing is left."""
        for round in range(2):
            ref = self.box()
            init = self.api.inspect(ref)["State"]["Pid"]
            with open(f"/proc/{init}/stat") as f:
                shim = int(f.read().rsplit(")", 1)[1].split()[1])
            ended, lock = [], threading.Lock()

            def work(n):
                api = Api(self.daemon.sock, timeout=60)
                made = api.post(f"/containers/{ref}/exec", {
                    "AttachStdout": True, "Tty": n % 5 == 0,
                    "Cmd": ["sh", "-c", "echo x; sleep 100" if n % 3 else "echo x"]})
                if made.status == 201:
                    conn, head = api.hijack(f"/exec/{made.json()['Id']}/start",
                                            {"Detach": False, "Tty": n % 5 == 0}, timeout=50)
                    if head.status == 101:
                        conn.rest()
                    conn.close()
                with lock:
                    ended.append(n)
            threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(200)]
            for n, thread in enumerate(threads):
                thread.start()
                if n == (60, 150)[round]:
                    self.api.ok("POST", f"/containers/{ref}/kill")
            for thread in threads:
                thread.join(60 * CTX.slow)
            self.assertEqual(len(ended), 200)
            self.exited(ref)
            wait_for(lambda: not os.path.exists(f"/proc/{shim}"), 10, "the shim has ended")
            self.api.remove(ref)

    @takes(60)
    def test_quick_ones(self):
        """So quick that they are over before the shim has heard that they began."""
        ref = self.box()
        for n in range(60):
            self.assertEqual(self.execute(ref, ["sh", "-c", f"echo {n}; exit {n}"]), (n, f"{n}\n"))
        pid = self.api.inspect(ref)["State"]["Pid"]
        with open(f"/proc/{pid}/stat") as f:
            shim = f.read().rsplit(")", 1)[1].split()[1]
        with open(f"/proc/{shim}/task/{shim}/children") as f:
            self.assertEqual(f.read().split(), [str(pid)])
        self.assertEqual([n for n in os.listdir(os.path.join(self.daemon.exec, "containers", ref))
                          if n.startswith("exec")], [])
