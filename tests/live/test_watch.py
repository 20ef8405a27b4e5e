#!/usr/bin/env python3
"""hostcheck watch: what it tells when a fault comes, stays and goes, what it survives, and what it costs."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import support
from observe_lab import held_ids, inside, resident_kib
from support import HOSTCHECK, Netns, wait_for

support.need_root()
support.need_programs("ip", "nft", "sysctl", "unshare", "mount", "setpriv", "bpftool")
try:
    import jsonschema
except ImportError:
    support.skip_all("python3-jsonschema is not installed")

SANITIZED = os.environ.get("HOSTCHECK_SANITIZED", "OFF") not in ("", "OFF")
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
JOURNALD = "/lib/systemd/systemd-journald"
SCALING = "tcp.window_scaling_disabled"
RULE = """id = "%s"
title = "For a test"
severity = "warning"
claim = "state"
query = "%s"
subject = [%s]
summary = "%s"
[doc]
why = "For a test."
fix = [{ text = "Nothing." }]
false_alarms = "None."
references = ["none"]
"""


def rule(name, query, *subject, summary="found"):
    return RULE % (name, query, ", ".join('"%s"' % each for each in subject), summary)


class Folder:
    """A folder of rules that nobody else may write to."""

    def __init__(self, test, rules=()):
        self.path = tempfile.mkdtemp(prefix="hc-watch-")
        test.addCleanup(shutil.rmtree, self.path)
        for name, text in dict(rules).items():
            self.write(name, text)

    def write(self, name, text):
        """The rule of this id, in one step."""
        path = os.path.join(self.path, *name.split("."))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path + ".toml")


class Watch:
    """A running watch, and every line that it has printed."""

    def __init__(self, test, *options, netns=None, interval="200ms", form=("--format", "ndjson"), wrap=(), env=None):
        folder = tempfile.mkdtemp(prefix="hc-watch-")
        test.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o777)  # it may run as somebody else
        self.metrics = os.path.join(folder, "metrics")
        command = [*wrap, HOSTCHECK, "watch", *form, "--prometheus", self.metrics, *options]
        if interval:
            command += ["--interval", interval]
        if netns is not None:
            command += ["--netns", netns if isinstance(netns, str) else netns.name]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})})
        test.addCleanup(self.end)
        self.lines, self.errors = [], []
        self.readers = [threading.Thread(target=self.read, args=each)
                        for each in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for each in self.readers:
            each.start()
        self.validator = None

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.append(line)

    def end(self, how=signal.SIGTERM):
        """Ends it and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=60)
        for each in self.readers:
            each.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def changes(self, state=None, check=None):
        made = [json.loads(line) for line in list(self.lines)]
        return [each for each in made if state in (None, each["state"])
                and check in (None, each.get("finding", {}).get("id"), *each.get("checks", []))]

    def wait(self, state, check=None, count=1, seconds=30):
        def there():
            if self.process.poll() is not None:
                raise AssertionError("it ended: %s" % "".join(self.errors))
            found = self.changes(state, check)
            return len(found) >= count and found
        return wait_for(there, "%s %s" % (state, check), seconds)

    def rounds(self, count):
        """Waits until so many more rounds are over."""
        for _ in range(count):
            before = self.written()
            wait_for(lambda before=before: self.written() != before, "another round", 60)

    def written(self):
        with contextlib.suppress(FileNotFoundError):
            return os.stat(self.metrics).st_ino, os.stat(self.metrics).st_mtime_ns
        return None


def processor_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as told:
        fields = told.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


class Tells(unittest.TestCase):
    def setUp(self):
        self.netns = Netns("watch")
        self.addCleanup(self.netns.close)

    def test_a_fault_once_and_its_end_after_two_rounds(self):
        watch = Watch(self, "--only", SCALING, netns=self.netns)
        watch.wait("started")
        watch.rounds(2)
        self.netns.sysctl("net.ipv4.tcp_window_scaling", 0)
        found = watch.wait("new", SCALING)[0]
        self.assertEqual(found["finding"]["subject"], {"netns": self.netns.name})
        watch.rounds(4)
        self.netns.sysctl("net.ipv4.tcp_window_scaling", 1)
        cleared = watch.wait("cleared", SCALING)[0]
        self.assertGreaterEqual(cleared["round"], found["round"] + 5)
        self.assertEqual(cleared["since"], found["since"])
        watch.rounds(3)
        self.assertEqual(watch.end(), 0)
        self.assertEqual([each["state"] for each in watch.changes()], ["started", "new", "cleared"])
        with open(os.path.join(ROOT, "core/report/change.schema.json"), encoding="utf-8") as file:
            schema = json.load(file)
        for each in watch.changes():
            jsonschema.validate(each, schema, cls=jsonschema.Draft202012Validator)

    def test_text_one_line_a_change(self):
        self.netns.sysctl("net.ipv4.tcp_window_scaling", 0)
        done = subprocess.run([HOSTCHECK, "watch", "--netns", self.netns.name, "--only", SCALING, "--interval", "200ms",
                               "--count", "3"], capture_output=True, text=True, timeout=60, check=True)
        self.assertRegex(done.stdout, r"\A\S+Z new WARNING %s confirmed: [^\n]*\[netns=%s\]\n\Z" % (SCALING, self.netns.name))

    def test_every_drop_once_and_in_time_over_many_rounds(self):
        """More rows than the map of drops holds, over many rounds: none is lost, none told twice."""
        ports = range(20000, 26000)
        folder = Folder(self, {"netfilter.watch_test": rule(
            "netfilter.watch_test", "SELECT netns, port, packets FROM drops WHERE protocol = 'udp' AND "
            "port BETWEEN 20000 AND 29999", "port", "packets")})
        self.netns.exec("nft", "-f", "-", stdin="table inet t { chain c { type filter hook input priority 0; "
                        "udp dport 20000-29999 drop; }; }")
        watch = Watch(self, "--only", "netfilter.watch_test", "--rules", folder.path, netns=self.netns)
        watch.wait("started")
        watch.rounds(1)
        with inside(self.netns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for port in ports:
                sender.sendto(b"x", ("127.0.0.1", port))
                if port % 500 == 499:
                    watch.rounds(1)
        watch.wait("cleared", count=len(ports), seconds=60)
        told = sorted((each["finding"]["subject"]["port"], each["finding"]["subject"]["packets"]) for each in watch.changes("new"))
        self.assertEqual(told, [(port, 1) for port in ports])
        self.assertGreater(len({each["round"] for each in watch.changes("new")}), 5)
        self.assertEqual(watch.changes("unjudged"), [])

    def test_what_a_plugin_finds_of_what_happened(self):
        self.netns.exec("nft", "-f", "-", stdin="table inet t { chain c { type filter hook input priority 0; "
                        "tcp dport 8080 drop; }; }")
        watch = Watch(self, "--only", "netfilter.drops_service_port", netns=self.netns)
        watch.wait("started")
        watch.rounds(1)
        with inside(self.netns), contextlib.ExitStack() as opened:
            server = opened.enter_context(socket.create_server(("127.0.0.1", 8080)))
            client = opened.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            found = watch.wait("new", "netfilter.drops_service_port")[0]
        self.assertEqual(found["finding"]["status"], "confirmed")
        self.assertEqual(found["finding"]["subject"]["netns"], self.netns.name)
        self.assertIn(8080, found["finding"]["subject"].values())
        watch.wait("cleared", "netfilter.drops_service_port")
        self.assertEqual(watch.end(), 0)

    def test_what_cannot_be_judged_once(self):
        # An unprivileged process sees no drops.
        watch = Watch(self, "--only", "netfilter.drops_service_port", wrap=["setpriv", "--reuid", "65534", "--regid",
                                                                           "65534", "--clear-groups", "--inh-caps=-all"])
        unjudged = watch.wait("unjudged")
        self.assertTrue(unjudged[0]["reason"])
        watch.rounds(3)
        watch.process.send_signal(signal.SIGHUP)
        watch.wait("reloaded")
        watch.rounds(2)
        self.assertEqual(watch.end(), 0)
        self.assertEqual(len(watch.changes("unjudged")), 1)


class Survives(unittest.TestCase):
    def setUp(self):
        self.netns = Netns("watch")
        self.addCleanup(self.netns.close)

    def test_interfaces_and_namespaces_that_come_and_go(self):
        folder = Folder(self, {
            "nic.watch_test": rule("nic.watch_test", "SELECT netns, ifname FROM links WHERE ifname LIKE 'hcw%'",
                                   "netns", "ifname"),
            "netfilter.watch_test": rule("netfilter.watch_test", "SELECT netns, port FROM drops WHERE protocol = 'udp' AND "
                                         "port = 29999", "netns", "port")})
        watch = Watch(self, "--only", "*.watch_test", "--rules", folder.path, netns="all")
        watch.wait("started")
        watch.rounds(1)
        self.netns.ip("link", "add", "hcw0", "type", "veth", "peer", "name", "peer0")
        self.assertEqual(watch.wait("new", "nic.watch_test")[0]["finding"]["subject"],
                         {"netns": self.netns.name, "ifname": "hcw0"})
        self.netns.ip("link", "del", "hcw0")
        watch.wait("cleared", "nic.watch_test")
        with Netns("later") as later:
            later.ip("link", "add", "hcw1", "type", "veth", "peer", "name", "peer1")
            self.assertEqual(watch.wait("new", "nic.watch_test", 2)[1]["finding"]["subject"],
                             {"netns": later.name, "ifname": "hcw1"})
            # The programs see what happens there, too.
            later.exec("nft", "-f", "-", stdin="table inet t { chain c { type filter hook input priority 0; "
                       "udp dport 29999 drop; }; }")
            with inside(later), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"x", ("127.0.0.1", 29999))
            self.assertEqual(watch.wait("new", "netfilter.watch_test")[0]["finding"]["subject"],
                             {"netns": later.name, "port": 29999})
        watch.wait("cleared", "nic.watch_test", 2)
        self.assertEqual(watch.end(), 0)

    def test_its_namespace_made_anew(self):
        name = self.netns.name
        watch = Watch(self, "--only", SCALING, netns=self.netns)
        watch.wait("started")
        watch.rounds(1)
        support.run("ip", "netns", "del", name)
        watch.wait("failed")
        support.run("ip", "netns", "add", name)
        watch.wait("resumed")
        self.netns.sysctl("net.ipv4.tcp_window_scaling", 0)
        watch.wait("new", SCALING)
        self.assertEqual(len(watch.changes("failed")), 1)
        self.assertEqual(watch.end(), 0)

    def test_rules_that_change_break_and_are_mended(self):
        good = rule("nic.watch_test", "SELECT netns, ifname FROM links WHERE ifname = 'lo'", "ifname")
        folder = Folder(self, {"nic.watch_test": good})
        watch = Watch(self, "--rules", folder.path, netns=self.netns)
        watch.wait("new", "nic.watch_test")
        folder.write("nic.watch_test", "id = \n")
        refused = watch.wait("refused")[0]
        self.assertIn("watch_test.toml", refused["reason"])
        self.assertIn("stays", refused["reason"])
        watch.rounds(3)
        self.assertEqual(watch.changes("cleared"), [], "the former rule judges")
        folder.write("nic.watch_test", good.replace("'lo'", "'nobody'"))
        watch.wait("cleared", "nic.watch_test")
        folder.write("nic.watch_other", rule("nic.watch_other", "SELECT netns, ifname FROM links WHERE ifname = 'lo'", "ifname"))
        watch.wait("new", "nic.watch_other")
        folder.write("nic.watch_other", rule("nic.watch_other", "SELECT no_such FROM links", "ifname"))
        watch.wait("refused", count=2)
        watch.rounds(3)
        self.assertEqual(len(watch.changes("cleared")), 1)
        self.assertEqual(len(watch.changes("refused")), 2, "each is said once")
        self.assertEqual(watch.end(), 0)

    def test_a_configuration_that_changes_at_sighup(self):
        folder = Folder(self)
        config = os.path.join(folder.path, "hostcheck.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write('only = ["%s"]\n' % SCALING)
        self.netns.sysctl("net.ipv4.tcp_window_scaling", 0)
        watch = Watch(self, "--config", config, netns=self.netns, interval="60s")
        watch.wait("new", SCALING)
        with open(config, "a", encoding="utf-8") as file:
            file.write('[[suppress]]\nid = "%s"\nreason = "known"\n' % SCALING)
        watch.process.send_signal(signal.SIGHUP)
        self.assertEqual(watch.wait("reloaded", seconds=10)[0]["reason"], "1 checks")
        with open(config, "a", encoding="utf-8") as file:
            file.write("nonsense = 1\n")
        watch.process.send_signal(signal.SIGHUP)
        self.assertIn("nonsense", watch.wait("refused", seconds=10)[0]["reason"])
        self.assertEqual(watch.end(), 0)

    @unittest.skipIf(SANITIZED, "a sanitizer keeps what is freed")
    def test_many_rounds_with_the_memory_of_few(self):
        watch = Watch(self, netns=self.netns, interval="100ms")
        watch.wait("started", seconds=60)
        watch.rounds(40)
        sizes = [resident_kib(watch.process.pid)]
        for _ in range(3):
            watch.rounds(60)
            sizes.append(resident_kib(watch.process.pid))
        # What is kept of each round grows in every stretch; the heap's pieces settle in one or the other.
        self.assertLess(min(after - before for before, after in zip(sizes, sizes[1:])), 256, sizes)


class Ends(unittest.TestCase):
    def setUp(self):
        self.netns = Netns("watch")
        self.addCleanup(self.netns.close)

    def test_cleanly_and_with_nothing_left(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=how):
                watch = Watch(self, netns=self.netns)
                watch.wait("started", seconds=60)
                watch.rounds(2)
                held = held_ids(watch.process.pid)
                self.assertGreaterEqual(len(held["link"]), 8)
                watch.rounds(2)
                self.assertEqual(held_ids(watch.process.pid), held, "the programs stay attached")
                self.assertEqual(watch.end(how), 0)
                for kind in ("prog", "map", "link"):
                    wait_for(lambda kind=kind: not held[kind] & alive(kind), "no %s left" % kind)

    def test_when_nobody_reads(self):
        read, write = os.pipe()
        process = subprocess.Popen([HOSTCHECK, "watch", "--netns", self.netns.name, "--only", SCALING, "--format", "ndjson",
                                    "--interval", "200ms"], stdout=write, stderr=subprocess.DEVNULL,
                                   preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
        os.close(write)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: select.select([read], [], [], 0)[0], "its first line")
        os.close(read)
        self.netns.sysctl("net.ipv4.tcp_window_scaling", 0)
        self.assertEqual(process.wait(timeout=30), 3)

    def test_usage(self):
        for options, words in ((["--interval", "1ms"], "at least 100ms"), (["--count", "0"], "number of rounds"),
                               (["--format", "xml"], "xml"), (["--probe", "full"], "full"),
                               (["--journal", "--format", "text"], "one of them"), (["--probe-every", "1s"], "10000ms"),
                               (["--only", "tcp.windw_*"], "no such check")):
            done = subprocess.run([HOSTCHECK, "watch", *options], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 64, options)
            self.assertIn(words, done.stderr)


def alive(kind):
    """Ids of the BPF objects of the kernel."""
    out = subprocess.run(["bpftool", "-j", kind, "list"], capture_output=True, text=True, check=True).stdout
    return {each["id"] for each in json.loads(out)}


class Costs(unittest.TestCase):
    @unittest.skipIf(SANITIZED, "a sanitizer's time is not the program's")
    def test_less_than_a_hundredth_of_a_processor_when_idle(self):
        with Netns("watch") as netns:
            watch = Watch(self, netns=netns, interval=None)
            watch.wait("started", seconds=60)
            watch.rounds(1)
            began, spent = time.monotonic(), processor_seconds(watch.process.pid)
            watch.rounds(1)
            spent = processor_seconds(watch.process.pid) - spent
            passed = time.monotonic() - began
            self.assertGreater(passed, 25, "the default interval")
            print("%.2f %% of a processor over %.0f s" % (100 * spent / passed, passed))
            self.assertLess(spent, 0.01 * passed)


class Service(unittest.TestCase):
    def setUp(self):
        self.netns = Netns("watch")
        self.addCleanup(self.netns.close)
        self.netns.sysctl("net.ipv4.tcp_window_scaling", 0)
        self.folder = tempfile.mkdtemp(prefix="hc-run-")
        self.addCleanup(shutil.rmtree, self.folder)

    def place(self, path):
        """A folder to mount on; gone after the test where it was not there before."""
        if not os.path.isdir(path):
            os.mkdir(path)
            self.addCleanup(os.rmdir, path)

    def instead_of_run_systemd(self):
        """A command prefix: in a mount namespace of its own the folder is /run/systemd."""
        self.place("/run/systemd")
        script = "mount --bind %s /run/systemd && exec \"$@\"" % self.folder
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]

    def test_tells_its_manager_how_it_is(self):
        path = os.path.join(self.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(30)
            watch = Watch(self, "--only", SCALING, netns=self.netns,
                          env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})

            def heard(words):
                while True:
                    message = manager.recv(4096).decode()
                    if words in message:
                        return message

            self.assertRegex(heard("READY=1"), r"STATUS=1 checks every 0.2 s; 0 findings")
            heard("1 findings")
            heard("WATCHDOG=1")
            watch.process.send_signal(signal.SIGHUP)
            self.assertRegex(heard("RELOADING=1"), r"MONOTONIC_USEC=\d+")
            heard("READY=1")
            watch.process.send_signal(signal.SIGTERM)
            heard("STOPPING=1")
            self.assertEqual(watch.end(), 0)

    def test_sends_the_journal_fields(self):
        os.mkdir(os.path.join(self.folder, "journal"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind(os.path.join(self.folder, "journal", "socket"))
            journal.settimeout(30)
            watch = Watch(self, "--only", SCALING, netns=self.netns, form=["--journal"], wrap=self.instead_of_run_systemd())
            entries = [dict(line.split("=", 1) for line in journal.recv(65536).decode().splitlines()) for _ in range(2)]
            self.assertEqual(entries[0]["HOSTCHECK_STATE"], "started")
            entry = entries[1]
            self.assertRegex(entry.pop("HOSTCHECK_SINCE"), r"Z$")
            self.assertRegex(entry.pop("MESSAGE"), "^new WARNING %s confirmed: window scaling" % SCALING)
            self.assertEqual(entry, {
                "PRIORITY": "4", "SYSLOG_IDENTIFIER": "hostcheck", "HOSTCHECK_STATE": "new", "HOSTCHECK_ID": SCALING,
                "HOSTCHECK_SEVERITY": "warning", "HOSTCHECK_STATUS": "confirmed",
                "HOSTCHECK_SUBJECT": "netns=" + self.netns.name, "HOSTCHECK_SUBJECT_NETNS": self.netns.name})
            self.assertEqual(watch.end(), 0)
            self.assertEqual(watch.lines, [], "nothing is said twice")

    @unittest.skipUnless(os.path.exists(JOURNALD), "systemd-journald is not installed")
    def test_the_journal_itself_takes_them(self):
        logs = os.path.join(self.folder, "log")
        os.mkdir(logs)
        os.mkdir(os.path.join(self.folder, "journal"))
        self.place("/run/systemd")
        self.place("/run/log")
        # Its standard output goes to the journal as a service's does: no option is needed.
        journald = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                                     "mount --bind %s /run/systemd && mount --bind %s /run/log && mkdir -p /run/log/journal "
                                     "&& exec %s" % (self.folder, logs, JOURNALD)],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(journald.wait)
        self.addCleanup(journald.terminate)
        wait_for(lambda: os.path.exists(os.path.join(self.folder, "journal", "stdout")), "the journal")
        out, name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), os.path.join(self.folder, "journal", "stdout")
        out.connect(name)
        self.addCleanup(out.close)
        out.sendall(b"hostcheck\n\n6\n0\n0\n0\n0\n")
        told = os.fstat(out.fileno())
        process = subprocess.Popen([*self.instead_of_run_systemd(), HOSTCHECK, "watch", "--netns", self.netns.name, "--only",
                                    SCALING, "--interval", "200ms"], stdout=out, stderr=out,
                                   env={**os.environ, "JOURNAL_STREAM": "%d:%d" % (told.st_dev, told.st_ino)})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def entries():
            done = subprocess.run(["journalctl", "-D", os.path.join(logs, "journal"), "-o", "json", "--no-pager",
                                   "HOSTCHECK_ID=" + SCALING, "HOSTCHECK_STATE=new"], capture_output=True, text=True, check=False)
            return [json.loads(line) for line in done.stdout.splitlines()]

        entry = wait_for(entries, "the entry", 30)[0]
        self.assertEqual(entry["HOSTCHECK_SUBJECT_NETNS"], self.netns.name)
        self.assertEqual(entry["PRIORITY"], "4")
        self.assertEqual(entry["_TRANSPORT"], "journal")
        process.terminate()
        self.assertEqual(process.wait(timeout=30), 0)


if __name__ == "__main__":
    support.main()
