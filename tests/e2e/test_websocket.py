# SPDX-License-Identifier: Apache-2.0
"""Attaching over a websocket: handshake, frames, closing, and real clients."""

import socket
import struct
import threading
import time

import docker
import websocket

from harness import ws
from harness.case import CTX, E2E, Api, images, not_oracle, takes, wait_for
from harness.rawhttp import Conn
from harness.ws import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocket

STDIN = {"OpenStdin": True, "StdinOnce": True, "AttachStdin": True}


class Ws(E2E):
    def open(self, ref, version=None, headers=(), drop=(), **parts):
        parts = dict(dict(stream=1, stdin=1, stdout=1, stderr=1), **parts)
        prefix = Api(self.daemon.sock, version).prefix if version != "" else ""
        got = WebSocket(self.daemon.sock, f"{prefix}/containers/{ref}/attach/ws", headers=headers,
                        drop=drop, **parts)
        self.addCleanup(got.close)
        return got

    def pair(self, cmd, **config):
        """A running container that waits for a line of input, and a session on it."""
        ref = self.create(cmd, **config)
        self.api.start(ref)
        return ref, self.open(ref)


class TestHandshake(Ws):
    def test_good(self):
        ref = self.run_()
        got = self.open(ref)
        self.assertTrue(got.accepted)
        self.assertEqual(got.head.reason, "Switching Protocols")
        self.assertEqual(got.head.headers["upgrade"], "websocket")
        self.assertEqual(got.head.headers["connection"].lower(), "upgrade")
        self.assertNotIn("sec-websocket-extensions", got.head.headers)
        self.assertNotIn("sec-websocket-protocol", got.head.headers)
        for headers in ({"Connection": "keep-alive, upgrade"}, {"Upgrade": "WebSocket"},
                        {"Sec-WebSocket-Extensions": "permessage-deflate"}, {"Origin": "http://a"}):
            with self.subTest(**headers):
                got = self.open(ref, headers=headers)
                self.assertTrue(got.accepted, got.head)
                self.assertNotIn("sec-websocket-extensions", got.head.headers)
        got = self.open(ref, headers={"Sec-WebSocket-Protocol": "binary"})
        self.assertEqual(got.head.headers["sec-websocket-protocol"], "binary")

    @not_oracle("it never answers a bad one")
    def test_bad(self):
        ref = self.run_()
        cases = [({}, ("Upgrade",), 400), ({}, ("Connection",), 400), ({"Upgrade": "tcp"}, (), 400),
                 ({}, ("Sec-WebSocket-Key",), 400), ({"Sec-WebSocket-Key": "short"}, (), 400),
                 ({"Sec-WebSocket-Key": "*" * 22 + "=="}, (), 400), ({}, ("Sec-WebSocket-Version",), 426),
                 ({"Sec-WebSocket-Version": "8"}, (), 426), ({"Content-Length": "1"}, (), 400),
                 ({"Sec-WebSocket-Protocol": "a b"}, (), 400)]
        for headers, drop, status in cases:
            with self.subTest(headers=headers, drop=drop):
                got = self.open(ref, headers=headers, drop=drop)
                self.assertEqual(got.head.status, status)
                self.assertEqual(got.head.headers["content-type"], "application/json")
                if status == 426:
                    self.assertEqual(got.head.headers["sec-websocket-version"], "13")

    def test_errors_before_it(self):
        got = self.open("nothere")
        self.assertEqual(got.head.status, 404)
        ref = self.create(Tty=True)
        got = self.open(ref, detachKeys="nonsense-key")
        self.assertEqual(got.head.status, 400)
        ref = self.run_()
        self.api.ok("POST", f"/containers/{ref}/pause")
        got = self.open(ref)
        self.assertEqual(got.head.status, 409)
        got = self.conn_message(got)
        self.assertIn(f"container {ref} is paused, unpause the container before attach", got)
        self.api.ok("POST", f"/containers/{ref}/unpause")

    def conn_message(self, session):
        n = int(session.head.headers["content-length"])
        return session.conn.exactly(n).decode()

    @not_oracle("it has GET alone, and says otherwise")
    def test_only_get(self):
        ref = self.run_()
        got = self.api.post(f"/containers/{ref}/attach/ws")
        self.assertEqual((got.status, got.message), (404, "page not found"))


class TestFrames(Ws):
    def test_output_is_not_framed(self):
        """Neither stdcopy heads nor a difference between the streams."""
        ref, got = self.pair("read x; echo out; echo err >&2; sleep 0.2", OpenStdin=True)
        got.send(BINARY, b"\n")
        data, code = got.rest()
        self.assertEqual(sorted(data.split()), [b"err", b"out"])
        self.assertEqual(code, 1000 if not CTX.is_oracle else code)

    def test_opcode_by_version(self):
        ref = self.run_("while read x; do echo got $x; done", OpenStdin=True)
        versions = [("1.27", TEXT), ("1.28", BINARY), (None, BINARY), ("", BINARY)]
        for version, opcode in versions:
            with self.subTest(version=version):
                got = self.open(ref, version)
                got.send(TEXT, b"a line\n")
                self.assertEqual(got.recv(), (opcode, b"got a line\n"))
                got.close()

    def test_streams_are_chosen_since_1_42(self):
        def output(version, **parts):
            ref = self.create("read x; echo out; echo err >&2; sleep 0.2", OpenStdin=True)
            self.api.start(ref)
            got = self.open(ref, version, stream=1, **parts)
            other, _ = self.api.attach(ref)
            other.send(b"\n")
            other.close()
            return sorted(got.rest()[0].split())
        self.assertEqual(output("1.41", stdout=0, stderr=0), [b"err", b"out"])
        if not CTX.is_oracle:
            self.assertEqual(output("1.42", stdout=1, stderr=0), [b"out"])
            self.assertEqual(output(None, stdout=0, stderr=1), [b"err"])
            self.assertEqual(output(None, stdout=0, stderr=0), [])

    def test_stdin_is_chosen_too(self):
        ref = self.create("while read x; do echo got $x; done", OpenStdin=True)
        self.api.start(ref)
        if not CTX.is_oracle:
            deaf = self.open(ref, stdin=0)
            deaf.send(BINARY, b"not me\n")
        heard = self.open(ref, "1.41", stdin=0)
        heard.send(BINARY, b"me\n")
        self.assertEqual(heard.read_for(b"me\n"), b"got me\n")

    def test_fragments_and_sizes(self):
        ref, got = self.pair("sha256sum", **STDIN)
        data = bytes(range(256)) * 1200
        got.send(BINARY, data[:3], final=False)
        got.send(CONTINUATION, data[3:3], final=False)
        got.send(PING, b"between")
        got.send(CONTINUATION, data[3:130], final=False, mask=b"\0\0\0\0")
        got.send(CONTINUATION, data[130:700])
        got.send(TEXT, data[700:701])
        for byte in ws.frame(BINARY, data[701:901]):
            got.conn.send(bytes([byte]))
        got.send(BINARY, data[901:])
        got.send(CLOSE, struct.pack(">H", 1000))
        said = []
        while True:
            one = got.recv()
            if one is None or one[0] == CLOSE:
                break
            said.append(one)
        self.assertIn((PONG, b"between"), said)
        out = b"".join(d for op, d in said if op == BINARY)
        self.assertEqual(out.split()[0].decode(), images.digest(data)[7:])
        self.assertEqual(self.api.wait(ref), 0)

    def test_pings(self):
        for config, parts in (({"OpenStdin": True}, {}), ({}, {}), ({"Tty": True}, {}), ({}, {"stdin": 0})):
            with self.subTest(config=config, parts=parts):
                if CTX.is_oracle and not config.get("OpenStdin"):
                    continue        # it reads nothing then
                ref = self.run_("sleep 1000", **config)
                got = self.open(ref, **parts)
                got.send(PING, b"hello")
                self.assertEqual(got.recv(), (PONG, b"hello"))
                got.send(PONG, b"unasked")
                got.send(PING, b"")
                self.assertEqual(got.recv(), (PONG, b""))
                got.send(PING, b"x" * 125)
                self.assertEqual(got.recv(), (PONG, b"x" * 125))

    @not_oracle("it writes its pongs before it reads on")
    def test_pings_amid_output(self):
        """A pong stands between two frames and tears none."""
        ref, got = self.pair("read x; head -c 3000000 /dev/zero | tr '\\0' 'k'; echo; echo end; cat >/dev/null",
                             OpenStdin=True)
        got.send(BINARY, b"\n")
        seen, pongs = 0, 0
        for i in range(2000):
            got.conn.send_lossy(ws.frame(PING, b"%d" % i))
            one = got.recv()
            pongs += one[0] == PONG
            if one[0] == BINARY:
                seen += len(one[1])
                if one[1].endswith(b"end\n"):
                    break
        self.assertEqual(seen, 3000005)
        while not pongs:
            pongs += got.recv()[0] == PONG

    @not_oracle("it is laxer")
    def test_refused(self):
        ref = self.run_("cat >/dev/null", OpenStdin=True)
        cases = {
            "unmasked": (ws.frame(BINARY, b"x", mask=None), 1002),
            "reserved bit": (ws.frame(BINARY, b"x", reserved=4), 1002),
            "unknown opcode": (ws.frame(3, b"x"), 1002),
            "unknown control opcode": (ws.frame(11, b"x"), 1002),
            "long ping": (ws.frame(PING, b"x" * 126), 1002),
            "fragmented ping": (ws.frame(PING, b"x", final=False), 1002),
            "continuation of nothing": (ws.frame(CONTINUATION, b"x"), 1002),
            "message in a message": (ws.frame(BINARY, b"x", final=False) + ws.frame(BINARY, b"y"), 1002),
            "length too long for its value": (ws.frame(BINARY, b"x", size=2), 1002),
            "8-byte length for a small one": (ws.frame(BINARY, b"x", size=8), 1002),
            "negative length": (ws.frame(BINARY, b"", length=1 << 63, size=8), 1002),
            "oversized": (ws.frame(BINARY, b"", length=1 << 50, size=8), 1009),
            "close of one byte": (ws.frame(CLOSE, b"x"), 1002),
            "close code 1005": (ws.frame(CLOSE, struct.pack(">H", 1005)), 1002),
            "close code 999": (ws.frame(CLOSE, struct.pack(">H", 999)), 1002),
        }
        for name, (data, code) in cases.items():
            with self.subTest(name):
                got = self.open(ref)
                got.conn.send(data)
                self.assertEqual(got.rest(), (b"", code))
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])

    @not_oracle("it is laxer")
    def test_what_came_before_a_breach_counts(self):
        ref, got = self.pair("read x; echo got $x > /seen; sleep 1000", OpenStdin=True)
        got.conn.send(ws.frame(BINARY, b"good\n") + ws.frame(3, b"bad"))
        self.assertEqual(got.rest()[1], 1002)
        wait_for(lambda: self.docker("exec", ref, "cat", "/seen").out == "got good\n", 5, "the input")

    @takes(90)
    def test_much_both_ways(self):
        ref, got = self.pair("cat", **STDIN)
        got.conn.sock.settimeout(60)
        data = bytes(range(251)) * 40000

        def feed():
            for at in range(0, len(data), 70000):
                got.send(BINARY, data[at:at + 70000])
            got.send(CLOSE, struct.pack(">H", 1000))
        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        back, code = got.rest()
        self.assertEqual(len(back), len(data))
        self.assertEqual(back, data)
        thread.join(5)


class TestClosing(Ws):
    def test_close_is_the_end_of_input(self):
        """With StdinOnce the container's input ends, and output goes on to the exit."""
        ref, got = self.pair("wc -c; sleep 0.5; echo late", **STDIN)
        got.send(BINARY, b"12345")
        got.send(CLOSE, struct.pack(">H", 1000))
        data, code = got.rest()
        self.assertEqual(data, b"5\nlate\n")
        if not CTX.is_oracle:
            self.assertEqual(code, 1000)
        self.assertEqual(self.api.wait(ref), 0)

    def test_half_close_is_the_end_of_input_too(self):
        ref, got = self.pair("wc -c; sleep 0.5; echo late", **STDIN)
        got.send(BINARY, b"12345")
        got.conn.half_close()
        self.assertEqual(got.rest()[0], b"5\nlate\n")

    @not_oracle("it does not answer")
    def test_close_ends_the_session(self):
        """Where it is not the container's end of input, it is answered and nothing else happens."""
        for config, parts in (({"OpenStdin": True}, {}), ({}, {}), ({"Tty": True, "OpenStdin": True}, {}),
                              (STDIN, {"stdin": 0})):
            with self.subTest(config=config, parts=parts):
                ref = self.run_("sleep 1000", **config)
                got = self.open(ref, **parts)
                got.send(CLOSE, struct.pack(">H", 3000) + b"because")
                self.assertEqual(got.rest(), (b"", 3000))
                self.assertTrue(self.api.inspect(ref)["State"]["Running"])
        got = self.open(ref, stdin=0)
        got.send(CLOSE)
        self.assertEqual(got.rest(), (b"", 1000))

    def test_input_after_a_close_is_ignored(self):
        ref, got = self.pair("cat; echo done", **STDIN)
        got.conn.send(ws.frame(BINARY, b"one\n") + ws.frame(CLOSE, struct.pack(">H", 1000))
                      + ws.frame(BINARY, b"two\n"))
        self.assertEqual(got.rest()[0], b"one\ndone\n")

    def test_detach_keys(self):
        ref = self.run_("stty raw -echo; echo up; cat", Tty=True, OpenStdin=True)
        self.logged(ref, "up")
        got = self.open(ref, detachKeys="ctrl-a,b")
        got.send(BINARY, b"\x01x")
        self.assertEqual(got.read_for(b"x"), b"\x01x")
        got.send(BINARY, b"\x01")
        got.send(BINARY, b"b")
        got.rest()
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])

    def test_before_the_start(self):
        ref = self.create("cat; echo done", **STDIN)
        got = self.open(ref)
        self.assertTrue(got.accepted)
        got.send(BINARY, b"early\n")
        got.send(CLOSE, struct.pack(">H", 1000))
        self.api.start(ref)
        self.assertEqual(got.rest()[0], b"early\ndone\n")

    @not_oracle("it loses them")
    def test_request_and_frames_in_one_packet(self):
        ref = self.create("cat; echo done", **STDIN)
        self.api.start(ref)
        conn = Conn(self.daemon.sock)
        self.addCleanup(conn.close)
        conn.send(f"GET /containers/{ref}/attach/ws?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n"
                  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
                  + ws.frame(BINARY, b"glued\n") + ws.frame(PING, b"p") + ws.frame(CLOSE))
        head = conn.head()
        self.assertEqual(head.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        rest = conn.rest()
        self.assertIn(b"\x8a\x01p", rest)
        self.assertIn(b"glued\n", rest)
        self.assertTrue(rest.endswith(b"done\n\x88\x02\x03\xe8"), rest)

    def test_logs(self):
        ref = self.run_("echo a; echo b >&2; echo c")
        self.api.wait(ref)
        got = self.open(ref, logs=1, stream=0)
        data, code = got.rest()
        self.assertEqual(sorted(data.split()), [b"a", b"b", b"c"])
        if not CTX.is_oracle:
            self.assertEqual(code, 1000)
        ref = self.run_("echo old; while read x; do echo got $x; done", OpenStdin=True)
        self.logged(ref, "old")
        got = self.open(ref, logs=1)
        got.read_for(b"old\n")
        got.send(BINARY, b"new\n")
        got.read_for(b"got new\n")

    @not_oracle("it keeps the connection")
    def test_container_removed(self):
        ref = self.create()
        got = self.open(ref)
        self.api.remove(ref)
        data, code = got.rest()
        self.assertEqual(data, b"")
        if not CTX.is_oracle:
            self.assertEqual(code, 1000)

    @not_oracle("the others hang")
    def test_vanishing(self):
        """A client that goes without a word leaves the container and the others alone."""
        ref = self.run_("while read x; do echo got $x; done", OpenStdin=True)
        other = self.open(ref)
        for how in range(3):
            got = self.open(ref)
            got.conn.send(ws.frame(BINARY, b"x" * 1000)[:[3, 700, 1008][how]])
            got.close()
        other.send(BINARY, b"\n")
        other.send(BINARY, b"still here\n")
        other.read_for(b"got still here\n")


class Forwarder:
    """A TCP port in front of the daemon's socket, for clients that know no other."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            other = socket.socket(socket.AF_UNIX)
            other.connect(self.target)
            for pair in ((one, other), (other, one)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()

    def close(self):
        self.listener.close()


class TestClients(Ws):
    def test_websocket_client(self):
        ref = self.run_("while read x; do echo got $x; done", OpenStdin=True)
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(30)
        sock.connect(self.daemon.sock)
        got = websocket.create_connection(
            f"ws://docker{self.api.prefix}/containers/{ref}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1",
            socket=sock)
        self.addCleanup(sock.close)
        got.send("text\n")
        self.assertEqual(got.recv(), b"got text\n")
        got.send_binary(b"binary\n")
        self.assertEqual(got.recv(), b"got binary\n")
        got.ping("are you there")
        opcode, frame = got.recv_data_frame(control_frame=True)
        self.assertEqual((opcode, frame.data), (PONG, b"are you there"))
        began = time.monotonic()
        got.close(timeout=60)
        if not CTX.is_oracle:
            self.assertLess(time.monotonic() - began, 50)       # it waits so long for an answer

    def test_docker_py(self):
        front = Forwarder(self.daemon.sock)
        self.addCleanup(front.close)
        py = docker.APIClient(base_url=f"tcp://127.0.0.1:{front.port}", version="auto", timeout=30)
        self.addCleanup(py.close)
        ref = self.run_("while read x; do echo got $x; done", OpenStdin=True)
        got = py.attach_socket(ref, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}, ws=True)
        got.settimeout(30)
        got.send("from py\n")
        said = got.recv()
        said = said.encode() if isinstance(said, str) else said
        self.assertEqual(said, b"got from py\n")
        got.close()
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])

    def test_beside_other_clients(self):
        ref = self.create("while read x; do echo got $x; echo err $x >&2; done", OpenStdin=True)
        plain = [self.api.attach(ref)[0] for _ in range(3)]
        sockets = [self.open(ref) for _ in range(3)]
        self.api.start(ref)
        for i, one in enumerate(sockets):
            one.send(BINARY, b"from %d\n" % i)
            for conn in plain:
                conn.read_for(b"err from %d\n" % i)
            for other in sockets:
                other.read_for(b"err from %d\n" % i)
        for conn in plain:
            conn.close()
