"""Network filters that stand before the one that ends their chain, against the real binary."""
import socket
import ssl
import subprocess

import pytest
import yaml

from conftest import (BINARY, DEADLINE, bootstrap, cluster, http_filter, listener, raw, request, tcp_filter,
                      tls_context, wait_for)

NETWORK = "type.googleapis.com/envoy.extensions.filters.network."


def connection_limit(most, **fields):
    return {"name": "limit", "typed_config": {
        "@type": NETWORK + "connection_limit.v3.ConnectionLimit", "stat_prefix": "few", "max_connections": most, **fields}}


def rate_limit(tokens, **fields):
    return {"name": "rate", "typed_config": {
        "@type": NETWORK + "local_ratelimit.v3.LocalRateLimit", "stat_prefix": "slow",
        "token_bucket": {"max_tokens": tokens, "fill_interval": "3600s"}, **fields}}


def rbac(**fields):
    return {"name": "rbac", "typed_config": {"@type": NETWORK + "rbac.v3.RBAC", "stat_prefix": "door", **fields}}


def policy(permission, principal, action="ALLOW"):
    return {"action": action, "policies": {"p": {"permissions": [permission], "principals": [principal]}}}


def answer(text="hello"):
    return {"name": "answer", "typed_config": {
        "@type": NETWORK + "direct_response.v3.Config", "response": {"inline_string": text}}}


ECHO = {"name": "echo", "typed_config": {"@type": NETWORK + "echo.v3.Echo"}}
SNI_CLUSTER = {"name": "sni", "typed_config": {"@type": NETWORK + "sni_cluster.v3.SniCluster"}}
ANY = {"any": True}


def says(port, data=b"ping"):
    """What comes back; nothing when the connection is ended."""
    try:
        return raw(port, data, shutdown=True)
    except ConnectionError:
        return b""


def test_connections_beyond_a_limit_are_closed_until_others_end(baton):
    process = baton(bootstrap([listener("tcp", [connection_limit(2), ECHO])]))
    port = process.port("tcp")
    held = [socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) for _ in range(2)]
    for client in held:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    assert says(port) == b""
    assert process.stat("connection_limit.few.limited_connections") == 1
    wait_for(lambda: process.stat("connection_limit.few.active_connections") == 2, "the refused connection to be gone")
    held.pop().close()
    wait_for(lambda: process.stat("connection_limit.few.active_connections") == 1, "a place")
    assert says(port) == b"ping"
    held.pop().close()


def test_a_connection_too_many_is_held_for_the_delay(baton):
    process = baton(bootstrap([listener("tcp", [connection_limit(1, delay="3600s"), ECHO])]))
    port = process.port("tcp")
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as first:
        first.sendall(b"x")
        assert first.recv(1) == b"x"
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as second:
            second.sendall(b"y")
            wait_for(lambda: process.stat("connection_limit.few.limited_connections") == 1, "the limit to be hit")
            assert process.stat("connection_limit.few.active_connections") == 2
            second.settimeout(0.3)
            with pytest.raises(TimeoutError):
                second.recv(1)


def test_a_held_connection_is_closed_after_the_delay(baton):
    process = baton(bootstrap([listener("tcp", [connection_limit(1, delay="0.1s"), ECHO])]))
    port = process.port("tcp")
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as first:
        first.sendall(b"x")
        assert first.recv(1) == b"x"
        assert says(port) == b""


def test_a_runtime_key_switches_a_filter_off(baton):
    config = bootstrap([listener("tcp", [
        connection_limit(1, runtime_enabled={"default_value": True, "runtime_key": "limit.on"}), ECHO])])
    config["layered_runtime"] = {"layers": [{"name": "s", "static_layer": {"limit.on": False}}]}
    process = baton(config)
    with socket.create_connection(("127.0.0.1", process.port("tcp")), timeout=DEADLINE) as first:
        first.sendall(b"x")
        assert first.recv(1) == b"x"
        assert says(process.port("tcp")) == b"ping"


def test_connections_take_tokens_of_a_bucket(baton):
    process = baton(bootstrap([listener("tcp", [rate_limit(3), ECHO])]))
    answers = [says(process.port("tcp")) for _ in range(5)]
    assert answers == [b"ping"] * 3 + [b""] * 2
    assert process.stat("local_rate_limit.slow.rate_limited") == 2


LOOPBACK = {"address_prefix": "127.0.0.0", "prefix_len": 8}
ELSEWHERE = {"address_prefix": "192.0.2.0", "prefix_len": 24}


@pytest.mark.parametrize("rules, open_door", [
    (policy(ANY, {"direct_remote_ip": LOOPBACK}), True),
    (policy(ANY, {"remote_ip": ELSEWHERE}), False),
    (policy(ANY, {"not_id": {"remote_ip": ELSEWHERE}}), True),
    (policy(ANY, {"source_ip": LOOPBACK}, "DENY"), False),
    (policy(ANY, {"and_ids": {"ids": [ANY, {"remote_ip": ELSEWHERE}]}}), False),
    (policy(ANY, {"or_ids": {"ids": [{"remote_ip": ELSEWHERE}, ANY]}}), True),
    (policy({"destination_ip": LOOPBACK}, ANY), True),
    (policy({"destination_port": 1}, ANY), False),
    (policy({"destination_port_range": {"start": 1024, "end": 65536}}, ANY), True),
    (policy({"not_rule": {"destination_port_range": {"start": 1, "end": 1024}}}, ANY), True),
    (policy({"and_rules": {"rules": [ANY, {"destination_port": 1}]}}, ANY), False),
    (policy({"or_rules": {"rules": [{"destination_port": 1}, ANY]}}, ANY), True),
    (policy({"requested_server_name": {"exact": "a.example"}}, ANY), False),
    (policy(ANY, {"authenticated": {}}), False),
    ({"action": "ALLOW", "policies": {}}, False),
    ({"action": "DENY"}, True),
    (policy(ANY, ANY, "LOG"), True),
])
def test_rules_decide_who_may_connect(baton, rules, open_door):
    process = baton(bootstrap([listener("tcp", [rbac(rules=rules), ECHO])]))
    assert says(process.port("tcp")) == (b"ping" if open_door else b"")
    assert process.stat("door.rbac.allowed") == int(open_door)
    assert process.stat("door.rbac.denied") == int(not open_door)
    assert process.stat("door.rbac.logged") == int(rules["action"] == "LOG")


def test_shadow_rules_are_only_counted(baton):
    process = baton(bootstrap([listener("tcp", [
        rbac(shadow_rules=policy(ANY, ANY, "DENY"), shadow_rules_stat_prefix="next_"), ECHO])]))
    assert says(process.port("tcp")) == b"ping"
    assert process.stat("door.rbac.next_shadow_denied") == 1
    assert process.stat("door.rbac.next_shadow_allowed") == 0
    assert process.stat("door.rbac.allowed") == 0


def test_a_refused_client_reaches_no_upstream_and_its_log_line_says_why(baton, tcp_server, tmp_path):
    reached = []
    port = tcp_server(reached.append)
    log = tmp_path / "access.log"
    config = bootstrap([listener("tcp", [rbac(rules=policy(ANY, ANY, "DENY")), tcp_filter("up")], access_log=[
        {"name": "log", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": str(log),
            "log_format": {"text_format_source": {"inline_string": "%CONNECTION_TERMINATION_DETAILS%\n"}}}}])],
        [cluster("up", port)])
    process = baton(config, "--file-flush-interval-msec", "50")
    assert says(process.port("tcp")) == b""
    wait_for(lambda: log.exists() and log.read_text(), "the log line")
    assert log.read_text() == "rbac_access_denied_matched_policy[p]\n"
    assert reached == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA with certificates for two clients: function from name to (certificate file, key file)."""
    directory = tmp_path_factory.mktemp("authority")

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=directory)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
            "-out", "ca.pem", "-days", "30", "-subj", "/CN=Test CA")
    for name in ("alice", "mallory"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
                "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (directory / "names").write_text(f"subjectAltName=URI:spiffe://test/{name},DNS:{name}.test")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                "30", "-extfile", "names", "-out", f"{name}.pem")
    return directory


def over_tls(port, client=None, server_name="localhost"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if client:
        context.load_cert_chain(f"{client}.pem", f"{client}.key")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as plain, \
                context.wrap_socket(plain, server_hostname=server_name) as secure:
            secure.sendall(b"ping")
            return secure.recv(100)
    except (ssl.SSLError, ConnectionError):
        return b""


@pytest.mark.parametrize("principal, alice, mallory, nobody", [
    ({"authenticated": {}}, b"ping", b"ping", b""),
    ({"authenticated": {"principal_name": {"exact": "spiffe://test/alice"}}}, b"ping", b"", b""),
    ({"authenticated": {"principal_name": {"suffix": "lory.test"}}}, b"", b"ping", b""),
    ({"authenticated": {"principal_name": {"contains": "CN=alice"}}}, b"ping", b"", b""),
    ({"not_id": {"authenticated": {}}}, b"", b"", b"ping"),
])
def test_certificates_decide_after_the_handshake(baton, certificate, authority, principal, alice, mallory, nobody):
    tls = tls_context(certificate, validation_context={"trusted_ca": {"filename": str(authority / "ca.pem")}})
    # The limit before and the rate after show that filters run on both sides of the wait.
    process = baton(bootstrap([listener("tls", [
        connection_limit(10), rbac(rules=policy(ANY, principal)), rate_limit(100), ECHO], tls=tls)]))
    port = process.port("tls")
    assert over_tls(port, authority / "alice") == alice
    assert over_tls(port, authority / "mallory") == mallory
    assert over_tls(port) == nobody
    allowed = sum(bool(answer) for answer in (alice, mallory, nobody))
    assert process.stat("door.rbac.allowed") == allowed
    assert process.stat("door.rbac.denied") == 3 - allowed


def test_the_server_name_is_a_permission(baton, certificate):
    process = baton(bootstrap([listener("tls", [
        rbac(rules=policy({"requested_server_name": {"suffix": ".example"}}, ANY)), ECHO], tls=tls_context(certificate),
        listener_filters=[{"name": "envoy.filters.listener.tls_inspector"}])]))
    assert over_tls(process.port("tls"), server_name="a.example") == b"ping"
    assert over_tls(process.port("tls"), server_name="a.test") == b""


def test_the_server_name_chooses_the_cluster(baton, certificate, tcp_server):
    ports = {name: tcp_server(lambda client, name=name: client.sendall(name.encode() + client.recv(10)))
             for name in ("one.test", "two.test", "other")}
    process = baton(bootstrap(
        [listener("tls", [SNI_CLUSTER, tcp_filter("other")], tls=tls_context(certificate),
                  listener_filters=[{"name": "envoy.filters.listener.tls_inspector"}])],
        [cluster(name, port) for name, port in ports.items()]))
    assert over_tls(process.port("tls"), server_name="one.test").startswith(b"one.test")
    assert over_tls(process.port("tls"), server_name="two.test").startswith(b"two.test")
    assert over_tls(process.port("tls"), server_name="three.test") == b""
    assert over_tls(process.port("tls"), server_name=None).startswith(b"other")


def test_all_of_them_stand_before_http(baton):
    routes = [{"match": {"prefix": "/"}, "direct_response": {"status": 201}}]
    process = baton(bootstrap([listener("web", [
        connection_limit(5), rate_limit(2), rbac(rules=policy(ANY, {"remote_ip": LOOPBACK})), SNI_CLUSTER,
        http_filter(routes)])]))
    assert request(process.port("web")).status == 201
    assert request(process.port("web")).status == 201
    assert says(process.port("web"), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n") == b""
    assert process.stat("door.rbac.allowed") == 2


def test_a_fixed_answer_comes_from_the_end_of_a_chain(baton):
    process = baton(bootstrap([listener("tcp", [connection_limit(5), answer("bye")])]))
    assert says(process.port("tcp"), b"") == b"bye"


@pytest.mark.parametrize("filters, message", [
    ([connection_limit(1)], "filters[0]: ConnectionLimit cannot be the last filter of its chain"),
    ([ECHO, ECHO], "filters[0]: Echo must be the last filter of its chain"),
    ([rbac(rules=policy({"header": {"name": "a", "present_match": True}}, ANY)), ECHO],
     "unsupported field 'header' (not implemented: request headers in a network filter)"),
    ([rbac(rules=policy({"destination_ip": {"address_prefix": "x"}}, ANY)), ECHO], "filters[0].typed_config.rules"),
    ([rate_limit(1, token_bucket={"max_tokens": 1, "fill_interval": "0.01s"}), ECHO], "token_bucket.fill_interval"),
    ([connection_limit(0), ECHO], "typed_config.max_connections"),
])
def test_a_chain_that_makes_no_sense_is_refused(tmp_path, filters, message):
    file = tmp_path / "x.yaml"
    file.write_text(yaml.safe_dump(bootstrap([listener("tcp", filters)])))
    done = subprocess.run([BINARY, "--mode", "validate", "-c", str(file)], capture_output=True, text=True,
                          timeout=DEADLINE)
    assert done.returncode == 1
    assert message in done.stderr
