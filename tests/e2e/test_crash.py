# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under a mixed load; afterwards nothing is lost and nothing is left over.

What the daemon said was done must still be so after it comes back; what was in flight may be either way,
but whole. CRASH_ROUNDS bounds the number of kills (200), CRASH_SEED repeats a run's moments.
"""

import os
import random
import threading
import time

from harness import leaks
from harness.api import Api
from harness.case import BB, E2E, images, not_oracle, takes, wait_for
from harness.rawhttp import Conn, ProtocolError

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "200"))
SEED = int(os.environ.get("CRASH_SEED", "0")) or int(time.time())
LOST = (OSError, ProtocolError, ValueError)
LINES = 30


class Facts:
    """What the daemon has promised so far."""

    def __init__(self):
        self.lock = threading.Lock()
        self.created = {}       # name -> (id, exit code it will end with)
        self.started = set()    # names whose start was answered with 204
        self.removed = set()    # names whose removal was answered with 204
        self.doomed = set()     # names whose removal was asked for
        self.images = set()     # tags whose load was reported
        self.unloaded = set()   # tags whose removal was asked for
        self.wrong = []         # answers that make no sense at all
        self.count = 0

    def next(self):
        with self.lock:
            self.count += 1
            return self.count


class Load:
    """Threads that use the daemon until stop is set; they stand its deaths."""

    def __init__(self, sock, facts, seed):
        self.sock, self.facts = sock, facts
        self.stop = threading.Event()
        self.random = random.Random(seed)
        jobs = [self.run, self.run, self.execute, self.read_logs, self.load, self.remove]
        self.threads = [threading.Thread(target=self.loop, args=(job,), daemon=True) for job in jobs]
        for thread in self.threads:
            thread.start()

    def loop(self, job):
        while not self.stop.is_set():
            try:
                job(Api(self.sock, timeout=10))
            except LOST:
                time.sleep(0.01)
            except AssertionError as error:
                # An answer of another status: only what a dying container explains is fine.
                text = str(error)
                if not any(t in text for t in (": <404", ": <409", ": <503", ": <304")):
                    self.facts.wrong.append(text)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(15)

    def run(self, api):
        number = self.facts.next()
        name, code = f"c{number}", number % 200
        pause = self.random.choice(("0", "0.01", "0.03"))
        cmd = (f"i=0; while [ $i -lt {LINES} ]; do echo {name} line $i; i=$((i+1)); "
               + (f"sleep {pause}; " if pause != "0" else "") + f"done; exit {code}")
        ref = api.create(BB, cmd, name)
        with self.facts.lock:
            self.facts.created[name] = (ref, code)
        api.start(ref)
        with self.facts.lock:
            self.facts.started.add(name)
        if number % 3:
            api.wait(ref, timeout=10)

    def execute(self, api):
        id = api.ok("POST", "/containers/steady/exec", {"AttachStdout": True, "Cmd": ["echo", "hello"]})["Id"]
        conn, head = api.hijack(f"/exec/{id}/start", {}, timeout=5)
        try:
            if head.status == 101:
                conn.rest()
        finally:
            conn.close()

    def read_logs(self, api):
        api.logs("steady", tail=50)
        api.ok("GET", "/containers/json", all=1)

    def load(self, api):
        number = self.facts.next()
        tag = f"img{number}:1"
        image = images.Image([images.files(number=str(number) * 5000)])
        status, got = api.load(image.docker_archive(tag))
        if any("Loaded image" in r.get("stream", "") for r in got):
            with self.facts.lock:
                self.facts.images.add(tag)
        if number % 2:
            with self.facts.lock:
                self.facts.unloaded.add(tag)
            api.ok("DELETE", f"/images/{tag}")

    def remove(self, api):
        with self.facts.lock:
            names = [n for n in self.facts.started if n not in self.facts.doomed]
            if len(names) < 6:
                names = []
            else:
                self.facts.doomed.add(names[0])
        if not names:
            time.sleep(0.05)
            return
        api.ok("DELETE", f"/containers/{names[0]}", force=1, status=204)
        with self.facts.lock:
            self.facts.removed.add(names[0])


@not_oracle("it loses some of it")
class TestCrash(E2E):
    def footprint(self):
        found = set()
        for top in (self.daemon.data, self.daemon.exec):
            for base, dirs, names in os.walk(top):
                found |= {os.path.join(base, n) for n in names + dirs}
        return found

    def check(self, facts):
        """Everything promised holds; returns the names that are there."""
        listed = {one["Names"][0][1:]: one for one in self.api.ok("GET", "/containers/json", all=1)}
        for name, (ref, code) in facts.created.items():
            if name in facts.removed:
                self.assertNotIn(name, listed, "it was removed")
            elif name not in facts.doomed:
                self.assertIn(name, listed, "it was created")
                self.assertEqual(listed[name]["Id"], ref)
        tags = {t for one in self.api.ok("GET", "/images/json") for t in one["RepoTags"]}
        for tag in facts.images - facts.unloaded:
            self.assertIn(tag, tags, "it was loaded")
        self.assertIn(BB, tags)
        self.assertEqual(listed["steady"]["State"], "running")
        return listed

    def end_state(self, facts):
        """All have run to their end, with the right code and every line."""
        for name in self.check(facts):
            if name == "steady":
                continue
            if name in facts.started or self.api.inspect(name)["State"]["Running"]:
                self.exited(name, 20)
            state = self.api.inspect(name)["State"]
            if state["Status"] in ("created", "exited") and name not in facts.started:
                continue        # its start was in flight when the daemon died
            if name in facts.doomed:
                continue        # it may have been killed before it was removed
            ref, code = facts.created.get(name, (None, None))
            self.assertEqual(state["ExitCode"], code, name)
            out, _ = self.api.logs(name)
            self.assertEqual(out.decode(), "".join(f"{name} line {i}\n" for i in range(LINES)), name)

    @takes(60 + ROUNDS * 2)
    def test_killed_at_random_moments(self):
        print(f"     {ROUNDS} kills, CRASH_SEED={SEED}", flush=True)
        chance = random.Random(SEED)
        links, nft = leaks.links(), leaks.nft_text()
        steady = self.run_("i=0; while :; do echo steady $i; i=$((i+1)); sleep 0.05; done", name="steady")
        files = self.footprint()
        pid = self.api.inspect(steady)["State"]["Pid"]
        facts = Facts()
        for number in range(ROUNDS):
            load = Load(self.daemon.sock, facts, chance.random())
            try:
                time.sleep(chance.choice((0.02, 0.1, 0.3)) * chance.random() + 0.005)
                self.daemon.kill9()
            finally:
                load.end()
            self.daemon.start()
            self.assertEqual(facts.wrong, [])
            listed = self.check(facts)
            if number % 20 == 19 or len(listed) > 40:
                self.end_state(facts)
                for name in listed:
                    if name != "steady":
                        with facts.lock:
                            facts.doomed.add(name)
                        self.api.ok("DELETE", f"/containers/{name}", force=1, status=204)
                        facts.removed.add(name)
        self.end_state(facts)
        self.assertEqual(self.api.inspect(steady)["State"]["Pid"], pid)
        numbers = [int(line.split()[1]) for line in self.api.logs("steady")[0].splitlines()]
        self.assertEqual(numbers, list(range(len(numbers))), "a gap in the log of the steady one")

        # Take it all down: what remains is what was there before.
        for name in self.check(facts):
            if name != "steady":
                self.api.ok("DELETE", f"/containers/{name}", force=1, status=204)
        for one in self.api.ok("GET", "/images/json", all=1):
            if BB not in one["RepoTags"]:
                self.api.ok("DELETE", f"/images/{one['Id']}", force=1)
        wait_for(lambda: len(self.daemon.family()) == 2, 10, f"only daemon and one shim: {self.daemon.family()}")
        left = sorted(self.footprint() - files)
        self.assertEqual([p for p in left if steady not in p], [], "files left over")
        self.api.remove(steady)
        wait_for(lambda: not leaks.mounts(self.daemon.root), 5, "mounts gone")
        # A link of an earlier test may still have been going when this one began: fewer is fine.
        wait_for(lambda: leaks.links() <= links, 5, "links gone")
        self.assertEqual(leaks.nft_text(), nft)

    def test_kill_while_starting(self):
        """Dies again and again during its own start, with work to recover."""
        chance = random.Random(SEED + 1)
        refs = [self.run_("sleep 1000") for _ in range(3)]
        ended = self.run_("echo x; exit 7")
        for _ in range(40):
            self.daemon.kill9()
            self.daemon.spawn()
            time.sleep(chance.random() * 0.03)
        self.daemon.kill9()
        self.daemon.start()
        for ref in refs:
            self.assertTrue(self.api.inspect(ref)["State"]["Running"])
        self.exited(ended)
        self.assertEqual(self.api.inspect(ended)["State"]["ExitCode"], 7)
        self.assertEqual(self.says("echo well"), "well")

    def test_half_written_files_are_swept(self):
        """Temporary files and mounts of a daemon that died are gone after the next start."""
        whole = images.Image([images.files(f="y" * 4000000)]).docker_archive("half:1")
        before = self.footprint()
        for share in (5, 3, 2):
            conn = Conn(self.daemon.sock)
            conn.send("POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
                      f"Content-Length: {len(whole)}\r\n\r\n")
            conn.send(whole[:len(whole) // share])
            time.sleep(0.1)
            self.daemon.kill9()
            conn.close()
            self.daemon.start()
        wait_for(lambda: not (self.footprint() - before), 5, f"swept: {self.footprint() - before}")
