#!/usr/bin/python3
"""Tables of rtnetlink against what ip(8) and tc(8) print of the same namespace: every row, none more, none less."""

import json
import socket
import unittest

import support

support.need_root()
support.need_programs("ip", "tc")

TABLES = [
    "links", "addresses", "routes", "route_nexthops", "nexthops", "route_summary", "policy_rules", "neighbours",
    "neighbour_summary", "qdiscs",
]


def first_that_works(netns, *variants):
    """Runs the first command that the kernel takes; says whether one did."""
    return any(netns.can(*variant) for variant in variants)


def make_links(netns, other):
    netns.ip("link", "add", "br0", "type", "bridge")
    netns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    netns.ip("link", "add", "vc", "type", "veth", "peer", "name", "vd", "netns", other.name)
    netns.ip("link", "add", "down0", "type", "veth", "peer", "name", "down1")
    netns.ip("link", "set", "va", "master", "br0", "mtu", "1400", "alias", "a description, with commas")
    netns.ip("tuntap", "add", "tun0", "mode", "tun")
    netns.ip("tuntap", "add", "tap0", "mode", "tap")
    netns.ip("link", "set", "tap0", "address", "02:00:00:00:00:01", "group", "7", "txqueuelen", "123", "promisc", "on")
    netns.can("link", "add", "mv0", "link", "vb", "type", "macvlan")
    for name in ("br0", "va", "vb", "vc", "tun0", "tap0", "down0"):
        netns.ip("link", "set", name, "up")
    other.ip("link", "set", "vd", "up")


def make_addresses(netns):
    for address in ("10.1.0.1/24", "10.1.0.2/24", "10.1.9.1/32"):
        netns.ip("addr", "add", address, "dev", "vb", "brd", "+")
    netns.ip("addr", "add", "10.2.0.1", "peer", "10.2.0.2/32", "dev", "tun0")
    netns.ip("addr", "add", "10.3.0.1/24", "dev", "vc", "label", "vc:one", "scope", "link")
    netns.ip("addr", "add", "10.3.1.1/24", "dev", "vc", "valid_lft", "5000", "preferred_lft", "3000")
    netns.ip("-6", "addr", "add", "2001:db8:1::1/64", "dev", "vb", "nodad")
    netns.ip("-6", "addr", "add", "2001:db8:1::2/64", "dev", "vb", "nodad", "preferred_lft", "0", "valid_lft", "5000")
    netns.ip("-6", "addr", "add", "2001:db8:2::1", "peer", "2001:db8:2::2", "dev", "tun0", "nodad")
    netns.ip("-6", "addr", "add", "2001:db8:3::1/64", "dev", "vc", "nodad", "noprefixroute")
    netns.ip("-6", "addr", "add", "2001:db8:4::1/64", "dev", "down0")  # no carrier: stays tentative


def make_routes(netns):
    v4, v6 = ("route", "add"), ("-6", "route", "add")
    netns.ip(*v4, "default", "via", "10.1.0.254", "dev", "vb", "metric", "100", "proto", "dhcp", "src", "10.1.0.2")
    netns.ip(*v4, "default", "via", "10.3.0.254", "dev", "vc", "metric", "200", "proto", "static")
    netns.ip(*v4, "172.16.0.0/16", "nexthop", "via", "10.1.0.10", "weight", "3", "nexthop", "via", "10.3.0.10")
    netns.ip(*v4, "172.17.0.0/16", "via", "10.1.0.11", "mtu", "1300", "advmss", "1260", "window", "30000", "initcwnd", "20",
             "initrwnd", "30", "rto_min", "50ms", "hoplimit", "9", "quickack", "1", "congctl", "reno")
    netns.ip(*v4, "172.18.0.0/16", "via", "10.1.0.12", "mtu", "lock", "1200")
    netns.ip(*v4, "172.19.0.0/16", "via", "192.0.2.77", "dev", "vc", "onlink")
    netns.ip(*v4, "172.20.0.0/16", "via", "inet6", "fe80::1", "dev", "vc")
    netns.ip(*v4, "172.21.0.1", "dev", "down0", "scope", "link")
    netns.ip(*v4, "172.22.0.0/16", "via", "10.1.0.13", "tos", "0x10")
    netns.ip(*v4, "172.23.0.0/16", "dev", "vb", "proto", "bird", "table", "100")
    netns.ip(*v4, "172.23.0.0/16", "dev", "vb", "proto", "77", "table", "100000")
    for number, kind in enumerate(("blackhole", "unreachable", "prohibit", "throw")):
        netns.ip("route", "add", kind, "198.51.%d.0/24" % number)
        netns.ip("-6", "route", "add", kind, "2001:db8:f%d::/48" % number, "metric", "50")
    netns.ip(*v6, "default", "via", "fe80::9", "dev", "vb", "metric", "512", "proto", "ra", "expires", "600", "pref", "high")
    netns.ip(*v6, "2001:db8:100::/48", "via", "2001:db8:1::9", "mtu", "1280", "advmss", "1220", "proto", "static")
    netns.ip(*v6, "2001:db8:101::/48", "nexthop", "via", "2001:db8:1::10", "weight", "2", "nexthop", "via", "fe80::5", "dev",
             "vc")
    netns.ip(*v6, "2001:db8:102::/48", "dev", "tun0", "table", "100", "proto", "bird")
    netns.can("-6", "route", "add", "2001:db8:103::/48", "from", "2001:db8:1::/64", "via", "2001:db8:1::11")


def make_nexthops(netns):
    """Next hop objects and routes on them; False where the kernel has none."""
    if not netns.can("nexthop", "add", "id", "1", "via", "10.1.0.20", "dev", "vb", "proto", "static"):
        return False
    netns.ip("nexthop", "add", "id", "2", "via", "10.3.0.20", "dev", "vc")
    netns.ip("nexthop", "add", "id", "3", "dev", "vc")
    netns.ip("nexthop", "add", "id", "4", "blackhole")
    netns.ip("nexthop", "add", "id", "5", "via", "fe80::20", "dev", "vb")
    netns.ip("nexthop", "add", "id", "6", "via", "2001:db8:1::30", "dev", "vb", "onlink")
    netns.ip("nexthop", "add", "id", "10", "group", "1,3/2")
    netns.ip("nexthop", "add", "id", "11", "group", "5/6,2")
    netns.can("nexthop", "add", "id", "12", "via", "10.1.0.77", "fdb")
    netns.ip("route", "add", "172.30.0.0/16", "nhid", "1")
    netns.ip("route", "add", "172.31.0.0/16", "nhid", "10")
    netns.ip("-6", "route", "add", "2001:db8:200::/48", "nhid", "5")
    netns.ip("-6", "route", "add", "2001:db8:201::/48", "nhid", "11")
    return True


def make_rules(netns):
    rules = [
        ["priority", "100", "from", "10.1.0.0/24", "to", "172.16.0.0/12", "lookup", "100"],
        ["priority", "101", "fwmark", "0x10/0xff", "lookup", "100000"],
        ["priority", "102", "iif", "vb", "tos", "0x10", "lookup", "main", "suppress_prefixlength", "0"],
        ["priority", "103", "oif", "gone0", "lookup", "default"],
        ["priority", "104", "uidrange", "1000-2000", "lookup", "100"],
        ["priority", "105", "ipproto", "tcp", "sport", "1000-2000", "dport", "443", "lookup", "100"],
        ["priority", "106", "not", "from", "10.9.0.0/16", "blackhole"],
        ["priority", "107", "from", "10.8.0.1", "prohibit"],
        ["priority", "108", "to", "10.7.0.0/16", "unreachable"],
        ["priority", "109", "iif", "lo", "goto", "32766"],
        ["priority", "110", "nop", "protocol", "static"],
        ["priority", "111", "l3mdev"],
        ["priority", "112", "ipproto", "99", "lookup", "local", "suppress_ifgroup", "7"],
    ]
    for rule in rules:
        netns.can("rule", "add", *rule)
        six = [word.replace("10.1.0.0/24", "2001:db8:1::/64").replace("172.16.0.0/12", "2001:db8::/32")
               .replace("10.9.0.0/16", "2001:db8:9::/48").replace("10.8.0.1", "2001:db8:8::1")
               .replace("10.7.0.0/16", "2001:db8:7::/48") for word in rule]
        netns.can("-6", "rule", "add", *six)


def make_neighbours(netns):
    for number, state in enumerate(("permanent", "noarp", "stale", "reachable")):
        netns.ip("neigh", "add", "10.1.0.%d" % (50 + number), "lladdr", "02:00:00:00:01:%02x" % number, "dev", "vb", "nud", state)
        netns.ip("neigh", "add", "2001:db8:1::%d" % (50 + number), "lladdr", "02:00:00:00:02:%02x" % number, "dev", "vb",
                 "nud", state)
    netns.ip("neigh", "add", "10.1.0.60", "dev", "vb", "nud", "failed")
    netns.ip("neigh", "add", "2001:db8:1::60", "lladdr", "02:00:00:00:02:60", "dev", "vb", "nud", "permanent", "router")
    netns.ip("neigh", "add", "10.1.0.61", "lladdr", "02:00:00:00:01:61", "dev", "vb", "nud", "permanent", "extern_learn")
    netns.ip("neigh", "add", "proxy", "10.1.0.70", "dev", "vb")
    netns.ip("neigh", "add", "proxy", "2001:db8:1::70", "dev", "vb")


def make_qdiscs(netns):
    def tc(*words):
        netns.exec("tc", *words)

    tc("qdisc", "add", "dev", "vb", "root", "handle", "1:", "htb", "default", "10")
    tc("class", "add", "dev", "vb", "parent", "1:", "classid", "1:10", "htb", "rate", "10mbit")
    tc("qdisc", "add", "dev", "vb", "parent", "1:10", "handle", "20:", "tbf", "rate", "8mbit", "burst", "4k", "limit", "3k")
    tc("qdisc", "add", "dev", "vc", "root", "tbf", "rate", "100kbit", "burst", "1600", "limit", "3000")
    netns.can("link", "set", "tun0", "txqueuelen", "55")
    tc("qdisc", "add", "dev", "va", "ingress")


def send_some(netns):
    """Packets to a neighbour that is permanent, more than tbf's queue takes."""
    sender = ("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
              "for i in range(40):\n"
              "  try: s.sendto(b'x' * 1000, ('10.3.0.99', 9))\n"
              "  except OSError: pass\n")
    netns.ip("neigh", "add", "10.3.0.99", "lladdr", "02:00:00:00:03:99", "dev", "vc", "nud", "permanent")
    netns.exec("/usr/bin/python3", "-c", sender)


def without_nulls(row):
    return {key: value for key, value in row.items() if value is not None}


class Rtnl(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.other = support.Netns("peer")
        cls.netns = netns = support.Netns("rich")
        netns.sysctl("net.ipv6.conf.default.accept_dad", "1")
        make_links(netns, cls.other)
        make_addresses(netns)
        make_routes(netns)
        cls.has_nexthops = make_nexthops(netns)
        make_neighbours(netns)
        make_qdiscs(netns)
        send_some(netns)
        make_rules(netns)  # last: they stop the namespace's traffic
        support.wait_for(lambda: not [a for a in netns.ip_json("-6", "addr", "show", "tentative")
                                      for info in a.get("addr_info", []) if a["ifname"] != "down0"],
                         "duplicate address detection is over")
        # Everything that carries traffic by itself (multicast reports) has gone quiet when two readings agree.
        cls.facts = cls.settled()

    @classmethod
    def tearDownClass(cls):
        cls.netns.close()
        cls.other.close()

    @classmethod
    def settled(cls):
        def same():
            before = cls.counters()
            facts = support.facts(cls.netns, *TABLES)
            return facts if before == cls.counters() else None
        return support.wait_for(same, "the namespace is quiet", 30)

    @classmethod
    def counters(cls):
        cls.links = cls.netns.ip_json("-d", "-s", "-s", "link")
        stats = [(link["ifname"], link["stats64"], link["operstate"]) for link in cls.links]
        cls.qdiscs = json.loads(cls.netns.exec("tc", "-j", "-s", "qdisc"))
        cls.neighbours = cls.netns.ip_json("-s", "neigh", "show", "nud", "all")
        state = [(n["dst"], n.get("dev"), n["state"]) for n in cls.neighbours]
        return json.dumps([stats, cls.qdiscs, state], sort_keys=True)

    def compare(self, got, wanted, key):
        """Same rows, whatever their order; the first that differ are shown."""
        def order(row):
            return json.dumps([row.get(name) for name in key], default=str)

        got, wanted = sorted(got, key=order), sorted(wanted, key=order)
        self.assertEqual([order(row) for row in got], [order(row) for row in wanted])
        for one, other in zip(got, wanted):
            self.assertEqual(one, other)

    def test_nothing_is_absent(self):
        absent = self.facts["absences"]
        if not self.has_nexthops:
            absent = [each for each in absent if each["table"] != "nexthops"]
        self.assertEqual(absent, [])

    def test_links(self):
        self.assertGreater(len(self.links), 7)
        wanted = []
        for link in self.links:
            info = link.get("linkinfo", {})
            rx, tx = link["stats64"]["rx"], link["stats64"]["tx"]
            row = {
                "ifindex": link["ifindex"], "ifname": link["ifname"], "kind": info.get("info_kind"),
                "slave_kind": info.get("info_slave_kind"), "state": link["operstate"].lower(),
                "admin_up": "UP" in link["flags"], "flags": ",".join(flag for flag in link["flags"] if flag != "M-DOWN"), "mtu": link["mtu"],
                "min_mtu": link.get("min_mtu") or None, "max_mtu": link.get("max_mtu") or None,
                "master": link.get("master"), "link": link.get("link"), "link_netnsid": link.get("link_netnsid"),
                "address": link.get("address"), "broadcast": link.get("broadcast"),
                "promiscuity": link["promiscuity"], "qdisc": link["qdisc"], "tx_queue_len": link.get("txqlen", 0),
                "num_tx_queues": link["num_tx_queues"], "num_rx_queues": link["num_rx_queues"],
                "gso_max_size": link["gso_max_size"], "type": link["link_type"], "alias": link.get("ifalias"),
                "group": {"default": 0}.get(link["group"], link["group"]),
                "rx_packets": rx["packets"], "rx_bytes": rx["bytes"], "rx_errors": rx["errors"],
                "rx_dropped": rx["dropped"], "multicast": rx["multicast"], "rx_length_errors": rx["length_errors"],
                "rx_crc_errors": rx["crc_errors"], "rx_frame_errors": rx["frame_errors"],
                "rx_fifo_errors": rx["fifo_errors"], "rx_missed_errors": rx["missed_errors"],
                "tx_packets": tx["packets"], "tx_bytes": tx["bytes"], "tx_errors": tx["errors"],
                "tx_dropped": tx["dropped"], "collisions": tx["collisions"], "tx_aborted_errors": tx["aborted_errors"],
                "tx_fifo_errors": tx["fifo_errors"], "tx_window_errors": tx["window_errors"],
                "tx_heartbeat_errors": tx["heartbeat_errors"], "tx_carrier_errors": tx["carrier_errors"],
                "carrier_changes": tx["carrier_changes"],
            }
            if isinstance(row["group"], str):
                row["group"] = int(row["group"])
            wanted.append(row)
        names = list(wanted[0])
        self.compare([{name: row[name] for name in names} for row in self.facts["links"]], wanted, ["ifindex"])

    def test_links_beyond_ip(self):
        rows = {row["ifname"]: row for row in self.facts["links"]}
        self.assertEqual({row["netns"] for row in rows.values()}, {self.netns.name})
        self.assertFalse(any(row["physical"] for row in rows.values()))
        self.assertEqual(rows["va"]["link"], "vb")
        self.assertIsNone(rows["vc"]["link"])
        self.assertIsNotNone(rows["vc"]["link_ifindex"])
        self.assertTrue(rows["va"]["carrier"])
        self.assertFalse(rows["down0"]["carrier"])
        self.assertEqual(rows["down0"]["state"], "lowerlayerdown")
        self.assertGreaterEqual(rows["va"]["carrier_up_count"], 1)

    def test_addresses(self):
        wanted = []
        for link in self.netns.ip_json("-d", "addr"):
            for info in link["addr_info"]:
                flags = [name for name in ("secondary", "temporary", "nodad", "optimistic", "dadfailed", "home", "deprecated",
                                           "tentative", "mngtmpaddr", "noprefixroute", "autojoin", "stable-privacy")
                         if info.get(name)]
                wanted.append({
                    "family": info["family"], "ifindex": link["ifindex"], "ifname": link["ifname"],
                    "address": info["local"], "prefix_length": info["prefixlen"], "peer": info.get("address"),
                    "broadcast": info.get("broadcast"), "label": info.get("label") if info["family"] == "inet" else None,
                    "scope": info["scope"], "flags": sorted(flags), "permanent": not info.get("dynamic", False),
                    "protocol": info.get("protocol"),
                    "forever": [info["valid_life_time"] == 0xffffffff, info["preferred_life_time"] == 0xffffffff],
                })
        got = []
        for row in self.facts["addresses"]:
            each = {name: row[name] for name in wanted[0] if name not in ("flags", "forever")}
            each["flags"] = sorted(flag for flag in (row["flags"] or "").split(",") if flag not in ("", "permanent"))
            each["forever"] = [row["valid_s"] is None, row["preferred_s"] is None]
            got.append(each)
        if not any(row["protocol"] for row in wanted):  # an ip(8) that does not print it
            for row in got + wanted:
                del row["protocol"]
        self.compare(got, wanted, ["family", "ifindex", "address"])

    def test_address_lives(self):
        rows = {row["address"]: row for row in self.facts["addresses"]}
        self.assertTrue(4900 <= rows["10.3.1.1"]["valid_s"] <= 5000, rows["10.3.1.1"])
        self.assertTrue(2900 <= rows["10.3.1.1"]["preferred_s"] <= 3000)
        self.assertTrue(rows["2001:db8:1::2"]["deprecated"])
        self.assertEqual(rows["2001:db8:1::2"]["preferred_s"], 0)
        self.assertTrue(rows["2001:db8:4::1"]["tentative"])
        self.assertTrue(rows["10.1.0.2"]["secondary"])
        self.assertFalse(rows["10.1.0.2"]["temporary"])

    def routes_of_ip(self):
        for family in ("-4", "-6"):
            for route in self.netns.ip_json("-d", family, "route", "show", "table", "all"):
                yield ("inet" if family == "-4" else "inet6"), route

    def test_routes(self):
        wanted = []
        for family, route in self.routes_of_ip():
            metrics = (route.get("metrics") or [{}])[0]
            via = route.get("via", {})
            hops = route.get("nexthops", [])
            row = {
                "family": family, "table_name": str(route.get("table", "main")), "prefix": with_length(route["dst"], family),
                "src_prefix": with_length(route["from"], family) if "from" in route else None,
                "gateway": via.get("host", route.get("gateway")), "ifname": route.get("dev"),
                "gateway_family": via.get("family", family if "gateway" in route else None),
                "prefsrc": route.get("prefsrc"), "type": route["type"], "protocol": str(route["protocol"]),
                "scope": route.get("scope", "global"), "priority": route.get("metric", 0),
                "tos": int(route.get("tos", "0"), 16) if "tos" in route else 0,
                "dead": "dead" in route["flags"], "linkdown": "linkdown" in route["flags"],
                "onlink": "onlink" in route["flags"], "nexthop_id": route.get("nhid"),
                "mtu": metrics.get("mtu"), "advmss": metrics.get("advmss"), "window": metrics.get("window"),
                "initcwnd": metrics.get("initcwnd"), "initrwnd": metrics.get("initrwnd"),
                "rto_min_ms": metrics.get("rto_min"), "hoplimit": metrics.get("hoplimit"),
                "quickack": metrics.get("quickack"), "congctl": metrics.get("congestion"), "pref": route.get("pref"),
                "hops": len(hops) if hops else None, "expires": "expires" in route,
            }
            wanted.append(row)
        got = []
        for row in self.facts["routes"]:
            each = {name: row[name] for name in wanted[0] if name not in ("hops", "expires")}
            each["hops"] = row["nexthops"] if row["nexthops"] > 1 else None
            each["expires"] = row["expires_s"] is not None
            got.append(each)
        self.compare(got, wanted, ["family", "table_name", "prefix", "src_prefix", "priority", "tos", "type", "ifname"])

    def test_routes_beyond_ip(self):
        rows = {(row["prefix"], row["table"]): row for row in self.facts["routes"]}
        self.assertIn(("172.23.0.0/16", 100), rows)
        self.assertIn(("172.23.0.0/16", 100000), rows)
        self.assertTrue(rows["172.18.0.0/16", 254]["mtu_locked"])
        self.assertFalse(rows["172.17.0.0/16", 254]["mtu_locked"])
        self.assertEqual(rows["172.20.0.0/16", 254]["gateway_family"], "inet6")
        self.assertTrue(rows["172.21.0.1/32", 254]["linkdown"])
        self.assertEqual(rows["198.51.0.0/24", 254]["nexthops"], 0)
        default = [row for row in self.facts["routes"] if row["prefix"] == "default" and row["protocol"] == "dhcp"][0]
        self.assertEqual((default["dst"], default["dst_length"], default["nexthops"]), ("0.0.0.0", 0, 1))

    def test_route_nexthops(self):
        wanted = []
        for family, route in self.routes_of_ip():
            for number, hop in enumerate(route.get("nexthops", [])):
                wanted.append({
                    "family": family, "table_name": str(route.get("table", "main")),
                    "prefix": with_length(route["dst"], family), "priority": route.get("metric", 0), "hop": number,
                    "gateway": hop.get("via", {}).get("host", hop.get("gateway")), "ifname": hop.get("dev"),
                    "weight": hop["weight"], "dead": "dead" in hop["flags"], "linkdown": "linkdown" in hop["flags"],
                })
        self.assertGreaterEqual(len(wanted), 4)
        got = [{name: row[name] for name in wanted[0]} for row in self.facts["route_nexthops"]]
        self.compare(got, wanted, ["family", "table_name", "prefix", "priority", "hop"])

    def test_route_summary_counts_the_routes(self):
        counts = {}
        for row in self.facts["routes"]:
            key = (row["family"], row["table"], row["type"], row["protocol"])
            counts[key] = counts.get(key, 0) + 1
        got = {(row["family"], row["table"], row["type"], row["protocol"]): row["routes"]
               for row in self.facts["route_summary"]}
        self.assertEqual(got, counts)

    def test_nexthops(self):
        if not self.has_nexthops:
            self.skipTest("this kernel has no next hop objects")
        wanted = []
        for hop in self.netns.ip_json("nexthop"):
            group = "/".join(str(member["id"]) + (",%d" % member["weight"] if "weight" in member else "")
                             for member in hop.get("group", []))
            wanted.append({"id": hop["id"], "gateway": hop.get("gateway"), "ifname": hop.get("dev"),
                           "blackhole": "blackhole" in hop, "group": group or None, "scope": hop.get("scope", "global"),
                           "protocol": hop.get("protocol", "unspec"), "fdb": "fdb" in hop,
                           "flags": ",".join(hop["flags"]) or None})
        got = [{name: row[name] for name in wanted[0]} for row in self.facts["nexthops"]]
        self.compare(got, wanted, ["id"])

    def test_policy_rules(self):
        wanted = []
        for family in ("inet", "inet6"):
            for rule in self.netns.ip_json("-6" if family == "inet6" else "-4", "-d", "rule"):
                wanted.append(rule_row(rule, family))
        self.assertGreater(len(wanted), 20)
        got = [{name: row[name] for name in wanted[0]} for row in self.facts["policy_rules"]]
        self.compare(got, wanted, ["family", "priority"])

    def test_neighbours(self):
        wanted = []
        for neighbour in self.neighbours:
            wanted.append(neighbour_row(neighbour, False))
        for neighbour in self.netns.ip_json("neigh", "show", "proxy") + self.netns.ip_json("-6", "neigh", "show", "proxy"):
            row = neighbour_row(neighbour, True)
            if row not in wanted:
                wanted.append(row)
        got = [{name: row[name] for name in wanted[0]} for row in self.facts["neighbours"]]
        self.compare(got, wanted, ["family", "address", "ifname", "proxy"])

    def test_neighbour_ages(self):
        for row in self.facts["neighbours"]:
            if row["proxy"]:
                self.assertIsNone(row["used_ms"])
            else:
                self.assertLess(row["updated_ms"], 120000, row)

    def test_neighbour_summary_counts_the_neighbours(self):
        counts = {}
        for row in self.facts["neighbours"]:
            if not row["proxy"]:
                key = (row["family"], row["ifindex"], row["state"])
                counts[key] = counts.get(key, 0) + 1
        got = {(row["family"], row["ifindex"], row["state"]): row["neighbours"] for row in self.facts["neighbour_summary"]}
        self.assertEqual(got, counts)

    def test_qdiscs(self):
        wanted = [{
            "ifname": qdisc["dev"], "kind": qdisc["kind"], "handle": qdisc["handle"], "parent": qdisc.get("parent"),
            "root": qdisc.get("root", False), "bytes": qdisc["bytes"], "packets": qdisc["packets"], "drops": qdisc["drops"],
            "overlimits": qdisc["overlimits"], "requeues": qdisc["requeues"], "backlog_bytes": qdisc["backlog"],
            "qlen": qdisc["qlen"],
        } for qdisc in self.qdiscs]
        got = [{name: row[name] for name in wanted[0]} for row in self.facts["qdiscs"]]
        self.compare(got, wanted, ["ifname", "handle", "parent"])
        dropped = [row for row in got if row["ifname"] == "vc" and row["kind"] == "tbf"]
        self.assertGreater(dropped[0]["drops"], 0)

    def test_neighbour_tables_are_those_of_the_first_namespace(self):
        rows = {row["name"]: row for row in support.facts(self.netns, "neighbour_tables")["neighbour_tables"]}
        wanted = {table["name"]: table for table in json.loads(support.run("ip", "-j", "-s", "ntable")) if "thresh3" in table}
        self.assertEqual(set(rows), set(wanted))
        for name, table in wanted.items():
            for ours, theirs in (("gc_thresh1", "thresh1"), ("gc_thresh2", "thresh2"), ("gc_thresh3", "thresh3"),
                                 ("gc_interval_ms", "gc_interval")):
                self.assertEqual(rows[name][ours], table[theirs])


class Filters(unittest.TestCase):
    """Terms that reach the kernel or the parser give the rows that they name, and no others."""

    @classmethod
    def setUpClass(cls):
        cls.netns = netns = support.Netns("few")
        netns.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
        for name in ("va", "vb"):
            netns.ip("link", "set", name, "up")
        netns.ip("addr", "add", "10.1.0.1/24", "dev", "va")
        netns.ip("addr", "add", "10.2.0.1/24", "dev", "vb")
        netns.ip("route", "add", "172.16.0.0/16", "via", "10.1.0.2", "table", "100")
        netns.ip("-6", "route", "add", "2001:db8::/48", "dev", "va", "proto", "static")
        netns.ip("route", "add", "blackhole", "172.17.0.0/16")
        netns.ip("neigh", "add", "10.1.0.9", "lladdr", "02:00:00:00:00:09", "dev", "va", "nud", "permanent")
        netns.ip("neigh", "add", "10.2.0.9", "lladdr", "02:00:00:00:00:09", "dev", "vb", "nud", "permanent")
        netns.ip("neigh", "add", "proxy", "10.1.0.10", "dev", "va")
        # The addresses that the links give themselves have their routes when nobody else was found to have them.
        support.wait_for(lambda: not any("tentative" in address for each in netns.ip_json("-6", "addr")
                                         for address in each["addr_info"]), "addresses that are sure")

    @classmethod
    def tearDownClass(cls):
        cls.netns.close()

    def check(self, /, facts_table, **terms):
        everything = support.facts(self.netns, facts_table)
        def volatile(row):
            return {name: value for name, value in row.items() if not name.endswith("_ms")}
        wanted = [volatile(row) for row in everything[facts_table] if all(row[name] == value for name, value in terms.items())]
        argument = ":".join([facts_table] + ["%s=%s" % term for term in terms.items()])
        got = support.facts(self.netns, argument)
        self.assertEqual(got["absences"], [])
        self.assertEqual([volatile(row) for row in got[facts_table]], wanted)
        return len(wanted)

    def test_routes_of_a_table(self):
        self.assertEqual(self.check("routes", table=100), 1)
        self.assertEqual(self.check("routes", table_name="100"), 1)
        self.assertGreater(self.check("routes", table_name="main"), 2)

    def test_routes_of_a_table_that_is_not(self):
        self.assertEqual(self.check("routes", table=4711), 0)
        self.assertEqual(self.check("routes", table_name="nonsense"), 0)

    def test_routes_by_type_protocol_interface_and_family(self):
        self.assertEqual(self.check("routes", type="blackhole"), 1)
        self.assertGreater(self.check("routes", protocol="static"), 0)
        self.assertGreater(self.check("routes", protocol="kernel", family="inet6"), 0)
        self.assertGreater(self.check("routes", ifname="va"), 2)
        self.assertEqual(self.check("routes", ifname="nosuch"), 0)
        self.assertEqual(self.check("routes", ifindex=999), 0)
        self.assertGreater(self.check("routes", dst_length=24), 1)
        self.assertEqual(self.check("routes", prefix="172.17.0.0/16"), 1)

    def test_route_summary(self):
        self.assertGreater(self.check("route_summary", table_name="main"), 2)
        self.assertEqual(self.check("route_summary", type="blackhole"), 1)

    def test_neighbours(self):
        self.assertEqual(self.check("neighbours", ifname="va", family="inet"), 2)
        self.assertGreater(self.check("neighbours", state="permanent"), 1)
        self.assertEqual(self.check("neighbours", address="10.1.0.10"), 1)
        self.assertEqual(self.check("neighbours", ifname="nosuch"), 0)

    def test_addresses_and_rules(self):
        self.assertEqual(self.check("addresses", ifname="va", family="inet"), 1)
        self.assertEqual(self.check("policy_rules", family="inet"), 3)


def with_length(prefix, family):
    if prefix == "default" or "/" in prefix:
        return prefix
    return prefix + ("/32" if family == "inet" else "/128")


def rule_row(rule, family):
    def prefix(name):
        address = rule.get(name)
        if address in (None, "all", "0.0.0.0", "::") and name + "len" not in rule:
            return None
        return "%s/%d" % (address, rule.get(name + "len", 32 if family == "inet" else 128))

    def span(first, last, one):
        if first in rule:
            return "%d-%d" % (rule[first], rule[last])
        return str(rule[one]) if one in rule else None

    action = rule.get("action")
    if "goto" in rule:
        action = "goto"
    elif "nop" in rule or action == "nop":
        action = "nop"
    elif action is None:
        action = "lookup"
    mark = rule.get("fwmark")
    mask = rule.get("fwmask")
    suppress_group = rule.get("suppress_ifgroup", rule.get("sup_group"))
    return {
        "family": family, "priority": rule["priority"], "src": prefix("src"), "dst": prefix("dst"),
        "iif": rule.get("iif"), "oif": rule.get("oif"), "fwmark": int(mark, 16) if mark else None,
        "fwmask": int(mask, 16) if mask else (0xffffffff if mark else None),
        "tos": int(str(rule["tos"]), 16) if "tos" in rule else 0, "ip_proto": rule["ipproto"].replace("ipproto-", "") if "ipproto" in rule else None,
        "sport": span("sport_start", "sport_end", "sport"), "dport": span("dport_start", "dport_end", "dport"),
        "uid_range": span("uid_start", "uid_end", "uid"), "action": action,
        "table_name": None if "l3mdev" in rule or action != "lookup" else str(rule["table"]),
        "goto_priority": rule.get("goto"), "l3mdev": "l3mdev" in rule, "invert": "not" in rule,
        "suppress_prefixlength": rule.get("suppress_prefixlen", rule.get("sup_prefixlen")),
        "suppress_ifgroup": int(suppress_group) if suppress_group is not None else None,
        "detached": "iif_detached" in rule or "oif_detached" in rule, "protocol": rule.get("protocol", "unspec"),
    }


def neighbour_row(neighbour, proxy):
    family = "inet6" if ":" in neighbour["dst"] else "inet"
    state = "none" if proxy else (neighbour["state"][0].lower() if neighbour["state"] else "none")
    return {"family": family, "address": neighbour["dst"], "ifname": neighbour.get("dev"),
            "lladdr": neighbour.get("lladdr"), "state": state, "router": "router" in neighbour, "proxy": proxy,
            "extern_learn": "extern_learn" in neighbour,
            "probes": None if proxy else neighbour.get("probes", 0)}


if __name__ == "__main__":
    support.main()
