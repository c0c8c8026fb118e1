"""What crosses a hot restart besides sockets and counters: session ticket keys, what is known of endpoints' health, what is
left in the buckets of local rate limits, and since when somebody has served."""
import json
import os
import socket
import subprocess
import threading
import time

import pytest

from conftest import (DEADLINE, Echo, bootstrap, cluster, forward_all, free_port, http_filter, listener, request, tcp_filter,
                      tls_context, wait_for)

FAST = ("--probation-time-s", "0", "--drain-time-s", "1", "--parent-shutdown-time-s", "20")


class Sessions:
    """A TLS client that keeps its ticket in a file."""

    def __init__(self, directory, port, version, *options):
        self.file = directory / f"ticket{time.monotonic_ns()}.pem"
        self.command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", f"-{version}", *options]

    def run(self, *options):
        # A request, so that the tickets of TLS 1.3, which follow the handshake, are read before the end.
        done = subprocess.run([*self.command, *options], input=b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
                              capture_output=True, timeout=DEADLINE)
        return done.stdout.decode(errors="replace")

    def start(self):
        assert "\nNew, TLSv1" in self.run("-ign_eof", "-sess_out", str(self.file))
        assert self.file.stat().st_size > 0

    def resumed(self):
        said = self.run("-ign_eof", "-sess_in", str(self.file))
        assert "\nNew, TLSv1" in said or "\nReused, TLSv1" in said, said
        return "\nReused, TLSv1" in said


def successor(baton, base_id, config, process, epoch):
    child = baton(config, *FAST, base_id=base_id, epoch=epoch)
    assert process.wait_ended() == 0, process.output()
    return child


def tls_listener(port, context, **fields):
    one = listener("tls", http_filter(forward_all("one")), port=port, tls=context)
    one["filter_chains"][0]["transport_socket"]["typed_config"].update(fields)
    return one


@pytest.fixture
def one(upstream):
    return cluster("one", upstream().server_address[1])


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_a_ticket_is_good_three_generations_later(baton, base_id, one, certificate, tmp_path, version):
    config = bootstrap([tls_listener(free_port(), tls_context(certificate))], [one])
    process = baton(config, *FAST, base_id=base_id, epoch=0)
    client = Sessions(tmp_path, process.port("tls"), version)
    client.start()
    for epoch in (1, 2, 3):
        process = successor(baton, base_id, config, process, epoch)
    assert client.resumed()
    assert process.stat("listener.127.0.0.1_%d.ssl.session_reused" % process.port("tls")) == 1


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_a_ticket_is_good_until_its_configured_key_is_rotated_out(baton, base_id, one, certificate, tmp_path, version):
    for name in "abcd":
        (tmp_path / name).write_bytes(os.urandom(80))
    port = free_port()

    def config(keys):
        files = {"keys": [{"filename": str(tmp_path / name)} for name in keys]}
        return bootstrap([tls_listener(port, tls_context(certificate), session_ticket_keys=files)], [one])

    process = baton(config("a"), *FAST, base_id=base_id, epoch=0)
    client = Sessions(tmp_path, port, version)
    client.start()
    for epoch, keys in enumerate(("ba", "cba"), 1):
        process = successor(baton, base_id, config(keys), process, epoch)
    assert client.resumed()
    process = successor(baton, base_id, config("dcb"), process, 3)
    assert not client.resumed()


def test_a_first_start_knows_no_ticket_of_the_process_before_it(baton, base_id, one, certificate, tmp_path):
    config = bootstrap([tls_listener(free_port(), tls_context(certificate))], [one])
    process = baton(config, *FAST, base_id=base_id, epoch=0)
    client = Sessions(tmp_path, process.port("tls"), "tls1_2")
    client.start()
    process.end()
    baton(config, *FAST, base_id=base_id, epoch=0)
    assert not client.resumed()


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_tickets_are_void_when_the_policy_for_client_certificates_changes(baton, base_id, one, certificate, tmp_path, version):
    port = free_port()
    chain, key = certificate

    def config(required):
        context = tls_context(certificate, validation_context={"trusted_ca": {"filename": chain}})
        return bootstrap([tls_listener(port, context, require_client_certificate=required)], [one])

    process = baton(config(False), *FAST, base_id=base_id, epoch=0)
    client = Sessions(tmp_path, port, version, "-cert", chain, "-key", key)
    client.start()
    process = successor(baton, base_id, config(False), process, 1)
    assert client.resumed()
    process = successor(baton, base_id, config(True), process, 2)
    assert not client.resumed()


def test_ticket_keys_are_not_in_a_log(baton, base_id, one, certificate, tmp_path):
    secret = os.urandom(80)
    (tmp_path / "key").write_bytes(secret)
    config = bootstrap([tls_listener(free_port(), tls_context(certificate),
                                     session_ticket_keys={"keys": [{"filename": str(tmp_path / "key")}]})], [one])
    process = baton(config, *FAST, "--log-level", "trace", base_id=base_id, epoch=0)
    child = baton(config, *FAST, "--log-level", "trace", base_id=base_id, epoch=1)
    assert process.wait_ended() == 0
    text = process.output() + child.output() + child.admin("/config_dump")
    assert secret[16:48].hex() not in text.lower() and secret[48:80].hex() not in text.lower()


class Checked(Echo):
    """Answers health checks as `healthy` says, and remembers everything else."""

    def do_GET(self):
        if self.path != "/check":
            return self.answer()
        self.server.checks += 1
        self.send_response(200 if self.server.healthy else 503)
        self.send_header("content-length", "0")
        self.end_headers()


@pytest.fixture
def checked(upstream):
    def start(healthy):
        server = upstream(Checked)
        server.checks = 0
        server.healthy = healthy
        return server
    return start


def with_checks(name, servers, interval="60s"):
    return cluster(name, *(server.server_address[1] for server in servers), health_checks=[{
        "timeout": "5s", "interval": interval, "no_traffic_interval": interval, "unhealthy_threshold": 1, "healthy_threshold": 1,
        "http_health_check": {"path": "/check"}}])


def test_an_endpoint_known_dead_gets_no_request_from_the_child(baton, base_id, checked):
    good, bad = checked(True), checked(False)
    config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())], [with_checks("one", [good, bad])])
    process = baton(config, *FAST, "--concurrency", "2", base_id=base_id, epoch=0)
    port = process.port("web")
    wait_for(lambda: process.stat("cluster.one.membership_healthy") == 1, "the dead endpoint to be known")
    ending = threading.Event()
    failures = []

    def load():
        while not ending.is_set():
            if request(port).status != 200:
                failures.append("status")

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for epoch in (1, 2, 3):
            bad.requests.clear()
            process = successor(baton, base_id, config, process, epoch)
            assert process.stat("cluster.one.membership_healthy") == 1
    finally:
        ending.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert bad.requests == []
    assert len(good.requests) > 10


def test_an_endpoint_that_is_well_again_is_used_again_by_the_child(baton, base_id, checked):
    good, bad = checked(True), checked(False)
    config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                       [with_checks("one", [good, bad], "0.2s")])
    process = baton(config, *FAST, base_id=base_id, epoch=0)
    wait_for(lambda: process.stat("cluster.one.membership_healthy") == 1, "the dead endpoint to be known")
    child = successor(baton, base_id, config, process, 1)
    bad.healthy = True
    wait_for(lambda: child.stat("cluster.one.membership_healthy") == 2, "it to be well")

    def used():
        request(child.port("web"))
        return bad.requests
    wait_for(used, "a request to it")


def test_an_endpoint_that_was_ejected_gets_no_request_from_the_child(baton, base_id, upstream):
    class Failing(Echo):
        def answer(self):
            self.server.requests.append(self.path)
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = answer

    good, bad = upstream(), upstream(Failing)
    outliers = {"consecutive_5xx": 2, "interval": "600s", "base_ejection_time": "600s", "max_ejection_percent": 100}
    config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())],
                       [cluster("one", good.server_address[1], bad.server_address[1], outlier_detection=outliers)])
    process = baton(config, *FAST, base_id=base_id, epoch=0)
    port = process.port("web")

    def ejected():
        request(port)
        return process.stat("cluster.one.outlier_detection.ejections_active") == 1
    wait_for(ejected, "the ejection")
    successor(baton, base_id, config, process, 1)
    bad.requests.clear()
    assert [request(port).status for _ in range(20)] == [200] * 20
    assert bad.requests == []


BUCKET = {"max_tokens": 5, "tokens_per_fill": 5, "fill_interval": "36000s"}
ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def http_limit(bucket=None):
    return {"name": "limit", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit", "stat_prefix": "limit",
        "filter_enabled": ALWAYS, "filter_enforced": ALWAYS, **({"token_bucket": bucket} if bucket else {})}}


def test_tokens_that_are_spent_are_spent_in_the_child_too(baton, base_id, one):
    port, other_port = free_port(), free_port()

    def config(bucket):
        return bootstrap([listener("web", http_filter(forward_all("one"), [http_limit(bucket)]), port=port),
                          listener("other", http_filter(forward_all("one"), [http_limit(bucket)]), port=other_port)], [one])

    process = baton(config(BUCKET), *FAST, "--concurrency", "2", base_id=base_id, epoch=0)
    assert [request(port).status for _ in range(3)] == [200] * 3
    assert request(other_port).status == 200
    process = successor(baton, base_id, config(BUCKET), process, 1)
    assert [request(port).status for _ in range(3)] == [200, 200, 429]
    assert [request(other_port).status for _ in range(5)] == [200] * 4 + [429]
    process = successor(baton, base_id, config(BUCKET), process, 2)
    assert request(port).status == request(other_port).status == 429
    # With another limit it starts anew.
    successor(baton, base_id, config({**BUCKET, "max_tokens": 2, "tokens_per_fill": 2}), process, 3)
    assert [request(port).status for _ in range(3)] == [200, 200, 429]


def test_tokens_for_connections_cross_too(baton, base_id, tcp_server):
    def echo(connection):
        connection.sendall(connection.recv(100))

    limit = {"name": "limit", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit", "stat_prefix": "limit",
        "token_bucket": BUCKET}}
    port = free_port()
    config = bootstrap([listener("tcp", [limit, tcp_filter("echo")], port=port)], [cluster("echo", tcp_server(echo))])

    def served():
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:
            try:
                client.sendall(b"x")
                return client.recv(1) == b"x"
            except ConnectionError:
                return False

    process = baton(config, *FAST, base_id=base_id, epoch=0)
    assert [served() for _ in range(3)] == [True] * 3
    process = successor(baton, base_id, config, process, 1)
    assert [served() for _ in range(4)] == [True, True, False, False]
    assert process.stat("local_rate_limit.limit.rate_limited") == 2


def test_uptime_counts_from_the_first_of_all_epochs(baton, base_id, one):
    config = bootstrap([listener("web", http_filter(forward_all("one")), port=free_port())], [one])
    process = baton(config, *FAST, base_id=base_id, epoch=0)

    def uptimes(of):
        info = json.loads(of.admin("/server_info"))
        return [int(info[name].removesuffix("s")) for name in ("uptime_all_epochs", "uptime_current_epoch")]

    wait_for(lambda: uptimes(process)[1] >= 2, "two seconds of the first epoch")
    assert len(set(uptimes(process))) == 1
    child = successor(baton, base_id, config, process, 1)
    all_epochs, current = uptimes(child)
    assert all_epochs >= current + 2
    assert child.stat("server.uptime") >= 2
    grandchild = successor(baton, base_id, config, child, 2)
    all_epochs, current = uptimes(grandchild)
    assert all_epochs >= current + 2
