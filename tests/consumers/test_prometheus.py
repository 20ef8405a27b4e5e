#!/usr/bin/env python3
"""What --format prometheus writes goes through Debian's node_exporter into its Prometheus, and the shipped alerts see it."""

import json
import os
import re
import subprocess
import tempfile
import unittest

import support

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
RULES = os.path.join(ROOT, "packaging", "prometheus")
DASHBOARD = os.path.join(ROOT, "packaging", "grafana", "hostcheck.json")
PROGRAMS = os.environ["HOSTCHECK_CONSUMERS"] + "/usr/bin/"
PROMTOOL = PROGRAMS + "promtool"

CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: ["%s"]
scrape_configs:
  - job_name: node
    static_configs: [{targets: ["127.0.0.1:9100"]}]
"""


def check_metrics(text):
    return subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)


class Rules(unittest.TestCase):
    def test_promtool_proves_the_alerts(self):
        support.run(PROMTOOL, "check", "rules", RULES + "/hostcheck.rules.yml")
        support.run(PROMTOOL, "test", "rules", RULES + "/hostcheck.rules.test.yml")

    def test_each_alert_has_a_test(self):
        with open(RULES + "/hostcheck.rules.yml", encoding="utf-8") as file:
            alerts = [line.split()[-1] for line in file if "- alert:" in line]
        with open(RULES + "/hostcheck.rules.test.yml", encoding="utf-8") as file:
            tests = file.read()
        self.assertGreater(len(alerts), 0)
        for alert in alerts:
            self.assertRegex(tests, r"alertname: %s\n\s+exp_alerts:\n" % alert)


def dashboard_queries():
    """Each PromQL expression of the Grafana dashboard, with what Grafana puts in for the variables."""
    with open(DASHBOARD, encoding="utf-8") as file:
        dashboard = json.load(file)
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for variable in dashboard["templating"]["list"]:
        label = re.match(r"label_values\((.+), ", variable["query"]["query"]) if variable["type"] == "query" else None
        queries += [label.group(1)] if label else []
    return [query.replace("$instance", ".*") for query in queries]


class Scrape(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.netns = support.Netns("prom")
        cls.netns.sysctl("net.ipv4.tcp_window_scaling", 0)
        cls.folder = tempfile.TemporaryDirectory(prefix="hc-prom-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.addClassCleanup(cls.netns.close)
        cls.textfile = os.path.join(cls.folder.name, "hostcheck.prom")

    def write(self):
        done = subprocess.run([support.HOSTCHECK, "run", "--observe", "0", "--netns", self.netns.name, "--format", "prometheus",
                               "--output", self.textfile], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        with open(self.textfile, encoding="utf-8") as file:
            return file.read()

    def promtool(self, expression):
        return subprocess.run(["ip", "netns", "exec", self.netns.name, PROMTOOL, "query", "instant", "--format=json",
                               "http://127.0.0.1:9090", expression], capture_output=True, text=True, timeout=30)

    def ask(self, expression):
        """Values of an instant query by their labels; {} while Prometheus does not answer."""
        done = self.promtool(expression)
        if done.returncode != 0:
            return {}
        return {tuple(sorted((name, value) for name, value in each["metric"].items() if not name.startswith("__"))):
                float(each["value"][1]) for each in json.loads(done.stdout)}

    def test_promtool_has_nothing_to_say_of_the_metrics(self):
        done = check_metrics(self.write())
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        # That it can have: a counter's name on a gauge.
        self.assertNotEqual(check_metrics("# TYPE hostcheck_runs_total gauge\nhostcheck_runs_total 1\n").returncode, 0)

    def test_a_real_prometheus_scrapes_it_and_alerts(self):
        text = self.write()
        whole = json.loads(subprocess.run([support.HOSTCHECK, "run", "--observe", "0", "--netns", self.netns.name, "--format",
                                           "json"], capture_output=True, text=True, timeout=60).stdout)
        config = os.path.join(self.folder.name, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG % os.path.realpath(RULES + "/hostcheck.rules.yml"))
        with open(os.path.join(self.folder.name, "log"), "w", encoding="utf-8") as log:
            self.netns.popen(PROGRAMS + "prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile",
                             "--collector.textfile.directory=" + self.folder.name, "--web.listen-address=127.0.0.1:9100",
                             stdout=log, stderr=log)
            self.netns.popen(PROGRAMS + "prometheus", "--config.file=" + config, "--web.listen-address=127.0.0.1:9090",
                             "--storage.tsdb.path=" + self.folder.name + "/data", stdout=log, stderr=log)
        verdicts = support.wait_for(lambda: self.ask("hostcheck_verdict"), "a scrape of hostcheck's metrics", 60)
        self.assertEqual({dict(labels)["verdict"]: value for labels, value in verdicts.items()},
                         {"ok": 0, "warning": 1, "critical": 0, "unknown": 0})
        self.assertEqual(list(self.ask("node_textfile_scrape_error").values()), [0])
        found = {dict(labels)["id"]: value for labels, value in self.ask("sum by (id) (hostcheck_findings)").items()}
        ids = [finding["id"] for finding in whole["findings"]]
        self.assertEqual(found, {name: ids.count(name) for name in ids})
        self.assertIn("tcp.window_scaling_disabled", found)
        outcomes = {dict(labels)["outcome"]: value for labels, value in self.ask("hostcheck_checks").items()}
        self.assertEqual(sum(outcomes.values()), len(whole["checks"]))
        age, = self.ask("time() - hostcheck_last_run_timestamp_seconds").values()
        self.assertLess(0, age)
        self.assertLess(age, 120)
        # Pending is what a warning is before it has lasted.
        alerts = support.wait_for(lambda: self.ask('ALERTS{alertname="HostcheckWarning"}'), "the alert on a warning", 30)
        self.assertIn(("tcp.window_scaling_disabled", "pending"),
                      [(dict(labels)["id"], dict(labels)["alertstate"]) for labels in alerts])
        self.assertIn('hostcheck_findings{id="tcp.window_scaling_disabled"', text)
        self.judge_dashboard(text)

    def judge_dashboard(self, text):
        """Grafana's queries are taken by Prometheus, and ask for metrics that hostcheck writes."""
        written = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
        queries = dashboard_queries()
        self.assertGreater(len(queries), 10)
        for query in queries:
            names = set(re.findall(r"\bhostcheck_\w+", query))
            self.assertTrue(names and names <= written, query)
            self.assertNotIn("$", query)
            done = self.promtool(query)
            self.assertEqual(done.returncode, 0, query + "\n" + done.stderr)
        wrong, = self.ask('sum(hostcheck_verdict{verdict="warning",instance=~".*"})').values()
        self.assertEqual(wrong, 1)


if __name__ == "__main__":
    support.need_root()
    support.main()
