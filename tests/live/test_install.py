#!/usr/bin/env python3
"""An installed hostcheck finds its rules from where it stands, under any prefix."""

import glob
import json
import os
import shutil
import subprocess
import tempfile
import tomllib
import unittest

import support

BUILD = os.path.dirname(os.path.abspath(support.HOSTCHECK))


class Install(unittest.TestCase):
    def test_it_works_under_any_prefix_and_after_a_move(self):
        if not os.path.exists(os.path.join(BUILD, "cmake_install.cmake")):
            self.skipTest("hostcheck is not in a build folder")
        folder = tempfile.mkdtemp(prefix="hc-install-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        first = os.path.join(folder, "first")
        support.run("cmake", "--install", BUILD, "--prefix", first)
        second = os.path.join(folder, "second")
        os.rename(first, second)
        program = os.path.join(second, "bin", "hostcheck")
        rules = json.loads(support.run(program, "checks", "--format", "json"))
        plugins = 0
        for path in glob.glob(os.path.join(second, "lib/hostcheck/plugins/*/plugin.toml")):
            self.assertTrue(os.path.exists(os.path.join(os.path.dirname(path), "plugin.so")), path)
            with open(path, "rb") as file:
                plugins += len(tomllib.load(file)["check"])
        self.assertGreater(plugins, 0)
        self.assertEqual(len(rules), plugins + len(glob.glob(os.path.join(second, "lib/hostcheck/rules/*/*.toml"))))
        for rule in rules:
            self.assertTrue(os.path.realpath(rule["file"]).startswith(os.path.realpath(second)), rule["file"])
        done = subprocess.run([program, "run", "--observe", "0", "--only", "tcp.*", "--format", "json"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(json.loads(done.stdout)["schema"], "hostcheck.report/1")
        self.assertTrue(os.path.exists(os.path.join(second, "share/hostcheck/report.schema.json")))

    def test_without_rules_it_says_where_they_should_be(self):
        folder = tempfile.mkdtemp(prefix="hc-install-")
        self.addCleanup(shutil.rmtree, folder)
        os.makedirs(os.path.join(folder, "bin"))
        program = shutil.copy(support.HOSTCHECK, os.path.join(folder, "bin", "hostcheck"))
        done = subprocess.run([program, "run"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assertIn(os.path.join(folder, "lib/hostcheck/rules"), done.stderr)


if __name__ == "__main__":
    support.main()
