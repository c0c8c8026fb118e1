"""Hash policies: which part of a request decides on its endpoint."""
import http.client
import json
import re

import pytest
from conftest import (DEADLINE, Baton, Echo, ThreadingServer, bootstrap, cluster, http_filter, listener, request)

POLICIES = {
    "header": [{"header": {"header_name": "x-key"}}],
    "rewritten": [{"header": {"header_name": "x-key", "regex_rewrite": {
        "pattern": {"regex": "-.*$"}, "substitution": ""}}}],
    "host": [{"header": {"header_name": "host"}}],
    "query": [{"query_parameter": {"name": "k"}}],
    "address": [{"connection_properties": {"source_ip": True}}],
    "cookie": [{"cookie": {"name": "stay", "ttl": "3600s", "path": "/"}}],
    "session": [{"cookie": {"name": "stay", "ttl": "0s"}}],
    "passive": [{"cookie": {"name": "stay"}}],
    "terminal": [{"header": {"header_name": "x-first"}, "terminal": True}, {"header": {"header_name": "x-second"}}],
    "cookies": [{"cookie": {"name": "one", "ttl": "60s"}}, {"cookie": {"name": "two", "ttl": "60s", "path": "/"}}],
    "both": [{"header": {"header_name": "x-first"}}, {"header": {"header_name": "x-second"}}],
}
NAMES = [f"server-{i}" for i in range(3)]


@pytest.fixture(scope="module", params=["RING_HASH", "MAGLEV"])
def hashing(request, tmp_path_factory):
    servers = [ThreadingServer(type("Handler", (Echo,), {"server_name": name})) for name in NAMES]
    web = cluster("web", *(server.server_address[1] for server in servers), lb_policy=request.param)
    routes = [{"match": {"path": f"/{name}"}, "route": {"cluster": "web", "hash_policy": policy}}
              for name, policy in POLICIES.items()]
    process = Baton(tmp_path_factory.mktemp("hashing"), bootstrap([listener("web", http_filter(routes))], [web]))
    with process.ready(*servers):
        yield process


def chosen(process, paths, headers=lambda _: {}):
    """The server of each request, in order, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", process.port("web"), timeout=DEADLINE)
    found = []
    for i, path in enumerate(paths):
        connection.request("GET", path, headers=headers(i))
        found.append(json.loads(connection.getresponse().read())["server"])
    connection.close()
    return found


VARYING = {  # policy: (path of the nth request, its headers)
    "header": (lambda i: "/header", lambda i: {"x-key": f"key-{i}"}),
    "rewritten": (lambda i: "/rewritten", lambda i: {"x-key": f"{i}-{i}"}),
    "host": (lambda i: "/host", lambda i: {"host": f"host-{i}.test"}),
    "query": (lambda i: f"/query?a=b&k={i}", lambda i: {}),
    "cookie": (lambda i: "/cookie", lambda i: {"cookie": f"a=b; stay=value-{i}"}),
    "passive": (lambda i: "/passive", lambda i: {"cookie": f"stay=value-{i}"}),
    "terminal": (lambda i: "/terminal", lambda i: {"x-second": f"key-{i}"}),
    "both": (lambda i: "/both", lambda i: {"x-first": "same", "x-second": f"key-{i}"}),
}


@pytest.mark.parametrize("name", VARYING)
def test_one_key_is_one_endpoint_and_many_keys_are_all(hashing, name):
    path, headers = VARYING[name]
    first = chosen(hashing, [path(i) for i in range(40)], headers)
    assert first == chosen(hashing, [path(i) for i in range(40)], headers)
    assert set(first) == set(NAMES)


FIXED = {  # policy: (path of the nth request, its headers) that must not matter
    "rewritten": (lambda i: "/rewritten", lambda i: {"x-key": f"same-{i}"}),
    "query": (lambda i: f"/query?k=same&other={i}", lambda i: {}),
    "address": (lambda i: "/address", lambda i: {"x-key": f"key-{i}"}),
    "terminal": (lambda i: "/terminal", lambda i: {"x-first": "same", "x-second": f"key-{i}"}),
}


@pytest.mark.parametrize("name", FIXED)
def test_what_is_not_in_the_key_does_not_matter(hashing, name):
    path, headers = FIXED[name]
    assert len(set(chosen(hashing, [path(i) for i in range(15)], headers))) == 1


@pytest.mark.parametrize("name", ["header", "query", "passive"])
def test_a_request_without_a_key_goes_anywhere(hashing, name):
    assert len(set(chosen(hashing, [f"/{name}"] * 30))) > 1


@pytest.mark.parametrize("name,attributes", [("cookie", {"max-age=3600", "path=/", "httponly"}),
                                             ("session", {"httponly"})])
def test_a_cookie_is_made_and_leads_back(hashing, name, attributes):
    servers = set()
    for _ in range(12):
        first = request(hashing.port("web"), f"/{name}")
        value, *rest = first.headers["set-cookie"].split("; ")
        assert re.fullmatch(r'stay="?[0-9a-f]+"?', value)
        assert {part.lower() for part in rest} == attributes
        again = request(hashing.port("web"), f"/{name}", headers={"cookie": value})
        assert again.json()["server"] == first.json()["server"]
        assert "set-cookie" not in again.headers
        servers.add(first.json()["server"])
    assert len(servers) > 1


def test_no_cookie_is_made_without_a_ttl(hashing):
    assert "set-cookie" not in request(hashing.port("web"), "/passive").headers


def test_each_policy_makes_its_own_cookie_and_together_they_lead_back(hashing):
    servers = set()
    for _ in range(12):
        connection = http.client.HTTPConnection("127.0.0.1", hashing.port("web"), timeout=DEADLINE)
        connection.request("GET", "/cookies")
        response = connection.getresponse()
        made = [value.split(";")[0] for value in response.headers.get_all("set-cookie")]
        server = json.loads(response.read())["server"]
        connection.close()
        assert [value.split("=")[0] for value in made] == ["one", "two"]
        again = request(hashing.port("web"), "/cookies", headers={"cookie": "; ".join(made)})
        assert again.json()["server"] == server
        assert "set-cookie" not in again.headers
        # Only what is missing is made.
        half = request(hashing.port("web"), "/cookies", headers={"cookie": made[0]})
        assert half.headers["set-cookie"].startswith("two=")
        servers.add(server)
    assert len(servers) > 1
