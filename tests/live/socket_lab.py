"""Two namespaces with sockets in every state: a server that accepts some, a client, half-open handshakes, full queues."""


import support

SERVER4, CLIENT4, GHOST4 = "10.77.0.1", "10.77.0.2", "10.77.0.77"
SERVER6, CLIENT6, GHOST6 = "fd77::1", "fd77::2", "fd77::77"
GHOST_MAC = "02:00:00:00:00:77"

# Ports of the server's listeners.
V4, V6ONLY, DUAL, BOUND, LOCAL, SHARED, FULL, MAPPED = 7001, 7002, 7003, 7004, 7005, 7006, 7007, 7008
HALF_OPEN = {V4: 3, V6ONLY: 2, DUAL: 4}  # SYNs of the ghost to each; those to DUAL are half IPv4, half IPv6
FULL_BACKLOG = 2
UDP_FULL, UDP6 = 7100, 7101

SERVER = """
import signal, socket, sys, time
keep = []
def listener(family, address, port, backlog, *options):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for level, name, value in options: s.setsockopt(level, name, value)
    s.bind((address, port)); s.listen(backlog); keep.append(s)
    return s
v4 = listener(socket.AF_INET, "0.0.0.0", 7001, 16)
only = listener(socket.AF_INET6, "::", 7002, 17, (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1))
dual = listener(socket.AF_INET6, "::", 7003, 18, (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0))
listener(socket.AF_INET, "0.0.0.0", 7004, 19, (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"veth0"))
listener(socket.AF_INET, "127.0.0.1", 7005, 20)
for _ in range(2): listener(socket.AF_INET, "0.0.0.0", 7006, 21, (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1))
listener(socket.AF_INET, "0.0.0.0", 7007, 2)
listener(socket.AF_INET6, "::ffff:10.77.0.1", 7008, 22, (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0))
full = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
full.bind(("0.0.0.0", 7100))
udp6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); udp6.bind(("::", 7101))
connected = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); connected.connect(("10.77.0.2", 9))
keep += [full, udp6, connected]
print("listening", flush=True)
for line in sys.stdin:
    word = line.split()
    if word[0] == "accept":
        s, _ = {"7001": v4, "7002": only, "7003": dual}[word[1]].accept(); keep.append(s)
        if "keepalive" in word: s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if "send" in word: s.sendall(b"x" * 20000)
        if "read" in word: s.recv(100000)
    if word[0] == "close": keep.pop().close()
    print("done", flush=True)
"""

CLIENT = """
import socket, sys
keep = []
for line in sys.stdin:
    word = line.split()
    if word[0] == "connect":
        family = socket.AF_INET6 if ":" in word[1] else socket.AF_INET
        s = socket.socket(family, socket.SOCK_STREAM); keep.append(s)
        s.setblocking("later" not in word)
        try: s.connect((word[1], int(word[2])))
        except BlockingIOError: pass
        if "send" in word: s.sendall(b"y" * 3000)
    if word[0] == "close": keep.pop().close()
    if word[0] == "datagrams":
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); keep.append(s)
        for _ in range(int(word[3])): s.sendto(b"z" * 500, (word[1], int(word[2])))
    print("done", flush=True)
"""

# SYNs in a stranger's name: the server's answers go to a MAC that nobody has, so the handshakes stay half open.
GHOST = """
import socket, struct, sys
def checksum(data):
    data += b"\\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def syn(source, target, port, number):
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    a, b = socket.inet_pton(family, source), socket.inet_pton(family, target)
    tcp = struct.pack("!HHIIBBHHH", 20000 + number, port, 1000 + number, 0, 5 << 4, 2, 64000, 0, 0)
    pseudo = a + b + (struct.pack("!BBH", 0, 6, len(tcp)) if family == socket.AF_INET else struct.pack("!IHBB", len(tcp), 0, 0, 6))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    s = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    if family == socket.AF_INET:
        packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), number, 0, 64, 6, 0) + a + b + tcp
    else:
        packet = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + a + b + tcp
    s.sendto(packet, (target, 0))
for argument in sys.argv[1:]:
    source, target, port, number = argument.split(",")
    syn(source, target, int(port), int(number))
"""


class Talker:
    """A program in a namespace that does what it is told, line by line."""

    def __init__(self, netns, program):
        self.process = netns.popen("/usr/bin/python3", "-c", program, stdin=support.subprocess.PIPE,
                                   stdout=support.subprocess.PIPE, text=True)

    def expect(self, word):
        line = self.process.stdout.readline().strip()
        if line != word:
            raise AssertionError("expected %r, got %r" % (word, line))

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        self.expect("done")


class Lab:
    def __init__(self):
        self.server_ns = support.Netns("srv")
        self.client_ns = support.Netns("cli")
        support.veth_pair(self.server_ns, self.client_ns)
        for netns, v4, v6 in ((self.server_ns, SERVER4, SERVER6), (self.client_ns, CLIENT4, CLIENT6)):
            netns.sysctl("net.ipv6.conf.veth0.accept_dad", 0)
            netns.ip("addr", "add", v4 + "/24", "dev", "veth0")
            netns.ip("addr", "add", v6 + "/64", "dev", "veth0", "nodad")
        for ghost in (GHOST4, GHOST6):
            self.server_ns.ip("neigh", "add", ghost, "lladdr", GHOST_MAC, "dev", "veth0", "nud", "permanent")
        # Half-open handshakes have to stay for the whole test.
        self.server_ns.sysctl("net.ipv4.tcp_synack_retries", 10)
        self.server = Talker(self.server_ns, SERVER)
        self.server.expect("listening")
        self.client = Talker(self.client_ns, CLIENT)
        self._connections()
        self._datagrams()
        self._half_open()

    def _connections(self):
        tell, server = self.client.tell, self.server.tell
        tell("connect", SERVER4, V4)
        server("accept", V4)  # idle, no keepalive
        tell("connect", SERVER4, V4)
        server("accept", V4, "keepalive")
        tell("connect", SERVER4, V4, "send")
        server("accept", V4)  # data that nobody reads
        tell("connect", SERVER6, V6ONLY)
        server("accept", V6ONLY, "send")
        tell("connect", SERVER4, DUAL, "send")
        server("accept", DUAL, "read")
        tell("connect", SERVER4, V4)
        server("accept", V4)
        tell("close")  # the client is in FIN_WAIT2, the server in CLOSE_WAIT
        tell("connect", SERVER6, DUAL)
        server("accept", DUAL)
        server("close")
        tell("close")  # TIME_WAIT at the server
        tell("connect", SERVER6, DUAL)  # not accepted
        tell("connect", SERVER4, DUAL)  # not accepted
        for _ in range(FULL_BACKLOG + 1):
            tell("connect", SERVER4, FULL)
        tell("connect", SERVER4, FULL, "later")  # its SYNs are refused
        tell("connect", SERVER4, FULL, "later")

    def _datagrams(self):
        self.client.tell("datagrams", SERVER4, UDP_FULL, 50)

    def _half_open(self):
        targets = []
        for port, count in HALF_OPEN.items():
            for number in range(count):
                six = port == V6ONLY or (port == DUAL and number % 2 == 1)
                targets.append("%s,%s,%d,%d" % (GHOST6 if six else GHOST4, SERVER6 if six else SERVER4, port, number))
        self.client_ns.exec("/usr/bin/python3", "-c", GHOST, *targets)
        support.wait_for(lambda: self.half_open() == sum(HALF_OPEN.values()), "the half-open handshakes")

    def half_open(self):
        return len(self.server_ns.exec("ss", "-tnH", "state", "syn-recv").splitlines())
