"""What the live tests share: namespaces that are always removed, commands, the built programs.

A test file ends with `support.main()`. Run by hand: HOSTCHECK=build/release/hostcheck
FACTS_DUMP=build/release/tests/support/facts_dump python3 tests/live/test_rtnl.py
"""

import atexit
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SKIP = 77  # ctest's SKIP_RETURN_CODE
_BUILD = os.path.join(os.path.dirname(__file__), "..", "..", "build", "release")
HOSTCHECK = os.environ.get("HOSTCHECK", os.path.join(_BUILD, "hostcheck"))
FACTS_DUMP = os.environ.get("FACTS_DUMP", os.path.join(_BUILD, "tests", "support", "facts_dump"))
TCP_LOAD = os.environ.get("TCP_LOAD", os.path.join(_BUILD, "tests", "support", "tcp_load"))

_numbers = itertools.count(1)
_live = []


def skip_all(reason):
    """Ends the whole file as skipped."""
    print("skipped: " + reason)
    sys.exit(SKIP)


def need_root():
    if os.geteuid() != 0:
        skip_all("needs root to make network namespaces")
    probe = "hc-%d-probe" % os.getpid()
    done = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if done.returncode != 0:
        skip_all("cannot make a network namespace: " + done.stderr.strip())
    subprocess.run(["ip", "netns", "del", probe], check=False)


def need_programs(*names):
    for name in names:
        if shutil.which(name) is None:
            skip_all("program %s is not installed" % name)


def run(*command, check=True, stdin=None, timeout=60):
    """Standard output of a command; its standard error is in the exception when it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, input=stdin, timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError("%s: exit %d\n%s%s" % (" ".join(map(str, command)), done.returncode, done.stdout, done.stderr))
    return done.stdout


def wait_for(condition, what, seconds=10):
    """The first true value of condition(), asked until then; fails after the limit."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %d s: %s" % (seconds, what))
        time.sleep(0.02)


class Netns:
    """A network namespace of this test with loopback up, removed at the end whatever happens."""

    def __init__(self, tag="ns"):
        self.name = "hc-%d-%s%d" % (os.getpid(), tag, next(_numbers))
        self.processes = []
        run("ip", "netns", "add", self.name)
        _live.append(self)
        self.ip("link", "set", "lo", "up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self not in _live:
            return
        _live.remove(self)
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        subprocess.run(["ip", "netns", "del", self.name], check=False)

    def exec(self, *command, **options):
        return run("ip", "netns", "exec", self.name, *command, **options)

    def ip(self, *words, **options):
        return run("ip", "-n", self.name, *words, **options)

    def ip_json(self, *words):
        """ip -j's answer; [] where it prints nothing."""
        return json.loads(self.ip("-j", *words).strip() or "[]")

    def can(self, *words):
        """Whether this kernel takes an ip command."""
        return subprocess.run(["ip", "-n", self.name, *words], capture_output=True).returncode == 0

    def sysctl(self, name, value):
        self.exec("sysctl", "-qw", "%s=%s" % (name, value))

    def popen(self, *command, **options):
        """A background process in the namespace, killed with it."""
        process = subprocess.Popen(["ip", "netns", "exec", self.name, *[str(word) for word in command]], **options)
        self.processes.append(process)
        return process


def veth_pair(left, right, left_name="veth0", right_name="veth0"):
    """A cable between two namespaces, both ends up."""
    left.ip("link", "add", left_name, "type", "veth", "peer", "name", right_name, "netns", right.name)
    left.ip("link", "set", left_name, "up")
    right.ip("link", "set", right_name, "up")


def facts(netns, *tables, observe_ms=0):
    """Tables as the test program facts_dump gathers them: {"table": [rows], "absences": [...]}."""
    command = [FACTS_DUMP]
    if netns is not None:
        command += ["--netns", netns.name if isinstance(netns, Netns) else netns]
    if observe_ms:
        command += ["--observe", str(observe_ms)]
    return json.loads(run(*command, *tables))


def query(netns, sql):
    """Rows of `hostcheck query`."""
    command = [HOSTCHECK, "query", "--format", "json"]
    if netns is not None:
        command += ["--netns", netns.name if isinstance(netns, Netns) else netns]
    return json.loads(run(*command, sql))


def _remove_all(*_):
    for each in list(_live):
        each.close()


atexit.register(_remove_all)
for _signal in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(_signal, lambda number, _frame: sys.exit(128 + number))


def main(at_once=1):
    """Runs the file's tests; a file of which every test was skipped is skipped. at_once: so many at a time, each in a process
    of its own; for a file that mostly waits, and that judges nothing of which the machine has one."""
    if at_once > 1 and len(sys.argv) == 1:
        sys.exit(_each_apart(at_once))
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    _remove_all()
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIP if result.testsRun > 0 and len(result.skipped) == result.testsRun else 0)


def _each_apart(at_once):
    """The exit status of all tests of the file, of which each is run by this file with its name."""
    names, suites = [], [unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])]
    for suite in suites:
        for each in suite:
            if isinstance(each, unittest.TestSuite):
                suites.append(each)
            else:
                names.append(each.id().removeprefix("__main__."))
    under_way = {}
    statuses = []
    waiting = list(names)
    try:
        while waiting or under_way:
            while waiting and len(under_way) < at_once:
                name = waiting.pop(0)
                output = tempfile.TemporaryFile("w+")
                process = subprocess.Popen([sys.executable, "-B", sys.argv[0], name], stdout=output, stderr=subprocess.STDOUT)
                under_way[process.pid] = process, output
            done = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            process, output = under_way.pop(done.si_pid)
            statuses.append(process.wait())
            with output:
                output.seek(0)
                print(output.read(), flush=True)
    finally:
        for process, output in under_way.values():
            process.terminate()
            process.wait()
            output.close()
    print("%d tests, %d at a time: %d failed, %d skipped" % (len(names), at_once, sum(each not in (0, SKIP) for each in statuses),
                                                            statuses.count(SKIP)))
    if any(each not in (0, SKIP) for each in statuses):
        return 1
    return SKIP if set(statuses) == {SKIP} else 0
