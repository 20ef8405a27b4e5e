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
    """A one-liner; it finds the tracepoints in file systems that are mounted for it alone where they are not."""

    START = """for each in tracefs:/sys/kernel/tracing debugfs:/sys/kernel/debug; do
        mountpoint -q "${each#*:}" || mount -t "${each%:*}" none "${each#*:}" || exit
    done
    exec bpftrace -e "$0\""""

    def __init__(self, name, script):
        self.name, self.script = "bpftrace " + name, script
        self.process = None
        self.switch_ms = []

    def on(self):
        start = time.monotonic()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", self.START, self.script + " " + WATCHED],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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
    """One load that goes on while watchers come and go. Its ends are pinned, each to a processor of its own: what is measured
    next to each other differs by the watcher, and not by new connections and where they happen to be served.

    A window's rate is the median of its slices, so that a slice in which something else had the processor says nothing. Each
    slice is longer than the time between two samples of the observation, and so has what a sample costs in it."""

    SLICE_S = 0.1

    def __init__(self, bench, load, server, client):
        self.clock = bench.clock
        self.slices = 1 if bench.share > 1 else 4
        self.process = subprocess.Popen([bench.tool("traffic"), load, server.name, client.name, ADDRESS],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.window()  # until the connection has found its own window

    def counters(self):
        """Units, microseconds, microseconds of both ends on a processor, so far."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench: the traffic has ended")
        return [int(word) for word in line.split()]

    def window(self, watcher=None):
        """Units in a microsecond of the next slices, and the share of a processor that the watcher itself had meanwhile;
        with --cpu in one of both ends' processor time, less the part of the machine's that the watcher took."""
        points = [self.counters()]
        taken = -busy_us(watcher.pid()) if watcher else 0
        for _ in range(self.slices):
            time.sleep(self.SLICE_S)
            points.append(self.counters())
        taken += busy_us(watcher.pid()) if watcher else 0
        taken /= points[-1][1] - points[0][1]
        steps = [[now - then for now, then in zip(point, before)] for before, point in zip(points, points[1:])]
        rate = statistics.median(units / (busy if self.clock else passed) for units, passed, busy in steps)
        return rate * (1 - taken / os.cpu_count()) if self.clock else rate, taken

    def switch(self, to):
        """Loading, attaching and giving back are no part of a window: it begins when the kernel has done with them."""
        to()
        time.sleep(0.05)

    def shares_left(self, watcher, blocks):
        """Throughput while watched, each window against its unwatched neighbour: off, on, on, off and again, so that what
        slowly changes weighs on both alike. The unwatched rate, and the watcher's own time as a share of a processor."""
        shares, unwatched, taken = [], [], []
        for _ in range(blocks):
            before, _ = self.window()
            self.switch(watcher.on)
            watched = [self.window(watcher), self.window(watcher)]
            self.switch(watcher.off)
            after, _ = self.window()
            shares += [watched[0][0] / before, watched[1][0] / after]
            unwatched += [before, after]
            taken += [own for _, own in watched]
        return shares, statistics.median(unwatched), statistics.mean(taken)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def interval(values):
    """The median's 95 % interval by ranks: a median lies so far from the middle of a sample by chance alone."""
    ordered = sorted(values)
    reach = int((len(ordered) - 1.96 * len(ordered) ** 0.5) / 2)
    low = max(0, reach - 1)
    return ordered[low], ordered[-1 - low]


def with_interval(values):
    return "%.3f (%.3f to %.3f)" % (statistics.median(values), *interval(values))


def cable():
    server, client = support.Netns("watched"), support.Netns("peer")
    support.veth_pair(server, client)
    server.ip("addr", "add", ADDRESS + "/24", "dev", "veth0")
    client.ip("addr", "add", "192.0.2.2/24", "dev", "veth0")
    return server, client


def print_costs(load, name, costs):
    for program, (runs, nanoseconds) in sorted(costs.items()):
        print("    %-8s %-28s %-26s %9d events %6.0f ns each" % (load, name, program, runs, nanoseconds))


def hostcheck_figures(bench, server, client, blocks):
    observer = Observer(bench.tool("observer"), server)
    for load, words, least in LOADS:
        with Traffic(bench, load, server, client) as traffic:
            noise, _, _ = traffic.shares_left(Nobody(), blocks)
            shares, rate, taken = traffic.shares_left(observer, blocks)
        print("  %-44s %s   the same with nothing switched on" % (words + ", of unwatched", with_interval(noise)))
        unit = "%.1f Gbit/s" % (rate * 8 / 1000) if load == "bulk" else "%.0f connections/s" % (rate * 1e6)
        low, high = interval(shares)
        note = "%s; %s%s" % (unit, with_interval(shares), ", with the target in it" if low < least < high else "")
        bench.target(words + ", observed, of unwatched", statistics.median(shares), "", least, note, at_least=True)
        print("  %-44s %9.4f       of a processor, in that" % ("hostcheck's own time", taken))
    bench.target("attach and detach together, median", statistics.median(observer.switch_ms), "ms", SWITCH_MS)
    print("  programs loaded and verified before that in %.0f ms, %.0f ms of them on a processor"
          % (statistics.median(observer.load_ms), statistics.median(observer.load_busy_ms)))
    observer.close()
    observer = Observer(bench.tool("observer"), server, "costs")
    for load, _, _ in LOADS:
        with Traffic(bench, load, server, client) as traffic:
            observer.on()
            traffic.window()
            observer.off()
        print_costs(load, "hostcheck", observer.costs())
    observer.close()


def bpftrace_figures(bench, server, client, blocks):
    if not shutil.which("bpftrace"):
        print("  bpftrace: not installed")
        return
    for name, script in ONE_LINERS:
        watcher = Bpftrace(name, script)
        try:
            for load, words, _ in LOADS:
                with Traffic(bench, load, server, client) as traffic:
                    shares, _, _ = traffic.shares_left(watcher, blocks)
                    print("  %-44s %s   %s" % (words + ", of unwatched", with_interval(shares), watcher.name))
                    with subprocess.Popen([bench.tool("observer"), "statistics"], stdin=subprocess.PIPE):
                        watcher.on()
                        traffic.window()
                        print_costs(load, watcher.name, watcher.costs())
                        watcher.off()
            print("  %-44s %9.0f ms    %s" % ("start until it watches, and end", statistics.median(watcher.switch_ms), watcher.name))
        except OSError as error:
            print("  %s: does not run here: %s" % (watcher.name, error))
        finally:
            watcher.close()


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
    print("observation of a veth pair, %s; medians with their 95 %% intervals"
          % ("the processors' time" if bench.clock else "the time that passes"))
    server, client = cable()
    with server, client:
        hostcheck_figures(bench, server, client, 1 if smoke else max(9, bench.runs))
        if not smoke:
            bpftrace_figures(bench, server, client, 5)
            tcpdrop()
