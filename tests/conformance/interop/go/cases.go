package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// gRPC's interop cases, each under its own name: a function that gives what is wrong.
var cases = []struct {
	name string
	run  func(peer) error
}{
	{"empty_unary", emptyUnary},
	{"large_unary", largeUnary},
	{"client_streaming", clientStreaming},
	{"server_streaming", serverStreaming},
	{"ping_pong", pingPong},
	{"empty_stream", emptyStream},
	{"custom_metadata", customMetadata},
	{"status_code_and_message", statusCodeAndMessage},
	{"unimplemented_method", unimplementedMethod},
	{"cancel_after_first_response", cancelAfterFirstResponse},
	{"timeout_on_sleeping_server", timeoutOnSleepingServer},
}

var (
	sent  = []int{27182, 8, 1828, 45904}
	asked = []int32{31415, 9, 2653, 58979}
	large = fields{"response_size": int32(314159), "body": make([]byte, 271828)}
)

const (
	echoInitial  = "x-grpc-test-echo-initial"
	echoTrailing = "x-grpc-test-echo-trailing-bin"
)

func same(found, wanted any) error {
	if found != wanted {
		return fmt.Errorf("%v, not %v", found, wanted)
	}
	return nil
}

func emptyUnary(p peer) error {
	return p.connection.Invoke(
		context.Background(), service+"Empty", p.message("EmptyRequest", nil), p.message("EmptyResponse", nil),
	)
}

func largeUnary(p peer) error {
	answer, err := p.unary(context.Background(), "Unary", large)
	return errors.Join(err, same(size(answer), 314159))
}

func clientStreaming(p peer) error {
	call, err := p.stream(context.Background(), "Upload")
	if err != nil {
		return err
	}
	for _, each := range sent {
		if err := call.SendMsg(p.message("UploadRequest", fields{"body": make([]byte, each)})); err != nil {
			return err
		}
	}
	answer := p.message("UploadResponse", nil)
	err = errors.Join(call.CloseSend(), call.RecvMsg(answer))
	return errors.Join(err, same(get(answer, "size").Int(), int64(74922)))
}

func serverStreaming(p peer) error {
	call, err := p.stream(context.Background(), "Download")
	if err != nil {
		return err
	}
	err = errors.Join(call.SendMsg(p.message("DownloadRequest", fields{"sizes": asked})), call.CloseSend())
	for _, each := range asked {
		answer := p.message("DownloadResponse", nil)
		err = errors.Join(err, call.RecvMsg(answer), same(size(answer), int(each)))
	}
	return errors.Join(err, same(call.RecvMsg(p.message("DownloadResponse", nil)), io.EOF))
}

func (p peer) ping(call grpc.ClientStream, sent int, asked int32) error {
	request := fields{"body": make([]byte, sent), "sizes": []int32{asked}}
	answer := p.message("ConverseResponse", nil)
	err := errors.Join(call.SendMsg(p.message("ConverseRequest", request)), call.RecvMsg(answer))
	return errors.Join(err, same(size(answer), int(asked)))
}

func pingPong(p peer) error {
	call, err := p.stream(context.Background(), "Converse")
	if err != nil {
		return err
	}
	for turn, each := range sent {
		err = errors.Join(err, p.ping(call, each, asked[turn]))
	}
	return errors.Join(err, call.CloseSend(), same(call.RecvMsg(p.message("ConverseResponse", nil)), io.EOF))
}

func emptyStream(p peer) error {
	call, err := p.stream(context.Background(), "Converse")
	if err != nil {
		return err
	}
	return errors.Join(call.CloseSend(), same(call.RecvMsg(p.message("ConverseResponse", nil)), io.EOF))
}

func customMetadata(p peer) error {
	given := metadata.AppendToOutgoingContext(
		context.Background(), echoInitial, "test_initial_metadata_value", echoTrailing, "\xab\xab\xab",
	)
	var header, trailer metadata.MD
	_, err := p.unary(given, "Unary", large, grpc.Header(&header), grpc.Trailer(&trailer))
	return errors.Join(
		err,
		same(fmt.Sprint(header[echoInitial]), "[test_initial_metadata_value]"),
		same(fmt.Sprint(trailer[echoTrailing]), "[\xab\xab\xab]"),
	)
}

func statusCodeAndMessage(p peer) error {
	wanted := p.message("Status", fields{"code": int32(codes.Unknown), "message": "test status message"})
	_, err := p.unary(context.Background(), "Unary", fields{"status": wanted})
	return errors.Join(
		same(status.Code(err), codes.Unknown), same(status.Convert(err).Message(), "test status message"),
	)
}

func unimplementedMethod(p peer) error {
	err := p.connection.Invoke(
		context.Background(), service+"Missing", p.message("EmptyRequest", nil), p.message("EmptyResponse", nil),
	)
	return same(status.Code(err), codes.Unimplemented)
}

func cancelAfterFirstResponse(p peer) error {
	cancellable, cancel := context.WithCancel(context.Background())
	call, err := p.stream(cancellable, "Converse")
	if err != nil {
		cancel()
		return err
	}
	err = p.ping(call, 27182, 31415)
	cancel()
	return errors.Join(err, same(status.Code(call.RecvMsg(p.message("ConverseResponse", nil))), codes.Canceled))
}

// The server waits for a second request, so that nothing but the deadline ends the call.
func timeoutOnSleepingServer(p peer) error {
	short, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	call, err := p.stream(short, "Converse")
	if err == nil {
		err = call.RecvMsg(p.message("ConverseResponse", nil))
	}
	return same(status.Code(err), codes.DeadlineExceeded)
}
