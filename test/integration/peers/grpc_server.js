// A gRPC server: node grpc_server.js [CERTIFICATE KEY]. Prints its port, then a line for each call and each cancellation.
'use strict';

const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const { service, options } = require('./grpc_service');

const say = (line) => process.stdout.write(line + '\n');

// How often calls with the metadata "fail-as: CODE TIMES KEY" have failed, by key.
const failures = new Map();

function failure(call) {
  const [asked] = call.metadata.get('fail-as');
  if (!asked) return null;
  const [code, times, key] = asked.split(' ');
  const before = failures.get(key) || 0;
  failures.set(key, before + 1);
  if (before >= Number(times)) return null;
  const metadata = new grpc.Metadata();
  metadata.set('failed-before', String(before));
  return { code: Number(code), details: `failed as asked, 100% (ä)`, metadata };
}

function trailers() {
  const metadata = new grpc.Metadata();
  metadata.set('trailing', 'after');
  metadata.set('trailing-bin', Buffer.from([0, 1, 254, 255]));
  return metadata;
}

function begin(name, call) {
  const deadline = call.getDeadline();
  const left = Number.isFinite(Number(deadline)) ? Number(deadline) - Date.now() : 'none';
  say(`${name} ${left === 'none' ? 'without deadline' : 'with deadline'}`);
  const seen = new grpc.Metadata();
  seen.set('seen', call.metadata.get('greeting').join(',') || 'nothing');
  seen.set('seen-authority', call.getHost ? call.getHost() : '');
  seen.set('deadline-ms', String(left));
  return seen;
}

const server = new grpc.Server(options);
server.addService(service, {
  Unary(call, callback) {
    const seen = begin('Unary', call);
    const error = failure(call);
    if (error) return callback(error);
    call.sendMetadata(seen);
    callback(null, call.request, trailers());
  },
  Sum(call, callback) {
    call.sendMetadata(begin('Sum', call));
    let messages = 0;
    let size = 0;
    call.on('data', (message) => {
      ++messages;
      size += message.length;
    });
    call.on('end', () => callback(null, Buffer.from(`${messages} ${size}`), trailers()));
  },
  async Repeat(call) {
    call.sendMetadata(begin('Repeat', call));
    const [count, size] = call.request.toString().split(' ').map(Number);
    for (let i = 0; i < count; ++i) {
      if (!call.write(Buffer.alloc(size, i))) await new Promise((resume) => call.once('drain', resume));
    }
    call.end(trailers());
  },
  Chat(call) {
    call.sendMetadata(begin('Chat', call));
    call.on('data', (message) => call.write(message));
    call.on('end', () => call.end(trailers()));
  },
  // The package says "cancelled" of calls that were answered too; these two never are.
  Hang(call) {
    begin('Hang', call);
    call.on('cancelled', () => say('Hang cancelled'));
  },
  HangingStream(call) {
    begin('HangingStream', call);
    call.on('cancelled', () => say('HangingStream cancelled'));
    call.write(Buffer.from('first'));
  },
});

const [certificate, key] = process.argv.slice(2);
const credentials = certificate
  ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: fs.readFileSync(certificate), private_key: fs.readFileSync(key) }])
  : grpc.ServerCredentials.createInsecure();
server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
  if (error) throw error;
  say(String(port));
});
