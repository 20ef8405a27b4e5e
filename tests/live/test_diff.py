#!/usr/bin/env python3
"""Two namespaces that differ in known settings: diff names these, and nothing else."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import support

support.need_root()
support.need_programs("nft")
try:
    import jsonschema
except ImportError:
    support.skip_all("python3-jsonschema is not installed")

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "core", "report", "diff.schema.json")
LISTEN = ("import socket, time; s = socket.create_server(('0.0.0.0', %d), backlog=%d); print('ready', flush=True); time.sleep(600)")


def hostcheck(*words):
    return subprocess.run([support.HOSTCHECK, *words], capture_output=True, text=True, timeout=120, check=False)


class Diff(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        # Namespaces alike, each with a router of its own on the other end of its cable.
        cls.hosts = []
        for name in ("fine", "sick"):
            host, router = support.Netns(name), support.Netns("router")
            support.veth_pair(host, router)
            host.ip("addr", "add", "10.77.0.%d/24" % (11 + len(cls.hosts)), "dev", "veth0")
            host.ip("route", "add", "default", "via", "10.77.0.1")
            cls.hosts.append(host)
        cls.listen(cls.hosts[0], 8080, 100)
        cls.listen(cls.hosts[1], 8080, 7)
        cls.alike = [cls.snapshot(host, "alike-" + name) for host, name in zip(cls.hosts, ("fine", "sick"))]

        sick = cls.hosts[1]
        sick.sysctl("net.ipv4.tcp_window_scaling", 0)
        for name in ("all", "veth0"):
            sick.sysctl("net.ipv4.conf.%s.rp_filter" % name, 1)
            cls.hosts[0].sysctl("net.ipv4.conf.%s.rp_filter" % name, 0)
        sick.ip("link", "set", "veth0", "mtu", "1400", "txqueuelen", "17")
        sick.ip("route", "replace", "default", "via", "10.77.0.9", "mtu", "1300")
        sick.ip("rule", "add", "priority", "77", "fwmark", "7", "lookup", "main")
        support.veth_pair(sick, support.Netns("end"), "extra7")
        sick.exec("nft", "-f", "-", stdin="table inet t { chain c { type filter hook input priority 0; tcp dport 4321 drop; }; }")
        cls.listen(sick, 9999, 5)
        cls.files = [cls.snapshot(host, name) for host, name in zip(cls.hosts, ("fine", "sick"))]

    @staticmethod
    def listen(host, port, backlog):
        process = host.popen(sys.executable, "-c", LISTEN % (port, backlog), stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"

    @classmethod
    def snapshot(cls, host, name, *options):
        file = os.path.join(cls.folder, name + ".db")
        done = hostcheck("snapshot", "-o", file, "--netns", host.name, "--observe", "0", "--quiet", *options)
        assert done.returncode == 0, done.stderr
        return file

    def diff(self, *words, expected=1):
        done = hostcheck("diff", "--format", "json", *words)
        self.assertEqual(done.returncode, expected, done.stderr)
        self.assertEqual(done.stderr, "")
        answer = json.loads(done.stdout)
        with open(SCHEMA, encoding="utf-8") as file:
            jsonschema.validate(answer, json.load(file), cls=jsonschema.Draft202012Validator)
        return answer

    @staticmethod
    def values(answer, what):
        """The values of one difference, by its words; None where there is no such difference."""
        for each in answer["differences"]:
            if each["what"] == what:
                return [value.get("value", value["is"]) for value in each["values"]]
        return None

    def test_equal_settings_are_no_difference(self):
        answer = self.diff(*self.alike)
        # All that was made differently before anything was changed.
        self.assertEqual([each["what"] for each in answer["differences"]], ["0.0.0.0 port 8080 accept_limit"])
        self.assertGreater(answer["equal"], 500)

    def test_a_file_against_itself_is_equal(self):
        self.assertEqual(self.diff(self.files[0], self.files[0], expected=0)["differences"], [])

    def test_what_was_changed_is_told(self):
        answer = self.diff(*self.files)
        for what, values in (
            ("net.ipv4.tcp_window_scaling", ["1", "0"]),
            ("net.ipv4.conf.{all,veth0}.rp_filter", ["0", "1"]),
            ("veth0 mtu", [1500, 1400]),
            ("veth0 tx_queue_len", [1000, 17]),
            ("0.0.0.0 port 8080 accept_limit", [100, 7]),
            ("0.0.0.0 port 9999", ["not_there", "there"]),
            ("interface extra7", ["not_there", "there"]),
        ):
            self.assertEqual(self.values(answer, what), values, "%s of %s" % (what, [each["what"] for each in answer["differences"]]))
        told = {each["what"]: each for each in answer["differences"]}
        route = [each for what, each in told.items() if each.get("table") == "routes" and each.get("column") in ("gateway", "mtu")]
        self.assertEqual({each["column"]: [value["value"] for value in each["values"]] for each in route},
                         {"gateway": ["10.77.0.1", "10.77.0.9"], "mtu": [None, 1300]})
        self.assertTrue(any("77" in what and "fwmark" in what for what in told), told.keys())
        rules = [each for each in told.values() if each.get("table") == "netfilter_rules"]
        self.assertEqual([[value["is"] for value in each["values"]] for each in rules], [["not_there", "value"]])
        self.assertIn("dport 4321", rules[0]["what"])
        self.assertEqual(self.values(answer, "tcp.window_scaling_disabled"), ["not_there", "warning"])
        # Of what hangs on an interface that one of them lacks, nothing.
        self.assertFalse([what for what in told if "extra7" in what and what != "interface extra7"])

    def test_the_telling_comes_first_and_noise_not_at_all(self):
        answer = self.diff(*self.files)
        weights = [each["weight"] for each in answer["differences"]]
        self.assertEqual(weights, sorted(weights, key=["strong", "medium", "weak"].index))
        self.assertEqual(answer["differences"][0]["topic"], "finding")
        words = " ".join(each["what"] for each in answer["differences"])
        for noise in ("ifindex", "10.77.0.11", "10.77.0.12", "pid", "file-nr", "rx_packets", "inode"):
            self.assertNotIn(noise, words)

    def test_as_text(self):
        done = hostcheck("diff", *self.files)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertTrue(all(len(line) < 100 for line in done.stdout.splitlines()), done.stdout)
        self.assertRegex(done.stdout, r"sysctl +net\.ipv4\.tcp_window_scaling +1 +0\n")
        self.assertRegex(done.stdout, r"listener +0\.0\.0\.0 port 9999 +not there +there\n")
        self.assertRegex(" ".join(done.stdout.splitlines()[:2]), r"· fine \(Linux .* sick \(Linux ")

    def test_what_could_not_be_read_is_said(self):
        file = os.path.join(self.folder, "cut.db")
        with open(self.files[1], "rb") as source, open(file, "wb") as target:
            target.write(source.read())
        import sqlite3
        connection = sqlite3.connect(file)
        connection.execute("UPDATE links SET mtu = NULL WHERE ifname = 'veth0'")
        connection.execute("INSERT INTO absences(table_name, column_name, netns, subject, code, reason, remedy) "
                           "VALUES('links', 'mtu', '', 'veth0', 'denied', 'a made-up reason', '')")
        connection.commit()
        connection.close()
        answer = self.diff(self.files[0], file)
        self.assertIsNone(self.values(answer, "veth0 mtu"))
        self.assertIn({"host": "cut", "table": "links", "column": "mtu", "reason": "a made-up reason", "facts": 1, "example": "veth0"},
                      answer["incomparable"])
        self.assertIn("a made-up reason", hostcheck("diff", "--verbose", self.files[0], file).stdout)

    def test_with_this_host(self):
        answer = self.diff(self.files[0], "--netns", self.hosts[1].name, "--observe", "0")
        self.assertEqual(self.values(answer, "veth0 mtu"), [1500, 1400])
        self.assertNotIn("file", answer["hosts"][1])

    def test_groups_are_told_apart(self):
        files = {"fine": [], "sick": []}
        for number in range(2):
            for name, host in zip(files, self.hosts):
                host.sysctl("net.ipv4.tcp_fin_timeout", 30 + 2 * number + (name == "sick"))  # another one each time
                host.sysctl("net.ipv4.tcp_syn_retries", 4 + number)                          # the same in both groups
                files[name].append(self.snapshot(host, "%s-%d" % (name, number)))
        words = [word for name, paths in files.items() for word in ("--group", name + "=" + ",".join(paths))]
        answer = self.diff(*words)
        self.assertEqual(answer["ranked_by"], "score")
        told = {each["what"]: each for each in answer["differences"]}
        perfect, accident = told["net.ipv4.tcp_window_scaling"], told["net.ipv4.tcp_fin_timeout"]
        self.assertEqual((perfect["gain_bits"], perfect["score"]), (1, 1))
        self.assertEqual((accident["gain_bits"], accident["score"]), (1, 0.5))
        self.assertNotIn("net.ipv4.tcp_syn_retries", told)
        scores = [each["score"] for each in answer["differences"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertRegex(hostcheck("diff", *words).stdout, r"tcp_window_scaling +1 ×2 +0 ×2 +1\.00\n")

    def test_anonymous_snapshots_differ_in_settings_only(self):
        files = [self.snapshot(host, "anonymous-%d" % number, "--anonymous") for number, host in enumerate(self.hosts)]
        answer = self.diff(*files)
        self.assertEqual(self.values(answer, "veth0 mtu"), [1500, 1400])
        self.assertFalse([each for each in answer["differences"] if each.get("column") == "gateway"])
        self.assertTrue(any("anonymised" in note for note in answer["notes"]))

    def test_mistakes_are_named(self):
        for words, say in (((), "what with what"), (self.files * 2, "--group sick="), (("--group", "sick"), "NAME=FILE"),
                           (("--group", "a=" + self.files[0]), "give another"), (("--group", "a=x,,y"), "empty file name"),
                           ((*self.files, "--netns", "x"), "this host"), ((self.files[0], "/none.db"), "/none.db"),
                           ((self.files[0], __file__), "not a database")):
            done = hostcheck("diff", *words)
            self.assertIn(done.returncode, (3, 64), words)
            self.assertIn(say, done.stderr, words)
            self.assertEqual(done.stdout, "", words)


if __name__ == "__main__":
    support.main()
