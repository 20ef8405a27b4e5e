#!/usr/bin/env python3
"""What an observation finds without BPF: by a user without privilege, and by root that may not load programs."""

import json
import os
import shutil
import subprocess
import tempfile
import threading

import support
from observe_lab import BOTH, PORT, V4, Lab, sockets, tcp_counter
from support import wait_for

support.need_root()
support.need_programs("ip", "ss", "setpriv")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NO_BPF = ["setpriv", "--bounding-set=-bpf,-sys_admin,-perfmon", "--inh-caps=-bpf,-sys_admin,-perfmon"]
LOST_TABLES = ("syns", "unanswered_syns", "drops", "resets", "retransmits", "timestamps_backwards", "icmp_errors", "accepts",
               "lost_events")


class WithoutBpf(Lab):
    @classmethod
    def setUpClass(cls):
        # An installed tree: the build folder need not be readable to everybody.
        cls.prefix = tempfile.mkdtemp(prefix="hc-no-bpf-")
        cls.addClassCleanup(shutil.rmtree, cls.prefix)
        os.makedirs(os.path.join(cls.prefix, "bin"))
        cls.program = shutil.copy(support.HOSTCHECK, os.path.join(cls.prefix, "bin", "hostcheck"))
        cls.dump = shutil.copy(support.FACTS_DUMP, os.path.join(cls.prefix, "bin", "facts_dump"))
        shutil.copytree(os.path.join(ROOT, "rules"), os.path.join(cls.prefix, "lib", "hostcheck", "rules"))
        subprocess.run(["chmod", "-R", "go=rX,u+rwX", cls.prefix], check=True)
        subprocess.run(["chmod", "755", cls.program, cls.dump], check=True)

    def full_queue(self, family):
        self.keep(family.listen(self.server, PORT, 8))
        self.keep(family.connects(self.client, PORT, 9))
        wait_for(lambda: sockets(self.client, family, "established") == 9, "a full queue")

    def while_clients_come(self, family, command, status=(0,)):
        """What the command prints in the server's namespace while clients try to connect."""
        over = threading.Event()
        clients = []

        def connect():
            while not over.is_set():
                clients.extend(family.connects(self.client, PORT, 2))
                over.wait(0.02)

        # The command enters the namespace by ip(8), not by itself: it may not.
        process = self.server.popen(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")
        thread = threading.Thread(target=connect)
        thread.start()
        try:
            out, errors = process.communicate(timeout=60)
        finally:
            over.set()
            thread.join()
            for each in clients:
                each.close()
        self.assertIn(process.returncode, status, errors)
        return out

    def run_report(self, prefix, *options):
        return self.while_clients_come(V4, [*prefix, self.program, "run", "--probe", "off", "--observe", "1s", *options], (2,))

    def assert_overflow_is_found(self, report, whole):
        found = next(each for each in report["findings"] if each["id"] == "listen.accept_queue_overflow")
        self.assertEqual((found["status"], found["severity"]), ("confirmed", "critical"))
        self.assertEqual(found["subject"]["local"], "%s:%d" % (V4.server, PORT))
        if whole:
            self.assertEqual(found["subject"]["pid"], os.getpid())
        drops = next(each for each in found["evidence"] if each["source"] == "sock_diag SK_MEMINFO_DROPS")
        self.assertGreater(drops["value"], 0)
        # The witnesses that need the trace are left out, not guessed.
        self.assertFalse([each for each in found["evidence"] if each["source"] == "handshake trace"])

    def assert_what_is_lost_is_told(self, report):
        checks = {each["id"]: each for each in report["checks"]}
        for check in ("tcp.syns_dropped", "tcp.resets_local", "tcp.resets_injected"):
            self.assertEqual(checks[check]["outcome"], "unknown", check)
            self.assertIn("CAP_BPF", checks[check]["reason"])
            self.assertIn("CAP_BPF", checks[check]["remedy"])
        able = {each["name"]: each for each in report["capabilities"]}
        for method in ("handshake trace", "drop reasons", "resets", "retransmissions", "listener iterator"):
            told = able["observe: " + method]
            self.assertFalse(told["available"], told)
            self.assertIn("CAP_BPF", told["detail"])
            self.assertTrue(told["lost"])
        self.assertTrue(able["observe: sock_diag and counters"]["available"])

    def test_a_user_without_privilege(self):
        self.full_queue(V4)
        report = json.loads(self.run_report(USER, "--format", "json"))
        self.assert_overflow_is_found(report, whole=False)
        self.assert_what_is_lost_is_told(report)

    def test_root_that_may_not_load_programs(self):
        self.full_queue(V4)
        report = json.loads(self.run_report(NO_BPF, "--format", "json"))
        self.assert_overflow_is_found(report, whole=True)
        self.assert_what_is_lost_is_told(report)

    def test_the_text_says_what_is_lost(self):
        self.full_queue(V4)
        text = " ".join(self.run_report(USER).split())
        self.assertIn("unseen for lack of BPF: which SYNs got no answer", text)
        self.assertIn("CRITICAL", text)
        self.assertIn("to see it: run as root, or give it CAP_BPF", text)

    def test_drops_of_a_listener_are_its_own_counters_delta(self):
        for family in BOTH:
            with self.subTest(family=family.table):
                self.full_queue(family)
                before = int(tcp_counter(self.server, "ListenDrops"))
                out = self.while_clients_come(family, [*USER, self.dump, "--observe", "1000", "listener_drops", *LOST_TABLES])
                counted = int(tcp_counter(self.server, "ListenDrops")) - before
                seen = json.loads(out)
                row, = seen["listener_drops"]
                self.assertEqual((row["source"], row["port"], row["accept_queue_min"]), ("sock_diag", PORT, 9))
                self.assertGreater(row["drops"], 0)
                # Clients come before the window begins and after it ends, too.
                self.assertLessEqual(row["drops"], counted)
                self.assertGreater(row["samples_full"], 2)
                for table in LOST_TABLES:
                    self.assertEqual(seen[table], [])
                absent = {each["table"]: each for each in seen["absences"]}
                self.assertEqual(sorted(absent), sorted(LOST_TABLES))
                for each in absent.values():
                    self.assertEqual(each["code"], "denied", each)
                    self.assertIn("CAP_BPF", each["remedy"])
            self.doCleanups()
            self.setUp()

    def test_doctor_tells_every_method(self):
        done = subprocess.run([*USER, self.program, "doctor", "--format", "json"], capture_output=True, text=True, cwd="/", check=True)
        told = {each["name"]: each for each in json.loads(done.stdout) if each["name"].startswith("observe: ")}
        self.assertGreaterEqual(len(told), 7)
        self.assertEqual([name for name, each in told.items() if each["available"]], ["observe: sock_diag and counters"])
        for each in told.values():
            self.assertTrue(each["detail"] and each["lost"], each)
        done = subprocess.run([self.program, "doctor", "--format", "json"], capture_output=True, text=True, check=True)
        able = {each["name"] for each in json.loads(done.stdout) if each["available"]}
        self.assertIn("observe: handshake trace", able)
        self.assertIn("observe: listener iterator", able)


if __name__ == "__main__":
    support.main()
