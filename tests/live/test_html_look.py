#!/usr/bin/env python3
"""The HTML report as a browser shows it: light and dark, on a wide screen and on a phone, with what is wrong in sight."""

import os
import subprocess
import tempfile
import unittest

import support
from browser import Browser
from observe_lab import PORT, V4
from path_chain import Chain
from path_lab import Listener
from report_lab import FAULTS, ReportLab
from support import wait_for

support.need_root()
support.need_programs("chromium", "nft", "ip")

SCREENS = [(width, dark) for width in (390, 1100) for dark in (False, True)]
LARGE = "(size >= 24 || size >= 18.66 && bold)"  # WCAG 2.1, 1.4.3: of such text less contrast is asked

# What is looked at from outside the page; answers with complaints.
LOOK = r"""(() => {
  const told = [];
  const rgb = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  for (const each of document.querySelectorAll("details")) each.open = true;
  if (document.scripts.length) told.push("a script");
  for (const each of document.querySelectorAll("*")) {
    for (const name of each.getAttributeNames()) if (/^on|^style$/.test(name)) told.push(each.tagName + " has " + name);
  }
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) told.push("wider than the screen: " + document.documentElement.scrollWidth);
  for (const each of document.querySelectorAll("body *")) {
    const box = each.getBoundingClientRect();
    if (box.width && (box.right > width + 0.5 || box.left < -0.5)) told.push("over the edge: " + each.tagName + " " + each.textContent.slice(0, 60));
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || !element.getClientRects().length || element.tagName === "title") continue;
    const style = getComputedStyle(element), drawing = element.closest("svg");
    const scale = drawing ? drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width : 1;
    const size = parseFloat(style.fontSize) * scale, bold = parseInt(style.fontWeight) >= 700;
    if (size < 11.5) told.push("too small (" + size.toFixed(1) + " px): " + text);
    const letter = element.classList.contains("letter");
    const behind = letter ? rgb(getComputedStyle(element.previousElementSibling).fill) : ground(element);
    const least = """ + LARGE + r""" ? 3 : 4.5;
    const found = contrast(rgb(drawing ? style.fill : style.color), behind);
    if (found < least) told.push("contrast " + found.toFixed(2) + ": " + text.slice(0, 60));
  }
  for (const drawing of document.querySelectorAll("svg")) {
    const edge = drawing.getBoundingClientRect(), texts = [...drawing.querySelectorAll("text")];
    const boxes = texts.map(each => each.getBoundingClientRect());
    boxes.forEach((box, at) => {
      if (box.right > edge.right + 1 || box.bottom > edge.bottom + 1) told.push("cut off: " + texts[at].textContent);
      for (let other = at + 1; other < boxes.length; ++other) {
        const across = Math.min(box.right, boxes[other].right) - Math.max(box.left, boxes[other].left);
        const down = Math.min(box.bottom, boxes[other].bottom) - Math.max(box.top, boxes[other].top);
        if (across > 1 && down > 4) told.push("one over the other: " + texts[at].textContent + " / " + texts[other].textContent);
      }
    });
    for (const each of drawing.querySelectorAll(".mark, .bar, .full, .level, .limit, .span, .median, .cross")) {
      const style = getComputedStyle(each), ink = style.fill === "none" ? style.stroke : style.fill;
      const found = contrast(rgb(ink), ground(drawing));
      if (found < 3) told.push("contrast " + found.toFixed(2) + ": " + each.getAttribute("class"));
    }
  }
  for (const link of document.querySelectorAll("a")) {
    const id = link.getAttribute("href");
    if (!id.startsWith("#") || !document.getElementById(id.slice(1))) told.push("leads nowhere: " + id);
  }
  return told;
})()"""
# Where the first such element is on the page, and its colour.
PLACE = r"""(css => {
  const each = document.querySelector(css);
  if (!each) return null;
  const box = each.getBoundingClientRect(), style = getComputedStyle(each);
  return {clip: [box.x + scrollX, box.y + scrollY, box.width, box.height],
          colour: (style.fill === "none" ? style.stroke : style.fill).match(/\d+/g).map(Number)};
})(%r)"""


def near(one, other):
    return max(abs(a - b) for a, b in zip(one, other)) < 40


class Look(ReportLab):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = os.environ.get("HOSTCHECK_SCREENSHOTS") or folder.name
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def start(self, netns, *words):
        process = netns.popen(support.sys.executable, "-B", FAULTS, *words, stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    def page(self, name, netns, *words):
        """Writes the report of a run; returns its file."""
        file = os.path.join(self.folder, name + ".html")
        done = subprocess.run([support.HOSTCHECK, "run", "--netns", netns.name, "--format", "html", "-o", file, *words],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertIn(done.returncode, (1, 2), done.stderr)
        return file

    def look(self, file, sees=()):
        """On every screen: nothing to complain of, nothing asked for, and these elements painted in their colours."""
        for width, dark in SCREENS:
            with self.subTest(os.path.basename(file), width=width, dark=dark):
                self.browser.show(file, width, 844, dark)
                self.assertEqual(self.browser.requests(), ["file://" + file])
                self.assertEqual(self.browser.value(LOOK), [])
                corner = self.browser.pixels((0, 0, 4, 4))[0][0]
                self.assertTrue(max(corner) < 60 if dark else min(corner) > 200, corner)
                for css in sees:
                    place = self.browser.value(PLACE % css)
                    self.assertTrue(place, css)
                    left, top, wide, high = place["clip"]
                    painted = [pixel for line in self.browser.pixels((left - 2, top - 2, min(wide, 200) + 4, high + 4)) for pixel in line]
                    self.assertGreater(sum(near(each, place["colour"]) for each in painted), len(painted) // 50, css)
                if self.folder == os.environ.get("HOSTCHECK_SCREENSHOTS"):
                    self.browser.screenshot("%s.%d%s.png" % (file[:-5], width, "dark" if dark else ""))

    def test_a_full_queue_and_drops(self):
        self.start(self.server, "slow", "0.0.0.0", str(PORT), "16", "0.15")
        self.start(self.client, "persistent", V4.server, str(PORT), "40")
        self.server.sysctl("net.ipv4.conf.veth0.rp_filter", 1)
        self.server.ip("link", "add", "other", "type", "veth", "peer", "name", "end")
        self.server.ip("link", "set", "other", "up")
        self.server.ip("link", "set", "end", "up")
        self.server.ip("route", "add", "10.96.0.0/24", "dev", "other")
        self.client.ip("addr", "add", "10.96.0.2/32", "dev", "lo")
        mac = self.server.ip_json("link", "show", "veth0")[0]["address"]
        self.client.ip("neigh", "replace", V4.server, "lladdr", mac, "dev", "veth0")
        self.start(self.client, "datagrams", V4.server, "9", "50", "10.96.0.2")
        self.drop(self.server, "output", "tcp dport 5432")
        wait_for(lambda: support.query(self.server, "SELECT 1 FROM listeners WHERE accept_queue > accept_limit"), "a full queue")
        snapshot = os.path.join(self.folder, "host.db")
        file = self.page("queue", self.server, "--probe", "off", "--target", "%s:5432" % V4.client, "--snapshot", snapshot)
        self.look(file, ("circle.mark.bad", "path.full", "rect.bar.bad", "path.limit"))
        texts = self.browser.value("[...document.querySelectorAll('svg text')].map(each => each.textContent)")
        self.assertIn("IP_RPFILTER", texts)
        self.assertIn("route.rp_filter_drops", texts)
        self.assertIn("qdisc: not reached", texts)
        self.assertTrue(any("over it in" in each for each in texts), texts)
        self.assertTrue(any(each.startswith("dropped by this listener: ") for each in texts), texts)

        # The snapshot has all that is drawn.
        again = os.path.join(self.folder, "again.html")
        subprocess.run([support.HOSTCHECK, "run", "--from", snapshot, "--format", "html", "-o", again], check=False, timeout=60)
        drawings = []
        for each in (file, again):
            with open(each, encoding="utf-8") as page:
                drawings.append(page.read().split("<svg")[1:])
        self.assertEqual([each.split("</svg>")[0] for each in drawings[1]], [each.split("</svg>")[0] for each in drawings[0]])

    def test_a_path_that_loses(self):
        chain = Chain(5)
        self.addCleanup(chain.close)
        listener = Listener(chain.server)
        self.addCleanup(listener.close)
        chain.silence(1)
        chain.lossy(3, 40)
        file = self.page("path", chain.host, "--observe", "0", "--target", "%s:%d" % (chain.target(4), PORT))
        self.look(file, ("rect.bar.bad", "circle.mark.good", "circle.mark.warn", "rect.cell"))
        texts = self.browser.value("[...document.querySelectorAll('svg text')].map(each => each.textContent)")
        self.assertTrue(any(each.endswith(" % lost") for each in texts), texts)
        self.assertIn("path.packet_loss", texts)


class Eyes(unittest.TestCase):
    """That what looks at the pages sees faults."""

    def test_they_see_what_is_wrong(self):
        browser = Browser()
        self.addCleanup(browser.close)
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "bad.html")
            with open(file, "w", encoding="utf-8") as page:
                page.write("<!DOCTYPE html><meta name=viewport content='width=device-width'><body style='background: #fff'><p style='color: #aaa'>pale</p>"
                           "<div style='width: 900px'>wide</div><img src='other.png'><script></script><a href='#x'>link</a>"
                           "<svg viewBox='0 0 300 40' width=300><text x=0 y=20>one</text><text x=5 y=20>two</text><text x=290 y=20>three</text></svg>")
            browser.show(file, 390, 844)
            told = "\n".join(browser.value(LOOK))
            self.assertEqual(len(browser.requests()), 2)
            self.assertEqual(browser.pixels((0, 0, 2, 2)), [[(255, 255, 255)] * 4] * 4)
        for fault in ("a script", "has style", "wider than", "over the edge", "contrast 2.3", "cut off: three", "one over the other: one", "leads nowhere"):
            self.assertIn(fault, told)


if __name__ == "__main__":
    support.main()
