#!/usr/bin/env python3
"""Builds every package of hostcheck and uses it as those do whom it is for.

Run by `packaging/test packages [PART...]`, as root. Parts, all by default: see PARTS.
"""

import argparse
import os
import sys
import tempfile

import ansible_role
import deb
import kubernetes
import rpm_package
import service
import static_program

PARTS = {"static": static_program, "deb": deb, "ansible": ansible_role, "service": service, "rpm": rpm_package,
         "kubernetes": kubernetes}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS) + "; all by default")
    parser.add_argument("--packages", metavar="FOLDER", help="test the Debian packages that are there, build none")
    parser.add_argument("--system", metavar="FOLDER", help="use and keep this clean system; made where there is none")
    asked = parser.parse_args()
    for part in asked.parts:
        if part not in PARTS:
            parser.error("no part %s; there are %s" % (part, ", ".join(PARTS)))
    if os.geteuid() != 0:
        raise SystemExit("needs root, for namespaces, debootstrap and chroot")
    with tempfile.TemporaryDirectory(prefix="hc-system-") as folder:
        asked.system = asked.system or folder + "/system"
        for name, part in PARTS.items():
            if not asked.parts or name in asked.parts:
                print("== " + name, flush=True)
                part.test(asked)
    print("packages: all is as it should be")


if __name__ == "__main__":
    sys.exit(main())
