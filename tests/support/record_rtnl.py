#!/usr/bin/python3
"""Records what the kernel answers to rtnetlink dumps in a small namespace, as the unit tests of the readers need it.

  tests/support/record_rtnl.py tests/unit/kernel/data/rtnl [NAME...]      (as root; all where no name is given)

One file a dump: its messages as received, without the closing NLMSG_DONE. One file a lookup of a route: its one message.
"""

import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "live"))
import support  # noqa: E402

SOL_NETLINK, STRICT = 270, 12
DUMPS = {  # name: (type, fixed header)
    "links": (18, struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0)),
    "addresses4": (22, struct.pack("=BBBBI", 2, 0, 0, 0, 0)),
    "addresses6": (22, struct.pack("=BBBBI", 10, 0, 0, 0, 0)),
    "routes4": (26, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 0, 0, 0, 0, 0)),
    "routes6": (26, struct.pack("=BBBBBBBBI", 10, 0, 0, 0, 0, 0, 0, 0, 0)),
    "rules4": (34, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 0, 0, 0, 0, 0)),
    "neighbours": (30, struct.pack("=BBHiHBB", 0, 0, 0, 0, 0, 0, 0)),
    "proxies": (30, struct.pack("=BBHiHBB", 0, 0, 0, 0, 0, 8, 0)),
    "neighbour_tables": (66, struct.pack("=BBH", 0, 0, 0)),
    "qdiscs": (38, struct.pack("=BBHiIII", 0, 0, 0, 0, 0, 0, 0)),
    "nexthops": (106, struct.pack("=BBBBI", 0, 0, 0, 0, 0)),
}

LOOKUPS = {  # name: (destination, rtm_flags: RTM_F_LOOKUP_TABLE and RTM_F_FIB_MATCH)
    "lookup_gateway": ("192.0.2.7", 0x1000),
    "lookup_gateway_entry": ("192.0.2.7", 0x3000),
    "lookup_multipath": ("172.16.0.5", 0x1000),
    "lookup_multipath_entry": ("172.16.0.5", 0x3000),
    "lookup_mtu": ("172.17.0.5", 0x1000),
    "lookup_mtu_entry": ("172.17.0.5", 0x3000),
    "lookup_via6": ("172.18.0.5", 0x1000),
    "lookup_via6_entry": ("172.18.0.5", 0x3000),
    "lookup6": ("2001:db8:ffff::1", 0x1000),
    "lookup6_entry": ("2001:db8:ffff::1", 0x3000),
}

SETUP = """
link add br0 type bridge
link add va type veth peer name vb
link set va master br0
link set va up
link set vb up
addr add 10.1.0.1/24 dev vb
addr add 10.2.0.1 peer 10.2.0.2/32 dev vb
addr add 2001:db8:1::1/64 dev vb nodad
nexthop add id 1 via 10.1.0.20 dev vb
nexthop add id 2 dev vb
nexthop add id 10 group 1,3/2
route add default via 10.1.0.254 dev vb metric 100 proto dhcp
route add 172.16.0.0/16 nexthop via 10.1.0.10 weight 3 nexthop via 10.1.0.11
route add 172.17.0.0/16 via 10.1.0.11 mtu lock 1300 advmss 1260 congctl reno
route add 172.18.0.0/16 via inet6 fe80::1 dev vb
route add 172.19.0.0/16 nhid 10
route add blackhole 198.51.100.0/24 table 100
route add default via fe80::9 dev vb proto ra expires 600 pref high
route add 2001:db8:101::/48 nexthop via 2001:db8:1::10 dev vb weight 2 nexthop via fe80::5 dev vb
rule add priority 100 from 10.1.0.0/24 fwmark 0x10/0xff iif vb uidrange 1000-2000 ipproto tcp sport 1000-2000 dport 443 lookup 100
rule add priority 110 from 10.9.0.0/16 goto 32766
neigh add 10.1.0.50 lladdr 02:00:00:00:01:01 dev vb nud permanent
neigh add 10.1.0.51 dev vb nud failed
neigh add 2001:db8:1::50 lladdr 02:00:00:00:01:02 dev vb nud stale router
neigh add proxy 10.1.0.70 dev vb
"""


def dump(kind, header):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.setsockopt(SOL_NETLINK, STRICT, 1)
        link.send(struct.pack("=IHHII", 16 + len(header), kind, 0x301, 1, 0) + header)
        kept = b""
        while True:
            got = link.recv(1 << 18)
            while got:
                length, kind_of_message = struct.unpack_from("=IH", got)
                if kind_of_message == 3:
                    return kept
                if kind_of_message == 2:
                    raise OSError("error answer")
                length = (length + 3) & ~3
                kept += got[:length]
                got = got[length:]


def look_up(address, flags):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    to = socket.inet_pton(family, address)
    header = struct.pack("=BBBBBBBBI", family, len(to) * 8, 0, 0, 0, 0, 0, 0, flags)
    header += struct.pack("=HH", 4 + len(to), 1) + to
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.send(struct.pack("=IHHII", 16 + len(header), 26, 1, 1, 0) + header)
        got = link.recv(1 << 18)
    if struct.unpack_from("=IH", got)[1] == 2:
        raise OSError(f"{address}: error answer")
    return got


def main(folder, names):
    support.need_root()
    os.makedirs(folder, exist_ok=True)
    with support.Netns("record") as netns:
        support.run("ip", "-n", netns.name, "-batch", "-", stdin=SETUP)
        netns.exec("tc", "qdisc", "add", "dev", "vb", "root", "handle", "1a:", "tbf", "rate", "1mbit", "burst", "1600", "limit", "3000")
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open("/run/netns/" + netns.name, os.O_RDONLY)
        import ctypes
        setns = ctypes.CDLL(None, use_errno=True).setns
        assert setns(there, 0x40000000) == 0
        try:
            for recorded, read in ((DUMPS, dump), (LOOKUPS, look_up)):
                for name, request in recorded.items():
                    if names and name not in names:
                        continue
                    with open(os.path.join(folder, name + ".bin"), "wb") as out:
                        out.write(read(*request))
        finally:
            setns(here, 0x40000000)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
