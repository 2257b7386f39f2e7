# SPDX-License-Identifier: Apache-2.0
"""What no other test has for its subject: routes that decline, fields that are kept and do nothing."""

from harness.case import BB, E2E, not_oracle

NOT_YET = (
    ("GET", "/images/get?names=x"), ("GET", "/images/search?term=x"), ("GET", "/images/x/get"),
    ("POST", "/images/x/push"), ("GET", "/distribution/x/json"),
    ("POST", "/networks/create"), ("POST", "/networks/bridge/connect"),
    ("POST", "/networks/bridge/disconnect"),
    ("POST", "/build"), ("POST", "/build/cancel"),
)


class TestRoutes(E2E):
    @not_oracle("it has them")
    def test_not_yet(self):
        for method, path in NOT_YET:
            with self.subTest(f"{method} {path}"):
                self.gives(501, " is not supported by this engine", method, path)

    @not_oracle("other words before 28")
    def test_checkpoints(self):
        ref = self.create()
        for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/one")):
            with self.subTest(method):
                self.gives(501, "This experimental feature is disabled by default.", method,
                           f"/containers/{ref}/checkpoints{path}")

    @not_oracle("it has plugins")
    def test_below_plugins(self):
        for method, path in (("POST", "/plugins/pull"), ("GET", "/plugins/x/json"), ("POST", "/plugins/x/enable"),
                             ("DELETE", "/plugins/x")):
            with self.subTest(f"{method} {path}"):
                self.assertIn(self.api.call(method, path).status, (404, 501))

    @not_oracle("newer than it")
    def test_remove_by_post(self):
        ref = self.run_(name="goes")
        self.gives(409, "container is running: stop the container before removing or force remove", "POST",
                   "/containers/goes/remove")
        self.assertEqual(self.api.post(f"/containers/{ref}/remove", force=1, v=1).status, 204)
        self.gives(404, "No such container: goes", "GET", "/containers/goes/json")

    def test_built_in_networks_stay(self):
        for name in ("bridge", "host", "none"):
            with self.subTest(name):
                self.gives(403, f"{name} is a pre-defined network and cannot be removed", "DELETE",
                           f"/networks/{name}")
        self.gives(404, "network nowhere not found", "DELETE", "/networks/nowhere")

    @not_oracle("older than cluster volumes")
    def test_cluster_volume(self):
        got = self.api.post("/volumes/create", {"Name": "c", "ClusterVolumeSpec": {"Group": "g"}})
        self.assertEqual(got.status, 503, got)
        self.assertIn("This node is not a swarm manager.", got.message)
        self.gives(404, "get c: no such volume", "GET", "/volumes/c")


class TestKept(E2E):
    def test_attach_flags(self):
        for on in (True, False):
            ref = self.create(AttachStdin=on, AttachStdout=not on, AttachStderr=on)
            got = self.api.inspect(ref)["Config"]
            self.assertEqual((got["AttachStdin"], got["AttachStdout"], got["AttachStderr"]), (on, not on, on))

    def test_consistency(self):
        """Of file sharing on a Mac; here every mount is consistent."""
        mount = {"Type": "bind", "Source": "/tmp", "Target": "/t", "Consistency": "cached"}
        ref = self.run_("test -d /t", HostConfig={"Mounts": [mount]})
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["Mounts"], [mount])
        self.assertEqual(self.api.wait(ref), 0)

    def test_driver_options_of_a_mount(self):
        mount = {"Type": "volume", "Source": "opted", "Target": "/v", "VolumeOptions": {"DriverConfig": {
            "Name": "local", "Options": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}}}
        self.assertIn("tmpfs", self.says("grep ' /v ' /proc/mounts", HostConfig={"Mounts": [mount]}))
        self.assertEqual(self.api.ok("GET", "/volumes/opted")["Options"],
                         mount["VolumeOptions"]["DriverConfig"]["Options"])
        self.api.delete("/volumes/opted")


class TestAddresses(E2E):
    @not_oracle("at start, not at create")
    def test_only_on_own_networks(self):
        for status, text, ipam in (
                (400, "user specified IP address is supported on user defined networks only",
                 {"IPv4Address": "172.17.0.9"}),
                (400, "user specified IP address is supported on user defined networks only",
                 {"IPv6Address": "fd00::9"}),
                (501, "link-local addresses of endpoints are not supported by this engine",
                 {"LinkLocalIPs": ["169.254.9.9"]})):
            with self.subTest(ipam):
                self.gives(status, text, "POST", "/containers/create", {
                    "Image": BB, "NetworkingConfig": {"EndpointsConfig": {"bridge": {"IPAMConfig": ipam}}}})

    @not_oracle("it keeps them to itself")
    def test_links_of_an_endpoint(self):
        """Those are for networks of one's own; what came is shown."""
        ref = self.create(NetworkingConfig={"EndpointsConfig": {"bridge": {"Links": ["a:b"]}}})
        self.assertEqual(self.api.inspect(ref)["NetworkSettings"]["Networks"]["bridge"]["Links"], ["a:b"])

    def test_network_id(self):
        """What a client copies from an inspect is no request for another network."""
        ref = self.create(NetworkingConfig={"EndpointsConfig": {"bridge": {"NetworkID": "f" * 64}}})
        self.api.start(ref)
        bridge = self.api.ok("GET", "/networks/bridge")["Id"]
        self.assertEqual(self.api.inspect(ref)["NetworkSettings"]["Networks"]["bridge"]["NetworkID"], bridge)
