"""WebSocket and CONNECT from both protocols to both, who may have one, and CONNECT ended to TCP."""
import os
import socket
import struct
import threading

import pytest

from conftest import DEADLINE, H2, bootstrap, cluster, http_filter, listener, raw, wait_for
from http2_client import (DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PROTOCOL_ERROR, RST_STREAM, Client,
                          frame, literal, settings, window)
from peers import NodeServer

STATIC_STATUSES = {0x88: 200, 0x89: 204, 0x8a: 206, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500}


class Http1Tunnel:
    def __init__(self, port, protocol, path="/", method=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        if method:
            head = f"{method} {path} HTTP/1.1\r\nhost: target:80\r\ntransfer-encoding: chunked\r\n\r\n"
        elif protocol == "connect":
            head = "CONNECT target:80 HTTP/1.1\r\nhost: target:80\r\n\r\n"
        else:
            head = (f"GET {path} HTTP/1.1\r\nhost: target:80\r\nupgrade: {protocol}\r\nconnection: Upgrade\r\n"
                    "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        self.socket.sendall(head.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self.socket.recv(65536)
            assert part, answer
            answer += part
        self.head, _, self.pending = answer.partition(b"\r\n\r\n")
        self.status = int(self.head.split(b" ")[1])

    def send(self, data):
        self.socket.sendall(data)

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)

    def receive(self, size=None):
        """So many bytes, or everything until the end."""
        while size is None or len(self.pending) < size:
            part = self.socket.recv(65536)
            if not part:
                break
            self.pending += part
        size = len(self.pending) if size is None else size
        data, self.pending = self.pending[:size], self.pending[size:]
        return data

    def close(self):
        self.socket.close()


class Http2Tunnel:
    def __init__(self, port, protocol, path="/", method=None):
        # Windows that no test fills.
        self.client = Client(port, False, settings((INITIAL_WINDOW_SIZE, 100_000_000)) + window(0, 100_000_000))
        self.pending, self.ended = b"", False
        pseudo = [(b":method", (method or "CONNECT").encode()), (b":authority", b"target:80")]
        if method or protocol != "connect":
            pseudo += [(b":scheme", b"http"), (b":path", path.encode())]
        if protocol and protocol != "connect":
            pseudo += [(b":protocol", protocol.encode())]
        self.client.send(frame(HEADERS, END_HEADERS, 1, b"".join(literal(*field) for field in pseudo)))
        _, flags, _, block = self.client.until(HEADERS, lambda _, stream, __: stream == 1)
        while block[0] & 0xE0 == 0x20:  # Dynamic table size updates come first.
            more = block[0] & 0x1F == 0x1F
            while more:
                block, more = block[1:], block[1] & 0x80
            block = block[1:]
        self.head = block
        self.status = STATIC_STATUSES.get(block[0]) or (502 if block[1:4] == b"\x82l\x02" else int(block[2:5]))  # Huffman
        self.ended = bool(flags & END_STREAM)

    def send(self, data):
        for at in range(0, len(data), 16384):
            self.client.send(frame(DATA, 0, 1, data[at:at + 16384]))

    def end(self):
        self.client.send(frame(DATA, END_STREAM, 1))

    def receive(self, size=None):
        while not self.ended and (size is None or len(self.pending) < size):
            kind, flags, stream, payload = self.client.next()
            assert kind != RST_STREAM, payload
            if kind == DATA and stream == 1:
                self.pending += payload
                self.ended = bool(flags & END_STREAM)
        size = len(self.pending) if size is None else size
        data, self.pending = self.pending[:size], self.pending[size:]
        return data

    def reset(self):
        self.client.send(frame(RST_STREAM, 0, 1, struct.pack(">I", 8)))

    def close(self):
        self.client.socket.close()


CLIENTS = {"HTTP/1.1": Http1Tunnel, "HTTP/2": Http2Tunnel}


class TunnelServer:
    """By HTTP/1.1: what Node.js's tunnel server is by HTTP/2."""

    def __init__(self, tcp_server):
        self.lines = []
        self.port = tcp_server(self.serve)

    def serve(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return
            data += part
        head, _, early = data.partition(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:])
        self.lines.append(f"{method} {fields.get('upgrade', '-')} {path}")
        if path == "/no":
            return connection.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 14\r\n\r\nno tunnel here")
        if method == "CONNECT":
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + early)
        else:
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: " + fields["upgrade"].encode() +
                               b"\r\nconnection: Upgrade\r\n\r\n" + early)
        while part := connection.recv(65536):
            connection.sendall(part)
        self.lines.append("over")


@pytest.fixture(scope="module")
def node_tunnels():
    server = NodeServer("tunnel_server.js")
    yield server
    server.end()


@pytest.fixture
def edge(baton, tcp_server, node_tunnels):
    del node_tunnels.lines[1:]
    servers = {"HTTP/1.1": TunnelServer(tcp_server), "HTTP/2": node_tunnels}
    types = [{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}, {"upgrade_type": "off", "enabled": False}]

    def routes(name):
        def special(path, kind, enabled):
            return {"match": {"path": path}, "route": {"cluster": name, "upgrade_configs": [
                {"upgrade_type": kind, "enabled": enabled}]}}

        return [{"match": {"connect_matcher": {}}, "route": {"cluster": name}},
                special("/not-here", "websocket", False), special("/only-here", "off", True), special("/other", "special", True),
                {"match": {"prefix": "/"}, "route": {"cluster": name}}]

    process = baton(bootstrap(
        [listener(name, http_filter(routes(name), upgrade_configs=types, http2_protocol_options={"allow_connect": True}))
         for name in servers],
        [cluster("HTTP/1.1", servers["HTTP/1.1"].port),
         cluster("HTTP/2", servers["HTTP/2"].port, typed_extension_protocol_options={
             "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                 **H2["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"],
                 "explicit_http_config": {"http2_protocol_options": {"allow_connect": True}}}})]))
    process.servers = servers
    return process


both = pytest.mark.parametrize("client", list(CLIENTS))
combinations = [both, pytest.mark.parametrize("server", list(CLIENTS))]


def every_combination(test):
    for mark in combinations:
        test = mark(test)
    return test


def tunnel(edge, client, server, protocol="websocket", path="/", **options):
    return CLIENTS[client](edge.port(server), protocol, path, **options)


def opened(client, protocol):
    return 101 if client == "HTTP/1.1" and protocol != "connect" else 200


@every_combination
@pytest.mark.parametrize("protocol", ["websocket", "connect"])
def test_bytes_pass_a_tunnel_both_ways_until_its_end(edge, client, server, protocol):
    one = tunnel(edge, client, server, protocol, "/chat?x=1")
    assert one.status == opened(client, protocol)
    one.send(b"first")
    assert one.receive(5) == b"first"
    # No more at once than the smallest window takes.
    for _ in range(20):
        data = os.urandom(16_384)
        one.send(data)
        assert one.receive(len(data)) == data
    assert edge.stat("http.test.downstream_cx_upgrades_active") == 1
    one.end()
    # The server saw the end and ended its own direction.
    assert one.receive() == b""
    lines = edge.servers[server].lines
    wait_for(lambda: "over" in lines, "the server to see the end")
    asked = next(line for line in lines if not line.isdigit())
    if protocol == "connect":
        assert asked.startswith("CONNECT - ") and "target:80" in asked
    else:
        assert asked.startswith("GET websocket /chat?x=1" if server == "HTTP/1.1" else "CONNECT websocket /chat?x=1 target:80")
    wait_for(lambda: edge.stat("http.test.downstream_cx_upgrades_active") == 0, "the tunnel to be over")
    assert edge.stat("http.test.downstream_cx_upgrades_total") == 1
    one.close()


@every_combination
def test_a_client_that_vanishes_ends_its_tunnel(edge, client, server):
    one = tunnel(edge, client, server)
    one.send(b"x")
    assert one.receive(1) == b"x"
    one.close()
    wait_for(lambda: "over" in edge.servers[server].lines, "the server to see the end")
    wait_for(lambda: edge.stat("http.test.downstream_cx_upgrades_active") == 0, "the tunnel to be over")


@pytest.mark.parametrize("server", list(CLIENTS))
def test_a_reset_of_its_stream_ends_a_tunnel_and_not_its_connection(edge, server):
    one = tunnel(edge, "HTTP/2", server)
    assert one.status == 200
    one.reset()
    wait_for(lambda: "over" in edge.servers[server].lines, "the server to see the end")
    one.client.is_alive()
    one.close()


@every_combination
def test_an_answer_that_opens_no_tunnel_is_an_answer(edge, client, server):
    one = tunnel(edge, client, server, path="/no")
    assert one.status == 404
    assert one.receive(14) == b"no tunnel here"
    assert edge.stat("http.test.downstream_cx_upgrades_total") == 0
    one.close()


@both
@pytest.mark.parametrize("protocol, path, allowed", [
    ("websocket", "/", True),
    ("WebSocket", "/", True),
    ("websocket", "/not-here", False),
    ("off", "/", False),
    ("off", "/only-here", True),
    ("special", "/", False),
    ("special", "/other", True),
])
def test_routes_say_more_about_upgrades_than_their_manager(edge, client, protocol, path, allowed):
    one = tunnel(edge, client, "HTTP/1.1", protocol, path)
    assert one.status == (opened(client, protocol) if allowed else 403)
    refused = edge.stat("http.test.downstream_rq_ws_on_non_ws_route")
    assert refused == (0 if allowed else 1)
    one.close()


# --- CONNECT ended to TCP ---

@pytest.fixture
def terminator(baton, tcp_server):
    """What a client has to say goes to a server that counts it, and answers when it has ended."""
    def count(connection):
        connection.sendall(b"hello ")
        total = 0
        while part := connection.recv(65536):
            total += len(part)
        connection.sendall(f"{total} bytes".encode())

    def echo(connection):
        while part := connection.recv(65536):
            connection.sendall(part)

    def ended(kind, **connect_config):
        return {"cluster": kind, "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": connect_config}]}

    web = http_filter([{"match": {"connect_matcher": {}, "headers": [{"name": ":authority", "string_match": {"exact": "target:80"}}]},
                        "route": ended("count")},
                       {"match": {"prefix": "/tunnel"}, "route": ended("echo", allow_post=True)},
                       {"match": {"prefix": "/page"}, "direct_response": {"status": 204}}],
                      upgrade_configs=[{"upgrade_type": "CONNECT"}], http2_protocol_options={"allow_connect": True})
    return baton(bootstrap([listener("web", web)], [cluster("count", tcp_server(count)), cluster("echo", tcp_server(echo))]))


@both
def test_connect_ends_in_a_tcp_connection_whose_halves_end_on_their_own(terminator, client):
    one = CLIENTS[client](terminator.port("web"), "connect")
    assert one.status == 200
    assert one.receive(6) == b"hello "
    one.send(b"z" * 50_000)
    one.end()
    assert one.receive() == b"50000 bytes"
    one.close()
    wait_for(lambda: terminator.stat("cluster.count.upstream_cx_active") == 0, "the connection to end")


@both
def test_a_refused_connection_is_an_answer_to_connect(baton, client):
    process = baton(bootstrap([listener("web", http_filter([{"match": {"connect_matcher": {}}, "route": {
        "cluster": "gone", "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}]}}],
        upgrade_configs=[{"upgrade_type": "CONNECT"}], http2_protocol_options={"allow_connect": True}))], [cluster("gone", 1)]))
    one = CLIENTS[client](process.port("web"), "connect")
    assert one.status == 503
    one.close()


@both
def test_connect_without_an_upgrade_configuration_is_refused(baton, client):
    process = baton(bootstrap([listener("web", http_filter([{"match": {"connect_matcher": {}}, "route": {"cluster": "gone"}}]))],
                              [cluster("gone", 1)]))
    one = CLIENTS[client](process.port("web"), "connect")
    assert one.status == 403
    one.close()


def test_a_post_may_be_a_tunnel_too(terminator):
    one = CLIENTS["HTTP/2"](terminator.port("web"), None, "/tunnel", method="POST")
    assert one.status == 200
    one.send(b"ping")
    assert one.receive(4) == b"ping"
    one.end()
    assert one.receive() == b""
    one.close()


def test_requests_beside_tunnels_share_their_connection(terminator):
    one = CLIENTS["HTTP/2"](terminator.port("web"), "connect")
    assert one.receive(6) == b"hello "
    fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/page"), (b":authority", b"a")]
    one.client.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, b"".join(literal(*field) for field in fields)))
    one.client.until(HEADERS, lambda flags, stream, _: stream == 3 and flags & END_STREAM)
    one.end()
    assert one.receive() == b"0 bytes"
    one.close()


# --- What is no CONNECT (RFC 9113 8.5, RFC 8441 4) ---

EXTENDED = {b":method": b"CONNECT", b":protocol": b"websocket", b":scheme": b"http", b":path": b"/", b":authority": b"a:80"}


@pytest.mark.parametrize("allowed, request_fields", [
    (False, EXTENDED),
    (True, {**EXTENDED, b":scheme": None}),
    (True, {**EXTENDED, b":path": None}),
    (True, {**EXTENDED, b":method": b"GET"}),
    (True, {b":method": b"CONNECT", b":authority": b"a:80", b":path": b"/"}),
    (True, {b":method": b"CONNECT", b":authority": b"a:80", b":scheme": b"http"}),
    (True, {b":method": b"CONNECT"}),
], ids=["extended, not offered", "extended without :scheme", "extended without :path", ":protocol of a GET", "plain with :path",
        "plain with :scheme", "without :authority"])
def test_a_malformed_connect_ends_its_stream(baton, allowed, request_fields):
    process = baton(bootstrap([listener("web", http_filter(
        [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
        upgrade_configs=[{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}],
        http2_protocol_options={"allow_connect": allowed}))]))
    client = Client(process.port("web"), False)
    block = b"".join(literal(name, value) for name, value in request_fields.items() if value)
    client.send(frame(HEADERS, END_HEADERS, 1, block))
    assert client.until(RST_STREAM)[2:] == (1, struct.pack(">I", PROTOCOL_ERROR))
    client.is_alive()
    client.socket.close()


@pytest.mark.parametrize("line", ["CONNECT / HTTP/1.1", "CONNECT target HTTP/1.1", "CONNECT http://target:80/ HTTP/1.1",
                                  "CONNECT target:99999 HTTP/1.1"])
def test_connect_needs_a_name_and_a_port(terminator, line):
    answer = raw(terminator.port("web"), f"{line}\r\nhost: target:80\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")


# --- Servers and clients that do the unexpected ---

class Recorder:
    """A server whose first answer is given; what comes afterwards is kept, until the end or a reset."""

    def __init__(self, tcp_server, answer, then=lambda connection: None, wait_for_head=True):
        self.answer, self.then, self.wait_for_head = answer, then, wait_for_head
        self.received, self.over, self.released = bytearray(), threading.Event(), threading.Event()
        self.port = tcp_server(self.serve)

    def serve(self, connection):
        try:
            while self.wait_for_head and b"\r\n\r\n" not in self.received:
                self.received += connection.recv(65536)
            connection.sendall(self.answer)
            self.then(connection)
            while part := connection.recv(65536):
                self.received += part
        except OSError:
            pass
        self.over.set()


SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n"


def in_front_of(baton, server, route=None, name="baton", **manager):
    return baton(bootstrap([listener("web", http_filter(
        [{"match": {"connect_matcher": {}}, "route": {"cluster": "one", **(route or {}), "upgrade_configs": [
            {"upgrade_type": "CONNECT", "connect_config": {}}]}},
         {"match": {"prefix": "/"}, "route": {"cluster": "one", **(route or {})}}],
        upgrade_configs=[{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}],
        http2_protocol_options={"allow_connect": True}, **manager))], [cluster("one", server.port)]), name=name)


@both
def test_what_a_server_says_together_with_its_switch_is_passed_on(baton, tcp_server, client):
    process = in_front_of(baton, Recorder(tcp_server, SWITCHED + b"welcome"))
    one = CLIENTS[client](process.port("web"), "websocket")
    assert one.receive(7) == b"welcome"
    one.close()


@both
@pytest.mark.parametrize("protocol", ["websocket", "connect"])
def test_a_server_may_end_its_half_and_still_listen(baton, tcp_server, client, protocol):
    server = Recorder(tcp_server, SWITCHED + b"bye" if protocol == "websocket" else b"bye",
                      lambda connection: connection.shutdown(socket.SHUT_WR), wait_for_head=protocol == "websocket")
    process = in_front_of(baton, server)
    one = CLIENTS[client](process.port("web"), protocol)
    assert one.receive() == b"bye"
    one.send(b"z" * 20_000 + b"last")
    one.end()
    assert server.over.wait(DEADLINE)
    assert server.received.endswith(b"z" * 20_000 + b"last")
    one.close()
    wait_for(lambda: process.stat("http.test.downstream_cx_upgrades_active") == 0, "the tunnel to be over")


@both
def test_a_websocket_whose_client_does_not_close_it_ends_after_its_server_has(baton, tcp_server, client):
    server = Recorder(tcp_server, SWITCHED + b"bye", lambda connection: connection.shutdown(socket.SHUT_WR), wait_for_head=True)
    process = in_front_of(baton, server)
    one = CLIENTS[client](process.port("web"), "websocket")
    assert one.receive() == b"bye"
    assert server.over.wait(DEADLINE)
    wait_for(lambda: process.stat("http.test.downstream_cx_upgrades_active") == 0, "the tunnel to be over")
    assert process.stat("http.test.downstream_rq_idle_timeout") == 0
    one.close()


@pytest.mark.parametrize("protocol", ["websocket", "connect"])
def test_a_server_that_ended_first_gets_all_that_it_is_slow_to_read(baton, tcp_server, protocol):
    def end_then_wait(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.shutdown(socket.SHUT_WR)
        server.released.wait(DEADLINE)
    server = Recorder(tcp_server, SWITCHED + b"bye" if protocol == "websocket" else b"bye", end_then_wait,
                      wait_for_head=protocol == "websocket")
    process = in_front_of(baton, server)
    one = CLIENTS["HTTP/1.1"](process.port("web"), protocol)
    assert one.receive() == b"bye"
    sent = 20_000_000  # More than kernels take for it.

    def send():
        one.send(b"z" * sent)
        one.end()
    sender = threading.Thread(target=send)
    sender.start()
    wait_for(lambda: process.stat("http.test.downstream_flow_control_paused_reading_total") > 0, "the server to be full")
    server.released.set()
    sender.join()
    assert server.over.wait(DEADLINE)
    assert server.received.count(b"z") == sent
    one.close()
    wait_for(lambda: process.stat("http.test.downstream_cx_upgrades_active") == 0, "the tunnel to be over")


@both
@pytest.mark.parametrize("protocol", ["websocket", "connect"])
def test_a_server_that_resets_ends_the_tunnel(baton, tcp_server, client, protocol):
    server = Recorder(tcp_server, SWITCHED + b"x" if protocol == "websocket" else b"x", wait_for_head=protocol == "websocket")

    def reset(connection):
        server.released.wait(DEADLINE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    server.then = reset
    process = in_front_of(baton, server)
    one = CLIENTS[client](process.port("web"), protocol)
    assert one.receive(1) == b"x"
    server.released.set()
    if client == "HTTP/2":
        assert one.client.until(RST_STREAM)[2] == 1
        one.client.is_alive()
    else:
        try:
            assert one.receive() == b""
        except ConnectionResetError:
            pass
    wait_for(lambda: process.stat("http.test.downstream_cx_upgrades_active") == 0, "the tunnel to be over")
    one.close()


@both
def test_a_switch_that_does_not_say_to_what_or_that_nobody_asked_for_is_a_bad_answer(baton, tcp_server, client):
    process = in_front_of(baton, Recorder(tcp_server, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"))
    one = CLIENTS[client](process.port("web"), "websocket")
    assert one.status == 502
    one.close()
    one = CLIENTS[client](process.port("web"), "", method="POST")
    assert one.status == 502
    one.close()


def test_bytes_that_come_before_the_tunnel_is_open_are_not_lost(baton, tcp_server):
    """With the request itself, by either protocol."""
    process = in_front_of(baton, Recorder(tcp_server, SWITCHED, lambda connection: connection.sendall(connection.recv(5))))
    one = socket.create_connection(("127.0.0.1", process.port("web")), timeout=DEADLINE)
    one.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nearly")
    answer = b""
    while not answer.endswith(b"early"):
        part = one.recv(65536)
        assert part, answer
        answer += part
    one.close()
    process = in_front_of(baton, Recorder(tcp_server, SWITCHED, lambda connection: connection.sendall(connection.recv(5))), name="2")
    client = Client(process.port("web"), False)
    block = b"".join(literal(*field) for field in EXTENDED.items())
    client.send(frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, 0, 1, b"early"))
    assert client.until(DATA, lambda flags, stream, payload: payload)[3] == b"early"
    client.socket.close()


@both
def test_connect_to_an_ipv6_address(baton, tcp_server, client):
    server = Recorder(tcp_server, b"hello", wait_for_head=False)
    process = in_front_of(baton, server)
    if client == "HTTP/1.1":
        with socket.create_connection(("127.0.0.1", process.port("web")), timeout=DEADLINE) as one:
            one.sendall(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nhost: [2001:db8::1]:443\r\n\r\n")
            answer = b""
            while not answer.endswith(b"\r\n\r\nhello"):
                part = one.recv(65536)
                assert part, answer
                answer += part
            assert answer.startswith(b"HTTP/1.1 200 ")
        return
    one = Client(process.port("web"), False)
    one.send(frame(HEADERS, END_HEADERS, 1, literal(b":method", b"CONNECT") + literal(b":authority", b"[2001:db8::1]:443")))
    assert one.until(HEADERS)[3][:1] == b"\x88"
    assert one.until(DATA)[3] == b"hello"
    one.socket.close()


@both
@pytest.mark.parametrize("protocol", ["websocket", "connect"])
def test_a_tunnel_outlives_the_timeout_of_its_route(baton, tcp_server, client, protocol):
    def echo_or_hang(connection):
        data = connection.recv(65536)
        if data.startswith(b"GET /hang"):
            data = None
        elif data.startswith(b"GET"):
            data = SWITCHED
        while data != b"":
            if data:
                connection.sendall(data)
            data = connection.recv(65536)
    process = baton(bootstrap([listener("web", http_filter(
        [{"match": {"connect_matcher": {}}, "route": {"cluster": "one", "timeout": "0.3s", "upgrade_configs": [
            {"upgrade_type": "CONNECT", "connect_config": {}}]}},
         {"match": {"prefix": "/"}, "route": {"cluster": "one", "timeout": "0.3s"}}],
        upgrade_configs=[{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}],
        http2_protocol_options={"allow_connect": True}))], [cluster("one", tcp_server(echo_or_hang))]))
    one = CLIENTS[client](process.port("web"), protocol)
    one.send(b"before")
    assert one.receive(6) == b"before"
    assert raw(process.port("web"), b"GET /hang HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").startswith(b"HTTP/1.1 504 ")
    one.send(b"after")
    assert one.receive(5) == b"after"
    one.end()
    assert one.receive() == b""
    one.close()


@both
@pytest.mark.parametrize("protocol", ["websocket", "connect"])
@pytest.mark.parametrize("half", [False, True], ids=["open", "half closed"])
def test_a_tunnel_in_which_nothing_is_said_ends(baton, tcp_server, client, protocol, half):
    server = Recorder(tcp_server, SWITCHED if protocol == "websocket" else b"", wait_for_head=protocol == "websocket")
    if half:
        server.then = lambda connection: connection.shutdown(socket.SHUT_WR)
    process = in_front_of(baton, server, {"idle_timeout": "0.5s"})
    one = CLIENTS[client](process.port("web"), protocol)
    assert one.status == opened(client, protocol)
    assert server.over.wait(DEADLINE)
    wait_for(lambda: process.stat("http.test.downstream_cx_upgrades_active") == 0, "the tunnel to be over")
    assert process.stat("http.test.downstream_rq_idle_timeout") == 1
    one.close()


@both
def test_a_server_of_http2_that_offers_no_extended_connect_gets_none(baton, client):
    plain = baton(bootstrap([listener("web", http_filter([{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]))]),
                  "--concurrency", "1", name="plain")
    process = baton(bootstrap([listener("web", http_filter(
        [{"match": {"prefix": "/"}, "route": {"cluster": "one"}}], upgrade_configs=[{"upgrade_type": "websocket"}],
        http2_protocol_options={"allow_connect": True}))],
        [cluster("one", plain.port("web"), typed_extension_protocol_options={
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                **H2["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"],
                "explicit_http_config": {"http2_protocol_options": {"allow_connect": True}}}})]))
    one = CLIENTS[client](process.port("web"), "websocket")
    assert one.status in (502, 503)
    one.close()


def test_what_follows_a_refused_switch_is_a_request_of_its_own(baton, tcp_server):
    refusal = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno"

    def refuse_all(connection):
        while b"/second" not in server.received:
            server.received += connection.recv(65536)
        connection.sendall(refusal)
    server = Recorder(tcp_server, refusal, refuse_all)
    process = in_front_of(baton, server)
    answer = raw(process.port("web"), b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
                                      b"GET /second HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 404 ") == 2
    assert server.received.count(b"x-request-id: ") == 2, "not the bytes of a tunnel"
