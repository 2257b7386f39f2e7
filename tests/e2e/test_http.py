# SPDX-License-Identifier: Apache-2.0
"""HTTP as hostile or sloppy clients speak it: nothing is guessed, nothing hangs, nothing leaks over."""

import json
import os
import time

from harness.case import BB, CTX, E2E, not_oracle, takes, wait_for
from harness.rawhttp import Conn, ProtocolError

LAX = not_oracle("Go's server is laxer or words it otherwise")
PING = "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"


class Http(E2E):
    image = False

    def conn(self, timeout=10):
        conn = Conn(self.daemon.sock, timeout)
        self.addCleanup(conn.close)
        return conn

    def refused(self, data, statuses=(400,)):
        """The request gets one of these statuses (or the connection just ends) and nothing more."""
        conn = self.conn()
        conn.send_lossy(data)
        try:
            got = conn.response()
        except ProtocolError:
            got = None
        if got is not None:
            self.assertIn(got.status, statuses, got)
            self.assertTrue(conn.closed(), "the connection must not be used again")
        self.assertTrue(self.daemon.answers())
        return got


class TestSmuggling(Http):
    """Anything that two parsers could read in two ways is refused and the connection closed."""

    @LAX
    def test_length_and_chunked(self):
        self.refused("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + PING)

    def test_two_lengths(self):
        for second in ("6", "0", "5, 6"):
            self.refused("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                         f"Content-Length: {second}\r\n\r\nabcde" + PING)

    @LAX
    def test_bad_lengths(self):
        for value in ("-1", "+5", "0x5", "5 5", "", "99999999999999999999", "abc", "1e3"):
            with self.subTest(value=value):
                self.refused(f"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: {value}"
                             "\r\n\r\n", (400, 413))

    def test_bad_transfer_encodings(self):
        for value in ("gzip", "chunked, gzip", "identity", "xchunked", "chunked, chunked", "chunked\x0b"):
            with self.subTest(value=value):
                self.refused("POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                             f"{value}\r\n\r\n0\r\n\r\n" + PING, (400, 501))

    @LAX
    def test_bad_chunks(self):
        head = ("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\n\r\n")
        for body in ("zz\r\n", "-1\r\nx\r\n0\r\n\r\n", "ffffffffffffffff1\r\n", "2\r\n{}X\r\n0\r\n\r\n",
                     "\r\n\r\n", "0x2\r\n{}\r\n0\r\n\r\n", "1" * 5000 + "\r\n"):
            with self.subTest(body=body[:20]):
                self.refused(head + body)

    @LAX
    def test_bare_line_feeds(self):
        self.refused("GET /_ping HTTP/1.1\nHost: x\n\n")
        self.refused("GET /_ping HTTP/1.1\r\nHost: x\r\nA: b\rc: d\r\n\r\n")

    @LAX
    def test_bad_headers(self):
        for line in ("Bad Name: x", "NoColon", ": empty", "Name : space", " folded: x", "Nul: a\0b"):
            with self.subTest(line=line):
                self.refused(f"GET /_ping HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n")

    @LAX
    def test_obsolete_folding(self):
        self.refused("GET /_ping HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n")

    def test_bad_request_lines(self):
        for line in ("GET", "GET /_ping", "GET /_ping HTTP/9.9", "GET  /_ping HTTP/1.1", "\x16\x03\x01",
                     "GET /_ping HTTP/1.1 x", "G\0T /_ping HTTP/1.1", "GET /%zz HTTP/1.1",
                     "GET _ping HTTP/1.1"):
            with self.subTest(line=line):
                self.refused(f"{line}\r\nHost: x\r\n\r\n", (400, 404, 501, 505))

    def test_host_header(self):
        self.refused("GET /_ping HTTP/1.1\r\n\r\n")
        self.refused("GET /_ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")

    def test_nul_and_dots_in_the_path(self):
        for target in ("/containers/%00/json", "/containers/../../etc/passwd/json",
                       "/containers/%2e%2e%2f%2e%2e/json", "/images/..%2f..%2fetc/json"):
            conn = self.conn()
            conn.request("GET", target)
            self.assertIn(conn.response().status, (301, 400, 404, 500))


class TestLimits(Http):
    def test_long_request_line(self):
        got = self.refused("GET /" + "a" * 3_000_000 + " HTTP/1.1\r\nHost: x\r\n\r\n", (414, 431, 400))
        self.assertTrue(got is None or got.status in (414, 431, 400))

    def test_header_floods(self):
        for text in ("X: " + "y" * 3_000_000 + "\r\n",
                     "".join(f"X-{i}: y\r\n" for i in range(100_000))):
            self.refused("GET /_ping HTTP/1.1\r\nHost: x\r\n" + text + "\r\n", (431, 400))

    @LAX
    def test_body_over_the_limit(self):
        """JSON bodies are bounded: a 64 MB one is refused before it is read to the end."""
        conn = self.conn()
        conn.send("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  f"Content-Length: {64 << 20}\r\n\r\n")
        conn.send_lossy(b" " * (8 << 20))
        try:
            self.assertIn(conn.response().status, (400, 413))
        except ProtocolError:
            pass
        self.assertTrue(self.daemon.answers())

    @LAX
    def test_deep_json(self):
        body = "[" * 100_000
        got = self.api.post("/containers/create", body.encode(),
                            headers={"Content-Type": "application/json"})
        self.assertIn(got.status, (400, 413), got)

    @takes(90)
    @not_oracle("Go's server waits for ever")
    def test_slow_head(self):
        """One header byte at a time: the daemon gives up, and others are served meanwhile."""
        conn = self.conn(80)
        conn.send("GET /_ping HTTP/1.1\r\nHost:")
        began = time.monotonic()
        while time.monotonic() - began < 75:
            conn.sock.settimeout(1)
            try:
                if not conn.sock.recv(4096):
                    break
                continue        # a 408 may come first
            except TimeoutError:
                conn.send_lossy("x")
            except ConnectionResetError:
                break
            self.assertTrue(self.daemon.answers())
        self.assertLess(time.monotonic() - began, 70, "a slow client is never dropped")

    def test_slow_but_steady_body(self):
        conn = self.conn()
        body = json.dumps({"Image": "nothere"}).encode()
        conn.send("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n")
        for byte in body:
            conn.send(bytes([byte]))
            time.sleep(0.02)
        got = conn.response()
        self.assertEqual((got.status, got.message), (404, "No such image: nothere:latest"))

    def test_client_goes_away(self):
        """Half requests and half-read answers cost nothing that stays."""
        for text in ("", "G", "GET /_ping HTTP/1.1\r\n", "POST /containers/create HTTP/1.1\r\nHost: x\r\n"
                     "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
                     "POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
                     "GET /info HTTP/1.1\r\nHost: x\r\n\r\n" * 50):
            for _ in range(20):
                conn = Conn(self.daemon.sock)
                conn.send_lossy(text)
                conn.close()
        self.assertTrue(self.daemon.answers())
        if not CTX.is_oracle:
            wait_for(lambda: len(os.listdir(f"/proc/{self.daemon.pid}/fd")) < 60, 10, "descriptors closed")


class TestConnections(Http):
    def test_keep_alive(self):
        conn = self.conn()
        for _ in range(50):
            conn.request("GET", "/_ping")
            self.assertEqual(conn.response().body, b"OK")
            conn.request("GET", "/containers/nothere/json")
            self.assertEqual(conn.response().status, 404)

    def test_pipelining(self):
        conn = self.conn()
        conn.send((PING + "GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
                   "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                   "Content-Length: 2\r\n\r\n{}") * 10 + PING)
        for _ in range(10):
            self.assertEqual(conn.response().body, b"OK")
            self.assertIn("ApiVersion", conn.response().json())
            self.assertEqual(conn.response().status, 400)
        self.assertEqual(conn.response().body, b"OK")

    def test_connection_close(self):
        conn = self.conn()
        conn.request("GET", "/_ping", headers={"Connection": "close"})
        self.assertEqual(conn.response().body, b"OK")
        self.assertTrue(conn.closed())

    def test_http_1_0(self):
        conn = self.conn()
        conn.send("GET /_ping HTTP/1.0\r\n\r\n")
        got = conn.response()
        self.assertEqual((got.status, got.body), (200, b"OK"))
        self.assertTrue(conn.closed())

    def test_unread_body_does_not_become_a_request(self):
        """A route that takes no body, or does not exist, never runs what the body holds."""
        body = "DELETE /containers/x HTTP/1.1\r\nHost: x\r\n\r\n"
        for target in ("/nonsense", "/containers/nothere/start"):
            conn = self.conn()
            conn.request("POST", target, body, {"Content-Type": "application/json"})
            self.assertIn(conn.response().status, (404, 400))
            try:
                conn.request("GET", "/_ping")
                got = conn.response()
            except (ProtocolError, OSError):
                continue        # closing is as good
            self.assertEqual(got.body, b"OK")

    @not_oracle("reads less of it")
    def test_answer_before_the_body_is_read(self):
        """Who sends all of a large body first finds the answer afterwards."""
        size = 8 << 20
        conn = self.conn()
        conn.send(f"POST /nonsense HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n")
        conn.send(bytes(size))
        self.assertEqual(conn.response().status, 404)

    def test_expect_continue(self):
        conn = self.conn()
        body = json.dumps({"Image": "nothere"})
        conn.send("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(conn.head().status, 100)
        conn.send(body)
        self.assertEqual(conn.response().status, 404)

    @LAX
    def test_expect_something_else(self):
        got = self.refused("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                           "Expect: miracles\r\n\r\n{}", (417, 400))
        self.assertIsNotNone(got)

    def test_half_close_after_the_request(self):
        conn = self.conn()
        conn.send(PING)
        conn.half_close()
        self.assertEqual(conn.response().body, b"OK")

    def test_case_and_space(self):
        conn = self.conn()
        conn.send("GET /_ping HTTP/1.1\r\nhOST:x\r\nCONNECTION:   keep-alive  \r\nX:\t\r\n\r\n")
        self.assertEqual(conn.response().body, b"OK")

    def test_percent_encoded_path(self):
        conn = self.conn()
        conn.send("GET /%5Fping HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(conn.response().body, b"OK")


class TestBodies(Http):
    def create(self, body, kind="application/json"):
        return self.api.post("/containers/create", body, headers={"Content-Type": kind} if kind else {})

    @not_oracle("worded otherwise before 1.47")
    def test_wrong_content_type(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
            got = self.create(b'{"Image":"x"}', kind)
            self.assertEqual(got.status, 400)
            self.assertEqual(got.message, f"unsupported Content-Type header ({kind}): must be "
                                          "'application/json'")

    def test_content_type_with_parameters(self):
        for kind in ("application/json; charset=utf-8", "application/json;charset=UTF-8"):
            self.assertEqual(self.create(b'{"Image":"nothere"}', kind).status, 404)

    @not_oracle("worded otherwise before 1.42")
    def test_bad_json(self):
        for body in (b"{", b'{"Image":', b"{'Image':'x'}", b'{"Image":"x",}', b"nul", b'{"Image":"\x01"}',
                     b'{"Image":1}', b'{"Image":"\\ud800x', b'{"Cmd":{"a":1}}', b"\xff\xfe{}"):
            with self.subTest(body=body):
                got = self.create(body)
                self.assertEqual(got.status, 400, got)
                self.assertTrue(got.message.startswith("invalid JSON: "), got)

    @not_oracle("worded otherwise before 1.42")
    def test_json_then_more(self):
        for body in (b'{"Image":"x"} {"Image":"y"}', b'{"Image":"x"} x'):
            got = self.create(body)
            self.assertEqual((got.status, got.message), (400, "unexpected content after JSON"))

    @not_oracle("worded otherwise before 1.42")
    def test_no_body(self):
        got = self.api.post("/containers/create", b"", headers={"Content-Type": "application/json"})
        self.assertEqual((got.status, got.message),
                         (400, "invalid JSON: got EOF while reading request body"))

    def test_keys_in_any_case_and_unknown_keys(self):
        self.load_base(self.api)
        got = self.create(json.dumps({"IMAGE": BB, "cmd": ["true"], "NoSuchKey": {"a": [1, None]},
                                      "hostconfig": {"networkmode": "none"}}).encode())
        self.assertEqual(got.status, 201, got)
        info = self.api.inspect(got.json()["Id"])
        self.assertEqual(info["Config"]["Cmd"], ["true"])
        self.assertEqual(info["HostConfig"]["NetworkMode"], "none")

    def test_unicode(self):
        self.load_base(self.api)
        text = "grüße \u0001 \U0001f433 <&>\u2028\"\\"
        ref = self.api.create(BB, ["echo", text], Labels={"k": text})
        got = self.api.inspect(ref)
        self.assertEqual(got["Config"]["Cmd"][1], text)
        self.assertEqual(got["Config"]["Labels"]["k"], text)
        self.api.start(ref)
        self.api.wait(ref)
        self.assertEqual(self.api.logs(ref)[0].decode(), text + "\n")

    def test_chunked_body(self):
        body = json.dumps({"Image": "nothere"}).encode()
        conn = self.conn()
        conn.request("POST", "/containers/create", (body[i:i + 1] for i in range(len(body))),
                     {"Content-Type": "application/json"})
        self.assertEqual(conn.response().status, 404)

    def test_chunk_extensions_and_trailers(self):
        conn = self.conn()
        conn.send("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n13;ext=1\r\n{\"Image\":\"nothere\"}\r\n"
                  "0\r\nTrailer: x\r\n\r\n" + PING)
        self.assertEqual(conn.response().status, 404)
        self.assertEqual(conn.response().body, b"OK")
