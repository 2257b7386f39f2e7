# SPDX-License-Identifier: Apache-2.0
"""Binds, Mounts, Tmpfs, VolumesFrom: what they do inside, and what is refused in which words."""

import os
import subprocess

from harness.case import BB, CTX, E2E, Api, Daemon, Docker, leaks, not_oracle, wait_for


class Mounts(E2E):
    def dir(self, *parts):
        path = self.path(*parts)
        os.makedirs(path, exist_ok=True)
        return path

    def sh(self, script, **host):
        code, out, err = self.api.output(BB, script, HostConfig=host)
        self.assertEqual(code, 0, err)
        return out.strip()

    def options(self, target, **host):
        """The kernel's words for what is mounted at target."""
        for line in self.sh("cat /proc/self/mountinfo", **host).splitlines():
            parts = line.split()
            if parts[4] == target:
                before, after = line.split(" - ")
                return parts[5].split(","), before.split()[6:], after.split()[2].split(",")
        self.fail(f"nothing is mounted at {target}")

    def refused(self, message, status=400, version=None, **host):
        api = type(self.api)(self.daemon.sock, version) if version else self.api
        got = api.post("/containers/create", {"Image": BB, "Cmd": ["true"], "HostConfig": host})
        self.assertEqual(got.status, status, got)
        self.assertEqual(got.message, message) if not message.endswith("…") else \
            self.assertIn(message[:-1], got.message)


class TestMountsRefused(Mounts):
    def mount(self, message, version=None, **mount):
        self.refused(message, version=version, Mounts=[mount])

    def wrong(self, message, version=None, **mount):
        self.mount(f'invalid mount config for type "{mount["Type"]}": {message}', version, **mount)

    def test_any(self):
        self.wrong("field Target must not be empty", Type="bind", Source="/tmp")
        self.wrong("invalid specification: destination can't be '/'", Type="bind", Source="/tmp", Target="/")
        self.wrong("invalid specification: destination can't be '/'", Type="bind", Source="/tmp", Target="/x/..")
        self.wrong("invalid mount path: 'x' mount path must be absolute", Type="volume", Target="x")
        self.wrong("mount type unknown", Type="nonsense", Target="/x")
        self.mount('invalid mount config for type "": mount type unknown', Target="/x")

    def test_bind(self):
        self.wrong("field Source must not be empty", Type="bind", Target="/x")
        self.wrong("bind source path does not exist: /not/there", Type="bind", Source="/not/there", Target="/x")
        self.wrong("invalid mount path: 'rel' mount path must be absolute", Type="bind", Source="rel", Target="/x")
        self.wrong("invalid propagation mode: odd", Type="bind", Source="/tmp", Target="/x",
                   BindOptions={"Propagation": "odd"})
        self.wrong("field VolumeOptions must not be specified", "1.41", Type="bind", Source="/tmp", Target="/x",
                   VolumeOptions={"NoCopy": True}) if CTX.is_oracle else None

    @not_oracle("it is older")
    def test_options_of_another_type(self):
        options = {"bind": "BindOptions", "volume": "VolumeOptions", "tmpfs": "TmpfsOptions"}
        for kind in options:
            for other, field in options.items():
                if kind == other:
                    continue
                mount = {"Type": kind, "Target": "/x", field: {}}
                if kind == "bind":
                    mount["Source"] = "/tmp"
                with self.subTest(kind=kind, field=field):
                    self.mount(f'{field} must not be specified on mount type "{kind}"', **mount)

    @not_oracle("it is older")
    def test_version_gates(self):
        self.mount("VolumeOptions.Subpath needs API v1.45 or newer", "1.44", Type="volume", Source="v", Target="/x",
                   VolumeOptions={"Subpath": "a"})
        self.mount("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer", "1.43", Type="bind", Source="/tmp",
                   Target="/x", BindOptions={"ReadOnlyForceRecursive": True})
        # Before 1.42 there was no such option.
        self.wrong("bind source path does not exist: /not/there", "1.41", Type="bind", Source="/not/there",
                   Target="/x", BindOptions={"CreateMountpoint": True})

    def test_volume(self):
        self.wrong("must not set ReadOnly mode when using anonymous volumes", Type="volume", Target="/x",
                   ReadOnly=True)
        if CTX.is_oracle:
            return
        self.wrong("must not set Subpath when using anonymous volumes", Type="volume", Target="/x",
                   VolumeOptions={"Subpath": "a"})
        for path in ("/a", "..", "a/../../b"):
            self.wrong("subpath must be a relative path within the volume", Type="volume", Source="v", Target="/x",
                       VolumeOptions={"Subpath": path})

    def test_tmpfs(self):
        self.wrong("field Source must not be specified", Type="tmpfs", Source="/tmp", Target="/x")
        if CTX.is_oracle:
            return
        self.wrong("invalid option: uid", Type="tmpfs", Target="/x", TmpfsOptions={"Options": [["uid", "5"]]})
        for bad in ([[]], [["exec", "a", "b"]]):
            self.wrong("invalid option array length", Type="tmpfs", Target="/x", TmpfsOptions={"Options": bad})

    @not_oracle("500 there")
    def test_twice(self):
        self.refused("Duplicate mount point: /x", Binds=["/tmp:/x"],
                     Mounts=[{"Type": "tmpfs", "Target": "/x"}])
        self.refused("Duplicate mount point: /x", Binds=["/tmp:/x"], Tmpfs={"/x": ""})


class TestMountsDo(Mounts):
    def test_bind(self):
        top = self.dir("plain")
        open(top + "/here", "w").close()
        mount = {"Type": "bind", "Source": top, "Target": "/data"}
        self.assertEqual(self.sh("ls /data; touch /data/new", Mounts=[mount]), "here")
        self.assertTrue(os.path.exists(top + "/new"))
        code, _, err = self.api.output(BB, "touch /data/no", HostConfig={"Mounts": [dict(mount, ReadOnly=True)]})
        self.assertEqual(code, 1)
        self.assertIn("Read-only file system", err)
        ref = self.create(HostConfig={"Mounts": [dict(mount, ReadOnly=True)]})
        self.assertEqual(self.api.inspect(ref)["Mounts"], [
            {"Type": "bind", "Source": top, "Destination": "/data", "Mode": "", "RW": False,
             "Propagation": "rprivate"}])
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["Mounts"], [dict(mount, ReadOnly=True)])

    @not_oracle("it is older")
    def test_create_mountpoint(self):
        path = self.path("created", "deep")
        self.sh("touch /data/f", Mounts=[{"Type": "bind", "Source": path, "Target": "/data",
                                          "BindOptions": {"CreateMountpoint": True}}])
        self.assertTrue(os.path.exists(path + "/f"))

    def test_non_recursive(self):
        top = self.dir("tree", "sub")
        subprocess.run(["mount", "-t", "tmpfs", "none", top], check=True)
        try:
            open(top + "/below", "w").close()
            mount = {"Type": "bind", "Source": os.path.dirname(top), "Target": "/data"}
            self.assertEqual(self.sh("ls /data/sub", Mounts=[mount]), "below")
            self.assertEqual(self.sh("ls /data/sub", Mounts=[dict(mount, BindOptions={"NonRecursive": True})]), "")
        finally:
            subprocess.run(["umount", top], check=True)

    @not_oracle("it is older")
    def test_read_only_with_all_below(self):
        top = self.dir("rotree", "sub")
        bind = os.path.dirname(top)
        subprocess.run(["mount", "-t", "tmpfs", "none", top], check=True)
        write = "touch /data/sub/x 2>/dev/null && echo written || echo refused"
        try:
            mount = {"Type": "bind", "Source": bind, "Target": "/data", "ReadOnly": True}
            self.assertEqual(self.sh(write, Mounts=[mount]), "refused")
            self.assertEqual(self.sh(write, Binds=[f"{bind}:/data:ro"]), "refused")
            for options, want in (({"ReadOnlyNonRecursive": True}, "written"),
                                  ({"ReadOnlyForceRecursive": True}, "refused")):
                self.assertEqual(self.sh(write, Mounts=[dict(mount, BindOptions=options)]), want, options)
            old = type(self.api)(self.daemon.sock, "1.43")
            self.assertEqual(old.output(BB, write, HostConfig={"Mounts": [mount]})[1].strip(), "written")
            self.refused('invalid mount config for type "bind": mount options conflict: ReadOnlyNonRecursive && '
                         "ReadOnlyForceRecursive", Mounts=[dict(mount, BindOptions={
                             "ReadOnlyNonRecursive": True, "ReadOnlyForceRecursive": True})])
        finally:
            subprocess.run(["umount", top], check=True)

    def test_propagation(self):
        top = self.dir("shared")
        subprocess.run(["mount", "--bind", top, top], check=True)
        subprocess.run(["mount", "--make-shared", top], check=True)
        try:
            for mode, want in (("rprivate", []), ("rslave", ["master"]), ("rshared", ["shared"])):
                _, optional, _ = self.options("/data", Mounts=[{"Type": "bind", "Source": top, "Target": "/data",
                                                                "BindOptions": {"Propagation": mode}}])
                self.assertEqual([one.split(":")[0] for one in optional], want, mode)
                self.assertEqual(self.api.inspect(self.create(HostConfig={"Binds": [f"{top}:/data:{mode}"]}))
                                 ["Mounts"][0]["Propagation"], mode)
        finally:
            subprocess.run(["umount", top], check=True)

    @not_oracle("it says it in other words")
    def test_propagation_of_what_is_private(self):
        top = self.dir("private")
        subprocess.run(["mount", "--bind", top, top], check=True)
        subprocess.run(["mount", "--make-private", top], check=True)
        try:
            for mode, what in (("rshared", "but it is not a shared mount"),
                               ("rslave", "but it is not a shared or slave mount")):
                ref = self.create(HostConfig={"Binds": [f"{top}:/data:{mode}"]})
                got = self.api.post(f"/containers/{ref}/start")
                self.assertEqual(got.status, 500, got)
                self.assertIn(f"path {top} is mounted on {top} {what}", got.message)
        finally:
            subprocess.run(["umount", top], check=True)

    def test_tmpfs(self):
        mount = {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 2 << 20, "Mode": 0o750}}
        flags, _, fs = self.options("/t", Mounts=[mount])
        self.assertTrue({"nosuid", "nodev", "noexec"} <= set(flags), flags)
        self.assertTrue({"size=2048k", "mode=750"} <= set(fs), fs)
        self.assertIn("1777", self.sh("stat -c %a /t", Mounts=[{"Type": "tmpfs", "Target": "/t"}]))
        flags, _, _ = self.options("/t", Mounts=[dict(mount, ReadOnly=True)])
        self.assertIn("ro", flags)
        ref = self.create(HostConfig={"Mounts": [mount]})
        got = self.api.inspect(ref)
        self.assertEqual(got["HostConfig"]["Mounts"], [mount])
        self.assertEqual(got["Mounts"], [{"Type": "tmpfs", "Source": "", "Destination": "/t", "Mode": "", "RW": True,
                                          "Propagation": ""}])

    @not_oracle("it is older")
    def test_tmpfs_options(self):
        mount = {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"Options": [["exec"]]}}
        flags, _, _ = self.options("/t", Mounts=[mount])
        self.assertNotIn("noexec", flags)
        self.assertEqual(self.sh("cp /bin/busybox /t/echo; /t/echo runs", Mounts=[mount]), "runs") \
            if "cp" in self.sh("ls /bin") else None

    def test_volume(self):
        mount = {"Type": "volume", "Source": "named", "Target": "/v",
                 "VolumeOptions": {"NoCopy": True, "Labels": {"a": "b"}, "DriverConfig": {"Name": "local"}}}
        ref = self.create(HostConfig={"Mounts": [mount]})
        self.assertEqual(self.api.ok("GET", "/volumes/named")["Labels"], {"a": "b"})
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["Mounts"], [mount])
        self.api.remove(ref)
        self.api.delete("/volumes/named")


class TestTmpfs(Mounts):
    def test_options(self):
        flags, _, fs = self.options("/t", Tmpfs={"/t": "size=1m,mode=700,exec,uid=5"})
        self.assertTrue({"nosuid", "nodev"} <= set(flags) and "noexec" not in flags, flags)
        self.assertTrue({"size=1024k", "mode=700", "uid=5"} <= set(fs), fs)
        flags, _, _ = self.options("/t", Tmpfs={"/t": ""})
        self.assertTrue({"nosuid", "nodev", "noexec"} <= set(flags), flags)
        ref = self.create(HostConfig={"Tmpfs": {"/t": "size=1m"}})
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["Tmpfs"], {"/t": "size=1m"})

    def test_refused(self):
        self.refused("invalid specification: destination can't be '/'", Tmpfs={"/": ""})
        self.refused("invalid mount path: 'x' mount path must be absolute", Tmpfs={"x": ""})
        if CTX.is_oracle:
            ref = self.create(HostConfig={"Tmpfs": {"/t": "nonsense"}})
            self.assertIn('nvalid tmpfs option ["nonsense"]', self.api.post(f"/containers/{ref}/start").message)
            return
        self.refused('Invalid tmpfs option ["nonsense"]', Tmpfs={"/t": "nonsense"})
        self.refused('Invalid tmpfs option ["a" "b"]', Tmpfs={"/t": "size=5k,a=b"})


class TestVolumesFrom(Mounts):
    def test_modes(self):
        top = self.dir("from")
        self.run_("echo kept > /v/f; echo up; sleep 100", name="source", HostConfig={
            "Binds": [f"{top}:/bind", f"{top}:/fixed:ro"], "Mounts": [{"Type": "volume", "Target": "/v"}]})
        self.logged("source", "up")
        self.assertEqual(self.sh("cat /v/f; touch /bind/new; touch /fixed/no 2>/dev/null || echo refused",
                                 VolumesFrom=["source"]), "kept\nrefused")
        self.assertEqual(self.sh("cat /v/f; touch /bind/no 2>/dev/null || echo refused", VolumesFrom=["source:ro"]),
                         "kept\nrefused")
        ref = self.create(HostConfig={"VolumesFrom": ["source:ro"]})
        self.assertEqual({m["Destination"]: m["RW"] for m in self.api.inspect(ref)["Mounts"]},
                         {"/v": False, "/bind": False, "/fixed": False})

    @not_oracle("500 there")
    def test_refused(self):
        self.create(name="source")
        self.refused("No such container: nobody", VolumesFrom=["nobody"])
        for mode in ("odd", "rslave", "nocopy", "ro,rw"):
            self.refused(f"invalid mode: {mode}", VolumesFrom=[f"source:{mode}"])
        self.refused("volumes-from specification cannot be an empty string", VolumesFrom=[""])


class TestBinds(Mounts):
    @not_oracle("500 there")
    def test_refused(self):
        for text in ("/tmp:/x:ro:rw", ":/x", "/foo:rw", ""):
            self.refused(f"invalid volume specification: '{text}'", Binds=[text])
        self.refused("invalid mode: odd", Binds=["/tmp:/x:odd"])
        self.refused("invalid mode: ro,rw", Binds=["/tmp:/x:ro,rw"])
        self.refused("invalid volume specification: '/tmp:x': invalid mount config for type \"bind\": invalid mount "
                     "path: 'x' mount path must be absolute", Binds=["/tmp:x"])
        self.refused("create a/b: \"a/b\" includes invalid characters for a local volume name, only "
                     "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
                     "absolute path", Binds=["a/b:/x"])

    def test_modes(self):
        top = self.dir("modes")
        ref = self.create(HostConfig={"Binds": [f"{top}:/a:z,ro", f"{top}:/b:rw,consistent"]})
        self.assertEqual({m["Destination"]: (m["Mode"], m["RW"]) for m in self.api.inspect(ref)["Mounts"]},
                         {"/a": ("z,ro", False), "/b": ("rw,consistent", True)})

    @not_oracle("404 there")
    def test_volume_driver(self):
        self.refused("create v: error looking up volume plugin nope: plugin \"nope\" not found",
                     VolumeDriver="nope", Binds=["v:/x"])

    def test_volume_driver_without_volumes(self):
        top = self.dir("driver")
        ref = self.create(HostConfig={"VolumeDriver": "nope", "Binds": [f"{top}:/a"]})
        host = self.api.inspect(ref)["HostConfig"]
        self.assertEqual((host["VolumeDriver"], host["Binds"]), ("nope", [f"{top}:/a"]))


class TestDataRoot(Mounts):
    """Binds of the data root, or of what it is in, on a machine whose mounts spread."""

    @classmethod
    def set_up_fixtures(cls):
        cls.top = os.path.join(CTX.tmp, "spreads")
        os.makedirs(cls.top, exist_ok=True)
        subprocess.run(["mount", "--bind", cls.top, cls.top], check=True)
        subprocess.run(["mount", "--make-shared", cls.top], check=True)
        cls.before = leaks.Snapshot()       # with that mount, which is no daemon's

    @classmethod
    def bring_up(cls):
        cls.daemon = Daemon(root=cls.top)
        cls.daemon.start()
        cls.api = Api(cls.daemon.sock)
        cls.docker = Docker(cls.daemon.sock)
        cls.load_base(cls.api)

    @classmethod
    def tear_down_all(cls, check=True):
        try:
            super().tear_down_all(check)
        finally:
            subprocess.run(["umount", "-l", cls.top], capture_output=True)

    def propagation(self, bind):
        ref = self.create("true", HostConfig={"Binds": [bind]})
        return self.api.inspect(ref)["Mounts"][0]["Propagation"]

    def test_shown(self):
        data = self.daemon.data
        for path in ("/", "/tmp", self.top, data, data + "/x/y"):
            with self.subTest(path):
                self.assertEqual(self.propagation(f"{path}:/x"), "rslave")
                self.assertEqual(self.propagation(f"{path}:/x:ro"), "rslave")
                self.assertEqual(self.propagation(f"{path}:/x:rshared"), "rshared")
        self.assertEqual(self.propagation("/etc:/x"), "rprivate")

    def test_refused(self):
        for mode in ("private", "rprivate", "slave", "shared"):
            for host in ({"Binds": [f"{self.top}:/x:{mode}"]},
                         {"Mounts": [{"Type": "bind", "Source": self.top, "Target": "/x",
                                      "BindOptions": {"Propagation": mode}}]}):
                with self.subTest(mode=mode, host=list(host)):
                    self.refused('invalid mount config: must use either propagation mode "rslave" or "rshared" when '
                                 f'mount source is within the daemon root, daemon root: "{self.daemon.data}", '
                                 f'bind mount source: "{self.top}", propagation: "{mode}"', **host)

    def test_others_roots_go(self):
        """Who sees the data root keeps no copy of the root of a container that is gone."""
        other = self.run_()
        ref = self.run_(HostConfig={"Binds": [f"{self.top}:/x"]})
        with open(f"/proc/{self.api.inspect(ref)['State']['Pid']}/mountinfo") as f:
            seen = [line.split() for line in f]
        self.assertIn("master", [part.split(":")[0] for line in seen if line[4] == "/x" for part in line])
        merged = self.api.inspect(other)["GraphDriver"]["Data"]["MergedDir"]
        inside = "/x" + merged[len(self.top):]
        self.assertIn(inside, [line[4] for line in seen])
        self.api.remove(other)

        def gone():
            with open(f"/proc/{self.api.inspect(ref)['State']['Pid']}/mountinfo") as f:
                return inside not in [line.split()[4] for line in f]
        wait_for(gone, 10, "the root of the container that was removed is nowhere mounted")
        self.assertFalse(os.path.exists(merged))

    def test_where_nothing_spreads(self):
        """Asked for by nobody, it is no reason not to start."""
        subprocess.run(["mount", "--make-private", self.top], check=True)
        try:
            _, optional, _ = self.options("/x", Binds=[f"{self.top}:/x"])
            self.assertEqual(optional, [])
        finally:
            subprocess.run(["mount", "--make-shared", self.top], check=True)
