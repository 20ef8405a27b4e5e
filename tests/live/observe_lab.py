"""Two namespaces with a cable for the tests of the observation: connects, packets by hand, and facts_dump that watches."""

import contextlib
import ctypes
import functools
import json
import os
import signal
import socket
import struct
import subprocess
import time
import unittest

import support
from support import Netns, veth_pair, wait_for

PORT = 8080
OTHER_PORT = 9090
LINKS = 9  # that the observation holds: eight tracepoints and the iterator of listeners
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(netns):
    """Sockets made in the block belong to the namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + netns.name, os.O_RDONLY)
    try:
        if _libc.setns(there, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        _libc.setns(home, 0x40000000)
        os.close(there)
        os.close(home)


class Family:
    """Addresses and words of one IP version."""

    def __init__(self, number, server, client, prefix, far, table):
        self.number, self.server, self.client, self.prefix, self.far, self.table = number, server, client, prefix, far, table

    def option(self):
        return "-6" if self.number == socket.AF_INET6 else "-4"

    def listen(self, netns, port, backlog):
        with inside(netns):
            server = socket.socket(self.number)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((self.server, port))
            server.listen(backlog)
        return server

    def connects(self, netns, port, count, source=None):
        """That many connects at once, none waited for."""
        clients = []
        with inside(netns):
            for _ in range(count):
                client = socket.socket(self.number)
                client.setblocking(False)
                if source:
                    client.bind((source, 0))
                client.connect_ex((self.server, port))
                clients.append(client)
        return clients

    def far_source(self, number):
        """An address behind the client that nobody has."""
        if self.number == socket.AF_INET6:
            return "%s%x" % (self.far, number)
        return "%s%d.%d" % (self.far, number // 250, 1 + number % 250)


V4 = Family(socket.AF_INET, "10.98.0.1", "10.98.0.2", 24, "10.97.", "ip")
V6 = Family(socket.AF_INET6, "fd98::1", "fd98::2", 64, "fd97::", "ip6")
BOTH = (V4, V6)


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def segment(family, source, destination, ports, sequence, flags, ttl=64, timestamp=None, data=b""):
    """A whole IP packet with a TCP header."""
    packed = [socket.inet_pton(family.number, each) for each in (source, destination)]
    options = b"" if timestamp is None else struct.pack("!BBBBLL", 1, 1, 8, 10, timestamp & 0xFFFFFFFF, 0)
    tcp = struct.pack("!HHLLBBHHH", *ports, sequence & 0xFFFFFFFF, 0, 5 + len(options) // 4 << 4, flags, 65535, 0, 0)
    tcp += options + data
    if family.number == socket.AF_INET:
        pseudo = packed[0] + packed[1] + struct.pack("!BBH", 0, 6, len(tcp))
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 77, 0, ttl, 6, 0, *packed)
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    else:
        pseudo = packed[0] + packed[1] + struct.pack("!LL", len(tcp), 6)
        header = struct.pack("!LHBB16s16s", 6 << 28, len(tcp), 6, ttl, *packed)
    return header + tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]


def raw_socket(family, netns):
    with inside(netns):
        sender = socket.socket(family.number, socket.SOCK_RAW, socket.IPPROTO_RAW)
        if family.number == socket.AF_INET6:
            sender.setsockopt(socket.IPPROTO_IPV6, 36, 1)  # IPV6_HDRINCL
    return sender


class Watch:
    """facts_dump in a namespace; what happens from here on until result() is called is in the window, however long it takes,
    and what happens in window_ms in any case."""

    def __init__(self, netns, *tables, window_ms=1500):
        name = netns if isinstance(netns, str) else netns.name
        self.process = subprocess.Popen([support.FACTS_DUMP, "--netns", name, "--observe", str(window_ms), "--until-eof", *tables],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(self.attached, "programs attached", 30)

    def attached(self):
        """Whether all programs have their links, as the kernel tells of the process's descriptors."""
        if self.process.poll() is not None:
            raise AssertionError(self.process.communicate()[1])
        return self.links_of(self.process.pid) >= LINKS

    @staticmethod
    def links_of(pid):
        """BPF links that a process holds."""
        folder = "/proc/%d/fdinfo" % pid
        count = 0
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                with contextlib.suppress(OSError), open(os.path.join(folder, name), encoding="ascii") as told:
                    count += "link_type" in told.read()
        return count

    def result(self):
        out, errors = self.process.communicate(timeout=60)
        if self.process.returncode != 0:
            raise AssertionError(errors)
        return json.loads(out)


class Run:
    """hostcheck run in a namespace, once it watches; what happens from here on until report() is called is in its window,
    however long it takes, and what happens in least_ms in any case."""

    def __init__(self, test, netns, least_ms=2500):
        self.process = subprocess.Popen([support.HOSTCHECK, "run", "--netns", netns.name, "--observe", "60s", "--budget", "90s",
                                         "--probe", "off", "--format", "json"], stdout=subprocess.PIPE, text=True)
        test.addCleanup(self.process.stdout.close)
        test.addCleanup(self.process.kill)
        self.pid = self.process.pid
        wait_for(lambda: Watch.links_of(self.pid) >= LINKS, "the window", 30)
        self.enough = time.monotonic() + least_ms / 1000

    def poll(self):
        return self.process.poll()

    def report(self):
        time.sleep(max(0.0, self.enough - time.monotonic()))
        self.process.send_signal(signal.SIGINT)  # ends the window, not the report
        return json.loads(self.process.communicate(timeout=60)[0])


def sockets(netns, family, state, port=PORT):
    """How many sockets of the namespace are in a state with the port at either end."""
    out = netns.exec("ss", "-Htn", family.option(), "state", state, "( sport = :%d or dport = :%d )" % (port, port))
    return len(out.splitlines())


def tcp_counter(netns, name):
    out = netns.exec("cat", "/proc/net/netstat").splitlines()
    return dict(zip(out[0].split(), out[1].split()))[name]


def data_segment(family, sniffer, port):
    """From the TCP header on, the first segment with data that the client sent from the port."""
    start = 20 if family is V4 else 40
    while True:
        packet = sniffer.recv(4096)
        if packet[start:start + 4] == struct.pack("!HH", port, PORT) and len(packet) >= start + 100:
            return packet[start:]


def resident_kib(pid, what="VmRSS"):
    """What a process holds resident; VmHWM: the most that it ever did."""
    with open("/proc/%d/status" % pid, encoding="ascii") as told:
        return next(int(line.split()[1]) for line in told if line.startswith(what))


def held_ids(pid):
    """Ids of the BPF programs, maps and links that a process holds open."""
    held = {"prog": set(), "map": set(), "link": set()}
    folder = "/proc/%d/fdinfo" % pid
    for name in os.listdir(folder):
        with contextlib.suppress(OSError), open(os.path.join(folder, name), encoding="ascii") as told:
            for line in told:
                kind, _, value = line.partition(":")
                if kind in ("prog_id", "map_id", "link_id"):
                    held[kind[:-3]].add(int(value))
    return held


def for_both(test):
    """Runs a test with each family, in namespaces of its own."""
    @functools.wraps(test)
    def both(self):
        for family in BOTH:
            with self.subTest(family=family.table):
                test(self, family)
            self.doCleanups()
            self.setUp()

    return both


class Lab(unittest.TestCase):
    """A server and a client that know each other, with addresses of both families."""

    def setUp(self):
        self.server, self.client = Netns("server"), Netns("client")
        self.addCleanup(self.server.close)
        self.addCleanup(self.client.close)
        veth_pair(self.server, self.client)
        self.server.sysctl("net.ipv6.conf.veth0.accept_dad", 0)
        self.client.sysctl("net.ipv6.conf.veth0.accept_dad", 0)
        for family in BOTH:
            self.server.ip("addr", "add", "%s/%d" % (family.server, family.prefix), "dev", "veth0",
                           *(["nodad"] if family is V6 else []))
            self.client.ip("addr", "add", "%s/%d" % (family.client, family.prefix), "dev", "veth0",
                           *(["nodad"] if family is V6 else []))
            # The neighbours know each other, so that no SYN waits for an answer to ARP.
            with inside(self.client), socket.socket(family.number) as stranger:
                stranger.settimeout(5)
                self.assertRaises(ConnectionRefusedError, stranger.connect, (family.server, 1))

    def keep(self, made):
        """Closes sockets at the end of the test."""
        for each in made if isinstance(made, list) else [made]:
            self.addCleanup(each.close)
        return made

    def assert_near(self, count, independent):
        self.assertGreater(independent, 0)
        self.assertLessEqual(abs(count - independent), 0.05 * independent, "%d against %d" % (count, independent))

    def count_syns(self, netns=None):
        """From here on nft counts the SYNs that come in, by port; the returned function tells how many."""
        netns = netns or self.server
        netns.exec("nft", "-f", "-", stdin="".join(
            "add table inet count\n"
            "add chain inet count in { type filter hook prerouting priority -400; }\n"
            "add counter inet count c%d\n"
            "add rule inet count in tcp dport %d tcp flags & (syn|ack) == syn counter name c%d\n" % (port, port, port)
            for port in (PORT, OTHER_PORT)))

        def told(port=PORT):
            out = json.loads(netns.exec("nft", "-j", "list", "counter", "inet", "count", "c%d" % port))
            return next(each["counter"]["packets"] for each in out["nftables"] if "counter" in each)

        return told

    def send_and_stop(self, family, count, told, port=PORT, source=None):
        """That many connects without an answer, which end when each has sent its SYN twice; how many SYNs came then. So
        what counts them afterwards counts what was in the window."""
        clients = family.connects(self.client, port, count, source)
        try:
            return wait_for(lambda: told() >= 2 * count and told(), "every SYN and its repetition")
        finally:
            for each in clients:
                each.close()

    def drop(self, netns, hook, match):
        """An nft rule that drops; the returned function takes it away."""
        netns.exec("nft", "-f", "-", stdin="""
            table inet lost {
              chain c { type filter hook %s priority filter; policy accept; %s counter drop; }
            }""" % (hook, match))
        return lambda: netns.exec("nft", "delete", "table", "inet", "lost")

    def dropped(self, netns):
        """Packets that the rule of drop() counted."""
        listed = json.loads(netns.exec("nft", "-j", "list", "table", "inet", "lost"))
        rule = next(each["rule"] for each in listed["nftables"] if "rule" in each)
        return next(each["counter"]["packets"] for each in rule["expr"] if "counter" in each)

    def far_route(self, family):
        """Answers to far_source() leave towards the client, which has no such address and forwards nothing."""
        self.server.ip("route", "replace", family.far + ("0.0/16" if family is V4 else "/64"), "via", family.client)

    def flood(self, family, count, port=PORT):
        """A process that sends so many SYNs from far sources as fast as it can; load() reads what it tells."""
        mac = self.server.ip_json("link", "show", "veth0")[0]["address"]
        return subprocess.Popen([support.TCP_LOAD, "syns", self.client.name, "veth0", mac, family.far_source(0),
                                 family.server, str(port), str(count), "2"], stdout=subprocess.PIPE, text=True)

    def load(self, process):
        """How many a process of tcp_load made, the seconds it took, and for connects how many the busiest second had."""
        out, _ = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0)
        count, microseconds, *busiest = map(int, out.split())
        return count, microseconds / 1e6, *busiest

    def unanswered(self, seen, port=PORT):
        return [each for each in seen["unanswered_syns"] if each["local_port"] == port and each["direction"] == "in"]

    def port_of(self, seen, port=PORT):
        return next(each for each in seen["syns"] if each["port"] == port)

    def connected(self, family):
        """Both ends of a connection, and data that flows from the client."""
        listener = self.keep(family.listen(self.server, PORT, 64))
        client = self.keep(family.connects(self.client, PORT, 1))[0]
        client.setblocking(True)
        served = self.keep(listener.accept()[0])
        return client, served

    def sniffer(self):
        with inside(self.client):
            made = self.keep(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)))
            made.bind(("veth0", 3))
        made.settimeout(5)
        return made
