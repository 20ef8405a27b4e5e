#!/usr/bin/env python3
"""The probe of gateways and own addresses: duplicates, other answerers, slowness and silence, told from healthy links."""

import concurrent.futures
import json
import subprocess
import unittest

import support
from link_lab import GATE, GATE4, GATE6, HOST, HSRP_MAC, OTHER4, SERVER, Link, Relay
from path_lab import probe

support.need_root()
support.need_programs("ip", "nft", "ping", "setpriv")


def gateway(netns, target, **args):
    """The probe's answer and its only row."""
    answer = probe(netns, "gateway", target, **args)
    rows = answer["tables"]["probe_gateway"]
    assert len(rows) == 1, answer
    return answer, rows[0]


def each_version(netns, targets, through=None, **args):
    """The same of an IPv4 and an IPv6 address, asked at the same time: version, answer, row."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = {version: pool.submit(gateway, netns, target, **args, **({"through": through[version]} if through else {}))
                 for version, target in targets.items()}
    return [(version, *each.result()) for version, each in asked.items()]


class Gateways(unittest.TestCase):
    def setUp(self):
        self.link = Link()
        self.addCleanup(self.link.close)
        self.host, self.router, self.other = self.link.host, self.link.router, self.link.other

    def test_a_healthy_virtual_router_answers(self):
        for version, answer, row in each_version(self.host, GATE, through=SERVER):
            self.assertEqual(row["outcome"], "answers", answer)
            self.assertEqual((row["lladdr"], row["virtual_router"], row["lladdr_count"]), (HSRP_MAC, "HSRPv2 134", 1))
            self.assertEqual((row["questions"], row["answers"], row["delay_answered"]), (5, 5, 20))
            self.assertEqual((row["echo_answered"], row["through_answered"], row["asymmetric"]), (5, 5, False))
            self.assertLess(row["delay_median_ms"], 20)
            self.assertEqual(row["method"], "arp" if version == 4 else "ndp")

    def test_an_address_behind_it_is_asked_through_it(self):
        for version, _, row in each_version(self.host, SERVER):
            self.assertEqual((row["gateway"], row["beyond"], row["through_answered"]), (GATE[version], SERVER[version], 5))

    def test_two_hosts_with_its_address_are_a_duplicate(self):
        self.link.plug(self.link.near, self.link.space("thief"), "eth0", [GATE4 + "/24", GATE6 + "/64"])
        for version, answer, row in each_version(self.host, GATE):
            self.assertEqual((row["outcome"], row["lladdr_count"]), ("duplicate", 2), answer)
            self.assertIn(HSRP_MAC, row["lladdrs"])
            if version == 4:
                self.assertIs(row["same_host"], False)

    def test_two_interfaces_of_one_host_are_no_duplicate(self):
        self.link.plug(self.link.near, self.router, "eth2", [])
        answer, row = gateway(self.host, GATE4)
        self.assertEqual((row["outcome"], row["lladdr_count"], row["same_host"]), ("flux", 2, True), answer)

    def test_an_own_address_that_somebody_else_has(self):
        for _, _, row in each_version(self.host, HOST):
            self.assertEqual((row["own"], row["outcome"]), (True, "unique"))
        thief = self.link.space("thief")
        self.link.plug(self.link.near, thief, "eth0", [HOST[4] + "/24", HOST[6] + "/64"])
        for _, answer, row in each_version(self.host, HOST):
            self.assertEqual((row["own"], row["outcome"], row["lladdr"]), (True, "duplicate", self.link.mac(thief)), answer)

    def test_answers_that_come_from_the_other_router(self):
        self.link.route_back("10.94.0.3", "fd94::3")
        for version, answer, row in each_version(self.host, GATE, through=SERVER):
            self.assertEqual((row["outcome"], row["asymmetric"], row["lladdr"]), ("answers", True, HSRP_MAC), answer)
            self.assertEqual((row["echo_from"], row["through_from"]), (HSRP_MAC, self.link.mac(self.other)))

    def test_a_gateway_that_is_gone_is_silent(self):
        self.router.ip("link", "set", "eth0", "down")
        for _, answer, row in each_version(self.host, GATE):
            self.assertEqual((row["outcome"], row["questions"], row["answers"]), ("silent", 5, 0), answer)

    def test_a_slow_gateway(self):
        middle = self.link.space("cable")
        self.link.plug(self.link.near, middle, "left", [])
        gate = self.link.space("slow")
        support.veth_pair(middle, gate, "right", "eth0")
        for address in ("10.93.0.9/24", "fd93::9/64"):
            gate.ip("addr", "add", address, "dev", "eth0")
        relay = Relay(middle, "left", "right", 0.1)
        self.addCleanup(relay.close)
        for _, answer, row in each_version(self.host, {4: "10.93.0.9", 6: "fd93::9"}):
            self.assertEqual(row["outcome"], "answers", answer)
            self.assertGreaterEqual(row["delay_min_ms"], 190)
            self.assertGreaterEqual(row["delay_answered"], 3)
            self.assertGreaterEqual(row["echo_min_ms"], 190)
        self.host.ip("route", "replace", "default", "via", "10.93.0.9")
        self.assertIn(("neigh.gateway_slow", "confirmed", "warning"), self.findings())

    def test_an_entry_that_has_another_address_than_the_one_that_answers(self):
        for address in GATE.values():
            self.host.ip("neigh", "replace", address, "lladdr", "02:00:00:00:00:66", "dev", "eth0", "nud", "permanent")
        for _, answer, row in each_version(self.host, GATE):
            self.assertEqual((row["outcome"], row["neighbour_agrees"], row["neighbour_lladdr"]),
                             ("answers", False, "02:00:00:00:00:66"), answer)

    def test_without_raw_sockets_it_falls_back_and_says_so(self):
        for ping in ("0 65535", "1 0"):
            self.host.sysctl("net.ipv4.ping_group_range", ping)
            for _, answer, row in each_version(self.host, GATE, unprivileged=True):
                self.assertEqual(row["outcome"], "answers", answer)
                self.assertEqual(row["method"], "udp" if ping == "1 0" else "echo")
                self.assertIn("not permitted", answer["fallback"])
        self.router.ip("link", "set", "eth0", "down")
        self.host.ip("neigh", "flush", "dev", "eth0")
        for _, answer, row in each_version(self.host, GATE, unprivileged=True):
            self.assertEqual(row["outcome"], "silent", answer)

    def test_all_are_every_next_hop_and_own_address(self):
        self.host.ip("route", "add", "10.95.0.0/16", "nexthop", "via", GATE4, "nexthop", "via", OTHER4)
        answer = probe(self.host, "gateway", "all")
        rows = {row["gateway"]: row["outcome"] for row in answer["tables"]["probe_gateway"]}
        self.assertEqual(rows, {GATE4: "answers", GATE6: "answers", OTHER4: "answers", HOST[4]: "unique", HOST[6]: "unique"})

    def findings(self):
        """Of a whole run that is pointed at the server: id, status and severity, the gateway's and neighbours' only, without
        what the kernel's log has of the machine's last hour."""
        done = subprocess.run([support.HOSTCHECK, "run", "--netns", self.host.name, "--target", SERVER[4] + ":8080", "--observe", "0",
                               "--only", "neigh.*", "--only", "route.gateway_unreachable", "--format", "json"],
                              capture_output=True, text=True, timeout=60)
        self.assertTrue(done.stdout, done.stderr)
        return {(each["id"], each["status"], each["severity"]) for each in json.loads(done.stdout)["findings"]
                if each["id"] != "neigh.recently_overflowed"}

    def test_a_run_names_the_duplicate_and_nothing_on_a_healthy_link(self):
        self.assertEqual(self.findings(), set())
        self.link.plug(self.link.near, self.link.space("thief"), "eth0", [GATE4 + "/24"])
        self.assertIn(("neigh.duplicate_address", "confirmed", "critical"), self.findings())

    def test_a_run_names_the_router_whose_answers_get_lost(self):
        self.link.route_back("10.94.0.3", "fd94::3")
        self.assertIn(("neigh.gateway_mac_asymmetry", "confirmed", "info"), self.findings())
        self.other.exec("nft", "add table ip lab; add chain ip lab on { type filter hook forward priority 0; };"
                               "add rule ip lab on icmp type echo-reply numgen inc mod 2 == 0 drop")
        self.assertIn(("neigh.gateway_mac_asymmetry", "confirmed", "warning"), self.findings())

    def test_a_run_confirms_a_dead_gateway_and_refutes_one_that_is_back(self):
        self.router.ip("link", "set", "eth0", "down")
        self.host.exec("ping", "-c1", "-W4", SERVER[4], check=False)
        support.wait_for(lambda: support.query(self.host, "SELECT 1 FROM neighbours WHERE address = '%s' AND state = 'failed'"
                                               % GATE4), "the gateway given up")
        self.assertIn(("route.gateway_unreachable", "confirmed", "warning"), self.findings())
        support.wait_for(lambda: support.query(self.host, "SELECT 1 FROM neighbours WHERE address = '%s' AND state = 'failed'"
                                               % GATE4), "the gateway given up again")
        self.router.ip("link", "set", "eth0", "up")
        self.assertIn(("route.gateway_unreachable", "refuted", "warning"), self.findings())

    def test_what_is_wrong_with_a_target_is_said(self):
        for target, args, words in (("non/sense", {}, "non/sense"), ("224.0.0.1", {}, "224.0.0.1"),
                                    ("10.93.0.1", {"dev": "eth7"}, "eth7"), ("fe80::1", {}, "dev="),
                                    ("10.93.0.1", {"through": "x"}, "through=x"), ("127.0.0.1", {}, "127.0.0.1")):
            with self.subTest(target=target, args=args):
                answer = probe(self.host, "gateway", target, check=False, **args)
                self.assertIn(words, answer["error"])


if __name__ == "__main__":
    support.main(at_once=4)
