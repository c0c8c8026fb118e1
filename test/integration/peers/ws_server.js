// A WebSocket server that echoes. Prints its port, then "closed CODE REASON" for each connection that ends.
'use strict';

const { WebSocketServer } = require('ws');

const say = (line) => process.stdout.write(line + '\n');
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  maxPayload: 64 << 20,
  handleProtocols: (offered) => (offered.has('second') ? 'second' : false),
});
server.on('listening', () => say(String(server.address().port)));
server.on('connection', (socket, request) => {
  say(`opened ${request.url}`);
  socket.on('error', () => {});
  socket.on('close', (code, reason) => say(`closed ${code} ${reason}`.trim()));
  socket.on('message', (message, binary) => {
    const text = binary ? '' : message.toString();
    if (text === 'close me') return socket.close(4001, 'as you wish');
    if (text === 'drop me') return socket.terminate();
    if (text === 'ping me') return socket.ping('are you there');
    socket.send(message, { binary });
  });
});
