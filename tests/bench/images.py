# SPDX-License-Identifier: Apache-2.0
"""What is run and pulled: an image of Debian's static busybox, and one large layer of real files in a registry."""

import hashlib
import http.client
import io
import json
import os
import socket
import stat
import struct
import subprocess
import tarfile
import time
import zlib

APPLETS = "sh true sleep cat dd echo".split()
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
LINE = b"the quick brown fox jumps over the lazy dog, and does so over and over all day long\n"
LINES = LINE * 50000        # /lines in the image: 4.25 MB
FILE_MAX = 48 << 20         # one giant would make a layer of one file


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def config_of(diff_id):
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
                       "rootfs": {"type": "layers", "diff_ids": [diff_id]},
                       "history": [{"created_by": "bench"}]}).encode()


def add(archive, name, data):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o755
    archive.addfile(info, io.BytesIO(data))


def busybox_archive(work, name):
    """Path of a `docker save` archive with that one image."""
    path = os.path.join(work, "busybox.tar")
    layer = io.BytesIO()
    with open("/bin/busybox", "rb") as f, tarfile.open(fileobj=layer, mode="w") as archive:
        for top in ("bin", "etc", "tmp"):
            info = tarfile.TarInfo(top)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
        add(archive, "bin/busybox", f.read())
        add(archive, "lines", LINES)
        add(archive, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n")
        for applet in APPLETS:
            link = tarfile.TarInfo("bin/" + applet)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    config = config_of(digest(layer.getvalue()))
    with tarfile.open(path, "w") as archive:
        add(archive, "config.json", config)
        add(archive, "layer.tar", layer.getvalue())
        add(archive, "manifest.json", json.dumps(
            [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode())
    return path


def pieces(path):
    with open(path, "rb", buffering=0) as f:
        while data := f.read(1 << 20):
            yield data


def real_files(limit):
    """Paths below /usr/lib and /usr/share, in order, until they come to limit bytes."""
    total = 0
    for top in ("/usr/lib", "/usr/share"):
        for base, dirs, names in os.walk(top):
            dirs.sort()
            for name in sorted(names):
                path = os.path.join(base, name)
                info = os.lstat(path)
                if stat.S_ISLNK(info.st_mode) or \
                        stat.S_ISREG(info.st_mode) and info.st_size <= FILE_MAX:
                    yield path
                    total += info.st_size
                    if total >= limit:
                        return


class Body:
    """The files of the layers, as a tar without its end and as one run of deflate blocks of it."""

    def __init__(self, work, limit):
        self.work, self.files = work, 0
        self.tar = os.path.join(work, "body.tar")
        self.deflated = os.path.join(work, "body.deflate")
        with tarfile.open(self.tar, "w", format=tarfile.PAX_FORMAT) as archive:
            for path in real_files(limit):
                archive.add(path, path.lstrip("/"), recursive=False)
                self.files += 1
        deflate = zlib.compressobj(5, zlib.DEFLATED, -15)
        with open(self.deflated, "wb") as out:
            for data in pieces(self.tar):
                out.write(deflate.compress(data))
            out.write(deflate.flush())


class Layer:
    """One gzip layer: a file of its own, then the body. So each pull is of bytes that no engine has seen, and nothing
    need be removed between pulls: many file systems are slow to create where much has just been removed.

    The deflate blocks of the first file end on a byte and with their history forgotten (full flush); so those of the
    body may follow as they are, and the whole is one ordinary gzip stream.
    """

    def __init__(self, body, number):
        self.gz = os.path.join(body.work, f"layer{number}.tgz")
        self.files = body.files + 1
        first = io.BytesIO()
        with tarfile.open(fileobj=first, mode="w") as archive:
            add(archive, "number", b"%d\n" % number)
            head = first.getvalue()[:archive.offset]
        deflate = zlib.compressobj(5, zlib.DEFLATED, -15)
        plain, packed, crc = hashlib.sha256(head), hashlib.sha256(), zlib.crc32(head)
        self.unpacked = len(head)
        for data in pieces(body.tar):
            plain.update(data)
            crc = zlib.crc32(data, crc)
            self.unpacked += len(data)
        with open(self.gz, "wb") as out:
            def put(data):
                packed.update(data)
                out.write(data)
            put(b"\x1f\x8b\x08" + bytes(6) + b"\xff")
            put(deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH))
            for data in pieces(body.deflated):
                put(data)
            put(struct.pack("<II", crc, self.unpacked & 0xffffffff))
            self.size = out.tell()
        self.diff_id = "sha256:" + plain.hexdigest()
        self.digest = "sha256:" + packed.hexdigest()


class Registry:
    """Debian's docker-registry on loopback."""

    def __init__(self, work):
        self.root = os.path.join(work, "registry")
        os.makedirs(self.root)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        config = os.path.join(self.root, "config.yml")
        with open(config, "w") as f:
            f.write("version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\n"
                    f"storage:\n  filesystem:\n    rootdirectory: {self.root}/data\n"
                    f"http:\n  addr: {self.host}\n")
        with open(os.path.join(work, "registry.log"), "wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("docker-registry does not answer")

    def put(self, method, path, data, kind):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        conn.request(method, path, data, {"Content-Type": kind})
        answer = conn.getresponse()
        answer.read()
        conn.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return answer

    def put_blob(self, repo, name, data):
        where = self.put("POST", f"/v2/{repo}/blobs/uploads/", b"", "text/plain").getheader("Location")
        where = where[where.index("/v2/"):]
        where += ("&" if "?" in where else "?") + "digest=" + name
        self.put("PUT", where, data, "application/octet-stream")

    def push(self, repo, layer, tag):
        config = config_of(layer.diff_id)
        with open(layer.gz, "rb") as f:
            self.put_blob(repo, layer.digest, f)
        self.put_blob(repo, digest(config), config)
        self.put("PUT", f"/v2/{repo}/manifests/{tag}", json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST,
             "config": {"mediaType": CONFIG, "size": len(config), "digest": digest(config)},
             "layers": [{"mediaType": LAYER, "size": layer.size, "digest": layer.digest}]}), MANIFEST)

    def close(self):
        self.process.terminate()
        self.process.wait(10)
