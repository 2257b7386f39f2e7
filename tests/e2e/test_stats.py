# SPDX-License-Identifier: Apache-2.0
"""What containers use and which processes they have: stats and top."""

import json
import os
import shutil
import subprocess
import time
from urllib.parse import urlencode

from harness.case import E2E, Api, Daemon, Docker, needs_host, not_oracle, wait_for
from harness.rawhttp import Conn

BUSY = "trap 'exit 0' TERM; dd if=/dev/zero of=/f bs=1M count=4 2>/dev/null; while :; do :; done"
SLEEP = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


class Stats(E2E):
    def stats(self, ref, **parts):
        got = self.api.get(f"/containers/{ref}/stats", **parts)
        self.assertEqual((got.status, got.headers.get("content-type")), (200, "application/json"), got)
        return json.loads(got.body)

    def quick(self, ref, **parts):
        """It does not wait for a second sample; one of several that is so quick shows it."""
        took = []
        while not took or (min(took) > 0.9 and len(took) < 8):
            begun = time.monotonic()
            got = self.stats(ref, **parts)
            took.append(time.monotonic() - begun)
        self.assertLess(min(took), 0.9)
        return got


class TestStats(Stats):
    def test_two_samples(self):
        ref = self.run_(BUSY, name="busy", HostConfig={"Memory": 64 << 20, "PidsLimit": 50})
        begun = time.monotonic()
        got = self.stats(ref, stream=0)
        self.assertGreater(time.monotonic() - begun, 0.9)
        self.assertEqual((got["name"], got["id"]), ("/busy", ref))
        self.assertEqual(got["pids_stats"]["limit"], 50)
        self.assertGreaterEqual(got["pids_stats"]["current"], 1)
        memory = got["memory_stats"]
        self.assertEqual(memory["limit"], 64 << 20)
        self.assertGreater(memory["usage"], 1 << 20)
        self.assertTrue({"total_inactive_file", "inactive_file"} & set(memory["stats"]))
        cpu, before = got["cpu_stats"], got["precpu_stats"]
        used = cpu["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
        machine = cpu["system_cpu_usage"] - before["system_cpu_usage"]
        self.assertGreater(used, 10 ** 6)
        self.assertGreater(machine, used // 2)
        self.assertGreaterEqual(cpu["online_cpus"], 1)
        self.assertIn("throttled_time", cpu["throttling_data"])
        self.assertNotEqual(got["preread"], "0001-01-01T00:00:00Z")
        self.assertLess(got["preread"], got["read"])

    def test_one_shot(self):
        ref = self.run_(SLEEP)
        got = self.quick(ref, stream=0, one_shot=1)
        self.assertEqual(got["precpu_stats"]["cpu_usage"]["total_usage"], 0)
        self.assertEqual(got["preread"], "0001-01-01T00:00:00Z")
        self.assertGreater(got["memory_stats"]["limit"], 64 << 20)
        if self.api.ok("GET", "/info")["CgroupVersion"] == "1":
            self.assertNotIn("limit", got["pids_stats"])
        got = self.api.get(f"/containers/{ref}/stats", stream=1, one_shot=1)
        self.assertEqual(got.status, 400)
        self.assertIn("cannot have stream=true and one-shot=true", json.loads(got.body)["message"])

    def test_networks(self):
        ref = self.run_(SLEEP)
        got = self.stats(ref, stream=0, one_shot=1)["networks"]
        self.assertEqual(list(got), ["eth0"])
        self.assertEqual(set(got["eth0"]), {f"{d}_{k}" for d in ("rx", "tx")
                                            for k in ("bytes", "packets", "errors", "dropped")})
        for mode in ("none", "host"):
            ref = self.run_(SLEEP, HostConfig={"NetworkMode": mode})
            self.assertNotIn("networks", self.stats(ref, stream=0, one_shot=1))

    def test_stopped(self):
        ref = self.create("true", name="still")
        got = self.quick(ref, stream=0)
        self.assertEqual((got["name"], got["id"]), ("/still", ref))
        self.assertEqual((got["memory_stats"], got["pids_stats"]), ({}, {}))
        self.assertEqual(got["cpu_stats"]["cpu_usage"]["total_usage"], 0)
        self.assertEqual(got["read"], "0001-01-01T00:00:00Z")
        self.assertEqual(self.api.get("/containers/none/stats", stream=0).status, 404)

    def test_stream(self):
        ref = self.run_(SLEEP)
        child = self.docker.popen("stats", "--no-trunc", "--format", "{{.ID}} {{.MemUsage}}", ref)
        said = b""
        while ref.encode() not in said:
            more = os.read(child.stdout.fileno(), 65536)
            self.assertTrue(more, said)
            said += more
        child.kill()

    def test_client(self):
        self.run_(BUSY, name="busy", HostConfig={"Memory": 64 << 20})
        line = self.docker.ok("stats", "--no-stream", "--format",
                              "{{.Name}}|{{.CPUPerc}}|{{.MemUsage}}|{{.PIDs}}|{{.NetIO}}|{{.BlockIO}}")
        name, cpu, memory, pids, net, _ = line.split("|")
        self.assertEqual(name, "busy")
        self.assertGreater(float(cpu.rstrip("%")), 0)
        self.assertTrue(memory.endswith("/ 64MiB"), memory)
        self.assertGreaterEqual(int(pids), 1)
        self.assertIn("/", net)

    @not_oracle("it goes on")
    def test_stream_ends_with_the_container(self):
        ref = self.run_(SLEEP)
        conn = Conn(self.daemon.sock, 20)
        self.addCleanup(conn.close)
        conn.request("GET", f"{self.api.prefix}/containers/{ref}/stats")
        self.assertEqual(conn.head().status, 200)
        for _ in range(2):
            self.assertEqual(json.loads(conn.chunk())["id"], ref)
        self.api.remove(ref)
        while conn.chunk():         # ends
            pass


class TestTop(E2E):
    def top(self, ref, ps_args=None):
        return self.api.ok("GET", f"/containers/{ref}/top" + self.args(ps_args))

    @staticmethod
    def args(ps_args):
        return "?" + urlencode({"ps_args": ps_args}) if ps_args else ""

    def test_columns(self):
        ref = self.run_("sleep 1234 & sleep 5678 & wait", name="box")
        def both():
            got = self.top(ref)
            return got if sum(row[-1].startswith("sleep") for row in got["Processes"]) == 2 else None
        got = wait_for(both, 5, "its processes")
        self.assertEqual(got["Titles"], ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
        for row in got["Processes"]:
            self.assertEqual(len(row), 8)
        commands = sorted(row[7] for row in got["Processes"])
        self.assertEqual(commands, ["sh -c sleep 1234 & sleep 5678 & wait", "sleep 1234", "sleep 5678"])
        pid = self.api.inspect(ref)["State"]["Pid"]
        self.assertIn(str(pid), [row[1] for row in got["Processes"]])

    @needs_host     # which has a ps
    def test_arguments(self):
        ref = self.run_("sleep 1234 & sleep 5678 & wait")
        wait_for(lambda: sum(row[7].startswith("sleep") for row in self.top(ref)["Processes"]) == 2, 5,
                 "its processes")
        self.assertEqual(self.top(ref, ps_args="aux")["Titles"][:3], ["USER", "PID", "%CPU"])
        got = self.top(ref, ps_args="-o pid,comm")
        self.assertEqual(got["Titles"], ["PID", "COMMAND"])
        self.assertEqual(sorted(row[1] for row in got["Processes"]), ["sh", "sleep", "sleep"])
        got = self.docker.ok("top", ref, "-o", "pid,args")
        self.assertIn("sleep 5678", got)

    def test_exec_is_seen(self):
        ref = self.run_(SLEEP)
        self.docker.ok("exec", "-d", ref, "sleep", "4321")
        wait_for(lambda: [r for r in self.top(ref)["Processes"] if r[7] == "sleep 4321"], 5, "the exec")

    @needs_host     # which has a ps
    def test_errors(self):
        ref = self.run_(SLEEP)
        for args, status, words in (
                ("-o comm", 500, "Couldn't find PID field in ps output"),
                ("--nonsense", (400, 500), ""),
                ("-o pid= -o ppid=PID", (400, 500), "is not allowed")):
            got = self.api.get(f"/containers/{ref}/top" + self.args(args))
            self.assertIn(got.status, status if isinstance(status, tuple) else (status,), got)
            self.assertIn(words, json.loads(got.body)["message"])
        ref = self.create("true")
        got = self.api.get(f"/containers/{ref}/top")
        self.assertEqual(got.status, 409, got)
        self.assertIn(f"ontainer {ref} is not running", json.loads(got.body)["message"])


@not_oracle("it needs a ps")
@needs_host
class TestTopWithoutPs(E2E):
    """The daemon finds no ps, as in the guest image: its own answers. `small` is a ps that knows
    no options, as there are some."""

    script = "sleep 1234 & sleep 5678 & wait"

    @classmethod
    def bring_up(cls):
        cls.daemon = Daemon()
        cls.bin = os.path.join(cls.daemon.root, "bin")
        os.makedirs(cls.bin)
        os.symlink(shutil.which("runc"), os.path.join(cls.bin, "runc"))
        cls.daemon.start(env={"PATH": cls.bin})
        cls.api = Api(cls.daemon.sock)
        cls.docker = Docker(cls.daemon.sock)
        cls.load_base(cls.api)

    def top(self, ref, ps_args):
        return self.api.get(f"/containers/{ref}/top?" + urlencode({"ps_args": ps_args}))

    def both(self):
        """A container in which everything has begun."""
        ref = self.run_(self.script)
        wait_for(lambda: sum(row[0] == "sleep" for row in json.loads(
            self.top(ref, "-o comm=,pid").body)["Processes"]) == 2, 5, "its processes")
        return ref

    def test_as_ps_says(self):
        """The same titles and, where nothing changes meanwhile, the same words as procps has."""
        ref = self.both()
        pids = sorted(row[0] for row in json.loads(self.top(ref, "-o pid").body)["Processes"])
        columns = ("pid,ppid,pgid,sid,tty,uid,gid,ruid,user,group,comm,vsz,sz,ni,pri,priority,"
                   "nlwp,cls,rtprio,f,time,bsdtime,times,lstart,args")
        for args in ("-ef", "-e", "-F", "-l", "-ly", "-fl", "-j", "aux", "ax", "axl", "axj",
                     f"-eo {columns}", f"axo {columns}", "-o pid=,comm=WHAT -o pid", "--format pid,tid"):
            with self.subTest(args=args):
                got = self.top(ref, args)
                self.assertEqual(got.status, 200, got)
                got = json.loads(got.body)
                there = subprocess.run(["ps", *args.split(), "-q", ",".join(pids)], capture_output=True,
                                       text=True, check=True).stdout.splitlines()
                self.assertEqual(" ".join(got["Titles"]).split(), there[0].split())
                self.assertEqual(len(got["Processes"]), 3)
        at = json.loads(self.top(ref, f"-eo {columns}").body)
        there = subprocess.run(["ps", "ww", "-o", columns, "-q", ",".join(pids)], capture_output=True, text=True,
                               check=True).stdout.splitlines()[1:]
        self.assertEqual(sorted(" ".join(row).split() for row in at["Processes"]),
                         sorted(line.split() for line in there))

    def test_client(self):
        ref = self.both()
        got = self.docker.ok("top", ref, "-o", "pid,args")
        self.assertIn("sleep 5678", got)
        self.assertEqual(got.splitlines()[0].split(), ["PID", "COMMAND"])

    def test_errors(self):
        ref = self.both()
        for args, status, words in (
                ("-o comm", 500, "Couldn't find PID field in ps output"),
                ("-o pid=WHO", 500, "Couldn't find PID field in ps output"),
                ("-o pid,nope", 400, 'unknown user-defined format specifier "nope"'),
                ("-o", 400, "improper format list"),
                ("-o pid,,", 400, "improper format list"),
                ("u -o pid", 400, "conflicting format options"),
                ("-o ppid=PID", 400, "is not allowed"),
                ("-L", 501, 'serind\'s own does not know "-L"'),
                ("--nonsense", 501, 'serind\'s own does not know "--nonsense"'),
                ("-o " + ",".join(["pid"] * 100), 400, "columns")):
            with self.subTest(args=args):
                got = self.top(ref, args)
                self.assertEqual(got.status, status, got)
                self.assertIn(words, json.loads(got.body)["message"])

    def test_small_ps(self):
        """One that does not know what is asked for, and ours does."""
        ref = self.both()
        path = os.path.join(self.bin, "ps")
        with open(path, "w") as f:
            f.write("#!/bin/sh\necho 'ps: invalid option' >&2\nexit 1\n")
        os.chmod(path, 0o755)
        self.addCleanup(os.unlink, path)
        got = self.top(ref, "-eo pid,comm")
        self.assertEqual(got.status, 200, got)
        self.assertEqual(json.loads(got.body)["Titles"], ["PID", "COMMAND"])
        got = self.top(ref, "-L")
        self.assertEqual(got.status, 500, got)
        self.assertIn("ps: invalid option", json.loads(got.body)["message"])
