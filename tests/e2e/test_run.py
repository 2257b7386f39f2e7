# SPDX-License-Identifier: Apache-2.0
"""`docker run` as a user types it: exit codes, streams, terminals."""

import os
import signal
import time

from harness.case import BB, CTX, E2E, images, not_oracle, wait_for


class Run(E2E):
    def docker_run(self, *args, **more):
        return self.docker("run", "--rm", *args, **more)

    def prints(self, *args, **more):
        """Standard output of a run that must succeed."""
        return self.docker.ok("run", "--rm", *args, **more)


class TestExit(Run):
    def test_echo(self):
        got = self.docker_run(BB, "echo", "hello", "world")
        self.assertEqual((got.code, got.out, got.err), (0, "hello world\n", ""))

    def test_exit_codes(self):
        for code in (0, 1, 42, 125, 126, 127, 255):
            self.assertEqual(self.docker_run(BB, "sh", "-c", f"exit {code}").code, code)

    def test_killed_by_signal(self):
        self.assertEqual(self.docker_run("--init", BB, "sh", "-c", "kill -9 $$; sleep 5").code, 137)
        self.assertEqual(self.docker_run("--init", BB, "sh", "-c", "kill -15 $$; sleep 5").code, 143)

    def test_no_such_program(self):
        got = self.docker_run(BB, "nosuchprogram")
        self.assertEqual(got.code, 127, got)
        self.assertIn("nosuchprogram", got.err)
        self.assertIn("executable file not found", got.err)
        got = self.docker_run(BB, "/no/such")
        self.assertEqual(got.code, 127, got)
        self.assertIn("no such file or directory", got.err)

    def test_not_executable(self):
        for path in ("/bin/notexec", "/etc"):
            got = self.docker_run(BB, path)
            self.assertEqual(got.code, 126, got)

    def test_no_such_directory_or_user(self):
        got = self.docker_run("-u", "nosuchuser", BB, "true")
        self.assertEqual(got.code, 125)
        self.assertIn("unable to find user nosuchuser: no matching entries in passwd file", got.err)

    def test_failed_start_leaves_a_container(self):
        got = self.docker("run", "--name", "bad", BB, "nosuchprogram")
        self.assertEqual(got.code, 127)
        state = self.api.inspect("bad")["State"]
        self.assertEqual((state["Status"], state["ExitCode"], state["Running"]), ("created", 127, False))
        self.assertIn("executable file not found", state["Error"])

    def test_failed_start_is_told_once(self):
        """A client that waits for the removal hears the reason from the start alone."""
        got = self.docker("run", "--rm", BB, "nosuchprogram")
        self.assertEqual(got.code, 127)
        self.assertNotIn("Error waiting for container", got.err)
        self.assertEqual(got.err.count("executable file not found"), 1)

    def test_unknown_image(self):
        got = self.docker_run("--pull=never", "nosuchimage:1", "true")
        self.assertEqual(got.code, 125)
        self.assertIn("No such image: nosuchimage:1", got.err)

    def test_rm(self):
        self.docker_run("--name", "gone", BB, "true")
        wait_for(lambda: self.api.get("/containers/gone/json").status == 404, 5, "removed")

    def test_detached(self):
        ref = self.docker.ok("run", "-d", "--name", "bg", BB, "sleep", "1000")
        self.assertRegex(ref, r"^[0-9a-f]{64}$")
        self.assertEqual(self.api.inspect("bg")["Id"], ref)
        self.assertTrue(self.api.inspect("bg")["State"]["Running"])
        self.docker.ok("rm", "-f", "bg")

    def test_detached_rm_ends(self):
        ref = self.docker.ok("run", "-d", "--rm", BB, "sleep", "0.3")
        wait_for(lambda: self.api.get(f"/containers/{ref}/json").status == 404, 5, "removed")

    def test_many_quick_ones(self):
        for i in range(8):
            self.assertEqual(self.prints(BB, "echo", i), str(i))

    def test_at_once(self):
        children = [self.docker.popen("run", "--rm", BB, "sh", "-c", f"echo {i}; exit {i}")
                    for i in range(8)]
        for i, child in enumerate(children):
            out, err = child.communicate(timeout=40)
            self.assertEqual((child.returncode, out), (i, f"{i}\n".encode()), err)


class TestStreams(Run):
    def test_stdin(self):
        got = self.docker_run("-i", BB, "cat", data="hi\n")
        self.assertEqual((got.code, got.out), (0, "hi\n"), got)

    def test_stdin_at_once_closed(self):
        got = self.docker_run("-i", BB, "sh", "-c", "cat; echo end", data="")
        self.assertEqual((got.code, got.out), (0, "end\n"), got)

    def test_no_stdin_is_null(self):
        got = self.docker_run(BB, "sh", "-c", "cat; readlink /proc/self/fd/0", data="unseen")
        self.assertEqual((got.code, got.out), (0, "/dev/null\n"), got)

    def test_large_stdin(self):
        data = os.urandom(1 << 20) * 16
        got = self.docker_run("-i", BB, "sha256sum", data=data)
        self.assertEqual(got.out.split()[0], images.digest(data)[7:])

    def test_large_round_trip(self):
        data = (b"0123456789abcdef" * 64 + b"\n") * 4096
        got = self.docker_run("-i", BB, "cat", data=data)
        self.assertEqual(len(got.out), len(data))
        self.assertEqual(got.out.encode(), data)

    def test_output_goes_on_after_stdin_ends(self):
        got = self.docker_run("-i", BB, "sh", "-c", "wc -c; sleep 0.3; echo later; exit 5", data="12345")
        self.assertEqual((got.code, got.out), (5, "5\nlater\n"))

    def test_both_streams(self):
        got = self.docker_run(BB, "sh", "-c", "echo out; echo err >&2; echo out2")
        self.assertEqual((got.out, got.err), ("out\nout2\n", "err\n"))

    def test_binary(self):
        got = self.docker.popen("run", "--rm", "-i", BB, "cat", stdin=-1)
        data = bytes(range(256)) * 1000
        out, err = got.communicate(data, timeout=20)
        self.assertEqual(out, data)

    def test_reader_goes_away(self):
        """`docker run … yes | head`: the client dies of EPIPE, the container goes with --rm."""
        child = self.docker.popen("run", "--rm", "--name", "pipe", "--init", BB, "yes")
        self.assertEqual(child.stdout.read(4), b"y\ny\n")
        child.stdout.close()
        self.docker("kill", "pipe")
        child.wait(15)

    def test_sigterm_is_passed_on(self):
        child = self.docker.popen("run", "--rm", BB, "sh", "-c",
                                  "trap 'echo got; exit 9' TERM; echo up; while :; do sleep 0.1; done")
        self.assertEqual(child.stdout.read(3), b"up\n")
        child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=10)
        self.assertEqual((child.returncode, out), (9, b"got\n"))


class TestTerminal(Run):
    def test_it(self):
        with_tty = self.docker.pty("run", "--rm", "-it", BB, "sh")
        with_tty.expect("# ")
        with_tty.write("tty; echo $((40+2))\n")
        with_tty.expect("/dev/pts/0")
        with_tty.expect("42")
        with_tty.write("exit 7\n")
        self.assertEqual(with_tty.finish(), 7)

    def test_size_and_resize(self):
        term = self.docker.pty("run", "--rm", "-it", BB, "sh", rows=31, cols=97)
        term.expect("# ")
        for rows, cols in ((31, 97), (40, 120), (10, 20)):
            if (rows, cols) != (31, 97):
                term.resize(rows, cols)

            def shows():
                term.write("echo =$(stty size)=\n")
                try:
                    term.expect(f"={rows} {cols}=", timeout=1)
                    return True
                except AssertionError:
                    return False
            wait_for(shows, 8, f"stty says {rows} {cols}")
        term.write("exit\n")
        self.assertEqual(term.finish(), 0)

    @images.needs_probe
    def test_sigwinch_arrives(self):
        term = self.docker.pty("run", "--rm", "-it", "--name", "win", BB, "probe", "winch", rows=20, cols=70)
        term.expect("size ")

        def arrives():          # the client may not look at its terminal yet
            term.resize(33, 44)
            try:
                term.expect("size 33 44", timeout=1)
                return True
            except AssertionError:
                return False
        wait_for(arrives, 10, "the new size")
        self.docker("kill", "win")

    def test_ctrl_c(self):
        term = self.docker.pty("run", "--rm", "-it", BB, "sh", "-c",
                               "trap 'echo int; exit 3' INT; echo up; while :; do sleep 0.1; done")
        term.expect("up")
        term.write(b"\x03")
        term.expect("int")
        self.assertEqual(term.finish(), 3)

    def test_ctrl_d(self):
        term = self.docker.pty("run", "--rm", "-it", BB, "cat")
        term.write("abc\n")
        term.expect("abc\r\nabc")
        term.write(b"\x04")
        self.assertEqual(term.finish(), 0)

    def test_detach_keys(self):
        term = self.docker.pty("run", "-it", "--name", "det", BB, "sh")
        term.expect("# ")
        term.write(b"\x10\x11")
        self.assertEqual(term.finish(), 0)
        self.assertTrue(self.api.inspect("det")["State"]["Running"])
        again = self.docker.pty("attach", "det")
        again.write("echo $((1+1))$((2+2))\n")
        again.expect("24")
        again.write("exit 4\n")
        self.assertEqual(again.finish(), 4)

    def test_own_detach_keys(self):
        term = self.docker.pty("run", "-it", "--detach-keys", "ctrl-a,x", "--name", "det", BB, "sh", "-c", "echo up; cat")
        term.expect("up")
        term.write(b"\x10\x11ok\n")
        term.expect("ok")
        term.write(b"\x01x")
        self.assertEqual(term.finish(), 0)
        self.assertTrue(self.api.inspect("det")["State"]["Running"])

    def test_partial_detach_keys_reach_the_program(self):
        term = self.docker.pty("run", "--rm", "-it", BB, "sh", "-c", "stty raw -echo; echo up; head -c3 | od -An -tx1")
        term.expect("up")
        time.sleep(0.2)
        term.write(b"\x10ab")
        term.expect("10 61 62")
        self.assertEqual(term.finish(), 0)

    def test_tty_without_stdin(self):
        got = self.docker("run", "--rm", "-t", BB, "sh", "-c", "test -t 1 && echo yes")
        self.assertEqual((got.code, got.out), (0, "yes\r\n"))

    def test_term_variable(self):
        self.assertIn("TERM=xterm", self.docker.ok("run", "--rm", "-t", BB, "env"))
        self.assertNotIn("TERM=", self.prints(BB, "env"))

    @not_oracle("the size at creation came with 23.0")
    def test_console_size_at_start(self):
        """The size is right before the program looks for the first time."""
        for _ in range(3):
            term = self.docker.pty("run", "--rm", "-it", BB, "stty", "size", rows=37, cols=91)
            self.assertEqual(term.expect("\n").strip(), b"37 91")
            self.assertEqual(term.finish(), 0)
