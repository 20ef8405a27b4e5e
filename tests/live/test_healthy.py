"""Healthy hosts: nothing at warning or above is found where nothing is wrong."""

import json
import os
import subprocess
import sys
import unittest

import support

TRAFFIC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "traffic.py")
PORT = 8080


class Traffic:
    """A server and a client that talk to each other while the block runs."""

    def __init__(self, server, client, address):
        self.sides = [(server, "serve", "ready"), (client, "talk", "talking")]
        self.address = address
        self.processes = []

    def __enter__(self):
        for netns, what, word in self.sides:
            process = netns.popen(sys.executable, TRAFFIC, what, self.address, PORT, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
            self.processes.append(process)
            if process.stdout.readline() != word + "\n":
                raise AssertionError("%s %s did not start" % (what, self.address))
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):  # the client first, so that no connection is reset
            process.communicate(timeout=10)


def addresses_settled(netns):
    """Whether duplicate address detection is over."""
    return "tentative" not in netns.ip("-6", "addr")


class HealthyHosts(unittest.TestCase):
    def assert_healthy(self, *namespaces):
        for netns in namespaces:
            support.wait_for(lambda netns=netns: addresses_settled(netns), "addresses of %s" % netns.name)
        for netns in namespaces:
            with self.subTest(netns=netns.name):
                done = subprocess.run([support.HOSTCHECK, "run", "--netns", netns.name, "--observe", "1s", "--probe", "off",
                                       "--format", "json"], capture_output=True, text=True, timeout=120)
                report = json.loads(done.stdout)
                found = [(each["id"], each["summary"]) for each in report["findings"]
                         if each["severity"] in ("warning", "critical") and each["status"] != "refuted"]
                self.assertEqual(found, [])
                failed = [(each["id"], each.get("reason")) for each in report["checks"] if each["outcome"] == "error"]
                self.assertEqual(failed, [])
                self.assertEqual(report["verdict"], "ok", done.stderr)
                self.assertEqual(done.returncode, 0)
                # It looked: a run that skips everything finds nothing either.
                clear = [each for each in report["checks"] if each["outcome"] == "clear"]
                self.assertGreater(len(clear), 40)

    def test_two_hosts_that_talk(self):
        with support.Netns("left") as left, support.Netns("right") as right:
            support.veth_pair(left, right)
            left.ip("addr", "add", "10.20.0.1/24", "dev", "veth0")
            right.ip("addr", "add", "10.20.0.2/24", "dev", "veth0")
            left.ip("route", "add", "default", "via", "10.20.0.2")
            with Traffic(right, left, "10.20.0.2"):
                self.assert_healthy(left, right)

    def test_a_router_with_nat(self):
        support.need_programs("nft")
        with support.Netns("inside") as inside, support.Netns("router") as router, support.Netns("outside") as outside:
            support.veth_pair(inside, router, "veth0", "lan0")
            support.veth_pair(outside, router, "veth0", "wan0")
            inside.ip("addr", "add", "192.168.7.2/24", "dev", "veth0")
            inside.ip("route", "add", "default", "via", "192.168.7.1")
            router.ip("addr", "add", "192.168.7.1/24", "dev", "lan0")
            router.ip("addr", "add", "203.0.113.1/24", "dev", "wan0")
            router.ip("route", "add", "default", "via", "203.0.113.2")
            outside.ip("addr", "add", "203.0.113.2/24", "dev", "veth0")
            router.sysctl("net.ipv4.ip_forward", 1)
            router.exec("nft", "-f", "-", stdin="""
                table ip nat {
                  chain postrouting {
                    type nat hook postrouting priority srcnat; policy accept;
                    oifname "wan0" counter masquerade
                  }
                }
                table inet filter {
                  chain forward {
                    type filter hook forward priority filter; policy drop;
                    ct state established,related counter accept
                    iifname "lan0" counter accept
                  }
                  chain input {
                    type filter hook input priority filter; policy drop;
                    iifname "lo" accept
                    ct state established,related accept
                    meta l4proto { icmp, ipv6-icmp } accept
                    tcp dport 22 accept
                  }
                }
                """)
            with Traffic(outside, inside, "203.0.113.2"):
                self.assert_healthy(router, inside, outside)

    def test_hosts_with_nothing_but_ipv6(self):
        with support.Netns("six") as left, support.Netns("router6") as right:
            support.veth_pair(left, right)
            left.ip("addr", "add", "2001:db8:7::2/64", "dev", "veth0")
            right.ip("addr", "add", "2001:db8:7::1/64", "dev", "veth0")
            right.ip("addr", "add", "fe80::1/64", "dev", "veth0")
            left.ip("route", "add", "default", "via", "fe80::1", "dev", "veth0")
            for netns in (left, right):
                support.wait_for(lambda netns=netns: addresses_settled(netns), "addresses of %s" % netns.name)
            with Traffic(right, left, "2001:db8:7::1"):
                self.assert_healthy(left, right)

    def test_a_host_with_two_hundred_bridges_and_veths(self):
        with support.Netns("many") as host, support.Netns("guests") as guests:
            host.ip("-batch", "-", stdin="".join(
                "link add br{0} type bridge\n"
                "link add tap{0} type veth peer name eth{0} netns {1}\n"
                "link set tap{0} master br{0} up\n"
                "link set br{0} up\n"
                "addr add 10.21.{0}.1/24 dev br{0}\n".format(i, guests.name) for i in range(200)))
            guests.ip("-batch", "-", stdin="".join(
                "link set eth{0} up\naddr add 10.21.{0}.2/24 dev eth{0}\n".format(i) for i in range(200)))
            host.sysctl("net.ipv4.ip_forward", 1)
            with Traffic(guests, host, "10.21.9.2"):
                self.assert_healthy(host)


if __name__ == "__main__":
    support.need_root()
    support.need_programs("ip")
    support.main()
