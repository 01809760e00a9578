"""The engine `native`: a gRPC server on nghttp2, in Cython under an asyncio protocol.

_connection (Cython)   bytes in, bytes and events out: HTTP/2 and message framing
protocol               one connection's I/O; begins calls; one write per turn of the loop
call                   one call: the context that its handler sees, and its end
run, threads           run handlers of each style
server                 sockets, handlers, stop
"""
