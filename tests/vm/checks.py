# SPDX-License-Identifier: Apache-2.0
"""What is shown in a guest that has nothing but cgroup v2: each function is a test."""

import json
import time
import urllib.request

from guest import Failed

BB = "bb:latest"
MIB = 1 << 20


def same(got, want, what):
    if got != want:
        raise Failed(f"{what}: {got!r}, expected {want!r}")


def within(check, timeout, what, interval=0.1):
    """Poll until check() is true; its value."""
    end = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {timeout} s: {what}")
        time.sleep(interval)


def inspect(g, ref):
    return json.loads(g.docker("inspect", ref))[0]


def control_file(g, ref, name, check=True):
    """A file of the container's control group, as the guest's root sees it."""
    path = g.sh(f"cut -d: -f3 /proc/{inspect(g, ref)['State']['Pid']}/cgroup").strip()
    got = g.sh(f"cat /sys/fs/cgroup{path}/{name}", check=False)
    if check and got.code != 0:
        raise Failed(f"{name}: {got!r}")
    return got.out.strip() if got.code == 0 else None


def start(g, rt, *args, cmd="exec sleep 1000"):
    """A container in the background; its ID."""
    return g.docker("run", "-d", "--runtime", rt, *args, BB, "sh", "-c", cmd)


def remove(g, *refs):
    g.docker("rm", "-f", *refs)


# ---- the guest ------------------------------------------------------------------------------

def guest_is_pure_v2(g):
    same(g.sh("grep -c ' cgroup ' /proc/mounts || true").strip(), "0", "cgroup v1 mounts")
    same("cgroup2" in g.sh("grep /sys/fs/cgroup /proc/mounts"), True, "cgroup2 mounted")
    same(g.docker("info", "-f", "{{.CgroupVersion}}"), "2", "docker info")


def guest_check(g):
    """All is there, but for room: this guest has but its memory."""
    for _ in range(4):      # on a busy machine a runtime's first start may take longer than is waited
        got = g.sh("serind check --json || true", timeout=90)
        if "no end within" not in got:
            break
    for one in json.loads(got):
        if one["name"] not in ("disk", "memory"):
            same((one["name"], one["ok"]), (one["name"], True), f"{one['detail']}: {one['remedy']}")


def guest_load(g, archive):
    out = g.docker("load", data=archive)
    same("Loaded image" in out, True, out)


def guest_network(g):
    """DHCP: address, route and name server, and the lease renewed when the time has come."""
    same(" 10.0.2.15/24 " in g.sh("ip -4 addr show eth0"), True, "address")
    same("default via 10.0.2.2 dev eth0" in g.sh("ip route"), True, "route")
    same(g.sh("cat /etc/resolv.conf").strip().endswith("nameserver 10.0.2.3"), True, "name server")
    same("eth0 has 10.0.2.15/24 for" in g.sh("dmesg"), True, "a lease, and its time")


def guest_modules(g):
    """Nothing is loaded that neither a device nor the list asks for, and modprobe finds the rest."""
    same(g.sh("grep -cE '^(nvme|virtio_scsi|virtio_console|sd_mod) ' /proc/modules || true").strip(), "0",
         "modules of devices that are not there")
    g.sh("modprobe -q -- virtio-console")
    same(g.sh("grep -c '^virtio_console ' /proc/modules").strip(), "1", "by name, with the other line")
    same(g.sh("modprobe no-such-module", check=False).code, 1, "one that is not there")


def guest_words(g):
    """What the kernel command line says wrong is told, and the rest counts."""
    with open(g.console, errors="replace") as f:
        same("not understood: serin.nonsense" in f.read(), True, "told on the console")
    same("level=debug" in g.sh("cat /run/serind.log"), True, "serin.log=debug")
    same("--label a b=c" in g.sh("tr '\\0' ' ' </proc/$(cat /run/serind.pid)/cmdline"), True,
         "serin.arg with a blank")


def guest_memory_eaten(g, archive):
    """A container without a limit takes all there is: it is killed, not the daemon, which answers."""
    pid = g.sh("cat /run/serind.pid").strip()
    same(g.sh(f"cat /proc/{pid}/oom_score_adj").strip(), "-999", "the daemon is kept from the killer")
    # crun: it leaves a score of 0 to be inherited, which must not be the daemon's.
    ref = start(g, "crun", cmd="exec tail -c 2000000000 /dev/zero")
    longest, end = 0.0, time.monotonic() + 60
    while time.monotonic() < end and inspect(g, ref)["State"]["Running"]:
        began = time.monotonic()
        same(g.answers(20.0), True, "ping while memory is gone")
        longest = max(longest, time.monotonic() - began)
    state = inspect(g, ref)["State"]
    same((state["Running"], state["ExitCode"]), (False, 137), f"it was killed: {state}")
    same(longest < 10, True, f"a ping took {longest:.1f} s")
    remove(g, ref)
    same(g.docker("run", "--rm", "--runtime", "crun", BB, "echo", "fine"), "fine", "the next container")
    same(g.sh("cat /run/serind.pid").strip(), pid, "the same daemon")


def guest_log_bounded(g):
    """The daemon's log in memory does not grow without end."""
    g.sh("head -c 1500000 /dev/zero | tr '\\0' x >>/run/serind.log")
    within(lambda: int(g.sh("stat -c %s /run/serind.log")) < 500000, 45, "the log is put aside", 1)
    same(int(g.sh("stat -c %s /run/serind.log.1")) >= 1500000, True, "and kept")


def daemon_keeps_ending(g):
    """Ended again and again it is started again, later each time, and at once after a good while."""
    for _ in range(3):
        within(g.answers, 30, "it serves")
        g.sh("kill -9 $(cat /run/serind.pid)")
    within(g.answers, 30, "it serves again")
    waits = [int(line.split(" again in ")[1].split()[0])
             for line in g.sh("dmesg | grep 'serind was ended by signal 9'").splitlines()]
    same(waits[-1] > 0 and waits[-1] >= waits[-2] >= 0, True, f"waits: {waits}")


# ---- with either runtime --------------------------------------------------------------------

def run_output_and_code(g, rt):
    got = g.docker("run", "--rm", "--runtime", rt, BB, "sh", "-c", "echo out; echo err >&2; exit 7",
                   check=False)
    same((got.code, got.out, got.err), (7, "out\n", "err\n"), "docker run")


def run_stdin(g, rt):
    out = g.docker("run", "--rm", "-i", "--runtime", rt, BB, "wc", "-c", data=b"x" * 100000)
    same(out.strip(), "100000", "bytes through")


def run_user_and_workdir(g, rt):
    out = g.docker("run", "--rm", "--runtime", rt, "-u", "web:extra", "-w", "/home/web", BB, "sh",
                   "-c", "id -u; id -g; pwd")
    same(out.split(), ["1234", "2222", "/home/web"], "user")


def run_bad_command(g, rt):
    got = g.docker("run", "--rm", "--runtime", rt, BB, "/no/such", check=False)
    same(got.code, 127, f"a missing command: {got!r}")
    got = g.docker("run", "--rm", "--runtime", rt, BB, "/etc/passwd", check=False)
    same(got.code, 126, f"a file that is no program: {got!r}")


def run_tty(g, rt):
    ref = g.docker("run", "-dt", "--runtime", rt, BB, "sh", "-c", "tty; stty size; exec sleep 1000")
    within(lambda: "/dev/pts/0" in g.docker("logs", ref), 10, "the terminal's name")
    remove(g, ref)


def exec_works(g, rt):
    ref = start(g, rt, "--name", "execs")
    same(g.docker("exec", ref, "echo", "inside"), "inside", "exec")
    same(g.docker("exec", "-i", ref, "cat", data=b"through\n"), "through", "exec -i")
    same(g.docker("exec", "-u", "web", "-e", "A=b", ref, "sh", "-c", "id -u; echo $A"),
         "1234\nb", "exec -u -e")
    same(g.docker("exec", ref, "sh", "-c", "exit 9", check=False).code, 9, "exit code of exec")
    same(g.docker("exec", ref, "/no/such", check=False).code, 127, "exec of a missing command")
    group = g.docker("exec", ref, "cat", "/proc/self/cgroup")
    same(group.startswith("0::/"), True, group)
    same("0::/\n0::/", g.docker("exec", ref, "sh", "-c", "cat /proc/self/cgroup /proc/1/cgroup"), "its group")
    for n in ("mnt", "pid", "net", "ipc", "uts", "cgroup"):
        links = g.docker("exec", ref, "sh", "-c", f"readlink /proc/$$/ns/{n}; readlink /proc/1/ns/{n}").split()
        same(links[0], links[1], f"{n} namespace")
    # The shim does it itself: where the runtime is makes no difference.
    path = g.sh(f"which {rt}").strip()
    g.sh(f"mv {path} {path}.away")
    try:
        same(g.docker("exec", ref, "echo", "inside"), "inside", "exec without a runtime")
        same(g.docker("exec", "-u", "web", "-w", "/tmp", ref, "pwd"), "/tmp", "exec without a runtime")
    finally:
        g.sh(f"mv {path}.away {path}")
    remove(g, ref)


def logs_and_wait(g, rt):
    ref = start(g, rt, cmd="for i in 1 2 3; do echo line $i; done; exit 3")
    same(g.docker("wait", ref), "3", "docker wait")
    same(g.docker("logs", ref).split("\n"), ["line 1", "line 2", "line 3"], "logs")
    same(inspect(g, ref)["State"]["ExitCode"], 3, "inspect")
    remove(g, ref)


def stop_and_start(g, rt):
    ref = start(g, rt, cmd="trap 'echo asked; exit 5' TERM; while :; do sleep 0.1; done")
    within(lambda: g.docker("exec", ref, "true", check=False).code == 0, 10, "it runs")
    g.docker("stop", "-t", "20", ref)
    same(inspect(g, ref)["State"]["ExitCode"], 5, "after stop")
    g.docker("start", ref)
    same(inspect(g, ref)["State"]["Running"], True, "after start")
    g.docker("kill", ref)
    same(g.docker("wait", ref), "137", "after kill")
    remove(g, ref)


def limits_are_set(g, rt):
    ref = start(g, rt, "-m", "64m", "--memory-reservation", "32m", "--pids-limit", "50", "--cpus",
                "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0")
    want = {"memory.max": str(64 * MIB), "memory.low": str(32 * MIB), "pids.max": "50",
            "cpu.max": "50000 100000", "cpuset.cpus": "0"}
    for name, value in want.items():
        same(control_file(g, ref, name), value, name)
    # 512 of 2…262144 shares as 1…10000 of weight: by the line, or by newer runtimes' curve.
    same(control_file(g, ref, "cpu.weight") in ("20", "59"), True,
         f"cpu.weight {control_file(g, ref, 'cpu.weight')}")
    swap = control_file(g, ref, "memory.swap.max", check=False)
    if swap is not None:
        same(swap, str(64 * MIB), "memory.swap.max")
    same(g.docker("exec", ref, "cat", "/sys/fs/cgroup/memory.max"), str(64 * MIB), "seen inside")
    same(g.docker("exec", ref, "sh", "-c", "echo max >/sys/fs/cgroup/memory.max",
                  check=False).code != 0, True, "its own limit is not for it to lift")
    remove(g, ref)


def limits_default(g, rt):
    ref = start(g, rt)
    for name in ("memory.max", "pids.max"):
        same(control_file(g, ref, name), "max", name)
    same(control_file(g, ref, "cpu.max").split()[0], "max", "cpu.max")
    same(control_file(g, ref, "cpu.weight"), "100", "cpu.weight")
    remove(g, ref)


def pids_limit_holds(g, rt):
    got = g.docker("run", "--rm", "--runtime", rt, "--pids-limit", "8", BB, "sh", "-c",
                   "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; wait", check=False)
    same("fork" in got.err, True, f"more processes than allowed: {got!r}")


def memory_limit_kills(g, rt):
    ref = start(g, rt, "-m", "16m", "--memory-swap", "16m", cmd="tail -c 100000000 /dev/zero")
    same(g.docker("wait", ref), "137", "exit code")
    same(inspect(g, ref)["State"]["OOMKilled"], True, "OOMKilled")
    remove(g, ref)


def devices_are_held(g, rt):
    ref = start(g, rt)
    same(g.docker("exec", ref, "sh", "-c", "echo x >/dev/null && head -c 1 /dev/zero | wc -c"),
         "1", "the usual devices")
    major, minor = g.sh("stat -c '0x%t 0x%T' /dev/rtc0").split()
    make = f"mknod /tmp/rtc c {int(major, 16)} {int(minor, 16)} && : </tmp/rtc"
    got = g.docker("exec", ref, "sh", "-c", make, check=False)
    same(got.code != 0 and "not permitted" in got.err + got.out, True, f"another device: {got!r}")
    remove(g, ref)
    same(g.docker("run", "--rm", "--runtime", rt, "--device", "/dev/rtc0:/dev/r:r", BB, "sh", "-c",
                  "true </dev/r && echo read; true 2>/dev/null >/dev/r || echo held"), "read\nheld",
         "a device that was given, to be read")


def privileged(g, rt):
    out = g.docker("run", "--rm", "--runtime", rt, "--privileged", BB, "sh", "-c",
                   "mkdir /tmp/m && mount -t tmpfs t /tmp/m && head -c 1 /dev/kmsg >/dev/null; "
                   "ls -d /sys/fs/cgroup/docker; touch /sys/fs/cgroup/x 2>/dev/null; echo done")
    same(out.split("\n")[-1], "done", "privileged")


def stats_figures(g, rt):
    ref = start(g, rt, "-m", "64m", cmd="while :; do :; done")
    out = g.docker("stats", "--no-stream", "--format",
                   "{{.MemUsage}}|{{.CPUPerc}}|{{.PIDs}}|{{.NetIO}}", ref)
    memory, cpu, pids, _ = out.split("|")
    same(memory.endswith("/ 64MiB"), True, memory)
    same(float(cpu.rstrip("%")) > 10, True, f"CPU of a busy loop: {cpu}")
    same(pids, "1", "processes")
    remove(g, ref)


def pause_and_top(g, rt):
    ref = start(g, rt, cmd="while :; do echo tick; sleep 0.1; done")
    g.docker("pause", ref)
    same(control_file(g, ref, "cgroup.freeze"), "1", "cgroup.freeze")
    same(inspect(g, ref)["State"]["Paused"], True, "inspect")
    before = g.docker("logs", ref)
    time.sleep(0.5)
    same(g.docker("logs", ref), before, "nothing moves while paused")
    g.docker("unpause", ref)
    within(lambda: len(g.docker("logs", ref)) > len(before), 10, "it goes on")
    same("sh -c while" in g.docker("top", ref), True, "top")
    remove(g, ref)


def update_limits(g, rt):
    ref = start(g, rt, "-m", "64m", "--memory-swap", "64m")
    got = g.docker("update", "-m", "96m", "--memory-swap", "96m", "--pids-limit", "33", "--cpus",
                   "0.25", "--cpu-shares", "2048", ref, check=False)
    if "501" in got.err or "not implemented" in got.err.lower() or "page not found" in got.err:
        remove(g, ref)
        return "skip"
    same(got.code, 0, got)
    for name, value in {"memory.max": str(96 * MIB), "pids.max": "33",
                        "cpu.max": "25000 100000"}.items():
        same(control_file(g, ref, name), value, name)
    remove(g, ref)
    return None


def published_port(g, rt):
    ref = start(g, rt, "-p", "8080:80", cmd="mkdir /w; echo served >/w/index.html; "
                "exec httpd -f -p 80 -h /w")
    same(inspect(g, ref)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"], "8080", "ports")

    def fetch():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{g.ports['web']}/", timeout=3) as got:
                return got.read()
        except OSError:
            return None
    same(within(fetch, 15, "the page, from the host"), b"served\n", "the page")
    for address in ("127.0.0.1", "10.0.2.15"):
        page = g.sh("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 10 /sbin/agent tcp " + address + " 8080")
        same(page.endswith("\r\n\r\nserved\n"), True, f"in the guest, by {address}: {page!r}")
    remove(g, ref)
    same(g.sh("netstat -ltn | grep -c ':8080 ' || true").strip(), "0", "listeners afterwards")


def network_out(g, rt):
    """The emulator's gateway hands on to the host: the shell's port refuses all but its own."""
    out = g.docker("run", "--rm", "--runtime", rt, BB, "sh", "-c",
                   "ip -4 addr show eth0 | grep -c 172.17; ip route | grep -c default; "
                   "ping -c 1 -W 5 172.17.0.1 >/dev/null && echo pinged")
    same(out.split(), ["1", "1", "pinged"], "bridge")
    out = g.docker("run", "--rm", "--runtime", rt, "--network", "host", BB, "hostname")
    same(out, "serin", "host network")


def init_reaps(g, rt):
    ref = start(g, rt, "--init", cmd="sleep 1000 & exec sleep 1000")
    same("docker-init" in g.docker("exec", ref, "cat", "/proc/1/cmdline"), True, "PID 1")
    began = time.monotonic()
    g.docker("stop", "-t", "30", ref)
    same(time.monotonic() - began < 15, True, "TERM reaches the command")
    remove(g, ref)


def containers_cannot_vsock(g, rt):
    """Seccomp keeps a container from the sockets that ignore network namespaces."""
    got = g.docker("run", "--rm", "--runtime", rt, "-v", "/sbin/agent:/agent:ro", BB, "/agent", "vsock",
                   "1", "375", check=False)
    same(got.code != 0 and got.err.startswith("agent: socket:"), True, f"AF_VSOCK: {got!r}")


def daemon_killed(g, rt):
    """The daemon dies; containers go on, their lines and exit codes are not lost."""
    ref = start(g, rt, "-p", "8081:80", cmd="i=0; while [ ! -e /stop ]; do i=$((i+1)); echo $i; "
                "sleep 0.05; done; exit 23")
    quick = start(g, rt, cmd="sleep 2; exit 11")
    pid = inspect(g, ref)["State"]["Pid"]
    g.sh("old=$(cat /run/serind.pid); kill -9 $old; "
         "while [ -e /proc/$old ]; do usleep 20000; done")
    within(g.answers, 20, "the daemon is back")
    state = inspect(g, ref)["State"]
    same((state["Running"], state["Pid"]), (True, pid), "the same process")
    g.docker("exec", ref, "touch", "/stop")
    same(g.docker("wait", ref), "23", "exit code of the one")
    same(g.docker("wait", quick), "11", "exit code of the other")
    lines = g.docker("logs", ref).split()
    same(lines, [str(i + 1) for i in range(len(lines))], "no line lost")
    remove(g, ref, quick)


def nothing_left(g, rt):
    """After all that: no container's cgroup, mount, link, shim or runtime state remains."""
    def rest():
        return g.sh("ls -d /sys/fs/cgroup/docker/*/ /run/serin/containers/* 2>/dev/null; "
                    "grep -c 'overlay ' /proc/mounts; ls /sys/class/net | grep -c ^veth; "
                    "busybox ps | grep -c '[s]erind shim'; true").split()
    within(lambda: rest() == ["0", "0", "0"], 10, f"nothing left ({rt}): {rest()}")


EITHER = [run_output_and_code, run_stdin, run_user_and_workdir, run_bad_command, run_tty, exec_works,
          logs_and_wait, stop_and_start, limits_are_set, limits_default, pids_limit_holds,
          memory_limit_kills, devices_are_held, privileged, stats_figures, pause_and_top,
          update_limits, published_port, network_out, init_reaps, containers_cannot_vsock,
          daemon_killed, nothing_left]


# ---- vsock ----------------------------------------------------------------------------------

PING = r"printf 'GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' | " \
       "timeout 10 /sbin/agent vsock 1 %d"


def vsock_listed(g):
    """CID 1 is listed in the guest's configuration: answered."""
    out = g.sh(PING % 375)
    same((out.startswith("HTTP/1.1 200 OK\r\n"), out.endswith("\r\n\r\nOK")), (True, True), out)


def vsock_stream(g):
    """A megabyte through it, and a stream that is not HTTP any more."""
    request = (r"POST /v1.51/containers/%s/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n"
               r"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n")
    ref = g.docker("create", "-i", BB, "wc", "-c")
    script = ("{ printf '" + request % ref + "'; sleep 1; "
              f"printf 'POST /v1.51/containers/{ref}/start HTTP/1.1\\r\\nHost: x\\r\\n"
              "Content-Length: 0\\r\\nConnection: close\\r\\n\\r\\n' | /sbin/agent vsock 1 375 >&2; "
              "head -c 1000000 /dev/zero; } | timeout 30 /sbin/agent vsock 1 375 | tail -c 8")
    out = g.sh(script, timeout=40)
    same(out.rstrip().endswith("1000000"), True, out)
    remove(g, ref)


def vsock_unlisted(g):
    """Only the host (2) by default, only who is listed otherwise: both refuse CID 1 without a word."""
    for number, cids in enumerate(("", "--vsock-cid 2 --vsock-cid 77")):
        port, name = 376 + number, f"/run/other{number}"
        g.sh(f"mkdir -p {name}; echo {{}} >{name}/none.json; serind --config-file {name}/none.json "
             f"--data-root {name}/data --exec-root {name}/exec --pidfile {name}/pid "
             f"--bridge none -H vsock://:{port} {cids} >{name}/log 2>&1 </dev/null & true")
        within(lambda: "initialization" in g.sh(f"cat {name}/log"), 15, "the second daemon")
        got = g.sh(PING % port, check=False)
        same("HTTP" in got.out, False, f"an unlisted CID: {got!r}")
        log = g.sh(f"cat {name}/log")
        g.sh(f"kill $(cat {name}/pid); while [ -e /proc/$(cat {name}/pid 2>/dev/null)/exe ]; do "
             "usleep 50000; done; true")
        same("vsock CID 1 may not connect" in log, True, f"said in the log: {log}")


VSOCK = [vsock_listed, vsock_stream, vsock_unlisted]
