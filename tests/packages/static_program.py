"""The program that is one file: it does its job in a root that holds nothing else, with /proc and /sys."""

import glob
import json
import os
import re
import shutil
import subprocess
import tempfile

from common import ROOT, expect, run, told
from fault_lab import SERVER, Pair, start

LARGEST = 15_000_000  # bytes
# Capability of the report that says whether BPF was there.
TRACE = "observe: handshake trace"


def build():
    run(os.path.join(ROOT, "packaging", "build-static"), stdout=subprocess.DEVNULL)
    return os.path.join(ROOT, "build", "static", "hostcheck")


class Empty:
    """A root with the program, /proc and /sys, in a network namespace that is given."""

    def __init__(self, folder, program):
        self.folder = folder
        for name in ("proc", "sys"):
            os.mkdir(os.path.join(folder, name))
        shutil.copy(program, os.path.join(folder, "hostcheck"))

    def run(self, *words, netns=None, status=(0,)):
        prepare = ("mount -t proc proc {0}/proc && mount -t sysfs sysfs {0}/sys && exec chroot {0} /hostcheck \"$@\""
                   .format(self.folder))
        enter = ["nsenter", "--net=/run/netns/" + netns] if netns else []
        done = subprocess.run([*enter, "unshare", "--mount", "/bin/sh", "-euc", prepare, "sh", *words], env={},
                              capture_output=True, text=True, check=False, timeout=120)
        if done.returncode not in status:
            raise SystemExit("hostcheck %s: exit %d\n%s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr))
        return done.stdout


def ids_of_the_tree():
    ids = set()
    for path in glob.glob(ROOT + "/rules/*/*.toml"):
        area, name = path[:-len(".toml")].split("/")[-2:]
        ids.add(area + "." + name)
    for path in glob.glob(ROOT + "/plugins/*/plugin.toml"):
        with open(path, encoding="utf-8") as file:
            ids.update(re.findall(r'^id\s*=\s*"(.+)"', file.read(), re.MULTILINE))
    return ids


def judge_catalogue(empty):
    listed = set(re.findall(r"^\s*([a-z]+\.[a-z0-9_]+)\s", empty.run("checks"), re.MULTILINE))
    missing = ids_of_the_tree() - listed
    expect(not missing and len(listed) > 100, "it has all %d checks%s" % (len(listed), "".join(" -" + each for each in missing)))
    last = empty.run("test").splitlines()[-1]
    expect(re.search(r"^\d+ rules, \d+ plugins, \d+ tests passed, 0 failed$", last), "their tests hold: " + last)
    expect("What users notice" in empty.run("explain", "tcp.window_scaling_disabled"), "it explains")
    os.makedirs(empty.folder + "/mine/tcp")
    shutil.copy(ROOT + "/rules/tcp/window_scaling_disabled.toml", empty.folder + "/mine/tcp/")
    own = json.loads(empty.run("run", "--observe", "0", "--rules", "/mine", "--format", "json", status=(0, 1, 2, 3)))
    rules = [each["id"] for each in own["checks"] if os.path.exists(ROOT + "/rules/%s.toml" % each["id"].replace(".", "/"))]
    expect(rules == ["tcp.window_scaling_disabled"], "a folder of rules takes the place of its own")
    shutil.rmtree(empty.folder + "/mine")
    # Whose description is read, and whose code cannot be loaded.
    os.makedirs(empty.folder + "/plugins/foreign")
    with open(ROOT + "/tests/plugins/plugin.toml.in", encoding="utf-8") as file:
        described = re.sub("@more_[a-z]+@", "", file.read()).replace("@way@", "foreign")
    with open(empty.folder + "/plugins/foreign/plugin.toml", "w", encoding="utf-8") as file:
        file.write(described)
    report = json.loads(empty.run("run", "--observe", "0", "--plugins", "/plugins", "--format", "json", status=(0, 1, 2, 3)))
    foreign = {each["id"]: each for each in report["checks"]}["hostcheck.fixture_foreign"]
    expect(foreign["outcome"] == "error" and "loads no other" in foreign["reason"],
           "it does not load other people's plugins, and says so: " + foreign["reason"])
    expect("hostcheck.plugin_failed" in [each["id"] for each in report["findings"]], "which is a finding")
    shutil.rmtree(empty.folder + "/plugins")


def judge_job(empty):
    pair = Pair()
    try:
        start(pair.server, "deaf", "0.0.0.0", 8080, 8)
        start(pair.client, "crowd", SERVER, 8080, 40)
        report = json.loads(empty.run("run", "--observe", "2s", "--format", "json", netns=pair.server.name, status=(2,)))
        rows = json.loads(empty.run("query", "--format", "json", "SELECT local_port, certainty, reason FROM unanswered_syns",
                                    netns=pair.server.name))
        empty.run("doctor", netns=pair.server.name)
    finally:
        pair.close()
    methods = {each["name"]: each["available"] for each in report["capabilities"]}
    expect(methods.get("bpf") and methods.get(TRACE), "it has BPF there")
    first = report["findings"][0]
    expect((first["id"], first["status"], first["subject"]["local"]) == ("listen.accept_queue_overflow", "confirmed", "0.0.0.0:8080"),
           "it finds the fault: " + first["summary"])
    expect("handshake trace" in {each["source"] for each in first["evidence"]}, "BPF's part of the proof is there")
    expect(rows and all(each["local_port"] == 8080 for each in rows), "it sees the SYNs that are not answered: %s" % rows[0])
    failed = [each for each in report["checks"] if each["outcome"] == "error" or each["id"] == "hostcheck.plugin_failed"
              and each["outcome"] != "clear"]
    expect(not failed, "no check and no plugin failed%s" % (failed or ""))
    page = empty.run("run", "--observe", "0", "--format", "html", status=(0, 1, 2, 3))
    expect(page.lower().startswith("<!doctype html>") and "</html>" in page, "it writes the HTML report")


def test(_asked):
    program = build()
    size = os.path.getsize(program)
    expect(size < LARGEST, "%.1f MB are less than %d MB" % (size / 1e6, LARGEST // 1_000_000))
    expect("NEEDED" not in told("objdump", "-p", program) and "INTERP" not in told("readelf", "-lW", program),
           "it needs no library and no loader")
    with tempfile.TemporaryDirectory(prefix="hc-empty-") as folder:
        empty = Empty(folder, program)
        judge_catalogue(empty)
        judge_job(empty)
