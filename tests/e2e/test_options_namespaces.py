# SPDX-License-Identifier: Apache-2.0
"""Namespaces: of the host, of another container, one's own; and who may join whom."""

import os

from harness.case import BB, CTX, E2E, not_oracle, wait_for


class Namespaces(E2E):
    def sh(self, script, **host):
        code, out, err = self.api.output(BB, script, HostConfig=host)
        self.assertEqual(code, 0, err)
        return out.strip()

    def fails(self, status, message, **host):
        self.gives(status, message, "POST", "/containers/create",
                   {"Image": BB, "Cmd": ["true"], "HostConfig": host})

    def start_fails(self, status, message, ref):
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, status, got)
        self.assertIn(message, got.message)


class TestIpc(Namespaces):
    def test_private_is_the_default(self):
        ref = self.run_("sleep 100")
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["IpcMode"], "private")
        self.assertNotEqual(self.ns(ref, "ipc"), self.host_ns("ipc"))

    def test_host(self):
        ref = self.run_("sleep 100", HostConfig={"IpcMode": "host"})
        self.assertEqual(self.ns(ref, "ipc"), self.host_ns("ipc"))
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["SecurityOpt"], ["label=disable"])

    def test_none_has_no_shared_memory(self):
        self.assertNotIn(" /dev/shm ", self.sh("cat /proc/mounts", IpcMode="none"))

    def test_joined(self):
        donor = self.run_("echo from the donor > /dev/shm/note; echo up; sleep 100", name="donor",
                          HostConfig={"IpcMode": "shareable", "ShmSize": 1 << 20})
        self.logged(donor, "up")
        self.assertIn("size=1024k", self.docker.ok("exec", donor, "sh", "-c", "grep ' /dev/shm ' /proc/mounts"))
        ref = self.run_("echo back > /dev/shm/answer; cat /dev/shm/note; sleep 100",
                        HostConfig={"IpcMode": "container:donor"})
        self.logged(ref, "from the donor")
        self.assertEqual(self.ns(ref, "ipc"), self.ns(donor, "ipc"))
        self.assertEqual(self.docker.ok("exec", donor, "cat", "/dev/shm/answer"), "back")
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["IpcMode"], f"container:{donor}")
        # and on to a third, by the second
        third = self.run_("cat /dev/shm/answer", HostConfig={"IpcMode": f"container:{ref}"})
        self.assertEqual(self.api.wait(third), 0)
        self.assertEqual(self.ns(ref, "ipc"), self.ns(donor, "ipc"))

    @not_oracle("it takes its containers along")
    def test_joined_after_the_daemon_died(self):
        donor = self.run_("echo still > /dev/shm/note; echo up; sleep 100", HostConfig={"IpcMode": "shareable"})
        self.logged(donor, "up")
        self.daemon.kill9()
        self.daemon.start()
        self.assertEqual(self.sh("cat /dev/shm/note", IpcMode=f"container:{donor}"), "still")

    def test_the_donor_leaves_nothing(self):
        donor = self.run_("sleep 100", HostConfig={"IpcMode": "shareable"})
        self.api.remove(donor)
        self.assertNotIn(donor, self.machine().read("/proc/1/mounts" if CTX.external else "/proc/mounts"))

    def test_who_cannot_be_joined(self):
        private = self.run_("sleep 100", name="closed", HostConfig={"IpcMode": "private"})
        ref = self.create(HostConfig={"IpcMode": "container:closed"})
        self.start_fails(500,
                         "non-shareable IPC (hint: use IpcMode:shareable for the donor container)", ref)
        idle = self.create(HostConfig={"IpcMode": "shareable"})
        ref = self.create(HostConfig={"IpcMode": f"container:{idle}"})
        self.start_fails(500, "is not running", ref)
        self.api.remove(idle)
        self.start_fails(500, f"No such container: {idle}", ref)
        self.assertEqual(self.api.inspect(ref)["State"]["Status"], "created")
        self.assertTrue(private)

    def test_bad_modes(self):
        if CTX.is_oracle:
            return      # it finds that out when they start
        self.fails(400, "invalid IPC mode: nonsense", IpcMode="nonsense")
        self.fails(400, "invalid IPC mode: container:", IpcMode="container:")
        self.fails(400, "No such container: nobody", IpcMode="container:nobody")

    @not_oracle("its oldest version is newer")
    def test_old_clients_share(self):
        old = type(self.api)(self.daemon.sock, "1.39")
        ref = old.create(BB, "true")
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["IpcMode"], "shareable")


class TestPid(Namespaces):
    def test_host(self):
        ref = self.run_("sleep 100", HostConfig={"PidMode": "host"})
        self.assertEqual(self.ns(ref, "pid"), self.host_ns("pid"))
        out = self.docker.ok("exec", ref, "sh", "-c", "ls /proc | grep -c '^[0-9]'")
        self.assertGreater(int(out), 3)

    def test_the_end_of_one_on_the_hosts(self):
        """No init takes the rest along: it is ended all the same."""
        ref = self.run_("sleep 987 & sleep 988 & echo up; wait", HostConfig={"PidMode": "host"})
        self.logged(ref, "up")
        self.docker.ok("stop", "-t", "1", ref)

        def ended():
            _, out, _ = self.output("cat /proc/[0-9]*/cmdline | tr '\\0' ' '", HostConfig={"PidMode": "host"})
            self.assertIn("tr ", out)
            return "sleep 987 " not in out and "sleep 988 " not in out
        wait_for(ended, 5, "all have ended")

    def test_joined(self):
        donor = self.run_("sleep 12321", name="donor")
        ref = self.run_("tr '\\0' ' ' < /proc/1/cmdline; echo; sleep 100", HostConfig={"PidMode": "container:donor"})
        self.logged(ref, "sleep 12321")
        self.assertEqual(self.ns(ref, "pid"), self.ns(donor, "pid"))
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["PidMode"], f"container:{donor}")
        # Its own end takes nobody along; the donor's takes all.
        self.api.remove(ref)
        self.assertTrue(self.api.inspect(donor)["State"]["Running"])
        ref = self.run_("sleep 100", HostConfig={"PidMode": f"container:{donor[:20]}"})
        self.docker.ok("kill", donor)
        self.exited(ref)
        self.start_fails(500, f"container {donor} is not running", ref)
        self.api.remove(donor)
        self.start_fails(500, f"No such container: {donor}", ref)

    def test_bad_modes(self):
        self.fails(400, "No such container: nobody", PidMode="container:nobody")
        if not CTX.is_oracle:
            self.fails(400, "invalid PID mode: private", PidMode="private")

    def test_no_init_in_anothers(self):
        self.assertNotIn("docker-init", self.sh("cat /proc/$$/cmdline", PidMode="host", Init=True))


class TestUts(Namespaces):
    def test_host(self):
        ref = self.run_("hostname; sleep 100", HostConfig={"UTSMode": "host"})
        self.assertEqual(self.ns(ref, "uts"), self.host_ns("uts"))
        self.logged(ref, self.info()["Name"])
        self.gives(400, "conflicting options: hostname and the UTS mode", "POST", "/containers/create",
                   {"Image": BB, "Hostname": "mine", "HostConfig": {"UTSMode": "host"}})
        if not CTX.is_oracle:
            self.fails(400, "invalid UTS mode: private", UTSMode="private")

    def test_domainname(self):
        code, out, _ = self.api.output(BB, "hostname; cat /proc/sys/kernel/domainname; cat /etc/hosts",
                                       Hostname="web", Domainname="example.org")
        lines = out.splitlines()
        self.assertEqual((code, lines[:2]), (0, ["web", "example.org"]))
        self.assertRegex(out, r"\tweb\.example\.org web\n")

    def test_hosts_network_and_name(self):
        ref = self.run_("hostname; sleep 100", HostConfig={"NetworkMode": "host"})
        self.logged(ref, self.info()["Name"])
        self.assertEqual(self.api.inspect(ref)["Config"]["Hostname"], self.info()["Name"])
        self.assertNotEqual(self.ns(ref, "uts"), self.host_ns("uts"))
        code, out, _ = self.api.output(BB, "hostname", Hostname="other", HostConfig={"NetworkMode": "host"})
        self.assertEqual((code, out), (0, "other\n"))


class TestUserAndCgroup(Namespaces):
    def test_user(self):
        ref = self.run_("sleep 100", HostConfig={"UsernsMode": "host"})
        self.assertEqual(self.ns(ref, "user"), self.host_ns("user"))
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["UsernsMode"], "host")

    def test_cgroup(self):
        default = "host" if self.is_v1() else "private"
        for asked, want in (("", default), ("host", "host"), ("private", "private")):
            with self.subTest(mode=asked):
                ref = self.run_("sleep 100", HostConfig={"CgroupnsMode": asked})
                self.assertEqual(self.api.inspect(ref)["HostConfig"]["CgroupnsMode"], want)
                (self.assertEqual if want == "host" else self.assertNotEqual)(
                    self.ns(ref, "cgroup"), self.host_ns("cgroup"))
        self.fails(400, "invalid cgroup namespace mode: x", CgroupnsMode="x")

    def test_privileged(self):
        ref = self.create(HostConfig={"Privileged": True})
        got = self.api.inspect(ref)["HostConfig"]
        self.assertEqual(got["CgroupnsMode"], "host" if self.is_v1() else "private")
        self.assertEqual(got["SecurityOpt"], ["label=disable"])

    def test_cgroup_is_told(self):
        ref = self.create(HostConfig={"Cgroup": "container:x"})
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["Cgroup"], "container:x")

    def test_cgroup_parent(self):
        parent = f"/serin-test-{os.getpid()}"
        ref = self.run_("sleep 100", HostConfig={"CgroupParent": parent, "CgroupnsMode": "host", "PidsLimit": 55,
                                                 "Memory": 64 << 20})
        self.assertIn(f"{parent}/{ref}\n", self.inside(ref, "cat", "/proc/1/cgroup") + "\n")
        self.assertIn(f"{parent}/{ref}\n", self.inside(ref, "cat", "/proc/self/cgroup") + "\n")
        v1 = self.is_v1()
        for controller, file, want in (("pids", "pids.max", 55),
                                       ("memory", "memory.limit_in_bytes" if v1 else "memory.max", 64 << 20)):
            path = f"/sys/fs/cgroup/{controller if v1 else ''}{parent}/{ref}/{file}"
            self.assertEqual(self.machine().read(path), str(want))
        self.api.remove(ref)
        wait_for(lambda: not self.machine().exists(path), 5, "its group is gone")

    def test_cgroup_as_it_sees_itself(self):
        for mode, want in (("host", "/docker/"), ("private", "")):
            ref = self.run_("sleep 100", HostConfig={"CgroupnsMode": mode, "PidsLimit": 44})
            line = [one for one in self.inside(ref, "cat", "/proc/1/cgroup").splitlines()
                    if one.startswith("0::") or ":pids:" in one][-1]
            self.assertEqual(line.split(":")[2], want + ref if want else "/")
            # In the host's namespace v2 shows the whole tree, v1 the container's branch in any.
            path = "pids.max" if mode == "private" else f"docker/{ref}/pids.max"
            self.assertEqual(self.group(ref, "pids/pids.max", path), "44")


class TestNetworkMode(Namespaces):
    def test_joins_nobody(self):
        ref = self.create(HostConfig={"NetworkMode": "container:nobody"})
        self.start_fails(404, "No such container: nobody", ref)

    def test_joins_itself(self):
        ref = self.create(name="me", HostConfig={"NetworkMode": "container:me"})
        self.assertNotEqual(self.api.post(f"/containers/{ref}/start").status, 204)

    def test_conflicts(self):
        shared = {"NetworkMode": "container:x"}
        for more, host, what in (
                ({"Hostname": "h"}, {}, "hostname and the network mode"),
                ({}, {"Dns": ["1.1.1.1"]}, "dns and the network mode"),
                ({}, {"ExtraHosts": ["a:1.1.1.1"]}, "custom host-to-IP mapping and the network mode"),
                ({"MacAddress": "92:d0:c6:0a:29:33"}, {}, "mac-address and the network mode"),
                ({}, {"PublishAllPorts": True}, "port publishing and the container type network mode"),
                ({"ExposedPorts": {"80/tcp": {}}}, {}, "port exposing and the container type network mode"),
                ({}, {"Links": ["a:b"]}, "container type network can't be used with links. This would result "
                                         "in undefined behavior")):
            with self.subTest(what=what):
                self.gives(400, f"conflicting options: {what}", "POST", "/containers/create",
                           dict(more, Image=BB, HostConfig=dict(shared, **host)))
        self.fails(400, "nvalid container format container:<name|id>", NetworkMode="container:")
        self.fails(400, "host type networking can't be used with links", NetworkMode="host", Links=["a:b"])
