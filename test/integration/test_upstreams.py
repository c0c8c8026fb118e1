"""Connections to upstreams: what happens when they misbehave, which endpoint is chosen, which limits hold."""
import collections
import contextlib
import http.client
import json
import os
import socket
import struct
import subprocess
import threading
import time

import pytest
from conftest import (DEADLINE, Baton, Echo, ThreadingServer, address, bootstrap, cluster, forward_all, free_port,
                      http_filter, listener, request, wait_for)
from scripted_server import Close, Hang, Reset, ScriptedServer, response, scripted  # noqa: F401

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def http_options(common=None, **fields):
    return {HTTP_OPTIONS: {"@type": f"type.googleapis.com/{HTTP_OPTIONS}", "common_http_protocol_options": common or {},
                           "explicit_http_config": {"http_protocol_options": {}}, **fields}}


def config(*clusters, **route):
    return bootstrap([listener("web", http_filter(forward_all("web", **route)))], clusters)


@contextlib.contextmanager
def silent_port():
    """A port whose connections are never established: its backlog is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            waiting.append(client)
        yield server.getsockname()[1]
        for client in waiting:
            client.close()


@contextlib.contextmanager
def aborted_client(process):
    """A connection that the client resets at the end."""
    with socket.create_connection(("127.0.0.1", process.port("web"))) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        yield client


# --- Response flags and misbehaving upstreams, all through one Baton.

# path: (steps of the server, status, flags, details, part of the body)
ANSWERS = {
    "close": ([Close()], 503, "UC", "upstream_reset_before_response_started{connection_termination}",
              b"upstream connect error or disconnect/reset before headers. reset reason: connection termination"),
    "reset": ([Reset()], 503, "UC", "upstream_reset_before_response_started{connection_termination}",
              b"reset reason: connection termination"),
    "half-a-head": ([Close(b"HTTP/1.1 200 OK\r\nx: ")], 503, "UC",
                    "upstream_reset_before_response_started{connection_termination}", b"connection termination"),
    "half-a-line": ([Close(b"HT")], 503, "UC", "upstream_reset_before_response_started{connection_termination}",
                    b"connection termination"),
    "garbage": ([b"garbage\r\n\r\n"], 502, "UPE", "upstream_reset_before_response_started{protocol_error",
                b"protocol error"),
    "http2-preface": ([b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"], 502, "UPE",
                      "upstream_reset_before_response_started{protocol_error", b"protocol error"),
    "large-head": ([response(200, x_large="x" * 70_000)], 502, "UPE",
                   "upstream_reset_before_response_started{protocol_error", b"protocol error"),
    "many-fields": ([response(200, **{f"x-{i}": "x" for i in range(120)})], 502, "UPE",
                    "upstream_reset_before_response_started{protocol_error", b"protocol error"),
    "hang": ([Hang()], 504, "UT", "response_timeout", b"upstream request timeout"),
    "surplus": ([response(200, b"good") + b"surplus"], 200, "-", "via_upstream", b"good"),
    "http10": ([Close(b"HTTP/1.0 200 OK\r\n\r\nold")], 200, "-", "via_upstream", b"old"),
    "answers-and-closes": ([Close(response(200, b"bye", connection="close"))], 200, "-", "via_upstream", b"bye"),
    "answers-and-resets": ([Close(response(200, b"bye"))], 200, "-", "via_upstream", b"bye"),
}
# path: (route or direct answer, status, flags, details)
OTHERS = {
    "refused": ({"cluster": "refused"}, 503, "UF", "upstream_reset_before_response_started{remote_connection_failure"),
    "silent": ({"cluster": "silent"}, 503, "UF", "upstream_reset_before_response_started{connection_timeout"),
    "empty": ({"cluster": "empty"}, 503, "UH", "no_healthy_upstream"),
    "full": ({"cluster": "full"}, 503, "UO", "upstream_reset_before_response_started{overflow}"),
    "unknown": ({"cluster_header": "x-cluster"}, 503, "NC", "cluster_not_found"),
    "idle": ({"cluster": "web", "idle_timeout": "0.2s"}, 504, "SI", "stream_idle_timeout"),
    "duration": ({"cluster": "web", "max_stream_duration": {"max_stream_duration": "0.2s"}}, 504, "DT",
                 "max_duration_timeout"),
}


def json_log(path):
    return {"name": "log", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": str(path),
        "log_format": {"json_format": {
            "path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%",
            "details": "%RESPONSE_CODE_DETAILS%", "cluster": "%UPSTREAM_CLUSTER%", "host": "%UPSTREAM_HOST%",
            "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%"}}}}


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bad")
    server = ScriptedServer()
    routes = []
    for name, (steps, *_) in ANSWERS.items():
        server.script[f"/{name}"] = steps
        routes.append({"match": {"path": f"/{name}"},
                       "route": {"cluster": "web", "timeout": "1s" if name == "hang" else "15s"}})
    for name in ("idle", "duration", "gone", "cut", "cut-chunk", "reset-in-body"):
        server.script[f"/{name}"] = [Hang()]
    server.script["/cut"] = [Close(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345")]
    server.script["/cut-chunk"] = [Close(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n")]
    server.script["/reset-in-body"] = [Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345")]
    for name, (route, *_) in OTHERS.items():
        routes.append({"match": {"path": f"/{name}"}, "route": route})
    for name in ("cut", "cut-chunk", "reset-in-body", "gone"):
        routes.append({"match": {"path": f"/{name}"}, "route": {"cluster": "web"}})
    limited = [{"name": "envoy.filters.http.local_ratelimit", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "limit", "token_bucket": {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "3600s"},
        "filter_enabled": {"default_value": {"numerator": 100}},
        "filter_enforced": {"default_value": {"numerator": 100}}}}]
    health = [{"name": "envoy.filters.http.health_check", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck",
        "pass_through_mode": False, "headers": [{"name": ":path", "string_match": {"exact": "/health"}}]}}]
    logged = {"access_log": [json_log(directory / "access.log")]}
    with silent_port() as silent:
        one = http_options({"max_requests_per_connection": 1})
        clusters = [cluster("web", server.port, typed_extension_protocol_options=one),
                    cluster("refused", free_port()), cluster("silent", silent, connect_timeout="0.2s"),
                    cluster("empty"),
                    cluster("full", server.port, circuit_breakers={"thresholds": [{"max_pending_requests": 0}]})]
        process = Baton(directory, bootstrap(
            [listener("web", http_filter(routes, health, **logged)),
             listener("limited", http_filter(forward_all("web"), limited, **logged))], clusters),
            "--file-flush-interval-msec", 10)
        process.server = server
        process.access_log = directory / "access.log"
        with process.ready(server):
            yield process


def logged(process, path, last=False):
    def entry():
        text = process.access_log.read_text() if process.access_log.exists() else ""
        found = [line for line in map(json.loads, text.splitlines()) if line["path"] == path]
        return found[-1 if last else 0] if found else None
    return wait_for(entry, f"the log entry of {path}")


@pytest.mark.parametrize("name", ANSWERS)
def test_a_bad_answer_has_its_status_flags_and_details(bad, name):
    _, status, flags, details, body = ANSWERS[name]
    answer = request(bad.port("web"), f"/{name}")
    assert answer.status == status
    assert body in answer.body
    entry = logged(bad, f"/{name}")
    assert (entry["code"], entry["flags"] or "-") == (status, flags)
    assert entry["details"].startswith(details)


@pytest.mark.parametrize("name", OTHERS)
def test_a_request_without_an_answer_has_its_status_flags_and_details(bad, name):
    _, status, flags, details = OTHERS[name]
    answer = request(bad.port("web"), f"/{name}", headers={"x-cluster": "nowhere"})
    assert answer.status == status
    assert (answer.headers.get("x-envoy-overloaded") == "true") == (name == "full")
    entry = logged(bad, f"/{name}")
    assert sorted((entry["flags"] or "-").split(",")) == sorted(flags.split(","))
    assert entry["details"].startswith(details)


def test_no_route_is_nr(bad):
    assert request(bad.port("web"), "/nowhere").status == 404
    assert logged(bad, "/nowhere")["flags"] == "NR"


def test_a_rate_limited_request_is_rl(bad):
    assert request(bad.port("limited"), "/limited").status == 200
    assert request(bad.port("limited"), "/limited").status == 429
    wait_for(lambda: logged(bad, "/limited", last=True)["flags"] == "RL", "the flag")


def test_a_health_check_of_a_server_that_is_told_to_fail_is_lh(bad):
    assert request(bad.port("web"), "/health").status == 200
    bad.admin("/healthcheck/fail", "POST")
    assert request(bad.port("web"), "/health").status == 503
    bad.admin("/healthcheck/ok", "POST")
    wait_for(lambda: logged(bad, "/health", last=True)["flags"] == "LH", "the flag")


def test_a_client_that_goes_is_dc_and_its_upstream_request_is_given_up(bad):
    with aborted_client(bad) as client:
        client.sendall(b"GET /gone HTTP/1.1\r\nhost: a\r\n\r\n")
        wait_for(lambda: bad.server.tries("/gone"), "the request upstream")
    assert "DC" in logged(bad, "/gone")["flags"]
    wait_for(lambda: "/gone" in bad.server.given_up, "the upstream connection to end")


@pytest.mark.parametrize("name", ["cut", "cut-chunk", "reset-in-body"])
def test_a_body_that_is_cut_short_reaches_the_client_cut_short(bad, name):
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        request(bad.port("web"), f"/{name}")
    entry = logged(bad, f"/{name}")
    assert entry["code"] == 200
    assert entry["flags"] == "UC"


def test_a_failed_connection_says_why(bad):
    request(bad.port("web"), "/refused")
    entry = logged(bad, "/refused")
    assert entry["cluster"] == "refused"
    assert entry["host"].startswith("127.0.0.1:")
    stats = bad.stats("cluster.")
    assert stats["cluster.refused.upstream_cx_connect_fail"] > 0
    request(bad.port("web"), "/silent")
    wait_for(lambda: bad.stat("cluster.silent.upstream_cx_connect_timeout") > 0, "the timeout")


# --- Reuse of connections.

class ClosesBeforeSecond:
    """Answers the first request of a connection; ends the connection when it sees the second."""

    def __init__(self):
        self.connections = 0
        self.requests = []

    def __call__(self, connection):
        self.connections += 1
        for turn in range(2):
            data = b""
            while b"\r\n\r\n" not in data:
                part = connection.recv(65536)
                if not part:
                    return
                data += part
            self.requests.append(data)
            if turn == 1 and self.connections == 1:
                return
            connection.sendall(response(200, b"good"))


@pytest.mark.parametrize("method,status", [("GET", 200), ("HEAD", 200), ("PUT", 200), ("DELETE", 200), ("POST", 503)])
def test_a_request_on_a_connection_that_just_closed_is_sent_again_when_that_is_safe(baton, tcp_server, method, status):
    upstream = ClosesBeforeSecond()
    process = baton(config(cluster("web", tcp_server(upstream))))
    assert request(process.port("web")).status == 200
    body = b"b" if method in ("PUT", "POST") else None
    assert request(process.port("web"), method=method, body=body).status == status
    assert len(upstream.requests) == (3 if status == 200 else 2)
    assert process.stat("cluster.web.upstream_rq_retry") == 0


def test_a_connection_serves_as_many_requests_as_configured(baton, scripted):
    server = scripted()
    process = baton(config(cluster("web", server.port, typed_extension_protocol_options=http_options(
        {"max_requests_per_connection": 3}))))
    for _ in range(7):
        assert request(process.port("web")).status == 200
    assert [number for number, *_ in server.seen["/"]] == [1, 1, 1, 2, 2, 2, 3]
    assert process.stat("cluster.web.upstream_cx_max_requests") == 2


def test_an_idle_connection_ends_after_its_time(baton, scripted):
    server = scripted()
    process = baton(config(cluster("web", server.port, typed_extension_protocol_options=http_options(
        {"idle_timeout": "0.1s"}))))
    assert request(process.port("web")).status == 200
    wait_for(lambda: process.stat("cluster.web.upstream_cx_idle_timeout") == 1, "the idle timeout")
    assert process.stat("cluster.web.upstream_cx_active") == 0
    assert request(process.port("web")).status == 200
    assert server.connections == 2


def test_an_old_connection_is_not_used_again(baton, scripted):
    server = scripted()
    process = baton(config(cluster("web", server.port, typed_extension_protocol_options=http_options(
        {"max_connection_duration": "0.05s"}))))

    def two_connections():
        assert request(process.port("web")).status == 200
        return server.connections > 1
    wait_for(two_connections, "a second connection")
    assert process.stat("cluster.web.upstream_cx_max_duration_reached") > 0


def test_surplus_bytes_end_the_connection_and_are_no_answer_to_anybody(baton, scripted):
    server = scripted()
    server.script["/"] = [response(200, b"one") + response(200, b"smuggled"), response(200, b"two")]
    process = baton(config(cluster("web", server.port)))
    assert request(process.port("web")).body == b"one"
    assert request(process.port("web")).body == b"two"
    assert [number for number, *_ in server.seen["/"]] == [1, 2]


def test_an_answer_byte_by_byte_arrives(baton, tcp_server):
    def slow(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.recv(65536)
        for byte in response(200, b"slow", x_a="b"):
            connection.sendall(bytes([byte]))
            time.sleep(0.001)
    process = baton(config(cluster("web", tcp_server(slow))))
    answer = request(process.port("web"))
    assert (answer.status, answer.body, answer.headers["x-a"]) == (200, b"slow", "b")


# --- Endpoints.

@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_an_endpoint_may_be_a_unix_socket(baton, scripted, tmp_path, kind):
    name = str(tmp_path / "web.sock") if kind == "path" else f"@baton-{os.getpid()}-{time.monotonic_ns()}"
    server = scripted(path=name.replace("@", "\0"))
    web = cluster("web")
    web["load_assignment"]["endpoints"] = [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": name}}}}]}]
    process = baton(config(web))
    assert request(process.port("web")).status == 200
    assert server.tries("/") == 1
    assert name in process.admin("/clusters")


def spread(process, times, **options):
    """How many of some requests each server answered."""
    counts = collections.Counter()
    connection = http.client.HTTPConnection("127.0.0.1", process.port("web"), timeout=DEADLINE)
    for i in range(times):
        connection.request("GET", "/", headers=options.get("headers", lambda _: {})(i))
        counts[json.loads(connection.getresponse().read())["server"]] += 1
    connection.close()
    return counts


@pytest.fixture
def named():
    servers = []

    def start(*names):
        for name in names:
            servers.append(ThreadingServer(type("Handler", (Echo,), {"server_name": name})))
        return [server.server_address[1] for server in servers[-len(names):]]

    yield start
    for server in servers:
        server.end()


def endpoints(*ports, **fields):
    return {"lb_endpoints": [{"endpoint": {"address": address(port)}} for port in ports], **fields}


def with_endpoints(*groups, **fields):
    made = cluster("web", **fields)
    made["load_assignment"]["endpoints"] = list(groups)
    return made


@pytest.mark.parametrize("policy,weighted", [("ROUND_ROBIN", True), ("LEAST_REQUEST", True), ("RANDOM", False),
                                             ("RING_HASH", True), ("MAGLEV", True)])
def test_endpoints_get_their_share(baton, named, policy, weighted):
    ports = named("one", "two", "three")
    made = with_endpoints(endpoints(*ports), lb_policy=policy)
    for endpoint, weight in zip(made["load_assignment"]["endpoints"][0]["lb_endpoints"], (1, 2, 3)):
        endpoint["load_balancing_weight"] = weight
    by_hash = {"hash_policy": [{"header": {"header_name": "x-key"}}]} if policy in ("RING_HASH", "MAGLEV") else {}
    process = baton(config(made, **by_hash))
    counts = spread(process, 240, headers=lambda i: {"x-key": f"key-{i}"})
    wanted = {"one": 40, "two": 80, "three": 120} if weighted else dict.fromkeys(("one", "two", "three"), 80)
    if policy == "ROUND_ROBIN":
        assert all(abs(counts[name] - wanted[name]) <= 3 for name in wanted), counts
    else:
        # Far from what a fair choice may be off by chance, and a ring of 1024 points by its nature.
        assert all(abs(counts[name] - wanted[name]) < 50 for name in wanted), counts


@pytest.mark.parametrize("policy", ["RING_HASH", "MAGLEV"])
def test_one_key_stays_with_one_endpoint_and_most_keys_stay_when_an_endpoint_is_added(baton, named, policy):
    ports = named("one", "two", "three", "four")
    by_hash = {"hash_policy": [{"header": {"header_name": "x-key"}}]}
    chosen = []
    for count in (3, 4):
        process = baton(config(with_endpoints(endpoints(*ports[:count]), lb_policy=policy), **by_hash))
        connection = http.client.HTTPConnection("127.0.0.1", process.port("web"), timeout=DEADLINE)
        answers = {}
        for i in range(120):
            connection.request("GET", "/", headers={"x-key": str(i % 60)})
            server = json.loads(connection.getresponse().read())["server"]
            assert answers.setdefault(i % 60, server) == server
        connection.close()
        chosen.append(answers)
    moved = [key for key in chosen[0] if chosen[0][key] != chosen[1][key]]
    assert 1 < len(moved) < 45


def test_least_request_avoids_a_busy_endpoint(baton, scripted):
    busy, free = scripted(), scripted()
    busy.script["/slow"] = free.script["/slow"] = [Hang()]
    process = baton(config(cluster("web", busy.port, free.port, lb_policy="LEAST_REQUEST")))
    with contextlib.ExitStack() as clients:
        held = 0
        while busy.tries("/slow") == 0:
            client = clients.enter_context(aborted_client(process))
            client.sendall(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
            held += 1
            wait_for(lambda: busy.tries("/slow") + free.tries("/slow") == held, "the request upstream")
            if busy.tries("/slow") == 0 and held > 20:
                break
        # Now one has more requests under way than the other; of two choices the other one wins, unless both fall on it.
        for _ in range(40):
            assert request(process.port("web"), "/quick").status == 200
        quick = {"busy": busy.tries("/quick"), "free": free.tries("/quick")}
        slow = {"busy": busy.tries("/slow"), "free": free.tries("/slow")}
        if slow["busy"] != slow["free"]:
            less = min(slow, key=slow.get)
            more = max(slow, key=slow.get)
            assert quick[less] > quick[more]


def test_a_lower_priority_is_used_when_the_higher_one_has_no_healthy_endpoint(baton, named):
    ports = named("first", "second")
    web = with_endpoints(endpoints(ports[0]), endpoints(ports[1], priority=1))
    process = baton(config(web))
    assert set(spread(process, 20)) == {"first"}
    web["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["health_status"] = "UNHEALTHY"
    process = baton(config(web))
    assert set(spread(process, 20)) == {"second"}
    assert process.stat("cluster.web.membership_healthy") == 1


def test_a_priority_that_is_half_healthy_shares_by_its_overprovisioning_factor(baton, named):
    ports = named("first", "first-bad", "second")
    web = with_endpoints(endpoints(*ports[:2]), endpoints(ports[2], priority=1))
    web["load_assignment"]["endpoints"][0]["lb_endpoints"][1]["health_status"] = "UNHEALTHY"
    counts = spread(baton(config(web)), 200)
    assert set(counts) == {"first", "second"}
    assert 105 < counts["first"] < 175  # 50 % healthy times 1.4 is 70 %
    web["load_assignment"]["policy"] = {"overprovisioning_factor": 100}
    counts = spread(baton(config(web)), 200)
    assert 60 < counts["first"] < 140


def test_all_endpoints_are_used_in_a_panic_unless_it_is_off(baton, named):
    ports = named("good", "bad-1", "bad-2")
    web = with_endpoints(endpoints(*ports))
    for endpoint in web["load_assignment"]["endpoints"][0]["lb_endpoints"][1:]:
        endpoint["health_status"] = "UNHEALTHY"
    process = baton(config(web))
    assert set(spread(process, 30)) == {"good", "bad-1", "bad-2"}
    assert process.stat("cluster.web.lb_healthy_panic") > 0
    web["common_lb_config"] = {"healthy_panic_threshold": {"value": 0}}
    assert set(spread(baton(config(web)), 30)) == {"good"}


def test_a_degraded_endpoint_is_used_when_no_healthy_one_is_left(baton, named):
    ports = named("good", "degraded")
    web = with_endpoints(endpoints(*ports), common_lb_config={"healthy_panic_threshold": {"value": 0}})
    found = web["load_assignment"]["endpoints"][0]["lb_endpoints"]
    found[1]["health_status"] = "DEGRADED"
    process = baton(config(web))
    assert process.stat("cluster.web.membership_degraded") == 1
    found[0]["health_status"] = "UNHEALTHY"
    assert set(spread(baton(config(web)), 20)) == {"degraded"}


# --- Circuit breakers.

@contextlib.contextmanager
def held_request(process, server, path="/slow"):
    before = server.tries(path)
    with aborted_client(process) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
        wait_for(lambda: server.tries(path) > before, "the request upstream")
        yield


def test_max_requests_limits_requests_under_way(baton, scripted):
    server = scripted()
    server.script["/slow"] = [Hang()]
    process = baton(config(cluster("web", server.port, circuit_breakers={
        "thresholds": [{"max_requests": 1, "track_remaining": True}]})))
    breakers = "cluster.web.circuit_breakers.default."
    assert process.stat(f"{breakers}remaining_rq") == 1
    with held_request(process, server):
        answer = request(process.port("web"))
        assert (answer.status, answer.headers["x-envoy-overloaded"]) == (503, "true")
        assert b"overflow" in answer.body
        stats = process.stats("cluster.web.")
        assert stats[f"{breakers}rq_open"] == 1
        assert stats[f"{breakers}remaining_rq"] == 0
        assert stats["cluster.web.upstream_rq_pending_overflow"] == 1
        assert stats["cluster.web.upstream_rq_active"] == 1
    wait_for(lambda: process.stat("cluster.web.upstream_rq_active") == 0, "the request to end")
    assert request(process.port("web")).status == 200
    assert process.stat(f"{breakers}rq_open") == 0


def test_max_connections_makes_requests_wait_and_max_pending_requests_limits_those(baton, scripted):
    server = scripted()
    server.script["/slow"] = [Hang()]
    process = baton(config(cluster("web", server.port, circuit_breakers={
        "thresholds": [{"max_connections": 1, "max_pending_requests": 1}]})))
    breakers = "cluster.web.circuit_breakers.default."
    with held_request(process, server):
        waiting = threading.Thread(target=lambda: answers.append(request(process.port("web"), "/waits").status))
        answers = []
        waiting.start()
        wait_for(lambda: process.stat("cluster.web.upstream_rq_pending_active") == 1, "a request that waits")
        stats = process.stats("cluster.web.")
        assert stats[f"{breakers}cx_open"] == 1
        assert stats[f"{breakers}rq_pending_open"] == 1
        assert stats["cluster.web.upstream_cx_overflow"] >= 1
        assert request(process.port("web"), "/refused").status == 503
        assert process.stat("cluster.web.upstream_rq_pending_overflow") == 1
        assert server.tries("/refused") == 0
    waiting.join(DEADLINE)
    assert answers == [200]
    assert process.stat(f"{breakers}rq_pending_open") == 0


def test_each_priority_has_its_own_limits(baton, scripted):
    server = scripted()
    routes = [{"match": {"prefix": "/high"}, "route": {"cluster": "web", "priority": "HIGH"}}, *forward_all("web")]
    web = cluster("web", server.port, circuit_breakers={
        "thresholds": [{"priority": "HIGH", "max_pending_requests": 0}]})
    process = baton(bootstrap([listener("web", http_filter(routes))], [web]))
    assert request(process.port("web"), "/high").status == 503
    assert request(process.port("web"), "/low").status == 200
    assert process.stat("cluster.web.circuit_breakers.high.rq_pending_open") == 1
    assert process.stat("cluster.web.circuit_breakers.default.rq_pending_open") == 0


# --- Sockets.

def test_connections_come_from_the_configured_address(baton, tcp_server):
    peers = []

    def serve(connection):
        peers.append(connection.getpeername()[0])
        connection.recv(65536)
        connection.sendall(response())
    web = cluster("web", tcp_server(serve),
                  upstream_bind_config={"source_address": {"address": "127.0.0.9", "port_value": 0}})
    process = baton(config(web))
    assert request(process.port("web")).status == 200
    assert peers == ["127.0.0.9"]


def test_an_address_that_is_not_ours_is_a_failed_connection_and_counts(baton, scripted):
    server = scripted()
    web = cluster("web", server.port,
                  upstream_bind_config={"source_address": {"address": "192.0.2.1", "port_value": 0}})
    process = baton(config(web))
    assert request(process.port("web")).status == 503
    assert process.stat("cluster.web.bind_errors") == 1


def test_keepalive_is_set_on_connections(baton, scripted):
    server = scripted()
    web = cluster("web", server.port, upstream_connection_options={"tcp_keepalive": {
        "keepalive_time": 77, "keepalive_interval": 7, "keepalive_probes": 3}})
    process = baton(config(web))
    assert request(process.port("web")).status == 200
    output = subprocess.run(["ss", "-tno", f"dport = {server.port}"], capture_output=True, text=True, timeout=DEADLINE)
    with_keepalive = [line for line in output.stdout.splitlines() if "keepalive" in line]
    assert with_keepalive, output.stdout


@pytest.mark.parametrize("head,kept", [
    (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n", False),
    (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n", True),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n", False),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: x-y, CLOSE\r\n", False),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", True)])
def test_a_connection_is_used_again_only_when_the_server_means_to_keep_it(baton, scripted, head, kept):
    server = scripted()
    server.script["/"] = [head + b"\r\nok"]
    process = baton(config(cluster("web", server.port)))
    for _ in range(3):
        answer = request(process.port("web"))
        assert (answer.status, answer.body) == (200, b"ok")
        assert "connection" not in answer.headers
    assert server.connections == (1 if kept else 3)


def test_an_early_answer_ends_both_connections_and_the_next_request_gets_new_ones(baton, tcp_server):
    released = threading.Event()

    def early(connection):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        if head.startswith(b"GET"):
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        else:
            connection.sendall(b"HTTP/1.1 413 X\r\ncontent-length: 2\r\n\r\nno")
        released.wait(60)

    process = baton(config(cluster("web", tcp_server(early))))
    try:
        with socket.create_connection(("127.0.0.1", process.port("web"))) as client:
            # The rest of the body never comes: what is left of this request must not be taken for the next one.
            client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n")
            answer = b""
            while part := client.recv(65536):
                answer += part
        assert answer.startswith(b"HTTP/1.1 413 ") and answer.endswith(b"\r\n\r\nno")
        assert answer.count(b"HTTP/1.1") == 1
        assert request(process.port("web")).body == b"ok"
        stats = process.stats()
        assert stats["cluster.web.upstream_cx_total"] == 2
        assert stats["http.test.downstream_rq_response_before_rq_complete"] == 1
    finally:
        released.set()
