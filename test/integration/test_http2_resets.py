"""An HTTP/2 server that ends a stream by RST_STREAM, often in the packet of its answer: the client sees what was said before,
and an answer that was complete stays one."""
import socket
import struct

import pytest

from conftest import DEADLINE, H2, bootstrap, cluster, forward_all, http_filter, listener, raw
from http2_client import (DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, RST_STREAM, AnsweringServer, Client,
                          fields, frame, get, literal, post, settings, status_of, window)

NO_ERROR, INTERNAL_ERROR, CANCEL = 0, 2, 8
OPEN = frame(HEADERS, END_HEADERS, 1, fields((b"content-type", b"application/grpc"), method=b"POST"))
GRPC = b"\x88" + literal(b"content-type", b"application/grpc")
HEAD = frame(HEADERS, END_HEADERS, 1, GRPC)
TRAILERS = frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(b"grpc-status", b"5"))
TRAILERS_ONLY = frame(HEADERS, END_HEADERS | END_STREAM, 1, GRPC + literal(b"grpc-status", b"5"))
MESSAGE = frame(DATA, 0, 1, b"m" * 1000)


def reset(code, stream=1):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def in_front_of(baton, tcp_server, answer, **options):
    server = AnsweringServer(tcp_server, answer, **options)
    process = baton(bootstrap([listener("web", http_filter(forward_all("one")))],
                              [cluster("one", server.port, typed_extension_protocol_options=H2)]))
    return process, server


def answer_of(client, stream=1):
    """Until the stream ends one way or the other: the blocks of HEADERS, the body, and the code of a reset or None when the
    answer was complete."""
    blocks, body = [], b""
    while found := client.next():
        kind, flags, number, payload = found
        if number != stream:
            continue
        if kind == RST_STREAM:
            return blocks, body, struct.unpack(">I", payload)[0]
        if kind == HEADERS:
            blocks.append(payload)
        if kind == DATA:
            body += payload
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            return blocks, body, None
    raise AssertionError("the connection ended")


# RFC 9113 8.1: a server that needs no more of the request says so by RST_STREAM after its answer. Some use another code.
@pytest.mark.parametrize("code", [NO_ERROR, CANCEL, INTERNAL_ERROR])
@pytest.mark.parametrize("answer, headers, body", [
    (TRAILERS_ONLY, 1, 0), (HEAD + TRAILERS, 2, 0), (HEAD + MESSAGE + TRAILERS, 2, 1000),
    (HEAD + frame(DATA, END_STREAM, 1, b"m" * 1000), 1, 1000)],
    ids=["trailers only", "no message", "a message", "no trailers"])
def test_an_answer_that_was_complete_is_not_spoilt_by_the_reset_after_it(baton, tcp_server, code, answer, headers, body):
    process, _ = in_front_of(baton, tcp_server, answer + reset(code), at_once=True)
    client = Client(process.port("web"), False)
    client.send(OPEN)
    blocks, data, ended_by = answer_of(client)
    assert (len(blocks), len(data), ended_by) == (headers, body, None)
    assert status_of(blocks[0]) == 200
    client.is_alive()
    assert process.stat("cluster.one.upstream_rq_rx_reset") == 0


@pytest.mark.parametrize("code", [NO_ERROR, CANCEL])
def test_a_complete_answer_waits_for_a_client_that_reads_later(baton, tcp_server, code):
    process, _ = in_front_of(baton, tcp_server, HEAD + MESSAGE * 50 + TRAILERS + reset(code), at_once=True)
    client = Client(process.port("web"), False, settings((INITIAL_WINDOW_SIZE, 0)))
    client.send(OPEN)
    client.until(HEADERS)
    client.is_alive()
    client.send(window(1, 100_000))
    blocks, data, ended_by = answer_of(client)
    assert (len(blocks), len(data), ended_by) == (1, 50_000, None)


@pytest.mark.parametrize("answer, headers, body", [(HEAD, 1, 0), (HEAD + MESSAGE, 1, 1000)], ids=["headers", "a message"])
@pytest.mark.parametrize("request_bytes", [OPEN, get()], ids=["open", "whole"])
def test_what_came_before_a_reset_reaches_the_client_first(baton, tcp_server, request_bytes, answer, headers, body):
    process, _ = in_front_of(baton, tcp_server, answer + reset(INTERNAL_ERROR), at_once=True)
    client = Client(process.port("web"), False)
    client.send(request_bytes)
    blocks, data, ended_by = answer_of(client)
    assert (len(blocks), len(data)) == (headers, body)
    assert ended_by in (INTERNAL_ERROR, CANCEL)
    assert status_of(blocks[0]) == 200
    client.is_alive()


def test_a_client_of_http1_sees_what_came_before_a_reset(baton, tcp_server):
    process, _ = in_front_of(baton, tcp_server, HEAD + MESSAGE + reset(INTERNAL_ERROR), at_once=True)
    answer = raw(process.port("web"), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and b"m" * 1000 in answer
    assert not answer.endswith(b"0\r\n\r\n"), "it must not look complete"


def test_a_client_of_http1_gets_a_complete_answer_before_its_request_is(baton, tcp_server):
    process, _ = in_front_of(baton, tcp_server, HEAD + MESSAGE + TRAILERS + reset(NO_ERROR), at_once=True)
    with socket.create_connection(("127.0.0.1", process.port("web")), timeout=DEADLINE) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n")
        answer = b""
        while part := client.recv(65536):
            answer += part
    assert b"m" * 1000 in answer and answer.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("code", [NO_ERROR, CANCEL, INTERNAL_ERROR])
def test_a_reset_in_place_of_an_answer_is_a_503(baton, tcp_server, code):
    process, _ = in_front_of(baton, tcp_server, reset(code))
    client = Client(process.port("web"), False)
    client.send(post() + frame(DATA, END_STREAM, 1, b"x"))
    blocks, _, ended_by = answer_of(client)
    assert ended_by is None and (b"503" in blocks[0] or b"\x82l\x02" in blocks[0] or status_of(blocks[0]) is None)
    assert process.stat("cluster.one.upstream_rq_rx_reset") == 1
    client.is_alive()


def test_a_reset_after_the_end_of_both_sides_is_ignored(baton, tcp_server):
    process, server = in_front_of(baton, tcp_server, TRAILERS_ONLY + reset(INTERNAL_ERROR) + reset(CANCEL))
    client = Client(process.port("web"), False)
    client.send(get())
    assert answer_of(client)[2] is None
    client.is_alive()
    assert process.stat("cluster.one.upstream_cx_destroy") == 0
    assert process.stat("cluster.one.upstream_cx_active") == 1


def test_a_request_that_is_still_sent_is_stopped_after_a_complete_answer(baton, tcp_server):
    process, server = in_front_of(baton, tcp_server, TRAILERS_ONLY, at_once=True)
    client = Client(process.port("web"), False)
    client.send(OPEN)
    assert answer_of(client)[2] is None
    assert struct.unpack(">I", client.until(RST_STREAM)[3])[0] == NO_ERROR
    client.is_alive()
