#!/usr/bin/env python3
"""The probe of own listeners: programs that accept, are slow, overloaded or hang, and ports where nobody listens."""

import os
import signal
import subprocess
import sys
import unittest

import support
from path_lab import probe
from support import Netns, wait_for

support.need_root()
support.need_programs("ip", "nft")

FAULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.py")
PORT = 8080

DEFERRING = """
import socket, time
server = socket.socket()
server.setsockopt(socket.IPPROTO_TCP, 9, 5)  # TCP_DEFER_ACCEPT
server.bind(("0.0.0.0", 8080)); server.listen(8)
print("ready", flush=True)
while True: server.accept()
"""

DUAL = """
import socket, sys
server = socket.socket(socket.AF_INET6)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind(("::", 8080)); server.listen(8)
print("ready", flush=True)
while True:
    client, _ = server.accept()
    client.sendall(b"220 welcome\\r\\n")
    got = client.recv(100)
    print(len(got), flush=True)
    client.close()
"""


class Listeners(unittest.TestCase):
    def setUp(self):
        self.netns = Netns("host")
        self.addCleanup(self.netns.close)

    def start(self, *words, program=None):
        command = [sys.executable, "-B", *(["-c", program] if program else [FAULTS, *map(str, words)])]
        process = self.netns.popen(*command, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def listener(self, target="127.0.0.1:8080", **args):
        answer = probe(self.netns, "listener", target, **args)
        rows = answer["tables"]["probe_listener"]
        self.assertEqual(len(rows), 1, answer)
        return answer, rows[0]

    def queue(self, least):
        wait_for(lambda: support.query(self.netns, "SELECT 1 FROM listeners WHERE accept_queue >= %d" % least), "a queue")

    def test_one_that_accepts(self):
        self.start("closer", "0.0.0.0", PORT)
        for target in ("127.0.0.1:8080", "0.0.0.0:8080"):
            answer, row = self.listener(target)
            self.assertEqual((row["outcome"], row["connects"], row["accepted"]), ("accepting", 3, 3), answer)
            self.assertLess(row["accept_max_ms"], 200)
            self.assertEqual((row["queue_before"], row["queue_after"], row["drops"]), (0, 0, 0))

    def test_one_on_both_families_gets_no_data_and_no_reset(self):
        process = self.start(program=DUAL)
        for target in ("127.0.0.1:8080", "[::1]:8080", "[::]:8080"):
            answer, row = self.listener(target, connects=1)
            self.assertEqual((row["outcome"], row["accepted"]), ("accepting", 1), answer)
            # The program got an orderly end and not a byte.
            self.assertEqual(process.stdout.readline(), "0\n")

    def test_one_that_never_accepts(self):
        self.start("deaf", "0.0.0.0", PORT, 16)
        answer, row = self.listener(patience_ms=1000)
        self.assertEqual((row["outcome"], row["connects"], row["accepted"]), ("not_accepting", 1, 0), answer)
        # Now somebody waits: nothing is added to the queue.
        before = support.query(self.netns, "SELECT accept_queue FROM listeners")[0]["accept_queue"]
        answer, row = self.listener(patience_ms=1000)
        self.assertEqual((row["outcome"], row["connects"], row["same_oldest"]), ("not_accepting", 0, True), answer)
        self.assertEqual(support.query(self.netns, "SELECT accept_queue FROM listeners")[0]["accept_queue"], before)

    def test_one_that_is_stopped(self):
        self.start("closer", "0.0.0.0", PORT)
        pid = support.query(self.netns, "SELECT pid FROM listeners")[0]["pid"]
        os.kill(pid, signal.SIGSTOP)
        answer, row = self.listener(patience_ms=1000)
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(row["outcome"], "not_accepting", answer)
        answer, row = self.listener()
        self.assertEqual(row["outcome"], "accepting", answer)

    def test_one_that_is_slow(self):
        self.start("slow", "0.0.0.0", PORT, 128, 0.4)
        self.start("crowd", "127.0.0.1", PORT, 20)
        self.queue(5)
        answer, row = self.listener()
        self.assertEqual((row["outcome"], row["connects"], row["same_oldest"], row["drops"]), ("slow", 0, False, 0), answer)

    def test_one_that_overflows(self):
        self.start("slow", "0.0.0.0", PORT, 2, 0.4)
        self.start("persistent", "127.0.0.1", PORT, 20)
        self.queue(3)
        answer, row = self.listener(patience_ms=2000)
        self.assertEqual((row["outcome"], row["connects"]), ("overflow", 0), answer)
        self.assertGreater(row["queue_max"], row["queue_limit"])

    def test_one_that_waits_for_data_is_not_blamed(self):
        self.start(program=DEFERRING)
        answer, row = self.listener()
        self.assertEqual((row["outcome"], row["connects"]), ("deferred", 1), answer)

    def test_a_port_that_leads_elsewhere_is_not_judged(self):
        self.start("deaf", "0.0.0.0", PORT, 16)
        self.start("keeper", "0.0.0.0", 9090)
        self.netns.exec("nft", "add table ip lab; add chain ip lab out { type nat hook output priority -100; };"
                               "add rule ip lab out tcp dport 8080 redirect to :9090")
        answer, row = self.listener(patience_ms=1000)
        self.assertEqual((row["outcome"], row["connects"], row["accepted"]), ("unclear", 1, 0), answer)

    def test_data_is_sent_only_where_it_is_given(self):
        process = self.start(program=DUAL)
        answer, row = self.listener(connects=2, send="HELO x\\r\\n")
        self.assertEqual((row["outcome"], row["accepted"], row["sent_bytes"], row["answer"]),
                         ("accepting", 2, 8, "220 welcome"), answer)
        self.assertLess(row["answer_ms"], 1000)
        self.assertIn("8 bytes were sent, and the first byte came back after", answer["words"])
        # On the first connection and on no other.
        self.assertEqual([process.stdout.readline() for _ in range(2)], ["8\n", "0\n"])
        answer, row = self.listener(connects=1)
        self.assertEqual((row["sent_bytes"], row["answer_ms"], row["answer"]), (None, None, None), answer)

    def test_one_that_takes_data_and_says_nothing(self):
        self.start(program=DEFERRING)
        answer, row = self.listener(connects=1, patience_ms=700, send="x")
        self.assertEqual((row["outcome"], row["accepted"], row["sent_bytes"], row["answer_ms"]), ("no_reply", 1, 1, None), answer)
        self.assertIn("nothing came back within 700 ms", answer["words"])

    def test_a_port_where_nobody_listens(self):
        answer, row = self.listener()
        self.assertEqual((row["outcome"], row["listeners"], row["connects"]), ("closed", 0, 0), answer)

    def test_a_listener_behind_the_packet_filter(self):
        self.start("closer", "0.0.0.0", PORT)
        self.netns.exec("nft", "add table ip lab; add chain ip lab in { type filter hook input priority 0; };"
                               "add rule ip lab in tcp dport 8080 drop")
        answer, row = self.listener()
        self.assertEqual(row["outcome"], "no_answer", answer)

    def test_only_own_addresses_are_asked(self):
        for target in ("192.0.2.1:80", "localhost:80", "127.0.0.1", "nonsense"):
            answer = probe(self.netns, "listener", target, check=False)
            self.assertIn(target, answer["error"])
            self.assertEqual(answer["packets"], 0)


if __name__ == "__main__":
    support.main()
