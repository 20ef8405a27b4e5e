#!/usr/bin/env python3
"""Every check, of a rule or a plugin, has its page, a reason for each threshold, and four tests: fires, boundary, clear, unreadable.

What the tests say is judged by `hostcheck test` (ctest: rules); this file looks at what the format cannot ask for.
"""

import os
import re
import sys
import tomllib
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
RULES = os.path.join(ROOT, "rules")
PLUGINS = os.path.join(ROOT, "plugins")

# Ids that the project has promised and that state or counters alone can judge.
PROMISED = """
listen.accept_queue_overflow listen.syn_queue_overflow listen.syn_flood listen.not_accepting
tcp.tw_recycle_enabled tcp.paws_drops tcp.syn_unanswered tcp.window_scaling_disabled tcp.receive_window_limited
tcp.send_buffer_limited tcp.retransmissions_high
conntrack.table_full conntrack.near_full conntrack.insert_failed conntrack.buckets_low
netfilter.drops_service_port netfilter.drops_answers
limits.fd_process limits.fd_system limits.tcp_memory limits.process_stopped
route.rp_filter_drops route.gateway_unreachable
socket.idle_without_keepalive socket.ephemeral_ports_exhausted
mtu.fragments_lost mtu.mss_clamp_missing
nic.speed_degraded nic.duplex_half nic.autoneg_off nic.rx_errors nic.rx_dropped nic.link_flaps nic.ring_overrun
neigh.table_overflow
dns.address_unreachable dns.stale_peer dns.server_unreachable dns.answers_differ listen.port_closed path.ecmp_partial_loss
softnet.backlog_drops softnet.budget_exhausted softnet.single_cpu
""".split()


def rules():
    for folder, _, files in os.walk(RULES):
        for name in sorted(files):
            if name.endswith(".toml"):
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    yield os.path.relpath(path, RULES), tomllib.load(file)


def plugin_checks():
    """The checks of the plugins in the shape of rules: their inputs as the query, the plugin's tests as each one's."""
    for name in sorted(os.listdir(PLUGINS)):
        path = os.path.join(PLUGINS, name, "plugin.toml")
        if not os.path.exists(path):
            continue
        with open(path, "rb") as file:
            plugin = tomllib.load(file)
        with open(os.path.join(PLUGINS, name, "tests.toml"), "rb") as file:
            tests = tomllib.load(file)["test"]
        for check in plugin["check"]:
            inputs = [each["query"] for each in plugin["input"] if each["name"] in check.get("inputs", [each["name"]])]
            yield path, dict(check, query="\n".join(inputs), test=tests)


OBSERVED = ("syns", "unanswered_syns", "drops", "resets", "retransmits", "timestamps_backwards", "icmp_errors",
            "listener_drops", "accepts")


class Catalogue(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = list(rules())
        cls.rules = cls.files + list(plugin_checks())
        cls.ids = {rule["id"] for _, rule in cls.rules}

    def each(self):
        for self.path, rule in self.rules:
            yield self.path, rule

    def _formatMessage(self, msg, standard):
        return "%s: %s" % (getattr(self, "path", ""), super()._formatMessage(msg, standard))

    def test_there_are_enough(self):
        self.assertGreaterEqual(len(self.rules), 45)

    def test_promised_ids_exist(self):
        self.assertEqual([each for each in PROMISED if each not in self.ids], [])

    def test_a_file_is_named_as_its_rule(self):
        for path, rule in self.files:
            self.assertEqual(path, rule["id"].replace(".", os.sep) + ".toml")

    def test_every_page_is_whole(self):
        for _, rule in self.each():
            for key in ("why", "fix", "false_alarms", "references"):
                self.assertTrue(rule["doc"].get(key), key)
            for fix in rule["doc"]["fix"]:
                self.assertTrue(fix.get("text"), fix)

    def test_every_threshold_has_a_reason(self):
        for _, rule in self.each():
            for name, parameter in rule.get("params", {}).items():
                self.assertIsInstance(parameter, dict, name)
                self.assertIn("unit", parameter, name)
                self.assertGreater(len(parameter.get("why", "")), 20, name)

    def test_critical_needs_live_evidence(self):
        for _, rule in self.each():
            if rule["severity"] == "critical":
                self.assertEqual(rule["claim"], "live")

    def test_live_rules_ask_for_an_increase(self):
        for _, rule in self.each():
            # An increase between two samples, or a table that holds nothing but what this run saw or was answered.
            # A suspicion may read probes' answers too, which decide about it.
            answers = "" if rule["claim"] == "likely" else r"|probe_\w+"
            moved = re.search(r"_delta|_per_second|\b(FROM|JOIN) (%s%s)\b" % ("|".join(OBSERVED), answers), rule["query"]) is not None
            self.assertEqual(rule["claim"] == "live", moved)

    def test_settings_are_asked_for_one_by_one(self):
        # Neither IN nor OR reaches the source of the rows: all settings of the host would be read, a thousand files.
        for _, rule in self.each():
            self.assertNotRegex(rule["query"], r"(\bname IN \(|\bOR (\w+\.)?name (=|GLOB|LIKE)) ?'(net|fs)\.")

    def test_related_rules_exist(self):
        for _, rule in self.each():
            for key in ("rivals", "explains"):
                self.assertEqual([each for each in rule.get(key, []) if each not in self.ids], [], key)

    def test_rivals_tell_their_numbers(self):
        wanted = {rival for _, rule in self.rules for rival in rule.get("rivals", [])}
        for _, rule in self.each():
            if rule["id"] in wanted:
                self.assertIn("clear", rule)

    def test_four_tests(self):
        for _, rule in self.each():
            tests = rule["test"]
            self.assertGreaterEqual(len(tests), 4)
            fires = [each for each in tests if each.get("expect")]
            unreadable = [each for each in tests if each.get("outcome") == "unknown" and each.get("absent")]
            quiet = [each for each in tests if not each.get("expect") and each.get("outcome", "clear") == "clear"]
            self.assertTrue(fires, "none fires")
            self.assertTrue(quiet, "none is clear")
            self.assertTrue(unreadable, "none is unreadable")
            self.assertTrue([each for each in tests if "boundary" in each["name"]], "none is at the boundary")


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
