# SPDX-License-Identifier: Apache-2.0
"""Corners of single features that other engines' users lean on: small, and each noticed once."""

import io
import json
import tarfile

from harness.case import BB, E2E, not_oracle


class TestCreateEdges(E2E):
    def refused(self, message, status=400, **body):
        self.gives(status, message, "POST", "/containers/create", body)

    @not_oracle("words and codes of an older engine")
    def test_nothing_to_create(self):
        for body in ({}, {"HostConfig": {"Privileged": True}}):
            self.gives(400, "config cannot be empty in order to create a container", "POST",
                       "/containers/create", body)
        self.refused("no command specified", Image="", Hostname="x")

    def test_no_volumes_is_null(self):
        for volumes in (None, {}):
            ref = self.create(Volumes=volumes)
            self.assertIsNone(self.api.inspect(ref)["Config"]["Volumes"])

    def test_users_out_of_range(self):
        for user in ("-1", "2147483648", "0:-5"):
            got = self.api.post("/containers/" + self.create("true", User=user) + "/start")
            self.assertGreaterEqual(got.status, 400)
            self.assertIn("uids and gids must be in range 0-2147483647", got.message, user)
        self.assertEqual(self.says("id -u", User="+7"), "7")

    def test_folder_without_devices(self):
        """A folder stands for the devices in it, of which there must be some."""
        top = self.path("plain")
        ref = self.create("true", HostConfig={"Devices": [
            {"PathOnHost": "/etc", "PathInContainer": "/etc", "CgroupPermissions": "rwm"}]})
        got = self.api.post(f"/containers/{ref}/start")
        self.assertGreaterEqual(got.status, 400, top)
        self.assertIn('"/etc": not a device node', got.message)

    def test_workdir_that_is_a_file(self):
        got = self.docker("run", "-w", "/bin/cat", BB, "true")
        self.assertEqual(got.code, 125)
        self.assertIn("Cannot mkdir: /bin/cat is not a directory", got.err)

    def test_own_line_of_the_hosts_file(self):
        for more in ({"Hostname": "box.example.com"}, {"Hostname": "box", "Domainname": "example.com"}):
            lines = self.says("cat /etc/hosts", **more).splitlines()
            self.assertRegex(lines[-1], r"^[0-9.]+\tbox\.example\.com box$")

    def test_copy_from_the_workdir(self):
        """It is there before the first start."""
        ref = self.create(WorkingDir="/made/for/it")
        self.api.ok("HEAD", f"/containers/{ref}/archive?path=/made/for/it")
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            info = tarfile.TarInfo("note")
            info.size = 2
            archive.addfile(info, io.BytesIO(b"hi"))
        self.api.ok("PUT", f"/containers/{ref}/archive?path=/made/for/it", data.getvalue())
        self.assertEqual(self.docker("cp", f"{ref}:/made/for/it/note", "-").code, 0)


class TestRunningEdges(E2E):
    def test_below_nought_is_no_limit(self):
        for asked in (-1, -2, 0):
            ref = self.run_(HostConfig={"PidsLimit": 77})
            self.api.ok("POST", f"/containers/{ref}/update", {"PidsLimit": asked})
            self.assertEqual(self.api.inspect(ref)["HostConfig"]["PidsLimit"], 0)
            self.assertEqual(self.api.ok("GET", f"/containers/{ref}/stats?stream=0")["pids_stats"].get("limit", 0)
                             % (2 ** 64 - 1), 0)

    def test_network_of_a_network_of_a_container(self):
        self.run_(name="owner", Hostname="owner", HostConfig={"ExtraHosts": ["far:10.9.8.7"]})
        self.run_(name="guest", HostConfig={"NetworkMode": "container:owner"})
        code, out, err = self.output("cat /etc/hosts /etc/resolv.conf; hostname",
                                     HostConfig={"NetworkMode": "container:guest"})
        self.assertEqual(code, 0, err)
        self.assertIn("10.9.8.7\tfar", out)
        self.assertTrue(out.endswith("owner\n"), out)

    def test_named_ports_come_first(self):
        """A port that is chosen is not one that the same container names."""
        ports = {"80/tcp": {}, "8080/tcp": {}}
        one = self.run_(ExposedPorts=ports, HostConfig={"PortBindings": {"80/tcp": [{}]}})
        port = int(self.api.inspect(one)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]) + 1
        two = self.run_(ExposedPorts=ports, HostConfig={
            "PortBindings": {"80/tcp": [{}], "8080/tcp": [{"HostPort": str(port)}]}})
        ports = self.api.inspect(two)["NetworkSettings"]["Ports"]
        self.assertEqual(ports["8080/tcp"][0]["HostPort"], str(port))
        self.assertNotEqual(ports["80/tcp"][0]["HostPort"], str(port))

    def prepare(self, ref, cmd):
        return self.api.ok("POST", f"/containers/{ref}/exec", {"Cmd": ["sh", "-c", cmd], "AttachStdout": True})["Id"]

    def test_execs_go_with_their_run(self):
        ref = self.run_(HostConfig={"Init": True})
        id = self.prepare(ref, "true")
        self.api.ok("POST", f"/containers/{ref}/kill")
        self.api.wait(ref)
        missing = f"No such exec instance: {id}"
        self.gives(404, missing, "POST", f"/exec/{id}/start", {"Detach": True})
        self.api.start(ref)
        self.gives(404, missing, "POST", f"/exec/{id}/start", {"Detach": True})

    def test_links_in_an_exec(self):
        self.run_(name="db", ExposedPorts={"6000/tcp": {}})
        ref = self.run_(name="app", HostConfig={"Links": ["db:/store"]}, Env=["STORE_ENV=own"])
        self.assertEqual(self.api.inspect(ref)["HostConfig"]["Links"], ["/db:/app/store"])
        out = self.docker.ok("exec", "-e", "STORE_PORT=mine", "app", "env").splitlines()
        for line in ("STORE_NAME=/app/store", "STORE_PORT=mine", "STORE_ENV=own"):
            self.assertIn(line, out)
        self.assertTrue(any(line.startswith("STORE_PORT_6000_TCP_ADDR=") for line in out), out)

    def test_reasons_are_in_small_letters(self):
        ref = self.create()
        got = self.api.call("GET", f"/containers/{ref}/archive?path=/etc/passwd/")
        self.assertIn("not a directory", got.message)


class TestNamesOfImages(E2E):
    def names(self, **filters):
        got = self.api.ok("GET", "/images/json", filters=json.dumps(filters))
        return sorted(tag for image in got for tag in image["RepoTags"])

    def test_only_what_was_asked_for(self):
        mine = ["edge-a:one", "edge-a:two", "edge-b/c:three"]
        for name in mine:
            repo, tag = name.split(":")
            self.api.ok("POST", f"/images/{BB}/tag", repo=repo, tag=tag)
        try:
            self.assertEqual(self.names(reference=["edge-a"]), mine[:2])
            self.assertEqual(self.names(reference=["edge-*"]), mine[:2])
            self.assertEqual(self.names(reference=["edge-*/*"]), mine[2:])
            self.assertEqual(self.names(reference=["edge-a:two", "*/c:three"]), mine[1:])
            self.assertEqual(self.names(reference=["edge-x"]), [])
            self.assertEqual(sorted(self.docker.ok("images", "edge-a", "--format", "{{.Tag}}").split()), ["one", "two"])
        finally:
            for name in mine:
                self.api.delete(f"/images/{name}")
