"""What Baton holds for HTTP/2 clients and upstreams that do not read: bounded, and of no harm to others."""
import struct
import threading

import pytest

from conftest import bootstrap, cluster, forward_all, http_filter, listener, wait_for
from http2_client import (ACK, DATA, HEADERS, INITIAL_WINDOW_SIZE, PING, PREFACE, SETTINGS, WINDOW_UPDATE, Client, frame,
                          get, post, settings, window)

STREAMS = 80
BODY = 4 << 20  # Of each response: all together are far above what may be held.
MOST_HELD_KIB = 128 << 10


def resident_kib(process):
    with open(f"/proc/{process.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("no request")
        data += part
    return data


def start(baton, port, **limits):
    return baton(bootstrap([listener("web", http_filter(forward_all("one", timeout="0s")), **limits)],
                           [cluster("one", port, **limits)]))


def send_body(connection):
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BODY + bytes(BODY))
    connection.recv(1)


@pytest.mark.parametrize("stalled_by", ["stream windows", "the connection's window"])
def test_responses_that_nobody_reads_stay_upstream(baton, tcp_server, stalled_by):
    process = start(baton, tcp_server(send_body))
    own = 0 if stalled_by == "stream windows" else 0x7FFFFFFF
    client = Client(process.port("web"), False, settings((INITIAL_WINDOW_SIZE, own)))
    before = resident_kib(process)
    client.send(b"".join(get(2 * n + 1) for n in range(STREAMS)))
    for _ in range(STREAMS):
        client.until(HEADERS)
    if stalled_by == "stream windows":
        # The others have been held back for as long as it takes to get a whole response through.
        client.send(window(0, 0x7FFFFFFF - 65535) + window(1, BODY))
        got = 0
        while got < BODY:
            _, _, stream, payload = client.until(DATA)
            assert stream == 1
            got += len(payload)
    client.is_alive()
    assert resident_kib(process) - before < MOST_HELD_KIB < STREAMS * BODY >> 10


def test_a_raised_buffer_limit_takes_the_same_responses_in(baton, tcp_server):
    process = start(baton, tcp_server(send_body), per_connection_buffer_limit_bytes=BODY)
    client = Client(process.port("web"), False, settings((INITIAL_WINDOW_SIZE, 0)))
    before = resident_kib(process)
    client.send(b"".join(get(2 * n + 1) for n in range(STREAMS)))
    wait_for(lambda: resident_kib(process) - before > MOST_HELD_KIB, "the responses to be held")
    client.is_alive()


def test_uploads_that_nobody_reads_stay_with_the_client_and_stop_no_other_stream(baton, tcp_server):
    over = threading.Event()

    def serve(connection):
        if read_head(connection).startswith(b"POST"):
            over.wait(120)
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        connection.recv(1)

    process = start(baton, tcp_server(serve))
    client = Client(process.port("web"), False, None)
    client.send(PREFACE + settings() + frame(SETTINGS, ACK))
    before = resident_kib(process)
    ids = [2 * n + 1 for n in range(STREAMS)]
    client.send(b"".join(post(stream) for stream in ids))
    credit = {0: 65535, **{stream: 65535 for stream in ids}}
    sent = 0
    # Sends what the windows allow, until a PING comes back without any window in front of it.
    while True:
        progress = 0
        for stream in ids:
            while (size := min(credit[0], credit[stream], 16384)) > 0:
                client.send(frame(DATA, 0, stream, bytes(size)))
                credit[0] -= size
                credit[stream] -= size
                progress += size
        sent += progress
        client.send(frame(PING, 0, 0, b"baton-ok"))
        opened = 0
        while (found := client.next())[0] != PING:
            kind, flags, stream, payload = found
            assert kind in (SETTINGS, WINDOW_UPDATE), found
            if kind == WINDOW_UPDATE:
                credit[stream] += (increment := struct.unpack(">I", payload)[0])
                opened += increment
        if not progress and not opened:
            break
    client.send(get(2 * STREAMS + 1))
    client.answered(2 * STREAMS + 1)
    assert sent >= 1 << 20  # The connection's window.
    assert resident_kib(process) - before < MOST_HELD_KIB
    over.set()
