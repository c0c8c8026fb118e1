"""Routing through the real binary: one Baton with many virtual hosts, each a case; upstreams name themselves."""

import pytest

from conftest import (Baton, Echo, ThreadingServer, bootstrap, cluster, forward_all, http_filter, listener, request,
                      wait_for)

NAMES = ("one", "two", "three")


def answer(text, **match):
    return {"match": match, "direct_response": {"status": 200, "body": {"inline_string": text}}}


def host(name, routes, domains=None, **fields):
    return {"name": name, "domains": domains or [f"{name}.test"], "routes": routes, **fields}


def to(name, match=None, **route):
    return {"match": match or {"prefix": "/"}, "route": {"cluster": name, **route}}


def header(key, value, action=None):
    return {"header": {"key": key, "value": value}, **({"append_action": action} if action else {})}


def by_header(**matcher):
    return [answer("yes", prefix="/", headers=[{"name": "x-a", **matcher}]), answer("no", prefix="/")]


def by_query(**matcher):
    return [answer("yes", prefix="/", query_parameters=[{"name": "q", **matcher}]), answer("no", prefix="/")]


def redirect(**fields):
    return [{"match": {"prefix": "/old"}, "redirect": fields}]


HOSTS = [
    # Domains.
    host("exact", [answer("exact", prefix="/")], ["www.a.test"]),
    host("suffix", [answer("suffix", prefix="/")], ["*.a.test"]),
    host("long-suffix", [answer("long suffix", prefix="/")], ["*.b.a.test"]),
    host("hyphen-suffix", [answer("hyphen suffix", prefix="/")], ["*-x.c.test"]),
    host("prefix", [answer("prefix", prefix="/")], ["www.a.*"]),
    host("long-prefix", [answer("long prefix", prefix="/")], ["www.a.b.*"]),
    host("any", [answer("any", prefix="/")], ["*"]),
    # Paths.
    host("paths", [
        answer("path", path="/p"), answer("insensitive", path="/CaSe", case_sensitive=False),
        answer("separated", path_separated_prefix="/sep"), answer("regex", safe_regex={"regex": "/r[0-9]+"}),
        answer("first", prefix="/two"), answer("second", prefix="/two/more"),
        answer("insensitive prefix", prefix="/PRE", case_sensitive=False), answer("other", prefix="/")]),
    # Headers.
    host("h-exact", by_header(string_match={"exact": "v"})),
    host("h-exact-ci", by_header(string_match={"exact": "V", "ignore_case": True})),
    host("h-prefix", by_header(string_match={"prefix": "v"})),
    host("h-suffix", by_header(string_match={"suffix": "v"})),
    host("h-contains", by_header(string_match={"contains": "v"})),
    host("h-regex", by_header(string_match={"safe_regex": {"regex": "v+"}})),
    host("h-present", by_header(present_match=True)),
    host("h-absent", by_header(present_match=False)),
    host("h-present-inv", by_header(present_match=True, invert_match=True)),
    host("h-range", by_header(range_match={"start": -5, "end": 10})),
    host("h-inv", by_header(string_match={"exact": "v"}, invert_match=True)),
    host("h-empty", by_header(string_match={"exact": ""}, treat_missing_header_as_empty=True)),
    host("h-inv-empty", by_header(string_match={"exact": "v"}, invert_match=True, treat_missing_header_as_empty=True)),
    host("h-old-exact", by_header(exact_match="v")),
    host("h-method", [answer("yes", prefix="/", headers=[{"name": ":method", "string_match": {"exact": "POST"}}]),
                      answer("no", prefix="/")]),
    # Query parameters.
    host("q-present", by_query(present_match=True)),
    host("q-exact", by_query(string_match={"exact": "v"})),
    host("q-regex", by_query(string_match={"safe_regex": {"regex": "v+"}})),
    # Shares.
    host("f-none", [answer("yes", prefix="/", runtime_fraction={"default_value": {"numerator": 0}}),
                    answer("no", prefix="/")]),
    host("f-all", [answer("yes", prefix="/", runtime_fraction={"default_value": {"numerator": 100}}),
                   answer("no", prefix="/")]),
    # Clusters.
    host("weighted", [{"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": [
        {"name": "one", "weight": 1}, {"name": "two", "weight": 3}, {"name": "three", "weight": 0}]}}}]),
    host("by-header", [{"match": {"prefix": "/"}, "route": {"cluster_header": "x-cluster"}}]),
    # Rewrites.
    host("rewrite", [
        to("one", {"prefix": "/api/"}, prefix_rewrite="/"), to("one", {"path": "/whole"}, prefix_rewrite="/other"),
        to("one", {"prefix": "/re"}, regex_rewrite={"pattern": {"regex": "^/re/([^/]+)/(.*)$"},
                                                     "substitution": r"/\2/\1"}),
        to("one", {"prefix": "/host"}, host_rewrite_literal="new.test"),
        to("one", {"prefix": "/from-header"}, host_rewrite_header="x-host"),
        to("one", {"prefix": "/from-path"}, host_rewrite_path_regex={"pattern": {"regex": "^/from-path/([^/]+).*$"},
                                                                      "substitution": r"\1"}),
        to("one", {"prefix": "/forwarded"}, host_rewrite_literal="new.test", append_x_forwarded_host=True),
        to("one")]),
    # Redirects.
    host("r-host", redirect(host_redirect="new.test")),
    host("r-path", redirect(path_redirect="/new")),
    host("r-prefix", redirect(prefix_rewrite="/new")),
    host("r-https", redirect(https_redirect=True)),
    host("r-scheme", redirect(scheme_redirect="ftp")),
    host("r-port", redirect(port_redirect=8443)),
    host("r-strip", redirect(path_redirect="/new", strip_query=True)),
    host("r-302", redirect(path_redirect="/new", response_code="FOUND")),
    host("r-303", redirect(path_redirect="/new", response_code="SEE_OTHER")),
    host("r-307", redirect(path_redirect="/new", response_code="TEMPORARY_REDIRECT")),
    host("r-308", redirect(path_redirect="/new", response_code="PERMANENT_REDIRECT")),
    host("r-regex", redirect(regex_rewrite={"pattern": {"regex": "^/old/(.*)$"}, "substitution": r"/new/\1"})),
    host("tls-all", [answer("plain", prefix="/")], require_tls="ALL"),
    host("direct", [{"match": {"prefix": "/"}, "direct_response": {"status": 418, "body": {"inline_string": "tea"}},
                     "response_headers_to_add": [header("x-pot", "%RESPONSE_CODE%")]}]),
    # Header edits.
    host("edits", [{"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": [
        {"name": "one", "weight": 1, "request_headers_to_add": [header("x-order", "weight")],
         "response_headers_to_add": [header("x-order", "weight")]}]}},
        "request_headers_to_add": [header("x-order", "route"), header("x-new", "%REQ(x-absent)%"),
                                   header("x-host", "%REQ(:AUTHORITY)%"),
                                   header("x-over", "b", "OVERWRITE_IF_EXISTS_OR_ADD"),
                                   header("x-if-absent", "b", "ADD_IF_ABSENT"),
                                   header("x-if-there", "b", "OVERWRITE_IF_EXISTS"),
                                   header("x-percent", "100%%")],
        "request_headers_to_remove": ["x-secret"],
        "response_headers_to_add": [header("x-order", "route")],
        "response_headers_to_remove": ["content-type"]}],
         request_headers_to_add=[header("x-order", "host")], response_headers_to_add=[header("x-order", "host")]),
    # Mirrors and filters.
    host("mirror", [to("one", request_mirror_policies=[{"cluster": "two"}])]),
    host("mirror-none", [to("one", request_mirror_policies=[
        {"cluster": "two", "runtime_fraction": {"default_value": {"numerator": 0}}}])]),
    *[host(f"many-{number}", [answer(str(number), prefix="/")]) for number in range(1000)],
]


class Routing:
    def __init__(self, directory):
        self.servers = {}
        for name in NAMES:
            self.servers[name] = ThreadingServer(type(name, (Echo,), {"server_name": name}))
        web = http_filter([])
        web["typed_config"]["route_config"] = {
            "virtual_hosts": HOSTS, "request_headers_to_add": [header("x-order", "table")],
            "response_headers_to_add": [header("x-order", "table")]}
        self.baton = Baton(directory, bootstrap(
            [listener("web", web)], [cluster(name, server.server_address[1]) for name, server in self.servers.items()]))
        self.baton.wait_ready()
        self.port = self.baton.port("web")

    def get(self, host, path="/", method="GET", **headers):
        return request(self.port, path, method, headers={"host": host, **{
            name.replace("_", "-"): value for name, value in headers.items()}})

    def text(self, host, path="/", **headers):
        return self.get(host, path, **headers).body.decode()

    def end(self):
        self.baton.end()
        for server in self.servers.values():
            server.end()
        assert self.baton.process.returncode == 0, self.baton.output()[-3000:]


@pytest.fixture(scope="module")
def routing(tmp_path_factory):
    started = Routing(tmp_path_factory.mktemp("routing"))
    yield started
    started.end()


@pytest.mark.parametrize("name, expected", [
    ("www.a.test", "exact"), ("WWW.A.Test", "exact"), ("x.a.test", "suffix"), ("y.x.a.test", "suffix"),
    ("x.b.a.test", "long suffix"), ("b.a.test", "suffix"), ("a.test", "any"), (".a.test", "any"),
    ("v-x.c.test", "hyphen suffix"), ("-x.c.test", "any"), ("www.a.org", "prefix"), ("www.a.b.org", "long prefix"),
    ("www.a.test:81", "prefix"), ("other", "any"), ("many-0.test", "0"), ("many-999.test", "999")])
def test_the_most_specific_domain_wins(routing, name, expected):
    assert routing.text(name) == expected


@pytest.mark.parametrize("path, expected", [
    ("/p", "path"), ("/p?q=1", "path"), ("/p/", "other"), ("/P", "other"), ("/case", "insensitive"),
    ("/sep", "separated"), ("/sep/x", "separated"), ("/sep?x", "separated"), ("/separate", "other"),
    ("/r12", "regex"), ("/r12?x=y", "regex"),
    ("/r12x", "other"), ("/xr12", "other"), ("/two/more", "first"), ("/twofold", "first"),
    ("/prefix", "insensitive prefix"),
    ("/", "other")])
def test_the_first_route_whose_path_matches_wins(routing, path, expected):
    assert routing.text("paths.test", path) == expected


@pytest.mark.parametrize("name, value, expected", [
    ("exact", "v", "yes"), ("exact", "V", "no"), ("exact", "vv", "no"), ("exact", None, "no"), ("exact-ci", "v", "yes"),
    ("prefix", "vx", "yes"), ("prefix", "xv", "no"), ("suffix", "xv", "yes"), ("suffix", "vx", "no"),
    ("contains", "xvx", "yes"), ("contains", "x", "no"), ("regex", "vvv", "yes"), ("regex", "vx", "no"),
    ("present", "", "yes"), ("present", None, "no"), ("absent", None, "yes"), ("absent", "v", "no"),
    ("present-inv", None, "yes"), ("present-inv", "v", "no"), ("range", "-5", "yes"), ("range", "9", "yes"),
    ("range", "10", "no"), ("range", "1x", "no"), ("range", "", "no"), ("range", "5", "yes"),
    ("inv", "x", "yes"), ("inv", "v", "no"), ("inv", None, "no"), ("empty", None, "yes"), ("empty", "x", "no"),
    ("inv-empty", None, "yes"), ("old-exact", "v", "yes"), ("old-exact", "w", "no")])
def test_headers_match_as_their_matchers_say(routing, name, value, expected):
    assert routing.text(f"h-{name}.test", **({} if value is None else {"x-a": value})) == expected


def test_a_method_is_matched_as_a_header(routing):
    assert routing.get("h-method.test", method="POST").body == b"yes"
    assert routing.get("h-method.test").body == b"no"


@pytest.mark.parametrize("name, query, expected", [
    ("present", "?q", "yes"), ("present", "?q=", "yes"), ("present", "?a&q=1", "yes"), ("present", "", "no"),
    ("present", "?qq=1", "no"), ("exact", "?q=v", "yes"), ("exact", "?q=w", "no"), ("exact", "?q=w&q=v", "no"),
    ("regex", "?q=vv", "yes"), ("regex", "?q=vx", "no")])
def test_query_parameters_match_as_their_matchers_say(routing, name, query, expected):
    assert routing.text(f"q-{name}.test", "/" + query) == expected


def test_a_share_of_none_and_of_all_are_exact(routing):
    assert {routing.text("f-none.test") for _ in range(20)} == {"no"}
    assert {routing.text("f-all.test") for _ in range(20)} == {"yes"}


def test_weighted_clusters_get_their_shares_and_one_of_no_weight_nothing(routing):
    chosen = [routing.get("weighted.test").json()["server"] for _ in range(200)]
    # 150 expected of 200, deviation 6: eight of them either way.
    assert 100 < chosen.count("two") < 199 and chosen.count("three") == 0


def test_a_cluster_is_named_by_a_header(routing):
    assert routing.get("by-header.test", x_cluster="two").json()["server"] == "two"
    assert routing.get("by-header.test", x_cluster="absent").status == 503
    assert routing.get("by-header.test").status == 503


@pytest.mark.parametrize("path, headers, seen_path, seen_host", [
    ("/api/x?y=/api/", {}, "/x?y=/api/", "rewrite.test"), ("/api/", {}, "/", "rewrite.test"),
    ("/whole?q", {}, "/other?q", "rewrite.test"), ("/re/a/b/c?d=e", {}, "/b/c/a?d=e", "rewrite.test"),
    ("/host", {}, "/host", "new.test"), ("/from-header", {"x-host": "h.test"}, "/from-header", "h.test"),
    ("/from-header", {}, "/from-header", "rewrite.test"),
    ("/from-path/p.test/x?y", {}, "/from-path/p.test/x?y", "p.test")])
def test_paths_and_hosts_are_rewritten(routing, path, headers, seen_path, seen_host):
    seen = routing.get("rewrite.test", path, **headers).json()
    found = dict(seen["headers"])
    assert (seen["path"], found["host"]) == (seen_path, seen_host)
    assert found.get("x-envoy-original-path") == (path if path != seen_path else None)


def test_the_host_before_a_rewrite_is_told(routing):
    assert dict(routing.get("rewrite.test", "/forwarded").json()["headers"])["x-forwarded-host"] == "rewrite.test"


@pytest.mark.parametrize("name, status, location", [
    ("host", 301, "http://new.test/old/x?q=1"), ("path", 301, "http://r-path.test/new?q=1"),
    ("prefix", 301, "http://r-prefix.test/new/x?q=1"), ("https", 301, "https://r-https.test/old/x?q=1"),
    ("scheme", 301, "ftp://r-scheme.test/old/x?q=1"), ("port", 301, "http://r-port.test:8443/old/x?q=1"),
    ("strip", 301, "http://r-strip.test/new"), ("302", 302, "http://r-302.test/new?q=1"),
    ("303", 303, "http://r-303.test/new?q=1"), ("307", 307, "http://r-307.test/new?q=1"),
    ("308", 308, "http://r-308.test/new?q=1"), ("regex", 301, "http://r-regex.test/new/x?q=1")])
def test_redirects_say_where_to(routing, name, status, location):
    response = routing.get(f"r-{name}.test", "/old/x?q=1")
    assert (response.status, response.headers["location"]) == (status, location)


def test_a_host_that_requires_tls_redirects_to_it(routing):
    response = routing.get("tls-all.test", "/x?y")
    assert (response.status, response.headers["location"]) == (301, "https://tls-all.test/x?y")


def test_a_direct_response_has_its_status_body_and_headers(routing):
    response = routing.get("direct.test")
    assert (response.status, response.body, response.headers["x-pot"]) == (418, b"tea", "418")


def test_headers_are_edited_from_the_most_to_the_least_specific(routing):
    response = routing.get("edits.test", x_over="a", x_if_absent="a", x_secret="s")
    seen = response.json()["headers"]
    assert [value for name, value in seen if name == "x-order"] == ["weight", "route", "host", "table"]
    fields = dict(seen)
    assert fields["x-over"] == "b" and fields["x-if-absent"] == "a" and fields["x-percent"] == "100%"
    assert fields["x-host"] == "edits.test"
    assert not {"x-new", "x-secret", "x-if-there"} & set(fields)
    assert "content-type" not in response.headers


def test_a_mirror_gets_a_copy_and_its_answer_goes_nowhere(routing):
    before = len(routing.servers["two"].requests)
    assert routing.get("mirror.test", "/copied", method="POST").json()["server"] == "one"
    wait_for(lambda: len(routing.servers["two"].requests) > before, "the copy")
    copy = routing.servers["two"].requests[before]
    assert copy["path"] == "/copied" and dict(copy["headers"])["host"] == "mirror.test-shadow"
    assert routing.get("mirror-none.test", "/not").json()["server"] == "one"
    assert "/not" not in [seen["path"] for seen in routing.servers["two"].requests]


TRUSTED = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3", "x-envoy-upstream-rq-timeout-ms": "77",
           "x-envoy-upstream-rq-per-try-timeout-ms": "55", "x-envoy-expected-rq-timeout-ms": "66",
           "x-envoy-upstream-alt-stat-name": "other", "x-envoy-internal": "true", "x-envoy-force-trace": "1",
           "x-envoy-retriable-status-codes": "404", "x-envoy-upstream-rq-timeout-alt-response": "true",
           "x-envoy-hedge-on-per-try-timeout": "true", "x-envoy-original-url": "http://other.test/",
           "x-envoy-ip-tags": "a", "x-envoy-external-address": "192.0.2.1"}


@pytest.mark.parametrize("internal", [True, False])
def test_what_only_our_own_may_ask_for_is_taken_from_nobody_else(baton, upstream, internal):
    server = upstream()
    ours = {"cidr_ranges": [{"address_prefix": "127.0.0.0" if internal else "192.0.2.0", "prefix_len": 8}]}
    manager = http_filter(forward_all("web"), internal_address_config=ours, use_remote_address=True)
    process = baton(bootstrap([listener("web", manager)], [cluster("web", server.server_address[1])]))
    seen = dict(request(process.port("web"), headers=TRUSTED).json()["headers"])
    assert seen.get("x-envoy-internal") == ("true" if internal else None)
    # What a try may take: as asked, or as the route says.
    assert seen["x-envoy-expected-rq-timeout-ms"] == ("55" if internal else "15000")
    if not internal:
        assert seen["x-envoy-external-address"] == "127.0.0.1"
        kept = {name for name in TRUSTED if name in seen}
        assert kept == {"x-envoy-expected-rq-timeout-ms", "x-envoy-external-address"}


def test_a_thousand_hosts_are_told_apart(baton):
    manager = http_filter([])
    manager["typed_config"]["route_config"]["virtual_hosts"] = [
        {"name": f"host-{i}", "domains": [f"host-{i}.test", f"*.wild-{i}.test", f"prefix-{i}.*"],
         "routes": [{"match": {"prefix": "/"}, "direct_response": {
             "status": 200, "body": {"inline_string": str(i)}}}]} for i in range(1000)]
    process = baton(bootstrap([listener("web", manager)]))
    for i in (0, 1, 10, 99, 500, 999):
        for host in (f"host-{i}.test", f"HOST-{i}.Test", f"a.wild-{i}.test", f"a.b.wild-{i}.test", f"prefix-{i}.net"):
            assert request(process.port("web"), headers={"host": host}).body == str(i).encode(), host
    for host in ("host-1000.test", "wild-5.test", "prefix-5", "host-5.test.", "x"):
        assert request(process.port("web"), headers={"host": host}).status == 404, host


def test_mirrors_have_their_share_and_the_host_they_are_told(baton, upstream):
    server, copy = upstream(), upstream()
    half = {"cluster": "copy", "runtime_fraction": {"default_value": {"numerator": 50}}}
    routes = [{"match": {"path": "/half"}, "route": {"cluster": "web", "request_mirror_policies": [half]}},
              {"match": {"prefix": "/"}, "route": {"cluster": "web", "request_mirror_policies": [
                  {"cluster": "copy"}, {"cluster": "copy", "disable_shadow_host_suffix_append": True}]}}]
    process = baton(bootstrap([listener("web", http_filter(routes))],
                              [cluster("web", server.server_address[1]), cluster("copy", copy.server_address[1])]))
    body = b"b" * 20000
    assert request(process.port("web"), "/both", method="POST", body=body, headers={"host": "a.test:81"}).status == 200
    wait_for(lambda: len(copy.requests) == 2, "both copies")
    assert {dict(seen["headers"])["host"] for seen in copy.requests} == {"a.test-shadow:81", "a.test:81"}
    assert [seen["body_bytes"] for seen in copy.requests] == [20000, 20000]
    for _ in range(200):
        request(process.port("web"), "/half")
    wait_for(lambda: process.stat("cluster.copy.upstream_rq_active") == 0, "the copies to end")
    assert 50 < len(copy.requests) - 2 < 150
