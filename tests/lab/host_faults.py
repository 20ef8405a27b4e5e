"""C08, C11, C13, C15, C17 and C18 as far as the host itself shows them: fragments, NICs, neighbours, routes, conntrack, receive path."""

import fcntl
import os
import socket
import struct
import threading

import support
from observe_lab import PORT, V4, inside, sockets
from scene import fault
from support import wait_for

BOTH = ("v4", "v6")
TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x1, 0x2, 0x1000


def tap(scene, netns, name, flags=IFF_TAP | IFF_NO_PI):
    """A tun or tap device that is held open, so that it has carrier: its descriptor."""
    with inside(netns):
        device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    scene.addCleanup(os.close, device)
    netns.ip("link", "set", name, "up")
    return device


def repeat(scene, action, pause_s=0.01):
    """Does it over and over until the scenario ends."""
    done = threading.Event()

    def work():
        while not done.wait(pause_s):
            action()

    thread = threading.Thread(target=work)
    thread.start()
    scene.addCleanup(thread.join)
    scene.addCleanup(done.set)


def link_counter(netns, name, counter):
    return netns.ip_json("-s", "-s", "link", "show", "dev", name)[0]["stats64"]["rx"][counter]


@fault("C08", "mtu.fragments_lost", families=BOTH, quick=True)
def fragments_never_whole(scene):
    """first fragments come whose rest never does"""
    scene.pair()
    scene.server.sysctl("net.ipv4.ipfrag_time", 1)
    scene.server.sysctl("net.ipv6.ip6frag_time", 1)
    counter = "Ip6ReasmFails" if scene.version == "v6" else "IpReasmFails"
    scene.start(scene.client, "lone_fragments", scene.address, 50)
    wait_for(lambda: scene.nstat(scene.server, counter) > 0, "fragments that were given up")
    scene.judge(scene.server, subject={"netns": scene.server.name},
                against={"datagrams given up": lambda: scene.nstat(scene.server, counter)})


@fault("C08", "udp.receive_buffer_overflow", families=BOTH)
def udp_nobody_reads(scene):
    """a UDP server does not read what comes"""
    scene.pair()
    scene.start(scene.server, "unread", scene.any_address, 514)
    scene.start(scene.client, "datagrams", scene.address, 514, 300)
    counter = "Udp6RcvbufErrors" if scene.version == "v6" else "UdpRcvbufErrors"
    scene.judge(scene.server, subject={"local": scene.local(514), "process": "python3"},
                against={"datagrams dropped": lambda: scene.nstat(scene.server, counter)})


@fault("C09", "mtu.mss_clamp_missing", status="suspected")
def router_without_clamp(scene):
    """a router whose way out is narrower than its network, without MSS clamping"""
    scene.pair()
    lan = scene.space("lan")
    support.veth_pair(scene.server, lan, "lan", "veth0")
    scene.server.ip("addr", "add", "192.168.1.1/24", "dev", "lan")
    scene.server.ip("link", "set", "veth0", "mtu", "1400")
    scene.server.ip("route", "add", "default", "via", scene.family.client)
    scene.server.sysctl("net.ipv4.ip_forward", 1)
    scene.judge(scene.server, observe="0", subject={"interface": "veth0"})


@fault("C11", "nic.autoneg_off", effects=["nic.duplex_half", "nic.speed_degraded"], quick=True)
def nic_forced_to_half_duplex(scene):
    """a NIC at 100 Mbit/s half duplex with autonegotiation off"""
    scene.pair()
    tap(scene, scene.server, "tap0")
    scene.server.exec("ethtool", "-s", "tap0", "speed", "100", "duplex", "half", "autoneg", "off")
    assert "Duplex: Half" in scene.server.exec("ethtool", "tap0")
    scene.judge(scene.server, observe="0", subject={"interface": "tap0"}, explains=["nic.duplex_half", "nic.speed_degraded"],
                also={"nic.duplex_half": {"interface": "tap0"}, "nic.speed_degraded": {"interface": "tap0"}})


@fault("C11", "nic.speed_degraded", status="suspected")
def nic_fell_to_100(scene):
    """a NIC that negotiated 100 Mbit/s only"""
    scene.pair()
    tap(scene, scene.server, "tap0")
    scene.server.exec("ethtool", "-s", "tap0", "speed", "100", "duplex", "full", "autoneg", "on")
    scene.judge(scene.server, observe="0", subject={"interface": "tap0"})


@fault("C11", "nic.duplex_half", effects=["nic.speed_degraded"])
def nic_negotiated_half_duplex(scene):
    """a NIC that negotiated half duplex"""
    scene.pair()
    tap(scene, scene.server, "tap0")
    scene.server.exec("ethtool", "-s", "tap0", "speed", "1000", "duplex", "half", "autoneg", "on")
    scene.judge(scene.server, observe="0", subject={"interface": "tap0"})


def write_bad(device, frame):
    """A frame that the device refuses and counts."""
    try:
        os.write(device, frame)
    except OSError:
        pass


@fault("C11", "nic.rx_dropped")
def nic_drops_what_it_received(scene):
    """an interface drops what it has received"""
    scene.pair()
    device = tap(scene, scene.server, "tun0", IFF_TUN | IFF_NO_PI)
    repeat(scene, lambda: write_bad(device, b"\xff" * 60))  # no IP version has this number: tun drops and counts it
    scene.judge(scene.server, observe="2s", subject={"interface": "tun0"},
                against={"packets dropped": lambda: link_counter(scene.server, "tun0", "dropped")})


@fault("C11", "nic.link_flaps")
def nic_loses_its_link(scene):
    """a link that goes and comes back"""
    scene.pair()
    scene.addCleanup(scene.client.ip, "link", "set", "veth0", "up")
    state = ["down"]

    def turn():
        scene.client.ip("link", "set", "veth0", state[0])
        state[0] = "up" if state[0] == "down" else "down"

    repeat(scene, turn, 0.25)
    scene.judge(scene.server, observe="2s", subject={"interface": "veth0"})


@fault("C13", "route.gateway_unreachable", status="suspected", families=BOTH, quick=True)
def gateway_does_not_answer(scene):
    """the default gateway answers neither ARP nor NDP; no probe may be sent"""
    scene.pair()
    gateway = "fd98::77" if scene.version == "v6" else "10.98.0.77"
    far = "2001:db8::1" if scene.version == "v6" else "192.0.2.1"
    scene.client.ip(scene.family.option(), "route", "add", "default", "via", gateway)
    scene.start(scene.client, "datagrams", far, 53, 20)
    scene.wait(scene.client, "SELECT 1 FROM neighbours WHERE address = '%s' AND state IN ('incomplete', 'failed')" % gateway, "an entry")
    scene.judge(scene.client, subject={"gateway": gateway, "interface": "veth0"})


@fault("C13", "neigh.table_overflow", effects=["udp.send_buffer_errors"], alone=True)
def neighbour_table_full(scene):
    """more neighbours than the table takes"""
    scene.pair()
    with open("/proc/sys/net/ipv4/neigh/default/gc_thresh3", encoding="ascii") as file:
        limit = int(file.read())
    scene.client.ip("addr", "add", "10.88.0.1/16", "dev", "veth0")
    # Entries that are asked for stay until the third question was in vain; none of them can be thrown out before.
    scene.client.sysctl("net.ipv4.neigh.veth0.retrans_time_ms", 5000)
    # What waits for an answer counts as the socket's: several, to have enough of it.
    with inside(scene.client):
        senders = scene.keep([socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(8)])
    number = [0]

    def ask():
        for sender in senders:
            number[0] += 1
            try:
                sender.sendto(b"x", ("10.88.%d.%d" % (1 + number[0] // 250 % 250, 1 + number[0] % 250), 9))
            except OSError:
                pass

    def refused():
        with open("/proc/net/stat/arp_cache", encoding="ascii") as file:
            names, *rows = [line.split() for line in file]
        return sum(int(row[names.index("table_fulls")], 16) for row in rows)

    before = refused()
    repeat(scene, ask, 0.002)
    wait_for(lambda: refused() > before, "a full table", 30)
    scene.judge(scene.client, subject={"name": "arp_cache"}, evidence={"limit": limit, "entries of all": (0.9 * limit, 1.1 * limit)},
                against={"neighbours refused": refused})


@fault("C15", "route.forwarding_disabled", quick=True)
def router_does_not_forward(scene):
    """others use this host as a router and it does not forward"""
    scene.pair()
    scene.client.ip("route", "add", "default", "via", scene.address)
    scene.server.sysctl("net.ipv4.ip_forward", 0)
    scene.start(scene.client, "datagrams", "192.0.2.1", 53, 50)
    scene.judge(scene.server, against={"packets dropped": lambda: scene.nstat(scene.server, "IpInAddrErrors")})


@fault("C15", "route.default_via_down_link", families=BOTH)
def default_route_without_carrier(scene):
    """the default route's link has no carrier"""
    scene.pair()
    scene.server.sysctl("net.ipv6.conf.veth0.keep_addr_on_down", 1)
    scene.server.ip(scene.family.option(), "route", "add", "default", "via", scene.family.client)
    scene.client.ip("link", "set", "veth0", "down")
    scene.wait(scene.server, "SELECT 1 FROM routes WHERE dst_length = 0 AND linkdown = 1", "linkdown")
    scene.judge(scene.server, observe="0", subject={"interface": "veth0"})


def target_of(scene):
    return "fd50::1" if scene.version == "v6" else "10.50.1.1"


@fault("C15", "route.no_route", families=BOTH, effects=["dns.address_unreachable"])
def no_route(scene):
    """there is no route to the target"""
    scene.pair()
    scene.judge(scene.client, "--target", scene.local(443, target_of(scene)), observe="0", probe="auto",
                subject={"address": target_of(scene)})


@fault("C15", "route.unexpected_egress", families=BOTH, effects=["dns.address_unreachable"])
def another_interface(scene):
    """a route sends a neighbour's packets out of another interface"""
    scene.pair()
    other = scene.space("other")
    support.veth_pair(scene.client, other, "veth1", "veth0")
    six = scene.version == "v6"
    scene.client.ip("addr", "add", "fd95::2/64" if six else "10.95.0.2/24", "dev", "veth1", *(["nodad"] if six else []))
    other.ip("addr", "add", "fd95::1/64" if six else "10.95.0.1/24", "dev", "veth0", *(["nodad"] if six else []))
    scene.client.ip(scene.family.option(), "route", "add", scene.address, "via", "fd95::1" if six else "10.95.0.1")
    scene.judge(scene.client, "--target", scene.local(PORT, scene.address), observe="0", probe="auto",
                subject={"address": scene.address})


@fault("C17", "conntrack.table_full", families=BOTH, alone=True, quick=True, effects=["conntrack.near_full"])
def conntrack_full(scene):
    """connection tracking is full"""
    scene.pair()
    scene.nft(scene.server, "table inet track { chain input { type filter hook input priority 0; ct state invalid counter; }; }")
    scene.start(scene.server, "keeper", scene.any_address, PORT)
    scene.keep(scene.family.connects(scene.client, PORT, 60))
    wait_for(lambda: sockets(scene.client, scene.family, "established") == 60, "connections that are tracked")
    # One number for the whole machine: 50 is below what this namespace holds, each of them assured.
    scene.kernel_wide("net/netfilter/nf_conntrack_max", 50)
    scene.start(scene.client, "persistent", scene.address, PORT, 10)
    told = scene.count_syns()
    scene.judge(scene.server, observe="2s", subject={"netns": scene.server.name}, evidence={"limit of the whole": 50},
                against={"packets dropped for want": told})


@fault("C17", "conntrack.near_full", alone=True)
def conntrack_nearly_full(scene):
    """connection tracking is nearly full"""
    scene.pair()
    scene.nft(scene.server, "table inet track { chain input { type filter hook input priority 0; ct state invalid counter; }; }")
    scene.start(scene.server, "keeper", scene.any_address, PORT)
    scene.keep(scene.family.connects(scene.client, PORT, 180))

    def entries():
        return int(scene.server.exec("cat", "/proc/sys/net/netfilter/nf_conntrack_count"))

    wait_for(lambda: entries() >= 180, "connections that are tracked")
    scene.kernel_wide("net/netfilter/nf_conntrack_max", 200)
    scene.judge(scene.server, evidence={"entries": (180, 199), "limit": 200})


@fault("C18", "softnet.backlog_drops", alone=True, effects=["nic.rx_dropped"])
def receive_path_overloaded(scene):
    """one processor gets more packets than it can work off"""
    scene.pair()
    # Every packet is compared with a few thousand ports.
    scene.nft(scene.server, "table inet slow { chain in { type filter hook prerouting priority -300; %s drop; }; }" %
              " ".join("tcp sport %d counter;" % (100 + each) for each in range(3000)))
    # Receive packet steering puts all of it on the second processor.
    scene.server.exec("sh", "-c", "echo 2 > /sys/class/net/veth0/queues/rx-0/rps_cpus")
    # A socket has a few hundred packets under way at the most: several, to fill a backlog of a thousand.
    for _ in range(4):
        flood = scene.flood(V4, 100_000_000)
        scene.addCleanup(flood.communicate)
        scene.addCleanup(flood.kill)

    def dropped():
        with open("/proc/net/softnet_stat", encoding="ascii") as file:
            return sum(int(line.split()[1], 16) for line in file)

    before = dropped()
    wait_for(lambda: dropped() > before, "a full backlog")
    # Whether the budget runs out too is a matter of how the packets come; what is lost is lost in the backlog.
    scene.judge(scene.server, "--set", "softnet.budget_exhausted.per_second=100000", observe="2s", explains=["nic.rx_dropped"],
                against={"packets dropped on all CPUs": dropped})
