# SPDX-License-Identifier: Apache-2.0
"""Devices, security options, sysctls, groups, addresses, names of hosts, and what is only kept."""

import os
import threading

from harness.case import BB, CTX, E2E, not_oracle


class More(E2E):
    def sh(self, script, host=None, **config):
        code, out, err = self.api.output(BB, script, HostConfig=host or {}, **config)
        self.assertEqual(code, 0, out + err)
        return out.strip()

    def bad(self, message, status=400, config=None, **host):
        self.gives(status, message, "POST", "/containers/create",
                   dict(config or {}, Image=BB, Cmd=["true"], HostConfig=host))

    def start_fails(self, message, status=500, config=None, **host):
        ref = self.create("true", HostConfig=host, **(config or {}))
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, status, got)
        self.assertIn(message, got.message)
        self.assertEqual(self.api.inspect(ref)["State"]["Error"], got.message)

    def kept(self, ref, **want):
        got = self.api.inspect(ref)["HostConfig"]
        for key, value in want.items():
            self.assertEqual(got[key], value, key)


class TestDevices(More):
    def device(self, path, inside=None, access="rwm"):
        return {"PathOnHost": path, "PathInContainer": inside or path, "CgroupPermissions": access}

    def somebody(self):
        """(path, "major:minor") of one that whoever is root may open, and that no container has by itself."""
        for path in ("/dev/fuse", "/dev/vga_arbiter", "/dev/cpu_dma_latency"):
            found = self.machine().device(path)
            if found:
                return path, found[1]
        return self.skipTest("no such device")

    def test_one(self):
        path, number = self.somebody()
        devices = [self.device(path, "/dev/messages", "r")]
        out = self.sh("ls -l /dev/messages; exec 3</dev/messages && echo readable; "
                      "(exec 4>/dev/messages) 2>/dev/null || echo not writable", {"Devices": devices})
        self.assertRegex(out, rf"^c.* {number.replace(':', ', *')} .*\nreadable\nnot writable$")
        self.kept(self.create(HostConfig={"Devices": devices}), Devices=devices)

    def test_a_link_and_a_directory(self):
        link = self.path("link")
        os.symlink("/dev/zero", link)
        self.assertEqual(self.sh("head -c2 /dev/mine | od -An -tx1", {"Devices": [self.device(link, "/dev/mine")]}),
                         "00 00")
        tree = self.path("devs")
        os.makedirs(tree + "/deep")
        os.mknod(tree + "/a", 0o600 | 0o020000, os.makedev(1, 5))
        os.mknod(tree + "/deep/b", 0o600 | 0o020000, os.makedev(1, 3))
        self.assertEqual(self.sh("cd /dev/all && head -c1 a | od -An -tx1; ls deep",
                                 {"Devices": [self.device(tree, "/dev/all")]}).split(), ["00", "b"])

    def test_missing(self):
        self.start_fails('error gathering device information while adding custom device "/dev/nope": '
                         "no such file or directory", Devices=[self.device("/dev/nope")])
        plain = self.path("plain-file")
        open(plain, "w").close()
        self.start_fails("not a device node", Devices=[self.device(plain)])

    def test_rules(self):
        number = self.somebody()[1]
        major, minor = number.split(":")
        make = f"mknod /tmp/m c {major} {minor} && exec 3</tmp/m && echo open"
        self.assertEqual(self.sh(make, {"DeviceCgroupRules": [f"c {number} rm"]}), "open")
        self.assertEqual(self.sh(make, {"DeviceCgroupRules": [f"c {major}:* rwm"]}), "open")
        code, _, _ = self.api.output(BB, make, HostConfig={"DeviceCgroupRules": [f"c {major}:{int(minor) ^ 1} rwm"]})
        self.assertNotEqual(code, 0)
        code, _, err = self.api.output(BB, make)
        self.assertNotEqual(code, 0, err)
        for rule in ("nonsense", "c 1:11", "d 1:11 r", "c 1:11 x"):
            if not CTX.is_oracle:
                self.bad(f"invalid device cgroup rule format: '{rule}'", DeviceCgroupRules=[rule])

    def test_requests(self):
        ask = {"Driver": "nvidia", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu", "utility"], ["x"]],
               "Options": {}}
        self.start_fails('could not select device driver "nvidia" with capabilities: [[gpu utility] [x]]',
                         DeviceRequests=[ask])
        self.start_fails('could not select device driver "" with capabilities: [[gpu]]',
                         DeviceRequests=[{"Capabilities": [["gpu"]]}])
        ref = self.create(HostConfig={"DeviceRequests": [ask]})
        got = self.api.inspect(ref)["HostConfig"]["DeviceRequests"]
        self.assertEqual([(one["Driver"], one["Count"], one["Capabilities"]) for one in got],
                         [("nvidia", -1, [["gpu", "utility"], ["x"]])])
        got = self.docker("run", "--rm", "--gpus", "all", BB, "true")
        self.assertEqual(got.code, 125)
        self.assertIn('could not select device driver "" with capabilities: [[gpu]]', got.err)


class TestSecurityOpt(More):
    def status(self, **host):
        text = self.sh("cat /proc/self/status", host)
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def test_no_new_privileges(self):
        for option, want in (("no-new-privileges", "1"), ("no-new-privileges=true", "1"),
                             ("no-new-privileges:true", "1"), ("no-new-privileges=false", "0")):
            self.assertEqual(self.status(SecurityOpt=[option])["NoNewPrivs"], want, option)

    def test_seccomp(self):
        self.assertEqual(self.status(SecurityOpt=["seccomp=unconfined"])["Seccomp"], "0")
        profile = '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],' \
                  '"action":"SCMP_ACT_ERRNO"}]}'
        code, _, err = self.api.output(BB, "mkdir /tmp/x", HostConfig={"SecurityOpt": ["seccomp=" + profile]})
        self.assertEqual(code, 1)
        self.assertIn("Operation not permitted", err)
        if not CTX.is_oracle:
            self.assertEqual(self.status(SecurityOpt=["seccomp=builtin"])["Seccomp"], "2")

    def test_label_and_apparmor(self):
        for option in ("label=disable", "label=type:x_t", "apparmor=unconfined", "disable"):
            self.sh("true", {"SecurityOpt": [option]})
        ref = self.create(HostConfig={"SecurityOpt": ["apparmor=unconfined"]})
        self.assertEqual(self.api.inspect(ref)["AppArmorProfile"], "unconfined")
        self.kept(ref, SecurityOpt=["apparmor=unconfined"])

    def test_paths(self):
        got = self.api.inspect(self.create(HostConfig={"MaskedPaths": ["/etc/motd"], "ReadonlyPaths": []}))
        self.assertEqual((got["HostConfig"]["MaskedPaths"], got["HostConfig"]["ReadonlyPaths"]), (["/etc/motd"], []))
        self.assertEqual(self.sh("cat /etc/passwd | wc -c", {"MaskedPaths": ["/etc/passwd"]}), "0")
        code, _, _ = self.api.output(BB, "touch /etc/x", HostConfig={"ReadonlyPaths": ["/etc"]})
        self.assertEqual(code, 1)
        # The client makes two empty lists of it.
        self.assertNotEqual(self.docker.ok("run", "--rm", "--security-opt", "systempaths=unconfined", BB, "sh", "-c",
                                           "cat /proc/mounts | grep -c /proc"), "0")

    @not_oracle("it is older")
    def test_writable_cgroups(self):
        got = self.sh("grep ' /sys/fs/cgroup' /proc/mounts | head -1", {"SecurityOpt": ["writable-cgroups=true"]})
        self.assertIn("rw", got.split()[3].split(","))

    def test_bad(self):
        for option, number in (("nonsense", 1), ("nonsense=x", 2), ("no-new-privileges=perhaps", 2), ("seccomp", 1)):
            self.bad(f'invalid --security-opt {number}: "{option}"', SecurityOpt=[option],
                     status=500 if CTX.is_oracle else 400)


class TestSysctls(More):
    def test_own(self):
        got = self.sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max",
                      {"Sysctls": {"net.ipv4.ip_forward": "0", "kernel.msgmax": "12345", "fs.mqueue.msg_max": "7"}})
        self.assertEqual(got.split(), ["0", "12345", "7"])
        self.kept(self.create(HostConfig={"Sysctls": {"kernel.msgmax": "5"}}), Sysctls={"kernel.msgmax": "5"})

    @not_oracle("it is older")
    def test_defaults(self):
        self.assertEqual(self.sh("cat /proc/sys/net/ipv4/ip_unprivileged_port_start "
                                 "/proc/sys/net/ipv4/ping_group_range").split(), ["0", "0", "2147483647"])

    def test_not_its_own(self):
        self.start_fails("vm.swappiness", Sysctls={"vm.swappiness": "5"})
        self.start_fails("net.ipv4.ip_forward" if not CTX.is_oracle else "sysctl",
                         Sysctls={"net.ipv4.ip_forward": "1"}, NetworkMode="host")
        self.start_fails("sysctl", Sysctls={"kernel.msgmax": "1"}, IpcMode="host")

    @not_oracle("it is older")
    def test_of_an_interface(self):
        key = "net.ipv4.conf.eth0.log_martians"
        self.bad(f'interface specific sysctl setting "{key}" must be supplied using driver option '
                 "'com.docker.network.endpoint.sysctls'", Sysctls={key: "1"})
        old = type(self.api)(self.daemon.sock, "1.47")
        show = "cat /proc/sys/net/ipv4/conf/eth0/log_martians"
        self.assertEqual(old.output(BB, show, HostConfig={"Sysctls": {key: "1"}})[1], "1\n")
        options = {"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1"}
        networking = {"EndpointsConfig": {"bridge": {"DriverOpts": options}}}
        self.assertEqual(self.sh(show, NetworkingConfig=networking), "1")
        ref = self.create(NetworkingConfig=networking)
        self.assertEqual(self.api.inspect(ref)["NetworkSettings"]["Networks"]["bridge"]["DriverOpts"], options)


class TestGroups(More):
    def test_names_and_numbers(self):
        self.assertEqual(self.sh("id -G", {"GroupAdd": ["extra", "4242"]}).split(), ["0", "2222", "4242"])
        self.assertEqual(self.sh("id -G", {"GroupAdd": ["4242"]}, User="web").split(), ["1235", "2222", "4242"])
        self.start_fails("nobodys", GroupAdd=["nobodys"],
                         config={})
        self.start_fails("unable to find user nobody2: no matching entries in passwd file", config={"User": "nobody2"})


class TestAddresses(More):
    MAC = "92:d0:c6:0a:29:33"

    def test_mac(self):
        show = "cat /sys/class/net/eth0/address"
        for config in ({"MacAddress": self.MAC},
                       {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"MacAddress": self.MAC}}}}):
            if CTX.is_oracle and "NetworkingConfig" in config:
                continue
            with self.subTest(config=config):
                self.assertEqual(self.sh(show, **config), self.MAC)
                ref = self.run_("sleep 100", **config)
                got = self.api.inspect(ref)
                self.assertEqual(got["NetworkSettings"]["Networks"]["bridge"]["MacAddress"], self.MAC)
                self.assertEqual(got["NetworkSettings"]["MacAddress"], self.MAC)
                self.assertEqual(got["Config"].get("MacAddress"), self.MAC)

    @not_oracle("it is older")
    def test_mac_told_and_refused(self):
        got = self.api.ok("POST", "/containers/create", {"Image": BB, "MacAddress": self.MAC})
        self.assertEqual(got["Warnings"], ["The container-wide MacAddress field is now deprecated. It should be "
                                           "specified in EndpointsConfig instead."])
        old = type(self.api)(self.daemon.sock, "1.43")
        self.assertEqual(old.ok("POST", "/containers/create", {"Image": BB, "MacAddress": self.MAC})["Warnings"], [])
        self.bad("the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
                 "or be left empty", config={"MacAddress": self.MAC, "NetworkingConfig": {
                     "EndpointsConfig": {"bridge": {"MacAddress": "92:d0:c6:0a:29:34"}}}})
        self.bad("invalid MAC address nonsense", config={"NetworkingConfig": {
            "EndpointsConfig": {"bridge": {"MacAddress": "nonsense"}}}})
        self.bad("conflicting options: mac-address and the network mode", config={"MacAddress": self.MAC},
                 NetworkMode="host")

    @not_oracle("it says so when they start")
    def test_not_on_the_bridge(self):
        def endpoint(**more):
            return {"NetworkingConfig": {"EndpointsConfig": {"bridge": more}}}
        self.bad("user specified IP address is supported on user defined networks only",
                 config=endpoint(IPAMConfig={"IPv4Address": "172.17.0.9"}))
        self.bad("network-scoped alias is supported only for containers in user defined networks",
                 config=endpoint(Aliases=["x"]))

    @not_oracle("it is older")
    def test_priority(self):
        ref = self.create(NetworkingConfig={"EndpointsConfig": {"bridge": {"GwPriority": 7}}})
        self.assertEqual(self.api.inspect(ref)["NetworkSettings"]["Networks"]["bridge"]["GwPriority"], 7)

    def test_disabled(self):
        ref = self.run_("ls /sys/class/net; sleep 100", NetworkDisabled=True)
        self.logged(ref, "lo")
        self.assertNotIn(b"eth0", self.api.logs(ref)[0])
        self.assertTrue(self.api.inspect(ref)["Config"]["NetworkDisabled"])

    def test_hosts(self):
        out = self.sh("cat /etc/hosts", {"ExtraHosts": ["gate:host-gateway", "six:::1", "db:10.0.0.1"]})
        self.assertRegex(out, r"(?m)^10\.0\.0\.1\tdb$")
        self.assertRegex(out, r"(?m)^::1\tsix$")
        self.assertRegex(out, r"(?m)^\d+\.\d+\.\d+\.1\tgate$")
        self.bad('bad format for add-host: "nonsense"', ExtraHosts=["nonsense"])
        self.bad('invalid IP address in add-host: "1.2.3"', ExtraHosts=["a:1.2.3"])

    def test_resolver(self):
        out = self.sh("cat /etc/resolv.conf", {"Dns": ["9.8.7.6"], "DnsSearch": ["example.org", "b.example"],
                                               "DnsOptions": ["ndots:3", "timeout:1"]})
        self.assertIn("nameserver 9.8.7.6", out)
        self.assertIn("search example.org b.example", out)
        self.assertIn("options ndots:3 timeout:1", out)

    def test_ports(self):
        self.bad('invalid port specification: "x"', PortBindings={"80/tcp": [{"HostPort": "x"}]})
        self.bad('nvalid port', PortBindings={"x/tcp": [{"HostPort": "80"}]})
        ref = self.run_("sleep 100", ExposedPorts={"80/tcp": {}, "90/udp": {}}, HostConfig={"PublishAllPorts": True})
        ports = self.api.inspect(ref)["NetworkSettings"]["Ports"]
        self.assertTrue(int(ports["80/tcp"][0]["HostPort"]) >= 1024 and int(ports["90/udp"][0]["HostPort"]) >= 1024)


class TestKept(More):
    """What has no effect on Linux, or only for somebody else, is shown again as it came."""

    def test_config(self):
        body = {"Shell": ["/bin/sh", "-ec"], "OnBuild": ["RUN x"], "Domainname": "d.example",
                "StopSignal": "SIGUSR2", "StopTimeout": 3, "AttachStdout": True, "ArgsEscaped": True,
                "Labels": {"a": "b"}}
        got = self.api.inspect(self.create(**body))["Config"]
        for key, value in body.items():
            self.assertEqual(got.get(key), value, key)

    def test_host(self):
        self.kept(self.create(HostConfig={"ContainerIDFile": "/tmp/id", "Isolation": "default", "ConsoleSize": [30, 90]}),
                  ContainerIDFile="/tmp/id", Isolation="default",
                  ConsoleSize=[30, 90])
        self.bad("invalid isolation", Isolation="hyperv", status=500 if CTX.is_oracle else 400)

    @not_oracle("it is older")
    def test_annotations(self):
        ref = self.create(HostConfig={"Annotations": {"org.example": "x"}})
        self.kept(ref, Annotations={"org.example": "x"})
        one = [c for c in self.api.ok("GET", "/containers/json", all=1) if c["Id"] == ref][0]
        self.assertEqual(one["HostConfig"]["Annotations"], {"org.example": "x"})
        self.api.start(ref)
        if not CTX.external:
            with open(f"{self.daemon.root}/exec/containers/{ref}/config.json") as f:
                self.assertIn('"org.example"', f.read())
        self.bad("invalid Annotations: the empty string is not permitted as an annotation key", Annotations={"": "x"})
        old = type(self.api)(self.daemon.sock, "1.42")
        self.assertNotIn("Annotations", old.inspect(old.create(BB, "true", HostConfig={"Annotations": {"a": "b"}}))
                         ["HostConfig"])

    def test_console_size(self):
        if CTX.is_oracle:
            return
        ref = self.run_("stty size; sleep 100", Tty=True, HostConfig={"ConsoleSize": [31, 91]})
        self.logged(ref, "31 91")
        old = type(self.api)(self.daemon.sock, "1.41")
        self.assertEqual(self.api.inspect(old.create(BB, HostConfig={"ConsoleSize": [31, 91]}))
                         ["HostConfig"]["ConsoleSize"], [0, 0])

    def test_storage(self):
        got = self.api.post("/containers/create", {"Image": BB, "HostConfig": {"StorageOpt": {"size": "1G"}}})
        self.assertEqual(got.status, 500, got)
        self.assertIn("--storage-opt is supported only for overlay over xfs with 'pquota' mount option", got.message)
        self.assertEqual(self.api.ok("GET", "/containers/json", all=1), [])

    def test_health(self):
        for field, value, text in (("Interval", 1000, "Interval in Healthcheck cannot be less than 1ms"),
                                   ("Timeout", 1000, "Timeout in Healthcheck cannot be less than 1ms"),
                                   ("StartPeriod", 1000, "StartPeriod in Healthcheck cannot be less than 1ms"),
                                   ("Retries", -1, "Retries in Healthcheck cannot be negative")):
            self.bad(text, config={"Healthcheck": {"Test": ["CMD", "true"], field: value}})


class TestNames(More):
    def test_generated(self):
        names = {self.api.inspect(self.create())["Name"] for _ in range(5)}
        self.assertEqual(len(names), 5)
        for name in names:
            self.assertRegex(name, r"^/[a-z]+_[a-z]+\d?$")

    def test_rules(self):
        for name in ("x", "-a", "a b", "a/b", "é1", "_ab", ""):
            if name == "":
                continue
            self.gives(400, f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", "POST",
                       "/containers/create", {"Image": BB, "Cmd": ["true"]}, name=name)
        self.create(name="/slashed.name-1_x")
        self.assertEqual(self.api.inspect("slashed.name-1_x")["Name"], "/slashed.name-1_x")

    def test_conflict(self):
        ref = self.create(name="taken")
        text = f'Conflict. The container name "/taken" is already in use by container "{ref}". You have to remove ' \
               "(or rename) that container to be able to reuse that name."
        self.gives(409, text, "POST", "/containers/create", {"Image": BB, "Cmd": ["true"]}, name="taken")
        other = self.create(name="other")
        self.gives(409, f"Error when allocating new name: {text}", "POST", f"/containers/{other}/rename", name="taken")
        self.gives(400, "Renaming a container with the same name as its current name", "POST",
                   "/containers/other/rename", name="other")
        self.gives(400, "either old nor new names may be empty", "POST",
                   "/containers/other/rename", name="")

    def test_lookup(self):
        ref = self.create(name="deadbeef")
        self.assertEqual(self.api.inspect("deadbeef")["Id"], ref)       # a name before a prefix
        self.assertEqual(self.api.inspect(ref[:9])["Id"], ref)
        refs = [ref] + [self.create() for _ in range(17)]
        first = next(a[0] for a in refs if sum(b[0] == a[0] for b in refs) > 1)
        self.gives(500 if CTX.is_oracle else 400, f"ultiple IDs found with provided prefix: {first}", "GET",
                   f"/containers/{first}/json")
        self.gives(404, "No such container: zzz", "GET", "/containers/zzz/json")


class TestRaces(More):
    @not_oracle("500 for some of them")
    def test_looking_at_what_goes(self):
        """Everything asked of a container while it is removed answers 2xx, 304, 404 or 409."""
        seen = []

        def ask(ref, go):
            api = type(self.api)(self.daemon.sock)
            go.wait()
            for method, path, body in (("GET", "top", None), ("POST", "pause", None), ("POST", "unpause", None),
                                       ("GET", "changes", None), ("POST", "update", {"CpuShares": 300}),
                                       ("GET", "stats?stream=false&one-shot=true", None), ("GET", "json", None)) * 3:
                got = api.call(method, f"/containers/{ref}/{path}", body)
                seen.append((got.status, method, path, getattr(got, "message", "")))
        for _ in range(4):
            ref, go = self.run_("sleep 100"), threading.Event()
            threads = [threading.Thread(target=ask, args=(ref, go)) for _ in range(3)]
            for one in threads:
                one.start()
            go.set()
            self.assertIn(self.api.remove(ref).status, (204, 404, 409))
            for one in threads:
                one.join()
        odd = [one for one in seen if not (one[0] < 400 or one[0] in (404, 409)) and "is not paused" not in one[3]]
        self.assertEqual(odd, [])
