"""C10 and C12: connections that are slow, and connections that are reset."""

import socket
import struct
import threading

import support
from link_lab import Relay
from observe_lab import PORT, V4, V6, data_segment, inside, raw_socket, segment
from path_lab import greet
from scene import fault
from support import wait_for

BOTH = ("v4", "v6")


@fault("C12", "tcp.md5_mismatch", families=BOTH)
def missing_signature(scene):
    """the peer's segments lack the TCP MD5 signature"""
    scene.pair()
    listener = scene.keep(scene.family.listen(scene.server, PORT, 64))
    if scene.family is V4:
        peer = struct.pack("H", V4.number) + struct.pack("!H4s", 0, socket.inet_aton(V4.client))
    else:
        peer = struct.pack("H", V6.number) + struct.pack("!HL16sL", 0, 0, socket.inet_pton(socket.AF_INET6, V6.client), 0)
    listener.setsockopt(socket.IPPROTO_TCP, 14, peer.ljust(128, b"\0") + struct.pack("BBHi80s", 0, 0, 6, 0, b"secret"))
    scene.start(scene.client, "persistent", scene.address, PORT, 5)
    scene.judge(scene.server, observe="2s",
                against={"segments dropped": lambda: scene.nstat(scene.server, "TcpExtTCPMD5NotFound")})


def keep_resetting(scene, once):
    """Does it over and over until the scenario ends."""
    done = threading.Event()

    def work():
        while not done.wait(0.02):
            once()

    thread = threading.Thread(target=work)
    thread.start()
    scene.addCleanup(thread.join)
    scene.addCleanup(done.set)


@fault("C12", "tcp.resets_local", families=BOTH)
def reset_with_unread_data(scene):
    """this host's program closes with data that it has not read"""
    scene.pair()
    listener = scene.keep(scene.family.listen(scene.server, PORT, 64))

    def once():
        with inside(scene.client), socket.create_connection((scene.address, PORT)) as client:
            client.send(b"x" * 100)
            served = listener.accept()[0]
            served.recv(10)
            served.close()

    keep_resetting(scene, once)
    scene.judge(scene.server, observe="2s", subject={"port": PORT, "reason": "TCP_ABORT_ON_CLOSE"},
                against={"connections that it reset": lambda: scene.nstat(scene.server, "TcpExtTCPAbortOnClose")})


@fault("C12", "tcp.resets_injected", families=BOTH)
def reset_from_the_way(scene):
    """something between resets connections in the peer's name"""
    scene.pair()
    listener = scene.keep(scene.family.listen(scene.server, PORT, 64))
    sniffer = scene.sniffer()
    sender = scene.keep(raw_socket(scene.family, scene.client))

    def once():
        client = scene.keep(scene.family.connects(scene.client, PORT, 1))[0]
        client.setblocking(True)
        client.send(b"x" * 100)
        scene.keep(listener.accept()[0]).recv(100)
        port = client.getsockname()[1]
        sequence = struct.unpack("!L", data_segment(scene.family, sniffer, port)[4:8])[0] + 100
        sender.sendto(segment(scene.family, scene.family.client, scene.address, (port, PORT), sequence, 4, ttl=120), (scene.address, 0))

    keep_resetting(scene, once)
    scene.judge(scene.server, observe="2s", subject={"peer": scene.family.client},
                evidence={"TTL of the RST": 120, "TTL of the connection": 64})


def bulk(scene, buffer=None):
    """A client that sends all the time, with a send buffer as given, and a server that reads."""
    with inside(scene.server):
        listener = scene.keep(socket.socket(scene.family.number))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((scene.address, PORT))
    listener.listen(8)
    with inside(scene.client):
        client = scene.keep(socket.socket(scene.family.number))
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    client.connect((scene.address, PORT))
    served = scene.keep(listener.accept()[0])
    done = threading.Event()
    served.settimeout(0.2)
    client.settimeout(0.2)

    def move(step):
        while not done.is_set():
            try:
                step()
            except TimeoutError:
                pass
            except OSError:
                return

    for step in (lambda: client.send(b"x" * 65536), lambda: served.recv(65536)):
        thread = threading.Thread(target=move, args=(step,))
        thread.start()
        scene.addCleanup(thread.join)
    scene.addCleanup(done.set)


@fault("C10", "tcp.window_scaling_disabled", effects=["tcp.receive_window_limited"], quick=True)
def no_window_scaling(scene):
    """window scaling is off"""
    scene.pair()
    scene.server.sysctl("net.ipv4.tcp_window_scaling", 0)
    assert scene.server.exec("sysctl", "-n", "net.ipv4.tcp_window_scaling").strip() == "0"
    scene.judge(scene.server, observe="0", subject={"netns": scene.server.name})


@fault("C10", "tcp.retransmissions_high", effects=["tcp.loss_limited"], families=BOTH, quick=True)
def loss_on_the_way(scene):
    """every eighth segment of a transfer is lost behind this host"""
    scene.pair()
    scene.drop(scene.server, "prerouting", "tcp dport %d numgen random mod 8 == 0" % PORT)
    scene.start(scene.server, "sink", scene.any_address, PORT)
    scene.start(scene.client, "pump", scene.address, PORT, 12)
    wait_for(lambda: scene.nstat(scene.client, "TcpRetransSegs") > 500, "loss that TCP has noticed")
    scene.judge(scene.client, observe="2s", subject={"netns": scene.client.name},
                against={"segments sent again": lambda: scene.nstat(scene.client, "TcpRetransSegs"),
                         "segments sent": lambda: scene.nstat(scene.client, "TcpOutSegs")})


def far_pair(scene, delay_s=0.02):
    """A server and a client with a long way between them; frames as small as on a wire."""
    scene.server, scene.client, middle = scene.space("server"), scene.space("client"), scene.space("way")
    scene.address = scene.family.server
    for netns, end, addresses in ((scene.server, "right", (V4.server, V6.server)), (scene.client, "left", (V4.client, V6.client))):
        support.veth_pair(netns, middle, "veth0", end)
        netns.exec("ethtool", "-K", "veth0", "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        netns.ip("addr", "add", addresses[0] + "/24", "dev", "veth0")
        netns.ip("addr", "add", addresses[1] + "/64", "dev", "veth0", "nodad")
    scene.closing(Relay(middle, "left", "right", delay_s))
    greet(scene.client, scene.address)


@fault("C10", "tcp.receive_window_limited", families=BOTH)
def window_without_scaling(scene):
    """the peer on a long way has no window scaling"""
    far_pair(scene)
    scene.server.sysctl("net.ipv4.tcp_window_scaling", 0)
    scene.client.sysctl("net.ipv4.tcp_congestion_control", "reno")  # one that fills the window, which BBR does not
    bulk(scene)
    scene.judge(scene.client, observe="2s", subject={"remote": scene.address.join("[]") if scene.version == "v6" else scene.address},
                evidence={"connections without window scaling": 1, "the peer's window": (1000, 65535)},
                excluded=["tcp.send_buffer_limited", "tcp.loss_limited"])


@fault("C10", "tcp.send_buffer_limited", families=BOTH)
def send_buffer_too_small(scene):
    """a program on a long way has set itself a small send buffer"""
    far_pair(scene)
    bulk(scene, buffer=20000)
    scene.judge(scene.client, observe="2s", subject={"remote": scene.address.join("[]") if scene.version == "v6" else scene.address},
                evidence={"send buffer": 40000}, excluded=["tcp.receive_window_limited", "tcp.loss_limited"])
