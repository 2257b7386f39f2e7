# SPDX-License-Identifier: Apache-2.0
"""Starting, configuring and stopping the daemon: flags, file, sockets, activation, bad ground."""

import grp
import json
import os
import socket
import stat
import subprocess
import time

from harness import rawhttp
from harness.api import Api
from harness.case import BB, CTX, E2E, Daemon, Docker, leaks, not_oracle, takes, wait_for
from harness.images import Image, member, tar

OURS = not_oracle("another daemon's own ways")


class Own(E2E):
    """Each test starts its daemons with make(); they are ended and checked for leaks here."""

    own_daemon = True

    def setUp(self):
        self.mine = []
        self.snap = leaks.Snapshot()

    def make(self, *flags, **more):
        daemon = Daemon(flags, **more)
        self.mine.append(daemon)
        return daemon

    def failure_log(self):
        return "\n".join(d.log_tail(12) for d in self.mine)

    def tearDown(self):
        found = []
        for daemon in self.mine:
            if daemon.alive:
                api = Api(daemon.sock, timeout=10)
                try:
                    for one in api.ok("GET", "/containers/json", all=1):
                        api.remove(one["Id"])
                except OSError as error:
                    found.append(repr(error))
                try:
                    daemon.stop()
                except AssertionError as error:
                    found.append(str(error))
        if not CTX.is_oracle:
            found += self.snap.settle(CTX.tmp)
        for daemon in self.mine:
            daemon.sweep(self.snap)
        self.assertEqual(found, [])

    def refused(self, daemon, text="", timeout=15):
        """It must end by itself, with an error that holds text."""
        daemon.spawn()
        try:
            code = daemon.process.wait(timeout * CTX.slow)
        except subprocess.TimeoutExpired:
            daemon.process.kill()
            daemon.process.wait()
            raise AssertionError("it started")
        self.assertNotEqual(code, 0)
        log = daemon.log_tail()
        self.assertIn(text, log)
        return log

    def config(self, daemon, **keys):
        os.makedirs(daemon.root, exist_ok=True)
        path = os.path.join(daemon.root, "daemon.json")
        with open(path, "w") as f:
            json.dump(keys, f) if "raw" not in keys else f.write(keys["raw"])
        daemon.flags += ["--config-file", path]
        return path

    def program(self, *args, timeout=60, **env):
        got = subprocess.run([CTX.serind, *args], capture_output=True, timeout=timeout,
                             env=dict(os.environ, **env))
        return got.returncode, got.stdout.decode() + got.stderr.decode()


class TestCommands(Own):
    @OURS
    def test_help_version_limits(self):
        code, text = self.program("--help")
        self.assertEqual(code, 0)
        for flag in ("--host", "--data-root", "--exec-root", "--pidfile", "--config-file", "--group", "--debug",
                     "--log-level", "--insecure-registry", "--registry-mirror", "--dns", "--bip", "--bridge",
                     "--default-runtime", "--add-runtime", "--validate"):
            self.assertIn(flag, text)
        for command in (("version",), ("limits",), ("--version",)):
            code, text = self.program(*command)
            self.assertEqual(code, 0, text)
            self.assertTrue(text.strip())

    @OURS
    def test_bad_flags(self):
        for flags in (("--nonsense",), ("--log-level", "loud"), ("-H", "nonsense://x"), ("--bip", "1.2.3"),
                      ("--dns", "not-an-address"), ("--data-root",), ("--add-runtime", "x"), ("stray",)):
            with self.subTest(flags=flags):
                got, text = self.program("--pidfile", f"{CTX.tmp}/nopid", *flags)
                self.assertNotEqual(got, 0)
                self.assertTrue(text.strip())

    @OURS
    def test_static(self):
        got = subprocess.run(["readelf", "-ld", CTX.serind], capture_output=True).stdout
        self.assertNotIn(b"INTERP", got)
        self.assertNotIn(b"NEEDED", got)

    @OURS
    def test_check(self):
        code, text = self.program("check")
        self.assertEqual(code, 0, text)
        code, text = self.program("check", PATH="/nonexistent")
        self.assertNotEqual(code, 0)
        self.assertIn("runc", text)

    def test_validate(self):
        daemon = self.make()
        path = self.config(daemon, **{"log-level": "warn", "insecure-registries": ["a:5000"]})
        program = CTX.oracle or CTX.serind
        if CTX.is_oracle:
            return
        got = subprocess.run([program, "--validate", "--config-file", path], capture_output=True, timeout=60)
        self.assertEqual(got.returncode, 0, got)
        self.assertIn(b"configuration OK", got.stdout + got.stderr)
        for raw in ('{"nonsense": 1}', '{"debug": "maybe"}', "{", "[]", '{"hosts": "x"}', '{"dns": ["zzz"]}'):
            self.config(daemon, raw=raw)
            got = subprocess.run([program, "--validate", "--config-file", path], capture_output=True, timeout=60)
            self.assertNotEqual(got.returncode, 0, raw)
            self.assertTrue(got.stderr.strip(), raw)


class TestSockets(Own):
    def test_mode_and_owner(self):
        daemon = self.make("--group", "adm").start()
        got = os.stat(daemon.sock)
        self.assertTrue(stat.S_ISSOCK(got.st_mode))
        self.assertEqual(stat.S_IMODE(got.st_mode), 0o660)
        self.assertEqual((got.st_uid, got.st_gid), (0, grp.getgrnam("adm").gr_gid))

    @OURS
    def test_unknown_group(self):
        self.refused(self.make("--group", "nosuchgroup"), "nosuchgroup")

    def test_stale_socket_is_replaced(self):
        daemon = self.make()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(daemon.sock)
        daemon.start()
        self.assertTrue(daemon.answers())

    def test_stale_pidfile_is_replaced(self):
        daemon = self.make()
        for text in ("999999\n", "nonsense", ""):
            with open(daemon.pidfile, "w") as f:
                f.write(text)
            daemon.start()
            with open(daemon.pidfile) as f:
                self.assertEqual(int(f.read()), daemon.pid)
            daemon.stop()

    @OURS
    def test_live_socket_is_not_taken(self):
        first = self.make().start()
        second = self.make("-H", f"unix://{first.sock}")
        self.refused(second, first.sock)
        self.assertTrue(first.answers())

    @OURS
    def test_something_else_at_the_path(self):
        daemon = self.make()
        with open(daemon.sock, "w") as f:
            f.write("precious")
        self.refused(daemon, daemon.sock)
        with open(daemon.sock) as f:
            self.assertEqual(f.read(), "precious")

    @OURS
    def test_live_pidfile(self):
        first = self.make().start()
        second = self.make()
        second.pidfile = first.pidfile
        self.refused(second, str(first.pid))
        with open(first.pidfile) as f:
            self.assertEqual(int(f.read()), first.pid)

    @OURS
    def test_same_data_root(self):
        first = self.make().start()
        second = self.make()
        second.data = first.data
        self.refused(second, first.data)
        self.assertTrue(first.answers())

    def test_two_hosts(self):
        daemon = self.make()
        other = os.path.join(daemon.root, "other")
        daemon.flags = ["-H", f"unix://{daemon.sock}", "-H", f"unix://{other}"]
        daemon.start()
        for path in (daemon.sock, other):
            self.assertEqual(rawhttp.request(path, "GET", "/_ping").body, b"OK")

    @OURS
    def test_long_path(self):
        daemon = self.make("-H", "unix://" + CTX.tmp + "/" + "l" * 120)
        self.refused(daemon)

    def test_activation(self):
        daemon = self.make("-H", "fd://")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(daemon.sock)
        listener.listen(16)
        # A client may connect before the daemon is there at all.
        early = rawhttp.Conn(daemon.sock, 20)
        early.request("GET", "/_ping")
        daemon.spawn_activated([listener])
        self.assertEqual(early.response().body, b"OK")
        early.close()
        self.assertTrue(daemon.answers())
        listener.close()
        self.assertEqual(daemon.stop(), 0)

    @OURS
    def test_activation_without_sockets(self):
        self.refused(self.make("-H", "fd://"))

    def test_notify(self):
        self.manager_hears(self.make())


class TestConfig(Own):
    def test_file(self):
        daemon = self.make()
        keys = {"debug": True, "insecure-registries": ["reg.test:5000"], "registry-mirrors": ["http://mirror.test"],
                "labels": ["a=b"], "dns": ["10.5.5.5"]}
        if not CTX.is_oracle:
            keys["hosts"] = [f"unix://{daemon.sock}"]
            daemon.argv = lambda extra=(): self.without_hosts(daemon)
        self.config(daemon, **keys)
        daemon.start()
        info = Api(daemon.sock).ok("GET", "/info")
        self.assertTrue(info["Debug"])
        self.assertIn("reg.test:5000", info["RegistryConfig"]["IndexConfigs"])
        self.assertFalse(info["RegistryConfig"]["IndexConfigs"]["reg.test:5000"]["Secure"])
        self.assertEqual([m.rstrip("/") for m in info["RegistryConfig"]["Mirrors"]], ["http://mirror.test"])

    def without_hosts(self, daemon):
        return [CTX.serind, "--data-root", daemon.data, "--exec-root", daemon.exec, "--pidfile",
                daemon.pidfile, "--bridge", daemon.bridge, "--bip", daemon.gateway + "/24"] + daemon.flags

    def test_flag_and_key_conflict(self):
        daemon = self.make()
        self.config(daemon, pidfile="/tmp/other.pid")
        log = self.refused(daemon, "specified both as a flag and in the configuration file")
        self.assertIn("pidfile", log)

    def test_unknown_key_and_bad_json(self):
        daemon = self.make()
        self.config(daemon, nonsense=1)
        self.refused(daemon, "nonsense")
        for raw in ("{", '{"debug": 7}', "\xff"):
            daemon = self.make()
            self.config(daemon, raw=raw)
            self.refused(daemon)

    @OURS
    def test_missing_config_file_named_by_hand(self):
        self.refused(self.make("--config-file", "/nonexistent/daemon.json"), "/nonexistent/daemon.json")

    def test_added_runtime(self):
        daemon = self.make()
        marks = os.path.join(daemon.root, "marks")
        wrapper = os.path.join(daemon.root, "myrunc")
        with open(wrapper, "w") as f:
            f.write(f"#!/bin/sh\necho \"$@\" >> {marks}\nexec runc \"$@\"\n")
        os.chmod(wrapper, 0o755)
        daemon.flags = ["--add-runtime", f"mine={wrapper}"]
        daemon.start()
        api = Api(daemon.sock)
        self.load_base(api)
        self.assertIn("mine", api.ok("GET", "/info")["Runtimes"])
        self.assertEqual(api.output(BB, "echo std")[1], "std\n")
        self.assertFalse(os.path.exists(marks))
        self.assertEqual(api.output(BB, "echo own", HostConfig={"Runtime": "mine"})[1], "own\n")
        self.assertGreater(os.path.getsize(marks), 0)
        daemon.stop()
        os.unlink(marks)
        daemon.flags += ["--default-runtime", "mine"]
        daemon.start()
        self.assertEqual(api.ok("GET", "/info")["DefaultRuntime"], "mine")
        api.output(BB, "true")
        self.assertTrue(os.path.exists(marks))

    @OURS
    def test_runtime_s_version(self):
        """It is asked once, again when it is another program, and whether it answers or not, others do not wait."""
        daemon = self.make()
        marks = os.path.join(daemon.root, "marks")
        wrapper = os.path.join(daemon.root, "r")

        def say(script):
            with open(wrapper + ".new", "w") as f:
                f.write(f"#!/bin/sh\necho x >>{marks}\n{script}\n")
            os.chmod(wrapper + ".new", 0o755)
            os.rename(wrapper + ".new", wrapper)

        def asked():
            return os.path.getsize(marks) // 2 if os.path.exists(marks) else 0
        say("echo own version 1.2; echo commit: abc")
        daemon.flags = ["--add-runtime", f"mine={wrapper}", "--default-runtime", "mine"]
        daemon.start()
        api = Api(daemon.sock)
        self.assertEqual(asked(), 0, "nothing is asked at start")
        for _ in range(3):
            self.assertEqual(api.ok("GET", "/info")["RuncCommit"]["ID"], "abc")
        self.assertEqual([c for c in api.ok("GET", "/version")["Components"] if c["Name"] == "mine"],
                         [{"Name": "mine", "Version": "1.2", "Details": {"GitCommit": "abc"}}])
        self.assertEqual(asked(), 1)
        for script in ("exit 1", "echo something else", "echo version 9; kill -9 $$", "yes version", "exec sleep 1000"):
            with self.subTest(script):
                before = asked()
                say(script)
                clients = [rawhttp.Conn(daemon.sock, 30) for _ in range(4)]
                for one in clients:
                    one.request("GET", "/info")
                for _ in range(20):
                    self.assertTrue(daemon.answers())
                for one in clients:
                    self.assertEqual(json.loads(one.response().body)["RuncCommit"]["ID"], "N/A")
                    one.close()
                self.assertEqual([c["Name"] for c in api.ok("GET", "/version")["Components"]],
                                 ["Engine", "docker-init"])
                self.assertEqual(asked(), before + 1)
        say("echo own version 1.3; echo commit: def")
        self.assertEqual(api.ok("GET", "/info")["RuncCommit"]["ID"], "def")
        os.unlink(wrapper)
        self.assertEqual(api.ok("GET", "/info")["RuncCommit"]["ID"], "N/A")

    @OURS
    def test_default_runtime_that_is_not_there(self):
        self.refused(self.make("--default-runtime", "nosuch"), "nosuch")

    @OURS
    def test_runtime_that_fails(self):
        daemon = self.make()
        wrapper = os.path.join(daemon.root, "bad")
        with open(wrapper, "w") as f:
            f.write("#!/bin/sh\necho 'it hurts' >&2\nexit 1\n")
        os.chmod(wrapper, 0o755)
        daemon.flags = ["--add-runtime", f"bad={wrapper}"]
        daemon.start()
        api = Api(daemon.sock)
        self.load_base(api)
        ref = api.create(BB, "true", HostConfig={"Runtime": "bad"})
        self.gives_on(api, 500, "it hurts", f"/containers/{ref}/start")
        self.assertEqual(api.inspect(ref)["State"]["Status"], "created")

    def gives_on(self, api, status, text, path):
        got = api.post(path)
        self.assertEqual(got.status, status, got)
        self.assertIn(text, got.message)

    @OURS
    def test_no_runtime_at_all(self):
        """The daemon starts, loads images, and says what is missing when a container is started."""
        daemon = self.make()
        daemon.start(env={"PATH": "/nonexistent"})
        api = Api(daemon.sock)
        self.load_base(api)
        ref = api.create(BB, "true")
        got = api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, 500, got)
        self.assertIn("runc", got.message)
        self.assertEqual(api.inspect(ref)["State"]["Status"], "created")


class TestSideBySide(Own):
    @not_oracle("its bridge has one name")
    def test_two_daemons(self):
        one, two = self.make().start(), self.make().start()
        apis = [Api(d.sock) for d in (one, two)]
        for api in apis:
            self.load_base(api)
        refs = [api.run(BB, "sleep 1000", name="same") for api in apis]
        for daemon, api, other in ((one, apis[0], refs[1]), (two, apis[1], refs[0])):
            self.assertEqual(len(api.ok("GET", "/containers/json")), 1)
            self.assertEqual(api.get(f"/containers/{other}/json").status, 404)
            address = api.inspect("same")["NetworkSettings"]["IPAddress"]
            self.assertTrue(address.startswith(daemon.subnet))
            self.assertEqual(Docker(daemon.sock).ok("exec", "same", "echo", "hi"), "hi")
        one.restart(kill=True)
        self.assertTrue(apis[0].inspect("same")["State"]["Running"])
        self.assertTrue(apis[1].inspect("same")["State"]["Running"])
        apis[0].remove("same")
        one.stop()
        self.assertTrue(apis[1].inspect("same")["State"]["Running"])
        self.assertIn(two.bridge, leaks.links())
        self.assertNotIn(one.bridge, leaks.links())


    @OURS
    def test_one_bridge(self):
        """A second daemon on a bridge in use would take its addresses and its rules: it does not start."""
        def claims():
            return [name for name in os.listdir("/run") if name.startswith("serin-bridge-") and one.bridge in name]
        one, two = self.make(), self.make()
        two.bridge, two.gateway = one.bridge, one.gateway
        one.start()
        api = Api(one.sock)
        self.load_base(api)
        ref = api.run(BB, "sleep 1000")
        self.refused(two, f"another daemon, process {one.pid}, uses the bridge {one.bridge}: choose another one "
                          "(--bridge, --bip)")
        self.assertIn(one.bridge, leaks.links())
        self.assertEqual(Docker(one.sock).ok("exec", ref, "ping", "-c1", "-W2", one.gateway).count("1 packets received"), 1)
        api.remove(ref)
        # Without a bridge they get on; and who died holds nothing.
        three = self.make("--bridge", "none")
        three.net = False
        three.start()
        three.stop()
        one.restart(kill=True)
        self.refused(two, "another daemon")
        one.kill9()
        two.start()
        self.refused(one, f"process {two.pid}")
        two.stop()
        self.assertEqual(claims(), [])
        one.start()
        self.assertEqual(len(claims()), 1)
        one.stop()
        self.assertEqual(claims(), [])


class TestDiskFull(Own):
    def small(self, size):
        daemon = self.make()
        os.makedirs(daemon.data)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", daemon.data], check=True)
        self.addCleanup(lambda: subprocess.run(["umount", "-l", daemon.data], capture_output=True))
        return daemon

    def tearDown(self):
        for daemon in self.mine:
            for point in leaks.mounts(daemon.data):
                if point == daemon.data:
                    self.snap.mounts.add(point)
        super().tearDown()

    def test_load(self):
        daemon = self.small("40m").start()
        api = Api(daemon.sock)
        big = Image([tar([member("big", os.urandom(60 << 20))])]).docker_archive("big:1")
        before = os.statvfs(daemon.data).f_bavail
        status, got = api.load(big)
        text = json.dumps(got)
        self.assertIn("no space left on device", text.lower())
        self.assertEqual(api.ok("GET", "/images/json"), [])
        wait_for(lambda: os.statvfs(daemon.data).f_bavail > before - 1000, 5, "the room is given back")
        self.load_base(api)
        self.assertEqual(api.output(BB, "echo fine")[1], "fine\n")

    @takes(90)
    def test_everything_else(self):
        daemon = self.small("60m").start()
        api = Api(daemon.sock)
        self.load_base(api)
        keeper = api.create(BB, "echo kept; exit 3", name="keeper")
        filler = os.path.join(daemon.data, "filler")
        with open(filler, "wb") as f:
            try:
                while True:
                    f.write(bytes(1 << 16))
                    f.flush()
            except OSError:
                pass
        got = api.post("/containers/create", {"Image": BB, "Cmd": ["true"]}, name="late")
        self.assertEqual(got.status, 500, got)
        self.assertIn("no space left on device", got.message.lower())
        self.assertEqual([c["Names"] for c in api.ok("GET", "/containers/json", all=1)], [["/keeper"]])
        os.unlink(filler)
        self.assertEqual(api.output(BB, "echo fine", name="late")[1], "fine\n")
        api.start(keeper)
        self.assertEqual(api.wait(keeper), 3)
        daemon.restart(kill=True)
        self.assertEqual(api.logs(keeper)[0], b"kept\n")

    @takes(90)
    @OURS
    def test_log_fills_the_disk(self):
        """The container goes on when its log cannot be written, and the daemon too."""
        daemon = self.small("40m").start()
        api = Api(daemon.sock)
        self.load_base(api)
        ref = api.run(BB, "yes llllllllllllllllllllllllllllllllllllllll | head -c 60000000; exit 6")
        self.assertEqual(api.wait(ref, timeout=60), 6)
        self.assertTrue(daemon.answers())
        self.assertEqual(api.remove(ref).status, 204)
        self.assertEqual(api.output(BB, "echo fine")[1], "fine\n")


class TestSpeed(Own):
    @OURS
    def test_start(self):
        """From exec to the first answered ping: far below what a person notices."""
        times = []
        for _ in range(5):
            daemon = self.make(net=False)
            began = time.monotonic()
            daemon.spawn()
            while not os.path.exists(daemon.sock) or not daemon.answers():
                self.assertLess(time.monotonic() - began, 15)
            times.append(time.monotonic() - began)
            daemon.stop()
        self.assertLess(min(times), 0.5)
