# SPDX-License-Identifier: Apache-2.0
"""Devices by name: the Container Device Interface."""

import json
import os
import tempfile

from harness.case import BB, CTX, E2E, not_oracle

KIND = "vendor.com/thing"


def device(name, **edits):
    return {"name": name, "containerEdits": edits}


@not_oracle("its first release with devices by name is a later one")
class TestDevices(E2E):
    @classmethod
    def daemon_flags(cls):
        if CTX.external:
            return []
        cls.low, cls.high = tempfile.mkdtemp(), tempfile.mkdtemp()
        return [f"--cdi-spec-dir={cls.low}", f"--cdi-spec-dir={cls.high}"]

    def setUp(self):
        super().setUp()
        self.addCleanup(self.forget)

    def forget(self):
        for folder in (self.low, self.high):
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))

    def describe(self, *devices, name="a.json", folder=None, **more):
        with open(os.path.join(folder or self.low, name), "w") as f:
            json.dump(dict({"cdiVersion": "0.7.0", "kind": KIND, "devices": devices}, **more), f)

    def ask(self, *names, **more):
        return {"DeviceRequests": [dict({"Driver": "cdi", "DeviceIDs": [f"{KIND}={n}" for n in names]}, **more)]}

    def sh(self, cmd, host, **config):
        code, out, err = self.api.output(BB, cmd, HostConfig=host, **config)
        self.assertEqual((code, err), (0, ""))
        return out.strip()

    def start_fails(self, status, message, host):
        ref = self.create("true", HostConfig=host)
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, status)
        self.assertIn(message, got.json()["message"])

    def test_with_the_client(self):
        self.describe(device("null", deviceNodes=[{"path": "/dev/mine", "hostPath": "/dev/null"}]))
        got = self.docker("run", "--rm", "--device", f"{KIND}=null", BB, "sh", "-c",
                          "echo gone > /dev/mine && ls -l /dev/mine")
        self.assertEqual((got.code, got.err), (0, ""))
        self.assertRegex(got.out, r"^crw-rw-rw-\s.* 1,\s+3 .*/dev/mine")

    def test_nodes(self):
        self.describe(device("a", deviceNodes=[{"path": "/dev/one", "type": "c", "major": 10, "minor": 229,
                                               "fileMode": 0o640, "uid": 7, "permissions": "r"},
                                              {"path": "/dev/two", "type": "c", "major": 1, "minor": 3}]))
        out = self.sh("stat -c '%a %u %g %t:%T' /dev/one /dev/two; exec 3</dev/one && echo open", self.ask("a"))
        self.assertEqual(out.split("\n"), ["640 7 0 a:e5", "666 0 0 1:3", "open"])
        # The cgroup lets it be read and not written.
        code, _, err = self.api.output(BB, "exec 3>/dev/one", HostConfig=self.ask("a"))
        self.assertNotEqual(code, 0, err)
        self.assertEqual(self.sh("stat -c '%u %g' /dev/two", self.ask("a"), User="12:34"), "12 34")

    def test_variables_mounts_groups(self):
        with open(os.path.join(self.low, "lib.txt"), "w") as f:
            f.write("of the vendor\n")
        self.describe(device("a", env=["WHO=device", "NEW=1"], additionalGids=[4242],
                             mounts=[{"hostPath": f.name, "containerPath": "/lib/vendor.txt",
                                      "options": ["ro", "nosuid", "bind"]}]),
                      containerEdits={"env": ["WHO=file", "ALL=1"]})
        out = self.sh("echo $WHO $NEW $ALL $KEPT; cat /lib/vendor.txt; id -G; ! touch /lib/vendor.txt 2>/dev/null",
                      self.ask("a"), Env=["WHO=me", "KEPT=1"])
        self.assertEqual(out.split("\n")[:2], ["device 1 1 1", "of the vendor"])
        self.assertIn("4242", out.split("\n")[2].split())
        self.assertEqual(self.sh("echo $WHO; ls /lib/vendor.txt 2>/dev/null || true", {}, Env=["WHO=me"]), "me")

    def test_a_mount_takes_the_place_of_another(self):
        for name in ("mine", "theirs"):
            with open(os.path.join(self.low, name), "w") as f:
                f.write(name)
        self.describe(device("a", mounts=[{"hostPath": f"{self.low}/theirs", "containerPath": "/x",
                                           "options": ["rbind"]}]))
        self.assertEqual(self.sh("cat /x", dict(self.ask("a"), Binds=[f"{self.low}/mine:/x"])), "theirs")

    def test_hooks(self):
        mark = os.path.join(self.low, "mark")
        self.describe(device("a", hooks=[{"hookName": "createRuntime", "path": "/bin/sh",
                                          "args": ["sh", "-c", f'echo "$WORD" > {mark}'], "env": ["WORD=hooked"]}]))
        self.sh("true", self.ask("a"))
        with open(mark) as f:
            self.assertEqual(f.read(), "hooked\n")

    def test_yaml_and_precedence(self):
        self.describe(device("a", env=["FROM=json"]), device("b", env=["FROM=json"]))
        with open(os.path.join(self.high, "z.yaml"), "w") as f:
            f.write(f"cdiVersion: 0.5.0\nkind: {KIND}\ndevices:\n  - name: a\n    containerEdits:\n"
                    "      env:\n        - FROM=yaml\n")
        self.assertEqual(self.sh("echo $FROM", self.ask("a")), "yaml")
        self.assertEqual(self.sh("echo $FROM", self.ask("b")), "json")

    def test_again_after_a_restart(self):
        """Each start reads the files anew."""
        self.describe(device("a", env=["N=1"]))
        ref = self.create("echo $N", HostConfig=self.ask("a"))
        self.api.start(ref)
        self.api.wait(ref)
        self.describe(device("a", env=["N=2"]))
        self.api.start(ref)
        self.api.wait(ref)
        self.assertEqual(self.api.logs(ref)[0], b"1\n2\n")
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["DeviceRequests"][0]["DeviceIDs"], [f"{KIND}=a"])

    def test_refusals(self):
        self.describe(device("a", deviceNodes=[{"path": "/dev/x", "hostPath": "/dev/not-there"}]))
        self.start_fails(500, f"CDI device injection failed: unresolvable CDI devices {KIND}=n, {KIND}=m",
                         self.ask("n", "m"))
        self.start_fails(500, "CDI device injection failed: failed to inject devices: failed to stat CDI host device",
                         self.ask("a"))
        self.start_fails(400, "unexpected count in CDI device request", self.ask("a", Count=1))
        self.start_fails(400, "unexpected options in CDI device request", self.ask("a", Options={"x": "y"}))
        got = self.docker("run", "--rm", "--device", f"{KIND}=n", BB, "true")
        self.assertEqual(got.code, 125)
        self.assertIn(f"unresolvable CDI devices {KIND}=n", got.err)

    def test_info(self):
        self.describe(device("b", env=["X=1"]), device("a", env=["X=1"]))
        with open(os.path.join(self.high, "bad.yaml"), "w") as f:
            f.write("cdiVersion: [\n")
        got = self.api.ok("GET", "/info")
        self.assertEqual(got["CDISpecDirs"], [self.low, self.high])
        self.assertEqual(got["DiscoveredDevices"], [{"Source": "cdi", "ID": f"{KIND}=a"},
                                                    {"Source": "cdi", "ID": f"{KIND}=b"}])
        self.assertEqual([w for w in got["Warnings"] if "CDI" in w and "bad.yaml" in w and "line 2" in w] != [], True)
        self.forget()
        self.assertNotIn("DiscoveredDevices", self.api.ok("GET", "/info"))


@not_oracle("its first release with devices by name is a later one")
class TestOff(E2E):
    @classmethod
    def daemon_flags(cls):
        return [] if CTX.external else ["--cdi-spec-dir="]

    def test_no_driver(self):
        self.assertEqual(self.api.ok("GET", "/info")["CDISpecDirs"], [])
        ref = self.create("true", HostConfig={"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["v.com/c=d"]}]})
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, 500)
        self.assertIn('could not select device driver "cdi" with capabilities: []', got.json()["message"])
