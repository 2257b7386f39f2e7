# SPDX-License-Identifier: Apache-2.0
"""Input sent right behind an attach or an exec start, before the answer is there: every byte arrives, in order."""

import hashlib
import json
import random
import threading

from harness import ws
from harness.api import demux
from harness.case import CTX, E2E, not_oracle, takes
from harness.rawhttp import Conn

UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
SIZES = (1, 1000, 15000, 16383, 16384, 16385, 20000, 65536, 1 << 20)


def noise(n):
    """Bytes that no terminal or framing could pass by chance."""
    return random.Random(n).randbytes(n)


@not_oracle("it loses what its HTTP server has read ahead")
class TestPipelined(E2E):
    def exchange(self, head, body, data, during=None, end=True):
        """Send all of it at once, end the input, and return the answer's head and what follows."""
        conn = Conn(self.daemon.sock, 30)
        self.addCleanup(conn.close)

        def push():
            conn.send(head.encode() + body + data)
            if end:
                conn.half_close()

        sender = threading.Thread(target=push)
        sender.start()
        answer = conn.head()
        if during:
            during()
        rest = conn.rest()
        sender.join()
        return answer, rest

    def sums(self, data, rest):
        out, err = demux(rest)
        self.assertEqual((out.decode().split()[:1], err), ([hashlib.sha256(data).hexdigest()], b""), rest[:300])

    @takes(180)
    def test_attach(self):
        for upgrade in (UPGRADE, ""):
            for n in SIZES:
                with self.subTest(n=n, upgrade=bool(upgrade)):
                    data = noise(n)
                    ref = self.create("sha256sum", OpenStdin=True, StdinOnce=True, AttachStdin=True)
                    head = (f"POST /v{CTX.api}/containers/{ref}/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n"
                            f"Host: d\r\n{upgrade}\r\n")
                    answer, rest = self.exchange(head, b"", data, lambda: self.api.start(ref))
                    self.assertEqual(answer.status, 101 if upgrade else 200)
                    self.sums(data, rest)
                    self.api.remove(ref)

    @takes(180)
    def test_running(self):
        """The container reads already when the client comes."""
        for n in SIZES:
            with self.subTest(n=n):
                data = noise(n)
                ref = self.run_("sha256sum", OpenStdin=True, StdinOnce=True, AttachStdin=True)
                head = (f"POST /v{CTX.api}/containers/{ref}/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n"
                        f"Host: d\r\n{UPGRADE}\r\n")
                answer, rest = self.exchange(head, b"", data)
                self.assertEqual(answer.status, 101)
                self.sums(data, rest)
                self.api.remove(ref)

    @takes(180)
    def test_exec(self):
        ref = self.run_()
        for chunked in (False, True):
            for n in SIZES:
                with self.subTest(n=n, chunked=chunked):
                    data = noise(n)
                    one = self.api.ok("POST", f"/containers/{ref}/exec",
                                      {"Cmd": ["sha256sum"], "AttachStdin": True, "AttachStdout": True,
                                       "AttachStderr": True})["Id"]
                    body = json.dumps({"Detach": False, "Tty": False}).encode()
                    length = f"Content-Length: {len(body)}"
                    if chunked:
                        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
                        length = "Transfer-Encoding: chunked"
                    head = (f"POST /v{CTX.api}/exec/{one}/start HTTP/1.1\r\nHost: d\r\n{UPGRADE}"
                            f"Content-Type: application/json\r\n{length}\r\n\r\n")
                    answer, rest = self.exchange(head, body, data)
                    self.assertEqual(answer.status, 101)
                    self.sums(data, rest)

    @takes(180)
    def test_terminal(self):
        """The detach keys are looked for in what came early, too."""
        for n in SIZES:
            with self.subTest(n=n):
                data = noise(n).replace(b"\x10", b"-")
                ref = self.run_(f"stty raw -echo; echo ready; head -c {n} | sha256sum", Tty=True, OpenStdin=True)
                self.logged(ref, "ready")
                head = (f"POST /v{CTX.api}/containers/{ref}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n"
                        f"Host: d\r\n{UPGRADE}\r\n")
                answer, rest = self.exchange(head, b"", data, end=False)
                self.assertEqual(answer.status, 101)
                self.assertEqual(rest.split()[:1], [hashlib.sha256(data).hexdigest().encode()], rest[:300])
                self.api.remove(ref)

    @takes(180)
    def test_websocket(self):
        for n in SIZES:
            with self.subTest(n=n):
                data = noise(n)
                ref = self.run_(f"head -c {n} | sha256sum", OpenStdin=True)
                head = (f"GET /v{CTX.api}/containers/{ref}/attach/ws?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
                        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
                framed = b"".join(ws.frame(ws.BINARY, data[i:i + 30000]) for i in range(0, n, 30000))
                answer, rest = self.exchange(head, b"", framed, end=False)
                self.assertEqual(answer.status, 101)
                self.assertIn(hashlib.sha256(data).hexdigest().encode(), rest)
                self.api.remove(ref)
