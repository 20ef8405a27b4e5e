#!/usr/bin/env python3
"""Journeys of packets against what ip route get says, and findings that probes decide, on routers in namespaces."""

import json
import os
import socket
import subprocess
import time
import unittest

import support
from observe_lab import inside
from path_lab import hosts_file

support.need_root()
support.need_programs("ip", "nft", "setpriv")

IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2  # linux/in.h, which Python does not name

SANITIZED = os.environ.get("HOSTCHECK_SANITIZED") in ("ON", "1")
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


class Site:
    """A host with two uplinks, each to a router; behind the first one is a server with a listener's address."""

    def __init__(self):
        self.host, self.one, self.two = (support.Netns(tag) for tag in ("host", "one", "two"))
        support.veth_pair(self.host, self.one, "up1", "lan")
        support.veth_pair(self.host, self.two, "up2", "lan")
        for netns, ifname, four, six in ((self.host, "up1", "10.1.0.2/24", "2001:db8:1::2/64"),
                                         (self.host, "up2", "10.2.0.2/24", "2001:db8:2::2/64"),
                                         (self.one, "lan", "10.1.0.1/24", "2001:db8:1::1/64"),
                                         (self.two, "lan", "10.2.0.1/24", "2001:db8:2::1/64")):
            netns.ip("addr", "add", four, "dev", ifname)
            netns.ip("addr", "add", six, "dev", ifname, "nodad")
        self.one.ip("addr", "add", "198.51.100.7/32", "dev", "lo")
        self.one.ip("addr", "add", "2001:db8:ffff::7/128", "dev", "lo", "nodad")
        self.host.ip("route", "add", "default", "via", "10.1.0.1", "metric", "100")
        self.host.ip("-6", "route", "add", "default", "via", "2001:db8:1::1", "metric", "100")

    def close(self):
        for netns in (self.host, self.one, self.two):
            netns.close()


def hostcheck(netns, *words, user=(), timeout=60):
    return subprocess.run(["ip", "netns", "exec", netns.name, *user, support.HOSTCHECK, *words], capture_output=True,
                          text=True, timeout=timeout)


def path(netns, target, *words, status=None, user=()):
    """Every journey to the target, nothing sent unless asked for."""
    probe = () if "--probe" in words else ("--probe", "off")
    done = hostcheck(netns, "path", target, *probe, *words, "--format", "json", user=user)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    if status is not None:
        assert done.returncode == status, (done.returncode, done.stderr, report)
    return report


def journey(netns, target, *words, **options):
    report = path(netns, target, *words, **options)
    assert len(report["journeys"]) == 1, report
    return report["journeys"][0], [each["id"] for each in report["findings"]]


def step(told, name):
    found = [each for each in told["steps"] if each["step"] == name]
    assert found, (name, told)
    return found


class Journeys(unittest.TestCase):
    def setUp(self):
        self.site = Site()
        self.addCleanup(self.site.close)
        self.host = self.site.host

    def assert_as_ip_says(self, told, *words):
        said = self.host.ip_json("route", "get", told["address"], *words)[0]
        self.assertEqual(told["ifname"], said["dev"], told)
        self.assertEqual(told["gateway"], said.get("gateway"), told)
        self.assertEqual(told["source"], said.get("prefsrc", said.get("from")), told)
        return said

    def test_both_versions_go_by_the_gateway_as_ip_says(self):
        for target, gateway, source in (("198.51.100.7", "10.1.0.1", "10.1.0.2"),
                                        ("2001:db8:ffff::7", "2001:db8:1::1", "2001:db8:1::2")):
            told, findings = journey(self.host, target, status=0)
            self.assertEqual(told["outcome"], "onward", told)
            self.assertEqual((told["gateway"], told["next_hop"], told["source"]), (gateway, gateway, source))
            self.assertEqual((told["table_name"], told["rule_priority"]), ("main", 32766))
            self.assertIn("default via " + gateway, told["route"])
            self.assertEqual((told["ifname"], told["source_ifname"], told["egress_up"]), ("up1", "up1", True))
            self.assertEqual((told["device_mtu"], told["mtu"], told["route_mtu"]), (1500, 1500, None))
            self.assertEqual(findings, [])
            self.assert_as_ip_says(told)
            self.assertEqual([each["step"] for each in told["steps"]],
                             ["rule", "route", "next_hop", "source", "egress", "mtu", "neighbour", "firewall", "firewall", "qdisc"])
            self.assertTrue(all(each["source"] for each in told["steps"]), told)

    def test_on_the_link_and_to_oneself(self):
        told, _ = journey(self.host, "10.1.0.1", status=0)
        self.assertEqual((told["outcome"], told["gateway"], told["next_hop"]), ("onward", None, "10.1.0.1"))
        for target in ("10.2.0.2", "127.0.0.1", "::1", "2001:db8:2::2"):
            told, findings = journey(self.host, target, status=0)
            self.assertEqual((told["outcome"], told["table_name"], findings), ("local", "local", []), told)

    def test_policy_rules_choose_by_source_mark_and_port(self):
        for version, gateway in (("-4", "10.2.0.1"), ("-6", "2001:db8:2::1")):
            self.host.ip(version, "route", "add", "default", "via", gateway, "table", "200")
            self.host.ip(version, "rule", "add", "priority", "100", "fwmark", "0x7", "lookup", "200")
            self.host.ip(version, "rule", "add", "priority", "150", "dport", "8443", "ipproto", "tcp", "lookup", "200")
        self.host.ip("rule", "add", "priority", "200", "from", "10.2.0.2", "lookup", "200")
        self.host.ip("-6", "rule", "add", "priority", "200", "from", "2001:db8:2::2", "lookup", "200")
        for target, source, port in (("198.51.100.7", "10.2.0.2", "198.51.100.7:8443"),
                                     ("2001:db8:ffff::7", "2001:db8:2::2", "[2001:db8:ffff::7]:8443")):
            told, findings = journey(self.host, target, status=0)
            self.assertEqual((told["ifname"], told["rule_priority"]), ("up1", 32766))
            told, findings = journey(self.host, target, "--mark", "0x7", status=0)
            self.assertEqual((told["ifname"], told["rule_priority"], told["table"]), ("up2", 100, 200), told)
            self.assertIn("fwmark 0x7", told["rule"])
            self.assert_as_ip_says(told, "mark", "7")
            told, findings = journey(self.host, target, "--source", source, status=0)
            self.assertEqual((told["ifname"], told["rule_priority"], findings), ("up2", 200, []), told)
            self.assert_as_ip_says(told, "from", source)
            told, _ = journey(self.host, port, status=0)
            self.assertEqual((told["ifname"], told["rule_priority"]), ("up2", 150), told)
            told, _ = journey(self.host, port, "--protocol", "udp", status=0)
            self.assertEqual((told["ifname"], told["rule_priority"]), ("up1", 32766), told)

    def test_routes_and_rules_that_refuse_are_named(self):
        for version, network, target in (("-4", "203.0.113.0/24", "203.0.113.9"), ("-6", "2001:db8:bad::/48", "2001:db8:bad::9")):
            for kind, outcome in (("blackhole", "blackhole"), ("unreachable", "unreachable"), ("prohibit", "prohibited")):
                self.host.ip(version, "route", "add", kind, network)
                told, findings = journey(self.host, target, status=1)
                self.assertEqual((told["outcome"], told["route"]), (outcome, "%s %s" % (kind, network)), told)
                self.assertEqual((told["rule_priority"], findings), (32766, ["route.no_route"]), told)
                self.assertEqual(step(told, "route")[0]["verdict"], "stops")
                self.host.ip(version, "route", "del", kind, network)
            self.host.ip(version, "rule", "add", "priority", "50", "to", network, "prohibit")
            told, findings = journey(self.host, target, status=1)
            self.assertEqual((told["outcome"], told["rule_priority"], findings), ("prohibited", 50, ["route.no_route"]), told)
            self.host.ip(version, "rule", "del", "priority", "50")
            told, findings = journey(self.host, target, status=0)
            self.assertEqual((told["outcome"], findings), ("onward", []), told)

    def test_no_route_at_all(self):
        self.host.ip("route", "del", "default")
        self.host.ip("-6", "route", "del", "default")
        for target in ("198.51.100.7", "2001:db8:ffff::7"):
            told, findings = journey(self.host, target, status=1)
            self.assertEqual((told["outcome"], findings), ("no_route", ["route.no_route"]), told)

    def test_a_source_that_is_missing(self):
        told, findings = journey(self.host, "198.51.100.7", "--source", "10.77.0.1", status=1)
        self.assertEqual((told["outcome"], findings), ("no_source", ["route.source_address_missing"]), told)
        self.host.ip("-6", "addr", "flush", "dev", "up1", "scope", "global")
        self.host.ip("-6", "addr", "flush", "dev", "up2", "scope", "global")
        link_local = [each["local"] for link in self.site.one.ip_json("-6", "addr", "show", "dev", "lan")
                      for each in link["addr_info"] if each.get("scope") == "link"][0]
        self.host.ip("-6", "route", "replace", "default", "via", link_local, "dev", "up1")
        told, findings = journey(self.host, "2001:db8:ffff::7", status=1)
        self.assertEqual((told["outcome"], findings), ("no_source", ["route.source_address_missing"]), told)

    def test_another_interface_than_expected(self):
        self.host.ip("route", "add", "10.1.0.1/32", "via", "10.2.0.1")
        told, findings = journey(self.host, "10.1.0.1", status=1)
        self.assertEqual((told["ifname"], told["connected_ifname"], told["connected_prefix"]), ("up2", "up1", "10.1.0.2/24"), told)
        self.assertEqual(findings, ["route.unexpected_egress"])
        told, findings = journey(self.host, "198.51.100.7", "--source", "10.2.0.2", status=1)
        self.assertEqual((told["ifname"], told["source_ifname"], findings), ("up1", "up2", ["route.unexpected_egress"]), told)

    def test_the_mtu_of_device_and_route(self):
        self.host.ip("route", "add", "203.0.113.0/24", "via", "10.1.0.1", "mtu", "1400")
        told, _ = journey(self.host, "203.0.113.9", status=0)
        self.assertEqual((told["device_mtu"], told["route_mtu"], told["cached_mtu"], told["mtu"]), (1500, 1400, None, 1400), told)

    def test_the_path_mtu_that_icmp_taught(self):
        """A smaller link behind the router; the first large packet brings "too big" back."""
        with support.Netns("far") as far:
            support.veth_pair(self.site.one, far, "on", "back")
            self.site.one.ip("link", "set", "on", "mtu", "1300")
            far.ip("link", "set", "back", "mtu", "1300")
            self.site.one.ip("addr", "add", "10.5.0.1/24", "dev", "on")
            far.ip("addr", "add", "10.5.0.2/24", "dev", "back")
            far.ip("route", "add", "default", "via", "10.5.0.1")
            self.site.one.sysctl("net.ipv4.ip_forward", 1)
            # The kernel takes "too big" only for a socket that is still there: ping's may be gone when it comes late.
            with inside(self.host):
                large = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(large.close)
            large.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
            large.connect(("10.5.0.2", 9))

            def learnt():
                try:
                    large.send(bytes(1400))
                except OSError:
                    pass  # EMSGSIZE: it has learnt it. Or what an earlier packet met.
                told, _ = journey(self.host, "10.5.0.2")
                return told if told["cached_mtu"] else None

            told = support.wait_for(learnt, "a cached path MTU", 20)
            self.assertEqual((told["cached_mtu"], told["mtu"], told["device_mtu"]), (1300, 1300, 1500), told)

    def test_the_neighbour_and_a_virtual_routers_address(self):
        self.host.ip("neigh", "replace", "10.1.0.1", "lladdr", "00:00:5e:00:01:07", "dev", "up1", "nud", "reachable")
        told, _ = journey(self.host, "198.51.100.7", status=0)
        self.assertEqual((told["neighbour_state"], told["lladdr"]), ("reachable", "00:00:5e:00:01:07"))
        self.assertIn("VRRP 7", step(told, "neighbour")[0]["words"])

    def test_the_packet_filter_is_walked_as_far_as_it_can_be(self):
        self.host.exec("nft", "-f", "-", stdin="""
            table inet guard {
              set few { type ipv4_addr; elements = { 198.51.100.9 }; }
              chain sub { tcp dport 25 counter drop; }
              chain out { type filter hook output priority 0; policy accept;
                ct state established,related accept
                tcp dport 22 drop
                ip6 daddr 2001:db8:ffff::/48 reject
                meta l4proto udp jump sub
                tcp dport 1-100 goto sub
                ip daddr @few tcp dport 443 drop
              }
              chain post { type filter hook postrouting priority 0; policy accept; oifname "up2" drop; }
            }""")
        for target, words, firewall, rule in (
                ("198.51.100.7:22", (), "drops", "tcp dport 22 drop"), ("198.51.100.7:25", (), "drops", "tcp dport 25 counter drop"),
                ("198.51.100.7:80", (), "passes", None), ("198.51.100.7:25", ("--protocol", "udp"), "passes", None),
                ("[2001:db8:ffff::7]:80", (), "rejects", "reject"), ("10.2.0.1:80", (), "drops", "oifname \"up2\" drop"),
                ("198.51.100.7:443", (), "unknown", "@few")):
            told, _ = journey(self.host, target, *words)
            self.assertEqual(told["firewall"], firewall, told)
            self.assertEqual(told["outcome"], "filtered" if firewall in ("drops", "rejects") else "onward", told)
            if rule is not None:
                self.assertIn(rule, told["firewall_rule"])
                self.assertTrue(any(each["verdict"] != "passes" for each in step(told, "firewall")))

    def test_the_text_has_every_step_with_its_source(self):
        done = hostcheck(self.host, "path", "198.51.100.7:22", "--probe", "off")
        self.assertEqual(done.returncode, 0, done.stderr)
        for part in ("rule ", "route ", "next hop", "source ", "egress", "mtu ", "neighbour", "firewall", "qdisc",
                     "[RTM_GETRULE]", "leave by up1, via 10.1.0.1, from 10.1.0.2"):
            self.assertIn(part, done.stdout)

    def test_what_answers(self):
        report = path(self.host, "198.51.100.7:9", "--probe", "auto")
        kinds = {each["kind"]: each["result"] for each in report["probes"]}
        self.assertEqual(sorted(kinds), ["connect", "gateway"], report)
        self.assertEqual((kinds["connect"]["outcome"], kinds["gateway"]["outcome"]), ("refused", "answers"), kinds)

    def test_an_ordinary_user_sees_the_way_and_what_he_cannot_see(self):
        told, _ = journey(self.host, "198.51.100.7", status=0, user=AS_NOBODY)
        self.assertEqual((told["outcome"], told["gateway"], told["firewall"]), ("onward", "10.1.0.1", "unknown"), told)
        self.assertEqual(step(told, "firewall")[0]["verdict"], "unknown")

    def test_names_of_the_hosts_file(self):
        self.addCleanup(hosts_file(self.host, localhost=("127.0.0.1", "::1"), site=("198.51.100.7", "2001:db8:ffff::7")))
        report = path(self.host, "localhost", status=0)
        self.assertEqual([(each["address"], each["outcome"]) for each in report["journeys"]],
                         [("127.0.0.1", "local"), ("::1", "local")], report)
        for words in (("site",), ("site:9",), ("site", "--probe", "auto")):
            report = path(self.host, *words, status=0)
            self.assertEqual([(each["target"], each["address"], each["outcome"]) for each in report["journeys"]],
                             [(words[0], "198.51.100.7", "onward"), (words[0], "2001:db8:ffff::7", "onward")], report)
        # It is in the hosts file: no name server is asked.
        self.assertEqual({each["kind"] for each in report["probes"]}, {"gateway"}, report["probes"])

    def test_wrong_words_are_usage(self):
        for words in (["path"], ["path", "198.51.100.7:0"], ["path", "198.51.100.7", "--source", "x"], ["path", "name.example", "--probe", "off"],
                      ["path", "198.51.100.7", "--source", "::1"], ["path", "198.51.100.7", "--mark", "0xzz"],
                      ["path", "198.51.100.7", "--netns", "all"], ["run", "--target", "198.51.100.7"], ["run", "--target", ":1"]):
            done = hostcheck(self.host, *words)
            self.assertEqual(done.returncode, 64, (words, done.stderr))
            self.assertTrue(done.stderr)


class Verdicts(unittest.TestCase):
    """A default gateway whose neighbour entry says failed: only the probe knows whether it is dead."""

    def setUp(self):
        self.site = Site()
        self.addCleanup(self.site.close)
        self.host = self.site.host
        for gateway in ("10.1.0.1", "2001:db8:1::1"):
            self.host.ip("neigh", "replace", gateway, "dev", "up1", "nud", "failed")

    def findings(self, *words, user=(), status=None):
        done = hostcheck(self.host, "run", "--only", "route.gateway_unreachable", "--observe", "0", "--format", "json", *words, user=user)
        self.assertTrue(done.stdout, done.stderr)
        report = json.loads(done.stdout)
        if status is not None:
            self.assertEqual(done.returncode, status, report)
        return report, [each for each in report["findings"] if each["id"] == "route.gateway_unreachable"]

    def failed_entries(self):
        # A probe of the live gateway mends the kernel's entry where it asks in the kernel's name.
        for gateway in ("10.1.0.1", "2001:db8:1::1"):
            self.host.ip("neigh", "replace", gateway, "dev", "up1", "nud", "failed")

    def test_a_dead_gateway_is_confirmed_and_counts(self):
        self.site.one.ip("link", "set", "lan", "arp", "off")
        self.site.one.ip("-6", "addr", "flush", "dev", "lan")
        report, found = self.findings(status=1)
        self.assertEqual([each["status"] for each in found], ["confirmed"] * 2, found)
        self.assertEqual(len(report["probes"]), 2)
        for probe in report["probes"]:
            self.assertEqual((probe["kind"], probe["asked_by"], probe["result"]["outcome"]), ("gateway", "route.gateway_unreachable", "silent"))
            self.assertGreater(probe["packets"], 0)
        self.assertTrue(any("gateway probe" in evidence["what"] for evidence in found[0]["evidence"]), found)

    def test_a_live_one_is_refuted_in_one_line_and_counts_for_nothing(self):
        report, found = self.findings(status=0)
        self.assertEqual([each["status"] for each in found], ["refuted"] * 2, found)
        self.assertTrue(all(each["because"] for each in found))
        self.assertEqual(report["verdict"], "ok")
        self.failed_entries()
        text = hostcheck(self.host, "run", "--only", "route.gateway_unreachable", "--observe", "0")
        self.assertEqual(text.returncode, 0, text.stdout)
        self.assertIn("refuted   route.gateway_unreachable: ", text.stdout)
        self.assertRegex(text.stdout, r"2 probes, \d+ packets")

    def test_without_probes_it_stays_suspected_and_says_why(self):
        report, found = self.findings("--probe", "off", status=1)
        self.assertEqual([each["status"] for each in found], ["suspected"] * 2, found)
        self.assertEqual([each["because"] for each in found], ["no probe was sent: --probe off"] * 2)
        self.assertEqual(report["probes"], [])

    def test_an_ordinary_users_probe_falls_back_and_says_so(self):
        report, found = self.findings(user=AS_NOBODY)
        self.assertEqual(len(found), 2, report)
        for each in found:
            self.assertNotEqual(each["status"], "confirmed", found)
        for probe in report["probes"]:
            self.assertTrue(probe["result"].get("fallback") or probe["result"].get("error"), probe)


class Targets(unittest.TestCase):
    def setUp(self):
        self.site = Site()
        self.addCleanup(self.site.close)
        self.host = self.site.host

    def test_a_targets_way_is_judged_and_probed(self):
        done = hostcheck(self.host, "run", "--only", "route.*", "--observe", "0", "--format", "json", "--target", "198.51.100.7:9")
        report = json.loads(done.stdout)
        outcomes = {each["id"]: each["outcome"] for each in report["checks"]}
        for rule in ("route.no_route", "route.source_address_missing", "route.unexpected_egress"):
            self.assertEqual(outcomes[rule], "clear", report["checks"])
        kinds = {each["kind"] for each in report["probes"]}
        self.assertTrue({"connect", "gateway", "pmtu"} <= kinds, kinds)
        self.assertTrue(all(each["asked_by"] == "--target" for each in report["probes"]))

    def test_without_a_target_its_checks_are_skipped(self):
        done = hostcheck(self.host, "run", "--only", "route.no_route", "--observe", "0", "--format", "json")
        self.assertEqual([each["outcome"] for each in json.loads(done.stdout)["checks"] if each["id"] == "route.no_route"], ["skipped"])

    def test_a_target_without_a_way_is_found_and_not_probed_further(self):
        self.host.ip("route", "del", "default")
        done = hostcheck(self.host, "run", "--only", "route.no_route", "--observe", "0", "--format", "json", "--target", "198.51.100.7:9")
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, [each["id"] for each in report["findings"]]), (1, ["route.no_route"]), report)
        self.assertEqual([each["kind"] for each in report["probes"]], ["connect"])

    def test_the_budget_ends_the_probes_of_many_silent_targets(self):
        self.site.one.exec("nft", "-f", "-", stdin="table inet mute { chain in { type filter hook input priority 0; "
                                                  "ip daddr 198.51.100.7 drop; }; }")
        targets = [word for port in range(1, 31) for word in ("--target", "198.51.100.7:%d" % port)]
        begin = time.monotonic()
        done = hostcheck(self.host, "run", "--only", "route.*", "--observe", "0", "--budget", "2s", "--format", "json", *targets)
        took = time.monotonic() - begin
        report = json.loads(done.stdout)
        # The program starts and tells its report outside of the budget, a sanitized one five times as slowly.
        self.assertLess(report["duration_ms"], 2000 + (2500 if SANITIZED else 500))
        self.assertLess(took, 2 + (20 if SANITIZED else 4))
        self.assertEqual(len([each for each in report["probes"] if each["kind"] == "connect"]), 30)
        self.assertFalse(all(each["result"]["complete"] for each in report["probes"]), "nothing was cut short")


if __name__ == "__main__":
    support.main(at_once=4)
