"""Access logs of the real binary: what each operator prints, as text and as JSON."""
import json
import os
import re
import signal
import socket

import pytest

from conftest import (DEADLINE, bootstrap, cluster, forward_all, free_port, http_filter, listener, request, tcp_filter,
                      wait_for)

FILE = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"


@pytest.fixture
def logged(baton, upstream, tmp_path):
    """logged(format) sends one request and returns what was logged of it and the ports that it saw."""
    def start(log_format=None, routes=None, filter=None, send=None, **fields):
        server = upstream()
        path = tmp_path / "access.log"
        log = {"name": "file", "typed_config": {"@type": FILE, "path": str(path), **(
            {"log_format": log_format} if log_format else {})}, **({"filter": filter} if filter else {})}
        process = baton(bootstrap(
            [listener("web", http_filter(routes or [{"match": {"prefix": "/"}, "name": "the-route", "route": {
                "cluster": "one", "prefix_rewrite": "/new/"}}], access_log=[log], **fields))],
            [cluster("one", server.server_address[1]), cluster("nobody", free_port())]),
            "--file-flush-interval-msec", "100")
        web = process.port("web")
        if send:
            send(web)
        else:
            request(web, "/a?q=1&z", "POST", b"hello", headers={"x-a": "abc", "host": "h.test"})
        wait_for(lambda: process.stat("http.test.downstream_cx_active") == 0, "the connection to end")
        # Ending flushes.
        process.end()
        return path.read_text(), {"web": web, "upstream": server.server_address[1]}
    return start


# operator: what it prints in JSON for the request above; a pattern for text, a number for a number, None for null.
NUMBER = object()
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
LOCAL = r"127\.0\.0\.1:\d+"
OPERATORS = {
    "START_TIME": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "START_TIME(%Y/%m/%d %H)": r"\d{4}/\d\d/\d\d \d\d",
    "START_TIME(%s.%3f)": r"\d{10}\.\d{3}", "START_TIME(%9f)": r"\d{9}", "START_TIME(%1f)": r"\d",
    "START_TIME_LOCAL(%s)": r"\d{10}", "EMIT_TIME(%s)": r"\d{10}",
    "REQ(:METHOD)": "POST", "REQ(x-a)": "abc", "REQ(X-A):2": "ab", "REQ(X-NONE?X-A)": "abc", "REQ(X-NONE)": None,
    "REQ(X-NONE?X-NEITHER)": None, "REQ(:AUTHORITY)": r"h\.test", "REQ(HOST)": r"h\.test", "REQUEST_HEADER(X-A)": "abc",
    "RESP(CONTENT-TYPE)": "application/json", "RESPONSE_HEADER(SERVER)": "envoy", "RESP(X-NONE)": None,
    "TRAILER(X-NONE)": None, "RESPONSE_TRAILER(X-NONE)": None,
    "PATH": r"/a\?q=1&z", "PATH(NQ)": "/a", "PATH(WQ:PATH)": r"/new/a\?q=1&z", "PATH(NQ:PATH)": "/new/a",
    "PATH(WQ:ORIG)": r"/a\?q=1&z", "PATH(NQ:ORIG_OR_PATH)": "/a", "QUERY_PARAM(q)": "1", "QUERY_PARAM(none)": None,
    "QUERY_PARAMS": "q=1&z", "PROTOCOL": "HTTP/1.1", "RESPONSE_CODE": 200, "RESPONSE_CODE_DETAILS": "via_upstream",
    "RESPONSE_FLAGS": None, "RESPONSE_FLAGS_LONG": None, "GRPC_STATUS": None, "GRPC_STATUS_NUMBER": None,
    "LOCAL_REPLY_BODY": None, "BYTES_RECEIVED": 5, "BYTES_SENT": NUMBER, "REQUEST_HEADERS_BYTES": NUMBER,
    "RESPONSE_HEADERS_BYTES": NUMBER, "RESPONSE_TRAILERS_BYTES": 0, "DURATION": NUMBER, "REQUEST_DURATION": NUMBER,
    "REQUEST_TX_DURATION": NUMBER, "RESPONSE_DURATION": NUMBER, "RESPONSE_TX_DURATION": NUMBER,
    "COMMON_DURATION(DS_RX_BEG:US_RX_BEG:us)": NUMBER, "COMMON_DURATION(DS_RX_BEG:DS_TX_END:ns)": NUMBER,
    "UPSTREAM_WIRE_BYTES_SENT": NUMBER, "UPSTREAM_WIRE_BYTES_RECEIVED": NUMBER, "UPSTREAM_HEADER_BYTES_SENT": NUMBER,
    "UPSTREAM_HEADER_BYTES_RECEIVED": NUMBER, "DOWNSTREAM_WIRE_BYTES_SENT": NUMBER,
    "DOWNSTREAM_WIRE_BYTES_RECEIVED": NUMBER, "DOWNSTREAM_HEADER_BYTES_SENT": NUMBER,
    "DOWNSTREAM_HEADER_BYTES_RECEIVED": NUMBER,
    "UPSTREAM_HOST": LOCAL, "UPSTREAM_CLUSTER": "one", "UPSTREAM_CLUSTER_RAW": "one", "UPSTREAM_LOCAL_ADDRESS": LOCAL,
    "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": r"127\.0\.0\.1", "UPSTREAM_LOCAL_PORT": NUMBER,
    "UPSTREAM_REMOTE_ADDRESS": LOCAL, "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": r"127\.0\.0\.1",
    "UPSTREAM_REMOTE_PORT": "upstream port", "UPSTREAM_PROTOCOL": "HTTP/1.1", "UPSTREAM_REQUEST_ATTEMPT_COUNT": 1,
    "UPSTREAM_TRANSPORT_FAILURE_REASON": None, "UPSTREAM_CONNECTION_ID": NUMBER, "UPSTREAM_HOSTS_ATTEMPTED": LOCAL,
    "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT": r"127\.0\.0\.1", "UPSTREAM_CONNECTION_IDS_ATTEMPTED": r"\d+",
    "DYNAMIC_METADATA(a:b)": None, "CLUSTER_METADATA(a)": None,
    "DOWNSTREAM_REMOTE_ADDRESS": LOCAL, "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": r"127\.0\.0\.1",
    "DOWNSTREAM_REMOTE_PORT": NUMBER, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": LOCAL,
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": r"127\.0\.0\.1", "DOWNSTREAM_DIRECT_REMOTE_PORT": NUMBER,
    "DOWNSTREAM_LOCAL_ADDRESS": LOCAL, "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": r"127\.0\.0\.1",
    "DOWNSTREAM_LOCAL_PORT": "web port", "DOWNSTREAM_DIRECT_LOCAL_PORT": "web port", "CONNECTION_ID": NUMBER,
    "STREAM_ID": UUID, "UNIQUE_ID": UUID, "CONNECTION_TERMINATION_DETAILS": None,
    "DOWNSTREAM_TRANSPORT_FAILURE_REASON": None, "REQUESTED_SERVER_NAME": None, "DOWNSTREAM_TLS_VERSION": None,
    "DOWNSTREAM_TLS_CIPHER": None, "DOWNSTREAM_PEER_SUBJECT": None, "DOWNSTREAM_PEER_ISSUER": None,
    "DOWNSTREAM_PEER_URI_SAN": None, "DOWNSTREAM_PEER_DNS_SAN": None, "DOWNSTREAM_PEER_FINGERPRINT_256": None,
    "DOWNSTREAM_PEER_SERIAL": None, "ROUTE_NAME": "the-route", "HOSTNAME": re.escape(socket.gethostname()),
    "ENVIRONMENT(NONE_SUCH)": None, "ACCESS_LOG_TYPE": "DownstreamEnd", "VIRTUAL_CLUSTER_NAME": None,
}


def test_every_operator_prints_its_value_and_numbers_stay_numbers_in_json(logged):
    text, ports = logged({"json_format": {name: f"%{name}%" for name in OPERATORS}})
    assert text.endswith("\n") and text.count("\n") == 1
    found = json.loads(text)
    wrong = {}
    for name, expected in OPERATORS.items():
        value = found.pop(name)
        if isinstance(expected, str) and expected.endswith(" port"):
            expected = ports[expected.split()[0]]
        if expected is NUMBER:
            right = isinstance(value, int) and value >= 0
        elif isinstance(expected, str):
            right = isinstance(value, str) and re.fullmatch(expected, value)
        else:
            right = value == expected and type(value) is type(expected)
        if not right:
            wrong[name] = value
    assert wrong == {} and found == {}


def test_text_prints_a_dash_for_what_is_unset_and_a_percent_sign_for_two(logged):
    text, _ = logged({"text_format_source": {"inline_string": "%REQ(X-NONE)%|%RESPONSE_CODE%|100%%|%REQ(X-A):1%\n"}})
    assert text == "-|200|100%|a\n"


def test_the_default_format_is_the_one_that_everybody_parses(logged):
    text, ports = logged()
    assert re.fullmatch(
        r'\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] "POST /a\?q=1&z HTTP/1\.1" 200 - 5 \d+ \d+ \d+ "[^"]*" "-" '
        rf'"{UUID}" "h\.test" "127\.0\.0\.1:{ports["upstream"]}"\n', text), text


def test_json_nests_keeps_literals_and_may_leave_out_what_is_unset(logged):
    text, _ = logged({"omit_empty_values": True, "json_format": {
        "a": {"code": "%RESPONSE_CODE%", "none": "%REQ(X-NONE)%"}, "b": "%REQ(:METHOD)% %RESPONSE_CODE%", "c": 5,
        "d": True, "e": ["%RESPONSE_CODE%", "x"]}})
    assert json.loads(text) == {"a": {"code": 200}, "b": "POST 200", "c": 5, "d": True, "e": [200, "x"]}


def test_a_client_cannot_forge_a_line_or_break_json(logged):
    def send(port):
        request(port, headers={"x-a": '"\\\t\xe9'})
    text, _ = logged({"json_format": {"a": "%REQ(X-A)%"}}, send=send)
    assert json.loads(text)["a"].startswith('"\\\t')


@pytest.mark.parametrize("routes, flags, long_flags, details, code", [
    ([{"match": {"prefix": "/only"}, "direct_response": {"status": 200}}], "NR", "NoRouteFound", "route_not_found", 404),
    (forward_all("nobody"), "UF", "UpstreamConnectionFailure", None, 503),
    ([{"match": {"prefix": "/"}, "route": {"cluster_header": "x-none"}}], "NC",
     "NoClusterFound", None, 503),
    ([{"match": {"prefix": "/"}, "direct_response": {"status": 418}}], "-", "-", "direct_response", 418)])
def test_a_response_of_our_own_says_why(logged, routes, flags, long_flags, details, code):
    text, _ = logged({"text_format_source": {"inline_string":
                     "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG% %RESPONSE_CODE_DETAILS%\n"}}, routes)
    found = text.split()
    assert found[:3] == [str(code), flags, long_flags]
    assert details is None or found[3] == details


@pytest.mark.parametrize("filter, passes", [
    ({"status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 400, "runtime_key": "x"}}}}, False),
    ({"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": 200, "runtime_key": "x"}}}}, True),
    ({"duration_filter": {"comparison": {"op": "GE", "value": {"default_value": 600000, "runtime_key": "x"}}}}, False),
    ({"header_filter": {"header": {"name": "x-a", "string_match": {"exact": "abc"}}}}, True),
    ({"header_filter": {"header": {"name": "x-b", "present_match": True}}}, False),
    ({"response_flag_filter": {"flags": ["NR"]}}, False), ({"not_health_check_filter": {}}, True),
    ({"runtime_filter": {"runtime_key": "x", "percent_sampled": {"numerator": 0}}}, False),
    ({"or_filter": {"filters": [{"response_flag_filter": {"flags": ["NR"]}}, {"not_health_check_filter": {}}]}}, True),
    ({"and_filter": {"filters": [{"response_flag_filter": {"flags": ["NR"]}}, {"not_health_check_filter": {}}]}}, False)])
def test_filters_choose_what_is_logged(logged, filter, passes):
    text, _ = logged({"text_format_source": {"inline_string": "line\n"}}, filter=filter)
    assert text == ("line\n" if passes else "")


def test_a_named_pipe_keeps_lines_for_who_reads_it_later(baton, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    log = {"name": "file", "typed_config": {"@type": FILE, "path": str(path), "log_format": {
        "text_format_source": {"inline_string": "%REQ(:PATH)%\n"}}}}
    page = [{"match": {"prefix": "/"}, "direct_response": {"status": 204}}]
    process = baton(bootstrap([listener("web", http_filter(page, access_log=[log]))]), "--file-flush-interval-msec", "10")
    assert request(process.port("web"), "/first").status == 204
    with open(path, encoding="ascii") as reader:
        assert reader.readline() == "/first\n"
    # Again without a reader.
    for number in range(100):
        assert request(process.port("web"), f"/{number}").status == 204
    process.send_signal(signal.SIGUSR1)
    assert request(process.port("web"), "/last").status == 204
    process.send_signal(signal.SIGTERM)
    assert process.wait_ended() == 0


@pytest.mark.parametrize("text, message", [
    ("%NOPE%", "'%NOPE%': unknown operator"), ("%RESPONSE_COD%", "did you mean RESPONSE_CODE?"),
    ("%REQ()%", "expected a header name"), ("%START_TIME(", "must end with %"), ("%PROTOCOL(x)%", "takes no argument"),
    ("%REQ(X):y%", "expected %NAME%"), ("%PATH(XX)%", "expected one of"), ("%FILTER_STATE(x)%", "unsupported operator"),
    ("100%", "a percent sign is written %%")])
def test_a_format_that_means_nothing_is_refused_at_the_start(baton, text, message):
    log = {"name": "file", "typed_config": {"@type": FILE, "path": "/dev/null", "log_format": {
        "text_format_source": {"inline_string": text}}}}
    process = baton(bootstrap([listener("web", http_filter(forward_all("one"), access_log=[log]))],
                              [cluster("one", free_port())]), wait=False)
    assert process.wait_ended() == 1
    place = r"baton0\.yaml:\d+:\d+: static_resources\.listeners\[0\]\.\S+\.access_log\[0\]\.\S+\.inline_string: "
    assert re.search(place + ".*" + re.escape(message), process.output()), process.output()


def test_a_tcp_connection_is_logged_at_its_end(baton, tcp_server, tmp_path):
    path = tmp_path / "tcp.log"
    port = tcp_server(lambda connection: connection.sendall(connection.recv(100) + b"!"))
    log = {"name": "file", "typed_config": {"@type": FILE, "path": str(path), "log_format": {"json_format": {
        "type": "%ACCESS_LOG_TYPE%", "in": "%BYTES_RECEIVED%", "out": "%BYTES_SENT%", "to": "%UPSTREAM_CLUSTER%",
        "method": "%REQ(:METHOD)%", "code": "%RESPONSE_CODE%"}}}}
    process = baton(bootstrap([listener("tcp", tcp_filter("one", access_log=[log]))], [cluster("one", port)]))
    with socket.create_connection(("127.0.0.1", process.port("tcp")), timeout=DEADLINE) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hello!"
    wait_for(lambda: process.stat("cluster.one.upstream_cx_active") == 0, "the connection to end")
    process.end()
    found = json.loads(path.read_text())
    assert (found["type"], found["in"], found["out"], found["to"], found["method"], found["code"]) == (
        "TcpConnectionEnd", 5, 6, "one", None, 0)


def test_metadata_of_what_a_request_passes_is_printed(baton, upstream, tmp_path):
    path = tmp_path / "access.log"
    operators = ["METADATA(ROUTE:ours:name)", "METADATA(ROUTE:ours:deep:list)", "METADATA(ROUTE:ours)",
                 "METADATA(ROUTE:ours:none)", "METADATA(ROUTE:theirs:name)", "METADATA(VIRTUAL_HOST:ours:n)",
                 "METADATA(CLUSTER:ours:yes)", "CLUSTER_METADATA(ours:share)", "UPSTREAM_METADATA(ours:stage):3",
                 'UPSTREAM_METADATA(["ours", "stage"])', "METADATA(UPSTREAM_HOST:ours:stage)", "METADATA(LISTENER:ours:edge)",
                 "METADATA(LISTENER_FILTER_CHAIN:ours:chain)", "DYNAMIC_METADATA(ours:x)", "METADATA(DYNAMIC:ours:x)"]
    log = {"name": "file", "typed_config": {"@type": FILE, "path": str(path), "log_format": {"json_format": {
        **{name: f"%{name}%" for name in operators}, "text": "<%METADATA(ROUTE:ours)%>"}}}}

    def ours(**facts):
        return {"filter_metadata": {"ours": facts}}
    server = upstream()
    to = cluster("one", server.server_address[1], metadata=ours(yes=True, share=0.5))
    to["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["metadata"] = ours(stage="canary")
    manager = http_filter([{"match": {"prefix": "/"}, "route": {"cluster": "one"}, "metadata": ours(
        name="r\"1", deep={"list": [1, "a", None]}),
        "request_headers_to_add": [{"header": {"key": "x-name", "value": "%METADATA(ROUTE:ours:name)%"}},
                                   {"header": {"key": "x-none", "value": "%METADATA(ROUTE:ours:none)%"}}]}],
        access_log=[log])
    manager["typed_config"]["route_config"]["virtual_hosts"][0]["metadata"] = ours(n=7)
    web = listener("web", manager, metadata=ours(edge="outer"))
    web["filter_chains"][0]["metadata"] = ours(chain="first")
    process = baton(bootstrap([web], [to]))
    seen = dict(request(process.port("web")).json()["headers"])
    process.end()
    found = json.loads(path.read_text())
    assert json.loads(found.pop("text").strip("<>")) == {"name": 'r"1', "deep": {"list": [1, "a", None]}}
    assert [found[name] for name in operators] == [
        'r"1', [1, "a", None], {"name": 'r"1', "deep": {"list": [1, "a", None]}}, None, None, 7, True, 0.5, "can", "canary",
        "canary", "outer", "first", None, None]
    assert seen["x-name"] == 'r"1' and "x-none" not in seen


def test_every_endpoint_that_was_asked_is_printed(baton, upstream, tmp_path):
    path = tmp_path / "access.log"
    operators = ["UPSTREAM_HOSTS_ATTEMPTED", "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT", "UPSTREAM_HOST_NAMES_ATTEMPTED",
                 "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT", "UPSTREAM_CONNECTION_IDS_ATTEMPTED", "UPSTREAM_HOST",
                 "UPSTREAM_HOST_NAME", "UPSTREAM_HOST_NAME_WITHOUT_PORT"]
    log = {"name": "file", "typed_config": {"@type": FILE, "path": str(path), "log_format": {"json_format": {
        name: f"%{name}%" for name in operators}}}}
    alive = upstream().server_address[1]
    dead = free_port()
    to = cluster("one", dead, alive)
    for i, endpoint in enumerate(to["load_assignment"]["endpoints"][0]["lb_endpoints"]):
        endpoint["endpoint"]["hostname"] = f"host{i}:80"
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "one", "retry_policy": {
        "retry_on": "connect-failure", "num_retries": 5, "retry_host_predicate": [
            {"name": "envoy.retry_host_predicates.previous_hosts"}], "host_selection_retry_max_attempts": 10}}}]
    process = baton(bootstrap([listener("web", http_filter(routes, access_log=[log]))], [to]), "--concurrency", "1")
    for _ in range(4):
        assert request(process.port("web")).status == 200
    process.end()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    twice = [line for line in lines if "," in line["UPSTREAM_HOSTS_ATTEMPTED"]]
    assert len(lines) == 4 and twice
    assert twice[0] == {
        "UPSTREAM_HOSTS_ATTEMPTED": f"127.0.0.1:{dead},127.0.0.1:{alive}",
        "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT": "127.0.0.1,127.0.0.1", "UPSTREAM_HOST_NAMES_ATTEMPTED": "host0:80,host1:80",
        "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT": "host0,host1",
        "UPSTREAM_CONNECTION_IDS_ATTEMPTED": twice[0]["UPSTREAM_CONNECTION_IDS_ATTEMPTED"],
        "UPSTREAM_HOST": f"127.0.0.1:{alive}", "UPSTREAM_HOST_NAME": "host1:80", "UPSTREAM_HOST_NAME_WITHOUT_PORT": "host1"}
    assert re.fullmatch(r"\d+", twice[0]["UPSTREAM_CONNECTION_IDS_ATTEMPTED"])


@pytest.mark.parametrize("text, message", [
    ("%METADATA(ROUT:a)%", "expected one of DYNAMIC, CLUSTER, ROUTE"), ("%METADATA(ROUTE)%", "NAMESPACE:KEY"),
    ("%CLUSTER_METADATA%", "NAMESPACE:KEY"), ('%UPSTREAM_METADATA(["a", 1])%', "NAMESPACE:KEY")])
def test_metadata_that_is_not_named_is_refused(baton, text, message):
    test_a_format_that_means_nothing_is_refused_at_the_start(baton, text, message)
