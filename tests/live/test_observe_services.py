#!/usr/bin/env python3
"""Datagrams and connections that a packet filter or a full buffer takes from programs: named with port, peer and count."""

import socket

import support
from observe_lab import PORT, V4, Run, Watch, for_both, inside
from report_lab import ReportLab

support.need_root()
support.need_programs("ip", "nft")


class Services(ReportLab):
    @for_both
    def test_a_udp_server_behind_a_rule(self, family):
        self.fault("unread", family.server, 514)
        self.server.exec("nft", "-f", "-", stdin="""
            table inet guard {
              chain input { type filter hook input priority filter; policy accept; udp dport { 514, 515 } counter drop; }
            }""")
        run = Run(self, self.server, 1500)
        with inside(self.client), socket.socket(family.number, socket.SOCK_DGRAM) as sender:
            for _ in range(60):
                sender.sendto(b"x", (family.server, 514))
                sender.sendto(b"x", (family.server, 515))  # nobody is bound to that one
        found = self.findings(run)["netfilter.drops_udp_service"]
        self.assertEqual((found["status"], found["severity"], found["subject"]["port"], found["subject"]["process"]),
                         ("confirmed", "warning", 514, "python3"))
        self.assertEqual((self.evidence(found, "datagrams to the port"), self.evidence(found, "one of the senders")),
                         (60, family.client))

    @for_both
    def test_datagrams_that_a_program_does_not_read(self, family):
        self.fault("unread", family.server, 514)
        before = self.udp_errors(family)
        run = Run(self, self.server, 1500)
        with inside(self.client), socket.socket(family.number, socket.SOCK_DGRAM) as sender:
            for _ in range(300):
                sender.sendto(b"x" * 200, (family.server, 514))
        found = self.findings(run)["udp.receive_buffer_overflow"]
        self.assertEqual(found["subject"]["local"], self.local(family, 514))
        self.assert_near(self.evidence(found, "datagrams dropped"), self.udp_errors(family) - before)

    def udp_errors(self, family):
        """RcvbufErrors of the namespace."""
        if family is V4:
            lines = [each.split() for each in self.server.exec("cat", "/proc/net/snmp").splitlines() if each.startswith("Udp:")]
            return int(dict(zip(*lines))["RcvbufErrors"])
        lines = dict(each.split() for each in self.server.exec("cat", "/proc/net/snmp6").splitlines())
        return int(lines["Udp6RcvbufErrors"])

    @for_both
    def test_resets_of_a_firewall_are_counted(self, family):
        program = ("iptables" if family is V4 else "ip6tables") + "-legacy"
        support.need_programs(program)
        self.server.exec(program, "-A", "INPUT", "-p", "tcp", "--dport", PORT, "-j", "REJECT", "--reject-with", "tcp-reset")
        self.keep(family.listen(self.server, PORT, 64))
        watch = Watch(self.server, "resets", "unanswered_syns", window_ms=900)
        self.keep(family.connects(self.client, PORT, 30))
        seen = watch.result()
        rows = [each for each in seen["resets"] if each["local_port"] == PORT]
        self.assertEqual({(each["direction"], each["by"], each["peer"]) for each in rows}, {("out", "firewall", family.client)})
        out = self.server.exec(program, "-L", "INPUT", "-nvx").splitlines()
        self.assert_near(sum(each["packets"] for each in rows), int(next(each for each in out if "dpt:" in each).split()[0]))
        self.assertEqual(self.unanswered(seen), [])


if __name__ == "__main__":
    support.main()
