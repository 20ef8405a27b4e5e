"""A long way for the tests of traces: host -- r1 -- r2 -- ... -- rN -- server, IPv4 and IPv6.

Link K, between node K and node K + 1 (the host is node 0, the server node N + 1), has 10.80.K.0/24 and fd80:K::/64; its near
end is .1 or ::1 and its far end .2 or ::2. So router K answers from 10.80.(K - 1).2.
"""

import ipaddress

from link_lab import Relay
from path_lab import greet
from support import Netns, veth_pair


class Chain:
    def __init__(self, routers, rationed=False, delay_s=0.0):
        """rationed: routers answer as Linux does by default, 6 errors at once and then one a second; else without limit.
        delay_s: that the first link takes each way."""
        self.nodes = [Netns("c") for _ in range(routers + 2)]
        self.host, self.server = self.nodes[0], self.nodes[-1]
        self.routers = self.nodes[1:-1]
        last = len(self.nodes) - 1
        for netns in self.nodes:
            for name in ("all", "default"):
                netns.sysctl("net.ipv6.conf.%s.accept_dad" % name, 0)
            netns.exec("nft", "add table inet lab")
        for netns in self.routers:
            netns.sysctl("net.ipv4.ip_forward", 1)
            netns.sysctl("net.ipv6.conf.all.forwarding", 1)
            if not rationed:
                netns.sysctl("net.ipv4.icmp_ratelimit", 0)
                netns.sysctl("net.ipv6.icmp.ratelimit", 0)
        self.relay = None
        for link in range(last):
            near, far = self.nodes[link], self.nodes[link + 1]
            if delay_s and link == 0:
                self._long_cable(near, far, delay_s)
            else:
                veth_pair(near, far, "right", "left")
            for netns, name, end in ((near, "right", 1), (far, "left", 2)):
                netns.ip("addr", "add", "10.80.%d.%d/24" % (link, end), "dev", name)
                netns.ip("addr", "add", "fd80:%x::%d/64" % (link, end), "dev", name, "nodad")
        for node, netns in enumerate(self.nodes):
            if node < last:
                netns.ip("route", "add", "10.80.%d.0/24" % (last - 1) if node else "default", "via", "10.80.%d.2" % node,
                         check=node != last - 1)
                netns.ip("-6", "route", "add", "fd80:%x::/64" % (last - 1) if node else "default", "via",
                         "fd80:%x::2" % node, check=node != last - 1)
            if node > 1:
                netns.ip("route", "add", "10.80.0.0/24", "via", "10.80.%d.1" % (node - 1))
                netns.ip("-6", "route", "add", "fd80:0::/64", "via", "fd80:%x::1" % (node - 1))
        for netns, name in ((self.host, "right"), (self.server, "left")) if self.relay else ():
            netns.exec("ethtool", "-K", name, "tx", "off")
        self.server4 = "10.80.%d.2" % (last - 1)
        self.server6 = "fd80:%x::2" % (last - 1)
        greet(self.host, self.server4, self.server6)

    def _long_cable(self, near, far, delay_s):
        self.cable = Netns("cable")
        veth_pair(near, self.cable, "right", "left")
        veth_pair(self.cable, far, "right", "left")
        self.relay = Relay(self.cable, "left", "right", delay_s)

    def way(self):
        """Who answers from each distance, IPv4."""
        return [self.address(4, each) for each in range(1, len(self.nodes) - 1)] + [self.server4]

    def address(self, version, router):
        return "10.80.%d.2" % (router - 1) if version == 4 else str(ipaddress.ip_address("fd80:%x::2" % (router - 1)))

    def target(self, version):
        return self.server4 if version == 4 else self.server6

    def rules(self, netns, hook, *rules):
        lines = ["add chain inet lab %s { type filter hook %s priority -200; }" % (hook, hook)]
        lines += ["add rule inet lab %s %s" % (hook, each) for each in rules]
        netns.exec("nft", "-f", "-", stdin="\n".join(lines) + "\n")

    def silence(self, *routers):
        """These routers say nothing of what they drop."""
        for each in routers:
            self.rules(self.nodes[each], "output", "icmp type time-exceeded drop", "icmpv6 type time-exceeded drop")

    def slow(self, router, percent):
        """This router leaves out so many of its answers; what it forwards is not touched."""
        self.rules(self.nodes[router], "output",
                   *["%s type time-exceeded numgen random mod 100 < %d drop" % (each, percent) for each in ("icmp", "icmpv6")])

    def lossy(self, router, percent):
        """Of what comes to this router from the host so much is lost, before it could answer it itself."""
        self.rules(self.nodes[router], "prerouting",
                   *['iifname "left" meta l4proto %s numgen random mod 100 < %d drop' % (each, percent)
                     for each in ("{ tcp, udp, icmp }", "ipv6-icmp icmpv6 type echo-request")])

    def heal(self):
        for netns in self.nodes:
            netns.exec("nft", "flush table inet lab")

    def close(self):
        if self.relay:
            self.relay.close()
            self.cable.close()
        for netns in self.nodes:
            netns.close()
