#!/usr/bin/python3
"""Tables made from /proc, against what sysctl(8), nstat(8) and the files themselves show."""

import ctypes
import json
import os
import re
import socket
import subprocess
import threading
import unittest

import support

support.need_root()
support.need_programs("sysctl", "nstat")

# What a running machine changes between two readings.
MOVING_SYSCTLS = re.compile(r"fs\.(dentry-state|file-nr|inode-nr|inode-state|aio-nr|quota\.)|net\.netfilter\.nf_conntrack_count")


# Datagrams to a port that nobody listens on: the program says when the first one is out, and goes on until it is killed.
REFUSED = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(int(sys.argv[1])):
    s.sendto(b"x", ("127.0.0.1", 4001))
    if number == 0: print("sent", flush=True)
    if len(sys.argv) > 2: time.sleep(0.01)
"""


def in_netns(netns, *command):
    return netns.exec(*command) if netns else support.run(*command)


def socket_in(netns, make):
    """A socket that belongs to the namespace, made by a thread that goes there."""
    made = []

    def enter_and_make():
        with open("/run/netns/" + netns.name) as there:
            if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        made.append(make())

    thread = threading.Thread(target=enter_and_make)
    thread.start()
    thread.join()
    return made[0]


def sysctl_all(netns):
    """name -> value lines of `sysctl -a` below net and fs; several lines of one setting are joined."""
    settings = {}
    for line in in_netns(netns, "sysctl", "-a", "--deprecated").splitlines():
        name, equals, value = line.partition(" =")
        if not equals or name.split(".")[0] not in ("net", "fs") or name.startswith("fs.binfmt_misc."):
            continue
        settings.setdefault(name, []).append(value.strip())
    return {name: "\n".join(lines).strip() for name, lines in settings.items()}


def write_only(name):
    path = "/proc/sys/" + name.translate(str.maketrans("./", "/."))
    return os.path.exists(path) and os.stat(path).st_mode & 0o444 == 0


class Sysctls(unittest.TestCase):
    def compare(self, netns):
        shown = sysctl_all(netns)
        facts = support.facts(netns, "sysctls")
        self.assertEqual([], facts["absences"])
        rows = {row["name"]: row for row in facts["sysctls"]}
        self.assertEqual(len(rows), len(facts["sysctls"]), "no setting twice")
        own = {name for name, row in rows.items() if not row["global"] or name.startswith("fs.") or name in shown}
        self.assertEqual(set(), set(shown) - own)
        self.assertEqual(set(), {name for name in own - set(shown) if not write_only(name)})
        for name, value in shown.items():
            if MOVING_SYSCTLS.match(name):
                continue
            self.assertEqual(value.split(), (rows[name]["text"] or "").split(), name)
        return rows, shown

    def test_first_namespace_as_sysctl_shows_it(self):
        rows, _ = self.compare(None)
        self.assertGreater(rows["net.core.netdev_max_backlog"]["value"], 0)
        self.assertFalse(rows["net.core.netdev_max_backlog"]["global"])
        self.assertTrue(rows["fs.file-max"]["global"])

    def test_other_namespace_as_sysctl_shows_it_and_the_global_ones_besides(self):
        with support.Netns() as netns:
            netns.ip("link", "add", "a.b", "type", "veth", "peer", "name", "c")
            netns.sysctl("net.ipv4.ip_local_port_range", "20000 30000")
            rows, shown = self.compare(netns)
            first = sysctl_all(None)
            extra = {name for name, row in rows.items() if name not in shown}
            self.assertEqual(extra, {name for name in set(first) - set(shown)
                                     if not re.match(r"net\.ipv[46]\.(conf|neigh)\.(?!default\.)", name)})
            for name in extra:
                self.assertTrue(rows[name]["global"], name)
                self.assertEqual(first[name].split(), (rows[name]["text"] or "").split(), name)
            for name in ("net.ipv4.neigh.default.gc_thresh3", "net.ipv4.tcp_mem", "net.core.netdev_budget"):
                self.assertIn(name, extra)
            self.assertEqual({netns.name}, {row["netns"] for row in rows.values()})
            self.assertEqual((20000, 30000, None, None), tuple(
                rows["net.ipv4.ip_local_port_range"][column] for column in ("v1", "v2", "v3", "value")))
            self.assertEqual("a.b", rows["net.ipv4.conf.a/b.rp_filter"]["ifname"])
            self.assertEqual("rp_filter", rows["net.ipv4.conf.a/b.rp_filter"]["key"])
            if "net.netfilter.nf_conntrack_max" in rows:
                self.assertTrue(rows["net.netfilter.nf_conntrack_max"]["global"])
                self.assertEqual(first["net.netfilter.nf_conntrack_max"], rows["net.netfilter.nf_conntrack_max"]["text"])

    def test_names_and_patterns_give_the_same_rows_as_all(self):
        with support.Netns() as netns:
            netns.ip("link", "add", "a.b", "type", "veth", "peer", "name", "c")
            rows = {row["name"]: row for row in support.facts(netns, "sysctls")["sysctls"]}
            for pattern in ("net.ipv4.tcp_syncookies", "net.ipv4.tcp_mem", "net.ipv4.conf.*.rp_filter",
                            "net.ipv4.neigh.*.gc_stale_time", "net.ipv4.tcp_*", "fs.file-max", "net.*.forwarding",
                            "net.ipv4.neigh.default.gc_thresh?", "net.ipv4.conf.a/b.*", "*.rp_filter",
                            "net.ipv4.no_such", "vm.swappiness", "net.ipv4.route.flush"):
                expected = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
                filtered = support.facts(netns, "sysctls:name=" + pattern)
                self.assertEqual([], filtered["absences"])
                self.assertEqual({name for name in rows if expected.fullmatch(name)},
                                 {row["name"] for row in filtered["sysctls"]}, pattern)
                self.assertEqual(len({row["name"] for row in filtered["sysctls"]}), len(filtered["sysctls"]))


class Counters(unittest.TestCase):
    def nstat(self, netns):
        return json.loads(in_netns(netns, "nstat", "--json", "-asz"))["kernel"]

    def compare(self, netns):
        before = self.nstat(netns)
        facts = support.facts(netns, "counters")
        after = self.nstat(netns)
        self.assertEqual([], facts["absences"])
        rows = {row["protocol"] + row["name"]: row["value"] for row in facts["counters"]}
        self.assertEqual(len(rows), len(facts["counters"]))
        self.assertEqual(set(), set(before) - set(rows))
        unknown = {name for name in set(rows) - set(after)}
        for name in unknown:
            self.assertRegex(name, r"^(Ip(Forwarding|DefaultTTL)|Tcp(RtoAlgorithm|RtoMin|RtoMax|MaxConn|CurrEstab))$|"
                                   r"^Icmp6?(Msg)?(In|Out)Type\d+$")
        for name, low in before.items():
            high = after[name]
            self.assertTrue(min(low, high) <= rows[name] <= max(low, high), "%s %d %d %d" % (name, low, rows[name], high))
        return {(row["protocol"], row["name"]): row for row in facts["counters"]}

    def test_first_namespace_as_nstat_shows_it(self):
        rows = self.compare(None)
        self.assertEqual(-1, rows["Tcp", "MaxConn"]["value"])
        self.assertTrue(rows["Tcp", "MaxConn"]["gauge"])
        self.assertFalse(rows["TcpExt", "ListenOverflows"]["gauge"])

    def test_other_namespace_as_nstat_shows_it(self):
        with support.Netns() as netns:
            netns.exec("python3", "-c", REFUSED, 3)
            rows = self.compare(netns)
            self.assertEqual(3, rows["Udp", "NoPorts"]["value"])
            self.assertEqual(3, rows["IcmpMsg", "OutType3"]["value"])

    def test_filters_give_the_same_rows_as_all(self):
        with support.Netns() as netns:
            rows = support.facts(netns, "counters")["counters"]
            for terms in ({"protocol": "TcpExt", "name": "ListenOverflows"}, {"name": "InReceives"}, {"protocol": "Ip6"},
                          {"protocol": "IpExt"}, {"protocol": "Nonsense"}):
                asked = "counters:" + ":".join("%s=%s" % term for term in terms.items())
                expected = [row for row in rows if all(row[column] == value for column, value in terms.items())]
                self.assertEqual([(row["protocol"], row["name"]) for row in expected],
                                 [(row["protocol"], row["name"]) for row in support.facts(netns, asked)["counters"]])

    def test_what_moved_during_the_observation_is_its_delta(self):
        with support.Netns() as netns:
            with netns.popen("python3", "-c", REFUSED, 100000, "slowly", stdout=subprocess.PIPE, text=True) as sender:
                sender.stdout.readline()
                facts = support.facts(netns, "counters", observe_ms=300)
                sender.kill()
            rows = {(row["protocol"], row["name"]): row for row in facts["counters"]}
            self.assertGreater(rows["Udp", "NoPorts"]["value_delta"], 2)
            self.assertGreater(rows["Udp", "NoPorts"]["value_per_second"], 5)
            self.assertEqual(0, rows["TcpExt", "ListenOverflows"]["value_delta"])
            self.assertIsNone(rows["Tcp", "CurrEstab"]["value_delta"])


class SocketsInUse(unittest.TestCase):
    def test_sockstat_shows_the_files(self):
        with support.Netns() as netns:
            listener = socket_in(netns, lambda: socket.create_server(("127.0.0.1", 4000)))
            self.addCleanup(listener.close)
            text = netns.exec("cat", "/proc/net/sockstat", "/proc/net/sockstat6")
            expected = set()
            for line in text.splitlines():
                protocol, words = line.split(":")
                words = words.split()
                expected |= {(protocol, name) for name in words[::2]}
            facts = support.facts(netns, "sockstat")
            self.assertEqual([], facts["absences"])
            rows = {(row["protocol"], row["name"]): row["value"] for row in facts["sockstat"]}
            self.assertEqual(expected, set(rows))
            self.assertEqual(1, rows["TCP", "inuse"])

    def test_protocols_show_the_file(self):
        with support.Netns() as netns:
            lines = [line.split() for line in netns.exec("cat", "/proc/net/protocols").splitlines()[1:]]
            rows = support.facts(netns, "protocols")["protocols"]
            self.assertEqual([(line[0], int(line[1]), line[4], line[7]) for line in lines],
                             [(row["protocol"], row["size_bytes"], row["pressure"], row["module"]) for row in rows])


if __name__ == "__main__":
    support.main()
