# SPDX-License-Identifier: Apache-2.0
"""Prunes, and GET /system/df: what is taken on disk and given back."""

import json
import os
import threading
import time

from harness.api import Api, records
from harness.case import BB, CTX, E2E, images, not_oracle

LOOP = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def layer(name, size):
    return images.files(**{name: os.urandom(size)})


class Prune(E2E):
    def prune(self, what, **filters):
        got = self.api.post(f"/{what}/prune", filters=filters or None)
        self.assertEqual(got.status, 200, got)
        return got.json()


class TestContainers(Prune):
    def test_stopped_ones_go(self):
        running = self.api.run(BB, LOOP)
        created = self.api.create(BB, ["true"])
        exited = self.api.run(BB, "dd if=/dev/zero of=/big bs=1M count=3; exit 1")
        self.api.wait(exited)
        got = self.prune("containers")
        self.assertEqual(sorted(got), ["ContainersDeleted", "SpaceReclaimed"])
        self.assertEqual(sorted(got["ContainersDeleted"]), sorted([created, exited]))
        self.assertGreaterEqual(got["SpaceReclaimed"], 3 << 20)
        self.assertLess(got["SpaceReclaimed"], 4 << 20)
        self.assertEqual([c["Id"] for c in self.api.ok("GET", "/containers/json", all=1)], [running])
        self.assertEqual(self.prune("containers"), {"ContainersDeleted": None, "SpaceReclaimed": 0})

    def test_filters(self):
        plain = self.api.create(BB, ["true"])
        one = self.api.create(BB, ["true"], Labels={"keep": "1", "a": "b"})
        two = self.api.create(BB, ["true"], Labels={"a": "c"})
        self.assertEqual(self.prune("containers", label=["a=x"])["ContainersDeleted"], None)
        self.assertEqual(self.prune("containers", label=["a", "keep=2"])["ContainersDeleted"], None)
        self.assertEqual(self.prune("containers", until=["1h"])["ContainersDeleted"], None)
        self.assertEqual(self.prune("containers", **{"label!": ["keep"], "label": ["a"]})
                         ["ContainersDeleted"], [two])
        self.assertEqual(self.prune("containers", **{"label!": ["keep=1"]})["ContainersDeleted"], [plain])
        self.assertEqual(self.prune("containers", until=[str(int(time.time()) + 60)],
                                    label=["keep=1"])["ContainersDeleted"],
                         [one])

    def test_errors(self):
        for filters, want in (({"until": ["1h", "2h"]}, "more than one until filter specified"),
                              ({"nope": ["1"]}, "invalid filter 'nope'"),
                              ({"until": ["x"]}, None)):
            with self.subTest(filters=filters):
                got = self.api.post("/containers/prune", filters=filters)
                if CTX.is_oracle:
                    continue
                self.assertEqual(got.status, 400)
                if want:
                    self.assertEqual(got.json()["message"], want)

    def test_events(self):
        since = f"{time.time():.9f}"
        ref = self.api.create(BB, ["true"])
        self.prune("containers")
        got = records(self.api.get("/events", since=since, until=f"{time.time():.9f}").body)
        self.assertEqual([e["Action"] for e in got], ["create", "destroy", "prune"])
        self.assertEqual(got[1]["Actor"]["ID"], ref)
        self.assertEqual(got[2]["Type"], "container")
        self.assertEqual(got[2]["Actor"], {"ID": "", "Attributes": {"reclaimed": "0"}})

    def test_one_at_a_time(self):
        answers = []

        def one():
            answers.append(self.api.post("/containers/prune"))
        for _ in range(20):         # until two have met
            for _ in range(20):
                self.api.create(BB, ["true"])
            threads = [threading.Thread(target=one) for _ in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            codes = {a.status for a in answers}
            self.assertIn(200, codes)
            if 409 in codes:
                break
        for answer in answers:
            if answer.status != 200:
                self.assertEqual((answer.status, answer.json()["message"]),
                                 (409, "a prune operation is already running"))
        self.assertIn(409, codes)
        self.assertEqual(self.api.ok("GET", "/containers/json", all=1), [])
        self.assertEqual(self.prune("containers")["ContainersDeleted"], None)

    def test_command(self):
        self.api.create(BB, ["true"])
        out = self.docker.ok("container", "prune", "-f")
        self.assertIn("Deleted Containers:", out)
        self.assertIn("Total reclaimed space: 0B", out)


class TestImages(Prune):
    def load(self, *tags, size=100000, **config):
        made = images.Image(layers=[layer("f", size)], config=config or None)
        status, got = self.api.load(made.docker_archive(*tags))
        self.assertEqual(status, 200, got)
        self.addCleanup(lambda: self.api.delete(f"/images/{made.id}", force=1))
        return made

    def test_dangling(self):
        tagged = self.load("tagged:1")
        old = self.load("moved:1")
        self.load("moved:1")                 # takes the name away
        got = self.prune("images")
        self.assertEqual(sorted(got), ["ImagesDeleted", "SpaceReclaimed"])
        self.assertIn({"Deleted": old.id}, got["ImagesDeleted"])
        self.assertNotIn({"Deleted": tagged.id}, got["ImagesDeleted"])
        self.assertGreaterEqual(got["SpaceReclaimed"], 100000)
        self.assertLess(got["SpaceReclaimed"], 120000)
        self.assertEqual(self.api.get("/images/tagged:1/json").status, 200)
        self.assertEqual(self.prune("images"), {"ImagesDeleted": None, "SpaceReclaimed": 0})

    def test_all(self):
        unused = self.load("unused:1", "unused:2", size=50000)
        used = self.load("used:1")
        ref = self.api.create("used:1", ["true"])
        self.api.create(BB, ["true"])
        got = self.prune("images", dangling=["false"])
        self.assertEqual([r["Untagged"] for r in got["ImagesDeleted"] if "Untagged" in r],
                         ["unused:1", "unused:2"])
        deleted = [r["Deleted"] for r in got["ImagesDeleted"] if "Deleted" in r]
        self.assertEqual(deleted[0], unused.id)
        self.assertEqual(len(deleted), 2)                   # and its layer
        self.assertEqual(self.api.get(f"/images/{used.id}/json").status, 200)
        self.api.remove(ref)
        self.assertIn({"Deleted": used.id}, self.prune("images", dangling=["0"],
                                                       until=["0s"])["ImagesDeleted"])

    def test_filters(self):
        made = self.load("labelled:1", Labels={"team": "a"})
        for filters in ({"label": ["team=b"]}, {"label!": ["team"], "label": ["team"]}):
            got = self.prune("images", dangling=["false"], **filters)
            self.assertIsNone(got["ImagesDeleted"])
        got = self.prune("images", dangling=["false"], label=["team=a"])
        self.assertIn({"Deleted": made.id}, got["ImagesDeleted"])
        got = self.api.post("/images/prune", filters={"dangling": ["maybe"]})
        self.assertEqual(got.status, 400)

    def test_events(self):
        made = self.load("gone:1", Labels={"x": "y"})
        since = f"{time.time():.9f}"
        got = self.prune("images", dangling=["false"], label=["x"])
        events = records(self.api.get("/events", since=since, until=f"{time.time():.9f}").body)
        self.assertEqual([e["Action"] for e in events], ["untag", "delete", "prune"])
        self.assertEqual(events[1]["id"], made.id)
        self.assertEqual(events[2]["Actor"]["Attributes"], {"reclaimed": str(got["SpaceReclaimed"])})

    def test_command(self):
        self.load("prunable:1", Labels={"y": "z"})
        out = self.docker.ok("image", "prune", "-af", "--filter", "label=y")
        self.assertIn("untagged: prunable:1", out)
        self.assertIn("Total reclaimed space:", out)


class TestUsage(Prune):
    def df(self, **parts):
        return self.api.ok("GET", "/system/df", status=200, **parts)

    def test_shape(self):
        ref = self.api.run(BB, "dd if=/dev/zero of=/big bs=1M count=2")
        self.api.wait(ref)
        got = self.df()
        self.assertEqual(list(got)[:5], ["LayersSize", "Images", "Containers", "Volumes", "BuildCache"])
        self.assertGreater(got["LayersSize"], 0)
        self.assertEqual([c["Id"] for c in got["Containers"]], [ref])
        self.assertGreaterEqual(got["Containers"][0]["SizeRw"], 2 << 20)
        self.assertGreater(got["Containers"][0]["SizeRootFs"], got["Containers"][0]["SizeRw"])
        image = next(i for i in got["Images"] if BB in i["RepoTags"])
        self.assertEqual((image["Containers"], image["SharedSize"]), (1, 0))
        self.assertIn(got["Volumes"], ([], None) if CTX.is_oracle else ([],))

    def test_shared(self):
        base = layer("base", 200000)
        for n in range(2):
            made = images.Image(layers=[base, layer(f"own{n}", 30000)])
            self.api.load(made.docker_archive(f"shares:{n}"))
            self.addCleanup(lambda id=made.id: self.api.delete(f"/images/{id}", force=1))
        before = self.df()
        both = [i for i in before["Images"] if any(t.startswith("shares:") for t in i["RepoTags"])]
        self.assertEqual([i["SharedSize"] for i in both], [200000] * 2)
        self.assertEqual([i["Size"] for i in both], [230000] * 2)
        self.api.delete("/images/shares:0")
        after = self.df()
        self.assertEqual(before["LayersSize"] - after["LayersSize"], 30000)
        one = next(i for i in after["Images"] if "shares:1" in i["RepoTags"])
        self.assertEqual(one["SharedSize"], 0)

    @not_oracle("no such parameter before 1.42")
    def test_types(self):
        self.api.create(BB, ["true"])
        api = Api(self.daemon.sock, "1.42")
        for kind, key in (("image", "Images"), ("container", "Containers"), ("volume", "Volumes"),
                          ("build-cache", "BuildCache")):
            with self.subTest(kind):
                got = api.ok("GET", "/system/df", type=kind)
                filled = [k for k in ("Images", "Containers", "Volumes", "BuildCache")
                          if got[k] is not None]
                self.assertEqual(filled, [key])
                self.assertEqual(got["LayersSize"] > 0, kind == "image")
        got = api.ok("GET", "/system/df", type=["image", "volume"])
        self.assertEqual((got["Containers"], got["BuildCache"]), (None, None))
        got = api.get("/system/df", type="x")
        self.assertEqual((got.status, got.json()["message"]), (400, "unknown object type: x"))
        got = Api(self.daemon.sock, "1.41").ok("GET", "/system/df", type="x")
        self.assertIsNotNone(got["Containers"])

    def test_command(self):
        self.api.run(BB, LOOP)
        rows = [json.loads(line) for line in
                self.docker.ok("system", "df", "--format", "{{json .}}").splitlines()]
        by = {r["Type"]: r for r in rows}
        self.assertEqual((by["Containers"]["Active"], by["Containers"]["TotalCount"]), ("1", "1"))
        self.assertEqual(by["Images"]["Active"], "1")
        self.assertIn(BB.split(":")[0], self.docker.ok("system", "df", "-v"))


class TestAll(Prune):
    def test_built_in_networks_stay(self):
        self.assertEqual(self.api.ok("POST", "/networks/prune"), {"NetworksDeleted": None})
        self.assertEqual({n["Name"] for n in self.api.ok("GET", "/networks")}, {"bridge", "host", "none"})
        got = self.api.post("/networks/prune", filters={"nonsense": ["x"]})
        self.assertEqual((got.status, got.message), (400, "invalid filter 'nonsense'"))

    def test_cache_is_empty(self):
        got = self.api.ok("POST", "/build/prune", all=1)
        self.assertEqual((got["CachesDeleted"], got["SpaceReclaimed"]), (None, 0))

    def test_command(self):
        self.api.create(BB)
        got = self.docker.ok("system", "prune", "-f")
        self.assertIn("Deleted Containers:", got)
        self.assertIn("Total reclaimed space:", got)
        self.assertEqual(self.api.ok("GET", "/containers/json", all=1), [])
