# SPDX-License-Identifier: Apache-2.0
"""docker-py, as scripts use it."""

import io
import time

import docker
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

from harness.case import BB, CTX, E2E, images, wait_for
from harness.registry import PASSWORD, USER, Registry


class TestDockerPy(E2E):
    @classmethod
    def set_up_fixtures(cls):
        cls.registry = Registry(auth="basic")
        cls.fixtures.append(cls.registry)
        cls.registry.push("x", "1", images.Image([images.files(only="a file")]))

    def setUp(self):
        self.py = docker.DockerClient(base_url=f"unix://{self.daemon.sock}", version="auto", timeout=30)
        self.addCleanup(self.py.close)

    def test_system(self):
        self.assertTrue(self.py.ping())
        self.assertEqual(self.py.version()["ApiVersion"], CTX.api)
        self.assertEqual(self.py.info()["Swarm"]["LocalNodeState"], "inactive")
        self.assertEqual(self.py.api.api_version, CTX.api)

    def test_images(self):
        image, = self.py.images.list()
        self.assertEqual(image.tags, [BB])
        self.assertEqual(image.id, images.base_image().id)
        self.assertTrue(image.tag("other", "v"))
        self.assertEqual(sorted(self.py.images.get("other:v").tags), [BB, "other:v"])
        self.py.images.remove("other:v")
        with self.assertRaises(ImageNotFound):
            self.py.images.get("other:v")
        with self.assertRaises(ImageNotFound):
            self.py.images.remove("nothere")

    def test_load(self):
        archive = images.Image([images.files(f="x")]).docker_archive("loaded:1")
        got = self.py.images.load(io.BytesIO(archive))
        self.assertEqual([i.tags for i in got], [["loaded:1"]])
        self.py.images.remove("loaded:1")

    def test_pull(self):
        name = self.registry.host + "/x"
        image = self.py.images.pull(name, tag="1", auth_config={"username": USER, "password": PASSWORD})
        self.assertEqual(image.tags, [name + ":1"])
        lines = list(self.py.api.pull(name, "1", stream=True, decode=True,
                                      auth_config={"username": USER, "password": PASSWORD}))
        self.assertIn("Image is up to date", lines[-1]["status"])
        self.py.images.remove(name + ":1")
        with self.assertRaises(APIError):
            self.py.images.pull(name, tag="1")

    def test_run(self):
        self.assertEqual(self.py.containers.run(BB, ["echo", "hi"], remove=True), b"hi\n")
        self.assertEqual(self.py.containers.run(BB, "sh -c 'echo e >&2'", stderr=True, remove=True), b"e\n")
        with self.assertRaises(ContainerError) as caught:
            self.py.containers.run(BB, ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
        self.assertEqual((caught.exception.exit_status, caught.exception.stderr), (3, b"bad\n"))
        with self.assertRaises(ImageNotFound):
            self.py.api.create_container("nothere:x", "true")

    def test_options(self):
        box = self.py.containers.run(BB, ["sh", "-c", "echo $A; hostname; id -u; pwd"], detach=True, name="opts",
                                     environment={"A": "1"}, hostname="hh", user="web", working_dir="/tmp",
                                     labels={"l": "v"}, mem_limit="64m", pids_limit=50, cap_drop=["ALL"],
                                     extra_hosts={"db": "1.2.3.4"}, read_only=True, init=True)
        self.assertEqual(box.wait()["StatusCode"], 0)
        self.assertEqual(box.logs(), b"1\nhh\n1234\n/tmp\n")
        self.assertEqual(box.labels, {"l": "v"})
        self.assertEqual(box.attrs["HostConfig"]["Memory"], 64 << 20)

    def test_life(self):
        box = self.py.containers.run(BB, ["sh", "-c", "trap 'exit 4' TERM; echo up; while :; do sleep 0.05; done"],
                                     detach=True, name="life")
        wait_for(lambda: b"up" in box.logs(), 5, "up")
        self.assertEqual(box.status, "created")
        box.reload()
        self.assertEqual((box.status, box.name, box.image.id), ("running", "life", images.base_image().id))
        self.assertEqual([c.name for c in self.py.containers.list()], ["life"])
        self.assertEqual(self.py.containers.list(filters={"name": "nope"}), [])
        with self.assertRaises(APIError) as caught:
            self.py.containers.create(BB, name="life")
        self.assertEqual(caught.exception.status_code, 409)
        box.restart(timeout=3)
        box.stop(timeout=3)
        self.assertEqual(box.wait(), {"StatusCode": 4, **({"Error": None} if CTX.is_oracle else {})})
        box.start()
        box.kill()
        self.assertEqual(box.wait()["StatusCode"], 137)
        box.remove()
        with self.assertRaises(NotFound):
            self.py.containers.get("life")

    def test_log_streams(self):
        box = self.py.containers.run(BB, ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done; echo e >&2"],
                                     detach=True)
        got = b"".join(box.logs(stream=True, follow=True, stderr=False))
        self.assertEqual(got, b"1\n2\n3\n")
        box.wait()
        self.assertEqual(box.logs(tail=2, stderr=False), b"3\n")
        self.assertEqual(box.logs(stdout=False), b"e\n")
        self.assertEqual(len(box.logs(timestamps=True).split()), 8)
        self.assertEqual(box.logs(since=int(time.time()) + 10), b"")

    def test_large_log(self):
        box = self.py.containers.run(BB, ["sh", "-c", "yes 0123456789 | head -c 11000000"], detach=True)
        box.wait()
        got = box.logs()
        self.assertEqual(len(got), 11000000)
        self.assertEqual(set(got.split(b"\n")[:-1]), {b"0123456789"})

    def test_exec(self):
        box = self.py.containers.run(BB, ["sleep", "1000"], detach=True)
        code, output = box.exec_run(["sh", "-c", "echo o; echo e >&2; exit 3"], demux=True)
        self.assertEqual((code, output), (3, (b"o\n", b"e\n")))
        code, output = box.exec_run("cat /etc/secret", user="root", environment={"A": "b"}, workdir="/tmp")
        self.assertEqual((code, output), (0, b"for root\n"))
        code, stream = box.exec_run(["sh", "-c", "for i in 1 2 3; do echo $i; done"], stream=True)
        self.assertEqual(b"".join(stream), b"1\n2\n3\n")
        code, output = box.exec_run("tty", tty=True)
        self.assertTrue(output.startswith(b"/dev/pts/"), output)
        code, sock = box.exec_run("cat", stdin=True, socket=True)
        raw = sock._sock
        raw.settimeout(10)
        raw.sendall(b"through a socket\n")
        raw.shutdown(1)
        data = b""
        while True:
            part = raw.recv(4096)
            if not part:
                break
            data += part
        self.assertEqual(data[8:], b"through a socket\n")
        sock.close()

    def test_attach(self):
        box = self.py.containers.create(BB, ["sh", "-c", "echo a; until [ -e /1 ]; do sleep 0.05; done; echo b >&2; "
                                             "until [ -e /2 ]; do sleep 0.05; done; echo c"])
        stream = box.attach(stream=True, logs=False)
        box.start()
        for text, name in ((b"a\n", "/1"), (b"b\n", "/2")):
            self.assertEqual(next(stream), text)
            box.exec_run(["touch", name])
        self.assertEqual(b"".join(stream), b"c\n")

    def test_attach_socket(self):
        box = self.py.containers.create(BB, ["cat"], stdin_open=True)
        sock = box.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
        box.start()
        raw = sock._sock
        raw.settimeout(10)
        raw.sendall(b"hello\n")
        data = b""
        while len(data) < 14:
            data += raw.recv(100)
        self.assertEqual(data, b"\1\0\0\0\0\0\0\6hello\n")
        raw.close()
        sock.close()

    def test_tty(self):
        self.assertEqual(self.py.containers.run(BB, ["sh", "-c", "test -t 1 && echo yes"], tty=True, remove=True),
                         b"yes\r\n")
        box = self.py.containers.run(BB, ["sh"], tty=True, stdin_open=True, detach=True)
        box.resize(40, 100)
        code, output = box.exec_run("stty size", tty=True)
        self.assertEqual(code, 0)

    def test_ports_and_networks(self):
        box = self.py.containers.run(BB, ["sleep", "1000"], detach=True, ports={"80/tcp": None, "53/udp": None})
        box.reload()
        self.assertEqual(set(box.ports), {"80/tcp", "53/udp"})
        self.assertTrue(int(box.ports["80/tcp"][0]["HostPort"]) > 1023)
        self.assertEqual(sorted(n.name for n in self.py.networks.list()), ["bridge", "host", "none"])

    def test_wait_conditions(self):
        box = self.py.containers.run(BB, ["sleep", "0.3"], detach=True, auto_remove=True)
        self.assertEqual(box.wait(condition="removed")["StatusCode"], 0)
