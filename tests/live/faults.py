"""Programs that the fault tests run inside namespaces: python3 faults.py NAME ARGUMENT... Each prints "ready" when it is."""

import os
import resource
import selectors
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


def worker(address, port, share):
    """Answers each client at once; besides, it computes for that share of the time."""
    server = listen(address, int(port), 512)
    server.setblocking(False)
    ready()
    while True:
        until = time.monotonic() + float(share) * 0.01
        while time.monotonic() < until:
            pass
        until += (1 - float(share)) * 0.01
        while time.monotonic() < until:
            try:
                server.accept()[0].close()
            except BlockingIOError:
                time.sleep(0.0002)


def sink(address, port):
    """Accepts everything and reads what comes."""
    server = listen(address, int(port), 512)
    readable = selectors.DefaultSelector()
    readable.register(server, selectors.EVENT_READ)
    ready()
    while True:
        for key, _ in readable.select():
            if key.fileobj is server:
                readable.register(server.accept()[0], selectors.EVENT_READ)
            elif not key.fileobj.recv(1 << 20):
                readable.unregister(key.fileobj)
                key.fileobj.close()


def web(address, port):
    """Answers HTTP requests and keeps connections."""
    import http.server

    class Answer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((address, int(port)), Answer)
    ready()
    server.serve_forever()


def pump(address, port, count, pause_s=0.002, size=20000):
    """Connections that send all the time."""
    clients = []
    for _ in range(int(count)):
        client = socket.create_connection((address, int(port)))
        client.setblocking(False)
        clients.append(client)
    ready()
    while True:
        for client in clients:
            try:
                client.send(b"x" * int(size))
            except BlockingIOError:
                pass
        time.sleep(float(pause_s))


def bursts(address, port, count, pause_s):
    """So many connects at once, now and then."""
    ready()
    while True:
        clients = []
        for _ in range(int(count)):
            client = socket.socket(family_of(address))
            client.setblocking(False)
            client.connect_ex((address, int(port)))
            clients.append(client)
        time.sleep(float(pause_s))
        for client in clients:
            client.close()


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


def persistent(address, port, count, patience=0.4, source=None):
    """Keeps connecting, from a source where one is given: a new attempt whenever one fails or succeeds."""
    ready()

    def one(wait):
        time.sleep(wait)
        while True:
            with socket.socket(family_of(address)) as client:
                client.settimeout(float(patience))
                try:
                    if source:
                        client.bind((source, 0))
                    client.connect((address, int(port)))
                    time.sleep(0.2)
                except OSError:
                    pass

    for each in range(int(count)):  # the patient ones not all at once
        threading.Thread(target=one, args=(each / int(count) * (float(patience) if source else 0),), daemon=True).start()
    forever()


def raw_sender(address):
    """A socket for whole IP packets."""
    raw = socket.socket(family_of(address), socket.SOCK_RAW, socket.IPPROTO_RAW)
    if family_of(address) == socket.AF_INET6:
        raw.setsockopt(socket.IPPROTO_IPV6, 36, 1)  # IPV6_HDRINCL
    return raw


def syns(prefix, address, port, rate, sources=249):
    """SYNs from ever new ports of addresses PREFIX.2 (PREFIX2 for IPv6) and on, none of which answers."""
    import observe_lab

    family = observe_lab.V6 if ":" in address else observe_lab.V4
    raw = raw_sender(address)
    ready()
    number = 0
    while True:
        number += 1
        host = 2 + number % int(sources)
        source = "%s%x" % (prefix, host) if family is observe_lab.V6 else "%s.%d" % (prefix, host)
        packet = observe_lab.segment(family, source, address, (1024 + number % 60000, int(port)), number, 2)
        raw.sendto(packet, (address, 0))
        time.sleep(1 / float(rate))


def lone_fragments(address, rate):
    """First fragments whose rest never comes."""
    raw = raw_sender(address)
    udp = struct.pack("!HHHH", 5000, 5000, 2000, 0) + b"x" * 56
    ready()
    number = 0
    while True:
        number += 1
        if family_of(address) == socket.AF_INET6:
            target = socket.inet_pton(socket.AF_INET6, address)
            fragment = struct.pack("!BBHL", 17, 0, 1, number) + udp
            packet = struct.pack("!LHBB", 6 << 28, len(fragment), 44, 64) + own_address(address) + target + fragment
        else:
            packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + 64, number & 0xFFFF, 0x2000, 64, 17, 0, b"\0" * 4,
                                 socket.inet_aton(address)) + udp
        raw.sendto(packet, (address, 0))
        time.sleep(1 / float(rate))


def own_address(address):
    """This host's address on the way to another one, packed."""
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as way:
        way.connect((address, 9))
        return socket.inet_pton(family_of(address), way.getsockname()[0])


def datagrams(address, port, rate, source=None, size=200):
    """UDP datagrams at a rate."""
    sender = socket.socket(family_of(address), socket.SOCK_DGRAM)
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
    sender = socket.socket(family_of(address), socket.SOCK_DGRAM)
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
            client = socket.socket(family_of(address))
            client.settimeout(0.2)
            client.connect_ex((address, port))
            client.close()


def requests(address, port, rate):
    """Short connections, one after the other: TIME-WAIT piles up on this side."""
    ready()
    while True:
        with socket.socket(family_of(address)) as client:
            client.settimeout(1)
            try:
                client.connect((address, int(port)))
                client.recv(1)
            except OSError:
                pass
        time.sleep(1 / float(rate))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
