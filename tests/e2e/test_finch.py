# SPDX-License-Identifier: Apache-2.0
"""Called as finch-daemon: Finch Daemon's flags, files, sockets and words."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess

from harness import rawhttp
from harness.api import Api
from harness.case import BB, CTX, E2E, Daemon, Docker, leaks, not_oracle, takes

# Asks the credential socket whatever CRED_ASK says; run by a program that the daemon runs.
ASKER = r"""
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["CRED_SOCK"])
body = os.environ["CRED_BODY"].encode()
s.sendall(os.environ["CRED_LINE"].encode() + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
          + b"Content-Length: %d\r\n\r\n" % len(body) + body)
data = b""
while True:
    more = s.recv(65536)
    if not more:
        break
    data += more
open(os.environ["CRED_OUT"], "wb").write(data)
"""


class Finch(Daemon):
    """One serind through a link named finch-daemon; no path of the machine is touched."""

    def __init__(self, *flags):
        super().__init__(flags, net=False)
        self.link = os.path.join(self.root, "finch-daemon")
        os.symlink(CTX.serind, self.link)
        self.credentials = os.path.join(self.root, "cred")
        self.toml = os.path.join(self.root, "finch.toml")
        self.config(f'data_root = "{self.root}/nerd"')
        self.data = os.path.join(self.root, "nerd", "serin")

    def config(self, text):
        with open(self.toml, "w") as f:
            f.write(text + "\n")

    def argv(self, extra=()):
        argv = [self.link]
        for flag, value in (("--socket-addr", self.sock), ("--pidfile", self.pidfile),
                            ("--credential-socket-addr", self.credentials),
                            ("--credential-socket-owner", "-1"), ("--config-file", self.toml)):
            if not any(f == flag or f.startswith(flag + "=") for f in self.flags):
                argv += [flag, value]
        return argv + self.flags + list(extra)


@not_oracle("another daemon")
class TestFinch(E2E):
    own_daemon = True

    def setUp(self):
        self.mine = []
        self.snap = leaks.Snapshot()

    def make(self, *flags):
        daemon = Finch(*flags)
        self.mine.append(daemon)
        return daemon

    def failure_log(self):
        return "\n".join(d.log_tail(12) for d in self.mine)

    def tearDown(self):
        found = []
        for daemon in self.mine:
            if daemon.alive:
                api = Api(daemon.sock, timeout=10)
                for one in api.ok("GET", "/containers/json", all=1):
                    api.remove(one["Id"])
                daemon.stop()
            if os.path.exists(daemon.credentials):
                found.append("the credential socket is still there")
        found += self.snap.settle(CTX.tmp, "docker0")
        subprocess.run(["ip", "link", "del", "docker0"], capture_output=True)
        for daemon in self.mine:
            daemon.sweep(self.snap)
        self.assertEqual(found, [])

    def refused(self, daemon, *texts, **spawn):
        daemon.spawn(**spawn)
        self.assertEqual(daemon.process.wait(15), 1)
        log = daemon.log_tail()
        for text in texts:
            self.assertIn(text, log)
        return log

    def run_it(self, *args, env=None):
        daemon = self.make()
        got = subprocess.run([daemon.link, *args], capture_output=True, text=True, timeout=20,
                             env=dict(os.environ, **(env or {})))
        return got.returncode, got.stdout, got.stderr

    # What it says.

    def test_version_and_help(self):
        code, out, _ = self.run_it("--version")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^finch-daemon version \d+\.\d+\.\d+\S*\n$")
        self.assertEqual(self.run_it("-v")[1], out)
        code, out, _ = self.run_it("--help")
        self.assertEqual(code, 0)
        for flag in ("socket-addr", "credential-socket-addr", "socket-owner", "debug-addr",
                     "credential-socket-owner", "config-file", "pidfile", "rego-file",
                     "skip-rego-perm-check", "experimental", "debug"):
            self.assertIn("--" + flag, out)

    def test_wrong_flags(self):
        for args, text in ((["--nope"], "unknown flag: --nope"),
                           (["--socket-owner", "x"], 'invalid argument "x" for "--socket-owner"'),
                           (["--pidfile"], "flag needs an argument: --pidfile"),
                           (["-q"], "unknown shorthand flag: 'q' in -q")):
            with self.subTest(args=args):
                code, _, err = self.run_it(*args)
                self.assertEqual(code, 1)
                self.assertIn(text, err)

    # Serving.

    def test_serves(self):
        daemon = self.make().start()
        api = Api(daemon.sock)
        self.load_base(api)
        self.assertEqual(Docker(daemon.sock).ok("run", "--rm", "--network", "none", BB, "echo",
                                                "quack"), "quack")
        self.assertTrue(os.path.isdir(daemon.data), "below the configured data_root")
        with open(daemon.pidfile) as f:
            self.assertEqual(int(f.read()), daemon.pid)
        got = os.stat(daemon.sock)
        self.assertEqual((got.st_uid, got.st_gid, stat.S_IMODE(got.st_mode)), (0, 0, 0o660))
        got = os.stat(daemon.credentials)
        self.assertEqual((got.st_uid, got.st_gid, stat.S_IMODE(got.st_mode)), (0, 0, 0o600))
        self.assertEqual(daemon.stop(signal.SIGINT), 0)
        for path in (daemon.sock, daemon.credentials, daemon.pidfile):
            self.assertFalse(os.path.exists(path), path)

    def test_copy_instead_of_link(self):
        """Installed as a file of its own it finds its shim and init all the same."""
        daemon = self.make()
        os.unlink(daemon.link)
        shutil.copy(CTX.serind, daemon.link)
        daemon.start()
        self.load_base(Api(daemon.sock))
        self.assertEqual(Docker(daemon.sock).ok("run", "--rm", "--init", "--network", "none", BB,
                                                "echo", "copied"), "copied")

    def test_owners(self):
        daemon = self.make("--socket-owner", "501", "--credential-socket-owner", "502").start()
        got = os.stat(daemon.sock)
        self.assertEqual((got.st_uid, got.st_gid), (501, 501))
        got = os.stat(daemon.credentials)
        self.assertEqual((got.st_uid, got.st_gid, stat.S_IMODE(got.st_mode)), (502, 502, 0o600))

    def test_stale_sockets(self):
        daemon = self.make()
        for path in (daemon.sock, daemon.credentials):
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(path)
        daemon.start()
        self.assertTrue(daemon.answers())

    def test_second_daemon(self):
        first = self.make().start()
        second = self.make("--socket-addr", first.sock)
        self.refused(second, first.sock)
        self.assertTrue(first.answers())
        third = self.make("--pidfile", first.pidfile)
        self.refused(third, str(first.pid))

    def test_no_pidfile(self):
        daemon = self.make("--pidfile=").start()
        self.assertFalse(os.path.exists(daemon.pidfile))

    def test_debug_and_unused_flags(self):
        daemon = self.make("--debug", "--debug-addr", "127.0.0.1:9187", "--experimental",
                           "--skip-rego-perm-check").start()
        self.assertTrue(Api(daemon.sock).ok("GET", "/info")["Debug"])
        log = daemon.log_tail(200)
        self.assertIn("experimental flag passed, but no experimental features enabled", log)
        self.assertIn("--debug-addr", log)
        with socket.create_connection(("127.0.0.1", 9187), 5) as conn:
            conn.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertTrue(conn.recv(100).startswith(b"HTTP/1.1 200 "))

    def test_activation_takes_exactly_one(self):
        def spawn(daemon, count):
            socks = []
            for number in range(count):
                one = socket.socket(socket.AF_UNIX)
                one.bind(daemon.sock if number == 0 else f"{daemon.sock}{number}")
                one.listen(8)
                socks.append(one)
            daemon.spawn_activated(socks)
            for one in socks:
                one.close()
        good = self.make("--socket-addr", "fd://")
        spawn(good, 1)
        good.wait_ready()
        self.assertTrue(good.answers())
        bad = self.make("--socket-addr", "fd://")
        spawn(bad, 2)
        self.assertEqual(bad.process.wait(15), 1)
        self.assertIn("unexpected number of socket activations (2 != 1)", bad.log_tail())
        self.refused(self.make("--socket-addr", "fd://"), "service manager")
        self.refused(self.make("--socket-addr", "fd://", "--socket-owner", "501"),
                     "socket-owner is not supported while using socket activation using fd://")

    def test_notify(self):
        self.manager_hears(self.make())

    # The configuration file.

    def test_config(self):
        daemon = self.make()
        daemon.config(f'debug = true\ndata_root = "{daemon.root}/nerd"\nnamespace = "x"\n'
                      'insecure_registry = true\ncgroup_manager = "cgroupfs"\n'
                      'dns = ["10.9.9.9"]\nbridge_ip = "172.29.251.1/24"\n')
        daemon.start()
        api = Api(daemon.sock)
        self.assertTrue(api.ok("GET", "/info")["Debug"])
        self.load_base(api)
        code, out, _ = api.output(BB, "cat /etc/resolv.conf; ip -4 addr show eth0")
        self.assertEqual(code, 0)
        self.assertIn("nameserver 10.9.9.9", out)
        self.assertIn("172.29.251.", out)
        # Every registry, by name and without TLS: nobody is there, but plain HTTP was tried.
        got = api.post("/images/create", fromImage="nowhere.invalid:5000/x", tag="1")
        self.assertNotIn("https", got.body.decode().split("http://")[-1])

    def test_config_from_the_environment(self):
        daemon = self.make()
        daemon.config(f'debug = true\ndata_root = "{daemon.root}/nerd"\n')
        argv = [a for a in daemon.argv() if a not in ("--config-file", daemon.toml)]
        daemon.spawn(argv=argv, env={"NERDCTL_TOML": daemon.toml})
        daemon.wait_ready()
        self.assertTrue(Api(daemon.sock).ok("GET", "/info")["Debug"])

    def test_bad_config(self):
        for text, message in (("nonsense = 1", "unknown key nonsense"),
                              ("[debug]\na = 1", "unknown key debug.a"),
                              ("debug = 3", "debug must be true or false"),
                              ("debug =", "line 1: a value is missing"),
                              ('dns = ["here"]', "here is not an ip address")):
            with self.subTest(text=text):
                daemon = self.make()
                daemon.config(text)
                self.refused(daemon, message)

    def test_docker_config(self):
        """DOCKER_CONFIG for programs of a build: with the helper, without, and with a trap."""
        home = os.path.join(CTX.tmp, "finch-home")
        shutil.rmtree(home, ignore_errors=True)
        os.makedirs(home)
        with open("/etc/passwd", "a") as f:
            f.write(f"duck:x:4711:4711::{home}:/bin/sh\n")
        tools = os.path.join(CTX.tmp, "finch-tools")
        os.makedirs(tools, exist_ok=True)
        plain = self.make("--credential-socket-owner", "4711").start()
        self.assertIn(f"setup done {home}/.finch\"", plain.log_tail(50))
        self.assertEqual(os.listdir(home), [])
        plain.stop()
        helper = os.path.join(tools, "docker-credential-finch")
        with open(helper, "w") as f:
            f.write("#!/bin/sh\n")
        os.chmod(helper, 0o755)
        path = {"PATH": tools + ":" + os.environ["PATH"]}
        daemon = self.make("--credential-socket-owner=4711")
        daemon.start(env=path)
        config = os.path.join(home, ".finch", ".finch-daemon", "config.json")
        with open(config) as f:
            self.assertEqual(json.load(f), {"credsStore": "finch"})
        self.assertEqual(stat.S_IMODE(os.stat(config).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(config)).st_mode), 0o700)
        daemon.stop()
        shutil.rmtree(os.path.join(home, ".finch"))
        trap = os.path.join(CTX.tmp, "finch-trap")
        os.makedirs(trap, exist_ok=True)
        os.symlink(trap, os.path.join(home, ".finch"))
        daemon = self.make("--credential-socket-owner=4711")
        daemon.start(env=path)
        self.assertIn("failed to write docker config file", daemon.log_tail(50))
        self.assertEqual(os.listdir(trap), [])

    # Policy.

    def test_rego(self):
        rego = os.path.join(CTX.tmp, "policy.rego")
        with open(rego, "w") as f:
            f.write("package finch.authz\n")
        os.chmod(rego, 0o644)
        self.refused(self.make("--rego-file", rego), "rego file provided without experimental flag")
        self.refused(self.make("--rego-file", rego, "--experimental"), "too permissive")
        self.refused(self.make("--rego-file", rego, "--experimental", "--skip-rego-perm-check"),
                     "policies in Rego are not built in")
        os.chmod(rego, 0o600)
        self.refused(self.make("--rego-file", rego, "--experimental"), "not built in")
        self.refused(self.make("--rego-file", CTX.serind, "--experimental"), "extension")

    # The credential socket.

    def test_strangers_get_no_credentials(self):
        daemon = self.make().start()
        got = rawhttp.request(daemon.credentials, "GET", "/finch/credentials",
                              body=b'{"buildID":"a","serverAddr":"b"}')
        self.assertEqual(got.status, 401)
        self.assertEqual(got.json(), {"message": "unauthorized access"})
        # The API is not served there, nor credentials on the API's socket.
        self.assertEqual(rawhttp.request(daemon.credentials, "GET", "/_ping").status, 401)
        self.assertEqual(rawhttp.request(daemon.sock, "GET", "/finch/credentials").status, 404)

    @takes(90)
    def test_a_grandchild_is_answered(self):
        """`ps`, for top, is the daemon's child; what that starts is its grandchild."""
        daemon = self.make()
        bin_ = os.path.join(daemon.root, "bin")
        os.makedirs(bin_)
        out = os.path.join(daemon.root, "answer")
        ask = os.path.join(daemon.root, "ask.py")
        with open(ask, "w") as f:
            f.write(ASKER)
        env_file = os.path.join(daemon.root, "env")
        real = shutil.which("ps")
        with open(os.path.join(bin_, "ps"), "w") as f:
            f.write(f'#!/bin/sh\n. {env_file}\n/usr/bin/python3 {ask}\nexec {real} "$@"\n')
        os.chmod(os.path.join(bin_, "ps"), 0o755)
        daemon.start(env={"PATH": bin_ + ":" + os.environ["PATH"]})
        api = Api(daemon.sock)
        self.load_base(api)
        ref = api.run(BB, "sleep 1000", HostConfig={"NetworkMode": "none"})
        ok = '{"buildID":"00ff","serverAddr":"reg.example"}'
        for line, body, status, text in (
                ("GET /finch/credentials", ok, 404, "failed to get credentials"),
                ("GET /finch/credentials", '{"serverAddr":"x"}', 400,
                 "request rejected: missing build ID"),
                ("GET /finch/credentials", '{"buildID":"x"}', 400,
                 "request rejected: missing server address"),
                ("GET /finch/credentials", "{", 400, "failed to decode request"),
                ("GET /finch/credentials", "", 400, "failed to decode request"),
                ("GET /finch/credentials", "x" * 9000, 400, "failed to decode request"),
                ("POST /finch/credentials", ok, 405, ""),
                ("GET /_ping", "", 404, "404 page not found")):
            with self.subTest(line=line, body=body[:40]):
                with open(env_file, "w") as f:
                    f.write(f"export CRED_SOCK={daemon.credentials} CRED_OUT={out}\n"
                            f"export CRED_LINE='{line}' CRED_BODY='{body}'\n")
                if os.path.exists(out):
                    os.unlink(out)
                self.assertEqual(api.get(f"/containers/{ref}/top").status, 200)
                with open(out, "rb") as f:
                    got = f.read().decode()
                self.assertTrue(got.startswith(f"HTTP/1.1 {status} "), got)
                self.assertIn(text, got)
