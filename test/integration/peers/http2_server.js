// An HTTP/2 server: node http2_server.js [CERTIFICATE KEY]. Prints its port.
'use strict';

const fs = require('fs');
const http2 = require('http2');

const say = (line) => process.stdout.write(line + '\n');
const [certificate, key] = process.argv.slice(2);
const refused = new Set();

const pages = {
  '/echo'(stream, headers) {
    stream.respond({ ':status': 200, 'content-type': headers['content-type'] || 'text/plain' });
    stream.pipe(stream);
  },
  '/seen'(stream, headers) {
    let size = 0;
    let trailers = {};
    stream.on('trailers', (found) => (trailers = { ...found }));
    stream.on('data', (piece) => (size += piece.length));
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end(JSON.stringify({ headers, trailers, size, push: stream.pushAllowed, session: stream.session.number }));
    });
  },
  '/trailers'(stream) {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ checksum: 'abc' }));
    stream.end('body');
  },
  '/hints'(stream) {
    stream.additionalHeaders({ ':status': 103, link: '</style.css>; rel=preload; as=style' });
    stream.respond({ ':status': 200 });
    stream.end('after the hints');
  },
  // Answers and says goodbye: other requests go elsewhere.
  '/goaway'(stream) {
    stream.respond({ ':status': 200 });
    stream.end('last words');
    stream.session.close();
  },
  '/reset'(stream) {
    stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  },
  '/refuse-once'(stream, headers) {
    if (refused.has(headers['x-case'])) {
      stream.respond({ ':status': 200 });
      return stream.end('at the second time');
    }
    refused.add(headers['x-case']);
    stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  },
};

const options = { maxSessionMemory: 100 };
const server = certificate
  ? http2.createSecureServer({ ...options, cert: fs.readFileSync(certificate), key: fs.readFileSync(key) })
  : http2.createServer(options);
let sessions = 0;
server.on('session', (session) => {
  session.number = ++sessions;
  session.on('error', () => {});
});
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  pages[headers[':path'].split('?')[0]](stream, headers);
});
server.listen(0, '127.0.0.1', () => say(String(server.address().port)));
