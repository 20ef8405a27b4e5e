#!/usr/bin/env python3
"""The bundle of `hostcheck run --bundle`: unpacked by tar, its packets opened by tshark, and these are those that the tables tell of."""

import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

import support
from observe_lab import LINKS, OTHER_PORT, PORT, V4, Lab, Watch, for_both, inside, segment
from support import wait_for

try:
    import jsonschema
except ImportError:
    support.skip_all("python3-jsonschema is not installed")

support.need_root()
support.need_programs("ip", "nft", "ss", "tar", "zstd", "tshark", "setpriv")

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "core", "report", "bundle.schema.json")
HEALTHY_PORT = 7070
UDP_PORT = 5555
TUNSETIFF, IFF_TUN_WITHOUT_INFORMATION = 0x400454CA, 0x1001
SYN, RST, ACK = 2, 4, 16
FILES = ["manifest.json", "report.txt", "report.json", "report.html", "snapshot.db"]
FIELDS = ["frame.comment", "frame.interface_name", "frame.interface_description", "frame.cap_len", "frame.len", "ip.src", "ip.dst",
          "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.flags", "udp.dstport", "icmp.type", "icmpv6.type",
          "_ws.malformed"]


class Bundle:
    """An unpacked bundle."""

    def __init__(self, file, folder):
        support.run("tar", "--zstd", "-xf", file, "-C", folder)
        (name,) = os.listdir(folder)
        self.folder = os.path.join(folder, name)
        self.files = sorted(os.listdir(self.folder))
        self.manifest = json.loads(self.text("manifest.json"))
        with open(SCHEMA, encoding="utf-8") as schema:
            jsonschema.validate(self.manifest, json.load(schema), cls=jsonschema.Draft202012Validator)
        sizes = {each["name"]: each["bytes"] for each in self.manifest["files"]}
        if sizes != {name: os.path.getsize(self.path(name)) for name in self.files if name != "manifest.json"}:
            raise AssertionError("the manifest tells other sizes: %s" % sizes)
        self.missing = {each["what"]: each["why"] for each in self.manifest["missing"]}

    def path(self, name):
        return os.path.join(self.folder, name)

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def ask(self, sql):
        return json.loads(support.run(support.HOSTCHECK, "query", "--format", "json", "--from", self.path("snapshot.db"), sql))

    def packets(self, about=""):
        """What tshark reads, one dict a packet; about: how their comments begin."""
        words = [word for field in FIELDS for word in ("-e", field)]
        out = support.run("tshark", "-n", "-r", self.path("packets.pcapng"), "-T", "fields", "-E", "separator=/t", "-E", "occurrence=f",
                          *words)
        packets = [dict(zip(FIELDS, line.split("\t"))) for line in out.splitlines()]
        for each in packets:
            each["source"] = each["ip.src"] or each["ipv6.src"]
            each["target"] = each["ip.dst"] or each["ipv6.dst"]
            each["flags"] = int(each["tcp.flags"] or "0", 16)
        return [each for each in packets if each["frame.comment"].startswith(about)]


class Bundles(Lab):
    def setUp(self):
        super().setUp()
        self.work = tempfile.mkdtemp(prefix="hc-bundle-")
        self.addCleanup(shutil.rmtree, self.work)
        self.file = os.path.join(self.work, "host.tar.zst")

    def start(self, netns, *options, wrap=(), observe="2500ms", form="json"):
        """hostcheck run with a bundle, once it watches."""
        process = subprocess.Popen([*wrap, support.HOSTCHECK, "run", "--netns", netns, "--observe", observe, "--format", form,
                                    "--bundle", self.file, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        if observe != "0":
            wait_for(lambda: Watch.links_of(process.pid) >= LINKS, "the window")
        return process

    def finish(self, process):
        """Its bundle, and what it printed."""
        out, errors = process.communicate(timeout=90)
        self.assertIn(process.returncode, (0, 1, 2), errors)
        folder = tempfile.mkdtemp(dir=self.work)
        return Bundle(self.file, folder), out

    def fill(self, family):
        """Connects one after the other until the accept queue takes no more."""
        self.keep(family.listen(self.server, PORT, 4))
        while True:
            client = self.keep(family.connects(self.client, PORT, 1))[0]
            if client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x02":  # SYN_SENT: on a cable it is made at once
                client.close()
                return

    def reject(self):
        self.server.exec("nft", "-f", "-", stdin="""
            table inet refuse {
              chain input {
                type filter hook input priority filter; policy accept;
                tcp dport %d reject with tcp reset
                udp dport %d reject with icmpx type admin-prohibited
              }
            }""" % (OTHER_PORT, UDP_PORT))

    def healthy(self, family, count):
        """That many connections that are served and closed."""
        listener = self.keep(family.listen(self.server, HEALTHY_PORT, 64))
        for _ in range(count):
            with inside(self.client), socket.socket(family.number) as client:
                client.settimeout(5)
                client.connect((family.server, HEALTHY_PORT))
                served = listener.accept()[0]
                client.sendall(b"hello")
                self.assertEqual(served.recv(10), b"hello")
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(served.recv(10), b"")
                served.close()
                self.assertEqual(client.recv(10), b"")

    def datagrams(self, family, count):
        """So many to the port that is rejected, each with an ICMP error in answer."""
        with inside(self.client), socket.socket(family.number, socket.SOCK_DGRAM) as sender:
            sender.settimeout(5)
            sender.connect((family.server, UDP_PORT))
            for _ in range(count):
                sender.send(b"x" * 100)
                self.assertRaises(OSError, sender.recv, 10)

    @for_both
    def test_the_packets_are_those_of_the_tables(self, family):
        self.fill(family)
        self.reject()
        syns = self.count_syns()
        process = self.start(self.server.name, "--probe", "off")
        self.healthy(family, 30)
        self.keep(family.connects(self.client, OTHER_PORT, 10))
        self.datagrams(family, 3)
        self.send_and_stop(family, 20, syns)
        bundle, out = self.finish(process)
        self.assertEqual(bundle.files, sorted([*FILES, "packets.pcapng"]))
        self.assertEqual(bundle.missing, {})
        self.assertEqual(bundle.text("report.json"), out)

        packets = bundle.packets()
        self.assertEqual([each for each in packets if each["_ws.malformed"]], [])
        self.assertEqual({(each["frame.interface_name"], each["frame.interface_description"]) for each in packets},
                         {("veth0", "network namespace " + self.server.name)})
        ports = {int(each) for packet in packets for each in (packet["tcp.srcport"], packet["tcp.dstport"], packet["udp.dstport"]) if each}
        self.assertNotIn(HEALTHY_PORT, ports)

        lost = bundle.packets("unanswered_syns:")
        self.assertEqual({(each["flags"], each["source"], each["tcp.dstport"]) for each in lost}, {(SYN, family.client, str(PORT))})
        self.assertEqual(len(lost), bundle.ask("SELECT sum(attempts) AS n FROM unanswered_syns")[0]["n"])
        self.assertEqual(len(lost), 40)
        self.assertIn("accept_queue_full", lost[0]["frame.comment"])
        self.assertIn("of listen.accept_queue_overflow", lost[0]["frame.comment"])

        resets = [each for each in bundle.packets("resets:") if each["flags"] & RST]
        self.assertEqual({(each["source"], each["tcp.srcport"]) for each in resets}, {(family.server, str(OTHER_PORT))})
        self.assertEqual(len(resets), bundle.ask("SELECT sum(packets) AS n FROM resets")[0]["n"])
        self.assertEqual(len(resets), 10)
        refused = [each for each in bundle.packets("resets:") if not each["flags"] & RST]
        self.assertEqual({(each["flags"], each["tcp.dstport"]) for each in refused}, {(SYN, str(OTHER_PORT))})
        self.assertEqual(len(refused), 10)

        errors = bundle.packets("icmp_errors:")
        self.assertEqual(len(errors), bundle.ask("SELECT sum(packets) AS n FROM icmp_errors")[0]["n"])
        self.assertEqual(len(errors), 3)
        self.assertEqual({each["source"] for each in errors}, {family.server})
        # Nothing of what the datagrams said.
        self.assertTrue(all(int(each["frame.cap_len"]) < int(each["frame.len"]) for each in errors), errors)
        self.assertEqual(len(lost) + len(resets) + len(refused) + len(errors), len(packets))
        told = {each["table"]: (each["rows"], each["rows_shown"]) for each in bundle.manifest["capture"]["tables"]}
        self.assertEqual([table for table, (rows, shown) in told.items() if rows != shown], [])

    def test_loopback_and_a_device_without_link_header(self):
        """On loopback each packet passes once, not twice; on a tun device it begins with its IP header."""
        with inside(self.server):
            tun = self.keep(open("/dev/net/tun", "r+b", buffering=0))
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN_WITHOUT_INFORMATION))
        self.server.ip("addr", "add", "10.96.0.1/24", "dev", "tun0")
        self.server.ip("link", "set", "tun0", "up")
        process = self.start(self.server.name, "--probe", "off", observe="1s")
        for number in range(4):
            tun.write(segment(V4, "10.96.0.2", "10.96.0.1", (3000 + number, OTHER_PORT), 7, SYN))
        with inside(self.server):
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family) as client:
                    self.assertRaises(ConnectionRefusedError, client.connect, (address, OTHER_PORT))
        bundle, _ = self.finish(process)
        told = {name: bundle.ask("SELECT coalesce(sum(packets), 0) AS n FROM resets WHERE local_port = %d AND local %s" % (OTHER_PORT, where))[0]["n"]
                for name, where in (("tun0", "LIKE '10.96.%'"), ("lo", "NOT LIKE '10.96.%'"))}
        self.assertEqual(told, {"tun0": 4, "lo": 2})
        resets = bundle.packets("resets:")
        for name, count in told.items():
            here = [each for each in resets if each["frame.interface_name"] == name]
            self.assertEqual([(each["flags"] & RST, each["_ws.malformed"]) for each in here if each["flags"] & RST], [(RST, "")] * count)
            self.assertEqual(sum(each["flags"] == SYN for each in here), count)

    def test_the_probes_packets(self):
        self.keep(V4.listen(self.server, PORT, 64))
        stop = threading.Event()
        listener = self.keep(V4.listen(self.server, HEALTHY_PORT, 64))

        def others():
            """Connections of others to the target, and datagrams, all the while."""
            with inside(self.client):
                noise = socket.socket(V4.number, socket.SOCK_DGRAM)
            while not stop.is_set():
                with inside(self.client), socket.socket(V4.number) as client:
                    client.connect((V4.server, HEALTHY_PORT))
                    listener.accept()[0].close()
                noise.sendto(b"x", (V4.server, UDP_PORT))
                stop.wait(0.005)
            noise.close()

        thread = threading.Thread(target=others)
        thread.start()
        try:
            process = self.start(self.client.name, "--target", "%s:%d" % (V4.server, PORT), observe="0")
            bundle, _ = self.finish(process)
        finally:
            stop.set()
            thread.join()
        packets = bundle.packets()
        self.assertEqual([each for each in packets if not re.match(r"probe_results: \d+, [a-z]+ .*, asked by ", each["frame.comment"])], [])
        ports = {int(each) for packet in packets for each in (packet["tcp.srcport"], packet["tcp.dstport"]) if each}
        self.assertNotIn(HEALTHY_PORT, ports)
        self.assertNotIn(str(UDP_PORT), {each["udp.dstport"] for each in packets})
        connects = bundle.ask("SELECT local_port, syns FROM probe_connects WHERE outcome = 'open'")
        self.assertGreaterEqual(len(connects), 1)
        for each in connects:
            own = [packet for packet in packets if str(each["local_port"]) in (packet["tcp.srcport"], packet["tcp.dstport"])]
            self.assertEqual(sum(packet["flags"] == SYN for packet in own), each["syns"])
            self.assertEqual(sum(packet["flags"] == SYN | ACK for packet in own), 1)
            self.assertGreaterEqual(sum(packet["flags"] == ACK for packet in own), 1)
        told = {each["table"]: each for each in bundle.manifest["capture"]["tables"]}["probe_results"]
        sent = bundle.ask("SELECT count(*) AS n FROM probe_results WHERE packets > 0")[0]["n"]
        self.assertEqual((told["rows_shown"], told["packets"]), (sent, len(packets)))

    def test_a_flood_is_bounded(self):
        self.drop(self.server, "input", "tcp dport %d" % PORT)  # so that each stays without an answer
        process = self.start(self.server.name, "--probe", "off", observe="3s")
        sent, _ = self.load(self.flood(V4, 200000))
        bundle, _ = self.finish(process)
        self.assertEqual(sent, 200000)
        capture = bundle.manifest["capture"]
        self.assertGreaterEqual(capture["candidates_not_kept"] + capture["candidates_lost"], 200000 - 65536, capture)
        self.assertLessEqual(capture["packets"], 65536)
        self.assertGreater(capture["packets"], 1000)
        self.assertLess(os.path.getsize(bundle.path("packets.pcapng")), 24 << 20)
        self.assertIn("packets", bundle.missing)
        self.assertEqual(len(bundle.packets()), capture["packets"])

    def test_the_report_for_people_is_the_one_that_was_printed(self):
        os.umask(0o022)
        with open(self.file, "w", encoding="ascii") as former:
            former.write("what was there before")
        os.chmod(self.file, 0o644)
        bundle, out = self.finish(self.start(self.server.name, form="text", observe="200ms"))
        self.assertEqual(bundle.text("report.txt"), out)
        self.assertIn("<html", bundle.text("report.html"))
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(bundle.path("snapshot.db")).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.work).count("host.tar.zst"), 1)
        self.assertEqual([each for each in os.listdir(self.work) if each.startswith("host.tar.zst.")], [])

    def test_of_a_snapshot_there_are_no_packets(self):
        bundle, _ = self.finish(self.start(self.server.name, "--probe", "off", observe="200ms"))
        second = os.path.join(self.work, "second.tar.zst")
        done = subprocess.run([support.HOSTCHECK, "run", "--from", bundle.path("snapshot.db"), "--bundle", second, "--format", "json"],
                              capture_output=True, text=True, timeout=60)
        self.assertIn(done.returncode, (0, 1, 2), done.stderr)
        again = Bundle(second, tempfile.mkdtemp(dir=self.work))
        self.assertEqual(again.files, sorted(FILES))
        self.assertIn("a snapshot was judged", again.missing["packets.pcapng"])
        self.assertIsNone(again.manifest["capture"])
        self.assertEqual(again.text("report.json"), done.stdout)
        self.assertEqual(again.ask("SELECT count(*) AS n FROM links"), bundle.ask("SELECT count(*) AS n FROM links"))

    def test_without_the_privilege_to_hear_the_rest_is_there(self):
        wrap = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
        bundle, _ = self.finish(self.start(self.server.name, "--probe", "off", wrap=wrap, observe="200ms"))
        self.assertEqual(bundle.files, sorted(FILES))
        self.assertIn("packets.pcapng", bundle.missing)
        self.assertIn("Operation not permitted", bundle.missing["packets of namespace " + self.server.name])

    def test_every_namespace_is_heard(self):
        self.reject()
        process = self.start("all", "--probe", "off", observe="1500ms")
        self.keep(V4.connects(self.client, OTHER_PORT, 5))
        bundle, _ = self.finish(process)
        self.assertLessEqual({self.server.name, self.client.name}, set(bundle.manifest["capture"]["namespaces"]))
        places = [each["frame.interface_description"].split()[-1] for each in bundle.packets("resets:")
                  if each["flags"] & RST and each["tcp.srcport"] == str(OTHER_PORT) and each["source"] == V4.server]
        self.assertEqual([places.count(netns.name) for netns in (self.server, self.client)], [5, 5])

    def test_a_place_that_cannot_be_written_is_told_first(self):
        done = subprocess.run([support.HOSTCHECK, "run", "--bundle", os.path.join(self.work, "none", "x.tar.zst")], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("x.tar.zst", done.stderr)


if __name__ == "__main__":
    support.main()
