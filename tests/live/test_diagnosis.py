#!/usr/bin/env python3
"""What the project's own plugins say of a live host: a diagnosis with its candidates ruled out, a rule found by the way."""

import json
import os
import subprocess
import sys
import unittest

import support
from support import Netns, veth_pair

FAULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.py")
SERVER, CLIENT, STRANGER = "10.99.0.1", "10.99.0.2", "10.77.0.9"


def start(netns, *words):
    """One of the programs of faults.py, once it is ready."""
    process = netns.popen(sys.executable, "-B", FAULTS, *words, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    process.stdout.close()
    assert line == "ready\n", "%s: %r" % (words[0], line)


class Diagnosis(unittest.TestCase):
    def setUp(self):
        self.server, self.client = Netns("server"), Netns("client")
        self.addCleanup(self.server.close)
        self.addCleanup(self.client.close)
        veth_pair(self.server, self.client)
        self.server.ip("addr", "add", SERVER + "/24", "dev", "veth0")
        self.client.ip("addr", "add", CLIENT + "/24", "dev", "veth0")

    def finding(self, found_id):
        """A run's findings of this id; what they are about goes on all the time."""
        done = subprocess.run([support.HOSTCHECK, "run", "--netns", self.server.name, "--probe", "off", "--observe",
                               "1500ms", "--format", "json"], capture_output=True, text=True, timeout=60)
        self.report = json.loads(done.stdout)
        return [each for each in self.report["findings"] if each["id"] == found_id]

    def test_a_listener_without_a_way_back_excludes_all_that_people_ask_for(self):
        self.client.ip("addr", "add", STRANGER + "/32", "dev", "lo")
        self.client.ip("route", "add", SERVER + "/32", "dev", "veth0", "src", STRANGER)
        self.server.ip("route", "add", "unreachable", "10.77.0.0/16")
        for name in ("all", "default", "veth0"):
            self.server.sysctl("net.ipv4.conf.%s.rp_filter" % name, 0)
        start(self.server, "closer", "0.0.0.0", 8080)
        start(self.client, "persistent", SERVER, 8080, 3)
        found = self.finding("listen.syns_refused")
        self.assertEqual(len(found), 1, self.report["findings"])
        self.assertEqual(found[0]["subject"]["port"], 8080)
        self.assertEqual(found[0]["status"], "confirmed")
        self.assertEqual(found[0]["fix"][0]["command"], "ip route get " + STRANGER)
        excluded = {each["id"]: each["because"] for each in found[0]["excluded"]}
        for candidate in ("listen.accept_queue_overflow", "listen.syn_queue_overflow", "listen.syn_flood",
                          "tcp.paws_drops", "route.rp_filter_drops", "netfilter.drops_service_port",
                          "limits.fd_process", "limits.tcp_memory", "tcp.tw_recycle_enabled"):
            self.assertIn(candidate, excluded)
        self.assertRegex(excluded["listen.accept_queue_overflow"], r"^accept queue \d+ of 512$")
        self.assertRegex(excluded["limits.fd_process"], r"^\d+ of \d+ descriptors$")
        # One voice: nothing else blames the listener.
        self.assertEqual([each["id"] for each in self.report["findings"]
                          if each["id"].startswith(("listen.", "netfilter.")) and each["severity"] != "info"],
                         ["listen.syns_refused"])

    def test_a_rule_behind_a_jump_is_named_by_the_way_to_it(self):
        support.need_programs("nft")
        self.server.exec("nft", "add table inet site; add chain inet site web; add chain inet site unused;"
                         "add chain inet site input { type filter hook input priority 0; };"
                         "add rule inet site input tcp dport 8000-8099 jump web;"
                         "add rule inet site unused tcp dport 8080 drop; add rule inet site web drop")
        start(self.server, "closer", "0.0.0.0", 8080)
        start(self.client, "persistent", SERVER, 8080, 3)
        found = self.finding("netfilter.drops_service_port")
        self.assertEqual(len(found), 1, self.report["findings"])
        words = [each["value"] for each in found[0]["evidence"]]
        self.assertIn("inet site input, rule 1 > inet site web, rule 1: drop", words)
        self.assertEqual(found[0]["fix"][0]["command"], "nft -a list chain inet site web")


if __name__ == "__main__":
    support.need_root()
    support.need_programs("ip")
    support.main()
