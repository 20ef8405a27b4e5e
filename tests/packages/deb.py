"""The Debian packages: lintian, an installation in a clean system, the main job there, a purge that leaves nothing."""

import glob
import json
import os
import re
import shutil
import subprocess

from common import ROOT, SERVICE, WATCH_SERVICE, System, expect, run, told

MOST_EXPOSED = 45  # what systemd-analyze may say of the service, in tenths of its scale of 10


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
                                   "lib/systemd/system/hostcheck-watch.service",
                                   "usr/share/hostcheck/queries/findings.sql", "usr/share/hostcheck/schema.sql",
                                   "usr/share/doc/hostcheck/examples/prometheus/hostcheck.rules.yml")),
                           (development, ("usr/lib/pkgconfig/hostcheck.pc", "usr/lib/cmake/hostcheck/hostcheck-config.cmake"))):
        listing = told("dpkg-deb", "--contents", package)
        for name in names:
            expect(" ./%s\n" % name in listing, "%s has %s" % (os.path.basename(package), name))
    return main, development


def judge_units():
    for unit in (SERVICE, WATCH_SERVICE):
        text = told("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=%d" % MOST_EXPOSED, unit)
        score = re.search(r"Overall exposure level for hostcheck[a-z-]*.service: ([0-9.]+)", text).group(1)
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
    expect("could_not_judge" in system.shell("hostcheck collect --queries").stdout, "the queries about a fleet are found")
    done = system.shell("hostcheck collect --query findings 2>&1", check=False)
    expect(done.returncode == 3 and "Debian's package libpq5" in done.stdout, "without libpq5 collect says what it needs")
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
    expect(not glob.glob(system.folder + "/etc/systemd/system/*.wants/hostcheck*"), "no timer runs until somebody enables it")
    system.shell("apt-get purge -qq -y hostcheck hostcheck-dev")
    left = [path for path in ("usr/bin/hostcheck", "usr/lib/hostcheck", "etc/hostcheck", "etc/default/hostcheck")
            if os.path.lexists(os.path.join(system.folder, path))]
    expect(not left, "nothing is left after a purge" + "".join(" " + path for path in left))


def build(asked):
    """The folder with the packages; built once."""
    out = asked.packages or os.path.join(ROOT, "build", "deb")
    if not asked.packages:
        shutil.rmtree(out, ignore_errors=True)
        run(os.path.join(ROOT, "packaging", "build-deb"), out, stdout=subprocess.DEVNULL)
        asked.packages = out
    return out


def test(asked):
    judge_units()
    packages = judge_packages(build(asked))
    judge_installed(System(asked.system), packages)
