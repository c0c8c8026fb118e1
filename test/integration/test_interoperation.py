"""Clients and servers that others wrote, through the real binary: npm's ws, Node.js, nginx, wrk, h2load, curl, openssl."""
import hashlib
import http.client
import json
import os
import socket
import ssl
import subprocess

import pytest

from conftest import (DEADLINE, H2, Baton, bootstrap, cluster, http_filter, listener, raw, request, tls_context, wait_for)
from peers import NodeServer, node


def run(*command, code=0, deadline=DEADLINE, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, timeout=deadline, **options)
    assert done.returncode == code, f"{command} ended with {done.returncode}: {done.stdout[-1000:]} {done.stderr[-1000:]}"
    return done.stdout.decode("latin-1")


class Nginx:
    """Serves a directory on a Unix socket."""

    def __init__(self, directory):
        self.socket = str(directory / "s")
        (directory / "www").mkdir()
        (directory / "www" / "big.bin").write_bytes(os.urandom(30 << 20))
        (directory / "www" / "page.txt").write_text("a page\n" * 1000)
        configuration = directory / "nginx.conf"
        configuration.write_text(f"""
            daemon off; master_process off; pid {directory}/pid; error_log stderr; worker_processes 1;
            events {{ worker_connections 512; }}
            http {{
              access_log off; client_max_body_size 100m; keepalive_requests 10; gzip_types text/plain;
              client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
              fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/g;
              server {{
                listen unix:{self.socket};
                root {directory}/www; gzip on; gzip_min_length 100;
                location /upload {{ proxy_pass http://unix:{self.socket}:/taken; proxy_request_buffering on; }}
                location /taken {{ return 200 "length $http_content_length\\n"; }}
              }}
            }}""")
        self.process = subprocess.Popen(["nginx", "-p", str(directory), "-c", str(configuration)], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_for(self.answers, "nginx to listen")

    def answers(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.socket) == 0

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=DEADLINE)


class Edge:
    """One Baton with a plain and a TLS listener in front of everybody; the first part of a path says who is meant."""

    def __init__(self, directory, certificate):
        self.authority, key = certificate
        self.directory = directory
        self.servers = {"ws": NodeServer("ws_server.js"), "h1": NodeServer("http_server.js"),
                        "h2": NodeServer("http2_server.js"), "h2s": NodeServer("http2_server.js", self.authority, key),
                        "nginx": Nginx(directory)}
        tls = {"name": "tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", "sni": "localhost",
            "common_tls_context": {"alpn_protocols": ["h2"],
                                   "validation_context": {"trusted_ca": {"filename": self.authority}}}}}
        nginx = cluster("nginx")
        nginx["load_assignment"]["endpoints"] = [
            {"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": self.servers["nginx"].socket}}}}]}]
        with_trailers = {**H2["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"],
                         "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}}}
        clusters = [cluster("ws", self.servers["ws"].port), nginx,
                    cluster("h1", self.servers["h1"].port, typed_extension_protocol_options={
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": with_trailers}),
                    cluster("h2", self.servers["h2"].port, typed_extension_protocol_options=H2),
                    cluster("h2s", self.servers["h2s"].port, typed_extension_protocol_options=H2, transport_socket=tls)]
        routes = [{"match": {"path": "/refused"}, "route": {
            "cluster": "ws", "upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}]}}]
        routes += [{"match": {"prefix": f"/{one['name']}/"}, "route": {"cluster": one["name"], "prefix_rewrite": "/"}}
                   for one in clusters]
        web = http_filter(routes, upgrade_configs=[{"upgrade_type": "websocket"}],
                          http_protocol_options={"enable_trailers": True}, http2_protocol_options={"allow_connect": True})
        self.process = Baton(directory, bootstrap(
            [listener("plain", web), listener("tls", web, tls=tls_context(certificate, alpn_protocols=["h2", "http/1.1"]))],
            clusters), "--concurrency", "2")
        self.process.wait_ready()
        self.plain, self.tls = self.process.port("plain"), self.process.port("tls")

    def ws(self, transport, scenario, path="/ws/chat"):
        url = f"ws://127.0.0.1:{self.plain}{path}" if transport == "plain" else f"wss://127.0.0.1:{self.tls}{path}"
        return node("ws_client.js", url, "-" if transport == "plain" else self.authority, scenario)

    def h2(self, transport, *plays):
        """[(scenario, path)], one after the other on one connection."""
        url = f"http://127.0.0.1:{self.plain}" if transport == "plain" else f"https://127.0.0.1:{self.tls}"
        return node("http2_client.js", url, "-" if transport == "plain" else self.authority,
                    *(word for play in plays for word in play))

    def curl(self, *arguments):
        return run("curl", "-sS", "--max-time", "50", "--cacert", self.authority, *arguments)

    def url(self, transport, path):
        return f"http://127.0.0.1:{self.plain}{path}" if transport == "plain" else f"https://127.0.0.1:{self.tls}{path}"

    def end(self):
        self.process.end()
        for server in self.servers.values():
            server.end()
        assert self.process.process.returncode == 0, self.process.output()[-3000:]


@pytest.fixture(scope="module")
def edge(tmp_path_factory, certificate):
    one = Edge(tmp_path_factory.mktemp("p"), certificate)
    yield one
    one.end()


transports = pytest.mark.parametrize("transport", ["plain", "tls"])


# --- ws ---

@transports
def test_a_websocket_client_has_a_conversation(edge, transport):
    """Text, nothing, binary, longer than 64 KiB, longer than every buffer; pings both ways; the server says goodbye."""
    assert edge.ws(transport, "session") == {
        "protocol": "second", "echoed": [True] * 5, "pong": "client", "ping": "are you there",
        "code": 4001, "reason": "as you wish"}


@transports
@pytest.mark.parametrize("scenario, seen, server", [
    ("close", {"code": 3001, "reason": "had enough"}, "closed 3001 had enough"),
    ("leave", {"code": 1006, "reason": ""}, "closed 1006"),
    ("dropped", {"code": 1006, "reason": ""}, "closed 1006"),
])
def test_the_end_of_a_websocket_reaches_the_other_side(edge, transport, scenario, seen, server):
    del edge.servers["ws"].lines[1:]
    assert edge.ws(transport, scenario) == seen
    edge.servers["ws"].wait_for_line(server)
    wait_for(lambda: edge.process.stat("http.test.downstream_cx_upgrades_active") == 0, "the tunnel to be over")


@transports
def test_a_message_in_a_hundred_frames_is_one_message(edge, transport):
    assert edge.ws(transport, "in_pieces") == {"text": "".join(map(str, range(100))), "code": 1000, "reason": ""}


def test_a_hundred_websockets_at_once(edge):
    assert edge.ws("tls", "many") == {"echoed": 100}


def test_a_websocket_is_refused_where_the_route_says_so(edge):
    assert edge.ws("plain", "session", "/refused") == {"refused": 403}


# --- Node.js as an HTTP/1.1 server ---

@transports
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_node_answers_in_chunks_with_trailers(edge, transport, version):
    if transport == "plain" and version == "--http2":
        version = "--http2-prior-knowledge"
    # curl writes trailers to where headers go.
    out = edge.curl(version, "-i", "-H", "te: trailers", edge.url(transport, "/h1/chunks"))
    assert out.count("piece ") == 100
    assert "checksum: abc" in out


def test_the_connection_to_node_is_used_again(edge):
    numbers = {request(edge.plain, "/h1/seen").json()["connection"] for _ in range(20)}
    # Two workers, each with a pool of its own.
    assert len(numbers) <= 2, numbers


@transports
def test_node_is_asked_for_a_head_only(edge, transport):
    out = edge.curl("-I", "-w", "%{http_code} %{size_download}", edge.url(transport, "/h1/big"))
    assert out.endswith("200 0")
    assert "content-length: 20971520" in out


@transports
@pytest.mark.parametrize("server", ["h1", "h2", "h2s"])
@pytest.mark.parametrize("expect", ["100-continue", ""])
def test_an_upload_comes_back_as_it_was(edge, transport, server, expect):
    body = os.urandom(3 << 20)
    out = subprocess.run(["curl", "-sS", "--max-time", "50", "--cacert", edge.authority, "--http1.1", "-H", f"Expect: {expect}",
                          "--data-binary", "@-", edge.url(transport, f"/{server}/echo")], input=body, capture_output=True,
                         timeout=DEADLINE)
    assert out.returncode == 0, out.stderr
    assert hashlib.sha256(out.stdout).digest() == hashlib.sha256(body).digest()


def test_node_sends_early_hints(edge):
    for server in ("h1", "h2"):
        out = edge.curl("-i", "--http1.1", edge.url("plain", f"/{server}/hints"))
        assert out.startswith("HTTP/1.1 103 Early Hints\r\n")
        assert "link: </style.css>; rel=preload; as=style" in out
        assert out.endswith("after the hints")


def test_node_ends_its_body_by_closing(edge):
    answer = request(edge.plain, "/h1/until-close")
    assert (answer.status, answer.body) == (200, b"until the end")


def test_node_gives_up_a_request(edge):
    answer = request(edge.plain, "/h1/drop")
    assert answer.status == 503
    assert answer.body.startswith(b"upstream connect error or disconnect/reset before headers")


def test_node_has_no_content(edge):
    answer = request(edge.plain, "/h1/nothing")
    assert (answer.status, answer.body) == (204, b"")
    assert "content-length" not in answer.headers


def test_node_sees_trailers_of_a_chunked_request(edge):
    answer = raw(edge.plain, b"POST /h1/seen HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n"
                 b"connection: close\r\n\r\n4\r\nsome\r\n0\r\nx-sum: 42\r\n\r\n")
    seen = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (seen["size"], seen["trailers"]) == (4, {"x-sum": "42"})


# --- Node.js as an HTTP/2 client and server ---

@transports
@pytest.mark.parametrize("server", ["h1", "h2", "h2s"])
def test_node_speaks_http2_to_every_server(edge, transport, server):
    post, trailers, many, ping_pong = edge.h2(transport, ("post", f"/{server}/echo"), ("trailers", f"/{server}/seen"),
                                              ("many", f"/{server}/seen"), ("ping_pong", f"/{server}/echo"))
    assert (post["status"], post["size"], post["code"], post["pushed"]) == (200, 10 << 20, 0, 0)
    there = json.loads(trailers["text"])
    assert (there["size"], there["trailers"]) == (4, {"x-sum": "42"})
    assert many == {"ok": 500}
    assert ping_pong["size"] == 4 * 50


@transports
@pytest.mark.parametrize("server", ["h2", "h2s"])
def test_trailers_hints_and_resets_of_http2_pass(edge, transport, server):
    trailers, hints, reset, refused = edge.h2(transport, ("get", f"/{server}/trailers"), ("get", f"/{server}/hints"),
                                              ("get", f"/{server}/reset"), ("refused", f"/{server}/refuse-once"))
    assert (trailers["status"], trailers["text"], trailers["trailers"]["checksum"]) == (200, "body", "abc")
    assert [found[":status"] for found in hints["informational"]] == [103]
    assert (hints["status"], hints["text"]) == (200, "after the hints")
    assert reset["status"] == 503 and reset["text"].startswith("upstream connect error"), reset
    assert (refused["status"], refused["text"]) == (200, "at the second time")


@pytest.mark.parametrize("server", ["h2", "h2s"])
def test_a_server_that_says_goaway_is_left_without_a_failure(edge, server):
    for _ in range(10):
        answer = request(edge.plain, f"/{server}/goaway")
        assert (answer.status, answer.body) == (200, b"last words")
        assert request(edge.plain, f"/{server}/seen").status == 200


def test_nobody_pushes(edge):
    assert json.loads(edge.h2("tls", ("get", "/h2s/seen"))[0]["text"])["push"] is False


@transports
def test_extended_connect_is_offered_to_http2_clients(edge, transport):
    assert edge.h2(transport, ("settings", "/")) == [{"ping": True, "connect": True, "streams": 100}]


# --- nginx ---

@transports
def test_nginx_serves_a_big_file_whole_and_in_ranges(edge, transport):
    whole = edge.directory / "www" / "big.bin"
    copy = edge.directory / f"copy-{transport}"
    edge.curl("-o", copy, edge.url(transport, "/nginx/big.bin"))
    assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(whole.read_bytes()).digest()
    out = edge.curl("-o", copy, "-w", "%{http_code}", "-r", "1000-1999", edge.url(transport, "/nginx/big.bin"))
    assert out == "206" and copy.read_bytes() == whole.read_bytes()[1000:2000]
    copy.unlink()


@transports
def test_nginx_compresses_and_validates(edge, transport):
    url = edge.url(transport, "/nginx/page.txt")
    out = edge.curl("--compressed", "-i", url)
    assert "content-encoding: gzip" in out and out.count("a page\n") == 1000
    modified = next(line.partition(": ")[2].strip() for line in out.splitlines() if line.startswith("last-modified"))
    assert edge.curl("-w", "%{http_code}", "-H", f"if-modified-since: {modified}", url) == "304"


def test_nginx_closes_its_connection_every_ten_requests_and_nobody_notices(edge):
    connection = http.client.HTTPConnection("127.0.0.1", edge.plain, timeout=DEADLINE)
    for _ in range(100):
        connection.request("GET", "/nginx/page.txt")
        response = connection.getresponse()
        assert (response.status, len(response.read())) == (200, 7000)
    connection.close()


@transports
def test_nginx_takes_an_upload_of_unknown_length(edge, transport):
    out = subprocess.run(["curl", "-sS", "--max-time", "50", "--cacert", edge.authority, "-T", "-", "-X", "POST",
                          edge.url(transport, "/nginx/upload")], input=b"u" * (5 << 20), capture_output=True, timeout=DEADLINE)
    assert out.stdout == b"length 5242880\n", out


# --- Tools ---

@pytest.mark.parametrize("path", ["/h1/seen", "/nginx/page.txt", "/h2/seen"])
def test_wrk_sees_no_errors(edge, path):
    out = run("wrk", "--timeout", "50s", "-t1", "-c16", "-d1s", edge.url("plain", path))
    assert "requests in" in out
    assert "Non-2xx" not in out and "Socket errors" not in out, out


@transports
@pytest.mark.parametrize("protocol", [["--h1"], ["-m", "20"]])
@pytest.mark.parametrize("path", ["/nginx/page.txt", "/h2s/seen"])
def test_h2load_finishes_everything(edge, transport, protocol, path):
    out = run("h2load", *protocol, "-n", "1000", "-c", "5", edge.url(transport, path))
    assert "1000 succeeded, 0 failed, 0 errored, 0 timeout" in out


@transports
def test_nghttp_gets_a_page_with_trailers(edge, transport):
    out = run("nghttp", "-v", "-H", "te: trailers", edge.url(transport, "/h2/trailers"))
    assert ":status: 200" in out and "checksum: abc" in out


def test_openssl_asks_by_hand(edge):
    for version in ("-tls1_2", "-tls1_3"):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{edge.tls}", "-servername", "localhost", version,
                               "-alpn", "http/1.1", "-CAfile", edge.authority, "-verify_return_error", "-quiet"],
                              input=b"GET /h1/chunks HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
                              capture_output=True, timeout=DEADLINE)
        assert done.stdout.startswith(b"HTTP/1.1 200 OK\r\n"), done
        assert b"piece 99\n" in done.stdout


@transports
def test_pythons_client_keeps_its_connection(edge, transport):
    if transport == "plain":
        connection = http.client.HTTPConnection("127.0.0.1", edge.plain, timeout=DEADLINE)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", edge.tls, timeout=DEADLINE,
                                                 context=ssl.create_default_context(cafile=edge.authority))
    connection.connect()
    first = connection.sock
    for i in range(50):
        # An iterable goes in chunks.
        body = iter([b"a" * 1000, b"b" * 500]) if i % 2 else b"c" * 1500
        connection.request("POST", "/h1/seen", body=body, encode_chunked=True)
        assert json.loads(connection.getresponse().read())["size"] == 1500
    assert connection.sock is first
    connection.close()


# --- Clients that leave ---

def test_a_client_that_closes_its_connection_ends_what_it_asked_for(edge):
    del edge.servers["h1"].lines[1:]
    with socket.create_connection(("127.0.0.1", edge.plain), timeout=DEADLINE) as client:
        client.sendall(b"GET /h1/hang HTTP/1.1\r\nhost: a\r\n\r\n")
        edge.servers["h1"].wait_for_line("hanging")
    edge.servers["h1"].wait_for_line("left")


def test_a_client_that_only_ended_its_direction_gets_its_answer(edge):
    answer = raw(edge.plain, b"GET /h1/chunks HTTP/1.1\r\nhost: a\r\n\r\n", shutdown=True)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and b"piece 99\n" in answer
