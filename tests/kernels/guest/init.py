#!/usr/bin/python3 -B
"""The first process of a test kernel: mounts, loads modules, does its job, writes the answer to the second serial port, ends.

The job is Python text in /job; what it leaves in `answer` goes back as JSON.
"""

import ctypes
import json
import os
import sys
import termios
import time
import traceback

libc = ctypes.CDLL(None, use_errno=True)
FINIT_MODULE = 313  # x86_64


def mount(kind, target):
    os.makedirs(target, exist_ok=True)
    if libc.mount(kind.encode(), target.encode(), kind.encode(), 0, None) != 0:
        print("mount %s: %s" % (target, os.strerror(ctypes.get_errno())), flush=True)


def load_modules():
    """Names of the modules that did not load, with the reason."""
    failed = {}
    with open("/modules/order", encoding="ascii") as order:
        for name in order.read().split():
            image = os.open("/modules/%s.ko" % name, os.O_RDONLY)
            if libc.syscall(FINIT_MODULE, image, b"", 0) != 0:
                failed[name] = os.strerror(ctypes.get_errno())
            os.close(image)
    return failed


def main():
    os.environ.update(PATH="/usr/bin:/usr/sbin", HOME="/root", HOSTCHECK="/usr/bin/hostcheck", FACTS_DUMP="/usr/bin/facts_dump",
                      LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1")
    for kind, target in (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("bpf", "/sys/fs/bpf"),
                         ("tracefs", "/sys/kernel/tracing"), ("tmpfs", "/run")):
        mount(kind, target)
    port = os.open("/dev/ttyS1", os.O_RDWR | os.O_NOCTTY)
    raw = termios.tcgetattr(port)
    raw[1] &= ~termios.OPOST
    termios.tcsetattr(port, termios.TCSANOW, raw)
    begun = time.monotonic()
    names = {"answer": {}, "modules_missing": load_modules()}
    names["modules_ms"] = int(1000 * (time.monotonic() - begun))
    sys.path.insert(0, "/tests")
    try:
        with open("/job", encoding="utf-8") as job:
            exec(compile(job.read(), "job", "exec"), names)  # pylint: disable=exec-used
    except BaseException:  # pylint: disable=broad-except
        names["answer"]["error"] = traceback.format_exc()
    os.write(port, (json.dumps(names["answer"]) + "\n").encode())
    termios.tcdrain(port)


try:
    main()
finally:
    libc.reboot(0x4321FEDC)  # LINUX_REBOOT_CMD_POWER_OFF
