"""Clients by hand, so that every call that is lost is seen: no library tries it again.

A client has one connection with one call at a time, over HTTP/1.1 or over gRPC, and does what the
protocol asks of it and no more: a connection that the server has closed, or has announced to close
(GOAWAY, `Connection: close`), takes no further call.
"""
