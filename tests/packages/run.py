#!/usr/bin/env python3
"""Builds the Debian packages, has lintian look at them, and installs and runs them in a clean system of their own.

Run by `packaging/test packages`, as root. The system is Debian 12 from this machine's mirror, in a folder; hostcheck is run there in
a network namespace of its own.
"""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SERVICE = os.path.join(ROOT, "packaging", "systemd", "hostcheck.service")
MOST_EXPOSED = 45  # what systemd-analyze may say of the service, in tenths of its scale of 10
SUITE = "bookworm"


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


def judge_packages(out):
    """lintian finds no error, and each package has what it is for."""
    changes, = glob.glob(out + "/hostcheck_*.changes")
    done = subprocess.run(["lintian", "--allow-root", "--profile", "debian", "--fail-on", "error", "--tag-display-limit", "0", changes],
                          stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    expect(done.returncode == 0, "lintian finds no error")
    main, = glob.glob(out + "/hostcheck_*_*.deb")
    development, = glob.glob(out + "/hostcheck-dev_*.deb")
    for package, names in ((main, ("usr/bin/hostcheck", "usr/share/man/man1/hostcheck.1.gz", "usr/share/man/man5/hostcheck.toml.5.gz",
                                   "usr/share/bash-completion/completions/hostcheck", "usr/share/zsh/vendor-completions/_hostcheck",
                                   "lib/systemd/system/hostcheck.service", "lib/systemd/system/hostcheck.timer",
                                   "usr/share/doc/hostcheck/examples/prometheus/hostcheck.rules.yml")),
                           (development, ("usr/lib/pkgconfig/hostcheck.pc", "usr/lib/cmake/hostcheck/hostcheck-config.cmake"))):
        listing = told("dpkg-deb", "--contents", package)
        for name in names:
            expect(" ./%s\n" % name in listing, "%s has %s" % (os.path.basename(package), name))
    return main, development


def judge_units():
    text = told("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=%d" % MOST_EXPOSED, SERVICE)
    score = re.search(r"Overall exposure level for hostcheck.service: ([0-9.]+)", text).group(1)
    expect(float(score) * 10 <= MOST_EXPOSED, "systemd-analyze security: %s" % score)
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        expect("exposure level %s" % score in file.read(), "README says exposure level " + score)


def judge_installed(system, packages):
    """The main job, in the clean system."""
    for package in packages:
        shutil.copy(package, system.folder + "/root/")
    names = " ".join("/root/" + os.path.basename(package) for package in packages)
    system.shell("apt-get update -qq && apt-get install -qq -y --no-install-recommends " + names, network=True)
    expect("hostcheck" in system.shell("hostcheck --version").stdout, "it starts")
    done = system.shell("hostcheck run --observe 1s --format json; exit $?", check=False)
    report = json.loads(done.stdout)
    expect(report["schema"] == "hostcheck.report/1" and report["observed_ms"] >= 1000, "the main job reports")
    outcomes = [check["outcome"] for check in report["checks"]]
    expect(len(outcomes) > 80 and "error" not in outcomes, "%d checks, none failed" % len(outcomes))
    clear = outcomes.count("clear") + outcomes.count("finding")
    expect(clear > outcomes.count("unknown") and done.returncode != 3, "%d could judge" % clear)
    system.shell("hostcheck test")
    # What the service may do is enough: nothing is lost by its bounds.
    with open(SERVICE, encoding="utf-8") as file:
        bounds = " ".join(re.findall(r"^CapabilityBoundingSet=(.*)$", file.read(), re.MULTILINE)).lower().split()
    bounded = json.loads(system.shell("mount -o remount,bind,ro /sys; setpriv --no-new-privs --bounding-set=-all,%s "
                                      "hostcheck run --observe 1s --format json"
                                      % ",".join(each.replace("cap_", "+", 1) for each in bounds), check=False).stdout)
    blind = [[check["id"] for check in each["checks"] if check["outcome"] in ("unknown", "error")] for each in (report, bounded)]
    expect(blind[0] == blind[1], "the service's privileges are enough for every check")
    seen = [[(each["name"], each["available"]) for each in one["capabilities"]] for one in (report, bounded)]
    expect(seen[0] == seen[1] and seen[0], "the service's privileges are enough for every method")
    done = system.shell("hostcheck run --observe 0 --quiet --format prometheus --output /var/tmp/hostcheck.prom", check=False)
    with open(system.folder + "/var/tmp/hostcheck.prom", encoding="utf-8") as file:
        expect(done.returncode in (0, 1) and "hostcheck_verdict{" in file.read(), "it writes metrics")
    units = told("systemd-analyze", "--no-pager", "--man=no", "--root=" + system.folder, "verify",
                 "hostcheck.service", "hostcheck.timer", stderr=subprocess.STDOUT)
    expect("hostcheck" not in units, "systemd has nothing to say of the units" + (": " + units if units else ""))
    expect(not glob.glob(system.folder + "/etc/systemd/system/*.wants/hostcheck*"), "no timer runs until somebody enables it")
    system.shell("apt-get purge -qq -y hostcheck hostcheck-dev")
    left = [path for path in ("usr/bin/hostcheck", "usr/lib/hostcheck", "etc/hostcheck", "etc/default/hostcheck")
            if os.path.lexists(os.path.join(system.folder, path))]
    expect(not left, "nothing is left after a purge" + "".join(" " + path for path in left))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", metavar="FOLDER", help="test the packages that are there, build none")
    parser.add_argument("--system", metavar="FOLDER", help="use and keep this clean system; made where there is none")
    asked = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("needs root, for debootstrap and chroot")
    judge_units()
    out = asked.packages or os.path.join(ROOT, "build", "deb")
    if not asked.packages:
        shutil.rmtree(out, ignore_errors=True)
        run(os.path.join(ROOT, "packaging", "build-deb"), out, stdout=subprocess.DEVNULL)
    packages = judge_packages(out)
    if asked.system:
        judge_installed(System(asked.system), packages)
    else:
        with tempfile.TemporaryDirectory(prefix="hc-system-") as folder:
            judge_installed(System(folder), packages)
    print("packages: all is as it should be")


if __name__ == "__main__":
    sys.exit(main())
