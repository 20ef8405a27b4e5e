"""Debian's kernel packages: fetched with apt into a folder of one's own, unpacked, never installed."""

import glob
import lzma
import os
import shutil
import struct
import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PUBLIC = {"debian": "http://deb.debian.org/debian", "security": "http://deb.debian.org/debian-security"}

# Where each kernel is found: archive, suite and the package that depends on the newest image; the first that has it is taken.
KERNELS = {
    "5.10": [("debian", "bullseye", "linux-image-cloud-amd64")],
    "6.1": [("security", "bookworm-security", "linux-image-cloud-amd64"), ("debian", "bookworm", "linux-image-cloud-amd64")],
    "6.12": [("security", "bookworm-security", "linux-image-6.12-cloud-amd64"),
             ("debian", "bookworm-backports", "linux-image-cloud-amd64")],
}


class Unavailable(Exception):
    """A kernel that could not be had, and why."""


def mirrors():
    """The archives that this machine's apt uses, the public ones where it names none."""
    found = {}
    done = subprocess.run(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"],
                          capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        release, _, uri = line.partition(" ")
        archive = {"bookworm": "debian", "bookworm-security": "security"}.get(release)
        if archive:
            found.setdefault(archive, uri.rstrip("/"))
    # A mirror of one release need not have the others: the public archive is asked next.
    return {archive: list(dict.fromkeys([found.get(archive, public), public])) for archive, public in PUBLIC.items()}


def apt(root, *words):
    """Options that keep apt away from the machine's own sources, lists and package state."""
    settings = {
        "Dir::Etc::sourcelist": root + "/sources.list", "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null", "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::lists": root + "/lists", "Dir::State::status": root + "/status", "Dir::Cache": root + "/cache",
        "Acquire::Languages": "none", "Acquire::Retries": "3", "Acquire::http::Timeout": "30",
        "APT::Architecture": "amd64", "APT::Architectures": "amd64", "APT::Sandbox::User": "root",
    }
    return [words[0]] + ["-o%s=%s" % each for each in settings.items()] + list(words[1:])


def newest(root, mirror, suite, package):
    """The image package that the suite's meta-package depends on."""
    for folder in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    with open(root + "/sources.list", "w", encoding="ascii") as file:
        file.write("deb [signed-by=%s] %s %s main\n" % (KEYRING, mirror, suite))
    with open(root + "/status", "w", encoding="ascii"):
        pass
    done = subprocess.run(apt(root, "apt-get", "update", "-qq", "--error-on=any"), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable("%s %s: %s" % (mirror, suite, done.stderr.strip()))
    told = subprocess.run(apt(root, "apt-cache", "depends", package), capture_output=True, text=True, check=False).stdout
    images = [line.split()[-1] for line in told.splitlines() if "Depends: linux-image-" in line]
    if not images:
        raise Unavailable("%s %s has no %s" % (mirror, suite, package))
    return images[0]


def fetch(name, cache):
    """The folder of the unpacked image; kept in the cache."""
    os.makedirs(cache, exist_ok=True)
    unpacked = os.path.join(cache, "linux-" + name)
    if os.path.isdir(unpacked):
        return unpacked
    for program in ("apt-get", "apt-cache", "dpkg-deb"):
        if not shutil.which(program):
            raise Unavailable("%s is not there: Debian's packages are fetched with it" % program)
    reasons = []
    for archive, suite, package in KERNELS[name]:
        for mirror in mirrors()[archive]:
            root = os.path.join(cache, "apt-%s-%s" % (suite, name))
            try:
                image = newest(root, mirror, suite, package)
                done = subprocess.run(apt(root, "apt-get", "download", "-qq", image), capture_output=True, text=True, check=False,
                                      cwd=root)
                packages = glob.glob("%s/%s_*.deb" % (root, image))
                if done.returncode or not packages:
                    raise Unavailable("%s %s: %s" % (mirror, image, done.stderr.strip()))
                partial = unpacked + ".partial"
                shutil.rmtree(partial, ignore_errors=True)
                subprocess.run(["dpkg-deb", "-x", packages[0], partial], check=True)
                os.rename(partial, unpacked)
                shutil.rmtree(root)
                return unpacked
            except Unavailable as why:
                reasons.append(str(why))
    raise Unavailable("; ".join(reasons))


def section(image, wanted):
    """The bytes of an ELF64 section; b"" where the file has none of that name."""
    start, = struct.unpack_from("<Q", image, 40)
    size, count, names = struct.unpack_from("<HHH", image, 58)
    headers = [struct.unpack_from("<LLQQQQ", image, start + number * size) for number in range(count)]
    strings = headers[names][4]
    for header in headers:
        at = strings + header[0]
        if image[at:image.index(b"\0", at)] == wanted:
            return image[header[4]:header[4] + header[5]]
    return b""


class Kernel:
    """An unpacked image package."""

    def __init__(self, folder):
        boot = glob.glob(folder + "/boot/vmlinuz-*")
        if len(boot) != 1:
            raise Unavailable("%s/boot has no kernel" % folder)
        self.vmlinuz = boot[0]
        self.release = os.path.basename(self.vmlinuz)[len("vmlinuz-"):]
        self.files = {}
        for path in glob.glob(folder + "/lib/modules/*/kernel/**/*.ko*", recursive=True) + \
                glob.glob(folder + "/usr/lib/modules/*/kernel/**/*.ko*", recursive=True):
            self.files.setdefault(os.path.basename(path).split(".")[0].replace("-", "_"), path)

    def image(self, module):
        """A module's bytes, unpacked."""
        path = self.files[module]
        with (lzma.open(path) if path.endswith(".xz") else open(path, "rb")) as file:
            return file.read()

    def with_dependencies(self, wanted):
        """Name and bytes of the modules of that list that this kernel has, each after those that it needs."""
        ordered = {}

        def add(module):
            if module in ordered or module not in self.files:
                return
            image = self.image(module)
            for field in section(image, b".modinfo").split(b"\0"):
                if field.startswith(b"depends="):
                    for needed in filter(None, field[len(b"depends="):].decode().split(",")):
                        add(needed.replace("-", "_"))
            ordered[module] = image

        for module in wanted:
            add(module)
        return ordered
