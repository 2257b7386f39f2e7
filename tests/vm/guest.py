# SPDX-License-Identifier: Apache-2.0
"""A guest in the emulator: boot it, reach its daemon and its shell, cut its power."""

import os
import signal
import socket
import subprocess
import time

# Emulator, machine, words for the kernel, how virtio is attached. This processor of Arm's has atomic
# instructions, and no pointer authentication, which is slow to emulate.
ARM = ["-M", "virt", "-cpu", "neoverse-n1"]
MACHINES = {
    "amd64": ("qemu-system-x86_64", ["-M", "q35", "-cpu", "max"], "ttyS0 no_timer_check", "pci"),
    "arm64": ("qemu-system-aarch64", ARM, "ttyAMA0", "pci"),
    # As Firecracker has it: no PCI, virtio by ACPI. There is nothing to find the clock's rate by.
    "microvm": ("qemu-system-x86_64", ["-M", "microvm,acpi=on", "-cpu", "max"],
                "ttyS0 no_timer_check lpj=4000000 tsc=reliable tsc_early_khz=%d", "device"),
    # The devices that board/vfkit/run asks for.
    "vfkit": ("qemu-system-aarch64", ARM + ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"],
              "ttyAMA0", "pci"),
}
FORWARDS = {"api": 2375, "shell": 2376, "web": 8080, "web2": 8081}


def clock_khz():
    """What the emulator's time stamp counter runs at: this machine's, where it has one."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("cpu MHz"):
                return int(float(line.split(":")[1]) * 1000)
    return 1000000


class Failed(Exception):
    """What a test expected did not come."""


def free_ports(count):
    """Ports of the loopback that nobody has at the moment."""
    socks = [socket.socket() for _ in range(count)]
    for sock in socks:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in socks]
    for sock in socks:
        sock.close()
    return ports


class Result:
    """What a program said."""

    def __init__(self, code, out, err=""):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"<exit {self.code}: {self.out[-1500:]!r} {self.err[-800:]!r}>"


class Guest:
    """One boot; kernel and initrd are files, memory is in MiB, disk a file or None; machine names one
    of MACHINES (that of the architecture unless given)."""

    arch = "amd64"      # what kernel and initrd are for

    def __init__(self, out, kernel, initrd, memory=384, disk=None, name="guest", append="",
                 more=(), machine=None):
        self.console = os.path.join(out, f"{name}.console")
        self.config = os.path.join(out, "docker-config")
        os.makedirs(self.config, exist_ok=True)
        emulator, board, console, bus = MACHINES[machine or self.arch]
        if "%d" in console:
            console %= clock_khz()
        argv = [emulator, *board, "-accel", "tcg", "-smp", "1", "-m", str(memory),
                "-nodefaults", "-no-user-config", "-no-reboot",
                "-display", "none", "-serial", f"file:{self.console}",
                "-kernel", kernel, "-initrd", initrd,
                "-append", f"console={console} quiet panic=-1 "
                "serin.ip=10.0.2.15/24,10.0.2.2,10.0.2.3 " + append,
                "-device", f"virtio-net-{bus},netdev=n" + (",romfile=" if bus == "pci" else "")]
        self.monitor = os.path.join(out, f"{name}.qmp")
        argv += ["-qmp", f"unix:{self.monitor},server=on,wait=off"]
        if disk:
            argv += ["-drive", f"file={disk},if=none,id=d,format=raw,cache=writethrough",
                     "-device", f"virtio-blk-{bus},drive=d"]
        # A port that was free may be somebody's a moment later: then others are taken.
        for _ in range(3):
            self.ports = dict(zip(FORWARDS, free_ports(len(FORWARDS))))
            forwards = "".join(f",hostfwd=tcp:127.0.0.1:{port}-:{FORWARDS[what]}"
                               for what, port in self.ports.items())
            self.began = time.monotonic()
            with open(os.path.join(out, f"{name}.stderr"), "wb") as stderr:
                self.process = subprocess.Popen([*argv, *more, "-netdev", f"user,id=n{forwards}"],
                                                stdin=subprocess.DEVNULL, stderr=stderr)
            try:
                self.process.wait(0.5)
            except subprocess.TimeoutExpired:
                break

    def wait_ready(self, timeout=120):
        """Until the daemon answers; returns the seconds since the emulator was started."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if self.answers():
                return time.monotonic() - self.began
            time.sleep(0.05)
        with open(self.console, errors="replace") as f:
            raise Failed(f"the guest does not answer; its console ends with\n{f.read()[-2000:]}")

    def answers(self, timeout=2.0):
        try:
            with socket.create_connection(("127.0.0.1", self.ports["api"]), timeout) as sock:
                sock.settimeout(timeout)
                sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return sock.recv(64).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False

    def sh(self, script, timeout=30, check=True):
        """Run a script as root in the guest, outside all containers."""
        data = b""
        with socket.create_connection(("127.0.0.1", self.ports["shell"]), timeout) as sock:
            sock.settimeout(timeout)
            sock.sendall(f"{{ {script}\n}} 2>&1 </dev/null\necho \"=$?\"\n".encode())
            sock.shutdown(socket.SHUT_WR)
            while True:
                more = sock.recv(65536)
                if not more:
                    break
                data += more
        text, _, code = data.decode("utf-8", "replace").rpartition("=")
        if not code.strip().isdigit() or (check and int(code) != 0):
            raise Failed(f"in the guest: {script}: {data!r}")
        return text if check else Result(int(code), text)

    def env(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        env.update(DOCKER_HOST=f"tcp://127.0.0.1:{self.ports['api']}", DOCKER_CONFIG=self.config,
                   DOCKER_CLI_HINTS="false")
        return env

    def docker_start(self, *args, stdin=subprocess.DEVNULL):
        """The docker client in the background; its words are lost."""
        return subprocess.Popen(["docker", *map(str, args)], env=self.env(), stdin=stdin,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def docker(self, *args, data=None, timeout=60, check=True):
        """The docker client on the host, against the guest."""
        more = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        got = subprocess.run(["docker", *map(str, args)], capture_output=True, timeout=timeout,
                             env=self.env(), **more)
        result = Result(got.returncode, got.stdout.decode("utf-8", "replace"),
                        got.stderr.decode("utf-8", "replace"))
        if check and result.code != 0:
            raise Failed(f"docker {' '.join(map(str, args))}: {result!r}")
        return result.out.rstrip("\n") if check else result

    def rss(self):
        """Bytes that the guest's programs and kernel use, by its own account."""
        words = dict(line.split(":") for line in self.sh("cat /proc/meminfo").splitlines())
        number = {key: int(value.split()[0]) << 10 for key, value in words.items()}
        return number["MemTotal"] - number["MemAvailable"]

    def cut(self):
        """The power goes, as it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def press_button(self):
        """The power button."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(self.monitor)
            for command in ("qmp_capabilities", "system_powerdown"):
                sock.sendall(f'{{"execute": "{command}"}}\n'.encode())
                time.sleep(0.2)
            sock.recv(65536)

    def off(self, timeout=30):
        """An orderly end."""
        try:
            self.sh("poweroff", timeout=5, check=False)
        except (OSError, Failed):
            pass
        self.wait_off(timeout)

    def wait_off(self, timeout=30):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed("the guest does not power off") from None
