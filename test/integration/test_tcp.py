"""The TCP proxy through the real binary: both directions to their ends, limits, choice of endpoints, logs, backpressure."""
import collections
import contextlib
import hashlib
import os
import resource
import socket
import ssl
import threading
import time

import pytest

from conftest import (DEADLINE, bootstrap, cluster, forward_all, free_port, http_filter, listener, tcp_filter, tls_context,
                      wait_for)

MEBIBYTE = 1024 * 1024
BLOCK = os.urandom(MEBIBYTE)
UPSTREAM_TLS = {"name": "tls", "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"}}


def connect(port, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE, source_address=(source, 0))


def enter(stack, port, tls):
    """A client's end, in TLS if asked for, that lives as long as `stack`."""
    client = stack.enter_context(connect(port))
    return stack.enter_context(client_context().wrap_socket(client)) if tls else client


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)


def client_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def send_blocks(connection, count, digest=None):
    for _ in range(count):
        connection.sendall(BLOCK)
        if digest:
            digest.update(BLOCK)


def read_all(connection):
    digest, length = hashlib.sha256(), 0
    while part := connection.recv(256 * 1024):
        digest.update(part)
        length += len(part)
    return length, digest.hexdigest()


def digest_of(count):
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(BLOCK)
    return count * MEBIBYTE, digest.hexdigest()


def echo(connection):
    while part := connection.recv(65536):
        connection.sendall(part)


def named(name):
    """An upstream that says its name and ends."""
    return lambda connection: connection.sendall(name)


def proxy(baton, port, *options, tls=None, name="one", upstream=None, **fields):
    one = listener("tcp", tcp_filter(name, **fields), tls=tls)
    process = baton(bootstrap([one], upstream or [cluster(name, port)]), *options)
    return process, process.port("tcp")


def logging(path, text, **fields):
    return {"name": "file", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": str(path),
        "log_format": {"text_format_source": {"inline_string": text + "\n"}}}, **fields}


# --- both directions to their ends ---

@pytest.mark.parametrize("upstream_tls", [False, True], ids=["plain-upstream", "tls-upstream"])
@pytest.mark.parametrize("downstream_tls", [False, True], ids=["plain", "tls"])
def test_fifty_megabytes_pass_both_ways_unchanged(baton, certificate, tcp_server, downstream_tls, upstream_tls):
    """Both ways at once where both sides are plain: Python can't read and write one TLS connection at the same time."""
    count = 50
    received = []
    together = not downstream_tls and not upstream_tls
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(*certificate)

    def exchange(connection):
        if upstream_tls:
            connection = server_side.wrap_socket(connection, server_side=True)
        sender = threading.Thread(target=send_blocks, args=(connection, count))
        if together:
            sender.start()
        digest, length = hashlib.sha256(), 0
        while length < count * MEBIBYTE:
            part = connection.recv(256 * 1024)
            assert part
            digest.update(part)
            length += len(part)
        if not together:
            sender.start()
        sender.join()
        received.append((length, digest.hexdigest()))
        connection.close()

    fields = {"transport_socket": UPSTREAM_TLS} if upstream_tls else {}
    upstream = tcp_server(exchange)
    process, port = proxy(baton, upstream, tls=tls_context(certificate) if downstream_tls else None,
                          upstream=[cluster("one", upstream, **fields)])
    with contextlib.ExitStack() as stack:
        client = enter(stack, port, downstream_tls)
        sender = threading.Thread(target=send_blocks, args=(client, count))
        sender.start()
        if not together:
            sender.join()
        answer = read_all(client)
        sender.join()
    assert answer == digest_of(count)
    wait_for(lambda: received, "the upstream's digest")
    assert received == [digest_of(count)]
    stats = wait_for(lambda: process.stat("tcp.tcp.downstream_cx_rx_bytes_total") == count * MEBIBYTE and process.stats(),
                     "the bytes to be counted")
    assert stats["tcp.tcp.downstream_cx_tx_bytes_total"] == count * MEBIBYTE
    assert stats["cluster.one.upstream_cx_tx_bytes_total"] == count * MEBIBYTE
    assert stats["cluster.one.upstream_cx_rx_bytes_total"] == count * MEBIBYTE


@pytest.mark.parametrize("size", [5, 20 * MEBIBYTE], ids=["small", "spliced"])
def test_a_client_that_ends_its_side_still_gets_the_whole_answer(baton, tcp_server, size):
    def answer(connection):
        length, digest = read_all(connection)  # until the client's end
        connection.sendall(f"{length} {digest}\n".encode())
        for _ in range(20):
            connection.sendall(BLOCK)

    process, port = proxy(baton, tcp_server(answer))
    data = (BLOCK * (size // MEBIBYTE + 1))[:size]
    with connect(port) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        parts = []
        while part := client.recv(MEBIBYTE):
            parts.append(part)
    received = b"".join(parts)
    line, rest = received.split(b"\n", 1)
    assert line.decode() == f"{size} {hashlib.sha256(data).hexdigest()}"
    assert rest == BLOCK * 20


@pytest.mark.parametrize("size", [5, 20 * MEBIBYTE], ids=["small", "spliced"])
def test_an_upstream_that_ends_its_side_still_gets_all_that_the_client_sends(baton, tcp_server, size):
    got = []

    def serve(connection):
        connection.sendall(b"bye")
        connection.shutdown(socket.SHUT_WR)
        got.append(read_all(connection))

    process, port = proxy(baton, tcp_server(serve))
    data = (BLOCK * (size // MEBIBYTE + 1))[:size]
    with connect(port) as client:
        assert read_all(client)[0] == 3
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        wait_for(lambda: got, "the upstream to have everything")
    assert got == [(size, hashlib.sha256(data).hexdigest())]
    wait_for(lambda: process.stat("cluster.one.upstream_cx_active") == 0, "the session to end")


def test_ends_cross_a_tls_listener_in_both_directions(baton, certificate, tcp_server):
    """close_notify of the client is the end of its side: what the upstream says after it still arrives."""
    def answer(connection):
        length, digest = read_all(connection)
        connection.sendall(f"{length} {digest}".encode())

    process, port = proxy(baton, tcp_server(answer), tls=tls_context(certificate))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with connect(port) as client:
        def step(operation):
            while True:
                try:
                    return operation()
                except ssl.SSLWantReadError:
                    client.sendall(outgoing.read())
                    incoming.write(client.recv(65536))

        step(session.do_handshake)
        session.write(BLOCK)
        with contextlib.suppress(ssl.SSLWantReadError):
            session.unwrap()
        client.sendall(outgoing.read())
        received = b""
        with contextlib.suppress(ssl.SSLZeroReturnError):
            while part := step(lambda: session.read(1000)):
                received += part
    assert received.decode() == f"{MEBIBYTE} {hashlib.sha256(BLOCK).hexdigest()}"


@pytest.mark.parametrize("side", ["client", "upstream"])
def test_tls_that_ends_without_close_notify_is_an_end_and_loses_nothing(baton, certificate, tcp_server, side):
    """Which is how many programs close a TLS connection."""
    got = []
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(*certificate)

    def serve(connection):
        if side == "client":
            got.append(read_all(connection))
            return
        with server_side.wrap_socket(connection, server_side=True) as secured:
            secured.recv(5)
            send_blocks(secured, 3)

    upstream = tcp_server(serve)
    fields = {"transport_socket": UPSTREAM_TLS} if side == "upstream" else {}
    process, port = proxy(baton, upstream, tls=tls_context(certificate) if side == "client" else None,
                          upstream=[cluster("one", upstream, **fields)])
    with connect(port) as client:
        if side == "client":
            context = client_context()
            # With 1.3 there would be unread session tickets, and closing would be a reset.
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with context.wrap_socket(client) as secured:
                send_blocks(secured, 3)
        else:
            client.sendall(b"hello")
            got.append(read_all(client))
    wait_for(lambda: got, "the end")
    assert got == [digest_of(3)]


def test_a_reset_crosses_to_the_other_side(baton, tcp_server):
    outcome = []

    def serve(connection):
        if connection.recv(100) == b"reset me":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
            return
        try:
            connection.sendall(b"go")
            outcome.append(connection.recv(100))
        except OSError as error:
            outcome.append(type(error))

    process, port = proxy(baton, tcp_server(serve))
    with connect(port) as client:
        client.sendall(b"reset me")
        with pytest.raises(ConnectionResetError):
            while client.recv(100):
                pass
            raise AssertionError("an end in order")
    with connect(port) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"go"
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_for(lambda: outcome, "the upstream to see the end")
    assert outcome == [ConnectionResetError]


def test_a_reset_of_a_tls_client_is_no_end_to_the_upstream(baton, certificate, tcp_server):
    outcome = []

    def serve(connection):
        try:
            connection.sendall(b"go")
            while connection.recv(100):
                pass
            outcome.append("end")
        except ConnectionResetError:
            outcome.append("reset")

    process, port = proxy(baton, tcp_server(serve), tls=tls_context(certificate))
    with connect(port) as plain, client_context().wrap_socket(plain) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"go"
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_for(lambda: outcome, "the upstream to see it")
    assert outcome == ["reset"]


# --- time ---

def test_a_silent_session_ends_after_the_idle_timeout_and_a_busy_one_lives_on(baton, tcp_server):
    process, port = proxy(baton, tcp_server(echo), idle_timeout="0.6s")
    with connect(port) as busy, connect(port) as silent:
        started = time.monotonic()
        ended = threading.Event()

        def wait_silent():
            with contextlib.suppress(ConnectionResetError):
                assert silent.recv(1) == b""
            ended.set()

        threading.Thread(target=wait_silent, daemon=True).start()
        while not ended.wait(0.05):
            busy.sendall(b"x")
            assert busy.recv(1) == b"x"
            assert time.monotonic() - started < DEADLINE
        assert time.monotonic() - started >= 0.6
        busy.sendall(b"still")
        assert busy.recv(100) == b"still"
        assert process.stat("tcp.tcp.idle_timeout") == 1


@pytest.mark.parametrize("jitter", [{}, {"max_downstream_connection_duration_jitter_percentage": {"value": 100}}])
def test_a_session_ends_after_its_longest_duration_however_busy(baton, tcp_server, tmp_path, jitter):
    log = tmp_path / "log"
    process, port = proxy(baton, tcp_server(echo), max_downstream_connection_duration="0.4s",
                          access_log=[logging(log, "%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS%")], **jitter)
    with connect(port) as client:
        started = time.monotonic()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while True:
                client.sendall(b"x")
                if not client.recv(1):
                    break
        assert time.monotonic() - started >= 0.4
    assert process.stat("tcp.tcp.max_downstream_connection_duration") == 1
    process.end()
    assert log.read_text() == "DT max_downstream_connection_duration\n"


# --- which endpoint ---

def test_another_endpoint_is_tried_when_one_refuses(baton, tcp_server):
    process, port = proxy(baton, 0, max_connect_attempts=2, upstream=[cluster("one", free_port(), tcp_server(named(b"alive")))])
    for _ in range(6):
        with connect(port) as client:
            assert client.recv(100) == b"alive"
    assert process.stat("cluster.one.upstream_cx_connect_fail") >= 2


def test_attempts_end_and_wait_for_each_other_as_the_back_off_says(baton, tmp_path):
    log = tmp_path / "log"
    process, port = proxy(baton, free_port(), max_connect_attempts=6, backoff_options={"base_interval": "0.3s", "max_interval": "0.3s"},
                          access_log=[logging(log, "%RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_HOST%")])
    started = time.monotonic()
    with connect(port) as client:
        assert client.recv(100) == b""
    # Five waits of up to 0.3 s each.
    assert time.monotonic() - started > 0.05
    stats = process.stats("cluster.one.")
    assert stats["cluster.one.upstream_cx_connect_attempts_exceeded"] == 1
    assert stats["cluster.one.upstream_cx_connect_fail"] == 6
    assert stats["cluster.one.upstream_cx_active"] == 0
    process.end()
    flags, attempts, host = log.read_text().split()
    assert set(flags.split(",")) == {"UF", "URX"} and attempts == "6" and host.startswith("127.0.0.1:")


def test_a_client_that_resets_during_the_back_off_ends_the_attempts(baton):
    process, port = proxy(baton, free_port(), max_connect_attempts=1000, backoff_options={"base_interval": "1s", "max_interval": "600s"})
    with connect(port) as client:
        wait_for(lambda: process.stat("cluster.one.upstream_cx_connect_fail") >= 1, "a failed attempt")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_for(lambda: process.stat("listener.127.0.0.1_0.downstream_cx_active") == 0, "the session to end")


def test_weights_share_connections_between_clusters(baton, tcp_server):
    one = {"stat_prefix": "tcp", "weighted_clusters": {"clusters": [{"name": "three", "weight": 3}, {"name": "one", "weight": 1}]}}
    filters = tcp_filter("unused")
    del filters["typed_config"]["cluster"]
    filters["typed_config"].update(one)
    process = baton(bootstrap([listener("tcp", filters)], [cluster("three", tcp_server(named(b"3"))), cluster("one", tcp_server(named(b"1")))]))
    port = process.port("tcp")
    seen = collections.Counter()
    for _ in range(400):
        with connect(port) as client:
            seen[client.recv(1)] += 1
    assert seen[b"3"] + seen[b"1"] == 400
    assert 240 <= seen[b"3"] <= 360  # seven standard deviations


@pytest.mark.parametrize("policy", ["RING_HASH", "MAGLEV"])
def test_the_source_address_decides_the_endpoint_where_the_hash_policy_says_so(baton, tcp_server, policy):
    ports = [tcp_server(named(b"%d" % index)) for index in range(4)]
    process, port = proxy(baton, 0, hash_policy=[{"source_ip": {}}], upstream=[cluster("one", *ports, lb_policy=policy)])

    def endpoint(source):
        with connect(port, source) as client:
            return client.recv(10)

    chosen = {source: endpoint(source) for source in (f"127.0.1.{index}" for index in range(1, 25))}
    assert len(set(chosen.values())) > 1
    for source, expected in chosen.items():
        assert [endpoint(source) for _ in range(3)] == [expected] * 3


@pytest.mark.parametrize("upstreams, flags", [
    ([{"name": "one", "type": "STATIC"}], "UH"),
    ([cluster("one", 1, circuit_breakers={"thresholds": [{"max_connections": 0}]})], "UO"),
    ([cluster("one", 1)], "UF,URX"),
])
def test_a_client_without_an_upstream_is_closed_and_the_log_says_why(baton, tmp_path, upstreams, flags):
    log = tmp_path / "log"
    process, port = proxy(baton, 0, upstream=upstreams, access_log=[logging(log, "%RESPONSE_FLAGS%")])
    with connect(port) as client:
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    wait_for(lambda: process.stat("listener.127.0.0.1_0.downstream_cx_active") == 0, "the session to end")
    process.end()
    assert sorted(log.read_text().strip().split(",")) == sorted(flags.split(","))


# --- what is counted and logged ---

def test_a_long_session_shows_its_bytes_while_it_lasts(baton, tcp_server, tmp_path):
    log = tmp_path / "log"
    process, port = proxy(baton, tcp_server(echo), "--file-flush-interval-msec", "50", access_log=[logging(log, "%ACCESS_LOG_TYPE% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_HOST%")],
                          access_log_options={"access_log_flush_interval": "0.2s", "flush_access_log_on_connected": True})
    with connect(port) as client:
        for total in (1, 5):
            sender = threading.Thread(target=send_blocks, args=(client, 4 if total > 1 else 1))
            sender.start()
            wanted = (4 if total > 1 else 1) * MEBIBYTE
            while wanted > 0:
                wanted -= len(client.recv(min(wanted, MEBIBYTE)))
            sender.join()
            stats = wait_for(lambda: process.stat("tcp.tcp.downstream_cx_tx_bytes_total") == total * MEBIBYTE and process.stats(),
                             "the bytes of an open session")
            for name in ("tcp.tcp.downstream_cx_rx_bytes_total", "cluster.one.upstream_cx_tx_bytes_total", "cluster.one.upstream_cx_rx_bytes_total"):
                assert stats[name] == total * MEBIBYTE, name
        wait_for(lambda: log.exists() and f"TcpPeriodic {5 * MEBIBYTE} " in log.read_text(), "a line of the open session")
    wait_for(lambda: process.stat("listener.127.0.0.1_0.downstream_cx_active") == 0, "the session to end")
    process.end()
    lines = [line.split() for line in log.read_text().splitlines()]
    assert lines[0][:3] == ["TcpUpstreamConnected", "0", "0"]
    assert lines[-1][:3] == ["TcpConnectionEnd", str(5 * MEBIBYTE), str(5 * MEBIBYTE)]
    assert {line[0] for line in lines[1:-1]} == {"TcpPeriodic"}
    assert all(line[3].startswith("127.0.0.1:") for line in lines)


# --- backpressure ---

def memory_kib(process, field):
    with open(f"/proc/{process.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


@contextlib.contextmanager
def growth_below(process, limit_kib):
    """The peak of resident memory inside stays within the limit of what it was before."""
    with open(f"/proc/{process.process.pid}/clear_refs", "w") as peak:
        peak.write("5")
    before = memory_kib(process, "VmRSS")
    yield
    grown = memory_kib(process, "VmHWM") - before
    assert grown < limit_kib, f"{grown} KiB"


class Gate:
    """A reader that waits until the writer has been stuck, and only then reads."""

    def __init__(self):
        self.open = threading.Event()
        self.sent = 0
        self.result = None

    def write(self, connection, count):
        for _ in range(count):
            connection.sendall(BLOCK)
            self.sent += 1

    def wait_stuck(self, count):
        last, since = -1, time.monotonic()
        end = time.monotonic() + DEADLINE
        while time.monotonic() - since < 0.5:
            if self.sent != last:
                last, since = self.sent, time.monotonic()
            assert time.monotonic() < end
            time.sleep(0.02)
        # The kernel's buffers take some; the rest waits at its writer.
        assert self.sent < count

    def read(self, connection, length):
        self.open.wait(DEADLINE)
        digest, left = hashlib.sha256(), length
        while left > 0:
            part = connection.recv(min(left, 256 * 1024))
            if not part:
                break
            digest.update(part)
            left -= len(part)
        self.result = (length - left, digest.hexdigest())


STREAM = 200


@pytest.mark.parametrize("tls", [False, True], ids=["spliced", "tls"])
def test_a_slow_upstream_stops_a_fast_client_and_memory_stays_bounded(baton, certificate, tcp_server, tls):
    gate = Gate()

    def serve(connection):
        gate.read(connection, STREAM * MEBIBYTE)
        connection.sendall(b"done")

    one = listener("tcp", tcp_filter("one"), tls=tls_context(certificate) if tls else None, per_connection_buffer_limit_bytes=32 * 1024)
    process = baton(bootstrap([one], [cluster("one", tcp_server(serve), per_connection_buffer_limit_bytes=32 * 1024)]))
    with contextlib.ExitStack() as stack:
        client = enter(stack, process.port("tcp"), tls)
        stack.enter_context(growth_below(process, 10 * 1024))
        writer = threading.Thread(target=gate.write, args=(client, STREAM), daemon=True)
        writer.start()
        gate.wait_stuck(STREAM)
        # 32 KiB and one read of a TLS connection; a pipe's size for a spliced one.
        buffered = wait_for(lambda: process.stat("cluster.one.upstream_cx_tx_bytes_buffered"), "buffered bytes to be counted")
        assert buffered <= (256 + 64) * 1024
        gate.open.set()
        assert client.recv(4) == b"done"
        writer.join()
    assert gate.result == digest_of(STREAM)
    wait_for(lambda: process.stat("cluster.one.upstream_cx_tx_bytes_buffered") == 0, "nothing to be buffered")


@pytest.mark.parametrize("tls", [False, True], ids=["spliced", "tls"])
def test_a_slow_client_stops_a_fast_upstream_and_memory_stays_bounded(baton, certificate, tcp_server, tls):
    gate = Gate()
    one = listener("tcp", tcp_filter("one"), tls=tls_context(certificate) if tls else None, per_connection_buffer_limit_bytes=32 * 1024)
    process = baton(bootstrap([one], [cluster("one", tcp_server(lambda connection: gate.write(connection, STREAM)))]))
    with contextlib.ExitStack() as stack:
        client = enter(stack, process.port("tcp"), tls)
        stack.enter_context(growth_below(process, 10 * 1024))
        gate.wait_stuck(STREAM)
        buffered = wait_for(lambda: process.stat("tcp.tcp.downstream_cx_tx_bytes_buffered"), "buffered bytes to be counted")
        assert buffered <= (256 + 64) * 1024
        gate.open.set()
        gate.read(client, STREAM * MEBIBYTE)
    assert gate.result == digest_of(STREAM)
    wait_for(lambda: process.stat("tcp.tcp.downstream_cx_tx_bytes_buffered") == 0, "nothing to be buffered")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_slow_http_upstream_stops_a_fast_upload(baton, certificate, tcp_server, tls):
    gate = Gate()
    length = STREAM * MEBIBYTE

    def serve(connection):
        read_head(connection)
        gate.read(connection, length)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    one = listener("web", http_filter(forward_all("one", timeout="0s")), tls=tls_context(certificate) if tls else None)
    process = baton(bootstrap([one], [cluster("one", tcp_server(serve))]))
    with contextlib.ExitStack() as stack:
        client = enter(stack, process.port("web"), tls)
        stack.enter_context(growth_below(process, 10 * 1024))
        client.sendall(f"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n".encode())
        writer = threading.Thread(target=gate.write, args=(client, STREAM), daemon=True)
        writer.start()
        gate.wait_stuck(STREAM)
        assert 0 < process.stat("cluster.one.upstream_cx_tx_bytes_buffered") <= 256 * 1024
        gate.open.set()
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        writer.join()
    assert gate.result == digest_of(STREAM)
    wait_for(lambda: process.stat("cluster.one.upstream_cx_tx_bytes_buffered") == 0, "nothing to be buffered")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_slow_http_client_stops_a_fast_download(baton, certificate, tcp_server, tls):
    gate = Gate()
    length = STREAM * MEBIBYTE

    def serve(connection):
        read_head(connection)
        connection.sendall(f"HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n".encode())
        gate.write(connection, STREAM)

    one = listener("web", http_filter(forward_all("one", timeout="0s")), tls=tls_context(certificate) if tls else None)
    process = baton(bootstrap([one], [cluster("one", tcp_server(serve))]))
    with contextlib.ExitStack() as stack:
        client = enter(stack, process.port("web"), tls)
        stack.enter_context(growth_below(process, 10 * 1024))
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        gate.wait_stuck(STREAM)
        assert 0 < process.stat("http.test.downstream_cx_tx_bytes_buffered") <= 256 * 1024
        gate.open.set()
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        gate.read(client, length)
    assert gate.result == digest_of(STREAM)
    wait_for(lambda: process.stat("http.test.downstream_cx_tx_bytes_buffered") == 0, "nothing to be buffered")


# --- out of descriptors ---

def open_descriptors(process):
    return len(os.listdir(f"/proc/{process.process.pid}/fd"))


def test_without_descriptors_accepting_stops_and_recovers_and_what_is_open_is_served(baton, upstream):
    process = baton(bootstrap([listener("web", http_filter(forward_all("one")))], [cluster("one", upstream().server_address[1])]))
    port = process.port("web")

    def get(connection):
        connection.sendall(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n")
        answer = b""
        while b'"body"' not in answer:
            part = connection.recv(65536)
            assert part, answer
            answer += part
        assert answer.startswith(b"HTTP/1.1 200")

    soft, hard = resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(connect(port))
        get(kept)
        resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE, (open_descriptors(process) + 4, hard))
        waiting = [stack.enter_context(connect(port)) for _ in range(20)]
        wait_for(lambda: "cannot accept connections" in process.output(), "the shortage to be reported")
        # It goes on trying; that is said once, and what is open works meanwhile.
        end = time.monotonic() + 1
        while time.monotonic() < end:
            get(kept)
        assert process.output().count("cannot accept connections") == 1
        resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        for connection in waiting:
            get(connection)
        wait_for(lambda: "accepts connections again" in process.output(), "the recovery to be reported")
        get(kept)
        # A shortage that comes back soon is not news.
        resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE, (open_descriptors(process) + 4, hard))
        waiting = [stack.enter_context(connect(port)) for _ in range(20)]
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            get(kept)
        resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        for connection in waiting:
            get(connection)
    assert process.output().count("cannot accept connections") == 1


def test_a_low_descriptor_limit_leaves_room_for_upstream_connections(baton, upstream):
    """More clients than descriptors come at once; all of them are served in the end, none is refused by an error of ours."""
    process = baton(bootstrap([listener("web", http_filter(forward_all("one")))], [cluster("one", upstream().server_address[1])]))
    port = process.port("web")
    _, hard = resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE, (open_descriptors(process) + 10, hard))
    statuses = []

    def visit():
        with connect(port) as client:
            client.sendall(b"GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            answer = b""
            while part := client.recv(65536):
                answer += part
            statuses.append(answer[:12])

    visitors = [threading.Thread(target=visit, daemon=True) for _ in range(40)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(DEADLINE)
    assert len(statuses) == 40
    served = statuses.count(b"HTTP/1.1 200")
    assert served >= 20 and set(statuses) <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}
    # Afterwards everything is as before.
    visit()
    assert statuses[-1] == b"HTTP/1.1 200"
