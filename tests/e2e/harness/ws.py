# SPDX-License-Identifier: Apache-2.0
"""Websockets by hand over a Unix socket: any frame, well-formed or not."""

import base64
import hashlib
import os
import struct

from . import rawhttp
from .api import query

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_for(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def frame(opcode, data=b"", final=True, mask=b"\x12\x34\x56\x78", reserved=0, length=None, size=None):
    """A client's frame. mask None leaves it unmasked; length lies about it; size: bytes of the length."""
    n = len(data) if length is None else length
    size = size if size is not None else 0 if n < 126 else 2 if n < 65536 else 8
    bit = 0 if mask is None else 0x80
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    head += {0: lambda: bytes([bit | n]), 2: lambda: bytes([bit | 126]) + struct.pack(">H", n),
             8: lambda: bytes([bit | 127]) + struct.pack(">Q", n)}[size]()
    if mask is None:
        return head + data
    whole = (mask * (len(data) // 4 + 1))[:len(data)]
    xored = (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(len(data), "big")
    return head + mask + xored


class WebSocket:
    """One session; what the server sends is checked frame by frame."""

    def __init__(self, sock, path, timeout=10, headers=(), drop=(), **parts):
        self.conn = rawhttp.Conn(sock, timeout)
        self.key = base64.b64encode(os.urandom(16)).decode()
        pairs = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": self.key}
        pairs.update(headers)
        for name in drop:
            pairs.pop(name)
        self.conn.request("GET", path + query(**parts), None, pairs)
        self.head = self.conn.head()
        self.accepted = self.head.status == 101
        if self.accepted and self.head.headers.get("sec-websocket-accept") != accept_for(self.key):
            raise AssertionError(f"a wrong Sec-WebSocket-Accept: {self.head.pairs}")

    def close(self):
        self.conn.close()

    def send(self, opcode, data=b"", **more):
        self.conn.send(frame(opcode, data, **more))

    def recv(self):
        """(opcode, payload) of the next frame; None at the end of the connection."""
        try:
            head = self.conn.exactly(2)
        except rawhttp.ProtocolError:
            return None
        if head[0] & 0x70 or not head[0] & 0x80 or head[1] & 0x80:
            raise AssertionError(f"not a plain server frame: {head!r}")
        n = head[1]
        if n == 126:
            n, = struct.unpack(">H", self.conn.exactly(2))
        elif n == 127:
            n, = struct.unpack(">Q", self.conn.exactly(8))
        return head[0] & 15, self.conn.exactly(n)

    def read_for(self, mark):
        """Data until mark has been seen."""
        seen = b""
        while mark not in seen:
            got = self.recv()
            if got is None or got[0] == CLOSE:
                raise AssertionError(f"ended without {mark!r}: {seen[-300:]!r} {got}")
            if got[0] in (TEXT, BINARY):
                seen += got[1]
        return seen

    def rest(self):
        """(data, code of the Close or None) up to the end of the connection."""
        seen, code = [], None
        while True:
            got = self.recv()
            if got is None:
                return b"".join(seen), code
            if code is not None:
                raise AssertionError(f"a frame after the Close: {got}")
            if got[0] == CLOSE:
                code = struct.unpack(">H", got[1])[0] if got[1] else 0
            elif got[0] in (TEXT, BINARY):
                seen.append(got[1])
