#!/usr/bin/env python3
"""A control group that stops a server at its quota is the cause of what its clients see; without a quota it is not."""

import json
import os
import subprocess
import sys
import unittest

import support
from support import Netns, wait_for

support.need_root()
support.need_programs("ip")

FAULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.py")


class Group:
    """A control group with a CPU quota, of whichever version this machine has its cpu controller in."""

    def __init__(self, test):
        unified = "/sys/fs/cgroup/cgroup.controllers"
        if os.path.exists(unified):
            with open(unified) as file:
                if "cpu" not in file.read().split():
                    test.skipTest("no cpu controller in /sys/fs/cgroup")
            self.path, self.first_version = "/sys/fs/cgroup/hc-%d" % os.getpid(), False
            self.enable(test)
        elif os.path.exists("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"):
            self.path, self.first_version = "/sys/fs/cgroup/cpu/hc-%d" % os.getpid(), True
        else:
            test.skipTest("no cpu controller under /sys/fs/cgroup")
        try:
            os.mkdir(self.path)
        except OSError as error:
            test.skipTest("cannot make a control group: %s" % error)
        if not self.first_version and not os.path.exists(self.path + "/cpu.max"):
            os.rmdir(self.path)
            test.skipTest("the cpu controller is not passed down to /sys/fs/cgroup/*")
        test.addCleanup(self.remove)

    @staticmethod
    def enable(test):
        """On most hosts the controller is passed down already; where not, for as long as the test."""
        control = "/sys/fs/cgroup/cgroup.subtree_control"

        def turn(sign):
            try:
                with open(control, "w") as file:
                    file.write(sign + "cpu")
            except OSError:
                pass  # the group then has no cpu.max, which is looked at

        with open(control) as file:
            if "cpu" not in file.read().split():
                turn("+")
                test.addCleanup(turn, "-")

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w") as file:
            file.write(text)

    def limit(self, quota_us):
        """Of each 100 ms; None: no limit."""
        if self.first_version:
            self.write("cpu.cfs_quota_us", "-1" if quota_us is None else str(quota_us))
        else:
            self.write("cpu.max", "%s 100000" % ("max" if quota_us is None else quota_us))

    def add(self, pid):
        self.write("cgroup.procs", str(pid))

    def remove(self):
        def gone():
            try:
                os.rmdir(self.path)
            except OSError:
                return False
            return True

        wait_for(gone, "the control group empty")


class Throttled(unittest.TestCase):
    def test_a_quota_that_stops_a_server_is_found_and_without_it_nothing_is(self):
        group = Group(self)
        server = Netns("server")
        self.addCleanup(server.close)
        for command in (["spinner", "127.0.0.1", "8080"], ["crowd", "127.0.0.1", "8080", "5"]):
            process = server.popen(sys.executable, "-B", FAULTS, *command, stdout=subprocess.PIPE, text=True)
            self.assertEqual(process.stdout.readline(), "ready\n")
            process.stdout.close()
        pid = support.query(server, "SELECT pid FROM listeners")[0]["pid"]
        group.add(pid)
        group.limit(5000)
        row = support.query(server, "SELECT * FROM cgroups WHERE pid = %d AND level = 0" % pid)[0]
        self.assertEqual((row["ports"], row["cpu_quota_us"], row["cpu_period_us"]), ("8080", 5000, 100000), row)
        self.assertTrue(row["cgroup"].endswith("hc-%d" % os.getpid()), row)
        wait_for(lambda: support.query(server, "SELECT 1 FROM listeners WHERE oldest_unaccepted_ms > 2200"), "a long wait")
        found = self.report(server)
        first = found["findings"][0]
        self.assertEqual((first["id"], first["subject"]["ports"]), ("limits.cgroup_throttled", "8080"), found["findings"])
        self.assertIn("listen.not_accepting", first["effects"])
        hung = next(each for each in found["findings"] if each["id"] == "listen.not_accepting")
        told = {each["what"]: each["value"] for each in hung["evidence"]}
        self.assertIn("its control group was stopped at its CPU quota", told)
        self.assertIn("processor time that the process used meanwhile", told)

        group.limit(None)
        outcomes = {each["id"]: each["outcome"] for each in self.report(server)["checks"]}
        self.assertEqual(outcomes["limits.cgroup_throttled"], "clear")

    @staticmethod
    def report(netns):
        done = subprocess.run([support.HOSTCHECK, "run", "--netns", netns.name, "--probe", "off", "--observe", "1s",
                               "--format", "json"], capture_output=True, text=True, timeout=60)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


if __name__ == "__main__":
    support.main()
