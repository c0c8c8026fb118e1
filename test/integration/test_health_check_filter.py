"""The health check filter: what a load balancer in front of Baton is told."""
import pytest
from conftest import bootstrap, cluster, forward_all, free_port, http_filter, listener, request, wait_for
from scripted_server import response, scripted  # noqa: F401


def health(**fields):
    return {"name": "envoy.filters.http.health_check", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck",
        "headers": [{"name": ":path", "string_match": {"exact": "/health"}}], **fields}}


def web(name, **fields):
    return listener(name, http_filter(forward_all("web"), [health(**fields)]))


def test_the_upstream_is_asked_or_its_last_answer_is_given(baton, scripted):
    server = scripted()
    server.script["/health"] = [response(200, b"fine"), response(500), response(200)]
    process = baton(bootstrap([web("passes", pass_through_mode=True),
                               web("keeps", pass_through_mode=True, cache_time="600s")],
                              [cluster("web", server.port)]), "--service-cluster", "edge")
    first = request(process.port("keeps"), "/health")
    assert (first.status, first.body) == (200, b"fine")
    assert first.headers["x-envoy-upstream-healthchecked-cluster"] == "edge"
    for _ in range(3):
        kept = request(process.port("keeps"), "/health")
        assert (kept.status, kept.body) == (200, b"")
        assert kept.headers["x-envoy-upstream-healthchecked-cluster"] == "edge"
    assert server.tries("/health") == 1
    assert [request(process.port("passes"), "/health").status for _ in range(2)] == [500, 200]
    assert server.tries("/health") == 3
    # Other requests are none of its business.
    other = request(process.port("keeps"), "/other")
    assert "x-envoy-upstream-healthchecked-cluster" not in other.headers
    assert server.tries("/other") == 1


def test_a_bad_answer_is_kept_too(baton, scripted):
    server = scripted()
    server.script["/health"] = [response(503)]
    process = baton(bootstrap([web("keeps", pass_through_mode=True, cache_time="600s")],
                              [cluster("web", server.port)]))
    assert [request(process.port("keeps"), "/health").status for _ in range(3)] == [503] * 3
    assert server.tries("/health") == 1


def test_an_answer_that_is_kept_stays_degraded(baton, scripted):
    server = scripted()
    server.script["/health"] = [response(204, x_envoy_degraded="")]
    process = baton(bootstrap([web("keeps", pass_through_mode=True, cache_time="600s")],
                              [cluster("web", server.port)]))
    answers = [request(process.port("keeps"), "/health") for _ in range(3)]
    assert [(answer.status, "x-envoy-degraded" in answer.headers) for answer in answers] == [(204, True)] * 3
    assert server.tries("/health") == 1


@pytest.mark.parametrize("percentage,status", [(0, 200), (50, 200), (51, 503), (100, 503)])
def test_enough_endpoints_must_be_healthy(baton, scripted, percentage, status):
    server = scripted()
    checks = [{"timeout": "1s", "interval": "600s", "unhealthy_threshold": 1, "healthy_threshold": 1,
               "tcp_health_check": {}}]
    half = cluster("web", server.port, free_port(), health_checks=checks)
    process = baton(bootstrap([web("web", pass_through_mode=False,
                                   cluster_min_healthy_percentages={"web": {"value": percentage}})], [half]))
    wait_for(lambda: process.stat("cluster.web.membership_healthy") == 1, "one healthy endpoint")
    assert request(process.port("web"), "/health").status == status
    assert server.tries("/health") == 0


def test_a_server_that_is_told_to_fail_says_so_in_every_answer(baton, scripted):
    server = scripted()
    process = baton(bootstrap([web("passes", pass_through_mode=True), web("answers", pass_through_mode=False)],
                              [cluster("web", server.port)]))
    assert "x-envoy-immediate-health-check-fail" not in request(process.port("answers"), "/other").headers
    process.admin("/healthcheck/fail", "POST")
    for name in ("passes", "answers"):
        assert request(process.port(name), "/health").status == 503
        other = request(process.port(name), "/other")
        assert (other.status, other.headers["x-envoy-immediate-health-check-fail"]) == (200, "true")
    assert server.tries("/health") == 0
    process.admin("/healthcheck/ok", "POST")
    assert request(process.port("answers"), "/health").status == 200
    assert "x-envoy-immediate-health-check-fail" not in request(process.port("answers"), "/other").headers
