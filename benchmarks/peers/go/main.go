// grpc-go as its own examples set it up, without a limit on messages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"

	"google.golang.org/grpc"

	"peer/echo"
)

type server struct {
	echo.UnimplementedEchoServiceServer
}

func (server) Echo(_ context.Context, request *echo.EchoRequest) (*echo.EchoResponse, error) {
	return &echo.EchoResponse{Payload: request.Payload}, nil
}

func (server) Stream(request *echo.StreamRequest, stream grpc.ServerStreamingServer[echo.StreamResponse]) error {
	payload := make([]byte, request.Size)
	for range request.Count {
		if err := stream.Send(&echo.StreamResponse{Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}

func (server) Converse(stream grpc.BidiStreamingServer[echo.ConverseRequest, echo.ConverseResponse]) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&echo.ConverseResponse{Payload: request.Payload}); err != nil {
			return err
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	peer := grpc.NewServer(grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32))
	echo.RegisterEchoServiceServer(peer, server{})
	fmt.Println("listening on", listener.Addr())
	log.Fatal(peer.Serve(listener))
}
