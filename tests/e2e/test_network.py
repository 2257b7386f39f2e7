# SPDX-License-Identifier: Apache-2.0
"""none, host, container:X and the default bridge: addresses, names, published ports, and their end."""

import ipaddress
import json
import os
import re
import socket
import subprocess

from harness import leaks
from harness.case import BB, CTX, E2E, not_oracle, wait_for
from harness.images import needs_probe


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]


def tcp_says(address, port, timeout=10):
    with socket.create_connection((address, int(port)), timeout) as conn:
        conn.settimeout(timeout)
        return conn.makefile("rb").readline()


def udp_says(address, port, data=b"x", timeout=10):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as conn:
        conn.settimeout(timeout)
        conn.sendto(data, (address, int(port)))
        return conn.recv(2000)


class Network(E2E):
    def server(self, *ports, name="srv", kind="tcp", inside=80, ip=None, **host):
        """A container with the probe behind the published host ports (0: any)."""
        bindings = {f"{inside}/{kind}": [dict({"HostPort": str(p) if p else ""},
                                              **({"HostIp": ip} if ip else {})) for p in ports]}
        ref = self.run_(["probe", kind, str(inside)], name=name, ExposedPorts={f"{inside}/{kind}": {}},
                        HostConfig=dict({"PortBindings": bindings}, **host))
        self.logged(ref, "ready")
        return ref

    def published(self, ref, what="80/tcp"):
        return int(self.api.inspect(ref)["NetworkSettings"]["Ports"][what][0]["HostPort"])

    def address(self, ref):
        return self.api.inspect(ref)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]


class TestModes(Network):
    def test_none(self):
        out = self.says("ip -o link | cut -d: -f2; ip route; cat /etc/hosts", HostConfig={"NetworkMode": "none"})
        self.assertEqual(out.split()[0], "lo")
        self.assertNotIn("eth0", out)
        self.assertNotIn("default", out)
        self.assertIn("localhost", out)
        self.says("ping -c1 -W2 127.0.0.1", HostConfig={"NetworkMode": "none"})

    def test_host(self):
        own = subprocess.run(["ip", "-o", "link"], capture_output=True).stdout.count(b"\n")
        out = self.says("ip -o link | wc -l; readlink /proc/self/ns/net; hostname",
                        HostConfig={"NetworkMode": "host"}).split()
        self.assertEqual(out, [str(own), os.readlink("/proc/self/ns/net"), socket.gethostname()])
        got = self.api.inspect(self.create(HostConfig={"NetworkMode": "host"}))
        self.assertEqual(got["HostConfig"]["NetworkMode"], "host")

    def test_container(self):
        first = self.run_("sleep 1000", name="first", Hostname="shared-name")
        pid = self.api.inspect(first)["State"]["Pid"]
        out = self.says("readlink /proc/self/ns/net; hostname; grep -c . /etc/hosts; ip -4 -o addr show eth0",
                        HostConfig={"NetworkMode": "container:first"})
        self.assertTrue(out.startswith(os.readlink(f"/proc/{pid}/ns/net") + "\nshared-name\n"), out)
        self.assertIn(self.address(first), out)
        ref = self.create(HostConfig={"NetworkMode": "container:first"})
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["NetworkMode"], f"container:{first}")

    def test_container_errors(self):
        got = self.api.post("/containers/create", {"Image": BB, "HostConfig": {"NetworkMode": "container:nope"}})
        if got.status == 201:
            got = self.api.post(f"/containers/{got.json()['Id']}/start")
        self.assertGreaterEqual(got.status, 400, got)
        self.assertIn("No such container: nope", got.message)
        self.create(name="idle")
        ref = self.create(HostConfig={"NetworkMode": "container:idle"})
        got = self.api.post(f"/containers/{ref}/start")
        self.assertIn(got.status, (400, 409, 500))
        self.assertIn("running", got.message)

    def test_unknown_network(self):
        got = self.api.post("/containers/create", {"Image": BB, "Cmd": ["true"],
                                                   "HostConfig": {"NetworkMode": "nosuchnet"}})
        if got.status == 201:
            got = self.api.post(f"/containers/{got.json()['Id']}/start")
        self.assertEqual(got.status, 404, got)
        self.assertIn("network nosuchnet not found", got.message)

    def test_networks_listed(self):
        got = {n["Name"]: n for n in self.api.ok("GET", "/networks")}
        self.assertEqual(set(got), {"bridge", "host", "none"})
        for name, driver in (("bridge", "bridge"), ("host", "host"), ("none", "null")):
            self.assertEqual((got[name]["Driver"], got[name]["Scope"]), (driver, "local"))
            self.assertRegex(got[name]["Id"], "^[0-9a-f]{64}$")
        config, = got["bridge"]["IPAM"]["Config"]
        self.assertEqual((config["Subnet"], config["Gateway"]),
                         (self.daemon.subnet + ".0/24", self.daemon.gateway))
        self.assertEqual(got["bridge"]["Options"]["com.docker.network.bridge.name"], self.daemon.bridge)
        self.assertEqual(self.docker.ok("network", "ls", "--format", "{{.Name}}").split(),
                         ["bridge", "host", "none"])


class TestBridge(Network):
    def test_address_and_route(self):
        ref = self.run_("sleep 1000")
        got = self.api.inspect(ref)["NetworkSettings"]
        end = got["Networks"]["bridge"]
        address = ipaddress.ip_address(end["IPAddress"])
        self.assertIn(address, ipaddress.ip_network(self.daemon.subnet + ".0/24"))
        self.assertEqual((end["Gateway"], end["IPPrefixLen"]), (self.daemon.gateway, 24))
        self.assertEqual((got["IPAddress"], got["Gateway"]), (end["IPAddress"], end["Gateway"]))
        self.assertRegex(end["MacAddress"], "^02:42:|^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")
        inside = self.docker.ok("exec", ref, "sh", "-c", "ip -4 -o addr show eth0; ip route; ip link show eth0")
        self.assertIn(f"{address}/24", inside)
        self.assertIn(f"default via {self.daemon.gateway} dev eth0", inside)
        self.assertIn(end["MacAddress"], inside)
        self.assertEqual(end["NetworkID"], [n["Id"] for n in self.api.ok("GET", "/networks")
                                            if n["Name"] == "bridge"][0])
        self.assertEqual(len(end["EndpointID"]), 64)

    def test_shown_in_every_state(self):
        """What inspect and the list say of the network of a container, by mode and state."""
        nets = {n["Name"]: n["Id"] for n in self.api.ok("GET", "/networks")}
        peer = self.run_()
        moving = ("EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "MacAddress")

        def shown(ref, name):
            got = self.api.inspect(ref)["NetworkSettings"]
            short, = [c["NetworkSettings"] for c in self.api.ok("GET", "/containers/json", all=1) if c["Id"] == ref]
            self.assertEqual(list(got["Networks"]), [name] if name else [])
            self.assertEqual(short["Networks"], got["Networks"])
            return got, got["Networks"].get(name)
        for mode, name in (("none", "none"), ("bridge", "bridge"), ("default", "bridge"), ("host", "host"),
                           ("container:" + peer, None)):
            with self.subTest(mode.split(":")[0]):
                ref = self.create("sleep 1000", HostConfig={"NetworkMode": mode})
                got, end = shown(ref, name)
                self.assertEqual((got["SandboxID"], got["SandboxKey"], got["Ports"]), ("", "", {}))
                if name:
                    self.assertEqual(end["NetworkID"], "")
                    self.assertFalse([end[key] for key in moving if end[key]])
                ids = set()
                for _ in range(2):
                    self.api.start(ref)
                    got, end = shown(ref, name)
                    if name:
                        self.assertRegex(got["SandboxID"], "^[0-9a-f]{64}$")
                        self.assertRegex(end["EndpointID"], "^[0-9a-f]{64}$")
                        self.assertEqual(end["NetworkID"], nets[name])
                        inside = self.api.ok("GET", f"/networks/{name}")["Containers"][ref]
                        self.assertEqual(inside["EndpointID"], end["EndpointID"])
                        self.assertEqual([bool(end[key]) for key in moving[1:]], [name == "bridge"] * 4)
                        ids.add(end["EndpointID"])
                    else:
                        self.assertEqual((got["SandboxID"], got["SandboxKey"]), ("", ""))
                    self.api.ok("POST", f"/containers/{ref}/kill")
                    self.exited(ref)
                    got, end = shown(ref, name)
                    self.assertEqual(got["Ports"], {})
                    if name:
                        self.assertEqual(end["NetworkID"], nets[name])
                        self.assertFalse([end[key] for key in moving if end[key]])
                self.assertEqual(len(ids), 2 if name else 0)

    def test_reaches_host_and_other(self):
        one = self.run_(["probe", "tcp", "80"], name="one")
        self.logged(one, "ready")
        self.assertTrue(self.says(f"nc {self.address(one)} 80 < /dev/null").startswith("tcp:"))
        self.says(f"ping -c1 -W2 {self.daemon.gateway}")
        self.assertTrue(tcp_says(self.address(one), 80).startswith(b"tcp:"))

    def test_addresses_differ_and_come_back(self):
        refs = [self.run_("sleep 1000") for _ in range(5)]
        self.assertEqual(len({self.address(r) for r in refs}), 5)
        for ref in refs:
            self.api.remove(ref)
        seen = set()
        for _ in range(3):
            ref = self.run_("sleep 1000")
            seen.add(self.address(ref))
            self.api.remove(ref)
        self.assertNotIn("", seen)

    def test_address_survives_a_restart_of_the_daemon(self):
        first = self.run_("sleep 1000")
        address = self.address(first)
        self.daemon.restart(kill=True)
        self.assertEqual(self.address(first), address)
        self.assertNotEqual(self.address(self.run_("sleep 1000")), address)

    def test_files(self):
        ref = self.run_("cat /etc/hosts; sleep 1000", Hostname="me", HostConfig={
            "ExtraHosts": ["db:10.1.2.3", "gw:host-gateway"]})
        hosts = self.logged(ref, "me").decode("utf-8", "replace")
        self.assertRegex(hosts, rf"{re.escape(self.address(ref))}\s+me\b")
        self.assertRegex(hosts, r"10\.1\.2\.3\s+db\b")
        if not CTX.is_oracle:
            self.assertRegex(hosts, rf"{re.escape(self.daemon.gateway)}\s+gw\b")
        self.assertRegex(hosts, r"::1\s+localhost ip6-localhost ip6-loopback")
        resolv = self.says("cat /etc/resolv.conf", HostConfig={"Dns": ["9.9.9.9", "8.8.4.4"]})
        self.assertEqual(re.findall(r"(?m)^nameserver (\S+)", resolv), ["9.9.9.9", "8.8.4.4"])
        resolv = self.says("cat /etc/resolv.conf")
        for server in re.findall(r"(?m)^nameserver (\S+)", resolv):
            self.assertFalse(server.startswith("127."), resolv)
        self.assertIn("nameserver", resolv)

    def test_files_are_writable_and_kept(self):
        ref = self.run_("echo 1.2.3.4 mine >> /etc/hosts; grep -c mine /etc/hosts")
        self.assertEqual(self.api.wait(ref), 0)
        self.assertEqual(self.api.logs(ref)[0], b"1\n")

    def test_no_ipv6_mishap(self):
        self.assertEqual(self.says("ping -c1 -W2 127.0.0.1 >/dev/null && echo ok"), "ok")


class TestPorts(Network):
    @needs_probe
    def test_tcp(self):
        port = free_port()
        ref = self.server(port)
        for address in ("127.0.0.1", self.daemon.gateway):
            self.assertTrue(tcp_says(address, port).startswith(b"tcp:"), address)
        self.assertTrue(tcp_says(self.address(ref), 80).startswith(b"tcp:"))
        # From another container through the gateway.
        self.assertTrue(self.says(f"nc {self.daemon.gateway} {port} < /dev/null").startswith("tcp:"))
        # From the container itself (hairpin).
        got = self.docker("exec", ref, "sh", "-c", f"nc -w 10 {self.daemon.gateway} {port} < /dev/null")
        self.assertTrue(got.out.startswith("tcp:"), got)

    @needs_probe
    def test_udp(self):
        port = free_port(socket.SOCK_DGRAM)
        self.server(port, kind="udp", inside=53)
        for address in ("127.0.0.1", self.daemon.gateway):
            self.assertEqual(udp_says(address, port, b"ping"), b"udp:ping", address)

    def test_curl(self):
        port = free_port()
        ref = self.docker.ok("run", "-d", "-p", f"{port}:8080", BB, "sh", "-c",
                             "mkdir /www; echo served > /www/index.html; httpd -f -p 8080 -h /www")
        wait_for(lambda: subprocess.run(["curl", "-sf", "-m", "3", f"http://127.0.0.1:{port}/"],
                                        capture_output=True).stdout == b"served\n", 8, "curl is served")
        self.assertEqual(self.docker.ok("port", ref, "8080").splitlines()[0], f"0.0.0.0:{port}")

    @needs_probe
    def test_random_port(self):
        ref = self.server(0)
        port = self.published(ref)
        self.assertGreater(port, 1023)
        self.assertTrue(tcp_says("127.0.0.1", port).startswith(b"tcp:"))
        ports = {one["PublicPort"] for one in self.api.ok("GET", "/containers/json")[0]["Ports"]}
        self.assertEqual(ports, {port})

    @needs_probe
    def test_one_address_only(self):
        port = free_port()
        self.server(port, ip="127.0.0.1")
        self.assertTrue(tcp_says("127.0.0.1", port).startswith(b"tcp:"))
        with self.assertRaises(OSError):
            tcp_says(self.daemon.gateway, port, 1)

    @needs_probe
    def test_several(self):
        one, two = free_port(), free_port()
        self.server(one, two)
        self.assertTrue(tcp_says("127.0.0.1", one).startswith(b"tcp:"))
        self.assertTrue(tcp_says("127.0.0.1", two).startswith(b"tcp:"))

    @needs_probe
    def test_source_address_is_kept(self):
        """Who comes over the bridge is seen with its own address, not the gateway's."""
        port = free_port()
        self.server(port)
        other = self.run_("sleep 1000")
        got = self.docker.ok("exec", other, "sh", "-c", f"nc {self.daemon.gateway} {port} < /dev/null")
        self.assertIn(got, (f"tcp:{self.address(other)}", f"tcp:{self.daemon.gateway}"))

    @needs_probe
    def test_taken_by_a_container(self):
        port = free_port()
        first = self.server(port)
        ref = self.create("sleep 1000", name="second", ExposedPorts={"80/tcp": {}},
                          HostConfig={"PortBindings": {"80/tcp": [{"HostPort": str(port)}]}})
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, 500)
        self.assertRegex(got.message, "driver failed programming external connectivity on endpoint second "
                         rf"\([0-9a-f]+\): Bind for (0\.0\.0\.0|\[?::\]?):{port} failed: port is already allocated")
        state = self.api.inspect(ref)["State"]
        self.assertEqual((state["Status"], state["ExitCode"]), ("created", 128))
        self.api.remove(first)
        self.api.start(ref)     # now it is free

    def test_taken_by_a_process(self):
        with socket.create_server(("0.0.0.0", 0)) as taken:
            port = taken.getsockname()[1]
            got = self.docker("run", "-d", "--name", "late", "-p", f"{port}:80", BB, "sleep", "1000")
            self.assertEqual(got.code, 125)
            self.assertIn("address already in use", got.err)
        self.assertEqual(self.api.inspect("late")["State"]["Status"], "created")
        self.docker.ok("start", "late")

    @needs_probe
    def test_port_is_really_held(self):
        """A published port is a listening socket, so nothing else can take it."""
        port = free_port()
        self.server(port)
        with self.assertRaises(OSError):
            socket.create_server(("0.0.0.0", port)).close()

    @needs_probe
    def test_stop_frees_start_binds_again(self):
        port = free_port()
        ref = self.server(port)
        self.api.ok("POST", f"/containers/{ref}/kill")
        self.exited(ref)
        with self.assertRaises(OSError):
            tcp_says("127.0.0.1", port, 1)
        socket.create_server(("0.0.0.0", port)).close()
        self.assertNotIn(str(port), leaks.nft_text())
        self.api.start(ref)
        wait_for(lambda: self.reached(port), 5, "reached again")

    def reached(self, port):
        try:
            return tcp_says("127.0.0.1", port, 5).startswith(b"tcp:")
        except OSError:
            return False

    @not_oracle("it takes some of them")
    def test_bad_ports(self):
        for key, binding in (("80", {"HostPort": "x"}), ("99999/tcp", {"HostPort": "1"}), ("80/xyz", {"HostPort": "1"}),
                             ("80/tcp", {"HostPort": "99999"}), ("80/tcp", {"HostIp": "nonsense", "HostPort": "1"}),
                             ("abc/tcp", {"HostPort": "1"})):
            with self.subTest(key=key, binding=binding):
                got = self.api.post("/containers/create", {"Image": BB, "Cmd": ["true"], "HostConfig": {
                    "PortBindings": {key: [binding]}}})
                if got.status == 201:
                    got = self.api.post(f"/containers/{got.json()['Id']}/start")
                self.assertEqual(got.status, 400, got)

    @needs_probe
    def test_through_a_crash_of_the_daemon(self):
        """Traffic goes on while the daemon is dead, and after it is back."""
        port = free_port()
        ref = self.server(port)
        self.daemon.kill9()
        alive = self.reached(port) or CTX.is_oracle
        self.daemon.start()
        self.assertTrue(alive, "traffic stopped with the daemon")
        self.assertTrue(wait_for(lambda: self.reached(port), 5, "reached after the restart"))
        with self.assertRaises(OSError):
            socket.create_server(("0.0.0.0", port)).close()
        self.api.remove(ref)
        self.assertFalse(self.reached(port))


class TestGone(Network):
    @not_oracle("it keeps its bridge and chains")
    @needs_probe
    def test_nothing_stays(self):
        before = self.before
        self.assertIn(self.daemon.bridge, leaks.links())
        links, netns = leaks.links(), self.netns()
        port = free_port()
        ref = self.server(port, 0)
        self.server(free_port(socket.SOCK_DGRAM), name="udp", kind="udp", inside=53)
        self.assertGreater(len(leaks.links()), len(links))
        self.assertIn(str(port), leaks.nft_text())
        for name in (ref, "udp"):
            self.api.ok("DELETE", f"/containers/{name}", force=1)
        # The kernel takes an interface away some moments after its namespace.
        wait_for(lambda: leaks.links() == links, 5, "links gone")
        wait_for(lambda: self.netns() == netns, 5, "network namespaces gone")
        self.assertNotIn(str(port), leaks.nft_text())
        self.daemon.stop()
        self.assertEqual(leaks.links(), before.links)
        self.assertEqual(leaks.nft_tables(), before.tables)
        self.assertEqual(leaks.mounts(self.daemon.root), [])
        self.daemon.start()

    def netns(self):
        out = subprocess.run(["lsns", "-t", "net", "-J", "-o", "NS,NPROCS"], capture_output=True).stdout
        return len(json.loads(out or b'{"namespaces":[]}')["namespaces"])

    @not_oracle("it keeps its bridge and chains")
    @needs_probe
    def test_a_crash_is_swept(self):
        """Containers that ended while the daemon was dead leave no link, rule or mount."""
        links = leaks.links()
        port = free_port()
        ref = self.server(port)
        pid = self.api.inspect(ref)["State"]["Pid"]
        self.daemon.kill9()
        os.kill(pid, 9)
        self.daemon.start()
        self.exited(ref)
        wait_for(lambda: leaks.links() == links, 5, "links swept")
        self.assertNotIn(str(port), leaks.nft_text())
        socket.create_server(("0.0.0.0", port)).close()


class TestOwnBridge(E2E):
    """--dns reaches the containers that say nothing else."""

    flags = ("--dns", "10.7.7.7", "--dns", "10.8.8.8")

    def test_dns(self):
        self.assertEqual(re.findall(r"(?m)^nameserver (\S+)", self.says("cat /etc/resolv.conf")),
                         ["10.7.7.7", "10.8.8.8"])
