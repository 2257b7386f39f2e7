# SPDX-License-Identifier: Apache-2.0
"""Files into and out of containers: `docker cp` both ways, archive HEAD, GET and PUT, export, diff."""

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import stat
import tarfile
import threading
import zlib

from harness.case import CTX, E2E, images, needs_host, not_oracle, wait_for

SLEEP = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
DIR, LINK = 1 << 31, 1 << 27


def names(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [m.name + ("/" if m.isdir() and not m.name.endswith("/") else "") for m in archive]


def content(data, name):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.extractfile(name).read()


class Copy(E2E):
    def head(self, ref, path):
        got = self.api.call("HEAD", f"/containers/{ref}/archive", path_=path)
        if got.status != 200:
            return got.status
        return json.loads(base64.b64decode(got.headers["x-docker-container-path-stat"]))

    def fetch(self, ref, path):
        got = self.api.get(f"/containers/{ref}/archive", path_=path)
        self.assertEqual((got.status, got.headers.get("content-type")), (200, "application/x-tar"), got)
        return got.body

    def put(self, ref, path, data, **parts):
        return self.api.call("PUT", f"/containers/{ref}/archive", data,
                             {"Content-Type": "application/x-tar"}, path_=path, **parts)

    def put_ok(self, ref, path, data, **parts):
        got = self.put(ref, path, data, **parts)
        self.assertEqual((got.status, got.body), (200, b""), got)

    def refused(self, got, status, words):
        self.assertEqual(got.status, status, got)
        self.assertIn(words, json.loads(got.body)["message"])

    def inside(self, cmd, ref=None):
        return self.docker.ok("exec", ref or self.ref, "sh", "-c", cmd)


class TestStat(Copy):
    def test_fields(self):
        ref = self.run_("mkdir -p /d/sub; echo hello >/d/file; chmod 4750 /d/file; ln -s file /d/link; "
                        "ln -s nowhere /d/broken; ln -s /d/sub /d/abs; mkfifo /d/fifo; chmod 1777 /d/sub; "
                        + SLEEP)
        wait_for(lambda: self.head(ref, "/d/fifo") != 404, 5, "its files")
        wait_for(lambda: self.head(ref, "/d/sub")["mode"] & 1 << 20, 5, "its modes")
        for running in (True, False):
            if not running:
                self.api.post(f"/containers/{ref}/stop", t=0)
            got = self.head(ref, "/d/file")
            self.assertEqual((got["name"], got["size"], got["mode"], got["linkTarget"]),
                             ("file", 6, 1 << 23 | 0o750, ""))
            self.assertRegex(got["mtime"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d")
            got = self.head(ref, "/d/link")
            self.assertEqual((got["name"], got["linkTarget"]), ("link", "/d/file"))
            self.assertTrue(got["mode"] & LINK)
            self.assertEqual(self.head(ref, "/d/broken")["linkTarget"], "/d/nowhere")
            self.assertEqual(self.head(ref, "/d/abs")["linkTarget"], "/d/sub")
            got = self.head(ref, "/d/abs/")
            self.assertEqual((got["name"], got["mode"]), ("abs", DIR | 1 << 20 | 0o777))
            self.assertEqual(self.head(ref, "/d/fifo")["mode"] & 1 << 25, 1 << 25)
            self.assertEqual(self.head(ref, "d/sub/../file")["name"], "file")
            self.assertEqual(self.head(ref, "/../../d/file")["name"], "file")
            self.assertEqual((self.head(ref, "/")["name"], self.head(ref, "/d/.")["name"]), ("/", "."))

    def test_errors(self):
        ref = self.create("true", name="box")
        self.assertEqual(self.head(ref, "/none"), 404)
        self.refused(self.api.get("/containers/box/archive", path_="/none"), 404,
                     "Could not find the file /none in container box")
        self.refused(self.put("box", "/none", images.files(x="1")), 404,
                     "Could not find the file /none in container box")
        self.refused(self.api.get("/containers/none/archive", path_="/"), 404, "No such container: none")
        self.refused(self.api.get("/containers/box/archive"), 400, "bad parameter: pathcannot be empty")
        self.refused(self.put("box", "/etc/passwd", images.files(x="1")), 400,
                     "extraction point is not a directory")
        self.assertEqual(self.head(ref, "/etc/passwd/"), 500)


class TestOut(Copy):
    def test_names(self):
        ref = self.create("true")
        self.assertEqual(names(self.fetch(ref, "/etc/passwd")), ["passwd"])
        self.assertEqual(content(self.fetch(ref, "/etc/passwd"), "passwd"), images.PASSWD.encode())
        got = names(self.fetch(ref, "/etc"))
        self.assertEqual(got[0], "etc/")
        self.assertIn("etc/passwd", got)
        self.assertEqual(sorted(got), got)
        got = names(self.fetch(ref, "/etc/"))
        self.assertIn("etc/passwd", got)
        got = names(self.fetch(ref, "/etc/."))
        self.assertIn("./passwd", got)
        got = names(self.fetch(ref, "/"))
        self.assertTrue(any(n.strip("/") == "etc/passwd" for n in got), got[:20])

    def test_kinds(self):
        ref = self.run_("mkdir /d; cd /d; echo a >a; ln a b; ln -s a l; mknod c c 1 3; mkfifo f; "
                        "chown 1234:1235 a; touch -d '2001-02-03 04:05:06' a; nc -l -p 1 -s 127.0.0.1 & "
                        "true")
        wait_for(lambda: self.api.inspect(ref)["State"]["Status"] == "exited", 10, "it ended")
        with tarfile.open(fileobj=io.BytesIO(self.fetch(ref, "/d"))) as archive:
            got = {m.name: m for m in archive}
        self.assertEqual(sorted(got), ["d", "d/a", "d/b", "d/c", "d/f", "d/l"])
        a = got["d/a"]
        self.assertEqual((a.uid, a.gid, a.size, a.mtime), (1234, 1235, 2, 981173106))
        self.assertTrue(got["d/b"].islnk() and got["d/b"].linkname == "d/a")
        self.assertTrue(got["d/l"].issym() and got["d/l"].linkname == "a")
        self.assertTrue(got["d/c"].ischr() and (got["d/c"].devmajor, got["d/c"].devminor) == (1, 3))
        self.assertTrue(got["d/f"].isfifo())

    @needs_host
    def test_running_sees_mounts(self):
        host = os.path.join(CTX.tmp, "bind-out")
        os.makedirs(host, exist_ok=True)
        with open(os.path.join(host, "inner"), "w") as f:
            f.write("bound\n")
        ref = self.run_("echo tmp >/t/file; touch /ready; " + SLEEP,
                        HostConfig={"Binds": [f"{host}:/bound"], "Tmpfs": {"/t": ""}})
        wait_for(lambda: self.head(ref, "/ready") != 404, 5, "it is ready")
        self.assertEqual(content(self.fetch(ref, "/bound/inner"), "inner"), b"bound\n")
        if not CTX.is_oracle:
            self.assertEqual(content(self.fetch(ref, "/t/file"), "file"), b"tmp\n")
        whole = [n.strip("/") for n in names(self.fetch(ref, "/"))]
        self.assertIn("bound/inner", whole)
        self.assertFalse([n for n in whole if n.startswith(("proc/", "sys/", "dev/nu"))])

    @needs_host
    def test_stopped_sees_binds(self):
        host = os.path.join(CTX.tmp, "bind-stopped")
        os.makedirs(host, exist_ok=True)
        ref = self.create("true", HostConfig={"Binds": [f"{host}:/made/for/it"]})
        self.put_ok(ref, "/made/for/it", images.files(x="1"))
        self.assertTrue(os.path.exists(os.path.join(host, "x")))
        self.assertEqual(content(self.fetch(ref, "/made/for/it/x"), "x"), b"1")
        with open("/proc/self/mountinfo") as f:
            self.assertNotIn(ref, f.read())

    def test_links_stay_inside(self):
        ref = self.run_("ln -s / /d1; ln -s ../../../../.. /d2; ln -s /etc/shadow /shadow; "
                        "ln -s /proc/self/root /magic; touch /ready; " + SLEEP)
        wait_for(lambda: self.head(ref, "/ready") != 404, 5, "it is ready")
        for path in ("/d1/etc/passwd", "/d2/etc/passwd", "/d2/d1/d2/etc/passwd"):
            self.assertEqual(content(self.fetch(ref, path), "passwd"), images.PASSWD.encode())
        self.assertIn(self.head(ref, "/shadow/."), (404, 500))
        self.assertNotIn("shadow", "".join(names(self.fetch(ref, "/d1/etc"))))
        if not CTX.is_oracle:
            self.assertIn(self.head(ref, "/magic/etc/passwd"), (404, 500))
            self.assertIn(self.head(ref, "/proc/1/root/etc/passwd"), (404, 500))

    def test_large(self):
        ref = self.run_("dd if=/dev/urandom of=/big bs=1M count=64 2>/dev/null; sha256sum /big | cut -c1-64")
        self.api.ok("POST", f"/containers/{ref}/wait")
        want = self.docker.ok("logs", ref)
        self.assertEqual(images.digest(content(self.fetch(ref, "/big"), "big")), "sha256:" + want)

    def test_client_that_leaves(self):
        ref = self.run_("dd if=/dev/zero of=/big bs=1M count=64 2>/dev/null")
        self.api.ok("POST", f"/containers/{ref}/wait")
        child = self.docker.popen("cp", f"{ref}:/big", "-")
        child.stdout.read(1000)
        child.kill()
        child.wait()
        self.api.ok("POST", f"/containers/{ref}/start")
        self.api.ok("POST", f"/containers/{ref}/wait")


class TestCompressed(Copy):
    """GET with Accept-Encoding; the engine's own choice where several are as good."""

    def test_codings(self):
        ref = self.create("true")
        plain = self.fetch(ref, "/etc/passwd")
        for accept, coding, unpack in (("gzip", "gzip", gzip.decompress), ("gzip, deflate", "gzip", gzip.decompress),
                                       ("deflate", "deflate", zlib.decompress), ("identity", None, bytes),
                                       ("gzip;q=0", None, bytes), ("br", None, bytes),
                                       ("gzip, identity", None, bytes)):
            with self.subTest(accept):
                got = self.api.get(f"/containers/{ref}/archive", path_="/etc/passwd",
                                   headers={"Accept-Encoding": accept})
                self.assertEqual((got.status, got.headers.get("content-encoding")), (200, coding), got)
                self.assertEqual(unpack(got.body), plain)
        got = self.api.get(f"/containers/{ref}/export", headers={"Accept-Encoding": "gzip"})
        self.assertIsNone(got.headers.get("content-encoding"))


class TestIn(Copy):
    def setUp(self):
        self.ref = self.run_("mkdir -p /in/dir /real; echo old >/in/file; ln -s /real /in/link; touch /ready; "
                             + SLEEP, name="box")
        wait_for(lambda: self.head(self.ref, "/ready") != 404, 5, "it is ready")

    def test_entries(self):
        data = images.tar([
            images.member("new/"), images.member("new/run", "#!/bin/sh\necho ran\n"),
            images.member("suid", "", mode=0o4711),
            images.member("own", "x", uid=1234, gid=1235), images.symlink("new/l", "run"),
            images.hardlink("new/h", "new/run"), images.member(".wh.file", "kept"),
            images.member("deep/er/file", "deep")])
        self.put_ok(self.ref, "/in", data)
        self.assertEqual(self.inside("/in/new/h; stat -c '%a %u' /in/suid; stat -c '%u:%g' /in/own; "
                                     "cat /in/file /in/.wh.file; readlink /in/new/l; cat /in/deep/er/file"),
                         "ran\n4711 0\n1234:1235\nold\nkeptrun\ndeep")

    def test_compressed(self):
        plain = images.files(a="1")
        self.put_ok(self.ref, "/in", gzip.compress(plain))
        self.assertEqual(self.inside("cat /in/a"), "1")
        if not CTX.is_oracle:
            self.put_ok(self.ref, "/in", images.zstd(images.files(a="2")))
            self.assertEqual(self.inside("cat /in/a"), "2")
        for i, pack in enumerate((bz2.compress, lzma.compress)):
            self.put_ok(self.ref, "/in", pack(images.files(a=str(i + 3))))
            self.assertEqual(self.inside("cat /in/a"), str(i + 3))
            broken = pack(images.files(a="9" * 5000))
            self.refused(self.put(self.ref, "/in", broken[:len(broken) // 2]), 500 if CTX.is_oracle else 400, "")

    def test_through_links(self):
        self.put_ok(self.ref, "/in/link", images.files(a="1"))
        self.assertEqual(self.inside("cat /real/a"), "1")

    def test_kinds_are_kept_when_asked(self):
        over_dir, over_file = images.files(dir="x"), images.tar([images.member("file")])
        self.refused(self.put(self.ref, "/in", over_dir, noOverwriteDirNonDir=1), 500,
                     "cannot overwrite directory")
        self.refused(self.put(self.ref, "/in", over_file, noOverwriteDirNonDir=1), 500,
                     "cannot overwrite non-directory")
        self.put_ok(self.ref, "/in", over_dir)
        self.put_ok(self.ref, "/in", over_file)
        self.assertEqual(self.inside("cat /in/dir; test -d /in/file && echo is"), "xis")

    @not_oracle("it looks the user up on the host")
    def test_owner_of_the_container(self):
        ref = self.create("true", User="web")
        self.put_ok(ref, "/tmp", images.files(a="1", b="2"), copyUIDGID=1)
        with tarfile.open(fileobj=io.BytesIO(self.fetch(ref, "/tmp/a"))) as archive:
            one = archive.next()
        self.assertEqual((one.uid, one.gid), (1234, 1235))

    def test_read_only(self):
        host = os.path.join(CTX.tmp, "bind-ro")
        os.makedirs(host, exist_ok=True)
        ref = self.create("true", HostConfig={"ReadonlyRootfs": True,
                                              "Binds": [f"{host}:/ro:ro", f"{host}:/rw"]})
        status = 500 if CTX.is_oracle else 400
        self.refused(self.put(ref, "/etc", images.files(a="1")), status, "container rootfs is marked read-only")
        self.refused(self.put(ref, "/ro", images.files(a="1")), status, "mounted volume is marked read-only")
        self.put_ok(ref, "/rw", images.files(a="1"))
        self.assertTrue(os.path.exists(os.path.join(host, "a")))

    def test_hostile(self):
        outside = "/tmp/serin-escaped"
        cases = {
            "dots": [images.member("../../../.." + outside, "x")],
            "link out": [images.symlink("l", "/tmp"), images.member("l/serin-escaped", "x")],
            "hard link out": [images.hardlink("h", "../../etc/passwd")],
            "swapped": [images.symlink("d", "/"), images.member("d/tmp/serin-escaped", "x")],
        }
        for what, entries in cases.items():
            with self.subTest(what):
                self.put(self.ref, "/in", images.tar(entries))
                self.assertFalse(os.path.exists(outside))
        self.assertEqual(self.inside("ls /tmp/serin-escaped"), "/tmp/serin-escaped")

    def test_links_raced_in(self):
        """What unpacks never follows a link that the container puts in its way meanwhile."""
        ref = self.run_(f"mkdir /x; {SLEEP}", HostConfig={"NetworkMode": "none"})
        outside = self.path("outside")
        with open(outside, "w"):
            os.chmod(outside, 0o600)
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            for _ in range(3000):
                member = tarfile.TarInfo("f")
                member.mode = 0o777
                archive.addfile(member)
        inside = f"/proc/{self.api.inspect(ref)['State']['Pid']}/root/x"
        wait_for(lambda: os.path.isdir(inside), 5, "the directory")
        done = threading.Event()

        def swap():
            while not done.is_set():
                try:
                    os.symlink(outside, inside + "/l")
                    os.rename(inside + "/l", inside + "/f")
                except OSError:
                    pass
        thread = threading.Thread(target=swap)
        thread.start()
        try:
            for _ in range(6):
                self.put(ref, "/x", data.getvalue())
        finally:
            done.set()
            thread.join()
        self.assertEqual(stat.S_IMODE(os.stat(outside).st_mode), 0o600)

    def test_broken(self):
        whole = images.files(a="1" * 100000)
        for data in (whole[:5000], os.urandom(4096), gzip.compress(whole)[:60]):
            self.assertIn(self.put(self.ref, "/in", data).status, (400, 500))
        self.put_ok(self.ref, "/in", b"")

    def test_start_waits_for_a_slow_put(self):
        ref = self.create("cat /etc/late")
        conn = self.api.call
        done = []

        def slow():
            yield images.files(**{"late": "came\n"})
            wait_for(lambda: started.is_set(), 10, "the start was asked for")
            yield b"\0" * 512

        started = threading.Event()
        thread = threading.Thread(target=lambda: done.append(self.put(ref, "/etc", slow())), daemon=True)
        thread.start()
        starter = threading.Thread(target=lambda: self.api.post(f"/containers/{ref}/start"), daemon=True)
        starter.start()
        started.set()
        thread.join(20)
        starter.join(20)
        self.assertEqual([d.status for d in done], [200], conn)
        self.api.ok("POST", f"/containers/{ref}/wait")


class TestClient(Copy):
    def setUp(self):
        self.here = os.path.join(CTX.tmp, f"cp-{self._testMethodName}")
        os.makedirs(self.here, exist_ok=True)

    def path(self, name, text=None):
        where = os.path.join(self.here, name)
        if text is not None:
            os.makedirs(os.path.dirname(where), exist_ok=True)
            with open(where, "w") as f:
                f.write(text)
        return where

    def test_both_ways(self):
        self.path("tree/a", "1")
        self.path("tree/sub/b", "2")
        for state in ("created", "running", "exited"):
            with self.subTest(state):
                self.ref = self.create(SLEEP)
                if state != "created":
                    self.api.ok("POST", f"/containers/{self.ref}/start")
                if state == "exited":
                    self.api.ok("POST", f"/containers/{self.ref}/stop", t=0)
                self.docker.ok("cp", self.path("tree"), f"{self.ref}:/home/")
                self.docker.ok("cp", self.path("tree/."), f"{self.ref}:/root")
                self.docker.ok("cp", self.path("tree/a"), f"{self.ref}:/home/renamed")
                out = self.path(f"out-{state}")
                self.docker.ok("cp", f"{self.ref}:/home", out)
                with open(os.path.join(out, "tree/sub/b")) as f:
                    self.assertEqual(f.read(), "2")
                with open(os.path.join(out, "renamed")) as f:
                    self.assertEqual(f.read(), "1")
                self.docker.ok("cp", f"{self.ref}:/root/sub/b", self.path(f"b-{state}"))
                with open(self.path(f"b-{state}")) as f:
                    self.assertEqual(f.read(), "2")
                data = self.docker("cp", f"{self.ref}:/root/sub/.", "-").out
                self.assertIn("./b", data)
                got = self.docker("cp", f"{self.ref}:/none", self.here)
                self.assertNotEqual(got.code, 0)
                self.assertIn("Could not find the file /none in container", got.err)

    def test_follow_link(self):
        ref = self.create("true")
        self.put_ok(ref, "/etc", images.tar([images.symlink("l", "passwd")]))
        self.docker.ok("cp", "-L", f"{ref}:/etc/l", self.path("got"))
        self.assertTrue(stat.S_ISREG(os.lstat(self.path("got")).st_mode))
        self.docker.ok("cp", f"{ref}:/etc/l", self.path("link"))
        self.assertTrue(os.path.islink(self.path("link")))

    def test_pipe_between(self):
        one, two = self.create("true"), self.create("true")
        data = self.fetch(one, "/etc/group")
        self.docker.ok("cp", "-", f"{two}:/home", data=data)
        self.assertEqual(content(self.fetch(two, "/home/group"), "group"), images.GROUP.encode())


class TestExport(Copy):
    def test_whole_root(self):
        ref = self.run_("echo hi >/new; rm /etc/group; " + SLEEP, HostConfig={"Tmpfs": {"/t": ""}})
        wait_for(lambda: self.head(ref, "/etc/group") == 404, 5, "it is ready")
        for running in (True, False):
            if not running:
                self.api.post(f"/containers/{ref}/stop", t=0)
            got = self.api.get(f"/containers/{ref}/export")
            self.assertEqual(got.status, 200)
            found = names(got.body)
            self.assertIn("etc/passwd", found)
            self.assertNotIn("etc/group", found)
            self.assertEqual(content(got.body, "new"), b"hi\n")
            self.assertFalse([n for n in found if n.startswith(("proc/1", "sys/k", "dev/nu"))])
        path = os.path.join(CTX.tmp, "export.tar")
        self.docker.ok("export", "-o", path, ref)
        with open(path, "rb") as f:
            self.assertEqual(names(f.read()), found)


class TestChanges(Copy):
    def changes(self, ref):
        got = self.api.ok("GET", f"/containers/{ref}/changes")
        return sorted(got, key=lambda c: c["Path"]) if CTX.is_oracle and got else got

    def test_kinds(self):
        ref = self.run_("touch /new; mkdir -p /d/sub; echo x >/d/sub/f; rm /etc/group; chmod 600 /etc/passwd; "
                        "echo x >>/etc/secret; rm -r /home/web; mkdir /home/web; touch /home/web/again; "
                        "chmod 700 /root; touch /tmp/gone; rm /tmp/gone; touch /ready; " + SLEEP)
        wait_for(lambda: self.head(ref, "/ready") != 404, 5, "it is ready")
        want = [("/d", 1), ("/d/sub", 1), ("/d/sub/f", 1), ("/etc", 0), ("/etc/group", 2),
                ("/etc/passwd", 0), ("/etc/secret", 0), ("/home", 0), ("/home/web", 0),
                ("/home/web/again", 1), ("/new", 1), ("/ready", 1), ("/root", 0)]
        for running in (True, False):
            if not running:
                self.api.post(f"/containers/{ref}/stop", t=0)
            got = [(c["Path"], c["Kind"]) for c in self.changes(ref)]
            self.assertEqual([c for c in got if c[0] != "/tmp"], want)
        self.assertIn("A /d", self.docker.ok("diff", ref).splitlines())

    def test_opaque(self):
        ref = self.run_("rm -r /usr; mkdir /usr; touch /usr/new; rm /bin/notexec; mkdir /bin/notexec; "
                        "touch /ready; " + SLEEP)
        wait_for(lambda: self.head(ref, "/ready") != 404, 5, "it is ready")
        got = [(c["Path"], c["Kind"]) for c in self.changes(ref) if c["Path"] != "/ready"]
        self.assertEqual(got, [("/bin", 0), ("/bin/notexec", 0), ("/usr", 0), ("/usr/bin", 2), ("/usr/new", 1)])

    def test_none(self):
        self.assertIsNone(self.changes(self.create("true")))
        ref = self.run_("cat /etc/passwd")
        self.api.ok("POST", f"/containers/{ref}/wait")
        self.assertIsNone(self.changes(ref))
        self.assertEqual(self.api.get("/containers/none/changes").status, 404)

    def test_mounts(self):
        host = os.path.join(CTX.tmp, "bind-diff")
        os.makedirs(host, exist_ok=True)
        ref = self.run_("touch /data/in /t/in; true", HostConfig={"Binds": [f"{host}:/data"],
                                                                 "Tmpfs": {"/t": ""}})
        self.api.ok("POST", f"/containers/{ref}/wait")
        # The places made for them are changes, what is in them is not.
        self.assertEqual([c["Path"] for c in self.changes(ref)], ["/data", "/t"])
