#!/usr/bin/env python3
"""Resets and who sent them, and what `hostcheck run` makes of the observation."""

import json
import socket
import struct
import subprocess
import sys
import time

import support
from observe_lab import BOTH, PORT, V4, Lab, Watch, data_segment, inside, raw_socket, segment, sockets
from report_lab import FAULTS
from support import wait_for

support.need_root()
support.need_programs("ip", "nft", "ss")


class Resets(Lab):
    def test_a_port_that_nobody_listens_on_is_reset_by_the_stack(self):
        for family in BOTH:
            with self.subTest(family=family.table):
                watch = Watch(self.server, "syns", "unanswered_syns", "resets", window_ms=700)
                self.keep(family.connects(self.client, PORT, 20))
                seen = watch.result()
                rows = [each for each in seen["resets"] if each["local_port"] == PORT]
                self.assertEqual({(each["direction"], each["by"], each["reason"], each["answers_syn"]) for each in rows},
                                 {("out", "stack", "NO_SOCKET", True)})
                self.assertEqual(sum(each["packets"] for each in rows), 20)
                self.assertEqual(self.unanswered(seen), [])
                self.assertEqual(self.port_of(seen)["refused"], 20)

    def test_a_scan_that_is_under_way_when_the_window_begins(self):
        """What answers a SYN from before the window answers a SYN, and the stack did it, no firewall."""
        for family in BOTH:
            with self.subTest(family=family.table):
                scans = [self.client.popen(sys.executable, "-B", FAULTS, "scan", family.server, "8000", "9000",
                                           stdout=subprocess.PIPE, text=True) for _ in range(2)]
                for scan in scans:
                    self.addCleanup(scan.stdout.close)
                    self.addCleanup(scan.kill)
                    self.assertEqual(scan.stdout.readline(), "ready\n")
                for _ in range(3):
                    rows = Watch(self.server, "resets", window_ms=300).result()["resets"]
                    self.assertGreater(len(rows), 100)
                    self.assertEqual({(each["direction"], each["by"], each["answers_syn"]) for each in rows}, {("out", "stack", True)})
                for scan in scans:
                    scan.kill()
                    scan.wait()

    def test_a_reject_rule_resets(self):
        self.server.exec("nft", "-f", "-", stdin="""
            table inet refuse {
              chain input {
                type filter hook input priority filter; policy accept;
                tcp dport %d reject with tcp reset
              }
            }""" % PORT)
        for family in BOTH:
            with self.subTest(family=family.table):
                listener = family.listen(self.server, PORT, 64)
                watch = Watch(self.server, "unanswered_syns", "resets", window_ms=700)
                self.keep(family.connects(self.client, PORT, 20))
                seen = watch.result()
                listener.close()
                rows = [each for each in seen["resets"] if each["local_port"] == PORT]
                self.assertEqual({(each["direction"], each["by"]) for each in rows}, {("out", "firewall")})
                self.assertEqual(sum(each["packets"] for each in rows), 20)
                self.assertEqual(self.unanswered(seen), [])

    def test_a_reset_from_something_on_the_way(self):
        for family in BOTH:
            with self.subTest(family=family.table):
                client, served = self.connected(family)
                sniffer = self.sniffer()
                watch = Watch(self.server, "resets", window_ms=700)
                client.send(b"x" * 100)
                self.assertEqual(len(served.recv(200)), 100)
                here, there = client.getsockname()[1], PORT
                sequence = struct.unpack("!L", data_segment(family, sniffer, here)[4:8])[0] + 100
                sender = self.keep(raw_socket(family, self.client))
                sender.sendto(segment(family, family.client, family.server, (here, there), sequence, 4, ttl=41),
                              (family.server, 0))
                rows = [each for each in watch.result()["resets"] if each["direction"] == "in"]
                self.assertEqual([(each["by"], each["ttl"], each["usual_ttl"], each["peer"], each["peer_port"]) for each in rows],
                                 [("something", 41, 64, family.client, here)])
                self.assertEqual(rows[0]["state"], "ESTABLISHED")
            self.doCleanups()
            self.setUp()

    def test_a_reset_amid_bulk_data(self):
        """Packets of several segments are glanced at only; enough of them are looked at to know the connection's TTL."""
        for family in BOTH:
            with self.subTest(family=family.table):
                client, served = self.connected(family)
                block = b"x" * (20 * client.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))

                def send_blocks(count):
                    for _ in range(count):
                        client.sendall(block)
                        left = len(block)
                        while left:
                            left -= len(served.recv(left))

                send_blocks(50)  # until one fits in the congestion window
                watch = Watch(self.server, "resets", window_ms=700)
                send_blocks(200)
                sender = self.keep(raw_socket(family, self.client))
                sender.sendto(segment(family, family.client, family.server, (client.getsockname()[1], PORT), 1, 4, ttl=41),
                              (family.server, 0))
                rows = [each for each in watch.result()["resets"] if each["direction"] == "in"]
                self.assertEqual([(each["by"], each["ttl"], each["usual_ttl"]) for each in rows], [("something", 41, 64)])
            self.doCleanups()
            self.setUp()

    def test_a_reset_from_the_peer_itself(self):
        client, served = self.connected(V4)
        watch = Watch(self.server, "resets", window_ms=700)
        client.send(b"x" * 100)
        self.assertEqual(len(served.recv(200)), 100)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        rows = watch.result()["resets"]
        self.assertEqual([(each["by"], each["direction"], each["local_port"]) for each in rows], [("peer", "in", PORT)])

    def test_a_reset_of_a_connection_that_is_closed_with_unread_data(self):
        for family in BOTH:
            with self.subTest(family=family.table):
                listener = self.keep(family.listen(self.server, PORT, 64))
                watch = Watch(self.server, "resets", window_ms=1000)
                for _ in range(20):
                    client = self.keep(family.connects(self.client, PORT, 1))[0]
                    client.setblocking(True)
                    client.send(b"x" * 100)
                    served = listener.accept()[0]
                    served.recv(10)
                    served.close()
                rows = watch.result()["resets"]
                self.assertEqual({(each["by"], each["direction"], each["local_port"], each["packets"]) for each in rows},
                                 {("stack", "out", PORT, 1)})
                self.assertEqual({each["reason"] for each in rows}, {"TCP_ABORT_ON_CLOSE"})
                self.assertEqual(len(rows), 20)
                listener.close()


class Reports(Lab):
    """The whole program, started with its own window."""

    def start(self, observe="2s"):
        return subprocess.Popen([support.HOSTCHECK, "run", "--netns", self.server.name, "--observe", observe, "--probe", "off",
                                 "--format", "json"], stdout=subprocess.PIPE, text=True)

    def finding(self, process, check):
        report = json.loads(process.communicate(timeout=60)[0])
        found = [each for each in report["findings"] if each["id"] == check]
        self.assertEqual(len(found), 1, [(each["id"], each["summary"]) for each in report["findings"]])
        return found[0]

    def evidence(self, finding, what):
        return next(each["value"] for each in finding["evidence"] if each["what"].startswith(what))

    def while_it_runs(self, process, action):
        """Does it over and over while the program watches."""
        while process.poll() is None and action():
            time.sleep(0.02)

    def test_a_full_accept_queue_with_its_clients(self):
        self.keep(V4.listen(self.server, PORT, 4))
        self.keep(V4.connects(self.client, PORT, 5))
        wait_for(lambda: sockets(self.client, V4, "established") == 5, "a full queue")
        process = self.start()
        self.while_it_runs(process, lambda: self.keep(V4.connects(self.client, PORT, 1)))
        finding = self.finding(process, "listen.accept_queue_overflow")
        clients = self.evidence(finding, "addresses that got no answer")
        self.assertRegex(clients, r"^10\.98\.0\.2 \([0-9]+\)$")
        told = self.evidence(finding, "handshakes at this port")
        self.assertRegex(told, "^[0-9]+ of [0-9]+ attempts, from 1 address$")
        # All but those that came in the last moment, which might still have been answered.
        unanswered, attempts = int(told.split()[0]), int(told.split()[2])
        self.assertGreater(unanswered, 0.9 * attempts - 10, told)

    def test_connections_that_this_host_resets(self):
        listener = self.keep(V4.listen(self.server, PORT, 64))

        def once():
            client = self.keep(V4.connects(self.client, PORT, 1))[0]
            client.setblocking(True)
            client.send(b"x" * 100)
            served = listener.accept()[0]
            served.recv(10)
            served.close()
            return True

        process = self.start()
        self.while_it_runs(process, once)
        finding = self.finding(process, "tcp.resets_local")
        self.assertEqual((finding["status"], finding["severity"]), ("confirmed", "warning"))
        self.assertEqual((finding["subject"]["port"], finding["subject"]["reason"]), (PORT, "TCP_ABORT_ON_CLOSE"))

    def test_connections_that_something_on_the_way_resets(self):
        listener = self.keep(V4.listen(self.server, PORT, 64))
        sniffer = self.sniffer()
        sender = self.keep(raw_socket(V4, self.client))

        def once():
            client = self.keep(V4.connects(self.client, PORT, 1))[0]
            client.setblocking(True)
            client.send(b"x" * 100)
            self.keep(listener.accept()[0]).recv(100)
            port = client.getsockname()[1]
            sequence = struct.unpack("!L", data_segment(V4, sniffer, port)[4:8])[0] + 100
            sender.sendto(segment(V4, V4.client, V4.server, (port, PORT), sequence, 4, ttl=120), (V4.server, 0))
            return True

        process = self.start()
        self.while_it_runs(process, once)
        finding = self.finding(process, "tcp.resets_injected")
        self.assertEqual((finding["status"], finding["subject"]["peer"]), ("confirmed", V4.client))
        self.assertEqual((self.evidence(finding, "TTL of the RST"), self.evidence(finding, "TTL of the connection")), (120, 64))

    def test_a_healthy_pair_is_not_named(self):
        listener = self.keep(V4.listen(self.server, PORT, 256))

        def once():
            for _ in range(50):
                with inside(self.client):
                    client = socket.socket()
                client.connect((V4.server, PORT))
                listener.accept()[0].close()
                client.close()
            return True

        process = self.start()
        self.while_it_runs(process, once)
        report = json.loads(process.communicate(timeout=60)[0])
        # What the whole machine shares (softnet, conntrack) is judged by the test of healthy hosts, which runs alone.
        self.assertEqual([(each["id"], each["summary"]) for each in report["findings"]
                          if each["severity"] != "info" and each["id"].startswith(("tcp.", "listen.", "netfilter.", "route."))], [])
        watched = {each["id"]: each["outcome"] for each in report["checks"]
                   if each["id"] in ("tcp.resets_local", "tcp.resets_injected", "tcp.syns_dropped")}
        self.assertEqual(set(watched.values()), {"clear"})


if __name__ == "__main__":
    support.main()
