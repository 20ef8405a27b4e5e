#!/usr/bin/env python3
"""The HTML report is one well-formed file that needs nothing else, whatever the names in it."""

import html.parser
import os
import re
import subprocess
import tempfile
import unittest

import support

support.need_root()

HOSTILE = "<b>&\"'"  # the kernel takes it for an interface
RULE = '''
id       = "nic.hostile_name"
title    = "An interface has </title><script>a name</script>"
severity = "warning"
claim    = "state"
query    = "SELECT netns, ifname, mtu FROM links WHERE ifname <> 'lo'"
subject  = ["netns", "ifname"]
summary  = "{ifname} has a mtu of {mtu}"
[params]
[doc]
why  = "<img src=x onerror=alert(1)>"
fix  = [{ text = "Rename it", command = "ip link set name 'x' && echo \\"<done>\\"" }]
false_alarms = "None."
references = ["https://example.com/<x>"]
'''
VOID = {"meta", "br"}
TAGS = {"html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "article", "h1", "h2", "h3", "p", "div", "span",
        "ul", "li", "dl", "dt", "dd", "code", "br", "a", "details", "summary", "svg", "path", "circle", "rect", "text"}
ATTRIBUTES = {"lang", "charset", "name", "content", "http-equiv", "class", "id", "href", "viewbox", "role", "aria-label", "x", "y", "cx", "cy", "r", "d",
              "width", "height"}


class Page(html.parser.HTMLParser):
    """Fails on what is not well-formed or not on the lists above; keeps text by the element that it is in."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.texts, self.tags = [], [], []
        self.feed(text)
        self.close()
        if self.open:
            raise AssertionError("never closed: %s" % self.open)

    def handle_starttag(self, tag, attrs):
        if tag not in TAGS or not {name for name, _ in attrs} <= ATTRIBUTES:
            raise AssertionError("<%s %s>" % (tag, attrs))
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise AssertionError("</%s> at line %d closes nothing" % (tag, self.getpos()[0]))

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self, *within):
        return re.sub(r"\s+", " ", " ".join(data for tag, data in self.texts if tag not in ("style",) and (not within or tag in within)))


class Html(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.rules = os.path.join(folder.name, "rules", "nic")
        os.makedirs(cls.rules)
        with open(os.path.join(cls.rules, "hostile_name.toml"), "w", encoding="utf-8") as file:
            file.write(RULE)
        cls.host, cls.router = support.Netns("host"), support.Netns("router")
        support.veth_pair(cls.host, cls.router)
        cls.host.ip("link", "set", "veth0", "down")
        cls.host.ip("link", "set", "veth0", "name", HOSTILE)
        cls.host.ip("link", "set", HOSTILE, "up")
        cls.host.ip("addr", "add", "10.78.0.2/24", "dev", HOSTILE)
        cls.router.ip("addr", "add", "10.78.0.1/24", "dev", "veth0")
        cls.host.ip("route", "add", "default", "via", "10.78.0.1")
        cls.host.sysctl("net.ipv4.tcp_window_scaling", 0)

    def run_html(self, *words):
        file = os.path.join(self.folder, "report.html")
        done = subprocess.run([support.HOSTCHECK, "run", "--format", "html", "-o", file, *words], capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertIn(done.returncode, (0, 1, 2, 3), done.stderr)
        with open(file, encoding="utf-8") as source:
            self.source = source.read()
        return Page(self.source), done.returncode

    def test_it_needs_nothing_else(self):
        page, _ = self.run_html("--netns", self.host.name, "--observe", "0")
        style = "".join(data for tag, data in page.texts if tag == "style")
        self.assertNotRegex(style, r"url\(|@import|expression|https?:")
        self.assertIn("prefers-color-scheme: dark", style)
        metas = [attrs for tag, attrs in page.tags if tag == "meta"]
        self.assertIn({"name": "viewport", "content": "width=device-width, initial-scale=1"}, metas)
        self.assertTrue(any("default-src 'none'" in attrs.get("content", "") for attrs in metas))

    def test_findings_and_what_is_unknown(self):
        page, status = self.run_html("--netns", self.host.name, "--observe", "0")
        self.assertEqual(status, 1)
        self.assertIn("window scaling is off in " + self.host.name, page.text("h3"))
        self.assertIn("sysctl -w net.ipv4.tcp_window_scaling=1", page.text("code"))
        self.assertIn("WARNING · confirmed", page.text("div"))
        self.assertRegex(page.text("summary"), r"\d+ checks clear")
        self.assertIn("exit 1", page.text("p"))

    def test_hostile_names_are_text(self):
        page, _ = self.run_html("--netns", self.host.name, "--observe", "0", "--rules", os.path.dirname(self.rules))
        self.assertIn(HOSTILE + " has a mtu of 1500", page.text("h3"))
        self.assertIn("<img src=x onerror=alert(1)>", page.text("dd"))
        self.assertIn("echo \"<done>\"", page.text("code"))
        self.assertNotIn(HOSTILE, self.source)

    def test_the_journey_is_drawn(self):
        self.host.exec("nft", "add table inet t; add chain inet t out { type filter hook output priority 0; }; add rule inet t out tcp dport 5432 drop")
        self.addCleanup(self.host.exec, "nft", "delete table inet t")
        page, _ = self.run_html("--netns", self.host.name, "--observe", "0", "--probe", "off", "--target", "10.78.0.1:5432")
        self.assertIn("The packet's journey through this host", page.text("h2"))
        drawn = page.text("text")
        for step in ("route", "source", "mtu", "firewall"):
            self.assertIn(step, drawn)
        marks = [attrs["class"] for tag, attrs in page.tags if tag == "circle"]
        self.assertEqual(marks.count("mark bad"), 1, marks)

    def test_from_a_snapshot(self):
        file = os.path.join(self.folder, "host.db")
        support.run(support.HOSTCHECK, "snapshot", "-o", file, "--netns", self.host.name, "--observe", "0", "--quiet")
        page, status = self.run_html("--from", file)
        self.assertEqual(status, 1)
        self.assertIn("window scaling is off in " + self.host.name, page.text("h3"))
        self.assertIn("snapshot " + file, page.text("p"))


class Checker(unittest.TestCase):
    """That this test can fail."""

    def test_it_refuses_what_is_no_part_of_a_report(self):
        for text in ("<p>", "</p>", "<p><b></b></p>", "<p onclick='x'></p>", "<script></script>", "<p><span></p></span>", "<p style='a'></p>"):
            with self.subTest(text), self.assertRaises(AssertionError):
                Page(text)


if __name__ == "__main__":
    support.main()
