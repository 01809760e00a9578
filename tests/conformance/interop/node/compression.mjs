// gRPC's compression cases, as a client sees them: what passed compressed, the test asks the wire.

import assert from 'node:assert/strict';

import grpc from '@grpc/grpc-js';

import { drain, unary } from './cases.mjs';

const LARGE = { response_size: 314159, body: Buffer.alloc(271828) };
// WriteFlags.NoCompress, which is not exported.
const AS_IT_IS = 2;

// A call whose requests are each { body, expect_compressed } and how they are sent.
function upload(stub, requests) {
  return new Promise((resolve) => {
    const call = stub.Upload((error, response) => resolve({ error, response }));
    for (const [request, flags] of requests) call.write(request, flags);
    call.end();
  });
}

// `stub` does not compress, `gzip()` is a new one that does: in the C-core's "identity, deflate, gzip"
// grpc-js does not find "gzip", and so compresses no more after the first answer.
export const cases = {
  async client_compressed_unary({ gzip, deflate, stub }) {
    const asked = { ...LARGE, expect_compressed: true };
    const { error } = await unary(stub, 'Unary', asked);
    assert.equal(error?.code, grpc.status.INVALID_ARGUMENT);
    for (const compressing of [gzip(), deflate()]) {
      assert.equal((await unary(compressing, 'Unary', asked)).response?.body.length, 314159);
    }
    assert.equal((await unary(stub, 'Unary', LARGE)).response?.body.length, 314159);
  },

  async server_compressed_unary({ stub }) {
    for (const response_compressed of [true, false]) {
      const { response } = await unary(stub, 'Unary', { ...LARGE, response_compressed });
      assert.equal(response?.body.length, 314159);
    }
  },

  async client_compressed_streaming({ gzip }) {
    const probe = [[{ body: Buffer.alloc(27182), expect_compressed: true }, AS_IT_IS]];
    assert.equal((await upload(gzip(), probe)).error?.code, grpc.status.INVALID_ARGUMENT);
    const requests = [
      [{ body: Buffer.alloc(27182), expect_compressed: true }, 0],
      [{ body: Buffer.alloc(45904) }, AS_IT_IS],
    ];
    assert.equal((await upload(gzip(), requests)).response?.size, 73086);
  },

  async server_compressed_streaming({ stub }) {
    const asked = { sizes: [31415, 92653], compressed: [true, false] };
    const { sizes, status } = await drain(stub.Download(asked));
    assert.deepEqual(sizes, asked.sizes);
    assert.equal(status.code, grpc.status.OK);
  },

  // No case of gRPC's.
  async client_compressed_again({ gzip }) {
    const stub = gzip();
    for (let count = 0; count < 3; count++) {
      const { error } = await unary(stub, 'Unary', { ...LARGE, expect_compressed: true });
      assert.equal(error, null);
    }
  },
};
