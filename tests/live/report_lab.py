"""What tests of live reports share: hostcheck run on the lab's server, and the programs of faults.py."""

import json
import os
import subprocess
import sys

import support
from observe_lab import LINKS, PORT, V4, Lab, Watch
from support import wait_for

FAULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.py")


class ReportLab(Lab):
    def report(self, observe="2500ms"):
        """hostcheck run on the server, once it watches."""
        process = subprocess.Popen([support.HOSTCHECK, "run", "--netns", self.server.name, "--observe", observe, "--probe", "off",
                                    "--format", "json"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        wait_for(lambda: Watch.links_of(process.pid) >= LINKS, "the window")
        return process

    def findings(self, process):
        report = json.loads(process.communicate(timeout=60)[0])
        return {each["id"]: each for each in report["findings"] if each["status"] != "refuted"}

    def evidence(self, finding, what):
        return next(each["value"] for each in finding["evidence"] if each["what"].startswith(what))

    def fault(self, *words):
        process = self.server.popen(sys.executable, "-B", FAULTS, *words, stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.stdout.close()
        return process

    def local(self, family, port=PORT):
        return "%s:%d" % (family.server if family is V4 else "[%s]" % family.server, port)
