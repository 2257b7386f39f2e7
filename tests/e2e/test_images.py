# SPDX-License-Identifier: Apache-2.0
"""Images once they are there: list, filters, inspect, names, tag, remove, every conflict."""

import os
import threading
import time

from harness.case import BB, CTX, E2E, Api, images, not_oracle
from harness.images import Image, base_layer, member, tar

LATER = not_oracle("shapes of 1.44 and later")

class Images(E2E):
    def setUp(self):
        for one in self.api.ok("GET", "/images/json"):
            self.api.delete(f"/images/{one['Id']}", force=1)
        self.load_base(self.api)
        self.image_id = images.base_image().id
        self.short = self.image_id[7:19]

    def load_other(self, ref="other:1", labels=None, text="x"):
        image = Image([base_layer(), tar([member("other", text)])], {"Labels": labels or {}})
        self.api.load(image.docker_archive(ref))
        return image.id

    def listed(self, **filters):
        return self.api.ok("GET", "/images/json", filters=filters or None)

    def tags(self, **filters):
        return sorted(t for one in self.listed(**filters) for t in one["RepoTags"] or [])

class TestList(Images):
    def test_shape(self):
        got, = self.listed()
        self.assertEqual(got["Id"], self.image_id)
        self.assertEqual(got["RepoTags"], [BB])
        self.assertEqual(got["Created"], 1700000000)
        self.assertEqual(got["ParentId"], "")
        self.assertEqual(got["SharedSize"], -1)
        size = sum(len(d) for i, d in [(0, open(images.BUSYBOX, "rb").read()),
                                       (0, images.probe() or b"")])
        self.assertGreaterEqual(got["Size"], size)
        self.assertLess(got["Size"], size + 300_000)

    def test_size(self):
        """Files by their bytes, hard links once, symlinks by where they point; in a container as well."""
        entries = [member("d"), member("d/file", "x" * 1000), images.hardlink("again", "d/file"),
                   images.symlink("there", "d/file/or/not"), member("bin"),
                   member("bin/busybox", open(images.BUSYBOX, "rb").read())]
        self.api.load(Image([tar(entries)]).docker_archive("sized:1"))
        size = self.api.ok("GET", "/images/sized:1/json")["Size"]
        self.assertEqual(size, 1000 + len("d/file/or/not") + os.path.getsize(images.BUSYBOX))
        ref = self.run_(["/bin/busybox", "ln", "-s", "0123456789", "/link"], image="sized:1")
        self.api.wait(ref)
        got = self.api.ok("GET", f"/containers/{ref}/json", size=1)
        self.assertEqual(got["SizeRootFs"] - got["SizeRw"], size)
        self.assertEqual(got["SizeRw"], 10)

    @LATER
    def test_shape_by_version(self):
        got, = self.listed()
        self.assertNotIn("VirtualSize", got)
        self.assertEqual(got["RepoDigests"], [])
        old, = Api(self.daemon.sock, "1.43").ok("GET", "/images/json")
        self.assertEqual(old["VirtualSize"], old["Size"])
        older = Api(self.daemon.sock, "1.44").ok("GET", f"/images/{BB}/json")
        self.assertEqual((older["Container"], older["ContainerConfig"]["Cmd"]), ("", None))
        self.assertFalse({"Container", "ContainerConfig"} & set(
            Api(self.daemon.sock, "1.45").ok("GET", f"/images/{BB}/json")))

    def test_container_count(self):
        self.create("true")
        got, = self.listed()
        if not CTX.is_oracle:
            self.assertEqual(got["Containers"], 1)

    def test_filters(self):
        other = self.load_other(labels={"kind": "b", "x": "y"})
        self.assertEqual(self.tags(), [BB, "other:1"])
        self.assertEqual(self.tags(reference=["bb"]), [BB])
        self.assertEqual(self.tags(reference=["b*:lat*"]), [BB])
        self.assertEqual(self.tags(reference=["oth*", "bb"]), [BB, "other:1"])
        self.assertEqual(self.tags(reference=["nothing*"]), [])
        self.assertEqual(self.tags(label=["kind"]), ["other:1"])
        self.assertEqual(self.tags(label=["kind=b", "x=y"]), ["other:1"])
        self.assertEqual(self.tags(label=["kind=c"]), [])
        self.assertEqual(self.tags(dangling=["false"]), [BB, "other:1"])
        self.assertEqual(self.listed(dangling=["true"]), [])
        self.load_other("other:1", text="newer")
        dangling = self.listed(dangling=["true"])
        self.assertEqual([one["Id"] for one in dangling], [other])

    def test_bad_filters(self):
        self.gives(400, "nvalid filter 'nonsense'", "GET", "/images/json", filters={"nonsense": ["x"]})
        got = self.api.get("/images/json", filters="{not json")
        self.assertEqual(got.status, 500 if CTX.is_oracle else 400)

    def test_cli_images(self):
        self.assertEqual(self.docker.ok("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"),
                         f"{BB} {self.short}")
        self.assertEqual(self.docker.ok("images", "-q", "--no-trunc"), self.image_id)

class TestInspect(Images):
    def test_shape(self):
        got = self.api.ok("GET", f"/images/{BB}/json")
        self.assertEqual(got["Id"], self.image_id)
        self.assertEqual(got["RepoTags"], [BB])
        self.assertEqual(got["Created"], "2023-11-14T22:13:20Z")
        self.assertEqual((got["Architecture"], got["Os"]), (images.ARCH, "linux"))
        self.assertEqual(got["Config"]["Env"], ["PATH=/bin:/usr/bin"])
        self.assertEqual(got["Config"]["Cmd"], ["sh"])
        self.assertEqual(got["RootFS"], {"Type": "layers", "Layers": [images.digest(base_layer())]})
        self.assertGreater(got["Size"], 1_000_000)
        self.assertTrue(got["GraphDriver"]["Name"])
        self.assertRegex(got["Metadata"]["LastTagTime"], r"^\d{4}-\d\d-\d\dT")
        self.api.ok("POST", f"/images/{BB}/tag", repo="bb", tag="again")
        got = self.api.ok("GET", f"/images/{BB}/json")
        self.assertRegex(got["Metadata"]["LastTagTime"], r"^20\d\d-\d\d-\d\dT")

    def test_names(self):
        for ref in ("bb", "bb:latest", "docker.io/library/bb", "docker.io/library/bb:latest",
                    "library/bb", "index.docker.io/library/bb", self.image_id, self.image_id[7:], self.short,
                    self.image_id[7:11], self.image_id[:19]):
            with self.subTest(ref=ref):
                self.assertEqual(self.api.ok("GET", f"/images/{ref}/json")["Id"], self.image_id)

    def test_labels(self):
        """An image without labels says null, one with none of them {}; a container always has some, if none."""
        for given, want in (({}, None), ({"Labels": None}, None), ({"Labels": {}}, {}),
                            ({"Labels": {"a": "b"}}, {"a": "b"})):
            image = Image([base_layer()], dict({"Cmd": ["true"]}, **given))
            self.assertEqual(self.api.load(image.docker_archive("labels:1"))[0], 200)
            for version in ("1.24", "1.30", "1.41") + (() if CTX.is_oracle else ("1.44", "1.49")):
                with self.subTest(version=version, **given):
                    got = Api(self.daemon.sock, version).ok("GET", "/images/labels:1/json")
                    self.assertEqual(got["Config"]["Labels"], want)
                    if "ContainerConfig" in got:
                        self.assertIsNone(got["ContainerConfig"]["Labels"])
            if not CTX.is_oracle:
                got = Api(self.daemon.sock, "1.50").ok("GET", "/images/labels:1/json")
                self.assertEqual(got["Config"].get("Labels"), want or None)
            self.assertEqual([i["Labels"] for i in self.listed() if i["Id"] == image.id], [want])
            ref = self.create(None, image="labels:1")
            self.assertEqual(self.api.inspect(ref)["Config"]["Labels"], want or {})
            self.api.remove(ref)

    def test_missing(self):
        self.gives(404, "No such image: nothere:latest", "GET", "/images/nothere/json")
        self.gives(404, "No such image: nothere:x", "GET", "/images/nothere:x/json")
        self.gives(404, "No such image", "GET", "/images/sha256:" + "0" * 64 + "/json")

    @not_oracle("it answers 500")
    def test_bad_reference(self):
        for ref in ("UPPER", "a:b:c", "-x", "a//b", "x@sha256:zz", "a" * 300):
            with self.subTest(ref=ref):
                got = self.api.get(f"/images/{ref}/json")
                self.assertIn(got.status, (400, 404) if ref != "a//b" else (301, 400, 404), got)
        got = self.api.post(f"/images/{BB}/tag", repo="UPPER")
        self.assertEqual(got.status, 400)
        self.assertRegex(got.message, r"repository name (\(\S+\) )?must be lowercase")

    def test_ambiguous_prefix(self):
        """Among many images some share a first digit; that prefix alone names none."""
        for i in range(17):
            image = Image([tar([member(f"f{i}", "x")])])
            self.api.load(image.docker_archive(f"n{i}:1"))
        ids = [one["Id"][7:] for one in self.listed()]
        first = [i[0] for i in ids]
        shared = next(c for c in first if first.count(c) > 1)
        self.assertNotEqual(self.api.get(f"/images/{shared}/json").status, 200)

class TestTagRemove(Images):
    def test_tag(self):
        got = self.api.post(f"/images/{BB}/tag", repo="example.com:5000/a/b", tag="v1")
        self.assertEqual((got.status, got.body), (201, b""))
        self.api.ok("POST", f"/images/{self.short}/tag", repo="again")
        self.assertEqual(self.tags(), ["again:latest", BB, "example.com:5000/a/b:v1"])
        self.assertEqual(self.docker.ok("run", "--rm", "again", "echo", "x"), "x")

    def test_tag_moves(self):
        other = self.load_other()
        self.api.ok("POST", "/images/other:1/tag", repo="bb", tag="latest")
        self.assertEqual(self.api.ok("GET", "/images/bb/json")["Id"], other)

    @not_oracle("it answers 500")
    def test_tag_errors(self):
        self.gives(404, "No such image: nothere:latest", "POST", "/images/nothere/tag", repo="x")
        for repo, tag in (("UPPER", "x"), ("ok", "bad tag"), ("ok", "-x"), ("ok", "x" * 200), ("", "x")):
            with self.subTest(repo=repo, tag=tag):
                got = self.api.post(f"/images/{BB}/tag", repo=repo, tag=tag)
                self.assertEqual(got.status, 400, got)

    def test_remove_last_tag(self):
        got = self.api.ok("DELETE", f"/images/{BB}")
        self.assertEqual(got[0], {"Untagged": BB})
        self.assertIn({"Deleted": self.image_id}, got)
        self.assertEqual(self.listed(), [])
        self.gives(404, "No such image: bb:latest", "DELETE", f"/images/{BB}")
        self.gives(404, "No such image", "POST", "/containers/create", {"Image": "bb"})

    def test_remove_one_of_two_tags(self):
        self.api.ok("POST", f"/images/{BB}/tag", repo="two")
        self.assertEqual(self.api.ok("DELETE", f"/images/{BB}"), [{"Untagged": BB}])
        self.assertEqual(self.tags(), ["two:latest"])

    def test_remove_by_id(self):
        self.api.ok("POST", f"/images/{BB}/tag", repo="two")
        self.gives(409, f"conflict: unable to delete {self.short} (must be forced) - image is "
                        "referenced in multiple repositories", "DELETE", f"/images/{self.short}")
        got = self.api.ok("DELETE", f"/images/{self.short}", force=1)
        self.assertEqual(sorted(r["Untagged"] for r in got if "Untagged" in r), [BB, "two:latest"])
        self.assertEqual(self.listed(), [])

    def test_used_by_stopped(self):
        ref = self.create("true")
        self.gives(409, f'conflict: unable to remove repository reference "bb" (must force) - container '
                        f"{ref[:12]} is using its referenced image {self.short}", "DELETE", "/images/bb")
        self.gives(409, f"conflict: unable to delete {self.short} (must be forced) - image is being used "
                        f"by stopped container {ref[:12]}", "DELETE", f"/images/{self.image_id}")
        self.api.ok("DELETE", "/images/bb", force=1)
        self.assertEqual(self.tags(), [])
        # The container still has what it needs.
        self.assertEqual(self.api.inspect(ref)["Image"], self.image_id)
        self.api.start(ref)
        self.assertEqual(self.api.wait(ref), 0)

    def test_used_by_running(self):
        ref = self.run_("sleep 1000")
        text = (f"conflict: unable to delete {self.short} (cannot be forced) - image is being used by "
                f"running container {ref[:12]}")
        self.gives(409, text, "DELETE", f"/images/{self.image_id}", force=1)
        self.gives(409, "(must force)", "DELETE", "/images/bb")

    def test_removed_while_tagged_twice_and_used(self):
        self.create("true")
        self.api.ok("POST", f"/images/{BB}/tag", repo="two")
        self.assertEqual(self.api.ok("DELETE", "/images/two"), [{"Untagged": "two:latest"}])

    def test_files_go(self):

        def files():
            return sum(len(n) for _, _, n in os.walk(self.daemon.data))
        before = files()
        self.load_other()
        self.assertGreater(files(), before)
        self.api.ok("DELETE", "/images/other:1")
        if not CTX.is_oracle:
            self.assertEqual(files(), before)

    def test_cli(self):
        self.docker.ok("tag", "bb", "x:1")
        got = self.docker("rmi", "nothere")
        self.assertEqual(got.code, 1)
        self.assertIn("No such image: nothere:latest", got.err)
        self.assertEqual(self.docker.ok("rmi", "x:1"), "Untagged: x:1")
        self.assertIn(f"Deleted: {self.image_id}", self.docker.ok("rmi", "bb"))

    def test_survives_a_restart(self):
        self.api.ok("POST", f"/images/{BB}/tag", repo="two", tag="x")
        before = self.listed()
        self.daemon.restart()
        self.assertEqual(self.listed(), before)
        self.daemon.restart(kill=True)
        self.assertEqual(self.listed(), before)
        self.assertEqual(self.says("echo ok", image="two:x"), "ok")

    def test_at_once(self):
        """Tagging and removing from several connections leaves a consistent list."""

        def work(n):
            api = Api(self.daemon.sock)
            for i in range(10):
                api.post(f"/images/{BB}/tag", repo=f"par{n}", tag=str(i))
                api.delete(f"/images/par{n}:{i}")
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        [t.start() for t in threads]
        end = time.monotonic() + 30 * CTX.slow
        [t.join(max(0.1, end - time.monotonic())) for t in threads]
        self.assertEqual(self.tags(), [BB])
