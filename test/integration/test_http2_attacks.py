"""Floods of cheap HTTP/2 frames against the real binary: ended, counted, and let through when the limit is raised."""
import itertools
import struct
import threading

import pytest

from conftest import DEADLINE, bootstrap, cluster, forward_all, http_filter, listener, wait_for
from http2_client import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, PING,
                          PROTOCOL_ERROR, RST_STREAM, AnsweringServer, Client, fields, frame, get, post, priority, settings,
                          window)

CALM = 11
MANY = 1_000_000
CANCEL = struct.pack(">I", 8)

# name: (bytes, counter, the options that raise its limit)
FLOODS = {
    "rapid reset": (b"".join(get(2 * n + 1) + frame(RST_STREAM, 0, 2 * n + 1, CANCEL) for n in range(600)),
                    "http2.premature_resets_flood",
                    {"premature_reset_burst": MANY, "premature_reset_rate": MANY, "premature_reset_total_stream_count": MANY}),
    "empty DATA": (post() + frame(DATA, 0, 1) * 100, "http2.inbound_empty_frames_flood",
                   {"max_consecutive_inbound_frames_with_empty_payload": MANY}),
    "PRIORITY": (post() + priority(1, 0) * 2000, "http2.inbound_priority_frames_flood",
                 {"max_inbound_priority_frames_per_stream": MANY}),
    "WINDOW_UPDATE": (window(0, 1) * 200, "http2.inbound_window_update_frames_flood",
                      {"max_inbound_window_update_frames_per_data_frame_sent": MANY}),
    "MadeYouReset": (b"".join(post(2 * n + 1) + window(2 * n + 1, 0x7FFFFFFF) for n in range(600)), "http2.glitches_flood",
                     {"max_glitches": MANY, "premature_reset_burst": MANY, "premature_reset_total_stream_count": MANY,
                      "max_concurrent_streams": 1000}),
    "SETTINGS": (settings() * 500, "http2.glitches_flood", {"max_glitches": MANY}),
    "malformed requests": (b"".join(get(2 * n + 1, (b"connection", b"close")) for n in range(600)), "http2.glitches_flood",
                           {"max_glitches": MANY}),
    "unknown frames": (frame(0xEE, 0, 0, b"x") * 500, "http2.glitches_flood", {"max_glitches": MANY}),
}


def start(baton, upstream, options):
    return baton(bootstrap([listener("web", http_filter(forward_all("one"), http2_protocol_options=options))],
                           [cluster("one", upstream().server_address[1])]))


def flooded(process, flood):
    client = Client(process.port("web"), False)
    if flood == "WINDOW_UPDATE":  # Its limit is a multiple of the DATA frames that were sent.
        client.send(get())
        client.answered()
    if flood in ("MadeYouReset", "malformed requests"):  # So that streams above the limit are not what ends it.
        client.send_apart(FLOODS[flood][0])
        return client
    client.send(FLOODS[flood][0])
    return client


def counted(process, flood):
    return sum(value for name, value in process.stats().items() if name.endswith(FLOODS[flood][1]))


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_the_connection_and_is_counted(baton, upstream, flood):
    process = start(baton, upstream, {})
    assert struct.unpack(">I", flooded(process, flood).until(GOAWAY)[3][4:8])[0] == CALM
    assert counted(process, flood) == 1
    Client(process.port("web"), False).is_alive()


@pytest.mark.parametrize("flood", FLOODS)
def test_the_same_frames_pass_when_the_limit_is_raised(baton, upstream, flood):
    process = start(baton, upstream, FLOODS[flood][2])
    flooded(process, flood).is_alive()
    assert counted(process, flood) == 0


def test_a_continuation_flood_ends_the_connection_and_is_counted(baton, upstream):
    process = start(baton, upstream, {})
    client = Client(process.port("web"), False)
    client.send(frame(HEADERS, END_STREAM, 1, fields()) + frame(CONTINUATION, 0, 1, b"\0\1x\1y") * 100)
    client.refused([CALM], stream_errors=False)
    assert process.stat("http2.inbound_continuation_flood") == 1


def test_as_many_continuations_pass_when_the_limit_is_raised(baton):
    process = start_answering(baton, http2_protocol_options={"max_inbound_continuation_frames": 100},
                              common_http_protocol_options={"max_headers_count": 200})
    client = Client(process.port("web"), False)
    client.send(frame(HEADERS, END_STREAM, 1, fields()) + frame(CONTINUATION, 0, 1, b"\0\1x\1y") * 99
                + frame(CONTINUATION, END_HEADERS, 1, b"\0\1x\1y"))
    client.answered()
    assert process.stat("http2.inbound_continuation_flood") == 0


def test_a_lower_continuation_limit_is_kept(baton):
    process = start_answering(baton, http2_protocol_options={"max_inbound_continuation_frames": 1})
    client = Client(process.port("web"), False)
    client.send(frame(HEADERS, END_STREAM, 1, fields()) + frame(CONTINUATION, END_HEADERS, 1, b"\0\1x\1y"))
    client.answered()
    client.send(frame(HEADERS, END_STREAM, 3, fields()) + frame(CONTINUATION, 0, 3, b"\0\1x\1y") * 3)
    client.refused([CALM], stream_errors=False)
    assert process.stat("http2.inbound_continuation_flood") == 1


def test_a_header_limit_that_takes_many_continuations_lets_them_pass(baton):
    process = start_answering(baton, max_request_headers_kb=512)
    client = Client(process.port("web"), False)
    # 20 fields of 16,000 bytes, each in a frame of its own.
    parts = [bytes([0, 3]) + b"x%02d" % n + b"\x7f\x81\x7c" + b"v" * 16_000 for n in range(20)]
    client.send(frame(HEADERS, END_STREAM, 1, fields()) + b"".join(frame(CONTINUATION, 0, 1, part) for part in parts[:-1])
                + frame(CONTINUATION, END_HEADERS, 1, parts[-1]))
    client.answered()


def test_headers_over_the_limit_are_answered_with_431(baton, upstream):
    process = start(baton, upstream, {})
    client = Client(process.port("web"), False)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(*((b"x%d" % n, b"y" * 20) for n in range(150)))))
    _, _, _, block = client.until(HEADERS)
    assert b"431" in block, block
    client.is_alive()
    assert process.stat("http2.header_overflow") + process.stat("http.test.downstream_rq_too_large") >= 1


def test_headers_under_a_raised_limit_are_answered(baton, upstream):
    process = start_answering(baton, max_request_headers_kb=64, common_http_protocol_options={"max_headers_count": 200})
    client = Client(process.port("web"), False)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(*((b"x%d" % n, b"y" * 20) for n in range(150)))))
    client.answered()


def start_answering(baton, **manager):
    """Answers itself, so that no limit of an upstream's is in the way."""
    page = [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "p" * 2000}}}]
    return baton(bootstrap([listener("web", http_filter(page, **manager))]))


# A field of 4,000 bytes that goes into the dynamic table once, and stands for itself in a byte from then on.
PLANTED = bytes([0x40, 1]) + b"x" + b"\x7f\xa1\x1e" + b"v" * 4000
BOMB = fields() + PLANTED + b"\xbe" * 20


def test_an_hpack_bomb_is_answered_with_431_and_costs_no_memory(baton):
    process = start_answering(baton)
    client = Client(process.port("web"), False)
    for stream in range(1, 400, 2):
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, BOMB if stream == 1 else fields() + b"\xbe" * 20))
        _, _, _, block = client.until(HEADERS)
        assert b"431" in block or stream > 1, block
    client.is_alive()
    assert process.stat("http2.header_overflow") + process.stat("http.test.downstream_rq_too_large") >= 200


def test_the_same_block_passes_under_a_raised_limit(baton):
    process = start_answering(baton, max_request_headers_kb=512)
    client = Client(process.port("web"), False)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, BOMB))
    client.answered()


def test_a_block_many_times_over_the_limit_ends_the_connection(baton):
    process = start_answering(baton)
    client = Client(process.port("web"), False)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, fields() + PLANTED + b"\xbe" * 10_000))
    client.refused([CALM], stream_errors=False)
    assert process.stat("http2.header_overflow") == 1
    Client(process.port("web"), False).is_alive()


PINGS = frame(PING, 0, 0, b"12345678") * 400_000  # More than kernels keep, and below the limit for overhead.


def test_a_ping_flood_that_reads_no_answer_is_ended_and_counted(baton):
    process = start_answering(baton)
    client = Client(process.port("web"), False)
    client.send(PINGS)
    wait_for(lambda: process.stat("http.test.downstream_cx_active") == 0, "the connection to be ended")
    assert process.stat("http2.outbound_control_flood") == 1
    client.socket.close()


def test_frames_of_any_kind_that_wait_to_be_read_are_limited(baton):
    process = start_answering(baton, http2_protocol_options={"max_outbound_control_frames": MANY, "max_outbound_frames": 500})
    client = Client(process.port("web"), False)
    client.send(PINGS)
    wait_for(lambda: process.stat("http.test.downstream_cx_active") == 0, "the connection to be ended")
    assert (process.stat("http2.outbound_flood"), process.stat("http2.outbound_control_flood")) == (1, 0)
    client.socket.close()


def test_as_many_unread_pings_are_answered_when_the_limit_is_raised(baton):
    process = start_answering(baton, http2_protocol_options={"max_outbound_control_frames": MANY, "max_outbound_frames": MANY})
    client = Client(process.port("web"), False)
    sender = threading.Thread(target=client.send, args=(PINGS,))
    sender.start()
    left = len(PINGS)  # An answer is as long as its PING.
    while left:
        part = client.socket.recv(min(left, 1 << 20))
        assert part, "the connection ended"
        left -= len(part)
    sender.join()
    client.is_alive()


@pytest.mark.parametrize("options, ends", [({"max_inbound_overhead_bytes": 10_000}, True), ({}, False)])
def test_pings_whose_answers_are_read_are_too_many_at_some_point(baton, options, ends):
    process = start_answering(baton, http2_protocol_options=options)
    client = Client(process.port("web"), False)
    for _ in range(60):  # 102,000 bytes
        client.send(frame(PING, 0, 0, b"12345678") * 100)
        answers = sum(1 for _ in itertools.takewhile(lambda found: found and found[0] == PING, (client.next() for _ in range(100))))
        if answers < 100:
            break
    assert (answers < 100) == ends
    assert process.stat("http2.overhead_flood") == ends


def test_pings_in_good_measure_are_answered(baton):
    process = start_answering(baton)
    client = Client(process.port("web"), False)
    for _ in range(20):
        client.send(frame(PING, 0, 0, b"12345678") * 100)
        for _ in range(100):
            client.until(PING)
    client.is_alive()


def test_a_client_that_opens_no_window_is_given_up_when_its_stream_has_idled(baton):
    process = start_answering(baton, stream_idle_timeout="0.5s")
    client = Client(process.port("web"), False, settings((INITIAL_WINDOW_SIZE, 0)))
    client.send(get())
    _, _, stream, _ = client.until(RST_STREAM)
    assert stream == 1
    assert process.stat("http2.tx_flush_timeout") + process.stat("http.test.downstream_rq_idle_timeout") == 1
    client.is_alive()


def test_a_window_that_opens_in_time_gets_the_rest(baton):
    process = start_answering(baton, stream_idle_timeout="60s")
    client = Client(process.port("web"), False, settings((INITIAL_WINDOW_SIZE, 0)))
    client.send(get())
    client.until(HEADERS)
    client.is_alive()
    client.send(window(1, 5000))
    client.until(DATA, lambda flags, stream, payload: flags & END_STREAM)


@pytest.mark.parametrize("part", [frame(HEADERS, END_STREAM, 1, fields()),
                                  frame(HEADERS, END_STREAM | END_HEADERS, 1, fields())[:12]],
                         ids=["no CONTINUATION", "a part of HEADERS"])
def test_a_header_block_that_does_not_end_in_time_ends_the_connection(baton, part):
    process = start_answering(baton, request_headers_timeout="0.5s")
    client = Client(process.port("web"), False)
    client.send(part)
    while client.next():
        pass
    client.socket.close()
    assert process.stat("http.test.downstream_rq_header_timeout") == 1
    wait_for(lambda: process.stat("http.test.downstream_cx_active") == 0, "the connection to be ended")
    Client(process.port("web"), False).is_alive()


# What would be another request, or another body, for an HTTP/1.1 server behind us.
SMUGGLED = {
    "CR LF in a value": get(1, (b"x", b"a\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n")),
    "LF in a value": get(1, (b"x", b"a\nx-other: b")),
    "NUL in a value": get(1, (b"x", b"a\0b")),
    "CR LF in a name": get(1, (b"x\r\ny", b"a")),
    "a colon in a name": get(1, (b"x:y", b"a")),
    "a space in a name": get(1, (b"x y", b"a")),
    "transfer-encoding": post(1, (b"transfer-encoding", b"chunked")) + frame(DATA, END_STREAM, 1, b"0\r\n\r\nGET /smuggled"),
    "a longer body": post(1, (b"content-length", b"0")) + frame(DATA, END_STREAM, 1, b"GET /smuggled HTTP/1.1\r\n\r\n"),
    "two lengths": post(1, (b"content-length", b"5"), (b"content-length", b"6")) + frame(DATA, END_STREAM, 1, b"hello"),
    "a length that is none": post(1, (b"content-length", b"+5")) + frame(DATA, END_STREAM, 1, b"hello"),
    "a space in the path": get(1, (b":path", b"/ HTTP/1.1\r\nx: y"), without=(b":path",)),
    "CR LF in the method": get(method=b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET"),
    "CR LF in the authority": get(1, (b":authority", b"a\r\nx: y"), without=(b":authority",)),
    "a user in the authority": get(1, (b":authority", b"a@b"), without=(b":authority",)),
    "host other than authority": get(1, (b"host", b"other")),
    "keep-alive": get(1, (b"keep-alive", b"timeout=5")),
    "proxy-connection": get(1, (b"proxy-connection", b"close")),
    "upgrade": get(1, (b"upgrade", b"websocket")),
}


@pytest.mark.parametrize("case", SMUGGLED)
def test_nothing_is_smuggled_into_http1(baton, tcp_server, case):
    received = []

    def record(connection):
        while data := connection.recv(65536):
            received.append(data)
            if b"\r\n\r\n" in data:
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    process = baton(bootstrap([listener("web", http_filter(forward_all("one")))], [cluster("one", tcp_server(record))]))
    client = Client(process.port("web"), False)
    client.send(SMUGGLED[case])
    found = client.next()
    while found and found[0] not in (HEADERS, RST_STREAM, GOAWAY):
        found = client.next()
    if found and found[0] == HEADERS:
        assert b"\x03400" in found[3] or b"400" in found[3], found
    assert received == []
    # Refused by the codec, or by the rules for all requests.
    counted = process.stat("http2.rx_messaging_error") + process.stat("http.test.downstream_rq_4xx")
    assert counted == 1


MALFORMED = {
    "an unknown pseudo-header": get(1, (b":test", b"x")),
    "a pseudo-header of responses": get(1, (b":status", b"200")),
    "a pseudo-header twice": get(1, (b":path", b"/other")),
    "no scheme": get(without=(b":scheme",)),
    "a pseudo-header in trailers": post() + frame(HEADERS, END_HEADERS | END_STREAM, 1, fields()),
    "a pseudo-header after a field": get(1, (b"x", b"y"), (b":path", b"/"), without=(b":path",)),
    "an upper-case name": get(1, (b"X", b"y")),
    "connection": get(1, (b"connection", b"close")),
    "te": get(1, (b"te", b"gzip")),
}


@pytest.mark.parametrize("case", MALFORMED)
@pytest.mark.parametrize("stream_error", [True, False])
def test_a_malformed_request_is_counted_and_ends_its_stream_or_its_connection(baton, upstream, case, stream_error):
    process = start(baton, upstream, {"override_stream_error_on_invalid_http_message": stream_error})
    client = Client(process.port("web"), False)
    client.send(MALFORMED[case])
    if stream_error:
        assert struct.unpack(">I", client.until(RST_STREAM)[3])[0] == PROTOCOL_ERROR
        client.is_alive()
    else:
        assert struct.unpack(">I", client.until(GOAWAY)[3][4:8])[0] == PROTOCOL_ERROR
        while client.next():
            pass
    assert process.stat("http2.rx_messaging_error") == 1
    assert process.stat("cluster.one.upstream_rq_completed") == 0


# --- The other side: a server that attacks ---

ANSWER = frame(HEADERS, END_HEADERS, 1, b"\x88")
INTERIM = frame(HEADERS, END_HEADERS, 1, b"\x08\x03103")
# name: (bytes after the request, counter below cluster.one.http2., the options that raise its limit)
FROM_THE_SERVER = {
    "empty DATA": (ANSWER + frame(DATA, 0, 1) * 100 + frame(DATA, END_STREAM, 1, b"x"), "inbound_empty_frames_flood",
                   {"max_consecutive_inbound_frames_with_empty_payload": MANY}),
    "SETTINGS": (settings() * 500 + ANSWER + frame(DATA, END_STREAM, 1, b"x"), "glitches_flood", {"max_glitches": MANY}),
    "PRIORITY": (priority(1, 0) * 2000 + ANSWER + frame(DATA, END_STREAM, 1, b"x"), "inbound_priority_frames_flood",
                 {"max_inbound_priority_frames_per_stream": MANY}),
    "unknown frames": (frame(0xEE, 0, 0, b"x") * 500 + ANSWER + frame(DATA, END_STREAM, 1, b"x"), "glitches_flood",
                       {"max_glitches": MANY}),
    "WINDOW_UPDATE": (window(0, 1) * 500 + ANSWER + frame(DATA, END_STREAM, 1, b"x"), "inbound_window_update_frames_flood",
                      {"max_inbound_window_update_frames_per_data_frame_sent": MANY}),
    "CONTINUATION": (frame(HEADERS, 0, 1, b"\x88") + frame(CONTINUATION, 0, 1, b"\0\1x\1y") * 50
                     + frame(CONTINUATION, END_HEADERS, 1, b"\0\1x\1y") + frame(DATA, END_STREAM, 1, b"x"),
                     "inbound_continuation_flood", {"max_inbound_continuation_frames": 100}),
    "PING": (PINGS + ANSWER + frame(DATA, END_STREAM, 1, b"x"), "outbound_control_flood",
             {"max_outbound_control_frames": MANY, "max_outbound_frames": MANY}),
}


def in_front_of(baton, server, options, **common):
    protocols = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": common, "explicit_http_config": {"http2_protocol_options": options}}}
    return baton(bootstrap([listener("web", http_filter(forward_all("one")))],
                           [cluster("one", server.port, typed_extension_protocol_options=protocols)]))


@pytest.mark.parametrize("flood", FROM_THE_SERVER)
def test_a_flood_from_a_server_ends_its_connection_and_is_counted(baton, tcp_server, flood):
    attack, counter, _ = FROM_THE_SERVER[flood]
    server = AnsweringServer(tcp_server, attack)
    process = in_front_of(baton, server, {})
    client = Client(process.port("web"), False)
    client.send(post() + frame(DATA, END_STREAM, 1, b"x"))
    while found := client.next():  # An answer of ours, or the end of one that had begun.
        if found[0] == RST_STREAM or found[0] in (HEADERS, DATA) and found[1] & END_STREAM:
            break
    assert server.ended.wait(DEADLINE)
    assert process.stat(f"cluster.one.http2.{counter}") == 1
    client.is_alive()


@pytest.mark.parametrize("flood", FROM_THE_SERVER)
def test_the_same_frames_of_a_server_pass_when_the_limit_is_raised(baton, tcp_server, flood):
    attack, counter, options = FROM_THE_SERVER[flood]
    process = in_front_of(baton, AnsweringServer(tcp_server, attack), options)
    client = Client(process.port("web"), False)
    client.send(post() + frame(DATA, END_STREAM, 1, b"x"))
    client.answered()
    assert process.stat(f"cluster.one.http2.{counter}") == 0


@pytest.mark.parametrize("attack", [
    INTERIM * 100 + ANSWER,
    frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88" + PLANTED + b"\xbe" * 20),
    frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88" + b"".join(b"\0\3x%02d\1y" % n for n in range(99)) + b"\0\1a\1b" * 9),
], ids=["interim responses", "HPACK bomb", "too many fields"])
def test_what_a_server_may_say_before_its_answer_has_a_bound(baton, tcp_server, attack):
    process = in_front_of(baton, AnsweringServer(tcp_server, attack), {})
    client = Client(process.port("web"), False)
    client.send(get())
    _, _, _, block = client.until(HEADERS, lambda flags, stream, block: len(block) > 20)  # Interim ones consist of a status.
    assert b"\x82l\x02" in block or b"502" in block or b"503" in block, block  # Huffman coded, or not.
    client.is_alive()
