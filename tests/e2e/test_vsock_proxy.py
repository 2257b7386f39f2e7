# SPDX-License-Identifier: Apache-2.0
"""serind vsock-proxy: a Docker client through a stand-in of Firecracker's vsock socket."""

import hashlib
import os
import signal
import socket
import stat
import subprocess
import threading
import time

from harness import rawhttp
from harness.case import BB, CTX, E2E, Docker, not_oracle, takes, wait_for


class Firecracker:
    """What a virtual machine's v.sock does: one line of handshake, then the guest's port."""

    def __init__(self, path, port, target, mood="good"):
        self.path, self.port, self.target, self.mood = path, port, target, mood
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen(256)
        self.count = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                conn, _ = self.server.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        line = b""
        while not line.endswith(b"\n"):
            byte = conn.recv(1)
            if not byte:
                return conn.close()
            line += byte
        if self.mood == "silent":
            time.sleep(30)
        if self.mood == "rude":
            conn.sendall(b"WHAT\n")
        if self.mood == "endless":
            conn.sendall(b"O" * 4000)
        if self.mood != "good" or line != b"CONNECT %d\n" % self.port:
            return conn.close()
        guest = socket.socket(socket.AF_UNIX)
        guest.connect(self.target)
        conn.sendall(b"OK %d\n" % (1073741824 + self.count))
        back = threading.Thread(target=self.pump, args=(guest, conn), daemon=True)
        back.start()
        self.pump(conn, guest)
        back.join()
        conn.close()
        guest.close()

    @staticmethod
    def pump(src, dst):
        try:
            while True:
                data = src.recv(65536)
                if not data:
                    break
                dst.sendall(data)
        except OSError:
            pass
        try:
            dst.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.server.close()
        os.unlink(self.path)


class Proxy:
    """One serind vsock-proxy."""

    def __init__(self, sock, *args):
        self.sock = sock
        self.log = open(sock + ".log", "wb+")
        self.process = subprocess.Popen([CTX.serind, "vsock-proxy", "--listen", sock, *args],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for(lambda: "carrying" in self.said() or self.process.poll() is not None, 10, "the proxy")

    def said(self):
        self.log.seek(0)
        return self.log.read().decode()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.log.close()
        return code


@not_oracle("not its business")
class TestVsockProxy(E2E):
    @classmethod
    def bring_up(cls):
        super().bring_up()
        top = os.path.join(CTX.tmp, "proxy")
        os.makedirs(top, exist_ok=True)
        cls.top = top
        cls.vm = Firecracker(os.path.join(top, "v.sock"), 375, cls.daemon.sock)
        cls.proxy = Proxy(os.path.join(top, "d.sock"), "--firecracker", f"{top}/v.sock:375")
        cls.there = Docker(cls.proxy.sock)
        cls.fixtures += [cls.proxy, cls.vm]

    def tearDown(self):
        self.there.close()

    def other(self, name, *args):
        proxy = Proxy(os.path.join(self.top, name), *args)
        self.addCleanup(proxy.close)
        return proxy

    def test_docker(self):
        self.assertEqual(self.there.ok("run", "--rm", BB, "echo", "carried"), "carried")
        got = self.there("run", "--rm", "-i", BB, "sh", "-c", "cat; echo end; exit 5", data="in\n")
        self.assertEqual((got.code, got.out), (5, "in\nend\n"))
        term = self.there.pty("run", "--rm", "-it", BB, "sh")
        term.expect("# ")
        term.write("exit 4\n")
        self.assertEqual(term.finish(), 4)

    def test_big_streams(self):
        ref = self.run_()
        data = os.urandom(1 << 20) * 32
        got = self.there("exec", "-i", ref, "sh", "-c", "sha256sum; echo after", data=data)
        self.assertEqual(got.out.split(), [hashlib.sha256(data).hexdigest(), "-", "after"])

    def test_socket_is_private(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.proxy.sock).st_mode), 0o600)
        open_ = self.other("open.sock", "--firecracker", f"{self.top}/v.sock:375", "--mode", "0660")
        self.assertEqual(stat.S_IMODE(os.stat(open_.sock).st_mode), 0o660)

    @takes(90)
    def test_many_clients(self):
        """200 at once, all answered, and all gone afterwards."""
        conns = [rawhttp.Conn(self.proxy.sock, 30) for _ in range(200)]
        for conn in conns:
            conn.request("GET", "/_ping")
        for conn in conns:
            self.assertEqual(conn.response().body, b"OK")

        def sockets():
            return len(os.listdir(f"/proc/{self.proxy.process.pid}/fd"))
        self.assertGreater(sockets(), 400)
        for conn in conns:
            conn.close()
        wait_for(lambda: sockets() < 20, 10, "all descriptors closed")

    def test_errors_reach_the_client(self):
        cases = [("wrong-port", f"{self.top}/v.sock:1", "nothing listens on port 1 of the guest"),
                 ("no-vm", f"{self.top}/gone.sock:375", "no such file or directory")]
        vms = []
        for mood, text in (("rude", 'answers'), ("endless", "the answer is no line")):
            vms.append(Firecracker(os.path.join(self.top, mood + ".vm"), 375, "", mood))
            cases.append((mood, f"{self.top}/{mood}.vm:375", text))
        for name, target, text in cases:
            with self.subTest(name=name):
                proxy = self.other(name, "--firecracker", target)
                got = Docker(proxy.sock)("version")
                self.assertNotEqual(got.code, 0)
                self.assertIn("vsock-proxy: ", got.err)
                self.assertIn(text, got.err)
                self.assertIn(text, proxy.said())
        for vm in vms:
            vm.close()

    def test_vm_that_is_silent(self):
        vm = Firecracker(os.path.join(self.top, "silent.vm"), 375, "", "silent")
        proxy = self.other("silent", "--firecracker", f"{vm.path}:375")
        got = rawhttp.request(proxy.sock, "GET", "/_ping")
        self.assertEqual(got.status, 502)
        self.assertIn("no answer within 10 s", got.message)
        vm.close()

    def test_client_goes_away(self):
        conn = rawhttp.Conn(self.proxy.sock, 30)
        conn.request("GET", "/events")
        conn.head()
        conn.close()
        wait_for(lambda: len(os.listdir(f"/proc/{self.proxy.process.pid}/fd")) < 12, 10,
                 "both ends closed")

    def test_no_vsock_peer(self):
        proxy = self.other("vsock", "--vsock", "4242:375")
        got = rawhttp.request(proxy.sock, "GET", "/_ping")
        self.assertEqual(got.status, 502)
        self.assertIn("vsock", got.message)

    def test_ends(self):
        proxy = self.other("ends", "--firecracker", f"{self.top}/v.sock:375")
        self.assertEqual(proxy.close(), 0)
        self.assertFalse(os.path.exists(proxy.sock))
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(os.path.join(self.top, "stale"))
        self.assertEqual(rawhttp.request(
            self.other("stale", "--firecracker", f"{self.top}/v.sock:375").sock, "GET", "/_ping").body, b"OK")

    def test_command_line(self):
        for args, code, text in (
                ([], 2, "Usage"), (["--listen"], 2, "Usage"), (["--listen", "/x"], 2, "Usage"),
                (["--vsock", "1:2"], 2, "Usage"), (["--nope", "1"], 2, "Usage"),
                (["--listen", "/x", "--vsock", "1:2", "--firecracker", "/a:1"], 2, "Usage"),
                (["--listen", "/x", "--vsock", "host:2"], 1, "want CID:PORT"),
                (["--listen", "/x", "--vsock", "3:0"], 1, "want CID:PORT"),
                (["--listen", "/x", "--firecracker", "/v.sock"], 1, "want PATH:PORT"),
                (["--listen", "/x", "--vsock", "3:1", "--mode", "abc"], 1, "not a mode"),
                (["--listen", "/nowhere/x", "--vsock", "3:1"], 1, "/nowhere/x")):
            with self.subTest(args=args):
                got = subprocess.run([CTX.serind, "vsock-proxy", *args], capture_output=True,
                                     text=True, timeout=10)
                self.assertEqual(got.returncode, code, got)
                self.assertIn(text, got.stderr)
