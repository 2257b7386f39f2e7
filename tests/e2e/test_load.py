# SPDX-License-Identifier: Apache-2.0
"""POST /images/load and `docker load`: every form of archive, layer semantics, hostile archives."""

import gzip
import os
import tarfile

from harness import hostile
from harness.case import BB, CTX, E2E, images, not_oracle, takes, wait_for
from harness.images import Image, base_layer, files, hardlink, member, symlink, tar
from harness.rawhttp import Conn

OLD_ENGINE = not_oracle("this form came with 25.0")


def top(*entries):
    """An image of the base layer and one more."""
    return Image([base_layer(), tar(list(entries))])


class Load(E2E):
    image = False

    def tearDown(self):
        self.remove_all()
        for one in self.api.ok("GET", "/images/json"):
            self.api.delete(f"/images/{one['Id']}", force=1)

    def loads(self, archive, ref, id=None):
        """Load, see the message, see the image, run it."""
        status, got = self.api.load(archive)
        self.assertEqual(status, 200, got)
        self.assertEqual([r for r in got if "error" in r], [])
        text = "".join(r.get("stream", "") for r in got)
        if text or not CTX.is_oracle:       # it is silent about legacy archives
            self.assertIn(f"Loaded image: {ref}\n" if ref else f"Loaded image ID: {id}\n", text)
        info = self.api.ok("GET", f"/images/{ref or id}/json")
        if id:
            self.assertEqual(info["Id"], id)
        return info

    def fails(self, archive):
        """The load reports an error in band and leaves no image and no file behind."""
        before = self.footprint()
        status, got = self.api.load(archive)
        errors = [r for r in got if "error" in r or "message" in r]
        self.assertTrue(errors, f"{status} {got}")
        self.assertEqual(self.api.ok("GET", "/images/json", all=1), [])
        self.assertTrue(self.daemon.answers())
        if not CTX.is_oracle:
            self.assertEqual(self.footprint(), before, "files are left over")
        return errors[-1].get("error") or errors[-1].get("message")

    def footprint(self):
        """Names of all regular files of the data root, but for those that always exist."""
        found = set()
        for base, _, names in os.walk(self.daemon.data):
            found |= {os.path.relpath(os.path.join(base, n), self.daemon.data) for n in names}
        return found


class TestForms(Load):
    def runs(self, ref):
        self.assertEqual(self.says("echo yes", image=ref), "yes")

    def test_docker_archive(self):
        info = self.loads(images.base_archive(), BB, images.base_image().id)
        self.assertEqual(info["RepoTags"], [BB])
        self.assertEqual(info["RootFS"]["Layers"], [images.digest(base_layer())])
        self.assertEqual(info["Architecture"], images.ARCH)
        self.assertEqual(info["Os"], "linux")
        self.runs(BB)

    def test_compressed_whole(self):
        self.loads(gzip.compress(images.base_archive(), 1), BB, images.base_image().id)
        self.runs(BB)

    @OLD_ENGINE
    def test_zstd_whole(self):
        self.loads(images.zstd(images.base_archive()), BB, images.base_image().id)
        self.runs(BB)

    def test_compressed_layers(self):
        self.loads(Image().docker_archive("z:1", pack="gzip"), "z:1", images.base_image().id)
        self.runs("z:1")

    @OLD_ENGINE
    def test_zstd_layers(self):
        self.loads(Image().docker_archive("z:1", pack="zstd"), "z:1", images.base_image().id)
        self.runs("z:1")

    def test_legacy(self):
        image = top(member("extra", "more\n", mode=0o644))
        info = self.loads(image.legacy_archive("old", "1.0"), "old:1.0")
        self.assertEqual(info["RootFS"]["Layers"], [images.digest(l) for l in image.layers])
        self.assertEqual(self.says("cat /extra", image="old:1.0"), "more")

    @OLD_ENGINE
    def test_oci_layout(self):
        for pack in (None, "gzip", "zstd"):
            with self.subTest(pack=pack):
                self.loads(Image().oci_layout("docker.io/library/o:1", pack), "o:1",
                           images.base_image().id)
                self.runs("o:1")
                self.api.ok("DELETE", "/images/o:1", force=1)

    @OLD_ENGINE
    def test_oci_and_docker_at_once(self):
        self.loads(Image().oci_layout("both:1", None, docker_too=True), "both:1",
                   images.base_image().id)
        self.runs("both:1")

    def test_no_tag(self):
        id = images.base_image().id
        self.loads(Image().docker_archive(), None, id)
        self.runs(id)

    def test_several_tags(self):
        self.loads(Image().docker_archive("a:1", "b:2", "example.com/c/d:3"), "a:1")
        info = self.api.ok("GET", "/images/b:2/json")
        self.assertEqual(sorted(info["RepoTags"]), ["a:1", "b:2", "example.com/c/d:3"])

    def test_again_is_the_same(self):
        first = self.loads(images.base_archive(), BB)
        second = self.loads(images.base_archive(), BB)
        self.assertEqual(first["Id"], second["Id"])
        self.assertEqual(len(self.api.ok("GET", "/images/json")), 1)

    def test_tag_moves(self):
        self.loads(images.base_archive(), BB)
        other = top(member("x", "y", mode=0o644))
        self.loads(other.docker_archive(BB), BB, other.id)
        old = self.api.ok("GET", f"/images/{images.base_image().id}/json")
        self.assertEqual(old["RepoTags"], [])

    def test_cli(self):
        got = self.docker("load", data=images.base_archive())
        self.assertEqual((got.code, got.out), (0, f"Loaded image: {BB}\n"), got)
        path = os.path.join(CTX.tmp, "bb.tar")
        with open(path, "wb") as f:
            f.write(images.base_archive())
        self.assertEqual(self.docker.ok("load", "-i", path), f"Loaded image: {BB}")
        self.assertEqual(self.docker.ok("run", "--rm", BB, "echo", "hi"), "hi")

    def test_config_reaches_the_container(self):
        image = Image(config={"Env": ["PATH=/bin", "A=1"], "Cmd": ["-c", "echo $A $(pwd) $(id -u)"],
                              "Entrypoint": ["/bin/sh"], "WorkingDir": "/tmp", "User": "1234",
                              "Labels": {"l": "v"}})
        self.loads(image.docker_archive("conf:1"), "conf:1")
        self.assertEqual(self.says(None, image="conf:1"), "1 /tmp 1234")
        self.assertEqual(self.api.ok("GET", "/images/conf:1/json")["Config"]["Labels"], {"l": "v"})


class TestLayers(Load):
    """What layers mean: whiteouts, links, owners, modes, attributes, times."""

    def in_image(self, layers, cmd):
        image = Image([base_layer()] + layers)
        self.loads(image.docker_archive("t:1"), "t:1", image.id)
        return self.says(cmd, image="t:1")

    def test_whiteout(self):
        lower = tar([member("d"), member("d/a", "1"), member("d/b", "2"), member("gone"),
                     member("gone/x", "3")])
        upper = tar([member("d"), member("d/.wh.a", ""), member(".wh.gone", "")])
        self.assertEqual(self.in_image([lower, upper], "ls -A /d; ls -d /gone 2>/dev/null || echo no"),
                         "b\nno")

    def test_opaque(self):
        lower = tar([member("d"), member("d/a", "1"), member("d/s"), member("d/s/b", "2")])
        upper = tar([member("d"), member("d/.wh..wh..opq", ""), member("d/new", "3")])
        self.assertEqual(self.in_image([lower, upper], "ls -A /d"), "new")

    def test_whiteout_then_again(self):
        layers = [files(f="one"), tar([member(".wh.f", "")]), files(f="three")]
        self.assertEqual(self.in_image(layers, "cat /f"), "three")

    def test_file_becomes_directory_and_back(self):
        layers = [tar([member("x", "file", mode=0o644), member("y"), member("y/f", "in", mode=0o644)]),
                  tar([member("x"), member("x/inner", "deep", mode=0o644),
                       member("y", "flat", mode=0o644)])]
        self.assertEqual(self.in_image(layers, "cat /x/inner /y"), "deepflat")

    def test_hard_links(self):
        layer = tar([member("one", "shared", mode=0o644), hardlink("two", "one"),
                     member("d"), hardlink("d/three", "two")])
        self.assertEqual(self.in_image([layer], "cat /d/three; stat -c ' %h' /one"), "shared 3")

    def test_links_of_all_kinds(self):
        layer = tar([symlink("abs", "/etc/passwd"), symlink("rel", "etc/../etc/passwd"),
                     symlink("dangling", "/no/such"), symlink("loop", "loop")])
        got = self.in_image([layer], "head -c4 /abs; head -c4 /rel; readlink /dangling; "
                            "readlink /loop")
        self.assertEqual(got, "rootroot/no/such\nloop")

    def test_directory_over_a_symlink_of_a_lower_layer(self):
        """usr-merged images: writing lib/x where lower has lib -> usr/lib lands in the image."""
        lower = tar([member("usr/lib"), symlink("lib", "usr/lib")])
        upper = tar([member("lib/x", "through", mode=0o644)])
        got = self.in_image([lower, upper], "cat /lib/x")
        self.assertEqual(got, "through")

    def test_owners_and_modes(self):
        layer = tar([member("a", "", mode=0o4755, uid=1234, gid=1235), member("b", "", mode=0o2711),
                     member("c", mode=0o1777, uid=65534), member("big", "", uid=2000000000, gid=1 << 31)])
        got = self.in_image([layer], "stat -c '%a %u %g' /a /b /c /big")
        self.assertEqual(got.splitlines(), ["4755 1234 1235", "2711 0 0", "1777 65534 0",
                                            f"755 2000000000 {1 << 31}"])

    @images.needs_probe
    def test_setuid_works(self):
        layer = tar([member("bin/suid", images.probe(), mode=0o4755)])
        self.loads(Image([base_layer(), layer]).docker_archive("s:1"), "s:1")
        self.assertEqual(self.says(["suid", "ids"], image="s:1", User="1234"), "1234 0")

    def test_times_and_names(self):
        long = "d" * 90 + "/" + "n" * 200
        layer = tar([member("d" * 90), member(long, "x", mode=0o644), member("ünï", "y"),
                     member("sp ace", "z")])
        got = self.in_image([layer], f"stat -c %Y '/{long}' && cat '/ünï' '/sp ace'")
        self.assertEqual(got, "1700000000\nyz")

    def test_gnu_format(self):
        image = Image([base_layer(), tar([member("e" * 120), member("e" * 120 + "/" + "f" * 120, "long",
                                                                    mode=0o644)], tarfile.GNU_FORMAT)])
        self.loads(image.docker_archive("g:1"), "g:1")
        self.assertEqual(self.says(f"cat /{'e' * 120}/{'f' * 120}", image="g:1"), "long")

    def test_xattrs(self):
        cap = bytes.fromhex("0100000202000000000000000000000000000000").decode("latin-1")
        layer = tar([member("cap/cat", open(images.BUSYBOX, "rb").read(),
                            pax={"SCHILY.xattr.security.capability": cap,
                                 "SCHILY.xattr.user.note": "hello"})])
        # CAP_DAC_OVERRIDE on the file lets an ordinary user read root's.
        self.loads(Image([base_layer(), layer]).docker_archive("x:1"), "x:1")
        got = self.says(["/cap/cat", "/etc/secret"], image="x:1", User="1234")
        self.assertEqual(got, "for root")

    def test_many_layers(self):
        layers = [files(**{f"f{i}": str(i)}) for i in range(40)]
        self.assertEqual(self.in_image(layers, "cat /f0 /f17 /f39; ls / | grep -c ^f"), "0173940")

    def test_shared_layers_are_stored_once(self):
        self.loads(images.base_archive(), BB)
        before = self.disk()
        self.loads(top(member("tiny", "x")).docker_archive("t:2"), "t:2")
        self.assertLess(self.disk() - before, 400_000)

    def disk(self):
        return sum(os.lstat(os.path.join(b, n)).st_blocks * 512
                   for b, _, names in os.walk(self.daemon.data) for n in names)


class TestHostile(Load):
    def test_escapes(self):
        mark = os.path.join(CTX.tmp, "victim", "mark")
        os.makedirs(os.path.dirname(mark), exist_ok=True)
        for what, layer in hostile.escapes(mark).items():
            with self.subTest(what=what):
                for _ in range(2):
                    with open(mark, "w") as f:
                        f.write("intact\n")
                    image = Image([base_layer(), layer])
                    status, got = self.api.load(image.docker_archive("evil:1"))
                    if not any("error" in r or "message" in r for r in got):
                        # Accepted: then what it holds is inside the image, never outside.
                        self.says("true", image="evil:1")
                    with open(mark) as f:
                        self.assertEqual(f.read(), "intact\n")
                    self.assertEqual(os.listdir(os.path.dirname(mark)), ["mark"])
                self.assertTrue(self.daemon.answers())
                self.tearDown()

    def test_reaches(self):
        target = os.path.join(CTX.tmp, "host-secret")
        with open(target, "w") as f:
            f.write("host secret\n")
        for what, layer in hostile.reaches(target).items():
            with self.subTest(what=what):
                image = Image([base_layer(), layer])
                status, got = self.api.load(image.docker_archive("evil:1"))
                if not any("error" in r or "message" in r for r in got):
                    code, out, _ = self.output("cat /stolen", image="evil:1")
                    self.assertNotIn("host secret", out)
                self.assertEqual(os.stat(target).st_nlink, 1)
                self.tearDown()

    def test_broken_layers(self):
        for what, layer in hostile.broken(base_layer()).items():
            with self.subTest(what=what):
                self.addCleanup(self.tearDown)
                self.assertTrue(self.fails(Image([layer]).docker_archive("broken:1")))
                self.tearDown()

    def test_broken_archives(self):
        whole = images.base_archive()
        for what, data in {"empty": b"", "zeros": bytes(10240), "cut": whole[:len(whole) // 2],
                           "text": b"hello world\n" * 1000, "gzip cut": gzip.compress(whole, 1)[:9999],
                           "header cut": whole[:300]}.items():
            with self.subTest(what=what):
                if what in ("empty", "zeros") and CTX.is_oracle:
                    continue
                self.assertTrue(self.fails(data))

    def test_bad_manifests(self):
        config = images.base_image().id[7:] + ".json"
        for what, text in {"not json": b"{", "object": b"{}", "empty list": b"[]", "null": b"null",
                           "no such config": b'[{"Config":"x.json","Layers":[]}]',
                           "no such layer": b'[{"Config":"%s","Layers":["nope/layer.tar"]}]'
                           % config.encode(),
                           "outside": b'[{"Config":"../../../../etc/passwd","Layers":[]}]',
                           "bad tag": b'[{"Config":"%s","RepoTags":["UPPER:x"],"Layers":["%s"]}]'
                           % (config.encode(), (images.digest(base_layer())[7:]
                                                + "/layer.tar").encode()),
                           "too few layers": b'[{"Config":"%s","Layers":[]}]' % config.encode(),
                           "deep": b"[" * 100000}.items():
            with self.subTest(what=what):
                if CTX.is_oracle and what in ("empty list", "null", "bad tag"):
                    continue
                self.assertTrue(self.fails(Image().docker_archive("m:1", manifest=text)))

    def test_wrong_diff_id(self):
        image = Image()
        image.config["rootfs"]["diff_ids"] = ["sha256:" + "0" * 64]
        self.fails(image.docker_archive("wrong:1"))

    @OLD_ENGINE
    def test_oci_blob_does_not_match_its_name(self):
        archive = Image().oci_layout("docker.io/library/o:1", None)
        at = archive.find(b"root:x:0:0") + 2
        error = self.fails(hostile.flip(archive, at))
        self.assertTrue(error)

    @takes(120)
    @not_oracle("it has no limit")
    def test_bomb(self):
        """Gigabytes of zeros in a few MB: refused, and nothing of it stays."""
        layer = b"".join(hostile.bomb(2 << 30))
        archive = Image([layer]).docker_archive("bomb:1")
        self.fails(archive)

    def test_devices_make_no_way_to_the_host(self):
        """Device nodes may be in an image, but the container may not open them."""
        image = Image([base_layer(), hostile.devices()])
        status, got = self.api.load(image.docker_archive("dev:1"))
        if any("error" in r for r in got):
            return
        code, out, err = self.output("head -c1 /dev/sda; head -c1 /dev/mem", image="dev:1")
        self.assertNotEqual(code, 0, (out, err))

    def test_client_cut_off(self):
        """The upload ends in the middle: nothing of it stays."""
        before = self.footprint()
        whole = images.base_archive()
        for share in (2, 3, 10):
            conn = Conn(self.daemon.sock)
            conn.send("POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
                      f"Content-Length: {len(whole)}\r\n\r\n")
            conn.send(whole[:len(whole) // share])
            conn.close()
        if not CTX.is_oracle:
            wait_for(lambda: self.footprint() == before, 5, "temporary files gone")
        self.assertEqual(self.api.ok("GET", "/images/json"), [])
