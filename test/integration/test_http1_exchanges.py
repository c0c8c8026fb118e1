"""Good but odd HTTP/1.1 exchanges through the real binary, against upstreams made of bytes."""
import socket

import pytest

from conftest import DEADLINE, bootstrap, cluster, forward_all, http_filter, listener, raw, wait_for

CLOSE = b"GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def read_until(connection, end):
    data = b""
    while end not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    return data


@pytest.fixture
def between(baton, tcp_server):
    """between(answer) starts an upstream that answers each head with those bytes, or as the function says, and Baton
    before it. Bytes end their connection unless `keep`."""
    def start(answer, routes=None, keep=True, cluster_fields=None, **fields):
        seen = []

        def serve(connection):
            while True:
                head = read_until(connection, b"\r\n\r\n")
                if not head:
                    return
                seen.append(head)
                connection.sendall(OK if head.startswith(b"GET /last ") else answer)
                if not keep:
                    return

        port = tcp_server(answer if callable(answer) else serve)
        process = baton(bootstrap([listener("web", http_filter(routes or forward_all("one"), **fields))],
                                  [cluster("one", port, **(cluster_fields or {}))]))
        process.web = process.port("web")
        process.seen = seen
        return process
    return start


def split(answer):
    """[(status, head, body)] of responses with a length, chunked or without a body."""
    responses = []
    while answer:
        head, _, answer = answer.partition(b"\r\n\r\n")
        status, fields, body = int(head.split(b" ")[1]), head.lower(), b""
        if b"\r\ntransfer-encoding: chunked" in fields:
            while True:
                size, _, answer = answer.partition(b"\r\n")
                if int(size, 16) == 0:
                    trailers, _, answer = (b"\r\n" + answer).partition(b"\r\n\r\n")
                    body += trailers
                    break
                body, answer = body + answer[:int(size, 16)], answer[int(size, 16) + 2:]
        elif b"\r\ncontent-length: " in fields and status not in (204, 304):
            length = int(fields.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
            body, answer = answer[:length], answer[length:]
        responses.append((status, fields, body))
    return responses


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified", b"205 Reset Content"])
def test_a_response_without_content_keeps_both_connections(between, status):
    length = b"content-length: 0\r\n" if status.startswith(b"205") else b"etag: x\r\n"
    proxy = between(b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n")
    answers = split(raw(proxy.web, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" + CLOSE))
    assert [(each[0], each[2]) for each in answers] == [(int(status[:3]), b""), (200, b"ok")]
    assert b"transfer-encoding" not in answers[0][1]
    assert proxy.stat("cluster.one.upstream_cx_total") == 1


def test_a_304_keeps_the_length_of_what_it_does_not_send(between):
    proxy = between(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\n\r\n")
    answers = split(raw(proxy.web, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" + CLOSE))
    assert [each[0] for each in answers] == [304, 200]
    assert b"\r\ncontent-length: 1000" in answers[0][1]


@pytest.mark.parametrize("framing", [b"content-length: 1000\r\n", b"transfer-encoding: chunked\r\n", b""])
def test_the_answer_to_a_head_has_no_body_whatever_its_framing_says(between, framing):
    proxy = between(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n")
    answer = raw(proxy.web, b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n" + CLOSE)
    first, _, rest = answer.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 ") and rest.startswith(b"HTTP/1.1 200 ")
    if b"length" in framing:
        assert b"content-length: 1000" in first.lower()


def test_early_hints_reach_the_client_before_the_answer(between):
    proxy = between(b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n" + OK)
    answer = raw(proxy.web, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" + CLOSE)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"103", b"200", b"200"]
    assert b"link: </a.css>" in answer.split(b"\r\n\r\n")[0].lower()


def test_endless_interim_responses_are_a_502(between):
    proxy = between(b"HTTP/1.1 102 Processing\r\n\r\n" * 100 + OK)
    answer = raw(proxy.web, b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]][-1] == b"502"


def test_a_body_that_ends_with_its_connection_is_chunked_for_the_client(between):
    proxy = between(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", keep=False)
    answers = split(raw(proxy.web, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" + CLOSE))
    assert [(each[0], each[2]) for each in answers] == [(200, b"until the end"), (200, b"ok")]
    assert b"\r\ntransfer-encoding: chunked" in answers[0][1]


def test_a_body_that_ends_with_its_connection_ends_so_for_an_old_client(between):
    proxy = between(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nold\r\n0\r\n\r\n",
                    http_protocol_options={"accept_http_10": True})
    answer = raw(proxy.web, b"GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower() and body == b"old"


def test_an_old_client_that_asks_for_it_keeps_its_connection(between):
    proxy = between(OK, http_protocol_options={"accept_http_10": True})
    answer = raw(proxy.web, b"GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n"
                            b"GET / HTTP/1.0\r\nhost: a\r\n\r\n")
    assert [each[2] for each in split(answer)] == [b"ok", b"ok"]
    assert b"connection: keep-alive" in split(answer)[0][1]


# They cross two codecs, and each drops them unless it has the option.
@pytest.mark.parametrize("enabled, enabled_upstream", [(True, True), (True, False), (False, True), (False, False)])
def test_trailers_pass_only_when_enabled(between, enabled, enabled_upstream):
    answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n"
    options = {"enable_trailers": enabled}
    seen = []

    def serve(connection):
        data = read_until(connection, b"\r\n0\r\n")
        while not data.endswith(b"\r\n\r\n"):
            data += connection.recv(65536)
        seen.append(data)
        connection.sendall(answer)

    both = enabled and enabled_upstream
    upstream_options = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http_protocol_options": {"enable_trailers": enabled_upstream}}}}
    proxy = between(serve, http_protocol_options=options, cluster_fields={
        "typed_extension_protocol_options": upstream_options})
    data = raw(proxy.web, b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
                          b"2\r\nhi\r\n0\r\nx-mine: 2\r\n\r\n")
    assert data.endswith(b"\r\n0\r\nx-sum: 1\r\n\r\n" if both else b"\r\n0\r\n\r\n"), data
    assert seen[0].endswith(b"\r\n0\r\nx-mine: 2\r\n\r\n" if both else b"\r\n0\r\n\r\n"), seen


def test_a_100_continue_of_ours_is_all_that_a_client_waits_for(between):
    seen = []

    def serve(connection):
        seen.append(read_until(connection, b"hello"))
        connection.sendall(OK)

    proxy = between(serve)
    with socket.create_connection(("127.0.0.1", proxy.web), timeout=DEADLINE) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.sendall(b"hello")
        assert read_until(client, b"\r\n\r\nok").startswith(b"HTTP/1.1 200 ")
    assert b"\r\nexpect:" not in seen[0].lower()


def test_a_100_continue_of_the_upstream_passes_when_it_is_to_decide(between):
    seen = []

    def serve(connection):
        seen.append(read_until(connection, b"\r\n\r\n"))
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        read_until(connection, b"hello")
        connection.sendall(OK)

    proxy = between(serve, proxy_100_continue=True)
    with socket.create_connection(("127.0.0.1", proxy.web), timeout=DEADLINE) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.sendall(b"hello")
        assert read_until(client, b"\r\n\r\nok").startswith(b"HTTP/1.1 200 ")
    assert b"\r\nexpect: 100-continue" in seen[0].lower()


@pytest.mark.parametrize("size", [1_000, 5_000_000])
def test_an_answer_that_comes_before_the_body_is_whole_reaches_the_client(between, size):
    """Whole, without a reset, although the client goes on sending for a while."""
    def serve(connection):
        read_until(connection, b"\r\n\r\n")
        connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge")

    proxy = between(serve)
    with socket.create_connection(("127.0.0.1", proxy.web), timeout=DEADLINE) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % size)
        client.sendall(b"x" * (size // 2))
        answer = read_until(client, b"\r\n\r\nlarge")
        assert answer.startswith(b"HTTP/1.1 413 ") and answer.endswith(b"large")
    wait_for(lambda: proxy.stat("http.test.downstream_cx_active") == 0, "the connection to be counted out")


WEBSOCKET = (b"GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
             b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def test_an_accepted_upgrade_is_a_tunnel_for_the_bytes_right_behind_it(between):
    def serve(connection):
        head = read_until(connection, b"\r\n\r\n")
        assert b"upgrade: websocket" in head.lower()
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
                           b"hello")
        connection.sendall(b"<" + connection.recv(100) + b">")

    proxy = between(serve, upgrade_configs=[{"upgrade_type": "websocket"}])
    with socket.create_connection(("127.0.0.1", proxy.web), timeout=DEADLINE) as client:
        client.sendall(WEBSOCKET)
        answer = read_until(client, b"hello")
        assert answer.startswith(b"HTTP/1.1 101 ") and b"upgrade: websocket" in answer.lower()
        client.sendall(b"ping")
        assert read_until(client, b">") == b"<ping>"
    wait_for(lambda: proxy.stat("http.test.downstream_cx_upgrades_active") == 0, "the tunnel to end")
    assert proxy.stat("http.test.downstream_cx_upgrades_total") == 1


def test_an_upgrade_that_the_upstream_refuses_is_an_ordinary_answer(between):
    proxy = between(b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno",
                    upgrade_configs=[{"upgrade_type": "websocket"}])
    with socket.create_connection(("127.0.0.1", proxy.web), timeout=DEADLINE) as client:
        client.sendall(WEBSOCKET)
        assert read_until(client, b"\r\n\r\nno").startswith(b"HTTP/1.1 426 ")
    wait_for(lambda: proxy.stat("http.test.downstream_cx_active") == 0, "the connection to be counted out")
    assert proxy.stat("http.test.downstream_cx_upgrades_active") == 0


def test_a_connect_tunnel_takes_the_bytes_right_behind_its_head(between):
    def serve(connection):
        connection.sendall(b"<" + connection.recv(100) + b">")

    routes = [{"match": {"connect_matcher": {}}, "route": {"cluster": "one", "upgrade_configs": [
        {"upgrade_type": "CONNECT", "connect_config": {}}]}}]
    proxy = between(serve, routes=routes, upgrade_configs=[{"upgrade_type": "CONNECT"}])
    with socket.create_connection(("127.0.0.1", proxy.web), timeout=DEADLINE) as client:
        client.sendall(b"CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\nearly")
        head, _, tail = read_until(client, b">").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ") and tail == b"<early>"
        assert b"content-length" not in head.lower() and b"transfer-encoding" not in head.lower()


def test_options_asterisk_passes_as_it_is(between):
    proxy = between(OK)
    answer = raw(proxy.web, b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert [each[0] for each in split(answer)] in ([200], [404])
    if proxy.seen:
        assert proxy.seen[0].startswith(b"OPTIONS * HTTP/1.1\r\n")


def test_hop_by_hop_fields_and_what_connection_names_stay_here(between):
    proxy = between(b"HTTP/1.1 200 OK\r\nconnection: x-theirs\r\nx-theirs: 1\r\nkeep-alive: timeout=5\r\n"
                    b"proxy-connection: close\r\ncontent-length: 2\r\n\r\nok")
    answer = raw(proxy.web, b"GET / HTTP/1.1\r\nhost: a\r\nconnection: x-mine, close\r\nx-mine: 1\r\nkeep-alive: 5\r\n"
                            b"proxy-connection: keep-alive\r\nte: gzip\r\n\r\n")
    for name in (b"x-theirs", b"keep-alive", b"proxy-connection"):
        assert b"\r\n" + name + b":" not in answer.lower()
    for name in (b"x-mine", b"keep-alive", b"proxy-connection", b"te", b"connection"):
        assert b"\r\n" + name + b":" not in proxy.seen[0].lower(), name


BAD_RESPONSES = {
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
    "length and chunked": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad length": b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    "fold": b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\nx : a\r\n\r\n",
    "NUL": b"HTTP/1.1 200 OK\r\nx: a\0\r\n\r\n",
    "CR in a value": b"HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n",
    "status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "status 99": b"HTTP/1.1 099 OK\r\n\r\n",
    "status 600": b"HTTP/1.1 600 OK\r\n\r\n",
    "101 that nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    "not HTTP": b"SSH-2.0-x\r\n\r\n",
    "headers too large": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
    "headers too many": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"\r\n",
}


@pytest.mark.parametrize("response", BAD_RESPONSES.values(), ids=BAD_RESPONSES.keys())
def test_a_response_that_can_be_read_in_two_ways_is_a_502_and_its_connection_is_not_used_again(between, response):
    proxy = between(response)
    answers = split(raw(proxy.web, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" + CLOSE))
    assert [each[0] for each in answers] == [502, 200]
    assert b"\r\nx: " not in answers[0][1]
    assert proxy.stat("cluster.one.upstream_cx_total") == 2
    assert proxy.stat("cluster.one.upstream_cx_protocol_error") == 1
