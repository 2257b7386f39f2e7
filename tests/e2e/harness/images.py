# SPDX-License-Identifier: Apache-2.0
"""Makes images on the spot, byte for byte the same each time: layers, configs, archives, layouts."""

import functools
import gzip
import hashlib
import io
import json
import os
import platform
import shlex
import subprocess
import tarfile

from .context import CTX, sh

BB = "bb:latest"        # the image nearly every test runs
BUSYBOX = "/bin/busybox"
CC = ["cc"]
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
APPLETS = """sh ash cat echo sleep true false id env ls mount umount stty tty ps kill head tail seq dd ip
ifconfig nc httpd hostname pwd test grep wc touch rm mkdir stat chmod chown mknod yes date cut sed awk sort
tr wget nslookup nproc df readlink od sync dmesg chroot usleep sha256sum find ln printf expr ping""".split()
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n" \
         "web:x:1234:1235:web:/home/web:/bin/sh\n"
GROUP = "root:x:0:\nnogroup:x:65534:\nweb:x:1235:\nextra:x:2222:web\n"

DOCKER = "application/vnd.docker."
MANIFEST_V2 = DOCKER + "distribution.manifest.v2+json"
MANIFEST_LIST = DOCKER + "distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def make_for(arch, busybox, cc):
    """Images of another architecture, from its static busybox and a compiler for it."""
    global ARCH, BUSYBOX, CC        # pylint: disable=global-statement
    ARCH, BUSYBOX, CC = arch, busybox, shlex.split(cc)
    for made in (probe, base_layer, base_image, base_archive):
        made.cache_clear()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def member(name, data=None, mode=0o755, kind=None, link="", uid=0, gid=0, pax=None):
    """(TarInfo, content) of one entry; a directory when there is neither data nor a kind."""
    info = tarfile.TarInfo(name)
    info.mode, info.uid, info.gid, info.mtime = mode, uid, gid, 1700000000
    info.type = kind or (tarfile.DIRTYPE if data is None else tarfile.REGTYPE)
    info.linkname = link
    info.pax_headers = pax or {}
    body = data.encode() if isinstance(data, str) else data
    if info.type == tarfile.REGTYPE:
        info.size = len(body or b"")
    return info, body if info.type == tarfile.REGTYPE else None


def symlink(name, to):
    return member(name, kind=tarfile.SYMTYPE, link=to, mode=0o777)


def hardlink(name, to):
    return member(name, kind=tarfile.LNKTYPE, link=to)


def tar(entries, form=tarfile.PAX_FORMAT):
    """A tar of what member() makes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


def files(**named):
    """A tar of plain files: files(**{"etc/motd": "hi"})."""
    return tar([member(name, data, mode=0o644) for name, data in named.items()])


@functools.lru_cache(None)
def probe():
    """The static helper program, or None where there is no compiler."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe.c")
    target = os.path.join(CTX.tmp, "probe")
    try:
        sh(*CC, "-static", "-O1", "-s", "-o", target, source, timeout=60)
    except (AssertionError, OSError):
        return None
    with open(target, "rb") as f:
        return f.read()


def needs_probe(test):
    """Skips a test of what only the probe can show."""
    @functools.wraps(test)
    def wrapped(self):
        if not probe():
            self.skipTest("no compiler for the helper program")
        test(self)
    return wrapped


@functools.lru_cache(None)
def base_layer():
    with open(BUSYBOX, "rb") as f:
        busybox = f.read()
    entries = [member(d) for d in ("bin", "etc", "root", "usr", "usr/bin", "home")]
    entries += [member("tmp", mode=0o1777), member("home/web", uid=1234, gid=1235),
                member("bin/busybox", busybox), member("etc/passwd", PASSWD, mode=0o644),
                member("etc/group", GROUP, mode=0o644),
                member("etc/secret", "for root\n", mode=0o600),
                member("bin/notexec", "#!/bin/sh\n", mode=0o644)]
    entries += [symlink(f"bin/{name}", "busybox") for name in sorted(set(APPLETS))]
    if probe():
        entries.append(member("bin/probe", probe()))
    return tar(entries)


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True,
                          timeout=60).stdout


PACK = {None: lambda data: data, "gzip": lambda data: gzip.compress(data, 1, mtime=0), "zstd": zstd}


class Image:
    """Layers (uncompressed tars) and a config, written in whichever form is asked for."""

    def __init__(self, layers=None, config=None, history=True):
        self.layers = list(layers) if layers is not None else [base_layer()]
        given = config or {}
        self.config = {
            "architecture": ARCH, "os": "linux", "created": "2023-11-14T22:13:20Z",
            "config": dict({"Env": ["PATH=/bin:/usr/bin"], "Cmd": ["sh"]}, **given),
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in self.layers]},
        }
        if history:
            self.config["history"] = [{"created": "2023-11-14T22:13:20Z",
                                       "created_by": f"layer {i}"} for i in range(len(self.layers))]

    @property
    def config_bytes(self):
        return json.dumps(self.config, separators=(",", ":")).encode()

    @property
    def id(self):
        return digest(self.config_bytes)

    def docker_archive(self, *tags, pack=None, manifest=None):
        """The form of `docker save` since 1.10: manifest.json, <config>.json, <layer>/layer.tar."""
        name = self.id[7:]
        parts = [(f"{name}.json", self.config_bytes)]
        paths = []
        for layer in self.layers:
            path = f"{digest(layer)[7:]}/layer.tar"
            paths.append(path)
            parts.append((path, PACK[pack](layer)))
        record = [{"Config": f"{name}.json", "RepoTags": list(tags) or None, "Layers": paths}]
        parts.append(("manifest.json", manifest if manifest is not None
                      else json.dumps(record).encode()))
        return tar([member(n, d, mode=0o644) for n, d in parts])

    def legacy_archive(self, name, tag):
        """The form before 1.10: a directory per layer with json, VERSION, layer.tar; repositories."""
        parts, parent, top = [], None, None
        for index, layer in enumerate(self.layers):
            top = hashlib.sha256(layer + str(index).encode()).hexdigest()
            meta = {"id": top, "created": self.config["created"], "os": "linux",
                    "architecture": ARCH, "config": self.config["config"]}
            if parent:
                meta["parent"] = parent
            parts += [(top + "/VERSION", b"1.0"), (top + "/json", json.dumps(meta).encode()),
                      (top + "/layer.tar", layer)]
            parent = top
        parts.append(("repositories", json.dumps({name: {tag: top}}).encode()))
        return tar([member(n, d, mode=0o644) for n, d in parts])

    def blobs(self, pack="gzip", oci=False):
        """(manifest bytes, its media type, {digest: bytes}) for a registry or a layout."""
        kind = OCI_MANIFEST if oci else MANIFEST_V2
        if oci:
            types = ("application/vnd.oci.image.config.v1+json",
                     "application/vnd.oci.image.layer.v1.tar" + (f"+{pack}" if pack else ""))
        else:
            types = (DOCKER + "container.image.v1+json", DOCKER + "image.rootfs.diff.tar.gzip")
        blobs = {self.id: self.config_bytes}
        layers = []
        for layer in self.layers:
            data = packed(layer, pack)
            blobs[digest(data)] = data
            layers.append({"mediaType": types[1], "size": len(data), "digest": digest(data)})
        manifest = {"schemaVersion": 2, "mediaType": kind,
                    "config": {"mediaType": types[0], "size": len(self.config_bytes),
                               "digest": self.id}, "layers": layers}
        return json.dumps(manifest, indent=1).encode(), kind, blobs

    def oci_layout(self, ref=None, pack="gzip", docker_too=False):
        """An OCI image layout as a tar; ref is a full name such as docker.io/library/x:1."""
        manifest, kind, blobs = self.blobs(pack, oci=True)
        blobs[digest(manifest)] = manifest
        entry = {"mediaType": kind, "digest": digest(manifest), "size": len(manifest)}
        if ref:
            entry["annotations"] = {"io.containerd.image.name": ref,
                                    "org.opencontainers.image.ref.name": ref.rpartition(":")[2]}
        parts = [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
                 ("index.json", json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX,
                                            "manifests": [entry]}).encode())]
        parts += [(f"blobs/sha256/{d[7:]}", data) for d, data in sorted(blobs.items())]
        if docker_too:
            paths = ["blobs/sha256/" + one["digest"][7:]
                     for one in json.loads(manifest)["layers"]]
            record = [{"Config": "blobs/sha256/" + self.id[7:], "RepoTags": [ref], "Layers": paths}]
            parts.append(("manifest.json", json.dumps(record).encode()))
        dirs = [member("blobs"), member("blobs/sha256")]
        return tar(dirs + [member(n, d, mode=0o644) for n, d in parts])


@functools.lru_cache(None)
def packed(layer, pack):
    return PACK[pack](layer)


@functools.lru_cache(None)
def base_image():
    return Image()


@functools.lru_cache(None)
def base_archive():
    return base_image().docker_archive(BB)
