#!/usr/bin/env python3
"""The prompt of `hostcheck query` on a terminal of its own: completion, history, commands, errors, leaving."""
import os
import pty
import re
import select
import subprocess
import tempfile
import termios
import time
import unittest

PROMPT = "hostcheck> "
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """A hostcheck query that believes that somebody sits before it."""

    def __init__(self, *arguments, **environment):
        self.master, slave = pty.openpty()
        env = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "ASAN_OPTIONS": "detect_leaks=0", **environment}
        self.process = subprocess.Popen([os.environ["HOSTCHECK"], "query", *arguments], stdin=slave, stdout=slave,
                                        stderr=slave, env=env, start_new_session=True, close_fds=True,
                                        preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0))
        os.close(slave)
        self.seen = ""
        self.expect(PROMPT)

    def expect(self, text, seconds=30):
        """What was printed up to and with the text."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError(f"{text!r} is not in {self.seen!r}")
            try:
                got = os.read(self.master, 65536)
            except OSError:
                raise AssertionError(f"it ended; {text!r} is not in {self.seen!r}") from None
            self.seen += ESCAPE.sub("", got.decode(errors="replace"))
        before, self.seen = self.seen.split(text, 1)
        return before + text

    def type(self, text):
        # The prompt is shown a moment before the terminal hands over single characters: until then Ctrl-D means end of file to it.
        end = time.monotonic() + 30
        while termios.tcgetattr(self.master)[3] & termios.ICANON:
            if time.monotonic() > end:
                raise AssertionError("the prompt waits for whole lines")
            time.sleep(0.001)
        os.write(self.master, text.encode())

    def ask(self, line):
        self.type(line + "\n")
        return self.expect(PROMPT)

    def end(self):
        try:
            return self.process.wait(30)
        finally:
            os.close(self.master)


class Prompt(unittest.TestCase):
    def setUp(self):
        self.terminal = Terminal()
        self.addCleanup(self.terminal.process.wait)
        self.addCleanup(self.terminal.process.kill)

    def test_a_statement_over_lines_is_answered(self):
        self.terminal.type("SELECT ifname, mtu\n")
        self.terminal.expect("..> ")
        answer = self.terminal.ask("FROM links WHERE ifname = 'lo';")
        self.assertRegex(answer, r"ifname +mtu")
        self.assertRegex(answer, r"lo +65536")
        self.terminal.type("\x04")
        self.assertEqual(self.terminal.end(), 0)

    def test_names_are_completed(self):
        self.terminal.type("SELECT ifn\t")
        self.terminal.expect("ifname ")
        self.terminal.type("FROM lin\t")
        self.terminal.expect("links ")
        self.terminal.type("WHERE links.oper\x15")  # given up
        self.terminal.type("SELECT links.promi\t")
        self.terminal.expect("promiscuity ")
        self.terminal.type("FROM links WHERE ifname = 'lo';\n")
        self.assertRegex(self.terminal.expect(PROMPT), r"promiscuity\s+0")

    def test_several_names_are_shown(self):
        self.terminal.type("SELECT * FROM route_\t\t")
        shown = self.terminal.expect("route_summary")
        self.assertIn("route_nexthops", shown)

    def test_history(self):
        self.terminal.ask("SELECT 41 + 1 AS answer;")
        self.terminal.type("\x1b[A\n")
        self.assertRegex(self.terminal.expect(PROMPT), r"answer\s+42")

    def test_history_is_kept_only_where_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "history")
            terminal = Terminal(HOSTCHECK_HISTORY=file, HOME=folder)
            terminal.ask("SELECT 1 AS kept;")
            terminal.type(".quit\n")
            self.assertEqual(terminal.end(), 0)
            with open(file, encoding="utf-8") as kept:
                self.assertIn("kept", kept.read())
            self.assertEqual(os.listdir(folder), ["history"])
            other = Terminal(HOME=folder, HOSTCHECK_HISTORY="")
            other.ask("SELECT 1 AS lost;")
            other.type(".quit\n")
            self.assertEqual(other.end(), 0)
            self.assertEqual(os.listdir(folder), ["history"])

    def test_commands(self):
        self.assertIn("listeners", self.terminal.ask(".tables"))
        self.assertIn("accept_queue", self.terminal.ask(".columns listeners"))
        self.assertIn("did you mean", self.terminal.ask(".columns listners"))
        self.terminal.ask(".format json")
        self.assertIn('{"one": 1}', self.terminal.ask("SELECT 1 AS one;"))
        self.assertIn("table, json or csv", self.terminal.ask(".format xml"))
        self.assertIn("did you mean '.tables'?", self.terminal.ask(".tabels"))
        self.assertIn("500ms, 2s or 1m", self.terminal.ask(".observe soon"))
        self.assertIn("Tab completes", self.terminal.ask(".help"))

    def test_an_error_does_not_end_it(self):
        self.assertIn("did you mean 'links'?", self.terminal.ask("SELECT * FROM lnks;"))
        self.assertIn("did you mean 'ifname'?", self.terminal.ask("SELECT ifnam FROM links;"))
        self.assertRegex(self.terminal.ask("SELECT 7 AS still;"), r"still\s+7")

    def test_interrupt_gives_up_the_statement_only(self):
        self.terminal.type("SELECT 5\n")
        self.terminal.expect("..> ")
        self.terminal.type("\x03")
        self.terminal.expect(PROMPT)
        self.assertRegex(self.terminal.ask("SELECT 8 AS after;"), r"after\s+8")


if __name__ == "__main__":
    unittest.main(verbosity=2)
