"""Faults made on the guest's kernel. Each tells what hostcheck's report puts first and what the observation saw of it."""

import contextlib
import json
import os
import struct
import subprocess
import threading
import time
import traceback

import observe_lab
import support
from fault_lab import CLIENT, SERVER, Pair, report, start
from observe_lab import PORT, V4, Family, Watch, data_segment, inside, raw_socket, segment, sockets
from support import veth_pair, wait_for

REFUSALS = "observe: listener refusals"
OVERLAY = Family(V4.number, "10.96.0.1", "10.96.0.2", 24, "10.95.", "ip")


def doctor():
    """Availability and words of each of doctor's lines."""
    done = subprocess.run([support.HOSTCHECK, "doctor", "--format", "json"], capture_output=True, text=True, check=True)
    return {each["name"]: each for each in json.loads(done.stdout)}


class Lab(Pair):
    """The pair of the live tests, with what a scenario needs to be judged."""

    def __init__(self):
        super().__init__()
        self.closing = contextlib.ExitStack()

    def close(self):
        self.closing.close()
        super().close()

    def keep(self, made):
        for each in made if isinstance(made, list) else [made]:
            self.closing.callback(each.close)
        return made

    def told(self, netns=None, observe="2s"):
        """The report's findings that count, the first of them first."""
        found, _ = report(netns or self.server, "--budget", "50s", observe=observe)
        worth = [each for each in found["findings"] if each["severity"] != "info" and each["status"] != "refuted"]
        return {"findings": [each["id"] for each in worth], "first": worth[0]["id"] if worth else None,
                "status": worth[0]["status"] if worth else None, "summary": worth[0]["summary"] if worth else None}

    def unanswered(self, port=8080, netns=None, window_ms=1500):
        """Reasons and certainties of the SYNs to a port that got no answer while watched, with one row's witnesses."""
        seen = Watch(netns or self.server, "syns", "unanswered_syns", window_ms=window_ms).result()
        rows = [each for each in seen["unanswered_syns"] if each["local_port"] == port and each["direction"] == "in"]
        of_port = [each for each in seen["syns"] if each["port"] == port]
        return {"rows": len(rows), "reasons": sorted({each["reason"] for each in rows}),
                "certainties": sorted({each["certainty"] for each in rows}),
                "witnesses": rows[0]["witnesses"] if rows else None,
                "listener_dropped_syns": sum(each["listener_dropped_syns"] or 0 for each in of_port) if
                all(each["listener_dropped_syns"] is not None for each in of_port) else None}


def counter(netns, name):
    return int(observe_lab.tcp_counter(netns, name))


def accept_queue(lab):
    """A program that accepts too slowly."""
    start(lab.server, "slow", "0.0.0.0", PORT, 2, 0.15)
    start(lab.client, "persistent", SERVER, PORT, 20)
    wait_for(lambda: counter(lab.server, "ListenDrops") > 0, "a listener that drops")
    return {**lab.unanswered(), **lab.told()}


def half_open(lab):
    lab.server.sysctl("net.ipv4.tcp_syncookies", 0)
    lab.server.sysctl("net.ipv4.tcp_max_syn_backlog", 32)
    start(lab.server, "closer", "0.0.0.0", PORT)
    # Their answers leave, and come to a machine that passes nothing on.
    lab.server.ip("route", "add", "10.97.1.0/24", "via", CLIENT)
    start(lab.client, "syns", "10.97.1", SERVER, PORT, 100)
    wait_for(lambda: sockets(lab.server, V4_LAB, "syn-recv") >= 20, "half-open handshakes")
    return {**lab.unanswered(), **lab.told()}


def nft_drop(lab):
    block(lab.server)
    start(lab.server, "closer", "0.0.0.0", PORT)
    start(lab.client, "persistent", SERVER, PORT, 3)
    return {**lab.unanswered(), **lab.told()}


def block(netns):
    netns.exec("nft", "-f", "-", stdin="""
        table inet guard {
          chain input { type filter hook input priority filter; policy accept; tcp dport %d counter drop; }
        }""" % PORT)


def blocked(netns):
    told = json.loads(netns.exec("nft", "-j", "list", "table", "inet", "guard"))
    rule = next(each["rule"] for each in told["nftables"] if "rule" in each)
    return next(each["counter"]["packets"] for each in rule["expr"] if "counter" in each)


def paws(lab):
    """A connection that this host closed is in TIME-WAIT; SYNs of its ports come with older timestamps."""
    listener = lab.keep(V4_LAB.listen(lab.server, PORT, 64))
    with inside(lab.client):
        sniffer = lab.keep(observe_lab.socket.socket(observe_lab.socket.AF_PACKET, observe_lab.socket.SOCK_DGRAM,
                                                     observe_lab.socket.htons(3)))
        sniffer.bind(("veth0", 3))
        sniffer.settimeout(5)
    client = lab.keep(V4_LAB.connects(lab.client, PORT, 1))[0]
    client.setblocking(True)
    client.send(b"x" * 100)
    port = client.getsockname()[1]
    usual = struct.unpack("!L", data_segment(V4, sniffer, port)[24:28])[0]
    served = listener.accept()[0]
    served.recv(100)
    served.close()
    client.recv(1)
    client.close()
    wait_for(lambda: sockets(lab.server, V4_LAB, "time-wait") == 1, "TIME-WAIT")
    # The bare ACK that answers such a SYN would be answered by an RST, which ends TIME-WAIT.
    lab.client.exec("nft", "-f", "-", stdin="""
        table inet quiet {
          chain output { type filter hook output priority filter; policy accept; tcp flags & rst == rst drop; }
        }""")
    sender = lab.keep(raw_socket(V4_LAB, lab.client))
    done = threading.Event()

    def send():
        number = 0
        while not done.wait(0.25):  # as far apart as TCP repeats a SYN
            number += 1
            sender.sendto(segment(V4_LAB, CLIENT, SERVER, (port, PORT), 7777, 2, timestamp=usual - 5000 + number), (SERVER, 0))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        return {**lab.unanswered(), **lab.told()}
    finally:
        done.set()
        thread.join()


def bad_link(lab):
    start(lab.server, "tap", "tap0")
    lab.server.ip("link", "set", "tap0", "up")
    lab.server.exec("ethtool", "-s", "tap0", "speed", "100", "duplex", "half", "autoneg", "off")
    return lab.told(observe="0")


def netem(lab, *words):
    lab.server.exec("tc", "qdisc", "replace", "dev", "veth0", "root", "netem", *words)


def stream(lab, port):
    """Data from the server to the client without end."""
    listener = lab.keep(V4_LAB.listen(lab.server, port, 64))
    client = lab.keep(V4_LAB.connects(lab.client, port, 1))[0]
    served = lab.keep(listener.accept()[0])
    client.settimeout(0.2)
    served.settimeout(0.2)
    done = threading.Event()

    def turn(move):
        while not done.is_set():
            with contextlib.suppress(OSError):
                move()
            # Many small segments, not a few large ones: the share that is lost is what counts.
            time.sleep(0.01)

    served.setsockopt(observe_lab.socket.IPPROTO_TCP, observe_lab.socket.TCP_NODELAY, 1)
    threads = [threading.Thread(target=turn, args=(each,)) for each in (lambda: client.recv(65536), lambda: served.send(b"x" * 900))]
    for each in threads:
        each.start()

    def end():
        done.set()
        for each in threads:
            each.join()

    lab.closing.callback(end)


def netem_loss(lab):
    netem(lab, "loss", "25%")
    for port in range(PORT, PORT + 12):
        stream(lab, port)
    return lab.told(observe="3s")


def netem_delay(lab):
    """Slow is not broken: nothing may be found."""
    netem(lab, "delay", "120ms")
    start(lab.server, "closer", "0.0.0.0", PORT)
    start(lab.client, "requests", SERVER, PORT, 20)
    return {**lab.unanswered(), **lab.told()}


def counted_once(lab, family):
    """20 SYNs that take a way of several devices, into a rule that counts them."""
    def meet():
        with inside(lab.client), observe_lab.socket.socket(family.number) as stranger:
            stranger.settimeout(2)
            return stranger.connect_ex((family.server, 1)) == 111  # refused: the way is there

    wait_for(meet, "the way to " + family.server)
    lab.keep(family.listen(lab.server, PORT, 64))
    block(lab.server)
    lab.client.sysctl("net.ipv4.tcp_syn_retries", 1)  # the second and last SYN after 1 s: both are in the window
    watch = Watch(lab.server, "syns", "unanswered_syns", "drops", window_ms=3000)
    lab.keep(family.connects(lab.client, PORT, 20))
    seen = watch.result()
    rows = [each for each in seen["unanswered_syns"] if each["local_port"] == PORT and each["direction"] == "in"]
    return {"rows": len(rows), "reasons": sorted({each["reason"] for each in rows}),
            "interfaces": sorted({each["ifname"] for each in rows}),
            "drop_interfaces": sorted({each["ifname"] for each in seen["drops"] if each["port"] == PORT}),
            "received": sum(each["received"] for each in seen["syns"] if each["port"] == PORT), "counted": blocked(lab.server)}


def bonding(lab):
    veth_pair(lab.server, lab.client, "veth1", "veth1")
    for netns, address in ((lab.server, OVERLAY.server), (lab.client, OVERLAY.client)):
        netns.ip("link", "add", "bond0", "type", "bond", "mode", "active-backup", "miimon", "50")
        for port in ("veth0", "veth1"):
            netns.ip("link", "set", port, "down")
            netns.ip("link", "set", port, "master", "bond0")
        # Both ends by the same cable: what arrives at the spare one is dropped.
        netns.ip("link", "set", "bond0", "type", "bond", "primary", "veth0")
        netns.ip("link", "set", "bond0", "up")
        netns.ip("addr", "add", address + "/24", "dev", "bond0")
    return counted_once(lab, OVERLAY)


def vlan(lab):
    for netns, address in ((lab.server, OVERLAY.server), (lab.client, OVERLAY.client)):
        netns.ip("link", "add", "link", "veth0", "name", "veth0.7", "type", "vlan", "id", "7")
        netns.ip("link", "set", "veth0.7", "up")
        netns.ip("addr", "add", address + "/24", "dev", "veth0.7")
    return counted_once(lab, OVERLAY)


def gre(lab):
    for netns, address, local, remote in ((lab.server, OVERLAY.server, SERVER, CLIENT), (lab.client, OVERLAY.client, CLIENT, SERVER)):
        netns.ip("link", "add", "gre1", "type", "gre", "local", local, "remote", remote)
        netns.ip("link", "set", "gre1", "up")
        netns.ip("addr", "add", address + "/24", "dev", "gre1")
    return counted_once(lab, OVERLAY)


def conntrack(lab):
    limit = "/proc/sys/net/netfilter/nf_conntrack_max"
    lab.server.exec("nft", "-f", "-", stdin="""
        table inet track {
          chain input { type filter hook input priority filter; policy accept; ct state invalid counter; }
        }""")
    lab.keep(V4_LAB.listen(lab.server, PORT, 1024))
    lab.keep(V4_LAB.connects(lab.client, PORT, 60))
    wait_for(lambda: sockets(lab.client, V4_LAB, "established") == 60, "connections that are tracked")
    with open(limit, encoding="ascii") as told:
        usual = told.read()
    # Below what is tracked already, each of it assured.
    put(limit, "50")
    try:
        start(lab.client, "persistent", SERVER, PORT, 10)
        return {**lab.unanswered(), **lab.told()}
    finally:
        put(limit, usual)


def put(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


# Software emulation on a busy machine takes its time.
support.wait_for.__defaults__ = (60,)
V4_LAB = Family(V4.number, SERVER, CLIENT, 24, "10.97.", "ip")
# Quick ones first; conntrack last: its line in the kernel log is seen by what comes after.
QUICK = [accept_queue, half_open, nft_drop]
ALL = QUICK + [paws, bad_link, netem_loss, netem_delay, bonding, vlan, gre, conntrack]


def run(quick):
    """What every scenario told, with its seconds; one that breaks tells how."""
    os.makedirs("/run/netns", exist_ok=True)
    methods = doctor()
    if methods[REFUSALS]["available"]:
        observe_lab.LINKS += 2 * len(methods[REFUSALS]["detail"].split(","))
    told = {}
    for each in QUICK if quick else ALL:
        began = time.monotonic()
        lab = None
        try:
            lab = Lab()
            told[each.__name__] = each(lab)
        except BaseException:  # pylint: disable=broad-except
            told[each.__name__] = {"broke": traceback.format_exc()}
        finally:
            if lab:
                lab.close()
        told[each.__name__]["seconds"] = round(time.monotonic() - began, 1)
    return {"release": os.uname().release, "methods": methods, "scenarios": told}
