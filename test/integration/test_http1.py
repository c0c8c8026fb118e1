"""HTTP/1.1 through the real binary, with Python's http.client, curl and raw sockets."""
import http.client
import http.server
import socket
import subprocess
import threading

import pytest

from conftest import (DEADLINE, bootstrap, cluster, forward_all, free_port, http_filter, listener, raw, request, wait_for)


@pytest.fixture
def proxy(baton, upstream):
    server = upstream()
    config = bootstrap([listener("web", http_filter(forward_all("one")))], [cluster("one", server.server_address[1])])
    process = baton(config)
    process.web = process.port("web")
    process.upstream = server
    return process


def test_a_get_reaches_the_upstream_and_comes_back(proxy):
    response = request(proxy.web, "/a?b=c")
    assert response.status == 200
    seen = response.json()
    assert seen["path"] == "/a?b=c"
    headers = dict(seen["headers"])
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert "x-request-id" in headers
    assert "x-envoy-expected-rq-timeout-ms" in headers
    assert response.headers["server"] == "envoy"
    assert "x-envoy-upstream-service-time" in response.headers


def test_a_connection_is_kept_alive_and_the_upstream_one_is_reused(proxy):
    client = http.client.HTTPConnection("127.0.0.1", proxy.web, timeout=DEADLINE)
    for number in range(20):
        client.request("GET", f"/{number}")
        response = client.getresponse()
        assert response.status == 200
        response.read()
    client.close()
    wait_for(lambda: proxy.stat("http.test.downstream_cx_active") == 0, "the connection to be counted out")
    stats = proxy.stats()
    assert stats["http.test.downstream_cx_total"] == 1
    assert stats["http.test.downstream_rq_total"] == 20
    assert stats["cluster.one.upstream_cx_total"] == 1
    assert stats["cluster.one.upstream_rq_200"] == 20


@pytest.mark.parametrize("size", [0, 1, 1000, 100_000, 10_000_000])
def test_bodies_of_any_size_arrive_whole(proxy, size):
    body = b"x" * size
    assert request(proxy.web, "/", "POST", body).json()["body_bytes"] == size


def test_a_chunked_body_arrives_whole(proxy):
    def pieces():
        for _ in range(100):
            yield b"y" * 1000
    connection = http.client.HTTPConnection("127.0.0.1", proxy.web, timeout=DEADLINE)
    connection.request("POST", "/", body=pieces(), encode_chunked=True, headers={"transfer-encoding": "chunked"})
    import json
    assert json.loads(connection.getresponse().read())["body_bytes"] == 100_000
    connection.close()


def test_pipelined_requests_are_answered_in_order(proxy):
    answers = raw(proxy.web, b"".join(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % n for n in range(5)) +
                  b"GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    positions = [answers.index(b'"path": "/%d"' % n) for n in range(5)] + [answers.index(b'"path": "/last"')]
    assert positions == sorted(positions)


@pytest.mark.parametrize("at_once", (1, 8, 100_000))
@pytest.mark.parametrize("half_close", (False, True))
def test_thousands_of_pipelined_requests_that_we_answer_ourselves_lose_none(baton, at_once, half_close):
    process = baton({**bootstrap([listener("web", http_filter([{"match": {"prefix": "/"},
                                                                "direct_response": {"status": 200}}]))]),
                     "layered_runtime": {"layers": [{"name": "base", "static_layer":
                                                     {"http.max_requests_per_io_cycle": at_once}}]}})
    requests = b"GET /p HTTP/1.1\r\nhost: a\r\n\r\n" * 5000
    with socket.create_connection(("127.0.0.1", process.port("web")), timeout=DEADLINE) as client:
        # Answers are read meanwhile: a client that only writes is made to wait.
        writer = threading.Thread(target=lambda: (client.sendall(requests),
                                                  client.shutdown(socket.SHUT_WR) if half_close else None))
        writer.start()
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK\r\n") < 5000:
            piece = client.recv(1 << 16)
            assert piece, answers.count(b"HTTP/1.1 200 OK\r\n")
            answers += piece
        writer.join()
        if half_close:
            assert client.recv(1) == b""
    wait_for(lambda: process.stat("http.test.downstream_rq_2xx") == 5000, "all are counted")


def test_head_has_no_body(proxy):
    answer = raw(proxy.web, b"HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head
    assert b"content-length" in head.lower()
    assert body == b""


def test_nothing_listens_upstream_is_a_503(baton):
    config = bootstrap([listener("web", http_filter(forward_all("one")))], [cluster("one", free_port())])
    process = baton(config)
    response = request(process.port("web"))
    assert response.status == 503
    assert response.body.startswith(b"upstream connect error or disconnect/reset before headers")
    assert process.stat("cluster.one.upstream_cx_connect_fail") >= 1


def test_no_route_is_a_404(baton):
    process = baton(bootstrap([listener("web", http_filter([{"match": {"path": "/only"},
                                                             "direct_response": {"status": 200}}]))]))
    assert request(process.port("web"), "/other").status == 404
    assert request(process.port("web"), "/only").status == 200


REFUSED = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    b"GET / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\nhost: a\n\n",
    b"BAD\r\n\r\n",
    b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
]


@pytest.mark.parametrize("data", REFUSED, ids=range(len(REFUSED)))
def test_what_can_be_read_in_two_ways_is_refused_and_never_reaches_the_upstream(proxy, data):
    answer = raw(proxy.web, data)
    status = int(answer.split(b" ")[1])
    assert status in (400, 501, 505), answer
    if b"POST" not in data:
        assert proxy.upstream.requests == []


def test_too_large_headers_are_a_431(proxy):
    answer = raw(proxy.web, b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: " + b"y" * 70_000 + b"\r\n\r\n")
    assert answer.split(b" ")[1] == b"431"


def test_too_long_a_target_is_a_414(proxy):
    answer = raw(proxy.web, b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n")
    assert answer.split(b" ")[1] == b"414"


def test_a_connection_that_the_upstream_closed_while_idle_is_replaced_silently(baton, tcp_server):
    """The server answers one request a connection and closes without saying so."""
    def serve(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return
            data += part
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    config = bootstrap([listener("web", http_filter(forward_all("one")))], [cluster("one", tcp_server(serve))])
    port = baton(config).port("web")
    for _ in range(50):
        assert request(port).status == 200


def test_curl_speaks_with_it(proxy):
    done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}",
                           f"http://127.0.0.1:{proxy.web}/a", "-o", "/dev/null", f"http://127.0.0.1:{proxy.web}/b"],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "200 1200 0"


def test_expect_100_continue_is_answered_before_the_body(proxy):
    with socket.create_connection(("127.0.0.1", proxy.web), timeout=DEADLINE) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"hello")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_slow_reader_stops_a_fast_writer(baton, tcp_server):
    """Memory stays bounded: the upstream can't send more than buffers hold while the client does not read."""
    sent = []

    def serve(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        connection.settimeout(2)
        try:
            for _ in range(2000):
                connection.sendall(b"x" * 100_000)
                sent.append(100_000)
        except OSError:
            pass

    config = bootstrap([listener("web", http_filter(forward_all("one", timeout="0s")))], [cluster("one", tcp_server(serve))])
    process = baton(config)
    with socket.create_connection(("127.0.0.1", process.port("web")), timeout=DEADLINE) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        wait_for(lambda: process.stat("cluster.one.upstream_flow_control_paused_reading_total") > 0, "the pause")
        threading.Event().wait(0.5)
        assert sum(sent) < 50_000_000
        assert process.stat("server.memory_physical_size") < 200_000_000
