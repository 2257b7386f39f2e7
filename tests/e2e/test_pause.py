# SPDX-License-Identifier: Apache-2.0
"""Pause and unpause: what stops, what is refused meanwhile, and every way out of it."""

import json
import time

from harness.case import CTX, E2E, not_oracle, wait_for

COUNT = "trap 'exit 3' TERM; i=0; while :; do i=$((i+1)); echo >>/n; sleep 0.02; done"


class Pause(E2E):
    def setUp(self):
        self.ref = self.run_(COUNT, name="box")
        wait_for(lambda: self.count() > 3, 5, "it counts")

    def count(self):
        got = self.api.get(f"/containers/{self.ref}/archive", path_="/n")
        if got.status != 200:
            return 0
        return int(got.body[124:135], 8)        # its size: a byte each time

    def post(self, verb, status=204, words="", **parts):
        got = self.api.post(f"/containers/box/{verb}", **parts)
        self.assertEqual(got.status, status, got)
        if words:
            self.assertIn(words, json.loads(got.body)["message"])

    def state(self):
        return self.api.inspect("box")["State"]


class TestPause(Pause):
    def test_stands_still(self):
        self.post("pause")
        got = self.state()
        self.assertEqual((got["Status"], got["Running"], got["Paused"]), ("paused", True, True))
        before = self.count()
        time.sleep(0.3)
        self.assertEqual(self.count(), before)
        one = self.api.ok("GET", "/containers/json")[0]
        self.assertEqual(one["State"], "paused")
        self.assertRegex(one["Status"], r"^Up .* \(Paused\)$")
        self.assertEqual(len(self.api.ok("GET", "/containers/json", filters={"status": ["paused"]})), 1)
        self.post("unpause")
        self.assertEqual(self.state()["Status"], "running")
        wait_for(lambda: self.count() > before + 2, 5, "it counts on")

    def test_refusals(self):
        self.post("unpause", 500, f"Container {self.ref} is not paused")
        self.post("pause")
        self.post("pause", 409, f"Container {self.ref} is already paused")
        self.post("start", 409, "cannot start a paused container, try unpause instead")
        got = self.api.post("/containers/box/exec", {"Cmd": ["true"]})
        self.assertEqual(got.status, 409)
        self.assertIn("is paused, unpause the container before exec", json.loads(got.body)["message"])
        got = self.api.delete("/containers/box")
        self.assertEqual(got.status, 409)
        self.assertIn("paused container" if CTX.is_oracle else "paused and must be unpaused first", json.loads(got.body)["message"])
        self.post("unpause")
        self.post("stop", t=5)
        self.post("pause", 409, f"ontainer {self.ref} is not running")
        self.assertEqual(self.api.post("/containers/none/pause").status, 404)

    def test_stop(self):
        self.post("pause")
        begun = time.monotonic()
        self.post("stop", t=30)
        self.assertLess(time.monotonic() - begun, 20)
        got = self.state()
        self.assertEqual((got["Status"], got["ExitCode"], got["Paused"]), ("exited", 3, False))

    def test_kill(self):
        self.post("pause")
        self.post("kill")
        wait_for(lambda: self.state()["Status"] == "exited", 5, "it ended")
        self.assertEqual(self.state()["ExitCode"], 137)

    @not_oracle("it forgets the pause a moment later")
    def test_other_signals(self):
        self.post("pause")
        self.post("kill", signal="CONT")
        self.assertEqual(self.state()["Status"], "running")
        ref = self.run_(COUNT, StopSignal="TERM")
        self.api.ok("POST", f"/containers/{ref}/pause")
        self.api.ok("POST", f"/containers/{ref}/kill", signal="CONT")
        self.assertEqual(self.api.inspect(ref)["State"]["Status"], "paused")

    def test_restart(self):
        self.post("pause")
        self.post("restart", t=8)
        self.assertEqual(self.state()["Status"], "running")

    def test_removed_by_force(self):
        self.post("pause")
        got = self.api.delete("/containers/box", force=1)
        self.assertEqual(got.status, 204, got)

    def test_client(self):
        self.assertEqual(self.docker.ok("pause", "box"), "box")
        self.assertIn("(Paused)", self.docker.ok("ps", "--format", "{{.Status}}"))
        self.assertEqual(self.docker.ok("unpause", "box"), "box")

    @not_oracle("it does not outlive the daemon there")
    def test_outlives_the_daemon(self):
        self.post("pause")
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.state()["Status"], "paused")
        before = self.count()
        self.post("unpause")
        wait_for(lambda: self.count() > before, 5, "it counts on")

    @not_oracle("it answers before it is so")
    def test_many_times(self):
        for _ in range(20):
            self.post("pause")
            self.post("unpause")
        before = self.count()
        wait_for(lambda: self.count() > before, 5, "it counts on")


class TestUpdate(E2E):
    def update(self, ref, status=200, words="", **body):
        got = self.api.post(f"/containers/{ref}/update", body)
        self.assertEqual(got.status, status, got)
        if status == 200:
            self.assertIsNone(json.loads(got.body)["Warnings"])
        self.assertIn(words, got.body.decode())

    def group(self, ref, controller, name):
        """The container's own file of its control group, as it sees it itself."""
        got = self.docker("exec", ref, "cat", f"/sys/fs/cgroup/{controller}/{name}".replace("//", "/"))
        if got.code != 0:
            self.skipTest(f"no such controller: {got!r}")
        return got.out.strip()

    def limits(self, ref, **want):
        """What the kernel holds it to: memory, swap (both together), shares, quota, pids, cpus."""
        if self.api.ok("GET", "/info").get("CgroupVersion") != "2":
            names = {"memory": ("memory", "memory.limit_in_bytes"),
                     "swap": ("memory", "memory.memsw.limit_in_bytes"), "shares": ("cpu", "cpu.shares"),
                     "quota": ("cpu", "cpu.cfs_quota_us"), "pids": ("pids", "pids.max"),
                     "cpus": ("cpuset", "cpuset.cpus")}
            for what, value in want.items():
                self.assertEqual(self.group(ref, *names[what]), str(value), what)
            return
        names = {"memory": "memory.max", "swap": "memory.swap.max", "shares": "cpu.weight",
                 "quota": "cpu.max", "pids": "pids.max", "cpus": "cpuset.cpus"}
        for what, value in want.items():
            got = self.group(ref, "", names[what]).split()[0]
            if what == "swap":          # there without the memory
                value -= int(self.group(ref, "", "memory.max"))
            if what == "shares":        # 2…262144 as 1…10000, by the line or by newer runtimes' curve
                self.assertIn(int(got), (1 + (value - 2) * 9999 // 262142, {512: 59}.get(value)), what)
                continue
            self.assertEqual(got, str(value), what)

    def test_limits_of_a_running_container(self):
        ref = self.run_(COUNT, HostConfig={"Memory": 64 << 20, "MemorySwap": 128 << 20})
        self.update(ref, Memory=32 << 20, CpuShares=512, CpuQuota=50000, CpuPeriod=100000, PidsLimit=77,
                    CpusetCpus="0")
        got = self.api.inspect(ref)["HostConfig"]
        self.assertEqual((got["Memory"], got["CpuShares"], got["CpuQuota"], got["PidsLimit"], got["CpusetCpus"]),
                         (32 << 20, 512, 50000, 77, "0"))
        self.limits(ref, memory=32 << 20, shares=512, quota=50000, pids=77, cpus=0)
        self.update(ref, Memory=256 << 20, MemorySwap=512 << 20)
        self.limits(ref, memory=256 << 20)
        self.update(ref, MemorySwap=-1)
        self.update(ref, Memory=16 << 20, MemorySwap=32 << 20)
        self.limits(ref, swap=32 << 20)

    def test_outlive_a_restart(self):
        ref = self.create(COUNT)
        self.update(ref, Memory=48 << 20, MemorySwap=48 << 20)
        self.api.ok("POST", f"/containers/{ref}/start")
        self.limits(ref, memory=48 << 20)

    def test_refusals(self):
        ref = self.run_(COUNT, HostConfig={"NanoCpus": 500000000, "Memory": 64 << 20})
        self.update(ref, 400, "Minimum memory limit allowed is 6MB", Memory=1000)
        self.update(ref, 409, "CPU Quota cannot be updated as NanoCPUs has already been set", CpuQuota=5000)
        self.update(ref, 409, "Memory limit should be smaller than already set memoryswap limit",
                    Memory=512 << 20)
        self.update(ref, 400, "invalid restart policy" if not CTX.is_oracle else "",
                    RestartPolicy={"Name": "sometimes"})
        self.assertEqual(self.api.post("/containers/none/update", {}).status, 404)
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["Memory"], 64 << 20)
        self.update(ref, NanoCpus=1000000000)
        self.limits(ref, quota=100000)

    def test_restart_policy(self):
        ref = self.run_(COUNT)
        self.update(ref, RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 3})
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["RestartPolicy"],
                         {"Name": "on-failure", "MaximumRetryCount": 3})

    def test_client(self):
        ref = self.run_(COUNT, name="box")
        self.assertEqual(self.docker.ok("update", "--cpu-shares", "300", "--memory", "64m",
                                        "--memory-swap", "64m", "box"), "box")
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["Memory"], 64 << 20)
        self.docker.ok("update", "--restart", "always", "box")
        self.docker.ok("update", "--restart", "no", "box")
