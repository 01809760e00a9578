// usage: client ADDRESS DESCRIPTOR [FOLDER]. Runs gRPC's interop cases, printing a line for each: its
// name and, as JSON, what was wrong or null.
//
// DESCRIPTOR is the contract as a FileDescriptorProto, so that no stubs are made. With a FOLDER, which
// has the roots, and the client's key and certificate, it calls over mutual TLS.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	address, contract := os.Args[1], os.Args[2]
	transport := insecure.NewCredentials()
	if len(os.Args) > 3 {
		transport = mutual(os.Args[3])
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	peer := peer{connection, load(contract)}
	for _, each := range cases {
		var wrong any
		if err := each.run(peer); err != nil {
			wrong = err.Error()
		}
		line, _ := json.Marshal(wrong)
		fmt.Println(each.name, string(line))
	}
}

func mutual(folder string) credentials.TransportCredentials {
	shown, err := tls.LoadX509KeyPair(filepath.Join(folder, "client.pem"), filepath.Join(folder, "client.key"))
	if err != nil {
		log.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(folder, "roots.pem"))
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{shown}, RootCAs: roots})
}
