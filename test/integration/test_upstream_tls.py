"""TLS towards upstreams: who is asked for, who is believed, what is told when it fails, with Python's ssl and openssl."""
import json
import socket
import ssl
import subprocess
import threading

import pytest

from conftest import (DEADLINE, H2, Baton, Echo, ThreadingServer, bootstrap, cluster, free_port, http_filter, listener,
                      request, tcp_filter, tls_context, wait_for)
from pki import Authority

UPSTREAM_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
TELLS = ["UPSTREAM_TLS_VERSION", "UPSTREAM_TLS_CIPHER", "UPSTREAM_PEER_SUBJECT", "UPSTREAM_PEER_ISSUER", "UPSTREAM_PEER_SERIAL",
         "UPSTREAM_PEER_FINGERPRINT_256", "UPSTREAM_PEER_DNS_SAN", "UPSTREAM_PEER_URI_SAN", "UPSTREAM_PEER_IP_SAN"]
LOGGED = ["REQ(:PATH)", "UPSTREAM_TRANSPORT_FAILURE_REASON", "RESPONSE_FLAGS", "RESPONSE_CODE_DETAILS"]
ACCESS_LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
V = ssl.TLSVersion


class SecureServer(ThreadingServer):
    """Echoes over TLS. What each connection asked for is in `connections`."""

    def __init__(self, certificate, client_authority=None, versions=None, alpn=("h2", "http/1.1"), close=True):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate.files)
        self.context.sni_callback = self.remember_name
        if alpn:
            self.context.set_alpn_protocols(list(alpn))
        if client_authority:
            self.context.load_verify_locations(client_authority.chain)
            self.context.verify_mode = ssl.CERT_REQUIRED
        if versions:
            self.context.minimum_version, self.context.maximum_version = versions
        self.connections, self.names = [], {}
        self.failures = []

        class Handler(Echo):
            # Each request on a connection of its own, so that each shows a handshake.
            def end_headers(self):
                if close:
                    self.send_header("connection", "close")
                    self.close_connection = True
                super().end_headers()

        super().__init__(Handler)

    def remember_name(self, connection, name, _):
        self.names[connection] = name

    def finish_request(self, connection, client_address):
        try:
            secured = self.context.wrap_socket(connection, server_side=True)
        except OSError as failure:
            self.failures.append(failure)
            return
        self.connections.append({
            "sni": self.names.pop(secured, None), "version": secured.version(), "reused": secured.session_reused,
            "alpn": secured.selected_alpn_protocol(), "client": secured.getpeercert() if self.context.verify_mode else None})
        try:
            super().finish_request(secured, client_address)
            secured.unwrap()
        except OSError:
            pass


class Rig:
    def __init__(self, folder):
        self.folder = folder
        self.root = Authority(folder, "root")
        self.stranger = Authority(folder, "stranger")
        issue = self.root.issue
        self.good = issue("server", "DNS:server.example", "DNS:*.apps.example", "IP:127.0.0.1", "URI:spiffe://test/server")
        self.expired = issue("old", "DNS:server.example", days=-1)
        self.unknown = self.stranger.issue("server", "DNS:server.example")
        self.client = issue("client", "URI:spiffe://test/client")
        self.servers = {
            "good": SecureServer(self.good), "expired": SecureServer(self.expired), "unknown": SecureServer(self.unknown),
            "asking": SecureServer(self.good, client_authority=self.root),
            "asking-others": SecureServer(self.good, client_authority=self.stranger),
            "tls12": SecureServer(self.good, versions=(V.TLSv1_2, V.TLSv1_2)),
            "tls13": SecureServer(self.good, versions=(V.TLSv1_3, V.TLSv1_3)),
            "kept": SecureServer(self.good, close=False),
            "plain": ThreadingServer()}
        self.silent = socket.create_server(("127.0.0.1", 0))
        self.clusters, self.listeners = [], []
        self.add_clusters()
        routes = [{"match": {"path": f"/{one['name']}"}, "route": {"cluster": one["name"]},
                   "response_headers_to_add": [{"header": {"key": name, "value": f"%{name}%"}} for name in TELLS]}
                  for one in self.clusters]
        self.log = folder / "access.log"
        self.asked = 0
        self.listeners.append(listener("web", http_filter(routes, access_log=[{"name": "file", "typed_config": {
            "@type": ACCESS_LOG, "path": str(self.log),
            "log_format": {"json_format": {name: f"%{name}%" for name in LOGGED}}}}])))
        self.listeners.append(listener("tcp", tcp_filter("trusting")))
        self.process = Baton(folder, bootstrap(self.listeners, self.clusters), "--file-flush-interval-msec", 10)
        self.process.wait_ready()
        self.web = self.process.port("web")

    def ca(self, **fields):
        return {"validation_context": {"trusted_ca": {"filename": self.root.chain}, **fields}}

    def add(self, name, server, common=None, options=None, endpoint=None, fields=None, **context):
        port = self.servers[server].server_address[1] if server != "silent" else self.silent.getsockname()[1]
        made = cluster(name, port, **(fields or {}), transport_socket={
            "name": "tls", "typed_config": {"@type": UPSTREAM_TLS, "common_tls_context": common or {}, **context}})
        made["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"].update(endpoint or {})
        if options:
            made["typed_extension_protocol_options"] = {HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{HTTP_OPTIONS}", "explicit_http_config": {"http_protocol_options": {}},
                "upstream_http_protocol_options": options}}
        self.clusters.append(made)

    def add_clusters(self):
        self.add("trusting", "good")
        self.add("named", "good", sni="server.example")
        self.add("auto-sni", "good", options={"auto_sni": True}, sni="fixed.example")
        self.add("auto-sni-header", "good", options={"auto_sni": True, "override_auto_sni_header": "x-name"})
        self.add("auto-host", "good", endpoint={"hostname": "endpoint.example"}, auto_host_sni=True, sni="fixed.example")
        self.add("auto-host-none", "good", auto_host_sni=True, sni="fixed.example")
        self.add("auto-san", "good", self.ca(), options={"auto_sni": True, "auto_san_validation": True})
        self.add("auto-sni-san", "good", self.ca(), sni="x.apps.example", auto_sni_san_validation=True)
        self.add("auto-sni-san-wrong", "good", self.ca(), sni="x.y.apps.example", auto_sni_san_validation=True)
        self.add("verified", "good", self.ca())
        self.add("verified-san", "good", self.ca(match_typed_subject_alt_names=[
            {"san_type": "URI", "matcher": {"exact": "spiffe://test/server"}}]))
        self.add("wrong-san", "good", self.ca(match_typed_subject_alt_names=[
            {"san_type": "DNS", "matcher": {"exact": "else.example"}}]))
        self.add("wrong-hash", "good", self.ca(verify_certificate_hash=["ab" * 32]))
        self.add("right-hash", "good", self.ca(verify_certificate_hash=[self.good.sha256]))
        self.add("revoked", "good", self.ca(crl={"filename": self.root.revocation_list(self.good)}))
        self.add("expired", "expired", self.ca())
        self.add("expired-allowed", "expired", self.ca(allow_expired_certificate=True))
        self.add("unknown", "unknown", self.ca())
        self.add("unknown-allowed", "unknown", self.ca(trust_chain_verification="ACCEPT_UNTRUSTED"))
        shown = tls_context(self.client.files)
        for version in ["TLSv1_2", "TLSv1_3"]:
            params = {"tls_params": {"tls_minimum_protocol_version": version, "tls_maximum_protocol_version": version}}
            self.add(f"client-{version}", "asking", {**shown, **params})
            self.add(f"no-client-{version}", "asking", params)
            self.add(f"wrong-client-{version}", "asking-others", {**shown, **params})
            self.add(f"resumed-{version}", "good", params)
            self.add(f"resumed-none-{version}", "good", params, max_session_keys=0)
            self.add(f"only-{version}-of-12", "tls12", params)
            self.add(f"only-{version}-of-13", "tls13", params)
        self.add("any-of-12", "tls12")
        self.add("any-of-13", "tls13")
        self.add("alpn", "good", {"alpn_protocols": ["http/1.1", "foo"]})
        self.add("plain", "plain")
        self.add("silent", "silent", fields={"connect_timeout": "0.3s"})
        self.key_log = self.folder / "upstream-keys.txt"
        self.add("key-log", "good", {"key_log": {"path": str(self.key_log)}})
        self.add("kept", "kept")

    def fetch(self, name, host="localhost", **headers):
        return request(self.web, f"/{name}", headers={"host": host, **headers})

    def failure(self, name, **options):
        """An answer that is an error, and what the log says about it."""
        self.asked += 1
        path = f"{name}?{self.asked}"
        answer = self.fetch(path, **options)

        def logged():
            lines = [json.loads(line) for line in self.log.read_text().splitlines()]
            return [line for line in lines if line["REQ(:PATH)"] == f"/{path}"]

        record = wait_for(logged, "the line in the log")[0]
        assert (answer.status, record["RESPONSE_FLAGS"]) == (503, "UF")
        return answer, record

    def connection(self, name, server="good", **options):
        """What the server saw of the connection of one request."""
        assert self.fetch(name, **options).status == 200
        return self.servers[server].connections[-1]

    def end(self):
        self.process.end()
        self.silent.close()
        for server in self.servers.values():
            server.end()


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    started = Rig(tmp_path_factory.mktemp("upstream-tls"))
    yield started
    started.end()
    assert started.process.process.returncode == 0, started.process.output()[-3000:]


@pytest.mark.parametrize("name, host, expected", [
    ("trusting", "a.example", None), ("named", "a.example", "server.example"), ("auto-sni", "a.example", "a.example"),
    ("auto-sni", "b.example:8443", "b.example"), ("auto-host", "a.example", "endpoint.example"),
    ("auto-host-none", "a.example", "fixed.example"), ("auto-sni", "127.0.0.1", "fixed.example")])
def test_the_server_is_asked_for_by_its_name(rig, name, host, expected):
    assert rig.connection(name, host=host)["sni"] == expected


def test_the_name_to_ask_for_can_come_from_another_header(rig):
    assert rig.connection("auto-sni-header", host="a.example", **{"x-name": "c.example"})["sni"] == "c.example"
    assert rig.connection("auto-sni-header", host="a.example")["sni"] == "a.example"


@pytest.mark.parametrize("name, host", [
    ("trusting", "x"), ("verified", "x"), ("verified-san", "x"), ("right-hash", "x"), ("expired-allowed", "x"),
    ("unknown-allowed", "x"), ("auto-san", "server.example"), ("auto-san", "one.apps.example"), ("auto-san", "Server.Example:1"),
    ("auto-san", "127.0.0.1"), ("auto-sni-san", "x")])
def test_a_server_that_is_who_it_should_be_is_believed(rig, name, host):
    answer = rig.fetch(name, host=host)
    assert answer.status == 200, answer.headers


@pytest.mark.parametrize("name, host, stat, reason", [
    ("wrong-san", "x", "fail_verify_san", "SAN"), ("wrong-hash", "x", "fail_verify_cert_hash", "hash"),
    ("revoked", "x", "fail_verify_error", "revoked"), ("expired", "x", "fail_verify_error", "expired"),
    ("unknown", "x", "fail_verify_error", "issuer"), ("auto-san", "else.example", "fail_verify_san", "SAN"),
    ("auto-san", "two.one.apps.example", "fail_verify_san", "SAN"), ("auto-san", "127.0.0.2", "fail_verify_san", "SAN"),
    ("auto-sni-san-wrong", "x", "fail_verify_san", "SAN")])
def test_a_server_that_is_not_who_it_should_be_is_not_asked_anything(rig, name, host, stat, reason):
    before = rig.process.stats(f"cluster.{name}.")
    asked = sum(len(server.requests) for server in rig.servers.values())
    answer, record = rig.failure(name, host=host)
    failure = record["UPSTREAM_TRANSPORT_FAILURE_REASON"]
    assert failure.startswith("TLS_error:") and reason in failure and " " not in failure
    assert record["RESPONSE_CODE_DETAILS"] == f"upstream_reset_before_response_started{{remote_connection_failure|{failure}}}"
    body = answer.body.decode()
    assert body.startswith("upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, "
                           "transport failure reason: TLS_error:") and reason in body
    after = rig.process.stats(f"cluster.{name}.")
    for counter in [f"ssl.{stat}", "upstream_cx_connect_fail", "upstream_rq_503"]:
        assert after[f"cluster.{name}.{counter}"] > before.get(f"cluster.{name}.{counter}", 0), counter
    assert sum(len(server.requests) for server in rig.servers.values()) == asked


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_certificate_of_ours_is_shown_to_who_asks_for_it(rig, version):
    seen = rig.connection(f"client-{version}", "asking")["client"]
    assert seen["subjectAltName"] == (("URI", "spiffe://test/client"),)
    assert rig.fetch(f"no-client-{version}").status == 503
    assert rig.fetch(f"wrong-client-{version}").status == 503
    assert rig.servers["asking-others"].requests == []


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_sessions_are_resumed_unless_none_are_kept(rig, version):
    reused = [rig.connection(f"resumed-{version}")["reused"] for _ in range(3)]
    assert reused == [False, True, True]
    assert rig.process.stat(f"cluster.resumed-{version}.ssl.session_reused") == 2
    assert [rig.connection(f"resumed-none-{version}")["reused"] for _ in range(2)] == [False, False]


@pytest.mark.parametrize("name, server, version", [
    ("only-TLSv1_2-of-12", "tls12", "TLSv1.2"), ("only-TLSv1_2-of-13", "tls13", None), ("only-TLSv1_3-of-12", "tls12", None),
    ("only-TLSv1_3-of-13", "tls13", "TLSv1.3"), ("any-of-12", "tls12", "TLSv1.2"), ("any-of-13", "tls13", "TLSv1.3")])
def test_only_the_versions_of_the_configuration_are_spoken(rig, name, server, version):
    if version:
        assert rig.connection(name, server)["version"] == version
        assert rig.process.stat(f"cluster.{name}.ssl.versions.{version}") == 1
    else:
        rig.failure(name)
        assert rig.process.stat(f"cluster.{name}.ssl.connection_error") >= 1


def test_the_protocol_of_the_cluster_is_offered(rig):
    assert rig.connection("trusting")["alpn"] == "http/1.1"
    assert rig.connection("alpn")["alpn"] == "http/1.1"


@pytest.mark.parametrize("options, protocol", [
    ({"explicit_http_config": {"http2_protocol_options": {}}}, "HTTP/2"),
    ({"auto_config": {"http2_protocol_options": {}}}, "HTTP/2")])
def test_http2_is_agreed_on(baton, upstream, rig, options, protocol):
    log = [{"key": "seen", "value": "%PROTOCOL% %REQUESTED_SERVER_NAME%"}]
    inner = baton(bootstrap([listener("tls", http_filter([
        {"match": {"prefix": "/"}, "direct_response": {"status": 200},
         "response_headers_to_add": [{"header": one} for one in log]}]),
        tls=tls_context(rig.good.files, alpn_protocols=["h2", "http/1.1"]))]))
    far = cluster("far", inner.port("tls"), typed_extension_protocol_options={HTTP_OPTIONS: {
        "@type": f"type.googleapis.com/{HTTP_OPTIONS}", **options}}, transport_socket={"name": "tls", "typed_config": {
            "@type": UPSTREAM_TLS, "sni": "server.example", "common_tls_context": rig.ca()}})
    outer = baton(bootstrap([listener("web", http_filter([{"match": {"prefix": "/"}, "route": {"cluster": "far"}}]))], [far]))
    assert request(outer.port("web")).headers["seen"] == f"{protocol} server.example"


def test_a_server_that_speaks_no_tls_is_an_error(rig):
    _, record = rig.failure("plain")
    assert record["UPSTREAM_TRANSPORT_FAILURE_REASON"].replace(" ", "_") == "TLS_error:|SSL_routines:wrong_version_number"


def test_the_handshake_counts_towards_the_connect_timeout(rig):
    rig.failure("silent")
    assert rig.process.stat("cluster.silent.upstream_cx_connect_timeout") == 1


def test_operators_tell_about_the_server(rig):
    answer = rig.fetch("verified")
    told = {name: answer.headers.get(name.lower()) for name in TELLS}
    assert told.pop("UPSTREAM_TLS_CIPHER") in {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
    assert told == {
        "UPSTREAM_TLS_VERSION": "TLSv1.3",
        "UPSTREAM_PEER_SUBJECT": "CN=server,O=Baton Test", "UPSTREAM_PEER_ISSUER": "CN=root",
        "UPSTREAM_PEER_SERIAL": rig.good.serial.lower(), "UPSTREAM_PEER_FINGERPRINT_256": rig.good.sha256,
        "UPSTREAM_PEER_DNS_SAN": "server.example,*.apps.example", "UPSTREAM_PEER_URI_SAN": "spiffe://test/server",
        "UPSTREAM_PEER_IP_SAN": "127.0.0.1"}


def test_connections_are_reused_without_another_handshake(rig):
    for _ in range(5):
        assert rig.fetch("kept").status == 200
    assert rig.process.stat("cluster.kept.ssl.handshake") == 1
    assert rig.process.stat("cluster.kept.upstream_cx_total") == 1


def test_a_key_log_has_the_secrets_of_upstream_connections(rig):
    rig.connection("key-log")
    assert "SERVER_TRAFFIC_SECRET_0 " in rig.key_log.read_text()


def test_tcp_is_carried_over_tls(rig):
    with socket.create_connection(("127.0.0.1", rig.process.port("tcp")), timeout=DEADLINE) as client:
        client.sendall(b"GET /over-tcp HTTP/1.0\r\n\r\n")
        answer = b""
        while part := client.recv(65536):
            answer += part
    assert b'"path": "/over-tcp"' in answer


@pytest.mark.parametrize("allowed", [True, False])
def test_a_server_may_renegotiate_only_when_it_is_allowed_to(baton, rig, allowed):
    port = free_port()
    server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", rig.good.chain, "-key", rig.good.key,
                               "-tls1_2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(server.stdout.readline, b"")), daemon=True)
        reader.start()
        wait_for(lambda: b"ACCEPT\n" in lines, "s_server to listen")
        far = cluster("far", port, transport_socket={"name": "tls", "typed_config": {
            "@type": UPSTREAM_TLS, "allow_renegotiation": allowed, "common_tls_context": {}}})
        process = baton(bootstrap([listener("tcp", tcp_filter("far"))], [far]))
        with socket.create_connection(("127.0.0.1", process.port("tcp")), timeout=DEADLINE) as client:
            client.sendall(b"hello\n")
            wait_for(lambda: any(b"hello" in line for line in lines), "the server to read")
            server.stdin.write(b"r\n")
            server.stdin.flush()
            if allowed:
                wait_for(lambda: process.stat("cluster.far.ssl.handshake") >= 1, "the handshake")
                server.stdin.write(b"after\n")
                server.stdin.flush()
                assert client.recv(100).startswith(b"after")
            else:
                # openssl's server gives up on a client that refuses.
                client.settimeout(DEADLINE)
                try:
                    assert client.recv(100) == b""
                except ConnectionResetError:
                    pass
    finally:
        server.kill()
        server.wait()
