"""The Kubernetes manifest: its fields, and that what it may do is enough, by running its command in a root of its own with its
capabilities and nothing else: read-only, with the metrics' folder alone to write to."""

import json
import os
import subprocess
import tempfile

import yaml

import static_program
from common import ROOT, expect
from support import Netns

FOLDER = os.path.join(ROOT, "packaging", "kubernetes")


def judge_fields(manifest):
    """What Kubernetes asks of a DaemonSet, and what an operator would."""
    expect((manifest["apiVersion"], manifest["kind"]) == ("apps/v1", "DaemonSet"), "it is a DaemonSet")
    spec = manifest["spec"]
    labels = spec["template"]["metadata"]["labels"]
    expect(spec["selector"]["matchLabels"].items() <= labels.items(), "its selector finds its pods")
    pod = spec["template"]["spec"]
    expect(pod["hostNetwork"] and pod["hostPID"] and not pod["automountServiceAccountToken"],
           "it has the node's network and processes, and no token")
    container, = pod["containers"]
    context = container["securityContext"]
    expect(not context["privileged"] and not context["allowPrivilegeEscalation"] and context["readOnlyRootFilesystem"]
           and context["capabilities"]["drop"] == ["ALL"] and context["seccompProfile"]["type"] == "RuntimeDefault",
           "it may do what is listed and nothing else")
    expect(not any(each.startswith("CAP_") for each in context["capabilities"]["add"]), "capabilities as Kubernetes names them")
    volumes = {each["name"]: each["hostPath"]["path"] for each in pod["volumes"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    expect(set(volumes) == set(mounts) == {"metrics"}, "the metrics' folder is all that it has of the node's files")
    output = container["args"][container["args"].index("--prometheus") + 1]
    expect(os.path.dirname(output) == mounts["metrics"], "it writes into that folder")
    with open(FOLDER + "/Containerfile", encoding="utf-8") as file:
        lines = file.read().splitlines()
    expect("FROM scratch" in lines and 'ENTRYPOINT ["/hostcheck"]' in lines, "the image has the one program and nothing else")
    return container


class Container:
    """The program as the manifest's container has it, in a network namespace that stands for the node's."""

    def __init__(self, folder, program, netns):
        self.netns = netns
        self.image = static_program.Empty(folder, program)
        os.mkdir(folder + "/metrics")

    def run(self, capabilities, *words):
        prepare = ("mount --bind {0} {0} && mount -t proc proc {0}/proc && mount -t sysfs -o ro sysfs {0}/sys && "
                   "mount -t tmpfs tmpfs {0}/metrics && mount -o remount,bind,ro {0} && "
                   "chroot {0} /hostcheck \"$@\"; status=$?; cat {0}/metrics/* 2>/dev/null; exit $status"
                   .format(self.image.folder))
        if capabilities is not None:
            # chroot(1) needs the last; hostcheck has no use for it.
            bounds = ",".join("+" + each.lower() for each in capabilities + ["SYS_CHROOT"])
            prepare = prepare.replace("chroot /", "setpriv --no-new-privs --bounding-set=-all,%s --inh-caps=-all "
                                      "chroot /" % bounds)
        done = subprocess.run(["nsenter", "--net=/run/netns/" + self.netns.name, "unshare", "--mount", "/bin/sh", "-uc", prepare,
                               "sh", *words], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, capture_output=True, text=True, check=False, timeout=120)
        return done


def test(_asked):
    with open(FOLDER + "/hostcheck.yaml", encoding="utf-8") as file:
        manifest, = yaml.safe_load_all(file)
    container = judge_fields(manifest)
    allowed = container["securityContext"]["capabilities"]["add"]
    with Netns("node") as netns, tempfile.TemporaryDirectory(prefix="hc-pod-") as folder:
        netns.sysctl("net.ipv4.tcp_window_scaling", 0)
        pod = Container(folder, static_program.build(), netns)
        words = ("run", "--observe", "1s", "--format", "json")
        whole, bounded = [json.loads(pod.run(each, *words).stdout) for each in (None, allowed)]
        blind = [{check["id"] for check in each["checks"] if check["outcome"] in ("unknown", "error")} for each in (whole, bounded)]
        expect(blind[0] == blind[1], "its privileges are enough for every check%s" % "".join(" -" + each for each in blind[1] - blind[0]))
        methods = [{each["name"] for each in one["capabilities"] if each["available"]} for one in (whole, bounded)]
        expect(methods[0] == methods[1], "and for every method%s" % "".join(" -" + each for each in methods[0] - methods[1]))
        stranger = netns.popen("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c",
                               "import socket, time; server = socket.create_server(('127.0.0.1', 8080)); print('ready', flush=True); "
                               "time.sleep(600)", stdout=subprocess.PIPE)
        stranger.stdout.readline()
        stranger.stdout.close()
        told = [pod.run([each for each in allowed if each != without], "query", "--format", "json",
                        "SELECT process FROM listeners WHERE port = 8080").stdout for without in ("", "DAC_READ_SEARCH")]
        owners = [[row["process"] for row in json.loads(each)] for each in told]
        expect(owners == [["python3"], [None]], "it names the owner of a socket of another user, by DAC_READ_SEARCH alone")
        done = pod.run(allowed, *container["args"], "--count", "1")
        expect('hostcheck_findings{id="tcp.window_scaling_disabled"' in done.stdout, "its command writes the metrics" + done.stderr)
