#!/usr/bin/env python3
"""Makes every fault and every decoy on this kernel, has hostcheck judge each, and ends with a table.

run.py [--quick] [--jobs N] [--json FILE] [--readme FILE] [--list] [NAME...]

Needs root: it makes network namespaces of its own. Scenarios run beside each other; those that touch what the kernel has only once run
alone, at the end. Each is a process of its own; whatever becomes of it, what it made is removed. NAME: only these scenarios, with
* and ?. --readme writes the figures between the marks of that file. Exit status 1 where anything is not as it has to be.
"""

import argparse
import concurrent.futures
import fnmatch
import glob
import json
import os
import signal
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import scene  # noqa: E402
import support  # noqa: E402
import table  # noqa: E402

for _file in sorted(glob.glob(os.path.join(HERE, "*_faults.py")) + glob.glob(os.path.join(HERE, "*_decoys.py"))):
    __import__(os.path.basename(_file)[:-3])

PROGRAMS = ("ip", "nft", "ss", "nstat", "tc", "ethtool", "iptables", "dnsmasq", "ping", "sysctl", "setpriv")
LONGEST_S = 150  # that a scenario may take
SKIPPED = "skipped"


def jobs_of(names, quick):
    """(scenario, IP version) of what was asked for."""
    chosen = []
    for each in scene.SCENARIOS.values():
        asked = not names or any(fnmatch.fnmatch(each.name, name) for name in names)
        if asked and (each.quick or not quick):
            chosen += [(each, version) for version in each.families[:1 if quick else None]]
    return chosen


# One scenario, in a process of its own

def play(scenario, version):
    """What came of it."""
    if namespaces_of(os.getpid()):
        return {"views": [], "problem": "namespaces hc-%d-* are there already, of somebody else" % os.getpid(), "took_s": 0, "refused": True}
    stage = scene.Scene(scenario, version)
    problem = ""
    began = time.monotonic()
    try:
        scenario.run(stage)
        if not stage.views:
            problem = "it asked for no report"
    except BaseException as error:  # pylint: disable=broad-except
        ours = [each for each in traceback.extract_tb(error.__traceback__) if each.filename.startswith(os.path.dirname(HERE))]
        places = ["%s:%d" % (os.path.basename(each.filename), each.lineno) for each in ours[1:]]
        problem = "%s: %s: %s" % (" ".join(places), type(error).__name__, str(error)[:4000])
    finally:
        try:
            stage.doCleanups()
        finally:
            support._remove_all()  # pylint: disable=protected-access
    return {"views": stage.views, "problem": problem, "took_s": round(time.monotonic() - began, 2)}


# The whole lab

def namespaces_of(pid):
    """Names of the namespaces that a scenario's process has made."""
    begin = "hc-%d-" % pid
    return [name for name in os.listdir("/run/netns") if name.startswith(begin)] if os.path.isdir("/run/netns") else []


def remove_rest(pid):
    """What a process of ours left behind, which it does only when it was killed; how much it was."""
    left = namespaces_of(pid)
    for name in left:
        told = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout
        for each in told.split():
            try:
                os.kill(int(each), signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "del", name], check=False)
    for folder in glob.glob("/etc/netns/hc-%d-*" % pid):
        for each in os.listdir(folder):
            os.unlink(os.path.join(folder, each))
        os.rmdir(folder)
    return len(left)


def perform(job):
    """Runs a scenario's process: what it told, or how it broke."""
    scenario, version = job
    command = [sys.executable, "-B", os.path.abspath(__file__), "--one", scenario.name, "--version", version]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    problem = ""
    try:
        out, errors = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        problem = "not done within %d s" % LONGEST_S
        os.killpg(process.pid, signal.SIGTERM)  # cleans up behind itself
        try:
            out, errors = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, errors = process.communicate()
    try:
        told = json.loads(out)
    except ValueError:
        told = {"views": [], "problem": "", "took_s": 0}
        problem = problem or "exit %d: %s" % (process.returncode, errors[-3000:])
    left = 0 if told.get("refused") else remove_rest(process.pid)
    if left and not problem:
        problem = "it left %d namespaces behind" % left
    told["problem"] = told["problem"] or problem
    print(table.line(scenario, version, told), flush=True)
    return scenario, version, told


def kernel_wide():
    """Values that scenarios may set though all namespaces share them."""
    values = {}
    for name in scene.KERNEL_WIDE:
        path = "/proc/sys/" + name
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                values[path] = file.read()
    return values


def put_back(values):
    """Whatever became of a scenario; names of what it had left changed."""
    changed = [path for path, value in kernel_wide().items() if value != values.get(path, value)]
    for path in changed:
        with open(path, "w", encoding="ascii") as file:
            file.write(values[path])
    return changed


def perform_all(jobs, beside):
    results = []
    with concurrent.futures.ThreadPoolExecutor(beside) as pool:
        results += pool.map(perform, [job for job in jobs if not job[0].alone])
    for job in jobs:
        if job[0].alone:
            values = kernel_wide()
            results.append(perform(job))
            changed = put_back(values)
            if changed:
                results[-1][2]["problem"] += "it left changed: %s" % ", ".join(changed)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="one of each kind, in one IP version")
    parser.add_argument("--jobs", type=int, default=2 * os.cpu_count(), help="scenarios beside each other")
    parser.add_argument("--json", help="file for the results")
    parser.add_argument("--readme", help="file whose marks the figures are written between")
    parser.add_argument("--list", action="store_true", help="names the scenarios")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--version", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(play(scene.SCENARIOS[options.one], options.version)))
        return
    jobs = jobs_of(options.names, options.quick)
    if not jobs:
        sys.exit("no scenario has such a name: %s" % ", ".join(options.names))
    if options.list:
        for scenario, version in jobs:
            print("%-4s %-9s %s: %s" % (scenario.case or "-", "%s %s" % (scenario.name, version), scenario.leads or "quiet", scenario.words))
        return
    support.need_root()
    support.need_programs(*PROGRAMS)
    began = time.monotonic()
    results = perform_all(jobs, options.jobs)
    took = time.monotonic() - began
    print(table.whole(results, took))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(table.as_json(results, took), file, indent=1)
    wrong = [each for each in results if each[2]["problem"]]
    if options.readme and not wrong:
        table.write_readme(options.readme, results, took)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
