"""Writes many bytes; a file told by its first argument holds how many it has got rid of so far."""

import hashlib
import os
import sys

counter = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
left = int(sys.argv[2])
digest = hashlib.sha256()
block = 0
written = 0
while left:
    data = (b"%016d" % block * 1024)[: min(left, 16384)]
    sent = os.write(1, data)
    digest.update(data[:sent])
    left -= sent
    written += sent
    block += 1
    os.pwrite(counter, b"%020d" % written, 0)
os.write(2, digest.hexdigest().encode())
