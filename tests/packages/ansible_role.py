"""The Ansible role, run by a real ansible-playbook over local connections: the one file for two hosts that share this
machine, each in a network namespace of its own, and the Debian package in a clean system."""

import glob
import json
import os
import shutil
import subprocess
import tempfile

import deb
import static_program
from common import ROOT, System, expect, run
from support import Netns

PLAYBOOK = os.path.join(ROOT, "packaging", "ansible", "hostcheck.yml")


def playbook(folder, hosts, **variables):
    """The finished command, and what its recap counts for each host. hosts: lines of the inventory."""
    inventory = os.path.join(folder, "hosts")
    with open(inventory, "w", encoding="utf-8") as file:
        file.write("[all:vars]\nansible_connection=local\nansible_python_interpreter=/usr/bin/python3\n[all]\n" + "\n".join(hosts) + "\n")
    environment = dict(os.environ, ANSIBLE_HOME=folder + "/ansible", ANSIBLE_NOCOLOR="1", LC_ALL="C.UTF-8")
    print("+ ansible-playbook %s for %d hosts" % (variables, len(hosts)), flush=True)
    done = subprocess.run(["ansible-playbook", "-i", inventory, PLAYBOOK, "-e", json.dumps(variables)], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600)
    recap = {}
    for line in done.stdout.partition("PLAY RECAP")[2].splitlines():
        name, colon, counts = line.partition(" : ")
        if colon:
            recap[name.strip()] = {key: int(value) for key, value in (each.split("=") for each in counts.split())}
    return done, recap


def judge_static(program):
    sick, fine = Netns("sick"), Netns("fine")
    try:
        sick.sysctl("net.ipv4.tcp_window_scaling", 0)
        with tempfile.TemporaryDirectory(prefix="hc-ansible-") as folder:
            hosts = ["%s hostcheck_program=%s/%s-hostcheck hostcheck_options='[\"--observe\",\"0\",\"--netns\",\"%s\"]'"
                     % (name, folder, name, netns.name) for name, netns in (("web-1", sick), ("web-2", fine))]
            common = {"hostcheck_install": "static", "hostcheck_source": program, "hostcheck_reports": folder + "/reports"}
            done, recap = playbook(folder, hosts, **common, hostcheck_snapshot=True)
            expect(done.returncode == 0, "the role installs, runs and gathers on both hosts" + done.stdout * done.returncode)
            expect(all(recap[name]["changed"] > 0 for name in ("web-1", "web-2")), "it has installed the program")
            found = {}
            for name in ("web-1", "web-2"):
                with open("%s/reports/%s.json" % (folder, name), encoding="utf-8") as file:
                    found[name] = [each["id"] for each in json.load(file)["findings"]]
                rows = run(program, "query", "--from", "%s/reports/%s.db" % (folder, name), "--format", "json",
                           "SELECT count(*) AS number FROM sysctls", stdout=subprocess.PIPE).stdout
                expect(json.loads(rows)[0]["number"] > 0, "the snapshot of %s can be asked" % name)
            expect("tcp.window_scaling_disabled" in found["web-1"] and "tcp.window_scaling_disabled" not in found["web-2"],
                   "each report is its own host's")
            done, recap = playbook(folder, hosts, **common)
            expect(done.returncode == 0 and all(each["changed"] == 0 for each in recap.values()), "a second time changes nothing")
            done, recap = playbook(folder, hosts, **common, hostcheck_fail_on=["warning"])
            failures = {name: recap[name]["failed"] for name in ("web-1", "web-2")}
            expect(done.returncode != 0 and failures == {"web-1": 1, "web-2": 0}, "a verdict that is to fail the play does: %s" % failures)
            done, recap = playbook(folder, hosts, hostcheck_install="by post", hostcheck_source=program)
            expect(done.returncode != 0 and "value of hostcheck_install must be one of" in done.stdout, "a wrong variable is refused")
    finally:
        sick.close()
        fine.close()


def judge_package(system, package):
    """ansible-playbook in the clean system, as on a host that manages itself."""
    system.shell("apt-get update -qq && apt-get install -qq -y --no-install-recommends ansible-core python3-apt", network=True)
    shutil.rmtree(system.folder + "/root/ansible", ignore_errors=True)
    shutil.copytree(os.path.dirname(PLAYBOOK), system.folder + "/root/ansible")
    shutil.copy(package, system.folder + "/root/ansible/hostcheck.deb")
    variables = {"hostcheck_source": "/root/ansible/hostcheck.deb", "hostcheck_reports": "/root/reports",
                 "hostcheck_options": ["--observe", "0"], "hostcheck_config": "observe = \"0\"\n"}
    with open(system.folder + "/root/ansible/variables.json", "w", encoding="utf-8") as file:
        json.dump(variables, file)
    system.shell("cd /root/ansible && ansible-playbook -c local -i localhost, hostcheck.yml -e @variables.json", network=True)
    with open(system.folder + "/root/reports/localhost.json", encoding="utf-8") as file:
        expect(len(json.load(file)["checks"]) > 80, "the role installs the Debian package, runs it and gathers the report")
    system.shell("dpkg -s hostcheck | grep -q 'install ok installed' && grep -q observe /etc/hostcheck/hostcheck.toml "
                 "&& apt-get purge -qq -y hostcheck && rm -r /etc/hostcheck")


def test(asked):
    judge_static(static_program.build())
    package, = glob.glob(deb.build(asked) + "/hostcheck_*_*.deb")
    judge_package(System(asked.system), package)
