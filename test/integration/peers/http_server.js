// An HTTP/1.1 server. Prints its port, then a line for what its clients can't see.
'use strict';

const http = require('http');

const say = (line) => process.stdout.write(line + '\n');
let connections = 0;

function body(request) {
  return new Promise((resolve) => {
    let size = 0;
    request.on('data', (piece) => (size += piece.length));
    request.on('end', () => resolve(size));
  });
}

const pages = {
  '/echo'(request, response) {
    response.setHeader('content-type', request.headers['content-type'] || 'text/plain');
    request.pipe(response);
  },
  async '/seen'(request, response) {
    const size = await body(request);
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ method: request.method, headers: request.headers, trailers: request.trailers, size, connection: request.socket.number }),
    );
  },
  '/chunks'(request, response) {
    response.writeHead(200, { 'content-type': 'text/plain', trailer: 'checksum' });
    for (let i = 0; i < 100; ++i) response.write(`piece ${i}\n`);
    response.addTrailers({ checksum: 'abc' });
    response.end();
  },
  '/big'(request, response) {
    const size = 20 << 20;
    response.writeHead(200, { 'content-length': size });
    response.end(Buffer.alloc(size, 'b'));
  },
  '/hints'(request, response) {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    response.end('after the hints');
  },
  '/until-close'(request, response) {
    request.socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end');
  },
  '/drop'(request) {
    request.socket.destroy();
  },
  '/hang'(request) {
    say('hanging');
    request.socket.on('close', () => say('left'));
  },
  '/nothing'(request, response) {
    response.writeHead(204).end();
  },
};

const server = http.createServer((request, response) => pages[request.url.split('?')[0]](request, response));
server.keepAliveTimeout = 0; // connections are closed only where a test says so
server.on('connection', (socket) => (socket.number = ++connections));
server.on('checkContinue', (request, response) => {
  say('continue asked');
  response.writeContinue();
  server.emit('request', request, response);
});
server.listen(0, '127.0.0.1', () => say(String(server.address().port)));
