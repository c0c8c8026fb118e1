"""Configurations as Envoy's users write them, read by the real binary: what is accepted, and what is said of the rest."""
import subprocess
import tempfile
import textwrap

import pytest

from conftest import (BINARY, DEADLINE, bootstrap, cluster, forward_all, http_filter, listener, request)

TYPES = "type.googleapis.com/envoy.extensions."
HCM = TYPES + "filters.network.http_connection_manager.v3.HttpConnectionManager"


def validate(path, *options):
    return subprocess.run([BINARY, "--mode", "validate", "-c", str(path), *options], capture_output=True, text=True,
                          timeout=DEADLINE)


@pytest.fixture
def check(tmp_path):
    """check(text, options...) reads a text as a bootstrap."""
    def run(text, *options):
        file = tmp_path / "bootstrap.yaml"
        file.write_text(textwrap.dedent(text))
        return validate(file, *options)
    return run


def proxy(manager="", routes="- match: {prefix: /}\n  route: {cluster: web}", filters="- name: envoy.filters.http.router",
          cluster="", chain="", top=""):
    """A front proxy with one cluster, and more fields at their places."""
    def indented(text, by):
        return textwrap.indent(textwrap.dedent(text).strip("\n"), " " * by)
    return f"""\
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - name: web
        typed_config:
          "@type": {HCM}
          stat_prefix: web
{indented(manager, 10)}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
{indented(routes, 14)}
          http_filters:
{indented(filters, 10)}
{indented(chain, 6)}
  clusters:
  - name: web
    type: STATIC
    load_assignment:
      cluster_name: web
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 1}}}}}}}}]}}]
{indented(cluster, 4)}
{indented(top, 0)}
"""


ACCEPTED = {
    "a lone map for a list of filters, listeners and clusters": """
        static_resources:
          listeners:
            address: {socket_address: {address: 127.0.0.1, port_value: 0}}
            filter_chains:
              filters:
                name: tcp
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                  stat_prefix: tcp
                  cluster: one
          clusters: {name: one}
        """,
    "enum values in any case and as numbers": proxy(cluster="lb_policy: least_request\ndns_lookup_family: 1"),
    "null for a message and for a list": proxy(chain="filter_chain_match:", cluster="health_checks:\nmetadata: null"),
    "free names of extensions": proxy(filters=f"""
        - name: anything
          typed_config: {{"@type": {TYPES}filters.http.router.v3.Router}}"""),
    "typed_config left out, or empty, for a filter that has no settings": proxy(
        filters="- name: envoy.filters.http.cors\n  typed_config: {}\n- name: envoy.filters.http.router"),
    "the router's name from before v3": proxy(filters="- name: envoy.router\n  typed_config: {}"),
    "camelCase": """
        staticResources:
          clusters:
          - name: a
            connectTimeout: 0.25s
            lbPolicy: RANDOM
            loadAssignment:
              clusterName: a
              endpoints: [{lbEndpoints: [{endpoint: {address: {socketAddress: {address: "::1", portValue: 1}}}}]}]
        """,
    "numbers in quotes": proxy(cluster='per_connection_buffer_limit_bytes: "32768"'),
    "another name in load_assignment": proxy().replace("cluster_name: web", "cluster_name: something else"),
    "an IP address in a STRICT_DNS cluster": proxy().replace("type: STATIC", "type: strict_dns"),
    "fields that have no effect": proxy(top="""
        watchdog: {}
        flags_path: /etc/envoy/flags
        node: {id: a, cluster: b, metadata: {x: 1}, user_agent_name: x}"""),
    "deprecated fields": proxy(cluster="http2_protocol_options: {}\nmax_requests_per_connection: 3",
                               manager="access_log:\n- typed_config:\n    '@type': " + TYPES +
                               "access_loggers.file.v3.FileAccessLog\n    path: /dev/null\n    format: 'x'"),
    "what is tagged !ignore, and anchors": "hidden: !ignore\n  t: &t 1s\n" + proxy(cluster="connect_timeout: *t"),
    "the same field twice with one value": proxy(cluster="name: web"),
    "a wrapper around settings of a route": proxy(routes=f"""
        - match: {{prefix: /}}
          route: {{cluster: web}}
          typed_per_filter_config:
            envoy.filters.http.cors:
              "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig
              config: {{"@type": {TYPES}filters.http.cors.v3.CorsPolicy, allow_methods: GET}}""", filters="""
        - name: envoy.filters.http.cors
        - name: envoy.filters.http.router"""),
    "an optional filter that is not known": proxy(filters="""
        - name: x
          is_optional: true
          typed_config: {"@type": type.googleapis.com/some.other.Filter}
        - name: envoy.filters.http.router"""),
    "a cluster type for names": proxy(cluster=f"""
        cluster_type:
          name: envoy.cluster.dns
          typed_config:
            "@type": {TYPES}clusters.dns.v3.DnsCluster
            dns_lookup_family: V4_ONLY
            dns_refresh_rate: 30s""").replace("type: STATIC\n", "connect_timeout: 1s\n"),
    "a load balancing policy with what lb_policy says": proxy(cluster=f"""
        lb_policy: LOAD_BALANCING_POLICY_CONFIG
        load_balancing_policy:
          policies:
          - typed_extension_config:
              name: envoy.load_balancing_policies.least_request
              typed_config:
                "@type": {TYPES}load_balancing_policies.least_request.v3.LeastRequest
                choice_count: 3"""),
    "settings as a typed struct": proxy(filters=f"""
        - name: limit
          typed_config:
            "@type": type.googleapis.com/udpa.type.v1.TypedStruct
            type_url: {TYPES}filters.http.local_ratelimit.v3.LocalRateLimit
            value: {{stat_prefix: limit, token_bucket: {{max_tokens: 1, fill_interval: 1s}}}}
        - name: envoy.filters.http.router
          typed_config: {{"@type": type.googleapis.com/xds.type.v3.TypedStruct, typeUrl: {TYPES}filters.http.router.v3.Router}}
        """),
    "metadata of anything": proxy(manager="", chain="metadata: {filter_metadata: {a: {b: c}}}", routes="""
        - match: {prefix: /}
          route: {cluster: web}
          metadata: {filter_metadata: {a: {b: {c: [1]}}}}""", cluster="metadata: {filter_metadata: {envoy.lb: {x: true}}}"),
    "a retry condition that does not exist": proxy(
        routes="- match: {prefix: /}\n  route: {cluster: web, retry_policy: {retry_on: '5xx,gateway_error,503'}}"),
    "weights of localities where nothing asks for them": proxy().replace(
        "endpoints: [{lb_endpoints", "endpoints: [{load_balancing_weight: 3, locality: {zone: a}, lb_endpoints"),
    "a listener filter with a read buffer": proxy().replace("    filter_chains:", f"""\
    listener_filters:
    - name: http
      typed_config: {{"@type": {TYPES}filters.listener.http_inspector.v3.HttpInspector, initial_read_buffer_size: 4096}}
    filter_chains:"""),
    "logs by their moment, and of traced requests": proxy(manager=f"""
        access_log:
        - filter: {{or_filter: {{filters: [{{log_type_filter: {{types: [DownstreamEnd]}}}}, {{traceable_filter: {{}}}}]}}}}
          typed_config: {{"@type": {TYPES}access_loggers.stream.v3.StdoutAccessLog}}"""),
}

REFUSED = {
    "a duration in milliseconds": (proxy(cluster="connect_timeout: 250ms"), "connect_timeout: expected a duration"),
    "a duration as a map": (proxy(cluster="connect_timeout: {seconds: 1}"), "connect_timeout: expected a duration"),
    "an unknown field": (proxy(cluster="conect_timeout: 1s"), "did you mean 'connect_timeout'?"),
    "a field that Envoy has and Baton has not": (
        proxy(manager="tracing: {}"),
        "unsupported field 'tracing' (not implemented: HTTP tracing); remove it or start with "
        "--ignore-unsupported=tracing"),
    "an extension that Envoy has and Baton has not": (
        proxy(filters=f'- name: lua\n  typed_config: {{"@type": {TYPES}filters.http.lua.v3.Lua}}'),
        "unsupported HTTP filter 'envoy.extensions.filters.http.lua.v3.Lua' (not implemented); remove it"),
    "two values of a field": (proxy(cluster="name: other"), "line"),
    "two members of a choice": (
        proxy(routes="- match: {prefix: /, path: /a}\n  route: {cluster: web}"), "'path' excludes 'prefix' of line"),
    "no member of a choice": (proxy(routes="- match: {}\n  route: {cluster: web}"), "match"),
    "a number out of its range": (
        proxy(manager="http2_protocol_options: {initial_stream_window_size: 1000}"), "initial_stream_window_size"),
    "the first API": ("listeners: []", "field 'listeners' is not of the v3 API"),
    "a type of the second API": (
        proxy().replace("extensions.filters.network.http_connection_manager.v3",
                        "config.filter.network.http_connection_manager.v2"),
        "v2 API type 'envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager'; use "
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
    "settings without a type": (
        proxy(filters="- name: envoy.filters.http.buffer\n  typed_config: {max_request_bytes: 1}"), '"@type" is missing'),
    "a cluster that is not there": (
        proxy(routes="- match: {prefix: /}\n  route: {cluster: webb}"), 'found "webb"; did you mean "web"?'),
    "redirects that are followed, as they used to be written": (
        proxy(routes="- match: {prefix: /}\n  route: {cluster: web, internal_redirect_action: HANDLE_INTERNAL_REDIRECT}"),
        "unsupported field 'internal_redirect_action' (not implemented: the older internal redirects); use "
        "internal_redirect_policy"),
    "how many redirects are followed, as it used to be written": (
        proxy(routes="- match: {prefix: /}\n  route: {cluster: web, max_internal_redirects: 3}"),
        "use internal_redirect_policy.max_internal_redirects"),
    "two answers to who the client is": (
        proxy(manager=f"""
            use_remote_address: true
            original_ip_detection_extensions:
            - name: xff
              typed_config: {{"@type": {TYPES}http.original_ip_detection.xff.v3.XffConfig}}"""),
        "use_remote_address: excludes 'original_ip_detection_extensions'; give one of them"),
    "trusted hops beside who says who the client is": (
        proxy(manager=f"""
            xff_num_trusted_hops: 1
            original_ip_detection_extensions:
            - name: xff
              typed_config: {{"@type": {TYPES}http.original_ip_detection.xff.v3.XffConfig}}"""),
        "xff_num_trusted_hops: excludes 'original_ip_detection_extensions'; give one of them"),
    "another way to find the client": (
        proxy(manager=f"""
            original_ip_detection_extensions:
            - name: header
              typed_config: {{"@type": {TYPES}http.original_ip_detection.custom_header.v3.CustomHeaderConfig}}"""),
        "unsupported original IP detection"),
    "an admin path that is no expression": (
        proxy(top='admin: {allow_paths: [{safe_regex: {regex: "("}}]}'), "admin.allow_paths[0].safe_regex.regex"),
    "a TLV without a key": (
        proxy().replace("    filter_chains:", f"""\
    listener_filters:
    - name: proxy
      typed_config:
        "@type": {TYPES}filters.listener.proxy_protocol.v3.ProxyProtocol
        rules: [{{tlv_type: 256, on_tlv_present: {{}}}}]
    filter_chains:"""), "rules[0].on_tlv_present"),
    "an operator in a log that is none": (
        proxy(manager=f"""
            access_log:
            - typed_config:
                "@type": {TYPES}access_loggers.stream.v3.StdoutAccessLog
                log_format: {{text_format_source: {{inline_string: "%NO_SUCH%"}}}}"""),
        "access_log[0].typed_config.log_format.text_format_source.inline_string: '%NO_SUCH%': unknown operator"),
    "an operator in a header that is none": (
        proxy(routes='- match: {prefix: /}\n  route: {cluster: web}\n'
                     '  request_headers_to_add: {header: {key: a, value: "%NO_SUCH%"}}'),
        "request_headers_to_add[0].header.value: '%NO_SUCH%': unknown operator"),
    "an operator in a local reply that is none": (
        proxy(manager='local_reply_config: {body_format: {json_format: {a: {b: "%NO_SUCH%"}}}}'),
        "local_reply_config.body_format.json_format.a.b: '%NO_SUCH%': unknown operator"),
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_accepts(check, what):
    done = check(ACCEPTED[what])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("what", REFUSED)
def test_refuses(check, what):
    text, message = REFUSED[what]
    done = check(text)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if message in line]
    assert lines, done.stderr
    # Every line names its place.
    assert "bootstrap.yaml:" in lines[0]


def test_every_mistake_has_a_line_of_its_own(check):
    done = check("admin: {adress: 1}\nstatic_resources:\n  clusters:\n  - {name: a, type: STATICC}\n  - {lb_policy: NO}\n")
    assert done.returncode == 1
    for place in ("bootstrap.yaml:1:9: admin", "bootstrap.yaml:4:21: static_resources.clusters[0].type",
                  "bootstrap.yaml:5:17: static_resources.clusters[1].lb_policy"):
        assert place in done.stderr


def test_unknown_fields_may_be_allowed(check):
    text = proxy(cluster="no_such_field: 1")
    assert check(text).returncode == 1
    done = check(text, "--allow-unknown-static-fields")
    assert done.returncode == 0
    assert "no_such_field" in done.stdout + done.stderr


def test_joined_protocols_are_split(baton, certificate):
    chain, key = certificate
    config = bootstrap([listener("tls", http_filter([{"match": {"prefix": "/"}, "direct_response": {"status": 204}}]), tls={
        "alpn_protocols": ["h2,http/1.1"],
        "tls_certificates": {"certificate_chain": {"filename": chain}, "private_key": {"filename": key}}})])
    process = baton(config)
    for protocol in ("h2", "http/1.1"):
        done = subprocess.run(["openssl", "s_client", "-alpn", protocol, "-connect", f"127.0.0.1:{process.port('tls')}"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE)
        assert f"ALPN protocol: {protocol}" in done.stdout


BOMBS = {"lists": "[" * 1_000_000, "maps": "{" * 1_000_000, "both after a key": "a: " + "[{" * 500_000,
         "dashes": "- " * 500_000, "indentation": "\n".join(" " * i + "a:" for i in range(1400))}


@pytest.mark.parametrize("kind", BOMBS)
def test_texts_of_nothing_but_nesting_are_refused(check, kind):
    done = check(BOMBS[kind])
    assert done.returncode == 1
    assert "nested deeper than 100 levels" in done.stderr


def test_a_json_file_is_a_bootstrap_too(tmp_path):
    file = tmp_path / "bootstrap.json"
    file.write_text('{"staticResources": {"clusters": [{"name": "a", "connectTimeout": "1s"}]}}')
    assert validate(file).returncode == 0


def test_a_json_file_may_begin_with_a_byte_order_mark(tmp_path):
    file = tmp_path / "bootstrap.json"
    file.write_bytes(b'\xef\xbb\xbf{"node": {"id": "a"}}')
    assert validate(file).returncode == 0


@pytest.mark.parametrize("name, text, place", [
    ("a.yaml", b"node:\n  id: \"a\xff\"\n", "a.yaml:2:9: byte 0xFF is not UTF-8"),
    ("a.json", b'{"node": {"id": "\xc3("}}', "a.json:1:18: byte 0xC3 is not UTF-8"),
    ("a.yaml", "node: {id: a}".encode("utf-16"), "a.yaml:1:1: a NUL byte")])
def test_what_is_not_utf8_is_refused_with_its_place(tmp_path, name, text, place):
    file = tmp_path / name
    file.write_bytes(text)
    done = validate(file)
    assert done.returncode == 1 and place in done.stderr


def test_lines_may_end_in_carriage_returns(tmp_path):
    file = tmp_path / "bootstrap.yaml"
    file.write_bytes(proxy(cluster="lb_polici: RANDOM").replace("\n", "\r\n").encode())
    done = validate(file)
    line = proxy(cluster="lb_polici: RANDOM").split("lb_polici")[0].count("\n") + 1
    assert done.returncode == 1
    assert f"bootstrap.yaml:{line}:5: static_resources.clusters[0]: unknown field 'lb_polici'" in done.stderr


def test_null_in_a_text_that_is_merged_over_a_file_changes_nothing(check):
    assert check(proxy(), "--config-yaml", "static_resources:\nadmin: null").returncode == 0
    done = check(proxy(), "--config-yaml", "static_resources: {clusters: [{name: other, connect_timeout: 3ms}]}")
    assert done.returncode == 1
    # The list goes on, and the mistake is in the text of the option.
    assert "--config-yaml:1:62: static_resources.clusters[1].connect_timeout: expected a duration" in done.stderr


def test_a_log_filter_by_moment_decides(baton, tmp_path):
    logs = {name: tmp_path / name for name in ("end", "tcp", "traced")}
    filters = {"end": {"log_type_filter": {"types": ["DownstreamEnd"]}},
               "tcp": {"log_type_filter": {"types": ["TcpConnectionEnd"]}},
               "traced": {"traceable_filter": {}}}
    web = http_filter([{"match": {"prefix": "/"}, "direct_response": {"status": 204}}], access_log=[
        {"filter": filters[name], "typed_config": {"@type": TYPES + "access_loggers.file.v3.FileAccessLog",
                                                   "path": str(path)}} for name, path in logs.items()])
    process = baton(bootstrap([listener("web", web)]))
    assert request(process.port("web")).status == 204
    process.send_signal(15)
    assert process.wait_ended() == 0
    assert len(logs["end"].read_text().splitlines()) == 1
    assert logs["tcp"].read_text() == ""
    assert logs["traced"].read_text() == ""


@pytest.fixture
def short_folder():
    """For Unix sockets, whose paths are short."""
    with tempfile.TemporaryDirectory(prefix="b", dir="/tmp") as folder:
        yield folder


def test_named_secrets_stand_for_what_they_hold(baton, certificate, upstream, short_folder):
    chain, key = certificate
    server = upstream()
    inner = listener("inner", http_filter(forward_all("plain")), tls={
        "tls_certificate_sds_secret_configs": [{"name": "server"}],
        "combined_validation_context": {"default_validation_context": {"match_typed_subject_alt_names": [
            {"san_type": "DNS", "matcher": {"exact": "localhost"}}]},
            "validation_context_sds_secret_config": {"name": "trust"}}})
    inner["filter_chains"][0]["transport_socket"]["typed_config"]["require_client_certificate"] = True
    path = f"{short_folder}/s"
    inner["address"] = {"pipe": {"path": path}}
    outer = cluster("tls", 1, transport_socket={"name": "tls", "typed_config": {
        "@type": TYPES + "transport_sockets.tls.v3.UpstreamTlsContext", "sni": "localhost",
        "common_tls_context": {"tls_certificate_sds_secret_configs": {"name": "server"},
                               "validation_context_sds_secret_config": {"name": "trust"}}}})
    outer["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] = {"pipe": {"path": path}}
    config = bootstrap([listener("web", http_filter(forward_all("tls"))), inner],
                       [outer, cluster("plain", server.server_address[1])])
    config["static_resources"]["secrets"] = [
        {"name": "server", "tls_certificate": {"certificate_chain": {"filename": chain}, "private_key": {"filename": key}}},
        {"name": "trust", "validation_context": {"trusted_ca": {"filename": chain}}}]
    process = baton(config)
    assert request(process.port("web"), "/through").status == 200
    # Without the certificate that the secret makes necessary there is no connection.
    done = subprocess.run(["openssl", "s_client", "-unix", path, "-ign_eof"], input="GET / HTTP/1.0\r\n\r\n",
                          capture_output=True, text=True, timeout=DEADLINE)
    assert "200 OK" not in done.stdout
    assert "PRIVATE KEY" not in process.admin("/config_dump")


def test_a_validation_leaves_no_file_behind(tmp_path, check, certificate):
    chain, key = certificate
    left = tmp_path / "left"
    left.mkdir()
    done = check(proxy(chain=f"""
        transport_socket:
          name: tls
          typed_config:
            "@type": {TYPES}transport_sockets.tls.v3.DownstreamTlsContext
            common_tls_context:
              tls_certificates: {{certificate_chain: {{filename: {chain}}}, private_key: {{filename: {key}}}}}
              key_log: {{path: {left}/keys}}""", manager=f"""
        access_log:
        - typed_config: {{"@type": {TYPES}access_loggers.file.v3.FileAccessLog, path: {left}/log}}""",
                       top=f"admin: {{access_log_path: {left}/admin, address: {{pipe: {{path: {left}/socket}}}}}}"))
    assert done.returncode == 0, done.stderr
    assert list(left.iterdir()) == []
