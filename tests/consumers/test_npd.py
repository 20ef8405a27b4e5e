#!/usr/bin/env python3
"""packaging/npd by the contract of Node Problem Detector's custom plugin monitor: the configuration's fields, and the command
executed as it executes it: in a process group of its own, without input, its output trimmed and cut, its exit status 0 for no
problem, 1 for one, all else unknown."""

import json
import os
import re
import signal
import subprocess
import unittest

import support

CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "npd", "hostcheck.json")
OK, PROBLEM, UNKNOWN = range(3)


def seconds(duration):
    """A duration of Go's of one unit."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", duration).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


class Contract(unittest.TestCase):
    def setUp(self):
        with open(CONFIG, encoding="utf-8") as file:
            self.config = json.load(file)
        self.rule, = self.config["rules"]

    def invoke(self, netns, *more):
        limit = min(seconds(self.config["pluginConfig"]["timeout"]), seconds(self.rule["timeout"]))
        process = subprocess.Popen(["ip", "netns", "exec", netns.name, support.HOSTCHECK, *self.rule["args"], *more],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0)
        try:
            words, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise AssertionError("not done within the configuration's %g s" % limit) from None
        most = self.config["pluginConfig"]["max_output_length"]
        self.assertLessEqual(len(words.strip()), most, "it would be cut")
        return {0: OK, 1: PROBLEM}.get(process.returncode, UNKNOWN), words.decode(), errors.decode()

    def test_the_configuration_has_what_the_monitor_reads(self):
        self.assertEqual(self.config["plugin"], "custom")
        settings = self.config["pluginConfig"]
        self.assertEqual(set(settings), {"invoke_interval", "timeout", "max_output_length", "concurrency",
                                         "enable_message_change_based_condition_update"})
        self.assertLess(seconds(settings["timeout"]), seconds(settings["invoke_interval"]))
        # NPD refuses a rule that may take longer than all of them.
        self.assertLessEqual(seconds(self.rule["timeout"]), seconds(settings["timeout"]))
        self.assertEqual(self.rule["type"], "permanent")
        condition, = self.config["conditions"]
        self.assertEqual(self.rule["condition"], condition["type"])
        for each in (condition["type"], condition["reason"], self.rule["reason"]):
            self.assertRegex(each, r"^[A-Z][A-Za-z]+$")  # CamelCase, as Kubernetes has them
        self.assertTrue(os.path.isabs(self.rule["path"]))
        budget = self.rule["args"][self.rule["args"].index("--budget") + 1]
        self.assertLess(seconds(budget), seconds(self.rule["timeout"]), "the run ends by itself before it is killed")

    def test_each_status_is_what_the_monitor_takes_it_for(self):
        only = ("--observe", "0", "--only", "tcp.window_scaling_disabled")
        with support.Netns("npd") as netns:
            status, words, _ = self.invoke(netns, *only)
            self.assertEqual((status, words), (OK, "1 check clear, nothing found\n"))
            netns.sysctl("net.ipv4.tcp_window_scaling", 0)
            status, words, _ = self.invoke(netns, *only)
            self.assertEqual(status, PROBLEM)
            self.assertRegex(words, r"^window scaling is off in .*\n$")
            status, words, errors = self.invoke(netns, "--rules", "/nonexistent")
            self.assertEqual((status, errors), (UNKNOWN, ""))
            self.assertIn("/nonexistent", words)

    def test_a_whole_run_is_done_in_time(self):
        with support.Netns("npd") as netns:
            status, words, _ = self.invoke(netns)
            self.assertIn(status, (OK, PROBLEM), words)
            self.assertEqual(words.count("\n"), 1)


if __name__ == "__main__":
    support.need_root()
    support.main()
