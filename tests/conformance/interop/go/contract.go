package main

import (
	"context"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const service = "/conformance.v1.Interop/"

func load(path string) protoreflect.FileDescriptor {
	encoded, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	var described descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(encoded, &described); err != nil {
		log.Fatal(err)
	}
	file, err := protodesc.NewFile(&described, nil)
	if err != nil {
		log.Fatal(err)
	}
	return file
}

// A server, and the contract that it serves.
type peer struct {
	connection *grpc.ClientConn
	contract   protoreflect.FileDescriptor
}

type fields map[protoreflect.Name]any

func (p peer) message(name protoreflect.Name, values fields) *dynamicpb.Message {
	made := dynamicpb.NewMessage(p.contract.Messages().ByName(name))
	for key, value := range values {
		field := made.Descriptor().Fields().ByName(key)
		switch value := value.(type) {
		case []int32:
			list := made.Mutable(field).List()
			for _, each := range value {
				list.Append(protoreflect.ValueOfInt32(each))
			}
		case *dynamicpb.Message:
			made.Set(field, protoreflect.ValueOfMessage(value))
		default:
			made.Set(field, protoreflect.ValueOf(value))
		}
	}
	return made
}

func get(message *dynamicpb.Message, name protoreflect.Name) protoreflect.Value {
	return message.Get(message.Descriptor().Fields().ByName(name))
}

// The size of a message's body.
func size(message *dynamicpb.Message) int {
	return len(get(message, "body").Bytes())
}

func (p peer) unary(
	context context.Context, method protoreflect.Name, values fields, options ...grpc.CallOption,
) (*dynamicpb.Message, error) {
	answer := p.message(method+"Response", nil)
	err := p.connection.Invoke(
		context, service+string(method), p.message(method+"Request", values), answer, options...,
	)
	return answer, err
}

func (p peer) stream(context context.Context, method string) (grpc.ClientStream, error) {
	both := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	return p.connection.NewStream(context, both, service+method)
}
