# SPDX-License-Identifier: Apache-2.0
"""Seccomp filters as the kernel holds them: taken out of a process, and run."""

import ctypes
import os
import struct

SEIZE, INTERRUPT, GET_FILTER, DETACH = 0x4206, 0x4207, 0x420c, 17
X86_64, I386, AARCH64, ARM = 0xc000003e, 0x40000003, 0xc00000b7, 0x40000028
X32_BIT = 0x40000000
ENOSYS = 0x00050000 | 38
ALLOW = 0x7fff0000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def ptrace(request, pid, addr=0, data=None):
    got = libc.ptrace(request, pid, addr, data)
    if got < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:x}")
    return got


def take(pid):
    """The oldest filter of a process; OSError where the kernel does not tell (CHECKPOINT_RESTORE)."""
    ptrace(SEIZE, pid)
    try:
        ptrace(INTERRUPT, pid)
        os.waitpid(pid, 0x40000000)
        n = ptrace(GET_FILTER, pid)
        room = ctypes.create_string_buffer(8 * n)
        ptrace(GET_FILTER, pid, 0, ctypes.cast(room, ctypes.c_void_p))
        return list(struct.iter_unpack("=HBBI", room.raw))
    finally:
        ptrace(DETACH, pid)


def run(program, arch, number, args):
    """What the filter says to a system call."""
    data = struct.unpack("<16I", struct.pack("<IIQ6Q", number, arch, 0, *args))
    acc, at = 0, 0
    while True:
        code, jt, jf, k = program[at]
        at += 1
        if code == 0x20:
            acc = data[k // 4]
        elif code == 0x06:
            return k
        elif code == 0x54:
            acc &= k
        elif code == 0x05:
            at += k
        elif code in (0x15, 0x25, 0x35, 0x45):
            yes = {0x15: acc == k, 0x25: acc > k, 0x35: acc >= k, 0x45: acc & k}[code]
            at += jt if yes else jf
        elif code == 0x00:
            acc = k
        else:
            raise ValueError(f"instruction {code:#x}")


def differences(one, other, arches, arguments, top=700):
    """(arch, number, args, verdict, verdict) wherever two filters part."""
    for arch in arches:
        for number in [*range(top), *(range(X32_BIT, X32_BIT + top) if arch == X86_64 else ()),
                       983041, 983042, 983045, 0xffffffff]:
            for args in arguments:
                a, b = run(one, arch, number, args), run(other, arch, number, args)
                if a != b:
                    yield arch, number, args, a, b
