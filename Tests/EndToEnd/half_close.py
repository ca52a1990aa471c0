"""Ends the sending side of a connection while its last answers are on their way, and counts what is missing of them.

usage: half_close.py PORT
"""

import socket
import sys
import time

PORT = int(sys.argv[1])
REQUEST = b"GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n"
COUNT = 80


def connected():
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.settimeout(10)
    client.connect(("127.0.0.1", PORT))
    return client


def rest(client):
    received = 0
    while piece := client.recv(1 << 16):
        received += len(piece)
    return received


def length(last):
    with connected() as client:
        client.sendall(REQUEST + last + b"\r\n")
        client.shutdown(socket.SHUT_WR)
        return rest(client)


def missing(last, unread):
    """What is missing when all but so many bytes were read before the end."""
    total = length(b"") * (COUNT - 1) + length(last)
    with connected() as client:
        client.sendall((REQUEST + b"\r\n") * (COUNT - 1) + REQUEST + last + b"\r\n")
        received = 0
        while received < total - unread:
            received += len(client.recv(min(1 << 16, total - unread - received)))
        # Once the server has written all that it can.
        time.sleep(0.1)
        client.shutdown(socket.SHUT_WR)
        time.sleep(0.05)
        return total - received - rest(client)


# The kernel holds some 2 MB; what the service itself still holds then is less than one answer.
for last in (b"", b"Connection: close\r\n"):
    for unread in range(1_900_000, 2_900_000, 80_000):
        print(missing(last, unread))
