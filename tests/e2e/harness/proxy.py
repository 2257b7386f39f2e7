# SPDX-License-Identifier: Apache-2.0
"""A faulty line to a registry: cuts blob transfers, corrupts bytes, answers 500, redirects."""

import socket
import threading


class Proxy:
    """Listens on 127.0.0.1, forwards each request to the registry's port, misbehaves as told.

    cut: how many blob transfers (of more than 64 KiB) break off in the middle
    nothing: blob transfers break off right after the head
    fail: how many requests get a 500; corrupt: how many big blobs get one byte flipped
    redirect: blob requests are sent elsewhere (to the same proxy, under another path)
    log holds (request line, Range header) of every request.
    """

    def __init__(self, port):
        self.target = port
        self.cut = self.fail = self.corrupt = 0
        self.redirect = self.nothing = False
        self.no_range = False
        self.log = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def close(self):
        self.listener.close()

    def take(self, name):
        with self.lock:
            left = getattr(self, name)
            if left > 0:
                setattr(self, name, left - 1)
            return left > 0

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.guarded, args=(conn,), daemon=True).start()

    def guarded(self, conn):
        conn.settimeout(30)
        try:
            with conn:
                self.serve(conn)
        except (OSError, ValueError):
            pass

    def serve(self, conn):
        """One request a connection."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = conn.recv(65536)
            if not data:
                return
            head += data
            if head[:1] == b"\x16":
                return                  # a TLS hello: we speak plain HTTP
        head, _, body = head.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        kept = [l for l in lines[1:] if not l.lower().startswith(("connection:",))]
        ranges = [l for l in kept if l.lower().startswith("range:")]
        with self.lock:
            self.log.append((lines[0], ranges[0] if ranges else "",
                             any(l.lower().startswith("authorization:") for l in kept)))
        if self.take("fail"):
            conn.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n"
                         b"Connection: close\r\n\r\noops")
            return
        if self.redirect and "/blobs/sha256:" in path and not path.startswith("/elsewhere"):
            where = f"http://{self.host}/elsewhere{path}"
            conn.sendall(f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {where}\r\n"
                         "Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return
        path = path.removeprefix("/elsewhere")
        if self.no_range:
            kept = [l for l in kept if not l.lower().startswith("range:")]
        with socket.create_connection(("127.0.0.1", self.target), 10) as up:
            up.sendall("\r\n".join([f"{method} {path} HTTP/1.1", "Connection: close"] + kept)
                       .encode("latin-1") + b"\r\n\r\n" + body)
            self.back(method, path, up, conn)

    def back(self, method, path, up, conn):
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = up.recv(65536)
            if not data:
                break
            answer += data
        head, _, first = answer.partition(b"\r\n\r\n")
        size = 0
        for line in head.decode("latin-1").split("\r\n"):
            if line.lower().startswith("content-length:"):
                size = int(line.split(":")[1])
        big = method == "GET" and "/blobs/" in path and size > 65536
        stop_at = size // 2 if big and self.take("cut") else None
        flip_at = size // 2 if big and stop_at is None and self.take("corrupt") else None
        if self.nothing and big:
            stop_at = 0
        conn.sendall(head + b"\r\n\r\n")
        sent, data = 0, first
        while True:
            if flip_at is not None and sent <= flip_at < sent + len(data):
                at = flip_at - sent
                data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
            if stop_at is not None and sent + len(data) >= stop_at:
                conn.sendall(data[:stop_at - sent])
                conn.shutdown(socket.SHUT_RDWR)
                return
            conn.sendall(data)
            sent += len(data)
            data = up.recv(65536)
            if not data:
                return
