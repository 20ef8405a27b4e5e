"""The service and the timer of the Debian package under a real systemd: the clean system is booted as a container."""

import glob
import json
import os
import re
import shutil
import subprocess

import deb
from common import ROOT, System, expect

# Run there by a unit of its own once the system is up; what it finds goes to /root/proof.
PROVE = r"""
mkdir -p /root/proof /run/systemd/system/hostcheck.service.d /run/systemd/system/hostcheck.timer.d
exec > /root/proof/log 2>&1
ip link set lo up
systemctl start hostcheck.service; echo "start=$?"
systemctl show hostcheck.service -p Result -p ExecMainStatus
cp /var/lib/hostcheck/hostcheck.prom /root/proof/first.prom
systemd-analyze security --no-pager hostcheck.service | tail -n 1

# The timer, that it need not be waited for a quarter of an hour.
printf '[Timer]\nOnBootSec=\nOnCalendar=\nRandomizedDelaySec=0\nOnActiveSec=100ms\nAccuracySec=10ms\n' \
  > /run/systemd/system/hostcheck.timer.d/soon.conf
systemctl daemon-reload
systemctl enable --now hostcheck.timer
for try in $(seq 600); do
  cmp -s /var/lib/hostcheck/hostcheck.prom /root/proof/first.prom || { echo timer=ran; break; }
  sleep 0.1
done
systemctl show hostcheck.timer -p ActiveState

# The watch says when its first round is done, reads its configuration again, and ends when it is told to.
systemctl enable --now hostcheck-watch; echo "watch=$?"
systemctl reload hostcheck-watch; echo "reload=$?"
systemctl is-active hostcheck-watch
systemctl stop hostcheck-watch
systemctl show hostcheck-watch -p Result

# The same sandbox, with a report that tells what it could see.
printf '[Service]\nExecStart=\nExecStart=/usr/bin/hostcheck run --quiet --observe 1s --format json --output /var/lib/hostcheck/report.json\n' \
  > /run/systemd/system/hostcheck.service.d/report.conf
systemctl daemon-reload
systemctl start hostcheck.service; echo "report=$?"
cp /var/lib/hostcheck/report.json /root/proof/sandboxed.json
hostcheck run --quiet --observe 1s --format json --output /root/proof/whole.json
systemctl --failed --no-legend --plain
"""
UNIT = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /root/prove
ExecStopPost=/bin/systemctl --no-block poweroff
TimeoutStartSec=300
"""


def boot(system):
    """Boots it, lets it prove, and waits until it is off."""
    for name, text in (("root/prove", PROVE), ("etc/systemd/system/prove.service", UNIT)):
        with open(os.path.join(system.folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    wants = system.folder + "/etc/systemd/system/multi-user.target.wants"
    os.makedirs(wants, exist_ok=True)
    if not os.path.lexists(wants + "/prove.service"):
        os.symlink("../prove.service", wants + "/prove.service")
    shutil.rmtree(system.folder + "/root/proof", ignore_errors=True)
    # Of the container's own bounds none may be tighter than the service's. Its first process needs no machined here.
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--directory=" + system.folder,
               "--private-network", "--capability=all", "--bind=/dev/kmsg", "--console=pipe"]
    print("+ " + " ".join(command), flush=True)
    done = subprocess.run(command, env=dict(os.environ, SYSTEMD_SECCOMP="0"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=400)
    expect(os.path.exists(system.folder + "/root/proof/log"), "systemd has booted" + done.stdout * (done.returncode != 0))


def judge(folder):
    with open(folder + "/log", encoding="utf-8") as file:
        log = file.read()
    print(log)
    expect("start=0\n" in log and "Result=success\n" in log, "the service runs, and findings are no failure of it")
    with open(folder + "/first.prom", encoding="utf-8") as file:
        expect("hostcheck_verdict{" in file.read(), "it writes its metrics where the package says")
    score, = re.findall(r"Overall exposure level for hostcheck.service: ([0-9.]+)", log)
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        expect("exposure level %s" % score in file.read(), "the running system calls its exposure level %s, as README does" % score)
    expect("timer=ran\n" in log and "ActiveState=active\n" in log, "the timer runs it again")
    expect(re.search(r"^watch=0\nreload=0\nactive\nResult=success$", log, re.MULTILINE), "so does the watch, which stays, reloads and stops")
    expect("report=0\n" in log, "a report comes out of the sandbox")
    reports = []
    for name in ("whole", "sandboxed"):
        with open("%s/%s.json" % (folder, name), encoding="utf-8") as file:
            reports.append(json.load(file))
    blind = [{check["id"] for check in each["checks"] if check["outcome"] in ("unknown", "error")} for each in reports]
    expect(blind[1] <= blind[0], "the sandbox takes nothing away%s" % "".join(" -" + each for each in blind[1] - blind[0]))
    methods = [{each["name"] for each in one["capabilities"] if each["available"]} for one in reports]
    expect(methods[0] <= methods[1] and "bpf" in methods[1], "no method either%s" % "".join(" -" + each for each in methods[0] - methods[1]))


def test(asked):
    package, = glob.glob(deb.build(asked) + "/hostcheck_*_*.deb")
    system = System(asked.system)
    shutil.copy(package, system.folder + "/root/hostcheck.deb")
    system.shell("apt-get update -qq && apt-get install -qq -y --no-install-recommends systemd systemd-sysv dbus iproute2 "
                 "/root/hostcheck.deb", network=True)
    said = system.shell("systemd-analyze --no-pager --man=no verify hostcheck.service hostcheck.timer hostcheck-watch.service 2>&1").stdout
    expect("hostcheck" not in said, "systemd has nothing to say of the units" + (": " + said if said else ""))
    boot(system)
    judge(system.folder + "/root/proof")
