// usage: node client.mjs ADDRESS PROTO [compression]. Runs all cases, or those of compression,
// printing a line for each: its name and, as JSON, what was wrong or null.

import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [address, proto, which = 'cases'] = process.argv.slice(2);
const { cases } = await import(`./${which}.mjs`);
const loaded = grpc.loadPackageDefinition(loadSync(proto, { keepCase: true }));
const { Interop, Absent } = loaded.conformance.v1;
const credentials = grpc.credentials.createInsecure();

// Without the shared pool, every client has a connection of its own.
const connect = (options = {}) =>
  new Interop(address, credentials, { 'grpc.use_local_subchannel_pool': 1, ...options });
const compressing = (algorithm) => connect({ 'grpc.default_compression_algorithm': algorithm });
const peer = {
  connect,
  stub: connect(),
  deflate: () => compressing(grpc.compressionAlgorithms.deflate),
  gzip: () => compressing(grpc.compressionAlgorithms.gzip),
  absent: new Absent(address, credentials),
};

for (const [name, run] of Object.entries(cases)) {
  const wrong = await run(peer).then(
    () => null,
    (error) => String(error.stack ?? error),
  );
  console.log(`${name} ${JSON.stringify(wrong)}`);
}
// Not left to end by itself: closed channels were seen to hold the process.
process.exit();
