# SPDX-License-Identifier: Apache-2.0
"""The life of a container through the API: create, start, inspect, list, wait, stop, kill, remove."""

import os
import re
import tempfile
import threading
import time

from harness.case import BB, CTX, E2E, Api, images, needs_host, not_oracle, takes, wait_for
from harness.rawhttp import Conn

NEW_WORDS = not_oracle("worded otherwise before 25.0")
TRAP = "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done"


class TestCreate(E2E):
    def test_reply(self):
        got = self.api.post("/containers/create", {"Image": BB, "Cmd": ["true"]})
        self.assertEqual(got.status, 201)
        self.assertEqual(got.headers["content-type"], "application/json")
        self.assertRegex(got.json()["Id"], r"^[0-9a-f]{64}$")
        self.assertEqual(got.json()["Warnings"], [])

    def test_auto_names(self):
        names = {self.api.inspect(self.create("true"))["Name"] for _ in range(20)}
        self.assertEqual(len(names), 20)
        for name in names:
            self.assertRegex(name, r"^/[a-z]+_[a-z]+[0-9]*$")

    def test_name_conflict(self):
        ref = self.create(name="twin")
        for name in ("twin", "/twin"):
            self.gives(409, f'Conflict. The container name "/twin" is already in use by container "{ref}". '
                            "You have to remove (or rename) that container to be able to reuse that name.",
                       "POST", "/containers/create", {"Image": BB}, name=name)
        self.api.remove(ref)
        self.create(name="twin")

    def test_bad_names(self):
        for name in ("x", "-ab", "a b", "a/b", "ä", ".ab", "a\n"):
            with self.subTest(name=name):
                got = self.api.post("/containers/create", {"Image": BB}, name=name)
                self.assertEqual(got.status, 400, got)
                self.assertIn("nvalid container name", got.message)
                self.assertIn("only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", got.message)

    def test_long_name(self):
        got = self.api.post("/containers/create", {"Image": BB, "Cmd": ["true"]}, name="a" * 3000)
        self.assertIn(got.status, (201, 400))
        self.assertTrue(self.daemon.answers())

    @not_oracle("it makes one without an image")
    def test_image_missing_or_bad(self):
        self.gives(404, "No such image: nothere:latest", "POST", "/containers/create", {"Image": "nothere"})
        got = self.api.post("/containers/create", {"Image": "UPPER"})
        self.assertEqual(got.status, 400, got)
        got = self.api.post("/containers/create", {"Cmd": ["true"]})
        self.assertEqual(got.status, 400, got)

    @not_oracle("worded otherwise, and later")
    def test_platform(self):
        self.gives(404, f"image with reference {BB} was found but its platform (linux/{images.ARCH}) does not match "
                        "the specified platform (linux/s390x)", "POST", "/containers/create",
                   {"Image": BB}, platform="linux/s390x")

    def test_platform_by_one_word(self):
        for text in (images.ARCH, "linux", f"LINUX/{images.ARCH}"):
            self.api.ok("POST", "/containers/create", {"Image": BB}, platform=text, status=201)
        for text, said in (("foobar", "unknown operating system or architecture"),
                           ("linux/*", "wildcards not yet supported"),
                           ("a/b/c/d", "cannot parse platform specifier")):
            self.gives(400, f'"{text}": {said}: invalid argument', "POST", "/containers/create",
                       {"Image": BB}, platform=text)

    def test_at_once_with_one_name(self):
        """Of many creates with the same name exactly one wins."""
        codes = []

        def work():
            codes.append(Api(self.daemon.sock).post("/containers/create", {"Image": BB}, name="only").status)
        threads = [threading.Thread(target=work) for _ in range(12)]
        [t.start() for t in threads]
        [t.join(20 * CTX.slow) for t in threads]
        self.assertEqual(sorted(codes), [201] + [409] * 11)


class TestInspect(E2E):
    def test_created(self):
        ref = self.create(["echo", "x"], name="one", Labels={"a": "b"}, Env=["X=1"])
        got = self.api.inspect("one")
        self.assertEqual((got["Id"], got["Name"], got["Path"], got["Args"]), (ref, "/one", "echo", ["x"]))
        self.assertEqual(got["Image"], images.base_image().id)
        self.assertRegex(got["Created"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$")
        state = got["State"]
        self.assertEqual((state["Status"], state["Running"], state["Paused"], state["Restarting"],
                          state["OOMKilled"], state["Dead"], state["Pid"], state["ExitCode"], state["Error"]),
                         ("created", False, False, False, False, False, 0, 0, ""))
        self.assertEqual(state["StartedAt"], "0001-01-01T00:00:00Z")
        self.assertEqual(state["FinishedAt"], "0001-01-01T00:00:00Z")
        self.assertEqual(got["RestartCount"], 0)
        self.assertEqual(got["Platform"], "linux")
        config = got["Config"]
        self.assertEqual((config["Hostname"], config["Image"], config["Cmd"]), (ref[:12], BB, ["echo", "x"]))
        self.assertEqual(config["Env"], ["X=1", "PATH=/bin:/usr/bin"])
        self.assertEqual(config["Labels"], {"a": "b"})
        self.assertEqual((config["Tty"], config["OpenStdin"], config["StdinOnce"]), (False, False, False))
        host = got["HostConfig"]
        self.assertIn(host["NetworkMode"], ("default", "bridge"))
        self.assertEqual(host["LogConfig"], {"Type": "json-file", "Config": {}})
        self.assertEqual(host["RestartPolicy"]["Name"] or "no", "no")
        self.assertEqual(host["ShmSize"], 64 << 20)
        self.assertEqual(host.get("Runtime", "runc"), "runc")
        self.assertIn("/proc/kcore", host["MaskedPaths"])
        self.assertIn("/proc/sys", host["ReadonlyPaths"])
        self.assertEqual(got["Mounts"], [])
        self.assertEqual(got["GraphDriver"]["Name"], "overlay2")
        network = got["NetworkSettings"]
        self.assertEqual(network["Ports"], {})
        self.assertEqual(network["IPAddress"], "")
        self.assertEqual(list(network["Networks"]), ["bridge"])

    def test_running_and_exited(self):
        ref = self.run_(TRAP)
        self.logged(ref, "up")
        state = self.api.inspect(ref)["State"]
        self.assertEqual((state["Status"], state["Running"]), ("running", True))
        with open(f"/proc/{state['Pid']}/cmdline", "rb") as f:
            self.assertTrue(f.read().startswith(b"sh\0-c\0"))
        self.assertRegex(state["StartedAt"], r"^20.*Z$")
        self.api.ok("POST", f"/containers/{ref}/stop")
        state = self.api.inspect(ref)["State"]
        self.assertEqual((state["Status"], state["Running"], state["Pid"], state["ExitCode"]),
                         ("exited", False, 0, 3))
        self.assertLess(state["StartedAt"], state["FinishedAt"])

    def test_paths(self):
        ref = self.run_("echo line")
        self.api.wait(ref)
        got = self.api.inspect(ref)
        with open(got["LogPath"], "rb") as f:
            self.assertRegex(f.read().decode(),
                             r'^\{"log":"line\\n","stream":"stdout","time":"20[0-9T:.-]+Z"\}\n$')
        for key in ("HostnamePath", "HostsPath", "ResolvConfPath"):
            self.assertTrue(got[key].startswith(self.daemon.data), key)
            self.assertTrue(os.path.isfile(got[key]), key)

    def test_names(self):
        ref = self.create(name="first-one")
        for one in (ref, ref[:12], ref[:6], "first-one"):
            self.assertEqual(self.api.inspect(one)["Id"], ref)
        self.gives(404, "No such container: nothere", "GET", "/containers/nothere/json")

    def test_a_name_wins_over_an_id_prefix(self):
        ref = self.create()
        other = self.create(name=ref[:12])
        self.assertEqual(self.api.inspect(ref[:12])["Id"], other)

    def test_size(self):
        ref = self.run_("head -c 100000 /dev/zero > /f")
        self.api.wait(ref)
        got = self.api.ok("GET", f"/containers/{ref}/json", size=1)
        self.assertGreaterEqual(got["SizeRw"], 100000)
        self.assertLess(got["SizeRw"], 200000)
        self.assertGreater(got["SizeRootFs"], 1_000_000)
        self.assertNotIn("SizeRw", {k for k, v in self.api.inspect(ref).items() if v is not None})

    def test_cli_inspect(self):
        self.create(name="one")
        self.assertEqual(self.docker.ok("inspect", "-f", "{{.Name}} {{.State.Status}}", "one"), "/one created")
        got = self.docker("inspect", "nothere")
        self.assertEqual((got.code, got.out), (1, "[]\n"))
        self.assertIn("o such object: nothere", got.err)


class TestList(E2E):
    def names(self, **parts):
        return sorted(n[1:] for one in self.api.ok("GET", "/containers/json", **parts) for n in one["Names"])

    def test_shape(self):
        ref = self.run_("sleep 1000", name="one", Labels={"a": "b"}, ExposedPorts={"80/tcp": {}})
        got, = self.api.ok("GET", "/containers/json")
        self.assertEqual((got["Id"], got["Names"], got["Image"], got["ImageID"]),
                         (ref, ["/one"], BB, images.base_image().id))
        self.assertEqual((got["State"], got["Labels"]), ("running", {"a": "b"}))
        self.assertEqual(got["Command"], "sh -c 'sleep 1000'")
        self.assertRegex(got["Status"], r"^Up (Less than a second|\d+ seconds?)$")
        self.assertLess(abs(got["Created"] - time.time()), 30)
        self.assertEqual(got["Ports"], [{"PrivatePort": 80, "Type": "tcp"}])
        self.assertIn(got["HostConfig"]["NetworkMode"], ("default", "bridge"))
        address = got["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        self.assertTrue(address.startswith(self.daemon.subnet), address)
        self.assertEqual(got["Mounts"], [])

    def test_all_limit_and_order(self):
        self.assertEqual(self.api.ok("GET", "/containers/json", all=1), [])
        for i in range(3):
            self.create("true", name=f"n{i}")
        self.run_(name="up")
        self.assertEqual(self.names(), ["up"])
        every = [one["Names"][0] for one in self.api.ok("GET", "/containers/json", all=1)]
        self.assertEqual(every, ["/up", "/n2", "/n1", "/n0"])
        self.assertEqual(self.names(limit=2), ["n2", "up"])

    def test_filters(self):
        one = self.run_(name="web-one", Labels={"app": "x", "n": "1"})
        two = self.create("true", name="web-two", Labels={"app": "x", "n": "2"})
        self.api.wait(self.run_("exit 3", name="done"))

        def listed(**filters):
            return self.names(all=1, filters=filters)
        self.assertEqual(listed(id=[one]), ["web-one"])
        self.assertEqual(listed(id=[two[:12]]), ["web-two"])
        self.assertEqual(listed(name=["web"]), ["web-one", "web-two"])
        self.assertEqual(listed(name=["^/web-one$"]), ["web-one"])
        self.assertEqual(listed(name=["^web-one$"]), ["web-one"])
        self.assertEqual(listed(name=["one", "done"]), ["done", "web-one"])
        self.assertEqual(listed(label=["app"]), ["web-one", "web-two"])
        self.assertEqual(listed(label=["app=x", "n=2"]), ["web-two"])
        self.assertEqual(listed(label=["app=y"]), [])
        self.assertEqual(listed(status=["created"]), ["web-two"])
        self.assertEqual(listed(status=["exited", "running"]), ["done", "web-one"])
        self.assertEqual(listed(ancestor=[BB]), ["done", "web-one", "web-two"])
        self.assertEqual(listed(ancestor=["bb"], status=["running"]), ["web-one"])
        self.assertEqual(listed(ancestor=[images.base_image().id]), ["done", "web-one", "web-two"])
        self.assertEqual(listed(ancestor=[images.base_image().id[7:19]]), ["done", "web-one", "web-two"])
        self.assertEqual(listed(ancestor=["nothere"]), [])
        self.assertEqual(listed(name=["web"], label=["n=1"]), ["web-one"])
        # A status filter lists without `all`, too.
        self.assertEqual(self.names(filters={"status": ["created"]}), ["web-two"])
        self.assertEqual(self.names(filters={"name": {"web": True}}, all=1), ["web-one", "web-two"])

    def test_filters_by_another_container(self):
        """Neither lists those that ended by itself."""
        self.create("true", name="first")
        self.run_(name="second")
        self.run_(name="third")
        self.create("true", name="fourth")
        for since, before, names in (("first", None, ["second", "third"]), (None, "fourth", ["second", "third"]),
                                     ("second", None, ["third"]), ("first", "third", ["second"])):
            filters = {k: [v] for k, v in (("since", since), ("before", before)) if v}
            self.assertEqual(self.names(filters=filters), names)
        self.assertEqual(self.names(filters={"since": ["second"]}, all=1), ["fourth", "third"])

    def test_filter_by_volume(self):
        self.addCleanup(self.api.delete, "/volumes/kept")
        with tempfile.TemporaryDirectory() as folder:
            self.create("true", name="bound", HostConfig={"Binds": [f"{folder}:/there"]})
            self.create("true", name="named", HostConfig={"Binds": ["kept:/there"]})
            for value, names in ((folder, ["bound"]), ("kept", ["named"]), ("/there", ["bound", "named"]), ("x", [])):
                self.assertEqual(self.names(filters={"volume": [value]}, all=1), names)

    def test_bad_filters(self):
        got = self.api.get("/containers/json", filters={"status": ["nonsense"]})
        self.assertEqual(got.status, 400)
        self.assertIn("nonsense", got.message)
        self.gives(400, "nvalid filter 'nonsense'", "GET", "/containers/json", filters={"nonsense": ["x"]})
        if not CTX.is_oracle:
            self.assertEqual(self.api.get("/containers/json", filters="{bad").status, 400)
        self.assertEqual(self.api.get("/containers/json", filters="").status, 200)

    def test_ps(self):
        self.docker.ok("run", "-d", "--name", "one", BB, "sleep", "1000")
        self.docker("run", "--name", "two", BB, "sh", "-c", "exit 4")
        out = self.docker.ok("ps", "-a", "--format", "{{.Names}}|{{.Image}}|{{.Command}}|{{.Status}}")
        self.assertRegex(out, r'(?m)^one\|bb:latest\|"sleep 1000"\|Up ')
        self.assertRegex(out, r'(?m)^two\|bb:latest\|"sh -c \'exit 4\'"\|Exited \(4\) .* ago$')
        self.assertEqual(len(self.docker.ok("ps", "-q").splitlines()), 1)
        self.assertEqual(self.docker.ok("ps", "-a", "--filter", "exited=4", "--format", "{{.Names}}"), "two")


class TestWait(E2E):
    def waiting(self, ref, condition=None):
        """POST wait; returns the connection once the headers are there."""
        conn = Conn(self.daemon.sock, 10)
        self.addCleanup(conn.close)
        conn.request("POST", f"{self.api.prefix}/containers/{ref}/wait"
                     + (f"?condition={condition}" if condition else ""))
        head = conn.head()
        self.assertEqual(head.status, 200)
        self.assertEqual(head.headers["content-type"], "application/json")
        return conn

    def code(self, conn):
        return int(re.search(rb'"StatusCode":(\d+)', conn.read_for(b"}")).group(1))

    def test_headers_come_first(self):
        ref = self.create("exit 6")
        for condition in ("next-exit", "removed"):
            self.waiting(ref, condition)
        conn = self.waiting(ref, "next-exit")
        self.api.start(ref)
        self.assertEqual(self.code(conn), 6)

    def test_not_running_returns_at_once(self):
        ref = self.create("exit 6")
        self.assertEqual(self.api.wait(ref), 0)
        self.api.start(ref)
        self.assertEqual(self.api.wait(ref), 6)
        self.assertEqual(self.api.wait(ref), 6)
        self.assertEqual(self.api.wait(ref, "not-running"), 6)

    def test_removed(self):
        ref = self.run_("sleep 0.3; exit 7", HostConfig={"AutoRemove": True})
        self.assertEqual(self.api.wait(ref, "removed"), 7)
        self.assertEqual(self.api.get(f"/containers/{ref}/json").status, 404)
        ref = self.create("true")
        conn = self.waiting(ref, "removed")
        self.api.remove(ref)
        self.assertEqual(self.code(conn), 0)

    def test_restart_releases_waiters(self):
        ref = self.run_(TRAP)
        self.logged(ref, "up")
        conn, other = self.waiting(ref), self.waiting(ref, "next-exit")
        self.api.ok("POST", f"/containers/{ref}/restart")
        self.assertEqual((self.code(conn), self.code(other)), (3, 3))
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])

    def test_restart_keeps_what_its_end_removes(self):
        ref = self.run_(TRAP, HostConfig={"AutoRemove": True})
        self.logged(ref, "up")
        for _ in range(2):
            self.api.ok("POST", f"/containers/{ref}/restart", t=5)
            got = self.api.inspect(ref)
            self.assertEqual((got["State"]["Running"], got["HostConfig"]["AutoRemove"]), (True, True))
        conn = self.waiting(ref, "removed")
        self.api.ok("POST", f"/containers/{ref}/stop", t=5)
        self.code(conn)
        self.assertEqual(self.api.get(f"/containers/{ref}/json").status, 404)

    @not_oracle("conditions are checked since 1.42")
    def test_errors(self):
        ref = self.create("true")
        self.gives(400, "nvalid condition: \"x\"", "POST", f"/containers/{ref}/wait", condition="x")
        self.gives(404, "No such container: nothere", "POST", "/containers/nothere/wait")

    def test_cli(self):
        self.docker.ok("run", "-d", "--name", "one", BB, "sh", "-c", "sleep 0.2; exit 9")
        self.assertEqual(self.docker.ok("wait", "one"), "9")

    def test_many(self):
        ref = self.run_("sleep 1; exit 2")
        conns = [self.waiting(ref) for _ in range(40)]
        self.assertEqual({self.code(c) for c in conns}, {2})


class TestStates(E2E):
    def test_start_twice(self):
        ref = self.run_()
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual((got.status, got.body), (304, b""))

    def test_start_errors(self):
        self.gives(404, "No such container: nothere", "POST", "/containers/nothere/start")
        ref = self.create("true")
        self.gives(400, "starting container with non-empty request body was deprecated since API v1.22 and "
                        "removed in v1.24", "POST", f"/containers/{ref}/start", {"Binds": []})

    def test_stop(self):
        ref = self.run_(TRAP)
        self.logged(ref, "up")
        self.assertEqual(self.api.post(f"/containers/{ref}/stop").status, 204)
        self.assertEqual(self.api.inspect(ref)["State"]["ExitCode"], 3)
        self.assertEqual(self.api.post(f"/containers/{ref}/stop").status, 304)
        self.gives(404, "No such container: nothere", "POST", "/containers/nothere/stop")

    def test_stop_kills_after_the_timeout(self):
        ref = self.run_("trap '' TERM; echo up; while :; do sleep 0.1; done")
        self.logged(ref, "up")
        began = time.monotonic()
        self.api.ok("POST", f"/containers/{ref}/stop", t=1)
        took = time.monotonic() - began
        self.assertGreaterEqual(took, 0.9)
        self.assertLess(took, 9)        # ten by default
        self.assertEqual(self.api.inspect(ref)["State"]["ExitCode"], 137)

    def test_stop_timeout_of_the_container(self):
        ref = self.run_("trap '' TERM; echo up; while :; do sleep 0.1; done", StopTimeout=1)
        self.logged(ref, "up")
        began = time.monotonic()
        self.api.ok("POST", f"/containers/{ref}/stop")
        self.assertLess(time.monotonic() - began, 9)

    @not_oracle("the signal parameter came with 1.42")
    def test_stop_with_a_signal(self):
        ref = self.run_("trap 'exit 8' USR2; echo up; while :; do sleep 0.05; done")
        self.logged(ref, "up")
        self.api.ok("POST", f"/containers/{ref}/stop", signal="SIGUSR2")
        self.assertEqual(self.api.inspect(ref)["State"]["ExitCode"], 8)

    @needs_host     # which has room for as many
    @images.needs_probe
    @takes(120)
    def test_a_hundred_started_at_once(self):
        """More than are started at one time: the others wait, none is turned away."""
        refs = [self.create("exec sleep 1000") for _ in range(100)]
        got = []

        def start(ref):
            got.append(Api(self.daemon.sock, timeout=100).post(f"/containers/{ref}/start").status)
        threads = [threading.Thread(target=start, args=(ref,)) for ref in refs]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        self.assertEqual(got, [204] * 100)
        self.assertEqual(len(self.api.ok("GET", "/containers/json")), 100)

    def test_kill(self):
        ref = self.run_(["probe", "signals"])
        self.logged(ref, "ready")
        for signal, number in (("SIGUSR1", 10), ("USR2", 12), ("1", 1), ("sigint", 2)):
            self.api.ok("POST", f"/containers/{ref}/kill", signal=signal)
            self.logged(ref, f"signal {number}\n")
        for bad in ("NONSENSE", "0", "99", "-1"):
            got = self.api.post(f"/containers/{ref}/kill", signal=bad)
            self.assertEqual(got.status, 400 if not CTX.is_oracle else got.status, got)
        self.api.ok("POST", f"/containers/{ref}/kill")
        self.assertEqual(self.api.wait(ref), 137)
        self.gives(409, f"ontainer {ref} is not running", "POST", f"/containers/{ref}/kill")

    @NEW_WORDS
    def test_kill_not_running(self):
        ref = self.create(name="idle")
        self.gives(409, f"cannot kill container: idle: container {ref} is not running", "POST",
                   "/containers/idle/kill")

    def test_restart(self):
        ref = self.run_("echo run; " + TRAP)
        self.logged(ref, "up")
        first = self.api.inspect(ref)["State"]
        self.assertEqual(self.api.post(f"/containers/{ref}/restart", t=5).status, 204)
        again = self.api.inspect(ref)["State"]
        self.assertTrue(again["Running"])
        self.assertNotEqual(first["Pid"], again["Pid"])
        self.assertLess(first["StartedAt"], again["StartedAt"])
        wait_for(lambda: self.api.logs(ref)[0].count(b"run\n") == 2, 5, "two runs in the log")
        stopped = self.create("sleep 1000")
        self.api.ok("POST", f"/containers/{stopped}/restart")
        self.assertTrue(self.api.inspect(stopped)["State"]["Running"])

    @NEW_WORDS
    def test_remove(self):
        ref = self.run_(name="busy")
        got = self.api.delete("/containers/busy")
        self.assertEqual(got.status, 409)
        self.assertRegex(got.message, '^cannot remove container "/?busy": container is running: stop the '
                                      "container before removing or force remove$")
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])
        self.api.ok("DELETE", "/containers/busy", force=1, status=204)
        self.gives(404, "No such container: busy", "DELETE", "/containers/busy")

    @needs_host
    def test_remove_frees_files_and_name(self):
        ref = self.create(name="files")
        self.assertTrue(any(ref in path for path in self.all_paths()))
        self.api.ok("DELETE", f"/containers/{ref}")
        self.assertEqual([p for p in self.all_paths() if ref in p], [])

    def all_paths(self):
        found = []
        for top in (self.daemon.data, self.daemon.exec):
            for base, dirs, names in os.walk(top):
                found += [os.path.join(base, n) for n in dirs + names]
        return found

    def test_force_remove_is_quick(self):
        ref = self.run_("trap '' TERM; echo up; while :; do sleep 1; done")
        self.logged(ref, "up")
        pid = self.api.inspect(ref)["State"]["Pid"]
        began = time.monotonic()
        self.api.ok("DELETE", f"/containers/{ref}", force=1)
        self.assertLess(time.monotonic() - began, 8)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_at_once(self):
        """Everything at the same container from all sides: an answer each, and a sane end."""
        ref = self.create("sleep 0.2")
        bad = []

        def work(n):
            api = Api(self.daemon.sock)
            for i in range(6):
                verb = ("start", "stop?t=0", "kill", "restart?t=0", "start", "wait")[(n + i) % 6]
                got = api.call("POST", f"/containers/{ref}/{verb}")
                if got.status not in (200, 204, 304, 409):
                    bad.append((verb, got))
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        [t.start() for t in threads]
        [t.join(50 * CTX.slow) for t in threads]
        if not CTX.is_oracle:
            self.assertEqual(bad, [])
        self.api.call("POST", f"/containers/{ref}/stop", t=0)
        state = self.api.inspect(ref)["State"]
        self.assertEqual((state["Running"], state["Pid"]), (False, 0))
        self.assertEqual(self.api.remove(ref).status, 204)

    def test_cli(self):
        self.docker.ok("create", "--name", "one", BB, "sh", "-c", TRAP)
        self.assertEqual(self.docker.ok("start", "one"), "one")
        self.logged("one", "up")
        self.assertEqual(self.docker.ok("restart", "one"), "one")
        self.logged("one", "up")
        self.assertEqual(self.docker.ok("stop", "one"), "one")
        self.assertEqual(self.docker.ok("start", "one"), "one")
        self.assertEqual(self.docker.ok("kill", "one"), "one")
        self.assertEqual(self.docker.ok("rm", "one"), "one")
        got = self.docker("rm", "one")
        self.assertEqual(got.code, 1)
        self.assertIn("No such container: one", got.err)
