# SPDX-License-Identifier: Apache-2.0
"""Log drivers: their options, what they write, and what `docker logs` reads back of it."""

import gzip
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness.api import frames
from harness.case import BB, CTX, E2E, Daemon, not_oracle, takes, wait_for

JOURNAL = "/run/systemd/journal/socket"


def config(driver, **options):
    """HostConfig of a container with this driver; max_size=… stands for max-size."""
    return {"LogConfig": {"Type": driver, "Config":
                          {k.replace("_", "-"): v for k, v in options.items()}}}


class Sink:
    """A server that keeps what it is sent: messages of datagrams, lines of streams."""

    def __init__(self, sock, stream=False, context=None):
        self.sock, self.stream, self.context = sock, stream, context
        self.got, self.lock, self.open, self.hold = [], threading.Lock(), [], threading.Event()
        self.hold.set()
        if stream:
            sock.listen(16)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                if not self.stream:
                    self.hold.wait()
                    self.keep(self.take())
                    continue
                conn, _ = self.sock.accept()
                self.open.append(conn)
                threading.Thread(target=self.serve, args=(conn,), daemon=True).start()
        except OSError:
            pass

    def take(self):
        data, extra, _, _ = self.sock.recvmsg(1 << 20, 4096)
        for _, kind, fds in extra:
            if kind == socket.SCM_RIGHTS:
                fd = struct.unpack("i", fds[:4])[0]
                data = os.pread(fd, 1 << 24, 0)
                os.close(fd)
        return data

    def serve(self, conn):
        rest = b""
        try:
            if self.context:
                conn = self.context.wrap_socket(conn, server_side=True)
                self.open.append(conn)
            while True:
                self.hold.wait()
                data = conn.recv(65536)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self.keep(line)
        except OSError:
            pass

    def keep(self, message):
        with self.lock:
            self.got.append(message)

    def text(self):
        with self.lock:
            return [m.rstrip(b"\n").decode() for m in self.got]

    def wait(self, n, timeout=10):
        wait_for(lambda: len(self.got) >= n, timeout, f"{n} messages")
        return self.text()

    def close(self):
        for conn in [self.sock] + self.open:
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            conn.close()


class LogCase(E2E):
    def ended(self, cmd, host, **more):
        ref = self.run_(cmd, HostConfig=host, **more)
        self.api.wait(ref)
        return ref

    def refused(self, message, driver, status=400, **options):
        got = self.api.post("/containers/create",
                            {"Image": "bb", "HostConfig": config(driver, **options)})
        self.assertEqual(got.status, status, got)
        self.assertIn(message, got.message)

    def fails_to_start(self, message, host):
        ref = self.create("echo x", HostConfig=host)
        got = self.api.post(f"/containers/{ref}/start")
        self.assertEqual(got.status, 500, got)
        self.assertIn("failed to initialize logging driver", got.message)
        self.assertIn(message, got.message)
        self.assertEqual(self.api.inspect(ref)["State"]["Status"], "created")

    def folder(self, ref):
        return os.path.join(self.daemon.data, "containers", self.api.inspect(ref)["Id"])

    def sink(self, family, kind, address, context=None):
        sock = socket.socket(family, kind)
        if family == socket.AF_INET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif os.path.exists(address):
            os.unlink(address)
        sock.bind(address)
        sink = Sink(sock, kind == socket.SOCK_STREAM, context)
        self.addCleanup(sink.close)
        return sink

    def lines(self, ref, **parts):
        return self.api.logs(ref, **parts)[0].decode().split("\n")[:-1]


class TestOptions(LogCase):
    @not_oracle("it looks at values when the container starts")
    def test_values_are_checked_at_create(self):
        self.refused("invalid size: 'abc'", "json-file", max_size="abc")
        self.refused("max-file cannot be less than 1", "json-file", max_file="0")
        self.refused("compress cannot be true when max-file is less than 2 or max-size is not set",
                     "json-file", compress="true", max_size="1m")
        self.refused("compression cannot be enabled when max file count is 1", "local",
                     max_file="1")

    def test_what_is_unknown(self):
        self.refused("unknown log opt 'nope' for json-file log driver", "json-file", nope="1")
        self.refused("unknown log opt 'nope' for journald log driver", "journald", nope="1")
        self.refused("unknown log opt 'nope' for syslog log driver", "syslog", nope="1")
        self.refused("logger: no log driver named 'nosuch' is registered", "nosuch")
        self.refused("logger: logging mode not supported: fast", "json-file", mode="fast")
        self.refused("max-buffer-size option is only supported with 'mode=non-blocking'",
                     "json-file", max_buffer_size="1m")
        self.refused("invalid syslog facility", "syslog", syslog_facility="nope")
        self.refused("invalid syslog format", "syslog", syslog_format="nope")
        self.refused("stat /not/here: no such file or directory", "syslog",
                     syslog_address="unix:///not/here")

    def test_inspect_echoes(self):
        host = config("json-file", max_size="1m", max_file="2", labels="a,b")
        ref = self.create("true", HostConfig=host)
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["LogConfig"], host["LogConfig"])

    def test_info(self):
        info = self.api.ok("GET", "/info")
        self.assertEqual(info["LoggingDriver"], "json-file")
        for driver in ("journald", "json-file", "local", "syslog"):
            self.assertIn(driver, info["Plugins"]["Log"])

    def test_a_tag_that_makes_no_sense(self):
        self.fails_to_start("can't evaluate field Nope", config("json-file", tag="{{.Nope}}"))


class TestDefaults(LogCase):
    flags = ("--log-driver", "local", "--log-opt", "max-size=1m", "--log-opt", "max-file=3")

    def test_containers_have_them(self):
        ref = self.ended("echo x", {})
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["LogConfig"],
                         {"Type": "local", "Config": {"max-size": "1m", "max-file": "3"}})
        self.assertEqual(self.lines(ref), ["x"])
        ref = self.ended("echo y", config("json-file"))
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["LogConfig"]["Config"], {})
        self.assertEqual(self.api.ok("GET", "/info")["LoggingDriver"], "local")

    @not_oracle("other words")
    def test_they_are_checked_at_start(self):
        for flags, message in ((["--log-driver", "nosuch"], "no log driver named 'nosuch'"),
                               (["--log-opt", "nope=1"], "unknown log opt 'nope'")):
            daemon = Daemon(flags)
            daemon.spawn()
            self.assertNotEqual(daemon.process.wait(10), 0)
            self.assertIn(message, daemon.log_tail(5))
            shutil.rmtree(daemon.root, ignore_errors=True)


class TestJsonFile(LogCase):
    def test_attributes(self):
        host = config("json-file", labels="color,none", env="A", tag="{{.Name}}/{{.ImageName}}",
                      env_regex="^B")
        ref = self.ended("echo hi; echo err >&2", host, name="attributes",
                         Labels={"color": "dark red", "other": "1"},
                         Env=["A=x&y,z", "B1=<b>", "C=3"])
        with open(os.path.join(self.folder(ref), self.api.inspect(ref)["Id"] + "-json.log")) as f:
            lines = [json.loads(line) for line in f]
        want = {"A": "x&y,z", "B1": "<b>", "color": "dark red", "tag": f"attributes/{BB}"}
        self.assertEqual([line["attrs"] for line in lines], [want, want])
        details = "A=x%26y%2Cz,B1=%3Cb%3E,color=dark+red,tag=attributes%2F" + BB.replace(":", "%3A") + " "
        self.assertEqual(self.api.logs(ref, details=1)[0].decode(), details + "hi\n")
        self.assertEqual(self.docker.ok("logs", "--details", ref).split("\n")[0], details + "hi")
        self.assertEqual(self.api.logs(ref)[0], b"hi\n")

    def test_details_without_attributes(self):
        ref = self.ended("echo hi", config("json-file"))
        self.assertEqual(self.api.logs(ref, details=1)[0], b" hi\n")

    def test_compressed(self):
        host = config("json-file", max_size="100k", max_file="4", compress="true")
        ref = self.ended("seq 1 6000", host)
        path = os.path.join(self.folder(ref), self.api.inspect(ref)["Id"] + "-json.log")
        wait_for(lambda: os.path.exists(path + ".3.gz") and not os.path.exists(path + ".1"), 10,
                 "the rotated files are compressed")
        with gzip.open(path + ".1.gz", "rt") as f:
            newest = [json.loads(line)["log"] for line in f]
        with open(path) as f:
            self.assertEqual(int(newest[-1]) + 1, int(json.loads(f.readline())["log"]))
        lines = [int(n) for n in self.lines(ref)]
        self.assertGreater(len(lines), 3000)
        self.assertEqual(lines, list(range(lines[0], 6001)))
        for tail in (1, 100, 2000, 3500):
            if tail < len(lines):
                self.assertEqual([int(n) for n in self.lines(ref, tail=tail)], lines[-tail:])

    @takes(90)
    def test_following_while_files_are_compressed(self):
        host = config("json-file", max_size="200k", max_file="50", compress="true")
        ref = self.run_("sleep 0.3; for i in 1 2 3 4 5 6 7 8; do seq 1 5000; sleep 0.1; done",
                        HostConfig=host)
        got = self.api.logs(ref, follow=1, timeout=60)[0].split()
        self.assertEqual(got, [b"%d" % n for n in range(1, 5001)] * 8)
        self.assertEqual(self.api.logs(ref)[0].split(), got)


class TestLocal(LogCase):
    def test_read_back(self):
        ref = self.ended("echo one; echo two >&2; printf three", config("local"))
        self.assertEqual(self.api.logs(ref), (b"one\nthree", b"two\n"))
        self.assertEqual(self.api.logs(ref, stdout=0), (b"", b"two\n"))
        self.assertEqual(self.api.inspect(ref)["LogPath"], "")
        self.assertRegex(self.docker.ok("logs", "-t", ref).split("\n")[0], r"^20.*Z one$")
        self.assertTrue(os.path.exists(os.path.join(self.folder(ref), "local-logs",
                                                    "container.log")))

    def test_long_lines(self):
        ref = self.ended("head -c 100000 /dev/zero | tr '\\0' x; echo; echo end", config("local"))
        self.assertEqual(self.api.logs(ref)[0], b"x" * 100000 + b"\nend\n")
        self.assertEqual(self.api.logs(ref, tail=1)[0], b"end\n")

    @not_oracle("an older engine writes none")
    def test_attributes(self):
        host = config("local", labels="color", tag="{{.Name}}")
        ref = self.ended("echo hi; echo", host, name="withattrs", Labels={"color": "red"})
        self.assertEqual(self.api.logs(ref, details=1)[0],
                         b"color=red,tag=withattrs hi\ncolor=red,tag=withattrs \n")
        self.assertEqual(self.api.logs(ref)[0], b"hi\n\n")

    def test_rotation_and_tail(self):
        ref = self.ended("seq 1 20000", config("local", max_size="50k", max_file="4"))
        lines = [int(n) for n in self.lines(ref)]
        self.assertGreater(len(lines), 2000)
        self.assertLess(len(lines), 10000)
        self.assertEqual(lines, list(range(lines[0], 20001)))
        for tail in (0, 1, 10, 999, 1500, 2000):
            self.assertEqual([int(n) for n in self.lines(ref, tail=tail)],
                             list(range(20001 - tail, 20001)))

    def test_since_and_until(self):
        ref = self.ended("echo a; sleep 1.2; echo b", config("local"))
        first = frames(self.api.get(f"/containers/{ref}/logs", stdout=1, timestamps=1).body)[1][1]
        stamp = first.split(b" ")[0].decode()
        self.assertEqual(self.lines(ref, since=stamp), ["b"])
        self.assertEqual(self.lines(ref, until=stamp)[0], "a")

    @takes(90)
    def test_follow_over_rotation(self):
        host = config("local", max_size="100k", max_file="50")
        ref = self.run_("sleep 0.3; for i in 1 2 3 4 5 6; do seq 1 5000; sleep 0.1; done",
                        HostConfig=host)
        got = self.api.logs(ref, follow=1, timeout=60)[0].split()
        self.assertEqual(got, [b"%d" % n for n in range(1, 5001)] * 6)

    @not_oracle("about our files")
    def test_torn_tail(self):
        """What a crash tore is passed over, cut off at the next start, and nothing else is lost."""
        ref = self.ended("echo one; echo two", config("local"))
        path = os.path.join(self.folder(ref), "local-logs", "container.log")
        with open(path, "ab") as f:
            f.write(b"\0\0\0\x40\x0a\x06stdout torn")
        self.assertEqual(self.lines(ref), ["one", "two"])
        self.assertEqual(self.lines(ref, tail=1), ["two"])
        self.api.start(ref)
        self.api.wait(ref)
        self.assertEqual(self.lines(ref), ["one", "two"] * 2)

    @not_oracle("its logs go through the daemon")
    def test_no_gap_when_the_daemon_is_killed(self):
        ref = self.run_("for i in $(seq 1 60); do echo $i; sleep 0.02; done",
                        HostConfig=config("local"))
        for _ in range(2):
            time.sleep(0.2)
            self.daemon.kill9()
            self.daemon.start()
        self.api.wait(ref)
        self.assertEqual(self.lines(ref), [str(n) for n in range(1, 61)])


@not_oracle("about our shim")
class TestKilledShim(LogCase):
    def shim_of(self, ref):
        whole = self.api.inspect(ref)["Id"]
        return int(subprocess.run(["pgrep", "-f", f"shim --id {whole}"], check=True,
                                  capture_output=True, text=True).stdout.split()[0])

    @takes(120)
    def test_rotation_torn_by_kill(self):
        """Killed at any moment of writing and rotating: no line is lost in between or doubled."""
        for driver, more in (("json-file", {"compress": "true"}), ("local", {})):
            ref = self.create("i=0; while :; do i=$((i+1)); echo $i; done",
                              HostConfig=dict(config(driver, max_size="100k", max_file="2000",
                                                     **more)))
            for pause in (0.05, 0.11, 0.17, 0.23):
                before = self.lines(ref, tail=1)
                self.api.start(ref)
                wait_for(lambda: self.lines(ref, tail=1) != before, 10, "a line of its own")
                time.sleep(pause)
                os.kill(self.shim_of(ref), signal.SIGKILL)
                self.exited(ref)
            lines = [int(n) for n in self.lines(ref)]
            starts = [i for i, n in enumerate(lines) if n == 1]
            self.assertEqual(len(starts), 4, driver)
            for begin, end in zip(starts, starts[1:] + [len(lines)]):
                self.assertEqual(lines[begin:end], list(range(1, end - begin + 1)), driver)
            self.api.remove(ref)


class TestSyslog(LogCase):
    def check(self, sink, ref, pattern):
        got = sink.wait(2)
        for severity, text in ((30, "out"), (27, "err")):      # the order of two streams is nobody's promise
            line, = (line for line in got if line.endswith(text))
            self.assertRegex(line, "^" + pattern.replace("PRI", str(severity)) + text + "$")

    def run_both(self, **options):
        return self.run_("echo out; sleep 0.1; echo; echo err >&2; sleep 0.1",
                         HostConfig=config("syslog", **options))

    STAMP = r"[A-Z][a-z][a-z] [ 0-9]\d \d\d:\d\d:\d\d"

    def test_udp(self):
        sink = self.sink(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        port = sink.sock.getsockname()[1]
        ref = self.run_both(syslog_address=f"udp://127.0.0.1:{port}")
        self.check(sink, ref, rf"<PRI>{self.STAMP} {ref[:12]}\[\d+\]: ")

    def test_tcp_and_formats(self):
        sink = self.sink(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{sink.sock.getsockname()[1]}"
        host = re.escape(socket.gethostname())
        day = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
        zone = r"(Z|[+-]\d\d:\d\d)"
        for form, pattern in (
                ("rfc3164", rf"<PRI>{self.STAMP} {host} t-NAME\[\d+\]: "),
                ("rfc5424", rf"<PRI>1 {day}{zone} {host} t-NAME \d+ t-NAME - "),
                ("rfc5424micro", rf"<PRI>1 {day}\.\d+{zone} {host} t-NAME \d+ t-NAME - ")):
            sink.got = []
            name = f"by{form}"
            ref = self.run_("echo out; sleep 0.1; echo err >&2", name=name,
                            HostConfig=config("syslog", syslog_address=address,
                                              syslog_format=form, tag="t-{{.Name}}"))
            self.api.wait(ref)
            self.check(sink, ref, pattern.replace("NAME", name))

    def test_unix_and_facility(self):
        path = self.path("syslog.sock")
        for kind, scheme in ((socket.SOCK_DGRAM, "unixgram"), (socket.SOCK_STREAM, "unix")):
            sink = self.sink(socket.AF_UNIX, kind, path)
            ref = self.run_("echo out", HostConfig=config(
                "syslog", syslog_address=f"{scheme}://{path}", syslog_facility="local7"))
            self.assertRegex(sink.wait(1)[0], rf"^<190>{self.STAMP} {ref[:12]}\[\d+\]: out$")
            sink.close()

    def test_docker_logs_read_the_copy(self):
        sink = self.sink(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        address = f"udp://127.0.0.1:{sink.sock.getsockname()[1]}"
        ref = self.ended("echo one; echo two >&2", config("syslog", syslog_address=address))
        self.assertEqual(self.api.logs(ref), (b"one\n", b"two\n"))
        self.assertTrue(os.path.exists(os.path.join(self.folder(ref), "container-cached.log")))
        ref = self.ended("seq 1 20000", config("syslog", syslog_address=address,
                                               cache_max_size="50k", cache_max_file="2"))
        self.assertLess(len(self.lines(ref)), 8000)
        self.assertEqual(self.lines(ref, tail=1), ["20000"])

    def test_without_a_copy(self):
        sink = self.sink(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        address = f"udp://127.0.0.1:{sink.sock.getsockname()[1]}"
        ref = self.ended("echo one", config("syslog", syslog_address=address,
                                            cache_disabled="true"))
        self.gives(501, "configured logging driver does not support reading",
                   "GET", f"/containers/{ref}/logs", stdout=1)

    def test_nobody_there(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.fails_to_start(f"dial tcp 127.0.0.1:{port}: connect: connection refused",
                            config("syslog", syslog_address=f"tcp://127.0.0.1:{port}"))
        if not os.path.exists("/dev/log") and not CTX.is_oracle:
            self.fails_to_start("Unix syslog delivery error", config("syslog"))

    def test_names_are_looked_up(self):
        sink = self.sink(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        port = sink.sock.getsockname()[1]
        self.run_("echo out", HostConfig=config("syslog", syslog_address=f"tcp://localhost:{port}"))
        self.assertIn("out", sink.wait(1)[0])

    @takes(60)
    def test_the_server_goes_and_comes(self):
        sink = self.sink(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        address = sink.sock.getsockname()
        ref = self.run_("i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); sleep 0.05; done",
                        HostConfig=config("syslog",
                                          syslog_address="tcp://127.0.0.1:%d" % address[1]))
        sink.wait(10)
        sink.close()
        time.sleep(1)
        again = self.sink(socket.AF_INET, socket.SOCK_STREAM, address)
        self.assertEqual(self.api.wait(ref), 0)
        last = wait_for(lambda: any(line.endswith(": 99") for line in again.text()), 10,
                        "the last line arrives")
        self.assertTrue(last)
        self.assertEqual(self.lines(ref), [str(n) for n in range(100)])
        if not CTX.is_oracle:       # what came while it was away was kept
            got = [int(line.split(": ")[1]) for line in again.text()]
            self.assertEqual(got, list(range(got[0], 100)))

    @not_oracle("about our shim")
    def test_a_slow_server_holds_the_container_only(self):
        """Mode blocking: the container waits, and it can still be looked at, attached and killed."""
        sink = self.sink(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        sink.hold.clear()
        address = "tcp://127.0.0.1:%d" % sink.sock.getsockname()[1]
        ref = self.run_("trap 'echo bye; exit 7' TERM; cat /dev/zero | tr '\\0' 'x' | "
                        "sed 's/x/x/' & seq 1 100000000 >/dev/stdout; wait",
                        HostConfig=config("syslog", syslog_address=address))

        def size():
            folder = self.folder(ref)
            return sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
        sizes = [-1]

        def rests():
            sizes.append(size())
            time.sleep(0.5)
            return sizes[-1] == size()
        wait_for(rests, 30, "the container is held up")
        self.assertEqual(self.docker("exec", ref, "sh", "-c", "exit 3").code, 3)
        self.docker.ok("kill", ref)
        self.exited(ref)
        sink.hold.set()

    @not_oracle("about our shim")
    def test_non_blocking(self):
        """Nobody waits for a server that does not read: what is too much for it is lost to it."""
        sink = self.sink(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        sink.hold.clear()
        address = "tcp://127.0.0.1:%d" % sink.sock.getsockname()[1]
        ref = self.run_("seq 1 300000; echo end", HostConfig=config(
            "syslog", syslog_address=address, mode="non-blocking", max_buffer_size="64k"))
        self.assertEqual(self.api.wait(ref), 0)
        self.assertEqual(self.lines(ref, tail=1), ["end"])
        sink.hold.set()

    @not_oracle("about ours")
    def test_tls(self):
        key, cert = self.path("key.pem"), self.path("cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        sink = self.sink(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0), context)
        address = "tcp+tls://localhost:%d" % sink.sock.getsockname()[1]
        probe = self.api.post("/containers/create", {"Image": "bb", "HostConfig": config(
            "syslog", syslog_address=address)})
        if probe.status == 501:
            self.assertIn("CONFIG_TLS", probe.message)
            return
        self.fails_to_start("certificate", config("syslog", syslog_address=address))
        ref = self.run_("echo out; sleep 0.2; echo more", HostConfig=config(
            "syslog", syslog_address=address, syslog_tls_ca_cert=cert, syslog_format="rfc5424"))
        got = sink.wait(2)
        self.assertRegex(got[0], rf"^(\d+) <30>1 .* {ref[:12]} \d+ {ref[:12]} - out$")
        count, message = got[0].split(" ", 1)
        self.assertEqual(int(count), len(message) + 1)


@not_oracle("needs the journal's library")
class TestJournald(LogCase):
    def journal(self):
        if os.path.exists(JOURNAL):
            self.skipTest("there is a journal")
        made = not os.path.isdir(os.path.dirname(JOURNAL))
        os.makedirs(os.path.dirname(JOURNAL), exist_ok=True)
        sink = self.sink(socket.AF_UNIX, socket.SOCK_DGRAM, JOURNAL)

        def clean():
            sink.close()
            os.unlink(JOURNAL)
            if made:
                os.rmdir(os.path.dirname(JOURNAL))
        self.addCleanup(clean)
        return sink

    @staticmethod
    def fields(entry):
        got = {}
        while entry:
            head, _, rest = entry.partition(b"\n")
            name, eq, value = head.partition(b"=")
            if not eq:
                size = struct.unpack("<Q", rest[:8])[0]
                value, entry = rest[8:8 + size], rest[9 + size:]
            else:
                entry = rest
            got[name.decode()] = value.decode("utf-8", "replace")
        return got

    def test_no_journal(self):
        if os.path.exists(JOURNAL):
            self.skipTest("there is a journal")
        self.fails_to_start("journald is not enabled on this host", config("journald"))

    def test_entries(self):
        sink = self.journal()
        ref = self.run_("echo out; until [ -e /1 ]; do sleep 0.05; done; echo err >&2; "
                        "until [ -e /2 ]; do sleep 0.05; done; head -c 40000 /dev/zero | tr '\\0' x; echo", name="journaled",
                        Labels={"com.x": "1\n2"}, Env=["A=b"],
                        HostConfig=config("journald", labels="com.x", env="A", tag="T/{{.Name}}"))
        for count in (1, 2):
            sink.wait(count)
            self.docker.ok("exec", ref, "touch", f"/{count}")
        sink.wait(5)
        got = [self.fields(m) for m in sink.got]
        whole = self.api.inspect(ref)["Id"]
        for k, (entry, text, priority) in enumerate(zip(got, ("out", "err"), "63")):
            self.assertEqual(entry.pop("CONTAINER_LOG_ORDINAL"), str(k + 1))
            self.assertRegex(entry.pop("SYSLOG_TIMESTAMP"), r"^\d{4}-.*Z$")
            self.assertTrue(entry.pop("CONTAINER_LOG_EPOCH"))
            self.assertEqual(entry, {
                "CONTAINER_ID": whole[:12], "CONTAINER_ID_FULL": whole,
                "CONTAINER_NAME": "journaled", "CONTAINER_TAG": "T/journaled",
                "SYSLOG_IDENTIFIER": "T/journaled", "IMAGE_NAME": BB, "COM_X": "1\n2", "A": "b",
                "PRIORITY": priority, "MESSAGE": text})
        parts = got[2:]
        self.assertEqual("".join(p["MESSAGE"] for p in parts), "x" * 40000)
        self.assertEqual([p["CONTAINER_PARTIAL_ORDINAL"] for p in parts], ["1", "2", "3"])
        self.assertEqual([p["CONTAINER_PARTIAL_LAST"] for p in parts], ["false", "false", "true"])
        self.assertEqual([p.get("CONTAINER_PARTIAL_MESSAGE") for p in parts],
                         ["true", "true", None])
        self.assertEqual(len({p["CONTAINER_PARTIAL_ID"] for p in parts}), 1)
        self.api.wait(ref)
        self.assertEqual(self.lines(ref)[:1], ["out"])

    def test_it_comes_back(self):
        sink = self.journal()
        ref = self.run_("for i in $(seq 1 40); do echo $i; sleep 0.05; done",
                        HostConfig=config("journald"))
        sink.wait(5)
        sink.close()
        time.sleep(0.3)
        again = self.sink(socket.AF_UNIX, socket.SOCK_DGRAM, JOURNAL)
        self.assertEqual(self.api.wait(ref), 0)
        wait_for(lambda: any(self.fields(m)["MESSAGE"] == "40" for m in again.got), 10, "the last")
        self.assertEqual(self.lines(ref), [str(n) for n in range(1, 41)])
