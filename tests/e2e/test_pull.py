# SPDX-License-Identifier: Apache-2.0
"""POST /images/create and `docker pull` from real registries: good, locked, broken, slow ones."""

import base64
import gzip
import http.server
import json
import os
import random
import threading
import time

from harness import hostile
from harness.api import records
from harness.case import CTX, E2E, images, not_oracle, takes, unittest
from harness.images import Image, base_layer, files, member, tar
from harness.proxy import Proxy
from harness.registry import FAR, PASSWORD, USER, Pki, Registry, auth_header


def big_image(seed=1, size=3 << 20):
    """The base layer and one more that does not compress."""
    data = random.Random(seed).randbytes(size)
    return Image([base_layer(), tar([member("big", data, mode=0o644)])])


class Pull(E2E):
    image = False

    def tearDown(self):
        self.remove_all()
        for one in self.api.ok("GET", "/images/json"):
            self.api.delete(f"/images/{one['Id']}", force=1)

    def pull(self, name, tag=None, auth=None, timeout=40, **more):
        """(status, progress records)"""
        headers = {"X-Registry-Auth": auth} if auth else {"X-Registry-Auth": "e30="}
        got = self.api.post("/images/create", headers=headers, fromImage=name, tag=tag,
                            timeout=timeout, **more)
        if got.status == 200:
            self.assertEqual(got.headers["content-type"], "application/json")
            self.assertTrue(got.body.endswith(b"\r\n"), got.body[-100:])
        return got.status, records(got.body)

    def pulls(self, name, tag="1", **more):
        status, got = self.pull(name, tag, **more)
        self.assertEqual(status, 200, got)
        self.assertEqual([r for r in got if "error" in r], [])
        return got

    def refuses(self, name, tag="1", **more):
        """The error of a pull that fails, before or after the first output."""
        status, got = self.pull(name, tag, **more)
        last = got[-1]
        if status == 200:
            self.assertIn("error", last, got)
            self.assertEqual(last["errorDetail"]["message"], last["error"])
        text = last.get("error") or last.get("message")
        self.assertTrue(text)
        self.assertEqual(self.api.ok("GET", "/images/json", all=1), [], "nothing may be visible")
        return status, text

    def statuses(self, got, id):
        return [r["status"] for r in got if r.get("id") == id]


class TestPlain(Pull):
    @classmethod
    def set_up_fixtures(cls):
        cls.registry = Registry()
        cls.fixtures.append(cls.registry)
        cls.name = cls.registry.host + "/x"
        cls.digest = cls.registry.push("x", "1", Image())

    def test_pull_and_run(self):
        self.pulls(self.name)
        self.assertEqual(self.says("echo hi", image=self.name + ":1"), "hi")
        info = self.api.ok("GET", f"/images/{self.name}:1/json")
        self.assertEqual(info["Id"], images.base_image().id)
        self.assertEqual(info["RepoTags"], [self.name + ":1"])
        self.assertEqual(info["RepoDigests"], [f"{self.name}@{self.digest}"])

    def test_progress(self):
        image = big_image()
        digest = self.registry.push("big", "1", image)
        name = self.registry.host + "/big"
        got = self.pulls(name)
        self.assertEqual(got[0], {"status": "Pulling from big", "id": "1"})
        manifest = json.loads(image.blobs()[0])
        for layer in manifest["layers"]:
            seen = self.statuses(got, layer["digest"][7:19])
            self.assertEqual(seen[0], "Pulling fs layer")
            self.assertEqual(seen[-1], "Pull complete")
            for word in ("Download complete", "Extracting"):
                self.assertIn(word, seen)
            self.assertLess(seen.index("Download complete"), len(seen) - 1)
        loading = [r for r in got if r.get("status") == "Downloading"]
        self.assertTrue(loading)
        sizes = {one["digest"][7:19]: one["size"] for one in manifest["layers"]}
        for one in loading:
            self.assertEqual(one["progressDetail"]["total"], sizes[one["id"]])
            self.assertLessEqual(one["progressDetail"]["current"], sizes[one["id"]])
            self.assertIn("progress", one)
        self.assertEqual([r["status"] for r in got[-2:]],
                         [f"Digest: {digest}", f"Status: Downloaded newer image for {name}:1"])

    def test_again(self):
        self.pulls(self.name)
        got = self.pulls(self.name)
        self.assertEqual(got[0]["status"], "Pulling from x")
        self.assertEqual([r["status"] for r in got[-2:]],
                         [f"Digest: {self.digest}", f"Status: Image is up to date for {self.name}:1"])
        self.assertEqual(len(got), 3)

    def test_shared_layer_already_exists(self):
        self.pulls(self.name)
        image = Image([base_layer(), files(extra="x")])
        self.registry.push("shared", "1", image)
        got = self.pulls(self.registry.host + "/shared")
        base = json.loads(image.blobs()[0])["layers"][0]["digest"][7:19]
        self.assertEqual(self.statuses(got, base), ["Already exists"])

    def test_by_digest(self):
        got = self.pulls(self.name, self.digest)
        self.assertEqual(got[-1]["status"],
                         f"Status: Downloaded newer image for {self.name}@{self.digest}")
        info = self.api.ok("GET", f"/images/{self.name}@{self.digest}/json")
        self.assertEqual(info["RepoTags"], [])
        self.assertEqual(self.says("echo hi", image=f"{self.name}@{self.digest}"), "hi")
        self.pulls(f"{self.name}@{self.digest}", None)

    def test_all_tags(self):
        for tag in ("a", "b"):
            self.registry.push("many", tag, Image([files(tag=tag)]))
        self.docker.ok("pull", "-a", self.registry.host + "/many")
        tags = sorted(t for one in self.api.ok("GET", "/images/json") for t in one["RepoTags"])
        self.assertEqual(tags, [f"{self.registry.host}/many:{t}" for t in "ab"])

    def test_tag_that_moved(self):
        self.registry.push("mv", "1", Image([files(v="1")]))
        name = self.registry.host + "/mv"
        self.pulls(name)
        old = self.api.ok("GET", f"/images/{name}:1/json")["Id"]
        self.registry.push("mv", "1", Image([files(v="2")]))
        self.assertIn("Downloaded newer", self.pulls(name)[-1]["status"])
        self.assertNotEqual(self.api.ok("GET", f"/images/{name}:1/json")["Id"], old)
        self.assertEqual(self.api.ok("GET", f"/images/{old}/json")["RepoTags"], [])

    def test_oci_and_zstd(self):
        packs = ("gzip", None) if CTX.is_oracle else ("gzip", "zstd", None)
        for pack in packs:
            with self.subTest(pack=pack):
                self.registry.push("oci", "1", Image(), pack, oci=True)
                self.pulls(self.registry.host + "/oci")
                self.assertEqual(self.says("echo hi", image=self.registry.host + "/oci:1"), "hi")
                self.tearDown()

    def index(self, name, platforms, oci):
        entries = []
        for arch, text in platforms.items():
            image = Image([base_layer(), files(arch=text)])
            image.config["architecture"] = arch.split("/")[0]
            manifest, kind, blobs = image.blobs(oci=oci)
            for data in blobs.values():
                self.registry.push_blob(name, data)
            digest = self.registry.push_manifest(name, images.digest(manifest), manifest, kind)
            platform = {"os": "linux", "architecture": arch.split("/")[0]}
            if "/" in arch:
                platform["variant"] = arch.split("/")[1]
            entries.append({"mediaType": kind, "size": len(manifest), "digest": digest,
                            "platform": platform})
        kind = images.OCI_INDEX if oci else images.MANIFEST_LIST
        body = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode()
        return self.registry.push_manifest(name, "1", body, kind)

    def test_index(self):
        host = os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64")
        for oci in (False, True):
            with self.subTest(oci=oci):
                name = "idx-oci" if oci else "idx"
                digest = self.index(name, {"s390x": "wrong", host: "right", "arm/v7": "wrong"}, oci)
                got = self.pulls(f"{self.registry.host}/{name}")
                self.assertEqual(got[-2]["status"], f"Digest: {digest}")
                self.assertEqual(self.says("cat /arch", image=f"{self.registry.host}/{name}:1"),
                                 "right")

    def test_index_without_us(self):
        self.index("strange", {"s390x": "a", "mips64le": "b"}, False)
        _, error = self.refuses(self.registry.host + "/strange")
        self.assertRegex(error, "no matching manifest for linux/[a-z0-9/]+ in the manifest list entries")

    @not_oracle("worded otherwise")
    def test_platform(self):
        name = self.registry.host + "/" + self.name.partition("/")[2]
        status, error = self.refuses(name, platform="foobar")
        self.assertEqual((status, error), (400, '"foobar": unknown operating system or architecture: invalid argument'))
        got = self.pulls(name, platform="linux/s390x")
        self.assertEqual(got[-1]["status"], f"WARNING: image with reference {name}:1 was found but its platform "
                         f"(linux/{images.ARCH}) does not match the specified platform (linux/s390x)")

    def test_unknown_image(self):
        status, error = self.refuses(self.registry.host + "/nothere")
        self.assertEqual(status, 404)
        self.assertTrue(error.startswith(f"manifest for {self.registry.host}/nothere:1 not found: "
                                         "manifest unknown") or
                        error.startswith(f"pull access denied for {self.registry.host}/nothere"), error)

    def test_unknown_tag(self):
        status, error = self.refuses(self.name, "nope")
        self.assertEqual(status, 404)
        self.assertTrue(error.startswith(f"manifest for {self.name}:nope not found: manifest unknown"),
                        error)

    def test_bad_references(self):
        for name in ("UPPER", self.registry.host + "/UPPER", "a:b:c", "x@sha256:12", "-x", "a/../b"):
            with self.subTest(name=name):
                status, error = self.refuses(name, None)
                self.assertEqual(status, 400)
                self.assertIn("invalid", error)

    def test_cli(self):
        got = self.docker("pull", self.name + ":1")
        self.assertEqual(got.code, 0, got)
        self.assertEqual(got.out.splitlines()[-1], f"{self.name}:1")
        self.assertIn("Pull complete", got.out)
        self.assertIn(f"Status: Downloaded newer image for {self.name}:1", got.out)
        self.assertIn("Image is up to date", self.docker.ok("pull", self.name + ":1"))
        got = self.docker("pull", self.registry.host + "/nothere:1")
        self.assertEqual(got.code, 1)
        self.assertIn("Error response from daemon: manifest for", got.err)

    def test_run_pulls_what_is_missing(self):
        got = self.docker("run", "--rm", self.name + ":1", "echo", "pulled")
        self.assertEqual((got.code, got.out), (0, "pulled\n"), got)
        self.assertIn(f"Unable to find image '{self.name}:1' locally", got.err)

    def test_at_once(self):
        """Two pulls of the same image: both succeed and there is one image."""
        self.registry.push("par", "1", big_image(3))
        children = [self.docker.popen("pull", self.registry.host + "/par:1") for _ in range(3)]
        for child in children:
            out, err = child.communicate(timeout=30)
            self.assertEqual(child.returncode, 0, err)
        self.assertEqual(len(self.api.ok("GET", "/images/json")), 1)

    def test_hostile_layer(self):
        mark = os.path.join(CTX.tmp, "pulled", "mark")
        os.makedirs(os.path.dirname(mark), exist_ok=True)
        for number, what in enumerate(("dotdot", "symlink absolute", "whiteout through symlink")):
            with open(mark, "w") as f:
                f.write("intact")
            self.registry.push(f"evil{number}", "1", Image([base_layer(), hostile.escapes(mark)[what]]))
            self.pull(f"{self.registry.host}/evil{number}", "1")
            with open(mark) as f:
                self.assertEqual(f.read(), "intact", what)

    def test_digest_mismatch(self):
        image = big_image(7)
        self.registry.push("bad", "1", image)
        self.registry.corrupt(json.loads(image.blobs()[0])["layers"][1]["digest"])
        _, error = self.refuses(self.registry.host + "/bad")
        self.assertRegex(error, "(?i)verif|digest|mismatch|checksum")

    def test_diff_id_mismatch(self):
        image = Image([base_layer()])
        image.config["rootfs"]["diff_ids"] = ["sha256:" + "1" * 64]
        self.registry.push("diff", "1", image)
        self.refuses(self.registry.host + "/diff")

    def test_config_that_is_no_json(self):
        manifest, kind, blobs = Image([files(a="b")]).blobs()
        junk = b"{not json"
        text = json.loads(manifest)
        text["config"].update(size=len(junk), digest=images.digest(junk))
        for data in list(blobs.values()) + [junk]:
            self.registry.push_blob("junk", data)
        self.registry.push_manifest("junk", "1", json.dumps(text).encode(), kind)
        self.refuses(self.registry.host + "/junk")

    def test_gzip_cut_short(self):
        layer = base_layer()
        image = Image([layer])
        manifest, kind, blobs = image.blobs()
        cut = gzip.compress(layer, 1)[:100_000]
        text = json.loads(manifest)
        text["layers"][0].update(size=len(cut), digest=images.digest(cut))
        for data in (image.config_bytes, cut):
            self.registry.push_blob("cut", data)
        self.registry.push_manifest("cut", "1", json.dumps(text).encode(), kind)
        self.refuses(self.registry.host + "/cut")


class TestFaulty(Pull):
    @classmethod
    def set_up_fixtures(cls):
        cls.registry = Registry()
        cls.fixtures.append(cls.registry)
        cls.registry.push("x", "1", big_image(5, 8 << 20))

    def setUp(self):
        self.proxy = Proxy(self.registry.port)
        self.addCleanup(self.proxy.close)
        self.name = self.proxy.host + "/x"

    def blob_requests(self):
        return [(line, ranged) for line, ranged, _ in self.proxy.log if "GET" in line and "/blobs/" in line]

    @takes(90)
    def test_cut_and_resumed(self):
        self.proxy.cut = 2
        self.pulls(self.name, timeout=80)
        self.assertTrue(any(ranged.lower().startswith("range: bytes=") for _, ranged in
                            self.blob_requests()), "did not resume where it was cut off")
        self.assertEqual(self.says("stat -c %s /big", image=self.name + ":1"), str(8 << 20))

    @takes(90)
    def test_cut_and_no_ranges(self):
        """The server ignores Range and sends the whole blob again."""
        self.proxy.cut, self.proxy.no_range = 2, True
        self.pulls(self.name, timeout=80)
        self.assertEqual(self.says("stat -c %s /big", image=self.name + ":1"), str(8 << 20))

    @takes(120)
    def test_cut_always(self):
        self.proxy.nothing = True
        began = time.monotonic()
        self.refuses(self.name, timeout=110)
        self.assertLess(len(self.blob_requests()), 40)
        self.assertLess(time.monotonic() - began, 100)

    @takes(90)
    def test_bytes_flipped(self):
        """Never accepted: either asked for again, or an error."""
        self.proxy.corrupt = 1
        status, got = self.pull(self.name, "1", timeout=80)
        if "error" in got[-1]:
            self.assertEqual(self.api.ok("GET", "/images/json"), [])
        else:
            self.assertEqual(self.says("sha256sum /big | cut -c1-64", image=self.name + ":1"),
                             images.digest(random.Random(5).randbytes(8 << 20))[7:])

    @takes(90)
    def test_redirects(self):
        self.proxy.redirect = True
        self.pulls(self.name, timeout=80)
        self.assertTrue(any("/elsewhere" in line for line, _, _ in self.proxy.log))

    def test_500(self):
        self.proxy.fail = 10_000
        _, error = self.refuses(self.name, timeout=50)
        self.assertTrue(error)

    def test_down(self):
        self.proxy.close()
        status, error = self.refuses(self.name)
        self.assertEqual(status, 500)
        self.assertRegex(error, "connection refused|Connection refused")
        got = self.docker("pull", self.name + ":1")
        self.assertEqual(got.code, 1)

    def test_not_a_registry(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        server.RequestHandlerClass.log_message = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.refuses(f"127.0.0.1:{server.server_address[1]}/x")

    def test_client_goes_away(self):
        """The client hangs up during the pull; the daemon stays well and a later pull works."""
        child = self.docker.popen("pull", self.name + ":1")
        time.sleep(0.15)
        child.kill()
        child.wait()
        self.pulls(self.name)


class TestLocked(Pull):
    """Basic and bearer authentication, over TLS with a private CA too."""

    @classmethod
    def set_up_fixtures(cls):
        cls.basic, cls.bearer = Registry(auth="basic"), Registry(auth="bearer")
        far = FAR if CTX.isolated else "127.0.0.1"
        cls.tls = Registry(tls=True, auth="basic", address=far)
        cls.untrusted = Registry(tls=True, address=far)
        cls.fixtures += [cls.basic, cls.bearer, cls.tls, cls.untrusted]
        for one in (cls.basic, cls.bearer, cls.tls, cls.untrusted):
            for name in ("x", "public/x"):
                one.push(name, "1", Image())
        if CTX.isolated:
            for top in ("/etc/docker/certs.d", "/etc/serin/certs.d"):
                where = f"{top}/{cls.tls.host}"
                os.makedirs(where, exist_ok=True)
                with open(Pki.get().ca) as ca, open(where + "/ca.crt", "w") as f:
                    f.write(ca.read())

    @classmethod
    def daemon_flags(cls):
        return ["--insecure-registry", cls.untrusted.host]

    def test_basic(self):
        name = self.basic.host + "/x"
        self.pulls(name, auth=auth_header(self.basic.host))
        self.assertEqual(self.says("echo hi", image=name + ":1"), "hi")

    def test_basic_without_or_wrong(self):
        status, error = self.refuses(self.basic.host + "/x")
        self.assertRegex(error, "no basic auth credentials|unauthorized|authentication required")
        status, error = self.refuses(self.basic.host + "/x",
                                     auth=auth_header(self.basic.host, USER, "wrong"))
        self.assertRegex(error, "unauthorized|authentication required|denied")

    def test_junk_in_the_header_is_anonymous(self):
        for junk in ("!!!", "e30", "bm90IGpzb24=", "eyJ1c2VybmFtZSI6MX0="):
            with self.subTest(junk=junk):
                self.refuses(self.basic.host + "/x", auth=junk)

    def test_header_alphabets(self):
        text = json.dumps({"username": USER, "password": PASSWORD, "email": "?>?>~~~"}).encode()
        for one in (base64.b64encode(text), base64.urlsafe_b64encode(text),
                    base64.urlsafe_b64encode(text).rstrip(b"=")):
            if CTX.is_oracle and (b"+" in one or b"/" in one or len(one) % 4):
                continue
            self.pulls(self.basic.host + "/x", auth=one.decode())
            self.tearDown()

    def test_bearer_anonymous(self):
        self.bearer.tokens.log.clear()
        self.pulls(self.bearer.host + "/public/x")
        asked, user = self.bearer.tokens.log[0]
        self.assertIsNone(user)
        self.assertEqual(asked["service"], ["e2e registry"])
        self.assertEqual(asked["scope"], ["repository:public/x:pull"])

    def test_bearer_with_password(self):
        self.refuses(self.bearer.host + "/x")
        self.bearer.tokens.log.clear()
        self.pulls(self.bearer.host + "/x", auth=auth_header(self.bearer.host))
        self.assertEqual(self.bearer.tokens.log[-1][1], f"{USER}:{PASSWORD}")

    def test_bearer_wrong_password(self):
        _, error = self.refuses(self.bearer.host + "/x",
                                auth=auth_header(self.bearer.host, USER, "wrong"))
        self.assertRegex(error, "incorrect username or password|unauthorized|401")

    def test_tls_with_private_ca(self):
        if not CTX.isolated:
            self.skipTest("needs a private /etc")
        name = self.tls.host + "/x"
        self.pulls(name, auth=auth_header(self.tls.host))
        self.assertEqual(self.says("echo hi", image=name + ":1"), "hi")

    def test_tls_insecure(self):
        self.pulls(self.untrusted.host + "/x")

    def test_password_never_in_the_log_or_on_disk(self):
        self.pulls(self.basic.host + "/x", auth=auth_header(self.basic.host))
        with open(self.daemon.log, "rb") as f:
            self.assertNotIn(PASSWORD.encode(), f.read())
        for base, _, names in os.walk(self.daemon.data):
            for name in names:
                path = os.path.join(base, name)
                if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < 1 << 20:
                    with open(path, "rb") as f:
                        self.assertNotIn(PASSWORD.encode(), f.read(), path)


class TestUntrusted(Pull):
    """A name that is not loopback (those count as insecure): only a known CA will do."""

    @classmethod
    def set_up_fixtures(cls):
        if not CTX.isolated:
            raise unittest.SkipTest("needs a private network")
        cls.tls = Registry(tls=True, address=FAR)
        cls.fixtures.append(cls.tls)
        cls.tls.push("x", "1", Image())

    @not_oracle("words of its own TLS library")
    def test_unknown_ca(self):
        status, error = self.refuses(self.tls.host + "/x")
        self.assertEqual(status, 500)
        self.assertRegex(error, "(?i)certificate|x509|verif")
