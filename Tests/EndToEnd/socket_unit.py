"""Does for a program what a systemd socket unit does: holds its listening sockets while it comes and goes.

    socket_unit.py PORT[,PORT...] PROGRAM ARGUMENT...

In the place of a port, "udp" is a socket on which nothing can listen.

SIGUSR1 restarts the program; SIGTERM ends it, and this with its exit code.
"""

import fcntl
import os
import signal
import socket
import struct
import sys

# Not taken at once: each waits for `sigwait`.
SIGNALS = {signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def hold(port):
    if port == "udp":
        return socket.socket(type=socket.SOCK_DGRAM)
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", int(port)))
    held.listen(1024)
    return held


sockets = [hold(port) for port in sys.argv[1].split(",")]


def become_the_program():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    # From above the places where they go, so that none takes another's.
    above = [fcntl.fcntl(held, fcntl.F_DUPFD_CLOEXEC, 3 + len(sockets)) for held in sockets]
    for place, descriptor in enumerate(above, 3):
        os.dup2(descriptor, place)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)))
    os.execv(sys.argv[2], sys.argv[2:])


def start():
    child = os.fork()
    if not child:
        become_the_program()
    return child


child = start()
while True:
    which = signal.sigwait(SIGNALS)
    if which == signal.SIGCHLD:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.kill(child, signal.SIGTERM)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if which == signal.SIGTERM:
        sys.exit(code)
    signal.sigtimedwait({signal.SIGCHLD}, 0)
    # Of a listening socket tcpi_sacked is how many connections may wait.
    places = struct.unpack_from("I", sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 28)[0]
    print(f"restarts after exit code {code}, while {places} may wait", flush=True)
    child = start()
