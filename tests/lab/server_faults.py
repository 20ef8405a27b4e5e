"""Real servers of Debian's packages, as processes of the lab's own in namespaces with their own configuration: never as services."""

import glob
import http.client
import os
import pwd
import signal
import socket
import struct
import subprocess
import tempfile
import threading

import support
from observe_lab import PORT, inside
from path_faults import NAME, named, way
from path_lab import SERVER4, bracketed
from scene import decoy, fault
from support import wait_for

BOTH = ("v4", "v6")


def folder_of(scene, owner="root"):
    """A folder for a server's files that only its user can read."""
    made = tempfile.TemporaryDirectory(prefix="hc-lab-")
    scene.addCleanup(made.cleanup)
    person = pwd.getpwnam(owner)
    os.chown(made.name, person.pw_uid, person.pw_gid)
    return made.name


def serve(netns, port, *command):
    """The server's process, once its port listens."""
    process = netns.popen(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    wait_for(lambda: process.poll() is not None or netns.exec("ss", "-Hltn", "sport = :%d" % port), command[0], 30)
    assert process.poll() is None, "%s ended: %s" % (command[0], process.returncode)
    return process


def redis(scene, netns, address, *options):
    folder = folder_of(scene)
    # The server and redis-check-rdb are one program, which goes by its name.
    program = os.path.join(folder, "redis-server")
    os.symlink("/usr/bin/redis-check-rdb", program)
    return serve(netns, 6379, program, "--port", 6379, "--bind", address, "--protected-mode", "no", "--save", "", "--dir", folder,
                 "--enable-debug-command", "yes", *options)


def nginx(scene, netns, port, http_words, main_words="", connections=512):
    folder = folder_of(scene)
    temporary = "".join("%s_temp_path %s/%s;" % (each, folder, each) for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as out:
        out.write("daemon off; user root; worker_processes 1; pid %s/pid; error_log %s/error.log; %s\n"
                  "events { worker_connections %d; }\nhttp { access_log off; %s %s }\n" %
                  (folder, folder, main_words, connections, temporary, http_words))
    return serve(netns, port, "nginx", "-p", folder, "-c", os.path.join(folder, "nginx.conf"), "-e", os.path.join(folder, "error.log"))


def postgresql(scene, netns, address, most):
    folder = folder_of(scene, "postgres")
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    person = pwd.getpwnam("postgres")
    as_postgres = ["setpriv", "--reuid=%d" % person.pw_uid, "--regid=%d" % person.pw_gid, "--clear-groups"]
    data = os.path.join(folder, "data")
    support.run(*as_postgres, os.path.join(programs, "initdb"), "-D", data, "-A", "trust", "--no-sync", "--locale=C", "-U", "postgres")
    with open(os.path.join(data, "pg_hba.conf"), "w", encoding="ascii") as out:
        out.write("host all all all trust\n")
    process = serve(netns, 5432, *as_postgres, os.path.join(programs, "postgres"), "-D", data, "-c", "listen_addresses=" + address,
                    "-c", "unix_socket_directories=" + folder, "-c", "max_connections=%d" % most, "-c", "fsync=off")

    def end():
        """All its processes, which have the namespace to themselves: before they are gone the folder cannot be removed."""
        for pid in netns.exec("ip", "netns", "pids", netns.name).split():
            with open("/proc/%s/comm" % pid, encoding="ascii") as name:
                if name.read() == "postgres\n":
                    os.kill(int(pid), signal.SIGKILL)
        process.wait()

    scene.addCleanup(end)
    return process


def postgres_session(scene, address):
    """A client of PostgreSQL: its connection and the first word of the answer, R (authentication) or E (an error)."""
    with inside(scene.client):
        client = socket.create_connection((address, 5432), timeout=10)
    words = b"user\0postgres\0database\0postgres\0\0"
    client.sendall(struct.pack("!LL", 8 + len(words), 3 << 16) + words)
    return client, client.recv(1)


@fault("C01", "socket.idle_without_keepalive", families=BOTH, quick=True)
def redis_with_idle_clients(scene):
    """redis: clients that went away keep their places (timeout 0, no keepalive)"""
    scene.pair()
    redis(scene, scene.server, scene.address, "--timeout", 0, "--tcp-keepalive", 0, "--maxclients", 150)
    scene.start(scene.client, "crowd", scene.address, 6379, 120)
    scene.wait(scene.server, "SELECT count(*) AS n FROM connections WHERE state = 'ESTABLISHED' AND last_data_recv_ms > 1200 "
                             "HAVING n = 120", "idle connections")
    scene.judge(scene.server, "--set", "socket.idle_without_keepalive.idle_s=1", observe="0",
                subject={"port": 6379, "process": "redis-server"}, evidence={"connections without data": 120})


def impatient(scene, port, request, per_second=100):
    """Clients that send their request with the connect and read what they get."""
    done = threading.Event()

    def work():
        while not done.wait(1 / per_second):
            with inside(scene.client), socket.socket(scene.family.number) as client:
                client.settimeout(1)
                try:
                    client.connect((scene.address, port))
                    client.send(request)
                    client.recv(1000)
                except OSError:
                    pass

    thread = threading.Thread(target=work)
    thread.start()
    scene.addCleanup(thread.join)
    scene.addCleanup(done.set)


@fault("C12", "tcp.resets_local", families=BOTH)
def redis_at_maxclients(scene):
    """redis: at maxclients it cuts new clients off"""
    scene.pair()
    redis(scene, scene.server, scene.address, "--maxclients", 20)
    scene.start(scene.client, "crowd", scene.address, 6379, 20)
    impatient(scene, 6379, b"PING\r\n" * 50)
    scene.judge(scene.server, observe="2s", subject={"port": 6379}, count=None)


@fault("C14", "listen.not_accepting", families=BOTH, effects=["listen.accept_queue_overflow", "listen.accepts_slowly"])
def redis_that_computes(scene):
    """redis: a command takes seconds and nobody is accepted (tcp-backlog 4)"""
    scene.pair()
    redis(scene, scene.server, scene.address, "--tcp-backlog", 4)
    with inside(scene.client):
        client = scene.keep(socket.create_connection((scene.address, 6379)))
    client.sendall(b"DEBUG SLEEP 15\r\n")
    scene.start(scene.client, "crowd", scene.address, 6379, 8)
    scene.wait(scene.server, "SELECT 1 FROM listeners WHERE oldest_unaccepted_ms > 2200", "a long wait")
    scene.judge(scene.server, subject={"local": scene.local(6379, scene.address), "process": "redis-server"},
                evidence={"connections that wait": 5})


@fault("C01", "limits.fd_process", families=BOTH,
       effects=["listen.accept_queue_overflow", "listen.accepts_slowly", "listen.not_accepting", "listen.syn_flood"])
def nginx_out_of_descriptors(scene):
    """nginx: its worker is at worker_rlimit_nofile"""
    scene.pair()
    listen = "listen %s backlog=8;" % scene.local(PORT, scene.address)
    nginx(scene, scene.server, PORT, "server { %s location / { return 200; } }" % listen, "worker_rlimit_nofile 30;")
    scene.start(scene.client, "crowd", scene.address, PORT, 60)
    pid = scene.wait(scene.server, "SELECT pid FROM processes WHERE listens = 1 AND fd_open >= fd_limit", "the limit")[0]["pid"]
    with open("/proc/%d/limits" % pid, encoding="ascii") as limits:
        assert next(line.split()[3] for line in limits if line.startswith("Max open files")) == "30"
    scene.judge(scene.server, subject={"process": "nginx", "pid": pid}, evidence={"soft limit": 30})


@fault("C03", "dns.stale_peer")
def nginx_with_a_stale_upstream(scene):
    """nginx: it resolved its upstream once, and the name has moved"""
    way(scene)
    scene.lab.server.ip("addr", "add", "10.92.0.3/24", "dev", "eth0")
    before = named(scene, [(NAME, SERVER4)], ttl=1)
    scene.start(scene.lab.server, "web", "0.0.0.0", 5433)
    nginx(scene, scene.lab.host, PORT, "upstream app { server %s:5433; keepalive 4; } server { listen 127.0.0.1:%d; location / { "
          "proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ''; } }" % (NAME, PORT))
    with inside(scene.lab.host):
        client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
        client.request("GET", "/")
    assert client.getresponse().status == 200
    client.close()
    before.kill()
    before.wait()
    named(scene, [(NAME, "10.92.0.3")], ttl=1)
    scene.judge(scene.lab.host, "--target", bracketed(NAME, 5433), observe="200ms", probe="auto",
                subject={"address": SERVER4, "process": "nginx"})


@fault("C14", "limits.process_stopped", families=BOTH, effects=["listen.not_accepting", "listen.accepts_slowly"])
def postgresql_that_was_stopped(scene):
    """postgresql: its first process was stopped by a signal"""
    scene.pair()
    process = postgresql(scene, scene.server, scene.address, 20)
    process.send_signal(signal.SIGSTOP)
    scene.addCleanup(process.send_signal, signal.SIGCONT)
    scene.start(scene.client, "crowd", scene.address, 5432, 5)
    scene.wait(scene.server, "SELECT 1 FROM listeners WHERE oldest_unaccepted_ms > 2200", "a long wait")
    scene.judge(scene.server, subject={"process": "postgres", "pid": process.pid, "ports": "5432"}, explains=["listen.not_accepting"])


@decoy(families=BOTH)
def postgresql_at_its_limit(scene):
    """postgresql: clients above max_connections are turned away in its own words, its idle sessions have keepalive"""
    scene.pair()
    postgresql(scene, scene.server, scene.address, 30)

    def at_limit():
        client, word = postgres_session(scene, scene.address)
        scene.keep(client)
        if word == b"R":
            return False
        # "cannot connect now" is what it says while it starts.
        told = client.makefile("rb").read()
        assert b"C53300\0" in told or b"C57P03\0" in told, told
        return b"C53300\0" in told

    wait_for(at_limit, "PostgreSQL at its limit", 30)
    done = threading.Event()

    def work():
        while not done.wait(0.05):
            client, said = postgres_session(scene, scene.address)
            while said == b"E" and client.recv(1000):
                pass
            client.close()

    thread = threading.Thread(target=work)
    thread.start()
    scene.addCleanup(thread.join)
    scene.addCleanup(done.set)
    scene.quiet(scene.server, scene.client, observe="2s",
                options=["--set", "socket.idle_without_keepalive.idle_s=1", "--set", "socket.idle_without_keepalive.min_count=20"])
