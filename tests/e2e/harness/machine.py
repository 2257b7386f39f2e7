# SPDX-License-Identifier: Apache-2.0
"""The machine that the daemon runs on: this one, or another that a privileged container looks at."""

import os
import stat

from .context import CTX
from .images import BB

# All that a container can have of its machine: the root, the processes, the control groups.
ALL = {"Privileged": True, "PidMode": "host", "IpcMode": "host", "UTSMode": "host", "NetworkMode": "host",
       "CgroupnsMode": "host", "Binds": ["/:/host"]}


class Here:
    """This machine."""

    def read(self, path):
        with open(path, errors="replace") as f:
            return f.read().strip()

    def names(self, path):
        return sorted(os.listdir(path))

    def exists(self, path):
        return os.path.exists(path)

    def link(self, path):
        return os.readlink(path)

    def opens(self, path):
        """May it be read there, by whoever is root and in no group that forbids it?"""
        try:
            with open(path, "rb"):
                return True
        except OSError:
            return False

    def device(self, path):
        """("b" or "c", "major:minor") of a device node, None when there is no such."""
        try:
            st = os.stat(path)
        except FileNotFoundError:
            return None
        kind = "b" if stat.S_ISBLK(st.st_mode) else "c" if stat.S_ISCHR(st.st_mode) else None
        return (kind, f"{os.major(st.st_rdev)}:{os.minor(st.st_rdev)}") if kind else None

    def close(self):
        pass


class There:
    """The same questions, asked from inside a container; None of them changes anything there."""

    def __init__(self, api, docker):
        self.api, self.docker = api, docker
        self.ref = api.ok("POST", "/containers/create", {"Image": BB, "Cmd": ["sleep", "100000"],
                                                         "HostConfig": ALL})["Id"]
        CTX.ids.add(self.ref)
        api.start(self.ref)

    @staticmethod
    def at(path):
        return path if path.startswith("/proc/") else "/host" + path

    def read(self, path):
        return self.docker.ok("exec", self.ref, "cat", self.at(path)).strip()

    def names(self, path):
        return sorted(self.docker.ok("exec", self.ref, "ls", "-A", self.at(path)).split())

    def exists(self, path):
        return self.docker("exec", self.ref, "test", "-e", self.at(path)).code == 0

    def link(self, path):
        return self.docker.ok("exec", self.ref, "readlink", self.at(path)).strip()

    def opens(self, path):
        return self.docker("exec", self.ref, "sh", "-c", f"exec 3<{self.at(path)}").code == 0

    def device(self, path):
        got = self.docker("exec", self.ref, "stat", "-L", "-c", "%F %t %T", self.at(path))
        words = got.out.split()
        if got.code != 0 or "special" not in words:
            return None
        return words[0][0], ":".join(str(int(word, 16)) for word in words[-2:])

    def close(self):
        self.api.remove(self.ref)
