# SPDX-License-Identifier: Apache-2.0
"""Health checks: what is run, what its results make of the state, and where the state is shown."""

import time

from harness.api import Api
from harness.case import BB, CTX, E2E, images, needs_host, not_oracle, wait_for

MS = 1_000_000
NEWER = not_oracle("later than its API")


class Healthy(E2E):
    def check(self, test, interval=50, **more):
        test = test if isinstance(test, list) else ["CMD-SHELL", test]
        return dict({"Test": test, "Interval": interval * MS, "Retries": 2}, **more)

    def watched(self, test, cmd="exec sleep 1000", **more):
        health = {key: more.pop(key) for key in list(more)
                  if key in ("interval", "Timeout", "StartPeriod", "StartInterval", "Retries")}
        return self.run_(cmd, Healthcheck=self.check(test, **health), **more)

    def health(self, ref):
        return self.api.inspect(ref)["State"].get("Health")

    def becomes(self, ref, status, timeout=10):
        return wait_for(lambda: self.health(ref)["Status"] == status and self.health(ref), timeout, status)

    def listed(self, ref):
        one, = self.api.ok("GET", "/containers/json", all=1, filters={"id": [ref]})
        return one["Status"]


class TestStates(Healthy):
    def test_none(self):
        for health in (None, {"Test": ["NONE"]}, {"Test": []}, {"Interval": 5 * MS}):
            ref = self.run_("exec sleep 1000", Healthcheck=health)
            self.assertNotIn("Health", self.api.inspect(ref)["State"])
            self.assertNotIn("(", self.listed(ref))

    def test_healthy(self):
        made = self.create("exec sleep 1000", Healthcheck=self.check("echo fine; echo oops >&2", 2000))
        self.assertNotIn("Health", self.api.inspect(made)["State"])
        self.api.start(made)
        self.assertEqual(self.health(made), {"Status": "starting", "FailingStreak": 0, "Log": []})
        self.assertRegex(self.listed(made), r"^Up .* \(health: starting\)$")
        one = self.becomes(made, "healthy")["Log"][0]
        self.assertEqual((one["ExitCode"], sorted(one["Output"].splitlines())), (0, ["fine", "oops"]))
        self.assertLess(one["Start"], one["End"])
        self.assertRegex(self.listed(made), r"^Up .* \(healthy\)$")
        self.assertIsNone(self.api.inspect(made)["ExecIDs"])

    def test_unhealthy_and_back(self):
        ref = self.watched("cat /state; exit $(cat /state)", cmd="echo 0 > /state; exec sleep 1000", Retries=3)
        self.becomes(ref, "healthy")
        self.assertEqual(self.docker("exec", ref, "sh", "-c", "echo 4 > /state").code, 0)
        got = self.becomes(ref, "unhealthy")
        self.assertGreaterEqual(got["FailingStreak"], 3)
        self.assertEqual([r["ExitCode"] for r in got["Log"]][-3:], [4, 4, 4])
        self.assertRegex(self.listed(ref), r"^Up .* \(unhealthy\)$")
        self.docker("exec", ref, "sh", "-c", "echo 0 > /state")
        self.assertEqual(self.becomes(ref, "healthy")["FailingStreak"], 0)

    def test_log_of_five(self):
        ref = self.watched("n=$(cat /n); echo $((n+1)) > /n; echo run $n", cmd="echo 1 > /n; exec sleep 1000")

        def full():
            log = self.health(ref)["Log"]
            return log if log and int(log[-1]["Output"].split()[1]) >= 7 else None
        log = wait_for(full, 10, "seven runs")
        runs = [int(r["Output"].split()[1]) for r in log]
        self.assertEqual(runs, list(range(runs[-1] - 4, runs[-1] + 1)))

    def test_output_is_cut(self):
        ref = self.watched("head -c 10000 /dev/zero | tr '\\0' x")
        out = self.becomes(ref, "healthy")["Log"][0]["Output"]
        self.assertEqual(out, "x" * 4096 + "...")

    def test_odd_output(self):
        ref = self.watched("printf 'a\\000b\\377c\\n'")
        out = self.becomes(ref, "healthy")["Log"][0]["Output"]
        self.assertTrue(out.startswith("a") and out.endswith("c\n"), out)

    def test_cmd_form(self):
        ref = self.watched(["CMD", "echo", "$HOME", "a  b"])
        self.assertEqual(self.becomes(ref, "healthy")["Log"][0]["Output"], "$HOME a  b\n")

    def test_shell_of_the_container(self):
        ref = self.watched("it works", Shell=["/bin/echo", "-n", "shell:"])
        self.assertEqual(self.becomes(ref, "healthy")["Log"][0]["Output"], "shell: it works")

    def test_runs_as_the_container_does(self):
        ref = self.watched("id -u; pwd; echo $WHO", User="12:34", WorkingDir="/tmp", Env=["WHO=me"])
        self.assertEqual(self.becomes(ref, "healthy")["Log"][0]["Output"], "12\n/tmp\nme\n")

    def test_no_such_program(self):
        ref = self.watched(["CMD", "/nosuch"])
        one = self.becomes(ref, "unhealthy")["Log"][0]
        self.assertEqual(one["ExitCode"], -1)
        self.assertIn("/nosuch", one["Output"])

    def test_timeout(self):
        ref = self.watched("echo slow; sleep 1000", Timeout=2500 * MS, Retries=1)
        one = self.becomes(ref, "unhealthy")["Log"][0]
        self.assertEqual((one["ExitCode"], one["Output"]),
                         (-1, "Health check exceeded timeout (2.5s)"
                          + ("" if CTX.is_oracle else ": slow\n")))

        def few():      # one probe may be on its way
            got = self.api.ok("GET", f"/containers/{ref}/top", ps_args="-o pid,args")
            return sum("sleep" in " ".join(p) for p in got["Processes"]) <= 3
        wait_for(few, 5, "probes that took too long are gone")

    def test_default_times(self):
        """Thirty seconds to the first probe."""
        ref = self.run_("exec sleep 1000", Healthcheck={"Test": ["CMD", "true"]})
        time.sleep(0.5)
        self.assertEqual(self.health(ref)["Log"], [])

    def test_start_period(self):
        """Failures in the start period do not count; a success ends it."""
        ref = self.watched("exit $(cat /state)", cmd="echo 1 > /state; exec sleep 1000", Retries=1,
                           StartPeriod=5000 * MS, StartInterval=50 * MS)
        wait_for(lambda: len(self.health(ref)["Log"]) >= 3, 10, "three failures")
        self.assertEqual((self.health(ref)["Status"], self.health(ref)["FailingStreak"]), ("starting", 0))
        self.becomes(ref, "unhealthy")

    @NEWER
    def test_start_interval(self):
        """Probed more often while it starts, until it is healthy."""
        ref = self.watched("true", interval=600_000, StartPeriod=60_000 * MS, StartInterval=100 * MS)
        self.becomes(ref, "healthy")
        time.sleep(0.4)
        self.assertEqual(len(self.health(ref)["Log"]), 1)


class TestLife(Healthy):
    def test_stop_and_start(self):
        ref = self.watched("true")
        self.becomes(ref, "healthy")
        self.api.ok("POST", f"/containers/{ref}/stop", t=0)
        got = self.health(ref)
        self.assertEqual(got["Status"], "unhealthy")
        self.assertTrue(got["Log"])
        self.assertNotIn("health", self.listed(ref))
        n = len(got["Log"])
        time.sleep(0.3)
        self.assertEqual(len(self.health(ref)["Log"]), n)
        self.api.start(ref)
        self.becomes(ref, "healthy")

    def test_stop_in_a_probe(self):
        ref = self.watched("echo on > /on; sleep 1000")
        wait_for(lambda: self.docker("exec", ref, "cat", "/on").code == 0, 5, "the probe runs")
        began = time.monotonic()
        self.api.ok("POST", f"/containers/{ref}/stop", t=0)
        self.assertLess(time.monotonic() - began, 15)       # the probe has thirty
        if not CTX.is_oracle:       # which may hear of the probe's end before the container's
            self.assertEqual(self.health(ref)["Log"], [])
        self.assertEqual(self.api.remove(ref).status, 204)

    def test_pause(self):
        ref = self.watched("true")
        self.becomes(ref, "healthy")
        self.api.ok("POST", f"/containers/{ref}/pause")
        self.assertRegex(self.listed(ref), r"\(Paused\)$")
        time.sleep(0.2)         # one that ended just before is noted yet
        before = self.health(ref)["Log"][-1]["Start"]
        time.sleep(0.4)
        self.assertEqual(self.health(ref)["Log"][-1]["Start"], before)
        self.api.ok("POST", f"/containers/{ref}/unpause")
        self.becomes(ref, "healthy")
        wait_for(lambda: self.health(ref)["Log"][-1]["Start"] > before, 5, "probed again")

    def test_restarting(self):
        """A container that starts again starts its health too."""
        ref = self.watched("true", cmd="until rm /end 2>/dev/null; do sleep 0.05; done; exit 1",
                           HostConfig={"RestartPolicy": {"Name": "always"}})

        def of_this_run():
            state = self.api.inspect(ref)["State"]
            log = state["Health"]["Log"]
            return state["Health"]["Status"] == "healthy" and log[0]["Start"] > state["StartedAt"]
        for count in range(3):
            wait_for(lambda: self.api.inspect(ref)["RestartCount"] == count, 10, "started again")
            wait_for(of_this_run, 10, "healthy")
            self.docker.ok("exec", ref, "touch", "/end")

    @needs_host     # whose clock it goes by
    def test_events(self):
        since = time.time()
        ref = self.watched("[ ! -e /bad ]", Retries=1)
        self.becomes(ref, "healthy")
        self.docker("exec", ref, "touch", "/bad")
        self.becomes(ref, "unhealthy")
        got = self.docker("events", "--since", f"{since:.3f}", "--until", f"{time.time() + 0.1:.3f}",
                          "--filter", "event=health_status", "--format", "{{.Action}}").out.splitlines()
        self.assertEqual(got, ["health_status: healthy", "health_status: unhealthy"])

    def test_list_filter(self):
        refs = {"healthy": self.watched("true"), "unhealthy": self.watched("false"),
                "starting": self.watched("true", interval=60_000), "none": self.run_("exec sleep 1000")}
        self.becomes(refs["healthy"], "healthy")
        self.becomes(refs["unhealthy"], "unhealthy")
        for status, ref in refs.items():
            got = self.api.ok("GET", "/containers/json", filters={"health": [status]})
            self.assertEqual([one["Id"] for one in got], [ref], status)
        both = self.api.ok("GET", "/containers/json", filters={"health": ["healthy", "none"]})
        self.assertEqual({one["Id"] for one in both}, {refs["healthy"], refs["none"]})
        got = self.api.get("/containers/json", filters={"health": ["fine"]})
        self.assertEqual(got.status, 400, got)

    def test_many_execs_beside(self):
        """Probes go beyond the limit of a container's execs, and do not push out a client's."""
        ref = self.watched("true", interval=20)
        id = self.api.ok("POST", f"/containers/{ref}/exec", {"Cmd": ["sh", "-c", "exit 5"]})["Id"]
        self.api.ok("POST", f"/exec/{id}/start", {"Detach": True})
        wait_for(lambda: not self.api.ok("GET", f"/exec/{id}/json")["Running"], 10, "the end of the exec")
        last = self.health(ref)["Log"][-1:]
        wait_for(lambda: not last or last[0] not in self.health(ref)["Log"], 10, "five probes more")
        self.assertEqual(self.api.ok("GET", f"/exec/{id}/json")["ExitCode"], 5)

    def test_cli(self):
        self.docker.ok("run", "-d", "--name", "cli", "--health-cmd", "test -e /etc/passwd",
                       "--health-interval", "50ms", "--health-retries", "1", BB, "sleep", "1000")
        self.becomes("cli", "healthy")
        self.assertIn("(healthy)", self.docker("ps").out)


class TestCreate(Healthy):
    @NEWER
    def test_echo(self):
        health = {"Test": ["CMD-SHELL", "true"], "Interval": 1000 * MS, "Timeout": 2000 * MS,
                  "StartPeriod": 3000 * MS, "StartInterval": 4000 * MS, "Retries": 5}
        ref = self.create("true", Healthcheck=health)
        self.assertEqual(self.api.inspect(ref)["Config"]["Healthcheck"], health)
        old = Api(self.daemon.sock, "1.43")
        ref = old.create(BB, "true", Healthcheck=health)
        CTX.ids.add(ref)
        health.pop("StartInterval")
        self.assertEqual(self.api.inspect(ref)["Config"]["Healthcheck"], health)

    def test_refused(self):
        for key in ("Interval", "Timeout", "StartPeriod"):
            for value in (1, MS - 1, -5):
                with self.subTest(key=key, value=value):
                    self.gives(400, f"{key} in Healthcheck cannot be less than 1ms", "POST",
                               "/containers/create",
                               {"Image": BB, "Healthcheck": {"Test": ["CMD", "true"], key: value}})
        self.gives(400, "Retries in Healthcheck cannot be negative", "POST", "/containers/create",
                   {"Image": BB, "Healthcheck": {"Test": ["CMD", "true"], "Retries": -1}})

    @NEWER
    def test_start_interval_refused(self):
        self.gives(400, "StartInterval in Healthcheck cannot be less than 1ms", "POST", "/containers/create",
                   {"Image": BB, "Healthcheck": {"Test": ["CMD", "true"], "StartInterval": 1}})

    def test_of_the_image(self):
        made = images.Image([images.base_layer()],
                            {"Cmd": ["sleep", "1000"],
                             "Healthcheck": {"Test": ["CMD-SHELL", "echo of the image"],
                                             "Interval": 60 * MS, "Retries": 7}})
        status, got = self.api.load(made.docker_archive("checked:latest"))
        self.assertEqual(status, 200, got)
        ref = self.run_(None, image="checked")
        self.assertEqual(self.becomes(ref, "healthy")["Log"][0]["Output"], "of the image\n")
        other = self.run_(None, image="checked", Healthcheck={"Test": ["CMD", "echo", "own"], "Timeout": 900 * MS})
        self.assertEqual(self.becomes(other, "healthy")["Log"][0]["Output"], "own\n")
        self.assertEqual(self.api.inspect(other)["Config"]["Healthcheck"],
                         {"Test": ["CMD", "echo", "own"], "Interval": 60 * MS, "Timeout": 900 * MS, "Retries": 7})
        none = self.run_(None, image="checked", Healthcheck={"Test": ["NONE"]})
        self.assertNotIn("Health", self.api.inspect(none)["State"])


@not_oracle("it forgets the state")
class TestDaemonStarts(Healthy):
    def test_goes_on(self):
        ref = self.watched("echo fine")
        self.becomes(ref, "healthy")
        self.daemon.kill9()
        self.daemon.start()
        got = self.health(ref)
        self.assertEqual(got["Status"], "healthy")
        before = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        wait_for(lambda: self.health(ref)["Log"][-1]["Start"] > before, 10, "probed again")

    def test_stopped_stays_unhealthy(self):
        ref = self.watched("echo fine")
        self.becomes(ref, "healthy")
        self.api.ok("POST", f"/containers/{ref}/stop", t=0)
        self.daemon.stop()
        self.daemon.start()
        got = self.health(ref)
        self.assertEqual((got["Status"], got["Log"][-1]["Output"]), ("unhealthy", "fine\n"))

    def test_daemon_ends_in_a_probe(self):
        ref = self.watched("sleep 1000")
        time.sleep(0.3)
        began = time.monotonic()
        self.daemon.stop()
        self.assertLess(time.monotonic() - began, 15)       # the probe has thirty
        self.daemon.start()
        self.assertEqual(self.health(ref)["Status"], "starting")
