#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Runs the end-to-end tests: run.py --serind PATH [--filter TEXT] [--oracle DOCKERD|SOCKET] [-v]."""

import argparse
import fnmatch
import os
import signal
import sys
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from harness import isolate, proof, rawhttp         # noqa: E402
from harness.context import CTX                     # noqa: E402


class Lines(unittest.TestResult):
    """One line a test; a failure with its traceback and the daemon's last words."""

    def __init__(self, out):
        super().__init__()
        self.out, self.passed = out, 0
        self.broken = []
        self.began = time.monotonic()
        self.subtest_failed = set()
        self.outcome = {}

    def say(self, word, test, extra=""):
        took = time.monotonic() - self.began
        self.out.write(f"{word:4} {took:6.2f}s {self.name(test)}{extra}\n")
        self.out.flush()

    @staticmethod
    def name(test):
        text = test.id()
        return text.removeprefix("setUpClass (").removesuffix(")")

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def addSuccess(self, test):
        if test.id() not in self.subtest_failed:
            self.passed += 1
            self.outcome[self.name(test)] = "passed"
            self.say("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcome[self.name(test)] = f"skipped: {reason}"
        self.say("skip", test, f"  ({reason})")

    def fail(self, test, err):
        self.broken.append(self.name(test))
        self.outcome[getattr(test, "test_case", test).id()] = "FAILED"
        self.say("FAIL", test)
        for frame in traceback.extract_tb(err[2]):
            if frame.filename.startswith(HERE):
                self.out.write(f"    {os.path.relpath(frame.filename, HERE)}:{frame.lineno} "
                               f"{frame.name}: {frame.line}\n")
        text = "".join(traceback.format_exception_only(*err[:2]))
        self.out.write("".join(f"    {line}\n" for line in text.rstrip().splitlines()))
        owner = getattr(test, "test_case", test)
        try:
            log = owner.failure_log()
        except Exception:
            log = ""
        if log:
            self.out.write("    --- the daemon's log ends with\n")
            self.out.write("".join(f"    | {line}\n" for line in log.splitlines()))
        self.out.flush()

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.fail(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.subtest_failed.add(test.id())
            self.fail(subtest, err)


def chosen(suite, text):
    """The tests whose id contains text (or matches it as a pattern), kept in their classes."""
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from chosen(one, text)
        elif not text or any(t in one.id() or fnmatch.fnmatch(one.id(), t)
                             for t in text.split(",")):
            yield one


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serind", default="build/serind", help="the daemon under test")
    parser.add_argument("--filter", default="", help="only tests whose name contains this "
                        "(several: comma between)")
    parser.add_argument("--oracle", help="test a dockerd instead: its path (started privately) "
                        "or the socket of a running one")
    parser.add_argument("--remote", action="store_true", help="with --oracle SOCKET: the daemon is on "
                        "another machine; what needs that machine's files or processes is skipped")
    parser.add_argument("--slow", type=float, default=CTX.slow, help="multiplies every time limit")
    parser.add_argument("--host", action="store_true", help="in the host's own namespaces")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--limit", type=int, default=2400, help="seconds for the whole run")
    parser.add_argument("--proofs", metavar="FILE", help="check proofs.txt, and write which test "
                        "proves which endpoint and field, and what became of it")
    parser.add_argument("-v", action="store_true", help="keep the files of the run")
    args = parser.parse_args()

    if args.remote and not args.oracle:
        parser.error("--remote needs --oracle SOCKET")
    if not args.list and not args.remote and os.geteuid() != 0:
        parser.error("the tests need root")
    socket_given = args.oracle and not os.access(args.oracle, os.X_OK)
    if not args.list and not args.host and not socket_given and not isolate.inside():
        sys.exit(isolate.reenter(args.v))
    if isolate.inside():
        isolate.become_init()
        CTX.isolated = True

    CTX.serind = os.path.abspath(args.serind)
    CTX.oracle = os.path.abspath(args.oracle) if args.oracle else None
    CTX.verbose = args.v
    CTX.remote, CTX.slow = args.remote, args.slow
    if CTX.external:
        CTX.api = rawhttp.request(CTX.oracle, "GET", "/version").json()["ApiVersion"]
    elif CTX.oracle:
        CTX.api = "1.41"
    if not args.list and not args.oracle and not os.access(CTX.serind, os.X_OK):
        parser.error(f"no such program: {CTX.serind}")

    CTX.open_tmp(isolate.inside())
    if CTX.isolated:
        isolate.settle(CTX.tmp)
    loader = unittest.TestLoader()
    everything = list(chosen(loader.discover(HERE, "test_*.py", HERE), ""))
    tests = list(chosen(everything, args.filter))
    if args.list:
        print("\n".join(test.id() for test in tests))
        CTX.close_tmp()
        return 0

    result = Lines(sys.stdout)
    watchdog(args.limit, result)
    began = time.monotonic()
    try:
        unittest.TestSuite(tests).run(result)
    finally:
        if CTX.isolated:
            os.system(f"umount -l /etc {CTX.tmp}/etc 2>/dev/null")
        if not args.v:
            CTX.close_tmp()
    if args.proofs:
        prove(args.proofs, everything, result)
    return finish(result, time.monotonic() - began)


def prove(path, everything, result):
    """One more test: that nothing is without one. Writes the table."""
    proofs = proof.read()
    faults = list(proof.faults(proofs, {test.id() for test in everything}))
    proof.write(path, proofs, result.outcome)
    if faults:
        result.broken.append("proofs")
        print("FAIL proofs.txt", *faults, sep="\n    ")
    else:
        result.passed += 1
        print(f"ok   proofs.txt: {len(proofs)} endpoints and fields; {path}")


def watchdog(seconds, result):
    """Ends a run that hangs where no alarm reaches it."""
    import threading

    def ring():
        result.broken.append("(the run)")
        print(f"FAIL the run took longer than {seconds} s", flush=True)
        finish(result, seconds)
        os.kill(os.getpid(), signal.SIGKILL)
    timer = threading.Timer(seconds, ring)
    timer.daemon = True
    timer.start()


def finish(result, seconds):
    line = f"{result.passed} passed, {len(result.broken)} failed, {len(result.skipped)} skipped"
    if result.broken:
        print("failed:", *dict.fromkeys(result.broken), sep="\n  ")
    print(f"{seconds:.0f} s")
    print(line, flush=True)
    if os.environ.get("TEST_RESULTS"):
        with open(os.environ["TEST_RESULTS"], "a") as f:
            f.write(line + "\n")
    return 1 if result.broken or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main())
