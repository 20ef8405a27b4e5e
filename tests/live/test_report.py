#!/usr/bin/env python3
"""The JSON report is what its schema says, and every format tells the same."""

import json
import os
import socket
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import support
from observe_lab import inside

try:
    import jsonschema
except ImportError:
    support.skip_all("python3-jsonschema is not installed")

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SCHEMA = os.path.join(ROOT, "core", "report", "report.schema.json")


def run(*words):
    return subprocess.run([support.HOSTCHECK, "run", *words], capture_output=True, text=True, timeout=60)


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(SCHEMA, encoding="utf-8") as file:
            cls.schema = json.load(file)
        cls.netns = support.Netns("report")
        # A namespace with findings of two severities, without traffic.
        cls.netns.sysctl("net.ipv4.tcp_window_scaling", 0)
        cls.netns.sysctl("net.ipv4.tcp_sack", 0)

    def validate(self, text):
        report = json.loads(text)
        jsonschema.validate(report, self.schema, cls=jsonschema.Draft202012Validator)
        return report

    def test_the_schema_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(self.schema)

    def test_the_schema_refuses_what_is_wrong(self):
        report = json.loads(run("--observe", "0", "--only", "tcp.*", "--format", "json").stdout)
        for key, value in (("verdict", "fine"), ("started", "today"), ("checks", [{"id": "x"}])):
            with self.subTest(key), self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate(dict(report, **{key: value}), self.schema)

    def test_a_report_with_findings(self):
        done = run("--observe", "0", "--netns", self.netns.name, "--format", "json")
        report = self.validate(done.stdout)
        ids = [finding["id"] for finding in report["findings"]]
        self.assertIn("tcp.window_scaling_disabled", ids)
        self.assertEqual(report["host"]["netns"], self.netns.name)
        self.assertEqual(report["observed_ms"], 0)
        self.assertEqual({"ok": 0, "warning": 1, "critical": 2, "unknown": 3}[report["verdict"]], done.returncode)
        skipped = [check for check in report["checks"] if check["outcome"] == "skipped"]
        self.assertTrue(skipped, "checks that need an observation are skipped without one")

    def test_a_report_with_an_observation(self):
        report = self.validate(run("--observe", "200ms", "--format", "json").stdout)
        self.assertGreaterEqual(report["observed_ms"], 200)
        self.assertGreaterEqual(report["duration_ms"], report["observed_ms"])

    def test_journeys_and_the_window_are_in_a_snapshot_too(self):
        self.netns.ip("link", "set", "lo", "up")
        with inside(self.netns):
            listener = socket.create_server(("127.0.0.1", 8080), backlog=4)
            waiting = socket.create_connection(("127.0.0.1", 8080), timeout=5)
        self.addCleanup(listener.close)
        self.addCleanup(waiting.close)
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "host.db")
            live = self.validate(run("--netns", self.netns.name, "--observe", "300ms", "--probe", "off", "--target", "127.0.0.1:8080",
                                     "--snapshot", file, "--format", "json").stdout)
            kept = self.validate(run("--from", file, "--format", "json").stdout)
            lines = [json.loads(line) for line in run("--from", file, "--format", "ndjson").stdout.splitlines()]
        journey = live["journeys"][0]
        self.assertEqual((journey["address"], journey["port"], journey["outcome"], journey["ifname"]), ("127.0.0.1", 8080, "local", "lo"))
        self.assertEqual([each["step"] for each in journey["steps"]][:2], ["rule", "route"])
        queue = live["timeline"]["queues"][0]
        self.assertEqual((queue["local"], queue["points"][0]["accept_queue"], queue["points"][0]["accept_limit"]), ("127.0.0.1:8080", 1, 4))
        for part in ("journeys", "timeline"):
            self.assertEqual(kept[part], live[part])
        self.assertEqual([each["steps"] for each in lines if each["record"] == "journey"], [each["steps"] for each in live["journeys"]])

    def test_without_targets_and_plots_nothing_is_made_of_them(self):
        report = self.validate(run("--netns", self.netns.name, "--observe", "200ms", "--format", "json").stdout)
        self.assertEqual(report["journeys"], [])
        self.assertNotIn("timeline", report)

    def test_a_report_that_could_not_judge(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "tcp"))
            with open(os.path.join(folder, "tcp", "broken.toml"), "w", encoding="utf-8") as file:
                file.write("id = \n")
            done = run("--observe", "0", "--rules", folder, "--format", "json")
        report = self.validate(done.stdout)
        self.assertEqual((report["verdict"], done.returncode), ("unknown", 3))

    def test_ndjson_is_the_same_report_line_by_line(self):
        words = ("--observe", "0", "--netns", self.netns.name)
        whole = json.loads(run(*words, "--format", "json").stdout)
        lines = [json.loads(line) for line in run(*words, "--format", "ndjson").stdout.splitlines()]
        self.assertEqual(lines[0]["record"], "run")
        self.assertEqual(lines[0]["schema"], "hostcheck.report/1")
        self.assertEqual(lines[-1]["record"], "verdict")
        self.assertEqual(lines[-1]["verdict"], whole["verdict"])
        findings = [line for line in lines if line["record"] == "finding"]
        self.assertEqual([each["id"] for each in findings], [each["id"] for each in whole["findings"]])
        checks = [(line["id"], line["outcome"]) for line in lines if line["record"] == "check"]
        self.assertEqual(checks, [(each["id"], each["outcome"]) for each in whole["checks"]])

    def test_the_text_names_every_finding(self):
        words = ("--observe", "0", "--netns", self.netns.name)
        whole = json.loads(run(*words, "--format", "json").stdout)
        text = run(*words, "--format", "text").stdout
        for finding in whole["findings"]:
            self.assertIn(finding["id"], text)
        for check in whole["checks"]:
            if check["outcome"] in ("unknown", "error"):
                self.assertIn(check["id"], text)

    def test_junit_has_each_check_as_a_case(self):
        words = ("--observe", "0", "--netns", self.netns.name)
        whole = json.loads(run(*words, "--format", "json").stdout)
        done = run(*words, "--format", "junit")
        self.assertEqual(done.returncode, 1)
        root = xml.etree.ElementTree.fromstring(done.stdout.encode())
        self.assertEqual(root.tag, "testsuites")
        cases = {case.get("name"): case for case in root.iter("testcase")}
        self.assertEqual(sorted(cases), sorted(check["id"] for check in whole["checks"]))
        bad = {finding["id"]: finding for finding in whole["findings"]
               if finding["severity"] != "info" and finding["status"] != "refuted"}
        self.assertEqual({name for name, case in cases.items() if case.find("failure") is not None}, set(bad))
        self.assertIn("tcp.window_scaling_disabled", bad)
        failure = cases["tcp.window_scaling_disabled"].find("failure")
        self.assertEqual(failure.get("message"), bad["tcp.window_scaling_disabled"]["summary"])
        self.assertEqual(failure.get("type"), bad["tcp.window_scaling_disabled"]["severity"])
        skipped = {check["id"] for check in whole["checks"] if check["outcome"] in ("unknown", "skipped")}
        self.assertEqual({name for name, case in cases.items() if case.find("skipped") is not None}, skipped)
        for suite in [root, *root]:
            inside = list(suite.iter("testcase"))
            for number, tag in (("tests", None), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                have = [case for case in inside if tag is None or case.find(tag) is not None]
                self.assertEqual(suite.get(number), str(len(have)), (suite.attrib, number))

    def test_a_plugin_answers_on_standard_output_whatever_happens(self):
        done = run("--rules", "/nonexistent", "--format", "nagios")
        self.assertEqual((done.returncode, done.stderr), (3, ""))
        self.assertRegex(done.stdout, r"^HOSTCHECK UNKNOWN: .*/nonexistent.*\n$")
        done = run("--format", "nagios", "--only", "no.such")
        self.assertEqual((done.returncode, done.stdout), (64, ""))
        self.assertIn("no.such", done.stderr)


if __name__ == "__main__":
    support.need_root()
    support.main()
