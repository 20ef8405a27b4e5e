#!/usr/bin/env python3
"""Every command that README.md shows, in its order: in a namespace with a neighbour that is a PostgreSQL server, reached by
the name that README.md uses. Those that build or install are run by what ELSEWHERE names."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import fleet_lab
import support

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUILD = os.path.dirname(os.path.abspath(support.HOSTCHECK))
SERVER, HOST, ABSENT = "192.0.2.1", "192.0.2.2", "192.0.2.7"
# Commands by their beginnings, the file that runs them, and the words by which it does.
ELSEWHERE = (
    ("packaging/quickstart", ".ci/run", "packaging/quickstart"),
    ("packaging/test", ".ci/run", "packaging/test"),
    ("packaging/install-deps package && packaging/build-deb", "tests/packages/deb.py", "build-deb"),
    ("apt install ./build/deb/", "tests/packages/deb.py", "install"),
    ("systemctl enable --now hostcheck", "tests/packages/service.py", "systemctl enable --now hostcheck.timer"),
    ("ansible-playbook ", "tests/packages/ansible_role.py", "ansible-playbook"),
    ("packaging/install-deps static && packaging/build-static", "tests/packages/static_program.py", "build-static"),
    ("tests/lab/run.py", "tests/lab/CMakeLists.txt", "run.py"),
    ("cmake --preset release && cmake --build --preset release && ctest", "packaging/test", "ctest --preset"),
)
# Exit status of a run: its verdict. diff: 1 where something differs.
STATUSES = (("hostcheck run ", (0, 1, 2)), ("hostcheck path ", (0, 1, 2)), ("hostcheck diff ", (1,)),
            ("hostcheck watch ", (0, 1, 2)))


def commands():
    """README.md's sh blocks line by line, without their comments; a file that a command is given stays with it."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = "".join(re.findall(r"^```sh\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL))
    found = []
    for given, line in re.findall(r"(^[^\n]*<<'END'\n.*?^END$)|^([^\n]*)$", text, re.MULTILINE | re.DOTALL):
        command = given or re.sub(r"(^|\s+)#.*$", "", line).strip()
        if command:
            found.append(command)
    return found


def elsewhere(command):
    return next((each for each in ELSEWHERE if command.startswith(each[0])), None)


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        support.need_root()
        support.need_programs("cmake", "ip", "unshare", "psql", "zstd")
        if not os.path.exists(os.path.join(BUILD, "cmake_install.cmake")):
            support.skip_all("hostcheck is not in a build folder")

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hc-readme-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.server, self.host = support.Netns("server"), support.Netns("host")
        self.addCleanup(self.host.close)
        self.addCleanup(self.server.close)
        support.veth_pair(self.server, self.host)
        self.server.ip("addr", "add", SERVER + "/24", "dev", "veth0")
        self.host.ip("addr", "add", HOST + "/24", "dev", "veth0")
        self.host.ip("route", "add", "default", "via", SERVER)
        self.work = os.path.join(self.folder, "work")
        os.mkdir(self.work)
        self.postgres = fleet_lab.Postgres(self.folder, self.server.name, SERVER)
        self.addCleanup(self.postgres.close)
        self.postgres.psql("CREATE DATABASE fleet")
        with open("/etc/hosts", encoding="utf-8") as file:
            known = file.read()
        with open(os.path.join(self.folder, "hosts"), "w", encoding="utf-8") as file:
            file.write("%s\n%s db.example\n" % (known, SERVER))
        for each in ("fleet", "prometheus/node-exporter"):
            os.makedirs(os.path.join(self.folder, "stays", each))

    def run_as_shown(self, command):
        """In the host's namespace; /etc/hosts knows the server's name, /var/lib is the test's, installing goes to a folder."""
        if command.startswith("hostcheck watch"):  # it stays until it is told to end
            command = "timeout --preserve-status 4 " + command
        script = ("mount --bind '%s/hosts' /etc/hosts && mount --bind '%s/stays' /var/lib && %s"
                  % (self.folder, self.folder, command))
        environment = dict(self.postgres.environment, PATH=BUILD + ":" + os.environ["PATH"],
                           DESTDIR=os.path.join(self.folder, "installed"))
        return subprocess.run(["ip", "netns", "exec", self.host.name, "unshare", "--mount", "sh", "-c", script],
                              capture_output=True, text=True, timeout=120, env=environment,
                              cwd=ROOT if command.startswith("cmake ") else self.work)

    def snapshots(self, first, *others):
        support.run(support.HOSTCHECK, "snapshot", "--netns", self.host.name, "--observe", "0", "-o", os.path.join(self.work, first))
        for each in others:
            shutil.copy(os.path.join(self.work, first), os.path.join(self.work, each))

    def test_every_command_does_what_it_says(self):
        self.snapshots("web-2.db", "web-3.db")
        self.host.ip("link", "set", "veth0", "mtu", "1400")
        self.snapshots("web-18.db", "web-1.db", "web-4.db")
        self.host.ip("link", "set", "veth0", "mtu", "1500")
        self.host.ip("link", "add", "stor0", "type", "veth", "peer", "name", "far0")
        shutil.copy(os.path.join(self.work, "web-18.db"), os.path.join(self.folder, "stays/fleet"))
        ran = []
        for command in commands():
            if elsewhere(command):
                continue
            with self.subTest(command=command):
                done = self.run_as_shown(command)
                told = "exit status %d\n%s\n%s" % (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
                expected = next((each[1] for each in STATUSES if (command + " ").startswith(each[0])), (0,))
                self.assertIn(done.returncode, expected, told)
                self.assertNotRegex(done.stderr, r"(?m)^hostcheck: |error", told)
                ran.append(command)
        self.assertGreater(len(ran), 20)
        for made in ("work/report.html", "work/web-17.html", "work/web-17.db", "work/web-17.tar.zst", "work/tcp.our_outage.toml",
                     "work/our_outage/plugin.toml", "stays/prometheus/node-exporter/hostcheck.prom",
                     "installed/opt/hostcheck/bin/hostcheck"):
            self.assertGreater(os.path.getsize(os.path.join(self.folder, made)), 0, made)

    def test_the_others_are_run_elsewhere(self):
        shown = commands()
        for beginning, path, words in ELSEWHERE:
            self.assertTrue(any(command.startswith(beginning) for command in shown), beginning + " is not shown")
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                self.assertIn(words, file.read(), path)


if __name__ == "__main__":
    support.main()
