# SPDX-License-Identifier: Apache-2.0
"""Far more clients than the daemon is built for: no crash, no growth, and the vital calls answered."""

import os
import re
import resource
import selectors
import socket
import subprocess
import time

from harness.case import CTX, E2E, not_oracle, takes, wait_for
from harness.rawhttp import ProtocolError, request

CLIENTS = 2000


def printed_ceiling():
    """Bytes that `serind limits` gives as its sum."""
    text = subprocess.run([CTX.serind, "limits"], capture_output=True, timeout=10).stdout.decode()
    units = {"": 1, "b": 1, "bytes": 1, "k": 1 << 10, "kib": 1 << 10, "kb": 1 << 10, "m": 1 << 20, "mib": 1 << 20,
             "mb": 1 << 20}
    for line in text.splitlines():
        if re.search(r"\b(sum|total|ceiling)\b", line, re.I):
            found = re.findall(r"(\d+(?:\.\d+)?)\s*([KkMm]i?[Bb]?|bytes|[Bb])?\b", line.replace(",", ""))
            if found:
                return max(int(float(number) * units[(unit or "").lower()]) for number, unit in found)
    raise AssertionError(f"no sum in what `limits` prints:\n{text}")


class Crowd:
    """Many connections at once, each with some bytes sent; collects what comes back."""

    def __init__(self, path, texts):
        self.selector = selectors.DefaultSelector()
        self.answers, self.socks, self.refused = {}, [], 0
        for text in texts:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(5)
            try:
                sock.connect(path)
                if text:
                    sock.sendall(text)
            except OSError:
                self.refused += 1
                sock.close()
                continue
            sock.setblocking(False)
            self.socks.append(sock)
            self.answers[sock] = b""
            self.selector.register(sock, selectors.EVENT_READ)

    def collect(self, seconds, enough=None):
        """Read what comes within the time; or, in a longer time, until it is enough."""
        end = time.monotonic() + (seconds * CTX.slow if enough else seconds)
        while time.monotonic() < end and self.selector.get_map():
            if enough and enough(self.answers.values()):
                break
            for key, _ in self.selector.select(0.2):
                sock = key.fileobj
                try:
                    data = sock.recv(65536)
                except OSError:
                    data = b""
                if data:
                    self.answers[sock] += data
                else:
                    self.selector.unregister(sock)
        return list(self.answers.values())

    def close(self):
        for sock in self.socks:
            sock.close()
        self.selector.close()


@not_oracle("it has no limits")
class TestCrowd(E2E):
    time_limit = 120

    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        super().setUpClass()

    def setUp(self):
        self.ref = self.run_("sleep 1000", name="vital")
        self.ceiling = printed_ceiling()
        self.peak = 0

    def crowd(self, texts):
        crowd = Crowd(self.daemon.sock, texts)
        self.addCleanup(crowd.close)
        self.watch()
        return crowd

    def watch(self):
        self.peak = max(self.peak, self.daemon.rss())
        self.assertLess(self.daemon.rss(), self.ceiling, "resident set above what `limits` prints")

    def test_a_refused_start_does_not_remove(self):
        """No room to start it now is no reason to remove what is to go when it ends."""
        ref = self.create("sleep 1000", HostConfig={"AutoRemove": True})
        crowd = self.crowd([b"GET /v1.51/events HTTP/1.1\r\nHost: x\r\n\r\n"] * 300)
        crowd.collect(0.5)
        seen = set()
        while True:
            try:
                seen.add(request(self.daemon.sock, "POST", f"/containers/{ref}/start", timeout=20).status)
            except (OSError, ProtocolError):
                pass
            if 204 in seen or not crowd.socks:
                break
            crowd.socks.pop().close()
        self.assertLessEqual(seen, {503, 204})
        wait_for(lambda: self.api.get(f"/containers/{ref}/json").status == 200, 5, "still there")
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])

    def vital(self):
        """ping, inspect and kill get through, each within a few seconds."""
        def got(method, path, want):
            try:
                return request(self.daemon.sock, method, path, timeout=5).status in want
            except (OSError, ProtocolError):
                return False
        wait_for(lambda: got("GET", "/_ping", (200,)), 20, "ping answered")
        wait_for(lambda: got("GET", "/containers/vital/json", (200,)), 20, "inspect answered")
        wait_for(lambda: got("POST", "/containers/vital/kill?signal=CONT", (204,)), 20, "kill answered")
        self.watch()

    def calm(self):
        """After the crowd has gone all is as before."""
        def well():
            try:
                return (self.api.get("/containers/json", timeout=5).status == 200
                        and len(os.listdir(f"/proc/{self.daemon.pid}/fd")) < 80)
            except (OSError, ProtocolError):
                return False
        wait_for(well, 30, "normal again")
        self.assertEqual(self.says("echo calm"), "calm")
        self.watch()

    def test_long_requests(self):
        """2,000 requests that stay: those beyond the pool get 503 and Retry-After, ping is answered."""
        text = (f"POST /v1.51/containers/{self.ref}/wait?condition=next-exit HTTP/1.1\r\nHost: x\r\n"
                "Content-Length: 0\r\n\r\n").encode()
        crowd = self.crowd([text] * CLIENTS)
        answers = crowd.collect(8, all)
        self.watch()
        full = [a for a in answers if a.startswith(b"HTTP/1.1 503 ")]
        waiting = [a for a in answers if a.startswith(b"HTTP/1.1 200 ")]
        self.assertGreater(len(waiting), 50)
        self.assertGreater(len(full) + crowd.refused, CLIENTS - 600)
        self.assertGreater(len(full), 0)
        for one in full:
            self.assertRegex(one, rb"(?i)\r\nretry-after: \d+\r\n")
            self.assertIn(b'{"message":"', one)
        self.vital()
        # Those that got in are served to the end.
        self.api.ok("POST", "/containers/vital/kill", timeout=10)
        def ended(answers):
            return sum(b'"StatusCode":137' in a for a in answers)
        answers = crowd.collect(5, lambda answers: ended(answers) >= len(waiting))
        self.assertEqual(ended(answers), len(waiting))
        crowd.close()
        self.calm()

    def test_silent_clients(self):
        crowd = self.crowd([b""] * CLIENTS)
        self.vital()
        crowd.collect(2)
        self.vital()
        crowd.close()
        self.calm()

    def test_half_requests(self):
        crowd = self.crowd([b"GET /_ping HTTP/1.1\r\nHost: x\r\nX-Half: "] * CLIENTS)
        self.vital()
        crowd.close()
        self.calm()

    def test_half_bodies(self):
        text = (b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 60000\r\n\r\n" + b" " * 30000)
        crowd = self.crowd([text] * CLIENTS)
        self.vital()
        crowd.close()
        self.calm()

    def test_unread_answers(self):
        """Clients that ask for much and read nothing."""
        text = b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n" * 200
        crowd = self.crowd([])
        crowd.close()
        socks = []
        for _ in range(400):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(0.2)
            try:
                sock.connect(self.daemon.sock)
                sock.sendall(text)
            except OSError:
                pass
            socks.append(sock)
        self.watch()
        self.vital()
        for sock in socks:
            sock.close()
        self.calm()

    def test_log_followers(self):
        ref = self.run_("while :; do echo tick; sleep 0.2; done", name="ticker")
        text = f"GET /v1.51/containers/{ref}/logs?follow=1&stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        crowd = self.crowd([text] * CLIENTS)
        answers = crowd.collect(5, lambda answers: sum(b"tick" in a for a in answers) > 30)
        self.watch()
        self.assertGreater(len([a for a in answers if b"tick" in a]), 30)
        self.vital()
        crowd.close()
        self.calm()

    def test_many_attached(self):
        """Attached clients are handed to the shim: they do not use up the daemon."""
        ref = self.run_("sleep 3; while :; do echo tick; sleep 0.3; done", name="ticker")
        text = (f"POST /v1.51/containers/{ref}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\n"
                "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n").encode()
        crowd = self.crowd([text] * 100)
        answers = crowd.collect(5, lambda answers: sum(b"tick" in a for a in answers) > 15)
        served = [a for a in answers if a.startswith(b"HTTP/1.1 101 ") and b"tick" in a]
        self.assertGreater(len(served), 15, answers[:2])
        self.vital()
        crowd.close()
        self.calm()

    def test_waves(self):
        """Again and again: the resident set does not creep up."""
        sizes = []
        for _ in range(6):
            crowd = Crowd(self.daemon.sock, [b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n"] * 800)
            crowd.collect(1)
            crowd.close()
            self.watch()
            sizes.append(self.daemon.rss())
        # Each wave leaves some of its pages until they are needed; what counts is no trend.
        self.assertLess(min(sizes[3:]), max(sizes[:3]) + (1 << 20), sizes)
        self.calm()
