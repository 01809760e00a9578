"""Bytes of one direction of a call, between two connections: for native modules alone."""
