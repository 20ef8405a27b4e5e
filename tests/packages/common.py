"""What the tests of the packages share: commands, a clean Debian in a folder, and the live tests' faults."""

import os
import shutil
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SERVICE = os.path.join(ROOT, "packaging", "systemd", "hostcheck.service")
WATCH_SERVICE = os.path.join(ROOT, "packaging", "systemd", "hostcheck-watch.service")
SUITE = "bookworm"
sys.path.insert(0, os.path.join(ROOT, "tests", "live"))


def run(*command, **options):
    print("+ " + " ".join(command), flush=True)
    return subprocess.run(command, check=True, text=True, **options)


def told(*command, **options):
    return run(*command, stdout=subprocess.PIPE, **options).stdout


def mirror():
    """Where this machine's apt has the suite from."""
    lines = told("apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages").splitlines()
    for line in lines:
        release, _, uri = line.partition(" ")
        if release == SUITE:
            return uri
    return "http://deb.debian.org/debian"


class System:
    """A clean Debian in a folder, with /proc and /sys while a command runs."""

    def __init__(self, folder):
        self.folder = folder
        if not os.path.exists(folder + "/etc/debian_version"):
            run("debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, folder, mirror())
        shutil.copy("/etc/resolv.conf", folder + "/etc/resolv.conf")

    def shell(self, script, network=False, check=True):
        """Runs a script there; in mount, process and, without network, network namespaces of its own."""
        # A /sys of its own shows the interfaces of the namespace; without one of its own, only the machine's can be had.
        sysfs = "mount --rbind /sys {0}/sys" if network else "mount -t sysfs sysfs {0}/sys"
        prepare = ("mount -t proc proc {0}/proc && " + sysfs + " && mount --rbind /dev {0}/dev && "
                   "exec chroot {0} /bin/sh -euc \"$SCRIPT\"").format(self.folder)
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child"] + ([] if network else ["--net"])
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
                       "SCRIPT": script}
        print("+ in the clean system: " + script, flush=True)
        done = subprocess.run(command + ["/bin/sh", "-euc", prepare], stdout=subprocess.PIPE, text=True, env=environment, check=False)
        if check and done.returncode != 0:
            raise SystemExit("exit %d\n%s" % (done.returncode, done.stdout))
        return done


def expect(truth, what):
    if not truth:
        raise SystemExit("not so: " + what)
    print("ok: " + what, flush=True)
