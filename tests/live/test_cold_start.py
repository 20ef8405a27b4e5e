#!/usr/bin/env python3
"""A fleet's catalogue starts fast: 200 rules and 20 plugins cost at most 25 ms more than none, where the plugins have nothing
to look into, and where all of them start, each in its process, and each has a finding.

What is compared is whole runs that gather the same: the time that passes, which is what a cold start costs whoever waits for
it; where no plugin has anything to do, as on most healthy hosts, the time of all processors too. Of several runs in turns the
fastest counts, since on a machine that does other work the others say more about that work; such work may last for seconds, so
while the fastest is above the bound some more are made. The bound is for a machine on which
the run without any takes 8 ms; where that takes longer, because the machine is slower or was slowed down, the bound is longer in
proportion.
"""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
import unittest

import support

FIXTURES = os.environ.get("HOSTCHECK_FIXTURES",
                          os.path.join(os.path.dirname(os.path.abspath(support.HOSTCHECK)), "tests", "plugins"))
SANITIZED = os.environ.get("HOSTCHECK_SANITIZED") in ("ON", "1")
RULES = 200
PLUGINS = 20
LIMIT_MS = 25
USUAL_MS = 8  # that the run without rules and plugins takes
ROUNDS = 30
MOST_ROUNDS = 300

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
    """Processor time of the command and its children, time that passed, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    passed = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1, 2, 3):
        raise AssertionError(done.stderr)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1000 * used, 1000 * passed, done.stdout


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

    def plugins(self, idle=False):
        """Twenty plugins of one code, which takes the name of the folder that it lies in."""
        folder = os.path.join(self.folder, "plugins")
        shutil.rmtree(folder)
        os.mkdir(folder)
        with open(os.path.join(FIXTURES, "fleet", "plugin.toml")) as file:
            text = file.read()
        if idle:  # as most plugins on a healthy host: nothing of what they look into is there
            text = text.replace('query = "SELECT name, kernel FROM host"',
                                'needed = true\nquery = "SELECT name, kernel FROM host WHERE name IS NULL"')
        for number in range(PLUGINS):
            name = "fleet%d" % number
            os.mkdir(os.path.join(folder, name))
            shutil.copy(os.path.join(FIXTURES, "fleet", "plugin.so"), os.path.join(folder, name))
            with open(os.path.join(folder, name, "plugin.toml"), "w") as file:
                file.write(text.replace("fleet", name))

    def measure(self, rules, plugins):
        return milliseconds([support.HOSTCHECK, "run", "--observe", "0", "--probe", "off", "--format", "json", "--rules",
                             os.path.join(self.folder, rules), "--plugins", os.path.join(self.folder, plugins)])

    def compare(self, with_rules, with_plugins):
        """What these cost more than none: processor time, time; the bound, and the report."""
        none, some = [], []
        used = passed = limit = 0.0
        while len(some) < MOST_ROUNDS and (not some or passed > limit):
            for _ in range(ROUNDS):  # in turns: what else the machine does meets both
                none.append(self.measure("no_rules", "no_plugins"))
                some.append(self.measure(with_rules, with_plugins))
            used, passed = (min(each[at] for each in some) - min(each[at] for each in none) for at in (0, 1))
            limit = LIMIT_MS * max(1, min(each[1] for each in none) / USUAL_MS)
        print("%s and %s: %.1f ms of the processors and %.1f ms more than without (%.1f and %.1f ms); bound %.1f ms" % (
            with_rules, with_plugins, used, passed, min(each[0] for each in none), min(each[1] for each in none), limit))
        return used, passed, limit, json.loads(some[-1][2])

    def test_it_stays_below_the_bound_when_all_plugins_start(self):
        self.plugins()
        _, passed, limit, report = self.compare("rules", "plugins")
        self.assertEqual(sum(each["id"].startswith("kernel.fault_") for each in report["checks"]), RULES)
        found = sorted(each["id"] for each in report["findings"] if each["summary"].endswith(" ran on " + os.uname().nodename))
        self.assertEqual(found, sorted("hostcheck.fixture_fleet%d" % number for number in range(PLUGINS)))
        self.assertLessEqual(passed, limit)

    def test_plugins_with_nothing_to_do_cost_less(self):
        self.plugins(idle=True)
        used, passed, limit, report = self.compare("rules", "plugins")
        clear = [each for each in report["checks"] if each["id"].startswith("hostcheck.fixture_fleet")]
        self.assertEqual([each["outcome"] for each in clear], ["clear"] * PLUGINS)
        self.assertLessEqual(used, limit)
        self.assertLessEqual(passed, limit)


if __name__ == "__main__":
    support.main()
