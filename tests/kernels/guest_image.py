"""The guest's only file system: an initramfs with the programs that the tests need, and the libraries that those need."""

import os
import shutil
import stat
import subprocess
import sys
import sysconfig

# What the scenarios use; a kernel that lacks one has it built in or not at all.
MODULES = """
    veth bridge dummy tun bonding 8021q gre ip_gre ip6_gre vxlan netdevsim
    nf_tables nft_counter nft_objref nft_ct nft_limit nft_log nft_reject_inet nf_conntrack nf_conntrack_netlink
    ip_tables iptable_filter ip6_tables ip6table_filter xt_tcpudp xt_conntrack nft_compat
    sch_netem sch_tbf inet_diag tcp_diag udp_diag unix_diag""".split()
PROGRAMS = ["ip", "tc", "ss", "nft", "sysctl", "ethtool", "cat"]
# Of no use without a display, a compiler or a package manager.
LEFT_OUT = {"idlelib", "lib2to3", "ensurepip", "pydoc_data", "tkinter", "turtledemo", "test", "distutils", "xmlrpc", "curses",
            "dbm", "wsgiref", "venv", "sqlite3", "unittest.mock"}


class Missing(Exception):
    """A program that the guest needs and this machine does not have."""


class Archive:
    """A cpio archive in the "newc" format, which the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self, out):
        self.out = out
        self.number = 0
        self.made = set()

    def entry(self, name, mode, data=b"", device=(0, 0)):
        self.number += 1
        path = name.encode() + b"\0"
        fields = (self.number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        header = b"070701" + b"".join(b"%08X" % each for each in fields) + path
        self.out.write(header + b"\0" * (-len(header) % 4) + data + b"\0" * (-len(data) % 4))

    def folder(self, name):
        if name and name not in self.made:
            self.folder(os.path.dirname(name))
            self.made.add(name)
            self.entry(name, stat.S_IFDIR | 0o755)

    def data(self, name, data, mode=0o644):
        name = name.lstrip("/")
        if name in self.made:
            return
        self.folder(os.path.dirname(name))
        self.made.add(name)
        self.entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self.folder(os.path.dirname(name))
        self.made.add(name)
        self.entry(name, stat.S_IFLNK | 0o777, target.encode())

    def file(self, source, name=None):
        """A file of this machine under its own name or another; a link becomes what it points to."""
        name = name or os.path.join(os.path.realpath(os.path.dirname(source)), os.path.basename(source))
        with open(source, "rb") as file:
            self.data(name, file.read(), os.stat(source).st_mode & 0o777)

    def end(self):
        self.entry("TRAILER!!!", 0)


def libraries(path):
    """Shared libraries that a program or library is linked with, the loader among them."""
    done = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
    if "not found" in done.stdout:
        raise Missing("%s: %s" % (path, done.stdout.strip()))
    return {word for line in done.stdout.splitlines() for word in line.split() if word.startswith("/")}


def executable(archive, path, name=None):
    archive.file(path, name)
    for each in libraries(path):
        archive.file(each)


def python(archive):
    """The interpreter, its library as bytecode, and its binary modules."""
    executable(archive, os.path.realpath(sys.executable), "usr/bin/python3")
    root = sysconfig.get_path("stdlib")
    for folder, folders, files in os.walk(root):
        folders[:] = [each for each in folders if each not in LEFT_OUT and not each.startswith("config-") and
                      each not in ("dist-packages", "site-packages")]
        for each in files:
            path = os.path.join(folder, each)
            if each.endswith(".so"):
                executable(archive, path)
            elif each.endswith((".py", ".pyc")) and "opt-" not in each:
                archive.file(path)


def userland(out, hostcheck, facts_dump, rules, here):
    """The part that is the same for all kernels."""
    archive = Archive(out)
    for folder in ("proc", "sys", "dev", "run/netns", "tmp", "root", "usr/sbin", "usr/bin", "usr/lib", "usr/lib64"):
        archive.folder(folder)
    for name, target in (("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")):
        archive.link(name, target)
    archive.entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    for name in PROGRAMS:
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path is None:
            raise Missing("program %s is not installed" % name)
        executable(archive, os.path.realpath(path), "usr/bin/" + name)
    python(archive)
    executable(archive, hostcheck, "usr/bin/hostcheck")
    executable(archive, facts_dump, "usr/bin/facts_dump")
    # As `cmake --install` puts them; the build tree has the plugins beside the program.
    for source, target in ((rules, "rules"), (os.path.join(os.path.dirname(hostcheck), "hostcheck-plugins"), "plugins")):
        for folder, _, files in os.walk(source):
            for each in files:
                path = os.path.join(folder, each)
                name = os.path.join("usr/lib/hostcheck", target, os.path.relpath(path, source))
                if each.endswith(".toml"):
                    archive.file(path, name)
                elif each.endswith(".so"):
                    executable(archive, path, name)
    for folder in (here + "/guest", os.path.dirname(here) + "/live"):
        for each in os.listdir(folder):
            if each.endswith(".py"):
                archive.file(os.path.join(folder, each), "tests/" + each)
    archive.link("init", "tests/init.py")
    archive.end()


def modules(out, kernel, job):
    """The part that belongs to one kernel: its modules in the order in which they load, and what to do."""
    archive = Archive(out)
    ordered = kernel.with_dependencies(MODULES)
    for name, image in ordered.items():
        archive.data("modules/%s.ko" % name, image)
    archive.data("modules/order", "\n".join(ordered).encode())
    archive.data("job", job.encode())
    archive.end()
