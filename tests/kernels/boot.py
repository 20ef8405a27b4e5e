"""Boots a kernel in a virtual machine without disk or network: a job goes in with the file system, an answer comes back."""

import json
import os
import shutil
import subprocess

import guest_image

QEMU = "qemu-system-x86_64"


class Failed(Exception):
    """The guest gave no answer; with the end of its console."""


def base_image(folder, hostcheck, facts_dump, rules):
    """The file system that all kernels share."""
    path = os.path.join(folder, "userland.cpio")
    with open(path + ".partial", "wb") as out:
        guest_image.userland(out, hostcheck, facts_dump, rules, os.path.dirname(os.path.abspath(__file__)))
    os.rename(path + ".partial", path)
    return path


def run(kernel, base, folder, job, seconds):
    """The answer of a job."""
    if not shutil.which(QEMU):
        raise Failed("%s is not there: package qemu-system-x86" % QEMU)
    os.makedirs(folder, exist_ok=True)
    initramfs, answer, console = (os.path.join(folder, each) for each in ("initramfs.cpio", "answer", "console"))
    with open(initramfs, "wb") as out:
        with open(base, "rb") as file:
            shutil.copyfileobj(file, out)
        guest_image.modules(out, kernel, job)
    command = [QEMU, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", "768", "-nodefaults", "-no-user-config",
               "-display", "none", "-no-reboot", "-kernel", kernel.vmlinuz, "-initrd", initramfs,
               "-append", "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off no_timer_check",
               "-serial", "file:" + console, "-serial", "file:" + answer]
    for path in (console, answer):
        with open(path, "wb"):
            pass
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
        why = "qemu ended with %d: %s" % (done.returncode, done.stderr.strip()[-2000:])
    except subprocess.TimeoutExpired:
        why = "no end within %d s" % seconds
    os.remove(initramfs)
    with open(answer, encoding="utf-8", errors="replace") as file:
        told = file.read()
    try:
        return json.loads(told)
    except ValueError:
        with open(console, encoding="utf-8", errors="replace") as file:
            raise Failed("%s\n%s" % (why, file.read()[-6000:])) from None
