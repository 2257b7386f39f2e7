# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry on loopback: plain, TLS with a private CA, basic and bearer auth."""

import base64
import http.client
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from urllib.parse import parse_qs, urlparse

from .context import CTX, sh, wait_for
from .images import digest

USER, PASSWORD = "alice", "s3cret"
REFRESH = "refresh-me+1/2="
FAR = "10.99.99.1"      # an address of ours that is not loopback, where registries must be trusted


class Pki:
    """A private CA, and a certificate for 127.0.0.1, made once a run."""

    made = None

    def __init__(self):
        top = os.path.join(CTX.tmp, "pki")
        os.makedirs(top)
        self.ca, self.ca_key = os.path.join(top, "ca.crt"), os.path.join(top, "ca.key")
        self.cert, self.key = os.path.join(top, "srv.crt"), os.path.join(top, "srv.key")
        conf = os.path.join(top, "ext")
        with open(conf, "w") as f:
            f.write("subjectAltName=IP:127.0.0.1,IP:10.99.99.1,DNS:localhost\n")
        new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes"]
        sh(*new, "-x509", "-days", "30", "-subj", "/CN=test CA", "-keyout", self.ca_key,
           "-addext", "keyUsage=critical,keyCertSign,digitalSignature", "-out", self.ca)
        sh(*new, "-subj", "/CN=127.0.0.1", "-keyout", self.key, "-out", top + "/srv.csr")
        sh("openssl", "x509", "-req", "-in", top + "/srv.csr", "-CA", self.ca, "-CAkey",
           self.ca_key, "-CAcreateserial", "-days", "30", "-extfile", conf, "-out", self.cert)

    @classmethod
    def get(cls):
        cls.made = cls.made or cls()
        return cls.made


def jwt(claims):
    """A token signed with the CA's key, its certificate in the header (what the registry trusts)."""
    pki = Pki.get()
    with open(pki.ca) as f:
        cert = "".join(f.read().split("\n")[1:-2])

    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = part(json.dumps({"typ": "JWT", "alg": "RS256", "x5c": [cert]}).encode())
    text = head + b"." + part(json.dumps(claims).encode())
    signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", pki.ca_key], input=text,
                            capture_output=True, check=True, timeout=60).stdout
    return (text + b"." + part(signed)).decode()


class TokenServer:
    """Hands out bearer tokens: anonymous pull of public/*, everything to USER. log: what was asked.
    Who asks for an offline token gets REFRESH with it, which stands for USER from then on."""

    def __init__(self):
        outer = self
        self.log = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = parse_qs(urlparse(self.path).query)
                user = None
                sent = self.headers.get("Authorization", "")
                if sent.startswith("Basic "):
                    user = base64.b64decode(sent[6:]).decode()
                outer.log.append((asked, user))
                self.decide(asked, user)

            def do_POST(self):
                data = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = parse_qs(data)
                user = f"{USER}:{PASSWORD}" if asked.get("refresh_token") == [REFRESH] else "nobody:"
                outer.log.append((asked, "refresh"))
                self.decide(asked, user)

            def decide(self, asked, user):
                if user is not None and user != f"{USER}:{PASSWORD}":
                    self.answer(401, {"errors": [{"code": "UNAUTHORIZED",
                                                  "message": "incorrect username or password"}]})
                    return
                access = []
                for scope in asked.get("scope", []):
                    kind, name, actions = scope.split(":", 2)
                    allowed = actions.split(",") if user else \
                        ["pull"] if name.startswith("public/") else []
                    access.append({"type": kind, "name": name, "actions": allowed})
                now = int(time.time())
                token = jwt({"iss": "e2e", "sub": user or "", "aud": asked["service"][0],
                             "exp": now + 300, "nbf": now - 10, "iat": now, "jti": str(now),
                             "access": access})
                more = {"refresh_token": REFRESH} if user and "offline_token" in asked else {}
                self.answer(200, dict({"token": token, "expires_in": 300}, **more))

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Registry:
    """One docker-registry process. auth: None, "basic" or "bearer"."""

    def __init__(self, tls=False, auth=None, address="127.0.0.1"):
        self.tls, self.auth, self.address = tls, auth, address
        if address == FAR:
            sh("ip", "addr", "replace", FAR + "/32", "dev", "lo")
        self.root = os.path.join(CTX.tmp, f"reg{CTX.number()}")
        os.makedirs(self.root)
        with socket.create_server((address, 0)) as probe:
            self.port = probe.getsockname()[1]
        self.host = f"{address}:{self.port}"
        self.tokens = TokenServer() if auth == "bearer" else None
        self.log = os.path.join(self.root, "log")
        self.start()

    def start(self):
        conf = os.path.join(self.root, "config.yml")
        http_part = {"addr": self.host, "secret": "e2e"}
        if self.tls:
            http_part["tls"] = {"certificate": Pki.get().cert, "key": Pki.get().key}
        config = {"version": "0.1", "log": {"level": "warn"}, "http": http_part,
                  "storage": {"filesystem": {"rootdirectory": self.root + "/data"},
                              "delete": {"enabled": True}}}
        if self.auth == "basic":
            _, line = sh("htpasswd", "-Bbn", USER, PASSWORD)
            with open(self.root + "/htpasswd", "w") as f:
                f.write(line.strip() + "\n")
            config["auth"] = {"htpasswd": {"realm": "e2e", "path": self.root + "/htpasswd"}}
        elif self.auth == "bearer":
            config["auth"] = {"token": {"realm": f"http://127.0.0.1:{self.tokens.port}/token",
                                        "service": "e2e registry", "issuer": "e2e",
                                        "rootcertbundle": Pki.get().ca}}
        with open(conf, "w") as f:
            json.dump(config, f)        # JSON is YAML
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", conf], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        wait_for(self.answers, 15, "the registry answers")

    def answers(self):
        try:
            return self.call("GET", "/v2/")[0] in (200, 401)
        except OSError:
            return False

    def stop(self):
        self.process.kill()
        self.process.wait(10)

    def close(self):
        self.stop()
        if self.tokens:
            self.tokens.close()

    def token(self, name):
        return jwt({"iss": "e2e", "sub": "push", "aud": "e2e registry", "jti": "p",
                    "exp": int(time.time()) + 300, "nbf": int(time.time()) - 10,
                    "access": [{"type": "repository", "name": name,
                                "actions": ["pull", "push"]}]})

    def call(self, method, path, body=None, headers=(), name=None):
        """One request to the registry as its owner; returns (status, headers, body)."""
        headers = dict(headers)
        if self.auth == "basic":
            headers["Authorization"] = "Basic " + base64.b64encode(
                f"{USER}:{PASSWORD}".encode()).decode()
        elif self.auth == "bearer" and name:
            headers["Authorization"] = "Bearer " + self.token(name)
        if self.tls:
            context = ssl.create_default_context(cafile=Pki.get().ca)
            conn = http.client.HTTPSConnection(self.address, self.port, timeout=30, context=context)
        else:
            conn = http.client.HTTPConnection(self.address, self.port, timeout=30)
        try:
            conn.request(method, path, body=body, headers=headers)
            got = conn.getresponse()
            return got.status, got.headers, got.read()
        finally:
            conn.close()

    def push_blob(self, name, data):
        status, headers, body = self.call("POST", f"/v2/{name}/blobs/uploads/", name=name)
        assert status == 202, (status, body)
        where = urlparse(headers["Location"])
        path = f"{where.path}?{where.query}&digest={digest(data)}"
        status, _, body = self.call("PUT", path, data, {"Content-Type": "application/octet-stream"},
                                    name=name)
        assert status == 201, (status, body)

    def push_manifest(self, name, ref, manifest, kind):
        status, _, body = self.call("PUT", f"/v2/{name}/manifests/{ref}", manifest,
                                    {"Content-Type": kind}, name=name)
        assert status == 201, (status, body)
        return digest(manifest)

    def push(self, name, tag, image, pack="gzip", oci=False):
        """Put an image in; returns the manifest's digest."""
        manifest, kind, blobs = image.blobs(pack, oci)
        for data in blobs.values():
            self.push_blob(name, data)
        return self.push_manifest(name, tag, manifest, kind)

    def corrupt(self, blob):
        """Change one byte of a stored blob behind the registry's back."""
        path = f"{self.root}/data/docker/registry/v2/blobs/sha256/{blob[7:9]}/{blob[7:]}/data"
        with open(path, "r+b") as f:
            f.seek(os.path.getsize(path) // 2)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 0x55]))


def auth_header(server, user=USER, password=PASSWORD):
    """The value of X-Registry-Auth."""
    return base64.urlsafe_b64encode(json.dumps(
        {"username": user, "password": password, "serveraddress": server}).encode()).decode()
