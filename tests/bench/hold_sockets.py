"""Holds many connections over loopback open until its standard input ends.

hold_sockets.py accept PORT COUNT    listens, prints "ready", accepts COUNT connections, prints "full"
hold_sockets.py connect PORT COUNT   connects COUNT times to 127.0.0.1:PORT, prints "full"
"""

import resource
import socket
import sys


def main():
    what, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = []
    if what == "accept":
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(4096)
        print("ready", flush=True)
        while len(held) < count:
            held.append(listener.accept()[0])
    else:
        while len(held) < count:
            held.append(socket.create_connection(("127.0.0.1", port)))
    print("full", flush=True)
    sys.stdin.read()


main()
