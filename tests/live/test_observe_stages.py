#!/usr/bin/env python3
"""Handshakes that fail after the SYN: the answer or the last ACK is lost; and what only looks like that."""

import socket

import support
from observe_lab import PORT, V4, Lab, Watch, for_both, sockets, tcp_counter
from support import wait_for

support.need_root()
support.need_programs("ip", "nft", "ss")

TCP_DEFER_ACCEPT = 9


class Stages(Lab):
    @for_both
    def test_a_last_ack_that_a_full_accept_queue_turns_away(self, family):
        other = "10.98.0.3" if family is V4 else "fd98::3"
        self.client.ip("addr", "add", "%s/%d" % (other, family.prefix), "dev", "veth0", *([] if family is V4 else ["nodad"]))
        self.keep(family.listen(self.server, PORT, 30))
        watch = Watch(self.server, "syns", "unanswered_syns", "listener_drops", window_ms=3000)
        # Twenty clients have their SYN-ACK, and their last ACK does not leave them until the queue is full.
        let = self.drop(self.client, "output", "%s saddr %s tcp dport %d tcp flags & (syn|ack) == ack"
                        % (family.table, family.client, PORT))
        clients = family.connects(self.client, PORT, 20, family.client)
        wait_for(lambda: sockets(self.client, family, "established") == 20, "clients that believe to be connected")
        fill = family.connects(self.client, PORT, 31, other)
        wait_for(lambda: sockets(self.server, family, "established") == 31, "a full queue")
        before = int(tcp_counter(self.server, "ListenOverflows"))
        let()
        for each in clients:
            each.send(b"x")
        wait_for(lambda: int(tcp_counter(self.server, "ListenOverflows")) >= before + 40, "overflows")
        self.drop(self.client, "output", "tcp dport %d" % PORT)
        overflows = int(tcp_counter(self.server, "ListenOverflows")) - before
        seen = watch.result()
        self.assertEqual(sockets(self.client, family, "established"), 51)
        rows = self.unanswered(seen)
        self.assertEqual({(each["stage"], each["reason"], each["certainty"], each["peer"], each["listening"]) for each in rows},
                         {("ack", "accept_queue_full", "seen", family.client, True)}, rows[:1])
        self.assertEqual({each["peer_port"] for each in rows}, {each.getsockname()[1] for each in clients})
        self.assert_near(sum(each["dropped"] for each in rows), overflows)
        port = self.port_of(seen)
        self.assertEqual((port["attempts"], port["answered"], port["completed"], port["unanswered"], port["acks_dropped"]),
                         (51, 51, 31, 0, 20))
        for each in clients + fill:
            each.close()

    @for_both
    def test_a_syn_ack_that_this_host_drops_on_its_way_out(self, family):
        self.keep(family.listen(self.server, PORT, 64))
        self.drop(self.server, "output", "tcp sport %d tcp flags & (syn|ack) == (syn|ack)" % PORT)
        watch = Watch(self.server, "syns", "unanswered_syns", window_ms=2500)
        self.send_and_stop(family, 20, self.count_syns())
        seen = watch.result()
        rows = self.unanswered(seen)
        self.assertEqual({(each["stage"], each["reason"], each["certainty"], each["attempts"]) for each in rows},
                         {("synack", "firewall", "seen", 2)}, rows[:1])
        self.assertEqual(len(rows), 20)
        self.assert_near(sum(each["dropped"] for each in rows), self.dropped(self.server))
        self.assertEqual(self.port_of(seen)["unanswered"], 20)

    @for_both
    def test_a_syn_ack_that_is_lost_on_the_way(self, family):
        self.keep(family.listen(self.server, PORT, 64))
        self.drop(self.client, "input", "tcp sport %d tcp flags & (syn|ack) == (syn|ack)" % PORT)
        self.server.sysctl("net.ipv4.tcp_synack_retries", 1)  # so that the last is sent before the window ends
        watch = Watch(self.server, "syns", "unanswered_syns", window_ms=2500)
        self.send_and_stop(family, 20, self.count_syns())
        seen = watch.result()
        rows = self.unanswered(seen)
        self.assertEqual({(each["stage"], each["reason"], each["certainty"], each["dropped"]) for each in rows},
                         {("synack", "answer_lost", "inferred", 0)}, rows[:1])
        self.assertEqual(len(rows), 20)
        port = self.port_of(seen)
        self.assertEqual((port["answered"], port["completed"], port["unanswered"]), (20, 0, 0))
        self.assert_near(port["synacks"], self.dropped(self.client))

    @for_both
    def test_a_connection_that_waits_for_data_is_no_loss(self, family):
        listener = self.keep(family.listen(self.server, PORT, 64))
        listener.setsockopt(socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, 5)
        watch = Watch(self.server, "unanswered_syns", "drops", window_ms=2500)
        self.keep(family.connects(self.client, PORT, 20))
        seen = watch.result()
        # Their bare ACKs are dropped, at the same place as those that a full queue turns away.
        self.assertGreaterEqual(sum(each["packets"] for each in seen["drops"] if each["port"] == PORT), 20)
        self.assertEqual([each for each in self.unanswered(seen) if each["stage"] != "synack"], [])


if __name__ == "__main__":
    support.main()
