#!/usr/bin/env python3
"""The manual pages are well formed, tell every option and key, and their examples work."""

import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
HOSTCHECK = os.environ["HOSTCHECK"]
PAGES = {name: os.path.join(os.environ["HOSTCHECK_MANUAL"], name)
         for name in ("hostcheck.1", "hostcheck-rules.5", "hostcheck.toml.5")}
LOCALE = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="200", MAN_KEEP_FORMATTING="")


def source(name):
    with open(PAGES[name], encoding="utf-8") as file:
        return file.read()


def shown(name):
    """The page as text, in lines wide enough to break few of them."""
    done = subprocess.run(["man", "-E", "UTF-8", "-l", PAGES[name]], capture_output=True, text=True, env=LOCALE, timeout=60)
    return re.sub(r".\x08", "", done.stdout)


def example(name):
    """The last example of a page, as somebody copies it."""
    return re.findall(r"^\.EX\n(.*?)^\.EE$", source(name), re.MULTILINE | re.DOTALL)[-1].replace("\\-", "-")


def hostcheck(*words):
    return subprocess.run([HOSTCHECK, *words], capture_output=True, text=True, timeout=60)


class Form(unittest.TestCase):
    def test_groff_has_nothing_to_say(self):
        for name, path in PAGES.items():
            with self.subTest(name):
                done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, env=dict(LOCALE, MANROFFSEQ="", MANWIDTH="80"), timeout=60)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_mandoc_has_nothing_to_say(self):
        for name, path in PAGES.items():
            with self.subTest(name):
                done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_no_placeholder_is_left(self):
        for name in PAGES:
            self.assertNotRegex(source(name), r"@\w+@")


class Truth(unittest.TestCase):
    def test_every_command_and_option_is_told(self):
        page = shown("hostcheck.1")
        told = set(re.findall(r"--[a-z-]+", page))
        commands = re.findall(r"^  ([a-z]+) {2,}", hostcheck("--help").stdout, re.MULTILINE)
        self.assertIn("run", commands)
        for command in commands:
            self.assertIn("hostcheck %s " % command, page)
            options = re.findall(r"^  (?:-\w,)?(--[a-z-]+)", hostcheck(command, "--help").stdout, re.MULTILINE)
            self.assertLessEqual(set(options), told, command)

    def test_every_key_of_the_configuration_is_told(self):
        with open(os.path.join(ROOT, "core", "cli", "config.cpp"), encoding="utf-8") as file:
            text = file.read()
        keys = re.findall(r'^ +(?:return )?\{+"([a-z]+)",', text[text.index("setters() {"):], re.MULTILINE)
        self.assertGreater(len(keys), 15)
        page = shown("hostcheck.toml.5")
        keys_part = page[page.index("\nKEYS"):page.index("\nEXAMPLES")]
        for key in keys:
            self.assertRegex(keys_part, r"(?m)^ +(?:[a-z]+, )*\[*%s\b" % key)

    def test_every_format_is_told(self):
        refused = hostcheck("run", "--format", "no-such").stderr
        formats = re.search(r"one of ([a-z, ]+)", refused).group(1).split(", ")
        self.assertIn("json", formats)
        page = shown("hostcheck.1")
        page = page[page.index("\nOUTPUT FORMATS"):page.index("\nFILES")]
        configuration = re.search(r"(?m)^ +format$\n +Text: (.*)\.$|^ +format +Text: (.*)\.$", shown("hostcheck.toml.5"))
        told = re.split(r", | or ", configuration.group(1) or configuration.group(2))
        self.assertEqual(sorted(told), sorted(formats))
        for name in formats:
            self.assertRegex(page, r"(?m)^ +(?:[a-z]+, )*%s\b" % name)

    def test_every_key_of_a_rule_is_told(self):
        with open(os.path.join(ROOT, "rules", "README.md"), encoding="utf-8") as file:
            readme = file.read()
        keys = set()
        for section in ("Keys", "Witnesses", "Probes", "Tests"):
            part = readme[readme.index("\n## %s\n" % section):].split("\n## ", 2)[1]
            for cell in re.findall(r"^\| (`[^|]*`) \|", part, re.MULTILINE):
                keys |= set(re.findall(r"`([^`]*)`", cell))
        self.assertGreater(len(keys), 25)
        page = shown("hostcheck-rules.5")
        for key in keys:
            self.assertRegex(page, r"(?<!\w)%s(?!\w)" % re.escape(key))

    def test_the_example_of_a_rule_passes_its_tests(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tcp.window_scaling_disabled.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(example("hostcheck-rules.5"))
            done = hostcheck("test", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_example_of_a_configuration_is_one(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "hostcheck.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(example("hostcheck.toml.5"))
            done = hostcheck("run", "--config", path, "--observe", "0", "--probe", "off", "--only", "tcp.sack_disabled")
            self.assertIn(done.returncode, (0, 1, 3), done.stderr)
            self.assertEqual(done.stderr, "")
            with open(path, "a", encoding="utf-8") as file:
                file.write("[[suppress]]\nid = \"tcp.*\"\n")
            self.assertEqual(hostcheck("run", "--config", path).returncode, 64)


if __name__ == "__main__":
    unittest.main(verbosity=2)
