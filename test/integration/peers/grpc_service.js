// The service that grpc_server.js serves and grpc_client.js calls. Messages are bytes; nothing is generated.
'use strict';

const bytes = (value) => value;

function method(name, requestStream, responseStream) {
  return {
    path: `/baton.test.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
}

exports.service = {
  Unary: method('Unary', false, false), // the message comes back
  Sum: method('Sum', true, false), // answers "MESSAGES BYTES"
  Repeat: method('Repeat', false, true), // "COUNT SIZE": that many messages of that size
  Chat: method('Chat', true, true), // each message comes back at once
  Hang: method('Hang', false, false), // never answers
  HangingStream: method('HangingStream', false, true), // one message, and then nothing
};

exports.options = {
  'grpc.max_receive_message_length': 64 << 20,
  'grpc.max_send_message_length': 64 << 20,
};
