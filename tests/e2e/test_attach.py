# SPDX-License-Identifier: Apache-2.0
"""Attaching to containers: the bytes of the upgrade, several clients, half-close, detaching."""

import threading
import time

from harness.api import demux, frames
from harness.case import CTX, E2E, Api, images, not_oracle, takes, wait_for
from harness.rawhttp import Conn, ProtocolError

RAW = "application/vnd.docker.raw-stream"
MUX = "application/vnd.docker.multiplexed-stream"
STDIN = {"OpenStdin": True, "StdinOnce": True, "AttachStdin": True}


class Attach(E2E):
    def attach(self, ref, api=None, **parts):
        conn, head = (api or self.api).attach(ref, **parts)
        self.addCleanup(conn.close)
        return conn, head

    def pair(self, cmd, **config):
        """A started container and a client attached since before the start."""
        ref = self.create(cmd, **config)
        conn, head = self.attach(ref)
        self.assertEqual(head.status, 101)
        self.api.start(ref)
        return ref, conn


class TestUpgrade(Attach):
    def head_bytes(self, version, upgrade, **config):
        ref = self.create("true", **config)
        api = Api(self.daemon.sock, version)
        conn = Conn(self.daemon.sock)
        self.addCleanup(conn.close)
        headers = {"Connection": "Upgrade", "Upgrade": "tcp"} if upgrade else {}
        conn.request("POST", f"{api.prefix}/containers/{ref}/attach?stream=1&stdout=1", b"", headers)
        return conn.until(b"\r\n\r\n").decode().split("\r\n")

    def test_bytes(self):
        newest = CTX.api
        kinds = [("1.41", {}, RAW), ("1.41", {"Tty": True}, RAW)]
        if not CTX.is_oracle:
            kinds += [("1.42", {}, MUX), (newest, {}, MUX), (newest, {"Tty": True}, RAW)]
        for version, config, kind in kinds:
            with self.subTest(version=version, **config):
                self.assertEqual(self.head_bytes(version, True, **config),
                                 ["HTTP/1.1 101 UPGRADED", f"Content-Type: {kind}", "Connection: Upgrade",
                                  "Upgrade: tcp"])
                got = self.head_bytes(version, False, **config)
                self.assertEqual(got[0], "HTTP/1.1 200 OK")
                self.assertEqual(got[1:], [f"Content-Type: {RAW}"])

    def test_output_follows_without_upgrade(self):
        ref = self.create("echo out; echo err >&2")
        conn, head = self.api.hijack(f"/containers/{ref}/attach", upgrade=False, stream=1, stdout=1, stderr=1)
        self.addCleanup(conn.close)
        self.assertEqual(head.status, 200)
        self.assertNotIn("content-length", head.headers)
        self.assertNotIn("transfer-encoding", head.headers)
        self.api.start(ref)
        self.assertEqual(demux(conn.rest()), (b"out\n", b"err\n"))

    def test_errors(self):
        conn, head = self.attach("nothere")
        self.assertEqual(head.status, 404)
        self.assertIn(b"No such container: nothere", conn.some())
        ref = self.create("true", Tty=True)
        conn, head = self.attach(ref, detachKeys="nonsense-key")
        self.assertEqual(head.status, 400)
        self.assertIn(b"nvalid detach keys (nonsense-key) provided", conn.some())

    def test_stopped_container(self):
        ref = self.run_("echo x")
        self.api.wait(ref)
        conn, head = self.attach(ref)
        self.assertEqual(head.status, 101)

    def test_logs_then_nothing_more(self):
        """logs=1 without stream=1 replays what there is and ends."""
        ref = self.run_("echo a; echo b >&2; sleep 1000")
        self.logged(ref, "b\n")
        conn, head = self.attach(ref, logs=1, stream=0, stdin=0)
        self.assertEqual(demux(conn.rest()), (b"a\n", b"b\n"))

    def test_logs_then_stream(self):
        ref = self.run_("echo old; while [ ! -e /go ]; do sleep 0.05; done; echo new")
        self.logged(ref, "old")
        conn, _ = self.attach(ref, logs=1, stdin=0)
        conn.read_for(b"old\n")
        self.docker.ok("exec", ref, "touch", "/go")
        self.assertIn(b"new\n", conn.rest())


class TestStreams(Attach):
    def test_frames(self):
        ref, conn = self.pair("echo out; read x; echo err >&2; read x; printf end", **STDIN)
        got = b""
        for text in (b"out\n", b"err\n"):
            got += conn.read_for(text)
            conn.send(b"\n")
        self.assertEqual(frames(got + conn.rest()), [(1, b"out\n"), (2, b"err\n"), (1, b"end")])

    def test_only_what_is_asked_for(self):
        ref = self.create("echo out; echo err >&2")
        out, _ = self.attach(ref, stderr=0)
        err, _ = self.attach(ref, stdout=0)
        self.api.start(ref)
        self.assertEqual(frames(out.rest()), [(1, b"out\n")])
        self.assertEqual(frames(err.rest()), [(2, b"err\n")])

    def test_stdin_before_start(self):
        """Input and the half-close are there before the container is."""
        ref = self.create("cat; echo done", **STDIN)
        conn, _ = self.attach(ref)
        conn.send(b"early bytes\n")
        conn.half_close()
        time.sleep(0.2)
        self.api.start(ref)
        self.assertEqual(demux(conn.rest()), (b"early bytes\ndone\n", b""))

    def test_much_stdin_before_start(self):
        data = b"0123456789abcdef" * 4096 * 8
        ref = self.create("sha256sum", **STDIN)
        conn, _ = self.attach(ref)

        def feed():
            conn.send(data)
            conn.half_close()
        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        time.sleep(0.3)
        self.api.start(ref)
        self.assertEqual(demux(conn.rest())[0].split()[0].decode(), images.digest(data)[7:])
        thread.join(5)

    @not_oracle("it loses them")
    def test_request_and_stdin_in_one_packet(self):
        """Bytes that came with the request's last packet are input, not lost."""
        ref = self.create("cat", **STDIN)
        conn = Conn(self.daemon.sock)
        self.addCleanup(conn.close)
        conn.send(f"POST {self.api.prefix}/containers/{ref}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n"
                  "Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\nglued\n")
        self.assertEqual(conn.head().status, 101)
        self.api.start(ref)
        conn.send(b"later\n")
        conn.half_close()
        self.assertEqual(demux(conn.rest())[0], b"glued\nlater\n")

    def test_output_after_half_close(self):
        ref, conn = self.pair("wc -c; sleep 0.5; echo late", **STDIN)
        conn.send(b"12345")
        conn.half_close()
        self.assertEqual(demux(conn.rest()), (b"5\nlate\n", b""))

    def test_stdin_not_opened(self):
        ref, conn = self.pair("cat; echo done")
        conn.send_lossy(b"ignored\n")
        self.assertEqual(demux(conn.rest()), (b"done\n", b""))

    def test_without_stdin_once_eof_detaches(self):
        ref = self.create("while read line; do echo got $line; done; echo ended", OpenStdin=True,
                          AttachStdin=True)
        conn, _ = self.attach(ref)
        self.api.start(ref)
        conn.send(b"one\n")
        conn.read_for(b"got one\n")
        conn.half_close()
        conn.rest()             # the session ends, the container goes on
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])
        again, _ = self.attach(ref)
        again.send(b"two\n")
        again.read_for(b"got two\n")

    def test_tty(self):
        ref, conn = self.pair("cat", Tty=True, OpenStdin=True)
        conn.send(b"hi\n")
        conn.read_for(b"hi\r\nhi\r\n")
        conn.send(b"\x04")
        conn.rest()
        self.assertEqual(self.api.wait(ref), 0)

    def test_detach_keys(self):
        ref, conn = self.pair("cat", Tty=True, OpenStdin=True)
        conn.send(b"x\n")
        conn.read_for(b"x\r\nx\r\n")
        conn.send(b"\x10\x11")
        conn.rest()
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])
        for keys, data in (("ctrl-a,b", b"\x01b"), ("ctrl-@", b"\0"), ("q,u,i,t", b"quit"), ("ctrl-[", b"\x1b")):
            with self.subTest(keys=keys):
                conn, head = self.attach(ref, detachKeys=keys)
                self.assertEqual(head.status, 101)
                for byte in data:       # one at a time, as typed
                    conn.send(bytes([byte]))
                    time.sleep(0.02)
                conn.rest()
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])

    def test_partial_detach_keys_are_input(self):
        ref, conn = self.pair("stty raw -echo; echo up; cat", Tty=True, OpenStdin=True)
        conn.read_for(b"up")
        conn.send(b"\x10z")
        conn.read_for(b"\x10z")

    def test_no_detach_without_a_terminal(self):
        ref, conn = self.pair("od -An -tx1", **STDIN)
        conn.send(b"\x10\x11")
        conn.half_close()
        self.assertEqual(demux(conn.rest())[0].split(), [b"10", b"11"])

    def test_several_clients(self):
        ref = self.create("while read l; do echo got $l; done", OpenStdin=True, AttachStdin=True)
        conns = [self.attach(ref)[0] for _ in range(8)]
        self.api.start(ref)
        conns[0].send(b"from zero\n")
        for conn in conns:
            conn.read_for(b"got from zero\n")
        conns[3].close()
        conns[5].send(b"from five\n")
        for i in (0, 1, 2, 4, 5, 6, 7):
            conns[i].read_for(b"got from five\n")

    def test_a_client_that_does_not_read(self):
        """It may be dropped or lag; the container and the other client go on for a good while."""
        ref = self.create("i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done; sleep 0.2; echo end")
        idle, _ = self.attach(ref)
        conn, _ = self.attach(ref)
        self.api.start(ref)
        self.assertTrue(demux(conn.rest())[0].endswith(b"99\nend\n"))
        self.assertEqual(self.api.wait(ref), 0)

    def test_client_killed(self):
        ref, conn = self.pair("i=0; while [ $i -lt 30 ]; do echo $i; i=$((i+1)); sleep 0.02; done")
        conn.some()
        conn.close()
        self.assertEqual(self.api.wait(ref), 0)
        self.assertEqual(self.api.logs(ref)[0].count(b"\n"), 30)

    @takes(90)
    def test_much_output(self):
        ref, conn = self.pair("head -c 20000000 /dev/zero | tr '\\0' 'k'")
        conn.sock.settimeout(60)
        out, err = demux(conn.rest())
        self.assertEqual((len(out), out.strip(b"k"), err), (20000000, b"", b""))

    def test_attach_to_a_running_one(self):
        ref = self.run_("while [ ! -e /go ]; do sleep 0.05; done; echo seen")
        conn, _ = self.attach(ref)
        self.docker.ok("exec", ref, "touch", "/go")
        self.assertEqual(demux(conn.rest())[0], b"seen\n")

    def test_output_ends_before_the_container(self):
        """Both streams closed: the log and the attach go on to the exit without spinning."""
        ref, conn = self.pair("echo x; exec >&- 2>&-; sleep 0.5; exit 4")
        self.assertEqual(demux(conn.rest())[0], b"x\n")
        self.assertEqual(self.api.wait(ref), 4)

    def test_child_keeps_the_stream_open(self):
        """The main process ends, a child that holds its output does not delay the exit."""
        ref = self.run_("sleep 1000 & echo up")
        began = time.monotonic()
        self.assertEqual(self.api.wait(ref, timeout=10), 0)
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(self.api.logs(ref)[0], b"up\n")


class TestRules(Attach):
    """Who may attach when, with which streams, and how a session ends."""

    def test_paused(self):
        ref = self.run_("sleep 1000")
        self.api.ok("POST", f"/containers/{ref}/pause")
        conn, head = self.attach(ref)
        self.assertEqual(head.status, 409)
        self.assertIn(f"container {ref} is paused, unpause the container before attach".encode(), conn.some())
        self.api.ok("POST", f"/containers/{ref}/unpause")
        self.assertEqual(self.attach(ref)[1].status, 101)

    def test_restarting(self):
        ref = self.run_("exit 1", HostConfig={"RestartPolicy": {"Name": "always"}})
        wait_for(lambda: self.api.inspect(ref)["State"]["Restarting"]
                 and self.api.inspect(ref)["RestartCount"] > 4, 20, "a longer wait before a restart")

        def refused():
            conn, head = self.attach(ref)
            return head.status == 409 and conn.some()
        said = wait_for(refused, 10, "a refusal")
        self.assertIn(f"container {ref} is restarting, wait until the container is running".encode(), said)

    def test_session_ends_with_the_run(self):
        """A stopped container can be attached to again, for its next run."""
        ref = self.create("echo run; sleep 0.2")
        for _ in range(2):
            conn, head = self.attach(ref)
            self.assertEqual(head.status, 101)
            self.api.start(ref)
            self.assertEqual(frames(conn.rest()), [(1, b"run\n")])
            self.api.wait(ref)

    def test_neither_logs_nor_stream(self):
        ref = self.run_("echo x; sleep 1000")
        conn, head = self.attach(ref, stream=0)
        self.assertEqual((head.status, conn.rest()), (101, b""))

    def test_logs_of_one_stream_and_of_a_terminal(self):
        ref = self.run_("echo out; echo err >&2; sleep 1000")
        self.logged(ref, "err")
        conn, _ = self.attach(ref, logs=1, stream=0, stdin=0, stdout=0)
        self.assertEqual(frames(conn.rest()), [(2, b"err\n")])
        ref = self.run_("echo out; sleep 1000", Tty=True)
        self.logged(ref, "out")
        conn, _ = self.attach(ref, logs=1, stream=0, stdin=0)
        self.assertEqual(conn.rest(), b"out\r\n")

    def test_terminal_keeps_its_input_after_a_half_close(self):
        """The end of a client's input ends its session, not that of the terminal."""
        ref = self.run_("while read x; do echo got $x; done", Tty=True, OpenStdin=True, StdinOnce=True)
        conn, _ = self.attach(ref)
        conn.send(b"one\n")
        conn.read_for(b"got one")
        conn.half_close()
        conn.rest()
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])
        conn, _ = self.attach(ref)
        conn.send(b"two\n")
        conn.read_for(b"got two")

    def test_left_while_starting(self):
        """With StdinOnce the input ends when its client goes, also before the process was there."""
        ref = self.run_("sleep 1000")
        body = {"AttachStdin": True, "AttachStdout": True, "Cmd": ["sh", "-c", "cat; touch /ended"]}
        id = self.api.ok("POST", f"/containers/{ref}/exec", body)["Id"]
        conn, _ = self.api.hijack(f"/exec/{id}/start", {})
        conn.close()
        wait_for(lambda: not self.api.ok("GET", f"/exec/{id}/json")["Running"], 10, "the end of the exec")

    def test_exec_keys(self):
        ref = self.run_("sleep 1000")
        body = {"AttachStdin": True, "AttachStdout": True, "Tty": True, "DetachKeys": "ctrl-a,d", "Cmd": ["cat"]}
        id = self.api.ok("POST", f"/containers/{ref}/exec", body)["Id"]
        conn, _ = self.api.hijack(f"/exec/{id}/start", {"Tty": True})
        conn.send(b"\x01x\n")
        conn.read_for(b"x\r\n")
        conn.send(b"\x01d")
        conn.rest()
        if not CTX.is_oracle:       # there the process ends as well
            self.assertTrue(self.api.ok("GET", f"/exec/{id}/json")["Running"])
        body["DetachKeys"] = "nonsense-key"
        got = self.api.post(f"/containers/{ref}/exec", body)
        if got.status == 201:
            got = self.api.post(f"/exec/{got.json()['Id']}/start", {"Tty": True})
        self.assertEqual(got.status, 400)
        self.assertIn("nvalid escape keys (nonsense-key) provided", got.message)


class TestResize(Attach):
    def test_resize(self):
        ref, conn = self.pair("while read x; do stty size; done", Tty=True, OpenStdin=True)
        for rows, cols in ((25, 81), (50, 132)):
            self.api.ok("POST", f"/containers/{ref}/resize", h=rows, w=cols, status=200)
            conn.send(b"\n")
            conn.read_for(b"%d %d" % (rows, cols))

    def test_errors(self):
        ref = self.create("cat", Tty=True, OpenStdin=True)
        self.gives(409, "is not running", "POST",
                   f"/containers/{ref}/resize", h=10, w=10)
        self.gives(404, "No such container", "POST", "/containers/nothere/resize", h=10, w=10)

    @not_oracle("worded otherwise")
    def test_bad_numbers(self):
        ref = self.run_("cat", Tty=True, OpenStdin=True)
        for h, w, text in (("x", "10", 'invalid resize height "x"'), ("10", "-1", 'invalid resize width "-1"'),
                           ("99999999999", "1", "invalid resize height")):
            self.gives(400, text, "POST", f"/containers/{ref}/resize", h=h, w=w)


class TestCli(Attach):
    def test_attach(self):
        self.docker.ok("run", "-d", "--name", "one", "bb", "sh", "-c",
                       "while [ ! -e /go ]; do echo tick; sleep 0.05; done; echo seen; exit 6")
        child = self.docker.popen("attach", "one")
        self.assertEqual(child.stdout.readline(), b"tick\n")
        self.docker.ok("exec", "one", "touch", "/go")
        out, err = child.communicate(timeout=10)
        self.assertEqual((child.returncode, out.replace(b"tick\n", b"")), (6, b"seen\n"), err)

    def test_start_attached(self):
        self.docker.ok("create", "-i", "--name", "one", "bb", "sh", "-c", "cat; exit 7")
        got = self.docker("start", "-ai", "one", data="fed\n")
        self.assertEqual((got.code, got.out), (7, "fed\n"), got)
        got = self.docker("attach", "one")
        self.assertEqual(got.code, 1)

    def test_sessions_end_when_the_container_is_removed(self):
        ref, conn = self.pair("sleep 1000")
        self.api.remove(ref)
        self.assertEqual(conn.rest(), b"")
        wait_for(lambda: self.api.get(f"/containers/{ref}/json").status == 404, 5, "gone")
        with self.assertRaises(ProtocolError):
            conn.until(b"x")
