# SPDX-License-Identifier: Apache-2.0
"""POST /images/create?fromSrc=- and `docker import`: what becomes of it, the configuration, failures."""

import bz2
import gzip
import hashlib
import json
import lzma
import os
import subprocess
import time

from harness import rawhttp
from harness.api import query
from harness.case import CTX, E2E, not_oracle, takes
from harness.images import base_layer, files, member, tar, zstd


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Import(E2E):
    image = False

    def tearDown(self):
        self.remove_all()
        for one in self.api.ok("GET", "/images/json"):
            self.api.delete(f"/images/{one['Id']}", force=1)
        super().tearDown()

    def send(self, body, status=200, **parts):
        """The ID of the image, or the message when another status is expected."""
        got = self.api.post("/images/create", body, headers={"Content-Type": "text/plain"}, timeout=60,
                            **dict({"fromSrc": "-"}, **parts))
        self.assertEqual(got.status, status, got)
        if status != 200:
            return got.message
        self.assertEqual(got.headers["content-type"], "application/json")
        lines = [json.loads(line) for line in got.body.splitlines()]
        self.assertEqual(len(lines), 1, lines)
        self.assertEqual(list(lines[0]), ["status"], lines)
        return lines[0]["status"]

    def image_of(self, ref):
        return self.api.ok("GET", f"/images/{ref}/json")


class TestImport(Import):
    def test_from_standard_input(self):
        layer = base_layer()
        ref = self.send(layer, repo="one", tag="two")
        info = self.image_of("one:two")
        self.assertEqual(info["Id"], ref)
        self.assertEqual(info["RootFS"], {"Type": "layers", "Layers": [digest(layer)]})
        self.assertEqual((info["Comment"], info["Parent"], info["Author"]), ("Imported from -", "", ""))
        self.assertEqual(info["Os"], "linux")
        self.assertEqual(self.api.output("one:two", "echo inside; ls /bin/busybox")[:2],
                         (0, "inside\n/bin/busybox\n"))
        past = self.api.ok("GET", "/images/one:two/history")
        self.assertEqual([(h["Comment"], h["CreatedBy"]) for h in past], [("Imported from -", "")])

    def test_compressed(self):
        layer = base_layer()
        packed = {"gzip": gzip.compress(layer), "bzip2": bz2.compress(layer),
                  "xz": lzma.compress(layer)}
        if not CTX.is_oracle:       # came with 23.0
            packed["zstd"] = zstd(layer)
        for kind, body in packed.items():
            with self.subTest(kind):
                self.send(body, repo=kind)
                self.assertEqual(self.image_of(kind)["RootFS"]["Layers"], [digest(layer)])

    def test_chunked(self):
        """As the client sends it: no length is known."""
        layer = base_layer()
        pieces = (layer[i:i + 50000] for i in range(0, len(layer), 50000))
        self.assertEqual(self.image_of(self.send(pieces))["RootFS"]["Layers"], [digest(layer)])

    def test_changes_and_message(self):
        self.send(base_layer(), repo="made", message="by hand", changes=[
            'CMD ["echo", "hello"]', "ENV A=b C=d", "LABEL who=me", "WORKDIR /tmp", "USER 7", "EXPOSE 80"])
        info = self.image_of("made:latest")
        config = info["Config"]
        self.assertEqual(info["Comment"], "by hand")
        self.assertEqual(config["Cmd"], ["echo", "hello"])
        self.assertEqual(config["Env"], ["A=b", "C=d"])
        self.assertEqual(config["Labels"], {"who": "me"})
        self.assertEqual((config["WorkingDir"], config["User"]), ("/tmp", "7"))
        self.assertEqual(config["ExposedPorts"], {"80/tcp": {}})
        self.assertEqual(self.api.output("made", ["sh", "-c", "id -u; pwd; echo $A"])[1], "7\n/tmp\nb\n")

    def test_nameless(self):
        info = self.image_of(self.send(files(a=b"x")))
        self.assertEqual(info["RepoTags"], [])

    def test_empty(self):
        self.assertEqual(self.image_of(self.send(tar([])))["RootFS"]["Layers"], [digest(tar([]))])

    @not_oracle("it takes the platform since 23.0")
    def test_platform(self):
        ref = self.send(files(a=b"x"), platform="linux/arm64")
        self.assertEqual((self.image_of(ref)["Architecture"], self.image_of(ref)["Os"]), ("arm64", "linux"))
        self.assertEqual(self.send(files(a=b"x"), 400, platform="windows/amd64"),
                         "operating system is not supported")
        self.send(files(a=b"x"), 400, platform="linux/amd64/v1/more")

    def test_events(self):
        since = time.time()
        ref = self.send(files(a=b"x"), repo="seen", changes="LABEL is=shown")
        got = self.api.get("/events", since=since, until=time.time(),
                           filters={"type": ["image"]})
        all_ = [json.loads(line) for line in got.body.splitlines()]
        self.assertEqual([e["Action"] for e in all_], ["tag", "import"])
        self.assertEqual({e["Actor"]["ID"] for e in all_}, {ref})
        self.assertEqual(all_[1]["Actor"]["Attributes"], {"name": ref, "is": "shown"})

    def test_errors(self):
        body = files(a=b"x")
        for message, parts in (("bogus is not a valid change command", {"changes": "BOGUS x"}),
                               ("cannot import digest reference", {"repo": "a@sha256:" + "0" * 64}),
                               ("must be lowercase", {"repo": "A"})):
            with self.subTest(message):
                self.assertIn(message, self.send(body, 400, **parts).lower())
        self.assertEqual(self.api.ok("GET", "/images/json", all=1), [])

    def test_no_tar(self):
        for what, body in (("noise", os.urandom(4096)), ("cut", base_layer()[:5000]),
                           ("cut gzip", gzip.compress(base_layer())[:-2000])):
            with self.subTest(what):
                self.assertTrue(self.send(body, 500, repo="x"))
        self.assertEqual(self.api.ok("GET", "/images/json", all=1), [])
        self.assertTrue(self.daemon.answers())

    @not_oracle("it leaves such a layer to the kernel")
    def test_climbing(self):
        self.send(tar([member("../../out", b"x")]), 500)
        self.assertEqual(self.api.ok("GET", "/images/json", all=1), [])

    @takes(90)
    def test_client_vanishes(self):
        target = f"/v{CTX.api}/images/create" + query(fromSrc="-", repo="gone")
        with rawhttp.Conn(self.daemon.sock) as conn:
            conn.send((f"POST {target} HTTP/1.1\r\nHost: d\r\nContent-Type: text/plain\r\n"
                       "Content-Length: 10000000\r\n\r\n").encode() + base_layer()[:100000])
        self.assertTrue(self.daemon.answers())
        self.assertEqual(self.api.ok("GET", "/images/json", all=1), [])


class TestClient(Import):
    def test_import(self):
        layer = base_layer()
        got = self.docker.ok("import", "-c", "CMD echo from the image", "-m", "words", "-", "fresh:1", data=layer)
        self.assertEqual(got, self.image_of("fresh:1")["Id"])
        self.assertEqual(self.docker.ok("run", "--rm", "fresh:1"), "from the image")
        self.assertEqual(self.image_of("fresh:1")["Comment"], "words")

    def test_import_file(self):
        path = self.path("root.tar")
        with open(path, "wb") as f:
            f.write(base_layer())
        self.docker.ok("import", path, "filed")
        self.assertEqual(self.image_of("filed:latest")["RootFS"]["Layers"], [digest(base_layer())])

    def test_export_import(self):
        """What leaves a container comes back as an image, through a pipe."""
        self.docker.ok("import", "-", "first", data=base_layer())
        ref = self.api.run("first", "echo kept >/kept")
        self.assertEqual(self.api.wait(ref), 0)
        out = subprocess.run(f"docker export {ref} | docker import - second", shell=True, text=True,
                             env=self.docker.env(), capture_output=True, timeout=50 * CTX.slow)
        self.assertEqual(out.returncode, 0, out)
        self.assertEqual(self.api.output("second", "cat /kept")[1], "kept\n")

    def test_bad_change(self):
        """The body is still on its way when the answer is known; the client sees the answer."""
        got = self.docker("import", "-c", "BOGUS x", "-", "no", data=base_layer())
        self.assertNotEqual(got.code, 0)
        self.assertIn("is not a valid change command", got.err)
