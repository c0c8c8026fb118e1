"""The admin interface of the real binary: each endpoint and its parameters, what needs POST, and hostile input."""
import json
import re
import socket

import pytest

from conftest import (DEADLINE, bootstrap, cluster, forward_all, http_filter, listener, raw, request, wait_for)


@pytest.fixture
def admin(baton, upstream, certificate):
    server = upstream()
    chain, key = certificate
    inline = {"tls_certificates": [{"certificate_chain": {"filename": chain},
                                    "private_key": {"inline_string": open(key).read()}}]}
    process = baton(bootstrap(
        [listener("web", http_filter(forward_all("one"))),
         listener("secure", http_filter(forward_all("one")), tls=inline)],
        [cluster("one", server.server_address[1])]))
    process.upstream_port = server.server_address[1]
    assert request(process.port("web")).status == 200
    return process


def call(admin, path, method="GET", body=None):
    """(status, headers, body)"""
    host, port = admin.admin_address
    response = request(port, path, method, body, host=host)
    return response.status, response.headers, response.body.decode()


@pytest.mark.parametrize("path, expected", [
    ("/", "<html"), ("/help", "/stats"), ("/ready", "LIVE"), ("/server_info", '"state"'), ("/clusters", "one::"),
    ("/clusters?format=json", '"cluster_statuses"'), ("/listeners", "web::"),
    ("/listeners?format=json", '"listener_statuses"'), ("/config_dump", '"configs"'),
    ("/certs", '"certificates"'), ("/memory", "allocated"), ("/runtime", "{"),
    ("/hot_restart_version", "\n"), ("/stats", "server.state: 0"), ("/stats?format=json", '"stats"'),
    ("/stats?format=prometheus", "# TYPE envoy_"), ("/stats/prometheus", "# TYPE envoy_")])
def test_what_only_reads_answers_get_and_head(admin, path, expected):
    status, headers, body = call(admin, path)
    assert status == 200 and expected in body
    assert headers["content-type"]
    if "json" in headers["content-type"]:
        json.loads(body)
    status, _, body = call(admin, path, "HEAD")
    assert (status, body) == (200, "")


CHANGES = ["/healthcheck/fail", "/healthcheck/ok", "/drain_listeners", "/quitquitquit", "/reset_counters", "/logging",
           "/runtime_modify", "/reopen_logs"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_what_changes_something_does_nothing_without_post(admin, method):
    before = admin.stat("http.test.downstream_rq_total")
    for path in CHANGES:
        status, headers, _ = call(admin, path, method)
        assert status in (400, 405), path
    assert admin.process.poll() is None and admin.is_live()
    assert admin.stat("http.test.downstream_rq_total") == before
    assert request(admin.port("web")).status == 200


def test_stats_are_filtered_by_a_regex_and_by_use(admin):
    _, _, text = call(admin, "/stats?filter=server.state")
    assert text == "server.state: 0\n"
    _, _, text = call(admin, "/stats?filter=%5Ecluster%5C.one%5C.upstream_rq_200%24")
    assert text == "cluster.one.upstream_rq_200: 1\n"
    _, _, used = call(admin, "/stats?usedonly&filter=cluster.one")
    _, _, every = call(admin, "/stats?filter=cluster.one")
    assert "cluster.one.upstream_rq_200: 1" in used and len(used) < len(every)
    assert call(admin, "/stats?filter=none_such_stat")[2] == ""
    _, _, body = call(admin, "/stats?format=json&filter=upstream_rq_200")
    assert {"name": "cluster.one.upstream_rq_200", "value": 1} in json.loads(body)["stats"]


@pytest.mark.parametrize("path", ["/stats?filter=%5B", "/stats?filter=(", "/stats?format=nonsense"])
def test_a_bad_parameter_is_a_400(admin, path):
    assert call(admin, path)[0] == 400


def test_prometheus_has_labels_types_and_whole_histograms(admin):
    _, headers, body = call(admin, "/stats/prometheus?usedonly")
    assert headers["content-type"].startswith("text/plain")
    assert 'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="one"} 1' in body or \
           'envoy_cluster_upstream_rq{envoy_cluster_name="one",envoy_response_code="200"} 1' in body
    line = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\.)*",?)*\})? -?[0-9.e+Infa-]+')
    names, typed = set(), []
    assert re.search(r'^envoy_cluster_upstream_rq_time_count\{envoy_cluster_name="one"\} 1$', body, re.M)
    for each in body.splitlines():
        if each.startswith("# TYPE "):
            typed.append(each.split()[2])
        elif each and not each.startswith("#"):
            assert line.fullmatch(each), each
            names.add(each.split("{")[0].split(" ")[0])
    assert len(typed) == len(set(typed))
    assert {"envoy_cluster_upstream_rq_time_bucket", "envoy_cluster_upstream_rq_time_sum",
            "envoy_cluster_upstream_rq_time_count"} <= names


def test_counters_start_again_at_zero(admin):
    assert admin.stat("cluster.one.upstream_rq_total") == 1
    assert call(admin, "/reset_counters", "POST")[0] == 200
    assert admin.stat("cluster.one.upstream_rq_total") == 0
    assert admin.stat("server.live") == 1
    assert request(admin.port("web")).status == 200
    assert admin.stat("cluster.one.upstream_rq_total") == 1


def test_a_failed_health_check_shows_and_is_taken_back(admin):
    assert call(admin, "/healthcheck/fail", "POST")[0] == 200
    assert call(admin, "/ready")[0] == 503
    assert request(admin.port("web")).status == 200
    assert call(admin, "/healthcheck/ok", "POST")[0] == 200
    assert call(admin, "/ready")[0] == 200


def test_levels_of_logs_are_set_and_shown(admin):
    _, _, text = call(admin, "/logging?level=debug", "POST")
    assert "http: debug" in text
    _, _, text = call(admin, "/logging?http=error", "POST")
    assert "http: error" in text
    assert call(admin, "/logging?level=loudest", "POST")[0] == 400
    assert call(admin, "/logging?none_such=info", "POST")[0] in (400, 404)
    assert "http: error" in call(admin, "/logging", "POST")[2]


def test_the_configuration_is_dumped_without_secrets(admin):
    _, _, body = call(admin, "/config_dump")
    assert "PRIVATE KEY" not in body
    dump = json.loads(body)["configs"][0]
    assert dump["@type"] == "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump"
    static = dump["bootstrap"]["static_resources"]
    assert [each["name"] for each in static["listeners"]] == ["web", "secure"]
    assert [each["name"] for each in static["clusters"]] == ["one"]


def test_clusters_and_listeners_name_their_addresses(admin):
    found = json.loads(call(admin, "/clusters?format=json")[2])["cluster_statuses"]
    assert [each["name"] for each in found] == ["one"]
    assert found[0]["host_statuses"][0]["address"]["socket_address"]["port_value"] == admin.upstream_port
    assert f"one::127.0.0.1:{admin.upstream_port}::health_flags::healthy" in call(admin, "/clusters")[2]
    assert f"web::127.0.0.1:{admin.port('web')}" in call(admin, "/listeners")[2]


def test_drained_listeners_take_no_more_connections(admin):
    port = admin.port("web")
    assert call(admin, "/drain_listeners", "POST")[0] == 200

    def refused():
        with socket.socket() as probe:
            probe.settimeout(DEADLINE)
            return probe.connect_ex(("127.0.0.1", port)) != 0
    wait_for(refused, "the listener to be closed")
    assert call(admin, "/ready")[0] in (200, 503)


def test_only_allowed_paths_are_answered(baton):
    admin = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
             "allow_paths": [{"exact": "/ready"}, {"exact": "/listeners"}, {"prefix": "/STATS", "ignore_case": True},
                             {"safe_regex": {"regex": "/config_d.*"}}]}
    process = baton({**bootstrap([]), "admin": admin})
    for path in ("/ready", "/ready?x", "/listeners?format=json", "/stats", "/stats/prometheus?usedonly", "/config_dump"):
        assert call(process, path)[0] == 200, path
    for path in ("/", "/readyz", "/ready/", "/server_info", "/clusters", "/runtime", "/help", "/?/ready", "/no/such"):
        assert call(process, path)[0] == 403, path
    status, _, body = call(process, "/quitquitquit", "POST")
    assert (status, body) == (403, "request to path /quitquitquit not allowed\n")
    assert call(process, "/ready")[0] == 200 and process.process.poll() is None


def test_it_ends_when_told(admin):
    assert call(admin, "/quitquitquit", "POST")[0] == 200
    assert admin.wait_ended() == 0


@pytest.mark.parametrize("path", ["/none", "//", "/../etc/passwd", "/stats/", "/STATS", "/%2e%2e", "/clusters/one"])
def test_what_does_not_exist_is_a_404(admin, path):
    assert call(admin, path)[0] == 404


def test_markup_in_a_path_is_not_markup_in_the_answer(admin):
    _, headers, body = call(admin, "/%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>" not in body or not headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("data", [
    b"\0" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
    b"POST /logging HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n",
    b"POST /logging HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], ids=range(8))
def test_hostile_input_costs_only_its_connection(admin, data):
    try:
        answer = raw(admin.admin_address[1], data, shutdown=True)
        assert not answer.startswith(b"HTTP/1.1 200")
    except ConnectionError:
        pass
    assert admin.is_live() and request(admin.port("web")).status == 200


def test_many_idle_connections_do_not_keep_others_out_for_ever(admin):
    idle = [socket.create_connection(admin.admin_address, timeout=DEADLINE) for _ in range(30)]
    assert call(admin, "/ready")[0] == 200
    for each in idle:
        each.close()
