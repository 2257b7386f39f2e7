# SPDX-License-Identifier: Apache-2.0
"""The Engine API as plain calls: JSON in and out, hijacked streams, stdcopy frames."""

import json
import struct
from urllib.parse import quote, urlencode

from . import rawhttp
from .context import CTX


def query(**parts):
    """A query string; dictionaries become JSON, booleans 1 or 0, None is left out."""
    pairs = []
    for key, value in parts.items():
        if value is None:
            continue
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(one, dict):
                one = json.dumps(one)
            elif isinstance(one, bool):
                one = int(one)
            pairs.append((key.rstrip("_").replace("_", "-"), one))
    return "?" + urlencode(pairs, quote_via=quote) if pairs else ""


def frames(data):
    """Split a stdcopy stream into [(stream type, payload)]; AssertionError when it is not one."""
    found = []
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise AssertionError(f"a torn frame header: {data[at:]!r}")
        kind, zeros, size = data[at], data[at + 1:at + 4], struct.unpack(">I", data[at + 4:at + 8])[0]
        if kind > 3 or zeros != b"\0\0\0" or at + 8 + size > len(data):
            raise AssertionError(f"not a frame at {at}: {data[at:at + 40]!r}")
        found.append((kind, data[at + 8:at + 8 + size]))
        at += 8 + size
    return found


def demux(data):
    """(standard output, standard error) of a stdcopy stream."""
    parts = frames(data)
    return (b"".join(p for k, p in parts if k == 1), b"".join(p for k, p in parts if k == 2))


class Api:
    """Calls on one socket at one API version."""

    def __init__(self, sock, version=None, timeout=30):
        self.sock = sock
        self.prefix = f"/v{version or CTX.api}"
        self.timeout = timeout

    def call(self, method, path, body=None, headers=(), timeout=None, **parts):
        headers = dict(headers)
        if body is not None and not isinstance(body, bytes) and not hasattr(body, "__next__"):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        return rawhttp.request(self.sock, method, self.prefix + path + query(**parts), body, headers,
                               timeout or self.timeout)

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def delete(self, path, **more):
        return self.call("DELETE", path, **more)

    def ok(self, method, path, body=None, status=(200, 201, 204), **more):
        """A call that must succeed; returns the decoded body, or None when there is none."""
        got = self.call(method, path, body, **more)
        want = status if isinstance(status, tuple) else (status,)
        if got.status not in want:
            raise AssertionError(f"{method} {path}: {got!r}, expected {want}")
        return json.loads(got.body) if got.body else None

    # What tests do all the time.

    def create(self, image, cmd=None, name=None, **config):
        body = dict(config, Image=image)
        if cmd is not None:
            body["Cmd"] = cmd if isinstance(cmd, list) else ["sh", "-c", cmd]
        ref = self.ok("POST", "/containers/create", body, status=201, name=name)["Id"]
        CTX.ids.add(ref)
        return ref

    def start(self, ref):
        self.ok("POST", f"/containers/{ref}/start", status=204)

    def run(self, image, cmd=None, name=None, **config):
        ref = self.create(image, cmd, name, **config)
        self.start(ref)
        return ref

    def inspect(self, ref):
        return self.ok("GET", f"/containers/{ref}/json", status=200)

    def wait(self, ref, condition=None, timeout=30):
        got = self.ok("POST", f"/containers/{ref}/wait", status=200, timeout=timeout,
                      condition=condition)
        return got["StatusCode"]

    def logs(self, ref, timeout=30, **parts):
        """(standard output, standard error) so far; tty containers come back whole as output."""
        parts = dict(dict(stdout=1, stderr=1), **parts)
        got = self.get(f"/containers/{ref}/logs", timeout=timeout, **parts)
        if got.status != 200:
            raise AssertionError(f"logs of {ref}: {got!r}")
        return demux(got.body)

    def output(self, image, cmd, timeout=30, **config):
        """Run to the end; returns (exit code, output, errors) and removes the container."""
        ref = self.run(image, cmd, **config)
        try:
            code = self.wait(ref, timeout=timeout)
            out, err = self.logs(ref)
            return code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        finally:
            self.remove(ref)

    def remove(self, ref):
        return self.delete(f"/containers/{ref}", force=1, v=1)

    def load(self, archive, timeout=60):
        """POST /images/load; returns the progress records."""
        got = self.post("/images/load", archive, headers={"Content-Type": "application/x-tar"},
                        timeout=timeout, quiet=1)
        return got.status, records(got.body)

    def hijack(self, path, body=None, upgrade=True, timeout=15, **parts):
        """POST that becomes a stream; returns (connection, the head of the answer)."""
        conn = rawhttp.Conn(self.sock, timeout)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if upgrade:
            headers.update({"Connection": "Upgrade", "Upgrade": "tcp"})
        data = json.dumps(body).encode() if body is not None else b""
        conn.request("POST", self.prefix + path + query(**parts), data, headers)
        return conn, conn.head()

    def attach(self, ref, **parts):
        parts = dict(dict(stream=1, stdin=1, stdout=1, stderr=1), **parts)
        return self.hijack(f"/containers/{ref}/attach", **parts)


def records(body):
    """The JSON objects of a progress stream."""
    decoder = json.JSONDecoder()
    text, found = body.decode("utf-8", "replace").strip(), []
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found
