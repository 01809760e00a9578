"""Clients by hand, so that every call that is lost is seen: no library tries it again.

A client has one connection with one call at a time, over HTTP/1.1 or over gRPC, and does what the
protocol asks of it and no more: what the server has announced to close (GOAWAY, `Connection: close`)
or has closed takes no further call.
"""
