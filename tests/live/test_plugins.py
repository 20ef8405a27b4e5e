#!/usr/bin/env python3
"""A plugin that misbehaves in any way is a finding about itself, and nothing else of the run suffers."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import support

FIXTURES = os.environ.get("HOSTCHECK_FIXTURES",
                          os.path.join(os.path.dirname(os.path.abspath(support.HOSTCHECK)), "tests", "plugins"))
SANITIZED = os.environ.get("HOSTCHECK_SANITIZED") in ("ON", "1")
FAILED = "hostcheck.plugin_failed"
NOBODY = 65534

# The way to misbehave, and what the reason has to say. A sanitizer's own handlers say some things in other words.
FAILURES = {
    "crash": "SIGSEGV",
    "abort": "the fixture wants to abort",
    "exit": "exited with status 0 before it was done",
    "hang": "not done after 2000 ms",
    "spin": "2000 ms",
    "close_pipe": "2000 ms",
    "allocate": "" if SANITIZED else "gave nothing",
    "map": "gave nothing",
    "fork": "clone",
    "thread": "system call that plugins may not",
    "exec": "execve",
    "socket": "socket",
    "write_file": "open",
    "open_file": "open",
    "signal_parent": "kill",
    "root_file": "open",
    "flood_findings": "floods",
    "flood_words": "floods",
    "rubbish": "wrote rubbish",
    "half_frame": "wrote rubbish",
    "wrong_id": "tcp.not_its_own",
    "throws": "no_such_parameter",
    "other_abi": "plugin ABI 42 (SDK 9.9.9); this is hostcheck 0.1.0 with plugin ABI 1",
    "no_entry": "hostcheck_plugin_entry",
    "small_descriptor": "8 bytes",
    "other_name": "somebody_else",
    "wrong_table": "a table 'fixtures', which plugin.toml does not declare (did you mean 'fixtures_wrong_table'?)",
    "wrong_column": "with a column 'levels' that it does not have (did you mean 'level'?)",
    "wrong_type": "whose level is not integer",
}


RULE = """
id       = "hostcheck.brought"
title    = "A fixture brought a fact"
severity = "info"
claim    = "state"
query    = '''
SELECT level, way, share FROM fixtures_@way@ WHERE level >= :least
'''
subject  = ["way"]
summary  = "{way} has level {level}"
evidence = [{ what = "share", column = "share" }]
[params]
least = { default = 2, unit = "levels", why = "any number would do" }
[doc]
why = "Nobody notices: it is for tests."
fix = [{ text = "Nothing to do" }]
false_alarms = "Always."
[[test]]
name = "it fires"
facts.fixtures_@way@ = [{ level = 3, way = "well", share = 1.5 }]
expect = [{ summary = "well has level 3" }]
[[test]]
name = "boundary"
facts.fixtures_@way@ = [{ level = 2, way = "well" }]
expect = [{ summary = "well has level 2" }]
[[test]]
name = "clear"
facts.fixtures_@way@ = [{ level = 1, way = "well" }]
[[test]]
name = "unknown"
absent = [{ table = "fixtures_@way@", code = "failed", reason = "plugin well failed" }]
outcome = "unknown"
"""


def text_of(path):
    """The file's text; "" where it is gone."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def processes_of(parent):
    """Numbers of the processes whose parent it is."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/stat" % name) as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == parent:
                    found.append(int(name))
        except (OSError, ValueError, IndexError):
            continue
    return found


class Plugins(unittest.TestCase):
    def folder(self, *ways):
        folder = tempfile.mkdtemp(prefix="hc-plugins-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        for way in ways:
            os.mkdir(os.path.join(folder, way))
            for name in ("plugin.toml", "plugin.so"):
                shutil.copy(os.path.join(FIXTURES, way, name), os.path.join(folder, way, name))
        return folder

    def report(self, folder, *options, user=None):
        command = [support.HOSTCHECK, "run", "--observe", "0", "--probe", "off", "--format", "json", "--plugins", folder]
        done = subprocess.run(command + list(options), capture_output=True, text=True, timeout=120, user=user)
        self.assertTrue(done.stdout, done.stderr)
        return json.loads(done.stdout), done

    def outcomes(self, report):
        return {check["id"]: check for check in report["checks"]}

    def failures(self, report):
        return {each["subject"]["plugin"]: each for each in report["findings"] if each["id"] == FAILED}

    def test_each_way_to_fail_is_named_and_harms_nobody_else(self):
        folder = self.folder("well", *FAILURES)
        report, done = self.report(folder, "--budget", "60s")
        failed = self.failures(report)
        self.assertEqual(sorted(failed), sorted(FAILURES))
        outcomes = self.outcomes(report)
        for way, words in FAILURES.items():
            self.assertIn(words, failed[way]["summary"], way)
            self.assertIn(way, failed[way]["summary"])
            self.assertEqual(outcomes["hostcheck.fixture_" + way]["outcome"], "error", way)
            self.assertIn(words, outcomes["hostcheck.fixture_" + way]["reason"], way)
        self.assertEqual(outcomes["hostcheck.fixture_well"]["outcome"], "finding")
        for each in report["findings"]:
            self.assertFalse(each["id"].startswith("hostcheck.fixture_") and each["id"] != "hostcheck.fixture_well", each)
        # The rules were all run beside them.
        rules = json.loads(support.run(support.HOSTCHECK, "checks", "--format", "json", "--plugins", self.folder()))
        for rule in rules:
            self.assertIn(rule["id"], outcomes)
            self.assertNotEqual(outcomes[rule["id"]]["outcome"], "error", rule["id"])
        self.assertIn(done.returncode, (1, 2), "the fixture that works finds a warning")

    def test_one_that_works_is_a_finding_with_its_parameter(self):
        folder = self.folder("well")
        report, done = self.report(folder, "--only", "hostcheck.*", "--set", "hostcheck.fixture_well.level_well=7")
        self.assertEqual([each["id"] for each in report["findings"]], ["hostcheck.fixture_well"])
        evidence = report["findings"][0]["evidence"]
        self.assertEqual(evidence[0]["value"], 7)
        self.assertIn(("parameter level_well", 7, "--set"), [(each["what"], each["value"], each["source"]) for each in evidence])
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.outcomes(report)[FAILED]["outcome"], "clear")

    def test_a_plugins_finding_can_be_suppressed(self):
        folder = self.folder("well")
        config = os.path.join(folder, "hostcheck.toml")
        with open(config, "w") as file:
            file.write('[[suppress]]\nid = "hostcheck.fixture_well"\nsubject = "*"\nreason = "known since May"\n')
        report, done = self.report(folder, "--only", "hostcheck.fixture_well", "--config", config)
        self.assertEqual((report["findings"], done.returncode), ([], 0), done.stderr)
        self.assertEqual([each["id"] for each in report["suppressed"]], ["hostcheck.fixture_well"])

    def test_options_apply_to_its_ids(self):
        folder = self.folder("well", "crash")
        report, _ = self.report(folder, "--area", "hostcheck", "--skip", "*_crash")
        self.assertEqual(self.outcomes(report)["hostcheck.fixture_crash"]["outcome"], "skipped")
        self.assertEqual(self.failures(report), {})
        done = subprocess.run([support.HOSTCHECK, "run", "--plugins", folder, "--only", "hostcheck.fixture_wel"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 64)
        self.assertIn("did you mean 'hostcheck.fixture_well'", done.stderr)
        page = support.run(support.HOSTCHECK, "explain", "--plugins", folder, "hostcheck.fixture_well")
        self.assertIn("level_well = 3 levels", page)
        self.assertIn("SELECT name, kernel FROM host", page)
        self.assertIn("fixtures_well: What the fixture saw", page)
        self.assertIn("(where the role is router)", support.run(support.HOSTCHECK, "explain", "conntrack.recently_full"))
        self.assertIn(FAILED, support.run(support.HOSTCHECK, "explain", FAILED))
        rules = json.loads(support.run(support.HOSTCHECK, "checks", "--plugins", folder, "--format", "json"))
        self.assertIn("hostcheck.fixture_crash", {each["id"] for each in rules})

    def rules(self, way, text=RULE):
        rules = tempfile.mkdtemp(prefix="hc-rules-")
        self.addCleanup(shutil.rmtree, rules)
        os.chmod(rules, 0o755)
        with open(os.path.join(rules, "hostcheck.brought.toml"), "w") as file:
            file.write(text.replace("@way@", way))
        return rules

    def judged(self, ways, way, *options):
        """What becomes of the rule that reads the table of `way` when these are there."""
        report, _ = self.report(self.folder(*ways), "--rules", self.rules(way), "--only", "hostcheck.*", *options)
        return self.outcomes(report)["hostcheck.brought"], report

    def hostcheck(self, *words, status=0):
        done = subprocess.run([support.HOSTCHECK, *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def test_a_plugins_table_is_one_like_any_other(self):
        plugins = self.folder("well")
        listed = self.hostcheck("tables", "--plugins", plugins).stdout
        self.assertRegex(listed, r"(?m)^fixtures_well +What the fixture saw")
        page = self.hostcheck("tables", "fixtures_well", "--plugins", plugins).stdout
        self.assertIn("Brought by the plugin well.", page)
        self.assertRegex(page, r"level +integer, levels, key\. The level that it was given \[plugin well\]")
        query = "SELECT way, level, share, typeof(share) AS kind FROM fixtures_well JOIN host"
        answer = json.loads(self.hostcheck("query", "--plugins", plugins, "--format", "json", query).stdout)
        self.assertEqual(answer, [{"way": "well", "level": 3, "share": 40.0, "kind": "real"}])
        done = self.hostcheck("query", "--plugins", plugins, "SELECT levels FROM fixtures_well", status=64)
        self.assertIn("did you mean 'level'", done.stderr)
        # Without the plugin there is no such table.
        done = self.hostcheck("query", "--plugins", self.folder(), "SELECT * FROM fixtures_well", status=64)
        self.assertIn("no such table", done.stderr)

    def test_rules_read_the_table_that_a_plugin_brings(self):
        verdict, report = self.judged(["well"], "well")
        self.assertEqual(verdict["outcome"], "finding")
        found = [each for each in report["findings"] if each["id"] == "hostcheck.brought"]
        self.assertEqual([each["summary"] for each in found], ["well has level 3"])
        evidence = {each["what"]: each for each in found[0]["evidence"]}
        self.assertEqual((evidence["share"]["value"], evidence["share"]["unit"], evidence["share"]["source"]),
                         (40.0, "%", "plugin well"))
        # Only the rule is asked for: the plugin is started for its table, and its own checks say nothing.
        report, _ = self.report(self.folder("well"), "--rules", self.rules("well"), "--only", "hostcheck.brought")
        self.assertEqual([each["id"] for each in report["findings"]], ["hostcheck.brought"])

    def test_a_plugins_table_is_absent_with_the_reason_and_never_empty(self):
        for way, words in (("crash", "plugin crash failed: was ended by signal SIGSEGV"),
                           ("other_abi", "was built for plugin ABI 42"),
                           ("partial", "")):
            verdict, _ = self.judged([way], way)
            if way == "partial":
                self.assertEqual(verdict["outcome"], "finding")
                self.assertIn("the other half was out of sight", verdict["reason"])
                verdict, _ = self.judged([way], way, "--set", "hostcheck.brought.least=9")
                words = "the other half was out of sight"
            self.assertEqual(verdict["outcome"], "unknown", way)
            self.assertIn(words, verdict["reason"])
        verdict, _ = self.judged(["well"], "well", "--skip", "hostcheck.fixture_well")
        self.assertEqual((verdict["outcome"], "left out by --skip" in verdict["reason"]), ("unknown", True), verdict)
        # One that is refused cannot tell which tables it has: the reason names it.
        folder = self.folder("well")
        os.chmod(os.path.join(folder, "well", "plugin.so"), 0o777)
        report, _ = self.report(folder, "--rules", self.rules("well"), "--only", "hostcheck.*")
        verdict = self.outcomes(report)["hostcheck.brought"]
        self.assertEqual(verdict["outcome"], "unknown")
        self.assertIn("no such table", verdict["reason"])
        self.assertIn("others can write to it", verdict["reason"])
        # Without any plugin the rule is wrong.
        verdict, _ = self.judged([], "well")
        self.assertEqual(verdict["outcome"], "error")
        self.assertIn("no such table", verdict["reason"])
        done = self.hostcheck("query", "--plugins", self.folder("crash"), "SELECT * FROM fixtures_crash")
        self.assertIn("fixtures_crash could not be read: plugin crash failed", done.stderr)

    def test_snapshots_have_a_plugins_table(self):
        plugins, none = self.folder("well"), self.folder()
        folder = tempfile.mkdtemp(prefix="hc-snap-")
        self.addCleanup(shutil.rmtree, folder)
        one, other = os.path.join(folder, "one.db"), os.path.join(folder, "other.db")
        for path, settings in ((one, ()), (other, ("--set", "hostcheck.fixture_well.level_well=7"))):
            self.hostcheck("run", "--observe", "0", "--probe", "off", "--plugins", plugins, "--only", "hostcheck.fixture_*",
                           "--snapshot", path, "--quiet", *settings, status=1)
        # Where the plugin is not installed the table is known from the file.
        for where in (none, plugins):
            rows = json.loads(self.hostcheck("query", "--plugins", where, "--from", other, "--format", "json",
                                             "SELECT way, level, share FROM fixtures_well").stdout)
            self.assertEqual(rows, [{"way": "well", "level": 7, "share": 40.0}])
        rules = self.rules("well")
        for where in (none, plugins):  # with it, it is asked again on the facts of the file
            report, _ = self.report(where, "--from", one, "--rules", rules, "--only", "hostcheck.brought")
            self.assertEqual([each["summary"] for each in report["findings"]], ["well has level 3"])
        differences = json.loads(self.hostcheck("diff", "--format", "json", one, other, status=1).stdout)["differences"]
        told = [each for each in differences if each.get("table") == "fixtures_well"]
        self.assertEqual(sorted(each["subject"] for each in told), ["3", "7"])

    def test_tests_know_a_plugins_table(self):
        plugins = self.folder("well")
        good = os.path.join(self.rules("well"), "hostcheck.brought.toml")
        self.assertIn("4 tests passed, 0 failed", self.hostcheck("test", "--plugins", plugins, good).stdout)
        wrong = os.path.join(self.rules("well", RULE.replace("SELECT level, way", "SELECT levels AS level, way")),
                             "hostcheck.brought.toml")
        self.assertIn("did you mean 'level'", self.hostcheck("test", "--plugins", plugins, wrong, status=1).stdout)
        recorded = self.hostcheck("test", "--plugins", plugins, "--record", "of this host", good).stdout
        self.assertIn('{ level = 3, way = "well", share = 40.0 }', recorded)
        with open(good, "a") as file:
            file.write(recorded)
        self.assertIn("5 tests passed, 0 failed", self.hostcheck("test", "--plugins", plugins, good).stdout)

    def test_a_tables_name_is_of_one_plugin_and_not_hostchecks(self):
        folder = self.folder("well", "partial")
        path = os.path.join(folder, "well", "plugin.toml")
        with open(path) as file:
            text = file.read()
        for name, words in (("links", "table 'links' of plugin well has the name of one of hostcheck's own tables"),
                            ("probe_mine", "can be no table's name"),
                            ("select", "can be no table's name"),
                            ("fixtures_partial", "table 'fixtures_partial' of plugin well is already that of plugin partial")):
            with open(path, "w") as file:
                file.write(text.replace('"fixtures_well"', '"%s"' % name))
            report, _ = self.report(folder, "--only", "hostcheck.fixture_*")
            self.assertIn(words, self.failures(report)["well"]["summary"])
            self.assertEqual(self.outcomes(report)["hostcheck.fixture_partial"]["outcome"], "finding")

    def test_the_engine_sends_what_a_plugin_asks_for_and_gives_the_answer_back(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to make network namespaces")
        folder = self.folder("asks")
        with support.Netns("asks") as here, support.Netns("asks") as there:
            support.veth_pair(here, there)
            here.ip("addr", "add", "10.77.9.2/24", "dev", "veth0")
            there.ip("addr", "add", "10.77.9.1/24", "dev", "veth0")
            here.ip("route", "add", "10.78.0.0/16", "via", "10.77.9.1")
            here.ip("route", "add", "10.79.0.0/16", "via", "10.77.9.3")

            def ask(target, *options):
                report, _ = self.report(folder, "--netns", here.name, "--probe", "auto", "--only", "hostcheck.fixture_asks",
                                        "--set", "hostcheck.fixture_asks.netns_asks=" + here.name,
                                        "--set", "hostcheck.fixture_asks.target_asks=" + target, *options)
                self.assertEqual(self.failures(report), {})
                return report

            silent = ask("10.77.9.3")
            self.assertEqual([(each["status"], each["summary"]) for each in silent["findings"]],
                             [("confirmed", "it is silent")])
            self.assertEqual([(each["kind"], each["target"], each["asked_by"]) for each in silent["probes"]],
                             [("gateway", "10.77.9.3", "hostcheck.fixture_asks")])
            answers = ask("10.77.9.1")
            self.assertEqual((answers["findings"], len(answers["probes"])), ([], 1))
            self.assertEqual(self.outcomes(answers)["hostcheck.fixture_asks"]["outcome"], "clear")
            for target, options, why in (("192.0.2.1", (), "192.0.2.1 is no next hop, address or resolver of this host"),
                                         ("10.77.9.3", ("--probe", "off"), "--probe off")):
                report = ask(target, *options)
                self.assertEqual(report["probes"], [], why)
                self.assertEqual(report["findings"][0]["status"], "suspected", why)
                self.assertIn("no probe was sent: " + why, report["findings"][0]["because"])

    def test_the_budget_holds_whatever_they_do(self):
        folder = self.folder("well", "hang", "spin", "close_pipe", "flood_words", "flood_findings", "allocate")
        for way in ("hang", "spin", "close_pipe"):
            path = os.path.join(folder, way, "plugin.toml")
            with open(path) as file:
                text = file.read()
            with open(path, "w") as file:
                file.write(text.replace("time_ms = 2000", "time_ms = 10000"))
        report, _ = self.report(folder, "--budget", "2s")
        self.assertLessEqual(report["duration_ms"], 2000)
        failed = self.failures(report)
        self.assertIn("--budget was used up", failed["hang"]["summary"])
        self.assertEqual(self.outcomes(report)["hostcheck.fixture_well"]["outcome"], "finding")

    def test_nothing_is_left_when_the_run_is_killed(self):
        folder = self.folder("hang")
        path = os.path.join(folder, "hang", "plugin.toml")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("time_ms = 2000", "time_ms = 10000"))
        process = subprocess.Popen([support.HOSTCHECK, "run", "--observe", "0", "--plugins", folder, "--only",
                                    "hostcheck.fixture_hang", "--budget", "30s"], stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        child = support.wait_for(lambda: processes_of(process.pid), "the plugin's process")[0]
        support.wait_for(lambda: "\nSeccomp:\t2" in text_of("/proc/%d/status" % child), "its confinement")
        status = text_of("/proc/%d/status" % child)
        for line in ("NoNewPrivs:\t1", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000"):
            self.assertIn(line, status)
        if os.geteuid() == 0:
            self.assertIn("Uid:\t%d\t%d\t%d\t%d" % ((NOBODY,) * 4), status)
            self.assertEqual(sorted(os.listdir("/proc/%d/fd" % child)), ["0", "1", "2", "3", "4"])
        os.kill(process.pid, signal.SIGKILL)
        support.wait_for(lambda: text_of("/proc/%d/stat" % child).rpartition(")")[2].split()[:1] in ([], ["Z"]),
                         "the end of the child")

    def test_folders_that_others_may_change_are_refused(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to give files away")
        cases = {
            "a file that everybody may write": lambda path: os.chmod(os.path.join(path, "plugin.so"), 0o777),
            "a folder that everybody may write": lambda path: os.chmod(path, 0o777),
            "a file of another user": lambda path: os.chown(os.path.join(path, "plugin.toml"), 12345, 12345),
            "a folder of another user": lambda path: os.chown(path, 12345, 12345),
        }
        for what, spoil in cases.items():
            with self.subTest(what):
                folder = self.folder("well", "throws")
                spoil(os.path.join(folder, "well"))
                report, _ = self.report(folder, "--only", "hostcheck.fixture_*")
                failed = self.failures(report)
                self.assertIn("well", failed)
                self.assertRegex(failed["well"]["summary"], "others can write to it|it belongs to user 12345")
                self.assertIn("hostcheck.fixture_throws", self.outcomes(report))
                self.assertNotIn("hostcheck.fixture_well", self.outcomes(report))

    def test_without_root_they_run_as_confined(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become somebody else")
        folder = self.folder("well", "fork", "crash")
        readable = subprocess.run([support.HOSTCHECK, "--version"], capture_output=True, user=NOBODY)
        if readable.returncode != 0:
            self.skipTest("another user cannot run the program where it is built")
        report, _ = self.report(folder, "--only", "hostcheck.fixture_*", user=NOBODY)
        self.assertEqual(self.outcomes(report)["hostcheck.fixture_well"]["outcome"], "finding")
        self.assertIn("clone", self.failures(report)["fork"]["summary"])

    def test_a_plugin_file_that_is_wrong_is_named_with_its_line(self):
        folder = self.folder("well", "crash")
        path = os.path.join(folder, "crash", "plugin.toml")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("SELECT name, kernel FROM host", "SELECT nam FROM host"))
        report, _ = self.report(folder, "--only", "hostcheck.fixture_*")
        self.assertRegex(self.failures(report)["crash"]["summary"], r"plugin.toml:6: .*nam.*did you mean 'name'")
        self.assertEqual(self.outcomes(report)["hostcheck.fixture_well"]["outcome"], "finding")


if __name__ == "__main__":
    support.main()
