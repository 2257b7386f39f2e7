# SPDX-License-Identifier: Apache-2.0
"""Layers that try to get out, fill the disk, or are simply broken."""

import gzip
import tarfile

from .images import hardlink, member, symlink, tar


def header(name, size=0, kind=b"0", link="", mode=0o644, checksum=None):
    """One raw ustar header block, with any size and any checksum."""
    block = bytearray(512)
    block[0:len(name)] = name.encode()
    block[100:108] = b"%07o\0" % mode
    block[108:116] = block[116:124] = b"0000000\0"
    if size < 8 ** 11:
        block[124:136] = b"%011o\0" % size
    else:
        block[124:136] = b"\x80" + size.to_bytes(11, "big")
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157:157 + len(link)] = link.encode()
    block[257:265] = b"ustar\x0000"
    total = sum(block) if checksum is None else checksum
    block[148:156] = b"%06o\0 " % total
    return bytes(block)


def escapes(mark):
    """{what: layer}: each tries to write or reach the absolute host path `mark`."""
    where, _, name = mark.rpartition("/")
    up = "../" * 20
    data = "escaped\n"
    return {
        "dotdot": tar([member(up + mark[1:], data)]),
        "dotdot inside": tar([member("a"), member("a/b"), member("a/b/" + up + mark[1:], data)]),
        "absolute": tar([member(mark, data)]),
        "symlink absolute": tar([symlink("out", where), member("out/" + name, data)]),
        "symlink dotdot": tar([symlink("out", up + where[1:]), member("out/" + name, data)]),
        "symlink chain": tar([member("d"), symlink("d/one", ".."), symlink("two", "d/one/../../.."),
                              symlink("three", "two" + where), member("three/" + name, data)]),
        "symlink file": tar([symlink("f", mark), member("f", data)]),
        "symlink then dir": tar([symlink("out", where), member("out"),
                                 member("out/" + name, data)]),
        "whiteout through symlink": tar([symlink("out", where), member("out/.wh." + name, "")]),
        "whiteout dotdot": tar([member(up + where[1:] + "/.wh." + name, "")]),
        "whiteout of parent": tar([member("a"), member("a/.wh...", "")]),
        "opaque through symlink": tar([symlink("out", where), member("out/.wh..wh..opq", "")]),
    }


def reaches(target):
    """{what: layer}: each tries to bring the host file `target` into the image."""
    up = "../" * 20
    return {
        "hardlink absolute": tar([hardlink("stolen", target)]),
        "hardlink dotdot": tar([hardlink("stolen", up + target[1:])]),
        "hardlink through symlink": tar([symlink("out", target.rpartition("/")[0]),
                                         hardlink("stolen", "out/" + target.rpartition("/")[2])]),
    }


def broken(layer):
    """{what: bytes}: archives that are no archives."""
    middle = len(layer) // 2
    return {
        "truncated": layer[:middle],
        "truncated header": layer[:700],
        "corrupt checksum": header("f", 3, checksum=1) + b"abc" + bytes(509 + 1024),
        "not a tar": b"this is no archive at all " * 100,
        "huge size": header("big", 8 ** 11 - 1) + bytes(4096),
        "huge base-256 size": header("big", 1 << 62) + bytes(4096),
        "gzip cut": gzip.compress(layer, 1)[:middle // 4],
        "gzip corrupt": flip(gzip.compress(layer, 1)),
        "pax nonsense": header("PaxHeaders/x", 20, kind=b"x") + b"9999999999 path=abc\n".ljust(512)
        + header("f", 0) + bytes(1024),
    }


def flip(data, at=None):
    at = len(data) // 2 if at is None else at
    return data[:at] + bytes([data[at] ^ 0xff]) + data[at + 1:]


def bomb(size=64 << 30):
    """A layer of a few hundred bytes a megabyte: a gzip stream of one file of zeros."""
    import zlib
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    unit = bytes(1 << 20)
    yield pack.compress(header("zeros", size))
    for _ in range(size >> 20):
        out = pack.compress(unit)
        if out:
            yield out
    yield pack.compress(bytes(1024)) + pack.flush()


def devices():
    """Device nodes, a fifo, and names that only look like devices."""
    node, _ = member("dev/sda", kind=tarfile.BLKTYPE, mode=0o666)
    node.devmajor, node.devminor = 8, 0
    char, _ = member("dev/mem", kind=tarfile.CHRTYPE, mode=0o666)
    char.devmajor, char.devminor = 1, 1
    return tar([member("dev"), (node, None), (char, None),
                member("pipe", kind=tarfile.FIFOTYPE, mode=0o644)])


def many(count=20000):
    return tar([member(f"d{i}") for i in range(count)])
