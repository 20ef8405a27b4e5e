#!/usr/bin/env python3
"""One SYN is counted once whatever way it takes: tunnels, bridges, loopback, ports that are used again."""

import socket
import struct

import support
from observe_lab import BOTH, PORT, V4, Family, Lab, Watch, inside
from support import wait_for

support.need_root()
support.need_programs("ip", "nft", "ss")

OVERLAY = Family(socket.AF_INET, "10.96.0.1", "10.96.0.2", 24, "10.95.", "ip")


class Paths(Lab):
    def block(self, netns):
        netns.exec("nft", "-f", "-", stdin="""
            table inet blocked {
              chain input { type filter hook input priority filter; policy accept; tcp dport %d drop; }
            }""" % PORT)

    def assert_counted_once(self, family, ifname):
        """Answered ones first, then the same port blocked."""
        listener = self.keep(family.listen(self.server, PORT, 256))
        syns = self.count_syns()
        watch = Watch(self.server, "syns", "unanswered_syns", window_ms=700)
        self.keep(family.connects(self.client, PORT, 50))
        seen = watch.result()
        rows = [each for each in seen["syns"] if each["port"] == PORT]
        self.assertEqual([(each["address"], each["received"], each["answered"], each["unanswered"]) for each in rows],
                         [(family.server, 50, 50, 0)])
        self.block(self.server)
        before = syns()
        watch = Watch(self.server, "syns", "unanswered_syns", window_ms=1500)
        self.keep(family.connects(self.client, PORT, 20))
        seen = watch.result()
        rows = self.unanswered(seen)
        self.assertEqual({(each["reason"], each["certainty"], each["ifname"]) for each in rows}, {("firewall", "seen", ifname)})
        self.assertEqual(len(rows), 20)
        self.assertEqual(self.port_of(seen)["received"], syns() - before)
        self.assertIsNotNone(listener)

    def test_inside_vxlan(self):
        if not self.server.can("link", "add", "vx0", "type", "vxlan", "id", "7", "local", V4.server, "remote", V4.client,
                               "dstport", "4789"):
            self.skipTest("this kernel has no vxlan")
        self.client.ip("link", "add", "vx0", "type", "vxlan", "id", "7", "local", V4.client, "remote", V4.server,
                       "dstport", "4789")
        self.server.ip("addr", "add", OVERLAY.server + "/24", "dev", "vx0")
        self.client.ip("addr", "add", OVERLAY.client + "/24", "dev", "vx0")
        for netns in (self.server, self.client):
            netns.ip("link", "set", "vx0", "up")
        self.meet(OVERLAY)
        self.assert_counted_once(OVERLAY, "vx0")

    def test_behind_a_bridge(self):
        if not self.server.can("link", "add", "br0", "type", "bridge"):
            self.skipTest("this kernel has no bridges")
        self.server.ip("link", "set", "veth0", "master", "br0")
        self.server.ip("link", "set", "br0", "up")
        self.server.ip("addr", "add", OVERLAY.server + "/24", "dev", "br0")
        self.client.ip("addr", "add", OVERLAY.client + "/24", "dev", "veth0")
        self.meet(OVERLAY)
        # The bridge port saw it first.
        self.assert_counted_once(OVERLAY, "veth0")

    def test_loopback(self):
        for family, address in zip(BOTH, ("127.0.0.1", "::1")):
            with self.subTest(address=address):
                local = Family(family.number, address, address, 0, "", family.table)
                listener = self.keep(local.listen(self.server, PORT, 64))
                watch = Watch(self.server, "syns", "unanswered_syns", "resets", window_ms=700)
                self.keep(local.connects(self.server, PORT, 30))
                seen = watch.result()
                port = self.port_of(seen)
                self.assertEqual((port["received"], port["answered"], port["completed"], port["unanswered"]), (30, 30, 30, 0))
                self.assertEqual(seen["unanswered_syns"], [])
                listener.close()

    def test_a_port_that_is_used_again(self):
        listener = self.keep(V4.listen(self.server, PORT, 64))
        watch = Watch(self.server, "syns", "unanswered_syns", "resets", window_ms=1000)
        for _ in range(8):
            with inside(self.client):
                client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.bind((V4.client, 5555))
            client.connect((V4.server, PORT))
            listener.accept()[0].close()
            client.close()  # with an RST, so that the port is free at once
        seen = watch.result()
        port = self.port_of(seen)
        self.assertEqual((port["received"], port["repeated"], port["attempts"], port["answered"], port["completed"]),
                         (8, 0, 8, 8, 8))
        self.assertEqual(seen["unanswered_syns"], [])
        self.assertEqual({(each["direction"], each["peer_port"]) for each in seen["resets"]} - {("in", 5555)}, set())

    def meet(self, family):
        """Waits until the way between the two is there."""
        def refused():
            with inside(self.client), socket.socket(family.number) as stranger:
                stranger.settimeout(2)
                try:
                    stranger.connect((family.server, 1))
                except ConnectionRefusedError:
                    return True
                except OSError:
                    return False
            return False

        wait_for(refused, "the way to " + family.server)


if __name__ == "__main__":
    support.main()
