"""HTTP/2 servers that break the rules of RFC 9113: their client sees no answer that was none, and a connection that cannot be
trusted any more is ended."""
import struct

import pytest

from conftest import DEADLINE, H2, bootstrap, cluster, forward_all, http_filter, listener
from http2_client import (CONTINUATION, DATA, END_HEADERS, END_STREAM, ENABLE_PUSH, GOAWAY, HEADERS, MAX_FRAME_SIZE, PADDED,
                          PING, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, AnsweringServer, Client, fields, frame,
                          get, literal, settings, status_of, window)

OK = b"\x88"


def head(block=OK, flags=0, stream=1):
    return frame(HEADERS, END_HEADERS | flags, stream, block)


def answer(*extra):
    """A complete answer with these fields."""
    return head(OK + b"".join(literal(*field) for field in extra), END_STREAM)


BODY = frame(DATA, END_STREAM, 1, b"hello")
# What makes the answer malformed (RFC 9113 8.1.1).
MALFORMED = {
    "no status": head(literal(b"x", b"y"), END_STREAM),
    "two statuses": head(OK + OK, END_STREAM),
    "a status of two digits": head(literal(b":status", b"20"), END_STREAM),
    "a status of four digits": head(literal(b":status", b"2000"), END_STREAM),
    "a status below 100": head(literal(b":status", b"099"), END_STREAM),
    "a status above 599": head(literal(b":status", b"600"), END_STREAM),
    "a status that is no number": head(literal(b":status", b"2x0"), END_STREAM),
    "status 101": head(literal(b":status", b"101")) + BODY,
    "a status after a field": head(literal(b"x", b"y") + OK, END_STREAM),
    "a pseudo-header of requests": answer((b":path", b"/")),
    "an unknown pseudo-header": answer((b":test", b"x")),
    "connection": answer((b"connection", b"close")),
    "transfer-encoding": answer((b"transfer-encoding", b"chunked")),
    "keep-alive": answer((b"keep-alive", b"timeout=5")),
    "upgrade": answer((b"upgrade", b"h2c")),
    "an upper-case name": answer((b"X", b"y")),
    "a space in a name": answer((b"x y", b"z")),
    "an empty name": answer((b"", b"x")),
    "CR LF in a value": answer((b"x", b"a\r\nset-cookie: b=c")),
    "LF in a value": answer((b"x", b"a\nb")),
    "NUL in a value": answer((b"x", b"a\0b")),
    "a length that is none": head(OK + literal(b"content-length", b"x")) + BODY,
    "two lengths": head(OK + literal(b"content-length", b"5") + literal(b"content-length", b"6")) + BODY,
    "a shorter body": head(OK + literal(b"content-length", b"6")) + BODY,
    "a longer body": head(OK + literal(b"content-length", b"4")) + BODY,
    "no body": answer((b"content-length", b"5")),
    "an interim answer that ends the stream": head(literal(b":status", b"103"), END_STREAM),
    "DATA after an interim answer": head(literal(b":status", b"103")) + BODY,
    "trailers that do not end the stream": head() + head(literal(b"x-t", b"1")),
    "a pseudo-header in trailers": head() + head(OK, END_STREAM),
}
# What leaves the connection's state in doubt (RFC 9113 5.4.1).
CONNECTION_ERRORS = {
    "HEADERS on a stream that was not opened": head(stream=3),
    "DATA before HEADERS": BODY,
    "DATA on a stream that was not opened": frame(DATA, 0, 7, b"x"),
    "RST_STREAM on a stream that was not opened": frame(RST_STREAM, 0, 5, bytes(4)),
    "WINDOW_UPDATE on a stream that was not opened": window(9, 1),
    "HEADERS on a stream of the server's": head(stream=2),
    "PUSH_PROMISE": frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + fields()),
    "HEADERS on stream 0": head(stream=0),
    "DATA on stream 0": frame(DATA, 0, 0, b"x"),
    "SETTINGS on a stream": frame(SETTINGS, 0, 1),
    "ENABLE_PUSH": settings((ENABLE_PUSH, 1)),
    "a frame size that is too small": settings((MAX_FRAME_SIZE, 100)),
    "a window that is too large": settings((4, 1 << 31)),
    "a window over its maximum": window(0, 0x7FFFFFFF) * 2,
    "an increment of 0": window(0, 0),
    "PING of 7 bytes": frame(PING, 0, 0, bytes(7)),
    "PING on a stream": frame(PING, 0, 1, bytes(8)),
    "GOAWAY on a stream": frame(GOAWAY, 0, 1, bytes(8)),
    "a frame that is too large": head() + frame(DATA, 0, 1, bytes(16385)),
    "a block that cannot be decoded": head(b"\xff\xff\xff\xff\xff\xff"),
    "an index past the tables": head(OK + b"\xfe"),
    "CONTINUATION without HEADERS": frame(CONTINUATION, END_HEADERS, 1, OK),
    "DATA inside a block": frame(HEADERS, 0, 1, OK) + BODY,
    "PING inside a block": frame(HEADERS, 0, 1, OK) + frame(PING, 0, 0, bytes(8)),
    "too much padding": head() + frame(DATA, PADDED, 1, b"\xff"),
    "a WINDOW_UPDATE of 3 bytes": frame(WINDOW_UPDATE, 0, 0, bytes(3)),
    "what is no HTTP/2": b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
}


def in_front_of(baton, tcp_server, data, **options):
    server = AnsweringServer(tcp_server, data, **options)
    process = baton(bootstrap([listener("web", http_filter(forward_all("one")))],
                              [cluster("one", server.port, typed_extension_protocol_options=H2)]))
    return process, server


def no_answer(process):
    """The client's request is answered by an error of ours, or its answer broken off."""
    client = Client(process.port("web"), False)
    client.send(get())
    started = False
    while found := client.next():
        kind, flags, stream, payload = found
        if stream != 1:
            continue
        if kind == RST_STREAM:
            break
        if kind == HEADERS and not started and status_of(payload) != 103:
            started = status_of(payload) == 200
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            assert not started, "a malformed answer became a good one"
            break
    else:
        raise AssertionError("the client's connection was ended")
    client.is_alive()


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_answer_is_none(baton, tcp_server, case):
    process, _ = in_front_of(baton, tcp_server, MALFORMED[case])
    no_answer(process)
    assert process.stat("cluster.one.http2.rx_messaging_error") == 1


@pytest.mark.parametrize("case", CONNECTION_ERRORS)
def test_a_server_that_breaks_the_connection_loses_it(baton, tcp_server, case):
    process, server = in_front_of(baton, tcp_server, CONNECTION_ERRORS[case])
    no_answer(process)
    assert server.ended.wait(DEADLINE)
    assert process.stat("cluster.one.upstream_cx_protocol_error") == 1


@pytest.mark.parametrize("extra", [
    (), ((b"content-length", b"0"),), ((b"x", b"\xe4\xf6"),), ((b"set-cookie", b"a=b"), (b"set-cookie", b"c=d"))],
    ids=["nothing", "content-length", "beyond ASCII", "two cookies"])
def test_a_good_answer_is_passed_on(baton, tcp_server, extra):
    process, _ = in_front_of(baton, tcp_server, frame(0xEE, 0xFF, 1, b"unknown") + answer(*extra))
    client = Client(process.port("web"), False)
    client.send(get())
    client.answered()


def test_a_whole_answer_before_a_goaway_is_passed_on(baton, tcp_server):
    process, server = in_front_of(baton, tcp_server, answer() + frame(GOAWAY, 0, 0, struct.pack(">II", 1, 0)))
    client = Client(process.port("web"), False)
    client.send(get())
    client.answered()
    assert server.ended.wait(DEADLINE)
    client.is_alive()
