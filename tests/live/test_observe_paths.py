#!/usr/bin/env python3
"""One SYN is counted once whatever way it takes: tunnels, bridges, loopback, devices without Ethernet."""

import fcntl
import os
import socket
import struct

import support
from observe_lab import BOTH, PORT, V4, Family, Lab, Watch, inside, segment, sockets
from support import wait_for

support.need_root()
support.need_programs("ip", "nft", "ss")

OVERLAY = Family(socket.AF_INET, "10.96.0.1", "10.96.0.2", 24, "10.95.", "ip")
OVERLAY6 = Family(socket.AF_INET6, "fd96::1", "fd96::2", 64, "fd95::", "ip6")
OVERLAYS = (OVERLAY, OVERLAY6)
SYN = 2


class Paths(Lab):
    def block(self, netns):
        netns.exec("nft", "-f", "-", stdin="""
            table inet blocked {
              chain input { type filter hook input priority filter; policy accept; tcp dport %d drop; }
            }""" % PORT)

    def overlay(self, netns, family, address, device):
        netns.ip("addr", "add", "%s/%d" % (address, family.prefix), "dev", device,
                 *(["nodad"] if family.number == socket.AF_INET6 else []))

    def assert_counted_once(self, family, ifname):
        """Answered ones first, then the same port blocked."""
        listener = self.keep(family.listen(self.server, PORT, 256))
        syns = self.count_syns()
        watch = Watch(self.server, "syns", "unanswered_syns", window_ms=700)
        clients = family.connects(self.client, PORT, 50)
        seen = watch.result()
        for each in clients:
            each.close()
        rows = [each for each in seen["syns"] if each["port"] == PORT]
        self.assertEqual([(each["address"], each["received"], each["answered"], each["synacks"], each["unanswered"])
                          for each in rows], [(family.server, 50, 50, 50, 0)])
        self.assertEqual(seen["unanswered_syns"], [])
        self.block(self.server)
        before = syns()
        watch = Watch(self.server, "syns", "unanswered_syns", window_ms=2500)
        self.send_and_stop(family, 20, lambda: syns() - before)
        seen = watch.result()
        rows = self.unanswered(seen)
        self.assertEqual({(each["reason"], each["certainty"], each["ifname"], each["attempts"]) for each in rows},
                         {("firewall", "seen", ifname, 2)})
        self.assertEqual(len(rows), 20)
        self.assertEqual(self.port_of(seen)["received"], 40)
        self.server.exec("nft", "flush", "ruleset")
        listener.close()

    def test_inside_vxlan(self):
        if not self.server.can("link", "add", "vx0", "type", "vxlan", "id", "7", "local", V4.server, "remote", V4.client,
                               "dstport", "4789"):
            self.skipTest("this kernel has no vxlan")
        self.client.ip("link", "add", "vx0", "type", "vxlan", "id", "7", "local", V4.client, "remote", V4.server,
                       "dstport", "4789")
        for netns in (self.server, self.client):
            netns.ip("link", "set", "vx0", "up")
        for family in OVERLAYS:
            with self.subTest(family=family.table):
                self.overlay(self.server, family, family.server, "vx0")
                self.overlay(self.client, family, family.client, "vx0")
                self.meet(family)
                self.assert_counted_once(family, "vx0")

    def test_behind_a_bridge(self):
        if not self.server.can("link", "add", "br0", "type", "bridge"):
            self.skipTest("this kernel has no bridges")
        self.server.ip("link", "set", "veth0", "master", "br0")
        self.server.ip("link", "set", "br0", "up")
        for family in OVERLAYS:
            with self.subTest(family=family.table):
                self.overlay(self.server, family, family.server, "br0")
                self.overlay(self.client, family, family.client, "veth0")
                self.meet(family)
                # The bridge port saw it first.
                self.assert_counted_once(family, "veth0")

    def test_an_interface_without_an_ethernet_header(self):
        device = self.keep(self.tun())
        for family in OVERLAYS:
            with self.subTest(family=family.table):
                self.overlay(self.server, family, family.server, "tun0")
                listener = family.listen(self.server, PORT, 64)
                watch = Watch(self.server, "syns", "unanswered_syns", window_ms=700)
                for number in range(20):
                    os.write(device.fileno(), segment(family, family.client, family.server, (3000 + number, PORT), number, SYN))
                seen = watch.result()
                port = self.port_of(seen)
                self.assertEqual((port["received"], port["answered"], port["synacks"], port["unanswered"]), (20, 20, 20, 0))
                self.block(self.server)
                watch = Watch(self.server, "syns", "unanswered_syns", window_ms=700)
                for number in range(20):
                    os.write(device.fileno(), segment(family, family.client, family.server, (4000 + number, PORT), number, SYN))
                rows = self.unanswered(watch.result())
                self.assertEqual({(each["reason"], each["ifname"], each["peer"], each["attempts"]) for each in rows},
                                 {("firewall", "tun0", family.client, 1)})
                self.assertEqual(sorted(each["peer_port"] for each in rows), list(range(4000, 4020)))
                self.server.exec("nft", "flush", "ruleset")
                listener.close()

    def tun(self):
        """A tun device in the server's namespace: what is written to it arrives as packets."""
        with inside(self.server):
            device = open("/dev/net/tun", "r+b", buffering=0)
            fcntl.ioctl(device, 0x400454CA, struct.pack("16sH", b"tun0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
        self.server.sysctl("net.ipv6.conf.tun0.accept_dad", 0)
        self.server.ip("link", "set", "tun0", "up")
        return device

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

    def test_a_syn_that_is_repeated_on_loopback(self):
        for family, address in zip(BOTH, ("127.0.0.1", "::1")):
            with self.subTest(address=address):
                local = Family(family.number, address, address, 0, "", family.table)
                listener = self.keep(local.listen(self.server, PORT, 2))
                self.keep(local.connects(self.server, PORT, 3))
                wait_for(lambda local=local: sockets(self.server, local, "established") == 6, "a full queue")
                syns = self.count_syns()
                watch = Watch(self.server, "syns", "unanswered_syns", window_ms=2500)
                clients = self.keep(local.connects(self.server, PORT, 5))
                wait_for(lambda: syns() == 10, "every SYN and its repetition")
                for each in clients:
                    each.close()
                seen = watch.result()
                rows = self.unanswered(seen)
                self.assertEqual([(each["reason"], each["attempts"]) for each in rows], [("accept_queue_full", 2)] * 5)
                self.assertEqual(self.port_of(seen)["received"], 10)
                self.server.exec("nft", "flush", "ruleset")
                listener.close()

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
