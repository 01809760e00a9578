// Node's cluster with the respawn and the rolling restart that it leaves to the user: node cluster.mjs PORT WORKERS
import cluster from 'node:cluster';
import { once } from 'node:events';
import process from 'node:process';

const [port, workers] = process.argv.slice(2).map(Number);

if (cluster.isPrimary) {
  const leaving = new Set();
  cluster.on('exit', (worker) => {
    if (!leaving.delete(worker.id)) cluster.fork();
  });
  for (let made = 0; made < workers; made++) cluster.fork();

  // One by one: the new one listens before the old one is told to stop.
  const roll = async () => {
    for (const old of Object.values(cluster.workers)) {
      await once(cluster.fork(), 'listening');
      leaving.add(old.id);
      const gone = once(old, 'exit');
      old.send('stop');
      await gone;
    }
  };
  let rolling = Promise.resolve();
  process.on('SIGHUP', () => {
    rolling = rolling.then(roll);
  });
} else {
  const { default: grpc } = await import('@grpc/grpc-js');
  const { default: loader } = await import('@grpc/proto-loader');
  const contract = loader.loadSync('greeter.proto', { includeDirs: [import.meta.dirname] });
  const { Greeter } = grpc.loadPackageDefinition(contract).examples.greeter.v1;
  const work = process.env.BENCH_WORK ?? 'none';

  // About 1 ms, on integers.
  const compute = () => {
    let total = 0;
    for (let number = 0; number < 900_000; number++) total += ((number & 1023) * 3) % 7;
    return total;
  };

  const server = new grpc.Server();
  server.addService(Greeter.service, {
    sayHello(call, callback) {
      const answer = () => callback(null, { message: `Hello, ${call.request.name}!`, pid: process.pid });
      if (work === 'wait') {
        setTimeout(answer, 5);
        return;
      }
      if (work === 'compute') compute();
      answer();
    },
    sayHellos(call) {
      call.end();
    },
  });
  // It ends what it has: new connections go to the others, and clients are told by GOAWAY.
  process.on('message', (message) => {
    if (message === 'stop') server.tryShutdown(() => process.exit(0));
  });
  server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
    if (error) throw error;
  });
}
