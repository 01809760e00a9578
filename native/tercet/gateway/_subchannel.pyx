# cython: auto_pickle=False
"""A connection to an endpoint: an nghttp2 client session, and the bytes between it and its transport.

Theory of operation. Calls are its streams: `open` begins one, callbacks of nghttp2 tell the call what
comes, and nghttp2 asks for its request when there is room for it. All frames of one turn of the loop
leave in one write.

Rules:
* The connection's own window is given back at once, a stream's when its bytes have gone on: a caller
  who does not read holds back its own stream.
* It takes calls from the peer's first SETTINGS until the peer's GOAWAY, or `close`.
* An endpoint that breaks HTTP/2, or goes beyond the limits, loses its connection, and its calls end.
"""

import asyncio
import logging

cimport cython
cimport nghttp2 as h2
from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcpy

from tercet.gateway._call cimport AS_IT_SHOULD, BY_BREACH, BY_LOSS, BY_PEER, Call, Ending
from tercet.gateway._endpoint cimport Endpoint
from tercet.gateway._lane cimport Lane
from tercet.gateway._plane cimport Plane
from tercet.rpc._fields cimport Fields, fields_keep
from tercet.rpc._ledger cimport now
from tercet.rpc._limits cimport HEADER_BLOCK, PROTOCOL_ERRORS, name_of
from tercet.rpc._meter cimport Meter
from tercet.rpc._outlet cimport Buffers, Outlet
from tercet.rpc._session cimport FILL_AT_MOST, FRAME_HEADER, check, memory

cdef enum:
    # Until the peer says how many: nghttp2's own, and what RFC 9113 (section 6.5.2) recommends.
    STREAMS_AT_FIRST = 100
    # Stream ids are used up by 2^30 calls, and a connection that has none left is of no use.
    LAST_STREAM = 0x7FFF0000
    MOST_WINDOW = 0x7FFFFFFF
    # Times the limit, a header block is no accident.
    OUTRAGE = 4
    UNLIMITED = 1 << 30
    MOST_HEADERS = 16 << 20
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2

log = logging.getLogger("tercet.gateway")


cdef class Exchange(Lane):
    """The methods of an `asyncio.BufferedProtocol`; see `subchannel`.

    Args:
        leave_taken: Called when it takes no more calls and is not lost: another one is needed.
    """

    def __cinit__(self, Plane plane not None, Endpoint endpoint not None, leave_taken, *args):
        cdef h2.nghttp2_settings_entry[3] settings
        self.plane = plane
        self.endpoint = endpoint
        self.leave_taken = leave_taken
        self.limits = plane.limits
        self.meter = Meter(self.limits)
        # There is no preface before a server's frames, and no stream that it opens.
        self.meter.follow_server()
        self.most_calls = STREAMS_AT_FIRST
        self.greeted = plane.loop.create_future()
        self.lost = plane.loop.create_future()
        open_session(&self.session, <void*> self, self.limits)
        settings[0].settings_id = h2.NGHTTP2_SETTINGS_ENABLE_PUSH
        settings[0].value = 0
        settings[1].settings_id = h2.NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE
        settings[1].value = plane.window
        settings[2].settings_id = h2.NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE
        settings[2].value = <uint32_t> min(self.limits.metadata_size, 0xFFFFFFFF)
        check(h2.nghttp2_submit_settings(self.session, h2.NGHTTP2_FLAG_NONE, settings, 3))
        # Never the brake: streams have windows of their own.
        check(h2.nghttp2_session_set_local_window_size(
            self.session, h2.NGHTTP2_FLAG_NONE, 0, MOST_WINDOW))

    def __repr__(self):
        return f"<Subchannel to {self.endpoint.identity}, {self.open_calls} calls>"

    # -- for its owner ------------------------------------------------------------------------

    def close(self):
        """Takes no more calls, and ends when those that it has are over."""
        self.leaving = True
        self.part_if_idle()

    def abort(self):
        """Ends it now, with its calls."""
        self.leaving = True
        if self.transport is not None:
            self.transport.abort()

    def ping(self):
        """Asks the endpoint for a sign of life."""
        if self.transport is not None:
            check(h2.nghttp2_submit_ping(self.session, h2.NGHTTP2_FLAG_NONE, NULL))
            self.flush_soon()

    # -- Lane: for calls ----------------------------------------------------------------------

    cdef int open(self, call) except -1:
        cdef Call opened = <Call> call
        cdef h2.nghttp2_data_provider provider
        cdef Py_ssize_t count
        cdef h2.nghttp2_nv* nvs = opened.request_fields(&count)
        provider.source.ptr = <void*> opened
        provider.read_callback = on_read
        opened.id = h2.nghttp2_submit_request(
            self.session, NULL, nvs, count,
            NULL if opened.whole and opened.request.unsent == 0 else &provider, <void*> opened)
        check(opened.id)
        opened.lane_before = self.latest
        if self.latest is not None:
            self.latest.lane_after = opened
        self.latest = opened
        self.open_calls += 1
        if opened.id >= LAST_STREAM:
            self.take_leave()
        return self.flush_soon()

    cdef int resume(self, call) except -1:
        cdef Call resumed = <Call> call
        if resumed.deferred:
            resumed.deferred = False
            check(h2.nghttp2_session_resume_data(self.session, resumed.id))
        return self.flush_soon()

    cdef int consume(self, call, Py_ssize_t size) except -1:
        check(h2.nghttp2_session_consume_stream(self.session, (<Call> call).id, size))
        if h2.nghttp2_session_want_write(self.session):
            return self.flush_soon()
        return 0

    cdef int reset(self, call, uint32_t code) except -1:
        check(h2.nghttp2_submit_rst_stream(
            self.session, h2.NGHTTP2_FLAG_NONE, (<Call> call).id, code))
        return self.flush_soon()

    # -- BufferedProtocol ---------------------------------------------------------------------

    def connection_made(self, transport):
        self.transport = transport
        self.outlet = Outlet(transport)
        self.meter.refill(now())
        self.flush_soon()

    def connection_lost(self, error):
        self.transport = None
        self.leaving = True
        # Answers that had come and waited for their turn.
        self.take_rest()
        self.end_calls(
            self.breach or (str(error) if error else "the endpoint has closed it"))

    def eof_received(self):
        return False

    def get_buffer(self, hint):
        return self.plane.buffers.view

    def buffer_updated(self, Py_ssize_t size):
        if self.rest is not None:
            # TLS may have had more at hand when reading was paused.
            self.rest += PyByteArray_AS_STRING(self.plane.buffers.reading)[:size]
        elif self.transport is not None:
            self.take(self.plane.buffers.reading, size)
            if self.rest is not None:
                self.transport.pause_reading()
                self.plane.loop.call_soon(self.go_on)

    cdef int take_rest(self) except -1:
        """Takes all that waits, at the end."""
        cdef bytes rest
        try:
            while self.rest is not None and not self.breach:
                rest, self.rest = self.rest, None
                self.take(rest, len(rest))
        except Exception:
            log.exception("What an endpoint sent cannot be dealt with")
        self.rest = None
        return 0

    def go_on(self):
        """Takes what had to wait for the others' turn."""
        cdef bytes rest = self.rest
        if rest is None or self.transport is None:
            return
        self.rest = None
        try:
            self.take(rest, len(rest))
        except Exception:
            log.exception("What an endpoint sent cannot be dealt with")
            self.abort()
            return
        if self.transport is None:
            return
        if self.rest is not None:
            self.plane.loop.call_soon(self.go_on)
        elif not self.transport.is_closing():
            self.transport.resume_reading()

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        self.flush_soon()

    # -----------------------------------------------------------------------------------------

    cdef int take(self, data, Py_ssize_t size) except -1:
        """Deals with bytes of the endpoint, or with a part of them: then the rest is kept."""
        cdef const uint8_t* at = <const uint8_t*> (
            PyByteArray_AS_STRING(data) if type(data) is bytearray else PyBytes_AS_STRING(data))
        cdef Py_ssize_t taken
        cdef ssize_t done
        self.meter.refill(now())
        taken = self.meter.scan(self, at, size)
        done = h2.nghttp2_session_mem_recv(self.session, at, taken)
        self.raise_kept()
        self.give_back_kept()
        if self.meter.verdict:
            self.breach = f"it has gone beyond a limit: {name_of(self.meter.verdict)}"
        elif done < 0 and not self.breach:
            self.limits.count(PROTOCOL_ERRORS)
            self.breach = f"it does not speak HTTP/2: {h2.nghttp2_strerror(<int> done).decode()}"
        if self.breach:
            self.leaving = True
            self.flush()
            self.end_calls(self.breach)
            self.abort()
            return 0
        if taken < size:
            self.rest = bytes(memoryview(data)[taken:size])
        if self.paused and self.waiting_frames > self.limits.outbound_frames:
            self.breach = "it makes the gateway answer, and does not read the answers"
            self.end_calls(self.breach)
            self.abort()
            return 0
        if h2.nghttp2_session_want_write(self.session):
            self.flush_soon()
        self.part_if_idle()
        return 0

    cdef int flush_soon(self) except -1:
        """Sends what is queued, at the end of this turn of the loop."""
        if not self.flushing and not self.paused and self.transport is not None:
            self.flushing = True
            self.plane.turn.add(self)
        return 0

    def flush(self):
        """Sends what is queued now."""
        cdef Py_ssize_t size
        cdef Buffers buffers = self.plane.buffers
        self.flushing = False
        while not self.paused and self.transport is not None and not self.transport.is_closing():
            try:
                size = self.fill(buffers.sending)
            except Exception:
                # What it had put together is lost, and with it what the endpoint knows of HPACK.
                log.exception("An endpoint cannot be sent what it should")
                self.abort()
                return
            if size == 0:
                break
            self.outlet.write(buffers, size)
        self.part_if_idle()

    def part_if_idle(self):
        """Closes a connection that has no more calls and gets none."""
        if self.leaving and self.open_calls == 0 and self.transport is not None:
            if not self.transport.is_closing():
                self.transport.close()

    cdef int take_leave(self) except -1:
        """It takes no more calls; those that it has go on."""
        if not self.leaving:
            self.leaving = True
            # Not from within a callback of nghttp2: calls may be begun on another one.
            self.plane.loop.call_soon(self.leave_taken, self)
        return 0

    cdef int end_calls(self, str cause) except -1:
        """The connection is over."""
        cdef Call call
        cdef Ending how = BY_BREACH if self.breach else BY_LOSS
        self.leaving = True
        if not self.lost.done():
            # First: whoever dispatches calls again must not find this one.
            self.lost.set_result(cause)
            self.leave_taken(self)
        if not self.greeted.done():
            self.greeted.set_result(False)
        while self.latest is not None:
            call = self.latest
            self.delist(call)
            try:
                call.lane_closed(how, INTERNAL_ERROR, cause)
            except Exception:
                log.exception("A call cannot be ended")
        return 0

    cdef int delist(self, Call call) except -1:
        if call.lane_after is None:
            self.latest = call.lane_before
        else:
            call.lane_after.lane_before = call.lane_before
        if call.lane_before is not None:
            call.lane_before.lane_after = call.lane_after
        call.lane_before = call.lane_after = None
        self.open_calls -= 1
        return 0

    cdef bint count_field(self, Call call, size_t size) noexcept:
        """Counts a field of an answer; False if the call is to be reset."""
        # RFC 9113, section 10.5.1: the size of a field is that of its name and value and 32.
        call.block_size += size + 32
        call.block_fields += 1
        if (
            call.block_size <= self.limits.metadata_size
            and call.block_fields <= self.limits.metadata_fields
        ):
            return True
        if (
            call.block_size > OUTRAGE * self.limits.metadata_size
            or call.block_fields > OUTRAGE * self.limits.metadata_fields
        ):
            self.meter.end(HEADER_BLOCK)
        return False


cdef int open_session(h2.nghttp2_session** session, void* user, limits) except -1:
    cdef h2.nghttp2_session_callbacks* callbacks
    cdef h2.nghttp2_option* option
    check(h2.nghttp2_session_callbacks_new(&callbacks))
    try:
        h2.nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers)
        h2.nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header)
        h2.nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid)
        h2.nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame)
        h2.nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent)
        h2.nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data)
        h2.nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close)
        h2.nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data)
        check(h2.nghttp2_option_new(&option))
        try:
            h2.nghttp2_option_set_no_auto_window_update(option, 1)
            h2.nghttp2_option_set_no_closed_streams(option, 1)
            h2.nghttp2_option_set_max_send_header_block_length(option, MOST_HEADERS)
            h2.nghttp2_option_set_max_outbound_ack(option, UNLIMITED)
            h2.nghttp2_option_set_max_continuations(option, limits.continuations)
            check(h2.nghttp2_session_client_new3(session, callbacks, user, option, memory()))
        finally:
            h2.nghttp2_option_del(option)
    finally:
        h2.nghttp2_session_callbacks_del(callbacks)
    return 0


cdef int on_begin_headers(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, void* user
) noexcept:
    cdef void* found = (<Exchange> user).find(frame.hd.stream_id)
    if found != NULL:
        (<Call> found).block_size = (<Call> found).block_fields = 0
    return 0


cdef int on_header(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, h2.nghttp2_rcbuf* name,
    h2.nghttp2_rcbuf* value, uint8_t flags, void* user
) noexcept:
    cdef Exchange self = <Exchange> user
    cdef void* found = self.find(frame.hd.stream_id)
    cdef Call call
    if found == NULL:
        return 0
    call = <Call> found
    if not self.count_field(
        call, h2.nghttp2_rcbuf_get_buf(name).len + h2.nghttp2_rcbuf_get_buf(value).len
    ):
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE if self.meter.verdict else 0
    try:
        fields_keep(&call.tail if call.got_head else &call.head, name, value, flags)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_invalid(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, h2.nghttp2_rcbuf* name,
    h2.nghttp2_rcbuf* value, uint8_t flags, void* user
) noexcept:
    """A field that nghttp2 leaves out has been decoded too."""
    cdef Exchange self = <Exchange> user
    cdef void* found = self.find(frame.hd.stream_id)
    if found != NULL and not self.count_field(
        <Call> found, h2.nghttp2_rcbuf_get_buf(name).len + h2.nghttp2_rcbuf_get_buf(value).len
    ) and self.meter.verdict:
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_frame(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, void* user
) noexcept:
    cdef Exchange self = <Exchange> user
    cdef void* found
    cdef Call call
    cdef bint last = frame.hd.flags & h2.NGHTTP2_FLAG_END_STREAM
    if frame.hd.type == h2.NGHTTP2_DATA and not last:
        return 0
    try:
        if frame.hd.type == h2.NGHTTP2_DATA or frame.hd.type == h2.NGHTTP2_HEADERS:
            found = self.find(frame.hd.stream_id)
            if found == NULL:
                return 0
            call = <Call> found
            if frame.hd.type == h2.NGHTTP2_HEADERS:
                if (
                    call.block_size > self.limits.metadata_size
                    or call.block_fields > self.limits.metadata_fields
                ):
                    self.limits.count(HEADER_BLOCK)
                    call.refuse_answer("its headers are too large")
                elif not call.got_head:
                    call.head_complete(last)
                    return 0
            if last:
                call.answer_end()
        elif frame.hd.type == h2.NGHTTP2_RST_STREAM:
            found = self.find(frame.hd.stream_id)
            if found != NULL:
                (<Call> found).reset_by_peer = True
        elif frame.hd.type == h2.NGHTTP2_GOAWAY:
            self.take_leave()
        elif frame.hd.type == h2.NGHTTP2_SETTINGS and not frame.hd.flags & h2.NGHTTP2_FLAG_ACK:
            self.most_calls = <Py_ssize_t> h2.nghttp2_session_get_remote_settings(
                session, h2.NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
            if not self.greeted.done():
                self.greeted.set_result(True)
            elif self.endpoint.host is not None:
                self.endpoint.host.room_made()
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_sent(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, void* user
) noexcept:
    cdef Exchange self = <Exchange> user
    cdef void* found
    if frame.hd.type == h2.NGHTTP2_HEADERS:
        self.meter.opened(frame.hd.stream_id)
        found = self.find(frame.hd.stream_id)
        if found != NULL:
            (<Call> found).head_sent = True
    elif frame.hd.type == h2.NGHTTP2_DATA:
        self.meter.spoke()
    elif frame.hd.type == h2.NGHTTP2_GOAWAY and frame.goaway.error_code != h2.NGHTTP2_NO_ERROR:
        # nghttp2's own: it reads no more after it.
        if not self.breach:
            self.limits.count(PROTOCOL_ERRORS)
            self.breach = f"it has broken HTTP/2 (error code {frame.goaway.error_code})"
            # Or calls that wait would be given to it, and be refused one after the other.
            self.leaving = True
            self.plane.loop.call_soon(self.abort)
    return 0


cdef int on_data(
    h2.nghttp2_session* session, uint8_t flags, int32_t stream_id, const uint8_t* data,
    size_t size, void* user
) noexcept:
    cdef Exchange self = <Exchange> user
    cdef void* found = self.find(stream_id)
    self.owed += size
    try:
        if found != NULL:
            (<Call> found).answer_data(data, size)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_close(
    h2.nghttp2_session* session, int32_t stream_id, uint32_t code, void* user
) noexcept:
    cdef Exchange self = <Exchange> user
    cdef void* found = self.find(stream_id)
    cdef Call call
    cdef Ending how
    if found == NULL:
        return 0
    call = <Call> found
    try:
        self.delist(call)
        self.forget()
        if call.reset_by_peer or (self.leaving and code == h2.NGHTTP2_REFUSED_STREAM):
            how = BY_PEER
        else:
            how = AS_IT_SHOULD if code == h2.NGHTTP2_NO_ERROR else BY_BREACH
        call.lane_closed(how, code, None)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef ssize_t on_read(
    h2.nghttp2_session* session, int32_t stream_id, uint8_t* buffer, size_t room,
    uint32_t* flags, h2.nghttp2_data_source* source, void* user
) noexcept:
    """How much of a call's request the next DATA frame takes; on_send_data writes it."""
    cdef Call call = <Call> source.ptr
    cdef Py_ssize_t size = min(<Py_ssize_t> room, call.request.unsent)
    if size == 0 and not call.whole:
        call.deferred = True
        return h2.NGHTTP2_ERR_DEFERRED
    if size > 0:
        flags[0] |= h2.NGHTTP2_DATA_FLAG_NO_COPY
    if size == call.request.unsent and call.whole:
        flags[0] |= h2.NGHTTP2_DATA_FLAG_EOF
    return size


cdef int on_send_data(
    h2.nghttp2_session* session, h2.nghttp2_frame* frame, const uint8_t* header, size_t size,
    h2.nghttp2_data_source* source, void* user
) noexcept:
    """Writes a DATA frame straight from the call's buffer."""
    cdef Exchange self = <Exchange> user
    cdef uint8_t* to
    try:
        to = self.put(FRAME_HEADER + size)
        memcpy(to, header, FRAME_HEADER)
        (<Call> source.ptr).request_sent(to + FRAME_HEADER, size)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    # Sent; but nothing more in this fill().
    return h2.NGHTTP2_ERR_PAUSE if self.filled >= FILL_AT_MOST else 0
