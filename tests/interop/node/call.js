// Calls a server with @grpc/grpc-js as a program would that knows its messages: each line of the input is a method and
// a request in hex, each line of the output the response in hex or the name of the status.
const grpc = require("@grpc/grpc-js");
const readline = require("node:readline/promises");

const PATIENCE_MS = 20_000;
const asItIs = (bytes) => bytes;

function call(client, method, request) {
  const metadata = new grpc.Metadata();
  metadata.set("kasir-actor", "node");
  const options = { deadline: Date.now() + PATIENCE_MS };
  return new Promise((resolve) => {
    client.makeUnaryRequest(method, asItIs, asItIs, request, metadata, options, (error, response) => {
      resolve(error ? grpc.status[error.code] : response.toString("hex"));
    });
  });
}

async function main() {
  const client = new grpc.Client(process.argv[2], grpc.credentials.createInsecure());
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [method, text] = line.split(" ");
    console.log(await call(client, method, Buffer.from(text ?? "", "hex")));
  }
  client.close();
}

main();
