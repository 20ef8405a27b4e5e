"""The RPMs, as far as they can be judged without a Fedora: built by rpmbuild, what is in them, what they ask for, and the
program out of one, which runs."""

import glob
import os
import re
import shutil
import subprocess
import tempfile

from common import ROOT, expect, run, told

OUT = os.path.join(ROOT, "build", "rpm")


def build():
    shutil.rmtree(OUT, ignore_errors=True)
    # rpm does not know what dpkg has installed.
    run(os.path.join(ROOT, "packaging", "build-rpm"), OUT, "--nodeps", stdout=subprocess.DEVNULL)


def test(_asked):
    build()
    version = re.search(r"^project\(hostcheck VERSION ([0-9.]+)", open(ROOT + "/CMakeLists.txt", encoding="utf-8").read(), re.M).group(1)
    main, = glob.glob(OUT + "/RPMS/*/hostcheck-%s-1*.rpm" % version)
    devel, = glob.glob(OUT + "/RPMS/*/hostcheck-devel-%s-1*.rpm" % version)
    source, = glob.glob(OUT + "/SRPMS/hostcheck-%s-1*.src.rpm" % version)
    for package, names in (
            (main, ("/usr/bin/hostcheck", "/usr/lib/hostcheck/rules/tcp/window_scaling_disabled.toml",
                    "/usr/lib/hostcheck/plugins/firewall_walk/plugin.so", "/usr/lib/systemd/system/hostcheck.service",
                    "/usr/lib/systemd/system/hostcheck.timer", "/usr/share/bash-completion/completions/hostcheck",
                    "/usr/share/zsh/site-functions/_hostcheck", "/etc/hostcheck/rules.d", "/etc/sysconfig/hostcheck")),
            (devel, ("/usr/include/hostcheck/plugin.hpp", "/usr/share/cmake/hostcheck/hostcheck-config.cmake", "/usr/share/pkgconfig/hostcheck.pc"))):
        listing = told("rpm", "-qlp", package).splitlines()
        for name in names:
            expect(name in listing, "%s has %s" % (os.path.basename(package), name))
    rpmlintrc = os.path.join(ROOT, "packaging", "rpm", "hostcheck.rpmlintrc")
    done = subprocess.run(["rpmlint", "--rpmlintrc", rpmlintrc, ROOT + "/packaging/rpm/hostcheck.spec", main, devel, source],
                          stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    expect(done.returncode == 0 and " 0 errors" in done.stdout, "rpmlint finds no error")
    needs = told("rpm", "-qp", "--requires", main)
    for need in ("libbpf.so.1()(64bit)", "libsqlite3.so.0()(64bit)", "libsodium.so", "/usr/bin/kill"):
        expect(need in needs, "it asks for " + need)
    expect("plugin.so" not in told("rpm", "-qp", "--provides", main), "its plugins are nobody else's libraries")
    expect("hostcheck = %s" % version in told("rpm", "-qp", "--requires", devel), "-devel goes with its version")
    expect("libbpf-devel" in told("rpm", "-qp", "--requires", source), "the source RPM names what a build needs")
    with tempfile.TemporaryDirectory(prefix="hc-rpm-") as folder:
        subprocess.run("rpm2cpio %s | cpio --extract --quiet --make-directories" % main, shell=True, check=True, cwd=folder)
        program = folder + "/usr/bin/hostcheck"
        expect("hostcheck " + version in told(program, "--version"), "its program runs")
        last = told(program, "test").splitlines()[-1]
        expect(re.search(r"^\d+ rules, \d+ plugins, \d+ tests passed, 0 failed$", last), "with its rules and plugins: " + last)
        with open(folder + "/usr/lib/systemd/system/hostcheck.service", encoding="utf-8") as file:
            expect("EnvironmentFile=-/etc/sysconfig/hostcheck\n" in file.read(), "its service reads /etc/sysconfig")
