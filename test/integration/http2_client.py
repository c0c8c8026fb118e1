"""A client that can send any HTTP/2 frame, and reads what comes back frame by frame. Knows no state of streams."""
import socket
import ssl
import struct
import threading

from conftest import DEADLINE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITISED = 1, 1, 4, 8, 32
PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, COMPRESSION_ERROR = 1, 3, 5, 6, 9
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 1, 2, 3, 4, 5


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A field that is not indexed; names and values shorter than 127 bytes."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


def fields(*extra, method=b"GET", without=()):
    pseudo = [(b":method", method), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"localhost")]
    return b"".join(literal(*field) for field in [*(f for f in pseudo if f[0] not in without), *extra])


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def get(stream=1, *extra, **options):
    return frame(HEADERS, END_STREAM | END_HEADERS, stream, fields(*extra, **options))


def post(stream=1, *extra):
    return frame(HEADERS, END_HEADERS, stream, fields(*extra, method=b"POST"))


def window(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def priority(stream, dependency):
    return frame(PRIORITY, 0, stream, struct.pack(">IB", dependency, 255))


class Client:
    def __init__(self, port, tls, first=settings()):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket)
            assert self.socket.selected_alpn_protocol() == "h2"
        self.pending, self.read_ahead = b"", []
        if first is not None:
            self.send(PREFACE + first)
            self.until(SETTINGS, lambda flags, stream, payload: flags & ACK)
            self.send(frame(SETTINGS, ACK))

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # What the server thought of it is still to be read.

    def send_apart(self, data):
        """Frame by frame: each was judged before the next one leaves, as far as the protocol lets one ask."""
        block_open = False
        while data:
            length = 9 + int.from_bytes(data[:3], "big")
            one, data = data[:length], data[length:]
            kind, flags = one[3], one[4]
            self.send(one[:9])
            self.send(one[9:])
            if kind in (HEADERS, PUSH_PROMISE, CONTINUATION):
                block_open = not flags & END_HEADERS
            if block_open or not data:
                continue
            self.send(frame(PING, 0, 0, b"--next--"))
            while found := self.receive():
                if found[0] == PING and found[3] == b"--next--":
                    break
                self.read_ahead.append(found)
                if found[0] == GOAWAY:
                    return

    def fill(self, size):
        while len(self.pending) < size:
            part = self.socket.recv(65536)
            if not part:
                return False
            self.pending += part
        return True

    def next(self):
        """The next frame, or None at the end of the connection. Silence is a failure: a TimeoutError."""
        return self.read_ahead.pop(0) if self.read_ahead else self.receive()

    def receive(self):
        try:
            if not self.fill(9):
                return None
            length = int.from_bytes(self.pending[:3], "big")
            if not self.fill(9 + length):
                return None
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return None
        kind, flags, stream = struct.unpack(">BBI", self.pending[3:9])
        payload, self.pending = self.pending[9:9 + length], self.pending[9 + length:]
        return kind, flags, stream, payload

    def until(self, kind, condition=lambda flags, stream, payload: True):
        while True:
            found = self.next()
            assert found, f"the connection ended before a frame of type {kind}"
            assert found[0] != GOAWAY or kind == GOAWAY, f"GOAWAY {found[3]}"
            if found[0] == kind and condition(*found[1:]):
                return found

    def answered(self, stream=1):
        """The stream is answered with 200 (index 8 of the static table) and ends."""
        _, flags, _, block = self.until(HEADERS, lambda _, number, __: number == stream)
        assert status_of(block) == 200, block
        if not flags & END_STREAM:
            self.until(DATA, lambda flags, number, _: number == stream and flags & END_STREAM)

    def is_alive(self):
        self.send(frame(PING, 0, 0, b"baton-ok"))
        self.until(PING, lambda flags, _, payload: flags & ACK and payload == b"baton-ok")

    def refused(self, codes, stream_errors):
        while found := self.next():
            kind, _, _, payload = found
            if kind == GOAWAY:
                assert struct.unpack(">I", payload[4:8])[0] in codes
                return
            if kind == RST_STREAM and stream_errors:
                assert struct.unpack(">I", payload)[0] in codes
                return
            assert kind != RST_STREAM, f"only the stream was reset: {payload}"

    def connection_error(self, codes):
        """GOAWAY with one of the codes, then the end of the connection (RFC 9113 5.4.1)."""
        self.refused(codes, stream_errors=False)
        while self.next():
            pass


class AnsweringServer:
    """Speaks enough HTTP/2 to get requests, then says what it is told to: on stream 1, once the request has ended or, with
    `at_once`, when it begins. The connection stays open. Frames of the client's are kept in `seen`: (type, flags, stream,
    payload)."""

    def __init__(self, tcp_server, answer, at_once=False):
        self.answer = answer
        self.at_once = at_once
        self.seen = []
        self.ended = threading.Event()
        self.port = tcp_server(self.serve)

    def serve(self, connection):
        connection.sendall(settings())
        pending = b""
        try:
            while part := connection.recv(65536):
                pending += part
                pending = pending.removeprefix(PREFACE)
                while len(pending) >= 9 and len(pending) >= 9 + int.from_bytes(pending[:3], "big"):
                    kind, flags, stream = struct.unpack(">BBI", pending[3:9])
                    length = 9 + int.from_bytes(pending[:3], "big")
                    self.seen.append((kind, flags, stream, pending[9:length]))
                    pending = pending[length:]
                    if kind == SETTINGS and not flags & ACK:
                        connection.sendall(frame(SETTINGS, ACK))
                    if kind == HEADERS and self.at_once or kind in (HEADERS, DATA) and flags & END_STREAM and not self.at_once:
                        connection.sendall(self.answer)
        except OSError:
            pass
        self.ended.set()


def status_of(block):
    """The status that a response's header block begins with, if it is one of the static table's."""
    while block[0] & 0xE0 == 0x20:  # Dynamic table size updates come first.
        size, block = block[0] & 0x1F, block[1:]
        while size == 0x1F:  # RFC 7541 5.1: the number goes on until a byte below 128.
            size, block = block[0] & 0x80 and 0x1F, block[1:]
    return {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}.get(block[0])
