"""Redirects of the upstream that Baton follows in place of the client."""
import socket
import struct
import threading

import pytest
from conftest import Baton, bootstrap, cluster, http_filter, listener, request, wait_for
from scripted_server import Hang, ScriptedServer, response, scripted  # noqa: F401

CASES = {  # path: (policy, answer of the upstream)
    "plain": ({}, response(302, location="http://other.test/end?q=1#fragment")),
    "no-path": ({}, response(302, location="http://other.test")),
    "query-only": ({}, response(302, location="http://other.test?q=1")),
    "see-other": ({"redirect_response_codes": [303, 307]}, response(303, location="http://other.test/end")),
    "temporary": ({"redirect_response_codes": [303, 307]}, response(307, location="http://other.test/end")),
    "cross": ({"allow_cross_scheme_redirect": True}, response(302, location="https://other.test/end")),
    "copied": ({"response_headers_to_copy": ["X-Token", "X-Gone"]},
               response(302, location="http://other.test/end", x_token="t")),
    "body": ({}, response(302, b"moved", location="http://other.test/end")),
    # Not followed, for these reasons.
    "other-status": ({}, response(301, location="http://other.test/end")),
    "no-location": ({}, response(302)),
    "relative": ({}, response(302, location="/end")),
    "other-scheme": ({}, response(302, location="ftp://other.test/end")),
    "user": ({}, response(302, location="http://user@other.test/end")),
    "space": ({}, response(302, location="http://other.test/end HTTP/1.1")),
    "no-host": ({}, response(302, location="http:///end")),
    "bad-port": ({}, response(302, location="http://other.test:70000/end")),
    "bad-host": ({}, response(302, location="http://other.test%zz/end")),
    "tls": ({}, response(302, location="https://other.test/end")),
    "no-route": ({}, response(302, location="http://nowhere.test/end")),
    "none": ({"max_internal_redirects": 0}, response(302, location="http://other.test/end")),
    "loop": ({"max_internal_redirects": 3}, response(302, location="http://web.test/loop")),
    "off": (None, response(302, location="http://other.test/end")),
}


@pytest.fixture(scope="module")
def following(tmp_path_factory):
    directory = tmp_path_factory.mktemp("following")
    server = ScriptedServer()
    routes = []
    for name, (policy, answer) in CASES.items():
        server.script[f"/{name}"] = [answer]
        route = {"cluster": "web"} if policy is None else {"cluster": "web", "internal_redirect_policy": policy}
        routes.append({"match": {"path": f"/{name}"}, "route": route, "request_headers_to_add": [
            {"header": {"key": "x-first", "value": "yes"}}]})
    server.script["/end"] = server.script["/"] = [response(200, b"the end")]
    manager = http_filter([])
    other = {"match": {"prefix": "/"}, "route": {"cluster": "web", "prefix_rewrite": "/"}, "request_headers_to_add": [
        {"header": {"key": "x-second", "value": "yes"}}], "response_headers_to_add": [
        {"header": {"key": "x-from", "value": "second"}}]}
    manager["typed_config"]["route_config"]["virtual_hosts"] = [
        {"name": "web", "domains": ["web.test"], "routes": routes},
        {"name": "other", "domains": ["other.test"], "routes": [other]}]
    manager["typed_config"]["access_log"] = [{"name": "log", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(directory / "access.log"), "log_format": {"text_format_source": {"inline_string":
            "%REQ(:AUTHORITY)%%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS%\n"}}}}]
    process = Baton(directory, bootstrap([listener("web", manager)], [cluster("web", server.port)]),
                    "--file-flush-interval-msec", 10)
    process.server = server
    process.access_log = directory / "access.log"
    with process.ready(server):
        yield process


def ask(following, name, **fields):
    headers = {"host": "web.test", **fields.pop("headers", {})}
    return request(following.port("web"), f"/{name}", headers=headers, **fields)


def last(following, path):
    _, head, body = following.server.seen[path][-1]
    start, *lines = head.strip().split("\r\n")
    return start, dict(line.split(": ", 1) for line in lines), body


def test_the_client_gets_the_answer_from_where_it_would_have_been_sent(following):
    before = following.stats()
    answer = ask(following, "plain")
    assert (answer.status, answer.body) == (200, b"the end")
    # It went through the other route, and only that one edited it.
    assert answer.headers["x-from"] == "second"
    start, headers, _ = last(following, "/end")
    assert start == "GET /end?q=1 HTTP/1.1"
    assert headers["host"] == "other.test"
    assert headers["x-second"] == "yes" and "x-first" not in headers
    assert headers["x-envoy-original-url"] == "http://web.test/plain"
    after = following.stats()
    for name, more in {"cluster.web.upstream_internal_redirect_succeeded_total": 1,
                       "cluster.web.upstream_internal_redirect_failed_total": 0, "cluster.web.upstream_rq_302": 1,
                       "http.test.downstream_rq_2xx": 1, "http.test.downstream_rq_3xx": 0}.items():
        assert after.get(name, 0) - before.get(name, 0) == more, name
    wait_for(lambda: "other.test/end?q=1 200 via_upstream" in following.access_log.read_text(), "the second line")
    assert "web.test/plain 302 internal_redirect\n" in following.access_log.read_text()


@pytest.mark.parametrize("name,path", [("no-path", "/"), ("query-only", "/?q=1"), ("cross", "/end"), ("body", "/end")])
def test_any_absolute_url_will_do(following, name, path):
    answer = ask(following, name)
    assert (answer.status, answer.body) == (200, b"the end")
    assert last(following, path.split("?")[0])[0] == f"GET {path} HTTP/1.1"


def test_headers_of_the_redirect_are_copied_as_configured(following):
    assert ask(following, "copied", headers={"x-token": "old", "x-gone": "old"}).status == 200
    headers = last(following, "/end")[1]
    assert headers["x-token"] == "t" and "x-gone" not in headers


def test_a_303_is_fetched_and_a_307_is_sent_again_with_its_body(following):
    body = b"b" * 5000
    assert ask(following, "see-other", method="POST", body=body).body == b"the end"
    start, headers, seen = last(following, "/end")
    assert (start, seen) == ("GET /end HTTP/1.1", b"")
    assert "content-length" not in headers
    assert ask(following, "temporary", method="POST", body=body).body == b"the end"
    start, _, seen = last(following, "/end")
    assert (start, seen) == ("POST /end HTTP/1.1", body)


def test_a_body_that_was_not_kept_is_not_sent_again(following):
    answer = ask(following, "temporary", method="POST", body=b"b" * 3_000_000)
    assert (answer.status, answer.headers["location"]) == (307, "http://other.test/end")


@pytest.mark.parametrize("name,stat", [
    ("other-status", None), ("off", None), ("no-location", "failed"), ("relative", "bad_location"),
    ("other-scheme", "bad_location"), ("user", "bad_location"), ("space", "bad_location"), ("no-host", "bad_location"),
    ("bad-port", "bad_location"), ("bad-host", "bad_location"), ("tls", "unsafe_scheme"), ("no-route", "no_route"), ("none", "too_many_redirects")])
def test_what_can_not_be_followed_is_the_clients(following, name, stat):
    before = following.stats()
    answer = ask(following, name)
    assert answer.status in (301, 302)
    after = following.stats()
    failed = "cluster.web.upstream_internal_redirect_failed_total"
    assert after[failed] - before[failed] == (0 if stat is None else 1)
    if stat not in (None, "failed"):
        counter = f"http.test.passthrough_internal_redirect_{stat}"
        assert after[counter] - before[counter] == 1


def test_a_loop_ends(following):
    before = following.server.tries("/loop")
    answer = ask(following, "loop")
    assert (answer.status, answer.headers["location"]) == (302, "http://web.test/loop")
    assert following.server.tries("/loop") - before == 4


def test_many_clients_are_redirected_at_once_over_kept_connections(following):
    wrong = []

    def client():
        for _ in range(25):
            answer = ask(following, "plain")
            if answer.body != b"the end":
                wrong.append(answer.status)

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_requests_of_one_connection_are_redirected_in_order(following):
    wanted = b"GET /plain HTTP/1.1\r\nhost: web.test\r\n\r\n" * 5
    last_one = b"GET /off HTTP/1.1\r\nhost: web.test\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", following.port("web"))) as client:
        client.sendall(wanted + last_one)
        answers = b""
        while part := client.recv(65536):
            answers += part
    assert answers.count(b"HTTP/1.1 200 ") == answers.count(b"the end") == 5
    assert answers.rindex(b"HTTP/1.1 302 ") > answers.rindex(b"the end")


def test_a_client_that_goes_ends_the_request_that_was_redirected(baton, scripted):
    server = scripted()
    server.script["/start"] = [response(302, location="http://other.test/hang")]
    server.script["/hang"] = [Hang()]
    route = {"cluster": "web", "internal_redirect_policy": {}}
    process = baton(bootstrap([listener("web", http_filter([{"match": {"prefix": "/"}, "route": route}]))],
                              [cluster("web", server.port)]))
    with socket.create_connection(("127.0.0.1", process.port("web"))) as client:
        client.sendall(b"GET /start HTTP/1.1\r\nhost: x\r\n\r\n")
        wait_for(lambda: server.tries("/hang") == 1, "the redirected request")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: "/hang" in server.given_up, "its end upstream")
    wait_for(lambda: process.stat("http.test.downstream_rq_active") == 0, "its end")
    assert process.stat("cluster.web.upstream_rq_active") == 0
