// An HTTP/2 client: node http2_client.js URL CERTIFICATE|- SCENARIO PATH SCENARIO PATH... Plays one after the other on
// one connection, and prints what it saw as a list in JSON.
'use strict';

const fs = require('fs');
const http2 = require('http2');

const [url, certificate, ...plays] = process.argv.slice(2);
// Room for what is sent at once; with more than that Node.js refuses its own streams.
const options = { maxSessionMemory: 100 };
const session = http2.connect(url, certificate === '-' ? options : { ...options, ca: fs.readFileSync(certificate) });
let pushed = 0;
let path;
session.on('stream', () => ++pushed);
session.on('error', () => {});

function ask(headers, send) {
  const stream = session.request({ ':path': path, ...headers }, { endStream: !send, waitForTrailers: !!send });
  const seen = { status: 0, informational: [], headers: {}, trailers: {}, size: 0, text: '' };
  stream.on('headers', (found) => seen.informational.push({ ...found }));
  stream.on('response', (found) => Object.assign(seen, { status: found[':status'], headers: { ...found } }));
  stream.on('trailers', (found) => (seen.trailers = { ...found }));
  stream.on('data', (piece) => {
    seen.size += piece.length;
    if (seen.text.length < 2000) seen.text += piece;
  });
  stream.on('error', (error) => (seen.error = error.code));
  if (send) send(stream);
  return new Promise((resolve) => stream.on('close', () => resolve({ ...seen, code: stream.rstCode, pushed })));
}

const scenarios = {
  get: () => ask({}),
  head: () => ask({ ':method': 'HEAD' }),
  post: () => ask({ ':method': 'POST' }, (stream) => stream.end(Buffer.alloc(10 << 20, 'p'))),
  trailers: () =>
    ask({ ':method': 'POST' }, (stream) => {
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
      stream.end('some');
    }),
  refused: () => ask({ 'x-case': process.hrtime.bigint().toString() }),
  async many() {
    const all = await Promise.all(Array.from({ length: 500 }, () => ask({})));
    return { ok: all.filter((seen) => seen.status === 200).length };
  },
  // Each message waits for the one before to come back.
  ping_pong: () =>
    ask({ ':method': 'POST' }, (stream) => {
      let rounds = 0;
      stream.on('wantTrailers', () => stream.sendTrailers({}));
      stream.on('data', () => (++rounds < 50 ? stream.write('ping') : stream.end()));
      stream.write('ping');
    }),
  async settings() {
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    const remote = session.remoteSettings;
    const ping = await new Promise((resolve) => session.ping((error, took, payload) => resolve(!error && payload.length === 8)));
    return { ping, connect: remote.enableConnectProtocol, streams: remote.maxConcurrentStreams };
  },
};

async function play() {
  const seen = [];
  while (plays.length) {
    const scenario = plays.shift();
    path = plays.shift();
    seen.push(await scenarios[scenario]());
  }
  process.stdout.write(JSON.stringify(seen) + '\n', () => process.exit(0));
}
play();
