# SPDX-License-Identifier: Apache-2.0
"""GET /events: what is told of containers, images and networks, in which order, to whom."""

import datetime
import json
import socket
import threading
import time

from harness import rawhttp
from harness.api import query, records
from harness.case import BB, CTX, E2E, images, needs_host, not_oracle, takes, wait_for
from harness.registry import Registry

LOOP = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"


@needs_host      # whose clock it goes by
class Events(E2E):
    def setUp(self):
        self.since = f"{time.time():.9f}"

    def past(self, since=None, until=None, api=None, **filters):
        """Events from the beginning of the test until now."""
        time.sleep(0.002)
        got = (api or self.api).get("/events", since=since or self.since,
                                    until=until or f"{time.time():.9f}", filters=filters or None)
        self.assertEqual(got.status, 200, got)
        self.assertEqual(got.headers["content-type"], "application/json")
        return records(got.body)

    def told(self, want, **filters):
        """Waits until the actions told are those wanted; returns the events."""
        def actions():
            return [e["Action"] for e in self.past(**filters)]
        wait_for(lambda: len(actions()) >= len(want), 10)
        self.assertEqual(actions(), want)
        return self.past(**filters)

    def of(self, ref, **more):
        return dict({"container": [ref]}, **more)


class TestContainers(Events):
    def test_life(self):
        labels = {"com.example.a": "1", "b": "x y"}
        ref = self.api.create(BB, LOOP, name="life", Labels=labels)
        self.api.start(ref)
        self.logged(ref, "up")      # the trap is set
        self.api.ok("POST", f"/containers/{ref}/rename", status=204, name="lives")
        self.api.ok("POST", f"/containers/{ref}/kill", status=204, signal="SIGUSR2")
        self.api.ok("POST", f"/containers/{ref}/stop", status=204, t=5)
        self.api.ok("DELETE", f"/containers/{ref}", status=204)
        events = self.told(["create", "start", "rename", "kill", "kill", "die", "stop", "destroy"],
                           **self.of(ref))
        for event in events:
            self.assertEqual(event["Type"], "container")
            self.assertEqual((event["status"], event["id"], event["from"]), (event["Action"], ref, BB))
            self.assertEqual((event["Actor"]["ID"], event["scope"]), (ref, "local"))
            self.assertEqual(event["time"], event["timeNano"] // 10**9)
            attributes = event["Actor"]["Attributes"]
            self.assertEqual(attributes["image"], BB)
            self.assertEqual({k: attributes[k] for k in labels}, labels)
            self.assertEqual(list(attributes), sorted(attributes))
        names = [e["Actor"]["Attributes"]["name"] for e in events]
        self.assertEqual(names, ["life"] * 2 + ["lives"] * 6)
        own = {e["Action"]: e["Actor"]["Attributes"] for e in events}
        self.assertEqual(own["rename"]["oldName"], "/life")
        self.assertEqual([e["Actor"]["Attributes"]["signal"] for e in events if e["Action"] == "kill"],
                         ["12", "15"])
        if not CTX.is_oracle:
            self.assertTrue(own["die"]["execDuration"].isdigit())
        self.assertIn("exitCode", own["die"])
        times = [e["timeNano"] for e in events]
        self.assertEqual(times, sorted(times))

    def test_shape(self):
        ref = self.api.create(BB, ["true"])
        event = self.told(["create"], **self.of(ref))[0]
        self.assertEqual(list(event), ["status", "id", "from", "Type", "Action", "Actor", "scope",
                                       "time", "timeNano"])
        self.assertEqual(list(event["Actor"]), ["ID", "Attributes"])

    def test_exit_code(self):
        ref = self.api.run(BB, "sleep 1.1; exit 7")
        self.api.wait(ref)
        event = self.told(["create", "start", "die"], **self.of(ref))[-1]
        self.assertEqual(event["Actor"]["Attributes"]["exitCode"], "7")
        if not CTX.is_oracle:
            state = self.api.inspect(ref)["State"]
            began, ended = (datetime.datetime.fromisoformat(state[key]) for key in ("StartedAt", "FinishedAt"))
            self.assertEqual(event["Actor"]["Attributes"]["execDuration"], str(int((ended - began).total_seconds())))

    @not_oracle("it tells of the end before the network")
    def test_with_networks(self):
        ref = self.api.create(BB, LOOP, name="net")
        self.api.start(ref)
        self.logged(ref, b"up")
        self.api.ok("POST", f"/containers/{ref}/stop", status=204, t=5)
        wait_for(lambda: "stop" in [e["Action"] for e in self.past()], 10)
        events = self.past(type=["container", "network"])
        self.assertEqual([(e["Type"], e["Action"]) for e in events],
                         [("container", "create"), ("network", "connect"), ("container", "start"),
                          ("container", "kill"), ("network", "disconnect"), ("container", "die"),
                          ("container", "stop")])
        for event in events:
            if event["Type"] == "network":
                self.assertEqual(event["Actor"]["Attributes"],
                                 {"container": ref, "name": "bridge", "type": "bridge"})
                net = self.api.ok("GET", "/networks/bridge")["Id"]
                self.assertEqual(event["Actor"]["ID"], net)
                self.assertNotIn("status", event)
                self.assertNotIn("from", event)

    def test_other_networks(self):
        for mode, driver in (("host", "host"), ("none", "null")):
            with self.subTest(mode):
                ref = self.api.run(BB, ["true"], HostConfig={"NetworkMode": mode})
                self.api.wait(ref)
                wait_for(lambda: len(self.past(type=["network"], network=[mode])) == 2, 10)
                events = self.past(type=["network"], network=[mode])
                self.assertEqual([e["Action"] for e in events], ["connect", "disconnect"])
                self.assertEqual(events[0]["Actor"]["Attributes"],
                                 {"container": ref, "name": mode, "type": driver})

    def test_restart(self):
        ref = self.api.run(BB, LOOP)
        self.logged(ref, "up")
        self.api.ok("POST", f"/containers/{ref}/restart", status=204, t=5)
        self.told(["create", "start", "kill", "die", "stop", "start", "restart"], **self.of(ref))

    def test_stop_with_two_signals(self):
        ref = self.api.run(BB, "trap '' TERM; echo on; while :; do sleep 0.1; done")
        wait_for(lambda: self.api.logs(ref)[0] == b"on\n", 10)
        self.api.ok("POST", f"/containers/{ref}/stop", status=204, t=1)
        events = self.told(["create", "start", "kill", "kill", "die", "stop"], **self.of(ref))
        self.assertEqual([e["Actor"]["Attributes"].get("signal") for e in events[2:4]], ["15", "9"])
        self.assertEqual(events[4]["Actor"]["Attributes"]["exitCode"], "137")

    def test_remove_by_force(self):
        ref = self.api.run(BB, LOOP)
        self.api.remove(ref)
        self.told(["create", "start", "kill", "die", "destroy"], **self.of(ref))

    def test_auto_remove(self):
        ref = self.api.run(BB, ["true"], HostConfig={"AutoRemove": True})
        self.told(["create", "start", "die", "destroy"], **self.of(ref))

    def test_run(self):
        """create, attach, connect, start: what `docker run` shows."""
        self.docker.ok("run", "--name", "ran", BB, "true")
        ref = self.api.inspect("ran")["Id"]
        self.told(["create", "attach", "start", "die"], **self.of(ref))
        self.assertEqual([e["Action"] for e in self.past()][:4],
                         ["create", "attach", "connect", "start"])

    def test_failed_start(self):
        ref = self.api.create(BB, ["/no/such/program"])
        self.assertNotEqual(self.api.post(f"/containers/{ref}/start").status, 204)
        self.assertEqual([e["Action"] for e in self.past(**self.of(ref))][:1], ["create"])
        self.assertNotIn("start", [e["Action"] for e in self.past(**self.of(ref))])
        nets = [e["Action"] for e in self.past(type=["network"])]
        self.assertEqual(nets, ["connect", "disconnect"])

    def test_resize(self):
        ref = self.api.run(BB, LOOP, Tty=True)
        self.api.ok("POST", f"/containers/{ref}/resize", status=200, h=30, w=100)
        event = self.told(["create", "start", "resize"], **self.of(ref))[-1]
        self.assertEqual((event["Actor"]["Attributes"]["height"], event["Actor"]["Attributes"]["width"]),
                         ("30", "100"))

    def test_detach(self):
        ref = self.api.run(BB, ["cat"], Tty=True, OpenStdin=True)
        conn, _ = self.api.attach(ref)
        self.addCleanup(conn.close)
        conn.send(b"\x10\x11")
        conn.rest()
        self.told(["create", "start", "attach", "detach"], **self.of(ref))

    @not_oracle("the kernel's account of it comes at once or not at all")
    def test_oom(self):
        ref = self.api.run(BB, "x=a; while :; do x=$x$x; done", HostConfig={"Memory": 8 << 20})
        self.api.wait(ref)
        if not self.api.inspect(ref)["State"]["OOMKilled"]:
            self.skipTest("the kernel did not report it")
        self.told(["create", "start", "oom", "die"], **self.of(ref))


class TestExec(Events):
    def exec(self, ref, cmd, start=True, **config):
        id = self.api.ok("POST", f"/containers/{ref}/exec",
                         dict({"AttachStdout": True, "Cmd": cmd}, **config), status=201)["Id"]
        conn, _ = self.api.hijack(f"/exec/{id}/start", {"Detach": False, "Tty": config.get("Tty", False)})
        self.addCleanup(conn.close)
        return id, conn

    def test_actions(self):
        ref = self.api.run(BB, LOOP)
        id, conn = self.exec(ref, ["sh", "-c", "exit 5"])
        conn.rest()
        events = self.told(["create", "start", "exec_create: sh -c exit 5", "exec_start: sh -c exit 5",
                            "exec_die"], **self.of(ref))
        self.assertEqual([e["Actor"]["Attributes"]["execID"] for e in events[2:]], [id] * 3)
        self.assertEqual(events[-1]["Actor"]["Attributes"]["exitCode"], "5")
        self.assertEqual([e["Action"] for e in self.past(event=["exec_create"], **self.of(ref))],
                         ["exec_create: sh -c exit 5"])
        self.assertEqual(len(self.past(event=["exec_create", "exec_start", "exec_die"],
                                       **self.of(ref))), 3)
        self.assertEqual(self.past(event=["exec_start: sh"], **self.of(ref)), [])

    @not_oracle("it forgets to tell")
    def test_detach(self):
        ref = self.api.run(BB, LOOP)
        id, conn = self.exec(ref, ["cat"], Tty=True, AttachStdin=True)
        wait_for(lambda: self.api.ok("GET", f"/exec/{id}/json")["Running"], 10)
        conn.send(b"\x10\x11")
        conn.rest()
        wait_for(lambda: self.past(event=["exec_detach"]), 10)
        self.assertEqual(self.past(event=["exec_detach"])[0]["Actor"]["Attributes"]["execID"], id)


class TestImages(Events):
    def test_load_tag_remove(self):
        made = images.Image(config={"Labels": {"who": "me"}})
        self.api.load(made.docker_archive("told:one"))
        self.api.ok("POST", "/images/told:one/tag", status=201, repo="told", tag="two")
        self.api.ok("DELETE", "/images/told:two", status=200)
        self.api.ok("DELETE", "/images/told:one", status=200)
        events = self.past(type=["image"])
        self.assertEqual([e["Action"] for e in events], ["load", "tag", "untag", "untag", "delete"])
        id = made.id
        for event in events:
            self.assertEqual((event["id"], event["Actor"]["ID"], event["status"]),
                             (id, id, event["Action"]))
            self.assertNotIn("from", event)
        self.assertEqual([e["Actor"]["Attributes"]["name"] for e in events],
                         [id, "told:two", id, id, id])
        self.assertEqual(events[0]["Actor"]["Attributes"].get("who"), "me")
        self.assertEqual([e["Action"] for e in self.past(image=["told"])], ["tag"])
        self.assertEqual([e["Action"] for e in self.past(image=["told:two"])], ["tag"])

    def test_containers_of_an_image(self):
        self.api.create(BB, ["true"])
        self.assertEqual([e["Action"] for e in self.past(image=[BB])], ["create"])
        self.assertEqual([e["Action"] for e in self.past(image=[BB.split(":")[0]])], ["create"])
        self.assertEqual(self.past(image=["other"]), [])


class TestPull(Events):
    image = False

    @classmethod
    def set_up_fixtures(cls):
        cls.registry = Registry()
        cls.fixtures.append(cls.registry)

    def test_pull(self):
        made = images.Image(config={"Labels": {"from": "far"}})
        self.registry.push("told", "1", made)
        name = f"{self.registry.host}/told"
        self.assertEqual(self.api.post("/images/create", fromImage=name, tag="1").status, 200)
        event = self.past(type=["image"])[-1]
        self.assertEqual((event["Action"], event["id"]), ("pull", f"{name}:1"))
        self.assertEqual(event["Actor"]["Attributes"], {"name": name, "from": "far"})


class TestQuery(Events):
    def test_filters(self):
        one = self.api.create(BB, ["true"], name="one", Labels={"k": "v", "only": "1"})
        two = self.api.create(BB, ["true"], name="two", Labels={"k": "w"})

        def who(**filters):
            return [{one: 1, two: 2}[e["Actor"]["ID"]] for e in self.past(**filters)]
        self.assertEqual(who(), [1, 2])
        self.assertEqual(who(container=["one"]), [1])
        self.assertEqual(who(container=["o"]), [1])         # the beginning is enough
        self.assertEqual(who(container=["ne"]), [])
        self.assertEqual(who(container=[two[:12]]), [2])
        self.assertEqual(who(container=["one", "two"]), [1, 2])
        self.assertEqual(who(label=["k"]), [1, 2])
        self.assertEqual(who(label=["k=v"]), [1])
        self.assertEqual(who(label=["k=v", "only"]), [1])
        self.assertEqual(who(label=["k=w", "only"]), [])
        self.assertEqual(who(type=["image"]), [])
        self.assertEqual(who(type=["container", "image"]), [1, 2])
        self.assertEqual(who(event=["create"]), [1, 2])
        self.assertEqual(who(event=["creat"]), [])
        self.assertEqual(who(scope=["local"]), [1, 2])
        self.assertEqual(who(scope=["swarm"]), [])
        self.assertEqual(who(daemon=["nobody"]), [])
        self.assertEqual(who(volume=["nobody"]), [])
        self.assertEqual(who(network=["bridge"]), [])
        self.assertEqual(who(type={"container": True}), [1, 2])

    def test_times(self):
        self.api.create(BB, ["true"])
        time.sleep(0.05)
        middle = f"{time.time():.9f}"
        time.sleep(0.05)
        self.api.create(BB, ["true"])
        self.assertEqual(len(self.past(since=self.since)), 2)
        self.assertEqual(len(self.past(since=middle)), 1)
        self.assertEqual(len(self.past(until=middle)), 1)
        got = self.api.get("/events", until=middle)
        self.assertGreaterEqual(len(records(got.body)), 1)

    def test_errors(self):
        got = self.api.get("/events", since="20", until="10")
        self.assertEqual(got.status, 400)
        self.assertEqual(got.json()["message"], "`since` time (20) cannot be after `until` time (10)")
        self.assertEqual(self.api.get("/events", filters="{").status,
                         400 if not CTX.is_oracle else 500)
        self.assertEqual(self.api.get("/events", since="x").status, 400 if not CTX.is_oracle else 500)

    def test_until_in_the_future(self):
        began = time.time()
        threading.Timer(0.3, lambda: self.api.create(BB, ["true"])).start()
        got = self.api.get("/events", until=f"{began + 3:.3f}", since=self.since)
        self.assertEqual([e["Action"] for e in records(got.body)], ["create"])
        self.assertGreater(time.time() - began, 2.9)

    @not_oracle("its ring is of another size")
    def test_ring(self):
        refs = [self.api.create(BB, ["true"]) for _ in range(4)]
        for n in range(70):
            for ref in refs:
                self.api.ok("POST", f"/containers/{ref}/rename", status=204, name=f"r{refs.index(ref)}-{n}")
        events = self.past(since="1")
        self.assertEqual(len(events), 256)
        self.assertEqual(events[-1]["Actor"]["Attributes"]["name"], "r3-69")

    def test_long_labels(self):
        labels = {f"label-{n}": "x" * 1000 for n in range(30)}
        ref = self.api.create(BB, ["true"], Labels=labels)
        got = self.told(["create"], **self.of(ref))[0]["Actor"]["Attributes"]
        self.assertEqual({k: v for k, v in got.items() if k in labels}, labels)

    @not_oracle("no such limit")
    def test_huge_labels(self):
        ref = self.api.create(BB, ["true"], name="huge", Labels={f"l{n}": "x" * 20000 for n in range(20)})
        got = self.told(["create"], **self.of(ref))[0]["Actor"]["Attributes"]
        self.assertEqual((got["name"], got["image"]), ("huge", BB))
        self.assertLess(len(got), 22)


class TestStream(Events):
    def open(self, **parts):
        conn = rawhttp.Conn(self.daemon.sock, 15)
        self.addCleanup(conn.close)
        conn.request("GET", f"/v{CTX.api}/events" + query(**parts), b"", {})
        return conn, conn.head()

    def test_head_comes_at_once(self):
        conn, head = self.open()
        self.assertEqual(head.status, 200)
        self.assertEqual(head.headers["content-type"], "application/json")
        self.api.create(BB, ["true"])
        got = b""
        while b"\n" not in got.split(b"{", 1)[-1]:
            got += conn.sock.recv(65536)
        self.assertIn(b'"Action":"create"', got)

    def test_many_readers(self):
        conns = [self.open(since=self.since)[0] for _ in range(50)]
        self.api.create(BB, ["true"], name="seen")
        for conn in conns:
            got = b""
            while b'"name":"seen"' not in got:
                more = conn.sock.recv(65536)
                self.assertTrue(more)
                got += more

    def test_gone_clients(self):
        for _ in range(300):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.daemon.sock)
            sock.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.recv(4096)
            sock.close()
        self.assertEqual(self.api.get("/_ping").status, 200)
        self.api.create(BB, ["true"])
        self.told(["create"])

    @not_oracle("events are lost there instead")
    @takes(120)
    def test_slow_reader_is_dropped(self):
        conn, _ = self.open()
        ref = self.api.create(BB, ["true"], Labels={"pad": "x" * 60000})
        for n in range(400):
            self.api.ok("POST", f"/containers/{ref}/rename", status=204, name=f"n{n}")
        seen = b""
        conn.sock.settimeout(20)
        try:
            while more := conn.sock.recv(1 << 20):
                seen += more
        except ConnectionResetError:
            pass
        self.assertFalse(seen.endswith(b"0\r\n\r\n"))       # cut off, not ended
        self.assertIn(b'"Action":"create"', seen)
        self.assertEqual(self.api.get("/_ping").status, 200)


class TestClients(Events):
    def test_docker_events(self):
        ref = self.api.run(BB, "exit 3", name="seen")
        self.api.wait(ref)
        self.told(["create", "start", "die"], **self.of(ref))
        out = self.docker.ok("events", "--since", self.since, "--until", f"{time.time():.9f}",
                             "--filter", "container=seen")
        lines = out.splitlines()
        self.assertEqual([line.split()[2] for line in lines], ["create", "start", "die"])
        self.assertIn("exitCode=3", lines[-1])
        out = self.docker.ok("events", "--since", self.since, "--until", f"{time.time():.9f}",
                             "--format", "{{json .}}", "--filter", "event=die")
        self.assertEqual(json.loads(out)["Actor"]["Attributes"]["exitCode"], "3")

    def test_docker_py(self):
        import docker
        client = docker.DockerClient(base_url=f"unix://{self.daemon.sock}", version="1.41")
        self.addCleanup(client.close)
        stream = client.events(decode=True, filters={"type": "container"})
        threading.Timer(0.2, lambda: self.api.create(BB, ["true"], name="py")).start()
        event = next(stream)
        stream.close()
        self.assertEqual((event["Action"], event["Actor"]["Attributes"]["name"]), ("create", "py"))


@not_oracle("it is not ours to stop")
class TestDaemon(Events):
    def test_stop_with_readers(self):
        """A daemon that stops ends the streams; what it told before is forgotten."""
        conns = []
        for _ in range(10):
            conn = rawhttp.Conn(self.daemon.sock, 15)
            self.addCleanup(conn.close)
            conn.request("GET", "/events", b"", {})
            self.assertEqual(conn.head().status, 200)
            conns.append(conn)
        began = time.monotonic()
        self.daemon.restart()
        self.assertLess(time.monotonic() - began, 10)
        for conn in conns:
            conn.rest()
        self.assertEqual(self.past(since="1", type=["image"]), [])

    def test_running_over_a_restart(self):
        ref = self.api.run(BB, LOOP, name="stays")
        self.daemon.restart()
        self.api.ok("POST", f"/containers/{ref}/stop", status=204, t=5)
        wait_for(lambda: "stop" in [e["Action"] for e in self.past()], 10)
        self.assertEqual([e["Action"] for e in self.past(type=["container", "network"])],
                         ["kill", "disconnect", "die", "stop"])
