"""What it costs others to be watched: throughput with the observation on and off in turns, nanoseconds per event by the
kernel's own statistics, time to attach and detach; the same of bpftrace one-liners and of bcc's tcpdrop."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import time

import support

ADDRESS = "192.0.2.1"
BULK_SHARE = 0.97
CONNECT_SHARE = 0.95
SWITCH_MS = 60
LOADS = (("bulk", "TCP bulk transfer", BULK_SHARE), ("connect", "connect and close loop", CONNECT_SHARE))
# The interval comes last, so what it prints tells that the others are attached.
ONE_LINERS = (("kfree_skb", "tracepoint:skb:kfree_skb { @[args->reason] = count(); }"),
              ("tcp_retransmit_skb", "tracepoint:tcp:tcp_retransmit_skb { @[args->dport] = count(); }"))
WATCHED = 'interval:ms:20 { printf("on\\n"); }'


def busy_us(pid):
    """Microseconds that the process has had on processors."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task), encoding="ascii") as told:
            total += int(told.read().split()[0])
    return total / 1000


class Observer:
    """hostcheck's observation, switched by bench_observer."""

    name = "hostcheck"

    def __init__(self, program, netns, *words):
        self.process = subprocess.Popen([program, netns.name, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.load_ms, self.load_busy_ms, self.switch_ms = [], [], []

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if answer[:1] != [word]:
            raise SystemExit("bench: the observation cannot be switched %s" % word)
        return [int(each) / 1000 for each in answer[1:]]

    def on(self):
        load, busy, attach = self.say("on")
        self.load_ms.append(load)
        self.load_busy_ms.append(busy)
        self.switch_ms.append(attach)

    def off(self):
        self.switch_ms[-1] += self.say("off")[0]

    def costs(self):
        """{program: (runs, ns each)} after off, of an observer with costs."""
        told = {}
        while (line := self.process.stdout.readline().split()) != ["end"]:
            runs, nanoseconds = int(line[2]), int(line[3])
            if runs > 0:
                told[line[1]] = (runs, nanoseconds / runs)
        return told

    def pid(self):
        return self.process.pid

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class Bpftrace:
    """A one-liner; it finds the tracepoints in file systems that are mounted for it alone."""

    def __init__(self, name, script):
        self.name, self.script = "bpftrace " + name, script
        self.process = None
        self.switch_ms = []

    def on(self):
        start = time.monotonic()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c",
             "mount -t tracefs none /sys/kernel/tracing && mount -t debugfs none /sys/kernel/debug && exec bpftrace -e \"$0\"",
             self.script + " " + WATCHED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line == "on\n":
                self.switch_ms.append((time.monotonic() - start) * 1000)
                return
        raise OSError(self.process.stderr.read().strip().splitlines()[-1])

    def off(self):
        start = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)
        self.switch_ms[-1] += (time.monotonic() - start) * 1000

    def costs(self):
        """{program: (runs, ns each)} of its programs so far."""
        told = {}
        for fd in os.listdir("/proc/%d/fdinfo" % self.process.pid):
            with open("/proc/%d/fdinfo/%s" % (self.process.pid, fd), encoding="ascii") as text:
                ids = [line.split()[1] for line in text if line.startswith("prog_id:")]
            for each in ids:
                info = json.loads(support.run("bpftool", "-j", "prog", "show", "id", each))
                if info.get("name", "").isdigit() or not info.get("run_cnt"):
                    continue  # the interval is named after its number
                told[info.get("name", each)] = (info["run_cnt"], info["run_time_ns"] / info["run_cnt"])
        return told

    def pid(self):
        return self.process.pid

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Nobody:
    """Watches nothing: what is measured then is how far two measurements of the same differ."""

    name = "nobody"

    def on(self):
        pass

    def off(self):
        pass

    def pid(self):
        return os.getpid()


class Traffic:
    def __init__(self, bench, server, client):
        self.bench, self.server, self.client = bench, server, client
        self.milliseconds = 100 if bench.share > 1 else 400

    def run(self, load, watcher=None):
        """Units in a microsecond that passed; with --cpu in one of both ends' processor time, less the part of the
        machine's that the watcher took meanwhile."""
        before = busy_us(watcher.pid()) if watcher else 0
        out = support.run(self.bench.tool("traffic"), load, self.server.name, self.client.name, ADDRESS, self.milliseconds)
        units, passed, busy = [int(word) for word in out.split()]
        if not self.bench.clock:
            return units / passed
        taken = busy_us(watcher.pid()) - before if watcher else 0
        return units / busy * (1 - taken / (passed * os.cpu_count()))

    def share_left(self, load, watcher, rounds):
        """Median over the rounds of throughput while watched, each against the unwatched runs before and after it."""
        shares = []
        self.run(load)
        before = self.run(load)
        for _ in range(rounds):
            watcher.on()
            watched = self.run(load, watcher)
            watcher.off()
            after = self.run(load)
            shares.append(watched / ((before + after) / 2))
            before = after
        return statistics.median(shares), before


def cable():
    server, client = support.Netns("watched"), support.Netns("peer")
    support.veth_pair(server, client)
    server.ip("addr", "add", ADDRESS + "/24", "dev", "veth0")
    client.ip("addr", "add", "192.0.2.2/24", "dev", "veth0")
    return server, client


def print_costs(load, name, costs):
    for program, (runs, nanoseconds) in sorted(costs.items()):
        print("    %-8s %-28s %-26s %9d events %6.0f ns each" % (load, name, program, runs, nanoseconds))


def hostcheck_figures(bench, traffic, rounds):
    observer = Observer(bench.tool("observer"), traffic.server)
    for load, words, least in LOADS:
        noise, _ = traffic.share_left(load, Nobody(), rounds)
        print("  %-44s %9.2f       the same with nothing switched on" % (words + ", of unwatched", noise))
        share, rate = traffic.share_left(load, observer, rounds)
        unit = "%.1f Gbit/s" % (rate * 8 / 1000) if load == "bulk" else "%.0f connections/s" % (rate * 1e6)
        bench.target(words + ", observed, of unwatched", share, "", least, unit, at_least=True)
    bench.target("attach and detach together, median", statistics.median(observer.switch_ms), "ms", SWITCH_MS)
    print("  programs loaded and verified before that in %.0f ms, %.0f ms of them on a processor"
          % (statistics.median(observer.load_ms), statistics.median(observer.load_busy_ms)))
    observer.close()
    observer = Observer(bench.tool("observer"), traffic.server, "costs")
    for load, _, _ in LOADS:
        observer.on()
        traffic.run(load)
        observer.off()
        print_costs(load, "hostcheck", observer.costs())
    observer.close()


def bpftrace_figures(bench, traffic, rounds):
    if not shutil.which("bpftrace"):
        print("  bpftrace: not installed")
        return
    statistics_on = subprocess.Popen([bench.tool("observer"), "statistics"], stdin=subprocess.PIPE)
    for name, script in ONE_LINERS:
        watcher = Bpftrace(name, script)
        try:
            for load, words, _ in LOADS:
                share, _ = traffic.share_left(load, watcher, rounds)
                print("  %-44s %9.2f       %s" % (words + ", of unwatched", share, watcher.name))
                watcher.on()
                traffic.run(load)
                print_costs(load, watcher.name, watcher.costs())
                watcher.off()
            print("  %-44s %9.0f ms    %s" % ("start until it watches, and end", statistics.median(watcher.switch_ms), watcher.name))
        except OSError as error:
            print("  %s: does not run here: %s" % (watcher.name, error))
        finally:
            watcher.close()
    statistics_on.stdin.close()
    statistics_on.wait(timeout=30)


def tcpdrop():
    """bcc's tool, where it runs: it needs kprobes and the headers of the running kernel."""
    program = shutil.which("tcpdrop-bpfcc")
    if not program:
        print("  tcpdrop-bpfcc: not installed")
        return
    process = subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        out, _ = process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        print("  tcpdrop-bpfcc: runs here")
        return
    why = [line for line in out.splitlines() if "headers" in line or "kprobe" in line or "rror" in line]
    print("  tcpdrop-bpfcc: does not run here: %s" % (why[0] if why else out.strip().splitlines()[-1]))


def figures(bench):
    smoke = bench.share > 1
    print("observation of a veth pair, %s" % ("the processors' time" if bench.clock else "the time that passes"))
    server, client = cable()
    with server, client:
        traffic = Traffic(bench, server, client)
        hostcheck_figures(bench, traffic, 1 if smoke else max(9, bench.runs))
        if not smoke:
            bpftrace_figures(bench, traffic, 5)
            tcpdrop()
