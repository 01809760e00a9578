# cython: auto_pickle=False
"""What is known of a handler before any call of it."""

import inspect

cimport cython
from tercet.rpc._ledger cimport Tally


@cython.final
cdef class Method:
    """A method handler, taken apart once.

    Args:
        handler: A `grpc.RpcMethodHandler`.
        tally: Where its calls are counted.
    """

    def __cinit__(self, str path, handler, Tally tally not None):
        self.path = path
        self.tally = tally
        self.request_streaming = handler.request_streaming
        self.response_streaming = handler.response_streaming
        self.behaviour = (
            (handler.stream_stream if self.response_streaming else handler.stream_unary)
            if self.request_streaming
            else (handler.unary_stream if self.response_streaming else handler.unary_unary)
        )
        self.deserialize = handler.request_deserializer
        self.serialize = handler.response_serializer
        self.whole = not self.request_streaming
        self.generates = inspect.isasyncgenfunction(self.behaviour) or (
            inspect.isgeneratorfunction(self.behaviour)
        )
        self.sync = not (
            inspect.iscoroutinefunction(self.behaviour)
            or inspect.isasyncgenfunction(self.behaviour)
        )

    cdef bytes serialized(self, response):
        """A response as bytes; where there is no serializer, text is UTF-8.

        None is an empty message. Both are as in grpc.aio.
        """
        if self.serialize is not None:
            response = self.serialize(response)
        elif isinstance(response, str):
            response = response.encode()
        return b"" if response is None else response


@cython.final
cdef class Dynamic:
    """A path whose handler is found per call: by interceptors, or by a handler of one's own."""

    cdef readonly str path
    cdef readonly bint whole

    def __cinit__(self, str path):
        self.path = path
