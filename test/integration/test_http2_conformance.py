"""HTTP/2 by RFC 9113 and RFC 7541, section by section: a client that can send any frame against the real binary."""
import struct

import pytest

from conftest import Baton, ThreadingServer, bootstrap, cluster, forward_all, http_filter, listener, tls_context
from http2_client import (ACK, COMPRESSION_ERROR, CONTINUATION, DATA, ENABLE_PUSH, END_HEADERS, END_STREAM,
                          FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADER_TABLE_SIZE, HEADERS, INITIAL_WINDOW_SIZE,
                          MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, PADDED, PING, PREFACE, PRIORITISED, PRIORITY,
                          PROTOCOL_ERROR, PUSH_PROMISE, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, Client,
                          fields, frame, get, literal, post, priority, settings, window)


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


CONNECTION_ERRORS = {
    "4.2 DATA on a stream over the frame size": (post() + frame(DATA, END_STREAM, 1, bytes(16385)), [FRAME_SIZE_ERROR]),
    "4.2 HEADERS over the frame size": (frame(HEADERS, 5, 1, fields() + bytes(16385)), [FRAME_SIZE_ERROR]),
    "4.3 a block that cannot be decoded": (frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff"), [COMPRESSION_ERROR]),
    "4.3 a block that ends within a field": (frame(HEADERS, 5, 1, b"\x40"), [COMPRESSION_ERROR]),
    "4.3 PRIORITY inside a block": (frame(HEADERS, END_STREAM, 1, fields()) + priority(1, 0), [PROTOCOL_ERROR]),
    "4.3 another stream's HEADERS inside a block": (frame(HEADERS, END_STREAM, 1, fields()) + get(3), [PROTOCOL_ERROR]),
    "5.1 idle: DATA": (frame(DATA, END_STREAM, 1, b"x"), [PROTOCOL_ERROR]),
    "5.1 idle: RST_STREAM": (frame(RST_STREAM, 0, 1, struct.pack(">I", 8)), [PROTOCOL_ERROR]),
    "5.1 idle: WINDOW_UPDATE": (window(1, 100), [PROTOCOL_ERROR]),
    "5.1 idle: CONTINUATION": (frame(CONTINUATION, END_HEADERS, 1, fields()), [PROTOCOL_ERROR]),
    "5.1.1 an even stream": (get(2), [PROTOCOL_ERROR]),
    "5.1.1 a lower stream": (get(5) + get(3), [PROTOCOL_ERROR, STREAM_CLOSED]),
    "5.5 an unknown frame inside a block": (frame(HEADERS, END_STREAM, 1, fields()) + frame(0xFF, 0, 1, bytes(8)),
                                            [PROTOCOL_ERROR]),
    "6.1 DATA on stream 0": (frame(DATA, END_STREAM, 0, b"x"), [PROTOCOL_ERROR]),
    "6.1 DATA with too much padding": (post() + frame(DATA, PADDED | END_STREAM, 1, b"\x06test"), [PROTOCOL_ERROR]),
    "6.2 HEADERS on stream 0": (get(0), [PROTOCOL_ERROR]),
    "6.2 HEADERS with too much padding": (frame(HEADERS, PADDED | 5, 1, b"\xff" + fields()), [PROTOCOL_ERROR]),
    "6.3 PRIORITY on stream 0": (priority(0, 1), [PROTOCOL_ERROR]),
    "6.4 RST_STREAM on stream 0": (frame(RST_STREAM, 0, 0, bytes(4)), [PROTOCOL_ERROR]),
    "6.4 RST_STREAM of 3 bytes": (post() + frame(RST_STREAM, 0, 1, bytes(3)), [FRAME_SIZE_ERROR]),
    "6.5 SETTINGS acknowledgement with a payload": (frame(SETTINGS, ACK, 0, bytes(6)), [FRAME_SIZE_ERROR]),
    "6.5 SETTINGS on a stream": (frame(SETTINGS, 0, 1, b"\0\3\0\0\0\x64"), [PROTOCOL_ERROR]),
    "6.5 SETTINGS of 3 bytes": (frame(SETTINGS, 0, 0, bytes(3)), [FRAME_SIZE_ERROR]),
    "6.4 RST_STREAM of 5 bytes": (post() + frame(RST_STREAM, 0, 1, bytes(5)), [FRAME_SIZE_ERROR]),
    "6.5.2 ENABLE_PUSH 2": (settings((ENABLE_PUSH, 2)), [PROTOCOL_ERROR]),
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
    "6.9 a stream's WINDOW_UPDATE of 0": (post() + window(1, 0), [PROTOCOL_ERROR]),
    "6.9.1 a stream's window over 2^31-1": (post() + window(1, 0x7FFFFFFF) * 2, [FLOW_CONTROL_ERROR]),
    "8.1 a second HEADERS without END_STREAM": (post() + frame(HEADERS, END_HEADERS, 1, literal(b"x-t", b"1")), [PROTOCOL_ERROR]),
    "8.1 pseudo-header in trailers": (post() + frame(HEADERS, 5, 1, literal(b":method", b"GET")), [PROTOCOL_ERROR]),
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
    "8.2.1 NUL in a value": (get(1, (b"x", b"a\0b")), [PROTOCOL_ERROR]),
    "8.2.1 CR LF in a value": (get(1, (b"x", b"a\r\nb: c")), [PROTOCOL_ERROR]),
    "8.2.2 connection": (get(1, (b"connection", b"keep-alive")), [PROTOCOL_ERROR]),
    "8.2.2 transfer-encoding": (get(1, (b"transfer-encoding", b"chunked")), [PROTOCOL_ERROR]),
    "8.2.2 te other than trailers": (get(1, (b"te", b"trailers, deflate")), [PROTOCOL_ERROR]),
    "8.3 an unknown pseudo-header": (get(1, (b":test", b"ok")), [PROTOCOL_ERROR]),
    "8.3 a response's pseudo-header": (get(1, (b":status", b"200")), [PROTOCOL_ERROR]),
    "8.3 a pseudo-header after a field": (get(1, (b"x", b"y"), (b":path", b"/"), without=(b":path",)), [PROTOCOL_ERROR]),
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
def test_a_connection_error_ends_the_connection(client, case, send):
    data, codes = CONNECTION_ERRORS[case]
    send(client, data)
    client.connection_error(codes)


@ways_to_send
@pytest.mark.parametrize("case", STREAM_ERRORS)
def test_a_stream_error_ends_at_least_the_stream(client, case, send):
    data, codes = STREAM_ERRORS[case]
    send(client, data)
    client.refused(codes, stream_errors=True)


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
