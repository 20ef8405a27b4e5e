"""What tests of live reports share: hostcheck run on the lab's server, and the programs of faults.py."""

import os
import subprocess
import sys

from observe_lab import PORT, V4, Lab

FAULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.py")


class ReportLab(Lab):
    def findings(self, run):
        """By id, of a Run."""
        return {each["id"]: each for each in run.report()["findings"] if each["status"] != "refuted"}

    def evidence(self, finding, what):
        return next(each["value"] for each in finding["evidence"] if each["what"].startswith(what))

    def fault(self, *words):
        process = self.server.popen(sys.executable, "-B", FAULTS, *words, stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.stdout.close()
        return process

    def local(self, family, port=PORT):
        return "%s:%d" % (family.server if family is V4 else "[%s]" % family.server, port)
