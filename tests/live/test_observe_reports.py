#!/usr/bin/env python3
"""What the report names live, with port, peer and count: programs that do not accept, floods, causes side by side."""

import socket

import support
from observe_lab import OTHER_PORT, PORT, Run, Watch, for_both, inside, raw_socket, segment, sockets, tcp_counter
from report_lab import ReportLab
from support import wait_for

support.need_root()
support.need_programs("ip", "nft", "ss")


class Reports(ReportLab):
    @for_both
    def test_a_process_at_its_limit_of_descriptors(self, family):
        self.fault("keeper", family.server, PORT, 20, 8)
        self.keep(family.connects(self.client, PORT, 16))
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM processes WHERE fd_open >= fd_limit"), "the limit")
        self.fill(family)
        found = self.assert_overflow(family, others={"limits.fd_process"})
        limit = found["limits.fd_process"]
        self.assertEqual((limit["subject"]["process"], limit["subject"]["ports"]), ("python3", str(PORT)))
        # The limit is the cause, the full queue its effect.
        self.assertIn("listen.accept_queue_overflow", limit["effects"])

    @for_both
    def test_a_program_that_hangs(self, family):
        self.fault("deaf", family.server, PORT, 8)
        self.fill(family)
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM listeners WHERE oldest_unaccepted_ms > 2200"), "a long wait")
        found = self.assert_overflow(family, others={"listen.not_accepting"})
        hung = found["listen.not_accepting"]
        self.assertEqual((hung["subject"]["local"], hung["severity"]), (self.local(family), "critical"))
        self.assertEqual(self.evidence(hung, "connections that it accepted meanwhile"), 0)
        self.assertIn("listen.accept_queue_overflow", hung["effects"])

    def fill(self, family):
        """Connects one after the other until the accept queue takes no more."""
        while True:
            client = self.keep(family.connects(self.client, PORT, 1))[0]
            if client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x02":  # SYN_SENT: on a cable it is made at once
                client.close()
                return

    def assert_overflow(self, family, others):
        """A queue that is full and turns 30 more away: named with port, peer and count."""
        syns = self.count_syns()
        before = int(tcp_counter(self.server, "ListenDrops"))
        run = Run(self, self.server)
        self.send_and_stop(family, 30, syns)
        dropped = int(tcp_counter(self.server, "ListenDrops")) - before
        found = self.findings(run)
        self.assertLessEqual(others | {"listen.accept_queue_overflow"}, set(found))
        overflow = found["listen.accept_queue_overflow"]
        self.assertEqual((overflow["status"], overflow["subject"]["local"], overflow["subject"]["process"]),
                         ("confirmed", self.local(family), "python3"))
        self.assert_near(self.evidence(overflow, "SYNs and last ACKs"), dropped)
        self.assertRegex(self.evidence(overflow, "addresses that got no answer"), r"^%s \(\d+\)$" % family.client)
        return found

    @for_both
    def test_a_half_open_queue_that_overflows(self, family):
        self.server.sysctl("net.ipv4.tcp_syncookies", 0)
        self.server.sysctl("net.ipv4.tcp_max_syn_backlog", 4096)
        found, drops, _ = self.spoofed(family)
        overflow = found["listen.syn_queue_overflow"]
        self.assertEqual((overflow["status"], overflow["subject"]["local"]), ("confirmed", self.local(family)))
        self.assert_near(next(each["value"] for each in overflow["evidence"] if each["value"] and each["unit"] in ("SYNs", "packets")),
                         drops)

    @for_both
    def test_a_flood_that_cookies_answer(self, family):
        self.server.sysctl("net.ipv4.tcp_syncookies", 1)
        found, _, cookies = self.spoofed(family)
        flood = found["listen.syn_flood"]
        self.assertEqual((flood["status"], flood["subject"]["local"]), ("confirmed", self.local(family)))
        self.assert_near(self.evidence(flood, "cookies sent"), cookies)
        self.assertNotIn("listen.accept_queue_overflow", found)

    def spoofed(self, family):
        """400 SYNs of as many addresses; findings, and the drops and cookies that the kernel counted."""
        self.far_route(family)
        self.keep(family.listen(self.server, PORT, 64))
        sender = self.keep(raw_socket(family, self.client))
        before = [int(tcp_counter(self.server, name)) for name in ("ListenDrops", "SyncookiesSent")]
        run = Run(self, self.server, 1000)
        for number in range(400):
            sender.sendto(segment(family, family.far_source(number), family.server, (1024 + number, PORT), number, 2),
                          (family.server, 0))
        found = self.findings(run)
        after = [int(tcp_counter(self.server, name)) for name in ("ListenDrops", "SyncookiesSent")]
        return found, after[0] - before[0], after[1] - before[1]

    @for_both
    def test_causes_side_by_side_are_kept_apart(self, family):
        """A full accept queue on one port, a firewall on another, and drops that have to do with neither."""
        self.fault("deaf", family.server, PORT, 4)
        self.fault("closer", family.server, OTHER_PORT)
        self.server.exec("nft", "-f", "-", stdin="""
            table inet guard {
              chain input {
                type filter hook input priority filter; policy accept;
                tcp dport %d counter drop
                tcp dport 4444 counter drop
                udp dport 5555 counter drop
              }
            }""" % OTHER_PORT)
        self.keep(family.connects(self.client, PORT, 5))
        wait_for(lambda: sockets(self.client, family, "established") == 5, "a full queue")
        run = Run(self, self.server)
        watch = Watch(self.server, "unanswered_syns", "drops", window_ms=2500)
        with inside(self.client), socket.socket(family.number, socket.SOCK_DGRAM) as noise:
            for _ in range(200):
                noise.sendto(b"x", (family.server, 5555))
        syns = self.count_syns()
        clients = [each for port, count in ((PORT, 20), (OTHER_PORT, 10), (4444, 15))
                   for each in family.connects(self.client, port, count)]
        wait_for(lambda: syns(PORT) >= 40 and syns(OTHER_PORT) >= 20, "every SYN and its repetition")
        for each in clients:
            each.close()
        seen = watch.result()
        told = {port: (len(rows), {each["reason"] for each in rows}, sum(each["attempts"] for each in rows))
                for port, rows in ((port, self.unanswered(seen, port)) for port in (PORT, OTHER_PORT, 4444))}
        self.assertEqual(told, {PORT: (20, {"accept_queue_full"}, 40), OTHER_PORT: (10, {"firewall"}, 20),
                                4444: (15, {"firewall"}, 30)})
        self.assertGreaterEqual(sum(each["packets"] for each in seen["drops"] if each["port"] == 5555), 200)
        found = self.findings(run)
        overflow, blocked = found["listen.accept_queue_overflow"], found["netfilter.drops_service_port"]
        self.assertEqual(overflow["subject"]["local"], self.local(family))
        self.assertEqual((blocked["subject"]["port"], blocked["subject"]["process"]), (OTHER_PORT, "python3"))
        self.assertEqual(self.evidence(overflow, "addresses that got no answer"), "%s (20)" % family.client)
        self.assertEqual(self.evidence(blocked, "clients that got no answer"), "%s (10)" % family.client)
        self.assert_near(self.evidence(blocked, "SYNs to the port"), 20)


if __name__ == "__main__":
    support.main()
