#!/usr/bin/env python3
"""Answers that end on this host, on a live kernel: by a policy rule to a table that discards them, and at a next hop that
nobody is; quiet while the way back works."""

import json
import subprocess
import sys
import unittest

import support

CHECK = "route.reply_impossible"
PORT = 8080

# Sends a line each 50 ms to whoever connects, and takes nothing.
SERVER = """
import socket, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", %d))
listener.listen(64)
listener.settimeout(0.05)
taken = []
while True:
    try:
        taken.append(listener.accept()[0])
        taken[-1].setblocking(False)
    except OSError:
        pass
    for each in taken:
        try:
            each.send(b"line of words" * 10)
        except OSError:
            pass
""" % PORT

# Tries to connect again and again, each time from another port, and keeps what it got.
CLIENT = """
import socket, time
kept = []
while True:
    each = socket.socket()
    each.setblocking(False)
    each.connect_ex(("10.77.0.1", %d))
    kept.append(each)
    for old in kept[-20:]:
        try:
            old.recv(65536)
        except OSError:
            pass
    time.sleep(0.2)
""" % PORT


class ReplyImpossible(unittest.TestCase):
    def setUp(self):
        # client 10.78.0.2 - router 10.77.0.2 - server 10.77.0.1, and nobody at 10.77.0.9
        self.server, self.router, self.client = (support.Netns(name) for name in ("server", "router", "client"))
        for each in (self.server, self.router, self.client):
            self.addCleanup(each.close)
        support.veth_pair(self.server, self.router, right_name="veth1")
        support.veth_pair(self.client, self.router)
        self.server.ip("addr", "add", "10.77.0.1/24", "dev", "veth0")
        self.router.ip("addr", "add", "10.77.0.2/24", "dev", "veth1")
        self.router.ip("addr", "add", "10.78.0.1/24", "dev", "veth0")
        self.client.ip("addr", "add", "10.78.0.2/24", "dev", "veth0")
        self.router.sysctl("net.ipv4.ip_forward", 1)
        for name in ("all", "veth0"):
            self.server.sysctl("net.ipv4.conf.%s.rp_filter" % name, 0)
        self.server.ip("route", "add", "10.78.0.0/24", "via", "10.77.0.2")
        self.client.ip("route", "add", "default", "via", "10.78.0.1")
        self.server.popen(sys.executable, "-c", SERVER)
        support.wait_for(lambda: support.query(self.server, "SELECT 1 AS x FROM listeners WHERE port = %d" % PORT),
                         "the server's listener")
        self.client.popen(sys.executable, "-c", CLIENT)
        self.wait_for_connections("count(*) > 2")

    def wait_for_connections(self, condition):
        query = "SELECT %s AS yes FROM connections WHERE state = 'ESTABLISHED' AND local_port = %d" % (condition, PORT)
        support.wait_for(lambda: support.query(self.server, query)[0]["yes"], condition, 30)

    def run_check(self, *options):
        done = subprocess.run([support.HOSTCHECK, "run", "--netns", self.server.name, "--only", CHECK, "--format", "json",
                               *options], capture_output=True, text=True, timeout=60)
        report = json.loads(done.stdout)
        (check,) = [each for each in report["checks"] if each["id"] == CHECK]
        self.assertIn(check["outcome"], ("finding", "clear"), check)
        return report

    def test_a_way_back_that_works_is_quiet(self):
        self.assertEqual(self.run_check("--observe", "1s")["findings"], [])

    def test_a_rule_to_a_table_that_discards_is_named(self):
        self.server.ip("route", "add", "blackhole", "10.78.0.0/16", "table", "100")
        self.server.ip("rule", "add", "pref", "100", "from", "10.77.0.1", "lookup", "100")
        (found,) = self.run_check("--observe", "3s")["findings"]
        self.assertEqual((found["status"], found["severity"]), ("confirmed", "warning"))
        self.assertEqual((found["subject"]["step"], found["subject"]["at"]), ("route", "blackhole 10.78.0.0/16 in table 100"))
        self.assertIn("10.78.0.2", found["summary"])
        steps = {each["what"]: each["value"] for each in found["evidence"]}
        self.assertEqual(steps["rule"], "100: from 10.77.0.1/32 lookup 100")

    def test_a_next_hop_that_nobody_is_is_asked_and_confirmed(self):
        self.server.ip("route", "replace", "10.78.0.0/24", "via", "10.77.0.9")
        self.wait_for_connections("max(retransmits_now) >= 3")
        support.wait_for(lambda: support.query(self.server, "SELECT 1 AS x FROM neighbours WHERE address = '10.77.0.9' "
                                                            "AND state IN ('failed', 'incomplete')"), "the silent neighbour")
        report = self.run_check("--observe", "1s")
        (found,) = report["findings"]
        self.assertEqual((found["status"], found["subject"]["step"]), ("confirmed", "neighbour"))
        self.assertEqual([(each["kind"], each["target"], each["asked_by"]) for each in report["probes"]],
                         [("gateway", "10.77.0.9", CHECK)])
        (unasked,) = self.run_check("--observe", "1s", "--probe", "off")["findings"]
        self.assertEqual((unasked["status"], unasked["because"]), ("suspected", "no probe was sent: --probe off"))


if __name__ == "__main__":
    support.need_root()
    support.main()
