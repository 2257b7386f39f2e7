# SPDX-License-Identifier: Apache-2.0
"""Streams under stress: crowds of clients, clients that never read, clients that vanish, held loops."""

import os
import re
import selectors
import socket
import subprocess
import threading
import time

from harness import ws
from harness.api import demux, query
from harness.case import CTX, E2E, not_oracle, takes, wait_for
from harness.rawhttp import Conn

MIB = 1 << 20
STDIN = {"OpenStdin": True, "StdinOnce": True, "AttachStdin": True}
METRICS = 29331
LINES = "i=0; while [ $i -lt 2000 ]; do echo line $i of the output; i=$((i+1)); done"
EXPECTED = "".join(f"line {i} of the output\n" for i in range(2000)).encode()
ENDLESS = "while :; do echo tick; sleep 0.05; done"


def own(pid):
    """Bytes of memory that are a process's alone; the program's text is shared by daemon and shims."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Private_"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Streams(E2E):
    time_limit = 90

    @classmethod
    def daemon_flags(cls):
        if CTX.is_oracle or CTX.external:
            return []
        return ["--metrics-addr", f"127.0.0.1:{METRICS}"]

    def metric(self, name):
        with socket.create_connection(("127.0.0.1", METRICS), 5) as s:
            s.sendall(b"GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n")
            data = b""
            while got := s.recv(65536):
                data += got
        return int(float(re.search(rf"^{name} (\S+)$", data.decode(), re.M).group(1)))

    def shim(self, ref):
        with open(os.path.join(self.daemon.exec, "containers", ref, "shim.pid")) as f:
            return int(f.read().split()[0])

    def attach(self, ref, **parts):
        conn, head = self.api.attach(ref, **parts)
        self.addCleanup(conn.close)
        return conn, head

    def settle(self):
        """An upgrade is answered just before the client reaches the container: an answer later it has."""
        self.assertEqual(self.api.get("/_ping").status, 200)

    def hold(self, target, method="GET", timeout=30, **parts):
        """A request whose answer's head has been read and no more."""
        conn = Conn(self.daemon.sock, timeout)
        self.addCleanup(conn.close)
        conn.request(method, self.api.prefix + target + query(**parts))
        self.assertEqual(conn.head().status, 200)
        return conn

    def exec_(self, ref, cmd, **config):
        body = dict({"AttachStdout": True, "AttachStderr": True, "Cmd": ["sh", "-c", cmd]}, **config)
        id = self.api.ok("POST", f"/containers/{ref}/exec", body, status=201)["Id"]
        conn, head = self.api.hijack(f"/exec/{id}/start", {"Detach": False, "Tty": False})
        self.addCleanup(conn.close)
        return id, conn, head


def read_all(conns, seconds):
    """What each sends until its end, all read at once."""
    got = {conn: [conn.buffer] for conn in conns}
    end = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for conn in conns:
            conn.sock.setblocking(False)
            selector.register(conn.sock, selectors.EVENT_READ, conn)
        while selector.get_map():
            if time.monotonic() > end:
                raise AssertionError(f"{len(selector.get_map())} streams have not ended")
            for key, _ in selector.select(0.5):
                try:
                    data = key.fileobj.recv(1 << 18)
                except BlockingIOError:
                    continue
                except ConnectionResetError:
                    data = b""
                if data:
                    got[key.data].append(data)
                else:
                    selector.unregister(key.fileobj)
    return [b"".join(got[conn]) for conn in conns]


class TestCrowds(Streams):
    CLIENTS = 200

    def check(self, conns):
        for i, data in enumerate(read_all(conns, 60)):
            self.assertEqual(demux(data), (EXPECTED, b""), f"client {i}")

    def places(self, ref, count):
        """So many attached clients, each as soon as there is a place for it."""
        def place():
            conn, head = self.attach(ref)
            return conn if head.status == 101 else None
        return [wait_for(place, 10, f"place {n + 1} of {count}", interval=0.1) for n in range(count)]

    def upgrade_refused(self, ref):
        with Conn(self.daemon.sock) as conn:
            conn.request("GET", f"/containers/{ref}/attach/ws?stream=1", None, {"Connection": "Upgrade"})
            return conn.response().status

    def test_attached_before_the_start(self):
        ref = self.create(LINES)
        conns = [self.attach(ref)[0] for _ in range(self.CLIENTS)]
        self.api.start(ref)
        self.check(conns)
        self.assertEqual(self.api.wait(ref), 0)

    def test_attached_to_a_running_one(self):
        ref = self.run_("read x; " + LINES, **STDIN)
        conns = [self.attach(ref)[0] for _ in range(self.CLIENTS)]
        self.settle()
        conns[17].send(b"\n")
        self.check(conns)
        self.assertEqual(self.api.wait(ref), 0)

    def test_of_three_kinds(self):
        """Plain, websocket and exec streams side by side, each with the streams it chose."""
        ref = self.run_(f"read x; ({LINES}); ({LINES}) >&2", **STDIN)
        both = [self.attach(ref)[0] for _ in range(40)]
        out = [self.attach(ref, stderr=0)[0] for _ in range(40)]
        err = [self.attach(ref, stdout=0, stdin=0)[0] for _ in range(40)]
        sockets = []
        if not CTX.is_oracle:
            for _ in range(40):
                one = ws.WebSocket(self.daemon.sock, f"{self.api.prefix}/containers/{ref}/attach/ws", stream=1,
                                   stdout=1)
                self.addCleanup(one.close)
                sockets.append(one)
        self.settle()
        both[0].send(b"\n")
        found = read_all(both + out + err, 60)
        for data in found[:40]:
            self.assertEqual(demux(data), (EXPECTED, EXPECTED))
        for data in found[40:80]:
            self.assertEqual(demux(data), (EXPECTED, b""))
        for data in found[80:]:
            self.assertEqual(demux(data), (b"", EXPECTED))
        for one in sockets:
            self.assertEqual(one.rest(), (EXPECTED, 1000))

    @not_oracle("it has no limit")
    def test_one_too_many(self):
        """Refused before the upgrade; and a place that was left can be had again."""
        ref = self.run_("read x; echo end", OpenStdin=True)
        conns = []
        while True:
            conn, head = self.attach(ref)
            if head.status != 101:
                break
            conns.append(conn)
            self.assertLess(len(conns), 2000)
        self.assertGreaterEqual(len(conns), self.CLIENTS)
        self.assertEqual((head.status, head.headers["retry-after"]), (503, "1"))
        self.assertIn(b"too many clients are attached to the container", conn.rest())
        got = self.api.get(f"/containers/{ref}/attach/ws", stream=1, stdout=1,
                           headers={"Connection": "Upgrade", "Upgrade": "websocket"})
        self.assertEqual((got.status, got.headers["retry-after"]), (503, "1"))
        self.assertEqual(self.exec_(ref, "echo an exec has a place of its own")[1].rest()[8:],
                         b"an exec has a place of its own\n")
        # Logs alone take no place.
        conn, head = self.attach(ref, logs=1, stream=0)
        self.assertEqual((head.status, conn.rest()), (101, b""))
        for i in range(3):
            conns.pop().close()
        conns += self.places(ref, 3)
        # A place that was promised and not taken is free again.
        for i in range(5):
            conns.pop().close()
        conns += self.places(ref, 1)
        for i in range(20):
            self.attach(ref, logs=1, stream=0)[0].rest()
            wait_for(lambda: self.upgrade_refused(ref) == 400, 10, "refused for what it lacks, not for a place")
        conns += self.places(ref, 4)
        self.settle()
        conns[0].send(b"\n")
        for data in read_all(conns, 30):
            self.assertEqual(demux(data), (b"end\n", b""))

    @not_oracle("it has no limit")
    @takes(120)
    def test_places_come_back(self):
        """Clients that are promised a place and are gone, or cannot be taken, before they have it."""
        ref = self.run_("sleep 1000", OpenStdin=True)
        request = (f"POST /v1.41/containers/{ref}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n"
                   "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n").encode()
        for n in range(self.CLIENTS):
            conn = Conn(self.daemon.sock)
            # Some leave input behind that nobody reads, some more than is kept for the shim.
            conn.send_lossy(request + b"x" * (0, 10000, 30000)[n % 3])
            time.sleep(0.003)
            conn.close()
        self.places(ref, self.CLIENTS)

    @not_oracle("it has no limit")
    @takes(180)
    def test_one_exec_too_many(self):
        ref = self.run_()
        conns = []
        for _ in range(200):
            got = self.api.post(f"/containers/{ref}/exec", {"AttachStdout": True, "AttachStdin": True,
                                                           "Cmd": ["cat"]})
            if got.status == 503:
                self.assertEqual(got.headers["retry-after"], "1")
                break
            id = got.json()["Id"]
            conn, head = self.api.hijack(f"/exec/{id}/start", {})
            self.addCleanup(conn.close)
            if head.status == 503:
                self.assertEqual(head.headers["retry-after"], "1")
                self.assertIn("too many processes", conn.some().decode())
                break
            conns.append(conn)
        self.assertLess(len(conns), 200)
        self.assertGreaterEqual(len(conns), 16)
        for i, conn in enumerate(conns):
            conn.send(b"%d\n" % i)
            conn.half_close()
        for i, data in enumerate(read_all(conns, 60)):
            self.assertEqual(demux(data)[0], b"%d\n" % i)

    @not_oracle("no shim of ours")
    def test_memory_after_a_crowd(self):
        """The shim's share with a container at rest, before and after it had many clients."""
        ref = self.run_("while read x; do echo got $x; done", OpenStdin=True)
        wait_for(lambda: own(self.shim(ref)) < 400 << 10, 10, "memory at rest")
        conns = [self.attach(ref)[0] for _ in range(self.CLIENTS)]
        self.settle()
        conns[0].send(b"all\n")
        for conn in conns:
            conn.read_for(b"got all\n")
        wait_for(lambda: own(self.shim(ref)) < 400 << 10, 10, "memory with many clients")
        for conn in conns:
            conn.close()
        wait_for(lambda: own(self.shim(ref)) < 400 << 10, 10, "memory after them")

    @not_oracle("it takes six times as much")
    @takes(120)
    def test_log_followers(self):
        """A thousand cost at most ten MiB, or as many as the daemon admits in proportion."""
        ref = self.run_("echo one; while [ ! -e /go ]; do sleep 0.1; done; echo two; sleep 1000")
        self.logged(ref, "one")
        path = f"/containers/{ref}/logs"
        for _ in range(3):      # whatever the first one brings into memory
            self.hold(path, follow=1, stdout=1).close()
        limit = int(re.search(r"(\d+)", self.limits_row("connections")).group(1))
        count = min(1000, limit - 20)
        time.sleep(1.2)
        before = own(self.daemon.pid) + own(self.shim(ref))
        conns = [self.hold(path, follow=1, stdout=1) for _ in range(count)]
        for conn in conns:
            self.assertEqual(conn.chunk()[8:], b"one\n")
        most = before + 10 * MIB * count / 1000 + MIB / 4
        wait_for(lambda: own(self.daemon.pid) + own(self.shim(ref)) < most, 10, "memory with many followers")
        self.docker.ok("exec", ref, "touch", "/go")
        for conn in conns:
            self.assertEqual(conn.chunk()[8:], b"two\n")

    @staticmethod
    def limits_row(word):
        text = subprocess.run([CTX.serind, "limits"], capture_output=True, timeout=10).stdout.decode()
        return next(line for line in text.splitlines() if line.lower().startswith(word))


class TestNeverReading(Streams):
    """Neither the container, the others, nor the daemon's memory suffers from who does not read."""

    def memory_holds(self, run, pids, bound=4 * MIB):
        before = [own(pid) for pid in pids]
        got = run()
        for pid, was in zip(pids, before):
            self.assertLess(own(pid) - was, bound, f"process {pid}")
        return got

    @not_oracle("measures our shim")
    def test_attach(self):
        """As with the engine the container waits for it; the others get everything once it is gone."""
        ref = self.run_("read x; head -c 8000000 /dev/zero | tr '\\0' 'k'; echo; echo end", **STDIN)
        lazy, _ = self.attach(ref, stdin=0)
        other, _ = self.attach(ref)
        seen = []
        reader = threading.Thread(target=lambda: seen.append(other.rest()), daemon=True)

        def stand():
            other.send(b"\n")
            reader.start()
            time.sleep(1)
        self.memory_holds(stand, [self.shim(ref), self.daemon.pid])
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])
        self.assertEqual(self.exec_(ref, "echo an exec goes on")[1].rest()[8:], b"an exec goes on\n")
        lazy.close()
        reader.join(30 * CTX.slow)
        self.assertEqual(len(demux(seen[0])[0]), 8000005)

    def test_attach_does_not_keep_it_from_ending(self):
        ref = self.run_("yes", Init=True)
        lazy, _ = self.attach(ref)
        time.sleep(0.5)
        self.api.ok("POST", f"/containers/{ref}/kill")
        self.assertEqual(self.api.wait(ref), 137)

    def test_logs(self):
        ref = self.run_("while [ ! -e /go ]; do sleep 0.1; done; head -c 20000000 /dev/zero | tr '\\0' 'k' | "
                        "fold -w 1000; echo; echo end")
        lazy = [self.hold(f"/containers/{ref}/logs", follow=1, stdout=1) for _ in range(5)]
        other = self.hold(f"/containers/{ref}/logs", follow=1, stdout=1)

        def stand():
            self.docker.ok("exec", ref, "touch", "/go")
            n = 0
            while data := other.chunk():
                n += len(data)
            return n
        pids = [] if CTX.is_oracle else [self.daemon.pid]
        self.assertGreater(self.memory_holds(stand, pids), 20000000)
        self.assertEqual(self.api.wait(ref), 0)
        for conn in lazy:
            conn.close()

    @not_oracle("measures our shim")
    def test_exec(self):
        ref = self.run_(ENDLESS)
        conn, _ = self.attach(ref)

        def stand():
            lazy = [self.exec_(ref, "head -c 30000000 /dev/zero")[1] for _ in range(3)]
            time.sleep(0.5)
            conn.some()
            for _ in range(10):
                conn.read_for(b"tick\n")
            self.assertEqual(self.exec_(ref, "echo hello")[1].rest()[8:], b"hello\n")
            return lazy
        for one in self.memory_holds(stand, [self.shim(ref), self.daemon.pid]):
            one.close()
        conn.read_for(b"tick\n")

    def test_events(self):
        lazy = [self.hold("/events") for _ in range(3)]
        other = self.hold("/events", filters={"event": ["rename"]})
        ref = self.create("true", Labels={"pad": "x" * 20000})

        def stand():
            for n in range(300):
                self.api.ok("POST", f"/containers/{ref}/rename", status=204, name=f"n{n}")
                self.assertIn(b"rename", other.chunk())
        self.memory_holds(stand, [] if CTX.is_oracle else [self.daemon.pid], 8 * MIB)
        for conn in lazy:
            conn.close()

    def test_stats(self):
        ref = self.run_(ENDLESS)
        lazy = [self.hold(f"/containers/{ref}/stats") for _ in range(5)]
        other = self.hold(f"/containers/{ref}/stats")
        for _ in range(3):
            other.chunk()
        for conn in lazy:
            conn.close()

    def test_archives(self):
        ref = self.run_("head -c 30000000 /dev/urandom > /big; echo made; sleep 1000")
        self.logged(ref, "made")
        lazy = [self.hold(f"/containers/{ref}/archive", path="/big"), self.hold(f"/containers/{ref}/export")]

        def stand():
            got = self.api.get(f"/containers/{ref}/archive?path=/big", timeout=60)
            self.assertGreater(len(got.body), 30000000)
            self.assertEqual(self.api.get("/_ping").status, 200)
            self.assertEqual(self.output("echo ok")[1], "ok\n")
        self.memory_holds(stand, [] if CTX.is_oracle else [self.daemon.pid])
        for conn in lazy:
            conn.close()


@not_oracle("counts our fibers and descriptors")
class TestVanishing(Streams):
    """Whoever goes, however, in whatever state: nothing of it stays behind."""

    def setUp(self):
        self.ref = self.run_("while :; do read x || sleep 1000; echo tick; done", OpenStdin=True)
        for run in self.cases().values():       # workers, caches and connections that stay
            run(self.leave_at_once)
        time.sleep(1.5)         # what lingers

    def counts(self):
        return (descriptors(self.daemon.pid), self.metric("serin_fibers"), self.metric("serin_http_connections"),
                descriptors(self.shim(self.ref)))

    def no_more_than(self, before):
        return all(now <= was for now, was in zip(self.counts(), before))

    def steady(self):
        """The counts once they do not change any more."""
        before = None
        for _ in range(200):
            now = self.counts()
            if now == before:
                return now
            before = now
            time.sleep(0.5)
        raise AssertionError(f"the counts do not settle: {before}")

    # How a client leaves.

    @staticmethod
    def leave_at_once(conn):
        conn.close()

    @staticmethod
    def leave_in_halves(conn):
        try:
            conn.half_close()
        except OSError:
            pass
        time.sleep(0.02)
        conn.close()

    @staticmethod
    def leave_reading_some(conn):
        conn.sock.settimeout(0.02)
        try:
            conn.sock.recv(100)
        except OSError:
            pass
        conn.close()

    @staticmethod
    def leave_sending(conn):
        """With bytes on their way that nobody will take."""
        conn.sock.setblocking(False)
        try:
            while conn.sock.send(b"x" * 65536):
                pass
        except OSError:
            pass
        conn.close()

    # The states in which it does.

    def request(self, text):
        conn = Conn(self.daemon.sock)
        conn.send(text)
        return conn

    def cases(self):
        ref, prefix = self.ref, self.api.prefix

        def get(target, read=True, body=None, method="GET", **parts):
            def run(leave):
                conn = Conn(self.daemon.sock)
                conn.request(method, f"{prefix}{target}{query(**parts)}", body)
                if read:
                    conn.head()
                leave(conn)
            return run

        def half_a_head(leave):
            leave(self.request(f"POST {prefix}/containers/{ref}/attach?stream=1&stdin=1 HTTP/1.1\r\nHos"))

        def attach(**parts):
            def run(leave):
                leave(self.api.attach(ref, **parts)[0])
            return run

        def attach_unanswered(leave):
            conn = Conn(self.daemon.sock)
            conn.request("POST", f"{prefix}/containers/{ref}/attach?stream=1&stdin=1&stdout=1", b"",
                         {"Connection": "Upgrade", "Upgrade": "tcp"})
            leave(conn)

        def attach_created(leave):
            idle = self.create("cat", **STDIN)
            conn, _ = self.api.attach(idle)
            leave(conn)
            self.api.remove(idle)

        def attach_ended(leave):
            brief = self.create("true")
            conn, _ = self.api.attach(brief)
            self.api.start(brief)
            self.api.wait(brief)
            leave(conn)
            self.api.remove(brief)

        def websocket(leave):
            one = ws.WebSocket(self.daemon.sock, f"{prefix}/containers/{ref}/attach/ws", stream=1, stdin=1, stdout=1)
            one.send(ws.PING, b"x")
            leave(one.conn)

        def exec_(cmd, **config):
            def run(leave):
                leave(self.exec_(ref, cmd, **config)[1])
            return run

        def exec_ended(leave):
            _, conn, _ = self.exec_(ref, "true")
            conn.fill()
            leave(conn)
        return {
            "half a head": half_a_head,
            "attach, unanswered": attach_unanswered,
            "attach": attach(),
            "attach, output only": attach(stdin=0),
            "attach, before the start": attach_created,
            "attach, after the end": attach_ended,
            "attach with logs": attach(logs=1),
            "websocket": websocket,
            "exec, mid-stream": exec_("head -c 30000000 /dev/zero"),
            "exec, input not read": exec_("sleep 0.3", AttachStdin=True),
            "exec, waiting": exec_("cat", AttachStdin=True),
            "exec, after the end": exec_ended,
            "logs": get(f"/containers/{ref}/logs", follow=1, stdout=1),
            "logs, unanswered": get(f"/containers/{ref}/logs", read=False, follow=1, stdout=1),
            "events": get("/events"),
            "stats": get(f"/containers/{ref}/stats"),
            "stats, unanswered": get(f"/containers/{ref}/stats", read=False, stream=0),
            "archive": get(f"/containers/{ref}/archive", path="/"),
            "export": get(f"/containers/{ref}/export"),
            "wait": get(f"/containers/{ref}/wait", method="POST", body=b""),
            "archive in, half a body": lambda leave: leave(self.request(
                f"PUT {prefix}/containers/{ref}/archive?path=/tmp HTTP/1.1\r\nHost: x\r\n"
                "Content-Length: 100000\r\n\r\nhalf")),
            "load, half a body": lambda leave: leave(self.request(
                f"POST {prefix}/images/load HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
                "Content-Length: 100000\r\n\r\nhalf")),
        }

    def vanish(self, leave):
        before = self.steady()
        for run in self.cases().values():
            run(leave)
            run(leave)
        try:
            wait_for(lambda: self.no_more_than(before), 30)
        except AssertionError:
            blame = []
            for name, run in self.cases().items():
                was = self.steady()
                run(leave)
                time.sleep(2)
                if not self.no_more_than(was):
                    blame.append(f"{name}: {was} to {self.counts()}")
            self.fail(f"something is left behind: {before}, now {self.counts()}\n" + "\n".join(blame))
        self.assertTrue(self.api.inspect(self.ref)["State"]["Running"])

    @takes(150)
    def test_at_once(self):
        self.vanish(self.leave_at_once)

    @takes(150)
    def test_in_halves(self):
        self.vanish(self.leave_in_halves)

    @takes(150)
    def test_reading_some(self):
        self.vanish(self.leave_reading_some)

    @takes(150)
    def test_sending(self):
        self.vanish(self.leave_sending)
