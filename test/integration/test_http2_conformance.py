"""HTTP/2 by RFC 9113 and RFC 7541, section by section: a client that can send any frame against the real binary."""
import struct

import pytest

from conftest import Baton, ThreadingServer, bootstrap, cluster, forward_all, http_filter, listener, raw, tls_context
from http2_client import (ACK, COMPRESSION_ERROR, CONTINUATION, DATA, ENABLE_PUSH, END_HEADERS, END_STREAM,
                          FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADER_TABLE_SIZE, HEADERS, INITIAL_WINDOW_SIZE,
                          MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, PADDED, PING, PREFACE, PRIORITISED, PRIORITY,
                          PROTOCOL_ERROR, PUSH_PROMISE, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, Client,
                          fields, frame, get, literal, post, priority, settings, status_of, window)


@pytest.fixture(scope="module")
def edge(tmp_path_factory, certificate):
    server = ThreadingServer()
    process = Baton(tmp_path_factory.mktemp("edge"), bootstrap([
        listener("plain", http_filter(forward_all("one"))),
        listener("tls", http_filter(forward_all("one")), tls=tls_context(certificate, alpn_protocols=["h2"])),
        listener("direct", http_filter([{"match": {"prefix": "/"},
                                         "direct_response": {"status": 200, "body": {"inline_string": "hello"}}}])),
    ], [cluster("one", server.server_address[1])])).wait_ready()
    yield {False: process.port("plain"), True: process.port("tls"), "direct": process.port("direct")}
    process.end()
    server.end()


@pytest.fixture(params=[False, True, "direct"], ids=["h2c", "tls", "direct"])
def client(request, edge):
    made = Client(edge[request.param], request.param is True)
    yield made
    made.socket.close()


# What is wrong must not depend on what a client lets the server send, or on the settings that it has changed.
@pytest.fixture(params=["h2c", "tls", "direct", "no window", "settings changed"])
def any_client(request, edge):
    few = settings((INITIAL_WINDOW_SIZE, 0), (HEADER_TABLE_SIZE, 0)) if request.param == "no window" else settings()
    made = Client(edge[{"tls": True, "direct": "direct"}.get(request.param, False)], request.param == "tls", few)
    if request.param == "settings changed":
        made.send(settings((INITIAL_WINDOW_SIZE, 1 << 20), (MAX_FRAME_SIZE, 1 << 20), (MAX_CONCURRENT_STREAMS, 0), (6, 1)))
        made.until(SETTINGS, lambda flags, *_: flags & ACK)
        made.send(settings((HEADER_TABLE_SIZE, 100), (INITIAL_WINDOW_SIZE, 65535)))
        made.until(SETTINGS, lambda flags, *_: flags & ACK)
    yield made
    made.socket.close()


def long_field(size):
    """A field of so many bytes on the wire, between 260 and 16,000 or so."""
    length = size - 6
    return b"\0\1x\x7f" + bytes([(length - 127) & 0x7F | 0x80, (length - 127) >> 7]) + b"v" * length


CONNECTION_ERRORS = {
    "4.2 DATA on a stream over the frame size": (post() + frame(DATA, END_STREAM, 1, bytes(16385)), [FRAME_SIZE_ERROR]),
    "4.2 SETTINGS over the frame size": (frame(SETTINGS, 0, 0, bytes(16386)), [FRAME_SIZE_ERROR]),
    "4.2 an unknown frame over the frame size": (frame(0xFF, 0, 0, bytes(16385)), [FRAME_SIZE_ERROR]),
    "4.2 HEADERS over the frame size": (frame(HEADERS, 5, 1, fields() + bytes(16385)), [FRAME_SIZE_ERROR]),
    "4.3 a block that cannot be decoded": (frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff"), [COMPRESSION_ERROR]),
    "4.3 a block that ends within a field": (frame(HEADERS, 5, 1, b"\x40"), [COMPRESSION_ERROR]),
    "4.3 PING inside a block": (frame(HEADERS, END_STREAM, 1, fields()) + frame(PING, 0, 0, bytes(8)), [PROTOCOL_ERROR]),
    "4.3 SETTINGS inside a block": (frame(HEADERS, END_STREAM, 1, fields()) + settings(), [PROTOCOL_ERROR]),
    "4.3 WINDOW_UPDATE inside a block": (frame(HEADERS, END_STREAM, 1, fields()) + window(0, 1), [PROTOCOL_ERROR]),
    "4.3 RST_STREAM inside a block": (frame(HEADERS, END_STREAM, 1, fields()) + frame(RST_STREAM, 0, 1, bytes(4)),
                                      [PROTOCOL_ERROR]),
    "4.3 another stream's CONTINUATION inside a block": (
        frame(HEADERS, END_STREAM, 1, fields()) + frame(CONTINUATION, END_HEADERS, 3), [PROTOCOL_ERROR]),
    "4.3 a broken block of a stream that was reset": (
        post() + frame(RST_STREAM, 0, 1, struct.pack(">I", 8)) + frame(HEADERS, 5, 3, b"\xfe"), [COMPRESSION_ERROR]),
    "4.3 PRIORITY inside a block": (frame(HEADERS, END_STREAM, 1, fields()) + priority(1, 0), [PROTOCOL_ERROR]),
    "4.3 another stream's HEADERS inside a block": (frame(HEADERS, END_STREAM, 1, fields()) + get(3), [PROTOCOL_ERROR]),
    "5.1 idle: DATA": (frame(DATA, END_STREAM, 1, b"x"), [PROTOCOL_ERROR]),
    "5.1 idle: RST_STREAM": (frame(RST_STREAM, 0, 1, struct.pack(">I", 8)), [PROTOCOL_ERROR]),
    "5.1 idle: WINDOW_UPDATE": (window(1, 100), [PROTOCOL_ERROR]),
    "5.1 idle: CONTINUATION": (frame(CONTINUATION, END_HEADERS, 1, fields()), [PROTOCOL_ERROR]),
    "5.1 idle: DATA on a stream of the server's": (frame(DATA, END_STREAM, 2, b"x"), [PROTOCOL_ERROR]),
    "5.1 idle: RST_STREAM on a stream of the server's": (frame(RST_STREAM, 0, 2, bytes(4)), [PROTOCOL_ERROR]),
    "5.1 idle: WINDOW_UPDATE on a stream of the server's": (window(2, 1), [PROTOCOL_ERROR]),
    "5.1.1 an even stream": (get(2), [PROTOCOL_ERROR]),
    "5.1.1 a lower stream": (get(5) + get(3), [PROTOCOL_ERROR, STREAM_CLOSED]),
    "5.5 an unknown frame inside a block": (frame(HEADERS, END_STREAM, 1, fields()) + frame(0xFF, 0, 1, bytes(8)),
                                            [PROTOCOL_ERROR]),
    "6.1 DATA on stream 0": (frame(DATA, END_STREAM, 0, b"x"), [PROTOCOL_ERROR]),
    "6.1 padded DATA without the length of its padding": (post() + frame(DATA, PADDED, 1), [PROTOCOL_ERROR, FRAME_SIZE_ERROR]),
    "6.1 DATA with padding as long as its payload": (post() + frame(DATA, PADDED, 1, b"\4" + bytes(3)), [PROTOCOL_ERROR]),
    "6.1 DATA with too much padding": (post() + frame(DATA, PADDED | END_STREAM, 1, b"\x06test"), [PROTOCOL_ERROR]),
    "6.2 HEADERS on stream 0": (get(0), [PROTOCOL_ERROR]),
    "6.2 padded HEADERS without the length of their padding": (frame(HEADERS, PADDED | 5, 1), [PROTOCOL_ERROR, FRAME_SIZE_ERROR]),
    "6.2 HEADERS with a part of a priority": (frame(HEADERS, PRIORITISED | 5, 1, bytes(4)), [PROTOCOL_ERROR, FRAME_SIZE_ERROR]),
    "6.2 HEADERS whose padding leaves no room for the priority": (
        frame(HEADERS, PADDED | PRIORITISED | 5, 1, b"\5" + bytes(8)), [PROTOCOL_ERROR, FRAME_SIZE_ERROR]),
    "6.2 HEADERS with too much padding": (frame(HEADERS, PADDED | 5, 1, b"\xff" + fields()), [PROTOCOL_ERROR]),
    "6.3 PRIORITY on stream 0": (priority(0, 1), [PROTOCOL_ERROR]),
    "6.4 RST_STREAM on stream 0": (frame(RST_STREAM, 0, 0, bytes(4)), [PROTOCOL_ERROR]),
    "6.4 RST_STREAM of 3 bytes": (post() + frame(RST_STREAM, 0, 1, bytes(3)), [FRAME_SIZE_ERROR]),
    "6.5 SETTINGS acknowledgement with a payload": (frame(SETTINGS, ACK, 0, bytes(6)), [FRAME_SIZE_ERROR]),
    "6.5 SETTINGS on a stream": (frame(SETTINGS, 0, 1, b"\0\3\0\0\0\x64"), [PROTOCOL_ERROR]),
    "6.5 SETTINGS of 3 bytes": (frame(SETTINGS, 0, 0, bytes(3)), [FRAME_SIZE_ERROR]),
    "6.4 RST_STREAM of 5 bytes": (post() + frame(RST_STREAM, 0, 1, bytes(5)), [FRAME_SIZE_ERROR]),
    "6.5.2 ENABLE_PUSH 2": (settings((ENABLE_PUSH, 2)), [PROTOCOL_ERROR]),
    "6.5 SETTINGS with a wrong value after good ones": (
        settings((INITIAL_WINDOW_SIZE, 10), (ENABLE_PUSH, 7), (3, 1)), [PROTOCOL_ERROR]),
    "8441 3 ENABLE_CONNECT_PROTOCOL 2": (settings((8, 2)), [PROTOCOL_ERROR]),
    "9218 2.1 NO_RFC7540_PRIORITIES 2": (settings((9, 2)), [PROTOCOL_ERROR]),
    "6.5.2 INITIAL_WINDOW_SIZE 2^31": (settings((INITIAL_WINDOW_SIZE, 1 << 31)), [FLOW_CONTROL_ERROR]),
    "6.5.2 MAX_FRAME_SIZE 16383": (settings((MAX_FRAME_SIZE, 16383)), [PROTOCOL_ERROR]),
    "6.5.2 MAX_FRAME_SIZE 2^24": (settings((MAX_FRAME_SIZE, 1 << 24)), [PROTOCOL_ERROR]),
    "6.6 PUSH_PROMISE from a client": (post() + frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + fields()),
                                       [PROTOCOL_ERROR]),
    "6.7 PING on a stream": (frame(PING, 0, 1, bytes(8)), [PROTOCOL_ERROR]),
    "6.7 PING of 6 bytes": (frame(PING, 0, 0, bytes(6)), [FRAME_SIZE_ERROR]),
    "6.7 PING of 9 bytes": (frame(PING, 0, 0, bytes(9)), [FRAME_SIZE_ERROR]),
    "6.8 GOAWAY of 7 bytes": (frame(GOAWAY, 0, 0, bytes(7)), [FRAME_SIZE_ERROR]),
    "6.8 GOAWAY on a stream": (frame(GOAWAY, 0, 1, bytes(8)), [PROTOCOL_ERROR]),
    "6.9 WINDOW_UPDATE of 0": (window(0, 0), [PROTOCOL_ERROR]),
    "6.9 WINDOW_UPDATE of 3 bytes": (frame(WINDOW_UPDATE, 0, 0, bytes(3)), [FRAME_SIZE_ERROR]),
    "6.9 WINDOW_UPDATE of 5 bytes": (frame(WINDOW_UPDATE, 0, 0, bytes(5)), [FRAME_SIZE_ERROR]),
    "6.9 a stream's WINDOW_UPDATE of 5 bytes": (post() + frame(WINDOW_UPDATE, 0, 1, bytes(5)), [FRAME_SIZE_ERROR]),
    "6.9.1 a connection window over 2^31-1": (window(0, 0x7FFFFFFF) * 2, [FLOW_CONTROL_ERROR]),
    "6.10 CONTINUATION on stream 0": (frame(HEADERS, END_STREAM, 1, fields()) + frame(CONTINUATION, 4, 0), [PROTOCOL_ERROR]),
    "6.10 CONTINUATION after the block's end": (post() + frame(CONTINUATION, 4, 1, fields()), [PROTOCOL_ERROR]),
    "6.10 CONTINUATION after CONTINUATION with the block's end": (
        frame(HEADERS, 0, 1, fields(method=b"POST")) + frame(CONTINUATION, END_HEADERS, 1) + frame(CONTINUATION, END_HEADERS, 1,
                                                                                                  literal(b"x", b"y")),
        [PROTOCOL_ERROR]),
    "6.10 CONTINUATION without HEADERS": (frame(CONTINUATION, 0, 1, fields()), [PROTOCOL_ERROR]),
    "6.10 DATA before CONTINUATION": (frame(HEADERS, 0, 1, fields()) + frame(DATA, END_STREAM, 1, b"x"), [PROTOCOL_ERROR]),
    "7541 2.3.3 an index past the tables": (frame(HEADERS, 5, 1, fields() + b"\xfe"), [COMPRESSION_ERROR]),
    "7541 6.2.1 a literal with a name past the tables": (frame(HEADERS, 5, 1, fields() + b"\x7f\x60\1x"), [COMPRESSION_ERROR]),
    "7541 6.2.2 a literal with a name past the tables": (frame(HEADERS, 5, 1, fields() + b"\x0f\x70\1x"), [COMPRESSION_ERROR]),
    "7541 5.1 an integer that is too large": (frame(HEADERS, 5, 1, fields() + b"\0\1x\x7f" + b"\xff" * 10 + b"\x01"),
                                              [COMPRESSION_ERROR]),
    "7541 5.2 a string longer than the block": (frame(HEADERS, 5, 1, fields() + b"\0\1x\x20short"), [COMPRESSION_ERROR]),
    "7541 4.4 an entry that a smaller table has lost": (
        frame(HEADERS, 5, 1, fields() + b"\x40\1x\1y") + frame(HEADERS, 5, 3, b"\x20\x3f\xe1\x1f" + fields() + b"\xbe"),
        [COMPRESSION_ERROR]),
    "7541 4.2 a size update after the first field": (frame(HEADERS, 5, 1, b"\x82\x20" + fields(without=(b":method",))),
                                                     [COMPRESSION_ERROR]),
    "7541 6.1 index 0": (frame(HEADERS, 5, 1, fields() + b"\x80"), [COMPRESSION_ERROR]),
    "7541 4.2 a size update at the block's end": (frame(HEADERS, 5, 1, fields() + b"\x20"), [COMPRESSION_ERROR]),
    "7541 6.3 a size update over the setting": (frame(HEADERS, 5, 1, b"\x3f\xff\xff\x03" + fields()), [COMPRESSION_ERROR]),
    "7541 5.2 padding of 8 bits": (frame(HEADERS, 5, 1, fields() + b"\0\1x\x82\x1f\xff"), [COMPRESSION_ERROR]),
    "7541 5.2 padding of zeros": (frame(HEADERS, 5, 1, fields() + b"\0\1x\x81\x18"), [COMPRESSION_ERROR]),
    "7541 5.2 the end-of-string symbol": (frame(HEADERS, 5, 1, fields() + b"\0\1x\x84\xff\xff\xff\xff"), [COMPRESSION_ERROR]),
}
STREAM_ERRORS = {
    "5.1 half-closed: DATA": (get() + frame(DATA, END_STREAM, 1, b"x"), [STREAM_CLOSED]),
    "5.1 half-closed: HEADERS": (get() + get(), [STREAM_CLOSED]),
    "5.1 half-closed by trailers: DATA": (post() + frame(HEADERS, 5, 1, literal(b"x-t", b"1")) + frame(DATA, 0, 1, b"x"),
                                          [STREAM_CLOSED]),
    "5.1 half-closed by trailers: HEADERS": (
        post() + frame(HEADERS, 5, 1, literal(b"x-t", b"1")) + frame(HEADERS, 5, 1, literal(b"x-t", b"2")), [STREAM_CLOSED]),
    "5.1 half-closed by an empty DATA: DATA": (post() + frame(DATA, END_STREAM, 1) + frame(DATA, 0, 1, b"x"), [STREAM_CLOSED]),
    "5.1 closed by RST_STREAM: HEADERS": (post() + frame(RST_STREAM, 0, 1, struct.pack(">I", 8)) + get(), [STREAM_CLOSED]),
    "5.1 closed by RST_STREAM: DATA": (post() + frame(RST_STREAM, 0, 1, struct.pack(">I", 8)) + frame(DATA, 1, 1, b"x"),
                                       [STREAM_CLOSED]),
    "5.1 closed by RST_STREAM: CONTINUATION": (
        post() + frame(RST_STREAM, 0, 1, struct.pack(">I", 8)) + frame(CONTINUATION, END_HEADERS, 1, literal(b"x", b"y")),
        [STREAM_CLOSED, PROTOCOL_ERROR]),
    "5.1 half-closed: CONTINUATION": (get() + frame(CONTINUATION, END_HEADERS, 1, fields()), [STREAM_CLOSED, PROTOCOL_ERROR]),
    "5.3.1 HEADERS depend on themselves": (frame(HEADERS, PRIORITISED | 5, 1, struct.pack(">IB", 1, 255) + fields()),
                                           [PROTOCOL_ERROR]),
    "5.3.1 PRIORITY depends on itself": (priority(3, 3), [PROTOCOL_ERROR]),
    "6.3 PRIORITY of 4 bytes": (post() + frame(PRIORITY, 0, 1, bytes(4)), [FRAME_SIZE_ERROR]),
    "6.3 PRIORITY of 4 bytes that depends on itself": (get() + frame(PRIORITY, 0, 1, b"\x80\0\0\1"), [FRAME_SIZE_ERROR]),
    "6.3 PRIORITY of 6 bytes": (post() + frame(PRIORITY, 0, 1, bytes(6)), [FRAME_SIZE_ERROR]),
    "6.9 a stream's WINDOW_UPDATE of 0": (post() + window(1, 0), [PROTOCOL_ERROR]),
    "6.9.1 a stream's window over 2^31-1": (post() + window(1, 0x7FFFFFFF) * 2, [FLOW_CONTROL_ERROR]),
    "8.1 a second HEADERS without END_STREAM": (post() + frame(HEADERS, END_HEADERS, 1, literal(b"x-t", b"1")), [PROTOCOL_ERROR]),
    "8.1 pseudo-header in trailers": (post() + frame(HEADERS, 5, 1, literal(b":method", b"GET")), [PROTOCOL_ERROR]),
    "8.1 an upper-case name in trailers": (post() + frame(HEADERS, 5, 1, literal(b"X-T", b"1")), [PROTOCOL_ERROR]),
    "8.1 connection in trailers": (post() + frame(HEADERS, 5, 1, literal(b"connection", b"x")), [PROTOCOL_ERROR]),
    "8.1.1 trailers before the end of content-length": (
        post(1, (b"content-length", b"5")) + frame(DATA, 0, 1, b"x") + frame(HEADERS, 5, 1, literal(b"x-t", b"1")),
        [PROTOCOL_ERROR]),
    "8.1.1 content-length without a body": (get(1, (b"content-length", b"5")), [PROTOCOL_ERROR]),
    "8.1.1 a body longer than content-length": (post(1, (b"content-length", b"1")) + frame(DATA, 1, 1, b"test"), [PROTOCOL_ERROR]),
    "8.1.1 frames whose sum is not content-length": (
        post(1, (b"content-length", b"1")) + frame(DATA, 0, 1, b"te") + frame(DATA, 1, 1, b"st"), [PROTOCOL_ERROR]),
    "8.1.1 a body shorter than content-length": (
        post(1, (b"content-length", b"9")) + frame(DATA, 1, 1, b"test"), [PROTOCOL_ERROR]),
    "8.1.1 a content-length that is no number": (get(1, (b"content-length", b"x")), [PROTOCOL_ERROR]),
    "8.1.1 two content-lengths that differ": (
        post(1, (b"content-length", b"4"), (b"content-length", b"5")) + frame(DATA, 1, 1, b"test"), [PROTOCOL_ERROR]),
    "8.2 an empty name": (get(1, (b"", b"ok")), [PROTOCOL_ERROR]),
    "8.2 a space in a name": (get(1, (b"x y", b"ok")), [PROTOCOL_ERROR]),
    "8.2 a colon in a name": (get(1, (b"x:y", b"ok")), [PROTOCOL_ERROR]),
    "8.2.1 LF in a value": (get(1, (b"x", b"a\nb")), [PROTOCOL_ERROR]),
    "8.2.1 CR in a value": (get(1, (b"x", b"a\rb")), [PROTOCOL_ERROR]),
    "8.2.1 CR LF in the path": (get(1, (b":path", b"/ HTTP/1.1\r\nx: y"), without=(b":path",)), [PROTOCOL_ERROR]),
    "8.2.2 proxy-connection": (get(1, (b"proxy-connection", b"keep-alive")), [PROTOCOL_ERROR]),
    "8.2.2 keep-alive": (get(1, (b"keep-alive", b"timeout=5")), [PROTOCOL_ERROR]),
    "8.2.2 upgrade": (get(1, (b"upgrade", b"websocket")), [PROTOCOL_ERROR]),
    "8.2 an upper-case name": (get(1, (b"X-TEST", b"ok")), [PROTOCOL_ERROR]),
    "8.2.1 a space before a value": (get(1, (b"x", b" a")), [PROTOCOL_ERROR]),
    "8.2.1 a tab after a value": (get(1, (b"x", b"a\t")), [PROTOCOL_ERROR]),
    "8.2.1 DEL in a value": (get(1, (b"x", b"a\x7f")), [PROTOCOL_ERROR]),
    "8.2.1 a name beyond ASCII": (get(1, (b"x\xe4", b"a")), [PROTOCOL_ERROR]),
    "8.2.1 NUL in a value": (get(1, (b"x", b"a\0b")), [PROTOCOL_ERROR]),
    "8.2.1 CR LF in a value": (get(1, (b"x", b"a\r\nb: c")), [PROTOCOL_ERROR]),
    "8.2.2 connection": (get(1, (b"connection", b"keep-alive")), [PROTOCOL_ERROR]),
    "8.2.2 transfer-encoding": (get(1, (b"transfer-encoding", b"chunked")), [PROTOCOL_ERROR]),
    "8.2.2 te other than trailers": (get(1, (b"te", b"trailers, deflate")), [PROTOCOL_ERROR]),
    "8.3 an unknown pseudo-header": (get(1, (b":test", b"ok")), [PROTOCOL_ERROR]),
    "8.3 a response's pseudo-header": (get(1, (b":status", b"200")), [PROTOCOL_ERROR]),
    "8.3 a pseudo-header after a field": (get(1, (b"x", b"y"), (b":path", b"/"), without=(b":path",)), [PROTOCOL_ERROR]),
    "8.3.1 an empty method": (get(1, (b":method", b""), without=(b":method",)), [PROTOCOL_ERROR]),
    "8.3.1 an empty scheme": (get(1, (b":scheme", b""), without=(b":scheme",)), [PROTOCOL_ERROR]),
    "8.3.1 a path that begins with no slash": (get(1, (b":path", b"x"), without=(b":path",)), [PROTOCOL_ERROR]),
    "8.3.1 * as the path of GET": (get(1, (b":path", b"*"), without=(b":path",)), [PROTOCOL_ERROR]),
    "8.3.1 neither an authority nor a host": (get(without=(b":authority",)), [PROTOCOL_ERROR]),
    "8.3.1 an authority with a user": (get(1, (b":authority", b"a@b"), without=(b":authority",)), [PROTOCOL_ERROR]),
    "8.3.1 an authority with a port that is none": (
        get(1, (b":authority", b"a:70000"), without=(b":authority",)), [PROTOCOL_ERROR]),
    "8.3.1 a host that differs": (get(1, (b"host", b"other")), [PROTOCOL_ERROR]),
    "8.5 CONNECT with a path and a scheme": (get(method=b"CONNECT"), [PROTOCOL_ERROR]),
    "8.5 CONNECT without an authority": (
        get(method=b"CONNECT", without=(b":path", b":scheme", b":authority")), [PROTOCOL_ERROR]),
    "8441 4 :protocol that was not announced": (get(1, (b":protocol", b"websocket"), method=b"CONNECT"), [PROTOCOL_ERROR]),
    "8441 4 :protocol without CONNECT": (get(1, (b":protocol", b"websocket")), [PROTOCOL_ERROR]),
    "8.3.1 an empty path": (get(1, (b":path", b""), without=(b":path",)), [PROTOCOL_ERROR]),
    **{f"8.3.1 no {name.decode()}": (get(without=(name,)), [PROTOCOL_ERROR]) for name in (b":method", b":scheme", b":path")},
    **{f"8.3.1 two {name.decode()}": (get(1, (name, value)), [PROTOCOL_ERROR])
       for name, value in ((b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"))},
}
# user-agent is number 58 of the static table, which a prefix of 4 bits does not hold.
LITERALS = {"6.2.1 indexed": (b"\x40", b"\x7a"), "6.2.2 not indexed": (b"\0", b"\x0f\x2b"),
            "6.2.3 never indexed": (b"\x10", b"\x1f\x2b")}
ANSWERED = {
    "2 WINDOW_UPDATE, PRIORITY on a half-closed stream": settings((INITIAL_WINDOW_SIZE, 0)) + get() + priority(1, 0)
    + window(1, 65535),
    "3.7 an acknowledged PING": frame(PING, ACK, 0, b"unasked!") + get(),
    "4 HEAD": get(method=b"HEAD"),
    "8.1 GET with several DATA frames": frame(HEADERS, END_HEADERS, 1, fields()) + frame(DATA, 0, 1, b"a") * 3
    + frame(DATA, END_STREAM, 1, b"b"),
    "8.1 GET that an empty DATA ends": frame(HEADERS, END_HEADERS, 1, fields()) + frame(DATA, END_STREAM, 1),
    "8.1 POST without a body": frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(method=b"POST")),
    "8.1 trailers without a body": post() + frame(HEADERS, 5, 1, literal(b"x-t", b"1")),
    "8.1 trailers without a field": post() + frame(DATA, 0, 1, b"x") + frame(HEADERS, 5, 1),
    "8.1.1 a body as long as content-length": post(1, (b"content-length", b"4")) + frame(DATA, 0, 1, b"te")
    + frame(DATA, END_STREAM, 1, b"st"),
    "8.1.1 content-length 0": get(1, (b"content-length", b"0")),
    "8.2.2 te: trailers": get(1, (b"te", b"trailers")),
    "8.2.3 crumbs of a cookie": get(1, (b"cookie", b"a=b"), (b"cookie", b"c=d")),
    "8.3.1 a host in place of an authority": get(1, (b"host", b"localhost"), without=(b":authority",)),
    "8.3.1 a host that is the authority": get(1, (b"host", b"LOCALHOST")),
    "4.1 an unknown frame on an open and on a half-closed stream": post() + frame(0xFF, 0xFF, 1, b"x")
    + frame(DATA, END_STREAM, 1, b"x") + frame(0xFE, 0xFF, 1, b"x"),
    "4.2 HEADERS of the frame size": frame(HEADERS, 5, 1, fields() + long_field(16384 - len(fields()))),
    "5.1.1 a stream that passes others over": get(1) + get(101) + get(0x7FFFFFFF),
    "6.1 DATA of nothing but padding": post() + frame(DATA, PADDED, 1, b"\4" + bytes(4))
    + frame(DATA, PADDED | END_STREAM, 1, b"\0"),
    "6.2 HEADERS with priority": frame(HEADERS, PRIORITISED | 5, 1, bytes(5) + fields()),
    "6.5 SETTINGS several times": settings() * 3 + settings((MAX_FRAME_SIZE, (1 << 24) - 1)) + get(),
    "6.5.2 no header table": settings((HEADER_TABLE_SIZE, 0)) + get(),
    "6.5.2 a large header table": settings((HEADER_TABLE_SIZE, 1 << 20)) + get(),
    "6.9 the largest windows": window(0, 0x7FFFFFFF - 65535) + post() + window(1, 0x7FFFFFFF - 65535)
    + frame(DATA, END_STREAM, 1, b"x"),
    "6.10 a block of many CONTINUATION frames": frame(HEADERS, END_STREAM, 1, fields()[:1]) + b"".join(
        frame(CONTINUATION, 0, 1, fields()[n:n + 1]) for n in range(1, 6)) + frame(CONTINUATION, END_HEADERS, 1, fields()[6:]),
    "6.10 an empty CONTINUATION at the end": frame(HEADERS, END_STREAM, 1, fields()) + frame(CONTINUATION, END_HEADERS, 1),
    "6.10 trailers in CONTINUATION": post() + frame(DATA, 0, 1, b"x") + frame(HEADERS, END_STREAM, 1, literal(b"x-t", b"1"))
    + frame(CONTINUATION, END_HEADERS, 1, literal(b"x-u", b"2")),
    "7541 2.3.2 a field of the dynamic table": frame(HEADERS, 5, 1, fields() + b"\x40\1x\1y\xbe"),
    "7541 4.4 a field larger than the table": frame(HEADERS, 5, 1, b"\x3f\x21" + fields() + b"\x40\1x\x64" + b"y" * 100),
    "7541 5.2 Huffman padding of 7 bits": frame(HEADERS, 5, 1, fields() + b"\0\1x\x84\x18\xc6\x31\xff"),
    "7541 4.2 two size updates": frame(HEADERS, 5, 1, b"\x20\x3f\xe1\x1f" + fields()),
    "4.1 undefined flags and the reserved bit": frame(PING, 0x16, 0x80000000, bytes(8)) + get(),
    "4.1 an unknown frame": frame(0xFF, 0, 0, bytes(8)) + get(),
    "4.2 DATA of the frame size": post() + frame(DATA, END_STREAM, 1, bytes(16384)),
    "5.1 PRIORITY on an idle stream": priority(3, 0) + get(),
    "6.1 padded DATA": post() + frame(DATA, PADDED | END_STREAM, 1, b"\5hello" + bytes(5)),
    "6.2 padded HEADERS with priority": frame(HEADERS, PADDED | PRIORITISED | 5, 1, b"\3" + bytes(5) + fields() + bytes(3)),
    "6.3 PRIORITY with a dependency on an idle stream": priority(3, 1) + priority(1, 0x80000000) + get(),
    "6.5 all settings of the RFC": settings((HEADER_TABLE_SIZE, 4096), (ENABLE_PUSH, 1), (MAX_CONCURRENT_STREAMS, 100),
                                            (INITIAL_WINDOW_SIZE, 65535), (MAX_FRAME_SIZE, 16384), (6, 100)) + get(),
    "6.5.2 an unknown setting": settings((0xFF, 1)) + get(),
    "6.5.3 of two values the last counts": settings((INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 65535)) + get(),
    "6.10 several CONTINUATION frames": frame(HEADERS, END_STREAM, 1, fields()[:5]) + frame(CONTINUATION, 0, 1, fields()[5:9])
    + frame(CONTINUATION, END_HEADERS, 1, fields()[9:]),
    "8.1 trailers": post() + frame(DATA, 0, 1, b"x") + frame(HEADERS, 5, 1, literal(b"x-t", b"1")),
    "7541 2.3 indexed fields and a size update": frame(HEADERS, 5, 1, b"\x20\x3f\x61\x82\x86\x84\x41\x09localhost"),
    **{f"7541 {form}, {name}": frame(HEADERS, 5, 1, fields() + first + b"\5baton")
       for form, (literal_name, known_name) in LITERALS.items()
       for name, first in (("known name", known_name), ("new name", literal_name + b"\6x-test"),
                           ("Huffman coded name", literal_name + b"\x85\xf2\xb2\x4a\x84\xff"))},
    "7541 6.2.2 a Huffman coded value": frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"),
}


# All at once, and one by one as a slow peer's frames come: what a frame does must not depend on it.
ways_to_send = pytest.mark.parametrize("send", [Client.send, Client.send_apart], ids=["at once", "one by one"])


@ways_to_send
@pytest.mark.parametrize("case", CONNECTION_ERRORS)
def test_a_connection_error_ends_the_connection(any_client, case, send):
    data, codes = CONNECTION_ERRORS[case]
    send(any_client, data)
    any_client.connection_error(codes)


@ways_to_send
@pytest.mark.parametrize("case", STREAM_ERRORS)
def test_a_stream_error_ends_at_least_the_stream(any_client, case, send):
    data, codes = STREAM_ERRORS[case]
    send(any_client, data)
    any_client.refused(codes, stream_errors=True)


@ways_to_send
@pytest.mark.parametrize("case", ANSWERED)
def test_what_is_allowed_is_answered(client, case, send):
    send(client, ANSWERED[case])
    client.answered()
    client.is_alive()


@pytest.mark.parametrize("data, codes", [
    (frame(DATA, END_STREAM, 1, b"x"), [STREAM_CLOSED]), (get(), [STREAM_CLOSED]),
    (frame(CONTINUATION, END_HEADERS, 1, fields()), [STREAM_CLOSED, PROTOCOL_ERROR])], ids=["DATA", "HEADERS", "CONTINUATION"])
def test_a_stream_that_was_answered_is_closed(client, data, codes):
    client.send(get())
    client.answered()
    client.send(data)
    client.connection_error(codes)


def test_priority_window_update_and_reset_on_a_closed_stream_are_ignored(client):
    client.send(get())
    client.answered()
    client.send(priority(1, 0) + window(1, 1) + frame(RST_STREAM, 0, 1, struct.pack(">I", 8)))
    client.is_alive()


def test_a_setting_that_takes_a_stream_window_over_its_maximum_ends_the_connection(edge):
    # RFC 9113 6.9.2. A direct response would close the stream first.
    client = Client(edge[False], False)
    client.send(post() + window(1, 0x7FFFFFFF - 65535) + settings((INITIAL_WINDOW_SIZE, 65536)))
    assert struct.unpack(">I", client.until(GOAWAY)[3][4:8])[0] == FLOW_CONTROL_ERROR
    while client.next():
        pass
    client.socket.close()


def test_a_window_of_one_byte_gives_one_byte_at_a_time(client):
    client.send(settings((INITIAL_WINDOW_SIZE, 1)))
    client.until(SETTINGS, lambda flags, *_: flags & ACK)
    client.send(get())
    assert len(client.until(DATA)[3]) == 1
    client.send(window(1, 2))
    assert len(client.until(DATA)[3]) == 2


def test_a_window_that_a_setting_made_negative_stays_closed_until_it_is_positive(client):
    client.send(settings((INITIAL_WINDOW_SIZE, 3)))
    client.until(SETTINGS, lambda flags, *_: flags & ACK)
    client.send(get())
    assert len(client.until(DATA)[3]) == 3
    client.send(settings((INITIAL_WINDOW_SIZE, 2)))
    client.send(window(1, 2))
    assert len(client.until(DATA)[3]) == 1


def test_more_streams_than_allowed_are_refused(edge):
    client = Client(edge[False], False, None)
    client.send(PREFACE + settings())
    _, _, _, payload = client.until(SETTINGS)
    limit = dict(struct.iter_unpack(">HI", payload))[MAX_CONCURRENT_STREAMS]
    client.send(frame(SETTINGS, ACK) + b"".join(post(1 + 2 * n) for n in range(limit + 1)))
    client.refused([PROTOCOL_ERROR, 7], stream_errors=True)
    client.socket.close()


def test_streams_that_wait_for_a_window_count_against_the_limit(edge):
    client = Client(edge["direct"], False, None)
    client.send(PREFACE + settings((INITIAL_WINDOW_SIZE, 0)))
    _, _, _, payload = client.until(SETTINGS)
    limit = dict(struct.iter_unpack(">HI", payload))[MAX_CONCURRENT_STREAMS]
    client.send(frame(SETTINGS, ACK) + b"".join(get(1 + 2 * n) for n in range(limit + 1)))
    client.refused([PROTOCOL_ERROR, 7], stream_errors=True)
    client.socket.close()


def test_a_client_that_says_goodbye_without_open_streams_is_let_go(client):
    client.send(frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0) + b"goodbye"))
    while client.next():
        pass


def test_what_is_no_preface_at_all_ends_the_connection(edge):
    for port in (edge[False], edge["direct"]):
        client = Client(port, False, None)
        client.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
        while client.socket.recv(65536):
            pass
        client.socket.close()


def test_a_wrong_preface_ends_the_connection(edge):
    client = Client(edge[True], True, None)
    client.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
    client.refused([PROTOCOL_ERROR], stream_errors=False)
    client.socket.close()


def test_a_setting_changed_after_the_request_opens_its_window(client):
    client.send(settings((INITIAL_WINDOW_SIZE, 0)))
    client.until(SETTINGS, lambda flags, *_: flags & ACK)
    client.send(get() + settings((INITIAL_WINDOW_SIZE, 1)))
    assert len(client.until(DATA)[3]) == 1


def test_of_two_values_of_a_setting_the_last_counts(client):
    client.send(settings((INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 1)))
    client.until(SETTINGS, lambda flags, *_: flags & ACK)
    client.send(get())
    assert len(client.until(DATA)[3]) == 1


def test_a_reset_with_an_unknown_code_or_on_a_half_closed_stream_ends_that_stream_only(client):
    client.send(post(1) + frame(RST_STREAM, 0, 1, struct.pack(">I", 0xFF)) + get(3) + frame(RST_STREAM, 0, 3, bytes(4)) + get(5))
    client.answered(5)


def test_a_goaway_with_an_unknown_code_leaves_the_connection_to_what_is_under_way(client):
    client.send(get() + frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0xFF)) + frame(PING, 0, 0, b"baton-ok"))
    while found := client.next():  # An answer or the end of the connection: RFC 9113 7 and 6.8 allow both.
        if found[0] == PING:
            break


def test_the_answer_to_head_has_no_body(client):
    client.send(get(method=b"HEAD"))
    found = client.until(HEADERS)
    if not found[1] & END_STREAM:  # An empty DATA may carry the end.
        assert client.until(DATA)[3] == b""
    client.is_alive()


def test_a_header_table_of_nothing_is_used_from_the_next_answer_on(client):
    client.send(get())
    client.answered()
    client.send(settings((HEADER_TABLE_SIZE, 0)))
    client.until(SETTINGS, lambda flags, *_: flags & ACK)
    client.send(get(3))
    block = client.until(HEADERS)[3]
    assert block[0] == 0x20  # RFC 7541 4.2
    assert status_of(block) == 200


def test_the_first_frame_of_a_server_is_settings_and_every_setting_is_acknowledged_in_its_order(edge):
    for tls in (False, True):
        client = Client(edge[tls], tls, None)
        client.send(PREFACE + settings() + frame(PING, 0, 0, b"-first--") + settings((MAX_FRAME_SIZE, 20000))
                    + frame(PING, 0, 0, b"-second-"))
        kinds = []
        while len(kinds) < 5:
            kind, flags, _, _ = client.next()
            if kind in (SETTINGS, PING):
                kinds.append((kind, flags & ACK))
        assert kinds[0] == (SETTINGS, 0)
        assert sorted(kinds[1:]) == [(SETTINGS, ACK), (SETTINGS, ACK), (PING, ACK), (PING, ACK)]
        client.socket.close()


def test_what_follows_the_preface_must_be_settings(edge):
    for tls in (False, True):
        client = Client(edge[tls], tls, None)
        client.send(PREFACE + frame(PING, 0, 0, bytes(8)) + get())
        client.connection_error([PROTOCOL_ERROR])
        client.socket.close()


def test_the_preface_may_come_in_pieces(edge):
    client = Client(edge[False], False, None)
    for n in range(len(PREFACE)):
        client.send(PREFACE[n:n + 1])
    client.send(settings() + get())
    client.answered()
    client.socket.close()


def test_a_client_that_says_goodbye_gets_its_answer_first(client):
    client.send(get() + frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0)))
    client.answered()
    while found := client.next():
        assert found[0] in (GOAWAY, SETTINGS, WINDOW_UPDATE, PING)


def test_an_upgrade_to_h2c_is_passed_over(edge):
    # RFC 9113 3.1: it is not used any more; an HTTP/1.1 answer is what the client then gets.
    answer = raw(edge[False], b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\n"
                 b"http2-settings: AAMAAABkAAQAAP__\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_frames_may_come_a_byte_at_a_time(client):
    for byte in post() + frame(DATA, PADDED, 1, b"\2ab\0\0") + priority(1, 0) + frame(DATA, END_STREAM, 1, b"c"):
        client.send(bytes([byte]))
    client.answered()
    client.is_alive()
