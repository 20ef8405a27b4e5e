"""Programs that the fault tests run inside namespaces: python3 faults.py NAME ARGUMENT... Each prints "ready" when it is."""

import os
import resource
import socket
import struct
import sys
import threading
import time


def ready():
    print("ready", flush=True)


def forever():
    while True:
        time.sleep(1)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(address, port, backlog):
    server = socket.socket(family_of(address))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen(backlog)
    return server


def deaf(address, port, backlog):
    """Listens and never accepts."""
    server = listen(address, int(port), int(backlog))
    ready()
    forever()
    server.close()


def slow(address, port, backlog, pause_s):
    """Accepts one connection in a while and keeps it."""
    server = listen(address, int(port), int(backlog))
    ready()
    kept = []
    while True:
        kept.append(server.accept()[0])
        time.sleep(float(pause_s))


def keeper(address, port, descriptors=0, backlog=512):
    """Accepts everything and keeps it, never reads; with a limit of descriptors it stops accepting there."""
    if int(descriptors):
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(descriptors), int(descriptors)))
    server = listen(address, int(port), int(backlog))
    ready()
    kept = []
    while True:
        try:
            kept.append(server.accept()[0])
        except OSError:
            time.sleep(0.2)


def spinner(address, port):
    """Listens, and never comes to accept for all its computing."""
    server = listen(address, int(port), 64)
    ready()
    while server:
        pass


def closer(address, port):
    """Accepts and closes at once."""
    server = listen(address, int(port), 512)
    ready()
    while True:
        server.accept()[0].close()


def crowd(address, port, count, source=None, pause_s=0.0):
    """Connects count times at once, and keeps what it gets."""
    clients = []
    for _ in range(int(count)):
        client = socket.socket(family_of(address))
        if source:
            client.bind((source, 0))
        client.setblocking(False)
        try:
            client.connect((address, int(port)))
        except BlockingIOError:
            pass
        clients.append(client)
        time.sleep(float(pause_s))
    ready()
    forever()


def persistent(address, port, count):
    """Keeps connecting: a new attempt whenever one fails or succeeds."""
    ready()

    def one():
        while True:
            with socket.socket() as client:
                client.settimeout(0.4)
                try:
                    client.connect((address, int(port)))
                    time.sleep(0.2)
                except OSError:
                    pass

    for _ in range(int(count)):
        threading.Thread(target=one, daemon=True).start()
    forever()


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def syns(prefix, address, port, rate):
    """SYNs from ever new ports of addresses PREFIX.2 to PREFIX.250, none of which answers."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    ready()
    number = 0
    while True:
        number += 1
        source = "%s.%d" % (prefix, 2 + number % 249)
        pseudo = socket.inet_aton(source) + socket.inet_aton(address) + struct.pack("!BBH", 0, 6, 20)
        tcp = struct.pack("!HHLLBBHHH", 1024 + number % 60000, int(port), number, 0, 5 << 4, 2, 65535, 0, 0)
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, number & 0xFFFF, 0, 64, 6, 0, socket.inet_aton(source),
                         socket.inet_aton(address))
        raw.sendto(ip + tcp, (address, 0))
        time.sleep(1 / float(rate))


def lone_fragments(address, rate):
    """First fragments whose rest never comes."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    ready()
    number = 0
    while True:
        number += 1
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + 64, number & 0xFFFF, 0x2000, 64, 17, 0, b"\0" * 4,
                         socket.inet_aton(address))
        raw.sendto(ip + struct.pack("!HHHH", 5000, 5000, 2000, 0) + b"x" * 56, (address, 0))
        time.sleep(1 / float(rate))


def datagrams(address, port, rate, source=None, size=200):
    """UDP datagrams at a rate."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if source:
        sender.bind((source, 0))
    ready()
    while True:
        try:
            sender.sendto(b"x" * int(size), (address, int(port)))
        except OSError:
            pass
        time.sleep(1 / float(rate))


def flows(address, first_port, count, rate):
    """One datagram to each of many ports, again and again: a tracked connection each."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ready()
    while True:
        for port in range(int(first_port), int(first_port) + int(count)):
            try:
                sender.sendto(b"x", (address, port))
            except OSError:
                pass
            if port % 50 == 0:
                time.sleep(50 / float(rate))


def unread(address, port):
    """A UDP socket that nobody reads."""
    receiver = socket.socket(family_of(address), socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    receiver.bind((address, int(port)))
    ready()
    forever()


def tap(name):
    """Holds a tap device open, so that it has carrier."""
    import fcntl

    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH", name.encode(), 0x1002))
    ready()
    forever()


def scan(address, first, last):
    """Tries many ports, as scanners do, over and over."""
    ready()
    while True:
        for port in range(int(first), int(last)):
            client = socket.socket()
            client.settimeout(0.2)
            client.connect_ex((address, port))
            client.close()


def requests(address, port, rate):
    """Short connections, one after the other: TIME-WAIT piles up on this side."""
    ready()
    while True:
        with socket.socket() as client:
            client.settimeout(1)
            try:
                client.connect((address, int(port)))
                client.recv(1)
            except OSError:
                pass
        time.sleep(1 / float(rate))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
