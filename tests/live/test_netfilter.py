"""The tables of the packet filter and of connection tracking against nft, iptables-save and conntrack, row by row."""

import collections
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest

import support

support.need_root()
support.need_programs("nft")

DATA = os.path.join(os.path.dirname(__file__), "data")
NETFILTER = ("netfilter_backends", "netfilter_chains", "netfilter_rules")


SEND = """
import socket, sys, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[1])):
    out.sendto(b"x", ("127.0.0.1", 9))
    time.sleep(float(sys.argv[2]))
"""


def send(netns, packets):
    """Datagrams to a port of the namespace's loopback."""
    netns.exec(sys.executable, "-c", SEND, packets, 0)


def load_nft(netns, path):
    """Loads a ruleset; lines that this kernel or this nft refuses are left out."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for _ in range(50):
        command = ["ip", "netns", "exec", netns.name, "nft", "-f", "/dev/stdin"]
        done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True)
        if done.returncode == 0:
            return
        bad = {int(number) for number in re.findall(r"^/dev/stdin:(\d+):", done.stderr, re.M)}
        if not bad:
            raise AssertionError(done.stderr)
        for number in bad:
            lines[number - 1] = ""
    raise AssertionError("nft refuses the ruleset")


def load_iptables(netns, suffix):
    """Runs the commands of iptables.rules with iptables-SUFFIX and ip6tables-SUFFIX."""
    programs = {"x": "iptables-" + suffix, "y": "ip6tables-" + suffix}
    with open(os.path.join(DATA, "iptables.rules"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    for line in lines:
        words = shlex.split(line, comments=line.startswith("#"))
        if words:
            command = ["ip", "netns", "exec", netns.name, programs[words[0]], *words[1:]]
            subprocess.run(command, capture_output=True, check=False)


def save_of(netns, program):
    """iptables-save -c as ([(table, chain, packets, bytes, text)], [(table, chain, policy)])."""
    rules, chains, table = [], [], None
    for line in netns.exec(program, "-c").splitlines():
        if line.startswith("*"):
            table = line[1:]
        rule = re.match(r"\[(\d+):(\d+)\] -A (\S+) ?(.*)$", line)
        if rule:
            rules.append((table, rule[3], int(rule[1]), int(rule[2]), rule[4].strip()))
        chain = re.match(r":(\S+) (\S+) \[(\d+):(\d+)\]", line)
        if chain:
            policy = {"ACCEPT": "accept", "DROP": "drop", "-": None}[chain[2]]
            chains.append((table, chain[1], policy, *((int(chain[3]), int(chain[4])) if policy else (None, None))))
    return rules, chains


def by_chain(rows):
    """Rows in an order that keeps that of each chain."""
    return sorted(rows, key=lambda row: (row[0], row[1]))


def texts_of_nft(netns):
    """nft's own words: {(family, table, handle): (chain, text)}, counters without their numbers."""
    texts = {}
    family = table = chain = None
    for line in netns.exec("nft", "-a", "list", "ruleset").splitlines():
        if match := re.match(r"table (\S+) (\S+) \{", line):
            family, table = match[1], match[2]
            chain = None
        elif match := re.match(r"\tchain (\S+) \{", line):
            chain = match[1]
        elif chain and (match := re.match(r"\t\t(.*) # handle (\d+)$", line)):
            text = re.sub(r"counter packets \d+ bytes \d+", "counter", match[1])
            texts[family, table, int(match[2])] = (chain, re.sub(r' comment ".*"$', "", text))
    return texts


# What nft words in a way of its own: times of day in its time zone, and one value of several bit fields.
NOT_THE_SAME_WORDS = re.compile(r"meta (time|hour) |icmp code |ip dscp cs0 ip ecn ")


class Nftables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.netns = support.Netns("nft")
        load_nft(cls.netns, os.path.join(DATA, "ruleset.nft"))
        cls.netns.exec("nft", "add", "table", "ip", "seen")
        cls.netns.exec("nft", "add", "chain", "ip", "seen", "in", "{ type filter hook input priority 7; policy accept; }")
        cls.netns.exec("nft", "add", "rule", "ip", "seen", "in", "udp", "dport", "9", "counter")
        cls.netns.exec("nft", "insert", "rule", "inet", "fw", "input", "iif", "lo", "counter", "accept")
        send(cls.netns, 3)
        cls.facts = support.facts(cls.netns, *NETFILTER)
        cls.json = json.loads(cls.netns.exec("nft", "-j", "list", "ruleset"))["nftables"]

    def test_every_rule_and_no_other(self):
        self.assertEqual(self.facts["absences"], [])
        wanted = [rule["rule"] for rule in self.json if "rule" in rule]
        self.assertGreater(len(wanted), 100)
        position = collections.Counter()
        expected = []
        for rule in wanted:
            key = (rule["family"], rule["table"], rule["chain"])
            position[key] += 1
            counters = [each["counter"] for each in rule["expr"] if isinstance(each.get("counter"), dict)]
            expected.append((*key, rule["handle"], position[key], rule.get("comment"),
                             counters[0]["packets"] if counters else None, counters[0]["bytes"] if counters else None))
        got = [(row["family"], row["table"], row["chain"], row["handle"], row["position"], row["comment"], row["packets"],
                row["bytes"]) for row in self.facts["netfilter_rules"]]
        self.assertEqual(sorted(got, key=str), sorted(expected, key=str))
        self.assertGreater(sum(row["packets"] or 0 for row in self.facts["netfilter_rules"]), 0)

    def test_verdicts(self):
        simple = ("accept", "drop", "reject", "return", "jump", "goto", "continue", "masquerade", "snat", "dnat", "redirect",
                  "fwd", "notrack", "vmap", "log")
        rows = {(row["family"], row["table"], row["handle"]): row for row in self.facts["netfilter_rules"]}
        for each in self.json:
            if "rule" not in each:
                continue
            rule = each["rule"]
            verdict = target = None
            for expression in rule["expr"]:
                name = next(iter(expression))
                if name in simple and not (name == "log" and verdict):
                    verdict, body = name, expression[name]
                    target = body["target"] if name in ("jump", "goto") else None
            row = rows[rule["family"], rule["table"], rule["handle"]]
            if row["verdict"] == "tcpmss":  # nft calls it a mangle of a TCP option
                continue
            self.assertEqual((row["verdict"], row["target"]), (verdict, target), row["text"])

    def test_text_is_what_nft_prints(self):
        wanted = texts_of_nft(self.netns)
        rows = {(row["family"], row["table"], row["handle"]): row for row in self.facts["netfilter_rules"]}
        self.assertEqual(set(rows), set(wanted))
        for key, (chain, text) in wanted.items():
            if NOT_THE_SAME_WORDS.search(text):
                continue
            self.assertEqual((rows[key]["chain"], rows[key]["text"]), (chain, text))

    def test_chains(self):
        chains = [each["chain"] for each in self.json if "chain" in each]
        expected = [(chain["family"], chain["table"], chain["name"], chain["handle"], chain.get("type"), chain.get("hook"),
                     chain.get("prio"), chain.get("policy"), "hook" in chain) for chain in chains]
        rows = self.facts["netfilter_chains"]
        got = [(row["family"], row["table"], row["chain"], row["handle"], row["type"], row["hook"], row["priority"],
                row["policy"], row["base"]) for row in rows]
        self.assertEqual(sorted(got, key=str), sorted(expected, key=str))
        # nft -j of this age leaves the device out.
        self.assertEqual([row["device"] for row in rows if row["family"] == "netdev"], ["lo"])
        counted = collections.Counter((row["family"], row["table"], row["chain"]) for row in self.facts["netfilter_rules"])
        for row in rows:
            self.assertEqual(row["rules"], counted[row["family"], row["table"], row["chain"]])

    def test_columns_of_plain_rules(self):
        rows = {row["text"]: row for row in self.facts["netfilter_rules"] if row["table"] == "fw"}
        row = rows['iifname { "eth0", "eth1" } tcp dport { 22, 80-90, 443 } counter accept']
        self.assertEqual((row["iif"], row["protocol"], row["dport"], row["comment"], row["plain"]),
                         ("eth0,eth1", "tcp", "22,80-90,443", "web and ssh", True))
        row = rows["ip saddr 10.0.0.0/8 tcp dport 80-90 reject with tcp reset"]
        self.assertEqual((row["src"], row["dport"], row["plain"]), ("10.0.0.0/8", "80-90", True))
        row = rows["ct state established,related accept"]
        self.assertEqual((row["ct_state"], row["plain"]), ("established,related", True))
        row = rows["tcp dport @ports accept"]  # a named set of ports is looked up, other named sets are not
        self.assertEqual((row["dport"], row["plain"]), ("22,80-90,443", True))
        row = rows["ip saddr @bad drop"]
        self.assertEqual((row["src"], row["plain"]), (None, False))
        row = rows["tcp dport != 22 drop"]
        self.assertEqual((row["dport"], row["plain"]), (None, False))

    def test_nft_is_in_use_and_nothing_else(self):
        backends = {row["backend"]: row for row in self.facts["netfilter_backends"]}
        self.assertEqual(set(backends), {"nft", "iptables-legacy", "ip6tables-legacy"})
        self.assertTrue(backends["nft"]["in_use"])
        self.assertEqual(backends["nft"]["rules"], len(self.facts["netfilter_rules"]))
        self.assertEqual(backends["nft"]["tables"], sum("table" in each for each in self.json))
        self.assertFalse(backends["iptables-legacy"]["in_use"] or backends["ip6tables-legacy"]["in_use"])

    def test_deltas_count_what_came_between(self):
        process = self.netns.popen(sys.executable, "-c", SEND, 1000, 0.02, stderr=subprocess.DEVNULL)
        def counted():
            return [row for row in support.facts(self.netns, "netfilter_rules")["netfilter_rules"] if row["table"] == "seen"][0]

        before = counted()["packets"]
        support.wait_for(lambda: counted()["packets"] > before, "packets to count")
        rows = support.facts(self.netns, "netfilter_rules", observe_ms=400)["netfilter_rules"]
        process.kill()
        seen = [row for row in rows if row["table"] == "seen"]
        self.assertEqual(len(seen), 1)
        self.assertGreater(seen[0]["packets_delta"], 0)


class ReadsOnly(unittest.TestCase):
    def test_no_table_comes_into_being(self):
        with support.Netns("clean") as netns:
            facts = support.facts(netns, *NETFILTER, "conntrack", "conntrack_cpu", "conntrack_entries", "conntrack_timeouts")
            for row in facts["netfilter_backends"]:
                self.assertEqual((row["tables"], row["rules"], row["in_use"]), (0, 0, False))
            for name in ("ip_tables_names", "ip6_tables_names"):
                path = "/proc/net/" + name
                if os.path.exists(path):
                    self.assertEqual(netns.exec("cat", path), "")
            self.assertEqual(netns.exec("nft", "list", "ruleset"), "")

    def test_without_privilege_it_says_what_it_cannot_see(self):
        if shutil.which("setpriv") is None:
            self.skipTest("no setpriv")
        with support.Netns("user") as netns:
            command = ["ip", "netns", "exec", netns.name, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                       "--bounding-set", "-all", "--inh-caps", "-all", support.FACTS_DUMP, *NETFILTER, "conntrack",
                       "conntrack_timeouts"]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                self.skipTest("an ordinary user cannot run the test program: " + done.stderr.strip())
            facts = json.loads(done.stdout)
            self.assertEqual(len(facts["conntrack"]), 1)
            for table in NETFILTER:
                codes = {row["code"] for row in facts["absences"] if row["table"] == table}
                self.assertEqual(codes, {"denied"}, table)
                self.assertEqual(facts[table], [])


class Legacy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for program in ("iptables-legacy", "ip6tables-legacy", "iptables-legacy-save"):
            if shutil.which(program) is None:
                raise unittest.SkipTest(program + " is not installed")
        cls.netns = support.Netns("legacy")
        probe = ["ip", "netns", "exec", cls.netns.name, "iptables-legacy", "-L"]
        if subprocess.run(probe, capture_output=True).returncode != 0:
            raise unittest.SkipTest("this kernel has no legacy iptables")
        load_iptables(cls.netns, "legacy")
        send(cls.netns, 3)
        cls.netns.exec("nft", "add", "table", "inet", "beside")
        cls.netns.exec("nft", "add", "chain", "inet", "beside", "c")
        cls.netns.exec("nft", "add", "rule", "inet", "beside", "c", "counter", "drop")
        cls.facts = support.facts(cls.netns, *NETFILTER)

    def compare(self, family, program):
        rules, chains = save_of(self.netns, program)
        self.assertGreater(len(rules), 5)
        got = [(row["table"], row["chain"], row["packets"], row["bytes"], row["text"] or "")
               for row in self.facts["netfilter_rules"] if row["backend"] == "legacy" and row["family"] == family]
        # Extensions whose arguments are not decoded say their name and revision.
        known = [(got_row, row) for got_row, row in zip(by_chain(got), by_chain(rules)) if "[revision" not in got_row[4]]
        self.assertEqual(len(got), len(rules))
        self.assertGreaterEqual(len(known), len(rules) - 2)
        for got_row, row in known:
            self.assertEqual(got_row, row)
        got_chains = [(row["table"], row["chain"], row["policy"], row["packets"], row["bytes"])
                      for row in self.facts["netfilter_chains"] if row["backend"] == "legacy" and row["family"] == family]
        self.assertEqual(sorted(got_chains, key=str), sorted(chains, key=str))

    def test_iptables(self):
        self.assertEqual(self.facts["absences"], [])
        self.compare("ip", "iptables-legacy-save")

    def test_ip6tables(self):
        self.compare("ip6", "ip6tables-legacy-save")

    def test_both_backends_at_once(self):
        backends = {row["backend"]: row for row in self.facts["netfilter_backends"]}
        self.assertTrue(all(row["in_use"] for row in backends.values()), backends)
        self.assertEqual((backends["nft"]["tables"], backends["nft"]["rules"]), (1, 1))
        self.assertFalse(backends["nft"]["iptables_nft"])

    def test_positions_and_columns(self):
        rows = [row for row in self.facts["netfilter_rules"] if row["chain"] == "INPUT" and row["family"] == "ip"]
        self.assertEqual([row["position"] for row in rows], list(range(1, len(rows) + 1)))
        self.assertTrue(all(row["hook"] == "input" and row["priority"] == 0 and row["handle"] is None for row in rows))
        web = next(row for row in rows if row["target"] == "web" and row["verdict"] == "jump")
        self.assertEqual((web["protocol"], web["dport"], web["plain"]), ("tcp", "80,443,8000-8010", True))


class IptablesNft(unittest.TestCase):
    def test_rules_of_iptables_nft(self):
        if shutil.which("iptables-nft") is None or shutil.which("iptables-nft-save") is None:
            self.skipTest("iptables-nft is not installed")
        with support.Netns("ipnft") as netns:
            load_iptables(netns, "nft")
            send(netns, 3)
            facts = support.facts(netns, *NETFILTER)
            self.assertEqual(facts["absences"], [])
            verdicts = {"ACCEPT": "accept", "DROP": "drop", "RETURN": "return", "REJECT": "reject", "LOG": "log",
                        "MASQUERADE": "masquerade", "SNAT": "snat", "DNAT": "dnat", "REDIRECT": "redirect", "NFQUEUE": "queue",
                        "TCPMSS": "tcpmss", "NFLOG": "log", "web": "jump", "TPROXY": "tproxy", "NETMAP": "netmap"}
            for family, program in (("ip", "iptables-nft-save"), ("ip6", "ip6tables-nft-save")):
                rules, chains = save_of(netns, program)
                rows = [row for row in facts["netfilter_rules"] if row["family"] == family]
                got = by_chain([(row["table"], row["chain"], row["packets"], row["bytes"], row) for row in rows])
                self.assertEqual([each[:4] for each in got], [each[:4] for each in by_chain(rules)])
                for (*_, row), (*_, text) in zip(got, by_chain(rules)):
                    target = re.search(r"-[jg] (\S+)", text)
                    if target and target[1] in verdicts and "-g " not in text:
                        self.assertEqual(row["verdict"], verdicts[target[1]], text)
                    if (port := re.search(r"(?<!! )--dport (\S+)", text)) and "multiport" not in text:
                        self.assertEqual(row["dport"], port[1].replace(":", "-"), text)
                policies = {(row["table"], row["chain"], row["policy"]) for row in facts["netfilter_chains"]
                            if row["family"] == family}
                # iptables-nft-save prints the chains of a table's other hooks too, though they do not exist.
                self.assertLessEqual(policies, {each[:3] for each in chains})
                self.assertTrue(all(each[2] == "accept" for each in chains if each[:3] not in policies))
            nft = next(row for row in facts["netfilter_backends"] if row["backend"] == "nft")
            self.assertTrue(nft["iptables_nft"])


class Conntrack(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("conntrack") is None:
            raise unittest.SkipTest("conntrack is not installed")
        cls.netns = support.Netns("ct")
        # A rule that asks for the state makes the kernel track at all.
        cls.netns.exec("nft", "add", "table", "inet", "t")
        cls.netns.exec("nft", "add", "chain", "inet", "t", "o", "{ type filter hook output priority 0; }")
        cls.netns.exec("nft", "add", "rule", "inet", "t", "o", "ct", "state", "new", "counter")
        states = ["ESTABLISHED"] * 7 + ["SYN_SENT"] * 3 + ["TIME_WAIT"] * 2 + ["CLOSE_WAIT"]
        for number, state in enumerate(states):
            cls.insert("-p", "tcp", "--sport", 1000 + number, "--dport", 80, "--state", state,
                       *(["-u", "SEEN_REPLY,ASSURED"] if state == "ESTABLISHED" else []))
        for number in range(4):
            cls.insert("-p", "udp", "--sport", 2000 + number, "--dport", 53)
        cls.insert("-p", "tcp", "--sport", 3000, "--dport", 443, "--state", "ESTABLISHED", source="fd00::1", target="fd00::2")
        send(cls.netns, 1)

    @classmethod
    def insert(cls, *words, source="10.0.0.1", target="10.0.0.2"):
        cls.netns.exec("conntrack", "-I", "-s", source, "-d", target, "--timeout", "300", *words)

    def test_counts_by_kind(self):
        expected = collections.Counter()
        for family, option in (("inet", "ipv4"), ("inet6", "ipv6")):
            for line in self.netns.exec("conntrack", "-L", "-f", option).splitlines():
                words = line.split()
                state = words[3] if "=" not in words[3] and not words[3].startswith("[") else None
                expected[family, words[0], state, "[ASSURED]" in words, "[UNREPLIED]" in words] += 1
        rows = support.facts(self.netns, "conntrack_entries")["conntrack_entries"]
        got = {(row["family"], row["protocol"], row["state"], row["assured"], row["unreplied"]): row["entries"] for row in rows}
        self.assertEqual(len(got), len(rows))
        self.assertEqual(got, dict(expected))

    def test_one_family(self):
        rows = support.facts(self.netns, "conntrack_entries:family=inet6")["conntrack_entries"]
        self.assertEqual([(row["family"], row["entries"]) for row in rows], [("inet6", 1)])

    def test_summary(self):
        row, = support.facts(self.netns, "conntrack")["conntrack"]
        self.assertEqual(row["entries"], int(self.netns.exec("conntrack", "-C")))
        for column, name in (("max", "nf_conntrack_max"), ("buckets", "nf_conntrack_buckets"),
                             ("expect_max", "nf_conntrack_expect_max")):
            self.assertEqual(row[column], int(self.netns.exec("sysctl", "-n", "net.netfilter." + name)))

    def test_counters_of_each_processor(self):
        expected = {}
        for line in self.netns.exec("conntrack", "-S").splitlines():
            values = dict(re.findall(r"(\S+)=(\d+)", line))
            expected[int(values.pop("cpu"))] = {name: int(value) for name, value in values.items()}
        rows = support.facts(self.netns, "conntrack_cpu")["conntrack_cpu"]
        self.assertEqual({row["cpu"] for row in rows}, set(expected))
        names = {"clashres": "clash_resolve", "chaintoolong": "chaintoolong"}
        for row in rows:
            for name, value in expected[row["cpu"]].items():
                self.assertEqual(row[names.get(name, name)], value, name)

    def test_timeouts(self):
        rows = support.facts(self.netns, "conntrack_timeouts")["conntrack_timeouts"]
        got = {}
        for row in rows:
            name = "nf_conntrack_%s_timeout%s" % (row["protocol"], "_" + row["state"] if row["state"] else "")
            got[name] = row["timeout_s"]
        expected = {}
        for line in self.netns.exec("sysctl", "-a", "-r", r"net\.netfilter\.nf_conntrack_.*_timeout").splitlines():
            name, value = line.split(" = ")
            if "frag6" not in name:
                expected[name.removeprefix("net.netfilter.")] = int(value)
        self.assertEqual(got, expected)


if __name__ == "__main__":
    support.main()
