# SPDX-License-Identifier: Apache-2.0
"""Limits: what the control group of a running container says, what is refused, what is told."""

import os
import random
import re
import time

from harness.case import BB, CTX, E2E, not_oracle, wait_for

MB = 1 << 20


class Limits(E2E):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        info = cls.info()
        cls.v1, cls.cpus = info["CgroupVersion"] == "1", info["NCPU"]

    def controller(self, name):
        return self.machine().exists(f"/sys/fs/cgroup/{name}")

    def block_device(self):
        """(path, "major:minor") of a disk there; None when there is none."""
        machine = self.machine()
        for name in machine.names("/sys/block"):
            found = machine.device(f"/dev/{name}")
            if not name.startswith(("loop", "ram", "zram")) and found and found[0] == "b":
                return f"/dev/{name}", found[1]
        return None

    def made(self, status=201, cmd="sleep 1000", **host):
        got = self.api.post("/containers/create", {"Image": BB, "Cmd": ["sh", "-c", cmd], "HostConfig": host})
        self.assertEqual(got.status, status, got)
        return got.json()

    def runs(self, **host):
        ref = self.made(**host)["Id"]
        self.api.start(ref)
        return ref

    def bad(self, message, **host):
        self.gives(400, message, "POST", "/containers/create", {"Image": BB, "Cmd": ["true"], "HostConfig": host})


class TestMemory(Limits):
    def test_all(self):
        ref = self.runs(Memory=64 * MB, MemorySwap=96 * MB, MemoryReservation=32 * MB)
        self.assertEqual(self.group(ref, "memory/memory.limit_in_bytes", "memory.max"), str(64 * MB))
        self.assertEqual(self.group(ref, "memory/memory.soft_limit_in_bytes", "memory.low"), str(32 * MB))
        self.assertEqual(self.group(ref, "memory/memory.memsw.limit_in_bytes", "memory.swap.max"),
                         str((96 if self.v1 else 32) * MB))

    def test_swap_defaults(self):
        ref = self.runs(Memory=64 * MB)
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["MemorySwap"], 128 * MB)
        self.assertEqual(self.group(ref, "memory/memory.memsw.limit_in_bytes", "memory.swap.max"),
                         str((128 if self.v1 else 64) * MB))
        ref = self.runs(Memory=64 * MB, MemorySwap=-1)
        self.assertIn(self.group(ref, "memory/memory.memsw.limit_in_bytes", "memory.swap.max"),
                      ("9223372036854771712", "max"))

    def test_swappiness(self):
        got = self.made(MemorySwappiness=17)
        if not self.v1:
            self.assertEqual(got["Warnings"], ["Your kernel does not support memory swappiness capabilities or the "
                                               "cgroup is not mounted. Memory swappiness discarded."])
            return
        self.api.start(got["Id"])
        self.assertEqual(self.group(got["Id"], "memory/memory.swappiness", ""), "17")
        self.assertEqual(self.api.inspect(got["Id"])["HostConfig"]["MemorySwappiness"], 17)
        got = self.made(MemorySwappiness=-1)
        self.assertIsNone(self.api.inspect(got["Id"])["HostConfig"]["MemorySwappiness"])
        self.bad("Invalid value: 101, valid memory swappiness range is 0-100", MemorySwappiness=101)

    def test_oom(self):
        ref = self.made()["Id"]
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["OomKillDisable"], False if self.v1 else None)
        got = self.made(OomKillDisable=True)
        if not self.v1:
            self.assertIn("Your kernel does not support OomKillDisable. OomKillDisable discarded.", got["Warnings"])
            return
        self.assertEqual(got["Warnings"], ["OOM killer is disabled for the container, but no memory limit is set, "
                                           "this can result in the system running out of resources."])
        got = self.made(OomKillDisable=True, Memory=64 * MB)
        self.assertEqual(got["Warnings"], [])
        self.api.start(got["Id"])
        self.assertIn("oom_kill_disable 1", self.group(got["Id"], "memory/memory.oom_control", ""))

    def test_oom_score(self):
        self.assertEqual(self.says("cat /proc/self/oom_score_adj", HostConfig={"OomScoreAdj": 321}), "321")
        self.bad("Invalid value 1001, range for oom score adj is [-1000, 1000]", OomScoreAdj=1001)

    def test_kernel_memory(self):
        ref = self.runs(KernelMemoryTCP=8 * MB)     # this runtime does nothing with it
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["KernelMemoryTCP"], 8 * MB)
        old = type(self.api)(self.daemon.sock, "1.41")
        got = old.post("/containers/create", {"Image": BB, "HostConfig": {"KernelMemory": MB}})
        self.assertEqual(got.status, 400 if self.v1 else 201, got)
        self.assertIn("Minimum kernel memory limit allowed is 6MB" if self.v1 else "kernel memory", got.body.decode())

    @not_oracle("it is older")
    def test_kernel_memory_is_gone(self):
        self.assertNotIn("KernelMemory", self.api.inspect(self.made(KernelMemory=MB)["Id"])["HostConfig"])

    def test_shm(self):
        out = self.says("df -k /dev/shm | tail -1", HostConfig={"ShmSize": 3 * MB})
        self.assertRegex(out, r"\b3072\b")
        self.bad("SHM size can not be less than 0", ShmSize=-1)

    def test_bad(self):
        self.bad("Minimum memory limit allowed is 6MB", Memory=5 * MB)
        self.bad("Minimum memory limit allowed is 6MB", Memory=-1)
        self.bad("Minimum memoryswap limit should be larger than memory limit, see usage", Memory=8 * MB,
                 MemorySwap=7 * MB)
        self.bad("You should always set the Memory limit when using Memoryswap limit, see usage", MemorySwap=8 * MB)
        self.bad("Minimum memory reservation allowed is 6MB", MemoryReservation=1)
        self.bad("Minimum memory limit can not be less than memory reservation limit, see usage", Memory=8 * MB,
                 MemoryReservation=9 * MB)


class TestCpu(Limits):
    def test_shares_period_quota(self):
        ref = self.runs(CpuShares=512, CpuPeriod=50000, CpuQuota=20000)
        self.assertEqual(self.group(ref, "cpu/cpu.shares", "cpu.weight"), "512" if self.v1 else "20")
        if self.v1:
            self.assertEqual(self.group(ref, "cpu/cpu.cfs_period_us", ""), "50000")
            self.assertEqual(self.group(ref, "cpu/cpu.cfs_quota_us", ""), "20000")
        else:
            self.assertEqual(self.group(ref, "", "cpu.max"), "20000 50000")

    def test_sets(self):
        ref = self.runs(CpusetCpus="0", CpusetMems="0")
        self.assertEqual(self.group(ref, "cpuset/cpuset.cpus", "cpuset.cpus"), "0")
        self.assertEqual(self.group(ref, "cpuset/cpuset.mems", "cpuset.mems"), "0")
        self.assertEqual(self.inside(ref, "nproc"), "1")
        self.assertEqual(self.allowed(ref), ["0", "0"])
        if self.cpus > 1:
            self.assertEqual(self.allowed(self.runs(CpusetCpus="1")), ["1", "0"])

    def allowed(self, ref):
        """CPUs and nodes, by the word of the kernel to a process."""
        return re.findall(r"_allowed_list:\t(\S+)", self.inside(ref, "cat", "/proc/self/status"))

    def test_a_quota_is_held(self):
        ref = self.made(CpuPeriod=100000, CpuQuota=20000, cmd="while :; do :; done")["Id"]
        self.api.start(ref)

        def throttled():
            return int(re.search(r"nr_throttled (\d+)", self.group(ref, "cpu/cpu.stat", "cpu.stat"))[1])
        wait_for(lambda: throttled() > 2, 10, "it is held back")

    def test_bad_sets(self):
        self.bad("Requested CPUs are not available - requested 4000, available: ", CpusetCpus="4000")
        self.bad("Requested memory nodes are not available - requested 77, available: ", CpusetMems="77")
        self.bad("Invalid value 0-x for cpuset cpus: invalid format: 0-x", CpusetCpus="0-x")
        self.bad("Invalid value a for cpuset mems: invalid format: a", CpusetMems="a")

    def test_bad(self):
        self.bad("Conflicting options: Nano CPUs and CPU Period cannot both be set", NanoCpus=10 ** 9, CpuPeriod=5000)
        self.bad("Conflicting options: Nano CPUs and CPU Quota cannot both be set", NanoCpus=10 ** 9, CpuQuota=5000)
        self.bad(f"ange of CPUs is from 0.01 to {self.cpus}.00, as there are only {self.cpus} CPUs available",
                 NanoCpus=(self.cpus + 1) * 10 ** 9)
        self.bad("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)", CpuPeriod=999)
        self.bad("CPU cfs quota can not be less than 1ms (i.e. 1000)", CpuQuota=10)

    def test_real_time(self):
        if not self.controller("cpu/cpu.rt_period_us"):
            self.bad("Your kernel does not support CPU real-time scheduler", CpuRealtimeRuntime=1000)
            return
        if not CTX.is_oracle:       # 500 there
            self.bad("cpu real-time runtime cannot be higher than cpu real-time period", CpuRealtimePeriod=1000,
                     CpuRealtimeRuntime=2000)
        ref = self.runs(CpuRealtimePeriod=500000)
        self.assertEqual(self.group(ref, "cpu/cpu.rt_period_us", ""), "500000")

    def test_of_other_systems(self):
        got = self.made(CpuPercent=50, CpuCount=2)
        self.assertEqual(got["Warnings"], ["linux does not support CPU percent. Percent discarded."])
        host = self.api.inspect(got["Id"])["HostConfig"]
        self.assertEqual((host["CpuPercent"], host["CpuCount"], host["IOMaximumIOps"], host["IOMaximumBandwidth"]),
                         (0, 2, 0, 0))
        if not CTX.is_oracle:       # 500 there
            self.bad("nvalid QoS settings: linux does not support configuration of maximum IOPs", IOMaximumIOps=5)
            self.bad("nvalid QoS settings: linux does not support configuration of maximum bandwidth",
                     IOMaximumBandwidth=5)


class TestIo(Limits):
    def test_throttles(self):
        path, number = self.block_device() or self.skipTest("no block device")
        asked = {"BlkioDeviceReadBps": 1 << 20, "BlkioDeviceWriteBps": 2 << 20, "BlkioDeviceReadIOps": 300,
                 "BlkioDeviceWriteIOps": 400}
        host = {key: [{"Path": path, "Rate": rate}] for key, rate in asked.items()}
        ref = self.runs(**host)
        if self.v1:
            for key, file in (("BlkioDeviceReadBps", "read_bps"), ("BlkioDeviceWriteBps", "write_bps"),
                              ("BlkioDeviceReadIOps", "read_iops"), ("BlkioDeviceWriteIOps", "write_iops")):
                self.assertEqual(self.group(ref, f"blkio/blkio.throttle.{file}_device", ""), f"{number} {asked[key]}")
        else:
            self.assertEqual(self.group(ref, "", "io.max"), f"{number} rbps=1048576 wbps=2097152 riops=300 wiops=400")
        got = self.api.inspect(ref)["HostConfig"]
        for key in asked:
            self.assertEqual(got[key], host[key])

    def test_a_throttle_is_felt(self):
        path, _ = self.block_device() or self.skipTest("no block device")
        if not self.machine().opens(path):
            self.skipTest("nobody may read it")
        sectors = int(self.machine().read(f"/sys/block/{os.path.basename(path)}/size"))
        at = random.randrange(max(1, (sectors >> 11) - 4))      # nobody has read it yet
        ref = self.runs(Devices=[{"PathOnHost": path, "PathInContainer": "/dev/disk", "CgroupPermissions": "r"}],
                        BlkioDeviceReadBps=[{"Path": path, "Rate": MB}])
        began = time.monotonic()
        self.inside(ref, "dd", "if=/dev/disk", "of=/dev/null", "bs=1024k", f"skip={at}", "count=3")
        self.assertGreater(time.monotonic() - began, 1.5)
        got = self.docker("exec", ref, "sh", "-c", "exec 3>/dev/disk")
        self.assertIn("Operation not permitted", got.err)

    def test_no_such_device(self):
        ref = self.made(BlkioDeviceReadBps=[{"Path": "/dev/nothere", "Rate": 5}])["Id"]
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, 500, got)
        self.assertIn("/dev/nothere: no such file or directory", got.message)

    def weight(self, ref):
        """300 of 10 to 1000 is 2930 of 1 to 10000."""
        name = "io.bfq.weight" if "io.bfq.weight" in self.inside(ref, "ls", "/sys/fs/cgroup").split() else "io.weight"
        return self.group(ref, "blkio/blkio.weight", name).removeprefix("default ")

    def test_weight(self):
        got = self.made(BlkioWeight=300, BlkioWeightDevice=[{"Path": "/dev/null", "Weight": 200}])
        have = self.controller("blkio/blkio.weight") or (not self.v1 and self.controller("io.cost.qos"))
        host = self.api.inspect(got["Id"])["HostConfig"]
        if have:
            self.assertEqual((got["Warnings"], host["BlkioWeight"]), ([], 300))
            self.assertIn(self.weight(self.runs(BlkioWeight=300)), ("300", "2930"))
            self.bad("Range of blkio weight is from 10 to 1000", BlkioWeight=5)
            return
        self.assertEqual(got["Warnings"], [
            "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
            "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device "
            "discarded."])
        self.assertEqual((host["BlkioWeight"], host["BlkioWeightDevice"]), (0, []))


class TestPidsAndFiles(Limits):
    def test_unlimited_pids(self):
        for asked in (0, -1):
            self.assertIsNone(self.api.inspect(self.made(PidsLimit=asked)["Id"])["HostConfig"]["PidsLimit"])
        ref = self.runs(PidsLimit=55)
        self.assertEqual(self.group(ref, "pids/pids.max", "pids.max"), "55")

    def test_ulimits(self):
        limits = [{"Name": "nofile", "Soft": 123, "Hard": 456}, {"Name": "core", "Soft": 0, "Hard": -1}]
        ref = self.runs(Ulimits=limits)
        lines = self.inside(ref, "cat", "/proc/1/limits").splitlines()
        got = {line[:26].strip(): line[26:].split()[:2] for line in lines}
        self.assertEqual(got["Max open files"], ["123", "456"])
        self.assertEqual(got["Max core file size"], ["0", "unlimited"])
        self.assertCountEqual([{k: one[k] for k in ("Name", "Soft", "Hard")}
                               for one in self.api.inspect(ref)["HostConfig"]["Ulimits"]], limits)

    @not_oracle("it finds out at the start")
    def test_bad_ulimits(self):
        self.bad("invalid ulimit type: nonsense", Ulimits=[{"Name": "nonsense", "Soft": 1, "Hard": 1}])
        self.bad("ulimit soft limit must be less than or equal to hard limit: 5 > 4",
                 Ulimits=[{"Name": "nofile", "Soft": 5, "Hard": 4}])


class TestWarnings(Limits):
    def test_host_network_and_ports(self):
        got = self.made(NetworkMode="host", PortBindings={"80/tcp": [{"HostPort": "8080"}]})
        self.assertEqual(got["Warnings"], ["Published ports are discarded when using host network mode"])

    def test_the_client_prints_them(self):
        got = self.docker("create", "--network", "host", "-p", "80:80", BB)
        self.assertEqual(got.code, 0)
        self.assertIn("WARNING: Published ports are discarded when using host network mode", got.err)

    def test_info(self):
        info = self.api.ok("GET", "/info")
        self.assertTrue(info["MemoryLimit"] and info["PidsLimit"] and info["CPUSet"] and info["CpuCfsQuota"])
        self.assertEqual(info["OomKillDisable"], self.v1)
        for line in info["Warnings"] or []:
            self.assertTrue(line.startswith("WARNING: "), line)


class TestUpdate(Limits):
    def update(self, ref, status=200, **more):
        got = self.api.post(f"/containers/{ref}/update", more)
        self.assertEqual(got.status, status, got)
        return got.json()

    def test_running(self):
        ref = self.runs(Memory=32 * MB)
        self.assertEqual(self.update(ref, Memory=64 * MB, MemorySwap=80 * MB, CpuShares=300, CpusetCpus="0",
                                     PidsLimit=77, MemoryReservation=16 * MB), {"Warnings": None})
        self.assertEqual(self.group(ref, "memory/memory.limit_in_bytes", "memory.max"), str(64 * MB))
        self.assertEqual(self.group(ref, "memory/memory.memsw.limit_in_bytes", "memory.swap.max"),
                         str((80 if self.v1 else 16) * MB))
        self.assertEqual(self.group(ref, "pids/pids.max", "pids.max"), "77")
        self.assertEqual(self.group(ref, "cpuset/cpuset.cpus", "cpuset.cpus"), "0")
        got = self.api.inspect(ref)["HostConfig"]
        self.assertEqual((got["Memory"], got["CpuShares"], got["CpusetCpus"], got["PidsLimit"]),
                         (64 * MB, 300, "0", 77))

    def test_time(self):
        ref = self.runs(CpuPeriod=50000, CpuQuota=20000)
        for body, want in (({"CpuQuota": 30000}, "30000 50000"), ({"CpuPeriod": 80000}, "30000 80000"),
                           ({"CpuQuota": -1}, "max 80000"), ({"CpuQuota": 5000, "CpuPeriod": 10000}, "5000 10000")):
            with self.subTest(body=body):
                self.update(ref, **body)
                self.assertEqual(self.group(ref, "cpu/cpu.cfs_quota_us", "cpu.max").split()[0],
                                 want.split()[0].replace("max", "-1") if self.v1 else want.split()[0])
                self.assertEqual(self.group(ref, "cpu/cpu.cfs_period_us", "cpu.max").split()[-1], want.split()[1])
        self.update(ref, CpuShares=2048)
        self.assertIn(self.group(ref, "cpu/cpu.shares", "cpu.weight"), ("2048",) if self.v1 else ("79", "174"))
        ref = self.runs()
        self.docker.ok("update", "--cpus", "0.25", ref)
        self.assertEqual(self.group(ref, "cpu/cpu.cfs_quota_us", "cpu.max").split()[0], "25000")
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["NanoCpus"], 250000000)

    def swap(self, ref, memory):
        """Memory and swap together, in MiB."""
        got = int(self.group(ref, "memory/memory.memsw.limit_in_bytes", "memory.swap.max"))
        return got // MB + (0 if self.v1 else memory)

    def test_swap(self):
        ref = self.runs(Memory=32 * MB, MemorySwap=96 * MB)
        self.update(ref, MemorySwap=64 * MB)
        self.assertEqual(self.swap(ref, 32), 64)
        self.update(ref, Memory=48 * MB)
        self.assertEqual(self.group(ref, "memory/memory.limit_in_bytes", "memory.max"), str(48 * MB))
        self.assertEqual(self.swap(ref, 48), 64)
        self.update(ref, Memory=64 * MB, MemorySwap=64 * MB)
        self.assertEqual(self.swap(ref, 64), 64)
        if CTX.is_oracle:       # it stays there
            return
        self.update(ref, MemorySwap=-1)
        self.assertIn(self.group(ref, "memory/memory.memsw.limit_in_bytes", "memory.swap.max"),
                      ("9223372036854771712", "max"))

    def test_processes(self):
        ref = self.runs(PidsLimit=20)
        self.docker.ok("update", "--pids-limit", "9", ref)
        self.assertEqual(self.group(ref, "pids/pids.max", "pids.max"), "9")
        got = self.docker("exec", ref, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 9 & done")
        self.assertIn("can't fork", got.err)
        for none in (-1, 0):
            self.update(ref, PidsLimit=7)
            self.update(ref, PidsLimit=none)
            self.assertEqual(self.group(ref, "pids/pids.max", "pids.max"), "max")

    def test_weight(self):
        ref = self.runs()
        if self.v1 or self.update(ref, BlkioWeight=300)["Warnings"]:
            self.skipTest("no such limit there")
        self.assertIn("2930", self.group(ref, "", "io.weight"))

    def test_refused(self):
        ref = self.runs(Memory=32 * MB, NanoCpus=10 ** 9)
        for message, body in (
                ("Minimum memory limit allowed is 6MB", {"Memory": MB}),
                ("Requested CPUs are not available - requested 4000, available: ", {"CpusetCpus": "4000"}),
                ("Invalid value x for cpuset cpus: invalid format: x", {"CpusetCpus": "x"}),
                ("Minimum memoryswap limit should be larger than memory limit, see usage",
                 {"Memory": 64 * MB, "MemorySwap": 63 * MB}),
                ("CPU cfs quota can not be less than 1ms (i.e. 1000)", {"CpuQuota": 1})):
            with self.subTest(body=body):
                self.assertIn(message, self.update(ref, 400, **body)["message"])
        self.assertIn(f"Cannot update container {ref}: Conflicting options: CPU Period cannot be updated as NanoCPUs "
                      "has already been set", self.update(ref, 409, CpuPeriod=5000)["message"])
        self.assertIn(f"Cannot update container {ref}: Memory limit should be smaller than already set memoryswap "
                      "limit, update the memoryswap at the same time",
                      self.update(ref, 409, Memory=128 * MB)["message"])
        self.gives(404, "No such container: nothere", "POST", "/containers/nothere/update", {"Memory": 32 * MB})

    def test_policy(self):
        ref = self.runs()
        self.update(ref, RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 3})
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["RestartPolicy"],
                         {"Name": "on-failure", "MaximumRetryCount": 3})
        ref = self.made(AutoRemove=True)["Id"]
        self.assertIn("Restart policy cannot be updated because AutoRemove is enabled for the container",
                      self.update(ref, 409, RestartPolicy={"Name": "always"})["message"])

    def test_what_the_kernel_lacks(self):
        if self.controller("blkio/blkio.weight") or not self.v1:
            self.skipTest("it has it")
        ref = self.runs()
        self.assertEqual(self.update(ref, BlkioWeight=300)["Warnings"], [
            "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."])

    def test_the_client(self):
        ref = self.runs(Memory=32 * MB)
        self.docker.ok("update", "--memory", "48m", "--memory-swap", "64m", "--restart", "always", ref)
        self.assertEqual(self.group(ref, "memory/memory.limit_in_bytes", "memory.max"), str(48 * MB))
