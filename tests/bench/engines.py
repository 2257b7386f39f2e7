# SPDX-License-Identifier: Apache-2.0
"""The two engines as processes, their API as calls, and what a run has: work folder, helper, image."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from urllib.parse import quote

import images
import isolate

IMAGE = "bench/busybox:latest"


class Failed(Exception):
    """A measurement could not be made."""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("bench", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Api:
    """Calls on one kept-alive connection."""

    def __init__(self, path, timeout=120):
        self.conn = UnixConnection(path, timeout)

    def call(self, method, path, body=None, kind="application/json"):
        if body is not None and not isinstance(body, (bytes, str)) and not hasattr(body, "read"):
            body = json.dumps(body)
        headers = {"Content-Type": kind} if body is not None else {}
        self.conn.request(method, path, body, headers)
        answer = self.conn.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise Failed(f"{method} {path}: {answer.status} {data.decode(errors='replace')[:200]}")
        return data

    def ask(self, method, path, body=None):
        data = self.call(method, path, body)
        return json.loads(data) if data else None

    def create(self, cmd, network="none", **more):
        body = {"Image": IMAGE, "Cmd": cmd, "HostConfig": {"NetworkMode": network}}
        body["HostConfig"].update(more.pop("host", {}))
        body.update(more)
        return self.ask("POST", "/containers/create", body)["Id"]

    def start(self, cid):
        self.call("POST", f"/containers/{cid}/start")

    def run(self, cmd, network="none", **more):
        cid = self.create(cmd, network, **more)
        self.start(cid)
        return cid

    def wait(self, cid):
        return self.ask("POST", f"/containers/{cid}/wait")["StatusCode"]

    def remove(self, cid):
        self.call("DELETE", f"/containers/{cid}?force=1")

    def remove_all(self):
        for item in self.ask("GET", "/containers/json?all=1"):
            self.remove(item["Id"])

    def close(self):
        self.conn.close()


class Engine:
    """One daemon. Its processes are known by the programs they run: no other engine is in the namespace."""

    name = ""
    programs = ()

    def __init__(self, bench, program, tag=""):
        self.bench, self.program = bench, program
        self.root = os.path.join(bench.work, self.name + tag)
        os.makedirs(self.root, exist_ok=True)
        self.sock = os.path.join(self.root, "s")
        self.log = os.path.join(bench.work, f"{self.name}{tag}.log")
        self.process = None
        with open(os.path.join(self.root, "config.json"), "w") as f:
            f.write("{}\n")

    def argv(self):
        root = self.root
        return [self.program, "--config-file", f"{root}/config.json", "--data-root", f"{root}/data",
                "--exec-root", f"{root}/exec", "--pidfile", f"{root}/pid", "-H", f"unix://{self.sock}",
                "--cgroup-parent", isolate.cgroup_parent(self.bench.work)] + self.own_flags()

    def own_flags(self):
        return []

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        end = time.monotonic() + 60
        while True:
            try:
                api = self.api()
                api.call("GET", "/_ping")
                api.close()
                return self
            except (OSError, Failed, http.client.HTTPException):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Failed(f"{self.name} does not answer:\n{self.last_words()}")
                time.sleep(0.02)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def last_words(self):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-8:])

    def api(self):
        return Api(self.sock)

    def processes(self):
        """pid → program of the engine's own processes; what runs in containers is not among them."""
        found = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    exe = os.readlink(f"/proc/{name}/exe")
                except OSError:
                    continue
                base = os.path.basename(exe.removesuffix(" (deleted)"))
                if base in self.programs:
                    found[int(name)] = base
        return found

    def daemons(self):
        """pids of what runs whether or not there are containers."""
        raise NotImplementedError

    def pss(self, pids=None):
        """Proportional set size of these processes (all of the engine's own), bytes."""
        total = 0
        for pid in self.processes() if pids is None else pids:
            try:
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    for line in f:
                        if line.startswith("Pss:"):
                            total += int(line.split()[1]) * 1024
            except OSError:
                pass
        return total

    def cpu(self):
        """Seconds of processor time its processes have taken."""
        ticks = 0
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/stat") as f:
                    ticks += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
            except OSError:
                pass
        return ticks / os.sysconf("SC_CLK_TCK")

    def load(self, what, *args, timeout=120):
        """One run of the helper against this engine; what it found."""
        return self.bench.load(what, self.sock, *args, timeout=timeout, log=self.log)


class Serind(Engine):
    name = "serind"

    def __init__(self, bench, program, tag=""):
        super().__init__(bench, program, tag)
        self.programs = (os.path.basename(program),)

    def own_flags(self):
        return ["--bridge", "serbench0", "--bip", "10.209.0.1/24"]

    def daemons(self):
        return [self.process.pid]


class Dockerd(Engine):
    name = "dockerd"
    programs = ("dockerd", "containerd", "containerd-shim-runc-v2", "containerd-shim", "docker-proxy")

    def own_flags(self):
        return ["--bip", "10.208.0.1/24"]

    def daemons(self):
        return [pid for pid, name in self.processes().items() if name in ("dockerd", "containerd")]

    def sizes(self):
        """Bytes of the programs a machine needs for it, the OCI runtime left out."""
        names = ("dockerd", "containerd", "containerd-shim-runc-v2", "docker-proxy")
        return {name: os.path.getsize(shutil.which(name)) for name in names if shutil.which(name)}


class Bench:
    """One run: where it works, on which engines, and into which table."""

    def __init__(self, args, work, table):
        self.args, self.work, self.table = args, work, table
        self.quick = args.quick
        self.engines = []
        self.serind = self.dockerd = None
        self.running = False
        self.helper = os.path.join(args.out, "bench", "load")
        self.notes = []
        self.began = time.monotonic()

    def prepare(self):
        os.makedirs(os.path.dirname(self.helper), exist_ok=True)
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load.c")
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", self.helper,
                        source], check=True)
        # As it is installed: a file that the linker has just written is cached, and so mapped, in larger pieces.
        program = os.path.join(self.work, "bin", "serind")
        os.makedirs(os.path.dirname(program))
        subprocess.run(["install", self.args.serind, program], check=True)
        self.serind = Serind(self, program)
        self.engines = [self.serind]
        if self.args.alone:
            self.notes.append("serind alone, as asked")
        elif os.access(self.args.dockerd, os.X_OK) and shutil.which("containerd"):
            self.dockerd = Dockerd(self, self.args.dockerd)
            self.engines.append(self.dockerd)
        else:
            self.notes.append(f"serind alone: {self.args.dockerd} or containerd is not there"
                              " (apt-get install docker.io)")

    def need_engines(self):
        """Both daemons up, the image in both."""
        if self.running:
            return
        archive = images.busybox_archive(self.work, IMAGE)
        for engine in self.engines:
            engine.start()
            api = engine.api()
            with open(archive, "rb") as f:
                api.call("POST", "/images/load", f.read(), "application/x-tar")
            api.close()
        self.running = True

    def load(self, what, *args, timeout=120, log=None):
        """One run of the helper; the object it prints."""
        with open(log or os.devnull, "ab") as err:
            start = err.tell()
            done = subprocess.run([self.helper, what] + [str(a) for a in args], timeout=timeout,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err)
        if done.returncode:
            with open(log or os.devnull, "rb") as f:
                f.seek(start)
                raise Failed(f"load {what}: {f.read().decode(errors='replace').strip()[-300:]}")
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def awake(self):
        """No processor halts meanwhile: waking one costs a guest more than a request, and a busy machine nothing."""
        held = subprocess.Popen([self.helper, "awake"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            held.stdout.readline()
            yield
        finally:
            held.stdin.close()
            held.wait(10)

    def say(self, text):
        print(f"{time.monotonic() - self.began:6.1f}s  {text}", flush=True)

    def close(self):
        for engine in self.engines:
            try:
                if engine.process and engine.process.poll() is None:
                    engine.api().remove_all()
            except (OSError, Failed, http.client.HTTPException):
                pass        # the namespace's end takes them
            engine.stop()


def escaped(text):
    return quote(text, safe="")
