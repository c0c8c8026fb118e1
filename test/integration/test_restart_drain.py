"""What a parent does with its connections once its child is there to stay: each kind, both strategies, to the end."""
import http.client
import signal
import socket
import ssl
import struct
import threading
import time

import pytest

from conftest import (DEADLINE, bootstrap, cluster, forward_all, free_port, http_filter, listener, request, tcp_filter,
                      tls_context, wait_for)
from http2_client import ACK, GOAWAY, HEADERS, PING, Client, frame, get

WEBSOCKET = {"upgrade_configs": [{"upgrade_type": "websocket"}]}
UPGRADE = (b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
           b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def echo(connection):
    """Echoes; after an HTTP request for an upgrade it says yes first."""
    data = connection.recv(65536)
    if data.startswith(b"GET /chat"):
        data = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"
    while data:
        connection.sendall(data)
        data = connection.recv(65536)


@pytest.fixture
def restart(baton, base_id, upstream, tcp_server, certificate):
    """Starts a parent; restart.child(...) has it drain. Options are those of the drain."""
    class Restart:
        def __init__(self, *options):
            backend, echoes = upstream().server_address[1], tcp_server(echo)
            self.options = ("--probation-time-s", "0", *options)
            self.config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port()),
                                     listener("tls", http_filter(forward_all("one")), port=free_port(),
                                              tls=tls_context(certificate, alpn_protocols=["h2", "http/1.1"])),
                                     listener("ws", http_filter(forward_all("echo"), **WEBSOCKET), port=free_port()),
                                     listener("tcp", tcp_filter("echo"), port=free_port())],
                                    [cluster("one", backend), cluster("echo", echoes)])
            self.parent = baton(self.config, *self.options, base_id=base_id, epoch=0)
            self.ports = {name: self.parent.port(name) for name in ("web", "tls", "ws", "tcp")}

        def connect(self, name):
            return socket.create_connection(("127.0.0.1", self.ports[name]), timeout=DEADLINE)

        def kept_alive(self, name="web"):
            client = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=DEADLINE)
            if name == "tls":
                client = http.client.HTTPSConnection("127.0.0.1", self.ports[name], timeout=DEADLINE,
                                                     context=ssl._create_unverified_context())
            assert not told_to_go(client)
            return client

        def child(self):
            self.serving = baton(self.config, *self.options, base_id=base_id, epoch=1)
            wait_for(lambda: "this process (epoch 0) drains" in self.parent.output(), "the parent to drain")
            return self.serving

        def parent_is_there(self):
            return self.parent.process.poll() is None

        def parent_ends(self, why):
            assert self.parent.wait_ended() == 0
            assert f"ending: {why}" in self.parent.output()
            assert request(self.ports["web"]).status == 200
    return Restart


def told_to_go(client):
    client.request("GET", "/")
    response = client.getresponse()
    response.read()
    assert response.status == 200
    return response.will_close


DRAINED, OVERDUE = "drained: nothing is left", "the parent shutdown time has passed"


def test_gradual_an_idle_connection_is_told_to_go_at_its_next_response_and_not_closed_before(restart):
    run = restart("--drain-time-s", "1", "--parent-shutdown-time-s", "60")
    client = run.kept_alive()
    run.child()
    time.sleep(2.5)  # well past the drain time: nothing happens, which no event tells
    assert run.parent_is_there()
    assert told_to_go(client)
    run.parent_ends(DRAINED)
    assert run.serving.stat("http.test.downstream_cx_drain_close") == 1


def test_gradual_nobody_is_told_to_go_when_a_long_drain_begins(restart):
    run = restart("--drain-time-s", "36000", "--parent-shutdown-time-s", "36000")
    client = run.kept_alive()
    run.child()
    assert [told_to_go(client) for _ in range(5)] == [False] * 5
    client.close()
    run.parent_ends(DRAINED)


def test_immediate_idle_connections_are_closed_and_requests_in_flight_are_finished(restart):
    run = restart("--drain-time-s", "600", "--parent-shutdown-time-s", "600", "--drain-strategy", "immediate")
    idle = run.kept_alive()
    with run.connect("web") as busy:
        busy.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345")
        wait_for(lambda: run.parent.stat("http.test.downstream_rq_active") == 1, "the request")
        run.child()
        assert idle.sock.recv(1) == b""
        busy.sendall(b"67890")
        answer = b""
        while part := busy.recv(65536):
            answer += part
        assert answer.startswith(b"HTTP/1.1 200 ") and b"connection: close\r\n" in answer.lower()
    run.parent_ends(DRAINED)


@pytest.mark.parametrize("strategy", ["gradual", "immediate"])
def test_http2_a_quiet_connection_gets_its_goaway_and_streams_opened_meanwhile_are_served(restart, strategy):
    run = restart("--drain-time-s", "2", "--parent-shutdown-time-s", "60", "--drain-strategy", strategy)
    client = Client(run.ports["web"], False)
    client.send(get(1))
    client.answered(1)
    run.child()

    _, _, _, first = client.until(GOAWAY)
    assert struct.unpack(">II", first[:8]) == (0x7FFFFFFF, 0)
    # As if it had been on its way.
    client.send(get(3))
    frames = []
    while found := client.next():
        frames.append(found)
        if found[0] == PING and not found[1] & ACK:
            client.send(frame(PING, ACK, 0, found[3]))
    kinds = [(kind, stream) for kind, _, stream, _ in frames]
    assert (HEADERS, 3) in kinds, "stream 3 has its HEADERS"
    final = [struct.unpack(">II", payload[:8]) for kind, _, _, payload in frames if kind == GOAWAY]
    assert final and final[-1] == (3, 0)
    run.parent_ends(DRAINED)


@pytest.mark.parametrize("strategy", ["gradual", "immediate"])
def test_an_idle_tls_connection_is_closed_by_the_end_of_the_drain(restart, strategy):
    run = restart("--drain-time-s", "2", "--parent-shutdown-time-s", "600", "--drain-strategy", strategy)
    client = run.kept_alive("tls")
    run.child()
    assert client.sock.recv(1) == b""
    run.parent_ends(DRAINED)


def open_tunnel(run, name):
    client = run.connect(name)
    if name == "ws":
        client.sendall(UPGRADE)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 101 ")
    return client


def echoes(client, text):
    client.sendall(text)
    received = b""
    while len(received) < len(text):
        part = client.recv(65536)
        if not part:
            return False
        received += part
    return received == text


@pytest.mark.parametrize("strategy", ["gradual", "immediate"])
@pytest.mark.parametrize("name", ["tcp", "ws"])
def test_a_tunnel_lives_through_the_drain_and_its_end_ends_the_parent(restart, name, strategy):
    run = restart("--drain-time-s", "1", "--parent-shutdown-time-s", "600", "--drain-strategy", strategy)
    with open_tunnel(run, name) as client:
        assert echoes(client, b"before")
        child = run.child()
        end = time.monotonic() + 2  # well past the drain time
        while time.monotonic() < end:
            assert echoes(client, b"during the drain")
            time.sleep(0.05)
        assert run.parent_is_there()
        with open_tunnel(run, name) as other:
            assert echoes(other, b"with the child")
        assert child.process.poll() is None
    run.parent_ends(DRAINED)


@pytest.mark.parametrize("name", ["tcp", "ws"])
def test_a_tunnel_is_ended_at_the_parent_shutdown_time_and_not_before(restart, name):
    run = restart("--drain-time-s", "1", "--parent-shutdown-time-s", "2")
    with open_tunnel(run, name) as client:
        began = time.monotonic()
        run.child()
        assert echoes(client, b"x")
        assert client.recv(1) == b""
        assert time.monotonic() - began >= 2
    run.parent_ends(OVERDUE)


def test_a_request_that_never_ends_is_ended_at_the_parent_shutdown_time(restart):
    run = restart("--drain-time-s", "1", "--parent-shutdown-time-s", "2", "--drain-strategy", "immediate")
    with run.connect("web") as busy:
        busy.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345")
        wait_for(lambda: run.parent.stat("http.test.downstream_rq_active") == 1, "the request")
        run.child()
        busy.settimeout(DEADLINE)
        try:
            while busy.recv(65536):
                pass
        except ConnectionResetError:
            pass
    run.parent_ends(OVERDUE)
    wait_for(lambda: run.serving.stat("http.test.downstream_rq_active") == 0, "the dead request's gauge to go")


def test_a_draining_parent_ends_at_once_when_told_by_sigterm(restart):
    run = restart("--drain-time-s", "600", "--parent-shutdown-time-s", "600")
    with open_tunnel(run, "tcp") as client:
        run.child()
        run.parent.send_signal(signal.SIGTERM)
        assert run.parent.wait_ended() == 0
        assert client.recv(1) == b""
    assert request(run.ports["web"]).status == 200


def test_new_connections_reach_the_child_only(restart):
    run = restart("--drain-time-s", "600", "--parent-shutdown-time-s", "600")
    with open_tunnel(run, "tcp"):
        child = run.child()
        threads = [threading.Thread(target=request, args=(run.ports["web"],)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert run.parent_is_there()
        assert child.stat("http.test.downstream_rq_2xx") == 20
        assert "connections_by_kind" in child.admin("/generations")
    run.parent_ends(DRAINED)
