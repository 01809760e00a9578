// The stock gRPC server of Node.js; messages by protobuf.js, as @grpc/proto-loader makes them.
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const contract = loader.loadSync('echo.proto', { includeDirs: [import.meta.dirname] });
const { EchoService } = grpc.loadPackageDefinition(contract).benchmarks.echo.v1;

const server = new grpc.Server({
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
});

// Resolves when the stream wants more.
const drained = (call) => new Promise((resolve) => call.once('drain', resolve));

server.addService(EchoService.service, {
  async echo(call, callback) {
    callback(null, { payload: call.request.payload });
  },
  async stream(call) {
    const payload = Buffer.alloc(call.request.size);
    for (let sent = 0; sent < call.request.count; sent++) {
      if (!call.write({ payload })) await drained(call);
    }
    call.end();
  },
  converse(call) {
    call.on('data', ({ payload }) => call.write({ payload }));
    call.on('end', () => call.end());
  },
});

server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`listening on 127.0.0.1:${port}`);
});
