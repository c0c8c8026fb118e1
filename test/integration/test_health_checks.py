"""Active health checks and outlier detection against upstreams that fail."""
import base64
import json
import threading

import pytest
from conftest import (DEADLINE, H2, bootstrap, cluster, forward_all, free_port, http_filter, listener, request,
                      wait_for)
from scripted_server import Close, Hang, Reset, response, scripted  # noqa: F401

FAST = {"timeout": "0.5s", "interval": "0.03s", "no_traffic_interval": "0.03s", "unhealthy_threshold": 1,
        "healthy_threshold": 1}
NO_PANIC = {"healthy_panic_threshold": {"value": 0}}


def checked(*ports, check=None, times=None, **fields):
    check = {"http_health_check": {"path": "/health"}} if check is None else check
    return cluster("web", *ports, health_checks=[{**FAST, **(times or {}), **check}], common_lb_config=NO_PANIC,
                   **fields)


def config(*clusters):
    return bootstrap([listener("web", http_filter(forward_all("web")))], clusters)


def flags(process):
    """The health flags of each endpoint's port."""
    found = {}
    for line in process.admin("/clusters").splitlines():
        parts = line.split("::")
        if len(parts) == 4 and parts[0] == "web" and parts[2] == "health_flags":
            found[int(parts[1].rsplit(":", 1)[1])] = parts[3]
    return found


def wait_flags(process, port, wanted):
    wait_for(lambda: flags(process)[port] == wanted, f"{wanted} of {port}")


def test_an_endpoint_that_fails_its_check_gets_no_requests_until_it_passes(baton, scripted):
    one, two = scripted(), scripted()
    process = baton(config(checked(one.port, two.port)))
    assert flags(process) == {one.port: "healthy", two.port: "healthy"}
    one.script["/health"] = [response(503)]
    wait_flags(process, one.port, "/failed_active_hc")
    stats = process.stats("cluster.web.")
    assert (stats["cluster.web.membership_healthy"], stats["cluster.web.membership_total"]) == (1, 2)
    assert stats["cluster.web.health_check.healthy"] == 1
    assert stats["cluster.web.health_check.failure"] > 0
    for _ in range(10):
        assert request(process.port("web")).status == 200
    assert one.tries("/") <= 0 and two.tries("/") == 10
    one.script["/health"] = [response(200)]
    wait_flags(process, one.port, "healthy")
    wait_for(lambda: request(process.port("web")).status == 200 and one.tries("/") > 0, "requests for the first")
    assert process.stat("cluster.web.health_check.attempt") > 2


def test_no_healthy_endpoint_is_a_503_without_panic(baton, scripted):
    one = scripted()
    one.script["/health"] = [response(500)]
    process = baton(config(checked(one.port)))
    answer = request(process.port("web"))
    assert (answer.status, answer.body) == (503, b"no healthy upstream")
    assert one.tries("/") == 0
    assert process.stat("cluster.web.upstream_cx_none_healthy") == 1


BAD_ANSWERS = {"unexpected": response(204), "close": Close(), "reset": Reset(), "garbage": b"garbage\r\n\r\n",
               "cut": Close(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"), "half a head": Close(b"HTTP/1.1 2"),
               "silence": Hang(), "told to fail": response(200, x_envoy_immediate_health_check_fail="true")}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_an_answer_that_is_none_fails_the_check(baton, scripted, name):
    one = scripted()
    one.script["/health"] = [BAD_ANSWERS[name]]
    process = baton(config(checked(one.port, times={"timeout": "0.2s"})))
    assert flags(process) == {one.port: "/failed_active_hc"}
    network = process.stat("cluster.web.health_check.network_failure")
    assert (network > 0) == (name not in ("unexpected", "told to fail"))
    one.script["/health"] = [response(200)]
    wait_flags(process, one.port, "healthy")


def test_a_refused_connection_fails_the_check(baton):
    port = free_port()
    process = baton(config(checked(port)))
    assert flags(process) == {port: "/failed_active_hc"}
    assert process.stat("cluster.web.health_check.network_failure") > 0


def test_expected_and_retriable_statuses_are_as_configured(baton, scripted):
    one = scripted()
    one.script["/health"] = [response(204)]
    check = {"http_health_check": {"path": "/health", "expected_statuses": [{"start": 200, "end": 300}],
                                   "retriable_statuses": [{"start": 500, "end": 501}]}}
    process = baton(config(checked(one.port, check=check, times={"unhealthy_threshold": 1_000_000})))
    assert flags(process) == {one.port: "healthy"}
    one.script["/health"] = [response(500)]
    failures = process.stat("cluster.web.health_check.failure")
    wait_for(lambda: process.stat("cluster.web.health_check.failure") > failures + 3, "failed checks")
    assert flags(process) == {one.port: "healthy"}
    one.script["/health"] = [response(400)]  # neither expected nor retriable: at once
    wait_flags(process, one.port, "/failed_active_hc")


def test_thresholds_count_checks_in_a_row(baton, scripted):
    one = scripted()
    check = {"http_health_check": {"path": "/health", "retriable_statuses": [{"start": 500, "end": 501}]}}
    good, bad = response(200), response(500)
    one.script["/health"] = [good, bad, bad, good, bad, bad, good, bad, bad, bad, good, good, bad, good, good, good]
    process = baton(config(checked(one.port, check=check, times={"unhealthy_threshold": 3, "healthy_threshold": 3})))
    wait_for(lambda: one.tries("/health") > 20, "the checks")
    wait_flags(process, one.port, "healthy")
    # Once down, after the tenth, and once up, after the sixteenth.
    assert process.output().count("is unhealthy by its health check") == 1
    assert process.output().count("is healthy by its health check") == 2


def test_the_request_of_a_check_is_as_configured(baton, scripted):
    one = scripted()
    check = {"http_health_check": {
        "path": "/health?x=1", "host": "health.test", "method": "HEAD",
        "request_headers_to_add": [{"header": {"key": "x-check", "value": "100%%"}}],
        "request_headers_to_remove": ["user-agent"]}}
    baton(config(checked(one.port, check=check)))
    head = one.seen["/health"][0][1].lower()
    assert head.startswith("head /health?x=1 http/1.1\r\n")
    assert "host: health.test\r\n" in head
    assert "x-check: 100%\r\n" in head
    assert "user-agent" not in head


def test_the_host_of_a_check_is_the_endpoints_before_the_clusters(baton, scripted):
    one, other = scripted(), scripted()
    web = checked(one.port)
    web["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["health_check_config"] = {
        "port_value": other.port, "hostname": "endpoint.test"}
    process = baton(config(web))
    assert "host: endpoint.test\r\n" in other.seen["/health"][0][1]
    assert one.tries("/health") == 0
    assert request(process.port("web")).status == 200
    assert other.tries("/") == 0


@pytest.mark.parametrize("reuse", [True, False])
def test_a_connection_is_kept_for_the_next_check_when_configured(baton, scripted, reuse):
    one = scripted()
    baton(config(checked(one.port, times={"reuse_connection": reuse})))
    wait_for(lambda: one.tries("/health") >= 4, "checks")
    numbers = [number for number, *_ in one.seen["/health"][:4]]
    assert numbers == ([1, 1, 1, 1] if reuse else [1, 2, 3, 4])


def test_a_disabled_check_leaves_its_endpoint_healthy(baton, scripted):
    one = scripted()
    one.script["/health"] = [response(500)]
    web = checked(one.port)
    web["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["health_check_config"] = {
        "disable_active_health_check": True}
    process = baton(config(web))
    assert flags(process) == {one.port: "healthy"}
    assert one.tries("/health") == 0


def test_a_degraded_endpoint_is_used_last(baton, scripted):
    one, two = scripted(), scripted()
    one.script["/health"] = [response(200, x_envoy_degraded="true")]
    web = checked(one.port, two.port)
    web["load_assignment"]["policy"] = {"overprovisioning_factor": 200}  # half of them can take all
    process = baton(config(web))
    wait_flags(process, one.port, "/degraded_active_hc")
    for _ in range(6):
        assert request(process.port("web")).status == 200
    assert one.tries("/") == 0
    two.script["/health"] = [response(500)]
    wait_flags(process, two.port, "/failed_active_hc")
    wait_for(lambda: request(process.port("web")).status == 200 and one.tries("/") > 0, "the degraded one")


def test_an_answer_to_a_request_may_fail_its_endpoint_at_once(baton, scripted):
    one, two = scripted(), scripted()
    one.script["/"] = two.script["/"] = [response(200, x_envoy_immediate_health_check_fail="1")]
    times = {"interval": "3600s", "no_traffic_interval": "3600s"}
    process = baton(config(checked(one.port, two.port, times=times)))
    answer = request(process.port("web"))
    assert answer.status == 200
    assert "x-envoy-immediate-health-check-fail" not in answer.headers
    wait_for(lambda: sorted(flags(process).values()) == ["/failed_active_hc", "healthy"], "the endpoint to fail")
    assert process.stat("cluster.web.health_check.passive_failure") == 1
    wait_for(lambda: request(process.port("web")).status == 503, "both to fail")
    assert one.tries("/") == two.tries("/") == 1
    assert process.stat("cluster.web.health_check.passive_failure") == 2


def test_connections_to_an_endpoint_that_fails_are_closed_when_configured(baton, scripted):
    one = scripted()
    one.script["/slow"] = [Hang()]
    process = baton(config(checked(one.port, close_connections_on_host_health_failure=True)))
    answers = []
    client = threading.Thread(target=lambda: answers.append(request(process.port("web"), "/slow").status))
    client.start()
    wait_for(lambda: one.tries("/slow") == 1, "the request upstream")
    one.script["/health"] = [response(500)]
    client.join(DEADLINE)
    assert answers == [503]


def exchange(expected, answer):
    def serve(connection):
        while True:
            data = b""
            while len(data) < len(expected):
                part = connection.recv(64)
                if not part:
                    return
                data += part
            connection.sendall(answer)
    return serve


def as_text(data):
    return {"text": data.hex()}


def as_binary(data):
    return {"binary": base64.b64encode(data).decode()}


@pytest.mark.parametrize("written", [as_text, as_binary])
@pytest.mark.parametrize("answer,verdict", [(b"+PONG\r\n", "healthy"), (b"noise+PONG", "healthy"),
                                            (b"-ERR\r\n", "/failed_active_hc")])
def test_tcp_checks_send_and_expect_bytes(baton, tcp_server, answer, verdict, written):
    port = tcp_server(exchange(b"PING\r\n", answer))
    check = {"tcp_health_check": {"send": written(b"PING\r\n"), "receive": [written(b"+PONG")]}}
    process = baton(config(checked(port, check=check, times={"timeout": "0.3s"})))
    assert flags(process) == {port: verdict}


def test_a_tcp_check_without_bytes_only_connects(baton, tcp_server):
    port = tcp_server(lambda connection: connection.recv(1))
    process = baton(config(checked(port, check={"tcp_health_check": {}})))
    assert flags(process) == {port: "healthy"}
    assert process.stat("cluster.web.health_check.success") > 0


def grpc_health(status):
    """Enough HTTP/2 for grpc.health.v1.Health/Check: answers every stream with a status of serving."""
    def frame(kind, frame_flags, stream, payload=b""):
        return len(payload).to_bytes(3, "big") + bytes([kind, frame_flags]) + stream.to_bytes(4, "big") + payload

    def literal(name, value):
        return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value

    def serve(connection):
        connection.sendall(frame(4, 0, 0))
        data = connection.recv(65536)
        while len(data) < 24:
            data += connection.recv(65536)
        data = data[24:]
        while True:
            while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
                size = int.from_bytes(data[:3], "big")
                kind, frame_flags, stream = data[3], data[4], int.from_bytes(data[5:9], "big")
                payload, data = data[9:9 + size], data[9 + size:]
                if kind == 4 and not frame_flags & 1:
                    connection.sendall(frame(4, 1, 0))
                if kind == 0 and frame_flags & 1:
                    message = b"\x08" + bytes([status[0]])
                    connection.sendall(
                        frame(1, 4, stream, b"\x88" + literal(b"content-type", b"application/grpc")) +
                        frame(0, 0, stream, b"\x00\x00\x00\x00\x02" + message) +
                        frame(1, 5, stream, literal(b"grpc-status", b"0")))
            part = connection.recv(65536)
            if not part:
                return
            data += part
    return serve


def test_grpc_checks_follow_the_status_of_serving(baton, tcp_server):
    status = [1]
    port = tcp_server(grpc_health(status))
    check = {"grpc_health_check": {"service_name": "test.Service"}}
    process = baton(config(checked(port, check=check, typed_extension_protocol_options=H2)))
    assert flags(process) == {port: "healthy"}
    status[0] = 2
    wait_flags(process, port, "/failed_active_hc")
    status[0] = 1
    wait_flags(process, port, "healthy")


# --- Outlier detection.

def outlier(*ports, **settings):
    """Sweeps are so rare that only what a test does ejects an endpoint."""
    return cluster("web", *ports, common_lb_config=NO_PANIC,
                   outlier_detection={"interval": "3600s", "base_ejection_time": "3600s", "max_ejection_time": "3600s",
                                      "max_ejection_percent": 100, **settings})


def ask_until_ejected(process, port, times=200):
    for _ in range(times):
        request(process.port("web"))
        if flags(process)[port] == "/failed_outlier_check":
            return
    raise AssertionError(f"{port} is not ejected: {process.admin('/clusters')}")


@pytest.mark.parametrize("step,settings,stat", [
    (response(500), {"consecutive_5xx": 3}, "consecutive_5xx"),
    (response(503), {"consecutive_5xx": 100, "consecutive_gateway_failure": 3,
                     "enforcing_consecutive_gateway_failure": 100}, "consecutive_gateway_failure"),
    (Close(), {"consecutive_5xx": 3}, "consecutive_5xx"),
    (Close(), {"split_external_local_origin_errors": True, "consecutive_local_origin_failure": 3},
     "consecutive_local_origin_failure"),
])
def test_an_endpoint_that_fails_in_a_row_is_ejected(baton, scripted, step, settings, stat):
    bad, good = scripted(), scripted()
    bad.script["/"] = [step]
    process = baton(config(outlier(bad.port, good.port, **settings)))
    ask_until_ejected(process, bad.port)
    assert bad.tries("/") >= 3
    stats = process.stats("cluster.web.outlier_detection.")
    assert stats[f"cluster.web.outlier_detection.ejections_enforced_{stat}"] == 1
    assert stats["cluster.web.outlier_detection.ejections_active"] == 1
    assert stats["cluster.web.outlier_detection.ejections_enforced_total"] == 1
    tries = bad.tries("/")
    for _ in range(6):
        assert request(process.port("web")).status == 200
    assert bad.tries("/") == tries
    assert process.stat("cluster.web.membership_healthy") == 1


def test_refused_connections_eject_an_endpoint(baton, scripted):
    good, gone = scripted(), free_port()
    process = baton(config(outlier(gone, good.port, consecutive_5xx=3)))
    ask_until_ejected(process, gone)


def test_a_success_ends_a_row_of_failures(baton, scripted):
    bad = scripted()
    bad.script["/"] = [response(500), response(500), response(200)] * 20
    process = baton(config(outlier(bad.port, consecutive_5xx=3)))
    for _ in range(30):
        request(process.port("web"))
    assert flags(process) == {bad.port: "healthy"}
    assert process.stat("cluster.web.outlier_detection.ejections_detected_consecutive_5xx") == 0


def test_what_is_not_enforced_is_only_detected(baton, scripted):
    bad = scripted()
    bad.script["/"] = [response(500)]
    process = baton(config(outlier(bad.port, consecutive_5xx=3, enforcing_consecutive_5xx=0)))
    for _ in range(9):
        request(process.port("web"))
    detected = "cluster.web.outlier_detection.ejections_detected_consecutive_5xx"
    wait_for(lambda: process.stat(detected) >= 3, "detections")
    assert flags(process) == {bad.port: "healthy"}
    assert process.stat("cluster.web.outlier_detection.ejections_enforced_total") == 0


def test_an_ejected_endpoint_comes_back_after_its_time(baton, scripted):
    bad = scripted()
    bad.script["/"] = [response(500)] * 3 + [response(200)]
    process = baton(config(outlier(bad.port, consecutive_5xx=3, interval="0.05s", base_ejection_time="0.2s",
                                   max_ejection_time="0.2s")))
    for _ in range(3):
        request(process.port("web"))
    wait_for(lambda: process.stat("cluster.web.outlier_detection.ejections_enforced_total") == 1, "the ejection")
    wait_for(lambda: request(process.port("web")).status == 200, "the endpoint to be back")
    assert process.stat("cluster.web.outlier_detection.ejections_active") == 0


def test_no_more_endpoints_are_ejected_than_allowed(baton, scripted):
    servers = [scripted() for _ in range(4)]
    for server in servers:
        server.script["/"] = [response(500)]
    process = baton(config(outlier(*(server.port for server in servers), consecutive_5xx=2, max_ejection_percent=50)))
    for _ in range(40):
        request(process.port("web"))
    wait_for(lambda: process.stat("cluster.web.outlier_detection.ejections_overflow") > 0, "an overflow")
    assert sorted(flags(process).values()) == ["/failed_outlier_check"] * 2 + ["healthy"] * 2


def test_an_endpoint_of_low_success_rate_is_ejected(baton, scripted):
    servers = [scripted() for _ in range(5)]
    servers[0].script["/"] = [response(500), response(200)] * 1000
    process = baton(config(outlier(
        *(server.port for server in servers), interval="1s", consecutive_5xx=1_000_000, success_rate_minimum_hosts=5,
        success_rate_request_volume=2, success_rate_stdev_factor=1000)))

    port = process.port("web")

    def ejected():
        for _ in range(25):
            request(port)
        return flags(process)[servers[0].port] == "/failed_outlier_check"
    wait_for(ejected, "the ejection")
    assert process.stat("cluster.web.outlier_detection.ejections_enforced_success_rate") == 1


def test_the_admin_interface_shows_both_verdicts(baton, scripted):
    one = scripted()
    one.script["/"] = [response(500)]
    web = outlier(one.port, consecutive_5xx=2, successful_active_health_check_uneject_host=False)
    web["health_checks"] = [{**FAST, "http_health_check": {"path": "/health"}}]
    process = baton(config(web))
    ask_until_ejected(process, one.port)
    one.script["/health"] = [response(500)]
    wait_flags(process, one.port, "/failed_active_hc/failed_outlier_check")
    status = json.loads(process.admin("/clusters?format=json"))["cluster_statuses"][0]["host_statuses"][0]
    assert status["health_status"]["failed_active_health_check"]
    assert status["health_status"]["failed_outlier_check"]
