"""Fields of a configuration, one by one: each has the effect that Envoy's users know. One Baton with a listener for each
case; the upstream answers with what it saw."""
import contextlib
import json
import re

import pytest

import http2_client as h2
from conftest import (Baton, ThreadingServer, bootstrap, cluster, forward_all, free_port, http_filter, listener,
                      raw, request)

TYPE = "type.googleapis.com/envoy.extensions."
LISTENERS = {}


def case(name, routes=None, filters=(), table=None, host=None, place=None, **manager):
    """A listener of that name. `table`, `host`, `place`: fields of the route table, the virtual host, the listener."""
    web = http_filter(routes or forward_all("echo"), filters, **manager)
    config = web["typed_config"]["route_config"]
    config.update(table or {})
    config["virtual_hosts"][0].update(host or {})
    LISTENERS[name] = listener(name, web, **(place or {}))


def echo(**fields):
    return {"match": {"prefix": "/"}, "route": {"cluster": "echo"}, **fields}


def answer(**fields):
    return {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "here"}}, **fields}


def add(key, value, **fields):
    return {"header": {"key": key, "value": value}, **fields}


def cors(**policy):
    return {"envoy.filters.http.cors": {"@type": TYPE + "filters.http.cors.v3.CorsPolicy", **policy}}


def per_route(name, kind, **fields):
    return {name: {"@type": TYPE + kind, **fields}}


def wrapped(name, **fields):
    return {name: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", **fields}}


def limit(tokens, **fields):
    all_of_them = {"default_value": {"numerator": 100}}
    return {"stat_prefix": "limit", "token_bucket": {"max_tokens": tokens, "fill_interval": "3600s"},
            "filter_enabled": all_of_them, "filter_enforced": all_of_them, **fields}


def limiter(tokens, disabled=False, **fields):
    return {"name": "limit", "disabled": disabled, "typed_config": {
        "@type": TYPE + "filters.http.local_ratelimit.v3.LocalRateLimit", **limit(tokens, **fields)}}


LIMIT = "filters.http.local_ratelimit.v3.LocalRateLimit"
BUFFER = {"name": "buffer", "typed_config": {"@type": TYPE + "filters.http.buffer.v3.Buffer", "max_request_bytes": 4}}
CORS = {"name": "envoy.filters.http.cors", "typed_config": {"@type": TYPE + "filters.http.cors.v3.Cors"}}

# The codec.
case("http1 only", codec_type="HTTP1")
case("http2 only", codec_type="http2")
case("header table", http2_protocol_options={"hpack_table_size": 100, "max_concurrent_streams": 7,
                                             "initial_stream_window_size": 70000})
case("proper case", [answer()], http_protocol_options={"header_key_format": {"proper_case_words": {}}})
case("relative only", http_protocol_options={"allow_absolute_url": False})
case("strict streams", stream_error_on_invalid_http_message=False)
case("lenient streams", stream_error_on_invalid_http_message=False,
     http2_protocol_options={"override_stream_error_on_invalid_http_message": True})
# What is said to the upstream of the client.
case("user agent", add_user_agent=True)
case("via", via="gate")
case("no id", generate_request_id=False)
case("foreign id", preserve_external_request_id=True, use_remote_address=True)
case("id back", always_set_request_id_in_response=True)
case("trusted hops", use_remote_address=True, xff_num_trusted_hops=1)
case("no append", use_remote_address=True, skip_xff_append=True)
case("port told", append_x_forwarded_port=True)
case("scheme", [echo(request_headers_to_add=[add("x-scheme", "%REQ(:SCHEME)%")])],
     scheme_header_transformation={"scheme_to_overwrite": "https"})
for name, fields in (("scheme as it came", {}), ("scheme of the upstream", {"match_upstream": True})):
    case(name, [echo(response_headers_to_add=[add("x-scheme", "%REQ(:SCHEME)%")])], use_remote_address=False,
         scheme_header_transformation=fields)
case("internal", [echo(request_headers_to_remove=["x-none"])], use_remote_address=True,
     internal_address_config={"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]})
case("external", use_remote_address=True, table={"internal_only_headers": ["x-secret"]})
# The answer.
case("other server", [answer()], server_name="mine")
case("absent server", server_header_transformation="APPEND_IF_ABSENT")
case("their server", server_header_transformation="PASS_THROUGH")
case("big answer", [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "x" * 5000}}}],
     table={"max_direct_response_body_size_bytes": 5000})
case("mapped", [{"match": {"prefix": "/"}, "route": {"cluster": "nobody"}}], local_reply_config={
    "body_format": {"text_format": "all %RESPONSE_CODE%"}, "mappers": [
        {"filter": {"header_filter": {"header": {"name": "x-teapot", "present_match": True}}}, "status_code": 418,
         "body": {"inline_string": "short"}, "body_format_override": {"json_format": {"b": "%LOCAL_REPLY_BODY%",
                                                                                      "a": "%RESPONSE_CODE%"},
                                                                      "json_format_options": {"sort_properties": True}},
         "headers_to_add": [add("x-mapped", "%RESPONSE_FLAGS%")]}]})


def detection(**fields):
    return {"name": "xff", "typed_config": {"@type": TYPE + "http.original_ip_detection.xff.v3.XffConfig", **fields}}


def networks(*prefixes):
    return [{"address_prefix": prefix, "prefix_len": length} for prefix, length in prefixes]


OURS = networks(("127.0.0.0", 8), ("10.0.0.0", 8), ("2001:db8::", 32))
for name, extensions in {
    "detect last": [detection()], "detect one hop": [detection(xff_num_trusted_hops=1)],
    "detect and append": [detection(skip_xff_append=False)],
    "detect trusted": [detection(xff_trusted_cidrs={"cidrs": OURS})],
    "detect through": [detection(xff_trusted_cidrs={"cidrs": OURS, "recurse": True})],
    "detect of others": [detection(xff_trusted_cidrs={"cidrs": networks(("10.0.0.0", 8)), "recurse": True})],
    "detect second": [detection(xff_num_trusted_hops=5), detection()],
}.items():
    case(name, [echo(request_headers_to_add=[add("x-client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")])],
         original_ip_detection_extensions=extensions)
case("outcome told", [echo(response_headers_to_add=[
    add("x-code", "%RESPONSE_CODE%"), add("x-details", "%RESPONSE_CODE_DETAILS%"), add("x-host", "%UPSTREAM_HOST%"),
    add("x-flags", "%RESPONSE_FLAGS%"), add("x-tries", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%")])])
case("uuid ids", request_id_extension={"typed_config": {
    "@type": TYPE + "request_id.uuid.v3.UuidRequestIdConfig", "pack_trace_reason": False,
    "use_request_id_for_trace_sampling": False}})
# Paths and hosts.
case("raw path", normalize_path=False, merge_slashes=False)
case("normal path", normalize_path=True, merge_slashes=False)
case("merged", normalize_path=False, merge_slashes=True)
case("matching port", strip_matching_host_port=True)
case("any port", strip_any_host_port=True)
case("last dot", strip_trailing_host_dot=True)
case("port aside", table={"ignore_port_in_host_matching": True}, host={"domains": ["a.test"]})
# Routes.
case("no cluster", [{"match": {"prefix": "/"}, "route": {"cluster": "none such",
                                                         "cluster_not_found_response_code": "NOT_FOUND"}}],
     table={"validate_clusters": False})
case("host name", [{"match": {"prefix": "/"}, "route": {"cluster": "named", "auto_host_rewrite": True,
                                                        "append_x_forwarded_host": True}}])
case("order", [echo(request_headers_to_add=[add("x-o", "route", append_action="OVERWRITE_IF_EXISTS_OR_ADD")])],
     table={"request_headers_to_add": [add("x-o", "table", append_action="OVERWRITE_IF_EXISTS_OR_ADD")]},
     host={"request_headers_to_add": [add("x-o", "host", append_action="OVERWRITE_IF_EXISTS_OR_ADD")]})
case("reversed order", [echo(request_headers_to_add=[add("x-o", "route", append_action="OVERWRITE_IF_EXISTS_OR_ADD")])],
     table={"request_headers_to_add": [add("x-o", "table", append_action="OVERWRITE_IF_EXISTS_OR_ADD")],
            "most_specific_header_mutations_wins": True},
     host={"request_headers_to_add": [add("x-o", "host", append_action="OVERWRITE_IF_EXISTS_OR_ADD")]})
case("empty values", [echo(request_headers_to_add=[
    add("x-kept", "%REQ(X-NONE)%", keep_empty_value=True), add("x-gone", "%REQ(X-NONE)%"),
    add("x-seen", "new", append_action="OVERWRITE_IF_EXISTS"), add("x-other", "new", append_action="OVERWRITE_IF_EXISTS"),
    add("x-first", "new", append_action="ADD_IF_ABSENT"), add("x-more", "new"),
    add("x-old", "new", append=False)])])
case("attempts", host={"include_request_attempt_count": True, "include_attempt_count_in_response": True})
case("old matchers", [answer(match={"prefix": "/", "headers": [{"name": "x-a", old: value}]}) for old, value in (
    ("prefix_match", "pre"), ("suffix_match", "fix"), ("contains_match", "mid"), ("exact_match", "all"),
    ("safe_regex_match", {"google_re2": {}, "regex": "r+"}))])
# Filters.
for name, router in (("quiet", {"suppress_envoy_headers": True}), ("uncounted", {"dynamic_stats": False}),
                     ("strict", {"strict_check_headers": ["x-envoy-upstream-rq-timeout-ms"]}),
                     ("expected", {"respect_expected_rq_timeout": True})):
    case(name, use_remote_address=True, stat_prefix=name, internal_address_config={
        "cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]})
    LISTENERS[name]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"] = [
        {"name": "router", "typed_config": {"@type": TYPE + "filters.http.router.v3.Router", **router}}]
case("cors", filters=[CORS], host={"typed_per_filter_config": cors(
    allow_origin_string_match=[{"exact": "http://good"}], allow_methods="PUT", allow_headers="x-h", expose_headers="x-e",
    max_age="7", allow_credentials=True)})
case("cors watched", filters=[CORS], stat_prefix="watched", host={"typed_per_filter_config": cors(
    allow_origin_string_match=[{"exact": "http://good"}], filter_enabled={"default_value": {"numerator": 0}},
    shadow_enabled={"default_value": {"numerator": 100}})})
case("limited", filters=[limiter(1, enable_x_ratelimit_headers="DRAFT_VERSION_03", status={"code": 503},
                                 response_headers_to_add=[add("x-limited", "yes")])])
case("limited calls", filters=[limiter(1, rate_limited_as_resource_exhausted=True)])
case("limited by connection", filters=[limiter(1, local_rate_limit_per_downstream_connection=True)])
# typed_per_filter_config at each place, as it is and wrapped.
case("settings", filters=[limiter(1000), BUFFER], host={"typed_per_filter_config": wrapped(
    "limit", config={"@type": TYPE + LIMIT, **limit(1)})}, routes=[
        echo(match={"prefix": "/host"}),
        echo(match={"prefix": "/route"}, typed_per_filter_config=per_route("limit", LIMIT, **limit(2))),
        echo(match={"prefix": "/off"}, typed_per_filter_config=wrapped("limit", disabled=True)),
        echo(match={"prefix": "/unknown"}, typed_per_filter_config=wrapped(
            "x", is_optional=True, config={"@type": "type.googleapis.com/some.other.Settings"})),
        {"match": {"prefix": "/weighted"}, "route": {"weighted_clusters": {"clusters": [
            {"name": "echo", "weight": 1, "typed_per_filter_config": wrapped(
                "limit", config={"@type": TYPE + LIMIT, **limit(3)})}]}}},
        echo(match={"prefix": "/unbuffered"}, typed_per_filter_config={
            **wrapped("limit", disabled=True), **per_route("buffer", "filters.http.buffer.v3.BufferPerRoute", disabled=True)}),
        echo(match={"prefix": "/more"}, typed_per_filter_config={
            **wrapped("limit", disabled=True), **per_route("buffer", "filters.http.buffer.v3.BufferPerRoute",
                                                           buffer={"max_request_bytes": 8})}),
        echo(match={"prefix": "/"}, typed_per_filter_config=wrapped("limit", disabled=True))])
case("off at first", filters=[limiter(1, disabled=True)], routes=[
    echo(match={"prefix": "/on"}, typed_per_filter_config=per_route("limit", LIMIT, **limit(1))),
    echo(match={"prefix": "/enabled"}, typed_per_filter_config=wrapped("limit", config={"@type": TYPE + LIMIT, **limit(1)})),
    echo()])
# Listeners and clusters.
case("proxied", [answer()])
LISTENERS["proxied"]["filter_chains"][0]["use_proxy_proto"] = True
case("unbound", place={"deprecated_v1": {"bind_to_port": False}})
case("as the client", [{"match": {"prefix": "/"}, "route": {"cluster": "as the client"}}])
case("as the client of old", [{"match": {"prefix": "/"}, "route": {"cluster": "as the client of old"}}])
case("large headers", [{"match": {"prefix": "/small"}, "route": {"cluster": "small headers"}},
                       {"match": {"prefix": "/"}, "route": {"cluster": "large headers"}}])

OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def options(**fields):
    return {"typed_extension_protocol_options": {OPTIONS: {"@type": "type.googleapis.com/" + OPTIONS, **fields}}}


class Edge:
    def __init__(self, directory):
        self.server = ThreadingServer()
        echo_port = self.server.server_address[1]
        self.back = Baton(directory, bootstrap([listener("back", http_filter(
            [answer(response_headers_to_add=[add("x-protocol", "%PROTOCOL%"), add("x-large", "y" * 9000)])]))]), name="back")
        self.back.wait_ready()
        back = self.back.port("back")
        named = cluster("named", echo_port, alt_stat_name="also")
        named["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["hostname"] = "name.test"
        named["load_assignment"]["endpoints"][0]["locality"] = {"region": "r1", "zone": "z1", "sub_zone": "s1"}
        clusters = [
            cluster("echo", echo_port), cluster("nobody", free_port()), named,
            cluster("as the client", back, **options(use_downstream_protocol_config={})),
            cluster("as the client of old", back, protocol_selection="USE_DOWNSTREAM_PROTOCOL"),
            cluster("small headers", back, **options(explicit_http_config={"http_protocol_options": {}},
                                                     common_http_protocol_options={"max_response_headers_kb": 8})),
            cluster("large headers", back),
            cluster("ring", 1, 2, lb_policy="RING_HASH", ring_hash_lb_config={"minimum_ring_size": 100,
                                                                              "maximum_ring_size": 120}),
            cluster("table", 1, 2, lb_policy="MAGLEV", maglev_lb_config={"table_size": 101}),
            cluster("new table", 1, 2, load_balancing_policy={"policies": [{"typed_extension_config": {
                "name": "maglev", "typed_config": {"@type": TYPE + "load_balancing_policies.maglev.v3.Maglev",
                                                   "table_size": 103}}}]}),
            cluster("new ring", 1, 2, load_balancing_policy={"policies": [{"typed_extension_config": {
                "name": "ring", "typed_config": {"@type": TYPE + "load_balancing_policies.ring_hash.v3.RingHash",
                                                 "minimum_ring_size": 200, "maximum_ring_size": 220}}}]}),
            {"name": "names", "cluster_type": {"name": "envoy.cluster.dns", "typed_config": {
                "@type": TYPE + "clusters.dns.v3.DnsCluster", "dns_lookup_family": "V4_ONLY"}},
             "load_assignment": cluster("names", 9)["load_assignment"]},
        ]
        self.baton = Baton(directory, bootstrap(LISTENERS.values(), clusters), "--service-cluster", "edge")
        self.baton.wait_ready()
        self.ports = {entry["name"]: entry["local_address"]["socket_address"]["port_value"]
                      for entry in json.loads(self.baton.admin("/listeners?format=json"))["listener_statuses"]}

    def get(self, name, path="/", method="GET", body=None, **headers):
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        return request(self.ports[name], path, method, body, headers)

    def seen(self, name, path="/", **headers):
        """What the upstream saw of a request: its headers, with `path` among them."""
        found = self.get(name, path, **headers).json()
        return {**dict(found["headers"]), "path": found["path"]}

    def end(self):
        self.baton.end()
        self.server.end()
        self.back.end()
        assert self.baton.process.returncode == 0, self.baton.output()[-3000:]


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    started = Edge(tmp_path_factory.mktemp("edge"))
    yield started
    started.end()


# --- the codec ---

def test_a_codec_speaks_only_its_protocol(edge):
    assert edge.get("http1 only").status == 200
    assert raw(edge.ports["http1 only"], h2.PREFACE).startswith(b"HTTP/1.1 505 ")
    client = h2.Client(edge.ports["http2 only"], False)
    client.send(h2.get())
    client.answered()
    assert b"HTTP/1.1 200" not in raw(edge.ports["http2 only"], b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" + b"x" * 100)


def test_settings_of_http2_are_told_to_the_client(edge):
    client = h2.Client(edge.ports["header table"], False, first=None)
    client.send(h2.PREFACE + h2.settings())
    payload = client.until(h2.SETTINGS)[3]
    told = {int.from_bytes(payload[i:i + 2], "big"): int.from_bytes(payload[i + 2:i + 6], "big")
            for i in range(0, len(payload), 6)}
    assert (told[h2.HEADER_TABLE_SIZE], told[h2.MAX_CONCURRENT_STREAMS], told[h2.INITIAL_WINDOW_SIZE]) == (100, 7, 70000)


def test_names_of_headers_are_written_as_words(edge):
    found = raw(edge.ports["proper case"], b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert b"\r\nContent-Length: 4\r\n" in found and b"\r\nServer: envoy\r\n" in found


def test_an_absolute_target_is_taken_apart_where_that_is_allowed(edge):
    line = b"GET http://b.test/p HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n"
    assert b'"path": "/p"' in raw(edge.ports["via"], line)
    assert b"200 OK" not in raw(edge.ports["relative only"], line)


def test_an_invalid_request_ends_its_stream_or_its_connection(edge):
    invalid = h2.get(1, (b"UPPER", b"case"))
    for name in ("via", "lenient streams"):
        client = h2.Client(edge.ports[name], False)
        client.send(invalid)
        client.refused({h2.PROTOCOL_ERROR}, stream_errors=True)
        client.is_alive()
    client = h2.Client(edge.ports["strict streams"], False)
    client.send(invalid)
    assert int.from_bytes(client.until(h2.GOAWAY)[3][4:8], "big") == h2.PROTOCOL_ERROR
    while client.next():
        pass


# --- what is said to the upstream ---

def test_a_user_agent_is_added_where_there_is_none(edge):
    plain = raw(edge.ports["user agent"], b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert b'["user-agent", "edge"]' in plain
    assert edge.seen("user agent", user_agent="mine")["user-agent"] == "mine"


def test_via_is_added_both_ways(edge):
    answered = edge.get("via", via="1.1 first")
    assert answered.headers["via"] == "gate"
    assert dict(answered.json()["headers"])["via"].replace(" ", "") == "1.1first,gate"


def test_request_ids_are_made_kept_and_told(edge):
    assert "x-request-id" not in edge.seen("no id")
    assert edge.seen("foreign id", x_request_id="theirs")["x-request-id"] == "theirs"
    # A stranger's is replaced.
    assert edge.seen("trusted hops", x_request_id="theirs", x_forwarded_for="1.2.3.4, 5.6.7.8")["x-request-id"] != "theirs"
    answered = edge.get("id back")
    assert answered.headers["x-request-id"] == dict(answered.json()["headers"])["x-request-id"]


def test_trusted_hops_say_who_the_client_is(edge):
    seen = edge.seen("trusted hops", x_forwarded_for="1.2.3.4, 5.6.7.8")
    assert seen["x-envoy-external-address"] == "5.6.7.8"
    assert seen["x-forwarded-for"].replace(" ", "") == "1.2.3.4,5.6.7.8,127.0.0.1"


def test_the_peer_is_appended_or_not(edge):
    assert edge.seen("no append", x_forwarded_for="1.2.3.4")["x-forwarded-for"] == "1.2.3.4"


@pytest.mark.parametrize("name, forwarded, client, passed", [
    ("detect last", "1.1.1.1, 2.2.2.2", "2.2.2.2", "1.1.1.1, 2.2.2.2"),
    ("detect last", "1.1.1.1, nobody", "127.0.0.1", "1.1.1.1, nobody"),
    ("detect one hop", "1.1.1.1, 2.2.2.2", "1.1.1.1", "1.1.1.1, 2.2.2.2"),
    ("detect one hop", "2.2.2.2", "127.0.0.1", "2.2.2.2"),
    ("detect and append", "1.1.1.1", "1.1.1.1", "1.1.1.1,127.0.0.1"),
    ("detect trusted", "1.1.1.1, 10.0.0.1", "10.0.0.1", "1.1.1.1, 10.0.0.1"),
    ("detect through", "9.9.9.9, 1.1.1.1, 10.0.0.1, 2001:db8::1", "1.1.1.1", "9.9.9.9, 1.1.1.1, 10.0.0.1, 2001:db8::1"),
    ("detect through", "10.0.0.2,10.0.0.1", "10.0.0.2", "10.0.0.2,10.0.0.1"),
    ("detect through", "1.1.1.1, nobody, 10.0.0.1", "10.0.0.1", "1.1.1.1, nobody, 10.0.0.1"),
    ("detect of others", "1.1.1.1", "127.0.0.1", "1.1.1.1"),
    ("detect second", "1.1.1.1, 2.2.2.2", "2.2.2.2", "1.1.1.1, 2.2.2.2"),
    ("detect last", None, "127.0.0.1", None),
])
def test_an_extension_says_who_the_client_is(edge, name, forwarded, client, passed):
    seen = edge.seen(name, **({"x_forwarded_for": forwarded} if forwarded else {}))
    assert (seen["x-client"], seen.get("x-forwarded-for")) == (client, passed)


def test_request_ids_are_uuids_with_their_extension_too(edge):
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                        edge.seen("uuid ids")["x-request-id"])


def test_the_port_is_told(edge):
    assert edge.seen("port told")["x-forwarded-port"] == str(edge.ports["port told"])
    assert "x-forwarded-port" not in edge.seen("via")


def test_the_scheme_is_overwritten(edge):
    assert edge.seen("scheme")["x-scheme"] == "https"


def test_the_scheme_is_the_upstreams(edge):
    assert edge.get("scheme as it came", x_forwarded_proto="https").headers["x-scheme"] == "https"
    assert edge.get("scheme of the upstream", x_forwarded_proto="https").headers["x-scheme"] == "http"


def test_who_is_internal_may_say_more(edge):
    assert edge.seen("internal", x_secret="s")["x-envoy-internal"] == "true"
    seen = edge.seen("external", x_secret="s")
    assert "x-envoy-internal" not in seen and "x-secret" not in seen


# --- the answer ---

def test_the_server_is_named_as_configured(edge):
    assert edge.get("other server").headers["server"] == "mine"
    assert edge.get("via").headers["server"] == "envoy"
    for name in ("absent server", "their server"):
        assert edge.get(name).headers["server"].startswith("BaseHTTP/")


def test_a_body_in_the_configuration_may_be_as_long_as_allowed(edge):
    assert len(edge.get("big answer").body) == 5000


def test_local_replies_are_mapped(edge):
    assert edge.get("mapped").body == b"all 503"
    answered = edge.get("mapped", x_teapot="yes")
    assert (answered.status, answered.headers["x-mapped"]) == (418, "UF")
    assert answered.body.strip() == b'{"a":418,"b":"short"}'
    assert answered.headers["content-type"] == "application/json"


# --- paths and hosts ---

@pytest.mark.parametrize("name, path, seen", [
    ("raw path", "/a/../b", "/a/../b"), ("normal path", "/a/../b/./c", "/b/c"), ("normal path", "/a%2Eb/%7Ec", "/a.b/~c"),
    ("raw path", "/a///b", "/a///b"), ("merged", "//a///b?c=//d", "/a/b?c=//d")])
def test_paths_are_made_normal(edge, name, path, seen):
    assert edge.seen(name, path)["path"] == seen


def test_ports_and_dots_of_hosts_are_stripped(edge):
    own = f"a.test:{edge.ports['matching port']}"
    assert edge.seen("matching port", host=own)["host"] == "a.test"
    assert edge.seen("matching port", host="a.test:1")["host"] == "a.test:1"
    assert edge.seen("any port", host="a.test:1")["host"] == "a.test"
    assert edge.seen("last dot", host="a.test.")["host"] == "a.test"
    assert edge.seen("last dot", host="a.test.:81")["host"] == "a.test:81"
    assert edge.seen("port aside", host="a.test:81")["host"] == "a.test:81"
    assert edge.get("port aside", host="b.test").status == 404


# --- routes ---

def test_a_route_may_name_a_cluster_that_is_not_there(edge):
    assert edge.get("no cluster").status == 404


def test_the_host_becomes_the_endpoints_name(edge):
    seen = edge.seen("host name", host="a.test")
    assert (seen["host"], seen["x-forwarded-host"]) == ("name.test", "a.test")
    assert edge.baton.stat("cluster.also.upstream_rq_total") >= 1
    assert edge.baton.stats("cluster.named.") == {}
    lines = edge.baton.admin("/clusters").splitlines()
    for fact in ("region::r1", "zone::z1", "sub_zone::s1"):
        assert any(line.startswith("named::127.0.0.1") and line.endswith("::" + fact) for line in lines), fact


def test_header_edits_end_with_the_table_or_with_the_route(edge):
    assert edge.seen("order")["x-o"] == "table"
    assert edge.seen("reversed order")["x-o"] == "route"


def test_headers_are_added_as_their_actions_say(edge):
    seen = edge.get("empty values", x_seen="old", x_first="old", x_more="old", x_old="old").json()["headers"]
    found = dict(seen)
    assert found["x-kept"] == "" and "x-gone" not in found and "x-other" not in found
    assert (found["x-seen"], found["x-first"], found["x-old"]) == ("new", "old", "new")
    assert [value for name, value in seen if name == "x-more"] == ["old", "new"]


def test_added_headers_know_the_outcome(edge):
    headers = edge.get("outcome told").headers
    assert (headers["x-code"], headers["x-details"], headers["x-tries"]) == ("200", "via_upstream", "1")
    assert headers["x-host"].startswith("127.0.0.1:") and "x-flags" not in headers


def test_attempts_are_counted_both_ways(edge):
    answered = edge.get("attempts")
    assert answered.headers["x-envoy-attempt-count"] == "1"
    assert dict(answered.json()["headers"])["x-envoy-attempt-count"] == "1"


@pytest.mark.parametrize("value, status", [("prefix", 200), ("suffix", 200), ("amidst", 200), ("all", 200), ("rrr", 200),
                                           ("apre", 404), ("fixed", 404), ("rra", 404)])
def test_matchers_of_old_still_match(edge, value, status):
    assert edge.get("old matchers", x_a=value).status == status


# --- filters ---

def test_the_router_is_quiet_strict_or_uncounted(edge):
    answered = edge.get("quiet")
    assert "x-envoy-upstream-service-time" not in answered.headers
    assert "x-envoy-expected-rq-timeout-ms" not in dict(answered.json()["headers"])
    assert "x-envoy-upstream-service-time" in edge.get("via").headers
    assert edge.get("strict", x_envoy_upstream_rq_timeout_ms="soon").status == 400
    assert edge.get("strict", x_envoy_upstream_rq_timeout_ms="5000").status == 200
    assert edge.seen("expected", x_envoy_expected_rq_timeout_ms="4321")["x-envoy-expected-rq-timeout-ms"] == "4321"
    before = edge.baton.stat("cluster.echo.upstream_rq_200")
    assert edge.get("uncounted").status == 200
    assert edge.baton.stat("cluster.echo.upstream_rq_200") == before


def test_a_cors_policy_answers_and_exposes(edge):
    answered = edge.get("cors", method="OPTIONS", origin="http://good", access_control_request_method="PUT")
    assert answered.status == 200 and answered.body == b""
    assert {name: value for name, value in answered.headers.items() if name.startswith("access-control-")} == {
        "access-control-allow-origin": "http://good", "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-h", "access-control-max-age": "7", "access-control-allow-credentials": "true"}
    assert edge.get("cors", origin="http://good").headers["access-control-expose-headers"] == "x-e"
    assert "access-control-allow-origin" not in edge.get("cors", origin="http://bad").headers
    assert "access-control-allow-origin" not in edge.get("cors watched", origin="http://good").headers
    assert edge.baton.stat("http.watched.cors.origin_valid") == 1


def test_a_rate_limit_refuses_as_it_is_told(edge):
    first, second = edge.get("limited"), edge.get("limited")
    assert first.status == 200 and first.headers["x-ratelimit-remaining"] == "0"
    assert second.status == 503 and second.headers["x-limited"] == "yes" and second.headers["x-ratelimit-limit"] == "1"
    call = {"content_type": "application/grpc", "te": "trailers"}
    assert edge.get("limited calls", method="POST", **call).status == 200
    assert edge.get("limited calls", method="POST", **call).headers["grpc-status"] == "8"
    for _ in range(2):
        both = b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        found = raw(edge.ports["limited by connection"], both)
        assert found.count(b"HTTP/1.1 200") == 1 and found.count(b"HTTP/1.1 429") == 1


@pytest.mark.parametrize("path, allowed", [("/host", 1), ("/route", 2), ("/weighted", 3), ("/off", 5)])
def test_settings_of_a_filter_come_from_the_most_specific_place(edge, path, allowed):
    assert [edge.get("settings", path).status for _ in range(allowed + 1)] == [200] * allowed + [
        200 if path == "/off" else 429]


def test_optional_settings_that_are_not_known_are_left_out(edge):
    # The virtual host's limit of one counts apart for each route that has no settings of its own.
    assert edge.get("settings", "/unknown").status in (200, 429)


@pytest.mark.parametrize("path, longest", [("/", 4), ("/more", 8), ("/unbuffered", 100)])
def test_a_route_changes_the_buffer_or_switches_it_off(edge, path, longest):
    assert edge.get("settings", path, "POST", b"x" * longest).status == 200
    if longest < 100:
        assert edge.get("settings", path, "POST", b"x" * (longest + 1)).status == 413


def test_a_filter_that_is_off_is_switched_on_by_a_route(edge):
    assert [edge.get("off at first").status for _ in range(3)] == [200] * 3
    for path in ("/on", "/enabled"):
        assert [edge.get("off at first", path).status for _ in range(2)] == [200, 429]


# --- listeners and clusters ---

def test_a_chain_of_old_expects_a_proxy_header(edge):
    line = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    assert b"200 OK" in raw(edge.ports["proxied"], b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + line)
    with contextlib.suppress(ConnectionResetError):
        assert raw(edge.ports["proxied"], line) == b""


def test_a_listener_of_old_is_not_bound(edge):
    assert "unbound" not in edge.ports


@pytest.mark.parametrize("name", ["as the client", "as the client of old"])
def test_the_clients_protocol_is_spoken_upstream(edge, name):
    assert edge.get(name).headers["x-protocol"] == "HTTP/1.1"
    before = edge.back.stat("http.test.downstream_rq_http2_total")
    client = h2.Client(edge.ports[name], False)
    client.send(h2.get())
    client.answered()
    assert edge.back.stat("http.test.downstream_rq_http2_total") > before


def test_large_headers_of_an_answer_pass_only_where_they_may(edge):
    assert edge.get("large headers").status == 200
    assert edge.get("large headers", "/small").status in (502, 503)


def test_tables_of_load_balancers_have_their_sizes(edge):
    assert 100 <= edge.baton.stat("cluster.ring.ring_hash_lb.size") <= 120
    assert 200 <= edge.baton.stat("cluster.new ring.ring_hash_lb.size") <= 220
    for name, size in (("table", 101), ("new table", 103)):
        assert edge.baton.stat(f"cluster.{name}.maglev_lb.min_entries_per_host") == size // 2
        assert edge.baton.stat(f"cluster.{name}.maglev_lb.max_entries_per_host") == size - size // 2


def test_a_cluster_type_for_names_finds_its_endpoints(edge):
    assert "names::127.0.0.1:9::" in edge.baton.admin("/clusters")
