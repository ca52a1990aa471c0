"""Does for a program what a systemd socket unit does: holds its listening socket while it comes and goes.

    socket_unit.py PORT PROGRAM ARGUMENT...

SIGUSR1 restarts the program; SIGTERM ends it, and this with its exit code.
"""

import os
import signal
import socket
import struct
import sys

# Not taken at once: each waits for `sigwait`.
SIGNALS = {signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

held = socket.socket()
held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
held.bind(("127.0.0.1", int(sys.argv[1])))
held.listen(1024)


def start():
    child = os.fork()
    if child:
        return child
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    if held.fileno() == 3:
        held.set_inheritable(True)
    else:
        os.dup2(held.fileno(), 3)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    os.execv(sys.argv[2], sys.argv[2:])


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
    places = struct.unpack_from("I", held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 28)[0]
    print(f"restarts after exit code {code}, while {places} may wait", flush=True)
    child = start()
