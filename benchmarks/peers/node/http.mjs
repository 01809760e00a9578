// Node's bare HTTP/1.1 server: no framework, no contract, a POST is answered with its body.
import http from 'node:http';

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': body.length,
    });
    response.end(body);
  });
});
// Idle connections stay, as those of gRPC do.
server.keepAliveTimeout = 0;
server.headersTimeout = 0;
server.requestTimeout = 0;
// As many as gRPC's own servers let wait.
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
