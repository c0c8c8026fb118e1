"""Floods of cheap HTTP/2 frames against the real binary: ended, counted, and let through when the limit is raised."""
import struct

import pytest

from conftest import bootstrap, cluster, forward_all, http_filter, listener
from http2_client import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, Client, fields, frame,
                          get, post, priority, settings, window)

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
                     {"max_glitches": MANY}),
    "SETTINGS": (settings() * 500, "http2.glitches_flood", {"max_glitches": MANY}),
}


def start(baton, upstream, options):
    return baton(bootstrap([listener("web", http_filter(forward_all("one"), http2_protocol_options=options))],
                           [cluster("one", upstream().server_address[1])]))


def flooded(process, flood):
    client = Client(process.port("web"), False)
    if flood == "WINDOW_UPDATE":  # Its limit is a multiple of the DATA frames that were sent.
        client.send(get())
        client.answered()
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


@pytest.mark.parametrize("flood", ["empty DATA", "PRIORITY", "WINDOW_UPDATE", "SETTINGS", "rapid reset"])
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


def test_headers_over_the_limit_are_answered_with_431(baton, upstream):
    process = start(baton, upstream, {})
    client = Client(process.port("web"), False)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(*((b"x%d" % n, b"y" * 20) for n in range(150)))))
    _, _, _, block = client.until(HEADERS)
    assert b"431" in block, block
    client.is_alive()
