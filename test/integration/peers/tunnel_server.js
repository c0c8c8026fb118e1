// An HTTP/2 server of tunnels: answers (extended) CONNECT and echoes. Prints its port, then a line for each tunnel.
'use strict';

const http2 = require('http2');

const say = (line) => process.stdout.write(line + '\n');
const server = http2.createServer({ settings: { enableConnectProtocol: true } });
server.on('session', (session) => session.on('error', () => {}));
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  const path = headers[':path'] || '';
  say(`${headers[':method']} ${headers[':protocol'] || '-'} ${path || '-'} ${headers[':authority']}`);
  if (path === '/no') {
    stream.respond({ ':status': 404, 'content-length': 14 });
    return stream.end('no tunnel here');
  }
  stream.respond({ ':status': 200 });
  stream.on('close', () => say('over'));
  stream.pipe(stream);
});
server.listen(0, '127.0.0.1', () => say(String(server.address().port)));
