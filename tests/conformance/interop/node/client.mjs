// usage: node client.mjs ADDRESS PROTO [CASES [CERTIFICATES]]. Runs all cases, or those of compression,
// printing a line for each: its name and, as JSON, what was wrong or null. With a folder of certificates
// it calls over mutual TLS.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [address, proto, which = 'cases', folder] = process.argv.slice(2);
const { cases } = await import(`./${which}.mjs`);
const loaded = grpc.loadPackageDefinition(loadSync(proto, { keepCase: true }));
const { Interop, Absent } = loaded.conformance.v1;
const pem = (name) => readFileSync(join(folder, name));
const credentials = folder
  ? grpc.credentials.createSsl(pem('roots.pem'), pem('client.key'), pem('client.pem'))
  : grpc.credentials.createInsecure();

const common = {
  // Without the shared pool, every client has a connection of its own.
  'grpc.use_local_subchannel_pool': 1,
  // Node.js warns of an address as the name of a server.
  'grpc.ssl_target_name_override': 'localhost',
};
const connect = (options = {}) => new Interop(address, credentials, { ...common, ...options });
const compressing = (algorithm) => connect({ 'grpc.default_compression_algorithm': algorithm });
const peer = {
  connect,
  stub: connect(),
  deflate: () => compressing(grpc.compressionAlgorithms.deflate),
  gzip: () => compressing(grpc.compressionAlgorithms.gzip),
  absent: new Absent(address, credentials, common),
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
