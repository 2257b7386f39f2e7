# SPDX-License-Identifier: Apache-2.0
"""Volumes: the docker client, the API, copy-up, --volumes-from, removal, prune, crashes."""

import json
import os
import random
import re
import stat
import subprocess
import threading
import time

from harness import leaks
from harness.case import Api, BB, CTX, E2E, images, needs_host, not_oracle, takes, unittest, wait_for

NAME = re.compile(r"[0-9a-f]{64}")


def with_data(name="vol:1", volumes=("/data",)):
    """An image with a /data of its own: owners, modes, links, an attribute, and a VOLUME line."""
    layer = images.tar([
        images.member("data", mode=0o1770, uid=12, gid=34),
        images.member("data/file", b"from the image", mode=0o640, uid=12, gid=34),
        images.member("data/sub", mode=0o700, uid=7),
        images.member("data/sub/deep", b"deep", mode=0o644),
        images.symlink("data/link", "/etc/passwd"),
        images.hardlink("data/again", "data/file"),
        images.member("data/.wh.nothing", b""),
        images.symlink("linked", "/data"),
        images.symlink("outside", "../../../../../etc"),
    ])
    return images.Image([images.base_layer(), layer],
                        config={"Volumes": {v: {} for v in volumes}} if volumes else {}).docker_archive(name)


class Volumes(E2E):
    def tearDown(self):
        self.remove_all()
        for v in self.api.ok("GET", "/volumes")["Volumes"]:
            self.api.ok("DELETE", f"/volumes/{v['Name']}", force=1)

    def sh(self, *args):
        return self.docker.ok("run", "--rm", *args[:-1], BB, "sh", "-c", args[-1])

    def names(self, **filters):
        more = {"filters": json.dumps(filters)} if filters else {}
        return [v["Name"] for v in self.api.ok("GET", "/volumes", **more)["Volumes"]]

    def volume(self, name, **body):
        return self.api.ok("POST", "/volumes/create", dict(body, Name=name), status=201)

    def mounts(self, ref):
        return {m["Destination"]: m for m in self.api.inspect(ref)["Mounts"]}


class TestEndpoints(Volumes):
    image = False

    def test_create_inspect_remove(self):
        made = self.volume("one", Labels={"a": "b"})
        self.assertEqual(made["Name"], "one")
        self.assertEqual(made["Driver"], "local")
        self.assertEqual(made["Scope"], "local")
        self.assertEqual(made["Labels"], {"a": "b"})
        self.assertRegex(made["CreatedAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$")
        self.assertTrue(os.path.isdir(made["Mountpoint"]))
        self.assertEqual(self.api.ok("GET", "/volumes/one"), made)
        self.api.ok("DELETE", "/volumes/one", status=204)
        self.assertFalse(os.path.exists(os.path.dirname(made["Mountpoint"])))
        self.gives(404, "get one: no such volume", "GET", "/volumes/one")
        self.gives(404, "get one: no such volume", "DELETE", "/volumes/one")
        self.api.ok("DELETE", "/volumes/one", status=204, force=1)

    def test_create_again_is_the_same(self):
        first = self.volume("same", Labels={"n": "1"})
        self.assertEqual(self.volume("same", Labels={"n": "2"}), first)
        self.assertEqual(self.names(), ["same"])

    def test_anonymous(self):
        made = self.volume("")
        self.assertRegex(made["Name"], NAME)
        if not CTX.is_oracle:
            self.assertEqual(made["Labels"], {"com.docker.volume.anonymous": ""})

    def test_bad_names(self):
        for name in ("a/b", "-x", ".hidden", "a b", "..", "ü"):
            with self.subTest(name=name):
                self.gives(400, "includes invalid characters for a local volume name, only "
                           '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host '
                           "directory, use absolute path", "POST", "/volumes/create", {"Name": name})
        self.gives(400, "volume name is too short", "POST", "/volumes/create", {"Name": "x"})
        got = self.api.post("/volumes/create", {"Name": "x" * 300})
        self.assertIn(got.status, (400, 500))
        self.assertEqual(self.names(), [])

    def test_bad_options(self):
        for opts, text in (({"nonsense": "1"}, 'invalid option: "nonsense"'),
                           ({"type": "tmpfs"}, 'missing required option: "device"'),
                           ({"device": "x"}, 'missing required option: "type"'),
                           ({"o": "ro", "type": "none"}, 'missing required option: "device"'),
                           ({"size": "1m"}, "quota size requested but no quota support")):
            with self.subTest(opts=opts):
                self.gives(400, text, "POST", "/volumes/create", {"Name": "bad", "DriverOpts": opts})
        self.gives(404, 'plugin "flocker" not found', "POST", "/volumes/create",
                   {"Name": "bad", "Driver": "flocker"})
        self.assertEqual(self.names(), [])

    def test_bad_bodies(self):
        for body in (b"{", b"[]", b'{"Name":1}'):
            with self.subTest(body=body):
                got = self.api.post("/volumes/create", body, headers={"Content-Type": "application/json"})
                self.assertEqual(got.status, 400, got)

    def test_list_filters(self):
        self.volume("apple", Labels={"kind": "fruit"})
        self.volume("pear", Labels={"kind": "fruit", "ripe": ""})
        self.volume("leek")
        self.assertEqual(sorted(self.names()), ["apple", "leek", "pear"])
        self.assertEqual(sorted(self.names(label=["kind=fruit"])), ["apple", "pear"])
        self.assertEqual(self.names(label=["kind=fruit", "ripe"]), ["pear"])
        self.assertEqual(self.names(name=["pp"]), ["apple"])
        self.assertEqual(sorted(self.names(driver=["local"])), ["apple", "leek", "pear"])
        self.assertEqual(self.names(driver=["other"]), [])
        self.assertEqual(len(self.names(dangling=["true"])), 3)
        self.assertEqual(self.names(dangling=["false"]), [])
        self.gives(400, "invalid filter", "GET", "/volumes", filters={"nonsense": ["x"]})
        self.gives(400, "dangling", "GET", "/volumes", filters={"dangling": ["maybe"]})

    @not_oracle("it is older than cluster volumes")
    def test_update(self):
        self.volume("up")
        self.gives(503, "volume update only valid for cluster volumes, but swarm is unavailable",
                   "PUT", "/volumes/up", {"Spec": {}}, version=1)

    def test_prune(self):
        self.volume("named", Labels={"keep": "1"})
        self.volume("")
        got = self.api.ok("POST", "/volumes/prune")
        if not CTX.is_oracle:
            self.assertEqual(len(got["VolumesDeleted"]), 1)
            self.assertEqual(self.names(), ["named"])
        self.volume("other")
        got = self.api.ok("POST", "/volumes/prune", filters={"all": ["true"], "label!": ["keep"]}) \
            if not CTX.is_oracle else {"VolumesDeleted": ["other"]}
        self.assertEqual(got["VolumesDeleted"], ["other"])
        if CTX.is_oracle:
            return
        self.gives(400, "invalid filter", "POST", "/volumes/prune", filters={"until": ["1h"]})
        old = Api(self.daemon.sock, version="1.41")
        got = old.ok("POST", "/volumes/prune")
        self.assertEqual(got["VolumesDeleted"], ["named"])
        self.assertEqual(self.api.ok("POST", "/volumes/prune"), {"VolumesDeleted": [], "SpaceReclaimed": 0})

    def test_client(self):
        self.assertEqual(self.docker.ok("volume", "create", "--label", "x=y", "cli"), "cli")
        self.assertIn("cli", self.docker.ok("volume", "ls"))
        got = json.loads(self.docker.ok("volume", "inspect", "cli"))
        self.assertEqual(got[0]["Labels"], {"x": "y"})
        self.assertEqual(self.docker.ok("volume", "rm", "cli"), "cli")
        got = self.docker("volume", "rm", "cli")
        self.assertEqual(got.code, 1)
        self.assertIn("no such volume", got.err)

    def test_survives(self):
        self.volume("stays", Labels={"l": "v"}, DriverOpts={"type": "tmpfs", "device": "tmpfs", "o": "size=1m"})
        before = self.api.ok("GET", "/volumes/stays")
        self.daemon.restart(kill=True)
        self.assertEqual(self.api.ok("GET", "/volumes/stays"), before)
        self.assertEqual(before["Options"], {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"})

    @not_oracle("it keeps its own files")
    def test_remains_are_swept(self):
        self.volume("good")
        top = os.path.dirname(os.path.dirname(self.api.ok("GET", "/volumes/good")["Mountpoint"]))
        self.daemon.kill9()
        os.makedirs(f"{top}/.new-0123/_data")
        os.makedirs(f"{top}/.gone-0123/_data/x")
        os.makedirs(f"{top}/good/_copy/x")
        self.daemon.start()
        self.assertEqual(os.listdir(top), ["good"])
        self.assertEqual(sorted(os.listdir(f"{top}/good")), ["_data", "volume.json"])


class TestContainers(Volumes):
    def test_named(self):
        self.sh("-v", "vol:/data", "echo kept > /data/f")
        self.assertEqual(self.sh("-v", "vol:/data:ro", "cat /data/f"), "kept")
        got = self.docker("run", "--rm", "-v", "vol:/data:ro", BB, "touch", "/data/no")
        self.assertEqual(got.code, 1)
        self.assertEqual(self.names(), ["vol"])

    def test_inspect(self):
        ref = self.create("true", HostConfig={"Binds": ["vol:/a", "vol:/b:ro"]}, Volumes={"/c": {}})
        got = self.mounts(ref)
        point = self.api.ok("GET", "/volumes/vol")["Mountpoint"]
        self.assertEqual(got["/a"], {"Type": "volume", "Name": "vol", "Source": point, "Destination": "/a",
                                     "Driver": "local", "Mode": "z", "RW": True, "Propagation": ""})
        self.assertEqual((got["/b"]["Mode"], got["/b"]["RW"]), ("ro", False))
        self.assertRegex(got["/c"]["Name"], NAME)
        self.assertEqual((got["/c"]["Mode"], got["/c"]["RW"]), ("", True))
        self.daemon.restart(kill=True)
        self.assertEqual(self.mounts(ref), got)

    def test_in_use(self):
        one = self.create("true", HostConfig={"Binds": ["vol:/a"]})
        text = f"remove vol: volume is in use - [{one}]"
        self.gives(409, text, "DELETE", "/volumes/vol")
        self.gives(409, text, "DELETE", "/volumes/vol", force=1)
        self.assertEqual(self.names(dangling=["false"]), ["vol"])
        self.daemon.restart(kill=True)
        self.gives(409, text, "DELETE", "/volumes/vol")
        self.api.remove(one)
        self.assertEqual(self.names(dangling=["true"]), ["vol"])
        self.api.ok("DELETE", "/volumes/vol", status=204)

    def test_list_by_volume(self):
        one = self.create("true", HostConfig={"Binds": ["vol:/a"]})
        self.create("true")
        got = self.api.ok("GET", "/containers/json", all=1, filters={"volume": ["vol"]})
        self.assertEqual([c["Id"] for c in got], [one])

    def test_anonymous_removed_with_v(self):
        for v in (0, 1):
            ref = self.create("true", HostConfig={"Binds": ["/b", "named:/n"]}, Volumes={"/a": {}})
            self.assertEqual(len(self.names()), 3)
            self.api.ok("DELETE", f"/containers/{ref}", v=v)
            self.assertEqual(len(self.names()), 1 if v else 3)
            for name in self.names():
                self.api.ok("DELETE", f"/volumes/{name}")

    def test_anonymous_removed_with_auto_remove(self):
        self.docker.ok("run", "--rm", "-v", "/a", "-v", "named:/n", BB, "true")
        wait_for(lambda: self.names() == ["named"], 5, "the anonymous volume gone")

    def test_failed_create_leaves_none(self):
        got = self.api.post("/containers/create", {"Image": BB, "Cmd": ["true"], "Volumes": {"/a": {}},
                                                   "HostConfig": {"Binds": ["bad name:/x"]}})
        self.assertIn(got.status, (400, 500))
        self.gives(400 if not CTX.is_oracle else 500, "cannot mount volume over existing file", "POST",
                   "/containers/create", {"Image": BB, "Volumes": {"/a": {}, "/etc/passwd": {}}})
        self.assertEqual(self.names(), [])
        self.assertEqual(self.api.ok("GET", "/containers/json", all=1), [])

    def test_mounts_api(self):
        ref = self.create("echo x > /m/f; cat /m/f", HostConfig={"Mounts": [
            {"Type": "volume", "Source": "lab", "Target": "/m",
             "VolumeOptions": {"Labels": {"l": "1"}, "NoCopy": True}},
            {"Type": "volume", "Target": "/anon"}]})
        self.assertEqual(self.api.ok("GET", "/volumes/lab")["Labels"], {"l": "1"})
        self.assertRegex(self.mounts(ref)["/anon"]["Name"], NAME)
        self.api.start(ref)
        self.assertEqual(self.api.wait(ref), 0)
        self.assertEqual(self.api.logs(ref)[0], b"x\n")
        self.api.ok("DELETE", f"/containers/{ref}", v=1)
        self.assertEqual(self.names(), ["lab"])

    @not_oracle("its messages are older")
    def test_mount_errors(self):
        vol = {"Type": "volume", "Source": "v0", "Target": "/m"}
        for mount, text in (
                (dict(vol, Target=""), "field Target must not be empty"),
                (dict(vol, Target="m"), "mount path must be absolute"),
                (dict(vol, Target="/"), "destination can't be '/'"),
                (dict(vol, Source="", ReadOnly=True), "must not set ReadOnly mode when using anonymous volumes"),
                (dict(vol, Source="a/b"), "includes invalid characters"),
                (dict(vol, VolumeOptions={"DriverConfig": {"Name": "x0"}}), "plugin"),
                (dict(vol, BindOptions={"Propagation": "rprivate"}),
                 'BindOptions must not be specified on mount type "volume"'),
                (dict(vol, Type="bind", Source="/tmp", VolumeOptions={"NoCopy": True}),
                 'VolumeOptions must not be specified on mount type "bind"'),
                (dict(vol, Type="bind", Source="/nonexistent/x"), "bind source path does not exist: /nonexistent/x"),
                (dict(vol, Type="nonsense"), "mount type unknown"),
                (dict(vol, Type="npipe"), "mount type unknown")):
            with self.subTest(mount=mount):
                self.gives(400, text, "POST", "/containers/create", {"Image": BB, "HostConfig": {"Mounts": [mount]}})
        for more in ({"Binds": ["v1:/m"]}, {"Tmpfs": {"/m/": ""}}):
            self.gives(400, "Duplicate mount point: /m", "POST", "/containers/create",
                       {"Image": BB, "HostConfig": dict(more, Mounts=[vol])})
        for bind in ("v:/m:ro,rw", "v:/m:nonsense", "v:/m:rslave", "/tmp:/m:nocopy", "/m:ro", "v:m", "v:/", "a:b:c:d"):
            with self.subTest(bind=bind):
                got = self.api.post("/containers/create", {"Image": BB, "HostConfig": {"Binds": [bind]}})
                self.assertEqual(got.status, 400, got)
                self.assertRegex(got.message, "invalid (volume specification|mode): ")
        old = Api(self.daemon.sock, version="1.44")
        got = old.post("/containers/create", {"Image": BB, "HostConfig": {"Mounts": [
            dict(vol, VolumeOptions={"Subpath": "x"})]}})
        self.assertEqual((got.status, got.message), (400, "VolumeOptions.Subpath needs API v1.45 or newer"))
        self.assertEqual(self.names(), [])

    @not_oracle("it is older than subpaths")
    def test_subpath(self):
        self.sh("-v", "vol:/v", "mkdir -p /v/a/b; echo in > /v/a/b/f; ln -s a/b /v/l; ln -s /etc /v/out; echo one > /v/file")

        def run(path, target="/s", cmd="cat /s/f"):
            mount = f"type=volume,src=vol,dst={target},volume-subpath={path}"
            return self.docker("run", "--rm", "--mount", mount, BB, "sh", "-c", cmd)
        self.assertEqual(run("a/b").out, "in\n")
        self.assertEqual(run("l").out, "in\n")
        self.assertEqual(run("file", "/one", "cat /one").out, "one\n")
        for path in ("out", "../..", "a/../../.."):
            got = run(path)
            self.assertNotEqual(got.code, 0, path)
            self.assertIn("cannot access path" if path == "out" else
                          "subpath must be a relative path within the volume", got.err)
        self.assertIn("cannot access path", run("nosuch").err)
        self.assertEqual([m for m in leaks.mounts(self.daemon.root) if "volume-" in m], [])

    @not_oracle("it is older than subpaths")
    def test_subpath_over_a_crash(self):
        self.sh("-v", "vol:/v", "mkdir /v/a; echo in > /v/a/f")
        ref = self.run_("sleep 1000", HostConfig={"Mounts": [
            {"Type": "volume", "Source": "vol", "Target": "/s", "VolumeOptions": {"Subpath": "a"}}]})
        self.daemon.restart(kill=True)
        self.assertEqual(self.docker("exec", ref, "cat", "/s/f").out, "in\n")
        self.api.ok("POST", f"/containers/{ref}/stop", t=0)
        self.assertEqual([m for m in leaks.mounts(self.daemon.root) if "volume-" in m], [])
        self.docker.ok("cp", f"{ref}:/s/f", self.path("part"))
        self.api.start(ref)
        self.assertEqual(self.docker("exec", ref, "cat", "/s/f").out, "in\n")
        self.daemon.kill9()
        subprocess.run(["kill", "-9", str(0 or self.pid_of(ref))], check=False)
        self.daemon.start()
        wait_for(lambda: self.api.inspect(ref)["State"]["Status"] == "exited", 10, "exited")
        self.assertEqual([m for m in leaks.mounts(self.daemon.root) if "volume-" in m], [])

    def pid_of(self, ref):
        for pid, line in leaks.processes().items():
            if line.startswith("sleep 1000"):
                return pid
        return 0

    def test_volumes_from(self):
        top = self.path("from")
        os.makedirs(top, exist_ok=True)
        first = self.create("true", name="first", HostConfig={"Binds": ["named:/n", f"{top}:/h"]}, Volumes={"/a": {}})
        second = self.create("true", HostConfig={"VolumesFrom": ["first:ro"], "Binds": ["own:/n"]})
        one, two = self.mounts(first), self.mounts(second)
        self.assertEqual(sorted(two), ["/a", "/h", "/n"])
        self.assertEqual(two["/a"]["Name"], one["/a"]["Name"])
        self.assertEqual((two["/a"]["RW"], two["/h"]["RW"], two["/n"]["RW"]), (False, False, True))
        self.assertEqual(two["/n"]["Name"], "own")
        self.assertEqual(self.api.inspect(second)["HostConfig"]["VolumesFrom"], ["first:ro"])
        self.api.ok("DELETE", f"/containers/{first}", v=1)     # the other one has it still
        self.assertIn(one["/a"]["Name"], self.names())
        self.api.ok("DELETE", f"/containers/{second}", v=1)
        self.assertNotIn(one["/a"]["Name"], self.names())

    def test_volumes_from_shares(self):
        self.docker.ok("create", "--name", "first", "-v", "/a", BB)
        self.docker.ok("run", "--rm", "--volumes-from", "first", BB, "sh", "-c", "echo x > /a/f")
        self.assertEqual(self.docker.ok("run", "--rm", "--volumes-from", "first", BB, "cat", "/a/f"), "x")
        got = self.docker("run", "--rm", "--volumes-from", "nosuch", BB, "true")
        self.assertEqual(got.code, 125)
        self.assertIn("No such container: nosuch", got.err)
        got = self.docker("run", "--rm", "--volumes-from", "first:nocopy", BB, "true")
        self.assertIn("invalid mode", got.err)

    def test_driver(self):
        self.assertEqual(self.sh("--volume-driver", "local", "-v", "vol:/v", "echo yes"), "yes")
        got = self.docker("run", "--rm", "--volume-driver", "flocker", "-v", "vol2:/v", BB, "true")
        self.assertEqual(got.code, 125)
        self.assertIn('plugin "flocker" not found', got.err.replace("\\", ""))

    def test_copying_into_a_stopped_one(self):
        ref = self.create("cat /v/f", HostConfig={"Binds": ["vol:/v"]})
        src = self.path("f")
        with open(src, "w") as f:
            f.write("copied in")
        self.docker.ok("cp", src, f"{ref}:/v/f")
        with open(self.api.ok("GET", "/volumes/vol")["Mountpoint"] + "/f") as f:
            self.assertEqual(f.read(), "copied in")
        self.api.start(ref)
        self.api.wait(ref)
        self.assertEqual(self.api.logs(ref)[0], b"copied in")

    def test_prune_spares_what_is_used(self):
        ref = self.create("true", Volumes={"/a": {}})
        self.assertEqual(self.api.ok("POST", "/volumes/prune")["VolumesDeleted"] or [], [])
        self.api.ok("DELETE", f"/containers/{ref}")
        self.assertEqual(len(self.api.ok("POST", "/volumes/prune")["VolumesDeleted"]), 1)

    def test_prune_tells_the_space(self):
        self.sh("-v", "big:/v", "dd if=/dev/zero of=/v/f bs=1024 count=512 2>/dev/null")
        out = self.docker.ok("volume", "prune", "-f", *(() if CTX.is_oracle else ("-a",)))
        self.assertIn("big", out)
        self.assertRegex(out, r"Total reclaimed space: 5\d\d\.?\d*kB")

    def test_disk_usage(self):
        self.sh("-v", "big:/v", "dd if=/dev/zero of=/v/f bs=1024 count=100 2>/dev/null")
        self.create("true", HostConfig={"Binds": ["big:/v"]})
        self.volume("idle")
        got = {v["Name"]: v["UsageData"] for v in self.api.ok("GET", "/system/df")["Volumes"]}
        self.assertEqual({name: one["RefCount"] for name, one in got.items()}, {"big": 1, "idle": 0})
        self.assertEqual(got["big"]["Size"], 102400)
        self.assertRegex(self.docker.ok("system", "df"), r"Local Volumes +2 +1 +102\.4kB +0B")

    @takes(120)
    def test_many_at_once(self):
        jobs = [subprocess.Popen(["docker", "-H", f"unix://{self.daemon.sock}", "run", "--rm", "-v", "shared:/s",
                                  "-v", "/anon", BB, "sh", "-c", f"echo {n} >> /s/all"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for n in range(12)]
        for job in jobs:
            _, err = job.communicate(timeout=100)
            self.assertEqual(job.returncode, 0, err)
        with open(self.api.ok("GET", "/volumes/shared")["Mountpoint"] + "/all") as f:
            self.assertEqual(sorted(int(n) for n in f), list(range(12)))
        wait_for(lambda: self.names() == ["shared"], 10, "the anonymous ones gone")


@needs_host
class TestCopyUp(Volumes):
    @classmethod
    def bring_up(cls):
        super().bring_up()
        cls.api.load(with_data())
        cls.api.load(with_data("plain:1", ()))

    def check(self, top):
        st = os.stat(top)
        self.assertEqual((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)), (12, 34, 0o1770))
        self.assertEqual(sorted(os.listdir(top)), ["again", "file", "link", "sub"])
        st = os.stat(top + "/file")
        self.assertEqual((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode), st.st_nlink), (12, 34, 0o640, 2))
        self.assertEqual(st.st_ino, os.stat(top + "/again").st_ino)
        self.assertEqual(os.readlink(top + "/link"), "/etc/passwd")
        with open(top + "/sub/deep") as f:
            self.assertEqual(f.read(), "deep")

    def test_image_volume(self):
        ref = self.create("true", image="vol:1")
        self.check(self.mounts(ref)["/data"]["Source"])
        self.assertEqual(self.api.inspect(ref)["Config"]["Volumes"], {"/data": {}})
        self.assertEqual(leaks.mounts(self.daemon.root), [])

    def test_named(self):
        ref = self.create("true", image="plain:1", HostConfig={"Binds": ["vol:/data"]})
        self.check(self.mounts(ref)["/data"]["Source"])
        top = self.api.ok("GET", "/volumes/vol")["Mountpoint"]
        os.unlink(top + "/file")
        self.create("true", image="plain:1", HostConfig={"Binds": ["vol:/data"]})
        self.assertFalse(os.path.exists(top + "/file"))     # not empty: nothing is copied

    def test_nocopy(self):
        for host in ({"Binds": ["vol:/data:nocopy"]},
                     {"Mounts": [{"Type": "volume", "Source": "vol", "Target": "/data",
                                  "VolumeOptions": {"NoCopy": True}}]}):
            ref = self.create("true", image="plain:1", HostConfig=host)
            self.assertEqual(os.listdir(self.mounts(ref)["/data"]["Source"]), [])

    def test_links_stay_inside(self):
        ref = self.create("true", image="plain:1", HostConfig={"Binds": ["v1:/linked", "v2:/outside"]})
        got = self.mounts(ref)
        self.check(got["/linked"]["Source"])
        self.assertIn("secret", os.listdir(got["/outside"]["Source"]))
        self.assertNotIn("shadow-", os.listdir(got["/outside"]["Source"]))

    def test_bind_is_never_filled(self):
        top = self.path("empty")
        os.makedirs(top, exist_ok=True)
        self.create("true", image="plain:1", HostConfig={"Binds": [f"{top}:/data"]})
        self.assertEqual(os.listdir(top), [])

    def test_into_a_volume_in_use(self):
        """A running container keeps seeing the volume that is filled."""
        ref = self.run_("sleep 1000", HostConfig={"Binds": ["vol:/v"]})
        self.create("true", image="plain:1", HostConfig={"Binds": ["vol:/data"]})
        self.assertEqual(self.docker("exec", ref, "cat", "/v/file").out, "from the image")

    @takes(120)
    @not_oracle("a crash may leave a part")
    def test_crash_while_filling(self):
        """Never a part of the copy, and no container or anonymous volume of a create that was cut off."""
        many = images.tar([images.member("data")] + [images.member(f"data/{i}", b"x" * 100) for i in range(3000)])
        self.api.load(images.Image([images.base_layer(), many]).docker_archive("many:1"))
        for n in range(8):
            body = {"Image": "many:1", "Cmd": ["true"], "HostConfig": {"Binds": [f"v{n}:/data"]}, "Volumes": {"/anon": {}}}

            def create():
                try:
                    self.api.post("/containers/create", body, timeout=10)
                except Exception:
                    pass
            one = threading.Thread(target=create)
            one.start()
            one.join(random.uniform(0, 0.25))
            self.daemon.kill9()
            one.join()
            self.daemon.start()
            made = self.api.ok("GET", "/containers/json", all=1)
            anonymous = [v for v in self.names() if NAME.match(v)]
            self.assertEqual(len(anonymous), len(made))
            if f"v{n}" in self.names():
                top = self.api.ok("GET", f"/volumes/v{n}")["Mountpoint"]
                self.assertIn(len(os.listdir(top)), (3000,) if made else (0, 3000))
                self.assertEqual(sorted(os.listdir(os.path.dirname(top))), ["_data", "volume.json"])
            self.assertEqual(leaks.mounts(self.daemon.root), [])
            for c in made:
                self.api.ok("DELETE", f"/containers/{c['Id']}", v=1)


class TestOptions(Volumes):
    def test_bind(self):
        top = self.path("src")
        os.makedirs(top, exist_ok=True)
        self.docker.ok("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={top}", "bound")
        self.sh("-v", "bound:/v", "echo through > /v/f")
        with open(top + "/f") as f:
            self.assertEqual(f.read(), "through\n")
        self.assertEqual(leaks.mounts(self.daemon.root), [])
        self.docker.ok("volume", "rm", "bound")
        self.assertTrue(os.path.exists(top + "/f"))

    def test_read_only_bind(self):
        top = self.path("rosrc")
        os.makedirs(top, exist_ok=True)
        self.volume("ro", DriverOpts={"type": "none", "o": "bind,ro", "device": top})
        got = self.docker("run", "--rm", "-v", "ro:/v", BB, "touch", "/v/f")
        self.assertEqual(got.code, 1)
        self.assertIn("Read-only", got.err)

    def test_tmpfs_counted(self):
        self.volume("tmp", DriverOpts={"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=77"})
        point = self.api.ok("GET", "/volumes/tmp")["Mountpoint"]
        self.assertNotIn(point, leaks.mounts())
        one = self.run_("sleep 1000", HostConfig={"Binds": ["tmp:/v"]})
        two = self.run_("sleep 1000", HostConfig={"Binds": ["tmp:/v"]})
        self.assertEqual(leaks.mounts().count(point), 1)
        self.assertEqual(self.docker("exec", one, "stat", "-c", "%u", "/v").out, "77\n")
        self.docker.ok("exec", one, "sh", "-c", "echo shared > /v/f")
        self.assertEqual(self.docker("exec", two, "cat", "/v/f").out, "shared\n")
        self.daemon.restart(kill=True)
        self.api.ok("POST", f"/containers/{one}/kill")
        self.assertEqual(leaks.mounts().count(point), 1)
        self.api.ok("POST", f"/containers/{two}/kill")
        wait_for(lambda: point not in leaks.mounts(), 5, "the volume unmounted")

    @not_oracle("it leaves them")
    def test_swept_after_a_crash(self):
        self.volume("tmp", DriverOpts={"type": "tmpfs", "device": "tmpfs"})
        point = self.api.ok("GET", "/volumes/tmp")["Mountpoint"]
        self.daemon.kill9()
        subprocess.run(["mount", "-t", "tmpfs", "none", point], check=True)
        self.daemon.start()
        self.assertNotIn(point, leaks.mounts())

    def test_mount_fails(self):
        self.volume("bad", DriverOpts={"type": "none", "o": "bind", "device": "/nonexistent/dir"})
        ref = self.create("true", HostConfig={"Binds": ["bad:/v"]})
        got = self.gives(500, "error while mounting volume", "POST", f"/containers/{ref}/start")
        self.assertIn("failed to mount local volume: mount /nonexistent/dir:", got.message)
        self.assertIn("no such file or directory", got.message.lower())
        self.volume("secret", DriverOpts={"type": "cifs", "device": "//127.0.0.1/x", "o": "user=u,password=hush"})
        ref = self.create("true", HostConfig={"Binds": ["secret:/v"]})
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, 500)
        self.assertNotIn("hush", got.message)
        self.assertEqual(leaks.mounts(self.daemon.root), [])

    def test_never_pruned(self):
        self.volume("opt", DriverOpts={"type": "tmpfs", "device": "tmpfs"})
        self.api.ok("POST", "/volumes/prune", **({} if CTX.is_oracle else {"filters": {"all": ["true"]}}))
        self.assertEqual(self.names(), ["opt"])


class TestEvents(Volumes):
    def test_all(self):
        since = int(time.time())
        self.volume("ev")
        ref = self.run_("true", HostConfig={"Binds": ["ev:/v"]})
        self.api.wait(ref)
        self.exited(ref)
        self.api.remove(ref)
        self.api.ok("DELETE", "/volumes/ev")
        got = self.api.get("/events", since=since, until=int(time.time()) + 1,
                           filters={"type": ["volume"], "volume": ["ev"]})
        events = [json.loads(line) for line in got.body.splitlines()]
        self.assertEqual([e["Action"] for e in events], ["create", "mount", "unmount", "destroy"])
        self.assertEqual(events[0]["Actor"], {"ID": "ev", "Attributes": {"driver": "local"}})
        self.assertEqual(events[1]["Actor"]["Attributes"], {
            "container": ref, "destination": "/v", "driver": "local", "propagation": "", "read/write": "true"})
        self.assertEqual(events[2]["Actor"]["Attributes"], {"container": ref, "driver": "local"})


class TestDockerPy(Volumes):
    def test_docker_py(self):
        import docker
        client = docker.DockerClient(base_url=f"unix://{self.daemon.sock}", timeout=30)
        self.addCleanup(client.close)
        made = client.volumes.create("py", labels={"k": "v"})
        self.assertEqual((made.name, made.attrs["Labels"]), ("py", {"k": "v"}))
        out = client.containers.run(BB, ["sh", "-c", "echo hi > /v/f; cat /v/f"], remove=True,
                                    volumes={"py": {"bind": "/v", "mode": "rw"}})
        self.assertEqual(out, b"hi\n")
        mount = docker.types.Mount("/m", "py", read_only=True)
        self.assertEqual(client.containers.run(BB, ["cat", "/m/f"], remove=True, mounts=[mount]), b"hi\n")
        self.assertEqual([v.name for v in client.volumes.list()], ["py"])
        self.assertEqual(client.volumes.get("py").id, "py")
        with self.assertRaises(docker.errors.NotFound):
            client.volumes.get("nosuch")
        self.volume("")
        self.assertEqual(client.volumes.prune()["VolumesDeleted"] is not None, True)
        client.volumes.get("py").remove()
        self.assertEqual(client.volumes.list(), [])


if __name__ == "__main__":
    unittest.main()
