# SPDX-License-Identifier: Apache-2.0
"""POST /auth: docker login and logout against registries with passwords and token services."""

import base64
import json
import os
import socket
import threading
import time

from harness.api import Api
from harness.case import BB, CTX, E2E, images, not_oracle, takes
from harness.rawhttp import Conn
from harness.registry import FAR, PASSWORD, REFRESH, USER, Registry


class Login(E2E):
    image = False

    def auth(self, status, **config):
        got = self.api.post("/auth", config)
        self.assertEqual(got.status, status, got)
        return json.loads(got.body)


class TestBasic(Login):
    @classmethod
    def set_up_fixtures(cls):
        cls.registry = Registry(auth="basic")
        cls.fixtures.append(cls.registry)
        cls.registry.push("private/one", "1", images.base_image())

    def test_good(self):
        for address in (self.registry.host, f"http://{self.registry.host}", f"https://{self.registry.host}/v1/"):
            with self.subTest(address):
                got = self.auth(200, username=USER, password=PASSWORD, serveraddress=address)
                self.assertEqual((got["Status"], got.get("IdentityToken", "")), ("Login Succeeded", ""))
        both = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if not CTX.is_oracle:
            self.auth(200, auth=both, serveraddress=self.registry.host)

    def test_bad(self):
        got = self.auth(500 if CTX.is_oracle else 500, username=USER, password="wrong",
                        serveraddress=self.registry.host)
        self.assertEqual(got["message"], f"login attempt to http://{self.registry.host}/v2/ failed with status: "
                                         "401 Unauthorized")
        self.assertNotIn("wrong", self.daemon.log_tail(200))

    def test_cli(self):
        got = self.docker("login", "-u", USER, "--password-stdin", self.registry.host, data=PASSWORD.encode())
        self.assertEqual(got.code, 0, got)
        self.assertIn("Login Succeeded", got.out)
        self.docker.ok("pull", "-q", f"{self.registry.host}/private/one:1")
        self.docker.ok("rmi", f"{self.registry.host}/private/one:1")
        self.docker.ok("logout", self.registry.host)
        self.assertNotEqual(self.docker("pull", "-q", f"{self.registry.host}/private/one:1").code, 0)
        got = self.docker("login", "-u", USER, "--password-stdin", self.registry.host, data=b"nope")
        self.assertEqual(got.code, 1)
        self.assertIn("401 Unauthorized", got.err)

    def test_python(self):
        import docker
        client = docker.DockerClient(base_url=f"unix://{self.daemon.sock}", version="auto")
        got = client.login(USER, PASSWORD, registry=self.registry.host, reauth=True,
                           dockercfg_path=self.path("none"))
        self.assertEqual(got["Status"], "Login Succeeded")
        client.close()

    def test_nonsense(self):
        for body in (b"", b"[]", b"{", b'{"username":5}'):
            with self.subTest(body):
                got = self.api.call("POST", "/auth", body, {"Content-Type": "application/json"})
                self.assertIn(got.status, (400, 500) if CTX.is_oracle else (400,), got)
        if not CTX.is_oracle:
            self.assertIn("unable to parse server address",
                          self.auth(400, username="a", password="b", serveraddress="a b")["message"])


class TestBearer(Login):
    @classmethod
    def set_up_fixtures(cls):
        cls.registry = Registry(auth="bearer")
        cls.fixtures.append(cls.registry)
        cls.registry.push("private/one", "1", images.base_image())

    def test_password_for_token(self):
        got = self.auth(200, username=USER, password=PASSWORD, serveraddress=self.registry.host)
        self.assertEqual((got["Status"], got["IdentityToken"]), ("Login Succeeded", REFRESH))
        asked, _ = self.registry.tokens.log[-1]
        self.assertEqual((asked["account"], asked["offline_token"], asked["service"]),
                         ([USER], ["true"], ["e2e registry"]))
        self.assertNotIn("scope", asked)

    def test_token_again(self):
        got = self.auth(200, username="<token>", identitytoken=REFRESH, serveraddress=self.registry.host)
        self.assertEqual(got["Status"], "Login Succeeded")
        asked, how = self.registry.tokens.log[-1]
        self.assertEqual((how, asked["grant_type"]), ("refresh", ["refresh_token"]))

    def test_refused(self):
        for config in (dict(username=USER, password="wrong"), dict(identitytoken="stale")):
            got = self.auth(401, serveraddress=self.registry.host, **config)
            self.assertEqual(got["message"], f'Get "http://{self.registry.host}/v2/": unauthorized: '
                                             "incorrect username or password")

    def test_cli(self):
        got = self.docker("login", "-u", USER, "--password-stdin", self.registry.host, data=PASSWORD.encode())
        self.assertEqual(got.code, 0, got)
        self.docker.ok("pull", "-q", f"{self.registry.host}/private/one:1")
        self.assertEqual(self.registry.tokens.log[-1][1], "refresh")
        self.docker.ok("rmi", f"{self.registry.host}/private/one:1")
        self.docker.ok("logout", self.registry.host)
        self.assertNotEqual(self.docker("pull", "-q", f"{self.registry.host}/private/one:1").code, 0)

    def test_pull_with_token(self):
        head = base64.urlsafe_b64encode(json.dumps({"identitytoken": REFRESH}).encode()).decode()
        got = self.api.post("/images/create", None, headers={"X-Registry-Auth": head},
                            fromImage=f"{self.registry.host}/private/one", tag="1")
        self.assertIn(b"Downloaded newer image", got.body)
        self.api.ok("DELETE", f"/images/{self.registry.host}/private/one:1")


class TestElsewhere(Login):
    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        got = self.auth(500, username="a", password="b", serveraddress=f"127.0.0.1:{port}")
        self.assertIn("connection refused", got["message"].lower())
        got = self.auth(500, username="a", password="b", serveraddress="registry.invalid:5000")
        self.assertIn("registry.invalid", got["message"])

    def test_not_a_registry(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            threading.Thread(target=self.babble, args=(server,), daemon=True).start()
            self.auth(500, username="a", password="b", serveraddress=f"127.0.0.1:{port}")

    @staticmethod
    def babble(server):
        server.settimeout(20)
        try:
            for _ in range(4):
                conn, _ = server.accept()
                conn.recv(1000)
                conn.sendall(b"\0\1\2nonsense\r\n\r\n")
                conn.close()
        except OSError:
            pass

    @not_oracle("it waits for each byte anew")
    @takes(90)
    def test_never_done(self):
        """Registries that say nothing, or go on talking, end; and others need not wait for them."""
        answers = []

        def ask(port):
            answers.append(Api(self.daemon.sock, timeout=80).post(
                "/auth", {"username": "a", "password": "b", "serveraddress": f"127.0.0.1:{port}"}))

        def drip(server):
            while True:
                try:
                    conn, _ = server.accept()
                    while True:
                        conn.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                        time.sleep(0.5)
                except ConnectionError:
                    pass
                except OSError:
                    return
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as silent:
            threading.Thread(target=drip, args=(server,), daemon=True).start()
            asking = [threading.Thread(target=ask, args=(one.getsockname()[1],), daemon=True)
                      for one in (server, silent)]
            for thread in asking:
                thread.start()
            crowd = []
            body = json.dumps({"username": "a", "password": "b",
                               "serveraddress": f"127.0.0.1:{silent.getsockname()[1]}"})
            for _ in range(20):
                crowd.append(Conn(self.daemon.sock))
                crowd[-1].send("POST /auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                               f"Content-Length: {len(body)}\r\n\r\n{body}")
            time.sleep(0.5)
            self.assertEqual(self.api.load(images.base_archive())[0], 200)
            for conn in crowd:
                conn.close()
            for thread in asking:
                thread.join(75)
        self.assertEqual([got.status for got in answers], [500, 500], answers)

    @not_oracle("it asks through another address")
    def test_in_the_clear_only_where_trusted(self):
        registry = Registry(auth="basic", address=FAR)
        try:
            got = self.auth(500, username=USER, password=PASSWORD, serveraddress=registry.host)
            self.assertIn(registry.host, got["message"])
        finally:
            registry.close()


class TestTls(Login):
    @classmethod
    def set_up_fixtures(cls):
        cls.registry = Registry(tls=True, auth="basic")
        cls.fixtures.append(cls.registry)

    def test_login(self):
        got = self.auth(200, username=USER, password=PASSWORD, serveraddress=self.registry.host)
        self.assertEqual(got["Status"], "Login Succeeded")
        got = self.auth(500, username=USER, password="no", serveraddress=self.registry.host)
        self.assertIn("401 Unauthorized" if not CTX.is_oracle else "", got["message"])
