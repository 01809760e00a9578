// The contracts as clients whose unary methods are promises.

import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const PROTOS = fileURLToPath(new URL("../../../protos", import.meta.url));

/** Connects to the compute and executor services behind one address. */
export function connect(address) {
  const definition = loader.loadSync(
    ["tercet/compute/v1/compute.proto", "tercet/executor/v1/executor.proto"],
    // Numbers beyond 2^53 would need `longs: String`; Tercet's counts and codes stay below.
    { includeDirs: [PROTOS], keepCase: true, longs: Number, enums: String, oneofs: true, defaults: true },
  );
  const { tercet } = grpc.loadPackageDefinition(definition);
  const credentials = grpc.credentials.createInsecure();
  return {
    compute: promised(new tercet.compute.v1.Compute(address, credentials)),
    executor: promised(new tercet.executor.v1.Executor(address, credentials)),
  };
}

/** Gives a client `call(method, request)`, which is a promise of the response. */
function promised(client) {
  client.call = (method, request) =>
    new Promise((resolve, reject) => {
      client[method](request, (error, response) => (error ? reject(error) : resolve(response)));
    });
  return client;
}

/** The elements of an int64 tensor, as BigInts. */
export function int64s({ data }) {
  return Array.from({ length: data.length / 8 }, (_, i) => data.readBigInt64LE(8 * i));
}

/** A refusal in one line: its status and what the server says. */
export function explain(error) {
  return `${grpc.status[error.code] ?? error.code}: ${error.details ?? error.message}`;
}
