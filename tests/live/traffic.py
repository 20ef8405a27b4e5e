"""Ordinary traffic for the tests of healthy hosts, until its standard input ends.

traffic.py serve ADDRESS PORT   a server for TCP and UDP; prints "ready"
traffic.py talk ADDRESS PORT    a client: short and long connections, datagrams; prints "talking" after the first rounds
"""

import select
import socket
import sys
import threading

REQUEST = b"q" * 200
REPLY = b"a" * 20_000


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def answer(connection):
    with connection:
        while request := connection.recv(len(REQUEST), socket.MSG_WAITALL):
            if len(request) == len(REQUEST):
                connection.sendall(REPLY)


def serve(address, port):
    datagrams = socket.socket(family_of(address), socket.SOCK_DGRAM)
    datagrams.bind((address, port))
    listener = socket.create_server((address, port), family=family_of(address), backlog=128)
    print("ready", flush=True)
    while True:
        for ready in select.select([listener, datagrams, sys.stdin], [], [])[0]:
            if ready is sys.stdin:
                return
            if ready is listener:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
            else:
                data, peer = datagrams.recvfrom(2000)
                datagrams.sendto(data, peer)


def ask(connection):
    connection.sendall(REQUEST)
    left = len(REPLY)
    while left > 0:
        got = len(connection.recv(65536))
        if got == 0:
            raise ConnectionError("the server ended the connection")
        left -= got


def talk(address, port):
    keep = socket.create_connection((address, port))
    datagrams = socket.socket(family_of(address), socket.SOCK_DGRAM)
    datagrams.connect((address, port))
    rounds = 0
    while True:
        ask(keep)
        with socket.create_connection((address, port)) as short:
            ask(short)
        datagrams.send(REQUEST)
        datagrams.recv(2000)
        rounds += 1
        if rounds == 20:
            print("talking", flush=True)
        # About a hundred rounds a second: traffic, not a load test.
        if select.select([sys.stdin], [], [], 0.01)[0]:
            return


if __name__ == "__main__":
    {"serve": serve, "talk": talk}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
