#!/usr/bin/env python3
"""Faults made in namespaces: the report names each, first and with its subject; what only looks like a fault stays quiet."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

import support
from support import Netns, veth_pair, wait_for

support.need_root()
support.need_programs("ip")

FAULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.py")
SERVER, CLIENT = "10.99.0.1", "10.99.0.2"


class Pair:
    """A server and a client, one cable."""

    def __init__(self):
        self.server, self.client = Netns("server"), Netns("client")
        veth_pair(self.server, self.client)
        self.server.ip("addr", "add", SERVER + "/24", "dev", "veth0")
        self.client.ip("addr", "add", CLIENT + "/24", "dev", "veth0")

    def close(self):
        self.server.close()
        self.client.close()


def start(netns, *words):
    """One of the programs of faults.py, once it is ready."""
    process = netns.popen(sys.executable, "-B", FAULTS, *words, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    process.stdout.close()
    assert line == "ready\n", "%s: %r" % (words[0], line)
    return process


def report(netns, *options, observe="1s"):
    """hostcheck's report and exit status; its text is shown when a test fails."""
    with tempfile.TemporaryDirectory() as folder:
        kept = os.path.join(folder, "snapshot.db")
        command = [support.HOSTCHECK, "run", "--netns", netns.name, "--probe", "off", "--observe", observe, "--format", "json"]
        done = subprocess.run([*command, "--snapshot", kept, *options], capture_output=True, text=True, timeout=60)
        assert done.stdout, done.stderr
        live = json.loads(done.stdout)
        words = [word for pair in zip(options, options[1:]) if pair[0] in ("--only", "--set", "--rules") for word in pair]
        again = subprocess.run([support.HOSTCHECK, "run", "--from", kept, "--format", "json", *words], capture_output=True,
                               text=True, timeout=60)
        assert again.stdout, again.stderr
    # What was kept is judged as the live host was.
    later = json.loads(again.stdout)
    for finding in live["findings"] + later["findings"]:
        if finding.get("because", "").startswith("no probe was sent"):
            del finding["because"]  # once by --probe off, once for want of an answer
    for part in ("verdict", "findings"):
        if live[part] != later[part]:
            raise AssertionError("from the snapshot: %s\nlive: %s" % (json.dumps(later[part], indent=1), json.dumps(live[part], indent=1)))
    if again.returncode != done.returncode:
        raise AssertionError("exit %d from the snapshot, %d live" % (again.returncode, done.returncode))
    return live, done.returncode


def faults_of(found):
    return [each for each in found["findings"] if each["severity"] != "info" and each["status"] != "refuted"]


class Faults(unittest.TestCase):
    def setUp(self):
        self.pair = Pair()
        self.server, self.client = self.pair.server, self.pair.client
        self.addCleanup(self.pair.close)

    def first(self, found):
        self.assertTrue(found["findings"], [each for each in found["checks"] if each["outcome"] not in ("clear", "skipped")])
        return found["findings"][0]

    def assert_first(self, found, check, status="confirmed", **subject):
        first = self.first(found)
        seen = ["%s %s %s" % (each["id"], each["severity"], each["summary"]) for each in found["findings"]]
        self.assertEqual(first["id"], check, seen)
        self.assertEqual(first["status"], status, seen)
        self.assertNotEqual(first["severity"], "info", seen)
        for key, value in subject.items():
            self.assertEqual(first["subject"].get(key), value, first)
        return first

    def test_an_overloaded_listener_overflows(self):
        start(self.server, "slow", "0.0.0.0", 8080, 2, 0.15)
        start(self.client, "persistent", SERVER, 8080, 30)
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM listeners WHERE accept_queue > accept_limit"), "a full queue")
        found, status = report(self.server, observe="2s")
        first = self.assert_first(found, "listen.accept_queue_overflow", local="0.0.0.0:8080", process="python3")
        self.assertEqual((first["severity"], status), ("critical", 2))
        self.assertNotIn("listen.not_accepting", [each["id"] for each in found["findings"]])
        self.assertIn("conntrack.table_full", [each["id"] for each in first["excluded"]])

    def test_a_listener_that_hangs_is_told_from_one_that_is_slow(self):
        process = start(self.server, "deaf", "0.0.0.0", 8080, 16)
        start(self.client, "crowd", SERVER, 8080, 5)
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM listeners WHERE oldest_unaccepted_ms > 2200"), "a long wait")
        found, status = report(self.server)
        self.assert_first(found, "listen.not_accepting", local="0.0.0.0:8080", process="python3")
        self.assertEqual(status, 2)
        self.assertTrue(process.poll() is None)

    def test_a_stopped_server_is_the_cause_of_its_queue(self):
        start(self.server, "slow", "0.0.0.0", 8080, 16, 0.01)
        pid = support.query(self.server, "SELECT pid FROM listeners")[0]["pid"]
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(lambda: os.kill(pid, signal.SIGCONT))
        start(self.client, "crowd", SERVER, 8080, 5)
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM listeners WHERE oldest_unaccepted_ms > 2200"), "a long wait")
        found, _ = report(self.server)
        first = self.assert_first(found, "limits.process_stopped", pid=pid, ports="8080")
        self.assertIn("listen.not_accepting", first["effects"])

    def test_syns_are_lost_without_cookies(self):
        self.server.sysctl("net.ipv4.tcp_syncookies", 0)
        self.server.sysctl("net.ipv4.tcp_max_syn_backlog", 32)
        start(self.server, "closer", "0.0.0.0", 8080)
        start(self.client, "syns", "10.99.0", SERVER, 8080, 300)
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM listeners WHERE half_open >= 20"), "half-open handshakes")
        found, status = report(self.server)
        self.assert_first(found, "listen.syn_queue_overflow", local="0.0.0.0:8080")
        self.assertEqual(status, 2)

    def test_cookies_answer_a_flood(self):
        start(self.server, "deaf", "0.0.0.0", 8080, 8)
        start(self.client, "syns", "10.99.0", SERVER, 8080, 300)
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM listeners WHERE half_open > 8"), "half-open handshakes")
        found, _ = report(self.server)
        self.assert_first(found, "listen.syn_flood", local="0.0.0.0:8080")

    def test_a_rule_that_drops_a_service(self):
        support.need_programs("nft")
        self.server.exec("nft", "add table inet guard; add chain inet guard input { type filter hook input priority 0; };"
                         "add rule inet guard input tcp dport 8080 counter drop")
        start(self.server, "closer", "0.0.0.0", 8080)
        start(self.client, "persistent", SERVER, 8080, 3)
        found, _ = report(self.server)
        first = self.assert_first(found, "netfilter.drops_service_port", port=8080, process="python3")
        self.assertIn("8080", json.dumps(first["evidence"]))

    def test_a_rule_without_counter(self):
        support.need_programs("nft")
        self.server.exec("nft", "add table ip guard; add chain ip guard input { type filter hook input priority 0; };"
                         "add rule ip guard input tcp dport 8080 drop")
        start(self.server, "closer", "0.0.0.0", 8080)
        start(self.client, "persistent", SERVER, 8080, 3)
        found, _ = report(self.server)
        self.assert_first(found, "netfilter.drops_service_port", port=8080)

    def test_a_client_whose_syns_nobody_answers(self):
        self.client.ip("route", "add", "10.50.0.0/16", "via", SERVER)
        self.server.sysctl("net.ipv4.ip_forward", 0)
        start(self.client, "crowd", "10.50.1.1", 443, 6)
        wait_for(lambda: support.query(self.client, "SELECT 1 FROM connections WHERE state = 'SYN_SENT' AND retransmits_now > 0"),
                 "retransmissions")
        found, _ = report(self.client, observe="2s")
        self.assert_first(found, "tcp.syn_unanswered", remote="10.50.1.1:443", process="python3")

    def test_a_gateway_that_does_not_forward(self):
        self.client.ip("route", "add", "default", "via", SERVER)
        self.server.sysctl("net.ipv4.ip_forward", 0)
        start(self.client, "datagrams", "192.0.2.1", 53, 50)
        found, _ = report(self.server)
        self.assert_first(found, "route.forwarding_disabled")

    def test_the_reverse_path_filter(self):
        other = Netns("other")
        self.addCleanup(other.close)
        veth_pair(self.server, other, "veth1", "veth0")
        self.server.ip("addr", "add", "10.98.0.1/24", "dev", "veth1")
        self.server.ip("route", "add", "10.97.0.0/24", "dev", "veth1")
        self.server.sysctl("net.ipv4.conf.veth0.rp_filter", 1)
        self.server.sysctl("net.ipv4.conf.all.rp_filter", 0)
        self.client.ip("addr", "add", "10.97.0.2/32", "dev", "lo")
        start(self.server, "closer", "0.0.0.0", 8080)
        # ARP from the other address would be filtered too, and not be counted.
        mac = self.server.ip_json("link", "show", "veth0")[0]["address"]
        self.client.ip("neigh", "replace", SERVER, "lladdr", mac, "dev", "veth0")
        start(self.client, "datagrams", SERVER, 9, 50, "10.97.0.2")
        found, _ = report(self.server)
        self.assert_first(found, "route.rp_filter_drops", interface="veth0")

    def test_a_default_gateway_that_is_not_there(self):
        self.client.ip("route", "add", "default", "via", "10.99.0.77")
        start(self.client, "datagrams", "192.0.2.1", 53, 20)
        wait_for(lambda: support.query(self.client, "SELECT 1 FROM neighbours WHERE address = '10.99.0.77'"), "a neighbour entry")
        found, _ = report(self.client)
        self.assert_first(found, "route.gateway_unreachable", status="suspected", gateway="10.99.0.77", interface="veth0")

    def test_udp_that_nobody_reads(self):
        start(self.server, "unread", "0.0.0.0", 514)
        start(self.client, "datagrams", SERVER, 514, 300)
        found, _ = report(self.server)
        self.assert_first(found, "udp.receive_buffer_overflow", local="0.0.0.0:514", process="python3")

    def test_fragments_that_are_never_whole(self):
        self.server.sysctl("net.ipv4.ipfrag_time", 1)
        start(self.client, "lone_fragments", SERVER, 50)
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM counters WHERE protocol = 'Ip' AND name = 'ReasmFails' AND value > 0"),
                 "fragments that were given up")
        found, _ = report(self.server)
        self.assert_first(found, "mtu.fragments_lost")

    def test_a_process_at_its_limit_of_descriptors(self):
        start(self.server, "keeper", "0.0.0.0", 8080, 30)
        start(self.client, "crowd", SERVER, 8080, 60)
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM processes WHERE fd_open >= fd_limit"), "the limit")
        found, _ = report(self.server)
        self.assert_first(found, "limits.fd_process", process="python3", ports="8080")

    def test_idle_connections_without_keepalive(self):
        start(self.server, "keeper", "0.0.0.0", 6379)
        start(self.client, "crowd", SERVER, 6379, 12)
        wait_for(lambda: support.query(self.server, "SELECT count(*) AS n FROM connections WHERE state = 'ESTABLISHED' "
                                       "AND last_data_recv_ms > 1200 HAVING n = 12"), "idle connections")
        found, _ = report(self.server, "--set", "socket.idle_without_keepalive.idle_s=1", "--set",
                          "socket.idle_without_keepalive.min_count=10", observe="0")
        self.assert_first(found, "socket.idle_without_keepalive", port=6379, process="python3")

    def test_no_local_port_is_left(self):
        self.client.sysctl("net.ipv4.ip_local_port_range", "50000 50019")
        start(self.server, "keeper", "0.0.0.0", 8080)
        start(self.client, "crowd", SERVER, 8080, 20)
        found, _ = report(self.client, observe="0")
        self.assert_first(found, "socket.ephemeral_ports_exhausted", remote=SERVER + ":8080")

    def test_a_nic_with_a_bad_link(self):
        support.need_programs("ethtool")
        start(self.server, "tap", "tap0")
        self.server.ip("link", "set", "tap0", "up")
        self.server.exec("ethtool", "-s", "tap0", "speed", "100", "duplex", "half", "autoneg", "off")
        found, _ = report(self.server, observe="0")
        self.assert_first(found, "nic.autoneg_off", interface="tap0")
        self.assertLessEqual({"nic.duplex_half", "nic.speed_degraded"}, {each["id"] for each in found["findings"]})

    def test_connection_tracking_is_full(self):
        support.need_programs("nft")
        limit = "/proc/sys/net/netfilter/nf_conntrack_max"
        self.server.exec("nft", "add table inet t; add chain inet t input { type filter hook input priority 0; };"
                         "add rule inet t input ct state new counter accept")
        # One limit for every namespace of the machine: far above what other tests track, and put back.
        before = pathlib.Path(limit).read_text(encoding="ascii")
        self.addCleanup(pathlib.Path(limit).write_text, before, encoding="ascii")
        pathlib.Path(limit).write_text("1500", encoding="ascii")
        start(self.client, "flows", SERVER, 20000, 3000, 6000)
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM conntrack WHERE entries >= 1500"), "a full table")
        found, status = report(self.server)
        self.assert_first(found, "conntrack.table_full", netns=self.server.name)
        self.assertEqual(status, 2)

    def test_window_scaling_is_off(self):
        self.server.sysctl("net.ipv4.tcp_window_scaling", 0)
        found, status = report(self.server, observe="0")
        self.assert_first(found, "tcp.window_scaling_disabled", netns=self.server.name)
        self.assertEqual(status, 1)

    def test_a_router_that_should_clamp(self):
        inside = Netns("inside")
        self.addCleanup(inside.close)
        veth_pair(self.server, inside, "lan", "veth0")
        self.server.ip("addr", "add", "192.168.1.1/24", "dev", "lan")
        self.server.ip("link", "set", "veth0", "mtu", "1400")
        self.server.ip("route", "add", "default", "via", CLIENT)
        self.server.sysctl("net.ipv4.ip_forward", 1)
        found, _ = report(self.server, observe="0")
        self.assert_first(found, "mtu.mss_clamp_missing", status="suspected", interface="veth0")

    def test_a_default_route_without_carrier(self):
        self.server.ip("route", "add", "default", "via", CLIENT)
        self.client.ip("link", "set", "veth0", "down")
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM routes WHERE dst_length = 0 AND linkdown = 1"), "linkdown")
        found, _ = report(self.server, observe="0")
        self.assert_first(found, "route.default_via_down_link", interface="veth0")


class Decoys(unittest.TestCase):
    """What looks like a fault and is none."""

    def setUp(self):
        self.pair = Pair()
        self.server, self.client = self.pair.server, self.pair.client
        self.addCleanup(self.pair.close)

    def assert_quiet(self, netns, *options, observe="1s"):
        found, status = report(netns, *options, observe=observe)
        self.assertEqual([(each["id"], each["summary"]) for each in faults_of(found)], [])
        self.assertIn(status, (0, 3))

    def test_requests_and_time_wait(self):
        start(self.server, "closer", "0.0.0.0", 8080)
        start(self.client, "requests", SERVER, 8080, 400)
        self.assert_quiet(self.server)
        self.assert_quiet(self.client)

    def test_a_port_scan(self):
        start(self.server, "closer", "0.0.0.0", 8080)
        start(self.client, "scan", SERVER, 8000, 9000)
        self.assert_quiet(self.server)
        self.assert_quiet(self.client)

    def test_old_counters_are_history(self):
        start(self.server, "unread", "0.0.0.0", 514)
        flood = start(self.client, "datagrams", SERVER, 514, 300)
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM udp_sockets WHERE drops > 20"), "drops")
        flood.kill()
        flood.wait()
        self.assert_quiet(self.server)

    def test_a_rule_that_nobody_meets(self):
        support.need_programs("nft")
        self.server.exec("nft", "add table inet guard; add chain inet guard input { type filter hook input priority 0; };"
                         "add rule inet guard input tcp dport 8080 counter drop")
        start(self.server, "closer", "0.0.0.0", 8080)
        start(self.server, "closer", "0.0.0.0", 80)
        start(self.client, "requests", SERVER, 80, 100)
        self.assert_quiet(self.server)

    def test_connections_that_are_idle_for_a_moment(self):
        start(self.server, "keeper", "0.0.0.0", 6379)
        start(self.client, "crowd", SERVER, 6379, 150)
        self.assert_quiet(self.server)

    def test_links_that_are_down_on_purpose(self):
        self.server.ip("link", "add", "br0", "type", "bridge")
        self.server.ip("addr", "add", "172.17.0.1/16", "dev", "br0")
        self.server.ip("link", "set", "br0", "up")
        self.server.ip("tuntap", "add", "tap0", "mode", "tap")
        self.server.ip("link", "set", "tap0", "up")
        self.server.ip("tuntap", "add", "tap1", "mode", "tap")
        self.assert_quiet(self.server)

    def test_a_busy_listener_that_keeps_up(self):
        start(self.server, "slow", "0.0.0.0", 8080, 128, 0.0)
        start(self.client, "requests", SERVER, 8080, 200)
        self.assert_quiet(self.server)

    def test_a_firewall_that_accepts_some_and_drops_the_rest(self):
        support.need_programs("nft")
        self.server.exec("nft", "add table inet guard; add chain inet guard input { type filter hook input priority 0; };"
                         "add rule inet guard input ip saddr 10.99.0.9 tcp dport 8080 accept;"
                         "add rule inet guard input tcp dport 8080 counter drop;"
                         "add rule inet guard input ip saddr 10.99.0.2 tcp dport 22 counter drop")
        start(self.server, "closer", "0.0.0.0", 8080)
        start(self.server, "closer", "0.0.0.0", 22)
        start(self.client, "persistent", SERVER, 8080, 3)
        start(self.client, "persistent", SERVER, 22, 3)
        self.assert_quiet(self.server)


if __name__ == "__main__":
    support.main()
