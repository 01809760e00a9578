// gRPC's interop cases, each under its own name: a function of a stub that throws when it fails.

import assert from 'node:assert/strict';
import { once } from 'node:events';

import grpc from '@grpc/grpc-js';

const SENT = [27182, 8, 1828, 45904];
const ASKED = [31415, 9, 2653, 58979];
const ECHO_INITIAL = 'x-grpc-test-echo-initial';
const ECHO_TRAILING = 'x-grpc-test-echo-trailing-bin';
const SPECIAL = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
const LARGE = { response_size: 314159, body: Buffer.alloc(271828) };

// A unary call's end: its response, error, metadata and status.
export function unary(stub, method, request, metadata = new grpc.Metadata()) {
  return new Promise((resolve) => {
    const seen = {};
    const answered = new Promise((done) => {
      const call = stub[method](request, metadata, (error, response) => done({ error, response }));
      call.on('metadata', (initial) => (seen.initial = initial));
      call.on('status', async (status) => resolve({ ...seen, status, ...(await answered) }));
    });
  });
}

// What a stream gives: every message, then how it ended. Not `once`: it throws at an 'error', which
// says again what the status says.
export function drain(call) {
  return new Promise((resolve) => {
    const seen = { sizes: [] };
    call.on('data', (message) => seen.sizes.push(message.body.length));
    call.on('metadata', (initial) => (seen.initial = initial));
    call.on('error', () => {});
    call.on('status', (status) => resolve({ ...seen, status }));
  });
}

const ping = (sent, asked) => ({ body: Buffer.alloc(sent), sizes: [asked] });

async function status(stub, message) {
  const request = { status: { code: 2, message } };
  const { error } = await unary(stub, 'Unary', request);
  const duplex = stub.Converse();
  duplex.end(request);
  for (const ended of [error, (await drain(duplex)).status]) {
    assert.equal(ended.code, grpc.status.UNKNOWN);
    assert.equal(ended.details, message);
  }
}

export const cases = {
  async empty_unary({ stub }) {
    assert.deepEqual({ ...(await unary(stub, 'Empty', {})).response }, {});
  },

  async large_unary({ stub }) {
    assert.equal((await unary(stub, 'Unary', LARGE)).response.body.length, 314159);
  },

  async client_streaming({ stub }) {
    const size = await new Promise((resolve, reject) => {
      const call = stub.Upload((error, response) => (error ? reject(error) : resolve(response.size)));
      for (const size of SENT) call.write({ body: Buffer.alloc(size) });
      call.end();
    });
    assert.equal(size, 74922);
  },

  async server_streaming({ stub }) {
    const { sizes, status } = await drain(stub.Download({ sizes: ASKED }));
    assert.deepEqual(sizes, ASKED);
    assert.equal(status.code, grpc.status.OK);
  },

  async ping_pong({ stub }) {
    const call = stub.Converse();
    for (const [turn, sent] of SENT.entries()) {
      call.write(ping(sent, ASKED[turn]));
      const [message] = await once(call, 'data');
      assert.equal(message.body.length, ASKED[turn]);
    }
    call.end();
    const { sizes, status } = await drain(call);
    assert.deepEqual(sizes, []);
    assert.equal(status.code, grpc.status.OK);
  },

  async empty_stream({ stub }) {
    const call = stub.Converse();
    call.end();
    const { sizes, status } = await drain(call);
    assert.deepEqual(sizes, []);
    assert.equal(status.code, grpc.status.OK);
  },

  async custom_metadata({ stub }) {
    const metadata = new grpc.Metadata();
    metadata.set(ECHO_INITIAL, 'test_initial_metadata_value');
    metadata.set(ECHO_TRAILING, Buffer.from('ababab', 'hex'));
    const duplex = stub.Converse(metadata);
    duplex.end(ping(271828, 314159));
    const seen = await Promise.all([unary(stub, 'Unary', LARGE, metadata), drain(duplex)]);
    for (const { initial, status } of seen) {
      assert.deepEqual(initial.get(ECHO_INITIAL), ['test_initial_metadata_value']);
      assert.deepEqual(status.metadata.get(ECHO_TRAILING), [Buffer.from('ababab', 'hex')]);
    }
  },

  status_code_and_message: ({ stub }) => status(stub, 'test status message'),

  special_status_message: ({ stub }) => status(stub, SPECIAL),

  async unimplemented_method({ stub }) {
    const { error } = await unary(stub, 'Missing', {});
    assert.equal(error.code, grpc.status.UNIMPLEMENTED);
  },

  async unimplemented_service({ absent }) {
    const { error } = await unary(absent, 'Missing', {});
    assert.equal(error.code, grpc.status.UNIMPLEMENTED);
  },

  async cancel_after_begin({ stub }) {
    const error = await new Promise((resolve) => stub.Upload(resolve).cancel());
    assert.equal(error.code, grpc.status.CANCELLED);
  },

  async cancel_after_first_response({ stub }) {
    const call = stub.Converse();
    call.write(ping(27182, 31415));
    await once(call, 'data');
    call.cancel();
    assert.equal((await drain(call)).status.code, grpc.status.CANCELLED);
  },

  // The server waits for a second request, so that nothing but the deadline ends the call.
  async timeout_on_sleeping_server({ stub }) {
    const call = stub.Converse({ deadline: Date.now() + 1 });
    call.write({ body: Buffer.alloc(27182) });
    assert.equal((await drain(call)).status.code, grpc.status.DEADLINE_EXCEEDED);
  },

  async cacheable_unary({ stub }) {
    const metadata = new grpc.Metadata();
    metadata.set('x-user-ip', '1.2.3.4');
    const request = { body: Buffer.from('1234567890'), response_size: 10 };
    const first = await unary(stub, 'Unary', request, metadata);
    assert.deepEqual(first.response, (await unary(stub, 'Unary', request)).response);
  },

  async rpc_soak({ stub }) {
    for (let count = 0; count < 50; count++) await cases.large_unary({ stub });
  },

  async channel_soak({ connect }) {
    for (let count = 0; count < 10; count++) {
      const stub = connect();
      await cases.large_unary({ stub });
      stub.close();
    }
  },
};
