"""What a fault or a decoy of the lab is made with, and how the reports on it are judged.

A fault is a function that makes it and then calls `judge`: which finding has to lead, with which status, subject and evidence, and
which others may stand beside it because they are its effects. A decoy makes what only looks like one and calls `quiet`: nothing at
warning or above. Everything is made in network namespaces with names of this process.
"""

import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import types

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "live"))
import fault_lab  # noqa: E402
import support  # noqa: E402
from observe_lab import V4, V6, Lab  # noqa: E402
from support import Netns  # noqa: E402

FAMILIES = {"v4": V4, "v6": V6}
BUDGET_MS = 15_000  # of a run, by default
# Values that the kernel has only once: what may be set, only by scenarios that run alone.
KERNEL_WIDE = ("net/netfilter/nf_conntrack_max", "net/ipv4/tcp_mem", "fs/file-max")

SCENARIOS = {}


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    words: str
    case: str  # of the catalogue of outages; "" for a decoy
    leads: str  # the finding that has to be first; "" for a decoy
    status: str
    effects: tuple  # ids that may stand beside it
    families: tuple
    alone: bool  # touches, or is disturbed in, what the machine has only once
    quick: bool
    run: types.FunctionType


def _register(function, **what):
    words = " ".join(function.__doc__.split())
    SCENARIOS[function.__name__] = Scenario(name=function.__name__, words=words, run=function, **what)
    return function


def fault(case, leads, status="confirmed", effects=(), families=("v4",), alone=False, quick=False):
    return lambda function: _register(function, case=case, leads=leads, status=status, effects=tuple(effects),
                                      families=tuple(families), alone=alone, quick=quick)


def decoy(families=("v4",), alone=False, quick=False):
    return lambda function: _register(function, case="", leads="", status="", effects=(), families=tuple(families),
                                      alone=alone, quick=quick)


class Scene(Lab):
    """One scenario in one IP version. The topologies of the live tests' libraries are made as they are asked for."""

    def __init__(self, scenario, family):
        super().__init__()
        self.scenario, self.version = scenario, family
        self.family = FAMILIES[family]
        self.views = []  # what each report said
        self.longMessage = True

    def setUp(self):
        pass

    # Making

    def pair(self):
        """A server and a client with a cable; addresses of both versions, known to each other."""
        Lab.setUp(self)
        self.address = self.family.server
        return self

    @property
    def any_address(self):
        return "::" if self.version == "v6" else "0.0.0.0"

    def local(self, port, address=None):
        address = address or self.any_address
        return "[%s]:%d" % (address, port) if ":" in address else "%s:%d" % (address, port)

    def space(self, tag):
        """One more namespace, removed at the end."""
        made = Netns(tag)
        self.addCleanup(made.close)
        for name in ("all", "default"):
            made.sysctl("net.ipv6.conf.%s.accept_dad" % name, 0)
        return made

    def closing(self, made):
        """A topology or a helper that close() ends."""
        self.addCleanup(made.close)
        return made

    def start(self, netns, *words):
        return fault_lab.start(netns, *words)

    def wait(self, netns, sql, what, seconds=20):
        """The first rows that the query has."""
        return support.wait_for(lambda: support.query(netns, sql), what, seconds)

    def nft(self, netns, rules):
        netns.exec("nft", "-f", "-", stdin=rules)

    def kernel_wide(self, name, value):
        """Sets what all namespaces share until the end of the scenario."""
        assert name in KERNEL_WIDE and self.scenario.alone, name
        path = "/proc/sys/" + name
        with open(path, encoding="ascii") as file:
            before = file.read()

        def put(text):
            with open(path, "w", encoding="ascii") as file:
                file.write(str(text))

        self.addCleanup(put, before)
        put(value)

    # Independent counts

    @staticmethod
    def nstat(netns, *names):
        """Sum of counters of the kernel, as nstat(8) tells them."""
        told = json.loads(netns.exec("nstat", "-a", "-s", "-z", "-j"))["kernel"]
        return sum(told[name] for name in names)

    @staticmethod
    def has_counter(netns, name):
        return name in json.loads(netns.exec("nstat", "-a", "-s", "-z", "-j"))["kernel"]

    @staticmethod
    def ss_queue(netns, port):
        """Connections that wait at a listener, as ss(8) tells."""
        return sum(int(line.split()[1]) for line in netns.exec("ss", "-Hltn", "sport = :%d" % port).splitlines())

    @staticmethod
    def nft_packets(netns, family, table):
        """Packets that the rules of a table counted."""
        listed = json.loads(netns.exec("nft", "-j", "list", "table", family, table))
        return sum(expr["counter"]["packets"] for each in listed["nftables"] if "rule" in each
                   for expr in each["rule"]["expr"] if "counter" in expr)

    @staticmethod
    def tc_drops(netns, device):
        """Packets that the filters of a device's clsact queue dropped."""
        told = json.loads(netns.exec("tc", "-s", "-j", "qdisc", "show", "dev", device))
        return sum(each["drops"] for each in told if each["kind"] == "clsact")

    # Judging

    def reports(self, netns, options, observe, probe, each_time=None):
        """hostcheck run from outside by --netns and from inside the namespace: (view, report, exit status). Where probes are sent,
        one after the other, and each_time() before each."""
        with tempfile.TemporaryDirectory() as folder:
            kept = os.path.join(folder, "snapshot.db")
            words = [support.HOSTCHECK, "run", "--observe", observe, "--probe", probe, "--format", "json", *map(str, options)]
            commands = {"--netns": [*words, "--netns", netns.name, *(["--snapshot", kept] if probe == "off" else [])],
                        "inside": ["ip", "netns", "exec", netns.name, *words]}
            running = {}
            told = []
            for view, command in commands.items():
                if each_time:
                    each_time()
                running[view] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                self.addCleanup(running[view].kill)
                if probe != "off":
                    told.append(self._told(view, running[view]))
            if probe == "off":
                told = [self._told(view, process) for view, process in running.items()]
                fault_lab.judge_again(kept, told[0][1], told[0][2], [str(each) for each in options])
        return told

    @staticmethod
    def _told(view, process):
        out, errors = process.communicate(timeout=90)
        if not out:
            raise AssertionError("%s: exit %s: %s" % (view, process.returncode, errors))
        return view, json.loads(out), process.returncode

    def judge(self, netns, *options, observe="1s", probe="off", subject=None, evidence=None, against=None, also=None,
              explains=(), excluded=(), count=1, summary=None, each_time=None):
        """Has the reports judged. evidence: what -> the value, or (least, most); against: what -> a function that counts the same
        independently, asked before and after; also: ids that have to be found beside the first, with their subject."""
        began, before = time.monotonic(), {what: counter() for what, counter in (against or {}).items()}
        told = self.reports(netns, options, observe, probe, each_time)
        took, moved = time.monotonic() - began, {what: counter() - before[what] for what, counter in (against or {}).items()}
        for view, report, status in told:
            faults = fault_lab.faults_of(report)
            first = faults[0] if faults else None
            self.note(view, report, first, [each for each in faults if each["id"] not in self.expected_ids()])
            self.assert_whole(view, report, status)
            seen = "%s: %s" % (view, ["%s %s %s" % (each["id"], each["status"], each["summary"]) for each in report["findings"]])
            self.assertIsNotNone(first, seen)
            self.assertEqual((first["id"], first["status"]), (self.scenario.leads, self.scenario.status), seen)
            if count is not None:
                self.assertEqual(sum(each["id"] == first["id"] for each in faults), count, seen)
            for key, value in (subject or {}).items():
                self.assertEqual(first["subject"].get(key), value, first)
            if summary:
                self.assertRegex(first["summary"], summary)
            for what, value in (evidence or {}).items():
                self.assert_evidence(first, what, value)
            for what, most in moved.items():
                # The run watches a part of the time between the two counts.
                least = 0.4 * most * report["observed_ms"] / 1000 / took
                self.assertGreater(most, 0, what)
                self.assert_evidence(first, what, (max(1, int(least)), most))
            self.assertLessEqual(set(explains), set(first["effects"]), first)
            self.assertLessEqual(set(excluded), {each["id"] for each in first["excluded"] if each["because"]}, first)
            for other, its in (also or {}).items():
                found = [each for each in faults if each["id"] == other]
                self.assertTrue(found, "%s beside %s" % (other, seen))
                for key, value in its.items():
                    self.assertEqual(found[0]["subject"].get(key), value, found[0])
        self.assert_no_false()
        return [report for _, report, _ in told]

    def quiet(self, *namespaces, options=(), observe="1s", probe="off", clear=()):
        """Nothing at warning or above is found in any of the namespaces, and the checks named were not left out."""
        reports = []
        for netns in namespaces:
            for view, report, status in self.reports(netns, options, observe, probe):
                self.note(view, report, None, fault_lab.faults_of(report))
                self.assert_whole(view, report, status)
                outcomes = {each["id"]: each["outcome"] for each in report["checks"]}
                for check in clear:
                    self.assertEqual(outcomes.get(check), "clear", check)
                reports.append(report)
        self.assert_no_false()
        return reports

    def expected_ids(self):
        return {self.scenario.leads, *self.scenario.effects}

    def note(self, view, report, first, false):
        self.views.append({"view": view, "seconds": report["duration_ms"] / 1000, "led_by": first["id"] if first else None,
                           "status": first["status"] if first else None,
                           "false": ["%s: %s" % (each["id"], each["summary"]) for each in false]})

    def assert_whole(self, view, report, status):
        """The run judged the host, in time, and its exit status says what the findings say."""
        failed = [(each["id"], each.get("reason")) for each in report["checks"] if each["outcome"] == "error"]
        self.assertEqual(failed, [], view)
        self.assertLess(report["duration_ms"], BUDGET_MS + 2000, view)
        severities = {each["severity"] for each in fault_lab.faults_of(report)}
        expected = 2 if "critical" in severities else 1 if severities else 0
        self.assertEqual(status, expected, "%s: verdict %s, %s" % (view, report["verdict"], severities))
        for finding in report["findings"]:
            if finding["severity"] == "critical":
                self.assertNotEqual(finding["status"], "suspected", finding)

    def assert_no_false(self):
        false = [each for view in self.views for each in view["false"]]
        self.assertEqual(false, [], "findings that are not the fault's effect")

    def assert_evidence(self, finding, what, value):
        told = [each for each in finding["evidence"] if each["what"].startswith(what)]
        told.sort(key=lambda each: len(each["what"]))  # an exact name comes before longer ones
        self.assertTrue(told, "no evidence %r in %s" % (what, [each["what"] for each in finding["evidence"]]))
        actual = told[0]["value"]
        if isinstance(value, tuple):
            self.assertTrue(value[0] <= float(actual) <= value[1], "%s is %s, not within %s" % (what, actual, value))
        elif isinstance(value, re.Pattern):
            self.assertRegex(str(actual), value)
        else:
            self.assertEqual(actual, value, what)
