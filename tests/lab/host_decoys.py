"""What looks like a fault of a host and is none: nothing at warning or above may be found."""

import socket
import struct
import time

import support
from host_faults import repeat, tap
from observe_lab import PORT, inside, raw_socket, segment, sockets
from scene import decoy
from support import wait_for

BOTH = ("v4", "v6")


@decoy(families=BOTH, quick=True)
def old_counters(scene):
    """counters of losses that are over: UDP drops, a queue that overflowed, packets that a rule dropped"""
    scene.pair()
    scene.start(scene.server, "unread", scene.any_address, 514)
    flood = scene.start(scene.client, "datagrams", scene.address, 514, 300)
    slow = scene.start(scene.server, "slow", scene.any_address, PORT, 2, 0.1)
    clients = scene.start(scene.client, "persistent", scene.address, PORT, 20)
    lift = scene.drop(scene.server, "input", "tcp dport 9090")
    scene.start(scene.server, "closer", scene.any_address, 9090)
    others = scene.start(scene.client, "persistent", scene.address, 9090, 3)
    wait_for(lambda: scene.nstat(scene.server, "TcpExtListenOverflows") > 5 and scene.dropped(scene.server) > 3, "losses")
    scene.wait(scene.server, "SELECT 1 FROM udp_sockets WHERE drops > 20", "drops")
    for each in (flood, clients, others):
        each.kill()
        each.wait()
    lift()
    scene.wait(scene.server, "SELECT 1 FROM listeners WHERE port = %d AND accept_queue = 0" % PORT, "an empty queue")
    wait_for(lambda: not sockets(scene.server, scene.family, "syn-recv"), "no handshake half open", 30)
    scene.quiet(scene.server, scene.client, clear=["listen.accept_queue_overflow", "udp.receive_buffer_overflow"])
    assert slow.poll() is None


@decoy(families=BOTH, quick=True)
def short_burst(scene):
    """a burst shorter than the observation: a hundred connects at once and a few lost segments"""
    scene.pair()
    scene.start(scene.server, "slow", scene.any_address, PORT, 512, 0.0005)
    scene.start(scene.client, "bursts", scene.address, PORT, 100, 3)
    scene.drop(scene.client, "input", "tcp flags & (fin|psh) != 0 numgen random mod 50 == 0")
    scene.quiet(scene.server, scene.client, observe="3s")


@decoy(families=BOTH)
def full_queue_that_nobody_uses(scene):
    """a full accept queue on a port that nobody uses any more: its clients are gone"""
    scene.pair()
    scene.start(scene.server, "deaf", scene.any_address, 9999, 4)
    clients = scene.start(scene.client, "crowd", scene.address, 9999, 5)
    wait_for(lambda: scene.ss_queue(scene.server, 9999) == 5, "a full queue")
    began = time.monotonic()
    clients.kill()
    clients.wait()
    wait_for(lambda: sockets(scene.server, scene.family, "close-wait", 9999) == 5, "connections that their clients closed")
    wait_for(lambda: time.monotonic() - began > 3.2, "the oldest waits longer than listen.not_accepting bears")
    scene.quiet(scene.server)


@decoy(quick=True)
def docker_like(scene):
    """bridges of containers, with NAT, forwarding rules and one bridge that nobody is on"""
    host, outside = scene.space("host"), scene.space("out")
    support.veth_pair(host, outside, "eth0", "veth0")
    host.ip("addr", "add", "10.98.0.1/24", "dev", "eth0")
    outside.ip("addr", "add", "10.98.0.2/24", "dev", "veth0")
    host.ip("route", "add", "default", "via", "10.98.0.2")
    host.sysctl("net.ipv4.ip_forward", 1)
    for number in (0, 1, 2):
        host.ip("link", "add", "docker%d" % number, "type", "bridge")
        host.ip("addr", "add", "172.17.%d.1/24" % number, "dev", "docker%d" % number)
        host.ip("link", "set", "docker%d" % number, "up")
    boxes = []
    for number in (0, 1):
        box = scene.space("box")
        host.ip("link", "add", "vethb%d" % number, "type", "veth", "peer", "name", "eth0", "netns", box.name)
        host.ip("link", "set", "vethb%d" % number, "master", "docker%d" % number, "up")
        box.ip("link", "set", "eth0", "up")
        box.ip("addr", "add", "172.17.%d.2/24" % number, "dev", "eth0")
        box.ip("route", "add", "default", "via", "172.17.%d.1" % number)
        boxes.append(box)
    for words in (["-t", "nat", "-A", "POSTROUTING", "-s", "172.17.0.0/16", "!", "-o", "docker0", "-j", "MASQUERADE"],
                  ["-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "8080", "-j", "DNAT", "--to", "172.17.0.2:8080"],
                  ["-P", "FORWARD", "DROP"], ["-N", "DOCKER-ISOLATION"], ["-A", "FORWARD", "-j", "DOCKER-ISOLATION"],
                  ["-A", "DOCKER-ISOLATION", "-i", "docker1", "-o", "docker0", "-j", "DROP"],
                  ["-A", "FORWARD", "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"],
                  ["-A", "FORWARD", "-o", "docker0", "-p", "tcp", "--dport", "8080", "-j", "ACCEPT"],
                  ["-A", "FORWARD", "-i", "docker0", "-j", "ACCEPT"], ["-A", "FORWARD", "-i", "docker1", "-j", "ACCEPT"]):
        host.exec("iptables", "-w", *words)
    scene.start(boxes[0], "closer", "0.0.0.0", 8080)
    scene.start(outside, "closer", "0.0.0.0", 80)
    scene.start(outside, "requests", "10.98.0.1", 8080, 100)
    scene.start(boxes[1], "requests", "10.98.0.2", 80, 100)
    scene.quiet(host, *boxes)


@decoy(families=BOTH, quick=True, alone=True)
def busy_and_healthy(scene):
    """a server at nine tenths of a core that keeps up with its clients"""
    scene.pair()
    server = scene.start(scene.server, "worker", scene.any_address, PORT, 0.9)
    scene.start(scene.client, "requests", scene.address, PORT, 300)
    scene.start(scene.client, "requests", scene.address, PORT, 300)

    def ticks():
        with open("/proc/%d/stat" % server.pid, encoding="ascii") as stat:
            return sum(int(each) for each in stat.read().rsplit(")", 1)[1].split()[11:13])

    began, before = time.monotonic(), ticks()
    scene.quiet(scene.server, scene.client, observe="2s", clear=["listen.not_accepting", "listen.accept_queue_overflow"])
    assert (ticks() - before) / (time.monotonic() - began) > 10, "the server was not busy"


@decoy()
def ten_thousand_in_time_wait(scene):
    """ten thousand connections in TIME-WAIT"""
    scene.pair()
    scene.server.sysctl("net.ipv4.tcp_max_tw_buckets", 65536)
    # A port that is taken again takes its TIME-WAIT with it.
    scene.client.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
    support.run(support.TCP_LOAD, "connects", scene.server.name, scene.client.name, scene.address, PORT, 16000, 5000, timeout=120)
    sides = [sockets(netns, scene.family, "time-wait") for netns in (scene.server, scene.client)]
    assert max(sides) >= 10000, sides
    scene.start(scene.server, "closer", "0.0.0.0", PORT)
    scene.start(scene.client, "requests", scene.address, PORT, 50)
    scene.quiet(scene.server, scene.client)


@decoy()
def broadcasts_and_unknown_protocols(scene):
    """broadcasts that nobody wants and frames of protocols that are not there"""
    scene.pair()
    with inside(scene.client):
        frames = scene.keep(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        frames.bind(("veth0", 0))
        shouts = scene.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        shouts.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    mac = b"\xff" * 6 + b"\x02\0\0\0\0\x09"

    def talk():
        for kind in (0x88CC, 0x8809, 0x9000, 0x88E7):  # LLDP, slow protocols, loopback test, what nobody knows
            frames.send(mac + struct.pack("!H", kind) + bytes(60))
        shouts.sendto(b"hello", ("10.98.0.255", 5678))

    repeat(scene, talk, 0.05)
    before = support.query(scene.server, "SELECT rx_dropped FROM links WHERE ifname = 'veth0'")[0]["rx_dropped"]
    scene.quiet(scene.server, observe="2s")
    assert support.query(scene.server, "SELECT rx_dropped FROM links WHERE ifname = 'veth0'")[0]["rx_dropped"] > before + 100


@decoy(families=BOTH, quick=True)
def port_scan(scene):
    """a port scan of open and closed ports"""
    scene.pair()
    scene.start(scene.server, "closer", scene.any_address, PORT)
    scene.start(scene.client, "scan", scene.address, 8000, 9000)
    scene.quiet(scene.server, scene.client)


@decoy(families=BOTH)
def half_open_scan(scene):
    """a scan with bare SYNs from many sources"""
    scene.pair().far_route(scene.family)
    scene.start(scene.server, "closer", scene.any_address, PORT)
    sender = scene.keep(raw_socket(scene.family, scene.client))
    number = [0]

    def once():
        number[0] += 1
        port = 8000 + number[0] % 200
        sender.sendto(segment(scene.family, scene.family.far_source(number[0] % 200), scene.address, (40000, port), number[0], 2),
                      (scene.address, 0))

    repeat(scene, once, 0.005)
    scene.quiet(scene.server)


@decoy(families=BOTH, quick=True)
def firewall_that_drops_scans(scene):
    """a firewall drops scans of closed ports, and a service beside them is served"""
    scene.pair()
    scene.nft(scene.server, """
        table inet guard { chain input { type filter hook input priority 0; policy drop; iifname lo accept;
          ct state established,related accept; meta l4proto { icmp, ipv6-icmp } accept; tcp dport %d accept; counter drop; }; }""" % PORT)
    scene.start(scene.server, "closer", scene.any_address, PORT)
    scene.start(scene.client, "scan", scene.address, 8000, 9000)
    scene.start(scene.client, "requests", scene.address, PORT, 100)
    wait_for(lambda: scene.nft_packets(scene.server, "inet", "guard") > 15, "scans that were dropped")
    scene.quiet(scene.server)


@decoy(families=BOTH)
def firewall_that_allows_some(scene):
    """a firewall accepts one client of a service and drops the others on purpose"""
    scene.pair()
    six = scene.version == "v6"
    word, friend, stranger = ("ip6", "fd98::9", "fd98::2") if six else ("ip", "10.98.0.9", "10.98.0.2")
    scene.nft(scene.server, """
        table inet guard { chain input { type filter hook input priority 0;
          %s saddr %s tcp dport 8080 accept; tcp dport 8080 counter drop; %s saddr %s tcp dport 22 counter drop; }; }""" %
              (word, friend, word, stranger))
    for port in (PORT, 22):
        scene.start(scene.server, "closer", scene.any_address, port)
        scene.start(scene.client, "persistent", scene.address, port, 3)
    scene.quiet(scene.server)


@decoy(families=BOTH)
def rule_that_nobody_meets(scene):
    """a rule drops a service's port and nobody asks for it"""
    scene.pair()
    scene.nft(scene.server, "table inet guard { chain input { type filter hook input priority 0; tcp dport 9090 counter drop; }; }")
    scene.start(scene.server, "closer", scene.any_address, 9090)
    scene.start(scene.server, "closer", scene.any_address, 80)
    scene.start(scene.client, "requests", scene.address, 80, 100)
    scene.quiet(scene.server)


@decoy()
def links_down_on_purpose(scene):
    """links that are down on purpose, or have nobody at the other end"""
    scene.pair()
    scene.server.ip("link", "add", "br0", "type", "bridge")
    scene.server.ip("addr", "add", "172.17.0.1/16", "dev", "br0")
    scene.server.ip("link", "set", "br0", "up")
    scene.server.ip("tuntap", "add", "tap0", "mode", "tap")
    scene.server.ip("link", "set", "tap0", "up")
    scene.server.ip("tuntap", "add", "tap1", "mode", "tap")
    scene.server.ip("link", "add", "spare0", "type", "veth", "peer", "name", "spare1")
    scene.quiet(scene.server)


@decoy()
def virtual_nics_without_speed(scene):
    """virtual interfaces that have no speed and no duplex, under traffic"""
    scene.pair()
    tap(scene, scene.server, "tap0")
    for name, kind in (("br0", "bridge"), ("ifb0", "ifb")):
        scene.server.ip("link", "add", name, "type", kind)
        scene.server.ip("link", "set", name, "up")
    scene.start(scene.server, "closer", "0.0.0.0", PORT)
    scene.start(scene.client, "requests", scene.address, PORT, 100)
    scene.quiet(scene.server)


@decoy(families=BOTH)
def idle_for_a_moment(scene):
    """many connections that are idle for a moment"""
    scene.pair()
    scene.start(scene.server, "keeper", scene.any_address, 6379)
    scene.start(scene.client, "crowd", scene.address, 6379, 150)
    scene.quiet(scene.server)


@decoy(families=BOTH)
def crowd_that_is_served(scene):
    """clients come faster than usual and each is served at once; TIME-WAIT piles up"""
    scene.pair()
    scene.start(scene.server, "slow", scene.any_address, PORT, 128, 0.0)
    scene.start(scene.server, "closer", scene.any_address, 80)
    scene.start(scene.client, "requests", scene.address, 80, 400)
    scene.quiet(scene.server, scene.client)

