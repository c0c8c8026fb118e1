// A WebSocket client: node ws_client.js URL CERTIFICATE|- SCENARIO. Prints what it saw as JSON.
'use strict';

const fs = require('fs');
const WebSocket = require('ws');

const [url, certificate, scenario] = process.argv.slice(2);
const options = { maxPayload: 64 << 20, ...(certificate === '-' ? {} : { ca: fs.readFileSync(certificate) }) };

function open() {
  const socket = new WebSocket(url, ['first', 'second'], options);
  socket.on('error', () => {});
  return new Promise((resolve) => {
    socket.on('open', () => resolve(socket));
    socket.on('unexpected-response', (request, response) => resolve({ refused: response.statusCode }));
  });
}

const next = (socket, event) => new Promise((resolve) => socket.once(event, (...values) => resolve(values)));

async function echo(socket, message) {
  socket.send(message);
  const [answer, binary] = await next(socket, 'message');
  return answer.equals(Buffer.from(message)) && binary === Buffer.isBuffer(message);
}

async function end(socket) {
  const [code, reason] = await next(socket, 'close');
  return { code, reason: reason.toString() };
}

const scenarios = {
  async session(socket) {
    const seen = { protocol: socket.protocol, echoed: [] };
    for (const message of ['text: ä€', '', Buffer.from([0, 255, 1]), 'x'.repeat(70_000), Buffer.alloc(8 << 20, 7)]) {
      seen.echoed.push(await echo(socket, message));
    }
    socket.ping('client');
    seen.pong = (await next(socket, 'pong'))[0].toString();
    socket.send('ping me');
    seen.ping = (await next(socket, 'ping'))[0].toString();
    socket.send('close me');
    return { ...seen, ...(await end(socket)) };
  },
  async in_pieces(socket) {
    for (let i = 0; i < 100; ++i) socket.send(String(i), { fin: i === 99 });
    const [answer] = await next(socket, 'message');
    socket.close(1000);
    return { text: answer.toString(), ...(await end(socket)) };
  },
  async close(socket) {
    await echo(socket, 'hello');
    socket.close(3001, 'had enough');
    return end(socket);
  },
  async leave(socket) {
    await echo(socket, 'hello');
    socket.terminate();
    return end(socket);
  },
  async dropped(socket) {
    socket.send('drop me');
    return end(socket);
  },
  async many(first) {
    const sockets = [first, ...(await Promise.all(Array.from({ length: 99 }, open)))];
    const echoed = await Promise.all(sockets.map((socket, i) => echo(socket, `number ${i}`)));
    sockets.forEach((socket) => socket.close());
    await Promise.all(sockets.map(end));
    return { echoed: echoed.filter(Boolean).length };
  },
};

open()
  .then((socket) => (socket.refused ? socket : scenarios[scenario](socket)))
  .then((seen) => process.stdout.write(JSON.stringify(seen) + '\n', () => process.exit(0)));
