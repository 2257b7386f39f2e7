# SPDX-License-Identifier: Apache-2.0
"""docker -H ssh://guest through a real sshd, in a guest whose `docker` is the daemon's stand-in."""

import hashlib
import os
import shutil
import socket
import subprocess
import threading

from harness.case import BB, CTX, E2E, Docker, not_oracle, takes, unittest, wait_for

PORT = 2222
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
CONFIG = """Port {port}
ListenAddress 127.0.0.1
HostKey {top}/host
AuthorizedKeysFile {top}/id.pub
PidFile {top}/pid
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 200
SetEnv PATH={top}/guest:/usr/bin:/bin DOCKER_HOST=unix://{sock}
"""


class Sshd:
    """A private sshd on loopback; its sessions find a guest's PATH."""

    def __init__(self, top, sock):
        self.top = top
        os.makedirs(os.path.join(top, "guest"))
        os.makedirs(os.path.join(top, "host-bin"))
        for name in ("host", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                            os.path.join(top, name)], check=True)
        os.symlink(CTX.serind, os.path.join(top, "guest", "docker"))
        with open(os.path.join(top, "sshd_config"), "w") as f:
            f.write(CONFIG.format(port=PORT, top=top, sock=sock))
        # The client takes no options through docker, so its `ssh` brings them along.
        wrapper = os.path.join(top, "host-bin", "ssh")
        with open(wrapper, "w") as f:
            f.write(f'#!/bin/sh\nexec {shutil.which("ssh")} -F none -i {top}/id -o BatchMode=yes '
                    f'-o StrictHostKeyChecking=no -o UserKnownHostsFile={top}/known -q "$@"\n')
        os.chmod(wrapper, 0o755)
        self.made = not os.path.isdir("/run/sshd")
        os.makedirs("/run/sshd", exist_ok=True)
        self.log = open(os.path.join(top, "log"), "wb")
        self.process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", os.path.join(top, "sshd_config")], stderr=self.log)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
        if self.made:
            try:
                os.rmdir("/run/sshd")
            except OSError:
                pass


@not_oracle("its own docker client stands in the way")
@unittest.skipUnless(os.path.exists(SSHD) and shutil.which("ssh-keygen"), "no sshd here (openssh-server)")
class TestSsh(E2E):
    @classmethod
    def bring_up(cls):
        super().bring_up()
        top = os.path.join(CTX.tmp, "ssh")
        shutil.rmtree(top, ignore_errors=True)
        cls.sshd = Sshd(top, cls.daemon.sock)
        cls.fixtures.append(cls.sshd)
        cls.remote = Docker(cls.daemon.sock)
        plain = cls.remote.env

        def env(**more):
            got = plain(**more)
            got["PATH"] = os.path.join(top, "host-bin") + ":" + got["PATH"]
            got["DOCKER_HOST"] = f"ssh://root@127.0.0.1:{PORT}"
            return got
        cls.remote.env = env
        wait_for(lambda: cls.remote("version").code == 0, 20, "sshd answers")

    def tearDown(self):
        self.remote.close()

    def test_ps_run_exec(self):
        self.assertIn("CONTAINER ID", self.remote.ok("ps"))
        self.assertEqual(self.remote.ok("run", "--rm", BB, "echo", "over there"), "over there")
        got = self.remote("run", "--rm", BB, "sh", "-c", "echo out; echo err >&2; exit 7")
        self.assertEqual((got.code, got.out, got.err), (7, "out\n", "err\n"))
        ref = self.run_()
        self.assertEqual(self.remote.ok("exec", ref, "echo", "in"), "in")

    def test_socket_in_the_url(self):
        """docker --host=unix:///path system dial-stdio is the other shape."""
        url = f"ssh://root@127.0.0.1:{PORT}{self.daemon.sock}"
        self.assertIn(BB.split(":")[0], self.remote.ok("-H", url, "images"))
        got = self.remote("-H", f"ssh://root@127.0.0.1:{PORT}/nowhere/d.sock", "ps")
        self.assertNotEqual(got.code, 0)
        self.assertIn("/nowhere/d.sock: no such file or directory", got.err)

    @takes(90)
    def test_half_close_and_big_streams(self):
        ref = self.run_()
        data = os.urandom(1 << 20) * 24
        digest = hashlib.sha256(data).hexdigest()
        # The end of input reaches the container, and what it says after that comes back.
        got = self.remote("exec", "-i", ref, "sh", "-c", "sha256sum; echo after", data=data,
                          timeout=60)
        self.assertEqual(got.out.split(), [digest, "-", "after"], got)
        # Both directions at once.
        child = self.remote.popen("exec", "-i", ref, "cat", stdin=subprocess.PIPE)
        back = hashlib.sha256()

        def collect():
            while True:
                piece = child.stdout.read(1 << 16)
                if not piece:
                    return
                back.update(piece)
        reader = threading.Thread(target=collect)
        reader.start()
        child.stdin.write(data)
        child.stdin.close()
        reader.join(60)
        self.assertEqual(child.wait(20), 0)
        self.assertEqual(back.hexdigest(), digest)

    def test_attach_and_terminal(self):
        term = self.remote.pty("run", "--rm", "-it", BB, "sh")
        term.expect("# ")
        term.write("stty size; exit 3\n")
        term.expect("24 80")
        self.assertEqual(term.finish(), 3)

    def test_client_goes_away(self):
        """Nothing of a killed client stays behind in the guest."""
        child = self.remote.popen("events")
        link = os.path.join(self.sshd.top, "guest", "docker")

        def pumps():
            found = []
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        if f.read().split(b"\0")[:3] == [b"docker", b"system", b"dial-stdio"]:
                            found.append(pid)
                except OSError:
                    pass
            return found
        wait_for(pumps, 10, f"a pump ({link}) in the guest")
        child.kill()
        wait_for(lambda: not pumps(), 10, "the pump has ended")


@not_oracle("its own docker client stands in the way")
class TestStandIn(E2E):
    """The stand-in by itself: what it takes and what it refuses."""

    image = False

    def run_as(self, name, *args, env=None, data=b""):
        link = os.path.join(CTX.tmp, name)
        if not os.path.lexists(link):
            os.symlink(CTX.serind, link)
        return subprocess.run([link, *args], input=data, capture_output=True, timeout=20,
                              env=env or {"PATH": "/nonexistent"})

    def test_shapes(self):
        ask = b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        url = f"unix://{self.daemon.sock}"
        for name, args, env in (
                ("docker", ["system", "dial-stdio"], {"DOCKER_HOST": url}),
                ("docker", [f"--host={url}", "system", "dial-stdio"], None),
                ("docker", ["--host", url, "system", "dial-stdio"], None),
                ("docker", ["-H", url, "system", "dial-stdio"], None),
                ("serind", ["dial-stdio"], {"DOCKER_HOST": url}),
                ("serind", ["dial-stdio", "-H", url], None),
                ("serind", ["dial-stdio", f"--host={url}"], None)):
            with self.subTest(name=name, args=args):
                got = self.run_as(name, *args, env=env, data=ask)
                self.assertEqual(got.returncode, 0, got)
                self.assertTrue(got.stdout.startswith(b"HTTP/1.1 200 OK\r\n"), got)
                self.assertTrue(got.stdout.endswith(b"OK"), got)

    def test_output_that_is_shared(self):
        """A socket that others write to after it has ended stays open for them."""
        link = os.path.join(CTX.tmp, "docker")
        if not os.path.lexists(link):
            os.symlink(CTX.serind, link)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            subprocess.run(["sh", "-c", f"{link} system dial-stdio </dev/null; echo and more"],
                           stdout=theirs, timeout=20, check=True,
                           env={"DOCKER_HOST": f"unix://{self.daemon.sock}", "PATH": "/bin"})
            theirs.close()
            ours.settimeout(30)
            self.assertEqual(ours.recv(1000), b"and more\n")

    def test_refusals(self):
        for args in ([], ["ps"], ["system"], ["system", "dial-stdio", "x"], ["--version"],
                     ["system", "df"], ["--host=unix:///x"], ["--host"]):
            with self.subTest(args=args):
                got = self.run_as("docker", *args)
                self.assertEqual(got.returncode, 1)
                self.assertIn(b"there is no Docker client here", got.stderr)
        for url, text in (("tcp://1.2.3.4:1", b"only unix:// sockets"),
                          ("unix:///nowhere/x", b"no such file or directory"),
                          ("unix:///" + "l" * 120, b"too long")):
            got = self.run_as("docker", f"--host={url}", "system", "dial-stdio")
            self.assertEqual(got.returncode, 1)
            self.assertIn(text, got.stderr)
            self.assertEqual(got.stdout, b"")
