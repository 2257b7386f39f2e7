# SPDX-License-Identifier: Apache-2.0
"""The messages that clients match on: each provoked once, its code and its whole text compared."""

import os
import re
import socket

from urllib.parse import quote

from harness.api import Api
from harness.case import BB, E2E, images, not_oracle, wait_for

CPUS = os.cpu_count()
NAMES = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
BIND = {"Type": "bind", "Source": "/tmp", "Target": "/x"}


def host(**fields):
    return {"HostConfig": fields}


# What is added to a create request that is right without it; status; message.
CREATE = [
    ({"Image": "nothere"}, 404, "No such image: nothere:latest"),
    ({"Entrypoint": [""], "Cmd": []}, 400, "no command specified"),
    ({"Env": ["=foo"]}, 400, "invalid environment variable: =foo"),
    ({"WorkingDir": "x"}, 400, "the working directory 'x' is invalid, it needs to be an absolute path"),
    ({"StopSignal": "SIGNOPE"}, 400, "invalid signal: SIGNOPE"),
    ({"Healthcheck": {"Interval": 1}}, 400, "Interval in Healthcheck cannot be less than 1ms"),
    ({"Healthcheck": {"StartPeriod": 1}}, 400, "StartPeriod in Healthcheck cannot be less than 1ms"),
    ({"Healthcheck": {"StartInterval": 1}}, 400, "StartInterval in Healthcheck cannot be less than 1ms"),
    ({"Healthcheck": {"Retries": -1}}, 400, "Retries in Healthcheck cannot be negative"),
    (host(CapAdd=["X"]), 400, 'invalid CapAdd: unknown capability: "CAP_X"'),
    (host(CapDrop=["X"]), 400, 'invalid CapDrop: unknown capability: "CAP_X"'),
    (host(Memory=1 << 20), 400, "Minimum memory limit allowed is 6MB"),
    (host(Memory=8 << 20, MemorySwap=7 << 20), 400,
     "Minimum memoryswap limit should be larger than memory limit, see usage"),
    (host(MemorySwap=8 << 20), 400,
     "You should always set the Memory limit when using Memoryswap limit, see usage"),
    (host(NanoCpus=10 ** 9, CpuPeriod=100000), 400,
     "Conflicting options: Nano CPUs and CPU Period cannot both be set"),
    (host(NanoCpus=10 ** 9, CpuQuota=100000), 400,
     "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
    (host(NanoCpus=(CPUS + 1) * 10 ** 9), 400,
     f"range of CPUs is from 0.01 to {CPUS}.00, as there are only {CPUS} CPUs available"),
    (host(AutoRemove=True, RestartPolicy={"Name": "always"}), 400,
     "can't create 'AutoRemove' container with restart policy"),
    (host(RestartPolicy={"Name": "x"}), 400, "invalid restart policy: unknown policy 'x'; "
     "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"),
    (host(PortBindings={"x": [{}]}), 400, 'invalid port specification: "x"'),
    (host(PortBindings={"80/tcp": [{"HostPort": "x"}]}), 400, 'invalid port specification: "x"'),
    (dict(host(NetworkMode="container:x"), Hostname="x"), 400,
     "conflicting options: hostname and the network mode"),
    (host(ExtraHosts=["x"]), 400, 'bad format for add-host: "x"'),
    (host(NetworkMode="container:x", Dns=["1.1.1.1"]), 400, "conflicting options: dns and the network mode"),
    (host(Binds=["/:/:ro:x"]), 400, "invalid volume specification: '/:/:ro:x'"),
    (host(Binds=["/tmp:/x:odd"]), 400, "invalid mode: odd"),
    (host(Binds=["/tmp:/x", "/etc:/x"]), 400, "Duplicate mount point: /x"),
    (host(Binds=["/tmp:/"]), 400, "invalid volume specification: '/tmp:/': "
     "invalid mount config for type \"bind\": invalid specification: destination can't be '/'"),
    (host(Mounts=[dict(BIND, Source="/not/there")]), 400,
     'invalid mount config for type "bind": bind source path does not exist: /not/there'),
    (host(Mounts=[dict(BIND, VolumeOptions={"NoCopy": True})]), 400,
     'VolumeOptions must not be specified on mount type "bind"'),
    (host(Binds=["X!:/x"]), 400, f'create X!: "X!" includes invalid characters for a local volume '
     f'name, only "{NAMES}" are allowed. If you intended to pass a host directory, use absolute path'),
    (host(IpcMode="odd"), 400, "invalid IPC mode: odd"),
    (host(Runtime="odd"), 400, "unknown or invalid runtime name: odd"),
]

# Box runs, made was only created, still is paused, again restarts, mute has no log; {box} and so on
# are their ids. Method, path, body, status, message.
EXEC = {"Cmd": ["true"]}
NOT_RUNNING = "container {made} is not running"
CALLS = [
    ("GET", "/containers/nothere/json", None, 404, "No such container: nothere"),
    ("POST", "/containers/nothere/start", None, 404, "No such container: nothere"),
    ("POST", "/containers/lost/start", None, 500,
     "unable to find user lost: no matching entries in passwd file"),
    ("POST", "/containers/create?name=box", {"Image": BB}, 409,
     'Conflict. The container name "/box" is already in use by container "{box}". You have to '
     "remove (or rename) that container to be able to reuse that name."),
    ("POST", "/containers/create?name=-x", {"Image": BB}, 400,
     f"Invalid container name (-x), only {NAMES} are allowed"),
    ("POST", "/containers/create?platform=linux/s390x", {"Image": BB}, 404,
     f"image with reference {BB} was found but its platform (linux/{{arch}}) does not match the "
     "specified platform (linux/s390x)"),
    ("POST", "/containers/made/rename?name=box", None, 409,
     'Error when allocating new name: Conflict. The container name "/box" is already in use by '
     'container "{box}". You have to remove (or rename) that container to be able to reuse that ' "name."),
    ("POST", "/containers/made/rename?name=made", None, 400,
     "Renaming a container with the same name as its current name"),
    ("POST", "/containers/made/rename?name=-x", None, 400,
     f"Error when allocating new name: Invalid container name (-x), only {NAMES} are allowed"),
    ("POST", "/containers/made/start", {"Binds": []}, 400,
     "starting container with non-empty request body was deprecated since API v1.22 and removed " "in v1.24"),
    ("POST", "/containers/still/start", None, 409, "cannot start a paused container, try unpause instead"),
    ("POST", "/containers/made/kill", None, 409, "cannot kill container: made: container {made} is not running"),
    ("POST", "/containers/box/kill?signal=ODD", None, 400,
     "cannot kill container: box: invalid signal: ODD"),
    ("POST", "/containers/made/pause", None, 409, NOT_RUNNING),
    ("POST", "/containers/still/pause", None, 409, "Container {still} is already paused"),
    ("POST", "/containers/box/unpause", None, 500, "Container {box} is not paused"),
    ("POST", "/containers/made/resize?h=1&w=1", None, 409, NOT_RUNNING),
    ("POST", "/containers/box/resize?h=x&w=1", None, 400, 'invalid resize height "x": invalid syntax'),
    ("GET", "/containers/made/top", None, 409, NOT_RUNNING),
    ("POST", "/containers/made/wait?condition=x", None, 400, 'invalid condition: "x"'),
    ("DELETE", "/containers/box", None, 409, 'cannot remove container "box": container is running: '
     "stop the container before removing or force remove"),
    ("DELETE", "/containers/still", None, 409, 'cannot remove container "still": container is '
     "paused and must be unpaused first"),
    ("GET", "/containers/made/logs", None, 400, "Bad parameters: you must choose at least one stream"),
    ("GET", "/containers/mute/logs?stdout=1", None, 501, "configured logging driver does not support reading"),
    ("GET", "/containers/box/stats?stream=1&one-shot=1", None, 400, "cannot have stream=true and one-shot=true"),
    ("GET", "/containers/made/archive?path=/nope", None, 404, "Could not find the file /nope in container made"),
    ("GET", "/containers/json?filters=x", None, 400, "invalid filter"),
    ("GET", '/containers/json?filters={"odd":["x"]}', None, 400, "invalid filter 'odd'"),
    ("GET", '/containers/json?filters={"status":["x"]}', None, 400, "invalid filter 'status=x'"),
    ("POST", "/containers/made/exec", EXEC, 409, NOT_RUNNING),
    ("POST", "/containers/still/exec", EXEC, 409, "Container {still} is paused, unpause the container before exec"),
    ("POST", "/containers/again/exec", EXEC, 409,
     "Container {again} is restarting, wait until the container is running"),
    ("POST", "/containers/box/exec", {"Cmd": []}, 400, "No exec command specified"),
    ("POST", "/exec/nothere/start", {}, 404, "No such exec instance: nothere"),
    ("GET", "/volumes/nothere", None, 404, "get nothere: no such volume"),
    ("DELETE", "/volumes/nothere", None, 404, "get nothere: no such volume"),
    ("DELETE", "/volumes/used", None, 409, "remove used: volume is in use - [{box}, {solid}]"),
    ("POST", "/volumes/create", {"Name": "X!"}, 400, f'create X!: "X!" includes invalid characters '
     f'for a local volume name, only "{NAMES}" are allowed. If you intended to pass a host '
     "directory, use absolute path"),
    ("PUT", "/volumes/used", {}, 503, "volume update only valid for cluster volumes, but swarm is unavailable"),
    ("GET", "/images/nothere/json", None, 404, "No such image: nothere:latest"),
    ("DELETE", "/images/nothere", None, 404, "No such image: nothere:latest"),
    ("GET", "/system/df?type=x", None, 400, "unknown object type: x"),
    ("GET", "/events?since=20&until=10", None, 400, "`since` time (20) cannot be after `until` time (10)"),
    ("GET", "/containers/made/checkpoints", None, 501, "This experimental feature is disabled by "
     "default. Start the Docker daemon in experimental mode in order to enable it."),
    ("GET", "/nope", None, 404, "page not found"),
    ("PUT", "/containers/json", None, 404, "page not found"),
    ("GET", "/services", None, 503, 'This node is not a swarm manager. Use "docker swarm init" or '
     '"docker swarm join" to connect this node to swarm and try again.'),
    ("POST", "/swarm/leave", None, 503, "This node is not part of a swarm"),
]

# Attach answers before its upgrade: a plain status and text.
ATTACH = [
    ("still", "", 409, "container {still} is paused, unpause the container before attach"),
    ("again", "", 409, "container {again} is restarting, wait until the container is running"),
    ("box", "&detachKeys=ctrl-", 400, "Invalid detach keys (ctrl-) provided"),
]

# Create requests of older versions: version, body, status, message.
GATES = [
    ("1.43", {"NetworkingConfig": {"EndpointsConfig": {"a": {}, "b": {}}}}, 400,
     "Container cannot be created with multiple network endpoints: a, b"),
    ("1.44", host(Mounts=[dict(BIND, Type="volume", Source="v", VolumeOptions={"Subpath": "s"})]), 400,
     "VolumeOptions.Subpath needs API v1.45 or newer"),
    ("1.47", host(Mounts=[dict(BIND, Type="image", Source=BB)]), 400, 'Mount type "Image" needs API v1.48 or newer'),
]


@not_oracle("messages of API 1.51")
class TestMessages(E2E):
    time_limit = 120

    def told(self, got, status, message, plain=False, **names):
        """The status, a body with nothing but the message, and the message letter by letter."""
        message = re.sub(r"\{(\w+)\}", lambda m: names[m[1]], message)
        self.assertEqual((got.status, got.message.rstrip("\r\n") if plain else got.message),
                         (status, message))
        if not plain:
            self.assertEqual(got.headers.get("content-type"), "application/json", got)
            self.assertEqual((list(got.json()), got.body[-1:]), (["message"], b"\n"))

    def containers(self):
        """One container in each state, by name."""
        again = self.run_("exit 1", name="again", **host(RestartPolicy={"Name": "always"}))
        ids = {"again": again, "box": self.run_(name="box", **host(Binds=["used:/v"])),
               "made": self.create(name="made"), "still": self.run_(name="still"),
               "lost": self.create(name="lost", User="lost"),
               "mute": self.create(name="mute", **host(LogConfig={"Type": "none"})),
               "solid": self.create(name="solid", **host(ReadonlyRootfs=True, Binds=["used:/v:ro"]))}
        self.api.ok("POST", "/containers/still/pause", status=204)
        self.addCleanup(self.api.delete, "/volumes/used", force=1)
        self.addCleanup(self.remove_all)
        return ids

    def restarting(self):
        """Wait until "again" sleeps before a restart that is more than a second away."""
        wait_for(lambda: (lambda one: one["RestartCount"] > 3 and one["State"]["Restarting"])(
            self.api.inspect("again")), 60, "a long pause before a restart")

    def test_create(self):
        for body, status, message in CREATE:
            with self.subTest(body=body):
                got = self.api.post("/containers/create", dict({"Image": BB, "Cmd": ["true"]}, **body))
                self.told(got, status, message)

    def test_calls(self):
        ids = self.containers()
        ids.update(arch=images.ARCH, image=self.api.ok("GET", f"/images/{BB}/json")["Id"][7:19])
        for method, path, body, status, message in CALLS:
            with self.subTest(call=f"{method} {path}"):
                if "/again/" in path:
                    self.restarting()
                self.told(self.api.call(method, quote(path, safe="/?=&:,"), body), status, message, **ids)

    def test_images_in_use(self):
        image = self.api.ok("GET", f"/images/{BB}/json")["Id"][7:19]
        made = self.create()
        for path, message in (
                (f"/images/{BB}", f'unable to remove repository reference "{BB}" (must force) - '
                 f"container {made[:12]} is using its referenced image {image}"),
                (f"/images/{image}", f"unable to delete {image} (must be forced) - "
                 f"image is being used by stopped container {made[:12]}")):
            self.told(self.api.delete(path), 409, f"conflict: {message}")
        self.api.start(made)
        self.told(self.api.delete(f"/images/{image}", force=1), 409, f"conflict: unable to delete "
                  f"{image} (cannot be forced) - image is being used by running container {made[:12]}")
        self.api.ok("POST", f"/images/{BB}/tag", repo="other", tag="1", status=201)
        self.addCleanup(self.api.delete, "/images/other:1")
        self.api.remove(made)
        self.told(self.api.delete(f"/images/{image}"), 409, f"conflict: unable to delete {image} "
                  "(must be forced) - image is referenced in multiple repositories")

    def test_attach(self):
        ids = self.containers()
        for name, more, status, message in ATTACH:
            with self.subTest(name=name, more=more):
                if name == "again":
                    self.restarting()
                got = self.api.post(f"/containers/{name}/attach?stream=1&stdout=1{more}")
                self.told(got, status, message, plain=True, **ids)

    def test_exec_once(self):
        box = self.run_(name="box")
        made = self.api.ok("POST", f"/containers/{box}/exec", EXEC, status=201)["Id"]
        self.api.ok("POST", f"/exec/{made}/start", {"Detach": True}, status=200)
        wait_for(lambda: not self.api.ok("GET", f"/exec/{made}/json")["Running"], 10, "its end")
        self.told(self.api.post(f"/exec/{made}/start", {"Detach": True}), 409,
                  f"exec command {made} has already run")

    def test_archive(self):
        self.containers()
        for name, path, status, message in (
                ("made", "/etc/passwd", 400, "extraction point is not a directory"),
                ("made", "/nope", 404, "Could not find the file /nope in container made"),
                ("solid", "/tmp", 400, "container rootfs is marked read-only"),
                ("solid", "/v", 400, "mounted volume is marked read-only")):
            with self.subTest(name=name, path=path):
                got = self.api.call("PUT", f"/containers/{name}/archive?path={path}", images.tar([images.member("f", "x")]),
                                    headers={"Content-Type": "application/x-tar"})
                self.told(got, status, message)

    def test_lookup(self):
        """A prefix of several ids is not a container."""
        seen = {}
        for _ in range(17):
            made = self.create()
            if made[0] in seen:
                break
            seen[made[0]] = made
        self.told(self.api.get(f"/containers/{made[0]}/json"), 400,
                  f"multiple IDs found with provided prefix: {made[0]}")

    def test_port_taken(self):
        """The container stays created, with the runtime's code for what did not start."""
        def ports(port):
            return host(PortBindings={"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]})

        def start(name, port):
            made = self.create(name=name, ExposedPorts={"80/tcp": {}}, **ports(port))
            return made, self.api.post(f"/containers/{made}/start")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
            made, got = start("bb", port)
            message = re.sub(r":172[0-9.]+:", ":IP:", re.sub(r"\([0-9a-f]{64}\)", "(EP)", got.message))
            self.assertEqual((got.status, message), (
                500, "failed to set up container networking: driver failed programming external "
                f"connectivity on endpoint bb (EP): failed to bind host port for 127.0.0.1:{port}:IP:"
                "80/tcp: address already in use"))
            state = self.api.inspect(made)["State"]
            self.assertEqual((state["Status"], state["ExitCode"]), ("created", 128))
        self.assertEqual(start("cc", port)[1].status, 204)
        message = re.sub(r"\([0-9a-f]{64}\)", "(EP)", start("dd", port)[1].message)
        self.assertEqual(message, "failed to set up container networking: driver failed programming "
                         f"external connectivity on endpoint dd (EP): Bind for 127.0.0.1:{port} failed: "
                         "port is already allocated")

    def test_gates(self):
        for version, body, status, message in GATES:
            with self.subTest(version=version):
                api = Api(self.daemon.sock, version)
                self.told(api.post("/containers/create", dict(body, Image=BB, Cmd=["true"])), status,
                          message)
        for version, message in (
                ("1.99", "client version 1.99 is too new. Maximum supported API version is 1.51"),
                ("1.23", "client version 1.23 is too old. Minimum supported API version is 1.24, "
                 "please upgrade your client to a newer version")):
            got = Api(self.daemon.sock, version).get("/info")
            self.told(got, 400, message, plain=version == "1.23")
