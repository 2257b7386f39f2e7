# SPDX-License-Identifier: Apache-2.0
"""Mounts of type "image": an image's files, read-only, in a container of another."""

import json
import os

from harness.case import BB, E2E, images, not_oracle
from harness.images import Image, member, tar

DATA = "data:1"


@not_oracle("Docker 28 has them first")
class TestImageMounts(E2E):
    @classmethod
    def bring_up(cls):
        super().bring_up()
        layer = tar([member("top", "top\n", mode=0o644), member("sub"), member("sub/file", "below\n", mode=0o644)])
        gone = tar([member("sub/.wh.file", b""), member("sub/other", "second\n", mode=0o644)])
        cls.api.load(Image([layer, gone]).docker_archive(DATA))

    def mount(self, **more):
        return {"HostConfig": {"Mounts": [dict({"Type": "image", "Source": DATA, "Target": "/img"}, **more)]}}

    def test_files(self):
        code, out, err = self.output("cat /img/top /img/sub/other; ls /img/sub; touch /img/x; echo $?", **self.mount())
        self.assertEqual((code, out), (0, "top\nsecond\nother\n1\n"), err)
        self.assertIn("ead-only", err)

    def test_subpath(self):
        self.assertEqual(self.output("cat /img/other", **self.mount(ImageOptions={"Subpath": "sub"}))[:2],
                         (0, "second\n"))
        ref = self.create("true", **self.mount(ImageOptions={"Subpath": "nothing"}))
        self.assertIn(self.api.post(f"/containers/{ref}/start").status, (400, 500))

    def test_shown(self):
        ref = self.create("true", **self.mount())
        shown = self.api.inspect(ref)
        self.assertEqual([(m["Type"], m["Destination"], m["RW"]) for m in shown["Mounts"]], [("image", "/img", False)])
        self.assertEqual(shown["HostConfig"]["Mounts"][0]["Source"], DATA)

    def test_image_stays(self):
        ref = self.create("true", **self.mount())
        self.gives(409, "container " + ref[:12] + " is using its referenced image", "DELETE", f"/images/{DATA}")
        self.assertIsNone(self.api.ok("POST", "/images/prune", filters={"dangling": ["false"]})["ImagesDeleted"])
        self.daemon.restart(kill=True)
        self.gives(409, "is using its referenced image", "DELETE", f"/images/{DATA}")
        self.api.remove(ref)
        self.assertEqual(sorted(os.listdir(f"{self.daemon.data}/snapshots")), [])

    def test_daemon_restart(self):
        ref = self.run_("trap 'exit 0' TERM; while :; do sleep 0.1; done", **self.mount())
        self.daemon.restart(kill=True)
        self.assertEqual(self.docker.ok("exec", ref, "cat", "/img/top"), "top")
        self.api.ok("POST", f"/containers/{ref}/restart", t=0)
        self.assertEqual(self.docker.ok("exec", ref, "cat", "/img/top"), "top")
        got = self.api.get(f"/containers/{ref}/archive", path_="/img/top")
        self.assertEqual(got.status, 200)
        self.api.ok("POST", f"/containers/{ref}/stop", t=0)
        self.assertEqual(self.api.get(f"/containers/{ref}/archive", path_="/img/top").status, 200)
        got = self.api.call("PUT", f"/containers/{ref}/archive", images.files(a="1"),
                            {"Content-Type": "application/x-tar"}, path_="/img")
        self.assertEqual((got.status, json.loads(got.body)["message"]), (400, "mounted volume is marked read-only"))

    def test_cli(self):
        self.assertEqual(self.docker.ok("run", "--rm", "--mount", f"type=image,src={DATA},dst=/img,image-subpath=sub",
                                        BB, "cat", "/img/other"), "second")

    def test_refused(self):
        for more, status, words in ((dict(Source=""), 400, "field Source must not be empty"),
                                    (dict(Target=""), 400, "field Target must not be empty"),
                                    (dict(BindOptions={}), 400, "BindOptions must not be specified"),
                                    (dict(ImageOptions={"Subpath": "../x"}), 400, "subpath must be a relative path"),
                                    (dict(ImageOptions={"Subpath": "/x"}), 400, "subpath must be a relative path"),
                                    (dict(Source="nothere:1"), 404, "No such image: nothere:1")):
            with self.subTest(more):
                body = dict(self.mount(**more), Image=BB, Cmd=["true"])
                self.gives(status, words, "POST", "/containers/create", body)
