#!/usr/bin/env python3
"""The probe of delay under load: a queue and a way that stalls are told from mere distance and from a rate limit."""

import concurrent.futures
import json
import subprocess
import unittest

import support
from link_lab import Relay
from path_lab import Listener, probe
from support import Netns

support.need_root()
support.need_programs("ip", "tc", "nft", "ethtool")

SERVER = {4: "10.96.0.2", 6: "fd96::2"}


class Latency(unittest.TestCase):
    def setUp(self):
        self.host, self.middle, self.server = Netns("host"), Netns("mid"), Netns("srv")
        for each in (self.host, self.middle, self.server):
            self.addCleanup(each.close)
            for name in ("all", "default"):
                each.sysctl("net.ipv6.conf.%s.accept_dad" % name, 0)
        support.veth_pair(self.host, self.middle, "eth0", "left")
        support.veth_pair(self.server, self.middle, "eth0", "right")
        for netns, number in ((self.host, 1), (self.server, 2)):
            netns.ip("addr", "add", "10.96.0.%d/24" % number, "dev", "eth0")
            netns.ip("addr", "add", "fd96::%d/64" % number, "dev", "eth0", "nodad")
            netns.exec("ethtool", "-K", "eth0", "tx", "off")

    def bridge(self):
        self.middle.ip("link", "add", "sw", "type", "bridge", "forward_delay", 0)
        self.middle.ip("link", "set", "sw", "up")
        for port in ("left", "right"):
            self.middle.ip("link", "set", port, "master", "sw")

    def slow_down(self, limit_bytes, rate="4mbit"):
        """The way to the server takes so much and keeps what is too much."""
        self.middle.exec("tc", "qdisc", "add", "dev", "right", "root", "tbf", "rate", rate, "burst", "3000", "limit", limit_bytes)

    def relay(self, **options):
        made = Relay(self.middle, "left", "right", **options)
        self.addCleanup(made.close)
        return made

    def ask(self, target, **args):
        answer = probe(self.host, "latency", target, **args)
        rows = answer["tables"]["probe_latency"]
        self.assertEqual(len(rows), 1, answer)
        return answer, rows[0]

    def test_a_short_way_is_steady(self):
        self.bridge()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for asked in [pool.submit(self.ask, address) for address in SERVER.values()]:
                answer, row = asked.result()
                self.assertEqual((row["outcome"], row["method"], row["idle_answered"]), ("steady", "echo", 40), answer)
                self.assertEqual(row["load_packets"], 200)
                self.assertGreaterEqual(row["loaded_answered"], 30)
                self.assertLess(answer["packets"], 320)

    def test_a_long_way_is_steady(self):
        self.relay(delay_s=0.1)
        answer, row = self.ask(SERVER[4])
        self.assertEqual(row["outcome"], "steady", answer)
        self.assertGreaterEqual(row["base_ms"], 199)

    def test_a_great_queue_delays_under_load(self):
        self.bridge()
        self.slow_down(1000000)
        for address in SERVER.values():
            answer, row = self.ask(address)
            self.assertEqual(row["outcome"], "queueing", answer)
            self.assertLess(row["idle_median_ms"], 50)
            self.assertGreater(row["loaded_high_ms"], 100)

    def test_a_small_queue_does_not(self):
        self.bridge()
        self.slow_down(10000)
        answer, row = self.ask(SERVER[4])
        self.assertIn(row["outcome"], ("steady", "unclear"), answer)

    def test_a_queue_that_is_there_already_is_seen_by_a_known_delay(self):
        self.relay(delay_s=0.1)
        answer, row = self.ask(SERVER[4], base_ms=5)
        self.assertEqual((row["outcome"], row["base_ms"]), ("queueing", 5.0), answer)
        self.assertIn("without a load of the probe's own", answer["words"])

    def test_a_way_that_stalls_under_load(self):
        for address in SERVER.values():
            relay = Relay(self.middle, "left", "right", stall_bytes=100000, stall_s=1.5)
            try:
                answer, row = self.ask(address)
            finally:
                relay.close()
            self.assertEqual(row["outcome"], "stalls", answer)
            self.assertGreaterEqual(row["loaded_gap_ms"], 1400)
            self.assertLess(row["idle_gap_ms"], 500)

    def findings(self):
        """Of a whole run that is pointed at the server, about the way to it: id, status and severity."""
        done = subprocess.run([support.HOSTCHECK, "run", "--netns", self.host.name, "--target", SERVER[4] + ":8080", "--observe", "0",
                               "--only", "path.*", "--format", "json"], capture_output=True, text=True, timeout=60)
        self.assertTrue(done.stdout, done.stderr)
        return {(each["id"], each["status"], each["severity"]) for each in json.loads(done.stdout)["findings"]}

    def test_a_run_names_the_queue_and_nothing_on_a_healthy_way(self):
        self.bridge()
        self.assertEqual(self.findings(), set())
        self.slow_down(1000000)
        self.assertIn(("path.latency_under_load", "confirmed", "warning"), self.findings())

    def test_a_run_names_a_way_that_stalls(self):
        # More than what the other probes of a run send before the load.
        self.relay(stall_bytes=200000, stall_s=1.5)
        self.assertIn(("path.stalls", "confirmed", "warning"), self.findings())

    def test_a_target_that_limits_its_answers_does_not_stall(self):
        self.bridge()
        self.server.exec("nft", "add table inet lab; add chain inet lab in { type filter hook input priority 0; };"
                                "add rule inet lab in icmp type echo-request limit rate over 10/second burst 5 packets drop")
        answer, row = self.ask(SERVER[4])
        self.assertNotIn(row["outcome"], ("stalls", "queueing"), answer)

    def test_without_echo_it_asks_by_handshakes(self):
        self.bridge()
        self.server.exec("nft", "add table inet lab; add chain inet lab in { type filter hook input priority 0; };"
                                "add rule inet lab in meta l4proto { icmp, ipv6-icmp } @th,0,8 { 8, 128 } drop")
        listener = Listener(self.server)
        self.addCleanup(listener.close)
        for address in ("10.96.0.2:8080", "[fd96::2]:8080"):
            answer, row = self.ask(address)
            self.assertEqual((row["outcome"], row["method"]), ("steady", "connect"), answer)
            self.assertEqual(answer["fallback"], "echo is not answered")
        self.slow_down(1000000, "1mbit")
        answer, row = self.ask("10.96.0.2:8080")
        self.assertEqual((row["outcome"], row["method"]), ("queueing", "connect"), answer)
        self.assertEqual(listener.received, b"")
        answer, row = self.ask("10.96.0.2")
        self.assertEqual(row["outcome"], "silent", answer)

    def test_what_is_wrong_with_a_target_is_said(self):
        for target, args, words in (("nonsense!", {}, "nonsense!"), ("10.96.0.2", {"base_ms": "x"}, "base_ms=x"),
                                    ("10.96.0.2", {"load": 5000}, "load=5000"), ("224.0.0.1", {}, "224.0.0.1")):
            with self.subTest(target=target, args=args):
                answer = probe(self.host, "latency", target, check=False, **args)
                self.assertIn(words, answer["error"])


if __name__ == "__main__":
    support.main()
