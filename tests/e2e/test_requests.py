# SPDX-License-Identifier: Apache-2.0
"""Requests as other people's test suites send them: odd versions, paths, queries, types and bodies."""

import json

from harness.api import Api
from harness.case import BB, CTX, E2E, images, not_oracle
from harness.rawhttp import Conn

JSON = {"Content-Type": "application/json"}
OLDER = not_oracle("as engines of API 1.42 and later have it")


def host(**fields):
    return {"HostConfig": fields}


class Requests(E2E):
    def ask(self, method, target, body=None, headers=None):
        with Conn(self.daemon.sock) as conn:
            conn.request(method, target, body, headers or {})
            return conn.response(method)

    def told(self, got, status, message):
        self.assertEqual((got.status, got.message), (status, message))

    def make(self, body, version=None, **query):
        api = Api(self.daemon.sock, version) if version else self.api
        return api.post("/containers/create", dict({"Image": BB, "Cmd": ["true"]}, **body), **query)


class TestTargets(Requests):
    image = False

    def test_versions_with_more_parts(self):
        """Versions compare number by number; what is missing is 0."""
        for version in (f"{CTX.api}.0", "1.30.7", f"01.{CTX.api[2:]}"):
            self.assertEqual(self.ask("GET", f"/v{version}/info").status, 200, version)
        self.told(self.ask("GET", f"/v{CTX.api}.1/info"), 400, f"client version {CTX.api}.1 is too new. "
                  f"Maximum supported API version is {CTX.api}")
        for version in ("1", "1.", ".1", "0.99", ".."):
            got = self.ask("GET", f"/v{version}/info")
            self.assertEqual(got.status, 400, version)
            self.assertIn(f"client version {version} is too old", got.text)
            self.assertTrue(got.headers["content-type"].startswith("text/plain"), got.pairs)

    def test_no_route_before_no_version(self):
        for target in ("/v1.999/nonsense", "/v9/x", "/v/info", "/v-1.4/info", "/v1.4a/info"):
            self.told(self.ask("GET", target), 404, "page not found")
        self.told(self.ask("POST", "/v1.999/info"), 404, "page not found")

    def test_paths_are_clean_after_decoding(self):
        for target, place in (("/containers/%2fbox/json", "/containers/box/json"),
                              ("/containers/a/%2e%2e/json?all=1", "/containers/json?all=1"),
                              ("//containers/b%C3%A4r/json", "/containers/b%C3%A4r/json")):
            got = self.ask("GET", target)
            self.assertEqual((got.status, got.headers.get("location")), (301, place))

    def test_queries_that_are_none(self):
        for query, message in (("a=%zz", 'invalid URL escape "%zz"'), ("%4=1", 'invalid URL escape "%4"'),
                               ("a=1;b=2", "invalid semicolon separator in query")):
            for method, path in (("GET", "/containers/json"), ("POST", "/containers/nope/stop"),
                                 ("DELETE", "/volumes/nope"), ("GET", "/events"), ("POST", "/images/create")):
                self.told(self.ask(method, f"{path}?{query}"), 400, message)
            for path in ("/_ping", "/version", "/info"):
                self.assertEqual(self.ask("GET", f"{path}?{query}").status, 200, path)

    @not_oracle("a name with that byte is refused as a name")
    def test_no_zero_byte_in_a_query(self):
        self.told(self.ask("POST", "/containers/create?name=a%00b", "{}", JSON), 400, 'invalid URL escape "%00"')

    def test_no_empty_name(self):
        self.assertEqual(self.ask("GET", "/containers//json").status, 301)


class TestTypes(Requests):
    """What would be shown again must be of the type that clients decode it as."""

    @OLDER
    def test_numbers_out_of_range(self):
        for body, number, field, kind in (
                (host(BlkioWeight=-1), "-1", "HostConfig.BlkioWeight", "uint16"),
                (host(BlkioWeight=70000), "70000", "HostConfig.BlkioWeight", "uint16"),
                (host(BlkioWeightDevice=[{"Path": "/dev/null", "Weight": 70000}]), "70000",
                 "WeightDevice.Weight", "uint16"),
                (host(BlkioDeviceReadBps=[{"Path": "/dev/null", "Rate": -1}]), "-1", "ThrottleDevice.Rate",
                 "uint64"),
                (host(Mounts=[{"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"Mode": -1}}]), "-1",
                 "TmpfsOptions.Mode", "uint32"),
                (host(ConsoleSize=[-1, 2]), "-1", "HostConfig.ConsoleSize", "uint"),
                (host(ConsoleSize=[1.5, 2]), "1.5", "HostConfig.ConsoleSize", "uint")):
            with self.subTest(body=body):
                self.told(self.make(body), 400, f"invalid JSON: json: cannot unmarshal number {number} into Go "
                          f"struct field {field} of type {kind}")

    @OLDER
    def test_lists(self):
        for body, word, field, kind in (
                (host(ConsoleSize="x"), "string", "HostConfig.ConsoleSize", "[2]uint"),
                (host(ConsoleSize={}), "object", "HostConfig.ConsoleSize", "[2]uint"),
                (host(ConsoleSize=["a", 1]), "string", "HostConfig.ConsoleSize", "uint"),
                (host(DeviceRequests=[{"Capabilities": "gpu"}]), "string", "DeviceRequest.Capabilities",
                 "[][]string"),
                (host(DeviceRequests=[{"Capabilities": ["gpu"]}]), "string", "DeviceRequest.Capabilities",
                 "[]string"),
                (host(DeviceRequests=[{"Capabilities": [[1]]}]), "number", "DeviceRequest.Capabilities", "string"),
                (host(Mounts=[{"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"Options": [1]}}]), "number",
                 "TmpfsOptions.Options", "[]string")):
            with self.subTest(body=body):
                self.told(self.make(body), 400, f"invalid JSON: json: cannot unmarshal {word} into Go struct "
                          f"field {field} of type {kind}")
        for size in (None, [24, 80], [], [1]):
            self.assertEqual(self.make(host(ConsoleSize=size)).status, 201, size)

    @OLDER
    def test_exec_and_its_start(self):
        ref = self.run_()
        got = self.api.post(f"/containers/{ref}/exec", {"Cmd": ["true"], "ConsoleSize": "x"})
        self.told(got, 400, "invalid JSON: json: cannot unmarshal string into Go struct field "
                  "ExecOptions.ConsoleSize of type [2]uint")
        made = self.api.ok("POST", f"/containers/{ref}/exec", {"Cmd": ["true"]}, status=201)["Id"]
        for body in ([], "x", 1):
            got = self.api.post(f"/exec/{made}/start", body)
            self.assertEqual(got.status, 400, got)
            self.assertIn("into Go value of type ExecStartOptions", got.message)
        self.assertEqual(self.ask("POST", f"/exec/{made}/start", '{"Detach":true}', JSON).status, 200)


class TestBodies(Requests):
    @OLDER
    def test_an_empty_config(self):
        for body in ({}, None, {"HostConfig": {"Memory": 0}}, {"NoSuchKey": 1}):
            got = self.ask("POST", "/containers/create", json.dumps(body), JSON)
            self.told(got, 400, "config cannot be empty in order to create a container")

    @OLDER
    def test_an_empty_body(self):
        """It says nothing, which is all right where nothing needs to be said."""
        ref = self.run_()
        self.assertEqual(self.ask("POST", f"/containers/{ref}/update").json(), {"Warnings": None})
        self.told(self.ask("POST", f"/containers/{ref}/exec"), 400, "No exec command specified")
        self.told(self.ask("POST", "/containers/nope/exec", "{}", JSON), 400, "No exec command specified")
        made = self.ask("POST", "/volumes/create")
        self.assertEqual(made.status, 201, made)
        self.assertRegex(made.json()["Name"], "^[0-9a-f]{64}$")
        self.assertEqual(self.api.delete(f"/volumes/{made.json()['Name']}").status, 204)
        for path in (f"/containers/{ref}/update", "/volumes/create", "/commit?container=nope"):
            self.told(self.ask("POST", path, "", {"Content-Type": "text/plain"}), 400,
                      "unsupported Content-Type header (text/plain): must be 'application/json'")

    def test_start_with_next_to_nothing(self):
        """Up to seven bytes are no object with anything in it, whatever they are."""
        for body in ("", "{}", "null", "{} {} x"):
            ref = self.create("true")
            got = self.ask("POST", f"/containers/{ref}/start", body, JSON)
            self.assertEqual(got.status, 204, (body, got))
        self.assertEqual(self.ask("POST", "/containers/nope/start", '{"a": 1}', JSON).status, 400)

    def test_login_of_any_type(self):
        body = json.dumps({"username": "a", "password": "b", "serveraddress": "127.0.0.1:1"})
        for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}):
            got = self.ask("POST", "/auth", body, headers)
            self.assertEqual(got.status, 500, got)
            self.assertIn("127.0.0.1:1", got.message)

    def test_load_of_nothing(self):
        """Told in the stream, as all that a load has to say; layers are told of when asked for."""
        got = self.ask("POST", "/images/load", "", {"Content-Type": "application/x-tar"})
        self.assertEqual(got.status, 200, got)
        self.assertIn("errorDetail", got.json())

    def test_load_is_quiet_unless_asked(self):
        image = images.Image([images.files(**{"some/file": "quietly"})])
        archive = image.docker_archive("hush:1")
        for query, quiet in (("", True), ("?quiet=1", True), ("?quiet=0", False)):
            got = self.ask("POST", "/images/load" + query, archive, {"Content-Type": "application/x-tar"})
            lines = [json.loads(line) for line in got.text.splitlines() if line.strip()]
            self.assertEqual(lines[-1]["stream"], "Loaded image: hush:1\n", lines)
            self.assertEqual(not [line for line in lines if "progressDetail" in line], quiet, lines)
            self.assertEqual(self.api.delete("/images/hush:1").status, 200)


class TestCreate(Requests):
    def test_a_sliver_of_a_processor(self):
        """How little is too little is the kernel's to say, at the start."""
        got = self.make(host(NanoCpus=500000))
        self.assertEqual(got.status, 201, got)
        self.assertEqual(self.api.inspect(got.json()["Id"])["HostConfig"]["NanoCpus"], 500000)
        self.assertEqual(self.make(host(NanoCpus=-1)).status, 400)

    def test_a_network_that_is_not_there(self):
        """The create knows nothing of it (404 is for images); the start does."""
        for body in (host(NetworkMode="nope"), dict(host(NetworkMode="nope"), NetworkingConfig={
                "EndpointsConfig": {"nope": {}}})):
            got = self.make(body)
            self.assertEqual(got.status, 201, got)
            ref = got.json()["Id"]
            info = self.api.inspect(ref)
            self.assertEqual(info["HostConfig"]["NetworkMode"], "nope")
            self.assertEqual(info["NetworkSettings"]["Networks"]["nope"]["NetworkID"], "")
            got = self.api.post(f"/containers/{ref}/start")
            self.assertEqual(got.status, 404, got)
            self.assertIn("network nope not found", got.message)
            self.assertEqual(self.api.inspect(ref)["State"]["Status"], "created")
        if not CTX.is_oracle:
            got = self.docker("run", "--rm", "--network", "nope", BB, "true")
            self.assertEqual(got.code, 125, got)
            self.assertNotIn("locally", got.err)

    def test_an_endpoint_of_null(self):
        self.told(self.make({"NetworkingConfig": {"EndpointsConfig": {"bridge": None}}}), 400,
                  "no EndpointSettings for bridge")

    def test_mounts_of_nothing(self):
        for mount in (None, {}, {"Type": None}):
            self.told(self.make(host(Mounts=[mount])), 400,
                      'invalid mount config for type "": field Target must not be empty')

    def test_a_hostname_as_long_as_can_be(self):
        ref = self.make({"Hostname": "h" * 64, "Cmd": ["hostname"]}).json()["Id"]
        self.api.start(ref)
        self.api.wait(ref)
        self.assertEqual(self.api.logs(ref)[0].decode(), "h" * 64 + "\n")

    def test_platforms(self):
        arch = images.ARCH
        for good in (f"linux/{arch}", f"LINUX/{arch.upper()}", "linux", arch,
                     {"amd64": "linux/x86_64", "arm64": "linux/aarch64"}[arch],
                     {"amd64": "linux/amd64/v2", "arm64": "linux/arm64/v8"}[arch]):
            self.assertEqual(self.make({}, platform=good).status, 201, good)
        for bad, words in (("x", '"x": unknown operating system or architecture'),
                           ("linux//", '"" is an invalid component of "linux//"'), ("/", "component of"),
                           ("linux/a b", '"a b" is an invalid component'),
                           ("linux/a/b/c", '"linux/a/b/c": cannot parse platform specifier')):
            got = self.make({}, platform=bad)
            self.assertEqual(got.status, 400, got)
            self.assertIn(words, got.message)
        self.assertEqual(self.make({}, platform="windows").status, 404)


class TestAnswers(Requests):
    def test_networks_of_a_container_that_ran(self):
        """What it was last connected to stays known, where it was does not."""
        ref = self.create("true")
        self.assertEqual(self.api.inspect(ref)["NetworkSettings"]["Networks"]["bridge"]["NetworkID"], "")
        self.api.start(ref)
        self.api.wait(ref)
        bridge = self.api.ok("GET", "/networks/bridge")["Id"]
        got = self.api.inspect(ref)["NetworkSettings"]["Networks"]["bridge"]
        self.assertEqual((got["NetworkID"], got["EndpointID"], got["IPAddress"]), (bridge, "", ""))

    def test_sandbox_of_another_container(self):
        ref = self.run_(**host(NetworkMode="container:" + self.run_()))
        got = self.api.inspect(ref)["NetworkSettings"]
        self.assertEqual((got["SandboxID"], got["SandboxKey"], got["Networks"]), ("", "", {}))

    def test_shared_memory_of_the_host(self):
        ref = self.make(host(IpcMode="host")).json()["Id"]
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["ShmSize"], 64 << 20)

    def test_wait_of_old_versions_says_null(self):
        ref = self.create("exit 3")
        self.api.start(ref)
        self.api.wait(ref)
        for version, want in (("1.41", {"StatusCode": 3, "Error": None}), ("1.42", {"StatusCode": 3})):
            if version <= CTX.api:
                self.assertEqual(Api(self.daemon.sock, version).ok("POST", f"/containers/{ref}/wait"), want)

    def test_kill_says_what_it_was_about(self):
        ref = self.run_(name="box")
        for path, status, words in (("/containers/nope/kill", 404, "nope: No such container: nope"),
                                    ("/containers/box/kill?signal=ODD", 400, "nvalid signal: ODD")):
            got = self.api.post(path)
            self.assertEqual(got.status, status, got)
            self.assertIn(words, got.message)
        if not CTX.is_oracle:
            self.told(self.api.post("/containers/box/kill?signal=ODD"), 400,
                      "cannot kill container: box: invalid signal: ODD")
        self.assertTrue(self.api.inspect(ref)["State"]["Running"])

    def test_numbers_past_all_bounds(self):
        for path in ("/containers/json?limit={}", "/containers/{}/stop?t=x"):
            got = self.ask("GET" if "json" in path else "POST", path.format("9" * 30))
            self.assertIn(got.status, (400, 500))
            self.assertRegex(got.message, "value out of range|invalid syntax")

    def test_networks_by_a_bad_dangling(self):
        for values in (["x"], ["true", "false"]):
            got = self.api.get("/networks", filters=json.dumps({"dangling": values}))
            self.assertEqual(got.status, 400, got)
            self.assertIn("dangling", got.message)

    def test_tags_that_are_none(self):
        got = self.api.post(f"/images/{BB}/tag", repo="a", tag="b:c")
        self.assertIn(got.status, (400, 500))
        self.assertEqual(got.message, "invalid tag format")
