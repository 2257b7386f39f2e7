# SPDX-License-Identifier: Apache-2.0
"""Exec through the API and `docker exec`: codes, streams, terminals, errors."""

import os
import threading

from harness.api import demux, frames
from harness.case import CTX, E2E, images, not_oracle, wait_for


class Exec(E2E):
    def setUp(self):
        self.ref = self.run_("trap 'exit 0' TERM; while :; do sleep 0.1; done", name="box", Env=["BOX=1"])

    def prepare(self, cmd, **config):
        cmd = cmd if isinstance(cmd, list) else ["sh", "-c", cmd]
        body = dict({"AttachStdout": True, "AttachStderr": True, "Cmd": cmd}, **config)
        return self.api.ok("POST", f"/containers/{self.ref}/exec", body, status=201)["Id"]

    def begin(self, id, tty=False, **config):
        conn, head = self.api.hijack(f"/exec/{id}/start", dict({"Detach": False, "Tty": tty}, **config))
        self.addCleanup(conn.close)
        return conn, head

    def inspect(self, id):
        return self.api.ok("GET", f"/exec/{id}/json", status=200)

    def execute(self, cmd, **config):
        """(exit code, output, errors)"""
        id = self.prepare(cmd, **config)
        conn, head = self.begin(id)
        self.assertEqual(head.status, 101)
        out, err = demux(conn.rest())
        return self.inspect(id)["ExitCode"], out, err


class TestApi(Exec):
    def test_streams_and_codes(self):
        self.assertEqual(self.execute("echo out; echo err >&2; exit 7"), (7, b"out\n", b"err\n"))
        for code in (0, 1, 126, 127, 255):
            self.assertEqual(self.execute(f"exit {code}")[0], code)
        self.assertEqual(self.execute("kill -9 $$")[0], 137)

    def test_head(self):
        id = self.prepare("true")
        conn, head = self.begin(id)
        self.assertEqual((head.version, head.status, head.reason), ("HTTP/1.1", 101, "UPGRADED"))
        self.assertEqual((head.headers["connection"], head.headers["upgrade"]), ("Upgrade", "tcp"))
        kind = "raw" if CTX.is_oracle else "multiplexed"
        self.assertEqual(head.headers["content-type"], f"application/vnd.docker.{kind}-stream")
        id = self.prepare("true", Tty=True)
        conn, head = self.begin(id, tty=True)
        self.assertEqual(head.headers["content-type"], "application/vnd.docker.raw-stream")

    def test_without_upgrade(self):
        id = self.prepare("echo x")
        conn, head = self.api.hijack(f"/exec/{id}/start", {"Detach": False}, upgrade=False)
        self.addCleanup(conn.close)
        self.assertEqual((head.status, head.headers["content-type"]),
                         (200, "application/vnd.docker.raw-stream"))
        self.assertEqual(frames(conn.rest()), [(1, b"x\n")])

    def test_stdin(self):
        id = self.prepare("cat; echo end", AttachStdin=True)
        conn, _ = self.begin(id)
        conn.send(b"a\nb\n")
        conn.half_close()
        self.assertEqual(demux(conn.rest())[0], b"a\nb\nend\n")
        self.assertEqual(self.inspect(id)["ExitCode"], 0)

    def test_large_stdin_and_output(self):
        data = os.urandom(1 << 20) * 8
        id = self.prepare(["cat"], AttachStdin=True)
        conn, _ = self.begin(id)

        def feed():
            conn.send(data)
            conn.half_close()
        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        self.assertEqual(images.digest(demux(conn.rest())[0]), images.digest(data))
        thread.join(5)

    def test_inspect(self):
        id = self.prepare(["sleep", "2"], User="web", Tty=True, Privileged=False)
        got = self.inspect(id)
        self.assertEqual((got["ID"], got["Running"], got["ExitCode"], got["ContainerID"]),
                         (id, False, None, self.ref))
        self.assertEqual(got["ProcessConfig"]["entrypoint"], "sleep")
        self.assertEqual(got["ProcessConfig"]["arguments"], ["2"])
        self.assertEqual((got["ProcessConfig"]["tty"], got["ProcessConfig"]["user"]), (True, "web"))
        self.assertEqual((got["OpenStdin"], got["OpenStdout"], got["OpenStderr"]), (False, True, True))
        conn, _ = self.begin(id, tty=True)
        self.assertTrue(self.inspect(id)["Running"])
        pid = wait_for(lambda: self.inspect(id)["Pid"], 5, "it has a process")
        self.assertTrue(CTX.remote or os.path.isdir(f"/proc/{pid}"))
        conn.rest()
        got = self.inspect(id)
        self.assertEqual((got["Running"], got["ExitCode"]), (False, 0))

    def test_exit_code_is_set_when_the_stream_ends(self):
        for _ in range(15):
            id = self.prepare("exit 5")
            conn, _ = self.begin(id)
            conn.rest()
            self.assertEqual((self.inspect(id)["Running"], self.inspect(id)["ExitCode"]), (False, 5))

    def test_detached(self):
        id = self.prepare("until [ -e /go ]; do sleep 0.05; done; touch /done; exit 3")
        got = self.api.post(f"/exec/{id}/start", {"Detach": True})
        self.assertEqual((got.status, got.body), (200, b""))
        self.assertTrue(self.inspect(id)["Running"])
        self.assertEqual(self.execute("touch /go")[0], 0)
        wait_for(lambda: self.inspect(id)["ExitCode"] == 3, 5, "it ended with 3")
        self.assertEqual(self.execute("ls /done")[0], 0)

    def test_environment(self):
        code, out, _ = self.execute(["env"], Env=["X=1", "BOX=2"])
        env = dict(line.split("=", 1) for line in out.decode().splitlines())
        self.assertEqual((env["X"], env["BOX"], env["PATH"]), ("1", "2", "/bin:/usr/bin"))
        self.assertEqual(env["HOSTNAME"], self.ref[:12])

    def test_user_and_directory(self):
        self.assertEqual(self.execute("id -u; id -g; pwd", User="web", WorkingDir="/tmp")[1], b"1234\n1235\n/tmp\n")
        self.assertEqual(self.execute("echo $(id -u):$(id -g)", User="5:6")[1], b"5:6\n")

    def test_security(self):
        status = self.execute(["cat", "/proc/self/status"])[1].decode()
        self.assertIn("CapEff:\t00000000a80425fb", status)
        self.assertIn("Seccomp:\t2", status)
        status = self.execute(["cat", "/proc/self/status"], User="web")[1].decode()
        self.assertIn("CapEff:\t0000000000000000", status)

    @not_oracle("it asks for every capability, even where root itself has not all of them")
    def test_privileged(self):
        status = self.execute(["cat", "/proc/self/status"], Privileged=True)[1].decode()
        daemons = self.machine().read("/proc/1/status" if CTX.external else "/proc/self/status")
        own = [line for line in daemons.splitlines() if line.startswith("CapBnd:")][0].split()[1]
        self.assertIn(f"CapEff:\t{own}\n", status)

    def test_same_namespaces(self):
        # Until it has its program, process 1 shows nobody anything.
        own = self.execute("until readlink /proc/1/ns/pid >/dev/null; do :; done; for n in pid mnt net ipc uts; do "
                           "readlink /proc/self/ns/$n; readlink /proc/1/ns/$n; done")
        lines = own[1].split()
        self.assertEqual(lines[0::2], lines[1::2])

    def test_failures_in_the_stream(self):
        for cmd, code, text in ((["nosuch"], 127, b"executable file not found"),
                                (["/no/such"], 127, b"no such file or directory"),
                                (["/bin/notexec"], 126, b"permission denied"), (["/etc"], 126, b"")):
            with self.subTest(cmd=cmd):
                id = self.prepare(cmd)
                conn, head = self.begin(id)
                self.assertEqual(head.status, 101)
                data = conn.rest()
                self.assertIn(text, data)
                self.assertEqual(self.inspect(id)["ExitCode"], 126 if CTX.is_oracle else code)

    def test_failure_detached(self):
        id = self.prepare(["nosuch"])
        got = self.api.post(f"/exec/{id}/start", {"Detach": True})
        self.assertGreaterEqual(got.status, 400)
        self.assertIn("executable file not found", got.message)

    def test_no_such_user(self):
        id = self.prepare(["true"], User="ghost")
        conn, head = self.begin(id)
        data = conn.rest()
        self.assertIn(b"unable to find user ghost", data)

    def test_errors(self):
        self.gives(400, "No exec command specified", "POST", f"/containers/{self.ref}/exec", {"Cmd": []})
        self.gives(404, "No such container: nothere", "POST", "/containers/nothere/exec", {"Cmd": ["x"]})
        for verb in ("start", "resize?h=1&w=1"):
            got = self.api.post(f"/exec/nothere/{verb}", {})
            self.assertEqual((got.status, got.message), (404, "No such exec instance: nothere"))
        self.gives(404, "No such exec instance: nothere", "GET", "/exec/nothere/json")
        idle = self.create()
        self.gives(409, f"ontainer {idle} is not running", "POST", f"/containers/{idle}/exec", {"Cmd": ["x"]})

    @not_oracle("worded otherwise")
    def test_started_twice(self):
        id = self.prepare("true")
        self.begin(id)[0].rest()
        got = self.api.post(f"/exec/{id}/start", {"Detach": True})
        self.assertEqual((got.status, got.message), (409, f"exec command {id} has already run"))

    def test_container_stops(self):
        """The stream of an exec ends with its container, and its exit code is there."""
        id = self.prepare("sleep 1000")
        conn, _ = self.begin(id)
        self.api.ok("POST", f"/containers/{self.ref}/kill")
        conn.rest()
        wait_for(lambda: not self.inspect(id)["Running"], 5, "exec ended")

    def test_exec_ids_in_inspect(self):
        self.assertIsNone(self.api.inspect(self.ref)["ExecIDs"])
        id = self.prepare("sleep 1000")
        self.assertEqual(self.api.inspect(self.ref)["ExecIDs"], [id], "before it starts")
        self.begin(id)
        self.assertEqual(self.api.inspect(self.ref)["ExecIDs"], [id])
        done = self.prepare("true")
        self.begin(done)[0].rest()
        wait_for(lambda: not self.inspect(done)["Running"], 5, "exec ended")
        self.assertEqual(self.api.inspect(self.ref)["ExecIDs"], [id])

    def test_child_keeps_the_stream_open(self):
        """The command ends, a child of it goes on with the output: the exec is over."""
        id = self.prepare("sleep 4 & echo x; exit 2")
        conn, _ = self.begin(id)
        conn.read_for(b"x\n")
        wait_for(lambda: self.inspect(id)["ExitCode"] == 2, 10, "exit code 2")

    def test_many_at_once(self):
        results = []

        def work(n):
            results.append(self.execute(f"echo {n}; sleep 0.2; exit {n}"))
        threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
        [t.start() for t in threads]
        [t.join(40 * CTX.slow) for t in threads]
        self.assertEqual(sorted(results), [(n, b"%d\n" % n, b"") for n in range(16)])

    def test_client_goes_away(self):
        """The client hangs up; the command goes on."""
        id = self.prepare("sleep 0.5; touch /went-on")
        conn, _ = self.begin(id)
        conn.close()
        wait_for(lambda: self.inspect(id)["ExitCode"] is not None, 5, "ended")
        self.assertEqual(self.execute("ls /went-on")[0], 0)

    def test_terminal_of_the_creation(self):
        """The process has a terminal when it was created so; what is asked at the start is frames."""
        cmd = "test -t 1 && echo tty $TERM; echo out; sleep 0.2; echo err >&2"
        id = self.prepare(cmd, Tty=True)
        conn, _ = self.begin(id, tty=False)
        self.assertEqual(demux(conn.rest()), (b"tty xterm\r\nout\r\nerr\r\n", b""))
        id = self.prepare(cmd)
        conn, _ = self.begin(id, tty=True)
        self.assertEqual(conn.rest(), b"out\n")
        self.assertEqual(self.inspect(id)["ProcessConfig"]["tty"], False)
        self.assertEqual(self.inspect(id)["CanRemove"], False)

    def test_tty(self):
        id = self.prepare("tty; stty size; read x; echo got $x", Tty=True, AttachStdin=True)
        conn, _ = self.begin(id, tty=True)
        conn.read_for(b"/dev/pts/")
        conn.send(b"line\n")
        conn.read_for(b"got line\r\n")
        conn.rest()

    def test_resize(self):
        id = self.prepare("while read x; do stty size; done", Tty=True, AttachStdin=True)
        conn, _ = self.begin(id, tty=True)
        self.api.ok("POST", f"/exec/{id}/resize", h=44, w=99, status=(200, 201))
        conn.send(b"\n")
        conn.read_for(b"44 99")

    @not_oracle("came with 23.0")
    def test_console_size(self):
        id = self.prepare(["stty", "size"], Tty=True, AttachStdin=True, ConsoleSize=[33, 77])
        conn, _ = self.begin(id, tty=True, ConsoleSize=[33, 77])
        self.assertIn(b"33 77", conn.rest())

    @not_oracle("its process ends with the session")
    def test_detach_keys(self):
        id = self.prepare(["cat"], Tty=True, AttachStdin=True, DetachKeys="ctrl-a,d")
        conn, _ = self.begin(id, tty=True)
        conn.send(b"x\n")
        conn.read_for(b"x\r\nx\r\n")
        conn.send(b"\x01d")
        conn.rest()
        self.assertTrue(self.inspect(id)["Running"])


class TestCli(Exec):
    def test_codes(self):
        self.assertEqual(self.docker("exec", "box", "sh", "-c", "exit 42").code, 42)
        got = self.docker("exec", "box", "nosuch")
        self.assertEqual(got.code, 126 if CTX.is_oracle else 127, got)
        self.assertIn("executable file not found", got.out + got.err)
        self.assertEqual(self.docker("exec", "box", "/bin/notexec").code, 126)
        got = self.docker("exec", "nothere", "true")
        self.assertEqual(got.code, 1)
        self.assertIn("No such container: nothere", got.err)

    def test_stdin(self):
        got = self.docker("exec", "-i", "box", "cat", data="through\n")
        self.assertEqual((got.code, got.out), (0, "through\n"))
        self.assertEqual(self.docker("exec", "box", "cat", data="unseen").out, "")

    def test_flags(self):
        got = self.docker.ok("exec", "-e", "A=b", "-w", "/etc", "-u", "web", "box", "sh", "-c",
                             "echo $A $(pwd) $(id -un)")
        self.assertEqual(got, "b /etc web")
        self.docker.ok("exec", "-d", "box", "touch", "/flag")
        wait_for(lambda: self.docker("exec", "box", "ls", "/flag").code == 0, 5, "detached exec ran")

    def test_terminal(self):
        term = self.docker.pty("exec", "-it", "box", "sh", rows=28, cols=99)
        term.expect("# ")
        term.write("tty; stty size\n")
        term.expect("/dev/pts/")
        term.expect("28 99")
        term.resize(30, 60)

        def shows():
            term.write("stty size\n")
            try:
                term.expect("30 60", timeout=1)
                return True
            except AssertionError:
                return False
        wait_for(shows, 8, "the new size")
        term.write("exit 11\n")
        self.assertEqual(term.finish(), 11)

    def test_at_many_versions(self):
        for version in ("1.41", "1.35", "1.25"):
            got = self.docker("exec", "box", "echo", "x", env={"DOCKER_API_VERSION": version})
            self.assertEqual((got.code, got.out), (0, "x\n"), got)
