#!/usr/bin/env python3
"""hostcheck's JUnit XML, read by junitparser, as a CI server's tools would."""

import json
import os
import subprocess
import sys
import unittest

import support

support.need_root()
sys.path.insert(0, os.path.join(os.environ["HOSTCHECK_CONSUMERS"], "usr/lib/python3/dist-packages"))
import junitparser  # noqa: E402


def run(netns, form):
    return subprocess.run([support.HOSTCHECK, "run", "--netns", netns.name, "--observe", "0", "--format", form],
                          stdout=subprocess.PIPE, check=False, timeout=60).stdout


class JUnit(unittest.TestCase):
    def test_junitparser_reads_every_check_and_what_came_of_it(self):
        with support.Netns("junit") as netns:
            netns.sysctl("net.ipv4.tcp_window_scaling", 0)
            checks = {each["id"]: each["outcome"] for each in json.loads(run(netns, "json"))["checks"]}
            suites = junitparser.JUnitXml.fromstring(run(netns, "junit"))
        suites = list(suites) if isinstance(suites, junitparser.JUnitXml) else [suites]
        came_of = {case.name: case.result for suite in suites for case in suite}
        self.assertEqual(set(came_of), set(checks))
        failed = {name for name, result in came_of.items() if any(isinstance(each, junitparser.Failure) for each in result)}
        skipped = {name for name, result in came_of.items() if any(isinstance(each, junitparser.Skipped) for each in result)}
        self.assertIn("tcp.window_scaling_disabled", failed)
        self.assertLessEqual(failed, {name for name, outcome in checks.items() if outcome == "finding"})
        self.assertEqual(skipped, {name for name, outcome in checks.items() if outcome in ("unknown", "skipped")})
        self.assertEqual((sum(suite.tests for suite in suites), sum(suite.failures for suite in suites),
                          sum(suite.skipped for suite in suites)), (len(checks), len(failed), len(skipped)))


if __name__ == "__main__":
    support.main()
