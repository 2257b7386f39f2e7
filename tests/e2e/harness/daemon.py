# SPDX-License-Identifier: Apache-2.0
"""One private daemon: its own roots, socket, pidfile, bridge and subnet."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
import unittest

from . import leaks, rawhttp
from .context import CTX, wait_for


class Daemon:
    """Starts, stops and kills one serind (or the oracle) and cleans up whatever it left."""

    def __init__(self, flags=(), root=None, net=True):
        self.number = CTX.number()
        self.root = root or os.path.join(CTX.tmp, f"d{self.number}")
        os.makedirs(self.root, exist_ok=True)
        self.sock = os.path.join(self.root, "s")
        self.data = os.path.join(self.root, "data")
        self.exec = os.path.join(self.root, "exec")
        self.pidfile = os.path.join(self.root, "pid")
        self.log = os.path.join(self.root, "log")
        self.bridge = f"ser{self.number}"
        self.subnet = f"172.29.{self.number % 250}"
        self.gateway = f"{self.subnet}.1"
        self.flags = list(flags)
        self.net = net
        self.process = None
        if CTX.external:
            self.sock = CTX.external
        elif CTX.is_oracle:
            self.bridge = "docker0"

    def argv(self, extra=()):
        program = CTX.oracle if CTX.is_oracle else CTX.serind
        argv = [program, "--data-root", self.data, "--exec-root", self.exec,
                "--pidfile", self.pidfile]
        if not any(f in ("-H", "--host") or f.startswith("--host=") for f in self.flags):
            argv += ["-H", f"unix://{self.sock}"]
        if CTX.is_oracle:
            argv += ["--live-restore", "--bip", f"{self.gateway}/24"]
        elif self.net:
            argv += ["--bridge", self.bridge, "--bip", f"{self.gateway}/24"]
        return argv + self.flags + list(extra)

    def spawn(self, extra=(), env=None, pass_fds=(), preexec=None, argv=None):
        """Start the process without waiting for it to answer."""
        environ = dict(os.environ, **(env or {}))
        environ.pop("NOTIFY_SOCKET", None) if not (env and "NOTIFY_SOCKET" in env) else None
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                argv or self.argv(extra), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environ, pass_fds=pass_fds, preexec_fn=preexec, start_new_session=True)
        return self

    def spawn_activated(self, listeners):
        """Start it as a service manager would, with listening sockets in its hands."""
        # They are taken from above where they go, so that none is overwritten.
        high = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 100) for one in listeners]
        moves = "".join(f"exec {3 + i}<&{fd} {fd}<&-;" for i, fd in enumerate(high))
        script = f'{moves} LISTEN_FDS={len(high)} LISTEN_PID=$$ exec "$0" "$@"'
        try:
            return self.spawn(argv=["bash", "-c", script] + self.argv(), pass_fds=high)
        finally:
            for fd in high:
                os.close(fd)

    def start(self, extra=(), timeout=30, **more):
        if CTX.external:
            return self
        self.spawn(extra, **more)
        self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=30):
        def ready():
            if self.process and self.process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.process.returncode}\n"
                                     + self.log_tail(20))
            return self.answers()
        wait_for(ready, timeout, "the daemon answers")

    def answers(self):
        try:
            return rawhttp.request(self.sock, "GET", "/_ping", timeout=2).status == 200
        except (OSError, rawhttp.ProtocolError):
            return False

    @property
    def alive(self):
        return CTX.external is not None or (self.process is not None
                                            and self.process.poll() is None)

    @property
    def pid(self):
        self.must_be_ours()
        return self.process.pid

    @staticmethod
    def must_be_ours():
        """What is done to the process itself cannot be done to one that somebody else runs."""
        if CTX.external:
            raise unittest.SkipTest("needs a daemon of its own")

    def send(self, number):
        self.must_be_ours()
        self.process.send_signal(number)

    def kill9(self):
        """What a crash does: no chance to clean up. The oracle's containerd dies with it."""
        self.must_be_ours()
        if not self.alive:
            return
        self.process.kill()
        self.process.wait(10)

    def stop(self, number=signal.SIGTERM, timeout=20):
        """Ask it to end; returns its exit code. Kills it and raises when it does not."""
        self.must_be_ours()
        if not self.process:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout * CTX.slow)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise AssertionError(f"the daemon did not end within {timeout} s of signal {number}")

    def restart(self, kill=False):
        self.kill9() if kill else self.stop()
        return self.start()

    def log_size(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def log_tail(self, lines=25, since=0):
        """The last lines of the log, of what came after byte `since`."""
        try:
            with open(self.log, "rb") as f:
                f.seek(0, os.SEEK_END)
                f.seek(max(since, f.tell() - 16000))
                return "\n".join(f.read().decode("utf-8", "replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def rss(self):
        """Resident set of the daemon process, bytes."""
        with open(f"/proc/{self.pid}/status") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0

    def family(self):
        """Processes of this daemon's: itself, shims, runtimes. They name its roots or hold files there."""
        return {pid: line for pid, line in leaks.processes().items()
                if self.root + "/" in line or leaks.holds(pid, self.root + "/")}

    def destroy(self, before=None):
        """End everything and remove the files; returns what was left over, line by line.

        The caller has removed the containers already and before is the snapshot taken at the start.
        """
        found = []
        if not CTX.external:
            try:
                if self.alive:
                    code = self.stop()
                    if code != 0 and not CTX.is_oracle:
                        found.append(f"exit code {code} after SIGTERM")
            except AssertionError as error:
                found.append(str(error))
            if before is not None and not CTX.is_oracle:
                found += before.settle(self.root, self.bridge)
                if os.path.exists(self.pidfile):
                    found.append("the pidfile is still there")
        self.sweep(before)
        return found

    def sweep(self, before=None):
        """Remove by force whatever is left, so that the next daemon starts on clean ground."""
        if CTX.external:
            return
        known = before.processes if before else set()
        for _ in range(3):
            doomed = set(self.family())
            if CTX.isolated and before:
                doomed |= set(leaks.processes()) - known
            for pid in doomed:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            time.sleep(0.05 if doomed else 0)
        for point in sorted(leaks.mounts(self.root), key=len, reverse=True):
            subprocess.run(["umount", "-l", point], capture_output=True)
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True)
        for table in leaks.nft_tables():
            if table.endswith("-" + self.bridge):
                subprocess.run(["nft", "delete", "table"] + table.split(), capture_output=True)
        if CTX.isolated and before:
            for link in leaks.links() - before.links:
                subprocess.run(["ip", "link", "del", link], capture_output=True)
            for table in leaks.nft_tables() - before.tables:
                subprocess.run(["nft", "delete", "table"] + table.split(), capture_output=True)
            for path in leaks.cgroups(CTX.ids):
                for base, _, _ in sorted(os.walk(path), key=lambda w: -len(w[0])):
                    try:
                        os.rmdir(base)
                    except OSError:
                        pass
        shutil.rmtree(self.root, ignore_errors=True)
