"""The invocation metadata, for the call that has it."""

from tercet.rpc._stream cimport Stream

cdef tuple received(Stream stream)
