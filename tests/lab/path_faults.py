"""C02 to C06, C08, C09, C13 and C16: what is wrong on the way to a target, found by probes of a whole run."""

import re
import socket
import subprocess

import support
from link_lab import GATE, SERVER as FAR_SERVER, Link, Relay
from observe_lab import inside
from path_chain import Chain
from path_lab import LEFT4, LEFT6, PORT, RIGHT4, SERVER, SERVER4, SERVER6, Lab, Listener, bracketed, dnsmasq, greet, resolv_conf
from scene import fault

BOTH = ("v4", "v6")
NAME = "db.lab.test"
SECOND = {4: "10.92.0.3", 6: "fd92::3"}


def version(scene):
    return 6 if scene.version == "v6" else 4


def way(scene, **options):
    """Host, two routers and a server that listens; the target's address and port."""
    scene.lab = scene.closing(Lab(**options))
    scene.listener = scene.closing(Listener(scene.lab.server))
    return bracketed(SERVER[version(scene)], PORT)


def named(scene, records, ttl=60):
    """The host's name server says so."""
    if not hasattr(scene, "resolves"):
        scene.resolves = True
        scene.addCleanup(resolv_conf(scene.lab.host, RIGHT4))
    return dnsmasq(scene.lab.right, RIGHT4, records, ttl=ttl)


def judge(scene, netns, target, **expected):
    return scene.judge(netns, "--target", target, observe="200ms", probe="auto", **expected)


@fault("C02", "dns.address_unreachable", families=BOTH, quick=True)
def one_of_two_addresses_refuses(scene):
    """one of a name's two addresses refuses"""
    way(scene)
    number = version(scene)
    scene.lab.server.ip("addr", "add", SECOND[number] + ("/64" if number == 6 else "/24"), "dev", "eth0", *(["nodad"] if number == 6 else []))
    named(scene, [(NAME, SERVER[number]), (NAME, SECOND[number])])
    scene.lab.rules(scene.lab.server, "input", "%s daddr %s tcp dport %d reject with tcp reset" %
                    ("ip6" if number == 6 else "ip", SECOND[number], PORT))
    judge(scene, scene.lab.host, bracketed(NAME, PORT), subject={"address": SECOND[number], "port": PORT}, summary="refused")


@fault("C03", "dns.stale_peer", families=BOTH)
def peer_that_left_the_name(scene):
    """a process talks to an address that its name no longer has"""
    way(scene)
    number = version(scene)
    scene.lab.server.ip("addr", "add", SECOND[number] + ("/64" if number == 6 else "/24"), "dev", "eth0", *(["nodad"] if number == 6 else []))
    named(scene, [(NAME, SERVER4), (NAME, SERVER6)], ttl=1)
    scene.start(scene.lab.server, "sink", "::", 5433)
    scene.start(scene.lab.host, "crowd", SECOND[number], 5433, 3)
    judge(scene, scene.lab.host, bracketed(NAME, 5433), subject={"address": SECOND[number], "process": "python3"},
          evidence={"connections to the stale": 3})


@fault("C04", "path.packet_loss", families=BOTH)
def loss_that_is_carried(scene):
    """silent and slow hops, and loss that begins at a hop and goes on to the end"""
    chain = scene.closing(Chain(6))
    scene.closing(Listener(chain.server))
    number = version(scene)
    chain.silence(1, 2)
    chain.slow(3, 60)
    chain.lossy(5, 35)
    reports = judge(scene, chain.host, bracketed(chain.target(number), PORT), evidence={"SYNs lost": (3, 1000)},
                    subject={"target": chain.target(number), "port": PORT})
    # Hops 5 and 6 may have had as many answers as healthy ones, by chance; and one of two traces may be too short to say.
    places = [place for report in reports for place in re.findall("it begins at hop ([0-9]+) ", report["findings"][0]["summary"])]
    scene.assertTrue(places and set(places) <= {"5", "6", "7"} and set(places) != {"7"}, places)


@fault("C05", "path.protocol_filtered", families=BOTH, effects=["dns.address_unreachable"])
def only_the_port_is_filtered(scene):
    """routers say nothing, other protocols arrive and the service's port does not"""
    chain = scene.closing(Chain(4))
    scene.closing(Listener(chain.server))
    chain.rules(chain.nodes[3], "prerouting", "tcp dport %d drop" % PORT)
    number = version(scene)
    judge(scene, chain.host, bracketed(chain.target(number), PORT), subject={"target": chain.target(number), "filtered": "tcp"},
          summary="hop 2")


@fault("C06", "path.ecmp_partial_loss", families=BOTH, quick=True)
def one_path_of_four_is_dead(scene):
    """one of four equal paths loses everything"""
    target = way(scene, paths=4)
    scene.lab.dead_paths(2)
    reports = judge(scene, scene.lab.host, target, subject={"address": SERVER[version(scene)], "port": PORT},
                    evidence={"share of flows": (0.08, 0.45), "share lost on the other": 0})
    for report in reports:
        told = [each["result"] for each in report["probes"] if each["kind"] == "trace"]
        scene.assertEqual([each["outcome"] for each in told], ["flow_loss"], told)
    first = reports[0]["findings"][0]
    ports = next(each["value"] for each in first["evidence"] if each["what"].startswith("source ports from which"))
    for port in [int(each) for each in re.findall("[0-9]+", str(ports))][:3]:
        with inside(scene.lab.host), socket.socket(scene.family.number) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("", port))
            client.settimeout(0.3)
            with scene.assertRaises(TimeoutError, msg="port %d is not dead" % port):
                client.connect((SERVER[version(scene)], PORT))


@fault("C06", "path.packet_loss", families=BOTH)
def loss_whatever_the_port(scene):
    """a tenth of all packets is lost, whatever the source port"""
    target = way(scene)
    scene.lab.random_loss(10)
    judge(scene, scene.lab.host, target, subject={"target": SERVER[version(scene)], "port": PORT})


@fault("C08", "mtu.fragments_lost", families=BOTH)
def fragments_dropped_on_the_way(scene):
    """a device on the way drops fragments"""
    target = way(scene, routers=True)
    # Before conntrack's defragmentation, where fragments are still seen as such.
    scene.nft(scene.lab.middle[0], "add chain inet lab early { type filter hook prerouting priority -450; }\n"
              "add rule inet lab early ip frag-off & 0x3fff != 0 drop\nadd rule inet lab early exthdr frag exists drop\n")
    judge(scene, scene.lab.host, target, subject={"peer": SERVER[version(scene)]})


@fault("C09", "mtu.pmtu_blackhole", families=BOTH, quick=True)
def black_hole(scene):
    """large packets vanish on the way and nobody says so"""
    target = way(scene, routers=True)
    scene.lab.size_loss(1400, netns=scene.lab.middle[0])
    judge(scene, scene.lab.host, target, subject={"peer": SERVER[version(scene)]}, evidence={"largest packet that arrives": 1400},
          summary="packets of up to 1400 bytes reach")


@fault("C09", "mtu.pmtu_blackhole", status="suspected", families=BOTH)
def connections_that_hang(scene):
    """a connection whose small packets passed sends the same full segment again and again"""
    way(scene, routers=True)
    with inside(scene.lab.server):
        listener = scene.keep(socket.socket(scene.family.number))
        listener.bind((SERVER[version(scene)], 9001))
        listener.listen(8)
    with inside(scene.lab.host):
        client = scene.keep(socket.create_connection((SERVER[version(scene)], 9001), timeout=5))
    served = scene.keep(listener.accept()[0])
    client.send(b"small request")
    served.recv(100)
    served.send(b"small answer")
    client.recv(100)
    scene.lab.size_loss(1400, netns=scene.lab.middle[0])
    client.setblocking(False)
    client.send(b"x" * 60000)
    scene.wait(scene.lab.host, "SELECT 1 FROM connections WHERE remote_port = 9001 AND backoff >= 3", "the segment is sent four times", 30)
    scene.judge(scene.lab.host, observe="200ms", subject={"peer": SERVER[version(scene)]}, evidence={"connections that hang": 1})


@fault("C09", "mtu.interface_above_path", families=BOTH)
def interface_above_its_link(scene):
    """the interface's MTU is above what its link carries"""
    way(scene, routers=True, mtu=9000)
    scene.closing(Listener(scene.lab.left))
    scene.lab.size_loss(1500, netns=scene.lab.left, hook="input")
    judge(scene, scene.lab.host, bracketed(LEFT6 if scene.version == "v6" else LEFT4, PORT), subject={"interface": "eth0"},
          evidence={"MTU of the interface": 9000, "largest packet that arrives": 1500})


def link(scene):
    scene.link = scene.closing(Link())
    scene.closing(Listener(scene.link.server))
    return bracketed(FAR_SERVER[version(scene)], PORT)


@fault("C13", "neigh.duplicate_address", effects=["dns.address_unreachable"], families=BOTH, quick=True)
def two_hosts_with_the_gateways_address(scene):
    """two machines answer for the gateway's address"""
    target = link(scene)
    thief = scene.link.space("thief")
    scene.link.plug(scene.link.near, thief, "eth0", ["10.93.0.1/24", "fd93::1/64"])
    judge(scene, scene.link.host, target, subject={"address": GATE[version(scene)], "interface": "eth0"})


@fault("C13", "route.gateway_unreachable", families=BOTH, effects=["dns.address_unreachable", "tcp.syn_unanswered"])
def gateway_is_gone(scene):
    """the default gateway went away, and a probe proves it"""
    target = link(scene)
    scene.link.router.ip("link", "set", "eth0", "down")
    address = GATE[version(scene)]
    scene.link.host.ip("neigh", "flush", "dev", "eth0")
    scene.link.host.exec("ping", "-c1", "-W4", FAR_SERVER[version(scene)], check=False)
    scene.wait(scene.link.host, "SELECT 1 FROM neighbours WHERE address = '%s' AND state = 'failed'" % address, "the gateway given up")
    # Somebody goes on wanting it: the kernel clears a failed entry that nobody uses away within seconds.
    wants = scene.link.host.popen("ping", "-q", "-i0.2", FAR_SERVER[version(scene)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scene.addCleanup(wants.wait)
    scene.addCleanup(wants.kill)
    judge(scene, scene.link.host, target, subject={"gateway": address, "interface": "eth0"})


@fault("C13", "route.gateway_unreachable", families=BOTH, effects=["dns.address_unreachable", "tcp.syn_unanswered"])
def gateway_is_gone_and_forgotten(scene):
    """the default gateway went away, nobody uses it, and the kernel has no entry of it when the run begins"""
    target = link(scene)
    scene.link.router.ip("link", "set", "eth0", "down")
    judge(scene, scene.link.host, target, subject={"gateway": GATE[version(scene)], "interface": "eth0"},
          each_time=lambda: scene.link.host.ip("neigh", "flush", "dev", "eth0"))


@fault("C13", "neigh.gateway_entry_wrong", families=BOTH, effects=["dns.address_unreachable"])
def entry_of_a_gateway_that_moved(scene):
    """the neighbour entry has another hardware address than the gateway that answers"""
    target = link(scene)
    scene.link.host.ip("neigh", "replace", GATE[version(scene)], "lladdr", "02:00:00:00:00:66", "dev", "eth0", "nud", "permanent")
    judge(scene, scene.link.host, target, subject={"gateway": GATE[version(scene)]})


@fault("C13", "neigh.gateway_slow", families=BOTH)
def gateway_is_slow(scene):
    """the gateway needs 200 ms where others need a tenth"""
    link(scene)
    middle, gate = scene.space("cable"), scene.space("slow")
    scene.link.plug(scene.link.near, middle, "left", [])
    support.veth_pair(middle, gate, "right", "eth0")
    for address in ("10.93.0.9/24", "fd93::9/64"):
        gate.ip("addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
    gate.ip("addr", "add", "10.95.0.1/32", "dev", "lo")
    gate.ip("addr", "add", "fd95::1/128", "dev", "lo", "nodad")
    for netns in (scene.link.host, gate):
        whole_checksums(netns)
    scene.closing(Relay(middle, "left", "right", 0.1))
    scene.closing(Listener(gate))
    six = scene.version == "v6"
    scene.link.host.ip(scene.family.option(), "route", "add", "fd95::/64" if six else "10.95.0.0/24", "via", "fd93::9" if six else "10.93.0.9")
    judge(scene, scene.link.host, bracketed("fd95::1" if six else "10.95.0.1", PORT), subject={"gateway": "fd93::9" if six else "10.93.0.9"})


def whole_checksums(netns, name="eth0"):
    """Checksums are made before frames leave: a relay has nobody to make them."""
    netns.exec("ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off")


def long_way(scene):
    """Host and server with something between them that has to be made yet."""
    host, middle, server = scene.space("host"), scene.space("mid"), scene.space("srv")
    support.veth_pair(host, middle, "eth0", "left")
    support.veth_pair(server, middle, "eth0", "right")
    for netns, number in ((host, 1), (server, 2)):
        netns.ip("addr", "add", "10.96.0.%d/24" % number, "dev", "eth0")
        netns.ip("addr", "add", "fd96::%d/64" % number, "dev", "eth0", "nodad")
        whole_checksums(netns)
    scene.closing(Listener(server))
    return host, middle, "fd96::2" if scene.version == "v6" else "10.96.0.2"


@fault("C16", "path.latency_under_load", families=BOTH)
def great_queue(scene):
    """a queue on the way that keeps seconds of traffic"""
    host, middle, address = long_way(scene)
    middle.ip("link", "add", "sw", "type", "bridge", "forward_delay", 0)
    middle.ip("link", "set", "sw", "up")
    for port in ("left", "right"):
        middle.ip("link", "set", port, "master", "sw")
    middle.exec("tc", "qdisc", "add", "dev", "right", "root", "tbf", "rate", "4mbit", "burst", "3000", "limit", "1000000")
    greet(host, address)
    judge(scene, host, bracketed(address, PORT), subject={"address": address})


@fault("C16", "path.stalls", families=BOTH)
def way_that_stands_still(scene):
    """the way stands still as soon as it carries a load"""
    host, middle, address = long_way(scene)

    relay = scene.closing(Relay(middle, "left", "right"))
    greet(host, address)
    judge(scene, host, bracketed(address, PORT), subject={"address": address}, each_time=lambda: relay.stall(150000, 1.5))
