#!/usr/bin/python3
"""listeners, connections, udp_sockets, socket_summary and processes, against what ss(8) prints for the same state."""

import collections
import os
import re
import shutil
import tempfile
import unittest

import socket_lab
import support
from socket_lab import BOUND, DUAL, FULL, FULL_BACKLOG, HALF_OPEN, LOCAL, MAPPED, SHARED, UDP6, UDP_FULL, V4, V6ONLY

support.need_root()
support.need_programs("ss", "setpriv")

STATES = {"ESTAB": "ESTABLISHED", "SYN-SENT": "SYN_SENT", "SYN-RECV": "SYN_RECV", "FIN-WAIT-1": "FIN_WAIT1",
          "FIN-WAIT-2": "FIN_WAIT2", "TIME-WAIT": "TIME_WAIT", "CLOSE-WAIT": "CLOSE_WAIT", "LAST-ACK": "LAST_ACK",
          "CLOSING": "CLOSING", "LISTEN": "LISTEN", "UNCONN": "UNCONNECTED"}

# What ss calls a number of tcp_info, and the column that has it.
NUMBERS = {"mss": "mss", "pmtu": "pmtu", "rcvmss": "rcv_mss", "advmss": "advmss", "cwnd": "snd_cwnd", "ssthresh": "snd_ssthresh",
           "bytes_sent": "bytes_sent", "bytes_acked": "bytes_acked", "bytes_received": "bytes_received",
           "bytes_retrans": "bytes_retrans", "segs_out": "segs_out", "segs_in": "segs_in", "data_segs_out": "data_segs_out",
           "data_segs_in": "data_segs_in", "rcv_space": "rcv_space", "rcv_ssthresh": "rcv_ssthresh", "snd_wnd": "snd_wnd",
           "unacked": "unacked", "lost": "lost", "sacked": "sacked", "notsent": "notsent_bytes", "delivered": "delivered",
           "reord_seen": "reord_seen", "rcv_ooopack": "rcv_ooopack", "dsack_dups": "dsack_dups", "backoff": "backoff",
           "lastsnd": "last_data_sent_ms", "lastrcv": "last_data_recv_ms", "lastack": "last_ack_recv_ms"}
MEMORY = {"r": "rmem_alloc", "rb": "rcvbuf", "t": "wmem_alloc", "tb": "sndbuf", "f": "fwd_alloc", "w": "wmem_queued", "o": "optmem",
          "bl": "backlog", "d": "drops"}
# ss leaves these out where they are 0.
ZERO_UNSAID = {"bytes_sent", "bytes_acked", "bytes_received", "bytes_retrans", "segs_out", "segs_in", "data_segs_out",
               "data_segs_in", "unacked", "lost", "sacked", "notsent", "delivered", "reord_seen", "rcv_ooopack", "dsack_dups",
               "backoff"}


def address_of(text):
    """("10.0.0.1", 80, "veth0") of ss's 10.0.0.1%veth0:80."""
    address, _, port = text.rpartition(":")
    device = None
    if "%" in address:
        address, _, device = address.partition("%")
        device = device.rstrip("]")
    address = address.strip("[]")
    return address, 0 if port == "*" else int(port), device


def parse_ss(text):
    """ss -tuanpmioeOH as {cookie: {column: value}}, with what it does not say left out."""
    sockets = {}
    for line in text.splitlines():
        words = line.split()
        row = {"state": STATES[words[0]], "rx": int(words[1]), "tx": int(words[2])}
        row["local"], row["local_port"], row["device"] = address_of(words[3])
        row["remote"], row["remote_port"], _ = address_of(words[4])
        rest = " ".join(words[5:])
        row["inode"] = int((re.search(r"ino:(\d+)", rest) or [0, 0])[1])
        row["uid"] = int((re.search(r"uid:(\d+)", rest) or [0, 0])[1])
        row["pids"] = sorted({int(pid) for pid in re.findall(r"pid=(\d+)", rest)})
        timer = re.search(r"timer:\((\w+),([\w.]+),(\d+)\)", rest)
        row["timer"], row["retransmits_now"] = (timer[1], int(timer[3])) if timer else ("off", 0)
        only = re.search(r"v6only:(\d)", rest)
        row["v6only"] = None if only is None else only[1] == "1"
        memory = re.search(r"skmem:\((.*?)\)", rest)
        if memory:
            row["memory"] = {MEMORY[name]: int(value) for name, value in re.findall(r"([a-z]+)(\d+)", memory[1])}
        row["info"] = {name: int(value) for name, value in re.findall(r"(?<![\w:])(\w+):(\d+)(?= |$)", rest) if name in NUMBERS}
        row["words"] = set(re.sub(r"users:\(.*?\)\)", "", rest).split())
        for name, pattern in (("rtt", r" rtt:([\d.]+)/([\d.]+)"), ("rto", r" rto:([\d.]+)"), ("minrtt", r" minrtt:([\d.]+)"),
                              ("wscale", r" wscale:(\d+),(\d+)"), ("retrans", r" retrans:(\d+)/(\d+)")):
            found = re.search(pattern, " " + rest)
            if found:
                row[name] = [float(value) for value in found.groups()]
        cookie = int(re.search(r"sk:([0-9a-f]+)", rest)[1], 16)
        assert cookie not in sockets, "ss printed a socket twice"
        sockets[cookie] = row
    return sockets


class SocketsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = socket_lab.Lab()
        cls.told = {}
        for side, netns in (("server", cls.lab.server_ns), ("client", cls.lab.client_ns)):
            tcp = lambda: parse_ss(netns.exec("ss", "-tanpmioeOH"))
            udp = lambda: parse_ss(netns.exec("ss", "-uanpmioeOH"))
            before = tcp()
            facts = support.facts(netns, "listeners", "connections", "udp_sockets", "socket_summary", "processes")
            cls.told[side] = (before, facts, tcp(), udp())

    def between(self, value, before, after, what):
        if isinstance(value, (int, float)) and isinstance(before, (int, float)) and isinstance(after, (int, float)):
            self.assertGreaterEqual(value, min(before, after), what)
            self.assertLessEqual(value, max(before, after), what)
        else:
            self.assertIn(value, (before, after), what)

    def each_connection(self):
        for side in self.told:
            before, facts, after, _ = self.told[side]
            for row in facts["connections"]:
                cookie = row["cookie"]
                if cookie in before and cookie in after:
                    yield row, before[cookie], after[cookie], "%s %s:%d" % (row["state"], row["remote"], row["remote_port"])

    def test_every_socket_is_there_and_no_other(self):
        for side in self.told:
            before, facts, after, udp = self.told[side]
            self.assertEqual(facts["absences"], [])
            connections = [row["cookie"] for row in facts["connections"]]
            listeners = [row["cookie"] for row in facts["listeners"]]
            self.assertEqual(len(connections + listeners), len(set(connections + listeners)))
            # A socket may die between two readings; none of this test's does but those whose timers run out.
            self.assertLessEqual(set(before) & set(after), set(connections + listeners))
            self.assertLessEqual(set(connections + listeners), set(before) | set(after))
            self.assertEqual(set(listeners), {cookie for cookie, row in before.items() if row["state"] == "LISTEN"})
            self.assertEqual(sorted(row["cookie"] for row in facts["udp_sockets"]), sorted(udp))

    def test_the_lab_has_every_kind(self):
        states = {row["state"] for row, *_ in self.each_connection()}
        self.assertLessEqual({"ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT2", "TIME_WAIT", "CLOSE_WAIT"}, states)

    def test_addresses_queues_and_timers(self):
        for row, before, after, what in self.each_connection():
            for ours, theirs in (("state", "state"), ("local_port", "local_port"), ("remote_port", "remote_port"),
                                 ("rx_queue", "rx"), ("tx_queue", "tx"), ("inode", "inode"), ("uid", "uid"), ("timer", "timer"),
                                 ("retransmits_now", "retransmits_now"), ("local", "local"), ("remote", "remote")):
                self.between(row[ours], before[theirs], after[theirs], "%s %s" % (what, ours))

    def test_tcp_info(self):
        seen = collections.Counter()
        for row, before, after, what in self.each_connection():
            # A FIN_WAIT2 that no process holds is kept by the kernel as small as a TIME_WAIT.
            if row["state"] in ("TIME_WAIT", "SYN_RECV") or (row["state"] == "FIN_WAIT2" and "memory" not in before):
                for column in [*NUMBERS.values(), "rtt_us", "rto_us", "ca_state", "options", "congestion", "wscale_snd"]:
                    self.assertIsNone(row[column], "%s %s" % (what, column))
                continue
            for theirs, ours in NUMBERS.items():
                if row["state"] == "SYN_SENT" and theirs.startswith("last"):
                    self.assertIsNone(row[ours], what)
                    continue
                default = 0 if theirs in ZERO_UNSAID else None
                if theirs not in before["info"] and default is None:
                    continue
                seen[theirs] += 1
                self.between(row[ours], before["info"].get(theirs, default), after["info"].get(theirs, default), "%s %s" % (what, ours))
            self.assertIn(row["congestion"], before["words"], what)
            options = set(row["options"].split())
            self.assertEqual(options & {"ts", "sack", "ecn", "ecnseen", "fastopen"},
                             before["words"] & {"ts", "sack", "ecn", "ecnseen", "fastopen"}, what)
            scales = before.get("wscale", [-1, -1])
            self.assertEqual([row["wscale_snd"], row["wscale_rcv"]], scales, what)
            if "rtt" in before and "rtt" in after and before["rtt"][0] != 0:
                self.between(row["rtt_us"] / 1000, before["rtt"][0], after["rtt"][0], what)
                self.between(row["rttvar_us"] / 1000, before["rtt"][1], after["rtt"][1], what)
            if "minrtt" in before and "minrtt" in after:
                self.between(row["min_rtt_us"] / 1000, before["minrtt"][0], after["minrtt"][0], what)
            self.between(row["rto_us"] / 1000, before["rto"][0], after["rto"][0], what)
            self.between(row["retransmits"], before.get("retrans", [0, 0])[1], after.get("retrans", [0, 0])[1], what)
        for name in ("mss", "cwnd", "bytes_received", "bytes_acked", "segs_out", "lastrcv", "snd_wnd", "unacked"):
            self.assertGreater(seen[name], 5, "ss did not tell " + name)

    def test_memory(self):
        for row, before, after, what in self.each_connection():
            if "memory" not in before:
                self.assertIsNone(row["rcvbuf"], what)
                self.assertIsNone(row["drops"], what)
                continue
            for column, value in before["memory"].items():
                self.between(row[column], value, after["memory"][column], "%s %s" % (what, column))

    def test_owners(self):
        rows = [(row, before) for row, before, _, _ in self.each_connection()]
        for side in self.told:
            before, facts, _, udp = self.told[side]
            rows += [(row, before[row["cookie"]]) for row in facts["listeners"]]
            rows += [(row, udp[row["cookie"]]) for row in facts["udp_sockets"]]
        self.assertGreater(sum(1 for row, _ in rows if row["pid"]), 10)
        for row, told in rows:
            self.assertEqual([row["pid"]] if row["pid"] else [], told["pids"][:1])
            if row["pid"]:
                with open("/proc/%d/comm" % row["pid"]) as comm:
                    self.assertEqual(row["process"], comm.read().strip())
                self.assertTrue(row["command"].startswith("/usr/bin/python3 -c"), row["command"])
                self.assertLessEqual(len(row["command"]), 256)

    def listeners(self):
        before, facts, after, _ = self.told["server"]
        return [(row, before[row["cookie"]], after[row["cookie"]]) for row in facts["listeners"]]

    def test_listeners(self):
        self.assertEqual(sorted(row["port"] for row, *_ in self.listeners()),
                         [V4, V6ONLY, DUAL, BOUND, LOCAL, SHARED, SHARED, FULL, MAPPED])
        for row, before, after in self.listeners():
            what = "port %d" % row["port"]
            self.assertEqual(row["port"], before["local_port"], what)
            self.assertEqual(row["ifname"], before["device"], what)
            self.assertEqual("*" if row["address"] == "::" and not row["v6only"] else row["address"], before["local"], what)
            self.assertEqual(row["v6only"], before["v6only"], what)
            self.assertEqual(row["family"], "inet6" if row["v6only"] is not None else "inet", what)
            self.assertEqual((row["accept_queue"], row["accept_limit"]), (before["rx"], before["tx"]), what)
            self.assertEqual(row["inode"], before["inode"], what)
            self.between(row["drops"], before["memory"]["drops"], after["memory"]["drops"], what)
            self.assertEqual(row["owners"], len(before["pids"]), what)
            self.assertEqual(row["sharing"], 2 if row["port"] == SHARED else 1, what)

    def test_connections_that_wait_are_counted_at_their_listener(self):
        unaccepted = {DUAL: 2, FULL: FULL_BACKLOG + 1}
        for row, *_ in self.listeners():
            what = "port %d" % row["port"]
            self.assertEqual(row["half_open"], HALF_OPEN.get(row["port"], 0), what)
            self.assertEqual(row["unaccepted"], unaccepted.get(row["port"], 0), what)
            self.assertEqual(row["unaccepted"], row["accept_queue"], what)
            self.assertEqual(row["oldest_unaccepted_ms"] is None, row["unaccepted"] == 0, what)

    def test_a_full_accept_queue_holds_one_more_than_its_limit_and_drops(self):
        full = next(row for row, *_ in self.listeners() if row["port"] == FULL)
        self.assertEqual((full["accept_queue"], full["accept_limit"]), (FULL_BACKLOG + 1, FULL_BACKLOG))
        self.assertGreater(full["drops"], 0)
        # A SYN is repeated after a second: within the window.
        self.lab.client.tell("connect", socket_lab.SERVER4, FULL, "later")
        rows = support.facts(self.lab.server_ns, "listeners", observe_ms=2500)["listeners"]
        full = next(row for row in rows if row["port"] == FULL)
        idle = next(row for row in rows if row["port"] == LOCAL)
        self.assertGreater(full["drops_delta"], 0)
        self.assertGreater(full["drops_per_second"], 0)
        self.assertEqual(idle["drops_delta"], 0)

    def test_udp_sockets(self):
        _, facts, _, udp = self.told["server"]
        for row in facts["udp_sockets"]:
            told = udp[row["cookie"]]
            what = "port %d" % row["local_port"]
            self.assertEqual(row["state"], {"ESTABLISHED": "CONNECTED"}.get(told["state"], told["state"]), what)
            self.assertEqual((row["local_port"], row["remote_port"]), (told["local_port"], told["remote_port"]), what)
            self.assertEqual((row["rx_queue"], row["tx_queue"], row["inode"]), (told["rx"], told["tx"], told["inode"]), what)
            for column in ("rcvbuf", "sndbuf", "drops"):
                self.assertEqual(row[column], told["memory"][column], what)
        by_port = {row["local_port"]: row for row in facts["udp_sockets"]}
        self.assertGreater(by_port[UDP_FULL]["drops"], 0)
        self.assertGreater(by_port[UDP_FULL]["rx_queue"], 0)
        self.assertEqual(by_port[UDP6]["family"], "inet6")

    def test_summary_counts_what_the_other_tables_list(self):
        for side in self.told:
            facts = self.told[side][1]
            counted = collections.Counter()
            for row in facts["connections"]:
                counted[(row["family"], "tcp", row["state"])] += 1
            for row in facts["listeners"]:
                counted[(row["family"], "tcp", "LISTEN")] += 1
            for row in facts["udp_sockets"]:
                counted[(row["family"], "udp", row["state"])] += 1
            told = {(row["family"], row["protocol"], row["state"]): row["sockets"] for row in facts["socket_summary"]}
            self.assertEqual(told, dict(counted))

    def test_processes(self):
        rows = self.told["server"][1]["processes"]
        process = self.lab.server.process
        self.assertEqual([row["pid"] for row in rows], [process.pid])
        row = rows[0]
        self.assertEqual(row["ports"], ",".join(map(str, sorted({V4, V6ONLY, DUAL, BOUND, LOCAL, SHARED, FULL, MAPPED}))))
        self.assertTrue(row["listens"])
        self.assertEqual(row["fd_open"], len(os.listdir("/proc/%d/fd" % process.pid)))
        with open("/proc/%d/limits" % process.pid) as file:
            limits = re.search(r"Max open files +(\d+|unlimited) +(\d+|unlimited)", file.read())
        self.assertEqual([str(row["fd_limit"]), str(row["fd_limit_hard"])], list(limits.groups()))
        self.assertEqual((row["uid"], row["user"], row["threads"], row["state"]), (0, "root", 1, "S"))
        inodes = {row["inode"] for table in ("listeners", "connections", "udp_sockets")
                  for row in self.told["server"][1][table] if row["inode"]}
        self.assertEqual(row["sockets"], len(inodes))

    def test_filters_reach_the_kernel_and_lose_nothing(self):
        netns = self.lab.server_ns
        everything = self.told["server"][1]["connections"]
        def wanted(**terms):
            return sorted(row["cookie"] for row in everything if all(row[name] == value for name, value in terms.items()))
        for terms in ({"state": "ESTABLISHED"}, {"state": "CLOSE_WAIT"}, {"local_port": DUAL}, {"family": "inet6"},
                      {"state": "ESTABLISHED", "local_port": V4}, {"remote_port": 20001}, {"state": "NO_SUCH"}):
            argument = ":".join(["connections", *("%s=%s" % term for term in terms.items())])
            rows = support.facts(netns, argument)["connections"]
            matching = sorted(row["cookie"] for row in rows if all(row[name] == value for name, value in terms.items()))
            self.assertEqual(matching, wanted(**terms), argument)
            if "family" not in terms:
                self.assertEqual(len(rows), len(matching), argument)

    def test_an_ordinary_user_sees_sockets_but_not_their_owners(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            program = shutil.copy(support.FACTS_DUMP, folder)
            text = self.lab.server_ns.exec("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "listeners",
                                           "connections", "processes")
        facts = support.json.loads(text)
        self.assertEqual(len(facts["listeners"]), len(self.told["server"][1]["listeners"]))
        self.assertTrue(all(row["pid"] is None and row["accept_limit"] for row in facts["listeners"]))
        absent = {(each["table"], each["column"], each["code"], each["remedy"]) for each in facts["absences"]}
        for table in ("listeners", "connections"):
            for column in ("pid", "process", "command", "cgroup"):
                self.assertIn((table, column, "denied", "run as root"), absent)
        self.assertIn(("processes", "", "denied", "run as root"), absent)


if __name__ == "__main__":
    support.main()
