# SPDX-License-Identifier: Apache-2.0
"""The container end-to-end tests against the daemon in the guest, with either runtime on cgroup v2."""

import os
import re
import socket
import subprocess
import sys
import threading

from guest import Failed, Guest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The emulator is that much slower than the machine.
SLOW = 4
DISK = 256 << 20
# What shows most of what differs in a guest, in a time that is bearable; all that needs only a socket:
# tests/vm/run --filter e2e --e2e test_ --e2e-seconds 3600. With the second runtime those in which the
# runtime has a part.
# Each limit set and each changed, with either: of what is refused before there is a container, nothing.
LIMITS = ("test_options_limits.TestMemory.test_all", "test_options_limits.TestMemory.test_s",
          "test_options_limits.TestMemory.test_oom_score", "test_options_limits.TestCpu.test_s",
          "test_options_limits.TestCpu.test_a_", "test_options_limits.TestIo.test_throttles",
          "test_options_limits.TestIo.test_a_", "test_options_limits.TestIo.test_weight",
          "test_options_limits.TestPidsAndFiles.test_u", "test_options_limits.TestUpdate.test_running",
          "test_options_limits.TestUpdate.test_time", "test_options_limits.TestUpdate.test_swap",
          "test_options_limits.TestUpdate.test_processes", "test_options_limits.TestUpdate.test_weight",
          "test_options_namespaces.TestUserAndCgroup.test_cgroup", "test_options_more.TestDevices.test_one",
          "test_options_more.TestDevices.test_rules", "test_options_more.TestSysctls.test_own")
CHOSEN = {
    "crun": ("test_run.TestExit", "test_run.TestStreams", "test_options.TestSecurity",
             "test_options.TestResources", "test_exec.TestCli", "test_exec.TestApi",
             "test_logs.TestLogs.test_follow", "test_attach.TestUpgrade", "test_containers.TestWait",
             "test_containers.TestStates", "test_copy.TestOut", "test_stats.", "test_pause.",
             "test_health.TestLife", *LIMITS),
    "runc": ("test_exec.TestCli", "test_stats.TestStats", "test_pause.TestUpdate",
             "test_options.TestSecurity.test_devices", *LIMITS),
}


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Forward:
    """A Unix socket here that is the daemon's in the guest."""

    def __init__(self, path, port):
        self.path, self.port = path, port
        if os.path.exists(path):
            os.unlink(path)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        os.chmod(path, 0o600)
        self.sock.listen(128)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            try:
                guest = socket.create_connection(("127.0.0.1", self.port), 30)
            except OSError:
                return
            with guest:
                guest.settimeout(None)
                guest.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                there = threading.Thread(target=pump, args=(client, guest), daemon=True)
                there.start()
                pump(guest, client)
                there.join()

    def close(self):
        self.sock.close()
        os.unlink(self.path)


def run_tests(run, g, out, runtime, seconds, only=""):
    """tests/e2e/run.py as it is; its counts become ours."""
    path = os.path.join(out, "d.sock")
    forward = Forward(path, g.ports["api"])
    try:
        argv = [sys.executable, "-B", os.path.join(TOP, "tests", "e2e", "run.py"), "--oracle", path,
                "--remote", "--slow", str(SLOW), "--limit", str(int(seconds)),
                "--filter", only or ",".join(CHOSEN[runtime])]
        env = {k: v for k, v in os.environ.items() if k != "TEST_RESULTS"}
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
                                 text=True)
        counts = None
        log = open(os.path.join(out, f"e2e-{runtime}.log"), "w", buffering=1)
        for line in child.stdout:
            log.write(line)
            counts = re.match(r"(\d+) passed, (\d+) failed, (\d+) skipped$", line) or counts
            if not re.match(r"(ok|skip) ", line):
                print("    " + line.rstrip().replace("FAIL", "fail", 1), flush=True)
        log.close()
        child.wait(30)
    finally:
        forward.close()
    if not counts:
        raise Failed(f"the end-to-end tests ended with {child.returncode} and no counts")
    passed, failed, skipped = (int(n) for n in counts.groups())
    run.passed += passed
    run.skipped += skipped
    if failed or not passed:
        raise Failed(f"{failed} of {passed + failed} failed")


def all_of(run, out, kernel, initrd, seconds, only=""):
    disk = os.path.join(out, "e2e.disk")        # nothing is kept on it; limits need a device to be of
    with open(disk, "wb") as f:
        f.truncate(DISK)
    for runtime in CHOSEN:
        name = f"e2e.{runtime}"
        if not run.wanted(name):
            continue
        g = Guest(out, kernel, initrd, memory=768, disk=disk, name=f"e2e-{runtime}",
                  append=f"serin.memory serin.arg=--default-runtime={runtime}")
        try:
            def boot():
                g.wait_ready()
            if run.test(f"{name}.boot", boot):
                run.test(name, run_tests, run, g, out, runtime, seconds, only, seconds=seconds + 60)
        finally:
            g.cut()
