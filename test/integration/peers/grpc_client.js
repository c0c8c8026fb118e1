// A gRPC client: node grpc_client.js PORT CERTIFICATE|- SCENARIO [JSON]. Prints what came of it as JSON.
'use strict';

const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const { service, options } = require('./grpc_service');

const [port, certificate, scenario, text] = process.argv.slice(2);
const asked = text ? JSON.parse(text) : {};
const credentials =
  certificate === '-' ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(fs.readFileSync(certificate));
const Client = grpc.makeGenericClientConstructor(service, 'Echo');
// Neither retries nor deadlines of its own: what is seen is what the proxy does.
const client = new Client(`127.0.0.1:${port}`, credentials, { ...options, 'grpc.enable_retries': 0 });

const metadata = new grpc.Metadata();
for (const [name, value] of Object.entries(asked.metadata || {})) metadata.set(name, value);
const callOptions = asked.deadline_ms ? { deadline: Date.now() + asked.deadline_ms } : {};

// Everything a call says about itself, and a promise for its end.
function watch(call) {
  const seen = { initial: {}, bytes: 0 };
  call.on('metadata', (found) => (seen.initial = found.getMap()));
  const end = new Promise((resolve) => {
    call.on('error', () => {}); // the status says the same
    call.on('status', (status) => {
      seen.code = status.code;
      seen.details = status.details;
      seen.trailers = {};
      for (const [name, value] of Object.entries(status.metadata.getMap())) {
        seen.trailers[name] = Buffer.isBuffer(value) ? value.toString('hex') : value;
      }
      resolve(seen);
    });
  });
  return { seen, end };
}

function unary(name, message) {
  let answer;
  const call = client[name](message, metadata, callOptions, (error, value) => (answer = value));
  const watched = watch(call);
  return { call, end: watched.end.then((seen) => ({ ...seen, bytes: answer ? answer.length : 0, same: !!answer && answer.equals(message) })) };
}

function reading(call) {
  const watched = watch(call);
  call.on('data', (message) => {
    ++watched.seen.messages;
    watched.seen.bytes += message.length;
  });
  watched.seen.messages = 0;
  return watched;
}

const scenarios = {
  async unary() {
    return unary('Unary', Buffer.alloc(asked.size || 5, 'x')).end;
  },
  async many() {
    const results = await Promise.all(Array.from({ length: asked.count }, (_, i) => unary('Unary', Buffer.from(`call ${i}`)).end));
    return { ok: results.filter((result) => result.code === 0 && result.same).length };
  },
  async sum() {
    let answer;
    const call = client.Sum(metadata, callOptions, (error, value) => (answer = value));
    const watched = watch(call);
    for (let i = 0; i < asked.count; ++i) {
      if (watched.seen.code !== undefined) break; // nobody listens any more
      const full = !call.write(Buffer.alloc(asked.size, i));
      if (full) await Promise.race([watched.end, new Promise((resume) => call.once('drain', resume))]);
    }
    call.end();
    return { ...(await watched.end), answer: answer && answer.toString() };
  },
  async repeat() {
    return reading(client.Repeat(Buffer.from(`${asked.count} ${asked.size}`), metadata, callOptions)).end;
  },
  // The next message is sent when the one before has come back: whoever holds any back stops it.
  async chat() {
    const call = client.Chat(metadata, callOptions);
    const watched = watch(call);
    let echoed = 0;
    call.on('data', (message) => {
      if (message.length !== asked.size || message[0] !== echoed % 256) return call.cancel();
      ++echoed;
      if (echoed === asked.count) return call.end();
      call.write(Buffer.alloc(asked.size, echoed));
    });
    call.write(Buffer.alloc(asked.size, 0));
    return { ...(await watched.end), echoed };
  },
  async hang() {
    return unary('Hang', Buffer.from('x')).end;
  },
  async cancel() {
    const call = client.HangingStream(Buffer.from('x'), metadata);
    const watched = reading(call);
    call.on('data', () => call.cancel());
    return watched.end;
  },
  async leave() {
    const call = client.HangingStream(Buffer.from('x'), metadata);
    const watched = reading(call);
    call.on('data', () => process.stdout.write('{"left": true}\n', () => process.kill(process.pid, 'SIGKILL')));
    return watched.end;
  },
  async hanging_stream() {
    return reading(client.HangingStream(Buffer.from('x'), metadata, callOptions)).end;
  },
  async unknown_method() {
    const call = client.makeUnaryRequest('/baton.test.Echo/Nothing', (v) => v, (v) => v, Buffer.from('x'), metadata, callOptions, () => {});
    return watch(call).end;
  },
};

scenarios[scenario]().then((result) => {
  client.close();
  process.stdout.write(JSON.stringify(result) + '\n', () => process.exit(0));
});
