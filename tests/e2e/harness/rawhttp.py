# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 by hand over a Unix socket: says exactly what it is told to, well-formed or not."""

import json
import socket
import time

from .context import CTX


class ProtocolError(Exception):
    """The answer is not HTTP, or ended before its time."""


class Response:
    """One answer: status, reason, headers as a list of pairs and by lower-case name, body."""

    def __init__(self, version, status, reason, pairs):
        self.version, self.status, self.reason, self.pairs = version, status, reason, pairs
        self.headers = {name.lower(): value for name, value in pairs}
        self.body = b""

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def message(self):
        """The message of an error answer, or its text."""
        try:
            return self.json()["message"]
        except (ValueError, KeyError, TypeError):
            return self.text

    def __repr__(self):
        return f"<{self.status} {self.reason}: {self.text[:300]}>"


class Conn:
    """A connection with its own read buffer."""

    def __init__(self, path, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout * CTX.slow)
        try:
            self.sock.connect(path)
        except OSError:
            self.sock.close()
            raise
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def send_lossy(self, data):
        """Send to a peer that may have hung up already."""
        try:
            self.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def fill(self):
        """Read some more; False at the end of the stream."""
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def until(self, mark):
        while mark not in self.buffer:
            if not self.fill():
                raise ProtocolError(f"ended before {mark!r}: {self.buffer[:200]!r}")
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def exactly(self, count):
        parts, have = [self.buffer], len(self.buffer)
        self.buffer = b""
        while have < count:
            if not self.fill():
                raise ProtocolError(f"ended after {have} of {count} bytes")
            parts.append(self.buffer)
            have += len(self.buffer)
            self.buffer = b""
        data = b"".join(parts)
        self.buffer = data[count:]
        return data[:count]

    def some(self):
        """Whatever comes next, b"" at the end."""
        if not self.buffer:
            self.fill()
        data, self.buffer = self.buffer, b""
        return data

    def rest(self):
        parts = [self.buffer]
        self.buffer = b""
        while self.fill():
            parts.append(self.buffer)
            self.buffer = b""
        return b"".join(parts)

    def read_for(self, mark, timeout=10):
        """Collect until mark has been seen; returns all that was read."""
        end = time.monotonic() + timeout * CTX.slow
        seen = b""
        while mark not in seen:
            if time.monotonic() > end:
                raise AssertionError(f"no {mark!r} in {seen[-500:]!r}")
            data = self.some()
            if not data:
                raise AssertionError(f"ended without {mark!r}: {seen[-500:]!r}")
            seen += data
        return seen

    def closed(self, timeout=5):
        """True when the peer closes within the time and sends nothing more."""
        self.sock.settimeout(timeout * CTX.slow)
        try:
            return not self.buffer and not self.fill()
        except socket.timeout:
            return False

    def head(self):
        """Status line and headers."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        parts = lines[0].split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1."):
            raise ProtocolError(f"not a status line: {lines[0]!r}")
        pairs = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            pairs.append((name, value.strip()))
        return Response(parts[0], int(parts[1]), parts[2] if len(parts) > 2 else "", pairs)

    def chunk(self):
        """One chunk of a chunked body, b"" for the last."""
        size = int(self.until(b"\r\n").split(b";")[0], 16)
        data = self.exactly(size)
        self.until(b"\r\n")
        return data

    def response(self, method="GET"):
        """A whole answer."""
        got = self.head()
        while 100 <= got.status < 200 and got.status != 101:
            got = self.head()
        if method == "HEAD" or got.status in (204, 304, 101):
            return got
        if got.headers.get("transfer-encoding", "").lower() == "chunked":
            body = []
            while True:
                data = self.chunk()
                if not data:
                    break
                body.append(data)
            got.body = b"".join(body)
        elif "content-length" in got.headers:
            got.body = self.exactly(int(got.headers["content-length"]))
        else:
            got.body = self.rest()
        return got

    def request(self, method, target, body=None, headers=(), host="docker"):
        """Send one request, well-formed; body may be bytes or an iterable (sent chunked)."""
        pairs = dict(headers)
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        if isinstance(body, (bytes, str)):
            body = body.encode() if isinstance(body, str) else body
            pairs.setdefault("Content-Length", str(len(body)))
        elif body is not None:
            pairs["Transfer-Encoding"] = "chunked"
        elif method in ("POST", "PUT"):
            pairs.setdefault("Content-Length", "0")
        lines += [f"{name}: {value}" for name, value in pairs.items()]
        self.send("\r\n".join(lines) + "\r\n\r\n")
        if isinstance(body, bytes):
            self.send_lossy(body)       # refused before it was read: the answer tells
        elif body is not None:
            for part in body:
                if part:
                    self.send_lossy(b"%x\r\n" % len(part) + part + b"\r\n")
            self.send_lossy(b"0\r\n\r\n")


def request(path, method, target, body=None, headers=(), timeout=30):
    """One request on a connection of its own."""
    with Conn(path, timeout) as conn:
        conn.request(method, target, body, dict(headers, Connection="close"))
        return conn.response(method)
