"""Headless Chromium, by its DevTools protocol over a pipe: a page's looks as a person's browser would have them."""

import base64
import json
import os
import select
import signal
import struct
import subprocess
import tempfile
import time
import zlib


def pixels_of(png):
    """Of an 8-bit RGB or RGBA image that is not interlaced (PNG, chapters 5, 9 and 10)."""
    at, packed = 8, b""
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if depth != 8 or colour not in (2, 6) or interlaced:
                raise AssertionError("a PNG of another kind: depth %d, colour %d" % (depth, colour))
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    size = 3 if colour == 2 else 4
    raw, stride = zlib.decompress(packed), width * size
    lines, above = [], bytearray(stride)
    for row in range(height):
        how = raw[row * (stride + 1)]
        line = bytearray(raw[row * (stride + 1) + 1:(row + 1) * (stride + 1)])
        for x in range(stride):
            left, up = line[x - size] if x >= size else 0, above[x]
            corner = above[x - size] if x >= size else 0
            guess = left + up - corner
            near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
            line[x] = (line[x] + (0, left, up, (left + up) // 2, near)[how]) & 255
        lines.append([tuple(line[x:x + 3]) for x in range(0, stride, size)])
        above = line
    return lines


class Browser:
    """One page at a time, on a screen of a given size and brightness."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        take, give = os.pipe(), os.pipe()

        def ends():
            # Chromium reads from 3 and writes to 4. Both come from above, so that neither is overwritten.
            os.dup2(to_browser, 3)
            os.dup2(from_browser, 4)

        to_browser, from_browser = (os.dup(each) for each in self._above(take[0], give[1]))
        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--no-first-run", "--disable-background-networking", "--disable-extensions", "--remote-debugging-pipe",
             "--user-data-dir=" + self.folder.name, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=ends, close_fds=False,
            start_new_session=True)
        for each in (take[0], give[1], to_browser, from_browser):
            os.close(each)
        self.give, self.take = take[1], give[0]
        self.number, self.rest, self.events = 0, b"", []
        target = next(each for each in self.ask("Target.getTargets")["targetInfos"] if each["type"] == "page")
        self.session = None
        self.session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.ask(domain + ".enable")

    @staticmethod
    def _above(*ends):
        return [os.dup(each) if each in (3, 4) else each for each in ends]

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.give, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda each: each.get("id") == self.number, method)
        if "error" in answer:
            raise AssertionError("%s: %s" % (method, answer["error"]))
        return answer["result"]

    def _until(self, wanted, what, seconds=60):
        end = time.monotonic() + seconds
        while True:
            while b"\0" in self.rest:
                text, self.rest = self.rest.split(b"\0", 1)
                message = json.loads(text)
                if "method" in message:
                    self.events.append(message)
                if wanted(message):
                    return message
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.take], [], [], left)[0]:
                raise AssertionError("the browser did not answer %s within %d s" % (what, seconds))
            got = os.read(self.take, 1 << 20)
            if not got:
                raise AssertionError("the browser ended at " + what)
            self.rest += got

    def show(self, path, width, height, dark=False):
        """Opens a file on such a screen; a phone's where it is narrow."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if width < 600 else 1,
                 mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", media="screen",
                 features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.events.clear()
        self.ask("Page.navigate", url="file://" + path)
        self._until(lambda each: each.get("method") == "Page.loadEventFired", "to load " + path)

    def requests(self):
        """Addresses that the page shown last asked for."""
        return [each["params"]["request"]["url"] for each in self.events if each["method"] == "Network.requestWillBeSent"]

    def value(self, script):
        """Of an expression or a function's body, looked up from outside: the page needs no script for it."""
        done = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in done:
            raise AssertionError(done["exceptionDetails"])
        return done["result"].get("value")

    def screenshot(self, path=None, clip=None):
        """The whole page, or (left, top, width, height) of it, as PNG. In a file where a path is given."""
        params = {"format": "png", "captureBeyondViewport": True}
        if clip:
            params["clip"] = dict(zip(("x", "y", "width", "height"), clip), scale=1)
        data = base64.b64decode(self.ask("Page.captureScreenshot", **params)["data"])
        if path:
            with open(path, "wb") as file:
                file.write(data)
        return data

    def pixels(self, clip):
        """(red, green, blue) of every pixel of that part, line by line."""
        return pixels_of(self.screenshot(clip=clip))

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)  # its helpers too, which write in the folder
        self.process.wait()
        for each in (self.give, self.take):
            os.close(each)
        end = time.monotonic() + 10
        while os.path.exists(self.folder.name):
            try:
                self.folder.cleanup()
            except OSError:  # one of them was not over yet
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
