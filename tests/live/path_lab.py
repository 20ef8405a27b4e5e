"""A way through a network for the tests of probes: a host, two routers with equal paths between them, a server.

    host 10.90.0.2 -- 10.90.0.1 left ==paths== right 10.92.0.1 -- 10.92.0.2 server      (fd90::2, fd92::2)

left spreads flows to the server over the paths by their five-tuple; all answers come back over path 0. Faults are nft
rules in the routers' namespaces; heal() takes them away again. With routers=True each path has a router of its own.
"""

import ipaddress
import json
import os
import socket
import struct
import threading

import support
from observe_lab import inside
from support import Netns, veth_pair, wait_for

HOST4, HOST6 = "10.90.0.2", "fd90::2"
LEFT4, LEFT6 = "10.90.0.1", "fd90::1"
RIGHT4, RIGHT6 = "10.92.0.1", "fd92::1"
SERVER4, SERVER6 = "10.92.0.2", "fd92::2"
SERVER = {4: SERVER4, 6: SERVER6}
PORT = 8080


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def bracketed(address, port):
    return "[%s]:%d" % (address, port) if ":" in address else "%s:%d" % (address, port)


def probe(netns, kind, target, unprivileged=False, budget="10s", check=True, **args):
    """`hostcheck probe` in a namespace: its JSON."""
    command = [support.HOSTCHECK, "probe", kind, target, "--format", "json", "--budget", budget]
    if unprivileged:
        # Entering a namespace needs root; the probe itself then has no capability at all.
        command = ["ip", "netns", "exec", netns.name, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                   "--bounding-set=-all", "--inh-caps=-all", *command]
    else:
        command += ["--netns", netns.name]
    return json.loads(support.run(*command, *["%s=%s" % each for each in args.items()], check=check))


def greet(netns, *addresses):
    """Has a port that nobody listens on refuse, which makes neighbours know each other."""
    for address in addresses:
        with inside(netns), socket.socket(family_of(address)) as stranger:
            stranger.settimeout(5)
            try:
                stranger.connect((address, 1))
            except ConnectionRefusedError:
                pass


class Listener:
    """Accepts everything on all addresses of a namespace and drops it; full=True: nobody accepts, and the queue is full."""

    def __init__(self, netns, port=PORT, full=False, backlog=512):
        self.closing = False
        self.kept = []
        with inside(netns):
            self.socket = socket.socket(socket.AF_INET6)  # closed by close()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self.socket.bind(("::", port))
            self.socket.listen(0 if full else backlog)
            if full:
                for _ in range(3):
                    client = socket.socket(socket.AF_INET6)
                    client.setblocking(False)
                    client.connect_ex(("::1", port))
                    self.kept.append(client)
        self.accepted = 0
        self.received = b""
        self.thread = None
        if not full:
            self.socket.settimeout(0.1)
            self.thread = threading.Thread(target=self._serve, daemon=True)
            self.thread.start()

    def _serve(self):
        while not self.closing:
            try:
                client, _ = self.socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.accepted += 1
            client.settimeout(0.5)
            try:
                self.received += client.recv(4096)
            except OSError:
                pass
            client.close()

    def close(self):
        self.closing = True
        if self.thread:
            self.thread.join()
        for each in [self.socket, *self.kept]:
            each.close()


class Lab:
    """The topology above. Call close() (addCleanup) at the end."""

    def __init__(self, paths=1, routers=False, mtu=1500):
        self.paths = paths
        self.spaces = []
        self.host, self.left, self.right, self.server = (self.space(tag) for tag in ("host", "left", "right", "srv"))
        self.middle = [self.space("mid") for _ in range(paths)] if routers else []
        for netns in self.spaces:
            for name in ("all", "default"):
                netns.sysctl("net.ipv6.conf.%s.accept_dad" % name, 0)
        for netns in (self.left, self.right, *self.middle):
            netns.sysctl("net.ipv4.ip_forward", 1)
            netns.sysctl("net.ipv6.conf.all.forwarding", 1)
        for version in (4, 6):
            # The five-tuple and nothing else: with policy 1 a veth's own hash would decide, and a SYN that is sent again
            # would take another path.
            self.left.sysctl("net.ipv%d.fib_multipath_hash_fields" % version, 0x37)
            self.left.sysctl("net.ipv%d.fib_multipath_hash_policy" % version, 3)
        self.cable(self.host, "eth0", [HOST4 + "/24", HOST6 + "/64"], self.left, "host0", [LEFT4 + "/24", LEFT6 + "/64"], mtu)
        self.cable(self.server, "eth0", [SERVER4 + "/24", SERVER6 + "/64"], self.right, "srv0",
                   [RIGHT4 + "/24", RIGHT6 + "/64"], mtu)
        for number in range(paths):
            self._path(number, mtu)
        self.host.ip("route", "add", "default", "via", LEFT4)
        self.host.ip("-6", "route", "add", "default", "via", LEFT6)
        self.server.ip("route", "add", "default", "via", RIGHT4)
        self.server.ip("-6", "route", "add", "default", "via", RIGHT6)
        self._spread()
        for netns in self.spaces:
            netns.exec("nft", "add table inet lab")
        self.meet()

    def space(self, tag):
        made = Netns(tag)
        self.spaces.append(made)
        return made

    def close(self):
        for netns in self.spaces:
            netns.close()

    @staticmethod
    def cable(one, one_name, one_addresses, other, other_name, other_addresses, mtu=1500):
        veth_pair(one, other, one_name, other_name)
        for netns, name, addresses in ((one, one_name, one_addresses), (other, other_name, other_addresses)):
            netns.ip("link", "set", name, "mtu", mtu)
            for address in addresses:
                netns.ip("addr", "add", address, "dev", name, *(["nodad"] if ":" in address else []))

    def _path(self, number, mtu):
        left = ["10.91.%d.1/24" % number, "fd91:%x::1/64" % number]
        right = ["10.91.%d.2/24" % number, "fd91:%x::2/64" % number]
        name = "path%d" % number
        if not self.middle:
            self.cable(self.left, name, left, self.right, name, right, mtu)
            return
        router = self.middle[number]
        far = ["10.93.%d.2/24" % number, "fd93:%x::2/64" % number]
        self.cable(self.left, name, left, router, "left0", right, mtu)
        self.cable(router, "right0", ["10.93.%d.1/24" % number, "fd93:%x::1/64" % number], self.right, name, far, mtu)
        for target4, target6, via in (("10.92.0.0/24", "fd92::/64", far), ("10.90.0.0/24", "fd90::/64", left)):
            router.ip("route", "add", target4, "via", via[0].split("/")[0])
            router.ip("-6", "route", "add", target6, "via", via[1].split("/")[0])

    def _spread(self):
        hops4 = [["nexthop", "via", "10.91.%d.2" % each, "weight", "1"] for each in range(self.paths)]
        hops6 = [["nexthop", "via", "fd91:%x::2" % each, "weight", "1"] for each in range(self.paths)]
        self.left.ip("route", "add", "10.92.0.0/24", *sum(hops4, []))
        self.left.ip("-6", "route", "add", "fd92::/64", *sum(hops6, []))
        net = "93" if self.middle else "91"
        self.right.ip("route", "add", "10.90.0.0/24", "via", "10.%s.0.1" % net)
        self.right.ip("-6", "route", "add", "fd90::/64", "via", "fd%s::1" % net)

    def meet(self):
        """Every neighbour is known, so that no packet waits for an answer to ARP; all paths carry."""
        greet(self.host, SERVER4, SERVER6)
        for number in range(self.paths):
            greet(self.left, "10.91.%d.2" % number, "fd91:%x::2" % number)
            if self.middle:
                greet(self.middle[number], "10.93.%d.2" % number, "fd93:%x::2" % number)

    # Faults. Each adds its rules to the table `lab` of a router's namespace.

    def rules(self, netns, hook, *rules):
        """nft rules in a chain of their own at a hook: prerouting, forward, input, output, postrouting."""
        lines = ["add chain inet lab %s { type filter hook %s priority -200; }" % (hook, hook)]
        lines += ["add rule inet lab %s %s" % (hook, each) for each in rules]
        netns.exec("nft", "-f", "-", stdin="\n".join(lines) + "\n")

    def heal(self):
        for netns in self.spaces:
            netns.exec("nft", "flush table inet lab")

    def dead_paths(self, *numbers):
        """Everything that goes to the server over these paths is lost; what comes back is not."""
        self.rules(self.right, "prerouting", *['iifname "path%d" ip daddr %s drop' % (each, SERVER4) for each in numbers],
                   *['iifname "path%d" ip6 daddr %s drop' % (each, SERVER6) for each in numbers])

    def lossy_path(self, number, percent):
        self.rules(self.right, "prerouting", 'iifname "path%d" numgen random mod 100 < %d drop' % (number, percent))

    def random_loss(self, percent, match="meta l4proto tcp"):
        """Of what goes to the server."""
        self.rules(self.left, "forward", 'iifname "host0" %s numgen random mod 1000 < %d drop' % (match, 10 * percent))

    def syn_limit(self, per_second, burst):
        """The server answers only so many SYNs."""
        self.rules(self.server, "input", "tcp flags & (syn|ack) == syn limit rate over %d/second burst %d packets drop"
                   % (per_second, burst))

    def size_loss(self, above, netns=None, hook="forward"):
        """Packets larger than that (bytes of the IP packet) are lost without a word."""
        self.rules(netns or self.left, hook, "meta length > %d drop" % above)

    def count(self, match="meta l4proto tcp", netns=None, hook="prerouting"):
        """From here on packets that match are counted where they enter left from the host; the returned function tells."""
        place = netns or self.left
        name = "c%d" % (len(match) + id(match) % 100000)
        place.exec("nft", "add counter inet lab %s" % name)
        self.rules(place, hook, '%s%s counter name %s' % ("" if netns else 'iifname "host0" ', match, name))

        def told():
            out = json.loads(place.exec("nft", "-j", "list", "counter", "inet", "lab", name))
            return next(each["counter"]["packets"] for each in out["nftables"] if "counter" in each)

        return told


def dnsmasq(netns, address, records, ttl=60, port=53):
    """Debian's dnsmasq in a namespace: records is a list of (name, address). Nothing else is known to it."""
    command = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--no-poll", "--user=root",
               "--pid-file=", "--bind-interfaces", "--listen-address=" + address, "--port=%d" % port, "--local-ttl=%d" % ttl]
    names = {}
    for name, target in records:
        names.setdefault(name, []).append(target)
    command += ["--local=/%s/" % name.split(".")[-1] for name in names]
    command += ["--address=/%s/%s" % (name, each) for name, targets in names.items() for each in targets]
    process = netns.popen(*command, stderr=support.subprocess.DEVNULL)
    wait_for(lambda: ":%d" % port in netns.exec("ss", "-Hlnu", "src", "[%s]" % address if ":" in address else address) or
             process.poll() is not None, "dnsmasq")
    if process.poll() is not None:
        raise AssertionError("dnsmasq ended: %d" % process.returncode)
    return process


class NameServer:
    """A name server by hand: answers what a function makes of the question, over UDP and TCP. For answers that no honest
    server gives."""

    def __init__(self, netns, address, answer, port=53):
        self.answer = answer  # answer(query, name, type, tcp) -> bytes, or None for silence
        self.questions = []
        self.closing = False
        self.sockets = []
        with inside(netns):
            self.udp = socket.socket(family_of(address), socket.SOCK_DGRAM)
            self.tcp = socket.socket(family_of(address), socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for each in (self.udp, self.tcp):
                each.bind((address, port))
                each.settimeout(0.1)
            self.tcp.listen(16)
        self.threads = [threading.Thread(target=each, daemon=True) for each in (self._serve_udp, self._serve_tcp)]
        for each in self.threads:
            each.start()

    def close(self):
        self.closing = True
        for each in self.threads:
            each.join()
        self.udp.close()
        self.tcp.close()

    def _reply(self, query, tcp):
        try:
            name, kind, _ = question(query)
        except (IndexError, struct.error):
            return None
        self.questions.append((name, kind, tcp))
        return self.answer(query, name, kind, tcp)

    def _serve_udp(self):
        while not self.closing:
            try:
                query, peer = self.udp.recvfrom(4096)
                reply = self._reply(query, False)
                if reply is not None:
                    self.udp.sendto(reply, peer)
            except TimeoutError:
                continue

    def _serve_tcp(self):
        while not self.closing:
            try:
                client, _ = self.tcp.accept()
            except TimeoutError:
                continue
            client.settimeout(2)
            try:
                query = client.recv(4096)
                reply = self._reply(query[2:], True)
                if reply is not None:
                    client.sendall(struct.pack("!H", len(reply)) + reply)
            except OSError:
                pass
            client.close()


def question(query):
    """Name, type and the offset behind the question of a DNS message."""
    labels, place = [], 12
    while query[place]:
        labels.append(query[place + 1:place + 1 + query[place]].decode("latin-1"))
        place += 1 + query[place]
    return ".".join(labels), struct.unpack("!H", query[place + 1:place + 3])[0], place + 5


def reply_to(query, addresses=(), rcode=0, ttl=60, flags=0):
    """An answer to a question: the addresses that fit its type."""
    _, kind, end = question(query)
    wanted = [each for each in addresses if kind == (28 if ":" in each else 1)]
    records = b"".join(struct.pack("!HHHLH", 0xc00c, kind, 1, ttl, 16 if kind == 28 else 4) + ipaddress.ip_address(each).packed
                       for each in wanted)
    return query[:2] + struct.pack("!HHHHH", 0x8180 | flags | rcode, 1, len(wanted), 0, 0) + query[12:end] + records


def file_of(netns, name, text):
    """/etc/netns/NAME/name of a namespace, as ip-netns(8) has it; returns a function that removes it."""
    folder = "/etc/netns/" + netns.name
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/" + name, "w", encoding="ascii") as out:
        out.write(text)

    def remove():
        os.unlink(folder + "/" + name)
        if not os.listdir(folder):
            os.rmdir(folder)

    return remove


def resolv_conf(netns, *servers, options=""):
    return file_of(netns, "resolv.conf", "".join("nameserver %s\n" % each for each in servers) + options)


def hosts_file(netns, **addresses):
    """A hosts file that gives each name its addresses."""
    return file_of(netns, "hosts", "".join("%s %s\n" % (each, name) for name in addresses for each in addresses[name]))
