#!/usr/bin/env python3
"""The observation window over time: queues of listeners and drops, against what is known of them from elsewhere."""

import collections
import socket
import time

import support
from observe_lab import PORT, V4, Lab, Watch, for_both, inside, sockets
from support import wait_for

support.need_root()
support.need_programs("ip", "ss", "nft")

WAITING = 9


class Timeline(Lab):
    def in_order(self, rows, span_ms):
        """Rows of one listener or one reason that follow each other in time."""
        before = -1
        for each in rows:
            self.assertGreaterEqual(each["from_ms"], before)
            self.assertGreaterEqual(each["until_ms"], each["from_ms"])
            self.assertLessEqual(each["until_ms"], span_ms)
            before = each["until_ms"]

    @for_both
    def test_a_queue_that_fills_while_it_is_watched(self, family):
        self.keep(family.listen(self.server, PORT, 16))
        watch = Watch(self.server, "queue_samples", "listener_drops", window_ms=1500)
        self.keep(family.connects(self.client, PORT, WAITING))
        wait_for(lambda: sockets(self.client, family, "established") == WAITING, "connections that wait")
        seen = watch.result()
        self.assertEqual(seen["absences"], [])
        rows = [each for each in seen["queue_samples"] if (each["address"], each["port"]) == (family.server, PORT)]
        whole = next(each for each in seen["listener_drops"] if (each["address"], each["port"]) == (family.server, PORT))
        self.in_order(rows, whole["span_ms"])
        self.assertEqual((rows[0]["accept_queue"], rows[0]["from_ms"] < 500), (0, True), rows)
        self.assertEqual(rows[-1]["accept_queue"], WAITING)
        self.assertEqual([each["accept_queue"] for each in rows], sorted(each["accept_queue"] for each in rows))
        self.assertEqual({each["accept_limit"] for each in rows}, {16})
        self.assertEqual({each["drops"] for each in rows}, {0})
        self.assertEqual(sum(each["samples"] for each in rows), whole["samples"])
        self.assertLess(whole["span_ms"] - rows[-1]["until_ms"], 250)  # the last sample ends the window

    @for_both
    def test_a_listener_that_comes_and_goes_in_the_window(self, family):
        watch = Watch(self.server, "queue_samples", "listener_drops", window_ms=1500)
        listener = family.listen(self.server, PORT, 16)
        time.sleep(0.8)
        listener.close()
        seen = watch.result()
        self.assertEqual([each["drops"] for each in seen["listener_drops"] if each["port"] == PORT], [0])
        self.assertEqual({each["accept_limit"] for each in seen["queue_samples"] if each["port"] == PORT}, {16})

    def test_what_a_listener_drops_adds_up(self):
        self.keep(V4.listen(self.server, PORT, 2))
        watch = Watch(self.server, "queue_samples", "listener_drops", window_ms=1500)
        self.keep(V4.connects(self.client, PORT, 12))
        seen = watch.result()
        rows = [each for each in seen["queue_samples"] if each["port"] == PORT]
        whole = next(each for each in seen["listener_drops"] if each["port"] == PORT)
        self.assertGreater(whole["drops"], 0)
        self.assertEqual(rows[-1]["drops"], whole["drops"])
        self.assertEqual(max(each["accept_queue"] for each in rows), whole["accept_queue_max"])

    @for_both
    def test_drops_over_time_add_up_to_the_drops(self, family):
        self.drop(self.server, "input", "udp dport 9999")
        watch = Watch(self.server, "drop_samples", "drops", window_ms=1500)
        sent = 0
        with inside(self.client), socket.socket(family.number, socket.SOCK_DGRAM) as sender:
            for port, count in ((9999, 40), (9998, 25)):  # by the rule; and where nobody listens
                for _ in range(count):
                    sent += sender.sendto(b"x", (family.server, port))
        seen = watch.result()
        self.assertEqual(sent, 65)
        self.assertEqual(self.dropped(self.server), 40)
        samples, drops = collections.Counter(), collections.Counter()
        by_key = collections.defaultdict(list)
        for each in seen["drop_samples"]:
            samples[each["reason"], each["place"]] += each["packets"]
            by_key[each["reason"], each["place"]].append(each)
        for each in seen["drops"]:
            drops[each["reason"], each["place"]] += each["packets"]
        self.assertEqual(samples, drops)
        self.assertEqual(sum(count for (reason, _), count in samples.items() if reason == "NETFILTER_DROP"), 40)
        for rows in by_key.values():
            self.in_order(rows, rows[0]["span_ms"])

    def test_nothing_is_kept_that_nobody_asks_for(self):
        self.keep(V4.listen(self.server, PORT, 2))
        seen = Watch(self.server, "listener_drops", window_ms=200).result()
        self.assertFalse(seen.get("queue_samples") or seen.get("drop_samples"))


if __name__ == "__main__":
    support.main()
