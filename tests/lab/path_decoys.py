"""What looks like a fault of the way to a target and is none."""

import support
from link_lab import SERVER as FAR_SERVER, Relay
from path_chain import Chain
from path_faults import link, named, version, way, whole_checksums
from path_lab import PORT, SERVER, SERVER4, SERVER6, Listener, bracketed, greet
from scene import decoy

BOTH = ("v4", "v6")


def quiet(scene, netns, target, **expected):
    scene.quiet(netns, options=["--target", target], observe="200ms", probe="auto", **expected)


@decoy(families=BOTH, quick=True)
def routers_slow_or_silent(scene):
    """routers that answer slowly or not at all on a way without loss"""
    chain = scene.closing(Chain(6))
    scene.closing(Listener(chain.server))
    chain.silence(1, 2)
    chain.slow(4, 70)
    scene.quiet(chain.host, options=["--target", bracketed(chain.target(version(scene)), PORT)], observe="200ms", probe="full",
                clear=["path.packet_loss"])


@decoy(families=BOTH)
def stars_everywhere(scene):
    """no router says anything and UDP does not pass; the service's port does"""
    chain = scene.closing(Chain(4))
    scene.closing(Listener(chain.server))
    chain.silence(1, 2, 3, 4)
    chain.rules(chain.nodes[3], "forward", "meta l4proto udp drop")
    scene.quiet(chain.host, options=["--target", bracketed(chain.target(version(scene)), PORT)], observe="200ms", probe="full")


@decoy(families=BOTH, quick=True)
def smaller_path_mtu_that_works(scene):
    """a link on the way takes less than the others and says so"""
    target = way(scene, routers=True)
    scene.lab.left.ip("link", "set", "path0", "mtu", 1400)
    scene.lab.middle[0].ip("link", "set", "left0", "mtu", 1400)
    quiet(scene, scene.lab.host, target, clear=["mtu.pmtu_blackhole"])


@decoy(families=BOTH)
def equal_paths(scene):
    """four equal paths, all of them whole"""
    target = way(scene, paths=4)
    quiet(scene, scene.lab.host, target, clear=["path.ecmp_partial_loss", "path.packet_loss"])


@decoy(families=BOTH)
def name_with_two_addresses(scene):
    """a name with an IPv4 and an IPv6 address, and a connection to one of them"""
    way(scene)
    named(scene, [("db.lab.test", SERVER4), ("db.lab.test", SERVER6)])
    quiet(scene, scene.lab.host, bracketed("db.lab.test", PORT), clear=["dns.address_unreachable"])


@decoy(families=BOTH)
def virtual_router(scene):
    """the gateway is a virtual router with a MAC of its own, and healthy"""
    target = link(scene)
    quiet(scene, scene.link.host, target, clear=["neigh.duplicate_address", "neigh.gateway_mac_asymmetry", "neigh.gateway_slow"])


@decoy(families=BOTH)
def meant_asymmetry(scene):
    """answers come back by the other router, as the site means it, and nothing is lost"""
    target = link(scene)
    scene.link.route_back("10.94.0.3", "fd94::3")
    greet(scene.link.host, FAR_SERVER[version(scene)])
    quiet(scene, scene.link.host, target)
    scene.quiet(scene.link.server, scene.link.router, scene.link.other)


@decoy(families=BOTH)
def far_away(scene):
    """a service that is 100 ms away behind a router, and healthy"""
    host, router, address = routed(scene)
    scene.closing(Relay(scene.cable, "left", "right", 0.05))
    greet(host, address)
    quiet(scene, host, bracketed(address, PORT), clear=["path.latency_under_load", "path.packet_loss"])
    assert router


def routed(scene):
    """A host, a router next to it, and a server behind a cable that has to be made yet."""
    host, router, scene.cable, server = (scene.space(tag) for tag in ("host", "gate", "cable", "srv"))
    support.veth_pair(host, router, "eth0", "lan")
    support.veth_pair(router, scene.cable, "wan", "left")
    support.veth_pair(server, scene.cable, "eth0", "right")
    for netns, name, four, six in ((host, "eth0", "10.95.0.2/24", "fd95::2/64"), (router, "lan", "10.95.0.1/24", "fd95::1/64"),
                                   (router, "wan", "10.96.0.1/24", "fd96::1/64"), (server, "eth0", "10.96.0.2/24", "fd96::2/64")):
        netns.ip("addr", "add", four, "dev", name)
        netns.ip("addr", "add", six, "dev", name, "nodad")
    for netns, name in ((host, "eth0"), (server, "eth0"), (router, "wan")):
        whole_checksums(netns, name)
    router.sysctl("net.ipv4.ip_forward", 1)
    router.sysctl("net.ipv6.conf.all.forwarding", 1)
    for netns, four, six in ((host, "10.95.0.1", "fd95::1"), (server, "10.96.0.1", "fd96::1")):
        netns.ip("route", "add", "default", "via", four)
        netns.ip("-6", "route", "add", "default", "via", six)
    scene.closing(Listener(server))
    return host, router, "fd96::2" if scene.version == "v6" else "10.96.0.2"
