# SPDX-License-Identifier: Apache-2.0
"""The docker client as a user has it: plain runs, background runs, and runs on a terminal."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from .context import CTX


class Result:
    """What a finished client said."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"<exit {self.code}\n out: {self.out[-600:]!r}\n err: {self.err[-600:]!r}>"


class Child(subprocess.Popen):
    """A client in the background; its time limits are those of the run."""

    def communicate(self, input=None, timeout=None):
        return super().communicate(input, timeout and timeout * CTX.slow)

    def wait(self, timeout=None):
        return super().wait(timeout and timeout * CTX.slow)


class Docker:
    """`docker` against one socket, with a configuration directory of its own."""

    def __init__(self, sock):
        self.sock = sock
        self.config = os.path.join(CTX.tmp, "docker-config")
        os.makedirs(self.config, exist_ok=True)
        self.live = []

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        env.update(DOCKER_HOST=f"unix://{self.sock}", DOCKER_CONFIG=self.config, TERM="xterm",
                   DOCKER_CLI_HINTS="false", **more)
        return env

    def __call__(self, *args, data=None, timeout=30, env=None, check=False):
        """Run to the end; data (bytes or str) is its standard input, else /dev/null."""
        data = data.encode() if isinstance(data, str) else data
        more = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        got = subprocess.run(["docker"] + [str(a) for a in args], capture_output=True,
                             timeout=timeout * CTX.slow, env=self.env(**(env or {})), **more)
        result = Result(got.returncode, got.stdout.decode("utf-8", "replace"),
                        got.stderr.decode("utf-8", "replace"))
        if check and result.code != 0:
            raise AssertionError(f"docker {' '.join(map(str, args))}: {result!r}")
        return result

    def ok(self, *args, **more):
        """Run, demand exit code 0, return standard output without the last newline."""
        return self(*args, check=True, **more).out.rstrip("\n")

    def popen(self, *args, **more):
        """Start in the background; ended by close()."""
        child = Child(["docker"] + [str(a) for a in args], env=self.env(),
                      stdin=more.pop("stdin", subprocess.DEVNULL),
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        self.live.append(child)
        return child

    def pty(self, *args, rows=24, cols=80):
        session = Terminal(["docker"] + [str(a) for a in args], self.env(), rows, cols)
        self.live.append(session)
        return session

    def close(self):
        """End what is still running in the background."""
        for one in self.live:
            if one.poll() is None:
                one.kill()
            if isinstance(one, subprocess.Popen):
                for stream in (one.stdin, one.stdout, one.stderr):
                    if stream:
                        stream.close()
                one.wait(10)
            else:
                one.close()
        self.live = []


class Terminal:
    """A program on a pseudo-terminal of its own."""

    def __init__(self, argv, env, rows, cols):
        self.master, slave = pty.openpty()
        self.fd = self.master
        self.resize(rows, cols, tell=False)

        def child():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env,
                                        preexec_fn=child, close_fds=True)
        os.close(slave)
        self.seen = b""

    def poll(self):
        return self.process.poll()

    def kill(self):
        self.process.kill()

    def close(self):
        if self.poll() is None:
            self.kill()
        self.process.wait(10)
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def resize(self, rows, cols, tell=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def write(self, data):
        os.write(self.master, data.encode() if isinstance(data, str) else data)

    def pump(self, timeout):
        """Read once; False at the end."""
        ready, _, _ = select.select([self.master], [], [], timeout)
        if not ready:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def expect(self, mark, timeout=10):
        """Wait for bytes to appear; returns all before and drops it from what was seen."""
        mark = mark.encode() if isinstance(mark, str) else mark
        end = time.monotonic() + timeout * CTX.slow
        while mark not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not self.pump(min(left, 0.5)):
                if mark in self.seen:
                    break
                raise AssertionError(f"no {mark!r} on the terminal, but {self.seen[-600:]!r}")
        before, _, self.seen = self.seen.partition(mark)
        return before

    def finish(self, timeout=10):
        """Wait for the end; returns the exit code."""
        end = time.monotonic() + timeout * CTX.slow
        while time.monotonic() < end:
            if not self.pump(0.05):
                break
            if self.poll() is not None:
                self.pump(0)
                break
        try:
            return self.process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running; on the terminal: {self.seen[-600:]!r}")
