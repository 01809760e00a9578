"""Accepts on the listening socket that it has inherited, and tells each client who it is."""

import os
import socket
import sys

listener = socket.socket(fileno=int(sys.argv[1]))
listener.setblocking(True)
# As servers do when they are given a socket.
listener.listen(4096)
while True:
    client, _ = listener.accept()
    client.sendall(b"%d\n" % os.getpid())
    client.close()
