# SPDX-License-Identifier: Apache-2.0
"""POST /commit: what the new layer holds, the configuration, changes, events, failures."""

import io
import json
import os
import subprocess
import tarfile
import threading
import time

from harness import rawhttp
from harness.api import Api, query
from harness.case import BB, CTX, Daemon, E2E, images, not_oracle, takes, wait_for

TRAP = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


class Commit(E2E):
    def commit(self, ref, body=None, status=201, **parts):
        got = self.api.post("/commit", body, container=ref, **parts)
        self.assertEqual(got.status, status, got)
        return json.loads(got.body)["Id" if status == 201 else "message"]

    def changed(self, script, **config):
        """A container that ran a script and ended."""
        ref = self.run_(script, **config)
        self.assertEqual(self.api.wait(ref), 0, (script, self.api.logs(ref)))
        return ref

    def tearDown(self):
        for c in self.api.ok("GET", "/containers/json", all=1):
            self.api.remove(c["Id"])
        for _ in range(2):
            for image in self.api.ok("GET", "/images/json"):
                if BB not in (image["RepoTags"] or []):
                    self.api.delete(f"/images/{image['Id']}", force=1)
        super().tearDown()

    def image(self, ref):
        return self.api.ok("GET", f"/images/{ref}/json")

    def history(self, ref):
        return self.api.ok("GET", f"/images/{ref}/history")

    def layer_of(self, ref):
        """The tar of an image's newest layer, from `docker save`'s place on our own disk."""
        with open(f"{self.daemon.data}/image/images/{self.image(ref)['Id'][7:]}.json") as f:
            blob = json.load(f)["layers"][-1]["blob"][7:]
        with open(f"{self.daemon.data}/image/blobs/sha256/{blob}", "rb") as f:
            return tarfile.open(fileobj=io.BytesIO(f.read()), mode="r:*")

    def deep(self):
        """An image with a tree of its own, to delete from."""
        ref = self.changed("mkdir -p /etc/deep/er /keep/in; echo x >/etc/deep/er/file; echo y >/keep/in/f; "
                           "echo z >/keep/g")
        self.commit(ref, repo="deep")
        return "deep:latest"


CHANGES = ("echo new >/new; echo changed >>/etc/passwd; rm /bin/cat; rm -r /etc/deep; mkdir -p /a/b; "
           "ln -s /new /a/link; ln /new /a/hard; mkfifo /a/fifo; chown 7:8 /a/b; chmod 2750 /a/b; "
           "chmod 4755 /new; rm -r /keep; mkdir /keep; echo own >/keep/own; mknod /a/null c 1 3")
PROOF = ("busybox cat /new; tail -n1 /etc/passwd; readlink /a/link; stat -c '%u %g %a' /a/b; "
         "stat -c '%h %a' /a/hard; test -p /a/fifo && echo fifo; test ! -e /bin/cat && echo gone; "
         "test ! -e /etc/deep && echo gone; ls /keep; test -c /a/null && echo node")
PROVED = ["new", "changed", "/new", "7 8 2750", "2 4755", "fifo", "gone", "gone", "own", "node"]


class TestLayer(Commit):
    def test_everything_comes_along(self):
        ref = self.changed(CHANGES, image=self.deep())
        new = self.commit(ref, repo="made", tag="one")
        self.assertRegex(new, "^sha256:[0-9a-f]{64}$")
        code, out, err = self.output(PROOF, image="made:one")
        self.assertEqual((code, out.splitlines(), err), (0, PROVED, ""))
        base, mine = self.image("deep"), self.image("made:one")
        self.assertEqual(mine["Id"], new)
        self.assertEqual(mine["RootFS"]["Layers"][:-1], base["RootFS"]["Layers"])
        self.assertEqual(mine["Parent"], base["Id"])

    @not_oracle("it looks at our own files")
    def test_form(self):
        ref = self.changed(CHANGES, image=self.deep())
        self.commit(ref, repo="made")
        with self.layer_of("made") as layer:
            got = {m.name: m for m in layer}
        self.assertIn("bin/.wh.cat", got)
        self.assertIn("etc/.wh.deep", got)
        self.assertTrue({"keep/.wh..wh..opq", "keep/.wh.in"} & set(got), got)
        self.assertTrue(got["a/hard"].islnk() or got["new"].islnk())
        self.assertTrue(got["a/null"].ischr())
        self.assertEqual((got["a/b"].uid, got["a/b"].gid), (7, 8))
        self.assertNotIn("bin/busybox", got)

    @not_oracle("needs a probe's attributes")
    def test_attributes(self):
        ref = self.create("true")
        caps = "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        data = images.tar([images.member("capped", b"#!", mode=0o755,
                                         pax={"SCHILY.xattr.security.capability": caps,
                                              "SCHILY.xattr.user.note": "mine"})])
        got = self.api.call("PUT", f"/containers/{ref}/archive", data,
                            {"Content-Type": "application/x-tar"}, path_="/")
        self.assertEqual(got.status, 200, got)
        upper = self.api.inspect(ref)["GraphDriver"]["Data"]["UpperDir"] + "/capped"
        self.assertEqual(set(os.listxattr(upper)), {"security.capability", "user.note"})
        new = self.commit(ref)
        again = self.create("true", image=new)
        merged = self.api.inspect(again)["GraphDriver"]["Data"]["LowerDir"].split(":")
        path = next(p + "/capped" for p in merged if os.path.exists(p + "/capped"))
        self.assertEqual(os.getxattr(path, "security.capability"), caps.encode())
        self.assertEqual(os.getxattr(path, "user.note"), b"mine")

    def test_nothing_changed(self):
        ref = self.create("true")
        new = self.commit(ref, comment="empty")
        self.assertEqual(self.image(new)["RootFS"], self.image(BB)["RootFS"])
        self.assertEqual(len(self.history(new)), len(self.history(BB)) + 1)
        self.assertEqual(self.history(new)[0]["Size"], 0)
        rows = [(row["Id"], row["Tags"]) for row in self.history(new)[:2]]
        self.assertEqual(rows, [(new, None), (self.image(BB)["Id"], [BB])])
        self.assertEqual(self.output("echo runs", image=new)[:2], (0, "runs\n"))

    def test_chain(self):
        last = BB
        for i in range(4):
            ref = self.changed(f"echo {i} >/step{i}; rm -f /step{i - 1}", image=last)
            last = self.commit(ref, repo="chain", tag=str(i))
        self.assertEqual(self.output("ls -d /step*", image="chain:3")[1], "/step3\n")
        self.assertEqual(len(self.image(last)["RootFS"]["Layers"]),
                         len(self.image(BB)["RootFS"]["Layers"]) + 4)

    @not_oracle("skopeo reads our layout")
    def test_others_read_it(self):
        ref = self.changed("echo new >/new")
        self.commit(ref, repo="made", tag="one")
        got = subprocess.run(["skopeo", "inspect", "--config", f"oci:{self.daemon.data}/image:made:one"],
                             capture_output=True, text=True, timeout=30)
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertEqual(json.loads(got.stdout)["rootfs"]["diff_ids"],
                         self.image("made:one")["RootFS"]["Layers"])
        to = self.path("copied")
        got = subprocess.run(["skopeo", "copy", f"oci:{self.daemon.data}/image:made:one",
                              f"docker-archive:{to}:made:two"], capture_output=True, text=True, timeout=60)
        self.assertEqual(got.returncode, 0, got.stderr)
        with open(to, "rb") as f:
            self.api.load(f.read())
        os.unlink(to)
        self.assertEqual(self.output("cat /new", image="made:two")[1], "new\n")

    @not_oracle("its restart needs more")
    def test_daemon_restart(self):
        ref = self.changed("echo new >/new")
        self.commit(ref, repo="made", tag="one")
        before = self.image("made:one")
        self.daemon.restart()
        self.assertEqual(self.image("made:one"), before)
        self.assertEqual(self.output("cat /new", image="made:one")[1], "new\n")


class TestRunning(Commit):
    def test_is_held_still(self):
        ref = self.run_(f"echo x >/file; {TRAP}")
        wait_for(lambda: self.api.call("HEAD", f"/containers/{ref}/archive", path_="/file").status == 200,
                 5, "its file")
        for pause in (None, 0, 1):
            new = self.commit(ref, pause=pause)
            self.assertEqual(self.api.inspect(ref)["State"]["Status"], "running")
            self.assertEqual(self.output("cat /file", image=new)[1], "x\n")
        self.assertEqual(self.docker.ok("exec", ref, "echo", "alive"), "alive")

    def test_paused_stays_paused(self):
        ref = self.run_(TRAP)
        self.api.ok("POST", f"/containers/{ref}/pause")
        self.commit(ref)
        self.assertEqual(self.api.inspect(ref)["State"]["Status"], "paused")
        self.api.ok("POST", f"/containers/{ref}/unpause")

    def test_events(self):
        ref = self.run_(TRAP, name="ev")
        since = time.time() - 0.5
        new = self.commit(ref, repo="made", tag="ev", comment="note")
        found = self.api.get("/events", since=f"{since:.3f}", until=f"{time.time() + 0.2:.3f}").body
        found = [json.loads(line) for line in found.splitlines() if line.strip()]
        mine = [e for e in found if e["Action"] == "commit"]
        self.assertEqual(len(mine), 1, found)
        attributes = mine[0]["Actor"]["Attributes"]
        self.assertEqual({k: attributes.get(k) for k in ("comment", "imageID", "imageRef", "name", "image")},
                         {"comment": "note", "imageID": new, "imageRef": "made:ev", "name": "ev", "image": BB})
        self.assertEqual([(e["Type"], e["Action"]) for e in found
                          if e["Action"] in ("pause", "unpause", "tag", "commit")],
                         [("container", "pause"), ("image", "tag"), ("container", "commit"),
                          ("container", "unpause")] if CTX.is_oracle else
                         [("container", "pause"), ("container", "unpause"), ("image", "tag"),
                          ("container", "commit")])

    def test_several_at_once(self):
        ref = self.run_(f"echo x >/file; {TRAP}")
        results = []
        threads = [threading.Thread(target=lambda i=i: results.append(
            Api(self.daemon.sock).post("/commit", None, container=ref, repo="many", tag=str(i)).status))
            for i in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(30)
        self.assertEqual(results, [201] * 6)
        self.assertEqual(self.api.inspect(ref)["State"]["Status"], "running")


class TestConfig(Commit):
    def config(self, ref):
        return self.image(ref)["Config"]

    def test_of_the_container(self):
        ref = self.create(["echo", "from", "here"], Env=["A=1"], Labels={"l": "v"}, User="web",
                          WorkingDir="/tmp", ExposedPorts={"80/tcp": {}})
        new = self.commit(ref, author="somebody", comment="why")
        got, image = self.config(new), self.image(new)
        self.assertEqual((got["Cmd"], got["User"], got["WorkingDir"], got["Labels"]),
                         (["echo", "from", "here"], "web", "/tmp", {"l": "v"}))
        self.assertIn("A=1", got["Env"])
        self.assertIn("80/tcp", got["ExposedPorts"])
        self.assertEqual((image["Author"], image["Comment"]), ("somebody", "why"))
        top = self.history(new)[0]
        self.assertEqual((top["CreatedBy"], top["Comment"]), ("echo from here", "why"))

    def test_of_the_body(self):
        ref = self.create("true", Env=["A=1", "B=2"], Labels={"l": "v"})
        new = self.commit(ref, {"Cmd": ["echo", "body"], "Env": ["A=9"], "Labels": {"m": "w"}})
        got = self.config(new)
        self.assertEqual(got["Cmd"], ["echo", "body"])
        self.assertEqual(sorted(e for e in got["Env"] if e[:2] in ("A=", "B=")), ["A=9", "B=2"])
        self.assertEqual(got["Labels"], {"l": "v", "m": "w"})

    def test_changes(self):
        ref = self.create("true", Env=["A=1"], WorkingDir="/srv")
        new = self.commit(ref, changes=[
            'CMD ["echo", "json"]', "ENV A=2 B='x y' C=$A", "EXPOSE 80 53/udp 90-91", "LABEL one=1 \"two\"=\"2 3\"",
            "ONBUILD RUN make", "USER web", "VOLUME /data /more", "WORKDIR sub", "STOPSIGNAL SIGUSR1",
            "HEALTHCHECK --interval=5s --retries=2 CMD test -e /x"])
        got = self.config(new)
        self.assertEqual(got["Cmd"], ["echo", "json"])
        self.assertLessEqual({"A=2", "B=x y", "C=1"}, set(got["Env"]))
        self.assertEqual(set(got["ExposedPorts"]), {"80/tcp", "53/udp", "90/tcp", "91/tcp"})
        self.assertEqual(got["Labels"], {"one": "1", "two": "2 3"})
        self.assertEqual((got["OnBuild"], got["User"], set(got["Volumes"]), got["WorkingDir"]),
                         (["RUN make"], "web", {"/data", "/more"}, "/srv/sub"))
        self.assertEqual((got["StopSignal"], got["Healthcheck"]),
                         ("SIGUSR1", {"Test": ["CMD-SHELL", "test -e /x"], "Interval": 5 * 10**9, "Retries": 2}))

    def test_shell_forms(self):
        ref = self.create("true")
        self.assertEqual(self.config(self.commit(ref, changes="CMD echo $HOME  there"))["Cmd"],
                         ["/bin/sh", "-c", "echo $HOME  there"])
        got = self.config(self.commit(ref, changes=["ENTRYPOINT [\"/bin/echo\"]", "CMD [\"a\"]"]))
        self.assertEqual((got["Entrypoint"], got["Cmd"]), (["/bin/echo"], ["a"]))
        got = self.config(self.commit(ref, changes="ENV first the rest\nLABEL a=b \\\n  c=d"))
        self.assertIn("first=the rest", got["Env"])
        self.assertEqual(got["Labels"], {"a": "b", "c": "d"})

    def test_bad_changes(self):
        ref = self.create("true")
        for line, words in (("RUN ls", "RUN is not a valid change command"),
                            ("nonsense", "nonsense is not a valid change command"),
                            ("FROM x", "FROM is not a valid change command"),
                            ("", "file with no instructions"),
                            ("ENV", "ENV requires at least one argument"),
                            ("ENV A", "ENV must have two arguments"),
                            ("ENV A=1 B", "can't find = in \"B\""),
                            ("EXPOSE nothing", "invalid containerPort: nothing"),
                            ("EXPOSE 80/icmp", "nvalid proto: icmp"),
                            ("ENV A=\"open", "unexpected end of statement"),
                            ("USER", "USER requires exactly one argument"),
                            ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD"),
                            ("HEALTHCHECK FOO x", "Unknown type"),
                            ("HEALTHCHECK --foo=1 CMD x", "nknown flag: foo"),
                            ("STOPSIGNAL NOPE", "nvalid signal: NOPE")):
            if CTX.is_oracle and line in ("", "ENV"):
                continue
            with self.subTest(line):
                self.assertIn(words, self.commit(ref, status=400, changes=line))
        self.assertEqual(len(self.api.ok("GET", "/images/json")), 1)


class TestRefused(Commit):
    def test_words(self):
        ref = self.create("true")
        self.assertEqual(self.commit("nobody", status=404), "No such container: nobody")
        for parts, words in ((dict(repo="UPPER"), "must be lowercase"),
                             (dict(repo="a", tag="-no"), "invalid tag format"),
                             (dict(repo="a@sha256:" + "0" * 64), "cannot import digest reference"),
                             (dict(repo="a//b"), "invalid reference format")):
            with self.subTest(parts):
                self.assertIn(words, self.commit(ref, status=400, **parts))
        got = self.api.call("POST", "/commit", b"{bad", {"Content-Type": "application/json"}, container=ref)
        self.assertEqual(got.status, 400, got)
        got = self.api.call("POST", "/commit", b"x=1", {"Content-Type": "text/plain"}, container=ref)
        self.assertEqual(got.status, 400, got)
        got = self.api.call("POST", "/commit", b'{"Env":5}', {"Content-Type": "application/json"}, container=ref)
        self.assertEqual(got.status, 400, got)

    @not_oracle("its words differ")
    def test_image_is_gone(self):
        other = self.commit(self.changed("echo 1 >/1"), repo="other")
        ref = self.changed("echo 2 >/2", image="other")
        self.api.ok("DELETE", "/images/other", force=1)
        self.assertIn(other, self.commit(ref, status=404))


class TestDisk(Commit):
    def test_shared(self):
        ref = self.changed("dd if=/dev/urandom of=/big bs=1024 count=300 2>/dev/null")
        new = self.commit(ref, repo="made")
        size = self.image(new)["Size"]
        base = self.image(BB)["Size"]
        self.assertEqual(size - base, 300 * 1024)
        used = self.api.ok("GET", "/system/df")
        shown = {i["Id"]: i for i in used["Images"]}
        self.assertEqual((shown[new]["Size"], shown[new]["SharedSize"]), (size, base))
        self.assertEqual(shown[self.image(BB)["Id"]]["SharedSize"], base)
        self.assertEqual(used["LayersSize"], size)
        mine = next(c for c in used["Containers"] if c["Id"] == ref)
        self.assertEqual((mine["SizeRw"], mine["SizeRootFs"]), (300 * 1024, base + 300 * 1024))

    def test_children(self):
        one = self.commit(self.changed("echo 1 >/1"), repo="one")
        two = self.commit(self.changed("echo 2 >/2", image="one"), repo="two")
        for c in self.api.ok("GET", "/containers/json", all=1):
            self.api.remove(c["Id"])
        self.gives(409, "image has dependent child images", "DELETE", f"/images/{one}")
        got = self.api.ok("DELETE", "/images/one")
        self.assertEqual(got, [{"Untagged": "one:latest"}])
        self.assertNotIn(one, [i["Id"] for i in self.api.ok("GET", "/images/json")])
        self.assertIn(one, [i["Id"] for i in self.api.ok("GET", "/images/json", all=1)])
        self.assertEqual(self.api.ok("POST", "/images/prune")["ImagesDeleted"] or [], [])
        got = self.api.ok("DELETE", "/images/two")
        self.assertEqual([r["Deleted"] for r in got if r.get("Deleted") in (one, two)], [two, one])
        self.assertEqual(len(self.api.ok("GET", "/images/json", all=1)), 1)

    def test_dangling_parents(self):
        one = self.commit(self.changed("echo 1 >/1"))
        two = self.commit(self.changed("echo 2 >/2", image=one))
        for c in self.api.ok("GET", "/containers/json", all=1):
            self.api.remove(c["Id"])
        gone = [r.get("Deleted") for r in self.api.ok("POST", "/images/prune")["ImagesDeleted"]]
        self.assertLessEqual({one, two}, set(gone))
        self.assertEqual(len(self.api.ok("GET", "/images/json", all=1)), 1)


class TestClients(Commit):
    def test_cli(self):
        ref = self.changed("echo new >/new", name="src")
        got = self.docker.ok("commit", "-a", "me", "-m", "why", "-c", "ENV X=1", "-c", "CMD cat /new", "src", "made:cli")
        self.assertRegex(got, "^sha256:[0-9a-f]{64}$")
        self.assertEqual(self.docker.ok("run", "--rm", "made:cli"), "new")
        self.assertIn("why", self.docker.ok("history", "--no-trunc", "made:cli"))
        self.assertIn("/new", self.docker.ok("diff", ref))
        got = self.docker("commit", "-c", "RUN x", "src")
        self.assertEqual(got.code, 1)
        self.assertIn("RUN is not a valid change command", got.err)

    def test_python(self):
        import docker
        client = docker.DockerClient(base_url=f"unix://{self.daemon.sock}", version="auto")
        ref = self.changed("echo new >/new")
        image = client.containers.get(ref).commit("py", "one", message="m", author="a",
                                                  changes=["ENV P=1", "LABEL q=r"], conf={"Cmd": ["cat", "/new"]})
        self.assertEqual(image.tags, ["py:one"])
        self.assertEqual(client.containers.run("py:one", remove=True), b"new\n")
        self.assertEqual(image.attrs["Config"]["Labels"], {"q": "r"})
        client.close()


@not_oracle("vfs needs a daemon of its own")
class TestVfs(Commit):
    flags = ("--storage-driver", "vfs")

    def test_changes(self):
        image = self.deep()
        ref = self.changed(CHANGES, image=image)
        got = {(c["Kind"], c["Path"]) for c in self.api.ok("GET", f"/containers/{ref}/changes")}
        self.assertLessEqual({(1, "/new"), (0, "/etc/passwd"), (2, "/bin/cat"), (2, "/etc/deep"), (1, "/a"),
                              (1, "/a/b"), (0, "/etc"), (0, "/bin"), (2, "/keep/in"), (1, "/keep/own")}, got)
        self.assertFalse({p for _, p in got} & {"/proc", "/dev", "/sys", "/.dockerenv", "/etc/hosts", "/bin/busybox"})

    def test_none(self):
        for image in (BB, self.deep()):
            self.assertIsNone(self.api.ok("GET", f"/containers/{self.create('true', image=image)}/changes"))

    def test_commit(self):
        ref = self.changed(CHANGES, image=self.deep())
        self.commit(ref, repo="made", tag="one")
        code, out, err = self.output(PROOF, image="made:one")
        self.assertEqual((code, out.splitlines(), err), (0, PROVED, ""))
        self.assertIsNone(self.api.ok("GET", f"/containers/{self.create('true', image='made:one')}/changes"))
        new = self.commit(self.create("true"))
        self.assertEqual(self.image(new)["RootFS"], self.image(BB)["RootFS"])


@not_oracle("it breaks the daemon on purpose")
class TestFailures(E2E):
    own_daemon = True

    def begin(self, size=None):
        daemon = Daemon()
        if size:
            os.makedirs(daemon.data)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", daemon.data], check=True)
        daemon.start()
        api = Api(daemon.sock)
        self.load_base(api)
        return daemon, api

    def end(self, daemon, api, size=None):
        for c in api.ok("GET", "/containers/json", all=1):
            api.remove(c["Id"])
        self.assertEqual(daemon.destroy(), [])
        if size:
            subprocess.run(["umount", "-l", daemon.data], capture_output=True)

    @takes(90)
    def test_disk_full(self):
        daemon, api = self.begin("60m")
        ref = api.run(BB, "dd if=/dev/urandom of=/big bs=1M count=30 2>/dev/null")
        self.assertEqual(api.wait(ref), 0)
        before = sorted(os.listdir(f"{daemon.data}/image/blobs/sha256"))
        got = api.post("/commit", None, container=ref, repo="made")
        self.assertEqual(got.status, 500, got)
        self.assertIn("no space left", got.message.lower())
        self.assertEqual(sorted(os.listdir(f"{daemon.data}/image/blobs/sha256")), before)
        wait_for(lambda: not os.listdir(f"{daemon.data}/tmp"), 5, "the room is given back")
        api.remove(ref)
        ref = api.run(BB, "echo small >/small")
        api.wait(ref)
        self.assertEqual(api.post("/commit", None, container=ref, repo="made").status, 201)
        self.end(daemon, api, True)

    @takes(120)
    def test_killed(self):
        daemon, api = self.begin()
        ref = api.run(BB, f"dd if=/dev/urandom of=/big bs=1M count=60 2>/dev/null; echo done; {TRAP}")
        wait_for(lambda: b"done" in api.get(f"/containers/{ref}/logs", stdout=1).body, 30, "its file")
        for i, delay in enumerate((0.05, 0.3, 0.7, 1.2, 1.8)):
            thread = threading.Thread(target=lambda: self.swallow(daemon, ref))
            thread.start()
            time.sleep(delay)
            daemon.kill9()
            thread.join(20)
            daemon.start()
            state = api.inspect(ref)["State"]
            self.assertEqual((state["Status"], state["Paused"]), ("running", False), (i, state))
            self.assertEqual(os.listdir(f"{daemon.data}/tmp"), [])
            for image in api.ok("GET", "/images/json"):
                code, out, err = api.output(image["Id"], "echo fine")
                self.assertEqual((code, out), (0, "fine\n"), err)
        self.assertEqual(api.post("/commit", None, container=ref, repo="made").status, 201)
        self.end(daemon, api)

    @staticmethod
    def swallow(daemon, ref):
        try:
            Api(daemon.sock).post("/commit", None, container=ref, repo="made")
        except (OSError, rawhttp.ProtocolError):
            pass

    @takes(90)
    def test_client_vanishes(self):
        daemon, api = self.begin()
        ref = api.run(BB, f"dd if=/dev/urandom of=/big bs=1M count=60 2>/dev/null; echo done; {TRAP}")
        wait_for(lambda: b"done" in api.get(f"/containers/{ref}/logs", stdout=1).body, 30, "its file")
        for delay in (0.0, 0.2, 0.8):
            conn = rawhttp.Conn(daemon.sock, 10)
            conn.request("POST", api.prefix + "/commit" + query(container=ref), b"", {})
            time.sleep(delay)
            conn.close()
        wait_for(lambda: api.inspect(ref)["State"]["Status"] == "running" and not os.listdir(f"{daemon.data}/tmp"),
                 20, "all is as it was")
        got = api.post("/commit", None, container=ref, repo="made")
        self.assertEqual(got.status, 201)
        self.end(daemon, api)
