"""When a request is sent again, and what it says when it is not: one Baton, a route for each case."""
import socket
import struct
import threading
import time

import pytest
from conftest import H2, Baton, bootstrap, cluster, free_port, http_filter, listener, request, wait_for
from scripted_server import Close, Hang, Reset, ScriptedServer, response, scripted  # noqa: F401

GRPC = {"content_type": "application/grpc"}
NO_BACK_OFF = {"base_interval": "0.001s", "max_interval": "0.001s"}
BAD = response(500)
GOOD = response(200, b"good")


def policy(on, **fields):
    return {"retry_on": on, "retry_back_off": NO_BACK_OFF, **fields}


# name: (retry policy of the route or None, request headers, steps of the server, status, tries, response flags)
CASES = {
    "none": (None, {}, [BAD, GOOD], 500, 1, "-"),
    "5xx": (policy("5xx"), {}, [BAD, GOOD], 200, 2, "-"),
    "5xx-not-404": (policy("5xx"), {}, [response(404), GOOD], 404, 1, "-"),
    "5xx-reset": (policy("5xx"), {}, [Reset(), GOOD], 200, 2, "-"),
    "5xx-close": (policy("5xx"), {}, [Close(), GOOD], 200, 2, "-"),
    "5xx-garbage": (policy("5xx"), {}, [b"garbage\r\n\r\n", GOOD], 200, 2, "-"),
    "5xx-limit": (policy("5xx"), {}, [BAD], 500, 2, "URX"),
    "5xx-limit-3": (policy("5xx", num_retries=3), {}, [BAD], 500, 4, "URX"),
    "5xx-limit-close": (policy("5xx", num_retries=2), {}, [Close()], 503, 3, "UC,URX"),
    "5xx-overloaded": (policy("5xx"), {}, [response(503, x_envoy_overloaded="true"), GOOD], 503, 1, "-"),
    "5xx-zero": (policy("5xx", num_retries=0), {}, [BAD, GOOD], 500, 1, "URX"),
    "gateway-error": (policy("gateway-error"), {}, [response(502), GOOD], 200, 2, "-"),
    "gateway-503": (policy("gateway-error"), {}, [response(503), GOOD], 200, 2, "-"),
    "gateway-504": (policy("gateway-error"), {}, [response(504), GOOD], 200, 2, "-"),
    "gateway-not-500": (policy("gateway-error"), {}, [BAD, GOOD], 500, 1, "-"),
    "gateway-close": (policy("gateway-error"), {}, [Close(), GOOD], 200, 2, "-"),
    "reset": (policy("reset"), {}, [Reset(), GOOD], 200, 2, "-"),
    "reset-not-500": (policy("reset"), {}, [BAD, GOOD], 500, 1, "-"),
    "reset-before-request-is-not-after": (policy("reset-before-request"), {}, [Close(), GOOD], 503, 1, "UC"),
    "reset-in-head": (policy("reset"), {}, [Close(b"HTTP/1.1 200 OK\r\nx: "), GOOD], 200, 2, "-"),
    "not-after-head": (policy("reset"), {}, [Close(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"), GOOD], 200, 1,
                       "UC"),
    "connect-failure-not-close": (policy("connect-failure"), {}, [Close(), GOOD], 503, 1, "UC"),
    "retriable-4xx": (policy("retriable-4xx"), {}, [response(409), GOOD], 200, 2, "-"),
    "retriable-4xx-not-404": (policy("retriable-4xx"), {}, [response(404), GOOD], 404, 1, "-"),
    "codes": (policy("retriable-status-codes", retriable_status_codes=[404, 418]), {}, [response(418), GOOD], 200, 2,
              "-"),
    "codes-not-others": (policy("retriable-status-codes", retriable_status_codes=[404]), {}, [BAD, GOOD], 500, 1, "-"),
    "codes-without-condition": (policy("reset", retriable_status_codes=[404]), {}, [response(404), GOOD], 404, 1, "-"),
    "headers": (policy("retriable-headers",
                       retriable_headers=[{"name": "x-again", "string_match": {"exact": "yes"}}]), {},
                [response(200, x_again="yes"), GOOD], 200, 2, "-"),
    "headers-not-others": (policy("retriable-headers",
                                  retriable_headers=[{"name": "x-again", "string_match": {"exact": "yes"}}]), {},
                           [response(418, x_again="no"), GOOD], 418, 1, "-"),
    "request-headers": (policy("5xx", retriable_request_headers=[{"name": "x-may", "present_match": True}]),
                        {"x-may": "1"}, [BAD, GOOD], 200, 2, "-"),
    "request-headers-absent": (policy("5xx", retriable_request_headers=[{"name": "x-may", "present_match": True}]),
                               {}, [BAD, GOOD], 500, 1, "-"),
    "ratelimited": (policy("envoy-ratelimited"), {}, [response(429, x_envoy_ratelimited="true"), GOOD], 200, 2, "-"),
    "5xx-not-ratelimited": (policy("5xx"), {}, [response(503, x_envoy_ratelimited="true"), GOOD], 503, 1, "-"),
    "grpc-cancelled": (policy("cancelled"), {}, [response(200, grpc_status=1, **GRPC), GOOD], 200, 2, "-"),
    "grpc-deadline": (policy("deadline-exceeded"), {}, [response(200, grpc_status=4, **GRPC), GOOD], 200, 2, "-"),
    "grpc-exhausted": (policy("resource-exhausted"), {}, [response(200, grpc_status=8, **GRPC), GOOD], 200, 2, "-"),
    "grpc-internal": (policy("internal"), {}, [response(200, grpc_status=13, **GRPC), GOOD], 200, 2, "-"),
    "grpc-unavailable": (policy("unavailable"), {}, [response(200, grpc_status=14, **GRPC), GOOD], 200, 2, "-"),
    "grpc-unavailable-not-ok": (policy("unavailable"), {}, [response(200, grpc_status=0, **GRPC), GOOD], 200, 1, "-"),
    "by-header": (None, {"x-envoy-retry-on": "5xx"}, [BAD, GOOD], 200, 2, "-"),
    "by-header-more": (None, {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3"}, [BAD], 500, 4, "URX"),
    "by-header-codes": (None, {"x-envoy-retry-on": "retriable-status-codes",
                               "x-envoy-retriable-status-codes": "403,404"}, [response(404), GOOD], 200, 2, "-"),
    "by-header-names": (None, {"x-envoy-retry-on": "retriable-headers",
                               "x-envoy-retriable-header-names": "x-a,X-Again"},
                        [response(200, x_again="1"), GOOD], 200, 2, "-"),
    "by-grpc-header": (None, {"x-envoy-retry-grpc-on": "unavailable"}, [response(200, grpc_status=14, **GRPC), GOOD],
                       200, 2, "-"),
    "by-header-unknown-words": (None, {"x-envoy-retry-on": "503,frobnicate, 5xx ,,gateway_error"}, [BAD, GOOD], 200, 2,
                                "-"),
    "by-header-only-unknown-words": (None, {"x-envoy-retry-on": "503,500,5XX,all", "x-envoy-retry-grpc-on": "14,maybe"},
                                     [BAD, GOOD], 500, 1, "-"),
    "by-header-codes-among-words": (None, {"x-envoy-retry-on": "retriable-status-codes",
                                           "x-envoy-retriable-status-codes": "many,,-1,404"}, [response(404), GOOD],
                                    200, 2, "-"),
    "by-header-number-that-is-none": (policy("5xx"), {"x-envoy-max-retries": "many"}, [BAD], 500, 2, "URX"),
    "unknown-word": (policy("frobnicate,503,5xx"), {}, [BAD, GOOD], 200, 2, "-"),
    "only-unknown-words": (policy("frobnicate,503"), {}, [BAD, GOOD], 500, 1, "-"),
    "header-wins-over-number": (policy("5xx", num_retries=5), {"x-envoy-max-retries": "1"}, [BAD], 500, 2, "URX"),
    "per-try": (policy("5xx", per_try_timeout="0.2s"), {}, [Hang(), GOOD], 200, 2, "-"),
    "per-try-limit": (policy("5xx", per_try_timeout="0.1s"), {}, [Hang()], 504, 2, "UT,URX"),
    "per-try-reset": (policy("reset", per_try_timeout="0.1s"), {}, [Hang(), GOOD], 200, 2, "-"),
    "per-try-not-retried": (policy("connect-failure", per_try_timeout="0.1s"), {}, [Hang(), GOOD], 504, 1, "UT"),
    "per-try-by-header": (policy("5xx"), {"x-envoy-upstream-rq-per-try-timeout-ms": "100"}, [Hang(), GOOD], 200, 2,
                          "-"),
    "per-try-idle": (policy("5xx", per_try_idle_timeout="0.1s"), {}, [Hang(), GOOD], 200, 2, "-"),
    "timeout-not-retried": (policy("5xx"), {"x-envoy-upstream-rq-timeout-ms": "100"}, [Hang(), GOOD], 504, 1, "UT"),
    "stream-duration-by-header": (None, {"x-envoy-upstream-stream-duration-ms": "100"}, [Hang(), GOOD], 504, 1, "UMSDR"),
    "stream-duration-of-none": (None, {"x-envoy-upstream-stream-duration-ms": "0"}, [GOOD], 200, 1, "-"),
    "stream-duration-that-is-none": (None, {"x-envoy-upstream-stream-duration-ms": "soon"}, [GOOD], 200, 1, "-"),
    "both": (policy("reset,retriable-4xx"), {}, [response(409), GOOD], 200, 2, "-"),
}


@pytest.fixture(scope="module")
def retries(tmp_path_factory):
    directory = tmp_path_factory.mktemp("retries")
    server = ScriptedServer()
    routes = []
    for name, (retry, _, steps, *_) in CASES.items():
        server.script[f"/{name}"] = steps
        routes.append({"match": {"path": f"/{name}"},
                       "route": {"cluster": "web", **({"retry_policy": retry} if retry else {})}})
    for name, steps in (("body", [BAD, GOOD]), ("large", [BAD, GOOD])):
        server.script[f"/{name}"] = steps
        routes.append({"match": {"path": f"/{name}"}, "route": {"cluster": "web", "retry_policy": policy("5xx")}})
    log = {"name": "log", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(directory / "access.log"),
        "log_format": {"text_format_source": {"inline_string":
            "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n"}}}}
    # What headers ask for counts for internal requests only.
    internal = {"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]}
    manager = http_filter(routes, access_log=[log], internal_address_config=internal)
    manager["typed_config"]["route_config"]["virtual_hosts"][0]["include_attempt_count_in_response"] = True
    # A connection for each try: a request that fails on a used one may be sent again without any policy.
    one = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"max_requests_per_connection": 1},
        "explicit_http_config": {"http_protocol_options": {}}}}
    web = cluster("web", server.port, typed_extension_protocol_options=one,
                  circuit_breakers={"thresholds": [{"max_retries": 1000}]})
    process = Baton(directory, bootstrap([listener("web", manager)], [web]), "--file-flush-interval-msec", 10)
    process.server = server
    process.access_log = directory / "access.log"
    with process.ready(server):
        yield process


def logged(process, path):
    def line():
        text = process.access_log.read_text() if process.access_log.exists() else ""
        return next((entry.split() for entry in text.splitlines() if entry.startswith(f"{path} ")), None)
    return wait_for(line, f"the log line of {path}")


@pytest.mark.parametrize("name", CASES)
def test_a_request_is_sent_again_as_its_policy_says(retries, name):
    _, headers, _, status, tries, flags = CASES[name]
    if name == "not-after-head":
        with pytest.raises(Exception):
            request(retries.port("web"), f"/{name}", headers=headers)
    else:
        answer = request(retries.port("web"), f"/{name}", headers=headers)
        assert (answer.status, retries.server.tries(f"/{name}")) == (status, tries)
        assert answer.headers["x-envoy-attempt-count"] == str(tries)
    assert retries.server.tries(f"/{name}") == tries
    _, code, seen_flags, attempts = logged(retries, f"/{name}")
    assert (int(code), int(attempts)) == (status, tries)
    assert sorted(seen_flags.split(",")) == sorted(flags.split(","))
    for _, head, _ in retries.server.seen[f"/{name}"]:
        assert "x-envoy-retry" not in head and "x-envoy-max-retries" not in head
        assert "x-envoy-upstream" not in head


def test_a_body_is_sent_again_whole(retries):
    answer = request(retries.port("web"), "/body", method="POST", body=b"b" * 20000)
    assert (answer.status, answer.body) == (200, b"good")
    assert [len(body) for _, _, body in retries.server.seen["/body"]] == [20000, 20000]


def test_a_body_that_does_not_fit_the_buffer_is_sent_once(retries):
    answer = request(retries.port("web"), "/large", method="POST", body=b"b" * 1_000_000)
    assert answer.status == 500
    assert [len(body) for _, _, body in retries.server.seen["/large"]] == [1_000_000]


def test_a_try_that_took_too_long_is_given_up(retries):
    wait_for(lambda: "/per-try" in retries.server.given_up or retries.server.tries("/per-try") == 0, "the end of a try")


def one_route(*clusters, **route):
    return bootstrap([listener("web", http_filter([{"match": {"prefix": "/"}, "route": {"cluster": "web", **route}}]))],
                     clusters)


def test_a_connection_that_is_refused_is_tried_elsewhere(baton, scripted):
    server = scripted()
    web = cluster("web", free_port(), server.port)
    process = baton(one_route(web, retry_policy=policy("connect-failure", num_retries=10)))
    assert {request(process.port("web")).status for _ in range(8)} == {200}
    stats = process.stats("cluster.web.")
    assert stats["cluster.web.upstream_cx_connect_fail"] > 0
    assert stats["cluster.web.upstream_rq_retry"] == stats["cluster.web.upstream_rq_retry_success"] > 0


def test_a_retry_passes_over_hosts_that_were_tried(baton, scripted):
    bad, good = scripted(), scripted()
    bad.script["/"] = [BAD]
    predicate = {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"}}
    web = cluster("web", bad.port, good.port, lb_policy="RANDOM")
    process = baton(one_route(web, retry_policy=policy("5xx", retry_host_predicate=[predicate],
                                                       host_selection_retry_max_attempts=100)))
    assert {request(process.port("web")).status for _ in range(40)} == {200}
    assert bad.tries("/") > 0


def test_retries_are_limited_by_the_circuit_breaker(baton, scripted):
    server = scripted()
    server.script["/"] = [BAD]
    web = cluster("web", server.port, circuit_breakers={"thresholds": [{"max_retries": 0}]})
    process = baton(one_route(web, retry_policy=policy("5xx")))
    assert request(process.port("web")).status == 500
    assert server.tries("/") == 1
    assert process.stat("cluster.web.upstream_rq_retry_overflow") == 1
    assert process.stat("cluster.web.circuit_breakers.default.rq_retry_open") == 1


def test_a_body_that_is_still_coming_is_sent_again_with_what_came_meanwhile(baton, tcp_server):
    tries = []
    failed = threading.Event()

    def fail_once(connection):
        tries.append(b"")
        if len(tries) == 1:
            connection.recv(100)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            failed.set()
            return
        while not tries[1].endswith(b"the end"):
            tries[1] += connection.recv(65536)
        connection.sendall(GOOD)

    process = baton(one_route(cluster("web", tcp_server(fail_once)), retry_policy=policy("reset")))
    with socket.create_connection(("127.0.0.1", process.port("web"))) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10007\r\n\r\n" + b"a" * 5000)
        assert failed.wait(60)
        client.sendall(b"b" * 5000 + b"the end")
        answer = b""
        while part := client.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"good")
    assert tries[1].split(b"\r\n\r\n", 1)[1] == b"a" * 5000 + b"b" * 5000 + b"the end"
    assert process.stat("cluster.web.upstream_rq_retry_success") == 1


def test_a_body_that_outgrows_the_buffer_before_there_is_a_connection_is_sent_once(baton, scripted):
    server = scripted()
    server.script["/busy"], server.script["/large"] = [Hang()], [BAD]
    web = cluster("web", server.port, circuit_breakers={"thresholds": [{"max_connections": 1}]})
    process = baton(one_route(web, retry_policy=policy("5xx")))
    with socket.create_connection(("127.0.0.1", process.port("web"))) as busy:
        busy.sendall(b"GET /busy HTTP/1.1\r\nhost: x\r\n\r\n")
        wait_for(lambda: server.tries("/busy") == 1, "the only connection to be in use")
        answers = []
        client = threading.Thread(target=lambda: answers.append(
            request(process.port("web"), "/large", method="POST", body=b"b" * 2_000_000)))
        client.start()
        wait_for(lambda: process.stat("http.test.downstream_flow_control_paused_reading_total") > 0, "a full buffer")
    client.join()
    assert answers[0].status == 500
    assert [len(body) for _, _, body in server.seen["/large"]] == [2_000_000]
    stats = process.stats("cluster.web.")
    assert stats["cluster.web.retry_or_shadow_abandoned"] == 1
    assert stats["cluster.web.upstream_rq_retry"] == 0


def test_a_retry_budget_allows_its_minimum(baton, scripted):
    server = scripted()
    server.script["/"] = [BAD, GOOD]
    budget = {"budget_percent": {"value": 0}, "min_retry_concurrency": 1}
    web = cluster("web", server.port, circuit_breakers={"thresholds": [{"retry_budget": budget}]})
    process = baton(one_route(web, retry_policy=policy("5xx")))
    assert request(process.port("web")).status == 200
    assert process.stat("cluster.web.upstream_rq_retry_overflow") == 0


def test_a_refused_http2_stream_is_sent_again(baton, tcp_server):
    answered = threading.Event()

    def refuse_first(connection):
        """Speaks just enough HTTP/2: refuses the first stream, answers the second 204."""
        def frame(kind, flags, stream, payload=b""):
            return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
        connection.sendall(frame(4, 0, 0))
        data, streams = b"", 0
        while True:
            part = connection.recv(65536)
            if not part:
                return
            data += part
            if data.startswith(b"PRI"):
                if len(data) < 24:
                    continue
                data = data[24:]
            while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
                size = int.from_bytes(data[:3], "big")
                kind, flags, stream = data[3], data[4], int.from_bytes(data[5:9], "big")
                data = data[9 + size:]
                if kind == 4 and not flags & 1:
                    connection.sendall(frame(4, 1, 0))
                if kind == 1:
                    streams += 1
                    if streams == 1 and not answered.is_set():
                        answered.set()
                        connection.sendall(frame(3, 0, stream, (7).to_bytes(4, "big")))
                    else:
                        connection.sendall(frame(1, 5, stream, b"\x89"))

    web = cluster("web", tcp_server(refuse_first), typed_extension_protocol_options=H2)
    process = baton(one_route(web, retry_policy=policy("refused-stream")))
    assert request(process.port("web")).status == 204
    assert answered.is_set()


def test_back_off_grows_up_to_its_maximum(baton, scripted):
    server = scripted()
    server.script["/"] = [BAD]
    web = cluster("web", server.port)
    retry = {"retry_on": "5xx", "num_retries": 4, "retry_back_off": {"base_interval": "0.1s", "max_interval": "0.2s"}}
    process = baton(one_route(web, retry_policy=retry))
    assert request(process.port("web")).status == 500
    assert server.tries("/") == 5
    stats = process.stats("cluster.web.")
    assert stats["cluster.web.upstream_rq_retry_backoff_exponential"] == 4
    assert stats["cluster.web.upstream_rq_retry_limit_exceeded"] == 1
    assert stats["cluster.web.retry.upstream_rq_500"] == 4
    assert stats["cluster.web.upstream_rq_500"] == 1


def test_a_retry_waits_as_long_as_the_response_says(baton, scripted):
    server = scripted()
    server.script["/seconds"] = [response(429, x_reset="2"), GOOD]
    server.script["/moment"] = [response(429, x_reset="nonsense", x_moment=str(int(time.time()) + 2)), GOOD]
    for name, value in {"long": "60", "none": "soon", "zero": "0"}.items():
        server.script[f"/{name}"] = [response(429, x_reset=value), GOOD]
    wait = {"reset_headers": [{"name": "X-Reset", "format": "SECONDS"}, {"name": "X-Moment", "format": "UNIX_TIMESTAMP"}],
            "max_interval": "30s"}
    web = cluster("web", server.port)
    process = baton(one_route(web, retry_policy=policy("retriable-status-codes", retriable_status_codes=[429],
                                                       rate_limited_retry_back_off=wait)))

    def retried(path):
        before = process.stats("cluster.web.upstream_rq_retry_backoff")
        start = time.monotonic()
        assert request(process.port("web"), path).status == 200
        took = time.monotonic() - start
        after = process.stats("cluster.web.upstream_rq_retry_backoff")
        return took, [after[f"cluster.web.upstream_rq_retry_backoff_{kind}"] -
                      before[f"cluster.web.upstream_rq_retry_backoff_{kind}"] for kind in ("ratelimited", "exponential")]

    took, counts = retried("/seconds")
    assert took >= 2 and counts == [1, 0]
    server.script["/moment"][0] = response(429, x_reset="nonsense", x_moment=str(int(time.time()) + 5))
    took, counts = retried("/moment")
    assert took >= 1 and counts == [1, 0]
    # What is too long, or says nothing, leaves the policy's own back-off.
    for path in ("/long", "/none", "/zero"):
        assert retried(path)[1] == [0, 1]


def test_a_retry_passes_over_canaries(baton, scripted):
    canary, plain = scripted(), scripted()
    canary.script["/"] = [BAD]
    predicate = {"name": "envoy.retry_host_predicates.omit_canary_hosts", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate"}}
    web = cluster("web", canary.port, plain.port, lb_policy="RANDOM")
    web["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["metadata"] = {
        "filter_metadata": {"envoy.lb": {"canary": True}}}
    process = baton(one_route(web, retry_policy=policy("5xx", retry_host_predicate=[predicate],
                                                       host_selection_retry_max_attempts=100)))
    assert {request(process.port("web")).status for _ in range(40)} == {200}
    # First tries are not choosy.
    assert canary.tries("/") > 0
