"""TLS, HTTP/2, gRPC framing, WebSocket, CONNECT and TCP through the real binary, with curl, openssl, nghttp and h2load."""
import os
import socket
import ssl
import subprocess
import threading

import pytest

from conftest import (DEADLINE, H2, bootstrap, cluster, forward_all, http_filter, listener, raw, request, tcp_filter,
                      tls_context, wait_for)


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "-k", "--max-time", "50", *arguments], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def edge(baton, upstream, certificate):
    """Plain and TLS listeners in front of an HTTP/1.1 echo, and of the plain listener itself by HTTP/2."""
    one = cluster("one", upstream().server_address[1])
    inner = baton(bootstrap([listener("web", http_filter(forward_all("one")))], [one]))
    two = cluster("two", inner.port("web"), typed_extension_protocol_options=H2)
    routes = [{"match": {"prefix": "/h2/"}, "route": {"cluster": "two"}}, *forward_all("one")]
    process = baton(bootstrap([
        listener("plain", http_filter(routes)),
        listener("tls", http_filter(routes), tls=tls_context(certificate, alpn_protocols=["h2", "http/1.1"])),
    ], [one, two]))
    process.plain, process.tls = process.port("plain"), process.port("tls")
    return process


@pytest.mark.parametrize("path", ["/h1/x", "/h2/x"])
@pytest.mark.parametrize("options, version", [
    (["--http1.1"], "1.1"), (["--http2-prior-knowledge"], "2")])
def test_all_four_combinations_of_protocols_work(edge, path, options, version):
    out = curl(*options, "-w", "\n%{http_version} %{http_code}", "-d", "x" * 100_000, f"http://127.0.0.1:{edge.plain}{path}")
    assert out.endswith(f"\n{version} 200")
    assert '"body_bytes": 100000' in out


@pytest.mark.parametrize("options, version", [(["--http1.1"], "1.1"), (["--http2"], "2")])
def test_tls_chooses_the_protocol_by_alpn(edge, options, version):
    out = curl(*options, "-w", "\n%{http_version} %{http_code}", f"https://127.0.0.1:{edge.tls}/h1/x")
    assert out.endswith(f"\n{version} 200")
    assert '"x-forwarded-proto", "https"' in out


def test_tls_of_an_old_version_is_refused(edge):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{edge.tls}", "-tls1_1"], input="",
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode != 0
    wait_for(lambda: any(name.endswith("ssl.connection_error") and value for name, value in edge.stats().items()),
             "the failure to be counted")


def test_a_tls_session_is_resumed(edge, tmp_path):
    ticket = str(tmp_path / "ticket")
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.tls}", "-tls1_2"]
    subprocess.run([*command, "-sess_out", ticket], input="", capture_output=True, timeout=DEADLINE)
    out = subprocess.run([*command, "-sess_in", ticket], input="", capture_output=True, text=True, timeout=DEADLINE).stdout
    assert "\nReused, TLSv1.2" in out


def test_client_certificates_are_required_when_the_configuration_says_so(baton, upstream, certificate):
    chain, key = certificate
    web = listener("tls", http_filter(forward_all("one")), tls=tls_context(
        certificate, validation_context={"trusted_ca": {"filename": chain}}))
    web["filter_chains"][0]["transport_socket"]["typed_config"]["require_client_certificate"] = True
    process = baton(bootstrap([web], [cluster("one", upstream().server_address[1])]))
    url = f"https://127.0.0.1:{process.port('tls')}/"
    assert "200" in curl("-o", "/dev/null", "-w", "%{http_code}", "--cert", chain, "--key", key, url)
    refused = subprocess.run(["curl", "-sSk", url], capture_output=True, timeout=DEADLINE)
    assert refused.returncode != 0


def test_upstream_tls_is_verified(baton, upstream, certificate):
    chain, _ = certificate
    inner = baton(bootstrap([listener("tls", http_filter(forward_all("one")), tls=tls_context(certificate))],
                            [cluster("one", upstream().server_address[1])]))

    def secured(name, ca, sni):
        return cluster(name, inner.port("tls"), transport_socket={"name": "tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", "sni": sni,
            "common_tls_context": {"validation_context": {"trusted_ca": {"filename": ca}, "match_typed_subject_alt_names": [
                {"san_type": "DNS", "matcher": {"exact": sni}}]}}}})

    outer = baton(bootstrap([listener("web", http_filter([
        {"match": {"prefix": "/good"}, "route": {"cluster": "good"}},
        {"match": {"prefix": "/bad"}, "route": {"cluster": "bad"}}]))],
        [secured("good", chain, "localhost"), secured("bad", chain, "elsewhere.example")]))
    port = outer.port("web")
    assert request(port, "/good").status == 200
    assert request(port, "/bad").status == 503
    assert outer.stat("cluster.bad.ssl.fail_verify_san") >= 1


def test_nghttp_and_h2load_finish_all_streams(edge):
    out = subprocess.run(["nghttp", "-nv", f"http://127.0.0.1:{edge.plain}/h1/x"], capture_output=True, text=True, timeout=DEADLINE)
    assert ":status: 200" in out.stdout
    out = subprocess.run(["h2load", "-n", "2000", "-c", "4", "-m", "10", f"http://127.0.0.1:{edge.plain}/h2/x"],
                         capture_output=True, text=True, timeout=DEADLINE).stdout
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in out
    out = subprocess.run(["h2load", "-n", "1000", "-c", "4", "-m", "10", f"https://127.0.0.1:{edge.tls}/h1/x"],
                         capture_output=True, text=True, timeout=DEADLINE).stdout
    assert "1000 succeeded, 0 failed, 0 errored, 0 timeout" in out


def resident_kib(process):
    with open(f"/proc/{process.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_a_hundred_thousand_streams_of_one_connection_leave_no_memory_behind(baton):
    """A thousand at a time. What the first connection needed is enough for the next, longer one."""
    routes = [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}]
    process = baton(bootstrap([listener("web", http_filter(
        routes, http2_protocol_options={"max_concurrent_streams": 1000}))], []))

    def load(streams):
        out = subprocess.run(["h2load", "-n", str(streams), "-c", "1", "-m", "1000", f"http://127.0.0.1:{process.port('web')}/"],
                             capture_output=True, text=True, timeout=5 * DEADLINE).stdout
        assert f"{streams} succeeded, 0 failed, 0 errored, 0 timeout" in out
        return resident_kib(process)

    warm = load(20_000)
    assert load(100_000) < warm + 2048
    wait_for(lambda: process.stat("http.test.downstream_rq_active") == 0, "the streams to be over")
    assert process.stat("http.test.downstream_rq_total") == 120_000


def websocket_server(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n")
    while part := connection.recv(65536):
        connection.sendall(part)


UPGRADE = (b"GET /ws HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
           b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def test_a_websocket_is_a_tunnel_after_its_upgrade(baton, tcp_server):
    process = baton(bootstrap([listener("web", http_filter(forward_all("ws"), upgrade_configs=[{"upgrade_type": "websocket"}]))],
                              [cluster("ws", tcp_server(websocket_server))]))
    with socket.create_connection(("127.0.0.1", process.port("web")), timeout=DEADLINE) as client:
        client.sendall(UPGRADE)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 101 ")
        payload = os.urandom(300_000)
        received = bytearray(answer.partition(b"\r\n\r\n")[2])

        def read():
            while len(received) < len(payload):
                received.extend(client.recv(65536))

        reader = threading.Thread(target=read)
        reader.start()
        client.sendall(payload)
        reader.join(DEADLINE)
        assert bytes(received) == payload
    assert process.stat("http.test.downstream_cx_upgrades_total") == 1


def test_an_upgrade_that_is_not_configured_is_refused(edge):
    assert raw(edge.plain, UPGRADE.replace(b"Upgrade\r\nsec", b"Upgrade, close\r\nsec")).split(b" ")[1] == b"403"


def test_connect_is_ended_to_tcp(baton, tcp_server):
    def echo(connection):
        while data := connection.recv(65536):
            connection.sendall(data)

    process = baton(bootstrap([listener("web", http_filter(
        [{"match": {"connect_matcher": {}}, "route": {"cluster": "tcp", "upgrade_configs": [
            {"upgrade_type": "CONNECT", "connect_config": {}}]}}], upgrade_configs=[{"upgrade_type": "CONNECT"}]))],
        [cluster("tcp", tcp_server(echo))]))
    with socket.create_connection(("127.0.0.1", process.port("web")), timeout=DEADLINE) as client:
        client.sendall(b"CONNECT target:80 HTTP/1.1\r\nhost: target:80\r\n\r\n")
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        client.sendall(b"through")
        assert client.recv(100) == b"through"


def test_a_grpc_error_is_a_grpc_status(baton):
    """Nobody answers upstream: a gRPC client must get trailers with a status, not a 503."""
    process = baton(bootstrap([listener("web", http_filter(forward_all("gone")))], [cluster("gone", 1, typed_extension_protocol_options=H2)]))
    # Without a body: curl 7.88 gives up on a stream whose answer is complete before it has sent all of its request.
    out = subprocess.run(
        ["curl", "-sS", "-i", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers",
         "-X", "POST", f"http://127.0.0.1:{process.port('web')}/service/method"],
        capture_output=True, timeout=DEADLINE).stdout.decode()
    assert out.startswith("HTTP/2 200")
    assert "grpc-status: 14" in out


def test_tcp_bytes_pass_both_ways_and_half_close_is_kept(baton, tcp_server):
    def total_then_answer(connection):
        received = 0
        while data := connection.recv(65536):
            received += len(data)
        connection.sendall(f"got {received}".encode())

    process = baton(bootstrap([listener("tcp", tcp_filter("one"))], [cluster("one", tcp_server(total_then_answer))]))
    assert raw(process.port("tcp"), b"z" * 5_000_000, shutdown=True) == b"got 5000000"
    wait_for(lambda: process.stat("tcp.tcp.downstream_cx_rx_bytes_total") == 5_000_000, "the bytes to be counted")


def test_tls_is_ended_in_front_of_a_tcp_service(baton, tcp_server, certificate):
    def echo(connection):
        while data := connection.recv(65536):
            connection.sendall(data)

    process = baton(bootstrap([listener("tcp", tcp_filter("one"), tls=tls_context(certificate))],
                              [cluster("one", tcp_server(echo))]))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", process.port("tcp")), timeout=DEADLINE) as plain:
        with context.wrap_socket(plain) as client:
            client.sendall(b"secret")
            assert client.recv(100) == b"secret"


def test_filter_chains_are_chosen_by_server_name(baton, certificate):
    def chain(name, status):
        one = listener("x", http_filter([{"match": {"prefix": "/"}, "direct_response": {"status": status}}]),
                       tls=tls_context(certificate))["filter_chains"][0]
        return {**one, "filter_chain_match": {"server_names": [name]}}

    process = baton(bootstrap([{
        "name": "sni", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "listener_filters": [{"name": "tls_inspector", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}],
        "filter_chains": [chain("a.example", 201), chain("*.b.example", 202)]}]))
    port = process.port("sni")
    for name, status in (("a.example", "201"), ("x.b.example", "202")):
        out = curl("-o", "/dev/null", "-w", "%{http_code}", "--resolve", f"{name}:{port}:127.0.0.1", f"https://{name}:{port}/")
        assert out == status
    refused = subprocess.run(["curl", "-sSk", "--resolve", f"c.example:{port}:127.0.0.1", f"https://c.example:{port}/"],
                             capture_output=True, timeout=DEADLINE)
    assert refused.returncode != 0
    assert process.stats().get("listener.127.0.0.1_0.no_filter_chain_match", 0) == 1


def test_the_proxy_protocol_says_who_the_client_is(baton, upstream):
    one = cluster("one", upstream().server_address[1])
    process = baton(bootstrap([listener("web", http_filter(forward_all("one")), listener_filters=[{
        "name": "proxy_protocol", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"}}])], [one]))
    answer = raw(process.port("web"), b"PROXY TCP4 203.0.113.7 192.0.2.1 1000 80\r\n"
                 b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert b'["x-forwarded-for", "203.0.113.7"]' in answer
