#!/usr/bin/env python3
"""What the kernel throws away while hostcheck watches: each cause is made in namespaces, and counted a second way."""

import json
import os
import signal
import socket
import struct
import subprocess
import time

import support
from observe_lab import (BOTH, OTHER_PORT, PORT, V4, Lab, Watch, data_segment, held_ids, raw_socket, segment,
                         sockets, tcp_counter)
from support import Netns, wait_for

support.need_root()
support.need_programs("ip", "nft", "ss")


class Observe(Lab):
    def test_an_accept_queue_that_is_full(self):
        def one(family):
            self.keep(family.listen(self.server, PORT, 8))
            self.keep(family.connects(self.client, PORT, 9))
            wait_for(lambda: sockets(self.client, family, "established") == 9, "a full queue")
            syns = self.count_syns()
            before = int(tcp_counter(self.server, "ListenDrops"))
            watch = Watch(self.server, "syns", "unanswered_syns", "listener_drops", "accepts", window_ms=2500)
            received = self.send_and_stop(family, 200, syns)
            drops = int(tcp_counter(self.server, "ListenDrops")) - before
            seen = watch.result()
            rows = self.unanswered(seen)
            self.assertEqual({(each["reason"], each["peer"]) for each in rows}, {("accept_queue_full", family.client)})
            self.assertEqual({each["local"] for each in rows}, {family.server})
            self.assert_near(len(rows), 200)
            self.assert_near(sum(each["attempts"] for each in rows), drops)
            self.assert_near(sum(each["attempts"] for each in rows), received)
            port = self.port_of(seen)
            self.assert_near(port["received"], received)
            self.assertEqual((port["unanswered"], port["peers"], port["listening"]), (len(rows), 1, True))
            listener = next(each for each in seen["listener_drops"] if each["port"] == PORT)
            self.assert_near(listener["drops"], drops)
            self.assertGreater(listener["accept_queue_min"], listener["accept_limit"])
            self.assertEqual(self.taken(seen), 0)
            self.server.exec("nft", "delete", "table", "inet", "count")

        for family in BOTH:
            with self.subTest(family=family.table):
                one(family)
                self.doCleanups()
                self.setUp()

    def test_a_half_open_queue_that_is_full_without_cookies(self):
        self.server.sysctl("net.ipv4.tcp_syncookies", 0)
        self.server.sysctl("net.ipv4.tcp_max_syn_backlog", 4096)
        for family in BOTH:
            with self.subTest(family=family.table):
                self.server.ip("route", "add", family.far + ("0.0/16" if family is V4 else "/64"), "via", family.client)
                self.keep(family.listen(self.server, PORT, 64))
                sender = self.keep(raw_socket(family, self.client))
                before = int(tcp_counter(self.server, "ListenDrops"))
                watch = Watch(self.server, "syns", "unanswered_syns", "listener_drops", window_ms=1000)
                for number in range(400):
                    sender.sendto(segment(family, family.far_source(1 + number), family.server, (1024 + number, PORT), number, 2),
                                  (family.server, 0))
                seen = watch.result()
                drops = int(tcp_counter(self.server, "ListenDrops")) - before
                # Those that were taken in have their SYN-ACKs sent again: that is another stage.
                rows = [each for each in self.unanswered(seen) if each["stage"] == "syn"]
                self.assertEqual({each["reason"] for each in rows}, {"syn_queue_full"}, rows[:1])
                self.assert_near(len(rows), drops)
                self.assert_near(len(rows), 400 - 65)
                self.assertEqual(self.port_of(seen)["peers"], len({each["peer"] for each in rows}))
            self.doCleanups()
            self.setUp()
            self.server.sysctl("net.ipv4.tcp_syncookies", 0)
            self.server.sysctl("net.ipv4.tcp_max_syn_backlog", 4096)

    def taken(self, seen):
        row, = [each for each in seen["accepts"] if each["port"] == PORT]
        self.assertEqual((row["sockets"], row["source"], row["pid"]), (1, "bpf", os.getpid()))
        self.assertEqual(row["taken"], row["established"] + row["accept_queue_start"] - row["accept_queue_end"])
        return row["taken"]

    def blocked(self, block, counted, reason="firewall", families=BOTH):
        """A listener whose port is blocked by block(family); counted(family) tells the packets blocked."""
        for family in families:
            with self.subTest(family=family.table):
                listener = family.listen(self.server, PORT, 64)
                block(family)
                watch = Watch(self.server, "syns", "unanswered_syns", "drops", window_ms=2500)
                self.send_and_stop(family, 40, lambda family=family: counted(family))
                blocked = counted(family)
                seen = watch.result()
                listener.close()
                rows = self.unanswered(seen)
                self.assertEqual({(each["reason"], each["certainty"], each["peer"]) for each in rows},
                                 {(reason, "seen", family.client)}, rows[:1])
                self.assertEqual(len(rows), 40)
                self.assert_near(sum(each["attempts"] for each in rows), blocked)
                dropped = [each for each in seen["drops"] if each["port"] == PORT and each["protocol"] == "tcp"]
                self.assert_near(sum(each["packets"] for each in dropped), blocked)
                self.assertEqual({each["ifname"] for each in dropped}, {"veth0"})

    def test_nft_drops(self):
        def block(_family):
            self.server.exec("nft", "-f", "-", stdin="""
                table inet blocked
                delete table inet blocked
                table inet blocked {
                  chain input {
                    type filter hook input priority filter; policy accept;
                    tcp dport %d counter drop
                  }
                }""" % PORT)

        def counted(_family):
            out = json.loads(self.server.exec("nft", "-j", "list", "table", "inet", "blocked"))
            rule = next(each["rule"] for each in out["nftables"] if "rule" in each)
            return next(each["counter"]["packets"] for each in rule["expr"] if "counter" in each)

        self.blocked(block, counted)

    def iptables(self, flavour):
        def program(family):
            return ("iptables-" if family is V4 else "ip6tables-") + flavour

        for family in BOTH:
            support.need_programs(program(family))
        if subprocess.run(["ip", "netns", "exec", self.server.name, program(V4), "-S"], capture_output=True).returncode:
            self.skipTest("this kernel has no " + program(V4))

        def block(family):
            self.server.exec(program(family), "-A", "INPUT", "-p", "tcp", "--dport", PORT, "-j", "DROP")

        def counted(family):
            out = self.server.exec(program(family), "-L", "INPUT", "-nvx").splitlines()
            return int(next(each for each in out if "dpt:%d" % PORT in each).split()[0])

        self.blocked(block, counted)

    def test_iptables_legacy_drops(self):
        self.iptables("legacy")

    def test_iptables_nft_drops(self):
        self.iptables("nft")

    def test_the_reverse_path_filter(self):
        self.server.sysctl("net.ipv4.conf.all.rp_filter", 1)
        self.client.ip("addr", "add", "10.97.0.1/32", "dev", "lo")
        listener = self.keep(V4.listen(self.server, PORT, 64))
        syns = self.count_syns()
        watch = Watch(self.server, "syns", "unanswered_syns", window_ms=2500)
        received = self.send_and_stop(V4, 30, syns, source="10.97.0.1")
        rows = self.unanswered(watch.result())
        self.assertEqual({(each["reason"], each["certainty"], each["peer"]) for each in rows},
                         {("reverse_path_filter", "seen", "10.97.0.1")})
        self.assertEqual(len(rows), 30)
        self.assert_near(sum(each["attempts"] for each in rows), received)
        self.assertIsNotNone(listener)

    def test_two_causes_on_two_ports_are_kept_apart(self):
        self.keep(V4.listen(self.server, PORT, 4))
        self.keep(V4.listen(self.server, OTHER_PORT, 64))
        self.keep(V4.connects(self.client, PORT, 5))
        wait_for(lambda: sockets(self.client, V4, "established") == 5, "a full queue")
        self.server.exec("nft", "-f", "-", stdin="""
            table inet blocked {
              chain input {
                type filter hook input priority filter; policy accept;
                tcp dport %d drop
              }
            }""" % OTHER_PORT)
        watch = Watch(self.server, "unanswered_syns")
        for _ in range(20):
            self.keep(V4.connects(self.client, PORT, 2))
            self.keep(V4.connects(self.client, OTHER_PORT, 1))
        seen = watch.result()
        self.assertEqual({each["reason"] for each in self.unanswered(seen)}, {"accept_queue_full"})
        self.assertEqual({each["reason"] for each in self.unanswered(seen, OTHER_PORT)}, {"firewall"})
        self.assertEqual((len(self.unanswered(seen)), len(self.unanswered(seen, OTHER_PORT))), (40, 20))

    def test_an_application_that_hangs(self):
        self.keep(V4.listen(self.server, PORT, 64))
        self.keep(V4.connects(self.client, PORT, 10))
        wait_for(lambda: sockets(self.client, V4, "established") == 10, "connections that wait")
        watch = Watch(self.server, "unanswered_syns", "listener_drops", "accepts", window_ms=700)
        self.keep(V4.connects(self.client, PORT, 5))
        seen = watch.result()
        listener = next(each for each in seen["listener_drops"] if each["port"] == PORT)
        self.assertEqual((self.taken(seen), listener["accept_queue_min"], listener["accept_queue_end"], listener["drops"]),
                         (0, 10, 15, 0))
        self.assertEqual(self.unanswered(seen), [])

    def test_drops_of_other_namespaces_are_not_shown(self):
        with Netns("bystander") as bystander:
            self.server.exec("nft", "-f", "-", stdin="""
                table inet blocked {
                  chain input { type filter hook input priority filter; policy accept; tcp dport %d drop; }
                }""" % PORT)
            watch = Watch(bystander, "syns", "unanswered_syns", "drops", "resets", "retransmits")
            self.keep(V4.connects(self.client, PORT, 20))
            self.keep(V4.connects(self.client, OTHER_PORT, 20))
            seen = watch.result()
            for table in ("syns", "unanswered_syns", "drops", "resets", "retransmits"):
                self.assertEqual(seen[table], [], table)

    def test_all_namespaces_at_once_keep_their_names(self):
        self.server.exec("nft", "-f", "-", stdin="""
            table inet blocked {
              chain input { type filter hook input priority filter; policy accept; tcp dport %d drop; }
            }""" % PORT)
        watch = Watch("all", "unanswered_syns")
        self.keep(V4.connects(self.client, PORT, 20))
        seen = watch.result()
        rows = [each for each in seen["unanswered_syns"] if each["netns"] == self.server.name]
        self.assertEqual({(each["direction"], each["reason"]) for each in rows}, {("in", "firewall")})
        self.assertEqual(len(rows), 20)
        rows = [each for each in seen["unanswered_syns"] if each["netns"] == self.client.name]
        self.assertEqual({(each["direction"], each["reason"], each["peer"]) for each in rows},
                         {("out", "no_answer", V4.server)})
        self.assertEqual(len(rows), 20)

    def test_cookies_answer_what_the_half_open_queue_cannot_hold(self):
        self.server.sysctl("net.ipv4.tcp_syncookies", 1)
        for family in BOTH:
            with self.subTest(family=family.table):
                self.server.ip("route", "add", family.far + ("0.0/16" if family is V4 else "/64"), "via", family.client)
                self.keep(family.listen(self.server, PORT, 16))
                sender = self.keep(raw_socket(family, self.client))
                before = int(tcp_counter(self.server, "SyncookiesSent"))
                watch = Watch(self.server, "syns", "unanswered_syns", window_ms=1000)
                for number in range(300):
                    sender.sendto(segment(family, family.far_source(1 + number), family.server, (1024 + number, PORT), number, 2),
                                  (family.server, 0))
                seen = watch.result()
                self.assertGreater(int(tcp_counter(self.server, "SyncookiesSent")) - before, 200)
                port = self.port_of(seen)
                self.assertEqual((port["received"], port["answered"], port["unanswered"]), (300, 300, 0))
                # Those that the half-open queue took have their SYN-ACKs sent again.
                self.assertEqual({each["reason"] for each in self.unanswered(seen)} - {"answer_lost"}, set())
                self.assertLessEqual(len(self.unanswered(seen)), 17)

    def test_timestamps_that_run_backwards_against_time_wait(self):
        for family in BOTH:
            with self.subTest(family=family.table):
                listener = self.keep(family.listen(self.server, PORT, 64))
                # The server closes first and keeps TIME-WAIT for the client's address and port.
                sniffer = self.sniffer()
                client = self.keep(family.connects(self.client, PORT, 1))[0]
                client.setblocking(True)
                client.send(b"x" * 100)
                port = client.getsockname()[1]
                usual = struct.unpack("!L", data_segment(family, sniffer, port)[24:28])[0]
                served = listener.accept()[0]
                served.recv(100)
                served.close()
                client.recv(1)
                client.close()
                wait_for(lambda: sockets(self.server, family, "time-wait") == 1, "TIME-WAIT")
                # The bare ACK that answers such a SYN would be answered by an RST, which ends TIME-WAIT.
                self.client.exec("nft", "-f", "-", stdin="""
                    table inet quiet {
                      chain output { type filter hook output priority filter; policy accept; tcp flags & rst == rst drop; }
                    }""")
                sender = self.keep(raw_socket(family, self.client))
                watch = Watch(self.server, "unanswered_syns", "timestamps_backwards", window_ms=1500)
                for number in range(3):
                    sender.sendto(segment(family, family.client, family.server, (port, PORT), 7777, 2, timestamp=usual - 5000 + number),
                                  (family.server, 0))
                    time.sleep(0.25)  # as far apart as TCP repeats a SYN
                seen = watch.result()
                self.assertEqual([(each["reason"], each["certainty"], each["attempts"], each["peer_port"], each["timestamp_option"])
                                  for each in self.unanswered(seen)], [("paws", "seen", 3, port, True)])
                listener.close()

    def test_a_syn_with_data_is_counted_as_one(self):
        listener = self.keep(V4.listen(self.server, PORT, 64))
        self.server.ip("route", "add", "10.97.0.0/16", "via", V4.client)
        sender = self.keep(raw_socket(V4, self.client))
        watch = Watch(self.server, "syns", "unanswered_syns", window_ms=700)
        for number in range(10):
            sender.sendto(segment(V4, V4.far_source(1), V4.server, (2000 + number, PORT), 5, 2, data=b"hello!"), (V4.server, 0))
        seen = watch.result()
        port = self.port_of(seen)
        self.assertEqual((port["attempts"], port["answered"], port["unanswered"]), (10, 10, 0))
        self.assertIsNotNone(listener)

    def test_nothing_is_left_behind(self):
        support.need_programs("bpftool")

        def exists(kind, number):
            return subprocess.run(["bpftool", kind, "show", "id", str(number)], capture_output=True).returncode == 0

        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None):
            with self.subTest(signal=how):
                watch = Watch(self.server, "syns", window_ms=10000 if how else 300)
                made = held_ids(watch.process.pid)
                self.assertGreaterEqual(len(made["prog"]), 8)
                self.assertGreaterEqual(len(made["map"]), 8)
                self.assertGreaterEqual(len(made["link"]), 8)
                if how:
                    watch.process.send_signal(how)
                watch.process.communicate(timeout=30)
                for kind, numbers in made.items():
                    # The kernel frees them after a grace period of RCU.
                    wait_for(lambda kind=kind, numbers=numbers: not any(exists(kind, each) for each in numbers),
                             "no %s left" % kind)


if __name__ == "__main__":
    support.main()
