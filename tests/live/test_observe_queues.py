#!/usr/bin/env python3
"""The queues of listeners as the observation samples them, with BPF and without, against what ss(8) counts."""

import json
import socket

import support
from observe_lab import BOTH, OTHER_PORT, PORT, V4, Lab, inside, raw_socket, segment, sockets
from support import wait_for

support.need_root()
support.need_programs("ip", "ss", "setpriv")

NO_BPF = ["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon,-sys_admin"]


class Queues(Lab):
    def dump(self, *prefix):
        """listener_drops of the server's namespace by port, and how the run saw SYNs: both of one short window."""
        out = self.server.exec(*prefix, support.FACTS_DUMP, "--observe", "300", "listener_drops", "syns")
        told = json.loads(out)
        blind = any(each["table"] == "syns" and each["code"] == "denied" for each in told["absences"])
        self.assertEqual(blind, bool(prefix), told["absences"])
        return {(each["address"], each["port"]): each for each in told["listener_drops"]}

    def half_open(self, family, port, count, first=1):
        """SYNs from sources that never answer: they stay half open for many seconds."""
        self.server.ip("route", "replace", family.far + ("0.0/16" if family is V4 else "/64"), "via", family.client)
        sender = self.keep(raw_socket(family, self.client))
        for number in range(first, first + count):
            sender.sendto(segment(family, family.far_source(number), family.server, (1024 + number, port), number, 2),
                          (family.server, 0))
        wait_for(lambda: sockets(self.server, family, "syn-recv", port) == count, "half-open connections")

    def test_half_open_queues_are_exact(self):
        for family in BOTH:
            with self.subTest(family=family.table):
                self.keep(family.listen(self.server, PORT, 64))
                self.keep(family.listen(self.server, OTHER_PORT, 64))
                self.half_open(family, PORT, 23)
                self.half_open(family, OTHER_PORT, 7, first=100)
                for prefix in ([], NO_BPF):
                    seen = self.dump(*prefix)
                    self.assertEqual((seen[(family.server, PORT)]["half_open_max"],
                                      seen[(family.server, OTHER_PORT)]["half_open_max"]), (23, 7), prefix)
            self.doCleanups()
            self.setUp()

    def test_accept_queues_are_exact(self):
        for family in BOTH:
            with self.subTest(family=family.table):
                self.keep(family.listen(self.server, PORT, 16))
                self.keep(family.connects(self.client, PORT, 11))
                wait_for(lambda: sockets(self.client, family, "established") == 11, "connections that wait")
                for prefix in ([], NO_BPF):
                    row = self.dump(*prefix)[(family.server, PORT)]
                    self.assertEqual((row["accept_queue_min"], row["accept_queue_max"], row["accept_queue_end"],
                                      row["accept_limit"], row["samples_full"], row["half_open_max"]), (11, 11, 11, 16, 0, 0))
                    self.assertGreaterEqual(row["samples"], 2)
            self.doCleanups()
            self.setUp()

    def test_sockets_that_share_a_port_are_told_apart_by_the_iterator(self):
        for _ in range(2):
            with inside(self.server):
                listener = self.keep(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((V4.server, PORT))
            listener.listen(64)
        self.half_open(V4, PORT, 40)
        queues = self.queues()
        self.assertEqual(sum(queues), 40, queues)
        self.assertLess(max(queues), 40, "each SYN goes to one of the two by its hash")
        # sock_diag does not say whose a half-open connection is.
        self.assertEqual(self.queues(*NO_BPF), [40, 40])

    def queues(self, *prefix):
        out = self.server.exec(*prefix, support.FACTS_DUMP, "--observe", "300", "listener_drops")
        return [each["half_open_max"] for each in json.loads(out)["listener_drops"]]

    def test_more_listeners_than_one_read_takes(self):
        for port in range(20000, 20300):
            self.keep(V4.listen(self.server, port, 4))
        self.half_open(V4, 20299, 3)
        self.half_open(V4, 20000, 2, first=50)
        for prefix in ([], NO_BPF):
            seen = self.dump(*prefix)
            self.assertEqual(len(seen), 300)
            busy = {port: row["half_open_max"] for (_, port), row in seen.items() if row["half_open_max"]}
            self.assertEqual(busy, {20299: 3, 20000: 2}, prefix)

    def test_listeners_of_other_namespaces_are_not_counted(self):
        self.keep(V4.listen(self.server, PORT, 64))
        with support.Netns("bystander") as bystander:
            out = bystander.exec(support.FACTS_DUMP, "--observe", "100", "listener_drops")
            self.assertEqual(json.loads(out)["listener_drops"], [])


if __name__ == "__main__":
    support.main()
