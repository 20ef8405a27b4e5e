#!/usr/bin/python3
"""Tables made from /proc, against what sysctl(8), nstat(8) and the files themselves show."""

import ctypes
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

import support

support.need_root()
support.need_programs("sysctl", "nstat")

# What a running machine changes between two readings.
MOVING_SYSCTLS = re.compile(r"fs\.(dentry-state|file-nr|inode-nr|inode-state|aio-nr|quota\.)|net\.netfilter\.nf_conntrack_count")

SECRETS = re.compile(r"\.(stable_secret|tcp_fastopen_key)$")

# Datagrams to a port that nobody listens on: the program says when the first one is out, and goes on until it is killed.
REFUSED = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(int(sys.argv[1])):
    s.sendto(b"x", ("127.0.0.1", 4001))
    if number == 0: print("sent", flush=True)
    if len(sys.argv) > 2: time.sleep(0.01)
"""


def read_file(path):
    with open(path) as file:
        return file.read()


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


class Sysctls(unittest.TestCase):
    def compare(self, netns):
        """Interfaces of the first namespace may come and go: what was there before and after must be in the table."""
        before = sysctl_all(netns)
        facts = support.facts(netns, "sysctls")
        shown = sysctl_all(netns)
        self.assertEqual([], facts["absences"])
        rows = {row["name"]: row for row in facts["sysctls"]}
        self.assertEqual(len(rows), len(facts["sysctls"]), "no setting twice")
        either = set(before) | set(shown)
        own = {name for name, row in rows.items() if not row["global"] or name.startswith("fs.") or name in either}
        self.assertEqual(set(), set(before) & set(shown) - own)
        self.assertEqual(set(), own - either)
        for name, value in shown.items():
            if MOVING_SYSCTLS.match(name) or name not in rows:
                continue
            if SECRETS.search(name):
                self.assertEqual("(set, not shown)", rows[name]["text"])
                continue
            self.assertIn((rows[name]["text"] or "").split(), (value.split(), before.get(name, "").split()), name)
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
                if SECRETS.search(name):
                    continue
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

    def test_from_inside_a_namespace_the_first_one_is_read(self):
        with support.Netns() as netns:
            facts = json.loads(netns.exec(support.FACTS_DUMP, "sysctls:name=net.ipv4.tcp_mem", "tcp_memory", "namespaces"))
            self.assertEqual([], facts["absences"])
            self.assertEqual([(netns.name, True)], [(row["netns"], row["global"]) for row in facts["sysctls"]])
            self.assertEqual(facts["tcp_memory"][0]["high"], facts["sysctls"][0]["v3"])
            self.assertEqual([(netns.name, False), ("init", True)],
                             sorted((row["netns"], row["first"]) for row in facts["namespaces"]
                                    if row["here"] or row["first"]))

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


class Machine(unittest.TestCase):
    def test_softnet_shows_the_file(self):
        before = [line.split() for line in read_file("/proc/net/softnet_stat").splitlines()]
        rows = support.facts(None, "softnet")["softnet"]
        after = [line.split() for line in read_file("/proc/net/softnet_stat").splitlines()]
        self.assertEqual(len(before), len(rows))
        for low, row, high in zip(before, rows, after):
            for place, column in enumerate(("processed", "dropped", "time_squeeze")):
                self.assertTrue(int(low[place], 16) <= row[column] <= int(high[place], 16))

    def test_softirqs_show_the_file(self):
        def read():
            with open("/proc/softirqs") as file:
                cpus = [int(word[3:]) for word in file.readline().split()]
                return {(words[0][:-1], cpu): int(count)
                        for words in map(str.split, file) for cpu, count in zip(cpus, words[1:])}
        before = read()
        rows = {(row["type"], row["cpu"]): row["value"] for row in support.facts(None, "softirqs")["softirqs"]}
        after = read()
        online = {cpu for _, cpu in rows}
        self.assertEqual(os.sysconf("SC_NPROCESSORS_ONLN"), len(online))
        self.assertEqual({key for key in before if key[1] in online}, set(rows))
        for key, value in rows.items():
            self.assertTrue(before[key] <= value <= after[key], key)

    def test_interrupts_show_the_file(self):
        def read():
            counts = {}
            with open("/proc/interrupts") as file:
                cpus = [int(word[3:]) for word in file.readline().split()]
                for line in file:
                    label, rest = line.split(":", 1)
                    words = rest.split()
                    if len(words) == 1:
                        cpus_of_line = [None]
                    else:
                        cpus_of_line = cpus
                    counts.update({(label.strip(), cpu): int(count) for cpu, count in zip(cpus_of_line, words)})
            return counts
        before = read()
        rows = {(row["irq"], row["cpu"]): row["value"] for row in support.facts(None, "interrupts")["interrupts"]}
        after = read()
        self.assertEqual(set(), {key for key, count in before.items() if count} - set(rows))
        for key, value in rows.items():
            self.assertTrue(before[key] <= value <= after[key] and value > 0, key)

    def test_file_handles_and_tcp_memory_show_their_files(self):
        with support.Netns() as netns:
            facts = support.facts(netns, "file_handles", "tcp_memory")
            self.assertEqual([], facts["absences"])
            self.assertEqual(int(read_file("/proc/sys/fs/file-max")), facts["file_handles"][0]["max"])
            self.assertEqual(int(read_file("/proc/sys/fs/nr_open")), facts["file_handles"][0]["process_max"])
            row = facts["tcp_memory"][0]
            self.assertEqual(list(map(int, read_file("/proc/sys/net/ipv4/tcp_mem").split())),
                             [row["low"], row["pressure"], row["high"]])
            self.assertEqual(int(read_file("/proc/sys/net/ipv4/tcp_max_orphans")), row["max_orphans"])
            self.assertEqual(os.sysconf("SC_PAGESIZE"), row["page_bytes"])

    def test_the_host_is_this_one(self):
        row = support.facts(None, "host")["host"][0]
        names = os.uname()
        self.assertEqual((names.nodename, names.release, names.machine), (row["name"], row["kernel"], row["machine"]))
        self.assertEqual(os.sysconf("SC_NPROCESSORS_ONLN"), row["cpus"])
        self.assertEqual(read_file("/proc/sys/kernel/random/boot_id").strip(), row["boot_id"])
        self.assertLess(abs(float(read_file("/proc/uptime").split()[0]) - row["uptime_s"]), 5)

    def test_the_asked_namespace_is_marked(self):
        with support.Netns() as netns:
            for asked, expected in ((None, {"init"}), (netns, {netns.name})):
                rows = support.facts(asked, "namespaces")["namespaces"]
                self.assertEqual(expected, {row["netns"] for row in rows if row["asked"]})
                self.assertEqual({"init"}, {row["netns"] for row in rows if row["first"]})


class Resolvers(unittest.TestCase):
    def test_a_namespace_with_a_file_of_its_own(self):
        with support.Netns() as netns:
            folder = "/etc/netns/" + netns.name
            made_parent = not os.path.exists("/etc/netns")
            os.makedirs(folder)
            try:
                with open(folder + "/resolv.conf", "w") as file:
                    file.write("nameserver 10.9.8.7\nsearch example.org\noptions ndots:4\n")
                facts = support.facts(netns, "resolvers", "resolver_config")
                self.assertEqual(["10.9.8.7"], [row["server"] for row in facts["resolvers"]])
                self.assertEqual(("example.org", 4, folder + "/resolv.conf"),
                                 tuple(facts["resolver_config"][0][column] for column in ("search", "ndots", "path")))
                inside = json.loads(netns.exec(support.FACTS_DUMP, "resolvers"))
                self.assertEqual(["10.9.8.7"], [row["server"] for row in inside["resolvers"]])
            finally:
                os.remove(folder + "/resolv.conf")
                os.rmdir(folder)
                if made_parent:
                    os.rmdir("/etc/netns")


class KernelLog(unittest.TestCase):
    def test_what_a_bridge_says_is_seen_with_its_age(self):
        port = "hcp%d" % (os.getpid() % 100000)
        with support.Netns() as netns:
            netns.ip("link", "add", "br0", "type", "bridge")
            netns.ip("link", "add", port, "type", "veth", "peer", "name", "peer0")
            netns.ip("link", "set", port, "master", "br0")
            facts = support.facts(netns, "kernel_log")
            rows = [row for row in facts["kernel_log"] if row["topic"] == "bridge" and row["ifname"] == port]
            if not rows and "blocking state" not in support.run("dmesg"):
                self.skipTest("this kernel's bridge does not log its ports")
            self.assertGreaterEqual(len(rows), 1)
            self.assertLess(rows[-1]["age_ms"], 5000)
            self.assertEqual("info", rows[-1]["priority"])


class LessPrivilege(unittest.TestCase):
    def unprivileged(self, *words):
        with tempfile.TemporaryDirectory() as folder:
            program = shutil.copy(support.FACTS_DUMP, folder)
            os.chmod(folder, 0o755)
            os.chmod(program, 0o755)
            return json.loads(support.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, *words))

    def test_an_ordinary_user_sees_the_settings_and_what_is_denied(self):
        facts = self.unprivileged("sysctls", "tcp_memory", "counters")
        denied = {each["subject"] for each in facts["absences"]}
        self.assertEqual({"sysctls"}, {each["table"] for each in facts["absences"]} or {"sysctls"})
        self.assertEqual({"denied"}, {each["code"] for each in facts["absences"]} or {"denied"})
        self.assertEqual(set(), denied & {row["name"] for row in facts["sysctls"]})
        self.assertIn("net.ipv4.tcp_fastopen_key", denied)
        self.assertIn("net.core.netdev_max_backlog", {row["name"] for row in facts["sysctls"]})
        self.assertEqual(1, len(facts["tcp_memory"]))

    def test_a_log_that_is_restricted_is_absent(self):
        if read_file("/proc/sys/kernel/dmesg_restrict").strip() != "1":
            self.skipTest("kernel.dmesg_restrict is 0")
        facts = self.unprivileged("kernel_log")
        self.assertEqual([], facts["kernel_log"])
        self.assertEqual(["denied"], [each["code"] for each in facts["absences"]])
        self.assertIn("CAP_SYSLOG", facts["absences"][0]["remedy"])

    def test_where_the_device_is_missing_or_another_the_log_is_read_all_the_same(self):
        """As containers have it; what is bound over it would look like an empty log."""
        def kernel_log(*before):
            facts = json.loads(support.run(*before, support.FACTS_DUMP, "kernel_log"))
            self.assertEqual([], facts["absences"])
            return {(row["level"], row["topic"], row["ifname"], row["text"]) for row in facts["kernel_log"]}

        with support.Netns("log") as netns:
            port = "hck%d" % (os.getpid() % 100000)
            netns.ip("link", "add", "bridge0", "type", "bridge")
            netns.ip("link", "add", port, "type", "veth", "peer", "name", "peer0")
            netns.ip("link", "set", port, "master", "bridge0")
            for hide in ("mount -t tmpfs none /dev", "mount --bind /dev/null /dev/kmsg"):
                with self.subTest(hide):
                    before = kernel_log()
                    shown = kernel_log("unshare", "--mount", "sh", "-c", hide + ' && exec "$0" "$@"')
                    self.assertIn(port, {ifname for _, _, ifname, _ in shown})
                    # Messages of others may come meanwhile.
                    self.assertEqual(set(), before - shown)
                    self.assertEqual(set(), shown - kernel_log())

    def test_inside_a_container_the_first_namespaces_settings_are_absent(self):
        command = ["unshare", "--net", "--pid", "--fork", "--mount-proc", support.FACTS_DUMP]
        probe = subprocess.run(command[:-1] + ["true"], capture_output=True, text=True)
        if probe.returncode != 0:
            self.skipTest("unshare: " + probe.stderr.strip())
        facts = json.loads(support.run(*command, "sysctls:name=net.ipv4.tcp_mem", "tcp_memory"))
        self.assertEqual([], facts["sysctls"] + facts["tcp_memory"])
        self.assertEqual({("sysctls", "net.ipv4.tcp_mem"), ("tcp_memory", "")},
                         {(each["table"], each["subject"]) for each in facts["absences"]})


if __name__ == "__main__":
    support.main()
