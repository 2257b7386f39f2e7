# SPDX-License-Identifier: Apache-2.0
"""Links on the default bridge: names, environment, hosts file, and their end."""

from harness.case import BB, CTX, E2E, not_oracle, wait_for


class TestLinks(E2E):
    SHOWN = None

    def db(self, name="db", **more):
        return self.run_("sleep 1000", name=name, **more)

    def address(self, ref):
        return self.api.inspect(ref)["NetworkSettings"]["IPAddress"]

    def env(self, *links, **more):
        code, out, err = self.api.output(BB, "env", name="app", HostConfig={"Links": list(links)}, **more)
        self.assertEqual(code, 0, err)
        return dict(line.split("=", 1) for line in out.splitlines())

    def test_environment(self):
        self.db(ExposedPorts={"8080/tcp": {}, "8081/tcp": {}, "8082/tcp": {}, "53/udp": {}},
                Env=["SECRET=x=y", "HOME=/there", "BARE"])
        ip = self.address("db")
        env = self.env("db:my-db")
        for key, value in {
                "MY_DB_NAME": "/app/my-db", "MY_DB_PORT": f"udp://{ip}:53",
                "MY_DB_PORT_8080_TCP": f"tcp://{ip}:8080", "MY_DB_PORT_8080_TCP_ADDR": ip,
                "MY_DB_PORT_8080_TCP_PORT": "8080", "MY_DB_PORT_8080_TCP_PROTO": "tcp",
                "MY_DB_PORT_8080_TCP_START": f"tcp://{ip}:8080", "MY_DB_PORT_8080_TCP_END": f"tcp://{ip}:8082",
                "MY_DB_PORT_8080_TCP_PORT_START": "8080", "MY_DB_PORT_8080_TCP_PORT_END": "8082",
                "MY_DB_PORT_53_UDP": f"udp://{ip}:53", "MY_DB_ENV_SECRET": "x=y"}.items():
            self.assertEqual(env.get(key), value, key)
        self.assertNotIn("MY_DB_ENV_HOME", env)
        self.assertNotIn("MY_DB_ENV_PATH", env)

    def test_own_environment_wins(self):
        self.db()
        self.assertEqual(self.env("db", Env=["DB_NAME=mine"])["DB_NAME"], "mine")

    def test_hosts(self):
        self.db(Hostname="dbhost")
        ip = self.address("db")
        code, out, _ = self.api.output(BB, "cat /etc/hosts; ping -c1 -w5 store >/dev/null && echo reached",
                                       HostConfig={"Links": ["db:store"]})
        self.assertEqual(code, 0)
        self.assertRegex(out, rf"(?m)^{ip}\tstore dbhost db$")
        self.assertTrue(out.endswith("reached\n"), out)

    def test_the_client(self):
        self.db()
        out = self.docker.ok("run", "--name", "app", "--link", "db:store", BB, "cat", "/etc/hosts")
        self.assertRegex(out, rf"(?m)^{self.address('db')}\tstore ")
        got = self.api.inspect("app")
        self.assertEqual(got["HostConfig"]["Links"], ["/db:/app/store"])
        self.assertEqual(got["NetworkSettings"]["Networks"]["bridge"]["Links"], self.SHOWN)

    def test_inspect_and_names(self):
        ref = self.db()
        app = self.create(name="app", HostConfig={"Links": ["db:store", "db"]})
        self.assertEqual(sorted(self.api.inspect("app")["HostConfig"]["Links"]), ["/db:/app/db", "/db:/app/store"])
        names = {one["Id"]: one["Names"] for one in self.api.ok("GET", "/containers/json", all=1)}
        self.assertEqual(sorted(names[ref]), ["/app/db", "/app/store", "/db"])
        self.assertEqual(names[app], ["/app"])
        self.assertEqual(self.api.inspect("app/store")["Id"], ref)
        self.docker.ok("rename", "app", "app2")
        self.assertEqual(sorted(self.api.inspect("app2")["HostConfig"]["Links"]),
                         ["/db:/app2/db", "/db:/app2/store"])
        # What inspect shows is taken again.
        again = self.create(name="copy", HostConfig={"Links": ["/db:/app2/store"]})
        self.assertEqual(self.api.inspect(again)["HostConfig"]["Links"], ["/db:/copy/store"])

    def test_unlink(self):
        self.db()
        self.create(name="app", HostConfig={"Links": ["db:one", "db:two"]})
        self.docker.ok("rm", "--link", "app/one")
        self.assertEqual(self.api.inspect("app")["HostConfig"]["Links"], ["/db:/app/two"])
        self.gives(404, "No such container: app/one", "GET", "/containers/app/one/json")
        self.assertTrue(self.api.inspect("db")["State"]["Running"])
        got = self.api.delete("/containers/db", link=1)
        self.assertIn("Conflict, cannot remove the default link name of the container", got.message)
        self.assertEqual(got.status, 500 if CTX.is_oracle else 409)
        self.assertTrue(self.api.inspect("db")["State"]["Running"])

    @not_oracle("it cannot start such a container any more")
    def test_the_child_goes(self):
        self.db()
        self.create(name="app", HostConfig={"Links": ["db"]})
        self.api.remove("db")
        self.assertIsNone(self.api.inspect("app")["HostConfig"]["Links"])
        self.api.start("app")

    def test_must_run(self):
        self.create(name="db")
        ref = self.create(name="app", HostConfig={"Links": ["db:x"]})
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, 500, got)
        self.assertIn("Cannot link to a non running container: /db AS /app/x", got.message)

    def test_not_on_the_bridge(self):
        self.run_("sleep 100", name="alone", HostConfig={"NetworkMode": "none"})
        ref = self.create(name="app", HostConfig={"Links": ["alone"]})
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, 500, got)
        self.assertIn("Cannot link to /alone, as it does not belong to the default network", got.message)

    def test_bad(self):
        def refused(message, *links, status=400):
            got = self.api.post("/containers/create", {"Image": BB, "HostConfig": {"Links": list(links)}})
            self.assertEqual(got.status, status, got)
            self.assertIn(message, got.message)
        refused("could not get container for nothere: No such container: nothere", "nothere:x")
        self.run_("sleep 100", name="onhost", HostConfig={"NetworkMode": "host"})
        refused("conflicting options: host type networking can't be used with links", "onhost")
        refused("bad format for links: a:b:c", "a:b:c", status=500 if CTX.is_oracle else 400)

    def test_through_anothers_network(self):
        ref = self.db()
        self.run_("sleep 100", name="side", HostConfig={"NetworkMode": "container:db"})
        self.create(name="app", HostConfig={"Links": ["side:x"]})
        self.assertEqual(self.api.inspect("app/x")["Id"], ref)

    def test_the_child_comes_again(self):
        """Another address: the parent's hosts file follows."""
        self.db()
        app = self.run_("sleep 1000", name="app", HostConfig={"Links": ["db:store"]})
        self.docker.ok("stop", "-t", "0", "db")
        taker = self.run_("sleep 1000")
        self.api.start("db")
        ip = self.address("db")
        wait_for(lambda: f"{ip}\tstore" in self.docker.ok("exec", app, "cat", "/etc/hosts"), 5, "the new address")
        self.assertTrue(taker)

    @not_oracle("it is not restarted by these tests")
    def test_outlive_the_daemon(self):
        self.db()
        self.create(name="app", HostConfig={"Links": ["db:store"]})
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.api.inspect("app")["HostConfig"]["Links"], ["/db:/app/store"])
        self.assertEqual(self.api.inspect("app/store")["Name"], "/db")
        self.api.start("app")
