# SPDX-License-Identifier: Apache-2.0
"""The base of every test class: a private daemon, time limits, clean-up and leak checks."""

import functools
import os
import signal
import socket
import unittest

from . import images, leaks, machine
from .api import Api, demux
from .cli import Docker
from .context import CTX, wait_for
from .daemon import Daemon

BB = images.BB


class TimedOut(AssertionError):
    """A test took longer than it may."""


class limit:
    """Raises TimedOut in the main thread after so many seconds."""

    def __init__(self, seconds, what):
        self.seconds, self.what = seconds * CTX.slow, what

    def __enter__(self):
        def ring(*_):
            signal.setitimer(signal.ITIMER_REAL, 2)     # again, should someone swallow it
            raise TimedOut(f"{self.what}: longer than {self.seconds} s")
        self.old = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.old)


def not_oracle(reason):
    """Marks what the oracle (an older engine) does otherwise; skipped with --oracle."""
    def mark(thing):
        if isinstance(thing, type):
            thing.oracle_skip = reason
            return thing

        @functools.wraps(thing)
        def wrapped(self, *args, **more):
            if CTX.is_oracle:
                self.skipTest(f"oracle: {reason}")
            return thing(self, *args, **more)
        return wrapped
    return mark


def needs_host(thing):
    """Marks what looks at the files or processes of the daemon's machine; skipped with --remote."""
    if isinstance(thing, type):
        thing.host_needed = True
        return thing

    @functools.wraps(thing)
    def wrapped(self, *args, **more):
        if CTX.remote:
            self.skipTest("looks at the daemon's machine")
        return thing(self, *args, **more)
    return wrapped


def takes(seconds):
    """The time limit of one test, when the class's does not do."""
    def mark(function):
        function.time_limit = seconds
        return function
    return mark


class E2E(unittest.TestCase):
    """flags: more daemon flags. image: load the base image. own_daemon: tests start their own."""

    flags = ()
    image = True
    own_daemon = False
    time_limit = 60
    oracle_skip = None
    host_needed = False
    daemon = None
    looker = None
    strangers = frozenset()

    @classmethod
    def setUpClass(cls):
        if CTX.is_oracle and cls.oracle_skip:
            raise unittest.SkipTest(f"oracle: {cls.oracle_skip}")
        if CTX.remote and cls.host_needed:
            raise unittest.SkipTest("looks at the daemon's machine")
        if CTX.external and (cls.own_daemon or cls.flags):
            raise unittest.SkipTest("needs a daemon of its own")
        with limit(120, f"setting up {cls.__name__}"):
            cls.before = leaks.Snapshot()
            cls.fixtures = []
            try:
                cls.set_up_fixtures()
                if not cls.own_daemon:
                    cls.bring_up()
            except BaseException:
                cls.tear_down_all(check=False)
                raise

    @classmethod
    def set_up_fixtures(cls):
        """What must run before the daemon does (registries); append to cls.fixtures to close it."""

    @classmethod
    def daemon_flags(cls):
        return list(cls.flags)

    @classmethod
    def bring_up(cls):
        cls.daemon = Daemon(cls.daemon_flags())
        cls.daemon.start()
        cls.api = Api(cls.daemon.sock)
        if CTX.external:        # what was there before is not ours
            cls.strangers = {one["Id"] for one in cls.api.ok("GET", "/containers/json", all=1)}
        cls.docker = Docker(cls.daemon.sock)
        if cls.image:
            cls.load_base(cls.api)

    @staticmethod
    def load_base(api):
        status, got = api.load(images.base_archive())
        if status != 200 or not any("Loaded image" in r.get("stream", "") for r in got):
            raise AssertionError(f"the base image does not load: {status} {got}")

    @classmethod
    def machine(cls):
        """What answers for the daemon's machine: machine.Here or machine.There."""
        if not cls.looker:
            cls.looker = machine.There(cls.api, cls.docker) if CTX.remote else machine.Here()
            if CTX.remote:
                cls.strangers = frozenset(cls.strangers) | {cls.looker.ref}
        return cls.looker

    @classmethod
    def info(cls):
        return cls.api.ok("GET", "/info")

    @classmethod
    def is_v1(cls):
        """The version of the daemon's control groups."""
        return cls.info()["CgroupVersion"] == "1"

    @classmethod
    def tear_down_all(cls, check=True):
        found = []
        if cls.looker:
            cls.looker.close()
            cls.looker = None
        if cls.daemon:
            try:
                if not cls.daemon.alive:
                    cls.daemon.start()      # a test left it dead: it must still clean up
                cls.remove_all()
            except Exception as error:
                found.append(f"removing the containers: {error!r}")
            try:
                cls.docker.close()
            except AttributeError:
                pass
        for fixture in cls.fixtures:
            fixture.close()
        if cls.daemon:
            found += cls.daemon.destroy(cls.before)
            cls.daemon = None
        if check and found:
            raise AssertionError("left over after the daemon ended:\n  " + "\n  ".join(found))

    @classmethod
    def tearDownClass(cls):
        with limit(120, f"tearing down {cls.__name__}"):
            cls.tear_down_all()

    @classmethod
    def remove_all(cls):
        api = Api(cls.daemon.sock, timeout=10)

        def ours():
            return [one for one in api.ok("GET", "/containers/json", all=1)
                    if one["Id"] not in cls.strangers]
        for one in ours():
            CTX.ids.add(one["Id"])
            got = api.remove(one["Id"])
            if got.status not in (204, 404, 409):
                raise AssertionError(f"removing {one['Names']}: {got!r}")
        wait_for(lambda: not ours(), 10, "all containers gone")

    def run(self, result=None):
        method = getattr(self, self._testMethodName)
        self.seconds = getattr(method, "time_limit", self.time_limit)
        try:
            return super().run(result)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _callSetUp(self):
        self.alarm = limit(self.seconds, self.id())
        self.alarm.__enter__()
        if self.daemon and not self.daemon.alive:
            self.daemon.start()
        self.log_from = self.daemon.log_size() if self.daemon else 0
        super()._callSetUp()

    def _callTearDown(self):
        self.alarm.__exit__()
        with limit(40, f"{self.id()}: cleaning up"):
            super()._callTearDown()
            if not self.daemon:
                return
            self.docker.close()
            if not self.daemon.alive:
                raise AssertionError(f"the daemon died: exit {self.daemon.process.returncode}")
            self.remove_all()

    # Shorthands.

    def failure_log(self):
        return self.daemon.log_tail(since=getattr(self, "log_from", 0)) if self.daemon else ""

    def create(self, cmd="sleep 1000", name=None, image=BB, **config):
        return self.api.create(image, cmd, name, **config)

    def run_(self, cmd="sleep 1000", name=None, image=BB, **config):
        """Create and start; a `sleep` that ends at once on SIGTERM needs Init or a stop of 0 s."""
        return self.api.run(image, cmd, name, **config)

    def output(self, cmd, image=BB, **config):
        return self.api.output(image, cmd, **config)

    def says(self, cmd, image=BB, **config):
        """The standard output of a command that must succeed, without the last newline."""
        code, out, err = self.output(cmd, image, **config)
        self.assertEqual(code, 0, f"{cmd}: {out!r} {err!r}")
        return out.rstrip("\n")

    def inside(self, ref, *argv):
        """What a program prints that is executed in a running container."""
        return self.docker.ok("exec", ref, *argv)

    def ns(self, ref, name):
        """A namespace of a running container."""
        return self.inside(ref, "readlink", f"/proc/self/ns/{name}")

    def host_ns(self, name):
        """The daemon's own; in a guest it has those of process 1."""
        return self.machine().link(f"/proc/{1 if CTX.external else self.daemon.process.pid}/ns/{name}")

    def group(self, ref, v1, v2):
        """A file of a running container's own group, as it sees it; v1 as "controller/file"."""
        return self.inside(ref, "cat", "/sys/fs/cgroup/" + (v1 if self.is_v1() else v2)).strip()

    def logged(self, ref, text, timeout=10):
        """Wait until the container has logged text; returns its output."""
        text = text.encode() if isinstance(text, str) else text

        def seen():
            got = self.api.get(f"/containers/{ref}/logs", stdout=1, stderr=1)
            return got.body if text in got.body else None
        return wait_for(seen, timeout, f"{text!r} in the log of {ref}")

    def gives(self, status, message, method, path, body=None, **more):
        """A call that must fail with this status and a message that holds (or equals) this text."""
        got = self.api.call(method, path, body, **more)
        self.assertEqual(got.status, status, got)
        self.assertEqual(got.headers.get("content-type"), "application/json", got)
        self.assertIn(message, got.message)
        return got

    def exited(self, ref, timeout=10):
        return wait_for(lambda: self.api.inspect(ref)["State"]["Status"] == "exited", timeout,
                        f"{ref} exited")

    def manager_hears(self, daemon):
        """Start a daemon and end it; a service manager is told when it answers and when it ends."""
        path = os.path.join(daemon.root, "n")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(20)
            daemon.spawn(env={"NOTIFY_SOCKET": path})
            self.assertIn(b"READY=1", notify.recv(4096).split(b"\n"))
            self.assertTrue(daemon.answers(), "ready means that it answers")
            daemon.send(15)
            self.assertIn(b"STOPPING=1", notify.recv(4096).split(b"\n"))
        daemon.stop()

    def path(self, *parts):
        """A path in a directory of this class for binds and the like."""
        if CTX.remote:
            self.skipTest("needs files on the daemon's machine")
        top = os.path.join(CTX.tmp, "files")
        os.makedirs(top, exist_ok=True)
        return os.path.join(top, *parts)


__all__ = ["BB", "CTX", "Api", "Daemon", "Docker", "E2E", "TimedOut", "demux", "images", "leaks",
           "limit", "needs_host", "not_oracle", "takes", "unittest", "wait_for"]
