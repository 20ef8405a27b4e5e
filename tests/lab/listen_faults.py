"""C01, C07 and C14: SYNs that a server does not answer, by each of the causes, and servers that hang."""

import ctypes
import os
import re
import resource
import signal
import socket
import struct
import threading

import support
from observe_lab import OTHER_PORT, PORT, data_segment, raw_socket, segment, sockets
from scene import fault
from support import wait_for

BOTH = ("v4", "v6")
SLOW = ("listen.accepts_slowly",)  # the same program, less sure


def overload(scene, netns=None):
    """A server that takes a connection now and then, and more clients than it takes."""
    netns = netns or scene.server
    scene.start(netns, "slow", scene.any_address, PORT, 2, 0.15)
    scene.start(scene.client, "persistent", scene.address, PORT, 30)
    scene.wait(netns, "SELECT 1 FROM listeners WHERE accept_queue > accept_limit", "a full queue")


@fault("C01", "listen.accept_queue_overflow", effects=SLOW, families=BOTH, quick=True)
def accept_queue_overflow(scene):
    """the application accepts too slowly"""
    scene.pair()
    overload(scene)
    assert scene.ss_queue(scene.server, PORT) >= 3
    scene.judge(scene.server, observe="2s", subject={"local": scene.local(PORT), "process": "python3"},
                against={"SYNs and last ACKs": lambda: scene.nstat(scene.server, "TcpExtListenDrops"),
                         "overflows of all listeners": lambda: scene.nstat(scene.server, "TcpExtListenOverflows")},
                evidence={"connections that wait to be accepted": (2, 3), "limit of that queue": 2},
                excluded=["conntrack.table_full", "netfilter.drops_service_port"], summary=r"python3 on .* turns connections away")


@fault("C01", "listen.syn_queue_overflow", families=BOTH, quick=True)
def syn_queue_overflow(scene):
    """the half-open queue is full and cookies are off"""
    scene.pair().far_route(scene.family)
    scene.server.sysctl("net.ipv4.tcp_syncookies", 0)
    scene.server.sysctl("net.ipv4.tcp_max_syn_backlog", 32)
    scene.start(scene.server, "closer", scene.any_address, PORT)
    scene.start(scene.client, "syns", scene.family.far if scene.version == "v6" else "10.97.0", scene.address, PORT, 200)
    scene.wait(scene.server, "SELECT 1 FROM listeners WHERE half_open >= 20", "half-open handshakes")
    half_open = sockets(scene.server, scene.family, "syn-recv")
    scene.judge(scene.server, subject={"local": scene.local(PORT), "process": "python3"},
                against={"SYNs that this listener dropped": lambda: scene.nstat(scene.server, "TcpExtListenDrops")},
                evidence={"half-open handshakes": (half_open - 4, half_open + 4), "a quarter of this": 32})


@fault("C01", "listen.syn_flood", effects=SLOW, families=BOTH, quick=True)
def syn_flood(scene):
    """a flood fills the half-open queue and cookies answer"""
    scene.pair().far_route(scene.family)
    scene.start(scene.server, "deaf", scene.any_address, PORT, 8)
    scene.start(scene.client, "syns", scene.family.far if scene.version == "v6" else "10.97.0", scene.address, PORT, 200)
    scene.wait(scene.server, "SELECT 1 FROM listeners WHERE half_open > 8", "half-open handshakes")
    scene.judge(scene.server, subject={"local": scene.local(PORT)},
                against={"SYNs that met a full": lambda: scene.nstat(scene.server, "TcpExtTCPReqQFullDoCookies"),
                         "cookies sent": lambda: scene.nstat(scene.server, "TcpExtSyncookiesSent")})


def time_wait(scene, listener, sniffer):
    """A connection that this server ended: the client's port and its last timestamp."""
    client = scene.keep(scene.family.connects(scene.client, PORT, 1))[0]
    client.setblocking(True)
    client.send(b"x" * 100)
    port = client.getsockname()[1]
    stamp = struct.unpack("!L", data_segment(scene.family, sniffer, port)[24:28])[0]
    served = listener.accept()[0]
    served.recv(100)
    served.close()
    client.recv(1)
    client.close()
    return port, stamp


@fault("C07", "tcp.paws_drops", families=BOTH, quick=True)
def older_timestamps(scene):
    """machines behind one address, one's timestamps behind another's"""
    scene.pair()
    listener = scene.keep(scene.family.listen(scene.server, PORT, 64))
    port, stamp = time_wait(scene, listener, scene.sniffer())
    wait_for(lambda: sockets(scene.server, scene.family, "time-wait") == 1, "TIME-WAIT")
    # The bare ACK that answers such a SYN would be answered by an RST, which ends TIME-WAIT.
    scene.nft(scene.client, "table inet quiet { chain output { type filter hook output priority 0; tcp flags & rst == rst drop; }; }")
    sender = scene.keep(raw_socket(scene.family, scene.client))
    done = threading.Event()

    def send():
        number = 0
        while not done.wait(0.25):  # as far apart as TCP repeats a SYN
            number += 1
            packet = segment(scene.family, scene.family.client, scene.address, (port, PORT), 1000 + number, 2,
                             timestamp=stamp - 1_000_000)
            sender.sendto(packet, (scene.address, 0))

    thread = threading.Thread(target=send)
    thread.start()
    scene.addCleanup(thread.join)
    scene.addCleanup(done.set)
    scene.judge(scene.server, observe="2s", subject={"netns": scene.server.name},
                # Linux 6.16 counts those of TIME-WAIT apart.
                against={"rejected by a connection in TIME-WAIT": lambda: scene.nstat(scene.server, "TcpExtPAWSTimewait")}
                if scene.has_counter(scene.server, "TcpExtPAWSTimewait") else
                {"rejected by a connection": lambda: scene.nstat(scene.server, "TcpExtPAWSEstab")},
                evidence={"who got no answer": re.compile(re.escape("%s to port %d" % (scene.family.client, PORT)))})


def guarded(scene, rules, port=PORT):
    """A service behind rules, and clients."""
    scene.pair()
    scene.nft(scene.server, rules)
    scene.start(scene.server, "closer", scene.any_address, port)
    scene.start(scene.client, "persistent", scene.address, port, 5)


@fault("C01", "netfilter.drops_service_port", families=BOTH, quick=True)
def firewall_drops_service(scene):
    """a rule with a counter drops a service's SYNs"""
    guarded(scene, "table inet guard { chain input { type filter hook input priority 0; tcp dport 8080 counter drop; }; }")
    count = lambda: scene.nft_packets(scene.server, "inet", "guard")  # noqa: E731
    scene.judge(scene.server, observe="2s", subject={"port": PORT, "process": "python3"},
                against={"packets that this rule counted": count, "SYNs to the port": count},
                evidence={"the rule": re.compile("inet guard input, rule 1: .*drop"),
                          "clients that got no answer": re.compile(re.escape(scene.family.client))})


@fault("C01", "netfilter.drops_service_port", families=BOTH)
def firewall_policy_drops_service(scene):
    """a chain's policy drops a service's SYNs, no rule does"""
    guarded(scene, "table inet guard { chain input { type filter hook input priority 0; policy drop; tcp dport 22 accept; "
                   "meta l4proto { icmp, ipv6-icmp } accept; }; }")
    scene.judge(scene.server, observe="2s", subject={"port": PORT, "process": "python3"}, evidence={"the rule": re.compile("policy")})


@fault("C01", "netfilter.drops_service_port", families=BOTH)
def iptables_drops_service(scene):
    """an iptables rule behind a jump drops a service's SYNs"""
    scene.pair()
    command = "ip6tables" if scene.version == "v6" else "iptables"
    for words in (["-N", "web"], ["-A", "INPUT", "-p", "tcp", "--dport", "8000:8099", "-j", "web"], ["-A", "web", "-j", "DROP"]):
        scene.server.exec(command, "-w", *words)
    scene.start(scene.server, "closer", scene.any_address, PORT)
    scene.start(scene.client, "persistent", scene.address, PORT, 5)
    scene.judge(scene.server, observe="2s", subject={"port": PORT, "process": "python3"},
                evidence={"the rule": re.compile("web, rule 1")})


def unanswering(scene):
    """A server whose answers are dropped, and more clients than its half-open queue takes: cookies have to answer them."""
    scene.start(scene.server, "deaf", scene.any_address, PORT, 5)
    scene.start(scene.client, "persistent", scene.address, PORT, 30)
    scene.wait(scene.server, "SELECT 1 FROM counters WHERE name = 'TCPReqQFullDoCookies' AND value > 0", "cookies")


@fault("C01", "netfilter.drops_answers", effects=["listen.syn_flood"], families=BOTH, quick=True)
def firewall_drops_answers(scene):
    """SYNs come in, and a rule drops the answers on their way out, cookies too"""
    scene.pair()
    scene.nft(scene.server, "table inet guard { chain output { type filter hook output priority 0; tcp sport 8080 counter drop; }; }")
    unanswering(scene)
    count = lambda: scene.nft_packets(scene.server, "inet", "guard")  # noqa: E731
    scene.judge(scene.server, observe="2s", subject={"port": PORT, "process": "python3"}, summary="SYN-ACKs never left",
                against={"packets that this rule counted": count, "SYN-ACKs of the port": count}, explains=["listen.syn_flood"],
                evidence={"the rule": re.compile("inet guard output, rule 1: .*drop"),
                          "clients that got no answer": re.compile(re.escape(scene.family.client))},
                also={"listen.syn_flood": {"process": "python3"}})


@fault("C01", "netfilter.drops_answers", effects=["listen.syn_flood"], families=BOTH)
def egress_drops_answers(scene):
    """an egress chain of the interface drops the answers"""
    scene.pair()
    scene.nft(scene.server, "table netdev guard { chain leaving { type filter hook egress device \"veth0\" priority 0; "
                            "tcp sport 8080 counter drop; }; }")
    unanswering(scene)
    scene.judge(scene.server, observe="2s", subject={"port": PORT, "process": "python3"}, summary="SYN-ACKs never left",
                against={"SYN-ACKs of the port": lambda: scene.nft_packets(scene.server, "netdev", "guard")},
                evidence={"the rule": re.compile("netdev guard leaving, rule 1: .*drop")})


@fault("C01", "tcp.answers_dropped", effects=["listen.syn_flood"], families=BOTH)
def tc_drops_answers(scene):
    """a program of tc drops the answers, which no firewall's rules show"""
    scene.pair()
    # Classic BPF: the TCP source port behind Ethernet and an IP header without options; 2 is TC_ACT_SHOT, -1 goes on.
    offset = 54 if scene.version == "v6" else 34
    scene.server.exec("tc", "qdisc", "add", "dev", "veth0", "clsact")
    scene.server.exec("tc", "filter", "add", "dev", "veth0", "egress", "protocol", "ipv6" if scene.version == "v6" else "ip", "bpf", "da",
                      "bytecode", "4,40 0 0 %d,21 0 1 %d,6 0 0 2,6 0 0 4294967295" % (offset, PORT))
    unanswering(scene)
    scene.judge(scene.server, observe="2s", subject={"process": "python3", "drop_reason": "TC_EGRESS"}, summary="a tc filter on their way",
                against={"SYN-ACKs dropped": lambda: scene.tc_drops(scene.server, "veth0")}, explains=["listen.syn_flood"])


@fault("C01", "tcp.answers_lost", effects=["tcp.retransmissions_high"], families=BOTH)
def answers_lost_behind(scene):
    """the host answers, and one client's answers are lost on their way back; another is served"""
    scene.pair()
    six = scene.version == "v6"
    stranger = "fd98::77" if six else "10.98.0.77"
    scene.client.ip("addr", "add", stranger + ("/64" if six else "/24"), "dev", "veth0", *(["nodad"] if six else []))
    scene.nft(scene.client, "table netdev way { chain back { type filter hook ingress device \"veth0\" priority 0; "
                            "%s daddr %s tcp sport %d counter drop; }; }" % ("ip6" if six else "ip", stranger, PORT))
    scene.start(scene.server, "closer", scene.any_address, PORT)
    scene.start(scene.client, "persistent", scene.address, PORT, 5, 0.4, scene.family.client)
    scene.start(scene.client, "persistent", scene.address, PORT, 20, 2.5, stranger)
    scene.judge(scene.server, observe="3s", subject={"local": scene.local(PORT, scene.address), "process": "python3"},
                evidence={"clients that they came from": 1, "one of the clients": stranger, "attempts whose SYN": (8, 40),
                          "connections that were established": (5, 200)},
                excluded=["netfilter.drops_answers", "netfilter.drops_service_port", "listen.accept_queue_overflow"])


@fault("C01", "limits.fd_process", effects=["listen.accept_queue_overflow", "listen.not_accepting", "listen.accepts_slowly"],
       families=BOTH, quick=True)
def descriptors_of_the_process(scene):
    """the server is at its limit of descriptors"""
    scene.pair()
    scene.start(scene.server, "keeper", scene.any_address, PORT, 30)
    scene.start(scene.client, "crowd", scene.address, PORT, 60)
    pid = scene.wait(scene.server, "SELECT pid FROM processes WHERE listens = 1 AND fd_open >= fd_limit", "the limit")[0]["pid"]
    assert len(os.listdir("/proc/%d/fd" % pid)) == 30
    scene.judge(scene.server, subject={"process": "python3", "pid": pid, "ports": str(PORT)},
                evidence={"open descriptors": 30, "soft limit": 30})


@fault("C01", "limits.fd_system", alone=True)
def descriptors_of_the_machine(scene):
    """the machine is near its limit of file handles"""
    scene.pair()
    scene.start(scene.server, "closer", scene.any_address, PORT)

    def allocated():
        with open("/proc/sys/fs/file-nr", encoding="ascii") as file:
            return int(file.read().split()[0])

    # Nothing fails: there is room for hundreds, and who has CAP_SYS_ADMIN is not bound by it.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for _ in range(6000):
        scene.keep(open("/dev/null", "rb"))
    most = int(allocated() / 0.94)
    scene.kernel_wide("fs/file-max", most)
    scene.judge(scene.server, evidence={"file handles in use": (0.9 * most, most), "limit": most})


@fault("C01", "limits.tcp_memory", effects=["tcp.receive_queue_pruned"], families=BOTH, alone=True)
def memory_of_tcp(scene):
    """TCP uses more memory than its pressure mark"""
    scene.pair()

    def pages():
        with open("/proc/net/sockstat", encoding="ascii") as file:
            return next(int(line.split()[-1]) for line in file if line.startswith("TCP:"))

    before = pages()
    listener = scene.keep(scene.family.listen(scene.server, PORT, 64))
    for client in scene.keep(scene.family.connects(scene.client, PORT, 24)):
        served = scene.keep(listener.accept()[0])
        client.setblocking(False)
        try:
            for _ in range(64):
                client.send(b"x" * 65536)
        except BlockingIOError:
            pass
        del served
    wait_for(lambda: pages() > before + 200, "data that nobody reads")
    used = pages()
    with open("/proc/sys/net/ipv4/tcp_mem", encoding="ascii") as file:
        high = int(file.read().split()[2])
    scene.kernel_wide("net/ipv4/tcp_mem", "%d %d %d" % (used // 4, used // 2, high))
    scene.judge(scene.server, evidence={"pages in use": (used // 2, 2 * used), "pressure begins": used // 2, "allocation fails": high})


@fault("C01", "route.rp_filter_drops", quick=True)
def reverse_path_filter(scene):
    """the reverse-path filter drops a client that comes the other way"""
    scene.pair()
    other = scene.space("other")
    support.veth_pair(scene.server, other, "veth1", "veth0")
    scene.server.ip("addr", "add", "10.95.0.1/24", "dev", "veth1")
    scene.server.ip("route", "add", "10.96.0.0/24", "dev", "veth1")
    scene.server.sysctl("net.ipv4.conf.veth0.rp_filter", 1)
    scene.server.sysctl("net.ipv4.conf.all.rp_filter", 0)
    scene.client.ip("addr", "add", "10.96.0.2/32", "dev", "lo")
    scene.start(scene.server, "closer", "0.0.0.0", PORT)
    # ARP from the other address would be filtered too, and not be counted.
    mac = scene.server.ip_json("link", "show", "veth0")[0]["address"]
    scene.client.ip("neigh", "replace", scene.address, "lladdr", mac, "dev", "veth0")
    scene.start(scene.client, "crowd", scene.address, PORT, 20, "10.96.0.2", 0.0)
    scene.start(scene.client, "datagrams", scene.address, 9, 20, "10.96.0.2")
    scene.judge(scene.server, subject={"netns": scene.server.name, "interface": "veth0"},
                against={"packets dropped": lambda: scene.nstat(scene.server, "TcpExtIPReversePathFilter")})


@fault("C01", "listen.accept_queue_overflow", effects=["netfilter.drops_service_port", "route.rp_filter_drops", *SLOW], families=BOTH)
def three_at_once(scene):
    """too slow at one port, a rule at another, and a sender that is filtered or floods"""
    scene.pair()
    overload(scene)
    scene.nft(scene.server, "table inet guard { chain input { type filter hook input priority 0; tcp dport 9090 counter drop; }; }")
    scene.start(scene.server, "closer", scene.any_address, OTHER_PORT)
    scene.start(scene.client, "persistent", scene.address, OTHER_PORT, 5)
    also = {"netfilter.drops_service_port": {"port": OTHER_PORT}}
    if scene.version == "v4":
        scene.server.sysctl("net.ipv4.conf.veth0.rp_filter", 1)
        scene.server.ip("route", "add", "10.96.0.0/24", "dev", "lo")
        scene.client.ip("addr", "add", "10.96.0.2/32", "dev", "lo")
        scene.start(scene.client, "datagrams", scene.address, 9, 50, "10.96.0.2")
        also["route.rp_filter_drops"] = {"interface": "veth0"}
    scene.judge(scene.server, observe="2s", subject={"local": scene.local(PORT)}, also=also)


@fault("C01", "route.reply_impossible", effects=["listen.syns_refused"], families=BOTH)
def no_way_back(scene):
    """the listener has no route back to the client"""
    scene.pair()
    six = scene.version == "v6"
    stranger = "fd96::9" if six else "10.96.0.9"
    scene.client.ip("addr", "add", stranger + ("/128" if six else "/32"), "dev", "lo", *(["nodad"] if six else []))
    scene.server.ip(*(["-6"] if six else []), "route", "add", "unreachable", "fd96::/64" if six else "10.96.0.0/16")
    for name in ("all", "default", "veth0"):
        scene.server.sysctl("net.ipv4.conf.%s.rp_filter" % name, 0)
    scene.start(scene.server, "closer", scene.any_address, PORT)
    scene.start(scene.client, "crowd", scene.address, PORT, 20, stranger, 0.0)
    for report in scene.judge(scene.server, observe="3s", also={"listen.syns_refused": {"port": PORT}}):
        refused = next(each for each in report["findings"] if each["id"] == "listen.syns_refused")
        scene.assertLessEqual({"listen.accept_queue_overflow", "listen.syn_queue_overflow", "listen.syn_flood", "tcp.paws_drops",
                               "netfilter.drops_service_port", "limits.fd_process", "limits.tcp_memory", "tcp.tw_recycle_enabled"},
                              {each["id"] for each in refused["excluded"] if each["because"]}, refused)


@fault("C01", "tcp.syns_dropped", families=BOTH)
def socket_filter(scene):
    """a filter on the listening socket drops its SYNs"""
    scene.pair()
    listener = scene.keep(scene.family.listen(scene.server, PORT, 64))
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # return 0
    listener.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxP", 1, ctypes.addressof(nothing)))  # SO_ATTACH_FILTER
    scene.start(scene.client, "persistent", scene.address, PORT, 5)
    told = scene.count_syns()
    scene.judge(scene.server, observe="2s", subject={"local": scene.local(PORT, scene.address), "reason": "socket_filter"},
                against={"SYNs dropped": told})


@fault("C01", "socket.idle_without_keepalive", families=BOTH, quick=True)
def idle_connections(scene):
    """connections that nobody uses and nobody closes"""
    scene.pair()
    scene.start(scene.server, "keeper", scene.any_address, 6379)
    scene.start(scene.client, "crowd", scene.address, 6379, 25)
    scene.wait(scene.server, "SELECT count(*) AS n FROM connections WHERE state = 'ESTABLISHED' AND last_data_recv_ms > 1200 "
                             "HAVING n = 25", "idle connections")
    count = len(scene.server.exec("ss", "-Htn", "state", "established", "sport = :6379").splitlines())
    assert count == 25
    scene.judge(scene.server, "--set", "socket.idle_without_keepalive.idle_s=1", "--set", "socket.idle_without_keepalive.min_count=20",
                observe="0", subject={"port": 6379, "process": "python3"}, evidence={"connections without data": 25})


@fault("C01", "tcp.syn_unanswered", families=BOTH, quick=True)
def unanswered_client(scene):
    """a client's SYNs go into the void"""
    scene.pair()
    far = "fd50::1" if scene.version == "v6" else "10.50.1.1"
    scene.client.ip(scene.family.option(), "route", "add", far, "via", scene.address)
    scene.drop(scene.server, "prerouting", "tcp dport 443")
    scene.start(scene.client, "crowd", far, 443, 6)
    scene.wait(scene.client, "SELECT 1 FROM connections WHERE state = 'SYN_SENT' AND retransmits_now > 0", "retransmissions")
    scene.judge(scene.client, observe="2s", subject={"remote": scene.local(443, far), "process": "python3"},
                evidence={"connects that wait": 6})
    assert scene.dropped(scene.server) >= 18


@fault("C01", "socket.ephemeral_ports_exhausted", families=BOTH)
def no_local_port(scene):
    """no local port is left towards one destination"""
    scene.pair()
    scene.client.sysctl("net.ipv4.ip_local_port_range", "50000 50019")
    scene.start(scene.server, "keeper", scene.any_address, PORT)
    scene.start(scene.client, "crowd", scene.address, PORT, 20)
    scene.judge(scene.client, observe="0", subject={"remote": scene.local(PORT, scene.address)})


@fault("C14", "listen.not_accepting", effects=SLOW, families=BOTH, quick=True)
def hung_server(scene):
    """the server hangs and its queue stands still"""
    scene.pair()
    scene.start(scene.server, "deaf", scene.any_address, PORT, 16)
    scene.start(scene.client, "crowd", scene.address, PORT, 5)
    scene.wait(scene.server, "SELECT 1 FROM listeners WHERE oldest_unaccepted_ms > 2200", "a long wait")
    assert scene.ss_queue(scene.server, PORT) == 5
    scene.judge(scene.server, subject={"local": scene.local(PORT), "process": "python3"},
                evidence={"connections that wait": 5, "the first of them": (2200, 60000)})


@fault("C14", "limits.process_stopped", effects=["listen.not_accepting", *SLOW])
def stopped_server(scene):
    """the server was stopped by a signal"""
    scene.pair()
    scene.start(scene.server, "slow", scene.any_address, PORT, 16, 0.01)
    pid = support.query(scene.server, "SELECT pid FROM listeners")[0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    scene.addCleanup(os.kill, pid, signal.SIGCONT)
    scene.start(scene.client, "crowd", scene.address, PORT, 5)
    scene.wait(scene.server, "SELECT 1 FROM listeners WHERE oldest_unaccepted_ms > 2200", "a long wait")
    scene.judge(scene.server, subject={"pid": pid, "ports": str(PORT)}, explains=["listen.not_accepting"])


@fault("C14", "listen.port_closed", families=BOTH, effects=["dns.address_unreachable"])
def closed_port(scene):
    """nobody listens on the port that clients ask for"""
    scene.pair()
    scene.judge(scene.server, "--target", scene.local(9, scene.address), observe="0", probe="auto",
                subject={"address": scene.address, "port": 9})
