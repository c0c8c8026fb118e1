"""gRPC through the real binary: @grpc/grpc-js at both ends, over h2c and over TLS, and gRPC-Web by hand."""
import base64
import http.client
import json
import time

import pytest

from conftest import DEADLINE, H2, bootstrap, cluster, http_filter, listener, request, tls_context, wait_for
from peers import NodeServer, node

OK, CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, UNIMPLEMENTED, UNAVAILABLE = 0, 1, 2, 4, 7, 12, 14


def route(cluster_name, path="/", headers=None, **action):
    match = {"prefix": path}
    if headers:
        match["headers"] = [{"name": name, "string_match": {"exact": value}} for name, value in headers.items()]
    return {"match": match, "route": {"cluster": cluster_name, "timeout": "0s", **action}}


def upstream_tls(authority):
    return {"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", "sni": "localhost",
        "common_tls_context": {"alpn_protocols": ["h2"], "validation_context": {"trusted_ca": {"filename": authority}}}}}


class Edge:
    """Plain in front of a plain server, TLS in front of a TLS server. Cases choose a route by a header."""

    def __init__(self, process, servers, certificate):
        self.process, self.servers, self.certificate = process, servers, certificate

    def call(self, transport, scenario, **asked):
        return node("grpc_client.js", self.process.port(transport), self.certificate if transport == "tls" else "-",
                    scenario, json.dumps(asked))

    def log(self):
        """All of it is written when the process has ended."""
        self.process.end()
        return self.process.output()


@pytest.fixture(scope="module")
def grpc_servers(certificate):
    servers = {"plain": NodeServer("grpc_server.js"), "tls": NodeServer("grpc_server.js", *certificate)}
    yield servers
    for server in servers.values():
        server.end()


def grpc_stats(**fields):
    return {"name": "envoy.filters.http.grpc_stats", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig", **fields}}


GRPC_WEB = {"name": "envoy.filters.http.grpc_web", "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb"}}


@pytest.fixture
def edge(baton, grpc_servers, certificate):
    chain, _ = certificate
    for server in grpc_servers.values():
        del server.lines[1:]
    servers = grpc_servers
    clusters = [cluster("plain", servers["plain"].port, typed_extension_protocol_options=H2),
                cluster("tls", servers["tls"].port, typed_extension_protocol_options=H2, transport_socket=upstream_tls(chain)),
                cluster("gone", 1, typed_extension_protocol_options=H2), cluster("empty")]

    def filters(name, *before_router):
        case = lambda value, **action: route(name, headers={"case": value}, **action)  # noqa: E731
        return http_filter([
            case("at most 1 s", max_stream_duration={"grpc_timeout_header_max": "1s"}),
            case("as asked", max_stream_duration={"grpc_timeout_header_max": "0s"}),
            case("offset", max_stream_duration={"grpc_timeout_header_max": "0s", "grpc_timeout_header_offset": "3597s"}),
            case("route timeout", timeout="1s"),
            case("duration", timeout="0.2s", max_stream_duration={"max_stream_duration": "1s"}),
            case("old maximum", timeout="0.2s", max_grpc_timeout="1s"),
            case("retry unavailable", retry_policy={"retry_on": "unavailable", "num_retries": 3}),
            case("retry others", retry_policy={"retry_on": "cancelled,deadline-exceeded,internal,resource-exhausted",
                                               "num_retries": 1}),
            route("gone", headers={"case": "gone"}), route("empty", headers={"case": "empty"}),
            {"match": {"prefix": "/", "headers": [{"name": "case", "string_match": {"exact": "refused"}}]},
             "direct_response": {"status": 403, "body": {"inline_string": "not for you: 100%"}}},
            {"match": {"prefix": "/baton.test.Echo/", "grpc": {}}, "route": {"cluster": name, "timeout": "0s"}},
            route(name, headers={"x-grpc-web": "1"}),
        ], before_router, use_remote_address=False,
            internal_address_config={"cidr_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]},
            access_log=[{"name": "log", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog",
            "log_format": {"text_format_source": {"inline_string":
                           "LOG %REQ(:PATH)% %RESPONSE_FLAGS% %GRPC_STATUS% %GRPC_STATUS_NUMBER% %PROTOCOL%\n"}}}}])

    process = baton(bootstrap([
        listener("plain", filters("plain")), listener("web", filters("plain", GRPC_WEB)),
        listener("tls", filters("tls"), tls=tls_context(certificate, alpn_protocols=["h2"])),
    ], clusters))
    return Edge(process, servers, chain)


transports = pytest.mark.parametrize("transport", ["plain", "tls"])


@transports
def test_a_unary_call_brings_metadata_both_ways_and_trailers(edge, transport):
    seen = edge.call(transport, "unary", metadata={"greeting": "hello"})
    assert seen["code"] == OK and seen["same"]
    assert seen["initial"]["seen"] == "hello"
    assert seen["initial"]["deadline-ms"] == "none"
    assert seen["trailers"] == {"trailing": "after", "trailing-bin": "0001feff"}
    assert "LOG /baton.test.Echo/Unary - OK 0 HTTP/2" in edge.log()


@transports
def test_messages_of_ten_megabytes_pass_both_ways(edge, transport):
    seen = edge.call(transport, "unary", size=10 << 20)
    assert seen["code"] == OK and seen["same"] and seen["bytes"] == 10 << 20


@transports
def test_many_calls_share_a_connection(edge, transport):
    assert edge.call(transport, "many", count=300) == {"ok": 300}
    assert edge.process.stat(f"cluster.{transport}.upstream_cx_total") == 1
    assert edge.process.stat(f"cluster.{transport}.upstream_rq_completed") == 300


@transports
def test_a_client_streams(edge, transport):
    seen = edge.call(transport, "sum", count=200, size=50_000)
    assert (seen["code"], seen["answer"]) == (OK, "200 10000000")


@transports
def test_a_server_streams(edge, transport):
    seen = edge.call(transport, "repeat", count=200, size=50_000)
    assert (seen["code"], seen["messages"], seen["bytes"]) == (OK, 200, 10_000_000)
    assert seen["trailers"]["trailing"] == "after"


@transports
@pytest.mark.parametrize("size", [1, 100_000])
def test_both_sides_stream_and_no_message_waits_for_the_next_one(edge, transport, size):
    seen = edge.call(transport, "chat", count=100, size=size)
    assert (seen["code"], seen["echoed"]) == (OK, 100)


@transports
def test_an_error_without_any_message_is_trailers_only(edge, transport):
    seen = edge.call(transport, "unary", metadata={"fail-as": "7 1 once"})
    assert (seen["code"], seen["details"]) == (PERMISSION_DENIED, "failed as asked, 100% (ä)")
    assert seen["trailers"]["failed-before"] == "0"
    assert edge.call(transport, "unknown_method")["code"] == UNIMPLEMENTED


@transports
def test_the_deadline_of_the_client_reaches_the_server(edge, transport):
    seen = edge.call(transport, "unary", deadline_ms=3_600_000)
    assert seen["code"] == OK
    assert 3_000_000 < int(seen["initial"]["deadline-ms"]) <= 3_600_000


@transports
def test_a_client_that_gives_up_at_its_deadline_resets_the_call_upstream(edge, transport):
    assert edge.call(transport, "hang", deadline_ms=3000)["code"] == DEADLINE_EXCEEDED
    edge.servers[transport].wait_for_line("Hang cancelled")


@pytest.mark.parametrize("case", ["at most 1 s", "offset"])
def test_the_proxy_ends_a_call_at_the_deadline_that_the_route_makes_of_it(edge, case):
    seen = edge.call("plain", "hang", deadline_ms=3_600_000, metadata={"case": case})
    assert (seen["code"], seen["details"]) == (DEADLINE_EXCEEDED, "downstream duration timeout")
    edge.servers["plain"].wait_for_line("Hang cancelled")
    assert edge.process.stat("http.test.downstream_rq_max_duration_reached") == 1
    assert "LOG /baton.test.Echo/Hang DT DeadlineExceeded 4" in edge.log()


def test_a_route_that_allows_any_deadline_waits_as_long_as_asked(edge):
    seen = edge.call("plain", "unary", deadline_ms=3_600_000, metadata={"case": "as asked"})
    assert seen["code"] == OK
    seen = edge.call("plain", "unary", metadata={"case": "as asked"})
    assert seen["code"] == OK, "without a deadline there is no limit"


@pytest.mark.parametrize("case, code, details", [
    ("duration", DEADLINE_EXCEEDED, "downstream duration timeout"),
    ("old maximum", UNAVAILABLE, "upstream request timeout"),
])
def test_a_limit_for_calls_takes_the_place_of_the_timeout_of_the_route(edge, case, code, details):
    before = time.monotonic()
    seen = edge.call("plain", "hang", deadline_ms=3_600_000, metadata={"case": case})
    assert (seen["code"], seen["details"]) == (code, details)
    assert time.monotonic() - before >= 0.9
    edge.servers["plain"].wait_for_line("Hang cancelled")


def test_a_stream_over_its_deadline_is_reset_after_its_first_message(edge):
    seen = edge.call("plain", "hanging_stream", deadline_ms=3_600_000, metadata={"case": "at most 1 s"})
    assert seen["messages"] == 1
    assert seen["code"] != OK
    edge.servers["plain"].wait_for_line("HangingStream cancelled")


@transports
@pytest.mark.parametrize("scenario", ["cancel", "leave"])
def test_a_cancelled_stream_is_cancelled_upstream(edge, transport, scenario):
    if scenario == "cancel":
        assert edge.call(transport, "cancel")["code"] == CANCELLED
    else:
        with pytest.raises(AssertionError, match="ended with -9"):
            edge.call(transport, "leave")
    edge.servers[transport].wait_for_line("HangingStream cancelled")
    wait_for(lambda: edge.process.stat(f"cluster.{transport}.upstream_rq_active") == 0, "the stream to be over")
    assert edge.process.stat(f"cluster.{transport}.upstream_cx_active") == 1, "other streams live on"


@transports
@pytest.mark.parametrize("case, code, details", [
    ("gone", UNAVAILABLE, "upstream connect error or disconnect/reset before headers. "),
    ("empty", UNAVAILABLE, "no healthy upstream"),
    ("refused", PERMISSION_DENIED, "not for you: 100%"),
])
def test_what_the_proxy_answers_itself_is_a_grpc_status(edge, transport, case, code, details):
    seen = edge.call(transport, "unary", metadata={"case": case})
    assert seen["code"] == code
    assert seen["details"].startswith(details)


def test_a_call_without_a_route_is_not_implemented(edge, baton):
    process = baton(bootstrap([listener("plain", http_filter([route("x", "/elsewhere")]))], [cluster("x", 1)]))
    seen = Edge(process, {}, None).call("plain", "unary")
    assert seen["code"] == UNIMPLEMENTED


def test_statuses_of_http_become_those_of_grpc_for_calls_only(baton):
    """By HTTP/1.1 too. What is no call gets what was said."""
    codes = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 500: 2, 502: 14, 503: 14, 504: 14, 200: 2, 418: 2}
    process = baton(bootstrap([listener("web", http_filter([
        {"match": {"path": f"/{status}"}, "direct_response": {"status": status, "body": {"inline_string": "said: 100%\n"}}}
        for status in codes]))]))
    for status, code in codes.items():
        for kind in ("application/grpc", "application/grpc+json", "application/grpc; v=1"):
            answer = request(process.port("web"), f"/{status}", "POST", headers={"content-type": kind})
            assert (answer.status, answer.headers["grpc-status"], answer.body) == (200, str(code), b""), (status, kind)
            assert answer.headers["grpc-message"] == "said: 100%25%0A"
            assert answer.headers["content-type"] == "application/grpc"
    for kind in ("application/grpc-web", "application/grpcx", "application/json"):
        answer = request(process.port("web"), "/503", "POST", headers={"content-type": kind})
        assert (answer.status, answer.headers.get("grpc-status"), answer.body) == (503, None, b"said: 100%\n"), kind


def test_a_route_timeout_is_a_grpc_status(edge):
    seen = edge.call("plain", "hang", metadata={"case": "route timeout"})
    assert (seen["code"], seen["details"]) == (UNAVAILABLE, "upstream request timeout")
    edge.servers["plain"].wait_for_line("Hang cancelled")


def test_a_client_that_still_streams_sees_the_status_of_a_call_that_is_refused(edge):
    seen = edge.call("plain", "sum", count=50, size=100_000, metadata={"case": "refused"})
    assert (seen["code"], seen["details"]) == (PERMISSION_DENIED, "not for you: 100%")


@pytest.mark.parametrize("case, fail_as, code, retries", [
    ("retry unavailable", "14 2 a", OK, 2),
    ("retry unavailable", "14 9 b", UNAVAILABLE, 3),
    ("retry unavailable", "8 1 c", 8, 0),
    ("retry others", "1 1 d", OK, 1),
    ("retry others", "4 1 e", OK, 1),
    ("retry others", "13 1 f", OK, 1),
    ("retry others", "8 1 g", OK, 1),
    ("retry others", "14 1 h", UNAVAILABLE, 0),
])
def test_calls_are_retried_by_their_grpc_status(edge, case, fail_as, code, retries):
    seen = edge.call("plain", "unary", metadata={"case": case, "fail-as": fail_as})
    assert seen["code"] == code
    assert edge.process.stat("cluster.plain.upstream_rq_retry") == retries


@pytest.mark.parametrize("address, code, retries", [("10.0.0.7", OK, 2), ("192.0.2.7", UNAVAILABLE, 0)])
def test_an_internal_client_may_ask_for_retries_by_a_header(edge, address, code, retries):
    seen = edge.call("plain", "unary", metadata={"x-envoy-retry-grpc-on": "unavailable", "x-envoy-max-retries": "2",
                                                 "x-forwarded-for": address, "fail-as": f"14 2 {address}"})
    assert seen["code"] == code
    assert edge.process.stat("cluster.plain.upstream_rq_retry") == retries


# --- gRPC-Web ---

def frames(body):
    """[(flags, payload)]"""
    found = []
    while body:
        size = int.from_bytes(body[1:5], "big")
        assert len(body) >= 5 + size, body
        found.append((body[0], body[5:5 + size]))
        body = body[5 + size:]
    return found


def message(payload):
    return b"\0" + len(payload).to_bytes(4, "big") + payload


def pieces(data, size):
    """As an iterable http.client sends each as a chunk of its own."""
    return (data[at:at + size] for at in range(0, len(data), size))


def web(edge, method, body, kind="application/grpc-web+proto", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", edge.process.port("web"), timeout=DEADLINE)
    try:
        connection.request("POST", f"/baton.test.Echo/{method}", body=body, headers={
            "content-type": kind, "accept": kind, "x-grpc-web": "1",
            **{name.replace("_", "-"): value for name, value in headers.items()}})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def trailers_of(payload):
    assert payload.endswith(b"\r\n")
    return dict(line.split(":", 1) for line in payload.decode().split("\r\n")[:-1])


def test_a_browser_makes_a_unary_call_and_finds_the_trailers_in_the_body(edge):
    response, body = web(edge, "Unary", message(b"hello"), greeting="from afar")
    assert response.status == 200
    assert response.headers["content-type"] == "application/grpc-web+proto"
    assert response.headers["seen"] == "from afar"
    (flags, answer), (last_flags, last) = frames(body)
    assert (flags, answer, last_flags) == (0, b"hello", 0x80)
    assert trailers_of(last) == {"grpc-status": "0", "grpc-message": "OK", "trailing": "after", "trailing-bin": "AAH+/w=="}


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_grpc_web_text_is_base64_both_ways(edge, chunk):
    """However the text is cut into pieces on its way."""
    text = base64.b64encode(message(b"some bytes: \0\xff"))
    response, body = web(edge, "Unary", pieces(text, chunk), kind="application/grpc-web-text")
    assert response.headers["content-type"].startswith("application/grpc-web-text")
    # Pieces are padded one by one.
    decoded = b"".join(base64.b64decode(body[at:at + 4], validate=True) for at in range(0, len(body), 4))
    (flags, answer), (last_flags, last) = frames(decoded)
    assert (flags, answer, last_flags) == (0, b"some bytes: \0\xff", 0x80)
    assert trailers_of(last)["grpc-status"] == "0"


def test_grpc_web_text_may_be_several_padded_texts(edge):
    whole = message(b"in two parts")
    text = base64.b64encode(whole[:7]) + base64.b64encode(whole[7:])
    response, body = web(edge, "Unary", text, kind="application/grpc-web-text+proto", accept="application/grpc-web+proto")
    assert response.headers["content-type"] == "application/grpc-web+proto"
    assert frames(body)[0] == (0, b"in two parts")


def test_grpc_web_streams_what_the_server_streams(edge):
    response, body = web(edge, "Repeat", message(b"40 30000"))
    *messages, (last_flags, last) = frames(body)
    assert [(flags, len(payload)) for flags, payload in messages] == [(0, 30000)] * 40
    assert last_flags == 0x80 and trailers_of(last)["grpc-status"] == "0"


def test_grpc_web_errors_are_headers_when_there_is_no_message(edge):
    response, body = web(edge, "Unary", message(b"x"), fail_as="7 1 web")
    assert (response.status, response.headers["grpc-status"], body) == (200, "7", b"")
    assert response.headers["content-type"].startswith("application/grpc-web")
    response, body = web(edge, "Unary", message(b"x"), case="empty")
    assert (response.status, response.headers["grpc-status"], body) == (200, "14", b"")
    assert response.headers["grpc-message"] == "no healthy upstream"
    assert response.headers["content-type"].startswith("application/grpc-web")


@pytest.mark.parametrize("text", [b"!!!!", base64.b64encode(message(b"x"))[:-2], b"A=AA", b"===="],
                         ids=["no base64", "cut off", "padding inside", "only padding"])
def test_grpc_web_text_that_is_not_base64_is_refused(edge, text):
    response, _ = web(edge, "Unary", text, kind="application/grpc-web-text")
    assert (response.status, response.headers["grpc-status"]) == (200, "13")


def h1(status, body=b"", **headers):
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


NO_GRPC = {
    "an error with a text": (h1("503 Service Unavailable", b"try later: 100%\n", content_type="text/plain"),
                             503, "14", "try later: 100%25%0A"),
    "an error without a text": (h1("404 Not Found"), 404, "12", None),
    "a page": (h1("200 OK", b"<p>hello</p>", content_type="text/html"), 200, "2", "<p>hello</p>"),
    "a page in pieces and with trailers": (
        b"HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n3\r\nnot\r\n4\r\n you\r\n0\r\nx-t: 1\r\n\r\n", 403, "7", "not you"),
    "an error that calls itself gRPC": (h1("502 Bad Gateway", b"gone", content_type="application/grpc"), 502, "14", "gone"),
    "a page that is too long": (h1("500 Internal Server Error", b"x" * 100_000), 500, "2", "x" * 16384),
}


@pytest.mark.parametrize("kind", ["application/grpc-web", "application/grpc-web-text+proto"])
@pytest.mark.parametrize("case", NO_GRPC)
def test_an_answer_that_is_no_grpc_becomes_a_grpc_status(baton, tcp_server, case, kind):
    answer, status, grpc_status, grpc_message = NO_GRPC[case]

    def respond(connection):
        connection.recv(65536)
        connection.sendall(answer)
    process = baton(bootstrap([listener("web", http_filter([route("one")], [GRPC_WEB]))], [cluster("one", tcp_server(respond))]))
    response, body = web(Edge(process, {}, None), "Unary", base64.b64encode(message(b"x")) if "text" in kind else message(b"x"),
                         kind=kind)
    assert (response.status, response.headers["grpc-status"], response.headers["grpc-message"], body) == (
        status, grpc_status, grpc_message, b"")
    assert response.headers["content-type"] == ("application/grpc-web-text+proto" if "text" in kind else "application/grpc-web+proto")
    assert response.headers["content-length"] == "0"


def test_a_server_that_speaks_grpc_web_itself_is_left_alone(baton, tcp_server):
    frame = message(b"x") + b"\x80" + (15).to_bytes(4, "big") + b"grpc-status:0\r\n"

    def respond(connection):
        connection.recv(65536)
        connection.sendall(h1("200 OK", frame, content_type="application/grpc-web+proto"))
    process = baton(bootstrap([listener("web", http_filter([route("one")], [GRPC_WEB]))], [cluster("one", tcp_server(respond))]))
    response, body = web(Edge(process, {}, None), "Unary", message(b"x"))
    assert (response.status, response.headers["grpc-status"], body) == (200, None, frame)


def test_grpc_web_from_another_site_is_allowed_by_cors_also_when_it_fails(baton, grpc_servers):
    cors = {"name": "envoy.filters.http.cors", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors"}}
    policy = {"envoy.filters.http.cors": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": "https://app.test"}], "allow_methods": "POST",
        "allow_headers": "content-type,x-grpc-web", "expose_headers": "grpc-status,grpc-message"}}
    process = baton(bootstrap([listener("web", http_filter(
        [{**route("empty", headers={"case": "empty"}), "typed_per_filter_config": policy},
         {**route("echo"), "typed_per_filter_config": policy}], [cors, GRPC_WEB]))],
        [cluster("echo", grpc_servers["plain"].port, typed_extension_protocol_options=H2), cluster("empty")]))
    edge = Edge(process, {}, None)
    asked = request(process.port("web"), "/baton.test.Echo/Unary", "OPTIONS", headers={
        "origin": "https://app.test", "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-grpc-web"})
    assert (asked.status, asked.headers["access-control-allow-headers"]) == (200, "content-type,x-grpc-web")
    for case, status in (("none", None), ("empty", "14")):
        response, _ = web(edge, "Unary", message(b"hello"), origin="https://app.test", case=case)
        assert response.headers["grpc-status"] == status
        assert response.headers["access-control-allow-origin"] == "https://app.test"
        assert response.headers["access-control-expose-headers"] == "grpc-status,grpc-message"


def test_a_grpc_client_passes_the_web_filter_as_it_is(edge):
    seen = edge.call("web", "chat", count=5, size=1000)
    assert (seen["code"], seen["echoed"]) == (OK, 5)


# --- Statistics ---

def grpc_counts(process):
    counts = process.stats("cluster.echo.grpc.")
    return {name.removeprefix("cluster.echo.grpc."): value for name, value in counts.items() if value}


@pytest.mark.parametrize("settings, unary, others", [
    ({"stats_for_all_methods": True}, "baton.test.Echo.Unary.", "baton.test.Echo.Sum."),
    ({"stats_for_all_methods": True, "replace_dots_in_grpc_service_name": True},
     "baton_test_Echo.Unary.", "baton_test_Echo.Sum."),
    ({"individual_method_stats_allowlist": {"services": [{"name": "baton.test.Echo", "method_names": ["Unary", "Chat"]}]}},
     "baton.test.Echo.Unary.", ""),
])
def test_calls_and_messages_are_counted_by_method(baton, grpc_servers, settings, unary, others):
    process = baton(bootstrap([listener("plain", http_filter([route("echo")], [grpc_stats(**settings)]))],
                              [cluster("echo", grpc_servers["plain"].port, typed_extension_protocol_options=H2)]))
    edge = Edge(process, grpc_servers, None)
    assert edge.call("plain", "many", count=5) == {"ok": 5}
    assert edge.call("plain", "unary", metadata={"fail-as": f"7 1 {unary}{others}"})["code"] == PERMISSION_DENIED
    assert edge.call("plain", "sum", count=40, size=3000)["code"] == OK
    assert grpc_counts(process) == {
        f"{unary}total": 6, f"{unary}success": 5, f"{unary}failure": 1, f"{unary}0": 5, f"{unary}7": 1,
        f"{unary}request_message_count": 6, f"{unary}response_message_count": 5,
        f"{others}total": 1, f"{others}success": 1, f"{others}0": 1,
        f"{others}request_message_count": 40, f"{others}response_message_count": 1}


def test_all_calls_are_counted_together_when_nothing_is_said(baton, grpc_servers):
    process = baton(bootstrap([listener("plain", http_filter([route("echo")], [grpc_stats(enable_upstream_stats=True)]))],
                              [cluster("echo", grpc_servers["plain"].port, typed_extension_protocol_options=H2)]))
    edge = Edge(process, grpc_servers, None)
    assert edge.call("plain", "repeat", count=30, size=10_000)["code"] == OK
    assert edge.call("plain", "unary")["code"] == OK
    assert grpc_counts(process) == {"total": 2, "success": 2, "0": 2, "request_message_count": 2, "response_message_count": 31}
    assert "cluster.echo.grpc.upstream_rq_time" in process.admin("/stats")


def test_what_the_proxy_answers_itself_is_counted_and_other_requests_are_not(baton):
    process = baton(bootstrap([listener("plain", http_filter([route("echo")], [grpc_stats(stats_for_all_methods=True)]))],
                              [cluster("echo", typed_extension_protocol_options=H2)]))
    assert Edge(process, {}, None).call("plain", "unary")["code"] == UNAVAILABLE
    for path in ("/baton.test.Echo/Unary", "/", "/only-a-service", "/too/many/parts"):
        kind = "text/plain" if path.startswith("/baton") else "application/grpc"
        request(process.port("plain"), path, "POST", headers={"content-type": kind})
    counts = grpc_counts(process)
    # The answer may come before the message.
    counts.pop("baton.test.Echo.Unary.request_message_count", None)
    assert counts == {"baton.test.Echo.Unary.total": 1, "baton.test.Echo.Unary.failure": 1, "baton.test.Echo.Unary.14": 1}


def test_a_server_whose_calls_fail_is_ejected(baton, grpc_servers):
    """Every answer has the status 200; the grpc-status counts, in trailers too."""
    process = baton(bootstrap([listener("plain", http_filter([route("echo")]))], [cluster(
        "echo", grpc_servers["plain"].port, typed_extension_protocol_options=H2, common_lb_config={"healthy_panic_threshold": {}},
        outlier_detection={"consecutive_5xx": 3, "base_ejection_time": "300s", "max_ejection_percent": 100})]))
    edge = Edge(process, grpc_servers, None)
    for i in range(3):
        assert edge.call("plain", "unary", metadata={"fail-as": f"7 1 not-its-fault-{i}"})["code"] == PERMISSION_DENIED
        assert edge.call("plain", "unary", metadata={"fail-as": f"14 1 one-is-too-few-{i}"})["code"] == UNAVAILABLE
        assert edge.call("plain", "unary")["code"] == OK
    assert process.stat("cluster.echo.outlier_detection.ejections_active") == 0
    for i in range(3):
        assert edge.call("plain", "unary", metadata={"fail-as": f"14 1 at-fault-{i}"})["code"] == UNAVAILABLE
    wait_for(lambda: process.stat("cluster.echo.outlier_detection.ejections_active") == 1, "the ejection")
    assert edge.call("plain", "unary")["details"] == "no healthy upstream"
