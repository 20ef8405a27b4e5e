#!/usr/bin/env python3
"""Causes of an unanswered SYN by the kernel's own word: signatures, socket filters, connection tracking, NAT, source filters."""

import ctypes
import pathlib
import socket
import struct
import subprocess

import support
from observe_lab import PORT, V4, V6, Lab, Run, Watch, for_both, inside, sockets, tcp_counter
from support import Netns, veth_pair, wait_for

support.need_root()
support.need_programs("ip", "nft", "ss")

TCP_MD5SIG = 14
TCP_TIMESTAMP = 24
SO_ATTACH_FILTER = 26
CONNTRACK_MAX = pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_max")


def signature_of(family, address):
    """struct tcp_md5sig: what comes from the address has to be signed."""
    if family is V4:
        packed = struct.pack("!HH4s", 0, 0, socket.inet_aton(address))
    else:
        packed = struct.pack("!HHL16sL", 0, 0, 0, socket.inet_pton(socket.AF_INET6, address), 0)
    packed = struct.pack("H", family.number) + packed[2:]
    return packed.ljust(128, b"\0") + struct.pack("BBHi80s", 0, 0, 6, 0, b"secret")


class Causes(Lab):
    def finding(self, run, check):
        report = run.report()
        found = [each for each in report["findings"] if each["id"] == check]
        self.assertEqual(len(found), 1, [(each["id"], each["summary"]) for each in report["findings"]])
        self.assertEqual(found[0]["status"], "confirmed")
        return found[0]

    def who(self, finding):
        return next(each["value"] for each in finding["evidence"] if each["what"].startswith("who got no answer"))

    def put_back(self, sysctl):
        """Once this process is over, by a signal too, another one sets what the whole machine shares to what it is now."""
        usual = sysctl.read_text(encoding="ascii").strip()
        keeper = subprocess.Popen(["sh", "-c", 'cat; echo "$1" > "$2"', "sh", usual, sysctl], stdin=subprocess.PIPE,
                                  start_new_session=True)
        self.addCleanup(keeper.wait, 10)
        self.addCleanup(keeper.stdin.close)

    def assert_named(self, family, seen, syns, reason, count=20, certainty="seen", peer=None):
        """One row each connect, with port, peer and both of its SYNs."""
        rows = self.unanswered(seen)
        self.assertEqual({(each["reason"], each["certainty"], each["peer"], each["local"], each["listening"]) for each in rows},
                         {(reason, certainty, peer or family.client, family.server, True)}, rows[:1])
        self.assertEqual(len(rows), count)
        self.assert_near(sum(each["attempts"] for each in rows), syns)

    @for_both
    def test_a_signature_that_is_missing(self, family):
        listener = self.keep(family.listen(self.server, PORT, 64))
        listener.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, signature_of(family, family.client))
        before = int(tcp_counter(self.server, "TCPMD5NotFound"))
        run = Run(self, self.server)
        watch = Watch(self.server, "unanswered_syns", window_ms=2500)
        self.send_and_stop(family, 20, self.count_syns())
        self.assert_named(family, watch.result(), int(tcp_counter(self.server, "TCPMD5NotFound")) - before, "tcp_md5")
        told = {each["what"]: each["value"] for each in self.finding(run, "tcp.md5_mismatch")["evidence"]}
        self.assertEqual(told["SYNs that were seen to be lost to it, by client and port"],
                         "%s to port %d (40)" % (family.client, PORT))

    @for_both
    def test_a_filter_on_the_socket(self, family):
        listener = self.keep(family.listen(self.server, PORT, 64))
        nothing = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # return 0
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HxxxxxxP", 1, ctypes.addressof(nothing)))
        run = Run(self, self.server)
        watch = Watch(self.server, "unanswered_syns", window_ms=2500)
        syns = self.send_and_stop(family, 20, self.count_syns())
        self.assert_named(family, watch.result(), syns, "socket_filter")
        found = self.finding(run, "tcp.syns_dropped")
        local = "%s:%d" % (family.server if family is V4 else "[%s]" % family.server, PORT)
        self.assertEqual((found["subject"]["local"], found["subject"]["reason"]), (local, "socket_filter"))
        told = {each["what"]: each["value"] for each in found["evidence"]}
        self.assertEqual((told["one of the clients"], told["why, in the kernel's own word"]), (family.client, "SOCKET_FILTER"))
        self.assert_near(told["SYNs dropped"], syns)

    @for_both
    def test_connection_tracking_that_is_full(self, family):
        if not CONNTRACK_MAX.exists():
            self.skipTest("no connection tracking here")
        self.server.exec("nft", "-f", "-", stdin="""
            table inet track {
              chain input { type filter hook input priority filter; policy accept; ct state invalid counter; }
            }""")
        self.keep(family.listen(self.server, PORT, 1024))
        self.put_back(CONNTRACK_MAX)
        self.keep(family.connects(self.client, PORT, 60))
        wait_for(lambda: sockets(self.client, family, "established") == 60, "connections that are tracked")
        self.assertGreaterEqual(int(self.server.exec("cat", "/proc/sys/net/netfilter/nf_conntrack_count")), 50)
        syns = self.count_syns()
        # One number for the whole machine: 50 is below what this namespace holds, each of them assured.
        CONNTRACK_MAX.write_text("50", encoding="ascii")
        run = Run(self, self.server)
        watch = Watch(self.server, "unanswered_syns", window_ms=2500)
        told = self.send_and_stop(family, 20, syns)
        self.assert_named(family, watch.result(), told, "conntrack_full")
        found = self.finding(run, "conntrack.table_full")
        self.assertEqual(self.who(found), "%s to port %d (20)" % (family.client, PORT))

    def test_a_source_that_would_not_be_answered_that_way(self):
        """IPv6 has no reverse-path filter of the kernel's own: nft's fib expression is what hosts use in its place."""
        stranger = "fd97::1"
        self.client.ip("addr", "add", stranger + "/128", "dev", "lo", "nodad")
        self.keep(V6.listen(self.server, PORT, 64))
        self.server.exec("nft", "-f", "-", stdin="""
            table ip6 guard {
              chain early { type filter hook prerouting priority raw; policy accept; fib saddr . iif oif missing counter drop; }
            }""")
        watch = Watch(self.server, "unanswered_syns", window_ms=2500)
        syns = self.send_and_stop(V6, 20, self.count_syns(), source=stranger)
        self.assert_named(V6, watch.result(), syns, "firewall", peer=stranger)

    @for_both
    def test_machines_behind_one_address_with_timestamps_of_their_own(self, family):
        """Two machines behind a NAT use its address and ports one after the other, the second with older timestamps."""
        other, nat = Netns("other"), self.client
        self.addCleanup(other.close)
        machine = Netns("machine")
        self.addCleanup(machine.close)
        six = family is V6
        nodad = ["nodad"] if six else []
        for number, netns in ((1, machine), (2, other)):
            name = "lan%d" % number
            inner = ["fd9%d::1/64" % number, "fd9%d::2/64" % number] if six else ["10.9%d.0.1/24" % number, "10.9%d.0.2/24" % number]
            veth_pair(nat, netns, name, "veth0")
            for at, device, address in ((nat, name, inner[0]), (netns, "veth0", inner[1])):
                at.sysctl("net.ipv6.conf.%s.accept_dad" % device, 0)
                at.ip("addr", "add", address, "dev", device, *nodad)
            netns.ip(family.option(), "route", "add", "default", "via", inner[0].split("/")[0])
        nat.sysctl("net.ipv4.ip_forward", 1)
        nat.sysctl("net.ipv6.conf.all.forwarding", 1)
        nat.exec("nft", "-f", "-", stdin="""
            table %s nat {
              chain post { type nat hook postrouting priority srcnat; oifname "veth0" snat to %s; }
            }""" % (family.table, family.client))
        # As fast as a NAT with few ports gives them to the next.
        for state in ("time_wait", "last_ack", "close_wait", "fin_wait"):
            nat.sysctl("net.netfilter.nf_conntrack_tcp_timeout_" + state, 1)
        # The bare ACK that answers such a SYN is answered by an RST, upon which the NAT would choose another port.
        self.drop(other, "output", "tcp flags & rst == rst")
        listener = self.keep(family.listen(self.server, PORT, 64))
        # The first machine's connections have offsets of their own, the second's none: its timestamps are behind those of
        # about every other port that the first has used.
        other.sysctl("net.ipv4.tcp_timestamps", 2)
        now = self.connections(other, family, listener, [4999])[4999]
        used = self.connections(machine, family, listener, range(5000, 5060))
        ports = [port for port, value in used.items() if 1 << 20 < (value - now) & 0xFFFFFFFF < (1 << 31) - (1 << 20)][:10]
        self.assertEqual(len(ports), 10)
        wait_for(lambda: sockets(self.server, family, "time-wait") == 61, "TIME-WAIT")
        wait_for(lambda: self.tracked(nat) == 0, "ports that the NAT gives away again")
        syns = self.count_syns()
        run = Run(self, self.server, 3000)
        watch = Watch(self.server, "unanswered_syns", "timestamps_backwards", window_ms=3000)
        clients = [self.from_port(other, family, port) for port in ports]
        wait_for(lambda: syns() >= 20, "every SYN and its repetition")
        for each in clients:
            each.close()
        self.assert_named(family, watch.result(), syns(), "paws", count=10)
        found = self.finding(run, "tcp.paws_drops")
        told = next(each["value"] for each in found["evidence"] if each["what"].startswith("SYNs that were seen"))
        self.assertRegex(told, "^[0-9]+ SYNs of 10 attempts to 1 port, from 1 address$")
        self.assertEqual(self.who(found), "%s to port %d (10)" % (family.client, PORT))

    def from_port(self, netns, family, port):
        with inside(netns):
            client = socket.socket(family.number)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("::" if family is V6 else "0.0.0.0", port))
        client.setblocking(False)
        client.connect_ex((family.server, PORT))
        return client

    def connections(self, netns, family, listener, ports):
        """Connections that the server ends, so that it keeps their TIME-WAIT; the client's timestamp of each port."""
        values = {}
        for port in ports:
            with self.from_port(netns, family, port) as client:
                listener.accept()[0].close()
                client.setblocking(True)
                client.recv(1)
                values[port] = client.getsockopt(socket.IPPROTO_TCP, TCP_TIMESTAMP)
        return values

    def tracked(self, nat):
        return nat.exec("cat", "/proc/net/nf_conntrack").count("dport=%d " % PORT)


if __name__ == "__main__":
    support.main()
