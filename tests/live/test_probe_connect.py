"""Probes of the kinds dns, connect and sweep on a network with faults, and what a run concludes from them."""

import json
import os
import socket
import subprocess
import time
import unittest

import path_lab
import support
from observe_lab import inside
from path_lab import (HOST4, LEFT4, PORT, RIGHT4, RIGHT6, SERVER, SERVER4, SERVER6, Lab, Listener, NameServer, bracketed,
                      dnsmasq, probe, reply_to, resolv_conf)

NAME = "db.lab.test"
SECOND4 = "10.92.0.3"
SLOW = os.environ.get("HOSTCHECK_SANITIZED") == "ON"


def report(netns, *targets, budget="20s", only="dns.*,path.*,listen.port_closed"):
    """`hostcheck run` in a namespace with targets: its JSON."""
    command = [support.HOSTCHECK, "run", "--netns", netns.name, "--format", "json", "--observe", "0", "--budget", budget]
    for each in only.split(","):
        command += ["--only", each]
    for each in targets:
        command += ["--target", each]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if not done.stdout:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def findings(told, check):
    return [each for each in told["findings"] if each["id"] == check]


class WithLab(unittest.TestCase):
    paths = 1

    def setUp(self):
        self.lab = Lab(paths=self.paths)
        self.addCleanup(self.lab.close)
        self.listener = Listener(self.lab.server)
        self.addCleanup(self.listener.close)


class Dns(WithLab):
    def setUp(self):
        super().setUp()
        self.lab.server.ip("addr", "add", SECOND4 + "/24", "dev", "eth0")

    def by_hand(self, address, answer):
        server = NameServer(self.lab.right, address, answer)
        self.addCleanup(server.close)
        return server

    def test_each_server_is_asked_on_its_own(self):
        dnsmasq(self.lab.right, RIGHT4, [(NAME, SERVER4), (NAME, SERVER6)], ttl=77)
        dnsmasq(self.lab.right, RIGHT6, [(NAME, SECOND4)], ttl=5)
        self.addCleanup(resolv_conf(self.lab.host, RIGHT4, RIGHT6))
        told = probe(self.lab.host, "dns", NAME)
        self.assertEqual(told["outcome"], "addresses")
        said = {(row["server"], row["type"], row["address"], row["ttl_s"]) for row in told["tables"]["probe_dns"]}
        self.assertEqual(said, {(RIGHT4, "A", SERVER4, 77), (RIGHT4, "AAAA", SERVER6, 77), (RIGHT6, "A", SECOND4, 5),
                                (RIGHT6, "AAAA", None, None)})
        self.assertEqual(told["packets"], 4)

    def test_a_long_answer_is_asked_for_over_tcp(self):
        many = ["10.1.%d.%d" % (each // 200, 1 + each % 200) for each in range(60)]
        self.by_hand(RIGHT4, lambda query, name, kind, tcp: reply_to(query, many if tcp else (), flags=0 if tcp else 0x200))
        told = probe(self.lab.host, "dns", NAME, server=RIGHT4)
        rows = [row for row in told["tables"]["probe_dns"] if row["type"] == "A"]
        self.assertEqual(len(rows), 60)
        self.assertEqual({row["transport"] for row in rows}, {"tcp"})

    def test_hostile_answers_are_told_and_harm_nothing(self):
        answers = {
            "loop.test": lambda query: query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + b"\xc0\x1b" * 8,
            "short.test": lambda query: query[:2] + b"\x81\x80\0\1\0\3\0\0\0\0" + query[12:],
            "noise.test": lambda query: os.urandom(200),
            "empty.test": lambda query: b"",
            "stranger.test": lambda query: reply_to(b"\x12\x34" + query[2:], [SERVER4]),
            "other.test": lambda query: reply_to(query.replace(b"other", b"outer"), [SERVER4]),
        }
        self.by_hand(RIGHT4, lambda query, name, kind, tcp: answers[name](query))
        for name in answers:
            told = probe(self.lab.host, "dns", name, server=RIGHT4)
            self.assertEqual(told["outcome"], "no_answer", told)
            self.assertEqual([row["address"] for row in told["tables"]["probe_dns"] if row["address"]], [])

    def test_a_dead_server_is_named(self):
        dnsmasq(self.lab.right, RIGHT4, [(NAME, SERVER4)])
        told = probe(self.lab.host, "dns", NAME, server="%s,%s" % (RIGHT4, SERVER4))
        self.assertEqual(told["outcome"], "some_answer")
        dead = [row for row in told["tables"]["probe_dns"] if row["server"] == SERVER4]
        self.assertEqual({row["outcome"] for row in dead}, {"unreachable"})
        self.assertIn("ICMP port unreachable from " + SERVER4, {row["words"] for row in dead})

    def test_a_run_names_dead_and_contrary_servers(self):
        dnsmasq(self.lab.right, RIGHT4, [(NAME, SERVER4)])
        self.by_hand(RIGHT6, lambda query, name, kind, tcp: reply_to(query, rcode=3))
        self.addCleanup(resolv_conf(self.lab.host, RIGHT4, RIGHT6, SERVER6))
        told = report(self.lab.host, bracketed(NAME, PORT), only="dns.*")
        dead = findings(told, "dns.server_unreachable")
        self.assertEqual([(each["status"], each["subject"]["server"]) for each in dead], [("confirmed", SERVER6)])
        differ = findings(told, "dns.answers_differ")
        self.assertEqual([(each["status"], each["subject"]["server"], each["subject"]["other"]) for each in differ],
                         [("confirmed", RIGHT4, RIGHT6)])

    def test_bad_arguments_are_named(self):
        for target, args, word in ((NAME, {"server": "nobody"}, "nobody"), ("a..b", {}, "a..b"), (NAME, {"address": "x"}, "x")):
            done = subprocess.run([support.HOSTCHECK, "probe", "dns", target, *["%s=%s" % each for each in args.items()]],
                                  capture_output=True, text=True, timeout=60)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(word, done.stderr)


class Connect(WithLab):
    def setUp(self):
        super().setUp()
        self.lab.server.ip("addr", "add", SECOND4 + "/24", "dev", "eth0")

    def outcomes(self, target, **args):
        told = probe(self.lab.host, "connect", target, **args)
        return {row["address"]: (row["outcome"], row["refused_by"], row["syns"]) for row in told["tables"]["probe_connects"]}

    def test_tells_what_came_of_it_and_who_said_so(self):
        self.lab.rules(self.lab.server, "input", "tcp dport 81 drop", "tcp dport 82 reject with icmpx type admin-prohibited")
        for address in (SERVER4, SERVER6):
            for unprivileged in (False, True):
                def told(port):
                    return self.outcomes(bracketed(address, port), unprivileged=unprivileged)[address]

                self.assertEqual(told(PORT), ("open", None, 1))
                self.assertEqual(told(80), ("refused", "RST from the address", 1))
                self.assertEqual(told(81), ("timed_out", None, 3))
                outcome, who, _ = told(82)
                self.assertEqual(outcome, "unreachable")
                self.assertRegex(who, "ICMP .*prohibited from " + address)
        for address, router in (("10.99.0.9", LEFT4), ("fd99::9", path_lab.LEFT6)):
            outcome, who, _ = self.outcomes(bracketed(address, 80))[address]
            self.assertEqual(outcome, "unreachable")
            self.assertRegex(who, "ICMP .* from " + router)
        self.lab.host.ip("route", "del", "default")
        self.lab.host.ip("-6", "route", "del", "default")
        for address in ("10.99.0.9", "fd99::9"):
            self.assertEqual(self.outcomes(bracketed(address, 80))[address][0], "no_route")

    def test_names_the_next_hop_that_is_not_found(self):
        for onlink, behind, protocol in (("10.90.0.99", "10.99.0.9", "ARP"), ("fd90::99", "fd99::9", "NDP")):
            self.lab.host.ip("route", "add", behind, "via", onlink)
            # IPv6 leaves a route whose next hop it did not find for the default one.
            for address in (onlink, behind, behind) if protocol == "ARP" else (onlink, behind):
                told = probe(self.lab.host, "connect", bracketed(address, 80), unprivileged=address == behind)
                row = told["tables"]["probe_connects"][0]
                self.assertEqual((row["outcome"], row["next_hop"]), ("unreachable", onlink), told)
                self.assertIn(row["next_hop_state"], ("incomplete", "failed"))
                self.assertIn("%s on eth0 is not found: nobody answers %s for it (neighbour entry %s)"
                              % (onlink, protocol, row["next_hop_state"]), told["words"])
        # One that ICMP refuses has a next hop that is found.
        told = probe(self.lab.host, "connect", "10.99.1.9:80")
        self.assertEqual([(row["outcome"], row["next_hop"]) for row in told["tables"]["probe_connects"]], [("unreachable", None)])

    def test_counts_the_syns_that_left(self):
        self.lab.rules(self.lab.server, "input", "tcp dport 81 drop")
        counted = self.lab.count("tcp dport 81")
        self.assertEqual(self.outcomes(bracketed(SERVER4, 81))[SERVER4][2], 3)
        self.assertEqual(counted(), 3)

    def test_sends_no_application_data(self):
        self.outcomes(bracketed(SERVER4, PORT))
        support.wait_for(lambda: self.listener.accepted == 1, "the connection")
        self.listener.close()
        self.assertEqual(self.listener.received, b"")

    def test_leaves_a_listener_alone_whose_queue_is_not_empty(self):
        full = Listener(self.lab.host, port=9000, full=True)
        self.addCleanup(full.close)
        self.assertEqual(self.outcomes(bracketed(HOST4, 9000))[HOST4], ("not_tried", None, 0))

    def test_one_of_two_addresses_refuses(self):
        server = dnsmasq(self.lab.right, RIGHT4, [(NAME, SERVER4), (NAME, SECOND4), (NAME, SERVER6)])
        self.addCleanup(resolv_conf(self.lab.host, RIGHT4))
        healthy = report(self.lab.host, bracketed(NAME, PORT), only="dns.*")
        self.assertEqual(findings(healthy, "dns.address_unreachable"), [])
        self.lab.rules(self.lab.server, "input", "ip daddr %s tcp dport %d reject with tcp reset" % (SECOND4, PORT),
                       "ip6 daddr %s tcp dport %d drop" % (SERVER6, PORT))
        told = findings(report(self.lab.host, bracketed(NAME, PORT), only="dns.*"), "dns.address_unreachable")
        self.assertEqual({(each["status"], each["subject"]["address"]) for each in told},
                         {("confirmed", SECOND4), ("confirmed", SERVER6)})
        words = {each["subject"]["address"]: each["summary"] for each in told}
        self.assertIn("refused", words[SECOND4])
        self.assertIn("no answer to 3 SYNs", words[SERVER6])
        self.assertIsNone(server.poll())

    def test_a_port_of_this_host_that_nobody_listens_on(self):
        told = report(self.lab.server, bracketed(SERVER4, 9), bracketed(SERVER6, PORT), only="listen.port_closed")
        self.assertEqual([(each["status"], each["subject"]["port"]) for each in findings(told, "listen.port_closed")],
                         [("confirmed", 9)])

    def test_a_peer_that_left_the_name(self):
        with inside(self.lab.server):
            database = socket.create_server(("::", 5432), family=socket.AF_INET6, dualstack_ipv6=True)
        self.addCleanup(database.close)
        self.addCleanup(resolv_conf(self.lab.host, RIGHT4))
        server = dnsmasq(self.lab.right, RIGHT4, [(NAME, SERVER4), (NAME, SERVER6)], ttl=1)

        def hold(address):
            with inside(self.lab.host):
                client = socket.create_connection((address, 5432), timeout=5)
            self.addCleanup(client.close)

        def stale():
            told = findings(report(self.lab.host, bracketed(NAME, 5432), only="dns.*"), "dns.stale_peer")
            return {(each["subject"]["address"], each["subject"]["process"], each["status"]) for each in told}

        hold(SERVER4)
        self.assertEqual(stale(), set())
        hold(SECOND4)
        self.lab.server.ip("addr", "add", "fd92::3/64", "dev", "eth0", "nodad")
        hold("fd92::3")
        with open("/proc/self/comm", encoding="ascii") as told:
            me = told.read().strip()
        self.assertEqual(stale(), {(SECOND4, me, "confirmed"), ("fd92::3", me, "confirmed")})
        # Two TTLs of a minute do not fit into a run: it is likely, and no more.
        server.kill()
        server.wait()
        dnsmasq(self.lab.right, RIGHT4, [(NAME, SERVER4), (NAME, SERVER6)], ttl=60)
        self.assertEqual(stale(), {(SECOND4, me, "suspected"), ("fd92::3", me, "suspected")})


class Sweep(WithLab):
    paths = 4

    def swept(self, version, outcome, **args):
        told = probe(self.lab.host, "sweep", bracketed(SERVER[version], PORT), **args)
        self.assertEqual(told["outcome"], outcome, told["words"])
        return told, told["tables"]["probe_sweep"][0]

    def truly_dead(self, version, rows, dead):
        """Whether each port's verdict is what a connect from it meets."""
        for row in rows:
            if row["verdict"] == "dead":
                with inside(self.lab.host), socket.socket(path_lab.family_of(SERVER[version])) as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    client.bind(("", row["source_port"]))
                    client.settimeout(0.2)
                    with self.assertRaises(TimeoutError):
                        client.connect((SERVER[version], PORT))
                dead -= 1
                if not dead:
                    return

    def test_a_dead_path_of_four(self):
        for version in (4, 6):
            for unprivileged in (False, True):
                _, healthy = self.swept(version, "none", unprivileged=unprivileged)
                self.assertEqual(healthy["dead"], 0)
            self.lab.dead_paths(2)
            start = time.monotonic()
            told, row = self.swept(version, "deterministic", ports=128)
            took = time.monotonic() - start
            self.assertEqual((told["method"], row["pattern"], row["lost"]), ("raw", "scattered", 0))
            self.assertTrue(10 <= row["dead"] <= 60, row["dead"])
            self.assertLess(row["error_rate"], 0.001)
            if not SLOW:
                self.assertLess(took, 3)
            self.truly_dead(version, told["tables"]["probe_sweep_ports"], 3)
            told, row = self.swept(version, "deterministic", unprivileged=True)
            self.assertEqual(told["method"], "connect")
            self.assertIn("CAP_NET_RAW", told["fallback"])
            self.truly_dead(version, told["tables"]["probe_sweep_ports"], 3)
            self.lab.heal()

    def test_random_loss_alone_and_beside_a_dead_path(self):
        for version in (4, 6):
            self.lab.random_loss(10)
            _, row = self.swept(version, "random")
            self.assertTrue(0.04 < row["loss"] < 0.18, row["loss"])
            self.lab.dead_paths(1)
            self.swept(version, "both")
            self.lab.heal()

    def test_a_limit_a_filter_and_silence(self):
        self.lab.syn_limit(100, 5)
        self.swept(4, "rate_limited")
        self.lab.heal()
        self.lab.rules(self.lab.server, "input", "tcp sport 40000-44999 tcp flags syn drop")
        _, row = self.swept(6, "deterministic")
        self.assertEqual(row["pattern"], "range")
        self.lab.heal()
        self.lab.rules(self.lab.server, "input", "tcp dport %d drop" % PORT)
        _, row = self.swept(4, "all")
        self.assertEqual(row["sent"], 48)

    def test_takes_no_accept_place_and_leaves_nothing_half_open(self):
        full = Listener(self.lab.server, port=9000, full=True)
        self.addCleanup(full.close)
        told = probe(self.lab.host, "sweep", bracketed(SERVER4, 9000))
        self.assertEqual(told["outcome"], "all")
        probe(self.lab.host, "sweep", bracketed(SERVER4, PORT))
        self.assertEqual(self.listener.accepted, 0)
        support.wait_for(lambda: not self.lab.server.exec("ss", "-Htn", "state", "syn-recv"), "nothing half open")

    def test_a_run_confirms_it_and_a_healthy_copy_does_not(self):
        for version in (4, 6):
            target = bracketed(SERVER[version], PORT)
            healthy = report(self.lab.host, target, only="path.ecmp_partial_loss")
            self.assertEqual(findings(healthy, "path.ecmp_partial_loss"), [])
            self.assertEqual([each["outcome"] for each in healthy["checks"] if each["id"] == "path.ecmp_partial_loss"], ["clear"])
            self.lab.dead_paths(3)
            told = findings(report(self.lab.host, target, only="path.ecmp_partial_loss"), "path.ecmp_partial_loss")
            self.assertEqual([(each["status"], each["severity"]) for each in told], [("confirmed", "critical")])
            self.lab.heal()


if __name__ == "__main__":
    support.need_root()
    support.need_programs("ip", "nft", "ss", "dnsmasq", "setpriv")
    support.main(at_once=4)
