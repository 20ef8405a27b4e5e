#!/usr/bin/env python3
"""From nothing to a C++ check that others use: new plugin, built outside the project against an installed hostcheck in a
prefix of its own, filled in, proved by its tests, run on a live namespace, installed."""

import os
import shutil
import subprocess
import tempfile
import unittest

import support

BUILD = os.path.dirname(os.path.abspath(support.HOSTCHECK))
PAGE = (('why = ""', 'why = "Datagrams of 1280 bytes do not fit."'), ("fix = []", 'fix = [{ text = "raise the MTU", command = "ip link set {ifname} mtu 1500" }]'),
        ('false_alarms = ""', 'false_alarms = "None known."'))


class NewPlugin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        support.need_root()
        support.need_programs("cmake", "ip")
        if not os.path.exists(os.path.join(BUILD, "cmake_install.cmake")):
            support.skip_all("hostcheck is not in a build folder")
        cls.prefix = tempfile.mkdtemp(prefix="hc-prefix-")
        cls.addClassCleanup(shutil.rmtree, cls.prefix)
        os.chmod(cls.prefix, 0o755)
        support.run("cmake", "--install", BUILD, "--prefix", cls.prefix)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hc-plugin-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)

    def hostcheck(self, *arguments, status=0, netns=None):
        command = [os.path.join(self.prefix, "bin", "hostcheck"), *arguments]
        if netns is not None:
            command = ["ip", "netns", "exec", netns.name, *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def build(self):
        place = os.path.join(self.folder, "small_mtu")
        support.run("cmake", "-S", place, "-B", place + "/build", "-DCMAKE_PREFIX_PATH=" + self.prefix, timeout=240)
        support.run("cmake", "--build", place + "/build", timeout=240)
        return place + "/build/hostcheck-plugins"

    def fill_in(self, name, *changes):
        path = os.path.join(self.folder, "small_mtu", name)
        with open(path) as file:
            text = file.read()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        with open(path, "w") as file:
            file.write(text)

    def refused(self, folder, change, why):
        """hostcheck test refuses the built plugin with this change to its page."""
        path = os.path.join(folder, "plugin.toml")
        with open(path) as file:
            text = file.read()
        self.assertIn(change[0], text)
        with open(path, "w") as file:
            file.write(text.replace(*change))
        self.assertIn(why, self.hostcheck("test", folder, status=1))
        with open(path, "w") as file:
            file.write(text)

    def test_from_nothing_to_a_finding_of_a_live_namespace(self):
        said = self.hostcheck("new", "plugin", "small_mtu")
        self.assertEqual(sorted(os.listdir(os.path.join(self.folder, "small_mtu"))),
                         ["CMakeLists.txt", "plugin.toml", "small_mtu.cpp", "tests.toml"])
        self.assertIn("hostcheck test small_mtu/build/hostcheck-plugins/small_mtu", said)
        built = self.build()
        # It loads, and waits to be filled in.
        self.assertIn("least = 1280 bytes", self.hostcheck("explain", "nic.small_mtu", "--plugins", built))
        tested = self.hostcheck("test", built + "/small_mtu", status=1)
        for lack in ("doc.why is missing", "doc.fix is missing", "doc.false_alarms is missing", "no test makes it fire",
                     "'the fault is found'", "3 tests passed"):
            self.assertIn(lack, tested)
        self.fill_in("plugin.toml", *PAGE)
        self.fill_in("small_mtu.cpp", ("return too_small && false;", "return too_small;"))
        self.build()
        self.assertEqual(self.hostcheck("test", built + "/small_mtu"), "0 rules, 1 plugin, 4 tests passed, 0 failed\n")
        self.refused(built + "/small_mtu", ("ip link set {ifname}", "ip link set {nobody}"), "placeholder {nobody}")
        self.refused(built + "/small_mtu", ("ip link set {ifname} mtu 1500", "sysctl -w net.ipv4.tcp_fast=1"),
                     "no supported kernel has the sysctl net.ipv4.tcp_fast")
        self.refused(built + "/small_mtu", ("SELECT netns, ifname, mtu", "SELECT netns, ifname, mtv AS mtu"), "did you mean 'mtu'?")
        with support.Netns("author") as netns:
            netns.ip("link", "add", "small0", "type", "veth", "peer", "name", "other0")
            netns.ip("link", "set", "small0", "mtu", "600", "up")
            found = self.hostcheck("run", "--plugins", built, "--only", "nic.small_mtu", "--observe", "0", netns=netns,
                                   status=1)
            recorded = self.hostcheck("test", "--record", "as it was that night", "--anonymous", built + "/small_mtu", netns=netns)
        self.assertIn("small0 has an MTU of 600 bytes", found)
        self.assertIn('ifname = "small0"', recorded)
        with open(os.path.join(self.folder, "small_mtu", "tests.toml"), "a") as file:
            file.write(recorded)
        self.build()
        self.assertEqual(self.hostcheck("test", built + "/small_mtu"), "0 rules, 1 plugin, 5 tests passed, 0 failed\n")
        support.run("cmake", "--install", built + "/..", "--prefix", self.prefix)
        self.addCleanup(shutil.rmtree, os.path.join(self.prefix, "lib/hostcheck/plugins/small_mtu"))
        self.assertIn("nic.small_mtu", self.hostcheck("checks", "--only", "nic.small_mtu"))
        self.assertIn("this name is taken by", self.hostcheck("new", "plugin", "small_mtu", status=64))

    def test_beside_the_projects_own_it_needs_one_line_to_be_built(self):
        os.mkdir(os.path.join(self.folder, "plugins"))
        with open(os.path.join(self.folder, "plugins", "CMakeLists.txt"), "w"):
            pass
        self.hostcheck("new", "plugin", "small_mtu")
        with open(os.path.join(self.folder, "plugins", "small_mtu", "CMakeLists.txt")) as file:
            self.assertEqual(file.read(), "hostcheck_add_plugin(small_mtu)\n")

    def test_wrong_input_is_named(self):
        for words, say, status in ((("Small-MTU",), "lower case letters", 64), (("firewall_walk",), "is taken by", 64),
                                   (("x", "--dir", "/none/such"), "/none/such", 3), ((), "hostcheck new plugin NAME", 64)):
            self.assertIn(say, self.hostcheck("new", "plugin", *words, status=status), words)
        self.hostcheck("new", "plugin", "small_mtu")
        self.assertIn("there is such a folder", self.hostcheck("new", "plugin", "small_mtu", status=64))
        self.assertIn("did you mean 'plugin'?", self.hostcheck("new", "plugn", "x", status=64))


if __name__ == "__main__":
    support.main()
