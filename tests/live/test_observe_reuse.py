#!/usr/bin/env python3
"""Handshakes out of the ordinary: ports and sequence numbers used again, shared ports, both ends opening at once."""

import socket
import time

import support
from observe_lab import PORT, Lab, Watch, for_both, inside, raw_socket, segment, sockets, tcp_counter
from support import wait_for

support.need_root()
support.need_programs("ip", "nft", "ss")

SYN = 2


class Reuse(Lab):
    @for_both
    def test_sockets_that_share_a_port(self, family):
        made = []
        with inside(self.server):
            for _ in range(4):
                each = self.keep(socket.socket(family.number))
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                each.bind((family.server, PORT))
                each.listen(2)
                made.append(each)
        watch = Watch(self.server, "syns", "unanswered_syns", window_ms=2500)
        before = int(tcp_counter(self.server, "ListenDrops"))
        clients = family.connects(self.client, PORT, 60)
        wait_for(lambda: int(tcp_counter(self.server, "ListenDrops")) > before + 48, "SYNs turned away twice")
        for each in clients:
            each.close()
        seen = watch.result()
        rows = self.unanswered(seen)
        self.assertEqual({each["reason"] for each in rows}, {"accept_queue_full"})
        self.assertEqual(self.port_of(seen)["answered"] + len(rows), 60)
        self.assertGreaterEqual(len(rows), 60 - 4 * 3)

    @for_both
    def test_ports_and_sequence_numbers_that_are_used_again(self, family):
        self.keep(family.listen(self.server, PORT, 64))
        self.drop(self.server, "input", "tcp dport %d" % PORT)
        sender = self.keep(raw_socket(family, self.client))

        def send(port, sequence):
            sender.sendto(segment(family, family.client, family.server, (port, PORT), sequence, SYN), (family.server, 0))
            time.sleep(0.05)  # as a repetition is: at some distance

        watch = Watch(self.server, "syns", "unanswered_syns", window_ms=1500)
        for sequence in (7, 7, 7):  # one attempt, repeated twice
            send(4000, sequence)
        for sequence in (7, 8, 8, 7):  # three attempts on the same ports, the last with a number used before
            send(4001, sequence)
        seen = watch.result()
        rows = {each["peer_port"]: each for each in self.unanswered(seen)}
        self.assertEqual({port: each["attempts"] for port, each in rows.items()}, {4000: 3, 4001: 4})
        self.assertEqual({(each["reason"], each["peer"]) for each in rows.values()}, {("firewall", family.client)})
        port = self.port_of(seen)
        self.assertEqual((port["received"], port["repeated"], port["attempts"], port["unanswered"], port["peers"]),
                         (7, 3, 4, 4, 1))

    @for_both
    def test_a_port_that_is_used_again_at_once(self, family):
        listener = self.keep(family.listen(self.server, PORT, 64))
        watch = Watch(self.server, "syns", "unanswered_syns", "resets", window_ms=1500)
        for _ in range(8):
            with inside(self.client), socket.socket(family.number) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # the RST frees the port
                client.bind((family.client, 5555))
                client.connect((family.server, PORT))
                listener.accept()[0].close()
        seen = watch.result()
        port = self.port_of(seen)
        self.assertEqual((port["received"], port["repeated"], port["attempts"], port["answered"], port["completed"]),
                         (8, 0, 8, 8, 8))
        self.assertEqual(seen["unanswered_syns"], [])
        self.assertEqual({(each["direction"], each["peer_port"]) for each in seen["resets"]} - {("in", 5555)}, set())

    @for_both
    def test_both_ends_open_at_the_same_time(self, family):
        # Each end's first SYN is lost at the other, so that both have sent one before either arrives.
        lose = [self.drop(netns, "input", "tcp dport %d tcp flags & (syn|ack) == syn" % PORT)
                for netns in (self.server, self.client)]
        watches = [Watch(netns, "syns", "unanswered_syns", window_ms=3500) for netns in (self.server, self.client)]
        for netns, here, there in ((self.server, family.server, family.client), (self.client, family.client, family.server)):
            with inside(netns):
                each = self.keep(socket.socket(family.number))
            each.bind((here, PORT))
            each.setblocking(False)
            each.connect_ex((there, PORT))
        for netns in (self.server, self.client):
            wait_for(lambda netns=netns: self.dropped(netns) == 1, "the first SYN")
        for let in lose:
            let()
        for netns in (self.server, self.client):
            wait_for(lambda netns=netns: sockets(netns, family, "established") == 1, "an open connection")
        for watch in watches:
            self.assertEqual([each for each in watch.result()["unanswered_syns"] if each["local_port"] == PORT], [])


if __name__ == "__main__":
    support.main()
