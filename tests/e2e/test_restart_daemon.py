# SPDX-License-Identifier: Apache-2.0
"""The daemon dies or is stopped while containers run: they must not notice, and nothing is lost."""

import calendar
import os
import signal
import time

from harness import leaks
from harness.api import demux
from harness.case import CTX, E2E, images, not_oracle, takes, wait_for
from harness.rawhttp import Conn

COUNT = "i=0; while [ $i -lt {n} ]; do echo line $i; i=$((i+1)); sleep {pause}; done; exit 5"
OURS = not_oracle("its streams and exit codes go through the daemon")


class TestKilled(E2E):
    def crash(self, dead=0.0):
        self.daemon.kill9()
        time.sleep(dead)
        self.daemon.start()

    def test_same_process_goes_on(self):
        ref = self.run_("sleep 1000", name="keeps")
        before = self.api.inspect(ref)
        self.crash()
        after = self.api.inspect(ref)
        for key in ("Pid", "StartedAt", "Status"):
            self.assertEqual(before["State"][key], after["State"][key])
        for key in ("Id", "Name", "Created", "Image", "Config", "HostConfig"):
            if key == "HostConfig" and CTX.is_oracle:
                continue        # empty lists come back as null
            self.assertEqual(before[key], after[key], key)
        self.assertEqual(before["NetworkSettings"]["Networks"], after["NetworkSettings"]["Networks"])

    def test_it_can_be_handled_afterwards(self):
        ref = self.run_("trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done")
        self.logged(ref, "up")
        self.crash()
        self.assertEqual(self.docker("exec", ref, "sh", "-c", "exit 9").code, 9)
        self.api.ok("POST", f"/containers/{ref}/stop")
        self.assertEqual(self.api.inspect(ref)["State"]["ExitCode"], 3)
        self.api.start(ref)
        self.logged(ref, "up")
        self.api.ok("DELETE", f"/containers/{ref}", force=1)

    def test_all_states_survive(self):
        created = self.create("true", name="created")
        done = self.run_("echo said; exit 4", name="done")
        self.api.wait(done)
        running = self.run_("sleep 1000", name="running")
        gone = self.create("true", name="gone")
        self.api.remove(gone)
        self.crash()
        got = {one["Names"][0]: one["State"] for one in self.api.ok("GET", "/containers/json", all=1)}
        self.assertEqual(got, {"/created": "created", "/done": "exited", "/running": "running"})
        self.assertEqual(self.api.inspect(done)["State"]["ExitCode"], 4)
        self.assertEqual(self.api.logs(done)[0], b"said\n")
        self.api.start(created)
        self.assertEqual(self.api.wait(created), 0)
        self.assertEqual(self.api.inspect(running)["State"]["Status"], "running")

    @OURS
    def test_logs_have_no_gap(self):
        ref = self.run_(COUNT.format(n=150, pause=0.02))
        for _ in range(3):
            time.sleep(0.3)
            self.crash(0.3)
        self.assertEqual(self.api.wait(ref), 5)
        self.assertEqual(self.api.logs(ref)[0], b"".join(b"line %d\n" % i for i in range(150)))

    @OURS
    def test_exit_while_dead(self):
        refs = [self.run_(f"until [ -e /go ]; do sleep 0.05; done; sleep 1; echo bye; exit {n}")
                for n in (0, 1, 42, 137)]
        pids = [self.api.inspect(ref)["State"]["Pid"] for ref in refs]
        for ref in refs:
            self.docker.ok("exec", ref, "touch", "/go")
        self.daemon.kill9()
        wait_for(lambda: not any(os.path.isdir(f"/proc/{pid}") for pid in pids), 10, "all have ended")
        ended = time.time()
        time.sleep(2)
        self.daemon.start()
        for ref, code in zip(refs, (0, 1, 42, 137)):
            state = self.api.inspect(ref)["State"]
            self.assertEqual((state["Status"], state["ExitCode"]), ("exited", code))
            done = calendar.timegm(time.strptime(state["FinishedAt"][:19], "%Y-%m-%dT%H:%M:%S"))
            self.assertLess(done - ended, 1, "the time of the exit, not of the restart")
            self.assertEqual(self.api.wait(ref), code)
            self.assertEqual(self.api.logs(ref)[0], b"bye\n")

    @OURS
    def test_killed_by_a_signal_while_dead(self):
        ref = self.run_("sleep 1000")
        pid = self.api.inspect(ref)["State"]["Pid"]
        self.daemon.kill9()
        os.kill(pid, signal.SIGKILL)
        self.daemon.start()
        self.exited(ref)
        self.assertEqual(self.api.inspect(ref)["State"]["ExitCode"], 137)

    @OURS
    def test_auto_remove_while_dead(self):
        ref = self.run_("sleep 0.3", HostConfig={"AutoRemove": True})
        self.crash(1)
        wait_for(lambda: self.api.get(f"/containers/{ref}/json").status == 404, 5, "removed after all")

    @OURS
    def test_attached_session_goes_on(self):
        ref = self.create("while read l; do echo got $l; done", OpenStdin=True, StdinOnce=True)
        conn, _ = self.api.attach(ref)
        self.addCleanup(conn.close)
        self.api.start(ref)
        conn.send(b"one\n")
        conn.read_for(b"got one\n")
        self.daemon.kill9()
        conn.send(b"two\n")
        conn.read_for(b"got two\n")
        self.daemon.start()
        conn.send(b"three\n")
        conn.read_for(b"got three\n")
        late, _ = self.api.attach(ref, stdin=0)
        self.addCleanup(late.close)
        self.assertEqual(self.api.get("/_ping").status, 200)    # an answer later it has reached the container
        conn.send(b"four\n")
        conn.read_for(b"got four\n")
        late.read_for(b"got four\n")
        conn.half_close()
        self.assertEqual(self.api.wait(ref), 0)
        self.assertEqual(self.api.logs(ref)[0], b"got one\ngot two\ngot three\ngot four\n")

    @OURS
    def test_terminal_session_goes_on(self):
        term = self.docker.pty("run", "-it", "--name", "term", "bb", "sh")
        term.expect("# ")
        wait_for(lambda: self.api.inspect("term")["State"]["Running"], 5, "running")

        def follows():          # it hands on sizes once it has its answer to the start
            term.resize(41, 107)
            return self.docker.ok("exec", "term", "stty", "-F", "/dev/console", "size") == "41 107"
        wait_for(follows, 10, "the client follows its terminal")
        self.daemon.kill9()
        term.write("echo $((20+22))\n")
        term.expect("42")
        self.daemon.start()
        term.write("exit 6\n")
        self.exited("term")
        self.assertEqual(self.api.inspect("term")["State"]["ExitCode"], 6)

    @OURS
    def test_exec_session_goes_on(self):
        ref = self.run_("sleep 1000")
        id = self.api.ok("POST", f"/containers/{ref}/exec",
                         {"AttachStdin": True, "AttachStdout": True, "Cmd": ["cat"]})["Id"]
        conn, _ = self.api.hijack(f"/exec/{id}/start", {})
        self.addCleanup(conn.close)
        conn.send(b"a\n")
        conn.read_for(b"a\n")
        self.crash()
        conn.send(b"b\n")
        conn.read_for(b"b\n")
        conn.half_close()
        self.assertEqual(demux(conn.rest()), (b"", b""))
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])

    @OURS
    def test_much_output_while_dead(self):
        """The container is not held up, and the whole of it is in the log."""
        ref = self.run_("sleep 0.3; seq 1 300000; exit 8")
        self.crash(2)
        self.assertEqual(self.api.wait(ref), 8)
        lines = self.api.logs(ref, timeout=60)[0].split()
        self.assertEqual(len(lines), 300000)
        self.assertEqual((lines[0], lines[-1]), (b"1", b"300000"))

    def test_killed_many_times(self):
        ref = self.run_("sleep 1000")
        pid = self.api.inspect(ref)["State"]["Pid"]
        for _ in range(5 if CTX.is_oracle else 15):
            self.crash()
        state = self.api.inspect(ref)["State"]
        self.assertEqual((state["Status"], state["Pid"]), ("running", pid))

    @OURS
    @images.needs_probe
    def test_names_and_signals_after(self):
        ref = self.run_(["probe", "signals"], name="sig")
        self.logged(ref, "ready")
        self.crash()
        self.api.ok("POST", "/containers/sig/kill", signal="USR1")
        self.logged(ref, "signal 10")
        self.gives(409, "already in use", "POST", "/containers/create", {"Image": "bb"}, name="sig")

    @OURS
    def test_shim_dies(self):
        """Without its shim a container is lost for good, and that is said, not hung on."""
        ref = self.run_("sleep 1000")
        shims = [pid for pid, line in self.daemon.family().items() if " shim" in line]
        self.assertEqual(len(shims), 1, self.daemon.family())
        os.kill(shims[0], signal.SIGKILL)
        self.exited(ref, 15)
        self.assertNotEqual(self.api.inspect(ref)["State"]["ExitCode"], 0)
        self.assertEqual(self.api.remove(ref).status, 204)

    @OURS
    def test_one_shim_a_container(self):
        refs = [self.run_("sleep 1000") for _ in range(3)]
        self.assertEqual(len([l for l in self.daemon.family().values() if " shim" in l]), 3)
        for ref in refs:
            self.api.remove(ref)
        wait_for(lambda: len(self.daemon.family()) == 1, 5, "only the daemon is left")

    @OURS
    def test_follower_of_logs_ends_cleanly(self):
        ref = self.run_(COUNT.format(n=40, pause=0.05))
        child = self.docker.popen("logs", "-f", ref)
        self.assertEqual(child.stdout.readline(), b"line 0\n")
        self.crash()
        child.communicate(timeout=10)
        self.assertEqual(self.docker.ok("logs", "-f", ref).splitlines(), [f"line {i}" for i in range(40)])


class TestTerm(E2E):
    def test_clean(self):
        self.daemon.stop()
        self.assertEqual(self.daemon.process.returncode, 0)
        self.assertFalse(os.path.exists(self.daemon.pidfile))
        self.assertFalse(os.path.exists(self.daemon.sock))
        self.daemon.start()
        self.assertEqual(self.says("echo again"), "again")

    def test_sigint(self):
        self.assertEqual(self.daemon.stop(signal.SIGINT), 0)
        self.daemon.start()

    def test_quick_with_idle_clients(self):
        conns = [Conn(self.daemon.sock) for _ in range(20)]
        for conn in conns[:10]:
            conn.request("GET", "/_ping")
            conn.response()
        began = time.monotonic()
        self.daemon.stop()
        self.assertLess(time.monotonic() - began, 12)
        for conn in conns:
            conn.close()
        self.daemon.start()

    @OURS
    def test_containers_go_on(self):
        ref = self.run_(COUNT.format(n=60, pause=0.1))
        pid = self.api.inspect(ref)["State"]["Pid"]
        self.daemon.stop()
        self.assertTrue(os.path.isdir(f"/proc/{pid}"))
        time.sleep(0.5)
        self.daemon.start()
        self.assertEqual(self.api.wait(ref), 5)
        self.assertEqual(self.api.logs(ref)[0].count(b"\n"), 60)

    def test_during_a_pull_or_load(self):
        """Stopped in the middle of an upload: no half image, no temporary file."""
        whole = images.Image([images.files(f="x" * 3000000)]).docker_archive("half:1")
        conn = Conn(self.daemon.sock)
        self.addCleanup(conn.close)
        conn.send("POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
                  f"Content-Length: {len(whole)}\r\n\r\n")
        conn.send(whole[:1500000])
        time.sleep(0.2)
        self.daemon.kill9() if CTX.is_oracle else self.daemon.stop()
        self.daemon.start()
        self.assertEqual([t for one in self.api.ok("GET", "/images/json") for t in one["RepoTags"]],
                         ["bb:latest"])

    @OURS
    @takes(90)
    def test_mounts_and_links_of_stopped_ones_are_gone(self):
        ref = self.run_("sleep 1000")
        self.assertTrue(leaks.mounts(self.daemon.root))
        self.api.ok("POST", f"/containers/{ref}/kill")
        self.exited(ref)
        wait_for(lambda: not leaks.mounts(self.daemon.root), 5, "mounts gone")
