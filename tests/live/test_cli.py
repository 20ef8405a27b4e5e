#!/usr/bin/env python3
"""The command line: bad input is named and answered with the right exit status, and output is what its reader can take."""

import json
import os
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest

import support

H = support.HOSTCHECK
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
COMMANDS = ["run", "path", "probe", "query", "snapshot", "diff", "tables", "checks", "explain", "test", "new", "doctor", "completion"]

RULE = """id = "tcp.fixture"
title = "A rule of the test"
severity = "warning"
claim = "state"
query = "SELECT netns, name FROM sysctls WHERE name = 'net.ipv4.tcp_sack' AND value = :wanted"
subject = ["netns"]
summary = "sack in {netns}"
[params]
wanted = { default = 77, unit = "", why = "never the value" }
[doc]
why = "nothing"
fix = [{ text = "nothing" }]
false_alarms = "none"
references = ["none"]
"""


def hostcheck(*words, stdin=None, env=None, program=H):
    environment = dict(os.environ, **(env or {}))
    return subprocess.run([program, *words], capture_output=True, text=True, input=stdin, timeout=60, env=environment)


def run_sqlite(file, sql):
    return support.run("sqlite3", file, sql)


def rules_folder(test, **files):
    """A folder tcp/NAME.toml, removed after the test."""
    folder = tempfile.mkdtemp(prefix="hc-rules-")
    test.addCleanup(shutil.rmtree, folder)
    os.chmod(folder, 0o755)
    os.mkdir(os.path.join(folder, "tcp"))
    for name, text in files.items():
        with open(os.path.join(folder, "tcp", name + ".toml"), "w", encoding="utf-8") as file:
            file.write(text)
    return folder


def on_terminal(*words, env=None):
    """Standard output and error of a command whose both are one terminal."""
    main, other = pty.openpty()
    process = subprocess.Popen([H, *words], stdout=other, stderr=other, stdin=subprocess.DEVNULL,
                               env=dict(os.environ, TERM="xterm", **(env or {})))
    os.close(other)
    text = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        text += part
    os.close(main)
    process.wait(timeout=60)
    return text.decode()


class Usage(unittest.TestCase):
    def refused(self, *words, say):
        done = hostcheck(*words)
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn(say, done.stderr)
        self.assertEqual(done.stdout, "")
        return done

    def test_misspelt_names_are_answered_with_the_nearest(self):
        self.refused("rum", say="did you mean 'run'?")
        self.refused("run", "--obsrve", "1s", say="did you mean '--observe'?")
        self.refused("run", "--format", "jsn", say="did you mean 'json'?")
        self.refused("run", "--format", "xml", say="one of text, json, ndjson, prometheus, nagios, npd, junit, html")
        self.refused("run", "--only", "tcp.window_scaling_disable", say="did you mean 'tcp.window_scaling_disabled'?")
        self.refused("run", "--area", "tpc", say="did you mean 'tcp'?")
        self.refused("run", "--set", "tcp.retransmissions_hig.x=1", say="did you mean 'tcp.retransmissions_high'?")
        self.refused("explain", "tcp.window_scaling", say="did you mean 'tcp.window_scaling_disabled'?")
        self.refused("tables", "link", say="did you mean 'links'?")
        self.refused("query", "SELECT * FROM lnks", say="did you mean 'links'?")
        self.refused("query", "SELECT ifnam FROM links", say="did you mean 'ifname'?")
        self.refused("completion", "fish", say="one of bash, zsh")
        self.refused("--verison", say="did you mean '--version'?")

    def test_what_cannot_be_meant_is_refused(self):
        self.refused("run", "--observe", "2x", say="2x")
        self.refused("run", "--observe", say="--observe")
        self.refused("run", "--budget", "0", say="--budget")
        self.refused("run", "--probe", "some", say="one of off, auto, full")
        self.refused("run", "--set", "nonsense", say="ID.PARAM=VALUE")
        self.refused("run", "--netns", "hc-no-such-namespace", say="no such namespace")
        self.refused("run", "unwanted", say="unwanted")
        self.refused("query", "DELETE FROM links", say="")
        self.refused("query", "SELECT 1; SELECT 2", say="")
        self.refused("query", "ATTACH 'x' AS y", say="")
        self.refused("explain", say="which check")
        self.refused("test", "/nonexistent.toml", say="/nonexistent.toml")

    def test_what_a_probe_cannot_take_is_refused(self):
        for words, said in (("trace 127.0.0.1 secnds=4", "did you mean 'seconds'?"),
                            ("trace 127.0.0.1 seconds=x", "seconds=x: must be a whole number from 1 to 60"),
                            ("trace 127.0.0.1 protocols=sctp", "protocols=sctp: must be some of tcp, udp, icmp"),
                            ("trace 127.0.0.1 protocols=tcp", "protocols=tcp: tcp needs a port"),
                            ("trace 127.0.0.1 ports=0", "ports=0: must be source ports"),
                            ("trace 127.0.0.1 asn=/nonexistent", "asn=/nonexistent"),
                            ("pmtu 127.0.0.1 methods=sctp", "methods=sctp: must be some of icmp, tcp, udp"),
                            ("pmtu 127.0.0.1 family=5", "family=5: must be 4 or 6"),
                            ("pmtu 127.0.0.1 family=6", "family=6: 127.0.0.1 is of the other family"),
                            ("pmtu 127.0.0.1 server=name", "server=name: must be addresses"),
                            ("pmtu 2001:db8::zz", "neither an address nor a name"),
                            ("sweep 127.0.0.1:1 ports=4", "ports=4: must be a whole number from 8 to 512"),
                            ("sweep 127.0.0.1:1 first=0", "first=0: must be a whole number from 1 to 65535"),
                            ("sweep 127.0.0.1", "a port is missing"),
                            ("connect 127.0.0.1", "a port is missing"),
                            ("connect 127.0.0.1:x", "a port is a number"),
                            ("gateway 127.0.0.1", "this host itself"),
                            ("gateway 192.0.2.1 dev=hc-none", "dev=hc-none: no such interface"),
                            ("gateway 192.0.2.1:53", "a neighbour has no port"),
                            ("latency 127.0.0.1 load=-1", "load=-1: must be a whole number from 0 to 1000"),
                            ("latency 127.0.0.1 base_ms=x", "base_ms=x: must be a time"),
                            ("dns db.example address=x server=127.0.0.1", "address=x: must be an address"),
                            ("listener 127.0.0.1:1 connects=11", "connects=11: must be a whole number from 0 to 10"),
                            ("listener 127.0.0.1:1 send=\\q", "send=\\q: must be 1 to 4096 bytes"),
                            ("listener 127.0.0.1:1 send=", "send=: must be 1 to 4096 bytes"),
                            ("listener 192.0.2.1:1", "no address of this host")):
            self.refused("probe", *words.split(), say=said)

    def test_help_has_examples_and_fits(self):
        for words in ([], *[[command] for command in COMMANDS]):
            done = hostcheck(*words, "--help")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("Examples:", done.stdout)
            for line in done.stdout.splitlines():
                self.assertLess(len(line), 100, line)

    def test_help_names_every_command(self):
        text = hostcheck("--help").stdout
        for command in COMMANDS:
            self.assertIn(command, text)
        self.assertEqual(hostcheck().returncode, 64)
        self.assertRegex(hostcheck("--version").stdout, r"^hostcheck \d+\.\d+\.\d+\n$")

    def test_bash_completes(self):
        script = """PATH=$1:$PATH; source <(hostcheck completion bash)
            for line in "hostcheck ru" "hostcheck run --obs" "hostcheck run --format js" "hostcheck explain tcp.window_sc"; do
              COMP_WORDS=($line); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _hostcheck; echo "${COMPREPLY[@]}"
            done"""
        done = subprocess.run(["bash", "-euc", script, "bash", os.path.dirname(os.path.abspath(H))], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout.split(), done.stderr), (["run", "--observe", "json", "tcp.window_scaling_disabled"], ""))

    def test_zsh_completes_the_first_time_too(self):
        with tempfile.TemporaryDirectory(prefix="hc-zsh-") as folder:
            with open(os.path.join(folder, "_hostcheck"), "w", encoding="utf-8") as file:
                file.write(hostcheck("completion", "zsh").stdout)
            main, other = pty.openpty()
            shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=other, stdout=other, stderr=other, start_new_session=True,
                                     env=dict(os.environ, TERM="dumb", PATH=os.path.dirname(os.path.abspath(H)) + ":" + os.environ["PATH"]))
            os.close(other)
            self.addCleanup(os.close, main)
            self.addCleanup(shell.wait)
            self.addCleanup(shell.kill)

            def answered(typed, words):
                os.write(main, typed.encode())
                text = ""
                while words not in text:
                    self.assertTrue(select.select([main], [], [], 20)[0], "%r is answered with %r" % (typed, text))
                    text += os.read(main, 65536).decode()

            answered("fpath=(%s $fpath); autoload -Uz compinit; compinit -u -D; echo th\"\"ere\n" % folder, "there")
            answered("hostcheck comp\t", "completion")
            answered("\x15hostcheck run --format js\t", "json")


class Configuration(unittest.TestCase):
    def config(self, text):
        file = tempfile.NamedTemporaryFile("w", suffix=".toml", prefix="hc-", delete=False)
        self.addCleanup(os.unlink, file.name)
        with file:
            file.write(text)
        return file.name

    def refused(self, text, *say):
        path = self.config(text)
        done = hostcheck("run", "--config", path)
        self.assertEqual(done.returncode, 64, done.stderr)
        for each in say:
            self.assertIn(each.replace("FILE", path), done.stderr)

    def test_mistakes_are_named_with_their_line(self):
        self.refused('observe = "0"\nobsrve = "1s"\n', "FILE:2", "did you mean 'observe'?")
        self.refused("observe = \n", "FILE:1")
        self.refused("observe = 5\n", "FILE:1", "quotes")
        self.refused('observe = "5 parsecs"\n', "5 parsecs")
        self.refused('format = "xml"\n', "one of text, json, ndjson")
        self.refused('[set."tcp.no_such"]\nx = 1\n', "FILE:2", "tcp.no_such")
        done = hostcheck("run", "--config", "/nonexistent.toml")
        self.assertEqual(done.returncode, 64)
        self.assertIn("/nonexistent.toml", done.stderr)

    def test_the_command_line_wins(self):
        path = self.config('format = "json"\nobserve = "0"\nonly = ["tcp.*"]\n')
        json.loads(hostcheck("run", "--config", path).stdout)
        text = hostcheck("run", "--config", path, "--format", "text").stdout
        self.assertTrue(text.startswith("hostcheck "))
        self.assertIn("not watched", text)

    def test_a_file_that_others_can_write_is_refused(self):
        path = self.config('format = "json"\n')
        os.chmod(path, 0o666)
        done = hostcheck("run", "--config", path)
        self.assertEqual(done.returncode, 64)
        self.assertIn("others can write to it", done.stderr)

    def test_a_parameter_is_set_from_both_places(self):
        folder = rules_folder(self, fixture=RULE)
        value = json.loads(hostcheck("query", "--format", "json",
                                     "SELECT value FROM sysctls WHERE name = 'net.ipv4.tcp_sack'").stdout)[0]["value"]
        words = ("run", "--observe", "0", "--rules", folder)
        self.assertEqual(hostcheck(*words).returncode, 0)
        self.assertEqual(hostcheck(*words, "--set", "tcp.fixture.wanted=%d" % value).returncode, 1)
        path = self.config('[set."tcp.fixture"]\nwanted = %d\n' % value)
        self.assertEqual(hostcheck(*words, "--config", path).returncode, 1)
        self.assertEqual(hostcheck(*words, "--config", path, "--set", "tcp.fixture.wanted=77").returncode, 0)
        done = hostcheck(*words, "--set", "tcp.fixture.wnted=1")
        self.assertEqual(done.returncode, 64)
        self.assertIn("did you mean 'wanted'?", done.stderr)


    def test_a_suppression_sets_findings_aside_and_loses_none(self):
        folder = rules_folder(self, fixture=RULE)
        value = json.loads(hostcheck("query", "--format", "json",
                                     "SELECT value FROM sysctls WHERE name = 'net.ipv4.tcp_sack'").stdout)[0]["value"]
        fires = '[set."tcp.fixture"]\nwanted = %d\n' % value
        words = ("run", "--observe", "0", "--rules", folder, "--config")
        aside = fires + '[[suppress]]\nid = "tcp.fix*"\nsubject = "*"\nreason = "known since May"\nuntil = 2999-12-31\n'
        path = self.config(aside)
        text = hostcheck(*words, path)
        self.assertEqual(text.returncode, 0, text.stdout)
        self.assertIn("1 finding by the configuration", text.stdout)
        self.assertNotIn("known since May", text.stdout)
        self.assertIn("known since May", hostcheck(*words, path, "--show-suppressed").stdout)
        report = json.loads(hostcheck(*words, path, "--format", "json").stdout)
        self.assertEqual((report["verdict"], report["findings"]), ("ok", []))
        self.assertEqual(report["suppressed"][0]["id"], "tcp.fixture")
        self.assertEqual(report["suppressed"][0]["suppressed"],
                         {"by": path + ":3", "reason": "known since May", "until": "2999-12-31"})
        other = fires + '[[suppress]]\nid = "tcp.fixture"\nsubject = "eth9"\nreason = "r"\n'
        self.assertEqual(hostcheck(*words, self.config(other)).returncode, 1)
        over = hostcheck(*words, self.config(aside.replace("2999-12-31", '"2026-01-31"')))
        self.assertEqual(over.returncode, 1)
        self.assertIn("the suppression of tcp.fix* is over", over.stderr)

    def test_wrong_suppressions_are_named(self):
        self.refused('[[suppress]]\nid = "nic.*"\n', "FILE:1", "needs a reason")
        self.refused('[[suppress]]\nreason = "x"\n', "FILE:1", "needs an id")
        self.refused('[[suppress]]\nid = "nic.*"\nreason = "x"\nuntil = "soon"\n', "FILE:4", "2026-12-31")
        self.refused('[[suppress]]\nid = "nic.*"\nreason = "x"\nuntil = "2026-02-30"\n', "FILE:4")
        self.refused('[[suppress]]\nid = "nic.*"\nreasn = "x"\n', "FILE:3", "did you mean 'reason'?")
        self.refused('[[suppress]]\nid = "nic.dupplex_half"\nreason = "x"\n', "FILE:1", "did you mean 'nic.duplex_half'?")
        self.refused('suppress = "nic.*"\n', "FILE:1", "[[suppress]]")
        self.refused('role = "rooter"\n', "did you mean 'router'?")

    def test_parameters_are_evidence(self):
        folder = rules_folder(self, fixture=RULE)
        value = json.loads(hostcheck("query", "--format", "json",
                                     "SELECT value FROM sysctls WHERE name = 'net.ipv4.tcp_sack'").stdout)[0]["value"]
        report = json.loads(hostcheck("run", "--observe", "0", "--rules", folder, "--format", "json",
                                      "--set", "tcp.fixture.wanted=%d" % value).stdout)
        evidence = {each["what"]: each for each in report["findings"][0]["evidence"]}
        self.assertEqual((evidence["parameter wanted"]["value"], evidence["parameter wanted"]["source"]), (value, "--set"))

    def test_rules_for_a_role_are_judged_there_only(self):
        folder = rules_folder(self, fixture='roles = ["router"]\n' + RULE)
        value = json.loads(hostcheck("query", "--format", "json",
                                     "SELECT value FROM sysctls WHERE name = 'net.ipv4.tcp_sack'").stdout)[0]["value"]
        words = ("run", "--observe", "0", "--rules", folder, "--format", "json", "--set", "tcp.fixture.wanted=%d" % value)
        self.assertEqual(len(json.loads(hostcheck(*words, "--role", "router").stdout)["findings"]), 1)
        report = json.loads(hostcheck(*words, "--role", "server").stdout)
        self.assertEqual(report["findings"], [])
        check = [each for each in report["checks"] if each["id"] == "tcp.fixture"][0]
        self.assertEqual((check["outcome"], check["reason"]), ("skipped", "holds for the role router; this host's: server"))
        done = hostcheck("run", "--role", "rooter")
        self.assertEqual(done.returncode, 64)
        self.assertIn("did you mean 'router'?", done.stderr)


class Rules(unittest.TestCase):
    def failed(self, folder, *say):
        done = hostcheck("run", "--observe", "0", "--rules", folder, "--plugins", folder)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        # The report is wrapped: compare without line ends and blanks.
        text = re.sub(r"\s+", "", done.stdout + done.stderr)
        for each in say:
            self.assertIn(re.sub(r"\s+", "", each), text)
        return done

    def test_a_syntax_error_is_named_with_its_place(self):
        folder = rules_folder(self, broken='id = "tcp.broken"\ntitle = \n', fixture=RULE)
        done = self.failed(folder, "tcp/broken.toml:2")
        self.assertIn("1 check", done.stdout)

    def test_an_unknown_table_is_answered_with_the_nearest(self):
        folder = rules_folder(self, fixture=RULE.replace("FROM sysctls", "FROM sysctl"))
        self.failed(folder, "tcp/fixture.toml", "did you mean 'sysctls'?")

    def test_one_bad_rule_does_not_hide_a_finding(self):
        value = hostcheck("query", "--format", "csv", "SELECT value FROM sysctls WHERE name = 'net.ipv4.tcp_sack'")
        folder = rules_folder(self, broken="nonsense", fixture=RULE.replace("77", value.stdout.split()[1]))
        self.assertEqual(hostcheck("run", "--observe", "0", "--rules", folder).returncode, 1)

    def test_folders_that_others_can_write_are_refused(self):
        folder = rules_folder(self, fixture=RULE)
        os.chmod(os.path.join(folder, "tcp", "fixture.toml"), 0o646)
        self.refused_folder(folder, "others can write to it")
        os.chmod(os.path.join(folder, "tcp", "fixture.toml"), 0o644)
        os.chmod(folder, 0o777)
        self.refused_folder(folder, "others can write to it")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to give a file away")
    def test_folders_of_somebody_else_are_refused(self):
        folder = rules_folder(self, fixture=RULE)
        os.chown(os.path.join(folder, "tcp"), 12345, 12345)
        self.refused_folder(folder, "belongs to user 12345")

    def refused_folder(self, folder, say):
        done = hostcheck("run", "--observe", "0", "--rules", folder)
        self.assertEqual(done.returncode, 3)
        self.assertIn(say, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_no_folder_is_an_error(self):
        done = hostcheck("run", "--rules", "/nonexistent")
        self.assertEqual(done.returncode, 3)
        self.assertIn("/nonexistent", done.stderr)

    def test_rules_carry_their_tests(self):
        done = hostcheck("test", rules_folder(self, fixture=RULE))
        self.assertEqual(done.returncode, 1, "a rule without tests fails")
        self.assertIn("tcp.fixture", done.stdout)

    def test_every_rule_has_a_page(self):
        for check in json.loads(hostcheck("checks", "--format", "json").stdout):
            done = hostcheck("explain", check["id"])
            self.assertEqual(done.returncode, 0, done.stderr)
            for heading in ("Severity", "Claim", "What users notice", "How it is judged", "What cures it", "Reads"):
                self.assertIn(heading, done.stdout, check["id"])


class Output(unittest.TestCase):
    def test_a_pipe_gets_no_colour_and_no_progress(self):
        done = hostcheck("run", "--observe", "300ms")
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        self.assertNotIn("watching", done.stderr)
        for line in done.stdout.splitlines():
            self.assertLess(len(line), 100, line)

    def test_a_terminal_gets_colour_and_progress(self):
        words = ("run", "--observe", "300ms", "--only", "tcp.*")
        text = on_terminal(*words)
        self.assertIn("watching: ", text)
        self.assertRegex(text, r"\x1b\[1;3\dm(OK|UNKNOWN|INFO|WARNING|CRITICAL)\x1b\[0m")
        last = text.rfind("watching: ")
        self.assertIn("\r\x1b[K", text[last:], "the progress line is removed")
        self.assertNotIn("\x1b[1;3", on_terminal(*words, env={"NO_COLOR": "1"}))
        self.assertNotIn("\x1b[1;3", on_terminal(*words, "--color", "never"))
        self.assertNotIn("watching", on_terminal(*words, "--quiet"))
        self.assertIn("\x1b[1;3", hostcheck(*words, "--color", "always").stdout)

    def test_a_closed_pipe_is_no_crash(self):
        for words in (["run", "--observe", "0", "--format", "json"], ["tables"], ["query", "SELECT * FROM sysctls"]):
            process = subprocess.Popen([H, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stdout.close()
            error = process.stderr.read().decode()
            process.stderr.close()
            status = process.wait(timeout=30)
            self.assertIn(status, (-signal.SIGPIPE, 0, 1, 2, 3))
            self.assertNotIn("Broken pipe", error)

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([H, "tables"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
        self.assertEqual(done.returncode, 3)
        self.assertIn("No space left", done.stderr)

    def test_a_file_is_written_whole(self):
        folder = tempfile.mkdtemp(prefix="hc-out-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "report.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write("before")
        os.chmod(path, 0o640)
        done = hostcheck("run", "--observe", "0", "--format", "json", "--output", path)
        self.assertEqual(done.stdout, "")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["schema"], "hostcheck.report/1")
        self.assertEqual(os.listdir(folder), ["report.json"])
        done = hostcheck("run", "--output", os.path.join(folder, "no", "report"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("No such file", done.stderr)
        self.assertEqual(hostcheck("run", "--output", folder).returncode, 3)

    def test_a_device_is_written_to_and_not_replaced(self):
        hostcheck("run", "--observe", "0", "--only", "tcp.*", "--output", "/dev/null")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))

    def test_quiet_prints_nothing_of_what_is_good(self):
        folder = rules_folder(self, fixture=RULE)
        done = hostcheck("run", "--observe", "0", "--rules", folder, "--quiet")
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("", "", 0))

    def test_a_healthy_report_is_three_lines(self):
        folder = rules_folder(self, fixture=RULE)
        done = hostcheck("run", "--observe", "0", "--rules", folder, "--plugins", folder)
        self.assertEqual(len(done.stdout.splitlines()), 3, done.stdout)


class Time(unittest.TestCase):
    def test_an_interrupt_ends_the_observation_and_not_the_report(self):
        process = subprocess.Popen([H, "run", "--observe", "30s", "--budget", "60s", "--format", "json"],
                                   stdout=subprocess.PIPE, text=True)
        # It catches SIGINT from when it gets ready to watch.
        support.wait_for(lambda: catches_interrupt(process.pid), "a handler for SIGINT")
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=20)
        report = json.loads(text)
        self.assertLess(report["observed_ms"], 20_000)
        self.assertIn(process.returncode, (0, 1, 2, 3))

    def test_the_budget_shortens_the_observation(self):
        begin = time.monotonic()
        report = json.loads(hostcheck("run", "--observe", "30s", "--budget", "2s", "--format", "json").stdout)
        self.assertLess(time.monotonic() - begin, 6)
        self.assertLess(report["observed_ms"], 3000)

    def test_nobody_waits_for_an_observation_that_no_check_asks_for(self):
        words = ("run", "--observe", "20s", "--only", "tcp.window_scaling_disabled", "--format", "json")
        report = json.loads(hostcheck(*words, "--config", "/dev/null").stdout)
        self.assertEqual(report["observed_ms"], 0)
        self.assertLess(report["duration_ms"], 10_000)


def catches_interrupt(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        for line in status:
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1
    return False


class Query(unittest.TestCase):
    def test_formats(self):
        sql = "SELECT netns, here, first_pid AS pid FROM namespaces WHERE here"
        row = json.loads(hostcheck("query", "--format", "json", sql).stdout)[0]
        self.assertIs(row["here"], True)
        self.assertEqual(hostcheck("query", "--format", "csv", sql).stdout.splitlines()[0], "netns,here,pid")
        self.assertEqual(hostcheck("query", sql).stdout.split()[:3], ["netns", "here", "pid"])
        self.assertEqual(json.loads(hostcheck("query", "--format", "json", "SELECT 1 WHERE 0").stdout), [])

    def test_standard_input(self):
        self.assertEqual(hostcheck("query", "--format", "csv", stdin="SELECT 1 AS one\n").stdout, "one\n1\n")
        self.assertIn("links", hostcheck("query", stdin=".tables\n").stdout)
        self.assertEqual(hostcheck("query", stdin="").returncode, 64)

    def test_deltas_are_observed_without_being_asked_twice(self):
        done = hostcheck("query", "--format", "json", "--observe", "100ms",
                         "SELECT value_delta FROM counters WHERE protocol = 'Ip' AND name = 'InReceives'")
        self.assertIsNotNone(json.loads(done.stdout)[0]["value_delta"])


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root and setpriv to become an ordinary user")
class Snapshot(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "host.db")

    def test_it_is_judged_and_asked_anywhere(self):
        done = hostcheck("snapshot", "-o", self.file, "--observe", "200ms")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--from " + self.file, done.stdout)
        kept = json.loads(run_sqlite(self.file, "SELECT value FROM snapshot WHERE key = 'report'"))
        later = hostcheck("run", "--from", self.file, "--format", "json")
        report = json.loads(later.stdout)
        self.assertEqual(report["snapshot"], self.file)
        for finding in report["findings"] + kept["findings"]:
            finding.pop("because", None)  # why no probe was sent: once by option, once for want of an answer
        for part in ("findings", "verdict", "host", "started", "observed_ms"):
            self.assertEqual(report[part], kept[part], part)
        self.assertIn("snapshot " + self.file, re.sub(r"\s+", " ", hostcheck("run", "--from", self.file).stdout))
        sql = "SELECT ifname, mtu FROM links ORDER BY ifindex"
        self.assertEqual(hostcheck("query", "--from", self.file, "--format", "csv", sql).stdout.split("\n", 1)[1],
                         run_sqlite(self.file, sql).replace("|", ","))
        self.assertEqual(run_sqlite(self.file, "SELECT count(*) > 500 FROM columns"), "1\n")
        self.assertEqual(run_sqlite(self.file, "SELECT sum(value_delta IS NOT NULL) > 0 FROM counters"), "1\n")

    def test_names_and_addresses_are_hidden_on_request(self):
        self.assertEqual(hostcheck("snapshot", "-o", self.file, "--observe", "0", "--anonymous", "--quiet").returncode, 0)
        own = hostcheck("query", "--format", "csv",
                        "SELECT address FROM addresses WHERE NOT ip_in(address, '127.0.0.0/8') AND address <> '::1'").stdout.split()[1:]
        with open(self.file, "rb") as file:
            content = file.read()
        for each in [*own, os.uname().nodename]:
            if len(each) > 3:
                self.assertNotIn(each.encode(), content)
        self.assertIn(hostcheck("run", "--from", self.file).returncode, (0, 1, 2))

    def test_mistakes_are_named(self):
        for words, say in ((("snapshot",), "-o FILE"), (("snapshot", "-o", "/none/x.db"), "/none/x.db"),
                           (("run", "--from", "/none/x.db"), "/none/x.db"), (("query", "--from", __file__, "SELECT 1"), "not a database"),
                           (("run", "--from", self.file, "--netns", "all"), "live run")):
            done = hostcheck(*words)
            self.assertIn(done.returncode, (3, 64), words)
            self.assertIn(say, done.stderr, words)

    def test_a_file_in_the_present_folder(self):
        done = subprocess.run([support.HOSTCHECK, "run", "--observe", "0", "--only", "kernel.*", "-o", "report.txt"],
                              cwd=os.path.dirname(self.file), capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 64)
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ["report.txt"], done.stderr)


class OrdinaryUser(unittest.TestCase):
    """Runs an installed tree, so that the build folder need not be readable to everybody."""

    @classmethod
    def setUpClass(cls):
        cls.prefix = tempfile.mkdtemp(prefix="hc-prefix-")
        cls.addClassCleanup(shutil.rmtree, cls.prefix)
        os.chmod(cls.prefix, 0o755)
        os.makedirs(os.path.join(cls.prefix, "bin"))
        cls.program = shutil.copy(H, os.path.join(cls.prefix, "bin", "hostcheck"))
        shutil.copytree(os.path.join(ROOT, "rules"), os.path.join(cls.prefix, "lib", "hostcheck", "rules"))
        subprocess.run(["chmod", "-R", "go=rX", cls.prefix], check=True)

    def as_user(self, *words):
        return hostcheck("--reuid=65534", "--regid=65534", "--clear-groups", self.program, *words, program="setpriv")

    def test_it_runs_and_judges_what_it_can(self):
        done = self.as_user("run", "--observe", "200ms", "--format", "json")
        report = json.loads(done.stdout)
        outcomes = {check["outcome"] for check in report["checks"]}
        self.assertIn("clear", outcomes)
        self.assertIn("unknown", outcomes)
        for check in report["checks"]:
            if check["outcome"] == "unknown":
                self.assertTrue(check["reason"])
        self.assertFalse(next(each for each in report["capabilities"] if each["name"] == "root")["available"])

    def test_it_says_what_it_cannot_see_and_how_to(self):
        text = self.as_user("run", "--observe", "200ms").stdout
        self.assertIn("unknown ", text)
        self.assertIn("to see it:", text)
        for line in text.splitlines():
            self.assertLess(len(line), 100, line)
        doctor = self.as_user("doctor").stdout
        self.assertIn("no   root", doctor)
        self.assertIn("lost:", doctor)

    def test_other_namespaces_are_denied_and_told(self):
        with support.Netns("cli") as netns:
            done = self.as_user("run", "--observe", "0", "--netns", netns.name)
            self.assertEqual(done.returncode, 3, done.stdout)
            self.assertIn("Operation not permitted", re.sub(r"\s+", " ", done.stdout + done.stderr))

    def test_unreadable_rules_are_named(self):
        folder = os.path.join(self.prefix, "closed")
        os.mkdir(folder, 0o700)
        done = self.as_user("run", "--rules", folder)
        self.assertEqual(done.returncode, 3)
        self.assertIn("closed", done.stderr)
        self.assertIn("Permission denied", done.stderr)


if __name__ == "__main__":
    support.need_programs("bash", "zsh")
    support.main()
