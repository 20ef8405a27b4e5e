"""The kind pmtu and its rules against ways whose MTU, black holes and lost fragments are made here (C08, C09)."""

import json
import socket
import unittest

import support
from observe_lab import inside
from path_lab import LEFT4, LEFT6, PORT, SERVER, Lab, Listener, bracketed, hosts_file, probe

FAMILIES = (4, 6)


def findings(netns, *targets, only="mtu.*", observe="0", check=False):
    """Findings of `hostcheck run` by id."""
    command = [support.HOSTCHECK, "run", "--netns", netns.name, "--observe", observe, "--only", only, "--format", "json"]
    for target in targets:
        command += ["--target", target]
    report = json.loads(support.run(*command, check=check))
    return {each["id"]: each for each in report["findings"]}, report


class PathMtu(unittest.TestCase):
    def setUp(self):
        self.lab = Lab(routers=True, mtu=9000)
        self.addCleanup(self.lab.close)
        self.listener = Listener(self.lab.server)
        self.addCleanup(self.listener.close)

    def ask(self, version, port=PORT, **args):
        target = bracketed(SERVER[version], port) if port else SERVER[version]
        answer = probe(self.lab.host, "pmtu", target, **args)
        self.assertEqual(answer["error"], "")
        rows = {row["method"]: row for row in answer["tables"]["probe_pmtu"]}
        self.assertLess(answer["packets"], 60)
        self.assertLess(answer["duration_ms"], 10000)
        return answer, rows

    def narrow(self, mtu):
        """A link in the middle that carries less, and says so."""
        self.lab.left.ip("link", "set", "path0", "mtu", mtu)
        self.lab.middle[0].ip("link", "set", "left0", "mtu", mtu)

    def forget(self):
        """What the host learned of the path."""
        self.lab.host.ip("route", "flush", "cache", check=False)
        self.lab.host.ip("-6", "route", "flush", "cache", check=False)

    def test_all_of_it_arrives(self):
        for version in FAMILIES:
            answer, rows = self.ask(version)
            self.assertEqual(answer["outcome"], "full", answer["words"])
            for method in ("icmp", "tcp", "udp"):
                self.assertEqual((rows[method]["outcome"], rows[method]["path_mtu"]), ("full", 9000))
            self.assertEqual(rows["fragments"]["outcome"], "arrive")
            self.assertLessEqual(answer["packets"], 12)
        self.assertEqual(self.listener.received, b"", "no application gets a byte")

    def test_one_way_of_asking_is_two_packets_where_all_arrives(self):
        for version in FAMILIES:
            answer, rows = self.ask(version, port=None, methods="icmp")
            self.assertEqual((answer["outcome"], list(rows), answer["packets"]), ("full", ["icmp"], 2), answer["words"])
            self.narrow(1400)
            answer, rows = self.ask(version, port=None, methods="icmp,fragments")
            self.assertEqual((answer["outcome"], rows["icmp"]["path_mtu"], rows["icmp"]["packets"]), ("smaller", 1400, 3))
            self.assertEqual(rows["fragments"]["outcome"], "arrive")
            self.narrow(9000)

    def test_every_mtu_that_is_told_of(self):
        for mtu in (8999, 1500, 1492, 1400, 1280, 576):
            for version in FAMILIES:
                if version == 6 and mtu < 1280:
                    continue
                self.narrow(mtu)
                answer, rows = self.ask(version, methods="icmp,tcp")
                self.assertEqual((answer["outcome"], rows["tcp"]["path_mtu"]), ("smaller", mtu), answer["words"])
                self.assertEqual(rows["icmp"]["errors_from"], LEFT4 if version == 4 else LEFT6)
                self.assertEqual(rows["icmp"]["error_mtu"], mtu)
                self.forget()

    def test_every_black_hole(self):
        for mtu in (8999, 2345, 1499, 1280, 577):
            for version in FAMILIES:
                if version == 6 and mtu < 1280:
                    continue
                self.lab.size_loss(mtu, netns=self.lab.middle[0])
                answer, rows = self.ask(version)
                self.assertEqual(answer["outcome"], "black_hole", answer["words"])
                for method in ("icmp", "tcp", "udp"):
                    self.assertEqual((rows[method]["outcome"], rows[method]["path_mtu"]), ("black_hole", mtu))
                    self.assertIsNone(rows[method]["errors_from"])
                self.assertEqual(rows["tcp"]["passes_to_ttl"], 2)
                self.lab.heal()

    def test_without_any_echo(self):
        self.lab.rules(self.lab.server, "input", "icmp type echo-request drop", "icmpv6 type echo-request drop")
        self.lab.size_loss(1444, netns=self.lab.middle[0])
        for version in FAMILIES:
            answer, rows = self.ask(version)
            self.assertEqual((answer["outcome"], rows["tcp"]["path_mtu"]), ("black_hole", 1444), answer["words"])
            self.assertEqual(rows["icmp"]["outcome"], "unanswered")

    def test_large_echo_that_is_refused_is_no_black_hole(self):
        self.lab.rules(self.lab.server, "input", "meta l4proto { icmp, ipv6-icmp } meta length > 1000 drop")
        for version in FAMILIES:
            answer, rows = self.ask(version)
            self.assertEqual((answer["outcome"], rows["tcp"]["path_mtu"]), ("full", 9000), answer["words"])
            self.assertIn("echo only comes back up to", answer["words"])

    def test_nothing_answers(self):
        self.lab.rules(self.lab.server, "input", "drop")
        answer, _ = self.ask(4)
        self.assertEqual(answer["outcome"], "unanswered")

    def test_without_privilege(self):
        """Plain sockets: datagrams and, where the group may, echo; what is left out is said."""
        self.narrow(1400)
        for version in FAMILIES:
            answer, rows = self.ask(version, unprivileged=True)
            self.assertEqual((answer["outcome"], rows["udp"]["path_mtu"]), ("smaller", 1400), answer["words"])
            self.assertEqual((rows["udp"]["errors_from"], rows["udp"]["error_mtu"]), (LEFT4 if version == 4 else LEFT6, 1400))
            self.assertEqual({rows[each]["outcome"] for each in ("icmp", "tcp")}, {"not_tried"})
            self.assertNotIn("fragments", rows)
            self.assertEqual(answer["method"], "plain_sockets")
            for said in ("CAP_NET_RAW", "ping_group_range", "a SYN with data", "fragments"):
                self.assertIn(said, answer["fallback"])
            self.forget()
        answer, _ = self.ask(4, unprivileged=True, methods="tcp")
        self.assertEqual((answer["outcome"], answer["packets"]), ("not_tried", 0), answer)
        self.narrow(9000)
        self.lab.host.sysctl("net.ipv4.ping_group_range", "65534 65534")
        for mtu in (1444, 1300):
            self.lab.size_loss(mtu, netns=self.lab.middle[0])
            for version in FAMILIES:
                answer, rows = self.ask(version, port=None, methods="icmp", unprivileged=True)
                self.assertEqual((answer["outcome"], rows["icmp"]["path_mtu"]), ("black_hole", mtu), answer["words"])
                self.assertEqual(rows["icmp"]["passes_to_ttl"], 2)
            self.lab.heal()
        answer, _ = self.ask(4, unprivileged=True, methods="icmp")
        self.assertEqual(answer["outcome"], "full", answer["words"])
        self.assertEqual(self.listener.received, b"")

    def test_a_name_means_each_of_its_addresses(self):
        self.addCleanup(hosts_file(self.lab.host, both=(SERVER[4], SERVER[6])))
        answer = probe(self.lab.host, "pmtu", "both", methods="icmp", server=LEFT4)
        self.assertEqual({(row["address"], row["path_mtu"]) for row in answer["tables"]["probe_pmtu"] if row["method"] == "icmp"},
                         {(SERVER[4], 9000), (SERVER[6], 9000)})
        self.assertIn("both is %s (hosts file), %s (hosts file)" % (SERVER[4], SERVER[6]), answer["words"])
        answer = probe(self.lab.host, "pmtu", "both", methods="icmp", server=LEFT4, family=6)
        self.assertEqual({row["address"] for row in answer["tables"]["probe_pmtu"]}, {SERVER[6]})
        answer = probe(self.lab.host, "pmtu", "nobody", server=LEFT4, family=4)
        self.assertEqual((answer["outcome"], answer["error"]), ("no_addresses", ""))
        self.assertIn("no IPv4 address is known for nobody", answer["words"])

    def test_lost_fragments(self):
        # Before conntrack's defragmentation, where fragments are still seen as such.
        self.lab.middle[0].exec("nft", "-f", "-", stdin="""
add chain inet lab early { type filter hook prerouting priority -450; }
add rule inet lab early ip frag-off & 0x3fff != 0 drop
add rule inet lab early exthdr frag exists drop
""")
        for version in FAMILIES:
            answer, rows = self.ask(version)
            self.assertEqual(answer["outcome"], "fragments_lost", answer["words"])
            self.assertEqual(rows["fragments"]["outcome"], "lost")
            self.assertEqual(rows["tcp"]["outcome"], "full")
            target = bracketed(SERVER[version], PORT)
            found, _ = findings(self.lab.host, target, observe="200ms")
            self.assertEqual(found["mtu.fragments_lost"]["status"], "confirmed")
            self.assertEqual(found["mtu.fragments_lost"]["subject"]["peer"], SERVER[version])
        self.lab.heal()
        found, _ = findings(self.lab.host, target, observe="200ms")
        self.assertNotIn("mtu.fragments_lost", found)

    def test_black_hole_in_a_report(self):
        for version in FAMILIES:
            target = bracketed(SERVER[version], PORT)
            self.lab.size_loss(1400, netns=self.lab.middle[0])
            found, _ = findings(self.lab.host, target)
            finding = found["mtu.pmtu_blackhole"]
            self.assertEqual(finding["status"], "confirmed")
            self.assertIn("packets of up to 1400 bytes reach", finding["summary"])
            self.assertTrue(any("maxseg" in fix.get("command", "") for fix in finding["fix"]))
            self.assertTrue(any("tcp_mtu_probing" in fix.get("command", "") for fix in finding["fix"]))
            self.assertNotIn("mtu.interface_above_path", found)
            self.lab.heal()
            found, report = findings(self.lab.host, target)
            self.assertEqual(found, {})
            # A smaller MTU that works is none either.
            self.narrow(1400)
            found, report = findings(self.lab.host, target)
            self.assertEqual(found, {})
            self.narrow(9000)
            self.forget()

    def test_an_interface_above_its_link(self):
        self.lab.size_loss(1500, netns=self.lab.left, hook="input")
        for address in (LEFT4, LEFT6):
            found, _ = findings(self.lab.host, bracketed(address, PORT))
            finding = found["mtu.interface_above_path"]
            self.assertEqual(finding["status"], "confirmed")
            self.assertEqual(finding["summary"],
                             "eth0 sends packets of 9000 bytes, but only 1500 bytes reach %s on the same link" % address)
            self.assertNotIn("mtu.pmtu_blackhole", found)

    def hang(self, version):
        """A connection over which a small request was answered, and whose bulk then never arrives."""
        with inside(self.lab.host):
            client = socket.create_connection((SERVER[version], 9001), timeout=5)
        self.addCleanup(client.close)
        served, peer = self.bulk.accept()
        while peer[1] != client.getsockname()[1]:  # a probe's
            served.close()
            served, peer = self.bulk.accept()
        self.addCleanup(served.close)
        client.send(b"small request")
        served.recv(100)
        served.send(b"small answer")
        client.recv(100)
        self.lab.size_loss(1400, netns=self.lab.middle[0])
        client.setblocking(False)
        client.send(b"x" * 60000)

    def test_connections_that_hang_are_suspected(self):
        with inside(self.lab.server):
            self.bulk = socket.socket(socket.AF_INET6)
            self.bulk.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self.bulk.bind(("::", 9001))
            self.bulk.listen(8)
        self.addCleanup(self.bulk.close)
        for version in FAMILIES:
            self.hang(version)
            support.wait_for(lambda: self.repeats(version) >= 3, "the segment is sent four times", seconds=30)
            found, _ = findings(self.lab.host)
            self.assertEqual(found["mtu.pmtu_blackhole"]["status"], "suspected")
            self.assertIn("send the same full segment", found["mtu.pmtu_blackhole"]["summary"])
            self.assertIn("`hostcheck run --target %s` probes it" % bracketed(SERVER[version], 9001),
                          found["mtu.pmtu_blackhole"]["because"])
            found, _ = findings(self.lab.host, bracketed(SERVER[version], 9001))
            self.assertEqual(found["mtu.pmtu_blackhole"]["status"], "confirmed")
            self.assertIn("packets of up to 1400 bytes", found["mtu.pmtu_blackhole"]["summary"])
            self.lab.heal()
            support.wait_for(lambda: self.repeats(version) == 0, "the connection goes on", seconds=60)

    def repeats(self, version):
        rows = support.query(self.lab.host, "SELECT max(backoff) AS most FROM connections WHERE remote = '%s' AND "
                             "remote_port = 9001" % SERVER[version])
        return rows[0]["most"] or 0


class Wrong(unittest.TestCase):
    def test_input_that_is_wrong_is_named(self):
        for target, args, said in (("127.0.0.1:0", [], "127.0.0.1:0"), ("127.0.0.1", ["methods=tcp"], "needs a port"),
                                   ("127.0.0.1", ["methods=gre"], "methods=gre"),
                                   ("127.0.0.1:9", ["methods=tcp,fragments"], "icmp or udp")):
            answer = json.loads(support.run(support.HOSTCHECK, "probe", "pmtu", target, *args, "--format", "json", check=False))
            self.assertIn(said, answer["error"])


if __name__ == "__main__":
    support.need_root()
    support.need_programs("nft")
    support.main(at_once=4)
