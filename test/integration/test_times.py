"""Settings that say when something happens, judged by what clients and servers see: never by how soon it is."""
import re
import struct
import time

import pytest

from conftest import bootstrap, cluster, forward_all, http_filter, listener, request, wait_for
from http2_client import ACK, GOAWAY, PING, Client, frame, get
from scripted_server import scripted  # noqa: F401

PAGE = [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "here"}}}]


# --- histograms ---

def durations(process):
    """What /stats says of the durations of requests: (the last interval's longest, the longest of all); nan is none."""
    line = next(line for line in process.admin("/stats").splitlines() if line.startswith("http.test.downstream_rq_time:"))
    return re.search(r"P100\(([^,]*),([^)]*)\)", line).groups()


def counting(baton, **fields):
    process = baton({**bootstrap([listener("web", http_filter(PAGE))]), **fields})
    assert request(process.port("web")).status == 200
    return process


def test_an_interval_of_histograms_ends_as_often_as_configured(baton):
    process = counting(baton, stats_flush_interval="0.1s")
    wait_for(lambda: request(process.port("web")) and durations(process)[0] != "nan", "an interval with requests")
    wait_for(lambda: durations(process)[0] == "nan", "an interval without any")
    assert durations(process)[1] != "nan"


def test_an_interval_of_histograms_does_not_end_before_its_time(baton):
    process = counting(baton, stats_flush_interval="300s")
    for _ in range(3):
        interval, whole = durations(process)
        assert interval == "nan" and whole != "nan"


def test_an_interval_of_histograms_ends_when_they_are_asked_for(baton):
    process = counting(baton, stats_flush_on_admin=True)
    interval, whole = durations(process)
    assert interval == whole != "nan"
    assert durations(process) == ("nan", whole)


# --- the end of an HTTP/2 connection ---

def last_stream(found):
    return struct.unpack(">I", found[3][:4])[0]


def warned(baton, drain_timeout):
    """A connection that has been told that it will end, and when the request that led to it was sent."""
    process = baton(bootstrap([listener("web", http_filter(
        PAGE, drain_timeout=drain_timeout, common_http_protocol_options={"max_requests_per_connection": 1}))]))
    client = Client(process.port("web"), False)
    before = time.monotonic()
    client.send(get(1))
    assert last_stream(client.until(GOAWAY)) == 2 ** 31 - 1
    return client, before


def test_the_last_goaway_comes_a_drain_timeout_after_the_first(baton):
    client, before = warned(baton, "2s")
    client.send(get(3))
    assert last_stream(client.until(GOAWAY)) == 3  # what came between them counts
    assert time.monotonic() - before >= 2
    while client.next():
        pass


def test_until_the_drain_timeout_is_over_requests_are_served(baton):
    client, _ = warned(baton, "300s")
    for stream in range(3, 43, 2):
        client.send(get(stream))
        client.answered(stream)
    client.send(frame(PING, 0, 0, b"--------"))
    client.until(PING, lambda flags, *_: flags & ACK)


def test_a_client_that_answers_no_ping_is_given_up(baton):
    keepalive = {"interval": "0.2s", "timeout": "0.2s", "interval_jitter": {"value": 0}}
    process = baton(bootstrap([listener("web", http_filter(
        PAGE, http2_protocol_options={"connection_keepalive": keepalive}))]))
    silent, lively = Client(process.port("web"), False), Client(process.port("web"), False)
    before = time.monotonic()
    for _ in range(5):
        lively.send(frame(PING, ACK, 0, lively.until(PING, lambda flags, *_: not flags & ACK)[3]))
    assert time.monotonic() - before >= 0.8  # from the end of the first interval to the beginning of the fifth
    while silent.next():
        pass
    assert process.stat("http2.keepalive_timeout") == 1
    lively.send(get(1))
    lively.answered(1)


# --- health checks ---

def checked(port, name="web", **times):
    check = {"timeout": "5s", "interval": "0.05s", "unhealthy_threshold": 1, "healthy_threshold": 1,
             "http_health_check": {"path": f"/{name}"}, **times}
    return cluster(name, port, health_checks=[check])


def test_a_cluster_without_traffic_is_checked_rarely(baton, scripted):
    server = scripted()
    clusters = [checked(server.port, "quiet", no_traffic_interval="300s"),
                checked(server.port, "also-quiet", no_traffic_interval="0.05s", no_traffic_healthy_interval="300s"),
                checked(server.port, "busy", no_traffic_interval="0.05s")]
    process = baton(bootstrap([listener("web", http_filter(forward_all("busy")))], clusters))
    assert request(process.port("web"), "/page").status == 200
    wait_for(lambda: server.tries("/busy") > 20, "checks of the busy cluster")
    assert server.tries("/quiet") == 1
    # One to become healthy, after which it may rest.
    assert server.tries("/also-quiet") == 1


@pytest.mark.parametrize("times, least", [({"interval": "0.02s", "interval_jitter": "0.2s"}, 1.0),
                                          ({"interval": "0.1s", "interval_jitter_percent": 100}, 2.3)])
def test_checks_are_spread_by_their_jitter(baton, scripted, times, least):
    server = scripted()
    before = time.monotonic()
    # 20 gaps; without jitter 0.4 and 2 seconds, with it 2.4 and 3 on average, and below these bounds never.
    baton(bootstrap([], [checked(server.port, no_traffic_interval=times["interval"], **times)]))
    wait_for(lambda: server.tries("/web") > 20, "checks")
    assert time.monotonic() - before >= least

