# SPDX-License-Identifier: Apache-2.0
"""Restart policies: when, how often, how fast; who ends it; what the daemon starts again."""

import glob
import os
import shutil
import signal
import subprocess
import time

from harness import leaks
from harness.case import BB, Api, Daemon, Docker, E2E, not_oracle, wait_for

NEWER = not_oracle("messages of API 1.44 and later")


def policy(name, most=None):
    rule = {"Name": name}
    if most is not None:
        rule["MaximumRetryCount"] = most
    return {"RestartPolicy": rule}


def removed(group):
    try:
        os.rmdir(group)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


class Restarting(E2E):
    """Shorthands; each container counts its starts by what it logs."""

    def loop(self, rule="always", most=None, code=1, cmd=None, **config):
        return self.run_(cmd or f"echo up; exit {code}", HostConfig=policy(rule, most), **config)

    def state(self, ref):
        return self.api.inspect(ref)["State"]

    def count(self, ref):
        return self.api.inspect(ref)["RestartCount"]

    def starts(self, ref):
        return self.api.logs(ref)[0].count(b"up\n")

    def restarting(self, ref, after=1):
        """Wait for the wait between two runs, a later one for a longer one."""
        return wait_for(lambda: self.count(ref) >= after
                        and self.state(ref)["Status"] == "restarting", 20, "restarting")

    def running(self, ref, timeout=10):
        return wait_for(lambda: self.state(ref)["Status"] == "running", timeout, "running")


class TestPolicies(Restarting):
    def test_no(self):
        ref = self.loop("no")
        self.api.wait(ref)
        time.sleep(0.4)
        self.assertEqual((self.state(ref)["Status"], self.count(ref)), ("exited", 0))

    def test_always(self):
        ref = self.loop("always", code=0)
        wait_for(lambda: self.starts(ref) >= 3, 10, "started again")
        self.assertGreaterEqual(self.count(ref), 2)

    def test_unless_stopped(self):
        ref = self.loop("unless-stopped", code=0)
        wait_for(lambda: self.starts(ref) >= 3, 10, "started again")

    def test_on_failure_after_success(self):
        ref = self.loop("on-failure", code=0)
        self.exited(ref)
        time.sleep(0.4)
        self.assertEqual((self.state(ref)["Status"], self.count(ref)), ("exited", 0))

    def test_on_failure(self):
        ref = self.loop("on-failure", cmd="echo up; [ -e /tried ] || { touch /tried; exit 3; }")
        wait_for(lambda: self.state(ref)["Status"] == "exited" and self.count(ref) == 1, 10, "once again")
        self.assertEqual((self.starts(ref), self.state(ref)["ExitCode"]), (2, 0))

    def test_on_failure_so_many_times(self):
        ref = self.loop("on-failure", 2, code=7)
        wait_for(lambda: self.count(ref) == 2 and self.state(ref)["Status"] == "exited", 10, "given up")
        time.sleep(0.5)
        state = self.state(ref)
        self.assertEqual((state["ExitCode"], state["Restarting"], state["Running"]), (7, False, False))
        self.assertEqual(self.starts(ref), 3)
        self.api.start(ref)         # counted from the beginning
        wait_for(lambda: self.starts(ref) == 6, 10, "three more")

    def test_after_a_signal_of_its_own(self):
        """The process is killed, but not by a client of the daemon."""
        ref = self.loop("always", cmd="echo up; exec sleep 1000")
        self.logged(ref, "up")
        before = self.state(ref)["Pid"]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: self.starts(ref) == 2 and self.state(ref)["Running"], 10, "started again")
        self.assertNotIn(self.state(ref)["Pid"], (0, before))

    def test_back_off(self):
        """100 ms, 200 ms, 400 ms …: the fourth run begins after 700 ms at least."""
        began = time.monotonic()
        ref = self.loop("always")
        wait_for(lambda: self.starts(ref) >= 4, 15, "four runs")
        self.assertGreater(time.monotonic() - began, 0.65)
        self.restarting(ref, 5)     # 1.6 s
        state = self.state(ref)
        self.assertEqual((state["Running"], state["Restarting"], state["Pid"], state["ExitCode"]),
                         (True, True, 0, 1))
        self.assertNotIn("0001", state["FinishedAt"][:4])

    def test_listed(self):
        ref = self.loop("always", code=3, name="looping")
        self.restarting(ref, 5)
        one, = self.api.ok("GET", "/containers/json", filters={"status": ["restarting"]})
        self.assertEqual((one["Id"], one["State"]), (ref, "restarting"))
        self.assertRegex(one["Status"], r"^Restarting \(3\) .* ago$")
        self.assertEqual(self.api.ok("GET", "/containers/json", filters={"status": ["exited"]}), [])
        self.assertIn("Restarting (3)", self.docker("ps").out)

    def test_volatile_things_are_made_anew(self):
        """The network is a new one each time, the file system is kept."""
        ref = self.loop("on-failure", 2, cmd="echo up; echo x >> /kept; ip addr show eth0 | grep -c inet; "
                                            "wc -l < /kept; exit 1")
        wait_for(lambda: self.starts(ref) == 3 and self.state(ref)["Status"] == "exited", 10, "three runs")
        lines = self.api.logs(ref)[0].split()
        self.assertEqual(lines[2::3], [b"1", b"2", b"3"])
        self.assertNotIn(b"0", lines[1::3])

    def test_events(self):
        since = time.time()
        ref = self.loop("on-failure", 1)
        wait_for(lambda: self.count(ref) == 1 and self.state(ref)["Status"] == "exited", 10, "over")
        got = self.docker("events", "--since", f"{since:.3f}", "--until", f"{time.time() + 0.1:.3f}",
                          "--filter", f"container={ref}", "--filter", "type=container",
                          "--format", "{{.Action}}").out.split()
        self.assertEqual([a for a in got if a in ("start", "die", "restart", "stop")],
                         ["start", "die", "start", "die"])

    def test_cli(self):
        self.docker.ok("run", "-d", "--name", "cli", "--restart", "on-failure:4", BB, "sh", "-c", "exit 2")
        wait_for(lambda: self.count("cli") == 4 and self.state("cli")["Status"] == "exited", 15, "given up")
        host = self.api.inspect("cli")["HostConfig"]
        self.assertEqual(host["RestartPolicy"], {"Name": "on-failure", "MaximumRetryCount": 4})

    def test_attached_cli_ends_with_the_first_run(self):
        got = self.docker("run", "--name", "att", "--restart", "always", BB, "sh", "-c", "echo up; exit 4")
        self.assertEqual((got.code, got.out), (4, "up\n"))
        wait_for(lambda: self.starts("att") >= 2, 10, "and goes on")


@not_oracle("its shim deletes before it tells of the end")
class TestSlowDelete(Restarting):
    """The runtime still deletes the container when the next run of it is due (once a test)."""

    @classmethod
    def bring_up(cls):
        cls.daemon = Daemon()
        wrapper = os.path.join(cls.daemon.root, "runc")
        with open(wrapper, "w") as f:
            f.write('#!/bin/sh\nfor a; do case $a in delete) [ -e "$0.slow" ] && rm "$0.slow" && sleep 1 ;;'
                    f' --*) ;; /*) ;; *) break ;; esac; done\nexec {shutil.which("runc")} "$@"\n')
        os.chmod(wrapper, 0o755)
        cls.daemon.flags = ["--add-runtime", f"slow={wrapper}", "--default-runtime", "slow"]
        cls.daemon.start()
        cls.api = Api(cls.daemon.sock)
        cls.docker = Docker(cls.daemon.sock)
        cls.load_base(cls.api)

    def setUp(self):
        super().setUp()
        open(os.path.join(self.daemon.root, "runc.slow"), "w").close()

    def test_every_run_is_its_own(self):
        ref = self.loop("on-failure", 1, cmd="echo up; sleep 2; exit 7")
        wait_for(lambda: self.count(ref) == 1 and self.state(ref)["Status"] == "exited", 30, "given up")
        state = self.state(ref)
        self.assertEqual((state["ExitCode"], state["Error"], self.starts(ref)), (7, "", 2))

    def test_started_again_at_once(self):
        ref = self.run_("echo up")
        for _ in range(2):
            self.api.wait(ref)
            self.api.start(ref)
        self.api.wait(ref)
        self.assertEqual(self.starts(ref), 3)


class TestEnded(Restarting):
    """Who ends a container ends its restarts."""

    def stays(self, ref, status="exited"):
        time.sleep(0.4)
        state = self.state(ref)
        self.assertEqual((state["Status"], state["Running"], state["Restarting"]), (status, False, False))
        return state

    def test_stop_running(self):
        for name in ("always", "unless-stopped", "on-failure"):
            with self.subTest(name):
                ref = self.loop(name, cmd="trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done")
                self.logged(ref, "up")
                self.api.ok("POST", f"/containers/{ref}/stop", status=204)
                self.assertEqual(self.stays(ref)["ExitCode"], 9)

    def test_kill_running(self):
        ref = self.loop(cmd="echo up; exec sleep 1000")
        self.logged(ref, "up")
        self.api.ok("POST", f"/containers/{ref}/kill", status=204)
        self.assertEqual(self.stays(ref)["ExitCode"], 137)

    def test_other_signal_with_a_stop_signal(self):
        """Where the container has a signal for its end, others leave the policy alone."""
        ref = self.loop(cmd="trap 'exit 9' USR1; echo up; while :; do sleep 0.05; done", StopSignal="SIGQUIT")
        self.logged(ref, "up")
        self.api.ok("POST", f"/containers/{ref}/kill", signal="USR1", status=204)
        wait_for(lambda: self.starts(ref) == 2, 10, "started again")

    def at_once(self, method, path, **parts):
        ref = self.loop()
        self.restarting(ref, 6)     # 3.2 s
        began = time.monotonic()
        got = self.api.call(method, path.format(ref), **parts)
        self.assertLess(time.monotonic() - began, 2.5)
        return ref, got

    def test_stop_in_the_wait(self):
        ref, got = self.at_once("POST", "/containers/{}/stop")
        self.assertEqual(got.status, 204)
        self.assertEqual(self.stays(ref)["ExitCode"], 1)
        self.assertEqual(self.api.post(f"/containers/{ref}/stop").status, 304)
        before = self.starts(ref)
        self.api.start(ref)
        wait_for(lambda: self.starts(ref) >= before + 2, 10, "and again once started")

    def test_kill_in_the_wait(self):
        ref, got = self.at_once("POST", "/containers/{}/kill")
        self.assertEqual(got.status, 204)
        self.stays(ref)

    def test_remove_in_the_wait(self):
        ref, got = self.at_once("DELETE", "/containers/{}")
        self.assertEqual(got.status, 409, got)
        self.assertRegex(got.message.lower(), "restarting.*stop the container before (removing|attempting removal)"
                                              " or force remove")
        self.assertEqual(self.api.delete(f"/containers/{ref}", force=1).status, 204)
        self.assertEqual(self.api.get(f"/containers/{ref}/json").status, 404)

    def test_restart_in_the_wait(self):
        ref, got = self.at_once("POST", "/containers/{}/restart")
        self.assertEqual(got.status, 204)
        wait_for(lambda: self.count(ref) < 6, 5, "counted from the beginning")

    def test_start_in_the_wait(self):
        ref, got = self.at_once("POST", "/containers/{}/start")
        self.assertEqual(got.status, 304)

    def test_refused_in_the_wait(self):
        ref = self.loop()
        self.restarting(ref, 6)
        for path in ("attach", "exec"):
            got = self.api.post(f"/containers/{ref}/{path}", {"Cmd": ["true"]}, stream=1, stdout=1)
            self.assertEqual(got.status, 409, got)
            self.assertIn("is restarting, wait until the container is running", got.message)

    def test_stop_while_looping(self):
        """At whatever moment of the loop it comes."""
        refs = [self.loop(cmd=f"echo up; sleep 0.0{n}; exit 1") for n in range(6)]
        for n, ref in enumerate(refs):
            time.sleep(0.05 * n)
            self.assertIn(self.api.post(f"/containers/{ref}/stop", t=1).status, (204, 304))
        for ref in refs:
            self.assertEqual(self.stays(ref)["Pid"], 0)

    def test_wait(self):
        ref = self.loop(cmd="sleep 0.3; exit 6")
        for condition in (None, "not-running", "next-exit"):
            with self.subTest(condition):
                self.assertEqual(self.api.wait(ref, condition), 6)

    def test_failing_start_gives_up(self):
        path = self.path("vanishes")
        with open(path, "w") as f:
            f.write("x")
        ref = self.run_("echo up; exit 1",
                        HostConfig=dict(policy("always"),
                                        Mounts=[{"Type": "bind", "Source": path, "Target": "/v"}]))
        self.restarting(ref, 4)
        os.unlink(path)
        self.exited(ref)
        self.assertIn("vanishes", self.state(ref)["Error"])


class TestValidation(Restarting):
    def test_echo(self):
        for rule in ({"Name": "always", "MaximumRetryCount": 0}, {"Name": "no", "MaximumRetryCount": 0},
                     {"Name": "on-failure", "MaximumRetryCount": 5}):
            ref = self.create("true", HostConfig={"RestartPolicy": rule})
            self.assertEqual(self.api.inspect(ref)["HostConfig"]["RestartPolicy"], rule)

    @NEWER
    def test_refused(self):
        only = "invalid restart policy: maximum retry count can only be used with 'on-failure'"
        for host, message in (
                (policy("sometimes"), "invalid restart policy: unknown policy 'sometimes'; use one of 'no', "
                 "'always', 'on-failure', or 'unless-stopped'"),
                (policy("always", 3), only),
                (policy("no", 1), only),
                (policy("unless-stopped", -1), only + " and cannot be negative"),
                (policy("on-failure", -1), "invalid restart policy: maximum retry count cannot be negative"),
                (dict(policy("always"), AutoRemove=True),
                 "can't create 'AutoRemove' container with restart policy")):
            with self.subTest(host=host):
                self.gives(400, message, "POST", "/containers/create",
                           {"Image": BB, "Cmd": ["true"], "HostConfig": host})

    def test_no_with_auto_remove(self):
        ref = self.run_("true", HostConfig=dict(policy("no"), AutoRemove=True))
        wait_for(lambda: self.api.get(f"/containers/{ref}/json").status == 404, 10, "removed")


@not_oracle("it ends the containers, and reads other files")
class TestDaemonStarts(Restarting):
    STAY = "echo up; exec sleep 1000"

    def crash(self):
        self.daemon.kill9()
        self.daemon.start()

    def test_running_goes_on(self):
        ref = self.loop(cmd=self.STAY)
        before = self.state(ref)
        self.crash()
        after = self.state(ref)
        self.assertEqual((before["Pid"], self.count(ref)), (after["Pid"], 0))
        os.kill(after["Pid"], signal.SIGKILL)
        wait_for(lambda: self.starts(ref) == 2 and self.state(ref)["Running"], 10, "started again")

    def test_stopped_by_a_client(self):
        refs = {}
        for name in ("always", "unless-stopped", "on-failure", "no"):
            refs[name] = self.loop(name, cmd=self.STAY)
            self.logged(refs[name], "up")
            self.api.ok("POST", f"/containers/{refs[name]}/stop", t=0)
        made = self.create(self.STAY, HostConfig=policy("always"))
        self.crash()
        self.running(refs.pop("always"))
        time.sleep(0.3)
        for name, ref in refs.items():
            self.assertEqual(self.state(ref)["Status"], "exited", name)
        self.assertEqual(self.state(made)["Status"], "created")

    def test_ended_while_dead(self):
        refs = {name: self.loop(name, cmd=self.STAY) for name in ("always", "unless-stopped", "on-failure", "no")}
        pids = {name: self.state(ref)["Pid"] for name, ref in refs.items()}
        self.daemon.kill9()
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        self.daemon.start()
        for name in ("always", "unless-stopped", "on-failure"):
            self.running(refs[name])
            wait_for(lambda: self.starts(refs[name]) == 2, 5, "second run")
        self.assertEqual(self.state(refs["no"])["Status"], "exited")

    def test_in_the_wait(self):
        ref = self.loop(cmd="echo up; [ -e /go ] && exec sleep 1000; exit 1")
        self.restarting(ref, 7)     # 6.4 s
        self.daemon.kill9()
        before = time.monotonic()
        self.daemon.start()
        wait_for(lambda: self.starts(ref) >= 8, 10, "started again")
        self.assertLess(time.monotonic() - before, 5, "at once, not after what was left of the wait")
        self.api.ok("POST", f"/containers/{ref}/stop", t=0)

    def test_sigterm_in_the_wait(self):
        ref = self.loop()
        self.restarting(ref, 5)
        self.daemon.stop()
        self.daemon.start()
        wait_for(lambda: self.starts(ref) >= 7, 10, "goes on")

    def test_given_up_stays_so(self):
        ref = self.loop("on-failure", 1)
        wait_for(lambda: self.count(ref) == 1 and self.state(ref)["Status"] == "exited", 10, "given up")
        self.crash()
        time.sleep(0.4)
        self.assertEqual((self.starts(ref), self.count(ref)), (2, 1))

    def reboot(self):
        """What the end of the machine leaves: the data root, no process, no mount, no exec root."""
        self.daemon.kill9()
        for pid in self.daemon.family():
            os.kill(pid, signal.SIGKILL)
        for ref in self.refs:
            for name in glob.glob(f"/sys/fs/cgroup/*/docker/{ref}/cgroup.procs") + \
                    glob.glob(f"/sys/fs/cgroup/docker/{ref}/cgroup.procs"):
                with open(name) as f:
                    for pid in f.read().split():
                        try:
                            os.kill(int(pid), signal.SIGKILL)
                        except ProcessLookupError:
                            pass
        wait_for(lambda: not self.daemon.family(), 5, "all processes gone")
        for point in sorted(leaks.mounts(self.daemon.root), key=len, reverse=True):
            subprocess.run(["umount", "-l", point], capture_output=True)
        shutil.rmtree(self.daemon.exec)
        for ref in self.refs:
            for name in glob.glob(f"/sys/fs/cgroup/*/docker/{ref}") + glob.glob(f"/sys/fs/cgroup/docker/{ref}"):
                wait_for(lambda: removed(name), 5, "empty control group")
        subprocess.run(["ip", "link", "del", self.daemon.bridge], capture_output=True)
        self.daemon.start()

    def test_reboot(self):
        refs = {name: self.loop(name, cmd=self.STAY) for name in ("always", "unless-stopped", "on-failure", "no")}
        stopped = self.loop("unless-stopped", cmd=self.STAY)
        looping = self.loop("always")
        joins = self.run_(self.STAY, HostConfig=dict(policy("always"), NetworkMode=f"container:{refs['always']}"))
        port = self.run_(self.STAY, HostConfig=dict(
            policy("always"), PortBindings={"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "0"}]}))
        self.api.ok("POST", f"/containers/{stopped}/stop", t=0)
        self.restarting(looping, 4)
        self.refs = list(refs.values()) + [stopped, looping, joins, port]
        self.reboot()
        for ref in (refs["always"], refs["unless-stopped"], refs["on-failure"], joins, port):
            self.running(ref)
        self.assertEqual(self.state(refs["no"])["Status"], "exited")
        self.assertEqual(self.state(stopped)["Status"], "exited")
        self.assertTrue(self.state(looping)["Running"])
        self.assertTrue(self.api.inspect(port)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"])

    def test_reboot_of_those_that_share(self):
        """Whom they join or are linked to comes first, whatever the order they were made in."""
        donor = self.run_(self.STAY, name="donor", HostConfig=dict(policy("always"), IpcMode="shareable"))
        joins = [self.run_(self.STAY, HostConfig=dict(policy("always"), **more))
                 for more in ({"IpcMode": "container:donor"}, {"PidMode": "container:donor"},
                              {"Links": ["donor:db"]})]
        self.refs = [donor] + joins
        self.reboot()
        for ref in self.refs:
            self.running(ref)
        address = self.api.inspect(donor)["NetworkSettings"]["IPAddress"]
        self.assertIn(f"{address}\tdb ", self.docker.ok("exec", joins[2], "cat", "/etc/hosts"))

    def test_many_at_once(self):
        refs = [self.loop(cmd=self.STAY) for _ in range(12)]
        pids = [self.state(ref)["Pid"] for ref in refs]
        self.daemon.kill9()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.daemon.start()
        for ref in refs:
            self.running(ref, 20)
