"""A link for the tests of gateways: a switch, a host, two routers on it and a server behind both.

    host 10.93.0.2 --+-- 10.93.0.1 router  eth1 --+-- 10.94.0.2 server
                     +-- 10.93.0.3 other   eth1 --+            (fd93::/64, fd94::/64)
"""

import os
import select
import socket
import struct
import threading
import time

from observe_lab import inside
from support import Netns

HOST4, HOST6 = "10.93.0.2", "fd93::2"
GATE4, GATE6 = "10.93.0.1", "fd93::1"
OTHER4, OTHER6 = "10.93.0.3", "fd93::3"
SERVER4, SERVER6 = "10.94.0.2", "fd94::2"
GATE = {4: GATE4, 6: GATE6}
HOST = {4: HOST4, 6: HOST6}
SERVER = {4: SERVER4, 6: SERVER6}
HSRP_MAC = "00:00:0c:9f:f0:86"


class Link:
    def __init__(self, gate_mac=HSRP_MAC):
        self.spaces = []
        self.near, self.far, self.host, self.router, self.other, self.server = (
            self.space(tag) for tag in ("near", "far", "host", "gate", "other", "srv"))
        for switch in (self.near, self.far):
            switch.ip("link", "add", "sw", "type", "bridge", "forward_delay", 0)
            switch.ip("link", "set", "sw", "up")
        self.plug(self.near, self.host, "eth0", [HOST4 + "/24", HOST6 + "/64"])
        self.plug(self.near, self.router, "eth0", [GATE4 + "/24", GATE6 + "/64"], gate_mac)
        self.plug(self.near, self.other, "eth0", [OTHER4 + "/24", OTHER6 + "/64"])
        self.plug(self.far, self.router, "eth1", ["10.94.0.1/24", "fd94::1/64"])
        self.plug(self.far, self.other, "eth1", ["10.94.0.3/24", "fd94::3/64"])
        self.plug(self.far, self.server, "eth0", [SERVER4 + "/24", SERVER6 + "/64"])
        for netns in (self.router, self.other):
            netns.sysctl("net.ipv4.ip_forward", 1)
            netns.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.host.ip("route", "add", "default", "via", GATE4)
        self.host.ip("-6", "route", "add", "default", "via", GATE6)
        self.route_back("10.94.0.1", "fd94::1")

    def space(self, tag):
        made = Netns(tag)
        self.spaces.append(made)
        for name in ("all", "default"):
            made.sysctl("net.ipv6.conf.%s.accept_dad" % name, 0)
        return made

    def plug(self, switch, netns, ifname, addresses, mac=None):
        """A cable from a switch to a namespace."""
        port = "p%d" % len(switch.ip_json("link"))
        switch.ip("link", "add", port, "type", "veth", "peer", "name", ifname, "netns", netns.name)
        switch.ip("link", "set", port, "master", "sw", "up")
        if mac:
            netns.ip("link", "set", ifname, "address", mac)
        netns.ip("link", "set", ifname, "up")
        for address in addresses:
            netns.ip("addr", "add", address, "dev", ifname, *(["nodad"] if ":" in address else []))
        return port

    def route_back(self, gateway4, gateway6):
        self.server.ip("route", "replace", "default", "via", gateway4)
        self.server.ip("-6", "route", "replace", "default", "via", gateway6)

    def mac(self, netns, ifname="eth0"):
        return netns.ip_json("link", "show", "dev", ifname)[0]["address"]

    def close(self):
        for netns in self.spaces:
            netns.close()


class Relay:
    """Passes frames between two interfaces of a namespace, each after a while: a cable that is longer than it looks.

    The hosts at its ends have to count checksums themselves (ethtool -K DEV tx off): there is no device here that would.
    stall_bytes: once so many bytes have come in large frames, it passes nothing on for stall_s, then goes on with what it has.
    """

    LARGE = 1000  # bytes of a frame that is part of a load

    def __init__(self, netns, left, right, delay_s=0.0, stall_bytes=None, stall_s=0.0):
        self.delay_s, self.stall_bytes, self.stall_s = delay_s, stall_bytes, stall_s
        self.passed = 0
        self.quiet_until = 0.0
        self.stop, self.stopped = os.pipe()
        with inside(netns):
            self.sockets = [self._open(left), self._open(right)]
        self.waiting = []
        self.thread = threading.Thread(target=self._pass, daemon=True)
        self.thread.start()

    @staticmethod
    def _open(ifname):
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        made.bind((ifname, 3))
        # SOL_PACKET, PACKET_ADD_MEMBERSHIP: struct packet_mreq with PACKET_MR_PROMISC.
        made.setsockopt(263, 1, struct.pack("iHH8s", socket.if_nametoindex(ifname), 1, 0, b""))
        made.setblocking(False)
        return made

    def _pass(self):
        while True:
            patience = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            ready = select.select([self.stop, *self.sockets], [], [], patience)[0]
            if self.stop in ready:
                return
            now = time.monotonic()
            for number, side in enumerate(self.sockets):
                while side in ready:
                    try:
                        frame, address = side.recvfrom(65536)
                    except BlockingIOError:
                        break
                    if address[2] == socket.PACKET_OUTGOING:
                        continue
                    self.passed += len(frame) if len(frame) >= self.LARGE else 0
                    if self.stall_bytes and self.passed > self.stall_bytes:
                        self.stall_bytes, self.quiet_until = None, now + self.stall_s
                    self.waiting.append((max(now + self.delay_s, self.quiet_until), self.sockets[1 - number], frame))
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, side, frame = self.waiting.pop(0)
                try:
                    side.send(frame)
                except OSError:
                    pass

    def stall(self, after_bytes, seconds):
        """Once more, after so many bytes from now on."""
        self.passed, self.stall_s, self.stall_bytes = 0, seconds, after_bytes

    def close(self):
        os.write(self.stopped, b".")
        self.thread.join()
        for each in self.sockets:
            each.close()
        os.close(self.stop)
        os.close(self.stopped)
