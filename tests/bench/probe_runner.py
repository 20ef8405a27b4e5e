"""Asks hostcheck and other tools the same question in a namespace, counts what the host sent, and judges who needed less."""

import json
import shutil
import subprocess
import time

import support

LONGEST = 120  # seconds that a tool may take
VERDICTS = {True: "right", False: "wrong", None: "no answer"}


class Runner:
    def __init__(self, smoke):
        self.smoke = smoke
        self.rows = []
        self.hop = None
        self.question = ""

    def sent(self):
        out = json.loads(self.hop.exec("nft", "-j", "list", "counter", "inet", "bench", "sent"))
        return next(each["counter"]["packets"] for each in out["nftables"] if "counter" in each)

    def watch(self, hop, device):
        self.hop = hop
        hop.exec("nft", "-f", "-", stdin="add table inet bench\nadd counter inet bench sent\n"
                 "add chain inet bench in { type filter hook prerouting priority -500; }\n"
                 "add rule inet bench in iifname %s meta l4proto { tcp, udp, icmp } counter name sent\n" % device)

    def about(self, question):
        self.question = question
        print("\n" + question, flush=True)

    def ask(self, host, command, judge, shown=None):
        """judge(output): (the answer in words, whether it is right, None where the tool has no answer to this)."""
        ours = command[0] == "hostcheck"
        if self.smoke and not ours:
            return
        tool = shown or " ".join(str(word) for word in command if word not in ("--format", "json", "-n", "-r", "-w"))
        if not ours and shutil.which(command[0]) is None:
            self.rows.append((self.question, command[0], "not installed", None, 0, 0, ours))
            return
        before = self.sent()
        start = time.monotonic()
        words = [support.HOSTCHECK if word == "hostcheck" else str(word) for word in command]
        try:
            done = subprocess.run(["ip", "netns", "exec", host.name, *words], capture_output=True, text=True, timeout=LONGEST)
            output = done.stdout + (done.stderr if shown else "")
        except subprocess.TimeoutExpired as error:
            output = (error.stdout or b"").decode()
        spent = 1000 * (time.monotonic() - start)
        packets = self.sent() - before
        answer, right = judge(output)
        self.rows.append((self.question, tool, answer, right, packets, spent, ours))
        print("  %-62s %5d packets %8.0f ms  %-9s %s" % (tool[:62], packets, spent, VERDICTS[right], answer), flush=True)

    def hostcheck(self, host, kind, target, judge, *args):
        self.ask(host, ["hostcheck", "probe", kind, target, *args, "--format", "json"], lambda out: judge(json.loads(out)))

    def table(self):
        """Of all that was asked, in Markdown."""
        lines = ["| question | tool | answer | | packets | ms |", "|-|-|-|-|-|-|"]
        last = None
        for question, tool, answer, right, packets, spent, ours in self.rows:
            shown = "**`%s`**" % tool if ours else "`%s`" % tool
            lines.append("| %s | %s | %s | %s | %d | %.0f |" % (question if question != last else "", shown, answer,
                                                               VERDICTS[right], packets, spent))
            last = question
        return "\n".join(lines)

    def problems(self):
        """hostcheck wrong, or beaten in both time and packets by the same right answer of a peer."""
        found = []
        for question, _, answer, right, packets, spent, ours in self.rows:
            if not ours:
                continue
            if not right:
                found.append("%s: hostcheck is wrong: %s" % (question, answer))
            for other in self.rows:
                if other[0] == question and not other[6] and other[3] and other[4] < packets and other[5] < spent:
                    found.append("%s: %s gave the same answer in %.0f ms with %d packets" % (question, other[1], other[5], other[4]))
        return found
