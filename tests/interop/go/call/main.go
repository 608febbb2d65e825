// Calls a server with grpc-go as a program would that knows its messages: each line of the input is a method and a
// request in hex, each line of the output the response in hex or the name of the status.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const patience = 20 * time.Second

// raw passes messages on as they are.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*message.(*[]byte))}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, message any) error {
	*message.(*[]byte) = data.Materialize()
	return nil
}

func main() {
	channel, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer channel.Close()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		method, text, _ := strings.Cut(lines.Text(), " ")
		request, err := hex.DecodeString(text)
		if err != nil {
			log.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		ctx = metadata.AppendToOutgoingContext(ctx, "kasir-actor", "gopher")
		var response []byte
		err = channel.Invoke(ctx, method, &request, &response, grpc.ForceCodecV2(raw{}))
		cancel()
		if err != nil {
			fmt.Println(status.Code(err))
		} else {
			fmt.Println(hex.EncodeToString(response))
		}
	}
}
