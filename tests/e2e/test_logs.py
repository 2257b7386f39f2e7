# SPDX-License-Identifier: Apache-2.0
"""GET logs and `docker logs`: exact lines, in order, all of them."""

import calendar
import time

from harness.api import frames, query
from harness.case import CTX, E2E, Api, images, not_oracle, takes
from harness.rawhttp import Conn

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"


class TestLogs(E2E):
    def ended(self, cmd, **config):
        ref = self.run_(cmd, **config)
        self.api.wait(ref)
        return ref

    def follow(self, ref, timeout=20, **parts):
        """An open connection of a following reader, its head read."""
        conn = Conn(self.daemon.sock, timeout)
        self.addCleanup(conn.close)
        parts = dict(dict(stdout=1, stderr=1, follow=1), **parts)
        conn.request("GET", f"{self.api.prefix}/containers/{ref}/logs" + query(**parts))
        head = conn.head()
        self.assertEqual(head.status, 200)
        self.assertEqual(head.headers["transfer-encoding"], "chunked")
        return conn

    def whole(self, conn):
        """The rest of a chunked body."""
        parts = []
        while True:
            parts.append(conn.chunk())
            if not parts[-1]:
                return b"".join(parts)

    def test_streams(self):
        ref = self.ended("echo one; echo two >&2; printf three")
        self.assertEqual(self.api.logs(ref), (b"one\nthree", b"two\n"))
        self.assertEqual(self.api.logs(ref, stderr=0), (b"one\nthree", b""))
        self.assertEqual(self.api.logs(ref, stdout=0), (b"", b"two\n"))
        self.gives(400, "Bad parameters: you must choose at least one stream", "GET",
                   f"/containers/{ref}/logs")
        self.gives(404, "No such container: nothere", "GET", "/containers/nothere/logs", stdout=1)

    def test_content_type_and_chunks(self):
        ref = self.ended("echo x")
        got = self.api.get(f"/containers/{ref}/logs", stdout=1)
        self.assertEqual(got.headers["transfer-encoding"], "chunked")
        if not CTX.is_oracle:
            self.assertEqual(got.headers["content-type"], "application/vnd.docker.multiplexed-stream")

    @not_oracle("typed since 1.42")
    def test_content_type_by_version(self):
        ref = self.ended("echo x")
        tty = self.ended("echo x", Tty=True)
        for version, one, want in (("1.51", ref, "multiplexed"), ("1.42", ref, "multiplexed"),
                                   ("1.41", ref, "raw"), ("1.51", tty, "raw")):
            got = Api(self.daemon.sock, version).get(f"/containers/{one}/logs", stdout=1)
            self.assertEqual(got.headers["content-type"], f"application/vnd.docker.{want}-stream")

    def test_tty(self):
        ref = self.ended("echo one; echo two >&2", Tty=True)
        got = self.api.get(f"/containers/{ref}/logs", stdout=1, stderr=1)
        self.assertEqual(got.body, b"one\r\ntwo\r\n")

    def test_empty_and_created(self):
        self.assertEqual(self.api.logs(self.ended("true")), (b"", b""))
        self.assertEqual(self.api.logs(self.create("true")), (b"", b""))

    def test_tail(self):
        ref = self.ended("seq 1 100")
        self.assertEqual(self.api.logs(ref, tail=3)[0], b"98\n99\n100\n")
        self.assertEqual(self.api.logs(ref, tail=0)[0], b"")
        for tail in ("all", "nonsense", "1000", "-1"):
            self.assertEqual(self.api.logs(ref, tail=tail)[0].count(b"\n"), 100, tail)
        mixed = self.run_("echo o1; echo o2; until [ -e /go ]; do sleep 0.05; done; echo e1 >&2")
        self.logged(mixed, "o2")
        self.docker.ok("exec", mixed, "touch", "/go")
        self.api.wait(mixed)
        self.assertEqual(self.api.logs(mixed, tail=2), (b"o2\n", b"e1\n"))
        # Lines are counted first, streams picked afterwards.
        self.assertEqual(self.api.logs(mixed, tail=1, stderr=0), (b"", b""))

    def test_tail_of_long_lines(self):
        ref = self.ended("for i in 1 2 3; do head -c 100000 /dev/zero | tr '\\0' $i; echo; done")
        got = self.api.logs(ref, tail=1)[0]
        self.assertEqual(got.rstrip(b"\n").strip(b"3"), b"")
        self.assertGreater(len(got), 1000)

    def test_timestamps(self):
        before = time.time()
        ref = self.ended("echo a; sleep 0.2; echo b")
        lines = self.api.logs(ref, timestamps=1)[0].decode().splitlines()
        self.assertRegex(lines[0], f"^{STAMP} a$")
        self.assertRegex(lines[1], f"^{STAMP} b$")
        self.assertLess(lines[0][:30], lines[1][:30])
        sec = calendar.timegm(time.strptime(lines[0][:19], "%Y-%m-%dT%H:%M:%S"))
        self.assertLess(abs(sec - before), 60)

    def test_since_until(self):
        ref = self.ended("for i in 1 2 3; do echo $i; sleep 0.4; done")
        stamps = [line[:30] for line in self.api.logs(ref, timestamps=1)[0].decode().splitlines()]

        def unix(stamp):
            whole = calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S"))
            return f"{whole}.{stamp[20:29]}"
        self.assertEqual(self.api.logs(ref, since=unix(stamps[1]))[0], b"2\n3\n")
        middle = f"{(float(unix(stamps[1])) + float(unix(stamps[2]))) / 2:.9f}"
        self.assertEqual(self.api.logs(ref, since=middle)[0], b"3\n")
        self.assertEqual(self.api.logs(ref, until=middle)[0], b"1\n2\n")
        self.assertEqual(self.api.logs(ref, since=str(int(time.time()) + 100))[0], b"")
        self.assertEqual(self.api.logs(ref, until=1)[0], b"")
        self.assertEqual(self.api.logs(ref, since=middle, tail=5)[0], b"3\n")
        self.assertEqual(self.api.get(f"/containers/{ref}/logs", stdout=1, since="x").status,
                         400 if not CTX.is_oracle else 500)

    @images.needs_probe
    @takes(120)
    def test_large_output(self):
        """Sixteen megabytes: not a byte lost, doubled or out of order."""
        count, text = 200_000, "x" * 70
        ref = self.run_(["probe", "spam", str(count), text])
        self.api.wait(ref, timeout=90)
        out, err = self.api.logs(ref, timeout=90)
        self.assertEqual(err, b"")
        want = b"".join(b"%08d %s\n" % (i, text.encode()) for i in range(count))
        self.assertEqual(len(out), len(want))
        self.assertEqual(out, want)

    @images.needs_probe
    @takes(120)
    def test_large_output_followed(self):
        ref = self.run_("sleep 0.5; exec probe spam 150000 " + "y" * 70)
        conn = self.follow(ref, 90)
        data = self.whole(conn)
        lines = b"".join(p for _, p in frames(data)).splitlines()
        self.assertEqual(len(lines), 150000)
        self.assertEqual([int(l[:8]) for l in lines], list(range(150000)))

    def test_one_huge_line(self):
        ref = self.ended("head -c 3000000 /dev/zero | tr '\\0' z; echo; echo end")
        out = self.api.logs(ref)[0]
        self.assertEqual(out, b"z" * 3000000 + b"\nend\n")

    def test_binary(self):
        ref = self.ended("printf 'a\\0b\\n\\377\\376\\n\\t\"\\\\\\n\\r\\033[0m'; printf '\\303\\274\\n'")
        out = self.api.logs(ref)[0]
        self.assertTrue(out.startswith(b"a\0b\n"), out)
        self.assertTrue(out.endswith(b"\t\"\\\n\r\x1b[0m\xc3\xbc\n"), out)

    def test_follow(self):
        ref = self.run_("echo 1; until [ -e /go ]; do sleep 0.05; done; for i in 2 3 4; do echo $i; done")
        conn = self.follow(ref)
        first = conn.chunk()
        self.assertEqual(frames(first), [(1, b"1\n")])
        self.docker.ok("exec", ref, "touch", "/go")
        rest = self.whole(conn)
        self.assertEqual(b"".join(p for _, p in frames(first + rest)), b"1\n2\n3\n4\n")

    def test_follow_ended(self):
        ref = self.ended("echo x")
        self.assertEqual(frames(self.whole(self.follow(ref))), [(1, b"x\n")])

    def test_follow_from_the_end(self):
        ref = self.run_("echo old; while [ ! -e /go ]; do sleep 0.05; done; echo new; sleep 0.2")
        self.logged(ref, "old")
        conn = self.follow(ref, tail=0)
        self.docker.ok("exec", ref, "touch", "/go")
        self.assertEqual(frames(self.whole(conn)), [(1, b"new\n")])

    @not_oracle("it goes on until the next line")
    def test_follow_until(self):
        ref = self.run_("while :; do echo x; sleep 0.1; done")
        began = time.monotonic()
        conn = self.follow(ref, until=f"{time.time() + 1:.3f}")
        self.whole(conn)
        self.assertLess(time.monotonic() - began, 20)

    def test_many_followers(self):
        ref = self.run_("for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; sleep 0.1; done")
        conns = [self.follow(ref) for _ in range(30)]
        want = b"".join(b"line %d\n" % i for i in range(1, 11))
        for conn in conns:
            self.assertEqual(b"".join(p for _, p in frames(self.whole(conn))), want)

    def test_slow_and_dead_followers_do_not_matter(self):
        """A reader that stops reading blocks neither the container nor the others."""
        ref = self.run_("sleep 0.3; i=0; while [ $i -lt 20 ]; do head -c 100000 /dev/zero | tr '\\0' q; echo; "
                          "i=$((i+1)); done")
        slow = [self.follow(ref) for _ in range(5)]
        for conn in slow[:2]:
            conn.close()
        self.assertEqual(self.api.wait(ref, timeout=20), 0)
        self.assertEqual(len(self.api.logs(ref)[0]), 20 * 100001)

    def test_removed_while_followed(self):
        ref = self.run_("while :; do echo x; sleep 0.1; done")
        conn = self.follow(ref)
        conn.chunk()
        self.api.remove(ref)
        self.whole(conn)        # ends

    def test_over_restarts(self):
        ref = self.run_("echo run")
        for _ in range(2):
            self.api.wait(ref)
            self.api.start(ref)
        self.api.wait(ref)
        self.assertEqual(self.api.logs(ref)[0], b"run\n" * 3)

    def test_log_driver_none(self):
        ref = self.ended("echo x", HostConfig={"LogConfig": {"Type": "none"}})
        self.gives(501, "configured logging driver does not support reading",
                   "GET", f"/containers/{ref}/logs", stdout=1)

    def test_rotation(self):
        config = {"LogConfig": {"Type": "json-file", "Config": {"max-size": "50k", "max-file": "3"}}}
        ref = self.ended("seq 1 20000", HostConfig=config)
        lines = self.api.logs(ref)[0].split()
        self.assertLess(len(lines), 5000)
        self.assertGreater(len(lines), 300)
        last = [int(l) for l in lines]
        self.assertEqual(last, list(range(20001 - len(lines), 20001)))

    def test_bad_log_options(self):
        for config in ({"Type": "nosuch"}, {"Type": "json-file", "Config": {"max-size": "abc"}},
                       {"Type": "json-file", "Config": {"nonsense": "1"}}):
            got = self.api.post("/containers/create", {"Image": "bb", "HostConfig": {"LogConfig": config}})
            if got.status == 201:       # a value may be looked at only when it is needed
                got = self.api.post(f"/containers/{got.json()['Id']}/start")
            self.assertIn(got.status, (400, 500, 501), got)
            self.assertTrue(got.message)

    def test_cli(self):
        self.docker("run", "--name", "one", "bb", "sh", "-c", "echo out; echo err >&2")
        got = self.docker("logs", "one")
        self.assertEqual((got.out, got.err), ("out\n", "err\n"))
        self.assertRegex(self.docker.ok("logs", "-t", "one"), f"^{STAMP} out$")
        self.assertEqual(self.docker("logs", "nothere").code, 1)
        ref = self.run_("echo a; sleep 0.5; echo b")
        self.assertEqual(self.docker.ok("logs", "-f", ref), "a\nb")
        self.assertEqual(self.docker.ok("logs", "--tail", "1", ref), "b")
        self.assertEqual(self.docker.ok("logs", "--since", "10m", ref), "a\nb")
        self.assertEqual(self.docker.ok("logs", "--until", "10m", ref), "")
