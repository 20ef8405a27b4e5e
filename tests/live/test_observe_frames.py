#!/usr/bin/env python3
"""Frames with a SYN in them that is none of this host's: VLAN tags, other machines' frames, tunnels that nobody unpacks."""

import socket
import struct

import support
from observe_lab import BOTH, PORT, V4, Family, Lab, Watch, checksum, inside, raw_socket, segment
from support import Netns

support.need_root()
support.need_programs("ip", "nft")

ETHERTYPE = {socket.AF_INET: 0x0800, socket.AF_INET6: 0x86DD}
SYN = 2


def outer(family, protocol, payload):
    """The payload in an IP packet from the client to the server."""
    packed = [socket.inet_pton(family.number, each) for each in (family.client, family.server)]
    if family.number == socket.AF_INET6:
        return struct.pack("!LHBB16s16s", 6 << 28, len(payload), protocol, 64, *packed) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 7, 0, 64, protocol, 0, *packed)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


class Frames(Lab):
    def frames(self, family, tags):
        """20 SYNs as Ethernet frames with VLAN tags."""
        mac = {netns: bytes.fromhex(netns.ip_json("link", "show", "veth0")[0]["address"].replace(":", ""))
               for netns in (self.server, self.client)}
        for number in range(20):
            packet = segment(family, family.client, family.server, (3000 + number, PORT), number, SYN)
            yield mac[self.server] + mac[self.client] + tags + struct.pack("!H", ETHERTYPE[family.number]) + packet

    def send_frames(self, frames):
        with inside(self.client), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind(("veth0", 0))
            for each in frames:
                sender.send(each)

    def test_tags_of_vlans_that_this_host_does_not_have(self):
        for family in BOTH:
            for tags in (struct.pack("!HH", 0x8100, 7), struct.pack("!HHHH", 0x88A8, 8, 0x8100, 7)):
                with self.subTest(family=family.table, tags=tags.hex()):
                    listener = family.listen(self.server, PORT, 64)
                    watch = Watch(self.server, "syns", "unanswered_syns", "drops", window_ms=700)
                    self.send_frames(self.frames(family, tags))
                    seen = watch.result()
                    self.assertEqual((seen["syns"], seen["unanswered_syns"]), ([], []))
                    # They did arrive, and the stack threw them away.
                    self.assertGreaterEqual(sum(each["packets"] for each in seen["drops"]), 20, seen["drops"])
                    listener.close()

    def test_vlans_of_this_host(self):
        """A VLAN's SYNs are those of its device and of that device's namespace, and nobody else's."""
        guest, other = Netns("guest"), Netns("far")
        self.addCleanup(guest.close)
        self.addCleanup(other.close)
        for netns, vlan, target in ((self.server, 7, None), (self.client, 7, None), (self.server, 9, guest), (self.client, 9, other)):
            name = "vlan%d" % vlan
            if not netns.can("link", "add", "link", "veth0", "name", name, "type", "vlan", "id", str(vlan)):
                self.skipTest("this kernel has no VLAN devices")
            if target:
                netns.ip("link", "set", name, "netns", target.name)
            netns = target or netns
            netns.sysctl("net.ipv6.conf.%s.accept_dad" % name, 0)
            netns.ip("link", "set", name, "up")
        for family in BOTH:
            for vlan, server, client in ((7, self.server, self.client), (9, guest, other)):
                with self.subTest(family=family.table, vlan=vlan):
                    self.ask_by_vlan(family, vlan, server, client)

    def ask_by_vlan(self, family, vlan, server, client):
        name = "vlan%d" % vlan
        here, there = ("10.96.%d.1", "10.96.%d.2") if family is V4 else ("fd96:%d::1", "fd96:%d::2")
        for netns, address in ((server, here), (client, there)):
            netns.ip("addr", "add", "%s/%d" % (address % vlan, family.prefix), "dev", name, *([] if family is V4 else ["nodad"]))
        way = Family(family.number, here % vlan, there % vlan, family.prefix, "", family.table)
        with inside(client), socket.socket(family.number) as stranger:
            stranger.settimeout(10)
            self.assertRaises(ConnectionRefusedError, stranger.connect, (way.server, 1))
        listener = way.listen(server, PORT, 64)
        watch = Watch("all", "syns", "unanswered_syns", window_ms=4000)
        clients = way.connects(client, PORT, 20)
        seen = watch.result()
        listener.close()
        self.drop(server, "input", "tcp dport %d" % PORT)
        self.assertEqual([(each["netns"], each["address"], each["received"], each["answered"], each["synacks"], each["completed"])
                          for each in seen["syns"] if each["port"] == PORT], [(server.name, way.server, 20, 20, 20, 20)])
        self.assertEqual([each for each in seen["unanswered_syns"] if PORT in (each["local_port"], each["peer_port"])], [])
        watch = Watch(server, "unanswered_syns", window_ms=4000)
        clients += way.connects(client, PORT, 20)
        rows = self.unanswered(watch.result())
        for each in clients:
            each.close()
        self.assertEqual({(each["reason"], each["ifname"], each["peer"]) for each in rows}, {("firewall", name, way.client)})
        self.assertEqual(len(rows), 20)
        server.exec("nft", "delete", "table", "inet", "lost")

    def test_a_priority_tag_is_no_vlan(self):
        for family in BOTH:
            with self.subTest(family=family.table):
                listener = family.listen(self.server, PORT, 64)
                watch = Watch(self.server, "syns", "unanswered_syns", window_ms=700)
                self.send_frames(self.frames(family, struct.pack("!HH", 0x8100, 0x6000)))
                seen = watch.result()
                self.assertEqual([(each["received"], each["answered"], each["unanswered"]) for each in seen["syns"]],
                                 [(20, 20, 0)])
                listener.close()

    def test_frames_for_another_machine(self):
        self.server.ip("link", "set", "veth0", "promisc", "on")
        for family in BOTH:
            with self.subTest(family=family.table):
                listener = family.listen(self.server, PORT, 64)
                watch = Watch(self.server, "syns", "unanswered_syns", window_ms=700)
                self.send_frames(b"\2\0\0\0\0\x63" + each[6:] for each in self.frames(family, b""))
                seen = watch.result()
                self.assertEqual((seen["syns"], seen["unanswered_syns"]), ([], []))
                listener.close()

    def test_an_encapsulated_syn_that_nobody_unpacks(self):
        """GRE, IP in IP and VXLAN to a port that is open: the SYN inside is none of this host's."""
        for family in BOTH:
            with self.subTest(family=family.table):
                listener = family.listen(self.server, PORT, 64)
                watch = Watch(self.server, "syns", "unanswered_syns", window_ms=700)
                frames = []
                for number in range(20):
                    inner = segment(family, family.client, family.server, (3000 + number, PORT), number, SYN)
                    kind = ETHERTYPE[family.number]
                    ethernet = bytes(12) + struct.pack("!H", kind)
                    udp = struct.pack("!HHHH", 5000, 4789, 16 + len(ethernet + inner), 0) + struct.pack("!LL", 8 << 24, 7 << 8)
                    frames += [outer(family, 47, struct.pack("!HH", 0, kind) + inner),
                               outer(family, 4 if family is V4 else 41, inner), outer(family, 17, udp + ethernet + inner)]
                with self.keep(raw_socket(family, self.client)) as sender:
                    for each in frames:
                        sender.sendto(each, (family.server, 0))
                seen = watch.result()
                self.assertEqual((seen["syns"], seen["unanswered_syns"]), ([], []))
                listener.close()


if __name__ == "__main__":
    support.main()
