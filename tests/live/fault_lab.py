"""What makes faults in namespaces and reads the report: a server and a client, the programs of faults.py, hostcheck run."""

import difflib
import json
import os
import re
import subprocess
import sys
import tempfile

import support
from support import Netns, veth_pair

FAULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.py")
SERVER, CLIENT = "10.99.0.1", "10.99.0.2"


class Pair:
    """A server and a client, one cable."""

    def __init__(self):
        self.server, self.client = Netns("server"), Netns("client")
        veth_pair(self.server, self.client)
        self.server.ip("addr", "add", SERVER + "/24", "dev", "veth0")
        self.client.ip("addr", "add", CLIENT + "/24", "dev", "veth0")

    def close(self):
        self.server.close()
        self.client.close()


def start(netns, *words):
    """One of the programs of faults.py, once it is ready."""
    process = netns.popen(sys.executable, "-B", FAULTS, *words, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    process.stdout.close()
    assert line == "ready\n", "%s: %r" % (words[0], line)
    return process


def without_probe_words(report):
    """Findings of a report, without the reason why no probe was sent: by --probe off, or for want of a live host."""
    for finding in report["findings"]:
        if finding.get("because", "").startswith("no probe was sent"):
            del finding["because"]
        finding["not_excluded"] = [re.sub(": (--probe off|the snapshot holds no answer to it)$", "", each)
                                   for each in finding.get("not_excluded", [])]
    return report["findings"]


def judge_again(kept, live, status, options):
    """What was kept in a snapshot is judged as the live host was."""
    words = [word for pair in zip(options, options[1:]) if pair[0] in ("--only", "--set", "--rules") for word in pair]
    again = subprocess.run([support.HOSTCHECK, "run", "--from", kept, "--format", "json", *words], capture_output=True,
                           text=True, timeout=60)
    assert again.stdout, again.stderr
    later = json.loads(again.stdout)
    same = without_probe_words(live) == without_probe_words(later) and live["verdict"] == later["verdict"]
    if not same:
        raise AssertionError("live and from the snapshot:\n" + "\n".join(difflib.unified_diff(
            *[json.dumps([each["verdict"], each["findings"]], indent=1).splitlines() for each in (live, later)], lineterm="", n=1)))
    if again.returncode != status:
        raise AssertionError("exit %d from the snapshot, %d live" % (again.returncode, status))


def report(netns, *options, observe="1s"):
    """hostcheck's report and exit status, sent no probe; its snapshot is judged once more."""
    with tempfile.TemporaryDirectory() as folder:
        kept = os.path.join(folder, "snapshot.db")
        command = [support.HOSTCHECK, "run", "--netns", netns.name, "--probe", "off", "--observe", observe, "--format", "json"]
        done = subprocess.run([*command, "--snapshot", kept, *options], capture_output=True, text=True, timeout=60)
        assert done.stdout, done.stderr
        live = json.loads(done.stdout)
        judge_again(kept, live, done.returncode, options)
    return live, done.returncode


def faults_of(found):
    """Findings that count."""
    return [each for each in found["findings"] if each["severity"] != "info" and each["status"] != "refuted"]
