#!/usr/bin/env python3
"""Runs the built hostcheck on Debian's kernels in a virtual machine, and shows what each let it see.

run.py [--quick] [--folder DIR] [--readme FILE] --hostcheck FILE --facts-dump FILE [KERNEL...]

KERNEL is one of 5.10, 6.1, 6.12; none: all. --readme writes the matrix between the marks of that file. Kernels are fetched by apt
from Debian's archive and kept in the folder. A kernel that cannot be had, or does not answer in time, is a failure.
"""

import argparse
import json
import os
import re
import sys
import time

import boot
import debian_kernel
import guest_image
import judge

JOB = "import scenarios\nanswer.update(scenarios.run(%r))\nanswer['modules_missing'] = modules_missing\n"
MARKS = ("<!-- kernels: made by tests/kernels/run.py -->\n", "<!-- end of kernels -->\n")


def run_one(name, options, folder, base):
    """A kernel's answer; none when it gave none."""
    began = time.monotonic()
    try:
        kernel = debian_kernel.Kernel(debian_kernel.fetch(name, os.path.join(options.folder, "packages")))
        answer = boot.run(kernel, base, os.path.join(folder, name), JOB % options.quick, options.seconds)
    except debian_kernel.Unavailable as why:
        print("kernel %s cannot be had: %s" % (name, why))
        return None
    except boot.Failed as why:
        print("kernel %s: %s" % (name, why))
        return None
    print("kernel %s (%s): %.0f s" % (name, kernel.release, time.monotonic() - began))
    with open(os.path.join(folder, name, "result.json"), "w", encoding="utf-8") as file:
        json.dump(answer, file, indent=1)
    return answer


def show(answer):
    """The answer for people; how many things are wrong with it."""
    for name, each in answer.get("methods", {}).items():
        if name.startswith("observe: "):
            print("  %-3s %s: %s" % ("yes" if each["available"] else "no", name, each["detail"]))
    for name, told in answer.get("scenarios", {}).items():
        print("  %s (%s s): %s" % (name, told["seconds"], judge.cell(name, told)))
    wrong = judge.problems(answer)
    for each in wrong:
        print("WRONG " + each)
    return len(wrong)


def write_readme(path, table):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    new, found = re.subn(re.escape(MARKS[0]) + ".*?" + re.escape(MARKS[1]), lambda _: MARKS[0] + table + "\n" + MARKS[1], text,
                         flags=re.DOTALL)
    if not found:
        sys.exit("%s has no marks for the matrix" % path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(new)


def main():
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", choices=[[], *debian_kernel.KERNELS])
    parser.add_argument("--quick", action="store_true", help="the first scenarios only")
    parser.add_argument("--folder", default=os.path.join(source, "build", "kernels"), help="for packages and results")
    parser.add_argument("--hostcheck", default=os.path.join(source, "build", "release", "hostcheck"))
    parser.add_argument("--facts-dump", default=os.path.join(source, "build", "release", "tests", "support", "facts_dump"))
    parser.add_argument("--seconds", type=float, default=400, help="after which a kernel is given up")
    parser.add_argument("--readme", help="file that the matrix is written to")
    options = parser.parse_args()
    names = options.kernels or list(debian_kernel.KERNELS)
    folder = os.path.join(options.folder, "-".join(names))
    os.makedirs(folder, exist_ok=True)
    try:
        base = boot.base_image(folder, options.hostcheck, options.facts_dump, os.path.join(source, "rules"))
    except guest_image.Missing as why:
        sys.exit("the guest cannot be made: %s" % why)
    answers = {name: run_one(name, options, folder, base) for name in names}
    os.remove(base)
    wrong = sum(1 if each is None else show(each) for each in answers.values())
    told = {name: each for name, each in answers.items() if each and each.get("scenarios")}
    if told:
        table = judge.matrix(told)
        print(table)
        if options.readme and not wrong:
            write_readme(options.readme, table)
    print("%d problem(s) on %d kernel(s)" % (wrong, len(names)))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
