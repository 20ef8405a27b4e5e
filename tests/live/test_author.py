#!/usr/bin/env python3
"""From nothing to a check that finds a fault of a live namespace: new rule, filling it in, its tests, a recorded test."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import tomllib
import unittest

import support


def hostcheck(*arguments, cwd, netns=None):
    command = [os.environ["HOSTCHECK"], *arguments]
    if netns is not None:
        command = ["ip", "netns", "exec", netns.name, *command]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


PAGE = (('why = ""', 'why = "Datagrams of 1280 bytes do not fit."'), ("fix = []", 'fix = [{ text = "raise the MTU" }]'),
        ('false_alarms = ""', 'false_alarms = "None known."'))


class Author(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def new_rule(self):
        done = hostcheck("new", "rule", "nic.tiny_mtu", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.folder / "nic.tiny_mtu.toml"

    def fill_in(self, file, *changes):
        text = file.read_text()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        file.write_text(text)

    def query_filled_in(self, file):
        self.fill_in(file, *PAGE)
        file.write_text(re.sub(r"\n +AND false.*", "", file.read_text()))

    def test_a_new_rule_loads_and_waits_to_be_filled_in(self):
        file = self.new_rule()
        explained = hostcheck("explain", "nic.tiny_mtu", "--rules", ".", cwd=self.folder)
        self.assertEqual(explained.returncode, 0, explained.stderr)
        tested = hostcheck("test", file.name, cwd=self.folder)
        self.assertEqual(tested.returncode, 1)
        for lack in ("doc.why is missing", "doc.fix is missing", "doc.false_alarms is missing", "no test makes it fire",
                     "'the fault is found'", "expected  confirmed", "got       no finding"):
            self.assertIn(lack, tested.stdout)

    def test_from_nothing_to_a_finding_and_a_recorded_test(self):
        file = self.new_rule()
        self.query_filled_in(file)
        tested = hostcheck("test", file.name, cwd=self.folder)
        self.assertEqual((tested.returncode, tested.stdout), (0, "1 rule, 4 tests passed, 0 failed\n"))
        with support.Netns("author") as netns:
            netns.ip("link", "add", "small0", "type", "veth", "peer", "name", "other0")
            netns.ip("link", "set", "small0", "mtu", "600")
            netns.ip("addr", "add", "10.77.3.4/24", "dev", "small0")
            run = hostcheck("run", "--rules", ".", "--only", "nic.tiny_mtu", "--observe", "0", cwd=self.folder, netns=netns)
            self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
            self.assertIn("small0", run.stdout)
            self.assertIn("600 bytes", run.stdout)
            recorded = hostcheck("test", "--record", "as it was \"that\" night", file.name, cwd=self.folder, netns=netns)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        self.assertIn('ifname = "small0", mtu = 600', recorded.stdout)
        file.write_text(file.read_text() + recorded.stdout)
        tested = hostcheck("test", file.name, cwd=self.folder)
        self.assertEqual((tested.returncode, tested.stdout), (0, "1 rule, 5 tests passed, 0 failed\n"))
        file.write_text(file.read_text().replace("mtu = 600 }", "mtu = 6000 }"))
        self.assertEqual(hostcheck("test", file.name, cwd=self.folder).returncode, 1)

    def test_recorded_addresses_are_hidden_where_asked(self):
        with support.Netns("author") as netns:
            netns.ip("link", "add", "a0", "type", "veth", "peer", "name", "b0")
            netns.ip("link", "set", "a0", "up")
            netns.ip("link", "set", "b0", "up")
            netns.ip("addr", "add", "10.77.3.4/24", "dev", "a0")
            netns.ip("route", "add", "default", "via", "10.77.3.9")
            plain = hostcheck("test", "--record", "plain", "route.default_via_down_link", cwd=self.folder, netns=netns)
            hidden = hostcheck("test", "--record", "hidden", "--anonymous", "route.default_via_down_link", cwd=self.folder,
                               netns=netns)
        self.assertIn('gateway = "10.77.3.9"', plain.stdout)
        self.assertRegex(hidden.stdout, r'gateway = "10\.\d+\.\d+\.\d+"')
        self.assertNotIn("10.77.3.9", hidden.stdout)

    def test_every_rule_can_be_recorded(self):
        """What is recorded of any rule here and now is a test that passes."""
        listed = hostcheck("checks", "--format", "json", cwd=self.folder)
        rules = [each["id"] for each in json.loads(listed.stdout) if not each["file"].endswith("/plugin.toml")]
        self.assertGreater(len(rules), 60)
        source = pathlib.Path(os.environ["HOSTCHECK"]).parent / "hostcheck-rules"
        with support.Netns("author") as netns:
            for rule in rules[:: max(1, len(rules) // 8)]:
                area, fault = rule.split(".")
                recorded = hostcheck("test", "--record", "now", "--anonymous", rule, cwd=self.folder, netns=netns)
                self.assertEqual(recorded.returncode, 0, f"{rule}: {recorded.stderr}")
                file = self.folder / f"{rule}.toml"
                file.write_text((source / area / f"{fault}.toml").read_text() + recorded.stdout)
                tested = hostcheck("test", file.name, cwd=self.folder)
                self.assertEqual(tested.returncode, 0, f"{rule}: {tested.stdout}\n{recorded.stdout}")

    def test_every_plugin_can_be_recorded(self):
        """As rules: by its folder or the id of one of its checks, with what each of its checks says."""
        source = pathlib.Path(os.environ["HOSTCHECK"]).parent / "hostcheck-plugins"
        checks = {each.parent.name: tomllib.loads(each.read_text())["check"][-1]["id"] for each in source.glob("*/plugin.toml")}
        self.assertGreaterEqual(len(checks), 4)
        with support.Netns("author") as netns:
            for plugin, check in checks.items():
                folder = self.folder / plugin
                shutil.copytree(source / plugin, folder)
                recorded = hostcheck("test", "--record", "now", "--anonymous", check, cwd=self.folder, netns=netns)
                self.assertEqual(recorded.returncode, 0, f"{plugin}: {recorded.stderr}")
                self.assertNotIn("expect = ", recorded.stdout)
                with open(folder / "tests.toml", "a") as file:
                    file.write(recorded.stdout)
                tested = hostcheck("test", plugin, cwd=self.folder)
                self.assertEqual(tested.returncode, 0, f"{plugin}: {tested.stdout}\n{recorded.stdout}")
        code = self.folder / "route_journey" / "plugin.so"
        code.unlink()
        self.assertIn("is it built?", hostcheck("test", "--record", "now", "route_journey", cwd=self.folder).stderr)

    def test_wrong_input_is_named(self):
        for arguments, say in ((("new", "rule", "nik.x"), "did you mean 'nic'?"), (("new", "rul", "nic.x"), "did you mean 'rule'?"),
                               (("new", "rule"), "hostcheck new rule AREA.FAULT"),
                               (("new", "rule", "listen.not_accepting"), "is taken by"),
                               (("new", "rule", "nic.x", "--dir", "/none/such"), "/none/such"),
                               (("test", "--record", "x"), "one rule"), (("test", "--anonymous"), "--record"),
                               (("test", "--record", "x", "none.toml"), "none.toml"),
                               (("test", "--record", "x", "nic.dupplex_half"), "did you mean 'nic.duplex_half'?")):
            done = hostcheck(*arguments, cwd=self.folder)
            self.assertIn(done.returncode, (3, 64), arguments)
            self.assertIn(say, done.stderr, arguments)
        self.new_rule()
        self.assertIn("there is such a file", hostcheck("new", "rule", "nic.tiny_mtu", cwd=self.folder).stderr)

    def test_a_cure_that_no_kernel_has_is_refused(self):
        file = self.new_rule()
        self.query_filled_in(file)
        file.write_text(file.read_text().replace('{ text = "raise the MTU" }',
                                                 '{ text = "go", command = "sysctl -w net.ipv4.tcp_fast=1" }'))
        tested = hostcheck("test", file.name, cwd=self.folder)
        self.assertEqual(tested.returncode, 1)
        self.assertIn("no supported kernel has the sysctl net.ipv4.tcp_fast", tested.stdout)


if __name__ == "__main__":
    support.need_root()
    support.main()
