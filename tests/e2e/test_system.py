# SPDX-License-Identifier: Apache-2.0
"""Ping, version, info, version gates, unknown routes, swarm: the frame every client meets first."""

import json
import os
import platform
import re
import subprocess

from harness import rawhttp
from harness.case import BB, CTX, E2E, Api, not_oracle

NOT_MANAGER = ('This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to '
               'connect this node to swarm and try again.')
MAX = CTX.api


class TestPing(E2E):
    image = False

    def raw(self, method, target, body=None, **headers):
        return rawhttp.request(self.daemon.sock, method, target, body, headers)

    def common(self, got):
        self.assertEqual(got.headers["api-version"], MAX)
        self.assertEqual(got.headers["ostype"], "linux")
        self.assertEqual(got.headers["docker-experimental"], "false")
        self.assertRegex(got.headers["server"], r"^Docker/\S+ \(linux\)$")

    def ping(self, got):
        self.common(got)
        self.assertEqual(got.status, 200)
        self.assertEqual(got.headers["cache-control"], "no-cache, no-store, must-revalidate")
        self.assertEqual(got.headers["pragma"], "no-cache")
        self.assertEqual(got.headers["content-type"], "text/plain; charset=utf-8")
        if not CTX.is_oracle:
            self.assertIn(got.headers["builder-version"], ("1", "2"))
            self.assertEqual(got.headers["swarm"], "inactive")

    def test_get(self):
        got = self.raw("GET", "/_ping")
        self.ping(got)
        self.assertEqual(got.body, b"OK")
        self.assertEqual(got.headers["content-length"], "2")

    def test_head(self):
        with rawhttp.Conn(self.daemon.sock) as conn:
            conn.send("HEAD /_ping HTTP/1.1\r\nHost: api.moby.localhost\r\n\r\n")
            got = conn.head()
            self.ping(got)
            self.assertEqual(got.headers["content-length"], "0")
            # The next answer on the same connection shows that no body followed.
            conn.request("GET", "/_ping")
            self.assertEqual(conn.response().body, b"OK")
            self.assertEqual(conn.buffer, b"")

    def test_versioned(self):
        for version in ("1.24", "1.30", MAX):
            for method in ("GET", "HEAD"):
                self.ping(self.raw(method, f"/v{version}/_ping"))

    def test_too_new(self):
        got = self.raw("GET", "/v1.99/_ping")
        self.assertEqual(got.status, 400)
        self.assertEqual(got.json(), {"message": "client version 1.99 is too new. Maximum supported "
                                                 f"API version is {MAX}"})

    @not_oracle("it supports 1.12")
    def test_too_old(self):
        got = self.raw("GET", "/v1.23/version")
        self.assertEqual(got.status, 400)
        self.assertIn("client version 1.23 is too old. Minimum supported API version is 1.24, please "
                      "upgrade your client to a newer version", got.text)
        self.assertTrue(got.headers["content-type"].startswith("text/plain"), got.pairs)

    def test_unknown_routes(self):
        for method, target in (("GET", "/nonsense"), ("GET", f"/v{MAX}/nonsense"), ("GET", "/"),
                               ("DELETE", "/_ping"), ("PUT", "/version"), ("GET", "/v1.x/version"),
                               ("GET", "/containers/create"), ("PATCH", "/containers/x/json"),
                               ("GET", "/containers/x/nonsense")):
            with self.subTest(target=f"{method} {target}"):
                got = self.raw(method, target)
                self.assertEqual(got.status, 404, got)
                self.assertEqual(got.json(), {"message": "page not found"})
                self.assertEqual(got.headers["content-type"], "application/json")

    def test_unclean_path(self):
        got = self.raw("GET", "//version")
        self.assertEqual(got.status, 301)

    @not_oracle("handled by its router")
    def test_error_headers(self):
        got = self.raw("GET", "/containers/nothere/json")
        self.common(got)
        self.assertEqual(got.status, 404)
        self.assertEqual(got.headers["content-type"], "application/json")
        self.assertEqual(got.body, b'{"message":"No such container: nothere"}\n')

    def test_swarm_is_inactive(self):
        for method, path in (("GET", "/swarm"), ("GET", "/services"), ("GET", "/nodes"),
                             ("GET", "/tasks"), ("GET", "/secrets"), ("GET", "/configs"),
                             ("GET", "/nodes/abc"), ("POST", "/services/create")):
            with self.subTest(path=path):
                body = {} if method == "POST" else None
                got = self.api.call(method, path, body)
                self.assertEqual(got.status, 503, got)
                self.assertEqual(got.message, NOT_MANAGER)
        got = self.api.post("/swarm/leave")
        self.assertEqual((got.status, got.message), (503, "This node is not part of a swarm"))

    def test_plugins(self):
        self.assertEqual(self.api.ok("GET", "/plugins"), [])


class TestVersionInfo(E2E):
    def test_version(self):
        for target in ("/version", f"/v{MAX}/version"):
            got = rawhttp.request(self.daemon.sock, "GET", target).json()
            self.assertEqual(got["ApiVersion"], MAX)
            self.assertEqual(got["Os"], "linux")
            self.assertEqual(got["Arch"], {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()])
            self.assertEqual(got["KernelVersion"], platform.release())
            self.assertIn("Name", got["Platform"])
            engine = [c for c in got["Components"] if c["Name"] == "Engine"]
            self.assertEqual(len(engine), 1)
            self.assertEqual(engine[0]["Version"], got["Version"])
            for key in ("MinAPIVersion", "GitCommit", "GoVersion", "BuildTime"):
                self.assertIn(key, got)
        if not CTX.is_oracle:
            self.assertEqual(got["MinAPIVersion"], "1.24")

    def test_info(self):
        got = self.api.ok("GET", "/info")
        with open("/proc/meminfo") as f:
            total = int(re.search(r"MemTotal:\s+(\d+)", f.read()).group(1)) * 1024
        self.assertEqual(got["MemTotal"], total)
        self.assertEqual(got["NCPU"], os.cpu_count())
        self.assertEqual(got["KernelVersion"], platform.release())
        self.assertEqual(got["OSType"], "linux")
        self.assertEqual(got["Architecture"], platform.machine())
        if not CTX.external:
            self.assertEqual(got["DockerRootDir"], self.daemon.data)
        self.assertEqual(got["Swarm"]["LocalNodeState"], "inactive")
        self.assertFalse(got["Swarm"]["ControlAvailable"])
        for key in ("IndexConfigs", "InsecureRegistryCIDRs", "Mirrors"):
            self.assertIsNotNone(got["RegistryConfig"][key], key)
        self.assertIn("runc", got["Runtimes"])
        self.assertEqual(got["DefaultRuntime"], "runc")
        self.assertIn("name=seccomp", " ".join(got["SecurityOptions"]))
        self.assertIn(got["CgroupVersion"], ("1", "2"))
        for key in ("ID", "Name", "Driver", "DriverStatus", "CgroupDriver", "ServerVersion",
                    "IndexServerAddress", "OperatingSystem", "SystemTime"):
            self.assertTrue(got[key], key)
        self.assertIn("bridge", got["Plugins"]["Network"])
        self.assertIn("json-file", got["Plugins"]["Log"])
        nf = {"BridgeNfIptables", "BridgeNfIp6tables"}     # older clients warn when these are absent
        if not CTX.is_oracle:
            self.assertFalse(nf & set(got))
            self.assertEqual(nf & set(Api(self.daemon.sock, "1.49").ok("GET", "/info")), nf)

    def test_commits(self):
        """Which runtime this is: its own words, in the version and in the information."""
        said = subprocess.run(["runc", "--version"], capture_output=True, text=True, check=True).stdout
        version = re.search(r"version (\S+)", said).group(1)
        commit = re.search(r"^commit: (\S+)", said, re.M).group(1)
        for minor in ("1.24", "1.41") + (() if CTX.is_oracle else ("1.48", "1.49", "1.51")):
            api = Api(self.daemon.sock, minor)
            info = api.ok("GET", "/info")
            old = int(minor.split(".")[1]) < 49
            for key in ("RuncCommit", "InitCommit", "ContainerdCommit"):
                with self.subTest(minor=minor, key=key):
                    self.assertEqual(info[key].get("Expected"), info[key]["ID"] if old else None)
            self.assertEqual(info["RuncCommit"]["ID"], commit)
            parts = {c["Name"]: c for c in api.ok("GET", "/version")["Components"]}
            self.assertEqual(parts["runc"], {"Name": "runc", "Version": version, "Details": {"GitCommit": commit}})
            self.assertTrue(parts["docker-init"]["Version"])
        self.assertIn(f"runc version: {commit}", self.docker.ok("info"))
        self.assertIn(commit, self.docker.ok("version"))

    def test_info_counts(self):
        self.assertEqual(self.api.ok("GET", "/info")["Images"], 1)
        self.create("true")
        self.run_("sleep 1000")
        ended = self.run_("true")
        self.exited(ended)
        got = self.api.ok("GET", "/info")
        counts = {k: got[k] for k in ("Containers", "ContainersRunning", "ContainersPaused",
                                      "ContainersStopped")}
        self.assertEqual(counts, {"Containers": 3, "ContainersRunning": 1, "ContainersPaused": 0,
                                  "ContainersStopped": 2})

    def test_cli_version(self):
        got = json.loads(self.docker.ok("version", "--format", "{{json .}}"))
        server = self.api.ok("GET", "/version")
        self.assertEqual(got["Server"]["Version"], server["Version"])
        self.assertEqual(got["Client"]["ApiVersion"], min(got["Client"]["DefaultAPIVersion"], MAX,
                                                          key=lambda v: int(v.split(".")[1])))
        plain = self.docker("version")
        self.assertEqual(plain.code, 0)
        self.assertIn("Engine:", plain.out)

    def test_cli_info(self):
        plain = self.docker("info")
        self.assertEqual(plain.code, 0, plain)
        self.assertNotIn("ERROR", plain.out + plain.err)
        for text in ("Server Version:", "Default Runtime: runc", "Swarm: inactive", "Images: 1",
                     "Security Options:", "Kernel Version: " + platform.release()):
            self.assertIn(text, plain.out)

    def test_ceiling_of_old_clients(self):
        """A client pinned to an old version works; the newest is refused by number alone."""
        got = self.docker("ps", env={"DOCKER_API_VERSION": "1.24"})
        self.assertEqual(got.code, 0, got)
        got = self.docker("ps", env={"DOCKER_API_VERSION": "1.99"})
        self.assertEqual(got.code, 1)
        self.assertIn("client version 1.99 is too new", got.err)

    def test_every_version_runs_a_container(self):
        newest = int(MAX.split(".")[1])
        for minor in (24, 25, 30, 35, 40, 41, 42, 44, 47, 50, 51):
            if minor > newest:
                continue
            with self.subTest(version=minor):
                api = Api(self.daemon.sock, f"1.{minor}")
                self.assertEqual(api.output(BB, "echo hi; exit 3"), (3, "hi\n", ""))
