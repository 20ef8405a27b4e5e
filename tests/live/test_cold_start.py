#!/usr/bin/env python3
"""A fleet's catalogue starts fast: 200 rules and 20 plugins cost at most 25 ms more than none.

What is compared is the processor time of whole runs that gather the same, the fastest of several: on a machine that does
other work the time that passes says more about that work.
"""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import unittest

import support

FIXTURES = os.environ.get("HOSTCHECK_FIXTURES",
                          os.path.join(os.path.dirname(os.path.abspath(support.HOSTCHECK)), "tests", "plugins"))
SANITIZED = os.environ.get("HOSTCHECK_SANITIZED") in ("ON", "1")
RULES = 200
PLUGINS = 20
LIMIT_MS = 25
ROUNDS = 15

RULE = """id       = "kernel.fault_{0}"
title    = "A fault of a fleet's own"
severity = "warning"
claim    = "state"
query    = '''
SELECT name, kernel FROM host WHERE kernel GLOB :release AND name <> ''
'''
subject  = ["name"]
summary  = "{{name}} runs {{kernel}}"
[params]
release = {{ default = "2.{0}.*", unit = "", why = "a release that no host of today runs" }}
[doc]
why = "What users of the host notice, in a sentence or two, as a rule of a fleet has it."
fix = [{{ text = "What mends it", command = "true" }}]
false_alarms = "When it fires and all is well."
references = ["none"]
[[test]]
name = "it fires"
facts.host = [{{ name = "web", kernel = "2.{0}.1" }}]
expect = [{{ status = "confirmed" }}]
"""


def milliseconds(command):
    """User and system time of the command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1, 2, 3):
        raise AssertionError(done.stderr)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), done.stdout


class ColdStart(unittest.TestCase):
    def setUp(self):
        if SANITIZED:
            self.skipTest("a sanitizer's cost is not hostcheck's")
        self.folder = tempfile.mkdtemp(prefix="hc-cold-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        for name in ("rules", "plugins", "no_rules", "no_plugins"):
            os.mkdir(os.path.join(self.folder, name))
        os.mkdir(os.path.join(self.folder, "rules", "kernel"))
        for number in range(RULES):
            with open(os.path.join(self.folder, "rules", "kernel", "fault_%d.toml" % number), "w") as file:
                file.write(RULE.format(number))
        # One rule, so that the run without any gathers and judges something too.
        os.mkdir(os.path.join(self.folder, "no_rules", "kernel"))
        with open(os.path.join(self.folder, "no_rules", "kernel", "fault_0.toml"), "w") as file:
            file.write(RULE.format(0))

    def plugins(self, idle):
        folder = os.path.join(self.folder, "plugins")
        shutil.rmtree(folder)
        os.mkdir(folder)
        with open(os.path.join(FIXTURES, "well", "plugin.toml")) as file:
            text = file.read()
        if idle:  # as most plugins on a healthy host: nothing of what they look into is there
            text = text.replace('query = "SELECT name, kernel FROM host"',
                                'needed = true\nquery = "SELECT name, kernel FROM host WHERE name IS NULL"')
        for number in range(PLUGINS):
            name = "well" if number == 0 else "well%d" % number
            os.mkdir(os.path.join(folder, name))
            shutil.copy(os.path.join(FIXTURES, "well", "plugin.so"), os.path.join(folder, name))
            with open(os.path.join(folder, name, "plugin.toml"), "w") as file:
                file.write(text.replace('"well"', '"%s"' % name).replace("fixture_well", "fixture_" + name)
                           .replace("level_well", "level_" + name))

    def fastest(self, rules, plugins):
        command = [support.HOSTCHECK, "run", "--observe", "0", "--probe", "off", "--format", "json", "--rules",
                   os.path.join(self.folder, rules), "--plugins", os.path.join(self.folder, plugins)]
        times = []
        for _ in range(ROUNDS):
            time, output = milliseconds(command)
            times.append(time)
        return min(times), output

    def test_it_stays_below_the_bound(self):
        self.plugins(idle=True)
        none, _ = self.fastest("no_rules", "no_plugins")
        all_of_them, output = self.fastest("rules", "plugins")
        self.assertEqual(output.count('"kernel.fault_'), RULES)
        self.assertEqual(output.count('"hostcheck.fixture_well'), PLUGINS)
        print("without %.1f ms, with %d rules and %d plugins %.1f ms" % (none, RULES, PLUGINS, all_of_them))
        self.assertLessEqual(all_of_them - none, LIMIT_MS)

    def test_plugins_that_all_run_are_told_apart(self):
        self.plugins(idle=False)
        none, _ = self.fastest("no_rules", "no_plugins")
        some, output = self.fastest("no_rules", "plugins")
        # The code calls itself "well" in all of them: 19 are refused after they were loaded, one has a finding.
        failed = [each for each in json.loads(output)["findings"] if each["id"] == "hostcheck.plugin_failed"]
        self.assertEqual(len(failed), PLUGINS - 1)
        print("without %.1f ms, with %d plugins started %.1f ms of both processors" % (none, PLUGINS, some))


if __name__ == "__main__":
    support.main()
